/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One version of one key, written once and then only read: the tree, the history, the batch on its
 * way to the disk and callbacks share it by reference. Counted on the loop's thread only; the
 * thread that writes the disk reads what a reference of its batch keeps alive.
 */
#ifndef NCSDB_REC_H
#define NCSDB_REC_H

#include "ncsdb/ncsdb.h"

struct rec {
	int64_t create_rev, mod_rev, version, lease;
	uint64_t received_us;
	struct rec *lease_next, **lease_link; /* among its lease's keys, while in the tree */
	struct rec *prev; /* the version before, while the history holds this one; a reference */
	uint64_t batch;	  /* number of the batch that last held it ... */
	size_t slot;	  /* ... and where */
	uint32_t refs;
	uint32_t value_len;
	uint16_t key_len;
	bool deleted; /* key and mod_rev only */
	bool is_prev; /* of one that the history holds */
	char key[];   /* key NUL value NUL */
};

/* While hold is set, what nobody refers to any more stays: callbacks look at it. */
struct rec_pool {
	bool hold;
	struct rec *dead;
};

/* One reference, for the caller. value may be NULL with value_len 0. NULL without memory. */
struct rec *rec_new(const char *key, size_t key_len, const void *value, size_t value_len);
struct rec *rec_ref(struct rec *rec);
/* rec has no prev any more when the last reference goes. */
void rec_unref(struct rec_pool *pool, struct rec *rec);
/* Ends hold and frees what waited for it. */
void rec_release(struct rec_pool *pool);

const char *rec_value(const struct rec *rec);
size_t rec_bytes(const struct rec *rec);
void rec_kv(const struct rec *rec, struct ncsdb_kv *kv);

#endif
