/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The embedded server: watches. */
#include "unit/ncsdb/served.h"

#include "ncsdb/history.h"

static struct wire_call stream;

static int stream_setup(void **state)
{
	served_setup(state);
	stream = (struct wire_call){0};
	assert_int_equal(wire_start(&w, &stream, "Watch/Watch"), 0);
	return 0;
}

static int stream_teardown(void **state)
{
	if (stream.call)
		grpc_call_cancel(stream.call);
	while (stream.taken < stream.n)
		free(stream.data[stream.taken++ % 64]);
	return served_teardown(state);
}

static Etcdserverpb__WatchCreateRequest create_of(const char *key, const char *end, int64_t start)
{
	Etcdserverpb__WatchCreateRequest c = ETCDSERVERPB__WATCH_CREATE_REQUEST__INIT;

	c.key = wire_bytes(key);
	c.range_end = wire_bytes(end);
	c.start_revision = start;
	return c;
}

static void create(Etcdserverpb__WatchCreateRequest c)
{
	Etcdserverpb__WatchRequest req = ETCDSERVERPB__WATCH_REQUEST__INIT;

	req.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST;
	req.create_request = &c;
	assert_int_equal(wire_send(&stream, &req, false), 0);
}

static void cancel(int64_t id)
{
	Etcdserverpb__WatchCancelRequest c = ETCDSERVERPB__WATCH_CANCEL_REQUEST__INIT;
	Etcdserverpb__WatchRequest req = ETCDSERVERPB__WATCH_REQUEST__INIT;

	c.watch_id = id;
	req.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CANCEL_REQUEST;
	req.cancel_request = &c;
	assert_int_equal(wire_send(&stream, &req, false), 0);
}

static void ask_progress(void)
{
	Etcdserverpb__WatchProgressRequest p = ETCDSERVERPB__WATCH_PROGRESS_REQUEST__INIT;
	Etcdserverpb__WatchRequest req = ETCDSERVERPB__WATCH_REQUEST__INIT;

	req.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_PROGRESS_REQUEST;
	req.progress_request = &p;
	assert_int_equal(wire_send(&stream, &req, false), 0);
}

/* The next message: "0 created @3", "0 @5 [/a=1@4 -/b@5</b=2@3>]", "0 canceled @3 compact 2 why".
 */
static const char *next(void)
{
	static char text[4096];
	Etcdserverpb__WatchResponse *r = wire_next(&w, &stream, DESC(watch_response));
	int at;

	assert_non_null(r);
	at = sprintf(text, "%lld%s%s @%lld", (long long)r->watch_id, r->created ? " created" : "",
		     r->canceled ? " canceled" : "", (long long)r->header->revision);
	if (r->compact_revision)
		at += sprintf(text + at, " compact %lld", (long long)r->compact_revision);
	if (*r->cancel_reason)
		at += sprintf(text + at, " %s", r->cancel_reason);
	for (size_t i = 0; i < r->n_events; i++) {
		bool deleted = r->events[i]->type == MVCCPB__EVENT__EVENT_TYPE__DELETE;

		at += sprintf(text + at, "%s%s", i ? " " : " [", deleted ? "-" : "");
		at += sprintf(text + at, "%s", kvs_text(&r->events[i]->kv, 1));
		if (r->events[i]->prev_kv)
			at += sprintf(text + at, "<%s>", kvs_text(&r->events[i]->prev_kv, 1));
	}
	if (r->n_events)
		sprintf(text + at, "]");
	wire_free(r);
	return text;
}

static void silence(void)
{
	ask_progress();
	assert_memory_equal(next(), "-1 @", 4);
}

/* ---- what comes ---- */

static void test_from_now(void **state)
{
	struct ncsdb_op ops[] = {op_put("/a/1", "x"), op_put("/b", "y"), op_del("/a/0")};

	put("/a/0", "before");
	create(create_of("/a/", "/a0", 0));
	assert_string_equal(next(), "0 created @2");
	ops_sync(ops, 3);
	assert_string_equal(next(), "0 @3 [/a/1=x@3 -/a/0=@3]");
	put("/b", "z");
	put("/a/1", "z");
	assert_string_equal(next(), "0 @5 [/a/1=z@5]");
	silence();
	assert_int_equal(status().watches, 1);
}

static void test_from_the_past(void **state)
{
	put("/a", "1");
	put("/b", "2");
	put("/a", "3");
	del("/a");
	create(create_of("/", "0", 3));
	assert_string_equal(next(), "0 created @5");
	assert_string_equal(next(), "0 @5 [/b=2@3 /a=3@4 -/a=@5]");
	create(create_of("/a", "", 1)); /* one key */
	assert_string_equal(next(), "1 created @5");
	assert_string_equal(next(), "1 @5 [/a=1@2 /a=3@4 -/a=@5]");
	silence();
}

static void test_from_the_future(void **state)
{
	create(create_of("/", "0", 4));
	assert_string_equal(next(), "0 created @1");
	put("/a", "1");
	put("/a", "2");
	silence();
	put("/a", "3");
	assert_string_equal(next(), "0 @4 [/a=3@4]");
}

static void test_bounds(void **state)
{
	Etcdserverpb__WatchCreateRequest all = ETCDSERVERPB__WATCH_CREATE_REQUEST__INIT;

	all.range_end = bytes_of("", 1);
	create(all);
	assert_string_equal(next(), "0 created @1");
	create(create_of("/b", "/a", 0));
	assert_string_equal(next(), "-1 created canceled @1 mvcc: watcher range is empty");
	create(create_of("/b", "/b", 0));
	assert_string_equal(next(), "-1 created canceled @1 mvcc: watcher range is empty");
	put("/a", "1");
	assert_string_equal(next(), "0 @2 [/a=1@2]");
}

static void test_prev_kv(void **state)
{
	Etcdserverpb__WatchCreateRequest c = create_of("/", "0", 2);

	put("/a", "1");
	put("/a", "2");
	del("/a");
	put("/a", "3");
	c.prev_kv = true;
	create(c);
	assert_string_equal(next(), "0 created @5");
	assert_string_equal(next(), "0 @5 [/a=1@2 /a=2@3</a=1@2> -/a=@4</a=2@3> /a=3@5]");
	put("/a", "4");
	assert_string_equal(next(), "0 @6 [/a=4@6</a=3@5>]");
}

static void test_filters(void **state)
{
	Etcdserverpb__WatchCreateRequest__FilterType filter =
		ETCDSERVERPB__WATCH_CREATE_REQUEST__FILTER_TYPE__NOPUT;
	Etcdserverpb__WatchCreateRequest c = create_of("/", "0", 2);

	put("/a", "1");
	del("/a");
	c.filters = &filter;
	c.n_filters = 1;
	create(c);
	assert_string_equal(next(), "0 created @3");
	assert_string_equal(next(), "0 @3 [-/a=@3]");
	filter = ETCDSERVERPB__WATCH_CREATE_REQUEST__FILTER_TYPE__NODELETE;
	create(c);
	assert_string_equal(next(), "1 created @3");
	assert_string_equal(next(), "1 @3 [/a=1@2]");
}

static void test_compacted(void **state)
{
	put("/a", "1");
	put("/b", "1");
	del("/a"); /* 4 */
	put("/a", "2");
	assert_int_equal(ncsdb_compact(db, 4), 0);
	create(create_of("/", "0", 3));
	assert_string_equal(next(), "0 created @5");
	assert_string_equal(next(), "0 canceled @5 compact 4");
	create(create_of("/", "0", 4)); /* as etcd: a compacted revision has no deletions */
	assert_string_equal(next(), "1 created @5");
	assert_string_equal(next(), "1 @5 [/a=2@5]");
	cancel(1);
	assert_string_equal(next(), "1 canceled @5");
	assert_int_equal(status().watches, 0);
}

/* Ends with it: what was compacted before somebody got it still comes. */
static void test_compaction_does_not_cut_watches(void **state)
{
	create(create_of("/", "0", 0));
	assert_string_equal(next(), "0 created @1");
	for (int i = 0; i < 5; i++) {
		put_quietly("/a", "1");
		put_quietly("/a", "2");
		assert_int_equal(ncsdb_compact(db, status().revision), 0);
	}
	del("/a");
	for (int64_t last = 0; last < 12;) {
		const char *text = next();

		last = strtoll(strrchr(text, '@') + 1, NULL, 10);
	}
	silence();
}

/* ---- several ---- */

static void test_ids(void **state)
{
	Etcdserverpb__WatchCreateRequest c = create_of("/a", "", 0);

	c.watch_id = 1;
	create(c);
	assert_string_equal(next(), "1 created @1");
	create(c);
	assert_string_equal(next(), "-1 created canceled @1 mvcc: duplicate watch ID provided on "
				    "the WatchStream");
	c.watch_id = 0;
	create(c);
	assert_string_equal(next(), "0 created @1");
	create(c);
	assert_string_equal(next(), "2 created @1");
	cancel(1);
	assert_string_equal(next(), "1 canceled @1");
	cancel(1); /* unknown: silence */
	put("/a", "1");
	assert_string_equal(next(), "0 @2 [/a=1@2]");
	assert_string_equal(next(), "2 @2 [/a=1@2]");
	silence();
}

static void test_fragment(void **state)
{
	Etcdserverpb__WatchCreateRequest c = create_of("/a", "", 0);

	c.fragment = true;
	create(c);
	assert_string_equal(next(), "-1 created canceled @1 ncsdb: fragment is not supported "
				    "(UNIMPLEMENTED)");
}

static void test_stream_limit(void **state)
{
	for (int i = 0; i < NCSDB_STREAM_WATCHES_MAX; i++) {
		create(create_of("/a", "", 0));
		next();
	}
	create(create_of("/a", "", 0));
	assert_string_equal(next(), "-1 created canceled @1 ncsdb: the stream has 1024 watches, no "
				    "more are made");
	cancel(7);
	next();
	create(create_of("/a", "", 0));
	assert_string_equal(next(), "1024 created @1");
}

static void test_end(void **state)
{
	create(create_of("/a", "", 0));
	next();
	assert_int_equal(grpc_call_send(stream.call, "\xff\xff", 2, false), 0);
	wire_wait(&w, &stream.done);
	assert_string_equal(stream.text, "ncsdb: the message is no request of this method");
	while (stats().watches)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(status().watches, 0);
}

/* ---- much ---- */

struct counter {
	size_t events, messages;
	int64_t last;
	bool torn;
};

static void on_counted(void *arg, const void *data, size_t len)
{
	Etcdserverpb__WatchResponse *r = etcdserverpb__watch_response__unpack(NULL, len, data);
	struct counter *c = arg;

	assert_non_null(r);
	assert_false(r->canceled);
	c->messages++;
	for (size_t i = 0; i < r->n_events; i++) {
		int64_t revision = r->events[i]->kv->mod_revision;

		assert_in_range(revision - c->last, 0, 1);
		c->last = revision;
		c->events++;
	}
	/* Whole revisions of two keys each. */
	c->torn |= c->events % 2 != 0;
	wire_free(r);
}

static void test_many_revisions(void **state)
{
	struct ncsdb_op ops[] = {op_put("/a", "x"), op_put("/b", "y")};
	struct counter counter = {.last = 1};
	int n = 20000;

	stream.on_message = on_counted;
	stream.arg = &counter;
	create(create_of("/", "0", 2));
	for (int i = 0; i < n; i++) {
		ncsdb_txn(db, &(struct ncsdb_txn){.then = ops, .n_then = 2}, NULL, NULL);
		if (i % 100 == 0)
			uv_run(&loop, UV_RUN_NOWAIT);
	}
	while (counter.events < 2 * (size_t)n)
		uv_run(&loop, UV_RUN_ONCE);
	assert_false(counter.torn);
	assert_int_equal(counter.last, n + 1);
	assert_true(counter.messages < (size_t)n / 10); /* revisions travel together */
}

/* A client is behind, and more is written than the history holds: it waits for the watch. */
static void test_history_waits(void **state)
{
	static char value[100000];
	struct ncsdb_op large = {NCSDB_PUT, "/a", value, sizeof(value), 0};
	struct ncsdb_op other = op_put("/b", "x");
	struct counter counter = {.last = 1};

	stream.on_message = on_counted;
	stream.arg = &counter;
	create(create_of("/a", "", 2));
	while (!stats().watches)
		uv_run(&loop, UV_RUN_ONCE);
	for (int i = 0; i < HISTORY_MAX_EVENTS + 5000; i++) {
		struct ncsdb_txn txn = {.then = i < 60 ? &large : &other, .n_then = 1};

		assert_int_equal(ncsdb_txn(db, &txn, NULL, NULL), 0);
	}
	while (counter.events < 60)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(counter.last, 61);
	assert_int_equal(stats().slow, 0);
	put("/b", "y"); /* and then it is cut again */
	put("/b", "z");
	assert_in_range(status().revision - status().compacted, 1, HISTORY_MAX_EVENTS);
}

#define T(f) cmocka_unit_test_setup_teardown(f, stream_setup, stream_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_from_now),
		T(test_from_the_past),
		T(test_from_the_future),
		T(test_bounds),
		T(test_prev_kv),
		T(test_filters),
		T(test_compacted),
		T(test_compaction_does_not_cut_watches),
		T(test_ids),
		T(test_fragment),
		T(test_stream_limit),
		T(test_end),
		T(test_many_revisions),
		T(test_history_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
