/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

#include "nemo/cond.h"

#define DAY 86400
#define FIRST INT64_C(-62135596800) /* 0001-01-01 00:00:00 */
#define LAST INT64_C(253402300799)  /* 9999-12-31 23:59:59 */

static void assert_like_libc(int64_t seconds)
{
	time_t t = (time_t)seconds;
	struct nemo_date d;
	struct tm tm;

	nemo_date_from_seconds(seconds, &d);
	assert_non_null(gmtime_r(&t, &tm));
	assert_true(d.has_day && d.has_time);
	assert_int_equal(d.year, tm.tm_year + 1900);
	assert_int_equal(d.month, tm.tm_mon + 1);
	assert_int_equal(d.day, tm.tm_mday);
	assert_int_equal(d.hour, tm.tm_hour);
	assert_int_equal(d.minute, tm.tm_min);
	assert_int_equal(d.second, tm.tm_sec);
	assert_int_equal(nemo_date_seconds(&d), seconds);
}

static void test_every_day_is_that_of_libc(void **state)
{
	for (int64_t day = FIRST; day < LAST; day += 3 * DAY)
		assert_like_libc(day + (day / DAY & 0xffff));
	assert_like_libc(FIRST);
	assert_like_libc(LAST);
}

static void test_every_second_around_leap_days(void **state)
{
	static const int64_t midnights[] = {951782400 /* 2000-02-29 */, 4107456000 /* 2100-02-28 */,
					    1709164800 /* 2024-02-29 */, 0, -DAY};

	for (unsigned int i = 0; i < sizeof(midnights) / sizeof(*midnights); i++)
		for (int64_t s = -DAY; s < 2 * DAY; s += 7)
			assert_like_libc(midnights[i] + s);
}

static void test_parts(void **state)
{
	const struct nemo_date day = {
		.has_day = true, .year = 1970, .month = 1, .day = 2, .hour = 5};
	const struct nemo_date time = {.has_time = true,
				       .year = 2020,
				       .month = 3,
				       .day = 4,
				       .hour = 1,
				       .minute = 2,
				       .second = 3};

	assert_int_equal(nemo_date_seconds(&day), DAY);
	assert_int_equal(nemo_date_seconds(&time), 3723);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_day_is_that_of_libc),
		cmocka_unit_test(test_every_second_around_leap_days),
		cmocka_unit_test(test_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
