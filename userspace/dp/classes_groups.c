/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Groups of rules, and pairs of classes that have them, see classes.c. */
#include "dp/classes_int.h"

#include <errno.h>
#include <string.h>

static int full(struct work *w, const char *what)
{
	return err_set(w->err, -ENOSPC, "classes", "",
		       "the rules need more than %d %s: fewer rules, or fewer that share no prefix",
		       SAN_CLASS_ENTRIES, what);
}

static void emit_new(struct work *w, uint32_t group, uint32_t rank)
{
	const struct san_msg_class *r = w->by_rank[rank];
	struct classes_rule *out = &w->out->rules[w->out->n_rules];

	w->entry[w->shape[rank]] = w->out->n_rules++;
	out->key = classes_fields(r);
	out->key.set = w->set;
	out->key.group = group;
	out->val = (struct san_class_rule){
		.service_id = r->service_id,
		.rank = rank,
		.local_rank = SAN_CLASS_NONE,
		.act = r->act,
		.verdict = r->verdict,
		.mark = r->mark,
	};
}

/* Members of a group come strongest first: the first of its shape makes the entry. */
static void emit_rule(struct work *w, uint32_t group, uint32_t rank)
{
	struct san_class_rule *val;
	uint32_t shape = w->shape[rank];

	if (w->seen[shape] != w->stamp)
		emit_new(w, group, rank);
	w->seen[shape] = w->stamp;
	val = &w->out->rules[w->entry[shape]].val;
	if (!is_local(w->by_rank[rank]) || val->local_rank != SAN_CLASS_NONE)
		return;
	val->local_id = w->by_rank[rank]->service_id;
	val->local_rank = rank;
}

/* A group with the members that lie behind the last one's, if there is one. */
static uint32_t group_known(const struct work *w, const struct group *new)
{
	uint32_t i;

	for (i = 1; i < w->n_groups; i++) {
		const struct group *g = &w->groups[i];

		if (g->hash == new->hash && g->n == new->n &&
		    !memcmp(w->members + g->first, w->members + new->first,
			    new->n * sizeof(*w->members)))
			return i;
	}
	return 0;
}

/* Hidden by a stronger one of the same shape, from all who could ask for it? */
static bool is_hidden(const struct work *w, uint32_t rank)
{
	uint32_t shape = w->shape[rank];

	return w->seen[shape] == w->stamp &&
	       (w->local[shape] == w->stamp || !is_local(w->by_rank[rank]));
}

static void member_add(struct work *w, struct group *g, uint32_t rank)
{
	uint32_t shape = w->shape[rank];

	if (is_hidden(w, rank))
		return;
	w->seen[shape] = w->stamp;
	if (is_local(w->by_rank[rank]))
		w->local[shape] = w->stamp;
	w->members[w->n_members++] = rank;
	g->hash = (g->hash ^ rank) * 16777619u;
	g->n++;
}

/* The candidates whose source class covers the marked one, strongest first. Behind a rule without
 * fields nobody gets; End.SAN does if it does not ask for that one. */
static struct group group_collect(struct work *w)
{
	struct group g = {.first = w->n_members, .hash = 2166136261u};
	bool only_local = false;
	uint32_t i, rank;

	w->stamp++;
	for (i = 0; i < w->n_cand; i++) {
		rank = w->cand[i];
		if (!w->src.covers[w->src.class[rank]] ||
		    (only_local && !is_local(w->by_rank[rank])))
			continue;
		member_add(w, &g, rank);
		if (w->by_rank[rank]->fields)
			continue;
		if (is_local(w->by_rank[rank]))
			break;
		only_local = true;
	}
	return g;
}

static int group_make(struct work *w, uint32_t *number)
{
	struct group g = group_collect(w);
	uint32_t i, known = group_known(w, &g);

	if (known) {
		w->n_members = g.first;
		*number = known;
		return 0;
	}
	if (w->n_members > SAN_CLASS_ENTRIES)
		return full(w, "entries of rules");
	w->groups[w->n_groups] = g;
	*number = w->n_groups++;
	w->stamp++;
	for (i = 0; i < g.n; i++)
		emit_rule(w, *number, w->members[g.first + i]);
	return 0;
}

static int emit_pair(struct work *w, uint32_t src, uint32_t dst, uint32_t group)
{
	struct classes_pair *pair = &w->out->pairs[w->out->n_pairs];
	const struct group *g = &w->groups[group];
	uint32_t i;

	if (w->out->n_pairs == SAN_CLASS_ENTRIES)
		return full(w, "pairs of prefixes");
	w->out->n_pairs++;
	pair->key = (struct san_class_pair_key){.set = w->set, .src = src, .dst = dst};
	pair->val = (struct san_class_pair){.group = group};
	for (i = 0; i < g->n; i++)
		pair->val.combinations |= 1u << w->by_rank[w->members[g->first + i]]->fields;
	return 0;
}

/* All pairs with one source class: it takes over the group of the class above it unless a
 * candidate names it. */
static int pair_make(struct work *w, uint32_t src, uint32_t dst)
{
	uint32_t group = src ? w->group_of[w->src.nodes[src].parent] : 0;
	int r = 0;

	if (w->asked[src]) {
		classes_mark(&w->src, src, true);
		r = group_make(w, &group);
		classes_mark(&w->src, src, false);
	}
	w->group_of[src] = group;
	return !r && group ? emit_pair(w, src, dst, group) : r;
}

int classes_destination(struct work *w, uint32_t dst)
{
	uint32_t rank, src;
	int r = 0;

	memset(w->asked, 0, (w->src.n + 1) * sizeof(*w->asked));
	w->n_cand = 0;
	classes_mark(&w->dst, dst, true);
	for (rank = 0; rank < w->n; rank++) {
		if (!w->dst.covers[w->dst.class[rank]])
			continue;
		w->cand[w->n_cand++] = rank;
		w->asked[w->src.class[rank]] = true;
	}
	classes_mark(&w->dst, dst, false);
	for (src = 0; src <= w->src.n && !r; src++)
		r = pair_make(w, src, dst);
	return r;
}
