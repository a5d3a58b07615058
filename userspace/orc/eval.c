/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From marks to a decision: collect candidates, score the marked ones, damp, let ssc decide. */
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

void orc_mark_instance(struct orc_service *svc, const struct orc_instance *inst)
{
	if (svc->rebuild)
		return;
	for (unsigned int i = 0; i < inst->n; i++)
		orc_mark(svc, inst->first + i);
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
void orc_mark_refreshed(struct orc_service *svc, const struct orc_instance *inst, int path)
{
	if (path >= 0) {
		mark_spoiled(svc, inst->first + path);
		return;
	}
	for (unsigned int i = 0; i < inst->n; i++)
		mark_spoiled(svc, inst->first + i);
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
	struct view_instance *view, *next;

	if (!svc->n_suppressed || svc->rebuild)
		return;
	HASH_ITER(hh, svc->view->instances, view, next) {
		const struct orc_instance *inst = view->user;

		if (inst && inst->suppressed && ssc_damp_until(&inst->damping) <= now_us)
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

/* ---- candidates ---- */

void orc_drop_candidates(struct orc *orc, struct orc_service *svc)
{
	orc->stats.candidates -= svc->n;
	svc->n = 0;
	svc->n_dirty = 0;
	svc->rebuild = true;
}

static unsigned int count_candidates(const struct orc_service *svc)
{
	struct view_instance *view, *next;
	unsigned int n = 0;

	HASH_ITER(hh, svc->view->instances, view, next) {
		const struct orc_instance *inst = view->user;

		if (inst && inst->gateway)
			n += inst->gateway->n_paths;
	}
	return n;
}

static void say_cut(struct orc_service *svc, unsigned int n)
{
	char id[SVC_ID_TEXT];

	if (n > ORC_MAX_CANDIDATES && !svc->cut)
		log_warn("service has too many candidates, the last ones are left out",
			 "service=%s candidates=%u at_most=%d", svc_id_text(svc->view->id, id), n,
			 ORC_MAX_CANDIDATES);
	svc->cut = n > ORC_MAX_CANDIDATES;
}

static int candidates_alloc(struct orc_service *svc, unsigned int n)
{
	size_t size = n ? n : 1;

	free(svc->cands);
	free(svc->scores);
	free(svc->flags);
	free(svc->dirty);
	svc->cands = calloc(size, sizeof(*svc->cands));
	svc->scores = calloc(size, sizeof(*svc->scores));
	svc->flags = calloc(size, sizeof(*svc->flags));
	svc->dirty = calloc(size, sizeof(*svc->dirty));
	return svc->cands && svc->scores && svc->flags && svc->dirty ? 0 : -ENOMEM;
}

static void collect_instance(struct orc_service *svc, struct orc_instance *inst, unsigned int max)
{
	unsigned int n_paths = inst->gateway ? inst->gateway->n_paths : 0;

	inst->first = svc->n;
	inst->n = 0;
	inst->free = inst->suppressed = inst->damped = false;
	for (; inst->n < n_paths && svc->n < max; inst->n++)
		svc->cands[svc->n++] = (struct ssc_candidate){
			.instance = inst->view, .path = inst->gateway->paths[inst->n]};
}

static int collect(struct orc *orc, struct orc_service *svc)
{
	unsigned int n = count_candidates(svc);
	struct view_instance *view, *next;

	say_cut(svc, n);
	if (n > ORC_MAX_CANDIDATES)
		n = ORC_MAX_CANDIDATES;
	if (candidates_alloc(svc, n)) {
		log_err("candidates not collected", "why=\"no memory\"");
		return -ENOMEM;
	}
	svc->n_free = svc->n_suppressed = 0;
	svc->damped = false;
	HASH_ITER(hh, svc->view->instances, view, next)
		if (view->user)
			collect_instance(svc, view->user, n);
	orc->stats.candidates += svc->n;
	svc->rebuild = false;
	orc_mark_all(svc);
	return 0;
}

/* ---- scores ---- */

static void score(struct orc *orc, struct orc_service *svc, unsigned int i, uint64_t now_us)
{
	const struct orc_instance *inst = svc->cands[i].instance->user;
	const struct service *def = svc->view->def;

	ssc_score(def, &svc->cands[i], inst->damped, now_us, &svc->scores[i]);
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

		score(orc, svc, svc->dirty[i], now_us);
		if (inst->scored)
			continue;
		inst->scored = true;
		inst->next_scored = list;
		list = inst;
	}
	svc->n_dirty = 0;
	return list;
}

/* ---- damping ---- */

/* Without damping: DAMPED is the gate only where nothing else fails. */
static bool satisfied(const struct orc_service *svc, const struct orc_instance *inst)
{
	for (unsigned int i = inst->first; i < inst->first + inst->n; i++)
		if (svc->scores[i].metric < METRIC_MAX || svc->scores[i].gate == SSC_DAMPED)
			return true;
	return false;
}

static void feed(struct orc_service *svc, struct orc_instance *inst, uint64_t now_us)
{
	bool sat = satisfied(svc, inst);

	svc->n_free -= inst->free;
	svc->n_suppressed -= inst->suppressed;
	inst->suppressed = ssc_damp(&inst->damping, sat, now_us);
	inst->free = sat && !inst->suppressed;
	svc->n_free += inst->free;
	svc->n_suppressed += inst->suppressed;
}

/* Suppressed ones are out as long as another one satisfies: the last is never damped. */
static void apply_damping(struct orc *orc, struct orc_service *svc, uint64_t now_us)
{
	struct view_instance *view, *next;
	bool out = svc->n_free > 0;

	if (!svc->n_suppressed && !svc->damped)
		return;
	svc->damped = false;
	HASH_ITER(hh, svc->view->instances, view, next) {
		struct orc_instance *inst = view->user;
		bool damped = inst && inst->suppressed && out;

		svc->damped |= damped;
		if (!inst || inst->damped == damped)
			continue;
		inst->damped = damped;
		for (unsigned int i = 0; i < inst->n; i++)
			score(orc, svc, inst->first + i, now_us);
	}
}

static uint64_t reuse_at(const struct orc_service *svc)
{
	struct view_instance *view, *next;
	uint64_t at = UINT64_MAX;

	if (!svc->n_suppressed)
		return at;
	HASH_ITER(hh, svc->view->instances, view, next) {
		const struct orc_instance *inst = view->user;
		uint64_t until = UINT64_MAX;

		if (inst && inst->suppressed)
			until = ssc_damp_until(&inst->damping);
		at = until < at ? until : at;
	}
	return at;
}

/* ---- the decision ---- */

static void decide(struct orc *orc, struct orc_service *svc, uint64_t now_us)
{
	const struct ssc_choice from = svc->choice;

	ssc_decide(svc->view->def, svc->cands, svc->scores, svc->n, orc->order, now_us,
		   &svc->choice, &svc->last);
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

	if (svc->rebuild && collect(orc, svc)) {
		orc_deadline_before(orc, svc, now_us + ORC_RETRY_US);
		return;
	}
	for (list = score_dirty(orc, svc, now_us); list; list = next) {
		next = list->next_scored;
		list->scored = false;
		feed(svc, list, now_us);
	}
	apply_damping(orc, svc, now_us);
	decide(orc, svc, now_us);
	reuse_us = reuse_at(svc);
	if (reuse_us > svc->last.again_at_us)
		reuse_us = svc->last.again_at_us;
	if (orc_deadline_set(orc, svc, reuse_us))
		log_err("service not watched for age", "why=\"no memory\"");
}
