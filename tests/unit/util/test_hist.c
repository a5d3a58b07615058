/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "util/hist.h"

static void empty_has_no_quantile(void **state)
{
	const struct hist hist = {0};

	assert_int_equal(hist_quantile_us(&hist, 500), 0);
}

static void bounds_rise_and_are_inclusive(void **state)
{
	for (unsigned int i = 0; i + 1 < HIST_BUCKETS; i++) {
		struct hist hist = {0};

		assert_true(hist_bound_us(i) < hist_bound_us(i + 1));
		hist_add(&hist, hist_bound_us(i));
		hist_add(&hist, hist_bound_us(i) + 1);
		assert_int_equal(hist.bucket[i], 1);
		assert_int_equal(hist.bucket[i + 1], 1);
	}
	assert_int_equal(hist_bound_us(HIST_BUCKETS - 1), UINT64_MAX);
}

static void quantiles_count_from_below(void **state)
{
	struct hist hist = {0};

	for (int i = 0; i < 99; i++)
		hist_add(&hist, 15);
	hist_add(&hist, 4000);
	assert_int_equal(hist.count, 100);
	assert_int_equal(hist.sum_us, 99 * 15 + 4000);
	assert_int_equal(hist_quantile_us(&hist, 500), 20);
	assert_int_equal(hist_quantile_us(&hist, 990), 20);
	assert_int_equal(hist_quantile_us(&hist, 991), 5000);
	assert_int_equal(hist_quantile_us(&hist, 1000), 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_has_no_quantile),
		cmocka_unit_test(bounds_rise_and_are_inclusive),
		cmocka_unit_test(quantiles_count_from_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
