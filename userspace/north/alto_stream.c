/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Update streams over HTTP (RFC 8895). A client that is slow is not told every change, but what is
 * new when it has taken what it was sent.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <utlist.h>

#include "north/alto_updates.h"

struct update_stream {
	struct alto_streams *all;
	char id[ALTO_SECRET_LEN]; /* of its control URI */
	struct rest_stream *rest;
	struct alto_stream *state;
	struct alto_out control; /* events of its control */
	struct alto_out out;	 /* events that are being sent */
	size_t at;
	size_t counted_len;  /* of out, in all->in_flight and share->in_flight */
	struct share *share; /* whose it is; a reference */
	uint64_t counted;    /* of its events, in all->events */
	bool asked;	     /* the client has taken all it was sent */
	bool due;	     /* to be told what is new */
	bool blocked;	     /* there was no room for it */
	uint64_t spoken_us;  /* last event or keep-alive */
	struct alto_prefix client;
	struct update_stream *prev, *next;
};

/* More events may be sent. */
static bool is_room(const struct alto_streams *s, const struct share *share)
{
	size_t max = ALTO_IN_FLIGHT_MAX - (share->known ? 0 : ALTO_IN_FLIGHT_KNOWN);

	return s->in_flight <= max && (share->local || share->in_flight <= ALTO_IN_FLIGHT_PARTY);
}

static bool may_open(struct req *req)
{
	if (!alto_streams_room(req, req->share->streams, 503))
		return false;
	if (is_room(req->north->alto.streams, req->share))
		return true;
	alto_streams_refuse(req, 503,
			    "too much waits for clients of update streams: try again later");
	return false;
}

/* ---- pieces ---- */

static void piece(struct update_stream *u)
{
	size_t left = u->out.len - u->at, n = left < ALTO_PIECE ? left : ALTO_PIECE;
	char *text = malloc(n);

	if (!text) {
		rest_stream_end(u->rest, false);
		return;
	}
	memcpy(text, u->out.data + u->at, n);
	u->at += n;
	u->asked = false;
	if (u->at == n)
		rest_stream_put(u->rest, text, n);
	else
		rest_stream_go_on(u->rest, text, n);
}

static void tell(struct update_stream *u)
{
	u->due = true;
	alto_streams_tell(u->all);
}

/* Those that found no room may find it now. */
static void leave_room(struct update_stream *u)
{
	struct update_stream *other;

	u->all->in_flight -= u->counted_len;
	u->share->in_flight -= u->counted_len;
	u->counted_len = 0;
	DL_FOREACH(u->all->streams, other)
	{
		if (other->blocked && other != u)
			tell(other);
	}
}

/* What was sent is taken. */
static void sent(struct update_stream *u)
{
	leave_room(u);
	alto_out_fini(&u->out);
	u->at = 0;
}

static void send_events(struct update_stream *u)
{
	u->counted_len = u->out.len;
	u->all->in_flight += u->counted_len;
	u->share->in_flight += u->counted_len;
	u->all->events += alto_stream_events(u->state) - u->counted;
	u->counted = alto_stream_events(u->state);
	u->spoken_us = clock_us();
	piece(u);
}

static int collect(struct update_stream *u)
{
	alto_put(&u->out, u->control.data ? u->control.data : "", u->control.len);
	u->control.len = 0;
	return alto_stream_update(u->state, &u->out);
}

/* Sends what is new, if the client has taken the rest. */
static void advance(struct update_stream *u)
{
	if (!u->asked || u->all->working)
		return;
	u->blocked = !is_room(u->all, u->share);
	if (u->blocked)
		return;
	if (alto_stream_empty(u->state) && !u->control.len)
		rest_stream_end(u->rest, true);
	else if (collect(u))
		rest_stream_end(u->rest, false);
	else if (u->out.len)
		send_events(u);
}

static void on_more(void *arg)
{
	struct update_stream *u = arg;

	if (u->at < u->out.len) {
		piece(u);
		return;
	}
	sent(u);
	u->asked = true;
	tell(u);
}

static void update_free(struct update_stream *u)
{
	alto_stream_free(u->state);
	alto_out_fini(&u->control);
	alto_out_fini(&u->out);
	free(u);
}

static void on_gone(void *arg)
{
	struct update_stream *u = arg;
	struct alto_streams *s = u->all;

	leave_room(u);
	u->share->streams--;
	share_put(u->share);
	DL_DELETE(s->streams, u);
	s->n_streams--;
	update_free(u);
}

/* ---- requests ---- */

static struct alto_stream_conf conf_of(const struct req *req, const char *base, const char *path)
{
	return (struct alto_stream_conf){
		.contents = req->north->alto.streams->contents,
		.all = alto_resources_now(req->north),
		.client = alto_client(req),
		.base = base,
		.path = path,
		.now_unix = (uint64_t)time(NULL),
	};
}

/* Checked; what is new is asked in the turns to come: whoever gets 200 or 202 gets contents. */
static void begin_adds(struct req *req, const struct alto_stream_conf *conf,
		       const struct alto_stream *stream, void (*run)(struct req *req))
{
	struct alto_error error = {0};
	int r;

	if (conf->all)
		r = alto_adds_new(conf, stream, req->data ? req->data : "", req->len, &req->adds,
				  &error);
	else
		r = alto_overload(&error, "there are no maps yet");
	if (r)
		alto_fail(req, r, &error);
	else
		alto_queue_again(req, run);
}

/* True: all is asked. Else answered, or there is another turn. */
static bool step_adds(struct req *req, void (*run)(struct req *req))
{
	struct alto_error error = {0};
	int r = alto_adds_step(req->adds, &error);

	if (r == -EAGAIN)
		alto_queue_again(req, run);
	else if (r)
		alto_fail(req, r, &error);
	return r == 0;
}

static int open_state(struct req *req, struct update_stream *u, struct alto_error *error)
{
	char base[ALTO_BASE_LEN], path[64];
	struct alto_stream_conf conf = conf_of(req, alto_base(req, base), path);

	if (alto_secret(u->id))
		return -ENOMEM;
	snprintf(path, sizeof(path), "/alto/updates/%s", u->id);
	return alto_stream_new(&conf, req->adds, &u->out, &u->state, error);
}

static void begin(struct req *req, struct update_stream *u)
{
	static const struct rest_stream_ops ops = {on_more, on_gone};
	struct alto_streams *s = u->all;

	u->rest = rest_stream_new(req, &ops, u);
	if (!u->rest) {
		update_free(u);
		rest_json(req, 500, NULL);
		return;
	}
	u->share = share_ref(req->share);
	u->share->streams++;
	DL_APPEND(s->streams, u);
	s->n_streams++;
	send_events(u);
	alto_streams_beat(s);
	rest_streamed(req, u->rest, alto_media_type(ALTO_MEDIA_EVENT_STREAM));
}

static struct update_stream *update_new(struct alto_streams *s, const struct alto_prefix *client)
{
	struct update_stream *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->all = s;
	u->control.max = ALTO_CONTROL_BYTES;
	u->out.max = 2 * ALTO_STREAM_BYTES_MAX + ALTO_CONTROL_BYTES;
	u->client = *client;
	return u;
}

static void on_open(struct req *req)
{
	const struct alto_prefix client = alto_client(req);
	struct alto_error error = {0};
	struct update_stream *u;
	int r;

	if (!step_adds(req, on_open) || !may_open(req))
		return;
	u = update_new(req->north->alto.streams, &client);
	r = u ? open_state(req, u, &error) : -ENOMEM;
	if (r == 0) {
		begin(req, u);
		return;
	}
	if (u)
		update_free(u);
	alto_fail(req, r, &error);
}

void alto_updates_post(struct req *req)
{
	const struct alto_stream_conf conf = conf_of(req, NULL, NULL);

	if (may_open(req))
		begin_adds(req, &conf, NULL, on_open);
}

static struct update_stream *find(const struct alto_streams *s, const char *id)
{
	struct update_stream *u;

	DL_FOREACH(s->streams, u)
	{
		if (strcmp(u->id, id) == 0 && !alto_stream_empty(u->state))
			return u;
	}
	return NULL;
}

/* NULL: answered. It may end between two turns. */
static struct update_stream *find_controlled(struct req *req)
{
	struct update_stream *u = find(req->north->alto.streams, req->param[0]);

	if (!u)
		alto_no_such(req);
	return u;
}

static void on_control_step(struct req *req)
{
	struct update_stream *u = find_controlled(req);
	struct alto_error error = {0};
	unsigned int status;
	int r;

	if (!u || !step_adds(req, on_control_step))
		return;
	r = alto_stream_control(u->state, req->adds, &u->control, &status, &error);
	if (r == 0)
		rest_empty(req, status);
	else
		alto_fail(req, r, &error);
	if (r == 0)
		tell(u);
	else if (r != -EINVAL && r != -EBUSY)
		rest_stream_end(u->rest, false);
}

static void on_control(struct req *req)
{
	struct update_stream *u = find_controlled(req);
	struct alto_stream_conf conf = conf_of(req, NULL, NULL);

	if (!u)
		return;
	conf.client = u->client; /* who follows, not who controls */
	begin_adds(req, &conf, u->state, on_control_step);
}

void alto_updates_control(struct req *req)
{
	alto_queue(req, on_control);
}

/* ---- changes and time ---- */

static void keep_alive(struct update_stream *u, uint64_t now_us)
{
	if (!u->asked || now_us - u->spoken_us < ALTO_KEEPALIVE_S * 1000000ull)
		return;
	alto_stream_keepalive(&u->out);
	if (u->out.failed)
		rest_stream_end(u->rest, false);
	else
		send_events(u);
}

void alto_updates_changed(struct alto_streams *s)
{
	struct update_stream *u;

	DL_FOREACH(s->streams, u)
	{
		tell(u);
	}
}

/* The others come first next time. */
bool alto_updates_tell(struct alto_streams *s)
{
	struct update_stream *u;

	DL_SEARCH_SCALAR(s->streams, u, due, true);
	if (!u)
		return false;
	u->due = false;
	DL_DELETE(s->streams, u);
	DL_APPEND(s->streams, u);
	advance(u);
	return true;
}

void alto_updates_tick(struct alto_streams *s, uint64_t now_us)
{
	struct update_stream *u;

	DL_FOREACH(s->streams, u)
	{
		keep_alive(u, now_us);
	}
}

void alto_updates_stop(struct alto_streams *s)
{
	struct update_stream *u;

	DL_FOREACH(s->streams, u)
	{
		rest_stream_end(u->rest, true);
	}
}
