/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The feed: one Watch stream for all watches. A new connection is asked first for a linearizable
 * read: its revision is at least that of everything that was ever shown to anybody, so a smaller
 * one means that the cluster has lost revisions (a member that only lags would have waited).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ncsdb/etcd.h"
#include "util/clock.h"

#define REQUEST_MAX (2 * (NCSDB_KEY_MAX + ETCD_PREFIX_MAX) + 128)

static void on_quiet(uv_timer_t *timer);

/* ---- state ---- */

void etcd_feed_state(struct etcd *e, bool lost)
{
	bool fed = e->feed.state == ETCD_UP && e->probed && e->stream && !lost;

	if (e->closing || e->connected == (fed && (e->connected || !e->uncreated)))
		return;
	e->connected = !e->connected;
	e->lost_us = e->connected ? 0 : clock_us();
	if (e->connected) {
		e->reconnects += e->connected_once;
		e->connected_once = true;
		etcd_link_good(&e->feed);
	}
	if (e->base.state)
		e->base.state(e->base.state_arg, e->connected);
}

bool etcd_heard(struct etcd *e, const Etcdserverpb__ResponseHeader *header)
{
	if (!header)
		return true;
	if (!e->cluster)
		e->cluster = header->cluster_id;
	if (header->cluster_id != e->cluster)
		return false;
	if (header->revision > e->revision)
		e->revision = header->revision;
	return true;
}

/* On the feed another cluster is a fact: the watches' places are in a history that is gone. */
static void adopt(struct etcd *e, const Etcdserverpb__ResponseHeader *header)
{
	e->cluster = header->cluster_id;
	e->revision = header->revision;
	etcd_watches_tell(e, -ESTALE);
}

static void check(struct etcd *e, const Etcdserverpb__ResponseHeader *header, int64_t floor)
{
	if (!header)
		return;
	if ((e->cluster && header->cluster_id != e->cluster) || header->revision < floor)
		adopt(e, header);
	else
		etcd_heard(e, header);
}

/* ---- the stream ---- */

int etcd_feed_send(struct etcd *e, const Etcdserverpb__WatchRequest *msg)
{
	uint8_t data[REQUEST_MAX];
	size_t len = protobuf_c_message_get_packed_size(&msg->base);

	if (!e->stream)
		return -ENOTCONN;
	if (len > sizeof(data))
		return -EINVAL;
	protobuf_c_message_pack(&msg->base, data);
	return grpc_call_send(e->stream, data, len, false);
}

static void on_message(void *arg, const void *data, size_t len)
{
	struct etcd *e = arg;
	Etcdserverpb__WatchResponse *msg;

	e->feed.heard_us = clock_us();
	msg = etcd_unpack(&e->events_arena, &etcdserverpb__watch_response__descriptor, data, len);
	if (!msg) {
		etcd_arena_reset(&e->events_arena);
		etcd_link_fail(&e->feed, "a watch response is malformed");
		return;
	}
	check(e, msg->header, 0);
	if (!e->closing)
		etcd_watch_message(e, msg);
	etcd_arena_reset(&e->events_arena);
	etcd_feed_state(e, false);
}

/* A response that is larger than anybody takes would come again for ever: the second time the
 * watches are told to list instead. */
static void on_end(void *arg, enum grpc_status status, const char *text, bool sent)
{
	struct etcd *e = arg;

	e->stream = NULL;
	if (e->closing)
		return;
	if (etcd_too_large(status, text) && e->too_large)
		etcd_watches_tell(e, -ERANGE);
	e->too_large = etcd_too_large(status, text) && !e->too_large;
	etcd_link_fail(&e->feed, text);
}

static void stream_open(struct etcd *e)
{
	struct grpc_header headers[2];
	struct grpc_call_conf conf = {
		.path = "/etcdserverpb.Watch/Watch",
		.headers = headers,
		.n_headers = etcd_link_headers(&e->feed, headers),
		.on_message = on_message,
		.on_end = on_end,
		.arg = e,
	};
	int rc = grpc_call_start(e->feed.channel, &conf, &e->stream);

	if (rc) {
		etcd_link_fail(&e->feed, strerror(-rc));
		return;
	}
	etcd_watches_up(e);
}

/* ---- asking ---- */

int etcd_feed_read(struct etcd *e, struct etcd_unary *u, int64_t revision, unsigned int deadline_ms)
{
	Etcdserverpb__RangeRequest msg = ETCDSERVERPB__RANGE_REQUEST__INIT;
	char key[ETCD_PREFIX_MAX + 1];
	uint8_t data[REQUEST_MAX];

	memcpy(key, e->names.prefix, e->names.len);
	key[e->names.len] = '/';
	msg.key = (etcd_bytes){e->names.len + 1, (uint8_t *)key};
	msg.limit = 1;
	msg.keys_only = true;
	msg.revision = revision;
	etcd_arena_reset(&u->arena);
	return etcd_unary_start(u, "/etcdserverpb.KV/Range", data,
				protobuf_c_message_pack(&msg.base, data), deadline_ms);
}

static int probe(struct etcd *e, unsigned int deadline_ms)
{
	e->probe_floor = e->revision;
	e->probe_us = clock_us();
	return etcd_feed_read(e, &e->probe, 0, deadline_ms);
}

static void probe_failed(struct etcd *e, enum grpc_status status, const char *text)
{
	char why[64];

	if (status != GRPC_DEADLINE_EXCEEDED) {
		etcd_link_fail(&e->feed, text);
		return;
	}
	if (e->probed && e->feed.heard_us > e->probe_us)
		return; /* events came meanwhile */
	snprintf(why, sizeof(why), "no answer within %u ms",
		 e->probed ? e->answer_ms : e->deadline_ms);
	etcd_link_fail(&e->feed, why);
}

/* Who may not read this key may still be allowed to watch others. */
void etcd_probe_done(struct etcd_unary *u, enum grpc_status status, const char *text, bool sent)
{
	struct etcd *e = u->link->e;
	const Etcdserverpb__RangeResponse *answer = u->answer;
	bool first = !e->probed;

	if (e->closing)
		return;
	if (status == GRPC_DEADLINE_EXCEEDED || etcd_elsewhere(status, text) ||
	    etcd_token_bad(status, text)) {
		probe_failed(e, status, text);
		return;
	}
	e->feed.heard_us = clock_us();
	if (status == GRPC_OK)
		check(e, answer->header, first ? e->probe_floor : 0);
	e->probed = true;
	if (first && !e->closing)
		stream_open(e);
	etcd_feed_state(e, false);
}

static void ask(struct etcd *e)
{
	Etcdserverpb__WatchProgressRequest progress = ETCDSERVERPB__WATCH_PROGRESS_REQUEST__INIT;
	Etcdserverpb__WatchRequest msg = ETCDSERVERPB__WATCH_REQUEST__INIT;

	msg.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_PROGRESS_REQUEST;
	msg.progress_request = &progress;
	if (etcd_feed_send(e, &msg) || probe(e, e->answer_ms))
		etcd_link_fail(&e->feed, "cannot be asked for progress");
}

static void on_quiet(uv_timer_t *timer)
{
	struct etcd *e = timer->data;
	uint64_t quiet_ms = (clock_us() - e->feed.heard_us) / 1000;

	if (e->closing || e->feed.state != ETCD_UP)
		return;
	if (quiet_ms < e->quiet_ms) {
		uv_timer_start(timer, on_quiet, e->quiet_ms - quiet_ms, 0);
		return;
	}
	uv_timer_start(timer, on_quiet, e->quiet_ms, 0);
	if (e->probed && !e->probe.call)
		ask(e);
}

/* ---- the link ---- */

void etcd_feed_up(struct etcd *e)
{
	int rc = probe(e, e->deadline_ms);

	if (rc) {
		etcd_link_fail(&e->feed, strerror(-rc));
		return;
	}
	uv_timer_start(&e->quiet, on_quiet, e->quiet_ms, 0);
	etcd_keepalives_up(e);
}

void etcd_feed_down(struct etcd *e)
{
	e->probed = false;
	uv_timer_stop(&e->quiet);
	uv_timer_stop(&e->rewatch);
	etcd_unary_cancel(&e->probe);
	if (e->stream)
		grpc_call_cancel(e->stream);
	e->stream = NULL;
	etcd_keepalives_down(e);
	etcd_watches_down(e);
	etcd_feed_state(e, true);
}
