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

/* NULL: none is programmed for it. */
static struct orc_sid *sid_of(const struct orc_instance *inst)
{
	return inst->more ? inst->more->sid : NULL;
}

static bool wanted(const struct orc *orc, const struct orc_instance *inst)
{
	return orc_is_home(orc, inst) && !IN6_IS_ADDR_UNSPECIFIED(&orc_view(inst)->sid);
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

	if (inst->seat.sid_refused)
		return;
	inst->seat.sid_refused = true;
	orc->n_sids_refused++;
	log_warn("SID of an instance is taken for another address", "sid=%s service=%s instance=%s",
		 inet_ntop(AF_INET6, &orc_view(inst)->sid, text, sizeof(text)),
		 svc_id_text(orc_view(inst)->service->id, id), orc_view(inst)->name);
}

static void unrefuse(struct orc *orc, struct orc_instance *inst)
{
	if (inst->seat.sid_refused)
		orc->n_sids_refused--;
	inst->seat.sid_refused = false;
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
		if (sid_of(inst) != sid)
			continue;
		if (id && id != orc_view(inst)->service->id)
			return 0;
		id = orc_view(inst)->service->id;
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
	struct orc_sid *sid = sid_find(orc, &orc_view(inst)->sid);

	if (sid && !fits(sid, orc_view(inst))) {
		refuse(orc, inst);
		return;
	}
	unrefuse(orc, inst);
	if (!orc_more(inst))
		return;
	if (!sid) {
		sid = sid_new(orc, &(struct plan_sid){.addr = orc_view(inst)->sid,
						      .behaviour = behaviour_for(orc_view(inst)),
						      .nexthop = orc_view(inst)->address,
						      .service_id = orc_view(inst)->service->id});
		if (!sid) {
			log_err("SID not programmed", "instance=%s why=\"no memory\"",
				orc_view(inst)->name);
			return;
		}
		sid_put(orc, sid);
	}
	sid->users++;
	inst->more->sid = sid;
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
	if (inst->seat.sid_refused)
		claim(orc, inst);
}

static void drop(struct orc *orc, struct orc_instance *inst)
{
	struct orc_sid *sid = sid_of(inst);

	if (!sid)
		return;
	inst->more->sid = NULL;
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

	if (sid_of(inst) && want && fits(sid_of(inst), orc_view(inst)))
		return;
	if (!want)
		unrefuse(orc, inst);
	drop(orc, inst);
	if (want && !sid_of(inst))
		claim(orc, inst);
}

void orc_sid_release(struct orc *orc, struct orc_instance *inst)
{
	unrefuse(orc, inst);
	drop(orc, inst);
}
