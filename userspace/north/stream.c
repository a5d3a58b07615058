/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers whose length nobody knows: text in pieces, as the client takes them. */
#include <string.h>

#include "north/stream.h"

struct rest_stream {
	struct req *req; /* held */
	struct rest_stream_ops ops;
	void *arg;
	char *text; /* the piece that is being sent */
	size_t len, at;
	bool asked; /* for the next piece */
	bool suspended;
	bool ended, whole;
};

static void suspend(struct rest_stream *s)
{
	s->suspended = true;
	accept_turn(s->req->from, TURN_OURS);
	MHD_suspend_connection(s->req->conn);
}

static void resume(struct rest_stream *s)
{
	if (!s->suspended || !s->req->conn)
		return;
	s->suspended = false;
	accept_turn(s->req->from, TURN_TAKE);
	MHD_resume_connection(s->req->conn);
	north_wake(s->req->north);
}

static ssize_t take(struct rest_stream *s, char *buf, size_t max)
{
	size_t n = s->len - s->at;

	n = n < max ? n : max;
	memcpy(buf, s->text + s->at, n);
	s->at += n;
	return (ssize_t)n;
}

static ssize_t on_read(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct rest_stream *s = cls;

	if (s->at < s->len)
		return take(s, buf, max);
	if (!s->ended && !s->asked) {
		s->asked = true;
		s->ops.more(s->arg);
		if (s->at < s->len)
			return take(s, buf, max);
	}
	if (s->ended)
		return s->whole ? MHD_CONTENT_READER_END_OF_STREAM
				: MHD_CONTENT_READER_END_WITH_ERROR;
	suspend(s);
	return 0;
}

static void on_free(void *cls)
{
	struct rest_stream *s = cls;

	s->req->stream = NULL;
	s->ops.gone(s->arg);
	rest_put(s->req);
	free(s->text);
	free(s);
}

struct rest_stream *rest_stream_new(struct req *req, const struct rest_stream_ops *ops, void *arg)
{
	struct rest_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	*s = (struct rest_stream){.req = req, .ops = *ops, .arg = arg};
	rest_hold(req);
	return s;
}

struct MHD_Response *rest_stream_response(struct rest_stream *s)
{
	struct MHD_Response *response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, REST_STREAM_BLOCK, on_read, s, on_free);

	if (!response)
		on_free(s);
	return response;
}

/* The client's turn begins anew. */
static void turn(struct rest_stream *s)
{
	if (s->req->from)
		accept_turn(s->req->from, TURN_TAKE);
}

void rest_stream_put(struct rest_stream *s, char *text, size_t len)
{
	turn(s);
	rest_stream_go_on(s, text, len);
}

void rest_stream_go_on(struct rest_stream *s, char *text, size_t len)
{
	free(s->text);
	s->text = text;
	s->len = len;
	s->at = 0;
	s->asked = false;
	resume(s);
}

void rest_stream_end(struct rest_stream *s, bool whole)
{
	if (s->ended)
		return;
	s->ended = true;
	s->whole = whole;
	turn(s);
	resume(s);
}

void rest_stream_drop(struct rest_stream *s)
{
	on_free(s);
}
