/* SPDX-License-Identifier: GPL-2.0-or-later */
/* View events become marks: on candidates where a value changed, on services where their set of
 * candidates did. Nothing is evaluated here. */
#include "orc/orc_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "util/log.h"

static bool matters(const struct orc_service *svc, uint16_t attr)
{
	return svc->uses[attr / 64] >> (attr % 64) & 1;
}

/* ---- services ---- */

static void service_free(struct orc *orc, struct orc_service *svc)
{
	if (svc->said)
		orc_say_all(orc);
	if (svc->local)
		service_free(orc, svc->local);
	orc_drop_candidates(orc, svc);
	orc_unqueue(orc, svc);
	orc_heap_drop(&orc->due, &svc->due);
	orc_rate_drop(orc, svc);
	free(svc->told);
	free(svc->calm);
	orc_history_fini(svc);
	free(svc->scores);
	free(svc->weights);
	free(svc);
}

static struct orc_service *service_new(struct view_service *view, uint8_t scope)
{
	struct orc_service *svc = calloc(1, sizeof(*svc));

	if (!svc) {
		log_err("service not orchestrated", "why=\"no memory\"");
		return NULL;
	}
	svc->view = view;
	svc->scope = scope;
	svc->rebuild = true;
	svc->due.svc = svc->send.svc = svc;
	return svc;
}

static void defined_anew(struct orc *orc, struct orc_service *svc)
{
	if (svc->steering != svc->view->def->steering)
		orc_drop_candidates(orc, svc);
	svc->replan = true;
	orc_uses(svc);
	orc_mark_all(svc);
	orc_queue(orc, svc);
}

static void drop_local(struct orc *orc, struct orc_service *svc)
{
	if (!svc->local)
		return;
	orc_publish_gone(orc, svc->local);
	orc_emit_gone(orc, svc->local);
	orc_unrefuse(orc, svc->local);
	service_free(orc, svc->local);
	svc->local = NULL;
}

static void on_service(struct orc *orc, struct view_service *view)
{
	struct orc_service *svc = view->user;

	if (!svc) {
		view->user = svc = service_new(view, SAN_SCOPE_INGRESS);
		if (!svc)
			return;
		orc->stats.services++;
	}
	defined_anew(orc, svc);
	if (!orc->gateway[0] || view->def->steering != STEERING_GATEWAY) {
		drop_local(orc, svc);
		return;
	}
	if (!svc->local)
		svc->local = service_new(view, SAN_SCOPE_LOCAL);
	if (svc->local)
		defined_anew(orc, svc->local);
}

static void on_service_gone(struct orc *orc, struct view_service *view)
{
	struct orc_service *svc = view->user;

	if (!svc)
		return;
	drop_local(orc, svc);
	orc_emit_gone(orc, svc);
	orc_unrefuse(orc, svc);
	service_free(orc, svc);
	view->user = NULL;
	orc->stats.services--;
}

/* Its set of candidates changed, in one scope. */
static void touch_structure(struct orc *orc, struct orc_service *svc)
{
	if (!svc)
		return;
	orc_drop_candidates(orc, svc);
	svc->replan = true;
	orc_queue(orc, svc);
}

/* Its set of instances changed. */
static void touch_service(struct orc *orc, struct orc_service *svc)
{
	touch_structure(orc, svc);
	if (svc)
		touch_structure(orc, svc->local);
}

/* ---- instances ---- */

/* "" = not registered: gateway or address is not known. */
static const char *home(const struct view_instance *view)
{
	if (view->aggregate)
		return view->gateway;
	return IN6_IS_ADDR_UNSPECIFIED(&view->address) ? "" : view->gateway;
}

static void instance_fini(struct orc_instance *inst)
{
	free(inst->more);
	memset(inst, 0, sizeof(*inst));
}

/* It is another member, if any, wherever it goes. */
static void forget_weights(struct orc_instance *inst)
{
	inst->seat.n = 0;
	if (inst->more)
		inst->more->local.n = 0;
}

/* There may be a million behind gateways that we have no room for: said once. */
static void join(struct orc *orc, struct orc_instance *inst, const char *gateway)
{
	int r = orc_gateway_join(orc, inst, gateway);

	if (r == -ENOMEM)
		log_err("instance not orchestrated", "instance=%s why=\"no memory\"",
			orc_view(inst)->name);
	if (r == -ENOSPC && !orc->sites_full)
		log_err("too many gateways, instances behind others are left out",
			"gateway=%s at_most=%d", gateway, ORC_MAX_SITES);
	orc->sites_full |= r == -ENOSPC;
}

/* One that there is no room for comes here with every event: then nothing changes. */
static void move_instance(struct orc *orc, struct orc_instance *inst, const char *gateway)
{
	bool was_anywhere = inst->gateway;

	orc_gateway_leave(orc, inst);
	forget_weights(inst);
	if (gateway[0])
		join(orc, inst, gateway);
	if (was_anywhere || inst->gateway)
		touch_service(orc, orc_service_of(inst));
}

/* SID, address or state changed. */
static void touch_instance(struct orc *orc, struct orc_service *svc, struct orc_instance *inst)
{
	if (!svc)
		return;
	if (!orc_view(inst)->aggregate) /* that leads where it did */
		svc->replan = true;
	orc_mark_instance(svc, inst);
	orc_queue(orc, svc);
	touch_instance(orc, svc->local, inst);
}

static void on_instance(struct orc *orc, struct view_instance *view)
{
	struct orc_instance *inst = (struct orc_instance *)view->user;
	struct orc_service *svc = view->service->user;

	inst->seat.is = 1;
	if (strcmp(inst->gateway ? orc_gateway_of(orc, inst)->name : "", home(view)) != 0) {
		move_instance(orc, inst, home(view));
	} else if (inst->gateway) {
		touch_instance(orc, svc, inst);
	}
	orc_sid_update(orc, inst);
}

static void on_instance_gone(struct orc *orc, struct view_instance *view)
{
	struct orc_instance *inst = orc_of(view);

	if (!inst)
		return;
	if (inst->gateway)
		touch_service(orc, orc_service_of(inst));
	orc_gateway_leave(orc, inst);
	orc_sid_release(orc, inst);
	instance_fini(inst);
}

static void mark_attr(struct orc *orc, struct orc_service *svc, const struct view_event *event)
{
	struct orc_instance *inst = orc_of(event->instance);

	if (!svc || svc->rebuild || !matters(svc, event->attr))
		return;
	if (event->value_changed)
		orc_mark_instance(svc, inst);
	else
		orc_mark_refreshed(svc, inst, -1);
	if (svc->n_dirty)
		orc_queue(orc, svc);
}

static void on_instance_attr(struct orc *orc, const struct view_event *event)
{
	struct orc_instance *inst = orc_of(event->instance);
	struct orc_service *svc = event->service->user;

	if (!svc || !inst || !inst->gateway)
		return;
	mark_attr(orc, svc, event);
	mark_attr(orc, svc->local, event);
}

/* ---- paths ---- */

static bool ours(const struct orc *orc, const struct view_path *path)
{
	return orc->ingress[0] && strcmp(path->def.ingress, orc->ingress) == 0;
}

static void touch_gateway(struct orc *orc, const char *name)
{
	struct orc_gateway *gw = orc_gateway_find(orc, name);
	struct orc_instance *inst;

	if (!gw)
		return;
	DL_FOREACH(gw->instances, inst)
	touch_structure(orc, orc_service_of(inst));
}

/* Segments, encapsulation or preference changed: the candidates over it, of whatever service. */
static void touch_path(struct orc *orc, struct orc_gateway *gw, unsigned int place)
{
	struct orc_instance *inst;

	DL_FOREACH(gw->instances, inst)
	{
		struct orc_service *svc = orc_service_of(inst);

		if (!svc || svc->rebuild || place >= inst->seat.n)
			continue;
		svc->replan = true;
		orc_mark(svc, inst->seat.first + place);
		orc_queue(orc, svc);
	}
}

static void on_path(struct orc *orc, struct view_path *path)
{
	struct orc_gateway *gw = orc_gateway_find(orc, path->def.gateway);
	int place = gw ? orc_gateway_path(gw, path) : -1;

	if (!ours(orc, path) || !path->defined)
		return;
	if (place >= 0) {
		touch_path(orc, gw, place);
		return;
	}
	if (orc_gateway_add_path(orc, path)) {
		log_err("path not orchestrated", "path=%s why=\"no memory\"", path->key);
		return;
	}
	touch_gateway(orc, path->def.gateway);
}

/* The last path of the gateway has come to the place of the one that is gone: weights in force go
 * the same way, until the candidates are collected anew. */
static void forget_path(const struct orc_gateway *gw, unsigned int place)
{
	unsigned int last = gw->n_paths; /* one less now */
	struct orc_instance *inst;

	DL_FOREACH(gw->instances, inst)
	{
		struct orc_service *svc = orc_service_of(inst);
		uint32_t *weights = svc && svc->weights ? svc->weights + inst->seat.first : NULL;

		if (!weights || place >= inst->seat.n)
			continue;
		weights[place] = last < inst->seat.n ? weights[last] : 0;
		if (last < inst->seat.n)
			weights[last] = 0;
	}
}

static void on_path_gone(struct orc *orc, struct view_path *path)
{
	struct orc_gateway *gw = orc_gateway_find(orc, path->def.gateway);
	int place = gw ? orc_gateway_path(gw, path) : -1;

	if (place < 0)
		return;
	orc_gateway_drop_path(orc, path);
	gw = orc_gateway_find(orc, path->def.gateway); /* may have gone with it */
	if (!gw)
		return;
	forget_path(gw, (unsigned int)place);
	touch_gateway(orc, path->def.gateway);
}

static void on_path_attr(struct orc *orc, const struct view_event *event)
{
	struct orc_gateway *gw = orc_gateway_find(orc, event->path->def.gateway);
	int place = gw ? orc_gateway_path(gw, event->path) : -1;
	struct orc_instance *inst;

	if (place < 0)
		return;
	DL_FOREACH(gw->instances, inst)
	{
		struct orc_service *svc = orc_service_of(inst);

		if (!svc || svc->rebuild || (unsigned int)place >= inst->seat.n ||
		    !matters(svc, event->attr))
			continue;
		if (event->value_changed)
			orc_mark(svc, inst->seat.first + place);
		else
			orc_mark_refreshed(svc, inst, place);
		if (svc->n_dirty)
			orc_queue(orc, svc);
	}
}

/* ---- gateways ---- */

/* Its SAN SID matters to services that are steered by gateway. */
static void on_gateway(struct orc *orc, const char *name)
{
	struct orc_gateway *gw = orc_gateway_find(orc, name);
	struct orc_instance *inst;

	if (!gw)
		return;
	DL_FOREACH(gw->instances, inst)
	{
		struct orc_service *svc = orc_service_of(inst);

		if (svc && svc->view->def->steering == STEERING_GATEWAY)
			touch_structure(orc, svc);
	}
}

/* ---- all ---- */

void orc_observe(void *arg, const struct view_event *event)
{
	struct orc *orc = arg;

	orc->stats.events++;
	switch (event->change) {
	case VIEW_SERVICE:
		on_service(orc, event->service);
		break;
	case VIEW_SERVICE_GONE:
		on_service_gone(orc, event->service);
		break;
	case VIEW_INSTANCE:
		on_instance(orc, event->instance);
		break;
	case VIEW_INSTANCE_GONE:
		on_instance_gone(orc, event->instance);
		break;
	case VIEW_INSTANCE_ATTR:
		on_instance_attr(orc, event);
		break;
	case VIEW_PATH:
		on_path(orc, event->path);
		break;
	case VIEW_PATH_GONE:
		on_path_gone(orc, event->path);
		break;
	case VIEW_PATH_ATTR:
		on_path_attr(orc, event);
		break;
	case VIEW_GATEWAY:
	case VIEW_GATEWAY_GONE:
		on_gateway(orc, event->gateway->def.name);
		break;
	case VIEW_CLASS:
	case VIEW_CLASS_GONE:
		orc_classes_touch(orc);
		break;
	}
}

void orc_attach(struct orc *orc)
{
	struct view_path *path, *next_path;
	struct view_service *svc, *next_svc;
	struct view_instance *inst;

	HASH_ITER(hh, orc->view->paths, path, next_path)
		on_path(orc, path);
	HASH_ITER(hh, orc->view->services, svc, next_svc) {
		if (svc->registered)
			on_service(orc, svc);
		view_each_instance(svc, inst)
			on_instance(orc, inst);
	}
	orc_classes_touch(orc);
	orc->view->observe = orc_observe;
	orc->view->arg = orc;
}

static void detach_instances(struct view_service *svc)
{
	struct view_instance *inst;

	view_each_instance(svc, inst)
		instance_fini((struct orc_instance *)inst->user);
}

void orc_detach(struct orc *orc)
{
	struct view_service *svc, *next;

	orc->view->observe = NULL;
	HASH_ITER(hh, orc->view->services, svc, next) {
		if (svc->user)
			service_free(orc, svc->user);
		svc->user = NULL;
		detach_instances(svc);
	}
	orc_gateways_fini(orc);
}
