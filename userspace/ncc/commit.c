/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A checked plan becomes real: next hops, kernel routes, SIDs, entries; then what is no longer
 * wanted, in reverse. So an entry never points to a next hop that is not there, and a packet that
 * the map passes to the kernel finds its route. When a step fails, what was done is undone in
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

static void route_for(struct apply *a, const struct draft_svc *s, struct route *out)
{
	struct hop *hop = s->msg.nexthop ? hop_by_id(a, s->msg.nexthop) : NULL;

	memset(out, 0, sizeof(*out));
	out->owner = s->msg.service_id;
	out->r.dst = s->msg.address;
	out->r.table = a->conf.config.route_table;
	if (!hop)
		return; /* nothing selected: unreachable */
	out->r.encap = hop->msg.encap;
	out->r.n_segs = hop->msg.n_segs;
	memcpy(out->r.segs, hop->msg.segs, sizeof(out->r.segs));
	out->r.ifindex = hop->val.ifindex ? hop->val.ifindex : host_core_link(a);
}

static int put_routes(struct apply *a, struct err *err)
{
	struct draft_svc *s;
	int r = 0;

	for (s = a->draft.svcs; !r && s; s = s->hh.next) {
		struct route want;

		if (s->del || IN6_IS_ADDR_UNSPECIFIED(&s->msg.address))
			continue;
		route_for(a, s, &want);
		r = shadow_set_route(a, &s->msg.address, &want, err);
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

static int put_entries(struct apply *a, struct err *err)
{
	struct draft_svc *s;
	int r = 0;

	for (s = a->draft.svcs; !r && s; s = s->hh.next) {
		struct hop *hop = s->msg.nexthop ? hop_by_id(a, s->msg.nexthop) : NULL;
		struct entry want = {
			.id = s->msg.service_id,
			.address = s->msg.address,
			.plan = a->stamp,
			.val.nexthop = hop ? hop->index : SAN_NH_NONE,
			.val.generation = (uint32_t)a->draft.generation,
			.val.mode = s->msg.mode,
			.val.affinity = s->msg.affinity,
		};

		r = s->del ? 0 : shadow_set_entry(a, want.id, &want, err);
	}
	return r;
}

static int del_entries(struct apply *a, struct err *err)
{
	struct entry *e, *next;
	struct draft_svc *s;
	int r = 0;

	for (s = a->draft.svcs; !r && s; s = s->hh.next)
		r = s->del ? shadow_set_entry(a, s->msg.service_id, NULL, err) : 0;
	if (r || !a->draft.full)
		return r;
	HASH_ITER(hh, a->entries, e, next) {
		if (e->plan != a->stamp)
			r = shadow_set_entry(a, e->id, NULL, err);
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
	const struct entry *e = shadow_entry(a, route->owner);

	return e && !memcmp(&e->address, &route->r.dst, sizeof(e->address));
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

	for (s = a->draft.svcs; !r && s; s = s->hh.next)
		r = drop_route(a, &s->old_address, err);
	if (r || !a->draft.full)
		return r;
	HASH_ITER(hh, a->routes, route, next) {
		r = drop_route(a, &route->r.dst, err);
		if (r)
			return r;
	}
	return 0;
}

static void release_hops(struct apply *a)
{
	struct hop *hop, *next;
	struct draft_hop *h;

	for (h = a->draft.hops; h; h = h->hh.next) {
		hop = h->del ? hop_by_id(a, h->msg.id) : NULL;
		if (hop)
			hop_release(a, hop);
	}
	if (!a->draft.full)
		return;
	HASH_ITER(hh, a->hops, hop, next) {
		if (hop->plan != a->stamp)
			hop_release(a, hop);
	}
}

int apply_commit(struct apply *a, struct err *err)
{
	int r;

	a->stamp++;
	a->applied = 0;
	r = put_hops(a, err) ?: put_routes(a, err) ?: put_sids(a, err) ?: put_entries(a, err)
	    ?: del_entries(a, err) ?: del_sids(a, err) ?: del_routes(a, err);
	if (r) {
		undo_all(a);
		a->applied = 0;
		return r;
	}
	undo_forget(a);
	release_hops(a);
	return 0;
}
