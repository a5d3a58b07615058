/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entries, kernel routes and SIDs: one setter each, which changes the real thing and the shadow
 * together and remembers the old state. `want` NULL removes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ncc/apply_int.h"
#include "util/log.h"
#include "util/name.h"

/* --- entries --- */

struct entry *shadow_entry(const struct apply *a, uint64_t id)
{
	struct entry *e;

	HASH_FIND(hh, a->entries, &id, sizeof(id), e);
	return e;
}

static void count_ref(struct apply *a, const struct san_service *val, int by)
{
	struct hop *hop = hop_by_index(a, val->nexthop);

	if (hop)
		hop->refs = (unsigned int)((int)hop->refs + by);
}

static int entry_failed(struct err *err, int r, uint64_t id)
{
	char text[SVC_ID_TEXT];

	err_set(err, r, "", "", "map san_services not written: %s", strerror(-r));
	err_object(err, "service %s", svc_id_text(id, text));
	return r;
}

static int entry_remember(struct apply *a, uint64_t id, const struct entry *old)
{
	struct undo undo = {.kind = UNDO_ENTRY, .had = old != NULL};

	if (old)
		undo.entry = *old;
	undo.entry.id = id;
	return undo_push(a, &undo);
}

/* The map holds what it should, by the shadow. */
static bool entry_intact(struct apply *a, uint64_t id, const struct entry *old)
{
	struct san_service real;
	int r = dp_service_get(a->dp, id, &real);

	if (!old)
		return r == -ENOENT;
	return !r && !memcmp(&real, &old->val, sizeof(real));
}

/* Which plan wrote it is no difference. */
static bool same_selection(const struct san_service *x, const struct san_service *y)
{
	struct san_service z = *x;

	z.generation = y->generation;
	return !memcmp(&z, y, sizeof(z));
}

static int entry_remove(struct apply *a, struct entry *e, struct err *err)
{
	int r = dp_service_del(a->dp, e->id);

	if (r && r != -ENOENT)
		return entry_failed(err, r, e->id);
	count_ref(a, &e->val, -1);
	pool_give(&a->stat_indexes, e->val.stats);
	HASH_DEL(a->entries, e);
	free(e);
	a->applied++;
	return 0;
}

static uint32_t new_stats(struct apply *a)
{
	uint32_t index = pool_take(&a->stat_indexes);

	if (index)
		dp_svc_stats_clear(a->dp, index);
	return index; /* SAN_STATS_NONE when there is none left */
}

static int entry_add(struct apply *a, const struct entry *want, struct err *err)
{
	struct entry *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return entry_failed(err, -ENOMEM, want->id);
	e->id = want->id;
	e->val = want->val;
	e->address = want->address;
	e->plan = want->plan;
	if (!e->val.stats)
		e->val.stats = new_stats(a);
	else
		pool_mark(&a->stat_indexes, e->val.stats); /* comes back by undo */
	r = dp_service_put(a->dp, e->id, &e->val);
	if (r) {
		pool_give(&a->stat_indexes, e->val.stats);
		free(e);
		return entry_failed(err, r, want->id);
	}
	HASH_ADD(hh, a->entries, id, sizeof(e->id), e);
	count_ref(a, &e->val, 1);
	a->applied++;
	return 0;
}

static int entry_change(struct apply *a, struct entry *e, const struct entry *want, bool intact,
			struct err *err)
{
	struct san_service val = want->val;
	int r;

	val.stats = e->val.stats;
	e->address = want->address;
	e->plan = want->plan;
	if (intact && same_selection(&e->val, &val))
		return 0;
	r = dp_service_put(a->dp, e->id, &val);
	if (r)
		return entry_failed(err, r, e->id);
	count_ref(a, &e->val, -1);
	e->val = val;
	count_ref(a, &e->val, 1);
	a->applied++;
	return 0;
}

int shadow_set_entry(struct apply *a, uint64_t id, const struct entry *want, struct err *err)
{
	struct entry *e = shadow_entry(a, id);
	bool intact = entry_intact(a, id, e);
	int r = entry_remember(a, id, e);

	if (r)
		return entry_failed(err, r, id);
	if (!intact)
		a->repaired++;
	if (want)
		return e ? entry_change(a, e, want, intact, err) : entry_add(a, want, err);
	if (e)
		return entry_remove(a, e, err);
	if (!intact)
		dp_service_del(a->dp, id);
	return 0;
}

/* --- routes --- */

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

/* No link to hold it, or another's route in its place, is no reason to refuse a plan with all that
 * is in it: the entry in the map is what counts, and the audit puts the route when it can. */
static bool can_wait(int r, struct err *err)
{
	char text[512];

	if (r != -ENETDOWN && r != -ENODEV && r != -EEXIST)
		return false;
	if (r == -EEXIST)
		log_warn("route waits", "text=\"%s\"", err_text(err, text, sizeof(text)));
	if (err)
		memset(err, 0, sizeof(*err));
	return true;
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
		return 0;
	}
	r = nl_encap_route_put(a->nl, &want->r, err);
	if (r && !can_wait(r, err))
		return r;
	if (!old)
		old = route_alloc(a, dst);
	if (!old)
		return err_set(err, -ENOMEM, "", "", "no memory for a route");
	old->r = want->r;
	old->owner = want->owner;
	old->missing = r != 0;
	a->applied++;
	return 0;
}

/* --- SIDs --- */

struct lsid *shadow_sid(const struct apply *a, const struct in6_addr *addr)
{
	struct lsid *s;

	HASH_FIND(hh, a->sids, addr, sizeof(*addr), s);
	return s;
}

bool shadow_same_sid(const struct san_msg_sid *want, const struct san_msg_sid *real)
{
	return want->behaviour == real->behaviour && want->table == real->table &&
	       !memcmp(&want->nexthop, &real->nexthop, sizeof(want->nexthop)) &&
	       (!want->oif[0] || !strcmp(want->oif, real->oif));
}

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
	r = nl_sid_del(a->nl, &sid->msg.addr, err);
	if (r)
		return r;
	HASH_DEL(a->sids, sid);
	free(sid);
	a->applied++;
	return 0;
}

static struct lsid *sid_alloc(struct apply *a, const struct in6_addr *addr)
{
	struct lsid *sid = calloc(1, sizeof(*sid));

	if (!sid)
		return NULL;
	sid->msg.addr = *addr;
	HASH_ADD(hh, a->sids, msg.addr, sizeof(sid->msg.addr), sid);
	return sid;
}

int shadow_set_sid(struct apply *a, const struct in6_addr *addr, const struct san_msg_sid *want,
		   struct err *err)
{
	struct lsid *old = shadow_sid(a, addr);
	int r;

	if (sid_remember(a, addr, old))
		return err_set(err, -ENOMEM, "", "", "no memory for a SID");
	if (!want)
		return sid_remove(a, old, err);
	if (old && !old->missing && shadow_same_sid(want, &old->msg)) {
		old->msg = *want; /* an adopted one names the interface it was given */
		old->plan = a->stamp;
		return 0;
	}
	r = nl_sid_put(a->nl, want, err);
	if (r && !can_wait(r, err))
		return r;
	if (!old)
		old = sid_alloc(a, addr);
	if (!old)
		return err_set(err, -ENOMEM, "", "", "no memory for a SID");
	old->msg = *want;
	old->plan = a->stamp;
	old->missing = r != 0;
	a->applied++;
	return 0;
}

/* --- start and end --- */

static int adopt_entry(void *arg, uint64_t id, const struct san_service *val)
{
	struct entry *e = calloc(1, sizeof(*e));
	struct apply *a = arg;

	if (!e)
		return -ENOMEM;
	e->id = id;
	e->val = *val;
	HASH_ADD(hh, a->entries, id, sizeof(e->id), e);
	pool_mark(&a->stat_indexes, val->stats);
	count_ref(a, val, 1);
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

static int adopt_sid(void *arg, const struct san_msg_sid *msg)
{
	struct apply *a = arg;
	struct lsid *sid = shadow_sid(a, &msg->addr);

	if (!sid)
		sid = sid_alloc(a, &msg->addr);
	if (!sid)
		return -ENOMEM;
	sid->msg = *msg;
	return 0;
}

static int adopt_hops(struct apply *a)
{
	uint32_t n = dp_nexthop_max(a->dp);

	for (uint32_t i = 1; i < n; i++) {
		struct san_nexthop val;
		int r = dp_nexthop_get(a->dp, i, &val);

		if (!r && val.kind != SAN_NH_UNUSED)
			r = hop_adopt(a, i, &val);
		if (r)
			return r;
	}
	return 0;
}

static int adopt_all(struct apply *a)
{
	int r = adopt_hops(a);

	if (!r)
		r = dp_service_each(a->dp, adopt_entry, a);
	if (!r)
		r = shadow_adopt_routes(a);
	if (!r)
		r = nl_sid_each(a->nl, adopt_sid, a);
	return r;
}

void shadow_forget_routes(struct apply *a)
{
	struct route *r, *next;

	HASH_ITER(hh, a->routes, r, next) {
		HASH_DEL(a->routes, r);
		free(r);
	}
}

int shadow_open(struct apply *a, struct err *err)
{
	uint32_t max = dp_nexthop_max(a->dp);
	int r = pool_init(&a->indexes, max);

	if (!r)
		r = pool_init(&a->stat_indexes, dp_stats_max(a->dp));
	a->by_index = calloc(max, sizeof(struct hop *));
	if (!a->by_index)
		r = -ENOMEM;
	if (!r)
		r = adopt_all(a);
	if (r) {
		shadow_clear(a);
		return err_set(err, r, "", "", "what is in place cannot be read: %s", strerror(-r));
	}
	if (a->hops || a->entries || a->routes || a->sids)
		log_info("adopted", "nexthops=%u services=%u routes=%u sids=%u",
			 HASH_COUNT(a->hops), HASH_COUNT(a->entries), HASH_COUNT(a->routes),
			 HASH_COUNT(a->sids));
	return 0;
}

void shadow_clear(struct apply *a)
{
	struct hop *hop, *next_hop;
	struct entry *e, *next_e;
	struct lsid *s, *next_s;

	HASH_ITER(hh, a->hops, hop, next_hop) {
		hop_forget(a, hop);
	}
	HASH_ITER(hh, a->entries, e, next_e) {
		HASH_DEL(a->entries, e);
		free(e);
	}
	shadow_forget_routes(a);
	HASH_ITER(hh, a->sids, s, next_s) {
		HASH_DEL(a->sids, s);
		free(s);
	}
	free(a->by_index);
	a->by_index = NULL;
	pool_fini(&a->indexes);
	pool_fini(&a->stat_indexes);
}
