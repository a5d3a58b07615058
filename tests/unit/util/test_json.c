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

#include "util/json.h"
#include "util/own.h"

static struct err err;

static json_t *obj(const char *text)
{
	json_t *value = NULL;

	assert_int_equal(json_parse(text, strlen(text), &value, &err), 0);
	return value;
}

static void refused(int rc, const char *text)
{
	char buf[512];

	assert_int_equal(rc, -EINVAL);
	assert_int_equal(err.code, -EINVAL);
	assert_string_equal(err_text(&err, buf, sizeof(buf)), text);
}

static void refused_text(const char *text, size_t len, const char *want)
{
	json_t *value = NULL;

	memset(&err, 0, sizeof(err));
	assert_int_equal(json_parse(text, len, &value, &err), -EINVAL);
	assert_null(value);
	assert_string_equal(err.field, "");
	if (!strstr(err.want, want))
		fail_msg("\"%s\" lacks \"%s\"", err.want, want);
}

#define REFUSED_TEXT(text, want) refused_text(text, sizeof(text) - 1, want)

static void test_parse(void **state)
{
	json_t *value = obj("{\"b\": [1, 2.5, true, null], \"a\": \"\\u00e4\"}");
	char *text = json_text(value);

	assert_string_equal(text, "{\"a\":\"\xc3\xa4\",\"b\":[1,2.5,true,null]}");
	free(text);
	json_decref(value);
	json_decref(obj(" 71 "));
}

static void test_parse_refuses(void **state)
{
	REFUSED_TEXT("", "line 1, column 0");
	REFUSED_TEXT("{\"a\": 1,\n \"a\": 2}", "line 2, column 4: duplicate");
	REFUSED_TEXT("{} x", "end of file expected");
	REFUSED_TEXT("{}\0", "end of file expected");
	REFUSED_TEXT("{\"a\": \"x\0y\"}", "line 1");
	REFUSED_TEXT("{\"a\": \"\\u0000\"}", "\\u0000");
	REFUSED_TEXT("{\"a\": \"\xff\"}", "unable to decode byte 0xff");
	REFUSED_TEXT("[1, 2", "line 1");
	REFUSED_TEXT("99999999999999999999", "too big integer");
	REFUSED_TEXT("1e999", "overflow");
	REFUSED_TEXT("{'a': 1}", "line 1");
	assert_int_equal(json_parse("[", 1, NULL, NULL), -EINVAL);
}

static void nested(char *buf, int depth)
{
	memset(buf, '[', (size_t)depth);
	memset(buf + depth, ']', (size_t)depth);
	buf[2 * depth] = '\0';
}

static void test_depth(void **state)
{
	char text[4 * JSON_MAX_DEPTH];

	nested(text, JSON_MAX_DEPTH);
	json_decref(obj(text));
	nested(text, JSON_MAX_DEPTH + 1);
	refused_text(text, strlen(text), "line 1, column 33: nested deeper than 32");
	/* brackets in strings are text */
	memset(text, '[', sizeof(text));
	memcpy(text, "\"\\\"", 3);
	strcpy(text + sizeof(text) - 2, "\"");
	json_decref(obj(text));
}

static void test_strings(void **state)
{
	json_t *o = obj("{\"a\": \"four\", \"n\": null, \"i\": 7}");
	const char *text = "before";
	char buf[5] = "x";

	assert_int_equal(json_get_str(o, "absent", JSON_OPTIONAL, &text, &err), 0);
	assert_int_equal(json_get_str(o, "n", JSON_OPTIONAL, &text, &err), 0);
	assert_string_equal(text, "before");
	assert_int_equal(json_get_str(o, "a", JSON_REQUIRED, &text, &err), 0);
	assert_string_equal(text, "four");
	refused(json_get_str(o, "absent", JSON_REQUIRED, &text, &err), "/absent: is missing");
	refused(json_get_str(o, "n", JSON_REQUIRED, &text, &err), "/n: is missing");
	refused(json_get_str(o, "i", JSON_OPTIONAL, &text, &err), "/i: is 7, must be a string");
	assert_int_equal(json_get_text(o, "absent", JSON_OPTIONAL, buf, sizeof(buf), &err), 0);
	assert_string_equal(buf, "x");
	assert_int_equal(json_get_text(o, "a", JSON_REQUIRED, buf, sizeof(buf), &err), 0);
	assert_string_equal(buf, "four");
	refused(json_get_text(o, "a", JSON_REQUIRED, buf, 4, &err),
		"/a: is \"four\", must have at most 3 bytes");
	json_decref(o);
}

static void test_integers(void **state)
{
	json_t *o = obj("{\"a\": 5, \"r\": 5.0, \"s\": \"5\", \"m\": -9223372036854775808}");
	struct json_range range = {1, 5}, all = {INT64_MIN, INT64_MAX};
	int64_t n = -1;

	assert_int_equal(json_get_int(o, "x", JSON_OPTIONAL, range, &n, &err), 0);
	assert_int_equal(n, -1);
	assert_int_equal(json_get_int(o, "a", JSON_REQUIRED, range, &n, &err), 0);
	assert_int_equal(n, 5);
	range.max = 4;
	refused(json_get_int(o, "a", JSON_REQUIRED, range, &n, &err),
		"/a: is 5, must be an integer 1..4");
	range = (struct json_range){6, 9};
	refused(json_get_int(o, "a", JSON_REQUIRED, range, &n, &err),
		"/a: is 5, must be an integer 6..9");
	refused(json_get_int(o, "r", JSON_REQUIRED, all, &n, &err),
		"/r: is 5.0, must be an integer -9223372036854775808..9223372036854775807");
	refused(json_get_int(o, "s", JSON_REQUIRED, range, &n, &err),
		"/s: is \"5\", must be an integer 6..9");
	refused(json_get_int(o, "x", JSON_REQUIRED, range, &n, &err), "/x: is missing");
	assert_int_equal(n, 5);
	assert_int_equal(json_get_int(o, "m", JSON_REQUIRED, all, &n, &err), 0);
	assert_true(n == INT64_MIN);
	json_decref(o);
}

static void test_booleans_and_enums(void **state)
{
	static const char *const names[] = {"up", "draining", "down"};
	json_t *o = obj("{\"t\": true, \"f\": false, \"i\": 1, \"e\": \"down\", \"u\": \"Up\"}");
	bool flag = false;
	int which = -1;

	assert_int_equal(json_get_bool(o, "x", &flag, &err), 0);
	assert_false(flag);
	assert_int_equal(json_get_bool(o, "t", &flag, &err), 0);
	assert_true(flag);
	assert_int_equal(json_get_bool(o, "f", &flag, &err), 0);
	assert_false(flag);
	refused(json_get_bool(o, "i", &flag, &err), "/i: is 1, must be true or false");
	assert_int_equal(json_get_enum(o, "x", JSON_OPTIONAL, names, 3, &which, &err), 0);
	assert_int_equal(which, -1);
	assert_int_equal(json_get_enum(o, "e", JSON_REQUIRED, names, 3, &which, &err), 0);
	assert_int_equal(which, 2);
	refused(json_get_enum(o, "u", JSON_REQUIRED, names, 3, &which, &err),
		"/u: is \"Up\", must be one of up, draining, down");
	refused(json_get_enum(o, "i", JSON_REQUIRED, names, 3, &which, &err),
		"/i: is 1, must be one of up, draining, down");
	refused(json_get_enum(o, "x", JSON_REQUIRED, names, 3, &which, &err), "/x: is missing");
	json_decref(o);
}

static void test_addresses(void **state)
{
	json_t *o = obj(
		"{\"a\": \"fd00::1\", \"p\": \"fd00:1::/32\", \"h\": \"fd00::1/64\","
		" \"v4\": \"10.0.0.1\", \"mapped\": \"::ffff:10.0.0.1\", \"i\": 1, \"all\": \"::/0\", \"one\": \"::1/128\"}");
	struct in6_addr addr, want;
	int len = -1;

	inet_pton(AF_INET6, "fd00::1", &want);
	assert_int_equal(json_get_in6(o, "x", JSON_OPTIONAL, &addr, &err), 0);
	assert_int_equal(json_get_in6(o, "a", JSON_REQUIRED, &addr, &err), 0);
	assert_memory_equal(&addr, &want, sizeof(addr));
	refused(json_get_in6(o, "v4", JSON_REQUIRED, &addr, &err),
		"/v4: is \"10.0.0.1\", must be an IPv6 address");
	refused(json_get_in6(o, "i", JSON_REQUIRED, &addr, &err),
		"/i: is 1, must be an IPv6 address");
	assert_int_equal(json_get_ip(o, "x", JSON_OPTIONAL, &addr, &err), 0);
	assert_int_equal(json_get_ip(o, "a", JSON_REQUIRED, &addr, &err), 0);
	assert_memory_equal(&addr, &want, sizeof(addr));
	inet_pton(AF_INET6, "::ffff:10.0.0.1", &want);
	assert_int_equal(json_get_ip(o, "v4", JSON_REQUIRED, &addr, &err), 0);
	assert_memory_equal(&addr, &want, sizeof(addr));
	refused(json_get_ip(o, "mapped", JSON_REQUIRED, &addr, &err),
		"/mapped: is \"::ffff:10.0.0.1\", must be an IPv6 or IPv4 address");
	assert_int_equal(json_get_prefix6(o, "x", JSON_OPTIONAL, &addr, &len, &err), 0);
	assert_int_equal(len, -1);
	assert_int_equal(json_get_prefix6(o, "p", JSON_REQUIRED, &addr, &len, &err), 0);
	assert_int_equal(len, 32);
	assert_int_equal(json_get_prefix6(o, "all", JSON_REQUIRED, &addr, &len, &err), 0);
	assert_int_equal(len, 0);
	assert_int_equal(json_get_prefix6(o, "one", JSON_REQUIRED, &addr, &len, &err), 0);
	assert_int_equal(len, 128);
	refused(json_get_prefix6(o, "h", JSON_REQUIRED, &addr, &len, &err),
		"/h: is \"fd00::1/64\", must have no bits set behind its length");
	assert_int_equal(json_prefix6(json_object_get(o, "p"), &addr, &len, &err), 0);
	assert_int_equal(len, 32);
	refused(json_prefix6(json_object_get(o, "i"), &addr, &len, &err),
		"is 1, must be an IPv6 prefix, address/length");
	json_decref(o);
}

static void test_bad_prefixes(void **state)
{
	static const char *const bad[] = {"fd00::1",
					  "fd00::/",
					  "fd00::/129",
					  "fd00::/-1",
					  "fd00::/064",
					  "fd00::/6x",
					  "/64",
					  "fd00::/64/64",
					  "10.0.0.0/8",
					  "fd00:0000:0000:0000:0000:0000:0000:0000:"
					  "0000:0000/128"};
	struct in6_addr addr;
	int len;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		json_t *o = json_pack("{s:s}", "p", bad[i]);

		assert_int_equal(json_get_prefix6(o, "p", JSON_REQUIRED, &addr, &len, &err),
				 -EINVAL);
		assert_string_equal(err.want, "must be an IPv6 prefix, address/length");
		json_decref(o);
	}
}

static void test_containers(void **state)
{
	json_t *o = obj("{\"a\": [1], \"o\": {\"k\": 1}}"), *out = o;

	assert_int_equal(json_get_array(o, "x", JSON_OPTIONAL, &out, &err), 0);
	assert_null(out);
	assert_int_equal(json_get_array(o, "a", JSON_REQUIRED, &out, &err), 0);
	assert_int_equal(json_array_size(out), 1);
	refused(json_get_array(o, "o", JSON_OPTIONAL, &out, &err),
		"/o: is {\"k\":1}, must be an array");
	refused(json_get_array(o, "x", JSON_REQUIRED, &out, &err), "/x: is missing");
	assert_int_equal(json_get_object(o, "o", JSON_REQUIRED, &out, &err), 0);
	assert_int_equal(json_object_size(out), 1);
	assert_int_equal(json_get_object(o, "x", JSON_OPTIONAL, &out, &err), 0);
	assert_null(out);
	refused(json_get_object(o, "a", JSON_OPTIONAL, &out, &err),
		"/a: is [1], must be an object");
	refused(json_is_obj(json_object_get(o, "a"), &err), "is [1], must be an object");
	assert_int_equal(json_is_obj(o, &err), 0);
	assert_int_equal(json_is_obj(NULL, NULL), -EINVAL);
	json_decref(o);
}

static void test_unknown_members(void **state)
{
	static const char *const allowed[] = {"a", "b", NULL};
	json_t *o = obj("{\"a\": 1, \"b\": 2}");

	assert_int_equal(json_only(o, allowed, &err), 0);
	json_object_set_new(o, "c/d~", json_true());
	refused(json_only(o, allowed, &err), "/c~1d~0: is not known here; known: a, b");
	json_decref(o);
}

static void test_long_value_is_cut(void **state)
{
	json_t *o = json_object(), *list = json_array();

	for (int i = 0; i < 1000; i++)
		json_array_append_new(list, json_integer(i));
	json_object_set_new(o, "l", list);
	assert_int_equal(json_get_bool(o, "l", &(bool){0}, &err), -EINVAL);
	assert_int_equal(strlen(err.value), sizeof(err.value) - 1);
	assert_string_equal(err.value + sizeof(err.value) - 4, "...");
	json_decref(o);
}

/* ---- RFC 7396, examples of appendix A ---- */

static const struct {
	const char *target, *patch, *want;
} merges[] = {
	{"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
	{"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
	{"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
	{"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
	{"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
	{"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
	{"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
	{"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
	{"{\"e\":null}", "{\"a\":1}", "{\"a\":1,\"e\":null}"},
	{"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
	{"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
	{"{\"a\":\"foo\"}", "[\"c\"]", "[\"c\"]"},
};

static void test_rfc7396_merge_patch(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(merges); i++) {
		json_t *patch = json_loads(merges[i].patch, 0, NULL);
		json_t *merged = json_merge_patch(json_loads(merges[i].target, 0, NULL), patch);
		char *text = json_dumps(merged, JSON_COMPACT | JSON_SORT_KEYS);

		assert_string_equal(text, merges[i].want);
		free(text);
		json_decref(merged);
		json_decref(patch);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_booleans_and_enums),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_bad_prefixes),
		cmocka_unit_test(test_containers),
		cmocka_unit_test(test_unknown_members),
		cmocka_unit_test(test_long_value_is_cut),
		cmocka_unit_test(test_rfc7396_merge_patch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
