/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The back-off, step by step: level, memory, step, slow start, and how it is explained. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "unit/ssc/fix.h"

#define MAX 4

/* A service by cost with margin 50 and hold time 1 s, at a time of its own. */
static struct {
	struct service svc;
	struct fix *fix[MAX];
	struct ssc_candidate cands[MAX];
	struct ssc_score scores[MAX];
	uint16_t order[MAX];
	uint32_t weights[MAX];
	unsigned int n;
	struct ssc_choice choice;
	struct ssc_result res;
	struct ssc_calm calm;
	uint64_t now_us;
} t;

static int setup(void **state)
{
	memset(&t, 0, sizeof(t));
	service_by_cost(&t.svc);
	t.svc.stale = STALE_HOLD;
	t.now_us = FIX_NOW;
	return 0;
}

static int teardown(void **state)
{
	for (unsigned int i = 0; i < t.n; i++) {
		fix_fini(t.fix[i]);
		free(t.fix[i]);
	}
	return 0;
}

static void add(const char *instance, int metric)
{
	t.fix[t.n] = calloc(1, sizeof(*t.fix[0]));
	fix_init(t.fix[t.n], instance, "be");
	fix_instance(t.fix[t.n], ATTR_COST, metric);
	t.cands[t.n] = fix_cand(t.fix[t.n]);
	t.n++;
}

static struct ssc_field field(void)
{
	return (struct ssc_field){.svc = &t.svc,
				  .cands = t.cands,
				  .scores = t.scores,
				  .n = t.n,
				  .order = t.order,
				  .weights = t.weights,
				  .calm = &t.calm};
}

static void decide(void)
{
	struct ssc_field f = field();

	for (unsigned int i = 0; i < t.n; i++)
		ssc_score(&t.svc, &t.cands[i], false, t.now_us, &t.scores[i]);
	ssc_decide(&f, t.now_us, &t.choice, &t.res);
}

static void set(unsigned int i, int metric)
{
	fix_instance(t.fix[i], ATTR_COST, metric);
	decide();
}

static void after_ms(unsigned int ms)
{
	t.now_us += ms * MS;
	decide();
}

static void assert_state(int selected, enum ssc_why why, unsigned int level)
{
	assert_string_equal(ssc_why_text(t.res.why), ssc_why_text(why));
	assert_int_equal(t.res.selected, selected);
	assert_int_equal(ssc_calm_level(&t.svc, &t.calm, t.now_us), level);
}

static void test_each_move_doubles_the_hold_time(void **state)
{
	add("a", 100);
	add("b", 200);
	decide();
	set(0, 900);
	assert_state(0, SSC_KEPT_HOLD, 0);
	after_ms(999);
	assert_state(0, SSC_KEPT_HOLD, 0);
	after_ms(1);
	assert_state(1, SSC_MOVED, 1);
	assert_int_equal(ssc_hold_us(&t.svc, &t.calm, t.now_us), 2 * S);
	/* b gets worse than a was: 2 s. */
	set(1, 960);
	assert_state(1, SSC_KEPT_HOLD, 1);
	assert_int_equal(t.res.again_at_us, t.now_us + 2 * S);
	after_ms(1999);
	assert_state(1, SSC_KEPT_HOLD, 1);
	after_ms(1);
	assert_state(0, SSC_MOVED, 2);
	assert_int_equal(ssc_hold_us(&t.svc, &t.calm, t.now_us), 4 * S);
}

static void test_what_was_left_is_remembered(void **state)
{
	add("a", 100);
	add("b", 200);
	decide();
	set(0, 900);
	after_ms(1000);
	assert_state(1, SSC_MOVED, 1);
	set(0, 0); /* idle */
	assert_state(1, SSC_KEPT_LEFT, 1);
	/* Level 1: for 4 s. Then 2 s of hold time. */
	assert_int_equal(t.res.again_at_us, t.now_us + 4 * S);
	after_ms(3999);
	assert_state(1, SSC_KEPT_LEFT, 1);
	after_ms(1);
	assert_state(1, SSC_KEPT_HOLD, 1);
	after_ms(2000);
	assert_state(0, SSC_MOVED, 2);
	/* b was left with 200: at 300 a is worse than that, at 240 not by the margin. */
	set(0, 240);
	assert_state(0, SSC_KEPT_MARGIN, 2);
	set(0, 300);
	assert_state(0, SSC_KEPT_HOLD, 2);
}

/* The worse it told later counts. */
static void test_what_it_told_later(void **state)
{
	add("a", 100);
	add("b", 200);
	decide();
	set(0, 300);
	after_ms(1000);
	assert_state(1, SSC_MOVED, 1);
	set(0, 800); /* on its way when it was left */
	set(0, 0);
	set(1, 500);
	assert_state(1, SSC_KEPT_LEFT, 1);
	set(1, 850);
	assert_state(1, SSC_KEPT_HOLD, 1);
}

static void test_quiet_time_lowers_it(void **state)
{
	add("a", 100);
	add("b", 200);
	decide();
	set(0, 900);
	after_ms(1000);
	set(1, 960);
	after_ms(2000);
	assert_state(0, SSC_MOVED, 2);
	set(0, 0);
	after_ms(16 * 4000 - 1);
	assert_state(0, SSC_KEPT, 2);
	after_ms(1);
	assert_state(0, SSC_KEPT, 1);
	after_ms(16 * 2000);
	assert_state(0, SSC_KEPT, 0);
	for (size_t i = 0; i < sizeof(t.calm); i++)
		assert_int_equal(((uint8_t *)&t.calm)[i], 0);
	/* Asked without a decision: the same. */
	set(0, 900);
	set(1, 100);
	after_ms(1000);
	assert_state(1, SSC_MOVED, 1);
	assert_int_equal(ssc_hold_us(&t.svc, &t.calm, t.now_us + 32 * S), 1 * S);
}

static void test_at_most_a_minute(void **state)
{
	add("a", 100);
	add("b", 200);
	decide();
	for (int i = 0; i < 20; i++) {
		int left = t.res.selected;

		set(!left, 100);
		memset(t.calm.left, 0, sizeof(t.calm.left));
		set(left, 990);
		after_ms(ssc_hold_us(&t.svc, &t.calm, t.now_us) / MS);
		assert_int_equal(t.res.selected, !left);
	}
	assert_int_equal(ssc_hold_us(&t.svc, &t.calm, t.now_us), SSC_HOLD_MAX_US);
	/* One that is longer by itself stays what it is. */
	t.svc.hold_ms = 100000;
	assert_int_equal(ssc_hold_us(&t.svc, &t.calm, t.now_us), 100 * S);
}

/* At once, whatever the level; and what its values gated is not returned to at once. */
static void test_a_loss_does_not_wait(void **state)
{
	add("a", 100);
	add("b", 700);
	decide();
	set(0, 1000);
	assert_state(1, SSC_LOST, 1);
	set(0, 0);
	assert_state(1, SSC_KEPT_LEFT, 1);
	set(1, 1000);
	assert_state(0, SSC_LOST, 2);
	set(0, 1000);
	assert_state(-1, SSC_NOTHING, 2);
	set(1, 10);
	assert_state(1, SSC_FIRST, 2);
}

/* Somebody has said it: load has nothing to do with it. */
static void test_a_loss_by_state_is_not_remembered(void **state)
{
	add("a", 100);
	add("b", 700);
	decide();
	t.fix[0]->instance.state = INSTANCE_DRAINING;
	decide();
	assert_state(1, SSC_LOST, 0);
	t.fix[0]->instance.state = INSTANCE_UP;
	decide();
	assert_state(1, SSC_KEPT_HOLD, 0);
	after_ms(1000);
	assert_state(0, SSC_MOVED, 1);
}

static void test_without_hold_time_there_is_none(void **state)
{
	t.svc.hold_ms = 0;
	t.svc.margin = 0;
	add("a", 100);
	add("b", 200);
	decide();
	for (int i = 0; i < 20; i++) {
		set(0, i % 2 ? 100 : 300);
		assert_state(i % 2 ? 0 : 1, SSC_MOVED, 0);
	}
	t.svc.mode = SAN_MODE_BALANCED;
	for (int i = 0; i < 20; i++) {
		set(0, i % 2 ? 100 : 300);
		assert_int_equal(t.weights[0], i % 2 ? 900 : 700);
		assert_int_equal(ssc_calm_level(&t.svc, &t.calm, t.now_us), 0);
	}
}

/* ---- balanced ---- */

static void balanced(int a, int b)
{
	t.svc.mode = SAN_MODE_BALANCED;
	add("a", a);
	add("b", b);
	decide();
}

static void test_first_step(void **state)
{
	balanced(0, 0);
	set(0, 800);
	set(1, 400);
	after_ms(1000);
	assert_state(1, SSC_WEIGHTS_NEW, 1);
	/* In force 1000:1000, as shares among 200 + 600: 400:400. The mean metric is 600, so four
	 * tenths of the way to 200:600. */
	assert_int_equal(t.weights[0], 320);
	assert_int_equal(t.weights[1], 480);
	assert_int_equal(llabs(t.calm.gap), 200);
}

/* It went beyond its mark by as much: half of the step. */
static void test_step_after_going_beyond(void **state)
{
	balanced(0, 0);
	set(0, 800);
	set(1, 400);
	after_ms(1000);
	assert_state(1, SSC_WEIGHTS_NEW, 1);
	/* By share 300:450 among 750; wanted 500:250, a gap of 200 the other way. */
	set(0, 500);
	set(1, 750);
	after_ms(2000);
	assert_int_equal(t.res.why, SSC_WEIGHTS_NEW);
	assert_in_range(t.calm.step, SSC_STEP_ALL / 5 - 2, SSC_STEP_ALL / 5 + 2);
	assert_in_range(t.weights[0], 338, 342);
	assert_in_range(t.weights[1], 408, 412);
}

/* What moved had nothing to do with it: twice as far. */
static void test_step_on_the_same_side(void **state)
{
	balanced(0, 0);
	set(0, 800);
	set(1, 400);
	after_ms(1000);
	after_ms(1);
	assert_state(1, SSC_WEIGHTS_HOLD, 1);
	after_ms(2000);
	assert_state(1, SSC_WEIGHTS_NEW, 2);
	assert_in_range(t.calm.step, 2 * SSC_STEP_ALL / 5 * 2 - 2, 2 * SSC_STEP_ALL / 5 * 2 + 2);
}

/* All by one factor: shares stay, and so do the weights. */
static void test_a_common_factor_is_nothing(void **state)
{
	balanced(0, 0);
	set(0, 800);
	set(1, 400);
	after_ms(1000);
	assert_state(1, SSC_WEIGHTS_NEW, 1);
	set(0, 840);
	set(1, 760); /* 160:240 as 320:480 */
	assert_state(1, SSC_WEIGHTS_KEPT, 1);
}

static void test_slow_start(void **state)
{
	balanced(100, 100);
	set(0, 1000);
	assert_state(1, SSC_MEMBERS, 1);
	set(0, 0);
	assert_state(1, SSC_MEMBERS, 1);
	assert_int_equal(t.weights[0], 450); /* of 900 */
	assert_int_equal(t.weights[1], 900);
	/* Long after: as good as any. */
	set(0, 1000);
	after_ms(600000);
	set(0, 0);
	assert_int_equal(t.weights[0], 1000);
}

/* ---- explained ---- */

static json_t *explain(void)
{
	struct ssc_field f = field();

	return ssc_explain(&f, &t.choice, &t.res, t.now_us);
}

static int number(const json_t *obj, const char *object, const char *member)
{
	return (int)json_integer_value(json_object_get(json_object_get(obj, object), member));
}

static void test_explained(void **state)
{
	json_t *e;

	add("a", 100);
	add("b", 200);
	decide();
	set(0, 900);
	after_ms(1000);
	set(0, 0);
	e = explain();
	assert_int_equal(number(e, "hysteresis", "hold_ms"), 1000);
	assert_int_equal(number(e, "hysteresis", "hold_now_ms"), 2000);
	assert_int_equal(number(e, "hysteresis", "back_off"), 1);
	assert_null(json_object_get(json_object_get(e, "hysteresis"), "step_permille"));
	assert_string_equal(json_string_value(json_object_get(e, "why")),
			    ssc_why_text(SSC_KEPT_LEFT));
	assert_int_equal(json_integer_value(json_object_get(
				 json_array_get(json_object_get(e, "candidates"), 0), "recalled")),
			 900);
	json_decref(e);
	t.svc.mode = SAN_MODE_BALANCED;
	decide();
	t.calm.step = SSC_STEP_ALL / 4;
	e = explain();
	assert_int_equal(number(e, "hysteresis", "step_permille"), 250);
	json_decref(e);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_each_move_doubles_the_hold_time),
		T(test_what_was_left_is_remembered),
		T(test_what_it_told_later),
		T(test_quiet_time_lowers_it),
		T(test_at_most_a_minute),
		T(test_a_loss_does_not_wait),
		T(test_a_loss_by_state_is_not_remembered),
		T(test_without_hold_time_there_is_none),
		T(test_first_step),
		T(test_step_after_going_beyond),
		T(test_step_on_the_same_side),
		T(test_a_common_factor_is_nothing),
		T(test_slow_start),
		T(test_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
