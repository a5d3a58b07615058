/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/class.h"
#include "model/in6.h"
#include "util/json.h"
#include "util/own.h"

static int read_text(const char *text, const char *name, struct plan_class *cls, struct err *err)
{
	json_t *obj = NULL;
	int r;

	if (json_parse(text, strlen(text), &obj, err))
		fail_msg("test data: %s", err->want);
	r = class_from_json(obj, name, cls, err);
	json_decref(obj);
	return r;
}

static void must_read(const char *text, struct plan_class *cls)
{
	char buf[512];
	struct err err;

	if (read_text(text, "c", cls, &err))
		fail_msg("%s", err_text(&err, buf, sizeof(buf)));
}

static void must_round_trip(const struct plan_class *cls)
{
	json_t *obj = class_to_json(cls);
	OWN_PTR char *text = json_text(obj);
	struct plan_class back;
	struct err err;

	assert_int_equal(read_text(text, NULL, &back, &err), 0); /* the name is in it */
	assert_memory_equal(cls, &back, sizeof(back));
	json_decref(obj);
}

static void test_full(void **state)
{
	const struct in6_addr *dst;
	struct plan_class cls;

	must_read("{\"name\": \"c\", \"service\": \"0x101\", \"source\": \"2001:db8::/32\","
		  "\"destination\": \"2001:db8:5::/48\", \"protocol\": \"tcp\","
		  "\"source_port\": 1024, \"destination_port\": 80, \"dscp\": 46,"
		  "\"priority\": 65535}",
		  &cls);
	assert_string_equal(cls.name, "c");
	assert_int_equal(cls.msg.service_id, 0x101);
	assert_int_equal(cls.msg.src_len, 32);
	assert_int_equal(cls.msg.src.s6_addr16[0], htons(0x2001));
	assert_int_equal(cls.msg.dst_len, 48);
	assert_int_equal(cls.msg.fields,
			 SAN_CLASS_PROTO | SAN_CLASS_SPORT | SAN_CLASS_DPORT | SAN_CLASS_DSCP);
	assert_int_equal(cls.msg.proto, IPPROTO_TCP);
	assert_int_equal(cls.msg.sport, htons(1024));
	assert_int_equal(cls.msg.dport, htons(80));
	assert_int_equal(cls.msg.dscp, 46);
	assert_int_equal(cls.msg.priority, 65535);
	must_round_trip(&cls);
	must_read("{\"service\": 257, \"destination\": \"10.9.0.0/24\"}", &cls);
	dst = &cls.msg.dst;
	assert_true(IN6_IS_ADDR_V4MAPPED(dst));
	assert_int_equal(cls.msg.dst_len, 120);
	assert_int_equal(dst->s6_addr32[3], htonl(0x0a090000));
	assert_int_equal(cls.msg.src_len, 0);
	assert_int_equal(cls.msg.fields, 0);
	must_round_trip(&cls);
}

/* What is left out matches anything; what is 0 does not. */
static void test_zero_is_not_absent(void **state)
{
	struct plan_class cls;

	must_read("{\"service\": 1}", &cls);
	assert_int_equal(cls.msg.fields, 0);
	assert_int_equal(cls.msg.src_len + cls.msg.dst_len, 0);
	must_round_trip(&cls);
	must_read("{\"service\": 1, \"protocol\": 0, \"dscp\": 0, \"source\": null}", &cls);
	assert_int_equal(cls.msg.fields, SAN_CLASS_PROTO | SAN_CLASS_DSCP);
	must_round_trip(&cls);
	must_read("{\"service\": 1, \"protocol\": 17, \"destination_port\": 0}", &cls);
	assert_int_equal(cls.msg.fields, SAN_CLASS_PROTO | SAN_CLASS_DPORT);
	must_round_trip(&cls);
	must_read("{\"service\": 1, \"source\": \"0.0.0.0/0\"}", &cls); /* any IPv4 */
	assert_int_equal(cls.msg.src_len, 96);
	must_round_trip(&cls);
	must_read("{\"service\": 1, \"source\": \"10.0.0.1/32\", \"protocol\": \"icmp\"}", &cls);
	assert_int_equal(cls.msg.src_len, 128);
	assert_int_equal(cls.msg.proto, IPPROTO_ICMP);
	must_round_trip(&cls);
	must_read("{\"service\": 1, \"protocol\": \"icmp6\", \"source\": \"2001:db8::1/128\"}",
		  &cls);
	assert_int_equal(cls.msg.proto, IPPROTO_ICMPV6);
	must_round_trip(&cls);
	must_read("{\"service\": 1, \"protocol\": 255, \"source\": \"2000::/3\"}", &cls);
	must_round_trip(&cls);
}

#define WITH(member) "{\"service\": 1, " member "}"

static const struct {
	const char *json, *field, *want;
} refusals[] = {
	{"5", "", "object"},
	{"{}", "/service", "service ID"},
	{"{\"service\": 0}", "/service", "service ID"},
	{"{\"service\": \"web\"}", "/service", "service ID"},
	{"{\"service\": -1}", "/service", "service ID"},
	{"{\"service\": 1.5}", "/service", "service ID"},
	{WITH("\"name\": \"d\""), "/name", "must be c"},
	{WITH("\"name\": \"a b\""), "/name", "1..63"},
	{WITH("\"port\": 1"), "/port", "destination_port"},
	{WITH("\"source\": \"10.0.0.1\""), "/source", "prefix"},
	{WITH("\"source\": \"10.0.0.1/24\""), "/source", "no bits"},
	{WITH("\"source\": \"10.0.0.0/33\""), "/source", "0..32"},
	{WITH("\"source\": \"10.0.0/24\""), "/source", "IPv4 prefix"},
	{WITH("\"source\": \"10.0.0.0/08\""), "/source", "0..32"},
	{WITH("\"source\": \"10.0.0.0/\""), "/source", "0..32"},
	{WITH("\"source\": 5"), "/source", "prefix"},
	{WITH("\"destination\": \"2001:db8::1/32\""), "/destination", "no bits"},
	{WITH("\"destination\": \"2001:db8::/129\""), "/destination", "prefix"},
	{WITH("\"destination\": \"2001:db8::/+3\""), "/destination", "prefix"},
	{WITH("\"destination\": \"::/0\""), "/destination", "absent matches any"},
	{WITH("\"destination\": \"::/1\""), "/destination", "IPv4-mapped"},
	{WITH("\"destination\": \"::/80\""), "/destination", "IPv4-mapped"},
	{WITH("\"destination\": \"::ffff:10.0.0.0/120\""), "/destination", "IPv4-mapped"},
	{WITH("\"destination\": \"x\""), "/destination", "prefix"},
	{WITH("\"source\": \"10.0.0.0/8\", \"destination\": \"2001:db8::/32\""), "/source",
	 "same IP version"},
	{WITH("\"source\": \"2001:db8::/32\", \"destination\": \"10.0.0.0/8\""), "/source",
	 "same IP version"},
	{WITH("\"protocol\": \"sctp\""), "/protocol", "tcp, udp, icmp, icmp6"},
	{WITH("\"protocol\": 256"), "/protocol", "0..255"},
	{WITH("\"protocol\": -1"), "/protocol", "0..255"},
	{WITH("\"protocol\": 6.0"), "/protocol", "0..255"},
	{WITH("\"source_port\": 80"), "/source_port", "protocol tcp or udp"},
	{WITH("\"destination_port\": 80"), "/destination_port", "protocol tcp or udp"},
	{WITH("\"protocol\": 0, \"destination_port\": 80"), "/destination_port", "tcp or udp"},
	{WITH("\"protocol\": \"icmp\", \"source_port\": 80"), "/source_port", "tcp or udp"},
	{WITH("\"protocol\": \"tcp\", \"source_port\": 65536"), "/source_port", "0..65535"},
	{WITH("\"protocol\": \"tcp\", \"destination_port\": -1"), "/destination_port", "0..65535"},
	{WITH("\"dscp\": 64"), "/dscp", "0..63"},
	{WITH("\"dscp\": \"ef\""), "/dscp", "0..63"},
	{WITH("\"priority\": 65536"), "/priority", "0..65535"},
	{WITH("\"priority\": -1"), "/priority", "0..65535"},
};

static void test_refusals(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		struct plan_class cls, before;
		struct err err;

		print_message("%s\n", refusals[i].json);
		memset(&cls, 0x5a, sizeof(cls));
		memcpy(&before, &cls, sizeof(cls));
		assert_int_equal(read_text(refusals[i].json, "c", &cls, &err), -EINVAL);
		assert_string_equal(err.field, refusals[i].field);
		assert_string_equal(err.object, "class c");
		if (!strstr(err.want, refusals[i].want))
			fail_msg("want is \"%s\"", err.want);
		assert_memory_equal(&cls, &before, sizeof(cls));
	}
}

static void test_name_needed(void **state)
{
	struct plan_class cls;
	struct err err;

	assert_int_equal(read_text("{\"service\": 1}", NULL, &cls, &err), -EINVAL);
	assert_string_equal(err.field, "/name");
	assert_int_equal(read_text("{\"service\": 1, \"name\": \"x\"}", NULL, &cls, &err), 0);
	assert_string_equal(cls.name, "x");
}

/* ---- addresses of either version ---- */

static int read_addr(const char *text, struct in6_addr *addr, struct err *err)
{
	json_t *value = json_string(text);
	int r = addr_from_value(value, addr, err);

	json_decref(value);
	return r;
}

static void test_addresses(void **state)
{
	static const char *const good[] = {"2001:db8::1", "10.2.0.5", "223.255.255.255", "1.0.0.0"};
	static const char *const bad[] = {
		"",	   "::",	"::1",	     "fe80::1", "ff02::1",	   "0.0.0.0",
		"0.0.0.1", "127.1.2.3", "240.0.0.1", "x",	"::ffff:10.2.0.5", "169.254.9.9"};
	char text[INET6_ADDRSTRLEN];
	struct in6_addr addr;
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(read_addr(good[i], &addr, &err), 0);
		assert_string_equal(in6_text(&addr, text), good[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(read_addr(bad[i], &addr, &err), -EINVAL);
		assert_non_null(strstr(err.want, "IPv6 or IPv4 unicast"));
	}
	addr = in4_mapped(0);
	assert_true(IN6_IS_ADDR_UNSPECIFIED(&addr));
	addr = in4_mapped(htonl(0x0a020005));
	assert_string_equal(in6_text(&addr, text), "10.2.0.5");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),	  cmocka_unit_test(test_zero_is_not_absent),
		cmocka_unit_test(test_refusals),  cmocka_unit_test(test_name_needed),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
