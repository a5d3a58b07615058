/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Update stream (RFC 8895): one subscription for all slots that it tells of. */
#include "altoc/altoc_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/json.h"

/* ---- the request ---- */

static int on_piece(void *arg, const struct fetch_answer *head, const char *bytes, size_t len)
{
	struct altoc_peer *peer = arg;

	if (alto_media_parse(head->content_type) != ALTO_MEDIA_EVENT_STREAM) {
		peer->stream_refused = true;
		return err_set(&peer->stream_err, -EINVAL, "Content-Type", head->content_type,
			       "must be text/event-stream");
	}
	for (unsigned int i = 0; i < peer->n_slots; i++)
		if (peer->slots[i].streamed && peer->slots[i].whole)
			altoc_confirm(&peer->slots[i]);
	return altoc_events_piece(peer, bytes, len);
}

/* A stream that never told everything, or told what does not hold, is not tried again for some
 * rounds; one that broke off is, and so is one whose tags did not fit, once. */
void altoc_stream_end(struct altoc_peer *peer, struct err *err)
{
	bool again = peer->stale && !peer->stale_again;
	bool refused = peer->stream_refused && !again;

	if (!err->object[0])
		err_object(err, "update stream");
	if ((!peer->settled || refused) && !again)
		peer->unstreamed = ALTOC_ROUNDS_UNSTREAMED;
	peer->stale_again = peer->stale;
	peer->stale = false;
	peer->refused = false;
	altoc_fail(peer, NULL, refused, err);
	altoc_round_again(peer);
}

static void on_end(void *arg, const struct fetch_answer *a)
{
	struct altoc_peer *peer = arg;
	struct err err = a->err;

	peer->stream = NULL;
	if (peer->stream_err.code) {
		err = peer->stream_err;
	} else if (!a->status && a->code != 200) {
		alto_error_parse(a->body, a->len, a->code, &err);
		peer->stream_refused = altoc_is_refusal(a);
	} else if (!a->status) {
		err_set(&err, -ECONNRESET, "", NULL, "the server ends it");
	}
	if (!peer->stream_err.code && altoc_events_left(peer)) {
		peer->stream_ended = true;
		peer->end_err = err;
		return;
	}
	altoc_stream_end(peer, &err);
}

static json_t *substream(struct altoc_slot *slot)
{
	json_t *add = json_pack("{s:s,s:b}", "resource-id", slot->id, "incremental-changes", 1);
	json_t *input;

	if (add && slot->filtered) {
		input = json_loads(slot->body, 0, NULL);
		if (!input || json_object_set_new(add, "input", input)) {
			json_decref(add);
			return NULL;
		}
	}
	return add;
}

/* What there is nothing to ask of for now is left out. */
static char *subscription(struct altoc_peer *peer)
{
	json_t *all = json_object(), *root;
	char *text;

	for (unsigned int i = 0; i < peer->n_slots; i++) {
		struct altoc_slot *slot = &peer->slots[i];

		if (!slot->streamed)
			continue;
		slot->whole = slot->filtered && !altoc_plan_ask(slot);
		if (!slot->whole)
			json_object_set_new(all, slot->name, substream(slot));
	}
	root = json_object_size(all) ? json_pack("{s:O}", "add", all) : NULL;
	text = root ? json_text(root) : NULL;
	json_decref(root);
	json_decref(all);
	return text;
}

int altoc_stream_start(struct altoc_peer *peer, struct err *err)
{
	static const struct fetch_ops ops = {on_piece, on_end};
	struct fetch_conf conf = altoc_request(peer, peer->stream_uri);
	char *body = subscription(peer);
	int r;

	altoc_commit(peer);
	if (!body)
		return 0;
	peer->unsettled_ms = 0;
	conf.method = "POST";
	conf.safe = true;
	conf.accept = "text/event-stream,application/alto-error+json";
	conf.content_type = alto_media_type(ALTO_MEDIA_UPDATESTREAMPARAMS);
	conf.body = body;
	conf.body_len = strlen(body);
	conf.timeout_ms = 0;
	conf.silence_ms = (long)(ALTOC_SILENCE_S * altoc_times.second_ms);
	conf.max = 0;
	conf.compressed = false;
	peer->events = alto_events_new();
	peer->settled = peer->stream_refused = false;
	peer->settled_ms = altoc_now(peer);
	peer->stream_err = (struct err){0};
	r = peer->events ? fetch_start(peer->altoc->fetch, &conf, &ops, peer, &peer->stream, err)
			 : err_set(err, -ENOMEM, "", NULL, "out of memory");
	free(body);
	if (r)
		altoc_stream_stop(peer);
	return r;
}

void altoc_stream_stop(struct altoc_peer *peer)
{
	fetch_cancel(peer->stream);
	peer->stream = NULL;
	alto_events_free(peer->events);
	peer->events = NULL;
	altoc_events_stop(peer);
	peer->settled = peer->steady = false;
	for (unsigned int i = 0; i < peer->n_slots; i++) {
		peer->slots[i].whole = false;
		altoc_patch_drop(&peer->slots[i]);
	}
}

static bool owes(const struct altoc_peer *peer)
{
	for (unsigned int i = 1; i < peer->n_slots; i++)
		if (peer->slots[i].streamed && altoc_holds_up(&peer->slots[i]))
			return true;
	return false;
}

/* It has been well for so long that whatever failed before is over. */
static void on_steady(struct altoc_peer *peer)
{
	peer->steady = true;
	peer->retry_ms = 0;
	peer->stale_again = peer->refiltered = false;
}

void altoc_stream_check(struct altoc_peer *peer)
{
	const struct alto_netmap *map = altoc_newest_map(peer);
	uint64_t now = altoc_now(peer);
	struct err err = {0};

	if (!peer->stream)
		return;
	if (peer->settled && !peer->steady && now - peer->settled_ms > peer->poll_ms)
		on_steady(peer);
	/* What has come, and is not read yet, is not owed. */
	if (altoc_events_left(peer))
		return;
	if (!peer->settled && now - peer->settled_ms > 3 * altoc_times.settle_ms) {
		err_set(&err, -ETIMEDOUT, "", NULL, "must begin with all that was asked for");
		peer->stream_refused = true;
		altoc_stream_end(peer, &err);
		return;
	}
	if (!peer->unsettled_ms || now - peer->unsettled_ms < altoc_times.settle_ms || !map ||
	    !owes(peer))
		return;
	err_set(&err, -ESTALE, "/meta/vtag/tag", map->vtag.tag,
		"must be followed by what depends on it, within %ju ms",
		(uintmax_t)altoc_times.settle_ms);
	peer->stream_refused = true;
	altoc_stream_end(peer, &err);
}
