/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Watches in process: when events come, bursts, bounds; what they tell: test_conformance.c. */
#include "unit/ncsdb/harness.h"

#include "ncsdb/history.h"

static void test_event_comes_before_the_answer(void **state)
{
	struct txn_answer a = {0};
	struct seen seen = {0};
	struct ncsdb_op op = op_put("/a", "1");

	watch("/a", 0, &seen);
	ncsdb_txn(db, &(struct ncsdb_txn){.then = &op, .n_then = 1}, on_txn_answer, &a);
	assert_int_equal(seen.updates, 0);
	uv_run(&loop, UV_RUN_NOWAIT);
	assert_int_equal(seen.updates, 1);
	wait_for(&a.done);
}

static void test_compaction(void **state)
{
	struct seen old = {0}, fresh = {0}, live = {0};
	struct ncsdb_watch *w;

	watch("/a", 0, &live);
	put("/a", "1");
	put("/a", "2");
	put_quietly("/a", "3"); /* not delivered when it is compacted */
	assert_int_equal(ncsdb_compact(db, 5), -EINVAL);
	assert_int_equal(ncsdb_compact(db, 0), -EINVAL);
	assert_int_equal(ncsdb_compact(db, 4), 0);
	assert_int_equal(ncsdb_compact(db, 4), -ERANGE);
	assert_int_equal(status().compacted, 4);
	w = watch("/a", 4, &old);
	watch("/a", 5, &fresh);
	settle();
	assert_string_equal(live.text, "[2 /a=1][3 /a=2][4 /a=3]");
	assert_int_equal(old.status, -ERANGE);
	put("/a", "4");
	assert_int_equal(old.updates, 1);
	assert_string_equal(fresh.text, "[5 /a=4]");
	ncsdb_unwatch(w);
	assert_string_equal(get("/a"), "/a=4@5");
}

static void on_pingpong(void *arg, const struct ncsdb_watch_update *u)
{
	if (++*(int *)arg < 100)
		put_quietly("/a", "x");
}

static void test_writes_of_callbacks_wait_for_the_next_turn(void **state)
{
	struct ncsdb_watch *w;
	int calls = 0;

	assert_int_equal(ncsdb_watch(db, "/a", 0, on_pingpong, &calls, &w), 0);
	put_quietly("/a", "x");
	uv_run(&loop, UV_RUN_NOWAIT);
	assert_int_equal(calls, 1);
	settle();
	assert_int_equal(calls, 100);
}

static void put_many(int n)
{
	char key[32];

	for (int i = 0; i < n; i++) {
		sprintf(key, "/k/%d", i % 1000);
		assert_int_equal(put_quietly(key, "v"), 0);
	}
}

static void test_burst_is_not_skipped(void **state)
{
	struct seen seen = {.quiet = true}, old = {0};
	int n = HISTORY_MAX_EVENTS + 5000;

	watch("/k/", 0, &seen);
	put_many(n);
	settle();
	assert_int_equal(seen.updates, n);
	assert_int_equal(status().compacted, 1 + 5000);
	watch("/k/", 1 + 5000, &old);
	settle();
	assert_int_equal(old.status, -ERANGE);
	seen = (struct seen){.quiet = true};
	watch("/k/", 1 + 5001, &seen);
	settle();
	assert_int_equal(seen.status, 0);
	assert_int_equal(seen.updates, HISTORY_MAX_EVENTS);
}

/* More than the history holds, written while events are delivered. */
static void on_first_put_many(void *arg, const struct ncsdb_watch_update *u)
{
	if (u->revision == 2)
		put_many(HISTORY_MAX_EVENTS + 500);
}

static void test_burst_from_a_callback_is_not_skipped(void **state)
{
	struct seen before = {.quiet = true}, after = {.quiet = true};
	struct ncsdb_watch *w;

	watch("/k/", 0, &before);
	assert_int_equal(ncsdb_watch(db, "/k/", 0, on_first_put_many, NULL, &w), 0);
	watch("/k/", 0, &after);
	put_many(1);
	settle();
	assert_int_equal(before.updates, HISTORY_MAX_EVENTS + 501);
	assert_int_equal(after.updates, HISTORY_MAX_EVENTS + 501);
}

static void test_history_is_bounded_in_bytes(void **state)
{
	char *value = malloc(NCSDB_VALUE_MAX);
	struct ncsdb_op op = {NCSDB_PUT, "/a", value, NCSDB_VALUE_MAX, 0};
	int64_t kept;

	memset(value, 'v', NCSDB_VALUE_MAX);
	for (int i = 0; i < 100; i++)
		assert_int_equal(ops_sync(&op, 1).status, 0);
	settle();
	kept = status().revision - status().compacted;
	assert_in_range(kept, HISTORY_MAX_BYTES / NCSDB_VALUE_MAX - 2,
			HISTORY_MAX_BYTES / NCSDB_VALUE_MAX);
	free(value);
}

/* A revision larger than the whole history is still delivered, and is dropped as a whole. */
static void test_giant_revision(void **state)
{
	struct ncsdb_op op = op_del_prefix("/");
	struct seen seen = {.quiet = true};
	char key[32];
	int n = HISTORY_MAX_EVENTS + 100;

	for (int i = 0; i < n; i++) {
		sprintf(key, "/%d", i);
		put_quietly(key, "");
	}
	settle();
	watch("/", 0, &seen);
	assert_int_equal(ops_sync(&op, 1).deleted, n);
	settle();
	assert_int_equal(seen.updates, 1);
	assert_int_equal(seen.events, n);
	assert_int_equal(status().compacted, n + 1);
	assert_int_equal(status().keys, 0);
	put("/a", "1");
	settle();
	assert_int_equal(status().compacted, n + 2);
}

static void test_watch_limit(void **state)
{
	struct ncsdb_watch *w[NCSDB_WATCHES_MAX], *extra;
	struct seen seen = {.quiet = true};

	for (int i = 0; i < NCSDB_WATCHES_MAX; i++)
		w[i] = watch("/a", 0, &seen);
	assert_int_equal(ncsdb_watch(db, "/a", 0, on_seen, &seen, &extra), -ENOSPC);
	ncsdb_unwatch(w[7]);
	w[7] = watch("/a", 0, &seen);
	for (int i = 0; i < NCSDB_WATCHES_MAX; i++)
		ncsdb_unwatch(w[i]);
	ncsdb_unwatch(NULL);
	put("/a", "1");
	assert_int_equal(seen.updates, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, memory_setup, memory_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_event_comes_before_the_answer),
		T(test_compaction),
		T(test_writes_of_callbacks_wait_for_the_next_turn),
		T(test_burst_is_not_skipped),
		T(test_burst_from_a_callback_is_not_skipped),
		T(test_history_is_bounded_in_bytes),
		T(test_giant_revision),
		T(test_watch_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
