/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The database in memory: keys, revisions, leases, history. No I/O, no loop, no clock: time is an
 * argument. What changes goes into the batch, if there is one, on its way to the disk. A call that
 * fails has changed nothing.
 */
#ifndef NCSDB_STORE_H
#define NCSDB_STORE_H

#include "ncsdb/batch.h"
#include "ncsdb/history.h"
#include "ncsdb/lease.h"
#include "ncsdb/radix.h"

struct store {
	struct radix tree; /* key -> struct rec, one reference each */
	struct history history;
	struct leases leases;
	struct rec_pool pool;
	int64_t revision;
	int64_t compacted; /* events up to here are gone */
	uint64_t max_keys;
	struct batch *batch;  /* NULL: memory only */
	struct rec **changes; /* of the write under way */
	size_t n_changes, cap_changes;
};

void store_init(struct store *s, uint64_t max_keys);
void store_fini(struct store *s);

/* Of the arguments nothing is checked here but leases and limits: -ENOENT, -ENOSPC, -ENOMEM. */
int store_txn(struct store *s, const struct ncsdb_txn *txn, uint64_t now_us,
	      struct ncsdb_txn_result *res);
/* Allocates res->kvs, which the caller frees, and which points into the store's records. */
void store_range(const struct store *s, const struct ncsdb_range *req,
		 struct ncsdb_range_result *res);

/* *id 0: chosen here. -EEXIST, -ENOSPC, -ENOMEM. */
int store_lease_grant(struct store *s, int64_t *id, unsigned int ttl_s, uint64_t now_us);
/* Deletes its keys, in one revision. -ENOENT, -ENOMEM. */
int store_lease_end(struct store *s, int64_t id);

/* Loading, before anything else. Takes rec. -EINVAL: duplicate, or a lease that does not exist. */
int store_load(struct store *s, struct rec *rec);

#endif
