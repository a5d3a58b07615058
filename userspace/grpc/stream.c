/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A call as the server sees it: what it sends, and its end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grpc/headers.h"
#include "grpc/stream_int.h"

static bool usable(const struct grpc_stream *s)
{
	return !s->done && !s->peer->conn.dead;
}

void stream_count(struct grpc_stream *s)
{
	size_t now = s->out.len + s->in.body.len;

	if (now != s->counted)
		server_count(s->peer, s->counted, now);
	s->counted = now;
}

void grpc_stream_set(struct grpc_stream *s, const struct grpc_stream_ops *ops, void *user)
{
	s->ops = ops;
	s->user = user;
}

const char *grpc_stream_header(const struct grpc_stream *s, const char *name)
{
	const char *p = (const char *)bytes_at(&s->headers);
	const char *end = p ? p + s->headers.len : NULL;

	while (p < end) {
		const char *value = p + strlen(p) + 1;

		if (strcmp(p, name) == 0)
			return value;
		p = value + strlen(value) + 1;
	}
	return NULL;
}

const char *grpc_stream_peer(const struct grpc_stream *s)
{
	return s->peer->name;
}

size_t grpc_stream_queued(const struct grpc_stream *s)
{
	return s->out.len;
}

/* ---- trailers ---- */

static size_t trailers(const struct grpc_stream *s, char number[4], char *text, nghttp2_nv nv[2])
{
	size_t len = headers_message_encode(s->text, text, 3 * GRPC_TEXT_MAX);

	snprintf(number, 4, "%u", (unsigned int)s->status % 100);
	nv[0] = conn_nv("grpc-status", number, strlen(number));
	nv[1] = conn_nv("grpc-message", text, len);
	return len ? 2 : 1;
}

/* Status and text in the headers' place: nothing else was sent. */
static void trailers_only(struct grpc_stream *s)
{
	char number[4], text[3 * GRPC_TEXT_MAX];
	nghttp2_nv nv[4] = {conn_nv(":status", "200", 3),
			    conn_nv("content-type", "application/grpc", 16)};
	size_t n = 2 + trailers(s, number, text, nv + 2);

	if (nghttp2_submit_response(s->peer->conn.session, s->id, nv, n, NULL))
		conn_doom(&s->peer->conn, "no memory");
}

static void submit_trailers(struct grpc_stream *s)
{
	char number[4], text[3 * GRPC_TEXT_MAX];
	nghttp2_nv nv[2];
	size_t n = trailers(s, number, text, nv);

	if (s->trailed)
		return;
	s->trailed = true;
	if (!s->headed)
		trailers_only(s);
	else if (nghttp2_submit_trailer(s->peer->conn.session, s->id, nv, n))
		conn_doom(&s->peer->conn, "no memory");
	s->headed = true;
}

/* An answer that is no gRPC: the request was none. */
void stream_refuse_http(struct grpc_stream *s, const char *status)
{
	nghttp2_nv nv = conn_nv(":status", status, 3);

	s->ended = s->headed = s->trailed = true;
	if (nghttp2_submit_response(s->peer->conn.session, s->id, &nv, 1, NULL))
		conn_doom(&s->peer->conn, "no memory");
	conn_queued(&s->peer->conn);
}

void stream_abort(struct grpc_stream *s, enum grpc_status status, const char *text)
{
	if (s->trailed || !usable(s))
		return;
	bytes_drop(&s->out, s->out.len);
	stream_count(s);
	s->ended = true;
	s->status = status;
	snprintf(s->text, sizeof(s->text), "%s", text ? text : "");
	submit_trailers(s);
	conn_queued(&s->peer->conn);
}

/* ---- messages ---- */

static void unblock(struct grpc_stream *s)
{
	if (s->blocked && s->out.len < GRPC_SEND_QUEUE_MAX / 2)
		s->peer->n_blocked++;
}

ssize_t stream_read_out(nghttp2_session *session, int32_t id, uint8_t *buf, size_t size,
			uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct grpc_stream *s = nghttp2_session_get_stream_user_data(session, id);
	size_t n;

	if (!s || s->done)
		return NGHTTP2_ERR_DEFERRED;
	n = conn_take(&s->out, buf, size);
	stream_count(s);
	unblock(s);
	if (s->ended && !s->out.len) {
		*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
		submit_trailers(s);
	} else if (!n) {
		return NGHTTP2_ERR_DEFERRED;
	}
	return (ssize_t)n;
}

static int send_headers(struct grpc_stream *s)
{
	nghttp2_nv nv[2] = {conn_nv(":status", "200", 3),
			    conn_nv("content-type", "application/grpc", 16)};
	nghttp2_data_provider data = {.read_callback = stream_read_out};

	if (nghttp2_submit_response(s->peer->conn.session, s->id, nv, 2, &data))
		return -ENOMEM;
	s->headed = true;
	return 0;
}

static int queue(struct grpc_stream *s, const void *data, size_t len)
{
	uint8_t head[FRAME_HEAD];

	if (!bytes_room(&s->out, len + FRAME_HEAD))
		return -ENOMEM;
	frame_head(head, (uint32_t)len);
	bytes_add(&s->out, head, FRAME_HEAD);
	bytes_add(&s->out, data, len);
	stream_count(s);
	s->blocked |= s->out.len >= GRPC_SEND_QUEUE_MAX / 2;
	return 0;
}

int grpc_stream_send(struct grpc_stream *s, const void *data, size_t len)
{
	int ret;

	if (!usable(s) || s->ended || s->peer->conn.why[0])
		return -EPIPE;
	if (len > UINT32_MAX)
		return -EMSGSIZE;
	/* A message larger than the queue may be in it alone. */
	if (s->out.len && s->out.len + len + FRAME_HEAD > GRPC_SEND_QUEUE_MAX) {
		s->blocked = true;
		return -EAGAIN;
	}
	ret = s->headed ? 0 : send_headers(s);
	if (!ret)
		ret = queue(s, data, len);
	if (ret)
		return ret;
	nghttp2_session_resume_data(s->peer->conn.session, s->id);
	conn_queued(&s->peer->conn);
	return 0;
}

void grpc_stream_end(struct grpc_stream *s, enum grpc_status status, const char *text)
{
	if (s->ended || !usable(s))
		return;
	s->ended = true;
	s->status = status;
	snprintf(s->text, sizeof(s->text), "%s", text ? text : "");
	if (!s->out.len)
		submit_trailers(s);
	else
		nghttp2_session_resume_data(s->peer->conn.session, s->id);
	conn_queued(&s->peer->conn);
}

/* After the bytes have left nghttp2: the user's callback may do anything. */
void stream_flushed(struct conn *c)
{
	struct peer *peer = (struct peer *)c;
	struct grpc_stream *s;

	if (!peer->n_blocked)
		return;
	peer->n_blocked = 0;
	TAILQ_FOREACH(s, &peer->streams, link)
	{
		if (c->dead)
			return;
		if (!s->blocked || s->done || s->out.len >= GRPC_SEND_QUEUE_MAX / 2)
			continue;
		s->blocked = false;
		if (!s->ended && s->ops && s->ops->writable)
			s->ops->writable(s->user);
	}
}

/* ---- the end ---- */

void stream_gone(struct grpc_stream *s)
{
	if (s->done)
		return;
	s->done = true;
	s->peer->n_streams--;
	if (s->peer->server)
		s->peer->server->stats.streams--;
	bytes_fini(&s->out);
	if (!s->in.whole)
		bytes_fini(&s->in.body);
	stream_count(s);
	if (s->ops && s->ops->closed)
		s->ops->closed(s->user);
}

void stream_free(struct grpc_stream *s)
{
	TAILQ_REMOVE(&s->peer->streams, s, link);
	bytes_fini(&s->headers);
	bytes_fini(&s->out);
	frame_fini(&s->in);
	stream_count(s);
	free(s);
}

/* Only the session and stream_free_all() free, and neither runs inside a callback from here. */
void stream_close_all(struct peer *peer)
{
	struct grpc_stream *s;

	TAILQ_FOREACH(s, &peer->streams, link)
	stream_gone(s);
}

void stream_free_all(struct peer *peer)
{
	while (!TAILQ_EMPTY(&peer->streams))
		stream_free(TAILQ_FIRST(&peer->streams));
}

uint64_t stream_tick(struct conn *c, uint64_t now)
{
	struct peer *peer = (struct peer *)c;
	struct grpc_stream *s;
	uint64_t due = UINT64_MAX;

	TAILQ_FOREACH(s, &peer->streams, link)
	{
		if (s->done || s->trailed)
			continue;
		if (s->deadline_ms <= now)
			stream_abort(s, GRPC_DEADLINE_EXCEEDED, "the deadline has passed");
		else if (s->deadline_ms < due)
			due = s->deadline_ms;
	}
	return due;
}
