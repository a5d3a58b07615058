/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncsdb/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void store_init(struct store *s, uint64_t max_keys, uint64_t max_bytes)
{
	*s = (struct store){.max_keys = max_keys, .max_bytes = max_bytes, .revision = 1};
}

void store_fini(struct store *s)
{
	struct rec *rec;

	rec_release(&s->pool);
	radix_fini(&s->ghosts);
	history_fini(&s->history, &s->pool);
	leases_fini(&s->leases);
	while ((rec = radix_seek(&s->tree, "", false))) {
		radix_remove(&s->tree, rec->key);
		rec_unref(&s->pool, rec);
	}
	radix_fini(&s->tree);
	free(s->changes);
}

/*
 * ---- changes ----
 *
 * A write changes the trees at once and notes its versions; each holds the one it replaces in
 * rec->prev (the tree's reference, or one more on a tombstone), so that it can be undone until it
 * is committed. Rooms in the trees are kept until then: undoing cannot fail.
 */

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

/* Drops the newest change, which is in no tree. */
static int changes_pop(struct store *s, int rc)
{
	rec_unref(&s->pool, s->changes[--s->n_changes]);
	return rc;
}

int store_put(struct store *s, const struct store_put *put)
{
	struct rec *rec, *old;

	if (put->lease && !lease_get(&s->leases, put->lease))
		return -ENOENT;
	rec = rec_new(put->key, put->key_len, put->value, put->value_len);
	if (changes_push(s, rec))
		return -ENOMEM;
	if (radix_reserve(&s->tree, rec->key)) /* may leave a needless, correct room */
		return changes_pop(s, -ENOMEM);
	rec->mod_rev = rec->create_rev = s->revision + 1;
	rec->version = 1;
	rec->lease = put->lease;
	rec->received_us = put->now_us;
	old = radix_set(&s->tree, rec->key, rec_ref(rec));
	if (old) {
		rec->create_rev = old->create_rev;
		rec->version = old->version + 1;
	} else if (s->ghosts.count) {
		old = radix_vacate(&s->ghosts, rec->key);
		if (old)
			rec_ref(old);
	}
	rec->prev = old;
	return 0;
}

int store_delete(struct store *s, const struct rec *victim)
{
	struct rec *rec = rec_new(victim->key, victim->key_len, NULL, 0);

	if (changes_push(s, rec))
		return -ENOMEM;
	if (radix_reserve(&s->ghosts, rec->key))
		return changes_pop(s, -ENOMEM);
	rec->deleted = true;
	rec->mod_rev = s->revision + 1;
	rec->prev = radix_vacate(&s->tree, rec->key);
	radix_set(&s->ghosts, rec->key, rec);
	return 0;
}

const struct rec *store_replaced(const struct store *s)
{
	const struct rec *prev = s->n_changes ? s->changes[s->n_changes - 1]->prev : NULL;

	return prev && !prev->deleted ? prev : NULL;
}

static void undo_put(struct store *s, struct rec *rec)
{
	struct rec *old = rec->prev;

	if (old && !old->deleted) {
		radix_set(&s->tree, rec->key, old);
	} else {
		radix_remove(&s->tree, rec->key);
		if (old) {
			radix_set(&s->ghosts, rec->key, old);
			rec_unref(&s->pool, old);
		}
	}
	rec->prev = NULL;
	rec_unref(&s->pool, rec); /* the tree's */
}

static void undo_delete(struct store *s, struct rec *rec)
{
	radix_remove(&s->ghosts, rec->key);
	radix_set(&s->tree, rec->key, rec->prev);
	rec->prev = NULL;
}

void store_abort(struct store *s)
{
	while (s->n_changes) {
		struct rec *rec = s->changes[--s->n_changes];

		if (rec->deleted)
			undo_delete(s, rec);
		else
			undo_put(s, rec);
		rec_unref(&s->pool, rec);
	}
}

static int64_t live_bytes(const struct rec *rec)
{
	return rec->deleted ? 0 : (int64_t)rec->key_len + rec->value_len;
}

/* What the changes add to s->bytes; less than 0, too. */
static int64_t changes_bytes(const struct store *s)
{
	int64_t bytes = 0;

	for (size_t i = 0; i < s->n_changes; i++) {
		const struct rec *rec = s->changes[i];

		bytes += live_bytes(rec) - (rec->prev ? live_bytes(rec->prev) : 0);
	}
	return bytes;
}

/* Limits, and room in all places the changes go to. */
static int changes_admit(struct store *s, uint64_t max_keys, uint64_t max_bytes)
{
	int64_t bytes = changes_bytes(s);
	bool adds = false;

	for (size_t i = 0; i < s->n_changes; i++)
		adds |= !s->changes[i]->deleted && s->changes[i]->version == 1;
	if (adds && s->tree.count > max_keys)
		return -ENOSPC;
	if (bytes > 0 && s->bytes + (uint64_t)bytes > max_bytes)
		return -ENOSPC;
	if (s->batch && batch_reserve(s->batch, s->n_changes))
		return -ENOMEM;
	return history_reserve(&s->history, s->n_changes);
}

static void change_commit(struct store *s, struct rec *rec)
{
	struct rec *old = rec->prev;

	if (rec->deleted)
		radix_remove(&s->tree, rec->key); /* its room */
	else if (old && old->deleted)
		radix_remove(&s->ghosts, rec->key);
	if (old)
		lease_detach(old);
	if (rec->lease)
		lease_attach(lease_get(&s->leases, rec->lease), rec);
	history_add(&s->history, rec);
	if (s->batch)
		batch_add(s->batch, &s->pool, rec, old);
	rec_unref(&s->pool, rec);
}

int store_commit(struct store *s)
{
	return store_commit_within(s, s->max_keys, s->max_bytes);
}

int store_commit_within(struct store *s, uint64_t max_keys, uint64_t max_bytes)
{
	int rc = changes_admit(s, max_keys, max_bytes);

	if (rc) {
		store_abort(s);
		return rc;
	}
	s->bytes += (uint64_t)changes_bytes(s);
	if (s->n_changes)
		s->revision++;
	for (size_t i = 0; i < s->n_changes; i++)
		change_commit(s, s->changes[i]);
	s->n_changes = 0;
	return 0;
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

static int delete_prefix(struct store *s, const char *prefix)
{
	size_t len = strlen(prefix);
	const struct rec *rec = radix_seek(&s->tree, prefix, false);
	int rc = 0;

	for (; !rc && rec && strncmp(rec->key, prefix, len) == 0;
	     rec = radix_seek(&s->tree, rec->key, true))
		rc = store_delete(s, rec);
	return rc;
}

static int op_make(struct store *s, const struct ncsdb_op *op, uint64_t now_us)
{
	const struct rec *rec;

	switch (op->type) {
	case NCSDB_PUT:
		return store_put(s, &(struct store_put){
					    .key = op->key,
					    .key_len = strlen(op->key),
					    .value = op->value,
					    .value_len = op->value_len,
					    .lease = op->lease,
					    .now_us = now_us,
				    });
	case NCSDB_DELETE:
		rec = radix_get(&s->tree, op->key);
		return rec ? store_delete(s, rec) : 0;
	case NCSDB_DELETE_PREFIX:
		return delete_prefix(s, op->key);
	}
	return -EINVAL;
}

static size_t count_deleted(const struct store *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_changes; i++)
		n += s->changes[i]->deleted;
	return n;
}

int store_txn(struct store *s, const struct ncsdb_txn *txn, uint64_t now_us,
	      struct ncsdb_txn_result *res)
{
	bool holds = cmps_hold(s, txn);
	const struct ncsdb_op *ops = holds ? txn->then : txn->orelse;
	size_t n = holds ? txn->n_then : txn->n_orelse, deleted;
	int rc = 0;

	for (size_t i = 0; !rc && i < n; i++)
		rc = op_make(s, &ops[i], now_us);
	deleted = count_deleted(s);
	if (rc)
		store_abort(s);
	else
		rc = store_commit(s);
	*res = (struct ncsdb_txn_result){
		.status = rc,
		.succeeded = holds,
		.revision = s->revision,
		.deleted = rc ? 0 : deleted,
	};
	return rc;
}

/* ---- the past ---- */

static void ghost_drop(void *arg, struct rec *rec)
{
	struct store *s = arg;

	if (rec->deleted && radix_get(&s->ghosts, rec->key) == rec)
		radix_remove(&s->ghosts, rec->key);
}

bool store_trim_due(const struct store *s)
{
	const struct history *h = &s->history;

	if (h->first == h->end)
		return false;
	return h->end - h->first > HISTORY_MAX_EVENTS || h->bytes > HISTORY_MAX_BYTES ||
	       history_at(h, h->first)->mod_rev < s->compacted;
}

void store_trim(struct store *s, int64_t keep)
{
	struct history_trim trim = {s->compacted, keep, ghost_drop, s};
	int64_t dropped = history_trim(&s->history, &s->pool, &trim);

	if (dropped > s->compacted)
		s->compacted = dropped;
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

static int by_key(const void *a, const void *b)
{
	const struct rec *const *x = a, *const *y = b;

	return strcmp((*x)->key, (*y)->key);
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
		rc = store_delete(s, rec);
	if (rc) {
		store_abort(s);
		return rc;
	}
	if (s->n_changes)
		qsort(s->changes, s->n_changes, sizeof(struct rec *), by_key);
	rc = store_commit(s);
	if (rc)
		return rc;
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
	s->bytes += (uint64_t)live_bytes(rec);
	if (lease)
		lease_attach(lease, rec);
	return 0;
}
