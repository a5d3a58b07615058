/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <zlib.h>

#include "unit/util/fetch_rig.h"

/* ---- answers ---- */

static void test_whole_answer(void **state)
{
	struct got g = {0};
	struct fetch_conf conf;

	ANSWER(SAY(HEAD "Content-Length: 11\r\n\r\n"), AFTER(20, "{\"a\": "), SAY("true}"));
	conf = conf_of("/x?y=z");
	conf.accept = "application/json";
	conf.token = "secret";
	ask(&conf, &whole, &g);
	assert_int_equal(g.status, 0);
	assert_int_equal(g.code, 200);
	assert_string_equal(g.type, "application/json");
	assert_string_equal(g.etag, "\"t1\"");
	assert_string_equal(g.body, "{\"a\": true}");
	assert_memory_equal(srv.seen, "GET /x?y=z HTTP/1.1\r\n", 21);
	assert_non_null(strstr(srv.seen, "\r\nAccept: application/json\r\n"));
	assert_non_null(strstr(srv.seen, "\r\nAuthorization: Bearer secret\r\n"));
	assert_null(strstr(srv.seen, "Accept-Encoding"));
}

static void test_post_sends_body_and_type(void **state)
{
	struct fetch_conf conf;
	struct got g = {0};
	char body[] = "{\"pids\": []}";

	ANSWER(SAY(HEAD "Content-Length: 2\r\n\r\n{}"));
	conf = conf_of("/x");
	conf.method = "POST";
	conf.content_type = "application/alto-networkmapfilter+json";
	conf.body = body;
	conf.body_len = strlen(body);
	start(&conf, &whole, &g);
	memset(body, '#', sizeof(body) - 1);
	wait_end(&g);
	assert_string_equal(g.body, "{}");
	assert_memory_equal(srv.seen, "POST /x HTTP/1.1\r\n", 18);
	assert_non_null(
		strstr(srv.seen, "\r\nContent-Type: application/alto-networkmapfilter+json\r\n"));
	assert_non_null(strstr(srv.seen, "\r\n\r\n{\"pids\": []}"));
	assert_null(strstr(srv.seen, "Expect"));
}

/* RFC 9110, 8.8.3: what could not be sent back is none. */
static void test_etag_with_a_control_character(void **state)
{
	struct fetch_conf conf;
	struct got g = {0};

	ANSWER(SAY("HTTP/1.1 200 OK\r\nETag: \"a\tb\"\r\nContent-Length: 2\r\n\r\n{}"));
	conf = conf_of("/x");
	ask(&conf, &whole, &g);
	assert_int_equal(g.status, 0);
	assert_string_equal(g.etag, "");
}

static void test_retry_after(void **state)
{
	struct fetch_conf conf;
	struct got g = {0};

	ANSWER(SAY("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}"));
	conf = conf_of("/x");
	ask(&conf, &whole, &g);
	assert_int_equal(g.code, 503);
	assert_int_equal(g.retry_after_s, 7);
}

static void test_retry_after_as_date(void **state)
{
	struct fetch_conf conf;
	struct got g = {0};

	ANSWER(SAY("HTTP/1.1 503 Busy\r\nRetry-After: 7 May\r\nContent-Length: 2\r\n\r\n{}"));
	conf = conf_of("/x");
	ask(&conf, &whole, &g);
	assert_int_equal(g.code, 503);
	assert_int_equal(g.retry_after_s, 0);
}

static void test_not_modified(void **state)
{
	struct fetch_conf conf;
	struct got g = {0};

	ANSWER(SAY("HTTP/1.1 304 Not Modified\r\nETag: \"t1\"\r\n\r\n"));
	conf = conf_of("/x");
	conf.if_none_match = "\"t1\"";
	ask(&conf, &whole, &g);
	assert_int_equal(g.status, 0);
	assert_int_equal(g.code, 304);
	assert_int_equal(g.len, 0);
	assert_non_null(strstr(srv.seen, "\r\nIf-None-Match: \"t1\"\r\n"));
}

static void test_redirect_is_an_answer(void **state)
{
	struct fetch_conf conf;
	struct got g = {0};

	ANSWER(SAY("HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n"));
	conf = conf_of("/x");
	ask(&conf, &whole, &g);
	assert_int_equal(g.status, 0);
	assert_int_equal(g.code, 302);
	assert_int_equal(srv.requests, 1);
}

static void test_connection_is_used_again(void **state)
{
	struct got a = {0}, b = {0};
	struct fetch_conf conf;

	srv.keep = true;
	ANSWER(SAY(HEAD "Content-Length: 2\r\n\r\n{}"));
	conf = conf_of("/x");
	ask(&conf, &whole, &a);
	ask(&conf, &whole, &b);
	assert_int_equal(srv.requests, 2);
	assert_int_equal(srv.connections, 1);
}

/* ---- gzip ---- */

static char zipped[4096];
static struct piece zip_pieces[2];

static void answer_zipped(const char *text, size_t len)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)text,
		      .avail_in = (uInt)len,
		      .next_out = (Bytef *)zipped,
		      .avail_out = sizeof(zipped)};

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	zip_pieces[0] =
		(struct piece){.bytes = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"};
	zip_pieces[1] = (struct piece){.bytes = zipped, .len = z.total_out};
	deflateEnd(&z);
	answer(zip_pieces, 2);
}

static void test_gzip(void **state)
{
	struct fetch_conf conf;
	struct got g = {0};

	answer_zipped("{\"costs\": {}}", 13);
	conf = conf_of("/x");
	conf.compressed = true;
	ask(&conf, &whole, &g);
	assert_int_equal(g.status, 0);
	assert_string_equal(g.body, "{\"costs\": {}}");
	assert_non_null(strstr(srv.seen, "\r\nAccept-Encoding: gzip\r\n"));
}

static void test_max_counts_what_gzip_becomes(void **state)
{
	struct fetch_conf conf;
	struct got g = {0};
	char *big = calloc(1, 1 << 20);

	answer_zipped(big, 1 << 20);
	free(big);
	conf = conf_of("/x");
	conf.compressed = true;
	ask(&conf, &whole, &g);
	assert_int_equal(g.status, -EFBIG);
	assert_non_null(strstr(g.want, "at most 60000 bytes"));
}

static void test_broken_gzip(void **state)
{
	struct fetch_conf conf;
	struct got g = {0};

	ANSWER(SAY(HEAD "Content-Encoding: gzip\r\nContent-Length: 8\r\n\r\nnot zip!"));
	conf = conf_of("/x");
	conf.compressed = true;
	ask(&conf, &whole, &g);
	assert_int_equal(g.status, -EPROTO);
}

/* ---- limits ---- */

static void test_too_large(void **state)
{
	struct fetch_conf conf;
	struct got g = {0};

	srv.keep = true;
	ANSWER(SAY(HEAD "Content-Length: 6\r\n\r\n"), SAY("abcdef"));
	conf = conf_of("/x");
	conf.max = 6;
	ask(&conf, &whole, &g);
	assert_int_equal(g.status, 0);
	g = (struct got){0};
	conf.max = 5;
	ask(&conf, &whole, &g);
	assert_int_equal(g.status, -EFBIG);
	assert_non_null(strstr(g.want, "at most 5 bytes"));
}

static void test_too_large_in_pieces(void **state)
{
	struct fetch_conf conf;
	struct got g = {0};

	ANSWER(SAY("HTTP/1.1 200 OK\r\n\r\nabc"), GATE(1, "def"), GATE(2, "ghi"));
	conf = conf_of("/x");
	g.on_piece = open_gate;
	conf.max = 6;
	ask(&conf, &stream, &g);
	assert_int_equal(g.status, -EFBIG);
	assert_string_equal(g.body, "abcdef");
}

static void test_headers_too_large(void **state)
{
	static char many[FETCH_HEADER_MAX + 4096];
	static struct piece p[3];
	struct fetch_conf conf;
	struct got g = {0};
	size_t at = 0;

	while (at < FETCH_HEADER_MAX + 100)
		at += (size_t)snprintf(many + at, sizeof(many) - at, "X-Filler: %0900d\r\n", 1);
	p[0] = (struct piece){.bytes = "HTTP/1.1 200 OK\r\n"};
	p[1] = (struct piece){.bytes = many, .len = at};
	p[2] = (struct piece){.bytes = "\r\n{}"};
	answer(p, 3);
	conf = conf_of("/x");
	ask(&conf, &whole, &g);
	assert_int_equal(g.status, -EFBIG);
	assert_non_null(strstr(g.want, "headers must be"));
}

/* ---- streams ---- */

static void test_pieces_as_they_come(void **state)
{
	struct fetch_conf conf;
	struct got g = {0};

	ANSWER(SAY("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), SAY("3\r\none\r\n"),
	       GATE(1, "3\r\ntwo\r\n"), GATE(1, "0\r\n\r\n"));
	conf = conf_of("/x");
	conf.max = 0;
	start(&conf, &stream, &g);
	wait_for(g.pieces, &g);
	assert_string_equal(g.body, "one");
	assert_int_equal(g.ends, 0);
	srv.gate = 1;
	wait_end(&g);
	assert_string_equal(g.body, "onetwo");
	assert_int_equal(g.status, 0);
	assert_true(g.pieces >= 2);
}

static void test_refused_stream_has_its_body(void **state)
{
	struct fetch_conf conf;
	struct got g = {0};

	ANSWER(SAY("HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\nwhy!"));
	conf = conf_of("/x");
	conf.max = 0;
	ask(&conf, &stream, &g);
	assert_int_equal(g.code, 400);
	assert_int_equal(g.pieces, 0);
	assert_string_equal(g.body, "why!");
}

static void test_stream_that_breaks_off(void **state)
{
	struct fetch_conf conf;
	struct got g = {0};

	ANSWER(SAY("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n"));
	conf = conf_of("/x");
	ask(&conf, &stream, &g);
	assert_int_equal(g.status, -ECONNRESET);
	assert_string_equal(g.body, "one");
}

static void test_piece_may_stop_it(void **state)
{
	struct fetch_conf conf;
	struct got g = {.stop_with = -EBADMSG};

	ANSWER(SAY("HTTP/1.1 200 OK\r\n\r\nabc"), GATE(1, "def"));
	conf = conf_of("/x");
	ask(&conf, &stream, &g);
	assert_int_equal(g.status, -EBADMSG);
	assert_string_equal(g.body, "abc");
}

/* ---- patience ---- */

static void test_time_is_over(void **state)
{
	struct fetch_conf conf;
	struct got g = {0};

	answer(NULL, 0);
	conf = conf_of("/x");
	conf.timeout_ms = 150;
	ask(&conf, &whole, &g);
	assert_int_equal(g.status, -ETIMEDOUT);
}

static void test_refused_connection(void **state)
{
	struct fetch_conf conf;
	struct got g = {0};
	struct err err = {0};

	ANSWER(SAY("x"));
	conf = conf_of("/x");
	server_stop(&srv);
	srv.fd = -1;
	assert_int_equal(fetch_start(fetch, &conf, &whole, &g, &g.job, &err), 0);
	wait_end(&g);
	assert_int_equal(g.status, -ECONNREFUSED);
	assert_non_null(strstr(g.want, "cannot be reached"));
}

static void test_unknown_name(void **state)
{
	struct fetch_conf conf = {.url = NO_SUCH_HOST, .connect_ms = 5000, .timeout_ms = 5000};
	struct got g = {0};

	ask(&conf, &whole, &g);
	assert_true(g.status == -EHOSTUNREACH || g.status == -ETIMEDOUT);
}

static void test_not_http(void **state)
{
	struct fetch_conf conf;
	struct got g = {0};

	ANSWER(SAY("220 smtp ready\r\n"));
	conf = conf_of("/x");
	ask(&conf, &whole, &g);
	assert_int_equal(g.status, -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_whole_answer),
		T(test_post_sends_body_and_type),
		T(test_etag_with_a_control_character),
		T(test_retry_after),
		T(test_retry_after_as_date),
		T(test_not_modified),
		T(test_redirect_is_an_answer),
		T(test_connection_is_used_again),
		T(test_gzip),
		T(test_max_counts_what_gzip_becomes),
		T(test_broken_gzip),
		T(test_too_large),
		T(test_too_large_in_pieces),
		T(test_headers_too_large),
		T(test_pieces_as_they_come),
		T(test_refused_stream_has_its_body),
		T(test_stream_that_breaks_off),
		T(test_piece_may_stop_it),
		T(test_time_is_over),
		T(test_refused_connection),
		T(test_unknown_name),
		T(test_not_http),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
