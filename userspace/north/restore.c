/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * POST /v1/database/restore: a snapshot's lines. All are checked before anything is written; then,
 * with replace, other keys go; then the lines are written in transactions. Keys under a lease
 * belong to somebody who lives or does not: they are left alone in both directions unless leased is
 * set.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "north/database.h"

#define TXN_BYTES_MAX (1u << 20) /* of values in one transaction */

enum phase { PHASE_CHECK, PHASE_LIST, PHASE_PUT };

/* A place in the body, and the object of its line. */
struct cursor {
	size_t at;
	uint64_t line; /* from 1 */
	json_t *obj;
};

struct restore {
	struct req *req; /* held; its data are the lines */
	struct ncsdb *db;
	uv_idle_t idle;
	bool leased, replace;
	enum phase phase;
	struct cursor cursor;
	uint64_t keys;		  /* lines with one, so far */
	char last[NCSDB_KEY_MAX]; /* key of the line before; of the page before */
	bool ended;		  /* the last line was seen */
	bool reading;		  /* a page is under way */
	bool more;		  /* pages */
	unsigned int flying;	  /* transactions */
	struct err err;		  /* the first failure */
	uint64_t written, skipped, deleted;
	int64_t revision;
};

/* ---- lines ---- */

/* 1: there is one, its object in c->obj; 0: the end; or -errno. */
static int next_line(const struct restore *r, struct cursor *c, struct err *err)
{
	size_t left = r->req->len - c->at, len;
	const char *text, *lf;

	json_decref(c->obj);
	c->obj = NULL;
	if (!left)
		return 0;
	text = r->req->data + c->at;
	lf = memchr(text, '\n', left);
	len = lf ? (size_t)(lf - text) : left;
	c->at += len + (lf != NULL);
	c->line++;
	return json_parse(text, len, &c->obj, err) ?: 1;
}

static int check_head(const json_t *obj, struct err *err)
{
	static const char *const allowed[] = {"sand_snapshot", "revision", NULL};
	int64_t version = 0, revision = 0;
	int r = json_is_obj(obj, err);

	r = r ?: json_only(obj, allowed, err);
	r = r
		    ?: json_get_int(obj, "sand_snapshot", JSON_REQUIRED, (struct json_range){1, 1},
				    &version, err);
	return r
		       ?: json_get_int(obj, "revision", JSON_REQUIRED,
				       (struct json_range){0, INT64_MAX}, &revision, err);
}

static int check_end(struct restore *r, const json_t *obj, struct err *err)
{
	static const char *const allowed[] = {"end", NULL};
	int64_t keys = 0;
	int code = json_only(obj, allowed, err);

	code = code
		       ?: json_get_int(obj, "end", JSON_REQUIRED, (struct json_range){0, INT64_MAX},
				       &keys, err);
	if (!code && (uint64_t)keys != r->keys)
		code = err_set(err, -EINVAL, "/end", NULL,
			       "must be %" PRIu64 ", the number of keys: lines are missing",
			       r->keys);
	r->ended = !code;
	return code;
}

static int check_key(struct restore *r, const json_t *obj, struct err *err)
{
	struct kv_line kv;
	int code = kv_from_json(obj, &kv, err);

	if (code)
		return code;
	free(kv.value);
	if (strcmp(kv.key, r->last) <= 0)
		return err_set(err, -EINVAL, "/key", kv.key,
			       "must stand behind the key of the line before, in byte order");
	snprintf(r->last, sizeof(r->last), "%s", kv.key);
	r->keys++;
	return 0;
}

static int check_line(struct restore *r, const json_t *obj, struct err *err)
{
	if (r->cursor.line == 1)
		return check_head(obj, err);
	if (r->ended)
		return err_set(err, -EINVAL, "", NULL, "must be the end: /end was there already");
	if (json_object_get(obj, "end"))
		return check_end(r, obj, err);
	return check_key(r, obj, err);
}

/* 1: go on, 0: all are good. */
static int check_slice(struct restore *r)
{
	struct err *err = &r->err;
	int more = 1, code = 0;

	for (int i = 0; i < DATABASE_RESTORE_SLICE && more > 0 && !code; i++) {
		more = next_line(r, &r->cursor, err);
		code = more > 0 ? check_line(r, r->cursor.obj, err) : 0;
	}
	if (more > 0 && !code)
		return 1;
	if (!more && !r->ended) {
		err_set(err, -EINVAL, "", NULL,
			"must end with a line {\"end\": N}: this snapshot is not whole");
		err_object(err, "snapshot");
	} else if (err->code) {
		err_object(err, "line %" PRIu64, r->cursor.line);
	}
	return err->code;
}

static void rewind_cursor(struct restore *r)
{
	struct err err = {0};

	json_decref(r->cursor.obj);
	r->cursor = (struct cursor){0};
	next_line(r, &r->cursor, &err); /* the head */
}

/* The next line with a key; false: there is none. */
static bool next_key(struct restore *r, struct kv_line *kv)
{
	struct err err = {0};

	return next_line(r, &r->cursor, &err) > 0 && !kv_from_json(r->cursor.obj, kv, &err);
}

/* ---- transactions ---- */

struct flight {
	struct restore *restore;
	struct ncsdb_op ops[DATABASE_RESTORE_OPS]; /* texts are owned */
	size_t n, bytes;
};

static void flight_free(struct flight *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free((void *)f->ops[i].key);
		free((void *)f->ops[i].value);
	}
	free(f);
}

static void fail(struct restore *r, int status)
{
	if (r->err.code)
		return;
	err_set(&r->err, status, "", NULL,
		"%s after %" PRIu64 " keys were written and %" PRIu64 " deleted",
		status == -EHOSTUNREACH ? "was not reached" : strerror(-status), r->written,
		r->deleted);
	err_object(&r->err, "database");
}

static void on_turn(uv_idle_t *idle);

static void on_txn(void *arg, const struct ncsdb_txn_result *res)
{
	struct flight *f = arg;
	struct restore *r = f->restore;

	r->flying--;
	if (res->status) {
		fail(r, res->status);
	} else {
		r->revision = res->revision > r->revision ? res->revision : r->revision;
		r->deleted += res->deleted;
		r->written += f->ops[0].type == NCSDB_PUT ? f->n : 0;
	}
	flight_free(f);
	uv_idle_start(&r->idle, on_turn);
}

/* Takes f. */
static void launch(struct restore *r, struct flight *f)
{
	const struct ncsdb_txn txn = {.then = f->ops, .n_then = f->n};
	int status = f->n ? ncsdb_txn(r->db, &txn, on_txn, f) : 0;

	if (!status && f->n) {
		r->flying++;
		return;
	}
	if (status)
		fail(r, status);
	flight_free(f);
}

static struct flight *flight_new(struct restore *r)
{
	struct flight *f = calloc(1, sizeof(*f));

	if (f)
		f->restore = r;
	else
		fail(r, -ENOMEM);
	return f;
}

/* Takes value. */
static void add_op(struct flight *f, enum ncsdb_op_type type, const char *key, char *value,
		   size_t len)
{
	char *copy = strdup(key);

	if (!copy) {
		free(value);
		fail(f->restore, -ENOMEM);
		return;
	}
	f->ops[f->n++] = (struct ncsdb_op){type, copy, value, len, 0};
	f->bytes += len;
}

/* False: no lines are left. */
static bool put_some(struct restore *r)
{
	struct flight *f = flight_new(r);
	struct kv_line kv;
	bool more = false;

	if (!f)
		return false;
	while (f->n < DATABASE_RESTORE_OPS && f->bytes < TXN_BYTES_MAX) {
		more = next_key(r, &kv);
		if (!more)
			break;
		if (kv.lease && !r->leased) {
			r->skipped++;
			free(kv.value);
			continue;
		}
		add_op(f, NCSDB_PUT, kv.key, kv.value, kv.len);
	}
	launch(r, f);
	return more;
}

/* ---- replace: what is stored and not in the snapshot; both are in order ---- */

static bool in_snapshot(struct restore *r, const char *key)
{
	const char *line_key = json_string_value(json_object_get(r->cursor.obj, "key"));
	struct kv_line kv;

	while (!line_key || strcmp(line_key, key) < 0) {
		if (!next_key(r, &kv))
			return false;
		free(kv.value);
		line_key = kv.key;
	}
	return strcmp(line_key, key) == 0;
}

static void delete_others(struct restore *r, const struct ncsdb_range_result *res)
{
	struct flight *f = NULL;

	for (size_t i = 0; i < res->n && !r->err.code; i++) {
		if (in_snapshot(r, res->kvs[i].key) || (res->kvs[i].lease && !r->leased))
			continue;
		f = f ?: flight_new(r);
		if (f)
			add_op(f, NCSDB_DELETE, res->kvs[i].key, NULL, 0);
		if (f && f->n == DATABASE_RESTORE_OPS) {
			launch(r, f);
			f = NULL;
		}
	}
	if (f)
		launch(r, f);
}

static void on_list(void *arg, const struct ncsdb_range_result *res)
{
	struct restore *r = arg;

	r->reading = false;
	if (res->status)
		fail(r, res->status);
	else
		delete_others(r, res);
	r->more = !res->status && res->more;
	if (!res->status && res->n)
		snprintf(r->last, sizeof(r->last), "%s", res->kvs[res->n - 1].key);
	uv_idle_start(&r->idle, on_turn);
}

static void list_page(struct restore *r)
{
	struct ncsdb_range range = {.limit = DATABASE_PAGE, .keys_only = true};
	struct key_span span;
	int status = key_span(DATABASE_ROOT, r->last, &span, &range);

	r->reading = true;
	status = status ?: ncsdb_range(r->db, &range, on_list, r);
	if (status)
		on_list(r, &(struct ncsdb_range_result){.status = status});
}

/* ---- the whole ---- */

static void on_closed(uv_handle_t *handle)
{
	struct restore *r = handle->data;

	json_decref(r->cursor.obj);
	free(r);
}

static void finish(struct restore *r)
{
	struct req *req = r->req;

	if (req->north && !req->answered && r->err.code) {
		rest_fail(req, &r->err);
	} else if (req->north && !req->answered) {
		rest_audit(req, 200, r->revision);
		rest_json(req, 200,
			  json_pack("{s:I, s:I, s:I, s:I}", "restored", (json_int_t)r->written,
				    "skipped", (json_int_t)r->skipped, "deleted",
				    (json_int_t)r->deleted, "revision", (json_int_t)r->revision));
	}
	uv_idle_stop(&r->idle);
	rest_put(req);
	uv_close((uv_handle_t *)&r->idle, on_closed);
}

static void start_phase(struct restore *r, enum phase phase)
{
	r->phase = phase;
	r->last[0] = '\0';
	r->more = true;
	rewind_cursor(r);
}

/* True: there is more to ask for. */
static bool ask(struct restore *r)
{
	if (r->phase == PHASE_CHECK) {
		if (check_slice(r) == 0)
			start_phase(r, r->replace ? PHASE_LIST : PHASE_PUT);
		return true;
	}
	if (r->phase == PHASE_LIST && !r->flying && r->more) {
		list_page(r);
		return false;
	}
	if (r->phase == PHASE_LIST && !r->flying) {
		start_phase(r, PHASE_PUT);
		return true;
	}
	if (r->phase == PHASE_PUT && r->more && r->flying < DATABASE_RESTORE_FLYING) {
		r->more = put_some(r);
		return true;
	}
	return false;
}

static void on_turn(uv_idle_t *idle)
{
	struct restore *r = idle->data;
	bool stop = r->err.code || !r->req->north || r->req->answered;
	bool more = !stop && ask(r);

	if (more)
		return;
	if (r->flying || r->reading)
		uv_idle_stop(idle); /* the next answer starts it again */
	else if (stop || (r->phase == PHASE_PUT && !r->more))
		finish(r);
}

static int read_flag(void *arg, const char *name, const char *value, struct err *err)
{
	struct restore *r = arg;
	bool *flag = strcmp(name, "leased") == 0 ? &r->leased : &r->replace;
	char field[16];

	*flag = strcmp(value, "true") == 0;
	if (*flag || strcmp(value, "false") == 0)
		return 0;
	snprintf(field, sizeof(field), "?%s", name);
	return err_set(err, -EINVAL, field, value, "must be true or false");
}

void database_restore(struct req *req)
{
	struct restore *r = calloc(1, sizeof(*r));

	if (!r) {
		rest_json(req, 500, NULL);
		return;
	}
	r->req = req;
	r->db = req->north->conf.db;
	if (!rest_query(req, read_flag, r)) {
		free(r);
		return;
	}
	uv_idle_init(req->north->conf.loop, &r->idle);
	r->idle.data = r;
	rest_hold(req);
	uv_idle_start(&r->idle, on_turn);
}
