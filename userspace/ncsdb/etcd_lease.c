/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keep-alives: one stream on the feed, opened by the first of them. Telling twice does no harm, so
 * what a lost stream has not answered is asked again on the next. */
#include <errno.h>
#include <stdlib.h>

#include "ncsdb/etcd.h"
#include "util/clock.h"

static void on_message(void *arg, const void *data, size_t len);
static void on_end(void *arg, enum grpc_status status, const char *text, bool sent);

static int stream_open(struct etcd *e)
{
	struct grpc_header headers[2];
	struct grpc_call_conf conf = {
		.path = "/etcdserverpb.Lease/LeaseKeepAlive",
		.headers = headers,
		.n_headers = etcd_link_headers(&e->feed, headers),
		.on_message = on_message,
		.on_end = on_end,
		.arg = e,
	};

	return grpc_call_start(e->feed.channel, &conf, &e->keepalive);
}

/* What does not work now waits for the next stream, or its deadline. */
static void send_one(struct etcd *e, struct etcd_keepalive *k)
{
	Etcdserverpb__LeaseKeepAliveRequest msg = ETCDSERVERPB__LEASE_KEEP_ALIVE_REQUEST__INIT;
	unsigned char data[64];
	size_t len;

	if (e->feed.state != ETCD_UP || (!e->keepalive && stream_open(e)))
		return;
	msg.id = k->id;
	len = protobuf_c_message_pack(&msg.base, data);
	if (grpc_call_send(e->keepalive, data, len, false) == 0) {
		k->sent = k->tried = true;
		k->sent_us = clock_us();
	}
}

static void answer(struct etcd *e, struct etcd_keepalive *k, int status, unsigned int ttl_s)
{
	TAILQ_REMOVE(&e->keepalives, k, all);
	e->n_requests--;
	etcd_tick(e);
	k->cb(k->arg, status, k->id, ttl_s);
	free(k);
}

static void on_message(void *arg, const void *data, size_t len)
{
	struct etcd *e = arg;
	struct etcd_arena arena = {0};
	Etcdserverpb__LeaseKeepAliveResponse *msg;
	struct etcd_keepalive *k;
	int64_t id = 0, ttl = 0;

	e->feed.heard_us = clock_us();
	msg = etcd_unpack(&arena, &etcdserverpb__lease_keep_alive_response__descriptor, data, len);
	if (msg && etcd_heard(e, msg->header)) {
		id = msg->id;
		ttl = msg->ttl;
	}
	etcd_arena_fini(&arena);
	TAILQ_FOREACH(k, &e->keepalives, all)
	{
		if (k->sent && k->id == id)
			break;
	}
	if (k)
		answer(e, k, ttl > 0 ? 0 : -ENOENT, ttl > 0 ? (unsigned int)ttl : 0);
}

static void stream_lost(struct etcd *e)
{
	struct etcd_keepalive *k;

	e->keepalive = NULL;
	TAILQ_FOREACH(k, &e->keepalives, all)
	k->sent = false;
}

static void on_end(void *arg, enum grpc_status status, const char *text, bool sent)
{
	struct etcd *e = arg;

	stream_lost(e);
	if (!e->closing)
		etcd_link_fail(&e->feed, text);
}

void etcd_keepalives_up(struct etcd *e)
{
	struct etcd_keepalive *k;

	TAILQ_FOREACH(k, &e->keepalives, all)
	send_one(e, k);
}

void etcd_keepalives_down(struct etcd *e)
{
	if (e->keepalive)
		grpc_call_cancel(e->keepalive);
	stream_lost(e);
}

void etcd_keepalives_cancel(struct etcd *e)
{
	struct etcd_keepalive *k;

	while ((k = TAILQ_FIRST(&e->keepalives)))
		answer(e, k, -ECANCELED, 0);
}

/* A member that is silent altogether is left; else the stream may hang on its own (a member that
 * asks a leader which is gone). */
static void expire(struct etcd *e, struct etcd_keepalive *k)
{
	bool sent = k->sent, silent = sent && e->feed.heard_us < k->sent_us;

	if (silent) {
		etcd_link_fail(&e->feed, "keep-alive without an answer");
	} else if (sent) {
		etcd_keepalives_down(e);
		etcd_keepalives_up(e);
	}
	answer(e, k, k->tried ? -ETIMEDOUT : -EHOSTUNREACH, 0);
}

void etcd_keepalives_expire(struct etcd *e, uint64_t now)
{
	struct etcd_keepalive *k;

	while ((k = TAILQ_FIRST(&e->keepalives)) && k->deadline_us <= now)
		expire(e, k);
}

int etcd_lease_keepalive(struct ncsdb *db, int64_t id, ncsdb_lease_cb cb, void *arg)
{
	struct etcd *e = (struct etcd *)db;
	struct etcd_keepalive *k;
	int rc = etcd_admit(e, 0);

	if (rc)
		return rc;
	k = malloc(sizeof(*k));
	if (!k)
		return -ENOMEM;
	*k = (struct etcd_keepalive){
		.id = id,
		.cb = cb,
		.arg = arg,
		.deadline_us = clock_us() + e->deadline_ms * 1000ull,
	};
	TAILQ_INSERT_TAIL(&e->keepalives, k, all);
	e->n_requests++;
	etcd_tick(e);
	send_one(e, k);
	return 0;
}
