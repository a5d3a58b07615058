/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gateway role: the SIDs of the configuration, and an End.DX6 or End.DX4 for each of our
 * instances. */
#include "orc/orc_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "util/log.h"

static struct orc_sid *sid_find(const struct orc *orc, const struct in6_addr *addr)
{
	struct orc_sid *sid;

	HASH_FIND(hh, orc->sids, addr, sizeof(*addr), sid);
	return sid;
}

static struct orc_sid *sid_new(struct orc *orc, const struct plan_sid *plan)
{
	struct orc_sid *sid = calloc(1, sizeof(*sid));

	if (!sid)
		return NULL;
	sid->plan = *plan;
	HASH_ADD(hh, orc->sids, plan.addr, sizeof(sid->plan.addr), sid);
	if (!sid->hh.tbl) {
		free(sid);
		return NULL;
	}
	return sid;
}

static void sid_put(struct orc *orc, const struct orc_sid *sid)
{
	struct err err = {0};
	char text[512];

	if (!orc->started)
		return;
	if (ncc_sid_put(orc->ncc, &sid->plan, &err))
		log_err("SID not programmed", "why=\"%s\"", err_text(&err, text, sizeof(text)));
	orc->plan_touched = true;
	orc_schedule(orc);
}

int orc_sids_init(struct orc *orc, const struct plan_sid *sids, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct orc_sid *sid;

		if (sid_find(orc, &sids[i].addr))
			return -EEXIST;
		sid = sid_new(orc, &sids[i]);
		if (!sid)
			return -ENOMEM;
		sid->users = 1;
	}
	return 0;
}

void orc_sids_start(struct orc *orc)
{
	struct orc_sid *sid, *next;

	HASH_ITER(hh, orc->sids, sid, next)
		sid_put(orc, sid);
}

void orc_sids_fini(struct orc *orc)
{
	struct orc_sid *sid, *next;

	HASH_ITER(hh, orc->sids, sid, next) {
		HASH_DEL(orc->sids, sid);
		free(sid);
	}
}

static bool wanted(const struct orc *orc, const struct orc_instance *inst)
{
	return orc_is_home(orc, inst) && !IN6_IS_ADDR_UNSPECIFIED(&inst->view->sid);
}

static uint8_t behaviour_for(const struct view_instance *view)
{
	return IN6_IS_ADDR_V4MAPPED(&view->address) ? SAN_BEHAVIOUR_END_DX4 : SAN_BEHAVIOUR_END_DX6;
}

static bool same_addr(const struct in6_addr *a, const struct in6_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static bool fits(const struct orc_sid *sid, const struct view_instance *view)
{
	return sid->plan.behaviour == behaviour_for(view) &&
	       same_addr(&sid->plan.addr, &view->sid) &&
	       same_addr(&sid->plan.nexthop, &view->address);
}

/* Waits until who has the SID gives it up. Said once. */
static void refuse(struct orc *orc, struct orc_instance *inst)
{
	char text[INET6_ADDRSTRLEN], id[SVC_ID_TEXT];

	if (inst->sid_refused)
		return;
	inst->sid_refused = true;
	orc->n_sids_refused++;
	log_warn("SID of an instance is taken for another address", "sid=%s service=%s instance=%s",
		 inet_ntop(AF_INET6, &inst->view->sid, text, sizeof(text)),
		 svc_id_text(inst->view->service->id, id), inst->view->name);
}

static void unrefuse(struct orc *orc, struct orc_instance *inst)
{
	if (inst->sid_refused)
		orc->n_sids_refused--;
	inst->sid_refused = false;
}

/* Of the services that share a SID none is told apart: packets to it count for nobody. */
static uint64_t service_of(const struct orc *orc, const struct orc_sid *sid)
{
	struct orc_gateway *gw = orc_gateway_find(orc, orc->gateway);
	struct orc_instance *inst;
	uint64_t id = 0;

	if (!gw)
		return 0;
	DL_FOREACH(gw->instances, inst)
	{
		if (inst->sid != sid)
			continue;
		if (id && id != inst->view->service->id)
			return 0;
		id = inst->view->service->id;
	}
	return id;
}

static void name_service(struct orc *orc, struct orc_sid *sid)
{
	uint64_t id = service_of(orc, sid);

	if (sid->plan.service_id == id)
		return;
	sid->plan.service_id = id;
	sid_put(orc, sid);
}

static void claim(struct orc *orc, struct orc_instance *inst)
{
	struct orc_sid *sid = sid_find(orc, &inst->view->sid);

	if (sid && !fits(sid, inst->view)) {
		refuse(orc, inst);
		return;
	}
	unrefuse(orc, inst);
	if (!sid) {
		sid = sid_new(orc, &(struct plan_sid){.addr = inst->view->sid,
						      .behaviour = behaviour_for(inst->view),
						      .nexthop = inst->view->address,
						      .service_id = inst->view->service->id});
		if (!sid) {
			log_err("SID not programmed", "instance=%s why=\"no memory\"",
				inst->view->name);
			return;
		}
		sid_put(orc, sid);
	}
	sid->users++;
	inst->sid = sid;
	if (sid->users > 1)
		name_service(orc, sid);
}

/* A SID is free: whoever waited for one may have it now. */
static void retry_refused(struct orc *orc)
{
	struct orc_gateway *gw = orc_gateway_find(orc, orc->gateway);
	struct orc_instance *inst;

	if (!orc->n_sids_refused || !gw)
		return;
	DL_FOREACH(gw->instances, inst)
	if (inst->sid_refused)
		claim(orc, inst);
}

static void drop(struct orc *orc, struct orc_instance *inst)
{
	struct orc_sid *sid = inst->sid;

	inst->sid = NULL;
	if (!sid)
		return;
	if (--sid->users > 0) {
		name_service(orc, sid);
		return;
	}
	if (orc->started) {
		ncc_sid_del(orc->ncc, &sid->plan.addr);
		orc->plan_touched = true;
		orc_schedule(orc);
	}
	HASH_DEL(orc->sids, sid);
	free(sid);
	retry_refused(orc);
}

void orc_sid_update(struct orc *orc, struct orc_instance *inst)
{
	bool want = orc->gateway[0] && wanted(orc, inst);

	if (inst->sid && want && fits(inst->sid, inst->view))
		return;
	if (!want)
		unrefuse(orc, inst);
	drop(orc, inst);
	if (want && !inst->sid)
		claim(orc, inst);
}

void orc_sid_release(struct orc *orc, struct orc_instance *inst)
{
	unrefuse(orc, inst);
	drop(orc, inst);
}
