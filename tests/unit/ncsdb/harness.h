/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A database on a loop of its own, and calls that run the loop until their answer is there. */
#ifndef TESTS_UNIT_NCSDB_HARNESS_H
#define TESTS_UNIT_NCSDB_HARNESS_H

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

#include "ncsdb/ncsdb.h"

#define UNUSED __attribute__((unused))

static uv_loop_t loop;
static struct ncsdb *db;
static char dir[128];
static int64_t base; /* what revisions in texts are counted from, in databases that are not new */

/* ---- life ---- */

static UNUSED int dir_make(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/ncsdb-XXXXXX", tmp ? tmp : "/tmp");
	return mkdtemp(dir) ? 0 : -1;
}

static UNUSED void dir_file(char *path, size_t size, const char *name)
{
	snprintf(path, size, "%s/%s", dir, name);
}

static UNUSED void dir_remove(void)
{
	static const char *const names[] = {"data.mdb", "lock", "lock.mdb"};
	char path[160];

	for (size_t i = 0; i < 3; i++) {
		dir_file(path, sizeof(path), names[i]);
		unlink(path);
	}
	rmdir(dir);
	dir[0] = '\0';
}

static UNUSED void db_open(const struct ncsdb_conf *conf)
{
	struct err err = {0};

	assert_int_equal(uv_loop_init(&loop), 0);
	if (ncsdb_open(&loop, conf, &db, &err)) {
		char buf[512];

		fail_msg("%s", err_text(&err, buf, sizeof(buf)));
	}
}

static UNUSED void db_close(void)
{
	ncsdb_close(db);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	db = NULL;
}

static UNUSED int memory_setup(void **state)
{
	db_open(&(struct ncsdb_conf){0});
	return 0;
}

static UNUSED int memory_teardown(void **state)
{
	db_close();
	return 0;
}

static UNUSED struct ncsdb_status status(void)
{
	struct ncsdb_status s;

	ncsdb_status(db, &s);
	return s;
}

/* ---- calls that wait ---- */

static UNUSED void wait_for(const bool *done)
{
	while (!*done)
		assert_true(uv_run(&loop, UV_RUN_ONCE) || *done);
}

struct txn_answer {
	struct ncsdb_txn_result res;
	bool done;
};

static UNUSED void on_txn_answer(void *arg, const struct ncsdb_txn_result *res)
{
	struct txn_answer *a = arg;

	assert_false(a->done);
	a->res = *res;
	a->done = true;
}

static UNUSED struct ncsdb_txn_result txn_sync(const struct ncsdb_txn *txn)
{
	struct txn_answer a = {0};

	assert_int_equal(ncsdb_txn(db, txn, on_txn_answer, &a), 0);
	assert_false(a.done);
	wait_for(&a.done);
	return a.res;
}

static UNUSED struct ncsdb_txn_result ops_sync(const struct ncsdb_op *ops, size_t n)
{
	return txn_sync(&(struct ncsdb_txn){.then = ops, .n_then = n});
}

static UNUSED struct ncsdb_op op_put(const char *key, const char *value)
{
	return (struct ncsdb_op){NCSDB_PUT, key, value, strlen(value), 0};
}

static UNUSED struct ncsdb_op op_del(const char *key)
{
	return (struct ncsdb_op){.type = NCSDB_DELETE, .key = key};
}

static UNUSED struct ncsdb_op op_del_prefix(const char *key)
{
	return (struct ncsdb_op){.type = NCSDB_DELETE_PREFIX, .key = key};
}

/* Returns the revision. */
static UNUSED int64_t put_lease(const char *key, const char *value, int64_t lease)
{
	struct ncsdb_op op = op_put(key, value);
	struct ncsdb_txn_result res;

	op.lease = lease;
	res = ops_sync(&op, 1);
	assert_int_equal(res.status, 0);
	return res.revision - base;
}

static UNUSED int64_t put(const char *key, const char *value)
{
	return put_lease(key, value, 0);
}

/* Without an answer. */
static UNUSED int put_quietly(const char *key, const char *value)
{
	struct ncsdb_op op = op_put(key, value);

	return ncsdb_txn(db, &(struct ncsdb_txn){.then = &op, .n_then = 1}, NULL, NULL);
}

static UNUSED size_t del(const char *key)
{
	struct ncsdb_op op = op_del(key);
	struct ncsdb_txn_result res = ops_sync(&op, 1);

	assert_int_equal(res.status, 0);
	return res.deleted;
}

/* The answer as text: "a=1@2 b=2@3" (key=value@mod_rev), "..." for more. */
struct range_answer {
	char text[4096];
	struct ncsdb_kv first; /* its pointers are dead */
	int status;
	int64_t revision;
	size_t n;
	bool done;
};

static UNUSED void on_range_answer(void *arg, const struct ncsdb_range_result *res)
{
	struct range_answer *a = arg;
	size_t at = 0;

	assert_false(a->done);
	a->done = true;
	a->status = res->status;
	a->revision = res->revision;
	a->n = res->n;
	a->text[0] = '\0';
	for (size_t i = 0; i < res->n && at < sizeof(a->text) - 600; i++) {
		const struct ncsdb_kv *kv = &res->kvs[i];

		at += (size_t)snprintf(
			a->text + at, sizeof(a->text) - at, "%s%s=%s@%lld", i ? " " : "", kv->key,
			kv->value ? (const char *)kv->value : "-", (long long)(kv->mod_rev - base));
	}
	if (res->n)
		a->first = res->kvs[0];
	if (res->more)
		strcpy(a->text + at, " ...");
}

static UNUSED struct range_answer *range_sync(const struct ncsdb_range *req)
{
	static struct range_answer a;

	a = (struct range_answer){0};
	assert_int_equal(ncsdb_range(db, req, on_range_answer, &a), 0);
	assert_false(a.done);
	wait_for(&a.done);
	assert_int_equal(a.status, 0);
	return &a;
}

static UNUSED const char *get(const char *key)
{
	return range_sync(&(struct ncsdb_range){.key = key})->text;
}

static UNUSED const char *list(const char *prefix)
{
	return range_sync(&(struct ncsdb_range){.key = prefix, .prefix = true})->text;
}

struct lease_answer {
	int status;
	int64_t id;
	unsigned int ttl_s;
	bool done;
};

static UNUSED void on_lease_answer(void *arg, int rc, int64_t id, unsigned int ttl_s)
{
	struct lease_answer *a = arg;

	assert_false(a->done);
	*a = (struct lease_answer){rc, id, ttl_s, true};
}

static UNUSED struct lease_answer grant(int64_t id, unsigned int ttl_s)
{
	struct lease_answer a = {0};

	assert_int_equal(ncsdb_lease_grant(db, id, ttl_s, on_lease_answer, &a), 0);
	assert_false(a.done);
	wait_for(&a.done);
	return a;
}

static UNUSED struct lease_answer keepalive(int64_t id)
{
	struct lease_answer a = {0};

	assert_int_equal(ncsdb_lease_keepalive(db, id, on_lease_answer, &a), 0);
	wait_for(&a.done);
	return a;
}

static UNUSED struct lease_answer lease_revoke(int64_t id)
{
	struct lease_answer a = {0};

	assert_int_equal(ncsdb_lease_revoke(db, id, on_lease_answer, &a), 0);
	wait_for(&a.done);
	return a;
}

/* ---- watches: what came, as text: "[3 a=1 -b][4 c=2]" ---- */

struct seen {
	char text[4096];
	size_t at, updates, events;
	int status;
	int64_t revision;
	bool quiet; /* count only */
};

static UNUSED void on_seen(void *arg, const struct ncsdb_watch_update *u)
{
	struct seen *s = arg;

	s->updates++;
	s->events += u->n;
	s->status = u->status;
	assert_true(u->status || u->revision > s->revision);
	s->revision = u->revision;
	if (s->quiet)
		return;
	s->at += (size_t)sprintf(s->text + s->at, "[%lld", (long long)(u->revision - base));
	for (size_t i = 0; i < u->n; i++) {
		const struct ncsdb_kv *kv = &u->events[i].kv;

		assert_true(kv->mod_rev == u->revision);
		if (u->events[i].deleted)
			s->at += (size_t)sprintf(s->text + s->at, " -%s", kv->key);
		else
			s->at += (size_t)sprintf(s->text + s->at, " %s=%s", kv->key,
						 (const char *)kv->value);
	}
	s->at += (size_t)sprintf(s->text + s->at, "]");
}

static UNUSED struct ncsdb_watch *watch(const char *prefix, int64_t start, struct seen *seen)
{
	struct ncsdb_watch *w = NULL;

	assert_int_equal(ncsdb_watch(db, prefix, start ? start + base : 0, on_seen, seen, &w), 0);
	assert_int_equal(seen->updates, 0);
	return w;
}

/* Runs until nothing is left to do. */
static UNUSED void settle(void)
{
	uv_run(&loop, UV_RUN_DEFAULT);
}

#endif
