/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cursor as the kernel runs it: carriers, chains, bounds, malformed headers, profiles. */
#include <linux/bpf.h>
#include <string.h>

#include "libtest.h"

#define HBH 0
#define ROUTING 43
#define FRAGMENT 44
#define AH 51
#define DOH 60

static const uint8_t san_opt[14] = {
	SAN_OPT_TYPE, SAN_HDR_LEN, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1};

/* An options header of len bytes (multiple of 8): opts from byte 2, the rest Pad1 or one PadN. */
static void options(struct t_pkt *pkt, uint8_t type, const void *opts, size_t n, size_t len)
{
	uint8_t hdr[2048] = {59, len / 8 - 1};

	memcpy(hdr + 2, opts, n);
	if (len - 2 - n >= 2) {
		hdr[2 + n] = 1;
		hdr[3 + n] = len - 4 - n;
	}
	t_header(pkt, type, hdr, len);
}

/* SRH with n segments, left segments to go and tlvs behind (a multiple of 8). */
static void srh(struct t_pkt *pkt, unsigned int n, uint8_t left, const void *tlvs, size_t len)
{
	uint8_t hdr[2048] = {59, 2 * n + len / 8, 4, left, n - 1};

	memcpy(hdr + 8 + 16 * n, tlvs, len);
	t_header(pkt, ROUTING, hdr, 8 + 16 * n + len);
}

static void ends(struct t_env *env, struct t_pkt *pkt, enum san_reason reason)
{
	t_udp(pkt, 12);
	t_end(pkt);
	t_expect(env, pkt, reason, reason == SAN_R_FORWARDED ? XDP_REDIRECT : XDP_PASS);
}

static void test_carriers(void **state)
{
	uint8_t tlv[16] = {SAN_TLV_TYPE, 12, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 4, 0};
	struct t_pkt pkt;

	t_begin(&pkt);
	options(&pkt, DOH, san_opt, sizeof(san_opt), 16);
	ends(*state, &pkt, SAN_R_FORWARDED);
	t_begin(&pkt);
	options(&pkt, HBH, san_opt, sizeof(san_opt), 16);
	ends(*state, &pkt, SAN_R_FORWARDED);
	t_begin(&pkt);
	srh(&pkt, 2, 1, tlv, sizeof(tlv));
	ends(*state, &pkt, SAN_R_FORWARDED);
	/* Option type in an SRH and TLV type in options mean nothing. */
	tlv[0] = SAN_OPT_TYPE;
	t_begin(&pkt);
	srh(&pkt, 2, 1, tlv, sizeof(tlv));
	ends(*state, &pkt, SAN_R_NO_SAN);
	tlv[0] = SAN_TLV_TYPE;
	t_begin(&pkt);
	options(&pkt, DOH, tlv, 14, 16);
	ends(*state, &pkt, SAN_R_NO_SAN);
}

static void test_first_counts(void **state)
{
	uint8_t other[14], opts[28];
	struct t_pkt pkt;

	memcpy(other, san_opt, 14);
	other[13] = 99;
	memcpy(opts, san_opt, 14);
	memcpy(opts + 14, other, 14);
	t_begin(&pkt);
	options(&pkt, DOH, opts, 28, 32);
	ends(*state, &pkt, SAN_R_FORWARDED);
	t_begin(&pkt);
	options(&pkt, HBH, other, 14, 16);
	options(&pkt, DOH, san_opt, 14, 16);
	ends(*state, &pkt, SAN_R_UNKNOWN_SERVICE);
	/* A later one may be anything: it is an option like others. */
	opts[14 + 2] = 0x70;
	memset(opts + 14 + 6, 0, 8);
	t_begin(&pkt);
	options(&pkt, DOH, opts, 28, 32);
	ends(*state, &pkt, SAN_R_FORWARDED);
}

/* n Pad1 in front of or behind the SAN option, in one header. */
static void pads(struct t_pkt *pkt, size_t before, size_t behind)
{
	uint8_t opts[128] = {0};
	size_t n = before + 14 + behind;

	memcpy(opts + before, san_opt, 14);
	t_begin(pkt);
	assert_true((n + 2) % 8 == 0);
	options(pkt, DOH, opts, n, n + 2);
}

static void test_option_bound(void **state)
{
	struct t_pkt pkt;

	pads(&pkt, 24, 0);
	ends(*state, &pkt, SAN_R_FORWARDED);
	pads(&pkt, 32, 0);
	ends(*state, &pkt, SAN_R_TOO_DEEP);
	pads(&pkt, 0, 24);
	ends(*state, &pkt, SAN_R_FORWARDED);
	pads(&pkt, 0, 32);
	ends(*state, &pkt, SAN_R_TOO_DEEP);
	/* Exactly 32: 25 here, 7 in another header (6 Pad1 and what fills it). */
	pads(&pkt, 24, 0);
	options(&pkt, HBH, "\0\0\0\0\0\0", 6, 8);
	options(&pkt, HBH, "\1\4\0\0\0\0", 6, 8);
	ends(*state, &pkt, SAN_R_FORWARDED);
	pads(&pkt, 24, 0);
	options(&pkt, HBH, "\0\0\0\0\0\0", 6, 8);
	options(&pkt, HBH, "\1\1\0\1\1\0", 6, 8);
	ends(*state, &pkt, SAN_R_TOO_DEEP);
}

static void test_header_bound(void **state)
{
	const uint8_t ext[8] = {59, 0, 1, 4};
	struct t_pkt pkt;
	int i, n;

	for (n = 7; n <= 9; n++) {
		t_begin(&pkt);
		options(&pkt, HBH, san_opt, 14, 16);
		for (i = 1; i < n; i++)
			t_header(&pkt, 135, ext, sizeof(ext));
		ends(*state, &pkt, n <= 8 ? SAN_R_FORWARDED : SAN_R_TOO_DEEP);
	}
}

/* All kinds of headers in one chain; AH counts in units of 4. */
static void test_chain(void **state)
{
	static const uint8_t types[] = {HBH, 135, 139, 140, ROUTING, FRAGMENT, AH};
	const uint8_t ext[8] = {59, 0};
	struct t_pkt pkt;
	size_t i;

	t_begin(&pkt);
	for (i = 0; i < sizeof(types); i++)
		t_header(&pkt, types[i], ext, sizeof(ext));
	options(&pkt, DOH, san_opt, 14, 16);
	ends(*state, &pkt, SAN_R_FORWARDED);
	t_begin(&pkt);
	t_header(&pkt, AH, "\x3b\4______________________", 24);
	options(&pkt, DOH, san_opt, 14, 16);
	ends(*state, &pkt, SAN_R_FORWARDED);
}

/* The longest header there is, the SAN option at its very end. */
static void test_long_header(void **state)
{
	uint8_t opts[2046] = {0};
	struct t_pkt pkt;
	size_t at;

	for (at = 0; at < 8 * 254; at += 254) {
		opts[at] = 7;
		opts[at + 1] = 252;
	}
	memcpy(opts + at, san_opt, 14);
	t_begin(&pkt);
	options(&pkt, DOH, opts, sizeof(opts), 2048);
	ends(*state, &pkt, SAN_R_TOO_BIG_KERNEL);
}

static void test_upper_layers(void **state)
{
	static const uint8_t types[] = {6, 17, 50, 58, 59, 41, 132, 253};
	struct t_pkt pkt;
	size_t i;

	for (i = 0; i < sizeof(types); i++) {
		t_begin(&pkt);
		t_doh_san(&pkt, T_SERVICE);
		pkt.data[pkt.next_at] = types[i];
		t_zeros(&pkt, 4);
		t_end(&pkt);
		t_expect(*state, &pkt, SAN_R_FORWARDED, XDP_REDIRECT);
		/* Ports must be there in TCP and UDP; nothing else is asked for. */
		pkt.len -= 1;
		t_end(&pkt);
		t_expect(*state, &pkt, i < 2 ? SAN_R_TRUNCATED : SAN_R_FORWARDED,
			 i < 2 ? XDP_PASS : XDP_REDIRECT);
		pkt.len -= 3;
		t_end(&pkt);
		t_expect(*state, &pkt, i < 2 ? SAN_R_TRUNCATED : SAN_R_FORWARDED,
			 i < 2 ? XDP_PASS : XDP_REDIRECT);
	}
}

static void test_fragments(void **state)
{
	static const uint8_t more[8] = {59, 0, 0, 1}, later[8] = {59, 0, 0, 8};
	static const uint8_t atomic[8] = {59, 0xff, 0, 6}; /* reserved bits */
	struct t_pkt pkt;

	t_begin(&pkt);
	t_header(&pkt, FRAGMENT, atomic, 8);
	t_doh_san(&pkt, T_SERVICE);
	ends(*state, &pkt, SAN_R_FORWARDED);
	t_begin(&pkt);
	t_header(&pkt, FRAGMENT, more, 8);
	t_doh_san(&pkt, T_SERVICE);
	ends(*state, &pkt, SAN_R_FORWARDED);
	t_clear(*state, "san_frags");
	t_begin(&pkt);
	t_doh_san(&pkt, T_SERVICE);
	t_header(&pkt, FRAGMENT, later, 8);
	ends(*state, &pkt, SAN_R_FRAGMENT);
}

/* The same packet cut at every length, the payload length telling the truth or not. */
static void test_truncation(void **state)
{
	struct t_pkt whole, pkt;
	size_t len;

	t_client(&whole, 0);
	for (len = T_ETH_LEN; len < whole.len; len++) {
		memcpy(&pkt, &whole, sizeof(pkt));
		pkt.len = len;
		t_expect(*state, &pkt, SAN_R_TRUNCATED, XDP_PASS);
		if (len < T_EXT_AT)
			continue;
		t_end(&pkt);
		t_expect(*state, &pkt, len < T_EXT_AT + 20 ? SAN_R_TRUNCATED : SAN_R_FORWARDED,
			 len < T_EXT_AT + 20 ? XDP_PASS : XDP_REDIRECT);
	}
	/* A jumbogram says payload length 0. */
	t_begin(&pkt);
	options(&pkt, HBH, "\xc2\4\0\1\0\0", 6, 8);
	t_udp(&pkt, 10);
	t_expect(*state, &pkt, SAN_R_TRUNCATED, XDP_PASS);
}

static void test_bad_options(void **state)
{
	struct t_pkt pkt;
	uint8_t len;

	/* Beyond its header, though inside the packet. */
	t_begin(&pkt);
	options(&pkt, DOH, "\7\5\0\0\0\0", 6, 8);
	t_doh_san(&pkt, T_SERVICE);
	ends(*state, &pkt, SAN_R_BAD_OPTION);
	/* A type without its length. */
	t_begin(&pkt);
	options(&pkt, DOH, "\1\3\0\0\0\7", 6, 8);
	ends(*state, &pkt, SAN_R_BAD_OPTION);
	/* The same behind a good SAN header. */
	t_begin(&pkt);
	t_doh_san(&pkt, T_SERVICE);
	options(&pkt, DOH, "\7\5\0\0\0\0", 6, 8);
	ends(*state, &pkt, SAN_R_BAD_OPTION);
	for (len = 0; len < 12; len++) {
		t_client(&pkt, 10);
		pkt.data[T_EXT_AT + 3] = len;
		t_expect(*state, &pkt, SAN_R_BAD_OPTION, XDP_PASS);
	}
}

/* Further TLVs inside the SAN header are for later versions. */
static void test_longer_san(void **state)
{
	uint8_t opt[22];
	struct t_pkt pkt;

	memcpy(opt, san_opt, 14);
	memset(opt + 14, 0xff, 8);
	opt[1] = 20;
	t_begin(&pkt);
	options(&pkt, DOH, opt, 22, 24);
	ends(*state, &pkt, SAN_R_FORWARDED);
}

static void test_srh(void **state)
{
	static const uint8_t tlvs[16] = {4, 14};
	struct t_pkt pkt;

	t_begin(&pkt);
	srh(&pkt, 3, 2, tlvs, 16);
	ends(*state, &pkt, SAN_R_NO_SAN);
	t_begin(&pkt);
	srh(&pkt, 3, 3, tlvs, 0); /* reduced: the first segment is not in the list */
	ends(*state, &pkt, SAN_R_NO_SAN);
	t_begin(&pkt);
	srh(&pkt, 3, 4, tlvs, 0);
	ends(*state, &pkt, SAN_R_BAD_SRH);
	t_begin(&pkt);
	srh(&pkt, 3, 2, tlvs, 8);
	pkt.data[T_EXT_AT + 4] = 3; /* Last Entry says four, three and a half are there */
	ends(*state, &pkt, SAN_R_BAD_SRH);
	t_begin(&pkt);
	srh(&pkt, 3, 2, "\7\7\0\0\0\0\0\0", 8);
	ends(*state, &pkt, SAN_R_BAD_OPTION);
	/* Another routing type is only skipped. */
	t_begin(&pkt);
	srh(&pkt, 3, 9, tlvs, 0);
	pkt.data[T_EXT_AT + 2] = 3;
	t_doh_san(&pkt, T_SERVICE);
	ends(*state, &pkt, SAN_R_FORWARDED);
}

static void test_carrier_off(void **state)
{
	struct san_profile p = SAN_PROFILE_EXP1;
	struct t_pkt pkt;

	p.carriers = SAN_CARRIER_HBH;
	t_profile(*state, &p);
	t_client(&pkt, 10);
	t_expect(*state, &pkt, SAN_R_NO_SAN, XDP_PASS);
	/* What is wrong inside a header that is skipped does not matter. */
	t_begin(&pkt);
	options(&pkt, HBH, san_opt, 14, 16);
	options(&pkt, DOH, "\7\xff\0\0\0\0", 6, 8);
	srh(&pkt, 1, 200, "", 0);
	ends(*state, &pkt, SAN_R_FORWARDED);
}

/* Another layout: type 0x3e, no version, 4 bytes of ID at offset 6. */
static void test_other_layout(void **state)
{
	struct san_profile p = {.carriers = SAN_CARRIER_DOH,
				.opt_type = 0x3e,
				.tlv_type = 200,
				.id_offset = 6,
				.id_len = 4};
	uint8_t opt[12] = {0x3e, 10, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 1};
	struct t_pkt pkt;

	t_profile(*state, &p);
	t_begin(&pkt);
	options(&pkt, DOH, opt, 12, 16);
	ends(*state, &pkt, SAN_R_FORWARDED);
	opt[1] = 9;
	t_begin(&pkt);
	options(&pkt, DOH, opt, 12, 16);
	ends(*state, &pkt, SAN_R_BAD_OPTION);
	opt[1] = 10;
	opt[10] = opt[11] = 0;
	t_begin(&pkt);
	options(&pkt, DOH, opt, 12, 16);
	ends(*state, &pkt, SAN_R_ZERO_SERVICE);
	t_client(&pkt, 10);
	t_expect(*state, &pkt, SAN_R_NO_SAN, XDP_PASS);
}

/* The farthest ID a profile may name. */
static void test_far_id(void **state)
{
	struct san_profile p = SAN_PROFILE_EXP1;
	uint8_t opt[42] = {SAN_OPT_TYPE, 40, 0x10};
	struct t_pkt pkt;

	p.id_offset = 32;
	t_profile(*state, &p);
	opt[40] = opt[41] = 1;
	t_begin(&pkt);
	options(&pkt, DOH, opt, 42, 48);
	ends(*state, &pkt, SAN_R_FORWARDED);
	opt[1] = 39;
	t_begin(&pkt);
	options(&pkt, DOH, opt, 42, 48);
	ends(*state, &pkt, SAN_R_BAD_OPTION);
	t_client(&pkt, 10);
	t_expect(*state, &pkt, SAN_R_BAD_OPTION, XDP_PASS);
}

#define T(fn) cmocka_unit_test_setup(fn, t_reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_carriers),     T(test_first_counts), T(test_option_bound),
		T(test_header_bound), T(test_chain),	    T(test_long_header),
		T(test_upper_layers), T(test_fragments),    T(test_truncation),
		T(test_bad_options),  T(test_longer_san),   T(test_srh),
		T(test_carrier_off),  T(test_other_layout), T(test_far_id),
	};

	return t_can_run() ? cmocka_run_group_tests(tests, t_open, t_close) : 0;
}
