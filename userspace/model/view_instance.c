/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/view_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/own.h"

const char *const instance_state_names[] = {"up", "draining", "down"};
_Static_assert(ARRAY_SIZE(instance_state_names) == INSTANCE_STATE_MAX, "a name for every state");
_Static_assert(offsetof(struct view_instance, name) == sizeof(struct view_instance), "no holes");

static void notify(struct view *view, enum view_change change, struct view_instance *inst)
{
	view_notify(view, &(struct view_event){
				  .change = change, .service = inst->service, .instance = inst});
}

static void notify_attr(struct view *view, struct view_instance *inst, uint16_t attr, bool changed)
{
	view_notify(view, &(struct view_event){.change = VIEW_INSTANCE_ATTR,
					       .service = inst->service,
					       .instance = inst,
					       .attr = attr,
					       .value_changed = changed});
}

/* ---- objects ---- */

static void free_instance(struct view *view, struct view_instance *inst)
{
	view_site_drop(view, inst->gateway);
	samples_fini(&inst->samples);
	free(inst);
}

void view_instances_fini(struct view *view, struct view_service *svc)
{
	struct view_instance *inst;

	view_each_instance(svc, inst)
		free_instance(view, inst);
	view_table_fini(svc);
}

struct view_instance *view_instance(const struct view *view, uint64_t id, const char *name)
{
	const struct view_service *svc = view_service(view, id);

	return svc ? view_table_find(svc, name) : NULL;
}

static int add_instance(struct view *view, struct view_service *svc, const char *name,
			struct view_instance **out)
{
	size_t len = strlen(name);
	struct view_instance *inst;

	if (view->n_instances >= view->limits.instances)
		return -ENOSPC;
	inst = calloc(1, sizeof(*inst) + len + 1);
	if (!inst)
		return -ENOMEM;
	memcpy(inst->name, name, len + 1);
	inst->gateway = "";
	inst->service = svc;
	if (view_table_add(svc, inst)) {
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
	int r = view_service_need(view, service, &svc);

	*created = false;
	if (r)
		return r;
	*out = view_table_find(svc, name);
	if (*out)
		return 0;
	r = add_instance(view, svc, name, out);
	if (r)
		view_service_release(view, svc);
	*created = r == 0;
	return r;
}

/* ---- put, del ---- */

static bool set_addr(struct in6_addr *dst, const struct in6_addr *src)
{
	if (!src || memcmp(dst, src, sizeof(*dst)) == 0)
		return false;
	*dst = *src;
	return true;
}

/* site: taken, or NULL = leave. It is the instance's now. */
static bool set_gateway(struct view *view, struct view_instance *inst, const char *site)
{
	const char *before = inst->gateway;

	if (!site)
		return false;
	inst->gateway = site;
	view_site_drop(view, before);
	return site != before;
}

static bool set_state(struct view_instance *inst, const enum instance_state *state)
{
	if (!state || inst->state == *state)
		return false;
	inst->state = (uint8_t)*state;
	return true;
}

static bool set_aggregate(struct view_instance *inst, const struct aggregate *agg)
{
	bool same = agg && inst->aggregate && inst->agg_count == agg->count &&
		    inst->agg_capacity == agg->capacity;

	if (!agg || same)
		return false;
	inst->aggregate = true;
	inst->agg_count = (uint16_t)agg->count;
	inst->agg_capacity = agg->capacity;
	return true;
}

/* Says what is another value now, or none. */
static void notify_samples(struct view *view, struct view_instance *inst, const struct samples *old)
{
	for (unsigned int i = 0; i < old->n; i++) {
		if (!samples_get(&inst->samples, old->v[i].attr))
			notify_attr(view, inst, old->v[i].attr, true);
	}
	for (unsigned int i = 0; i < inst->samples.n; i++) {
		const struct sample *now = &inst->samples.v[i];
		const struct sample *was = samples_get(old, now->attr);

		notify_attr(view, inst, now->attr, !was || was->milli != now->milli);
	}
}

static int samples_of(const struct view_instance_put *put, struct samples *out)
{
	const struct aggregate *agg = put->aggregate;
	int r = 0;

	for (unsigned int i = 0; agg && !r && i < agg->n; i++)
		r = samples_put(out, agg->samples[i].attr, agg->samples[i].milli, put->received_us,
				NULL);
	if (r)
		samples_fini(out);
	return r;
}

static bool names_valid(const struct view_instance_put *put)
{
	if (put->aggregate)
		return put->instance[0] == '@' && name_valid(put->instance + 1) &&
		       strlen(put->instance) < NAME_LEN;
	return name_valid(put->instance) &&
	       (!put->gateway || !put->gateway[0] || name_valid(put->gateway));
}

/* What must be had before anything is changed. */
struct parts {
	const char *site; /* NULL: leave */
	struct samples samples;
};

static int prepare(struct view *view, const struct view_instance_put *put, struct parts *parts)
{
	const char *gateway = put->aggregate ? put->instance + 1 : put->gateway;
	int r = samples_of(put, &parts->samples);

	if (r || !gateway)
		return r;
	parts->site = view_site_take(view, gateway);
	if (parts->site)
		return 0;
	samples_fini(&parts->samples);
	return -ENOMEM;
}

static void discard(struct view *view, struct parts *parts)
{
	if (parts->site)
		view_site_drop(view, parts->site);
	samples_fini(&parts->samples);
}

int view_instance_put(struct view *view, const struct view_instance_put *put)
{
	struct view_instance *inst;
	struct parts parts = {0};
	bool changed;
	int r = names_valid(put) ? prepare(view, put, &parts) : -EINVAL;

	if (r)
		return r;
	r = need_instance(view, put->service, put->instance, &inst, &changed);
	if (r) {
		discard(view, &parts);
		return r;
	}
	inst->revision = put->revision;
	changed |= set_gateway(view, inst, parts.site);
	changed |= set_addr(&inst->address, put->address);
	changed |= set_addr(&inst->sid, put->sid);
	changed |= set_state(inst, put->state);
	changed |= set_aggregate(inst, put->aggregate);
	if (put->aggregate) {
		struct samples old = inst->samples;

		inst->samples = parts.samples;
		parts.samples = old;
	}
	if (changed)
		notify(view, VIEW_INSTANCE, inst);
	if (put->aggregate)
		notify_samples(view, inst, &parts.samples);
	samples_fini(&parts.samples);
	return 0;
}

void view_instance_del(struct view *view, uint64_t service, const char *instance)
{
	struct view_instance *inst = view_instance(view, service, instance);
	struct view_service *svc;

	if (!inst)
		return;
	svc = inst->service;
	view_table_del(svc, inst);
	view->n_instances--;
	notify(view, VIEW_INSTANCE_GONE, inst);
	free_instance(view, inst);
	if (!svc->instances && !svc->registered)
		view_notify(view,
			    &(struct view_event){.change = VIEW_SERVICE_GONE, .service = svc});
	view_service_release(view, svc);
}

/* ---- attributes ---- */

int view_instance_attr(struct view *view, uint64_t service, const char *instance,
		       const struct sample *sample)
{
	struct view_instance *inst;
	bool created, changed;
	int r = name_valid(instance) ? need_instance(view, service, instance, &inst, &created)
				     : -EINVAL;

	if (r)
		return r;
	if (created)
		notify(view, VIEW_INSTANCE, inst);
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
