/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a gateway says of its instances of a service (steering gateway): one aggregate. Its
 * attributes are those of the selected instance, hysteresis applied, so that the ingress sees no
 * more changes than are made here; of a balanced service the mean over the members by weight. Told
 * when it says something else to an ingress (told() below), and in time before it gets too old.
 */
#include "orc/orc_int.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "util/log.h"

#define MIN_US (ORC_AGGREGATE_MIN_MS * UINT64_C(1000))
#define REFRESHES 3 /* in max_age */

/* What was told last. */
struct orc_told {
	uint64_t at_us; /* view_time() */
	uint32_t count, capacity;
	uint16_t metric;
	bool again; /* whatever it says */
	bool due;   /* in orc->told */
	uint16_t n;
	struct sample v[];
};

/* ---- the aggregate of what is in force ---- */

static void count_up(const struct orc_service *svc, struct aggregate *agg)
{
	for (unsigned int i = 0; i < svc->n; i++) {
		if (svc->scores[i].metric >= METRIC_MAX || agg->count == AGGREGATE_MAX_COUNT)
			continue;
		agg->count++;
		agg->capacity += METRIC_MAX - svc->scores[i].metric;
	}
}

/* A part of the delay that an instance does not have is 0; another attribute it does not tell. */
static bool is_part(uint16_t attr)
{
	return attr == ATTR_SITE_DELAY_US || attr == ATTR_LB_DELAY_US || attr == ATTR_QUEUE_US;
}

/* False: nobody has it. */
static bool mean(const struct orc_service *svc, uint16_t attr, int64_t *milli)
{
	uint64_t weights = 0;
	__int128 sum = 0;
	bool known = false;

	if (!svc->weights)
		return false;
	for (unsigned int i = 0; i < svc->n; i++) {
		const struct sample *s = samples_get(&svc->cands[i].instance->samples, attr);

		if (s && svc->weights[i])
			known = true;
		if (s)
			sum += (__int128)s->milli * svc->weights[i];
		if (s || is_part(attr))
			weights += svc->weights[i];
	}
	if (!known)
		return false;
	*milli = (int64_t)((2 * sum + weights) / (2 * (__int128)weights));
	return true;
}

static bool value_of(const struct orc_service *svc, uint16_t attr, int64_t *milli)
{
	const struct sample *s;

	if (svc->view->def->mode == SAN_MODE_BALANCED)
		return mean(svc, attr, milli);
	s = samples_get(&svc->cands[svc->last.selected].instance->samples, attr);
	if (s)
		*milli = s->milli;
	return s != NULL;
}

static bool is_used(const struct orc_service *svc, unsigned int attr)
{
	return svc->uses[attr / 64] >> (attr % 64) & 1;
}

static void aggregate_of(const struct orc_service *svc, struct aggregate *agg)
{
	agg->count = agg->capacity = agg->n = 0;
	agg->metric = METRIC_MAX;
	count_up(svc, agg);
	if (svc->last.selected < 0)
		return;
	agg->metric = svc->choice.metric;
	for (unsigned int attr = 0; attr < ATTR_LIMIT && agg->n < ATTR_PER_OBJECT; attr++) {
		int64_t milli;

		if (is_used(svc, attr) && value_of(svc, (uint16_t)attr, &milli))
			agg->samples[agg->n++] = (struct sample){.attr = attr, .milli = milli};
	}
}

/* ---- does it say something else? ---- */

static struct ssc_value seen(const struct service *def, const struct sample *v, unsigned int n,
			     uint16_t attr)
{
	const struct view_instance whole = {
		.samples = {.v = (struct sample *)v, .n = (uint16_t)n, .cap = (uint16_t)n}};
	const struct ssc_candidate cand = {.instance = &whole};

	return ssc_aggregate(def, &cand, attr, 0);
}

/* The ingress joins it with what its path has, so the place on a curve is not known here. */
static bool is_joined(uint16_t attr)
{
	return attr <= ATTR_BANDWIDTH_FREE_KBPS;
}
_Static_assert(ATTR_DELAY_US < ATTR_BANDWIDTH_FREE_KBPS &&
		       ATTR_JITTER_US < ATTR_BANDWIDTH_FREE_KBPS &&
		       ATTR_LOSS_PPM < ATTR_BANDWIDTH_FREE_KBPS &&
		       ATTR_BANDWIDTH_KBPS < ATTR_BANDWIDTH_FREE_KBPS &&
		       ATTR_CPU_LOAD > ATTR_BANDWIDTH_FREE_KBPS,
	       "those of the network come first");

/* By a hundredth of what it is measured at. */
static bool moved_near(int64_t by, int64_t mark)
{
	return by > 0 && by >= mark / 100;
}

/* The most that a curve's value can move when x moves by so much, whatever x is. */
static bool moved_anywhere(const struct curve *curve, int64_t by)
{
	if (curve->kind == CURVE_STEP)
		return moved_near(by, curve->v[0].x_milli);
	for (int i = 1; i < curve->n; i++) {
		int64_t dx = curve->v[i].x_milli - curve->v[i - 1].x_milli;
		int64_t dy = llabs((long long)curve->v[i].y - curve->v[i - 1].y);

		if ((__int128)dy * by >= (__int128)ORC_AGGREGATE_BAND * dx)
			return true;
	}
	return false;
}

static bool term_moved(const struct term *term, const struct ssc_value *a,
		       const struct ssc_value *b)
{
	int by = curve_metric(&term->curve, a->milli) - curve_metric(&term->curve, b->milli);

	if (is_joined(term->attr))
		return moved_anywhere(&term->curve, llabs(a->milli - b->milli));
	return abs(by) >= ORC_AGGREGATE_BAND;
}

static bool requirement_moved(const struct requirement *req, const struct ssc_value *a,
			      const struct ssc_value *b)
{
	if (is_joined(req->attr))
		return moved_near(llabs(a->milli - b->milli), req->milli);
	return requirement_holds(req, a->milli) != requirement_holds(req, b->milli);
}

static bool became_known(const struct ssc_value *a, const struct ssc_value *b)
{
	return (a->state == SSC_VALUE_UNKNOWN) != (b->state == SSC_VALUE_UNKNOWN);
}

static bool values_moved(const struct service *def, const struct orc_told *told,
			 const struct aggregate *agg)
{
	for (int i = 0; i < def->n_terms; i++) {
		struct ssc_value a = seen(def, told->v, told->n, def->terms[i].attr);
		struct ssc_value b = seen(def, agg->samples, agg->n, def->terms[i].attr);

		if (became_known(&a, &b) || term_moved(&def->terms[i], &a, &b))
			return true;
	}
	for (int i = 0; i < def->n_requirements; i++) {
		struct ssc_value a = seen(def, told->v, told->n, def->requirements[i].attr);
		struct ssc_value b = seen(def, agg->samples, agg->n, def->requirements[i].attr);

		if (became_known(&a, &b) || requirement_moved(&def->requirements[i], &a, &b))
			return true;
	}
	return false;
}

static bool moved(const struct service *def, const struct orc_told *told,
		  const struct aggregate *agg)
{
	return abs(told->metric - agg->metric) >= ORC_AGGREGATE_BAND ||
	       values_moved(def, told, agg);
}

/* ---- when it is told ---- */

/* Refreshed, unless its age means nothing, or is that of values which are old here. */
static uint64_t refresh_at(const struct orc_service *svc, const struct orc_told *told,
			   uint64_t now_us)
{
	const struct service *def = svc->view->def;
	uint64_t max_us = def->max_age_ms * UINT64_C(1000), oldest;

	if (!told->n || def->stale == STALE_HOLD || svc->last.selected < 0)
		return UINT64_MAX;
	oldest = ssc_oldest(def, &svc->cands[svc->last.selected]);
	if (oldest < now_us && now_us - oldest > max_us)
		return UINT64_MAX;
	return told->at_us + max_us / REFRESHES;
}

static uint64_t tell_at(const struct orc_service *svc, const struct aggregate *agg, uint64_t now_us)
{
	const struct orc_told *told = svc->told;
	uint64_t refresh_us;

	if (!told || told->again || told->count != agg->count)
		return now_us;
	refresh_us = refresh_at(svc, told, now_us);
	if (!moved(svc->view->def, told, agg))
		return refresh_us;
	return refresh_us < told->at_us + MIN_US ? refresh_us : told->at_us + MIN_US;
}

static void note(struct orc *orc, struct orc_service *svc, const struct aggregate *agg,
		 uint64_t now_us)
{
	bool due = svc->told && svc->told->due;
	struct orc_told *told =
		realloc(svc->told, sizeof(*told) + agg->n * sizeof(agg->samples[0]));

	if (!told) {
		log_err("aggregate not told", "why=\"no memory\"");
		return;
	}
	*told = (struct orc_told){.at_us = now_us,
				  .count = agg->count,
				  .capacity = agg->capacity,
				  .metric = agg->metric,
				  .due = true,
				  .n = agg->n};
	memcpy(told->v, agg->samples, agg->n * sizeof(agg->samples[0]));
	svc->told = told;
	if (due)
		return;
	svc->next_told = orc->told;
	orc->told = svc;
}

uint64_t orc_publish_check(struct orc *orc, struct orc_service *svc, uint64_t now_us)
{
	struct aggregate agg;
	uint64_t at_us;

	if (!orc->publish || svc->scope != SAN_SCOPE_LOCAL)
		return UINT64_MAX;
	if (svc->n == 0) {
		orc_publish_gone(orc, svc);
		return UINT64_MAX;
	}
	aggregate_of(svc, &agg);
	at_us = tell_at(svc, &agg, now_us);
	if (at_us > now_us)
		return at_us;
	note(orc, svc, &agg, now_us);
	return svc->told ? refresh_at(svc, svc->told, now_us) : now_us + ORC_RETRY_US;
}

static void tell(struct orc *orc, struct orc_service *svc)
{
	struct aggregate agg = {.count = svc->told->count,
				.capacity = svc->told->capacity,
				.metric = svc->told->metric,
				.n = svc->told->n};

	memcpy(agg.samples, svc->told->v, agg.n * sizeof(agg.samples[0]));
	svc->told->due = false;
	orc->stats.published++;
	orc->publish(orc->arg, svc->view->id, &agg);
}

void orc_publish_all(struct orc *orc)
{
	struct orc_service *svc;

	while ((svc = orc->told)) {
		orc->told = svc->next_told;
		if (svc->told)
			tell(orc, svc);
	}
}

void orc_publish_gone(struct orc *orc, struct orc_service *svc)
{
	if (!svc->told)
		return;
	if (svc->told->due)
		LL_DELETE2(orc->told, svc, next_told);
	free(svc->told);
	svc->told = NULL;
	orc->stats.published++;
	orc->publish(orc->arg, svc->view->id, NULL);
}

void orc_republish(struct orc *orc)
{
	struct view_service *view, *next;

	HASH_ITER(hh, orc->view->services, view, next) {
		struct orc_service *svc = view->user;

		if (!svc || !svc->local || !svc->local->told)
			continue;
		svc->local->told->again = true;
		orc_queue(orc, svc->local);
	}
}
