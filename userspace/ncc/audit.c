/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is what was applied still there? Other hands, and links that take their routes with them. Goes in
 * slices like a plan does, and beside one: what a plan writes meanwhile counts as seen.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ncc/apply_int.h"
#include "util/clock.h"
#include "util/log.h"

static void failed(const char *what, const struct err *err)
{
	char text[512];

	log_warn(what, "text=\"%s\"", err_text(err, text, sizeof(text)));
}

/* Each of these does a part; 1: there is more of it. */

/* --- maps --- */

static int verify_host(struct apply *a)
{
	host_verify(a);
	return 0;
}

static int verify_hops(struct apply *a)
{
	struct audit *audit = &a->audit;

	for (; audit->index < a->indexes.max; audit->index++) {
		struct hop *hop = a->by_index[audit->index];

		if (slice_over(&audit->slice))
			return 1;
		if (hop)
			hop_verify(a, hop);
	}
	return 0;
}

static int verify_sids(struct apply *a)
{
	struct audit *audit = &a->audit;

	for (struct lsid *sid = audit->next; sid; sid = audit->next) {
		audit->next = sid->hh.next;
		shadow_verify_sid(a, sid);
		if (slice_over(&audit->slice))
			return 1;
	}
	return 0;
}

/* A walk that failed has seen too little: what it missed is looked at one by one. */
static int walked(struct apply *a, int r)
{
	if (r < 0)
		log_debug("map not walked", "error=\"%s\"", strerror(-r));
	return r > 0;
}

static int verify_sid_map(struct apply *a)
{
	return walked(a, shadow_verify_sid_map(a, &a->audit.walk));
}

static int verify_services(struct apply *a)
{
	return walked(a, shadow_verify_map(a, false, &a->audit.walk));
}

static int verify_local(struct apply *a)
{
	return walked(a, shadow_verify_map(a, true, &a->audit.walk));
}

static int verify_entries(struct apply *a)
{
	struct audit *audit = &a->audit;

	for (struct entry *e = audit->next; e; e = audit->next) {
		audit->next = e->hh.next;
		shadow_verify_entry(a, e);
		if (slice_over(&audit->slice))
			return 1;
	}
	return 0;
}

static int verify_rest(struct apply *a)
{
	rules_verify(a);
	domain_verify(a);
	room_look(a);
	return 0;
}

/* --- kernel tables --- */

/* A plan may have removed it after the kernel wrote the answer that tells of it: judged later. */
static void stray_add(struct apply *a, const struct in6_addr *dst)
{
	struct audit *audit = &a->audit;

	if (audit->n_strays == APPLY_AUDIT_STRAYS) {
		audit->unread = true; /* the others: next time */
		return;
	}
	if (audit->n_strays == audit->stray_room) {
		unsigned int room = audit->stray_room ? 2 * audit->stray_room : 16;
		void *v = reallocarray(audit->strays, room, sizeof(*dst));

		if (!v) {
			audit->unread = true;
			return;
		}
		audit->strays = v;
		audit->stray_room = room;
	}
	audit->strays[audit->n_strays++] = *dst;
}

static int drop_stray_routes(struct apply *a)
{
	struct audit *audit = &a->audit;

	while (audit->n_strays) {
		const struct in6_addr *dst = &audit->strays[--audit->n_strays];

		if (!shadow_route(a, dst) && nl_walk_stray(a->nl, dst, a->conf.config.route_table))
			apply_repaired(a, SAN_REPAIR_ROUTES);
		if (slice_over(&audit->slice))
			return 1;
	}
	return 0;
}

static int drop_stray_sids(struct apply *a)
{
	struct audit *audit = &a->audit;

	while (audit->n_strays) {
		const struct in6_addr *dst = &audit->strays[--audit->n_strays];

		if (!shadow_sid(a, dst) && nl_walk_stray(a->nl, dst, APPLY_MAIN_TABLE))
			apply_repaired(a, SAN_REPAIR_SIDS);
		if (slice_over(&audit->slice))
			return 1;
	}
	return 0;
}

static int on_route(void *arg, const struct nl_encap_route *real)
{
	struct apply *a = arg;
	struct route *route = shadow_route(a, &real->dst);

	if (!route)
		stray_add(a, &real->dst);
	else if (nl_encap_route_same(a->nl, real, &route->r))
		route->seen = a->audits;
	else if (!route->late)
		route->wrong = a->audits;
	return 0;
}

/* To the end, or from the beginning when somebody changed ours meanwhile; in the end what was not
 * seen is looked at one by one all the same. Unknown is not absent: where the table cannot be read
 * at all, that is left out. */
static int go_on(struct apply *a, int r)
{
	struct audit *audit = &a->audit;

	while (!r || r == 1) {
		r = nl_walk_some(audit->table);
		if (!r) {
			nl_walk_free(audit->table);
			audit->table = NULL;
			return 0;
		}
		if (r == 1 && slice_over(&audit->slice))
			return 1;
	}
	nl_walk_free(audit->table);
	audit->table = NULL;
	if (r == -EINTR)
		return ++audit->tries < APPLY_AUDIT_TRIES;
	audit->unread = true;
	return -EAGAIN;
}

static int read_routes(struct apply *a)
{
	uint32_t table = a->conf.config.route_table;
	struct nl_walk **walk = &a->audit.table;

	return go_on(a, *walk ? 0 : nl_encap_walk(a->nl, table, on_route, a, walk));
}

/* Not seen does not mean that it is not there: counted is what really was different. */
static void mend_route(struct apply *a, struct route *route)
{
	struct err err = {0};
	bool made;

	/* The link it was on may be down: the first core link that is up will do, the kernel
	 * routes by the first segment. */
	if (!route->r.direct)
		route->r.ifindex = host_core_link(a);
	if (!nl_encap_route_mend(a->nl, &route->r, &made, &err)) {
		if (!route->missing && (made || route->wrong == a->audits))
			apply_repaired(a, SAN_REPAIR_ROUTES);
		route->missing = false;
	} else if (!route->missing) { /* said once */
		failed("route not repaired", &err);
		route->missing = true;
	}
}

static int verify_routes(struct apply *a)
{
	struct audit *audit = &a->audit;

	for (struct route *route = audit->next; route; route = audit->next) {
		audit->next = route->hh.next;
		if (route->seen == a->audits)
			route->missing = false;
		else if (!route->late)
			mend_route(a, route);
		if (slice_over(&audit->slice))
			return 1;
	}
	return 0;
}

static int on_sid(void *arg, const struct san_msg_sid *real)
{
	struct apply *a = arg;
	struct lsid *sid = shadow_sid(a, &real->addr);

	if (!sid)
		stray_add(a, &real->addr);
	else if (nl_sid_same(a->nl, &sid->msg, real))
		sid->seen = a->audits;
	else
		sid->wrong = a->audits;
	return 0;
}

static int read_sids(struct apply *a)
{
	struct nl_walk **walk = &a->audit.table;

	return go_on(a, *walk ? 0 : nl_sid_walk(a->nl, on_sid, a, walk));
}

static void mend_sid(struct apply *a, struct lsid *sid)
{
	struct err err = {0};
	bool made;

	if (!nl_sid_mend(a->nl, &sid->msg, &made, &err)) {
		if (!sid->missing && (made || sid->wrong == a->audits))
			apply_repaired(a, SAN_REPAIR_SIDS);
		sid->missing = false;
	} else if (!sid->missing) {
		failed("SID not repaired", &err);
		sid->missing = true;
	}
}

static int verify_sid_routes(struct apply *a)
{
	struct audit *audit = &a->audit;

	for (struct lsid *sid = audit->next; sid; sid = audit->next) {
		audit->next = sid->hh.next;
		if (sid->seen == a->audits)
			sid->missing = false;
		else
			mend_sid(a, sid);
		if (slice_over(&audit->slice))
			return 1;
	}
	return 0;
}

static int verify_rule(struct apply *a)
{
	const struct san_msg_config *c = &a->conf.config;
	struct err err = {0};

	if (!routing_wanted(a) || nl_rule_there(a->nl, c->route_table, c->rule_priority))
		return 0;
	if (nl_rule_put(a->nl, c->route_table, c->rule_priority, &err))
		failed("rule not repaired", &err);
	else
		apply_repaired(a, SAN_REPAIR_RULES);
	return 0;
}

/* --- phases --- */

enum over { NOTHING, ENTRIES, ROUTES, SIDS };

static const struct {
	int (*part)(struct apply *a);
	enum over over;
	bool maps;
} phases[] = {
	{verify_host, NOTHING, true},	     {verify_hops, NOTHING, true},
	{verify_sids, SIDS, true},	     {verify_sid_map, NOTHING, true},
	{verify_services, NOTHING, true},    {verify_local, NOTHING, true},
	{verify_entries, ENTRIES, true},     {verify_rest, NOTHING, true},
	{read_routes, NOTHING, false},	     {verify_routes, ROUTES, false},
	{drop_stray_routes, NOTHING, false}, {read_sids, NOTHING, false},
	{verify_sid_routes, SIDS, false},    {drop_stray_sids, NOTHING, false},
	{verify_rule, NOTHING, false},
};

#define N_PHASES (sizeof(phases) / sizeof(phases[0]))

static void *first(const struct apply *a, enum over over)
{
	switch (over) {
	case ENTRIES:
		return a->entries;
	case ROUTES:
		return a->routes;
	case SIDS:
		return a->sids;
	default:
		return NULL;
	}
}

static void enter(struct apply *a)
{
	struct audit *audit = &a->audit;

	audit->next = first(a, phases[audit->phase].over);
	audit->index = audit->tries = 0;
	memset(&audit->walk, 0, sizeof(audit->walk));
	audit->entered = true;
}

/* A table that cannot be read: what is compared with it is left out, too. */
static int run_phase(struct apply *a)
{
	struct audit *audit = &a->audit;
	int r = 0;

	if (!audit->entered)
		enter(a);
	if (audit->maps || !phases[audit->phase].maps)
		r = phases[audit->phase].part(a);
	if (r > 0)
		return r;
	audit->phase += r == -EAGAIN ? 2 : 1;
	audit->entered = false;
	audit->next = NULL;
	return 0;
}

static void forget(struct apply *a)
{
	nl_walk_free(a->audit.table);
	free(a->audit.strays);
	memset(&a->audit, 0, sizeof(a->audit));
}

static void begin(struct apply *a, bool maps)
{
	forget(a);
	a->audits++;
	a->audit.running = true;
	a->audit.maps = maps;
	a->audit.before = a->repairs_all;
}

static void on_again(uv_timer_t *timer)
{
	struct apply *a = timer->data;

	audit_kernel(a);
	a->audit.waited = true;
}

static void again_at(struct apply *a)
{
	uint64_t now = clock_us();
	uint64_t wait = a->again_us > now ? (a->again_us - now) / 1000 : 0;

	if (!a->closing && !uv_is_active((uv_handle_t *)&a->again_timer))
		uv_timer_start(&a->again_timer, on_again, wait + 1, 0);
}

static uint64_t between(uint64_t least, uint64_t v, uint64_t most)
{
	return v < least ? least : v > most ? most : v;
}

/* After a quiet one the next may come soon. While one follows the other, each waits longer. */
static void pace(struct apply *a, const struct audit *done)
{
	uint64_t share = done->unread ? APPLY_AUDIT_SHARE : APPLY_AGAIN_SHARE;
	uint64_t most = APPLY_AGAIN_MAX_MS * UINT64_C(1000);
	uint64_t least = between(APPLY_AGAIN_MS * UINT64_C(1000), done->spent_us * share, most);
	uint64_t wait = done->spent_us * (APPLY_SETTLE_SHARE - 1);

	if (done->again || done->unread || done->waited)
		wait = a->again_wait_us = between(least, 2 * a->again_wait_us, most);
	else
		a->again_wait_us = 0;
	a->again_us = clock_us() + wait;
}

static void finish(struct apply *a)
{
	uint64_t repaired = a->repairs_all - a->audit.before;
	struct audit done = a->audit;

	forget(a);
	if (repaired)
		log_warn("repaired", "count=%ju", (uintmax_t)repaired);
	pace(a, &done);
	if (done.maps)
		audit_schedule(a, done.spent_us);
	if (done.again || done.unread)
		again_at(a);
}

void audit_slice(struct apply *a)
{
	struct audit *audit = &a->audit;
	uint64_t start = clock_us();
	int more = 0;

	if (!a->dp || a->job.undoing)
		return; /* what was not written yet is not missing */
	audit->slice = slice_of(APPLY_SLICE_US);
	a->undo.off = true;
	while (audit->phase < N_PHASES && !more && clock_us() < audit->slice.until_us)
		more = run_phase(a);
	a->undo.off = false;
	audit->spent_us += clock_us() - start;
	if (audit->phase == N_PHASES)
		finish(a);
}

/* Before the first full plan the shadow is only what was found: nothing to compare with. */
static bool may_begin(const struct apply *a)
{
	return a->dp && a->ever_planned;
}

void audit_kernel(struct apply *a)
{
	if (!may_begin(a))
		return;
	if (a->audit.running) {
		a->audit.again = true;
		return;
	}
	if (clock_us() < a->again_us) {
		again_at(a);
		return;
	}
	uv_timer_stop(&a->again_timer);
	begin(a, false);
	apply_go_on(a);
}

void audit_run(struct apply *a)
{
	if (!may_begin(a))
		return;
	begin(a, true);
	while (a->audit.running && !a->job.undoing)
		audit_slice(a);
}

void audit_cancel(struct apply *a)
{
	if (!a->audit.running)
		return;
	forget(a);
	if (!a->closing)
		audit_schedule(a, 0);
}

void audit_leave(struct apply *a, const void *item, void *next)
{
	if (a->audit.next == item)
		a->audit.next = next;
}

static void on_timer(uv_timer_t *timer)
{
	struct apply *a = timer->data;

	if (a->audit.running) { /* of kernel tables only */
		audit_schedule(a, 0);
		return;
	}
	begin(a, true);
	apply_go_on(a);
}

void audit_schedule(struct apply *a, uint64_t cost_us)
{
	uint64_t wait = cost_us * APPLY_AUDIT_SHARE / 1000;

	uv_timer_start(&a->audit_timer, on_timer, wait < APPLY_AUDIT_MS ? APPLY_AUDIT_MS : wait, 0);
}
