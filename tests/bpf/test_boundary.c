/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From an access interface nothing reaches the SRv6 domain's SIDs (RFC 8754 section 5.1). */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#include <san/msg.h>

#include "libtest.h"

static void to(struct t_pkt *pkt, const char *address)
{
	t_client(pkt, 20);
	assert_int_equal(inet_pton(AF_INET6, address, pkt->data + T_IP6_AT + 24), 1);
}

static void expect(struct t_env *env, const char *address, bool forbidden)
{
	struct t_pkt pkt;

	to(&pkt, address);
	t_expect(env, &pkt, forbidden ? SAN_R_BOUNDARY : SAN_R_FORWARDED,
		 forbidden ? XDP_DROP : XDP_REDIRECT);
}

static void blocks(struct t_env *env, unsigned int n, const char *address, unsigned int len)
{
	struct san_domain domain = {.n_blocks = n};
	unsigned int i;
	char other[32];

	for (i = 0; i + 1 < n; i++) {
		snprintf(other, sizeof(other), "fd00:%x::", i);
		t_prefix(&domain.blocks[i], other, 32);
	}
	if (n)
		t_prefix(&domain.blocks[n - 1], address, len);
	t_domain(env, &domain);
}

/* Every prefix length: the last address inside, the first one outside. */
static void test_lengths(void **state)
{
	struct t_env *env = *state;
	struct t_pkt pkt;
	unsigned int len;

	for (len = 1; len <= 128; len++) {
		blocks(env, 1, "2001:db8:5::101", len);
		expect(env, "2001:db8:5::101", true);
		to(&pkt, "2001:db8:5::101");
		pkt.data[T_IP6_AT + 24 + (len - 1) / 8] ^= 0x80 >> (len - 1) % 8;
		if (pkt.data[T_IP6_AT + 24] == 0xff)
			continue;
		t_expect(env, &pkt, SAN_R_FORWARDED, XDP_REDIRECT);
	}
}

static void test_none(void **state)
{
	blocks(*state, 0, NULL, 0);
	expect(*state, "fc00:1::1", false);
	expect(*state, "fd00::1", false);
}

/* As many as there can be; each counts, the ones behind n_blocks do not. */
static void test_many(void **state)
{
	struct t_env *env = *state;
	struct san_domain domain;
	unsigned int n;

	for (n = 1; n <= SAN_MAX_BLOCKS; n++) {
		blocks(env, n, "fc00:1::", 32);
		expect(env, "fc00:1::1", true);
		expect(env, "fc00:2::1", false);
	}
	assert_int_equal(dp_domain_get(env->dp, &domain), 0);
	domain.n_blocks = SAN_MAX_BLOCKS - 1;
	t_domain(env, &domain);
	expect(env, "fc00:1::1", false);
	expect(env, "fd00::1", true);
	expect(env, "fd00:6::1", true);
}

/* Before anything else: frames to others, tags that are steered or not, malformed packets. */
static void test_first(void **state)
{
	struct t_env *env = *state;
	struct t_pkt pkt;
	int n;

	blocks(env, 1, "fc00:1::", 32);
	to(&pkt, "fc00:1::1");
	pkt.data[5] ^= 1;
	t_expect(env, &pkt, SAN_R_BOUNDARY, XDP_DROP);
	to(&pkt, "fc00:1::1");
	pkt.data[T_EXT_AT + 3] = 200;
	t_expect(env, &pkt, SAN_R_BOUNDARY, XDP_DROP);
	to(&pkt, "fc00:1::1");
	pkt.data[T_IP6_AT + 4] = 0xff; /* payload length beyond the frame */
	t_expect(env, &pkt, SAN_R_BOUNDARY, XDP_DROP);
	to(&pkt, "fc00:1::1");
	pkt.len = T_EXT_AT - 1;
	t_expect(env, &pkt, SAN_R_TRUNCATED, XDP_PASS);
	to(&pkt, "fc00:1::1");
	for (n = 1; n <= 3; n++) {
		memmove(pkt.data + 16, pkt.data + 12, pkt.len - 12);
		memcpy(pkt.data + 12, "\x81\0\0\7", 4);
		pkt.len += 4;
		t_expect(env, &pkt, n < 3 ? SAN_R_BOUNDARY : SAN_R_NOT_IP,
			 n < 3 ? XDP_DROP : XDP_PASS);
	}
}

/* SIDs outside the blocks count if the domain says that there are some. */
static void test_stray_sids(void **state)
{
	struct t_env *env = *state;
	struct san_sid sid = {.behaviour = SAN_BEHAVIOUR_END};
	struct san_domain domain = {0};
	struct in6_addr address;

	assert_int_equal(inet_pton(AF_INET6, "2001:db8:77::1", &address), 1);
	assert_int_equal(dp_sid_put(env->dp, &address, &sid), 0);
	t_domain(env, &domain);
	expect(env, "2001:db8:77::1", false);
	domain.flags = SAN_DOMAIN_STRAY_SIDS;
	t_domain(env, &domain);
	expect(env, "2001:db8:77::1", true);
	expect(env, "2001:db8:77::2", false);
	assert_int_equal(dp_sid_del(env->dp, &address), 0);
	expect(env, "2001:db8:77::1", false);
}

#define T(fn) cmocka_unit_test_setup(fn, t_reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_lengths), T(test_none), T(test_many), T(test_first), T(test_stray_sids),
	};

	return t_can_run() ? cmocka_run_group_tests(tests, t_open, t_close) : 0;
}
