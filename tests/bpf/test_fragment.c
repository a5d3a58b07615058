/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets in fragments: the later ones follow the first, as long as its next hop is the same. */
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <string.h>
#include <unistd.h>

#include <san/msg.h>

#include "libtest.h"

#define FIRST 1	 /* place field of an IPv6 fragment header: offset 0, M */
#define LATER 72 /* offset 9 * 8, the last one */

static void fragment6(struct t_pkt *pkt, uint16_t place, uint32_t id)
{
	const uint8_t header[8] = {59, 0, place >> 8, place, id >> 24, id >> 16, id >> 8, id};

	t_begin(pkt);
	t_header(pkt, 44, header, sizeof(header));
	if (place < 8)
		t_doh_san(pkt, T_SERVICE);
	t_udp(pkt, 40);
	t_end(pkt);
}

static void fragment4(struct t_pkt *pkt, uint16_t place, uint8_t proto)
{
	t_begin4(pkt, proto, place);
	t_bytes(pkt, "\1\2\3\4\5\6\7\10", 8);
	t_end4(pkt);
}

static int setup(void **state)
{
	struct san_msg_class any = {.service_id = T_SERVICE};
	int r = t_reset(state);

	t_classes(*state, &any, 1);
	return r;
}

static void expect(struct t_env *env, const struct t_pkt *pkt, enum san_reason reason)
{
	bool steered = reason == SAN_R_FORWARDED || reason == SAN_R_FRAGMENT_HIT;

	t_expect(env, pkt, reason, steered ? XDP_REDIRECT : XDP_PASS);
}

static void expect6(struct t_env *env, uint16_t place, uint32_t id, enum san_reason reason)
{
	struct t_pkt pkt;

	fragment6(&pkt, place, id);
	expect(env, &pkt, reason);
}

static void test_follows(void **state)
{
	expect6(*state, LATER, 7, SAN_R_FRAGMENT);
	expect6(*state, FIRST, 7, SAN_R_FORWARDED);
	expect6(*state, LATER, 7, SAN_R_FRAGMENT_HIT);
	expect6(*state, LATER | 1, 7, SAN_R_FRAGMENT_HIT);
	expect6(*state, LATER, 8, SAN_R_FRAGMENT);
}

/* Reserved bits are no offset; an atomic fragment is a whole packet and leaves nothing. */
static void test_atomic(void **state)
{
	expect6(*state, 0, 7, SAN_R_FORWARDED);
	expect6(*state, 6, 7, SAN_R_FORWARDED);
	expect6(*state, LATER, 7, SAN_R_FRAGMENT);
	expect6(*state, 7, 7, SAN_R_FORWARDED);
	expect6(*state, LATER, 7, SAN_R_FRAGMENT_HIT);
}

static void test_key(void **state)
{
	static const size_t places[] = {T_IP6_AT + 8,  T_IP6_AT + 23, T_IP6_AT + 24,
					T_IP6_AT + 39, T_EXT_AT + 4,  T_EXT_AT + 7};
	struct t_env *env = *state;
	struct t_pkt pkt;
	size_t i;

	expect6(env, FIRST, 7, SAN_R_FORWARDED);
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		fragment6(&pkt, LATER, 7);
		pkt.data[places[i]] ^= 1;
		expect(env, &pkt, SAN_R_FRAGMENT);
	}
}

/* The first one decides, authorisation and selection included; the later ones go where it went. */
static void test_goes_where_the_first_went(void **state)
{
	struct t_env *env = *state;
	struct san_nexthop other = t_nexthop(2, SAN_ENCAP_RED, 77);
	struct san_service svc = {.nexthop = T_NH + 1, .mode = SAN_MODE_PREFERRED, .groups = 2};
	struct san_counter nh, stats;
	struct t_pkt pkt;
	struct t_out out;

	expect6(env, FIRST, 7, SAN_R_FORWARDED);
	t_put_nexthop(env, T_NH + 1, &other);
	t_service(env, T_SERVICE, &svc);
	fragment6(&pkt, LATER, 7);
	t_run(env, &pkt, &out);
	assert_int_equal(out.reason, SAN_R_FRAGMENT_HIT);
	assert_int_equal(out.len, pkt.len + 40);
	assert_int_equal(out.data[T_IP6_AT + 7], 63);
	assert_int_equal(dp_nh_stats(env->dp, T_NH, &nh), 0);
	assert_int_equal(dp_svc_stats(env->dp, T_SVC_STATS, &stats), 0);
	assert_int_equal(nh.packets, 2);
	assert_int_equal(stats.packets, 2);
}

static void test_next_hop_given_up(void **state)
{
	struct t_env *env = *state;
	struct san_nexthop nh = t_nexthop(1, SAN_ENCAP_RED, 0);

	expect6(env, FIRST, 7, SAN_R_FORWARDED);
	nh.epoch++;
	t_put_nexthop(env, T_NH, &nh);
	expect6(env, LATER, 7, SAN_R_FRAGMENT);
	expect6(env, FIRST, 7, SAN_R_FORWARDED);
	expect6(env, LATER, 7, SAN_R_FRAGMENT_HIT);
	nh.kind = SAN_NH_UNUSED;
	t_put_nexthop(env, T_NH, &nh);
	expect6(env, LATER, 7, SAN_R_FRAGMENT);
}

static void test_expires(void **state)
{
	struct t_env *env = *state;
	int fd = t_map_fd(env, "san_frags");
	struct san_frag_key key;
	struct san_frag frag;

	expect6(env, FIRST, 7, SAN_R_FORWARDED);
	assert_int_equal(bpf_map_get_next_key(fd, NULL, &key), 0);
	assert_int_equal(bpf_map_lookup_elem(fd, &key, &frag), 0);
	assert_int_equal(frag.nexthop, T_NH);
	assert_int_equal(frag.service_id, T_SERVICE);
	assert_int_equal(frag.stats, T_SVC_STATS);
	frag.made_ns -= SAN_FRAG_NS / 2;
	assert_int_equal(bpf_map_update_elem(fd, &key, &frag, BPF_EXIST), 0);
	expect6(env, LATER, 7, SAN_R_FRAGMENT_HIT);
	frag.made_ns -= SAN_FRAG_NS;
	assert_int_equal(bpf_map_update_elem(fd, &key, &frag, BPF_EXIST), 0);
	expect6(env, LATER, 7, SAN_R_FRAGMENT);
	close(fd);
}

/* A first fragment that was not steered leaves nothing. */
static void test_not_steered(void **state)
{
	struct t_env *env = *state;
	struct t_pkt pkt;

	fragment6(&pkt, FIRST, 7);
	pkt.data[T_IP6_AT + 7] = 1;
	expect(env, &pkt, SAN_R_HOP_LIMIT);
	expect6(env, LATER, 7, SAN_R_FRAGMENT);
	expect6(env, FIRST, 7, SAN_R_FORWARDED);
	fragment6(&pkt, LATER, 7);
	pkt.data[T_IP6_AT + 7] = 1;
	expect(env, &pkt, SAN_R_HOP_LIMIT);
}

static void test_ip4(void **state)
{
	struct t_env *env = *state;
	struct t_pkt pkt;

	t_role(env, SAN_ROLE_INGRESS, SAN_IF_CLASSIFY);
	fragment4(&pkt, 9, 17);
	expect(env, &pkt, SAN_R_FRAGMENT);
	fragment4(&pkt, 0x2000, 17);
	expect(env, &pkt, SAN_R_FORWARDED);
	fragment4(&pkt, 9, 17);
	expect(env, &pkt, SAN_R_FRAGMENT_HIT);
	fragment4(&pkt, 0x2009, 17);
	expect(env, &pkt, SAN_R_FRAGMENT_HIT);
	fragment4(&pkt, 9, 6);
	expect(env, &pkt, SAN_R_FRAGMENT);
	fragment4(&pkt, 9, 17);
	pkt.data[T_IP6_AT + 5] ^= 1;
	expect(env, &pkt, SAN_R_FRAGMENT);
	fragment4(&pkt, 9, 17);
	pkt.data[T_IP6_AT + 15] ^= 1;
	expect(env, &pkt, SAN_R_FRAGMENT);
	fragment4(&pkt, 0x4000, 17); /* DF alone is a whole packet */
	expect(env, &pkt, SAN_R_FORWARDED);
}

/* Far more packets than the table holds: it stays within its size. */
static void test_bounded(void **state)
{
	struct t_env *env = *state;
	struct san_frag_key key, next;
	int fd = t_map_fd(env, "san_frags");
	unsigned int id, n = 0;
	void *at = NULL;

	for (id = 0; id < 4 * env->conf.max_frags; id++)
		expect6(env, FIRST, id, SAN_R_FORWARDED);
	expect6(env, LATER, id - 1, SAN_R_FRAGMENT_HIT);
	for (; !bpf_map_get_next_key(fd, at, &next); n++) {
		key = next;
		at = &key;
	}
	close(fd);
	assert_in_range(n, 1, env->conf.max_frags);
}

#define T(fn) cmocka_unit_test_setup(fn, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_follows),
		T(test_atomic),
		T(test_key),
		T(test_goes_where_the_first_went),
		T(test_next_hop_given_up),
		T(test_expires),
		T(test_not_steered),
		T(test_ip4),
		T(test_bounded),
	};

	return t_can_run() ? cmocka_run_group_tests(tests, t_open, t_close) : 0;
}
