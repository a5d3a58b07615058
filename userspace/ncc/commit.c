/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A checked plan becomes real: next hops, kernel routes, SIDs, entries, classifier; then what is no
 * longer wanted, in reverse. So an entry never points to a next hop that is not there, and a packet
 * that the map passes to the kernel finds its route. When a step fails, what was done is undone in
 * reverse. Next hops are given up last, when nothing can fail any more.
 */
#include <errno.h>
#include <string.h>

#include "ncc/apply_int.h"
#include "util/log.h"

static int put_hops(struct apply *a, struct err *err)
{
	struct draft_hop *h;
	int r = 0;

	for (h = a->draft.hops; !r && h; h = h->hh.next)
		r = h->del ? 0 : hop_take(a, h, err);
	return r;
}

static bool is_none(const struct in6_addr *addr)
{
	return IN6_IS_ADDR_UNSPECIFIED(addr);
}

static int put_route(struct apply *a, const struct draft_svc *s, const struct in6_addr *dst,
		     struct err *err)
{
	struct hop *hop = s->msg.nexthop ? hop_by_id(a, s->msg.nexthop) : NULL;
	struct route want;

	memset(&want, 0, sizeof(want));
	want.owner = s->key;
	want.r.dst = *dst;
	want.r.table = a->conf.config.route_table;
	route_to(a, hop, &want);
	return shadow_set_route(a, dst, &want, err);
}

static int put_routes(struct apply *a, struct err *err)
{
	struct draft_svc *s;
	int r = 0;

	for (s = a->draft.svcs; !r && s; s = s->hh.next) {
		for (int f = 0; !r && !s->del && f < FAMILIES; f++)
			r = is_none(&s->address[f].addr)
				    ? 0
				    : put_route(a, s, &s->address[f].addr, err);
	}
	return r;
}

static int put_sids(struct apply *a, struct err *err)
{
	struct draft_sid *s;
	int r = 0;

	for (s = a->draft.sids; !r && s; s = s->hh.next)
		r = s->del ? 0 : shadow_set_sid(a, &s->msg.addr, &s->msg, err);
	return r;
}

static void members_of(struct apply *a, const struct draft_svc *s, struct slots_member *out)
{
	for (unsigned int i = 0; i < s->n_members; i++) {
		out[i].nexthop = hop_by_id(a, s->members[i].nexthop)->index;
		out[i].weight = s->members[i].weight;
	}
}

static int put_entry(struct apply *a, const struct draft_svc *s, struct err *err)
{
	struct hop *hop = s->msg.nexthop ? hop_by_id(a, s->msg.nexthop) : NULL;
	struct slots_member members[SAN_MAX_MEMBERS];
	struct entry_want want = {
		.key = s->key,
		.members = members,
		.n_members = s->n_members,
		.val.nexthop = hop ? hop->index : SAN_NH_NONE,
		.val.generation = (uint32_t)a->draft.generation,
		.val.mode = s->msg.mode,
		.val.affinity = s->msg.affinity,
		.val.flags = s->msg.flags,
		.val.idle_s = s->msg.idle_s,
		.val.groups = s->msg.groups,
	};

	members_of(a, s, members);
	for (int f = 0; f < FAMILIES; f++)
		want.address[f] = s->address[f].addr;
	return shadow_put_entry(a, &want, err);
}

static int put_entries(struct apply *a, struct err *err)
{
	struct draft_svc *s;
	int r = 0;

	for (s = a->draft.svcs; !r && s; s = s->hh.next)
		r = s->del ? 0 : put_entry(a, s, err);
	return r;
}

static int del_entries(struct apply *a, struct err *err)
{
	struct entry *e, *next;
	struct draft_svc *s;
	int r = 0;

	for (s = a->draft.svcs; !r && s; s = s->hh.next)
		r = s->del ? shadow_del_entry(a, &s->key, err) : 0;
	if (r || !a->draft.full)
		return r;
	HASH_ITER(hh, a->entries, e, next) {
		struct svc_key key = e->key;

		if (e->plan != a->stamp)
			r = shadow_del_entry(a, &key, err);
		if (r)
			return r;
	}
	return 0;
}

static int del_sids(struct apply *a, struct err *err)
{
	struct lsid *l, *next;
	struct draft_sid *s;
	int r = 0;

	for (s = a->draft.sids; !r && s; s = s->hh.next)
		r = s->del ? shadow_set_sid(a, &s->msg.addr, NULL, err) : 0;
	if (r || !a->draft.full)
		return r;
	HASH_ITER(hh, a->sids, l, next) {
		struct in6_addr addr = l->msg.addr;

		if (l->plan != a->stamp)
			r = shadow_set_sid(a, &addr, NULL, err);
		if (r)
			return r;
	}
	return 0;
}

static bool route_used(const struct apply *a, const struct route *route)
{
	const struct entry *e = shadow_entry(a, &route->owner);

	for (int f = 0; e && f < FAMILIES; f++) {
		if (IN6_ARE_ADDR_EQUAL(&e->address[f], &route->r.dst))
			return true;
	}
	return false;
}

static int drop_route(struct apply *a, const struct in6_addr *addr, struct err *err)
{
	struct route *route = shadow_route(a, addr);
	struct in6_addr dst = *addr; /* may lie in the route itself */

	return route && !route_used(a, route) ? shadow_set_route(a, &dst, NULL, err) : 0;
}

static int del_routes(struct apply *a, struct err *err)
{
	struct route *route, *next;
	struct draft_svc *s;
	int r = 0;

	for (s = a->draft.svcs; !r && s; s = s->hh.next) {
		for (int f = 0; !r && f < FAMILIES; f++)
			r = drop_route(a, &s->old_address[f], err);
	}
	if (r || !a->draft.full)
		return r;
	HASH_ITER(hh, a->routes, route, next) {
		r = drop_route(a, &route->r.dst, err);
		if (r)
			return r;
	}
	return 0;
}

/* The child gives it up; a SID may still lead to it. */
static void give_up(struct apply *a, struct hop *hop)
{
	if (hop->sids)
		hop_name(a, hop, 0);
	else
		hop_release(a, hop);
}

static void release_hops(struct apply *a)
{
	struct hop *hop, *next;
	struct draft_hop *h;

	for (h = a->draft.hops; h; h = h->hh.next) {
		hop = h->del ? hop_by_id(a, h->msg.id) : NULL;
		if (hop)
			give_up(a, hop);
	}
	if (!a->draft.full && !a->orphans)
		return;
	HASH_ITER(hh, a->hops, hop, next) {
		if (a->draft.full ? hop->plan != a->stamp : !hop->id && !hop->refs && !hop->sids)
			give_up(a, hop);
	}
	a->orphans = false;
}

static void sync_domain(struct apply *a)
{
	int r = domain_sync(a);

	if (r)
		log_err("domain not written", "error=\"%s\"", strerror(-r));
}

/* The first local service of a host that is no ingress. The rule stays until another configuration
 * comes: an empty table does no harm. */
static int put_rule(struct apply *a, struct err *err)
{
	const struct san_msg_config *c = &a->conf.config;

	if (routing_wanted(a))
		return 0;
	for (struct draft_svc *s = a->draft.svcs; s; s = s->hh.next) {
		if (!s->del && s->key.scope == SAN_SCOPE_LOCAL)
			return nl_rule_put(a->nl, c->route_table, c->rule_priority, err);
	}
	return 0;
}

static int put_all(struct apply *a, struct err *err)
{
	int r = put_rule(a, err) ?: put_hops(a, err) ?: put_routes(a, err) ?: put_sids(a, err);

	if (r)
		return r;
	sync_domain(a); /* SIDs outside the blocks are protected from now on */
	return put_entries(a, err) ?: rules_put(a, err);
}

int apply_commit(struct apply *a, struct err *err)
{
	int r;

	a->stamp++;
	a->applied = 0;
	r = put_all(a, err) ?: del_entries(a, err) ?: del_sids(a, err) ?: del_routes(a, err);
	if (r) {
		undo_all(a);
		sync_domain(a);
		a->applied = 0;
		return r;
	}
	undo_forget(a);
	release_hops(a);
	sync_domain(a);
	routes_follow(a);
	room_look(a);
	return 0;
}
