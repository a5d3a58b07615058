/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How many rules a flow makes, which it matches, and what it cannot be. */
#include "nemo/compile_int.h"
#include "world.h"

static struct nemo_own own;
static struct nemo_tenant tenant;

/* Looks up anew what a script may have changed. */
static void again(const struct world_tenant *t)
{
	nemo_own_fini(&own);
	tenant = (struct nemo_tenant){
		.name = t->name, .store = t->store, .legs = &t->legs, .grants = &t->grants};
	assert_int_equal(nemo_own_init(&own, &tenant), 0);
}

static const struct nemo_flow *flow_of(struct world_tenant *t, const char *match)
{
	char text[4096];

	if (nemo_store_find(t->store, "f"))
		world_add(t, "DELETE ServiceFlow f;");
	snprintf(text, sizeof(text), "CREATE ServiceFlow f Match %s;", match);
	world_add(t, text);
	again(t);
	return nemo_flow_get(&own, nemo_store_find(t->store, "f"));
}

/* Rules that `Action deny` on the flow makes; and these are told apart by first match. */
static void rules(const char *match, unsigned int should)
{
	struct nemo_plan plan;
	const struct nemo_flow *flow;

	while (world_n)
		world_forget(&world[--world_n]);
	flow = flow_of(world_tenant("t", NULL), match);
	assert_non_null(flow);
	if (flow->why[0])
		fail_msg("%s: %s", match, flow->why);
	world_add(&world[0], "CREATE Operation a Target f Priority 1 Action deny;");
	plan = world_compile();
	if (plan.n_rules != should)
		fail_msg("%s: %u rules, should be %u", match, plan.n_rules, should);
	nemo_plan_fini(&plan);
	nemo_own_fini(&own);
}

static void test_counts(void **state)
{
	rules("src_ip:Range(\"192.0.2.1\", \"192.0.2.243\")", 11);
	rules("src_ip:List(\"192.0.2.0/25\", \"192.0.2.128/25\", \"192.0.2.7\")", 1);
	rules("src_ip:\"192.0.2.0/24\", proto:List(\"tcp\", \"6\", \"udp\")", 2);
	rules("src_ip:\"0.0.0.0/0\"", 1);
	rules("dscp:46", 1);
	rules("dscp:Range(0, 63)", 1);
	rules("dscp:List(1, 1, 2)", 2);
	rules("dst_port:443", 2);
	rules("dst_port:Range(0, 65535)", 2);
	rules("dst_port:443, proto:\"tcp\"", 1);
	rules("dst_port:443, proto:List(\"tcp\", \"icmp\")", 1);
	rules("dst_port:Range(1, 100), proto:\"udp\"", 100);
	rules("port:443, proto:\"tcp\"", 2);
	rules("port:List(1, 2), proto:\"tcp\"", 4);
	rules("port:1, src_port:1, proto:\"tcp\"", 1);
	rules("port:1, src_port:2, proto:\"tcp\"", 1);
	rules("port:1, src_port:List(1, 2), proto:\"tcp\"", 2);
	rules("port:List(1, 2), src_port:List(1, 3), dst_port:List(1, 3), proto:\"tcp\"", 3);
	rules("port:List(1, 2), dst_port:List(1, 3), proto:\"tcp\"", 3);
	/* one side tells the family; of both, each with each of its own */
	rules("src_ip:List(\"192.0.2.1\", \"2001:db8::1\")", 2);
	rules("src_ip:List(\"192.0.2.1\", \"2001:db8::1\"), dst_ip:\"198.51.100.0/24\"", 1);
	rules("src_ip:List(\"192.0.2.1\", \"192.0.2.9\"), dst_ip:List(\"10.0.0.1\", \"10.0.0.9\")",
	      4);
	rules("egress:\"s2\"", 2);
	rules("egress:\"s2\", dst_ip:\"10.0.0.6/31\"", 1);
	rules("egress:List(\"s2\", \"s3\")", 2); /* neighbours: one prefix of each family */
	rules("egress:\"gw3\"", 2);		 /* speaks for the site that contains it */
	/* all of IPv6 and nothing else: every address but ::/16 */
	rules("src_ip:\"::/0\"", 16);
	rules("src_ip:\"::/0\", dst_ip:\"2001:db8::/32\"", 1);
}

static void cannot(const char *match, const char *why)
{
	const struct nemo_flow *flow;

	while (world_n)
		world_forget(&world[--world_n]);
	flow = flow_of(world_tenant("t", "CREATE CFN lonely Type l2group;\n"
					 "ServiceFlowModel own Property Integer: colour, "
					 "String:dst_port;\n"),
		       match);
	assert_non_null(flow);
	if (!strstr(flow->why, why) || !*why)
		fail_msg("%s: %s, should be %s", match, flow->why, why);
	nemo_own_fini(&own);
}

static void test_cannot(void **state)
{
	cannot("src_mac:\"00:11:22:33:44:55\"", "field src_mac cannot be matched");
	cannot("dst_mac:\"00:11:22:33:44:55\"", "field dst_mac cannot be matched");
	cannot("service_id:257", "field service_id cannot be matched");
	cannot("src_ip:\"10.0.0.1\", dst_ip:\"2001:db8::1\"", "no IP version in common");
	cannot("dst_ip:\"10.0.9.9\", egress:\"s2\"", "none in the egress");
	cannot("dst_port:1, proto:\"icmp\"", "ports are those of tcp and udp");
	cannot("port:1, src_port:2, dst_port:3", "leave nothing over");
	cannot("proto:\"quic\"", "field proto: is quic, must be tcp, udp");
	cannot("proto:\"256\"", "field proto");
	cannot("dst_port:Range(1, 4097), proto:\"tcp\"", "needs 4097 rules, a host has 4096");
	cannot("port:Range(1, 60000), src_ip:Range(\"1.0.0.1\", \"1.255.255.254\")",
	       "needs 11040000 rules");
	cannot("ingress:\"lonely\"", "site lonely contains no gateway");
	cannot("egress:\"lonely\"", "lonely has no ipv4Prefix");
	cannot("ingress:\"fw\"", "must be a gateway or a site");
}

/* Fields of a user's model count by name and type. */
static void test_own_model(void **state)
{
	struct world_tenant *t =
		world_tenant("t", "ServiceFlowModel mine Property Integer:colour, String:dst_port, "
				  "IPPrefix:src_ip;\n"
				  "CREATE ServiceFlow a Type mine Match colour:3;\n"
				  "CREATE ServiceFlow b Type mine Match dst_port:\"80\";\n"
				  "CREATE ServiceFlow c Type mine Match src_ip:\"10.0.0.1\";\n");

	flow_of(t, "dscp:1");
	assert_non_null(strstr(nemo_flow_get(&own, nemo_store_find(t->store, "a"))->why,
			       "field colour cannot be matched"));
	assert_non_null(strstr(nemo_flow_get(&own, nemo_store_find(t->store, "b"))->why,
			       "field dst_port must be of type Integer"));
	assert_string_equal(nemo_flow_get(&own, nemo_store_find(t->store, "c"))->why, "");
	nemo_own_fini(&own);
}

/* By the flow itself, and by the rules of an operation on it. */
static void matches(const char *packet, bool should)
{
	struct nemo_packet p = world_packet(packet);
	struct nemo_plan plan = world_compile();
	const struct nemo_flow *flow = nemo_flow_get(&own, nemo_store_find(tenant.store, "f"));
	bool rule = world_first(&plan, &p) != NULL;
	char why[NEMO_WHY] = "";
	bool is = nemo_flow_matches(&own, flow, &p, why);

	if (is != should || rule != should)
		fail_msg("%s: is %d (%s), rules %d, should be %d", packet, is, why, rule, should);
	nemo_plan_fini(&plan);
}

static struct nemo_prefix prefix(const char *text)
{
	struct nemo_value value;

	assert_int_equal(nemo_value_read(NEMO_IPPREFIX, text, &value, NULL), 0);
	return value.prefix;
}

/* Without everything granted, a flow never takes what is not the tenant's. */
static void test_granted(void **state)
{
	struct nemo_prefix granted[] = {prefix("10.1.4.0/24"), prefix("10.0.0.0/30")};
	struct world_tenant *t = world_tenant("t", NULL);

	t->grants = (struct nemo_grants){.prefixes = granted, .n_prefixes = 2};
	/* what comes in at a site: its prefixes, as far as they are granted */
	flow_of(t, "ingress:\"here\"");
	world_add(t, "CREATE Operation a Target f Priority 1 Action deny;");
	again(t);
	matches("10.1.4.9 192.0.2.1", true);
	matches("10.1.5.9 192.0.2.1", false);
	matches("192.0.2.1 10.1.4.9", false);
	matches("2001:db8::1 2001:db8::2", false);
	world_add(t, "DELETE Operation a;");
	/* a destination that is not granted does not help */
	flow_of(t, "ingress:\"here\", dst_ip:\"192.0.2.0/24\"");
	world_add(t, "CREATE Operation a Target f Priority 1 Action deny;");
	again(t);
	matches("10.1.4.9 192.0.2.1", true);
	matches("192.0.2.9 192.0.2.1", false);
	world_add(t, "DELETE Operation a;");
	flow_of(t, "egress:\"s2\"");
	world_add(t, "CREATE Operation a Target f Priority 1 Action deny;");
	again(t);
	matches("192.0.2.9 10.0.0.3", true);
	matches("192.0.2.9 10.0.0.4", false);
	world_add(t, "DELETE Operation a;");
	/* granted as it is */
	flow_of(t, "dst_ip:\"10.0.0.2\", dscp:0");
	world_add(t, "CREATE Operation a Target f Priority 1 Action deny;");
	again(t);
	matches("192.0.2.9 10.0.0.2", true);
	world_add(t, "DELETE Operation a;");
	assert_non_null(strstr(flow_of(t, "dst_ip:\"10.0.0.0/24\"")->why, "tenant t has grants"));
	assert_non_null(strstr(flow_of(t, "dscp:1")->why, "tenant t has grants"));
	t->grants = (struct nemo_grants){0};
	assert_non_null(strstr(flow_of(t, "dst_ip:\"10.0.0.2\"")->why, "tenant t has grants"));
	nemo_own_fini(&own);
}

/* Sites that contain each other end. */
static void test_circle(void **state)
{
	struct world_tenant *t = world_tenant(
		"t", "CREATE CFN x Type l3group Property ipv4Prefix:\"10.7.0.0/16\";\n"
		     "CREATE CFN y Type l3group Contain x Property ipv4Prefix:\"10.8.0.0/16\";\n");
	struct nemo_diags diags = {0};
	struct nemo_store *after = NULL;
	struct nemo_script *script;
	static const char text[] = "UPDATE CFN x Contain y, gw2;";

	script = nemo_parse(text, strlen(text), &diags);
	if (nemo_check(script, t->store, &after, &diags) == 0) {
		nemo_store_free(t->store);
		t->store = after;
	}
	nemo_script_free(script);
	nemo_diags_fini(&diags);
	assert_string_equal(flow_of(t, "egress:\"y\"")->why, "");
	nemo_own_fini(&own);
}

static void test_sets(void **state)
{
	static const unsigned int edges[] = {0, 1, 5, 63, 64, 65, 127, 128, 1000, 65535};
	struct nemo_set set;
	unsigned int n = 0;

	for (unsigned int i = 0; i < 10; i++) {
		for (unsigned int k = i; k < 10; k++) {
			memset(&set, 0, sizeof(set));
			nemo_set_add(&set, edges[i], edges[k]);
			assert_int_equal(set.n, edges[k] - edges[i] + 1);
			for (unsigned int v = 0; v <= 65535; v++)
				assert_true((set.in[v / 64] >> (v % 64) & 1) ==
					    (v >= edges[i] && v <= edges[k]));
		}
	}
	memset(&set, 0, sizeof(set));
	nemo_set_add(&set, 70, 200);
	nemo_set_add(&set, 60, 128);
	nemo_set_add(&set, 9, 8);
	nemo_set_add(&set, 65530, 70000);
	for (unsigned int i = 0; i < 1024; i++)
		n += (unsigned int)__builtin_popcountll(set.in[i]);
	assert_int_equal(n, 141 + 6);
	assert_int_equal(set.n, n);
}

/* Those of one flow are not those of the one that was looked at last. */
static void test_fields(void **state)
{
	struct world_tenant *t = world_tenant(
		"t", "CREATE ServiceFlow a Match dst_port: Range(100, 163), proto: \"udp\";\n"
		     "CREATE ServiceFlow b Match dscp: List(1, 5), src_ip: \"10.0.0.0/8\";\n");
	struct nemo_fields *fields = NULL;
	struct nemo_flow *a, *b;
	unsigned int n;

	again(t);
	a = nemo_flow_get(&own, nemo_store_find(t->store, "a"));
	b = nemo_flow_get(&own, nemo_store_find(t->store, "b"));
	assert_int_equal(nemo_flow_fields(&own, a, &fields, &n), 0);
	assert_int_equal(n, 64);
	assert_int_equal(fields[63].dport, 163);
	assert_int_equal(fields[63].proto, 17);
	assert_int_equal(fields[63].fields, SAN_CLASS_PROTO | SAN_CLASS_DPORT);
	free(fields);
	assert_int_equal(nemo_flow_fields(&own, b, &fields, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(fields[1].dscp, 5);
	assert_int_equal(fields[1].fields, SAN_CLASS_DSCP);
	free(fields);
	nemo_own_fini(&own);
}

static void test_ingress_once(void **state)
{
	const struct nemo_flow *flow = flow_of(world_tenant("t", NULL),
					       "ingress: List(\"s2\", \"here\", \"gw2\", \"s2\")");

	assert_string_equal(flow->why, "");
	assert_int_equal(flow->n_ingress, 2);
	assert_string_equal(flow->ingress[0], "gw2");
	assert_string_equal(flow->ingress[1], "pe1");
	nemo_own_fini(&own);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(test_counts), T(test_cannot), T(test_own_model), T(test_granted),
		T(test_circle), T(test_sets),	T(test_fields),	   T(test_ingress_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
