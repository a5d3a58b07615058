/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What north shows of intents on this host. */
#include "enact/enact_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/own.h"

#define OTHER "(another tenant's)"

/* ---- operations ---- */

/* Whether the flow comes in here counts first, then what the item says now: the plan is not made
 * anew where only the reason changes. */
static enum nemo_op_state state_of(const struct enact *enact, const struct enact_item *item,
				   const struct nemo_op_plan *op)
{
	if (op && (op->state == NEMO_OP_ELSEWHERE || op->state == NEMO_OP_IMPOSSIBLE))
		return op->state;
	if (item->truth != NEMO_TRUE)
		return item->truth == NEMO_UNKNOWN ? NEMO_OP_UNKNOWN : NEMO_OP_CONDITION;
	if (!enact->conf.is_ingress || !op)
		return NEMO_OP_ELSEWHERE;
	return item->goal_up ? op->state : NEMO_OP_GOAL_DOWN;
}

static const char *why_of(const struct enact_item *item, const struct nemo_op_plan *op,
			  enum nemo_op_state state)
{
	if (op && op->state == state)
		return op->why;
	switch (state) {
	case NEMO_OP_UNKNOWN:
		return "a value of the condition is not known";
	case NEMO_OP_CONDITION:
		return "the condition is not met";
	case NEMO_OP_GOAL_DOWN:
		return item->why;
	default:
		return "";
	}
}

static json_t *operation_json(struct enact *enact, const struct enact_item *item,
			      const struct nemo_op_plan *op)
{
	enum nemo_op_state state = state_of(enact, item, op);
	struct enact_count count = enact_act_total(enact_act_find(enact->acts, item->key));
	struct enact_lookup lookup = enact_lookup(enact, item->tenant->name);
	struct nemo_env env = enact_env(&lookup, enact_now_s(enact));
	const struct nemo_clauses *c = &item->object->c;
	json_t *condition = c->condition ? nemo_eval_json(c->condition, &env) : json_null();
	char since[CLOCK_RFC3339];

	return json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:o, s:i, s:I, s:I, s:I, s:s}", "tenant",
			 item->tenant->name, "operation", item->object->name, "priority",
			 (json_int_t)c->priority, "target", c->target.text, "state",
			 nemo_op_state_names[state], "why", why_of(item, op, state), "condition",
			 condition, "rules", op ? (int)op->rules : 0, "packets",
			 (json_int_t)count.packets, "bytes", (json_int_t)count.bytes, "dropped",
			 (json_int_t)count.dropped, "since", clock_rfc3339(item->since_s, since));
}

static int by_strength(const void *a, const void *b)
{
	const struct enact_item *x = *(struct enact_item *const *)a;
	const struct enact_item *y = *(struct enact_item *const *)b;

	if (x->object->c.priority != y->object->c.priority)
		return x->object->c.priority < y->object->c.priority ? -1 : 1;
	return strcmp(x->object->name, y->object->name);
}

/* The plan has all operations in order: one walk, where there is one. */
static void add_planned(struct enact *enact, const char *tenant, json_t *out)
{
	for (unsigned int i = 0; i < enact->plan.n_ops; i++) {
		const struct nemo_op_plan *op = &enact->plan.ops[i];
		const struct enact_item *item = enact_item(enact, op->tenant, op->op->name);

		if (item && strcmp(op->tenant, tenant) == 0)
			json_array_append_new(out, operation_json(enact, item, op));
	}
}

static void add_unplanned(struct enact *enact, const char *tenant, json_t *out)
{
	OWN_PTR struct enact_item **list = calloc(enact->n_items + 1, sizeof(struct enact_item *));
	unsigned int n = 0;

	for (unsigned int i = 0; list && i < enact->n_items; i++) {
		struct enact_item *item = &enact->items[i];

		if (!item->notification && strcmp(item->tenant->name, tenant) == 0)
			list[n++] = item;
	}
	if (list)
		qsort(list, n, sizeof(struct enact_item *), by_strength);
	for (unsigned int i = 0; i < n; i++)
		json_array_append_new(out, operation_json(enact, list[i], NULL));
}

json_t *enact_operations_json(const struct enact *enact, const char *tenant)
{
	struct enact *own = (struct enact *)enact; /* who asks is remembered */
	json_t *out = json_array();

	enact_counts_asked(own);
	enact_remember(own, true);
	if (enact->plan.n_ops)
		add_planned(own, tenant, out);
	else
		add_unplanned(own, tenant, out);
	enact_remember(own, false);
	return out;
}

/* ---- connections ---- */

/* What all hosts have sent there; null: nobody tells. */
static void add_published(const struct enact *enact, const char *tenant, const char *object,
			  json_t *obj)
{
	uint64_t p, b;
	bool known = enact->intent && intent_stats(enact->intent, tenant, object, &p, &b);

	json_object_set_new(obj, "packets", known ? json_integer((json_int_t)p) : json_null());
	json_object_set_new(obj, "bytes", known ? json_integer((json_int_t)b) : json_null());
}

static json_t *leg_status(const struct enact_lookup *lookup, const struct nemo_leg *leg,
			  const char *member)
{
	uint64_t stale_us = ENACT_FRESH;
	int64_t value;

	return enact_leg_status(lookup, leg, member, &value, &stale_us) ? json_integer(value)
									: json_null();
}

static void add_leg(struct enact_lookup *lookup, const struct nemo_leg *leg, json_t *out)
{
	const struct enact *enact = lookup->enact;
	struct nemo_leg copy = *leg;
	struct nemo_legs one = {.v = &copy, .n = 1, .cap = 1};
	json_t *list = nemo_legs_json(&one), *obj = json_array_get(list, 0);
	char name[4 * NAME_LEN];

	snprintf(name, sizeof(name), "%s.%s.%s", leg->connection, leg->ingress, leg->gateway);
	json_object_set_new(obj, "measured_delay", leg_status(lookup, leg, "measured_delay"));
	json_object_set_new(obj, "utilization", leg_status(lookup, leg, "utilization"));
	add_published(enact, lookup->tenant, name, obj);
	json_array_append(out, obj);
	json_decref(list);
}

static json_t *connection_json(struct enact_lookup *lookup, const struct nemo_tenant *tenant,
			       const char *name)
{
	json_t *legs = json_array();
	const struct nemo_leg *leg;
	char why[160];
	bool up;

	enact_each_leg(tenant, name, leg) add_leg(lookup, leg, legs);
	up = enact_connection_up(lookup->enact, tenant, name, why, sizeof(why));
	return json_pack("{s:s, s:b, s:s, s:o}", "connection", name, "up", up, "why", why, "legs",
			 legs);
}

json_t *enact_connections_json(const struct enact *enact, const char *tenant)
{
	struct enact *own = (struct enact *)enact;
	const struct nemo_tenant *of = enact_tenant(&enact->head, tenant);
	struct enact_lookup lookup = enact_lookup(own, tenant);
	const struct nemo_object **list = NULL;
	json_t *out = json_array();
	int n = of ? nemo_store_list(of->store, NEMO_CONNECTION, &list) : 0;

	enact_counts_asked(own);
	for (int i = 0; i < n; i++)
		json_array_append_new(out, connection_json(&lookup, of, list[i]->name));
	free(list);
	return out;
}

/* ---- explain ---- */

static int bad_time(const char *text, struct err *err)
{
	return err_set(err, -EINVAL, "/time", text,
		       "must be \"now\", \"YYYY-MM-DD HH:MM:SS\" in the zone of conditions, or "
		       "RFC 3339");
}

/* "Z" or "+hh:mm", after the seconds and their fraction. */
static bool zone_read(const char *text, int64_t *offset_s)
{
	int hours, minutes, end = 0;

	if (text[0] == '.')
		text += 1 + strspn(text + 1, "0123456789");
	*offset_s = 0;
	if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0)
		return true;
	if ((text[0] != '+' && text[0] != '-') ||
	    sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &end) != 2 || text[1 + end] || end != 5)
		return false;
	*offset_s = (text[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
	return true;
}

static int time_read(const struct enact *enact, const char *text, struct nemo_date *out,
		     struct err *err)
{
	struct nemo_value value;
	struct tm tm = {0};
	const char *end;
	int64_t offset_s;

	if (!text || strcmp(text, "now") == 0) {
		enact_civil(enact_now_s(enact), out);
		return 0;
	}
	if (nemo_value_read(NEMO_DATE, text, &value, NULL) == 0 && value.date.has_day &&
	    value.date.has_time) {
		*out = value.date;
		return 0;
	}
	end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!end || tm.tm_year < -1899 || tm.tm_year > 8099 || !zone_read(end, &offset_s))
		return bad_time(text, err);
	enact_civil(timegm(&tm) - offset_s, out);
	return 0;
}

static bool is_of(const json_t *op, const char *tenant)
{
	const char *of = json_string_value(json_object_get(op, "tenant"));

	return !of || strcmp(of, tenant) == 0;
}

/* Of another tenant's operation only that there is one. */
static void hide(json_t *op, const char *tenant)
{
	static const char *const secret[] = {"priority", "flow", "why",	    "condition",
					     "actions",	 "goal", "gateway", "path"};

	if (is_of(op, tenant))
		return;
	json_object_set_new(op, "tenant", json_string(OTHER));
	json_object_set_new(op, "operation", json_string(OTHER));
	for (unsigned int i = 0; i < ARRAY_SIZE(secret); i++)
		json_object_del(op, secret[i]);
}

/* Those of others are told only where one of them wins: what does not match, or not now, would
 * tell what they match, and when. */
static void hide_others(json_t *ops, const char *tenant)
{
	for (size_t i = json_array_size(ops); i-- > 0;) {
		json_t *op = json_array_get(ops, i);
		const char *result = json_string_value(json_object_get(op, "result"));

		if (!is_of(op, tenant) && result && strcmp(result, "wins") != 0)
			json_array_remove(ops, i);
		else
			hide(op, tenant);
	}
}

json_t *enact_explain(struct enact *enact, const char *tenant, const char *packet, const char *time,
		      struct err *err)
{
	struct enact_lookup lookup = enact_lookup(enact, tenant);
	struct nemo_plan_in in = enact_plan_in(enact, &lookup, &enact->head, enact_now_s(enact));
	struct nemo_packet of;
	json_t *out;

	if (nemo_packet_read(packet, &of, err) || time_read(enact, time, &in.env.now, err))
		return NULL;
	in.asker = tenant;
	enact_remember(enact, true);
	out = nemo_explain(&in, &of);
	enact_remember(enact, false);
	if (!out) {
		err_set(err, -ENOMEM, "", NULL, "out of memory");
		return NULL;
	}
	hide(json_object_get(out, "winner"), tenant);
	hide_others(json_object_get(out, "operations"), tenant);
	return out;
}

/* ---- queries ---- */

static int check_names(const struct nemo_store *store, const struct nemo_query *query,
		       struct err *err)
{
	for (unsigned int i = 0; i < query->from.n; i++)
		if (!store || !nemo_store_find(store, query->from.v[i].text))
			return err_set(err, -ENOENT, "/from", query->from.v[i].text,
				       "must be an object of the tenant");
	return 0;
}

json_t *enact_query(const struct enact *enact, const char *tenant, const struct nemo_query *query,
		    struct err *err)
{
	const struct nemo_tenant *of = enact_tenant(&enact->head, tenant);
	struct enact_lookup lookup = enact_lookup((struct enact *)enact, tenant);
	struct nemo_env env = enact_env(&lookup, enact_now_s(enact));
	uint64_t revision = enact->intent ? intent_revision(enact->intent, tenant) : 0;
	char time[CLOCK_RFC3339];
	json_t *results;

	enact_counts_asked((struct enact *)enact);
	if (check_names(of ? of->store : NULL, query, err))
		return NULL;
	enact_remember(lookup.enact, true);
	results = of ? nemo_query(of->store, query, &env) : json_array();
	enact_remember(lookup.enact, false);
	return json_pack("{s:I, s:s, s:o}", "revision", (json_int_t)revision, "time",
			 clock_rfc3339(clock_real_s(), time), "results", results);
}
