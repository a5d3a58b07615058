/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What update streams and TIPS share: their limits, the rounds in which the contents that they
 * follow are asked, the turns in which they are told, their timer.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#include "north/alto_updates.h"

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
	rest_retry_later(req);
	rest_problem(req, 429, &err);
}

void alto_streams_refuse(struct req *req, unsigned int status, const char *want)
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
	alto_streams_refuse(req, status, want);
	return false;
}

/* ---- telling ---- */

/* One a turn of the loop. */
static void on_tell(uv_idle_t *idle)
{
	struct alto_streams *s = idle->data;

	if (!alto_updates_tell(s) && !alto_tips_tell(s))
		uv_idle_stop(idle);
}

void alto_streams_tell(struct alto_streams *s)
{
	if (!s->stopped)
		uv_idle_start(&s->tell, on_tell);
}

/* ---- rounds ---- */

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
	alto_updates_changed(s);
	alto_streams_tell(s);
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

/* ---- time ---- */

void alto_streams_tick(struct alto_streams *s, uint64_t now_us)
{
	if (++s->beats % ALTO_KEEPALIVE_S == 0) /* calendars turn without a new snapshot */
		alto_streams_changed(s->north);
	alto_updates_tick(s, now_us);
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

	if (!s || s->stopped)
		return;
	s->stopped = true;
	alto_tips_stop(s);
	alto_updates_stop(s);
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
