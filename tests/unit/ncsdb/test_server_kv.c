/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The embedded server: Range, Put, DeleteRange, Txn, Compact, over a real connection. */
#include "unit/ncsdb/served.h"

/* ---- Range ---- */

static void test_put_and_range(void **state)
{
	Etcdserverpb__RangeRequest req = range_of("/a", "");
	Etcdserverpb__RangeResponse *res;

	assert_int_equal(wput("/a", "1"), 2);
	assert_int_equal(wput("/b", "2"), 3);
	assert_int_equal(wput("/a", "3"), 4);
	assert_string_equal(get("/a"), "/a=3@4"); /* in process, too */
	res = ask_range(&req);
	assert_string_equal(range_text(res), "/a=3@4");
	assert_int_equal(res->kvs[0]->create_revision, 2);
	assert_int_equal(res->kvs[0]->version, 2);
	assert_int_equal(res->header->revision, 4);
	assert_int_equal(res->header->raft_term, 1);
	assert_true(res->header->cluster_id && res->header->member_id);
	wire_free(res);
	assert_string_equal(wget("/none"), "");
}

static void test_range_bounds(void **state)
{
	Etcdserverpb__RangeRequest req = range_of("/a", "/c");

	put("/a", "1");
	put("/a/b", "2");
	put("/b", "3");
	put("/c", "4");
	assert_string_equal(ranged(&req), "/a=1@2 /a/b=2@3 /b=3@4");
	req.range_end = bytes_of("", 1); /* from /a on */
	assert_string_equal(ranged(&req), "/a=1@2 /a/b=2@3 /b=3@4 /c=4@5");
	req.key = bytes_of("", 1); /* all */
	assert_string_equal(ranged(&req), "/a=1@2 /a/b=2@3 /b=3@4 /c=4@5");
	req.key = bytes_of("/a\0x", 4); /* behind /a */
	assert_string_equal(ranged(&req), "/a/b=2@3 /b=3@4 /c=4@5");
	req.range_end = bytes_of("/c\0", 3); /* with /c */
	assert_string_equal(ranged(&req), "/a/b=2@3 /b=3@4 /c=4@5");
	req.range_end = bytes_of("/b\xff", 3);
	assert_string_equal(ranged(&req), "/a/b=2@3 /b=3@4");
	req = range_of("/c", "/a");
	assert_string_equal(ranged(&req), "");
	req = range_of("/a", "");
	req.key = bytes_of("/a\0", 3); /* no key can be this */
	assert_string_equal(ranged(&req), "");
	req.key = bytes_of("", 0);
	assert_refused(ask_range(&req), GRPC_INVALID_ARGUMENT, "etcdserver: key is not provided");
}

static void test_range_options(void **state)
{
	Etcdserverpb__RangeRequest req = range_of("/", "0");

	put("/a", "9");
	put("/b", "5");
	put("/c", "7");
	put("/a", "8");
	req.limit = 2;
	assert_string_equal(ranged(&req), "/a=8@5 /b=5@3 ... /3");
	req.limit = 3;
	assert_string_equal(ranged(&req), "/a=8@5 /b=5@3 /c=7@4");
	req.limit = 0;
	req.keys_only = true;
	assert_string_equal(ranged(&req), "/a=@5 /b=@3 /c=@4");
	req.keys_only = false;
	req.count_only = true;
	assert_string_equal(ranged(&req), " /3");
	req.count_only = false;
	req.min_mod_revision = 4;
	assert_string_equal(ranged(&req), "/a=8@5 /c=7@4 /3");
	req.max_mod_revision = 4;
	assert_string_equal(ranged(&req), "/c=7@4 /3");
	req.min_mod_revision = req.max_mod_revision = 0;
	req.max_create_revision = 3;
	req.limit = 1;
	assert_string_equal(ranged(&req), "/a=8@5 ... /3");
	req.min_create_revision = 3;
	assert_string_equal(ranged(&req), "/b=5@3 /3");
}

static void test_range_sorts(void **state)
{
	static const struct {
		int target, order;
		const char *want;
	} cases[] = {
		{0, 2, "/c=7@4 /b=5@3 /a=8@5"}, {0, 1, "/a=8@5 /b=5@3 /c=7@4"},
		{1, 2, "/a=8@5 /b=5@3 /c=7@4"}, {2, 2, "/c=7@4 /b=5@3 /a=8@5"},
		{3, 0, "/b=5@3 /c=7@4 /a=8@5"}, {4, 1, "/b=5@3 /c=7@4 /a=8@5"},
		{4, 2, "/a=8@5 /c=7@4 /b=5@3"},
	};
	Etcdserverpb__RangeRequest req = range_of("/", "0");

	put("/a", "9");
	put("/b", "5");
	put("/c", "7");
	put("/a", "8");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		req.sort_target = (Etcdserverpb__RangeRequest__SortTarget)cases[i].target;
		req.sort_order = (Etcdserverpb__RangeRequest__SortOrder)cases[i].order;
		assert_string_equal(ranged(&req), cases[i].want);
	}
	req.limit = 1;
	assert_string_equal(ranged(&req), "/a=8@5 ... /3");
}

static const char *at(int64_t revision)
{
	Etcdserverpb__RangeRequest req = range_of("/", "0");

	req.revision = revision;
	return ranged(&req);
}

static void test_the_past(void **state)
{
	Etcdserverpb__RangeRequest req = range_of("/b", "");

	put("/a", "1"); /* 2 */
	put("/b", "2");
	put("/a", "3");
	del("/b"); /* 5 */
	put("/c", "4");
	put("/b", "5"); /* 7 */
	del("/a");
	assert_string_equal(at(1), "");
	assert_string_equal(at(2), "/a=1@2");
	assert_string_equal(at(3), "/a=1@2 /b=2@3");
	assert_string_equal(at(4), "/a=3@4 /b=2@3");
	assert_string_equal(at(5), "/a=3@4");
	assert_string_equal(at(6), "/a=3@4 /c=4@6");
	assert_string_equal(at(7), "/a=3@4 /b=5@7 /c=4@6");
	assert_string_equal(at(8), "/b=5@7 /c=4@6");
	assert_string_equal(at(9), "etcdserver: mvcc: required revision is a future revision");
	req.revision = 4;
	assert_string_equal(ranged(&req), "/b=2@3");
	req.revision = 6;
	assert_string_equal(ranged(&req), "");
	assert_int_equal(ncsdb_compact(db, 5), 0);
	assert_string_equal(at(4), "etcdserver: mvcc: required revision has been compacted");
	assert_string_equal(at(5), "/a=3@4");
	assert_string_equal(at(8), "/b=5@7 /c=4@6");
}

/* In process, as of a revision, in pages. */
static void test_the_past_in_process(void **state)
{
	struct ncsdb_range req = {.key = "/", .prefix = true, .revision = 4, .limit = 2};

	put("/a", "1");
	put("/b", "2");
	put("/c", "3"); /* 4 */
	put("/a", "4");
	del("/b");
	assert_string_equal(range_sync(&req)->text, "/a=1@2 /b=2@3 ...");
	req = (struct ncsdb_range){.key = "/b", .end = "/z", .revision = 4};
	assert_string_equal(range_sync(&req)->text, "/b=2@3 /c=3@4");
	req.revision = 7;
	assert_int_equal(ncsdb_range(db, &req, on_range_answer, NULL), -EINVAL);
}

/* ---- any past, after any writes and compactions ---- */

#define PAST 3000
static char *past[PAST + 200];

static void random_ops(void)
{
	static char keys[3][16];
	struct ncsdb_op ops[3];
	int first = rand() % 10, n = 1 + rand() % 3;

	for (int i = 0; i < n; i++) {
		sprintf(keys[i], "/%d", (first + i) % 10);
		ops[i] = rand() % 3 ? op_put(keys[i], "v") : op_del(keys[i]);
	}
	if (rand() % 30 == 0) {
		ops[0] = op_del_prefix("/");
		n = 1;
	} else if (rand() % 10 == 0) {
		ops[n - 1] = op_put(keys[n - 1], "v");
		ops[n - 1].lease = 99; /* there is none: all is undone */
	}
	ops_sync(ops, (size_t)n);
}

static void check_count(int64_t revision)
{
	Etcdserverpb__RangeRequest req = range_of("/3", "/8");
	Etcdserverpb__RangeResponse *count, *all;

	req.revision = revision;
	all = ask_range(&req);
	req.count_only = true;
	count = ask_range(&req);
	assert_int_equal(all->count, all->n_kvs);
	assert_int_equal(count->count, all->n_kvs);
	wire_free(all);
	wire_free(count);
}

static void test_random_past(void **state)
{
	srand(3);
	while (status().revision < PAST) {
		int64_t now = status().revision, floor = status().compacted, any;

		free(past[now]);
		past[now] = strdup(list("/"));
		if (rand() % 50 == 0 && now > floor)
			ncsdb_compact(db, now - rand() % (now - floor));
		floor = status().compacted;
		any = floor + rand() % (now - floor + 1);
		if (any > 0) {
			assert_string_equal(at(any), past[any]);
			check_count(any);
		}
		random_ops();
	}
	for (int i = 0; i < PAST + 200; i++)
		free(past[i]);
}

/* ---- Put, DeleteRange ---- */

static void test_put_options(void **state)
{
	Etcdserverpb__PutRequest req = ETCDSERVERPB__PUT_REQUEST__INIT;
	Etcdserverpb__PutResponse *res;

	assert_int_equal(grant(7, 60).status, 0);
	req.key = wire_bytes("/a");
	req.ignore_value = true;
	assert_refused(ask_put(&req), GRPC_INVALID_ARGUMENT, "etcdserver: key not found");
	put_lease("/a", "1", 7);
	req.prev_kv = true;
	req.ignore_lease = true;
	res = ask_put(&req);
	assert_string_equal(kvs_text(&res->prev_kv, 1), "/a=1@2");
	assert_int_equal(res->prev_kv->lease, 7);
	wire_free(res);
	assert_string_equal(get("/a"), "/a=1@3");
	assert_int_equal(range_sync(&(struct ncsdb_range){.key = "/a"})->first.lease, 7);
	req.lease = 7;
	assert_refused(ask_put(&req), GRPC_INVALID_ARGUMENT, "etcdserver: lease is provided");
	req.value = wire_bytes("x");
	assert_refused(ask_put(&req), GRPC_INVALID_ARGUMENT, "etcdserver: value is provided");
	req.ignore_value = req.ignore_lease = false;
	req.lease = 8;
	assert_refused(ask_put(&req), GRPC_NOT_FOUND, "etcdserver: requested lease not found");
	assert_int_equal(status().revision, 3);
}

static void test_bad_keys(void **state)
{
	static char large[NCSDB_VALUE_MAX + 1];
	const char *text = "ncsdb: key must be UTF-8 text without control characters of at most "
			   "511 bytes";
	Etcdserverpb__PutRequest req = ETCDSERVERPB__PUT_REQUEST__INIT;
	char key[NCSDB_KEY_MAX];

	assert_refused(ask_put(&req), GRPC_INVALID_ARGUMENT, "etcdserver: key is not provided");
	req.key = wire_bytes("/a\n");
	assert_refused(ask_put(&req), GRPC_INVALID_ARGUMENT, text);
	req.key = wire_bytes("/\xff");
	assert_refused(ask_put(&req), GRPC_INVALID_ARGUMENT, text);
	req.key = bytes_of("/a\0b", 4);
	assert_refused(ask_put(&req), GRPC_INVALID_ARGUMENT, text);
	memset(key, 'k', sizeof(key));
	req.key = bytes_of(key, NCSDB_KEY_MAX);
	assert_refused(ask_put(&req), GRPC_INVALID_ARGUMENT, text);
	req.key.len--;
	wire_free(ask_put(&req));
	assert_int_equal(call.status, GRPC_OK);
	req.value = bytes_of(large, sizeof(large));
	assert_refused(ask_put(&req), GRPC_INVALID_ARGUMENT, "etcdserver: request is too large");
	req.value.len--;
	wire_free(ask_put(&req));
	assert_int_equal(call.status, GRPC_OK);
	assert_int_equal(status().revision, 3);
}

static void test_delete_range(void **state)
{
	Etcdserverpb__DeleteRangeRequest req = ETCDSERVERPB__DELETE_RANGE_REQUEST__INIT;
	Etcdserverpb__DeleteRangeResponse *res;

	put("/a", "1");
	put("/b", "2");
	put("/c", "3");
	assert_refused(wire_ask(&w, &call, "KV/DeleteRange", &req, DESC(delete_range_response)),
		       GRPC_INVALID_ARGUMENT, "etcdserver: key is not provided");
	req.key = wire_bytes("/a");
	req.range_end = wire_bytes("/c");
	req.prev_kv = true;
	res = wire_ask(&w, &call, "KV/DeleteRange", &req, DESC(delete_range_response));
	assert_int_equal(res->deleted, 2);
	assert_int_equal(res->header->revision, 5);
	assert_string_equal(kvs_text(res->prev_kvs, res->n_prev_kvs), "/a=1@2 /b=2@3");
	wire_free(res);
	res = wire_ask(&w, &call, "KV/DeleteRange", &req, DESC(delete_range_response));
	assert_int_equal(res->deleted, 0);
	assert_int_equal(res->header->revision, 5); /* nothing changed */
	wire_free(res);
	assert_string_equal(list("/"), "/c=3@4");
}

/* ---- Compact ---- */

static void compact(int64_t revision, const char *text)
{
	Etcdserverpb__CompactionRequest req = ETCDSERVERPB__COMPACTION_REQUEST__INIT;
	void *res;

	req.revision = revision;
	res = wire_ask(&w, &call, "KV/Compact", &req, DESC(compaction_response));
	assert_string_equal(call.text, text);
	assert_true((res == NULL) == (*text != '\0'));
	wire_free(res);
}

static void test_compact(void **state)
{
	put("/a", "1");
	put("/a", "2");
	compact(4, "etcdserver: mvcc: required revision is a future revision");
	compact(2, "");
	compact(2, "etcdserver: mvcc: required revision has been compacted");
	compact(3, "");
	assert_int_equal(status().compacted, 3);
	assert_string_equal(wget("/a"), "/a=2@3");
}

#define T(f) cmocka_unit_test_setup_teardown(f, served_setup, served_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_put_and_range), T(test_range_bounds), T(test_range_options),
		T(test_range_sorts),   T(test_the_past),     T(test_the_past_in_process),
		T(test_random_past),   T(test_put_options),  T(test_bad_keys),
		T(test_delete_range),  T(test_compact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
