/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of service addresses, the rule that looks it up, the tunnel source. */
#include <errno.h>
#include <string.h>

#include "ncc/apply_int.h"
#include "util/log.h"

bool routing_wanted(const struct apply *a)
{
	return !IN6_IS_ADDR_UNSPECIFIED(&a->conf.config.source) || a->n_entries[SAN_SCOPE_LOCAL];
}

struct stale {
	struct apply *a;
	int failed;
};

static int drop_route(void *arg, const struct nl_encap_route *route)
{
	struct stale *s = arg;

	if (nl_encap_route_del(s->a->nl, &route->dst, route->table, NULL))
		s->failed = -EIO;
	return 0;
}

/* Rules of an earlier configuration go, and what is of ours in their tables. */
static int drop_stale_rule(void *arg, uint32_t table, uint32_t priority)
{
	const struct san_msg_config *c;
	struct stale *s = arg;

	c = &s->a->conf.config;
	if (routing_wanted(s->a) && table == c->route_table && priority == c->rule_priority)
		return 0;
	if (table != c->route_table)
		nl_encap_route_each(s->a->nl, table, drop_route, s);
	if (nl_rule_del(s->a->nl, table, priority, NULL))
		s->failed = -EIO;
	return 0;
}

void routing_drop_stale(struct apply *a)
{
	struct stale stale = {.a = a};
	int r = nl_rule_each(a->nl, drop_stale_rule, &stale);

	if (r || stale.failed)
		log_warn("rules of an earlier configuration not removed", "error=%d",
			 r ? r : stale.failed);
}

int routing_set(struct apply *a, struct err *err)
{
	const struct san_msg_config *c = &a->incoming.config;
	bool source = !IN6_IS_ADDR_UNSPECIFIED(&c->source);
	int r;

	if (!source && !a->n_entries[SAN_SCOPE_LOCAL])
		return 0;
	r = source ? nl_tunsrc_set(a->nl, &c->source, err) : 0;
	return r ? r : nl_rule_put(a->nl, c->route_table, c->rule_priority, err);
}
