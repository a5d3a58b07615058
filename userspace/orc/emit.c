/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A service as ncc takes it: what is selected, and every next hop whose flows may go on. */
#include "orc/orc_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"
#include "util/log.h"
#include "util/own.h"

/* A flow keeps its instance while that is registered and not down, whatever its metric says: see
 * docs/decisions/0002-flows-keep-alive-instances.md. */
static bool alive(const struct ssc_candidate *cand)
{
	return cand->instance->state != INSTANCE_DOWN &&
	       !IN6_IS_ADDR_UNSPECIFIED(&cand->instance->sid) && cand->path->defined &&
	       cand->path->def.n_segs + 1 <= SAN_MAX_SEGS;
}

static void nexthop_of(const struct ssc_candidate *cand, struct plan_nexthop *nh)
{
	const struct path *path = &cand->path->def;

	memset(nh, 0, sizeof(*nh));
	nh->encap = path->encap;
	nh->hop_limit = path->hop_limit;
	memcpy(nh->segs, path->segs, path->n_segs * sizeof(nh->segs[0]));
	nh->segs[path->n_segs] = cand->instance->sid;
	nh->n_segs = path->n_segs + 1;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct plan_nexthop));
}

/* Sorted, each once: two candidates may be the same next hop. */
static unsigned int unique(struct plan_nexthop *nhs, unsigned int n)
{
	unsigned int kept = 0;

	qsort(nhs, n, sizeof(*nhs), compare);
	for (unsigned int i = 0; i < n; i++)
		if (kept == 0 || compare(&nhs[kept - 1], &nhs[i]) != 0)
			nhs[kept++] = nhs[i];
	return kept;
}

static unsigned int collect_alive(const struct orc_service *svc, struct plan_nexthop *nhs)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < svc->n; i++)
		if (alive(&svc->cands[i]))
			nexthop_of(&svc->cands[i], &nhs[n++]);
	return unique(nhs, n);
}

/* The place of the selected next hop among n; beyond the limit it takes the last place within. */
static struct plan_nexthop *selected_of(const struct orc_service *svc, struct plan_nexthop *nhs,
					unsigned int n)
{
	struct plan_nexthop key, *found;

	if (svc->last.selected < 0)
		return NULL;
	nexthop_of(&svc->cands[svc->last.selected], &key);
	found = n ? bsearch(&key, nhs, n, sizeof(*nhs), compare) : NULL;
	if (found && found - nhs >= PLAN_MAX_ALIVE) {
		nhs[PLAN_MAX_ALIVE - 1] = key;
		found = &nhs[PLAN_MAX_ALIVE - 1];
	}
	return found;
}

/* At a limit there may be thousands: the first is told in full, the others are counted. */
static void refused(struct orc *orc, struct orc_service *svc, const struct err *err)
{
	char id[SVC_ID_TEXT], text[512];

	svc->replan = true;
	if (orc_deadline_before(orc, svc, clock_us() + ORC_RETRY_US))
		log_err("service not planned again", "why=\"no memory\"");
	if (svc->refused)
		return;
	svc->refused = true;
	if (orc->stats.refused++ == 0)
		log_err("service not planned, tried again every few seconds; others are only "
			"counted",
			"service=%s why=\"%s\"", svc_id_text(svc->view->id, id),
			err_text(err, text, sizeof(text)));
}

void orc_unrefuse(struct orc *orc, struct orc_service *svc)
{
	if (!svc->refused)
		return;
	svc->refused = false;
	if (--orc->stats.refused == 0)
		log_info("all services are planned again");
}

static int put(struct orc *orc, struct orc_service *svc, struct err *err)
{
	const struct service *def = svc->view->def;
	OWN_PTR struct plan_nexthop *nhs = calloc(svc->n ? svc->n : 1, sizeof(*nhs));
	struct plan_service plan = {
		.id = def->id, .address = def->address, .affinity = def->affinity};

	if (!nhs)
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	plan.n_alive = collect_alive(svc, nhs);
	plan.selected = selected_of(svc, nhs, plan.n_alive);
	if (plan.n_alive > PLAN_MAX_ALIVE)
		plan.n_alive = PLAN_MAX_ALIVE;
	plan.alive = nhs;
	plan.mode = plan.selected ? def->mode : SAN_MODE_NONE;
	return ncc_service_put(orc->ncc, &plan, err);
}

static void log_change(const struct orc_service *svc)
{
	const struct orc_change *change = svc->newest;
	char id[SVC_ID_TEXT];

	if (svc->n_history == 0)
		return;
	log_write(change->why == SSC_FIRST ? LOG_DEBUG_LEVEL : LOG_INFO, "selection changed",
		  " service=%s from=%s to=%s path=%s metric=%u why=\"%s\"",
		  svc_id_text(svc->view->id, id),
		  change->from.valid ? change->from.instance : "none",
		  change->to.valid ? change->to.instance : "none",
		  change->to.valid ? change->to.path : "none", change->to.metric,
		  ssc_why_text(change->why));
}

void orc_emit(struct orc *orc, struct orc_service *svc)
{
	struct err err = {0};

	if (svc->last.changed)
		log_change(svc);
	if (!orc->ingress[0] || (svc->planned && !svc->replan))
		return;
	if (put(orc, svc, &err)) {
		refused(orc, svc, &err);
		return;
	}
	svc->planned = true;
	svc->replan = false;
	orc_unrefuse(orc, svc);
	svc->next_put = orc->puts;
	orc->puts = svc;
	orc->plan_touched = true;
}

void orc_emit_gone(struct orc *orc, struct orc_service *svc)
{
	if (!svc->planned)
		return;
	ncc_service_del(orc->ncc, svc->view->id);
	orc->plan_touched = true;
	orc_schedule(orc);
}
