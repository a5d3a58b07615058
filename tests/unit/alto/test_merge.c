/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Patches between two objects (RFC 7396): what applies them makes the second of the first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "alto/update.h"
#include "util/json.h"
#include "util/own.h"

static json_t *obj(const char *text)
{
	json_t *value = NULL;

	assert_int_equal(json_parse(text, strlen(text), &value, NULL), 0);
	return value;
}

static void check_apply(const json_t *from, const json_t *to, const json_t *patch)
{
	json_t *merged = json_merge_patch(json_deep_copy(from), patch);

	assert_true(json_equal(merged, to));
	json_decref(merged);
}

static const struct {
	const char *from, *to, *patch;
} diffs[] = {
	{"{}", "{}", "{}"},
	{"{\"a\":1}", "{\"a\":1}", "{}"},
	{"{\"a\":1}", "{\"a\":2}", "{\"a\":2}"},
	{"{\"a\":1,\"b\":2}", "{\"b\":2}", "{\"a\":null}"},
	{"{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"b\":1}}", "{\"a\":{\"c\":null}}"},
	{"{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1,\"c\":{\"d\":[1]}}}", "{\"a\":{\"c\":{\"d\":[1]}}}"},
	{"{\"a\":[1,2,3]}", "{\"a\":[1,2]}", "{\"a\":[1,2]}"},
	{"{\"a\":[1]}", "{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}"},
	{"{\"a\":{\"b\":1}}", "{\"a\":5}", "{\"a\":5}"},
	{"{\"a\":{\"b\":1}}", "{\"a\":{}}", "{\"a\":{\"b\":null}}"},
	{"{\"a\":1}", "{\"a\":[1,null]}", "{\"a\":[1,null]}"},
	{"{\"a\":null,\"b\":1}", "{\"a\":null,\"b\":2}", "{\"b\":2}"},
	{"{\"a\":null}", "{}", "{\"a\":null}"},
};

static void test_rfc7396_diff(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(diffs); i++) {
		json_t *from = obj(diffs[i].from), *to = obj(diffs[i].to), *patch;
		bool possible = false;
		char *text;

		patch = alto_merge_diff(from, to, &possible);
		assert_true(possible);
		text = json_text(patch);
		assert_string_equal(text, diffs[i].patch);
		check_apply(from, to, patch);
		free(text);
		json_decref(patch);
		json_decref(from);
		json_decref(to);
	}
}

static void test_null_is_not_told_by_a_patch(void **state)
{
	static const char *const to[] = {"{\"a\":null}", "{\"a\":{\"b\":null}}",
					 "{\"a\":{\"b\":{\"c\":null}}}"};
	json_t *from = obj("{\"a\":1}");

	for (size_t i = 0; i < ARRAY_SIZE(to); i++) {
		json_t *want = obj(to[i]), *patch;
		bool possible = true;

		patch = alto_merge_diff(from, want, &possible);
		assert_false(possible);
		json_decref(patch);
		json_decref(want);
	}
	json_decref(from);
}

/* ---- random objects, same members again and again ---- */

static uint32_t seed = 1;

static uint32_t draw(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static json_t *random_value(int depth)
{
	json_t *value;

	if (depth == 0 || draw(3) == 0)
		return draw(2) ? json_integer(draw(3)) : json_pack("[i,n]", draw(3));
	value = json_object();
	for (uint32_t i = draw(5); i > 0; i--) {
		const char name[2] = {(char)('a' + draw(5)), 0};

		json_object_set_new(value, name, random_value(depth - 1));
	}
	return value;
}

static json_t *random_object(void)
{
	json_t *value = json_object();

	json_object_set_new(value, "x", random_value(4));
	json_object_set_new(value, "y", random_value(4));
	return value;
}

static void test_any_two_objects(void **state)
{
	for (int i = 0; i < 20000; i++) {
		json_t *from = random_object(), *to = random_object();
		bool possible = false;
		json_t *patch = alto_merge_diff(from, to, &possible);

		assert_true(possible);
		check_apply(from, to, patch);
		json_decref(patch);
		json_decref(from);
		json_decref(to);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc7396_diff),
		cmocka_unit_test(test_null_is_not_told_by_a_patch),
		cmocka_unit_test(test_any_two_objects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
