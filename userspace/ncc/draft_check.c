/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What can only be checked when a plan is complete: references, limits, one owner for an address.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ncc/apply_int.h"
#include "util/name.h"

static int over(struct apply *a, struct err *err, enum san_map map, unsigned int n,
		unsigned int max)
{
	int r;

	if (n <= max)
		return 0;
	r = room_error(a, err, map);
	err_object(err, "plan with %u entries", n);
	return r;
}

/* New objects come before old ones go: both count. */
static int check_limits(struct apply *a, struct err *err)
{
	unsigned int svcs[] = {a->n_entries[SAN_SCOPE_INGRESS], a->n_entries[SAN_SCOPE_LOCAL]};
	unsigned int hops = HASH_COUNT(a->hops), sids = HASH_COUNT(a->sids);
	const struct san_msg_config *c = &a->conf.config;
	struct draft_hop *h;
	struct draft_svc *s;
	struct draft_sid *l;

	for (h = a->draft.hops; h; h = h->hh.next)
		hops += !h->del && !hop_by_content(a, &h->val);
	for (s = a->draft.svcs; s; s = s->hh.next)
		svcs[s->key.scope] += !s->del && !shadow_entry(a, &s->key);
	for (l = a->draft.sids; l; l = l->hh.next)
		sids += !l->del && !shadow_sid(a, &l->msg.addr);
	return over(a, err, SAN_MAP_NEXTHOPS, hops, c->max_nexthops - 1)
	       ?: over(a, err, SAN_MAP_SERVICES, svcs[SAN_SCOPE_INGRESS], c->max_services)
	       ?: over(a, err, SAN_MAP_LOCAL, svcs[SAN_SCOPE_LOCAL], c->max_services)
	       ?: over(a, err, SAN_MAP_SIDS, sids, APPLY_MAX_SIDS);
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
		return draft_hop_error(err, -EEXIST, h->msg.id, "id",
				       "is in use for other segments, remove it first");
	if (!same || !same->id || same->id == h->msg.id)
		return 0;
	other = draft_hop(&a->draft, same->id);
	if (a->draft.full ? other != NULL : !other || !other->del)
		return draft_hop_error(err, -EEXIST, h->msg.id, "segs",
				       "are those of another next hop already");
	return 0;
}

static bool is_known(struct apply *a, uint32_t id)
{
	struct draft_hop *h = draft_hop(&a->draft, id);

	return h ? !h->del : !a->draft.full && hop_by_id(a, id);
}

static int check_known(struct apply *a, const struct draft_svc *s, uint32_t id, struct err *err)
{
	char want[64];

	if (is_known(a, id))
		return 0;
	snprintf(want, sizeof(want), "must be a known next hop, %u is none", id);
	return draft_svc_error(err, -EINVAL, &s->key, "nexthop", want);
}

/* Local entries lead to instances of this site, the others over SRv6. */
static int check_kind(struct apply *a, const struct draft_svc *s, uint32_t id, struct err *err)
{
	struct draft_hop *h = draft_hop(&a->draft, id);
	struct hop *hop = h ? NULL : hop_by_id(a, id);
	uint8_t kind = h ? h->msg.kind : hop ? hop->msg.kind : 0;

	if (s->key.scope != SAN_SCOPE_LOCAL || kind == SAN_NH_DIRECT)
		return 0;
	return draft_svc_error(err, -EINVAL, &s->key, "nexthop",
			       "must be a direct next hop in local scope");
}

static int by_nexthop(const void *a, const void *b)
{
	const struct san_msg_member *x = a, *y = b;

	return x->nexthop < y->nexthop ? -1 : x->nexthop > y->nexthop;
}

static int check_members(struct apply *a, struct draft_svc *s, struct err *err)
{
	bool has_best = false;
	int r = 0;

	if (s->n_members != s->msg.n_members)
		return draft_svc_error(err, -EPROTO, &s->key, "n_members",
				       "must be as many as MEMBERs follow");
	if (s->n_members)
		qsort(s->members, s->n_members, sizeof(s->members[0]), by_nexthop);
	for (unsigned int i = 0; !r && i < s->n_members; i++) {
		uint32_t id = s->members[i].nexthop;

		has_best |= id == s->msg.nexthop;
		r = check_known(a, s, id, err) ?: check_kind(a, s, id, err);
		if (!r && i && id == s->members[i - 1].nexthop)
			r = draft_svc_error(err, -EEXIST, &s->key, "nexthop",
					    "must differ from those of other members");
	}
	if (!r && s->n_members && !has_best)
		r = draft_svc_error(err, -EINVAL, &s->key, "nexthop", "must be a member's");
	return r;
}

static int check_reference(struct apply *a, struct draft_svc *s, struct err *err)
{
	int r = 0;

	if (s->msg.nexthop)
		r = check_known(a, s, s->msg.nexthop, err) ?: check_kind(a, s, s->msg.nexthop, err);
	return r ? r : check_members(a, s, err);
}

static int check_address(struct apply *a, const struct draft_svc *s, const struct in6_addr *addr,
			 struct err *err)
{
	char text[SVC_ID_TEXT], want[64];
	struct route *route;

	if (IN6_IS_ADDR_UNSPECIFIED(addr) || a->draft.full)
		return 0;
	route = shadow_route(a, addr);
	if (!route || !memcmp(&route->owner, &s->key, sizeof(s->key)))
		return 0;
	/* An owner that is in this plan gives the address up: two in one plan were refused before.
	 */
	if (!shadow_entry(a, &route->owner) || draft_svc(&a->draft, &route->owner))
		return 0;
	snprintf(want, sizeof(want), "is the address of service %s",
		 svc_id_text(route->owner.id, text));
	return draft_svc_error(err, -EEXIST, &s->key, "address", want);
}

static int check_addresses(struct apply *a, const struct draft_svc *s, struct err *err)
{
	return check_address(a, s, &s->address[FAMILY_IP6].addr, err)
		       ?: check_address(a, s, &s->address[FAMILY_IP4].addr, err);
}

static void leave(struct apply *a, uint32_t index)
{
	struct hop *hop = hop_by_index(a, index);

	if (!hop)
		return;
	if (hop->counted != a->checks)
		hop->leaving = 0;
	hop->counted = a->checks;
	hop->leaving++;
}

/* What the plan's services select now does not hold a next hop back. */
static void leave_all(struct apply *a)
{
	for (struct draft_svc *s = a->draft.svcs; s; s = s->hh.next) {
		struct entry *e = shadow_entry(a, &s->key);

		if (e && !e->balance)
			leave(a, e->val.nexthop);
		for (unsigned int i = 0; e && e->balance && i < e->balance->n_members; i++)
			leave(a, e->balance->members[i].nexthop);
	}
}

static int check_removals(struct apply *a, struct err *err)
{
	struct draft_hop *h;

	leave_all(a);
	for (h = a->draft.hops; h; h = h->hh.next) {
		struct hop *hop = h->del ? hop_by_id(a, h->msg.id) : NULL;

		if (!hop || hop->claimed == a->checks)
			continue; /* not there, or goes on under another id */
		if (hop->refs > (hop->counted == a->checks ? hop->leaving : 0))
			return draft_hop_error(err, -EINVAL, h->msg.id, "",
					       "is still selected by a service");
	}
	return 0;
}

static void prepare(struct apply *a)
{
	a->checks++;
	for (struct draft_svc *s = a->draft.svcs; s; s = s->hh.next) {
		struct entry *e = shadow_entry(a, &s->key);

		if (e)
			memcpy(s->old_address, e->address, sizeof(s->old_address));
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
		r = s->del ? 0 : check_reference(a, s, err) ?: check_addresses(a, s, err);
	if (!r && !a->draft.full)
		r = check_removals(a, err);
	return r ? r : check_limits(a, err);
}
