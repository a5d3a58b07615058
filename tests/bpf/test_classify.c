/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The classifier: rules as they are configured against packets, through the maps that module dp
 * makes of them. Of the rules that match, the longest destination counts, then the longest source,
 * then the priority, then the order. Thousands of random rule sets are checked against a plain
 * search over all rules.
 */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include <san/msg.h>

#include "libtest.h"

#define CLIENT "2001:db8:c::2" /* addresses of t_begin() */
#define TARGET "2001:db8:5::101"
#define BASE 0x1000 /* service of rule 0 in random sets */

/* A rule with prefixes; the caller adds fields. */
static struct san_msg_class rule(uint64_t id, const char *src, uint8_t src_len, const char *dst,
				 uint8_t dst_len)
{
	struct san_msg_class out = {.service_id = id, .src_len = src_len, .dst_len = dst_len};
	struct san_prefix prefix;

	t_prefix(&prefix, src, src_len);
	memcpy(&out.src, prefix.addr, 16);
	t_prefix(&prefix, dst, dst_len);
	memcpy(&out.dst, prefix.addr, 16);
	return out;
}

static void udp(struct t_pkt *pkt)
{
	t_begin(pkt);
	t_udp(pkt, 8);
	t_end(pkt);
}

/* Services 1..4 lead to next hops 1..4; each has its own hop limit: it tells which was taken. */
static int setup(void **state)
{
	struct t_env *env = *state;
	int r = t_reset(state);
	uint32_t index;

	for (index = 1; index <= 4; index++) {
		struct san_nexthop nh = t_nexthop(1, SAN_ENCAP_RED, 100 + index);
		struct san_service svc = {.nexthop = index, .mode = SAN_MODE_PREFERRED};

		t_put_nexthop(env, index, &nh);
		t_service(env, index, &svc);
	}
	t_role(env, SAN_ROLE_INGRESS, SAN_IF_CLASSIFY);
	return r;
}

/* want 0: no rule matches. */
static void expect(struct t_env *env, const struct t_pkt *pkt, uint64_t want)
{
	struct t_out out;

	t_run(env, pkt, &out);
	assert_int_equal(out.reason, want ? SAN_R_FORWARDED : SAN_R_NO_SAN);
	if (want)
		assert_int_equal(out.data[T_IP6_AT + 7], 100 + want);
}

static void test_longest_destination(void **state)
{
	struct san_msg_class rules[] = {rule(1, "::", 0, "::", 0), rule(2, "::", 0, TARGET, 48),
					rule(3, "::", 0, TARGET, 128),
					rule(4, CLIENT, 128, "::", 0)};
	struct t_env *env = *state;
	struct t_pkt pkt;

	rules[0].priority = 1000;
	t_classes(env, rules, 4);
	udp(&pkt);
	expect(env, &pkt, 3);
	pkt.data[T_IP6_AT + 39] ^= 1;
	expect(env, &pkt, 2);
	pkt.data[T_IP6_AT + 29] ^= 1;
	expect(env, &pkt, 4);
	pkt.data[T_IP6_AT + 23] ^= 1;
	expect(env, &pkt, 1);
}

/* A rule whose longer prefix matches, but not its fields, does not hide the shorter one. */
static void test_fields(void **state)
{
	struct san_msg_class rules[] = {rule(1, "::", 0, TARGET, 128), rule(2, "::", 0, TARGET, 64),
					rule(3, CLIENT, 64, TARGET, 64), rule(4, "::", 0, "::", 0)};
	struct t_env *env = *state;
	struct t_pkt pkt;

	rules[0].fields = SAN_CLASS_PROTO | SAN_CLASS_DPORT;
	rules[0].proto = 17;
	rules[0].dport = htons(54);
	rules[1].fields = SAN_CLASS_SPORT;
	rules[1].sport = htons(40000);
	rules[2].fields = SAN_CLASS_DSCP;
	rules[2].dscp = 0xb9 >> 2;
	t_classes(env, rules, 4);
	udp(&pkt);
	expect(env, &pkt, 3);
	pkt.data[T_IP6_AT + 1] ^= 0x40; /* another DSCP */
	expect(env, &pkt, 2);
	pkt.data[T_EXT_AT]++; /* another source port */
	expect(env, &pkt, 4);
	pkt.data[T_EXT_AT + 3] = 54;
	expect(env, &pkt, 1);
	pkt.data[T_IP6_AT + 6] = 6; /* TCP */
	expect(env, &pkt, 4);
}

static void test_priority_and_order(void **state)
{
	struct san_msg_class rules[] = {rule(1, "::", 0, TARGET, 64), rule(2, "::", 0, TARGET, 64),
					rule(3, "::", 0, TARGET, 64)};
	struct t_env *env = *state;
	struct t_pkt pkt;

	rules[0].fields = SAN_CLASS_PROTO;
	rules[0].proto = 17;
	rules[1].fields = SAN_CLASS_DPORT;
	rules[1].dport = htons(53);
	udp(&pkt);
	t_classes(env, rules, 3);
	expect(env, &pkt, 1);
	rules[1].priority = 1;
	t_classes(env, rules, 3);
	expect(env, &pkt, 2);
	rules[2].priority = UINT32_MAX;
	t_classes(env, rules, 3);
	expect(env, &pkt, 3);
}

/* ::/0 is any address of either version, ::ffff:0:0/96 any IPv4 address. */
static void test_versions(void **state)
{
	struct san_msg_class rules[] = {rule(1, "::", 0, "::", 0),
					rule(2, "::", 0, "::ffff:0.0.0.0", 96),
					rule(3, "::", 0, "::ffff:203.0.113.0", 120)};
	struct t_env *env = *state;
	struct t_pkt six, four;

	udp(&six);
	t_begin4(&four, 17, 0);
	t_udp(&four, 8);
	t_end4(&four);
	t_classes(env, rules, 1);
	expect(env, &six, 1);
	expect(env, &four, 1);
	t_classes(env, rules, 3);
	expect(env, &six, 1);
	expect(env, &four, 3);
	four.data[T_IP6_AT + 18]++;
	t_end4(&four);
	expect(env, &four, 2);
	t_classes(env, rules + 1, 2);
	expect(env, &six, 0);
}

/* A SAN header comes first; the switch of the interface decides; no rules: no class. */
static void test_when(void **state)
{
	struct san_msg_class any = rule(1, "::", 0, "::", 0);
	struct t_env *env = *state;
	struct t_pkt pkt;

	t_classes(env, &any, 1);
	t_begin(&pkt);
	t_doh_san(&pkt, 2);
	t_udp(&pkt, 8);
	t_end(&pkt);
	expect(env, &pkt, 2);
	pkt.data[T_EXT_AT + 4] = 0x70; /* another version */
	expect(env, &pkt, 1);
	t_role(env, SAN_ROLE_INGRESS, 0);
	t_expect(env, &pkt, SAN_R_BAD_VERSION, XDP_PASS);
	udp(&pkt);
	expect(env, &pkt, 0);
	t_role(env, SAN_ROLE_INGRESS, SAN_IF_CLASSIFY);
	expect(env, &pkt, 1);
	t_classes(env, NULL, 0);
	expect(env, &pkt, 0);
	any.service_id = 99;
	t_classes(env, &any, 1);
	t_expect(env, &pkt, SAN_R_UNKNOWN_SERVICE, XDP_PASS);
}

/* --- random rules against a plain search ------------------------------------------------------ */

static bool covers(const struct in6_addr *prefix, unsigned int len, const uint8_t *address)
{
	unsigned int bit;

	for (bit = 0; bit < len; bit++) {
		if ((prefix->s6_addr[bit / 8] ^ address[bit / 8]) & 0x80 >> bit % 8)
			return false;
	}
	return true;
}

static bool matches(const struct san_msg_class *r, const struct t_pkt *pkt)
{
	const uint8_t *ip6 = pkt->data + T_IP6_AT, *ports = pkt->data + T_EXT_AT;

	if (!covers(&r->src, r->src_len, ip6 + 8) || !covers(&r->dst, r->dst_len, ip6 + 24))
		return false;
	if (r->fields & SAN_CLASS_PROTO && r->proto != ip6[6])
		return false;
	if (r->fields & SAN_CLASS_SPORT && memcmp(&r->sport, ports, 2))
		return false;
	if (r->fields & SAN_CLASS_DPORT && memcmp(&r->dport, ports + 2, 2))
		return false;
	return !(r->fields & SAN_CLASS_DSCP) || r->dscp == ((ip6[0] & 0xf) << 2 | ip6[1] >> 6);
}

static const struct san_msg_class *best(const struct san_msg_class *rules, unsigned int n,
					const struct t_pkt *pkt)
{
	const struct san_msg_class *found = NULL;
	unsigned int i;

	for (i = 0; i < n; i++) {
		const struct san_msg_class *r = &rules[i];

		if (!matches(r, pkt))
			continue;
		if (!found || r->dst_len > found->dst_len ||
		    (r->dst_len == found->dst_len &&
		     (r->src_len > found->src_len ||
		      (r->src_len == found->src_len && r->priority > found->priority))))
			found = r;
	}
	return found;
}

/* Few values, so that rules meet: prefixes of the two addresses with some bit turned. */
static void random_prefix(struct in6_addr *out, uint8_t *len, const char *base)
{
	static const uint8_t lengths[] = {0, 0, 32, 33, 48, 64, 120, 126, 127, 128};
	struct san_prefix prefix;
	uint8_t address[16];

	*len = lengths[rand() % sizeof(lengths)];
	assert_int_equal(inet_pton(AF_INET6, base, address), 1);
	if (rand() % 3 == 0)
		address[rand() % 16] ^= 1 << rand() % 8;
	t_prefix(&prefix, "::", *len);
	for (int i = 0; i < 16; i++)
		out->s6_addr[i] = address[i] & ((uint8_t *)prefix.mask)[i];
}

static void random_rule(struct san_msg_class *r, uint64_t id)
{
	*r = (struct san_msg_class){.service_id = id, .fields = rand() % 16 & rand() % 16};
	random_prefix(&r->src, &r->src_len, CLIENT);
	random_prefix(&r->dst, &r->dst_len, TARGET);
	if (r->fields & SAN_CLASS_PROTO)
		r->proto = rand() % 2 ? 17 : 6;
	if (r->fields & SAN_CLASS_SPORT)
		r->sport = htons(40000 + rand() % 2);
	if (r->fields & SAN_CLASS_DPORT)
		r->dport = htons(53 + rand() % 2);
	if (r->fields & SAN_CLASS_DSCP)
		r->dscp = rand() % 2 ? 0xb9 >> 2 : 0;
	r->priority = rand() % 3;
}

static void random_packet(struct t_pkt *pkt)
{
	udp(pkt);
	if (rand() % 2)
		pkt->data[T_IP6_AT + 8 + rand() % 32] ^= 1 << rand() % 8;
	pkt->data[T_IP6_AT + 8] = pkt->data[T_IP6_AT + 24] = 0x20; /* stays routable */
	pkt->data[T_EXT_AT + 1] += rand() % 2;
	pkt->data[T_EXT_AT + 3] += rand() % 2;
	if (rand() % 2)
		pkt->data[T_IP6_AT + 6] = 6;
	if (rand() % 2) {
		pkt->data[T_IP6_AT] &= 0xf0;
		pkt->data[T_IP6_AT + 1] &= 0x0f;
	}
}

/* The event of a traced packet says which service it got. */
static void on_event(void *arg, const struct san_event *event)
{
	*(struct san_event *)arg = *event;
}

static void check_packet(struct t_env *env, const struct san_msg_class *rules, unsigned int n)
{
	const struct san_msg_class *want;
	struct san_event event = {0};
	struct t_pkt pkt;
	struct t_out out;

	random_packet(&pkt);
	want = best(rules, n, &pkt);
	t_run(env, &pkt, &out);
	assert_int_equal(dp_events_read(env->dp, on_event, &event) < 0, 0);
	assert_int_equal(out.reason, want ? SAN_R_UNKNOWN_SERVICE : SAN_R_NO_SAN);
	assert_int_equal(event.reason, out.reason);
	assert_int_equal(event.by, want ? SAN_BY_CLASS : SAN_BY_NOTHING);
	assert_int_equal(event.service_id, want ? want->service_id : 0);
}

static void test_random(void **state)
{
	struct san_domain domain = {.trace = {.fields = SAN_TRACE_ON}};
	static struct san_msg_class rules[64];
	struct t_env *env = *state;
	unsigned int round, n, i;

	srand(1);
	t_domain(env, &domain);
	for (round = 0; round < 300; round++) {
		n = 1 + rand() % 64;
		for (i = 0; i < n; i++)
			random_rule(&rules[i], BASE + i);
		t_classes(env, rules, n);
		for (i = 0; i < 50; i++)
			check_packet(env, rules, n);
	}
}

#define T(fn) cmocka_unit_test_setup(fn, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_longest_destination),
		T(test_fields),
		T(test_priority_and_order),
		T(test_versions),
		T(test_when),
		T(test_random),
	};

	return t_can_run() ? cmocka_run_group_tests(tests, t_open, t_close) : 0;
}
