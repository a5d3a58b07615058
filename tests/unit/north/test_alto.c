/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ALTO over HTTP: methods, media types, errors, conditions. */
#include "north/alto.h"
#include "unit/north/alto_get.h"

#define FILTER "Content-Type: application/alto-costmapfilter+json\r\n"
#define COSTS                                                                                      \
	"{\"cost-type\": {\"cost-mode\": \"numerical\", \"cost-metric\": \"routingcost\"}, "       \
	"\"pids\": {\"srcs\": [], \"dsts\": []}}"

/* ---- what is served ---- */

/* RFC 7285, 9.2: the directory names what there is, by URIs that work, in the type it says. */
static void test_directory(void **state)
{
	struct rig *rig = *state;
	const char *id, *type, *uri, *accepts;
	char request[256], headers[256], buf[256];
	const struct place at = place_alto(rig);
	json_t *entry;
	struct got g, r;
	unsigned int n = 0;

	get(rig, "GET /alto/directory", "", &g);
	assert_int_equal(g.a.status, 200);
	assert_string_equal(header_of(&g, "Content-Type", buf), "application/alto-directory+json");
	json_object_foreach(json_object_get(g.a.json, "resources"), id, entry) {
		uri = text_at(entry, "uri");
		type = text_at(entry, "media-type");
		accepts = text_at(entry, "accepts");
		if (strstr(uri, "updates") || strstr(uri, "tips"))
			continue;
		snprintf(request, sizeof(request), "%s %s", accepts[0] ? "POST" : "GET", uri);
		snprintf(headers, sizeof(headers), "Accept: %s\r\n%s%s%s", type,
			 accepts[0] ? "Content-Type: " : "", accepts, accepts[0] ? "\r\n" : "");
		ask_at(rig, &at, request, headers, accepts[0] ? "[" : NULL, &r);
		header_of(&r, "Content-Type", buf);
		if (r.a.status != (accepts[0] ? 400 : 200))
			fail_msg("%s: %d %s", request, r.a.status, r.a.body);
		assert_string_equal(buf, accepts[0] ? "application/alto-error+json" : type);
		got_free(&r);
		n++;
	}
	assert_true(n >= 8);
	got_free(&g);
}

static void test_costs(void **state)
{
	struct rig *rig = *state;
	const struct place at = place_alto(rig);
	json_t *costs;
	struct got g;
	char buf[256];

	ask_at(rig, &at, "POST /alto/costmap/domains", FILTER, COSTS, &g);
	assert_int_equal(g.a.status, 200);
	assert_string_equal(header_of(&g, "Content-Type", buf), "application/alto-costmap+json");
	assert_string_equal(header_of(&g, "Cache-Control", buf), "no-store");
	costs = json_object_get(json_object_get(g.a.json, "cost-map"), "AS1");
	assert_int_equal(json_number_value(json_object_get(costs, "AS3")), 2);
	got_free(&g);
	get(rig, "GET /alto/costmap/domains/routingcost", "", &g);
	costs = json_object_get(json_object_get(g.a.json, "cost-map"), "AS1");
	assert_int_equal(json_number_value(json_object_get(costs, "AS2")), 1);
	got_free(&g);
}

/* Escapes are those of RFC 3986: a name may be written with them. */
static void test_escaped_path(void **state)
{
	assert_int_equal(get_status(*state, "GET /alto/costmap/d%6fmains/routingcost", ""), 200);
	assert_int_equal(get_status(*state, "GET /alto/costmap%2fdomains/routingcost", ""), 400);
	assert_int_equal(get_status(*state, "GET /alto/costmap/domains/routingcost/", ""), 404);
	assert_int_equal(get_status(*state, "GET /alto/costmap//domains/routingcost", ""), 404);
	assert_int_equal(get_status(*state, "GET /alto/directory?x=1", ""), 400);
	assert_int_equal(get_status(*state, "GET /alto", ""), 404);
}

static void test_long_path(void **state)
{
	char request[400];

	snprintf(request, sizeof(request), "GET /alto/%0300d", 1);
	assert_int_equal(get_status(*state, request, ""), 404);
}

/* ---- refusals ---- */

static void test_methods(void **state)
{
	static const struct {
		const char *request, *allow;
	} cases[] = {
		{"POST /alto/directory", "GET, HEAD"},
		{"POST /alto/propmap/none", ""},
		{"GET /alto/costmap/domains", "POST"},
		{"HEAD /alto/costmap/domains", "POST"},
		{"DELETE /alto/directory", "GET, HEAD, POST"},
		{"PATCH /alto/updates/1", "POST"},
		{"OPTIONS /alto/directory", "GET, HEAD, POST"},
	};
	struct rig *rig = *state;
	char buf[256];
	struct got g;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		get(rig, cases[i].request, "", &g);
		assert_int_equal(g.a.status, cases[i].allow[0] ? 405 : 404);
		assert_string_equal(header_of(&g, "Allow", buf), cases[i].allow);
		assert_string_equal(header_of(&g, "Content-Type", buf), "application/problem+json");
		got_free(&g);
	}
}

/* RFC 7285, 8.3.1: the type of the request is the one of the service. */
static void test_content_types(void **state)
{
	static const struct rig_case cases[] = {
		{"application/alto-costmapfilter+json", 200},
		{"Application/ALTO-costmapfilter+JSON", 200},
		{"application/alto-costmapfilter+json; charset=utf-8", 200},
		{"application/json", 415},
		{"application/alto-networkmapfilter+json", 415},
		{"application/alto-costmapfilter+jsonx", 415},
		{"application/alto-costmap", 415},
	};
	struct rig *rig = *state;
	const struct place at = place_alto(rig);
	char header[256];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(header, sizeof(header), "Content-Type: %s\r\n", cases[i].text);
		rig_check_case(&cases[i],
			       status_at(rig, &at, "POST /alto/costmap/domains", header, COSTS));
	}
}

/* RFC 7285, 8.3.3 with RFC 9110, 12.5.1 */
static void test_accept(void **state)
{
	static const struct rig_case cases[] = {
		{"*/*", 200},
		{"application/*", 200},
		{"application/alto-networkmap+json", 200},
		{"application/alto-networkmap+json,application/alto-error+json", 200},
		{"text/html, application/alto-networkmap+json;q=0.5", 200},
		{"application/alto-networkmap+json;q=0", 406},
		{"application/alto-networkmap+json; q=0.000", 406},
		{"application/alto-costmap+json", 406},
		{"application/alto-error+json", 406},
		{"application/json", 406},
		{"text/*", 406},
		/* the most exact range decides (RFC 9110, 12.5.1), all lines are one list (5.3) */
		{"application/alto-networkmap+json;q=0, */*", 406},
		{"*/*, application/alto-networkmap+json;q=0", 406},
		{"application/*;q=0, */*", 406},
		{"*/*;q=0, application/*", 200},
		{"application/*;q=0, application/alto-networkmap+json;q=0.1", 200},
		{"text/html\r\nAccept: application/alto-networkmap+json", 200},
		{"*/*\r\nAccept: application/alto-networkmap+json;q=0", 406},
	};
	struct rig *rig = *state;
	char header[256];
	struct got g;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(header, sizeof(header), "Accept: %s\r\n", cases[i].text);
		get(rig, "GET /alto/networkmap/domains", header, &g);
		rig_check_case(&cases[i], g.a.status);
		if (g.a.status == 406)
			assert_problem(&g.a, 406, "Accept", "application/alto-networkmap+json");
		got_free(&g);
	}
}

#define PV                                                                                         \
	"{\"cost-type\": {\"cost-mode\": \"array\", \"cost-metric\": \"ane-path\"}, \"pids\": "    \
	"{\"srcs\": [\"AS1\"], \"dsts\": [\"AS3\"]}}"

/* RFC 9275, 7.2.1: multipart/related with the type of its root */
static void test_accept_path_vector(void **state)
{
	static const struct rig_case cases[] = {
		{"multipart/related;type=application/alto-costmap+json", 200},
		{"multipart/related; type=\"application/alto-costmap+json\", "
		 "application/alto-error+json",
		 200},
		{"multipart/related", 200},
		{"multipart/*", 200},
		{"multipart/related;type=application/alto-endpointcost+json", 406},
		{"application/alto-costmap+json", 406},
	};
	struct rig *rig = *state;
	const struct place at = place_alto(rig);
	char header[256], buf[256];
	struct got g;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(header, sizeof(header), FILTER "Accept: %s\r\n", cases[i].text);
		ask_at(rig, &at, "POST /alto/pathvector/domains", header, PV, &g);
		rig_check_case(&cases[i], g.a.status);
		header_of(&g, "Content-Type", buf);
		if (g.a.status == 200)
			assert_non_null(strstr(buf, "multipart/related"));
		if (g.a.status == 200)
			assert_non_null(strstr(buf, "boundary="));
		got_free(&g);
	}
}

/* RFC 7285, 8.5: 400, the media type of errors, whatever Accept says. */
static void test_errors(void **state)
{
	static const struct {
		const char *body, *code, *field;
	} cases[] = {
		{"{", "E_SYNTAX", ""},
		{"", "E_SYNTAX", ""},
		{"{}", "E_MISSING_FIELD", "cost-type"},
		{"{\"cost-type\": 1}", "E_INVALID_FIELD_TYPE", "cost-type"},
		{"{\"cost-type\": {\"cost-mode\": \"numerical\", \"cost-metric\": \"none\"}}",
		 "E_INVALID_FIELD_VALUE", "cost-type/cost-metric"},
	};
	struct rig *rig = *state;
	const struct place at = place_alto(rig);
	char buf[256];
	struct got g;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ask_at(rig, &at, "POST /alto/costmap/domains",
		       FILTER "Accept: application/alto-costmap+json\r\n", cases[i].body, &g);
		assert_int_equal(g.a.status, 400);
		assert_string_equal(header_of(&g, "Content-Type", buf),
				    "application/alto-error+json");
		assert_string_equal(text_at(g.a.json, "meta/code"), cases[i].code);
		assert_string_equal(text_at(g.a.json, "meta/field"), cases[i].field);
		got_free(&g);
	}
}

static void test_body_limit(void **state)
{
	struct rig *rig = *state;
	const struct place at = place_alto(rig);
	size_t size = NORTH_BATCH_MAX + 1;
	char *body = malloc(size + 1);

	memset(body, ' ', size);
	body[size] = 0;
	assert_int_equal(status_at(rig, &at, "POST /alto/costmap/domains", FILTER, body), 413);
	memcpy(body, COSTS, strlen(COSTS));
	body[size - 1] = 0; /* as large as may be */
	assert_int_equal(status_at(rig, &at, "POST /alto/costmap/domains", FILTER, body), 200);
	free(body);
}

static void test_no_broker(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	rig_refused(rig, "GET /alto/directory", NULL, 404, "", "is not configured");
	rig_refused(rig, "GET /broker/v1/domains", NULL, 404, "", "is not configured");
	assert_int_equal(rig_call(rig, "GET /v1/alto/sources", NULL, &a), 200);
	assert_int_equal(items_of(&a), 0);
	answer_free(&a);
}

/* ---- conditions ---- */

/* RFC 9110, 13.1.2: the tag of the map is its entity tag. */
static void test_etag(void **state)
{
	struct rig *rig = *state;
	char etag[256], header[512], buf[256];
	struct got g;

	etag_of(rig, "GET /alto/networkmap/domains", "", etag);
	get(rig, "GET /alto/networkmap/domains", "", &g);
	snprintf(buf, sizeof(buf), "\"%s\"", text_at(g.a.json, "meta/vtag/tag"));
	assert_string_equal(buf, etag);
	assert_string_equal(header_of(&g, "Cache-Control", buf), "no-cache");
	assert_string_equal(header_of(&g, "Vary", buf), "Accept-Encoding");
	got_free(&g);

	snprintf(header, sizeof(header), "If-None-Match: \"x\", W/%s\r\n", etag);
	get(rig, "GET /alto/networkmap/domains", header, &g);
	assert_int_equal(g.a.status, 304);
	assert_int_equal(g.len, g.body_at); /* no body */
	assert_string_equal(header_of(&g, "ETag", buf), etag);
	assert_string_equal(header_of(&g, "Cache-Control", buf), "no-cache");
	got_free(&g);
	assert_int_equal(get_status(rig, "GET /alto/networkmap/domains", "If-None-Match: *\r\n"),
			 304);
	assert_int_equal(
		get_status(rig, "GET /alto/networkmap/domains", "If-None-Match: \"x\"\r\n"), 200);
	assert_int_equal(get_status(rig, "HEAD /alto/networkmap/domains", header), 304);
}

/* Another content has another tag, the same content the same one, whatever else changed. */
static void test_new_snapshot(void **state)
{
	struct rig *rig = *state;
	const struct alto_snapshot *old = broker_snapshot(rig->broker);
	char map[256], costs[256], map2[256], costs2[256];
	struct got g;

	etag_of(rig, "GET /alto/networkmap/domains", "", map);
	etag_of(rig, "GET /alto/costmap/domains/routingcost", "", costs);
	assert_int_equal(rig_status(rig, "PUT /broker/v1/links/AS1/AS2", "{\"routingcost\": 7}"),
			 200);
	rig_new_snapshot(rig, old);
	etag_of(rig, "GET /alto/networkmap/domains", "", map2);
	etag_of(rig, "GET /alto/costmap/domains/routingcost", "", costs2);
	assert_string_equal(map, map2);
	assert_string_not_equal(costs, costs2);
	get(rig, "GET /alto/costmap/domains/routingcost", "", &g);
	assert_int_equal(
		json_integer_value(json_object_get(
			json_object_get(json_object_get(g.a.json, "cost-map"), "AS1"), "AS2")),
		7);
	got_free(&g);
}

static void test_head(void **state)
{
	struct rig *rig = *state;
	char length[256], buf[256];
	struct got g, h;

	get(rig, "GET /alto/networkmap/domains", "", &g);
	get(rig, "HEAD /alto/networkmap/domains", "", &h);
	assert_int_equal(h.a.status, 200);
	assert_int_equal(h.len, h.body_at);
	assert_string_equal(header_of(&h, "Content-Length", buf),
			    header_of(&g, "Content-Length", length));
	got_free(&g);
	got_free(&h);
}

/* ---- clients on the unix socket are not known by address ---- */

#define ENDPOINT "Content-Type: application/alto-endpointcostparams+json\r\n"
#define FROM_ME                                                                                    \
	"{\"cost-type\": {\"cost-mode\": \"numerical\", \"cost-metric\": \"routingcost\"}, "       \
	"\"endpoints\": {\"srcs\": [], \"dsts\": [\"ipv4:10.3.0.1\"]}}"

/* RFC 7285, 11.5.1.3: an empty list is the client's own address. */
static void test_client_address(void **state)
{
	struct rig *rig = *state;
	const struct place at = place_alto(rig), local = place_unix();
	struct got g;

	ask_at(rig, &at, "POST /alto/endpointcost/domains", ENDPOINT, FROM_ME, &g);
	assert_int_equal(g.a.status, 200);
	if (!strstr(g.a.body, "endpoint-cost-map"))
		fail_msg("%s", g.a.body);
	got_free(&g);
	ask_at(rig, &local, "POST /alto/endpointcost/domains", ENDPOINT, FROM_ME, &g);
	assert_int_equal(g.a.status, 400);
	got_free(&g);
}

#define WITH(name) cmocka_unit_test_setup_teardown(name, alto_filled_setup, rig_teardown)

/* ---- before the first map ---- */

static void check_no_map(struct rig *rig, const char *request, const char *headers,
			 const char *body)
{
	char value[256];
	struct got g;

	ask_at(rig, &(struct place){0}, request, headers, body, &g);
	assert_problem(&g.a, 503, "", "there is no map yet");
	assert_string_equal(header_of(&g, "Retry-After", value), "5");
	got_free(&g);
}

/* A database that nobody answers for: the broker has read nothing so far. */
static void test_no_map_yet(void **state)
{
	static const char *const endpoints[] = {"http://127.0.0.1:1"};
	const struct ncsdb_remote remote = {.endpoints = endpoints, .n_endpoints = 1};
	struct rig *rig = *state;
	struct broker_conf broker = {.loop = &rig->loop, .domains = true};
	struct north_conf conf;
	struct err err = {0};
	struct answer a;

	assert_int_equal(
		ncsdb_open(&rig->loop, &(struct ncsdb_conf){.remote = &remote}, &broker.db, &err),
		0);
	assert_int_equal(broker_open(&broker, &rig->broker, &err), 0);
	conf = rig_conf(rig);
	assert_int_equal(north_open(&conf, &rig->north, &err), 0);
	check_no_map(rig, "GET /alto/directory", "", NULL);
	check_no_map(rig, "GET /alto/none", "", NULL);
	check_no_map(rig, "POST /alto/costmap/domains", FILTER, COSTS);
	check_no_map(rig, "POST /alto/updates",
		     "Content-Type: application/alto-updatestreamparams+json\r\n", "{}");
	assert_int_equal(rig_call(rig, "GET /metrics", NULL, &a), 200);
	assert_non_null(strstr(a.body, "\nsand_alto_snapshots_total 0\n"));
	assert_null(strstr(a.body, "sand_alto_snapshot_seconds"));
	answer_free(&a);
	north_close(rig->north);
	broker_close(rig->broker);
	rig->north = NULL;
	rig->broker = NULL;
	ncsdb_close(broker.db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_map_yet, rig_below_setup, rig_teardown),
		WITH(test_directory),
		WITH(test_costs),
		WITH(test_escaped_path),
		WITH(test_long_path),
		WITH(test_methods),
		WITH(test_content_types),
		WITH(test_accept),
		WITH(test_accept_path_vector),
		WITH(test_errors),
		WITH(test_body_limit),
		cmocka_unit_test_setup_teardown(test_no_broker, rig_setup, rig_teardown),
		WITH(test_etag),
		WITH(test_new_snapshot),
		WITH(test_head),
		WITH(test_client_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
