/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The database in memory: keys, revisions, leases, history. No I/O, no loop, no clock: time is an
 * argument. What changes goes into the batch, if there is one, on its way to the disk. A call that
 * fails has changed nothing.
 *
 * Reads see the store as it is, or as it was at a revision from `compacted` on: every version that
 * the history holds leads to the one before it, and keys that are gone wait in `ghosts`.
 */
#ifndef NCSDB_STORE_H
#define NCSDB_STORE_H

#include "ncsdb/batch.h"
#include "ncsdb/history.h"
#include "ncsdb/lease.h"
#include "ncsdb/radix.h"

struct store {
	struct radix tree;   /* key -> struct rec, one reference each */
	struct radix ghosts; /* deleted key -> its tombstone, while the history holds that */
	struct history history;
	struct leases leases;
	struct rec_pool pool;
	int64_t revision;
	int64_t compacted; /* the oldest revision that can be read */
	uint64_t bytes;	   /* keys and values of the tree */
	uint64_t max_keys, max_bytes;
	struct batch *batch;  /* NULL: memory only */
	struct rec **changes; /* of the write under way */
	size_t n_changes, cap_changes;
};

void store_init(struct store *s, uint64_t max_keys, uint64_t max_bytes);
void store_fini(struct store *s);

/* ---- store.c: writes ---- */

/* Of the arguments nothing is checked here but leases and limits: -ENOENT, -ENOSPC, -ENOMEM. */
int store_txn(struct store *s, const struct ncsdb_txn *txn, uint64_t now_us,
	      struct ncsdb_txn_result *res);

/*
 * The steps of a write. Reads in between see what is written so far, as of revision + 1. After an
 * error: store_abort(). No key is put twice, or put and deleted, in one write.
 */
struct store_put {
	const char *key;
	size_t key_len;
	const void *value;
	size_t value_len;
	int64_t lease; /* exists, or 0 */
	uint64_t now_us;
};
int store_put(struct store *s, const struct store_put *put); /* -ENOENT: lease; -ENOMEM */
int store_delete(struct store *s, const struct rec *victim); /* -ENOMEM */
int store_commit(struct store *s);			     /* -ENOSPC, -ENOMEM: aborted */
/* As store_commit(), with smaller limits. What adds nothing always passes. */
int store_commit_within(struct store *s, uint64_t max_keys, uint64_t max_bytes);
void store_abort(struct store *s);
/* The version that the newest change replaced, NULL if there was none. */
const struct rec *store_replaced(const struct store *s);

/* *id 0: chosen here. -EEXIST, -ENOSPC, -ENOMEM. */
int store_lease_grant(struct store *s, int64_t *id, unsigned int ttl_s, uint64_t now_us);
/* Deletes its keys, in their order, in one revision. -ENOENT, -ENOMEM. */
int store_lease_end(struct store *s, int64_t id);

/* Loading, before anything else. Takes rec. -EINVAL: duplicate, or a lease that does not exist. */
int store_load(struct store *s, struct rec *rec);

bool store_trim_due(const struct store *s);
/* Cuts the history, except for revisions >= keep, which somebody still needs. */
void store_trim(struct store *s, int64_t keep);

/* ---- store_read.c ---- */

/* A set of keys. Bounds may be any bytes, though keys are text. */
struct span {
	enum { SPAN_KEY, SPAN_PREFIX, SPAN_UNTIL, SPAN_ALL } kind; /* ALL: all from key on */
	const char *key;					   /* NUL-terminated */
	size_t key_len;
	bool after;	 /* without key itself */
	const char *end; /* UNTIL */
	size_t end_len;
};
bool span_has(const struct span *span, const struct rec *rec);

/* The next version in the order of keys behind last (NULL: the first), as of revision at (0: now).
 * at >= compacted, or what the caller knows to be there. steps (may be NULL): takes one off for
 * each version that is looked at; NULL when it has become 0. */
const struct rec *store_next(const struct store *s, const struct span *span, int64_t at,
			     const struct rec *last, size_t *steps);
/* What store_count() looks at one by one. */
size_t store_count_steps(const struct store *s, const struct span *span, int64_t at);
/* Not of SPAN_PREFIX. */
size_t store_count(const struct store *s, const struct span *span, int64_t at);
/* Allocates res->kvs, which the caller frees, and which points into the store's records. */
void store_range(const struct store *s, const struct ncsdb_range *req,
		 struct ncsdb_range_result *res);

#endif
