/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which items an event concerns. Keys of the index:
 *
 *	S<id>    a service: registered or not, its instances come, go, change state
 *	s<id>    loads of its instances
 *	I        instances anywhere come, go, move, change state
 *	g<name>  loads of instances at a gateway
 *	G<name>  a gateway; G* any
 *	P<key>   a path's definition; p<key> its status; L<key> it loses everything, or no longer
 *	Q<name>  any path from here to a gateway; Q* to any
 *	f<tenant>/<flow>  counters of a flow
 */
#include "enact/enact_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/site.h"

#define DEP_KEY_LEN (4 * NAME_LEN)

struct builder {
	struct enact *enact;
	struct enact_item *item;
	const struct nemo_tenant *tenant;
	bool no_memory;
};

struct enact_dep *enact_dep(const struct enact *enact, const char *key)
{
	struct enact_dep *dep;

	HASH_FIND_STR(enact->deps, key, dep);
	return dep;
}

static struct enact_dep *dep_get(struct enact *enact, const char *key)
{
	struct enact_dep *dep = enact_dep(enact, key);

	if (dep)
		return dep;
	dep = calloc(1, sizeof(*dep) + strlen(key) + 1);
	if (!dep)
		return NULL;
	strcpy(dep->key, key);
	HASH_ADD_STR(enact->deps, key, dep);
	enact->kinds[(unsigned char)key[0] % sizeof(enact->kinds)] = true;
	return dep;
}

static bool dep_add(struct enact_dep *dep, struct enact_item *item)
{
	if (dep->n && dep->v[dep->n - 1] == item) /* items come one after the other */
		return true;
	if (dep->n == dep->cap) {
		unsigned int cap = dep->cap ? 2 * dep->cap : 4;
		struct enact_item **v = realloc(dep->v, cap * sizeof(struct enact_item *));

		if (!v)
			return false;
		dep->v = v;
		dep->cap = cap;
	}
	dep->v[dep->n++] = item;
	return true;
}

static void depend(struct builder *b, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void depend(struct builder *b, const char *format, ...)
{
	char key[DEP_KEY_LEN];
	struct enact_dep *dep;
	va_list args;

	va_start(args, format);
	vsnprintf(key, sizeof(key), format, args);
	va_end(args);
	dep = dep_get(b->enact, key);
	if (!dep || !dep_add(dep, b->item))
		b->no_memory = true;
}

/* ---- what a CFN stands for ---- */

const char *enact_gateway_of(const struct nemo_store *store, const struct nemo_object *cfn)
{
	const struct nemo_object *gateway = nemo_site_gateway(store, cfn);

	return gateway ? gateway->name : NULL;
}

bool enact_is_service(const struct nemo_object *cfn, uint64_t *id)
{
	int64_t number;

	if (!nemo_is_model(cfn, "service") || !nemo_object_integer(cfn, "service_id", &number))
		return false;
	*id = (uint64_t)number;
	return true;
}

struct path_key enact_leg_path(const struct nemo_leg *leg)
{
	return (struct path_key){leg->ingress, leg->gateway, leg->path};
}

/* ---- goals ---- */

static void each_name(const struct nemo_arg *arg, void (*each)(void *arg, const char *goal),
		      void *to)
{
	for (unsigned int i = 0; i < arg->n; i++)
		if (arg->v[i].type == NEMO_STRING)
			each(to, arg->v[i].string);
}

void enact_goals(const struct nemo_object *op, void (*each)(void *arg, const char *goal), void *arg)
{
	for (unsigned int i = 0; i < op->c.actions.n; i++) {
		const struct nemo_action *action = &op->c.actions.v[i];
		const char *name = action->name.text;

		if (strcmp(name, "redirect") != 0 && strcmp(name, "steer") != 0 &&
		    strcmp(name, "gothrough") != 0)
			continue;
		for (unsigned int j = 0; j < action->n; j++)
			each_name(&action->args[j], each, arg);
	}
}

static void on_home(void *arg, const struct nemo_object *op, const char *gateway)
{
	struct builder *b = arg;
	struct enact_item *item = enact_item(b->enact, b->tenant->name, op->name);

	if (item)
		item->home = gateway;
}

static int homes_find(struct enact *enact)
{
	struct builder b = {.enact = enact};
	int r = 0;

	for (unsigned int i = 0; i < enact->head.n && r == 0; i++) {
		b.tenant = &enact->head.tenants[i];
		r = nemo_homes(b.tenant, on_home, &b);
	}
	return r;
}

bool enact_home_up(const struct enact *enact, const struct enact_item *item, char *why, size_t size)
{
	if (!item->home || view_gateway(enact->conf.view, item->home))
		return true;
	snprintf(why, size, "gateway %.63s is not known", item->home);
	return false;
}

/* ---- building ---- */

static void depend_on_legs(struct builder *b, const char *connection, bool status)
{
	const struct nemo_leg *leg;

	enact_each_leg(b->item->tenant, connection, leg)
	{
		depend(b, "P%s/%s/%s", leg->ingress, leg->gateway, leg->path);
		depend(b, "%c%s/%s/%s", status ? 'p' : 'L', leg->ingress, leg->gateway, leg->path);
		depend(b, "G%s", leg->gateway);
	}
}

static void depend_on_cfn(struct builder *b, const struct nemo_object *cfn, bool status)
{
	const char *gateway = enact_gateway_of(b->item->tenant->store, cfn);
	uint64_t id;

	if (enact_is_service(cfn, &id)) {
		depend(b, "S%" PRIx64, id);
		if (status)
			depend(b, "s%" PRIx64, id);
	} else if (gateway) {
		depend(b, "G%s", gateway);
		if (status) {
			depend(b, "g%s", gateway);
			depend(b, "I");
		} else {
			depend(b, "Q%s", gateway);
		}
	} else { /* a function: through the gateway of whatever site it is in */
		depend(b, "G*");
		depend(b, "Q*");
	}
}

static void on_value(void *arg, const char *entity, const char *member)
{
	struct builder *b = arg;
	const struct nemo_object *object = nemo_store_find(b->item->tenant->store, entity);
	bool status = strcmp(member, "up") != 0;

	if (!object)
		return;
	if (object->kind == NEMO_CFN) {
		depend_on_cfn(b, object, status);
	} else if (object->kind == NEMO_CONNECTION) {
		depend_on_legs(b, entity, status);
	} else if (object->kind == NEMO_FLOW &&
		   (strcmp(member, "packets") == 0 || strcmp(member, "bytes") == 0)) {
		depend(b, "f%s/%s", b->item->tenant->name, entity);
		b->enact->counts = true;
	}
}

static void on_goal(void *arg, const char *goal)
{
	struct builder *b = arg;
	const struct nemo_object *object = nemo_store_find(b->item->tenant->store, goal);

	if (object && object->kind == NEMO_CONNECTION)
		depend_on_legs(b, goal, false);
	else if (object && object->kind == NEMO_CFN)
		depend_on_cfn(b, object, false);
}

static bool tells_counts(const struct nemo_object *notification)
{
	const struct nemo_query *query = notification->c.query;

	for (unsigned int i = 0; query && i < query->items.n; i++)
		if (strcmp(query->items.v[i].text, "packets") == 0 ||
		    strcmp(query->items.v[i].text, "bytes") == 0)
			return true;
	return false;
}

int enact_deps_build(struct enact *enact)
{
	struct builder b = {.enact = enact, .no_memory = homes_find(enact) != 0};

	enact->counts = false;
	memset(enact->kinds, 0, sizeof(enact->kinds));
	for (unsigned int i = 0; i < enact->n_items && !b.no_memory; i++) {
		b.item = &enact->items[i];
		nemo_expr_uses(b.item->object->c.condition, on_value, &b);
		if (b.item->notification)
			enact->counts |= tells_counts(b.item->object);
		else
			enact_goals(b.item->object, on_goal, &b);
		if (b.item->home)
			depend(&b, "G%s", b.item->home);
	}
	return b.no_memory ? -ENOMEM : 0;
}

void enact_deps_free(struct enact_dep *deps)
{
	struct enact_dep *dep, *next;

	HASH_ITER(hh, deps, dep, next) {
		HASH_DEL(deps, dep);
		free(dep->v);
		free(dep);
	}
}

/* ---- is the goal up wherever it is used? ---- */

struct reach {
	struct enact *enact;
	struct enact_item *item;
	const char *only; /* the one host at which the flow comes in; NULL: all */
	struct nemo_plan_in in;
	bool up;
};

static bool up_from(struct reach *r, const char *goal, const char *host, char *why, size_t size)
{
	char reason[128];

	r->in.host = host;
	if (enact_goal_up(&r->in, r->item->tenant, goal, reason, sizeof(reason)))
		return true;
	snprintf(why, size, "%.63s at %.63s: %s", goal, host, reason);
	return false;
}

/* From all its ingresses; legs of one come one after the other. */
static bool connection_up(struct reach *r, const char *goal, char *why, size_t size)
{
	const struct nemo_leg *leg;
	const char *last = "";

	enact_each_leg(r->item->tenant, goal, leg)
	{
		if ((r->only && strcmp(r->only, leg->ingress) != 0) ||
		    strcmp(last, leg->ingress) == 0)
			continue;
		last = leg->ingress;
		if (!up_from(r, goal, leg->ingress, why, size))
			return false;
	}
	return true;
}

static void reach_goal(void *arg, const char *goal)
{
	struct reach *r = arg;
	const struct nemo_tenant *tenant = r->item->tenant;
	const struct nemo_object *object = nemo_store_find(tenant->store, goal);
	struct enact_memo *memo;
	bool isnew;

	if (!r->up)
		return;
	memo = enact_memo(r->enact, &isnew, "R%s/%s/%s", tenant->name, goal,
			  r->only ? r->only : "");
	if (isnew && object && object->kind == NEMO_CONNECTION)
		memo->known = connection_up(r, goal, memo->why, sizeof(memo->why));
	else if (isnew)
		memo->known = up_from(r, goal, r->enact->host, memo->why, sizeof(memo->why));
	r->up = memo->known;
	if (!r->up)
		memcpy(r->item->reach_why, memo->why, sizeof(memo->why));
}

/* The host at which the target of an operation comes in, when it says so. */
static const char *only_ingress(const struct enact_item *item)
{
	const struct nemo_store *store = item->tenant->store;
	const struct nemo_object *flow = nemo_store_find(store, item->object->c.target.text);
	const char *name = flow ? nemo_object_string(flow, "ingress") : NULL;
	const struct nemo_object *cfn = name ? nemo_store_find(store, name) : NULL;

	return cfn ? enact_gateway_of(store, cfn) : NULL;
}

bool enact_reach(struct enact *enact, struct enact_item *item, struct enact_ask *ask)
{
	struct reach r = {.enact = enact,
			  .item = item,
			  .only = only_ingress(item),
			  .in = ask->in,
			  .up = true};
	char why[128];

	enact_ask_item(ask, item);
	item->reach_why[0] = '\0';
	enact_goals(item->object, reach_goal, &r);
	if (r.up && !enact_home_up(enact, item, why, sizeof(why))) {
		snprintf(item->reach_why, sizeof(item->reach_why), "%.63s at %.63s: %s", item->home,
			 r.only ? r.only : enact->host, why);
		return false;
	}
	return r.up;
}
