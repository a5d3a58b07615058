/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server and a channel on one loop. The server's methods: /t/Echo sends every message back and
 * ends OK when the client has; /t/Flood sends until -EAGAIN, then again when writable, FLOOD_BYTES
 * in all; /t/Hang says nothing; /t/Fail ends NOT_FOUND; /t/Sink counts; /t/Big cannot send a large
 * message behind a small one and closes the server when it could.
 */
#ifndef TESTS_GRPC_PAIR_H
#define TESTS_GRPC_PAIR_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grpc/grpc.h"

#define FLOOD_CHUNK (1u << 20)
#define FLOOD_BYTES (32u << 20)
#define PATIENCE_MS 15000

struct pair {
	uv_loop_t loop;
	uv_timer_t guard;
	bool timed_out;
	struct grpc_server *server;
	struct grpc_channel *ch;
	struct grpc_tls *server_tls, *client_tls;
	unsigned int ups, downs, opened, closed, halves, eagains, writables;
	size_t sunk;
	char why[GRPC_TEXT_MAX], peer[64], header[64];
	bool close_server_in_message, close_server_in_half, close_server_in_closed;
	struct grpc_server_conf conf;	  /* limits, before pair_serve() */
	struct grpc_channel_conf channel; /* before pair_connect() */
};

struct served {
	struct pair *pair;
	struct grpc_stream *stream;
	char method;
	size_t flooded;
};

struct result {
	struct pair *pair;
	struct grpc_call *call;
	unsigned int messages, ends;
	size_t bytes, last_len;
	uint8_t *last;
	enum grpc_status status;
	bool sent, close_in_message, close_in_end, cancel_in_message;
	char text[GRPC_TEXT_MAX];
};

static inline void flood(struct served *s)
{
	static const uint8_t zeros[FLOOD_CHUNK];

	while (s->flooded < FLOOD_BYTES) {
		int ret = grpc_stream_send(s->stream, zeros, sizeof(zeros));

		if (ret == -EAGAIN) {
			s->pair->eagains++;
			return;
		}
		if (ret)
			return;
		s->flooded += sizeof(zeros);
	}
	grpc_stream_end(s->stream, GRPC_OK, "");
}

static inline void served_message(void *user, const void *data, size_t len)
{
	struct served *s = user;
	struct pair *p = s->pair;

	p->sunk += len;
	assert_null(grpc_stream_header(s->stream, "x-test")); /* not kept */
	if (s->method == 'E')
		assert_int_equal(grpc_stream_send(s->stream, data, len), 0);
	if (p->close_server_in_message && p->server) {
		grpc_server_close(p->server);
		p->server = NULL;
	}
}

static inline void big(struct served *s)
{
	static const uint8_t zeros[GRPC_SEND_QUEUE_MAX];

	assert_int_equal(grpc_stream_send(s->stream, zeros, 1), 0);
	assert_int_equal(grpc_stream_send(s->stream, zeros, sizeof(zeros)), -EAGAIN);
}

static inline void served_half(void *user)
{
	struct served *s = user;
	struct pair *p = s->pair;

	p->halves++;
	if (s->method == 'E' || s->method == 'S')
		grpc_stream_end(s->stream, GRPC_OK, "");
	if (s->method == 'B')
		big(s);
	if (p->close_server_in_half && p->server) {
		grpc_server_close(p->server);
		p->server = NULL;
	}
}

static inline void served_closed(void *user)
{
	struct served *s = user;
	struct pair *p = s->pair;

	p->closed++;
	free(s);
	if (p->close_server_in_closed && p->server) {
		grpc_server_close(p->server);
		p->server = NULL;
	}
}

static inline void served_writable(void *user)
{
	struct served *s = user;

	struct pair *p = s->pair;

	p->writables++;
	if (s->method == 'F')
		flood(s);
	if (s->method != 'B')
		return;
	grpc_stream_end(s->stream, GRPC_OK, "");
	grpc_server_close(p->server);
	p->server = NULL;
}

static inline enum grpc_status pair_on_call(void *arg, struct grpc_stream *stream, const char *path,
					    const char **text)
{
	static const struct grpc_stream_ops ops = {served_message, served_half, served_closed,
						   served_writable};
	struct pair *p = arg;
	struct served *s;

	if (strcmp(path, "/t/Fail") == 0) {
		*text = "no such thing: 100% \n gone";
		return GRPC_NOT_FOUND;
	}
	if (strncmp(path, "/t/", 3) != 0)
		return GRPC_UNIMPLEMENTED;
	s = calloc(1, sizeof(*s));
	assert_non_null(s);
	*s = (struct served){.pair = p, .stream = stream, .method = path[3]};
	p->opened++;
	snprintf(p->peer, sizeof(p->peer), "%s", grpc_stream_peer(stream));
	snprintf(p->header, sizeof(p->header), "%s",
		 grpc_stream_header(stream, "x-test") ?: "absent");
	grpc_stream_set(stream, &ops, s);
	if (s->method == 'F')
		flood(s);
	return GRPC_OK;
}

static inline void pair_up(void *arg)
{
	((struct pair *)arg)->ups++;
}

static inline void pair_down(void *arg, const char *why)
{
	struct pair *p = arg;

	p->downs++;
	snprintf(p->why, sizeof(p->why), "%s", why);
}

static inline void pair_guard(uv_timer_t *timer)
{
	((struct pair *)timer->data)->timed_out = true;
}

static inline void pair_init(struct pair *p)
{
	memset(p, 0, sizeof(*p));
	assert_int_equal(uv_loop_init(&p->loop), 0);
	uv_timer_init(&p->loop, &p->guard);
	p->guard.data = p;
	uv_timer_start(&p->guard, pair_guard, PATIENCE_MS, 0);
	p->channel.host = "127.0.0.1";
}

static inline void pair_serve(struct pair *p)
{
	struct err err = {0};

	p->conf.loop = &p->loop;
	if (!p->conf.address)
		p->conf.address = "127.0.0.1";
	p->conf.tls = p->server_tls;
	p->conf.on_call = pair_on_call;
	p->conf.arg = p;
	assert_int_equal(grpc_server_open(&p->conf, &p->server, &err), 0);
}

static inline void pair_connect(struct pair *p)
{
	p->channel.loop = &p->loop;
	if (!p->channel.port)
		p->channel.port = grpc_server_port(p->server);
	p->channel.tls = p->client_tls;
	p->channel.on_up = pair_up;
	p->channel.on_down = pair_down;
	p->channel.arg = p;
	assert_int_equal(grpc_channel_open(&p->channel, &p->ch), 0);
	assert_false(grpc_channel_up(p->ch));
}

/* Turns the loop until the condition holds; fails after PATIENCE_MS. */
#define pair_until(p, condition)                                                                   \
	do {                                                                                       \
		while (!(condition) && !(p)->timed_out)                                            \
			uv_run(&(p)->loop, UV_RUN_ONCE);                                           \
		assert_true(condition);                                                            \
	} while (0)

/* The loop must end by itself when all is closed: no handle is forgotten. */
static inline void pair_fini(struct pair *p)
{
	grpc_channel_close(p->ch);
	grpc_server_close(p->server);
	uv_close((uv_handle_t *)&p->guard, NULL);
	uv_run(&p->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&p->loop), 0);
	grpc_tls_free(p->server_tls);
	grpc_tls_free(p->client_tls);
}

static inline void pair_open(struct pair *p)
{
	pair_serve(p);
	pair_connect(p);
	pair_until(p, p->ups);
}

static inline void result_message(void *arg, const void *data, size_t len)
{
	struct result *r = arg;

	r->messages++;
	r->bytes += len;
	free(r->last);
	r->last = malloc(len + 1);
	memcpy(r->last, data, len);
	r->last_len = len;
	if (r->cancel_in_message)
		grpc_call_cancel(r->call);
	if (r->close_in_message) {
		grpc_channel_close(r->pair->ch);
		r->pair->ch = NULL;
	}
}

static inline void result_end(void *arg, enum grpc_status status, const char *text, bool sent)
{
	struct result *r = arg;

	r->ends++;
	r->status = status;
	r->sent = sent;
	snprintf(r->text, sizeof(r->text), "%s", text);
	if (r->close_in_end) {
		grpc_channel_close(r->pair->ch);
		r->pair->ch = NULL;
	}
}

static inline int call_start(struct pair *p, struct result *r, const char *path,
			     unsigned int deadline_ms)
{
	static const struct grpc_header headers[] = {{"x-test", "yes"}};
	const struct grpc_call_conf conf = {
		.path = path,
		.headers = headers,
		.n_headers = 1,
		.deadline_ms = deadline_ms,
		.on_message = result_message,
		.on_end = result_end,
		.arg = r,
	};

	r->pair = p;
	return grpc_call_start(p->ch, &conf, &r->call);
}

static inline void call_begin(struct pair *p, struct result *r, const char *path)
{
	assert_int_equal(call_start(p, r, path, 0), 0);
}

#endif
