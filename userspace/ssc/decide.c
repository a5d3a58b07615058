/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ranking, and the choice with its hysteresis. */
#include <stdlib.h>
#include <string.h>

#include "ssc/ssc_int.h"
#include "util/own.h"

static const char *const why_texts[] = {
	"first selection: nothing was selected before",
	"kept: still the best",
	"kept: another is better, but not by the margin",
	"kept: another is better by the margin, but not for the hold time yet",
	"kept: what is better now was left lately, when it was no better with the traffic on it",
	"moved: another was better by the margin for the hold time",
	"moved: the selected one is no longer satisfying or gone",
	"nothing selected: no candidate is satisfying",
	"kept: no weight differs by more than the margin",
	"kept: a weight differs by more than the margin, but not for the hold time yet",
	"weights renewed: one differed by more than the margin for the hold time",
	"members changed: instances began or ceased to satisfy",
};
_Static_assert(ARRAY_SIZE(why_texts) == SSC_WHY_MAX, "a text for every reason");

const char *ssc_why_text(enum ssc_why why)
{
	return (unsigned int)why < SSC_WHY_MAX ? why_texts[why] : "?";
}

static bool is_choice(const struct ssc_choice *choice, const struct ssc_candidate *cand)
{
	return strcmp(choice->instance, cand->instance->name) == 0 &&
	       strcmp(choice->gateway, cand->instance->gateway) == 0 &&
	       strcmp(choice->path, ssc_path_name(cand)) == 0;
}

int ssc_chosen(const struct ssc_choice *choice, const struct ssc_field *field)
{
	for (unsigned int i = 0; choice->valid && i < field->n; i++) {
		if (is_choice(choice, &field->cands[i]))
			return (int)i;
	}
	return -1;
}

struct contest {
	const struct ssc_field *field;
	int current; /* index, -1 = none */
};

static int compare_u32(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

static int compare_paths(const struct view_path *a, const struct view_path *b)
{
	return a && b ? strcmp(a->key, b->key) : !!a - !!b;
}

static uint32_t preference(const struct ssc_candidate *cand)
{
	return cand->path ? cand->path->def.preference : 0;
}

/* Total over different candidates, whatever order they came in. */
static int compare(const void *pa, const void *pb, void *arg)
{
	uint16_t a = *(const uint16_t *)pa, b = *(const uint16_t *)pb;
	const struct contest *f = arg;
	const struct ssc_candidate *ca = &f->field->cands[a], *cb = &f->field->cands[b];
	int c = compare_u32(f->field->scores[a].metric, f->field->scores[b].metric);

	if (c == 0)
		c = (b == f->current) - (a == f->current);
	if (c == 0)
		c = compare_u32(preference(ca), preference(cb));
	if (c == 0)
		c = strcmp(ca->instance->name, cb->instance->name);
	if (c == 0)
		c = compare_paths(ca->path, cb->path); /* by now: the path's name */
	return c ? c : compare_u32(a, b);
}

static void rank(const struct contest *f)
{
	const struct ssc_field *field = f->field;

	for (unsigned int i = 0; i < field->n; i++)
		field->order[i] = (uint16_t)i;
	if (field->n > 1)
		qsort_r(field->order, field->n, sizeof(*field->order), compare, (void *)f);
	for (unsigned int i = 0; i < field->n; i++)
		field->scores[field->order[i]].rank = (uint16_t)(i + 1);
}

void ssc_take(struct ssc_choice *choice, const struct ssc_candidate *cand, uint64_t now_us)
{
	memset(choice, 0, sizeof(*choice));
	choice->valid = true;
	strcpy(choice->instance, cand->instance->name);
	strcpy(choice->gateway, cand->instance->gateway);
	strcpy(choice->path, ssc_path_name(cand));
	choice->since_us = now_us;
}

static int metric(const struct contest *f, int i)
{
	return f->field->scores[i].metric;
}

/* What the candidate would be worth with our traffic, as far as we remember. */
static int expected(const struct contest *f, int i, uint64_t now_us)
{
	struct ssc_left *left = ssc_calm_recall(f->field, i, f->current, now_us);

	if (!left)
		return metric(f, i);
	/* It was told later how bad it had been. */
	if ((int)left->value < metric(f, i) && metric(f, i) < METRIC_MAX)
		left->value = (uint16_t)metric(f, i);
	return left->value < METRIC_MAX ? (int)left->value : METRIC_MAX; /* was a weight */
}

/* The best with what is remembered; the current one where no other is better. */
static int contender(const struct contest *f, uint64_t now_us)
{
	int best = f->current, least = metric(f, f->current);

	for (unsigned int k = 0; k < f->field->n; k++) {
		int i = f->field->order[k];

		if (i != f->current && metric(f, i) < METRIC_MAX &&
		    expected(f, i, now_us) < least) {
			best = i;
			least = expected(f, i, now_us);
		}
	}
	return best;
}

static enum ssc_why keep(const struct contest *f, int best, struct ssc_choice *choice)
{
	int first = f->field->order[0];

	choice->better_since_us = 0;
	if (best == f->current && first != best &&
	    metric(f, f->current) - metric(f, first) >= f->field->svc->margin)
		return SSC_KEPT_LEFT;
	return first == f->current ? SSC_KEPT : SSC_KEPT_MARGIN;
}

/* The current one still satisfies; best may be itself. */
static enum ssc_why challenge(const struct contest *f, int best, struct ssc_choice *choice,
			      uint64_t now_us)
{
	const struct service *svc = f->field->svc;
	int gain = metric(f, f->current) - expected(f, best, now_us);

	if (best == f->current || gain < svc->margin)
		return keep(f, best, choice);
	if (choice->better_since_us == 0)
		choice->better_since_us = now_us ? now_us : 1; /* 0 means none */
	if (svc->hold_ms &&
	    now_us < choice->better_since_us + ssc_hold_us(svc, f->field->calm, now_us))
		return SSC_KEPT_HOLD;
	return SSC_MOVED;
}

/* *best: the first in rank, comes back as the one to be chosen. */
static enum ssc_why decide(const struct contest *f, int *best, struct ssc_choice *choice,
			   uint64_t now_us)
{
	if (*best < 0 || metric(f, *best) >= METRIC_MAX)
		return SSC_NOTHING;
	if (!choice->valid)
		return SSC_FIRST;
	if (f->current < 0 || metric(f, f->current) >= METRIC_MAX)
		return SSC_LOST;
	if (f->field->calm && f->field->calm->level)
		*best = contender(f, now_us);
	return challenge(f, *best, choice, now_us);
}

/* What is left is remembered, if load may be the reason. */
static void remember(const struct contest *f, int best, enum ssc_why why, uint64_t now_us)
{
	bool lost =
		why == SSC_LOST && f->current >= 0 && ssc_by_value(&f->field->scores[f->current]);

	if (why != SSC_MOVED && !lost)
		return;
	ssc_calm_leave(f->field, f->current, (uint16_t)metric(f, f->current), now_us);
	ssc_calm_enter(f->field, best);
	ssc_calm_raise(f->field, now_us);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t again_at(const struct ssc_field *field, const struct ssc_choice *choice,
			 uint64_t now_us)
{
	uint64_t at = ssc_calm_until(field, now_us);

	for (unsigned int i = 0; i < field->n; i++) {
		if (field->scores[i].metric < METRIC_MAX)
			at = earlier(at, ssc_deadline(field->svc, &field->cands[i], now_us));
	}
	if (choice->better_since_us)
		at = earlier(at, choice->better_since_us +
					 ssc_hold_us(field->svc, field->calm, now_us));
	return at;
}

/* Puts the decision into force. */
static void settle(const struct contest *f, int best, struct ssc_choice *choice, uint64_t now_us,
		   struct ssc_result *res)
{
	res->selected = f->current;
	res->changed = false;
	switch (res->why) {
	case SSC_NOTHING:
		res->changed = choice->valid;
		res->selected = -1;
		memset(choice, 0, sizeof(*choice));
		return;
	case SSC_FIRST:
	case SSC_LOST:
	case SSC_MOVED:
		res->changed = true;
		res->selected = best;
		remember(f, best, res->why, now_us);
		ssc_take(choice, &f->field->cands[best], now_us);
		break;
	default:
		break;
	}
	choice->metric = f->field->scores[res->selected].metric;
}

/* PREFERRED. */
static void prefer(const struct contest *f, uint64_t now_us, struct ssc_choice *choice,
		   struct ssc_result *res)
{
	int best = f->field->n ? f->field->order[0] : -1;

	if (f->field->n && f->field->weights)
		memset(f->field->weights, 0, f->field->n * sizeof(*f->field->weights));
	if (choice->members)
		choice->better_since_us = 0; /* of weights */
	choice->members = 0;
	res->why = decide(f, &best, choice, now_us);
	settle(f, best, choice, now_us, res);
}

void ssc_decide(const struct ssc_field *field, uint64_t now_us, struct ssc_choice *choice,
		struct ssc_result *res)
{
	struct contest f = {field, ssc_chosen(choice, field)};

	ssc_calm_begin(field, now_us);
	rank(&f);
	memset(res, 0, sizeof(*res));
	if (field->svc->mode == SAN_MODE_BALANCED)
		ssc_balance(field, f.current, now_us, choice, res);
	else
		prefer(&f, now_us, choice, res);
	res->again_at_us = again_at(field, choice, now_us);
}
