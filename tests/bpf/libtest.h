/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Helpers of the packet tests: a dataplane in a pin directory of its own, packets put together
 * piece by piece, and one run of a program with what it did. Interface of all runs is lo
 * (index 1), where BPF_PROG_TEST_RUN pretends to receive.
 */
#ifndef TESTS_BPF_LIBTEST_H
#define TESTS_BPF_LIBTEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dp/dp.h"

#define T_IFINDEX 1
#define T_ROW 1
#define T_SLOTS 4096
#define T_SERVICE 0x101
#define T_NH 5
#define T_SVC_STATS 7
#define T_ETH_LEN 14
#define T_IP6_AT 14
#define T_EXT_AT 54 /* first byte behind the IPv6 header */
#define T_PKT_MAX 4096

struct t_pkt {
	uint8_t data[T_PKT_MAX];
	size_t len;
	size_t next_at; /* where the type of the next header goes */
};

struct t_out {
	int action;
	enum san_reason reason;
	uint8_t data[T_PKT_MAX + 256];
	size_t len;
};

struct t_env {
	char pin_dir[64];
	struct dp_conf conf;
	struct dp *dp;
	enum san_role program;	      /* whose program runs; INGRESS after t_reset() */
	unsigned int hits[SAN_R_MAX]; /* reasons seen by t_run() */
};

/* main() of a test calls it first: false without root, with the line that says so. */
bool t_can_run(void);

/* cmocka group set-up and tear-down; *state is a struct t_env. */
int t_open(void **state);
int t_close(void **state);
/* cmocka test set-up: service T_SERVICE -> next hop T_NH (one segment, reduced), MTU 1500, lo is an
 * ingress, no flows, counters zero. */
int t_reset(void **state);
/* Loads the programs anew (same pins) with another profile. */
void t_profile(struct t_env *env, const struct san_profile *profile);
int t_map_fd(const struct t_env *env, const char *name); /* caller closes */
void t_role(struct t_env *env, enum san_role role, uint8_t policy);
void t_group(struct t_env *env, enum san_role role, uint8_t policy, uint8_t group);
/* groups 0 becomes group 0's bit. */
void t_service(struct t_env *env, uint64_t id, const struct san_service *val);
void t_domain(struct t_env *env, const struct san_domain *domain);
void t_classes(struct t_env *env, const struct san_msg_class *rules, unsigned int n);
void t_prefix(struct san_prefix *out, const char *address, unsigned int len);
/* Empties san_flows, san_frags or san_buckets. */
void t_clear(const struct t_env *env, const char *map);
/* By reason, of both rows that a run can count in. */
void t_counters(const struct t_env *env, struct san_counter c[SAN_R_MAX]);
/* Next hop of n segments fc00:1::1 ..., SRv6, out of lo. */
struct san_nexthop t_nexthop(unsigned int n_segs, int encap, uint8_t hop_limit);
void t_put_nexthop(struct t_env *env, uint32_t index, const struct san_nexthop *nh);
unsigned int t_flow_count(const struct t_env *env);
const char *t_reason_name(enum san_reason reason);

/* Ethernet and IPv6 header: 2001:db8:c::2 -> 2001:db8:5::101, traffic class 0xb9, hop limit 64. */
void t_begin(struct t_pkt *pkt);
void t_bytes(struct t_pkt *pkt, const void *bytes, size_t len);
void t_zeros(struct t_pkt *pkt, size_t len);
/* Header of this type: its number goes into the header before, len bytes follow. The first of them
 * is the next-header field. */
void t_header(struct t_pkt *pkt, uint8_t type, const void *bytes, size_t len);
void t_doh_san(struct t_pkt *pkt, uint64_t id); /* the usual 16 bytes */
void t_udp(struct t_pkt *pkt, size_t payload);	/* ports 40000, 53 */
void t_end(struct t_pkt *pkt);			/* payload length */
/* Ethernet and IPv4 header: 198.51.100.2 -> 203.0.113.101, TOS 0xb9, TTL 64, identification 0x1234;
 * t_udp() and t_end4() behind it. place: DF, MF and offset as in the header. */
void t_begin4(struct t_pkt *pkt, uint8_t proto, uint16_t place);
void t_end4(struct t_pkt *pkt);			 /* total length and checksum */
uint16_t t_sum(const uint8_t *data, size_t len); /* RFC 1071; 0 over a header that is right */
/* The usual packet of a client: DOH with T_SERVICE, UDP. */
void t_client(struct t_pkt *pkt, size_t payload);

void t_run(struct t_env *env, const struct t_pkt *pkt, struct t_out *out);
/* Runs and checks; a packet that is not steered must come out as it came. */
void t_expect(struct t_env *env, const struct t_pkt *pkt, enum san_reason reason, int action);

#endif
