/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A service as ncc takes it: what is selected, and every next hop whose flows may go on. */
#include "orc/orc_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"
#include "util/own.h"

/* A flow keeps its instance while that is registered and not down, whatever its metric says: see
 * docs/decisions/0002-flows-keep-alive-instances.md. */
static bool alive(const struct service *def, const struct ssc_candidate *cand)
{
	if (cand->instance->state == INSTANCE_DOWN)
		return false;
	if (!cand->path)
		return true;
	return ssc_last_segment(def, cand) && cand->path->defined &&
	       cand->path->def.n_segs + 1 <= SAN_MAX_SEGS;
}

static uint8_t families_of(const struct service *def, const struct ssc_candidate *cand)
{
	if (cand->path && def->steering == STEERING_GATEWAY)
		return SAN_NH_IP6 | SAN_NH_IP4;
	return IN6_IS_ADDR_V4MAPPED(&cand->instance->address) ? SAN_NH_IP4 : SAN_NH_IP6;
}

/* To an instance of this site. */
static void direct_of(const struct ssc_candidate *cand, struct plan_nexthop *nh)
{
	nh->kind = SAN_NH_DIRECT;
	nh->segs[0] = cand->instance->address;
	nh->n_segs = 1;
}

static void nexthop_of(const struct service *def, const struct ssc_candidate *cand,
		       struct plan_nexthop *nh)
{
	const struct path *path = cand->path ? &cand->path->def : NULL;

	memset(nh, 0, sizeof(*nh));
	nh->families = families_of(def, cand);
	if (!path) {
		direct_of(cand, nh);
		return;
	}
	nh->kind = SAN_NH_SRV6;
	nh->encap = path->encap;
	nh->hop_limit = path->hop_limit;
	memcpy(nh->segs, path->segs, path->n_segs * sizeof(nh->segs[0]));
	nh->segs[path->n_segs] = *ssc_last_segment(def, cand);
	nh->n_segs = path->n_segs + 1;
}

/* A next hop as it is put together. */
struct hop {
	struct plan_nexthop nh;
	uint64_t weight; /* of all its candidates; PREFERRED: 1 for the selected one */
};

static int by_content(const void *a, const void *b)
{
	const struct hop *x = a, *y = b;

	return memcmp(&x->nh, &y->nh, sizeof(x->nh));
}

/* The heaviest first: what gets packets must not be cut off. */
static int by_weight(const void *a, const void *b)
{
	const struct hop *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	return by_content(a, b);
}

/* Sorted, each once: two candidates may be the same next hop. */
static unsigned int unique(struct hop *hops, unsigned int n)
{
	unsigned int kept = 0;

	qsort(hops, n, sizeof(*hops), by_content);
	for (unsigned int i = 0; i < n; i++) {
		if (kept && by_content(&hops[kept - 1], &hops[i]) == 0)
			hops[kept - 1].weight += hops[i].weight;
		else
			hops[kept++] = hops[i];
	}
	return kept;
}

static void say_trimmed(struct orc_service *svc, unsigned int n)
{
	char id[SVC_ID_TEXT];

	if (n > PLAN_MAX_ALIVE && !svc->trimmed)
		log_warn("service has too many next hops, those of the least weight are left out",
			 "service=%s next_hops=%u at_most=%d", svc_id_text(svc->view->id, id), n,
			 PLAN_MAX_ALIVE);
	svc->trimmed = n > PLAN_MAX_ALIVE;
}

static unsigned int collect_alive(struct orc_service *svc, struct hop *hops)
{
	const struct service *def = svc->view->def;
	bool balanced = def->mode == SAN_MODE_BALANCED && svc->weights;
	unsigned int n = 0;

	for (unsigned int i = 0; i < svc->n; i++) {
		if (!alive(def, &svc->cands[i]))
			continue;
		nexthop_of(def, &svc->cands[i], &hops[n].nh);
		hops[n++].weight = balanced ? svc->weights[i] : (int)i == svc->last.selected;
	}
	n = unique(hops, n);
	say_trimmed(svc, n);
	if (n <= PLAN_MAX_ALIVE)
		return n;
	qsort(hops, n, sizeof(*hops), by_weight);
	qsort(hops, PLAN_MAX_ALIVE, sizeof(*hops), by_content);
	return PLAN_MAX_ALIVE;
}

/* Sums of weights within the range of a weight, in the same proportion. */
static void scale_weights(const struct hop *hops, unsigned int n, uint16_t *weights)
{
	uint64_t max = SAN_MAX_WEIGHT;

	for (unsigned int i = 0; i < n; i++)
		max = hops[i].weight > max ? hops[i].weight : max;
	for (unsigned int i = 0; i < n; i++) {
		uint64_t w = (2 * SAN_MAX_WEIGHT * (uint64_t)hops[i].weight + max) / (2 * max);

		weights[i] = (uint16_t)(w == 0 && hops[i].weight ? 1 : w);
	}
}

/* The place of the selected next hop among n, -1: nothing is selected. Where sums of others have
 * pushed it out, the heaviest stands for it. */
static int selected_of(const struct orc_service *svc, const struct hop *hops, unsigned int n)
{
	struct plan_nexthop key;
	int heaviest = -1;

	if (svc->last.selected < 0)
		return -1;
	nexthop_of(svc->view->def, &svc->cands[svc->last.selected], &key);
	for (unsigned int i = 0; i < n; i++) {
		if (memcmp(&key, &hops[i].nh, sizeof(key)) == 0)
			return (int)i;
		if (hops[i].weight > (heaviest < 0 ? 0 : hops[heaviest].weight))
			heaviest = (int)i;
	}
	return heaviest;
}

/* At a limit there may be thousands: the first is told in full, the others are counted. */
static void refused(struct orc *orc, struct orc_service *svc, const struct err *err)
{
	char id[SVC_ID_TEXT], text[512];

	svc->replan = true;
	orc_rate_retry(orc, svc);
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

/* Bits of the access groups that may use the service; bit 0: interfaces without one. */
static uint64_t groups_of(const struct orc *orc, const struct service *def)
{
	uint64_t groups = def->n_access ? 0 : 1;

	for (unsigned int bit = 1; bit < orc->n_groups; bit++)
		for (unsigned int i = 0; i < def->n_access; i++)
			if (strcmp(def->access[i], orc->groups[bit]) == 0)
				groups |= UINT64_C(1) << bit;
	return groups;
}

static struct plan_service plan_of(const struct orc *orc, const struct orc_service *svc)
{
	const struct service *def = svc->view->def;

	return (struct plan_service){
		.id = def->id,
		.scope = svc->scope,
		.address = def->address,
		.address4 = def->address4,
		.affinity = def->affinity,
		.flags = def->affinity_key,
		.idle_s = def->flow_idle_s,
		.groups = groups_of(orc, def),
	};
}

/* Where this host is ingress, too, it may know a better place than its own site, which has nothing
 * to offer: the kernel's route is left to that. */
static void yield_address(const struct orc *orc, struct plan_service *plan)
{
	if (plan->scope != SAN_SCOPE_LOCAL || !orc->ingress[0])
		return;
	plan->address = in6addr_any;
	plan->address4 = 0;
}

/* Room for what a plan points to. */
struct plan_room {
	struct hop *hops;
	struct plan_nexthop *nhs;
	uint16_t *weights;
};

static int put_with(struct orc *orc, struct orc_service *svc, const struct plan_room *room,
		    struct err *err)
{
	struct plan_service plan = plan_of(orc, svc);
	int selected;

	orc_fill(orc, svc);
	plan.n_alive = collect_alive(svc, room->hops);
	selected = selected_of(svc, room->hops, plan.n_alive);
	for (unsigned int i = 0; i < plan.n_alive; i++)
		room->nhs[i] = room->hops[i].nh;
	plan.alive = room->nhs;
	plan.selected = selected < 0 ? NULL : &room->nhs[selected];
	plan.mode = plan.selected ? svc->view->def->mode : SAN_MODE_NONE;
	if (!plan.selected)
		yield_address(orc, &plan);
	if (plan.mode == SAN_MODE_BALANCED) {
		scale_weights(room->hops, plan.n_alive, room->weights);
		plan.weights = room->weights;
	}
	return ncc_service_put(orc->ncc, &plan, err);
}

static int put(struct orc *orc, struct orc_service *svc, struct err *err)
{
	size_t n = svc->n ? svc->n : 1;
	OWN_PTR struct hop *hops = calloc(n, sizeof(*hops));
	OWN_PTR struct plan_nexthop *nhs = calloc(n, sizeof(*nhs));
	OWN_PTR uint16_t *weights = calloc(n, sizeof(*weights));

	if (!hops || !nhs || !weights)
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	return put_with(orc, svc, &(struct plan_room){hops, nhs, weights}, err);
}

static void log_change(const struct orc_service *svc)
{
	const struct orc_change *change = svc->newest;
	char id[SVC_ID_TEXT];

	if (svc->n_history == 0)
		return;
	log_write(change->why == SSC_FIRST ? LOG_DEBUG_LEVEL : LOG_INFO, "selection changed",
		  " service=%s scope=%s from=%s to=%s path=%s metric=%u members=%u why=\"%s\"",
		  svc_id_text(svc->view->id, id),
		  svc->scope == SAN_SCOPE_LOCAL ? "local" : "ingress",
		  change->from.valid ? change->from.instance : "none",
		  change->to.valid ? change->to.instance : "none",
		  change->to.valid ? change->to.path : "none", change->to.metric,
		  change->to.members, ssc_why_text(change->why));
}

void orc_say(struct orc *orc, struct orc_service *svc)
{
	if (svc->said)
		return;
	svc->said = true;
	svc->next_said = orc->said;
	orc->said = svc;
	orc->n_said++;
}

/* A line costs more than a change: of very many the last ones are told, the others are counted. */
void orc_say_all(struct orc *orc)
{
	unsigned int n = orc->n_said, said = 0;
	struct orc_service *svc;

	while ((svc = orc->said)) {
		orc->said = svc->next_said;
		svc->said = false;
		if (said++ < ORC_SAY_MAX)
			log_change(svc);
	}
	orc->n_said = 0;
	if (n > ORC_SAY_MAX)
		log_info("more selections changed", "services=%u", n - ORC_SAY_MAX);
}

/* A gateway has no entry for a service whose instances are all elsewhere. */
static bool wanted(const struct orc *orc, const struct orc_service *svc)
{
	return svc->scope == SAN_SCOPE_LOCAL ? svc->n > 0 : orc->ingress[0];
}

void orc_emit(struct orc *orc, struct orc_service *svc)
{
	struct err err = {0};

	if (!wanted(orc, svc)) {
		orc_emit_gone(orc, svc);
		orc_unrefuse(orc, svc);
		return;
	}
	if (svc->planned && !svc->replan)
		return;
	if (!orc_rate_allows(orc, svc))
		return;
	if (put(orc, svc, &err)) {
		refused(orc, svc, &err);
		return;
	}
	svc->planned = true;
	svc->replan = false;
	orc_rate_sent(orc, svc);
	orc_unrefuse(orc, svc);
	svc->next_put = orc->puts;
	orc->puts = svc;
	orc->plan_touched = true;
}

void orc_emit_gone(struct orc *orc, struct orc_service *svc)
{
	orc_rate_drop(orc, svc);
	if (!svc->planned)
		return;
	ncc_service_del(orc->ncc, svc->view->id, svc->scope);
	svc->planned = false;
	svc->replan = true;
	orc->plan_touched = true;
	orc_schedule(orc);
}
