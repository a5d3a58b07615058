/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /v1/nemo on the unix socket: scripts checked, planned, applied; what is read of them. */
#include "north/nemo.h"
#include "unit/north/nemo_rig.h"

static const json_t *at(const struct answer *a, const char *name)
{
	return json_object_get(a->json, name);
}

/* ---- scripts ---- */

static void test_check(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	assert_int_equal(nemo_post(rig, "check", "", NEMO_SITES, &a), 200);
	assert_string_equal(text_at(a.json, "level"), "semantic");
	assert_string_equal(text_at(a.json, "statements/1/name"), "Head");
	answer_free(&a);
	assert_int_equal(nemo_post(rig, "check?syntax=true", "", "DELETE CFN x;", &a), 200);
	assert_string_equal(text_at(a.json, "level"), "syntax");
	answer_free(&a);
	nemo_post(rig, "check", "", "DELETE CFN x;\nDELETE CFN y;", &a);
	assert_problem(&a, 422, "", "1:12");
	assert_string_equal(text_at(a.json, "format"), "nemo/1");
	assert_int_equal(json_array_size(at(&a, "errors")), 2);
	assert_string_equal(text_at(a.json, "errors/1/at"), "2:12");
	assert_string_equal(text_at(a.json, "errors/1/class"), "semantic");
	answer_free(&a);
	nemo_post(rig, "check?syntax=1", "", "DELETE CFN x;", &a);
	assert_problem(&a, 400, "?syntax", "must be true or false");
	answer_free(&a);
}

static void test_plan_changes_nothing(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	assert_int_equal(nemo_post(rig, "plan", "", NEMO_SITES, &a), 200);
	assert_int_equal(json_array_size(at(&a, "changes")), 2);
	assert_string_equal(text_at(a.json, "changes/0/change"), "create");
	assert_int_equal(int_at(a.json, "revision"), 0);
	assert_null(at(&a, "commit"));
	answer_free(&a);
	rig_call(rig, "GET /v1/nemo/export", NULL, &a);
	assert_int_equal(a.status, 200);
	assert_string_equal(a.body, "");
	answer_free(&a);
}

static void test_apply_export_plan(void **state)
{
	struct rig *rig = *state;
	struct answer a;
	char *script;

	assert_int_equal(
		nemo_post(rig, "apply?comment=two%20sites", "", NEMO_SITES NEMO_FLOW NEMO_DENY, &a),
		200);
	assert_int_equal(int_at(a.json, "revision"), 1);
	assert_int_equal(int_at(a.json, "done"), int_at(a.json, "units"));
	assert_true(int_at(a.json, "commit") > 0);
	assert_int_equal(json_array_size(at(&a, "changes")), 4);
	assert_non_null(strstr(a.head, "ETag: \"1\""));
	answer_free(&a);
	rig_call(rig, "GET /v1/nemo/export", NULL, &a);
	assert_non_null(strstr(a.head, "text/plain"));
	assert_non_null(strstr(a.body, "no-web"));
	script = strdup(a.body);
	answer_free(&a);
	assert_int_equal(nemo_post(rig, "plan", "", script, &a), 200);
	assert_int_equal(json_array_size(at(&a, "changes")), 0);
	answer_free(&a);
	free(script);
	rig_call(rig, "GET /v1/nemo/history", NULL, &a);
	assert_string_equal(text_at(a.json, "items/0/comment"), "two sites");
	assert_non_null(strstr(text_at(a.json, "items/0/by"), "uid:"));
	answer_free(&a);
}

static void test_apply_errors(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	nemo_post(rig, "apply", "", NEMO_SITES "CREATE CFN Branch Type l3group;", &a);
	assert_problem(&a, 422, "", "3:12");
	assert_int_equal(json_array_size(at(&a, "errors")), 1);
	answer_free(&a);
	/* the network cannot do it: a gateway that does not exist */
	nemo_post(rig, "apply", "", "IMPORT CFN pe7 Type gateway;", &a);
	assert_problem(&a, 422, "", "pe7");
	assert_string_equal(text_at(a.json, "errors/0/class"), "commit");
	answer_free(&a);
	nemo_post(rig, "apply?confirm=0", "", NEMO_SITES, &a);
	assert_problem(&a, 400, "?confirm", "1..86400");
	answer_free(&a);
	rig_call_with(rig, "POST /v1/nemo/apply", "Content-Type: application/json\r\n", "{}", &a);
	assert_problem(&a, 415, "Content-Type", "text/plain");
	answer_free(&a);
	rig_call(rig, "GET /v1/nemo", NULL, &a);
	assert_int_equal(int_at(a.json, "revision"), 0);
	answer_free(&a);
}

static void test_if_match(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	assert_int_equal(nemo_post(rig, "apply", "If-Match: \"0\"\r\n", NEMO_SITES, &a), 200);
	answer_free(&a);
	assert_int_equal(nemo_post(rig, "apply", "If-Match: \"0\"\r\n", NEMO_FLOW, &a), 412);
	assert_int_equal(int_at(a.json, "revision"), 1);
	answer_free(&a);
	assert_int_equal(nemo_post(rig, "plan", "If-Match: \"7\"\r\n", NEMO_FLOW, &a), 412);
	answer_free(&a);
	assert_int_equal(nemo_post(rig, "apply", "If-Match: 1\r\n", NEMO_FLOW, &a), 400);
	answer_free(&a);
	assert_int_equal(nemo_post(rig, "apply", "If-Match: \"1\"\r\n", NEMO_FLOW, &a), 200);
	answer_free(&a);
	assert_int_equal(nemo_post(rig, "apply", "If-Match: *\r\n", NEMO_DENY, &a), 200);
	answer_free(&a);
}

/* ---- revisions ---- */

static void test_rollback_and_diff(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	assert_int_equal(nemo_status(rig, "apply", NEMO_SITES), 200);
	assert_int_equal(nemo_status(rig, "apply", NEMO_FLOW), 200);
	rig_call(rig, "GET /v1/nemo/diff?from=1&to=2", NULL, &a);
	assert_int_equal(json_array_size(at(&a, "changes")), 1);
	assert_string_equal(text_at(a.json, "changes/0/name"), "web");
	answer_free(&a);
	rig_call(rig, "GET /v1/nemo/diff?from=2&to=1", NULL, &a);
	assert_string_equal(text_at(a.json, "changes/0/change"), "delete");
	answer_free(&a);
	rig_call(rig, "GET /v1/nemo/diff?from=0", NULL, &a);
	assert_int_equal(json_array_size(at(&a, "changes")), 3);
	answer_free(&a);
	rig_refused(rig, "GET /v1/nemo/diff?from=9", NULL, 404, "?from", "kept");
	rig_call(rig, "POST /v1/nemo/rollback", NULL, &a);
	assert_int_equal(a.status, 200);
	assert_int_equal(int_at(a.json, "revision"), 3);
	answer_free(&a);
	rig_call(rig, "GET /v1/nemo/export", NULL, &a);
	assert_null(strstr(a.body, "web"));
	answer_free(&a);
	rig_call(rig, "GET /v1/nemo/revisions/2", NULL, &a);
	assert_int_equal(a.status, 200);
	assert_non_null(strstr(a.body, "web"));
	answer_free(&a);
	rig_refused(rig, "GET /v1/nemo/revisions/99", NULL, 404, "", "kept");
	rig_refused(rig, "GET /v1/nemo/revisions/x", NULL, 404, "", "kept");
	rig_refused(rig, "POST /v1/nemo/rollback?revision=99", NULL, 404, "/revision", "kept");
	rig_call(rig, "GET /v1/nemo/history", NULL, &a);
	assert_int_equal(items_of(&a), 3);
	assert_int_equal(int_at(json_array_get(at(&a, "items"), 0), "rollback_of"), 1);
	answer_free(&a);
}

static void test_confirm(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	assert_int_equal(rig_status(rig, "POST /v1/nemo/confirm", NULL), 404);
	assert_int_equal(nemo_status(rig, "apply?confirm=3600", NEMO_SITES), 200);
	rig_until(rig, ({
			  json_t *c = intent_confirm_json(rig->intent, "default");
			  bool is = json_is_object(c);

			  json_decref(c);
			  is;
		  }));
	rig_call(rig, "GET /v1/nemo", NULL, &a);
	assert_true(json_is_object(at(&a, "confirm")));
	answer_free(&a);
	assert_int_equal(rig_status(rig, "POST /v1/nemo/confirm", NULL), 204);
}

/* ---- what is in force ---- */

static void test_operations_explain(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	assert_int_equal(nemo_status(rig, "apply", NEMO_FLOW NEMO_DENY), 200);
	rig_call(rig, "GET /v1/nemo/operations", NULL, &a);
	assert_int_equal(items_of(&a), 1);
	assert_string_equal(text_at(a.json, "items/0/operation"), "no-web");
	assert_string_equal(text_at(a.json, "items/0/state"), "in force");
	answer_free(&a);
	rig_call(rig,
		 "GET /v1/nemo/explain?packet=192.0.2.1%20198.51.100.7%20tcp%204000%2080&"
		 "time=2026-01-01%2012:00:00",
		 NULL, &a);
	assert_int_equal(a.status, 200);
	assert_string_equal(text_at(a.json, "winner/operation"), "no-web");
	answer_free(&a);
	assert_int_equal(rig_status(rig, "GET /v1/nemo/explain?packet=here", NULL), 400);
	assert_int_equal(rig_status(rig, "GET /v1/nemo/explain", NULL), 400);
	rig_call(rig, "GET /v1/nemo/hosts", NULL, &a);
	assert_string_equal(text_at(a.json, "items/0/host"), "pe1");
	answer_free(&a);
	assert_int_equal(rig_status(rig, "GET /v1/nemo/connections", NULL), 200);
	assert_int_equal(rig_status(rig, "GET /v1/nemo/listeners", NULL), 200);
}

static void test_query(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	assert_int_equal(nemo_status(rig, "apply", NEMO_SITES), 200);
	assert_int_equal(nemo_post(rig, "query", "", "Query ipv4Prefix, Type From Branch", &a),
			 200);
	assert_string_equal(text_at(a.json, "results/0/name"), "Branch");
	assert_string_equal(text_at(a.json, "results/0/values/ipv4Prefix"), "192.0.2.0/24");
	answer_free(&a);
	nemo_post(rig, "query", "", "Query Type From Nowhere;", &a);
	assert_problem(&a, 422, "", "Nowhere");
	answer_free(&a);
	nemo_post(rig, "query", "", NEMO_FLOW, &a);
	assert_problem(&a, 400, "", "one query");
	answer_free(&a);
	/* in a script: answered behind the commit */
	assert_int_equal(nemo_post(rig, "apply", "", NEMO_FLOW "Query Match From web;", &a), 200);
	assert_string_equal(text_at(a.json, "queries/0/results/0/name"), "web");
	answer_free(&a);
}

/* "Query Type From a" n times. */
static char *queries(unsigned int n, const char *query)
{
	size_t len = strlen(query);
	char *text = calloc(n, len + 1), *to = text;

	for (unsigned int i = 0; i < n; i++)
		to = stpcpy(to, query);
	return text;
}

/* Too many are refused before anything is applied; no word inside a string counts. */
static void test_many_queries(void **state)
{
	static const char one[] = "Query Type From Branch;\n";
	struct rig *rig = *state;
	struct answer a;
	char *text = queries(NEMO_QUERIES_MAX + 1, one), *script = NULL;

	assert_true(asprintf(&script, "%s%s", NEMO_SITES, text) > 0);
	nemo_post(rig, "apply", "", script, &a);
	assert_problem(&a, 422, "", "67:1: at most 64 queries");
	assert_string_equal(text_at(a.json, "errors/0/class"), "commit");
	answer_free(&a);
	assert_int_equal(nemo_status(rig, "plan", script), 422);
	rig_call(rig, "GET /v1/nemo", NULL, &a);
	assert_int_equal(int_at(a.json, "revision"), 0);
	answer_free(&a);
	script[strlen(script) - sizeof(one) + 1] = 0;
	assert_int_equal(nemo_post(rig, "apply", "", script, &a), 200);
	assert_int_equal(json_array_size(at(&a, "queries")), NEMO_QUERIES_MAX);
	answer_free(&a);
	free(script);
	free(text);
	text = queries(200, "# Query\n");
	assert_int_equal(nemo_status(rig, "plan", text), 200);
	free(text);
}

/* Objects b0 ... of 3000 values each. */
static void large_objects(struct rig *rig, unsigned int n)
{
	char *list = queries(3000, ",10.0.0.0/24");
	struct nemo_text script = {0};

	nemo_text_add(&script, "Transaction;\n");
	for (unsigned int i = 0; i < n; i++)
		nemo_text_add(&script, "CREATE CFN b%u Type l2group Property ipv4Prefix: List(%s);",
			      i, list + 1);
	nemo_text_add(&script, "Commit;\n");
	assert_int_equal(nemo_status(rig, "apply", script.data), 200);
	free(script.data);
	free(list);
}

/* What is answered is bounded, whatever is asked for: the first that has no room ends it. */
static void test_large_answers(void **state)
{
	char *text = queries(NEMO_QUERIES_MAX, "Query ipv4Prefix From b0;");
	struct nemo_text one = {0};
	struct rig *rig = *state;
	const json_t *last;
	struct answer a;

	large_objects(rig, 25);
	assert_int_equal(nemo_post(rig, "apply", "", text, &a), 200);
	assert_int_equal(json_array_size(at(&a, "queries")), NEMO_ANSWER_MAX / 3000 + 1);
	last = json_array_get(at(&a, "queries"), NEMO_ANSWER_MAX / 3000);
	assert_non_null(strstr(text_at(last, "error"), "at most 65536 values"));
	assert_null(json_object_get(json_array_get(at(&a, "queries"), 20), "error"));
	answer_free(&a);
	free(text);
	/* one alone */
	nemo_text_add(&one, "Query ipv4Prefix From b0");
	for (int i = 1; i < 25; i++)
		nemo_text_add(&one, ", b%d", i);
	nemo_post(rig, "query", "", one.data, &a);
	assert_problem(&a, 400, "", "at most 65536 values");
	answer_free(&a);
	free(one.data);
	assert_int_equal(nemo_status(rig, "query", "Query ipv4Prefix From b0, b1"), 200);
}

static void test_clock(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	assert_int_equal(rig_status(rig, "PUT /v1/nemo/clock", "{\"offset_s\": 3600}"), 204);
	rig_until(rig, intent_clock(rig->intent) == 3600);
	rig_call(rig, "GET /v1/nemo/clock", NULL, &a);
	assert_int_equal(int_at(a.json, "offset_s"), 3600);
	assert_int_equal(strlen(text_at(a.json, "time")), 19);
	answer_free(&a);
	rig_refused(rig, "PUT /v1/nemo/clock", "{\"offset_s\": \"x\"}", 400, "/offset_s", "");
	rig_refused(rig, "PUT /v1/nemo/clock", "{\"offset\": 1}", 400, "/offset", "");
}

static void test_unknown_tenant(void **state)
{
	struct rig *rig = *state;

	rig_refused(rig, "GET /v1/nemo?tenant=nobody", NULL, 404, "?tenant", "configured");
	assert_int_equal(rig_status(rig, "GET /v1/nemo?tenant=zeta", NULL), 200);
	rig_refused(rig, "GET /v1/nemo?who=zeta", NULL, 400, "?who", "must be one of tenant");
}

/* Text of a query is bounded. */
static void test_long_texts(void **state)
{
	static const struct {
		const char *request, *field;
		int fits;
	} cases[] = {
		{"apply?comment=", "?comment", INTENT_COMMENT_MAX},
		{"apply?tenant=", "?tenant", 63},
	};
	struct rig *rig = *state;
	char part[512];
	struct answer a;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int len = snprintf(part, sizeof(part), "%s", cases[i].request);

		memset(part + len, 'x', 400);
		part[len + cases[i].fits] = 0;
		assert_int_not_equal(nemo_post(rig, part, "", "", &a), 400);
		answer_free(&a);
		strcat(part, "x");
		nemo_post(rig, part, "", "", &a);
		assert_problem(&a, 400, cases[i].field, "at most");
		answer_free(&a);
	}
}

static void test_metrics(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	assert_int_equal(nemo_status(rig, "apply", NEMO_FLOW NEMO_DENY), 200);
	rig_call(rig, "GET /metrics", NULL, &a);
	assert_non_null(strstr(a.body, "\nsand_nemo_commits_total 1\n"));
	assert_non_null(strstr(a.body, "\nsand_nemo_operations_in_force 1\n"));
	answer_free(&a);
}

/* A database that nobody answers for: what is in force is not known, and not told as nothing. */
static void test_not_read_yet(void **state)
{
	static const char *const endpoints[] = {"http://127.0.0.1:1"};
	const struct ncsdb_remote remote = {.endpoints = endpoints, .n_endpoints = 1};
	struct intent_conf intent = {
		.host = "pe1", .tenants = rig_tenants, .n_tenants = ARRAY_SIZE(rig_tenants)};
	struct north_conf conf;
	struct err err = {0};
	struct answer a;
	struct rig rig;

	rig_open_below(&rig);
	intent.loop = &rig.loop;
	intent.view = &rig.view;
	assert_int_equal(
		ncsdb_open(&rig.loop, &(struct ncsdb_conf){.remote = &remote}, &intent.db, &err),
		0);
	assert_int_equal(intent_open(&intent, &rig.intent, &err), 0);
	conf = rig_conf(&rig);
	assert_int_equal(north_open(&conf, &rig.north, &err), 0);
	rig_call(&rig, "GET /v1/nemo", NULL, &a);
	assert_problem(&a, 503, "", "not read");
	assert_non_null(strstr(a.head, "Retry-After: 5"));
	answer_free(&a);
	assert_int_equal(rig_status(&rig, "GET /v1/nemo/export", NULL), 503);
	assert_int_equal(rig_status(&rig, "GET /v1/nemo/events?after=5", NULL), 503);
	assert_int_equal(nemo_status(&rig, "plan", NEMO_SITES), 503);
	rig_call(&rig, "GET /metrics", NULL, &a);
	assert_non_null(strstr(a.body, "\nsand_nemo_streams 0\n"));
	assert_null(strstr(a.body, "\nsand_nemo_commit "));
	answer_free(&a);
	north_close(rig.north);
	rig.north = NULL;
	intent_close(rig.intent);
	rig.intent = NULL;
	ncsdb_close(intent.db);
	rig_close(&rig);
}

static void test_without_intent(void **state)
{
	struct rig rig;

	rig_open(&rig);
	rig_refused(&rig, "GET /v1/nemo/export", NULL, 404, "", "not configured");
	assert_int_equal(nemo_status(&rig, "apply", NEMO_SITES), 404);
	rig_close(&rig);
}

/* The commit is under way: the interface closes, and answers all the same. */
static void test_close_midway(void **state)
{
	struct rig rig;
	struct answer a;
	const char *text = "POST /v1/nemo/apply HTTP/1.1\r\nHost: sand\r\n" TEXT
			   "Content-Length: 28\r\n\r\nIMPORT CFN x Type l2group;;;";
	int fd;

	rig_open_nemo(&rig, NULL);
	fd = rig_connect(&rig);
	rig_say(&rig, fd, text);
	rig_turn(&rig);
	north_close(rig.north);
	rig.north = NULL;
	rig_recv(&rig, fd, &a);
	assert_true(a.status == 0 || a.status == 503 || a.status == 200);
	answer_free(&a);
	close(fd);
	rig_close(&rig);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, nemo_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(test_check),
		T(test_plan_changes_nothing),
		T(test_apply_export_plan),
		T(test_apply_errors),
		T(test_if_match),
		T(test_rollback_and_diff),
		T(test_confirm),
		T(test_operations_explain),
		T(test_query),
		T(test_many_queries),
		T(test_large_answers),
		T(test_clock),
		T(test_unknown_tenant),
		T(test_long_texts),
		T(test_metrics),
		cmocka_unit_test(test_not_read_yet),
		cmocka_unit_test(test_without_intent),
		cmocka_unit_test(test_close_midway),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
