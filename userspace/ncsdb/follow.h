/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The watch discipline, once, for everybody who mirrors a prefix: list at revision R (in pages of
 * FOLLOW_PAGE keys, all as of R), watch from R+1, apply whole revisions. It lists again
 *  - after compaction, on another cluster, on a smaller revision (-ERANGE, -ESTALE);
 *  - when a key's version does not rise by one: an event was left out (etcd issue 17529); the
 *    first time at once, then FOLLOW_RETRY_MS after the last such list, twice as long each time up
 * to FOLLOW_GAP_MAX_MS, until none was wanted for twice that pause;
 *  - when the watch is FOLLOW_BEHIND revisions behind the store, and more than it mirrors keys: to
 *    catch up would cost more than to list;
 *  - every FOLLOW_AUDIT_MS, spread at random by a fifth: what differs though the watch had
 *    told everything up to there was lost, and is counted.
 * After a relist, keys that vanished meanwhile are reported as deleted, with the revision of the
 * list, and keys that are unchanged are not reported again (on another cluster: all are). A list
 * that fails is tried again after FOLLOW_RETRY_MS, with smaller pages; what was known stays. The
 * watch goes on during gap and audit lists. When pages cannot all be had as of R (compacted
 * meanwhile), the rest is read as it is: the watch tells what happened since R anyway.
 * Revisions that touch nothing under the prefix are not told.
 */
#ifndef NCSDB_FOLLOW_H
#define NCSDB_FOLLOW_H

#include "ncsdb/ncsdb.h"

#define FOLLOW_PAGE 4096
#define FOLLOW_PAGE_MIN 16
#define FOLLOW_LIVE_PAGE 512 /* while the watch goes on: its events must not wait for long */
#define FOLLOW_BEHIND 10000
#define FOLLOW_AUDIT_MS 300000
#define FOLLOW_RETRY_MS 1000
#define FOLLOW_GAP_MAX_MS 60000
#define FOLLOW_FAILED_MS 30000

/* The numbers above; tests lower them before they start a follower. */
struct ncsdb_follow_limits {
	size_t page;
	int64_t behind;
	uint64_t audit_ms, retry_ms, failed_ms;
};
extern struct ncsdb_follow_limits ncsdb_follow_limits;

struct ncsdb_follow_stats {
	uint64_t lists;			 /* the first included */
	uint64_t gaps;			 /* versions that did not rise by one */
	uint64_t behind;		 /* lists because of FOLLOW_BEHIND */
	uint64_t audits, audit_repaired; /* keys */
	uint64_t keys, bytes;		 /* mirrored, and what that costs */
	int64_t revision;		 /* delivered */
	bool synced;			 /* the last list is in */
	bool settled;			 /* it is, or failed() was called: not to be waited for */
};

struct ncsdb_follow_ops {
	void (*put)(void *arg, const struct ncsdb_kv *kv);
	void (*del)(void *arg, const char *key, int64_t revision);
	/* After each (re)list; NULL allowed. revision: of the list, or what the watch has told
	 * beyond it. */
	void (*synced)(void *arg, int64_t revision);
	/* After each whole revision, but not before the first list or one after a lost watch is in;
	 * NULL allowed. */
	void (*revision)(void *arg, int64_t revision);
	/* Nothing comes for now (-ENOMEM, -ENOSPC, -EACCES): tried again every FOLLOW_FAILED_MS;
	 * not told again before a list was in. NULL allowed. */
	void (*failed)(void *arg, int status);
};

struct ncsdb_follow;

int ncsdb_follow_start(struct ncsdb *db, const char *prefix, const struct ncsdb_follow_ops *ops,
		       void *arg, struct ncsdb_follow **out);
/* Before ncsdb_close(); also from within a callback, after which none comes.
 * Frees itself when the loop has closed its timer. NULL is allowed. */
void ncsdb_follow_stop(struct ncsdb_follow *follow);
void ncsdb_follow_stats(const struct ncsdb_follow *follow, struct ncsdb_follow_stats *out);
/* Adds those of follow (NULL: nothing) to sum. revision: the greatest; synced, settled: all are;
 * start with FOLLOW_STATS_NONE. */
void ncsdb_follow_add(const struct ncsdb_follow *follow, struct ncsdb_follow_stats *sum);
void ncsdb_follow_sum(struct ncsdb_follow_stats *sum, const struct ncsdb_follow_stats *one);
#define FOLLOW_STATS_NONE ((struct ncsdb_follow_stats){.synced = true, .settled = true})
/* For tests and operators: list again now, as an audit. */
void ncsdb_follow_audit(struct ncsdb_follow *follow);

#endif
