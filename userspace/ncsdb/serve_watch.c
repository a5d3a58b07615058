/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Watch streams: what clients ask for. What they get is in serve_feed.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ncsdb/serve_int.h"

#define NO_WATCH (-1) /* ID in answers that belong to none */
#define STR_(x) #x
#define STR(x) STR_(x)
#define SERVE_WATCHES_MAX 3072 /* a text has no arithmetic */

_Static_assert(SERVE_WATCHES_MAX == NCSDB_CLIENTS_MAX(NCSDB_WATCHES_MAX), "as the text says");

typedef Etcdserverpb__WatchCreateRequest create_request;

/* ---- answers ---- */

void serve_feed_end(struct serve_feed *feed, const struct serve_error *error)
{
	if (feed->ended)
		return;
	feed->ended = true;
	feed->server->refused += error != NULL;
	grpc_stream_end(feed->stream, error ? error->status : GRPC_OK, error ? error->text : "");
}

/* A client that does not even take these has lost its stream. */
static void send_control(struct serve_feed *feed, Etcdserverpb__WatchResponse *response)
{
	if (feed->ended)
		return;
	response->header = serve_header(feed->server, local_durable(feed->server->l));
	if (!response->header || serve_send(feed->stream, &response->base))
		serve_feed_end(feed, &serve_too_many);
}

/* ---- watches ---- */

static void watch_free(struct serve_feed *feed, struct serve_watch *watch)
{
	feed->n_watches--;
	feed->server->n_watches--;
	feed->server->l->n_watches--;
	free(watch);
}

void serve_watch_push(struct serve_feed *feed, struct serve_watch *watch)
{
	watch->next = NULL;
	*feed->last = watch;
	feed->last = &watch->next;
}

void serve_watch_unlink(struct serve_feed *feed, struct serve_watch *watch)
{
	struct serve_watch **link = &feed->watches;

	while (*link != watch)
		link = &(*link)->next;
	*link = watch->next;
	if (!watch->next)
		feed->last = link;
}

void serve_watch_cancel(struct serve_feed *feed, struct serve_watch *watch, const char *reason,
			int64_t compact_revision)
{
	Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;

	response.watch_id = watch->id;
	response.canceled = true;
	response.compact_revision = compact_revision;
	response.cancel_reason = (char *)reason;
	send_control(feed, &response);
	watch_free(feed, watch);
}

static struct serve_watch *find_watch(const struct serve_feed *feed, int64_t id)
{
	for (struct serve_watch *w = feed->watches; w; w = w->next) {
		if (w->id == id)
			return w;
	}
	return NULL;
}

/* ---- create ---- */

static const char *refusal(const struct serve_feed *feed, const create_request *req)
{
	const ProtobufCBinaryData *key = &req->key, *end = &req->range_end;
	size_t common = key->len < end->len ? key->len : end->len;
	bool from = end->len == 1 && end->data[0] == 0;
	int diff = common ? memcmp(key->data, end->data, common) : 0;

	if (key->len > NCSDB_KEY_MAX || end->len > NCSDB_KEY_MAX)
		return "ncsdb: key and range_end must be of at most " STR(NCSDB_KEY_MAX) " bytes";
	if (req->fragment)
		return "ncsdb: fragment is not supported (UNIMPLEMENTED)";
	if (end->len && !from && (diff > 0 || (diff == 0 && key->len >= end->len)))
		return "mvcc: watcher range is empty";
	if (req->watch_id < 0)
		return "ncsdb: watch_id must be 0 (chosen) or positive";
	if (req->watch_id && find_watch(feed, req->watch_id))
		return "mvcc: duplicate watch ID provided on the WatchStream";
	if (feed->n_watches >= NCSDB_STREAM_WATCHES_MAX)
		return "ncsdb: the stream has " STR(NCSDB_STREAM_WATCHES_MAX) " watches, no more "
									      "are made";
	if (feed->server->n_watches >= SERVE_WATCHES_MAX)
		return "ncsdb: clients have " STR(SERVE_WATCHES_MAX) " watches, no more are made";
	if (feed->server->l->n_watches >= NCSDB_WATCHES_MAX)
		return "ncsdb: there are " STR(NCSDB_WATCHES_MAX) " watches, no more are made";
	return NULL;
}

static void copy_span(struct serve_watch *watch, const create_request *req)
{
	static const ProtobufCBinaryData first = {1, (uint8_t *)"\0"};
	char *end = watch->text + req->key.len + 1;

	watch->span = serve_span(req->key.len ? &req->key : &first, &req->range_end);
	memcpy(watch->text, watch->span.key, watch->span.key_len + 1);
	watch->span.key = watch->text;
	if (watch->span.end)
		watch->span.end = memcpy(end, watch->span.end, watch->span.end_len);
}

static int64_t choose_id(struct serve_feed *feed, int64_t wish)
{
	if (wish)
		return wish;
	while (find_watch(feed, feed->next_id))
		feed->next_id++;
	return feed->next_id++;
}

static void filters(struct serve_watch *watch, const create_request *req)
{
	for (size_t i = 0; i < req->n_filters; i++) {
		if (req->filters[i] == ETCDSERVERPB__WATCH_CREATE_REQUEST__FILTER_TYPE__NOPUT)
			watch->no_put = true;
		if (req->filters[i] == ETCDSERVERPB__WATCH_CREATE_REQUEST__FILTER_TYPE__NODELETE)
			watch->no_delete = true;
	}
}

static struct serve_watch *watch_new(struct serve_feed *feed, const create_request *req)
{
	size_t text = req->key.len + req->range_end.len + 2;
	struct serve_watch *watch = calloc(1, sizeof(*watch) + text);

	if (!watch)
		return NULL;
	copy_span(watch, req);
	filters(watch, req);
	watch->id = choose_id(feed, req->watch_id);
	watch->prev_kv = req->prev_kv;
	watch->progress = req->progress_notify;
	watch->next_rev = req->start_revision;
	if (!watch->next_rev)
		watch->next_rev = local_durable(feed->server->l) + 1;
	else if (watch->next_rev < 1)
		watch->next_rev = 1;
	feed->n_watches++;
	feed->server->n_watches++;
	feed->server->l->n_watches++;
	return watch;
}

static void create(struct serve_feed *feed, const create_request *req)
{
	Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;
	const char *reason = refusal(feed, req);
	struct serve_watch *watch = reason ? NULL : watch_new(feed, req);

	if (!reason && !watch)
		reason = serve_no_memory.text;
	response.created = true;
	response.watch_id = watch ? watch->id : NO_WATCH;
	response.canceled = !watch;
	response.cancel_reason = (char *)(reason ? reason : "");
	send_control(feed, &response);
	if (!watch) {
		feed->server->refused++;
		return;
	}
	if (serve_has_from(feed->server->l, watch->next_rev))
		serve_watch_push(feed, watch);
	else
		serve_watch_cancel(feed, watch, "", serve_oldest(feed->server->l));
}

/* ---- the stream ---- */

static void cancel(struct serve_feed *feed, int64_t id)
{
	struct serve_watch *watch = find_watch(feed, id);

	if (!watch)
		return;
	serve_watch_unlink(feed, watch);
	serve_watch_cancel(feed, watch, "", 0);
}

static void obey(struct serve_feed *feed, const Etcdserverpb__WatchRequest *req)
{
	switch (req->request_union_case) {
	case ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST:
		create(feed, req->create_request);
		break;
	case ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CANCEL_REQUEST:
		cancel(feed, req->cancel_request->watch_id);
		break;
	case ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_PROGRESS_REQUEST:
		feed->progress = true;
		break;
	default:
		break;
	}
}

static void on_message(void *user, const void *data, size_t len)
{
	struct serve_feed *feed = user;
	struct etcd_arena *arena = &feed->server->arena;
	const Etcdserverpb__WatchRequest *req;

	if (feed->ended)
		return;
	etcd_arena_reset(arena);
	req = etcd_unpack(arena, &etcdserverpb__watch_request__descriptor, data, len);
	if (req)
		obey(feed, req);
	else
		serve_feed_end(feed, &serve_malformed);
	etcd_arena_reset(arena);
	serve_feed_deliver(feed);
}

static void on_half_closed(void *user)
{
	serve_feed_end(user, NULL);
}

static void on_writable(void *user)
{
	serve_feed_deliver(user);
}

static void on_closed(void *user)
{
	struct serve_feed *feed = user;

	for (struct serve_watch *w = feed->watches, *next; w; w = next) {
		next = w->next;
		watch_free(feed, w);
	}
	*feed->link = feed->next;
	if (feed->next)
		feed->next->link = feed->link;
	free(feed);
}

static const struct grpc_stream_ops watch_ops = {
	.message = on_message,
	.half_closed = on_half_closed,
	.closed = on_closed,
	.writable = on_writable,
};

enum grpc_status serve_watch_open(struct ncsdb_server *server, struct grpc_stream *stream,
				  const char **text)
{
	struct serve_feed *feed = calloc(1, sizeof(*feed));

	if (!feed) {
		*text = serve_no_memory.text;
		return serve_no_memory.status;
	}
	*feed = (struct serve_feed){
		.server = server, .stream = stream, .next = server->feeds, .link = &server->feeds};
	feed->last = &feed->watches;
	if (feed->next)
		feed->next->link = &feed->next;
	server->feeds = feed;
	grpc_stream_set(stream, &watch_ops, feed);
	return GRPC_OK;
}
