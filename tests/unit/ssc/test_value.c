/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Aggregation over segments, and freshness. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/ssc/fix.h"
#include "util/own.h"

static struct service svc;
static struct fix fix;

static int setup(void **state)
{
	service_by_cost(&svc);
	fix_init(&fix, "i1", "be");
	return 0;
}

static int teardown(void **state)
{
	fix_fini(&fix);
	return 0;
}

static struct ssc_value value(uint16_t attr)
{
	struct ssc_candidate cand = fix_cand(&fix);

	return ssc_aggregate(&svc, &cand, attr, FIX_NOW);
}

static void assert_value(uint16_t attr, int64_t milli)
{
	struct ssc_value v = value(attr);

	assert_int_equal(v.state, SSC_VALUE_OK);
	assert_int_equal(v.milli, milli);
}

static void test_delay(void **state)
{
	fix_instance(&fix, ATTR_QUEUE_US, 300);
	fix_instance(&fix, ATTR_DELAY_US, 7); /* not a segment */
	assert_int_equal(value(ATTR_DELAY_US).state, SSC_VALUE_UNKNOWN);
	fix_path(&fix, ATTR_DELAY_US, 1000);
	assert_value(ATTR_DELAY_US, 1300000);
	fix_instance(&fix, ATTR_SITE_DELAY_US, 20);
	assert_value(ATTR_DELAY_US, 1320000);
	fix_instance(&fix, ATTR_LB_DELAY_US, 1);
	assert_value(ATTR_DELAY_US, 1321000);
	fix_path(&fix, ATTR_QUEUE_US, 5000); /* the instance's counts */
	assert_value(ATTR_DELAY_US, 1321000);
	assert_value(ATTR_QUEUE_US, 300000);
}

static void test_jitter(void **state)
{
	fix_instance(&fix, ATTR_JITTER_US, 3);
	assert_int_equal(value(ATTR_JITTER_US).state, SSC_VALUE_UNKNOWN);
	fix_path(&fix, ATTR_JITTER_US, 10);
	assert_value(ATTR_JITTER_US, 13000);
}

static void test_loss(void **state)
{
	fix_instance(&fix, ATTR_LOSS_PPM, 500000);
	assert_int_equal(value(ATTR_LOSS_PPM).state, SSC_VALUE_UNKNOWN);
	fix_path(&fix, ATTR_LOSS_PPM, 500000);
	assert_value(ATTR_LOSS_PPM, 750000000);
	fix_instance(&fix, ATTR_LOSS_PPM, 0);
	assert_value(ATTR_LOSS_PPM, 500000000);
	fix_instance(&fix, ATTR_LOSS_PPM, 1000000);
	assert_value(ATTR_LOSS_PPM, 1000000000);
	fix_path(&fix, ATTR_LOSS_PPM, 1000000);
	assert_value(ATTR_LOSS_PPM, 1000000000);
	fix_path(&fix, ATTR_LOSS_PPM, 1000);
	fix_instance(&fix, ATTR_LOSS_PPM, 1000);
	assert_value(ATTR_LOSS_PPM, 1999000); /* 0.001 + 0.001 - 0.000001 */
	samples_put(&fix.path.samples, ATTR_LOSS_PPM, 1, FIX_NOW, NULL);
	samples_put(&fix.instance.samples, ATTR_LOSS_PPM, 500000000, FIX_NOW, NULL);
	assert_value(ATTR_LOSS_PPM, 500000001); /* 500000000.5, half up */
	samples_put(&fix.instance.samples, ATTR_LOSS_PPM, 500000001, FIX_NOW, NULL);
	assert_value(ATTR_LOSS_PPM, 500000001); /* ...1.499999999 */
}

static void test_bandwidth(void **state)
{
	static const uint16_t attrs[] = {ATTR_BANDWIDTH_KBPS, ATTR_BANDWIDTH_FREE_KBPS};

	for (size_t i = 0; i < ARRAY_SIZE(attrs); i++) {
		assert_int_equal(value(attrs[i]).state, SSC_VALUE_UNKNOWN);
		fix_instance(&fix, attrs[i], 50); /* whoever reports it */
		assert_value(attrs[i], 50000);
		fix_path(&fix, attrs[i], 40);
		assert_value(attrs[i], 40000);
		fix_path(&fix, attrs[i], 60);
		assert_value(attrs[i], 50000);
		samples_del(&fix.instance.samples, attrs[i]);
		assert_value(attrs[i], 60000);
	}
}

static void test_others(void **state)
{
	assert_int_equal(value(ATTR_CPU_LOAD).state, SSC_VALUE_UNKNOWN);
	fix_path(&fix, ATTR_COST, 9);
	assert_value(ATTR_COST, 9000);
	fix_instance(&fix, ATTR_COST, 4);
	assert_value(ATTR_COST, 4000);
	fix_instance(&fix, ATTR_KNOWN_MAX + 1, 5);
	assert_value(ATTR_KNOWN_MAX + 1, 5000);
}

static void test_largest(void **state)
{
	fix_path(&fix, ATTR_DELAY_US, 1000000000);
	fix_instance(&fix, ATTR_QUEUE_US, 1000000000);
	fix_instance(&fix, ATTR_SITE_DELAY_US, 1000000000);
	fix_instance(&fix, ATTR_LB_DELAY_US, 1000000000);
	assert_value(ATTR_DELAY_US, 4000000000000);
}

static void test_age(void **state)
{
	struct ssc_candidate cand = fix_cand(&fix);
	struct ssc_value v;

	samples_put(&fix.path.samples, ATTR_DELAY_US, 1, FIX_NOW - 2 * S, NULL);
	samples_put(&fix.instance.samples, ATTR_QUEUE_US, 1, FIX_NOW - 3 * S, NULL);
	samples_put(&fix.instance.samples, ATTR_LB_DELAY_US, 1, FIX_NOW + 5 * S, NULL);
	v = ssc_aggregate(&svc, &cand, ATTR_DELAY_US, FIX_NOW);
	assert_int_equal(v.age_us, 3 * S); /* of the oldest part; the future counts as now */
	assert_int_equal(v.state, SSC_VALUE_OK);
	v = ssc_aggregate(&svc, &cand, ATTR_DELAY_US, FIX_NOW + 7 * S);
	assert_int_equal(v.state, SSC_VALUE_OK); /* 10 s: not older than max_age */
	v = ssc_aggregate(&svc, &cand, ATTR_DELAY_US, FIX_NOW + 7 * S + 1);
	assert_int_equal(v.state, SSC_VALUE_STALE);
	assert_int_equal(v.milli, 3); /* still told */
}

static struct ssc_score score_at(uint64_t now)
{
	struct ssc_candidate cand = fix_cand(&fix);
	struct ssc_score score;

	ssc_score(&svc, &cand, false, now, &score);
	return score;
}

static uint64_t stale_at(uint64_t now)
{
	struct ssc_candidate cand = fix_cand(&fix);

	return ssc_stale_at(&svc, &cand, now);
}

static void test_exclude(void **state)
{
	fix_instance(&fix, ATTR_COST, 200);
	assert_int_equal(score_at(FIX_NOW + 10 * S).metric, 200);
	assert_int_equal(score_at(FIX_NOW + 10 * S + 1).metric, METRIC_MAX);
	assert_int_equal(score_at(FIX_NOW + 10 * S + 1).gate, SSC_STALE);
	assert_int_equal(score_at(FIX_NOW + 10 * S + 1).gate_attr, ATTR_COST);
	assert_int_equal(stale_at(FIX_NOW), FIX_NOW + 10 * S + 1);
	assert_int_equal(stale_at(FIX_NOW + 10 * S), FIX_NOW + 10 * S + 1);
	assert_true(stale_at(FIX_NOW + 10 * S + 1) == UINT64_MAX);
	svc.max_age_ms = 100;
	assert_int_equal(stale_at(FIX_NOW), FIX_NOW + 100 * MS + 1);
}

/* A requirement's value ages too, and an optional segment's; the oldest comes first. */
static void test_exclude_earliest(void **state)
{
	fix_instance(&fix, ATTR_COST, 200);
	require(&svc, ATTR_DELAY_US, REQ_LT, 1000);
	samples_put(&fix.path.samples, ATTR_DELAY_US, 1, FIX_NOW - 1 * S, NULL);
	assert_int_equal(stale_at(FIX_NOW), FIX_NOW + 9 * S + 1);
	samples_put(&fix.instance.samples, ATTR_QUEUE_US, 1, FIX_NOW - 4 * S, NULL);
	assert_int_equal(stale_at(FIX_NOW), FIX_NOW + 6 * S + 1);
	assert_int_equal(score_at(FIX_NOW + 6 * S + 1).gate, SSC_STALE);
	assert_int_equal(score_at(FIX_NOW + 6 * S + 1).gate_attr, ATTR_DELAY_US);
	samples_put(&fix.instance.samples, ATTR_MEM_LOAD, 1, 1, NULL); /* not used */
	assert_int_equal(stale_at(FIX_NOW), FIX_NOW + 6 * S + 1);
}

static void test_hold(void **state)
{
	svc.stale = STALE_HOLD;
	fix_instance(&fix, ATTR_COST, 200);
	assert_int_equal(score_at(FIX_NOW + 3600 * S).metric, 200);
	assert_int_equal(score_at(FIX_NOW + 3600 * S).gate, SSC_OK);
	assert_true(stale_at(FIX_NOW) == UINT64_MAX);
}

static void test_worsen(void **state)
{
	svc.stale = STALE_WORSEN;
	fix_instance(&fix, ATTR_COST, 200);
	assert_int_equal(score_at(FIX_NOW + 10 * S).metric, 200);
	assert_int_equal(score_at(FIX_NOW + 10 * S + 1).metric, 200);
	assert_int_equal(score_at(FIX_NOW + 15 * S).metric, 600);
	assert_int_equal(score_at(FIX_NOW + 15 * S).gate, SSC_OK);
	assert_int_equal(score_at(FIX_NOW + 10 * S + 6249).metric, 200);
	assert_int_equal(score_at(FIX_NOW + 10 * S + 6250).metric, 201); /* 200.5 */
	assert_int_equal(score_at(FIX_NOW + 19 * S).metric, 920);
	assert_int_equal(score_at(FIX_NOW + 20 * S).metric, METRIC_MAX);
	assert_int_equal(score_at(FIX_NOW + 20 * S).gate, SSC_STALE);
	assert_int_equal(score_at(FIX_NOW + 3600 * S).gate, SSC_STALE);
}

static void test_worsen_again(void **state)
{
	uint64_t at = FIX_NOW;
	int steps = 0, last = 0;

	svc.stale = STALE_WORSEN;
	fix_instance(&fix, ATTR_COST, 200);
	assert_int_equal(stale_at(FIX_NOW), FIX_NOW + 10 * S + 100 * MS);
	while ((at = stale_at(at)) != UINT64_MAX) {
		int metric = score_at(at).metric;

		assert_true(metric > last); /* every look sees a change, the last one the end */
		last = metric;
		assert_true(++steps <= 100);
		if (metric == METRIC_MAX)
			break;
	}
	assert_int_equal(last, METRIC_MAX);
	assert_int_equal(at, FIX_NOW + 20 * S);
}

static void test_worsen_oldest_counts(void **state)
{
	svc.stale = STALE_WORSEN;
	term_ramp(&svc, ATTR_SESSIONS, 0, 1000, 0);
	fix_instance(&fix, ATTR_COST, 200);
	samples_put(&fix.instance.samples, ATTR_SESSIONS, 0, FIX_NOW - 5 * S, NULL);
	assert_int_equal(score_at(FIX_NOW + 10 * S).metric, 600);
	assert_int_equal(score_at(FIX_NOW + 15 * S).gate, SSC_STALE);
	assert_int_equal(score_at(FIX_NOW + 15 * S).gate_attr, ATTR_SESSIONS);
}

/* An instance that is out anyway needs no clock. */
static void test_no_deadline(void **state)
{
	fix_instance(&fix, ATTR_COST, 200);
	fix.instance.state = INSTANCE_DOWN;
	assert_true(stale_at(FIX_NOW) == UINT64_MAX);
	fix.instance.state = INSTANCE_UP;
	fix_instance(&fix, ATTR_COST, 1000);
	assert_true(stale_at(FIX_NOW) == UINT64_MAX);
	service_bare(&svc); /* uses nothing */
	assert_true(stale_at(FIX_NOW) == UINT64_MAX);
}

/* The last good value counts as what it is; its age goes on. */
static void test_refused(void **state)
{
	fix_instance(&fix, ATTR_COST, 200);
	fix.instance.samples.v[0].refused = true;
	assert_int_equal(score_at(FIX_NOW + 10 * S).metric, 200);
	assert_int_equal(score_at(FIX_NOW + 10 * S + 1).gate, SSC_STALE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_delay),
		T(test_jitter),
		T(test_loss),
		T(test_bandwidth),
		T(test_others),
		T(test_largest),
		T(test_age),
		T(test_exclude),
		T(test_exclude_earliest),
		T(test_hold),
		T(test_worsen),
		T(test_worsen_again),
		T(test_worsen_oldest_counts),
		T(test_no_deadline),
		T(test_refused),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
