/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The candidates of a service: at the ingress every instance over every path to its gateway; in the
 * local scope every instance behind this gateway.
 */
#include "orc/orc_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/log.h"
#include "util/own.h"

void orc_drop_candidates(struct orc *orc, struct orc_service *svc)
{
	orc->stats.candidates -= svc->n;
	svc->n = 0;
	svc->n_dirty = 0;
	svc->rebuild = true;
	if (orc->filled == svc)
		orc->filled = NULL;
}

/* Its gateway speaks for it, and is heard: there may have been no room for its aggregate. */
static bool spoken_for(const struct orc *orc, const struct orc_service *svc,
		       const struct orc_instance *inst)
{
	char name[NAME_LEN + 1];
	const struct view_instance *whole;

	snprintf(name, sizeof(name), "@%s", orc_gateway_of(orc, inst)->name);
	whole = view_instance(orc->view, svc->view->id, name);
	return whole && whole->aggregate && orc_of(whole) && orc_of(whole)->gateway;
}

/* Steered by gateway, what a gateway says of all its instances is a candidate; those of a gateway
 * that says nothing are candidates themselves. */
static bool is_candidate(const struct orc *orc, const struct orc_service *svc,
			 const struct orc_instance *inst)
{
	bool by_gateway = svc->view->def->steering == STEERING_GATEWAY;

	if (!inst->gateway || orc_view(inst)->aggregate)
		return inst->gateway && by_gateway;
	return !by_gateway || !spoken_for(orc, svc, inst);
}

static unsigned int count_of(const struct orc *orc, const struct orc_service *svc,
			     const struct orc_instance *inst)
{
	if (svc->scope == SAN_SCOPE_LOCAL)
		return orc_is_home(orc, inst);
	return is_candidate(orc, svc, inst) ? orc_gateway_of(orc, inst)->n_paths : 0;
}

static unsigned int count_candidates(const struct orc *orc, const struct orc_service *svc)
{
	struct view_instance *view;
	unsigned int n = 0;

	view_each_instance(svc->view, view) {
		if (orc_of(view))
			n += count_of(orc, svc, orc_of(view));
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

/* What there is stays until there is all of it anew. weights: those before, or NULL; the caller
 * frees them. */
static int candidates_alloc(struct orc_service *svc, unsigned int n, uint32_t **weights)
{
	bool balanced = svc->view->def->mode == SAN_MODE_BALANCED;
	OWN_PTR uint32_t *fresh = NULL;
	size_t size = n ? n : 1;
	struct ssc_score *scores;

	if (balanced && !(fresh = calloc(size, sizeof(*fresh))))
		return -ENOMEM;
	scores = calloc(size, sizeof(*scores) + sizeof(*svc->flags));
	if (!scores)
		return -ENOMEM;
	free(svc->scores);
	svc->scores = scores;
	svc->flags = (uint8_t *)(scores + size);
	*weights = svc->weights;
	svc->weights = TAKE_PTR(fresh);
	return 0;
}

struct orc_more *orc_more(struct orc_instance *inst)
{
	if (inst->more)
		return inst->more;
	inst->more = calloc(1, sizeof(*inst->more));
	if (!inst->more) {
		log_err("instance not orchestrated", "instance=%s why=\"no memory\"",
			orc_view(inst)->name);
		return NULL;
	}
	inst->more->damping[SAN_SCOPE_INGRESS].known = inst->seat.known;
	inst->more->damping[SAN_SCOPE_INGRESS].satisfied = inst->seat.satisfied;
	return inst->more;
}

static struct orc_seat *need_seat(const struct orc_service *svc, struct orc_instance *inst,
				  unsigned int n)
{
	if (svc->scope == SAN_SCOPE_LOCAL && n && orc_more(inst))
		inst->more->local.is = 1;
	return orc_seat(svc, inst);
}

/* i: of the instance's. */
static const struct view_path *path_of(const struct orc *orc, const struct orc_service *svc,
				       const struct orc_instance *inst, unsigned int i)
{
	return svc->scope == SAN_SCOPE_LOCAL ? NULL : orc_gateway_of(orc, inst)->paths[i];
}

/* The instance's paths are where they were, others behind them: see forget_path(). */
static void take_weights(struct orc_service *svc, const struct orc_seat *seat,
			 const struct orc_seat *before, const uint32_t *weights)
{
	unsigned int n = before->n < seat->n ? before->n : seat->n;

	if (n && weights && svc->weights)
		memcpy(svc->weights + seat->first, weights + before->first, n * sizeof(*weights));
}

/* weights: in force before, of the candidates that the seats name. */
static void collect_instance(const struct orc *orc, struct orc_service *svc,
			     struct orc_instance *inst, unsigned int max, const uint32_t *weights)
{
	unsigned int n = count_of(orc, svc, inst);
	struct orc_seat *seat = need_seat(svc, inst, n), before;

	if (!seat)
		return;
	if (n > max - svc->n)
		n = max - svc->n;
	before = *seat;
	seat->first = svc->n;
	seat->n = n;
	seat->free = seat->suppressed = seat->damped = false;
	svc->n += n;
	take_weights(svc, seat, &before, weights);
}

int orc_collect(struct orc *orc, struct orc_service *svc)
{
	unsigned int n = count_candidates(orc, svc);
	OWN_PTR uint32_t *weights = NULL;
	struct view_instance *view;

	say_cut(svc, n);
	if (n > ORC_MAX_CANDIDATES)
		n = ORC_MAX_CANDIDATES;
	if (candidates_alloc(svc, n, &weights)) {
		log_err("candidates not collected", "why=\"no memory\"");
		return -ENOMEM;
	}
	svc->steering = svc->view->def->steering;
	svc->n_free = svc->n_suppressed = 0;
	svc->damped = false;
	view_each_instance(svc->view, view)
		if (orc_of(view))
			collect_instance(orc, svc, orc_of(view), n, weights);
	orc->stats.candidates += svc->n;
	svc->rebuild = false;
	orc_mark_all(svc);
	return 0;
}

static void fill_instance(struct orc *orc, const struct orc_service *svc, struct orc_instance *inst,
			  const struct view_gateway *gateway)
{
	const struct orc_seat *seat = orc_seat(svc, inst);

	for (unsigned int i = 0; i < seat->n; i++)
		orc->cands[seat->first + i] =
			(struct ssc_candidate){.instance = orc_view(inst),
					       .path = path_of(orc, svc, inst, i),
					       .gateway = gateway};
}

void orc_fill(struct orc *orc, struct orc_service *svc)
{
	struct view_instance *view;

	if (orc->filled == svc)
		return;
	orc->filled = svc;
	svc->cands = orc->cands;
	if (!svc->n)
		return;
	view_each_instance(svc->view, view) {
		struct orc_instance *inst = orc_of(view);
		const struct orc_seat *seat = inst ? orc_seat(svc, inst) : NULL;
		bool by_gateway =
			svc->scope == SAN_SCOPE_INGRESS && svc->steering == STEERING_GATEWAY;

		if (seat && seat->n)
			fill_instance(orc, svc, inst,
				      by_gateway ? view_gateway(orc->view, view->gateway) : NULL);
	}
}
