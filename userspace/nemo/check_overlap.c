/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operations of equal priority on one flow, or on flows with equal match: kept in groups, so that
 * each is compared only with those that it can meet. A group's members with equal actions are
 * skipped by a hash of the actions.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1 /* a failed HASH_ADD leaves hh.tbl NULL */
#include "nemo/check_int.h"
#include "nemo/cond.h"
#include "util/own.h"

#define NOT_KNOWN -1

struct member {
	const struct nemo_object *op;
	uint64_t actions; /* hash */
	int always;	  /* enum nemo_always, or NOT_KNOWN */
};

struct group_key {
	uint64_t class; /* of flows with equal match */
	int64_t priority;
};

struct group {
	struct group_key key;
	struct member *v;
	unsigned int n, cap;
	UT_hash_handle hh;
};

struct flow {
	char *name;
	uint64_t class;
	const struct nemo_object **ops;
	unsigned int n, cap;
	UT_hash_handle hh;
};

struct overlaps {
	struct group *groups;
	struct flow *flows;
};

/* ---- what is equal ---- */
static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Values as text: those of a list sorted, for it is a set. */
static void add_values(struct nemo_text *out, const struct nemo_arg *arg)
{
	char buf[NEMO_STRING_MAX + 1];
	char **texts = calloc(arg->n, sizeof(*texts));

	for (unsigned int i = 0; i < arg->n && texts; i++) {
		nemo_value_text(&arg->v[i], buf, sizeof(buf));
		texts[i] = strdup(buf);
		out->no_memory |= !texts[i];
	}
	out->no_memory |= !texts;
	if (!out->no_memory && arg->kind == NEMO_ARG_LIST)
		qsort(texts, arg->n, sizeof(*texts), by_text);
	for (unsigned int i = 0; i < arg->n && texts; i++) {
		if (!out->no_memory)
			nemo_text_add(out, " %s\n", texts[i]);
		free(texts[i]);
	}
	free(texts);
}

/* Equal for flows with equal match. */
static bool class_of(const struct nemo_object *flow, uint64_t *class)
{
	struct nemo_text text = {0};

	for (unsigned int i = 0; i < flow->c.match.n; i++) {
		const struct nemo_pair *pair = &flow->c.match.v[i];

		nemo_text_add(&text, "%s%s\n", pair->name.text,
			      pair->arg.kind == NEMO_ARG_RANGE ? "=range" : "=");
		add_values(&text, &pair->arg);
	}
	*class = text.no_memory ? 0 : hash_bytes(text.data ? text.data : "", text.len);
	free(text.data);
	return !text.no_memory;
}

static bool actions_of(const struct nemo_object *op, uint64_t *hash)
{
	struct nemo_clauses c = {0};
	struct nemo_text text = {0};

	if (!nemo_actions_sorted(&op->c.actions, &c.actions))
		return false;
	nemo_print_clauses(&text, &c);
	free(c.actions.v);
	*hash = text.no_memory ? 0 : hash_bytes(text.data ? text.data : "", text.len);
	free(text.data);
	return !text.no_memory;
}

/* ---- tables ---- */
static struct flow *flow_get(struct overlaps *o, const struct nemo_object *object)
{
	struct flow *flow;

	HASH_FIND_STR(o->flows, object->name, flow);
	if (flow)
		return flow;
	flow = calloc(1, sizeof(*flow));
	if (!flow)
		return NULL;
	flow->name = strdup(object->name);
	if (flow->name && class_of(object, &flow->class))
		HASH_ADD_KEYPTR(hh, o->flows, flow->name, strlen(flow->name), flow);
	if (flow->hh.tbl)
		return flow;
	free(flow->name);
	free(flow);
	return NULL;
}

static struct group *group_get(struct overlaps *o, uint64_t class, int64_t priority)
{
	const struct group_key key = {.class = class, .priority = priority};
	struct group *group;

	HASH_FIND(hh, o->groups, &key, sizeof(key), group);
	if (group)
		return group;
	group = calloc(1, sizeof(*group));
	if (!group)
		return NULL;
	group->key = key;
	HASH_ADD(hh, o->groups, key, sizeof(group->key), group);
	if (group->hh.tbl)
		return group;
	free(group);
	return NULL;
}

/* Room for one more in an array. */
static bool grow(void **v, unsigned int n, unsigned int *cap, size_t size)
{
	unsigned int more = *cap ? *cap * 2 : 4;
	void *bigger;

	if (n < *cap)
		return true;
	bigger = realloc(*v, more * size);
	if (!bigger)
		return false;
	*v = bigger;
	*cap = more;
	return true;
}

static bool group_add(struct group *group, const struct member *member)
{
	if (!grow((void **)&group->v, group->n, &group->cap, sizeof(*group->v)))
		return false;
	group->v[group->n++] = *member;
	return true;
}

static void group_remove(struct group *group, const struct nemo_object *op)
{
	for (unsigned int i = 0; i < group->n; i++) {
		if (group->v[i].op != op)
			continue;
		memmove(&group->v[i], &group->v[i + 1], (--group->n - i) * sizeof(group->v[0]));
		return;
	}
}

static bool flow_add(struct flow *flow, const struct nemo_object *op)
{
	if (!grow((void **)&flow->ops, flow->n, &flow->cap, sizeof(struct nemo_object *)))
		return false;
	flow->ops[flow->n++] = op;
	return true;
}

static void flow_remove(struct flow *flow, const struct nemo_object *op)
{
	for (unsigned int i = 0; i < flow->n; i++) {
		if (flow->ops[i] == op) {
			flow->ops[i] = flow->ops[--flow->n];
			return;
		}
	}
}

/* ---- comparison ---- */
static bool is_always(struct member *member)
{
	if (member->always == NOT_KNOWN)
		member->always = member->op->c.condition
					 ? (int)nemo_expr_always(member->op->c.condition)
					 : (int)NEMO_ALWAYS;
	return member->always == NEMO_ALWAYS;
}

static bool same_target(const struct member *a, const struct member *b)
{
	return strcmp(a->op->c.target.text, b->op->c.target.text) == 0;
}

static bool conflict(struct check *check, struct group *group, struct member *member)
{
	for (unsigned int i = 0; i < group->n; i++) {
		struct member *other = &group->v[i];

		if (other->actions == member->actions || !same_target(other, member) ||
		    !is_always(member) || !is_always(other))
			continue;
		check_error(check, check->stmt->name.at,
			    "operation '%s' conflicts with '%s': both are always in force on '%s' "
			    "with priority %" PRId64 " and have different actions",
			    member->op->name, other->op->name, member->op->c.target.text,
			    member->op->c.priority);
		return true;
	}
	return false;
}

static void overlap(struct check *check, struct group *group, struct member *member)
{
	unsigned int compared = 0;

	for (unsigned int i = group->n; i > 0; i--) {
		const struct member *other = &group->v[i - 1];
		bool many = compared >= NEMO_OVERLAP_MAX;

		if (other->actions == member->actions)
			continue;
		if (!many && !nemo_may_both(other->op->c.condition, member->op->c.condition)) {
			compared++;
			continue;
		}
		nemo_warn(check->diags, NEMO_W_OVERLAP, check->stmt->name.at,
			  "operation '%s' and '%s' have equal priority %" PRId64
			  " and different actions, and both may be in force%s",
			  member->op->name, other->op->name, member->op->c.priority,
			  many ? " (there are too many to compare their conditions)"
			       : ": the first by name wins");
		return;
	}
}

static bool add(struct check *check, const struct nemo_object *op, bool compare)
{
	const struct nemo_object *target = nemo_store_find(check->store, op->c.target.text);
	struct member member = {.op = op, .always = NOT_KNOWN};
	struct group *group;
	struct flow *flow;

	if (!target || target->kind != NEMO_FLOW)
		return true;
	flow = flow_get(check->overlaps, target);
	if (!flow || !actions_of(op, &member.actions))
		return false;
	group = group_get(check->overlaps, flow->class, op->c.priority);
	if (!group)
		return false;
	if (compare && !conflict(check, group, &member))
		overlap(check, group, &member);
	return flow_add(flow, op) && group_add(group, &member);
}

/* All operations of the draft, in order of names, without a word about them. */
static bool build(struct check *check)
{
	OWN_PTR const struct nemo_object **ops = NULL;
	bool ok = true;
	int n;

	if (check->overlaps)
		return true;
	check->overlaps = calloc(1, sizeof(*check->overlaps));
	if (!check->overlaps)
		return false;
	n = nemo_store_list(check->store, NEMO_OPERATION, &ops);
	for (int i = 0; i < n && ok; i++)
		ok = add(check, ops[i], false);
	return ok && n >= 0;
}

void overlap_prepare(struct check *check)
{
	if (!build(check))
		check_no_memory(check);
}

void overlap_add(struct check *check, const struct nemo_object *op)
{
	if (check->overlaps && !add(check, op, true))
		check_no_memory(check);
}

void overlap_remove(struct check *check, const struct nemo_object *op)
{
	const struct nemo_object *target = nemo_store_find(check->store, op->c.target.text);
	struct flow *flow = NULL;
	struct group *group;

	if (check->overlaps && target && target->kind == NEMO_FLOW)
		flow = flow_get(check->overlaps, target);
	if (!flow)
		return;
	flow_remove(flow, op);
	group = group_get(check->overlaps, flow->class, op->c.priority);
	if (group)
		group_remove(group, op);
}

/* From the groups of the old match to those of the new one. */
static bool move(struct check *check, struct flow *flow, uint64_t class)
{
	for (unsigned int i = 0; i < flow->n; i++) {
		const struct nemo_object *op = flow->ops[i];
		struct group *from = group_get(check->overlaps, flow->class, op->c.priority);
		struct group *to = group_get(check->overlaps, class, op->c.priority);
		struct member member = {.op = op, .always = NOT_KNOWN};

		if (!from || !to || !actions_of(op, &member.actions))
			return false;
		group_remove(from, op);
		if (!group_add(to, &member))
			return false;
	}
	flow->class = class;
	return true;
}

void overlap_flow(struct check *check, const struct nemo_object *object)
{
	struct flow *flow = NULL;
	uint64_t class;

	if (check->overlaps)
		HASH_FIND_STR(check->overlaps->flows, object->name, flow);
	if (!flow)
		return;
	if (!class_of(object, &class) || (class != flow->class && !move(check, flow, class)))
		check_no_memory(check);
}

void overlap_fini(struct check *check)
{
	struct overlaps *o = check->overlaps;
	struct group *group, *next_group;
	struct flow *flow, *next_flow;

	if (!o)
		return;
	HASH_ITER(hh, o->groups, group, next_group) {
		HASH_DEL(o->groups, group);
		free(group->v);
		free(group);
	}
	HASH_ITER(hh, o->flows, flow, next_flow) {
		HASH_DEL(o->flows, flow);
		free(flow->ops);
		free(flow->name);
		free(flow);
	}
	free(o);
	check->overlaps = NULL;
}
