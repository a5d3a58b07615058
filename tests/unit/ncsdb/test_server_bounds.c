/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The embedded server: what one request may cost, and what is left for the process itself. */
#include "unit/ncsdb/served.h"

#include "ncsdb/serve_int.h"

static const char *const too_large =
	"ncsdb: the answer would be larger than 8 MiB, ask with a limit";

/* ---- work ---- */

#define VERSIONS 65000

static void put_versions(void)
{
	struct ncsdb_op op = {NCSDB_PUT, "/a", "1", 1, 0};
	struct ncsdb_txn txn = {.then = &op, .n_then = 1};

	for (int i = 0; i < VERSIONS; i++)
		assert_int_equal(ncsdb_txn(db, &txn, NULL, NULL), 0);
}

/* The past is a chain: 128 looks at its other end in one request are too many, 32 are not. */
static void test_steps(void **state)
{
	Etcdserverpb__RequestOp op = ETCDSERVERPB__REQUEST_OP__INIT, *ops[NCSDB_TXN_MAX];
	Etcdserverpb__TxnRequest txn = ETCDSERVERPB__TXN_REQUEST__INIT;
	Etcdserverpb__RangeRequest past = range_of("/a", "");

	put_versions();
	past.revision = 2;
	op.request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_RANGE;
	op.request_range = &past;
	for (int i = 0; i < NCSDB_TXN_MAX; i++)
		ops[i] = &op;
	txn.success = ops;
	txn.n_success = NCSDB_TXN_MAX;
	assert_refused(wire_ask(&w, &call, "KV/Txn", &txn, DESC(txn_response)),
		       GRPC_RESOURCE_EXHAUSTED,
		       "ncsdb: the request looks at more than 8388608 versions of keys, ask for "
		       "less");
	txn.n_success = 32;
	wire_free(wire_ask(&w, &call, "KV/Txn", &txn, DESC(txn_response)));
	assert_int_equal(call.status, GRPC_OK);
}

/* As many looks by counts of a range in the past. */
static void test_count_steps(void **state)
{
	Etcdserverpb__RequestOp op = ETCDSERVERPB__REQUEST_OP__INIT, *ops[NCSDB_TXN_MAX];
	Etcdserverpb__TxnRequest txn = ETCDSERVERPB__TXN_REQUEST__INIT;
	Etcdserverpb__RangeRequest past = range_of("/", "0");

	put_versions();
	past.revision = 2;
	past.count_only = true;
	op.request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_RANGE;
	op.request_range = &past;
	for (int i = 0; i < NCSDB_TXN_MAX; i++)
		ops[i] = &op;
	txn.success = ops;
	txn.n_success = NCSDB_TXN_MAX;
	wire_free(wire_ask(&w, &call, "KV/Txn", &txn, DESC(txn_response)));
	assert_int_equal(call.status, GRPC_OK); /* 128 * 64,999: just below */
	put_versions();
	past.revision = local_of(db)->store.revision - VERSIONS - 500;
	wire_free(wire_ask(&w, &call, "KV/Txn", &txn, DESC(txn_response)));
	assert_int_equal(call.status, GRPC_OK);
	past.count_only = false;
	assert_null(wire_ask(&w, &call, "KV/Txn", &txn, DESC(txn_response)));
	assert_int_equal(call.status, GRPC_RESOURCE_EXHAUSTED);
}

static void put_pair(int i, char value[16])
{
	char key[16];

	snprintf(key, sizeof(key), "/%03d", i);
	snprintf(value, 16, "%03d", i * 37 % 100);
	put(key, value);
}

/* A limit behind a sort: the same as the beginning of all. */
static void test_sorted_limit(void **state)
{
	static char whole[8300];
	Etcdserverpb__RangeRequest req = range_of("/", "0");

	for (int i = 0; i < 200; i++) {
		char value[16];

		put_pair(i, value);
	}
	req.sort_target = ETCDSERVERPB__RANGE_REQUEST__SORT_TARGET__VALUE;
	for (int order = 1; order <= 2; order++) {
		req.sort_order = (Etcdserverpb__RangeRequest__SortOrder)order;
		req.limit = 0;
		snprintf(whole, sizeof(whole), "%s", ranged(&req));
		for (req.limit = 1; req.limit <= 200; req.limit += 33) {
			const char *text = ranged(&req);
			const char *end = strstr(text, " ...");

			assert_non_null(end);
			assert_memory_equal(text, whole, (size_t)(end - text));
		}
		req.limit = 200;
		assert_string_equal(ranged(&req), whole);
	}
}

static void test_large_delete(void **state)
{
	Etcdserverpb__DeleteRangeRequest req = ETCDSERVERPB__DELETE_RANGE_REQUEST__INIT;
	char *value = calloc(1, NCSDB_VALUE_MAX), key[16];

	for (int i = 0; i < 8; i++) {
		struct ncsdb_op op = {NCSDB_PUT, key, value, NCSDB_VALUE_MAX, 0};

		sprintf(key, "/%d", i);
		assert_int_equal(ops_sync(&op, 1).status, 0);
	}
	free(value);
	req.key = wire_bytes("/");
	req.range_end = wire_bytes("0");
	req.prev_kv = true;
	assert_refused(wire_ask(&w, &call, "KV/DeleteRange", &req, DESC(delete_range_response)),
		       GRPC_RESOURCE_EXHAUSTED, too_large);
	assert_int_equal(status().keys, 8);
	req.prev_kv = false;
	wire_free(wire_ask(&w, &call, "KV/DeleteRange", &req, DESC(delete_range_response)));
	assert_int_equal(status().keys, 0);
}

/* ---- watches ---- */

/* Why it was not made, or "". */
static const char *create(struct wire_call *stream, const Etcdserverpb__WatchCreateRequest *c)
{
	Etcdserverpb__WatchRequest req = ETCDSERVERPB__WATCH_REQUEST__INIT;
	Etcdserverpb__WatchResponse *res;
	static char reason[128];

	req.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST;
	req.create_request = (Etcdserverpb__WatchCreateRequest *)c;
	assert_int_equal(wire_send(stream, &req, false), 0);
	res = wire_next(&w, stream, DESC(watch_response));
	assert_non_null(res);
	assert_int_equal(res->canceled, *res->cancel_reason != '\0');
	snprintf(reason, sizeof(reason), "%s", res->cancel_reason);
	wire_free(res);
	return reason;
}

static void test_watch_keys(void **state)
{
	static const char *const long_key = "ncsdb: key and range_end must be of at most 512 bytes";
	Etcdserverpb__WatchCreateRequest c = ETCDSERVERPB__WATCH_CREATE_REQUEST__INIT;
	static char text[NCSDB_KEY_MAX + 1];
	struct wire_call stream = {0};

	memset(text, 'x', sizeof(text));
	assert_int_equal(wire_start(&w, &stream, "Watch/Watch"), 0);
	c.key = bytes_of(text, sizeof(text));
	assert_string_equal(create(&stream, &c), long_key);
	c.key = wire_bytes("/a");
	c.range_end = bytes_of(text, sizeof(text));
	assert_string_equal(create(&stream, &c), long_key);
	c.range_end.len--;
	assert_string_equal(create(&stream, &c), "");
	c.watch_id = -1;
	assert_string_equal(create(&stream, &c), "ncsdb: watch_id must be 0 (chosen) or positive");
	assert_int_equal(stats().watches, 1);
	grpc_call_cancel(stream.call);
}

/* ---- a quarter is for the process itself ---- */

static void test_clients_watches(void **state)
{
	Etcdserverpb__WatchCreateRequest c = ETCDSERVERPB__WATCH_CREATE_REQUEST__INIT;
	struct wire_call streams[4] = {0};
	struct seen seen = {0};

	c.key = wire_bytes("/a");
	for (int i = 0; i < 4; i++)
		assert_int_equal(wire_start(&w, &streams[i], "Watch/Watch"), 0);
	for (int i = 0; i < 3 * NCSDB_STREAM_WATCHES_MAX; i++)
		assert_string_equal(create(&streams[i % 3], &c), "");
	assert_string_equal(create(&streams[3], &c),
			    "ncsdb: clients have 3072 watches, no more are made");
	for (int i = 0; i < NCSDB_WATCHES_MAX / 4; i++)
		watch("/", 0, &seen);
	for (int i = 0; i < 4; i++)
		grpc_call_cancel(streams[i].call);
}

static void put_refused(const char *key, const char *value, const char *text)
{
	Etcdserverpb__PutRequest req = ETCDSERVERPB__PUT_REQUEST__INIT;

	req.key = wire_bytes(key);
	req.value = wire_bytes(value);
	assert_refused(ask_put(&req), GRPC_RESOURCE_EXHAUSTED, text);
}

static void test_clients_keys(void **state)
{
	const char *full = "etcdserver: mvcc: database space exceeded";

	served_open(&(struct ncsdb_conf){.max_keys = 4});
	wput("/a", "1");
	wput("/b", "1");
	wput("/c", "1");
	put_refused("/d", "1", full);
	put("/d", "1");
	wput("/d", "2");
	served_close();
}

/* Keys and values count; what makes room always passes. */
static void test_bytes(void **state)
{
	const char *full = "etcdserver: mvcc: database space exceeded";
	struct ncsdb_op op = {NCSDB_PUT, "/b", "0123456789", 10, 0};

	served_open(&(struct ncsdb_conf){.max_bytes = 16});
	wput("/a", "0123456789"); /* 12: the clients' part */
	put_refused("/b", "", full);
	put_refused("/a", "0123456789a", full);
	put("/b", "12"); /* 16 */
	assert_int_equal(ops_sync(&op, 1).status, -ENOSPC);
	assert_int_equal(local_of(db)->store.bytes, 16);
	wput("/a", "1");
	assert_int_equal(local_of(db)->store.bytes, 7);
	wput("/a", "123456");
	op = op_del("/b");
	assert_int_equal(ops_sync(&op, 1).status, 0);
	assert_int_equal(local_of(db)->store.bytes, 8);
	wput("/b", "12");
	assert_int_equal(local_of(db)->store.bytes, 12);
	served_close();
}

static void test_bytes_loaded(void **state)
{
	assert_int_equal(dir_make(), 0);
	served_open(&(struct ncsdb_conf){.dir = dir});
	wput("/a", "123");
	wput("/b", "1");
	served_close();
	served_open(&(struct ncsdb_conf){.dir = dir});
	assert_int_equal(local_of(db)->store.bytes, 8);
	served_close();
	dir_remove();
}

/* Answers of each kind, while too much waits. */
static void refuse_all(void)
{
	static const char *const text = "etcdserver: too many requests";
	Etcdserverpb__LeaseTimeToLiveRequest ttl = ETCDSERVERPB__LEASE_TIME_TO_LIVE_REQUEST__INIT;
	Etcdserverpb__LeaseLeasesRequest leases = ETCDSERVERPB__LEASE_LEASES_REQUEST__INIT;
	Etcdserverpb__LeaseGrantRequest grant = ETCDSERVERPB__LEASE_GRANT_REQUEST__INIT;
	Etcdserverpb__LeaseRevokeRequest revoke = ETCDSERVERPB__LEASE_REVOKE_REQUEST__INIT;
	const struct {
		const char *method;
		const void *request;
	} all[] = {
		{"Lease/LeaseTimeToLive", &ttl},
		{"Lease/LeaseLeases", &leases},
		{"Lease/LeaseGrant", &grant},
		{"Lease/LeaseRevoke", &revoke},
	};

	revoke.id = 7;
	grant.ttl = 10;
	put_refused("/a", "1", text);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_refused(
			wire_ask(&w, &call, all[i].method, all[i].request, DESC(status_response)),
			GRPC_RESOURCE_EXHAUSTED, text);
}

static void test_clients_pending(void **state)
{
	struct local *l = local_of(db);

	l->n_requests += NCSDB_CLIENTS_MAX(NCSDB_PENDING_MAX);
	refuse_all();
	put("/a", "1"); /* this process */
	l->n_requests -= NCSDB_CLIENTS_MAX(NCSDB_PENDING_MAX);
	wput("/a", "1");
}

static void test_waiting(void **state)
{
	server->waiting_bytes += SERVE_WAITING_MAX + 1;
	refuse_all();
	server->waiting_bytes -= SERVE_WAITING_MAX + 1;
	wput("/a", "1");
}

#define T(f) cmocka_unit_test_setup_teardown(f, served_setup, served_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_steps),
		T(test_count_steps),
		T(test_sorted_limit),
		T(test_large_delete),
		T(test_watch_keys),
		T(test_clients_watches),
		cmocka_unit_test(test_clients_keys),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_bytes_loaded),
		T(test_clients_pending),
		T(test_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
