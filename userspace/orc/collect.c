/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The candidates of a service: at the ingress every instance over every path to its gateway; in the
 * local scope every instance behind this gateway.
 */
#include "orc/orc_int.h"

#include <errno.h>
#include <stdlib.h>

#include "util/log.h"

void orc_drop_candidates(struct orc *orc, struct orc_service *svc)
{
	orc->stats.candidates -= svc->n;
	svc->n = 0;
	svc->n_dirty = 0;
	svc->rebuild = true;
}

static unsigned int count_of(const struct orc *orc, const struct orc_service *svc,
			     const struct orc_instance *inst)
{
	if (svc->scope == SAN_SCOPE_LOCAL)
		return orc_is_home(orc, inst);
	return inst->gateway ? inst->gateway->n_paths : 0;
}

static unsigned int count_candidates(const struct orc *orc, const struct orc_service *svc)
{
	struct view_instance *view;
	unsigned int n = 0;

	view_each_instance(svc->view, view) {
		if (view->user)
			n += count_of(orc, svc, view->user);
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
	free(svc->weights);
	svc->cands = calloc(size, sizeof(*svc->cands));
	svc->scores = calloc(size, sizeof(*svc->scores));
	svc->flags = calloc(size, sizeof(*svc->flags));
	svc->dirty = calloc(size, sizeof(*svc->dirty));
	svc->weights = calloc(size, sizeof(*svc->weights));
	if (svc->cands && svc->scores && svc->flags && svc->dirty && svc->weights)
		return 0;
	return -ENOMEM;
}

static struct orc_seat *need_seat(const struct orc_service *svc, struct orc_instance *inst,
				  unsigned int n)
{
	if (svc->scope == SAN_SCOPE_LOCAL && !inst->local && n) {
		inst->local = calloc(1, sizeof(*inst->local));
		if (!inst->local)
			log_err("instance not orchestrated", "instance=%s why=\"no memory\"",
				inst->view->name);
	}
	return orc_seat(svc, inst);
}

static struct ssc_candidate candidate(const struct orc *orc, const struct orc_service *svc,
				      const struct orc_instance *inst, unsigned int i)
{
	if (svc->scope == SAN_SCOPE_LOCAL)
		return (struct ssc_candidate){.instance = inst->view};
	return (struct ssc_candidate){
		.instance = inst->view,
		.path = inst->gateway->paths[i],
		.gateway = svc->steering == STEERING_GATEWAY
				   ? view_gateway(orc->view, inst->gateway->name)
				   : NULL,
	};
}

static void collect_instance(const struct orc *orc, struct orc_service *svc,
			     struct orc_instance *inst, unsigned int max)
{
	unsigned int n = count_of(orc, svc, inst);
	struct orc_seat *seat = need_seat(svc, inst, n);

	if (!seat)
		return;
	seat->first = svc->n;
	seat->n = 0;
	seat->free = seat->suppressed = seat->damped = false;
	for (; seat->n < n && svc->n < max; seat->n++, svc->n++) {
		svc->cands[svc->n] = candidate(orc, svc, inst, seat->n);
		if (svc->cands[svc->n].path == seat->member)
			svc->weights[svc->n] = seat->weight;
	}
}

int orc_collect(struct orc *orc, struct orc_service *svc)
{
	unsigned int n = count_candidates(orc, svc);
	struct view_instance *view;

	say_cut(svc, n);
	if (n > ORC_MAX_CANDIDATES)
		n = ORC_MAX_CANDIDATES;
	if (candidates_alloc(svc, n)) {
		log_err("candidates not collected", "why=\"no memory\"");
		return -ENOMEM;
	}
	svc->steering = svc->view->def->steering;
	svc->n_free = svc->n_suppressed = 0;
	svc->damped = false;
	view_each_instance(svc->view, view)
		if (view->user)
			collect_instance(orc, svc, view->user, n);
	orc->stats.candidates += svc->n;
	svc->rebuild = false;
	orc_mark_all(svc);
	return 0;
}
