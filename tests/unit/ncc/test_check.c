/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every field of every message: a good one, and each way to be bad. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "ncc/check.h"

#include <cmocka.h>

static struct in6_addr in6(const char *text)
{
	struct in6_addr addr;

	assert_int_equal(inet_pton(AF_INET6, text, &addr), 1);
	return addr;
}

static void good(unsigned int type, const void *payload)
{
	struct err err = {0};
	char text[512];

	if (check_message(type, payload, &err))
		fail_msg("%s", err_text(&err, text, sizeof(text)));
}

static void bad(unsigned int type, const void *payload, const char *field)
{
	char object[64];
	struct err err = {0};

	assert_int_equal(check_message(type, payload, &err), -EINVAL);
	assert_string_equal(err.field, field);
	snprintf(object, sizeof(object), "message %s", wire_name(type));
	assert_string_equal(err.object, object);
	assert_string_not_equal(err.want, "");
}

/* The message with one member set to a value, which must be refused by that member's name. */
#define BAD(type, msg, member, val, field)                                                         \
	do {                                                                                       \
		__typeof__(msg) bad_ = (msg);                                                      \
		bad_.member = (val);                                                               \
		bad(SAN_MSG_##type, &bad_, field);                                                 \
	} while (0)

#define GOOD(type, msg, member, val)                                                               \
	do {                                                                                       \
		__typeof__(msg) good_ = (msg);                                                     \
		good_.member = (val);                                                              \
		good(SAN_MSG_##type, &good_);                                                      \
	} while (0)

static const char *const no_unicast[] = {"ff02::1", "fe80::1", "::1", "::ffff:1.2.3.4"};

static const char *const no_unicast4[] = {"0.0.0.1", "127.0.0.1", "169.254.1.1", "224.0.0.1",
					  "255.255.255.255"};

static void test_direction(void **state)
{
	struct wire_buf buf = {0};
	unsigned int types[] = {0,
				SAN_MSG_ACK,
				SAN_MSG_NH_STATE,
				SAN_MSG_IFACE_STATE,
				SAN_MSG_STAT,
				SAN_MSG_STATS_END,
				SAN_MSG_EVENT,
				SAN_MSG_REPAIRED,
				SAN_MSG_TYPE_MAX,
				UINT32_MAX};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct err err = {0};

		assert_int_equal(check_message(types[i], buf.payload, &err), -EPROTO);
		assert_string_equal(err.field, "type");
	}
}

static void test_hello(void **state)
{
	struct san_msg_hello m = {.abi_version = SAN_ABI_VERSION};

	good(SAN_MSG_HELLO, &m);
	BAD(HELLO, m, abi_version, SAN_ABI_VERSION + 1, "abi_version");
	BAD(HELLO, m, abi_version, 0, "abi_version");
}

static void test_config(void **state)
{
	struct san_msg_config m = {
		.source = in6("2001:db8::1"),
		.profile = SAN_PROFILE_EXP1,
		.route_table = 5300,
		.rule_priority = 50,
		.max_services = 100,
		.max_nexthops = 100,
		.max_flows = 100,
		.max_slots = 256,
		.max_frags = 100,
	};

	good(SAN_MSG_CONFIG, &m);
	GOOD(CONFIG, m, source, in6("::")); /* no ingress */
	for (int i = 0; i < 4; i++)
		BAD(CONFIG, m, source, in6(no_unicast[i]), "source");
	BAD(CONFIG, m, profile.carriers, 0, "profile.carriers");
	BAD(CONFIG, m, profile.carriers, 8, "profile.carriers");
	BAD(CONFIG, m, profile.version, 16, "profile.version");
	GOOD(CONFIG, m, profile.version, 0);
	GOOD(CONFIG, m, profile.id_offset, 32);
	BAD(CONFIG, m, profile.id_offset, 33, "profile.id_offset");
	GOOD(CONFIG, m, profile.id_len, 4);
	BAD(CONFIG, m, profile.id_len, 5, "profile.id_len");
	BAD(CONFIG, m, route_table, 0, "route_table");
	BAD(CONFIG, m, route_table, 253, "route_table");
	BAD(CONFIG, m, route_table, 254, "route_table");
	BAD(CONFIG, m, route_table, 255, "route_table");
	GOOD(CONFIG, m, route_table, 252);
	GOOD(CONFIG, m, route_table, 256);
	BAD(CONFIG, m, rule_priority, 0, "rule_priority");
	GOOD(CONFIG, m, rule_priority, 32765);
	BAD(CONFIG, m, rule_priority, 32766, "rule_priority");
	BAD(CONFIG, m, max_services, 0, "max_services");
	GOOD(CONFIG, m, max_services, CHECK_MAX_SERVICES);
	BAD(CONFIG, m, max_services, CHECK_MAX_SERVICES + 1, "max_services");
	BAD(CONFIG, m, max_nexthops, 1, "max_nexthops");
	GOOD(CONFIG, m, max_nexthops, CHECK_MAX_NEXTHOPS);
	BAD(CONFIG, m, max_nexthops, CHECK_MAX_NEXTHOPS + 1, "max_nexthops");
	BAD(CONFIG, m, max_flows, 0, "max_flows");
	BAD(CONFIG, m, max_flows, CHECK_MAX_FLOWS + 1, "max_flows");
	BAD(CONFIG, m, max_slots, CHECK_MIN_SLOTS - 1, "max_slots");
	GOOD(CONFIG, m, max_slots, CHECK_MAX_SLOTS);
	BAD(CONFIG, m, max_slots, CHECK_MAX_SLOTS + 1, "max_slots");
	BAD(CONFIG, m, max_frags, 0, "max_frags");
	GOOD(CONFIG, m, max_frags, CHECK_MAX_FRAGS);
	BAD(CONFIG, m, max_frags, CHECK_MAX_FRAGS + 1, "max_frags");
	GOOD(CONFIG, m, sample, CHECK_MAX_SAMPLE);
	BAD(CONFIG, m, sample, CHECK_MAX_SAMPLE + 1, "sample");
	GOOD(CONFIG, m, icmp_source, in6("2001:db8::1"));
	for (int i = 0; i < 4; i++)
		BAD(CONFIG, m, icmp_source, in6(no_unicast[i]), "icmp_source");
	GOOD(CONFIG, m, icmp_source4, inet_addr("192.0.2.1"));
	for (int i = 0; i < 5; i++)
		BAD(CONFIG, m, icmp_source4, inet_addr(no_unicast4[i]), "icmp_source4");
	BAD(CONFIG, m, dispatcher, 2, "dispatcher");
	BAD(CONFIG, m, kernel_relay, 2, "kernel_relay");
	BAD(CONFIG, m, kernel_egress, 2, "kernel_egress");
}

static void iface_name(const char *name, bool ok)
{
	struct san_msg_iface m = {.role = SAN_ROLE_CORE};

	memset(m.name, 'x', sizeof(m.name));
	memcpy(m.name, name, strnlen(name, sizeof(m.name) - 1) + 1);
	if (ok)
		good(SAN_MSG_IFACE, &m);
	else
		bad(SAN_MSG_IFACE, &m, "name");
}

static void test_iface(void **state)
{
	struct san_msg_iface m = {.name = "eth0", .role = SAN_ROLE_INGRESS};
	struct san_msg_iface endless = {.role = SAN_ROLE_CORE};

	good(SAN_MSG_IFACE, &m);
	iface_name("eth0.100", true);
	iface_name("fifteen-letters", true);
	iface_name("", false);
	iface_name(".", false);
	iface_name("..", false);
	iface_name("a/b", false);
	iface_name("a:b", false);
	iface_name("a b", false);
	iface_name("a\nb", false);
	memset(endless.name, 'e', sizeof(endless.name));
	bad(SAN_MSG_IFACE, &endless, "name");
	GOOD(IFACE, m, role, SAN_ROLE_NONE);
	BAD(IFACE, m, role, 3, "role");
	GOOD(IFACE, m, policy, 15);
	BAD(IFACE, m, policy, 16, "policy");
	GOOD(IFACE, m, group, 63);
	BAD(IFACE, m, group, 64, "group");
}

static void test_prefix(void **state)
{
	struct san_msg_prefix m = {.addr = in6("5f00:8000::"), .len = 17, .kind = SAN_PREFIX_BLOCK};

	good(SAN_MSG_PREFIX, &m);
	GOOD(PREFIX, m, kind, SAN_PREFIX_INSIDE);
	BAD(PREFIX, m, kind, 0, "kind");
	BAD(PREFIX, m, kind, 3, "kind");
	BAD(PREFIX, m, len, 0, "len");
	GOOD(PREFIX, m, len, 128);
	BAD(PREFIX, m, len, 129, "len");
	BAD(PREFIX, m, len, 16, "addr");
}

static void test_plan(void **state)
{
	struct san_msg_empty empty = {0};
	struct san_msg_plan m = {0};

	good(SAN_MSG_CONFIG_END, &empty);
	BAD(CONFIG_END, empty, zero, 1, "zero");
	good(SAN_MSG_PLAN_BEGIN, &m);
	GOOD(PLAN_BEGIN, m, flags, SAN_PLAN_FULL);
	GOOD(PLAN_BEGIN, m, flags, SAN_PLAN_CLASSES);
	BAD(PLAN_BEGIN, m, flags, 4, "flags");
	BAD(PLAN_COMMIT, m, flags, 4, "flags");
	GOOD(PLAN_COMMIT, m, count, UINT32_MAX);
}

static void test_nexthop(void **state)
{
	struct san_msg_nexthop m = {
		.id = 1,
		.kind = SAN_NH_SRV6,
		.n_segs = 1,
		.encap = SAN_ENCAP_FULL,
		.families = SAN_NH_IP6,
	};

	m.segs[0] = in6("5f00::1");
	good(SAN_MSG_NEXTHOP, &m);
	GOOD(NEXTHOP, m, hop_limit, 255);
	BAD(NEXTHOP, m, id, 0, "id");
	BAD(NEXTHOP, m, encap, SAN_ENCAP_MAX, "encap");
	BAD(NEXTHOP, m, n_segs, 0, "n_segs");
	BAD(NEXTHOP, m, n_segs, 9, "n_segs");
	BAD(NEXTHOP, m, n_segs, 255, "n_segs");
	BAD(NEXTHOP, m, n_segs, 2, "segs[1]"); /* :: */
	for (int i = 0; i < 4; i++)
		BAD(NEXTHOP, m, segs[0], in6(no_unicast[i]), "segs[0]");
	for (int i = 0; i < SAN_MAX_SEGS; i++)
		m.segs[i] = in6("5f00::1");
	GOOD(NEXTHOP, m, n_segs, SAN_MAX_SEGS);
	m.n_segs = SAN_MAX_SEGS;
	BAD(NEXTHOP, m, segs[7], in6("ff02::1"), "segs[7]");
	GOOD(NEXTHOP, m, families, 3);
	BAD(NEXTHOP, m, families, 0, "families");
	BAD(NEXTHOP, m, families, 4, "families");
	BAD(NEXTHOP, m, kind, SAN_NH_UNUSED, "kind");
	BAD(NEXTHOP, m, kind, SAN_NH_DROP, "kind");
}

static void test_direct(void **state)
{
	struct san_msg_nexthop m = {
		.id = 1,
		.kind = SAN_NH_DIRECT,
		.n_segs = 1,
		.families = SAN_NH_IP6,
	};

	m.segs[0] = in6("2001:db8::1");
	good(SAN_MSG_NEXTHOP, &m);
	BAD(NEXTHOP, m, n_segs, 0, "n_segs");
	BAD(NEXTHOP, m, n_segs, 2, "n_segs");
	BAD(NEXTHOP, m, encap, 1, "encap");
	BAD(NEXTHOP, m, hop_limit, 1, "hop_limit");
	BAD(NEXTHOP, m, families, SAN_NH_IP4, "families");
	BAD(NEXTHOP, m, families, 3, "families");
	BAD(NEXTHOP, m, segs[0], in6("fe80::1"), "segs[0]");
	m.segs[0] = in6("::ffff:10.2.0.5");
	GOOD(NEXTHOP, m, families, SAN_NH_IP4);
	bad(SAN_MSG_NEXTHOP, &m, "families");
	m.families = SAN_NH_IP4;
	BAD(NEXTHOP, m, segs[0], in6("::ffff:224.0.0.1"), "segs[0]");
}

static void test_service(void **state)
{
	struct san_msg_service m = {
		.service_id = 0x101,
		.nexthop = 1,
		.mode = SAN_MODE_PREFERRED,
		.affinity = SAN_AFFINITY_FLOW,
	};

	good(SAN_MSG_SERVICE, &m);
	GOOD(SERVICE, m, address, in6("2001:db8::1"));
	BAD(SERVICE, m, service_id, 0, "service_id");
	for (int i = 0; i < 4; i++)
		BAD(SERVICE, m, address, in6(no_unicast[i]), "address");
	BAD(SERVICE, m, nexthop, 0, "nexthop");
	BAD(SERVICE, m, mode, SAN_MODE_BALANCED + 1, "mode");
	BAD(SERVICE, m, mode, SAN_MODE_BALANCED, "n_members");
	BAD(SERVICE, m, n_members, 1, "n_members");
	BAD(SERVICE, m, mode, SAN_MODE_NONE, "nexthop");
	BAD(SERVICE, m, affinity, 3, "affinity");
	GOOD(SERVICE, m, scope, SAN_SCOPE_LOCAL);
	BAD(SERVICE, m, scope, 2, "scope");
	GOOD(SERVICE, m, flags, SAN_SVC_KEY_SOURCE);
	BAD(SERVICE, m, flags, 2, "flags");
	GOOD(SERVICE, m, groups, UINT64_MAX);
	GOOD(SERVICE, m, idle_s, CHECK_MAX_IDLE);
	BAD(SERVICE, m, idle_s, CHECK_MAX_IDLE + 1, "idle_s");
	GOOD(SERVICE, m, address4, inet_addr("10.9.0.1"));
	for (int i = 0; i < 5; i++)
		BAD(SERVICE, m, address4, inet_addr(no_unicast4[i]), "address4");
	m.mode = SAN_MODE_BALANCED;
	GOOD(SERVICE, m, n_members, 1);
	GOOD(SERVICE, m, n_members, SAN_MAX_MEMBERS);
	BAD(SERVICE, m, n_members, SAN_MAX_MEMBERS + 1, "n_members");
	m.nexthop = 0;
	GOOD(SERVICE, m, mode, SAN_MODE_NONE);
}

static void test_member(void **state)
{
	struct san_msg_member m = {.service_id = 1, .nexthop = 1, .weight = 1};

	good(SAN_MSG_MEMBER, &m);
	BAD(MEMBER, m, service_id, 0, "service_id");
	BAD(MEMBER, m, nexthop, 0, "nexthop");
	BAD(MEMBER, m, weight, 0, "weight");
	GOOD(MEMBER, m, weight, CHECK_MAX_WEIGHT);
	BAD(MEMBER, m, weight, CHECK_MAX_WEIGHT + 1, "weight");
}

static void test_sid(void **state)
{
	struct san_msg_sid m = {.addr = in6("5f00::1"), .behaviour = SAN_BEHAVIOUR_END};

	good(SAN_MSG_SID, &m);
	BAD(SID, m, addr, in6("::"), "addr");
	for (int i = 0; i < 4; i++)
		BAD(SID, m, addr, in6(no_unicast[i]), "addr");
	BAD(SID, m, behaviour, 0, "behaviour");
	BAD(SID, m, behaviour, SAN_BEHAVIOUR_MAX, "behaviour");
	BAD(SID, m, behaviour, SAN_BEHAVIOUR_END_DX6, "nexthop");
	BAD(SID, m, behaviour, SAN_BEHAVIOUR_END_DT6, "table");
	memset(m.oif, 'x', sizeof(m.oif));
	bad(SAN_MSG_SID, &m, "oif");
	memset(m.oif, 0, sizeof(m.oif));
	strcpy(m.oif, "../..");
	bad(SAN_MSG_SID, &m, "oif");
	strcpy(m.oif, "eth0");
	m.behaviour = SAN_BEHAVIOUR_END_DX6;
	GOOD(SID, m, nexthop, in6("2001:db8::2"));
	for (int i = 0; i < 4; i++)
		BAD(SID, m, nexthop, in6(no_unicast[i]), "nexthop");
	BAD(SID, m, nexthop, in6("::ffff:10.2.0.5"), "nexthop");
	m.behaviour = SAN_BEHAVIOUR_END_DX4;
	GOOD(SID, m, nexthop, in6("::ffff:10.2.0.5"));
	BAD(SID, m, nexthop, in6("2001:db8::2"), "nexthop");
	BAD(SID, m, nexthop, in6("::ffff:127.0.0.1"), "nexthop");
	m.behaviour = SAN_BEHAVIOUR_END_DT6;
	GOOD(SID, m, table, 254);
	m.behaviour = SAN_BEHAVIOUR_END_SAN;
	good(SAN_MSG_SID, &m);
	BAD(SID, m, flavors, SAN_FLAVOR_PSP, "flavors");
	m.behaviour = SAN_BEHAVIOUR_END;
	GOOD(SID, m, flavors, 7);
	BAD(SID, m, flavors, 8, "flavors");
}

static void test_class(void **state)
{
	struct san_msg_class m = {
		.service_id = 0x101,
		.dst = in6("2001:db8::"),
		.dst_len = 32,
		.fields = SAN_CLASS_PROTO | SAN_CLASS_DPORT,
		.proto = 6,
		.dport = 0x5000,
	};

	good(SAN_MSG_CLASS, &m);
	BAD(CLASS, m, service_id, 0, "service_id");
	BAD(CLASS, m, dst_len, 16, "dst");
	BAD(CLASS, m, dst_len, 129, "dst_len");
	BAD(CLASS, m, src_len, 129, "src_len");
	BAD(CLASS, m, src, in6("2001:db8::"), "src");
	BAD(CLASS, m, fields, 16, "fields");
	BAD(CLASS, m, fields, SAN_CLASS_DPORT, "fields");
	BAD(CLASS, m, fields, SAN_CLASS_PROTO, "dport");
	BAD(CLASS, m, sport, 1, "sport");
	BAD(CLASS, m, dscp, 1, "dscp");
	m.dport = 0;
	BAD(CLASS, m, fields, 0, "proto");
	m.fields = SAN_CLASS_DSCP;
	m.proto = 0;
	GOOD(CLASS, m, dscp, 63);
	BAD(CLASS, m, dscp, 64, "dscp");
}

static void test_class_acts(void **state)
{
	struct san_msg_class m = {.intent = 1, .verdict = SAN_ACT_PASS, .act = 1, .rate_kbps = 1};

	good(SAN_MSG_CLASS, &m);
	BAD(CLASS, m, intent, 2, "intent");
	BAD(CLASS, m, verdict, SAN_ACT_STEER, "service_id");
	BAD(CLASS, m, verdict, SAN_ACT_DROP + 1, "verdict");
	BAD(CLASS, m, mark, 63, "mark");
	GOOD(CLASS, m, mark, 64);
	GOOD(CLASS, m, mark, 127);
	BAD(CLASS, m, mark, 128, "mark");
	GOOD(CLASS, m, act, SAN_MAX_ACTS);
	BAD(CLASS, m, act, SAN_MAX_ACTS + 1, "act");
	BAD(CLASS, m, act, 0, "rate_kbps");
	m.service_id = SAN_SERVICE_OWN_MIN;
	GOOD(CLASS, m, verdict, SAN_ACT_STEER);
	BAD(CLASS, m, intent, 0, "intent");
}

static void test_own_service(void **state)
{
	struct san_msg_service m = {
		.service_id = SAN_SERVICE_OWN_MIN, .nexthop = 1, .mode = SAN_MODE_PREFERRED};

	good(SAN_MSG_SERVICE, &m);
	BAD(SERVICE, m, groups, 1, "groups");
	BAD(SERVICE, m, scope, SAN_SCOPE_LOCAL, "scope");
	BAD(SERVICE, m, address, in6("2001:db8::1"), "address");
	BAD(SERVICE, m, address4, htonl(0x01020304), "address4");
	m.n_members = 1;
	BAD(SERVICE, m, mode, SAN_MODE_BALANCED, "mode");
}

static void test_trace(void **state)
{
	struct san_msg_trace m = {.trace.fields = SAN_TRACE_ON, .seconds = 1};

	good(SAN_MSG_TRACE, &m);
	GOOD(TRACE, m, trace.fields, 0x1ff);
	BAD(TRACE, m, trace.fields, 0x201, "fields");
	BAD(TRACE, m, trace.fields, SAN_TRACE_SERVICE, "fields");
	GOOD(TRACE, m, seconds, 3600);
	BAD(TRACE, m, seconds, 3601, "seconds");
	BAD(TRACE, m, seconds, 0, "seconds");
	m.trace.fields = 0;
	GOOD(TRACE, m, seconds, 0);
}

static void test_removals(void **state)
{
	struct san_msg_key m = {.service_id = 1, .id = 1, .addr = in6("5f00::1")};
	struct san_msg_stats_req req = {.request = 1};

	good(SAN_MSG_SERVICE_DEL, &m);
	good(SAN_MSG_NEXTHOP_DEL, &m);
	good(SAN_MSG_SID_DEL, &m);
	BAD(SERVICE_DEL, m, service_id, 0, "service_id");
	GOOD(SERVICE_DEL, m, scope, SAN_SCOPE_LOCAL);
	BAD(SERVICE_DEL, m, scope, 2, "scope");
	BAD(NEXTHOP_DEL, m, id, 0, "id");
	BAD(SID_DEL, m, addr, in6("::"), "addr");
	good(SAN_MSG_STATS_REQ, &req);
	BAD(STATS_REQ, req, request, 0, "request");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_direction),  cmocka_unit_test(test_hello),
		cmocka_unit_test(test_config),	   cmocka_unit_test(test_iface),
		cmocka_unit_test(test_plan),	   cmocka_unit_test(test_nexthop),
		cmocka_unit_test(test_service),	   cmocka_unit_test(test_sid),
		cmocka_unit_test(test_prefix),	   cmocka_unit_test(test_direct),
		cmocka_unit_test(test_member),	   cmocka_unit_test(test_class),
		cmocka_unit_test(test_trace),	   cmocka_unit_test(test_removals),
		cmocka_unit_test(test_class_acts), cmocka_unit_test(test_own_service),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
