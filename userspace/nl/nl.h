/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's networking tables as the parent needs them. Writes (seg6 encap routes, seg6local
 * routes, the rule, SR tunnel source) by libmnl; reads and change notification (links, addresses,
 * neighbours, routes) by libnl-3 caches. Everything it writes carries protocol NL_PROTO, so that a
 * restart finds it again and foreign routes are never touched. Acts in the network namespace the
 * process was started in. Errors -errno with err naming object and kernel message (extack).
 */
#ifndef NL_H
#define NL_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include <san/msg.h>

#include "util/err.h"

#define NL_PROTO 0x5a	      /* rtm_protocol of our routes and rule */
#define NL_NEIGH_REFRESH_S 10 /* neighbours of watched destinations are kept reachable */

struct nl;

/* changed(arg): links, neighbours or routes changed; called on the loop, coalesced. The caller asks
 * nl_resolve again for what it cares about. */
int nl_open(uv_loop_t *loop, void (*changed)(void *arg), void *arg, struct nl **out,
	    struct err *err);
/* Leaves the kernel's tables as they are. The memory goes when the loop has closed its handles.
 * (nl_close is a function of libnl's.) */
void nl_shut(struct nl *nl);
/* Somebody else removed or replaced a route or rule of ours since the last call. */
bool nl_lost(struct nl *nl);

/* How often notifications were lost, and everything was read anew. */
uint64_t nl_overruns(const struct nl *nl);

struct nl_link {
	unsigned int ifindex;
	char name[IFNAMSIZ];
	uint32_t mtu;
	uint8_t mac[6];
	bool up; /* administratively and carrier */
};
int nl_link_by_name(struct nl *nl, const char *name, struct nl_link *out); /* -ENOENT */

/* Where a packet to dst leaves: route look-up by the kernel, then its neighbour. 0 resolved;
 * -ENETUNREACH no route; -EHOSTUNREACH neighbour not known (yet): solicitation was started and
 * `changed` follows; -ENETDOWN link down. why: one line for people on failure. */
struct nl_adj {
	unsigned int ifindex;
	char ifname[IFNAMSIZ];
	uint32_t mtu;
	uint8_t src_mac[6], dst_mac[6];
	struct in6_addr gateway; /* the neighbour: next-hop router, or dst itself */
	char why[SAN_TEXT_LEN];
};
/* dst IPv4-mapped: an IPv4 look-up and neighbour; out->gateway is then IPv4-mapped, too. */
int nl_resolve(struct nl *nl, const struct in6_addr *dst, struct nl_adj *out);
/* Keeps the neighbour behind dst fresh (every NL_NEIGH_REFRESH_S) until forgotten. Counted. */
void nl_watch(struct nl *nl, const struct in6_addr *dst);
void nl_forget(struct nl *nl, const struct in6_addr *dst);

/* Route for a service's address: encap seg6 towards segs, or direct to an instance of this site, in
 * our table. Replaces (NLM_F_REPLACE). */
struct nl_encap_route {
	struct in6_addr dst; /* /128; IPv4-mapped: an IPv4 /32 route with IPv6 segments */
	uint32_t table;
	uint8_t encap;	/* enum san_encap */
	uint8_t n_segs; /* 0 = unreachable route: service known, nothing selected; or direct */
	bool direct;	/* plain route via the neighbour `via`, of dst's version; n_segs 0 */
	struct in6_addr via;
	struct in6_addr segs[SAN_MAX_SEGS]; /* travel order */
	/* Any link of the core, the kernel routes by the first segment anyway; direct: the link
	 * that `via` is on, 0 = as the kernel's routes say. */
	unsigned int ifindex;
};
/* -ENETDOWN: no link is up, or none leads to `via`, now. */
int nl_encap_route_put(struct nl *nl, const struct nl_encap_route *route, struct err *err);
int nl_encap_route_del(struct nl *nl, const struct in6_addr *dst, uint32_t table, struct err *err);
/* The kernel would do the same: for comparing what is there with what should be. Ignores
 * ifindex, but of direct ones where both have it, and encap where this kernel knows one form only;
 * an instance behind a router is that router. */
bool nl_encap_route_same(struct nl *nl, const struct nl_encap_route *a,
			 const struct nl_encap_route *b);
/* What of ours is in that table now, for adoption and repair. fn may write; when it returns
 * non-zero the walk ends with that. A route of ours that this module did not make has n_segs 255.
 */
int nl_encap_route_each(struct nl *nl, uint32_t table,
			int (*fn)(void *arg, const struct nl_encap_route *route), void *arg);

/* SIDs: seg6local routes in the main table. End with flavors the kernel does not know (PSP from
 * 6.3, never USP, USD) gets a plain End. End.SAN is written as End.DT6 with table 0: what is inside
 * goes by the rules, so by our table first; and read back as that. service_id is ignored. oif "" =
 * chosen by nl (route to nexthop, else the first up link that is not loopback). */
int nl_sid_put(struct nl *nl, const struct san_msg_sid *sid, struct err *err);
int nl_sid_del(struct nl *nl, const struct in6_addr *addr, struct err *err);
/* real (as nl_sid_each tells) is what putting want would make on this kernel. */
bool nl_sid_same(const struct nl *nl, const struct san_msg_sid *want,
		 const struct san_msg_sid *real);
/* behaviour 0: a route of ours that is no SID this module could have made. */
int nl_sid_each(struct nl *nl, int (*fn)(void *arg, const struct san_msg_sid *sid), void *arg);

/* The same walks in parts, for large tables. fn is called as routes are read, its result is
 * ignored. */
struct nl_walk;
typedef int (*nl_route_cb)(void *arg, const struct nl_encap_route *route);
typedef int (*nl_sid_cb)(void *arg, const struct san_msg_sid *sid);
int nl_encap_walk(struct nl *nl, uint32_t table, nl_route_cb fn, void *arg, struct nl_walk **out);
int nl_sid_walk(struct nl *nl, nl_sid_cb fn, void *arg, struct nl_walk **out);
/* Some hundred routes; 1: there are more, 0: that was all. -EINTR: all was read, but other hands
 * changed some of ours meanwhile. In both cases some may have been missed: the kernel loses its
 * place in a table in which routes come and go, also foreign ones and our own. */
int nl_walk_some(struct nl_walk *walk);
void nl_walk_free(struct nl_walk *walk); /* at any time */
/* After a walk, for what it did not see: as _put; made: nothing was in its place. */
int nl_encap_route_mend(struct nl *nl, const struct nl_encap_route *route, bool *made,
			struct err *err);
int nl_sid_mend(struct nl *nl, const struct san_msg_sid *sid, bool *made, struct err *err);
/* ... for what it saw and nobody wants: true if it was still there, and ours, and is gone now. */
bool nl_walk_stray(struct nl *nl, const struct in6_addr *dst, uint32_t table);

/* ip rule, for IPv6 and IPv4: from all lookup table, protocol NL_PROTO. Idempotent. */
int nl_rule_put(struct nl *nl, uint32_t table, uint32_t priority, struct err *err);
int nl_rule_del(struct nl *nl, uint32_t table, uint32_t priority, struct err *err);
/* It stands for both versions. */
bool nl_rule_there(struct nl *nl, uint32_t table, uint32_t priority);
/* Rules of ours, of this or an earlier configuration, each once, also where it stands for one
 * version only. fn may write. */
int nl_rule_each(struct nl *nl, int (*fn)(void *arg, uint32_t table, uint32_t priority), void *arg);
/* Source of the kernel's own encapsulation (ip sr tunsrc set). */
int nl_tunsrc_set(struct nl *nl, const struct in6_addr *src, struct err *err);
/* Back to :: if it is src now. */
int nl_tunsrc_unset(struct nl *nl, const struct in6_addr *src, struct err *err);

#endif
