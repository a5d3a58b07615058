/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/aggregate.h"
#include "util/json.h"

static struct aggregate agg;
static struct err err;

static int read_text(const char *text)
{
	json_t *obj = json_loads(text, JSON_DECODE_ANY, NULL);
	int r;

	assert_non_null(obj);
	memset(&err, 0, sizeof(err));
	r = aggregate_from_json(obj, &agg, &err);
	json_decref(obj);
	return r;
}

static void test_round_trip(void **state)
{
	static const char text[] = "{\"attributes\":{\"cpu_load\":41.5,\"queue_us\":80},"
				   "\"capacity\":2410,\"count\":3,\"metric\":120}";
	json_t *obj;
	char *again;

	assert_int_equal(read_text(text), 0);
	assert_int_equal(agg.count, 3);
	assert_int_equal(agg.capacity, 2410);
	assert_int_equal(agg.metric, 120);
	assert_int_equal(agg.n, 2);
	assert_int_equal(agg.samples[0].attr, ATTR_CPU_LOAD);
	assert_int_equal(agg.samples[0].milli, 41500);
	assert_int_equal(agg.samples[1].attr, ATTR_QUEUE_US);
	obj = aggregate_to_json(&agg);
	again = json_text(obj);
	assert_string_equal(again, text);
	json_decref(obj);
	free(again);
}

static void test_order_of_members_does_not_count(void **state)
{
	struct aggregate first;

	assert_int_equal(read_text("{\"count\": 1, \"capacity\": 7, \"metric\": 993,"
				   " \"attributes\": {\"queue_us\": 80, \"cpu_load\": 41.5}}"),
			 0);
	first = agg;
	assert_int_equal(read_text("{\"metric\": 993, \"capacity\": 7, \"count\": 1,"
				   " \"attributes\": {\"cpu_load\": 41.5, \"queue_us\": 80}}"),
			 0);
	assert_memory_equal(&agg, &first, sizeof(agg));
}

static void test_bounds(void **state)
{
	assert_int_equal(read_text("{\"count\": 0, \"capacity\": 0, \"metric\": 1000}"), 0);
	assert_int_equal(agg.n, 0);
	assert_int_equal(read_text("{\"count\": 65535, \"capacity\": 65535000, \"metric\": 0}"), 0);
	assert_int_equal(agg.capacity, 65535000);
}

static void test_refusals_leave_all_as_it_was(void **state)
{
	static const struct {
		const char *text, *field;
	} bad[] = {
		{"[]", ""},
		{"{\"capacity\": 1, \"metric\": 1}", "/count"},
		{"{\"count\": 1, \"metric\": 1}", "/capacity"},
		{"{\"count\": 1, \"capacity\": 1}", "/metric"},
		{"{\"count\": 65536, \"capacity\": 1, \"metric\": 1}", "/count"},
		{"{\"count\": -1, \"capacity\": 0, \"metric\": 1}", "/count"},
		{"{\"count\": 1, \"capacity\": 1001, \"metric\": 1}", "/capacity"},
		{"{\"count\": 0, \"capacity\": 1, \"metric\": 1}", "/capacity"},
		{"{\"count\": 1, \"capacity\": 1, \"metric\": 1001}", "/metric"},
		{"{\"count\": 1.5, \"capacity\": 1, \"metric\": 1}", "/count"},
		{"{\"count\": 1, \"capacity\": 1, \"metric\": 1, \"best\": 1}", "/best"},
		{"{\"count\": 1, \"capacity\": 1, \"metric\": 1, \"attributes\": []}",
		 "/attributes"},
		{"{\"count\": 1, \"capacity\": 1, \"metric\": 1,"
		 " \"attributes\": {\"agg_new\": 1, \"cpu_load\": 101}}",
		 "/attributes/cpu_load"},
		{"{\"count\": 1, \"capacity\": 1, \"metric\": 1,"
		 " \"attributes\": {\"agg_new\": 1, \"cpu_load\": null}}",
		 "/attributes/cpu_load"},
	};
	uint16_t names = attr_count();
	struct aggregate before;

	assert_int_equal(read_text("{\"count\": 9, \"capacity\": 9, \"metric\": 9}"), 0);
	before = agg;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(read_text(bad[i].text), -EINVAL);
		assert_string_equal(err.field, bad[i].field);
		assert_memory_equal(&agg, &before, sizeof(agg));
		assert_int_equal(attr_count(), names);
	}
}

static void test_as_many_attributes_as_an_object_has(void **state)
{
	json_t *obj = json_pack("{s:i, s:i, s:i, s:{}}", "count", 1, "capacity", 1, "metric", 1,
				"attributes");
	json_t *attrs = json_object_get(obj, "attributes");
	char name[16];

	for (int i = 0; i < ATTR_PER_OBJECT; i++) {
		snprintf(name, sizeof(name), "many%d", i);
		json_object_set_new(attrs, name, json_integer(i));
	}
	assert_int_equal(aggregate_from_json(obj, &agg, &err), 0);
	assert_int_equal(agg.n, ATTR_PER_OBJECT);
	json_object_set_new(attrs, "one_more", json_integer(1));
	assert_int_equal(aggregate_from_json(obj, &agg, &err), -ENOSPC);
	assert_string_equal(err.field, "/attributes");
	json_decref(obj);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_order_of_members_does_not_count),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_refusals_leave_all_as_it_was),
		cmocka_unit_test(test_as_many_attributes_as_an_object_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
