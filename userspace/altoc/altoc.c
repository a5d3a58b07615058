/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "altoc/altoc_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const altoc_state_names[ALTOC_STATE_MAX] = {
	[ALTOC_CONNECTING] = "connecting", [ALTOC_STREAMING] = "streaming",
	[ALTOC_POLLING] = "polling",	   [ALTOC_LOST] = "lost",
	[ALTOC_REFUSED] = "refused",
};

struct altoc_times altoc_times = {
	.refresh_ms = ALTOC_REFRESH_MS,
	.retry_ms = ALTOC_RETRY_MS,
	.settle_ms = ALTOC_SETTLE_MS,
	.second_ms = 1000,
};

struct altoc_bounds altoc_bounds = {
	.bytes = ALTOC_BYTES_MAX,
	.patched = ALTOC_PATCHED_MAX,
	.patches = ALTOC_PATCHES_MAX,
};

uint64_t altoc_now(const struct altoc_peer *peer)
{
	return uv_now(peer->altoc->conf.loop);
}

/* ---- time ---- */

static void on_tick(uv_timer_t *timer)
{
	struct altoc *altoc = timer->data;

	for (unsigned int i = 0; i < altoc->n; i++) {
		struct altoc_peer *peer = &altoc->peers[i];

		altoc_stream_check(peer);
		altoc_settle(peer);
		altoc_expire(peer);
		altoc_round_check(peer);
		altoc_feed(peer);
	}
}

void altoc_tick_soon(struct altoc *altoc)
{
	uv_timer_start(&altoc->tick, on_tick, 0, altoc_times.refresh_ms);
}

static void on_begin(uv_timer_t *timer)
{
	altoc_round_start(timer->data);
}

/* ---- closing ---- */

static void peer_fini(struct altoc_peer *peer)
{
	for (unsigned int i = 0; i < peer->n_slots; i++) {
		struct altoc_slot *slot = &peer->slots[i];

		free(slot->uri);
		free(slot->body);
	}
	free(peer->stream_uri);
	altoc_feed_fini(peer);
	altoc_conf_fini(peer);
}

/* The last one: handles are closed, and nobody will answer a write any more. */
void altoc_release(struct altoc *altoc)
{
	if (--altoc->refs)
		return;
	for (unsigned int i = 0; i < altoc->n; i++)
		peer_fini(&altoc->peers[i]);
	free(altoc->peers);
	free(altoc);
}

static void on_closed(uv_handle_t *handle)
{
	struct altoc_peer *peer = handle->data;

	altoc_release(peer->altoc);
}

static void on_tick_closed(uv_handle_t *handle)
{
	altoc_release(handle->data);
}

static void forget_all(struct altoc_peer *peer)
{
	for (unsigned int i = 0; i < peer->n_slots; i++) {
		altoc_doc_hold(&peer->slots[i].cur, NULL);
		altoc_doc_hold(&peer->slots[i].view, NULL);
	}
}

void altoc_close(struct altoc *altoc)
{
	if (!altoc)
		return;
	altoc->closed = true;
	for (unsigned int i = 0; i < altoc->n; i++) {
		altoc_round_stop(&altoc->peers[i]);
		altoc_feed_stop(&altoc->peers[i]);
		forget_all(&altoc->peers[i]);
		uv_close((uv_handle_t *)&altoc->peers[i].sweeper, on_closed);
		uv_close((uv_handle_t *)&altoc->peers[i].timer, on_closed);
	}
	fetch_close(altoc->fetch);
	uv_close((uv_handle_t *)&altoc->tick, on_tick_closed);
}

/* ---- opening ---- */

static void add_slot(struct altoc_peer *peer, enum altoc_kind kind, unsigned int metric)
{
	struct altoc_slot *slot = &peer->slots[peer->n_slots++];

	slot->peer = peer;
	slot->kind = kind;
	slot->metric = metric;
	if (kind == ALTOC_COSTS)
		snprintf(slot->name, sizeof(slot->name), "cost-%u", metric);
	else
		snprintf(slot->name, sizeof(slot->name), "%s", kind == ALTOC_MAP ? "map" : "props");
}

static int peer_open(struct altoc *altoc, struct altoc_peer *peer,
		     const struct altoc_source *source, struct err *err)
{
	int r = altoc_conf_read(peer, source, err);

	peer->altoc = altoc;
	if (r)
		return r;
	add_slot(peer, ALTOC_MAP, 0);
	for (unsigned int i = 0; i < peer->conf.n_metrics; i++)
		add_slot(peer, ALTOC_COSTS, i);
	if (peer->conf.n_properties)
		add_slot(peer, ALTOC_PROPS, 0);
	return 0;
}

static int peers_open(struct altoc *altoc, const struct altoc_conf *conf, struct err *err)
{
	for (unsigned int i = 0; i < conf->n_sources; i++) {
		int r = peer_open(altoc, &altoc->peers[i], &conf->sources[i], err);

		altoc->n++;
		for (unsigned int j = 0; !r && j < i; j++)
			r = altoc_source_apart(&conf->sources[i], &conf->sources[j], err);
		if (r) {
			err_prefix(err, "/sources/%u", i);
			return r;
		}
	}
	return 0;
}

static void start_timers(struct altoc *altoc)
{
	uv_loop_t *loop = altoc->conf.loop;

	uv_timer_init(loop, &altoc->tick);
	altoc->tick.data = altoc;
	uv_timer_start(&altoc->tick, on_tick, altoc_times.refresh_ms, altoc_times.refresh_ms);
	for (unsigned int i = 0; i < altoc->n; i++) {
		struct altoc_peer *peer = &altoc->peers[i];

		uv_idle_init(loop, &peer->sweeper);
		peer->sweeper.data = peer;
		uv_timer_init(loop, &peer->timer);
		peer->timer.data = peer;
		uv_timer_start(&peer->timer, on_begin, 0, 0);
	}
	altoc->refs = 2 * altoc->n + 1;
}

int altoc_open(const struct altoc_conf *conf, struct altoc **out, struct err *err)
{
	struct altoc *altoc;
	int r;

	if (conf->n_sources > ALTOC_SOURCES_MAX)
		return err_set(err, -ENOSPC, "/sources", NULL, "must be at most %d",
			       ALTOC_SOURCES_MAX);
	altoc = calloc(1, sizeof(*altoc));
	if (!altoc)
		return err_set(err, -ENOMEM, "", NULL, "out of memory");
	altoc->refs = 1;
	altoc->conf = *conf;
	altoc->conf.sources = NULL;
	altoc->works_end = &altoc->works;
	json_object_seed(0); /* before there are threads */
	altoc->peers = calloc(conf->n_sources + 1, sizeof(*altoc->peers));
	r = altoc->peers ? peers_open(altoc, conf, err)
			 : err_set(err, -ENOMEM, "", NULL, "out of memory");
	if (!r) {
		r = fetch_open(conf->loop, &altoc->fetch);
		if (r)
			err_set(err, r, "", NULL, "libcurl does not start");
	}
	if (r) {
		altoc_release(altoc);
		return r;
	}
	start_timers(altoc);
	*out = altoc;
	return 0;
}
