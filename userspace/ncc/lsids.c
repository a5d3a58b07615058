/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SIDs of this host: the kernel's seg6local routes and san_sids, which hold the same. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ncc/apply_int.h"
#include "util/log.h"

struct lsid *shadow_sid(const struct apply *a, const struct in6_addr *addr)
{
	struct lsid *s;

	HASH_FIND(hh, a->sids, addr, sizeof(*addr), s);
	return s;
}

static bool decaps_to_address(uint8_t behaviour)
{
	return behaviour == SAN_BEHAVIOUR_END_DX6 || behaviour == SAN_BEHAVIOUR_END_DX4;
}

static int failed(struct apply *a, struct err *err, int r, const struct in6_addr *addr)
{
	char text[INET6_ADDRSTRLEN];

	if (r == -ENOSPC)
		room_error(a, err, SAN_MAP_SIDS);
	else
		err_set(err, r, "", "", "map san_sids not written: %s", strerror(-r));
	err_object(err, "SID %s", inet_ntop(AF_INET6, addr, text, sizeof(text)));
	return r;
}

static int no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, "", "", "no memory for a SID");
}

/* --- the entry of san_sids --- */

/* Where the XDP program would not do what was asked for, the kernel does it. */
static bool left_to_kernel(const struct apply *a, const struct san_msg_sid *sid,
			   const struct hop *hop)
{
	const struct san_msg_config *c = &a->conf.config;

	if (sid->behaviour == SAN_BEHAVIOUR_END)
		return c->kernel_relay;
	if (sid->behaviour == SAN_BEHAVIOUR_END_DT6 && sid->table != APPLY_MAIN_TABLE)
		return true;
	return c->kernel_egress || (hop && sid->oif[0] && strcmp(sid->oif, hop->ifname));
}

static struct san_sid value_of(const struct apply *a, const struct san_msg_sid *sid,
			       const struct hop *hop, uint32_t stats)
{
	struct san_sid val;

	memset(&val, 0, sizeof(val));
	val.behaviour = sid->behaviour;
	val.flavors = sid->flavors;
	val.flags = left_to_kernel(a, sid, hop) ? SAN_SID_KERNEL : 0;
	val.nexthop = hop ? hop->index : SAN_NH_NONE;
	val.stats = stats;
	val.service_id = sid->service_id;
	return val;
}

static int write_map(struct apply *a, struct lsid *sid, const struct san_sid *val)
{
	int r;

	if (sid->in_map && !memcmp(val, &sid->val, sizeof(*val)))
		return 0;
	r = dp_sid_put(a->dp, &sid->msg.addr, val);
	if (r)
		return r;
	sid->in_map = true;
	sid->val = *val;
	a->applied++;
	return 0;
}

/* --- references --- */

static void leave_hop(struct apply *a, struct lsid *sid)
{
	if (sid->hop && --sid->hop->sids == 0)
		a->orphans = true;
	sid->hop = NULL;
}

static void set_hop(struct apply *a, struct lsid *sid, struct hop *hop)
{
	if (hop)
		hop->sids++;
	leave_hop(a, sid);
	sid->hop = hop;
}

static void set_stray(struct apply *a, struct lsid *sid, bool stray)
{
	a->stray_sids += (unsigned int)stray - (unsigned int)sid->stray;
	sid->stray = stray;
}

static struct lsid *sid_alloc(struct apply *a, const struct in6_addr *addr)
{
	struct lsid *sid = calloc(1, sizeof(*sid));

	if (!sid)
		return NULL;
	sid->msg.addr = *addr;
	sid->missing = true;
	HASH_ADD(hh, a->sids, msg.addr, sizeof(sid->msg.addr), sid);
	set_stray(a, sid, !domain_in_block(a, addr));
	return sid;
}

static void sid_free(struct apply *a, struct lsid *sid)
{
	set_stray(a, sid, false);
	leave_hop(a, sid);
	egress_unref(a, sid->msg.service_id);
	audit_leave(a, sid, sid->hh.next);
	HASH_DEL(a->sids, sid);
	free(sid);
}

/* --- set --- */

static int sid_remember(struct apply *a, const struct in6_addr *addr, const struct lsid *old)
{
	struct undo undo = {.kind = UNDO_SID, .had = old != NULL};

	if (old)
		undo.sid = old->msg;
	undo.sid.addr = *addr;
	return undo_push(a, &undo);
}

static int sid_remove(struct apply *a, struct lsid *sid, struct err *err)
{
	int r;

	if (!sid)
		return 0;
	r = sid->in_map ? dp_sid_del(a->dp, &sid->msg.addr) : 0;
	if (r && r != -ENOENT)
		return failed(a, err, r, &sid->msg.addr);
	sid->in_map = false;
	r = nl_sid_del(a->nl, &sid->msg.addr, err);
	if (r)
		return r;
	sid_free(a, sid);
	a->applied++;
	return 0;
}

/* The shadow follows each half by itself, so that going back finds what is really there. */
static int put_kernel(struct apply *a, struct lsid *sid, const struct san_msg_sid *want,
		      struct err *err)
{
	uint64_t service_id = sid->msg.service_id;
	int r;

	if (!sid->missing && nl_sid_same(a->nl, want, &sid->msg))
		return 0;
	r = nl_sid_put(a->nl, want, err);
	if (r && !shadow_can_wait(a, r, err))
		return r;
	sid->missing = r != 0;
	if (!r)
		sid->seen = a->audits;
	sid->msg = *want;
	sid->msg.service_id = service_id;
	a->applied++;
	return 0;
}

static int put_map(struct apply *a, struct lsid *sid, const struct san_msg_sid *want,
		   struct err *err)
{
	uint64_t before = sid->msg.service_id;
	struct hop *hop = NULL;
	struct san_sid val;
	int r = 0;

	if (decaps_to_address(want->behaviour))
		r = hop_direct(a, &want->nexthop, &hop, err);
	if (r)
		return r;
	val = value_of(a, want, hop, egress_ref(a, want->service_id));
	sid->msg = *want; /* an adopted one names the interface it was given */
	set_hop(a, sid, hop);
	egress_unref(a, before);
	r = write_map(a, sid, &val);
	return r ? failed(a, err, r, &want->addr) : 0;
}

int shadow_set_sid(struct apply *a, const struct in6_addr *addr, const struct san_msg_sid *want,
		   struct err *err)
{
	struct lsid *sid = shadow_sid(a, addr);
	int r;

	if (sid_remember(a, addr, sid))
		return no_memory(err);
	if (!want)
		return sid_remove(a, sid, err);
	if (!sid)
		sid = sid_alloc(a, addr);
	if (!sid)
		return no_memory(err);
	r = put_kernel(a, sid, want, err) ?: put_map(a, sid, want, err);
	if (!r)
		sid->plan = a->stamp;
	return r;
}

/* --- following --- */

void sids_follow(struct apply *a)
{
	struct lsid *sid, *next;

	HASH_ITER(hh, a->sids, sid, next) {
		struct san_sid val = value_of(a, &sid->msg, sid->hop, sid->val.stats);
		bool adopted = decaps_to_address(sid->msg.behaviour) && !sid->hop;
		int r = sid->in_map && !adopted ? write_map(a, sid, &val) : 0;

		set_stray(a, sid, !domain_in_block(a, &sid->msg.addr));
		if (r)
			log_err("SID not written", "error=\"%s\"", strerror(-r));
	}
}

void shadow_verify_sid(struct apply *a, struct lsid *sid)
{
	struct san_sid real, want = sid->val;

	if (!dp_sid_get(a->dp, &sid->msg.addr, &real) && !memcmp(&real, &want, sizeof(real)))
		return;
	sid->in_map = false;
	if (!write_map(a, sid, &want)) /* else tried again */
		apply_repaired(a, SAN_REPAIR_MAPS);
}

static int on_sid(void *arg, const struct in6_addr *addr, const struct san_sid *val)
{
	struct apply *a = arg;

	if (shadow_sid(a, addr))
		return 0;
	dp_sid_del(a->dp, addr);
	apply_repaired(a, SAN_REPAIR_MAPS);
	return 0;
}

int shadow_verify_sid_map(struct apply *a, struct dp_walk *walk)
{
	return dp_sid_walk(a->dp, walk, on_sid, a);
}

/* --- start and end --- */

/* After the kernel's: what the map holds tells more. Its next hop is found with the first plan. */
static int adopt_mapped(void *arg, const struct in6_addr *addr, const struct san_sid *val)
{
	struct apply *a = arg;
	struct lsid *sid = shadow_sid(a, addr);
	struct san_msg_sid msg;

	if (!sid)
		sid = sid_alloc(a, addr);
	if (!sid)
		return -ENOMEM;
	msg = sid->msg;
	msg.behaviour = val->behaviour;
	msg.flavors = val->flavors;
	msg.table = val->behaviour == SAN_BEHAVIOUR_END_SAN ? 0 : msg.table;
	if (nl_sid_same(a->nl, &msg, &sid->msg))
		sid->msg = msg;
	sid->msg.service_id = val->service_id;
	egress_adopt(a, val->service_id, val->stats);
	sid->val = *val;
	sid->in_map = true;
	return 0;
}

static int adopt_routed(void *arg, const struct san_msg_sid *msg)
{
	struct apply *a = arg;
	struct lsid *sid = shadow_sid(a, &msg->addr);

	if (!sid)
		sid = sid_alloc(a, &msg->addr);
	if (!sid)
		return -ENOMEM;
	sid->msg = *msg;
	sid->msg.service_id = 0;
	sid->missing = false;
	return 0;
}

int shadow_adopt_sids(struct apply *a)
{
	int r = nl_sid_each(a->nl, adopt_routed, a);

	return r ? r : dp_sid_each(a->dp, adopt_mapped, a);
}

void shadow_clear_sids(struct apply *a)
{
	struct lsid *sid, *next;

	HASH_ITER(hh, a->sids, sid, next) {
		HASH_DEL(a->sids, sid);
		free(sid);
	}
	a->stray_sids = 0;
}
