/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What encap routes and SIDs share: host routes of protocol NL_PROTO, and who owns a route. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nl/priv.h"

#define NOMEM_TRIES 50
#define NOMEM_WAIT_US 1000
#define ROUTE_METRIC 1024 /* the kernel's default for routes from user space */

/* --- routes known to be ours --- */

static struct nl_known *known_find(struct nl *nl, const struct in6_addr *dst, uint32_t table)
{
	struct nl_known_key key;
	struct nl_known *found;

	memset(&key, 0, sizeof(key));
	key.dst = *dst;
	key.table = table;
	HASH_FIND(hh, nl->known, &key, sizeof(key), found);
	return found;
}

bool nl_known_has(struct nl *nl, const struct in6_addr *dst, uint32_t table)
{
	return known_find(nl, dst, table) != NULL;
}

void nl_known_add(struct nl *nl, const struct in6_addr *dst, uint32_t table)
{
	struct nl_known *known;

	if (known_find(nl, dst, table))
		return;
	known = calloc(1, sizeof(*known));
	if (!known)
		return; /* only costs a look later */
	known->key.dst = *dst;
	known->key.table = table;
	HASH_ADD(hh, nl->known, key, sizeof(known->key), known);
}

void nl_known_del(struct nl *nl, const struct in6_addr *dst, uint32_t table)
{
	struct nl_known *known = known_find(nl, dst, table);

	if (!known)
		return;
	HASH_DEL(nl->known, known);
	free(known);
}

void nl_known_clear(struct nl *nl)
{
	struct nl_known *known, *next;

	HASH_ITER(hh, nl->known, known, next) {
		HASH_DEL(nl->known, known);
		free(known);
	}
}

bool nl_known_any4(const struct nl *nl)
{
	struct nl_known *known, *next;

	HASH_ITER(hh, nl->known, known, next) {
		if (nl_family(&known->key.dst) == AF_INET)
			return true;
	}
	return false;
}

/* --- messages --- */

static void parse_mtu(const struct nlattr *metrics, uint32_t *mtu)
{
	const struct nlattr *attr;

	for (attr = mnl_attr_get_payload(metrics);
	     mnl_attr_ok(attr, (const char *)metrics + metrics->nla_len - (const char *)attr);
	     attr = mnl_attr_next(attr)) {
		if (mnl_attr_get_type(attr) == RTAX_MTU && mnl_attr_get_payload_len(attr) >= 4)
			*mtu = mnl_attr_get_u32(attr);
	}
}

static bool parse_via(const void *data, size_t len, struct in6_addr *gateway)
{
	struct rtvia via;

	if (len < sizeof(via))
		return false;
	memcpy(&via, data, sizeof(via));
	return nl_get_addr((uint8_t)via.rtvia_family, (const char *)data + sizeof(via),
			   len - sizeof(via), gateway);
}

static void parse_attr(const struct nlattr *attr, struct nl_route_msg *out)
{
	size_t len = mnl_attr_get_payload_len(attr);
	const void *data = mnl_attr_get_payload(attr);

	switch (mnl_attr_get_type(attr)) {
	case RTA_DST:
		nl_get_addr(out->rtm->rtm_family, data, len, &out->dst);
		break;
	case RTA_TABLE:
		out->table = len >= 4 ? mnl_attr_get_u32(attr) : 0;
		break;
	case RTA_OIF:
		out->oif = len >= 4 ? mnl_attr_get_u32(attr) : 0;
		break;
	case RTA_GATEWAY:
		out->has_gateway = nl_get_addr(out->rtm->rtm_family, data, len, &out->gateway);
		break;
	case RTA_VIA:
		out->has_gateway = parse_via(data, len, &out->gateway);
		break;
	case RTA_METRICS:
		parse_mtu(attr, &out->mtu);
		break;
	case RTA_ENCAP_TYPE:
		out->encap_type = len >= 2 ? mnl_attr_get_u16(attr) : 0;
		break;
	case RTA_ENCAP:
		out->encap = attr;
		break;
	}
}

void nl_route_parse(const struct nlmsghdr *nlh, struct nl_route_msg *out)
{
	const struct nlattr *attr;

	memset(out, 0, sizeof(*out));
	out->rtm = mnl_nlmsg_get_payload(nlh);
	out->table = out->rtm->rtm_table;
	out->host = out->rtm->rtm_dst_len == 8 * nl_addr_size(out->rtm->rtm_family);
	mnl_attr_for_each(attr, nlh, sizeof(struct rtmsg))
	{
		parse_attr(attr, out);
	}
}

void nl_route_init(struct nl_req *req, uint16_t type, const struct in6_addr *dst, uint32_t table)
{
	struct rtmsg *rtm = nl_req_init(req, type, 0, sizeof(*rtm));

	rtm->rtm_family = nl_family(dst);
	rtm->rtm_dst_len = (uint8_t)(8 * nl_addr_size(rtm->rtm_family));
	rtm->rtm_table = table < 256 ? (uint8_t)table : RT_TABLE_UNSPEC;
	rtm->rtm_protocol = NL_PROTO;
	rtm->rtm_scope = type == RTM_DELROUTE ? RT_SCOPE_NOWHERE : RT_SCOPE_UNIVERSE;
	rtm->rtm_type = type == RTM_DELROUTE ? RTN_UNSPEC : RTN_UNICAST;
	nl_put_addr(&req->nlh, RTA_DST, dst);
	mnl_attr_put_u32(&req->nlh, RTA_TABLE, table);
	mnl_attr_put_u32(&req->nlh, RTA_PRIORITY, ROUTE_METRIC);
}

/* --- dump --- */

struct dump {
	const struct nl_dump *which;
	nl_answer_cb fn;
	void *arg;
};

bool nl_route_dumped(const struct nl_dump *which, const struct nlmsghdr *nlh)
{
	struct nl_route_msg msg;

	if (nlh->nlmsg_type != RTM_NEWROUTE ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(struct rtmsg))
		return false;
	nl_route_parse(nlh, &msg);
	return msg.rtm->rtm_family == which->family && !(msg.rtm->rtm_flags & RTM_F_CLONED) &&
	       msg.table == which->table &&
	       (!which->proto || msg.rtm->rtm_protocol == which->proto);
}

static void on_dumped(void *arg, const struct nlmsghdr *nlh)
{
	const struct dump *d = arg;

	if (nl_route_dumped(d->which, nlh))
		d->fn(d->arg, nlh);
}

void nl_route_dump_init(struct nl_req *req, const struct nl_dump *which)
{
	struct rtmsg *rtm = nl_req_init(req, RTM_GETROUTE, NLM_F_DUMP, sizeof(*rtm));

	rtm->rtm_family = which->family;
	rtm->rtm_table = which->table < 256 ? (uint8_t)which->table : RT_TABLE_UNSPEC;
	rtm->rtm_protocol = which->proto; /* filters in the kernel, with NETLINK_GET_STRICT_CHK */
	mnl_attr_put_u32(&req->nlh, RTA_TABLE, which->table);
}

int nl_route_dump(struct nl *nl, const struct nl_dump *which, nl_answer_cb fn, void *arg)
{
	struct dump d = {which, fn, arg};
	struct nl_req req;
	int r;

	nl_route_dump_init(&req, which);
	r = nl_talk(&nl->rt, &req, on_dumped, &d);
	return r == -ENOENT ? 0 : r; /* strict checking: a table that does not exist */
}

static void lookup_init(struct nl_req *req, const struct in6_addr *dst, unsigned int flags)
{
	struct rtmsg *rtm = nl_req_init(req, RTM_GETROUTE, 0, sizeof(*rtm));

	rtm->rtm_family = nl_family(dst);
	rtm->rtm_dst_len = (uint8_t)(8 * nl_addr_size(rtm->rtm_family));
	rtm->rtm_flags = flags;
	nl_put_addr(&req->nlh, RTA_DST, dst);
}

/* --- put and delete --- */

struct owner {
	const struct in6_addr *dst;
	uint32_t table;
	int proto; /* -1: no such route */
};

static void on_owner(void *arg, const struct nlmsghdr *nlh)
{
	struct owner *owner = arg;
	struct nl_route_msg msg;

	nl_route_parse(nlh, &msg);
	if (!msg.host || memcmp(&msg.dst, owner->dst, sizeof(msg.dst)))
		return;
	if (owner->proto != NL_PROTO)
		owner->proto = msg.rtm->rtm_protocol;
}

static void on_match(void *arg, const struct nlmsghdr *nlh)
{
	struct owner *owner = arg;
	struct nl_route_msg msg;

	if (nlh->nlmsg_type != RTM_NEWROUTE ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(struct rtmsg))
		return;
	nl_route_parse(nlh, &msg);
	if (msg.table == owner->table)
		on_owner(owner, nlh);
}

/* The one that a look-up ends at. Cheap, where a table may hold a million; but the look-up goes by
 * the rules and the metrics, so only a yes counts. */
static bool matches_own(struct nl *nl, const struct in6_addr *dst, uint32_t table)
{
	struct owner owner = {dst, table, -1};
	struct nl_req req;

	lookup_init(&req, dst, RTM_F_FIB_MATCH);
	return !nl_talk(&nl->rt, &req, on_match, &owner) && owner.proto == NL_PROTO;
}

/* Replacing asks nobody whose the route is: the kernel compares destination and metric only. */
static int check_owner(struct nl *nl, const struct in6_addr *dst, uint32_t table, char *why)
{
	struct nl_dump which = {.family = nl_family(dst), .table = table};
	struct owner owner = {dst, table, -1};
	int r = -EINTR;

	if (matches_own(nl, dst, table))
		return 0;
	for (int i = 0; r == -EINTR && i < NL_DUMP_TRIES; i++)
		r = nl_route_dump(nl, &which, on_owner, &owner);
	if (r == -EINTR)
		r = 0; /* seen at least what did not move */
	if (r) {
		snprintf(why, NL_WHY_LEN, "%s", nl->rt.why);
		return r;
	}
	if (owner.proto == NL_PROTO || owner.proto < 0)
		return 0;
	snprintf(why, NL_WHY_LEN,
		 "a route to it by protocol %d is there already, it must be removed first",
		 owner.proto);
	return -EEXIST;
}

/* The kernel takes per-CPU memory for each encapsulation without waiting for it; after thousands in
 * a row the reserve is used up until a kernel thread has filled it again. */
static int write_route(struct nl *nl, struct nl_req *req)
{
	int r = nl_talk(&nl->rt, req, NULL, NULL);

	for (int i = 0; r == -ENOMEM && i < NOMEM_TRIES; i++) {
		usleep(NOMEM_WAIT_US);
		r = nl_talk(&nl->rt, req, NULL, NULL);
	}
	return r;
}

/* Where it stands already: ours is replaced. */
static int replace_route(struct nl *nl, struct nl_req *req, uint16_t flags)
{
	req->nlh.nlmsg_flags = flags | NLM_F_CREATE | NLM_F_REPLACE;
	return write_route(nl, req);
}

static int create_route(struct nl *nl, struct nl_req *req, const struct in6_addr *dst,
			uint32_t table, char *why)
{
	uint16_t flags = req->nlh.nlmsg_flags;
	int r;

	req->nlh.nlmsg_flags = flags | NLM_F_CREATE | NLM_F_EXCL;
	r = write_route(nl, req);
	nl->made = !r;
	if (r != -EEXIST)
		return r;
	r = nl_known_has(nl, dst, table) ? 0 : check_owner(nl, dst, table, why);
	return r ? r : replace_route(nl, req, flags);
}

int nl_route_put(struct nl *nl, struct nl_req *req, const struct in6_addr *dst, uint32_t table,
		 char why[NL_WHY_LEN])
{
	int r;

	why[0] = '\0';
	nl->made = false;
	nl_monitor_take(nl); /* a foreign hand may have replaced what we knew as ours */
	if (!nl->look_first && nl_known_has(nl, dst, table))
		r = replace_route(nl, req, req->nlh.nlmsg_flags);
	else
		r = create_route(nl, req, dst, table, why);
	if (r && !why[0])
		snprintf(why, NL_WHY_LEN, "%s", nl->rt.why);
	if (!r)
		nl_known_add(nl, dst, table);
	return r;
}

int nl_route_del(struct nl *nl, const struct in6_addr *dst, uint32_t table, bool *gone)
{
	struct nl_req req;
	int r;

	nl_route_init(&req, RTM_DELROUTE, dst, table);
	r = nl_talk(&nl->rt, &req, NULL, NULL);
	if (gone)
		*gone = !r;
	if (r && r != -ESRCH && r != -ENOENT)
		return r;
	nl_known_del(nl, dst, table);
	return 0;
}

/* --- look-up --- */

struct lookup {
	const struct in6_addr *dst;
	struct nl_hit *hit;
};

static void on_lookup(void *arg, const struct nlmsghdr *nlh)
{
	struct lookup *look = arg;
	struct nl_route_msg msg;

	if (nlh->nlmsg_type != RTM_NEWROUTE ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(struct rtmsg))
		return;
	nl_route_parse(nlh, &msg);
	look->hit->type = msg.rtm->rtm_type;
	look->hit->oif = msg.oif;
	look->hit->mtu = msg.mtu;
	look->hit->encap_type = msg.encap_type;
	look->hit->gateway = msg.has_gateway ? msg.gateway : *look->dst;
}

static int look_up(struct nl *nl, const struct in6_addr *dst, unsigned int flags,
		   struct nl_hit *out)
{
	struct lookup look = {dst, out};
	struct nl_req req;

	memset(out, 0, sizeof(*out));
	lookup_init(&req, dst, flags);
	return nl_talk(&nl->rt, &req, on_lookup, &look);
}

/* Where the answer hides the encapsulation, the table's entry names it; only that is of use from
 * there: of several next hops the entry does not say which one this destination takes. */
int nl_route_lookup(struct nl *nl, const struct in6_addr *dst, struct nl_hit *out)
{
	struct nl_hit entry;
	int r = look_up(nl, dst, 0, out);

	if (!r && nl->hides_encap && !look_up(nl, dst, RTM_F_FIB_MATCH, &entry))
		out->encap_type = entry.encap_type;
	return r;
}
