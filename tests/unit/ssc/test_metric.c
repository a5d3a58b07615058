/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Curves, the golden functions, gates, requirements, strategies. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/ssc/fix.h"
#include "util/json.h"
#include "util/own.h"

static void test_step(void **state)
{
	struct curve_point v[] = {{50000, 0}};
	struct curve c = {.kind = CURVE_STEP, .n = 1, .v = v};

	assert_int_equal(curve_metric(&c, 0), 0);
	assert_int_equal(curve_metric(&c, 49999), 0);
	assert_int_equal(curve_metric(&c, 50000), 1000);
	assert_int_equal(curve_metric(&c, 50001), 1000);
	assert_int_equal(curve_metric(&c, ATTR_VALUE_MAX_MILLI), 1000);
	v[0].x_milli = 0;
	assert_int_equal(curve_metric(&c, 0), 1000);
}

static void test_points(void **state)
{
	const struct curve c = {
		.kind = CURVE_POINTS,
		.n = 4,
		.v = (struct curve_point[]){{10, 100}, {20, 300}, {23, 0}, {1023, 1000}}};
	static const int64_t cases[][2] = {
		{0, 100},    {9, 100},	   {10, 100},	 {11, 120},
		{15, 200},   {19, 280},	   {20, 300},	 {21, 200},
		{22, 100},   {23, 0},	   {24, 1},	 {523, 500},
		{1022, 999}, {1023, 1000}, {1024, 1000}, {ATTR_VALUE_MAX_MILLI, 1000},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(curve_metric(&c, cases[i][0]), cases[i][1]);
}

/* The same for rising and falling: 0.5 goes up. */
static void test_half_up(void **state)
{
	const struct curve rising = {
		.kind = CURVE_POINTS, .n = 2, .v = (struct curve_point[]){{0, 0}, {2000, 1000}}};
	const struct curve falling = {
		.kind = CURVE_POINTS, .n = 2, .v = (struct curve_point[]){{0, 1000}, {2000, 0}}};

	assert_int_equal(curve_metric(&rising, 1), 1); /* 0.5 */
	assert_int_equal(curve_metric(&rising, 2), 1);
	assert_int_equal(curve_metric(&rising, 3), 2);	     /* 1.5 */
	assert_int_equal(curve_metric(&rising, 1999), 1000); /* 999.5 */
	assert_int_equal(curve_metric(&falling, 1), 1000);   /* 999.5 */
	assert_int_equal(curve_metric(&falling, 2), 999);
	assert_int_equal(curve_metric(&falling, 1999), 1); /* 0.5 */
}

static void test_constant(void **state)
{
	const struct curve c = {.kind = CURVE_POINTS, .n = 1, .v = (struct curve_point[]){{50, 7}}};

	assert_int_equal(curve_metric(&c, 0), 7);
	assert_int_equal(curve_metric(&c, 50), 7);
	assert_int_equal(curve_metric(&c, 51), 7);
}

static void test_no_overflow(void **state)
{
	const int64_t max = ATTR_VALUE_MAX_MILLI;
	const struct curve rising = {
		.kind = CURVE_POINTS, .n = 2, .v = (struct curve_point[]){{0, 0}, {max, 1000}}};
	const struct curve falling = {
		.kind = CURVE_POINTS, .n = 2, .v = (struct curve_point[]){{0, 1000}, {max, 0}}};

	assert_int_equal(curve_metric(&rising, max - 1), 1000);
	assert_int_equal(curve_metric(&rising, max / 2), 500);
	assert_int_equal(curve_metric(&rising, max / 1000), 1);
	assert_int_equal(curve_metric(&falling, max / 2), 500);
	assert_int_equal(curve_metric(&falling, max - 1), 0);
	assert_int_equal(curve_metric(&falling, 1), 1000);
}

struct golden {
	const char *value[3];
	int metric;
};

static const struct golden function1[] = {
#include "golden/metrics/function1.inc"
};
static const struct golden function2[] = {
#include "golden/metrics/function2.inc"
};

static void read_service(const char *text, struct service **svc)
{
	json_t *obj = NULL;

	assert_int_equal(json_parse(text, strlen(text), &obj, NULL), 0);
	assert_int_equal(service_from_json(obj, 0, svc, NULL), 0);
	json_decref(obj);
}

/* Attributes in the order of the service's terms; network ones come from the path. */
static void check_golden(const struct service *svc, const struct golden *rows, size_t n)
{
	struct ssc_score score;
	struct fix fix;
	struct ssc_candidate cand = fix_cand(&fix);

	fix_init(&fix, "i1", "be");
	for (size_t i = 0; i < n; i++) {
		for (int t = 0; t < 3; t++) {
			uint16_t attr = svc->terms[t].attr;
			bool net = attr_class(attr) == CLASS_EXPERIENCE;
			int64_t milli;

			assert_int_equal(attr_parse(attr, rows[i].value[t], &milli, NULL), 0);
			samples_put(net ? &fix.path.samples : &fix.instance.samples, attr, milli,
				    FIX_NOW, NULL);
		}
		ssc_score(svc, &cand, false, FIX_NOW, &score);
		if (score.metric != rows[i].metric)
			fail_msg("(%s, %s, %s): %d, not %d", rows[i].value[0], rows[i].value[1],
				 rows[i].value[2], score.metric, rows[i].metric);
		assert_int_equal(score.gate, rows[i].metric == METRIC_MAX ? SSC_TERM : SSC_OK);
	}
	fix_fini(&fix);
}

/* The strategy alone gives the weights 0, 0, 1: the same function without them. */
static void test_function1(void **state)
{
	OWN_PTR struct service *svc = NULL;

	read_service("{\"id\": 1, \"strategy\": \"resource-first\", \"evaluation\": ["
		     "{\"attribute\": \"delay_us\", \"curve\": {\"step\": 50000}},"
		     "{\"attribute\": \"loss_ppm\", \"curve\": {\"step\": 1000}},"
		     "{\"attribute\": \"cpu_load\", \"curve\": {\"ramp\": [40, 80]}}]}",
		     &svc);
	check_golden(svc, function1, ARRAY_SIZE(function1));
	svc->strategy = STRATEGY_NONE;
	term_at(svc, 0)->weight = 0;
	term_at(svc, 1)->weight = 0;
	term_at(svc, 2)->weight = 1;
	check_golden(svc, function1, ARRAY_SIZE(function1));
}

static void test_function2(void **state)
{
	OWN_PTR struct service *svc = NULL;

	read_service("{\"id\": 2, \"strategy\": \"experience-first\", \"evaluation\": ["
		     "{\"attribute\": \"delay_us\", \"curve\": {\"ramp\": [20000, 100000]},"
		     "\"weight\": 1},"
		     "{\"attribute\": \"jitter_us\", \"curve\": {\"ramp\": [5000, 15000]},"
		     "\"weight\": 1},"
		     "{\"attribute\": \"cpu_cores_free\", \"curve\": {\"ramp\": [12, 6]},"
		     "\"weight\": 1}]}",
		     &svc);
	check_golden(svc, function2, ARRAY_SIZE(function2));
	for (int i = 0; i < 3; i++) /* equal weights, whatever they are */
		term_at(svc, i)->weight = WEIGHT_MAX;
	check_golden(svc, function2, ARRAY_SIZE(function2));
}

/* By eye, so that a mistake in the generator cannot hide. */
static void test_golden_by_hand(void **state)
{
	struct golden by_hand[] = {
		{{"10000", "0", "40"}, 0},    {{"10000", "0", "60"}, 500},
		{{"10000", "0", "79"}, 975},  {{"10000", "0", "80"}, 1000},
		{{"50000", "0", "10"}, 1000}, {{"49999.999", "999.999", "71.5"}, 788},
	};
	struct service svc;

	service_bare(&svc);
	term_step(&svc, ATTR_DELAY_US, 50000, 0);
	term_step(&svc, ATTR_LOSS_PPM, 1000, 0);
	term_ramp(&svc, ATTR_CPU_LOAD, 40, 80, 1);
	check_golden(&svc, by_hand, ARRAY_SIZE(by_hand));
	service_bare(&svc);
	term_ramp(&svc, ATTR_DELAY_US, 20000, 100000, 1);
	term_ramp(&svc, ATTR_JITTER_US, 5000, 15000, 1);
	term_ramp(&svc, ATTR_CPU_CORES_FREE, 12, 6, 1);
	check_golden(&svc,
		     (struct golden[]){{{"60000", "10000", "9"}, 500},
				       {{"20000", "5000", "12"}, 0},
				       {{"20000", "5000", "6"}, 1000},
				       {{"60000", "5000", "9"}, 333},
				       {{"60000", "5500", "9"}, 350}},
		     5);
}

static void test_weights(void **state)
{
	struct service svc;
	struct term t = {.weight = WEIGHT_BY_STRATEGY};
	static const struct {
		enum strategy strategy;
		int experience, resource, cost, other;
	} table[] = {
		{STRATEGY_NONE, 1, 1, 1, 1},
		{STRATEGY_EXPERIENCE_FIRST, 1, 0, 0, 0},
		{STRATEGY_COST_FIRST, 0, 0, 1, 0},
		{STRATEGY_RESOURCE_FIRST, 0, 1, 0, 0},
	};

	service_bare(&svc);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		svc.strategy = (uint8_t)table[i].strategy;
		t.weight = WEIGHT_BY_STRATEGY;
		t.attr = ATTR_LOSS_PPM;
		assert_int_equal(ssc_weight(&svc, &t), table[i].experience);
		t.attr = ATTR_MEM_LOAD;
		assert_int_equal(ssc_weight(&svc, &t), table[i].resource);
		t.attr = ATTR_ENERGY_MW;
		assert_int_equal(ssc_weight(&svc, &t), table[i].cost);
		t.attr = ATTR_KNOWN_MAX; /* somebody's own */
		assert_int_equal(ssc_weight(&svc, &t), table[i].other);
		t.weight = 7; /* given: overrides */
		assert_int_equal(ssc_weight(&svc, &t), 7);
		t.weight = 0;
		assert_int_equal(ssc_weight(&svc, &t), 0);
	}
}

static struct ssc_score score_of(const struct service *svc, const struct fix *fix)
{
	struct ssc_candidate cand = fix_cand(fix);
	struct ssc_score score;

	ssc_score(svc, &cand, false, FIX_NOW, &score);
	return score;
}

static void test_weighted_mean(void **state)
{
	struct service svc;
	struct fix fix;

	fix_init(&fix, "i1", "be");
	service_bare(&svc);
	term_ramp(&svc, ATTR_COST, 0, 1000, 3);
	term_ramp(&svc, ATTR_SESSIONS, 0, 1000, 1);
	term_ramp(&svc, ATTR_ENERGY_MW, 0, 1000, 0);
	fix_instance(&fix, ATTR_COST, 100);
	fix_instance(&fix, ATTR_SESSIONS, 200);
	fix_instance(&fix, ATTR_ENERGY_MW, 999); /* gates only */
	assert_int_equal(score_of(&svc, &fix).metric, 125);
	fix_instance(&fix, ATTR_SESSIONS, 202); /* 125.5 */
	assert_int_equal(score_of(&svc, &fix).metric, 126);
	fix_instance(&fix, ATTR_SESSIONS, 201); /* 125.25 */
	assert_int_equal(score_of(&svc, &fix).metric, 125);
	fix_instance(&fix, ATTR_ENERGY_MW, 1000);
	assert_int_equal(score_of(&svc, &fix).metric, METRIC_MAX);
	assert_int_equal(score_of(&svc, &fix).gate, SSC_TERM);
	assert_int_equal(score_of(&svc, &fix).gate_index, 2);
	assert_int_equal(score_of(&svc, &fix).gate_attr, ATTR_ENERGY_MW);
	fix_fini(&fix);
}

static void test_heaviest(void **state)
{
	struct service svc;
	struct fix fix;

	fix_init(&fix, "i1", "be");
	fix_instance(&fix, ATTR_COST, 999);
	service_bare(&svc);
	while (svc.n_terms < SERVICE_MAX_TERMS)
		term_ramp(&svc, ATTR_COST, 0, 1000, WEIGHT_MAX);
	assert_int_equal(score_of(&svc, &fix).metric, 999);
	assert_int_equal(score_of(&svc, &fix).gate, SSC_OK);
	fix_fini(&fix);
}

static void test_no_weight(void **state)
{
	struct service svc;
	struct fix fix;

	fix_init(&fix, "i1", "be");
	service_bare(&svc);
	assert_int_equal(score_of(&svc, &fix).metric, 0);
	term_step(&svc, ATTR_COST, 10, 0);
	fix_instance(&fix, ATTR_COST, 9);
	assert_int_equal(score_of(&svc, &fix).metric, 0);
	assert_int_equal(score_of(&svc, &fix).gate, SSC_OK);
	fix_instance(&fix, ATTR_COST, 10);
	assert_int_equal(score_of(&svc, &fix).metric, METRIC_MAX);
	fix_fini(&fix);
}

static void test_requirements(void **state)
{
	static const struct {
		enum req_op op;
		bool below, at, above;
	} table[] = {
		{REQ_LT, true, false, false},
		{REQ_LE, true, true, false},
		{REQ_GT, false, false, true},
		{REQ_GE, false, true, true},
	};
	struct service svc;
	struct fix fix;

	fix_init(&fix, "i1", "be");
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const bool want[] = {table[i].below, table[i].at, table[i].above};

		service_bare(&svc);
		require(&svc, ATTR_SESSIONS, REQ_GE, 0);
		require(&svc, ATTR_COST, table[i].op, 50);
		fix_instance(&fix, ATTR_SESSIONS, 1);
		for (int d = -1; d <= 1; d++) {
			struct ssc_score score;

			samples_put(&fix.instance.samples, ATTR_COST, 50000 + d, FIX_NOW, NULL);
			score = score_of(&svc, &fix);
			assert_int_equal(score.metric, want[d + 1] ? 0 : METRIC_MAX);
			assert_int_equal(score.gate, want[d + 1] ? SSC_OK : SSC_REQUIREMENT);
			assert_int_equal(score.gate_index, want[d + 1] ? 0 : 1);
		}
	}
	fix_fini(&fix);
}

static void test_state_gates(void **state)
{
	struct service svc;
	struct fix fix;
	struct ssc_candidate cand = fix_cand(&fix);
	struct ssc_score score;

	service_by_cost(&svc);
	fix_init(&fix, "i1", "be");
	assert_int_equal(score_of(&svc, &fix).gate, SSC_UNKNOWN);
	assert_int_equal(score_of(&svc, &fix).gate_attr, ATTR_COST);
	fix_instance(&fix, ATTR_COST, 5);
	assert_int_equal(score_of(&svc, &fix).gate, SSC_OK);
	fix.path.def.n_segs = SAN_MAX_SEGS - 1; /* with the instance's: all there are */
	assert_int_equal(score_of(&svc, &fix).gate, SSC_OK);
	fix.path.def.n_segs = SAN_MAX_SEGS;
	assert_int_equal(score_of(&svc, &fix).gate, SSC_TOO_MANY_SEGS);
	fix.path.def.n_segs = 0;
	fix.path.defined = false;
	assert_int_equal(score_of(&svc, &fix).gate, SSC_NO_SID);
	fix.path.defined = true;
	memset(&fix.instance.sid, 0, sizeof(fix.instance.sid));
	assert_int_equal(score_of(&svc, &fix).gate, SSC_NO_SID);
	fix.instance.state = INSTANCE_DRAINING;
	assert_int_equal(score_of(&svc, &fix).gate, SSC_DRAINING);
	fix.instance.state = INSTANCE_DOWN;
	assert_int_equal(score_of(&svc, &fix).gate, SSC_DOWN);
	assert_int_equal(score_of(&svc, &fix).metric, METRIC_MAX);
	fix_fini(&fix);

	fix_init(&fix, "i1", "be");
	fix_instance(&fix, ATTR_COST, 5);
	ssc_score(&svc, &cand, true, FIX_NOW, &score);
	assert_int_equal(score.metric, METRIC_MAX);
	assert_int_equal(score.gate, SSC_DAMPED);
	fix_instance(&fix, ATTR_COST, 1000); /* the true reason shows */
	ssc_score(&svc, &cand, true, FIX_NOW, &score);
	assert_int_equal(score.gate, SSC_TERM);
	fix_fini(&fix);
}

static void test_gate_names(void **state)
{
	assert_string_equal(ssc_gate_text(SSC_OK), "ok");
	assert_string_equal(ssc_gate_text(SSC_DAMPED), "damped");
	assert_string_equal(ssc_gate_text(SSC_GATE_MAX), "?");
	assert_string_equal(ssc_why_text(SSC_WHY_MAX), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_step),	     cmocka_unit_test(test_points),
		cmocka_unit_test(test_half_up),	     cmocka_unit_test(test_constant),
		cmocka_unit_test(test_no_overflow),  cmocka_unit_test(test_function1),
		cmocka_unit_test(test_function2),    cmocka_unit_test(test_golden_by_hand),
		cmocka_unit_test(test_weights),	     cmocka_unit_test(test_weighted_mean),
		cmocka_unit_test(test_heaviest),     cmocka_unit_test(test_no_weight),
		cmocka_unit_test(test_requirements), cmocka_unit_test(test_state_gates),
		cmocka_unit_test(test_gate_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
