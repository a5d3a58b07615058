/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every reason of the enum, the action that belongs to it, policy bits and counters. */
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <string.h>
#include <unistd.h>

#include <san/msg.h>

#include "libtest.h"

static void put_kind(struct t_env *env, uint8_t kind)
{
	struct san_nexthop nh = t_nexthop(1, SAN_ENCAP_RED, 0);

	nh.kind = kind;
	t_put_nexthop(env, T_NH, &nh);
}

static void test_forwarded(void **state)
{
	struct t_pkt pkt;

	t_client(&pkt, 20);
	t_expect(*state, &pkt, SAN_R_FORWARDED, XDP_REDIRECT);
}

static void test_not_ip(void **state)
{
	struct t_pkt pkt;

	t_client(&pkt, 20);
	pkt.data[T_IP6_AT] = 0x45;
	t_expect(*state, &pkt, SAN_R_NOT_IP, XDP_PASS);
	t_client(&pkt, 20);
	pkt.data[12] = 0x88;
	pkt.data[13] = 0xcc;
	t_expect(*state, &pkt, SAN_R_NOT_IP, XDP_PASS);
	/* An Ethernet frame and nothing else. */
	pkt.len = T_ETH_LEN;
	t_expect(*state, &pkt, SAN_R_NOT_IP, XDP_PASS);
}

/* n tags of 802.1Q in front of the EtherType. */
static void tag(struct t_pkt *pkt, unsigned int n)
{
	while (n--) {
		memmove(pkt->data + 16, pkt->data + 12, pkt->len - 12);
		memcpy(pkt->data + 12, "\x81\0\0\7", 4);
		pkt->len += 4;
	}
}

static void test_tagged(void **state)
{
	struct t_env *env = *state;
	struct t_pkt pkt;
	unsigned int n;

	for (n = 1; n <= 3; n++) {
		t_client(&pkt, 20);
		tag(&pkt, n);
		t_expect(env, &pkt, n < 3 ? SAN_R_TAGGED : SAN_R_NOT_IP, XDP_PASS);
	}
	t_role(env, SAN_ROLE_INGRESS, SAN_IF_VLAN);
	for (n = 1; n <= 3; n++) {
		t_client(&pkt, 20);
		tag(&pkt, n);
		t_expect(env, &pkt, n < 3 ? SAN_R_FORWARDED : SAN_R_NOT_IP,
			 n < 3 ? XDP_REDIRECT : XDP_PASS);
	}
}

static void test_no_san(void **state)
{
	struct t_pkt pkt;

	t_begin(&pkt);
	t_udp(&pkt, 20);
	t_end(&pkt);
	t_expect(*state, &pkt, SAN_R_NO_SAN, XDP_PASS);
}

static void test_bad_version(void **state)
{
	struct t_pkt pkt;

	t_client(&pkt, 20);
	pkt.data[T_EXT_AT + 4] = 0x20;
	t_expect(*state, &pkt, SAN_R_BAD_VERSION, XDP_PASS);
}

static void fragment(struct t_pkt *pkt, uint8_t place)
{
	const uint8_t header[8] = {59, 0, 0, place, 0, 0, 0, 9};

	t_begin(pkt);
	t_header(pkt, 44, header, sizeof(header));
	if (place < 8)
		t_doh_san(pkt, T_SERVICE);
	t_udp(pkt, 20);
	t_end(pkt);
}

static void test_fragment(void **state)
{
	struct t_pkt pkt;

	fragment(&pkt, 8);
	t_expect(*state, &pkt, SAN_R_FRAGMENT, XDP_PASS);
	fragment(&pkt, 1);
	t_expect(*state, &pkt, SAN_R_FORWARDED, XDP_REDIRECT);
	fragment(&pkt, 8);
	t_expect(*state, &pkt, SAN_R_FRAGMENT_HIT, XDP_REDIRECT);
}

static void test_denied(void **state)
{
	struct t_env *env = *state;
	struct san_service svc = {
		.nexthop = T_NH, .mode = SAN_MODE_PREFERRED, .groups = 1ull << 63 | 1ull << 5};
	struct t_pkt pkt;
	uint8_t group;

	t_service(env, T_SERVICE, &svc);
	t_client(&pkt, 20);
	for (group = 0; group < SAN_MAX_GROUPS; group++) {
		bool may = group == 5 || group == 63;

		t_group(env, SAN_ROLE_INGRESS, 0, group);
		t_expect(env, &pkt, may ? SAN_R_FORWARDED : SAN_R_DENIED,
			 may ? XDP_REDIRECT : XDP_DROP);
	}
}

/* The source of this host's own outer headers, behind an outer header. */
static void test_looped(void **state)
{
	static const uint8_t mobile[24] = {59, 2, 2, 1};
	struct t_env *env = *state;
	struct san_domain domain = {0};
	struct t_pkt pkt;

	t_begin(&pkt);
	t_header(&pkt, 43, mobile, sizeof(mobile));
	t_doh_san(&pkt, T_SERVICE);
	t_udp(&pkt, 20);
	t_end(&pkt);
	t_expect(env, &pkt, SAN_R_FORWARDED, XDP_REDIRECT);
	memcpy(domain.source, pkt.data + T_IP6_AT + 8, 16);
	t_domain(env, &domain);
	t_expect(env, &pkt, SAN_R_LOOPED, XDP_DROP);
	t_client(&pkt, 20);
	t_expect(env, &pkt, SAN_R_FORWARDED, XDP_REDIRECT);
}

static void test_wrong_family(void **state)
{
	struct t_env *env = *state;
	struct san_nexthop nh = t_nexthop(1, SAN_ENCAP_RED, 0);
	struct t_pkt pkt;

	nh.families = SAN_NH_IP4;
	t_put_nexthop(env, T_NH, &nh);
	t_client(&pkt, 20);
	t_expect(env, &pkt, SAN_R_WRONG_FAMILY, XDP_PASS);
}

static void test_unknown_service(void **state)
{
	struct t_env *env = *state;
	struct t_pkt pkt;

	t_begin(&pkt);
	t_doh_san(&pkt, T_SERVICE + 1);
	t_udp(&pkt, 20);
	t_end(&pkt);
	t_expect(env, &pkt, SAN_R_UNKNOWN_SERVICE, XDP_PASS);
	t_role(env, SAN_ROLE_INGRESS, SAN_IF_DROP_MALFORMED);
	t_expect(env, &pkt, SAN_R_UNKNOWN_SERVICE, XDP_PASS);
	t_role(env, SAN_ROLE_INGRESS, SAN_IF_DROP_UNKNOWN);
	t_expect(env, &pkt, SAN_R_UNKNOWN_SERVICE, XDP_DROP);
	t_client(&pkt, 20);
	t_expect(env, &pkt, SAN_R_FORWARDED, XDP_REDIRECT);
}

static void test_nothing_selected(void **state)
{
	struct t_env *env = *state;
	struct san_service none = {.mode = SAN_MODE_NONE};
	struct t_pkt pkt;

	t_service(env, T_SERVICE, &none);
	t_client(&pkt, 20);
	t_expect(env, &pkt, SAN_R_NOTHING_SELECTED, XDP_PASS);
}

static void test_nh_unresolved(void **state)
{
	struct t_env *env = *state;
	struct san_nexthop nh = t_nexthop(1, SAN_ENCAP_RED, 0);
	struct t_pkt pkt;

	t_client(&pkt, 20);
	put_kind(env, SAN_NH_UNRESOLVED);
	t_expect(env, &pkt, SAN_R_NH_UNRESOLVED, XDP_PASS);
	/* Resolved, but by an interface that has no role here. */
	nh.ifindex = 4242;
	t_put_nexthop(env, T_NH, &nh);
	t_expect(env, &pkt, SAN_R_NH_UNRESOLVED, XDP_PASS);
}

static void test_nh_invalid(void **state)
{
	struct t_env *env = *state;
	struct t_pkt pkt;

	t_client(&pkt, 20);
	put_kind(env, SAN_NH_UNUSED);
	t_expect(env, &pkt, SAN_R_NH_INVALID, XDP_PASS);
}

/* What dp_nexthop_put() refuses, the program survives all the same. */
static void test_nh_bad_length(void **state)
{
	static const uint16_t lengths[] = {0, 8, 39, 41, 48, 56, 65, 72, 177, 192, 256, 65535};
	struct t_env *env = *state;
	struct san_nexthop nh = t_nexthop(1, SAN_ENCAP_RED, 0);
	int fd = t_map_fd(env, "san_nexthops");
	uint32_t key = T_NH;
	struct t_pkt pkt;
	size_t i;

	t_client(&pkt, 20);
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		nh.outer_len = lengths[i];
		assert_int_equal(bpf_map_update_elem(fd, &key, &nh, BPF_ANY), 0);
		t_expect(env, &pkt, SAN_R_NH_INVALID, XDP_PASS);
	}
	nh.kind = 200;
	assert_int_equal(bpf_map_update_elem(fd, &key, &nh, BPF_ANY), 0);
	t_expect(env, &pkt, SAN_R_NH_INVALID, XDP_PASS);
	close(fd);
}

static void test_nh_index_beyond(void **state)
{
	struct t_env *env = *state;
	struct san_service_key key = {.service_id = T_SERVICE};
	struct san_service svc = {.nexthop = 9999, .mode = SAN_MODE_PREFERRED, .groups = 1};
	int fd = t_map_fd(env, "san_services");
	struct t_pkt pkt;

	t_client(&pkt, 20);
	assert_int_equal(bpf_map_update_elem(fd, &key, &svc, BPF_ANY), 0);
	t_expect(env, &pkt, SAN_R_NH_INVALID, XDP_PASS);
	svc.mode = 7; /* of a later version */
	assert_int_equal(bpf_map_update_elem(fd, &key, &svc, BPF_ANY), 0);
	t_expect(env, &pkt, SAN_R_NOTHING_SELECTED, XDP_PASS);
	close(fd);
}

static void test_nh_drop(void **state)
{
	struct t_env *env = *state;
	struct t_pkt pkt;

	t_client(&pkt, 20);
	put_kind(env, SAN_NH_DROP);
	t_expect(env, &pkt, SAN_R_NH_DROP, XDP_DROP);
}

static void test_hop_limit(void **state)
{
	struct t_pkt pkt;

	t_client(&pkt, 20);
	pkt.data[T_IP6_AT + 7] = 0;
	t_expect(*state, &pkt, SAN_R_HOP_LIMIT, XDP_PASS);
	pkt.data[T_IP6_AT + 7] = 1;
	t_expect(*state, &pkt, SAN_R_HOP_LIMIT, XDP_PASS);
	pkt.data[T_IP6_AT + 7] = 2;
	t_expect(*state, &pkt, SAN_R_FORWARDED, XDP_REDIRECT);
}

/* 40 outer + 40 + 16 DOH + 8 UDP + payload against 1500. */
static void too_big(struct t_env *env, enum san_reason reason, int action)
{
	struct san_nexthop nh = t_nexthop(8, SAN_ENCAP_FULL, 0);
	struct t_pkt pkt;

	t_client(&pkt, 1500 - 104);
	t_expect(env, &pkt, SAN_R_FORWARDED, XDP_REDIRECT);
	t_client(&pkt, 1500 - 104 + 1);
	t_expect(env, &pkt, reason, action);
	t_put_nexthop(env, T_NH, &nh);
	t_client(&pkt, 1500 - 104 - 136);
	t_expect(env, &pkt, SAN_R_FORWARDED, XDP_REDIRECT);
	t_client(&pkt, 1500 - 104 - 136 + 1);
	t_expect(env, &pkt, reason, action);
}

static void test_too_big(void **state)
{
	struct t_env *env = *state;
	struct san_domain domain = {.icmp_source = {1}};
	struct t_pkt pkt;
	int i;

	too_big(env, SAN_R_TOO_BIG_KERNEL, XDP_PASS);
	t_domain(env, &domain);
	t_reset(state);
	t_domain(env, &domain);
	too_big(env, SAN_R_TOO_BIG, XDP_TX);
	t_clear(env, "san_buckets");
	t_client(&pkt, 1500);
	for (i = 0; i < SAN_BUCKET_BURST; i++)
		t_expect(env, &pkt, SAN_R_TOO_BIG, XDP_TX);
	t_expect(env, &pkt, SAN_R_TOO_BIG_LIMITED, XDP_DROP);
}

static void test_no_role(void **state)
{
	struct t_env *env = *state;
	struct t_pkt pkt;

	t_client(&pkt, 20);
	t_role(env, SAN_ROLE_CORE, SAN_IF_DROP_UNKNOWN | SAN_IF_DROP_MALFORMED);
	t_expect(env, &pkt, SAN_R_NO_ROLE, XDP_PASS);
	t_role(env, SAN_ROLE_NONE, SAN_IF_DROP_UNKNOWN | SAN_IF_DROP_MALFORMED);
	t_expect(env, &pkt, SAN_R_NO_ROLE, XDP_PASS);
}

static void expect_not_routable(struct t_env *env, size_t at, const uint8_t *bytes, size_t len)
{
	struct t_pkt pkt;

	t_client(&pkt, 20);
	memcpy(pkt.data + at, bytes, len);
	t_expect(env, &pkt, SAN_R_NOT_ROUTABLE, XDP_PASS);
}

/* Frames to other hosts and groups, also when policy would drop what they hold. */
static void test_other_mac(void **state)
{
	static const uint8_t macs[][6] = {{2, 1, 1, 1, 1, 0},
					  {3, 1, 1, 1, 1, 1},
					  {2, 1, 1, 0, 1, 1},
					  {0x33, 0x33, 0, 0, 0, 1},
					  {255, 255, 255, 255, 255, 255},
					  {0}};
	struct t_env *env = *state;
	struct t_pkt pkt;
	size_t i;

	t_role(env, SAN_ROLE_INGRESS, SAN_IF_DROP_MALFORMED | SAN_IF_DROP_UNKNOWN);
	for (i = 0; i < sizeof(macs) / sizeof(macs[0]); i++)
		expect_not_routable(env, 0, macs[i], 6);
	t_client(&pkt, 20);
	pkt.data[0] ^= 4;
	pkt.data[T_EXT_AT + 3] = 200; /* malformed */
	t_expect(env, &pkt, SAN_R_NOT_ROUTABLE, XDP_PASS);
}

/* RFC 4291: these neither come from nor go to another link. */
static void test_not_routable(void **state)
{
	static const uint8_t heads[][9] = {
		{0xfe, 0x80}, {0xfe, 0xbf, 255}, {0xff, 2}, {0xff, 0xe}, {0}};
	static const uint8_t good[][9] = {
		{0xfe, 0xc0}, {0xfe, 0xff}, {0xfd, 1}, {0, 0x64, 0xff, 0x9b}};
	struct t_env *env = *state;
	struct t_pkt pkt;
	size_t i;

	for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		expect_not_routable(env, T_IP6_AT + 8, heads[i], 8);
		expect_not_routable(env, T_IP6_AT + 24, heads[i], 8);
	}
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		t_client(&pkt, 20);
		memcpy(pkt.data + T_IP6_AT + 8, good[i], 8);
		memcpy(pkt.data + T_IP6_AT + 24, good[i], 8);
		t_expect(env, &pkt, SAN_R_FORWARDED, XDP_REDIRECT);
	}
}

/* Metadata in front of the packet takes the room that 8 segments need. */
static void test_no_headroom(void **state)
{
	enum { META = 48 };
	struct t_env *env = *state;
	struct san_nexthop nh = t_nexthop(8, SAN_ENCAP_FULL, 0);
	uint8_t in[META + T_PKT_MAX] = {0}, out[META + T_PKT_MAX + 256];
	struct xdp_md ctx = {.data = META};
	struct san_counter before[SAN_R_MAX], after[SAN_R_MAX];
	struct t_pkt pkt;

	t_put_nexthop(env, T_NH, &nh);
	t_client(&pkt, 20);
	memcpy(in + META, pkt.data, pkt.len);
	ctx.data_end = META + pkt.len;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in, .data_size_in = META + pkt.len,
		    .data_out = out, .data_size_out = sizeof(out), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = 1);
	t_counters(env, before);
	if (bpf_prog_test_run_opts(dp_prog_fd(env->dp, SAN_ROLE_INGRESS), &opts)) {
		print_message("skip: this kernel's test run takes at most 32 bytes of metadata\n");
		env->hits[SAN_R_NO_HEADROOM]++;
		skip();
	}
	t_counters(env, after);
	assert_int_equal(after[SAN_R_NO_HEADROOM].packets - before[SAN_R_NO_HEADROOM].packets, 1);
	assert_int_equal(opts.retval, XDP_PASS);
	assert_memory_equal(out + META, pkt.data, pkt.len);
	env->hits[SAN_R_NO_HEADROOM]++;
}

static void test_flow_hit(void **state)
{
	struct t_env *env = *state;
	struct san_nexthop nh = t_nexthop(1, SAN_ENCAP_RED, 0);
	struct san_service svc = {
		.nexthop = T_NH, .mode = SAN_MODE_PREFERRED, .affinity = SAN_AFFINITY_FLOW};
	struct t_pkt pkt;

	t_service(env, T_SERVICE, &svc);
	t_client(&pkt, 20);
	t_expect(env, &pkt, SAN_R_FORWARDED, XDP_REDIRECT);
	t_expect(env, &pkt, SAN_R_FLOW_HIT, XDP_REDIRECT);
	nh.epoch++;
	t_put_nexthop(env, T_NH, &nh);
	t_expect(env, &pkt, SAN_R_FLOW_MOVED, XDP_REDIRECT);
	t_expect(env, &pkt, SAN_R_FLOW_HIT, XDP_REDIRECT);
}

/* PASS by default, DROP by the interface's malformed bit alone. */
static void expect_malformed(struct t_env *env, const struct t_pkt *pkt, enum san_reason reason)
{
	t_role(env, SAN_ROLE_INGRESS, SAN_IF_DROP_UNKNOWN);
	t_expect(env, pkt, reason, XDP_PASS);
	t_role(env, SAN_ROLE_INGRESS, SAN_IF_DROP_MALFORMED);
	t_expect(env, pkt, reason, XDP_DROP);
	t_role(env, SAN_ROLE_INGRESS, 0);
	t_expect(env, pkt, reason, XDP_PASS);
}

static void test_bad_ipv4(void **state)
{
	struct t_pkt pkt;

	t_client(&pkt, 20);
	pkt.data[12] = 0x08;
	pkt.data[13] = 0x00;
	expect_malformed(*state, &pkt, SAN_R_BAD_IPV4);
}

static void test_boundary(void **state)
{
	struct t_env *env = *state;
	struct san_domain domain = {.n_blocks = 1};
	struct t_pkt pkt;

	t_prefix(&domain.blocks[0], "2001:db8:5::", 48);
	t_domain(env, &domain);
	t_client(&pkt, 20);
	t_expect(env, &pkt, SAN_R_BOUNDARY, XDP_DROP);
}

static void test_malformed(void **state)
{
	const uint8_t srh[8] = {59, 0, 0, 4, 0, 0, 0, 0};
	struct t_pkt pkt;

	t_client(&pkt, 0);
	pkt.len -= 1;
	expect_malformed(*state, &pkt, SAN_R_TRUNCATED);
	t_client(&pkt, 20);
	pkt.data[T_EXT_AT + 3] = 13;
	expect_malformed(*state, &pkt, SAN_R_BAD_OPTION);
	t_begin(&pkt);
	t_header(&pkt, 43, srh, sizeof(srh));
	pkt.data[T_EXT_AT + 2] = 4;
	t_udp(&pkt, 20);
	t_end(&pkt);
	expect_malformed(*state, &pkt, SAN_R_BAD_SRH);
	t_begin(&pkt);
	t_doh_san(&pkt, 0);
	t_udp(&pkt, 20);
	t_end(&pkt);
	expect_malformed(*state, &pkt, SAN_R_ZERO_SERVICE);
}

static void test_too_deep(void **state)
{
	const uint8_t pad[8] = {59, 0, 1, 4, 0, 0, 0, 0};
	struct t_env *env = *state;
	struct t_pkt pkt;
	int i;

	t_begin(&pkt);
	t_doh_san(&pkt, T_SERVICE);
	for (i = 0; i < SAN_MAX_EXT_HDRS; i++)
		t_header(&pkt, 60, pad, sizeof(pad));
	t_udp(&pkt, 20);
	t_end(&pkt);
	t_role(env, SAN_ROLE_INGRESS, SAN_IF_DROP_MALFORMED | SAN_IF_DROP_UNKNOWN);
	t_expect(env, &pkt, SAN_R_TOO_DEEP, XDP_PASS);
}

/* Steered packets count for service and next hop, with their length as received; others do not. */
static void test_counters(void **state)
{
	struct t_env *env = *state;
	struct san_counter svc, nh;
	struct t_pkt pkt;
	int i;

	for (i = 0; i < 3; i++) {
		t_client(&pkt, 100);
		t_expect(env, &pkt, SAN_R_FORWARDED, XDP_REDIRECT);
	}
	t_client(&pkt, 100);
	pkt.data[T_IP6_AT + 7] = 1;
	t_expect(env, &pkt, SAN_R_HOP_LIMIT, XDP_PASS);
	assert_int_equal(dp_svc_stats(env->dp, T_SVC_STATS, &svc), 0);
	assert_int_equal(svc.packets, 3);
	assert_int_equal(svc.bytes, 3 * pkt.len);
	assert_int_equal(dp_nh_stats(env->dp, T_NH, &nh), 0);
	assert_int_equal(nh.packets, 3);
	assert_int_equal(nh.bytes, 3 * pkt.len);
	assert_int_equal(dp_svc_stats_clear(env->dp, T_SVC_STATS), 0);
	assert_int_equal(dp_svc_stats(env->dp, T_SVC_STATS, &svc), 0);
	assert_int_equal(svc.packets, 0);
}

/* Of the core program alone: test_core*.c, and the vectors have every reason. Of rules that do more
 * than steer: test_act.c. */
static bool is_elsewhere(int reason)
{
	switch (reason) {
	case SAN_R_RELAYED:
	case SAN_R_DECAPSULATED:
	case SAN_R_LOCAL:
	case SAN_R_OUTSIDE_SOURCE:
	case SAN_R_NOT_LOCAL:
	case SAN_R_KERNEL_SID:
	case SAN_R_NO_ROUTE:
	case SAN_R_SEGMENTS_LEFT:
	case SAN_R_UPPER_LAYER:
	case SAN_R_ALLOWED:
	case SAN_R_FORBIDDEN:
	case SAN_R_OVER_RATE:
	case SAN_R_GOAL_DOWN:
		return true;
	}
	return false;
}

static void test_every_reason(void **state)
{
	struct t_env *env = *state;
	int r;

	for (r = 0; r < SAN_R_MAX; r++)
		if (!env->hits[r] && !is_elsewhere(r))
			fail_msg("no test reached reason %s", t_reason_name(r));
}

#define T(fn) cmocka_unit_test_setup(fn, t_reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_forwarded),
		T(test_not_ip),
		T(test_tagged),
		T(test_no_san),
		T(test_bad_version),
		T(test_fragment),
		T(test_denied),
		T(test_looped),
		T(test_wrong_family),
		T(test_unknown_service),
		T(test_nothing_selected),
		T(test_nh_unresolved),
		T(test_nh_invalid),
		T(test_nh_bad_length),
		T(test_nh_index_beyond),
		T(test_nh_drop),
		T(test_hop_limit),
		T(test_too_big),
		T(test_no_role),
		T(test_other_mac),
		T(test_not_routable),
		T(test_no_headroom),
		T(test_flow_hit),
		T(test_bad_ipv4),
		T(test_boundary),
		T(test_malformed),
		T(test_too_deep),
		T(test_counters),
		cmocka_unit_test(test_every_reason), /* last */
	};

	return t_can_run() ? cmocka_run_group_tests(tests, t_open, t_close) : 0;
}
