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

static void refuse(struct req *req, unsigned int status, const char *want)
{
	req->north->alto.streams->refused++;
	if (status == 429)
		alto_too_many(req, want);
	else
		alto_busy(req, want);
}

bool alto_streams_room(struct req *req, unsigned int n, unsigned int status)
{
	const struct alto_streams *s = req->north->alto.streams;
	unsigned int max = NORTH_STREAMS_MAX - (req->share->known ? 0 : NORTH_STREAMS_KNOWN);
	char want[96];

	if (!req->share->local && n >= NORTH_STREAMS_PARTY)
		snprintf(want, sizeof(want), "at most %d of one client: try again later",
			 NORTH_STREAMS_PARTY);
	else if (s->n_streams + s->n_waits >= max)
		snprintf(want, sizeof(want),
			 "at most %u update streams and waiting requests: try again later", max);
	else
		return true;
	refuse(req, status, want);
	return false;
}

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
	refuse(req, 503, "too much waits for clients of update streams: try again later");
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

static void advance(struct update_stream *u);

/* One a turn of the loop; the others come first next time. */
static void on_tell(uv_idle_t *idle)
{
	struct alto_streams *s = idle->data;
	struct update_stream *u;

	DL_SEARCH_SCALAR(s->streams, u, due, true);
	if (u) {
		u->due = false;
		DL_DELETE(s->streams, u);
		DL_APPEND(s->streams, u);
		advance(u);
	} else if (!alto_tips_tell(s)) {
		uv_idle_stop(idle);
	}
}

static void tell(struct update_stream *u)
{
	u->due = true;
	if (!u->all->stopped)
		uv_idle_start(&u->all->tell, on_tell);
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

static void tell_all(struct alto_streams *s)
{
	struct update_stream *u;

	DL_FOREACH(s->streams, u)
	{
		tell(u);
	}
	if (!s->stopped)
		uv_idle_start(&s->tell, on_tell);
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

static void on_pause(uv_timer_t *timer)
{
	struct alto_streams *s = timer->data;

	alto_streams_changed(s->north);
}

/* One step a turn of the loop: a timer of 0 ms that starts itself again would not leave its own. */
static void on_work(uv_idle_t *idle)
{
	struct alto_streams *s = idle->data;
	uint64_t took_ms;

	if (alto_contents_step(s->contents, alto_resources_now(s->north), (uint64_t)time(NULL)))
		return;
	uv_idle_stop(idle);
	s->working = false;
	alto_tips_changed(s);
	tell_all(s);
	took_ms = (clock_us() - s->began_us) / 1000;
	uv_timer_start(&s->pause, on_pause, ALTO_PAUSE_MS + ALTO_PAUSE_TIMES * took_ms, 0);
}

void alto_streams_changed(struct north *n)
{
	struct alto_streams *s = n->alto.streams;
	const struct alto_resources *all = alto_resources_now(n);

	if (!all || s->stopped || s->working || uv_is_active((uv_handle_t *)&s->pause) ||
	    !alto_contents_stale(s->contents, all, (uint64_t)time(NULL)))
		return;
	s->working = true;
	s->began_us = clock_us();
	uv_idle_start(&s->work, on_work);
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
	uv_timer_init(n->conf.loop, &s->pause);
	uv_idle_init(n->conf.loop, &s->work);
	uv_idle_init(n->conf.loop, &s->tell);
	s->beat.data = s->pause.data = s->work.data = s->tell.data = s;
	n->handles += 4;
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
	uv_close((uv_handle_t *)&s->pause, on_closed);
	uv_close((uv_handle_t *)&s->work, on_closed);
	uv_close((uv_handle_t *)&s->tell, on_closed);
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
