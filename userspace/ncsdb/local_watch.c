/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ncsdb/local.h"

int local_watch(struct ncsdb *db, const char *prefix, int64_t start_rev, ncsdb_watch_cb cb,
		void *arg, struct ncsdb_watch **out)
{
	struct local *l = (struct local *)db;
	struct local_watch *w, **link = &l->watches;
	size_t len = strlen(prefix);

	if (l->closing)
		return -ECANCELED;
	if (l->n_watches == NCSDB_WATCHES_MAX)
		return -ENOSPC;
	w = malloc(sizeof(*w) + len + 1);
	if (!w)
		return -ENOMEM;
	*w = (struct local_watch){
		.base.db = db,
		.cb = cb,
		.arg = arg,
		.next_rev = start_rev ? start_rev : l->store.revision + 1,
		.prefix_len = len,
	};
	memcpy(w->prefix, prefix, len + 1);
	if (w->next_rev <= l->store.compacted)
		w->status = -ERANGE;
	while (*link)
		link = &(*link)->next;
	*link = w;
	l->n_watches++;
	if (w->status || w->next_rev <= l->store.revision)
		local_kick(l);
	*out = &w->base;
	return 0;
}

void local_unwatch(struct ncsdb_watch *watch)
{
	struct local_watch *w = (struct local_watch *)watch;
	struct local *l = (struct local *)watch->db;

	if (w->dead)
		return;
	w->dead = true;
	l->n_watches--;
	local_kick(l);
}

int local_compact(struct ncsdb *db, int64_t revision)
{
	struct local *l = (struct local *)db;

	if (l->closing)
		return -ECANCELED;
	if (revision > l->store.revision)
		return -EINVAL;
	if (revision <= l->store.compacted)
		return -ERANGE;
	l->store.compacted = revision;
	local_kick(l);
	return 0;
}

/* ---- delivery ---- */

static int event_push(struct local *l, size_t n, const struct rec *rec)
{
	if (n == l->cap_events) {
		size_t cap = l->cap_events ? l->cap_events * 2 : NCSDB_TXN_MAX;
		struct ncsdb_event *events = reallocarray(l->events, cap, sizeof(*events));

		if (!events)
			return -ENOMEM;
		l->events = events;
		l->cap_events = cap;
	}
	l->events[n].deleted = rec->deleted;
	l->events[n].unfit = false;
	rec_kv(rec, &l->events[n].kv);
	return 0;
}

/* Collects the events of the revision that starts at *number; *number is behind it afterwards. */
static int collect(struct local *l, const struct local_watch *w, uint64_t *number, size_t *n)
{
	const struct history *h = &l->store.history;
	int64_t rev = history_at(h, *number)->mod_rev;
	int rc = 0;

	*n = 0;
	for (; !rc && *number < h->end; (*number)++) {
		const struct rec *rec = history_at(h, *number);

		if (rec->mod_rev != rev)
			break;
		if (strncmp(rec->key, w->prefix, w->prefix_len) == 0)
			rc = event_push(l, (*n)++, rec);
	}
	return rc;
}

/* Up to revision `last`: what callbacks write meanwhile is for the next step. */
static void deliver(struct local *l, struct local_watch *w, int64_t last)
{
	uint64_t number = history_find(&l->store.history, w->next_rev);
	size_t n;

	while (!w->dead && number < l->store.history.end) {
		int64_t rev = history_at(&l->store.history, number)->mod_rev;

		if (rev > last)
			break;
		if (collect(l, w, &number, &n)) {
			local_kick(l); /* no memory: the same revision again, later */
			return;
		}
		w->next_rev = rev + 1;
		if (n)
			w->cb(w->arg, &(struct ncsdb_watch_update){
					      .revision = rev, .events = l->events, .n = n});
	}
	if (w->next_rev <= last)
		w->next_rev = last + 1;
}

void local_watches_deliver(struct local *l)
{
	int64_t last = l->store.revision;

	for (struct local_watch *w = l->watches; w; w = w->next) {
		if (w->dead || w->told)
			continue;
		if (!w->status) {
			deliver(l, w, last);
			continue;
		}
		w->told = true;
		w->cb(w->arg, &(struct ncsdb_watch_update){.status = w->status,
							   .revision = l->store.revision});
	}
}

/* ---- tidying ---- */

static void free_dead(struct local *l)
{
	for (struct local_watch **link = &l->watches; *link;) {
		struct local_watch *w = *link;

		if (!w->dead) {
			link = &w->next;
			continue;
		}
		*link = w->next;
		free(w);
	}
}

/* The first revision that somebody still has to be told. */
static int64_t undelivered(const struct local *l)
{
	int64_t rev = INT64_MAX;

	for (const struct local_watch *w = l->watches; w; w = w->next) {
		if (!w->status && w->next_rev < rev)
			rev = w->next_rev;
	}
	return rev;
}

/*
 * What is not durable yet is kept: readers over the wire see the store before it. What their
 * watches wait for is kept, too, as long as the history is within twice its limits.
 */
void local_watches_tidy(struct local *l)
{
	const struct history *h = &l->store.history;
	int64_t keep, durable = local_durable(l), pinned;

	free_dead(l);
	if (!store_trim_due(&l->store))
		return;
	keep = undelivered(l);
	if (durable < keep)
		keep = durable + 1;
	if (l->served && h->end - h->first <= 2 * HISTORY_MAX_EVENTS &&
	    h->bytes <= 2 * HISTORY_MAX_BYTES) {
		pinned = l->served->needs(l->served_arg);
		keep = pinned < keep ? pinned : keep;
	}
	store_trim(&l->store, keep);
}

void local_watches_end(struct local *l)
{
	for (struct local_watch *w = l->watches; w; w = w->next)
		w->dead = true;
	l->n_watches = 0;
}
