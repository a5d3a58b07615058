/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The status database as everybody above sees it: the data model of etcd v3 (revisions, versions,
 * leases, transactions, whole-revision watch events), asynchronous, back-ends behind one ops table.
 * Only this module stores. Back-ends: in process (radix tree in memory, LMDB on disk; server.h
 * offers it to others in etcd's protocol), and a client of any etcd cluster or of another sand's
 * server. What they promise beyond this header stands in docs/database.md.
 *
 * Rules for every back-end:
 *  - A callback never runs before the call that asked for it returned; it runs on the loop.
 *  - A request that starts (returns 0) gets exactly one callback, with -ECANCELED at close.
 *  - Data passed in is copied; data passed to a callback lives until it returns.
 *  - An answer to a write means: durable (group commit). Watchers inside this process may see the
 *    event before that: they die with the memory that holds it.
 *  - Watch events of one revision come in one call, revisions rise, none is skipped.
 *  - Unanswered requests keep the loop alive; an open database, its watches and leases do not
 *    (a remote one does while it has a connection).
 *  - A lost server is the client's business: it fails over, and goes on with its watches where they
 *    were. Meanwhile reads and writes end with -ETIMEDOUT (a write may have happened) or
 *    -EHOSTUNREACH (it has not). ncsdb_on_state() tells who wants to know.
 * Errors: -EINVAL, -ENOSPC (limit or disk; the database turns read-only for writes and says so),
 * -EROFS, -ERANGE (compacted), -ENOENT (lease), -EEXIST (lease), -EAGAIN (too much waits for the
 * disk), -EIO, -ENOMEM, -ECANCELED, -ETIMEDOUT, -EHOSTUNREACH, -EACCES (user, certificate, rights).
 * What a call can tell from its arguments alone, it returns; the rest comes by callback.
 */
#ifndef NCSDB_H
#define NCSDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "util/err.h"
#include "util/hist.h"

#define NCSDB_KEY_MAX 512 /* with NUL; UTF-8 without control characters */
#define NCSDB_VALUE_MAX (1u << 20)
#define NCSDB_TXN_MAX 128 /* compares, then[] and orelse[], each, as etcd */
#define NCSDB_LEASE_TTL_MIN_S 2
#define NCSDB_LEASE_TTL_MAX_S 86400
#define NCSDB_LEASES_MAX 65536
#define NCSDB_WATCHES_MAX 4096
#define NCSDB_PENDING_MAX (1u << 20)	     /* requests without an answer; then -EAGAIN */
#define NCSDB_PENDING_BYTES_MAX (256u << 20) /* of them, waiting for the disk */

struct ncsdb;
struct ncsdb_watch;

/* A cluster, by etcd's protocol. */
#define NCSDB_ENDPOINTS_MAX 16
#define NCSDB_DEADLINE_MS 1000
struct ncsdb_remote {
	/* "https://etcd1:2379", "http://[::1]:2379": tried in turn, from a random one on */
	const char *const *endpoints;
	unsigned int n_endpoints;    /* 1..NCSDB_ENDPOINTS_MAX */
	const char *ca, *cert, *key; /* PEM files, as struct grpc_tls_conf; NULL = none */
	const char *user, *password; /* NULL = no authentication */
	const char *prefix;	     /* stands for "/san" in the cluster; NULL = "/san" */
	unsigned int deadline_ms;    /* of every request; 0 = NCSDB_DEADLINE_MS */
};

struct ncsdb_conf {
	const struct ncsdb_remote *remote; /* NULL: in process; else nothing below counts */
	const char *dir;		   /* NULL = memory only (tests) */
	size_t map_size;		   /* LMDB file limit; 0 = 1 GiB */
	uint64_t max_keys;		   /* 0 = 4 M */
	uint64_t max_bytes; /* keys and values together; 0 = 2 GiB, at most half of map_size */
	bool reset;	    /* throw away what is in dir */
};

struct ncsdb_kv {
	const char *key; /* NUL-terminated text */
	const void *value;
	size_t value_len; /* value is NUL-terminated behind value_len for convenience */
	int64_t create_rev, mod_rev, version;
	int64_t lease;	      /* 0 = none */
	uint64_t received_us; /* clock_us() of the write; 0 = before this boot */
};

/* Opens or creates. A file of another format, another version, or damaged is refused with err->want
 * saying so and naming --reset. *out is left alone on failure. */
int ncsdb_open(uv_loop_t *loop, const struct ncsdb_conf *conf, struct ncsdb **out, struct err *err);
/* Finishes the writes it has taken, answers everything else -ECANCELED, frees when the loop has run
 * dry. Watches end here, without a callback: no ncsdb_unwatch() afterwards. NULL is allowed. */
void ncsdb_close(struct ncsdb *db);

struct ncsdb_status {
	int64_t revision, compacted;
	uint64_t keys, leases, watches, bytes_on_disk;
	uint64_t store_epoch; /* random, made once per data directory; remote: the cluster's ID */
	bool read_only;
	/* Remote: watches are fed. In process always. revision is the newest that was heard of. */
	bool connected;
	uint64_t lost_us;     /* clock_us() of the loss; 0 while connected */
	uint64_t reconnects;  /* since open */
	uint64_t foreign;     /* keys and values in the cluster that are too large or no text here:
				 skipped */
	uint64_t pending;     /* requests without an answer */
	const char *endpoint; /* in use, or tried last; "" in process; until the next loop turn */
	char why[128];	      /* why not connected, "" */
	/* request to answer of writes; of it the disk (in process only) */
	const struct hist *write_us, *commit_us; /* NULL: not measured */
};
/* Remote: keys, leases, compacted and bytes_on_disk are not known and 0. */
void ncsdb_status(const struct ncsdb *db, struct ncsdb_status *out);
/* Called when `connected` changes, from the loop. One listener; NULL ends it. */
void ncsdb_on_state(struct ncsdb *db, void (*state)(void *arg, bool connected), void *arg);

/* ---- reads: [key, end) in key order; end NULL = the one key; ncsdb_range_prefix for a prefix ----
 */
struct ncsdb_range {
	const char *key;
	const char *end;
	bool prefix;  /* key is a prefix, end is ignored */
	size_t limit; /* 0 = none */
	bool keys_only;
	/* 0 = as it is now; else as it was at that revision: -ERANGE compacted, -EINVAL in the
	 * future. Pages of one list are read at one revision. */
	int64_t revision;
};
struct ncsdb_range_result {
	int status;
	int64_t revision; /* of the store when it was read */
	const struct ncsdb_kv *kvs;
	size_t n;
	bool more; /* beyond limit; with one, perhaps beyond 8 MiB, but of two keys at least */
};
typedef void (*ncsdb_range_cb)(void *arg, const struct ncsdb_range_result *res);
int ncsdb_range(struct ncsdb *db, const struct ncsdb_range *req, ncsdb_range_cb cb, void *arg);

/* ---- writes: all compares hold -> then[], else orelse[]; one revision for the whole ---- */
enum ncsdb_cmp_field {
	NCSDB_CMP_VERSION,
	NCSDB_CMP_CREATE_REV,
	NCSDB_CMP_MOD_REV,
	NCSDB_CMP_LEASE
};
enum ncsdb_cmp_op { NCSDB_EQ, NCSDB_NE, NCSDB_GT, NCSDB_LT };
struct ncsdb_cmp {
	const char *key; /* an absent key compares as 0 */
	enum ncsdb_cmp_field field;
	enum ncsdb_cmp_op op;
	int64_t value;
};
enum ncsdb_op_type { NCSDB_PUT, NCSDB_DELETE, NCSDB_DELETE_PREFIX };
struct ncsdb_op {
	enum ncsdb_op_type type;
	const char *key; /* no key twice in then[] or orelse[], no put under a deleted prefix */
	const void *value;
	size_t value_len;
	int64_t lease; /* 0 = none */
};
struct ncsdb_txn {
	const struct ncsdb_cmp *cmps;
	size_t n_cmps;
	const struct ncsdb_op *then, *orelse;
	size_t n_then, n_orelse;
};
struct ncsdb_txn_result {
	int status;
	bool succeeded;	  /* the compares held */
	int64_t revision; /* of the store afterwards */
	size_t deleted;	  /* keys */
};
typedef void (*ncsdb_txn_cb)(void *arg, const struct ncsdb_txn_result *res); /* may be NULL */
int ncsdb_txn(struct ncsdb *db, const struct ncsdb_txn *txn, ncsdb_txn_cb cb, void *arg);

/* ---- watch ---- */
struct ncsdb_event {
	bool deleted; /* kv has key and mod_rev only */
	/* With deleted: a value was put that is larger than ours may be (by another client); kv has
	 * the version, too: the next event's rises from there. */
	bool unfit;
	struct ncsdb_kv kv;
};
struct ncsdb_watch_update {
	/* 0; -ERANGE: start_rev was compacted; -ESTALE: another cluster, or one that has lost
	 * revisions: with both nothing more comes: unwatch and list again */
	int status;
	int64_t revision;
	const struct ncsdb_event *events;
	size_t n;
};
typedef void (*ncsdb_watch_cb)(void *arg, const struct ncsdb_watch_update *update);
/* Events of keys with this prefix ("" = all) from start_rev on (0 = from now). -ENOSPC:
 * NCSDB_WATCHES_MAX. */
int ncsdb_watch(struct ncsdb *db, const char *prefix, int64_t start_rev, ncsdb_watch_cb cb,
		void *arg, struct ncsdb_watch **out);
void ncsdb_unwatch(struct ncsdb_watch *watch); /* no callback afterwards */

/* Watches cannot start at or before revision any more. -ERANGE: already so; -EINVAL: in the future.
 * Remote: it is sent, and nobody tells what came of it. */
int ncsdb_compact(struct ncsdb *db, int64_t revision);

/* ---- leases: keys of a lease are deleted, in one revision, when it ends ---- */
typedef void (*ncsdb_lease_cb)(void *arg, int status, int64_t lease, unsigned int ttl_s);
/* id 0 = the store chooses. -EEXIST; -ENOSPC: NCSDB_LEASES_MAX. The first life starts with the
 * call, and anew when the database is opened. */
int ncsdb_lease_grant(struct ncsdb *db, int64_t id, unsigned int ttl_s, ncsdb_lease_cb cb,
		      void *arg);
int ncsdb_lease_keepalive(struct ncsdb *db, int64_t id, ncsdb_lease_cb cb, void *arg);
int ncsdb_lease_revoke(struct ncsdb *db, int64_t id, ncsdb_lease_cb cb, void *arg);

/* ---- back-ends ---- */
struct ncsdb_ops {
	const char *name;
	void (*close)(struct ncsdb *db);
	void (*status)(const struct ncsdb *db, struct ncsdb_status *out);
	int (*range)(struct ncsdb *, const struct ncsdb_range *, ncsdb_range_cb, void *);
	int (*txn)(struct ncsdb *, const struct ncsdb_txn *, ncsdb_txn_cb, void *);
	int (*watch)(struct ncsdb *, const char *, int64_t, ncsdb_watch_cb, void *,
		     struct ncsdb_watch **);
	void (*unwatch)(struct ncsdb_watch *);
	int (*compact)(struct ncsdb *, int64_t);
	int (*lease_grant)(struct ncsdb *, int64_t, unsigned int, ncsdb_lease_cb, void *);
	int (*lease_keepalive)(struct ncsdb *, int64_t, ncsdb_lease_cb, void *);
	int (*lease_revoke)(struct ncsdb *, int64_t, ncsdb_lease_cb, void *);
};

struct ncsdb { /* first member of every back-end's struct */
	const struct ncsdb_ops *ops;
	uv_loop_t *loop;
	void (*state)(void *arg, bool connected); /* ncsdb_on_state; NULL */
	void *state_arg;
};

struct ncsdb_watch {
	struct ncsdb *db; /* first member of every back-end's struct */
};

#endif
