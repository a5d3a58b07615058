/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables read in parts: each walk has a socket of its own, in which the kernel's dump waits. */
#include <errno.h>
#include <stdlib.h>

#include "nl/priv.h"

struct nl_walk {
	struct nl *nl;
	struct nl_talk talk;
	struct nl_dump which[2]; /* one after the other */
	unsigned int n, at;
	bool asked, disturbed;
	uint64_t changes; /* of nl, at the beginning */
	nl_route_cb on_route;
	nl_sid_cb on_sid;
	void *arg;
};

static void on_answer(void *arg, const struct nlmsghdr *nlh)
{
	struct nl_walk *walk = arg;
	struct nl_encap_route route;
	struct san_msg_sid sid;

	if (!nl_route_dumped(&walk->which[walk->at], nlh))
		return;
	if (walk->on_route && nl_encap_decode(nlh, &route)) {
		nl_known_add(walk->nl, &route.dst, route.table);
		walk->on_route(walk->arg, &route);
	}
	if (walk->on_sid && nl_sid_decode(walk->nl, nlh, &sid)) {
		nl_known_add(walk->nl, &sid.addr, RT_TABLE_MAIN);
		walk->on_sid(walk->arg, &sid);
	}
}

static int walk_new(struct nl *nl, void *arg, struct nl_walk **out)
{
	struct nl_walk *walk = calloc(1, sizeof(*walk));
	int r;

	if (!walk)
		return -ENOMEM;
	r = nl_talk_open(&walk->talk, NETLINK_ROUTE);
	if (r) {
		free(walk);
		return r;
	}
	nl_cache_take(nl);
	nl_monitor_take(nl);
	nl->walks++;
	walk->nl = nl;
	walk->arg = arg;
	walk->changes = nl->changes;
	*out = walk;
	return 0;
}

int nl_encap_walk(struct nl *nl, uint32_t table, nl_route_cb fn, void *arg, struct nl_walk **out)
{
	int r = walk_new(nl, arg, out);

	if (r)
		return r;
	(*out)->on_route = fn;
	(*out)->which[0] = (struct nl_dump){.family = AF_INET6, .proto = NL_PROTO, .table = table};
	(*out)->which[1] = (struct nl_dump){.family = AF_INET, .proto = NL_PROTO, .table = table};
	(*out)->n = 2;
	nl->walked = table;
	return 0;
}

int nl_sid_walk(struct nl *nl, nl_sid_cb fn, void *arg, struct nl_walk **out)
{
	int r = walk_new(nl, arg, out);

	if (r)
		return r;
	(*out)->on_sid = fn;
	(*out)->which[0] = (struct nl_dump){
		.family = AF_INET6,
		.proto = NL_PROTO,
		.table = RT_TABLE_MAIN,
	};
	(*out)->n = 1;
	nl->walked = RT_TABLE_MAIN;
	return 0;
}

static int ask(struct nl_walk *walk)
{
	struct nl_req req;

	nl_route_dump_init(&req, &walk->which[walk->at]);
	walk->asked = true;
	return nl_talk_send(&walk->talk, &req);
}

static int end(struct nl_walk *walk)
{
	nl_monitor_take(walk->nl);
	return walk->disturbed || walk->changes != walk->nl->changes ? -EINTR : 0;
}

int nl_walk_some(struct nl_walk *walk)
{
	int r = walk->asked ? 0 : ask(walk);

	if (!r)
		r = nl_talk_part(&walk->talk, on_answer, walk, &walk->disturbed);
	if (r && r != -ENOENT) /* a table that does not exist */
		return r;
	walk->asked = false;
	return ++walk->at < walk->n ? 1 : end(walk);
}

bool nl_walk_stray(struct nl *nl, const struct in6_addr *dst, uint32_t table)
{
	bool gone = false;

	nl_route_del(nl, dst, table, &gone);
	return gone;
}

void nl_walk_free(struct nl_walk *walk)
{
	if (!walk)
		return;
	nl_talk_close(&walk->talk);
	free(walk);
}
