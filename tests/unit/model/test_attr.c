/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "model/attr.h"
#include "util/own.h"

static uint16_t intern(const char *name)
{
	uint16_t id = UINT16_MAX;

	assert_int_equal(attr_intern(name, &id), 0);
	return id;
}

static void test_known(void **state)
{
	assert_int_equal(intern("delay_us"), ATTR_DELAY_US);
	assert_int_equal(intern("energy_mw"), ATTR_ENERGY_MW);
	assert_string_equal(attr_name(ATTR_CPU_LOAD), "cpu_load");
	assert_string_equal(attr_unit(ATTR_CPU_LOAD), "percent");
	assert_int_equal(attr_max_milli(ATTR_CPU_LOAD), 100000);
	assert_int_equal(attr_class(ATTR_LOSS_PPM), CLASS_EXPERIENCE);
	assert_int_equal(attr_class(ATTR_CPU_CORES_FREE), CLASS_RESOURCE);
	assert_int_equal(attr_class(ATTR_COST), CLASS_COST);
	for (uint16_t id = 0; id < ATTR_KNOWN_MAX; id++)
		assert_int_equal(intern(attr_name(id)), id);
}

static void test_interned(void **state)
{
	uint16_t mark = attr_count(), id = intern("gpu_load");

	assert_true(id >= ATTR_KNOWN_MAX);
	assert_int_equal(intern("gpu_load"), id);
	assert_string_equal(attr_name(id), "gpu_load");
	assert_string_equal(attr_unit(id), "");
	assert_int_equal(attr_class(id), CLASS_OTHER);
	assert_int_equal(attr_max_milli(id), ATTR_VALUE_MAX_MILLI);
	assert_int_equal(attr_count(), mark + 1);
	attr_forget(mark);
	assert_int_equal(attr_count(), mark);
	assert_string_equal(attr_name(id), "?");
	attr_forget(0); /* the known ones stay */
	assert_int_equal(intern("delay_us"), ATTR_DELAY_US);
}

static void test_bad_names(void **state)
{
	static const char *const bad[] = {"", "a b", "cpu/load", "a\n"};
	char text[66];
	uint16_t id = 7, mark = attr_count();

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(attr_intern(bad[i], &id), -EINVAL);
	assert_int_equal(attr_intern(NULL, &id), -EINVAL);
	memset(text, 'x', 64);
	text[64] = '\0';
	assert_int_equal(attr_intern(text, &id), -EINVAL);
	assert_int_equal(id, 7);
	assert_int_equal(attr_count(), mark);
	text[63] = '\0'; /* the longest */
	assert_string_equal(attr_name(intern(text)), text);
	attr_forget(mark);
}

static void test_name_limit(void **state)
{
	uint16_t mark = attr_count(), id;
	char name[32];

	for (int i = mark; i < ATTR_LIMIT; i++) {
		snprintf(name, sizeof(name), "limit_%d", i);
		assert_int_equal(intern(name), i);
	}
	id = 7;
	assert_int_equal(attr_intern("one_more", &id), -ENOSPC);
	assert_int_equal(id, 7);
	assert_int_equal(intern(name), ATTR_LIMIT - 1); /* what is there is still found */
	attr_forget(mark);
	assert_int_equal(intern("one_more"), mark);
	attr_forget(mark);
}

static void test_parse_good(void **state)
{
	static const struct {
		uint16_t attr;
		const char *text;
		int64_t milli;
	} good[] = {
		{ATTR_CPU_LOAD, "0", 0},
		{ATTR_CPU_LOAD, "71", 71000},
		{ATTR_CPU_LOAD, "71.5", 71500},
		{ATTR_CPU_LOAD, "0.001", 1},
		{ATTR_CPU_LOAD, "007.50", 7500},
		{ATTR_CPU_LOAD, "100", 100000},
		{ATTR_CPU_LOAD, "100.000", 100000},
		/* the fourth decimal rounds, half up; further ones do not matter */
		{ATTR_CPU_LOAD, "0.0005", 1},
		{ATTR_CPU_LOAD, "0.00049", 0},
		{ATTR_CPU_LOAD, "71.49949", 71499},
		{ATTR_CPU_LOAD, "71.4995", 71500},
		{ATTR_CPU_LOAD, "71.99959999999999999999999999999", 72000},
		{ATTR_CPU_LOAD, "100.0004", 100000},
		{ATTR_DELAY_US, "1000000000", 1000000000000},
		{ATTR_BANDWIDTH_KBPS, "1000000000000", 1000000000000000},
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		int64_t milli = -1;

		assert_int_equal(attr_parse(good[i].attr, good[i].text, &milli, NULL), 0);
		assert_int_equal(milli, good[i].milli);
	}
}

static void test_parse_bad(void **state)
{
	static const char *const bad[] = {
		"",
		"-1",
		"-0",
		"+1",
		"nan",
		"NaN",
		"inf",
		"-inf",
		"0x10",
		"1e3",
		"1E3",
		"1.",
		".5",
		".",
		"1.2.3",
		" 1",
		"1 ",
		"1\n",
		"1,5",
		"1%",
		"abc",
		"100.001",
		"100.0005",
		"101",
		"4294967296",
		"1_000",
		"--1",
		"1.e",
		"18446744073709551616",
		"99999999999999999999999999999999999999999999999999999999",
		"0.5x",
		"\xd9\xa1" /* a digit of another script */};
	struct err err;
	char text[512];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int64_t milli = 7;

		assert_int_equal(attr_parse(ATTR_CPU_LOAD, bad[i], &milli, &err), -EINVAL);
		assert_int_equal(milli, 7);
		assert_string_equal(err.field, "/cpu_load");
		assert_string_equal(err.want, "must be a decimal number 0..100 percent");
	}
	attr_parse(ATTR_CPU_LOAD, "-3", &(int64_t){0}, &err);
	assert_string_equal(err_text(&err, text, sizeof(text)),
			    "/cpu_load: is -3, must be a decimal number 0..100 percent");
	assert_int_equal(attr_parse(ATTR_CPU_LOAD, "x", &(int64_t){0}, NULL), -EINVAL);
}

static void test_parse_interned(void **state)
{
	uint16_t mark = attr_count(), id = intern("queue_len");
	int64_t milli;
	struct err err;

	/* 2^52 thousandths */
	assert_int_equal(attr_parse(id, "4503599627370.496", &milli, NULL), 0);
	assert_int_equal(milli, ATTR_VALUE_MAX_MILLI);
	assert_int_equal(attr_parse(id, "4503599627370.497", &milli, &err), -EINVAL);
	assert_string_equal(err.want, "must be a decimal number 0..4503599627370.496");
	assert_int_equal(attr_parse(id, "4503599627371", &milli, &err), -EINVAL);
	attr_forget(mark);
}

static int from_json(uint16_t id, json_t *value, int64_t *milli, struct err *err)
{
	int r = attr_from_json(id, value, milli, err);

	json_decref(value);
	return r;
}

static void test_json_good(void **state)
{
	static const struct {
		double x;
		int64_t milli;
	} good[] = {
		{71.5, 71500},
		{0.0, 0},
		{-0.0, 0},
		{0.0005, 1},
		{0.00049, 0},
		{1e-300, 0},
		{4.9e-324, 0},
		{0.001, 1},
		{99.9995, 99999} /* the nearest double lies below */,
		{1e2, 100000},
		{0.1, 100},
		{33.333, 33333},
		{0.0015, 2},
		{99.999, 99999},
	};
	int64_t milli;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(from_json(ATTR_CPU_LOAD, json_real(good[i].x), &milli, NULL), 0);
		assert_int_equal(milli, good[i].milli);
	}
	assert_int_equal(from_json(ATTR_CPU_LOAD, json_integer(100), &milli, NULL), 0);
	assert_int_equal(milli, 100000);
}

static void test_json_bad(void **state)
{
	json_t *const bad[] = {
		json_integer(-1),
		json_integer(101),
		json_integer(INT64_MAX),
		json_integer(INT64_MIN),
		json_real(-0.001),
		json_real(100.0005),
		json_real(1e300),
		json_string("71"),
		json_true(),
		json_null(),
		json_array(),
		json_object(),
	};
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int64_t milli = 7;

		assert_int_equal(from_json(ATTR_CPU_LOAD, bad[i], &milli, &err), -EINVAL);
		assert_int_equal(milli, 7);
		assert_string_equal(err.field, "");
		assert_string_equal(err.want, "must be a decimal number 0..100 percent");
	}
	assert_int_equal(attr_from_json(ATTR_CPU_LOAD, NULL, &(int64_t){0}, &err), -EINVAL);
	assert_string_equal(err.value, "");
	assert_int_equal(from_json(ATTR_CPU_LOAD, json_real(100.5), &(int64_t){0}, &err), -EINVAL);
	assert_string_equal(err.value, "100.5");
}

/* Also where neighbouring doubles are less than a thousandth apart. */
static void test_json_round_trip(void **state)
{
	static const int64_t start[] = {0,
					1000,
					71499,
					1000000000000,
					1000000000000000 - 1000,
					ATTR_VALUE_MAX_MILLI - 2000};
	uint16_t mark = attr_count(), id = intern("anything");

	for (size_t i = 0; i < ARRAY_SIZE(start); i++) {
		for (int64_t milli = start[i]; milli <= start[i] + 2000; milli++) {
			int64_t back = -1;

			assert_int_equal(from_json(id, attr_to_json(milli), &back, NULL), 0);
			assert_int_equal(back, milli);
		}
	}
	attr_forget(mark);
}

static void test_text(void **state)
{
	static const struct {
		int64_t milli;
		const char *text;
	} good[] = {
		{0, "0"},
		{71500, "71.5"},
		{71000, "71"},
		{1, "0.001"},
		{10, "0.01"},
		{100, "0.1"},
		{1010, "1.01"},
		{-1, "-0.001"},
		{-71500, "-71.5"},
		{ATTR_VALUE_MAX_MILLI, "4503599627370.496"},
		{INT64_MIN, "-9223372036854775.808"},
	};
	char buf[32];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_string_equal(attr_text(good[i].milli, buf, sizeof(buf)), good[i].text);
}

static void test_samples(void **state)
{
	struct samples set = {0};
	bool changed = false;

	assert_null(samples_get(&set, ATTR_CPU_LOAD));
	assert_false(samples_del(&set, ATTR_CPU_LOAD));
	assert_int_equal(samples_put(&set, ATTR_SESSIONS, 5, 100, &changed), 0);
	assert_true(changed);
	assert_int_equal(samples_put(&set, ATTR_CPU_LOAD, 7, 101, NULL), 0);
	assert_int_equal(samples_put(&set, ATTR_MEM_LOAD, 8, 102, NULL), 0);
	assert_int_equal(set.n, 3);
	for (int i = 1; i < set.n; i++)
		assert_true(set.v[i - 1].attr < set.v[i].attr);
	assert_int_equal(samples_put(&set, ATTR_SESSIONS, 5, 200, &changed), 0);
	assert_false(changed);
	assert_int_equal(samples_get(&set, ATTR_SESSIONS)->received_us, 200);
	assert_int_equal(samples_put(&set, ATTR_SESSIONS, 6, 300, &changed), 0);
	assert_true(changed);
	assert_int_equal(samples_get(&set, ATTR_SESSIONS)->milli, 6);
	assert_true(samples_del(&set, ATTR_MEM_LOAD));
	assert_null(samples_get(&set, ATTR_MEM_LOAD));
	assert_int_equal(samples_get(&set, ATTR_CPU_LOAD)->milli, 7);
	samples_fini(&set);
	assert_int_equal(set.n, 0);
}

static void test_samples_limit(void **state)
{
	struct samples set = {0};
	bool changed;

	/* falling order: every one goes to the front */
	for (int i = ATTR_PER_OBJECT - 1; i >= 0; i--)
		assert_int_equal(samples_put(&set, (uint16_t)i, i, 1, NULL), 0);
	assert_int_equal(samples_put(&set, ATTR_PER_OBJECT, 1, 1, NULL), -ENOSPC);
	assert_int_equal(set.n, ATTR_PER_OBJECT);
	assert_int_equal(samples_put(&set, 3, 4, 2, &changed), 0); /* known: no limit */
	assert_true(changed);
	assert_true(samples_del(&set, 3));
	assert_int_equal(samples_put(&set, ATTR_PER_OBJECT, 1, 1, NULL), 0);
	for (int i = 0; i < ATTR_PER_OBJECT; i++)
		assert_int_equal(samples_get(&set, (uint16_t)(i < 3 ? i : i + 1))->attr,
				 i < 3 ? i : i + 1);
	samples_fini(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),	       cmocka_unit_test(test_interned),
		cmocka_unit_test(test_bad_names),      cmocka_unit_test(test_name_limit),
		cmocka_unit_test(test_parse_good),     cmocka_unit_test(test_parse_bad),
		cmocka_unit_test(test_parse_interned), cmocka_unit_test(test_json_good),
		cmocka_unit_test(test_json_bad),       cmocka_unit_test(test_json_round_trip),
		cmocka_unit_test(test_text),	       cmocka_unit_test(test_samples),
		cmocka_unit_test(test_samples_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
