/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From marks to a decision: score the marked candidates, damp, let ssc decide. */
#include "orc/orc_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"

/* ---- what matters ---- */

static void use(struct orc_service *svc, uint16_t attr)
{
	svc->uses[attr / 64] |= UINT64_C(1) << (attr % 64);
}

/* delay_us is the end-to-end delay: it has parts (spec of the metrics, aggregation). */
static void use_with_parts(struct orc_service *svc, uint16_t attr)
{
	use(svc, attr);
	if (attr != ATTR_DELAY_US)
		return;
	use(svc, ATTR_SITE_DELAY_US);
	use(svc, ATTR_LB_DELAY_US);
	use(svc, ATTR_QUEUE_US);
}

void orc_uses(struct orc_service *svc)
{
	const struct service *def = svc->view->def;

	memset(svc->uses, 0, sizeof(svc->uses));
	for (int i = 0; i < def->n_terms; i++)
		use_with_parts(svc, def->terms[i].attr);
	for (int i = 0; i < def->n_requirements; i++)
		use_with_parts(svc, def->requirements[i].attr);
}

/* ---- marks ---- */

void orc_mark(struct orc_service *svc, unsigned int cand)
{
	if (svc->flags[cand] & CAND_DIRTY)
		return;
	svc->flags[cand] |= CAND_DIRTY;
	svc->n_dirty++;
}

void orc_mark_instance(struct orc_service *svc, struct orc_instance *inst)
{
	const struct orc_seat *seat = orc_seat(svc, inst);

	if (svc->rebuild || !seat)
		return;
	for (unsigned int i = 0; i < seat->n; i++)
		orc_mark(svc, seat->first + i);
}

void orc_mark_all(struct orc_service *svc)
{
	for (unsigned int i = 0; i < svc->n; i++)
		orc_mark(svc, i);
}

static void mark_spoiled(struct orc_service *svc, unsigned int cand)
{
	if (svc->scores[cand].gate == SSC_STALE || svc->flags[cand] & CAND_AGED)
		orc_mark(svc, cand);
}

/* path: its place at the gateway, -1 = a value of the instance. */
void orc_mark_refreshed(struct orc_service *svc, struct orc_instance *inst, int path)
{
	const struct orc_seat *seat = orc_seat(svc, inst);

	if (path >= 0) {
		mark_spoiled(svc, seat->first + path);
		return;
	}
	for (unsigned int i = 0; seat && i < seat->n; i++)
		mark_spoiled(svc, seat->first + i);
}

/* Some value that the score uses is beyond max_age, and that means something. */
static bool is_aged(const struct service *def, const struct ssc_candidate *cand, uint64_t now_us)
{
	uint64_t oldest = ssc_oldest(def, cand);

	if (def->stale == STALE_HOLD)
		return false;
	return oldest < now_us && now_us - oldest > def->max_age_ms * UINT64_C(1000);
}

static void mark_reusable(struct orc_service *svc, uint64_t now_us)
{
	struct view_instance *view;

	if (!svc->n_suppressed || svc->rebuild)
		return;
	view_each_instance(svc->view, view) {
		struct orc_instance *inst = orc_of(view);
		const struct orc_seat *seat = inst ? orc_seat(svc, inst) : NULL;

		if (seat && seat->suppressed &&
		    ssc_damp_until(&inst->more->damping[svc->scope]) <= now_us)
			orc_mark_instance(svc, inst);
	}
}

void orc_mark_due(struct orc *orc, struct orc_service *svc, uint64_t now_us)
{
	orc_fill(orc, svc);
	for (unsigned int i = 0; i < svc->n; i++)
		if (svc->scores[i].metric < METRIC_MAX &&
		    is_aged(svc->view->def, &svc->cands[i], now_us))
			orc_mark(svc, i);
	mark_reusable(svc, now_us);
}

/* ---- scores ---- */

static void score(struct orc *orc, struct orc_service *svc, unsigned int i, uint64_t now_us)
{
	const struct orc_seat *seat = orc_seat(svc, orc_of(svc->cands[i].instance));
	const struct service *def = svc->view->def;

	svc->n_dirty -= svc->flags[i] & CAND_DIRTY;
	ssc_score(def, &svc->cands[i], seat->damped, now_us, &svc->scores[i]);
	svc->flags[i] =
		def->stale == STALE_WORSEN && is_aged(def, &svc->cands[i], now_us) ? CAND_AGED : 0;
	orc->stats.candidates_scored++;
}

/* ---- damping ---- */

/* Without damping: DAMPED is the gate only where nothing else fails. */
static bool satisfied(const struct orc_service *svc, const struct orc_seat *seat)
{
	for (unsigned int i = seat->first; i < seat->first + seat->n; i++)
		if (svc->scores[i].metric < METRIC_MAX || svc->scores[i].gate == SSC_DAMPED)
			return true;
	return false;
}

/* One that never ceased or began to satisfy needs no memory for damping. */
static bool damp(const struct orc_service *svc, struct orc_instance *inst, struct orc_seat *seat,
		 bool sat, uint64_t now_us)
{
	bool was_known = seat->known, was = seat->satisfied;

	if (!inst->more && was_known && was != sat)
		orc_more(inst);
	seat->known = true;
	seat->satisfied = sat;
	return inst->more && ssc_damp(&inst->more->damping[svc->scope], sat, now_us);
}

static void feed(struct orc_service *svc, struct orc_instance *inst, uint64_t now_us)
{
	struct orc_seat *seat = orc_seat(svc, inst);
	bool sat = satisfied(svc, seat);

	svc->n_free -= seat->free;
	svc->n_suppressed -= seat->suppressed;
	seat->suppressed = damp(svc, inst, seat, sat, now_us);
	seat->free = sat && !seat->suppressed;
	svc->n_free += seat->free;
	svc->n_suppressed += seat->suppressed;
}

/* The candidates of an instance lie together: it is fed once, when they all have their scores. */
static void score_dirty(struct orc *orc, struct orc_service *svc, uint64_t now_us)
{
	for (unsigned int i = 0; i < svc->n && svc->n_dirty; i++) {
		struct orc_instance *inst;
		const struct orc_seat *seat;

		if (!(svc->flags[i] & CAND_DIRTY))
			continue;
		inst = orc_of(svc->cands[i].instance);
		seat = orc_seat(svc, inst);
		for (; i < (unsigned int)seat->first + seat->n; i++)
			if (svc->flags[i] & CAND_DIRTY)
				score(orc, svc, i, now_us);
		i--;
		feed(svc, inst, now_us);
	}
}

/* Suppressed ones are out as long as another one satisfies: the last is never damped. */
static void apply_damping(struct orc *orc, struct orc_service *svc, uint64_t now_us)
{
	struct view_instance *view;
	bool out = svc->n_free > 0;

	if (!svc->n_suppressed && !svc->damped)
		return;
	svc->damped = false;
	view_each_instance(svc->view, view) {
		struct orc_seat *seat = orc_of(view) ? orc_seat(svc, orc_of(view)) : NULL;
		bool damped = seat && seat->suppressed && out;

		svc->damped |= damped;
		if (!seat || seat->damped == damped)
			continue;
		seat->damped = damped;
		for (unsigned int i = 0; i < seat->n; i++)
			score(orc, svc, seat->first + i, now_us);
	}
}

static uint64_t reuse_at(const struct orc_service *svc)
{
	struct view_instance *view;
	uint64_t at = UINT64_MAX;

	if (!svc->n_suppressed)
		return at;
	view_each_instance(svc->view, view) {
		struct orc_instance *inst = orc_of(view);
		const struct orc_seat *seat = inst ? orc_seat(svc, inst) : NULL;
		uint64_t until = UINT64_MAX;

		if (seat && seat->suppressed)
			until = ssc_damp_until(&inst->more->damping[svc->scope]);
		at = until < at ? until : at;
	}
	return at;
}

/* ---- the decision ---- */

struct ssc_field orc_field(struct orc *orc, struct orc_service *svc)
{
	orc_fill(orc, svc);
	return (struct ssc_field){
		.svc = svc->view->def,
		.cands = svc->cands,
		.scores = svc->scores,
		.n = svc->n,
		.order = orc->order,
		.weights = svc->weights ? svc->weights : orc->no_weights,
		.calm = svc->calm,
	};
}

/* A service whose values move may come to swing: from its second evaluation on. */
static void need_calm(struct orc_service *svc)
{
	if (svc->evaluated && !svc->calm && svc->n > 1 && svc->view->def->hold_ms)
		svc->calm = calloc(1, sizeof(*svc->calm)); /* goes on without */
}

static void decide(struct orc *orc, struct orc_service *svc, uint64_t now_us)
{
	const struct ssc_choice from = svc->choice;
	struct ssc_field field;

	need_calm(svc);
	field = orc_field(orc, svc);
	ssc_decide(&field, now_us, &svc->choice, &svc->last);
	svc->evaluated = true;
	orc->stats.evaluations++;
	if (!svc->last.changed)
		return;
	orc_history_add(svc, &from);
	orc_say(orc, svc);
	orc->stats.selections_changed++;
	svc->replan = true;
}

/* Collected anew, too, where weights are needed for the first time. */
static int need_candidates(struct orc *orc, struct orc_service *svc)
{
	if (svc->view->def->mode == SAN_MODE_BALANCED && !svc->weights)
		orc_drop_candidates(orc, svc);
	return svc->rebuild ? orc_collect(orc, svc) : 0;
}

void orc_evaluate(struct orc *orc, struct orc_service *svc, uint64_t now_us)
{
	uint64_t due_us, at_us;

	if (need_candidates(orc, svc)) {
		orc_rate_retry(orc, svc);
		return;
	}
	orc_fill(orc, svc);
	score_dirty(orc, svc, now_us);
	apply_damping(orc, svc, now_us);
	decide(orc, svc, now_us);
	due_us = reuse_at(svc);
	if (due_us > svc->last.again_at_us)
		due_us = svc->last.again_at_us;
	at_us = orc_publish_check(orc, svc, now_us);
	if (due_us > at_us)
		due_us = at_us;
	if (orc_heap_set(&orc->due, &svc->due, due_us))
		log_err("service not watched for age", "why=\"no memory\"");
}
