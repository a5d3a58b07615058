/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What needs no server: page heap, escapes, problems. */
#include "unit/north/rig.h"

#include "north/rest.h"

/* ---- pages ---- */

static int by_int(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void check_pick(int n, size_t max)
{
	int values[100];
	struct pick pick;

	for (int i = 0; i < n; i++)
		values[i] = i * 37 % 101; /* distinct, out of order */
	assert_int_equal(pick_init(&pick, max, by_int), 0);
	for (int i = 0; i < n; i++)
		pick_add(&pick, &values[i]);
	pick_sort(&pick);
	assert_int_equal(pick.n, (size_t)n < max ? (size_t)n : max);
	qsort(values, n, sizeof(*values), by_int);
	pick_fini(&pick);
}

static void test_pick_counts(void **state)
{
	for (int n = 0; n <= 100; n += 9) {
		check_pick(n, 1);
		check_pick(n, 10);
		check_pick(n, 101);
	}
}

static void test_pick_takes_the_smallest_in_order(void **state)
{
	int values[100];
	struct pick pick;

	assert_int_equal(pick_init(&pick, 7, by_int), 0);
	for (int i = 0; i < 100; i++) {
		values[i] = i * 37 % 101;
		pick_add(&pick, &values[i]);
	}
	pick_sort(&pick);
	for (int i = 0; i < 7; i++)
		assert_int_equal(*(const int *)pick.v[i], i);
	pick_fini(&pick);
}

/* ---- escapes ---- */

static void test_decode(void **state)
{
	static const char *const bad[] = {"%", "%4", "%zz", "%4g", "a%2", "%00", "%2f", "a%2Fb"};
	char text[32];

	strcpy(text, "a%41%7e+b");
	assert_int_equal(rest_decode(text), 0);
	assert_string_equal(text, "aA~+b");
	strcpy(text, "");
	assert_int_equal(rest_decode(text), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		strcpy(text, bad[i]);
		assert_int_equal(rest_decode(text), -EINVAL);
	}
}

/* ---- problems ---- */

static void test_status_of(void **state)
{
	assert_int_equal(rest_status_of(-EINVAL), 400);
	assert_int_equal(rest_status_of(-ENOENT), 404);
	assert_int_equal(rest_status_of(-EEXIST), 409);
	assert_int_equal(rest_status_of(-ESTALE), 412);
	assert_int_equal(rest_status_of(-EFBIG), 413);
	assert_int_equal(rest_status_of(-ENOMEM), 500);
	assert_int_equal(rest_status_of(-EROFS), 503);
	assert_int_equal(rest_status_of(-ETIMEDOUT), 504);
	assert_int_equal(rest_status_of(-ENOSPC), 507);
}

static void test_problem_of_foul_text(void **state)
{
	struct err err = {0};
	json_t *problem;

	err_set(&err, -EINVAL, "/a", "\xff\x01\"", "must be text");
	err_object(&err, "service");
	problem = rest_problem_json(400, &err);
	assert_non_null(problem);
	assert_string_equal(text_at(problem, "title"), "Bad Request");
	assert_string_equal(text_at(problem, "field"), "/a");
	assert_string_equal(text_at(problem, "value"), "?\?\"");
	json_decref(problem);
}

static void test_values_print_as_they_were_written(void **state)
{
	static const struct {
		int64_t milli;
		const char *text;
	} cases[] = {{3300, "3.3"}, {71500, "71.5"}, {100, "0.1"},
		     {5000, "5"},   {1, "0.001"},    {999999999999, "999999999.999"},
		     {0, "0"}};

	const struct view view = {0};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sample sample = {.attr = ATTR_CPU_LOAD, .milli = cases[i].milli};
		struct samples set = {.v = &sample, .n = 1};
		json_t *obj = rest_attributes(&view, &set);
		char *text = rest_text(json_object_get(json_object_get(obj, "cpu_load"), "value"));

		assert_string_equal(text, cases[i].text);
		/* received before this boot: age unknown */
		assert_true(
			json_is_null(json_object_get(json_object_get(obj, "cpu_load"), "age_s")));
		free(text);
		json_decref(obj);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pick_counts),
		cmocka_unit_test(test_pick_takes_the_smallest_in_order),
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_status_of),
		cmocka_unit_test(test_problem_of_foul_text),
		cmocka_unit_test(test_values_print_as_they_were_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
