/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one disk transaction will hold: the newest version of every key touched, and lease changes.
 */
#ifndef NCSDB_BATCH_H
#define NCSDB_BATCH_H

#include "ncsdb/rec.h"

struct lease_change {
	int64_t id;
	unsigned int ttl_s; /* 0 = gone */
};

struct batch {
	uint64_t number;  /* rises, never 0 */
	int64_t revision; /* of the store when the batch was closed */
	struct rec **recs;
	size_t n, cap;
	struct lease_change *leases;
	size_t n_leases, cap_leases;
	size_t bytes;
};

/* Empties it and gives it a number; the arrays stay. */
void batch_reset(struct batch *b, struct rec_pool *pool, uint64_t number);
void batch_fini(struct batch *b, struct rec_pool *pool);
bool batch_empty(const struct batch *b);
/* Room for n more; -ENOMEM. */
int batch_reserve(struct batch *b, size_t n);
int batch_reserve_lease(struct batch *b);
/* Takes a reference. old: the version it replaces, or NULL. */
void batch_add(struct batch *b, struct rec_pool *pool, struct rec *rec, const struct rec *old);
void batch_add_lease(struct batch *b, int64_t id, unsigned int ttl_s);

#endif
