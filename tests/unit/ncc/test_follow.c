/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configuration, the network, audit, counters, both ends together, the end. */
#include "unit/ncc/parent.h"

#include "ncc/ncc.h"

static void test_config_changes(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();
	struct san_service before, after;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	/* Maps of other sizes are converted, what is in them stays. */
	before = map_service(f, 0x101);
	c.max_services = 65;
	c.max_slots = 2048;
	assert_int_equal(configure(f, SESSION + 1, &c, "v0"), 0);
	after = map_service(f, 0x101);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(first_plan(f), 0);
	assert_int_equal(f->ack.applied, 0);
	/* A configuration that fails after that leaves the converted ones. */
	c.max_services = 66;
	assert_int_equal(configure(f, SESSION + 4, &c, "v9"), -ENODEV);
	assert_int_equal(map_service(f, 0x101).mode, SAN_MODE_PREFERRED);
	c = config();
	c.profile.id_len = 4;
	assert_int_equal(configure(f, SESSION + 2, &c, "v0"), 0);
	c.route_table = TABLE + 1;
	c.rule_priority = PRIO + 1;
	assert_int_equal(configure(f, SESSION + 3, &c, "v0"), 0);
	assert_false(has_route("2001:db8:5::101"));
	assert_null(strstr(netns_read("ip -6 rule"), "50:\t"));
	assert_non_null(strstr(netns_read("ip -6 rule"), "51:\tfrom all lookup 5301"));
	assert_int_equal(first_plan(f), 0);
	assert_non_null(strstr(netns_read("ip -6 route show table 5301"), "2001:db8:5::101"));
}

/* Somebody else's hand in maps and tables: found and repaired. */
static void test_audit(void **state)
{
	struct fixture *f = *state;
	struct san_nexthop nh;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	assert_true(run_until(f, nh_resolved, 1));
	dp_service_del(f->apply->dp, false, 0x101);
	dp_service_put(f->apply->dp, false, 0x666, &(struct san_service){.nexthop = 1});
	dp_nexthop_get(f->apply->dp, f->nh[1].index, &nh);
	nh.mtu = 7;
	dp_nexthop_put(f->apply->dp, f->nh[1].index, &nh);
	netns_ip("route del 2001:db8:5::101/128 table 5300; rule del lookup 5300;"
		 "route del 5f00:0:1::100/128; route add unreachable 2001:db8:5::66/128 "
		 "table 5300 proto 0x5a");
	audit_run(f->apply);
	assert_int_equal(f->apply->repaired, 7);
	assert_int_equal(map_service(f, 0x101).nexthop, f->nh[1].index);
	assert_int_equal(dp_service_get(f->apply->dp, false, 0x666, &(struct san_service){0}),
			 -ENOENT);
	dp_nexthop_get(f->apply->dp, f->nh[1].index, &nh);
	assert_int_equal(nh.mtu, 1500);
	assert_true(has_route("segs 2 [ 5f00:0:2::1 5f00:0:2::100 ]"));
	assert_false(has_route("2001:db8:5::66"));
	assert_non_null(strstr(netns_read("ip -6 rule"), "lookup 5300"));
	assert_non_null(strstr(netns_read("ip -6 route"), "End.DX6"));
	begin(f, 0);
	assert_int_equal(commit(f), 0);
	assert_int_equal(f->ack.repaired + f->repaired, 7); /* with the answer, or before */
}

static bool route_back(struct fixture *f, uint64_t arg)
{
	return has_route("segs 2 [ 5f00:0:2::1 5f00:0:2::100 ]");
}

static bool told_of_repair(struct fixture *f, uint64_t count)
{
	return f->repaired == count;
}

/* Removed by hand: noticed by notification, no audit needed. */
static void test_lost_route_returns(void **state)
{
	struct fixture *f = *state;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	netns_ip("route del 2001:db8:5::101/128 table 5300");
	assert_true(run_until(f, route_back, 0));
	assert_true(run_until(f, told_of_repair, 1));
}

static bool nh_unresolved(struct fixture *f, uint64_t id)
{
	return f->nh[id].kind == SAN_NH_UNRESOLVED && f->nh[id].text[0];
}

static void test_link_flaps(void **state)
{
	struct fixture *f = *state;
	struct san_nexthop nh;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	assert_true(run_until(f, nh_resolved, 1));
	netns_ip("link set v0 down");
	assert_true(run_until(f, nh_unresolved, 1));
	dp_nexthop_get(f->apply->dp, f->nh[1].index, &nh);
	assert_int_equal(nh.kind, SAN_NH_UNRESOLVED);
	/* A plan while the only link is down: the entry counts, the route waits. */
	begin(f, 0);
	nexthop(f, 4, "5f00:0:4::100", NULL);
	service(f, 0x104, "2001:db8:5::104", 4);
	assert_int_equal(commit(f), 0);
	netns_ip("link set v0 up; addr replace 2001:db8:1::1/64 dev v0 nodad;"
		 "route replace 5f00::/16 via 2001:db8:1::2");
	assert_true(run_until(f, nh_resolved, 1));
	assert_true(run_until(f, nh_resolved, 4));
	assert_true(run_until(f, route_back, 0));
	assert_true(has_route("segs 1 [ 5f00:0:4::100 ]"));
	assert_non_null(strstr(netns_read("ip -6 route"), "End.DX6"));
}

static bool iface_gone(struct fixture *f, uint64_t arg)
{
	return f->iface.name[0] && !f->iface.ifindex;
}

static void test_interface_reappears(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();

	NEED_ROOT();
	netns_ip("link add w0 type veth peer name w1; link set w1 up; link set w0 up");
	assert_int_equal(configure(f, SESSION + 1, &c, "w0"), 0);
	netns_ip("link del w0");
	assert_true(run_until(f, iface_gone, 0));
	netns_ip("link add w0 type veth peer name w1; link set w1 up; link set w0 up");
	assert_true(run_until(f, iface_up, if_nametoindex("w0")));
	assert_int_equal(f->iface.attached, DP_NATIVE);
	netns_ip("link del w0");
}

/* Leaves by an interface that has no role: not in the redirect map, so XDP must not try. */
static void test_egress_without_role(void **state)
{
	struct fixture *f = *state;

	NEED_ROOT();
	netns_ip("link add w0 type veth peer name w1; link set w1 up; link set w0 up;"
		 "addr add 2001:db8:9::1/64 dev w0 nodad;"
		 "neigh add 2001:db8:9::2 dev w0 lladdr 02:00:00:00:00:33;"
		 "route add 5f01::/16 via 2001:db8:9::2");
	begin(f, SAN_PLAN_FULL);
	nexthop(f, 1, "5f01::1", NULL);
	assert_int_equal(commit(f), 0);
	assert_true(run_until(f, nh_unresolved, 1));
	assert_string_equal(f->nh[1].text, "leaves by w0, which has no role here");
	netns_ip("link del w0");
}

static bool stats_done(struct fixture *f, uint64_t arg)
{
	return f->stats_ends > 0;
}

static void test_stats(void **state)
{
	struct fixture *f = *state;
	struct san_msg_stats_req req = {.request = 42};
	unsigned int kinds[SAN_STAT_EVENTS + 1] = {0};

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	send_msg(f, SAN_MSG_STATS_REQ, 0, &req);
	assert_true(run_until(f, stats_done, 0));
	for (unsigned int i = 0; i < f->n_stats; i++) {
		assert_int_equal(f->stats[i].request, 42);
		assert_in_range(f->stats[i].kind, 1, SAN_STAT_EVENTS);
		kinds[f->stats[i].kind]++;
	}
	assert_int_equal(kinds[SAN_STAT_SERVICE], 2);
	assert_int_equal(kinds[SAN_STAT_NEXTHOP], 2);
	assert_int_equal(kinds[SAN_STAT_REASON], 2 * SAN_R_MAX); /* v0, and no role */
	assert_int_equal(kinds[SAN_STAT_EGRESS], 0);		 /* the SID is nobody's */
	assert_int_equal(kinds[SAN_STAT_MAP], SAN_MAP_MAX);
	assert_int_equal(kinds[SAN_STAT_EVENTS], 1);
}

static void test_no_ingress(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();

	NEED_ROOT();
	memset(&c.source, 0, sizeof(c.source));
	assert_int_equal(configure(f, SESSION + 1, &c, "v0"), 0);
	assert_null(strstr(netns_read("ip -6 rule"), "5300"));
	begin(f, SAN_PLAN_FULL);
	nexthop(f, 1, "5f00:0:2::1", NULL);
	refused(f, -EINVAL, "no ingress");
	begin(f, SAN_PLAN_FULL);
	sid(f, "5f00:0:1::100", "2001:db8:1::2");
	assert_int_equal(commit(f), 0);
}

/* Both ends of the module together. */
struct both {
	unsigned int acks;
	int result;
	json_t *stats;
};

static void on_acked(void *arg, uint64_t generation, int result, const char *text)
{
	struct both *b = arg;

	b->acks++;
	b->result = result;
}

static void on_stats(void *arg, int status, json_t *stats)
{
	((struct both *)arg)->stats = json_incref(stats);
}

static void run_acks(struct fixture *f, struct both *b, unsigned int n)
{
	UNTIL(&f->loop, WAIT_MS, b->acks >= n);
	assert_int_equal(b->acks, n);
	assert_int_equal(b->result, 0);
}

static void test_real_child(void **state)
{
	struct plan_nexthop nh = {.kind = SAN_NH_SRV6, .n_segs = 2, .families = SAN_NH_IP6};
	struct plan_service svc = {.id = 0x101, .mode = SAN_MODE_PREFERRED, .alive = &nh};
	struct ncc_iface iface = {.name = "v0", .role = SAN_ROLE_CORE};
	struct ncc_conf conf = {.config = config(), .ifaces = &iface, .n_ifaces = 1};
	struct fixture *f = *state;
	struct both both = {0};
	struct ncc *ncc;

	NEED_ROOT();
	nh.segs[0] = in6("5f00:0:2::1");
	nh.segs[1] = in6("5f00:0:2::100");
	svc.address = in6("2001:db8:5::101");
	svc.n_alive = 1;
	svc.selected = &nh;
	assert_int_equal(ncc_open(&f->loop, dup(f->fd), &conf, on_acked, &both, &ncc), 0);
	assert_int_equal(ncc_service_put(ncc, &svc, NULL), 0);
	ncc_flush(ncc);
	run_acks(f, &both, 2); /* configuration, full plan */
	assert_int_equal(map_service(f, 0x101).mode, SAN_MODE_PREFERRED);
	assert_true(has_route("segs 2 [ 5f00:0:2::1 5f00:0:2::100 ]"));
	assert_int_equal(ncc_stats(ncc, on_stats, &both), 0);
	UNTIL(&f->loop, WAIT_MS, both.stats);
	assert_int_equal(json_array_size(json_object_get(both.stats, "services")), 1);
	assert_int_equal(json_array_size(json_object_get(both.stats, "nexthops")), 1);
	assert_int_equal(json_array_size(json_object_get(both.stats, "reasons")), 2 * SAN_R_MAX);
	json_decref(both.stats);
	svc.selected = NULL;
	assert_int_equal(ncc_service_put(ncc, &svc, NULL), 0);
	ncc_flush(ncc);
	run_acks(f, &both, 3);
	assert_int_equal(map_service(f, 0x101).mode, SAN_MODE_NONE);
	assert_true(gets_route(f, "unreachable 2001:db8:5::101"));
	ncc_service_del(ncc, 0x101, SAN_SCOPE_INGRESS);
	ncc_flush(ncc);
	run_acks(f, &both, 4);
	assert_int_equal(pool_used(&f->apply->indexes), 0);
	assert_int_equal(pool_used(&f->apply->stat_indexes), 0);
	ncc_close(ncc);
	uv_run(&f->loop, UV_RUN_NOWAIT);
}

static void test_unload(void **state)
{
	struct fixture *f = *state;
	struct err err = {0};

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	close_apply(f);
	uv_loop_close(&f->loop);
	assert_int_equal(unload(f, &err), 0);
	assert_string_equal(netns_read("ip -6 route show table all proto 0x5a"), "");
	assert_null(strstr(netns_read("ip -6 rule"), "5300"));
	assert_null(strstr(netns_read("ip link show v0"), "xdp"));
	assert_null(strstr(netns_read("ip sr tunsrc show"), "2001:db8:1::1"));
	assert_int_not_equal(access(f->pin_dir, F_OK), 0);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		L(test_config_changes),
		L(test_audit),
		L(test_lost_route_returns),
		L(test_link_flaps),
		L(test_interface_reappears),
		L(test_egress_without_role),
		L(test_stats),
		L(test_no_ingress),
		L(test_real_child),
		L(test_unload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return live_run(run);
}
