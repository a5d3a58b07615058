/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plan is checked as a whole, then becomes real: next hops, kernel routes, SIDs, entries,
 * classifier; then what is no longer wanted, in reverse. So an entry never points to a next hop
 * that is not there, and a packet that the map passes to the kernel finds its route. When a step
 * fails, what was done is undone in reverse. Next hops are given up last, when nothing can fail any
 * more.
 *
 * A route that is there already is replaced after the plan was answered (routes_late): the kernel's
 * way is the fallback of what the map says, it led to a good place a moment ago, and most packets
 * do not take it. Waiting for it would make each change of a selection wait for the slower of the
 * two.
 *
 * All this goes in slices, item by item of a list. Meanwhile the network is followed and the audit
 * runs, but no other plan, session or configuration begins: their messages wait in the socket.
 */
#include <errno.h>
#include <string.h>

#include "ncc/apply_int.h"
#include "util/log.h"

static bool is_none(const struct in6_addr *addr)
{
	return IN6_IS_ADDR_UNSPECIFIED(addr);
}

/* --- what is wanted --- */

static int put_hop(struct apply *a, void *draft_hop, struct err *err)
{
	return hop_take(a, draft_hop, err);
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

static int put_routes(struct apply *a, void *draft_svc, struct err *err)
{
	struct draft_svc *s = draft_svc;
	int r = 0;

	for (int f = 0; !r && f < FAMILIES; f++)
		r = is_none(&s->address[f].addr) ? 0 : put_route(a, s, &s->address[f].addr, err);
	return r;
}

static int put_sid(struct apply *a, void *draft_sid, struct err *err)
{
	struct draft_sid *s = draft_sid;

	return shadow_set_sid(a, &s->msg.addr, &s->msg, err);
}

static void members_of(struct apply *a, const struct draft_svc *s, struct slots_member *out)
{
	for (unsigned int i = 0; i < s->n_members; i++) {
		out[i].nexthop = hop_by_id(a, s->members[i].nexthop)->index;
		out[i].weight = s->members[i].weight;
	}
}

static int put_entry(struct apply *a, void *draft_svc, struct err *err)
{
	const struct draft_svc *s = draft_svc;
	struct hop *hop = s->msg.nexthop ? hop_by_id(a, s->msg.nexthop) : NULL;
	struct slots_member members[SAN_MAX_MEMBERS];
	struct entry_want want = {
		.key = s->key,
		.members = members,
		.n_members = s->n_members,
		.val.nexthop = hop ? hop->index : SAN_NH_NONE,
		.val.generation = (uint32_t)a->plan.generation,
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

static int flush_entries(struct apply *a, void *none, struct err *err)
{
	return shadow_flush_entries(a, err);
}

/* The first local service of a host that is no ingress. The rule stays until another configuration
 * comes: an empty table does no harm. */
static int put_rule(struct apply *a, void *none, struct err *err)
{
	const struct san_msg_config *c = &a->conf.config;

	a->stamp++;
	a->applied = 0;
	if (routing_wanted(a) || !a->plan.has_local)
		return 0;
	return nl_rule_put(a->nl, c->route_table, c->rule_priority, err);
}

static int sync_domain(struct apply *a, void *none, struct err *err)
{
	int r = domain_sync(a);

	if (r)
		log_err("domain not written", "error=\"%s\"", strerror(-r));
	return 0;
}

static int put_rules(struct apply *a, void *none, struct err *err)
{
	return rules_put(a, err);
}

/* --- what goes --- */

static int del_entry(struct apply *a, void *draft_svc, struct err *err)
{
	return shadow_del_entry(a, &((struct draft_svc *)draft_svc)->key, err);
}

static int del_old_entry(struct apply *a, void *entry, struct err *err)
{
	struct entry *e = entry;
	struct svc_key key = e->key;

	return e->plan != a->stamp ? shadow_del_entry(a, &key, err) : 0;
}

static int del_sid(struct apply *a, void *draft_sid, struct err *err)
{
	return shadow_set_sid(a, &((struct draft_sid *)draft_sid)->msg.addr, NULL, err);
}

static int del_old_sid(struct apply *a, void *lsid, struct err *err)
{
	struct lsid *l = lsid;
	struct in6_addr addr = l->msg.addr;

	return l->plan != a->stamp ? shadow_set_sid(a, &addr, NULL, err) : 0;
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

static int drop_routes(struct apply *a, void *draft_svc, struct err *err)
{
	struct draft_svc *s = draft_svc;
	int r = 0;

	for (int f = 0; !r && f < FAMILIES; f++)
		r = is_none(&s->old_address[f]) ? 0 : drop_route(a, &s->old_address[f], err);
	return r;
}

static int drop_old_route(struct apply *a, void *route, struct err *err)
{
	return drop_route(a, &((struct route *)route)->r.dst, err);
}

/* --- nothing can fail any more --- */

static int settle(struct apply *a, void *none, struct err *err)
{
	int more = undo_settle(a, &a->job.slice);

	if (!more)
		undo_forget(a);
	return more;
}

/* The child gives it up; a SID may still lead to it. */
static void give_up(struct apply *a, struct hop *hop)
{
	if (hop->sids)
		hop_name(a, hop, 0);
	else
		hop_release(a, hop);
}

static int release_hop(struct apply *a, void *draft_hop, struct err *err)
{
	struct hop *hop = hop_by_id(a, ((struct draft_hop *)draft_hop)->msg.id);

	if (hop)
		give_up(a, hop);
	return 0;
}

static int release_old_hop(struct apply *a, void *shadow_hop, struct err *err)
{
	struct hop *hop = shadow_hop;

	if (a->plan.full ? hop->plan != a->stamp : !hop->id && !hop->refs && !hop->sids)
		give_up(a, hop);
	return 0;
}

static int follow(struct apply *a, void *none, struct err *err)
{
	a->orphans = false;
	routes_follow(a);
	return 0;
}

/* --- phases --- */

enum list {
	LIST_NONE, /* called once, with NULL; again while it returns 1 */
	LIST_HOPS,
	LIST_SVCS,
	LIST_SIDS, /* so far of the plan, what follows of the shadow */
	LIST_OLD_HOPS,
	LIST_OLD_ENTRIES,
	LIST_OLD_SIDS,
	LIST_OLD_ROUTES,
};

enum {
	PUT = 1,	/* items that the plan wants */
	DEL = 2,	/* ... that it removes */
	CHANGES = 4,	/* not in a full plan */
	FULL = 8,	/* in a full plan only */
	ORPHANS = 0x10, /* in a full plan, or when SIDs left next hops behind */
};

struct phase {
	enum list list;
	unsigned int which;
	int (*each)(struct apply *a, void *item, struct err *err);
};

static const struct phase phases[] = {
	{LIST_NONE, PUT, check_count},
	{LIST_SVCS, PUT | DEL, check_prepare},
	{LIST_HOPS, PUT, check_hop},
	{LIST_SVCS, PUT, check_svc},
	{LIST_SVCS, PUT | DEL | CHANGES, check_leaving},
	{LIST_HOPS, DEL | CHANGES, check_removal},
	{LIST_SIDS, PUT, check_sid},
	{LIST_NONE, PUT, check_limits},

	{LIST_NONE, PUT, put_rule},
	{LIST_HOPS, PUT, put_hop},
	{LIST_SVCS, PUT, put_routes},
	{LIST_SIDS, PUT, put_sid},
	{LIST_NONE, PUT, sync_domain}, /* SIDs outside the blocks are protected from now on */
	{LIST_SVCS, PUT, put_entry},
	{LIST_NONE, PUT, flush_entries},
	{LIST_NONE, PUT, put_rules},

	{LIST_SVCS, DEL, del_entry},
	{LIST_OLD_ENTRIES, PUT | FULL, del_old_entry},
	{LIST_SIDS, DEL, del_sid},
	{LIST_OLD_SIDS, PUT | FULL, del_old_sid},
	{LIST_SVCS, PUT | DEL, drop_routes},
	{LIST_OLD_ROUTES, PUT | FULL, drop_old_route},

	{LIST_NONE, PUT, settle},
	{LIST_HOPS, DEL, release_hop},
	{LIST_OLD_HOPS, PUT | ORPHANS, release_old_hop},
	{LIST_NONE, PUT, sync_domain},
	{LIST_NONE, PUT, follow},
};

#define N_PHASES (sizeof(phases) / sizeof(phases[0]))

static void *first(const struct apply *a, enum list list)
{
	switch (list) {
	case LIST_HOPS:
		return a->plan.hops;
	case LIST_SVCS:
		return a->plan.svcs;
	case LIST_SIDS:
		return a->plan.sids;
	case LIST_OLD_HOPS:
		return a->hops;
	case LIST_OLD_ENTRIES:
		return a->entries;
	case LIST_OLD_SIDS:
		return a->sids;
	default:
		return a->routes;
	}
}

static void *behind(enum list list, const void *item)
{
	switch (list) {
	case LIST_HOPS:
		return ((const struct draft_hop *)item)->hh.next;
	case LIST_SVCS:
		return ((const struct draft_svc *)item)->hh.next;
	case LIST_SIDS:
		return ((const struct draft_sid *)item)->hh.next;
	case LIST_OLD_HOPS:
		return ((const struct hop *)item)->hh.next;
	case LIST_OLD_ENTRIES:
		return ((const struct entry *)item)->hh.next;
	case LIST_OLD_SIDS:
		return ((const struct lsid *)item)->hh.next;
	default:
		return ((const struct route *)item)->hh.next;
	}
}

static bool is_del(enum list list, const void *item)
{
	switch (list) {
	case LIST_HOPS:
		return ((const struct draft_hop *)item)->del;
	case LIST_SVCS:
		return ((const struct draft_svc *)item)->del;
	case LIST_SIDS:
		return ((const struct draft_sid *)item)->del;
	default:
		return false;
	}
}

static bool applies(const struct apply *a, const struct phase *p)
{
	if (p->which & CHANGES && a->plan.full)
		return false;
	if (p->which & ORPHANS)
		return a->plan.full || a->orphans;
	return !(p->which & FULL) || a->plan.full;
}

/* --- the job --- */

static int run_list(struct apply *a, const struct phase *p, struct err *err)
{
	struct job *job = &a->job;
	int r = 0;

	if (p->list == LIST_NONE)
		return p->each(a, NULL, err);
	if (!job->entered)
		job->next = first(a, p->list);
	job->entered = true;
	while (!r && job->next) {
		void *item = job->next;

		job->next = behind(p->list, item); /* each may free its item, and no other */
		if (p->which & (is_del(p->list, item) ? DEL : PUT))
			r = p->each(a, item, err);
		if (!r && slice_over(&job->slice))
			return shadow_flush_entries(a, err) ?: 1;
	}
	return r;
}

/* 1: there is more to do. */
static int run_phases(struct apply *a, struct err *err)
{
	struct job *job = &a->job;

	while (job->phase < N_PHASES) {
		const struct phase *p = &phases[job->phase];
		int r = applies(a, p) ? run_list(a, p, err) : 0;

		if (r)
			return r;
		job->phase++;
		job->entered = false;
	}
	return 0;
}

static int go_back(struct apply *a)
{
	shadow_drop_entries(a); /* the log has what was there before */
	if (undo_some(a, &a->job.slice))
		return 1;
	sync_domain(a, NULL, NULL);
	a->direct_changed = true; /* neighbours may have moved meanwhile */
	a->applied = 0;
	return 0;
}

void job_run(struct apply *a)
{
	struct job *job = &a->job;
	bool undone;
	int r;

	job->slice = slice_of(APPLY_SLICE_US);
	r = job->undoing ? 1 : run_phases(a, &job->err);
	if (r < 0) {
		job->undoing = true;
		if (!job->err.code)
			job->err.code = r;
	}
	if (job->undoing)
		r = go_back(a);
	if (r > 0) {
		apply_go_on(a);
		return;
	}
	undone = job->undoing;
	job->running = job->undoing = false;
	session_finished(a);
	if (undone && a->direct_changed)
		apply_soon(a);
}

void job_start(struct apply *a, uint32_t count)
{
	a->plan = a->draft;
	memset(&a->draft, 0, sizeof(a->draft));
	memset(&a->job, 0, sizeof(a->job));
	a->applied = 0;
	a->job.running = true;
	a->job.count = count;
	a->job.started_us = clock_us();
	a->job.err = a->plan.err;
	a->job.undoing = a->plan.err.code != 0; /* nothing to undo: it only ends */
	job_run(a);
}

void job_cancel(struct apply *a)
{
	a->job.running = false;
	shadow_drop_entries(a);
	draft_clear(&a->plan);
}
