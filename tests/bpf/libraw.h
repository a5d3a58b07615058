/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One program by itself: loaded from build/bpf by libbpf alone, no pins, no module dp, in a network
 * namespace of the test process, where routes and neighbours are as a test wants them. Packets are
 * bytes with a length; each run says what became of one and which reason counted it.
 */
#ifndef TESTS_BPF_LIBRAW_H
#define TESTS_BPF_LIBRAW_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bpf/libbpf.h>
#include <netinet/in.h>

#include <san/map_abi.h>

#define R_ROW 3
#define R_ETH 14
#define R_IP6 40
#define R_MAX 4096

struct r_env {
	struct bpf_object *obj;
	int prog;
	unsigned int ifindex; /* where packets come in: lo, older kernels know nothing else */
	unsigned int out;     /* core0, if there is one */
	struct ring_buffer *ring;
	struct san_event event; /* the last one */
	unsigned int n_events;
	unsigned int hits[SAN_R_MAX];
};

struct r_pkt {
	uint8_t data[R_MAX];
	size_t len;
};

struct r_out {
	int action;
	enum san_reason reason;
	uint8_t data[R_MAX];
	size_t len;
};

/* main() of a test calls it first: false without root, with the line that says so. */
bool r_can_run(void);
/* A namespace of this process's own with core0 -- peer0, both up, MTU 2000, forwarding. */
void r_namespace(struct r_env *env);
/* Runs lines of `ip -batch`; fails the test when one of them fails. */
void r_ip(const char *lines);

void r_load(struct r_env *env, const char *object, const char *prog);
void r_unload(struct r_env *env);
int r_map(const struct r_env *env, const char *name);
void r_put(const struct r_env *env, const char *map, const void *key, const void *value);
void r_clear(const struct r_env *env, const char *map); /* a hash */
/* env->ifindex gets this role; its MAC address is 02:01:01:01:01:01. XDP may redirect to it and to
 * env->out. */
void r_role(const struct r_env *env, enum san_role role, uint8_t policy);
void r_domain(const struct r_env *env, const struct san_domain *domain);
uint64_t r_packets(const struct r_env *env, const char *map, uint32_t index);

struct in6_addr r_addr(const char *text); /* IPv4 becomes IPv4-mapped */
void r_bytes(struct r_pkt *pkt, const void *bytes, size_t len);
void r_eth(struct r_pkt *pkt, uint16_t type);
/* Hop limit 64, traffic class 0xb9, flow label 0x23456; the payload length is set by r_end6(). */
size_t r_ip6(struct r_pkt *pkt, const char *src, const char *dst, uint8_t next);
void r_end6(struct r_pkt *pkt, size_t at);
/* TTL 64, TOS 0xb9, ports 40000 and 53 behind; payload bytes are a pattern. */
void r_udp4(struct r_pkt *pkt, const char *src, const char *dst, size_t payload);
void r_udp6(struct r_pkt *pkt, const char *src, const char *dst, size_t payload);
/* DOH with the SAN header of this service in front of UDP. */
void r_san6(struct r_pkt *pkt, const char *src, const char *dst, uint64_t service);
uint16_t r_sum(const uint8_t *p, size_t len, uint32_t sum); /* RFC 1071, by bytes */

void r_run(struct r_env *env, const struct r_pkt *pkt, struct r_out *out);
/* Runs and checks; a packet that is passed or dropped must come out as it came. */
void r_expect(struct r_env *env, const struct r_pkt *pkt, enum san_reason reason, int action);
const char *r_reason_name(enum san_reason reason);

#endif
