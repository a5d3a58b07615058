/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters that stay with their operations, and what north shows. */
#define OWN_CLOCK_JUMPS 1
#include "rig.h"

#define GOLD ((struct path_key){"pe1", "pe2", "be"})

#define TWO                                                                                        \
	SITES "CREATE Operation first Target backup Priority 10 Condition (time >= \"18:00\") && " \
	      "(time < \"21:00\") Action redirect: \"gold\";\n"                                    \
	      "CREATE Operation second Target backup Priority 20 Action redirect: \"slow\";\n"

static uint32_t number_of(const struct node *n, const char *operation)
{
	char key[2 * NAME_LEN];
	struct enact_act *act;

	snprintf(key, sizeof(key), "acme/%s", operation);
	act = enact_act_find(n->enact->acts, key);
	return act ? act->number : 0;
}

static json_t *operation(const struct node *n, const char *name)
{
	json_t *list = enact_operations_json(n->enact, "acme"), *op, *found = NULL;
	size_t i;

	json_array_foreach(list, i, op)
		if (strcmp(json_string_value(json_object_get(op, "operation")), name) == 0)
			found = json_incref(op);
	json_decref(list);
	assert_non_null(found);
	return found;
}

static json_int_t packets(const struct node *n, const char *name)
{
	json_t *op = operation(n, name);
	json_int_t packets = json_integer_value(json_object_get(op, "packets"));

	json_decref(op);
	return packets;
}

static void evening(struct node *n)
{
	set_clock(n, utc(2026, 6, 1, 19, 0, 0));
	assert_string_equal(leads_to(n), "gold");
}

static void morning(struct node *n)
{
	set_clock(n, utc(2026, 6, 1, 9, 0, 0));
	assert_string_equal(leads_to(n), "slow");
}

/* The window closes and opens: the parent's counter begins anew, the operation's goes on. */
static void test_counts_stay(void **state)
{
	struct node *n = &nodes[0];
	uint32_t number;

	apply(n, TWO);
	evening(n);
	number = number_of(n, "first");
	assert_int_not_equal(number, 0);
	n->packets[number] = 50;
	UNTIL(packets(n, "first") == 50);
	morning(n);
	n->packets[number] = 60; /* counted before the plan was applied */
	UNTIL(packets(n, "first") == 60);
	evening(n);
	assert_int_equal(number_of(n, "first"), number);
	n->packets[number] = 70; /* since it came back */
	UNTIL(packets(n, "first") == 130);
	n->packets[number] = 5; /* the parent started anew */
	UNTIL(packets(n, "first") == 135);
}

static void test_numbers_are_free_again(void **state)
{
	struct node *n = &nodes[0];
	uint32_t number;

	apply(n, TWO);
	evening(n);
	number = number_of(n, "first");
	assert_true(n->enact->act_taken[number]);
	apply(n, "DELETE Operation first;");
	assert_int_equal(number_of(n, "first"), 0);
	assert_false(n->enact->act_taken[number]);
}

/* This process starts anew, the parent does not: its counters are found again. */
static void test_counts_outlive_a_restart(void **state)
{
	struct node *n = &nodes[0];

	apply(n, TWO);
	morning(n);
	n->packets[number_of(n, "second")] = 40;
	UNTIL(packets(n, "second") == 40);
	rig_keeps_counts = true;
	node_close(n);
	node_open(0);
	UNTIL(packets(n, "second") == 40);
}

/* Another operation whose home is that of acme/o. */
static void twin_of_o(char *name, size_t size)
{
	char key[2 * NAME_LEN];

	for (unsigned int i = 0;; i++) {
		snprintf(name, size, "twin%u", i);
		snprintf(key, sizeof(key), "acme/%s", name);
		if (enact_act_home(key) == enact_act_home("acme/o"))
			return;
	}
}

/* Two with one home: after a restart the other one has it. What the first one counted is not its.
 */
static void test_counts_are_not_another_ones(void **state)
{
	struct node *n = &nodes[0];
	uint32_t home = enact_act_home("acme/o");
	char twin[32], script[512];

	apply(n, SITES "CREATE Operation o Target backup Priority 20 Action redirect: \"gold\";"
		       "CREATE ServiceFlow web Match src_ip: 10.1.0.0/16, proto: \"tcp\", "
		       "dst_port: 80;");
	twin_of_o(twin, sizeof(twin));
	snprintf(script, sizeof(script),
		 "CREATE Operation %s Target web Priority 10 Action redirect: \"gold\";", twin);
	apply(n, script);
	assert_int_equal(number_of(n, "o"), home);
	n->packets[home] = 50;
	n->packets[number_of(n, twin)] = 7;
	UNTIL(packets(n, "o") == 50 && packets(n, twin) == 7);
	rig_keeps_counts = true;
	node_close(n);
	node_open(0);
	assert_int_equal(number_of(n, twin), home);
	UNTIL(enact_act_find(n->enact->acts, "acme/o")->last.packets == 7);
	assert_int_equal(packets(n, "o"), 0);
	assert_int_equal(packets(n, twin), 0);
	n->packets[home] += 3;
	UNTIL(packets(n, twin) == 3);
	assert_int_equal(packets(n, "o"), 0);
}

static bool stat_is(struct node *n, const char *object, uint64_t want)
{
	uint64_t p, b;

	return intent_stats(n->intent, "acme", object, &p, &b) && p == want && b == 100 * want;
}

/* A flow counts what its operations counted, a connection what was redirected to it; on all hosts
 * together. */
static void test_sums(void **state)
{
	struct node *n = &nodes[0];
	json_t *list;

	apply(n, TWO);
	evening(n);
	n->packets[number_of(n, "first")] = 50;
	enact_counts_asked(n->enact);
	UNTIL(stat_is(n, "backup", 50));
	morning(n);
	n->packets[number_of(n, "second")] = 7;
	enact_counts_asked(n->enact);
	UNTIL(stat_is(n, "backup", 57));
	UNTIL(stat_is(n, "gold", 50));
	UNTIL(stat_is(n, "slow", 7));
	UNTIL(stat_is(n, "gold.pe1.pe2", 50));
	assert_int_not_equal(HASH_COUNT(n->enact->published), 0);
	list = enact_connections_json(n->enact, "acme");
	assert_int_equal(json_array_size(list), 2);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(list, 0), "connection")), "gold");
	assert_true(json_is_true(json_object_get(json_array_get(list, 0), "up")));
	assert_int_equal(json_array_size(json_object_get(json_array_get(list, 0), "legs")), 2);
	json_decref(list);
	apply(n, "DELETE Operation first; DELETE Operation second; DELETE ServiceFlow backup;"
		 "DELETE Connection gold; DELETE Connection slow;");
	assert_int_equal(HASH_COUNT(n->enact->published), 0);
	assert_int_equal(HASH_COUNT(n->enact->acts), 0);
}

/* Nobody asks: what nothing counts for is not known. */
static void test_unknown_is_not_zero(void **state)
{
	struct node *n = &nodes[0];
	json_t *list, *leg;

	apply(n, SITES);
	list = enact_connections_json(n->enact, "acme");
	leg = json_array_get(json_object_get(json_array_get(list, 0), "legs"), 0);
	assert_true(json_is_null(json_object_get(leg, "packets")));
	assert_true(json_is_null(json_object_get(leg, "measured_delay")));
	assert_true(json_is_null(json_object_get(leg, "utilization")));
	json_decref(list);
}

static void test_states(void **state)
{
	struct node *n = &nodes[0];
	json_t *op;

	apply(n, TWO);
	morning(n);
	op = operation(n, "first");
	assert_string_equal(json_string_value(json_object_get(op, "state")),
			    nemo_op_state_names[NEMO_OP_CONDITION]);
	assert_string_equal(json_string_value(json_object_get(op, "target")), "backup");
	assert_int_equal(json_integer_value(json_object_get(op, "rules")), 0);
	json_decref(op);
	op = operation(n, "second");
	assert_string_equal(json_string_value(json_object_get(op, "state")),
			    nemo_op_state_names[NEMO_OP_IN_FORCE]);
	assert_true(json_integer_value(json_object_get(op, "rules")) > 0);
	assert_true(json_is_null(json_object_get(op, "condition")));
	json_decref(op);
}

/* ---- explain ---- */

#define PACKET "10.1.0.9 10.2.0.9 tcp 40000 55555"

static const char *winner(struct node *n, const char *tenant, const char *time)
{
	static char text[128];
	struct err err = {0};
	json_t *e = enact_explain(n->enact, tenant, PACKET, time, &err);
	const char *name;

	if (!e)
		return strcpy(text, err.field);
	name = json_string_value(json_object_get(json_object_get(e, "winner"), "operation"));
	snprintf(text, sizeof(text), "%s", name ? name : "none");
	json_decref(e);
	return text;
}

static void test_explain_times(void **state)
{
	struct node *n = &nodes[0];

	apply(n, TWO);
	morning(n);
	assert_string_equal(winner(n, "acme", "now"), "second");
	assert_string_equal(winner(n, "acme", NULL), "second");
	assert_string_equal(winner(n, "acme", "2026-06-01 20:59:59"), "first");
	assert_string_equal(winner(n, "acme", "2026-06-01 21:00:00"), "second");
	assert_string_equal(winner(n, "acme", "2026-06-01T17:59:59Z"), "second");
	assert_string_equal(winner(n, "acme", "2026-06-01T20:59:59.5+01:00"), "first");
	assert_string_equal(winner(n, "acme", "2026-06-01T19:00:00-02:00"), "second");
	assert_string_equal(winner(n, "acme", "2026-06-01"), "/time");
	assert_string_equal(winner(n, "acme", "2026-06-01T19:00:00"), "/time");
	assert_string_equal(winner(n, "acme", "2026-06-01T19:00:00+1"), "/time");
	assert_string_equal(winner(n, "acme", "tomorrow"), "/time");
}

static int setup_berlin(void **state)
{
	rig_zone = "Europe/Berlin";
	return setup(state);
}

static void test_explain_zone(void **state)
{
	struct node *n = &nodes[0];

	apply(n, TWO);
	assert_string_equal(winner(n, "acme", "2026-06-01 18:00:00"), "first");
	assert_string_equal(winner(n, "acme", "2026-06-01T15:59:59Z"), "second");
	assert_string_equal(winner(n, "acme", "2026-06-01T16:00:00Z"), "first");
}

/* Another tenant sees that there is something, not what. */
static void test_explain_others(void **state)
{
	static const char *const secrets[] = {"acme", "first",	"second", "gold",
					      "slow", "backup", "55555\""};
	struct node *n = &nodes[0];
	struct err err = {0};
	json_t *e;
	char *text;

	apply(n, TWO);
	e = enact_explain(n->enact, "zeta", PACKET, "now", &err);
	assert_non_null(e);
	text = json_text(e);
	for (unsigned int i = 0; i < ARRAY_SIZE(secrets); i++)
		if (strstr(text, secrets[i]))
			fail_msg("%s in %s", secrets[i], text);
	free(text);
	json_decref(e);
}

/* What is hidden is not made in the first place. */
static void test_explain_asker(void **state)
{
	struct node *n = &nodes[0];
	struct enact_lookup lookup = enact_lookup(n->enact, NULL);
	struct nemo_packet packet;
	struct nemo_plan_in in;
	struct err err = {0};
	json_t *e;

	apply(n, TWO);
	assert_int_equal(nemo_packet_read(PACKET, &packet, &err), 0);
	for (int i = 0; i < 2; i++) {
		in = enact_plan_in(n->enact, &lookup, &n->enact->head, 0);
		in.asker = i ? "acme" : "zeta";
		e = nemo_explain(&in, &packet);
		assert_int_equal(
			json_object_get(json_array_get(json_object_get(e, "operations"), 0),
					"condition") != NULL,
			i);
		json_decref(e);
	}
}

/* ---- what is looked up by halves ---- */

static void test_legs_of(void **state)
{
	static const char *const names[] = {"m", "a", "m", "z", "a", "m"};
	static const char *const ingress[] = {"pe2", "pe9", "pe1", "pe1", "pe1", "pe3"};
	struct nemo_leg v[ARRAY_SIZE(names)] = {0}, *last;
	struct nemo_legs legs = {.v = v, .n = ARRAY_SIZE(names)}, of;
	struct nemo_tenant tenant = {.name = "acme", .legs = &legs};
	const struct intent_head head = {.tenants = &tenant, .n_tenants = 1};
	struct enact_head copy;

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		strcpy(v[i].connection, names[i]);
		strcpy(v[i].ingress, ingress[i]);
	}
	tenant.store = nodes[0].enact->head.tenants[0].store;
	assert_int_equal(enact_head_copy(&head, &copy), 0);
	of = enact_legs_of(&copy.tenants[0], "m");
	assert_int_equal(of.n, 3);
	last = &of.v[2];
	assert_string_equal(of.v[0].ingress, "pe1");
	assert_string_equal(last->ingress, "pe3");
	assert_int_equal(enact_legs_of(&copy.tenants[0], "a").n, 2);
	assert_int_equal(enact_legs_of(&copy.tenants[0], "z").n, 1);
	assert_int_equal(enact_legs_of(&copy.tenants[0], "b").n, 0);
	enact_head_fini(&copy);
}

static void test_lookups(void **state)
{
	struct nemo_goal goals[5] = {{.id = 2}, {.id = 3}, {.id = 5}, {.id = 9}, {.id = 12}};
	const struct nemo_plan plan = {.goals = goals, .n_goals = ARRAY_SIZE(goals)};

	apply(&nodes[0], SITES);
	test_legs_of(state);
	for (unsigned int i = 0; i < ARRAY_SIZE(goals); i++)
		assert_ptr_equal(enact_goal_find(&plan, goals[i].id), &goals[i]);
	assert_null(enact_goal_find(&plan, 1));
	assert_null(enact_goal_find(&plan, 4));
	assert_null(enact_goal_find(&plan, 13));
}

static void test_query(void **state)
{
	struct nemo_name items[] = {{.text = "measured_delay"}}, from[] = {{.text = "gold"}};
	const struct nemo_query query = {.items = {items, 1}, .from = {from, 1}};
	struct node *n = &nodes[0];
	struct err err = {0};
	json_t *answer, *row;

	apply(n, SITES);
	path_attr(GOLD, ATTR_DELAY_US, 3000);
	path_attr((struct path_key){"pe2", "pe1", "be"}, ATTR_DELAY_US, 4500);
	answer = enact_query(n->enact, "acme", &query, &err);
	assert_non_null(answer);
	assert_int_equal(json_integer_value(json_object_get(answer, "revision")), 1);
	row = json_array_get(json_object_get(answer, "results"), 0);
	assert_string_equal(json_string_value(json_object_get(row, "name")), "gold");
	assert_int_equal(json_integer_value(
				 json_object_get(json_object_get(row, "values"), "measured_delay")),
			 5);
	json_decref(answer);
	from[0].text = "silver";
	assert_null(enact_query(n->enact, "acme", &query, &err));
	assert_int_equal(err.code, -ENOENT);
	assert_string_equal(err.value, "silver");
	assert_null(enact_query(n->enact, "zeta", &query, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_counts_stay),
		T(test_counts_outlive_a_restart),
		T(test_counts_are_not_another_ones),
		T(test_numbers_are_free_again),
		T(test_sums),
		T(test_unknown_is_not_zero),
		T(test_states),
		T(test_explain_times),
		cmocka_unit_test_setup_teardown(test_explain_zone, setup_berlin, teardown),
		T(test_explain_others),
		T(test_explain_asker),
		T(test_lookups),
		T(test_query),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
