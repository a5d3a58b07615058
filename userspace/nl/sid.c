/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Local SIDs: seg6local routes in the main table (RFC 8986 section 4). */
#include <errno.h>
#include <linux/lwtunnel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nl/priv.h"

#include <linux/seg6_local.h>

/* End.DT6 with table 0: the kernel asks the rules, ours first, which leads to the service's
 * address. */
#define BY_RULES RT_TABLE_UNSPEC
#define PSP_BIT (1u << SEG6_LOCAL_FLV_OP_PSP)

/* Of the behaviours with one action the first is what is read back. */
static const struct {
	uint32_t action;
	uint8_t behaviour;
} actions[] = {
	{SEG6_LOCAL_ACTION_END, SAN_BEHAVIOUR_END},
	{SEG6_LOCAL_ACTION_END_DX6, SAN_BEHAVIOUR_END_DX6},
	{SEG6_LOCAL_ACTION_END_DX4, SAN_BEHAVIOUR_END_DX4},
	{SEG6_LOCAL_ACTION_END_DT6, SAN_BEHAVIOUR_END_DT6},
	{SEG6_LOCAL_ACTION_END_DT6, SAN_BEHAVIOUR_END_SAN},
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
	char text[NL_ADDR_TEXT];

	err_set(err, code, "", "", "%s", why);
	err_object(err, "SID %s", nl_addr_text(addr, text));
	return code;
}

static bool cross_connects(const struct san_msg_sid *sid)
{
	return sid->behaviour == SAN_BEHAVIOUR_END_DX6 || sid->behaviour == SAN_BEHAVIOUR_END_DX4;
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
	if (cross_connects(sid) && !nl_route_lookup(nl, &sid->nexthop, &hit) &&
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

static const char *wrong(const struct san_msg_sid *sid)
{
	bool four = nl_family(&sid->nexthop) == AF_INET;

	if (action_of(sid->behaviour) == SEG6_LOCAL_ACTION_UNSPEC)
		return "behaviour must be End, End.DX6, End.DX4, End.DT6 or End.SAN";
	if (sid->behaviour == SAN_BEHAVIOUR_END_DX6 && four)
		return "next hop of End.DX6 must be an IPv6 address";
	if (sid->behaviour == SAN_BEHAVIOUR_END_DX4 && !four)
		return "next hop of End.DX4 must be an IPv4 address";
	return NULL;
}

static void add_flavors(struct nl_req *req)
{
	struct nlattr *nest = mnl_attr_nest_start(&req->nlh, SEG6_LOCAL_FLAVORS);

	mnl_attr_put_u32(&req->nlh, SEG6_LOCAL_FLV_OPERATION, PSP_BIT);
	mnl_attr_nest_end(&req->nlh, nest);
}

static int put(struct nl *nl, const struct san_msg_sid *sid, unsigned int oif, bool psp, char *why)
{
	struct nlattr *nest;
	struct nl_req req;

	nl_route_init(&req, RTM_NEWROUTE, &sid->addr, RT_TABLE_MAIN);
	mnl_attr_put_u32(&req.nlh, RTA_OIF, oif);
	mnl_attr_put_u16(&req.nlh, RTA_ENCAP_TYPE, LWTUNNEL_ENCAP_SEG6_LOCAL);
	nest = mnl_attr_nest_start(&req.nlh, RTA_ENCAP);
	mnl_attr_put_u32(&req.nlh, SEG6_LOCAL_ACTION, action_of(sid->behaviour));
	if (sid->behaviour == SAN_BEHAVIOUR_END_DX6)
		nl_put_addr(&req.nlh, SEG6_LOCAL_NH6, &sid->nexthop);
	if (sid->behaviour == SAN_BEHAVIOUR_END_DX4)
		nl_put_addr(&req.nlh, SEG6_LOCAL_NH4, &sid->nexthop);
	if (sid->behaviour == SAN_BEHAVIOUR_END_DT6)
		mnl_attr_put_u32(&req.nlh, SEG6_LOCAL_TABLE, sid->table);
	if (sid->behaviour == SAN_BEHAVIOUR_END_SAN)
		mnl_attr_put_u32(&req.nlh, SEG6_LOCAL_TABLE, BY_RULES);
	if (psp)
		add_flavors(&req);
	mnl_attr_nest_end(&req.nlh, nest);
	return nl_route_put(nl, &req, &sid->addr, RT_TABLE_MAIN, why);
}

static bool wants_psp(const struct san_msg_sid *sid)
{
	return sid->behaviour == SAN_BEHAVIOUR_END && (sid->flavors & SAN_FLAVOR_PSP);
}

/* A kernel before 6.3 refuses the flavor, one before 6.1 overlooks it: a plain End leads on, too.
 */
static int put_either(struct nl *nl, const struct san_msg_sid *sid, unsigned int oif, char *why)
{
	bool psp = wants_psp(sid) && !nl->no_psp;
	int r = put(nl, sid, oif, psp, why);

	if (psp && (r == -EINVAL || r == -EOPNOTSUPP)) {
		r = put(nl, sid, oif, false, why);
		nl->no_psp = r != -EINVAL && r != -EOPNOTSUPP;
	}
	return r;
}

int nl_sid_put(struct nl *nl, const struct san_msg_sid *sid, struct err *err)
{
	char why[NL_WHY_LEN] = "";
	unsigned int oif;
	int r;

	if (wrong(sid))
		return fail(err, -EINVAL, &sid->addr, wrong(sid));
	r = choose_oif(nl, sid, &oif, why);
	if (!r)
		r = put_either(nl, sid, oif, why);
	return r ? fail(err, r, &sid->addr, why) : 0;
}

int nl_sid_mend(struct nl *nl, const struct san_msg_sid *sid, bool *made, struct err *err)
{
	int r;

	nl->look_first = true;
	nl->made = false;
	r = nl_sid_put(nl, sid, err);
	nl->look_first = false;
	*made = !r && nl->made;
	return r;
}

static struct in6_addr nexthop_of(const struct san_msg_sid *sid)
{
	return cross_connects(sid) ? sid->nexthop : (struct in6_addr){0};
}

static uint32_t table_of(const struct san_msg_sid *sid)
{
	if (sid->behaviour == SAN_BEHAVIOUR_END_SAN)
		return BY_RULES;
	return sid->behaviour == SAN_BEHAVIOUR_END_DT6 ? sid->table : 0;
}

bool nl_sid_same(const struct nl *nl, const struct san_msg_sid *want,
		 const struct san_msg_sid *real)
{
	struct in6_addr a = nexthop_of(want), b = nexthop_of(real);

	return action_of(want->behaviour) == action_of(real->behaviour) &&
	       !memcmp(&a, &b, sizeof(a)) && table_of(want) == table_of(real) &&
	       (nl->no_psp || wants_psp(want) == wants_psp(real)) &&
	       (!want->oif[0] || !strcmp(want->oif, real->oif));
}

int nl_sid_del(struct nl *nl, const struct in6_addr *addr, struct err *err)
{
	int r = nl_route_del(nl, addr, RT_TABLE_MAIN, NULL);

	return r ? fail(err, r, addr, nl->rt.why) : 0;
}

/* --- walk --- */

struct walk {
	struct nl *nl;
	struct san_msg_sid *v;
	unsigned int n, room;
	int failed;
};

/* A nest's attributes, each in turn. */
#define NEST_EACH(attr, nest)                                                                      \
	for (attr = mnl_attr_get_payload(nest); mnl_attr_ok(                                       \
		     attr, (int)((const char *)(nest) + (nest)->nla_len - (const char *)attr));    \
	     attr = mnl_attr_next(attr))

static void decode_flavors(const struct nlattr *nest, struct san_msg_sid *out)
{
	const struct nlattr *attr;

	NEST_EACH(attr, nest)
	{
		if (mnl_attr_get_type(attr) == SEG6_LOCAL_FLV_OPERATION &&
		    mnl_attr_get_payload_len(attr) >= 4 && (mnl_attr_get_u32(attr) & PSP_BIT))
			out->flavors = SAN_FLAVOR_PSP;
	}
}

static void decode_one(const struct nlattr *attr, struct san_msg_sid *out)
{
	size_t len = mnl_attr_get_payload_len(attr);
	const void *data = mnl_attr_get_payload(attr);

	switch (mnl_attr_get_type(attr)) {
	case SEG6_LOCAL_ACTION:
		out->behaviour = len >= 4 ? behaviour_of(mnl_attr_get_u32(attr)) : 0;
		break;
	case SEG6_LOCAL_NH6:
		nl_get_addr(AF_INET6, data, len, &out->nexthop);
		break;
	case SEG6_LOCAL_NH4:
		nl_get_addr(AF_INET, data, len, &out->nexthop);
		break;
	case SEG6_LOCAL_TABLE:
		out->table = len >= 4 ? mnl_attr_get_u32(attr) : 0;
		break;
	case SEG6_LOCAL_FLAVORS:
		decode_flavors(attr, out);
		break;
	}
}

static void decode(const struct nl_route_msg *msg, struct san_msg_sid *out)
{
	const struct nlattr *attr;

	NEST_EACH(attr, msg->encap)
	{
		decode_one(attr, out);
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

bool nl_sid_decode(struct nl *nl, const struct nlmsghdr *nlh, struct san_msg_sid *out)
{
	struct nl_route_msg msg;
	struct nl_link link;
	bool ethernet;

	nl_route_parse(nlh, &msg);
	if (!msg.host)
		return false;
	memset(out, 0, sizeof(*out));
	out->addr = msg.dst;
	if (nl_cache_link(nl, msg.oif, &link, &ethernet))
		memcpy(out->oif, link.name, sizeof(out->oif));
	if (msg.encap_type == LWTUNNEL_ENCAP_SEG6_LOCAL && msg.encap)
		decode(&msg, out);
	return true;
}

static void on_route(void *arg, const struct nlmsghdr *nlh)
{
	struct san_msg_sid sid, *out;
	struct walk *walk = arg;

	if (walk->failed || !nl_sid_decode(walk->nl, nlh, &sid))
		return;
	out = grow(walk);
	if (out)
		*out = sid;
}

int nl_sid_each(struct nl *nl, int (*fn)(void *arg, const struct san_msg_sid *sid), void *arg)
{
	struct nl_dump which = {.family = AF_INET6, .proto = NL_PROTO, .table = RT_TABLE_MAIN};
	struct walk walk = {.nl = nl};
	int r = -EINTR;

	nl_cache_take(nl);
	for (int i = 0; r == -EINTR && i < NL_DUMP_TRIES; i++) {
		walk.n = 0;
		r = nl_route_dump(nl, &which, on_route, &walk);
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
