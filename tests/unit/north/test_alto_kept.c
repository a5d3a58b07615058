/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ALTO over HTTP: compression, large maps, what is kept. */
#include <zlib.h>

#include "north/alto.h"
#include "unit/north/alto_get.h"

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

#define WITH(name) cmocka_unit_test_setup_teardown(name, alto_filled_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_gzip),
		WITH(test_gzip_in_lists),
		WITH(test_not_gzip),
		WITH(test_large_map),
		WITH(test_too_large),
		WITH(test_kept),
		WITH(test_kept_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
