/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "san-agent/worth.h"

/* Half up; 0 <= at <= of. */
static int between(int from, int to, int64_t at, int64_t of)
{
	__int128 sum = (__int128)from * of + (__int128)(to - from) * at; /* >= 0 */

	return (int)((2 * sum + of) / (2 * (__int128)of));
}

int worth_metric(const struct curve *curve, int64_t milli)
{
	const struct curve_point *p = curve->v;
	unsigned int i = 0;

	if (curve->kind == CURVE_STEP)
		return milli < p[0].x_milli ? 0 : METRIC_MAX;
	while (i < curve->n && p[i].x_milli <= milli)
		i++;
	if (i == 0)
		return p[0].y;
	if (i == curve->n)
		return p[i - 1].y;
	return between(p[i - 1].y, p[i].y, milli - p[i - 1].x_milli,
		       p[i].x_milli - p[i - 1].x_milli);
}

static bool holds(const struct requirement *req, int64_t milli)
{
	switch (req->op) {
	case REQ_LT:
		return milli < req->milli;
	case REQ_LE:
		return milli <= req->milli;
	case REQ_GT:
		return milli > req->milli;
	default:
		return milli >= req->milli;
	}
}

static bool asks_for(const struct service *svc, uint16_t attr)
{
	for (unsigned int i = 0; i < svc->n_terms; i++) {
		if (svc->terms[i].attr == attr)
			return true;
	}
	for (unsigned int i = 0; i < svc->n_requirements; i++) {
		if (svc->requirements[i].attr == attr)
			return true;
	}
	return false;
}

static bool is_part_of_delay(uint16_t attr)
{
	return attr == ATTR_QUEUE_US || attr == ATTR_LB_DELAY_US || attr == ATTR_SITE_DELAY_US;
}

bool worth_telling(const struct service *svc, uint16_t attr, int64_t before, int64_t now)
{
	if (!svc || attr == WORTH_ANY)
		return true;
	if (is_part_of_delay(attr) && asks_for(svc, ATTR_DELAY_US))
		return true;
	for (unsigned int i = 0; i < svc->n_terms; i++) {
		const struct term *term = &svc->terms[i];

		if (term->attr == attr &&
		    worth_metric(&term->curve, before) != worth_metric(&term->curve, now))
			return true;
	}
	for (unsigned int i = 0; i < svc->n_requirements; i++) {
		const struct requirement *req = &svc->requirements[i];

		if (req->attr == attr && holds(req, before) != holds(req, now))
			return true;
	}
	return false;
}

bool worth_due(const struct gate *gate, int64_t milli, uint64_t now_us,
	       const struct gate_rule *rule, const struct service *svc, uint16_t attr)
{
	if (!gate_due(gate, milli, now_us, rule))
		return false;
	return !gate->valid || now_us - gate->at_us >= rule->max_us ||
	       worth_telling(svc, attr, gate->milli, milli);
}
