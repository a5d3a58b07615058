/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events on their way to clients: durable ones only, whole revisions, as fast as the client takes
 * them. What it does not take stays in the history, until NCSDB_WATCH_QUEUE_MAX bytes wait.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "ncsdb/serve_int.h"

#define FULL (NCSDB_WATCH_QUEUE_MAX / 2) /* so much is queued: the rest waits in the history */
#define RESPONSE_BYTES (256u << 10)	 /* aim: more revisions go into the next response */

bool serve_has_from(const struct local *l, int64_t revision)
{
	return revision >= serve_oldest(l);
}

/* The events of the compacted revision itself are there unless the history was cut. */
int64_t serve_oldest(const struct local *l)
{
	const struct history *h = &l->store.history;
	int64_t compacted = l->store.compacted;
	bool cut = h->first == h->end || history_at(h, h->first)->mod_rev > compacted;

	return compacted + cut;
}

/* ---- one watch ---- */

/* As in etcd, a compacted revision keeps what it has put, not what it has deleted. */
static bool wants(const struct serve_watch *watch, const struct store *s, const struct rec *rec)
{
	if (rec->deleted ? watch->no_delete || rec->mod_rev <= s->compacted : watch->no_put)
		return false;
	return span_has(&watch->span, rec);
}

static const struct rec *prev_of(const struct serve_watch *watch, const struct store *s,
				 const struct rec *rec)
{
	bool known = watch->prev_kv && rec->mod_rev > s->compacted && rec->prev;

	return known && !rec->prev->deleted ? rec->prev : NULL;
}

static size_t event_bytes(const struct serve_watch *watch, const struct store *s,
			  const struct rec *rec)
{
	const struct rec *prev = prev_of(watch, s, rec);
	size_t head = 64; /* numbers and tags, at most */

	return rec->key_len + rec->value_len + head +
	       (prev ? prev->key_len + prev->value_len + head : 0u);
}

/* Whole revisions, numbers [from, to) of the history, of them n wanted with so many bytes. */
struct portion {
	uint64_t from, to;
	int64_t last; /* revision */
	size_t n, bytes;
};

static struct portion next_portion(const struct serve_watch *watch, const struct store *s,
				   int64_t durable)
{
	const struct history *h = &s->history;
	struct portion p = {.last = watch->next_rev - 1}, before = {0}; /* the newest revision */

	p.from = p.to = history_find(h, watch->next_rev);
	for (; p.to < h->end; p.to++) {
		const struct rec *rec = history_at(h, p.to);

		if (rec->mod_rev > durable || (rec->mod_rev != p.last && p.bytes > RESPONSE_BYTES))
			break;
		if (rec->mod_rev != p.last)
			before = p;
		p.last = rec->mod_rev;
		if (!wants(watch, s, rec))
			continue;
		p.n++;
		p.bytes += event_bytes(watch, s, rec);
	}
	return p.bytes > SERVE_ANSWER_MAX && before.n ? before : p;
}

static void fill_event(Mvccpb__Event *event, Mvccpb__KeyValue kv[2], const struct rec *rec,
		       const struct rec *prev)
{
	mvccpb__event__init(event);
	event->type =
		rec->deleted ? MVCCPB__EVENT__EVENT_TYPE__DELETE : MVCCPB__EVENT__EVENT_TYPE__PUT;
	serve_fill_kv(&kv[0], rec, false);
	event->kv = &kv[0];
	if (!prev)
		return;
	serve_fill_kv(&kv[1], prev, false);
	event->prev_kv = &kv[1];
}

static int fill_events(const struct serve_feed *feed, const struct serve_watch *watch,
		       const struct portion *p, Etcdserverpb__WatchResponse *out)
{
	const struct store *s = &feed->server->l->store;
	Mvccpb__Event *events = serve_alloc(feed->server, p->n * sizeof(*events));
	Mvccpb__KeyValue *kvs = serve_alloc(feed->server, 2 * p->n * sizeof(*kvs));

	out->events = serve_alloc(feed->server, p->n * sizeof(*out->events));
	if (!events || !kvs || !out->events)
		return -ENOMEM;
	for (uint64_t i = p->from; i < p->to; i++) {
		const struct rec *rec = history_at(&s->history, i);
		size_t n = out->n_events;

		if (!wants(watch, s, rec))
			continue;
		fill_event(&events[n], &kvs[2 * n], rec, prev_of(watch, s, rec));
		out->events[n] = &events[n];
		out->n_events++;
	}
	return 0;
}

static int send_portion(struct serve_feed *feed, struct serve_watch *watch, const struct portion *p,
			int64_t revision)
{
	Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;
	int rc;

	if (p->bytes > SERVE_ANSWER_MAX)
		return -EMSGSIZE;
	response.watch_id = watch->id;
	response.header = serve_header(feed->server, revision);
	rc = response.header ? fill_events(feed, watch, p, &response) : -ENOMEM;
	if (!rc)
		rc = serve_send(feed->stream, &response.base);
	etcd_arena_reset(&feed->server->arena);
	return rc;
}

static bool full(const struct serve_feed *feed)
{
	return grpc_stream_queued(feed->stream) >= FULL;
}

/* 0: up to date; -EAGAIN: the client does not take more now; anything else: cannot go on. */
static int deliver(struct serve_feed *feed, struct serve_watch *watch, int64_t durable)
{
	const struct local *l = feed->server->l;

	while (watch->next_rev <= durable) {
		struct portion p;
		int rc;

		if (!serve_has_from(l, watch->next_rev))
			return -ERANGE;
		if (full(feed))
			return -EAGAIN;
		p = next_portion(watch, &l->store, durable);
		if (p.from == p.to)
			p.last = durable; /* nothing of it can come any more */
		rc = p.n ? send_portion(feed, watch, &p, p.last) : 0;
		feed->ended |= rc == -EPIPE; /* the client is gone */
		if (rc)
			return rc;
		watch->next_rev = p.last + 1;
		watch->fresh |= p.n > 0;
		watch->scanned = 0; /* what waits is to be counted anew */
	}
	return 0;
}

/* ---- clients that do not keep up ---- */

static void count_pending(struct serve_watch *watch, const struct store *s, int64_t durable)
{
	const struct history *h = &s->history;

	if (watch->scanned < watch->next_rev) {
		watch->scanned = watch->next_rev - 1;
		watch->pending = 0;
	}
	for (uint64_t i = history_find(h, watch->scanned + 1); i < h->end; i++) {
		const struct rec *rec = history_at(h, i);

		if (rec->mod_rev > durable)
			break;
		if (wants(watch, s, rec))
			watch->pending += event_bytes(watch, s, rec);
	}
	if (durable > watch->scanned)
		watch->scanned = durable;
	if (!watch->pending && watch->next_rev <= durable)
		watch->next_rev = durable + 1;
}

static struct serve_watch *slowest(const struct serve_feed *feed)
{
	struct serve_watch *most = feed->watches;

	for (struct serve_watch *w = feed->watches; w; w = w->next) {
		if (w->pending > most->pending)
			most = w;
	}
	return most;
}

/* watch is in no list. */
static void give_up(struct serve_feed *feed, struct serve_watch *watch, int rc)
{
	struct ncsdb_server *server = feed->server;
	int64_t next = watch->next_rev;
	char reason[96];

	if (rc == -EMSGSIZE) {
		snprintf(reason, sizeof(reason),
			 "ncsdb: revision %lld is larger than 8 MiB, list again", (long long)next);
		serve_watch_cancel(feed, watch, reason, next + 1);
		return;
	}
	server->slow++;
	snprintf(reason, sizeof(reason), "slow: watch again from revision %lld", (long long)next);
	serve_watch_cancel(feed, watch, reason, rc == -ERANGE ? serve_oldest(server->l) : 0);
	etcd_arena_reset(&server->arena);
}

static void check_backlog(struct serve_feed *feed, int64_t durable)
{
	size_t waiting = 0;

	for (struct serve_watch *w = feed->watches; w; w = w->next) {
		count_pending(w, &feed->server->l->store, durable);
		waiting += w->pending;
	}
	while (waiting && grpc_stream_queued(feed->stream) + waiting > NCSDB_WATCH_QUEUE_MAX) {
		struct serve_watch *w = slowest(feed);

		waiting -= w->pending;
		serve_watch_unlink(feed, w);
		give_up(feed, w, -EAGAIN);
	}
}

/* ---- streams ---- */

static void send_progress(struct serve_feed *feed, int64_t id, int64_t revision)
{
	Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;

	response.watch_id = id;
	response.header = serve_header(feed->server, revision);
	if (!response.header || serve_send(feed->stream, &response.base))
		serve_feed_end(feed, &serve_too_many);
	etcd_arena_reset(&feed->server->arena);
}

/* Each in turn; who comes first next time comes after those who were served now. */
static int deliver_all(struct serve_feed *feed, int64_t durable)
{
	int rc = 0;

	for (unsigned int n = feed->n_watches; n && !feed->ended && rc != -EAGAIN; n--) {
		struct serve_watch *watch = feed->watches;

		serve_watch_unlink(feed, watch);
		rc = deliver(feed, watch, durable);
		if (rc == -EMSGSIZE || rc == -ERANGE)
			give_up(feed, watch, rc);
		else
			serve_watch_push(feed, watch);
	}
	return rc == -EAGAIN ? rc : 0;
}

void serve_feed_deliver(struct serve_feed *feed)
{
	int64_t durable = local_durable(feed->server->l);

	if (feed->ended)
		return;
	if (deliver_all(feed, durable)) {
		check_backlog(feed, durable);
		return;
	}
	if (feed->progress && !feed->ended) {
		feed->progress = false;
		send_progress(feed, -1, durable);
	}
}

void serve_feed_progress(struct serve_feed *feed)
{
	int64_t durable = local_durable(feed->server->l);

	for (struct serve_watch *w = feed->watches; w && !feed->ended; w = w->next) {
		if (w->progress && !w->fresh && w->next_rev > durable)
			send_progress(feed, w->id, durable);
		w->fresh = false;
	}
}

int64_t serve_feeds_need(const struct ncsdb_server *server)
{
	int64_t revision = INT64_MAX;

	for (const struct serve_feed *f = server->feeds; f; f = f->next) {
		for (const struct serve_watch *w = f->watches; w; w = w->next) {
			if (w->next_rev < revision)
				revision = w->next_rev;
		}
	}
	return revision;
}
