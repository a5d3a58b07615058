/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/curve.h"

#define DEFAULT_RAMP_END_MILLI (100000 * INT64_C(1000)) /* 100 ms */
#define DEFAULT_MARGIN 50
#define DEFAULT_HOLD_MS 1000
#define DEFAULT_MAX_AGE_MS 10000

static const struct curve_point default_points[] = {{0, 0}, {DEFAULT_RAMP_END_MILLI, METRIC_MAX}};
static const struct term default_term = {
	.attr = ATTR_DELAY_US,
	.weight = 1, /* whatever the strategy: nothing else is optimised */
	.curve = {.kind = CURVE_POINTS, .ramp = true, .n = 2, .v = default_points},
};

void service_init(struct service *svc, uint64_t id)
{
	*svc = (struct service){
		.id = id,
		.mode = SAN_MODE_PREFERRED,
		.affinity = SAN_AFFINITY_HASH,
		.margin = DEFAULT_MARGIN,
		.hold_ms = DEFAULT_HOLD_MS,
		.max_age_ms = DEFAULT_MAX_AGE_MS,
		.max_updates_per_s = MAX_UPDATES_DEFAULT,
		.n_terms = 1,
		.terms = &default_term,
	};
}

/* ---- as one block ---- */

static size_t count_points(const struct service *svc)
{
	size_t n = 0;

	for (int i = 0; i < svc->n_terms; i++)
		n += svc->terms[i].curve.n;
	return n;
}

static void copy_lists(const struct service *from, struct service *to)
{
	struct term *terms = (struct term *)(to + 1);
	struct requirement *requirements = (struct requirement *)(terms + from->n_terms);
	struct curve_point *points = (struct curve_point *)(requirements + from->n_requirements);
	char(*access)[NAME_LEN] = (char(*)[NAME_LEN])(points + count_points(from));

	for (int i = 0; i < from->n_terms; i++) {
		const struct curve *curve = &from->terms[i].curve;

		terms[i] = from->terms[i];
		terms[i].curve.v = points;
		for (int k = 0; k < curve->n; k++)
			*points++ = curve->v[k];
	}
	for (int i = 0; i < from->n_requirements; i++)
		requirements[i] = from->requirements[i];
	to->terms = terms;
	if (from->n_access)
		memcpy(access, from->access, from->n_access * sizeof(*access));
	to->requirements = requirements;
	to->access = access;
}

int service_copy(const struct service *svc, struct service **out)
{
	size_t size = sizeof(*svc) + svc->n_terms * sizeof(*svc->terms) +
		      svc->n_requirements * sizeof(*svc->requirements) +
		      count_points(svc) * sizeof(struct curve_point) +
		      svc->n_access * sizeof(*svc->access);
	struct service *copy = malloc(size);

	if (!copy)
		return -ENOMEM;
	*copy = *svc;
	copy_lists(svc, copy);
	*out = copy;
	return 0;
}

static bool same_terms(const struct service *a, const struct service *b)
{
	for (int i = 0; i < a->n_terms; i++) {
		const struct term *t = &a->terms[i], *u = &b->terms[i];

		if (t->attr != u->attr || t->weight != u->weight ||
		    !curve_equal(&t->curve, &u->curve))
			return false;
	}
	return true;
}

static bool same_requirements(const struct service *a, const struct service *b)
{
	for (int i = 0; i < a->n_requirements; i++) {
		const struct requirement *r = &a->requirements[i], *s = &b->requirements[i];

		if (r->attr != s->attr || r->op != s->op || r->milli != s->milli)
			return false;
	}
	return true;
}

static bool same_access(const struct service *a, const struct service *b)
{
	for (int i = 0; i < a->n_access; i++)
		if (strcmp(a->access[i], b->access[i]) != 0)
			return false;
	return true;
}

static bool same_choices(const struct service *a, const struct service *b)
{
	return a->strategy == b->strategy && a->mode == b->mode && a->affinity == b->affinity &&
	       a->affinity_key == b->affinity_key && a->steering == b->steering &&
	       a->stale == b->stale && a->flow_idle_s == b->flow_idle_s;
}

bool service_equal(const struct service *a, const struct service *b)
{
	return a->id == b->id && strcmp(a->name, b->name) == 0 &&
	       IN6_ARE_ADDR_EQUAL(&a->address, &b->address) && a->address4 == b->address4 &&
	       same_choices(a, b) && a->margin == b->margin && a->hold_ms == b->hold_ms &&
	       a->max_age_ms == b->max_age_ms && a->max_updates_per_s == b->max_updates_per_s &&
	       a->n_terms == b->n_terms && a->n_requirements == b->n_requirements &&
	       a->n_access == b->n_access && same_terms(a, b) && same_requirements(a, b) &&
	       same_access(a, b);
}

bool requirement_holds(const struct requirement *req, int64_t milli)
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
