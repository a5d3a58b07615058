/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the benchmark programs share: they end the process with a line on stderr when anything
 * fails, because a figure from a half-made set-up is worse than none. */
#ifndef TESTS_BENCH_LIB_H
#define TESTS_BENCH_LIB_H

#include <stddef.h>
#include <stdint.h>

#include <bpf/libbpf.h>

#include <san/map_abi.h>

#define BENCH_PAYLOAD 64
#define BENCH_PKT_LEN (14 + 40 + 16 + 8 + BENCH_PAYLOAD)

struct bench_macs {
	uint8_t dst[6], src[6];
};

void bench_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* value < 0 or NULL: ends with what and the cause. */
int bench_int(int value, const char *what);
void *bench_ptr(void *value, const char *what);

void bench_pin_cpu(int cpu);
/* Before all others: a busy machine disturbs less. Not for who needs ksoftirqd on its CPU. */
void bench_first(void);
int bench_last_cpu(void);
uint64_t bench_now_ns(void);
/* Sorts. */
double bench_median(double *values, size_t n);

/* 2001:db8:c::2 -> 2001:db8:5::101, hop limit 64, DOH with the SAN header, UDP, 64 bytes. */
void bench_packet(uint8_t pkt[BENCH_PKT_LEN], uint64_t service_id, const struct bench_macs *macs);
/* n segments fc00:1::1 ..., encap.red, MTU 1500. */
void bench_nexthop(struct san_nexthop *nh, unsigned int n_segs, const struct bench_macs *macs,
		   uint32_t ifindex);

int bench_map(const struct bpf_object *obj, const char *name);
int bench_prog(const struct bpf_object *obj, const char *name);
void bench_put(int map, const void *key, const void *value);
/* Sum of a per-CPU counter's packets. */
uint64_t bench_counter(int map, uint32_t index);

#endif
