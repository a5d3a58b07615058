/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * POST /v1/database/restore: a snapshot's lines. All are checked before anything is written; then,
 * with replace, other keys go; then the lines are written in transactions. Keys under a lease
 * belong to somebody who lives or does not: they are left alone in both directions unless leased is
 * set. Each turn on the loop reads a limited number of lines and bytes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "north/restore_int.h"

enum phase { PHASE_CHECK, PHASE_DELETE, PHASE_PUT };

/* Stored keys, of which some may have to go. */
struct page {
	char *keys[DATABASE_PAGE]; /* those behind `at` are owned */
	size_t n, at;
	char last[NCSDB_KEY_MAX]; /* where the next page begins */
	bool more;
	bool reading; /* it is under way */
};

struct restore {
	struct req *req; /* held; its data are the lines */
	struct ncsdb *db;
	uv_idle_t idle;
	bool leased, replace;
	enum phase phase;
	struct cursor cursor;
	struct restore_check check;
	struct page page;
	const char *line_key; /* PHASE_DELETE: the cursor's, "" before the first; NULL behind the
				 last */
	struct kv_line held;  /* PHASE_PUT: read, and in no transaction yet; value NULL: none */
	bool more;	      /* PHASE_PUT: lines */
	unsigned int flying;  /* transactions */
	struct err err;	      /* of the lines */
	int failed;	      /* the first failure since anything was written */
	uint64_t written, skipped, deleted;
	int64_t revision;
};

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
	r->failed = r->failed ?: status;
}

/* Nothing more may be asked for. */
static bool stopped(const struct restore *r)
{
	return r->err.code || r->failed || !r->req->north || r->req->answered;
}

static void on_turn(uv_idle_t *idle);
static void on_txn(void *arg, const struct ncsdb_txn_result *res);

/* Takes f. Whether a key is under a lease is asked where it is written: it may have come under one
 * a moment ago. */
static void launch(struct restore *r, struct flight *f)
{
	struct ncsdb_cmp cmps[DATABASE_RESTORE_OPS];
	const struct ncsdb_txn txn = {
		.cmps = cmps, .n_cmps = r->leased ? 0 : f->n, .then = f->ops, .n_then = f->n};
	int status;

	for (size_t i = 0; i < f->n; i++)
		cmps[i] = (struct ncsdb_cmp){f->ops[i].key, NCSDB_CMP_LEASE, NCSDB_EQ, 0};
	if (!f->n || stopped(r)) {
		flight_free(f);
		return;
	}
	status = ncsdb_txn(r->db, &txn, on_txn, f);
	if (!status) {
		r->flying++;
		return;
	}
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

/* Takes f, in which something is under a lease: halves, until it is alone. */
static void split(struct restore *r, struct flight *f)
{
	struct flight *half = NULL;
	size_t n = f->n / 2;

	if (f->n > 1)
		half = flight_new(r);
	else if (f->ops[0].type == NCSDB_PUT)
		r->skipped++;
	if (!half) {
		flight_free(f);
		return;
	}
	memcpy(half->ops, f->ops, n * sizeof(f->ops[0]));
	half->n = n;
	f->n -= n;
	memmove(f->ops, f->ops + n, f->n * sizeof(f->ops[0]));
	launch(r, half);
	launch(r, f);
}

static void on_txn(void *arg, const struct ncsdb_txn_result *res)
{
	struct flight *f = arg;
	struct restore *r = f->restore;

	r->flying--;
	uv_idle_start(&r->idle, on_turn);
	if (!res->status && !res->succeeded) {
		split(r, f);
		return;
	}
	if (res->status) {
		fail(r, res->status);
	} else {
		r->revision = res->revision > r->revision ? res->revision : r->revision;
		r->deleted += res->deleted;
		r->written += f->ops[0].type == NCSDB_PUT ? f->n : 0;
	}
	flight_free(f);
}

/* Takes value. */
static int add_op(struct flight *f, enum ncsdb_op_type type, const char *key, char *value,
		  size_t len)
{
	char *copy = strdup(key);

	if (!copy) {
		free(value);
		return -ENOMEM;
	}
	f->ops[f->n++] = (struct ncsdb_op){type, copy, value, len, 0};
	f->bytes += strlen(key) + len;
	return 0;
}

/* ---- the lines, to the database ---- */

/* r->held is filled. 1, 0: no line is left, or -errno. */
static int hold_next(struct restore *r)
{
	struct err err = {0};
	int more = 1;

	while (more > 0 && !r->held.value && !cursor_spent(&r->cursor)) {
		more = cursor_key(&r->cursor, &r->held, &err);
		if (more > 0 && r->held.lease && !r->leased) {
			r->skipped++;
			free(r->held.value);
			r->held.value = NULL;
		}
	}
	return more;
}

/* 1: there may be more lines, 0: there are none, or -errno. */
static int fill(struct restore *r, struct flight *f)
{
	int more = 1, code = 0;

	while (!code && f->n < DATABASE_RESTORE_OPS) {
		const struct kv_line *kv = &r->held;

		more = hold_next(r);
		if (more <= 0 || !kv->value)
			return more;
		if (f->n && f->bytes + strlen(kv->key) + kv->len > DATABASE_RESTORE_BYTES)
			return 1;
		code = add_op(f, NCSDB_PUT, kv->key, kv->value, kv->len);
		r->held.value = NULL;
	}
	return code ?: 1;
}

/* All lines were good when they were checked: what fails now is for want of memory, and is not
 * their end. */
static void put_some(struct restore *r)
{
	struct flight *f = flight_new(r);
	int more;

	if (!f)
		return;
	cursor_begin_turn(&r->cursor);
	more = fill(r, f);
	r->more = more > 0;
	if (more < 0)
		fail(r, -ENOMEM);
	launch(r, f);
}

/* ---- replace: what is stored and not in the snapshot; both are in order ---- */

/* 1: it is, 0: it is not; -EAGAIN: the turn is over before that is known; -ENOMEM. */
static int in_snapshot(struct restore *r, const char *key)
{
	struct kv_line kv = {0};
	struct err err = {0};
	int more;

	while (r->line_key && strcmp(r->line_key, key) < 0) {
		if (cursor_spent(&r->cursor))
			return -EAGAIN;
		more = cursor_key(&r->cursor, &kv, &err);
		if (more < 0)
			return -ENOMEM;
		r->line_key = more ? kv.key : NULL;
		if (more)
			free(kv.value);
	}
	return r->line_key && strcmp(r->line_key, key) == 0;
}

static int add_delete(struct restore *r, struct flight *f)
{
	char *key = r->page.keys[r->page.at];
	int in = in_snapshot(r, key);

	if (in < 0)
		return in;
	r->page.at++;
	in = in ? 0 : add_op(f, NCSDB_DELETE, key, NULL, 0);
	free(key);
	return in;
}

static void delete_some(struct restore *r)
{
	struct flight *f = flight_new(r);
	int code = 0;

	if (!f)
		return;
	cursor_begin_turn(&r->cursor);
	while (!code && r->page.at < r->page.n && f->n < DATABASE_RESTORE_OPS)
		code = add_delete(r, f);
	if (code && code != -EAGAIN)
		fail(r, code);
	launch(r, f);
}

static void page_fini(struct page *page)
{
	while (page->at < page->n)
		free(page->keys[page->at++]);
	page->n = page->at = 0;
}

static int page_fill(struct restore *r, const struct ncsdb_range_result *res)
{
	struct page *page = &r->page;

	page->n = page->at = 0;
	for (size_t i = 0; i < res->n && i < DATABASE_PAGE; i++) {
		snprintf(page->last, sizeof(page->last), "%s", res->kvs[i].key);
		if (res->kvs[i].lease && !r->leased)
			continue;
		page->keys[page->n] = strdup(res->kvs[i].key);
		if (!page->keys[page->n])
			return -ENOMEM;
		page->n++;
	}
	page->more = res->more;
	return 0;
}

static void on_list(void *arg, const struct ncsdb_range_result *res)
{
	struct restore *r = arg;
	int status = res->status ?: page_fill(r, res);

	r->page.reading = false;
	if (status)
		fail(r, status);
	uv_idle_start(&r->idle, on_turn);
}

static void list_page(struct restore *r)
{
	struct ncsdb_range range = {.limit = DATABASE_PAGE, .keys_only = true};
	struct key_span span;
	int status = key_span(DATABASE_ROOT, r->page.last, &span, &range);

	r->page.reading = true;
	status = status ?: ncsdb_range(r->db, &range, on_list, r);
	if (status)
		on_list(r, &(struct ncsdb_range_result){.status = status});
}

/* ---- the whole ---- */

static void on_closed(uv_handle_t *handle)
{
	struct restore *r = handle->data;

	cursor_fini(&r->cursor);
	page_fini(&r->page);
	free(r->held.value);
	free(r);
}

static void say_failure(struct restore *r)
{
	if (r->failed && !r->err.code) {
		err_set(&r->err, r->failed, "", NULL,
			"%s after %" PRIu64 " keys were written and %" PRIu64 " deleted",
			r->failed == -EHOSTUNREACH ? "was not reached" : strerror(-r->failed),
			r->written, r->deleted);
		err_object(&r->err, "database");
	}
	rest_fail(r->req, &r->err);
}

static void finish(struct restore *r)
{
	struct req *req = r->req;

	if (req->north && !req->answered && (r->err.code || r->failed)) {
		say_failure(r);
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
	r->page.more = true;
	r->more = true;
	r->line_key = "";
	cursor_rewind(&r->cursor);
}

/* True: there is more to do in the next turn; false: an answer has to come first, or all is done.
 */
static bool ask_delete(struct restore *r)
{
	if (r->page.at < r->page.n && r->flying < DATABASE_RESTORE_FLYING) {
		delete_some(r);
		return true;
	}
	if (r->page.reading || r->flying)
		return false;
	if (r->page.more)
		list_page(r);
	else
		start_phase(r, PHASE_PUT);
	return !r->page.reading;
}

static bool ask(struct restore *r)
{
	switch (r->phase) {
	case PHASE_CHECK:
		if (check_lines(&r->check, &r->cursor, &r->err) == 0)
			start_phase(r, r->replace ? PHASE_DELETE : PHASE_PUT);
		return true;
	case PHASE_DELETE:
		return ask_delete(r);
	case PHASE_PUT:
		break;
	}
	if (!r->more || r->flying >= DATABASE_RESTORE_FLYING)
		return false;
	put_some(r);
	return true;
}

static void on_turn(uv_idle_t *idle)
{
	struct restore *r = idle->data;

	if (!stopped(r) && ask(r))
		return;
	if (r->flying || r->page.reading)
		uv_idle_stop(idle); /* the next answer starts it again */
	else
		finish(r);
}

static int read_parameter(void *arg, const char *name, const char *value, struct err *err)
{
	struct restore *r = arg;
	bool *flag = strcmp(name, "leased") == 0 ? &r->leased : &r->replace;

	return rest_flag(name, value, flag, err);
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
	r->cursor = (struct cursor){.text = req->data ?: "", .len = req->len};
	if (!rest_query(req, read_parameter, r)) {
		free(r);
		return;
	}
	uv_idle_init(req->north->conf.loop, &r->idle);
	r->idle.data = r;
	rest_hold(req);
	uv_idle_start(&r->idle, on_turn);
}
