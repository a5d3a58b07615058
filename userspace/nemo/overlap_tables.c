/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define HASH_NONFATAL_OOM 1 /* a failed HASH_ADD leaves hh.tbl NULL */
#include "nemo/cond_int.h"
#include "nemo/overlap_int.h"

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
bool overlap_class(const struct nemo_object *flow, uint64_t *class)
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

/* ---- flows ---- */
struct flow *overlap_flow_of(struct overlaps *o, const struct nemo_object *object, bool grouped)
{
	struct flow *flow;

	HASH_FIND_STR(o->flows, object->name, flow);
	if (flow)
		return flow;
	flow = calloc(1, sizeof(*flow));
	if (!flow)
		return NULL;
	flow->name = strdup(object->name);
	if (flow->name && (!grouped || overlap_class(object, &flow->class)))
		HASH_ADD_KEYPTR(hh, o->flows, flow->name, strlen(flow->name), flow);
	if (flow->hh.tbl)
		return flow;
	free(flow->name);
	free(flow);
	return NULL;
}

/* ---- sets ---- */
struct set *overlap_set(struct overlaps *o, const struct flow *flow, int64_t priority)
{
	const struct set_key key = {.flow = flow, .priority = priority};
	struct set *set;

	HASH_FIND(hh, o->sets, &key, sizeof(key), set);
	if (set)
		return set;
	set = calloc(1, sizeof(*set));
	if (!set)
		return NULL;
	set->key = key;
	HASH_ADD(hh, o->sets, key, sizeof(set->key), set);
	if (set->hh.tbl)
		return set;
	free(set);
	return NULL;
}

bool overlap_surely(struct member *member)
{
	const struct nemo_expr *cond = member->op->c.condition;
	bool always;

	if (member->surely == SURELY_NOT_KNOWN) {
		always = !cond || cond_surely(cond) == NEMO_ALWAYS;
		member->surely = always ? SURELY_ALWAYS : SURELY_NOT;
	}
	return member->surely == SURELY_ALWAYS;
}

static void enter_always(struct set *set, struct member *m)
{
	if (set->always && set->always->actions != m->actions)
		DL_APPEND_ELEM2(set->always, set->always, m, in_set.prev, in_set.next);
	else
		DL_APPEND2(set->always, m, in_set.prev, in_set.next);
}

void overlap_settle(struct set *set)
{
	struct member *m;

	while ((m = set->unknown)) {
		DL_DELETE2(set->unknown, m, in_set.prev, in_set.next);
		if (overlap_surely(m))
			enter_always(set, m);
	}
}

void overlap_enter(struct set *set, struct member *m)
{
	if (set->n++ == 0) {
		set->actions = m->actions;
		set->mixed = false;
	}
	set->mixed |= set->actions != m->actions;
	m->set = set;
	if (!m->op->c.condition)
		m->surely = SURELY_ALWAYS;
	if (m->surely == SURELY_ALWAYS)
		enter_always(set, m);
	else if (m->surely == SURELY_NOT_KNOWN)
		DL_APPEND2(set->unknown, m, in_set.prev, in_set.next);
}

static void exit_set(struct member *m)
{
	m->set->n--;
	if (m->surely == SURELY_ALWAYS)
		DL_DELETE2(m->set->always, m, in_set.prev, in_set.next);
	else if (m->surely == SURELY_NOT_KNOWN)
		DL_DELETE2(m->set->unknown, m, in_set.prev, in_set.next);
}

/* ---- groups ---- */
struct group *overlap_group(struct overlaps *o, uint64_t class, int64_t priority)
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

static struct kind *kind_of(struct overlaps *o, struct group *group, uint64_t actions)
{
	const struct kind_key key = {.group = group, .actions = actions};
	struct kind *kind;

	HASH_FIND(hh, o->kinds, &key, sizeof(key), kind);
	if (kind)
		return kind;
	kind = calloc(1, sizeof(*kind));
	if (!kind)
		return NULL;
	kind->key = key;
	HASH_ADD(hh, o->kinds, key, sizeof(kind->key), kind);
	if (kind->hh.tbl) {
		DL_PREPEND(group->kinds, kind);
		return kind;
	}
	free(kind);
	return NULL;
}

bool overlap_join(struct overlaps *o, struct member *m, uint64_t class)
{
	struct group *group = overlap_group(o, class, m->op->c.priority);

	m->kind = group ? kind_of(o, group, m->actions) : NULL;
	if (!m->kind)
		return false;
	DL_PREPEND2(m->kind->members, m, in_kind.prev, in_kind.next);
	return true;
}

void overlap_leave(struct overlaps *o, struct member *m)
{
	struct kind *kind = m->kind;

	if (!kind)
		return;
	m->kind = NULL;
	DL_DELETE2(kind->members, m, in_kind.prev, in_kind.next);
	if (kind->members)
		return;
	DL_DELETE(kind->key.group->kinds, kind);
	HASH_DEL(o->kinds, kind);
	free(kind);
}

bool overlap_stale(const struct member *m)
{
	return m->kind->key.group->key.class != m->flow->class;
}

/* ---- members ---- */
struct member *overlap_member(struct overlaps *o, const struct nemo_object *op)
{
	struct member *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->op = op;
	if (actions_of(op, &m->actions))
		HASH_ADD_PTR(o->members, op, m);
	if (m->hh.tbl)
		return m;
	free(m);
	return NULL;
}

void overlap_forget(struct overlaps *o, struct member *m)
{
	HASH_DEL(o->members, m);
	free(m);
}

void overlap_drop(struct overlaps *o, struct member *m)
{
	if (m->flow) {
		DL_DELETE2(m->flow->members, m, in_flow.prev, in_flow.next);
		m->flow->n--;
	} else {
		DL_DELETE2(o->waiting, m, in_flow.prev, in_flow.next);
	}
	if (m->set)
		exit_set(m);
	overlap_leave(o, m);
	overlap_forget(o, m);
}
