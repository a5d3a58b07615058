/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From attributes to the metric of one candidate, and when age will change it. */
#include <string.h>

#include "ssc/ssc_int.h"
#include "util/own.h"

#define WORSEN_STEPS 100 /* looks per max_age */

static const char *const gate_names[] = {
	"ok",	  "requirement",       "term",	 "unknown",	"stale", "draining", "down",
	"no_sid", "too_many_segments", "damped", "no_instance",
};
_Static_assert(ARRAY_SIZE(gate_names) == SSC_GATE_MAX, "a name for every gate");

const char *ssc_gate_text(enum ssc_gate gate)
{
	return (unsigned int)gate < SSC_GATE_MAX ? gate_names[gate] : "?";
}

int ssc_weight(const struct service *svc, const struct term *term)
{
	static const enum attr_class optimised[STRATEGY_MAX] = {
		[STRATEGY_EXPERIENCE_FIRST] = CLASS_EXPERIENCE,
		[STRATEGY_COST_FIRST] = CLASS_COST,
		[STRATEGY_RESOURCE_FIRST] = CLASS_RESOURCE,
	};

	if (term->weight != WEIGHT_BY_STRATEGY)
		return term->weight;
	return svc->strategy == STRATEGY_NONE || attr_class(term->attr) == optimised[svc->strategy];
}

/* One evaluation in progress. */
struct eval {
	const struct service *svc;
	const struct ssc_candidate *cand;
	uint64_t now_us;
	uint64_t oldest_us; /* age of the oldest value used */
	uint16_t oldest_attr;
	struct ssc_score *out;
};

/* Not satisfied: the first reason stands. Always false. */
static bool fail(struct eval *ev, enum ssc_gate gate, int index, uint16_t attr)
{
	ev->out->metric = METRIC_MAX;
	ev->out->gate = gate;
	ev->out->gate_index = (uint8_t)index;
	ev->out->gate_attr = attr;
	return false;
}

const struct in6_addr *ssc_last_segment(const struct service *svc, const struct ssc_candidate *cand)
{
	const struct in6_addr *seg = &cand->instance->sid;

	if (svc->steering == STEERING_GATEWAY)
		seg = cand->gateway ? &cand->gateway->def.san_sid : NULL;
	return seg && !IN6_IS_ADDR_UNSPECIFIED(seg) ? seg : NULL;
}

static bool usable(struct eval *ev)
{
	const struct view_instance *inst = ev->cand->instance;
	const struct view_path *path = ev->cand->path;

	if (inst->state == INSTANCE_DOWN)
		return fail(ev, SSC_DOWN, 0, 0);
	if (inst->state != INSTANCE_UP)
		return fail(ev, SSC_DRAINING, 0, 0);
	if (inst->aggregate && inst->agg_count == 0)
		return fail(ev, SSC_NO_INSTANCE, 0, 0);
	if (!path)
		return true;
	if (!path->defined || !ssc_last_segment(ev->svc, ev->cand))
		return fail(ev, SSC_NO_SID, 0, 0);
	if (path->def.n_segs + 1 > SAN_MAX_SEGS)
		return fail(ev, SSC_TOO_MANY_SEGS, 0, 0);
	return true;
}

static bool use(struct eval *ev, uint16_t attr, int64_t *milli)
{
	struct ssc_value value = ssc_aggregate(ev->svc, ev->cand, attr, ev->now_us);

	if (value.state == SSC_VALUE_UNKNOWN)
		return fail(ev, SSC_UNKNOWN, 0, attr);
	if (value.state == SSC_VALUE_STALE && ev->svc->stale == STALE_EXCLUDE)
		return fail(ev, SSC_STALE, 0, attr);
	if (value.age_us > ev->oldest_us) {
		ev->oldest_us = value.age_us;
		ev->oldest_attr = attr;
	}
	*milli = value.milli;
	return true;
}

static bool meet_requirements(struct eval *ev)
{
	for (int i = 0; i < ev->svc->n_requirements; i++) {
		const struct requirement *req = &ev->svc->requirements[i];
		int64_t milli;

		if (!use(ev, req->attr, &milli))
			return false;
		if (!requirement_holds(req, milli))
			return fail(ev, SSC_REQUIREMENT, i, req->attr);
	}
	return true;
}

/* The weighted mean; 0 where nothing has weight. */
static bool weigh_terms(struct eval *ev)
{
	uint32_t sum = 0, weights = 0;

	for (int i = 0; i < ev->svc->n_terms; i++) {
		const struct term *term = &ev->svc->terms[i];
		uint32_t weight = (uint32_t)ssc_weight(ev->svc, term);
		int64_t milli;
		int y;

		if (!use(ev, term->attr, &milli))
			return false;
		y = curve_metric(&term->curve, milli);
		if (y >= METRIC_MAX)
			return fail(ev, SSC_TERM, i, term->attr);
		sum += weight * (uint32_t)y;
		weights += weight;
	}
	ev->out->metric = weights ? (uint16_t)((2 * sum + weights) / (2 * weights)) : 0;
	return true;
}

/* Linear from the metric at max_age to 1000 at twice max_age. */
static bool worsen(struct eval *ev)
{
	uint64_t max_us = ev->svc->max_age_ms * UINT64_C(1000);
	uint64_t over;

	if (ev->svc->stale != STALE_WORSEN || ev->oldest_us <= max_us)
		return true;
	over = ev->oldest_us - max_us;
	if (over < max_us)
		ev->out->metric =
			(uint16_t)metric_between(ev->out->metric, METRIC_MAX, over, max_us);
	if (over >= max_us || ev->out->metric == METRIC_MAX)
		return fail(ev, SSC_STALE, 0, ev->oldest_attr);
	return true;
}

void ssc_score(const struct service *svc, const struct ssc_candidate *cand, bool damped,
	       uint64_t now_us, struct ssc_score *out)
{
	struct eval ev = {.svc = svc, .cand = cand, .now_us = now_us, .out = out};

	memset(out, 0, sizeof(*out));
	if (!usable(&ev) || !meet_requirements(&ev) || !weigh_terms(&ev) || !worsen(&ev))
		return;
	if (damped)
		fail(&ev, SSC_DAMPED, 0, 0);
}

static uint64_t oldest_of(const struct ssc_candidate *cand, uint16_t attr, uint64_t oldest)
{
	const struct ssc_parts parts = ssc_parts(cand, attr);

	for (int i = 0; i < parts.n; i++) {
		if (parts.v[i].sample->received_us < oldest)
			oldest = parts.v[i].sample->received_us;
	}
	return oldest;
}

uint64_t ssc_oldest(const struct service *svc, const struct ssc_candidate *cand)
{
	uint64_t oldest = UINT64_MAX;

	for (int i = 0; i < svc->n_requirements; i++)
		oldest = oldest_of(cand, svc->requirements[i].attr, oldest);
	for (int i = 0; i < svc->n_terms; i++)
		oldest = oldest_of(cand, svc->terms[i].attr, oldest);
	return oldest;
}

/* For a candidate that is satisfying: when that may end by age alone. */
uint64_t ssc_deadline(const struct service *svc, const struct ssc_candidate *cand, uint64_t now_us)
{
	uint64_t max_us = svc->max_age_ms * UINT64_C(1000), step = max_us / WORSEN_STEPS;
	uint64_t stale_at = ssc_oldest(svc, cand);

	if (svc->stale == STALE_HOLD)
		return UINT64_MAX;
	if (stale_at == UINT64_MAX)
		return UINT64_MAX; /* uses no value at all */
	stale_at += max_us;
	if (svc->stale == STALE_EXCLUDE)
		return stale_at + 1;
	return stale_at + step * (now_us > stale_at ? (now_us - stale_at) / step + 1 : 1);
}

uint64_t ssc_stale_at(const struct service *svc, const struct ssc_candidate *cand, uint64_t now_us)
{
	struct ssc_score score;

	ssc_score(svc, cand, false, now_us, &score);
	return score.metric < METRIC_MAX ? ssc_deadline(svc, cand, now_us) : UINT64_MAX;
}
