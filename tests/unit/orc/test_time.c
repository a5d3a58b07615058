/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happens without an event: values get old, hold times end, suppression ends. */
#include "unit/orc/rig.h"

#define MAX_AGE_US UINT64_C(10000000)

/* Until cond holds; only the clock can make it. */
#define WAIT_FOR(cond)                                                                             \
	while (!(cond))                                                                            \
	uv_run(&loop, UV_RUN_ONCE)

static void two_instances(const char *text)
{
	service(0x101, text);
	path("pe1", "gw2", "be", NULL);
	instance(0x101, "a", "gw2", "5f00:0:2:100::");
	instance(0x101, "b", "gw2", "5f00:0:2:101::");
}

static void test_a_value_gets_too_old(void **state)
{
	two_instances(BY_LOAD);
	attr(0x101, "b", ATTR_CPU_LOAD, 50);
	attr_aged(0x101, "a", ATTR_CPU_LOAD, 10, MAX_AGE_US - 500000);
	settle();
	assert_string_equal(chosen(0x101), "a");
	WAIT_FOR(strcmp(chosen(0x101), "b") == 0);
	/* Told again, with the same value: fresh again. */
	attr(0x101, "a", ATTR_CPU_LOAD, 10);
	settle();
	assert_string_equal(chosen(0x101), "a");
}

/* A refresh before the deadline: the deadline passes and nothing happens but a look. */
static void test_a_refresh_moves_the_deadline(void **state)
{
	uint64_t scored, evaluations;

	two_instances(BY_LOAD);
	attr_aged(0x101, "a", ATTR_CPU_LOAD, 10, MAX_AGE_US - 500000);
	settle();
	scored = stats().candidates_scored;
	evaluations = stats().evaluations;
	attr(0x101, "a", ATTR_CPU_LOAD, 10);
	WAIT_FOR(stats().evaluations > evaluations);
	assert_int_equal(stats().candidates_scored, scored);
	assert_string_equal(chosen(0x101), "a");
}

static void test_policy_worsen(void **state)
{
	uint64_t scored;

	two_instances("{\"evaluation\": [{\"attribute\": \"cpu_load\", \"curve\": "
		      "{\"ramp\": [0, 100]}}], \"hysteresis\": {\"margin\": 0, \"hold_ms\": 0}, "
		      "\"freshness\": {\"max_age_ms\": 10000, \"policy\": \"worsen\"}}");
	attr(0x101, "b", ATTR_CPU_LOAD, 40);
	/* 100 + 900 * x: beyond 400 at a third of max_age after max_age. */
	attr_aged(0x101, "a", ATTR_CPU_LOAD, 10, MAX_AGE_US + MAX_AGE_US / 3 - 500000);
	settle();
	assert_string_equal(chosen(0x101), "a");
	WAIT_FOR(strcmp(chosen(0x101), "b") == 0);
	scored = stats().candidates_scored;
	attr(0x101, "a", ATTR_CPU_LOAD, 10);
	settle();
	assert_string_equal(chosen(0x101), "a");
	assert_int_equal(stats().candidates_scored, scored + 1);
	/* Fresh: being told again changes nothing. */
	attr(0x101, "a", ATTR_CPU_LOAD, 10);
	settle();
	assert_int_equal(stats().candidates_scored, scored + 1);
}

static void test_policy_hold(void **state)
{
	two_instances("{\"evaluation\": [{\"attribute\": \"cpu_load\", \"curve\": "
		      "{\"ramp\": [0, 100]}}], \"freshness\": {\"policy\": \"hold\"}}");
	attr_aged(0x101, "a", ATTR_CPU_LOAD, 10, 2 * MAX_AGE_US);
	settle();
	assert_string_equal(chosen(0x101), "a");
	assert_int_equal(orc->due.n, 0);
}

static void test_hold_time_ends(void **state)
{
	two_instances("{\"evaluation\": [{\"attribute\": \"cpu_load\", \"curve\": "
		      "{\"ramp\": [0, 100]}}], \"hysteresis\": {\"margin\": 50, "
		      "\"hold_ms\": 20}}");
	attr(0x101, "a", ATTR_CPU_LOAD, 10);
	attr(0x101, "b", ATTR_CPU_LOAD, 50);
	settle();
	assert_string_equal(chosen(0x101), "a");
	attr(0x101, "a", ATTR_CPU_LOAD, 60);
	settle();
	WAIT_FOR(strcmp(chosen(0x101), "b") == 0);
	assert_int_equal(stats().selections_changed, 2);
}

/* a is better than b but flaps. */
static void flap(unsigned int changes)
{
	for (unsigned int i = 0; i < changes; i++) {
		attr(0x101, "a", ATTR_CPU_LOAD, i % 2 ? 10 : 100);
		orc_round(orc);
	}
}

static void test_what_flaps_is_suppressed(void **state)
{
	two_instances(BY_LOAD);
	attr(0x101, "a", ATTR_CPU_LOAD, 10);
	attr(0x101, "b", ATTR_CPU_LOAD, 50);
	settle();
	flap(2);
	assert_string_equal(chosen(0x101), "a");
	flap(2);
	assert_string_equal(chosen(0x101), "b");
	/* The last that satisfies is never damped. */
	attr(0x101, "b", ATTR_CPU_LOAD, 100);
	settle();
	assert_string_equal(chosen(0x101), "a");
	attr(0x101, "b", ATTR_CPU_LOAD, 90);
	settle();
	assert_string_equal(chosen(0x101), "b");
	settle();
	view_instance_del(&view, 0x101, "b");
	settle();
	assert_string_equal(chosen(0x101), "a");
}

/* All who satisfy are suppressed: then nobody is damped. */
static void test_all_suppressed(void **state)
{
	two_instances(BY_LOAD);
	attr(0x101, "a", ATTR_CPU_LOAD, 10);
	attr(0x101, "b", ATTR_CPU_LOAD, 50);
	settle();
	for (int i = 0; i < 4; i++) {
		attr(0x101, "a", ATTR_CPU_LOAD, i % 2 ? 10 : 100);
		attr(0x101, "b", ATTR_CPU_LOAD, i % 2 ? 50 : 100);
		orc_round(orc);
	}
	assert_string_equal(chosen(0x101), "a");
}

static void test_suppression_ends(void **state)
{
	struct orc_instance *inst;
	struct orc_service *svc;

	two_instances(BY_LOAD);
	attr(0x101, "a", ATTR_CPU_LOAD, 10);
	attr(0x101, "b", ATTR_CPU_LOAD, 50);
	settle();
	flap(4);
	assert_string_equal(chosen(0x101), "b");
	/* As if it had been long ago: nearly decayed. */
	inst = orc_of(view_instance(&view, 0x101, "a"));
	svc = view_service(&view, 0x101)->user;
	assert_true(inst->seat.suppressed);
	inst->more->damping[0].updated_us -=
		ssc_damp_until(&inst->more->damping[0]) - clock_us() - 200000;
	orc_queue(orc, svc);
	WAIT_FOR(strcmp(chosen(0x101), "a") == 0);
	assert_false(inst->seat.suppressed);
	/* A rebuild keeps what is known of the instance. */
	flap(4);
	instance(0x101, "c", "gw2", "5f00:0:2:103::");
	settle();
	assert_string_equal(chosen(0x101), "b");
}

/* ---- the heap of deadlines ---- */

#define HEAP_SERVICES 500

static void test_deadlines_in_order(void **state)
{
	struct orc_service *svcs = calloc(HEAP_SERVICES, sizeof(*svcs)), *svc;
	struct orc_heap *heap = &orc->due;
	uint64_t last = 0;
	unsigned int left = 0;

	srand(7);
	for (int i = 0; i < 20 * HEAP_SERVICES; i++) {
		svc = &svcs[rand() % HEAP_SERVICES];
		svc->due.svc = svc;
		if (rand() % 4 == 0)
			orc_heap_drop(heap, &svc->due);
		else
			assert_int_equal(orc_heap_set(heap, &svc->due, rand() % 10000), 0);
	}
	for (int i = 0; i < HEAP_SERVICES; i++)
		left += svcs[i].due.place != 0;
	assert_int_equal(heap->n, left);
	assert_null(orc_heap_pop(heap, heap->v[1]->at_us - 1));
	while ((svc = orc_heap_pop(heap, 10000))) {
		assert_true(svc->due.at_us >= last);
		last = svc->due.at_us;
		left--;
	}
	assert_int_equal(left, 0);
	orc_heap_set(heap, &svcs[0].due, 5);
	orc_heap_before(heap, &svcs[0].due, 6);
	assert_int_equal(svcs[0].due.at_us, 5);
	orc_heap_before(heap, &svcs[0].due, 4);
	assert_int_equal(svcs[0].due.at_us, 4);
	orc_heap_set(heap, &svcs[0].due, UINT64_MAX);
	assert_int_equal(heap->n, 0);
	free(svcs);
}

/* No room at ncc: the newcomer waits, is counted, and has its place soon after there is one. */
static void test_refused_is_tried_again(void **state)
{
	struct orc_service *last;

	for (uint64_t id = 1; id <= 257; id++)
		service(id, BY_LOAD);
	settle();
	assert_int_equal(parent.n_services, 256);
	assert_int_equal(stats().refused, 1);
	assert_null(parent_service(257));
	last = view_service(&view, 257)->user;
	assert_true(last->send.place > 0 && last->send.at_us <= clock_us() + ORC_RETRY_US);
	orc_heap_set(&orc->send, &last->send, clock_us()); /* before there is room */
	orc_round(orc);
	WAIT_FOR(last->send.at_us > clock_us() + ORC_RETRY_US / 2);
	assert_int_equal(stats().refused, 1);
	view_service_del(&view, 1);
	settle();
	assert_null(parent_service(257));
	orc_heap_set(&orc->send, &last->send, clock_us());
	orc_round(orc);
	WAIT_FOR(parent_service(257));
	assert_int_equal(stats().refused, 0);
	assert_int_equal(last->send.place, 0);
}

/* Who waited in vain and goes is not counted any more. */
static void test_refused_and_gone(void **state)
{
	for (uint64_t id = 1; id <= 257; id++)
		service(id, BY_LOAD);
	settle();
	assert_int_equal(stats().refused, 1);
	view_service_del(&view, 257);
	settle();
	assert_int_equal(stats().refused, 0);
	assert_int_equal(parent.n_services, 256);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup_started, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_a_value_gets_too_old), T(test_a_refresh_moves_the_deadline),
		T(test_policy_worsen),	      T(test_policy_hold),
		T(test_hold_time_ends),	      T(test_what_flaps_is_suppressed),
		T(test_all_suppressed),	      T(test_suppression_ends),
		T(test_deadlines_in_order),   T(test_refused_is_tried_again),
		T(test_refused_and_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
