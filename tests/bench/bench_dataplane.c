/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Times of the programs of dataplane.bpf.c by BPF_PROG_TEST_RUN, as JSON on stdout.
 *
 *     dataplane SECONDS
 *
 * All cases run in turns on one CPU, 127,000 times a round, for as many rounds as fit. The
 * programs look at the clock every 4096 runs; min and median of these intervals are printed, in ns
 * a run. That every run went the way it should is checked by the counters after each turn.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>

#include <san/wire.h>

#include "dataplane.h"
#include "dataplane.skel.h"
#include "lib.h"

_Static_assert(BENCH_LEN == BENCH_PKT_LEN, "the programs take it for a constant");

#define WARM_UP 4 /* intervals of a turn that do not count */
#define INTERVALS (BENCH_STAMPS - 1 - WARM_UP)
#define TURN (BENCH_CHUNK * (BENCH_STAMPS - 1) + 1)
#define MIN_ROUNDS 4
#define MAX_ROUNDS 2048
#define HOPS 1000 /* next hops that many services share */
#define ROW 1	  /* of san_reasons */
#define SLOT_BITS 6
#define LO 1 /* where BPF_PROG_TEST_RUN pretends to receive */
#define FLOWS 524288
#define FLOW_TABLE (2 * FLOWS) /* so that no flow is evicted */

/* Services whose ID says how they are steered; many: IDs from 1, by next hop 3 and up. */
enum { ID_HASH_40 = 0x1000001, ID_HASH_64, ID_FLOW_40, ID_FLOW_64, ID_BALANCED_64 };
enum { NH_40 = 1, NH_64 = 2, NH_MANY = 3 };

static const struct bench_macs macs = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};

/* One copy of all programs and maps, by the number of services in it. */
struct load {
	uint32_t services; /* besides those above; a power of two, or 0 */
	struct dataplane_bpf *skel;
};

static struct load loads[] = {{0, NULL}, {131072, NULL}, {1048576, NULL}};

enum { LOAD_1, LOAD_128K, LOAD_1M };

struct bench_case {
	const char *name;
	int load;
	const char *prog;
	uint64_t id;
	const char *counter; /* map that counts each run, NULL = none */
	uint32_t index;
	uint32_t fill; /* runs once before, so that all flows are known */
};

/* What is found out about a case. */
struct probe {
	int prog_fd, counter_fd;
	double samples[MAX_ROUNDS * INTERVALS];
};

/* clang-format off */
#define OURS(name, load, prog, id, reason, fill)                                                   \
	{name, load, prog, id, "san_reasons", SAN_REASON_ROW * ROW + reason, fill}
#define FLOOR_OF(name, load, prog, id, fill) {name, load, prog, id, "floor_stats", 1, fill}
#define FLOOR(name, prog, id, fill) FLOOR_OF(name, LOAD_1, prog, id, fill)
#define STEP(name, load, prog) {name, load, prog, ID_HASH_64, NULL, 0, 0}
/* clang-format on */
#define FWD SAN_R_FORWARDED
#define HIT SAN_R_FLOW_HIT

static const struct bench_case cases[] = {
	STEP("empty", LOAD_1, "empty"),
	STEP("redirect", LOAD_1, "redirect"),
	STEP("head", LOAD_1, "head"),
	STEP("hash_1m_hot", LOAD_1M, "hash"),
	STEP("hash_128k_random", LOAD_128K, "hash_random"),
	STEP("hash_1m_random", LOAD_1M, "hash_random"),
	FLOOR("floor_40", "floor_40", ID_HASH_40, 0),
	OURS("ours_40", LOAD_1, "ours", ID_HASH_40, FWD, 0),
	FLOOR("floor_64", "floor_64", ID_HASH_64, 0),
	OURS("ours_64", LOAD_1, "ours", ID_HASH_64, FWD, 0),
	OURS("ours_balanced_64", LOAD_1, "ours", ID_BALANCED_64, FWD, 0),
	FLOOR("floor_flow_40", "floor_lru_40", ID_FLOW_40, 0),
	OURS("ours_flow_40", LOAD_1, "ours", ID_FLOW_40, HIT, 1),
	FLOOR("floor_flow_64", "floor_lru_64", ID_FLOW_64, 0),
	OURS("ours_flow_64", LOAD_1, "ours", ID_FLOW_64, HIT, 1),
	OURS("ours_64_128k_hot", LOAD_128K, "ours", ID_HASH_64, FWD, 0),
	OURS("ours_64_1m_hot", LOAD_1M, "ours", ID_HASH_64, FWD, 0),
	FLOOR_OF("floor_64_128k_random", LOAD_128K, "floor_services_64", ID_HASH_64, 0),
	FLOOR_OF("floor_64_1m_random", LOAD_1M, "floor_services_64", ID_HASH_64, 0),
	OURS("ours_64_128k_random", LOAD_128K, "ours_services", ID_HASH_64, FWD, 0),
	OURS("ours_64_1m_random", LOAD_1M, "ours_services", ID_HASH_64, FWD, 0),
	OURS("ours_64_512k_flows", LOAD_1, "ours_flows", ID_HASH_64, FWD, 0),
	FLOOR("floor_flow_64_512k_flows", "floor_lru_flows", ID_FLOW_64, FLOWS),
	OURS("ours_flow_64_512k_flows", LOAD_1, "ours_flows", ID_FLOW_64, HIT, FLOWS),
};

#define N_CASES (sizeof(cases) / sizeof(cases[0]))

static struct probe probes[N_CASES];

/* --- set-up ---------------------------------------------------------------------------- */

_Static_assert(sizeof(*((struct dataplane_bpf *)0)->rodata) == 72, "a new constant: set it here");

/* Of the ingress program: as module dp does. */
static void set_ingress_constants(struct load *load)
{
	const struct san_profile exp1 = SAN_PROFILE_EXP1;

	load->skel->rodata->profile = exp1;
	load->skel->rodata->quick = san_quick_of(&exp1);
	load->skel->rodata->flow_seed = 1;
	load->skel->rodata->coarse_clock = 1;
}

static void set_constants(struct load *load)
{
	uint8_t pkt[BENCH_PKT_LEN];

	bench_packet(pkt, 1, &macs);
	memcpy((void *)&load->skel->rodata->eth_dst, pkt, 8);
	memcpy((void *)&load->skel->rodata->eth_src, pkt + 8, 4);
	load->skel->rodata->service_mask = load->services ? load->services - 1 : 0;
	load->skel->rodata->flow_mask = FLOWS - 1;
}

static void resize(struct bpf_map *map, uint32_t entries)
{
	bench_int(bpf_map__set_max_entries(map, entries), bpf_map__name(map));
}

static void put_service(const struct load *load, uint64_t id, const struct san_service *svc)
{
	struct san_service_key key = {.service_id = id};

	bench_put(bench_map(load->skel->obj, "san_services"), &key, svc);
}

static void put_named_services(const struct load *load)
{
	static const struct {
		uint64_t id;
		struct san_service svc;
	} named[] = {
		{ID_HASH_40, {.nexthop = NH_40, .affinity = SAN_AFFINITY_HASH}},
		{ID_HASH_64, {.nexthop = NH_64, .affinity = SAN_AFFINITY_HASH}},
		{ID_FLOW_40, {.nexthop = NH_40, .affinity = SAN_AFFINITY_FLOW}},
		{ID_FLOW_64, {.nexthop = NH_64, .affinity = SAN_AFFINITY_FLOW}},
		{ID_BALANCED_64, {.slot_bits = SLOT_BITS, .affinity = SAN_AFFINITY_HASH}},
	};
	int floor = bench_map(load->skel->obj, "floor_services");
	struct {
		struct san_nexthop nh;
		uint32_t stats, pad;
	} bare = {.stats = 1};
	uint32_t i;

	for (i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		struct san_service svc = named[i].svc;

		svc.stats = i + 1;
		svc.groups = 1;
		svc.mode = svc.nexthop ? SAN_MODE_PREFERRED : SAN_MODE_BALANCED;
		put_service(load, named[i].id, &svc);
		bench_nexthop(&bare.nh, svc.nexthop == NH_40 ? 1 : 2, &macs, LO);
		bench_put(floor, &named[i].id, &bare);
	}
}

static void put_slots(const struct load *load)
{
	int slots = bench_map(load->skel->obj, "san_slots");
	uint32_t i, nexthop = NH_64;

	for (i = 0; i < 1 << SLOT_BITS; i++)
		bench_put(slots, &i, &nexthop);
}

/* One block of SIDs to keep clients away from, as most hosts have. */
static void put_domain(const struct load *load)
{
	struct san_domain domain = {.n_blocks = 1};
	uint32_t zero = 0;

	inet_pton(AF_INET6, "fc00::", domain.blocks[0].addr);
	inet_pton(AF_INET6, "ffff:ff00::", domain.blocks[0].mask);
	bench_put(bench_map(load->skel->obj, "san_domain"), &zero, &domain);
}

static void put_entries(const struct load *load)
{
	struct san_iface iface = {.role = SAN_ROLE_INGRESS, .row = ROW, .mac = {2, 0, 0, 0, 0, 1}};
	uint32_t i, lo = LO;

	bench_put(bench_map(load->skel->obj, "san_ifaces"), &lo, &iface);
	bench_put(bench_map(load->skel->obj, "san_tx"), &lo, &lo);
	for (i = NH_40; i < NH_MANY + HOPS; i++) {
		struct san_nexthop nh;

		bench_nexthop(&nh, i == NH_40 ? 1 : 2, &macs, LO);
		bench_put(bench_map(load->skel->obj, "san_nexthops"), &i, &nh);
	}
	for (i = 0; i < load->services; i++) {
		struct san_service svc = {.nexthop = NH_MANY + i % HOPS,
					  .stats = 8 + i,
					  .mode = SAN_MODE_PREFERRED,
					  .affinity = SAN_AFFINITY_HASH,
					  .groups = 1};

		put_service(load, i + 1, &svc);
	}
	put_named_services(load);
	put_slots(load);
	put_domain(load);
}

static void make_load(struct load *load)
{
	uint32_t services = load->services ? load->services + 16 : SAN_DEFAULT_SERVICES;
	uint32_t flows = load->services ? 1024 : FLOW_TABLE;

	load->skel = bench_ptr(dataplane_bpf__open(), "opening the programs");
	set_ingress_constants(load);
	set_constants(load);
	resize(load->skel->maps.san_services, services);
	resize(load->skel->maps.san_svc_stats, services);
	/* Not measured, so small: memory that is not touched still decides where the rest lies. */
	resize(load->skel->maps.san_local, 1024);
	resize(load->skel->maps.san_sids, 1024);
	resize(load->skel->maps.san_slots, 1024);
	resize(load->skel->maps.san_flows, flows);
	resize(load->skel->maps.floor_flows, flows);
	bench_int(dataplane_bpf__load(load->skel), "loading the programs");
	put_entries(load);
}

/* --- measuring ------------------------------------------------------------------------- */

static void run(size_t i, uint32_t repeat)
{
	uint8_t pkt[BENCH_PKT_LEN];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = pkt, .data_size_in = sizeof(pkt),
		    .repeat = repeat);

	bench_packet(pkt, cases[i].id, &macs);
	bench_int(bpf_prog_test_run_opts(probes[i].prog_fd, &opts), cases[i].name);
	if (opts.retval != XDP_REDIRECT)
		bench_die("%s: action is %u, must be redirect", cases[i].name, opts.retval);
}

/* A turn; each run must have been counted where it should. */
static void turn(size_t i, size_t round)
{
	struct dataplane_bpf__bss *bss = loads[cases[i].load].skel->bss;
	double *samples = &probes[i].samples[round * INTERVALS];
	uint64_t before = 0, counted = TURN;
	int k;

	if (cases[i].counter)
		before = bench_counter(probes[i].counter_fd, cases[i].index);
	bss->bench_runs = 0;
	run(i, TURN);
	if (cases[i].counter)
		counted = bench_counter(probes[i].counter_fd, cases[i].index) - before;
	if (counted != TURN)
		bench_die("%s: %lu of %u packets went the way that is measured", cases[i].name,
			  counted, TURN);
	for (k = 0; k < INTERVALS; k++)
		samples[k] = (double)(bss->bench_stamps[WARM_UP + k + 1] -
				      bss->bench_stamps[WARM_UP + k]) /
			     BENCH_CHUNK;
}

static void prepare(size_t i)
{
	const struct bpf_object *obj = loads[cases[i].load].skel->obj;

	probes[i].prog_fd = bench_prog(obj, cases[i].prog);
	probes[i].counter_fd = cases[i].counter ? bench_map(obj, cases[i].counter) : -1;
	if (cases[i].fill)
		run(i, cases[i].fill);
}

static size_t measure(double seconds)
{
	uint64_t end = bench_now_ns() + (uint64_t)(seconds * 1e9);
	size_t i, round;

	for (round = 0; round < MAX_ROUNDS && (round < MIN_ROUNDS || bench_now_ns() < end); round++)
		for (i = 0; i < N_CASES; i++)
			turn(i, round);
	return round;
}

static void print(size_t rounds)
{
	size_t i;

	printf("{\"rounds\": %zu, \"cpu\": %d, \"cases\": {\n", rounds, bench_last_cpu());
	for (i = 0; i < N_CASES; i++) {
		double median = bench_median(probes[i].samples, rounds * INTERVALS); /* sorts */

		printf("  \"%s\": {\"min_ns\": %.2f, \"median_ns\": %.2f}%s\n", cases[i].name,
		       probes[i].samples[0], median, i + 1 < N_CASES ? "," : "");
	}
	printf("}}\n");
}

int main(int argc, char **argv)
{
	size_t i;

	if (argc != 2)
		bench_die("usage: dataplane SECONDS");
	bench_pin_cpu(bench_last_cpu());
	bench_first();
	for (i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
		make_load(&loads[i]);
	for (i = 0; i < N_CASES; i++)
		prepare(i);
	print(measure(atof(argv[1])));
	return 0;
}
