/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "san-agent/worth.h"

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
		    curve_metric(&term->curve, before) != curve_metric(&term->curve, now))
			return true;
	}
	for (unsigned int i = 0; i < svc->n_requirements; i++) {
		const struct requirement *req = &svc->requirements[i];

		if (req->attr == attr &&
		    requirement_holds(req, before) != requirement_holds(req, now))
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
