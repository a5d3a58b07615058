/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the network does: loads, goals that go down, values that get old; what is evaluated and what
 * reaches the dataplane. */
#define OWN_CLOCK_JUMPS 1
#include "rig.h"

#define TWO                                                                                        \
	"CREATE Operation first Target backup Priority 10 Action redirect: \"gold\";\n"            \
	"CREATE Operation second Target backup Priority 20 Action redirect: \"slow\";\n"

#define GOLD ((struct path_key){"pe1", "pe2", "be"})
#define SLOW ((struct path_key){"pe1", "pe3", "be"})

static struct enact_stats figures(void)
{
	struct enact_stats stats;

	enact_stats(nodes[0].enact, &stats);
	return stats;
}

static const char *state(const char *operation, const char *member)
{
	static char text[256];
	json_t *list = enact_operations_json(nodes[0].enact, "acme"), *op;
	size_t i;

	text[0] = '\0';
	json_array_foreach(list, i, op)
		if (strcmp(json_string_value(json_object_get(op, "operation")), operation) == 0)
			snprintf(text, sizeof(text), "%s",
				 json_string_value(json_object_get(op, member)));
	json_decref(list);
	return text;
}

static void test_goal_down(void **st)
{
	struct node *n = &nodes[0];

	apply(n, SITES TWO);
	UNTIL(n->enact->leads);
	assert_string_equal(leads_to(n), "gold");
	path_attr(GOLD, ATTR_LOSS_PPM, 1000000);
	UNTIL(goes_to(n, "slow"));
	assert_string_equal(state("first", "state"), nemo_op_state_names[NEMO_OP_GOAL_DOWN]);
	UNTIL(events(n).n == 1);
	assert_non_null(strstr(events(n).last, "goal down: gold at pe1"));
	path_attr(GOLD, ATTR_LOSS_PPM, 200);
	UNTIL(goes_to(n, "gold"));
	UNTIL(events(n).n == 2);
	assert_non_null(strstr(events(n).last, "goal up"));
	gateway_gone("pe2");
	UNTIL(goes_to(n, "slow"));
	UNTIL(events(n).n == 3);
}

/* A value that goes to and fro does not carry the operation with it; its goal does, at once. */
static void test_values_are_held(void **st)
{
	static const char script[] = SITES
		"CREATE Operation first Target backup Priority 10 Condition "
		"slow.measured_delay > 20 Action redirect: \"gold\";"
		"CREATE Operation second Target backup Priority 20 Action redirect: \"slow\";";
	const struct path_key back = {"pe3", "pe1", "be"};
	struct node *n = &nodes[0];

	path_attr(back, ATTR_DELAY_US, 1000);
	path_attr(SLOW, ATTR_DELAY_US, 1000);
	apply(n, script);
	assert_string_equal(leads_to(n), "slow");
	turn_ms(enact_hold_ms);
	path_attr(SLOW, ATTR_DELAY_US, 30000);
	UNTIL(goes_to(n, "gold"));
	path_attr(SLOW, ATTR_DELAY_US, 1000);
	UNTIL(goes_to(n, "slow"));
	enact_hold_ms = 3600000;
	path_attr(SLOW, ATTR_DELAY_US, 30000);
	UNTIL(looked());
	settle();
	assert_string_equal(leads_to(n), "slow");
	enact_hold_ms = 0;
	path_attr(SLOW, ATTR_DELAY_US, 31000);
	UNTIL(goes_to(n, "gold"));
	enact_hold_ms = 3600000;
	path_attr(GOLD, ATTR_LOSS_PPM, 1000000);
	UNTIL(goes_to(n, "slow"));
	enact_hold_ms = 200;
}

/* Behind functions there is the gateway of their site: when it goes the rule goes, and that is
 * told. */
static void test_home_of_functions(void **st)
{
	static const char script[] =
		SITES "CREATE CFN fw Type firewall Property ip: \"5f00:0:2:fe::1\";"
		      "CREATE CFN rack Type l3group Contain pe2, fw;"
		      "CREATE Operation o Target backup Priority 10 Action gothrough: \"fw\";";
	struct node *n = &nodes[0];

	apply(n, script);
	UNTIL(n->enact->leads);
	assert_string_equal(leads_to(n), "fw");
	gateway_gone("pe2");
	UNTIL(goes_to(n, "none"));
	assert_string_equal(state("o", "state"), nemo_op_state_names[NEMO_OP_GOAL_DOWN]);
	UNTIL(events(n).n == 1);
	assert_non_null(strstr(events(n).last, "goal down: pe2 at pe1: gateway pe2 is not known"));
	add_gateway(&n->view, "pe2", 2);
	UNTIL(goes_to(n, "fw"));
	UNTIL(events(n).n == 2);
}

/* However many depend on it, an event is one mark; they are found when the round begins. */
static void test_event_is_one_mark(void **st)
{
	struct node *n = &nodes[0];

	apply(n, SITES TWO);
	path_attr(GOLD, ATTR_LOSS_PPM, 1000000);
	assert_non_null(n->enact->touched);
	assert_null(n->enact->dirty);
	UNTIL(goes_to(n, "slow"));
	assert_null(n->enact->touched);
}

/* The connection's other direction fails: nothing changes here, but it is told. */
static void test_goal_down_elsewhere(void **st)
{
	struct node *n = &nodes[0];

	apply(n, SITES TWO);
	UNTIL(n->enact->leads);
	path_attr((struct path_key){"pe2", "pe1", "be"}, ATTR_LOSS_PPM, 1000000);
	UNTIL(events(n).n == 1);
	assert_non_null(strstr(events(n).last, "goal down: gold at pe2"));
	assert_string_equal(leads_to(n), "gold");
}

static void load(uint64_t svc, const char *name, int64_t percent, uint64_t age_us)
{
	struct view *view = &nodes[0].view;
	struct sample s = {.attr = ATTR_CPU_LOAD,
			   .milli = percent * 1000,
			   .received_us = view_time(view, clock_us()) - age_us};

	assert_int_equal(view_instance_attr(view, svc, name, &s), 0);
}

static void service(uint64_t id, uint32_t max_age_ms)
{
	struct view *view = &nodes[0].view;
	const char *const names[] = {"i1", "i2"};
	struct service def;
	struct in6_addr at;

	service_init(&def, id);
	def.max_age_ms = max_age_ms;
	assert_int_equal(view_service_put(view, &def, 1), 0);
	assert_int_equal(inet_pton(AF_INET6, "2001:db8:2a::2", &at), 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		struct view_instance_put put = {
			.service = id, .instance = names[i], .gateway = "pe3", .address = &at};

		assert_int_equal(view_instance_put(view, &put), 0);
	}
}

#define ON_LOAD(of)                                                                                \
	SITES "IMPORT CFN web Type service Property service_id: 257;\n"                            \
	      "CREATE Operation first Target backup Priority 10 Condition " of                     \
	      ".cpu_load > 80 Action redirect: \"gold\";\n"                                        \
	      "CREATE Operation second Target backup Priority 20 Action redirect: \"slow\";\n"

/* Goals that rules lead to. */
static unsigned int goals_used(const struct nemo_plan *plan)
{
	unsigned int n = 0;

	for (unsigned int g = 0; g < plan->n_goals; g++)
		for (unsigned int i = 0; i < plan->n_rules; i++)
			if (plan->rules[i].msg.service_id == plan->goals[g].id) {
				n++;
				break;
			}
	return n;
}

/* The next hops of what is not in force now are in the dataplane, too: a flip finds them ready. */
static void test_next_hops_are_ready(void **st)
{
	struct node *n = &nodes[0];
	unsigned int used;

	apply(n, SITES
	      "CREATE Operation first Target backup Priority 10 Condition gold.utilization > 101 "
	      "Action redirect: \"gold\";\n"
	      "CREATE Operation second Target backup Priority 20 Action redirect: \"slow\";\n");
	assert_string_equal(leads_to(n), "slow");
	used = goals_used(&n->enact->plan);
	assert_true(used > 0);
	assert_int_equal(n->n_services, 2 * used);
	apply(n, "DELETE Operation first;");
	assert_int_equal(n->n_services, used);
}

/* The mean of two instances, by service and by gateway; unknown counts as not met. */
static void follow_load(const char *script)
{
	struct node *n = &nodes[0];

	service(257, 10000);
	apply(n, script);
	assert_string_equal(leads_to(n), "slow");
	assert_string_equal(state("first", "state"), nemo_op_state_names[NEMO_OP_UNKNOWN]);
	load(257, "i1", 90, 0);
	UNTIL(goes_to(n, "gold"));
	load(257, "i2", 20, 0);
	UNTIL(goes_to(n, "slow"));
	assert_string_equal(state("first", "state"), nemo_op_state_names[NEMO_OP_CONDITION]);
	load(257, "i2", 80, 0);
	UNTIL(goes_to(n, "gold"));
	load(257, "i2", 70, 0); /* 80 is not above 80 */
	UNTIL(goes_to(n, "slow"));
}

static void test_load_of_service(void **st)
{
	follow_load(ON_LOAD("web"));
}

static void test_load_of_gateway(void **st)
{
	follow_load(ON_LOAD("pe3"));
}

static void test_load_of_site(void **st)
{
	follow_load(ON_LOAD("dc"));
}

/* A value that nobody tells any more becomes unknown; the same value told again counts. */
static void test_stale(void **st)
{
	struct node *n = &nodes[0];

	enact_hold_ms = 0; /* not to get old meanwhile */
	service(257, 300);
	apply(n, ON_LOAD("web"));
	load(257, "i1", 90, 0);
	UNTIL(goes_to(n, "gold"));
	UNTIL(goes_to(n, "slow"));
	assert_string_equal(state("first", "state"), nemo_op_state_names[NEMO_OP_UNKNOWN]);
	load(257, "i1", 90, 0);
	UNTIL(goes_to(n, "gold"));
	enact_hold_ms = 200;
}

static void test_connection_figures(void **st)
{
	struct node *n = &nodes[0];

	apply(n, SITES
	      "CREATE Operation first Target backup Priority 10 Condition (gold.utilization >= 50) "
	      "&& (gold.measured_delay <= 11) Action redirect: \"gold\";\n"
	      "CREATE Operation second Target backup Priority 20 Action redirect: \"slow\";\n");
	path_attr(GOLD, ATTR_BANDWIDTH_KBPS, 1000);
	path_attr(GOLD, ATTR_BANDWIDTH_FREE_KBPS, 400);
	path_attr(GOLD, ATTR_DELAY_US, 10001);
	settle();
	assert_string_equal(leads_to(n), "slow"); /* the other direction is not known */
	path_attr((struct path_key){"pe2", "pe1", "be"}, ATTR_BANDWIDTH_KBPS, 1000);
	path_attr((struct path_key){"pe2", "pe1", "be"}, ATTR_BANDWIDTH_FREE_KBPS, 900);
	path_attr((struct path_key){"pe2", "pe1", "be"}, ATTR_DELAY_US, 2000);
	UNTIL(goes_to(n, "gold"));
	path_attr(GOLD, ATTR_DELAY_US, 11001); /* 12 ms, rounded up */
	UNTIL(goes_to(n, "slow"));
}

/* ---- what is evaluated ---- */

#define MANY 10000

static char *many(void)
{
	struct nemo_text text = {0};

	nemo_text_add(&text, "%s", SITES "IMPORT CFN web Type service Property service_id: 257;\n");
	for (int i = 0; i < MANY; i++) {
		if (i < 2000)
			nemo_text_add(&text,
				      "CREATE ServiceFlow f%d Match src_ip: 10.1.%d.%d, proto: "
				      "\"udp\", dst_port: 1;\n",
				      i, i / 250, i % 250 + 1);
		nemo_text_add(&text,
			      "CREATE Operation o%d Target f%d Priority %d Condition %s Action "
			      "redirect: \"gold\";\n",
			      i, i % 2000, 10 + i / 2000,
			      i ? "gold.measured_delay > 1000" : "web.cpu_load > 80");
	}
	return text.data;
}

/* As intent would: how long a commit of so many takes is not the question here. */
static void flip_to(struct node *n, const char *text)
{
	struct nemo_store *empty = nemo_store_new(), *store = NULL;
	struct nemo_diags diags = {0};
	struct nemo_script *script = nemo_parse(text, strlen(text), &diags);
	struct nemo_legs none = {0}, legs = {0};
	struct nemo_tenant acme = {"acme", NULL, &legs, &tenants[0].grants};

	assert_non_null(script);
	assert_int_equal(nemo_check(script, empty, &store, &diags), 0);
	acme.store = store;
	assert_int_equal(nemo_admit("acme", store, acme.grants, &n->view, &none, &none, script,
				    &legs, &diags),
			 0);
	enact_flip(n->enact, &(struct intent_head){1, &acme, 1});
	nemo_legs_fini(&legs);
	nemo_diags_fini(&diags);
	nemo_script_free(script);
	nemo_store_free(store);
	nemo_store_free(empty);
	settle();
}

static void test_one_of_many(void **st)
{
	OWN_PTR char *script = many();
	struct node *n = &nodes[0];
	struct enact_stats before, after;
	unsigned int plans;

	service(257, 60000);
	flip_to(n, script);
	before = figures();
	plans = n->plans;
	load(257, "i1", 50, 0);
	UNTIL(figures().evaluations != before.evaluations);
	settle();
	after = figures();
	assert_int_equal(after.evaluations, before.evaluations + 1);
	assert_int_equal(after.flips, before.flips);
	assert_int_equal(after.compiled, before.compiled);
	assert_int_equal(n->plans, plans);
	load(257, "i1", 90, 0);
	UNTIL(goes_to(n, "gold"));
	after = figures();
	assert_int_equal(after.evaluations, before.evaluations + 2);
	assert_int_equal(after.flips, before.flips + 1);
	assert_int_equal(after.compiled, before.compiled + 1);
	print_message("%d operations, one flips: compiled in %llu us, reacted in %llu us\n", MANY,
		      (unsigned long long)after.compile_us, (unsigned long long)after.react_us);
}

/* What nobody depends on is not even a round. */
static void test_others_do_not_matter(void **st)
{
	struct node *n = &nodes[0];
	struct enact_stats before;

	service(300, 10000);
	apply(n, SITES TWO);
	before = figures();
	load(300, "i1", 50, 0);
	path_attr(GOLD, ATTR_DELAY_US, 100);
	path_attr((struct path_key){"pe3", "pe1", "be"}, ATTR_LOSS_PPM, 100);
	turn_ms(20);
	assert_int_equal(figures().evaluations, before.evaluations);
}

/* ---- heads ---- */

/* After a restart the first plan is what was in force before. */
static void test_first_plan(void **st)
{
	struct node *n = &nodes[0];

	apply(n, SITES TWO);
	node_close(n);
	node_open(0);
	assert_string_equal(leads_to(n), "gold");
	assert_int_equal(n->plans, 1);
	assert_int_equal(n->n_services, n->enact->plan.n_goals);
	assert_false(n->enact->pending);
}

/* A commit that changes nothing here is in force at once. */
static void test_nothing_to_do(void **st)
{
	struct node *n = &nodes[0];
	unsigned int plans;

	apply(n, SITES TWO);
	plans = n->plans;
	apply(n, "CREATE CFN more Type l2group;");
	assert_int_equal(n->plans, plans);
	assert_int_equal(n->enact->commit, 2);
	assert_false(n->enact->pending);
}

/* What nothing leads to any more goes. */
static void test_goals_go(void **st)
{
	struct node *n = &nodes[0];

	apply(n, SITES TWO);
	assert_true(n->n_services > 0);
	apply(n, "DELETE Operation first; DELETE Operation second;");
	assert_string_equal(leads_to(n), "none");
	assert_int_equal(n->n_services, 0);
	assert_int_equal(figures().operations, 0);
}

/* A host without classifier takes part, and has no rules. */
static void test_no_ingress(void **st)
{
	struct node *m;

	rig_no_ingress = true;
	m = node_open(2);
	apply(&nodes[0], SITES TWO);
	UNTIL(m->enact->commit == 1);
	assert_false(m->enact->pending);
	assert_int_equal(m->n_classes, 0);
	assert_string_equal(leads_to(&nodes[0]), "gold");
}

/* Another host's refusal leaves this one as it was. */
static void test_other_refuses(void **st)
{
	struct node *n = &nodes[0], *m = node_open(1);
	char text[1024];

	apply(n, SITES TWO
	      "CREATE ServiceFlow back Match src_ip: 10.2.0.0/16, dst_port: 80, proto: \"tcp\";\n"
	      "CREATE Operation home Target back Priority 5 Action redirect: \"gold\";\n");
	UNTIL(m->n_classes > 0);
	m->refuse = -EIO;
	assert_int_equal(try_apply(n, "acme",
				   "UPDATE Operation first Action redirect: \"slow\"; UPDATE "
				   "Operation home Action deny;",
				   text),
			 -EBUSY);
	m->refuse = 0;
	assert_non_null(strstr(text, "pe2"));
	settle();
	UNTIL(goes_to(n, "gold") && goes_to(m, "gold"));
}

/* ---- failures ---- */

/* The parent refuses: the commit is undone everywhere. */
static void test_refused(void **st)
{
	struct node *n = &nodes[0];
	char text[1024];

	apply(n, SITES TWO);
	n->refuse = -ENOSPC;
	assert_int_equal(
		try_apply(n, "acme", "UPDATE Operation first Action redirect: \"slow\";", text),
		-EBUSY);
	n->refuse = 0;
	assert_non_null(strstr(text, "pe1"));
	UNTIL(goes_to(n, "gold"));
}

static void test_does_not_fit(void **st)
{
	struct node *n = &nodes[0];
	struct nemo_text text = {0};
	char why[1024];

	apply(n, SITES TWO);
	for (int i = 0; i < 20; i++)
		nemo_text_add(&text,
			      "CREATE ServiceFlow r%d Match src_ip: 10.1.%d.0/24, proto: \"udp\", "
			      "dst_port: Range(1, 65534);\n"
			      "CREATE Operation r%d Target r%d Priority 5 Condition time > "
			      "\"23:59:58\" Action redirect: \"gold\";\n",
			      i, i, i, i);
	assert_int_not_equal(try_apply(n, "acme", text.data, why), 0);
	free(text.data);
	assert_string_equal(leads_to(n), "gold");
	assert_int_equal(n->enact->commit, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_first_plan),
		T(test_nothing_to_do),
		T(test_goals_go),
		T(test_no_ingress),
		T(test_other_refuses),
		T(test_goal_down),
		T(test_values_are_held),
		T(test_event_is_one_mark),
		T(test_home_of_functions),
		T(test_goal_down_elsewhere),
		T(test_next_hops_are_ready),
		T(test_load_of_service),
		T(test_load_of_gateway),
		T(test_load_of_site),
		T(test_stale),
		T(test_connection_figures),
		T(test_others_do_not_matter),
		T(test_refused),
		T(test_does_not_fit),
		T(test_one_of_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
