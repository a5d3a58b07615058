/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What clients send: requests, messages, resets. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grpc/headers.h"
#include "grpc/stream_int.h"

#define FIELD_COST 32 /* RFC 9113, 6.5.2 */

static struct grpc_stream *stream_of(struct conn *c, int32_t id)
{
	return nghttp2_session_get_stream_user_data(c->session, id);
}

static int alive(const struct conn *c)
{
	return c->dead ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct peer *peer = user;
	struct grpc_stream *s;

	if (peer->conn.dead)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	s->peer = peer;
	s->id = frame->hd.stream_id;
	s->deadline_ms = s->timeout_ms = UINT64_MAX;
	TAILQ_INSERT_TAIL(&peer->streams, s, link);
	peer->n_streams++;
	peer->server->stats.streams++;
	nghttp2_session_set_stream_user_data(session, s->id, s);
	return 0;
}

struct field {
	const char *name, *value;
	size_t n_name, n_value;
};

static bool is(const struct field *f, const char *name)
{
	return f->n_name == strlen(name) && memcmp(f->name, name, f->n_name) == 0;
}

static void keep(struct grpc_stream *s, const struct field *f)
{
	if (!bytes_room(&s->headers, f->n_name + f->n_value + 2)) {
		s->many_headers = true;
		return;
	}
	bytes_add(&s->headers, f->name, f->n_name);
	bytes_add(&s->headers, "", 1);
	bytes_add(&s->headers, f->value, f->n_value);
	bytes_add(&s->headers, "", 1);
}

static void take_field(struct grpc_stream *s, const struct field *f)
{
	if (is(f, ":method")) {
		s->post = f->n_value == 4 && memcmp(f->value, "POST", 4) == 0;
	} else if (is(f, ":path")) {
		s->long_path = f->n_value >= sizeof(s->path);
		if (!s->long_path)
			snprintf(s->path, sizeof(s->path), "%.*s", (int)f->n_value, f->value);
	} else if (is(f, "content-type")) {
		s->typed = headers_content_type(f->value, f->n_value);
	} else if (is(f, "grpc-timeout")) {
		s->late = headers_timeout_parse(f->value, f->n_value, &s->timeout_ms) < 0;
	} else if (f->name[0] != ':') {
		keep(s, f);
	}
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t n_name, const uint8_t *value, size_t n_value, uint8_t flags, void *user)
{
	struct grpc_stream *s = stream_of(user, frame->hd.stream_id);
	const struct field f = {(const char *)name, (const char *)value, n_name, n_value};

	if (!s || s->begun || !n_name)
		return 0;
	s->malformed |= memchr(name, '\0', n_name) || memchr(value, '\0', n_value);
	s->header_cost += n_name + n_value + FIELD_COST;
	if (s->header_cost > CONN_HEADERS_MAX)
		s->many_headers = true;
	else
		take_field(s, &f);
	return 0;
}

static void ask(struct grpc_stream *s)
{
	const struct grpc_server_conf *conf = &s->peer->server->conf;
	const char *text = NULL;
	enum grpc_status status = conf->on_call(conf->arg, s, s->path, &text);

	if (status != GRPC_OK)
		s->ops = NULL;
	else if (!s->ops)
		status = GRPC_INTERNAL;
	if (status != GRPC_OK && !s->done)
		stream_abort(s, status, text);
}

static void set_deadline(struct grpc_stream *s)
{
	uint64_t now = uv_now(s->peer->conn.tcp.loop);

	if (s->timeout_ms == UINT64_MAX)
		return;
	s->deadline_ms = now + s->timeout_ms;
	conn_arm(&s->peer->conn, s->deadline_ms);
}

static void begin(struct grpc_stream *s)
{
	char text[GRPC_TEXT_MAX];

	s->begun = true;
	if (s->many_headers) {
		snprintf(text, sizeof(text), "header list of more than %u bytes", CONN_HEADERS_MAX);
		stream_abort(s, GRPC_RESOURCE_EXHAUSTED, text);
	} else if (s->malformed) {
		stream_refuse_http(s, "400");
	} else if (!s->post) {
		stream_refuse_http(s, "405");
	} else if (!s->typed) {
		stream_refuse_http(s, "415");
	} else if (s->long_path) {
		snprintf(text, sizeof(text), "path of more than %zu bytes", sizeof(s->path) - 1);
		stream_abort(s, GRPC_UNIMPLEMENTED, text);
	} else if (s->late) {
		stream_abort(s, GRPC_INVALID_ARGUMENT,
			     "grpc-timeout must be 1 to 8 digits and one of H M S m u n");
	} else {
		set_deadline(s);
		ask(s);
	}
	bytes_fini(&s->headers);
}

static void half_close(struct grpc_stream *s)
{
	s->half_closed = true;
	if (s->ended || !s->ops)
		return;
	if (!frame_idle(&s->in))
		stream_abort(s, GRPC_INTERNAL, "the message is cut short");
	else if (s->ops->half_closed)
		s->ops->half_closed(s->user);
}

int stream_frame(struct conn *c, const nghttp2_frame *frame)
{
	struct grpc_stream *s = stream_of(c, frame->hd.stream_id);

	if (s && !s->done && !s->begun && frame->hd.type == NGHTTP2_HEADERS)
		begin(s);
	if (s && !s->done && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		half_close(s);
	return alive(c);
}

static void bad_message(struct grpc_stream *s, int ret)
{
	char text[GRPC_TEXT_MAX];
	enum grpc_status status =
		frame_refusal(&s->in, s->peer->server->conf.message_max, ret, text);

	stream_abort(s, status, text);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
		   size_t len, void *user)
{
	struct conn *c = user;
	struct grpc_stream *s = stream_of(c, id);
	struct frame_msg msg;
	int ret = 1;

	while (ret == 1 && !c->dead && s && !s->done && !s->ended && s->ops) {
		ret = frame_feed(&s->in, s->peer->server->conf.message_max, &data, &len, &msg);
		if (ret == 1 && s->ops->message)
			s->ops->message(s->user, msg.data, msg.len);
		else if (ret < 0)
			bad_message(s, ret);
	}
	if (s && !s->done)
		stream_count(s);
	return alive(c);
}

/* The answer is whole and the client still talks: it need not. */
static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct conn *c = user;
	struct grpc_stream *s;

	if (frame->hd.type != NGHTTP2_HEADERS || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	s = stream_of(c, frame->hd.stream_id);
	if (s && !s->half_closed)
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
	struct conn *c = user;
	struct grpc_stream *s = stream_of(c, id);

	if (!s)
		return 0;
	stream_gone(s);
	stream_free(s);
	return alive(c);
}

void stream_callbacks(nghttp2_session_callbacks *cbs)
{
	nghttp2_session_callbacks_set_on_begin_headers_callback(cbs, on_begin);
	nghttp2_session_callbacks_set_on_header_callback(cbs, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cbs, on_data);
	nghttp2_session_callbacks_set_on_frame_send_callback(cbs, on_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(cbs, on_close);
}
