/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The core program: every behaviour, flavour and reason, byte by byte. End.SAN is in
 * test_core_san.c, the kernel's own bytes in tests/lab/test_gateway_bytes.py. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "libraw.h"

#define SOURCE "5f00:0:a::1"
#define CLIENT "2001:db8:c::2"
#define SERVER "2001:db8:5::101"
#define CLIENT4 "198.51.100.2"
#define SERVER4 "203.0.113.5"
#define END "fc00:9::e"
#define END_PSP "fc00:9::e1"
#define END_USP "fc00:9::e2"
#define END_USD "fc00:9::e4"
#define DX6 "fc00:9::d6"
#define DX4 "fc00:9::d4"
#define DT6 "fc00:9::d8"
#define LEFT_TO_KERNEL "fc00:9::f"
#define NH6 5
#define NH4 6
#define STATS 7
#define MAX_SEGS 8
#define NO_SRH (-1)

static const uint8_t next_macs[12] = {2, 0xdd, 1, 2, 3, 4, 2, 1, 1, 1, 1, 1};
static const uint8_t direct_macs[12] = {2, 0xaa, 1, 1, 1, 1, 2, 0xbb, 2, 2, 2, 2};

/* --- set-up ----------------------------------------------------------------------------------- */

static void put_sid(struct r_env *env, const char *sid, const struct san_sid *val)
{
	const struct in6_addr key = r_addr(sid);

	r_put(env, "san_sids", &key, val);
}

static void put_nexthop(struct r_env *env, uint32_t index, uint8_t kind, uint32_t mtu)
{
	struct san_nexthop nh = {.ifindex = env->ifindex,
				 .kind = kind,
				 .mtu = mtu,
				 .epoch = 1,
				 .families = SAN_NH_IP6 | SAN_NH_IP4};

	memcpy(nh.dst_mac, direct_macs, 6);
	memcpy(nh.src_mac, direct_macs + 6, 6);
	r_put(env, "san_nexthops", &index, &nh);
}

static int reset(void **state)
{
	static const struct {
		const char *sid;
		struct san_sid val;
	} sids[] = {
		{END, {.behaviour = SAN_BEHAVIOUR_END}},
		{END_PSP, {.behaviour = SAN_BEHAVIOUR_END, .flavors = SAN_FLAVOR_PSP}},
		{END_USP, {.behaviour = SAN_BEHAVIOUR_END, .flavors = SAN_FLAVOR_USP}},
		{END_USD, {.behaviour = SAN_BEHAVIOUR_END, .flavors = SAN_FLAVOR_USD}},
		{DX6, {.behaviour = SAN_BEHAVIOUR_END_DX6, .nexthop = NH6, .stats = STATS}},
		{DX4, {.behaviour = SAN_BEHAVIOUR_END_DX4, .nexthop = NH4, .stats = STATS}},
		{DT6, {.behaviour = SAN_BEHAVIOUR_END_DT6, .stats = STATS}},
		{LEFT_TO_KERNEL, {.behaviour = SAN_BEHAVIOUR_END, .flags = SAN_SID_KERNEL}},
	};
	struct r_env *env = *state;
	const struct san_domain none = {0};
	size_t i;

	r_clear(env, "san_sids");
	for (i = 0; i < sizeof(sids) / sizeof(sids[0]); i++)
		put_sid(env, sids[i].sid, &sids[i].val);
	put_nexthop(env, NH6, SAN_NH_DIRECT, 1500);
	put_nexthop(env, NH4, SAN_NH_DIRECT, 1500);
	r_domain(env, &none);
	r_role(env, SAN_ROLE_CORE, 0);
	return 0;
}

static int open_env(void **state)
{
	struct r_env *env = calloc(1, sizeof(*env));

	*state = env;
	env->ifindex = r_namespace();
	r_ip("addr add 2001:db8:1::1/64 dev core0 nodad\n"
	     "neigh add 2001:db8:1::2 lladdr 02:dd:01:02:03:04 dev core0 nud permanent\n"
	     "route add fc00:100::/24 via 2001:db8:1::2 dev core0\n"
	     "route add fc00:200::/32 via 2001:db8:1::3 dev core0\n"
	     "addr add 2001:db8:2::1/64 dev peer0 nodad\n"
	     "neigh add 2001:db8:2::2 lladdr 02:dd:01:02:03:04 dev peer0 nud permanent\n"
	     "route add fc00:300::/32 via 2001:db8:2::2 dev peer0\n"
	     "route add 2001:db8:5::/64 via 2001:db8:1::2 dev core0\n"
	     "addr add 10.9.0.1/24 dev core0\n"
	     "neigh add 10.9.0.2 lladdr 02:dd:01:02:03:04 dev core0 nud permanent\n"

	     "route add 203.0.113.0/24 via 10.9.0.2\n");
	r_load(env, "build/bpf/core.bpf.o", "san_core");
	return 0;
}

static int close_env(void **state)
{
	r_unload(*state);
	free(*state);
	return 0;
}

/* --- packets ---------------------------------------------------------------------------------- */

/* The list as it stands in the SRH: entry i is fc00:10i::i. */
static struct in6_addr segment(unsigned int i)
{
	struct in6_addr addr = r_addr("fc00:100::");

	addr.s6_addr[3] = i;
	addr.s6_addr[15] = i + 1;
	return addr;
}

/* Ethernet, outer IPv6 to this SID and, unless left is NO_SRH, an SRH of n segments. */
static void outer(struct r_pkt *pkt, const char *sid, unsigned int n, int left, uint8_t next)
{
	const uint8_t srh[8] = {next, 2 * n, 4, left, n - 1, 0, 0x11, 0x22};
	struct in6_addr seg;
	unsigned int i;

	r_eth(pkt, 0x86dd);
	r_ip6(pkt, SOURCE, sid, left == NO_SRH ? next : 43);
	if (left == NO_SRH)
		return;
	r_bytes(pkt, srh, sizeof(srh));
	for (i = 0; i < n; i++) {
		seg = segment(i);
		r_bytes(pkt, &seg, sizeof(seg));
	}
}

static size_t outer_len(unsigned int n, int left)
{
	return R_IP6 + (left == NO_SRH ? 0 : 8 + 16 * n);
}

static void with_6(struct r_pkt *pkt, const char *sid, unsigned int n, int left, size_t payload)
{
	outer(pkt, sid, n, left, 41);
	r_udp6(pkt, CLIENT, SERVER, payload);
	r_end6(pkt, R_ETH);
}

static void with_4(struct r_pkt *pkt, const char *sid, unsigned int n, int left, size_t payload)
{
	outer(pkt, sid, n, left, 4);
	r_udp4(pkt, CLIENT4, SERVER4, payload);
	r_end6(pkt, R_ETH);
}

/* What must come out of len bytes that begin at l3: these MAC addresses, this type. */
static void expected(struct r_pkt *want, const uint8_t macs[12], uint16_t type, const uint8_t *l3,
		     size_t len)
{
	want->len = 0;
	type = htons(type);
	r_bytes(want, macs, 12);
	r_bytes(want, &type, 2);
	r_bytes(want, l3, len);
}

static void check_out(struct r_env *env, const struct r_pkt *pkt, enum san_reason reason,
		      const struct r_pkt *want)
{
	struct r_out out;

	r_run(env, pkt, &out);
	if (out.reason != reason)
		fail_msg("reason is %s, must be %s", r_reason_name(out.reason),
			 r_reason_name(reason));
	assert_int_equal(out.action, XDP_REDIRECT);
	assert_int_equal(out.len, want->len);
	assert_memory_equal(out.data, want->data, want->len);
}

/* The inner packet, from off behind the outer IPv6 header on, with a hop less. */
static void check_inner_6(struct r_env *env, const struct r_pkt *pkt, size_t off, size_t len,
			  const uint8_t macs[12])
{
	struct r_pkt want;

	expected(&want, macs, 0x86dd, pkt->data + R_ETH + off, len);
	want.data[R_ETH + 7]--;
	check_out(env, pkt, SAN_R_DECAPSULATED, &want);
}

static void check_inner_4(struct r_env *env, const struct r_pkt *pkt, size_t off, size_t len,
			  const uint8_t macs[12])
{
	struct r_pkt want;
	uint16_t sum;

	expected(&want, macs, 0x0800, pkt->data + R_ETH + off, len);
	want.data[R_ETH + 8]--;
	memset(want.data + R_ETH + 10, 0, 2);
	sum = htons(r_sum(want.data + R_ETH, (want.data[R_ETH] & 0xf) * 4, 0));
	memcpy(want.data + R_ETH + 10, &sum, 2);
	check_out(env, pkt, SAN_R_DECAPSULATED, &want);
}

/* --- End -----------------------------------------------------------------------------------------
 */

static void want_relayed(struct r_pkt *want, const struct r_pkt *pkt, int left)
{
	const struct in6_addr next = segment(left - 1);

	expected(want, next_macs, 0x86dd, pkt->data + R_ETH, pkt->len - R_ETH);
	want->data[R_ETH + 7]--;
	memcpy(want->data + R_ETH + 24, &next, 16);
	want->data[R_ETH + R_IP6 + 3]--;
}

/* Segments Left from 1 to Last Entry + 1, which a reduced list has. */
static void test_end(void **state)
{
	struct r_pkt pkt, want;
	int n, left;

	for (n = 1; n <= MAX_SEGS; n++) {
		for (left = 1; left <= n; left++) {
			with_6(&pkt, END, n, left, 10 * n);
			want_relayed(&want, &pkt, left);
			check_out(*state, &pkt, SAN_R_RELAYED, &want);
		}
	}
}

static void want_popped(struct r_pkt *want, const struct r_pkt *pkt, size_t srh)
{
	const struct in6_addr last = segment(0);

	expected(want, next_macs, 0x86dd, pkt->data + R_ETH, R_IP6);
	r_bytes(want, pkt->data + R_ETH + R_IP6 + srh, pkt->len - R_ETH - R_IP6 - srh);
	r_end6(want, R_ETH);
	want->data[R_ETH + 6] = pkt->data[R_ETH + R_IP6];
	want->data[R_ETH + 7]--;
	memcpy(want->data + R_ETH + 24, &last, 16);
}

static void test_end_psp(void **state)
{
	struct r_pkt pkt, want;
	int n;

	for (n = 1; n <= MAX_SEGS; n++) {
		with_6(&pkt, END_PSP, n, 1, 33);
		want_popped(&want, &pkt, 8 + 16 * n);
		check_out(*state, &pkt, SAN_R_RELAYED, &want);
		with_4(&pkt, END_PSP, n, 1, 0);
		want_popped(&want, &pkt, 8 + 16 * n);
		check_out(*state, &pkt, SAN_R_RELAYED, &want);
	}
	with_6(&pkt, END_PSP, 3, 2, 33); /* not the last but one yet */
	want_relayed(&want, &pkt, 2);
	check_out(*state, &pkt, SAN_R_RELAYED, &want);
}

/* The largest SRH there is: TLVs behind the list. */
static void test_end_long_srh(void **state)
{
	struct r_pkt pkt, want;
	uint8_t srh[2048] = {41, 255, 4, 1, 0};
	const struct in6_addr seg = segment(0);

	memcpy(srh + 8, &seg, 16);
	memset(srh + 24, 5, sizeof(srh) - 24);
	r_ip("link set core0 mtu 3000\n");
	r_eth(&pkt, 0x86dd);
	r_ip6(&pkt, SOURCE, END_PSP, 43);
	r_bytes(&pkt, srh, sizeof(srh));
	r_udp6(&pkt, CLIENT, SERVER, 100);
	r_end6(&pkt, R_ETH);
	want_popped(&want, &pkt, sizeof(srh));
	check_out(*state, &pkt, SAN_R_RELAYED, &want);
	r_ip("link set core0 mtu 2000\n");
}

static void test_end_padding(void **state)
{
	struct r_pkt pkt, want;

	with_6(&pkt, END, 2, 1, 5);
	want_relayed(&want, &pkt, 1);
	r_bytes(&pkt, "padding", 7);
	check_out(*state, &pkt, SAN_R_RELAYED, &want);
	with_6(&pkt, END_PSP, 2, 1, 5);
	want_popped(&want, &pkt, 40);
	r_bytes(&pkt, "padding", 7);
	check_out(*state, &pkt, SAN_R_RELAYED, &want);
}

static void test_end_at_the_end(void **state)
{
	static const char *const sids[] = {END, END_PSP, END_USP};
	struct r_pkt pkt;
	size_t i;

	for (i = 0; i < 3; i++) {
		with_6(&pkt, sids[i], 2, 0, 10);
		r_expect(*state, &pkt, SAN_R_UPPER_LAYER, XDP_PASS);
		with_6(&pkt, sids[i], 0, NO_SRH, 10);
		r_expect(*state, &pkt, SAN_R_UPPER_LAYER, XDP_PASS);
	}
	outer(&pkt, END_USD, 0, NO_SRH, 58);
	r_bytes(&pkt, "\x80\0\0\0\0\0\0\0", 8); /* a ping of the SID */
	r_end6(&pkt, R_ETH);
	r_expect(*state, &pkt, SAN_R_UPPER_LAYER, XDP_PASS);
}

static void test_end_usd(void **state)
{
	struct r_pkt pkt, want;

	with_6(&pkt, END_USD, 0, NO_SRH, 20);
	check_inner_6(*state, &pkt, R_IP6, 68, next_macs);
	with_6(&pkt, END_USD, 3, 0, 20);
	check_inner_6(*state, &pkt, R_IP6 + 56, 68, next_macs);
	with_4(&pkt, END_USD, 0, NO_SRH, 20);
	check_inner_4(*state, &pkt, R_IP6, 48, next_macs);
	with_4(&pkt, END_USD, 2, 0, 20);
	check_inner_4(*state, &pkt, R_IP6 + 40, 48, next_macs);
	with_6(&pkt, END_USD, 2, 1, 20); /* not at the end: a relay like any other */
	want_relayed(&want, &pkt, 1);
	check_out(*state, &pkt, SAN_R_RELAYED, &want);
}

static void test_end_hop_limit(void **state)
{
	struct r_pkt pkt;
	int hops;

	for (hops = 0; hops < 2; hops++) {
		with_6(&pkt, END, 2, 1, 10);
		pkt.data[R_ETH + 7] = hops;
		r_expect(*state, &pkt, SAN_R_HOP_LIMIT, XDP_PASS);
		with_6(&pkt, END_USD, 2, 0, 10);
		pkt.data[R_ETH + 7] = 1; /* of the outer header: it has arrived */
		pkt.data[R_ETH + 80 + 7] = hops;
		r_expect(*state, &pkt, SAN_R_HOP_LIMIT, XDP_PASS);
	}
}

static void to_segment(struct r_pkt *pkt, const char *sid, const char *seg, size_t payload)
{
	const struct in6_addr addr = r_addr(seg);

	with_6(pkt, sid, 1, 1, payload);
	memcpy(pkt->data + R_ETH + R_IP6 + 8, &addr, 16);
}

static void test_end_no_route(void **state)
{
	static const char *const segs[] = {"fc00:ff::1" /* no route */,
					   "fc00:200::1" /* no neighbour */,
					   "fc00:300::1" /* interface without a role */,
					   "2001:db8:1::1" /* this host */,
					   "fe80::1",
					   "ff0e::1",
					   "::1"};
	struct r_pkt pkt, want;
	size_t i;

	for (i = 0; i < sizeof(segs) / sizeof(segs[0]); i++) {
		to_segment(&pkt, END, segs[i], 20);
		r_expect(*state, &pkt, SAN_R_NO_ROUTE, XDP_PASS);
	}
	with_6(&pkt, END, 1, 1, 1940); /* 40 + 24 + 48 + 1940 > 2000 */
	r_expect(*state, &pkt, SAN_R_NO_ROUTE, XDP_PASS);
	with_6(&pkt, END, 1, 1, 2000 - 112);
	want_relayed(&want, &pkt, 1);
	check_out(*state, &pkt, SAN_R_RELAYED, &want);
	with_6(&pkt, END_PSP, 1, 1, 2000 - 88); /* fits once the SRH is gone */
	want_popped(&want, &pkt, 24);
	check_out(*state, &pkt, SAN_R_RELAYED, &want);
}

static void test_bad_srh(void **state)
{
	static const struct {
		uint8_t at, value;
	} wrong[] = {{1, 3} /* half a segment */,
		     {1, 0},
		     {4, 2} /* Last Entry */,
		     {4, 255},
		     {3, 3},
		     {3, 255}};
	static const char *const sids[] = {END, END_PSP, DX6, DX4, DT6};
	struct r_pkt pkt;
	size_t i, k;

	for (k = 0; k < sizeof(sids) / sizeof(sids[0]); k++) {
		for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
			with_6(&pkt, sids[k], 2, 1, 80);
			pkt.data[R_ETH + R_IP6 + wrong[i].at] = wrong[i].value;
			r_role(*state, SAN_ROLE_CORE, 0);
			r_expect(*state, &pkt, SAN_R_BAD_SRH, XDP_PASS);
			r_role(*state, SAN_ROLE_CORE, SAN_IF_DROP_MALFORMED);
			r_expect(*state, &pkt, SAN_R_BAD_SRH, XDP_DROP);
		}
	}
}

/* --- decapsulation ---------------------------------------------------------------------------- */

static void test_dx6(void **state)
{
	static const size_t sizes[] = {0, 1, 7, 64, 500, 1452};
	struct r_pkt pkt;
	size_t i;
	int n;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		with_6(&pkt, DX6, 0, NO_SRH, sizes[i]);
		check_inner_6(*state, &pkt, R_IP6, 48 + sizes[i], direct_macs);
		for (n = 1; n <= MAX_SEGS; n++) {
			with_6(&pkt, DX6, n, 0, sizes[i]);
			check_inner_6(*state, &pkt, outer_len(n, 0), 48 + sizes[i], direct_macs);
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
		with_4(&pkt, DX4, 0, NO_SRH, sizes[i]);
		check_inner_4(*state, &pkt, R_IP6, 28 + sizes[i], direct_macs);
		for (n = 1; n <= MAX_SEGS; n++) {
			with_4(&pkt, DX4, n, 0, sizes[i]);
			check_inner_4(*state, &pkt, outer_len(n, 0), 28 + sizes[i], direct_macs);
		}
	}
}

/* The identification takes every value once: the checksum wraps. */
static void test_dx4_checksum(void **state)
{
	struct r_pkt pkt;
	struct r_out out;
	uint16_t sum;
	int id;

	for (id = 0; id < 65536; id += id < 600 || id > 64900 ? 1 : 64) {
		with_4(&pkt, DX4, 0, NO_SRH, 0);
		pkt.data[54 + 4] = id >> 8;
		pkt.data[54 + 5] = id;
		memset(pkt.data + 54 + 10, 0, 2);
		sum = htons(r_sum(pkt.data + 54, 20, 0));
		memcpy(pkt.data + 54 + 10, &sum, 2);
		r_run(*state, &pkt, &out);
		assert_int_equal(out.reason, SAN_R_DECAPSULATED);
		assert_int_equal(r_sum(out.data + R_ETH, 20, 0), 0);
	}
}

static void test_dx4_options(void **state)
{
	const uint8_t head[24] = {0x46, 0,  0,	 32, 0,	  1, 0,	  0, 9, 17, 0, 0,
				  198,	51, 100, 2,  203, 0, 113, 5, 1, 1,  1, 0};
	struct r_pkt pkt;
	uint16_t sum;

	outer(&pkt, DX4, 0, NO_SRH, 4);
	r_bytes(&pkt, head, sizeof(head));
	sum = htons(r_sum(pkt.data + 54, 24, 0));
	memcpy(pkt.data + 54 + 10, &sum, 2);
	r_bytes(&pkt, "12345678", 8);
	r_end6(&pkt, R_ETH);
	check_inner_4(*state, &pkt, R_IP6, 32, direct_macs);
}

static void test_dt6(void **state)
{
	struct r_pkt pkt;
	int n;

	with_6(&pkt, DT6, 0, NO_SRH, 40);
	check_inner_6(*state, &pkt, R_IP6, 88, next_macs);
	for (n = 1; n <= MAX_SEGS; n++) {
		with_6(&pkt, DT6, n, 0, 40);
		check_inner_6(*state, &pkt, outer_len(n, 0), 88, next_macs);
	}
	outer(&pkt, DT6, 0, NO_SRH, 41);
	r_udp6(&pkt, CLIENT, "2001:db8:77::1", 10);
	r_end6(&pkt, R_ETH);
	r_expect(*state, &pkt, SAN_R_NO_ROUTE, XDP_PASS);
	with_6(&pkt, DT6, 0, NO_SRH, 1960);
	r_expect(*state, &pkt, SAN_R_NO_ROUTE, XDP_PASS);
	with_6(&pkt, DT6, 0, NO_SRH, 10);
	pkt.data[54 + 7] = 1;
	r_expect(*state, &pkt, SAN_R_HOP_LIMIT, XDP_PASS);
}

/* Ethernet padding, and what the outer packet holds behind the inner one. */
static void test_surplus(void **state)
{
	struct r_pkt pkt;

	with_6(&pkt, DX6, 2, 0, 3);
	r_bytes(&pkt, "padding", 7);
	check_inner_6(*state, &pkt, outer_len(2, 0), 51, direct_macs);
	r_end6(&pkt, R_ETH);
	check_inner_6(*state, &pkt, outer_len(2, 0), 51, direct_macs);
	with_4(&pkt, DX4, 0, NO_SRH, 3);
	r_bytes(&pkt, "padding", 7);
	check_inner_4(*state, &pkt, R_IP6, 31, direct_macs);
}

static void test_counters(void **state)
{
	struct r_env *env = *state;
	uint64_t svc = r_packets(env, "san_svc_stats", STATS);
	uint64_t nh = r_packets(env, "san_nh_stats", NH6);
	struct r_pkt pkt;
	struct r_out out;

	with_6(&pkt, DX6, 0, NO_SRH, 10);
	r_run(env, &pkt, &out);
	assert_int_equal(r_packets(env, "san_svc_stats", STATS), svc + 1);
	assert_int_equal(r_packets(env, "san_nh_stats", NH6), nh + 1);
	with_6(&pkt, DT6, 0, NO_SRH, 10);
	r_run(env, &pkt, &out);
	assert_int_equal(r_packets(env, "san_svc_stats", STATS), svc + 2);
	with_6(&pkt, END, 1, 1, 10); /* not at its end: no service */
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

	with_6(&pkt, DX6, 2, 1, 10);
	r_expect(*state, &pkt, SAN_R_SEGMENTS_LEFT, XDP_PASS);
	with_4(&pkt, DX4, 2, 2, 10);
	r_expect(*state, &pkt, SAN_R_SEGMENTS_LEFT, XDP_PASS);
	with_6(&pkt, DT6, 1, 1, 10);
	r_expect(*state, &pkt, SAN_R_SEGMENTS_LEFT, XDP_PASS);
}

static void test_upper_layer(void **state)
{
	static const uint8_t others[] = {17, 58, 0, 60, 44, 51, 59, 50};
	struct r_pkt pkt;
	size_t i;

	with_4(&pkt, DX6, 0, NO_SRH, 10);
	r_expect(*state, &pkt, SAN_R_UPPER_LAYER, XDP_PASS);
	with_6(&pkt, DX4, 1, 0, 10);
	r_expect(*state, &pkt, SAN_R_UPPER_LAYER, XDP_PASS);
	with_4(&pkt, DT6, 1, 0, 10);
	r_expect(*state, &pkt, SAN_R_UPPER_LAYER, XDP_PASS);
	for (i = 0; i < sizeof(others); i++) {
		with_6(&pkt, DX6, 0, NO_SRH, 20);
		pkt.data[R_ETH + 6] = others[i];
		r_expect(*state, &pkt, SAN_R_UPPER_LAYER, XDP_PASS);
		with_6(&pkt, DX6, 2, 0, 20);
		pkt.data[R_ETH + R_IP6] = others[i];
		r_expect(*state, &pkt, SAN_R_UPPER_LAYER, XDP_PASS);
	}
	with_6(&pkt, DX6, 1, 0, 10);
	pkt.data[R_ETH + R_IP6 + 2] = 3; /* another routing header */
	r_expect(*state, &pkt, SAN_R_UPPER_LAYER, XDP_PASS);
}

/* Cut at every byte, the outer header always being right about what is there. */
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
	with_6(pkt, DX6, 2, 0, 10);
}

static void make_4(struct r_pkt *pkt)
{
	with_4(pkt, DX4, 0, NO_SRH, 10);
}

static void make_end(struct r_pkt *pkt)
{
	with_6(pkt, END, 2, 1, 10);
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
	pkt.len--; /* the outer header says more than there is */
	r_role(*state, SAN_ROLE_CORE, SAN_IF_DROP_MALFORMED);
	r_expect(*state, &pkt, SAN_R_TRUNCATED, XDP_DROP);
}

static void test_bad_inner(void **state)
{
	struct r_pkt pkt;

	with_6(&pkt, DX6, 0, NO_SRH, 10);
	pkt.data[54] = 0x45;
	r_expect(*state, &pkt, SAN_R_NOT_IP, XDP_PASS);
	with_4(&pkt, DX4, 0, NO_SRH, 10);
	pkt.data[54] = 0x65;
	r_expect(*state, &pkt, SAN_R_BAD_IPV4, XDP_PASS);
	pkt.data[54] = 0x44; /* header of 16 bytes */
	r_expect(*state, &pkt, SAN_R_BAD_IPV4, XDP_PASS);
	pkt.data[54] = 0x4f; /* header longer than the packet */
	r_expect(*state, &pkt, SAN_R_BAD_IPV4, XDP_PASS);
	pkt.data[54] = 0x45;
	pkt.data[56] = 1; /* total length beyond the outer packet */
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

	with_6(&pkt, DX6, 0, NO_SRH, 10);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		put_nexthop(*state, NH6, kinds[i].kind, 1500);
		r_expect(*state, &pkt, kinds[i].reason, kinds[i].action);
	}
	put_sid(*state, DX6, &far);
	r_expect(*state, &pkt, SAN_R_NH_INVALID, XDP_PASS);
}

static void test_direct_limits(void **state)
{
	struct san_nexthop nh = {.ifindex = 4000, .kind = SAN_NH_DIRECT, .mtu = 1500};
	const uint32_t index = NH6;
	struct r_pkt pkt;

	with_6(&pkt, DX6, 0, NO_SRH, 1453);
	r_expect(*state, &pkt, SAN_R_TOO_BIG_KERNEL, XDP_PASS);
	with_4(&pkt, DX4, 0, NO_SRH, 1473);
	r_expect(*state, &pkt, SAN_R_TOO_BIG_KERNEL, XDP_PASS);
	with_6(&pkt, DX6, 0, NO_SRH, 10);
	pkt.data[54 + 7] = 1;
	r_expect(*state, &pkt, SAN_R_HOP_LIMIT, XDP_PASS);
	with_4(&pkt, DX4, 0, NO_SRH, 10);
	pkt.data[54 + 8] = 0;
	r_expect(*state, &pkt, SAN_R_HOP_LIMIT, XDP_PASS);
	r_put(*state, "san_nexthops", &index, &nh); /* out of an interface without a role */
	with_6(&pkt, DX6, 0, NO_SRH, 10);
	r_expect(*state, &pkt, SAN_R_NH_UNRESOLVED, XDP_PASS);
}

static void test_not_for_us(void **state)
{
	struct r_pkt pkt, tagged;

	with_6(&pkt, "fc00:9::77", 1, 1, 10);
	r_expect(*state, &pkt, SAN_R_NOT_LOCAL, XDP_PASS);
	pkt.data[R_ETH + R_IP6 + 4] = 200; /* an SRH that is not ours to judge */
	r_expect(*state, &pkt, SAN_R_NOT_LOCAL, XDP_PASS);
	with_6(&pkt, LEFT_TO_KERNEL, 1, 1, 10);
	r_expect(*state, &pkt, SAN_R_KERNEL_SID, XDP_PASS);
	with_6(&pkt, END, 1, 1, 10);
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

	with_6(&pkt, DX6, 1, 0, 10);
	r_role(*state, SAN_ROLE_INGRESS, 0xff);
	r_expect(*state, &pkt, SAN_R_NO_ROLE, XDP_PASS);
	r_role(*state, SAN_ROLE_NONE, 0xff);
	r_expect(*state, &pkt, SAN_R_NO_ROLE, XDP_PASS);
}

static void test_unknown_behaviour(void **state)
{
	const struct san_sid strange = {.behaviour = SAN_BEHAVIOUR_MAX};
	struct r_pkt pkt;

	put_sid(*state, DX6, &strange);
	with_6(&pkt, DX6, 1, 0, 10);
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
	with_6(&pkt, DX6, 1, 0, 10);
	r_expect(*state, &pkt, SAN_R_OUTSIDE_SOURCE, XDP_DROP);
	with_6(&pkt, LEFT_TO_KERNEL, 1, 0, 10);
	r_expect(*state, &pkt, SAN_R_OUTSIDE_SOURCE, XDP_DROP);
	with_6(&pkt, "fc00:9::77", 1, 0, 10); /* to no SID */
	r_expect(*state, &pkt, SAN_R_NOT_LOCAL, XDP_PASS);
	set_prefix(&domain.inside[SAN_MAX_INSIDE - 1], "5f00::", 16);
	r_domain(*state, &domain);
	with_6(&pkt, DX6, 1, 0, 10);
	check_inner_6(*state, &pkt, outer_len(1, 0), 58, direct_macs);
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

	with_6(&pkt, DX6, 1, 0, 10);
	check_inner_6(env, &pkt, outer_len(1, 0), 58, direct_macs);
	assert_int_equal(env->n_events, 0);
	r_domain(env, &domain);
	check_inner_6(env, &pkt, outer_len(1, 0), 58, direct_macs);
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
	check_inner_6(env, &pkt, outer_len(1, 0), 58, direct_macs);
	assert_int_equal(env->n_events, 0);
}

static void test_sample(void **state)
{
	struct r_env *env = *state;
	const struct san_domain domain = {.sample = 1};
	struct r_pkt pkt;

	r_domain(env, &domain);
	with_6(&pkt, DX6, 1, 0, 10);
	check_inner_6(env, &pkt, outer_len(1, 0), 58, direct_macs);
	assert_int_equal(env->n_events, 0);
	with_6(&pkt, DX6, 1, 1, 10);
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

/* Last: the tests above have met every reason that this program has but those of End.SAN. */
static void test_all_reasons(void **state)
{
	static const enum san_reason mine[] = {
		SAN_R_RELAYED,	   SAN_R_DECAPSULATED,	 SAN_R_NOT_IP,	       SAN_R_TAGGED,
		SAN_R_NO_ROLE,	   SAN_R_OUTSIDE_SOURCE, SAN_R_NH_UNRESOLVED,  SAN_R_NH_INVALID,
		SAN_R_NH_DROP,	   SAN_R_HOP_LIMIT,	 SAN_R_TOO_BIG_KERNEL, SAN_R_NOT_ROUTABLE,
		SAN_R_NOT_LOCAL,   SAN_R_KERNEL_SID,	 SAN_R_NO_ROUTE,       SAN_R_SEGMENTS_LEFT,
		SAN_R_UPPER_LAYER, SAN_R_TRUNCATED,	 SAN_R_BAD_IPV4,       SAN_R_BAD_SRH};
	const struct r_env *env = *state;
	size_t i;

	for (i = 0; i < sizeof(mine) / sizeof(mine[0]); i++)
		if (!env->hits[mine[i]])
			fail_msg("no test has met %s", r_reason_name(mine[i]));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, reset)
	const struct CMUnitTest tests[] = {
		T(test_end),
		T(test_end_psp),
		T(test_end_long_srh),
		T(test_end_padding),
		T(test_end_at_the_end),
		T(test_end_usd),
		T(test_end_hop_limit),
		T(test_end_no_route),
		T(test_bad_srh),
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
	};
#undef T

	if (!r_can_run())
		return 0;
	return cmocka_run_group_tests_name("core", tests, open_env, close_env);
}
