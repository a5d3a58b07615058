/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages and plans: what is taken, what is refused, what is undone. */
#include "unit/ncc/parent.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

/* --- protocol, no kernel --- */

static void test_refused_before_hello(void **state)
{
	struct fixture *f = *state;
	struct san_msg_stats_req req = {.request = 1};

	f->session = SESSION;
	send_msg(f, SAN_MSG_STATS_REQ, 0, &req);
	uv_run(&f->loop, UV_RUN_NOWAIT);
	take_all(f);
	assert_int_equal(f->acks, 0); /* no session: nobody to answer */
	hello(f, SESSION);
	send_msg(f, SAN_MSG_STATS_REQ, 0, &req);
	send_msg(f, SAN_MSG_CONFIG_END, 0, &(struct san_msg_empty){0});
	assert_int_equal(answer(f), -EAGAIN);
	assert_int_equal(f->ack.type, SAN_MSG_CONFIG_END);
}

static void test_other_abi(void **state)
{
	struct fixture *f = *state;
	struct san_msg_hello msg = {.abi_version = SAN_ABI_VERSION, .pid = 1};

	hello(f, SESSION);
	msg.abi_version++;
	send_msg(f, SAN_MSG_HELLO, 0, &msg);
	send_msg(f, SAN_MSG_CONFIG_END, 0, &(struct san_msg_empty){0});
	assert_int_equal(answer(f), -EINVAL);
	assert_non_null(strstr(f->ack.text, "abi_version"));
}

static void config_refused(struct fixture *f, const struct san_msg_config *c, const char *field)
{
	assert_int_equal(configure(f, SESSION, c, NULL), -EINVAL);
	assert_non_null(strstr(f->ack.text, "message CONFIG"));
	assert_non_null(strstr(f->ack.text, field));
}

static void test_bad_config(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();

	c.max_services = 0;
	config_refused(f, &c, "max_services");
	c = config();
	c.route_table = 254;
	config_refused(f, &c, "route_table");
	c = config();
	c.rule_priority = 32766;
	config_refused(f, &c, "rule_priority");
}

static void test_config_order(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();
	struct san_msg_iface iface = {.name = "v0", .role = SAN_ROLE_CORE};
	struct san_msg_empty end = {0};

	hello(f, SESSION);
	send_msg(f, SAN_MSG_CONFIG_END, 0, &end);
	assert_int_equal(answer(f), -EPROTO);
	hello(f, SESSION);
	send_msg(f, SAN_MSG_CONFIG, 0, &c);
	send_msg(f, SAN_MSG_CONFIG, 0, &c);
	send_msg(f, SAN_MSG_CONFIG_END, 0, &end);
	assert_int_equal(answer(f), -EPROTO);
	hello(f, SESSION);
	send_msg(f, SAN_MSG_CONFIG, 0, &c);
	send_msg(f, SAN_MSG_IFACE, 0, &iface);
	send_msg(f, SAN_MSG_IFACE, 0, &iface);
	send_msg(f, SAN_MSG_CONFIG_END, 0, &end);
	assert_int_equal(answer(f), -EEXIST);
}

static void test_too_many_interfaces(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();

	hello(f, SESSION);
	send_msg(f, SAN_MSG_CONFIG, 0, &c);
	for (int i = 0; i <= APPLY_MAX_IFACES; i++) {
		struct san_msg_iface iface = {.role = SAN_ROLE_CORE};

		snprintf(iface.name, sizeof(iface.name), "if%d", i);
		send_msg(f, SAN_MSG_IFACE, 0, &iface);
		uv_run(&f->loop, UV_RUN_NOWAIT);
	}
	send_msg(f, SAN_MSG_CONFIG_END, 0, &(struct san_msg_empty){0});
	assert_int_equal(answer(f), -ENOSPC);
	assert_non_null(strstr(f->ack.text, "256"));
}

static void test_missing_interface(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();

	assert_int_equal(configure(f, SESSION, &c, "nosuch"), -ENODEV);
	assert_string_equal(f->ack.text, "interface nosuch: does not exist");
	assert_null(f->apply->dp); /* nothing was touched */
}

static void test_plan_before_config(void **state)
{
	struct fixture *f = *state;

	hello(f, SESSION);
	begin(f, SAN_PLAN_FULL);
	send_msg(f, SAN_MSG_CONFIG_END, 0, &(struct san_msg_empty){0});
	assert_int_equal(answer(f), -EPROTO);
	assert_non_null(strstr(f->ack.text, "PLAN_BEGIN"));
}

static void test_malformed_datagrams(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();
	struct wire_buf buf;
	char junk[1024] = {0};

	hello(f, SESSION);
	send_raw(f, junk, 3);
	send_raw(f, junk, sizeof(junk));
	send_msg(f, SAN_MSG_CONFIG, 0, &c);
	wire_fill(&buf, SAN_MSG_CONFIG_END, SESSION, 0, &(struct san_msg_empty){0});
	send_raw(f, &buf, wire_size(SAN_MSG_CONFIG_END) - 1);
	assert_int_equal(answer(f), -EPROTO);
	assert_int_equal(f->ack.type, SAN_MSG_CONFIG_END);
	assert_non_null(strstr(f->ack.text, "length"));
}

static void test_child_end_closed(void **state)
{
	struct fixture *f = *state;

	shutdown(f->fd, SHUT_RDWR);
	for (int i = 0; i < 3; i++)
		uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_true(f->apply->gone);
}

/* --- live --- */

static void test_first_plan(void **state)
{
	struct fixture *f = *state;
	struct san_nexthop nh;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	assert_int_equal(f->ack.type, SAN_MSG_PLAN_COMMIT);
	assert_int_equal(f->ack_generation, 1);
	assert_int_equal(f->ack.applied, 9); /* 3 next hops, 2 routes, SID twice, 2 entries */
	assert_int_equal(f->ready, 1);
	assert_true(has_route("segs 2 [ 5f00:0:2::1 5f00:0:2::100 ]"));
	assert_true(has_route("unreachable 2001:db8:5::102"));
	assert_non_null(strstr(netns_read("ip -6 route"), "End.DX6 nh6 2001:db8:1::2"));
	assert_non_null(strstr(netns_read("ip -6 rule"), "50:\tfrom all lookup 5300"));
	assert_non_null(strstr(netns_read("ip sr tunsrc show"), "2001:db8:1::1"));
	assert_true(run_until(f, nh_resolved, 1));
	assert_true(run_until(f, nh_resolved, 2));
	assert_int_equal(map_service(f, 0x101).nexthop, f->nh[1].index);
	assert_int_equal(map_service(f, 0x101).mode, SAN_MODE_PREFERRED);
	assert_int_equal(map_service(f, 0x102).mode, SAN_MODE_NONE);
	assert_int_not_equal(map_service(f, 0x101).stats, map_service(f, 0x102).stats);
	assert_int_equal(dp_nexthop_get(f->apply->dp, f->nh[1].index, &nh), 0);
	assert_int_equal(nh.kind, SAN_NH_SRV6);
	assert_memory_equal(nh.dst_mac, "\x02\0\0\0\0\x02", 6);
	assert_int_equal(nh.ifindex, if_nametoindex("v0"));
	assert_int_equal(f->nh[1].mtu, 1500);
	assert_string_equal(f->nh[1].ifname, "v0");
	assert_true(run_until(f, iface_up, if_nametoindex("v0")));
	assert_int_equal(f->iface.attached, DP_NATIVE);
}

static void test_move_and_remove(void **state)
{
	struct fixture *f = *state;
	struct san_service before;
	struct san_nexthop nh;
	uint32_t index, epoch;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	before = map_service(f, 0x101);
	begin(f, 0);
	service(f, 0x101, "2001:db8:5::101", 2);
	assert_int_equal(commit(f), 0);
	assert_int_equal(f->ack.applied, 2); /* route, entry */
	assert_int_equal(map_service(f, 0x101).nexthop, f->nh[2].index);
	assert_int_equal(map_service(f, 0x101).stats, before.stats);
	assert_int_equal(map_service(f, 0x101).generation, 2);
	assert_true(gets_route(f, "segs 1 [ 5f00:0:3::100 ]"));
	/* The first one goes: its index is free, its epoch another one. */
	index = f->nh[1].index;
	dp_nexthop_get(f->apply->dp, index, &nh);
	epoch = nh.epoch;
	begin(f, 0);
	removal(f, SAN_MSG_NEXTHOP_DEL, 1);
	assert_int_equal(commit(f), 0);
	dp_nexthop_get(f->apply->dp, index, &nh);
	assert_int_equal(nh.kind, SAN_NH_UNUSED);
	assert_int_equal(nh.epoch, epoch + 1);
	begin(f, 0);
	removal(f, SAN_MSG_SERVICE_DEL, 0x101);
	removal(f, SAN_MSG_SERVICE_DEL, 0x999); /* not there: no matter */
	assert_int_equal(commit(f), 0);
	assert_int_equal(dp_service_get(f->apply->dp, false, 0x101, &before), -ENOENT);
	assert_false(has_route("2001:db8:5::101"));
}

static void test_full_plan_sweeps(void **state)
{
	struct fixture *f = *state;
	struct san_service val;

	NEED_ROOT();
	netns_ip("route add 2001:db8:5::200/128 dev v0 table 5300 proto static");
	assert_int_equal(first_plan(f), 0);
	begin(f, SAN_PLAN_FULL);
	nexthop(f, 2, "5f00:0:3::100", NULL);
	service(f, 0x103, "2001:db8:5::103", 2);
	assert_int_equal(commit(f), 0);
	assert_int_equal(dp_service_get(f->apply->dp, false, 0x101, &val), -ENOENT);
	assert_int_equal(dp_service_get(f->apply->dp, false, 0x102, &val), -ENOENT);
	assert_int_equal(map_service(f, 0x103).mode, SAN_MODE_PREFERRED);
	assert_false(has_route("2001:db8:5::101"));
	assert_true(has_route("2001:db8:5::200")); /* somebody else's */
	assert_null(strstr(netns_read("ip -6 route"), "End.DX6"));
	assert_null(hop_by_id(f->apply, 1));
	netns_ip("route del 2001:db8:5::200/128 table 5300");
}

/* Entries of somebody else, until no more fit. */
static unsigned int fill_map(struct fixture *f)
{
	struct san_service val = {.mode = SAN_MODE_NONE};
	unsigned int n = 0;

	while (!dp_service_put(f->apply->dp, false, 0x1000 + n, &val))
		n++;
	return n;
}

/* A plan that fails in the middle leaves the state before it. */
static void test_failure_is_undone(void **state)
{
	struct fixture *f = *state;
	struct san_service before, after;
	unsigned int hops, strays;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	before = map_service(f, 0x101);
	hops = pool_used(&f->apply->indexes);
	strays = fill_map(f);
	begin(f, 0);
	nexthop(f, 3, "5f00:0:4::100", NULL);
	service(f, 0x101, "2001:db8:5::111", 3);
	service(f, 0x104, "2001:db8:5::104", 3);
	removal(f, SAN_MSG_SERVICE_DEL, 0x102);
	assert_int_equal(commit(f), -ENOSPC);
	assert_non_null(strstr(
		f->ack.text,
		"service 0x104: map san_services is full, it holds 64; raise maps.services"));
	assert_int_equal(f->ack.applied, 0);
	after = map_service(f, 0x101);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(map_service(f, 0x102).mode, SAN_MODE_NONE);
	assert_int_equal(pool_used(&f->apply->indexes), hops);
	assert_null(hop_by_id(f->apply, 3));
	assert_true(has_route("2001:db8:5::101"));
	assert_false(has_route("2001:db8:5::111"));
	assert_false(has_route("2001:db8:5::104"));
	while (strays)
		dp_service_del(f->apply->dp, false, 0x1000 + --strays);
	/* And the same plan goes through when the obstacle is gone. */
	begin(f, 0);
	nexthop(f, 3, "5f00:0:4::100", NULL);
	service(f, 0x101, "2001:db8:5::111", 3);
	service(f, 0x104, "2001:db8:5::104", 3);
	removal(f, SAN_MSG_SERVICE_DEL, 0x102);
	assert_int_equal(commit(f), 0);
	assert_false(has_route("2001:db8:5::101"));
	assert_true(has_route("2001:db8:5::111"));
}

/* Somebody else's route is not touched, and holds nothing else up. */
static void test_foreign_route(void **state)
{
	struct fixture *f = *state;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	netns_ip("route add 2001:db8:5::104/128 dev v0 table 5300 proto static");
	begin(f, 0);
	service(f, 0x104, "2001:db8:5::104", 1);
	assert_int_equal(commit(f), 0);
	assert_int_equal(map_service(f, 0x104).mode, SAN_MODE_PREFERRED);
	audit_run(f->apply);
	assert_non_null(strstr(netns_read("ip -6 route show table 5300 proto static"), "::104"));
	netns_ip("route del 2001:db8:5::104/128 table 5300 proto static");
	audit_run(f->apply);
	assert_true(has_route("2001:db8:5::104"));
}

/* An XDP program of somebody else on the second interface: the first is let go again. */
static void test_config_half_way(void **state)
{
	struct bpf_insn pass[] = {{.code = 0xb7, .imm = 2}, {.code = 0x95}};
	struct fixture *f = *state;
	struct san_msg_iface iface = {.name = "v0", .role = SAN_ROLE_CORE};
	struct san_msg_config c = config();
	struct san_msg_empty end = {0};
	int fd;

	NEED_ROOT();
	netns_ip("link add w0 type veth peer name w1");
	fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "other", "GPL", pass, 2, NULL);
	assert_true(fd >= 0);
	assert_int_equal(bpf_xdp_attach((int)if_nametoindex("w0"), fd, 0, NULL), 0);
	hello(f, SESSION);
	send_msg(f, SAN_MSG_CONFIG, 0, &c);
	send_msg(f, SAN_MSG_IFACE, 0, &iface);
	strcpy(iface.name, "w0");
	send_msg(f, SAN_MSG_IFACE, 0, &iface);
	send_msg(f, SAN_MSG_CONFIG_END, 0, &end);
	assert_int_equal(answer(f), -EBUSY);
	assert_non_null(strstr(f->ack.text, "another XDP program"));
	assert_null(strstr(netns_read("ip link show v0"), "xdp"));
	assert_int_not_equal(access(f->pin_dir, F_OK), 0);
	assert_null(strstr(netns_read("ip -6 rule"), "5300"));
	close(fd);
	netns_ip("link del w0");
	/* The same process takes a good one afterwards, and keeps it when the next is bad. */
	assert_int_equal(configure(f, SESSION + 1, &c, "v0"), 0);
	assert_non_null(strstr(netns_read("ip link show v0"), "xdp"));
	assert_int_not_equal(configure(f, SESSION + 2, &c, "v9"), 0);
	assert_non_null(strstr(netns_read("ip link show v0"), "xdp"));
	assert_int_equal(configure(f, SESSION + 3, &c, "v0"), 0);
}

static void test_bad_plans(void **state)
{
	struct fixture *f = *state;
	struct san_msg_nexthop nh = {.id = 5, .kind = SAN_NH_SRV6, .n_segs = 9};

	NEED_ROOT();
	begin(f, 0);
	refused(f, -EPROTO, "first plan of a session");
	begin(f, SAN_PLAN_FULL);
	object(f, SAN_MSG_NEXTHOP, &nh);
	refused(f, -EINVAL, "message NEXTHOP: n_segs: is 9, must be 1..8");
	assert_int_equal(first_plan(f), 0);
	begin(f, 0);
	service(f, 0x105, NULL, 9);
	refused(f, -EINVAL, "service 0x105: nexthop");
	begin(f, 0);
	removal(f, SAN_MSG_NEXTHOP_DEL, 1);
	refused(f, -EINVAL, "next hop 1: is still selected");
	begin(f, 0);
	service(f, 0x105, "2001:db8:5::101", 1);
	refused(f, -EEXIST, "is the address of service 0x101");
	begin(f, 0);
	service(f, 0x105, "2001:db8:5::105", 1);
	service(f, 0x106, "2001:db8:5::105", 1);
	refused(f, -EEXIST, "is also the address of service 0x105");
	begin(f, 0);
	service(f, 0x105, NULL, 1);
	service(f, 0x105, NULL, 1);
	refused(f, -EEXIST, "must stand once");
	begin(f, 0);
	nexthop(f, 3, "5f00:0:3::100", NULL);
	refused(f, -EEXIST, "another next hop already");
	begin(f, 0);
	nexthop(f, 2, "5f00:0:9::100", NULL);
	refused(f, -EEXIST, "in use for other segments");
	begin(f, 0);
	nexthop(f, 3, "5f00:0:9::100", NULL);
	nexthop(f, 4, "5f00:0:9::100", NULL);
	refused(f, -EEXIST, "must differ");
	begin(f, 0);
	f->objects = 3;
	refused(f, -EPROTO, "count: is 3, must be 0");
	begin(f, SAN_PLAN_FULL);
	removal(f, SAN_MSG_SERVICE_DEL, 0x101);
	refused(f, -EPROTO, "full plan");
	f->generation -= 3;
	begin(f, 0);
	assert_int_equal(answer(f), -EPROTO);
	assert_int_equal(map_service(f, 0x101).nexthop, f->nh[1].index);
	assert_int_equal(pool_used(&f->apply->indexes), 3); /* one is the SID's */
}

static void test_limits(void **state)
{
	struct fixture *f = *state;
	char seg[64];

	NEED_ROOT();
	begin(f, SAN_PLAN_FULL);
	for (unsigned int i = 1; i <= 15; i++) {
		snprintf(seg, sizeof(seg), "5f00:0:2::%x", i);
		nexthop(f, i, seg, NULL);
	}
	assert_int_equal(commit(f), 0);
	begin(f, 0);
	nexthop(f, 16, "5f00:0:2::1000", NULL);
	refused(f, -ENOSPC, "map san_nexthops is full, it holds 15; raise maps.nexthops");
	begin(f, 0);
	for (unsigned int i = 1; i <= 65; i++)
		service(f, i, NULL, 1);
	refused(f, -ENOSPC, "map san_services is full, it holds 64; raise maps.services");
	begin(f, 0);
	for (unsigned int i = 1; i <= 64; i++)
		service(f, i, NULL, 1);
	assert_int_equal(commit(f), 0);
}

/* A new child: the same content keeps its index, whatever the child calls it. */
static void test_child_restarts(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();
	uint32_t one, two;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	one = f->nh[1].index;
	two = f->nh[2].index;
	begin(f, 0);
	nexthop(f, 3, "5f00:0:9::100", NULL); /* half a plan */
	assert_int_equal(configure(f, SESSION + 1, &c, "v0"), 0);
	assert_int_equal(map_service(f, 0x101).nexthop, one);
	memset(f->nh, 0, sizeof(f->nh));
	begin(f, SAN_PLAN_FULL);
	nexthop(f, 7, "5f00:0:3::100", NULL);
	nexthop(f, 8, "5f00:0:2::1", "5f00:0:2::100");
	service(f, 0x101, "2001:db8:5::101", 8);
	service(f, 0x102, "2001:db8:5::102", 0);
	sid(f, "5f00:0:1::100", "2001:db8:1::2");
	assert_int_equal(commit(f), 0);
	assert_int_equal(f->ack.applied, 0);
	assert_true(run_until(f, nh_resolved, 8));
	assert_int_equal(f->nh[8].index, one);
	assert_int_equal(f->nh[7].index, two);
	assert_int_equal(f->ready, 1);
}

static void test_messages_of_old_sessions(void **state)
{
	struct fixture *f = *state;
	uint32_t now;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	now = f->session;
	f->session = SESSION - 1;
	begin(f, SAN_PLAN_FULL);
	send_msg(f, SAN_MSG_PLAN_COMMIT, f->generation, &(struct san_msg_plan){0});
	f->session = now;
	begin(f, 0);
	assert_int_equal(commit(f), 0);
	assert_int_equal(map_service(f, 0x101).mode, SAN_MODE_PREFERRED);
}

/* A new parent: everything is adopted, indexes and epochs stay, a full plan changes nothing. */
static void test_parent_restarts(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();
	struct san_service before;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	assert_true(run_until(f, nh_resolved, 1));
	assert_true(run_until(f, nh_resolved, 2));
	before = map_service(f, 0x101);
	close_apply(f);
	open_apply(f);
	assert_int_equal(configure(f, SESSION + 2, &c, "v0"), 0);
	assert_int_equal(HASH_COUNT(f->apply->entries), 2);
	assert_int_equal(HASH_COUNT(f->apply->hops), 3);
	assert_int_equal(HASH_COUNT(f->apply->routes), 2);
	assert_int_equal(HASH_COUNT(f->apply->sids), 1);
	assert_int_equal(map_service(f, 0x101).nexthop, before.nexthop);
	assert_int_equal(first_plan(f), 0);
	assert_int_equal(f->ack.applied, 0);
	assert_int_equal(f->ack.repaired, 0);
	assert_int_equal(map_service(f, 0x101).nexthop, before.nexthop);
	assert_int_equal(map_service(f, 0x101).stats, before.stats);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		P(test_refused_before_hello),
		P(test_other_abi),
		P(test_bad_config),
		P(test_config_order),
		P(test_too_many_interfaces),
		P(test_missing_interface),
		P(test_config_half_way),
		P(test_plan_before_config),
		P(test_malformed_datagrams),
		P(test_child_end_closed),
		L(test_first_plan),
		L(test_move_and_remove),
		L(test_full_plan_sweeps),
		L(test_failure_is_undone),
		L(test_foreign_route),
		L(test_bad_plans),
		L(test_limits),
		L(test_child_restarts),
		L(test_messages_of_old_sessions),
		L(test_parent_restarts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return live_run(run);
}
