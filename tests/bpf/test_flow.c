/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Affinity: a flow keeps its next hop when the selection moves, until the next hop is given up. */
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <string.h>
#include <unistd.h>

#include <san/msg.h>

#include "libtest.h"

#define NH_A 3
#define NH_B 4

static void select_nh(struct t_env *env, uint32_t nexthop, uint8_t affinity)
{
	struct san_service svc = {
		.nexthop = nexthop, .mode = SAN_MODE_PREFERRED, .affinity = affinity};

	t_service(env, T_SERVICE, &svc);
}

/* Next hops A and B differ in their hop limit: it tells which one a packet took. */
static void put_nh(struct t_env *env, uint32_t index, uint32_t epoch, uint8_t kind)
{
	struct san_nexthop nh = t_nexthop(1, SAN_ENCAP_RED, index);

	nh.epoch = epoch;
	nh.kind = kind;
	t_put_nexthop(env, index, &nh);
}

static int setup(void **state)
{
	struct t_env *env = *state;
	int r = t_reset(state);

	put_nh(env, NH_A, 1, SAN_NH_SRV6);
	put_nh(env, NH_B, 1, SAN_NH_SRV6);
	select_nh(env, NH_A, SAN_AFFINITY_FLOW);
	return r;
}

static void client(struct t_pkt *pkt, uint16_t sport)
{
	t_client(pkt, 10);
	pkt->data[T_EXT_AT + 16] = sport >> 8;
	pkt->data[T_EXT_AT + 17] = sport;
}

/* Sends a packet of the flow; it must leave by this next hop for this reason. */
static void expect(struct t_env *env, uint16_t sport, uint32_t nexthop, enum san_reason reason)
{
	struct t_pkt pkt;
	struct t_out out;

	client(&pkt, sport);
	t_run(env, &pkt, &out);
	assert_int_equal(out.action, XDP_REDIRECT);
	assert_int_equal(out.reason, reason);
	assert_int_equal(out.data[T_IP6_AT + 7], nexthop);
}

static void test_keeps(void **state)
{
	struct t_env *env = *state;
	struct san_counter a, b;

	expect(env, 1000, NH_A, SAN_R_FORWARDED);
	expect(env, 1000, NH_A, SAN_R_FLOW_HIT);
	select_nh(env, NH_B, SAN_AFFINITY_FLOW);
	expect(env, 1000, NH_A, SAN_R_FLOW_HIT);
	expect(env, 1001, NH_B, SAN_R_FORWARDED);
	expect(env, 1001, NH_B, SAN_R_FLOW_HIT);
	select_nh(env, NH_A, SAN_AFFINITY_FLOW);
	expect(env, 1001, NH_B, SAN_R_FLOW_HIT);
	assert_int_equal(t_flow_count(env), 2);
	assert_int_equal(dp_nh_stats(env->dp, NH_A, &a), 0);
	assert_int_equal(dp_nh_stats(env->dp, NH_B, &b), 0);
	assert_int_equal(a.packets, 3);
	assert_int_equal(b.packets, 3);
}

static void expect_tcp(struct t_env *env, uint8_t flags, unsigned int cut, uint32_t nexthop,
		       enum san_reason reason)
{
	struct t_pkt pkt;
	struct t_out out;

	t_client(&pkt, 12); /* 8 + 12: room for a TCP header */
	pkt.data[T_EXT_AT] = IPPROTO_TCP;
	pkt.data[T_EXT_AT + 16 + 13] = flags;
	pkt.data[T_IP6_AT + 5] -= cut; /* payload length; what is cut stays behind it */
	t_run(env, &pkt, &out);
	assert_int_equal(out.action, XDP_REDIRECT);
	assert_int_equal(out.reason, reason);
	assert_int_equal(out.data[T_IP6_AT + 7], nexthop);
}

/* A client uses a port again: the new connection takes the selection, the old one's packets do not
 * come any more. SYN and ACK together, or flags behind the end of the packet, begin nothing. */
static void test_syn_begins_anew(void **state)
{
	const uint8_t syn = 0x02, ack = 0x10, ece_cwr = 0xc0;
	struct t_env *env = *state;

	expect_tcp(env, syn, 0, NH_A, SAN_R_FORWARDED);
	expect_tcp(env, ack, 0, NH_A, SAN_R_FLOW_HIT);
	expect_tcp(env, syn, 0, NH_A, SAN_R_FORWARDED);
	select_nh(env, NH_B, SAN_AFFINITY_FLOW);
	expect_tcp(env, ack, 0, NH_A, SAN_R_FLOW_HIT);
	expect_tcp(env, syn | ack, 0, NH_A, SAN_R_FLOW_HIT);
	expect_tcp(env, syn, 7, NH_A, SAN_R_FLOW_HIT);
	expect_tcp(env, syn | ece_cwr, 0, NH_B, SAN_R_FORWARDED);
	expect_tcp(env, ack, 0, NH_B, SAN_R_FLOW_HIT);
	assert_int_equal(t_flow_count(env), 1);
}

static void test_none_has_no_flows(void **state)
{
	struct t_env *env = *state;

	select_nh(env, NH_A, SAN_AFFINITY_NONE);
	expect(env, 1000, NH_A, SAN_R_FORWARDED);
	expect(env, 1000, NH_A, SAN_R_FORWARDED);
	select_nh(env, NH_B, SAN_AFFINITY_NONE);
	expect(env, 1000, NH_B, SAN_R_FORWARDED);
	assert_int_equal(t_flow_count(env), 0);
}

/* The index was given up and may be another instance's by now. */
static void test_epoch_moves(void **state)
{
	struct t_env *env = *state;

	expect(env, 1000, NH_A, SAN_R_FORWARDED);
	select_nh(env, NH_B, SAN_AFFINITY_FLOW);
	put_nh(env, NH_A, 2, SAN_NH_SRV6);
	expect(env, 1000, NH_B, SAN_R_FLOW_MOVED);
	expect(env, 1000, NH_B, SAN_R_FLOW_HIT);
	assert_int_equal(t_flow_count(env), 1);
}

static void test_unused_moves(void **state)
{
	struct t_env *env = *state;

	expect(env, 1000, NH_A, SAN_R_FORWARDED);
	select_nh(env, NH_B, SAN_AFFINITY_FLOW);
	put_nh(env, NH_A, 1, SAN_NH_UNUSED);
	expect(env, 1000, NH_B, SAN_R_FLOW_MOVED);
	expect(env, 1000, NH_B, SAN_R_FLOW_HIT);
}

/* The neighbour is being looked for: the flow waits for it in the kernel, it does not move. */
static void test_unresolved_passes(void **state)
{
	struct t_env *env = *state;
	struct t_pkt pkt;

	expect(env, 1000, NH_A, SAN_R_FORWARDED);
	select_nh(env, NH_B, SAN_AFFINITY_FLOW);
	put_nh(env, NH_A, 1, SAN_NH_UNRESOLVED);
	client(&pkt, 1000);
	t_expect(env, &pkt, SAN_R_NH_UNRESOLVED, XDP_PASS);
	put_nh(env, NH_A, 1, SAN_NH_SRV6);
	expect(env, 1000, NH_A, SAN_R_FLOW_HIT);
}

/* A flow that starts while the next hop is unresolved belongs to it from its first packet. */
static void test_starts_unresolved(void **state)
{
	struct t_env *env = *state;
	struct t_pkt pkt;

	put_nh(env, NH_A, 1, SAN_NH_UNRESOLVED);
	client(&pkt, 1000);
	t_expect(env, &pkt, SAN_R_NH_UNRESOLVED, XDP_PASS);
	select_nh(env, NH_B, SAN_AFFINITY_FLOW);
	put_nh(env, NH_A, 1, SAN_NH_SRV6);
	expect(env, 1000, NH_A, SAN_R_FLOW_HIT);
}

/* Nothing satisfies any more: running flows end where they are, new ones go to the kernel. */
static void test_nothing_selected(void **state)
{
	struct t_env *env = *state;
	struct san_service none = {.mode = SAN_MODE_NONE, .affinity = SAN_AFFINITY_FLOW};
	struct t_pkt pkt;

	expect(env, 1000, NH_A, SAN_R_FORWARDED);
	t_service(env, T_SERVICE, &none);
	expect(env, 1000, NH_A, SAN_R_FLOW_HIT);
	client(&pkt, 1001);
	t_expect(env, &pkt, SAN_R_NOTHING_SELECTED, XDP_PASS);
	assert_int_equal(t_flow_count(env), 1);
}

static void test_invalid_selection(void **state)
{
	struct t_env *env = *state;
	struct t_pkt pkt;

	put_nh(env, NH_A, 1, SAN_NH_UNUSED);
	client(&pkt, 1000);
	t_expect(env, &pkt, SAN_R_NH_INVALID, XDP_PASS);
	assert_int_equal(t_flow_count(env), 0);
}

/* Addresses, service, ports and protocol make the flow; the key has no stray bytes. */
static void test_key(void **state)
{
	struct t_env *env = *state;
	int fd = t_map_fd(env, "san_flows");
	struct san_flow_key key, want = {.service_id = T_SERVICE, .proto = 17};
	struct san_flow flow;
	struct t_pkt pkt;

	client(&pkt, 1000);
	t_expect(env, &pkt, SAN_R_FORWARDED, XDP_REDIRECT);
	memcpy(want.src, pkt.data + T_IP6_AT + 8, 16);
	memcpy(want.dst, pkt.data + T_IP6_AT + 24, 16);
	memcpy(&want.sport, pkt.data + T_EXT_AT + 16, 2);
	memcpy(&want.dport, pkt.data + T_EXT_AT + 18, 2);
	assert_int_equal(bpf_map_get_next_key(fd, NULL, &key), 0);
	assert_memory_equal(&key, &want, sizeof(key));
	assert_int_equal(bpf_map_lookup_elem(fd, &key, &flow), 0);
	assert_int_equal(flow.nexthop, NH_A);
	assert_int_equal(flow.epoch, 1);
	assert_int_not_equal(flow.last_ns, 0);
	close(fd);
}

/* Without ports all packets between two hosts are one flow. */
static void test_no_ports(void **state)
{
	struct t_env *env = *state;
	int fd = t_map_fd(env, "san_flows");
	struct san_flow_key key;
	struct t_pkt pkt;

	t_begin(&pkt);
	t_doh_san(&pkt, T_SERVICE);
	pkt.data[pkt.next_at] = 58;
	t_bytes(&pkt, "\x80\0\0\0\1\2\3\4", 8);
	t_end(&pkt);
	t_expect(env, &pkt, SAN_R_FORWARDED, XDP_REDIRECT);
	pkt.data[T_EXT_AT + 16] = 0x81;
	t_expect(env, &pkt, SAN_R_FLOW_HIT, XDP_REDIRECT);
	assert_int_equal(bpf_map_get_next_key(fd, NULL, &key), 0);
	assert_int_equal(key.proto, 58);
	assert_int_equal(key.sport, 0);
	assert_int_equal(key.dport, 0);
	close(fd);
}

/* last_ns is written again once it is older than a second. */
static void test_refresh(void **state)
{
	struct t_env *env = *state;
	int fd = t_map_fd(env, "san_flows");
	struct san_flow_key key;
	struct san_flow flow;
	uint64_t first;

	expect(env, 1000, NH_A, SAN_R_FORWARDED);
	assert_int_equal(bpf_map_get_next_key(fd, NULL, &key), 0);
	assert_int_equal(bpf_map_lookup_elem(fd, &key, &flow), 0);
	first = flow.last_ns;
	flow.last_ns = first - 2000000000ull;
	assert_int_equal(bpf_map_update_elem(fd, &key, &flow, BPF_EXIST), 0);
	expect(env, 1000, NH_A, SAN_R_FLOW_HIT);
	assert_int_equal(bpf_map_lookup_elem(fd, &key, &flow), 0);
	assert_true(flow.last_ns >= first);
	close(fd);
}

/* The entry's age, as if the flow had been silent for so long. */
static void silence(struct t_env *env, uint64_t ns)
{
	int fd = t_map_fd(env, "san_flows");
	struct san_flow_key key;
	struct san_flow flow;

	assert_int_equal(bpf_map_get_next_key(fd, NULL, &key), 0);
	assert_int_equal(bpf_map_lookup_elem(fd, &key, &flow), 0);
	flow.last_ns -= ns;
	assert_int_equal(bpf_map_update_elem(fd, &key, &flow, BPF_EXIST), 0);
	close(fd);
}

/* A flow that was silent for idle_s begins anew, by the selection; 0: never. */
static void test_idle(void **state)
{
	const uint64_t second = 1000000000;
	struct t_env *env = *state;
	struct san_service svc = {
		.nexthop = NH_A, .mode = SAN_MODE_PREFERRED, .affinity = SAN_AFFINITY_FLOW};

	svc.idle_s = 3; /* a machine may have been up for seconds only */
	t_service(env, T_SERVICE, &svc);
	expect(env, 1000, NH_A, SAN_R_FORWARDED);
	svc.nexthop = NH_B;
	t_service(env, T_SERVICE, &svc);
	silence(env, 1 * second);
	expect(env, 1000, NH_A, SAN_R_FLOW_HIT);
	silence(env, 1 * second); /* it was heard of since */
	expect(env, 1000, NH_A, SAN_R_FLOW_HIT);
	silence(env, 4 * second);
	expect(env, 1000, NH_B, SAN_R_FORWARDED);
	expect(env, 1000, NH_B, SAN_R_FLOW_HIT);
	svc.idle_s = 0;
	svc.nexthop = NH_A;
	t_service(env, T_SERVICE, &svc);
	silence(env, 4 * second);
	expect(env, 1000, NH_B, SAN_R_FLOW_HIT);
	assert_int_equal(t_flow_count(env), 1);
}

/* By source: ports and destination do not matter, and no SYN begins anew. */
static void test_by_source(void **state)
{
	struct t_env *env = *state;
	struct san_service svc = {.nexthop = NH_A,
				  .mode = SAN_MODE_PREFERRED,
				  .affinity = SAN_AFFINITY_FLOW,
				  .flags = SAN_SVC_KEY_SOURCE};
	int fd = t_map_fd(env, "san_flows");
	struct san_flow_key key, want = {.service_id = T_SERVICE};
	struct t_pkt pkt;

	t_service(env, T_SERVICE, &svc);
	expect(env, 1000, NH_A, SAN_R_FORWARDED);
	svc.nexthop = NH_B;
	t_service(env, T_SERVICE, &svc);
	expect(env, 2000, NH_A, SAN_R_FLOW_HIT);
	expect_tcp(env, 0x02, 0, NH_A, SAN_R_FLOW_HIT);
	assert_int_equal(t_flow_count(env), 1);
	client(&pkt, 1);
	memcpy(want.src, pkt.data + T_IP6_AT + 8, 16);
	assert_int_equal(bpf_map_get_next_key(fd, NULL, &key), 0);
	assert_memory_equal(&key, &want, sizeof(key));
	pkt.data[T_IP6_AT + 23]++;
	t_expect(env, &pkt, SAN_R_FORWARDED, XDP_REDIRECT);
	assert_int_equal(t_flow_count(env), 2);
	close(fd);
}

/* What moves: remembered anew once, counted as moved once; with nothing selected it goes nowhere.
 */
static void test_moves_nowhere(void **state)
{
	struct t_env *env = *state;
	struct san_service none = {.mode = SAN_MODE_NONE, .affinity = SAN_AFFINITY_FLOW};
	struct t_pkt pkt;

	expect(env, 1000, NH_A, SAN_R_FORWARDED);
	put_nh(env, NH_A, 2, SAN_NH_SRV6);
	t_service(env, T_SERVICE, &none);
	client(&pkt, 1000);
	t_expect(env, &pkt, SAN_R_NOTHING_SELECTED, XDP_PASS);
	select_nh(env, NH_B, SAN_AFFINITY_FLOW);
	expect(env, 1000, NH_B, SAN_R_FLOW_MOVED);
}

/* Far more flows than the table holds: it stays within its size and every packet is steered. */
static void test_bounded(void **state)
{
	struct t_env *env = *state;
	unsigned int i, n;

	for (i = 0; i < 4 * env->conf.max_flows; i++)
		expect(env, 1024 + i, NH_A, SAN_R_FORWARDED);
	n = t_flow_count(env);
	assert_true(n > 0);
	assert_true(n <= env->conf.max_flows);
	expect(env, 1024 + i - 1, NH_A, SAN_R_FLOW_HIT); /* the youngest is there */
}

#define T(fn) cmocka_unit_test_setup(fn, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_keeps),
		T(test_syn_begins_anew),
		T(test_none_has_no_flows),
		T(test_epoch_moves),
		T(test_unused_moves),
		T(test_unresolved_passes),
		T(test_starts_unresolved),
		T(test_nothing_selected),
		T(test_invalid_selection),
		T(test_key),
		T(test_no_ports),
		T(test_refresh),
		T(test_idle),
		T(test_by_source),
		T(test_moves_nowhere),
		T(test_bounded),
	};

	return t_can_run() ? cmocka_run_group_tests(tests, t_open, t_close) : 0;
}
