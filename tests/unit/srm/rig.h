/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A database, a view and a loop for srm, nsc and csc, and calls that wait for their answer. */
#ifndef TESTS_UNIT_SRM_RIG_H
#define TESTS_UNIT_SRM_RIG_H

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "model/view.h"
#include "ncsdb/write.h"
#include "util/json.h"

#define UNUSED __attribute__((unused))

static uv_loop_t loop;
static struct ncsdb *db;
static struct view view;
static struct err err;
static bool synced;

static UNUSED void on_synced(void *arg)
{
	assert_false(synced);
	synced = true;
}

static UNUSED void wait_for(const bool *done)
{
	while (!*done)
		assert_true(uv_run(&loop, UV_RUN_ONCE) || *done);
}

static UNUSED void rig_open(void)
{
	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(ncsdb_open(&loop, &(struct ncsdb_conf){0}, &db, &err), 0);
	view_init(&view);
	synced = false;
}

static UNUSED void rig_close(void)
{
	if (db)
		ncsdb_close(db);
	db = NULL;
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	view_fini(&view);
}

static UNUSED json_t *json(const char *text)
{
	static json_t *last[8];
	static int next;
	struct err e = {0};
	json_t *value = NULL;
	char buf[512];

	if (text && json_parse(text, strlen(text), &value, &e))
		fail_msg("%s: %s", text, err_text(&e, buf, sizeof(buf)));
	json_decref(last[next]);
	last[next] = value;
	next = (next + 1) % 8;
	return value; /* borrowed, for some calls */
}

static UNUSED void json_drop(void)
{
	for (int i = 0; i < 8; i++)
		json(NULL);
}

/* ---- writes ---- */

struct answer {
	bool done, created;
	int status;
	int64_t revision;
};

static UNUSED void on_answer(void *arg, int status, int64_t revision, bool created)
{
	struct answer *a = arg;

	assert_false(a->done);
	*a = (struct answer){true, created, status, revision};
}

static UNUSED struct ncsdb_write_done into(struct answer *a)
{
	*a = (struct answer){0};
	err = (struct err){0};
	return (struct ncsdb_write_done){on_answer, a};
}

/* After a call that returned rc: the final status; created and revision in *a. */
static UNUSED int answered(int rc, struct answer *a)
{
	if (rc) {
		assert_false(a->done);
		assert_int_equal(err.code, rc);
		return rc;
	}
	assert_false(a->done);
	wait_for(&a->done);
	return a->status;
}

#define refused(rc, field_, want_)                                                                 \
	do {                                                                                       \
		assert_int_not_equal(rc, 0);                                                       \
		assert_string_equal(err.field, field_);                                            \
		if (!strstr(err.want, want_))                                                      \
			fail_msg("want \"%s\" has no \"%s\"", err.want, want_);                    \
	} while (0)

/* ---- the database itself ---- */

struct raw {
	bool done;
	struct ncsdb_txn_result res;
};

static UNUSED void on_raw(void *arg, const struct ncsdb_txn_result *res)
{
	struct raw *raw = arg;

	raw->res = *res;
	raw->done = true;
}

static UNUSED int64_t raw_ops(const struct ncsdb_op *ops, size_t n)
{
	struct raw raw = {0};
	struct ncsdb_txn txn = {.then = ops, .n_then = n};

	assert_int_equal(ncsdb_txn(db, &txn, on_raw, &raw), 0);
	wait_for(&raw.done);
	assert_int_equal(raw.res.status, 0);
	return raw.res.revision;
}

static UNUSED void turn(void)
{
	for (int i = 0; i < 20; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
}

static UNUSED int64_t raw_put(const char *key, const char *value)
{
	struct ncsdb_op op = {NCSDB_PUT, key, value, strlen(value), 0};
	int64_t revision = raw_ops(&op, 1);

	turn();
	return revision;
}

static UNUSED int64_t raw_del(const char *key)
{
	struct ncsdb_op op = {.type = NCSDB_DELETE, .key = key};
	int64_t revision = raw_ops(&op, 1);

	turn();
	return revision;
}

struct listing {
	bool done;
	char text[8192];
};

static UNUSED void on_listing(void *arg, const struct ncsdb_range_result *res)
{
	struct listing *l = arg;
	size_t at = 0;

	for (size_t i = 0; i < res->n && at < sizeof(l->text) - 1500; i++)
		at += snprintf(l->text + at, sizeof(l->text) - at, "%s%s=%s%s", i ? " " : "",
			       res->kvs[i].key, (const char *)res->kvs[i].value,
			       res->kvs[i].lease ? "(L)" : "");
	l->done = true;
}

/* "key=value key=value(L)": what is stored below prefix; (L) = has a lease. */
static UNUSED const char *stored(const char *prefix)
{
	static struct listing l;
	struct ncsdb_range req = {.key = prefix, .prefix = true};

	l = (struct listing){0};
	assert_int_equal(ncsdb_range(db, &req, on_listing, &l), 0);
	wait_for(&l.done);
	return l.text;
}

static UNUSED struct in6_addr addr(const char *text)
{
	struct in6_addr a;

	assert_int_equal(inet_pton(AF_INET6, text, &a), 1);
	return a;
}

static UNUSED const char *addr_text(const struct in6_addr *a)
{
	static char text[INET6_ADDRSTRLEN];

	return inet_ntop(AF_INET6, a, text, sizeof(text));
}

#endif
