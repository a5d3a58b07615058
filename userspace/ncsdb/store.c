/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncsdb/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void store_init(struct store *s, uint64_t max_keys)
{
	*s = (struct store){.max_keys = max_keys, .revision = 1};
}

void store_fini(struct store *s)
{
	struct rec *rec;

	rec_release(&s->pool);
	history_fini(&s->history, &s->pool);
	leases_fini(&s->leases);
	while ((rec = radix_seek(&s->tree, "", false))) {
		radix_remove(&s->tree, rec->key);
		rec_unref(&s->pool, rec);
	}
	radix_fini(&s->tree);
	free(s->changes);
}

/* ---- changes: prepared until nothing can fail, then made in one go ---- */

static void changes_drop(struct store *s)
{
	for (size_t i = 0; i < s->n_changes; i++) {
		struct rec *rec = s->changes[i];

		if (!rec->deleted && !radix_get(&s->tree, rec->key))
			radix_remove(&s->tree, rec->key); /* the room reserved */
		rec_unref(&s->pool, rec);
	}
	s->n_changes = 0;
}

/* Takes rec (NULL: without memory). */
static int changes_push(struct store *s, struct rec *rec)
{
	if (!rec)
		return -ENOMEM;
	if (s->n_changes == s->cap_changes) {
		size_t cap = s->cap_changes ? s->cap_changes * 2 : NCSDB_TXN_MAX;
		struct rec **bigger = reallocarray(s->changes, cap, sizeof(struct rec *));

		if (!bigger) {
			rec_unref(&s->pool, rec);
			return -ENOMEM;
		}
		s->changes = bigger;
		s->cap_changes = cap;
	}
	s->changes[s->n_changes++] = rec;
	return 0;
}

static int prepare_put(struct store *s, const struct ncsdb_op *op, uint64_t now_us)
{
	struct rec *rec;
	int rc;

	if (op->lease && !lease_get(&s->leases, op->lease))
		return -ENOENT;
	rec = rec_new(op->key, strlen(op->key), op->value, op->value_len);
	rc = changes_push(s, rec);
	if (rc)
		return rc;
	rec->lease = op->lease;
	rec->received_us = now_us;
	return radix_reserve(&s->tree, op->key);
}

static int prepare_delete(struct store *s, const struct rec *victim)
{
	struct rec *rec = rec_new(victim->key, victim->key_len, NULL, 0);

	if (rec)
		rec->deleted = true;
	return changes_push(s, rec);
}

static int prepare_delete_prefix(struct store *s, const char *prefix)
{
	size_t len = strlen(prefix);
	const struct rec *rec = radix_seek(&s->tree, prefix, false);
	int rc = 0;

	for (; !rc && rec && strncmp(rec->key, prefix, len) == 0;
	     rec = radix_seek(&s->tree, rec->key, true))
		rc = prepare_delete(s, rec);
	return rc;
}

static int prepare_op(struct store *s, const struct ncsdb_op *op, uint64_t now_us)
{
	const struct rec *rec;

	switch (op->type) {
	case NCSDB_PUT:
		return prepare_put(s, op, now_us);
	case NCSDB_DELETE:
		rec = radix_get(&s->tree, op->key);
		return rec ? prepare_delete(s, rec) : 0;
	case NCSDB_DELETE_PREFIX:
		return prepare_delete_prefix(s, op->key);
	}
	return -EINVAL;
}

/* Limits, and room in all places the changes go to. */
static int changes_admit(struct store *s)
{
	size_t added = 0;

	for (size_t i = 0; i < s->n_changes; i++) {
		const struct rec *rec = s->changes[i];

		if (!rec->deleted && !radix_get(&s->tree, rec->key))
			added++;
	}
	if (added && s->tree.count + added > s->max_keys)
		return -ENOSPC;
	if (s->batch && batch_reserve(s->batch, s->n_changes))
		return -ENOMEM;
	return history_reserve(&s->history, s->n_changes);
}

/* The tree's reference to old is the caller's afterwards. */
static struct rec *change_tree(struct store *s, struct rec *rec)
{
	struct rec *old;

	if (rec->deleted)
		return radix_remove(&s->tree, rec->key);
	old = radix_get(&s->tree, rec->key);
	rec->create_rev = old ? old->create_rev : rec->mod_rev;
	rec->version = old ? old->version + 1 : 1;
	radix_set(&s->tree, rec->key, rec_ref(rec));
	return old;
}

static bool change_make(struct store *s, struct rec *rec)
{
	struct rec *old;

	rec->mod_rev = s->revision;
	old = change_tree(s, rec);
	if (rec->deleted && !old)
		return false; /* an operation before this one deleted it, too */
	if (old)
		lease_detach(old);
	if (rec->lease)
		lease_attach(lease_get(&s->leases, rec->lease), rec);
	history_add(&s->history, rec);
	if (s->batch)
		batch_add(s->batch, &s->pool, rec, old);
	rec_unref(&s->pool, old);
	return rec->deleted;
}

/* Returns how many keys were deleted. */
static size_t changes_make(struct store *s)
{
	size_t deleted = 0;

	if (s->n_changes)
		s->revision++;
	for (size_t i = 0; i < s->n_changes; i++) {
		deleted += change_make(s, s->changes[i]);
		rec_unref(&s->pool, s->changes[i]);
	}
	s->n_changes = 0;
	return deleted;
}

/* ---- transactions ---- */

static int64_t cmp_field(const struct rec *rec, enum ncsdb_cmp_field field)
{
	if (!rec)
		return 0;
	switch (field) {
	case NCSDB_CMP_VERSION:
		return rec->version;
	case NCSDB_CMP_CREATE_REV:
		return rec->create_rev;
	case NCSDB_CMP_MOD_REV:
		return rec->mod_rev;
	case NCSDB_CMP_LEASE:
		return rec->lease;
	}
	return 0;
}

static bool cmp_holds(const struct store *s, const struct ncsdb_cmp *cmp)
{
	int64_t is = cmp_field(radix_get(&s->tree, cmp->key), cmp->field);

	switch (cmp->op) {
	case NCSDB_EQ:
		return is == cmp->value;
	case NCSDB_NE:
		return is != cmp->value;
	case NCSDB_GT:
		return is > cmp->value;
	case NCSDB_LT:
		return is < cmp->value;
	}
	return false;
}

static bool cmps_hold(const struct store *s, const struct ncsdb_txn *txn)
{
	for (size_t i = 0; i < txn->n_cmps; i++) {
		if (!cmp_holds(s, &txn->cmps[i]))
			return false;
	}
	return true;
}

int store_txn(struct store *s, const struct ncsdb_txn *txn, uint64_t now_us,
	      struct ncsdb_txn_result *res)
{
	bool holds = cmps_hold(s, txn);
	const struct ncsdb_op *ops = holds ? txn->then : txn->orelse;
	size_t n = holds ? txn->n_then : txn->n_orelse;
	int rc = 0;

	*res = (struct ncsdb_txn_result){.succeeded = holds};
	for (size_t i = 0; !rc && i < n; i++)
		rc = prepare_op(s, &ops[i], now_us);
	if (!rc)
		rc = changes_admit(s);
	if (rc)
		changes_drop(s);
	else
		res->deleted = changes_make(s);
	res->status = rc;
	res->revision = s->revision;
	return rc;
}

/* ---- reads ---- */

static bool in_range(const struct rec *rec, const struct ncsdb_range *req)
{
	if (req->prefix)
		return strncmp(rec->key, req->key, strlen(req->key)) == 0;
	return strcmp(rec->key, req->end) < 0;
}

static const struct rec *range_next(const struct store *s, const struct ncsdb_range *req,
				    const struct rec *last)
{
	const struct rec *rec;

	if (!req->prefix && !req->end)
		return last ? NULL : radix_get(&s->tree, req->key);
	rec = radix_seek(&s->tree, last ? last->key : req->key, last != NULL);
	return rec && in_range(rec, req) ? rec : NULL;
}

static int range_push(struct ncsdb_range_result *res, size_t *cap, const struct rec *rec)
{
	struct ncsdb_kv *kvs = (struct ncsdb_kv *)res->kvs;

	if (res->n == *cap) {
		*cap = *cap ? *cap * 2 : 16;
		kvs = reallocarray(kvs, *cap, sizeof(*kvs));
		if (!kvs)
			return -ENOMEM;
		res->kvs = kvs;
	}
	rec_kv(rec, &kvs[res->n++]);
	return 0;
}

void store_range(const struct store *s, const struct ncsdb_range *req,
		 struct ncsdb_range_result *res)
{
	const struct rec *rec = NULL;
	size_t cap = 0;

	*res = (struct ncsdb_range_result){.revision = s->revision};
	while ((rec = range_next(s, req, rec))) {
		if (req->limit && res->n == req->limit) {
			res->more = true;
			return;
		}
		if (range_push(res, &cap, rec)) {
			free((void *)res->kvs);
			*res = (struct ncsdb_range_result){.status = -ENOMEM};
			return;
		}
		if (req->keys_only) {
			struct ncsdb_kv *kv = (struct ncsdb_kv *)&res->kvs[res->n - 1];

			kv->value = NULL;
			kv->value_len = 0;
		}
	}
}

/* ---- leases ---- */

static int64_t lease_choose(const struct store *s)
{
	int64_t id = 0;

	while (id == 0 || lease_get(&s->leases, id)) {
		if (getrandom(&id, sizeof(id), 0) != sizeof(id))
			continue;
		id &= INT64_MAX;
	}
	return id;
}

int store_lease_grant(struct store *s, int64_t *id, unsigned int ttl_s, uint64_t now_us)
{
	int64_t chosen = *id ? *id : lease_choose(s);
	int rc;

	if (s->batch && batch_reserve_lease(s->batch))
		return -ENOMEM;
	rc = lease_add(&s->leases, chosen, ttl_s, now_us);
	if (rc)
		return rc;
	if (s->batch)
		batch_add_lease(s->batch, chosen, ttl_s);
	*id = chosen;
	return 0;
}

int store_lease_end(struct store *s, int64_t id)
{
	struct lease *lease = lease_get(&s->leases, id);
	int rc = 0;

	if (!lease)
		return -ENOENT;
	if (s->batch && batch_reserve_lease(s->batch))
		return -ENOMEM;
	for (const struct rec *rec = lease->keys; !rc && rec; rec = rec->lease_next)
		rc = prepare_delete(s, rec);
	if (!rc)
		rc = changes_admit(s);
	if (rc) {
		changes_drop(s);
		return rc;
	}
	changes_make(s);
	lease_del(&s->leases, lease);
	if (s->batch)
		batch_add_lease(s->batch, id, 0);
	return 0;
}

/* ---- loading ---- */

int store_load(struct store *s, struct rec *rec)
{
	struct lease *lease = rec->lease ? lease_get(&s->leases, rec->lease) : NULL;
	int rc = 0;

	if ((rec->lease && !lease) || radix_get(&s->tree, rec->key))
		rc = -EINVAL;
	else
		rc = radix_reserve(&s->tree, rec->key);
	if (rc) {
		rec_unref(&s->pool, rec);
		return rc;
	}
	radix_set(&s->tree, rec->key, rec);
	if (lease)
		lease_attach(lease, rec);
	return 0;
}
