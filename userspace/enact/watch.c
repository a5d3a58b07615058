/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events of the view, and counters of flows, become marks: first on what they are about, and when a
 * round begins on the items that depend on it. Nothing is evaluated here. */
#include "enact/enact_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define KEY_LEN (4 * NAME_LEN)

void enact_mark(struct enact *enact, struct enact_item *item)
{
	if (item->dirty)
		return;
	item->dirty = true;
	DL_APPEND(enact->dirty, item);
}

void enact_mark_all(struct enact *enact)
{
	for (unsigned int i = 0; i < enact->n_items; i++)
		enact_mark(enact, &enact->items[i]);
}

static void touch(struct enact *enact, enum enact_touch how, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void touch(struct enact *enact, enum enact_touch how, const char *format, ...)
{
	char key[KEY_LEN];
	struct enact_dep *dep;
	va_list args;

	/* There are many events, and few of them concern anybody. */
	if (how == TOUCH_REFRESH && !enact->n_unknown)
		return;
	if (!enact->kinds[(unsigned char)format[0] % sizeof(enact->kinds)])
		return;
	va_start(args, format);
	vsnprintf(key, sizeof(key), format, args);
	va_end(args);
	dep = enact_dep(enact, key);
	if (!dep)
		return;
	if (!dep->touched)
		LL_PREPEND(enact->touched, dep);
	if (dep->touched < how)
		dep->touched = how;
	if (how == TOUCH_SHAPE)
		enact->recompile = enact->warm_due = true;
}

void enact_expand(struct enact *enact)
{
	struct enact_dep *dep;

	while ((dep = enact->touched)) {
		LL_DELETE(enact->touched, dep);
		for (unsigned int i = 0; i < dep->n; i++)
			if (dep->touched != TOUCH_REFRESH || dep->v[i]->truth == NEMO_UNKNOWN)
				enact_mark(enact, dep->v[i]);
		dep->touched = TOUCH_NOT;
	}
}

/* ---- paths ---- */

bool enact_path_lost(const struct view_path *path)
{
	const struct sample *loss = samples_get(&path->samples, ATTR_LOSS_PPM);

	return loss && loss->milli >= attr_max_milli(ATTR_LOSS_PPM);
}

static void touch_lost(struct enact *enact, const struct view_path *path)
{
	touch(enact, TOUCH_SHAPE, "L%s", path->key);
	if (strcmp(path->def.ingress, enact->host) != 0)
		return;
	touch(enact, TOUCH_SHAPE, "Q%s", path->def.gateway);
	touch(enact, TOUCH_SHAPE, "Q*");
}

static void lost_drop(struct enact *enact, struct enact_lost *lost)
{
	HASH_DEL(enact->lost, lost);
	free(lost);
}

/* Loss is told often, and seldom is it everything. */
static void follow_loss(struct enact *enact, const struct view_path *path)
{
	struct enact_lost *lost;

	HASH_FIND_STR(enact->lost, path->key, lost);
	if (enact_path_lost(path) == (lost != NULL))
		return;
	touch_lost(enact, path);
	if (lost) {
		lost_drop(enact, lost);
		return;
	}
	lost = calloc(1, sizeof(*lost));
	if (!lost)
		return; /* it is told once more than needed */
	strcpy(lost->key, path->key);
	HASH_ADD_STR(enact->lost, key, lost);
}

static void on_path(struct enact *enact, const struct view_path *path, bool gone)
{
	struct enact_lost *lost;

	touch(enact, TOUCH_SHAPE, "P%s", path->key);
	if (strcmp(path->def.ingress, enact->host) == 0) {
		touch(enact, TOUCH_SHAPE, "Q%s", path->def.gateway);
		touch(enact, TOUCH_SHAPE, "Q*");
	}
	HASH_FIND_STR(enact->lost, path->key, lost);
	if (gone && lost)
		lost_drop(enact, lost);
}

static void on_path_attr(struct enact *enact, const struct view_event *event)
{
	enum enact_touch how = event->value_changed ? TOUCH_VALUE : TOUCH_REFRESH;

	if (event->attr == ATTR_LOSS_PPM)
		follow_loss(enact, event->path);
	else if (event->attr == ATTR_DELAY_US || event->attr == ATTR_BANDWIDTH_KBPS ||
		 event->attr == ATTR_BANDWIDTH_FREE_KBPS)
		touch(enact, how, "p%s", event->path->key);
}

/* ---- instances ---- */

static void on_instance(struct enact *enact, const struct view_event *event)
{
	touch(enact, TOUCH_VALUE, "S%" PRIx64, event->service->id);
	touch(enact, TOUCH_VALUE, "I");
}

static void on_instance_attr(struct enact *enact, const struct view_event *event)
{
	enum enact_touch how = event->value_changed ? TOUCH_VALUE : TOUCH_REFRESH;

	if (event->attr != ATTR_CPU_LOAD && event->attr != ATTR_MEM_LOAD)
		return;
	touch(enact, how, "s%" PRIx64, event->service->id);
	touch(enact, how, "g%s", event->instance->gateway);
}

/* ---- all ---- */

static void observe(void *arg, const struct view_event *event)
{
	struct enact *enact = arg;

	switch (event->change) {
	case VIEW_SERVICE:
	case VIEW_SERVICE_GONE:
		touch(enact, TOUCH_SHAPE, "S%" PRIx64, event->service->id);
		break;
	case VIEW_INSTANCE:
	case VIEW_INSTANCE_GONE:
		on_instance(enact, event);
		break;
	case VIEW_INSTANCE_ATTR:
		on_instance_attr(enact, event);
		break;
	case VIEW_GATEWAY:
	case VIEW_GATEWAY_GONE:
		touch(enact, TOUCH_SHAPE, "G%s", event->gateway->def.name);
		touch(enact, TOUCH_SHAPE, "G*");
		break;
	case VIEW_PATH:
	case VIEW_PATH_GONE:
		on_path(enact, event->path, event->change == VIEW_PATH_GONE);
		break;
	case VIEW_PATH_ATTR:
		on_path_attr(enact, event);
		break;
	case VIEW_CLASS:
	case VIEW_CLASS_GONE:
		break;
	}
	if (enact->touched || enact->dirty || enact->recompile)
		enact_schedule(enact);
}

void enact_on_stats(void *arg, const char *tenant, const char *object)
{
	struct enact *enact = arg;

	touch(enact, TOUCH_VALUE, "f%s/%s", tenant, object);
	if (enact->touched || enact->dirty)
		enact_schedule(enact);
}

void enact_watch_open(struct enact *enact)
{
	struct view_path *path;

	for (path = enact->conf.view->paths; path; path = path->hh.next)
		follow_loss(enact, path);
	enact->conf.view->second = observe;
	enact->conf.view->second_arg = enact;
}

void enact_watch_close(struct enact *enact)
{
	struct enact_lost *lost, *next;

	enact->conf.view->second = NULL;
	enact->conf.view->second_arg = NULL;
	HASH_ITER(hh, enact->lost, lost, next)
		lost_drop(enact, lost);
}
