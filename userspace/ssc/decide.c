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
	       strcmp(choice->path, cand->path->def.name) == 0;
}

int ssc_chosen(const struct ssc_choice *choice, const struct ssc_candidate *cands, unsigned int n)
{
	for (unsigned int i = 0; choice->valid && i < n; i++) {
		if (is_choice(choice, &cands[i]))
			return (int)i;
	}
	return -1;
}

struct field {
	const struct ssc_candidate *cands;
	const struct ssc_score *scores;
	int current; /* index, -1 = none */
};

static int compare_u32(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

/* Total over different candidates, whatever order they came in. */
static int compare(const void *pa, const void *pb, void *arg)
{
	uint16_t a = *(const uint16_t *)pa, b = *(const uint16_t *)pb;
	const struct field *f = arg;
	const struct ssc_candidate *ca = &f->cands[a], *cb = &f->cands[b];
	int c = compare_u32(f->scores[a].metric, f->scores[b].metric);

	if (c == 0)
		c = (b == f->current) - (a == f->current);
	if (c == 0)
		c = compare_u32(ca->path->def.preference, cb->path->def.preference);
	if (c == 0)
		c = strcmp(ca->instance->name, cb->instance->name);
	if (c == 0)
		c = strcmp(ca->path->key, cb->path->key); /* by now: the path's name */
	return c ? c : compare_u32(a, b);
}

static void rank(const struct field *f, struct ssc_score *scores, unsigned int n, uint16_t *order)
{
	for (unsigned int i = 0; i < n; i++)
		order[i] = (uint16_t)i;
	if (n > 1)
		qsort_r(order, n, sizeof(*order), compare, (void *)f);
	for (unsigned int i = 0; i < n; i++)
		scores[order[i]].rank = (uint16_t)(i + 1);
}

static void take(struct ssc_choice *choice, const struct ssc_candidate *cand, uint64_t now_us)
{
	memset(choice, 0, sizeof(*choice));
	choice->valid = true;
	strcpy(choice->instance, cand->instance->name);
	strcpy(choice->gateway, cand->instance->gateway);
	strcpy(choice->path, cand->path->def.name);
	choice->since_us = now_us;
}

/* The current one still satisfies; best may be itself. */
static enum ssc_why challenge(const struct service *svc, const struct field *f, int best,
			      struct ssc_choice *choice, uint64_t now_us)
{
	int gain = f->scores[f->current].metric - f->scores[best].metric;

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

static enum ssc_why decide(const struct service *svc, const struct field *f, int best,
			   struct ssc_choice *choice, uint64_t now_us)
{
	if (best < 0 || f->scores[best].metric >= METRIC_MAX)
		return SSC_NOTHING;
	if (!choice->valid)
		return SSC_FIRST;
	if (f->current < 0 || f->scores[f->current].metric >= METRIC_MAX)
		return SSC_LOST;
	return challenge(svc, f, best, choice, now_us);
}

static uint64_t again_at(const struct service *svc, const struct field *f, unsigned int n,
			 uint64_t now_us)
{
	uint64_t at = UINT64_MAX;

	for (unsigned int i = 0; i < n; i++) {
		uint64_t t = f->scores[i].metric < METRIC_MAX
				     ? ssc_deadline(svc, &f->cands[i], now_us)
				     : UINT64_MAX;

		at = t < at ? t : at;
	}
	return at;
}

/* Puts the decision into force. */
static void settle(const struct field *f, int best, struct ssc_choice *choice, uint64_t now_us,
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
		take(choice, &f->cands[best], now_us);
		break;
	default:
		break;
	}
	choice->metric = f->scores[res->selected].metric;
}

void ssc_decide(const struct service *svc, const struct ssc_candidate *cands,
		struct ssc_score *scores, unsigned int n, uint16_t *order, uint64_t now_us,
		struct ssc_choice *choice, struct ssc_result *res)
{
	struct field f = {cands, scores, ssc_chosen(choice, cands, n)};
	int best;

	rank(&f, scores, n, order);
	best = n ? order[0] : -1;
	memset(res, 0, sizeof(*res));
	res->why = decide(svc, &f, best, choice, now_us);
	settle(&f, best, choice, now_us, res);
	res->again_at_us = again_at(svc, &f, n, now_us);
	if (res->why == SSC_KEPT_HOLD) {
		uint64_t end = choice->better_since_us + svc->hold_ms * UINT64_C(1000);

		res->again_at_us = end < res->again_at_us ? end : res->again_at_us;
	}
}
