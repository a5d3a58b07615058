/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A database in front of another: passes everything on, counts and disturbs. */
#ifndef TESTS_UNIT_SAN_AGENT_RELAY_H
#define TESTS_UNIT_SAN_AGENT_RELAY_H

#include <stdlib.h>

#include "ncsdb/ncsdb.h"

#define LATE_MS 20

/* Passes everything on, counts and disturbs. Closes the real one only at the end. */
struct relay {
	struct ncsdb base;
	struct ncsdb *real;
	unsigned int txns, ops;	      /* since the last reset */
	unsigned int largest;	      /* operations of a transaction */
	unsigned int under_way, most; /* without an answer; most at a time */
	int status;		      /* answered instead, if not 0 */
	bool happens;		      /* ... although it happens */
};

static struct ncsdb *real_of(const struct ncsdb *db)
{
	return ((const struct relay *)db)->real;
}

static void relay_close(struct ncsdb *db)
{
}

static void relay_status(const struct ncsdb *db, struct ncsdb_status *out)
{
	ncsdb_status(real_of(db), out);
}

static int relay_range(struct ncsdb *db, const struct ncsdb_range *r, ncsdb_range_cb cb, void *arg)
{
	return ncsdb_range(real_of(db), r, cb, arg);
}

struct late_answer {
	uv_timer_t timer;
	struct relay *relay;
	ncsdb_txn_cb cb;
	void *arg;
	struct ncsdb_txn_result res;
};

static void free_late(uv_handle_t *handle)
{
	free(handle->data);
}

static void on_late(uv_timer_t *timer)
{
	struct late_answer *late = timer->data;

	late->relay->under_way--;
	late->cb(late->arg, &late->res);
	uv_close((uv_handle_t *)timer, free_late);
}

static void on_answer(void *arg, const struct ncsdb_txn_result *res)
{
	struct late_answer *late = arg;

	if (!late->res.status)
		late->res = *res;
	uv_timer_start(&late->timer, on_late, LATE_MS, 0);
}

/* Every answer comes a little late, so that something is under way. */
static int relay_txn(struct ncsdb *db, const struct ncsdb_txn *txn, ncsdb_txn_cb cb, void *arg)
{
	static const struct ncsdb_txn nothing = {};
	struct relay *relay = (struct relay *)db;
	struct late_answer *late = calloc(1, sizeof(*late));

	relay->txns++;
	relay->under_way++;
	relay->most = relay->under_way > relay->most ? relay->under_way : relay->most;
	relay->ops += txn->n_then;
	relay->largest = txn->n_then > relay->largest ? txn->n_then : relay->largest;
	uv_timer_init(db->loop, &late->timer);
	late->timer.data = late;
	late->relay = relay;
	late->cb = cb;
	late->arg = arg;
	late->res.status = relay->status;
	return ncsdb_txn(relay->real, relay->status && !relay->happens ? &nothing : txn, on_answer,
			 late);
}

static int relay_watch(struct ncsdb *db, const char *prefix, int64_t rev, ncsdb_watch_cb cb,
		       void *arg, struct ncsdb_watch **out)
{
	return ncsdb_watch(real_of(db), prefix, rev, cb, arg, out);
}

static int relay_grant(struct ncsdb *db, int64_t id, unsigned int ttl, ncsdb_lease_cb cb, void *arg)
{
	return ncsdb_lease_grant(real_of(db), id, ttl, cb, arg);
}

static int relay_keep(struct ncsdb *db, int64_t id, ncsdb_lease_cb cb, void *arg)
{
	return ncsdb_lease_keepalive(real_of(db), id, cb, arg);
}

static int relay_revoke(struct ncsdb *db, int64_t id, ncsdb_lease_cb cb, void *arg)
{
	return ncsdb_lease_revoke(real_of(db), id, cb, arg);
}

static const struct ncsdb_ops relay_ops = {
	.name = "relay",
	.close = relay_close,
	.status = relay_status,
	.range = relay_range,
	.txn = relay_txn,
	.watch = relay_watch,
	.lease_grant = relay_grant,
	.lease_keepalive = relay_keep,
	.lease_revoke = relay_revoke,
};

#endif
