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

static int route_remove(struct apply *a, struct route *route, struct err *err)
{
	int r;

	if (!route)
		return 0;
	r = nl_encap_route_del(a->nl, &route->r.dst, route->r.table, err);
	if (r)
		return r;
	HASH_DEL(a->routes, route);
	free(route);
	a->applied++;
	return 0;
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
	if (old && !old->missing && nl_encap_route_same(a->nl, &old->r, &want->r)) {
		old->owner = want->owner;
		old->hop = want->hop;
		return 0;
	}
	r = nl_encap_route_put(a->nl, &want->r, err);
	if (r && !shadow_can_wait(r, err))
		return r;
	if (!old)
		old = route_alloc(a, dst);
	if (!old)
		return err_set(err, -ENOMEM, "", "", "no memory for a route");
	old->r = want->r;
	old->owner = want->owner;
	old->hop = want->hop;
	old->missing = r != 0;
	a->applied++;
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
	route->r.ifindex = hop->val.ifindex;
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
