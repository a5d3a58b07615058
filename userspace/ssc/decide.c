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

/* The current one still satisfies; best may be itself. */
static enum ssc_why challenge(const struct contest *f, int best, struct ssc_choice *choice,
			      uint64_t now_us)
{
	const struct service *svc = f->field->svc;
	int gain = metric(f, f->current) - metric(f, best);

	if (best == f->current || gain < svc->margin) {
		choice->better_since_us = 0;
		return best == f->current ? SSC_KEPT : SSC_KEPT_MARGIN;
	}
	if (choice->better_since_us == 0)
		choice->better_since_us = now_us ? now_us : 1; /* 0 means none */
	if (now_us < choice->better_since_us + svc->hold_ms * UINT64_C(1000) && svc->hold_ms)
		return SSC_KEPT_HOLD;
	return SSC_MOVED;
}

static enum ssc_why decide(const struct contest *f, int best, struct ssc_choice *choice,
			   uint64_t now_us)
{
	if (best < 0 || metric(f, best) >= METRIC_MAX)
		return SSC_NOTHING;
	if (!choice->valid)
		return SSC_FIRST;
	if (f->current < 0 || metric(f, f->current) >= METRIC_MAX)
		return SSC_LOST;
	return challenge(f, best, choice, now_us);
}

static uint64_t again_at(const struct ssc_field *field, uint64_t now_us)
{
	uint64_t at = UINT64_MAX;

	for (unsigned int i = 0; i < field->n; i++) {
		uint64_t t = field->scores[i].metric < METRIC_MAX
				     ? ssc_deadline(field->svc, &field->cands[i], now_us)
				     : UINT64_MAX;

		at = t < at ? t : at;
	}
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
	res->why = decide(f, best, choice, now_us);
	settle(f, best, choice, now_us, res);
}

void ssc_decide(const struct ssc_field *field, uint64_t now_us, struct ssc_choice *choice,
		struct ssc_result *res)
{
	struct contest f = {field, ssc_chosen(choice, field)};

	rank(&f);
	memset(res, 0, sizeof(*res));
	if (field->svc->mode == SAN_MODE_BALANCED)
		ssc_balance(field, f.current, now_us, choice, res);
	else
		prefer(&f, now_us, choice, res);
	res->again_at_us = again_at(field, now_us);
	if (choice->better_since_us) {
		uint64_t end = choice->better_since_us + field->svc->hold_ms * UINT64_C(1000);

		res->again_at_us = end < res->again_at_us ? end : res->again_at_us;
	}
}
