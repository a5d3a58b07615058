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
	svc->dirty[svc->n_dirty++] = cand;
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
		struct orc_instance *inst = view->user;
		const struct orc_seat *seat = inst ? orc_seat(svc, inst) : NULL;

		if (seat && seat->suppressed && ssc_damp_until(&seat->damping) <= now_us)
			orc_mark_instance(svc, inst);
	}
}

void orc_mark_due(struct orc_service *svc, uint64_t now_us)
{
	for (unsigned int i = 0; i < svc->n; i++)
		if (svc->scores[i].metric < METRIC_MAX &&
		    is_aged(svc->view->def, &svc->cands[i], now_us))
			orc_mark(svc, i);
	mark_reusable(svc, now_us);
}

/* ---- scores ---- */

static void score(struct orc *orc, struct orc_service *svc, unsigned int i, uint64_t now_us)
{
	const struct orc_seat *seat = orc_seat(svc, svc->cands[i].instance->user);
	const struct service *def = svc->view->def;

	ssc_score(def, &svc->cands[i], seat->damped, now_us, &svc->scores[i]);
	svc->flags[i] =
		def->stale == STALE_WORSEN && is_aged(def, &svc->cands[i], now_us) ? CAND_AGED : 0;
	orc->stats.candidates_scored++;
}

/* Scores what is marked; the instances concerned come back as a list. */
static struct orc_instance *score_dirty(struct orc *orc, struct orc_service *svc, uint64_t now_us)
{
	struct orc_instance *list = NULL;

	for (unsigned int i = 0; i < svc->n_dirty; i++) {
		struct orc_instance *inst = svc->cands[svc->dirty[i]].instance->user;
		struct orc_seat *seat = orc_seat(svc, inst);

		score(orc, svc, svc->dirty[i], now_us);
		if (seat->scored)
			continue;
		seat->scored = true;
		seat->next_scored = list;
		list = inst;
	}
	svc->n_dirty = 0;
	return list;
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

static void feed(struct orc_service *svc, struct orc_seat *seat, uint64_t now_us)
{
	bool sat = satisfied(svc, seat);

	svc->n_free -= seat->free;
	svc->n_suppressed -= seat->suppressed;
	seat->suppressed = ssc_damp(&seat->damping, sat, now_us);
	seat->free = sat && !seat->suppressed;
	svc->n_free += seat->free;
	svc->n_suppressed += seat->suppressed;
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
		struct orc_seat *seat = view->user ? orc_seat(svc, view->user) : NULL;
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
		const struct orc_seat *seat = view->user ? orc_seat(svc, view->user) : NULL;
		uint64_t until = UINT64_MAX;

		if (seat && seat->suppressed)
			until = ssc_damp_until(&seat->damping);
		at = until < at ? until : at;
	}
	return at;
}

/* ---- the decision ---- */

struct ssc_field orc_field(struct orc *orc, const struct orc_service *svc)
{
	return (struct ssc_field){
		.svc = svc->view->def,
		.cands = svc->cands,
		.scores = svc->scores,
		.n = svc->n,
		.order = orc->order,
		.weights = svc->weights,
	};
}

/* Weights in force belong to instances, so that they outlive this collection of candidates. */
static void keep_weights(const struct orc_service *svc)
{
	for (unsigned int i = 0; i < svc->n; i++)
		orc_seat(svc, svc->cands[i].instance->user)->weight = 0;
	for (unsigned int i = 0; i < svc->n; i++) {
		struct orc_seat *seat = orc_seat(svc, svc->cands[i].instance->user);

		if (!svc->weights[i])
			continue;
		seat->weight = svc->weights[i];
		seat->member = svc->cands[i].path;
	}
}

static void decide(struct orc *orc, struct orc_service *svc, uint64_t now_us)
{
	const struct ssc_choice from = svc->choice;
	const struct ssc_field field = orc_field(orc, svc);

	ssc_decide(&field, now_us, &svc->choice, &svc->last);
	if (from.members || svc->choice.members)
		keep_weights(svc);
	svc->evaluated = true;
	orc->stats.evaluations++;
	if (!svc->last.changed)
		return;
	orc_history_add(svc, &from, now_us);
	orc->stats.selections_changed++;
	svc->replan = true;
}

void orc_evaluate(struct orc *orc, struct orc_service *svc, uint64_t now_us)
{
	struct orc_instance *list, *next;
	uint64_t reuse_us;

	if (svc->rebuild && orc_collect(orc, svc)) {
		orc_deadline_before(orc, svc, now_us + ORC_RETRY_US);
		return;
	}
	for (list = score_dirty(orc, svc, now_us); list; list = next) {
		struct orc_seat *seat = orc_seat(svc, list);

		next = seat->next_scored;
		seat->scored = false;
		feed(svc, seat, now_us);
	}
	apply_damping(orc, svc, now_us);
	decide(orc, svc, now_us);
	reuse_us = reuse_at(svc);
	if (reuse_us > svc->last.again_at_us)
		reuse_us = svc->last.again_at_us;
	if (orc_deadline_set(orc, svc, reuse_us))
		log_err("service not watched for age", "why=\"no memory\"");
}
