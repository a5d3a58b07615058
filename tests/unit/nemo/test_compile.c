/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules of one host: strength, states, limits, families. */
#include "world.h"

#define FLOWS                                                                                      \
	"CREATE ServiceFlow web4 Match src_ip:\"10.1.0.0/16\", dst_port:80, proto:\"tcp\";\n"      \
	"CREATE ServiceFlow any Match dscp:Range(0, 63);\n"

static void takes(const struct nemo_plan *plan, const char *packet, const char *op)
{
	const char *is = world_takes(plan, packet);

	if (strcmp(is, op) != 0)
		fail_msg("%s: is %s, should be %s", packet, is, op);
}

static void test_strength(void **state)
{
	struct nemo_plan plan;

	world_tenant("b", FLOWS "CREATE ServiceFlow any2 Match dscp:Range(0, 63);\n"
				"CREATE Operation z Target any2 Priority 1 Action allow;\n"
				"CREATE Operation y Target any Priority 1 Action deny;\n"
				"CREATE Operation x Target web4 Priority 0 Action mark:10;\n");
	world_tenant("a", FLOWS "CREATE Operation late Target web4 Priority 9 "
				"Action qos_bandwidth:5;\n");
	plan = world_compile();
	assert_string_equal(plan.ops[0].op->name, "late");
	assert_string_equal(plan.ops[1].op->name, "x");
	assert_string_equal(plan.ops[2].op->name, "y");
	takes(&plan, "10.1.0.1 10.0.0.1 tcp 1 80", "a/late");
	takes(&plan, "10.1.0.1 10.0.0.1 udp 1 80", "b/y");
	takes(&plan, "2001:db8::1 2001:db8::2 icmp6", "b/y");
	/* x has the match of late, z that of y: nothing is left for them */
	assert_int_equal(plan.n_rules, 2);
	assert_int_equal(plan.rules[0].msg.verdict, SAN_ACT_PASS);
	assert_int_equal(plan.rules[0].msg.rate_kbps, 5000);
	assert_int_equal(plan.rules[1].msg.verdict, SAN_ACT_DROP);
	assert_int_equal(plan.rules[1].msg.src_len + plan.rules[1].msg.dst_len, 0);
	world_expect(&plan, "z", "in force", "");
	nemo_plan_fini(&plan);
}

static void test_conditions(void **state)
{
	struct nemo_plan_in in;
	struct nemo_plan plan;

	world_tenant("t",
		     FLOWS "CREATE Operation a Target web4 Priority 1 Condition gw2.cpu_load > 50 "
			   "Action deny;\n"
			   "CREATE Operation b Target web4 Priority 2 Condition time < \"13:00\" "
			   "Action mark:3;\n"
			   "CREATE Operation c Target web4 Priority 3 Condition time > \"13:00\" "
			   "Action mark:4;\n");
	plan = world_compile();
	world_expect(&plan, "a", "unknown", "cpu_load of gw2");
	world_expect(&plan, "b", "in force", "");
	world_expect(&plan, "c", "condition not met", "13:00");
	assert_string_equal(world_asked, "t");
	assert_int_equal(plan.rules[0].msg.mark, SAN_ACT_MARK | 3);
	takes(&plan, "10.1.0.1 10.0.0.1 tcp 1 80", "t/b");
	nemo_plan_fini(&plan);
	world_load = 51;
	plan = world_compile();
	takes(&plan, "10.1.0.1 10.0.0.1 tcp 1 80", "t/a");
	nemo_plan_fini(&plan);
	/* the worst case */
	world_load = -1;
	in = world_in();
	in.all = true;
	assert_int_equal(nemo_compile(&in, &plan, NULL), 0);
	world_expect(&plan, "a", "in force", "");
	world_expect(&plan, "c", "in force", "");
	nemo_plan_fini(&plan);
}

/* In the worst case `a` hides `b`; what that one would lead to is there nevertheless. */
static void hidden(const char *flow, const char *goal)
{
	struct nemo_plan now, plan;
	struct nemo_plan_in in;
	char text[1024];

	snprintf(text, sizeof(text),
		 FLOWS "CREATE Operation a Target %s Priority 1 Condition time > \"23:00\" "
		       "Action redirect:\"gw2\";\n"
		       "CREATE Operation b Target %s Priority 2 Action redirect:\"%s\";\n",
		 flow, flow, goal);
	world_tenant("t", text);
	now = world_compile();
	assert_int_equal(now.n_goals, 1);
	assert_string_equal(now.goals[0].name, goal);
	in = world_in();
	in.all = true;
	assert_int_equal(nemo_compile(&in, &plan, NULL), 0);
	assert_true(world_op(&plan, "a")->rules > 0);
	assert_int_equal(world_op(&plan, "b")->rules, 0);
	assert_true(plan.n_goals > 1);
	assert_non_null(world_goal(&plan, now.goals[0].id));
	nemo_plan_fini(&plan);
	nemo_plan_fini(&now);
}

static void test_hidden_by_rules(void **state)
{
	hidden("web4", "c2");
}

static void test_hidden_as_a_whole(void **state)
{
	hidden("any", "gw3");
}

/* gw3 takes IPv6 only: IPv4 goes on to the next operation, on both sides of it. */
static void test_one_family(void **state)
{
	struct nemo_plan plan;

	world_tenant("t",
		     FLOWS "CREATE Operation a Target any Priority 1 Action redirect:\"gw3\";\n"
			   "CREATE Operation b Target any Priority 2 "
			   "Action redirect:\"gw2\";\n");
	plan = world_compile();
	takes(&plan, "10.1.0.1 10.0.0.1", "t/b");
	takes(&plan, "2001:db8::1 2001:db8::2", "t/a");
	takes(&plan, "64:ff9b::1 fd00::2", "t/a");
	/* IPv6 without ::/16; IPv4; the rest */
	assert_int_equal(plan.n_rules, 16 + 2);
	assert_int_equal(plan.n_goals, 3);
	nemo_plan_fini(&plan);
}

static void test_elsewhere(void **state)
{
	struct nemo_plan plan;

	world_tenant("t", "CREATE ServiceFlow f Match ingress:\"s2\";\n"
			  "CREATE ServiceFlow g Match ingress:\"here\";\n"
			  "CREATE ServiceFlow h Match src_ip:\"10.1.0.0/16\";\n"
			  "CREATE Connection far Type p2p EndNodes s2, s3;\n"
			  "CREATE Operation a Target f Priority 1 Action deny;\n"
			  "CREATE Operation b Target g Priority 1 Action redirect:\"far\";\n"
			  "CREATE Operation c Target h Priority 1 Action redirect:\"far\";\n");
	plan = world_compile();
	world_expect(&plan, "a", "elsewhere", "gw2");
	world_expect(&plan, "b", "impossible", "pe1 is no end of connection far");
	world_expect(&plan, "c", "elsewhere", "pe1 is no end of connection far");
	assert_int_equal(plan.n_rules, 0);
	nemo_plan_fini(&plan);
}

static void test_impossible(void **state)
{
	struct nemo_plan plan;

	world_tenant("t", "CREATE ServiceFlow f Match src_mac:\"00:11:22:33:44:55\";\n"
			  "CREATE Operation a Target f Priority 1 Action deny;\n");
	plan = world_compile();
	world_expect(&plan, "a", "impossible", "flow f: field src_mac");
	nemo_plan_fini(&plan);
}

static void test_limits(void **state)
{
	struct nemo_plan_in in;
	struct nemo_plan plan = {0};
	struct err err = {0};
	unsigned int room = 1;
	char text[300];

	/* 3000 + 2000 rules: the second is the first too many */
	world_tenant("t", "CREATE ServiceFlow f Match dst_port:Range(1, 3000), proto:\"tcp\";\n"
			  "CREATE ServiceFlow g Match dst_port:Range(1, 2000), proto:\"udp\";\n"
			  "CREATE Operation a Target f Priority 1 Action deny;\n"
			  "CREATE Operation b Target g Priority 2 Action deny;\n");
	in = world_in();
	assert_int_equal(nemo_compile(&in, &plan, &err), -ENOSPC);
	assert_non_null(strstr(err_text(&err, text, sizeof(text)), "operation b of tenant t"));
	assert_null(plan.rules);
	world_add(&world[0], "UPDATE ServiceFlow g Match dst_port:Range(1, 1096), proto:\"udp\";");
	plan = world_compile();
	assert_int_equal(plan.n_rules, NEMO_RULES_MAX);
	nemo_plan_fini(&plan);
	in = world_in();
	in.arg = &room;
	assert_int_equal(nemo_compile(&in, &plan, &err), -ENOSPC);
	assert_non_null(strstr(err_text(&err, text, sizeof(text)), "counter"));
}

/* Matches that are all hidden cost time, too: there is a bound on them. */
static void test_looks(void **state)
{
	static const char head[] =
		"CREATE ServiceFlow f Match dst_port:Range(1, 1000), proto:\"tcp\";\n";
	char text[8000], told[300];
	size_t len = (size_t)sprintf(text, "%s", head);
	struct nemo_plan plan;
	struct nemo_plan_in in;
	struct err err = {0};

	/* 3000 each: two far ends for IPv6, one for IPv4; 262,144 / 3000 = 87.4 */
	for (unsigned int i = 0; i < 88; i++)
		len += (size_t)sprintf(text + len,
				       "CREATE Operation o%u Target f Priority %u "
				       "Action redirect:\"all\";\n",
				       i, i);
	world_tenant("t", text);
	in = world_in();
	assert_int_equal(nemo_compile(&in, &plan, &err), -ENOSPC);
	err_text(&err, told, sizeof(told));
	assert_non_null(strstr(told, "operation o87 of tenant t"));
	assert_non_null(strstr(told, "beyond 262144 matches"));
	world_add(&world[0], "DELETE Operation o87;");
	plan = world_compile();
	assert_int_equal(plan.n_rules, 3000);
	nemo_plan_fini(&plan);
}

static char *grow(char *text, size_t *len, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	*len += (size_t)vsprintf(text + *len, format, args);
	va_end(args);
	return text;
}

/* 10,000 operations, 4000 of them in force, on flows that share matches. */
static void test_many(void **state)
{
	char *text = malloc(4u << 20);
	struct nemo_plan plan;
	size_t len = 0;

	assert_non_null(text);
	for (unsigned int i = 0; i < 2000; i++)
		grow(text, &len, "CREATE ServiceFlow f%u Match dst_port:%u, proto:\"tcp\";\n", i,
		     i + 1);
	for (unsigned int i = 0; i < 10000; i++)
		grow(text, &len,
		     "CREATE Operation o%u Target f%u Priority %u %sAction redirect:\"%s\";\n", i,
		     i % 2000, i, i < 4000 ? "" : "Condition gw2.cpu_load > 50 ",
		     i % 2 ? "c2" : "s2");
	world_tenant("t", text);
	plan = world_compile();
	assert_int_equal(plan.n_ops, 10000);
	assert_int_equal(plan.n_rules, 2 * 2000);
	assert_int_equal(plan.n_goals, 4);
	assert_string_equal(plan.ops[1].op->name, "o1");
	nemo_plan_fini(&plan);
	free(text);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(test_strength),
		T(test_conditions),
		T(test_hidden_by_rules),
		T(test_hidden_as_a_whole),
		T(test_one_family),
		T(test_elsewhere),
		T(test_impossible),
		T(test_limits),
		T(test_many),
		T(test_looks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
