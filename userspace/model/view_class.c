/* SPDX-License-Identifier: GPL-2.0-or-later */
#define HASH_NONFATAL_OOM 1 /* a failed HASH_ADD leaves hh.tbl NULL */
#include "model/view_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void notify(struct view *view, enum view_change change, struct view_class *cls)
{
	view_notify(view, &(struct view_event){.change = change, .cls = cls});
}

void view_fini_classes(struct view *view)
{
	struct view_class *cls, *next;

	HASH_ITER(hh, view->classes, cls, next) {
		HASH_DEL(view->classes, cls);
		free(cls);
	}
}

struct view_class *view_class(const struct view *view, const char *name)
{
	struct view_class *cls;

	HASH_FIND_STR(view->classes, name, cls);
	return cls;
}

static int add(struct view *view, const char *name, struct view_class **out)
{
	struct view_class *cls;

	if (!name_valid(name))
		return -EINVAL;
	if (HASH_COUNT(view->classes) >= view->limits.classes)
		return -ENOSPC;
	cls = calloc(1, sizeof(*cls));
	if (!cls)
		return -ENOMEM;
	strcpy(cls->def.name, name);
	HASH_ADD_STR(view->classes, def.name, cls);
	if (!cls->hh.tbl) {
		free(cls);
		return -ENOMEM;
	}
	*out = cls;
	return 0;
}

int view_class_put(struct view *view, const struct plan_class *def, int64_t revision)
{
	struct view_class *cls = view_class(view, def->name);
	bool created = !cls;
	int r = created ? add(view, def->name, &cls) : 0;

	if (r)
		return r;
	cls->revision = revision;
	if (!created && memcmp(&cls->def, def, sizeof(*def)) == 0)
		return 0;
	memcpy(&cls->def, def, sizeof(*def));
	notify(view, VIEW_CLASS, cls);
	return 0;
}

void view_class_del(struct view *view, const char *name)
{
	struct view_class *cls = view_class(view, name);

	if (!cls)
		return;
	HASH_DEL(view->classes, cls);
	notify(view, VIEW_CLASS_GONE, cls);
	free(cls);
}
