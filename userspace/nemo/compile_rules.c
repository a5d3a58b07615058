/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Classifier rules of operations, from the strongest to the weakest. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/compile_int.h"

struct match { /* what a rule matches; padding is zero */
	struct in6_addr src, dst;
	struct nemo_fields fields;
	uint8_t src_len, dst_len;
};
struct known {
	struct match match;
	UT_hash_handle hh;
};
struct nemo_emit {
	struct nemo_plan *plan;
	struct nemo_goals *goals;
	struct known *known; /* matches that a rule has: a weaker one with the same is hidden */
	int *goal;	     /* of each rule; -1 = none */
	unsigned int cap, looks;
	bool hidden; /* goals without rules are wanted */
};

/* One operation by one of its ways. */
struct job {
	struct nemo_emit *emit;
	const struct nemo_verdict *verdict;
	const struct nemo_way *way;
	struct nemo_op_plan *op;
};

struct nemo_emit *nemo_emit_new(struct nemo_plan *plan, bool hidden)
{
	struct nemo_emit *emit = calloc(1, sizeof(*emit));

	if (!emit)
		return NULL;
	emit->plan = plan;
	emit->hidden = hidden;
	emit->goals = nemo_goals_new();
	if (!emit->goals) {
		free(emit);
		return NULL;
	}
	return emit;
}

void nemo_emit_free(struct nemo_emit *emit)
{
	struct known *k, *next;

	if (!emit)
		return;
	HASH_ITER(hh, emit->known, k, next) {
		HASH_DEL(emit->known, k);
		free(k);
	}
	nemo_goals_free(emit->goals);
	free(emit->goal);
	free(emit);
}

/* ---- one rule ---- */

static int room(struct nemo_emit *emit)
{
	unsigned int cap = emit->cap ? emit->cap * 2 : 64;
	struct plan_class *rules;
	int *goal;

	if (emit->plan->n_rules == NEMO_RULES_MAX)
		return -ENOSPC;
	if (emit->plan->n_rules < emit->cap)
		return 0;
	rules = reallocarray(emit->plan->rules, cap, sizeof(*rules));
	if (!rules)
		return -ENOMEM;
	emit->plan->rules = rules;
	goal = reallocarray(emit->goal, cap, sizeof(*goal));
	if (!goal)
		return -ENOMEM;
	emit->goal = goal;
	emit->cap = cap;
	return 0;
}

/* 0: is new; 1: a stronger rule matches the same. */
static int remember(struct nemo_emit *emit, const struct match *match)
{
	struct known *k;

	if (++emit->looks > NEMO_LOOKS_MAX)
		return -E2BIG;
	HASH_FIND(hh, emit->known, match, sizeof(*match), k);
	if (k)
		return 1;
	k = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	memcpy(&k->match, match, sizeof(*match));
	HASH_ADD(hh, emit->known, match, sizeof(k->match), k);
	return 0;
}

static int goal_of(const struct job *job, enum nemo_family family)
{
	struct nemo_goal goal = job->way->to_goal;

	if (job->way->verdict != SAN_ACT_STEER || job->way->service)
		return -1;
	goal.hop = job->way->hop[family];
	return nemo_goals_add(job->emit->goals, &goal);
}

static void fill(const struct job *job, const struct match *match, struct san_msg_class *msg)
{
	const struct nemo_want *want = &job->verdict->want;
	bool drop = job->way->verdict == SAN_ACT_DROP;

	*msg = (struct san_msg_class){
		.service_id = job->way->service,
		.src = match->src,
		.dst = match->dst,
		.src_len = match->src_len,
		.dst_len = match->dst_len,
		.fields = match->fields.fields,
		.proto = match->fields.proto,
		.sport = htons(match->fields.sport),
		.dport = htons(match->fields.dport),
		.dscp = match->fields.dscp,
		.intent = 1,
		.verdict = job->way->verdict,
		.mark = drop ? 0 : want->mark,
		.act = job->op->act,
		.rate_kbps = drop ? 0 : want->rate_kbps,
	};
}

static int rule(const struct job *job, const struct match *match, enum nemo_family family)
{
	struct nemo_emit *emit = job->emit;
	struct plan_class *rule;
	int goal, r = remember(emit, match);

	if (r > 0)
		return emit->hidden && goal_of(job, family) == -ENOMEM ? -ENOMEM : 0;
	if (r == 0)
		r = room(emit);
	if (r)
		return r;
	goal = goal_of(job, family);
	if (goal == -ENOMEM)
		return goal;
	rule = &emit->plan->rules[emit->plan->n_rules];
	memset(rule, 0, sizeof(*rule));
	fill(job, match, &rule->msg);
	emit->goal[emit->plan->n_rules++] = goal;
	job->op->rules++;
	return 0;
}

static int rules(const struct job *job, const struct nemo_prefix *src,
		 const struct nemo_prefix *dst, enum nemo_family family)
{
	const struct nemo_verdict *verdict = job->verdict;
	struct match match;
	int r = 0;

	memset(&match, 0, sizeof(match));
	match.src = src->addr;
	match.src_len = src->len;
	match.dst = dst->addr;
	match.dst_len = dst->len;
	for (unsigned int i = 0; !r && i < verdict->n_fields; i++) {
		match.fields = verdict->fields[i];
		r = rule(job, &match, family);
	}
	return r;
}

/* ---- one family ---- */

static const struct nemo_prefix any; /* either family: a length of 0 */

/* What is all of a family needs no prefix of its own where the other side tells the family. */
static int side(const struct nemo_spans *spans, enum nemo_family family, bool told,
		struct nemo_prefixes *out)
{
	struct nemo_spans outside = {0};
	int r;

	if (told && nemo_spans_is_all(spans, family))
		return nemo_prefixes_add(out, &any);
	if (family == NEMO_V4)
		return nemo_spans_prefixes(spans, out);
	r = nemo_spans_outside_v4(spans, &outside);
	if (!r)
		r = nemo_spans_prefixes(&outside, out);
	nemo_spans_fini(&outside);
	return r;
}

static int product(const struct job *job, const struct nemo_prefixes *src,
		   const struct nemo_prefixes *dst, enum nemo_family family)
{
	int r = 0;

	for (unsigned int i = 0; !r && i < dst->n; i++)
		for (unsigned int j = 0; !r && j < src->n; j++)
			r = rules(job, &src->v[j], &dst->v[i], family);
	return r;
}

/* rest: all IPv4 packets that the flow's fields fit have found a rule of this operation. */
static int one_family(const struct job *job, const struct nemo_spans *dst, enum nemo_family family,
		      bool rest)
{
	const struct nemo_spans *src = &job->verdict->flow->src[family];
	struct nemo_prefixes from = {0}, to = {0};
	bool open = nemo_spans_is_all(src, family);
	int r;

	if (!src->n || !dst->n)
		return 0;
	r = side(src, family, true, &from);
	if (!r)
		r = side(dst, family, !open || rest, &to);
	if (!r)
		r = product(job, &from, &to, family);
	nemo_prefixes_fini(&from);
	nemo_prefixes_fini(&to);
	return r;
}

/* ---- one operation ---- */

/* Destinations of the flow that go this way. */
static int way_dst(const struct job *job, struct nemo_spans out[NEMO_FAMILIES])
{
	const struct nemo_way *way = job->way;
	int r = 0;

	for (int f = 0; !r && f < NEMO_FAMILIES; f++) {
		struct nemo_span to;
		struct nemo_spans whole = {0};

		if (way->limited && way->to.v4 != (f == NEMO_V4))
			continue;
		nemo_prefix_span(&way->to, &to);
		r = way->limited ? nemo_spans_add(&whole, to.lo, to.hi)
				 : nemo_spans_add_all(&whole, (enum nemo_family)f);
		if (!r)
			r = nemo_spans_cut(&job->verdict->flow->dst[f], &whole, &out[f]);
		nemo_spans_fini(&whole);
	}
	return r;
}

static bool open_to_all(const struct nemo_flow *flow, const struct nemo_spans *dst,
			enum nemo_family family)
{
	return nemo_spans_is_all(&flow->src[family], family) && nemo_spans_is_all(dst, family);
}

static int one_way(const struct job *job)
{
	const struct nemo_flow *flow = job->verdict->flow;
	const struct nemo_way *way = job->way;
	struct nemo_spans dst[NEMO_FAMILIES] = {0};
	bool same = way->verdict != SAN_ACT_STEER || way->service;
	bool rest;
	int r = way_dst(job, dst);

	rest = way->can[NEMO_V4] && open_to_all(flow, &dst[NEMO_V4], NEMO_V4);
	if (!r && same && rest && open_to_all(flow, &dst[NEMO_V6], NEMO_V6)) {
		r = rules(job, &any, &any, NEMO_V6);
	} else if (!r) {
		if (way->can[NEMO_V4])
			r = one_family(job, &dst[NEMO_V4], NEMO_V4, false);
		if (!r && way->can[NEMO_V6])
			r = one_family(job, &dst[NEMO_V6], NEMO_V6, rest);
	}
	nemo_spans_fini(&dst[NEMO_V4]);
	nemo_spans_fini(&dst[NEMO_V6]);
	return r;
}

/* All that the flow matches has found a rule. */
static int hidden_way(const struct job *job)
{
	const struct nemo_flow *flow = job->verdict->flow;
	const struct nemo_way *way = job->way;

	for (int f = 0; f < NEMO_FAMILIES; f++) {
		if (!way->can[f] || !flow->src[f].n || !flow->dst[f].n ||
		    (way->limited && way->to.v4 != (f == NEMO_V4)))
			continue;
		if (goal_of(job, (enum nemo_family)f) == -ENOMEM)
			return -ENOMEM;
	}
	return 0;
}

int nemo_emit_op(struct nemo_emit *emit, const struct nemo_verdict *verdict,
		 struct nemo_op_plan *op)
{
	struct job job = {.emit = emit, .verdict = verdict, .op = op};
	bool done = verdict->flow->done;
	int r = 0;

	if (done && !emit->hidden)
		return 0;
	for (unsigned int i = 0; !r && i < verdict->ways.n; i++) {
		job.way = &verdict->ways.v[i];
		r = done ? hidden_way(&job) : one_way(&job);
		if (!job.way->limited && job.way->can[NEMO_V4] && job.way->can[NEMO_V6])
			verdict->flow->done = true;
	}
	return r;
}

int nemo_emit_finish(struct nemo_emit *emit)
{
	struct nemo_plan *plan = emit->plan;
	uint64_t *id_of = NULL;
	int r = nemo_goals_finish(emit->goals, plan, &id_of);

	for (unsigned int i = 0; !r && i < plan->n_rules; i++) {
		struct plan_class *rule = &plan->rules[i];

		rule->msg.priority = plan->n_rules - i;
		snprintf(rule->name, sizeof(rule->name), "n%05u", i);
		if (emit->goal[i] >= 0)
			rule->msg.service_id = id_of[emit->goal[i]];
	}
	free(id_of);
	return r;
}
