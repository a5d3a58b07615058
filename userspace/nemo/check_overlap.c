/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operations that cannot both be, and those that may be in force both. Outside a transaction each
 * is judged where it stands, inside at its Commit. A conflict is an error: it depends on nothing
 * but the two operations. All else are warnings, which end where the check's budget ends.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <utlist.h>

#include "nemo/cond_int.h"
#include "nemo/overlap_int.h"
#include "util/own.h"

#define WORK_OF_MOVE 16 /* of one operation to another group, in steps of a search */

static void charge(struct check *check, unsigned int work)
{
	check->budget -= work < check->budget ? work : check->budget;
}

/* ---- conflicts ---- */
/* One of the set that it must not meet; NULL: none. */
static const struct member *enemy(struct set *set, struct member *m)
{
	const struct member *first, *second;

	if (set->n == 0 || (!set->mixed && set->actions == m->actions) || !overlap_surely(m))
		return NULL;
	overlap_settle(set);
	first = set->always;
	second = first ? first->in_set.next : NULL;
	if (first && first->actions != m->actions)
		return first;
	return second && second->actions != m->actions ? second : NULL;
}

static bool conflict(struct check *check, struct set *set, struct member *m)
{
	const struct member *other = enemy(set, m);

	if (!other)
		return false;
	check_error(check, m->at,
		    "operation '%s' conflicts with '%s': both are always in force on '%s' "
		    "with priority %" PRId64 " and have different actions",
		    m->op->name, other->op->name, m->op->c.target.text, m->op->c.priority);
	return true;
}

/* ---- overlaps ---- */
struct look {
	const struct flow *flow; /* whose match changed: its own are no others; NULL: none did */
	struct nemo_pos at;	 /* for operations that the script does not touch */
	unsigned int walked, compared;
	bool told; /* there */
};

static void tell(struct check *check, struct look *look, struct member *m, struct member *other)
{
	bool many = look->compared >= NEMO_OVERLAP_MAX || !check->budget;
	struct member *later = other->seq > m->seq ? other : m;

	if (later->seq ? later->warned : look->told)
		return;
	if (later->seq)
		later->warned = true;
	else
		look->told = true;
	nemo_warn(check->diags, NEMO_W_OVERLAP, later->seq ? later->at : look->at,
		  "operation '%s' and '%s' have equal priority %" PRId64
		  " and different actions, and both may be in force%s",
		  later->op->name, (later == m ? other : m)->op->name, m->op->c.priority,
		  many ? " (there are too many to compare their conditions)"
		       : ": the first by name wins");
}

/* true: no other needs to be looked at. */
static bool meet(struct check *check, struct look *look, struct member *m, struct member *other)
{
	charge(check, 1);
	if (overlap_stale(other) || (look->flow && other->flow == look->flow))
		return ++look->walked > NEMO_OVERLAP_MAX && !check->budget;
	if (look->compared < NEMO_OVERLAP_MAX && check->budget &&
	    !cond_may_both(other->op->c.condition, m->op->c.condition, &check->budget)) {
		look->compared++;
		return false;
	}
	tell(check, look, m, other);
	return true;
}

static void overlap(struct check *check, struct look *look, struct member *m)
{
	struct kind *kind;
	struct member *other;

	if (!m->kind)
		return; /* no memory was told */
	DL_FOREACH(m->kind->key.group->kinds, kind)
	{
		if (kind == m->kind)
			continue;
		DL_FOREACH2(kind->members, other, in_kind.next)
		{
			if (meet(check, look, m, other))
				return;
		}
	}
}

/* ---- what changes ---- */
/* Of an operation that is in no table yet. false: no memory. */
static bool place(struct check *check, struct member *m, const struct nemo_object *target)
{
	struct overlaps *o = check->overlaps;
	bool grouped = !check->diags->no_warnings, conflicts = false;
	struct flow *flow = overlap_flow_of(o, target, grouped);
	struct set *set = flow ? overlap_set(o, flow, m->op->c.priority) : NULL;
	struct look look = {.at = m->at};

	if (!set) {
		overlap_forget(o, m);
		return false;
	}
	m->flow = flow;
	flow->n++;
	DL_APPEND2(flow->members, m, in_flow.prev, in_flow.next);
	if (m->seq)
		conflicts = conflict(check, set, m);
	overlap_enter(set, m);
	if (grouped && !overlap_join(o, m, flow->class))
		return false;
	if (grouped && m->seq && !conflicts)
		overlap(check, &look, m);
	return true;
}

/* Its target, when that is a flow. */
static const struct nemo_object *target_of(const struct check *check, const struct nemo_object *op)
{
	const struct nemo_object *target = nemo_store_find(check->store, op->c.target.text);

	return target && target->kind == NEMO_FLOW ? target : NULL;
}

/* All operations of the draft, in order of names, without a word about them. */
static bool build(struct check *check)
{
	OWN_PTR const struct nemo_object **ops = NULL;
	const struct nemo_object *target;
	struct member *m;
	int n;

	check->overlaps = calloc(1, sizeof(*check->overlaps));
	if (!check->overlaps)
		return false;
	n = nemo_store_list(check->store, NEMO_OPERATION, &ops);
	for (int i = 0; i < n; i++) {
		target = target_of(check, ops[i]);
		m = target ? overlap_member(check->overlaps, ops[i]) : NULL;
		if (!m && target)
			return false;
		if (m && !place(check, m, target))
			return false;
	}
	return n >= 0;
}

void overlap_prepare(struct check *check)
{
	if (!check->overlaps && !build(check))
		check_no_memory(check);
}

void overlap_add(struct check *check, const struct nemo_object *op)
{
	const struct nemo_object *target = target_of(check, op);
	struct overlaps *o = check->overlaps;
	struct member *m;

	if (!o || !target)
		return;
	m = overlap_member(o, op);
	if (!m) {
		check_no_memory(check);
		return;
	}
	m->at = check->stmt->name.at;
	m->seq = ++o->seq;
	if (check->in_transaction)
		DL_APPEND2(o->waiting, m, in_flow.prev, in_flow.next);
	else if (!place(check, m, target))
		check_no_memory(check);
}

void overlap_remove(struct check *check, const struct nemo_object *op)
{
	struct member *m = NULL;

	if (check->overlaps)
		HASH_FIND_PTR(check->overlaps->members, &op, m);
	if (m)
		overlap_drop(check->overlaps, m);
}

/* From the groups of the old match to those of the new one. */
static bool move(struct check *check, struct flow *flow)
{
	struct member *m;

	charge(check, flow->n * WORK_OF_MOVE);
	DL_FOREACH2(flow->members, m, in_flow.next)
	{
		overlap_leave(check->overlaps, m);
		if (!overlap_join(check->overlaps, m, flow->class))
			return false;
	}
	return true;
}

static void judge_flow(struct check *check, struct flow *flow)
{
	struct look look = {.flow = flow, .at = flow->at};
	struct member *m;

	DL_FOREACH2(flow->members, m, in_flow.next)
	{
		if (!check->budget)
			return;
		look.walked = look.compared = 0;
		overlap(check, &look, m);
	}
}

static void later(struct overlaps *o, struct flow *flow)
{
	if (flow->changed)
		return;
	flow->changed = true;
	LL_PREPEND2(o->changed, flow, next_changed);
}

/* Of another flow, as far as is looked. */
static bool has_other(const struct group *group, const struct flow *flow)
{
	unsigned int walked = 0;
	const struct member *m;
	const struct kind *kind;

	DL_FOREACH(group->kinds, kind)
	{
		DL_FOREACH2(kind->members, m, in_kind.next)
		{
			if (m->flow != flow && !overlap_stale(m))
				return true;
			if (++walked == NEMO_OVERLAP_MAX)
				return false;
		}
	}
	return false;
}

/* What is beyond the budget stays where it is, stale, and is not looked at any more. */
static bool leave_behind(struct check *check, struct flow *flow)
{
	struct group *group =
		overlap_group(check->overlaps, flow->class, flow->members->op->c.priority);

	check->budget = 0;
	if (group && has_other(group, flow))
		nemo_warn(check->diags, NEMO_W_OVERLAP, flow->at,
			  "operations on '%s' and on flows with equal match may both be in force "
			  "(there are too many to compare)",
			  flow->name);
	return group != NULL;
}

static bool rematch(struct check *check, struct flow *flow, uint64_t class)
{
	flow->class = class;
	flow->at = check->stmt->name.at;
	if (!flow->members)
		return true;
	if (flow->n * WORK_OF_MOVE >= check->budget)
		return leave_behind(check, flow);
	if (!move(check, flow))
		return false;
	if (check->in_transaction)
		later(check->overlaps, flow);
	else
		judge_flow(check, flow);
	return true;
}

void overlap_flow(struct check *check, const struct nemo_object *object)
{
	struct flow *flow = NULL;
	uint64_t class;

	if (check->overlaps && !check->diags->no_warnings)
		HASH_FIND_STR(check->overlaps->flows, object->name, flow);
	if (!flow)
		return;
	if (!overlap_class(object, &class) ||
	    (class != flow->class && !rematch(check, flow, class)))
		check_no_memory(check);
}

void overlap_commit(struct check *check)
{
	struct overlaps *o = check->overlaps;
	struct member *m;
	struct flow *flow;

	check->in_transaction = false;
	while (o && (m = o->waiting)) {
		DL_DELETE2(o->waiting, m, in_flow.prev, in_flow.next);
		if (!place(check, m, target_of(check, m->op)))
			check_no_memory(check);
	}
	while (o && (flow = o->changed)) {
		LL_DELETE2(o->changed, flow, next_changed);
		flow->changed = false;
		judge_flow(check, flow);
	}
}

#define FREE_ALL(table, one, next)                                                                 \
	HASH_ITER(hh, table, one, next) {                                                          \
		HASH_DEL(table, one);                                                              \
		free(one);                                                                         \
	}

void overlap_fini(struct check *check)
{
	struct overlaps *o = check->overlaps;
	struct member *member, *next_member;
	struct group *group, *next_group;
	struct kind *kind, *next_kind;
	struct flow *flow, *next_flow;
	struct set *set, *next_set;

	if (!o)
		return;
	FREE_ALL(o->members, member, next_member);
	FREE_ALL(o->kinds, kind, next_kind);
	FREE_ALL(o->groups, group, next_group);
	FREE_ALL(o->sets, set, next_set);
	HASH_ITER(hh, o->flows, flow, next_flow) {
		HASH_DEL(o->flows, flow);
		free(flow->name);
		free(flow);
	}
	free(o);
	check->overlaps = NULL;
}
