/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network.h"

#define OBJECTS                                                                                      \
	"CFNModel rack Property Integer: units, String: room;\n"                                     \
	"IMPORT CFN g1 Type gateway Property location: \"Rome\"; IMPORT CFN g2 Type gateway;\n"      \
	"CREATE CFN s Type l2group Contain g1 Property ipv4Prefix: 192.0.2.0/24;\n"                  \
	"CREATE CFN r Type rack Property units: List(1, 2);\n"                                       \
	"CREATE Connection c Type p2p EndNodes (s), (g2) Property bandwidth: 100;\n"                 \
	"CREATE ServiceFlow f Match src_ip: Range(192.0.2.1, 192.0.2.9), dst_port: List(80, 443);"   \
	"\n"                                                                                         \
	"CREATE Operation o Target f Priority 7 Condition g1.cpu_load > 80 Action redirect: \"c\", " \
	"mark: 46;\n"

static bool look_up(void *arg, const char *entity, const char *member, struct nemo_value *out)
{
	*out = (struct nemo_value){.type = NEMO_INTEGER, .integer = 42};
	if (strcmp(member, "up") == 0) {
		out->type = NEMO_BOOLEAN;
		out->boolean = true;
	}
	return strcmp(entity, "g1") == 0 && strcmp(member, "mem_load") != 0;
}

static void assert_answer(const char *query, const char *want)
{
	const struct nemo_env env = {.value = look_up};
	char text[2048];
	struct nemo_script *script;
	struct nemo_store *store;
	json_t *json;

	snprintf(text, sizeof(text), "%s%s", OBJECTS, query);
	store = store_of(text, &script);
	json = nemo_query(store, script->v[script->n - 1].c.query, &env);
	assert_non_null(json);
	expect_json(json, want);
	json_decref(json);
	nemo_store_free(store);
	nemo_script_free(script);
}

static void test_statistics_and_properties(void **state)
{
	assert_answer("Query cpu_load, mem_load, up, location From g1, g2;",
		      "[{\"name\":\"g1\",\"kind\":\"CFN\",\"values\":{\"cpu_load\":42,"
		      "\"mem_load\":null,\"up\":true,\"location\":\"Rome\"}},"
		      "{\"name\":\"g2\",\"kind\":\"CFN\",\"values\":{\"cpu_load\":null,"
		      "\"mem_load\":null,\"up\":null,\"location\":null}}]");
	assert_answer("Query units From r;",
		      "[{\"name\":\"r\",\"kind\":\"CFN\",\"values\":{\"units\":[1,2]}}]");
}

static void test_clauses_of_cfns_and_connections(void **state)
{
	assert_answer("Query Type, Contain, Property, Match From s;",
		      "[{\"name\":\"s\",\"kind\":\"CFN\",\"values\":{\"Type\":\"l2group\","
		      "\"Contain\":[\"g1\"],\"Property\":{\"ipv4Prefix\":\"192.0.2.0/24\"},"
		      "\"Match\":null}}]");
	assert_answer("Query Type, EndNodes, Property, Contain From c;",
		      "[{\"name\":\"c\",\"kind\":\"Connection\",\"values\":{\"Type\":\"p2p\","
		      "\"EndNodes\":[[\"s\"],[\"g2\"]],\"Property\":{\"bandwidth\":100},"
		      "\"Contain\":null}}]");
}

static void test_clauses_of_flows_and_operations(void **state)
{
	assert_answer("Query Match, EndNodes, Property From f;",
		      "[{\"name\":\"f\",\"kind\":\"ServiceFlow\",\"values\":{\"Match\":{\"src_ip\":"
		      "{\"range\":[\"192.0.2.1\",\"192.0.2.9\"]},\"dst_port\":[80,443]},"
		      "\"EndNodes\":null,\"Property\":null}}]");
	assert_answer("Query Target, Priority, Condition, Action, Type From o;",
		      "[{\"name\":\"o\",\"kind\":\"Operation\",\"values\":{\"Target\":\"f\","
		      "\"Priority\":7,\"Condition\":\"g1.cpu_load > 80\","
		      "\"Action\":\"redirect: \\\"c\\\", mark: 46\",\"Type\":null}}]");
	assert_answer("Query Target, Priority, Condition, Action From g1;",
		      "[{\"name\":\"g1\",\"kind\":\"CFN\",\"values\":{\"Target\":null,"
		      "\"Priority\":null,\"Condition\":null,\"Action\":null}}]");
}

static void test_what_has_gone_is_left_out(void **state)
{
	const struct nemo_env env = {.value = look_up};
	struct nemo_script *script =
		script_of("CREATE CFN x Type host;\nQuery location From x, g1;");
	struct nemo_store *store = store_of(OBJECTS, NULL);
	json_t *json = nemo_query(store, script->v[1].c.query, &env);

	expect_json(json,
		    "[{\"name\":\"g1\",\"kind\":\"CFN\",\"values\":{\"location\":\"Rome\"}}]");
	json_decref(json);
	nemo_store_free(store);
	nemo_script_free(script);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statistics_and_properties),
		cmocka_unit_test(test_clauses_of_cfns_and_connections),
		cmocka_unit_test(test_clauses_of_flows_and_operations),
		cmocka_unit_test(test_what_has_gone_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
