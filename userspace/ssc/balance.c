/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Selection balanced: who is a member, with which weight. A member is a candidate with a weight in
 * force; an instance has at most one. Membership follows the scores at once, weights with
 * hysteresis, all of them together: one that moves alone would shift the shares of all the others.
 */
#include <stdlib.h>
#include <string.h>

#include "ssc/ssc_int.h"

/* Instances that a candidate stands for. */
static unsigned int count_of(const struct ssc_candidate *cand)
{
	return cand->instance->aggregate && cand->instance->agg_count ? cand->instance->agg_count
								      : 1;
}

/* An aggregate has the sum of what its instances would have: shares follow capacity. */
uint32_t ssc_weight_now(const struct ssc_field *field, unsigned int i)
{
	return (METRIC_MAX - (uint32_t)field->scores[i].metric) * count_of(&field->cands[i]);
}

/* The candidates first..end-1 of one instance. */
struct group {
	unsigned int first, end;
	int member; /* index of the one in force, -1 */
	int best;   /* the satisfying one of the lowest rank, -1 */
};

static struct group group_at(const struct ssc_field *f, unsigned int first)
{
	struct group g = {.first = first, .end = first, .member = -1, .best = -1};

	for (; g.end < f->n && f->cands[g.end].instance == f->cands[first].instance; g.end++) {
		if (f->weights[g.end])
			g.member = (int)g.end;
		if (f->scores[g.end].metric < METRIC_MAX &&
		    (g.best < 0 || f->scores[g.end].rank < f->scores[g.best].rank))
			g.best = (int)g.end;
	}
	/* As good as the best: no reason to go another way. */
	if (g.member >= 0 && g.best >= 0 && f->scores[g.member].metric == f->scores[g.best].metric)
		g.best = g.member;
	return g;
}

static unsigned int count_members(const struct ssc_field *f)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < f->n; i++)
		n += f->weights[i] > 0;
	return n;
}

/* Who left because of its values and comes back soon starts with half of what was too much. */
static uint32_t joining_weight(const struct ssc_field *f, int i, uint64_t now_us)
{
	const struct ssc_left *left = ssc_calm_recall(f, i, -1, now_us);
	uint32_t weight = ssc_weight_now(f, i);

	if (!left || left->value / 2 >= weight)
		return weight;
	return left->value > 1 ? left->value / 2 : 1;
}

static void leave(const struct ssc_field *f, const struct group *g, uint64_t now_us)
{
	if (g->best < 0 && ssc_by_value(&f->scores[g->member])) {
		ssc_calm_leave(f, g->member, f->weights[g->member], now_us);
		ssc_calm_raise(f, now_us);
	}
	f->weights[g->member] = 0;
}

/* Members that cease to satisfy leave, others join. True: something changed. */
static bool follow_members(const struct ssc_field *f, uint64_t now_us)
{
	bool changed = false;
	struct group g;

	for (unsigned int i = 0; i < f->n; i = g.end) {
		g = group_at(f, i);
		if (g.member >= 0 && f->scores[g.member].metric < METRIC_MAX)
			continue;
		if (g.member >= 0)
			leave(f, &g, now_us);
		if (g.best >= 0)
			f->weights[g.best] = joining_weight(f, g.best, now_us);
		changed |= g.member >= 0 || g.best >= 0;
	}
	return changed;
}

/* By more than the margin: what its path is worth now, or what its best path is. */
static bool differs(const struct ssc_field *f, const struct group *g)
{
	int64_t weight = f->weights[g->member];
	int64_t margin = (int64_t)f->svc->margin * count_of(&f->cands[g->member]);

	return llabs(ssc_weight_now(f, g->member) - weight) > margin ||
	       llabs(ssc_weight_now(f, g->best) - weight) > margin;
}

/* Of all members: the weights in force, and what they would be now. */
struct sums {
	uint64_t force, now;
};

static struct sums sums_of(const struct ssc_field *f)
{
	struct sums sums = {0};
	struct group g;

	for (unsigned int i = 0; i < f->n; i = g.end) {
		g = group_at(f, i);
		if (g.member < 0)
			continue;
		sums.force += f->weights[g.member];
		sums.now += ssc_weight_now(f, g.best);
	}
	return sums;
}

/* The member's share in force, as a weight among those of now: only shares move traffic. */
static int64_t scaled(const struct ssc_field *f, const struct group *g, const struct sums *sums)
{
	unsigned __int128 twice = 2 * (unsigned __int128)f->weights[g->member] * sums->now;

	return (int64_t)((twice + sums->force) / (2 * sums->force));
}

/* How far a member's weight is from what it should be. */
static int64_t gap_of(const struct ssc_field *f, const struct group *g, const struct sums *sums)
{
	return ssc_weight_now(f, g->best) - scaled(f, g, sums);
}

/* After a renewal that was not the whole way, weights may differ from what they would be now and
 * the shares be right: margin thousandths of a share are left alone. */
static bool shares_differ(const struct ssc_field *f)
{
	const struct sums sums = sums_of(f);
	struct group g;

	for (unsigned int i = 0; i < f->n; i = g.end) {
		g = group_at(f, i);
		if (g.member >= 0 && llabs(gap_of(f, &g, &sums)) * METRIC_MAX >
					     f->svc->margin * scaled(f, &g, &sums))
			return true;
	}
	return false;
}

static bool any_differs(const struct ssc_field *f)
{
	struct group g;

	if (f->calm && f->calm->level && !shares_differ(f))
		return false;

	for (unsigned int i = 0; i < f->n; i = g.end) {
		g = group_at(f, i);
		if (g.member >= 0 && differs(f, &g))
			return true;
	}
	return false;
}

/*
 * How much of the way to go. At first as if all load were made by this traffic and in proportion to
 * it: what is at 700 of 1000 answers a change of its share by 7/3 of it, so 3/10 of the way lead to
 * the mark.
 */
static uint16_t first_step(const struct ssc_field *f)
{
	unsigned __int128 sum = 0;
	uint64_t weights = 0;

	for (unsigned int i = 0; i < f->n; i++) {
		sum += (uint64_t)f->weights[i] * (METRIC_MAX - f->scores[i].metric);
		weights += f->weights[i];
	}
	sum = weights ? sum * SSC_STEP_ALL / (weights * METRIC_MAX) : SSC_STEP_ALL;
	return (uint16_t)(sum > SSC_STEP_LEAST ? sum : SSC_STEP_LEAST);
}

/*
 * Then by what came of it. If the weight that differed most at the last renewal has gone beyond its
 * mark, a straight line through both says where it will be met (the secant method; Aitken's
 * relaxation). If it is still on the same side, the load is not made by this traffic: twice as far.
 */
static uint16_t step_after(const struct ssc_calm *calm, int64_t gap)
{
	int step = calm->step;

	if (!calm->gap || !gap)
		return (uint16_t)step;
	if ((gap > 0) == (calm->gap > 0))
		return (uint16_t)(2 * step < SSC_STEP_ALL ? 2 * step : SSC_STEP_ALL);
	step = (int)(step * llabs(calm->gap) / (llabs(calm->gap) + llabs(gap)));
	return (uint16_t)(step > SSC_STEP_LEAST ? step : SSC_STEP_LEAST);
}

static void plan_step(const struct ssc_field *f, const struct sums *sums, uint64_t now_us)
{
	struct ssc_calm *calm = f->calm;
	int64_t most = 0, before = 0;
	uint32_t most_of = 0;
	struct group g;

	for (unsigned int i = 0; i < f->n; i = g.end) {
		uint32_t who = ssc_instance_hash(&f->cands[i]);

		g = group_at(f, i);
		if (g.member < 0)
			continue;
		if (who == calm->gap_of)
			before = gap_of(f, &g, sums);
		if (llabs(gap_of(f, &g, sums)) >= llabs(most)) {
			most = gap_of(f, &g, sums);
			most_of = who;
		}
	}
	calm->step = calm->step ? step_after(calm, before) : first_step(f);
	calm->gap = most;
	calm->gap_of = most_of;
	ssc_calm_raise(f, now_us);
}

static void renew(const struct ssc_field *f, uint64_t now_us)
{
	const struct sums sums = sums_of(f);
	int step = SSC_STEP_ALL;
	struct group g;

	if (f->calm && f->svc->hold_ms) {
		plan_step(f, &sums, now_us);
		step = f->calm->step;
	}
	for (unsigned int i = 0; i < f->n; i = g.end) {
		int64_t weight;

		g = group_at(f, i);
		if (g.member < 0)
			continue;
		weight = ssc_weight_now(f, g.best) -
			 gap_of(f, &g, &sums) * (SSC_STEP_ALL - step) / SSC_STEP_ALL;
		f->weights[g.member] = 0;
		weight = weight > 0 ? weight : 1;
		f->weights[g.best] = weight < UINT32_MAX ? (uint32_t)weight : UINT32_MAX;
	}
}

/* Hysteresis of the weights: since when one differs comes back in *since_us. */
static enum ssc_why follow_weights(const struct ssc_field *f, uint64_t now_us, uint64_t *since_us)
{
	uint64_t hold_us = ssc_hold_us(f->svc, f->calm, now_us);

	if (!any_differs(f)) {
		*since_us = 0;
		return SSC_WEIGHTS_KEPT;
	}
	if (*since_us == 0)
		*since_us = now_us ? now_us : 1; /* 0 means none */
	if (hold_us && now_us < *since_us + hold_us)
		return SSC_WEIGHTS_HOLD;
	renew(f, now_us);
	*since_us = 0;
	return SSC_WEIGHTS_NEW;
}

/* The greatest weight; of equal ones the present one, then the lower rank. -1: no member. */
static int greatest(const struct ssc_field *f, int current)
{
	int best = current >= 0 && f->weights[current] ? current : -1;

	for (unsigned int k = 0; k < f->n; k++) {
		int i = f->order[k];

		if (f->weights[i] > (best < 0 ? 0 : f->weights[best]))
			best = i;
	}
	return best;
}

/* Puts it into the choice: names change only where another one is the greatest. */
static void settle(const struct ssc_field *f, int current, uint64_t now_us,
		   struct ssc_choice *choice, struct ssc_result *res)
{
	uint64_t better_since_us = choice->better_since_us;

	res->selected = greatest(f, current);
	if (res->selected < 0) {
		memset(choice, 0, sizeof(*choice));
		return;
	}
	if (res->selected != current)
		ssc_take(choice, &f->cands[res->selected], choice->since_us);
	if (res->changed)
		choice->since_us = now_us;
	choice->better_since_us = better_since_us;
	choice->members = count_members(f);
	choice->metric = f->scores[res->selected].metric;
}

void ssc_balance(const struct ssc_field *field, int current, uint64_t now_us,
		 struct ssc_choice *choice, struct ssc_result *res)
{
	bool was_valid = choice->valid;
	/* Who is gone has taken its weight along. */
	bool joined = count_members(field) != choice->members;

	joined |= follow_members(field, now_us);
	res->why = follow_weights(field, now_us, &choice->better_since_us);
	res->changed = joined || res->why == SSC_WEIGHTS_NEW;
	if (joined)
		res->why = was_valid ? SSC_MEMBERS : SSC_FIRST;
	settle(field, current, now_us, choice, res);
	if (res->selected < 0) {
		res->why = SSC_NOTHING;
		res->changed = was_valid;
	}
}
