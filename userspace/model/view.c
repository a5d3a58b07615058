/* SPDX-License-Identifier: GPL-2.0-or-later */
#define HASH_NONFATAL_OOM 1 /* a failed HASH_ADD leaves hh.tbl NULL */
#include "model/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/view_int.h"
#include "util/own.h"

const char *const instance_state_names[] = {"up", "draining", "down"};
_Static_assert(ARRAY_SIZE(instance_state_names) == INSTANCE_STATE_MAX, "a name for every state");

void view_notify(struct view *view, const struct view_event *event)
{
	if (view->observe)
		view->observe(view->arg, event);
}

static void notify_service(struct view *view, enum view_change change, struct view_service *svc)
{
	view_notify(view, &(struct view_event){.change = change, .service = svc});
}

static void notify_instance(struct view *view, enum view_change change, struct view_instance *inst)
{
	view_notify(view, &(struct view_event){
				  .change = change, .service = inst->service, .instance = inst});
}

void view_init(struct view *view)
{
	memset(view, 0, sizeof(*view));
	view->limits = (struct view_limits){VIEW_MAX_SERVICES, VIEW_MAX_INSTANCES,
					    VIEW_MAX_GATEWAYS, VIEW_MAX_PATHS, VIEW_MAX_CLASSES};
}

static void free_instance(struct view_instance *inst)
{
	samples_fini(&inst->samples);
	free(inst);
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
		struct view_instance *inst, *next;

		HASH_ITER(hh, svc->instances, inst, next) {
			HASH_DEL(svc->instances, inst);
			free_instance(inst);
		}
		HASH_DEL(view->services, svc);
		free_service(svc);
	}
	view_fini_net(view);
	view_fini_classes(view);
	view_init(view);
}

struct view_service *view_service(const struct view *view, uint64_t id)
{
	struct view_service *svc;

	HASH_FIND(hh, view->services, &id, sizeof(id), svc);
	return svc;
}

static struct view_instance *find_instance(const struct view_service *svc, const char *name)
{
	struct view_instance *inst;

	HASH_FIND_STR(svc->instances, name, inst);
	return inst;
}

struct view_instance *view_instance(const struct view *view, uint64_t id, const char *name)
{
	const struct view_service *svc = view_service(view, id);

	return svc ? find_instance(svc, name) : NULL;
}

static int need_service(struct view *view, uint64_t id, struct view_service **out)
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
static void release_service(struct view *view, struct view_service *svc)
{
	if (svc->registered || svc->instances)
		return;
	HASH_DEL(view->services, svc);
	free_service(svc);
}

int view_service_put(struct view *view, const struct service *def, int64_t revision)
{
	struct view_service *svc;
	struct service *copy;
	int r = need_service(view, def->id, &svc);

	if (r)
		return r;
	if (svc->registered && service_equal(svc->def, def)) {
		svc->revision = revision;
		return 0;
	}
	r = service_copy(def, &copy);
	if (r) {
		release_service(view, svc);
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
	release_service(view, svc);
}

static int add_instance(struct view *view, struct view_service *svc, const char *name,
			struct view_instance **out)
{
	struct view_instance *inst;

	if (view->n_instances >= view->limits.instances)
		return -ENOSPC;
	inst = calloc(1, sizeof(*inst));
	if (!inst)
		return -ENOMEM;
	strcpy(inst->name, name);
	inst->service = svc;
	HASH_ADD_STR(svc->instances, name, inst);
	if (!inst->hh.tbl) {
		free(inst);
		return -ENOMEM;
	}
	view->n_instances++;
	*out = inst;
	return 0;
}

/* Finds or creates; *created says which, and that VIEW_INSTANCE is due. */
static int need_instance(struct view *view, uint64_t service, const char *name,
			 struct view_instance **out, bool *created)
{
	struct view_service *svc;
	int r;

	*created = false;
	if (!name_valid(name))
		return -EINVAL;
	r = need_service(view, service, &svc);
	if (r)
		return r;
	*out = find_instance(svc, name);
	if (*out)
		return 0;
	r = add_instance(view, svc, name, out);
	if (r)
		release_service(view, svc);
	*created = r == 0;
	return r;
}

static bool set_addr(struct in6_addr *dst, const struct in6_addr *src)
{
	if (!src || memcmp(dst, src, sizeof(*dst)) == 0)
		return false;
	*dst = *src;
	return true;
}

static bool set_gateway(struct view_instance *inst, const char *gateway)
{
	if (!gateway || strcmp(inst->gateway, gateway) == 0)
		return false;
	strcpy(inst->gateway, gateway);
	return true;
}

static bool set_state(struct view_instance *inst, const enum instance_state *state)
{
	if (!state || inst->state == *state)
		return false;
	inst->state = (uint8_t)*state;
	return true;
}

int view_instance_put(struct view *view, const struct view_instance_put *put)
{
	struct view_instance *inst;
	bool changed;
	int r;

	if (put->gateway && put->gateway[0] && !name_valid(put->gateway))
		return -EINVAL;
	r = need_instance(view, put->service, put->instance, &inst, &changed);
	if (r)
		return r;
	inst->revision = put->revision;
	changed |= set_gateway(inst, put->gateway);
	changed |= set_addr(&inst->address, put->address);
	changed |= set_addr(&inst->sid, put->sid);
	changed |= set_state(inst, put->state);
	if (changed)
		notify_instance(view, VIEW_INSTANCE, inst);
	return 0;
}

void view_instance_del(struct view *view, uint64_t service, const char *instance)
{
	struct view_instance *inst = view_instance(view, service, instance);
	struct view_service *svc;

	if (!inst)
		return;
	svc = inst->service;
	HASH_DEL(svc->instances, inst);
	view->n_instances--;
	notify_instance(view, VIEW_INSTANCE_GONE, inst);
	free_instance(inst);
	if (!svc->instances && !svc->registered)
		notify_service(view, VIEW_SERVICE_GONE, svc);
	release_service(view, svc);
}

static void notify_attr(struct view *view, struct view_instance *inst, uint16_t attr, bool changed)
{
	view_notify(view, &(struct view_event){.change = VIEW_INSTANCE_ATTR,
					       .service = inst->service,
					       .instance = inst,
					       .attr = attr,
					       .value_changed = changed});
}

int view_instance_attr(struct view *view, uint64_t service, const char *instance,
		       const struct sample *sample)
{
	struct view_instance *inst;
	bool created, changed;
	int r = need_instance(view, service, instance, &inst, &created);

	if (r)
		return r;
	if (created)
		notify_instance(view, VIEW_INSTANCE, inst);
	r = view_sample_put(&inst->samples, sample, &changed);
	if (r == 0)
		notify_attr(view, inst, sample->attr, changed);
	return r;
}

void view_instance_attr_del(struct view *view, uint64_t service, const char *instance,
			    uint16_t attr)
{
	struct view_instance *inst = view_instance(view, service, instance);

	if (inst && samples_del(&inst->samples, attr))
		notify_attr(view, inst, attr, true);
}

void view_instance_attr_refused(struct view *view, uint64_t service, const char *instance,
				uint16_t attr)
{
	struct view_instance *inst = view_instance(view, service, instance);

	if (inst && view_sample_refuse(&inst->samples, attr))
		notify_attr(view, inst, attr, false);
}
