/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is worth sending, smoothing, and the rule of the health probe. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "../../../userspace/san-agent/gate.c"
#include "../../../userspace/san-agent/probe_judge.c"

#define SECOND 1000000ull

static const struct gate_rule rule = {.band = 2000, .min_us = SECOND / 10, .max_us = 3 * SECOND};

static void test_first_value(void **state)
{
	struct gate gate = {};

	assert_true(gate_due(&gate, 0, 0, &rule));
	assert_true(gate_due(&gate, 71500, 5 * SECOND, &rule));
}

static void test_dead_band(void **state)
{
	struct gate gate = {};
	uint64_t later = SECOND + SECOND / 2;

	gate_sent(&gate, 50000, SECOND);
	assert_false(gate_due(&gate, 50000, later, &rule));
	assert_false(gate_due(&gate, 51999, later, &rule));
	assert_true(gate_due(&gate, 52000, later, &rule));
	assert_false(gate_due(&gate, 48001, later, &rule));
	assert_true(gate_due(&gate, 48000, later, &rule));
}

static void test_band_zero(void **state)
{
	const struct gate_rule any = {.band = 0, .min_us = 0, .max_us = 3 * SECOND};
	struct gate gate = {};

	gate_sent(&gate, 1000, SECOND);
	assert_false(gate_due(&gate, 1000, 2 * SECOND, &any));
	assert_true(gate_due(&gate, 1001, 2 * SECOND, &any));
	assert_true(gate_due(&gate, 1001, SECOND, &any)); /* no minimum interval */
}

static void test_min_interval(void **state)
{
	struct gate gate = {};

	gate_sent(&gate, 0, SECOND);
	assert_false(gate_due(&gate, 100000, SECOND + SECOND / 10 - 1, &rule));
	assert_true(gate_due(&gate, 100000, SECOND + SECOND / 10, &rule));
}

static void test_max_age(void **state)
{
	struct gate gate = {};

	gate_sent(&gate, 50000, SECOND);
	assert_false(gate_due(&gate, 50000, 4 * SECOND - 1, &rule));
	assert_true(gate_due(&gate, 50000, 4 * SECOND, &rule));
}

/* Slow drift: every step is inside of the band, the sum is not. */
static void test_drift(void **state)
{
	struct gate gate = {};
	uint64_t now = SECOND;
	int sent = 0;

	gate_sent(&gate, 0, now);
	for (int64_t milli = 500; milli <= 10000; milli += 500) {
		now += SECOND / 5;
		if (gate_due(&gate, milli, now, &rule)) {
			gate_sent(&gate, milli, now);
			sent++;
		}
	}
	assert_int_equal(sent, 5);
	assert_int_equal(gate.milli, 10000);
}

static void test_ewma(void **state)
{
	struct ewma ewma = {};

	assert_int_equal(ewma_add(&ewma, 40000, 500), 40000); /* the first counts in full */
	assert_int_equal(ewma_add(&ewma, 100000, 500), 70000);
	assert_int_equal(ewma_add(&ewma, 100000, 500), 85000);
	assert_int_equal(ewma_add(&ewma, 0, 500), 42500);
	assert_int_equal(ewma_add(&ewma, 0, 1000), 0); /* no smoothing */
	assert_int_equal(ewma_add(&ewma, 7, 1000), 7);
}

/* A real rise from idle to full shows within a second: default weight, default interval. */
static void test_rise_in_a_second(void **state)
{
	struct ewma ewma = {};
	int64_t value = 0;

	ewma_add(&ewma, 0, 500);
	for (int i = 0; i < 5; i++)
		value = ewma_add(&ewma, 100000, 500);
	assert_true(value > 90000);
	for (int i = 0; i < 40; i++)
		value = ewma_add(&ewma, 100000, 500);
	assert_int_equal(value, 100000); /* and arrives */
}

static void test_round(void **state)
{
	assert_int_equal(milli_round(71449, 100), 71400);
	assert_int_equal(milli_round(71450, 100), 71500);
	assert_int_equal(milli_round(0, 100), 0);
	assert_int_equal(milli_round(99, 1), 99);
}

static void test_probe_first(void **state)
{
	struct probe_state good = {}, bad = {};

	assert_true(probe_judge(&good, true, 3));
	assert_true(good.up);
	assert_true(probe_judge(&bad, false, 3)); /* never seen healthy: down at once */
	assert_false(bad.up);
	assert_true(bad.known);
}

static void test_probe_failures(void **state)
{
	struct probe_state probe = {};

	probe_judge(&probe, true, 3);
	assert_false(probe_judge(&probe, false, 3));
	assert_false(probe_judge(&probe, false, 3));
	assert_true(probe.up);
	assert_false(probe_judge(&probe, true, 3)); /* counts from the beginning again */
	assert_false(probe_judge(&probe, false, 3));
	assert_false(probe_judge(&probe, false, 3));
	assert_true(probe_judge(&probe, false, 3));
	assert_false(probe.up);
	assert_false(probe_judge(&probe, false, 3)); /* said once */
	assert_true(probe_judge(&probe, true, 3));   /* one success is enough */
	assert_true(probe.up);
}

static void test_probe_one(void **state)
{
	struct probe_state probe = {};

	probe_judge(&probe, true, 1);
	assert_true(probe_judge(&probe, false, 1));
	assert_false(probe.up);
}

static void test_http_status(void **state)
{
	static const struct {
		const char *text;
		int status;
	} table[] = {
		{"HTTP/1.1 200 OK\r\n", 200},
		{"HTTP/1.0 503 Service", 503},
		{"HTTP/1.1 404", 404},
		{"HTTP/1.1 40", -EINVAL},
		{"HTTP/2 200 OK\r\n", -EINVAL},
		{"HTTP/1.1 2x0 OK", -EINVAL},
		{"HTTP/1.1-200 OK", -EINVAL},
		{"SSH-2.0-OpenSSH_9", -EINVAL},
		{"", -EINVAL},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(probe_http_status(table[i].text, strlen(table[i].text)),
				 table[i].status);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_value),    cmocka_unit_test(test_dead_band),
		cmocka_unit_test(test_band_zero),      cmocka_unit_test(test_min_interval),
		cmocka_unit_test(test_max_age),	       cmocka_unit_test(test_drift),
		cmocka_unit_test(test_ewma),	       cmocka_unit_test(test_rise_in_a_second),
		cmocka_unit_test(test_round),	       cmocka_unit_test(test_probe_first),
		cmocka_unit_test(test_probe_failures), cmocka_unit_test(test_probe_one),
		cmocka_unit_test(test_http_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
