/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of module nl: what its files share. */
#ifndef NL_PRIV_H
#define NL_PRIV_H

#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <uv.h>

#include "nl/nl.h"
#include "nl/talk.h"
#include "util/hash.h"

#define NL_RCVBUF (4 << 20) /* of the notification sockets */
#define NL_MONITOR_BUF 32768
#define NL_MONITOR_BATCH 256   /* datagrams read in one loop turn */
#define NL_MONITOR_DRAIN 65536 /* more than fit into that buffer */
#define NL_NEIGH_RETRY_S 1     /* a neighbour that does not answer is asked again */
#define NL_MAX_WATCHES 131072

struct nl_sock;
struct nl_cache;
struct nl_cache_mngr;

struct nl_watched {
	struct in6_addr dst; /* key */
	unsigned int count;
	bool resolved;
	unsigned int ifindex;	 /* 0: no route at the last look */
	struct in6_addr gateway; /* last known neighbour */
	UT_hash_handle hh;
};

/* Our routes as far as known from our own writes and walks. A hit allows to replace without looking
 * first who owns the route; a miss only costs that look. */
struct nl_known_key {
	struct in6_addr dst;
	uint32_t table;
};

struct nl_known {
	struct nl_known_key key;
	UT_hash_handle hh;
};

struct nl {
	uv_loop_t *loop;
	void (*changed)(void *arg);
	void *arg;

	struct nl_talk rt; /* requests */

	struct nl_sock *cache_sock, *sync_sock; /* libnl: notifications, fills */
	struct nl_cache_mngr *mngr;
	struct nl_cache *links, *neighs;
	struct mnl_socket *monitor; /* route and rule notifications */

	uv_poll_t cache_poll, monitor_poll;
	uv_idle_t idle; /* active while `changed` is due */
	uv_timer_t tick;
	unsigned int ticks;
	int handles; /* not yet closed */

	struct nl_watched *watched;
	struct nl_known *known;
	uint64_t overruns;
	uint32_t walked;  /* table that the last walk was over */
	uint64_t changes; /* of our routes of that table by others */
	uint64_t walks;	  /* begun */
	bool lost;	  /* somebody else changed what is ours */
	bool look_first;  /* put: is it there? Even where it is known */
	bool made;	  /* the last put found nothing in its place */
	bool no_red;	  /* kernel without encap.red (before 6.0) */
	bool no_psp;	  /* kernel without End's flavor PSP (before 6.3) */
	bool hides_encap; /* a route look-up does not show encapsulation (5.10; 6.1 does) */
};

/*
 * An IPv4 address is IPv4-mapped wherever this module holds one, and 4 bytes of family AF_INET
 * wherever the kernel reads or writes it.
 */
static inline uint8_t nl_family(const struct in6_addr *addr)
{
	return IN6_IS_ADDR_V4MAPPED(addr) ? AF_INET : AF_INET6;
}

static inline size_t nl_addr_size(uint8_t family)
{
	return family == AF_INET ? 4 : 16;
}

static inline const void *nl_addr_raw(const struct in6_addr *addr)
{
	return &addr->s6_addr[16 - nl_addr_size(nl_family(addr))];
}

/* addr.c */
void nl_put_addr(struct nlmsghdr *nlh, uint16_t type, const struct in6_addr *addr);
/* False: not the bytes of an address of that family; out is left alone. */
bool nl_get_addr(uint8_t family, const void *data, size_t len, struct in6_addr *out);
#define NL_ADDR_TEXT 46 /* INET6_ADDRSTRLEN */
const char *nl_addr_text(const struct in6_addr *addr, char buf[NL_ADDR_TEXT]);

/* nl.c */
void nl_touch(struct nl *nl); /* `changed` is due */

/* cache.c: links and neighbours by libnl. Look-ups first take in what the kernel has reported. */
int nl_cache_start(struct nl *nl);
void nl_cache_stop(struct nl *nl);
void nl_cache_take(struct nl *nl);
int nl_cache_fd(const struct nl *nl);
bool nl_cache_link(struct nl *nl, unsigned int ifindex, struct nl_link *out, bool *ethernet);
/* First link that is up, not loopback; 0 = none. */
unsigned int nl_cache_any_link(struct nl *nl);
bool nl_cache_neigh(struct nl *nl, unsigned int ifindex, const struct in6_addr *addr,
		    uint8_t mac[6]);

/* An operator's: nobody asks for it, and asking would make the kernel forget it. */
bool nl_cache_neigh_static(struct nl *nl, unsigned int ifindex, const struct in6_addr *addr);

/* monitor.c: notifications of routes, rules, nexthop objects. */
int nl_monitor_start(struct nl *nl);
void nl_monitor_stop(struct nl *nl);
void nl_monitor_take(struct nl *nl);

/* route.c: who owns a route. */
void nl_known_add(struct nl *nl, const struct in6_addr *dst, uint32_t table);
void nl_known_del(struct nl *nl, const struct in6_addr *dst, uint32_t table);
bool nl_known_has(struct nl *nl, const struct in6_addr *dst, uint32_t table);
void nl_known_clear(struct nl *nl);
/* One of them is an IPv4 route. */
bool nl_known_any4(const struct nl *nl);

/* route.c: what encap routes and SIDs share. */

/* A route message taken apart; attributes point into the datagram. */
struct nl_route_msg {
	const struct rtmsg *rtm;
	bool host; /* dst is one address: /128 or /32 */
	struct in6_addr dst;
	uint32_t table;
	unsigned int oif;
	uint32_t mtu; /* 0 = of the link */
	bool has_gateway;
	struct in6_addr gateway;
	uint16_t encap_type; /* 0 = none */
	const struct nlattr *encap;
};
void nl_route_parse(const struct nlmsghdr *nlh, struct nl_route_msg *out);

/* Starts a route message for a /128 or /32; to delete: of any type and scope. */
void nl_route_init(struct nl_req *req, uint16_t type, const struct in6_addr *dst, uint32_t table);
/* Adds; where it exists and is ours, replaces; -EEXIST where it is somebody else's. */
int nl_route_put(struct nl *nl, struct nl_req *req, const struct in6_addr *dst, uint32_t table,
		 char why[NL_WHY_LEN]);
/* Deletes ours; absent is success. gone (may be NULL): it was there. */
int nl_route_del(struct nl *nl, const struct in6_addr *dst, uint32_t table, bool *gone);
/* All routes of a family and table with protocol proto (0 = any). */
struct nl_dump {
	uint8_t family, proto;
	uint32_t table;
};
int nl_route_dump(struct nl *nl, const struct nl_dump *which, nl_answer_cb fn, void *arg);
void nl_route_dump_init(struct nl_req *req, const struct nl_dump *which);
bool nl_route_dumped(const struct nl_dump *which, const struct nlmsghdr *nlh); /* one of these */
/* encap.c, sid.c: false: not of a single address */
bool nl_encap_decode(const struct nlmsghdr *nlh, struct nl_encap_route *out);
bool nl_sid_decode(struct nl *nl, const struct nlmsghdr *nlh, struct san_msg_sid *out);
/* Kernel's answer for a packet to dst. -errno of the look-up. */
struct nl_hit {
	uint8_t type; /* RTN_* */
	unsigned int oif;
	uint32_t mtu;
	struct in6_addr gateway; /* or dst; of either version: IPv4 routes may have an IPv6 one */
	uint16_t encap_type;
};
int nl_route_lookup(struct nl *nl, const struct in6_addr *dst, struct nl_hit *out);

/* resolve.c */
void nl_watch_tick(struct nl *nl);
void nl_watch_clear(struct nl *nl);

#endif
