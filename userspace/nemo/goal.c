/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where an operation's packets go from this host: ways, one for each far end and its prefixes. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/in6.h"
#include "nemo/compile_int.h"

struct find {
	const struct nemo_ctx *ctx;
	struct nemo_own *own;
	const struct nemo_want *want;
	struct nemo_ways *ways;
	char *why;
};

static int __attribute__((format(printf, 3, 4)))
end(struct find *f, enum nemo_op_state state, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	nemo_vwhy(f->why, format, args);
	va_end(args);
	return (int)state;
}

void nemo_ways_fini(struct nemo_ways *ways)
{
	free(ways->v);
	*ways = (struct nemo_ways){0};
}

/* Returns IN_FORCE (0) or -ENOMEM. */
static int add(struct nemo_ways *ways, const struct nemo_way *way)
{
	unsigned int cap = ways->cap ? ways->cap * 2 : 1;
	struct nemo_way *v = ways->v;

	if (ways->n == ways->cap) {
		v = realloc(v, cap * sizeof(*v));
		if (!v)
			return -ENOMEM;
		ways->v = v;
		ways->cap = cap;
	}
	ways->v[ways->n++] = *way;
	return NEMO_OP_IN_FORCE;
}

static int add_plain(struct find *f, uint8_t verdict, uint64_t service)
{
	struct nemo_way way = {.verdict = verdict, .service = service, .can = {true, true}};

	return add(f->ways, &way);
}

/* ---- next hops ---- */

struct trip { /* where one way ends: a gateway, by a path or none, or a SID */
	const char *name;
	const struct view_gateway *gateway;
	const struct view_path *path;
	const struct in6_addr *sid;
};

/* Unused segments and padding stay zero. False: too many. */
static bool push(struct plan_nexthop *hop, unsigned int *n, const struct in6_addr *seg)
{
	if (*n < SAN_MAX_SEGS)
		hop->segs[*n] = *seg;
	return ++*n <= SAN_MAX_SEGS;
}

/* Functions, the path, then where it ends. Returns how many segments that takes. */
static unsigned int fill_hop(const struct nemo_want *want, const struct trip *trip,
			     const struct in6_addr *last, struct plan_nexthop *hop)
{
	unsigned int n = 0;

	memset(hop, 0, sizeof(*hop));
	hop->kind = SAN_NH_SRV6;
	hop->encap = trip->path ? trip->path->def.encap : SAN_ENCAP_RED;
	hop->hop_limit = trip->path ? trip->path->def.hop_limit : 0;
	for (unsigned int i = 0; i < want->n_through; i++) {
		struct nemo_prefix ip;

		if (nemo_object_prefix(want->through[i], "ip", &ip))
			push(hop, &n, &ip.addr);
	}
	for (unsigned int i = 0; trip->path && i < trip->path->def.n_segs; i++)
		push(hop, &n, &trip->path->def.segs[i]);
	push(hop, &n, last);
	hop->n_segs = (uint8_t)(n <= SAN_MAX_SEGS ? n : SAN_MAX_SEGS);
	return n;
}

static void fill_family(const struct nemo_want *want, const struct trip *trip,
			enum nemo_family family, struct nemo_way *way)
{
	struct plan_nexthop *hop = &way->hop[family];
	const struct in6_addr *last = trip->sid;
	unsigned int n;

	if (trip->gateway)
		last = family == NEMO_V4 ? &trip->gateway->def.decap4 : &trip->gateway->def.decap6;
	if (IN6_IS_ADDR_UNSPECIFIED(last)) {
		nemo_why(way->cannot, "gateway %s has no decap%d, a SID for %s",
			 trip->gateway->def.name, family == NEMO_V4 ? 4 : 6,
			 nemo_family_names[family]);
		return;
	}
	n = fill_hop(want, trip, last, hop);
	hop->families = family == NEMO_V4 ? SAN_NH_IP4 : SAN_NH_IP6;
	way->can[family] = n <= SAN_MAX_SEGS;
	if (!way->can[family])
		nemo_why(way->cannot, "%u segments are too many, a next hop has at most %d", n,
			 SAN_MAX_SEGS);
}

static void fill_way(struct find *f, const struct trip *trip, struct nemo_way *way)
{
	struct nemo_goal *goal = &way->to_goal;

	way->verdict = SAN_ACT_STEER;
	snprintf(goal->tenant, sizeof(goal->tenant), "%s", f->own->tenant->name);
	snprintf(goal->name, sizeof(goal->name), "%s", trip->name);
	snprintf(goal->gateway, sizeof(goal->gateway), "%s",
		 trip->gateway ? trip->gateway->def.name : "");
	snprintf(goal->path, sizeof(goal->path), "%s", trip->path ? trip->path->def.name : "");
	fill_family(f->want, trip, NEMO_V4, way);
	fill_family(f->want, trip, NEMO_V6, way);
}

static int add_trip(struct find *f, const struct trip *trip)
{
	struct nemo_way way = {0};

	fill_way(f, trip, &way);
	return add(f->ways, &way);
}

/* ---- connections ---- */

/* One way for each prefix of the far ends at this leg's gateway. */
static int add_far(struct find *f, const struct trip *trip)
{
	const struct nemo_fars *fars = nemo_own_fars(f->own, f->want->redirect);
	struct nemo_way way = {.limited = true};
	const struct nemo_far *far;
	unsigned int n;
	int r = 0;

	if (!fars)
		return -ENOMEM;
	fill_way(f, trip, &way);
	far = nemo_fars_at(fars, trip->gateway->def.name, &n);
	for (unsigned int i = 0; i < n; i++) {
		for (unsigned int k = 0; !r && k < far[i].spot->prefixes.n; k++) {
			way.to = far[i].spot->prefixes.v[k];
			r = add(f->ways, &way);
		}
	}
	return r;
}

static int to_leg(struct find *f, const struct nemo_leg *leg, bool only)
{
	const struct nemo_plan_in *in = f->ctx->in;
	struct trip trip = {.name = leg->connection};

	trip.gateway = nemo_up_gateway(in, leg->gateway, f->why);
	if (trip.gateway)
		trip.path = nemo_up_path(in, leg->gateway, leg->path, f->why);
	if (!trip.path)
		return NEMO_OP_GOAL_DOWN;
	return only ? add_trip(f, &trip) : add_far(f, &trip);
}

static int longest_first(const void *a, const void *b)
{
	const struct nemo_way *x = a, *y = b;
	int c;

	if (x->to.len != y->to.len)
		return (int)y->to.len - (int)x->to.len;
	c = memcmp(&x->to.addr, &y->to.addr, sizeof(x->to.addr));
	return c ? c : strcmp(x->to_goal.gateway, y->to_goal.gateway);
}

static int to_connection(struct find *f)
{
	const char *host = f->ctx->in->host, *name = f->want->redirect->name;
	unsigned int n, up = 0;
	const struct nemo_leg *const *legs = nemo_own_legs(f->own, name, host, &n);

	for (unsigned int i = 0; i < n; i++) {
		int r = to_leg(f, legs[i], n == 1);

		if (r < 0)
			return r;
		up += r == NEMO_OP_IN_FORCE;
	}
	if (!n)
		return end(f, NEMO_OP_ELSEWHERE, "%.40s is no end of connection %.40s", host, name);
	if (!up)
		return NEMO_OP_GOAL_DOWN;
	if (!f->ways->n)
		return end(f, NEMO_OP_IMPOSSIBLE,
			   "connection %.40s has %u far ends here: their sites need prefixes", name,
			   n);
	if (n > 1)
		qsort(f->ways->v, f->ways->n, sizeof(f->ways->v[0]), longest_first);
	return NEMO_OP_IN_FORCE;
}

/* ---- all else ---- */

static int to_gateway(struct find *f, const struct nemo_object *gateway, const char *name,
		      bool any_path)
{
	struct trip trip = {.name = name};

	if (!f->want->n_through && strcmp(gateway->name, f->ctx->in->host) == 0)
		return add_plain(f, SAN_ACT_PASS, 0); /* it is here: the kernel knows the way */
	trip.gateway = nemo_up_gateway(f->ctx->in, gateway->name, f->why);
	if (!trip.gateway)
		return NEMO_OP_GOAL_DOWN;
	if (any_path && strcmp(gateway->name, f->ctx->in->host) != 0 &&
	    !nemo_up_any_path(f->ctx, gateway->name, &trip.path, f->why))
		return NEMO_OP_GOAL_DOWN;
	return add_trip(f, &trip);
}

static int to_cfn(struct find *f, const struct nemo_object *cfn)
{
	const struct nemo_spot *place;
	struct nemo_prefix ip;

	if (nemo_is_function(cfn)) {
		if (!nemo_object_prefix(cfn, "ip", &ip))
			return end(f, NEMO_OP_IMPOSSIBLE, "%s has no ip", cfn->name);
		return add_trip(f, &(struct trip){.name = cfn->name, .sid = &ip.addr});
	}
	place = nemo_own_spot(f->own, cfn);
	if (!place)
		return -ENOMEM;
	if (!place->gateway)
		return end(f, NEMO_OP_IMPOSSIBLE, "site %s contains no gateway", cfn->name);
	return to_gateway(f, place->gateway, cfn->name, true);
}

/* Behind the last function: its site's gateway. */
static int to_home(struct find *f)
{
	const struct nemo_object *last = f->want->through[f->want->n_through - 1];
	const struct nemo_object *gateway = nemo_own_home(f->own, last);

	if (!gateway)
		return end(
			f, NEMO_OP_IMPOSSIBLE,
			"gothrough: %.40s is in no site with a gateway, and there is no redirect",
			last->name);
	return to_gateway(f, gateway, last->name, false);
}

static int to_service(struct find *f)
{
	int64_t id = 0;

	if (!nemo_up_service(f->ctx->in, f->want->steer, f->why))
		return NEMO_OP_GOAL_DOWN;
	nemo_object_integer(f->want->steer, "service_id", &id);
	return add_plain(f, SAN_ACT_STEER, (uint64_t)id);
}

int nemo_ways_find(const struct nemo_ctx *ctx, struct nemo_own *own, const struct nemo_want *want,
		   struct nemo_ways *out, char why[NEMO_WHY])
{
	struct find f = {.ctx = ctx, .own = own, .want = want, .ways = out, .why = why};

	if (want->verdict != SAN_ACT_STEER)
		return add_plain(&f, want->verdict, 0);
	if (want->steer)
		return to_service(&f);
	if (!want->redirect)
		return to_home(&f);
	return want->redirect->kind == NEMO_CONNECTION ? to_connection(&f)
						       : to_cfn(&f, want->redirect);
}

const struct nemo_way *nemo_ways_pick(const struct nemo_ways *ways, const struct in6_addr *dst,
				      bool *family_only, char why[NEMO_WHY])
{
	enum nemo_family family = nemo_family_of(dst);
	char text[INET6_ADDRSTRLEN];
	const struct nemo_way *in = NULL;

	for (unsigned int i = 0; i < ways->n; i++) {
		if (ways->v[i].limited && !nemo_prefix_holds(&ways->v[i].to, dst))
			continue;
		if (ways->v[i].can[family])
			return &ways->v[i];
		in = in ? in : &ways->v[i];
	}
	*family_only = in != NULL;
	if (in)
		nemo_why(why, "%s", in->cannot);
	else
		nemo_why(why, "destination %s is not in the prefixes of a far end that is up",
			 in6_text(dst, text));
	return NULL;
}
