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

#include "model/net.h"
#include "util/json.h"
#include "util/own.h"

static const struct path_key key = {"pe1", "gw2", "via-p1"};

static json_t *parse(const char *text)
{
	struct err err;
	json_t *obj = NULL;

	if (json_parse(text, strlen(text), &obj, &err))
		fail_msg("test data: %s", err.want);
	return obj;
}

static int read_gateway(const char *text, const char *name, struct gateway *gw, struct err *err)
{
	json_t *obj = parse(text);
	int r = gateway_from_json(obj, name, gw, err);

	json_decref(obj);
	return r;
}

static int read_path(const char *text, struct path *path, struct err *err)
{
	json_t *obj = parse(text);
	int r = path_from_json(obj, key, path, err);

	json_decref(obj);
	return r;
}

static void assert_in6(const struct in6_addr *addr, const char *want)
{
	char text[INET6_ADDRSTRLEN];

	assert_string_equal(inet_ntop(AF_INET6, addr, text, sizeof(text)), want);
}

static void gateway_round_trip(const struct gateway *gw)
{
	json_t *obj = gateway_to_json(gw);
	struct gateway back;

	assert_int_equal(gateway_from_json(obj, gw->name, &back, NULL), 0);
	assert_memory_equal(gw, &back, sizeof(back));
	json_decref(obj);
}

static void test_gateway(void **state)
{
	struct gateway gw;

	assert_int_equal(read_gateway("{\"name\": \"gw2\", \"locator\": \"5f00:0:2::/48\","
				      "\"sid\": \"5f00:0:2::1\", \"address\": \"2001:db8:f::2\","
				      "\"san_sid\": \"5f00:0:2:5a::\","
				      "\"decap6\": \"5f00:0:2:d6::\","
				      "\"decap4\": \"5f00:0:2:d4::\"}",
				      NULL, &gw, NULL),
			 0);
	assert_string_equal(gw.name, "gw2");
	assert_in6(&gw.locator, "5f00:0:2::");
	assert_int_equal(gw.locator_len, 48);
	assert_in6(&gw.sid, "5f00:0:2::1");
	assert_in6(&gw.san_sid, "5f00:0:2:5a::");
	assert_in6(&gw.decap6, "5f00:0:2:d6::");
	assert_in6(&gw.decap4, "5f00:0:2:d4::");
	assert_in6(&gw.address, "2001:db8:f::2");
	gateway_round_trip(&gw);
	assert_int_equal(read_gateway("{\"locator\": \"5f00::/16\"}", "gw3", &gw, NULL), 0);
	assert_string_equal(gw.name, "gw3");
	assert_in6(&gw.sid, "::");
	gateway_round_trip(&gw);
	assert_int_equal(
		read_gateway("{\"name\": \"gw3\", \"locator\": \"5f00::/112\"}", "gw3", &gw, NULL),
		0);
}

struct refusal {
	const char *json, *field, *want;
	int code; /* 0: -EINVAL */
};

static void check_refusal(const struct refusal *r, int result, const struct err *err)
{
	print_message("%s\n", r->json);
	assert_int_equal(result, r->code ? r->code : -EINVAL);
	assert_int_equal(err->code, result);
	assert_string_equal(err->field, r->field);
	if (!strstr(err->want, r->want))
		fail_msg("want is \"%s\"", err->want);
}

static void test_gateway_refusals(void **state)
{
	static const struct refusal list[] = {
		{"5", "", "object", 0},
		{"{\"x\": 1}", "/x", "locator", 0},
		{"{\"name\": \"gw9\", \"locator\": \"5f00::/16\"}", "/name", "must be gw2", 0},
		{"{\"name\": 5}", "/name", "string", 0},
		{"{}", "/locator", "missing", 0},
		{"{\"locator\": \"5f00::\"}", "/locator", "prefix", 0},
		{"{\"locator\": \"5f00::1/16\"}", "/locator", "no bits", 0},
		{"{\"locator\": \"5f00::/15\"}", "/locator", "16..112", 0},
		{"{\"locator\": \"5f00::/113\"}", "/locator", "16..112", 0},
		{"{\"locator\": \"::/16\"}", "/locator", "unicast", 0},
		{"{\"locator\": \"ff00::/16\"}", "/locator", "unicast", 0},
		{"{\"locator\": \"fe80::/64\"}", "/locator", "unicast", 0},
		{"{\"locator\": \"5f00::/16\", \"sid\": \"::\"}", "/sid", "IPv6", 0},
		{"{\"locator\": \"5f00::/16\", \"sid\": 5}", "/sid", "IPv6", 0},
		{"{\"locator\": \"5f00::/16\", \"san_sid\": 5}", "/san_sid", "IPv6", 0},
		{"{\"locator\": \"5f00:8000::/17\", \"san_sid\": \"5f00::5a\"}", "/san_sid",
		 "inside the gateway's locator", 0},
		{"{\"locator\": \"5f00::/16\", \"sid\": \"5f00::1\", \"san_sid\": \"5f00::1\"}",
		 "/san_sid", "differ", 0},
		{"{\"locator\": \"5f00::/16\", \"sid\": \"5f00::1\", \"decap6\": \"5f00::1\"}",
		 "/decap6", "differ", 0},
		{"{\"locator\": \"5f00::/16\", \"decap4\": \"10.0.0.1\"}", "/decap4", "IPv6", 0},
		{"{\"locator\": \"5f00::/16\", \"address\": \"ff02::1\"}", "/address", "IPv6", 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		struct gateway gw, before;
		struct err err;

		memset(&gw, 0x5a, sizeof(gw));
		memcpy(&before, &gw, sizeof(gw));
		check_refusal(&list[i], read_gateway(list[i].json, "gw2", &gw, &err), &err);
		assert_string_equal(err.object, "gateway gw2");
		assert_memory_equal(&gw, &before, sizeof(gw));
		assert_int_equal(read_gateway(list[i].json, "gw2", &gw, NULL), -EINVAL);
	}
}

static void test_gateway_names(void **state)
{
	struct gateway gw;
	struct err err;

	assert_int_equal(read_gateway("{\"locator\": \"5f00::/16\"}", NULL, &gw, &err), -EINVAL);
	assert_string_equal(err.field, "/name");
	assert_string_equal(err.object, "");
	assert_int_equal(read_gateway("{\"name\": \"a b\"}", NULL, &gw, &err), -EINVAL);
	assert_string_equal(err.field, "/name");
	assert_int_equal(read_gateway("{}", "a b", &gw, &err), -EINVAL);
	assert_string_equal(err.field, "/name");
}

static void path_round_trip(const struct path *path)
{
	json_t *obj = path_to_json(path);
	struct path back;

	assert_int_equal(path_from_json(obj, key, &back, NULL), 0);
	assert_memory_equal(path, &back, sizeof(back));
	json_decref(obj);
}

static void test_be(void **state)
{
	struct path path;

	assert_int_equal(read_path("{\"kind\": \"be\"}", &path, NULL), 0);
	assert_string_equal(path.ingress, "pe1");
	assert_string_equal(path.gateway, "gw2");
	assert_string_equal(path.name, "via-p1");
	assert_int_equal(path.kind, PATH_BE);
	assert_int_equal(path.n_segs, 0);
	assert_int_equal(path.preference, 100);
	assert_int_equal(path.encap, SAN_ENCAP_RED);
	assert_int_equal(path.hop_limit, 0);
	path_round_trip(&path);
	assert_int_equal(read_path("{\"kind\": \"be\", \"segments\": [], \"colour\": 0, "
				   "\"encap\": \"encap\", \"hop_limit\": 255, \"preference\": 0}",
				   &path, NULL),
			 0);
	assert_int_equal(path.encap, SAN_ENCAP_FULL);
	assert_int_equal(path.hop_limit, 255);
	path_round_trip(&path);
}

static void test_policy(void **state)
{
	struct path path;

	assert_int_equal(
		read_path(
			"{\"ingress\": \"pe1\", \"gateway\": \"gw2\", \"name\": \"via-p1\","
			"\"kind\": \"policy\", \"colour\": 4294967295, \"preference\": 4294967295,"
			"\"segments\": [\"5f00:0:1::1\", \"5f00:0:2::1\"]}",
			&path, NULL),
		0);
	assert_int_equal(path.kind, PATH_POLICY);
	assert_int_equal(path.n_segs, 2);
	assert_in6(&path.segs[0], "5f00:0:1::1");
	assert_in6(&path.segs[1], "5f00:0:2::1");
	assert_int_equal(path.colour, UINT32_MAX);
	assert_int_equal(path.preference, UINT32_MAX);
	path_round_trip(&path);
	assert_int_equal(read_path("{\"kind\": \"policy\", \"segments\": [\"5f00::1\", \"5f00::2\","
				   "\"5f00::3\", \"5f00::4\", \"5f00::5\", \"5f00::6\","
				   "\"5f00::7\"]}",
				   &path, NULL),
			 0);
	assert_int_equal(path.n_segs, SAN_MAX_SEGS - 1);
	path_round_trip(&path);
}

#define POLICY(segs) "{\"kind\": \"policy\", \"segments\": " segs "}"

static void test_path_refusals(void **state)
{
	static const struct refusal list[] = {
		{"[]", "", "object", 0},
		{"{}", "/kind", "missing", 0},
		{"{\"kind\": \"tunnel\"}", "/kind", "policy", 0},
		{"{\"kind\": \"be\", \"color\": 1}", "/color", "known", 0},
		{"{\"kind\": \"be\", \"name\": \"other\"}", "/name", "via-p1", 0},
		{"{\"kind\": \"be\", \"ingress\": \"pe9\"}", "/ingress", "pe1", 0},
		{"{\"kind\": \"be\", \"gateway\": \"gw9\"}", "/gateway", "gw2", 0},
		{"{\"kind\": \"be\", \"segments\": [\"5f00::1\"]}", "/segments", "no segments", 0},
		{"{\"kind\": \"be\", \"colour\": 1}", "/colour", "no colour", 0},
		{"{\"kind\": \"be\", \"encap\": \"ipip\"}", "/encap", "encap.red", 0},
		{"{\"kind\": \"be\", \"hop_limit\": 256}", "/hop_limit", "0..255", 0},
		{"{\"kind\": \"be\", \"hop_limit\": -1}", "/hop_limit", "0..255", 0},
		{"{\"kind\": \"be\", \"preference\": 4294967296}", "/preference", "4294967295", 0},
		{"{\"kind\": \"policy\"}", "/segments", "1..7", 0},
		{POLICY("[]"), "/segments", "1..7", 0},
		{POLICY("5"), "/segments", "array", 0},
		{POLICY("[5]"), "/segments/0", "IPv6", 0},
		{POLICY("[\"5f00::1\", \"::\"]"), "/segments/1", "IPv6", 0},
		{POLICY("[\"5f00::1\", \"ff02::1\"]"), "/segments/1", "IPv6", 0},
		{POLICY("[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\"]"), "/segments", "1..7",
		 -ENOSPC},
		{"{\"kind\": \"policy\", \"colour\": -1}", "/colour", "0..4294967295", 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		struct path path, before;
		struct err err;

		memset(&path, 0x5a, sizeof(path));
		memcpy(&before, &path, sizeof(path));
		check_refusal(&list[i], read_path(list[i].json, &path, &err), &err);
		assert_memory_equal(&path, &before, sizeof(path));
		assert_true(read_path(list[i].json, &path, NULL) < 0);
	}
}

static void test_path_named(void **state)
{
	struct path path;
	struct err err;
	char buf[512];

	read_path("{\"kind\": \"be\", \"hop_limit\": 300}", &path, &err);
	assert_string_equal(err_text(&err, buf, sizeof(buf)),
			    "path pe1/gw2/via-p1: /hop_limit: is 300, must be an integer 0..255");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gateway),	      cmocka_unit_test(test_gateway_refusals),
		cmocka_unit_test(test_gateway_names), cmocka_unit_test(test_be),
		cmocka_unit_test(test_policy),	      cmocka_unit_test(test_path_refusals),
		cmocka_unit_test(test_path_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
