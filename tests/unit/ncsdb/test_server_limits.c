/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The embedded server: leases, what it does not do, and everything that has a limit. */
#include "unit/ncsdb/served.h"

/* ---- leases ---- */

/* The ID, or 0. */
static int64_t wgrant(int64_t id, int64_t ttl)
{
	Etcdserverpb__LeaseGrantRequest req = ETCDSERVERPB__LEASE_GRANT_REQUEST__INIT;
	Etcdserverpb__LeaseGrantResponse *res;

	req.id = id;
	req.ttl = ttl;
	res = wire_ask(&w, &call, "Lease/LeaseGrant", &req, DESC(lease_grant_response));
	if (!res)
		return 0;
	id = res->id;
	assert_int_equal(res->ttl, ttl < 2 ? 2 : ttl);
	wire_free(res);
	return id;
}

static const char *wrevoke(int64_t id)
{
	Etcdserverpb__LeaseRevokeRequest req = ETCDSERVERPB__LEASE_REVOKE_REQUEST__INIT;

	req.id = id;
	wire_free(wire_ask(&w, &call, "Lease/LeaseRevoke", &req, DESC(lease_revoke_response)));
	return call.text;
}

/* "TTL/granted: keys" */
static const char *time_to_live(int64_t id)
{
	Etcdserverpb__LeaseTimeToLiveRequest req = ETCDSERVERPB__LEASE_TIME_TO_LIVE_REQUEST__INIT;
	Etcdserverpb__LeaseTimeToLiveResponse *res;
	static char text[256];
	int at;

	req.id = id;
	req.keys = true;
	res = wire_ask(&w, &call, "Lease/LeaseTimeToLive", &req, DESC(lease_time_to_live_response));
	at = sprintf(text, "%s/%lld:",
		     res->ttl > 0   ? "lives"
		     : res->ttl < 0 ? "-1"
				    : "0",
		     (long long)res->grantedttl);
	for (size_t i = 0; i < res->n_keys; i++)
		at += sprintf(text + at, " %.*s", (int)res->keys[i].len,
			      (const char *)res->keys[i].data);
	wire_free(res);
	return text;
}

static void test_leases(void **state)
{
	Etcdserverpb__LeaseLeasesRequest list_req = ETCDSERVERPB__LEASE_LEASES_REQUEST__INIT;
	Etcdserverpb__LeaseLeasesResponse *all;
	int64_t chosen = wgrant(0, 100);

	assert_true(chosen > 0);
	assert_int_equal(wgrant(7, 10), 7);
	assert_int_equal(wgrant(7, 10), 0);
	assert_string_equal(call.text, "etcdserver: lease already exists");
	assert_int_equal(wgrant(8, 0), 8); /* raised to 2 */
	put_lease("/b", "1", 7);
	put_lease("/a", "1", 7);
	assert_string_equal(time_to_live(7), "lives/10: /a /b");
	assert_string_equal(time_to_live(9), "-1/0:");
	all = wire_ask(&w, &call, "Lease/LeaseLeases", &list_req, DESC(lease_leases_response));
	assert_int_equal(all->n_leases, 3);
	assert_int_equal(all->leases[0]->id, 8); /* ends first */
	assert_int_equal(all->leases[2]->id, chosen);
	wire_free(all);
	assert_string_equal(wrevoke(7), "");
	assert_string_equal(list("/"), "");
	assert_string_equal(wrevoke(7), "etcdserver: requested lease not found");
	assert_int_equal(call.status, GRPC_NOT_FOUND);
}

/* Keys of a lease end in their order, in one revision. */
static void test_revoke_order(void **state)
{
	struct seen seen = {0};

	assert_int_equal(wgrant(7, 10), 7);
	put_lease("/b", "1", 7);
	put_lease("/c", "1", 7);
	put_lease("/a", "1", 7);
	watch("", 0, &seen);
	wrevoke(7);
	while (!seen.updates)
		uv_run(&loop, UV_RUN_ONCE);
	assert_string_equal(seen.text, "[5 -/a -/b -/c]");
}

static void test_keepalive(void **state)
{
	Etcdserverpb__LeaseKeepAliveRequest req = ETCDSERVERPB__LEASE_KEEP_ALIVE_REQUEST__INIT;
	static const int64_t ids[] = {7, 9, 7, -3};
	struct wire_call stream = {0};

	assert_int_equal(wgrant(7, 10), 7);
	assert_int_equal(wire_start(&w, &stream, "Lease/LeaseKeepAlive"), 0);
	for (int i = 0; i < 4; i++) {
		req.id = ids[i];
		assert_int_equal(wire_send(&stream, &req, i == 3), 0);
	}
	for (int i = 0; i < 4; i++) {
		Etcdserverpb__LeaseKeepAliveResponse *res =
			wire_next(&w, &stream, DESC(lease_keep_alive_response));

		assert_int_equal(res->id, ids[i]);
		assert_int_equal(res->ttl, res->id == 7 ? 10 : 0); /* 0: unknown */
		wire_free(res);
	}
	wire_wait(&w, &stream.done);
	assert_int_equal(stream.status, GRPC_OK); /* the client was done */
}

static void test_bad_leases(void **state)
{
	assert_int_equal(wgrant(-1, 10), 0);
	assert_string_equal(call.text, "ncsdb: lease ID must be 0 (chosen) or positive");
	assert_int_equal(wgrant(0, NCSDB_LEASE_TTL_MAX_S + 1), 0);
	assert_string_equal(call.text, "etcdserver: too large lease TTL");
	assert_int_equal(call.status, GRPC_OUT_OF_RANGE);
}

static void on_nothing(void *arg, int rc, int64_t id, unsigned int ttl_s)
{
}

static void test_many_leases(void **state)
{
	int n = NCSDB_CLIENTS_MAX(NCSDB_LEASES_MAX);

	for (int i = 1; i < n; i++)
		assert_int_equal(ncsdb_lease_grant(db, i, 100, on_nothing, NULL), 0);
	assert_int_equal(wgrant(n, 10), n);
	assert_int_equal(wgrant(0, 10), 0);
	assert_string_equal(call.text, "ncsdb: there are 49152 leases, clients get no more");
	assert_int_equal(call.status, GRPC_RESOURCE_EXHAUSTED);
	assert_int_equal(wgrant(n, 10), 0);
	assert_string_equal(call.text, "etcdserver: lease already exists");
	assert_int_equal(grant(NCSDB_LEASES_MAX, 10).status, 0); /* this process */
}

/* ---- methods ---- */

static void test_status(void **state)
{
	Etcdserverpb__StatusRequest req = ETCDSERVERPB__STATUS_REQUEST__INIT;
	Etcdserverpb__StatusResponse *res;

	put("/a", "1");
	res = wire_ask(&w, &call, "Maintenance/Status", &req, DESC(status_response));
	assert_string_equal(res->version, "3.4.0");
	assert_int_equal(res->raftindex, 2);
	assert_int_equal(res->raftterm, 1);
	assert_true(res->leader && res->leader == res->header->member_id);
	assert_int_equal(res->n_errors, 0);
	wire_free(res);
}

static void test_unimplemented(void **state)
{
	static const char *const paths[] = {"Cluster/MemberList", "Maintenance/Snapshot",
					    "Auth/Authenticate", "KV/Range2"};
	Etcdserverpb__StatusRequest req = ETCDSERVERPB__STATUS_REQUEST__INIT;
	char text[128];

	for (int i = 0; i < 4; i++) {
		sprintf(text, "ncsdb: /etcdserverpb.%s is not served", paths[i]);
		assert_refused(wire_ask(&w, &call, paths[i], &req, DESC(status_response)),
			       GRPC_UNIMPLEMENTED, text);
	}
	assert_int_equal(stats().refused, 4);
	assert_int_equal(stats().requests, 4);
}

/* What is no message, none at all, or two. */
static void test_no_requests(void **state)
{
	static const char *const what = "ncsdb: the message is no request of this method";
	Etcdserverpb__PutRequest req = ETCDSERVERPB__PUT_REQUEST__INIT;
	struct wire_call c = {0};

	assert_int_equal(wire_start(&w, &c, "KV/Put"), 0);
	assert_int_equal(grpc_call_send(c.call, "\x0a\xff", 2, true), 0);
	wire_wait(&w, &c.done);
	assert_string_equal(c.text, what);
	c = (struct wire_call){0};
	req.key = wire_bytes("/a");
	assert_int_equal(wire_start(&w, &c, "KV/Put"), 0);
	assert_int_equal(wire_send(&c, &req, false), 0);
	assert_int_equal(wire_send(&c, &req, true), 0);
	wire_wait(&w, &c.done);
	while (c.taken < c.n)
		free(c.data[c.taken++ % 64]);
	assert_true(status().revision <= 2); /* the second one is not obeyed */
}

/* ---- sizes ---- */

static void test_large_request(void **state)
{
	static char value[NCSDB_REQUEST_MAX];
	Etcdserverpb__PutRequest req = ETCDSERVERPB__PUT_REQUEST__INIT;

	memset(value, 'v', sizeof(value));
	req.key = wire_bytes("/a");
	req.value = bytes_of(value, sizeof(value));
	assert_null(ask_put(&req));
	assert_int_equal(call.status, GRPC_RESOURCE_EXHAUSTED);
	assert_int_equal(status().revision, 1);
}

static void test_large_answer(void **state)
{
	Etcdserverpb__RangeRequest req = range_of("/", "0");
	char *value = calloc(1, NCSDB_VALUE_MAX), key[16];

	for (int i = 0; i < 8; i++) {
		struct ncsdb_op op = {NCSDB_PUT, key, value, NCSDB_VALUE_MAX, 0};

		sprintf(key, "/%d", i);
		assert_int_equal(ops_sync(&op, 1).status, 0);
	}
	free(value);
	assert_refused(ask_range(&req), GRPC_RESOURCE_EXHAUSTED,
		       "ncsdb: the answer would be larger than 8 MiB, ask with a limit");
	req.limit = 7;
	wire_free(ask_range(&req));
	assert_int_equal(call.status, GRPC_OK);
	req.limit = 0;
	req.keys_only = true;
	wire_free(ask_range(&req));
	assert_int_equal(call.status, GRPC_OK);
}

static void test_max_keys(void **state)
{
	Etcdserverpb__PutRequest req = ETCDSERVERPB__PUT_REQUEST__INIT;

	served_open(&(struct ncsdb_conf){.max_keys = 2});
	wput("/a", "1");
	wput("/b", "1");
	req.key = wire_bytes("/c");
	assert_refused(ask_put(&req), GRPC_RESOURCE_EXHAUSTED,
		       "etcdserver: mvcc: database space exceeded");
	assert_string_equal(list("/"), "/a=1@2 /b=1@3");
	assert_int_equal(wput("/a", "2"), 4); /* no new key */
	served_close();
}

/* ---- a client that does not read ---- */

struct reader {
	size_t events;
	bool slow;
	char reason[96];
};

static void on_slow(void *arg, const void *data, size_t len)
{
	Etcdserverpb__WatchResponse *r = etcdserverpb__watch_response__unpack(NULL, len, data);
	struct reader *reader = arg;

	reader->events += r->n_events;
	if (r->canceled) {
		reader->slow = true;
		snprintf(reader->reason, sizeof(reader->reason), "%s", r->cancel_reason);
	}
	wire_free(r);
}

/* The loop is the client's, too: what is written in one go it cannot take meanwhile. */
static void test_slow_watch(void **state)
{
	Etcdserverpb__WatchCreateRequest c = ETCDSERVERPB__WATCH_CREATE_REQUEST__INIT;
	Etcdserverpb__WatchRequest req = ETCDSERVERPB__WATCH_REQUEST__INIT;
	static char value[100000];
	struct ncsdb_op op = {NCSDB_PUT, "/a", value, sizeof(value), 0};
	struct reader reader = {0};
	struct wire_call stream = {.on_message = on_slow, .arg = &reader};

	c.key = wire_bytes("/a");
	req.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST;
	req.create_request = &c;
	assert_int_equal(wire_start(&w, &stream, "Watch/Watch"), 0);
	assert_int_equal(wire_send(&stream, &req, false), 0);
	while (!stats().watches)
		uv_run(&loop, UV_RUN_ONCE);
	for (int i = 0; i < 200; i++) /* 20 MB in one revision after the other */
		assert_int_equal(
			ncsdb_txn(db, &(struct ncsdb_txn){.then = &op, .n_then = 1}, NULL, NULL),
			0);
	while (!reader.slow)
		uv_run(&loop, UV_RUN_ONCE);
	assert_memory_equal(reader.reason, "slow: watch again from revision ", 32);
	/* It has everything before the revision it is told. */
	assert_int_equal(strtoll(reader.reason + 32, NULL, 10), 2 + (long long)reader.events);
	assert_int_equal(stats().slow, 1);
	assert_int_equal(stats().watches, 0);
	grpc_call_cancel(stream.call);
}

/* ---- much at once ---- */

struct tally {
	unsigned int done, refused;
};

static void on_tallied(void *arg, struct wire_call *c)
{
	struct tally *tally = arg;

	tally->done++;
	if (c->status == GRPC_OK)
		return;
	tally->refused++;
	assert_int_equal(c->status, GRPC_RESOURCE_EXHAUSTED);
	assert_string_equal(c->text, "etcdserver: too many requests");
}

static void ignore(void *arg, const void *data, size_t len)
{
}

/* Writes with large answers wait for the disk together: no more than 64 MiB of them. */
static void test_waiting_answers(void **state)
{
	static char value[NCSDB_VALUE_MAX];
	struct ncsdb_op op = {NCSDB_PUT, "/big", value, sizeof(value), 0};
	Etcdserverpb__RequestOp ops[2], *list_of[2] = {&ops[0], &ops[1]};
	Etcdserverpb__TxnRequest txn = ETCDSERVERPB__TXN_REQUEST__INIT;
	Etcdserverpb__PutRequest small = ETCDSERVERPB__PUT_REQUEST__INIT;
	Etcdserverpb__RangeRequest big = range_of("/big", "");
	static struct wire_call calls[120];
	struct tally tally = {0};

	assert_int_equal(ops_sync(&op, 1).status, 0);
	etcdserverpb__request_op__init(&ops[0]);
	etcdserverpb__request_op__init(&ops[1]);
	small.key = wire_bytes("/small");
	ops[0].request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_PUT;
	ops[0].request_put = &small;
	ops[1].request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_RANGE;
	ops[1].request_range = &big;
	txn.success = list_of;
	txn.n_success = 2;
	for (int i = 0; i < 120; i++) {
		calls[i] = (struct wire_call){
			.on_message = ignore, .on_end = on_tallied, .arg = &tally};
		assert_int_equal(wire_start(&w, &calls[i], "KV/Txn"), 0);
		assert_int_equal(wire_send(&calls[i], &txn, true), 0);
	}
	while (tally.done < 120)
		uv_run(&loop, UV_RUN_ONCE);
	assert_true(tally.refused > 0 && tally.refused <= 120 - 64);
	assert_int_equal(wput("/a", "1"), 3 + 120 - tally.refused); /* and on it goes */
}

static void test_connections(void **state)
{
	const char *listen[] = {"127.0.0.1:0"};
	struct ncsdb_server_conf conf = {.listen = listen, .n_listen = 1, .max_connections = 1};
	struct err err = {0};
	struct wire second;

	db_open(&(struct ncsdb_conf){0});
	assert_int_equal(ncsdb_server_open(&loop, db, &conf, &server, &err), 0);
	assert_true(wire_open(&w, &loop, ncsdb_server_port(server), NULL));
	assert_false(wire_open(&second, &loop, ncsdb_server_port(server), NULL));
	wire_close(&second);
	wput("/a", "1");
	served_close();
}

static void test_all_watches(void **state)
{
	Etcdserverpb__WatchCreateRequest c = ETCDSERVERPB__WATCH_CREATE_REQUEST__INIT;
	Etcdserverpb__WatchRequest req = ETCDSERVERPB__WATCH_REQUEST__INIT;
	struct seen seen = {0};
	struct reader reader = {0};
	struct wire_call stream = {.on_message = on_slow, .arg = &reader};

	for (int i = 0; i < NCSDB_WATCHES_MAX; i++)
		watch("/", 0, &seen);
	req.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST;
	req.create_request = &c;
	assert_int_equal(wire_start(&w, &stream, "Watch/Watch"), 0);
	assert_int_equal(wire_send(&stream, &req, false), 0);
	while (!reader.slow)
		uv_run(&loop, UV_RUN_ONCE);
	assert_string_equal(reader.reason, "ncsdb: there are 4096 watches, no more are made");
	grpc_call_cancel(stream.call);
}

/* ---- the disk is full ---- */

static void test_disk_full(void **state)
{
	Etcdserverpb__StatusRequest ask = ETCDSERVERPB__STATUS_REQUEST__INIT;
	Etcdserverpb__PutRequest req = ETCDSERVERPB__PUT_REQUEST__INIT;
	Etcdserverpb__StatusResponse *res;
	static char value[200000];
	int64_t last = 0;

	assert_int_equal(dir_make(), 0);
	served_open(&(struct ncsdb_conf){.dir = dir, .map_size = 1 << 20, .max_bytes = 1 << 30});
	assert_int_equal(wgrant(7, 100), 7);
	req.key = wire_bytes("/a");
	req.value = bytes_of(value, sizeof(value));
	for (int i = 0; i < 20; i++) {
		char key[16];
		Etcdserverpb__PutResponse *put_res;

		sprintf(key, "/%d", i);
		req.key = wire_bytes(key);
		put_res = ask_put(&req);
		if (!put_res)
			break;
		last = put_res->header->revision;
		wire_free(put_res);
	}
	assert_int_equal(call.status, GRPC_RESOURCE_EXHAUSTED);
	assert_string_equal(call.text, "etcdserver: mvcc: database space exceeded");
	assert_true(last >= 2 && status().read_only);
	/* Memory shows the write that failed, the wire does not. */
	assert_int_equal(status().revision, last + 1);
	res = wire_ask(&w, &call, "Maintenance/Status", &ask, DESC(status_response));
	assert_int_equal(res->header->revision, last);
	assert_int_equal(res->n_errors, 1);
	wire_free(res);
	{
		Etcdserverpb__RangeRequest all = range_of("/", "0");
		Etcdserverpb__RangeResponse *range = ask_range(&all);

		assert_int_equal(range->header->revision, last);
		assert_int_equal(range->count, last - 1);
		wire_free(range);
	}
	assert_string_equal(time_to_live(7), "lives/100:");
	assert_int_equal(wgrant(8, 10), 0);
	assert_string_equal(call.text, "etcdserver: mvcc: database space exceeded");
	served_close();
	dir_remove();
}

/* ---- addresses ---- */

static void refuse_listen(const char *address, const char *want)
{
	struct ncsdb_server_conf conf = {.listen = &address, .n_listen = 1};
	struct ncsdb_server *none = NULL;
	struct err err = {0};
	char text[512];

	assert_true(ncsdb_server_open(&loop, db, &conf, &none, &err) < 0);
	assert_null(none);
	err_text(&err, text, sizeof(text));
	if (!strstr(text, want))
		fail_msg("\"%s\" does not say \"%s\"", text, want);
}

static void test_addresses(void **state)
{
	const char *many[NCSDB_LISTEN_MAX + 1] = {"127.0.0.1:0", "[::1]:0"};
	struct ncsdb_server_conf conf = {.listen = many, .n_listen = NCSDB_LISTEN_MAX + 1};
	struct err err = {0};

	db_open(&(struct ncsdb_conf){0});
	refuse_listen("localhost:2379", "must be a literal address and a port");
	refuse_listen("127.0.0.1", "must be a literal address and a port");
	refuse_listen("127.0.0.1:65536", "must be a literal address and a port");
	refuse_listen("::1:2379", "must be a literal address and a port");
	refuse_listen("0.0.0.0:0", "must be a loopback address without cert and key");
	refuse_listen("[::]:0", "must be a loopback address without cert and key");
	assert_int_equal(ncsdb_server_open(&loop, db, &conf, &server, &err), -EINVAL);
	assert_string_equal(err.field, "/listen");
	conf.n_listen = 2;
	assert_int_equal(ncsdb_server_open(&loop, db, &conf, &server, &err), 0);
	assert_true(ncsdb_server_port(server) > 0);
	/* One server of one database. */
	refuse_listen("127.0.0.1:0", "not served yet");
	ncsdb_server_close(server);
	db_close();
}

#define T(f) cmocka_unit_test_setup_teardown(f, served_setup, served_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_leases),
		T(test_revoke_order),
		T(test_keepalive),
		T(test_bad_leases),
		T(test_many_leases),
		T(test_status),
		T(test_unimplemented),
		T(test_no_requests),
		T(test_large_request),
		T(test_large_answer),
		cmocka_unit_test(test_max_keys),
		T(test_slow_watch),
		T(test_waiting_answers),
		cmocka_unit_test(test_connections),
		T(test_all_watches),
		cmocka_unit_test(test_disk_full),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
