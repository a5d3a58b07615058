/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A round: directory; then the network map; then, at once, the subscription and whatever is not
 * part of it. It ends when all answers are in; the next one begins after poll_s, or, if something
 * failed, after a pause that grows. While a stream runs, a round asks for the directory and for
 * what is not in the stream.
 */
#include "altoc/altoc_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "util/log.h"

enum stage { DIRECTORY, MAP, REST, PARTIAL };

static void ask_polled(struct altoc_peer *peer);

static void on_timer(uv_timer_t *timer)
{
	struct altoc_peer *peer = timer->data;

	if (peer->stream)
		ask_polled(peer);
	else
		altoc_round_start(peer);
}

static void schedule(struct altoc_peer *peer, uint64_t ms)
{
	uv_timer_start(&peer->timer, on_timer, ms, 0);
}

/* Up to a quarter more: those who lost the same server do not come back together. */
static uint64_t with_jitter(uint64_t ms)
{
	uint32_t random = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = (uint32_t)uv_hrtime();
	return ms + (uint64_t)random * ms / 4 / UINT32_MAX;
}

static uint64_t next_pause(struct altoc_peer *peer)
{
	uint64_t ms = peer->retry_ms ? peer->retry_ms * 2 : altoc_times.retry_ms;

	peer->retry_ms = ms < peer->poll_ms ? ms : peer->poll_ms;
	return with_jitter(peer->retry_ms);
}

void altoc_fail(struct altoc_peer *peer, struct altoc_slot *slot, bool refused,
		const struct err *err)
{
	char text[ALTOC_TEXT];

	err_text(err, text, sizeof(text));
	if (strcmp(text, peer->why) != 0)
		log_warn(refused ? "ALTO answer refused" : "ALTO source does not answer",
			 "source=%s why=\"%s\"", peer->conf.name, text);
	if (slot)
		memcpy(slot->error, text, sizeof(text));
	memcpy(peer->why, text, sizeof(text));
	peer->failed = true;
	peer->refused |= refused;
	peer->refusals += refused;
}

/* ---- the end of a round ---- */

static void end_bad(struct altoc_peer *peer)
{
	bool at_once = peer->stale && !peer->stale_again;

	peer->stale_again = peer->stale;
	if (!peer->stream) {
		peer->state = peer->refused ? ALTOC_REFUSED : ALTOC_CONNECTING;
		peer->reconnects++;
	}
	/* A tag that does not fit: perhaps the map changed between two answers. */
	schedule(peer, at_once ? 0 : next_pause(peer));
}

static void end_good(struct altoc_peer *peer)
{
	/* Why the stream was lost stands until it runs again. */
	if (!peer->unstreamed && (!peer->stream || peer->settled))
		peer->why[0] = '\0';
	schedule(peer, peer->poll_ms);
	if (peer->stream)
		return;
	if (peer->state != ALTOC_POLLING)
		log_info("ALTO source is polled", "source=%s poll_s=%ju", peer->conf.name,
			 (uintmax_t)(peer->poll_ms / altoc_times.second_ms));
	peer->state = ALTOC_POLLING;
	peer->stale_again = false;
	peer->retry_ms = 0;
	if (peer->unstreamed)
		peer->unstreamed--;
}

/* ---- stages ---- */

static void ask_rest(struct altoc_peer *peer)
{
	for (unsigned int i = 1; i < peer->n_slots; i++) {
		struct altoc_slot *slot = &peer->slots[i];

		if (slot->offered && !slot->job && !(peer->stream && slot->streamed))
			altoc_ask(slot);
	}
}

static void begin_rest(struct altoc_peer *peer)
{
	struct err err = {0};

	peer->stage = REST;
	if (peer->stream_uri && !peer->unstreamed && altoc_stream_start(peer, &err)) {
		altoc_fail(peer, NULL, false, &err);
		peer->failed = false;
	}
	ask_rest(peer);
}

static void next_stage(struct altoc_peer *peer)
{
	if (peer->stage == DIRECTORY && !peer->failed) {
		peer->stage = MAP;
		altoc_ask(&peer->slots[0]);
	} else if (peer->stage == MAP && !peer->failed) {
		/* One more that is waited for, while the others are being asked. */
		peer->waiting++;
		begin_rest(peer);
		altoc_round_answered(peer);
	} else if (peer->failed) {
		end_bad(peer);
	} else {
		end_good(peer);
	}
}

void altoc_round_answered(struct altoc_peer *peer)
{
	if (--peer->waiting == 0)
		next_stage(peer);
}

static void begin(struct altoc_peer *peer, enum stage stage)
{
	uv_timer_stop(&peer->timer);
	peer->stage = stage;
	peer->failed = peer->refused = peer->stale = false;
}

void altoc_round_start(struct altoc_peer *peer)
{
	altoc_round_stop(peer);
	begin(peer, DIRECTORY);
	altoc_ask_directory(peer);
}

/* Besides a stream, or when filters changed. There may be nothing to ask for. */
static void ask_polled(struct altoc_peer *peer)
{
	if (peer->waiting)
		return;
	begin(peer, PARTIAL);
	peer->waiting++;
	if (peer->stream)
		altoc_ask_directory(peer);
	if (peer->stream && !peer->slots[0].streamed)
		altoc_ask(&peer->slots[0]);
	ask_rest(peer);
	altoc_round_answered(peer);
}

void altoc_round_again(struct altoc_peer *peer)
{
	altoc_round_stop(peer);
	peer->state = peer->refused ? ALTOC_REFUSED : ALTOC_CONNECTING;
	peer->reconnects++;
	schedule(peer, next_pause(peer));
}

void altoc_round_stop(struct altoc_peer *peer)
{
	uv_timer_stop(&peer->timer);
	fetch_cancel(peer->job);
	peer->job = NULL;
	for (unsigned int i = 0; i < peer->n_slots; i++) {
		fetch_cancel(peer->slots[i].job);
		peer->slots[i].job = NULL;
	}
	altoc_stream_stop(peer);
	peer->waiting = 0;
}

/* ---- gateways came or went, or the stream told of another network map ---- */

static bool asks_otherwise(const struct altoc_slot *slot)
{
	char *body;
	bool differs;

	if (!slot->offered)
		return false;
	if (slot->cur && !slot->streamed && !altoc_doc_fits(slot))
		return true;
	if (!slot->filtered)
		return false;
	body = altoc_plan_body(slot);
	differs = !body != !slot->body || (body && strcmp(body, slot->body) != 0);
	free(body);
	return differs;
}

void altoc_round_check(struct altoc_peer *peer)
{
	bool polled = false, streamed = false;

	if (peer->waiting || !peer->slots[0].cur)
		return;
	for (unsigned int i = 1; i < peer->n_slots; i++) {
		struct altoc_slot *slot = &peer->slots[i];

		if (!asks_otherwise(slot))
			continue;
		if (peer->stream && slot->streamed)
			streamed = true;
		else
			polled = true;
	}
	if (streamed)
		altoc_round_start(peer);
	else if (polled && (peer->stream || peer->state == ALTOC_POLLING))
		ask_polled(peer);
}
