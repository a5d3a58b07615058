/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ALTO over HTTP: methods, media types, errors, conditions, compression, what is kept. */
#include <zlib.h>

#include "north/alto.h"
#include "unit/north/alto_rig.h"

#define FILTER "Content-Type: application/alto-costmapfilter+json\r\n"
#define COSTS                                                                                      \
	"{\"cost-type\": {\"cost-mode\": \"numerical\", \"cost-metric\": \"routingcost\"}, "       \
	"\"pids\": {\"srcs\": [], \"dsts\": []}}"

static void get(struct rig *rig, const char *request, const char *headers, struct got *g)
{
	const struct place at = place_alto(rig);

	ask_at(rig, &at, request, headers, NULL, g);
}

static int get_status(struct rig *rig, const char *request, const char *headers)
{
	const struct place at = place_alto(rig);

	return status_at(rig, &at, request, headers, NULL);
}

static int filled_setup(void **state)
{
	int r = alto_setup(state);

	rig_fill_domains(*state);
	return r;
}

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

static void etag_of(struct rig *rig, const char *request, const char *headers, char buf[256])
{
	struct got g;

	get(rig, request, headers, &g);
	assert_int_equal(g.a.status, 200);
	header_of(&g, "ETag", buf);
	assert_true(buf[0] == '"');
	got_free(&g);
}

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

/* ---- compression ---- */

static char *unzip(const struct got *g)
{
	z_stream z = {
		.next_in = (unsigned char *)g->raw + g->body_at,
		.avail_in = g->len - g->body_at,
	};
	size_t room = 4u << 20;
	char *text = calloc(1, room);

	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	z.next_out = (unsigned char *)text;
	z.avail_out = room - 1;
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.avail_in, 0);
	inflateEnd(&z);
	return text;
}

/* Answers the same with and without, says so, and has another entity tag. */
static void check_gzip(struct rig *rig, const char *request, const char *headers, const char *body)
{
	const struct place at = place_alto(rig);
	char with[512], buf[256], tag[256], want[300];
	struct got plain, zipped;
	char *text;

	snprintf(with, sizeof(with), "%sAccept-Encoding: br, gzip;q=0.5\r\n", headers);
	for (int round = 0; round < 2; round++) { /* made, and kept */
		ask_at(rig, &at, request, headers, body, &plain);
		ask_at(rig, &at, request, with, body, &zipped);
		assert_int_equal(zipped.a.status, 200);
		assert_string_equal(header_of(&plain, "Content-Encoding", buf), "");
		assert_string_equal(header_of(&zipped, "Content-Encoding", buf), "gzip");
		assert_string_equal(header_of(&zipped, "Vary", buf), "Accept-Encoding");
		text = unzip(&zipped);
		assert_string_equal(text, plain.a.body);
		free(text);
		header_of(&plain, "ETag", tag);
		snprintf(want, sizeof(want), "%.*s-gz\"", (int)strlen(tag) - 1, tag);
		assert_string_equal(header_of(&zipped, "ETag", buf), tag[0] ? want : "");
		got_free(&plain);
		got_free(&zipped);
	}
}

static void test_gzip(void **state)
{
	struct rig *rig = *state;
	char tag[256], header[512], buf[256];
	struct got g;

	check_gzip(rig, "GET /alto/directory", "", NULL);
	etag_of(rig, "GET /alto/directory", "Accept-Encoding: gzip\r\n", tag);
	assert_non_null(strstr(tag, "-gz\""));
	snprintf(header, sizeof(header), "If-None-Match: %s\r\n", tag);
	get(rig, "GET /alto/directory", header, &g);
	assert_int_equal(g.a.status, 304);
	assert_string_equal(header_of(&g, "ETag", buf), tag);
	got_free(&g);
}

/* RFC 9110, 12.5.3 and 5.3 */
static void test_gzip_in_lists(void **state)
{
	static const char *const headers[] = {
		"Accept-Encoding: *\r\n",
		"Accept-Encoding: *;q=0, gzip\r\n",
		"Accept-Encoding: br\r\nAccept-Encoding: gzip\r\n",
	};
	struct rig *rig = *state;
	char buf[256];
	struct got g;

	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		get(rig, "GET /alto/directory", headers[i], &g);
		assert_string_equal(header_of(&g, "Content-Encoding", buf), "gzip");
		got_free(&g);
	}
}

static void test_not_gzip(void **state)
{
	static const char *const headers[] = {
		"",
		"Accept-Encoding: identity\r\n",
		"Accept-Encoding: gzip;q=0\r\n",
		"Accept-Encoding: br\r\n",
		"Accept-Encoding: *, gzip;q=0\r\n",
		"Accept-Encoding: gzip;q=0\r\nAccept-Encoding: *\r\n"};
	struct rig *rig = *state;
	char buf[256];
	struct got g;

	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		get(rig, "GET /alto/directory", headers[i], &g);
		assert_string_equal(header_of(&g, "Content-Encoding", buf), "");
		got_free(&g);
	}
	get(rig, "GET /alto/networkmap/domains", "Accept-Encoding: gzip\r\n", &g); /* small */
	assert_true(strlen(g.a.body) < 1024);
	assert_string_equal(header_of(&g, "Content-Encoding", buf), "");
	got_free(&g);
}

/* ---- large maps ---- */

/* n domains, none of which has links. */
static void replace_many(struct rig *rig, unsigned int n)
{
	char *body = malloc(100 + n * 80ul);
	size_t at = sprintf(body, "{\"domains\": {");

	for (unsigned int i = 0; i < n; i++)
		at += sprintf(body + at,
			      "%s\"domain-%05u\": {\"prefixes\": {\"ipv4\": [\"10.%u.%u.0/24\"]}}",
			      i ? ", " : "", i, i / 256, i % 256);
	strcpy(body + at, "}, \"links\": []}");
	assert_int_equal(rig_status(rig, "PUT /broker/v1/domains", body), 204);
	rig_until(rig, rig_source(rig)->n_pids == n + 1);
	free(body);
}

static void test_large_map(void **state)
{
	struct rig *rig = *state;
	struct got g;

	replace_many(rig, 5000);
	get(rig, "GET /alto/networkmap/domains", "", &g);
	assert_int_equal(g.a.status, 200);
	assert_int_equal(json_object_size(json_object_get(g.a.json, "network-map")), 5001);
	got_free(&g);
	check_gzip(rig, "GET /alto/networkmap/domains", "", NULL);
	check_gzip(rig, "POST /alto/networkmap/domains",
		   "Content-Type: application/alto-networkmapfilter+json\r\n", "{\"pids\": []}");
}

/* n domains around the first one: all reach all. */
static void replace_star(struct rig *rig, unsigned int n)
{
	char *body = malloc(100 + n * 120ul);
	size_t at = sprintf(body, "{\"domains\": {\"hub\": {\"transit\": true}");

	for (unsigned int i = 0; i < n; i++)
		at += sprintf(body + at, ", \"d%u\": {}", i);
	at += sprintf(body + at, "}, \"links\": [");
	for (unsigned int i = 0; i < n; i++)
		at += sprintf(body + at, "%s{\"a\": \"hub\", \"b\": \"d%u\", \"routingcost\": 1}",
			      i ? ", " : "", i);
	strcpy(body + at, "]}");
	assert_int_equal(rig_status(rig, "PUT /broker/v1/domains", body), 204);
	rig_until(rig, rig_source(rig)->n_links == 2 * n);
	free(body);
}

/* RFC 7285, 8.5.1: more than this server is ready to tell: 503, and when to come again. */
static void test_too_large(void **state)
{
	struct rig *rig = *state;
	char buf[256];
	struct got g;

	replace_star(rig, 1100); /* beyond ALTO_CELLS_MAX */
	get(rig, "GET /alto/costmap/domains/routingcost", "", &g);
	assert_problem(&g.a, 503, "", "");
	assert_string_equal(header_of(&g, "Retry-After", buf), "5");
	assert_string_equal(header_of(&g, "Cache-Control", buf), "no-store");
	got_free(&g);
	assert_int_equal(get_status(rig, "GET /alto/networkmap/domains", ""), 200);
}

/* ---- what is kept ---- */

static unsigned long metric(struct rig *rig, const char *name)
{
	struct answer a;
	unsigned long value;
	char line[64];
	const char *at;

	snprintf(line, sizeof(line), "\n%s ", name);
	assert_int_equal(rig_call(rig, "GET /metrics", NULL, &a), 200);
	at = strstr(a.body, line);
	assert_non_null(at);
	value = strtoul(at + strlen(line), NULL, 10);
	answer_free(&a);
	return value;
}

static void test_kept(void **state)
{
	struct rig *rig = *state;
	size_t plain;

	get_status(rig, "GET /alto/directory", "");
	plain = metric(rig, "sand_alto_kept_bytes");
	assert_true(plain > 1000);
	assert_int_equal(metric(rig, "sand_alto_kept_answers_total"), 0);
	get_status(rig, "GET /alto/directory", "");
	get_status(rig, "HEAD /alto/directory", "");
	get_status(rig, "GET /alto/directory", "If-None-Match: *\r\n");
	assert_int_equal(metric(rig, "sand_alto_kept_answers_total"), 3);
	assert_int_equal(metric(rig, "sand_alto_kept_bytes"), plain);
	get_status(rig, "GET /alto/directory", "Accept-Encoding: gzip\r\n");
	assert_true(metric(rig, "sand_alto_kept_bytes") > plain + 100);
	assert_true(metric(rig, "sand_alto_kept_bytes") < 2 * plain);
	/* a new snapshot, nothing of the old one */
	assert_int_equal(rig_status(rig, "PUT /broker/v1/links/AS1/AS2", "{\"routingcost\": 7}"),
			 200);
	rig_until(rig, metric(rig, "sand_alto_kept_bytes") == 0);
}

/* Those go first that nobody has asked for the longest; what is larger than all is never kept. */
static void test_kept_is_bounded(void **state)
{
	static const char *const requests[] = {
		"GET /alto/directory", "GET /alto/networkmap/domains",
		"GET /alto/costmap/domains/routingcost", "GET /alto/costmap/domains/hopcount"};
	struct rig *rig = *state;
	size_t directory;

	get_status(rig, requests[0], "");
	directory = metric(rig, "sand_alto_kept_bytes");
	alto_cache_max = directory + 10;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(get_status(rig, requests[i * 7 % 4], ""), 200);
		assert_int_equal(get_status(rig, requests[i * 7 % 4], "Accept-Encoding: gzip\r\n"),
				 200);
		assert_true(metric(rig, "sand_alto_kept_bytes") <= alto_cache_max);
		assert_true(metric(rig, "sand_alto_kept_bytes") > 0 || i % 4 == 0);
	}
	alto_cache_max = directory - 1;
	get_status(rig, requests[1], "");
	get_status(rig, requests[0], "");
	assert_true(metric(rig, "sand_alto_kept_bytes") < directory);
	alto_cache_max = ALTO_CACHE_BYTES;
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

#define WITH(name) cmocka_unit_test_setup_teardown(name, filled_setup, rig_teardown)

/* ---- before the first map ---- */

static int below_setup(void **state)
{
	*state = malloc(sizeof(struct rig));
	rig_open_below(*state);
	return 0;
}

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
		cmocka_unit_test_setup_teardown(test_no_map_yet, below_setup, rig_teardown),
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
		WITH(test_gzip),
		WITH(test_gzip_in_lists),
		WITH(test_not_gzip),
		WITH(test_large_map),
		WITH(test_too_large),
		WITH(test_kept),
		WITH(test_kept_is_bounded),
		WITH(test_client_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
