/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A call as the client sees it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grpc/channel_int.h"
#include "grpc/headers.h"

#define OWN_HEADERS 7
#define USER_HEADERS 16

static void release(struct grpc_call *call)
{
	TAILQ_REMOVE(&call->ch->calls, call, link);
	bytes_fini(&call->out);
	frame_fini(&call->in);
	free(call);
}

/* The user's last callback. The memory stays until nghttp2 has done with the stream. */
static void finish(struct grpc_call *call, enum grpc_status status, const char *text)
{
	if (call->done)
		return;
	call->done = true;
	call->ch->n_open--;
	if (call->ch->away && !call->ch->n_open)
		conn_arm(&call->ch->conn, uv_now(call->ch->conf.loop));
	bytes_fini(&call->out);
	if (call->on_end)
		call->on_end(call->arg, status, text, call->sent);
}

static void reset(struct grpc_call *call, uint32_t code)
{
	nghttp2_submit_rst_stream(call->ch->conn.session, NGHTTP2_FLAG_NONE, call->id, code);
	conn_queued(&call->ch->conn);
}

static struct grpc_call *call_of(struct conn *c, int32_t id)
{
	return nghttp2_session_get_stream_user_data(c->session, id);
}

/* ---- what the server sends ---- */

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t n_name, const uint8_t *value, size_t n_value, uint8_t flags, void *user)
{
	struct grpc_call *call = call_of(user, frame->hd.stream_id);
	const char *text = (const char *)value;
	char number[8];

	if (!call || call->done)
		return 0;
	if (n_name == 7 && memcmp(name, ":status", 7) == 0) {
		snprintf(number, sizeof(number), "%.*s", (int)n_value, text);
		call->http = atoi(number);
	} else if (n_name == 12 && memcmp(name, "content-type", 12) == 0) {
		call->typed = n_value >= 16 && memcmp(text, "application/grpc", 16) == 0;
	} else if (n_name == 11 && memcmp(name, "grpc-status", 11) == 0) {
		call->status = (int)headers_status_parse(text, n_value);
	} else if (n_name == 12 && memcmp(name, "grpc-message", 12) == 0) {
		headers_message_decode(text, n_value, call->text, sizeof(call->text));
	}
	return 0;
}

static void bad_message(struct grpc_call *call, int ret)
{
	char text[GRPC_TEXT_MAX];
	enum grpc_status status = frame_refusal(&call->in, call->ch->conf.message_max, ret, text);

	reset(call, NGHTTP2_CANCEL);
	finish(call, status, text);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
		   size_t len, void *user)
{
	struct conn *c = user;
	struct grpc_call *call = call_of(c, id);
	struct frame_msg msg;
	int ret = 1;

	if (c->dead)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	/* What is no gRPC answer is not parsed: its status says more. */
	while (call && !call->done && call->typed && ret == 1) {
		ret = frame_feed(&call->in, call->ch->conf.message_max, &data, &len, &msg);
		if (ret == 1 && call->on_message)
			call->on_message(call->arg, msg.data, msg.len);
		else if (ret < 0)
			bad_message(call, ret);
	}
	return c->dead ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static void ended(struct grpc_call *call)
{
	char text[GRPC_TEXT_MAX];

	if (!call->end || call->out.len)
		reset(call, NGHTTP2_NO_ERROR);
	if (call->status == GRPC_OK && !frame_idle(&call->in)) {
		finish(call, GRPC_INTERNAL, "the answer is cut short");
	} else if (call->status >= 0) {
		memcpy(text, call->text, sizeof(text));
		finish(call, (enum grpc_status)call->status, text);
	} else {
		snprintf(text, sizeof(text), "answer without grpc-status, HTTP status %d",
			 call->http);
		finish(call, headers_http_status(call->http), text);
	}
}

int call_frame(struct conn *c, const nghttp2_frame *frame)
{
	struct grpc_call *call = call_of(c, frame->hd.stream_id);

	if (call && !call->done && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		ended(call);
	return c->dead ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct grpc_call *call;

	if (frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	call = call_of(user, frame->hd.stream_id);
	if (call)
		call->sent = true;
	return 0;
}

static enum grpc_status reset_status(uint32_t code)
{
	switch (code) {
	case NGHTTP2_REFUSED_STREAM:
		return GRPC_UNAVAILABLE;
	case NGHTTP2_CANCEL:
		return GRPC_CANCELLED;
	case NGHTTP2_ENHANCE_YOUR_CALM:
		return GRPC_RESOURCE_EXHAUSTED;
	case NGHTTP2_INADEQUATE_SECURITY:
		return GRPC_PERMISSION_DENIED;
	}
	return GRPC_INTERNAL;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
	struct conn *c = user;
	struct grpc_call *call = call_of(c, id);
	char text[GRPC_TEXT_MAX];

	if (!call)
		return 0;
	if (code == NGHTTP2_REFUSED_STREAM)
		call->sent = false;
	snprintf(text, sizeof(text), "the stream was reset: %s", nghttp2_http2_strerror(code));
	finish(call, reset_status(code), text);
	release(call);
	return 0; /* a failure while frames are sent would leak the one under way */
}

void call_callbacks(nghttp2_session_callbacks *cbs)
{
	nghttp2_session_callbacks_set_on_header_callback(cbs, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cbs, on_data);
	nghttp2_session_callbacks_set_on_frame_send_callback(cbs, on_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(cbs, on_close);
}

/* ---- what the user does ---- */

static ssize_t read_out(nghttp2_session *session, int32_t id, uint8_t *buf, size_t size,
			uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct grpc_call *call = call_of(user, id);
	size_t n;

	if (!call || call->done)
		return NGHTTP2_ERR_DEFERRED;
	n = conn_take(&call->out, buf, size);
	if (call->end && !call->out.len)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	else if (!n)
		return NGHTTP2_ERR_DEFERRED;
	return (ssize_t)n;
}

static size_t headers(const struct grpc_channel *ch, const struct grpc_call_conf *conf,
		      char timeout[HEADERS_TIMEOUT_LEN], nghttp2_nv *nv)
{
	const char *scheme = ch->conf.tls ? "https" : "http";
	size_t n = 0;

	nv[n++] = conn_nv(":method", "POST", 4);
	nv[n++] = conn_nv(":scheme", scheme, strlen(scheme));
	nv[n++] = conn_nv(":path", conf->path, strlen(conf->path));
	nv[n++] = conn_nv(":authority", ch->authority, strlen(ch->authority));
	nv[n++] = conn_nv("te", "trailers", 8);
	nv[n++] = conn_nv("content-type", "application/grpc", 16);
	if (conf->deadline_ms) {
		headers_timeout_text(conf->deadline_ms, timeout);
		nv[n++] = conn_nv("grpc-timeout", timeout, strlen(timeout));
	}
	for (size_t i = 0; i < conf->n_headers; i++)
		nv[n++] = conn_nv(conf->headers[i].name, conf->headers[i].value,
				  strlen(conf->headers[i].value));
	return n;
}

static int submit(struct grpc_call *call, const struct grpc_call_conf *conf)
{
	nghttp2_nv nv[OWN_HEADERS + USER_HEADERS];
	nghttp2_data_provider data = {.read_callback = read_out};
	char timeout[HEADERS_TIMEOUT_LEN];
	struct grpc_channel *ch = call->ch;
	size_t n = headers(ch, conf, timeout, nv);

	call->id = nghttp2_submit_request(ch->conn.session, NULL, nv, n, &data, call);
	if (call->id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE) {
		conn_doom(&ch->conn, "all stream numbers of the connection are used");
		return -ENOTCONN;
	}
	return call->id > 0 ? 0 : -ENOMEM;
}

static void set_deadline(struct grpc_call *call, unsigned int ms)
{
	uv_loop_t *loop = call->ch->conf.loop;

	call->deadline_ms = UINT64_MAX;
	if (!ms)
		return;
	uv_update_time(loop);
	call->deadline_ms = uv_now(loop) + ms;
	conn_arm(&call->ch->conn, call->deadline_ms);
}

int grpc_call_start(struct grpc_channel *ch, const struct grpc_call_conf *conf,
		    struct grpc_call **out)
{
	struct grpc_call *call;
	int ret;

	if (conf->n_headers > USER_HEADERS || strlen(conf->path) >= GRPC_PATH_MAX)
		return -EINVAL;
	if (ch->closed || !grpc_channel_up(ch))
		return -ENOTCONN;
	if (ch->n_open >= nghttp2_session_get_remote_settings(
				  ch->conn.session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS))
		return -EAGAIN;
	call = calloc(1, sizeof(*call));
	if (!call)
		return -ENOMEM;
	*call = (struct grpc_call){.ch = ch, .status = -1, .arg = conf->arg};
	call->on_message = conf->on_message;
	call->on_end = conf->on_end;
	ret = submit(call, conf);
	if (ret) {
		free(call);
		return ret;
	}
	TAILQ_INSERT_TAIL(&ch->calls, call, link);
	set_deadline(call, conf->deadline_ms);
	if (!ch->n_open++)
		conn_awake(&ch->conn);
	conn_queued(&ch->conn);
	*out = call;
	return 0;
}

int grpc_call_send(struct grpc_call *call, const void *data, size_t len, bool end)
{
	uint8_t head[FRAME_HEAD];

	if (call->done || call->end || len > UINT32_MAX)
		return -EINVAL;
	/* A message larger than the queue may be in it alone. */
	if (call->out.len && call->out.len + len + FRAME_HEAD > GRPC_SEND_QUEUE_MAX)
		return -EAGAIN;
	if (!bytes_room(&call->out, len + FRAME_HEAD))
		return -ENOMEM;
	frame_head(head, (uint32_t)len);
	bytes_add(&call->out, head, FRAME_HEAD);
	bytes_add(&call->out, data, len);
	call->end = end;
	if (!call->ch->conn.dead) {
		nghttp2_session_resume_data(call->ch->conn.session, call->id);
		conn_queued(&call->ch->conn);
	}
	return 0;
}

void grpc_call_cancel(struct grpc_call *call)
{
	if (call->done)
		return;
	call->on_end = NULL;
	if (!call->ch->conn.dead)
		reset(call, NGHTTP2_CANCEL);
	finish(call, GRPC_CANCELLED, "");
}

void call_end_all(struct grpc_channel *ch, enum grpc_status status, const char *why)
{
	struct grpc_call *call;

	/* Nothing is added now, and only the session frees. */
	TAILQ_FOREACH(call, &ch->calls, link)
	finish(call, status, why);
}

void call_free_all(struct grpc_channel *ch)
{
	while (!TAILQ_EMPTY(&ch->calls))
		release(TAILQ_FIRST(&ch->calls));
}

uint64_t call_tick(struct grpc_channel *ch, uint64_t now)
{
	struct grpc_call *call;
	uint64_t due = UINT64_MAX;

	/* Calls are only freed by the session, which does not run here. */
	TAILQ_FOREACH(call, &ch->calls, link)
	{
		if (call->done)
			continue;
		if (call->deadline_ms > now) {
			due = call->deadline_ms < due ? call->deadline_ms : due;
			continue;
		}
		reset(call, NGHTTP2_CANCEL);
		finish(call, GRPC_DEADLINE_EXCEEDED, "the deadline has passed");
		if (ch->conn.dead)
			return UINT64_MAX;
	}
	return due;
}
