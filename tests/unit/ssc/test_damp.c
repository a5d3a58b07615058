/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ssc/ssc.h"
#include "util/own.h"

#define S UINT64_C(1000000)
#define HALF SSC_DAMP_HALF_LIFE_US

/* n changes at one moment; the first call only says how it is. */
static bool flap(struct ssc_damping *d, int n, uint64_t now)
{
	bool suppressed = ssc_damp(d, d->known ? d->satisfied : true, now);

	for (int i = 0; i < n; i++)
		suppressed = ssc_damp(d, !d->satisfied, now);
	return suppressed;
}

static void test_steady(void **state)
{
	struct ssc_damping d = {0};

	for (uint64_t t = 1; t < 100; t++)
		assert_false(ssc_damp(&d, true, t * S));
	assert_int_equal(ssc_damp_penalty(&d, 100 * S), 0);
	assert_true(ssc_damp_until(&d) == UINT64_MAX);
	d = (struct ssc_damping){0};
	assert_false(ssc_damp(&d, false, 1)); /* starting badly is no change */
	assert_int_equal(d.penalty, 0);
}

static void test_threshold(void **state)
{
	struct ssc_damping d = {0};

	assert_false(flap(&d, 3, 1 * S)); /* 3000: not above */
	assert_int_equal(ssc_damp_penalty(&d, 1 * S), SSC_DAMP_SUPPRESS);
	assert_true(flap(&d, 1, 1 * S));
	assert_int_equal(ssc_damp_penalty(&d, 1 * S), 4000);
}

static void test_decay(void **state)
{
	static const struct {
		uint64_t after;
		uint32_t penalty;
	} table[] = {
		{0, 16000},	{HALF / 2, 11313}, /* 16000 / sqrt 2 = 11313.7 */
		{HALF, 8000},	{2 * HALF, 4000},  {4 * HALF, 1000},	{10 * HALF, 15},
		{14 * HALF, 0}, {32 * HALF, 0},	   {UINT64_MAX - 1, 0},
	};
	const struct ssc_damping d = {.penalty = 16000, .updated_us = 1};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		assert_int_equal(ssc_damp_penalty(&d, 1 + table[i].after), table[i].penalty);
	assert_int_equal(ssc_damp_penalty(&d, 0), 16000); /* before: not yet decayed */
}

static void test_decay_never_rises(void **state)
{
	const struct ssc_damping d = {.penalty = SSC_DAMP_MAX};
	uint32_t last = SSC_DAMP_MAX;

	for (uint64_t t = 0; t < 16 * HALF; t += 1013) {
		uint32_t p = ssc_damp_penalty(&d, t);

		assert_true(p <= last);
		last = p;
	}
	assert_int_equal(last, 0);
}

/* Being asked often must neither stop nor speed the decay. */
static void test_asking_is_free(void **state)
{
	struct ssc_damping asked = {0}, left = {0};

	flap(&asked, 5, 1 * S);
	flap(&left, 5, 1 * S);
	for (uint64_t t = 1 * S; t < 20 * S; t += 100)
		ssc_damp(&asked, asked.satisfied, t);
	assert_int_equal(ssc_damp_penalty(&asked, 20 * S), ssc_damp_penalty(&left, 20 * S));
}

static void test_reuse(void **state)
{
	struct ssc_damping d = {0};
	uint64_t until;

	assert_true(flap(&d, 4, 1 * S));
	until = ssc_damp_until(&d);
	assert_true(until > 1 * S + 2 * HALF && until < 1 * S + 3 * HALF); /* log2(4000/750) */
	assert_true(ssc_damp(&d, d.satisfied, until - 1));
	assert_int_equal(ssc_damp_penalty(&d, until - 1), SSC_DAMP_REUSE);
	assert_false(ssc_damp(&d, d.satisfied, until));
	assert_true(ssc_damp_until(&d) == UINT64_MAX);
	/* between reuse and suppress: stays as it is */
	assert_false(flap(&d, 1, until));
}

static void test_ceiling(void **state)
{
	struct ssc_damping d = {0};

	assert_true(flap(&d, 1000, 1 * S));
	assert_int_equal(ssc_damp_penalty(&d, 1 * S), SSC_DAMP_MAX);
	assert_true(ssc_damp_until(&d) < 1 * S + 5 * HALF); /* so it ends */
}

/* Changes far enough apart never suppress. */
static void test_slow_changes(void **state)
{
	struct ssc_damping d = {0};

	for (int i = 0; i < 1000; i++)
		assert_false(ssc_damp(&d, i % 2, (uint64_t)i * HALF)); /* sum < 2000 */
	assert_true(d.penalty <= 2000 && d.penalty > 1990);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steady),	       cmocka_unit_test(test_threshold),
		cmocka_unit_test(test_decay),	       cmocka_unit_test(test_decay_never_rises),
		cmocka_unit_test(test_asking_is_free), cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_ceiling),	       cmocka_unit_test(test_slow_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
