/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Local SIDs: seg6local routes in the main table (RFC 8986 section 4). */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/lwtunnel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nl/priv.h"

#include <linux/seg6_local.h>

static const struct {
	uint32_t action;
	uint8_t behaviour;
} actions[] = {
	{SEG6_LOCAL_ACTION_END, SAN_BEHAVIOUR_END},
	{SEG6_LOCAL_ACTION_END_DX6, SAN_BEHAVIOUR_END_DX6},
	{SEG6_LOCAL_ACTION_END_DT6, SAN_BEHAVIOUR_END_DT6},
};
#define N_ACTIONS (sizeof(actions) / sizeof(actions[0]))

static uint32_t action_of(uint8_t behaviour)
{
	for (size_t i = 0; i < N_ACTIONS; i++) {
		if (actions[i].behaviour == behaviour)
			return actions[i].action;
	}
	return SEG6_LOCAL_ACTION_UNSPEC;
}

static uint8_t behaviour_of(uint32_t action)
{
	for (size_t i = 0; i < N_ACTIONS; i++) {
		if (actions[i].action == action)
			return actions[i].behaviour;
	}
	return 0;
}

static int fail(struct err *err, int code, const struct in6_addr *addr, const char *why)
{
	char text[INET6_ADDRSTRLEN];

	err_set(err, code, "", "", "%s", why);
	err_object(err, "SID %s", inet_ntop(AF_INET6, addr, text, sizeof(text)));
	return code;
}

/* The kernel forwards by the behaviour, not by this device; but a route needs one, and it must not
 * be loopback (that makes a reject route). */
static int choose_oif(struct nl *nl, const struct san_msg_sid *sid, unsigned int *oif, char *why)
{
	struct nl_link link;
	struct nl_hit hit;

	if (sid->oif[0]) {
		if (nl_link_by_name(nl, sid->oif, &link)) {
			snprintf(why, NL_WHY_LEN, "interface %.15s does not exist", sid->oif);
			return -ENODEV;
		}
		*oif = link.ifindex;
		return 0;
	}
	nl_cache_take(nl);
	if (sid->behaviour == SAN_BEHAVIOUR_END_DX6 && !nl_route_lookup(nl, &sid->nexthop, &hit) &&
	    hit.type == RTN_UNICAST && hit.oif) {
		*oif = hit.oif;
		return 0;
	}
	*oif = nl_cache_any_link(nl);
	if (*oif)
		return 0;
	snprintf(why, NL_WHY_LEN, "no link is up to hold it");
	return -ENETDOWN;
}

int nl_sid_put(struct nl *nl, const struct san_msg_sid *sid, struct err *err)
{
	uint32_t action = action_of(sid->behaviour);
	char why[NL_WHY_LEN] = "";
	struct nlattr *nest;
	struct nl_req req;
	unsigned int oif;
	int r;

	if (action == SEG6_LOCAL_ACTION_UNSPEC)
		return fail(err, -EINVAL, &sid->addr, "behaviour must be End, End.DX6 or End.DT6");
	r = choose_oif(nl, sid, &oif, why);
	if (r)
		return fail(err, r, &sid->addr, why);
	nl_route_init(&req, RTM_NEWROUTE, &sid->addr, RT_TABLE_MAIN);
	mnl_attr_put_u32(&req.nlh, RTA_OIF, oif);
	mnl_attr_put_u16(&req.nlh, RTA_ENCAP_TYPE, LWTUNNEL_ENCAP_SEG6_LOCAL);
	nest = mnl_attr_nest_start(&req.nlh, RTA_ENCAP);
	mnl_attr_put_u32(&req.nlh, SEG6_LOCAL_ACTION, action);
	if (sid->behaviour == SAN_BEHAVIOUR_END_DX6)
		mnl_attr_put(&req.nlh, SEG6_LOCAL_NH6, sizeof(sid->nexthop), &sid->nexthop);
	if (sid->behaviour == SAN_BEHAVIOUR_END_DT6)
		mnl_attr_put_u32(&req.nlh, SEG6_LOCAL_TABLE, sid->table);
	mnl_attr_nest_end(&req.nlh, nest);
	r = nl_route_put(nl, &req, &sid->addr, RT_TABLE_MAIN, why);
	return r ? fail(err, r, &sid->addr, why) : 0;
}

int nl_sid_del(struct nl *nl, const struct in6_addr *addr, struct err *err)
{
	int r = nl_route_del(nl, addr, RT_TABLE_MAIN);

	return r ? fail(err, r, addr, nl->rt.why) : 0;
}

/* --- walk --- */

struct walk {
	struct nl *nl;
	struct san_msg_sid *v;
	unsigned int n, room;
	int failed;
};

static void decode(const struct nl_route_msg *msg, struct san_msg_sid *out)
{
	const char *end = (const char *)msg->encap + msg->encap->nla_len;
	const struct nlattr *attr;

	for (attr = mnl_attr_get_payload(msg->encap);
	     mnl_attr_ok(attr, (int)(end - (const char *)attr)); attr = mnl_attr_next(attr)) {
		size_t len = mnl_attr_get_payload_len(attr);

		if (mnl_attr_get_type(attr) == SEG6_LOCAL_ACTION && len >= 4)
			out->behaviour = behaviour_of(mnl_attr_get_u32(attr));
		if (mnl_attr_get_type(attr) == SEG6_LOCAL_NH6 && len == sizeof(out->nexthop))
			memcpy(&out->nexthop, mnl_attr_get_payload(attr), len);
		if (mnl_attr_get_type(attr) == SEG6_LOCAL_TABLE && len >= 4)
			out->table = mnl_attr_get_u32(attr);
	}
}

static struct san_msg_sid *grow(struct walk *walk)
{
	if (walk->n == walk->room) {
		unsigned int room = walk->room ? 2 * walk->room : 64;
		void *v = reallocarray(walk->v, room, sizeof(*walk->v));

		if (!v) {
			walk->failed = -ENOMEM;
			return NULL;
		}
		walk->v = v;
		walk->room = room;
	}
	return memset(&walk->v[walk->n++], 0, sizeof(*walk->v));
}

static void on_route(void *arg, const struct nlmsghdr *nlh)
{
	struct walk *walk = arg;
	struct nl_route_msg msg;
	struct san_msg_sid *out;
	struct nl_link link;
	bool ethernet;

	nl_route_parse(nlh, &msg);
	if (msg.rtm->rtm_dst_len != 128 || walk->failed)
		return;
	out = grow(walk);
	if (!out)
		return;
	out->addr = msg.dst;
	if (nl_cache_link(walk->nl, msg.oif, &link, &ethernet))
		memcpy(out->oif, link.name, sizeof(out->oif));
	if (msg.encap_type == LWTUNNEL_ENCAP_SEG6_LOCAL && msg.encap)
		decode(&msg, out);
}

int nl_sid_each(struct nl *nl, int (*fn)(void *arg, const struct san_msg_sid *sid), void *arg)
{
	struct walk walk = {.nl = nl};
	int r = -EINTR;

	nl_cache_take(nl);
	for (int i = 0; r == -EINTR && i < NL_DUMP_TRIES; i++) {
		walk.n = 0;
		r = nl_route_dump(nl, RT_TABLE_MAIN, NL_PROTO, on_route, &walk);
	}
	if (!r)
		r = walk.failed;
	for (unsigned int i = 0; !r && i < walk.n; i++) {
		nl_known_add(nl, &walk.v[i].addr, RT_TABLE_MAIN);
		r = fn(arg, &walk.v[i]);
	}
	free(walk.v);
	return r;
}
