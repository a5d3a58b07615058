/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A loop, a fetch, a server, and what came of a request. */
#ifndef TESTS_FETCH_RIG_H
#define TESTS_FETCH_RIG_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/util/fetch_server.h"

#include "util/fetch.h"

#define UNUSED __attribute__((unused))

/* No name: the resolver says so without asking anybody. */
#define LABEL "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NO_SUCH_HOST "http://" LABEL LABEL ".invalid/"

static uv_loop_t loop;
static struct fetch *fetch;
static struct server srv;

struct got {
	unsigned int ends, pieces;
	int status;
	long code, retry_after_s;
	char type[128], etag[128], want[200];
	char body[70000];
	size_t len;
	int stop_with; /* what piece() returns */
	struct fetch_job *job;
	void (*on_piece)(struct got *g);
	void (*on_done)(struct got *g);
};

static UNUSED void on_done(void *arg, const struct fetch_answer *a)
{
	struct got *g = arg;

	g->ends++;
	g->job = NULL;
	g->status = a->status;
	g->code = a->code;
	g->retry_after_s = a->retry_after_s;
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

static UNUSED int on_piece(void *arg, const struct fetch_answer *head, const char *bytes,
			   size_t len)
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

/* For on_piece: what comes next is sent when this has come. */
static UNUSED void open_gate(struct got *g)
{
	srv.gate = g->pieces;
}

static UNUSED const struct fetch_ops whole = {.done = on_done};
static UNUSED const struct fetch_ops stream = {on_piece, on_done};

static UNUSED void answer(const struct piece *pieces, unsigned int n)
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
/* When the test has opened the server's gate so far: never together with what is before it. */
#define GATE(n, text)                                                                              \
	{                                                                                          \
		.bytes = (text), .gate = (n)                                                       \
	}
#define ANSWER(...)                                                                                \
	do {                                                                                       \
		static const struct piece p_[] = {__VA_ARGS__};                                    \
		answer(p_, sizeof(p_) / sizeof(*p_));                                              \
	} while (0)

static UNUSED const char *url(const char *path)
{
	static char text[128];

	snprintf(text, sizeof(text), "%s://%s:%u%s", srv.cert ? "https" : "http",
		 srv.cert ? "localhost" : "127.0.0.1", srv.port, path);
	return text;
}

static UNUSED struct fetch_conf conf_of(const char *path)
{
	return (struct fetch_conf){
		.url = url(path), .connect_ms = 40000, .timeout_ms = 40000, .max = 60000};
}

static UNUSED void start(const struct fetch_conf *conf, const struct fetch_ops *ops, struct got *g)
{
	struct err err = {0};
	char text[512];

	if (fetch_start(fetch, conf, ops, g, &g->job, &err))
		fail_msg("%s", err_text(&err, text, sizeof(text)));
	assert_int_equal(g->ends, 0);
}

static UNUSED void wait_end(struct got *g)
{
	while (!g->ends)
		assert_true(uv_run(&loop, UV_RUN_ONCE) || g->ends);
	assert_int_equal(g->ends, 1);
}

static UNUSED void ask(const struct fetch_conf *conf, const struct fetch_ops *ops, struct got *g)
{
	start(conf, ops, g);
	wait_end(g);
}

static UNUSED void on_pause_end(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

static UNUSED void turn_ms(uint64_t ms)
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

static UNUSED int setup(void **state)
{
	srv = (struct server){.fd = -1};
	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(fetch_open(&loop, &fetch), 0);
	return 0;
}

static UNUSED int teardown(void **state)
{
	fetch_close(fetch);
	fetch = NULL;
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	if (srv.fd >= 0)
		server_stop(&srv);
	return 0;
}

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: \"t1\"\r\n"
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
