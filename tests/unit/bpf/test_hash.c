/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bpf/lib/hash.h compiled natively: flows of each shape that networks have spread evenly over slots
 * and labels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "lib/hash.h"

#define FLOWS 65536
#define SLOTS 64
#define MEAN (FLOWS / SLOTS)
#define FAR 200 /* more than six times the square root of the mean */

static const uint64_t seeds[] = {0, 1, 0x18a1f3c05b2d4e67, ~0ull};

/* Makes flow i of a shape. */
struct shape {
	const char *name;
	void (*make)(struct flow *flow, uint32_t i);
};

static void base(struct flow *flow)
{
	memset(flow, 0, sizeof(*flow));
	inet_pton(AF_INET6, "2001:db8:1::1", flow->src);
	inet_pton(AF_INET6, "2001:db8:5a::101", flow->dst);
	flow->proto = 6;
	flow->ports = htons(40000) | (uint32_t)htons(443) << 16;
}

static void by_port(struct flow *flow, uint32_t i)
{
	flow->ports = htons(i) | (uint32_t)htons(443) << 16;
}

static void by_host(struct flow *flow, uint32_t i)
{
	flow->src[3] = htonl(i);
}

static void by_subnet(struct flow *flow, uint32_t i)
{
	flow->src[1] = htonl(0x00010000 + i);
}

static void by_site(struct flow *flow, uint32_t i)
{
	flow->src[0] = htonl(0x20010000 + i);
}

static void by_host_and_port(struct flow *flow, uint32_t i)
{
	flow->src[3] = htonl(i & 0xff);
	flow->ports = htons(32768 + (i >> 8)) | (uint32_t)htons(443) << 16;
}

static void by_ipv4(struct flow *flow, uint32_t i)
{
	const uint32_t src[4] = {0, 0, htonl(0xffff), htonl(0x0a000000 + i)};
	const uint32_t dst[4] = {0, 0, htonl(0xffff), htonl(0xc6336401)};

	memcpy(flow->src, src, sizeof(src));
	memcpy(flow->dst, dst, sizeof(dst));
}

static void by_destination(struct flow *flow, uint32_t i)
{
	flow->dst[3] = htonl(i);
}

static const struct shape shapes[] = {
	{"ports", by_port},
	{"hosts", by_host},
	{"subnets", by_subnet},
	{"sites", by_site},
	{"hosts and ports", by_host_and_port},
	{"IPv4 hosts", by_ipv4},
	{"destinations", by_destination},
};

static void check_spread(const uint32_t count[SLOTS], const char *what, const char *name)
{
	for (int i = 0; i < SLOTS; i++)
		if (count[i] < MEAN - FAR || count[i] > MEAN + FAR)
			fail_msg("%s: %s %d has %u of %d flows", name, what, i, count[i], FLOWS);
}

static void spread(const struct shape *shape, uint64_t seed)
{
	uint32_t slots[SLOTS] = {0}, labels[SLOTS] = {0};

	for (uint32_t i = 0; i < FLOWS; i++) {
		struct flow flow;
		uint64_t hash;

		base(&flow);
		shape->make(&flow, i);
		hash = hash_flow(&flow, seed);
		slots[hash_slot(hash) % SLOTS]++;
		labels[ntohl(hash_label(hash)) % SLOTS]++;
	}
	check_spread(slots, "slot", shape->name);
	check_spread(labels, "label", shape->name);
}

static void test_spread(void **state)
{
	for (size_t s = 0; s < sizeof(seeds) / sizeof(seeds[0]); s++)
		for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
			spread(&shapes[i], seeds[s]);
}

/* Of the flows in one slot, each label is as likely as elsewhere. */
static void test_label_does_not_tell_the_slot(void **state)
{
	uint32_t count[SLOTS] = {0};
	struct flow flow;

	base(&flow);
	for (uint32_t i = 0; i < FLOWS * SLOTS; i++) {
		uint64_t hash;

		by_host_and_port(&flow, i % FLOWS);
		flow.src[2] = htonl(i / FLOWS);
		hash = hash_flow(&flow, seeds[2]);
		if (hash_slot(hash) % SLOTS == 5)
			count[ntohl(hash_label(hash)) % SLOTS]++;
	}
	check_spread(count, "label of slot 5:", "hosts and ports");
}

static void test_label(void **state)
{
	assert_int_equal(ntohl(hash_label(0)), 1);
	assert_int_equal(ntohl(hash_label(~0ull)), 0xfffff);
	for (int bit = 0; bit < 64; bit++)
		assert_in_range(ntohl(hash_label(1ull << bit)), 1, 0xfffff);
}

static void test_source_only(void **state)
{
	struct flow a, b;

	base(&a);
	base(&b);
	by_destination(&b, 77);
	by_port(&b, 5);
	assert_true(hash_source((__u64 *)a.src, 9) == hash_source((__u64 *)b.src, 9));
	assert_true(hash_flow(&a, 9) != hash_flow(&b, 9));
	by_host(&b, 78);
	assert_true(hash_source((__u64 *)a.src, 9) != hash_source((__u64 *)b.src, 9));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_label_does_not_tell_the_slot),
		cmocka_unit_test(test_label),
		cmocka_unit_test(test_source_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
