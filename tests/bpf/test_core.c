/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The core program: End.DX6, End.DX4, End.DT6 byte by byte, what goes to the kernel, events. End is
 * in test_core_end.c, End.SAN in test_core_san.c, the kernel's own bytes in
 * tests/lab/test_gateway_bytes.py. */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <string.h>

#include "libcore.h"

#define T(name) cmocka_unit_test_setup(name, c_reset)

/* --- decapsulation ---------------------------------------------------------------------------- */

static void test_dx6(void **state)
{
	static const size_t sizes[] = {0, 1, 7, 64, 500, 1452};
	struct r_pkt pkt;
	size_t i;
	int n;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		c_with_6(&pkt, DX6, 0, NO_SRH, sizes[i]);
		c_check_inner_6(*state, &pkt, R_IP6, 48 + sizes[i], c_direct_macs);
		for (n = 1; n <= MAX_SEGS; n++) {
			c_with_6(&pkt, DX6, n, 0, sizes[i]);
			c_check_inner_6(*state, &pkt, c_outer_len(n, 0), 48 + sizes[i],
					c_direct_macs);
		}
	}
}

static void test_dx4(void **state)
{
	static const size_t sizes[] = {0, 1, 7, 64, 500, 1472};
	struct r_pkt pkt;
	size_t i;
	int n;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		c_with_4(&pkt, DX4, 0, NO_SRH, sizes[i]);
		c_check_inner_4(*state, &pkt, R_IP6, 28 + sizes[i], c_direct_macs);
		for (n = 1; n <= MAX_SEGS; n++) {
			c_with_4(&pkt, DX4, n, 0, sizes[i]);
			c_check_inner_4(*state, &pkt, c_outer_len(n, 0), 28 + sizes[i],
					c_direct_macs);
		}
	}
}

static bool is_edge(uint8_t byte)
{
	return byte <= 1 || byte >= 0xfe;
}

/* By way of the identification the checksum takes every value, those where a sum wraps are tried.
 */
static void test_dx4_checksum(void **state)
{
	struct r_pkt pkt;
	struct r_out out;
	int id, tried = 0;
	uint16_t sum;

	c_with_4(&pkt, DX4, 0, NO_SRH, 0);
	for (id = 0; id < 65536; id++) {
		pkt.data[54 + 4] = id >> 8;
		pkt.data[54 + 5] = id;
		memset(pkt.data + 54 + 10, 0, 2);
		sum = r_sum(pkt.data + 54, 20, 0);
		if (!is_edge(sum >> 8) || !is_edge(sum))
			continue;
		pkt.data[54 + 10] = sum >> 8;
		pkt.data[54 + 11] = sum;
		r_run(*state, &pkt, &out);
		assert_int_equal(out.reason, SAN_R_DECAPSULATED);
		assert_int_equal(r_sum(out.data + R_ETH, 20, 0), 0);
		/* Of the two ways to write 0 the one that Linux writes. */
		assert_memory_not_equal(out.data + R_ETH + 10, "\xff\xff", 2);
		tried++;
	}
	assert_in_range(tried, 15, 17); /* one of 0 and 0xffff there is not */
}

static void test_dx4_options(void **state)
{
	const uint8_t head[24] = {0x46, 0,  0,	 32, 0,	  1, 0,	  0, 9, 17, 0, 0,
				  198,	51, 100, 2,  203, 0, 113, 5, 1, 1,  1, 0};
	struct r_pkt pkt;
	uint16_t sum;

	c_outer(&pkt, DX4, 0, NO_SRH, 4);
	r_bytes(&pkt, head, sizeof(head));
	sum = htons(r_sum(pkt.data + 54, 24, 0));
	memcpy(pkt.data + 54 + 10, &sum, 2);
	r_bytes(&pkt, "12345678", 8);
	r_end6(&pkt, R_ETH);
	c_check_inner_4(*state, &pkt, R_IP6, 32, c_direct_macs);
}

static void test_dt6(void **state)
{
	struct r_pkt pkt;
	int n;

	c_with_6(&pkt, DT6, 0, NO_SRH, 40);
	c_check_inner_6(*state, &pkt, R_IP6, 88, c_next_macs);
	for (n = 1; n <= MAX_SEGS; n++) {
		c_with_6(&pkt, DT6, n, 0, 40);
		c_check_inner_6(*state, &pkt, c_outer_len(n, 0), 88, c_next_macs);
	}
	c_outer(&pkt, DT6, 0, NO_SRH, 41);
	r_udp6(&pkt, CLIENT, "2001:db8:77::1", 10);
	r_end6(&pkt, R_ETH);
	r_expect(*state, &pkt, SAN_R_NO_ROUTE, XDP_PASS);
	c_with_6(&pkt, DT6, 0, NO_SRH, 1960);
	r_expect(*state, &pkt, SAN_R_NO_ROUTE, XDP_PASS);
	c_with_6(&pkt, DT6, 0, NO_SRH, 10);
	pkt.data[54 + 7] = 1;
	r_expect(*state, &pkt, SAN_R_HOP_LIMIT, XDP_PASS);
}

/* Ethernet padding, and what the c_outer packet holds behind the inner one. */
static void test_surplus(void **state)
{
	struct r_pkt pkt;

	c_with_6(&pkt, DX6, 2, 0, 3);
	r_bytes(&pkt, "padding", 7);
	c_check_inner_6(*state, &pkt, c_outer_len(2, 0), 51, c_direct_macs);
	r_end6(&pkt, R_ETH);
	c_check_inner_6(*state, &pkt, c_outer_len(2, 0), 51, c_direct_macs);
	c_with_4(&pkt, DX4, 0, NO_SRH, 3);
	r_bytes(&pkt, "padding", 7);
	c_check_inner_4(*state, &pkt, R_IP6, 31, c_direct_macs);
}

static void test_counters(void **state)
{
	struct r_env *env = *state;
	uint64_t svc = r_packets(env, "san_svc_stats", STATS);
	uint64_t nh = r_packets(env, "san_nh_stats", NH6);
	struct r_pkt pkt;
	struct r_out out;

	c_with_6(&pkt, DX6, 0, NO_SRH, 10);
	r_run(env, &pkt, &out);
	assert_int_equal(r_packets(env, "san_svc_stats", STATS), svc + 1);
	assert_int_equal(r_packets(env, "san_nh_stats", NH6), nh + 1);
	c_with_6(&pkt, DT6, 0, NO_SRH, 10);
	r_run(env, &pkt, &out);
	assert_int_equal(r_packets(env, "san_svc_stats", STATS), svc + 2);
	c_with_6(&pkt, END, 1, 1, 10); /* not at its end: no service */
	r_run(env, &pkt, &out);
	pkt.data[R_ETH + 7] = 1;
	r_run(env, &pkt, &out);
	assert_int_equal(r_packets(env, "san_svc_stats", STATS), svc + 2);
	assert_int_equal(r_packets(env, "san_nh_stats", NH6), nh + 1);
}

/* --- what goes to the kernel ---------------------------------------------------------------------
 */

static void test_segments_left(void **state)
{
	struct r_pkt pkt;

	c_with_6(&pkt, DX6, 2, 1, 10);
	r_expect(*state, &pkt, SAN_R_SEGMENTS_LEFT, XDP_PASS);
	c_with_4(&pkt, DX4, 2, 2, 10);
	r_expect(*state, &pkt, SAN_R_SEGMENTS_LEFT, XDP_PASS);
	c_with_6(&pkt, DT6, 1, 1, 10);
	r_expect(*state, &pkt, SAN_R_SEGMENTS_LEFT, XDP_PASS);
}

static void test_upper_layer(void **state)
{
	static const uint8_t others[] = {17, 58, 0, 60, 44, 51, 59, 50};
	struct r_pkt pkt;
	size_t i;

	c_with_4(&pkt, DX6, 0, NO_SRH, 10);
	r_expect(*state, &pkt, SAN_R_UPPER_LAYER, XDP_PASS);
	c_with_6(&pkt, DX4, 1, 0, 10);
	r_expect(*state, &pkt, SAN_R_UPPER_LAYER, XDP_PASS);
	c_with_4(&pkt, DT6, 1, 0, 10);
	r_expect(*state, &pkt, SAN_R_UPPER_LAYER, XDP_PASS);
	for (i = 0; i < sizeof(others); i++) {
		c_with_6(&pkt, DX6, 0, NO_SRH, 20);
		pkt.data[R_ETH + 6] = others[i];
		r_expect(*state, &pkt, SAN_R_UPPER_LAYER, XDP_PASS);
		c_with_6(&pkt, DX6, 2, 0, 20);
		pkt.data[R_ETH + R_IP6] = others[i];
		r_expect(*state, &pkt, SAN_R_UPPER_LAYER, XDP_PASS);
	}
	c_with_6(&pkt, DX6, 1, 0, 10);
	pkt.data[R_ETH + R_IP6 + 2] = 3; /* another routing header */
	r_expect(*state, &pkt, SAN_R_UPPER_LAYER, XDP_PASS);
}

/* Cut at every byte, the c_outer header always being right about what is there. */
static void cut(struct r_env *env, void (*make)(struct r_pkt *), size_t whole)
{
	struct r_pkt pkt;
	struct r_out out;
	size_t len;

	for (len = R_ETH + R_IP6; len < whole; len++) {
		make(&pkt);
		pkt.len = len;
		r_end6(&pkt, R_ETH);
		r_run(env, &pkt, &out);
		assert_true(out.reason == SAN_R_TRUNCATED || out.reason == SAN_R_BAD_IPV4);
		assert_int_equal(out.action, XDP_PASS);
		assert_int_equal(out.len, pkt.len);
		assert_memory_equal(out.data, pkt.data, pkt.len);
	}
}

static void make_6(struct r_pkt *pkt)
{
	c_with_6(pkt, DX6, 2, 0, 10);
}

static void make_4(struct r_pkt *pkt)
{
	c_with_4(pkt, DX4, 0, NO_SRH, 10);
}

static void make_end(struct r_pkt *pkt)
{
	c_with_6(pkt, END, 2, 1, 10);
}

static void test_truncated(void **state)
{
	struct r_pkt pkt;
	size_t len;

	cut(*state, make_6, R_ETH + R_IP6 + 40 + 58);
	cut(*state, make_4, R_ETH + R_IP6 + 38);
	cut(*state, make_end, R_ETH + R_IP6 + 40);
	for (len = R_ETH; len < R_ETH + R_IP6; len++) {
		make_6(&pkt);
		pkt.len = len;
		r_expect(*state, &pkt, SAN_R_TRUNCATED, XDP_PASS);
	}
	make_6(&pkt);
	pkt.len--; /* the c_outer header says more than there is */
	r_role(*state, SAN_ROLE_CORE, SAN_IF_DROP_MALFORMED);
	r_expect(*state, &pkt, SAN_R_TRUNCATED, XDP_DROP);
}

static void test_bad_inner(void **state)
{
	struct r_pkt pkt;

	c_with_6(&pkt, DX6, 0, NO_SRH, 10);
	pkt.data[54] = 0x45;
	r_expect(*state, &pkt, SAN_R_NOT_IP, XDP_PASS);
	c_with_4(&pkt, DX4, 0, NO_SRH, 10);
	pkt.data[54] = 0x65;
	r_expect(*state, &pkt, SAN_R_BAD_IPV4, XDP_PASS);
	pkt.data[54] = 0x44; /* header of 16 bytes */
	r_expect(*state, &pkt, SAN_R_BAD_IPV4, XDP_PASS);
	pkt.data[54] = 0x4f; /* header longer than the packet */
	r_expect(*state, &pkt, SAN_R_BAD_IPV4, XDP_PASS);
	pkt.data[54] = 0x45;
	pkt.data[56] = 1; /* total length beyond the c_outer packet */
	r_expect(*state, &pkt, SAN_R_BAD_IPV4, XDP_PASS);
	pkt.data[56] = 0;
	pkt.data[57] = 19; /* less than the header */
	r_expect(*state, &pkt, SAN_R_BAD_IPV4, XDP_PASS);
}

static void test_nexthop_kinds(void **state)
{
	static const struct {
		uint8_t kind;
		enum san_reason reason;
		int action;
	} kinds[] = {{SAN_NH_UNUSED, SAN_R_NH_INVALID, XDP_PASS},
		     {SAN_NH_UNRESOLVED, SAN_R_NH_UNRESOLVED, XDP_PASS},
		     {SAN_NH_SRV6, SAN_R_NH_INVALID, XDP_PASS},
		     {SAN_NH_DROP, SAN_R_NH_DROP, XDP_DROP},
		     {77, SAN_R_NH_INVALID, XDP_PASS}};
	struct san_sid far = {.behaviour = SAN_BEHAVIOUR_END_DX6, .nexthop = 1u << 30};
	struct r_pkt pkt;
	size_t i;

	c_with_6(&pkt, DX6, 0, NO_SRH, 10);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		c_put_nexthop(*state, NH6, kinds[i].kind, 1500);
		r_expect(*state, &pkt, kinds[i].reason, kinds[i].action);
	}
	c_put_sid(*state, DX6, &far);
	r_expect(*state, &pkt, SAN_R_NH_INVALID, XDP_PASS);
}

static void test_direct_limits(void **state)
{
	struct san_nexthop nh = {.ifindex = 4000, .kind = SAN_NH_DIRECT, .mtu = 1500};
	const uint32_t index = NH6;
	struct r_pkt pkt;

	c_with_6(&pkt, DX6, 0, NO_SRH, 1453);
	r_expect(*state, &pkt, SAN_R_TOO_BIG_KERNEL, XDP_PASS);
	c_with_4(&pkt, DX4, 0, NO_SRH, 1473);
	r_expect(*state, &pkt, SAN_R_TOO_BIG_KERNEL, XDP_PASS);
	c_with_6(&pkt, DX6, 0, NO_SRH, 10);
	pkt.data[54 + 7] = 1;
	r_expect(*state, &pkt, SAN_R_HOP_LIMIT, XDP_PASS);
	c_with_4(&pkt, DX4, 0, NO_SRH, 10);
	pkt.data[54 + 8] = 0;
	r_expect(*state, &pkt, SAN_R_HOP_LIMIT, XDP_PASS);
	r_put(*state, "san_nexthops", &index, &nh); /* out of an interface without a role */
	c_with_6(&pkt, DX6, 0, NO_SRH, 10);
	r_expect(*state, &pkt, SAN_R_NH_UNRESOLVED, XDP_PASS);
}

static void test_not_for_us(void **state)
{
	struct r_pkt pkt, tagged;

	c_with_6(&pkt, "fc00:9::77", 1, 1, 10);
	r_expect(*state, &pkt, SAN_R_NOT_LOCAL, XDP_PASS);
	pkt.data[R_ETH + R_IP6 + 4] = 200; /* an SRH that is not ours to judge */
	r_expect(*state, &pkt, SAN_R_NOT_LOCAL, XDP_PASS);
	c_with_6(&pkt, LEFT_TO_KERNEL, 1, 1, 10);
	r_expect(*state, &pkt, SAN_R_KERNEL_SID, XDP_PASS);
	c_with_6(&pkt, END, 1, 1, 10);
	memcpy(tagged.data, pkt.data, 12);
	memcpy(tagged.data + 12, "\x81\x00\x00\x05", 4);
	memcpy(tagged.data + 16, pkt.data + 12, pkt.len - 12);
	tagged.len = pkt.len + 4;
	r_expect(*state, &tagged, SAN_R_TAGGED, XDP_PASS);
	tagged.data[16] = 8;
	tagged.data[17] = 6; /* ARP */
	r_expect(*state, &tagged, SAN_R_NOT_IP, XDP_PASS);
	pkt.data[5]++;
	r_expect(*state, &pkt, SAN_R_NOT_ROUTABLE, XDP_PASS);
	pkt.data[5]--;
	pkt.data[R_ETH] = 0x4b;
	r_expect(*state, &pkt, SAN_R_NOT_IP, XDP_PASS);
	pkt.data[12] = 8;
	pkt.data[13] = 6;
	r_expect(*state, &pkt, SAN_R_NOT_IP, XDP_PASS);
	pkt.data[13] = 0;
	r_expect(*state, &pkt, SAN_R_NOT_LOCAL, XDP_PASS);
}

static void test_roles(void **state)
{
	struct r_pkt pkt;

	c_with_6(&pkt, DX6, 1, 0, 10);
	r_role(*state, SAN_ROLE_INGRESS, 0xff);
	r_expect(*state, &pkt, SAN_R_NO_ROLE, XDP_PASS);
	r_role(*state, SAN_ROLE_NONE, 0xff);
	r_expect(*state, &pkt, SAN_R_NO_ROLE, XDP_PASS);
}

static void test_unknown_behaviour(void **state)
{
	const struct san_sid strange = {.behaviour = SAN_BEHAVIOUR_MAX};
	struct r_pkt pkt;

	c_put_sid(*state, DX6, &strange);
	c_with_6(&pkt, DX6, 1, 0, 10);
	r_expect(*state, &pkt, SAN_R_KERNEL_SID, XDP_PASS);
}

static void set_prefix(struct san_prefix *prefix, const char *addr, unsigned int bits)
{
	const struct in6_addr a = r_addr(addr);
	uint8_t *mask = (uint8_t *)prefix->mask;
	unsigned int i;

	memset(mask, 0, 16);
	for (i = 0; i < bits; i++)
		mask[i / 8] |= 0x80 >> i % 8;
	memcpy(prefix->addr, &a, 16);
}

static void test_inside(void **state)
{
	struct san_domain domain = {.n_inside = SAN_MAX_INSIDE};
	struct r_pkt pkt;
	unsigned int i;

	for (i = 0; i < SAN_MAX_INSIDE; i++)
		set_prefix(&domain.inside[i], "2001:db8:99::", 48);
	r_domain(*state, &domain);
	c_with_6(&pkt, DX6, 1, 0, 10);
	r_expect(*state, &pkt, SAN_R_OUTSIDE_SOURCE, XDP_DROP);
	c_with_6(&pkt, LEFT_TO_KERNEL, 1, 0, 10);
	r_expect(*state, &pkt, SAN_R_OUTSIDE_SOURCE, XDP_DROP);
	c_with_6(&pkt, "fc00:9::77", 1, 0, 10); /* to no SID */
	r_expect(*state, &pkt, SAN_R_NOT_LOCAL, XDP_PASS);
	set_prefix(&domain.inside[SAN_MAX_INSIDE - 1], "5f00::", 16);
	r_domain(*state, &domain);
	c_with_6(&pkt, DX6, 1, 0, 10);
	c_check_inner_6(*state, &pkt, c_outer_len(1, 0), 58, c_direct_macs);
	domain.n_inside = SAN_MAX_INSIDE - 1; /* what is behind the number does not count */
	r_domain(*state, &domain);
	r_expect(*state, &pkt, SAN_R_OUTSIDE_SOURCE, XDP_DROP);
}

/* --- events -------------------------------------------------------------------------------------
 */

static void test_trace(void **state)
{
	struct r_env *env = *state;
	struct san_domain domain = {.trace = {.fields = SAN_TRACE_ON}};
	const struct in6_addr src = r_addr(SOURCE), sid = r_addr(DX6);
	struct r_pkt pkt;

	c_with_6(&pkt, DX6, 1, 0, 10);
	c_check_inner_6(env, &pkt, c_outer_len(1, 0), 58, c_direct_macs);
	assert_int_equal(env->n_events, 0);
	r_domain(env, &domain);
	c_check_inner_6(env, &pkt, c_outer_len(1, 0), 58, c_direct_macs);
	assert_int_equal(env->n_events, 1);
	assert_int_equal(env->event.kind, SAN_EVENT_TRACE);
	assert_int_equal(env->event.role, SAN_ROLE_CORE);
	assert_int_equal(env->event.reason, SAN_R_DECAPSULATED);
	assert_int_equal(env->event.nexthop, NH6);
	assert_int_equal(env->event.ifindex, env->ifindex);
	assert_int_equal(env->event.len, pkt.len);
	assert_memory_equal(env->event.src, &src, 16);
	assert_memory_equal(env->event.dst, &sid, 16);
	domain.trace.fields |= SAN_TRACE_IFINDEX;
	domain.trace.ifindex = env->ifindex + 1;
	r_domain(env, &domain);
	c_check_inner_6(env, &pkt, c_outer_len(1, 0), 58, c_direct_macs);
	assert_int_equal(env->n_events, 0);
}

static void test_sample(void **state)
{
	struct r_env *env = *state;
	const struct san_domain domain = {.sample = 1};
	struct r_pkt pkt;

	r_domain(env, &domain);
	c_with_6(&pkt, DX6, 1, 0, 10);
	c_check_inner_6(env, &pkt, c_outer_len(1, 0), 58, c_direct_macs);
	assert_int_equal(env->n_events, 0);
	c_with_6(&pkt, DX6, 1, 1, 10);
	r_expect(env, &pkt, SAN_R_SEGMENTS_LEFT, XDP_PASS);
	assert_int_equal(env->n_events, 1);
	assert_int_equal(env->event.kind, SAN_EVENT_SAMPLE);
	assert_int_equal(env->event.reason, SAN_R_SEGMENTS_LEFT);
}

/* A Packet Too Big to `to` about a packet of ours to fc00:100::1. */
static void too_big(struct r_pkt *pkt, const char *to, const char *quoted_src)
{
	const uint8_t icmp[8] = {2, 0, 0, 0, 0, 0, 5, 0x78}; /* 1400 */
	size_t at;

	r_eth(pkt, 0x86dd);
	at = r_ip6(pkt, "2001:db8:77::9", to, 58);
	r_bytes(pkt, icmp, sizeof(icmp));
	r_ip6(pkt, quoted_src, "fc00:100::1", 41);
	r_end6(pkt, at);
}

static void test_ptb(void **state)
{
	struct r_env *env = *state;
	struct san_domain domain = {0};
	const struct in6_addr source = r_addr(SOURCE), other = r_addr("5f00:0:a::2");
	const struct in6_addr first = r_addr("fc00:100::1");
	struct r_pkt pkt;

	memcpy(domain.source, &source, 16);
	memcpy(domain.icmp_source, &other, 16);
	r_domain(env, &domain);
	too_big(&pkt, SOURCE, SOURCE);
	r_expect(env, &pkt, SAN_R_NOT_LOCAL, XDP_PASS);
	assert_int_equal(env->n_events, 1);
	assert_int_equal(env->event.kind, SAN_EVENT_PTB);
	assert_int_equal(env->event.mtu, 1400);
	assert_memory_equal(env->event.dst, &first, 16);
	too_big(&pkt, "5f00:0:a::2", SOURCE);
	r_expect(env, &pkt, SAN_R_NOT_LOCAL, XDP_PASS);
	assert_int_equal(env->n_events, 1);
	too_big(&pkt, "5f00:0:a::3", SOURCE); /* not to us */
	r_expect(env, &pkt, SAN_R_NOT_LOCAL, XDP_PASS);
	assert_int_equal(env->n_events, 0);
	too_big(&pkt, SOURCE, "5f00:0:a::2"); /* not about ours */
	r_expect(env, &pkt, SAN_R_NOT_LOCAL, XDP_PASS);
	assert_int_equal(env->n_events, 0);
	too_big(&pkt, SOURCE, SOURCE);
	pkt.data[R_ETH + R_IP6] = 1; /* another message */
	r_expect(env, &pkt, SAN_R_NOT_LOCAL, XDP_PASS);
	assert_int_equal(env->n_events, 0);
	too_big(&pkt, SOURCE, SOURCE);
	pkt.len--;
	r_end6(&pkt, R_ETH);
	r_expect(env, &pkt, SAN_R_NOT_LOCAL, XDP_PASS);
	assert_int_equal(env->n_events, 0);
}

/* Last: the tests above have met every reason that this program has but those of the SRH and of
 * End.SAN. */
static void test_all_reasons(void **state)
{
	static const enum san_reason mine[] = {
		SAN_R_DECAPSULATED,   SAN_R_NOT_IP,	    SAN_R_TAGGED,	 SAN_R_NO_ROLE,
		SAN_R_OUTSIDE_SOURCE, SAN_R_NH_UNRESOLVED,  SAN_R_NH_INVALID,	 SAN_R_NH_DROP,
		SAN_R_HOP_LIMIT,      SAN_R_TOO_BIG_KERNEL, SAN_R_NOT_ROUTABLE,	 SAN_R_NOT_LOCAL,
		SAN_R_KERNEL_SID,     SAN_R_NO_ROUTE,	    SAN_R_SEGMENTS_LEFT, SAN_R_UPPER_LAYER,
		SAN_R_TRUNCATED,      SAN_R_BAD_IPV4};
	const struct r_env *env = *state;
	size_t i;

	for (i = 0; i < sizeof(mine) / sizeof(mine[0]); i++)
		if (!env->hits[mine[i]])
			fail_msg("no test has met %s", r_reason_name(mine[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* clang-format off */
		T(test_dx6),
		T(test_dx4),
		T(test_dx4_checksum),
		T(test_dx4_options),
		T(test_dt6),
		T(test_surplus),
		T(test_counters),
		T(test_segments_left),
		T(test_upper_layer),
		T(test_truncated),
		T(test_bad_inner),
		T(test_nexthop_kinds),
		T(test_direct_limits),
		T(test_not_for_us),
		T(test_roles),
		T(test_unknown_behaviour),
		T(test_inside),
		T(test_trace),
		T(test_sample),
		T(test_ptb),
		T(test_all_reasons),
		/* clang-format on */
	};

	if (!r_can_run())
		return 0;
	return cmocka_run_group_tests_name("core", tests, c_open, c_close);
}
