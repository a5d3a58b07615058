/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Update streams over HTTP (RFC 8895). A client that is slow is not told every change, but what is
 * new when it has taken what it was sent.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
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
	uint64_t counted;   /* of its events, in all->events */
	bool asked;	    /* the client has taken all it was sent */
	uint64_t spoken_us; /* last event or keep-alive */
	struct alto_prefix client;
	struct update_stream *prev, *next;
};

int alto_secret(char out[ALTO_SECRET_LEN])
{
	uint8_t bits[(ALTO_SECRET_LEN - 1) / 2];

	if (getrandom(bits, sizeof(bits), 0) != sizeof(bits))
		return -EIO;
	for (size_t i = 0; i < sizeof(bits); i++)
		snprintf(out + 2 * i, 3, "%02x", bits[i]);
	return 0;
}

/* ---- limits ---- */

void alto_too_many(struct req *req, const char *want)
{
	struct err err = {0};

	err_set(&err, -EAGAIN, "", NULL, "%s", want);
	rest_header(req, "Retry-After", "%d", ALTO_RETRY_S);
	rest_problem(req, 429, &err);
}

bool alto_streams_room(struct req *req, unsigned int status)
{
	struct alto_streams *s = req->north->alto.streams;
	char want[96];

	if (s->n_streams + s->n_waits < NORTH_STREAMS_MAX)
		return true;
	snprintf(want, sizeof(want),
		 "at most %d update streams and waiting requests: try again later",
		 NORTH_STREAMS_MAX);
	s->refused++;
	if (status == 429)
		alto_too_many(req, want);
	else
		alto_busy(req, want);
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
	rest_stream_put(u->rest, text, n);
}

/* What was sent is taken. */
static void sent(struct update_stream *u)
{
	u->all->in_flight -= u->out.len;
	alto_out_fini(&u->out);
	u->out = (struct alto_out){.max = 2 * ALTO_STREAM_BYTES_MAX + ALTO_CONTROL_BYTES};
	u->at = 0;
}

static void send_events(struct update_stream *u)
{
	u->all->in_flight += u->out.len;
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
	if (!u->asked || u->all->working || u->all->in_flight > ALTO_IN_FLIGHT_MAX)
		return;
	if (alto_stream_empty(u->state) && !u->control.len)
		rest_stream_end(u->rest, true);
	else if (collect(u))
		rest_stream_end(u->rest, false);
	else if (u->out.len)
		send_events(u);
}

/* Those that waited for others to take what they were sent. */
static void advance_all(struct alto_streams *s)
{
	struct update_stream *u;

	DL_FOREACH(s->streams, u)
	{
		if (!s->stopped)
			advance(u);
	}
}

static void on_more(void *arg)
{
	struct update_stream *u = arg;
	bool full = u->all->in_flight > ALTO_IN_FLIGHT_MAX;

	if (u->at < u->out.len) {
		piece(u);
		return;
	}
	sent(u);
	u->asked = true;
	if (u->all->stopped)
		return;
	advance(u);
	if (full)
		advance_all(u->all);
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

	s->in_flight -= u->out.len;
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

/* Checked, and all that is new asked: whoever gets 200 or 202 gets contents. */
static int adds_of(const struct req *req, const struct alto_stream_conf *conf,
		   const struct alto_stream *stream, struct alto_adds **adds,
		   struct alto_error *error)
{
	int r = alto_adds_new(conf, stream, req->data ? req->data : "", req->len, adds, error);

	if (r)
		return r;
	do {
		r = alto_adds_step(*adds, error);
	} while (r == -EAGAIN);
	return r;
}

static int open_state(struct req *req, struct update_stream *u, struct alto_error *error)
{
	char base[ALTO_BASE_LEN], path[64];
	struct alto_stream_conf conf = conf_of(req, alto_base(req, base), path);
	struct alto_adds *adds = NULL;
	int r;

	if (!conf.all)
		return alto_overload(error, "there are no maps yet");
	if (alto_secret(u->id))
		return -ENOMEM;
	snprintf(path, sizeof(path), "/alto/updates/%s", u->id);
	r = adds_of(req, &conf, NULL, &adds, error);
	if (r == 0)
		r = alto_stream_new(&conf, adds, &u->out, &u->state, error);
	alto_adds_free(adds);
	return r;
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
	DL_APPEND(s->streams, u);
	s->n_streams++;
	send_events(u);
	alto_streams_beat(s);
	rest_streamed(req, u->rest, alto_media_type(ALTO_MEDIA_EVENT_STREAM));
}

void alto_updates_post(struct req *req)
{
	struct alto_streams *s = req->north->alto.streams;
	struct alto_error error = {0};
	struct update_stream *u;
	int r;

	if (!alto_streams_room(req, 503))
		return;
	u = calloc(1, sizeof(*u));
	if (!u) {
		alto_fail(req, -ENOMEM, &error);
		return;
	}
	u->all = s;
	u->control.max = ALTO_CONTROL_BYTES;
	u->out.max = 2 * ALTO_STREAM_BYTES_MAX + ALTO_CONTROL_BYTES;
	u->client = alto_client(req);
	r = open_state(req, u, &error);
	if (r) {
		update_free(u);
		alto_fail(req, r, &error);
		return;
	}
	begin(req, u);
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

void alto_updates_control(struct req *req)
{
	struct update_stream *u = find(req->north->alto.streams, req->param[0]);
	struct alto_stream_conf conf = conf_of(req, NULL, NULL);
	struct alto_error error = {0};
	struct alto_adds *adds = NULL;
	unsigned int status;
	int r;

	if (!u || !conf.all) {
		alto_no_such(req);
		return;
	}
	conf.client = u->client; /* who follows, not who controls */
	r = adds_of(req, &conf, u->state, &adds, &error);
	if (r == 0)
		r = alto_stream_control(u->state, adds, &u->control, &status, &error);
	alto_adds_free(adds);
	if (r) {
		alto_fail(req, r, &error);
		if (r != -EINVAL && r != -EBUSY)
			rest_stream_end(u->rest, false);
		return;
	}
	rest_empty(req, status);
	advance(u);
}

/* ---- changes and time ---- */

static void on_work(uv_timer_t *timer)
{
	struct alto_streams *s = timer->data;
	const struct alto_resources *all = alto_resources_now(s->north);

	if (alto_contents_step(s->contents, all, (uint64_t)time(NULL))) {
		uv_timer_start(timer, on_work, 0, 0);
		return;
	}
	s->working = false;
	alto_tips_changed(s);
	advance_all(s);
	alto_streams_changed(s->north); /* what came during the round */
}

void alto_streams_changed(struct north *n)
{
	struct alto_streams *s = n->alto.streams;
	const struct alto_resources *all = alto_resources_now(n);

	if (!all || s->stopped || s->working ||
	    !alto_contents_stale(s->contents, all, (uint64_t)time(NULL)))
		return;
	s->working = true;
	uv_timer_start(&s->work, on_work, 0, 0);
}

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

void alto_streams_tick(struct alto_streams *s, uint64_t now_us)
{
	struct update_stream *u;

	if (++s->beats % ALTO_KEEPALIVE_S == 0) /* calendars turn without a new snapshot */
		alto_streams_changed(s->north);
	DL_FOREACH(s->streams, u)
	{
		keep_alive(u, now_us);
	}
	alto_tips_tick(s, now_us);
	if (s->n_streams + s->n_views + s->n_waits == 0)
		uv_timer_stop(&s->beat);
}

static void on_beat(uv_timer_t *timer)
{
	alto_streams_tick(timer->data, clock_us());
}

void alto_streams_beat(struct alto_streams *s)
{
	if (!uv_is_active((uv_handle_t *)&s->beat))
		uv_timer_start(&s->beat, on_beat, ALTO_BEAT_MS, ALTO_BEAT_MS);
}

/* ---- life ---- */

int alto_streams_open(struct north *n)
{
	struct alto_streams *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->north = n;
	s->contents = alto_contents_new(n->name[0] ? n->name : NULL);
	if (!s->contents) {
		free(s);
		return -ENOMEM;
	}
	uv_timer_init(n->conf.loop, &s->beat); /* cannot fail */
	uv_timer_init(n->conf.loop, &s->work);
	s->beat.data = s->work.data = s;
	n->handles += 2;
	n->alto.streams = s;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct alto_streams *s = handle->data;

	north_release(s->north);
}

void alto_streams_stop(struct north *n)
{
	struct alto_streams *s = n->alto.streams;
	struct update_stream *u;

	if (!s || s->stopped)
		return;
	s->stopped = true;
	alto_tips_stop(s);
	DL_FOREACH(s->streams, u)
	{
		rest_stream_end(u->rest, true);
	}
	uv_close((uv_handle_t *)&s->beat, on_closed);
	uv_close((uv_handle_t *)&s->work, on_closed);
}

void alto_streams_free(struct north *n)
{
	if (!n->alto.streams)
		return;
	alto_contents_free(n->alto.streams->contents);
	free(n->alto.streams);
	n->alto.streams = NULL;
}

void alto_streams_stats(const struct north *n, struct alto_streams_stats *out)
{
	const struct alto_streams *s = n->alto.streams;

	*out = (struct alto_streams_stats){0};
	if (s)
		*out = (struct alto_streams_stats){
			.streams = s->n_streams,
			.views = s->n_views,
			.waits = s->n_waits,
			.events = s->events,
			.refused = s->refused,
		};
}
