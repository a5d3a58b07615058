/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What srm, nsc and csc share: putting one transaction together, answering it, splitting keys, and
 * counting what was refused. A write is answered when it is durable and the follower of its prefix
 * has seen its revision, so that who asked finds its own write in the view; where the follower does
 * not get there (its feed is lost), after WRITE_PATIENCE_MS what the database said. Nothing here
 * knows what the keys mean, and nothing logs.
 */
#ifndef NCSDB_WRITE_H
#define NCSDB_WRITE_H

#include "ncsdb/ncsdb.h"
#include "util/name.h"

#define WRITE_PATIENCE_MS (2 * NCSDB_DEADLINE_MS)

/* Called exactly once, from the loop: 0 and the revision of the write; or -errno: -ESTALE
 * (if_revision differs), -ENOENT, -ENOSPC, -EROFS, -EIO, -ECANCELED; -EHOSTUNREACH: no server, it
 * has not happened; -ETIMEDOUT: no answer, it may have happened. created: the object did not exist
 * before. */
struct ncsdb_write_done {
	void (*done)(void *arg, int status, int64_t revision, bool created);
	void *arg; /* done may be NULL */
};

/* if_revision: ANY_REVISION, 0 = must not exist, else the object's mod revision. */
#define ANY_REVISION (-1)

struct ncsdb_write;
struct writer_clock;

struct write_list {
	struct ncsdb_write *head, *tail;
};

/* The writes of one followed prefix. The owner says how far its follower has come. */
struct ncsdb_writer {
	struct ncsdb *db;
	int64_t seen;
	struct write_list flying;  /* handed to the database */
	struct write_list waiting; /* durable, beyond `seen`, in order of their answers */
	struct write_list limbo;   /* answered -ETIMEDOUT: what they hold is not free yet */
	struct writer_clock *clock;
};
void ncsdb_writer_init(struct ncsdb_writer *writer, struct ncsdb *db);
/* The follower has put everything up to revision into the view: call it from ncsdb_follow_ops
 * .revision and .synced. INT64_MAX: it has failed, nobody waits for it until it is called again. */
void ncsdb_writer_seen(struct ncsdb_writer *writer, int64_t revision);
/* Durable writes are answered at once; those the database still has are answered by it later,
 * without the writer. Holds are dropped, not released. */
void ncsdb_writer_fini(struct ncsdb_writer *writer);

/*
 * One transaction under construction. Keys are given as printf formats; keys and values are copied.
 * Errors stick and come out of ncsdb_write_commit, so that nothing needs a check in between (NULL =
 * without memory included).
 */
struct ncsdb_write *ncsdb_write_new(struct ncsdb_writer *writer);
void ncsdb_write_free(struct ncsdb_write *w); /* of one that is not committed */
void ncsdb_write_put(struct ncsdb_write *w, int64_t lease, const char *value, const char *key, ...)
	__attribute__((format(printf, 4, 5)));
void ncsdb_write_del(struct ncsdb_write *w, const char *key, ...)
	__attribute__((format(printf, 2, 3)));
void ncsdb_write_del_prefix(struct ncsdb_write *w, const char *prefix, ...)
	__attribute__((format(printf, 2, 3)));

/* The key that says whether the object exists and carries its revision. With ANY_REVISION nothing
 * is required, it only tells `created`. */
void ncsdb_write_if(struct ncsdb_write *w, int64_t if_revision, const char *key, ...)
	__attribute__((format(printf, 3, 4)));
/* For objects of several keys: also this one must not be newer than if_revision (> 0). */
void ncsdb_write_not_newer(struct ncsdb_write *w, int64_t if_revision, const char *key, ...)
	__attribute__((format(printf, 3, 4)));
/* The key must still be the one created at create_revision, else the answer is -ESTALE. */
void ncsdb_write_fence(struct ncsdb_write *w, int64_t create_revision, const char *key, ...)
	__attribute__((format(printf, 3, 4)));
/* The key must exist, else the answer is -ENOENT. */
void ncsdb_write_need(struct ncsdb_write *w, const char *key, ...)
	__attribute__((format(printf, 2, 3)));
/* Deletions only: nothing deleted is no -ENOENT. */
void ncsdb_write_may_be_absent(struct ncsdb_write *w);
/* Something the module keeps while the write is under way: release(arg, hold) is called before
 * done, or by commit when it fails, or by ncsdb_write_free; but after -ETIMEDOUT WRITE_PATIENCE_MS
 * later: the follower may still be told of it. */
void ncsdb_write_hold(struct ncsdb_write *w, void (*release)(void *arg, void *hold), void *arg,
		      void *hold);
/* Takes w, also on failure: -ENOMEM, -ENOSPC more than NCSDB_TXN_MAX operations, what ncsdb_txn
 * refuses; err (may be NULL) is filled. */
int ncsdb_write_commit(struct ncsdb_write *w, struct ncsdb_write_done done, struct err *err);

/* "/san/paths/pe1/gw2/be" behind "/san/paths/" -> 3 parts. The number of parts, or -EINVAL: another
 * prefix, more than max parts, a part that is no name (util/name.h). */
int ncsdb_key_split(const char *key, const char *prefix, char (*parts)[NAME_LEN], int max);
/* Canonical service ID of a key part: "0x101". -EINVAL. */
int ncsdb_key_service(const char *part, uint64_t *id);

/* Keys whose value was refused: a count, and whether to say so now. A key is told once as long as
 * it is among the last NCSDB_REFUSALS; at most that many are told in a minute. */
#define NCSDB_REFUSALS 64
struct ncsdb_refusals {
	uint64_t count;
	uint64_t recent[NCSDB_REFUSALS]; /* hashes of keys, a ring */
	unsigned int next, told;
	uint64_t minute_us;
};
bool ncsdb_refused(struct ncsdb_refusals *refusals, const char *key, uint64_t now_us);

#endif
