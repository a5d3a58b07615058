/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tests of the core program share: SIDs of every behaviour, next hops, routes, packets
 * with outer headers, and what must come out of them.
 */
#ifndef TESTS_BPF_LIBCORE_H
#define TESTS_BPF_LIBCORE_H

#include "libraw.h"

#define SOURCE "5f00:0:a::1"
#define CLIENT "2001:db8:c::2"
#define SERVER "2001:db8:5::101"
#define CLIENT4 "198.51.100.2"
#define SERVER4 "203.0.113.5"
#define END "fc00:9::e"
#define END_PSP "fc00:9::e1"
#define END_USP "fc00:9::e2"
#define END_USD "fc00:9::e4"
#define DX6 "fc00:9::d6"
#define DX4 "fc00:9::d4"
#define DT6 "fc00:9::d8"
#define LEFT_TO_KERNEL "fc00:9::f"
#define NH6 5
#define NH4 6
#define STATS 7
#define MAX_SEGS 8
#define NO_SRH (-1)

extern const uint8_t c_next_macs[12];	/* of the router that all routes lead to */
extern const uint8_t c_direct_macs[12]; /* of the next hops NH6, NH4 */

/* cmocka group set-up and tear-down; *state is a struct r_env. */
int c_open(void **state);
int c_close(void **state);
/* cmocka test set-up: the SIDs above, next hops of MTU 1500, core0 (MTU 2000) is of role CORE. */
int c_reset(void **state);
void c_put_sid(struct r_env *env, const char *sid, const struct san_sid *val);
void c_put_nexthop(struct r_env *env, uint32_t index, uint8_t kind, uint32_t mtu);

/* The list as it stands in the SRH: entry i is fc00:10i::i + 1. */
struct in6_addr c_segment(unsigned int i);
/* Ethernet, outer IPv6 to this SID and, unless left is NO_SRH, an SRH of n segments. */
void c_outer(struct r_pkt *pkt, const char *sid, unsigned int n, int left, uint8_t next);
size_t c_outer_len(unsigned int n, int left);
/* The same with a UDP packet inside. */
void c_with_6(struct r_pkt *pkt, const char *sid, unsigned int n, int left, size_t payload);
void c_with_4(struct r_pkt *pkt, const char *sid, unsigned int n, int left, size_t payload);

/* What must come out of len bytes that begin at l3: these MAC addresses, this type. */
void c_expected(struct r_pkt *want, const uint8_t macs[12], uint16_t type, const uint8_t *l3,
		size_t len);
/* Runs; the packet is redirected for this reason and is the wanted one. */
void c_check_out(struct r_env *env, const struct r_pkt *pkt, enum san_reason reason,
		 const struct r_pkt *want);
/* The inner packet, from off behind the start of the outer IPv6 header on, with a hop less. */
void c_check_inner_6(struct r_env *env, const struct r_pkt *pkt, size_t off, size_t len,
		     const uint8_t macs[12]);
void c_check_inner_4(struct r_env *env, const struct r_pkt *pkt, size_t off, size_t len,
		     const uint8_t macs[12]);

#endif
