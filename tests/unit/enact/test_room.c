/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A dataplane that is full: what is in force goes first, before what is only kept ready. */
#include "unit/enact/rig.h"

#define ROOM 3 /* next hops */

#define GOLD_OP "CREATE Operation first Target backup Priority 10 Action redirect: \"gold\";"
#define ALT_OP                                                                                     \
	"CREATE Operation alt Target backup Priority 5 Condition gold.measured_delay > 20 "        \
	"Action redirect: \"slow\";"
#define OTHER_FLOW "CREATE ServiceFlow web Match src_ip: 10.1.0.0/16, proto: \"tcp\", dst_port: 80;"
#define OTHER_OP "CREATE Operation other Target web Priority 10 Action redirect: \"slow\";"
#define OTHER_ALT_OP                                                                               \
	"CREATE Operation other Target web Priority 10 Condition gold.measured_delay > 20 "        \
	"Action redirect: \"gold\";"

static int setup_narrow(void **state)
{
	rig_room = ROOM + 1;
	enact_stage_ms = 60000;
	return setup(state);
}

static int teardown_narrow(void **state)
{
	enact_stage_ms = ENACT_STAGE_MS;
	return teardown(state);
}

static void delay_of_gold(int64_t ms)
{
	path_attr((struct path_key){"pe2", "pe1", "be"}, ATTR_DELAY_US, 1000);
	path_attr((struct path_key){"pe1", "pe2", "be"}, ATTR_DELAY_US, ms * 1000);
}

/* Next hops of operations that do not apply now are not kept, as after there was no room. */
static void forget_warm(struct node *n)
{
	enact_warm_drop(n->enact);
	n->enact->recompile = true;
	enact_round(n->enact);
	settle();
}

/* The stage has gone, its next hops have not: they make room. */
static void test_stage_that_has_gone(void **state)
{
	struct node *n = &nodes[0];

	delay_of_gold(10);
	apply(n, SITES GOLD_OP ALT_OP);
	forget_warm(n);
	assert_int_equal(n->n_services, 1);
	stage_some(n, ROOM - 1);
	settle();
	assert_int_equal(n->n_services, ROOM);
	delay_of_gold(30);
	enact_stage_gone(n->enact);
	UNTIL(goes_to(n, "slow"));
	assert_false(n->enact->failing);
	UNTIL(n->n_services == 1);
}

/* There is not enough room without them either: they go all the same. */
static void test_not_enough(void **state)
{
	struct node *n = &nodes[0];
	struct enact_stats stats;

	apply(n, SITES OTHER_FLOW GOLD_OP OTHER_OP);
	assert_int_equal(n->n_services, 2);
	stage_some(n, 1);
	settle();
	assert_int_equal(n->n_services, ROOM);
	add_gateway(&n->view, "pe2", 8); /* both lead elsewhere: two more before the old ones go */
	add_gateway(&n->view, "pe3", 9);
	UNTIL(n->enact->failing);
	UNTIL(n->n_services == 2);
	enact_stats(n->enact, &stats);
	assert_int_equal(stats.goals, 2);
	assert_int_equal(n->enact->stage.plan.n_goals, 0);
}

/* Next hops that went would be no room for rules: they stay. */
static void test_too_many_rules(void **state)
{
	struct node *n = &nodes[0];
	struct plan_class *own = calloc(SAN_MAX_CLASSES, sizeof(*own));
	struct err err = {0};

	assert_non_null(own);
	delay_of_gold(10);
	apply(n, SITES OTHER_FLOW GOLD_OP OTHER_ALT_OP);
	assert_int_equal(n->n_classes, 1);
	stage_some(n, ROOM - 1);
	settle();
	for (unsigned int i = 0; i < SAN_MAX_CLASSES; i++) {
		snprintf(own[i].name, sizeof(own[i].name), "c%05u", i);
		own[i].msg.service_id = 7;
	}
	assert_int_equal(ncc_classes_set(n->ncc, own, SAN_MAX_CLASSES - 1, &err), 0);
	free(own);
	delay_of_gold(30);
	UNTIL(n->enact->failing);
	assert_int_equal(n->enact->stage.plan.n_goals, ROOM - 1);
	assert_int_equal(n->enact->plan.n_goals, ROOM);
	assert_int_equal(ncc_classes_set(n->ncc, NULL, 0, &err), 0);
	UNTIL(n->n_classes == 2 && n->n_services == ROOM);
}

#define N(f) cmocka_unit_test_setup_teardown(f, setup_narrow, teardown_narrow)

int main(void)
{
	const struct CMUnitTest tests[] = {
		N(test_stage_that_has_gone),
		N(test_not_enough),
		N(test_too_many_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
