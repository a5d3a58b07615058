/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bucket of tokens, over times that a test on a kernel would have to wait for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/cursor.h"
#include "lib/meter.h"

#define SECOND 1000000000ull
#define START (1000 * SECOND)

/* Offers a frame each gap; the bytes that passed in so many seconds. */
static uint64_t offer(struct san_meter *m, uint32_t bytes, uint64_t gap_ns, unsigned int seconds)
{
	uint64_t now, end = START + seconds * SECOND, passed = 0;

	for (now = START; now < end; now += gap_ns)
		passed += meter_take(m, now, bytes) ? bytes : 0;
	return passed;
}

/* Twice the rate is offered: the rate passes, and a burst at most. */
static void check_rate(uint32_t rate_kbps, uint32_t bytes, unsigned int seconds)
{
	struct san_meter m = {.rate_kbps = rate_kbps};
	uint64_t fair = (uint64_t)rate_kbps * 125 * seconds;
	uint64_t burst = (uint64_t)meter_burst(rate_kbps) / SAN_METER_BYTE;
	uint64_t passed = offer(&m, bytes, 4000000ull * bytes / rate_kbps, seconds);

	assert_in_range(passed, fair - fair / 1000 - bytes, fair + burst + bytes);
}

static void test_rates(void **state)
{
	static const uint32_t rates[] = {1, 64, 1000, 10000, 1000000, 100000000};
	static const uint32_t sizes[] = {64, 1514, 9018};

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++)
			check_rate(rates[i], sizes[k], rates[i] < 1000 ? 10000 : 1);
	}
}

static unsigned int at_once(struct san_meter *m, uint64_t now, uint32_t bytes)
{
	unsigned int n = 0;

	while (n < 1000000 && meter_take(m, now, bytes))
		n++;
	return n;
}

/* 10 ms of the rate, two full frames at least. */
static void test_bursts(void **state)
{
	struct san_meter fast = {.rate_kbps = 1000000}, slow = {.rate_kbps = 1000};

	assert_int_equal(at_once(&fast, START, 1000), 1250);
	assert_int_equal(at_once(&slow, START, 1522), 2);
	assert_int_equal(at_once(&fast, START + SECOND / 1000, 1000), 125);
	assert_int_equal(at_once(&fast, START + 3600 * SECOND, 1000), 1250); /* not more */
	assert_int_equal(at_once(&slow, START + 3600 * SECOND, 1522), 2);
}

/* The largest rate, the slowest one after years, a clock that another CPU read earlier. */
static void test_extremes(void **state)
{
	struct san_meter fast = {.rate_kbps = UINT32_MAX}, slow = {.rate_kbps = 1};

	assert_int_equal(at_once(&fast, UINT64_MAX / 2, 65535), 81921);
	assert_int_equal(at_once(&fast, UINT64_MAX, 65535), 81921);
	assert_int_equal(at_once(&slow, START, 65535), 1);
	assert_int_equal(at_once(&slow, START + 400 * SECOND, 64), 0); /* still in debt */
	assert_int_equal(at_once(&slow, UINT64_MAX, 1522), 2);
	assert_int_equal(meter_take(&slow, START, 64), 0);
	assert_true(slow.last_ns == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_bursts),
		cmocka_unit_test(test_extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
