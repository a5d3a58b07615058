/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every back-end promises, over each of them: in process; another sand's server over loopback;
 * a real etcd, clear and with TLS and a user. Every test begins with an empty database whose
 * revision counts as 1.
 */
#include "unit/ncsdb/harness.h"

#include "ncsdb/server.h"
#include "unit/ncsdb/etcd_proc.h"
#include "unit/ncsdb/run_until.h"
#include "util/clock.h"

enum backend { LOCAL, SERVED, ETCD, ETCD_TLS, BACKENDS };
static const char *const names[] = {"in process", "served", "etcd", "etcd with TLS and user"};

static enum backend backend;
static struct ncsdb *served;
static struct ncsdb_server *server;
static struct etcd_proc procs[BACKENDS];
static int64_t leases[8];
static struct ncsdb_watch *watches[8];
static size_t n_leases, n_watches;

/* ---- life ---- */

static bool remote(void)
{
	return backend != LOCAL;
}

static void seen_is(struct seen *seen, const char *text)
{
	size_t len = strlen(text);

	RUN_UNTIL(seen->at >= len);
	assert_string_equal(seen->text, text);
}

static void serve(char *url, size_t size)
{
	static const char *const listen[] = {"127.0.0.1:0"};
	struct ncsdb_server_conf conf = {.listen = listen, .n_listen = 1};
	struct err err;

	assert_int_equal(ncsdb_open(&loop, &(struct ncsdb_conf){0}, &served, &err), 0);
	assert_int_equal(ncsdb_server_open(&loop, served, &conf, &server, &err), 0);
	snprintf(url, size, "http://127.0.0.1:%u", ncsdb_server_port(server));
}

static void open_remote(void)
{
	char url[64], ca[128], cert[128], key[128];
	const struct etcd_proc *p = &procs[backend];
	const char *const endpoints[] = {url};
	struct ncsdb_remote conf = {.endpoints = endpoints, .n_endpoints = 1, .deadline_ms = 60000};

	struct err err = {0};

	assert_int_equal(uv_loop_init(&loop), 0);
	if (backend == SERVED)
		serve(url, sizeof(url));
	else
		snprintf(url, sizeof(url), "%s", p->url);
	if (backend == ETCD_TLS) {
		snprintf(ca, sizeof(ca), "%s/ca.pem", p->dir);
		snprintf(cert, sizeof(cert), "%s/cert.pem", p->dir);
		snprintf(key, sizeof(key), "%s/key.pem", p->dir);
		conf.ca = ca;
		conf.cert = cert;
		conf.key = key;
		conf.user = "root";
		conf.password = "secret";
	}
	assert_int_equal(ncsdb_open(&loop, &(struct ncsdb_conf){.remote = &conf}, &db, &err), 0);
	RUN_UNTIL(status().connected);
}

/* What the test before has left goes. */
static void wipe(void)
{
	struct ncsdb_op op = op_del_prefix("/");
	struct ncsdb_txn_result res = ops_sync(&op, 1);

	assert_int_equal(res.status, 0);
	base = res.revision - 1;
}

static int setup(void **state)
{
	n_leases = n_watches = 0;
	base = 0;
	if (!remote()) {
		db_open(&(struct ncsdb_conf){0});
		return 0;
	}
	open_remote();
	wipe();
	return 0;
}

static int teardown(void **state)
{
	while (db && n_watches)
		ncsdb_unwatch(watches[--n_watches]);
	while (db && n_leases)
		lease_revoke(leases[--n_leases]);
	ncsdb_close(db);
	ncsdb_server_close(server);
	ncsdb_close(served);
	server = NULL;
	served = NULL;
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	return 0;
}

/* Ends with the test. */
static struct lease_answer lease(int64_t id, unsigned int ttl_s)
{
	struct lease_answer a = grant(id, ttl_s);

	assert_int_equal(a.status, 0);
	assert_true(n_leases < 8);
	leases[n_leases++] = a.id;
	return a;
}

/* Ends with the test. */
static void look(const char *prefix, int64_t start, struct seen *seen)
{
	assert_true(n_watches < 8);
	watches[n_watches++] = watch(prefix, start, seen);
}

/* ---- reads and writes ---- */

static void test_put_get(void **state)
{
	struct range_answer *a;
	uint64_t before = clock_us();

	assert_int_equal(status().revision - base, 1);
	assert_int_equal(put("/a", "1"), 2);
	assert_int_equal(put("/a", "2"), 3);
	assert_int_equal(put("/b", ""), 4);
	assert_string_equal(get("/a"), "/a=2@3");
	a = range_sync(&(struct ncsdb_range){.key = "/a"});
	assert_int_equal(a->first.create_rev - base, 2);
	assert_int_equal(a->first.version, 2);
	assert_int_equal(a->first.value_len, 1);
	assert_int_equal(a->first.lease, 0);
	assert_true(a->first.received_us >= before && a->first.received_us <= clock_us());
	assert_int_equal(a->revision - base, 4);
	assert_string_equal(get("/b"), "/b=@4");
	assert_string_equal(get("/c"), "");
	assert_int_equal(status().revision - base, 4);
	assert_true(status().connected);
}

static void test_delete(void **state)
{
	put("/a", "1");
	assert_int_equal(del("/absent"), 0);
	assert_int_equal(status().revision - base, 2);
	assert_int_equal(del("/a"), 1);
	assert_int_equal(status().revision - base, 3);
	assert_string_equal(get("/a"), "");
	put("/a", "again");
	assert_int_equal(range_sync(&(struct ncsdb_range){.key = "/a"})->first.version, 1);
	assert_int_equal(range_sync(&(struct ncsdb_range){.key = "/a"})->first.create_rev - base,
			 4);
}

static void test_ranges(void **state)
{
	put("/a", "1");
	put("/b/1", "2");
	put("/b/2", "3");
	put("/c", "4");
	assert_string_equal(list("/b/"), "/b/1=2@3 /b/2=3@4");
	assert_string_equal(list(""), "/a=1@2 /b/1=2@3 /b/2=3@4 /c=4@5");
	assert_string_equal(list("/x"), "");
	assert_string_equal(range_sync(&(struct ncsdb_range){.key = "/a", .end = "/b/2"})->text,
			    "/a=1@2 /b/1=2@3");
	assert_string_equal(range_sync(&(struct ncsdb_range){.key = "/c", .end = "/a"})->text, "");
	assert_string_equal(
		range_sync(&(struct ncsdb_range){.key = "/", .prefix = true, .limit = 2})->text,
		"/a=1@2 /b/1=2@3 ...");
	assert_string_equal(
		range_sync(&(struct ncsdb_range){.key = "/", .prefix = true, .limit = 4})->text,
		"/a=1@2 /b/1=2@3 /b/2=3@4 /c=4@5");
	assert_string_equal(
		range_sync(&(struct ncsdb_range){.key = "/b", .prefix = true, .keys_only = true})
			->text,
		"/b/1=-@3 /b/2=-@4");
}

static int range_status(const struct ncsdb_range *req)
{
	static struct range_answer a;

	int rc;

	a = (struct range_answer){0};
	rc = ncsdb_range(db, req, on_range_answer, &a);
	if (rc)
		return rc;
	wait_for(&a.done);
	return a.status;
}

/* Until it is done, which nobody tells. */
static void compact(int64_t revision)
{
	struct ncsdb_range req = {.key = "/", .revision = base + revision - 1};

	assert_int_equal(ncsdb_compact(db, base + revision), 0);
	for (int i = 0; i < 30000 && range_status(&req) == 0; i++)
		usleep(1000);
	assert_int_equal(range_status(&req), -ERANGE);
}

static void test_past(void **state)
{
	struct ncsdb_range req = {.key = "/", .prefix = true};

	put("/a", "1");
	put("/b", "1");
	put("/a", "2");
	del("/b");
	req.revision = base + 2;
	assert_string_equal(range_sync(&req)->text, "/a=1@2");
	req.revision = base + 3;
	assert_string_equal(range_sync(&req)->text, "/a=1@2 /b=1@3");
	req.revision = base + 5;
	assert_string_equal(range_sync(&req)->text, "/a=2@4");
	req.revision = base + 6;
	assert_int_equal(range_status(&req), -EINVAL);
	compact(4);
	req.revision = base + 5;
	assert_string_equal(range_sync(&req)->text, "/a=2@4");
}

static void test_txn(void **state)
{
	struct ncsdb_op then[] = {op_put("/a", "1"), op_put("/b", "2"), op_del("/old")};
	struct ncsdb_op orelse[] = {op_put("/lost", "x")};
	struct ncsdb_cmp cmp = {"/a", NCSDB_CMP_VERSION, NCSDB_EQ, 0};
	struct ncsdb_txn txn = {&cmp, 1, then, orelse, 3, 1};
	struct ncsdb_txn_result res;

	put("/old", "1");
	res = txn_sync(&txn);
	assert_int_equal(res.status, 0);
	assert_true(res.succeeded);
	assert_int_equal(res.revision - base, 3);
	assert_int_equal(res.deleted, 1);
	assert_string_equal(list("/"), "/a=1@3 /b=2@3");
	res = txn_sync(&txn);
	assert_false(res.succeeded);
	assert_string_equal(list("/"), "/a=1@3 /b=2@3 /lost=x@4");
	txn.n_orelse = 0; /* nothing to do: no revision */
	res = txn_sync(&txn);
	assert_false(res.succeeded);
	assert_int_equal(res.status, 0);
	assert_int_equal(res.revision - base, 4);
}

static bool holds(const char *key, enum ncsdb_cmp_field field, enum ncsdb_cmp_op op, int64_t value)
{
	struct ncsdb_cmp cmp = {key, field, op, value};

	return txn_sync(&(struct ncsdb_txn){.cmps = &cmp, .n_cmps = 1}).succeeded;
}

static void test_compares(void **state)
{
	int64_t id = lease(77, 60).id;

	put("/a", "1");
	put_lease("/a", "2", id); /* create 2, mod 3, version 2 */
	for (int f = NCSDB_CMP_VERSION; f <= NCSDB_CMP_LEASE; f++) {
		const int64_t is[] = {2, base + 2, base + 3, 77};

		assert_true(holds("/a", f, NCSDB_EQ, is[f]));
		assert_false(holds("/a", f, NCSDB_NE, is[f]));
		assert_false(holds("/a", f, NCSDB_GT, is[f]));
		assert_true(holds("/a", f, NCSDB_GT, is[f] - 1));
		assert_false(holds("/a", f, NCSDB_LT, is[f]));
		assert_true(holds("/a", f, NCSDB_LT, is[f] + 1));
		assert_true(holds("/absent", f, NCSDB_EQ, 0));
	}
}

static void test_all_compares_must_hold(void **state)
{
	struct ncsdb_cmp cmps[] = {{"/a", NCSDB_CMP_VERSION, NCSDB_EQ, 0},
				   {"/b", NCSDB_CMP_VERSION, NCSDB_GT, 0}};
	struct ncsdb_txn txn = {.cmps = cmps, .n_cmps = 2};

	assert_false(txn_sync(&txn).succeeded);
	put("/b", "1");
	assert_true(txn_sync(&txn).succeeded);
}

static void test_delete_prefix(void **state)
{
	struct ncsdb_op ops[] = {op_del_prefix("/x/"), op_del("/x/2"), op_put("/x", "kept")};
	struct ncsdb_txn_result res;

	put("/x/1", "1");
	put("/x/2", "2");
	put("/x/2/3", "3");
	put("/y", "4");
	res = ops_sync(ops, 3);
	assert_int_equal(res.status, 0);
	assert_int_equal(res.deleted, 3);
	assert_string_equal(list(""), "/x=kept@6 /y=4@5");
}

static int try_op(const struct ncsdb_op *op)
{
	return ncsdb_txn(db, &(struct ncsdb_txn){.then = op, .n_then = 1}, NULL, NULL);
}

static void test_limits_of_keys_and_values(void **state)
{
	char longest[NCSDB_KEY_MAX + 1];
	char *value = malloc(NCSDB_VALUE_MAX + 1);
	struct ncsdb_op op = {NCSDB_PUT, "/a", value, NCSDB_VALUE_MAX, 0};
	struct range_answer *a;

	memset(value, 'v', NCSDB_VALUE_MAX + 1);
	assert_int_equal(ops_sync(&op, 1).status, 0);
	a = range_sync(&(struct ncsdb_range){.key = "/a"});
	assert_int_equal(a->first.value_len, NCSDB_VALUE_MAX);
	op.value_len++;
	assert_int_equal(try_op(&op), -EINVAL);
	memset(longest, 'k', sizeof(longest));
	longest[0] = '/';
	longest[NCSDB_KEY_MAX] = '\0';
	op = op_put(longest, "x");
	assert_int_equal(try_op(&op), -EINVAL);
	longest[NCSDB_KEY_MAX - 1] = '\0';
	put(longest, "x");
	assert_int_equal(range_sync(&(struct ncsdb_range){.key = longest})->n, 1);
	op.key = "/a\nb";
	assert_int_equal(try_op(&op), -EINVAL);
	op.key = "/a\xff";
	assert_int_equal(try_op(&op), -EINVAL);
	free(value);
}

static void test_largest_transaction(void **state)
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
	txn.n_cmps = NCSDB_TXN_MAX;
	txn.n_then = NCSDB_TXN_MAX + 1;
	assert_int_equal(ncsdb_txn(db, &txn, NULL, NULL), -EINVAL);
	txn.n_then = txn.n_orelse = NCSDB_TXN_MAX;
	assert_int_equal(txn_sync(&txn).status, 0);
	assert_int_equal(range_sync(&(struct ncsdb_range){.key = "/k/", .prefix = true})->n,
			 NCSDB_TXN_MAX);
	assert_int_equal(status().revision - base, 2);
}

/* More than a back-end reads at once. */
static void test_long_list(void **state)
{
	enum { TXNS = 70, N = TXNS * NCSDB_TXN_MAX };
	struct ncsdb_op ops[NCSDB_TXN_MAX];
	char keys[NCSDB_TXN_MAX][24];
	struct range_answer *a;

	for (int t = 0; t < TXNS; t++) {
		for (int i = 0; i < NCSDB_TXN_MAX; i++) {
			sprintf(keys[i], "/l/%05d", t * NCSDB_TXN_MAX + i);
			ops[i] = op_put(keys[i], "v");
		}
		assert_int_equal(ops_sync(ops, NCSDB_TXN_MAX).status, 0);
	}
	a = range_sync(&(struct ncsdb_range){.key = "/l/", .prefix = true});
	assert_int_equal(a->n, N);
	assert_int_equal(a->revision - base, 1 + TXNS);
	a = range_sync(&(struct ncsdb_range){.key = "/l/", .prefix = true, .limit = N - 1});
	assert_int_equal(a->n, N - 1);
	assert_string_equal(a->text + strlen(a->text) - 4, " ...");
	a = range_sync(&(struct ncsdb_range){.key = "/l/00010", .end = "/l/08000"});
	assert_int_equal(a->n, 7990);
}

/* More than a server says at once. */
static void test_large_list(void **state)
{
	char *value = calloc(1, NCSDB_VALUE_MAX), key[32];
	struct ncsdb_op op = {NCSDB_PUT, key, value, NCSDB_VALUE_MAX, 0};

	for (int i = 0; i < 12; i++) {
		sprintf(key, "/large/%02d", i);
		assert_int_equal(ops_sync(&op, 1).status, 0);
	}
	assert_int_equal(range_sync(&(struct ncsdb_range){.key = "/large/", .prefix = true})->n,
			 12);
	free(value);
}

static void test_unknown_lease_changes_nothing(void **state)
{
	struct ncsdb_op ops[] = {op_put("/a", "1"), op_put("/b", "2")};

	ops[1].lease = 99;
	assert_int_equal(ops_sync(ops, 2).status, -ENOENT);
	assert_string_equal(list(""), "");
	assert_int_equal(status().revision - base, 1);
}

static void test_input_is_copied(void **state)
{
	struct txn_answer a = {0};
	char key[] = "/a", value[] = "1";
	struct ncsdb_op op = {NCSDB_PUT, key, value, 1, 0};

	assert_int_equal(
		ncsdb_txn(db, &(struct ncsdb_txn){.then = &op, .n_then = 1}, on_txn_answer, &a), 0);
	key[1] = 'x';
	value[0] = 'x';
	RUN_UNTIL(a.done);
	assert_string_equal(list("/"), "/a=1@2");
}

/* Deletes and replaces what the callback is being shown. */
static void on_range_delete(void *arg, const struct ncsdb_range_result *res)
{
	struct ncsdb_op ops[] = {op_del("/a"), op_put("/b", "new")};
	struct ncsdb_txn txn = {.then = ops, .n_then = 2};

	assert_int_equal(ncsdb_txn(db, &txn, on_txn_answer, arg), 0);
	assert_string_equal(res->kvs[0].value, "1");
	assert_string_equal(res->kvs[1].value, "2");
}

static void test_data_lives_through_the_callback(void **state)
{
	struct txn_answer a = {0};

	put("/a", "1");
	put("/b", "2");
	assert_int_equal(ncsdb_range(db, &(struct ncsdb_range){.key = "/", .prefix = true},
				     on_range_delete, &a),
			 0);
	wait_for(&a.done);
	assert_string_equal(list("/"), "/b=new@4");
}

static void test_close_answers_everything(void **state)
{
	struct txn_answer t = {0};
	struct range_answer r = {0};
	struct lease_answer l = {0}, k = {0};
	struct ncsdb_op op = op_put("/a", "1");
	struct ncsdb_txn txn = {.then = &op, .n_then = 1};
	struct ncsdb_range req = {.key = "/a"};
	struct ncsdb_watch *w;
	struct seen seen = {0};

	look("/a", 0, &seen);
	assert_int_equal(ncsdb_txn(db, &txn, on_txn_answer, &t), 0);
	assert_int_equal(ncsdb_range(db, &req, on_range_answer, &r), 0);
	assert_int_equal(ncsdb_lease_keepalive(db, 9, on_lease_answer, &k), 0);
	ncsdb_close(db);
	assert_false(t.done || r.done || k.done);
	assert_int_equal(ncsdb_txn(db, &txn, on_txn_answer, &t), -ECANCELED);
	assert_int_equal(ncsdb_range(db, &req, on_range_answer, &r), -ECANCELED);
	assert_int_equal(ncsdb_watch(db, "/a", 0, on_seen, &seen, &w), -ECANCELED);
	assert_int_equal(ncsdb_lease_grant(db, 0, 60, on_lease_answer, &l), -ECANCELED);
	assert_int_equal(ncsdb_lease_keepalive(db, 9, on_lease_answer, &l), -ECANCELED);
	assert_int_equal(ncsdb_compact(db, 1), -ECANCELED);
	RUN_UNTIL(t.done && r.done && k.done);
	assert_int_equal(t.res.status, 0);
	assert_int_equal(r.status, -ECANCELED);
	db = NULL;
}

/* ---- watches ---- */

static void test_watch_from_now(void **state)
{
	struct ncsdb_op ops[] = {op_put("/a/1", "x"), op_put("/b", "y"), op_del("/a/0")};
	struct seen seen = {0}, all = {0};
	struct ncsdb_watch *w, *v;

	put("/a/0", "before");
	w = watch("/a/", 3, &seen);
	v = watch("", 3, &all);
	assert_int_equal(status().watches, 2);
	ops_sync(ops, 3);
	put("/a/1", "z");
	put("/c", "z");
	del("/a/1");
	seen_is(&seen, "[3 /a/1=x -/a/0][4 /a/1=z][6 -/a/1]");
	seen_is(&all, "[3 /a/1=x /b=y -/a/0][4 /a/1=z][5 /c=z][6 -/a/1]");
	ncsdb_unwatch(w);
	put("/a/1", "unseen");
	seen_is(&all, "[3 /a/1=x /b=y -/a/0][4 /a/1=z][5 /c=z][6 -/a/1][7 /a/1=unseen]");
	assert_int_equal(seen.updates, 3);
	ncsdb_unwatch(v);
	assert_int_equal(status().watches, 0);
}

static void test_watch_from_the_past(void **state)
{
	struct seen seen = {0}, future = {0};

	put("/a", "1");
	put("/b", "2");
	put("/a", "3");
	look("/a", 3, &seen);
	look("/a", 6, &future);
	seen_is(&seen, "[4 /a=3]");
	put("/a", "4");
	put("/a", "5");
	seen_is(&seen, "[4 /a=3][5 /a=4][6 /a=5]");
	seen_is(&future, "[6 /a=5]");
}

static void test_compaction(void **state)
{
	struct seen old = {0}, fresh = {0}, live = {0};

	put("/a", "1");
	look("/a", 2, &live);
	put("/a", "2");
	put("/a", "3");
	seen_is(&live, "[2 /a=1][3 /a=2][4 /a=3]");
	compact(4);
	put("/b", "x");
	look("/a", 4, &old);
	look("/a", 5, &fresh);
	RUN_UNTIL(old.status);
	assert_int_equal(old.status, -ERANGE);
	old.updates = 1; /* some show first what is left of it */
	put("/a", "4");
	seen_is(&fresh, "[6 /a=4]");
	seen_is(&live, "[2 /a=1][3 /a=2][4 /a=3][6 /a=4]");
	assert_int_equal(old.updates, 1);
	assert_string_equal(get("/a"), "/a=4@6");
}

/* What the compacted revision itself has deleted: nobody may believe to have seen it. */
static void test_compacted_delete(void **state)
{
	struct seen seen = {0};

	put("/a", "1");
	put("/b", "1");
	del("/a");
	compact(4);
	look("/a", 4, &seen);
	RUN_UNTIL(seen.status);
	assert_int_equal(seen.status, -ERANGE);
}

struct chain {
	struct ncsdb_watch *watch, *other;
	struct seen *seen;
	int calls;
};

/* Ends itself and another watch, starts one in the past, and writes. */
static void on_chain(void *arg, const struct ncsdb_watch_update *u)
{
	struct ncsdb_op op = op_put("/a", "from the callback");
	struct chain *c = arg;

	c->calls++;
	ncsdb_unwatch(c->watch);
	ncsdb_unwatch(c->other);
	ncsdb_watch(db, "/a", base + 2, on_seen, c->seen, &c->watch);
	assert_int_equal(try_op(&op), 0);
	assert_string_equal(u->events[0].kv.value, "1");
}

static void test_calls_from_callbacks(void **state)
{
	struct seen other = {0}, late = {0};
	struct chain chain = {.seen = &late};

	assert_int_equal(ncsdb_watch(db, "/a", base + 2, on_chain, &chain, &chain.watch), 0);
	chain.other = watch("/zz", 2, &other);
	put("/a", "1");
	seen_is(&late, "[2 /a=1][3 /a=from the callback]");
	put("/zz", "nobody looks");
	assert_int_equal(chain.calls, 1);
	assert_int_equal(other.updates, 0);
}

static void on_pingpong(void *arg, const struct ncsdb_watch_update *u)
{
	struct ncsdb_op op = op_put("/a", "x");

	if (++*(int *)arg < 100)
		try_op(&op);
}

static void test_writes_from_callbacks(void **state)
{
	struct ncsdb_watch *w;
	int calls = 0;

	assert_int_equal(ncsdb_watch(db, "/a", base + 2, on_pingpong, &calls, &w), 0);
	put("/a", "x");
	RUN_UNTIL(calls == 100);
}

/* Nothing is left out of what many transactions do at once. */
static void test_burst(void **state)
{
	struct seen seen = {.quiet = true};
	char key[32];

	look("/k/", 2, &seen);
	for (int i = 0; i < 2000; i++) {
		sprintf(key, "/k/%d", i % 300);
		assert_int_equal(put_quietly(key, "v"), 0);
	}
	RUN_UNTIL(seen.events == 2000);
	assert_int_equal(seen.updates, 2000);
	assert_int_equal(seen.revision - base, 2001);
	RUN_UNTIL(status().pending == 0);
}

/* ---- leases ---- */

static void test_grant(void **state)
{
	struct lease_answer a = lease(5, 60), b = lease(0, 60);

	assert_int_equal(a.id, 5);
	assert_int_equal(a.ttl_s, 60);
	assert_true(b.id > 0 && b.id != 5);
	assert_int_equal(grant(5, 60).status, -EEXIST);
	assert_int_equal(keepalive(5).status, 0);
	assert_int_equal(keepalive(5).ttl_s, 60);
	assert_int_equal(keepalive(6).status, -ENOENT);
	assert_int_equal(lease_revoke(6).status, -ENOENT);
}

static void test_bad_lease_arguments(void **state)
{
	struct lease_answer a;

	assert_int_equal(ncsdb_lease_grant(db, 0, NCSDB_LEASE_TTL_MIN_S - 1, on_lease_answer, &a),
			 -EINVAL);
	assert_int_equal(ncsdb_lease_grant(db, 0, NCSDB_LEASE_TTL_MAX_S + 1, on_lease_answer, &a),
			 -EINVAL);
	assert_int_equal(ncsdb_lease_grant(db, -1, 60, on_lease_answer, &a), -EINVAL);
	assert_int_equal(ncsdb_lease_keepalive(db, 0, on_lease_answer, &a), -EINVAL);
	assert_int_equal(ncsdb_lease_revoke(db, -5, on_lease_answer, &a), -EINVAL);
	lease(0, NCSDB_LEASE_TTL_MIN_S);
	assert_int_equal(lease(0, NCSDB_LEASE_TTL_MAX_S).ttl_s, NCSDB_LEASE_TTL_MAX_S);
}

static void test_revoke_deletes_in_one_revision(void **state)
{
	struct seen seen = {.quiet = true};

	grant(7, 60);
	lease(8, 60);
	put_lease("/a", "1", 7);
	put_lease("/b", "1", 7);
	put_lease("/c", "1", 8);
	put("/d", "1");
	put_lease("/a", "2", 7);
	put_lease("/b", "2", 8); /* moved */
	put_lease("/c", "2", 7); /* moved */
	put_lease("/e", "1", 7);
	del("/e");
	look("/", 11, &seen);
	assert_int_equal(lease_revoke(7).status, 0);
	RUN_UNTIL(seen.updates);
	assert_int_equal(seen.updates, 1);
	assert_int_equal(seen.events, 2);
	assert_string_equal(list("/"), "/b=2@7 /d=1@5");
	assert_int_equal(keepalive(7).status, -ENOENT);
}

static void test_key_leaves_its_lease(void **state)
{
	grant(7, 60);
	put_lease("/a", "1", 7);
	put("/a", "2");
	assert_int_equal(lease_revoke(7).status, 0);
	assert_string_equal(list("/"), "/a=2@3");
}

static void test_expiry(void **state)
{
	struct seen seen = {.quiet = true};
	uint64_t start = clock_us();

	grant(7, NCSDB_LEASE_TTL_MIN_S);
	lease(8, 60);
	put_lease("/a", "1", 7);
	put_lease("/b", "1", 7);
	put_lease("/c", "1", 8);
	assert_int_equal(keepalive(7).ttl_s, NCSDB_LEASE_TTL_MIN_S);
	look("/", 5, &seen);
	RUN_UNTIL(seen.updates);
	assert_true(clock_us() - start >= NCSDB_LEASE_TTL_MIN_S * 1000000ull);
	assert_int_equal(seen.events, 2);
	assert_string_equal(list("/"), "/c=1@4");
}

/* ---- all of it, over each ---- */

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
	T(test_put_get),
	T(test_delete),
	T(test_ranges),
	T(test_past),
	T(test_txn),
	T(test_compares),
	T(test_all_compares_must_hold),
	T(test_delete_prefix),
	T(test_limits_of_keys_and_values),
	T(test_largest_transaction),
	T(test_long_list),
	T(test_large_list),
	T(test_unknown_lease_changes_nothing),
	T(test_input_is_copied),
	T(test_data_lives_through_the_callback),
	T(test_close_answers_everything),
	T(test_watch_from_now),
	T(test_watch_from_the_past),
	T(test_compaction),
	T(test_compacted_delete),
	T(test_calls_from_callbacks),
	T(test_writes_from_callbacks),
	T(test_burst),
	T(test_grant),
	T(test_bad_lease_arguments),
	T(test_revoke_deletes_in_one_revision),
	T(test_key_leaves_its_lease),
	T(test_expiry),
};

static void start_etcd(void)
{
	etcd_start(&procs[ETCD], false);
	etcd_start(&procs[ETCD_TLS], true);
	run_in(&procs[ETCD_TLS],
	       "for i in $(seq 50); do $E get x && break; sleep 0.1; done;"
	       "$E user add root:secret && $E user grant-role root root && $E auth enable");
}

static void stop_etcd(void)
{
	etcd_stop(&procs[ETCD]);
	etcd_stop(&procs[ETCD_TLS]);
}

int main(void)
{
	bool real = etcd_installed();
	int failed = 0;

	alarm(120);
	atexit(stop_etcd);
	if (real)
		start_etcd();
	for (backend = 0; backend < BACKENDS; backend++) {
		if (backend >= ETCD && !real) {
			printf("etcd, etcdctl or certtool are not installed: %s is skipped\n",
			       names[backend]);
			continue;
		}
		failed += _cmocka_run_group_tests(names[backend], tests,
						  sizeof(tests) / sizeof(tests[0]), NULL, NULL);
	}
	return failed;
}
