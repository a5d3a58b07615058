/* SPDX-License-Identifier: GPL-2.0-or-later */
#define HASH_NONFATAL_OOM 1 /* a failed HASH_ADD leaves hh.tbl NULL */
#include "model/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/view_int.h"

void view_notify(struct view *view, const struct view_event *event)
{
	if (view->observe)
		view->observe(view->arg, event);
	if (view->second)
		view->second(view->second_arg, event);
	if (view->changed)
		view->changed(view->changed_arg);
}

static void notify_service(struct view *view, enum view_change change, struct view_service *svc)
{
	view_notify(view, &(struct view_event){.change = change, .service = svc});
}

void view_init(struct view *view)
{
	memset(view, 0, sizeof(*view));
	view->limits = (struct view_limits){VIEW_MAX_SERVICES, VIEW_MAX_INSTANCES,
					    VIEW_MAX_GATEWAYS, VIEW_MAX_PATHS, VIEW_MAX_CLASSES};
}

static void free_service(struct view_service *svc)
{
	free(svc->def);
	free(svc);
}

void view_fini(struct view *view)
{
	struct view_service *svc, *next_svc;

	HASH_ITER(hh, view->services, svc, next_svc) {
		view_instances_fini(view, svc);
		HASH_DEL(view->services, svc);
		free_service(svc);
	}
	view_fini_net(view);
	view_fini_classes(view);
	view_init(view);
}

struct view_service *view_service(const struct view *view, uint64_t id)
{
	struct view_service *svc = view->recent;

	if (svc && svc->id == id)
		return svc;
	HASH_FIND(hh, view->services, &id, sizeof(id), svc);
	((struct view *)view)->recent = svc; /* changes no answer */
	return svc;
}

int view_service_need(struct view *view, uint64_t id, struct view_service **out)
{
	struct view_service *svc = view_service(view, id);

	*out = svc;
	if (svc)
		return 0;
	if (HASH_COUNT(view->services) >= view->limits.services)
		return -ENOSPC;
	svc = calloc(1, sizeof(*svc));
	if (!svc)
		return -ENOMEM;
	svc->id = id;
	HASH_ADD(hh, view->services, id, sizeof(svc->id), svc);
	if (!svc->hh.tbl) {
		free(svc);
		return -ENOMEM;
	}
	*out = svc;
	return 0;
}

/* A service object goes when nothing is known of it any more. */
void view_service_release(struct view *view, struct view_service *svc)
{
	if (svc->registered || svc->instances)
		return;
	HASH_DEL(view->services, svc);
	if (view->recent == svc)
		view->recent = NULL;
	free_service(svc);
}

int view_service_put(struct view *view, const struct service *def, int64_t revision)
{
	struct view_service *svc;
	struct service *copy;
	int r = view_service_need(view, def->id, &svc);

	if (r)
		return r;
	if (svc->registered && service_equal(svc->def, def)) {
		svc->revision = revision;
		return 0;
	}
	r = service_copy(def, &copy);
	if (r) {
		view_service_release(view, svc);
		return r;
	}
	free(svc->def);
	svc->def = copy;
	svc->revision = revision;
	svc->registered = true;
	notify_service(view, VIEW_SERVICE, svc);
	return 0;
}

void view_service_del(struct view *view, uint64_t id)
{
	struct view_service *svc = view_service(view, id);

	if (!svc || !svc->registered)
		return;
	svc->registered = false;
	notify_service(view, VIEW_SERVICE_GONE, svc);
	view_service_release(view, svc);
}
