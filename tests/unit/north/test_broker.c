/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What domains advertise, over REST: one, all, conditions, pages, rights. */
#include "unit/north/alto_rig.h"

static void read_back(struct rig *rig, const char *request, struct answer *a)
{
	assert_int_equal(rig_call(rig, request, NULL, a), 200);
}

static void test_domain(void **state)
{
	struct rig *rig = *state;
	struct answer a;
	char etag[64];

	assert_int_equal(rig_status(rig, "GET /broker/v1/domains/AS1", NULL), 404);
	assert_int_equal(rig_call(rig, "PUT /broker/v1/domains/AS1", AS1, &a), 201);
	assert_string_equal(text_at(a.json, "id"), "AS1");
	assert_string_equal(text_at(a.json, "prefixes/ipv4/0"), "10.1.0.0/16");
	snprintf(etag, sizeof(etag), "ETag: \"%lld\"\r\n", int_at(a.json, "revision"));
	assert_true(int_at(a.json, "revision") > 0);
	assert_non_null(strstr(a.head, etag));
	answer_free(&a);
	read_back(rig, "GET /broker/v1/domains/AS1", &a);
	assert_string_equal(text_at(a.json, "nfs/0"), "NF1");
	assert_non_null(strstr(a.head, etag));
	answer_free(&a);
	assert_int_equal(rig_status(rig, "PUT /broker/v1/domains/AS1", "{\"saps\": []}"), 200);
	read_back(rig, "GET /broker/v1/domains/AS1", &a);
	assert_null(json_object_get(a.json, "nfs")); /* replaced, not merged */
	answer_free(&a);
	assert_int_equal(rig_status(rig, "DELETE /broker/v1/domains/AS1", NULL), 204);
	assert_int_equal(rig_status(rig, "DELETE /broker/v1/domains/AS1", NULL), 404);
}

/* What was read can be put back. */
static void test_put_back(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	rig_fill_domains(rig);
	read_back(rig, "GET /broker/v1/domains/AS1", &a);
	assert_int_equal(rig_status(rig, "PUT /broker/v1/domains/AS1", a.body), 200);
	assert_int_equal(rig_status(rig, "PUT /broker/v1/domains/AS1", a.body), 412);
	assert_int_equal(rig_status(rig, "PUT /broker/v1/domains/AS2", a.body), 412);
	answer_free(&a);
	rig_refused(rig, "PUT /broker/v1/domains/AS2", "{\"id\": \"AS1\"}", 400, "/id",
		    "must be AS2");
	read_back(rig, "GET /broker/v1/links/AS2/AS1", &a);
	assert_string_equal(text_at(a.json, "a"), "AS1");
	assert_string_equal(text_at(a.json, "b"), "AS2");
	assert_int_equal(rig_status(rig, "PUT /broker/v1/links/AS2/AS1", a.body), 200);
	answer_free(&a);
	rig_refused(rig, "PUT /broker/v1/links/AS2/AS1",
		    "{\"a\": \"AS3\", \"b\": \"AS1\", \"routingcost\": 1}", 400, "/a",
		    "must be AS2");
}

static void test_conditions(void **state)
{
	struct rig *rig = *state;
	struct answer a;
	char match[64];

	assert_int_equal(rig_call(rig, "PUT /broker/v1/domains/AS1", AS1, &a), 201);
	snprintf(match, sizeof(match), "If-Match: \"%lld\"\r\n", int_at(a.json, "revision"));
	answer_free(&a);
	assert_int_equal(
		rig_status_with(rig, "PUT /broker/v1/domains/AS1", "If-None-Match: *\r\n", AS1),
		412);
	assert_int_equal(rig_status_with(rig, "PUT /broker/v1/domains/AS2", match, AS2), 412);
	assert_int_equal(rig_status_with(rig, "PUT /broker/v1/domains/AS1", match, AS1), 200);
	assert_int_equal(rig_status_with(rig, "PUT /broker/v1/domains/AS1", match, AS1), 412);
	assert_int_equal(rig_status_with(rig, "DELETE /broker/v1/domains/AS1", match, NULL), 412);
	assert_int_equal(
		rig_status_with(rig, "PUT /broker/v1/links/AS1/AS2", "If-None-Match: *\r\n", LINK),
		201);
	assert_int_equal(rig_status_with(rig, "PUT /broker/v1/domains", "If-Match: \"1\"\r\n",
					 "{\"domains\": {}, \"links\": []}"),
			 412);
	assert_int_equal(rig_status_with(rig, "PUT /broker/v1/domains", "If-Match: \"0\"\r\n",
					 "{\"domains\": {}, \"links\": []}"),
			 412);
	assert_int_equal(rig_status_with(rig, "PUT /broker/v1/domains", "If-Match: *\r\n",
					 "{\"domains\": {}, \"links\": []}"),
			 204);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *request, *body;
		int status;
		const char *field;
	} cases[] = {
		{"PUT /broker/v1/domains/AS1", "{\"nfs\": 1}", 400, "/nfs"},
		{"PUT /broker/v1/domains/AS1", "{\"none\": 1}", 400, "/none"},
		{"PUT /broker/v1/domains/AS1", "{\"prefixes\": {\"ipv4\": [\"10.0.0.1/8\"]}}", 400,
		 "/prefixes/ipv4/0"},
		{"PUT /broker/v1/links/AS1/AS2", "{\"routingcost\": -1}", 400, "/routingcost"},
		{"PUT /broker/v1/domains", "{\"domains\": {\"AS1\": {\"nfs\": 1}}, \"links\": []}",
		 400, "/nfs"},
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		rig_refused(rig, cases[i].request, cases[i].body, cases[i].status, cases[i].field,
			    strstr(cases[i].request, "links") ? "link AS1" : "domain AS1");
	assert_int_equal(rig_status(rig, "PUT /broker/v1/links/AS1/AS1", LINK), 400);
	assert_int_equal(rig_status(rig, "PUT /broker/v1/domains/a%20b", AS1), 400);
	assert_int_equal(rig_status(rig, "PATCH /broker/v1/domains/AS1", "{}"), 405);
	assert_int_equal(rig_status(rig, "DELETE /broker/v1/domains", NULL), 405);
	assert_int_equal(rig_status_with(rig, "PUT /broker/v1/domains",
					 "Content-Type: application/x-ndjson\r\n", "{}"),
			 415);
	assert_int_equal(rig_status(rig, "GET /broker/v1/domains/AS1", NULL), 404);
}

/* ---- lists ---- */

static void test_pages(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	rig_fill_domains(rig);
	read_back(rig, "GET /broker/v1/domains?limit=2", &a);
	assert_int_equal(items_of(&a), 2);
	assert_string_equal(text_at(a.json, "items/0/id"), "AS1");
	assert_true(int_at(json_array_get(json_object_get(a.json, "items"), 0), "revision") > 0);
	assert_string_equal(text_at(a.json, "next"), "AS2");
	answer_free(&a);
	read_back(rig, "GET /broker/v1/domains?limit=2&after=AS2", &a);
	assert_int_equal(items_of(&a), 1);
	assert_string_equal(text_at(a.json, "items/0/id"), "AS3");
	assert_null(json_object_get(a.json, "next"));
	answer_free(&a);
	read_back(rig, "GET /broker/v1/links?limit=1", &a);
	assert_string_equal(text_at(a.json, "next"), "AS1/AS2");
	answer_free(&a);
	read_back(rig, "GET /broker/v1/links?after=AS1/AS2", &a);
	assert_int_equal(items_of(&a), 1);
	assert_string_equal(text_at(a.json, "items/0/a"), "AS2");
	assert_string_equal(text_at(a.json, "items/0/b"), "AS3");
	answer_free(&a);
	rig_refused(rig, "GET /broker/v1/links?after=AS1", NULL, 400, "?after", "like A/B");
	assert_int_equal(rig_status(rig, "GET /broker/v1/links?limit=0", NULL), 400);
}

/* A domain sees itself and its own links, in lists, too. */
static void test_own_only(void **state)
{
	struct rig *rig = *state;
	const struct place at = place_alto(rig);
	struct got g;

	rig_fill_domains(rig);
	ask_at(rig, &at, "GET /broker/v1/domains", TOKEN_AS1, NULL, &g);
	assert_int_equal(items_of(&g.a), 1);
	assert_string_equal(text_at(g.a.json, "items/0/id"), "AS1");
	got_free(&g);
	ask_at(rig, &at, "GET /broker/v1/links?limit=1", TOKEN_AS1, NULL, &g);
	assert_int_equal(items_of(&g.a), 1);
	assert_null(json_object_get(g.a.json, "next")); /* nothing of the others */
	got_free(&g);
}

/* The answer to a foreign name says nothing of whether it exists, nor of its revision. */
static void test_foreign_names(void **state)
{
	static const char *const headers[] = {TOKEN_AS1, TOKEN_AS1 "If-None-Match: *\r\n",
					      TOKEN_AS1 "If-Match: \"1\"\r\n"};
	struct rig *rig = *state;
	const struct place at = place_alto(rig);
	struct got there, absent;

	rig_fill_domains(rig);
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		ask_at(rig, &at, "PUT /broker/v1/domains/AS3", headers[i], AS3, &there);
		ask_at(rig, &at, "PUT /broker/v1/domains/AS4", headers[i], AS3, &absent);
		assert_problem(&there.a, 403, "", "must be domain AS1");
		assert_problem(&absent.a, 403, "", "must be domain AS1");
		got_free(&there);
		got_free(&absent);
	}
	assert_int_equal(status_at(rig, &at, "DELETE /broker/v1/links/AS2/AS3", TOKEN_AS1, NULL),
			 403);
	assert_int_equal(status_at(rig, &at, "PUT /broker/v1/domains", TOKEN_AS1,
				   "{\"domains\": {}, \"links\": []}"),
			 403);
	assert_int_equal(rig_status(rig, "GET /broker/v1/links/AS2/AS3", NULL), 200);
}

static void test_replace(void **state)
{
	static const char all[] = "{\"domains\": {\"AS3\": " AS3 ", \"AS9\": " AS1
				  "}, \"links\": [{\"a\": \"AS3\", \"b\": \"AS9\", "
				  "\"routingcost\": 4}]}";
	struct rig *rig = *state;
	const struct place at = place_alto(rig);
	struct answer a;

	rig_fill_domains(rig);
	assert_int_equal(status_at(rig, &at, "PUT /broker/v1/domains", TOKEN_ADMIN, all), 204);
	read_back(rig, "GET /broker/v1/domains", &a);
	assert_int_equal(items_of(&a), 2);
	assert_string_equal(text_at(a.json, "items/0/id"), "AS3");
	assert_string_equal(text_at(a.json, "items/1/id"), "AS9");
	answer_free(&a);
	read_back(rig, "GET /broker/v1/links", &a);
	assert_int_equal(items_of(&a), 1);
	answer_free(&a);
}

#define WITH(name) cmocka_unit_test_setup_teardown(name, alto_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_domain),	  WITH(test_put_back), WITH(test_conditions),
		WITH(test_refusals),	  WITH(test_pages),    WITH(test_own_only),
		WITH(test_foreign_names), WITH(test_replace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
