/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bytes that leave: every number of segments, both encapsulations, header fields, direct next
 * hops, Ethernet padding. Expected bytes are put together here, not by dp_outer_build(). */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#include <san/msg.h>

#include "libtest.h"

static void seg_addr(uint8_t out[16], unsigned int i)
{
	char text[32];

	snprintf(text, sizeof(text), "fc00:%x::1", i + 1);
	assert_int_equal(inet_pton(AF_INET6, text, out), 1);
}

/* RFC 8754 section 2: the list is reversed; reduced: without the first segment. */
static size_t expected_outer(uint8_t *out, unsigned int n, int encap)
{
	unsigned int listed = encap == SAN_ENCAP_RED ? n - 1 : n, i;

	memset(out, 0, 40);
	out[0] = 0x60;
	out[6] = listed ? 43 : 41;
	assert_int_equal(inet_pton(AF_INET6, "2001:db8:e::1", out + 8), 1);
	seg_addr(out + 24, 0);
	if (!listed)
		return 40;
	memset(out + 40, 0, 8);
	out[40] = 41;
	out[41] = 2 * listed;
	out[42] = 4;
	out[43] = n - 1;
	out[44] = listed - 1;
	for (i = 0; i < listed; i++)
		seg_addr(out + 48 + 16 * i, n - 1 - i);
	return 48 + 16 * listed;
}

/* Everything but the flow label, which is returned. */
static uint32_t check_outer(const struct t_out *out, const uint8_t *outer, size_t len,
			    const struct t_pkt *pkt)
{
	const uint8_t mac[12] = {2, 0xdd, 1, 2, 3, 4, 2, 0x55, 6, 7, 8, 9};
	const uint8_t *ip6 = out->data + T_IP6_AT;
	size_t inner = pkt->len - T_ETH_LEN;

	assert_int_equal(out->len, pkt->len + len);
	assert_memory_equal(out->data, mac, 12);
	assert_int_equal(out->data[12] << 8 | out->data[13], 0x86dd);
	assert_int_equal(ip6[0], 0x60 | 0xb);
	assert_int_equal(ip6[1] & 0xf0, 0x90);
	assert_int_equal(ip6[4] << 8 | ip6[5], inner + len - 40);
	assert_memory_equal(ip6 + 6, outer + 6, 1);
	assert_memory_equal(ip6 + 8, outer + 8, len - 8);
	/* Inner packet: one hop less, nothing else. */
	assert_memory_equal(ip6 + len, pkt->data + T_IP6_AT, 7);
	assert_int_equal(ip6[len + 7], pkt->data[T_IP6_AT + 7] - 1);
	assert_memory_equal(ip6 + len + 8, pkt->data + T_IP6_AT + 8, inner - 8);
	return (ip6[1] & 0xf) << 16 | ip6[2] << 8 | ip6[3];
}

static void check_segments(struct t_env *env, unsigned int n, int encap)
{
	struct san_nexthop nh = t_nexthop(n, encap, 0);
	uint8_t outer[176];
	struct t_pkt pkt;
	struct t_out out;
	size_t len = expected_outer(outer, n, encap);

	assert_int_equal(nh.outer_len, len);
	assert_memory_equal(nh.outer, outer, len);
	t_put_nexthop(env, T_NH, &nh);
	t_client(&pkt, 33);
	t_run(env, &pkt, &out);
	assert_int_equal(out.reason, SAN_R_FORWARDED);
	assert_int_equal(out.action, XDP_REDIRECT);
	assert_int_not_equal(check_outer(&out, outer, len, &pkt), 0);
	assert_int_equal(out.data[T_IP6_AT + 7], 63);
}

static void test_red(void **state)
{
	unsigned int n;

	for (n = 1; n <= SAN_MAX_SEGS; n++)
		check_segments(*state, n, SAN_ENCAP_RED);
}

static void test_full(void **state)
{
	unsigned int n;

	for (n = 1; n <= SAN_MAX_SEGS; n++)
		check_segments(*state, n, SAN_ENCAP_FULL);
}

static void test_build_refuses(void **state)
{
	struct in6_addr segs[SAN_MAX_SEGS + 1] = {0};
	struct dp_outer outer = {.segs = segs, .n_segs = 0};
	struct san_nexthop nh = {.epoch = 77, .mtu = 1400};

	(void)state;
	assert_int_equal(dp_outer_build(&outer, &nh), -EINVAL);
	outer.n_segs = SAN_MAX_SEGS + 1;
	assert_int_equal(dp_outer_build(&outer, &nh), -EINVAL);
	outer.n_segs = 1;
	outer.encap = SAN_ENCAP_MAX;
	assert_int_equal(dp_outer_build(&outer, &nh), -EINVAL);
	assert_int_equal(nh.outer_len, 0);
	outer.encap = SAN_ENCAP_RED;
	assert_int_equal(dp_outer_build(&outer, &nh), 0);
	assert_int_equal(nh.kind, SAN_NH_UNRESOLVED);
	assert_int_equal(nh.epoch, 77);
	assert_int_equal(nh.mtu, 1400);
}

/* Bytes of a longer list that was there before do not stay behind a shorter one. */
static void test_build_clears(void **state)
{
	struct san_nexthop nh = t_nexthop(8, SAN_ENCAP_FULL, 9), fresh = t_nexthop(2, 0, 0);
	struct in6_addr segs[2];
	struct dp_outer outer = {.segs = segs, .n_segs = 2};

	(void)state;
	memcpy(&outer.source, (uint8_t *)fresh.outer + 8, 16);
	seg_addr(segs[0].s6_addr, 0);
	seg_addr(segs[1].s6_addr, 1);
	assert_int_equal(dp_outer_build(&outer, &nh), 0);
	assert_memory_equal(nh.outer, fresh.outer, sizeof(nh.outer));
	assert_int_equal(nh.hop_limit, 0);
}

static void test_hop_limit(void **state)
{
	struct t_env *env = *state;
	struct san_nexthop nh = t_nexthop(3, SAN_ENCAP_RED, 37);
	struct t_pkt pkt;
	struct t_out out;

	t_client(&pkt, 10);
	pkt.data[T_IP6_AT + 7] = 255;
	t_run(env, &pkt, &out);
	assert_int_equal(out.data[T_IP6_AT + 7], 254);
	assert_int_equal(out.data[T_IP6_AT + 40 + 7], 254);
	t_put_nexthop(env, T_NH, &nh);
	pkt.data[T_IP6_AT + 7] = 2;
	t_run(env, &pkt, &out);
	assert_int_equal(out.data[T_IP6_AT + 7], 37);
	assert_int_equal(out.data[T_IP6_AT + nh.outer_len + 7], 1);
}

/* RFC 6040: all 8 bits, ECN too. The inner flow label stays inside. */
static void test_traffic_class(void **state)
{
	struct t_pkt pkt;
	struct t_out out;
	int tc;

	for (tc = 0; tc < 256; tc++) {
		t_client(&pkt, 10);
		pkt.data[T_IP6_AT] = 0x60 | tc >> 4;
		pkt.data[T_IP6_AT + 1] = tc << 4 | 0xf;
		t_run(*state, &pkt, &out);
		assert_int_equal(out.data[T_IP6_AT], 0x60 | tc >> 4);
		assert_int_equal(out.data[T_IP6_AT + 1] & 0xf0, tc << 4 & 0xf0);
		assert_memory_equal(out.data + T_IP6_AT + 40, pkt.data + T_IP6_AT, 4);
	}
}

static uint32_t label_of(struct t_env *env, const struct t_pkt *pkt)
{
	struct t_out out;
	const uint8_t *ip6 = out.data + T_IP6_AT;

	t_run(env, pkt, &out);
	assert_int_equal(out.action, XDP_REDIRECT);
	return (ip6[1] & 0xf) << 16 | ip6[2] << 8 | ip6[3];
}

/* Equal within a flow, whatever the packet holds; nearly always different for another. */
static void test_flow_label(void **state)
{
	enum { FLOWS = 256 };
	static const int fields[] = {T_IP6_AT + 23, T_IP6_AT + 39, T_EXT_AT + 17, T_EXT_AT + 19};
	struct t_env *env = *state;
	struct t_pkt pkt;
	uint32_t label;
	int i, same = 0;

	t_client(&pkt, 10);
	label = label_of(env, &pkt);
	pkt.data[pkt.len - 1] ^= 0xff;
	pkt.data[T_IP6_AT + 7] = 9;
	pkt.data[T_IP6_AT + 1] ^= 0x10;
	assert_int_equal(label_of(env, &pkt), label);
	for (i = 1; i < FLOWS; i++) {
		t_client(&pkt, 10);
		pkt.data[fields[i % 4]] ^= i;
		same += label_of(env, &pkt) == label;
	}
	assert_true(same <= 2);
}

static void test_direct(void **state)
{
	struct t_env *env = *state;
	struct san_nexthop nh = t_nexthop(1, SAN_ENCAP_RED, 0);
	struct t_pkt pkt;
	struct t_out out;

	nh.kind = SAN_NH_DIRECT;
	nh.outer_len = 0;
	nh.mtu = 104;
	t_put_nexthop(env, T_NH, &nh);
	t_client(&pkt, 40);
	t_run(env, &pkt, &out);
	assert_int_equal(out.reason, SAN_R_FORWARDED);
	assert_int_equal(out.action, XDP_REDIRECT);
	assert_int_equal(out.len, pkt.len);
	assert_memory_equal(out.data, nh.dst_mac, 6);
	assert_memory_equal(out.data + 6, nh.src_mac, 6);
	assert_int_equal(out.data[T_IP6_AT + 7], 63);
	pkt.data[T_IP6_AT + 7] = 63;
	assert_memory_equal(out.data + 12, pkt.data + 12, pkt.len - 12);
	t_client(&pkt, 41);
	t_expect(env, &pkt, SAN_R_TOO_BIG_KERNEL, XDP_PASS);
	t_client(&pkt, 40);
	pkt.data[T_IP6_AT + 7] = 1;
	t_expect(env, &pkt, SAN_R_HOP_LIMIT, XDP_PASS);
}

/* Bytes behind the payload length are no part of the packet: they neither travel nor count. */
static void check_padding(struct t_env *env, struct t_pkt *pkt, size_t grow)
{
	struct t_out out, padded;

	t_client(pkt, 10);
	t_run(env, pkt, &out);
	t_bytes(pkt, "padding behind the packet", 25);
	t_run(env, pkt, &padded);
	assert_int_equal(padded.reason, SAN_R_FORWARDED);
	assert_int_equal(padded.len, pkt->len - 25 + grow);
	assert_int_equal(padded.len, out.len);
	assert_memory_equal(padded.data, out.data, out.len);
}

static void test_padding(void **state)
{
	struct t_env *env = *state;
	struct san_nexthop nh = t_nexthop(1, SAN_ENCAP_RED, 0);
	struct t_pkt pkt;

	nh.mtu = 40 + 40 + 16 + 8 + 10;
	t_put_nexthop(env, T_NH, &nh);
	check_padding(env, &pkt, 40);
	nh.kind = SAN_NH_DIRECT;
	nh.outer_len = 0;
	t_put_nexthop(env, T_NH, &nh);
	check_padding(env, &pkt, 0);
}

static void by_class(struct t_env *env)
{
	struct san_msg_class any = {.service_id = T_SERVICE};

	t_classes(env, &any, 1);
	t_role(env, SAN_ROLE_INGRESS, SAN_IF_CLASSIFY);
}

/* IPv4 inside: next header 4 in front of it, a TTL less, its checksum right for every value. */
static void check_ip4(struct t_env *env, unsigned int n, int encap)
{
	struct san_nexthop nh = t_nexthop(n, encap, 0);
	struct t_pkt pkt;
	struct t_out out;
	const uint8_t *ip6 = out.data + T_IP6_AT, *ip = ip6 + nh.outer_len;
	unsigned int id;

	t_put_nexthop(env, T_NH, &nh);
	for (id = 0; id < 65536; id += 241) {
		t_begin4(&pkt, 17, 0);
		pkt.data[T_IP6_AT + 4] = id >> 8;
		pkt.data[T_IP6_AT + 5] = id;
		t_udp(&pkt, 33);
		t_end4(&pkt);
		t_run(env, &pkt, &out);
		assert_int_equal(out.reason, SAN_R_FORWARDED);
		assert_int_equal(out.len, pkt.len + nh.outer_len);
		assert_int_equal(t_sum(ip, 20), 0);
		assert_int_equal(ip[8], 63);
	}
	assert_memory_equal(ip, pkt.data + T_IP6_AT, 8);
	assert_memory_equal(ip + 12, pkt.data + T_IP6_AT + 12, pkt.len - T_IP6_AT - 12);
	assert_int_equal(ip6[nh.outer_len == 40 ? 6 : 40], 4);
	assert_int_equal(ip6[6], nh.outer_len == 40 ? 4 : 43);
	assert_int_equal(ip6[0] << 8 | ip6[1], 0x6000 | 0xb9 << 4 | (ip6[1] & 0xf));
	assert_int_equal(ip6[7], 64);
	assert_int_equal(ip6[4] << 8 | ip6[5], nh.outer_len - 40 + pkt.len - T_IP6_AT);
}

static void test_ip4(void **state)
{
	by_class(*state);
	check_ip4(*state, 1, SAN_ENCAP_RED);
	check_ip4(*state, 1, SAN_ENCAP_FULL);
	check_ip4(*state, 3, SAN_ENCAP_RED);
	check_ip4(*state, 8, SAN_ENCAP_FULL);
}

static void test_ip4_direct(void **state)
{
	struct t_env *env = *state;
	struct san_nexthop nh = t_nexthop(1, SAN_ENCAP_RED, 0);
	struct t_pkt pkt;
	struct t_out out;

	by_class(env);
	nh.kind = SAN_NH_DIRECT;
	nh.outer_len = 0;
	t_put_nexthop(env, T_NH, &nh);
	t_begin4(&pkt, 17, 0x4000);
	t_udp(&pkt, 5);
	t_end4(&pkt);
	t_run(env, &pkt, &out);
	assert_int_equal(out.reason, SAN_R_FORWARDED);
	assert_int_equal(out.len, pkt.len);
	assert_memory_equal(out.data, nh.dst_mac, 6);
	assert_int_equal(out.data[12] << 8 | out.data[13], 0x0800);
	assert_int_equal(out.data[T_IP6_AT + 8], 63);
	assert_int_equal(t_sum(out.data + T_IP6_AT, 20), 0);
}

/* A tagged frame leaves without its tags. */
static void test_tags_go(void **state)
{
	struct t_env *env = *state;
	struct t_pkt pkt;
	struct t_out plain, out;
	int n;

	t_role(env, SAN_ROLE_INGRESS, SAN_IF_VLAN);
	t_client(&pkt, 10);
	t_run(env, &pkt, &plain);
	for (n = 1; n <= 2; n++) {
		memmove(pkt.data + 16, pkt.data + 12, pkt.len - 12);
		memcpy(pkt.data + 12, "\x88\xa8\0\7", 4);
		pkt.len += 4;
		t_run(env, &pkt, &out);
		assert_int_equal(out.reason, SAN_R_FORWARDED);
		assert_int_equal(out.len, plain.len);
		assert_memory_equal(out.data, plain.data, plain.len);
	}
}

#define T(fn) cmocka_unit_test_setup(fn, t_reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_red),	      T(test_full),	  T(test_build_refuses),
		T(test_build_clears), T(test_hop_limit),  T(test_traffic_class),
		T(test_flow_label),   T(test_direct),	  T(test_padding),
		T(test_ip4),	      T(test_ip4_direct), T(test_tags_go),
	};

	return t_can_run() ? cmocka_run_group_tests(tests, t_open, t_close) : 0;
}
