/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Next hops of an operation, what is up, and numbers of goals. */
#include "nemo/compile_int.h"
#include "world.h"

#define FLOW "CREATE ServiceFlow f Match dst_ip:List(\"10.0.0.0/24\", \"2001:db8::/64\");\n"

/* The hop of a goal as "gateway/path: seg seg encap/hop_limit/families". */
static const char *hop_text(const struct nemo_goal *goal, char buf[400])
{
	size_t len = (size_t)sprintf(buf, "%s/%s:", goal->gateway, goal->path);
	char addr[INET6_ADDRSTRLEN];

	for (unsigned int i = 0; i < goal->hop.n_segs; i++)
		len += (size_t)sprintf(buf + len, " %s", in6_text(&goal->hop.segs[i], addr));
	sprintf(buf + len, " %u/%u/%u", goal->hop.encap, goal->hop.hop_limit, goal->hop.families);
	return buf;
}

static const struct nemo_goal *goal_for(const struct nemo_plan *plan, const char *packet)
{
	struct nemo_packet p = world_packet(packet);
	const struct san_msg_class *rule = world_first(plan, &p);

	return rule ? world_goal(plan, rule->service_id) : NULL;
}

static void leads(const struct nemo_plan *plan, const char *packet, const char *should)
{
	const struct nemo_goal *goal = goal_for(plan, packet);
	char is[400] = "nothing";

	if (goal)
		hop_text(goal, is);
	if (strcmp(is, should) != 0)
		fail_msg("%s: is %s, should be %s", packet, is, should);
}

static struct nemo_plan plan_of(const char *actions)
{
	char text[1000];

	while (world_n)
		world_forget(&world[--world_n]);
	snprintf(text, sizeof(text), FLOW "CREATE Operation a Target f Priority 1 Action %s;\n",
		 actions);
	world_tenant("t", text);
	return world_compile();
}

#define V4 "10.1.0.1 10.0.0.1"
#define V6 "2001:db8:1::1 2001:db8::1"
#define V4_3 "10.1.0.1 10.0.0.9"
#define V6_3 "2001:db8:1::1 2001:db8::9"

static void test_hops(void **state)
{
	struct nemo_plan plan = plan_of("redirect:\"c2\"");

	leads(&plan, V4, "gw2/fast: 5f00:0:9::1 5f00:0:2:d4:: 0/9/2");
	leads(&plan, V6, "gw2/fast: 5f00:0:9::1 5f00:0:2:d6:: 0/9/1");
	assert_int_equal(plan.n_rules, 2);
	nemo_plan_fini(&plan);
	plan = plan_of("redirect:\"s2\"");
	leads(&plan, V6, "gw2/be: 5f00:0:2:d6:: 0/0/1");
	nemo_plan_fini(&plan);
	plan = plan_of("redirect:\"fw\"");
	leads(&plan, V4, "/: 5f00:f::1 0/0/2");
	nemo_plan_fini(&plan);
	plan = plan_of("gothrough:\"fw\", redirect:\"c2\"");
	leads(&plan, V6, "gw2/fast: 5f00:f::1 5f00:0:9::1 5f00:0:2:d6:: 0/9/1");
	nemo_plan_fini(&plan);
	/* fw is in s3, whose gateway takes IPv6 only */
	plan = plan_of("gothrough:\"fw\"");
	leads(&plan, V6, "gw3/: 5f00:f::1 5f00:0:3:d6:: 0/0/1");
	leads(&plan, V4, "nothing");
	nemo_plan_fini(&plan);
}

/* The far ends of `all` by their prefixes; a down one leaves the other. */
static void test_far_ends(void **state)
{
	struct nemo_plan plan = plan_of("redirect:\"all\"");

	leads(&plan, V4, "gw2/be: 5f00:0:2:d4:: 0/0/2");
	leads(&plan, V6_3, "gw3/be: 5f00:0:3:d6:: 0/0/1");
	leads(&plan, V4_3, "nothing");
	assert_string_equal(world_takes(&plan, "10.1.0.1 10.0.0.200"), "");
	assert_int_equal(plan.n_rules, 3);
	nemo_plan_fini(&plan);
	world_loss("gw3", "be", 1000000);
	plan = plan_of("redirect:\"all\"");
	world_expect(&plan, "a", "in force", "");
	leads(&plan, V4, "gw2/be: 5f00:0:2:d4:: 0/0/2");
	leads(&plan, V6_3, "nothing");
	nemo_plan_fini(&plan);
	world_loss("gw2", "be", 1000000);
	plan = plan_of("redirect:\"all\"");
	world_expect(&plan, "a", "goal down", "loses everything");
	nemo_plan_fini(&plan);
}

/* Functions, the path and the end of it: as many segments as a next hop has, and one more. */
static void test_segments(void **state)
{
#define SIX "gothrough:List(\"fw\", \"fw\", \"fw\", \"fw\", \"fw\", \"fw\"), redirect:\"c2\""
	struct path path = {.kind = PATH_POLICY, .n_segs = 2};
	struct nemo_plan plan = plan_of(SIX);

	assert_int_equal(goal_for(&plan, V6)->hop.n_segs, SAN_MAX_SEGS);
	nemo_plan_fini(&plan);
	strcpy(path.ingress, "pe1");
	strcpy(path.gateway, "gw2");
	strcpy(path.name, "fast");
	path.segs[0] = path.segs[1] = world_addr("5f00:0:9::1");
	assert_int_equal(view_path_put(&world_view, &path, 2), 0);
	plan = plan_of(SIX);
	world_expect(&plan, "a", "impossible", "9 segments are too many, a next hop has at most 8");
	nemo_plan_fini(&plan);
}

/* Of far ends whose prefixes overlap, the longer prefix says which it is. */
static void test_overlap(void **state)
{
	struct nemo_plan plan = plan_of("redirect:\"all\"");

	nemo_plan_fini(&plan);
	world_add(&world[0], "UPDATE CFN s3 Property ipv6Prefix:\"2001:db8::/64\";\n"
			     "UPDATE CFN s2 Property ipv6Prefix:\"2001:db8::/120\";");
	plan = world_compile();
	leads(&plan, V6_3, "gw2/be: 5f00:0:2:d6:: 0/0/1");
	leads(&plan, "2001:db8:1::1 2001:db8::1:1", "gw3/be: 5f00:0:3:d6:: 0/0/1");
	nemo_plan_fini(&plan);
}

static void test_here(void **state)
{
	struct nemo_plan plan = plan_of("redirect:\"here\"");

	assert_int_equal(plan.n_goals, 0);
	assert_int_equal(plan.rules[0].msg.verdict, SAN_ACT_PASS);
	nemo_plan_fini(&plan);
}

/* "be", else the first by name that is good; without paths the SID alone. */
static void test_paths(void **state)
{
	struct nemo_plan plan;

	world_loss("gw2", "be", 1000000);
	plan = plan_of("redirect:\"gw2\"");
	leads(&plan, V6, "gw2/fast: 5f00:0:9::1 5f00:0:2:d6:: 0/9/1");
	nemo_plan_fini(&plan);
	world_loss("gw2", "fast", 1000000);
	plan = plan_of("redirect:\"gw2\"");
	world_expect(&plan, "a", "goal down", "every path from pe1 to gw2 loses everything");
	nemo_plan_fini(&plan);
	world_loss("gw2", "fast", 999999);
	plan = plan_of("redirect:\"gw2\"");
	world_expect(&plan, "a", "in force", "");
	nemo_plan_fini(&plan);
	world_gateway("gw9", "5f00:0:9:d6::", NULL);
	plan = plan_of("redirect:\"gw2\"");
	nemo_plan_fini(&plan);
	world_add(&world[0], "CREATE CFN gw9 Type gateway;\n"
			     "UPDATE Operation a Action redirect:\"gw9\";");
	plan = world_compile();
	leads(&plan, V6, "gw9/: 5f00:0:9:d6:: 0/0/1");
	nemo_plan_fini(&plan);
}

static void up(const char *goal, bool is, const char *why)
{
	struct nemo_plan_in in = world_in();
	char text[NAME_LEN * 2];

	if (nemo_goal_up(&in, &in.tenants[0], goal, text, sizeof(text)) != is ||
	    (is ? *text != '\0' : !strstr(text, why)))
		fail_msg("%s: %s, should be %s", goal, text, is ? "up" : why);
}

static void test_up(void **state)
{
	struct path_key fast = {.ingress = "pe1", .gateway = "gw2", .name = "fast"};

	world_tenant("t", "CREATE CFN bare Type cache;\nCREATE CFN gw8 Type gateway;\n"
			  "CREATE Connection far Type p2p EndNodes s2, s3;\n");
	up("c2", true, "");
	up("all", true, "");
	up("s3", true, "");
	up("fw", true, "");
	up("web", true, "");
	up("here", true, "");
	up("bare", false, "bare has no ip");
	up("gw8", false, "gateway gw8 is not known");
	up("far", false, "pe1 is no end of connection far");
	up("nobody", false, "there is no nobody");
	world_instance(INSTANCE_DOWN);
	up("web", false, "service 0x101 has no instance that is up");
	view_service_del(&world_view, 0x101);
	up("web", false, "service 0x101 is not registered");
	view_path_del(&world_view, fast);
	up("c2", false, "path pe1/gw2/fast does not exist");
	view_gateway_del(&world_view, "gw3");
	up("all", true, "");
	view_gateway_del(&world_view, "gw2");
	up("all", false, "gateway gw");
}

static void test_steer(void **state)
{
	struct nemo_plan plan = plan_of("steer:\"web\", mark:46, qos_bandwidth:100");

	assert_int_equal(plan.n_goals, 0);
	assert_int_equal(plan.rules[0].msg.service_id, 0x101);
	assert_int_equal(plan.rules[0].msg.mark, SAN_ACT_MARK | 46);
	assert_int_equal(plan.rules[0].msg.rate_kbps, 100000);
	nemo_plan_fini(&plan);
	world_instance(INSTANCE_DRAINING);
	plan = plan_of("steer:\"web\"");
	world_expect(&plan, "a", "goal down", "no instance");
	nemo_plan_fini(&plan);
}

/* Numbers depend on the content alone: not on what else there is, nor on the order. */
static void test_numbers(void **state)
{
	struct nemo_plan plan = plan_of("redirect:\"c2\"");
	uint64_t before = goal_for(&plan, V6)->id;

	assert_true(before >= SAN_SERVICE_OWN_MIN);
	assert_true(goal_for(&plan, V4)->id != before);
	nemo_plan_fini(&plan);
	world_add(&world[0], "CREATE ServiceFlow g Match dst_port:1;\n"
			     "CREATE Operation zero Target g Priority 0 Action redirect:\"all\";");
	plan = world_compile();
	assert_true(goal_for(&plan, V6)->id == before);
	for (unsigned int i = 1; i < plan.n_goals; i++)
		assert_true(plan.goals[i - 1].id < plan.goals[i].id);
	nemo_plan_fini(&plan);
	strcpy(world[0].legs.v[0].path, "be"); /* another path: another number */
	plan = world_compile();
	assert_true(goal_for(&plan, V6)->id != before);
	nemo_plan_fini(&plan);
}

/* Two goals with one hash: told apart in the same way in whatever order they come. */
static void test_collision(void **state)
{
	static const char *const names[] = {"n30932", "n91692", "n1"}; /* found by trying */
	uint64_t ids[2][3];

	for (int round = 0; round < 2; round++) {
		struct nemo_goals *goals = nemo_goals_new();
		struct nemo_plan plan = {0};
		uint64_t *id_of = NULL;

		assert_non_null(goals);
		for (int i = 0; i < 3; i++) {
			struct nemo_goal goal = {.tenant = "t"};

			strcpy(goal.name, names[round ? 2 - i : i]);
			assert_int_equal(nemo_goals_add(goals, &goal), i);
			assert_int_equal(nemo_goals_add(goals, &goal), i);
		}
		assert_int_equal(nemo_goals_finish(goals, &plan, &id_of), 0);
		assert_int_equal(plan.n_goals, 3);
		for (int i = 0; i < 3; i++)
			ids[round][round ? 2 - i : i] = id_of[i];
		free(id_of);
		nemo_plan_fini(&plan);
		nemo_goals_free(goals);
	}
	assert_memory_equal(ids[0], ids[1], sizeof(ids[0]));
	assert_int_equal(ids[0][0], SAN_SERVICE_OWN_MIN | 0x12aa3e99);
	assert_int_equal(ids[0][1], SAN_SERVICE_OWN_MIN | 0x12aa3e9a);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(test_hops),	  T(test_far_ends),  T(test_here),    T(test_paths),
		T(test_up),	  T(test_steer),     T(test_numbers), T(test_overlap),
		T(test_segments), T(test_collision),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
