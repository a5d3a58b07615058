/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The watch discipline, once, for everybody who mirrors a prefix: list at revision R, watch from
 * R+1, relist after compaction. After a relist, keys that vanished meanwhile are reported as
 * deleted, with the revision of the list, and keys that are unchanged are not reported again.
 * Revisions that touch nothing under the prefix are not told.
 */
#ifndef NCSDB_FOLLOW_H
#define NCSDB_FOLLOW_H

#include "ncsdb/ncsdb.h"

struct ncsdb_follow_ops {
	void (*put)(void *arg, const struct ncsdb_kv *kv);
	void (*del)(void *arg, const char *key, int64_t revision);
	void (*synced)(void *arg, int64_t revision);   /* after each (re)list; NULL allowed */
	void (*revision)(void *arg, int64_t revision); /* after each whole revision; NULL allowed */
	/* List or watch failed (-ENOMEM, -ENOSPC): nothing more comes. NULL allowed. */
	void (*failed)(void *arg, int status);
};

struct ncsdb_follow;

int ncsdb_follow_start(struct ncsdb *db, const char *prefix, const struct ncsdb_follow_ops *ops,
		       void *arg, struct ncsdb_follow **out);
/* Before ncsdb_close(), or after a failed(); also from within a callback, after which none comes.
 * NULL is allowed. */
void ncsdb_follow_stop(struct ncsdb_follow *follow);

#endif
