/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "orc/orc_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int check_conf(const struct orc_conf *conf)
{
	if (conf->ingress && conf->ingress[0] && !name_valid(conf->ingress))
		return -EINVAL;
	if (conf->gateway && !name_valid(conf->gateway))
		return -EINVAL;
	return conf->n_groups > SAN_MAX_GROUPS ? -EINVAL : 0;
}

int orc_open(const struct orc_conf *conf, struct orc **out)
{
	int r = check_conf(conf);
	struct orc *orc;

	if (r)
		return r;
	orc = calloc(1, sizeof(*orc));
	if (!orc)
		return -ENOMEM;
	orc->loop = conf->loop;
	orc->view = conf->view;
	orc->ncc = conf->ncc;
	orc->groups = conf->groups;
	orc->n_groups = conf->n_groups;
	orc->publish = conf->publish;
	orc->arg = conf->arg;
	strcpy(orc->ingress, conf->ingress ? conf->ingress : "");
	strcpy(orc->gateway, conf->gateway ? conf->gateway : "");
	r = orc_sids_init(orc, conf->sids, conf->n_sids);
	if (r) {
		orc_sids_fini(orc);
		free(orc);
		return r;
	}
	orc_sched_open(orc);
	orc_attach(orc);
	*out = orc;
	return 0;
}

void orc_close(struct orc *orc)
{
	if (!orc)
		return;
	orc_detach(orc);
	orc_sids_fini(orc);
	orc_sched_close(orc);
}

void orc_start(struct orc *orc)
{
	if (orc->started)
		return;
	orc->started = true;
	orc->first_event_us = clock_us();
	orc->plan_touched = true; /* an empty plan is a plan: it removes what was there before */
	orc_sids_start(orc);
	orc_round(orc);
}

bool orc_started(const struct orc *orc)
{
	return orc->started;
}

static struct orc_service *find(const struct orc *orc, uint64_t id)
{
	const struct view_service *view = view_service(orc->view, id);

	return view ? view->user : NULL;
}

/* A time of the view as the host's clock has it. */
static uint64_t host_time(const struct orc *orc, uint64_t at_us)
{
	uint64_t clock = clock_us();

	return clock - (view_time(orc->view, clock) - at_us);
}

/* A change that waits for its time will come with the next one at the earliest. */
static uint64_t generation_of(const struct orc *orc, const struct orc_service *svc)
{
	struct ncc_status status;

	if (!svc->deferred)
		return svc->generation;
	ncc_status(orc->ncc, &status);
	return status.desired + 1;
}

int orc_entry(const struct orc *orc, uint64_t service, struct orc_entry *out)
{
	const struct orc_service *svc = find(orc, service);

	if (!svc)
		return -ENOENT;
	*out = (struct orc_entry){
		.selected = svc->choice.valid,
		.instance = svc->choice.instance,
		.gateway = svc->choice.gateway,
		.path = svc->choice.path,
		.metric = svc->choice.valid ? svc->choice.metric : METRIC_MAX,
		.since_us = svc->choice.valid ? host_time(orc, svc->choice.since_us) : 0,
		.changes = svc->changes,
		.generation = generation_of(orc, svc),
		.members = svc->choice.members,
	};
	return 0;
}

uint64_t orc_deferred(const struct orc *orc, uint64_t service, uint8_t scope)
{
	const struct orc_service *svc = find(orc, service);

	if (svc && scope == SAN_SCOPE_LOCAL)
		svc = svc->local;
	return svc && svc->deferred ? generation_of(orc, svc) : 0;
}

static json_t *explain(struct orc *orc, struct orc_service *svc, uint64_t now_us)
{
	const struct ssc_field field = orc_field(orc, svc);
	json_t *out = ssc_explain(&field, &svc->choice, svc->evaluated ? &svc->last : NULL, now_us);

	if (out)
		json_object_set_new(out, "history", orc_history_json(svc));
	return out;
}

json_t *orc_explain(struct orc *orc, uint64_t service)
{
	struct orc_service *svc = find(orc, service);
	uint64_t now_us;
	json_t *out;

	if (!svc)
		return NULL;
	/* What just happened belongs into the answer. */
	if (orc->started && orc->queue)
		orc_round(orc);
	now_us = orc_now(orc);
	out = explain(orc, svc, now_us);
	if (out && svc->local)
		json_object_set_new(out, "local", explain(orc, svc->local, now_us));
	return out;
}

/* Two histories, each in order of time, become one. */
static json_t *merge(const struct orc_service *a, const struct orc_service *b)
{
	const struct orc_change *x = a->n_history ? a->oldest : NULL;
	const struct orc_change *y = b && b->n_history ? b->oldest : NULL;
	json_t *out = json_array();

	while (out && (x || y)) {
		const struct orc_change **first = !y || (x && x->at_us <= y->at_us) ? &x : &y;

		json_array_append_new(out, orc_change_json(*first));
		*first = (*first)->next;
	}
	return out;
}

json_t *orc_history(const struct orc *orc, uint64_t service)
{
	const struct orc_service *svc = find(orc, service);

	return svc ? merge(svc, svc->local) : NULL;
}

void orc_stats(const struct orc *orc, struct orc_stats *out)
{
	*out = orc->stats;
	out->react_us = &orc->react_us;
	out->round_us = &orc->round_us;
}
