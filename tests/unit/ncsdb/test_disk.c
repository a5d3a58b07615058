/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is on the disk: kept over a restart, refused when it is not ours or not whole. */
#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "unit/ncsdb/harness.h"

static int setup(void **state)
{
	if (dir_make())
		return -1;
	db_open(&(struct ncsdb_conf){.dir = dir});
	return 0;
}

static int teardown(void **state)
{
	if (db)
		db_close();
	dir_remove();
	return 0;
}

static void reopen(void)
{
	db_close();
	db_open(&(struct ncsdb_conf){.dir = dir});
}

/* Opens the closed database: must fail, change nothing, and say these words. */
static void refused(int code, const char *words, const char *more)
{
	struct err err = {0};
	struct ncsdb *none = NULL;
	char buf[512];

	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(ncsdb_open(&loop, &(struct ncsdb_conf){.dir = dir}, &none, &err), code);
	assert_null(none);
	assert_int_equal(err.code, code);
	err_text(&err, buf, sizeof(buf));
	if (!strstr(buf, words) || !strstr(buf, more) || !strstr(buf, dir))
		fail_msg("\"%s\" lacks \"%s\" or \"%s\"", buf, words, more);
	assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&loop), 0);
}

static void test_everything_is_kept(void **state)
{
	struct ncsdb_status before, after;
	struct range_answer *a;
	uint64_t received;

	put("/a", "1");
	put("/a", "2");
	put("/gone", "1");
	put("/b", "3");
	del("/gone");
	received = range_sync(&(struct ncsdb_range){.key = "/a"})->first.received_us;
	before = status();
	assert_true(before.bytes_on_disk > 0);
	reopen();
	after = status();
	assert_int_equal(after.revision, before.revision);
	assert_int_equal(after.revision, 6);
	assert_true(after.store_epoch == before.store_epoch);
	assert_string_equal(list(""), "/a=2@3 /b=3@5");
	a = range_sync(&(struct ncsdb_range){.key = "/a"});
	assert_int_equal(a->first.create_rev, 2);
	assert_int_equal(a->first.version, 2);
	assert_true(a->first.received_us == received);
	assert_int_equal(put("/c", "4"), 7);
}

/* Deletes what it is being shown: records that came from the disk, in no history. */
static void on_range_delete(void *arg, const struct ncsdb_range_result *res)
{
	struct ncsdb_op op = op_del_prefix("/");

	assert_int_equal(ncsdb_txn(db, &(struct ncsdb_txn){.then = &op, .n_then = 1}, NULL, NULL),
			 0);
	assert_int_equal(res->n, 2);
	assert_string_equal(res->kvs[0].key, "/a");
	assert_string_equal(res->kvs[1].value, "2");
	*(bool *)arg = true;
}

static void test_data_lives_through_the_callback(void **state)
{
	bool done = false;

	put("/a", "1");
	put("/b", "2");
	reopen();
	assert_int_equal(ncsdb_range(db, &(struct ncsdb_range){.key = "/", .prefix = true},
				     on_range_delete, &done),
			 0);
	wait_for(&done);
	assert_string_equal(list("/"), "");
}

static void test_sizes(void **state)
{
	char longest[NCSDB_KEY_MAX];
	char *value = malloc(NCSDB_VALUE_MAX);
	struct ncsdb_op op = {NCSDB_PUT, "/big", value, NCSDB_VALUE_MAX, 0};
	struct range_answer *a;

	memset(longest, 'k', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	memset(value, 'v', NCSDB_VALUE_MAX);
	assert_int_equal(ops_sync(&op, 1).status, 0);
	put(longest, "");
	reopen();
	a = range_sync(&(struct ncsdb_range){.key = "/big", .keys_only = true});
	assert_int_equal(a->n, 1);
	a = range_sync(&(struct ncsdb_range){.key = longest});
	assert_int_equal(a->n, 1);
	free(value);
}

static void test_history_does_not_survive(void **state)
{
	struct seen old = {0}, fresh = {0};

	watch("/", 1, &fresh); /* a new database has no history to miss */
	put("/a", "1");
	assert_int_equal(fresh.updates, 1);
	reopen();
	assert_int_equal(status().compacted, 2);
	watch("/", 2, &old);
	settle();
	assert_int_equal(old.status, -ERANGE);
	fresh = (struct seen){0};
	watch("/", 3, &fresh);
	put("/a", "2");
	assert_string_equal(fresh.text, "[3 /a=2]");
}

static void test_leases_are_kept(void **state)
{
	grant(7, 60);
	grant(8, 60);
	put_lease("/a", "1", 7);
	put_lease("/b", "1", 8);
	put("/c", "1");
	assert_int_equal(lease_revoke(8).status, 0);
	reopen();
	assert_int_equal(status().leases, 1);
	assert_int_equal(keepalive(7).ttl_s, 60);
	assert_int_equal(range_sync(&(struct ncsdb_range){.key = "/a"})->first.lease, 7);
	assert_int_equal(lease_revoke(7).status, 0);
	reopen();
	assert_int_equal(status().leases, 0);
	assert_string_equal(list(""), "/c=1@4");
}

static void test_close_finishes_writes(void **state)
{
	struct txn_answer a[200] = {0};
	char key[16];

	for (int i = 0; i < 200; i++) {
		struct ncsdb_op op;

		sprintf(key, "/%03d", i);
		op = op_put(key, "1");
		assert_int_equal(ncsdb_txn(db, &(struct ncsdb_txn){.then = &op, .n_then = 1},
					   on_txn_answer, &a[i]),
				 0);
		if (i % 50 == 0)
			uv_run(&loop, UV_RUN_NOWAIT);
	}
	db_close();
	for (int i = 0; i < 200; i++)
		assert_true(a[i].done && a[i].res.status == 0);
	db_open(&(struct ncsdb_conf){.dir = dir});
	assert_int_equal(status().keys, 200);
}

static void on_busy(uv_idle_t *idle)
{
	const struct ncsdb_op op = {
		.type = NCSDB_PUT, .key = "/busy", .value = "x", .value_len = 1};

	assert_int_equal(ncsdb_txn(db, &(struct ncsdb_txn){.then = &op, .n_then = 1}, NULL, NULL),
			 0);
}

static void on_busy_answer(void *arg, const struct ncsdb_txn_result *res)
{
	assert_int_equal(res->status, 0);
	*(bool *)arg = true;
}

/* The disk lets a few turns pass, and no more: every turn writes here, and none waits. */
static void test_a_busy_loop_does_not_keep_the_disk_waiting(void **state)
{
	const struct ncsdb_op op = {.type = NCSDB_PUT, .key = "/a", .value = "1", .value_len = 1};
	const struct ncsdb_txn txn = {.then = &op, .n_then = 1};
	uint64_t begin = uv_hrtime();
	bool answered = false;
	uv_idle_t busy;

	uv_idle_init(&loop, &busy);
	uv_idle_start(&busy, on_busy);
	assert_int_equal(ncsdb_txn(db, &txn, on_busy_answer, &answered), 0);
	while (!answered && uv_hrtime() - begin < 60000000000ull)
		uv_run(&loop, UV_RUN_NOWAIT);
	uv_close((uv_handle_t *)&busy, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
	assert_true(answered);
}

/* One batch replaces, deletes and makes again the same keys. */
static void test_one_batch_many_versions(void **state)
{
	put("/first", "x"); /* the next writes gather behind one that is under way */
	put_quietly("/first", "y");
	uv_run(&loop, UV_RUN_NOWAIT);
	for (int i = 0; i < 100; i++) {
		struct ncsdb_op op = op_del("/b");

		put_quietly("/a", i == 99 ? "last" : "other");
		put_quietly("/b", "x");
		ncsdb_txn(db, &(struct ncsdb_txn){.then = &op, .n_then = 1}, NULL, NULL);
		put_quietly("/c", "1");
		op.key = "/c";
		ncsdb_txn(db, &(struct ncsdb_txn){.then = &op, .n_then = 1}, NULL, NULL);
		put_quietly("/c", "2");
	}
	reopen();
	assert_string_equal(list(""), "/a=last@598 /c=2@603 /first=y@3");
	assert_int_equal(range_sync(&(struct ncsdb_range){.key = "/a"})->first.version, 100);
}

static void test_large_batch(void **state)
{
	char key[32];

	for (int i = 0; i < 100000; i++) {
		sprintf(key, "/k/%d", (i * 7919) % 100000);
		assert_int_equal(put_quietly(key, "some value"), 0);
	}
	reopen();
	assert_int_equal(status().keys, 100000);
	assert_int_equal(status().revision, 100001);
}

static void test_received_of_another_boot(void **state)
{
	MDB_txn *txn;
	MDB_env *env;
	MDB_dbi meta;
	MDB_val key = {4, "boot"}, val;
	char boot[40];

	put("/old", "1");
	db_close();
	mdb_env_create(&env);
	mdb_env_set_maxdbs(env, 3);
	assert_int_equal(mdb_env_open(env, dir, MDB_NOLOCK, 0600), 0);
	mdb_txn_begin(env, NULL, 0, &txn);
	mdb_dbi_open(txn, "meta", 0, &meta);
	assert_int_equal(mdb_get(txn, meta, &key, &val), 0);
	assert_int_equal(val.mv_size, sizeof(boot));
	memcpy(boot, val.mv_data, sizeof(boot));
	boot[0] = boot[0] == 'x' ? 'y' : 'x';
	val.mv_data = boot;
	assert_int_equal(mdb_put(txn, meta, &key, &val, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	db_open(&(struct ncsdb_conf){.dir = dir});
	assert_true(range_sync(&(struct ncsdb_range){.key = "/old"})->first.received_us == 0);
	put("/new", "1");
	reopen(); /* still the new boot: the old value stays unknown */
	assert_true(range_sync(&(struct ncsdb_range){.key = "/old"})->first.received_us == 0);
	assert_true(range_sync(&(struct ncsdb_range){.key = "/new"})->first.received_us > 0);
}

/* ---- refusals ---- */

static void test_locked(void **state)
{
	struct err err = {0};
	struct ncsdb *second = NULL;
	char pid[32], buf[512];

	snprintf(pid, sizeof(pid), "process %d", getpid());
	assert_int_equal(
		ncsdb_open(&loop, &(struct ncsdb_conf){.dir = dir, .reset = true}, &second, &err),
		-EBUSY);
	assert_non_null(strstr(err_text(&err, buf, sizeof(buf)), pid));
	put("/a", "1"); /* and the first is unharmed */
}

/* Overwrites bytes of a meta record. */
static void tamper(const char *name, size_t at, const void *bytes, size_t n)
{
	MDB_val key = {strlen(name), (void *)name}, val;
	unsigned char copy[64];
	MDB_txn *txn;
	MDB_env *env;
	MDB_dbi meta;

	mdb_env_create(&env);
	mdb_env_set_maxdbs(env, 3);
	assert_int_equal(mdb_env_open(env, dir, MDB_NOLOCK, 0600), 0);
	mdb_txn_begin(env, NULL, 0, &txn);
	mdb_dbi_open(txn, "meta", 0, &meta);
	assert_int_equal(mdb_get(txn, meta, &key, &val), 0);
	memcpy(copy, val.mv_data, val.mv_size);
	memcpy(copy + at, bytes, n);
	val.mv_data = copy;
	assert_int_equal(mdb_put(txn, meta, &key, &val, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static void test_other_version(void **state)
{
	db_close();
	tamper("format", 8, "\x07", 1);
	refused(-EINVAL, "has format version 7, expected 1", "--reset");
}

static void test_other_magic(void **state)
{
	db_close();
	tamper("format", 0, "else", 4);
	refused(-EINVAL, "\"sandNCSD\" expected, another found", "--reset");
}

static void test_other_program(void **state)
{
	MDB_val kv = {1, "x"};
	MDB_txn *txn;
	MDB_env *env;
	MDB_dbi dbi;

	db_close();
	dir_remove();
	assert_int_equal(dir_make(), 0);
	mdb_env_create(&env);
	assert_int_equal(mdb_env_open(env, dir, 0, 0600), 0);
	mdb_txn_begin(env, NULL, 0, &txn);
	mdb_dbi_open(txn, NULL, 0, &dbi);
	assert_int_equal(mdb_put(txn, dbi, &kv, &kv, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	refused(-EINVAL, "\"sandNCSD\" expected, none found", "--reset");
}

static void data_truncate(off_t size)
{
	char path[160];

	dir_file(path, sizeof(path), "data.mdb");
	assert_int_equal(truncate(path, size), 0);
}

static void test_truncated(void **state)
{
	for (int i = 0; i < 100; i++)
		put("/a", "1");
	db_close();
	data_truncate(3 * 4096);
	refused(-EINVAL, "data.mdb is truncated: 12288 bytes found", "--reset");
	data_truncate(4096 + 100);
	refused(-EINVAL, "is no LMDB file, or its head is damaged", "--reset");
	data_truncate(0);
	refused(-EINVAL, "is damaged: data.mdb is empty", "--reset");
	refused(-EINVAL, "is damaged: data.mdb is empty", "--reset"); /* nothing was changed */
}

static void test_garbage(void **state)
{
	char path[160], page[4096];
	FILE *file;

	db_close();
	dir_file(path, sizeof(path), "data.mdb");
	memset(page, 'g', sizeof(page));
	file = fopen(path, "w");
	for (int i = 0; i < 8; i++)
		fwrite(page, 1, sizeof(page), file);
	fclose(file);
	refused(-EINVAL, "is no LMDB file", "--reset");
}

static void test_damaged_records(void **state)
{
	put("/a", "1");
	put("/a", "2");
	db_close();
	tamper("revision", 0, "\x01", 1); /* older than a record */
	refused(-EINVAL, "is damaged: a record that cannot be", "--reset");
}

static void test_reset(void **state)
{
	uint64_t epoch = status().store_epoch;

	put("/a", "1");
	db_close();
	data_truncate(0);
	db_open(&(struct ncsdb_conf){.dir = dir, .reset = true});
	assert_int_equal(status().keys, 0);
	assert_int_equal(status().revision, 1);
	assert_true(status().store_epoch != epoch);
	put("/b", "1");
	reopen();
	assert_string_equal(list(""), "/b=1@2");
}

static void test_bad_directories(void **state)
{
	char saved[sizeof(dir)], path[160];

	db_close();
	strcpy(saved, dir);
	strcat(dir, "/no/such");
	refused(-ENOENT, "cannot make the directory: No such file", "");
	strcpy(dir, saved);
	strcat(dir, "/lock"); /* a file */
	refused(-ENOTDIR, "cannot open the directory: Not a directory", "");
	strcpy(dir, saved);
	dir_file(path, sizeof(path), "data.mdb");
	unlink(path);
	mkdir(path, 0700);
	refused(-EINVAL, "must be a regular file", "");
	rmdir(path);
}

static void test_key_limit_on_load(void **state)
{
	struct err err = {0};
	struct ncsdb *none = NULL;

	put("/a", "1");
	put("/b", "1");
	db_close();
	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(
		ncsdb_open(&loop, &(struct ncsdb_conf){.dir = dir, .max_keys = 1}, &none, &err),
		-ENOSPC);
	assert_non_null(strstr(err.want, "more keys than max_keys, 1"));
	uv_loop_close(&loop);
}

/* ---- no space ---- */

static void check_read_only(int64_t lease)
{
	struct ncsdb_op op = op_put("/late", "1");
	struct seen seen = {0};

	assert_true(status().read_only);
	assert_int_equal(ops_sync(&op, 1).status, -EROFS);
	assert_int_equal(grant(0, 60).status, -EROFS);
	assert_int_equal(lease_revoke(lease).status, -EROFS);
	assert_int_equal(keepalive(lease).status, 0);
	assert_string_equal(get("/a"), "/a=1@2");
	watch("/a", 2, &seen);
	settle();
	assert_int_equal(seen.updates, 1);
}

/* Puts until a write fails; returns how many were acknowledged. */
static int fill(int *code)
{
	char key[32], value[1001];
	int n = 0;

	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	for (*code = 0; !*code; n++) {
		struct ncsdb_op op;

		sprintf(key, "/fill/%05d", n);
		op = op_put(key, value);
		*code = ops_sync(&op, 1).status;
	}
	return n - 1;
}

static void test_map_full(void **state)
{
	int code, n;

	db_close();
	db_open(&(struct ncsdb_conf){.dir = dir, .map_size = 256 << 10});
	put("/a", "1");
	grant(7, 60);
	n = fill(&code);
	assert_int_equal(code, -ENOSPC);
	assert_true(n > 20);
	check_read_only(7);
	reopen(); /* with the default size: what was acknowledged, and it can be written */
	assert_false(status().read_only);
	assert_int_equal(range_sync(&(struct ncsdb_range){.key = "/fill/", .prefix = true})->n, n);
	put("/late", "2");
}

/* A real write error: the file may not grow further. */
static void test_file_size_limit(void **state)
{
	struct rlimit old, limit;
	int code, n;

	put("/a", "1");
	grant(7, 60);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = 2 << 20;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	n = fill(&code);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(code, -ENOSPC);
	assert_true(n > 20);
	check_read_only(7);
	reopen();
	assert_int_equal(range_sync(&(struct ncsdb_range){.key = "/fill/", .prefix = true})->n, n);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_everything_is_kept),
		T(test_data_lives_through_the_callback),
		T(test_sizes),
		T(test_history_does_not_survive),
		T(test_leases_are_kept),
		T(test_close_finishes_writes),
		T(test_a_busy_loop_does_not_keep_the_disk_waiting),
		T(test_one_batch_many_versions),
		T(test_large_batch),
		T(test_received_of_another_boot),
		T(test_locked),
		T(test_other_version),
		T(test_other_magic),
		T(test_other_program),
		T(test_truncated),
		T(test_garbage),
		T(test_damaged_records),
		T(test_reset),
		T(test_bad_directories),
		T(test_key_limit_on_load),
		T(test_map_full),
		T(test_file_size_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
