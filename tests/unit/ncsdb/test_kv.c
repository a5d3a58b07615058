/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits of reads, writes and transactions, in memory; what they do: test_conformance.c. */
#include "unit/ncsdb/harness.h"
#include "util/clock.h"

static void test_put_get(void **state)
{
	struct range_answer *a;
	uint64_t before = clock_us();

	assert_int_equal(status().revision, 1);
	assert_int_equal(put("/a", "1"), 2);
	assert_int_equal(put("/a", "2"), 3);
	assert_int_equal(put("/b", ""), 4);
	assert_string_equal(get("/a"), "/a=2@3");
	a = range_sync(&(struct ncsdb_range){.key = "/a"});
	assert_int_equal(a->first.create_rev, 2);
	assert_int_equal(a->first.version, 2);
	assert_int_equal(a->first.value_len, 1);
	assert_int_equal(a->first.lease, 0);
	assert_true(a->first.received_us >= before && a->first.received_us <= clock_us());
	assert_int_equal(a->revision, 4);
	assert_string_equal(get("/b"), "/b=@4");
	assert_string_equal(get("/c"), "");
	assert_int_equal(status().keys, 2);
}

static int try_ops(const struct ncsdb_op *ops, size_t n)
{
	return ncsdb_txn(db, &(struct ncsdb_txn){.then = ops, .n_then = n}, NULL, NULL);
}

static void test_bad_keys(void **state)
{
	char longest[NCSDB_KEY_MAX + 1];
	struct ncsdb_op op = op_put("", "x");
	struct ncsdb_watch *w;
	struct seen seen;

	assert_int_equal(try_ops(&op, 1), -EINVAL);
	op.key = NULL;
	assert_int_equal(try_ops(&op, 1), -EINVAL);
	op.key = "a\nb";
	assert_int_equal(try_ops(&op, 1), -EINVAL);
	op.key = "a\xff";
	assert_int_equal(try_ops(&op, 1), -EINVAL);
	memset(longest, 'k', sizeof(longest));
	longest[NCSDB_KEY_MAX] = '\0';
	op.key = longest;
	assert_int_equal(try_ops(&op, 1), -EINVAL);
	assert_int_equal(
		ncsdb_range(db, &(struct ncsdb_range){.key = longest}, on_range_answer, NULL),
		-EINVAL);
	assert_int_equal(ncsdb_watch(db, longest, 0, on_seen, &seen, &w), -EINVAL);
	longest[NCSDB_KEY_MAX - 1] = '\0';
	put(longest, "x");
	op = op_del_prefix("");
	assert_int_equal(try_ops(&op, 1), -EINVAL);
	assert_int_equal(status().keys, 1);
}

static void test_bad_reads(void **state)
{
	struct ncsdb_watch *w;
	struct seen seen;

	assert_int_equal(ncsdb_range(db, &(struct ncsdb_range){.key = ""}, on_range_answer, NULL),
			 -EINVAL);
	assert_int_equal(ncsdb_range(db, &(struct ncsdb_range){.key = "a", .end = ""},
				     on_range_answer, NULL),
			 -EINVAL);
	assert_int_equal(ncsdb_range(db, &(struct ncsdb_range){.key = "a"}, NULL, NULL), -EINVAL);
	assert_int_equal(ncsdb_watch(db, "a", -1, on_seen, &seen, &w), -EINVAL);
	assert_int_equal(ncsdb_watch(db, "a", 0, NULL, &seen, &w), -EINVAL);
}

static void test_bad_operations(void **state)
{
	struct ncsdb_op twice[] = {op_put("/a", "1"), op_del("/a")};
	struct ncsdb_op under[] = {op_put("/a/b", "1"), op_del_prefix("/a/")};
	struct ncsdb_op op = op_put("/a", "1");
	struct ncsdb_cmp cmp = {"/a", 4, NCSDB_EQ, 0};
	struct ncsdb_txn txn = {.cmps = &cmp, .n_cmps = 1};

	assert_int_equal(try_ops(twice, 2), -EINVAL);
	assert_int_equal(try_ops(under, 2), -EINVAL);
	op.type = 3;
	assert_int_equal(try_ops(&op, 1), -EINVAL);
	op = op_put("/a", "1");
	op.lease = -1;
	assert_int_equal(try_ops(&op, 1), -EINVAL);
	op.lease = 0;
	op.value = NULL;
	assert_int_equal(try_ops(&op, 1), -EINVAL);
	op = op_del("/a");
	op.lease = 1;
	assert_int_equal(try_ops(&op, 1), -EINVAL);
	assert_int_equal(ncsdb_txn(db, &txn, NULL, NULL), -EINVAL);
	cmp.field = NCSDB_CMP_LEASE;
	cmp.op = 4;
	assert_int_equal(ncsdb_txn(db, &txn, NULL, NULL), -EINVAL);
	cmp = (struct ncsdb_cmp){"", NCSDB_CMP_LEASE, NCSDB_EQ, 0};
	assert_int_equal(ncsdb_txn(db, &txn, NULL, NULL), -EINVAL);
	settle();
	assert_int_equal(status().revision, 1);
}

static void test_value_limit(void **state)
{
	char *value = malloc(NCSDB_VALUE_MAX + 1);
	struct ncsdb_op op = {NCSDB_PUT, "/a", value, NCSDB_VALUE_MAX, 0};

	memset(value, 'v', NCSDB_VALUE_MAX + 1);
	assert_int_equal(ops_sync(&op, 1).status, 0);
	op.value_len++;
	assert_int_equal(try_ops(&op, 1), -EINVAL);
	free(value);
}

static void test_txn_limit(void **state)
{
	struct ncsdb_op ops[NCSDB_TXN_MAX + 1];
	struct ncsdb_cmp cmps[NCSDB_TXN_MAX + 1];
	struct ncsdb_txn txn = {.cmps = cmps, .then = ops, .orelse = ops};
	char keys[NCSDB_TXN_MAX + 1][16];

	for (int i = 0; i <= NCSDB_TXN_MAX; i++) {
		sprintf(keys[i], "/k/%d", i);
		ops[i] = op_put(keys[i], "v");
		cmps[i] = (struct ncsdb_cmp){keys[i], NCSDB_CMP_VERSION, NCSDB_EQ, 0};
	}
	txn.n_cmps = NCSDB_TXN_MAX + 1;
	assert_int_equal(ncsdb_txn(db, &txn, NULL, NULL), -EINVAL);
	txn.n_cmps = NCSDB_TXN_MAX;
	txn.n_then = NCSDB_TXN_MAX + 1;
	assert_int_equal(ncsdb_txn(db, &txn, NULL, NULL), -EINVAL);
	txn.n_then = NCSDB_TXN_MAX;
	txn.n_orelse = NCSDB_TXN_MAX + 1;
	assert_int_equal(ncsdb_txn(db, &txn, NULL, NULL), -EINVAL);
	txn.n_orelse = 0;
	assert_int_equal(txn_sync(&txn).status, 0);
	assert_int_equal(status().keys, NCSDB_TXN_MAX);
	assert_int_equal(status().revision, 2);
}

static void test_key_limit(void **state)
{
	struct ncsdb_op two[] = {op_put("/a", "1"), op_put("/c", "2")};
	struct ncsdb_txn_result res;

	db_close();
	db_open(&(struct ncsdb_conf){.max_keys = 2});
	put("/a", "1");
	put("/b", "1");
	res = ops_sync(two, 2);
	assert_int_equal(res.status, -ENOSPC);
	assert_int_equal(res.revision, 3);
	assert_string_equal(list(""), "/a=1@2 /b=1@3");
	assert_false(status().read_only);
	put("/a", "2"); /* replacing needs no room */
	del("/b");
	assert_int_equal(ops_sync(two, 2).status, 0);
	assert_string_equal(list(""), "/a=1@6 /c=2@6");
}

static void on_range_count(void *arg, const struct ncsdb_range_result *res)
{
	(*(size_t *)arg)++;
}

static void test_request_limit(void **state)
{
	struct ncsdb_range req = {.key = "/a"};
	size_t answers = 0;

	for (size_t i = 0; i < NCSDB_PENDING_MAX; i++)
		assert_int_equal(ncsdb_range(db, &req, on_range_count, &answers), 0);
	assert_int_equal(ncsdb_range(db, &req, on_range_count, &answers), -EAGAIN);
	assert_int_equal(put_quietly("/a", "1"), -EAGAIN);
	settle();
	assert_int_equal(answers, NCSDB_PENDING_MAX);
	assert_int_equal(put_quietly("/a", "1"), 0);
}

static void test_byte_limit(void **state)
{
	char *value = calloc(1, NCSDB_VALUE_MAX);
	struct ncsdb_op op = {NCSDB_PUT, "/a", value, NCSDB_VALUE_MAX, 0};
	int n = 0;

	while (try_ops(&op, 1) == 0)
		n++;
	assert_int_equal(n, NCSDB_PENDING_BYTES_MAX / NCSDB_VALUE_MAX);
	assert_int_equal(try_ops(&op, 1), -EAGAIN);
	settle();
	assert_int_equal(try_ops(&op, 1), 0);
	free(value);
}

#define T(name) cmocka_unit_test_setup_teardown(name, memory_setup, memory_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_put_get),	T(test_bad_keys),      T(test_bad_reads),
		T(test_bad_operations), T(test_value_limit),   T(test_txn_limit),
		T(test_key_limit),	T(test_request_limit), T(test_byte_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
