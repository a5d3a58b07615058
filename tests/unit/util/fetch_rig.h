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
#include <sys/syscall.h>
#include <time.h>

#include "unit/util/fetch_server.h"

#include "util/fetch.h"

#define UNUSED __attribute__((unused))

/* No name: the resolver says so without asking anybody. */
#define LABEL "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NO_SUCH_HOST "http://" LABEL LABEL ".invalid/"

static uv_loop_t loop;
static struct fetch *fetch;
static struct server srv, quiet; /* quiet never answers; for tests that need a second one */

#define PATIENCE_S 60
#define HANGS_S 300 /* whatever a test waits for: then it is over */

struct got {
	unsigned int ends, pieces;
	int status;
	long code, retry_after_s;
	char type[128], etag[128], want[200];
	char body[70000];
	size_t len;
	const char *wrong; /* what should have been so within a callback; NULL = all well */
	int stop_with;	   /* what piece() returns */
	struct fetch_job *job;
	void (*on_piece)(struct got *g);
	void (*on_done)(struct got *g);
};

/* For callbacks, which run within the client: an assertion that fails there would not return to
 * it. Told by wait_for() and wait_end(). */
#define EXPECT(g, condition)                                                                       \
	do {                                                                                       \
		if (!(condition) && !(g)->wrong)                                                   \
			(g)->wrong = #condition;                                                   \
	} while (0)

static UNUSED void all_well(const struct got *g)
{
	if (g->wrong)
		fail_msg("within a callback: not %s", g->wrong);
}

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
	EXPECT(g, a->err.code == a->status);
	EXPECT(g, strlen(a->body) <= a->len);
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

	EXPECT(g, head->code == 200);
	EXPECT(g, len < sizeof(g->body) - g->len);
	if (g->wrong)
		return -EBADMSG;
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

/* The machine's clock, also where a test has its own. */
static UNUSED time_t machine_s(void)
{
	struct timespec ts = {0};

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static UNUSED void wait_turn(const struct got *g, time_t until, const char *what)
{
	all_well(g);
	if (g->ends)
		fail_msg("not %s: the request has ended with %d, \"%s\"", what, g->status, g->want);
	if (machine_s() > until)
		fail_msg("not %s within %d s", what, PATIENCE_S);
	uv_run(&loop, UV_RUN_NOWAIT);
	usleep(1000); /* the server may have to do it */
}

/* While the request lasts: where it ends before, the test does, too. */
#define wait_for(condition, got)                                                                   \
	do {                                                                                       \
		time_t until_ = machine_s() + PATIENCE_S;                                          \
                                                                                                   \
		while (!(condition))                                                               \
			wait_turn(got, until_, #condition);                                        \
		all_well(got);                                                                     \
	} while (0)

/* It has an end: each request is given a time. */
static UNUSED void wait_end(struct got *g)
{
	while (!g->ends && !g->wrong)
		assert_true(uv_run(&loop, UV_RUN_ONCE) || g->ends);
	all_well(g);
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
	srv = quiet = (struct server){.fd = -1};
	alarm(HANGS_S);
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
	if (quiet.fd >= 0)
		server_stop(&quiet);
	alarm(0);
	return 0;
}

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: \"t1\"\r\n"
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
