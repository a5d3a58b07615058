/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Next hops of the head to be: there before it is in force, the same when it is, gone when it is
 * taken back. */
#include "unit/enact/rig.h"
#include "intent/intent_int.h"

#define GOLD_OP "CREATE Operation first Target backup Priority 10 Action redirect: \"gold\";"
#define SLOW_OP "CREATE Operation second Target backup Priority 5 Action redirect: \"slow\";"
#define NEVER_OP                                                                                    \
	"CREATE Operation never Target backup Priority 1 Condition time < \"1999-01-01 00:00:00\" " \
	"Action redirect: \"slow\";"
/* All or nothing. */
#define WHOLE(script) "Transaction " script " Commit;"

static struct outcome out;

static void start(struct node *n, const char *script)
{
	struct intent_apply apply = {.tenant = "acme",
				     .by = "test",
				     .comment = "",
				     .script = script,
				     .len = strlen(script),
				     .if_revision = ANY_REVISION};
	struct err err = {0};

	out = (struct outcome){0};
	assert_int_equal(intent_apply(n->intent, &apply, on_result, &out, &err), 0);
}

static bool is_applied(const struct node *n)
{
	struct ncc_status s;

	ncc_status(n->ncc, &s);
	return s.desired == s.applied;
}

static int setup_patient(void **state)
{
	setup(state);
	enact_stage_ms = 60000;
	intent_limits.prepare_ms = 120000;
	return 0;
}

static int teardown_patient(void **state)
{
	enact_stage_ms = ENACT_STAGE_MS;
	intent_limits.prepare_ms = INTENT_PREPARE_MS;
	return teardown(state);
}

static uint64_t led_to(const struct node *n)
{
	assert_int_equal(n->n_classes, 1);
	return n->classes[0].service_id;
}

static void test_ready_before_the_flip(void **state)
{
	struct node *n = &nodes[0];
	uint64_t compiled, id;
	unsigned int told;

	apply(n, SITES NEVER_OP);
	assert_int_equal(n->n_services, 1); /* slow, warm */
	n->no_neighbours = true;
	start(n, GOLD_OP);
	UNTIL(n->n_services == 2 && is_applied(n));
	id = n->services[1];
	told = n->told;
	compiled = n->enact->stats.compiled;
	path_attr((struct path_key){"pe1", "pe3", "be"}, ATTR_LOSS_PPM, 1000000);
	UNTIL(n->enact->stats.compiled > compiled);
	settle();
	assert_false(out.done); /* its neighbour is not known yet */
	assert_true(goes_to(n, "none"));
	assert_int_equal(n->n_services, 2);
	assert_int_equal(n->enact->stage.n_fresh, 1);
	n->no_neighbours = false;
	UNTIL(out.done);
	assert_int_equal(out.status, 0);
	settle();
	assert_true(goes_to(n, "gold"));
	assert_int_equal(led_to(n), id);
	assert_int_equal(n->told, told); /* the flip was one of rules */
	assert_null(n->enact->stage.plan.goals);
}

/* What a revision keeps stays as it is; what it no longer needs goes. */
static void test_kept(void **state)
{
	struct node *n = &nodes[0];
	unsigned int told;
	uint64_t gold;

	apply(n, SITES GOLD_OP);
	assert_int_equal(n->n_services, 1);
	gold = led_to(n);
	told = n->told;
	apply(n, SLOW_OP);
	assert_true(goes_to(n, "slow"));
	assert_int_equal(n->n_services, 2);
	assert_int_equal(n->told, told + 2); /* a service and its next hop */
	assert_true(service_at(n, gold) < n->n_services);
	apply(n, "DELETE Operation first;");
	assert_true(goes_to(n, "slow"));
	assert_int_equal(n->n_services, 1);
	assert_int_equal(n->services[0], led_to(n));
	assert_int_equal(n->told, told + 3);
}

static void test_taken_back(void **state)
{
	struct node *n = &nodes[0];
	struct enact_stats stats;
	unsigned int told;

	apply(n, SITES SLOW_OP);
	node_open(1);
	nodes[1].refuses = true;
	assert_int_equal(n->n_services, 1);
	told = n->told;
	n->no_neighbours = true;
	start(n, GOLD_OP);
	UNTIL(out.done);
	assert_int_equal(out.status, -EBUSY);
	UNTIL(n->n_services == 1 && is_applied(n));
	assert_int_equal(n->told, told + 3); /* a service and its next hop, which went again */
	n->no_neighbours = false;
	settle();
	enact_stats(n->enact, &stats);
	assert_int_equal(stats.goals, 1);
	assert_null(n->enact->stage.plan.goals);
	assert_true(goes_to(n, "slow"));
	nodes[1].refuses = false;
	apply(n, GOLD_OP);
	assert_int_equal(n->n_services, 2);
}

/* A neighbour that does not answer holds nothing up, and what waits holds no end up. */
static void test_no_neighbour(void **state)
{
	struct node *n = &nodes[0];

	apply(n, SITES);
	n->no_neighbours = true;
	enact_stage_ms = 50;
	start(n, GOLD_OP);
	UNTIL(out.done);
	assert_int_equal(out.status, 0);
	UNTIL(goes_to(n, "gold"));
	enact_stage_ms = 60000;
	start(n, SLOW_OP);
	UNTIL(n->enact->stage.waits);
}

/* A parent that refuses what is only to be is no reason to refuse it. */
static void test_parent_refuses(void **state)
{
	struct node *n = &nodes[0];
	unsigned int told;

	apply(n, SITES);
	told = n->told;
	n->refuse = -EIO;
	start(n, GOLD_OP);
	UNTIL(n->told > told && !n->enact->stage.waits);
	assert_int_equal(n->enact->stage.plan.n_goals, 0);
	n->refuse = 0;
	UNTIL(out.done);
	assert_int_equal(out.status, 0);
	UNTIL(is_applied(n));
	assert_true(goes_to(n, "gold"));
}

/* Refused when it was not waited for any more: it goes all the same, and holds nothing else up. */
static void test_refused_late(void **state)
{
	struct node *n = &nodes[0];
	unsigned int told;

	apply(n, SITES GOLD_OP);
	enact_stage_ms = 10;
	n->slow = true;
	told = n->told;
	stage_some(n, 2);
	UNTIL(n->owes && !n->enact->stage.waits);
	assert_int_equal(n->told, told + 4);
	parent_answer(n, -EIO);
	UNTIL(!n->enact->stage.plan.n_goals);
	n->slow = false;
	UNTIL(is_applied(n) && n->n_services == 1);
	assert_int_equal(n->enact->plan.n_goals, 1);
}

/* All that it needs is there: what was refused before it is not its fault. */
static void test_refused_before(void **state)
{
	struct node *n = &nodes[0];
	struct nemo_plan plan = {.goals = calloc(1, sizeof(plan.goals[0])), .n_goals = 1};

	apply(n, SITES GOLD_OP);
	assert_non_null(plan.goals);
	plan.goals[0] = n->enact->plan.goals[0];
	assert_int_equal(enact_stage(n->enact, 99, &plan), 0);
	nemo_plan_fini(&plan);
	enact_acked(n->enact, n->enact->generation - 1, -EIO, "");
	assert_int_equal(n->enact->stage.plan.n_goals, 1);
	enact_acked(n->enact, n->enact->generation, -EIO, "");
	assert_int_equal(n->enact->stage.plan.n_goals, 0);
	settle();
	assert_int_equal(n->n_services, 1);
}

/* The plan that is refused carries rules of a commit and next hops of the one after it: without
 * these the commit is in force. */
static void test_refused_with_a_commit(void **state)
{
	struct node *n = &nodes[0];

	apply(n, SITES GOLD_OP);
	n->slow = true;
	stage_some(n, 1);
	UNTIL(n->owes);
	enact_stage_gone(n->enact);
	start(n, "UPDATE Operation first Priority 11;"); /* its next hop is there */
	UNTIL(n->enact->pending);
	stage_some(n, 2);
	parent_answer(n, 0);
	UNTIL(n->owes);
	parent_answer(n, -EIO);
	UNTIL(!n->enact->stage.plan.n_goals);
	assert_true(n->enact->pending);
	assert_false(n->enact->failing);
	n->slow = false;
	UNTIL(out.done);
	assert_int_equal(out.status, 0);
	UNTIL(is_applied(n) && n->n_services == 1);
	assert_false(n->enact->failing);
}

/* One stage goes and another comes in one step, under the same number: what was there of the first
 * is taken away, and the second is prepared when its own next hops are ready. */
static void test_same_number(void **state)
{
	struct node *n = &nodes[0];
	unsigned int told;

	apply(n, SITES NEVER_OP);
	n->no_neighbours = true;
	start(n, GOLD_OP);
	UNTIL(n->enact->stage.waits && is_applied(n));
	settle();
	assert_false(out.done);
	told = n->told;
	n->intent->host.stage = -1; /* that of the mirror is another one */
	intent_kick(n->intent);
	UNTIL(n->told > told && is_applied(n));
	settle();
	assert_false(out.done);
	assert_true(n->enact->stage.waits);
	assert_int_equal(n->enact->stage.n_fresh, 1);
	n->no_neighbours = false;
	UNTIL(out.done);
	assert_int_equal(out.status, 0);
	assert_true(goes_to(n, "gold"));
}

static void delay_of_gold(int64_t ms)
{
	path_attr((struct path_key){"pe2", "pe1", "be"}, ATTR_DELAY_US, 1000);
	path_attr((struct path_key){"pe1", "pe2", "be"}, ATTR_DELAY_US, ms * 1000);
}

static void let_it_go(struct node *n)
{
	UNTIL(looked());
	settle();
	assert_int_equal(n->enact->stage.plan.n_goals, 0);
}

/* That a stage goes is no reason to let values to and fro. */
static void test_values_are_held(void **state)
{
	struct node *n = &nodes[0];

	delay_of_gold(10);
	apply(n, SITES GOLD_OP "CREATE Operation alt Target backup Priority 5 Condition "
			       "gold.measured_delay > 20 Action redirect: \"slow\";");
	enact_hold_ms = 0;
	delay_of_gold(30);
	UNTIL(goes_to(n, "slow"));
	enact_hold_ms = 3600000;
	stage_some(n, 1);
	delay_of_gold(10);
	enact_stage_gone(n->enact);
	let_it_go(n);
	assert_true(goes_to(n, "slow"));
	stage_some(n, 1);
	delay_of_gold(9);
	enact_stage_clear(n->enact);
	let_it_go(n);
	assert_true(goes_to(n, "slow"));
	enact_hold_ms = 200;
}

static int setup_narrow(void **state)
{
	rig_room = 4;
	return setup_patient(state);
}

/* Next hops that no rule leads to make room for those of what is in force. The other host holds the
 * commit up meanwhile. */
static void test_in_force_goes_first(void **state)
{
	struct node *n = &nodes[0];
	uint64_t gold;

	apply(n, SITES "CREATE CFN d1 Type host Property ip: \"5f00:0:2:1::1\";"
		       "CREATE CFN d2 Type host Property ip: \"5f00:0:2:2::1\";" GOLD_OP);
	node_open(1);
	gold = led_to(n);
	n->no_neighbours = nodes[1].no_neighbours = true;
	start(n, WHOLE("CREATE Operation p Target backup Priority 1 Action redirect: \"d1\";"
		       "CREATE Operation q Target backup Priority 2 Action redirect: \"d2\";"));
	UNTIL(n->n_services == 3 && nodes[1].n_services == 3 && is_applied(n));
	add_gateway(&n->view, "pe2", 9); /* gold leads elsewhere */
	UNTIL(led_to(n) != gold && is_applied(n));
	assert_true(goes_to(n, "gold"));
	assert_int_equal(n->n_services, 1);
	assert_false(out.done);
	nodes[1].no_neighbours = false;
	UNTIL(out.done);
	assert_int_equal(out.status, 0);
	assert_true(goes_to(n, "d1"));
}

#define P(f) cmocka_unit_test_setup_teardown(f, setup_patient, teardown_patient)

int main(void)
{
	const struct CMUnitTest tests[] = {
		P(test_ready_before_the_flip),
		P(test_kept),
		P(test_taken_back),
		P(test_no_neighbour),
		P(test_parent_refuses),
		P(test_refused_late),
		P(test_refused_before),
		P(test_refused_with_a_commit),
		P(test_same_number),
		P(test_values_are_held),
		cmocka_unit_test_setup_teardown(test_in_force_goes_first, setup_narrow,
						teardown_patient),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
