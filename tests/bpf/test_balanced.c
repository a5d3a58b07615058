/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Balanced services: flows spread over instances by weight, and stay where they are when something
 * changes. Slots are assigned by the module that does it in production. A million flows for the
 * shares: clients that count up addresses and ports, as clients do.
 */
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <san/msg.h>

#include "libtest.h"
#include "ncc/slots.h"

#define FLOWS 1000000
#define PERMILLE 1000
#define MAX_MEMBERS 14 /* next hops of the test, from 1 */
#define SLOT_BASE 1024

static const struct slots_member even[] = {{1, 10}, {2, 10}, {3, 10}, {4, 10}};
static const struct slots_member uneven[] = {{1, 50}, {2, 30}, {3, 15}, {4, 5}};

struct balanced {
	uint32_t slots[T_SLOTS];
	unsigned int bits;
};

/* Where DIFF_PACKETS asks for few packets (emulated machines) a million runs would take an hour. */
static bool may_run_millions(void)
{
	const char *packets = getenv("DIFF_PACKETS");

	if (!packets || atol(packets) >= FLOWS)
		return true;
	print_message("skip: needs a million runs, DIFF_PACKETS is %s\n", packets);
	return false;
}

static void assign(struct t_env *env, struct balanced *b, const struct slots_member *members,
		   unsigned int n)
{
	slots_assign(b->slots, 1u << b->bits, members, n);
	assert_int_equal(dp_slots_put(env->dp, SLOT_BASE, 1u << b->bits, b->slots), 0);
}

static void put(struct t_env *env, const struct balanced *b, uint8_t affinity, uint8_t flags)
{
	struct san_service svc = {.slot_base = SLOT_BASE,
				  .slot_bits = b->bits,
				  .mode = SAN_MODE_BALANCED,
				  .affinity = affinity,
				  .flags = flags};

	t_service(env, T_SERVICE, &svc);
}

/* Each next hop has its own hop limit: it tells which one a packet took. */
static int setup(void **state)
{
	struct t_env *env = *state;
	int r = t_reset(state);
	uint32_t index;

	for (index = 1; index <= MAX_MEMBERS; index++) {
		struct san_nexthop nh = t_nexthop(1, SAN_ENCAP_RED, 100 + index);

		t_put_nexthop(env, index, &nh);
	}
	return r;
}

static void start(struct t_env *env, struct balanced *b, const struct slots_member *members,
		  unsigned int n)
{
	memset(b, 0, sizeof(*b));
	b->bits = slots_bits(n);
	assign(env, b, members, n);
	put(env, b, SAN_AFFINITY_HASH, 0);
}

/* Flow number i: 4096 ports of a client, then the next client. */
static void flow(struct t_pkt *pkt, uint32_t i)
{
	uint32_t client = i / 4096, port = 32768 + i % 4096;

	pkt->data[T_IP6_AT + 21] = client >> 16;
	pkt->data[T_IP6_AT + 22] = client >> 8;
	pkt->data[T_IP6_AT + 23] = client;
	pkt->data[T_EXT_AT + 16] = port >> 8;
	pkt->data[T_EXT_AT + 17] = port;
}

/* Which next hop a packet takes, without the counters that t_run() compares. */
static uint32_t taken(struct t_env *env, const struct t_pkt *pkt)
{
	static uint8_t out[T_PKT_MAX + 256];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = pkt->data, .data_size_in = pkt->len,
		    .data_out = out, .data_size_out = sizeof(out), .repeat = 1);

	if (bpf_prog_test_run_opts(dp_prog_fd(env->dp, SAN_ROLE_INGRESS), &opts) ||
	    opts.retval != XDP_REDIRECT)
		fail_msg("a packet was not steered");
	return out[T_IP6_AT + 7] - 100;
}

/* to[i]: next hop of flow i. */
static void spread(struct t_env *env, uint8_t *to, uint32_t n)
{
	struct t_pkt pkt;
	uint32_t i;

	t_client(&pkt, 0);
	for (i = 0; i < n; i++) {
		flow(&pkt, i);
		to[i] = taken(env, &pkt);
		assert_in_range(to[i], 1, MAX_MEMBERS);
	}
}

/* Shares within 1 % of the weights, of all flows. */
static void check_shares(const uint8_t *to, const struct slots_member *members, unsigned int n)
{
	uint64_t counts[MAX_MEMBERS + 1] = {0}, weights = 0;
	unsigned int i;

	for (i = 0; i < FLOWS; i++)
		counts[to[i]]++;
	for (i = 0; i < n; i++)
		weights += members[i].weight;
	for (i = 0; i < n; i++) {
		double share = 1.0 * counts[members[i].nexthop] / FLOWS;
		double want = 1.0 * members[i].weight / weights;

		print_message("next hop %u: %.4f of the flows, weight %.4f\n", members[i].nexthop,
			      share, want);
		assert_true(share - want < 0.01 && want - share < 0.01);
	}
}

static void test_shares(void **state)
{
	uint8_t *to;
	struct balanced b;

	if (!may_run_millions())
		skip();
	to = malloc(FLOWS);
	assert_non_null(to);
	start(*state, &b, even, 4);
	spread(*state, to, FLOWS);
	check_shares(to, even, 4);
	start(*state, &b, uneven, 4);
	spread(*state, to, FLOWS);
	check_shares(to, uneven, 4);
	free(to);
}

/* What else counts up in practice: one field at a time, the others stay. The seed of the hash is
 * the time of the run: with one in a thousand a share is off by more than 3 %, with none of
 * thousands by 4 %. */
static void test_patterns(void **state)
{
	enum { SOME = 65536 };
	static const struct {
		const char *name;
		size_t at; /* of the 16 bits that count */
	} patterns[] = {
		{"source port", T_EXT_AT + 16},	    {"destination port", T_EXT_AT + 18},
		{"client address", T_IP6_AT + 22},  {"client /64", T_IP6_AT + 14},
		{"client /48", T_IP6_AT + 12},	    {"interface identifier", T_IP6_AT + 16},
		{"service address", T_IP6_AT + 38}, {"service /64", T_IP6_AT + 30},
	};
	struct balanced b;
	struct t_pkt pkt;
	size_t k;

	if (!may_run_millions())
		skip();
	start(*state, &b, even, 4);
	for (k = 0; k < sizeof(patterns) / sizeof(patterns[0]); k++) {
		uint32_t i, counts[5] = {0};

		t_client(&pkt, 0);
		for (i = 0; i < SOME; i++) {
			pkt.data[patterns[k].at] = i >> 8;
			pkt.data[patterns[k].at + 1] = i;
			counts[taken(*state, &pkt)]++;
		}
		print_message("%s: %u %u %u %u\n", patterns[k].name, counts[1], counts[2],
			      counts[3], counts[4]);
		for (i = 1; i <= 4; i++)
			assert_in_range(counts[i], SOME * 20 / 100, SOME * 30 / 100);
	}
}

/* Flows that are elsewhere now, in a thousand, and those that had no reason to. */
static unsigned int moved(const uint8_t *before, const uint8_t *after, uint32_t n)
{
	uint32_t i, count = 0;

	for (i = 0; i < n; i++)
		count += before[i] != after[i];
	return (uint64_t)count * PERMILLE / n;
}

/* One of n instances goes, comes back, or changes its weight: its share moves, and at most 1 % of
 * all flows more. */
static void disruption(struct t_env *env, unsigned int n)
{
	enum { SOME = 100000 };
	struct slots_member members[MAX_MEMBERS];
	uint8_t *before = malloc(SOME), *after = malloc(SOME), *again = malloc(SOME);
	unsigned int i, gone, back, more;
	struct balanced b;

	for (i = 0; i < n; i++)
		members[i] = (struct slots_member){.nexthop = i + 1, .weight = 100};
	start(env, &b, members, n);
	spread(env, before, SOME);
	assign(env, &b, members, n - 1);
	spread(env, after, SOME);
	gone = moved(before, after, SOME);
	for (i = 0; i < SOME; i++)
		assert_true(before[i] == n || before[i] == after[i]);
	assign(env, &b, members, n);
	spread(env, again, SOME);
	back = moved(after, again, SOME);
	members[0].weight = 150;
	assign(env, &b, members, n);
	spread(env, after, SOME);
	more = moved(again, after, SOME);
	print_message(
		"%u instances: one gone moves %u in 1000 flows, one more %u, weight + 50 %% %u\n",
		n, gone, back, more);
	assert_true(gone <= PERMILLE / n + 10);
	assert_true(back <= PERMILLE / n + 10);
	assert_true(more <= PERMILLE / n / 2 + 10);
	free(before);
	free(after);
	free(again);
}

static void test_disruption(void **state)
{
	if (!may_run_millions())
		skip();
	disruption(*state, 2);
	disruption(*state, 4);
	disruption(*state, 10);
}

/* A range that grew moves nothing by itself. */
static void test_growth(void **state)
{
	enum { SOME = 20000 };
	static uint8_t before[SOME], after[SOME];
	struct t_env *env = *state;
	static struct balanced b, grown;

	start(env, &b, even, 4);
	spread(env, before, SOME);
	grown.bits = b.bits + 2;
	slots_grow(grown.slots, 1u << grown.bits, b.slots, 1u << b.bits);
	assert_int_equal(dp_slots_put(env->dp, SLOT_BASE, 1u << grown.bits, grown.slots), 0);
	put(env, &grown, SAN_AFFINITY_HASH, 0);
	spread(env, after, SOME);
	assert_memory_equal(before, after, SOME);
}

/* The same flow, the same next hop: whatever else is in its packets. */
static void test_flow_stays(void **state)
{
	struct t_env *env = *state;
	struct balanced b;
	struct t_pkt pkt;
	uint32_t i, first;
	int k;

	start(env, &b, uneven, 4);
	for (i = 0; i < 300; i++) {
		t_client(&pkt, 30);
		flow(&pkt, i * 77);
		first = taken(env, &pkt);
		for (k = 0; k < 5; k++) {
			pkt.data[pkt.len - 1]++;
			pkt.data[T_IP6_AT + 7] = 64 - k;
			pkt.data[T_IP6_AT + 3]++;
			assert_int_equal(taken(env, &pkt), first);
		}
	}
}

/* By source: all of a client's flows together, clients spread: by one seed in a hundred a share is
 * off by a fifth, by none of thousands by more than a quarter. */
static void test_by_source(void **state)
{
	struct t_env *env = *state;
	uint32_t client, port, first, counts[5] = {0};
	struct balanced b;
	struct t_pkt pkt;

	start(env, &b, even, 4);
	put(env, &b, SAN_AFFINITY_HASH, SAN_SVC_KEY_SOURCE);
	t_client(&pkt, 0);
	for (client = 0; client < 4000; client++) {
		flow(&pkt, client * 4096);
		first = taken(env, &pkt);
		counts[first]++;
		for (port = 1; port < 4; port++) {
			flow(&pkt, client * 4096 + port * 991);
			assert_int_equal(taken(env, &pkt), first);
		}
	}
	for (client = 1; client <= 4; client++)
		assert_in_range(counts[client], 650, 1350);
}

/* Without affinity each packet is on its own. */
static void test_no_affinity(void **state)
{
	struct t_env *env = *state;
	uint32_t i, counts[5] = {0};
	struct balanced b;
	struct t_pkt pkt;

	start(env, &b, even, 4);
	put(env, &b, SAN_AFFINITY_NONE, 0);
	t_client(&pkt, 0);
	for (i = 0; i < 20000; i++)
		counts[taken(env, &pkt)]++;
	for (i = 1; i <= 4; i++)
		assert_in_range(counts[i], 4500, 5500);
}

/* With flow affinity a flow keeps its instance when the slots move under it. */
static void test_flow_affinity(void **state)
{
	static const struct slots_member only[] = {{4, 1}};
	struct t_env *env = *state;
	uint32_t i, before[200];
	struct balanced b;
	struct t_pkt pkt;

	start(env, &b, even, 4);
	put(env, &b, SAN_AFFINITY_FLOW, 0);
	t_client(&pkt, 0);
	for (i = 0; i < 200; i++) {
		flow(&pkt, i);
		before[i] = taken(env, &pkt);
	}
	assign(env, &b, only, 1);
	for (i = 0; i < 200; i++) {
		flow(&pkt, i);
		assert_int_equal(taken(env, &pkt), before[i]);
	}
	flow(&pkt, 5000);
	assert_int_equal(taken(env, &pkt), 4);
}

/* IPv4 flows spread as well. */
static void test_ip4(void **state)
{
	struct san_msg_class any = {.service_id = T_SERVICE};
	struct t_env *env = *state;
	uint32_t i, counts[5] = {0};
	struct balanced b;
	struct t_pkt pkt;

	start(env, &b, even, 4);
	t_classes(env, &any, 1);
	t_role(env, SAN_ROLE_INGRESS, SAN_IF_CLASSIFY);
	for (i = 0; i < 40000; i++) {
		t_begin4(&pkt, 17, 0);
		pkt.data[T_IP6_AT + 14] = i >> 12;
		pkt.data[T_IP6_AT + 15] = 1 + i % 7;
		t_udp(&pkt, 0);
		pkt.data[T_IP6_AT + 20] = 0x80 | i >> 8;
		pkt.data[T_IP6_AT + 21] = i;
		t_end4(&pkt);
		counts[taken(env, &pkt)]++;
	}
	for (i = 1; i <= 4; i++)
		assert_in_range(counts[i], 9600, 10400);
}

/* Slots that lead nowhere: index 0, an index that is not in use. */
static void test_bad_slots(void **state)
{
	static const uint32_t bad[] = {SAN_NH_NONE, MAX_MEMBERS + 1, 4000000};
	struct t_env *env = *state;
	struct balanced b = {.bits = 0};
	struct san_service svc = {.slot_base = T_SLOTS,
				  .mode = SAN_MODE_BALANCED,
				  .affinity = SAN_AFFINITY_HASH,
				  .groups = 1};
	struct san_service_key key = {.service_id = T_SERVICE};
	uint32_t slot = SLOT_BASE;
	int services = t_map_fd(env, "san_services"), slots = t_map_fd(env, "san_slots");
	struct t_pkt pkt;
	size_t i;

	t_client(&pkt, 0);
	put(env, &b, SAN_AFFINITY_HASH, 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(bpf_map_update_elem(slots, &slot, &bad[i], BPF_ANY), 0);
		t_expect(env, &pkt, SAN_R_NH_INVALID, XDP_PASS);
	}
	assert_int_equal(bpf_map_update_elem(services, &key, &svc, BPF_ANY), 0);
	t_expect(env, &pkt, SAN_R_NH_INVALID, XDP_PASS); /* beyond the array */
	svc.slot_bits = 200;
	svc.slot_base = UINT32_MAX;
	assert_int_equal(bpf_map_update_elem(services, &key, &svc, BPF_ANY), 0);
	t_expect(env, &pkt, SAN_R_NH_INVALID, XDP_PASS);
	close(services);
	close(slots);
}

#define T(fn) cmocka_unit_test_setup(fn, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_shares),	    T(test_patterns),  T(test_disruption),  T(test_growth),
		T(test_flow_stays), T(test_by_source), T(test_no_affinity), T(test_flow_affinity),
		T(test_ip4),	    T(test_bad_slots),
	};

	return t_can_run() ? cmocka_run_group_tests(tests, t_open, t_close) : 0;
}
