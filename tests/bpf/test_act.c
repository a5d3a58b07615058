/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules that do more than steer: verdicts, marks, meters, counters, services of the host's making.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <san/msg.h>

#include "libtest.h"

#define OWN (SAN_SERVICE_OWN_MIN + 5)
#define OWN_NH (T_NH + 1)
#define ACT 7
#define TCLASS 0xb9			/* of t_begin(): DSCP 46, ECN 1 */
#define MARK (SAN_ACT_MARK | 10)	/* AF11 */
#define MARKED (10 << 2 | (TCLASS & 3)) /* traffic class with it */

static struct san_msg_class any(uint64_t service, enum san_act_verdict verdict)
{
	return (struct san_msg_class){
		.service_id = service, .intent = 1, .verdict = verdict, .act = ACT};
}

static void in_force(struct t_env *env, const struct san_msg_class *rule)
{
	t_classes(env, NULL, 0); /* acts begin anew */
	t_classes(env, rule, 1);
}

static int setup(void **state)
{
	struct t_env *env = *state;
	int r = t_reset(state);
	struct san_nexthop nh = t_nexthop(2, SAN_ENCAP_RED, 0);
	const struct san_service own = {.nexthop = OWN_NH, .mode = SAN_MODE_PREFERRED};

	t_put_nexthop(env, OWN_NH, &nh);
	assert_int_equal(dp_service_put(env->dp, false, OWN, &own), 0);
	t_role(env, SAN_ROLE_INGRESS, SAN_IF_CLASSIFY | SAN_IF_VLAN);
	return r;
}

static void udp6(struct t_pkt *pkt)
{
	t_begin(pkt);
	t_udp(pkt, 8);
	t_end(pkt);
}

static void udp4(struct t_pkt *pkt, uint16_t place)
{
	t_begin4(pkt, 17, place);
	t_udp(pkt, 8);
	t_end4(pkt);
}

static void tag(struct t_pkt *pkt)
{
	memmove(pkt->data + 16, pkt->data + 12, pkt->len - 12);
	memcpy(pkt->data + 12, "\x81\0\0\x7", 4);
	pkt->len += 4;
}

static unsigned int tclass6(const uint8_t *ip6)
{
	return (ip6[0] & 0xf) << 4 | ip6[1] >> 4;
}

static void counted(struct t_env *env, uint32_t act, unsigned int packets, unsigned int over)
{
	struct san_counter c;

	assert_int_equal(dp_act_stats(env->dp, act, &c), 0);
	assert_int_equal(c.packets, packets);
	assert_int_equal(dp_act_over(env->dp, act, &c), 0);
	assert_int_equal(c.packets, over);
}

/* --- verdicts ------------------------------------------------------------------------------------
 */

static void test_drop(void **state)
{
	struct san_msg_class rule = any(0, SAN_ACT_DROP);
	struct t_env *env = *state;
	struct san_counter c;
	struct t_pkt pkt;

	in_force(env, &rule);
	udp6(&pkt);
	t_expect(env, &pkt, SAN_R_FORBIDDEN, XDP_DROP);
	t_expect(env, &pkt, SAN_R_FORBIDDEN, XDP_DROP);
	counted(env, ACT, 2, 0);
	assert_int_equal(dp_act_stats(env->dp, ACT, &c), 0);
	assert_int_equal(c.bytes, 2 * pkt.len);
	udp4(&pkt, 0);
	t_expect(env, &pkt, SAN_R_FORBIDDEN, XDP_DROP);
	counted(env, ACT, 3, 0);
	counted(env, ACT + 1, 0, 0);
}

static void test_pass(void **state)
{
	struct san_msg_class rule = any(0, SAN_ACT_PASS);
	struct t_env *env = *state;
	struct t_pkt pkt;

	in_force(env, &rule);
	udp6(&pkt);
	t_expect(env, &pkt, SAN_R_ALLOWED, XDP_PASS);
	udp4(&pkt, 0);
	t_expect(env, &pkt, SAN_R_ALLOWED, XDP_PASS);
	counted(env, ACT, 2, 0);
}

/* The packet but for the traffic class; ECN stays. */
static void expect_marked(struct t_env *env, struct t_pkt *pkt, size_t ip, bool v4)
{
	uint8_t *at = pkt->data + ip;
	struct t_out out;

	t_run(env, pkt, &out);
	assert_int_equal(out.reason, SAN_R_ALLOWED);
	assert_int_equal(out.action, XDP_PASS);
	if (v4) {
		at[1] = MARKED;
		at[10] = at[11] = 0;
		*(uint16_t *)(at + 10) = htons(t_sum(at, 20));
	} else {
		at[0] = 0x60 | MARKED >> 4;
		at[1] = (MARKED << 4 & 0xf0) | (at[1] & 0xf);
	}
	assert_int_equal(out.len, pkt->len);
	assert_memory_equal(out.data, pkt->data, pkt->len);
}

static void test_pass_marked(void **state)
{
	struct san_msg_class rule = any(0, SAN_ACT_PASS);
	struct t_env *env = *state;
	struct t_pkt pkt;
	unsigned int i;

	rule.mark = MARK;
	in_force(env, &rule);
	udp6(&pkt);
	expect_marked(env, &pkt, T_IP6_AT, false);
	udp6(&pkt);
	tag(&pkt);
	tag(&pkt);
	expect_marked(env, &pkt, T_IP6_AT + 8, false);
	for (i = 0; i < 65536; i += 251) { /* every way that the checksum carries */
		udp4(&pkt, 0);
		pkt.data[T_IP6_AT + 4] = i >> 8;
		pkt.data[T_IP6_AT + 5] = i;
		pkt.data[T_IP6_AT + 1] = i;
		pkt.data[T_IP6_AT + 1] = (pkt.data[T_IP6_AT + 1] & ~3) | (TCLASS & 3);
		t_end4(&pkt);
		expect_marked(env, &pkt, T_IP6_AT, true);
	}
}

/* Inner and outer header have it; IPv4 with the right checksum behind mark and TTL. */
static void test_steer_marked(void **state)
{
	struct san_msg_class rule = any(T_SERVICE, SAN_ACT_STEER);
	struct t_env *env = *state;
	struct t_pkt pkt;
	struct t_out out;

	rule.mark = MARK;
	in_force(env, &rule);
	udp6(&pkt);
	t_run(env, &pkt, &out);
	assert_int_equal(out.reason, SAN_R_FORWARDED);
	assert_int_equal(tclass6(out.data + T_IP6_AT), MARKED);
	assert_int_equal(tclass6(out.data + T_IP6_AT + 40), MARKED);
	assert_int_equal(out.data[T_IP6_AT + 41] & 0xf, pkt.data[T_IP6_AT + 1] & 0xf);
	udp4(&pkt, 0);
	t_run(env, &pkt, &out);
	assert_int_equal(tclass6(out.data + T_IP6_AT), MARKED);
	assert_int_equal(out.data[T_IP6_AT + 41], MARKED);
	assert_int_equal(out.data[T_IP6_AT + 48], 63);
	assert_int_equal(t_sum(out.data + T_IP6_AT + 40, 20), 0);
	rule.mark = SAN_ACT_MARK; /* DSCP 0 is a mark, too */
	t_classes(env, &rule, 1);
	t_run(env, &pkt, &out);
	assert_int_equal(out.data[T_IP6_AT + 41], TCLASS & 3);
	assert_int_equal(t_sum(out.data + T_IP6_AT + 40, 20), 0);
}

static void test_direct_marked(void **state)
{
	struct san_msg_class rule = any(T_SERVICE, SAN_ACT_STEER);
	struct t_env *env = *state;
	struct san_nexthop nh = t_nexthop(1, SAN_ENCAP_RED, 0);
	struct in6_addr instance = {.s6_addr = {0xfd, [15] = 1}};
	struct t_pkt pkt;
	struct t_out out;

	dp_direct_build(&instance, &nh);
	nh.kind = SAN_NH_DIRECT;
	t_put_nexthop(env, T_NH, &nh);
	rule.mark = MARK;
	in_force(env, &rule);
	udp6(&pkt);
	t_run(env, &pkt, &out);
	assert_int_equal(out.reason, SAN_R_FORWARDED);
	assert_int_equal(out.len, pkt.len);
	assert_int_equal(tclass6(out.data + T_IP6_AT), MARKED);
	assert_int_equal(out.data[T_IP6_AT + 7], 63);
}

/* What the kernel gets after a match with STEER is as it came. */
static void test_kernel_unmarked(void **state)
{
	struct san_msg_class rule = any(T_SERVICE, SAN_ACT_STEER);
	struct t_env *env = *state;
	struct t_pkt pkt;

	rule.mark = MARK;
	in_force(env, &rule);
	udp6(&pkt);
	pkt.data[T_IP6_AT + 7] = 1;
	t_expect(env, &pkt, SAN_R_HOP_LIMIT, XDP_PASS);
	rule.service_id = 0x999;
	in_force(env, &rule);
	udp4(&pkt, 0);
	t_expect(env, &pkt, SAN_R_UNKNOWN_SERVICE, XDP_PASS);
	counted(env, ACT, 1, 0);
}

/* Priority alone counts among intents, and they come before all others. */
static void test_precedence(void **state)
{
	struct san_msg_class rules[3] = {any(0, SAN_ACT_DROP),
					 any(0, SAN_ACT_PASS),
					 {.service_id = T_SERVICE, .priority = 99}};
	struct t_env *env = *state;
	struct t_pkt pkt;

	udp6(&pkt);
	rules[1].dst_len = rules[2].dst_len = 128;
	memcpy(&rules[1].dst, pkt.data + T_IP6_AT + 24, 16);
	rules[2].dst = rules[1].dst;
	rules[0].priority = 2;
	rules[1].priority = 1;
	t_classes(env, rules, 3);
	t_expect(env, &pkt, SAN_R_FORBIDDEN, XDP_DROP);
	rules[1].priority = 3;
	t_classes(env, rules, 3);
	t_expect(env, &pkt, SAN_R_ALLOWED, XDP_PASS);
	t_classes(env, rules + 2, 1);
	t_expect(env, &pkt, SAN_R_FORWARDED, XDP_REDIRECT);
}

/* A SAN header is asked first: the straight line does not know of rules. */
static void test_san_header(void **state)
{
	struct san_msg_class rule = any(0, SAN_ACT_DROP);
	struct t_env *env = *state;
	struct t_pkt pkt;

	in_force(env, &rule);
	t_client(&pkt, 20);
	t_expect(env, &pkt, SAN_R_FORWARDED, XDP_REDIRECT);
	counted(env, ACT, 0, 0);
}

/* --- what belongs to the link --------------------------------------------------------------------
 */

static void icmp6(struct t_pkt *pkt, uint8_t type, uint8_t hop_limit)
{
	uint8_t message[24] = {type};

	t_begin(pkt);
	t_header(pkt, 58, message, sizeof(message));
	t_end(pkt);
	pkt->data[T_EXT_AT] = type; /* is no next header */
	pkt->data[T_IP6_AT + 7] = hop_limit;
}

static void test_link(void **state)
{
	struct san_msg_class rule = any(0, SAN_ACT_DROP);
	struct t_env *env = *state;
	struct t_pkt pkt;

	in_force(env, &rule);
	icmp6(&pkt, 136, 255);
	t_expect(env, &pkt, SAN_R_NOT_ROUTABLE, XDP_PASS);
	icmp6(&pkt, 136, 254);
	t_expect(env, &pkt, SAN_R_FORBIDDEN, XDP_DROP);
	icmp6(&pkt, 132, 255);
	t_expect(env, &pkt, SAN_R_FORBIDDEN, XDP_DROP);
	icmp6(&pkt, 138, 255);
	t_expect(env, &pkt, SAN_R_FORBIDDEN, XDP_DROP);
	counted(env, ACT, 3, 0);
	udp6(&pkt);
	pkt.data[T_IP6_AT + 8] = 0xfe;
	pkt.data[T_IP6_AT + 9] = 0x80;
	t_expect(env, &pkt, SAN_R_NOT_ROUTABLE, XDP_PASS);
	counted(env, ACT, 3, 0);
}

/* --- meters --------------------------------------------------------------------------------------
 */

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* How many of n are within the rate. */
static unsigned int within(struct t_env *env, const struct t_pkt *pkt, unsigned int n,
			   enum san_reason done)
{
	unsigned int passed = 0;
	struct t_out out;

	while (n--) {
		t_run(env, pkt, &out);
		passed += out.reason == done;
		if (out.reason == done)
			continue;
		assert_int_equal(out.reason, SAN_R_OVER_RATE);
		assert_int_equal(out.action, XDP_DROP);
	}
	return passed;
}

/* So much time passes for the meter. */
static void pass_time(struct t_env *env, uint32_t act, uint64_t ns)
{
	int fd = t_map_fd(env, "san_meters");
	struct san_meter meter;

	assert_int_equal(bpf_map_lookup_elem(fd, &act, &meter), 0);
	assert_true(meter.last_ns > ns);
	meter.last_ns -= ns;
	assert_int_equal(bpf_map_update_elem(fd, &act, &meter, BPF_F_LOCK), 0);
	close(fd);
}

/* 1 kbit/s: a burst, then a packet each half a second; whatever else this machine has to do. */
static void test_rate(void **state)
{
	struct san_msg_class rule = any(T_SERVICE, SAN_ACT_STEER);
	struct t_env *env = *state;
	unsigned int burst, passed;
	struct t_pkt pkt;
	uint64_t begin;

	rule.rate_kbps = 1;
	in_force(env, &rule);
	udp6(&pkt);
	burst = SAN_METER_BURST_MIN / pkt.len;
	begin = now_ns();
	passed = within(env, &pkt, burst + 20, SAN_R_FORWARDED);
	assert_in_range(passed, burst, burst + 1 + (now_ns() - begin) / 8000000 / pkt.len);
	counted(env, ACT, burst + 20, burst + 20 - passed);
	pass_time(env, ACT, 8000000ull * pkt.len * 5);
	begin = now_ns();
	passed = within(env, &pkt, 20, SAN_R_FORWARDED);
	assert_in_range(passed, 5, 6 + (now_ns() - begin) / 8000000 / pkt.len);
}

/* Longer than a burst: on credit, then a long pause. */
static void test_long_frames(void **state)
{
	struct san_msg_class rule = any(0, SAN_ACT_PASS);
	struct t_env *env = *state;
	struct t_pkt pkt;

	rule.rate_kbps = 1;
	in_force(env, &rule);
	t_begin(&pkt);
	t_udp(&pkt, 3300);
	t_end(&pkt);
	assert_int_equal(within(env, &pkt, 3, SAN_R_ALLOWED), 1);
	pass_time(env, ACT, 8000000ull * (SAN_METER_BURST_MIN - 100));
	assert_int_equal(within(env, &pkt, 3, SAN_R_ALLOWED), 0);
	pass_time(env, ACT, 8000000ull * 1000);
	assert_int_equal(within(env, &pkt, 3, SAN_R_ALLOWED), 1);
}

/* Rules with one act share its bucket; a rate that stays goes on, another one begins anew. */
static void test_shared_meter(void **state)
{
	struct san_msg_class rules[2] = {any(0, SAN_ACT_PASS), any(0, SAN_ACT_PASS)};
	struct t_env *env = *state;
	struct san_counter all;
	struct t_pkt six, four;
	unsigned int burst;

	rules[0].rate_kbps = rules[1].rate_kbps = 1;
	rules[0].dst_len = 96;
	rules[0].dst = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
	t_classes(env, NULL, 0);
	t_classes(env, rules, 2);
	udp6(&six);
	udp4(&four, 0);
	burst = SAN_METER_BURST_MIN / six.len;
	assert_int_equal(within(env, &six, burst, SAN_R_ALLOWED), burst);
	assert_in_range(within(env, &four, 200, SAN_R_ALLOWED), 0, 150);
	rules[0].fields = SAN_CLASS_DSCP; /* the rules change, the rate does not */
	t_classes(env, rules, 2);
	assert_in_range(within(env, &six, burst, SAN_R_ALLOWED), 0, burst - 1);
	assert_int_equal(dp_act_stats(env->dp, ACT, &all), 0);
	assert_int_equal(all.packets, 2 * burst + 200); /* what was dropped, too */
}

/* --- services of our own ------------------------------------------------------------------------
 */

static void test_own_service(void **state)
{
	struct san_msg_class rule = any(OWN, SAN_ACT_STEER);
	struct san_service other = {.nexthop = T_NH, .mode = SAN_MODE_PREFERRED, .groups = 2};
	struct t_env *env = *state;
	struct t_pkt pkt;
	struct t_out out;

	in_force(env, &rule);
	udp6(&pkt);
	t_run(env, &pkt, &out);
	assert_int_equal(out.reason, SAN_R_FORWARDED);
	assert_int_equal(out.len, pkt.len + 40 + 24);
	t_begin(&pkt);
	t_doh_san(&pkt, OWN);
	t_udp(&pkt, 8);
	t_end(&pkt);
	t_expect(env, &pkt, SAN_R_DENIED, XDP_DROP);
	t_service(env, 0x77, &other); /* one of the network keeps its groups */
	rule.service_id = 0x77;
	in_force(env, &rule);
	udp6(&pkt);
	t_expect(env, &pkt, SAN_R_DENIED, XDP_DROP);
}

static void on_event(void *arg, const struct san_event *event)
{
	*(struct san_event *)arg = *event;
}

/* Dropped as it came, counted; the event tells the reason behind it. */
static void expect_down(struct t_env *env, const struct t_pkt *pkt, enum san_reason cause)
{
	struct san_event event = {0};

	t_expect(env, pkt, SAN_R_GOAL_DOWN, XDP_DROP);
	assert_int_equal(dp_events_read(env->dp, on_event, &event), 1);
	assert_int_equal(event.reason, SAN_R_GOAL_DOWN);
	assert_int_equal(event.cause, cause);
	assert_int_equal(event.service_id, OWN);
}

static void put_own(struct t_env *env, const struct san_nexthop *nh)
{
	t_put_nexthop(env, OWN_NH, nh);
}

static void traced(struct t_env *env)
{
	const struct san_domain domain = {.trace = {.fields = SAN_TRACE_ON}};

	t_domain(env, &domain);
}

/* Nothing that a rule leads to a service of our own gets to the kernel's routes. */
static void test_goal_down(void **state)
{
	struct san_service none = {.mode = SAN_MODE_NONE};
	struct san_msg_class rule = any(OWN, SAN_ACT_STEER);
	struct san_nexthop nh = t_nexthop(2, SAN_ENCAP_RED, 0);
	struct t_env *env = *state;
	struct t_pkt pkt;

	in_force(env, &rule);
	traced(env);
	udp6(&pkt);
	nh.kind = SAN_NH_UNRESOLVED;
	put_own(env, &nh);
	expect_down(env, &pkt, SAN_R_NH_UNRESOLVED);
	nh.kind = SAN_NH_SRV6;
	nh.families = SAN_NH_IP4;
	put_own(env, &nh);
	expect_down(env, &pkt, SAN_R_WRONG_FAMILY);
	nh.families |= SAN_NH_IP6;
	nh.mtu = 100;
	put_own(env, &nh);
	expect_down(env, &pkt, SAN_R_TOO_BIG_KERNEL);
	assert_int_equal(dp_service_put(env->dp, false, OWN, &none), 0);
	expect_down(env, &pkt, SAN_R_NOTHING_SELECTED);
	t_role(env, SAN_ROLE_INGRESS, SAN_IF_CLASSIFY | SAN_IF_DROP_UNKNOWN);
	assert_int_equal(dp_service_del(env->dp, false, OWN), 0);
	expect_down(env, &pkt, SAN_R_UNKNOWN_SERVICE);
	counted(env, ACT, 5, 0);
}

/* What no answer can be lost by: the kernel forwards none of it. */
static void test_goal_down_not(void **state)
{
	struct san_msg_class rule = any(OWN, SAN_ACT_STEER);
	struct san_nexthop nh = t_nexthop(2, SAN_ENCAP_RED, 0);
	struct t_env *env = *state;
	struct t_pkt pkt;

	in_force(env, &rule);
	udp6(&pkt);
	pkt.data[T_IP6_AT + 7] = 1;
	t_expect(env, &pkt, SAN_R_HOP_LIMIT, XDP_PASS);
	nh.kind = SAN_NH_UNRESOLVED;
	put_own(env, &nh);
	rule.service_id = T_SERVICE; /* of the network: the kernel has a route */
	in_force(env, &rule);
	t_put_nexthop(env, T_NH, &nh);
	udp6(&pkt);
	t_expect(env, &pkt, SAN_R_NH_UNRESOLVED, XDP_PASS);
}

/* --- fragments ----------------------------------------------------------------------------------
 */

/* 0x2000: more follow; the low bits: offset. */
static void fragment(struct t_pkt *pkt, uint16_t place, uint8_t id)
{
	udp4(pkt, place);
	pkt->data[T_IP6_AT + 5] = id;
	t_end4(pkt);
}

static void test_fragments(void **state)
{
	struct san_msg_class rule = any(0, SAN_ACT_DROP);
	struct t_env *env = *state;
	struct t_pkt first, later;

	rule.fields = SAN_CLASS_PROTO | SAN_CLASS_DPORT;
	rule.proto = 17;
	rule.dport = htons(53);
	in_force(env, &rule);
	fragment(&first, 0x2000, 1);
	fragment(&later, 2, 1);
	t_expect(env, &later, SAN_R_FRAGMENT, XDP_PASS);
	t_expect(env, &first, SAN_R_FORBIDDEN, XDP_DROP);
	t_expect(env, &later, SAN_R_FORBIDDEN, XDP_DROP);
	counted(env, ACT, 2, 0);
	rule.verdict = SAN_ACT_PASS;
	rule.mark = MARK;
	in_force(env, &rule);
	fragment(&first, 0x2000, 2);
	fragment(&later, 2, 2);
	expect_marked(env, &first, T_IP6_AT, true);
	expect_marked(env, &later, T_IP6_AT, true);
	counted(env, ACT, 2, 0);
}

/* Steered: mark, counter and meter of the first one's rule. */
static void test_fragments_steered(void **state)
{
	struct san_msg_class rule = any(T_SERVICE, SAN_ACT_STEER);
	struct t_env *env = *state;
	struct t_pkt first, later;
	unsigned int passed, n;
	struct t_out out;

	rule.mark = MARK;
	rule.rate_kbps = 1;
	in_force(env, &rule);
	fragment(&first, 0x2000, 3);
	fragment(&later, 2, 3);
	t_expect(env, &first, SAN_R_FORWARDED, XDP_REDIRECT);
	t_run(env, &later, &out);
	assert_int_equal(out.reason, SAN_R_FRAGMENT_HIT);
	assert_int_equal(out.data[T_IP6_AT + 41], MARKED);
	assert_int_equal(tclass6(out.data + T_IP6_AT), MARKED);
	n = 2 * SAN_METER_BURST_MIN / later.len;
	passed = within(env, &later, n, SAN_R_FRAGMENT_HIT);
	assert_in_range(passed, 1, n - 1);
	fragment(&first, 0x2000, 4); /* above the rate: so is the rest of it */
	fragment(&later, 2, 4);
	assert_int_equal(within(env, &first, 200, SAN_R_FORWARDED) < 200, 1);
	t_expect(env, &later, SAN_R_OVER_RATE, XDP_DROP);
}

/* Half a packet is of no use, wherever it goes. */
static void test_fragments_down(void **state)
{
	struct san_msg_class rule = any(OWN, SAN_ACT_STEER);
	struct san_nexthop nh = t_nexthop(2, SAN_ENCAP_RED, 0);
	struct t_env *env = *state;
	struct t_pkt first, later;

	in_force(env, &rule);
	traced(env);
	fragment(&first, 0x2000, 5);
	fragment(&later, 2, 5);
	nh.kind = SAN_NH_UNRESOLVED;
	put_own(env, &nh);
	expect_down(env, &first, SAN_R_NH_UNRESOLVED);
	nh.kind = SAN_NH_SRV6;
	put_own(env, &nh);
	expect_down(env, &later, SAN_R_FRAGMENT_HIT);
	t_expect(env, &first, SAN_R_FORWARDED, XDP_REDIRECT); /* sent once more */
	t_expect(env, &later, SAN_R_FRAGMENT_HIT, XDP_REDIRECT);
	counted(env, ACT, 4, 0);
}

/* --- acts ----------------------------------------------------------------------------------------
 */

/* A number that comes into force begins at 0, one that stays goes on, also over a restart. */
static void test_numbers(void **state)
{
	struct san_msg_class rules[2] = {any(0, SAN_ACT_DROP), any(0, SAN_ACT_PASS)};
	const struct san_profile profile = ((struct t_env *)*state)->conf.profile;
	struct t_env *env = *state;
	struct t_pkt pkt;

	udp6(&pkt);
	rules[0].priority = 1;
	rules[1].act = ACT + 1;
	in_force(env, rules);
	t_expect(env, &pkt, SAN_R_FORBIDDEN, XDP_DROP);
	t_classes(env, rules, 2);
	counted(env, ACT, 1, 0);
	t_profile(env, &profile); /* another handle: what is in force says the map */
	rules[1].mark = MARK;
	t_classes(env, rules, 2);
	counted(env, ACT, 1, 0);
	t_classes(env, rules + 1, 1);
	counted(env, ACT, 1, 0);
	t_classes(env, rules, 2);
	counted(env, ACT, 0, 0);
}

/* The audit looks at rates, too. */
static void test_audit(void **state)
{
	struct san_msg_class rule = any(0, SAN_ACT_PASS);
	struct t_env *env = *state;
	struct san_meter meter = {.rate_kbps = 9};
	uint32_t act = ACT;
	int fd = t_map_fd(env, "san_meters");

	rule.rate_kbps = 1000;
	in_force(env, &rule);
	assert_true(dp_classes_same(env->dp, &rule, 1));
	assert_int_equal(bpf_map_update_elem(fd, &act, &meter, BPF_F_LOCK), 0);
	assert_false(dp_classes_same(env->dp, &rule, 1));
	t_classes(env, &rule, 1);
	assert_true(dp_classes_same(env->dp, &rule, 1));
	assert_int_equal(bpf_map_lookup_elem(fd, &act, &meter), 0);
	assert_int_equal(meter.rate_kbps, 1000);
	t_classes(env, NULL, 0);
	assert_int_equal(bpf_map_lookup_elem(fd, &act, &meter), 0);
	assert_int_equal(meter.rate_kbps, 0);
	close(fd);
}

#define T(fn) cmocka_unit_test_setup(fn, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_drop),
		T(test_pass),
		T(test_pass_marked),
		T(test_steer_marked),
		T(test_direct_marked),
		T(test_kernel_unmarked),
		T(test_precedence),
		T(test_san_header),
		T(test_link),
		T(test_rate),
		T(test_long_frames),
		T(test_shared_meter),
		T(test_own_service),
		T(test_goal_down),
		T(test_goal_down_not),
		T(test_fragments),
		T(test_fragments_steered),
		T(test_fragments_down),
		T(test_numbers),
		T(test_audit),
	};

	return t_can_run() ? cmocka_run_group_tests(tests, t_open, t_close) : 0;
}
