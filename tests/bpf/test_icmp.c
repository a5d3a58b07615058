/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the ingress tells the sender of a packet that does not fit: each field, the checksum worked
 * out anew, how much is quoted, how often, and what is left to the kernel. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "libraw.h"

#define CLIENT "2001:db8:c::2"
#define SERVER "2001:db8:5::101"
#define CLIENT4 "198.51.100.2"
#define SERVER4 "203.0.113.5"
#define SPEAKER "2001:db8:e::1"
#define SPEAKER4 "192.0.2.1"
#define SERVICE 0x101
#define NH 5
#define MTU 1500
#define OUTER 40
#define FITS (MTU - OUTER)

static void put_service(struct r_env *env, uint32_t mtu)
{
	const struct san_service_key key = {.service_id = SERVICE};
	const struct san_service svc = {
		.nexthop = NH, .mode = SAN_MODE_PREFERRED, .groups = 1, .generation = 1};
	struct san_nexthop nh = {.ifindex = env->ifindex,
				 .kind = SAN_NH_SRV6,
				 .mtu = mtu,
				 .outer_len = OUTER,
				 .families = SAN_NH_IP6 | SAN_NH_IP4};
	const uint32_t index = NH;

	((uint8_t *)nh.outer)[0] = 0x60;
	((uint8_t *)nh.outer)[6] = 41;
	r_put(env, "san_services", &key, &svc);
	r_put(env, "san_nexthops", &index, &nh);
}

/* A rule for everything, so that IPv4 has a service. */
static void put_class(struct r_env *env, struct san_domain *domain)
{
	const struct san_class_pair_key key = {.set = 1};
	const struct san_class_pair pair = {.group = 1, .combinations = 1};
	const struct san_class_rule_key rule_key = {.set = 1, .group = 1};
	const struct san_class_rule rule = {.service_id = SERVICE};

	r_put(env, "san_class_pairs", &key, &pair);
	r_put(env, "san_class_rules", &rule_key, &rule);
	domain->class_set = 1;
}

static void set_domain(struct r_env *env, const char *speaker, const char *speaker4)
{
	const struct in6_addr addr = r_addr(speaker), addr4 = r_addr(speaker4);
	struct san_domain domain = {0};

	put_class(env, &domain);
	memcpy(domain.icmp_source, &addr, 16);
	memcpy(&domain.icmp_source4, &addr4.s6_addr[12], 4);
	r_domain(env, &domain);
}

static int reset(void **state)
{
	struct r_env *env = *state;

	r_clear(env, "san_buckets");
	r_clear(env, "san_frags");
	put_service(env, MTU);
	set_domain(env, SPEAKER, SPEAKER4);
	r_role(env, SAN_ROLE_INGRESS, SAN_IF_CLASSIFY | SAN_IF_VLAN);
	return 0;
}

static int open_env(void **state)
{
	struct r_env *env = calloc(1, sizeof(*env));

	*state = env;
	r_namespace(env);
	r_load(env, "build/bpf/ingress.bpf.o", "san_ingress");
	return 0;
}

static int close_env(void **state)
{
	r_unload(*state);
	free(*state);
	return 0;
}

/* --- packets ---------------------------------------------------------------------------------- */

/* One with a SAN header: the walk does not matter, all end in the same answer. */
static void make_6(struct r_pkt *pkt, size_t len)
{
	size_t at;

	r_eth(pkt, 0x86dd);
	r_san6(pkt, CLIENT, SERVER, SERVICE);
	at = R_ETH;
	while (pkt->len < at + len)
		r_bytes(pkt, &(uint8_t){(uint8_t)(pkt->len * 11)}, 1);
	r_end6(pkt, at);
}

static void make_4(struct r_pkt *pkt, size_t len)
{
	r_eth(pkt, 0x0800);
	r_udp4(pkt, CLIENT4, SERVER4, len - 28);
}

/* Puts tags between the MAC addresses and the type. */
static void tag(struct r_pkt *pkt, const void *tags, size_t len)
{
	memmove(pkt->data + 12 + len, pkt->data + 12, pkt->len - 12);
	memcpy(pkt->data + 12, tags, len);
	pkt->len += len;
}

static void check_l2(const struct r_out *out, const struct r_pkt *pkt, size_t l2)
{
	assert_memory_equal(out->data, pkt->data + 6, 6);
	assert_memory_equal(out->data + 6, pkt->data, 6);
	assert_memory_equal(out->data + 12, pkt->data + 12, l2 - 12);
}

static size_t min(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* RFC 4443 section 3.2; the checksum over the pseudo header and the message is 0. */
static void check_6(const struct r_out *out, const struct r_pkt *pkt, size_t l2, uint32_t mtu)
{
	const uint8_t *ip6 = out->data + l2, *icmp = ip6 + 40;
	const struct in6_addr from = r_addr(SPEAKER);
	size_t quote = min(pkt->len - l2, 1280 - 48);

	assert_int_equal(out->reason, SAN_R_TOO_BIG);
	assert_int_equal(out->action, XDP_TX);
	assert_int_equal(out->len, l2 + 48 + quote);
	check_l2(out, pkt, l2);
	assert_memory_equal(ip6, "\x60\0\0\0", 4);
	assert_int_equal(ip6[4] << 8 | ip6[5], 8 + quote);
	assert_int_equal(ip6[6], 58);
	assert_int_equal(ip6[7], 64);
	assert_memory_equal(ip6 + 8, &from, 16);
	assert_memory_equal(ip6 + 24, pkt->data + l2 + 8, 16);
	assert_int_equal(icmp[0], 2);
	assert_int_equal(icmp[1], 0);
	assert_int_equal((uint32_t)icmp[4] << 24 | icmp[5] << 16 | icmp[6] << 8 | icmp[7], mtu);
	assert_memory_equal(icmp + 8, pkt->data + l2, quote);
	assert_int_equal(r_sum(ip6 + 8, 32 + 8 + quote, 58 + 8 + quote), 0);
}

/* RFC 792, RFC 1191 section 4. */
static void check_4(const struct r_out *out, const struct r_pkt *pkt, size_t l2, uint32_t mtu)
{
	const uint8_t *ip = out->data + l2, *icmp = ip + 20;
	const struct in6_addr from = r_addr(SPEAKER4);
	size_t quote = min(pkt->len - l2, 576 - 28);

	assert_int_equal(out->reason, SAN_R_TOO_BIG);
	assert_int_equal(out->action, XDP_TX);
	assert_int_equal(out->len, l2 + 28 + quote);
	check_l2(out, pkt, l2);
	assert_int_equal(ip[0], 0x45);
	assert_int_equal(ip[1], 0);
	assert_int_equal(ip[2] << 8 | ip[3], 28 + quote);
	assert_int_equal(ip[8], 64);
	assert_int_equal(ip[9], 1);
	assert_int_equal(r_sum(ip, 20, 0), 0);
	assert_memory_equal(ip + 12, &from.s6_addr[12], 4);
	assert_memory_equal(ip + 16, pkt->data + l2 + 12, 4);
	assert_int_equal(icmp[0], 3);
	assert_int_equal(icmp[1], 4);
	assert_memory_equal(icmp + 4, "\0\0", 2);
	assert_int_equal(icmp[6] << 8 | icmp[7], mtu);
	assert_memory_equal(icmp + 8, pkt->data + l2, quote);
	assert_int_equal(r_sum(icmp, 8 + quote, 0), 0);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void test_fits(void **state)
{
	struct r_pkt pkt;

	make_6(&pkt, FITS);
	r_expect(*state, &pkt, SAN_R_FORWARDED, XDP_REDIRECT);
	make_4(&pkt, FITS);
	r_expect(*state, &pkt, SAN_R_FORWARDED, XDP_REDIRECT);
}

static void test_6(void **state)
{
	static const size_t sizes[] = {FITS + 1, FITS + 2, FITS + 3, FITS + 4, 1500, 1999, 3000};
	struct r_pkt pkt;
	struct r_out out;
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		make_6(&pkt, sizes[i]);
		r_run(*state, &pkt, &out);
		check_6(&out, &pkt, R_ETH, FITS);
	}
}

/* Whatever the bytes are, the checksum holds. */
static void test_6_checksum(void **state)
{
	struct r_pkt pkt;
	struct r_out out;
	int i, k;

	srand(1);
	for (i = 0; i < 200; i++) {
		make_6(&pkt, FITS + 1 + i % 40);
		for (k = R_ETH + 40 + 16 + 8; k < (int)pkt.len; k++)
			pkt.data[k] = i < 20 ? 0xff : rand();
		r_clear(*state, "san_buckets");
		r_run(*state, &pkt, &out);
		check_6(&out, &pkt, R_ETH, FITS);
	}
}

/* An IPv4 MTU may be so small that all of the packet is quoted: every length of a checksum. */
static void test_4(void **state)
{
	struct r_pkt pkt;
	struct r_out out;
	size_t len;

	put_service(*state, OUTER + 68);
	for (len = 69; len < 700; len++) {
		make_4(&pkt, len);
		r_clear(*state, "san_buckets");
		r_run(*state, &pkt, &out);
		check_4(&out, &pkt, R_ETH, 68);
	}
	put_service(*state, MTU);
	make_4(&pkt, FITS + 1);
	r_run(*state, &pkt, &out);
	check_4(&out, &pkt, R_ETH, FITS);
}

static void test_tags(void **state)
{
	struct r_pkt pkt;
	struct r_out out;

	make_6(&pkt, 1500);
	tag(&pkt, "\x81\x00\x20\x05", 4);
	r_run(*state, &pkt, &out);
	check_6(&out, &pkt, 18, FITS);
	make_6(&pkt, 1500);
	tag(&pkt, "\x88\xa8\x20\x05\x81\x00\x00\x07", 8);
	r_run(*state, &pkt, &out);
	check_6(&out, &pkt, 22, FITS);
	make_4(&pkt, 1500);
	tag(&pkt, "\x81\x00\x20\x05", 4);
	r_run(*state, &pkt, &out);
	check_4(&out, &pkt, 18, FITS);
	make_4(&pkt, 1500);
	tag(&pkt, "\x88\xa8\x20\x05\x81\x00\x00\x07", 8);
	r_run(*state, &pkt, &out);
	check_4(&out, &pkt, 22, FITS);
}

/* Bytes behind the packet are no part of it. */
static void test_padding(void **state)
{
	struct r_pkt pkt, padded;
	struct r_out out;

	put_service(*state, OUTER + 68);
	make_4(&pkt, 100);
	padded = pkt;
	r_bytes(&padded, "padding", 7);
	r_run(*state, &padded, &out);
	check_4(&out, &pkt, R_ETH, 68);
}

static void test_limit(void **state)
{
	const struct in6_addr client = r_addr(CLIENT);
	struct san_bucket bucket;
	struct r_env *env = *state;
	struct r_pkt pkt, other;
	struct r_out out;
	int i;

	make_6(&pkt, 1500);
	for (i = 0; i < SAN_BUCKET_BURST; i++) {
		r_run(env, &pkt, &out);
		check_6(&out, &pkt, R_ETH, FITS);
	}
	/* Time stands still for this source, however slow the machine is. */
	assert_int_equal(bpf_map_lookup_elem(r_map(env, "san_buckets"), &client, &bucket), 0);
	bucket.last_ns += 1ull << 40;
	bucket.tokens = 0;
	r_put(env, "san_buckets", &client, &bucket);
	r_expect(env, &pkt, SAN_R_TOO_BIG_LIMITED, XDP_DROP);
	make_6(&other, 1500);
	other.data[R_ETH + 8 + 15]++; /* another source has its own */
	r_run(env, &other, &out);
	check_6(&out, &other, R_ETH, FITS);
	make_4(&other, 1500);
	r_run(env, &other, &out);
	check_4(&out, &other, R_ETH, FITS);
}

/* Time brings tokens back, no more than the burst. */
static void test_refill(void **state)
{
	const struct in6_addr client = r_addr(CLIENT);
	struct san_bucket bucket = {.last_ns = 1}; /* long ago */
	struct r_env *env = *state;
	struct r_pkt pkt;
	struct r_out out;

	r_put(env, "san_buckets", &client, &bucket);
	make_6(&pkt, 1500);
	r_run(env, &pkt, &out);
	check_6(&out, &pkt, R_ETH, FITS);
	assert_int_equal(bpf_map_lookup_elem(r_map(env, "san_buckets"), &client, &bucket), 0);
	assert_int_equal(bucket.tokens, SAN_BUCKET_BURST - 1);
}

static void expect_kernel(struct r_env *env, const struct r_pkt *pkt)
{
	r_expect(env, pkt, SAN_R_TOO_BIG_KERNEL, XDP_PASS);
}

static void test_kernel(void **state)
{
	struct r_pkt pkt;

	make_4(&pkt, 1500);
	pkt.data[R_ETH + 6] = 0; /* may be fragmented */
	expect_kernel(*state, &pkt);
	put_service(*state, 1280 + OUTER - 1); /* no MTU for IPv6 */
	make_6(&pkt, 1500);
	expect_kernel(*state, &pkt);
	put_service(*state, OUTER); /* nothing fits */
	make_4(&pkt, 1500);
	expect_kernel(*state, &pkt);
	put_service(*state, OUTER - 1);
	expect_kernel(*state, &pkt);
	put_service(*state, MTU);
	set_domain(*state, "::", "0.0.0.0");
	expect_kernel(*state, &pkt);
	make_6(&pkt, 1500);
	expect_kernel(*state, &pkt);
}

static void icmp_type_6(struct r_pkt *pkt, uint8_t type)
{
	make_6(pkt, 1500);
	pkt->data[R_ETH + 40] = 58;
	pkt->data[R_ETH + 40 + 16] = type;
}

static void icmp_type_4(struct r_pkt *pkt, uint8_t type)
{
	make_4(pkt, 1500);
	pkt->data[R_ETH + 9] = 1;
	pkt->data[R_ETH + 20] = type;
}

static void test_no_error_about_an_error(void **state)
{
	static const uint8_t errors6[] = {1, 2, 3, 4, 127}, others6[] = {128, 129, 255};
	static const uint8_t errors4[] = {3, 4, 5, 11, 12}, others4[] = {0, 8, 13, 40};
	struct r_pkt pkt;
	struct r_out out;
	size_t i;

	for (i = 0; i < sizeof(errors6); i++) {
		icmp_type_6(&pkt, errors6[i]);
		expect_kernel(*state, &pkt);
		icmp_type_4(&pkt, errors4[i]);
		expect_kernel(*state, &pkt);
	}
	for (i = 0; i < sizeof(others6); i++) {
		icmp_type_6(&pkt, others6[i]);
		r_run(*state, &pkt, &out);
		check_6(&out, &pkt, R_ETH, FITS);
	}
	for (i = 0; i < sizeof(others4); i++) {
		icmp_type_4(&pkt, others4[i]);
		r_run(*state, &pkt, &out);
		check_4(&out, &pkt, R_ETH, FITS);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, reset)
	const struct CMUnitTest tests[] = {
		/* clang-format off */
		T(test_fits),
		T(test_6),
		T(test_6_checksum),
		T(test_4),
		T(test_tags),
		T(test_padding),
		T(test_limit),
		T(test_refill),
		T(test_kernel),
		T(test_no_error_about_an_error),
		/* clang-format on */
	};
#undef T

	if (!r_can_run())
		return 0;
	return cmocka_run_group_tests_name("icmp", tests, open_env, close_env);
}
