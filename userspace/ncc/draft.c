/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plan being received, and what can only be checked when it is complete. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ncc/apply_int.h"
#include "util/name.h"

void draft_clear(struct draft *draft)
{
	struct draft_hop *hop, *next_hop;
	struct draft_svc *svc, *next_svc;
	struct draft_sid *sid, *next_sid;

	HASH_ITER(hh, draft->hops, hop, next_hop) {
		HASH_DEL(draft->hops, hop);
		free(hop);
	}
	HASH_CLEAR(hh_addr, draft->by_address);
	HASH_ITER(hh, draft->svcs, svc, next_svc) {
		HASH_DEL(draft->svcs, svc);
		free(svc);
	}
	HASH_ITER(hh, draft->sids, sid, next_sid) {
		HASH_DEL(draft->sids, sid);
		free(sid);
	}
	memset(draft, 0, sizeof(*draft));
}

void draft_begin(struct apply *a, uint64_t generation, bool full)
{
	draft_clear(&a->draft);
	a->draft.open = true;
	a->draft.full = full;
	a->draft.generation = generation;
}

struct draft_hop *draft_hop(struct draft *draft, uint32_t id)
{
	struct draft_hop *hop;

	HASH_FIND(hh, draft->hops, &id, sizeof(id), hop);
	return hop;
}

static struct draft_svc *draft_svc(struct draft *draft, uint64_t id)
{
	struct draft_svc *svc;

	HASH_FIND(hh, draft->svcs, &id, sizeof(id), svc);
	return svc;
}

/* --- collecting --- */

static int no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, "", "", "no memory for the plan");
}

static int hop_error(struct err *err, int code, uint32_t id, const char *field, const char *want)
{
	err_set(err, code, field, "", "%s", want);
	err_object(err, "next hop %u", id);
	return code;
}

static int svc_error(struct err *err, int code, uint64_t id, const char *field, const char *want)
{
	char text[SVC_ID_TEXT];

	err_set(err, code, field, "", "%s", want);
	err_object(err, "service %s", svc_id_text(id, text));
	return code;
}

static int build_outer(struct apply *a, struct draft_hop *hop, struct err *err)
{
	struct dp_outer outer = {
		.source = a->conf.config.source,
		.segs = hop->msg.segs,
		.n_segs = hop->msg.n_segs,
		.encap = hop->msg.encap,
		.hop_limit = hop->msg.hop_limit,
	};
	int r;

	if (IN6_IS_ADDR_UNSPECIFIED(&outer.source))
		return hop_error(err, -EINVAL, hop->msg.id, "",
				 "needs a source address in the configuration: without one this "
				 "host is no ingress");
	memset(&hop->val, 0, sizeof(hop->val));
	r = dp_outer_build(&outer, &hop->val);
	return r ? hop_error(err, r, hop->msg.id, "segs", "make no outer header") : 0;
}

static int add_hop(struct apply *a, const struct san_msg_nexthop *msg, bool del, struct err *err)
{
	struct draft *d = &a->draft;
	struct draft_hop *hop;
	int r = 0;

	if (draft_hop(d, msg->id))
		return hop_error(err, -EEXIST, msg->id, "id", "must stand once in a plan");
	if (HASH_COUNT(d->hops) >= 2 * a->conf.config.max_nexthops)
		return hop_error(err, -ENOSPC, msg->id, "", "too many next hops in one plan");
	hop = calloc(1, sizeof(*hop));
	if (!hop)
		return no_memory(err);
	hop->msg = *msg;
	hop->del = del;
	if (!del)
		r = build_outer(a, hop, err);
	if (r) {
		free(hop);
		return r;
	}
	HASH_ADD(hh, d->hops, msg.id, sizeof(hop->msg.id), hop);
	return 0;
}

static int add_svc(struct apply *a, const struct san_msg_service *msg, bool del, struct err *err)
{
	struct draft *d = &a->draft;
	struct draft_svc *svc, *same = NULL;
	bool has_address = !IN6_IS_ADDR_UNSPECIFIED(&msg->address);
	char text[SVC_ID_TEXT], want[64];

	if (draft_svc(d, msg->service_id))
		return svc_error(err, -EEXIST, msg->service_id, "service_id",
				 "must stand once in a plan");
	if (HASH_COUNT(d->svcs) >= 2 * a->conf.config.max_services)
		return svc_error(err, -ENOSPC, msg->service_id, "", "too many services in a plan");
	if (has_address)
		HASH_FIND(hh_addr, d->by_address, &msg->address, sizeof(msg->address), same);
	if (same) {
		snprintf(want, sizeof(want), "is also the address of service %s",
			 svc_id_text(same->msg.service_id, text));
		return svc_error(err, -EEXIST, msg->service_id, "address", want);
	}
	svc = calloc(1, sizeof(*svc));
	if (!svc)
		return no_memory(err);
	svc->msg = *msg;
	svc->del = del;
	HASH_ADD(hh, d->svcs, msg.service_id, sizeof(svc->msg.service_id), svc);
	if (has_address)
		HASH_ADD(hh_addr, d->by_address, msg.address, sizeof(svc->msg.address), svc);
	return 0;
}

static int sid_error(struct err *err, int code, const struct in6_addr *addr, const char *want)
{
	char text[INET6_ADDRSTRLEN];

	err_set(err, code, "", "", "%s", want);
	err_object(err, "SID %s", inet_ntop(AF_INET6, addr, text, sizeof(text)));
	return code;
}

/* What the behaviour does not use is zero, so that equal SIDs are equal bytes. */
static struct san_msg_sid normal(const struct san_msg_sid *in)
{
	struct san_msg_sid out;

	memset(&out, 0, sizeof(out));
	out.addr = in->addr;
	out.behaviour = in->behaviour;
	if (in->behaviour == SAN_BEHAVIOUR_END_DX6)
		out.nexthop = in->nexthop;
	if (in->behaviour == SAN_BEHAVIOUR_END_DT6)
		out.table = in->table;
	snprintf(out.oif, sizeof(out.oif), "%s", in->oif);
	return out;
}

static int add_sid(struct apply *a, const struct san_msg_sid *msg, bool del, struct err *err)
{
	struct draft *d = &a->draft;
	struct draft_sid *sid;

	HASH_FIND(hh, d->sids, &msg->addr, sizeof(msg->addr), sid);
	if (sid)
		return sid_error(err, -EEXIST, &msg->addr, "must stand once in a plan");
	if (HASH_COUNT(d->sids) >= 2 * APPLY_MAX_SIDS)
		return sid_error(err, -ENOSPC, &msg->addr, "too many SIDs in a plan");
	sid = calloc(1, sizeof(*sid));
	if (!sid)
		return no_memory(err);
	sid->msg = normal(msg);
	sid->del = del;
	HASH_ADD(hh, d->sids, msg.addr, sizeof(sid->msg.addr), sid);
	return 0;
}

static int add_removal(struct apply *a, unsigned int type, const struct san_msg_key *key,
		       struct err *err)
{
	struct san_msg_nexthop hop = {.id = key->id};
	struct san_msg_service svc = {.service_id = key->service_id};
	struct san_msg_sid sid = {.addr = key->addr};

	if (a->draft.full) {
		err_set(err, -EPROTO, "", "", "must not stand in a full plan");
		err_object(err, "message %s", wire_name(type));
		return -EPROTO;
	}
	if (type == SAN_MSG_NEXTHOP_DEL)
		return add_hop(a, &hop, true, err);
	if (type == SAN_MSG_SERVICE_DEL)
		return add_svc(a, &svc, true, err);
	return add_sid(a, &sid, true, err);
}

int draft_add(struct apply *a, unsigned int type, const void *payload, struct err *err)
{
	a->draft.n++;
	switch (type) {
	case SAN_MSG_NEXTHOP:
		return add_hop(a, payload, false, err);
	case SAN_MSG_SERVICE:
		return add_svc(a, payload, false, err);
	case SAN_MSG_SID:
		return add_sid(a, payload, false, err);
	default:
		return add_removal(a, type, payload, err);
	}
}

/* --- the plan as a whole --- */

static int over_limit(struct err *err, const char *object, unsigned int n, unsigned int max)
{
	char value[16];

	snprintf(value, sizeof(value), "%u", n);
	err_set(err, -ENOSPC, "", value, "must be at most %u, as configured", max);
	err_object(err, "%s", object);
	return -ENOSPC;
}

/* New objects come before old ones go: both count. */
static int check_limits(struct apply *a, struct err *err)
{
	unsigned int hops = HASH_COUNT(a->hops), svcs = HASH_COUNT(a->entries);
	unsigned int sids = HASH_COUNT(a->sids);
	struct draft_hop *h;
	struct draft_svc *s;
	struct draft_sid *l;

	for (h = a->draft.hops; h; h = h->hh.next)
		hops += !h->del && !hop_by_content(a, &h->val);
	for (s = a->draft.svcs; s; s = s->hh.next)
		svcs += !s->del && !shadow_entry(a, s->msg.service_id);
	for (l = a->draft.sids; l; l = l->hh.next)
		sids += !l->del && !shadow_sid(a, &l->msg.addr);
	if (hops >= a->conf.config.max_nexthops)
		return over_limit(err, "next hops", hops, a->conf.config.max_nexthops - 1);
	if (svcs > a->conf.config.max_services)
		return over_limit(err, "services", svcs, a->conf.config.max_services);
	if (sids > APPLY_MAX_SIDS)
		return over_limit(err, "SIDs", sids, APPLY_MAX_SIDS);
	return 0;
}

/* An id names one content, a content has one id. */
static int check_hop(struct apply *a, struct draft_hop *h, struct err *err)
{
	struct hop *named = hop_by_id(a, h->msg.id);
	struct hop *same = hop_by_content(a, &h->val);
	struct draft_hop *other;

	if (same)
		same->claimed = a->checks;
	if (named && named != same)
		return hop_error(err, -EEXIST, h->msg.id, "id",
				 "is in use for other segments, remove it first");
	if (!same || !same->id || same->id == h->msg.id)
		return 0;
	other = draft_hop(&a->draft, same->id);
	if (a->draft.full ? other != NULL : !other || !other->del)
		return hop_error(err, -EEXIST, h->msg.id, "segs",
				 "are those of another next hop already");
	return 0;
}

static int check_reference(struct apply *a, const struct draft_svc *s, struct err *err)
{
	struct draft_hop *h;
	char want[64];

	if (!s->msg.nexthop)
		return 0;
	h = draft_hop(&a->draft, s->msg.nexthop);
	if (h ? !h->del : !a->draft.full && hop_by_id(a, s->msg.nexthop))
		return 0;
	snprintf(want, sizeof(want), "must be a known next hop, %u is none", s->msg.nexthop);
	return svc_error(err, -EINVAL, s->msg.service_id, "nexthop", want);
}

static int check_address(struct apply *a, const struct draft_svc *s, struct err *err)
{
	char text[SVC_ID_TEXT], want[64];
	struct entry *owner;
	struct route *route;

	if (IN6_IS_ADDR_UNSPECIFIED(&s->msg.address))
		return 0;
	route = shadow_route(a, &s->msg.address);
	if (!route || route->owner == s->msg.service_id || a->draft.full)
		return 0;
	owner = shadow_entry(a, route->owner);
	/* An owner that is in this plan gives the address up: two in one plan were refused before.
	 */
	if (!owner || draft_svc(&a->draft, route->owner))
		return 0;
	snprintf(want, sizeof(want), "is the address of service %s",
		 svc_id_text(route->owner, text));
	return svc_error(err, -EEXIST, s->msg.service_id, "address", want);
}

static int check_removals(struct apply *a, struct err *err)
{
	struct draft_hop *h;
	struct draft_svc *s;

	/* What the plan's services select now does not hold a next hop back. */
	for (s = a->draft.svcs; s; s = s->hh.next) {
		struct entry *e = shadow_entry(a, s->msg.service_id);
		struct hop *hop = e ? hop_by_index(a, e->val.nexthop) : NULL;

		if (hop && hop->counted != a->checks)
			hop->leaving = 0;
		if (hop) {
			hop->counted = a->checks;
			hop->leaving++;
		}
	}
	for (h = a->draft.hops; h; h = h->hh.next) {
		struct hop *hop = h->del ? hop_by_id(a, h->msg.id) : NULL;

		if (!hop || hop->claimed == a->checks)
			continue; /* not there, or goes on under another id */
		if (hop->refs > (hop->counted == a->checks ? hop->leaving : 0))
			return hop_error(err, -EINVAL, h->msg.id, "",
					 "is still selected by a service");
	}
	return 0;
}

static void prepare(struct apply *a)
{
	a->checks++;
	for (struct draft_svc *s = a->draft.svcs; s; s = s->hh.next) {
		struct entry *e = shadow_entry(a, s->msg.service_id);

		if (e)
			s->old_address = e->address;
	}
}

int draft_check(struct apply *a, uint32_t count, struct err *err)
{
	struct draft_hop *h;
	struct draft_svc *s;
	char value[16];
	int r = 0;

	if (count != a->draft.n) {
		snprintf(value, sizeof(value), "%u", count);
		err_set(err, -EPROTO, "count", value, "must be %u, as many objects came",
			a->draft.n);
		return err_object(err, "message PLAN_COMMIT"), -EPROTO;
	}
	prepare(a);
	for (h = a->draft.hops; !r && h; h = h->hh.next)
		r = h->del ? 0 : check_hop(a, h, err);
	for (s = a->draft.svcs; !r && s; s = s->hh.next)
		r = s->del ? 0 : check_reference(a, s, err) ?: check_address(a, s, err);
	if (!r && !a->draft.full)
		r = check_removals(a, err);
	return r ? r : check_limits(a, err);
}
