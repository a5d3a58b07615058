/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests that are cancelled, refused at once, or end in TLS. */
#include "unit/grpc/certs.h"
#include "unit/util/fetch_rig.h"

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
	wait_for(srv.requests, &g);
	fetch_cancel(g.job);
	turn_ms(30);
	assert_int_equal(g.ends, 0);
}

static void test_cancel_while_it_resolves(void **state)
{
	struct fetch_conf conf = {.url = NO_SUCH_HOST};
	struct got g = {0};
	unsigned int ended;

	start(&conf, &whole, &g);
	uv_run(&loop, UV_RUN_NOWAIT);
	uv_run(&loop, UV_RUN_NOWAIT);
	ended = g.ends; /* perhaps it was quick */
	fetch_cancel(g.job);
	turn_ms(300);
	assert_int_equal(g.ends, ended);
}

static void cancel_itself(struct got *g)
{
	fetch_cancel(g->job);
}

static void test_cancel_from_a_piece(void **state)
{
	struct fetch_conf conf;
	struct got g = {.on_piece = cancel_itself};

	ANSWER(SAY("HTTP/1.1 200 OK\r\n\r\nabc"), GATE(1, "def"), GATE(1, "ghi"));
	conf = conf_of("/x");
	start(&conf, &stream, &g);
	wait_for(g.pieces, &g);
	srv.gate = 1;
	turn_ms(50);
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
	struct got none = {0}; /* nothing is asked any more */
	struct fetch_conf conf;
	char text[64];

	assert_int_equal(server_start(&quiet), 0);
	ANSWER(SAY("HTTP/1.1 200 OK\r\n\r\nabc"));
	for (unsigned int i = 0; i < 2; i++) {
		other = (struct got){0};
		snprintf(text, sizeof(text), "http://127.0.0.1:%u/", quiet.port);
		conf = conf_of("/x");
		conf.url = text;
		start(&conf, &whole, &other);
		wait_for(quiet.requests > i, &other);
		conf = conf_of("/x");
		start(&conf, &stream, &g);
		wait_end(&g);
		wait_for(quiet.given_up > i, &none);
		assert_int_equal(other.ends, 0);
		assert_int_equal(quiet.given_up, i + 1);
		g = (struct got){.on_done = cancel_other};
	}
}

static void close_all(struct got *g)
{
	fetch_close(fetch);
	fetch = NULL;
}

static void test_close_from_a_piece(void **state)
{
	struct got g = {.on_piece = close_all}, waits = {0};
	struct fetch_conf conf;
	char text[64];

	assert_int_equal(server_start(&quiet), 0);
	snprintf(text, sizeof(text), "http://127.0.0.1:%u/", quiet.port);
	ANSWER(SAY("HTTP/1.1 200 OK\r\n\r\nabc"), AFTER(30, "def"));
	conf = conf_of("/x");
	start(&conf, &stream, &g);
	conf.url = text;
	start(&conf, &stream, &waits);
	wait_for(g.pieces, &g);
	turn_ms(50);
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

	EXPECT(g, fetch_start(fetch, &conf, &whole, &second, &second.job, &err) == 0);
}

static void test_start_from_a_piece(void **state)
{
	struct got g = {.on_piece = ask_second};
	struct fetch_conf conf;

	second = (struct got){0};
	ANSWER(SAY("HTTP/1.1 200 OK\r\n\r\nabc"));
	conf = conf_of("/x");
	ask(&conf, &stream, &g);
	if (!second.ends)
		wait_end(&second);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
