/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * etcd's protocol by hand, for tests: one connection, calls that run the loop until they are
 * answered, streams whose messages gather. Whatever should not happen ends the program.
 */
#ifndef TESTS_DB_WIRE_H
#define TESTS_DB_WIRE_H

#include <rpc.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grpc/grpc.h"

#define WIRE_UNUSED __attribute__((unused))
#define WIRE_PATH "/etcdserverpb."

struct wire {
	uv_loop_t *loop;
	struct grpc_channel *channel;
	bool up, down;
	char why[128];
};

/* A call: its messages gather in data, one behind the other. */
struct wire_call {
	struct grpc_call *call;
	bool done;
	enum grpc_status status;
	char text[GRPC_TEXT_MAX];
	unsigned char *data[64]; /* the newest messages that were not taken yet */
	size_t len[64];
	size_t n, taken;
	void (*on_message)(void *arg, const void *data, size_t len); /* NULL: gather */
	void (*on_end)(void *arg, struct wire_call *call);
	void *arg;
};

static WIRE_UNUSED void wire_fail(const char *what, const char *why)
{
	fprintf(stderr, "wire: %s: %s\n", what, why);
	abort();
}

static void wire_on_up(void *arg)
{
	((struct wire *)arg)->up = true;
}

static void wire_on_down(void *arg, const char *why)
{
	struct wire *w = arg;

	w->down = true;
	snprintf(w->why, sizeof(w->why), "%s", why);
}

/* Until *flag; false: the loop has nothing more to do. */
static WIRE_UNUSED bool wire_wait(const struct wire *w, const bool *flag)
{
	while (!*flag) {
		if (!uv_run(w->loop, UV_RUN_ONCE) && !*flag)
			return false;
	}
	return true;
}

static WIRE_UNUSED bool wire_open(struct wire *w, uv_loop_t *on, uint16_t port,
				  struct grpc_tls *tls)
{
	struct grpc_channel_conf conf = {
		.loop = on,
		.host = "127.0.0.1",
		.port = port,
		.tls = tls,
		.message_max = 64u << 20,
		.on_up = wire_on_up,
		.on_down = wire_on_down,
		.arg = w,
	};

	*w = (struct wire){.loop = on};
	if (grpc_channel_open(&conf, &w->channel))
		wire_fail("open", "refused");
	while (!w->up && !w->down)
		uv_run(on, UV_RUN_ONCE);
	return w->up;
}

static WIRE_UNUSED void wire_close(struct wire *w)
{
	grpc_channel_close(w->channel);
	w->channel = NULL;
}

static void wire_on_message(void *arg, const void *data, size_t len)
{
	struct wire_call *c = arg;
	unsigned char *copy;

	if (c->on_message) {
		c->on_message(c->arg, data, len);
		return;
	}
	if (c->n - c->taken == 64)
		wire_fail("messages", "more than 64 wait");
	copy = malloc(len + 1);
	memcpy(copy, data, len);
	c->data[c->n % 64] = copy;
	c->len[c->n++ % 64] = len;
}

static void wire_on_end(void *arg, enum grpc_status status, const char *text, bool sent)
{
	struct wire_call *c = arg;

	c->done = true;
	c->call = NULL;
	c->status = status;
	snprintf(c->text, sizeof(c->text), "%s", text);
	if (c->on_end)
		c->on_end(c->arg, c);
}

static WIRE_UNUSED int wire_start(struct wire *w, struct wire_call *c, const char *method)
{
	char path[GRPC_PATH_MAX];
	struct grpc_call_conf conf = {
		.path = path, .on_message = wire_on_message, .on_end = wire_on_end, .arg = c};

	snprintf(path, sizeof(path), WIRE_PATH "%s", method);
	return grpc_call_start(w->channel, &conf, &c->call);
}

static WIRE_UNUSED int wire_send(struct wire_call *c, const void *message, bool end)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	unsigned char *data = malloc(len + 1);
	int rc;

	protobuf_c_message_pack(message, data);
	rc = grpc_call_send(c->call, data, len, end);
	free(data);
	return rc;
}

/* The next message of a stream, decoded; NULL: it has ended. The caller frees it. */
static WIRE_UNUSED void *wire_next(struct wire *w, struct wire_call *c,
				   const ProtobufCMessageDescriptor *type)
{
	ProtobufCMessage *message;
	size_t at;

	while (c->taken == c->n) {
		if (c->done)
			return NULL;
		uv_run(w->loop, UV_RUN_ONCE);
	}
	at = c->taken++ % 64;
	message = protobuf_c_message_unpack(type, NULL, c->len[at], c->data[at]);
	free(c->data[at]);
	if (!message)
		wire_fail("message", "malformed");
	return message;
}

/* One request, one answer; NULL: call->status and call->text say why. The caller frees it. */
static WIRE_UNUSED void *wire_ask(struct wire *w, struct wire_call *c, const char *method,
				  const void *request, const ProtobufCMessageDescriptor *type)
{
	void *answer;

	*c = (struct wire_call){0};
	if (wire_start(w, c, method) || wire_send(c, request, true))
		wire_fail(method, "cannot be sent");
	answer = wire_next(w, c, type);
	wire_wait(w, &c->done);
	return answer;
}

static WIRE_UNUSED void wire_free(void *message)
{
	if (message)
		protobuf_c_message_free_unpacked(message, NULL);
}

static WIRE_UNUSED ProtobufCBinaryData wire_bytes(const char *text)
{
	return (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
}

#endif
