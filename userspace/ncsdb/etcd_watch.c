/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ncsdb/etcd.h"
#include "util/clock.h"

_Static_assert(ETCD_SLOTS > NCSDB_WATCHES_MAX, "a slot each");

static void on_rewatch(uv_timer_t *timer);
static void on_checked(struct etcd_unary *u, enum grpc_status status, const char *text, bool sent);

/* ---- which ---- */

/* An ID names a slot and is never used twice: what still comes for an ended watch finds nothing. */
static struct etcd_watch *find(struct etcd *e, int64_t id)
{
	struct etcd_watch *w = id > 0 ? e->slots[id & (ETCD_SLOTS - 1)] : NULL;

	return w && w->id == id ? w : NULL;
}

static size_t slot_of(const struct etcd *e, const struct etcd_watch *w)
{
	size_t slot = 0;

	while (e->slots[slot] != w)
		slot++;
	return slot;
}

static void count(struct etcd_watch *w, bool missing)
{
	struct etcd *e = (struct etcd *)w->base.db;

	if (w->counted == missing)
		return;
	w->counted = missing;
	e->uncreated += missing ? 1 : -(size_t)1;
}

/* ---- asking ---- */

static int create_out(struct etcd *e, struct etcd_watch *w, Etcdserverpb__WatchCreateRequest *out)
{
	etcdserverpb__watch_create_request__init(out);
	out->start_revision = w->next_rev;
	out->progress_notify = true;
	out->watch_id = w->id;
	return etcd_prefix_out(&e->names, &e->scratch, w->prefix, &out->key, &out->range_end);
}

/* When it cannot be sent now, the retry does. */
static void ask(struct etcd *e, struct etcd_watch *w, size_t slot)
{
	Etcdserverpb__WatchCreateRequest create;
	Etcdserverpb__WatchRequest msg = ETCDSERVERPB__WATCH_REQUEST__INIT;
	int rc;

	w->id = ++e->generation * ETCD_SLOTS | (int64_t)slot;
	msg.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST;
	msg.create_request = &create;
	rc = create_out(e, w, &create);
	if (!rc)
		rc = etcd_feed_send(e, &msg);
	etcd_arena_reset(&e->scratch);
	if (!rc)
		return;
	w->id = 0;
	uv_timer_start(&e->rewatch, on_rewatch, ETCD_REWATCH_MS, 0);
}

static void ask_missing(struct etcd *e)
{
	for (size_t i = 0; i < e->n_slots && e->stream; i++) {
		struct etcd_watch *w = e->slots[i];

		if (w && !w->told && !w->id)
			ask(e, w, i);
	}
}

static void on_rewatch(uv_timer_t *timer)
{
	ask_missing(timer->data);
}

void etcd_watches_up(struct etcd *e)
{
	ask_missing(e);
}

void etcd_watches_down(struct etcd *e)
{
	for (size_t i = 0; i < e->n_slots; i++) {
		struct etcd_watch *w = e->slots[i];

		if (!w || w->told)
			continue;
		w->id = 0;
		etcd_unary_cancel(&w->check);
		count(w, true);
	}
}

/* ---- watches ---- */

int etcd_watch(struct ncsdb *db, const char *prefix, int64_t start_rev, ncsdb_watch_cb cb,
	       void *arg, struct ncsdb_watch **out)
{
	struct etcd *e = (struct etcd *)db;
	struct etcd_watch *w;
	size_t slot = 0;

	if (e->closing)
		return -ECANCELED;
	if (e->n_watches == NCSDB_WATCHES_MAX)
		return -ENOSPC;
	w = malloc(sizeof(*w) + strlen(prefix) + 1);
	if (!w)
		return -ENOMEM;
	*w = (struct etcd_watch){.base.db = db, .cb = cb, .arg = arg, .next_rev = start_rev};
	w->check = (struct etcd_unary){
		.link = &e->feed,
		.type = &etcdserverpb__range_response__descriptor,
		.done = on_checked,
	};
	strcpy(w->prefix, prefix);
	while (e->slots[slot])
		slot++;
	e->slots[slot] = w;
	if (slot >= e->n_slots)
		e->n_slots = slot + 1;
	e->n_watches++;
	/* A feed that is complete stays so: the new watch has missed nothing yet. */
	count(w, !e->connected);
	if (e->stream)
		ask(e, w, slot);
	*out = &w->base;
	return 0;
}

static void cancel(struct etcd *e, int64_t id)
{
	Etcdserverpb__WatchCancelRequest what = ETCDSERVERPB__WATCH_CANCEL_REQUEST__INIT;
	Etcdserverpb__WatchRequest msg = ETCDSERVERPB__WATCH_REQUEST__INIT;

	what.watch_id = id;
	msg.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CANCEL_REQUEST;
	msg.cancel_request = &what;
	etcd_feed_send(e, &msg); /* unsent: its events are for nobody */
}

void etcd_unwatch(struct ncsdb_watch *watch)
{
	struct etcd_watch *w = (struct etcd_watch *)watch;
	struct etcd *e = (struct etcd *)watch->db;

	if (w->dead)
		return;
	count(w, false);
	etcd_unary_cancel(&w->check);
	etcd_arena_fini(&w->check.arena);
	if (w->id)
		cancel(e, w->id);
	e->slots[slot_of(e, w)] = NULL;
	while (e->n_slots && !e->slots[e->n_slots - 1])
		e->n_slots--;
	e->n_watches--;
	w->dead = true;
	if (!e->delivering) {
		free(w);
		return;
	}
	w->next_dead = e->dead;
	e->dead = w;
}

static void enter(struct etcd *e)
{
	e->delivering++;
}

static void leave(struct etcd *e)
{
	if (--e->delivering)
		return;
	for (struct etcd_watch *w = e->dead, *next; w; w = next) {
		next = w->next_dead;
		free(w);
	}
	e->dead = NULL;
}

void etcd_watches_free(struct etcd *e)
{
	for (size_t i = 0; i < e->n_slots; i++) {
		if (e->slots[i])
			etcd_arena_fini(&e->slots[i]->check.arena);
		free(e->slots[i]);
	}
	e->n_slots = 0;
}

/* ---- what comes ---- */

static void tell(struct etcd *e, struct etcd_watch *w, int status)
{
	w->told = true;
	w->id = 0;
	count(w, false);
	etcd_unary_cancel(&w->check);
	w->cb(w->arg, &(struct ncsdb_watch_update){.status = status, .revision = e->revision});
}

void etcd_watches_tell(struct etcd *e, int status)
{
	enter(e);
	for (size_t i = 0; i < e->n_slots && !e->closing; i++) {
		struct etcd_watch *w = e->slots[i];

		if (!w || w->told || !w->next_rev)
			continue;
		if (w->id)
			cancel(e, w->id);
		tell(e, w, status);
	}
	leave(e);
}

/* false: of a key that we do not know. */
static bool event_in(struct etcd *e, const Mvccpb__Event *event, struct ncsdb_event *out)
{
	bool fits = etcd_kv_in(&e->names, &e->events_arena, event->kv, &out->kv);

	e->foreign += !fits;
	if (!fits && !out->kv.key)
		return false;
	if (!fits)
		out->kv = (struct ncsdb_kv){.key = out->kv.key,
					    .mod_rev = event->kv->mod_revision,
					    .version = event->kv->version};
	out->kv.received_us = e->feed.heard_us;
	out->unfit = !fits;
	out->deleted = !fits || event->type == MVCCPB__EVENT__EVENT_TYPE__DELETE;
	return true;
}

static int64_t revision_of(const Mvccpb__Event *event)
{
	return event->kv ? event->kv->mod_revision : 0;
}

/* The events of one revision, from *at on. */
static void deliver_revision(struct etcd *e, struct etcd_watch *w,
			     const Etcdserverpb__WatchResponse *msg, size_t *at)
{
	int64_t revision = revision_of(msg->events[*at]);
	size_t n = 0;

	for (; *at < msg->n_events && revision_of(msg->events[*at]) == revision; (*at)++) {
		/* Known already, when a resumed watch begins before its place. */
		if (revision >= w->next_rev && revision > 0 &&
		    event_in(e, msg->events[*at], &e->events[n]))
			n++;
	}
	if (revision < w->next_rev)
		return;
	w->next_rev = revision + 1;
	if (revision > e->revision)
		e->revision = revision;
	if (n)
		w->cb(w->arg, &(struct ncsdb_watch_update){
				      .revision = revision, .events = e->events, .n = n});
}

static int reserve(struct etcd *e, size_t n)
{
	struct ncsdb_event *events;

	if (n <= e->cap_events)
		return 0;
	events = reallocarray(e->events, n, sizeof(*events));
	if (!events)
		return -ENOMEM;
	e->events = events;
	e->cap_events = n;
	return 0;
}

static void deliver(struct etcd *e, struct etcd_watch *w, const Etcdserverpb__WatchResponse *msg)
{
	size_t at = 0;

	if (reserve(e, msg->n_events)) {
		etcd_link_fail(&e->feed, "out of memory");
		return;
	}
	enter(e);
	while (at < msg->n_events && !w->dead && !w->told && !e->closing)
		deliver_revision(e, w, msg, &at);
	leave(e);
	e->too_large = false;
}

static void tell_compacted(struct etcd *e, struct etcd_watch *w)
{
	enter(e);
	tell(e, w, -ERANGE);
	leave(e);
}

/*
 * etcd watches from a compacted revision on without a word, though what that revision has deleted
 * is forgotten. So a watch that has something to catch up with is complete only if the revision
 * before its place can still be read.
 */
static void on_checked(struct etcd_unary *u, enum grpc_status status, const char *text, bool sent)
{
	struct etcd_watch *w =
		(struct etcd_watch *)((char *)u - offsetof(struct etcd_watch, check));
	struct etcd *e = u->link->e;

	if (e->closing)
		return;
	if (status == GRPC_DEADLINE_EXCEEDED || etcd_elsewhere(status, text)) {
		etcd_link_fail(&e->feed, text);
	} else if (etcd_error(status, text) == -ERANGE) {
		cancel(e, w->id);
		tell_compacted(e, w);
	} else {
		count(w, false);
		etcd_feed_state(e, false);
	}
}

static void on_created(struct etcd *e, struct etcd_watch *w, const Etcdserverpb__WatchResponse *msg)
{
	int64_t revision = msg->header ? msg->header->revision : 0;
	int rc;

	if (!w->next_rev)
		w->next_rev = revision + 1;
	if (w->next_rev > revision || w->next_rev == 1) {
		count(w, false);
		return;
	}
	rc = etcd_feed_read(e, &w->check, w->next_rev - 1, e->deadline_ms);
	if (rc == -EAGAIN) {
		/* As many streams as the server allows: later. */
		cancel(e, w->id);
		w->id = 0;
		uv_timer_start(&e->rewatch, on_rewatch, ETCD_REWATCH_MS, 0);
	} else if (rc) {
		etcd_link_fail(&e->feed, strerror(-rc));
	}
}

/* Compacted: for good. "permission denied": perhaps the token has grown old. Anything else: the
 * same place once more. */
static void on_canceled(struct etcd *e, struct etcd_watch *w,
			const Etcdserverpb__WatchResponse *msg)
{
	if (msg->compact_revision > 0) {
		tell_compacted(e, w);
		return;
	}
	w->id = 0;
	etcd_unary_cancel(&w->check);
	count(w, true);
	snprintf(e->feed.why, sizeof(e->feed.why), "watch of %.40s canceled: %.60s", w->prefix,
		 msg->cancel_reason);
	etcd_feed_state(e, true);
	if (e->user &&
	    (strstr(msg->cancel_reason, "permission") || strstr(msg->cancel_reason, "auth")))
		etcd_link_fail(&e->feed, msg->cancel_reason);
	else if (!e->closing)
		uv_timer_start(&e->rewatch, on_rewatch, ETCD_REWATCH_MS, 0);
}

/* What a callback does, or a connection that ends meanwhile, may take the watch away. */
static void take_message(struct etcd *e, const Etcdserverpb__WatchResponse *msg)
{
	struct etcd_watch *w = find(e, msg->watch_id);

	if (!w) {
		/* Refused without its ID, which no server of today does. */
		if (msg->created && msg->canceled)
			etcd_link_fail(&e->feed, msg->cancel_reason);
		return;
	}
	if (msg->created && !msg->canceled) {
		on_created(e, w, msg);
		w = find(e, msg->watch_id);
	}
	if (w && msg->n_events)
		deliver(e, w, msg);
	else if (w && !msg->created && !msg->canceled && msg->header &&
		 msg->header->revision >= w->next_rev)
		w->next_rev = msg->header->revision + 1; /* progress of this watch */
	w = e->closing ? NULL : find(e, msg->watch_id);
	if (w && msg->canceled)
		on_canceled(e, w, msg);
}

void etcd_watch_message(struct etcd *e, const Etcdserverpb__WatchResponse *msg)
{
	enter(e);
	take_message(e, msg);
	leave(e);
}
