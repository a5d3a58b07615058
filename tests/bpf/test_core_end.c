/* SPDX-License-Identifier: GPL-2.0-or-later */
/* End with its flavours, and what goes wrong in an SRH, byte by byte. */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <string.h>

#include "libcore.h"

#define T(name) cmocka_unit_test_setup(name, c_reset)

/* --- End -----------------------------------------------------------------------------------------
 */

static void want_relayed(struct r_pkt *want, const struct r_pkt *pkt, int left)
{
	const struct in6_addr next = c_segment(left - 1);

	c_expected(want, c_next_macs, 0x86dd, pkt->data + R_ETH, pkt->len - R_ETH);
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
			c_with_6(&pkt, END, n, left, 10 * n);
			want_relayed(&want, &pkt, left);
			c_check_out(*state, &pkt, SAN_R_RELAYED, &want);
		}
	}
}

static void want_popped(struct r_pkt *want, const struct r_pkt *pkt, size_t srh)
{
	const struct in6_addr last = c_segment(0);

	c_expected(want, c_next_macs, 0x86dd, pkt->data + R_ETH, R_IP6);
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
		c_with_6(&pkt, END_PSP, n, 1, 33);
		want_popped(&want, &pkt, 8 + 16 * n);
		c_check_out(*state, &pkt, SAN_R_RELAYED, &want);
		c_with_4(&pkt, END_PSP, n, 1, 0);
		want_popped(&want, &pkt, 8 + 16 * n);
		c_check_out(*state, &pkt, SAN_R_RELAYED, &want);
	}
	c_with_6(&pkt, END_PSP, 3, 2, 33); /* not the last but one yet */
	want_relayed(&want, &pkt, 2);
	c_check_out(*state, &pkt, SAN_R_RELAYED, &want);
}

/* The largest SRH there is: TLVs behind the list. */
static void test_end_long_srh(void **state)
{
	struct r_pkt pkt, want;
	uint8_t srh[2048] = {41, 255, 4, 1, 0};
	const struct in6_addr seg = c_segment(0);

	memcpy(srh + 8, &seg, 16);
	memset(srh + 24, 5, sizeof(srh) - 24);
	r_ip("link set core0 mtu 3000\n");
	r_eth(&pkt, 0x86dd);
	r_ip6(&pkt, SOURCE, END_PSP, 43);
	r_bytes(&pkt, srh, sizeof(srh));
	r_udp6(&pkt, CLIENT, SERVER, 100);
	r_end6(&pkt, R_ETH);
	want_popped(&want, &pkt, sizeof(srh));
	c_check_out(*state, &pkt, SAN_R_RELAYED, &want);
	r_ip("link set core0 mtu 2000\n");
}

static void test_end_padding(void **state)
{
	struct r_pkt pkt, want;

	c_with_6(&pkt, END, 2, 1, 5);
	want_relayed(&want, &pkt, 1);
	r_bytes(&pkt, "padding", 7);
	c_check_out(*state, &pkt, SAN_R_RELAYED, &want);
	c_with_6(&pkt, END_PSP, 2, 1, 5);
	want_popped(&want, &pkt, 40);
	r_bytes(&pkt, "padding", 7);
	c_check_out(*state, &pkt, SAN_R_RELAYED, &want);
}

static void test_end_at_the_end(void **state)
{
	static const char *const sids[] = {END, END_PSP, END_USP};
	struct r_pkt pkt;
	size_t i;

	for (i = 0; i < 3; i++) {
		c_with_6(&pkt, sids[i], 2, 0, 10);
		r_expect(*state, &pkt, SAN_R_UPPER_LAYER, XDP_PASS);
		c_with_6(&pkt, sids[i], 0, NO_SRH, 10);
		r_expect(*state, &pkt, SAN_R_UPPER_LAYER, XDP_PASS);
	}
	c_outer(&pkt, END_USD, 0, NO_SRH, 58);
	r_bytes(&pkt, "\x80\0\0\0\0\0\0\0", 8); /* a ping of the SID */
	r_end6(&pkt, R_ETH);
	r_expect(*state, &pkt, SAN_R_UPPER_LAYER, XDP_PASS);
}

static void test_end_usd(void **state)
{
	struct r_pkt pkt, want;

	c_with_6(&pkt, END_USD, 0, NO_SRH, 20);
	c_check_inner_6(*state, &pkt, R_IP6, 68, c_next_macs);
	c_with_6(&pkt, END_USD, 3, 0, 20);
	c_check_inner_6(*state, &pkt, R_IP6 + 56, 68, c_next_macs);
	c_with_4(&pkt, END_USD, 0, NO_SRH, 20);
	c_check_inner_4(*state, &pkt, R_IP6, 48, c_next_macs);
	c_with_4(&pkt, END_USD, 2, 0, 20);
	c_check_inner_4(*state, &pkt, R_IP6 + 40, 48, c_next_macs);
	c_with_6(&pkt, END_USD, 2, 1, 20); /* not at the end: a relay like any other */
	want_relayed(&want, &pkt, 1);
	c_check_out(*state, &pkt, SAN_R_RELAYED, &want);
}

static void test_end_hop_limit(void **state)
{
	struct r_pkt pkt;
	int hops;

	for (hops = 0; hops < 2; hops++) {
		c_with_6(&pkt, END, 2, 1, 10);
		pkt.data[R_ETH + 7] = hops;
		r_expect(*state, &pkt, SAN_R_HOP_LIMIT, XDP_PASS);
		c_with_6(&pkt, END_USD, 2, 0, 10);
		pkt.data[R_ETH + 7] = 1; /* of the c_outer header: it has arrived */
		pkt.data[R_ETH + 80 + 7] = hops;
		r_expect(*state, &pkt, SAN_R_HOP_LIMIT, XDP_PASS);
	}
}

static void to_segment(struct r_pkt *pkt, const char *sid, const char *seg, size_t payload)
{
	const struct in6_addr addr = r_addr(seg);

	c_with_6(pkt, sid, 1, 1, payload);
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
	c_with_6(&pkt, END, 1, 1, 1940); /* 40 + 24 + 48 + 1940 > 2000 */
	r_expect(*state, &pkt, SAN_R_NO_ROUTE, XDP_PASS);
	c_with_6(&pkt, END, 1, 1, 2000 - 112);
	want_relayed(&want, &pkt, 1);
	c_check_out(*state, &pkt, SAN_R_RELAYED, &want);
	c_with_6(&pkt, END_PSP, 1, 1, 2000 - 88); /* fits once the SRH is gone */
	want_popped(&want, &pkt, 24);
	c_check_out(*state, &pkt, SAN_R_RELAYED, &want);
}

static void test_bad_srh(void **state)
{
	static const struct {
		uint8_t at, value;
	} wrong[] = {{1, 3} /* half a c_segment */,
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
			c_with_6(&pkt, sids[k], 2, 1, 80);
			pkt.data[R_ETH + R_IP6 + wrong[i].at] = wrong[i].value;
			r_role(*state, SAN_ROLE_CORE, 0);
			r_expect(*state, &pkt, SAN_R_BAD_SRH, XDP_PASS);
			r_role(*state, SAN_ROLE_CORE, SAN_IF_DROP_MALFORMED);
			r_expect(*state, &pkt, SAN_R_BAD_SRH, XDP_DROP);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* clang-format off */
		T(test_end),
		T(test_end_psp),
		T(test_end_long_srh),
		T(test_end_padding),
		T(test_end_at_the_end),
		T(test_end_usd),
		T(test_end_hop_limit),
		T(test_end_no_route),
		T(test_bad_srh),
		/* clang-format on */
	};

	if (!r_can_run())
		return 0;
	return cmocka_run_group_tests_name("core_end", tests, c_open, c_close);
}
