/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a commit refuses because no host could do it. */
#include "world.h"

#define FLOW "CREATE ServiceFlow f Match dst_port:80;\n"

/* The script's errors must be one, at that place, with these words; place NULL: none at all. */
static void refused(const char *text, const char *place, const char *why)
{
	struct nemo_diags diags = {0};
	struct nemo_plan_in in;
	char is[32] = "";
	int r;

	while (world_n)
		world_forget(&world[--world_n]);
	world_tenant("t", text);
	in = world_in();
	r = nemo_possible(&in.tenants[0], world[0].script, &diags);
	if (diags.errors)
		snprintf(is, sizeof(is), "%u:%u", diags.v[0].at.line, diags.v[0].at.column);
	if (!place && (r || diags.errors))
		fail_msg("%s: %s %s", text, is, diags.v[0].reason);
	if (place && (r != -EINVAL || diags.errors != 1 || strcmp(is, place) != 0 ||
		      diags.v[0].class != NEMO_COMMIT || !strstr(diags.v[0].reason, why)))
		fail_msg("%s: %u errors, %s %s\n should be %s %s", text, diags.errors, is,
			 diags.n ? diags.v[0].reason : "", place, why);
	nemo_diags_fini(&diags);
}

static void actions(const char *list, const char *why)
{
	char text[1000];

	snprintf(text, sizeof(text), FLOW "CREATE Operation a Target f Priority 1 Action %s;",
		 list);
	refused(text, why ? "2:1" : NULL, why);
}

static void test_actions(void **state)
{
	actions("allow, deny", "operation a: allow and deny exclude each other");
	actions("redirect:\"c2\", allow", "allow and redirect exclude each other");
	actions("deny, steer:\"web\"", "deny and steer exclude each other");
	actions("gothrough:\"fw\", deny", "deny and gothrough exclude each other");
	actions("redirect:\"c2\", steer:\"web\"", "redirect and steer exclude each other");
	actions("gothrough:\"fw\", steer:\"web\"", "gothrough and steer exclude each other");
	actions("redirect:\"web\"", "web is a service: use steer");
	actions("gothrough:\"s2\"", "s2 must be a function or host");
	actions("gothrough:List(\"fw\", \"fw\", \"fw\", \"fw\", \"fw\", \"fw\", \"fw\")",
		"at most 6 functions");
	actions("allow, mark:0, qos_bandwidth:4294967", NULL);
	actions("deny", NULL);
	actions("gothrough:\"fw\", redirect:\"c2\", mark:1", NULL);
	actions("gothrough:List(\"fw\", \"fw\", \"fw\", \"fw\", \"fw\", \"fw\")", NULL);
	actions("redirect:\"all\"", NULL);
	actions("mark:5", NULL);
}

static void test_objects(void **state)
{
	refused(FLOW "CREATE CFN cache1 Type cache;\n"
		     "CREATE Operation a Target f Priority 1 Action redirect:\"cache1\";",
		"3:1", "cache cache1 has no ip");
	refused(FLOW "CREATE CFN cache1 Type cache Property ip:\"10.0.0.1\";\n"
		     "CREATE Operation a Target f Priority 1 Action redirect:\"cache1\";",
		"3:1", "ip of cache1 must be one IPv6 address");
	refused(FLOW "CREATE CFN cache1 Type cache Property ip:\"2001:db8::1\";\n"
		     "CREATE Operation a Target f Priority 1 Action gothrough:\"cache1\";",
		"3:1", "cache1 is in no site that contains a gateway");
	refused(FLOW "CREATE CFN lan Type l2group;\n"
		     "CREATE Operation a Target f Priority 1 Action redirect:\"lan\";",
		"3:1", "site lan contains no gateway");
	refused(FLOW "CREATE CFN app Type service;\n"
		     "CREATE Operation a Target f Priority 1 Action steer:\"app\";",
		"3:1", "service app has no service_id");
	refused(FLOW "ActionModel paint Property String:colour;\n"
		     "CREATE Operation a Target f Priority 1 Action paint:\"red\";",
		"3:1", "action paint means nothing");
}

static void test_connections(void **state)
{
	refused("CREATE ServiceFlow f Match ingress:\"gw3\";\n"
		"CREATE Operation a Target f Priority 1 Action redirect:\"c2\";",
		"2:1", "flow f comes in at gw3, which is no end of connection c2");
	refused("CREATE ServiceFlow f Match ingress:List(\"here\", \"s2\");\n"
		"CREATE Operation a Target f Priority 1 Action redirect:\"c2\";",
		NULL, NULL);
	refused(FLOW "CREATE CFN gw4 Type gateway;\n"
		     "CREATE Connection m Type mesh EndNodes here, s2, gw4;\n"
		     "CREATE Operation a Target f Priority 1 Action redirect:\"m\";",
		"4:1", "gw4 needs an ipv4Prefix or ipv6Prefix");
	refused(FLOW "CREATE CFN gw4 Type gateway;\n"
		     "CREATE Connection p Type p2p EndNodes here, gw4;\n"
		     "CREATE Operation a Target f Priority 1 Action redirect:\"p\";",
		NULL, NULL);
}

/* A flow is told once, where it is written; unused it is nobody's trouble. */
static void test_flows(void **state)
{
	refused("CREATE ServiceFlow f Match service_id:5;\n"
		"CREATE Operation a Target f Priority 1 Action deny;\n"
		"CREATE Operation b Target f Priority 2 Action deny;",
		"1:1", "ServiceFlow f: field service_id cannot be matched");
	refused("CREATE ServiceFlow f Match service_id:5;", NULL, NULL);
}

/* Without a script there are no places. */
static void test_no_script(void **state)
{
	struct nemo_diags diags = {0};
	struct nemo_plan_in in;

	world_tenant("t", FLOW "CREATE Operation a Target f Priority 1 Action allow, deny;");
	in = world_in();
	assert_int_equal(nemo_possible(&in.tenants[0], NULL, &diags), -EINVAL);
	assert_int_equal(diags.v[0].at.line, 0);
	nemo_diags_fini(&diags);
}

/* What is there, and what would be right. */
static void test_single_values(void **state)
{
	actions("mark:List(1, 2)", "operation a: mark is a list of 2 values, must be one DSCP");
	actions("qos_bandwidth:0", "qos_bandwidth is 0, must be one number of Mbit/s, 1..4294967");
	actions("qos_bandwidth:4294968", "qos_bandwidth is 4294968, must be");
	actions("redirect:List(\"c2\", \"all\")",
		"redirect is a list of 2 values, must be one name");
	actions("steer:List(\"web\", \"web\")", "steer is a list of 2 values, must be one name");
	actions("mark:List(63)", NULL);
}

/* Beyond the limit they are only counted. */
static void test_many_errors(void **state)
{
	struct nemo_text text = {0};
	struct nemo_diags diags = {0};
	struct nemo_plan_in in;

	nemo_text_add(&text, FLOW);
	for (int i = 0; i < 200; i++)
		nemo_text_add(&text,
			      "CREATE Operation a%03d Target f Priority %d Action allow, deny;\n",
			      i, i);
	world_tenant("t", text.data);
	in = world_in();
	assert_int_equal(nemo_possible(&in.tenants[0], world[0].script, &diags), -EINVAL);
	assert_int_equal(diags.errors, 200);
	assert_int_equal(diags.n, NEMO_ERRORS_MAX);
	assert_int_equal(diags.v[NEMO_ERRORS_MAX - 1].at.line, NEMO_ERRORS_MAX + 1);
	nemo_diags_fini(&diags);
	free(text.data);
}

/* A chain of sites; place NULL: it is no trouble. */
static void chain(unsigned int n, const char *flows, const char *place, const char *why)
{
	struct nemo_text text = {0};

	nemo_text_add(&text, "CREATE CFN x000 Type l2group Contain gw2 Property "
			     "ipv4Prefix:\"10.9.0.0/24\";\n");
	for (unsigned int i = 1; i < n; i++)
		nemo_text_add(&text,
			      "CREATE CFN x%03u Type l2group Contain x%03u Property "
			      "ipv4Prefix:\"10.9.%u.%u\";\n",
			      i, i - 1, i / 256, i % 256);
	nemo_text_add(&text, "%s", flows);
	refused(text.data, place, why);
	free(text.data);
}

static void test_sites_within_sites(void **state)
{
	chain(400, "", NULL, NULL); /* 5 * 400 * 401 / 2 */
	chain(500, "", "458:1", "CFN x457: sites within sites and their prefixes");
	chain(10, "CREATE ServiceFlow f Match egress:\"x009\";", NULL, NULL);
}

static void test_flows_at_many_sites(void **state)
{
	struct nemo_text text = {0};

	for (unsigned int i = 0; i < 3; i++) {
		nemo_text_add(&text, "CREATE ServiceFlow f%u Match egress:List(\"x099\"", i);
		for (unsigned int k = 1; k < 2000; k++)
			nemo_text_add(&text, ", \"x099\"");
		nemo_text_add(&text,
			      ");\nCREATE Operation o%u Target f%u Priority 1 Action deny;\n", i,
			      i);
	}
	chain(100, text.data, "105:1", "sites that flows name have too many prefixes in all");
	free(text.data);
}

/* A connection of 1001 prefixes, for each operation. */
static void test_ends_of_many_operations(void **state)
{
	struct nemo_text text = {0};

	nemo_text_add(&text, FLOW "CREATE CFN many Type l3group Contain gw2 Property "
				  "ipv4Prefix: List(\"10.8.0.0\"");
	for (unsigned int i = 1; i < 1000; i++)
		nemo_text_add(&text, ", \"10.8.%u.%u\"", i / 256, i % 256);
	nemo_text_add(&text, ");\nCREATE Connection c Type p2p EndNodes here, many;\n");
	for (unsigned int i = 0; i < 1048; i++)
		nemo_text_add(
			&text,
			"CREATE Operation o%04u Target f Priority %u Action redirect:\"c\";\n", i,
			i);
	refused(text.data, "1051:1", "operation o1047: prefixes of the ends of connections");
	free(text.data);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(test_actions),
		T(test_objects),
		T(test_connections),
		T(test_flows),
		T(test_no_script),
		T(test_single_values),
		T(test_many_errors),
		T(test_sites_within_sites),
		T(test_flows_at_many_sites),
		T(test_ends_of_many_operations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
