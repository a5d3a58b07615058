/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an update stream says (RFC 8895), one event after the other. While one of them is in the
 * pool all others wait: the rest of the piece that it came with here, what follows in the stream.
 */
#include "altoc/altoc_int.h"

#include <errno.h>
#include <string.h>

#include "util/log.h"

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
	if (!err->object[0])
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

/* ---- works ---- */

static void on_worked(struct altoc_work *work);

static struct altoc_work *work_of(struct altoc_slot *slot,
				  int (*take)(struct altoc_work *work, struct err *err))
{
	struct altoc_work *work = altoc_work_new(slot->peer, slot);

	if (!work)
		return NULL;
	work->of_stream = true;
	work->take = take;
	return work;
}

/* Of so many bytes. 0 with stream_work: it is under way. */
static int begin(struct altoc_work *work, size_t bytes, void (*run)(struct altoc_work *work),
		 struct err *err)
{
	struct altoc_peer *peer = work->peer;
	int r;

	if (altoc_work_is_large(peer, bytes)) {
		peer->stream_work = true;
		altoc_work_queue(work, run, on_worked);
		return 0;
	}
	altoc_work_run(work, run);
	r = work->take(work, err);
	altoc_work_end(work);
	return r;
}

/* The event that was told last. */
static void take_event(struct altoc_work *work)
{
	struct altoc_peer *peer = work->peer;

	work->len = peer->event.len;
	work->text = work->len ? alto_events_take(peer->events) : NULL;
	peer->event.slot = NULL;
}

/* ---- drafts ---- */

static int draft_taken(struct altoc_work *work, struct err *err)
{
	int r = altoc_read_end(work, err);

	if (r)
		return name_slot(work->slot, r, err);
	on_taken(work->slot);
	work->slot->finished = true;
	return 0;
}

static void end_finishing(struct altoc_peer *peer)
{
	peer->finishing = false;
	altoc_commit(peer);
	for (unsigned int i = 0; i < peer->n_slots; i++) {
		if (peer->slots[i].finished)
			altoc_confirm(&peer->slots[i]);
		peer->slots[i].finished = false;
	}
}

static struct altoc_slot *next_draft(struct altoc_peer *peer)
{
	for (unsigned int i = 0; i < peer->n_slots; i++)
		if (peer->slots[i].draft)
			return &peer->slots[i];
	return NULL;
}

/* Drafts become documents: the network map first, for the others are of it. */
static int finish_draft(struct altoc_peer *peer, struct err *err)
{
	struct altoc_slot *slot = next_draft(peer);
	struct altoc_work *work;

	if (!slot) {
		end_finishing(peer);
		return 0;
	}
	work = work_of(slot, draft_taken);
	if (!work)
		return err_set(err, -ENOMEM, "", NULL, "out of memory");
	altoc_read_aim(work);
	work->root = slot->draft;
	slot->draft = NULL;
	return begin(work, slot->draft_bytes, altoc_read_draft, err);
}

/* ---- one event ---- */

static int text_taken(struct altoc_work *work, struct err *err)
{
	struct altoc_slot *slot = work->slot;
	int r = altoc_read_end(work, err);

	if (r)
		return name_slot(slot, r, err);
	slot->whole = true;
	on_taken(slot);
	on_settled(slot->peer);
	altoc_commit(slot->peer);
	altoc_confirm(slot);
	return 0;
}

static int take_whole(struct altoc_slot *slot, struct err *err)
{
	struct altoc_work *work = work_of(slot, text_taken);
	int r;

	if (!work)
		return err_set(err, -ENOMEM, "", NULL, "out of memory");
	take_event(work);
	r = altoc_read_wait(work, err);
	if (r) {
		altoc_work_end(work);
		return name_slot(slot, r, err);
	}
	altoc_read_aim(work);
	return begin(work, work->len, altoc_read_text, err);
}

static int patch_taken(struct altoc_work *work, struct err *err)
{
	int r = altoc_patch_end(work, err);

	return r ? name_slot(work->slot, r, err) : 0;
}

static int take_patch(struct altoc_slot *slot, struct err *err)
{
	struct altoc_work *work;
	size_t patched;
	int r = altoc_patch_spend(slot, err);

	if (r)
		return name_slot(slot, r, err);
	work = work_of(slot, patch_taken);
	if (!work)
		return err_set(err, -ENOMEM, "", NULL, "out of memory");
	/* A draft is not copied, but a short patch may free all of it. */
	patched = slot->draft ? slot->draft_bytes : slot->cur->bytes;
	altoc_patch_begin(work);
	take_event(work);
	return begin(work, work->len > patched ? work->len : patched, altoc_patch_run, err);
}

static bool has_dependent_draft(const struct altoc_peer *peer)
{
	for (unsigned int i = 1; i < peer->n_slots; i++)
		if (peer->slots[i].draft)
			return true;
	return false;
}

static bool may_patch(const struct altoc_slot *slot)
{
	return slot->whole && slot->cur;
}

static int refuse_patch(const char *type, struct err *err)
{
	return err_set(err, -EINVAL, "event", type, "must come after a full replacement");
}

/* Drafts are finished before a whole document; and before a patch of the network map, for those of
 * the others are of the map as it was before. */
static int on_waiting(struct altoc_peer *peer, struct err *err)
{
	struct altoc_slot *slot = peer->event.slot;
	bool patch = peer->event.patch;

	if (patch && !may_patch(slot))
		return name_slot(slot, refuse_patch(NULL, err), err);
	if (!patch)
		altoc_patch_drop(slot);
	if (patch ? slot->kind == ALTOC_MAP && has_dependent_draft(peer)
		  : next_draft(peer) != NULL) {
		peer->finishing = true;
		return 0;
	}
	return patch ? take_patch(slot, err) : take_whole(slot, err);
}

static int on_data(struct altoc_peer *peer, const struct alto_event_name *name,
		   const struct alto_event *event, struct err *err)
{
	struct altoc_slot *slot = slot_of(peer, name->substream);
	bool patch = name->media == ALTO_MEDIA_MERGE_PATCH;

	if (!slot)
		return err_set(err, -EINVAL, "event", event->type,
			       "must be of a substream that was asked for");
	if (!patch && name->media != slot->media)
		return name_slot(slot,
				 err_set(err, -EINVAL, "event", event->type,
					 "must be %s or a merge patch",
					 alto_media_type(slot->media)),
				 err);
	if (patch && !may_patch(slot))
		return name_slot(slot, refuse_patch(event->type, err), err);
	peer->event = (struct altoc_waiting){slot, patch, event->len};
	return 0;
}

static int on_event(struct altoc_peer *peer, const struct alto_event *event, struct err *err)
{
	struct alto_event_name name;

	if (alto_event_name(event->type, &name))
		return err_set(err, -EINVAL, "event", event->type,
			       "must be MEDIA-TYPE,SUBSTREAM or of stream control");
	if (name.media == ALTO_MEDIA_UPDATESTREAMCONTROL)
		return on_control(event, err);
	return on_data(peer, &name, event, err);
}

/* ---- all of them ---- */

/* Why the stream is ended here. */
static int refuse(struct altoc_peer *peer, int r, const struct err *err)
{
	peer->stale |= r == -ESTALE;
	peer->stream_refused = r != -ECONNRESET && r != -ENOMEM;
	peer->stream_err = *err;
	return r;
}

/* True: there was one, or drafts to finish. */
static bool next_event(struct altoc_peer *peer, const char **bytes, size_t *len, int *r,
		       struct err *err)
{
	struct alto_event event;

	*r = alto_events_next(peer->events, bytes, len, &event);
	if (*r < 0) {
		err_set(err, *r, "event", NULL, "cannot be taken: %s", strerror(-*r));
		return true;
	}
	if (*r) {
		*r = on_event(peer, &event, err);
		return true;
	}
	peer->finishing = next_draft(peer) != NULL;
	return peer->finishing;
}

/* As far as it goes at once. */
static int read_on(struct altoc_peer *peer, const char **bytes, size_t *len)
{
	struct err err = {0};
	bool more = true;
	int r = 0;

	while (more && !r && !peer->stream_work) {
		if (peer->finishing)
			r = finish_draft(peer, &err);
		else if (peer->event.slot)
			r = on_waiting(peer, &err);
		else
			more = next_event(peer, bytes, len, &r, &err);
	}
	return r ? refuse(peer, r, &err) : 0;
}

static int keep(struct altoc_peer *peer, const char *bytes, size_t len)
{
	struct err err = {0};

	if (!len)
		return 0;
	peer->rest.max = 2 * ALTOC_REST_MAX;
	alto_put(&peer->rest, bytes, len);
	if (!peer->rest.failed)
		return 0;
	err_set(&err, peer->rest.failed, "event", NULL, "cannot be taken: %s",
		strerror(-peer->rest.failed));
	return refuse(peer, peer->rest.failed, &err);
}

bool altoc_events_left(const struct altoc_peer *peer)
{
	return peer->stream_work;
}

int altoc_events_piece(struct altoc_peer *peer, const char *bytes, size_t len)
{
	int r;

	if (altoc_events_left(peer) && peer->rest.len && peer->rest.len + len > ALTOC_REST_MAX)
		return FETCH_WAIT;
	if (altoc_events_left(peer))
		return keep(peer, bytes, len);
	r = read_on(peer, &bytes, &len);
	return r ?: keep(peer, bytes, len);
}

static void clear_rest(struct altoc_peer *peer)
{
	alto_out_fini(&peer->rest);
	peer->rest = (struct alto_out){0};
	peer->rest_at = 0;
}

static void go_on(struct altoc_peer *peer)
{
	const char *bytes = peer->rest.data ? peer->rest.data + peer->rest_at : "";
	size_t len = peer->rest.len - peer->rest_at;

	if (read_on(peer, &bytes, &len)) {
		altoc_stream_end(peer, &peer->stream_err);
		return;
	}
	peer->rest_at = peer->rest.len - len;
	if (peer->stream_work)
		return;
	clear_rest(peer);
	if (peer->stream_ended)
		altoc_stream_end(peer, &peer->end_err);
	else
		fetch_go_on(peer->stream);
}

/* While it was read nothing was owed, and what waited in the stream has not come yet. */
static void restart_clocks(struct altoc_peer *peer)
{
	if (!peer->settled)
		peer->settled_ms = altoc_now(peer);
	if (peer->unsettled_ms)
		peer->unsettled_ms = altoc_now(peer);
}

static void on_worked(struct altoc_work *work)
{
	struct altoc_peer *peer = work->peer;
	struct err err = {0};
	int r;

	if (work->take != patch_taken && altoc_read_again(work))
		return;
	peer->stream_work = false;
	restart_clocks(peer);
	r = work->take(work, &err);
	altoc_work_end(work);
	if (r) {
		refuse(peer, r, &err);
		altoc_stream_end(peer, &peer->stream_err);
	} else {
		go_on(peer);
	}
}

void altoc_events_stop(struct altoc_peer *peer)
{
	altoc_work_drop(peer, false);
	clear_rest(peer);
	peer->event.slot = NULL;
	peer->stream_work = peer->finishing = peer->stream_ended = false;
	for (unsigned int i = 0; i < peer->n_slots; i++)
		peer->slots[i].finished = false;
}
