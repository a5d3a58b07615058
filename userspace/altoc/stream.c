/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Update stream (RFC 8895): one subscription for all slots that it tells of. */
#include "altoc/altoc_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/json.h"
#include "util/log.h"

/* ---- events ---- */

static struct altoc_slot *slot_of(struct altoc_peer *peer, const char *substream)
{
	for (unsigned int i = 0; i < peer->n_slots; i++)
		if (peer->slots[i].streamed && !strcmp(peer->slots[i].name, substream))
			return &peer->slots[i];
	return NULL;
}

static bool all_whole(const struct altoc_peer *peer)
{
	for (unsigned int i = 0; i < peer->n_slots; i++)
		if (peer->slots[i].streamed && !peer->slots[i].whole)
			return false;
	return true;
}

static void on_settled(struct altoc_peer *peer)
{
	if (peer->settled || !all_whole(peer))
		return;
	peer->settled = true;
	peer->settled_ms = altoc_now(peer);
	peer->why[0] = '\0';
	peer->state = ALTOC_STREAMING;
	log_info("ALTO source is streamed", "source=%s", peer->conf.name);
}

static int on_control(const struct alto_event *event, struct err *err)
{
	json_t *root = NULL;
	const char *why;
	int r = alto_control_parse(event->data, event->len, &root, err);

	if (r)
		return r;
	if (json_array_size(json_object_get(root, "stopped"))) {
		why = json_string_value(json_object_get(root, "description"));
		r = err_set(err, -ECONNRESET, "/stopped", NULL, "the server stops it: %s",
			    why ? why : "it does not say why");
	}
	json_decref(root);
	return r;
}

static int name_slot(struct altoc_slot *slot, int r, struct err *err)
{
	err_object(err, "resource %s", slot->id);
	err_text(err, slot->error, sizeof(slot->error));
	return r;
}

/* What is asked for next is not what this came from. */
static void on_taken(struct altoc_slot *slot)
{
	slot->etag[0] = slot->error[0] = '\0';
	if (slot->kind == ALTOC_MAP)
		altoc_tick_soon(slot->peer->altoc);
}

/* Drafts become documents: the network map first, for the others are of it. */
static int finish_patches(struct altoc_peer *peer, struct err *err)
{
	bool finished[ALTOC_SLOTS_MAX] = {0}, any = false;

	for (unsigned int i = 0; i < peer->n_slots; i++) {
		struct altoc_slot *slot = &peer->slots[i];
		int r;

		if (!slot->draft)
			continue;
		r = altoc_patch_finish(slot, err);
		if (r)
			return name_slot(slot, r, err);
		on_taken(slot);
		finished[i] = any = true;
	}
	if (!any)
		return 0;
	altoc_commit(peer);
	for (unsigned int i = 0; i < peer->n_slots; i++)
		if (finished[i])
			altoc_confirm(&peer->slots[i]);
	return 0;
}

static bool has_dependent_draft(const struct altoc_peer *peer)
{
	for (unsigned int i = 1; i < peer->n_slots; i++)
		if (peer->slots[i].draft)
			return true;
	return false;
}

static int take_patch(struct altoc_slot *slot, const struct alto_event *event, struct err *err)
{
	int r = 0;

	if (!slot->whole || !slot->cur)
		return err_set(err, -EINVAL, "event", event->type,
			       "must come after a full replacement");
	/* Drafts of the others are of the map as it was before. */
	if (slot->kind == ALTOC_MAP && has_dependent_draft(slot->peer))
		r = finish_patches(slot->peer, err);
	return r ?: altoc_patch(slot, event->data, event->len, err);
}

static int take_whole(struct altoc_slot *slot, const struct alto_event *event, struct err *err)
{
	int r;

	altoc_patch_drop(slot);
	r = finish_patches(slot->peer, err);
	r = r ?: altoc_doc_text(slot, event->data, event->len, err);
	if (r)
		return r;
	slot->whole = true;
	on_taken(slot);
	on_settled(slot->peer);
	altoc_commit(slot->peer);
	altoc_confirm(slot);
	return 0;
}

static int on_data(struct altoc_peer *peer, const struct alto_event_name *name,
		   const struct alto_event *event, struct err *err)
{
	struct altoc_slot *slot = slot_of(peer, name->substream);
	int r;

	if (!slot)
		return err_set(err, -EINVAL, "event", event->type,
			       "must be of a substream that was asked for");
	if (name->media == ALTO_MEDIA_MERGE_PATCH)
		r = take_patch(slot, event, err);
	else if (name->media == slot->media)
		r = take_whole(slot, event, err);
	else
		r = err_set(err, -EINVAL, "event", event->type, "must be %s or a merge patch",
			    alto_media_type(slot->media));
	return r && !err->object[0] ? name_slot(slot, r, err) : r;
}

/* Why the stream is ended here. */
static int refuse(struct altoc_peer *peer, int r, const struct err *err)
{
	peer->stale |= r == -ESTALE;
	peer->stream_refused = r != -ECONNRESET;
	peer->stream_err = *err;
	return r;
}

static int on_event(void *arg, const struct alto_event *event)
{
	struct altoc_peer *peer = arg;
	struct alto_event_name name;
	struct err err = {0};
	int r;

	if (alto_event_name(event->type, &name))
		r = err_set(&err, -EINVAL, "event", event->type,
			    "must be MEDIA-TYPE,SUBSTREAM or of stream control");
	else if (name.media == ALTO_MEDIA_UPDATESTREAMCONTROL)
		r = on_control(event, &err);
	else
		r = on_data(peer, &name, event, &err);
	return r ? refuse(peer, r, &err) : 0;
}

/* ---- the request ---- */

static int on_piece(void *arg, const struct fetch_answer *head, const char *bytes, size_t len)
{
	struct altoc_peer *peer = arg;
	struct err err = {0};
	int r;

	if (alto_media_parse(head->content_type) != ALTO_MEDIA_EVENT_STREAM) {
		peer->stream_refused = true;
		return err_set(&peer->stream_err, -EINVAL, "Content-Type", head->content_type,
			       "must be text/event-stream");
	}
	for (unsigned int i = 0; i < peer->n_slots; i++)
		if (peer->slots[i].streamed && peer->slots[i].whole)
			altoc_confirm(&peer->slots[i]);
	r = alto_events_feed(peer->events, bytes, len, on_event, peer);
	if (!r) {
		r = finish_patches(peer, &err);
		return r ? refuse(peer, r, &err) : 0;
	}
	if (peer->stream_err.code)
		return r;
	peer->stream_refused = r == -EFBIG;
	return err_set(&peer->stream_err, r, "event", NULL, "cannot be taken: %s", strerror(-r));
}

/* A stream that never told everything, or told what does not hold, is not tried again for some
 * rounds; one that broke off is, and so is one whose tags did not fit, once. */
static void end_stream(struct altoc_peer *peer, struct err *err)
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
	end_stream(peer, &err);
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
	if (!peer->settled && now - peer->settled_ms > 3 * altoc_times.settle_ms) {
		err_set(&err, -ETIMEDOUT, "", NULL, "must begin with all that was asked for");
		peer->stream_refused = true;
		end_stream(peer, &err);
		return;
	}
	if (!peer->unsettled_ms || now - peer->unsettled_ms < altoc_times.settle_ms || !map ||
	    !owes(peer))
		return;
	err_set(&err, -ESTALE, "/meta/vtag/tag", map->vtag.tag,
		"must be followed by what depends on it, within %ju ms",
		(uintmax_t)altoc_times.settle_ms);
	peer->stream_refused = true;
	end_stream(peer, &err);
}
