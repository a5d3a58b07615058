/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counters: read from the parent every ENACT_STATS_MS while a condition, a notification or REST
 * needs them, every ENACT_IDLE_STATS_MS while there are rules, and once more after every change;
 * sums of flows and connections are published where they have changed, so that all hosts know them.
 *
 * A leg of a connection is "connection.ingress.gateway" among what is published.
 */
#include "enact/enact_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PUBLISH_MAX 256 /* writes at a time; the others come next time */
#define PUBLISHED_KEY (5 * NAME_LEN)

/* ---- what the parent says ---- */

static uint64_t member(const json_t *row, const char *name)
{
	json_int_t value = json_integer_value(json_object_get(row, name));

	return value > 0 ? (uint64_t)value : 0;
}

/* A counter that has gone back started from zero meanwhile. */
static void take_count(struct enact_act *act, const struct enact_count *now)
{
	if (now->packets < act->last.packets || now->bytes < act->last.bytes)
		enact_act_settle(act);
	if (act->rebase)
		act->base = *now;
	act->rebase = false;
	act->last = *now;
}

static void take_row(struct enact_act *act, const json_t *row)
{
	struct enact_count now = {member(row, "packets"), member(row, "bytes"),
				  member(row, "dropped")};

	if (act && !act->returning)
		take_count(act, &now);
}

static void take_acts(struct enact *enact, const json_t *rows)
{
	struct enact_act **by_number = calloc(SAN_MAX_ACTS + 1, sizeof(struct enact_act *));
	struct enact_act *act;
	const json_t *row;
	size_t i;

	if (!by_number)
		return;
	for (act = enact->acts; act; act = act->hh.next)
		by_number[act->number] = act;
	by_number[0] = NULL;
	json_array_foreach(rows, i, row) {
		uint64_t number = member(row, "act");

		if (number <= SAN_MAX_ACTS)
			take_row(by_number[number], row);
	}
	free(by_number);
}

/* A next hop of ours; NULL: another service. */
static const struct nemo_goal *goal_of(const struct nemo_plan *plan, const char *service)
{
	uint64_t id;

	if (!service || svc_id_parse(service, &id) || id < SAN_SERVICE_OWN_MIN)
		return NULL;
	return enact_goal_find(plan, id);
}

static void take_goals(struct enact *enact, const json_t *rows)
{
	char key[ENACT_ACT_KEY];
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		const char *service = json_string_value(json_object_get(row, "service"));
		const struct nemo_goal *goal = goal_of(&enact->plan, service);

		if (!goal)
			continue;
		enact_leg_key(key, goal);
		take_row(enact_act_get(&enact->legs, key), row);
	}
}

/* ---- sums ---- */

static struct enact_published *published_get(struct enact *enact, const char *key)
{
	struct enact_published *p;

	HASH_FIND_STR(enact->published, key, p);
	if (p)
		return p;
	p = calloc(1, sizeof(*p) + strlen(key) + 1);
	if (!p)
		return NULL;
	strcpy(p->key, key);
	p->told_packets = UINT64_MAX;
	HASH_ADD_STR(enact->published, key, p);
	return p;
}

static void sum_into(struct enact *enact, const struct enact_count *count, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void sum_into(struct enact *enact, const struct enact_count *count, const char *format, ...)
{
	char key[PUBLISHED_KEY];
	struct enact_published *p;
	va_list args;

	va_start(args, format);
	vsnprintf(key, sizeof(key), format, args);
	va_end(args);
	p = published_get(enact, key);
	if (!p)
		return;
	p->counted = true;
	p->packets += count->packets;
	p->bytes += count->bytes;
}

struct summing {
	struct enact *enact;
	const struct enact_item *item;
	struct enact_count count;
};

static const struct nemo_leg *only_leg(const struct enact *enact, const struct nemo_tenant *tenant,
				       const char *connection)
{
	const struct nemo_leg *leg, *found = NULL;

	enact_each_leg(tenant, connection, leg) if (strcmp(leg->ingress, enact->host) == 0)
	{
		if (found)
			return NULL;
		found = leg;
	}
	return found;
}

static void sum_goal(void *arg, const char *goal)
{
	struct summing *s = arg;
	const struct nemo_tenant *tenant = s->item->tenant;
	const struct nemo_object *object = nemo_store_find(tenant->store, goal);
	const struct nemo_leg *leg;

	if (!object || object->kind != NEMO_CONNECTION)
		return;
	sum_into(s->enact, &s->count, "%s/%s", tenant->name, goal);
	leg = only_leg(s->enact, tenant, goal);
	if (leg)
		sum_into(s->enact, &s->count, "%s/%s.%s.%s", tenant->name, goal, leg->ingress,
			 leg->gateway);
}

/* Connections with several legs from here: what their next hops counted. */
static void sum_goals(struct enact *enact)
{
	char key[ENACT_ACT_KEY];

	for (unsigned int i = 0; i < enact->plan.n_goals; i++) {
		const struct nemo_goal *goal = &enact->plan.goals[i];
		const struct nemo_tenant *tenant = enact_tenant(&enact->head, goal->tenant);
		struct enact_act *act;
		struct enact_count count;

		enact_leg_key(key, goal);
		act = enact_act_find(enact->legs, key);
		if (!act || !goal->path[0] || !tenant || only_leg(enact, tenant, goal->name))
			continue;
		count = enact_act_total(act);
		sum_into(enact, &count, "%s/%s.%s.%s", goal->tenant, goal->name, enact->host,
			 goal->gateway);
	}
}

static void sum_all(struct enact *enact)
{
	struct enact_published *p;

	for (p = enact->published; p; p = p->hh.next) {
		p->counted = false;
		p->packets = p->bytes = 0;
	}
	for (unsigned int i = 0; i < enact->n_items; i++) {
		struct summing s = {.enact = enact, .item = &enact->items[i]};
		struct enact_act *act = enact_act_find(enact->acts, s.item->key);

		if (!act)
			continue;
		s.count = enact_act_total(act);
		sum_into(enact, &s.count, "%s/%s", s.item->tenant->name,
			 s.item->object->c.target.text);
		enact_goals(s.item->object, sum_goal, &s);
	}
	sum_goals(enact);
}

/* A name that is too long for a key is not published. */
static bool publish_one(struct enact *enact, struct enact_published *p)
{
	char tenant[NAME_LEN];
	const char *object = strchr(p->key, '/') + 1;

	if (!p->counted || (p->packets == p->told_packets && p->bytes == p->told_bytes) ||
	    !name_valid(object))
		return false;
	snprintf(tenant, sizeof(tenant), "%.*s", (int)(object - 1 - p->key), p->key);
	if (intent_stats_put(enact->intent, tenant, object, p->packets, p->bytes))
		return false;
	p->told_packets = p->packets;
	p->told_bytes = p->bytes;
	return true;
}

/* Who was told goes to the end, so that everybody's turn comes. */
static void publish(struct enact *enact)
{
	struct enact_published *p, *next, *last;
	unsigned int done = 0;

	sum_all(enact);
	last = enact->published
		       ? ELMT_FROM_HH(enact->published->hh.tbl, enact->published->hh.tbl->tail)
		       : NULL;
	HASH_ITER(hh, enact->published, p, next) {
		if (done == PUBLISH_MAX)
			return;
		if (publish_one(enact, p)) {
			done++;
			HASH_DEL(enact->published, p);
			HASH_ADD_STR(enact->published, key, p);
		}
		if (p == last)
			return;
	}
}

/* ---- when ---- */

static bool needed(const struct enact *enact)
{
	return enact->counts ||
	       (enact->asked_us && clock_us() - enact->asked_us < ENACT_ASKED_S * 1000000ull);
}

static void on_time(uv_timer_t *timer);

static void arm(struct enact *enact)
{
	uint64_t ms = needed(enact) ? ENACT_STATS_MS : ENACT_IDLE_STATS_MS;

	if (enact->closed || enact->counting || (!enact->plan.n_rules && !enact->acts))
		return;
	uv_timer_start(&enact->count, on_time, ms, 0);
}

static void on_counts(void *arg, int status, json_t *stats)
{
	struct enact *enact = arg;

	enact->counting = false;
	if (enact->closed) {
		enact_unref(enact);
		return;
	}
	enact->handles--;
	if (!status) {
		if (enact->acked)
			take_acts(enact, json_object_get(stats, "acts"));
		take_goals(enact, json_object_get(stats, "services"));
		if (enact->intent)
			publish(enact);
	}
	arm(enact);
}

static void on_time(uv_timer_t *timer)
{
	struct enact *enact = timer->data;

	if (!enact->counting && !ncc_stats(enact->conf.ncc, on_counts, enact)) {
		enact->counting = true;
		enact->handles++; /* the answer comes also after enact_close() */
	}
	arm(enact);
}

void enact_counts_now(struct enact *enact)
{
	if (!enact->closed && !enact->counting)
		uv_timer_start(&enact->count, on_time, ENACT_COALESCE_MS, 0);
}

void enact_counts_asked(struct enact *enact)
{
	bool slow = !needed(enact);

	enact->asked_us = clock_us();
	if (slow && (enact->plan.n_rules || enact->acts))
		enact_counts_now(enact);
}

void enact_counts_open(struct enact *enact)
{
	uv_timer_init(enact->conf.loop, &enact->count);
	enact->count.data = enact;
	enact->handles++;
}

void enact_counts_fini(struct enact *enact)
{
	struct enact_published *p, *next;

	HASH_ITER(hh, enact->published, p, next) {
		HASH_DEL(enact->published, p);
		free(p);
	}
}
