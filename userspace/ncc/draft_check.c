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
int check_limits(struct apply *a, void *none, struct err *err)
{
	const struct san_msg_config *c = &a->conf.config;
	const struct job *job = &a->job;

	return over(a, err, SAN_MAP_NEXTHOPS, HASH_COUNT(a->hops) + job->hops, c->max_nexthops - 1)
	       ?: over(a, err, SAN_MAP_SERVICES, a->n_entries[SAN_SCOPE_INGRESS] + job->svcs[0],
		       c->max_services)
	       ?: over(a, err, SAN_MAP_LOCAL, a->n_entries[SAN_SCOPE_LOCAL] + job->svcs[1],
		       c->max_services)
	       ?: over(a, err, SAN_MAP_SIDS, HASH_COUNT(a->sids) + job->sids, APPLY_MAX_SIDS);
}

int check_sid(struct apply *a, void *draft_sid, struct err *err)
{
	const struct draft_sid *sid = draft_sid;

	a->job.sids += !shadow_sid(a, &sid->msg.addr);
	return 0;
}

/* An id names one content, a content has one id. */
int check_hop(struct apply *a, void *item, struct err *err)
{
	struct draft_hop *h = item;
	struct hop *named = hop_by_id(a, h->msg.id);
	struct hop *same = hop_by_content(a, &h->val);
	struct draft_hop *other;

	a->job.hops += !same;
	if (same)
		same->claimed = a->checks;
	if (named && named != same)
		return draft_hop_error(err, -EEXIST, h->msg.id, "id",
				       "is in use for other segments, remove it first");
	if (!same || !same->id || same->id == h->msg.id)
		return 0;
	other = draft_hop(&a->plan, same->id);
	if (a->plan.full ? other != NULL : !other || !other->del)
		return draft_hop_error(err, -EEXIST, h->msg.id, "segs",
				       "are those of another next hop already");
	return 0;
}

static bool is_known(struct apply *a, uint32_t id)
{
	struct draft_hop *h = draft_hop(&a->plan, id);

	return h ? !h->del : !a->plan.full && hop_by_id(a, id);
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
	struct draft_hop *h = draft_hop(&a->plan, id);
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

static int check_address(struct apply *a, const struct draft_svc *s, const struct in6_addr *addr,
			 struct err *err)
{
	char text[SVC_ID_TEXT], want[64];
	struct route *route;

	if (IN6_IS_ADDR_UNSPECIFIED(addr) || a->plan.full)
		return 0;
	route = shadow_route(a, addr);
	if (!route || !memcmp(&route->owner, &s->key, sizeof(s->key)))
		return 0;
	/* An owner that is in this plan gives the address up: two in one plan were refused before.
	 */
	if (!shadow_entry(a, &route->owner) || draft_svc(&a->plan, &route->owner))
		return 0;
	snprintf(want, sizeof(want), "is the address of service %s",
		 svc_id_text(route->owner.id, text));
	return draft_svc_error(err, -EEXIST, &s->key, "address", want);
}

int check_svc(struct apply *a, void *draft_svc, struct err *err)
{
	struct draft_svc *s = draft_svc;
	int r = 0;

	if (s->msg.nexthop)
		r = check_known(a, s, s->msg.nexthop, err) ?: check_kind(a, s, s->msg.nexthop, err);
	return r ?: check_members(a, s, err)
		       ?: check_address(a, s, &s->address[FAMILY_IP6].addr, err)
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
int check_leaving(struct apply *a, void *draft_svc, struct err *err)
{
	const struct draft_svc *s = draft_svc;
	struct entry *e = shadow_entry(a, &s->key);

	if (e && !e->balance)
		leave(a, e->val.nexthop);
	for (unsigned int i = 0; e && e->balance && i < e->balance->n_members; i++)
		leave(a, e->balance->members[i].nexthop);
	return 0;
}

int check_removal(struct apply *a, void *draft_hop, struct err *err)
{
	const struct draft_hop *h = draft_hop;
	struct hop *hop = hop_by_id(a, h->msg.id);

	if (!hop || hop->claimed == a->checks)
		return 0; /* not there, or goes on under another id */
	if (hop->refs > (hop->counted == a->checks ? hop->leaving : 0))
		return draft_hop_error(err, -EINVAL, h->msg.id, "",
				       "is still selected by a service");
	return 0;
}

int check_prepare(struct apply *a, void *draft_svc, struct err *err)
{
	struct draft_svc *s = draft_svc;
	struct entry *e = shadow_entry(a, &s->key);

	if (e)
		memcpy(s->old_address, e->address, sizeof(s->old_address));
	else if (!s->del)
		a->job.svcs[s->key.scope]++;
	return 0;
}

int check_count(struct apply *a, void *none, struct err *err)
{
	char value[16];

	a->checks++;
	if (a->job.count == a->plan.n)
		return 0;
	snprintf(value, sizeof(value), "%u", a->job.count);
	err_set(err, -EPROTO, "count", value, "must be %u, as many objects came", a->plan.n);
	return err_object(err, "message PLAN_COMMIT"), -EPROTO;
}
