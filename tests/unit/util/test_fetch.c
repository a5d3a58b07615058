/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <zlib.h>

#include "unit/grpc/certs.h"
#include "unit/util/fetch_server.h"

#include "util/fetch.h"

/* No name: the resolver says so without asking anybody. */
#define LABEL "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NO_SUCH_HOST "http://" LABEL LABEL ".invalid/"

static uv_loop_t loop;
static struct fetch *fetch;
static struct server srv;

struct got {
	unsigned int ends, pieces;
	int status;
	long code;
	char type[128], etag[128], want[200];
	char body[70000];
	size_t len;
	int stop_with; /* what piece() returns */
	struct fetch_job *job;
	void (*on_piece)(struct got *g);
	void (*on_done)(struct got *g);
};

static void on_done(void *arg, const struct fetch_answer *a)
{
	struct got *g = arg;

	g->ends++;
	g->status = a->status;
	g->code = a->code;
	snprintf(g->type, sizeof(g->type), "%s", a->content_type);
	snprintf(g->etag, sizeof(g->etag), "%s", a->etag);
	snprintf(g->want, sizeof(g->want), "%s", a->err.want);
	assert_int_equal(a->err.code, a->status);
	assert_int_equal(strlen(a->body) <= a->len, 1);
	if (a->len && a->len < sizeof(g->body))
		memcpy(g->body, a->body, a->len + 1);
	g->len += a->len;
	if (g->on_done)
		g->on_done(g);
}

static int on_piece(void *arg, const struct fetch_answer *head, const char *bytes, size_t len)
{
	struct got *g = arg;

	assert_int_equal(head->code, 200);
	g->pieces++;
	memcpy(g->body + g->len, bytes, len);
	g->len += len;
	g->body[g->len] = '\0';
	if (g->on_piece)
		g->on_piece(g);
	return g->stop_with;
}

static const struct fetch_ops whole = {.done = on_done};
static const struct fetch_ops stream = {on_piece, on_done};

static void answer(const struct piece *pieces, unsigned int n)
{
	srv.pieces = pieces;
	srv.n_pieces = n;
	assert_int_equal(server_start(&srv), 0);
}

#define SAY(text)                                                                                  \
	{                                                                                          \
		.bytes = (text)                                                                    \
	}
#define AFTER(ms, text)                                                                            \
	{                                                                                          \
		.bytes = (text), .wait_ms = (ms)                                                   \
	}
#define ANSWER(...)                                                                                \
	do {                                                                                       \
		static const struct piece p_[] = {__VA_ARGS__};                                    \
		answer(p_, sizeof(p_) / sizeof(*p_));                                              \
	} while (0)

static const char *url(const char *path)
{
	static char text[128];

	snprintf(text, sizeof(text), "%s://%s:%u%s", srv.cert ? "https" : "http",
		 srv.cert ? "localhost" : "127.0.0.1", srv.port, path);
	return text;
}

static struct fetch_conf conf_of(const char *path)
{
	return (struct fetch_conf){
		.url = url(path), .connect_ms = 3000, .timeout_ms = 10000, .max = 60000};
}

static void start(const struct fetch_conf *conf, const struct fetch_ops *ops, struct got *g)
{
	struct err err = {0};
	char text[512];

	if (fetch_start(fetch, conf, ops, g, &g->job, &err))
		fail_msg("%s", err_text(&err, text, sizeof(text)));
	assert_int_equal(g->ends, 0);
}

static void wait_end(struct got *g)
{
	while (!g->ends)
		assert_true(uv_run(&loop, UV_RUN_ONCE) || g->ends);
	assert_int_equal(g->ends, 1);
}

static void ask(const struct fetch_conf *conf, const struct fetch_ops *ops, struct got *g)
{
	start(conf, ops, g);
	wait_end(g);
}

static void on_pause_end(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

static void turn_ms(uint64_t ms)
{
	bool over = false;
	uv_timer_t timer;

	uv_timer_init(&loop, &timer);
	timer.data = &over;
	uv_timer_start(&timer, on_pause_end, ms, 0);
	while (!over)
		uv_run(&loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
}

static int setup(void **state)
{
	srv = (struct server){.fd = -1};
	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(fetch_open(&loop, &fetch), 0);
	return 0;
}

static int teardown(void **state)
{
	fetch_close(fetch);
	fetch = NULL;
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	if (srv.fd >= 0)
		server_stop(&srv);
	return 0;
}

/* ---- answers ---- */

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: \"t1\"\r\n"

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
	zip_pieces[0] = (struct piece){"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", 0, 0};
	zip_pieces[1] = (struct piece){zipped, z.total_out, 0};
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

	ANSWER(SAY("HTTP/1.1 200 OK\r\n\r\nabc"), AFTER(30, "def"), AFTER(30, "ghi"));
	conf = conf_of("/x");
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
	p[0] = (struct piece){"HTTP/1.1 200 OK\r\n", 0, 0};
	p[1] = (struct piece){many, at, 0};
	p[2] = (struct piece){"\r\n{}", 0, 0};
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
	       AFTER(60, "3\r\ntwo\r\n"), AFTER(60, "0\r\n\r\n"));
	conf = conf_of("/x");
	conf.max = 0;
	start(&conf, &stream, &g);
	while (!g.pieces)
		uv_run(&loop, UV_RUN_ONCE);
	assert_string_equal(g.body, "one");
	assert_int_equal(g.ends, 0);
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

	ANSWER(SAY("HTTP/1.1 200 OK\r\n\r\nabc"), AFTER(50, "def"));
	conf = conf_of("/x");
	ask(&conf, &stream, &g);
	assert_int_equal(g.status, -EBADMSG);
	assert_string_equal(g.body, "abc");
}

/* ---- patience ---- */

static void test_silence(void **state)
{
	struct fetch_conf conf;
	struct got g = {0};

	ANSWER(SAY("HTTP/1.1 200 OK\r\n\r\na"), AFTER(100, "b"), AFTER(100, "c"), AFTER(100, "d"),
	       AFTER(3000, "e"));
	conf = conf_of("/x");
	conf.timeout_ms = 0;
	conf.silence_ms = 250;
	ask(&conf, &stream, &g);
	assert_int_equal(g.status, -ETIMEDOUT);
	assert_string_equal(g.body, "abcd");
	assert_non_null(strstr(g.want, "says nothing for 250 ms"));
}

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

/* ---- cancel ---- */

static void test_cancel_before_it_begins(void **state)
{
	struct fetch_conf conf;
	struct got g = {0};

	ANSWER(SAY(HEAD "Content-Length: 2\r\n\r\n{}"));
	conf = conf_of("/x");
	start(&conf, &whole, &g);
	fetch_cancel(g.job);
	turn_ms(50);
	assert_int_equal(g.ends, 0);
	assert_int_equal(srv.requests, 0);
}

static void test_cancel_while_it_waits(void **state)
{
	struct fetch_conf conf;
	struct got g = {0};

	answer(NULL, 0);
	conf = conf_of("/x");
	start(&conf, &whole, &g);
	while (!srv.requests)
		turn_ms(5);
	fetch_cancel(g.job);
	turn_ms(30);
	assert_int_equal(g.ends, 0);
}

static void test_cancel_while_it_resolves(void **state)
{
	struct fetch_conf conf = {.url = NO_SUCH_HOST};
	struct got g = {0};

	start(&conf, &whole, &g);
	uv_run(&loop, UV_RUN_NOWAIT);
	uv_run(&loop, UV_RUN_NOWAIT);
	fetch_cancel(g.job);
	turn_ms(300);
	assert_int_equal(g.ends, 0);
}

static void cancel_itself(struct got *g)
{
	fetch_cancel(g->job);
}

static void test_cancel_from_a_piece(void **state)
{
	struct fetch_conf conf;
	struct got g = {.on_piece = cancel_itself};

	ANSWER(SAY("HTTP/1.1 200 OK\r\n\r\nabc"), AFTER(30, "def"), AFTER(30, "ghi"));
	conf = conf_of("/x");
	start(&conf, &stream, &g);
	turn_ms(200);
	assert_int_equal(g.pieces, 1);
	assert_int_equal(g.ends, 0);
}

static struct got other;

static void cancel_other(struct got *g)
{
	fetch_cancel(other.job);
}

static void test_cancel_another_from_a_piece_and_at_the_end(void **state)
{
	struct got g = {.on_piece = cancel_other};
	struct server quiet = {0};
	struct fetch_conf conf;
	char text[64];

	assert_int_equal(server_start(&quiet), 0);
	ANSWER(SAY("HTTP/1.1 200 OK\r\n\r\nabc"));
	for (int i = 0; i < 2; i++) {
		other = (struct got){0};
		snprintf(text, sizeof(text), "http://127.0.0.1:%u/", quiet.port);
		conf = conf_of("/x");
		conf.url = text;
		start(&conf, &whole, &other);
		conf = conf_of("/x");
		start(&conf, &stream, &g);
		wait_end(&g);
		turn_ms(30);
		assert_int_equal(other.ends, 0);
		g = (struct got){.on_done = cancel_other};
	}
	server_stop(&quiet);
}

static void close_all(struct got *g)
{
	fetch_close(fetch);
	fetch = NULL;
}

static void test_close_from_a_piece(void **state)
{
	struct got g = {.on_piece = close_all}, waits = {0};
	struct server quiet = {0};
	struct fetch_conf conf;
	char text[64];

	assert_int_equal(server_start(&quiet), 0);
	snprintf(text, sizeof(text), "http://127.0.0.1:%u/", quiet.port);
	ANSWER(SAY("HTTP/1.1 200 OK\r\n\r\nabc"), AFTER(30, "def"));
	conf = conf_of("/x");
	start(&conf, &stream, &g);
	conf.url = text;
	start(&conf, &stream, &waits);
	turn_ms(100);
	server_stop(&quiet);
	assert_int_equal(g.pieces, 1);
	assert_int_equal(g.ends + waits.ends, 0);
}

static void test_close_at_the_end(void **state)
{
	struct got g = {.on_done = close_all};
	struct fetch_conf conf;

	ANSWER(SAY(HEAD "Content-Length: 2\r\n\r\n{}"));
	conf = conf_of("/x");
	ask(&conf, &whole, &g);
	turn_ms(20);
}

static struct got second;

static void ask_second(struct got *g)
{
	struct fetch_conf conf = conf_of("/second");
	struct err err;

	assert_int_equal(fetch_start(fetch, &conf, &whole, &second, &second.job, &err), 0);
}

static void test_start_from_a_piece(void **state)
{
	struct got g = {.on_piece = ask_second};
	struct fetch_conf conf;

	second = (struct got){0};
	ANSWER(SAY("HTTP/1.1 200 OK\r\n\r\nabc"));
	conf = conf_of("/x");
	ask(&conf, &stream, &g);
	while (!second.ends)
		uv_run(&loop, UV_RUN_ONCE);
	assert_string_equal(second.body, "abc");
}

/* ---- what is refused at once ---- */

static void refuse(struct fetch_conf conf, const char *field, const char *want)
{
	struct got g = {0};
	struct err err = {0};

	assert_int_equal(fetch_start(fetch, &conf, &whole, &g, &g.job, &err), -EINVAL);
	assert_string_equal(err.field, field);
	if (!strstr(err.want, want))
		fail_msg("\"%s\" has no \"%s\"", err.want, want);
	assert_null(g.job);
}

static void test_bad_requests(void **state)
{
	refuse((struct fetch_conf){.url = "ftp://h/"}, "/url", "http://");
	refuse((struct fetch_conf){.url = "file:///etc/passwd"}, "/url", "http://");
	refuse((struct fetch_conf){.url = "h/"}, "/url", "http://");
	refuse((struct fetch_conf){.url = NULL}, "/url", "http://");
	refuse((struct fetch_conf){.url = "http://a b/"}, "/url", "http://");
	refuse((struct fetch_conf){.url = "http://u:p@h/"}, "/url", "user or password");
	refuse((struct fetch_conf){.url = "http://192.0.2.1/", .token = "t"}, "/url", "https://");
	refuse((struct fetch_conf){.url = "http://127.evil.example/", .token = "t"}, "/url",
	       "https://");
	refuse((struct fetch_conf){.url = "https://h/", .ca = "/no/such"}, "/ca", "can be read");
	refuse((struct fetch_conf){.url = "https://h/", .cert = "/etc/passwd"}, "/key",
	       "with the other");
	refuse((struct fetch_conf){.url = "http://[::1]/", .token = "a\r\nX: y"}, "Authorization",
	       "control characters");
	refuse((struct fetch_conf){.url = "http://h/", .accept = "a\nb"}, "Accept",
	       "control characters");
}

/* ---- TLS ---- */

static struct certs certs;

static int certs_setup(void **state)
{
	return certs_open(&certs) ||
	       certs_make(&certs, "elsewhere", "ca",
			  "cn=x\\ndns_name=elsewhere.example\\ntls_www_server\\n"
			  "expiration_days=10\\n");
}

static int certs_teardown(void **state)
{
	certs_close(&certs);
	return 0;
}

static void ask_tls(const char *cert, const char *ca, struct got *g)
{
	struct fetch_conf conf;
	char crt[300], key[300], file[300];

	snprintf(crt, sizeof(crt), "%s/%s.crt", certs.dir, cert);
	snprintf(key, sizeof(key), "%s/%s.key", certs.dir, cert);
	snprintf(file, sizeof(file), "%s/%s.crt", certs.dir, ca ? ca : "");
	srv.cert = crt;
	srv.key = key;
	ANSWER(SAY(HEAD "Content-Length: 2\r\n\r\n{}"));
	conf = conf_of("/x");
	conf.ca = ca ? file : NULL;
	ask(&conf, &whole, g);
}

static void test_tls(void **state)
{
	struct got g = {0};

	ask_tls("server", "ca", &g);
	assert_int_equal(g.status, 0);
	assert_string_equal(g.body, "{}");
}

static void refuse_tls(const char *cert, const char *ca)
{
	struct got g = {0};

	ask_tls(cert, ca, &g);
	assert_int_equal(g.status, -EACCES);
	assert_int_equal(srv.requests, 0);
}

static void test_tls_wrong_ca(void **state)
{
	refuse_tls("server", "other");
}

static void test_tls_system_ca(void **state)
{
	refuse_tls("server", NULL);
}

static void test_tls_wrong_name(void **state)
{
	refuse_tls("elsewhere", "ca");
}

static void test_tls_expired(void **state)
{
	refuse_tls("expired", "ca");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_whole_answer),
		T(test_post_sends_body_and_type),
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
		T(test_silence),
		T(test_time_is_over),
		T(test_refused_connection),
		T(test_unknown_name),
		T(test_not_http),
		T(test_cancel_before_it_begins),
		T(test_cancel_while_it_waits),
		T(test_cancel_while_it_resolves),
		T(test_cancel_from_a_piece),
		T(test_cancel_another_from_a_piece_and_at_the_end),
		T(test_close_from_a_piece),
		T(test_close_at_the_end),
		T(test_start_from_a_piece),
		T(test_bad_requests),
		T(test_tls),
		T(test_tls_wrong_ca),
		T(test_tls_system_ca),
		T(test_tls_wrong_name),
		T(test_tls_expired),
	};

	return cmocka_run_group_tests(tests, certs_setup, certs_teardown);
}
