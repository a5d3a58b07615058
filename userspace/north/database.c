/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /v1/database: keys, compaction, state */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "north/database.h"
#include "util/utf8.h"

#define LAST_TEXT "\xf4\x8f\xbf\xbf" /* U+10FFFF: behind every key that continues otherwise */

/* ---- ranges ---- */

int key_span(const char *prefix, const char *after, struct key_span *buf, struct ncsdb_range *req)
{
	if (strlen(prefix) + strlen(LAST_TEXT) >= NCSDB_KEY_MAX)
		return -EINVAL;
	if (!after[0]) {
		snprintf(buf->from, sizeof(buf->from), "%s", prefix);
		req->key = buf->from;
		req->prefix = true;
		return 0;
	}
	if (strncmp(after, prefix, strlen(prefix)) != 0 || strlen(after) >= NCSDB_KEY_MAX)
		return -EINVAL;
	/* a blank is the smallest character that a key may have */
	snprintf(buf->from, sizeof(buf->from), "%s ", after);
	if (strlen(after) == NCSDB_KEY_MAX - 1) { /* no key continues this one */
		buf->from[NCSDB_KEY_MAX - 1] = '\0';
		buf->from[NCSDB_KEY_MAX - 2]++;
	}
	snprintf(buf->end, sizeof(buf->end), "%s" LAST_TEXT, prefix);
	req->key = buf->from;
	req->end = buf->end;
	return 0;
}

int database_prefix(const char *value, char buf[NCSDB_KEY_MAX], struct err *err)
{
	const size_t max = NCSDB_KEY_MAX - 1 - strlen(LAST_TEXT);

	if (strncmp(value, DATABASE_ROOT, strlen(DATABASE_ROOT)) != 0 || strlen(value) > max ||
	    !utf8_text(value))
		return err_set(err, -EINVAL, "?prefix", value,
			       "must start with " DATABASE_ROOT ", be at most %zu bytes, and have "
			       "no control characters",
			       max);
	snprintf(buf, NCSDB_KEY_MAX, "%s", value);
	return 0;
}

/* A remote database has one status for all that is exhausted; of a read it is the answer's size. */
bool database_too_large(int status)
{
	return status == -ENOSPC || status == -EMSGSIZE;
}

void database_failed(struct req *req, int status)
{
	struct err err = {0};

	if (status == -ERANGE)
		err_set(&err, status, "?revision", NULL,
			"is compacted: read the keys again and go on from their revision");
	else if (status == -EINVAL)
		err_set(&err, status, "?revision", NULL, "must not be in the future");
	else if (status == -ESTALE)
		err_set(&err, -ERANGE, "?revision", NULL, "is of another database: read again");
	else
		err_set(&err, status, "", NULL, "%s",
			status == -EHOSTUNREACH ? "is not reached" : strerror(-status));
	err_object(&err, "database");
	rest_fail(req, &err);
}

/* ---- GET /v1/database/keys ---- */

struct keys_query {
	char prefix[NCSDB_KEY_MAX], after[NCSDB_KEY_MAX];
	uint64_t limit, revision;
	bool keys_only;
};

static int read_parameter(void *arg, const char *name, const char *value, struct err *err)
{
	struct keys_query *q = arg;

	if (strcmp(name, "prefix") == 0) {
		return database_prefix(value, q->prefix, err);
	} else if (strcmp(name, "after") == 0) {
		if (strlen(value) >= sizeof(q->after) || !utf8_text(value))
			return err_set(err, -EINVAL, "?after", value,
				       "must be a key of at most %d bytes", NCSDB_KEY_MAX - 1);
		snprintf(q->after, sizeof(q->after), "%s", value);
	} else if (strcmp(name, "keys_only") == 0) {
		return rest_flag(name, value, &q->keys_only, err);
	} else if (strcmp(name, "limit") == 0) {
		if (rest_number(value, 1, NORTH_PAGE_MAX, &q->limit))
			return err_set(err, -EINVAL, "?limit", value, "must be 1..%d",
				       NORTH_PAGE_MAX);
	} else if (rest_number(value, 1, INT64_MAX, &q->revision)) {
		return err_set(err, -EINVAL, "?revision", value, "must be a revision");
	}
	return 0;
}

struct keys_read {
	struct req *req; /* held */
	struct keys_query query;
};

/* As many of them as an answer may have; NULL: no memory. */
static json_t *keys_json(const struct ncsdb_range_result *res, bool keys_only)
{
	json_t *keys = json_array();
	size_t bytes = 0, i;
	int r = keys ? 0 : -1;

	for (i = 0; !r && i < res->n && bytes < DATABASE_ANSWER_BYTES; i++) {
		r = json_array_append_new(keys, kv_json(&res->kvs[i], keys_only));
		bytes += keys_only ? 0 : res->kvs[i].value_len;
	}
	if (!r)
		return json_pack("{s:I, s:b, s:o}", "revision", (json_int_t)res->revision, "more",
				 (int)(res->more || i < res->n), "keys", keys);
	json_decref(keys);
	return NULL;
}

static int read_keys(struct keys_read *read);

static void on_keys(void *arg, const struct ncsdb_range_result *res)
{
	struct keys_read *read = arg;
	int status = res->status;

	while (database_too_large(status) && read->query.limit > 1 && read->req->north) {
		read->query.limit /= 2;
		status = read_keys(read);
		if (!status)
			return;
	}
	if (status)
		database_failed(read->req, status);
	else
		rest_json(read->req, 200, keys_json(res, read->query.keys_only));
	rest_put(read->req);
	free(read);
}

static int read_keys(struct keys_read *read)
{
	const struct keys_query *q = &read->query;
	struct ncsdb_range range = {
		.limit = q->limit, .keys_only = q->keys_only, .revision = (int64_t)q->revision};
	struct key_span span;

	if (key_span(q->prefix, q->after, &span, &range))
		return -EINVAL;
	return ncsdb_range(read->req->north->conf.db, &range, on_keys, read);
}

void database_keys(struct req *req)
{
	struct keys_query q = {.prefix = DATABASE_ROOT, .limit = NORTH_PAGE_MAX};
	struct keys_read *read;
	struct err err = {0};
	int r;

	if (!rest_query(req, read_parameter, &q))
		return;
	if (strncmp(q.after, q.prefix, q.after[0] ? strlen(q.prefix) : 0) != 0) {
		err_set(&err, -EINVAL, "?after", q.after, "must be a key that starts with prefix");
		rest_fail(req, &err);
		return;
	}
	read = malloc(sizeof(*read));
	if (!read) {
		rest_json(req, 500, NULL);
		return;
	}
	*read = (struct keys_read){req, q};
	rest_hold(req);
	r = read_keys(read);
	if (r)
		on_keys(read, &(struct ncsdb_range_result){.status = r});
}

/* ---- POST /v1/database/compact ---- */

void database_compact(struct req *req)
{
	static const char *const allowed[] = {"revision", NULL};
	int64_t revision = 0;
	struct err err = {0};
	int r = json_only(req->body, allowed, &err);

	r = r
		    ?: json_get_int(req->body, "revision", JSON_REQUIRED,
				    (struct json_range){1, INT64_MAX}, &revision, &err);
	if (!r) {
		r = ncsdb_compact(req->north->conf.db, revision);
		if (r == -EINVAL)
			err_set(&err, r, "/revision", NULL, "must not be in the future");
		else if (r == -ERANGE)
			err_set(&err, -EEXIST, "/revision", NULL, "is compacted already");
		else if (r)
			err_set(&err, r, "", NULL, "%s", strerror(-r));
	}
	if (r) {
		err_object(&err, "compaction");
		rest_fail(req, &err);
		return;
	}
	rest_audit(req, 204, revision);
	rest_empty(req, 204);
}

/* ---- state ---- */

void database_followers(const struct north *n, struct ncsdb_follow_stats *out)
{
	struct ncsdb_follow_stats one;

	srm_follow_stats(n->conf.srm, out);
	nsc_follow_stats(n->conf.nsc, &one);
	ncsdb_follow_sum(out, &one);
	csc_follow_stats(n->conf.csc, &one);
	ncsdb_follow_sum(out, &one);
	if (n->conf.broker) {
		broker_follow_stats(n->conf.broker, &one);
		ncsdb_follow_sum(out, &one);
	}
}

bool database_stale(const struct north *n)
{
	struct ncsdb_status s;

	ncsdb_status(n->conf.db, &s);
	return !s.connected || n->conf.view->stall_since_us;
}

double database_lost_s(const struct ncsdb_status *s)
{
	uint64_t now_us = clock_us();

	return s->lost_us && now_us > s->lost_us ? (double)((now_us - s->lost_us) / 1000) / 1000
						 : 0;
}

static const char *mode(const struct north *n, const struct ncsdb_status *s)
{
	if (n->conf.server)
		return "served";
	return s->endpoint && s->endpoint[0] ? "remote" : "local";
}

static json_t *server_json(const struct ncsdb_server *server)
{
	struct ncsdb_server_stats s;

	ncsdb_server_stats(server, &s);
	return json_pack("{s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:I}", "port",
			 (int)ncsdb_server_port(server), "connections", (int)s.connections,
			 "streams", (int)s.streams, "watches", (int)s.watches, "queued",
			 (json_int_t)s.queued, "requests", (json_int_t)s.requests, "refused",
			 (json_int_t)s.refused, "slow", (json_int_t)s.slow);
}

static int add_followed(json_t *obj, const struct north *n)
{
	struct ncsdb_follow_stats f;
	json_t *more;
	int r;

	database_followers(n, &f);
	more = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "followed",
			 (json_int_t)f.revision, "followed_keys", (json_int_t)f.keys, "lists",
			 (json_int_t)f.lists, "gaps", (json_int_t)f.gaps, "behind",
			 (json_int_t)f.behind, "audits", (json_int_t)f.audits, "audit_repaired",
			 (json_int_t)f.audit_repaired, "synced", (int)f.synced);
	r = json_object_update(obj, more);
	json_decref(more);
	return r;
}

/* What nobody tells of a remote database. */
static int hide_unknown(json_t *obj, const struct ncsdb_status *s)
{
	static const char *const members[] = {"compacted", "keys", "leases", "bytes_on_disk"};
	int r = 0;

	if (!s->endpoint || !s->endpoint[0])
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		r |= json_object_set_new(obj, members[i], json_null());
	return r;
}

json_t *database_state_json(const struct north *n)
{
	struct ncsdb_status s;
	json_t *obj;

	ncsdb_status(n->conf.db, &s);
	obj = json_pack("{s:s, s:b, s:s, s:s, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}",
			"mode", mode(n, &s), "connected", (int)s.connected, "endpoint",
			s.endpoint ? s.endpoint : "", "why", s.why, "lost_s", database_lost_s(&s),
			"revision", (json_int_t)s.revision, "compacted", (json_int_t)s.compacted,
			"keys", (json_int_t)s.keys, "leases", (json_int_t)s.leases, "watches",
			(json_int_t)s.watches, "bytes_on_disk", (json_int_t)s.bytes_on_disk,
			"pending", (json_int_t)s.pending, "reconnects", (json_int_t)s.reconnects,
			"read_only", (int)s.read_only);
	if (!obj || add_followed(obj, n) || hide_unknown(obj, &s) ||
	    (n->conf.server && json_object_set_new(obj, "server", server_json(n->conf.server)))) {
		json_decref(obj);
		return NULL;
	}
	return obj;
}
