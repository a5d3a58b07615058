/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values for conditions, queries and notifications: properties from the store, statistics from the
 * view and from what hosts publish. What is not known, or was told too long ago (freshness of the
 * service, its default for paths), is unknown, and not zero.
 *
 *	CFN		cpu_load, mem_load: percent, mean over instances that are up and tell it:
 *			of the service; of all instances at the gateway (a site: at its gateway)
 *			up: an instance is; the gateway is in the network; the function has an
 *address Connection	utilization: percent of a leg's path that is used, of the fullest leg
 *			measured_delay: ms, rounded up, of the slowest leg
 *			up: every leg is
 *	ServiceFlow	packets, bytes: over all hosts, of the operations that target it
 */
#include "enact/enact_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

uint64_t enact_view_now(const struct enact *enact)
{
	return view_time(enact->conf.view, clock_us());
}

struct enact_lookup enact_lookup(struct enact *enact, const char *tenant)
{
	return (struct enact_lookup){.enact = enact,
				     .head = &enact->head,
				     .tenant = tenant,
				     .now_us = enact_view_now(enact),
				     .stale_us = ENACT_FRESH};
}

/* ---- samples ---- */

static uint64_t default_age_us(void)
{
	struct service service;

	service_init(&service, 1);
	return service.max_age_ms * UINT64_C(1000);
}

static bool fresh(uint64_t now_us, const struct samples *samples, uint16_t attr, uint64_t age_us,
		  int64_t *milli, uint64_t *stale_us)
{
	const struct sample *sample = samples_get(samples, attr);
	uint64_t end;

	if (!sample || !sample->received_us)
		return false;
	end = sample->received_us + age_us;
	if (now_us > end)
		return false;
	if (end + 1 < *stale_us)
		*stale_us = end + 1;
	*milli = sample->milli;
	return true;
}

struct mean {
	int64_t sum, n;
};

static void mean_add(struct enact_lookup *l, struct mean *mean, const struct view_instance *inst,
		     uint16_t attr)
{
	const struct service *def = inst->service->def;
	uint64_t age_us = def ? def->max_age_ms * UINT64_C(1000) : default_age_us();
	int64_t milli;

	if (inst->aggregate || inst->state != INSTANCE_UP)
		return;
	if (!fresh(l->now_us, &inst->samples, attr, age_us, &milli, &l->stale_us))
		return;
	mean->sum += milli;
	mean->n++;
}

static void mean_of_service(struct enact_lookup *l, uint64_t id, uint16_t attr, struct mean *mean)
{
	struct view_service *service = view_service(l->enact->conf.view, id);
	struct view_instance *inst;

	if (!service)
		return;
	view_each_instance(service, inst)
		mean_add(l, mean, inst, attr);
}

static void mean_of_gateway(struct enact_lookup *l, const char *gateway, uint16_t attr,
			    struct mean *mean)
{
	struct view_service *service;
	struct view_instance *inst;

	for (service = l->enact->conf.view->services; service; service = service->hh.next)
		view_each_instance(service, inst)
			if (strcmp(inst->gateway, gateway) == 0)
				mean_add(l, mean, inst, attr);
}

/* gateway NULL: of the service. */
static bool load_value(struct enact_lookup *l, uint64_t id, const char *gateway, uint16_t attr,
		       struct nemo_value *out)
{
	uint64_t before_us = l->stale_us;
	struct enact_memo *memo;
	struct mean mean = {0};
	bool isnew;

	memo = enact_memo(l->enact, &isnew, "V%u/%" PRIx64 "/%s", attr, gateway ? 0 : id,
			  gateway ? gateway : "");
	if (isnew) {
		l->stale_us = ENACT_FRESH;
		if (gateway)
			mean_of_gateway(l, gateway, attr, &mean);
		else
			mean_of_service(l, id, attr, &mean);
		memo->known = mean.n != 0;
		memo->milli = mean.n ? mean.sum / mean.n : 0;
		memo->stale_us = l->stale_us;
	}
	l->stale_us = memo->stale_us < before_us ? memo->stale_us : before_us;
	*out = (struct nemo_value){.type = NEMO_INTEGER};
	out->integer = (memo->milli + 500) / 1000;
	return memo->known;
}

/* ---- CFN ---- */

static bool service_up(const struct enact_lookup *l, uint64_t id)
{
	struct view_service *service = view_service(l->enact->conf.view, id);
	struct view_instance *inst;

	if (!service)
		return false;
	view_each_instance(service, inst)
		if (inst->state == INSTANCE_UP && (!inst->aggregate || inst->agg_count))
			return true;
	return false;
}

static bool cfn_up(const struct enact_lookup *l, const struct nemo_tenant *tenant,
		   const struct nemo_object *cfn, struct nemo_value *out)
{
	const char *gateway = enact_gateway_of(tenant->store, cfn);
	struct nemo_prefix ip;
	uint64_t id;

	*out = (struct nemo_value){.type = NEMO_BOOLEAN};
	if (enact_is_service(cfn, &id))
		out->boolean = service_up(l, id);
	else if (gateway)
		out->boolean = view_gateway(l->enact->conf.view, gateway) != NULL;
	else if (nemo_object_prefix(cfn, "ip", &ip))
		out->boolean = true;
	else
		return false;
	return true;
}

static bool cfn_value(struct enact_lookup *l, const struct nemo_tenant *tenant,
		      const struct nemo_object *cfn, const char *member, struct nemo_value *out)
{
	const char *gateway = enact_gateway_of(tenant->store, cfn);
	uint16_t attr = strcmp(member, "cpu_load") == 0 ? ATTR_CPU_LOAD : ATTR_MEM_LOAD;
	uint64_t id;

	if (strcmp(member, "up") == 0)
		return cfn_up(l, tenant, cfn, out);
	if (enact_is_service(cfn, &id))
		return load_value(l, id, NULL, attr, out);
	return gateway && load_value(l, 0, gateway, attr, out);
}

/* ---- connection ---- */

static bool path_status(const struct enact_lookup *l, const struct view_path *path, uint16_t attr,
			int64_t *milli, uint64_t *stale_us)
{
	return fresh(l->now_us, &path->samples, attr, default_age_us(), milli, stale_us);
}

bool enact_leg_status(const struct enact_lookup *l, const struct nemo_leg *leg, const char *member,
		      int64_t *out, uint64_t *stale_us)
{
	const struct view_path *path = view_path(l->enact->conf.view, enact_leg_path(leg));
	int64_t all, unused, delay;

	if (!path)
		return false;
	if (strcmp(member, "measured_delay") == 0) {
		if (!path_status(l, path, ATTR_DELAY_US, &delay, stale_us))
			return false;
		*out = (delay + 999999) / 1000000;
		return true;
	}
	if (!path_status(l, path, ATTR_BANDWIDTH_KBPS, &all, stale_us) || all <= 0 ||
	    !path_status(l, path, ATTR_BANDWIDTH_FREE_KBPS, &unused, stale_us))
		return false;
	*out = unused >= all ? 0 : (int64_t)((double)(all - unused) / (double)all * 100 + 0.5);
	return true;
}

static bool leg_up(const struct enact *enact, const struct nemo_leg *leg, char *why, size_t size)
{
	const struct view_path *path = view_path(enact->conf.view, enact_leg_path(leg));

	if (!view_gateway(enact->conf.view, leg->gateway)) {
		snprintf(why, size, "gateway %s is not there", leg->gateway);
		return false;
	}
	if (!path || !path->defined || enact_path_lost(path)) {
		snprintf(why, size, "path %s/%s/%s %s", leg->ingress, leg->gateway, leg->path,
			 path && path->defined ? "loses everything" : "is not there");
		return false;
	}
	return true;
}

bool enact_connection_up(const struct enact *enact, const struct nemo_tenant *tenant,
			 const char *name, char *why, size_t size)
{
	const struct nemo_leg *leg;

	why[0] = '\0';
	enact_each_leg(tenant, name, leg) if (!leg_up(enact, leg, why, size)) return false;
	return true;
}

/* memo->milli is the value as it is. */
static void find_connection(struct enact_lookup *l, const struct nemo_tenant *tenant,
			    const char *name, const char *member, struct enact_memo *memo)
{
	const struct nemo_leg *leg;
	int64_t most = -1, one;

	memo->stale_us = ENACT_FRESH;
	memo->known = true;
	if (strcmp(member, "up") == 0) {
		memo->milli =
			enact_connection_up(l->enact, tenant, name, memo->why, sizeof(memo->why));
		return;
	}
	enact_each_leg(tenant, name, leg)
	{
		memo->known = enact_leg_status(l, leg, member, &one, &memo->stale_us);
		if (!memo->known)
			return;
		most = one > most ? one : most;
	}
	memo->milli = most;
	memo->known = most >= 0;
}

static bool connection_value(struct enact_lookup *l, const struct nemo_tenant *tenant,
			     const struct nemo_object *conn, const char *member,
			     struct nemo_value *out)
{
	struct enact_memo *memo;
	bool isnew;

	memo = enact_memo(l->enact, &isnew, "C%s/%s/%s", tenant->name, conn->name, member);
	if (isnew)
		find_connection(l, tenant, conn->name, member, memo);
	if (memo->stale_us < l->stale_us)
		l->stale_us = memo->stale_us;
	if (strcmp(member, "up") == 0) {
		*out = (struct nemo_value){.type = NEMO_BOOLEAN, .boolean = memo->milli != 0};
		return true;
	}
	*out = (struct nemo_value){.type = NEMO_INTEGER};
	out->integer = memo->milli;
	return memo->known;
}

/* ---- all ---- */

static bool flow_value(struct enact_lookup *l, const struct nemo_object *flow, const char *member,
		       struct nemo_value *out)
{
	uint64_t packets, bytes;

	if (!l->enact->intent ||
	    !intent_stats(l->enact->intent, l->tenant, flow->name, &packets, &bytes))
		return false;
	*out = (struct nemo_value){.type = NEMO_INTEGER};
	out->integer = (int64_t)(strcmp(member, "packets") == 0 ? packets : bytes);
	return true;
}

static bool is_stat(const struct nemo_object *object, const char *member)
{
	const struct nemo_prop_def *defs;
	unsigned int n;

	defs = nemo_stats(object->kind, &n);
	for (unsigned int i = 0; i < n; i++)
		if (strcmp(defs[i].name, member) == 0)
			return true;
	return false;
}

static bool property(const struct nemo_object *object, const char *member, struct nemo_value *out)
{
	const struct nemo_arg *arg = nemo_object_prop(object, member);

	if (!arg || arg->kind != NEMO_ARG_VALUE)
		return false;
	*out = arg->v[0];
	return true;
}

static bool value(void *arg, const char *entity, const char *member, struct nemo_value *out)
{
	struct enact_lookup *l = arg;
	const struct nemo_tenant *tenant = l->tenant ? enact_tenant(l->head, l->tenant) : NULL;
	const struct nemo_object *object = tenant ? nemo_store_find(tenant->store, entity) : NULL;

	if (!object)
		return false;
	if (!is_stat(object, member))
		return property(object, member, out);
	switch (object->kind) {
	case NEMO_CFN:
		return cfn_value(l, tenant, object, member, out);
	case NEMO_CONNECTION:
		return connection_value(l, tenant, object, member, out);
	case NEMO_FLOW:
		return flow_value(l, object, member, out);
	default:
		return false;
	}
}

struct nemo_env enact_env(struct enact_lookup *lookup, int64_t now_s)
{
	struct nemo_env env = {.value = value, .arg = lookup};

	enact_civil(now_s, &env.now);
	return env;
}
