/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The front of every back-end: arguments are checked here, once. */
#include "ncsdb/ncsdb.h"

#include <errno.h>
#include <string.h>

#include "ncsdb/etcd.h"
#include "ncsdb/local.h"
#include "util/utf8.h"

#define HASH_SLOTS 512 /* power of two, well above NCSDB_TXN_MAX */

_Static_assert(HASH_SLOTS >= 4 * NCSDB_TXN_MAX && NCSDB_TXN_MAX < 255, "key set layout");

int ncsdb_open(uv_loop_t *loop, const struct ncsdb_conf *conf, struct ncsdb **out, struct err *err)
{
	if (conf->remote)
		return etcd_open(loop, conf->remote, out, err);
	return local_open(loop, conf, out, err);
}

void ncsdb_close(struct ncsdb *db)
{
	if (db)
		db->ops->close(db);
}

void ncsdb_status(const struct ncsdb *db, struct ncsdb_status *out)
{
	db->ops->status(db, out);
}

void ncsdb_on_state(struct ncsdb *db, void (*state)(void *arg, bool connected), void *arg)
{
	db->state = state;
	db->state_arg = arg;
}

static bool prefix_ok(const char *key)
{
	return key && strnlen(key, NCSDB_KEY_MAX) < NCSDB_KEY_MAX && utf8_text(key);
}

static bool key_ok(const char *key)
{
	return prefix_ok(key) && *key;
}

int ncsdb_range(struct ncsdb *db, const struct ncsdb_range *req, ncsdb_range_cb cb, void *arg)
{
	bool ok = req->prefix ? prefix_ok(req->key) : key_ok(req->key);

	if (!ok || !cb || (!req->prefix && req->end && !key_ok(req->end)))
		return -EINVAL;
	return db->ops->range(db, req, cb, arg);
}

/* ---- transactions ---- */

static bool cmp_ok(const struct ncsdb_cmp *cmp)
{
	return key_ok(cmp->key) && (unsigned int)cmp->field <= NCSDB_CMP_LEASE &&
	       (unsigned int)cmp->op <= NCSDB_LT;
}

static bool op_ok(const struct ncsdb_op *op)
{
	if (!key_ok(op->key))
		return false;
	switch (op->type) {
	case NCSDB_PUT:
		return op->value_len <= NCSDB_VALUE_MAX && (op->value || !op->value_len) &&
		       op->lease >= 0;
	case NCSDB_DELETE:
	case NCSDB_DELETE_PREFIX:
		return !op->value_len && !op->lease;
	}
	return false;
}

static unsigned int key_hash(const char *key)
{
	unsigned int hash = 0x811c9dc5; /* FNV-1a */

	for (; *key; key++)
		hash = (hash ^ (unsigned char)*key) * 0x01000193;
	return hash ^ hash >> 16;
}

static bool keys_differ(const struct ncsdb_op *ops, size_t n)
{
	unsigned char set[HASH_SLOTS] = {0}; /* index + 1 */

	for (size_t i = 0; i < n; i++) {
		unsigned int at = key_hash(ops[i].key) % HASH_SLOTS;

		for (; set[at]; at = (at + 1) % HASH_SLOTS) {
			if (strcmp(ops[set[at] - 1].key, ops[i].key) == 0)
				return false;
		}
		set[at] = (unsigned char)(i + 1);
	}
	return true;
}

/* Is any key put that ops[which], a DELETE_PREFIX, deletes? */
static bool puts_under(const struct ncsdb_op *ops, size_t n, size_t which)
{
	size_t len = strlen(ops[which].key);

	for (size_t i = 0; i < n; i++) {
		if (ops[i].type == NCSDB_PUT && strncmp(ops[i].key, ops[which].key, len) == 0)
			return true;
	}
	return false;
}

static bool ops_ok(const struct ncsdb_op *ops, size_t n)
{
	if (n > NCSDB_TXN_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!op_ok(&ops[i]))
			return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (ops[i].type == NCSDB_DELETE_PREFIX && puts_under(ops, n, i))
			return false;
	}
	return keys_differ(ops, n);
}

int ncsdb_txn(struct ncsdb *db, const struct ncsdb_txn *txn, ncsdb_txn_cb cb, void *arg)
{
	if (txn->n_cmps > NCSDB_TXN_MAX)
		return -EINVAL;
	for (size_t i = 0; i < txn->n_cmps; i++) {
		if (!cmp_ok(&txn->cmps[i]))
			return -EINVAL;
	}
	if (!ops_ok(txn->then, txn->n_then) || !ops_ok(txn->orelse, txn->n_orelse))
		return -EINVAL;
	return db->ops->txn(db, txn, cb, arg);
}

/* ---- watches ---- */

int ncsdb_watch(struct ncsdb *db, const char *prefix, int64_t start_rev, ncsdb_watch_cb cb,
		void *arg, struct ncsdb_watch **out)
{
	if (!prefix_ok(prefix) || start_rev < 0 || !cb)
		return -EINVAL;
	return db->ops->watch(db, prefix, start_rev, cb, arg, out);
}

void ncsdb_unwatch(struct ncsdb_watch *watch)
{
	if (watch)
		watch->db->ops->unwatch(watch);
}

int ncsdb_compact(struct ncsdb *db, int64_t revision)
{
	return revision > 0 ? db->ops->compact(db, revision) : -EINVAL;
}

/* ---- leases ---- */

int ncsdb_lease_grant(struct ncsdb *db, int64_t id, unsigned int ttl_s, ncsdb_lease_cb cb,
		      void *arg)
{
	if (id < 0 || ttl_s < NCSDB_LEASE_TTL_MIN_S || ttl_s > NCSDB_LEASE_TTL_MAX_S || !cb)
		return -EINVAL;
	return db->ops->lease_grant(db, id, ttl_s, cb, arg);
}

int ncsdb_lease_keepalive(struct ncsdb *db, int64_t id, ncsdb_lease_cb cb, void *arg)
{
	return id > 0 && cb ? db->ops->lease_keepalive(db, id, cb, arg) : -EINVAL;
}

int ncsdb_lease_revoke(struct ncsdb *db, int64_t id, ncsdb_lease_cb cb, void *arg)
{
	return id > 0 && cb ? db->ops->lease_revoke(db, id, cb, arg) : -EINVAL;
}
