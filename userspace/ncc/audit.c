/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is what was applied still there? Other hands, and links that take their routes with them. */
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

/* --- maps --- */

static void audit_maps(struct apply *a)
{
	struct hop *hop, *next;

	host_verify(a);
	HASH_ITER(hh, a->hops, hop, next) {
		hop_verify(a, hop);
	}
	shadow_verify_sids(a);
	shadow_verify_entries(a);
	rules_verify(a);
	domain_verify(a);
	room_look(a);
}

/* --- kernel tables --- */

static int on_route(void *arg, const struct nl_encap_route *real)
{
	struct apply *a = arg;
	struct route *route = shadow_route(a, &real->dst);

	if (!route) {
		nl_encap_route_del(a->nl, &real->dst, real->table, NULL);
		a->repaired++;
	} else if (nl_encap_route_same(a->nl, real, &route->r)) {
		route->seen = a->audits;
	}
	return 0;
}

static void audit_routes(struct apply *a)
{
	unsigned int core = host_core_link(a);
	struct route *route, *next;

	if (nl_encap_route_each(a->nl, a->conf.config.route_table, on_route, a))
		return; /* unknown is not absent */
	HASH_ITER(hh, a->routes, route, next) {
		struct err err = {0};

		if (route->seen == a->audits) {
			route->missing = false;
			continue;
		}
		/* The link it was on may be down: the first core link that is up will do, the
		 * kernel routes by the first segment. */
		route->r.ifindex = core;
		if (!nl_encap_route_put(a->nl, &route->r, &err)) {
			a->repaired += !route->missing;
			route->missing = false;
		} else if (!route->missing) { /* said once */
			failed("route not repaired", &err);
			route->missing = true;
		}
	}
}

static int on_sid(void *arg, const struct san_msg_sid *real)
{
	struct apply *a = arg;
	struct lsid *sid = shadow_sid(a, &real->addr);

	if (!sid) {
		nl_sid_del(a->nl, &real->addr, NULL);
		a->repaired++;
	} else if (nl_sid_same(a->nl, &sid->msg, real)) {
		sid->seen = a->audits;
	}
	return 0;
}

static void audit_sids(struct apply *a)
{
	struct lsid *sid, *next;

	if (nl_sid_each(a->nl, on_sid, a))
		return;
	HASH_ITER(hh, a->sids, sid, next) {
		struct err err = {0};

		if (sid->seen == a->audits) {
			sid->missing = false;
			continue;
		}
		if (!nl_sid_put(a->nl, &sid->msg, &err)) {
			a->repaired += !sid->missing;
			sid->missing = false;
		} else if (!sid->missing) {
			failed("SID not repaired", &err);
			sid->missing = true;
		}
	}
}

static void audit_rule(struct apply *a)
{
	const struct san_msg_config *c = &a->conf.config;
	struct err err = {0};

	if (!routing_wanted(a) || nl_rule_there(a->nl, c->route_table, c->rule_priority))
		return;
	if (nl_rule_put(a->nl, c->route_table, c->rule_priority, &err))
		failed("rule not repaired", &err);
	else
		a->repaired++;
}

/* --- both --- */

static void say(uint32_t repaired)
{
	if (repaired)
		log_warn("repaired", "count=%u", repaired);
}

/* Before the first full plan the shadow is only what was found: nothing to compare with. */
void audit_kernel(struct apply *a)
{
	uint32_t before = a->repaired;

	if (!a->dp || !a->ever_planned)
		return;
	a->audits++;
	audit_routes(a);
	audit_sids(a);
	audit_rule(a);
	say(a->repaired - before);
}

void audit_run(struct apply *a)
{
	uint32_t before = a->repaired;

	if (!a->dp || !a->ever_planned)
		return;
	a->undo.off = true;
	audit_maps(a);
	a->undo.off = false;
	say(a->repaired - before);
	audit_kernel(a);
}

static void on_timer(uv_timer_t *timer)
{
	struct apply *a = timer->data;
	uint64_t start = clock_us();

	audit_run(a);
	talk_pump(a);
	audit_schedule(a, clock_us() - start);
}

void audit_schedule(struct apply *a, uint64_t cost_us)
{
	uint64_t wait = cost_us * APPLY_AUDIT_SHARE / 1000;

	uv_timer_start(&a->audit_timer, on_timer, wait < APPLY_AUDIT_MS ? APPLY_AUDIT_MS : wait, 0);
}
