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

static void sid_del(struct orc *orc, const struct orc_sid *sid)
{
	if (!orc->started)
		return;
	ncc_sid_del(orc->ncc, &sid->plan.addr);
	orc->plan_touched = true;
	orc_schedule(orc);
}

/* ---- of the configuration ---- */

int orc_sids_init(struct orc *orc, const struct plan_sid *sids, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct orc_sid *sid;

		if (sid_find(orc, &sids[i].addr))
			return -EEXIST;
		sid = sid_new(orc, &sids[i]);
		if (!sid)
			return -ENOMEM;
		sid->configured = true;
	}
	return 0;
}

void orc_sids_start(struct orc *orc)
{
	struct orc_sid *sid, *next;

	HASH_ITER(hh, orc->sids, sid, next)
		if (sid->configured || sid->in_force)
			sid_put(orc, sid);
}

void orc_sids_fini(struct orc *orc)
{
	struct orc_claim *claim, *next_claim;
	struct orc_use *use, *next_use;
	struct orc_sid *sid, *next;

	HASH_ITER(hh, orc->sid_uses, use, next_use) {
		HASH_DEL(orc->sid_uses, use);
		free(use);
	}
	HASH_ITER(hh, orc->sid_claims, claim, next_claim) {
		HASH_DEL(orc->sid_claims, claim);
		free(claim);
	}
	HASH_ITER(hh, orc->sids, sid, next) {
		HASH_DEL(orc->sids, sid);
		free(sid);
	}
}

/* ---- what is in force ---- */

static uint8_t behaviour_for(const struct in6_addr *address)
{
	return IN6_IS_ADDR_V4MAPPED(address) ? SAN_BEHAVIOUR_END_DX4 : SAN_BEHAVIOUR_END_DX6;
}

static bool same_addr(const struct in6_addr *a, const struct in6_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static bool may_be_in_force(const struct orc_sid *sid, const struct orc_claim *claim)
{
	if (!sid->configured)
		return true;
	return sid->plan.behaviour == behaviour_for(&claim->key.address) &&
	       same_addr(&sid->plan.nexthop, &claim->key.address);
}

/* Of the services that share a SID none is told apart: packets to it count for nobody. */
static uint64_t service_of(const struct orc_sid *sid)
{
	const struct orc_use *first = sid->in_force ? sid->in_force->uses : NULL;

	return first && !first->next ? first->key.service : 0;
}

static void name_service(struct orc *orc, struct orc_sid *sid)
{
	uint64_t id = service_of(sid);

	if (sid->plan.service_id == id)
		return;
	sid->plan.service_id = id;
	sid_put(orc, sid);
}

static void put_in_force(struct orc *orc, struct orc_sid *sid, struct orc_claim *claim)
{
	sid->in_force = claim;
	orc->n_sids_refused -= claim->users;
	if (sid->configured)
		return;
	sid->plan.behaviour = behaviour_for(&claim->key.address);
	sid->plan.nexthop = claim->key.address;
	sid->plan.service_id = service_of(sid);
	sid_put(orc, sid);
}

/* Waits until who has the SID gives it up. Said once of each SID: very many may wait. */
static void say_taken(struct orc_sid *sid, const struct orc_instance *inst)
{
	char text[INET6_ADDRSTRLEN], id[SVC_ID_TEXT];

	if (sid->said)
		return;
	sid->said = true;
	log_warn("SID of an instance is taken for another address", "sid=%s service=%s instance=%s",
		 inet_ntop(AF_INET6, &sid->plan.addr, text, sizeof(text)),
		 svc_id_text(orc_view(inst)->service->id, id), orc_view(inst)->name);
}

/* ---- claims and uses ---- */

static struct orc_claim *claim_new(struct orc *orc, const struct orc_claim_key *key)
{
	struct orc_claim *claim = calloc(1, sizeof(*claim));

	if (!claim)
		return NULL;
	claim->key = *key;
	HASH_ADD(hh, orc->sid_claims, key, sizeof(claim->key), claim);
	if (!claim->hh.tbl) {
		free(claim);
		return NULL;
	}
	DL_APPEND(key->sid->claims, claim);
	return claim;
}

static struct orc_use *use_new(struct orc *orc, const struct orc_use_key *key)
{
	struct orc_use *use = calloc(1, sizeof(*use));

	if (!use)
		return NULL;
	use->key = *key;
	HASH_ADD(hh, orc->sid_uses, key, sizeof(use->key), use);
	if (!use->hh.tbl) {
		free(use);
		return NULL;
	}
	DL_APPEND(key->claim->uses, use);
	return use;
}

static struct orc_claim *claim_need(struct orc *orc, struct orc_sid *sid,
				    const struct in6_addr *address)
{
	const struct orc_claim_key key = {sid, *address};
	struct orc_claim *claim;

	HASH_FIND(hh, orc->sid_claims, &key, sizeof(key), claim);
	return claim ? claim : claim_new(orc, &key);
}

static struct orc_use *use_need(struct orc *orc, struct orc_claim *claim, uint64_t service)
{
	const struct orc_use_key key = {claim, service};
	struct orc_use *use;

	HASH_FIND(hh, orc->sid_uses, &key, sizeof(key), use);
	return use ? use : use_new(orc, &key);
}

/* Nobody has it, or nobody any more. */
static void sid_release(struct orc *orc, struct orc_sid *sid)
{
	if (sid->claims || sid->configured)
		return;
	HASH_DEL(orc->sids, sid);
	free(sid);
}

static void claim_release(struct orc *orc, struct orc_claim *claim)
{
	struct orc_sid *sid = claim->key.sid;

	if (claim->uses)
		return;
	DL_DELETE(sid->claims, claim);
	HASH_DEL(orc->sid_claims, claim);
	if (sid->in_force == claim) {
		sid->in_force = NULL;
		if (!sid->configured)
			sid_del(orc, sid);
	}
	free(claim);
	if (!sid->configured && !sid->in_force && sid->claims)
		put_in_force(orc, sid, sid->claims);
}

/* NULL without memory: then nothing has changed. */
static struct orc_use *use_of(struct orc *orc, const struct view_instance *view)
{
	struct orc_sid *sid = sid_find(orc, &view->sid);
	struct orc_claim *claim;
	struct orc_use *use;

	if (!sid)
		sid = sid_new(orc, &(struct plan_sid){.addr = view->sid});
	if (!sid)
		return NULL;
	claim = claim_need(orc, sid, &view->address);
	use = claim ? use_need(orc, claim, view->service->id) : NULL;
	if (!use && claim)
		claim_release(orc, claim);
	if (!use)
		sid_release(orc, sid);
	return use;
}

/* ---- instances ---- */

static bool wanted(const struct orc *orc, const struct orc_instance *inst)
{
	return orc_is_home(orc, inst) && !IN6_IS_ADDR_UNSPECIFIED(&orc_view(inst)->sid);
}

static bool fits(const struct orc_use *use, const struct view_instance *view)
{
	return same_addr(&use->key.claim->key.sid->plan.addr, &view->sid) &&
	       same_addr(&use->key.claim->key.address, &view->address);
}

static void claim(struct orc *orc, struct orc_instance *inst)
{
	struct orc_use *use = orc_more(inst) ? use_of(orc, orc_view(inst)) : NULL;
	struct orc_claim *mine;
	struct orc_sid *sid;

	if (!use) {
		log_err("SID not programmed", "instance=%s why=\"no memory\"",
			orc_view(inst)->name);
		return;
	}
	mine = use->key.claim;
	sid = mine->key.sid;
	inst->more->sid = use;
	use->users++;
	mine->users++;
	if (sid->in_force == mine) {
		name_service(orc, sid);
		return;
	}
	orc->n_sids_refused++;
	if (!sid->in_force && may_be_in_force(sid, mine))
		put_in_force(orc, sid, mine);
	else
		say_taken(sid, inst);
	if (sid->in_force == mine)
		name_service(orc, sid);
}

static void drop(struct orc *orc, struct orc_instance *inst)
{
	struct orc_use *use = inst->more ? inst->more->sid : NULL;
	struct orc_claim *mine;
	struct orc_sid *sid;

	if (!use)
		return;
	mine = use->key.claim;
	sid = mine->key.sid;
	inst->more->sid = NULL;
	mine->users--;
	if (sid->in_force != mine)
		orc->n_sids_refused--;
	if (--use->users > 0)
		return;
	DL_DELETE(mine->uses, use);
	HASH_DEL(orc->sid_uses, use);
	free(use);
	claim_release(orc, mine);
	if (sid->in_force || sid->configured)
		name_service(orc, sid);
	sid_release(orc, sid);
}

void orc_sid_update(struct orc *orc, struct orc_instance *inst)
{
	const struct orc_use *use = inst->more ? inst->more->sid : NULL;
	bool want = orc->gateway[0] && wanted(orc, inst);

	if (use && want && fits(use, orc_view(inst)))
		return;
	drop(orc, inst);
	if (want)
		claim(orc, inst);
}

void orc_sid_release(struct orc *orc, struct orc_instance *inst)
{
	drop(orc, inst);
}
