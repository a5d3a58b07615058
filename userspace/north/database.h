/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside north: the database as it is, key by key, for operators: reading, following, saving and
 * restoring. Values are text; one that is not stands as "value_base64".
 */
#ifndef NORTH_DATABASE_H
#define NORTH_DATABASE_H

#include "north/server.h"

#define DATABASE_ROOT "/san/"
#define DATABASE_WATCHERS 64 /* requests that wait for a change */
#define DATABASE_BATCH_MS 20 /* changes that come so close together make one answer */
#define DATABASE_WAIT_MAX_S 30
#define DATABASE_PAGE 512		  /* keys of one piece of a snapshot, at most */
#define DATABASE_PAGE_FIRST 32		  /* of the first */
#define DATABASE_PAGE_BYTES (1u << 20)	  /* of text; a piece of more makes the next one smaller */
#define DATABASE_ANSWER_BYTES (8u << 20)  /* of values in one answer of keys, about */
#define DATABASE_RESTORE_OPS 128	  /* of one transaction */
#define DATABASE_RESTORE_FLYING 16	  /* transactions */
#define DATABASE_RESTORE_BYTES (1u << 20) /* of keys and values in one transaction */
/* Lines, and bytes of them, that are read before others have their turn. */
#define DATABASE_SLICE_LINES 512
#define DATABASE_SLICE_BYTES (1u << 20)
#define DATABASE_LINE_MAX (8u << 20) /* the longest value fits with every byte of it escaped */

/* ---- database_json.c ---- */
/* {"key", "value" or "value_base64" unless keys_only, "version", "create_revision",
 * "mod_revision", "lease"}; new reference, NULL: no memory. */
json_t *kv_json(const struct ncsdb_kv *kv, bool keys_only);
/* Key and value of such an object; *value is malloc'ed, NUL-terminated behind *len. */
struct kv_line {
	const char *key; /* borrowed from the object */
	char *value;
	size_t len;
	int64_t lease;
};
int kv_from_json(const json_t *obj, struct kv_line *out, struct err *err);

/* ---- database.c ---- */
/* The keys with a prefix, or those of them behind `after` ("" = all): *req points into buf. */
struct key_span {
	char from[NCSDB_KEY_MAX + 8], end[NCSDB_KEY_MAX + 8];
};
/* -EINVAL: after does not start with prefix, or is too long. */
int key_span(const char *prefix, const char *after, struct key_span *buf, struct ncsdb_range *req);
/* A prefix that was asked for, to buf; -EINVAL: err names ?prefix. Beyond /san/ a cluster's keys
 * are somebody else's. */
int database_prefix(const char *value, char buf[NCSDB_KEY_MAX], struct err *err);
/* An answer to a range was larger than one message may be: with fewer keys it may fit. */
bool database_too_large(int status);
/* What the database answered to a read, as a problem. */
void database_failed(struct req *req, int status);
/* {"mode", "connected", ...} for GET /v1/status. */
json_t *database_state_json(const struct north *n);
/* Sum over all that follow. */
void database_followers(const struct north *n, struct ncsdb_follow_stats *out);
/* The feed is lost, or what was missed is not known yet. */
bool database_stale(const struct north *n);
/* Seconds since the loss; 0 while connected. */
double database_lost_s(const struct ncsdb_status *status);

/* ---- database_watch.c ---- */
/* Nobody waits any more; before the requests end. */
void database_forget(struct north *n);

#endif
