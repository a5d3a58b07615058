/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bodies, media types, methods, paths and framing that are refused; nothing changes then. */
#include "unit/north/rig.h"

#include "util/json.h"

#define SERVICE "/v1/services/0x101"

static void assert_nothing_stored(struct rig *rig)
{
	assert_int_equal(HASH_COUNT(rig->view.services), 0);
	assert_int_equal(rig_status(rig, "GET " SERVICE, NULL), 404);
}

/* ---- bodies ---- */

static void test_bad_bodies(void **state)
{
	static const struct {
		const char *body, *field, *detail;
	} bad[] = {
		{"", "", "is empty"},
		{"{", "", "line 1"},
		{"nonsense", "", "line 1"},
		{"{} {}", "", "line 1"},
		{"[]", "", "object"},
		{"7", "", "object"},
		{"{\"name\": \"a\", \"name\": \"b\"}", "", "duplicate"},
		{"{\"name\": 5}", "/name", "string"},
		{"{\"colour\": 5}", "/colour", "name"},
		{"{\"id\": \"0x102\"}", "/id", "0x101"},
		{"{\"name\": \"\xff\"}", "", "decode"},
		{"{\"name\": \"a\\u0000b\"}", "", "NUL"},
		{"{\"address\": \"10.0.0.1\"}", "/address", "IPv6"},
		{"{\"hysteresis\": {\"margin\": -1}}", "/hysteresis/margin", "0..1000"},
		{"{\"hysteresis\": {\"margin\": 1e2}}", "/hysteresis/margin", "integer"},
		{"{\"hysteresis\": {\"margin\": 99999999999999999999}}", "", "line 1"},
		{"{\"evaluation\": [{\"attribute\": \"cpu_load\", \"curve\": {\"ramp\": [40, 80]}, "
		 "\"weight\": 1001}]}",
		 "/evaluation/0/weight", "1000"},
	};
	struct rig *rig = *state;
	struct answer a;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		rig_call(rig, "PUT " SERVICE, bad[i].body, &a);
		assert_problem(&a, 400, bad[i].field, bad[i].detail);
		answer_free(&a);
	}
	assert_nothing_stored(rig);
}

static void test_value_is_named(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	rig_call(rig, "PUT " SERVICE, "{\"hysteresis\": {\"margin\": 5000}}", &a);
	assert_problem(&a, 400, "/hysteresis/margin", "service 0x101: /hysteresis/margin: is 5000");
	assert_string_equal(text_at(a.json, "value"), "5000");
	answer_free(&a);
}

static void test_deep_body(void **state)
{
	char body[2 * (JSON_MAX_DEPTH + 1) + 32];
	struct rig *rig = *state;
	struct answer a;
	int n = JSON_MAX_DEPTH; /* with the object around: one too deep */
	char *p = body + sprintf(body, "{\"name\":");

	memset(p, '[', n);
	memset(p + n, ']', n);
	strcpy(p + 2 * n, "}");
	rig_call(rig, "PUT " SERVICE, body, &a);
	assert_problem(&a, 400, "", "deeper than 32");
	answer_free(&a);
	memmove(p + n - 1, p + n + 1, n); /* one level less: refused for its type only */
	rig_call(rig, "PUT " SERVICE, body, &a);
	assert_true(a.status == 400 && !strstr(a.body, "deeper"));
	answer_free(&a);
	assert_nothing_stored(rig);
}

static void test_body_where_none_belongs(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	rig_call(rig, "DELETE " SERVICE, "{}", &a);
	assert_problem(&a, 400, "", "no body");
	answer_free(&a);
	rig_call(rig, "GET " SERVICE, "{}", &a);
	assert_problem(&a, 400, "", "no body");
	answer_free(&a);
}

/* ---- sizes ---- */

/* Announced: refused before a byte of it is sent. */
static void test_announced_too_large(void **state)
{
	static const char *const methods[] = {"PUT", "PATCH"};
	struct rig *rig = *state;
	struct answer a;
	char text[256];

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		int n = snprintf(text, sizeof(text),
				 "%s " SERVICE " HTTP/1.1\r\nHost: x\r\nContent-Type: "
				 "application/json\r\nContent-Length: %u\r\n\r\n",
				 methods[i], NORTH_BODY_MAX + 1);

		rig_raw(rig, text, n, &a);
		assert_problem(&a, 413, "", "at most 1048576 bytes");
		answer_free(&a);
	}
	assert_nothing_stored(rig);
}

static void test_largest_body(void **state)
{
	OWN_PTR char *body = malloc(NORTH_BODY_MAX + 1);
	struct rig *rig = *state;

	memset(body, ' ', NORTH_BODY_MAX);
	memcpy(body, "{\"name\": \"big\"}", 15);
	body[NORTH_BODY_MAX] = 0;
	assert_int_equal(rig_status(rig, "PUT " SERVICE, body), 201);
}

/* Not announced: refused as soon as it is exceeded, though the client goes on. */
static void test_chunked_too_large(void **state)
{
	static const char head[] = "PUT " SERVICE " HTTP/1.1\r\nHost: x\r\nContent-Type: "
				   "application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
	struct rig *rig = *state;
	int fd = rig_connect(rig);
	char chunk[4096 + 8];
	struct answer a;

	rig_say(rig, fd, head);
	memcpy(chunk, "1000\r\n", 6);
	memset(chunk + 6, ' ', 4096);
	memcpy(chunk + 6 + 4096, "\r\n", 2);
	for (unsigned int i = 0; i < NORTH_BODY_MAX / 4096 + 1; i++)
		rig_send(rig, fd, chunk, sizeof(chunk));
	rig_recv(rig, fd, &a);
	assert_problem(&a, 413, "", "at most 1048576 bytes");
	answer_free(&a);
	assert_true(rig_closes(rig, fd));
	close(fd);
	assert_nothing_stored(rig);
}

static void test_chunked(void **state)
{
	static const char text[] = "PUT " SERVICE " HTTP/1.1\r\nHost: x\r\nContent-Type: "
				   "application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
				   "5\r\n{\"nam\r\n8\r\ne\":\"ck\"}\r\n0\r\n\r\n";
	struct rig *rig = *state;
	struct answer a;

	rig_raw(rig, text, strlen(text), &a);
	assert_int_equal(a.status, 201);
	assert_string_equal(text_at(a.json, "name"), "ck");
	answer_free(&a);
}

static void test_huge_header(void **state)
{
	static const char head[] = "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ";
	OWN_PTR char *text = malloc(2 * NORTH_HEADER_MAX);
	struct rig *rig = *state;
	struct answer a;

	memset(text, 'a', 2 * NORTH_HEADER_MAX);
	memcpy(text, head, strlen(head));
	rig_raw(rig, text, 2 * NORTH_HEADER_MAX, &a);
	assert_int_equal(a.status, 431);
	answer_free(&a);
	memset(text, 'a', 2 * NORTH_HEADER_MAX);
	memcpy(text, "GET /", 5);
	rig_raw(rig, text, 2 * NORTH_HEADER_MAX, &a);
	assert_int_equal(a.status, 414);
	answer_free(&a);
	/* 4 KiB are fine */
	memset(text, 'a', NORTH_HEADER_MAX);
	memcpy(text, head, strlen(head));
	strcpy(text + 4096, "\r\n\r\n");
	rig_raw(rig, text, 4100, &a);
	assert_int_equal(a.status, 200);
	answer_free(&a);
}

/* ---- media types ---- */

static void test_content_type(void **state)
{
	static const struct {
		const char *request, *type;
		int status;
	} cases[] = {
		{"PUT " SERVICE, "text/plain", 415},
		{"PUT " SERVICE, "application/merge-patch+json", 415},
		{"PUT " SERVICE, "application/jsonx", 415},
		{"PUT " SERVICE, "application/x-www-form-urlencoded", 415},
		{"PUT " SERVICE, "application/json", 201},
		{"PUT " SERVICE, "Application/JSON; charset=utf-8", 200},
		{"PATCH " SERVICE, "application/merge-patch+json", 200},
		{"PATCH " SERVICE, "application/xml", 415},
		{"POST /v1/status", "application/merge-patch+json", 415},
	};
	static const char bare[] = "PUT /v1/services/1 HTTP/1.1\r\nHost: x\r\n"
				   "Content-Length: 2\r\n\r\n{}";
	struct rig *rig = *state;
	struct answer a;
	char header[96];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(header, sizeof(header), "Content-Type: %s\r\n", cases[i].type);
		rig_call_with(rig, cases[i].request, header, "{}", &a);
		if (cases[i].status == 415)
			assert_problem(&a, 415, "Content-Type", "application/json");
		assert_int_equal(a.status, cases[i].status);
		answer_free(&a);
	}
	rig_raw(rig, bare, strlen(bare), &a);
	assert_problem(&a, 415, "Content-Type", "must be application/json");
	answer_free(&a);
}

static void test_accept(void **state)
{
	static const struct rig_case cases[] = {
		{"*/*", 200},
		{"application/json", 200},
		{"text/html, application/*;q=0.5", 200},
		{"application/problem+json", 200},
		{"", 200},
		{"text/html", 406},
		{"text/html, image/*", 406},
		{"application/jsonp", 406},
	};
	struct rig *rig = *state;
	char header[96];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(header, sizeof(header), "Accept: %s\r\n", cases[i].text);
		rig_check_case(&cases[i], rig_status_with(rig, "GET /healthz", header, NULL));
	}
}

/* ---- paths and methods ---- */

static void test_paths(void **state)
{
	static const struct rig_case cases[] = {
		{"/", 404},
		{"/v1", 404},
		{"/v1/", 404},
		{"//v1/services", 404},
		{"/v1/services/", 404},
		{"/v1//services", 404},
		{"/V1/services", 404},
		{"/v1/nothing", 404},
		{"/v1/services/0x101/instances/a/status/deep/er/still/more", 404},
		{"/v1/paths/pe1/gw2", 404},
		{"/v1/%73ervices", 200},
		{"/v1/services/%", 400},
		{"/v1/services/%4", 400},
		{"/v1/services/%zz", 400},
		{"/v1/services/%00", 400},
		{"/v1/services/1%2f2", 400},
		{"/v1/services/0", 400},
		{"/v1/services/-1", 400},
		{"/v1/services/0x", 400},
		{"/v1/services/0x10000000000000000", 400},
		{"/v1/services/0xffffffffffffffff", 404},
		{"/v1/gateways/a%20b", 400},
		{"/v1/gateways/%c3%28", 400},
		{"/v1/gateways/"
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		 400},
	};
	struct rig *rig = *state;
	struct answer a;
	char request[160];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(request, sizeof(request), "GET %s", cases[i].text);
		rig_call(rig, request, NULL, &a);
		rig_check_case(&cases[i], a.status);
		if (a.status != 200)
			assert_problem(&a, cases[i].status, "", "");
		answer_free(&a);
	}
}

static void test_methods(void **state)
{
	static const struct {
		const char *request, *allow;
	} cases[] = {
		{"DELETE /healthz", "Allow: GET, HEAD\r\n"},
		{"POST /v1/services", "Allow: GET, HEAD\r\n"},
		{"POST /v1/services/0x101", "Allow: GET, HEAD, PUT, PATCH, DELETE\r\n"},
		{"PATCH /v1/agents/a", "Allow: PUT, DELETE\r\n"},
		{"PUT /v1/agents/a/keepalive", "Allow: POST\r\n"},
		{"OPTIONS /v1/status", "Allow: GET, HEAD, POST\r\n"},
		{"BREW /v1/entries", "Allow: GET, HEAD\r\n"},
		{"PATCH /v1/services/0x101/instances/a", "Allow: GET, HEAD, PUT, DELETE\r\n"},
	};
	struct rig *rig = *state;
	struct answer a;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		rig_call(rig, cases[i].request, NULL, &a);
		assert_problem(&a, 405, "", "not possible here");
		assert_non_null(strstr(a.head, cases[i].allow));
		answer_free(&a);
	}
}

/* ---- framing ---- */

static void test_framing(void **state)
{
	static const struct {
		const char *text;
		int status;
		const char *detail;
	} cases[] = {
		{"PUT " SERVICE " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		 "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
		 400, "once"},
		{"PUT " SERVICE " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		 "Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}",
		 400, "once"},
		{"PUT " SERVICE " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		 "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		 400, "Transfer-Encoding"},
		{"PUT " SERVICE " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		 "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		 501, "chunked"},
		{"PUT " SERVICE " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		 "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		 501, "chunked"},
		{"PUT " SERVICE " HTTP/1.1\nHost: x\r\nContent-Type: application/json\r\n"
		 "Content-Length: 2\r\n\r\n{}",
		 400, "LF"},
		{"PUT " SERVICE " HTTP/1.1\r\nHost: x\nContent-Type: application/json\r\n"
		 "Content-Length: 2\r\n\r\n{}",
		 400, "LF"},
		{"PUT " SERVICE " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		 "Content-Length: 2\n\r\n{}",
		 400, "LF"},
		{"PUT " SERVICE " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		 "Content-Length: 2\r\n\n{}",
		 400, "LF"},
		{"PUT " SERVICE " HTTP/1.1\nHost: x\nContent-Type: application/json\n"
		 "Content-Length: 2\n\n{}",
		 400, "LF"},
		{"GET /healthz HTTP/1.1\nHost: x\n\n", 400, "LF"},
		{"PUT " SERVICE " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		 "Content-Length : 2\r\n\r\n{}",
		 400, "name"},
		{"PUT " SERVICE " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		 "Content-Length: 2\r\nTransfer-Encoding\t: chunked\r\n\r\n{}",
		 400, "name"},
		{"PUT " SERVICE " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		 "X: y\rContent-Length: 2\r\n\r\n{}",
		 400, "control"},
		{"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400, "once"},
		{"PUT " SERVICE " HTTP/1.0\r\nContent-Type: application/json\r\n"
		 "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		 400, "HTTP/1.0"},
		{"PUT " SERVICE " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		 "Transfer-Encoding:\r\n chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		 400, ""},
	};
	struct rig *rig = *state;
	struct answer a;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int fd = rig_connect(rig);

		rig_say(rig, fd, cases[i].text);
		rig_recv(rig, fd, &a);
		if (a.status != cases[i].status)
			print_error("case %zu: %d\n", i, a.status);
		assert_int_equal(a.status, cases[i].status);
		if (!strstr(text_at(a.json, "detail"), cases[i].detail))
			print_error("case %zu: %s\n", i, text_at(a.json, "detail"));
		assert_non_null(strstr(text_at(a.json, "detail"), cases[i].detail));
		answer_free(&a);
		assert_true(rig_closes(rig, fd)); /* what follows could be anything */
		close(fd);
	}
	assert_nothing_stored(rig);
}

/* Refused by libmicrohttpd itself. */
static void test_not_http(void **state)
{
	static const char *const cases[] = {
		"PUT " SERVICE " HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
		"PUT " SERVICE " HTTP/1.1\r\nHost: x\r\nContent-Length: 2x\r\n\r\n",
		"PUT " SERVICE
		" HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"GET /healthz HTTP/1.1\r\n\r\n",
		"GET /healthz HTTP/1.1\r\nHost x\r\n\r\n",
		"\x16\x03\x01\x02\r\n\r\n",
	};
	struct rig *rig = *state;
	struct answer a;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		rig_raw(rig, cases[i], strlen(cases[i]), &a);
		if (!(a.status == 0 || a.status == 400 || a.status == 413))
			print_error("case %zu: %d\n", i, a.status);
		assert_true(a.status == 0 || a.status == 400 || a.status == 413);
		answer_free(&a);
	}
	assert_nothing_stored(rig);
}

/* Requests on one connection do not see each other. */
static void test_keep_alive(void **state)
{
	struct rig *rig = *state;
	int fd = rig_connect(rig);
	struct answer a;

	for (int i = 0; i < 3; i++) {
		rig_say(rig, fd, "GET /v1/nothing HTTP/1.1\r\nHost: x\r\n\r\n");
		rig_recv(rig, fd, &a);
		assert_int_equal(a.status, 404);
		answer_free(&a);
	}
	rig_say(rig, fd, "GET /v1/services?limit=5 HTTP/1.1\r\nHost: x\r\n\r\n");
	rig_recv(rig, fd, &a);
	assert_int_equal(a.status, 200);
	answer_free(&a);
	rig_say(rig, fd, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); /* no ?limit= left */
	rig_recv(rig, fd, &a);
	assert_int_equal(a.status, 200);
	answer_free(&a);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bad_bodies, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_value_is_named, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_deep_body, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_body_where_none_belongs, rig_setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_announced_too_large, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_largest_body, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_chunked_too_large, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_chunked, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_huge_header, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_content_type, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_accept, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_paths, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_methods, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_framing, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_not_http, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_keep_alive, rig_setup, rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
