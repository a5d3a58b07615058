/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "model/patch.h"

static struct attr_patch patch;
static struct err err;

static int read_patch(const char *text, const char *const *ignore)
{
	json_t *obj = json_loads(text, JSON_DECODE_ANY, NULL);
	int r;

	assert_non_null(obj);
	memset(&err, 0, sizeof(err));
	r = attr_patch_from_json(obj, ignore, &patch, &err);
	json_decref(obj);
	return r;
}

static void test_values(void **state)
{
	static const char *const ignore[] = {"state", NULL};

	assert_int_equal(
		read_patch("{\"cpu_load\": 71.5, \"queue_us\": \"350\", \"sessions\": null,"
			   " \"state\": \"down\"}",
			   ignore),
		0);
	assert_int_equal(patch.n, 3);
	assert_int_equal(patch.v[0].attr, ATTR_CPU_LOAD);
	assert_int_equal(patch.v[0].milli, 71500);
	assert_false(patch.v[0].remove);
	assert_int_equal(patch.v[1].milli, 350000);
	assert_int_equal(patch.v[2].attr, ATTR_SESSIONS);
	assert_true(patch.v[2].remove);
	assert_int_equal(read_patch("{}", NULL), 0);
	assert_int_equal(patch.n, 0);
}

static void test_refusals_leave_all_as_it_was(void **state)
{
	static const struct {
		const char *text, *field;
	} bad[] = {
		{"{\"new_one\": 1, \"cpu_load\": 101}", "/cpu_load"},
		{"{\"new_one\": 1, \"cpu_load\": \"1e1\"}", "/cpu_load"},
		{"{\"cpu_load\": true}", "/cpu_load"},
		{"{\"cpu_load\": {}}", "/cpu_load"},
		{"{\"a b\": 1}", "/a b"},
		{"[]", ""},
	};
	uint16_t names = attr_count();

	patch.n = 7;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(read_patch(bad[i].text, NULL), -EINVAL);
		assert_string_equal(err.field, bad[i].field);
		assert_int_equal(patch.n, 7);
		assert_int_equal(attr_count(), names);
	}
}

static void members(char *text, const char *prefix, int n)
{
	strcpy(text, "{");
	for (int i = 0; i < n; i++)
		sprintf(text + strlen(text), "%s\"%s%d\": 1", i ? "," : "", prefix, i);
	strcat(text, "}");
}

static void test_limits(void **state)
{
	uint16_t names = attr_count();
	char text[4096], prefix[8] = "a";

	members(text, "a", ATTR_PER_OBJECT + 1);
	assert_int_equal(read_patch(text, NULL), -ENOSPC);
	assert_string_equal(err.want, "must be at most 64 attributes");
	assert_int_equal(attr_count(), names);
	while (attr_count() + ATTR_PER_OBJECT <= ATTR_LIMIT) {
		members(text, prefix, ATTR_PER_OBJECT);
		assert_int_equal(read_patch(text, NULL), 0);
		prefix[0]++;
	}
	names = attr_count();
	members(text, prefix, ATTR_PER_OBJECT);
	assert_int_equal(read_patch(text, NULL), -ENOSPC);
	assert_non_null(strstr(err.want, "at most 256 attribute names"));
	assert_int_equal(attr_count(), names);
}

static void test_fits(void **state)
{
	struct samples have = {0};
	char text[4096];

	members(text, "a", ATTR_PER_OBJECT);
	assert_int_equal(read_patch(text, NULL), 0);
	assert_int_equal(attr_patch_fits(&patch, NULL, &err), 0);
	assert_int_equal(samples_put(&have, ATTR_CPU_LOAD, 1, 1, NULL), 0);
	assert_int_equal(attr_patch_fits(&patch, &have, &err), -ENOSPC);
	assert_string_equal(err.want, "would be 65 attributes, must be at most 64");
	patch.v[3] = (struct attr_change){.attr = ATTR_CPU_LOAD, .remove = true};
	assert_int_equal(attr_patch_fits(&patch, &have, &err), 0);
	patch.v[3] = (struct attr_change){.attr = ATTR_CPU_LOAD, .milli = 2};
	assert_int_equal(attr_patch_fits(&patch, &have, &err), 0);
	/* Taking away what is not there makes no room. */
	patch.v[3] = (struct attr_change){.attr = ATTR_COST, .remove = true};
	assert_int_equal(attr_patch_fits(&patch, &have, &err), 0);
	samples_fini(&have);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_refusals_leave_all_as_it_was),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
