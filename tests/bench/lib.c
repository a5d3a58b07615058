/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <san/msg.h>

#include "dp/dp.h"

#define MAX_CPUS 1024

void bench_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("bench: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

int bench_int(int value, const char *what)
{
	if (value < 0)
		bench_die("%s: %s", what, strerror(value == -1 ? errno : -value));
	return value;
}

void *bench_ptr(void *value, const char *what)
{
	if (!value)
		bench_die("%s: %s", what, strerror(errno));
	return value;
}

void bench_pin_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	bench_int(sched_setaffinity(0, sizeof(set), &set), "pinning to a CPU");
}

void bench_first(void)
{
	bench_int(setpriority(PRIO_PROCESS, 0, -20), "priority");
}

int bench_last_cpu(void)
{
	return (int)sysconf(_SC_NPROCESSORS_ONLN) - 1;
}

uint64_t bench_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

void bench_packet(uint8_t pkt[BENCH_PKT_LEN], uint64_t service_id, const struct bench_macs *macs)
{
	static const uint8_t doh[8] = {IPPROTO_UDP, 1, SAN_OPT_TYPE, SAN_HDR_LEN, SAN_VERSION << 4};
	const uint16_t udp[4] = {htons(40000), htons(53), htons(8 + BENCH_PAYLOAD), 0xffff};
	const uint16_t ether_type = htons(0x86dd), len = htons(sizeof(doh) + 16 + BENCH_PAYLOAD);
	uint64_t id = htobe64(service_id);

	memset(pkt, 0, BENCH_PKT_LEN);
	memcpy(pkt, macs->dst, 6);
	memcpy(pkt + 6, macs->src, 6);
	memcpy(pkt + 12, &ether_type, 2);
	pkt[14] = 0x60;
	memcpy(pkt + 18, &len, 2);
	pkt[20] = IPPROTO_DSTOPTS;
	pkt[21] = 64;
	inet_pton(AF_INET6, "2001:db8:c::2", pkt + 22);
	inet_pton(AF_INET6, "2001:db8:5::101", pkt + 38);
	memcpy(pkt + 54, doh, sizeof(doh));
	memcpy(pkt + 62, &id, sizeof(id));
	memcpy(pkt + 70, udp, sizeof(udp));
}

void bench_nexthop(struct san_nexthop *nh, unsigned int n_segs, const struct bench_macs *macs,
		   uint32_t ifindex)
{
	struct in6_addr segs[SAN_MAX_SEGS];
	struct dp_outer outer = {.segs = segs, .n_segs = n_segs, .encap = SAN_ENCAP_RED};
	char text[32];
	unsigned int i;

	memset(nh, 0, sizeof(*nh));
	inet_pton(AF_INET6, "5f00:0:a::1", &outer.source);
	for (i = 0; i < n_segs; i++) {
		snprintf(text, sizeof(text), "fc00:%x::1", i + 1);
		inet_pton(AF_INET6, text, &segs[i]);
	}
	bench_int(dp_outer_build(&outer, nh), "outer header");
	memcpy(nh->dst_mac, macs->dst, 6);
	memcpy(nh->src_mac, macs->src, 6);
	nh->kind = SAN_NH_SRV6;
	nh->families = SAN_NH_IP6 | SAN_NH_IP4;
	nh->ifindex = ifindex;
	nh->mtu = 1500;
	nh->epoch = 1;
}

int bench_map(const struct bpf_object *obj, const char *name)
{
	return bench_int(bpf_object__find_map_fd_by_name(obj, name), name);
}

int bench_prog(const struct bpf_object *obj, const char *name)
{
	const struct bpf_program *prog = bpf_object__find_program_by_name(obj, name);

	if (!prog)
		bench_die("no program %s", name);
	return bench_int(bpf_program__fd(prog), name);
}

void bench_put(int map, const void *key, const void *value)
{
	bench_int(bpf_map_update_elem(map, key, value, BPF_ANY), "map entry");
}

uint64_t bench_counter(int map, uint32_t index)
{
	struct san_counter values[MAX_CPUS];
	uint64_t sum = 0;
	int i, n = bench_int(libbpf_num_possible_cpus(), "number of CPUs");

	if (n > MAX_CPUS)
		bench_die("%d CPUs, at most %d", n, MAX_CPUS);
	bench_int(bpf_map_lookup_elem(map, &index, values), "counter");
	for (i = 0; i < n; i++)
		sum += values[i].packets;
	return sum;
}
