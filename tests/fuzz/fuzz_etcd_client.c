/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a hostile or broken server sends to the client: a byte that chooses (message, prefix, where
 * the watch stands), then the message. What comes through to callbacks must keep ncsdb.h's word.
 */
#include <stdlib.h>
#include <string.h>

#include "ncsdb/etcd.h"
#include "util/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const prefixes[] = {"/san", "/clusters/7/san", "/x"};
static uv_loop_t loop;
static struct etcd *e;
static int64_t told; /* revision */

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void kv_holds(const struct ncsdb_kv *kv)
{
	size_t len = strlen(kv->key);

	must(len > 0 && len < NCSDB_KEY_MAX && utf8_text(kv->key));
	must(kv->value && kv->value_len <= NCSDB_VALUE_MAX);
	must(((const char *)kv->value)[kv->value_len] == '\0');
}

static void on_update(void *arg, const struct ncsdb_watch_update *u)
{
	if (u->status) {
		must(u->status == -ERANGE || u->status == -ESTALE);
		return;
	}
	must(u->n > 0 && u->revision > told);
	told = u->revision;
	for (size_t i = 0; i < u->n; i++) {
		kv_holds(&u->events[i].kv);
		must(u->events[i].kv.mod_rev == u->revision);
	}
}

/* A client whose link never comes up; the loop does not run. */
static void init(void)
{
	static const char *const endpoints[] = {"http://127.0.0.1:1"};
	struct ncsdb_remote remote = {.endpoints = endpoints, .n_endpoints = 1};
	struct grpc_channel_conf conf = {.loop = &loop, .host = "127.0.0.1", .port = 1};
	struct ncsdb *db;
	struct err err;

	uv_loop_init(&loop);
	must(etcd_open(&loop, &remote, &db, &err) == 0);
	e = (struct etcd *)db;
	must(grpc_channel_open(&conf, &e->feed.channel) == 0);
}

static void on_watch(const uint8_t *data, size_t size, bool stands)
{
	Etcdserverpb__WatchResponse *msg = etcd_unpack(
		&e->events_arena, &etcdserverpb__watch_response__descriptor, data, size);
	struct ncsdb_watch *watch;
	struct etcd_watch *w;

	if (!msg)
		return;
	told = 0;
	must(etcd_watch(&e->base, "/", stands ? 5 : 0, on_update, NULL, &watch) == 0);
	w = (struct etcd_watch *)watch;
	w->id = ETCD_SLOTS; /* slot 0 */
	if (msg->watch_id >= 0)
		msg->watch_id = w->id;
	etcd_heard(e, msg->header);
	etcd_watch_message(e, msg);
	must(w->next_rev >= told);
	etcd_unwatch(watch);
	must(!e->uncreated && !e->n_watches);
}

static void on_range(const uint8_t *data, size_t size)
{
	Etcdserverpb__RangeResponse *msg = etcd_unpack(
		&e->events_arena, &etcdserverpb__range_response__descriptor, data, size);
	struct ncsdb_kv kv = {0};

	for (size_t i = 0; msg && i < msg->n_kvs; i++) {
		if (etcd_kv_in(&e->names, &e->events_arena, msg->kvs[i], &kv))
			kv_holds(&kv);
	}
}

static void on_txn(const uint8_t *data, size_t size)
{
	Etcdserverpb__TxnResponse *msg =
		etcd_unpack(&e->events_arena, &etcdserverpb__txn_response__descriptor, data, size);
	struct ncsdb_txn_result res = {0};

	if (msg)
		etcd_txn_in(msg, &res);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!e)
		init();
	if (!size)
		return 0;
	must(etcd_names_init(&e->names, prefixes[data[0] / 8 % 3]) == 0);
	e->cluster = 0;
	e->revision = 0;
	if (data[0] % 4 == 0)
		on_range(data + 1, size - 1);
	else if (data[0] % 4 == 1)
		on_txn(data + 1, size - 1);
	else
		on_watch(data + 1, size - 1, data[0] & 4);
	etcd_arena_reset(&e->events_arena);
	return 0;
}
