/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Selection balanced: who is a member, with which weight. A member is a candidate with a weight in
 * force; an instance has at most one. Membership follows the scores at once, weights with
 * hysteresis, all of them together: one that moves alone would shift the shares of all the others.
 */
#include <stdlib.h>
#include <string.h>

#include "ssc/ssc_int.h"

uint16_t ssc_weight_now(const struct ssc_score *score)
{
	return score->metric < METRIC_MAX ? (uint16_t)(METRIC_MAX - score->metric) : 0;
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

/* Members that cease to satisfy leave, others join. True: something changed. */
static bool follow_members(const struct ssc_field *f)
{
	bool changed = false;
	struct group g;

	for (unsigned int i = 0; i < f->n; i = g.end) {
		g = group_at(f, i);
		if (g.member >= 0 && f->scores[g.member].metric < METRIC_MAX)
			continue;
		if (g.member >= 0)
			f->weights[g.member] = 0;
		if (g.best >= 0)
			f->weights[g.best] = ssc_weight_now(&f->scores[g.best]);
		changed |= g.member >= 0 || g.best >= 0;
	}
	return changed;
}

/* By more than the margin: what its path is worth now, or what its best path is. */
static bool differs(const struct ssc_field *f, const struct group *g)
{
	int weight = f->weights[g->member];

	return abs(ssc_weight_now(&f->scores[g->member]) - weight) > f->svc->margin ||
	       abs(ssc_weight_now(&f->scores[g->best]) - weight) > f->svc->margin;
}

static bool any_differs(const struct ssc_field *f)
{
	struct group g;

	for (unsigned int i = 0; i < f->n; i = g.end) {
		g = group_at(f, i);
		if (g.member >= 0 && differs(f, &g))
			return true;
	}
	return false;
}

static void renew(const struct ssc_field *f)
{
	struct group g;

	for (unsigned int i = 0; i < f->n; i = g.end) {
		g = group_at(f, i);
		if (g.member < 0)
			continue;
		f->weights[g.member] = 0;
		f->weights[g.best] = ssc_weight_now(&f->scores[g.best]);
	}
}

/* Hysteresis of the weights: since when one differs comes back in *since_us. */
static enum ssc_why follow_weights(const struct ssc_field *f, uint64_t now_us, uint64_t *since_us)
{
	uint64_t hold_us = f->svc->hold_ms * UINT64_C(1000);

	if (!any_differs(f)) {
		*since_us = 0;
		return SSC_WEIGHTS_KEPT;
	}
	if (*since_us == 0)
		*since_us = now_us ? now_us : 1; /* 0 means none */
	if (hold_us && now_us < *since_us + hold_us)
		return SSC_WEIGHTS_HOLD;
	renew(f);
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

	joined |= follow_members(field);
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
