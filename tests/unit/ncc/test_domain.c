/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parent side: SRv6 domain, SIDs in the map, local scope, classifier, traces, events, path MTU. */
#include "unit/ncc/parent.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* --- configuration with prefixes --- */

static int configure_domain(struct fixture *f, uint32_t session, const struct san_msg_config *c,
			    const char *block)
{
	struct san_msg_iface iface = {.name = "v0", .role = SAN_ROLE_CORE};
	struct san_msg_prefix prefix = {.len = 16, .kind = SAN_PREFIX_BLOCK};
	struct san_msg_empty end = {0};

	hello(f, session);
	send_msg(f, SAN_MSG_CONFIG, 0, c);
	send_msg(f, SAN_MSG_IFACE, 0, &iface);
	prefix.addr = in6(block);
	send_msg(f, SAN_MSG_PREFIX, 0, &prefix);
	prefix.kind = SAN_PREFIX_INSIDE;
	prefix.len = 32;
	prefix.addr = in6("2001:db8::");
	send_msg(f, SAN_MSG_PREFIX, 0, &prefix);
	send_msg(f, SAN_MSG_CONFIG_END, 0, &end);
	return answer(f);
}

static struct san_domain domain(struct fixture *f)
{
	struct san_domain d;

	assert_int_equal(dp_domain_get(f->apply->dp, &d), 0);
	return d;
}

static void test_domain(void **state)
{
	static const unsigned char addr[16] = {0x5f}, mask[16] = {0xff, 0xff};
	struct fixture *f = *state;
	struct san_msg_config c = config();
	struct san_domain d;

	NEED_ROOT();
	c.sample = 100;
	c.icmp_source = in6("2001:db8::99");
	c.icmp_source4 = inet_addr("192.0.2.1");
	assert_int_equal(configure_domain(f, SESSION + 1, &c, "5f00::"), 0);
	d = domain(f);
	assert_int_equal(d.n_blocks, 1);
	assert_memory_equal(d.blocks[0].addr, addr, 16);
	assert_memory_equal(d.blocks[0].mask, mask, 16);
	assert_int_equal(d.n_inside, 1);
	assert_memory_equal(d.source, &c.source, 16);
	assert_memory_equal(d.icmp_source, &c.icmp_source, 16);
	assert_int_equal(d.icmp_source4, c.icmp_source4);
	assert_int_equal(d.sample, 100);
	assert_int_equal(d.flags, 0);
	d.n_blocks = 0;
	dp_domain_set(f->apply->dp, &d);
	assert_int_equal(first_plan(f), 0);
	audit_run(f->apply);
	assert_int_equal(domain(f).n_blocks, 1);
	assert_int_equal(f->apply->repaired, 1);
	/* The SID of the plan is in no block of another configuration. */
	assert_int_equal(configure_domain(f, SESSION + 2, &c, "fc00::"), 0);
	assert_int_equal(first_plan(f), 0);
	assert_int_equal(domain(f).flags, SAN_DOMAIN_STRAY_SIDS);
	begin(f, SAN_PLAN_FULL);
	assert_int_equal(commit(f), 0);
	assert_int_equal(domain(f).flags, 0);
	c.sample = 0;
	assert_int_equal(configure(f, SESSION + 3, &c, "v0"), 0);
	assert_int_equal(domain(f).n_blocks, 0);
	assert_int_equal(domain(f).n_inside, 0);
	assert_int_equal(domain(f).sample, 0);
}

static void test_too_many_prefixes(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();
	struct san_msg_prefix prefix = {.addr = in6("5f00::"), .len = 16};

	for (uint8_t kind = SAN_PREFIX_BLOCK; kind <= SAN_PREFIX_INSIDE; kind++) {
		hello(f, SESSION + kind);
		send_msg(f, SAN_MSG_CONFIG, 0, &c);
		prefix.kind = kind;
		for (int i = 0; i <= (kind == SAN_PREFIX_BLOCK ? 8 : 16); i++)
			send_msg(f, SAN_MSG_PREFIX, 0, &prefix);
		send_msg(f, SAN_MSG_CONFIG_END, 0, &(struct san_msg_empty){0});
		assert_int_equal(answer(f), -ENOSPC);
		assert_non_null(strstr(f->ack.text, kind == SAN_PREFIX_BLOCK ? "8" : "16"));
	}
}

/* --- SIDs --- */

static struct san_sid map_sid(struct fixture *f, const char *addr)
{
	struct in6_addr key = in6(addr);
	struct san_sid val = {0};

	assert_int_equal(dp_sid_get(f->apply->dp, &key, &val), 0);
	return val;
}

static void sid_of(struct fixture *f, const char *addr, uint8_t behaviour, const char *nh,
		   uint64_t service_id)
{
	struct san_msg_sid msg = {.behaviour = behaviour, .service_id = service_id};

	msg.addr = in6(addr);
	if (nh)
		msg.nexthop = in6(nh);
	if (behaviour == SAN_BEHAVIOUR_END_DT6)
		msg.table = 254;
	object(f, SAN_MSG_SID, &msg);
}

static void put_sids(struct fixture *f)
{
	sid_of(f, "5f00:0:1::1", SAN_BEHAVIOUR_END, NULL, 0);
	sid_of(f, "5f00:0:1::100", SAN_BEHAVIOUR_END_DX6, "2001:db8:1::2", 0x101);
	sid_of(f, "5f00:0:1::101", SAN_BEHAVIOUR_END_DX6, "2001:db8:1::3", 0x101);
	sid_of(f, "5f00:0:1::102", SAN_BEHAVIOUR_END_DT6, NULL, 0);
	sid_of(f, "5f00:0:1::103", SAN_BEHAVIOUR_END_SAN, NULL, 0);
}

static bool is_direct(struct fixture *f, uint64_t index)
{
	struct san_nexthop nh = {0};

	dp_nexthop_get(f->apply->dp, (uint32_t)index, &nh);
	return nh.kind == SAN_NH_DIRECT;
}

static void test_sids_in_the_map(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();
	struct san_sid dx, other;
	struct san_nexthop nh;

	NEED_ROOT();
	begin(f, SAN_PLAN_FULL);
	put_sids(f);
	assert_int_equal(commit(f), 0);
	dx = map_sid(f, "5f00:0:1::100");
	other = map_sid(f, "5f00:0:1::101");
	assert_int_equal(dx.behaviour, SAN_BEHAVIOUR_END_DX6);
	assert_int_equal(dx.flags, 0);
	assert_int_equal(dx.service_id, 0x101);
	assert_int_not_equal(dx.stats, SAN_STATS_NONE);
	assert_int_equal(dx.stats, other.stats); /* one counter for the service */
	assert_int_not_equal(dx.nexthop, other.nexthop);
	assert_true(run_until(f, is_direct, dx.nexthop));
	assert_int_equal(dp_nexthop_get(f->apply->dp, dx.nexthop, &nh), 0);
	assert_int_equal(nh.families, SAN_NH_IP6);
	assert_int_equal(nh.outer_len, 0);
	assert_memory_equal(nh.dst_mac, "\x02\0\0\0\0\x02", 6);
	assert_int_equal(map_sid(f, "5f00:0:1::1").flags, 0);
	assert_non_null(strstr(netns_read("ip -6 route"), "End.DX6 nh6 2001:db8:1::2"));
	assert_non_null(strstr(netns_read("ip -6 -N route"), "End.DT6 table 0 "));
	/* A new parent finds all of it. */
	close_apply(f);
	open_apply(f);
	assert_int_equal(configure(f, SESSION + 1, &c, "v0"), 0);
	begin(f, SAN_PLAN_FULL);
	put_sids(f);
	assert_int_equal(commit(f), 0);
	assert_int_equal(f->ack.applied, 0);
	assert_int_equal(map_sid(f, "5f00:0:1::100").nexthop, dx.nexthop);
	assert_int_equal(map_sid(f, "5f00:0:1::100").stats, dx.stats);
	/* Left to the kernel, by kind. */
	c.kernel_relay = c.kernel_egress = 1;
	assert_int_equal(configure(f, SESSION + 2, &c, "v0"), 0);
	begin(f, SAN_PLAN_FULL);
	put_sids(f);
	assert_int_equal(commit(f), 0);
	assert_int_equal(map_sid(f, "5f00:0:1::1").flags, SAN_SID_KERNEL);
	assert_int_equal(map_sid(f, "5f00:0:1::100").flags, SAN_SID_KERNEL);
	/* The last SID takes its next hop with it. */
	begin(f, 0);
	object(f, SAN_MSG_SID_DEL, &(struct san_msg_key){.addr = in6("5f00:0:1::100")});
	object(f, SAN_MSG_SID_DEL, &(struct san_msg_key){.addr = in6("5f00:0:1::101")});
	assert_int_equal(commit(f), 0);
	assert_int_equal(pool_used(&f->apply->indexes), 0);
	assert_null(f->apply->egress);
	assert_int_equal(pool_used(&f->apply->stat_indexes), 0);
}

/* The kernel's route is written, then there is no index left for the SID's next hop. */
static void test_sid_undone(void **state)
{
	struct fixture *f = *state;
	char seg[64];

	NEED_ROOT();
	begin(f, SAN_PLAN_FULL);
	for (unsigned int i = 1; i <= 15; i++) {
		snprintf(seg, sizeof(seg), "5f00:0:2::%x", i);
		nexthop(f, i, seg, NULL);
	}
	sid_of(f, "5f00:0:1::100", SAN_BEHAVIOUR_END, NULL, 0);
	assert_int_equal(commit(f), 0);
	begin(f, 0);
	sid_of(f, "5f00:0:1::100", SAN_BEHAVIOUR_END_DX6, "2001:db8:1::2", 0x101);
	sid_of(f, "5f00:0:1::101", SAN_BEHAVIOUR_END, NULL, 0);
	refused(f, -ENOSPC, "map san_nexthops is full, it holds 15; raise maps.nexthops");
	assert_int_equal(map_sid(f, "5f00:0:1::100").behaviour, SAN_BEHAVIOUR_END);
	assert_null(strstr(netns_read("ip -6 route"), "End.DX6"));
	assert_null(strstr(netns_read("ip -6 route"), "5f00:0:1::101"));
	assert_null(f->apply->egress);
	audit_run(f->apply);
	assert_int_equal(f->apply->repaired, 0);
}

/* The child's next hop and a SID's are the same: it stays until both have given it up. */
static void test_shared_next_hop(void **state)
{
	struct fixture *f = *state;
	uint32_t index;

	NEED_ROOT();
	begin(f, SAN_PLAN_FULL);
	direct(f, 1, "2001:db8:1::2");
	sid_of(f, "5f00:0:1::100", SAN_BEHAVIOUR_END_DX6, "2001:db8:1::2", 0);
	assert_int_equal(commit(f), 0);
	index = map_sid(f, "5f00:0:1::100").nexthop;
	assert_int_equal(pool_used(&f->apply->indexes), 1);
	assert_ptr_equal(hop_by_id(f->apply, 1), hop_by_index(f->apply, index));
	begin(f, 0);
	removal(f, SAN_MSG_NEXTHOP_DEL, 1);
	assert_int_equal(commit(f), 0);
	assert_int_equal(pool_used(&f->apply->indexes), 1);
	begin(f, 0);
	direct(f, 2, "2001:db8:1::2");
	object(f, SAN_MSG_SID_DEL, &(struct san_msg_key){.addr = in6("5f00:0:1::100")});
	assert_int_equal(commit(f), 0);
	assert_int_equal(hop_by_id(f->apply, 2)->index, index);
	begin(f, 0);
	removal(f, SAN_MSG_NEXTHOP_DEL, 2);
	assert_int_equal(commit(f), 0);
	assert_int_equal(pool_used(&f->apply->indexes), 0);
}

static void test_audit_of_sids(void **state)
{
	struct in6_addr mine = in6("5f00:0:1::100"), stray = in6("5f00::66");
	struct san_sid val = {.behaviour = SAN_BEHAVIOUR_END};
	struct fixture *f = *state;

	NEED_ROOT();
	begin(f, SAN_PLAN_FULL);
	put_sids(f);
	assert_int_equal(commit(f), 0);
	dp_sid_del(f->apply->dp, &mine);
	dp_sid_put(f->apply->dp, &stray, &val);
	audit_run(f->apply);
	assert_int_equal(f->apply->repaired, 2);
	assert_int_equal(map_sid(f, "5f00:0:1::100").behaviour, SAN_BEHAVIOUR_END_DX6);
	assert_int_equal(dp_sid_get(f->apply->dp, &stray, &val), -ENOENT);
}

/* --- local scope --- */

static void local(struct fixture *f, uint64_t id, const char *address, uint32_t nh)
{
	struct san_msg_service msg = {
		.service_id = id,
		.address = in6(address),
		.nexthop = nh,
		.mode = SAN_MODE_PREFERRED,
		.scope = SAN_SCOPE_LOCAL,
		.groups = 6,
		.idle_s = 30,
		.flags = SAN_SVC_KEY_SOURCE,
	};

	object(f, SAN_MSG_SERVICE, &msg);
}

/* At once, or when the neighbour is known. */
static bool direct_route(struct fixture *f, uint64_t arg)
{
	return has_route("2001:db8:5::101 via 2001:db8:1::2");
}

static void plan_local(struct fixture *f)
{
	begin(f, SAN_PLAN_FULL);
	direct(f, 1, "2001:db8:1::2");
	nexthop(f, 2, "5f00:0:2::1", NULL);
	local(f, 0x101, "2001:db8:5::101", 1);
	service(f, 0x101, NULL, 2);
	sid_of(f, "5f00:0:1::100", SAN_BEHAVIOUR_END_DX6, "2001:db8:1::2", 0x101);
}

static void test_local_scope(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();
	struct san_service val;

	NEED_ROOT();
	plan_local(f);
	assert_int_equal(commit(f), 0);
	assert_int_equal(dp_service_get(f->apply->dp, true, 0x101, &val), 0);
	assert_int_equal(val.nexthop, hop_by_id(f->apply, 1)->index);
	assert_int_equal(val.groups, 6);
	assert_int_equal(val.idle_s, 30);
	assert_int_equal(val.flags, SAN_SVC_KEY_SOURCE);
	assert_int_equal(val.stats, map_sid(f, "5f00:0:1::100").stats);
	assert_int_not_equal(val.stats, map_service(f, 0x101).stats);
	assert_true(run_until(f, direct_route, 0));
	/* A new parent asks for the neighbour before it looks at the route. */
	close_apply(f);
	open_apply(f);
	assert_int_equal(configure(f, SESSION + 1, &c, "v0"), 0);
	plan_local(f);
	assert_int_equal(commit(f), 0);
	assert_int_equal(f->ack.applied, 0);
	/* A next hop over SRv6 is not for local entries. */
	begin(f, 0);
	local(f, 0x102, "2001:db8:5::102", 2);
	refused(f, -EINVAL, "local service 0x102: nexthop: must be a direct next hop");
	begin(f, 0);
	object(f, SAN_MSG_SERVICE_DEL,
	       &(struct san_msg_key){.service_id = 0x101, .scope = SAN_SCOPE_LOCAL});
	assert_int_equal(commit(f), 0);
	assert_int_equal(dp_service_get(f->apply->dp, true, 0x101, &val), -ENOENT);
	assert_int_equal(map_service(f, 0x101).mode, SAN_MODE_PREFERRED);
	assert_false(has_route("2001:db8:5::101"));
}

/* A gateway that is no ingress: the rule comes with the first local service. */
static void test_gateway_rule(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();

	NEED_ROOT();
	memset(&c.source, 0, sizeof(c.source));
	assert_int_equal(configure(f, SESSION + 1, &c, "v0"), 0);
	assert_null(strstr(netns_read("ip -6 rule"), "5300"));
	begin(f, SAN_PLAN_FULL);
	direct(f, 1, "2001:db8:1::2");
	local(f, 0x101, "2001:db8:5::101", 1);
	assert_int_equal(commit(f), 0);
	assert_non_null(strstr(netns_read("ip -6 rule"), "lookup 5300"));
	netns_ip("rule del lookup 5300");
	audit_run(f->apply);
	assert_non_null(strstr(netns_read("ip -6 rule"), "lookup 5300"));
}

static void with_address4(struct fixture *f, uint64_t id, const char *address4, uint32_t nh,
			  uint8_t scope)
{
	struct san_msg_service msg = {
		.service_id = id,
		.address4 = inet_addr(address4),
		.nexthop = nh,
		.mode = SAN_MODE_PREFERRED,
		.scope = scope,
	};

	object(f, SAN_MSG_SERVICE, &msg);
}

static bool has_route4(const char *text)
{
	return strstr(netns_read("ip -4 route show table 5300"), text) != NULL;
}

static bool direct_route4(struct fixture *f, uint64_t arg)
{
	return has_route4("10.9.0.3 via 10.1.0.2");
}

static void test_ipv4(void **state)
{
	struct san_msg_nexthop both = {.id = 1, .kind = SAN_NH_SRV6, .n_segs = 1, .families = 3};
	struct fixture *f = *state;
	struct san_nexthop nh;

	NEED_ROOT();
	netns_ip("-4 addr replace 10.1.0.1/24 dev v0;"
		 "neigh replace 10.1.0.2 dev v0 lladdr 02:00:00:00:00:02");
	begin(f, SAN_PLAN_FULL);
	both.segs[0] = in6("5f00:0:2::1");
	object(f, SAN_MSG_NEXTHOP, &both);
	nexthop(f, 2, "5f00:0:2::2", NULL); /* IPv6 only */
	direct(f, 3, "::ffff:10.1.0.2");
	with_address4(f, 0x101, "10.9.0.1", 1, SAN_SCOPE_INGRESS);
	with_address4(f, 0x102, "10.9.0.2", 2, SAN_SCOPE_INGRESS);
	with_address4(f, 0x103, "10.9.0.3", 3, SAN_SCOPE_LOCAL);
	sid_of(f, "5f00:0:1::104", SAN_BEHAVIOUR_END_DX4, "::ffff:10.1.0.2", 0x103);
	assert_int_equal(commit(f), 0);
	assert_true(has_route4("10.9.0.1  encap seg6"));
	assert_true(has_route4("unreachable 10.9.0.2"));
	assert_true(run_until(f, direct_route4, 0));
	assert_non_null(strstr(netns_read("ip -6 route"), "End.DX4 nh4 10.1.0.2"));
	assert_int_equal(map_sid(f, "5f00:0:1::104").nexthop, hop_by_id(f->apply, 3)->index);
	assert_true(run_until(f, is_direct, hop_by_id(f->apply, 3)->index));
	dp_nexthop_get(f->apply->dp, hop_by_id(f->apply, 3)->index, &nh);
	assert_int_equal(nh.families, SAN_NH_IP4);
	assert_memory_equal(nh.dst_mac, "\x02\0\0\0\0\x02", 6);
	audit_run(f->apply);
	assert_int_equal(f->apply->repaired, 0);
	begin(f, SAN_PLAN_FULL);
	assert_int_equal(commit(f), 0);
	assert_string_equal(netns_read("ip -4 route show table 5300"), "");
	netns_ip("-4 addr del 10.1.0.1/24 dev v0");
}

/* --- classifier --- */

static void class_rule(struct fixture *f, uint64_t id, const char *dst)
{
	struct san_msg_class msg = {.service_id = id, .dst_len = 128};

	msg.dst = in6(dst);
	object(f, SAN_MSG_CLASS, &msg);
}

static unsigned int rules(struct fixture *f)
{
	return dp_classes_count(f->apply->dp);
}

static void test_classes(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();

	NEED_ROOT();
	begin(f, SAN_PLAN_FULL);
	class_rule(f, 0x101, "2001:db8::1");
	class_rule(f, 0x102, "2001:db8::2");
	assert_int_equal(commit(f), 0);
	assert_int_equal(rules(f), 2);
	begin(f, 0);
	class_rule(f, 0x101, "2001:db8::1");
	refused(f, -EPROTO, "message CLASS: must stand in a plan that replaces the classifier");
	begin(f, 0);
	assert_int_equal(commit(f), 0);
	assert_int_equal(rules(f), 2);
	/* Somebody else's hand. */
	assert_int_equal(dp_classes_set(f->apply->dp, NULL, 0, NULL), 0);
	audit_run(f->apply);
	assert_int_equal(f->apply->repaired, 1);
	assert_true(dp_classes_same(f->apply->dp, f->apply->rules.v, 2));
	/* A new parent compares with the maps. */
	close_apply(f);
	open_apply(f);
	assert_int_equal(configure(f, SESSION + 1, &c, "v0"), 0);
	begin(f, SAN_PLAN_FULL);
	class_rule(f, 0x101, "2001:db8::1");
	class_rule(f, 0x102, "2001:db8::2");
	assert_int_equal(commit(f), 0);
	assert_int_equal(f->ack.applied, 0);
	begin(f, SAN_PLAN_CLASSES);
	assert_int_equal(commit(f), 0);
	assert_true(dp_classes_same(f->apply->dp, NULL, 0));
}

static void test_too_many_classes(void **state)
{
	struct fixture *f = *state;
	char dst[64];

	NEED_ROOT();
	begin(f, SAN_PLAN_FULL);
	for (unsigned int i = 0; i <= SAN_MAX_CLASSES; i++) {
		snprintf(dst, sizeof(dst), "2001:db8::%x", i);
		class_rule(f, 1, dst);
		if (i % 64 == 0)
			uv_run(&f->loop, UV_RUN_NOWAIT);
	}
	refused(f, -ENOSPC, "classifier rules: must be at most 4096");
}

/* 130 sources times 130 destinations are more pairs than the maps hold: the rest of the plan goes
 * in, the rules in force stay. */
static void test_classes_left_out(void **state)
{
	struct san_msg_class src = {.service_id = 1, .src_len = 128};
	struct fixture *f = *state;
	char text[64];

	NEED_ROOT();
	begin(f, SAN_PLAN_FULL);
	class_rule(f, 0x101, "2001:db8::1");
	assert_int_equal(commit(f), 0);
	assert_string_equal(f->ack.text, "");
	begin(f, SAN_PLAN_CLASSES);
	service(f, 0x101, NULL, 0);
	for (unsigned int i = 0; i < 130; i++) {
		snprintf(text, sizeof(text), "2001:db8::%x", i);
		class_rule(f, 1, text);
		snprintf(text, sizeof(text), "2001:db9::%x", i);
		src.src = in6(text);
		object(f, SAN_MSG_CLASS, &src);
		uv_run(&f->loop, UV_RUN_NOWAIT);
	}
	assert_int_equal(commit(f), 0);
	assert_non_null(strstr(f->ack.text, "classifier not changed: "));
	assert_int_equal(map_service(f, 0x101).mode, SAN_MODE_NONE);
	assert_int_equal(rules(f), 1);
	begin(f, 0);
	assert_int_equal(commit(f), 0);
	assert_string_not_equal(f->ack.text, "");
	begin(f, SAN_PLAN_CLASSES);
	assert_int_equal(commit(f), 0);
	assert_string_equal(f->ack.text, "");
	assert_int_equal(rules(f), 0);
}

/* --- trace --- */

static void trace(struct fixture *f, uint32_t fields, uint32_t seconds)
{
	struct san_msg_trace msg = {.trace.fields = fields, .seconds = seconds};

	msg.trace.service_id = 0x101;
	send_msg(f, SAN_MSG_TRACE, 0, &msg);
	uv_run(&f->loop, UV_RUN_NOWAIT);
}

static void test_trace(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();

	NEED_ROOT();
	trace(f, SAN_TRACE_ON | SAN_TRACE_SERVICE, 3600);
	assert_int_equal(domain(f).trace.fields, SAN_TRACE_ON | SAN_TRACE_SERVICE);
	assert_int_equal(domain(f).trace.service_id, 0x101);
	/* The time is over. */
	uv_timer_start(&f->apply->trace_timer, f->apply->trace_timer.timer_cb, 0, 0);
	uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_int_equal(domain(f).trace.fields, 0);
	trace(f, SAN_TRACE_ON, 60);
	trace(f, 0, 0);
	assert_int_equal(domain(f).trace.fields, 0);
	assert_false(uv_is_active((uv_handle_t *)&f->apply->trace_timer));
	/* Another child did not ask for it; nor did one of another parent. */
	trace(f, SAN_TRACE_ON, 60);
	assert_int_equal(configure(f, SESSION + 1, &c, "v0"), 0);
	assert_int_equal(domain(f).trace.fields, 0);
	trace(f, SAN_TRACE_ON, 60);
	close_apply(f);
	open_apply(f);
	assert_int_equal(configure(f, SESSION + 2, &c, "v0"), 0);
	assert_int_equal(domain(f).trace.fields, 0);
}

/* --- events --- */

/* Packets at an interface without a role: each one is passed to the kernel. */
static void run_packets(struct fixture *f, unsigned int n)
{
	unsigned char packet[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = (int)n);

	assert_int_equal(bpf_prog_test_run_opts(dp_prog_fd(f->apply->dp, SAN_ROLE_INGRESS), &opts),
			 0);
}

static bool events_are(struct fixture *f, uint64_t n)
{
	return f->events >= n;
}

static bool all_told(struct fixture *f, uint64_t n)
{
	return f->apply->passed + f->apply->lost >= n;
}

static void test_events(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();

	NEED_ROOT();
	run_packets(f, 5); /* nothing is sampled */
	c.sample = 1;
	assert_int_equal(configure(f, SESSION + 1, &c, "v0"), 0);
	run_packets(f, 1);
	assert_true(run_until(f, events_are, 1));
	assert_int_equal(f->event.event.kind, SAN_EVENT_SAMPLE);
	assert_int_equal(f->event.event.reason, SAN_R_NO_ROLE);
	assert_int_equal(f->event.id, 0);
	assert_int_equal(f->events, 1);
	/* More than may pass in a second: counted. */
	run_packets(f, 3 * SAN_EVENTS_PER_S);
	assert_true(run_until(f, all_told, 1 + 3 * SAN_EVENTS_PER_S));
	assert_int_equal(f->apply->passed + f->apply->lost, 1 + 3 * SAN_EVENTS_PER_S);
	assert_true(f->apply->lost > 0);
}

/* --- path MTU --- */

static uint32_t mtu_of(struct fixture *f, uint32_t id)
{
	struct san_nexthop nh = {0};

	dp_nexthop_get(f->apply->dp, f->nh[id].index, &nh);
	return nh.mtu;
}

static bool learned(struct fixture *f, uint64_t mtu)
{
	return f->nh[1].learned_mtu == mtu;
}

static void test_path_mtu(void **state)
{
	struct in6_addr first = in6("5f00:0:2::1"), other = in6("5f00:0:9::1");
	struct fixture *f = *state;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	assert_true(run_until(f, nh_resolved, 1));
	assert_true(run_until(f, nh_resolved, 2));
	learned_take(f->apply, &other, 1300);
	assert_false(uv_is_active((uv_handle_t *)&f->apply->learned_timer));
	learned_take(f->apply, &first, 1400);
	assert_true(run_until(f, learned, 1400));
	assert_int_equal(mtu_of(f, 1), 1400);
	assert_int_equal(mtu_of(f, 2), 1500);
	learned_take(f->apply, &first, 1450); /* more than is known */
	assert_int_equal(mtu_of(f, 1), 1400);
	learned_take(f->apply, &first, 600);
	assert_int_equal(mtu_of(f, 1), 1280);
	hops_resolve(f->apply);
	assert_int_equal(mtu_of(f, 1), 1280);
	/* Ten minutes later. */
	hop_by_id(f->apply, 1)->learned_until_us = clock_us();
	uv_timer_start(&f->apply->learned_timer, f->apply->learned_timer.timer_cb, 0, 0);
	assert_true(run_until(f, learned, 0));
	assert_int_equal(mtu_of(f, 1), 1500);
	assert_false(uv_is_active((uv_handle_t *)&f->apply->learned_timer));
}

/* --- a full map --- */

/* Warned at 90 per cent, not again above 80. */
static void test_nearly_full(void **state)
{
	struct fixture *f = *state;

	NEED_ROOT();
	begin(f, SAN_PLAN_FULL);
	for (uint64_t i = 1; i <= 57; i++)
		service(f, i, NULL, 0);
	assert_int_equal(commit(f), 0);
	assert_false(f->apply->crowded[SAN_MAP_SERVICES]);
	begin(f, 0);
	service(f, 58, NULL, 0);
	assert_int_equal(commit(f), 0);
	assert_true(f->apply->crowded[SAN_MAP_SERVICES]);
	begin(f, 0);
	for (uint64_t i = 1; i <= 6; i++)
		removal(f, SAN_MSG_SERVICE_DEL, i);
	assert_int_equal(commit(f), 0);
	assert_true(f->apply->crowded[SAN_MAP_SERVICES]); /* 52 of 64 */
	begin(f, 0);
	removal(f, SAN_MSG_SERVICE_DEL, 7);
	assert_int_equal(commit(f), 0);
	assert_false(f->apply->crowded[SAN_MAP_SERVICES]);
}

/* A configuration that fails after the maps were converted. */
static void test_converted_and_refused(void **state)
{
	struct bpf_insn pass[] = {{.code = 0xb7, .imm = 2}, {.code = 0x95}};
	struct san_msg_iface iface = {.name = "v0", .role = SAN_ROLE_CORE};
	struct fixture *f = *state;
	struct san_msg_config c = config();
	struct san_service before, after;
	int fd;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	before = map_service(f, 0x101);
	netns_ip("link add w0 type veth peer name w1");
	fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "other", "GPL", pass, 2, NULL);
	assert_int_equal(bpf_xdp_attach((int)if_nametoindex("w0"), fd, 0, NULL), 0);
	c.max_services = 100;
	c.max_nexthops = 20;
	hello(f, SESSION + 1);
	send_msg(f, SAN_MSG_CONFIG, 0, &c);
	send_msg(f, SAN_MSG_IFACE, 0, &iface);
	strcpy(iface.name, "w0");
	send_msg(f, SAN_MSG_IFACE, 0, &iface);
	send_msg(f, SAN_MSG_CONFIG_END, 0, &(struct san_msg_empty){0});
	assert_int_equal(answer(f), -EBUSY);
	after = map_service(f, 0x101);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_non_null(strstr(netns_read("ip link show v0"), "xdp"));
	close(fd);
	netns_ip("link del w0");
	c = config();
	assert_int_equal(configure(f, SESSION + 2, &c, "v0"), 0);
	assert_int_equal(first_plan(f), 0);
	after = map_service(f, 0x101);
	assert_memory_equal(&before, &after, sizeof(before));
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		P(test_too_many_prefixes),
		L(test_domain),
		L(test_sids_in_the_map),
		L(test_sid_undone),
		L(test_shared_next_hop),
		L(test_audit_of_sids),
		L(test_local_scope),
		L(test_gateway_rule),
		L(test_ipv4),
		L(test_classes),
		L(test_too_many_classes),
		L(test_classes_left_out),
		L(test_trace),
		L(test_events),
		L(test_path_mtu),
		L(test_nearly_full),
		L(test_converted_and_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return live_run(run);
}
