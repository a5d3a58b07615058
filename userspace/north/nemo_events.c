/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GET /v1/nemo/events: notifications of a tenant as server-sent events. Their IDs are the sequence
 * numbers, so that a client that comes back goes on where it was (Last-Event-ID). A client that is
 * slow is sent what is kept when it has taken what it was sent.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "north/nemo.h"
#include "north/stream.h"

struct nemo_stream {
	struct nemo_events *all;
	struct rest_stream *rest;
	struct share *share; /* whose it is; a reference */
	char tenant[NAME_LEN];
	uint64_t after; /* sequence of the last one sent */
	bool greeted;	/* something was sent */
	bool asked;	/* the client has taken all it was sent */
	bool kept;	/* ends behind the kept ones */
	struct nemo_stream *prev, *next;
};

struct nemo_events {
	struct north *north;
	struct intent_listen listen;
	uv_timer_t beat; /* runs while there are streams */
	struct nemo_stream *streams;
	unsigned int n;
};

/* ---- pieces ---- */

struct piece {
	struct nemo_text text;
	uint64_t last;
};

static bool add_event(void *arg, uint64_t sequence, const char *text)
{
	struct piece *p = arg;

	if (p->last && sequence > p->last + 1)
		nemo_text_add(&p->text, "event: missed\ndata: {\"missed\": %llu}\n\n",
			      (unsigned long long)(sequence - p->last - 1));
	nemo_text_add(&p->text, "id: %llu\nevent: notification\ndata: %s\n\n",
		      (unsigned long long)sequence, text);
	p->last = sequence;
	return p->text.len < NEMO_PIECE;
}

/* Sends what is new, if the client has taken the rest. */
static void advance(struct nemo_stream *s)
{
	struct piece p = {.last = s->after};

	if (!s->asked)
		return;
	/* A client that loses its connection before the first event comes back for that one, too.
	 */
	if (!s->greeted)
		nemo_text_add(&p.text, "id: %llu\nretry: 1000\n\n", (unsigned long long)s->after);
	intent_events(s->all->north->conf.intent, s->tenant, s->after, add_event, &p);
	if (p.text.no_memory) {
		free(p.text.data);
		rest_stream_end(s->rest, false);
	} else if (p.text.len) {
		s->after = p.last;
		s->greeted = true;
		s->asked = false;
		rest_stream_put(s->rest, p.text.data, p.text.len);
	} else if (s->kept) {
		rest_stream_end(s->rest, true);
	}
}

static void on_more(void *arg)
{
	struct nemo_stream *s = arg;

	s->asked = true;
	advance(s);
}

static void on_gone(void *arg)
{
	struct nemo_stream *s = arg;
	struct nemo_events *all = s->all;

	DL_DELETE(all->streams, s);
	if (--all->n == 0)
		uv_timer_stop(&all->beat);
	s->share->streams--;
	share_put(s->share);
	free(s);
}

static void on_event(void *arg, const char *tenant, uint64_t sequence, const char *text)
{
	struct nemo_events *all = arg;
	struct nemo_stream *s;

	DL_FOREACH(all->streams, s)
	{
		if (strcmp(s->tenant, tenant) == 0)
			advance(s);
	}
}

/* So that both ends see when the other one is gone. */
void nemo_keepalive(struct north *n)
{
	static const char comment[] = ": \n\n";
	struct nemo_stream *s;

	DL_FOREACH(n->nemo->streams, s)
	{
		char *text = s->asked ? strdup(comment) : NULL;

		if (!text)
			continue;
		s->asked = false;
		rest_stream_put(s->rest, text, sizeof(comment) - 1);
	}
}

static void on_beat(uv_timer_t *timer)
{
	nemo_keepalive(((struct nemo_events *)timer->data)->north);
}

unsigned int nemo_streams(const struct north *n)
{
	return n->nemo ? n->nemo->n : 0;
}

/* ---- requests ---- */

static bool find_newest(void *arg, uint64_t sequence, const char *text)
{
	*(uint64_t *)arg = sequence;
	return true;
}

/* Where to begin: Last-Event-ID, ?after=, the newest one. What is a little beyond the newest was
 * told by a host that is ahead of this one; what is far beyond is of an earlier life: all that is
 * kept. */
static int begin_at(struct req *req, const struct nemo_ask *ask, uint64_t *after, struct err *err)
{
	const char *last = rest_asked(req->conn, "Last-Event-ID");
	uint64_t newest = 0;

	intent_events(req->north->conf.intent, ask->tenant, 0, find_newest, &newest);
	*after = ask->has_after ? ask->after : ask->kept ? 0 : newest;
	if (last && rest_number(last, 0, INT64_MAX, after)) {
		err_set(err, -EINVAL, "Last-Event-ID", last, "must be the number of an event");
		return err_object(err, "request header");
	}
	if (*after > newest && *after - newest > NEMO_AHEAD_MAX)
		*after = 0;
	return 0;
}

static bool has_room(struct req *req, struct err *err)
{
	unsigned int max = NEMO_STREAMS_MAX + (req->share->local ? NEMO_STREAMS_LOCAL : 0);

	if (!req->share->local && req->share->streams >= NORTH_STREAMS_PARTY)
		err_set(err, -EAGAIN, "", NULL, "at most %d streams of one client: try again later",
			NORTH_STREAMS_PARTY);
	else if (req->north->nemo->n >= max)
		err_set(err, -EAGAIN, "", NULL, "at most %u streams in all: try again later", max);
	return !err->code;
}

static void begin(struct req *req, const struct nemo_ask *ask, uint64_t after)
{
	static const struct rest_stream_ops ops = {on_more, on_gone};
	struct nemo_events *all = req->north->nemo;
	struct nemo_stream *s = calloc(1, sizeof(*s));

	if (s)
		s->rest = rest_stream_new(req, &ops, s);
	if (!s || !s->rest) {
		free(s);
		rest_json(req, 500, NULL);
		return;
	}
	s->all = all;
	s->after = after;
	s->kept = ask->kept;
	snprintf(s->tenant, sizeof(s->tenant), "%s", ask->tenant);
	s->share = share_ref(req->share);
	s->share->streams++;
	DL_APPEND(all->streams, s);
	if (all->n++ == 0)
		uv_timer_start(&all->beat, on_beat, NEMO_KEEPALIVE_MS, NEMO_KEEPALIVE_MS);
	rest_streamed(req, s->rest, "text/event-stream");
}

static bool add_item(void *arg, uint64_t sequence, const char *text)
{
	json_t *item = NULL;

	if (json_parse(text, strlen(text), &item, NULL) == 0)
		json_array_append_new(arg, item);
	return true;
}

/* The kept ones, and no more. */
static void list(struct req *req, const struct nemo_ask *ask, uint64_t after)
{
	json_t *items = json_array();
	struct err err = {0};

	if (ask->kept) {
		intent_events(req->north->conf.intent, ask->tenant, after, add_item, items);
		nemo_items(req, items);
		return;
	}
	json_decref(items);
	err_set(&err, -EINVAL, "Accept", NULL,
		"must allow text/event-stream: JSON is for ?kept=true");
	err_object(&err, "request header");
	rest_problem(req, 406, &err);
}

void nemo_events_get(struct req *req)
{
	struct err err = {0};
	struct nemo_ask ask;
	uint64_t after = 0;

	if (!nemo_ask(req, &ask))
		return;
	if (begin_at(req, &ask, &after, &err)) {
		rest_fail(req, &err);
	} else if (!rest_takes(req, "text/event-stream")) {
		list(req, &ask, after);
	} else if (!has_room(req, &err)) {
		rest_retry_later(req);
		rest_fail(req, &err);
	} else {
		begin(req, &ask, after);
	}
}

/* ---- life ---- */

int nemo_open(struct north *n)
{
	struct nemo_events *all;

	if (!n->conf.intent)
		return 0;
	all = calloc(1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	all->north = n;
	all->listen = (struct intent_listen){.event = on_event, .arg = all};
	uv_timer_init(n->conf.loop, &all->beat); /* cannot fail */
	all->beat.data = all;
	n->handles++;
	n->nemo = all;
	intent_listen(n->conf.intent, &all->listen);
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	north_release(((struct nemo_events *)handle->data)->north);
}

void nemo_stop(struct north *n)
{
	struct nemo_events *all = n->nemo;
	struct nemo_stream *s;

	if (!all || uv_is_closing((uv_handle_t *)&all->beat))
		return;
	intent_unlisten(n->conf.intent, &all->listen);
	DL_FOREACH(all->streams, s)
	{
		rest_stream_end(s->rest, true);
	}
	uv_close((uv_handle_t *)&all->beat, on_closed);
}

void nemo_free(struct north *n)
{
	free(n->nemo);
	n->nemo = NULL;
}
