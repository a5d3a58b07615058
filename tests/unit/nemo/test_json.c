/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The canonical JSON of scripts, at level syntax, and of errors. */
#include "unit/nemo/script.h"

static const char *const statements[][2] = {
	{"CFNModel m Property Boolean: a, Integer: b, String: c, Date: d, UUID: e, EthAddr: f, "
	 "IPPrefix: g;",
	 "[{\"kind\": \"define_cfn_model\", \"at\": \"1:1\", \"name\": \"m\", \"model\": ["
	 "{\"name\": \"a\", \"type\": \"Boolean\"}, {\"name\": \"b\", \"type\": \"Integer\"},"
	 "{\"name\": \"c\", \"type\": \"String\"}, {\"name\": \"d\", \"type\": \"Date\"},"
	 "{\"name\": \"e\", \"type\": \"UUID\"}, {\"name\": \"f\", \"type\": \"EthAddr\"},"
	 "{\"name\": \"g\", \"type\": \"IPPrefix\"}]}]"},
	{"ConnectionModel m Property String: a; ServiceFlowModel m Property String: a;"
	 "ActionModel m Property String: a; Description m;",
	 "[{\"kind\": \"define_connection_model\", \"at\": \"1:1\", \"name\": \"m\","
	 "\"model\": [{\"name\": \"a\", \"type\": \"String\"}]},"
	 "{\"kind\": \"define_serviceflow_model\", \"at\": \"1:39\", \"name\": \"m\","
	 "\"model\": [{\"name\": \"a\", \"type\": \"String\"}]},"
	 "{\"kind\": \"define_action_model\", \"at\": \"1:77\", \"name\": \"m\","
	 "\"model\": [{\"name\": \"a\", \"type\": \"String\"}]},"
	 "{\"kind\": \"description\", \"at\": \"1:111\", \"name\": \"m\"}]"},
	{"P1: CREATE CFN \"a\" Type host Contain b, \"c\" Property x: List(1, \"d\"), y: true;",
	 "[{\"kind\": \"create_cfn\", \"at\": \"1:5\", \"label\": \"P1\", \"name\": \"a\","
	 "\"type\": \"host\", \"contain\": [\"b\", \"c\"], \"properties\": {"
	 "\"x\": {\"list\": [{\"Integer\": 1}, {\"String\": \"d\"}]},"
	 "\"y\": {\"Boolean\": true}}}]"},
	{"IMPORT CFN a Type host; UPDATE CFN a; DELETE CFN a;",
	 "[{\"kind\": \"import_cfn\", \"at\": \"1:1\", \"name\": \"a\", \"type\": \"host\"},"
	 "{\"kind\": \"update_cfn\", \"at\": \"1:25\", \"name\": \"a\"},"
	 "{\"kind\": \"delete_cfn\", \"at\": \"1:39\", \"name\": \"a\"}]"},
	{"CREATE Connection c EndNodes a, (b, \"d\") Property delay: 5;"
	 "UPDATE Connection c; DELETE Connection c;",
	 "[{\"kind\": \"create_connection\", \"at\": \"1:1\", \"name\": \"c\","
	 "\"ends\": [[\"a\"], [\"b\", \"d\"]], \"properties\": {\"delay\": {\"Integer\": 5}}},"
	 "{\"kind\": \"update_connection\", \"at\": \"1:60\", \"name\": \"c\"},"
	 "{\"kind\": \"delete_connection\", \"at\": \"1:81\", \"name\": \"c\"}]"},
	{"CREATE ServiceFlow f Type flow Match src_ip: Range(10.0.0.1, \"10.0.0.9\"), "
	 "port: List(1, 2), proto: \"tcp\"; DELETE ServiceFlow f;",
	 "[{\"kind\": \"create_serviceflow\", \"at\": \"1:1\", \"name\": \"f\", \"type\": \"flow\","
	 "\"match\": {\"src_ip\": {\"range\": [{\"IPPrefix\": \"10.0.0.1\"},"
	 "{\"String\": \"10.0.0.9\"}]}, \"port\": {\"list\": [{\"Integer\": 1},"
	 "{\"Integer\": 2}]}, \"proto\": {\"String\": \"tcp\"}}},"
	 "{\"kind\": \"delete_serviceflow\", \"at\": \"1:107\", \"name\": \"f\"}]"},
	{"CREATE Operation o Target f Priority 1 Condition time > \"18:00\" || !c.up && g(1) "
	 "Action redirect: \"c\", List(1), deny;",
	 "[{\"kind\": \"create_operation\", \"at\": \"1:1\", \"name\": \"o\", \"target\": \"f\","
	 "\"priority\": 1, \"condition\": {\"op\": \"||\", \"args\": ["
	 "{\"op\": \">\", \"args\": [{\"var\": \"time\"}, {\"String\": \"18:00\"}]},"
	 "{\"op\": \"&&\", \"args\": [{\"op\": \"!\", \"args\": [{\"var\": \"c.up\"}]},"
	 "{\"call\": \"g\", \"args\": [{\"Integer\": 1}]}]}]},"
	 "\"actions\": [{\"name\": \"redirect\", \"args\": [{\"String\": \"c\"},"
	 "{\"list\": [{\"Integer\": 1}]}]}, {\"name\": \"deny\", \"args\": []}]}]"},
	{"UPDATE Operation o Condition (a || b) || (c || (d || f())) ;",
	 "[{\"kind\": \"update_operation\", \"at\": \"1:1\", \"name\": \"o\", \"condition\": "
	 "{\"op\": \"||\", \"args\": [{\"var\": \"a\"}, {\"var\": \"b\"}, {\"var\": \"c\"},"
	 "{\"var\": \"d\"}, {\"call\": \"f\", \"args\": []}]}}]"},
	{"CREATE Notification n (Query Type, x From a, \"b\") Condition up Listener \"h://x\";"
	 "UPDATE Notification n Listener l; DELETE Notification n;",
	 "[{\"kind\": \"create_notification\", \"at\": \"1:1\", \"name\": \"n\","
	 "\"query\": {\"items\": [\"Type\", \"x\"], \"from\": [\"a\", \"b\"]},"
	 "\"condition\": {\"var\": \"up\"}, \"listener\": \"h://x\"},"
	 "{\"kind\": \"update_notification\", \"at\": \"1:81\", \"name\": \"n\","
	 "\"listener\": \"l\"},"
	 "{\"kind\": \"delete_notification\", \"at\": \"1:115\", \"name\": \"n\"}]"},
	{"q: Query Match, Action From f; Transaction; x: Commit;",
	 "[{\"kind\": \"query\", \"at\": \"1:4\", \"label\": \"q\","
	 "\"items\": [\"Match\", \"Action\"], \"from\": [\"f\"]},"
	 "{\"kind\": \"transaction\", \"at\": \"1:32\"},"
	 "{\"kind\": \"commit\", \"at\": \"1:48\", \"label\": \"x\"}]"},
	{";;", "[]"},
};

static void test_statements(void **state)
{
	for (unsigned int i = 0; i < sizeof(statements) / sizeof(*statements); i++) {
		json_t *all = statements_of(statements[i][0]);

		expect_json(all, statements[i][1]);
		json_decref(all);
	}
}

static void test_whole(void **state)
{
	const char *text = "Commit; Query a From b";
	struct nemo_diags diags;
	struct nemo_script *s = script_n(text, strlen(text), &diags);
	json_t *all;

	nemo_warn(&diags, NEMO_W_PORPERTY, (struct nemo_pos){1, 2}, "added out of order");
	all = nemo_script_json(s, &diags);
	expect_json(all, "{\"format\": \"nemo/1\", \"level\": \"syntax\", \"warnings\": ["
			 "{\"code\": \"W-porperty\", \"at\": \"1:2\"},"
			 "{\"code\": \"W-missing-semicolon\", \"at\": \"1:23\"}], \"statements\": ["
			 "{\"kind\": \"commit\", \"at\": \"1:1\"},"
			 "{\"kind\": \"query\", \"at\": \"1:9\", \"items\": [\"a\"], "
			 "\"from\": [\"b\"]}]}");
	assert_int_equal(diags.v[0].warning, NEMO_W_MISSING_SEMICOLON); /* its order is kept */
	json_decref(all);
	s->checked = true;
	all = nemo_script_json(s, &diags);
	expect_json(json_object_get(all, "level"), "\"semantic\"");
	json_decref(all);
	nemo_script_free(s);
	nemo_diags_fini(&diags);
}

static void test_errors(void **state)
{
	struct nemo_diags diags = {0};
	json_t *all;

	nemo_error(&diags, NEMO_COMMIT, (struct nemo_pos){3, 1}, "no %s", "way");
	nemo_warn(&diags, NEMO_W_NOOP_UPDATE, (struct nemo_pos){1, 1}, "nothing");
	nemo_error(&diags, NEMO_LEXICAL, (struct nemo_pos){2, 9}, "\"x\"");
	nemo_error(&diags, NEMO_SYNTAX, (struct nemo_pos){2, 10}, "y");
	nemo_error(&diags, NEMO_SEMANTIC, (struct nemo_pos){2, 1}, "z");
	all = nemo_errors_json(&diags);
	expect_json(all, "{\"format\": \"nemo/1\", \"errors\": ["
			 "{\"at\": \"2:1\", \"class\": \"semantic\", \"reason\": \"z\"},"
			 "{\"at\": \"2:9\", \"class\": \"lexical\", \"reason\": \"\\\"x\\\"\"},"
			 "{\"at\": \"2:10\", \"class\": \"syntax\", \"reason\": \"y\"},"
			 "{\"at\": \"3:1\", \"class\": \"commit\", \"reason\": \"no way\"}]}");
	json_decref(all);
	nemo_diags_fini(&diags);
}

static void test_values(void **state)
{
	struct nemo_value v = {.type = NEMO_DATE,
			       .date = {.has_day = true, .year = 2016, .month = 2, .day = 29}};
	json_t *json = nemo_value_json(&v);

	expect_json(json, "{\"Date\": \"2016-02-29\"}");
	json_decref(json);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statements),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
