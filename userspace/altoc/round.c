/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A round: directory; then the network map; then, at once, the subscription and whatever is not
 * part of it. It ends when all answers are in; the next one begins after poll_s, or, if something
 * failed, after a pause that grows. While a stream runs, a round asks for the directory and for
 * what is not in the stream. What is asked for between two rounds, since gateways came or went,
 * does not put off the next one.
 */
#include "altoc/altoc_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "util/log.h"

/* PARTIAL: only what is asked otherwise; it does not put off the next round. */
enum stage { DIRECTORY, MAP, REST, BESIDE, PARTIAL };

static void ask_polled(struct altoc_peer *peer, enum stage stage);

static void on_timer(uv_timer_t *timer)
{
	struct altoc_peer *peer = timer->data;

	if (!altoc_streams(peer))
		altoc_round_start(peer);
	else if (peer->waiting || peer->stream_ended) /* for a partial one, or the last events */
		uv_timer_start(timer, on_timer, altoc_times.retry_ms, 0);
	else
		ask_polled(peer, BESIDE);
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
	/* A tag that does not fit: perhaps the map changed between two answers. */
	uint64_t ms = at_once ? 0 : next_pause(peer);

	peer->stale_again = peer->stale;
	peer->pause_ms = altoc_now(peer) + ms;
	if (!altoc_streams(peer)) {
		peer->state = peer->refused ? ALTOC_REFUSED : ALTOC_CONNECTING;
		peer->reconnects++;
	}
	if (peer->stage != PARTIAL || uv_timer_get_due_in(&peer->timer) > ms)
		schedule(peer, ms);
}

static void end_polled(struct altoc_peer *peer)
{
	if (peer->state != ALTOC_POLLING)
		log_info("ALTO source is polled", "source=%s poll_s=%ju", peer->conf.name,
			 (uintmax_t)(peer->poll_ms / altoc_times.second_ms));
	peer->state = ALTOC_POLLING;
	peer->stale_again = false;
	peer->retry_ms = 0;
	if (peer->unstreamed && peer->stage != PARTIAL)
		peer->unstreamed--;
}

static void end_good(struct altoc_peer *peer)
{
	peer->pause_ms = 0;
	/* Why the stream was lost stands until it runs again. */
	if (!peer->unstreamed && (!altoc_streams(peer) || peer->settled))
		peer->why[0] = '\0';
	if (peer->stage != PARTIAL)
		schedule(peer, peer->poll_ms);
	if (!altoc_streams(peer)) {
		end_polled(peer);
	} else if (peer->steady) {
		peer->stale_again = false;
		peer->retry_ms = 0;
	}
}

/* ---- stages ---- */

static void ask_rest(struct altoc_peer *peer)
{
	for (unsigned int i = 1; i < peer->n_slots; i++) {
		struct altoc_slot *slot = &peer->slots[i];

		if (slot->offered && !slot->job && !slot->reading &&
		    !(altoc_streams(peer) && slot->streamed))
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
	if (stage != PARTIAL)
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
static void ask_polled(struct altoc_peer *peer, enum stage stage)
{
	begin(peer, stage);
	peer->waiting++;
	if (stage == BESIDE)
		altoc_ask_directory(peer);
	if (stage == BESIDE && !peer->slots[0].streamed)
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
		peer->slots[i].reading = false;
	}
	altoc_work_drop(peer, true);
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

/* Where the map that is asked for and the one that the stream tells differ, their filters do, too:
 * again and again. */
static void refilter(struct altoc_peer *peer)
{
	struct err err = {0};

	if (!peer->refiltered) {
		peer->refiltered = true;
		peer->reconnects++;
		altoc_round_start(peer);
		return;
	}
	peer->refused = false;
	err_set(&err, -EAGAIN, "", NULL, "is asked for again: other PIDs are needed now");
	err_object(&err, "update stream");
	altoc_fail(peer, NULL, false, &err);
	altoc_round_again(peer);
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
		if (altoc_streams(peer) && slot->streamed)
			streamed = true;
		else
			polled = true;
	}
	if (streamed)
		refilter(peer);
	else if (polled && (altoc_streams(peer) || peer->state == ALTOC_POLLING) &&
		 altoc_now(peer) >= peer->pause_ms)
		ask_polled(peer, PARTIAL);
}
