/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "expr.h"

#define DAY 86400

static int teardown(void **state)
{
	expr_free();
	return 0;
}

static int64_t seconds(const char *date)
{
	struct nemo_value v;

	assert_int_equal(nemo_value_read(NEMO_DATE, date, &v, NULL), 0);
	return nemo_date_seconds(&v.date);
}

static void assert_edge(const struct nemo_expr *e, const char *now, const char *want)
{
	struct nemo_value v = {.type = NEMO_DATE};
	char text[32];

	nemo_date_from_seconds(seconds(now), &v.date);
	if (!nemo_next_edge(e, &v.date, &v.date))
		assert_string_equal("never", want);
	else
		assert_string_equal(nemo_value_text(&v, text, sizeof(text)), want);
}

static void test_time_of_day(void **state)
{
	struct nemo_expr *after = clock_is(NEMO_OP_GT, "18:00:00");
	struct nemo_expr *from = clock_is(NEMO_OP_GE, "18:00:00");

	assert_edge(after, "2026-02-28 12:00:00", "2026-02-28 18:00:01");
	assert_edge(after, "2026-02-28 18:00:00", "2026-02-28 18:00:01");
	assert_edge(after, "2026-02-28 18:00:01", "2026-03-01 00:00:00");
	assert_edge(from, "2024-02-28 17:59:59", "2024-02-28 18:00:00");
	assert_edge(from, "2024-02-28 18:00:00", "2024-02-29 00:00:00");
	assert_edge(clock_is(NEMO_OP_EQ, "23:59:59"), "2026-12-31 23:59:59", "2027-01-01 00:00:00");
	assert_edge(clock_is(NEMO_OP_EQ, "23:59:59"), "2027-01-01 00:00:00", "2027-01-01 23:59:59");
}

static void test_dates(void **state)
{
	struct nemo_expr *day = clock_is(NEMO_OP_EQ, "2024-02-29");
	struct nemo_expr *moment = clock_is(NEMO_OP_LE, "2024-02-29 23:59:59");

	assert_edge(day, "2024-01-01 10:00:00", "2024-02-29 00:00:00");
	assert_edge(day, "2024-02-29 00:00:00", "2024-03-01 00:00:00");
	assert_edge(day, "2024-03-01 00:00:00", "never");
	assert_edge(clock_is(NEMO_OP_GT, "2024-02-29"), "2024-01-01 10:00:00",
		    "2024-03-01 00:00:00");
	assert_edge(clock_is(NEMO_OP_LT, "2024-02-29"), "2024-01-01 10:00:00",
		    "2024-02-29 00:00:00");
	assert_edge(clock_is(NEMO_OP_LT, "2024-02-29"), "2024-02-29 00:00:00", "never");
	assert_edge(moment, "2024-02-29 12:00:00", "2024-03-01 00:00:00");
	assert_edge(moment, "2024-03-01 00:00:00", "never");
}

static void test_literal_on_the_left(void **state)
{
	struct nemo_expr *before = op2(NEMO_OP_GE, lit(NEMO_DATE, "06:00"), var("time", NEMO_DATE));

	assert_edge(before, "2026-05-01 05:00:00", "2026-05-01 06:00:01");
}

static void test_never(void **state)
{
	assert_edge(NULL, "2026-05-01 05:00:00", "never");
	assert_edge(flag("p"), "2026-05-01 05:00:00", "never");
	assert_edge(number_is("a", NEMO_OP_GT, "3"), "2026-05-01 05:00:00", "never");
	/* No date is behind the last one. */
	assert_edge(clock_is(NEMO_OP_GT, "18:00"), "9999-12-31 12:00:00", "9999-12-31 18:00:01");
	assert_edge(clock_is(NEMO_OP_GT, "18:00"), "9999-12-31 18:00:01", "never");
	assert_edge(clock_is(NEMO_OP_LE, "9999-12-31"), "2026-05-01 05:00:00", "never");
}

/* What a property holds is not known here: any second may be the one. */
static void test_dates_of_properties(void **state)
{
	assert_edge(op2(NEMO_OP_GT, var("since", NEMO_DATE), var("time", NEMO_DATE)),
		    "2026-05-01 05:00:00", "2026-05-01 05:00:01");
}

static struct nemo_expr *random_clock(void)
{
	static const char *const around[] = {"00:00:00",
					     "00:00:01",
					     "06:30:00",
					     "23:59:59",
					     "18:00",
					     "2023-12-31",
					     "2024-01-01",
					     "2024-02-29",
					     "2024-02-28 23:59:59",
					     "2024-03-01 00:00:00",
					     "2024-01-01 00:00:00",
					     "2023-12-31 18:00:00"};
	struct nemo_expr *l = var("time", NEMO_DATE), *r = lit(NEMO_DATE, around[pick(12)]);

	return pick(2) ? op2(NEMO_OP_EQ + pick(6), l, r) : op2(NEMO_OP_EQ + pick(6), r, l);
}

static struct nemo_expr *random_expr(unsigned int depth)
{
	unsigned int kind = depth == 0 ? 9 : pick(8);

	if (kind == 0)
		return not_(random_expr(depth - 1));
	if (kind < 3)
		return op2(NEMO_OP_AND, random_expr(depth - 1), random_expr(depth - 1));
	if (kind < 5)
		return op2(NEMO_OP_OR, random_expr(depth - 1), random_expr(depth - 1));
	if (kind == 5)
		return op2(NEMO_OP_NE, random_expr(depth - 1), not_(random_expr(depth - 1)));
	return random_clock();
}

/* Second by second, begin to end: between two edges nothing changes. The number of changes. */
static unsigned int walk(const struct nemo_expr *e, int64_t begin, int64_t end)
{
	struct nemo_env env = {0};
	struct nemo_date edge;
	enum nemo_truth was = NEMO_UNKNOWN, is;
	unsigned int changes = 0, edges = 0;
	int64_t next = begin;

	for (int64_t now = begin; now < end; now++) {
		nemo_date_from_seconds(now, &env.now);
		is = nemo_eval(e, &env);
		if (now != begin && is != was)
			changes++;
		if (now == next) {
			edges++;
			next = nemo_next_edge(e, &env.now, &edge) ? nemo_date_seconds(&edge)
								  : INT64_MAX;
			assert_true(next > now);
		} else {
			assert_int_equal(is, was);
		}
		was = is;
	}
	assert_true(edges < 200);
	return changes;
}

static void test_every_change_lies_on_an_edge(void **state)
{
	static const char *const begins[] = {"2023-12-30 20:00:00", "2024-02-28 12:00:00"};
	unsigned int changes = 0;

	for (unsigned int i = 0; i < 24; i++) {
		int64_t begin = seconds(begins[i % 2]);

		changes += walk(random_expr(3), begin, begin + 5 * DAY / 2);
		expr_free();
	}
	assert_true(changes > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_time_of_day, teardown),
		cmocka_unit_test_teardown(test_dates, teardown),
		cmocka_unit_test_teardown(test_literal_on_the_left, teardown),
		cmocka_unit_test_teardown(test_never, teardown),
		cmocka_unit_test_teardown(test_dates_of_properties, teardown),
		cmocka_unit_test_teardown(test_every_change_lies_on_an_edge, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
