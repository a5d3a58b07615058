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

static void test_direction(void **state)
{
	struct wire_buf buf = {0};
	unsigned int types[] = {0,
				SAN_MSG_ACK,
				SAN_MSG_NH_STATE,
				SAN_MSG_IFACE_STATE,
				SAN_MSG_STAT,
				SAN_MSG_STATS_END,
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
	GOOD(IFACE, m, policy, 3);
	BAD(IFACE, m, policy, 4, "policy");
}

static void test_plan(void **state)
{
	struct san_msg_empty empty = {0};
	struct san_msg_plan m = {0};

	good(SAN_MSG_CONFIG_END, &empty);
	BAD(CONFIG_END, empty, zero, 1, "zero");
	good(SAN_MSG_PLAN_BEGIN, &m);
	GOOD(PLAN_BEGIN, m, flags, SAN_PLAN_FULL);
	BAD(PLAN_BEGIN, m, flags, 2, "flags");
	BAD(PLAN_COMMIT, m, flags, 2, "flags");
	GOOD(PLAN_COMMIT, m, count, UINT32_MAX);
}

static void test_nexthop(void **state)
{
	struct san_msg_nexthop m = {.id = 1, .n_segs = 1, .encap = SAN_ENCAP_FULL};

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
	BAD(SERVICE, m, mode, SAN_MODE_BALANCED, "mode");
	BAD(SERVICE, m, mode, SAN_MODE_NONE, "nexthop");
	BAD(SERVICE, m, affinity, 3, "affinity");
	m.nexthop = 0;
	GOOD(SERVICE, m, mode, SAN_MODE_NONE);
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
	m.behaviour = SAN_BEHAVIOUR_END_DT6;
	GOOD(SID, m, table, 254);
}

static void test_removals(void **state)
{
	struct san_msg_key m = {.service_id = 1, .id = 1, .addr = in6("5f00::1")};
	struct san_msg_stats_req req = {.request = 1};

	good(SAN_MSG_SERVICE_DEL, &m);
	good(SAN_MSG_NEXTHOP_DEL, &m);
	good(SAN_MSG_SID_DEL, &m);
	BAD(SERVICE_DEL, m, service_id, 0, "service_id");
	BAD(NEXTHOP_DEL, m, id, 0, "id");
	BAD(SID_DEL, m, addr, in6("::"), "addr");
	good(SAN_MSG_STATS_REQ, &req);
	BAD(STATS_REQ, req, request, 0, "request");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_direction), cmocka_unit_test(test_hello),
		cmocka_unit_test(test_config),	  cmocka_unit_test(test_iface),
		cmocka_unit_test(test_plan),	  cmocka_unit_test(test_nexthop),
		cmocka_unit_test(test_service),	  cmocka_unit_test(test_sid),
		cmocka_unit_test(test_removals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
