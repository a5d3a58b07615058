/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Only what a change touches is scored, and a burst is taken together. */
#include "unit/orc/rig.h"

#define INSTANCES 1000
#define GATEWAYS 10

/* Service 0x101: 1000 instances at 10 gateways with 3 paths each. Service 0x102: one instance. */
static int setup_many(void **state)
{
	char name[32], gateway[32], sid[64];

	setup(state);
	service(0x101, "{\"evaluation\": ["
		       "{\"attribute\": \"cpu_load\", \"curve\": {\"ramp\": [0, 100]}}, "
		       "{\"attribute\": \"delay_us\", \"curve\": {\"ramp\": [0, 100000]}}], "
		       "\"hysteresis\": {\"margin\": 0, \"hold_ms\": 0}}");
	service(0x102, BY_LOAD);
	for (int g = 0; g < GATEWAYS; g++) {
		snprintf(gateway, sizeof(gateway), "gw%d", g);
		for (int p = 0; p < 3; p++) {
			snprintf(name, sizeof(name), "p%d", p);
			snprintf(sid, sizeof(sid), "5f00:0:9:%x::1", p);
			path("pe1", gateway, name, sid);
			path_attr(gateway, name, ATTR_DELAY_US, 5000);
		}
	}
	for (int i = 0; i < INSTANCES; i++) {
		snprintf(name, sizeof(name), "i%d", i);
		snprintf(gateway, sizeof(gateway), "gw%d", i % GATEWAYS);
		snprintf(sid, sizeof(sid), "5f00:0:2:%x::", 0x100 + i);
		instance(0x101, name, gateway, sid);
		attr(0x101, name, ATTR_CPU_LOAD, 50);
	}
	instance(0x102, "x", "gw0", "5f00:0:3:100::");
	attr(0x102, "x", ATTR_CPU_LOAD, 50);
	orc_start(orc);
	settle();
	return 0;
}

/* Candidates scored by what `change` does. */
#define SCORED(change)                                                                             \
	({                                                                                         \
		uint64_t before_ = stats().candidates_scored;                                      \
		change;                                                                            \
		settle();                                                                          \
		stats().candidates_scored - before_;                                               \
	})

static void test_start_scores_each_once(void **state)
{
	assert_int_equal(stats().candidates, 3 * INSTANCES + 3);
	assert_int_equal(stats().candidates_scored, 3 * INSTANCES + 3);
	assert_int_equal(stats().evaluations, 2);
	assert_int_equal(stats().services, 2);
}

static void test_one_attribute_scores_one_instance(void **state)
{
	assert_int_equal(SCORED(attr(0x101, "i567", ATTR_CPU_LOAD, 20)), 3);
	assert_string_equal(chosen(0x101), "i567");
	assert_int_equal(SCORED(attr(0x102, "x", ATTR_CPU_LOAD, 20)), 3);
}

static void test_parts_of_the_delay_count(void **state)
{
	assert_int_equal(SCORED(attr(0x101, "i7", ATTR_SITE_DELAY_US, 20)), 3);
	assert_int_equal(SCORED(attr(0x101, "i7", ATTR_LB_DELAY_US, 20)), 3);
	assert_int_equal(SCORED(attr(0x101, "i7", ATTR_QUEUE_US, 20)), 3);
	/* The other service has no term on delay. */
	assert_int_equal(SCORED(attr(0x102, "x", ATTR_QUEUE_US, 20)), 0);
}

static void test_what_does_not_matter_scores_nothing(void **state)
{
	uint64_t evaluations = stats().evaluations;

	assert_int_equal(SCORED(attr(0x101, "i7", ATTR_COST, 20)), 0);
	assert_int_equal(SCORED(path_attr("gw0", "p0", ATTR_LOSS_PPM, 20)), 0);
	/* Told again without change: only its age is new. */
	assert_int_equal(SCORED(attr(0x101, "i7", ATTR_CPU_LOAD, 50)), 0);
	assert_int_equal(SCORED(path_attr("gw0", "p0", ATTR_DELAY_US, 5000)), 0);
	assert_int_equal(stats().evaluations, evaluations);
}

static void test_one_path_scores_who_uses_it(void **state)
{
	assert_int_equal(SCORED(path_attr("gw3", "p1", ATTR_DELAY_US, 1000)), INSTANCES / GATEWAYS);
	/* At gw0 there is another service, which does not look at delay. */
	assert_int_equal(SCORED(path_attr("gw0", "p1", ATTR_DELAY_US, 1000)), INSTANCES / GATEWAYS);
	assert_int_equal(SCORED(path("pe1", "gw0", "p1", "5f00:0:a::1")), INSTANCES / GATEWAYS + 1);
}

static void test_state_scores_one_instance(void **state)
{
	assert_int_equal(SCORED(instance_state(0x101, "i3", INSTANCE_DRAINING)), 3);
	assert_int_equal(SCORED(instance(0x101, "i3", "gw3", "5f00:0:4:100::")), 3);
}

static void test_structure_rebuilds_one_service(void **state)
{
	assert_int_equal(SCORED(view_instance_del(&view, 0x102, "x")), 0);
	assert_int_equal(SCORED(instance(0x102, "y", "gw1", "5f00:0:3:100::")), 3);
	assert_int_equal(SCORED(instance(0x102, "z", "gw2", "5f00:0:3:101::")), 6);
	assert_int_equal(SCORED(view_instance_del(&view, 0x101, "i3")), 3 * (INSTANCES - 1));
	assert_int_equal(SCORED(path("pe1", "gw1", "new", NULL)), 3 * (INSTANCES - 1) + 100 + 7);
	assert_int_equal(stats().candidates, 3 * (INSTANCES - 1) + 100 + 7);
}

static void test_a_burst_is_one_evaluation(void **state)
{
	uint64_t evaluations = stats().evaluations, events = stats().events;

	rest();
	for (int i = 0; i < 100; i++)
		attr(0x101, "i7", ATTR_CPU_LOAD, i % 2 ? 10 : 90);
	settle();
	assert_int_equal(stats().events - events, 100);
	assert_int_equal(stats().evaluations - evaluations, 1);
	assert_string_equal(chosen(0x101), "i7");
}

/* After idle the evaluation comes in the same turn of the loop, whatever phase the event is in. */
static void on_timer(uv_timer_t *timer)
{
	attr(0x101, "i7", ATTR_CPU_LOAD, 10);
}

static void test_same_turn_when_idle(void **state)
{
	uint64_t evaluations = stats().evaluations;
	static uv_timer_t timer;

	orc->last_round_us = 0; /* idle for long */
	uv_timer_init(&loop, &timer);
	uv_timer_start(&timer, on_timer, 0, 0);
	uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(stats().evaluations, evaluations + 1);
	assert_string_equal(chosen(0x101), "i7");
	assert_true(stats().last_react_us > 0);
	uv_close((uv_handle_t *)&timer, NULL);
}

/* While busy: the next round waits, and takes all that came. */
static void test_rounds_keep_their_distance(void **state)
{
	uint64_t evaluations = stats().evaluations;

	orc->last_round_us = clock_us() + 3600 * UINT64_C(1000000);
	for (int i = 0; i < 10; i++) {
		attr(0x101, "i7", ATTR_CPU_LOAD, i);
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	assert_int_equal(stats().evaluations, evaluations);
	assert_true(orc->armed);
	assert_true(uv_timer_get_due_in(&orc->later) > 0);
	/* explain evaluates what is marked. */
	json_decref(orc_explain(orc, 0x101));
	assert_int_equal(stats().evaluations, evaluations + 1);
	assert_false(orc->armed);
}

/* While a round is due, changes are merged: one evaluation, of the newest values. */
static void test_newest_wins_while_coalescing(void **state)
{
	struct orc_stats before;
	struct orc_entry entry;

	orc_round(orc);
	orc->last_round_us = clock_us() + 60 * UINT64_C(1000000); /* however slow this is */
	before = stats();
	attr(0x102, "x", ATTR_CPU_LOAD, 100);
	for (int load = 90; load >= 30; load--)
		attr(0x102, "x", ATTR_CPU_LOAD, load);
	assert_true(uv_is_active((uv_handle_t *)&orc->later)); /* not in this turn */
	uv_timer_start(&orc->later, orc->later.timer_cb, 0, 0);
	assert_int_equal(stats().evaluations, before.evaluations);
	while (orc->armed)
		uv_run(&loop, UV_RUN_NOWAIT);
	assert_int_equal(stats().evaluations, before.evaluations + 1);
	assert_int_equal(stats().candidates_scored, before.candidates_scored + 3);
	assert_int_equal(stats().selections_changed, before.selections_changed);
	assert_int_equal(orc_entry(orc, 0x102, &entry), 0);
	assert_int_equal(entry.metric, 300);
}

/* While a generation is on its way, changes are merged: the newest wins. */
static void test_newest_wins_while_in_flight(void **state)
{
	unsigned int plans = parent.plans;

	parent.mute = true;
	for (int i = 0; i < 5; i++) {
		own_clock_pass(1000000 / MAX_UPDATES_DEFAULT + 1);
		attr(0x102, "x", ATTR_CPU_LOAD, i % 2 ? 100 : 10);
		orc_round(orc);
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	own_clock_pass(1000000 / MAX_UPDATES_DEFAULT + 1);
	attr(0x102, "x", ATTR_CPU_LOAD, 100);
	orc_round(orc);
	for (int i = 0; i < 10; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	assert_int_equal(parent.plans, plans + 1);
	assert_string_equal(chosen(0x102), "none");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup_many, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_start_scores_each_once),
		T(test_one_attribute_scores_one_instance),
		T(test_parts_of_the_delay_count),
		T(test_what_does_not_matter_scores_nothing),
		T(test_one_path_scores_who_uses_it),
		T(test_state_scores_one_instance),
		T(test_structure_rebuilds_one_service),
		T(test_a_burst_is_one_evaluation),
		T(test_same_turn_when_idle),
		T(test_rounds_keep_their_distance),
		T(test_newest_wins_while_coalescing),
		T(test_newest_wins_while_in_flight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
