/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernel routes for the addresses of services. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ncc/apply_int.h"
#include "util/log.h"

struct route *shadow_route(const struct apply *a, const struct in6_addr *dst)
{
	struct route *r;

	HASH_FIND(hh, a->routes, dst, sizeof(*dst), r);
	return r;
}

static int route_remember(struct apply *a, const struct in6_addr *dst, const struct route *old)
{
	struct undo undo = {.kind = UNDO_ROUTE, .had = old != NULL};

	if (old)
		undo.route = *old;
	undo.route.r.dst = *dst;
	return undo_push(a, &undo);
}

static struct route *route_alloc(struct apply *a, const struct in6_addr *dst)
{
	struct route *route = calloc(1, sizeof(*route));

	if (!route)
		return NULL;
	route->r.dst = *dst;
	route->missing = true;
	HASH_ADD(hh, a->routes, r.dst, sizeof(route->r.dst), route);
	return route;
}

/* --- late ones --- */

static void put_off(struct apply *a, struct route *route)
{
	if (!route->late)
		DL_APPEND2(a->late_routes, route, prev_late, next_late);
	route->late = true;
}

static void in_time(struct apply *a, struct route *route)
{
	if (route->late)
		DL_DELETE2(a->late_routes, route, prev_late, next_late);
	route->late = false;
}

/* The plan was answered: what fails now is the audit's. */
static void put_late(struct apply *a, struct route *route)
{
	struct err err = {0};
	char text[512];
	int r = nl_encap_route_put(a->nl, &route->r, &err);

	in_time(a, route);
	route->missing = r != 0;
	if (!r)
		route->seen = a->audits;
	if (r && !shadow_can_wait(a, r, &err) && session_may_log(a))
		log_warn("route not written", "text=\"%s\"", err_text(&err, text, sizeof(text)));
}

int routes_late(struct apply *a, struct slice *slice)
{
	while (a->late_routes) {
		put_late(a, a->late_routes);
		if (slice_over(slice))
			return a->late_routes != NULL;
	}
	return 0;
}

/* --- set --- */

static int route_remove(struct apply *a, struct route *route, struct err *err)
{
	int r;

	if (!route)
		return 0;
	r = nl_encap_route_del(a->nl, &route->r.dst, route->r.table, err);
	if (r)
		return r;
	in_time(a, route);
	audit_leave(a, route, route->hh.next);
	HASH_DEL(a->routes, route);
	free(route);
	a->applied++;
	return 0;
}

static void take_over(struct apply *a, struct route *route, const struct route *want, bool same)
{
	route->owner = want->owner;
	route->hop = want->hop;
	if (same)
		return;
	route->r = want->r;
	put_off(a, route);
	a->applied++;
}

int shadow_set_route(struct apply *a, const struct in6_addr *dst, const struct route *want,
		     struct err *err)
{
	struct route *old = shadow_route(a, dst);
	int r;

	if (route_remember(a, dst, old))
		return err_set(err, -ENOMEM, "", "", "no memory for a route");
	if (!want)
		return route_remove(a, old, err);
	if (old && !old->missing) {
		bool same = nl_encap_route_same(a->nl, &old->r, &want->r);

		if (same || !a->undo.off) { /* see commit.c: it leads somewhere already */
			take_over(a, old, want, same);
			return 0;
		}
	}
	r = nl_encap_route_put(a->nl, &want->r, err);
	if (r && !shadow_can_wait(a, r, err))
		return r;
	if (!old)
		old = route_alloc(a, dst);
	if (!old)
		return err_set(err, -ENOMEM, "", "", "no memory for a route");
	in_time(a, old);
	old->r = want->r;
	old->owner = want->owner;
	old->hop = want->hop;
	old->missing = r != 0;
	if (!r)
		old->seen = a->audits;
	a->applied++;
	return 0;
}

/* Late ones are not written while a plan is applied: the kernel still has what was before. */
int shadow_undo_route(struct apply *a, const struct undo *undo, struct err *err)
{
	struct route *route = shadow_route(a, &undo->route.r.dst);

	if (!undo->had || !route || !route->late)
		return shadow_set_route(a, &undo->route.r.dst, undo->had ? &undo->route : NULL,
					err);
	if (!undo->route.late)
		in_time(a, route);
	route->r = undo->route.r;
	route->owner = undo->route.owner;
	route->hop = undo->route.hop;
	return 0;
}

static int adopt_route(void *arg, const struct nl_encap_route *r)
{
	struct apply *a = arg;
	struct route *route = shadow_route(a, &r->dst);

	if (!route)
		route = route_alloc(a, &r->dst);
	if (!route)
		return -ENOMEM;
	route->r = *r;
	route->missing = false;
	return 0;
}

int shadow_adopt_routes(struct apply *a)
{
	return nl_encap_route_each(a->nl, a->conf.config.route_table, adopt_route, a);
}

void shadow_forget_routes(struct apply *a)
{
	struct route *r, *next;

	a->late_routes = NULL;
	HASH_ITER(hh, a->routes, r, next) {
		HASH_DEL(a->routes, r);
		free(r);
	}
}

/* --- where they lead --- */

static bool carries(const struct hop *hop, const struct in6_addr *dst)
{
	return hop->val.families & (IN6_IS_ADDR_V4MAPPED(dst) ? SAN_NH_IP4 : SAN_NH_IP6);
}

static void direct_to(const struct hop *hop, struct route *route)
{
	/* without a way to the instance: unreachable, until it is there */
	route->hop = hop->index;
	route->r.via = hop->gateway;
	route->r.direct = !IN6_IS_ADDR_UNSPECIFIED(&hop->gateway);
	route->r.ifindex = hop->link;
}

void route_to(const struct apply *a, const struct hop *hop, struct route *route)
{
	if (!hop || !carries(hop, &route->r.dst))
		return; /* unreachable */
	if (hop_is_direct(hop)) {
		direct_to(hop, route);
		return;
	}
	route->r.encap = hop->msg.encap;
	route->r.n_segs = hop->msg.n_segs;
	memcpy(route->r.segs, hop->msg.segs, sizeof(route->r.segs));
	route->r.ifindex = hop->val.ifindex ? hop->val.ifindex : host_core_link(a);
}

static void follow(struct apply *a, struct route *route)
{
	const struct hop *hop = hop_by_index(a, route->hop);
	struct route want = {.owner = route->owner, .missing = true};
	struct err err = {0};
	char text[512];

	if (!hop)
		return;
	want.r.dst = route->r.dst;
	want.r.table = route->r.table;
	direct_to(hop, &want);
	if (nl_encap_route_same(a->nl, &want.r, &route->r))
		return;
	if (shadow_set_route(a, &want.r.dst, &want, &err))
		log_warn("route not moved", "text=\"%s\"", err_text(&err, text, sizeof(text)));
}

void routes_follow(struct apply *a)
{
	struct route *route, *next;

	if (!a->direct_changed)
		return;
	a->direct_changed = false;
	a->undo.off = true;
	HASH_ITER(hh, a->routes, route, next) {
		if (route->hop)
			follow(a, route);
	}
	a->undo.off = false;
}
