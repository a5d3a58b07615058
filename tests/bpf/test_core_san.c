/* SPDX-License-Identifier: GPL-2.0-or-later */
/* End.SAN: the gateway takes the packet out and looks its service up again among the instances of
 * its own site, by SAN header, by the classifier, by what a flow or a first fragment has left. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <string.h>

#include "libcore.h"

#define SAN "fc00:9::5a"
#define SERVICE 0x101
#define CLASSIFIED 0x202
#define SVC_STATS 9
#define INSTANCES 3
#define FIRST 10 /* next hops of the instances: 10, 11, 12 */
#define SLOT_BASE 16
#define SLOT_BITS 3

static void put_instance(struct r_env *env, unsigned int i, uint8_t kind, uint32_t epoch)
{
	struct san_nexthop nh = {.dst_mac = {2, 0xaa, 0, 0, 0, i},
				 .src_mac = {2, 0xbb, 0, 0, 0, i},
				 .ifindex = env->ifindex,
				 .kind = kind,
				 .mtu = 1500,
				 .epoch = epoch,
				 .families = SAN_NH_IP6 | SAN_NH_IP4};
	const uint32_t index = FIRST + i;

	r_put(env, "san_nexthops", &index, &nh);
}

static void put_local(struct r_env *env, uint64_t id, const struct san_service *svc)
{
	const struct san_service_key key = {.service_id = id};

	r_put(env, "san_local", &key, svc);
}

static void prefer(struct r_env *env, unsigned int i, uint8_t affinity)
{
	const struct san_service svc = {.nexthop = FIRST + i,
					.stats = SVC_STATS,
					.mode = SAN_MODE_PREFERRED,
					.affinity = affinity,
					.generation = 77};

	put_local(env, SERVICE, &svc);
}

/* A rule for everything. */
static void set_class(struct r_env *env, uint32_t set)
{
	const struct san_class_pair_key key = {.set = 1};
	const struct san_class_pair pair = {.group = 1, .combinations = 1};
	const struct san_class_rule_key rule_key = {.set = 1, .group = 1};
	const struct san_class_rule rule = {
		.rank = 1, .local_id = CLASSIFIED, .local_rank = 2, .verdict = SAN_ACT_DROP};
	const struct san_domain domain = {.class_set = set};

	r_put(env, "san_class_pairs", &key, &pair);
	r_put(env, "san_class_rules", &rule_key, &rule);
	r_domain(env, &domain);
}

static int reset(void **state)
{
	const struct san_sid sid = {.behaviour = SAN_BEHAVIOUR_END_SAN, .stats = STATS};
	struct r_env *env = *state;
	unsigned int i;

	c_reset(state);
	c_put_sid(env, SAN, &sid);
	r_clear(env, "san_local");
	r_clear(env, "san_flows");
	r_clear(env, "san_frags");
	for (i = 0; i < INSTANCES; i++)
		put_instance(env, i, SAN_NH_DIRECT, 1);
	prefer(env, 0, SAN_AFFINITY_HASH);
	return 0;
}

/* --- packets ---------------------------------------------------------------------------------- */

static void with_san(struct r_pkt *pkt, unsigned int n, uint64_t service)
{
	c_outer(pkt, SAN, n, n ? 0 : NO_SRH, 41);
	r_san6(pkt, CLIENT, SERVER, service);
	r_end6(pkt, R_ETH);
}

static void want_inner(struct r_pkt *want, const struct r_pkt *pkt, size_t off, unsigned int i)
{
	const uint8_t macs[12] = {2, 0xaa, 0, 0, 0, i, 2, 0xbb, 0, 0, 0, i};

	c_expected(want, macs, 0x86dd, pkt->data + R_ETH + off, pkt->len - R_ETH - off);
	want->data[R_ETH + 7]--;
}

/* To which instance, by the MAC address; the packet is steered for this reason. */
static unsigned int instance_of(struct r_env *env, const struct r_pkt *pkt, enum san_reason reason)
{
	struct r_out out;

	r_run(env, pkt, &out);
	if (out.reason != reason)
		fail_msg("reason is %s, must be %s", r_reason_name(out.reason),
			 r_reason_name(reason));
	assert_int_equal(out.action, XDP_REDIRECT);
	return out.data[5];
}

/* --- by SAN header
 * -------------------------------------------------------------------------------- */

static void test_header(void **state)
{
	struct r_pkt pkt, want;
	unsigned int n;

	for (n = 0; n <= MAX_SEGS; n++) {
		with_san(&pkt, n, SERVICE);
		want_inner(&want, &pkt, c_outer_len(n, n ? 0 : NO_SRH), 0);
		c_check_out(*state, &pkt, SAN_R_LOCAL, &want);
	}
	prefer(*state, 2, SAN_AFFINITY_HASH);
	want_inner(&want, &pkt, c_outer_len(MAX_SEGS, 0), 2);
	c_check_out(*state, &pkt, SAN_R_LOCAL, &want);
}

static void test_counters(void **state)
{
	struct r_env *env = *state;
	uint64_t svc = r_packets(env, "san_svc_stats", SVC_STATS);
	uint64_t sid = r_packets(env, "san_svc_stats", STATS);
	uint64_t nh = r_packets(env, "san_nh_stats", FIRST);
	struct r_pkt pkt;

	with_san(&pkt, 1, SERVICE);
	assert_int_equal(instance_of(env, &pkt, SAN_R_LOCAL), 0);
	assert_int_equal(r_packets(env, "san_svc_stats", SVC_STATS), svc + 1);
	assert_int_equal(r_packets(env, "san_svc_stats", STATS), sid);
	assert_int_equal(r_packets(env, "san_nh_stats", FIRST), nh + 1);
}

static void test_unknown_service(void **state)
{
	struct r_pkt pkt;

	with_san(&pkt, 1, 0x999);
	r_expect(*state, &pkt, SAN_R_UNKNOWN_SERVICE, XDP_PASS);
	r_role(*state, SAN_ROLE_CORE, SAN_IF_DROP_UNKNOWN); /* the kernel's End.DT6 serves it */
	r_expect(*state, &pkt, SAN_R_UNKNOWN_SERVICE, XDP_PASS);
}

static void test_reading(void **state)
{
	const uint8_t padding[64] = {59, 7}; /* hop-by-hop: 62 options of one byte */
	const size_t inner = R_ETH + R_IP6;
	struct r_pkt pkt;
	size_t at;

	with_san(&pkt, 0, SERVICE);
	pkt.data[inner + 40 + 4] = 0x20;
	r_expect(*state, &pkt, SAN_R_BAD_VERSION, XDP_PASS);
	with_san(&pkt, 0, 0);
	r_expect(*state, &pkt, SAN_R_ZERO_SERVICE, XDP_PASS);
	with_san(&pkt, 0, SERVICE);
	pkt.data[inner + 40 + 3] = 40;
	r_expect(*state, &pkt, SAN_R_BAD_OPTION, XDP_PASS);
	c_outer(&pkt, SAN, 0, NO_SRH, 41);
	at = r_ip6(&pkt, CLIENT, SERVER, 0);
	r_bytes(&pkt, padding, sizeof(padding));
	r_end6(&pkt, at);
	r_end6(&pkt, R_ETH);
	r_expect(*state, &pkt, SAN_R_TOO_DEEP, XDP_PASS);
	c_with_6(&pkt, SAN, 1, 0, 10);
	r_expect(*state, &pkt, SAN_R_NO_SAN, XDP_PASS);
	c_with_4(&pkt, SAN, 1, 0, 10);
	r_expect(*state, &pkt, SAN_R_NO_SAN, XDP_PASS);
	c_outer(&pkt, SAN, 0, NO_SRH, 17);
	r_bytes(&pkt, "12345678", 8);
	r_end6(&pkt, R_ETH);
	r_expect(*state, &pkt, SAN_R_UPPER_LAYER, XDP_PASS);
	with_san(&pkt, 2, SERVICE);
	pkt.data[R_ETH + R_IP6 + 3] = 1;
	r_expect(*state, &pkt, SAN_R_SEGMENTS_LEFT, XDP_PASS);
}

/* --- by the classifier
 * ---------------------------------------------------------------------------- */

static void test_class(void **state)
{
	const struct san_service svc = {
		.nexthop = FIRST + 1, .stats = SVC_STATS, .mode = SAN_MODE_PREFERRED};
	struct r_pkt pkt;

	set_class(*state, 1);
	put_local(*state, CLASSIFIED, &svc);
	c_with_6(&pkt, SAN, 1, 0, 10);
	assert_int_equal(instance_of(*state, &pkt, SAN_R_LOCAL), 1);
	c_with_4(&pkt, SAN, 0, NO_SRH, 10);
	assert_int_equal(instance_of(*state, &pkt, SAN_R_LOCAL), 1);
	with_san(&pkt, 1, SERVICE); /* the header comes first */
	assert_int_equal(instance_of(*state, &pkt, SAN_R_LOCAL), 0);
	pkt.data[R_ETH + c_outer_len(1, 0) + 40 + 4] = 0x20; /* of another version */
	assert_int_equal(instance_of(*state, &pkt, SAN_R_LOCAL), 1);
	set_class(*state, 0);
	c_with_6(&pkt, SAN, 1, 0, 10);
	r_expect(*state, &pkt, SAN_R_NO_SAN, XDP_PASS);
}

static void test_ipv4_bytes(void **state)
{
	const struct san_service svc = {.nexthop = NH4, .mode = SAN_MODE_PREFERRED};
	struct r_pkt pkt;
	struct r_out out;

	set_class(*state, 1);
	put_local(*state, CLASSIFIED, &svc);
	c_with_4(&pkt, SAN, 2, 0, 33);
	r_run(*state, &pkt, &out);
	assert_int_equal(out.reason, SAN_R_LOCAL);
	assert_int_equal(out.len, R_ETH + 61);
	assert_memory_equal(out.data, c_direct_macs, 12);
	assert_int_equal(out.data[12] << 8 | out.data[13], 0x0800);
	assert_int_equal(out.data[R_ETH + 8], 63);
	assert_int_equal(r_sum(out.data + R_ETH, 20, 0), 0);
	assert_memory_equal(out.data + R_ETH + 12, pkt.data + R_ETH + 80 + 12, 49);
}

/* --- choice
 * ----------------------------------------------------------------------------------------- */

static void test_nothing_selected(void **state)
{
	const struct san_service none = {.mode = SAN_MODE_NONE};
	const struct san_service wrong = {.mode = SAN_MODE_PREFERRED, .nexthop = 1u << 30};
	struct r_pkt pkt;

	with_san(&pkt, 1, SERVICE);
	put_local(*state, SERVICE, &none);
	r_expect(*state, &pkt, SAN_R_NOTHING_SELECTED, XDP_PASS);
	put_local(*state, SERVICE, &wrong);
	r_expect(*state, &pkt, SAN_R_NH_INVALID, XDP_PASS);
	prefer(*state, 0, SAN_AFFINITY_HASH);
	put_instance(*state, 0, SAN_NH_UNRESOLVED, 1);
	r_expect(*state, &pkt, SAN_R_NH_UNRESOLVED, XDP_PASS);
	put_instance(*state, 0, SAN_NH_SRV6, 1);
	r_expect(*state, &pkt, SAN_R_NH_INVALID, XDP_PASS);
	put_instance(*state, 0, SAN_NH_DROP, 1);
	r_expect(*state, &pkt, SAN_R_NH_DROP, XDP_DROP);
}

static void test_limits(void **state)
{
	struct r_pkt pkt;
	size_t at;

	with_san(&pkt, 1, SERVICE);
	pkt.data[R_ETH + c_outer_len(1, 0) + 7] = 1;
	r_expect(*state, &pkt, SAN_R_HOP_LIMIT, XDP_PASS);
	with_san(&pkt, 0, SERVICE);
	at = R_ETH + R_IP6;
	while (pkt.len < at + 1501)
		r_bytes(&pkt, "x", 1);
	r_end6(&pkt, at);
	r_end6(&pkt, R_ETH);
	r_expect(*state, &pkt, SAN_R_TOO_BIG_KERNEL, XDP_PASS);
}

static void test_wrong_family(void **state)
{
	const struct san_service svc = {.nexthop = FIRST, .mode = SAN_MODE_PREFERRED};
	struct san_nexthop nh = {.kind = SAN_NH_DIRECT, .mtu = 1500, .families = SAN_NH_IP6};
	const uint32_t index = FIRST;
	struct r_env *env = *state;
	struct r_pkt pkt;

	nh.ifindex = env->ifindex;
	set_class(env, 1);
	put_local(env, CLASSIFIED, &svc);
	r_put(env, "san_nexthops", &index, &nh);
	c_with_4(&pkt, SAN, 1, 0, 10);
	r_expect(env, &pkt, SAN_R_WRONG_FAMILY, XDP_PASS);
	nh.families = SAN_NH_IP4;
	r_put(env, "san_nexthops", &index, &nh);
	c_with_6(&pkt, SAN, 1, 0, 10);
	r_expect(env, &pkt, SAN_R_WRONG_FAMILY, XDP_PASS);
}

static void set_port(struct r_pkt *pkt, size_t inner, uint16_t port)
{
	pkt->data[inner + 56] = port >> 8;
	pkt->data[inner + 57] = port;
}

/* Ports of the inner packet decide: all slots are used, one flow stays with one. */
static void test_balanced(void **state)
{
	const struct san_service svc = {.mode = SAN_MODE_BALANCED,
					.slot_base = SLOT_BASE,
					.slot_bits = SLOT_BITS,
					.affinity = SAN_AFFINITY_HASH};
	unsigned int seen[INSTANCES] = {0}, i, to;
	uint32_t slot, nexthop;
	struct r_pkt pkt;

	for (i = 0; i < 1u << SLOT_BITS; i++) {
		slot = SLOT_BASE + i;
		nexthop = FIRST + i % INSTANCES;
		r_put(*state, "san_slots", &slot, &nexthop);
	}
	put_local(*state, SERVICE, &svc);
	with_san(&pkt, 1, SERVICE);
	for (i = 0; i < 300; i++) {
		set_port(&pkt, R_ETH + c_outer_len(1, 0), 1000 + i);
		to = instance_of(*state, &pkt, SAN_R_LOCAL);
		assert_in_range(to, 0, INSTANCES - 1);
		seen[to]++;
		assert_int_equal(instance_of(*state, &pkt, SAN_R_LOCAL), to);
	}
	for (i = 0; i < INSTANCES; i++)
		assert_true(seen[i] > 0);
}

static void test_flow(void **state)
{
	struct r_pkt pkt, other;

	with_san(&pkt, 1, SERVICE);
	other = pkt;
	set_port(&other, R_ETH + c_outer_len(1, 0), 4711);
	prefer(*state, 0, SAN_AFFINITY_FLOW);
	assert_int_equal(instance_of(*state, &pkt, SAN_R_LOCAL), 0);
	prefer(*state, 1, SAN_AFFINITY_FLOW);
	assert_int_equal(instance_of(*state, &pkt, SAN_R_FLOW_HIT), 0);
	assert_int_equal(instance_of(*state, &other, SAN_R_LOCAL), 1);
	put_instance(*state, 0, SAN_NH_DIRECT, 2); /* its instance is gone */
	assert_int_equal(instance_of(*state, &pkt, SAN_R_FLOW_MOVED), 1);
	assert_int_equal(instance_of(*state, &pkt, SAN_R_FLOW_HIT), 1);
}

/* --- fragments
 * --------------------------------------------------------------------------------------- */

/* frag: offset in 8 bytes and M as in the fragment header. */
static void with_fragment(struct r_pkt *pkt, uint16_t frag, uint8_t id)
{
	const uint8_t doh[16] = {17, 1, 0x1e, 12, 0x10, [14] = SERVICE >> 8, SERVICE & 0xff};
	const uint8_t hdr[8] = {60, 0, frag >> 8, frag, 0, 0, 0, id};
	size_t at;

	c_outer(pkt, SAN, 0, NO_SRH, 41);
	at = r_ip6(pkt, CLIENT, SERVER, 44);
	r_bytes(pkt, hdr, sizeof(hdr));
	if (frag >> 3 == 0)
		r_bytes(pkt, doh, sizeof(doh));
	r_bytes(pkt, "16 bytes of data", 16);
	r_end6(pkt, at);
	r_end6(pkt, R_ETH);
}

static void test_fragments(void **state)
{
	struct r_pkt first, later, other;

	with_fragment(&first, 1, 9);
	with_fragment(&later, 8, 9);
	with_fragment(&other, 8, 10);
	r_expect(*state, &later, SAN_R_FRAGMENT, XDP_PASS); /* before its first one */
	assert_int_equal(instance_of(*state, &first, SAN_R_LOCAL), 0);
	prefer(*state, 1, SAN_AFFINITY_HASH);
	assert_int_equal(instance_of(*state, &later, SAN_R_FRAGMENT_HIT), 0);
	r_expect(*state, &other, SAN_R_FRAGMENT, XDP_PASS);
	put_instance(*state, 0, SAN_NH_DIRECT, 2);
	r_expect(*state, &later, SAN_R_FRAGMENT, XDP_PASS);
}

static void test_fragments_4(void **state)
{
	const struct san_service svc = {.nexthop = FIRST + 1, .mode = SAN_MODE_PREFERRED};
	const size_t at = R_ETH + R_IP6;
	struct r_pkt pkt;

	set_class(*state, 1);
	put_local(*state, CLASSIFIED, &svc);
	c_with_4(&pkt, SAN, 0, NO_SRH, 16);
	pkt.data[at + 6] = 0;
	pkt.data[at + 7] = 3; /* at byte 24 */
	r_expect(*state, &pkt, SAN_R_FRAGMENT, XDP_PASS);
	pkt.data[at + 6] = 0x20; /* the first one, more follow */
	pkt.data[at + 7] = 0;
	assert_int_equal(instance_of(*state, &pkt, SAN_R_LOCAL), 1);
	pkt.data[at + 6] = 0;
	pkt.data[at + 7] = 3;
	assert_int_equal(instance_of(*state, &pkt, SAN_R_FRAGMENT_HIT), 1);
}

/* The event tells of the inner packet: that is the flow one looks for. */
static void test_event(void **state)
{
	struct r_env *env = *state;
	const struct san_domain domain = {
		.trace = {.fields = SAN_TRACE_ON | SAN_TRACE_SERVICE, .service_id = SERVICE}};
	const struct in6_addr client = r_addr(CLIENT), server = r_addr(SERVER);
	struct r_pkt pkt;

	r_domain(env, &domain);
	with_san(&pkt, 1, SERVICE);
	assert_int_equal(instance_of(env, &pkt, SAN_R_LOCAL), 0);
	assert_int_equal(env->n_events, 1);
	assert_memory_equal(env->event.src, &client, 16);
	assert_memory_equal(env->event.dst, &server, 16);
	assert_int_equal(env->event.sport, htons(40000));
	assert_int_equal(env->event.dport, htons(53));
	assert_int_equal(env->event.proto, 17);
	assert_int_equal(env->event.service_id, SERVICE);
	assert_int_equal(env->event.by, SAN_BY_HEADER);
	assert_int_equal(env->event.nexthop, FIRST);
	assert_int_equal(env->event.generation, 77);
	assert_int_equal(env->event.reason, SAN_R_LOCAL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, reset)
	const struct CMUnitTest tests[] = {
		/* clang-format off */
		T(test_header),
		T(test_counters),
		T(test_unknown_service),
		T(test_reading),
		T(test_class),
		T(test_ipv4_bytes),
		T(test_nothing_selected),
		T(test_limits),
		T(test_wrong_family),
		T(test_balanced),
		T(test_flow),
		T(test_fragments),
		T(test_fragments_4),
		T(test_event),
		/* clang-format on */
	};
#undef T

	if (!r_can_run())
		return 0;
	return cmocka_run_group_tests_name("core_san", tests, c_open, c_close);
}
