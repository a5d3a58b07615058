/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Routes for service addresses: with SRv6 encapsulation (libnl 3.7 does not know it: libmnl),
 * direct to an instance of this site, or unreachable. */
#include <errno.h>
#include <linux/lwtunnel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nl/priv.h"

#include <linux/seg6.h>
#include <linux/seg6_iptunnel.h>

#define SRH_TYPE 4
#define N_SEGS_OTHER 255 /* ours by protocol, but not of a shape that is made here */

/* struct seg6_iptunnel_encap with room for all segments. */
struct encap {
	struct seg6_iptunnel_encap head;
	struct ipv6_sr_hdr srh;
	struct in6_addr segs[SAN_MAX_SEGS];
};

_Static_assert(sizeof(struct encap) == 4 + 8 + 16 * SAN_MAX_SEGS, "no padding in the attribute");

/* The kernel takes the whole list in both forms and shortens the SRH of the reduced one itself. */
static size_t encap_fill(const struct nl_encap_route *route, bool full, struct encap *e)
{
	uint8_t n = route->n_segs;

	memset(e, 0, sizeof(*e));
	e->head.mode = full ? SEG6_IPTUN_MODE_ENCAP : SEG6_IPTUN_MODE_ENCAP_RED;
	e->srh.hdrlen = (uint8_t)(2 * n);
	e->srh.type = SRH_TYPE;
	e->srh.segments_left = (uint8_t)(n - 1);
	e->srh.first_segment = (uint8_t)(n - 1);
	for (uint8_t i = 0; i < n; i++)
		e->segs[n - 1 - i] = route->segs[i];
	return sizeof(e->head) + sizeof(e->srh) + 16u * n;
}

static void add_encap(struct nl_req *req, const struct nl_encap_route *route, bool full)
{
	struct nlattr *nest;
	struct encap e;
	size_t len = encap_fill(route, full, &e);

	mnl_attr_put_u16(&req->nlh, RTA_ENCAP_TYPE, LWTUNNEL_ENCAP_SEG6);
	nest = mnl_attr_nest_start(&req->nlh, RTA_ENCAP);
	mnl_attr_put(&req->nlh, SEG6_IPTUNNEL_SRH, len, &e);
	mnl_attr_nest_end(&req->nlh, nest);
	mnl_attr_put_u32(&req->nlh, RTA_OIF, route->ifindex);
}

/* The kernel takes a gateway on the link only: an instance behind a router is reached through that
 * router, which has to know the service's address. */
static int look_via(struct nl *nl, const struct in6_addr *via, struct nl_hit *hit)
{
	if (nl_route_lookup(nl, via, hit) || hit->type != RTN_UNICAST || hit->encap_type ||
	    nl_family(&hit->gateway) != nl_family(via))
		return -ENETDOWN;
	return 0;
}

/* A neighbour may be on several links: the caller knows which. */
static unsigned int link_of(const struct nl_encap_route *route, const struct nl_hit *hit)
{
	bool neighbour = !memcmp(&hit->gateway, &route->via, sizeof(route->via));

	return neighbour && route->ifindex ? route->ifindex : hit->oif;
}

static int add_direct(struct nl *nl, struct nl_req *req, const struct nl_encap_route *route,
		      char *why)
{
	char text[NL_ADDR_TEXT];
	struct nl_hit hit;

	if (look_via(nl, &route->via, &hit)) {
		snprintf(why, NL_WHY_LEN, "no route to %s now", nl_addr_text(&route->via, text));
		return -ENETDOWN;
	}
	nl_put_addr(&req->nlh, RTA_GATEWAY, &hit.gateway);
	mnl_attr_put_u32(&req->nlh, RTA_OIF, link_of(route, &hit));
	return 0;
}

static int put(struct nl *nl, const struct nl_encap_route *route, bool full, char *why)
{
	struct rtmsg *rtm;
	struct nl_req req;
	int r = 0;

	nl_route_init(&req, RTM_NEWROUTE, &route->dst, route->table);
	rtm = mnl_nlmsg_get_payload(&req.nlh);
	if (route->n_segs) {
		rtm->rtm_scope = RT_SCOPE_LINK; /* IPv4 without a gateway */
		add_encap(&req, route, full);
	} else if (route->direct) {
		r = add_direct(nl, &req, route, why);
	} else {
		rtm->rtm_type = RTN_UNREACHABLE;
	}
	return r ? r : nl_route_put(nl, &req, &route->dst, route->table, why);
}

/* A red route that a kernel before 6.0 refuses goes out in full form: the same path, 16 bytes more.
 */
static int put_either(struct nl *nl, const struct nl_encap_route *route, char *why)
{
	bool red = route->n_segs && route->encap == SAN_ENCAP_RED;
	int r = put(nl, route, !red || nl->no_red, why);

	if (r == -EINVAL && red && !nl->no_red) {
		r = put(nl, route, true, why);
		nl->no_red = r != -EINVAL; /* it was the form, whatever else is wrong */
	}
	return r;
}

static int fail(struct err *err, int code, const struct nl_encap_route *route, const char *why)
{
	char text[NL_ADDR_TEXT];

	err_set(err, code, "", "", "%s", why);
	err_object(err, "route %s table %u", nl_addr_text(&route->dst, text), route->table);
	return code;
}

static const char *wrong(const struct nl_encap_route *route)
{
	if (route->n_segs > SAN_MAX_SEGS || route->encap >= SAN_ENCAP_MAX)
		return "segments must be 0..8, encap red or full";
	if (route->direct && route->n_segs)
		return "must be direct or have segments, not both";
	if (route->direct && nl_family(&route->via) != nl_family(&route->dst))
		return "the instance must have an address of the same IP version";
	return NULL;
}

int nl_encap_route_put(struct nl *nl, const struct nl_encap_route *route, struct err *err)
{
	struct nl_encap_route with = *route;
	char why[NL_WHY_LEN] = "";
	int r;

	if (wrong(route))
		return fail(err, -EINVAL, route, wrong(route));
	if (with.n_segs && !with.ifindex) {
		nl_cache_take(nl);
		with.ifindex = nl_cache_any_link(nl);
		if (!with.ifindex)
			return fail(err, -ENETDOWN, route, "no link is up to route it over");
	}
	r = put_either(nl, &with, why);
	return r ? fail(err, r, route, why) : 0;
}

int nl_encap_route_mend(struct nl *nl, const struct nl_encap_route *route, bool *made,
			struct err *err)
{
	int r;

	nl->look_first = true;
	nl->made = false;
	r = nl_encap_route_put(nl, route, err);
	nl->look_first = false;
	*made = !r && nl->made;
	return r;
}

int nl_encap_route_del(struct nl *nl, const struct in6_addr *dst, uint32_t table, struct err *err)
{
	int r = nl_route_del(nl, dst, table, NULL);

	if (r) {
		struct nl_encap_route route = {.dst = *dst, .table = table};

		return fail(err, r, &route, nl->rt.why);
	}
	return 0;
}

/* Read back, an instance behind a router is that router. */
static bool same_via(struct nl *nl, const struct in6_addr *a, const struct in6_addr *b)
{
	struct nl_hit x, y;

	if (!memcmp(a, b, sizeof(*a)))
		return true;
	return !look_via(nl, a, &x) && !look_via(nl, b, &y) && x.oif == y.oif &&
	       !memcmp(&x.gateway, &y.gateway, sizeof(x.gateway));
}

bool nl_encap_route_same(struct nl *nl, const struct nl_encap_route *a,
			 const struct nl_encap_route *b)
{
	if (memcmp(&a->dst, &b->dst, sizeof(a->dst)) || a->table != b->table ||
	    a->n_segs != b->n_segs || a->direct != b->direct)
		return false;
	if (a->direct && a->ifindex && b->ifindex && a->ifindex != b->ifindex)
		return false;
	if (a->direct)
		return same_via(nl, &a->via, &b->via);
	if (!a->n_segs)
		return true;
	if (a->n_segs > SAN_MAX_SEGS || memcmp(a->segs, b->segs, 16u * a->n_segs))
		return false;
	return a->encap == b->encap || nl->no_red;
}

/* --- walk --- */

struct walk {
	struct nl_encap_route *v;
	unsigned int n, room;
	int failed;
};

static bool decode(const struct nl_route_msg *msg, struct nl_encap_route *out)
{
	const struct nlattr *attr = mnl_attr_get_payload(msg->encap);
	size_t len = mnl_attr_get_payload_len(attr);
	struct encap e;
	uint8_t n;

	if (mnl_attr_get_type(attr) != SEG6_IPTUNNEL_SRH || len > sizeof(e) ||
	    len < sizeof(e.head) + sizeof(e.srh) + 16)
		return false;
	memset(&e, 0, sizeof(e));
	memcpy(&e, mnl_attr_get_payload(attr), len);
	n = (uint8_t)(e.srh.first_segment + 1);
	if (len != sizeof(e.head) + sizeof(e.srh) + 16u * n)
		return false;
	if (e.head.mode != SEG6_IPTUN_MODE_ENCAP && e.head.mode != SEG6_IPTUN_MODE_ENCAP_RED)
		return false;
	out->encap = e.head.mode == SEG6_IPTUN_MODE_ENCAP ? SAN_ENCAP_FULL : SAN_ENCAP_RED;
	out->n_segs = n;
	for (uint8_t i = 0; i < n; i++)
		out->segs[i] = e.segs[n - 1 - i];
	return true;
}

static struct nl_encap_route *grow(struct walk *walk)
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

static void classify(const struct nl_route_msg *msg, struct nl_encap_route *out)
{
	if (msg->encap_type == LWTUNNEL_ENCAP_SEG6 && msg->encap && decode(msg, out))
		return;
	if (msg->rtm->rtm_type == RTN_UNREACHABLE)
		return;
	out->direct = msg->rtm->rtm_type == RTN_UNICAST && !msg->encap_type && msg->has_gateway;
	if (out->direct)
		out->via = msg->gateway;
	else
		out->n_segs = N_SEGS_OTHER;
}

bool nl_encap_decode(const struct nlmsghdr *nlh, struct nl_encap_route *out)
{
	struct nl_route_msg msg;

	nl_route_parse(nlh, &msg);
	if (!msg.host)
		return false;
	memset(out, 0, sizeof(*out));
	out->dst = msg.dst;
	out->table = msg.table;
	out->ifindex = msg.oif;
	classify(&msg, out);
	return true;
}

static void on_route(void *arg, const struct nlmsghdr *nlh)
{
	struct nl_encap_route route, *out;
	struct walk *walk = arg;

	if (walk->failed || !nl_encap_decode(nlh, &route))
		return;
	out = grow(walk);
	if (out)
		*out = route;
}

/* Appends one family's; a disturbed dump is done again. */
static int walk_family(struct nl *nl, uint8_t family, uint32_t table, struct walk *walk)
{
	struct nl_dump which = {.family = family, .proto = NL_PROTO, .table = table};
	unsigned int start = walk->n;
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < NL_DUMP_TRIES; i++) {
		walk->n = start;
		r = nl_route_dump(nl, &which, on_route, walk);
	}
	return r ? r : walk->failed;
}

int nl_encap_route_each(struct nl *nl, uint32_t table,
			int (*fn)(void *arg, const struct nl_encap_route *route), void *arg)
{
	struct walk walk = {0};
	int r = walk_family(nl, AF_INET6, table, &walk);

	if (!r)
		r = walk_family(nl, AF_INET, table, &walk);
	for (unsigned int i = 0; !r && i < walk.n; i++) {
		nl_known_add(nl, &walk.v[i].dst, table);
		r = fn(arg, &walk.v[i]);
	}
	free(walk.v);
	return r;
}
