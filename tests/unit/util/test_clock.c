/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Times as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "util/clock.h"

static void test_rfc3339(void **state)
{
	char buf[CLOCK_RFC3339];

	setenv("TZ", "Asia/Tokyo", 1); /* does not matter */
	tzset();
	assert_ptr_equal(clock_rfc3339(0, buf), buf);
	assert_string_equal(buf, "1970-01-01T00:00:00Z");
	assert_string_equal(clock_rfc3339(1798135200, buf), "2026-12-24T18:00:00Z");
	assert_string_equal(clock_rfc3339(-1, buf), "1969-12-31T23:59:59Z");
	assert_string_equal(clock_rfc3339(INT64_C(253402300799), buf), "9999-12-31T23:59:59Z");
	assert_string_equal(clock_rfc3339(INT64_C(253402300800), buf), "9999-12-31T23:59:59Z");
	assert_string_equal(clock_rfc3339(INT64_MAX, buf), "9999-12-31T23:59:59Z");
}

static void test_real(void **state)
{
	int64_t before = time(NULL), now = clock_real_s();

	assert_true(now >= before && now <= time(NULL) + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc3339),
		cmocka_unit_test(test_real),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
