/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A server that says what a test tells it to: for answers that a real one gives only when a cluster
 * is in trouble. By default it is an empty store at revision 10 of cluster 77. */
#ifndef TESTS_UNIT_NCSDB_SCRIPT_H
#define TESTS_UNIT_NCSDB_SCRIPT_H

#include "unit/ncsdb/harness.h"

#include <rpc.pb-c.h>

#include "grpc/grpc.h"

enum method { RANGE, TXN, WATCH, KEEPALIVE, LOGIN, OTHER, METHODS };

struct refusal {
	enum grpc_status status; /* GRPC_OK: none */
	const char *text;
	int times; /* how often, then no more */
};

static struct grpc_server *script;
static struct script_state {
	int calls[METHODS];
	struct refusal refuse[METHODS];
	bool silent[METHODS]; /* no answer */
	uint64_t cluster;
	int64_t revision;
	size_t value_len;	   /* of /a in events */
	struct grpc_stream *watch; /* the last */
	int64_t watch_id, start;   /* the last that was created */
	int creates, progress;
	char token[32], seen_token[32]; /* given; of the last call */
} say;

struct script_call {
	struct grpc_stream *stream;
	enum method method;
};

static UNUSED void script_send(struct grpc_stream *stream, const ProtobufCMessage *msg)
{
	uint8_t *data = malloc(protobuf_c_message_get_packed_size(msg));

	assert_non_null(data);
	assert_int_equal(grpc_stream_send(stream, data, protobuf_c_message_pack(msg, data)), 0);
	free(data);
}

static UNUSED Etcdserverpb__ResponseHeader script_header(void)
{
	Etcdserverpb__ResponseHeader h = ETCDSERVERPB__RESPONSE_HEADER__INIT;

	h.cluster_id = say.cluster;
	h.revision = say.revision;
	return h;
}

static UNUSED void script_answer(struct script_call *c)
{
	Etcdserverpb__ResponseHeader h = script_header();
	Etcdserverpb__RangeResponse range = ETCDSERVERPB__RANGE_RESPONSE__INIT;
	Etcdserverpb__TxnResponse txn = ETCDSERVERPB__TXN_RESPONSE__INIT;
	Etcdserverpb__AuthenticateResponse login = ETCDSERVERPB__AUTHENTICATE_RESPONSE__INIT;

	range.header = txn.header = login.header = &h;
	login.token = say.token;
	if (c->method == TXN)
		script_send(c->stream, &txn.base);
	else if (c->method == LOGIN)
		script_send(c->stream, &login.base);
	else
		script_send(c->stream, &range.base);
	grpc_stream_end(c->stream, GRPC_OK, "");
}

/* To the last watch. */
static UNUSED void script_watch(bool created, bool canceled, const char *reason)
{
	Etcdserverpb__ResponseHeader h = script_header();
	Etcdserverpb__WatchResponse msg = ETCDSERVERPB__WATCH_RESPONSE__INIT;

	msg.header = &h;
	msg.watch_id = say.watch_id;
	msg.created = created;
	msg.canceled = canceled;
	msg.cancel_reason = (char *)reason;
	script_send(say.watch, &msg.base);
}

/* A put of /a at that revision, in the answer to create or behind it. */
static UNUSED void script_event_in(int64_t revision, bool created)
{
	Etcdserverpb__ResponseHeader h = script_header();
	Etcdserverpb__WatchResponse msg = ETCDSERVERPB__WATCH_RESPONSE__INIT;
	Mvccpb__Event event = MVCCPB__EVENT__INIT, *events[] = {&event};
	Mvccpb__KeyValue kv = MVCCPB__KEY_VALUE__INIT;

	kv.key = (ProtobufCBinaryData){2, (uint8_t *)"/a"};
	kv.mod_revision = kv.create_revision = revision;
	kv.version = 1;
	kv.value = (ProtobufCBinaryData){say.value_len, calloc(1, say.value_len + 1)};
	event.kv = &kv;
	msg.header = &h;
	msg.watch_id = say.watch_id;
	msg.created = created;
	msg.n_events = 1;
	msg.events = events;
	script_send(say.watch, &msg.base);
	free(kv.value.data);
}

static UNUSED void script_event(int64_t revision)
{
	script_event_in(revision, false);
}

static UNUSED void script_on_watch(struct script_call *c, const void *data, size_t len)
{
	Etcdserverpb__WatchRequest *msg = etcdserverpb__watch_request__unpack(NULL, len, data);

	assert_non_null(msg);
	say.watch = c->stream;
	if (msg->request_union_case == ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_PROGRESS_REQUEST)
		say.progress++;
	if (msg->request_union_case == ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST) {
		say.creates++;
		say.watch_id = msg->create_request->watch_id;
		say.start = msg->create_request->start_revision;
		if (!say.silent[WATCH])
			script_watch(true, false, "");
	}
	etcdserverpb__watch_request__free_unpacked(msg, NULL);
}

static UNUSED void script_message(void *user, const void *data, size_t len)
{
	struct script_call *c = user;

	if (c->method == WATCH)
		script_on_watch(c, data, len);
	else if (!say.silent[c->method])
		script_answer(c);
}

static UNUSED void script_half_closed(void *user)
{
}

static UNUSED void script_closed(void *user)
{
	struct script_call *c = user;

	if (say.watch == c->stream)
		say.watch = NULL;
	free(c);
}

static UNUSED enum method script_method(const char *path)
{
	static const char *const names[] = {"KV/Range", "KV/Txn", "Watch/Watch",
					    "Lease/LeaseKeepAlive", "Auth/Authenticate"};

	for (int i = 0; i < OTHER; i++) {
		if (strstr(path, names[i]))
			return i;
	}
	return OTHER;
}

static UNUSED enum grpc_status script_call(void *arg, struct grpc_stream *stream, const char *path,
					   const char **text)
{
	static const struct grpc_stream_ops ops = {.message = script_message,
						   .half_closed = script_half_closed,
						   .closed = script_closed};
	const char *token = grpc_stream_header(stream, "token");
	enum method m = script_method(path);
	struct refusal *r = &say.refuse[m];
	struct script_call *c;

	say.calls[m]++;
	snprintf(say.seen_token, sizeof(say.seen_token), "%s", token ? token : "");
	assert_string_equal(grpc_stream_header(stream, "hasleader"), "true");
	if (r->status && r->times > 0) {
		r->times--;
		*text = r->text;
		return r->status;
	}
	c = malloc(sizeof(*c));
	*c = (struct script_call){stream, m};
	grpc_stream_set(stream, &ops, c);
	return GRPC_OK;
}

/* The port. max_streams 0: grpc's own limit. */
static UNUSED uint16_t script_open_streams(unsigned int max_streams)
{
	struct grpc_server_conf conf = {.loop = &loop,
					.address = "127.0.0.1",
					.max_streams = max_streams,
					.on_call = script_call};
	struct err err;

	say = (struct script_state){.cluster = 77, .revision = 10, .token = "first"};
	assert_int_equal(grpc_server_open(&conf, &script, &err), 0);
	return grpc_server_port(script);
}

static UNUSED uint16_t script_open(void)
{
	return script_open_streams(0);
}

#endif
