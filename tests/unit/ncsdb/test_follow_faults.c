/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a follower mirrors when the feed is not what it should be. */
#include "unit/ncsdb/mirror.h"

/* ---- compaction ---- */

static void change_some(unsigned int *seed, int n)
{
	for (; n > 0; n--) {
		int i = rand_r(seed) % KEYS;

		if (rand_r(seed) % 2)
			set(i, rand_r(seed) % 1000);
		else
			del(key_of(i));
	}
}

static void test_1000_compactions_under_a_lost_feed(void **state)
{
	unsigned int seed = 4711;

	change_some(&seed, 100);
	begin();
	wait_lists(1);
	for (int i = 0; i < 1000; i++) {
		feed_lost();
		set(0, i);
		change_some(&seed, rand_r(&seed) % 20);
		assert_int_equal(ncsdb_compact(db, status().revision), 0);
		feed_resumes();
		wait_lists((uint64_t)i + 2);
		same();
		if (i % 3 == 0)
			change_some(&seed, 3);
		turn();
		same();
	}
	assert_int_equal(stats.lists, 1001);
	assert_int_equal(stats.gaps, 0);
	assert_int_equal(stats.audit_repaired, 0);
	assert_true(n_dels > 500);
}

/* A watch that ends as soon as it begins is no reason to list all the time. */
static void test_watches_that_never_hold(void **state)
{
	begin();
	wait_lists(1);
	for (int i = 0; i < 100; i++) {
		feed_ends(-ERANGE);
		turn();
	}
	ncsdb_follow_stats(follow, &stats);
	assert_true(stats.lists < 20);
	wait_lists(stats.lists + 1);
	set(1, 5);
	turn();
	same();
}

static void test_healthy_feeds_have_no_gaps(void **state)
{
	unsigned int seed = 1;

	begin();
	wait_lists(1);
	for (int i = 0; i < 20; i++) {
		change_some(&seed, 50);
		ncsdb_follow_audit(follow);
		change_some(&seed, 50);
		turn();
		same();
	}
	assert_int_equal(stats.gaps, 0);
	assert_int_equal(stats.audits, 20);
	assert_int_equal(stats.audit_repaired, 0);
	assert_int_equal(stats.lists, 21);
}

/* ---- audits ---- */

static void test_audit_finds_what_was_lost(void **state)
{
	set(1, 1);
	set(2, 1);
	set(3, 1);
	begin();
	wait_lists(1);
	dropping("/a/1", true, false);
	set(1, 2);
	turn();
	dropping("/a/2", false, true);
	del("/a/2");
	turn();
	front.drop = NULL;
	set(3, 2); /* the watch has told everything up to here */
	turn();
	ncsdb_follow_stats(follow, &stats);
	assert_int_equal(stats.gaps, 0);
	assert_int_equal(mirror[1].value, 1);
	assert_true(mirror[2].there);
	n_puts = 0;
	ncsdb_follow_audit(follow);
	turn();
	same();
	assert_int_equal(stats.audit_repaired, 2);
	assert_int_equal(n_puts, 1);
	assert_true(stats.synced);
}

/* The last thing that happened was lost: certain only when the watch tells of something later. */
static void test_audit_of_the_last_event(void **state)
{
	set(1, 1);
	set(2, 1);
	begin();
	wait_lists(1);
	dropping("/a/1", false, true);
	del("/a/1");
	ncsdb_follow_audit(follow);
	turn();
	same();
	assert_false(mirror[1].there);
	assert_int_equal(stats.audit_repaired, 0);
	set(2, 2);
	turn();
	same();
	assert_int_equal(stats.audit_repaired, 1);
	/* And again, up to the next audit. */
	dropping("/a/2", false, true);
	del("/a/2");
	ncsdb_follow_audit(follow);
	turn();
	ncsdb_follow_audit(follow);
	turn();
	same();
	assert_int_equal(stats.audit_repaired, 2);
	assert_int_equal(n_dels, 2);
}

/* A list that is ahead of the watch finds nothing lost. */
static void test_a_slow_watch_is_no_loss(void **state)
{
	set(1, 1);
	set(2, 1);
	begin();
	wait_lists(1);
	feed_lost();
	del("/a/1");
	set(2, 2);
	set(3, 1);
	ncsdb_follow_audit(follow);
	turn();
	same();
	n_puts = n_dels = 0;
	feed_resumes(); /* with what the list knew already */
	turn();
	same();
	assert_int_equal(n_puts, 0);
	assert_int_equal(n_dels, 0);
	set(3, 2);
	set(1, 7);
	turn();
	same();
	assert_int_equal(stats.audit_repaired, 0);
	assert_int_equal(stats.gaps, 0);
}

static void test_audits_come_by_themselves(void **state)
{
	ncsdb_follow_limits.audit_ms = 20;
	begin();
	wait_lists(4);
	assert_in_range(stats.audits, 3, 4);
}

/* ---- pages ---- */

static int n_between;
static int64_t page_rev; /* of the pages behind the first; 0: none yet */

static void write_between(const struct ncsdb_range *req, const struct ncsdb_range_result *res)
{
	if (req->end)
		page_rev = req->revision;
	/* After the second page: in front, in it, and behind. */
	if (++n_between != 2)
		return;
	put_quietly("/a/0", "100");
	put_quietly("/a/12", "100");
	put_quietly("/a/35", "100");
	ncsdb_txn(db,
		  &(struct ncsdb_txn){.then = (struct ncsdb_op[]){op_del("/a/1"), op_del("/a/39"),
								  op_del("/a/13")},
				      .n_then = 3},
		  NULL, NULL);
	put_quietly("/a/13", "101");
}

static void fill(void)
{
	for (int i = 0; i < KEYS; i++)
		set(i, i);
}

static void test_pages(void **state)
{
	fill();
	ncsdb_follow_limits.page = 7;
	front.between = write_between;
	n_between = 0;
	begin();
	wait_lists(1);
	assert_int_equal(page_rev, KEYS + 1); /* all of one revision */
	turn();
	same();
	assert_int_equal(front.n_ranges, 6);
	assert_int_equal(front.largest, 8);
	assert_int_equal(stats.keys, KEYS - 2);
	assert_int_equal(stats.gaps, 0);
	/* Nothing is told twice, and an audit in pages finds nothing. */
	n_puts = 0;
	n_between = 1000;
	ncsdb_follow_audit(follow);
	turn();
	same();
	assert_int_equal(n_puts, 0);
	assert_int_equal(stats.audit_repaired, 0);
}

static void compact_between(const struct ncsdb_range *req, const struct ncsdb_range_result *res)
{
	write_between(req, res);
	if (n_between == 3)
		assert_int_equal(ncsdb_compact(db, status().revision), 0);
}

static void test_compacted_between_pages(void **state)
{
	fill();
	ncsdb_follow_limits.page = 7;
	front.between = compact_between;
	n_between = 0;
	begin();
	wait_lists(1);
	turn();
	same();
	assert_int_equal(stats.lists, 1);
	assert_int_equal(stats.gaps, 0);
	del("/a/5");
	set(6, 1000);
	turn();
	same();
	assert_int_equal(stats.gaps, 0);
}

static void lose_between(const struct ncsdb_range *req, const struct ncsdb_range_result *res)
{
	if (++n_between != 3)
		return;
	put_quietly("/a/0", "100");
	ncsdb_txn(db, &(struct ncsdb_txn){.then = (struct ncsdb_op[]){op_del("/a/1")}, .n_then = 1},
		  NULL, NULL);
	assert_int_equal(ncsdb_compact(db, status().revision), 0);
	feed_ends(-ERANGE);
}

static void test_feed_lost_during_a_list(void **state)
{
	fill();
	ncsdb_follow_limits.page = 7;
	front.between = lose_between;
	n_between = 0;
	begin();
	wait_lists(1);
	turn();
	same();
	assert_int_equal(stats.gaps, 0);
	assert_int_equal(stats.audit_repaired, 0);
}

/* ---- lists that fail ---- */

static void test_lists_are_tried_again(void **state)
{
	static const int errors[] = {-ETIMEDOUT, -EHOSTUNREACH, -EAGAIN, -EIO, -ERANGE, -ESTALE};

	set(1, 1);
	begin();
	wait_lists(1);
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		set(1, (int)i);
		front.range_status = errors[i];
		front.range_fails = 3;
		feed_ends(-ERANGE);
		del("/a/2");
		set(1, 10 + (int)i);
		assert_true(mirror[1].there); /* what is known stays */
		wait_lists(i + 2);
		same();
		assert_int_equal(front.range_fails, 0);
		set(2, 1);
		turn();
		same();
	}
	assert_int_equal(n_failed, 0);
	assert_int_equal(n_dels, 5);
}

static void test_pages_get_smaller_and_larger(void **state)
{
	fill();
	ncsdb_follow_limits.page = 128;
	front.range_status = -EIO;
	front.range_fails = 2;
	begin();
	wait_lists(1);
	same();
	assert_int_equal(front.largest, 32);
	ncsdb_follow_audit(follow);
	wait_lists(2);
	assert_int_equal(front.largest, KEYS);
}

static void test_not_synced_while_lists_fail(void **state)
{
	front.range_status = -EHOSTUNREACH;
	front.range_fails = 3;
	begin();
	run_ms(3);
	ncsdb_follow_stats(follow, &stats);
	assert_false(stats.synced);
	assert_int_equal(n_synced, 0);
	wait_lists(1);
	assert_true(stats.synced);
	feed_ends(-ERANGE);
	ncsdb_follow_stats(follow, &stats);
	assert_false(stats.synced);
	wait_lists(2);
	assert_true(stats.synced);
}

/* ---- another cluster, lost revisions ---- */

static void test_another_cluster(void **state)
{
	for (int i = 0; i < 100; i++)
		set(1, i);
	set(2, 1);
	set(3, 1);
	begin();
	wait_lists(1);
	feed_lost();
	del("/a/2");
	set(4, 1);
	front.shift = 50; /* its revisions are smaller */
	n_puts = 0;
	feed_ends(-ESTALE);
	turn();
	same();
	assert_int_equal(n_puts, 3); /* unchanged ones, too */
	assert_int_equal(stats.lists, 2);
	set(1, 1000);
	set(3, 1000);
	turn();
	same();
	assert_int_equal(stats.gaps, 0);
}

static void test_a_smaller_revision_that_nobody_told(void **state)
{
	for (int i = 0; i < 100; i++)
		set(1, i);
	begin();
	wait_lists(1);
	feed_lost();
	set(1, 1000);
	set(2, 1);
	front.shift = 50;
	feed_ends(-ERANGE);
	turn();
	same();
	assert_int_equal(mirror[1].value, 1000);
	set(1, 1001);
	turn();
	same();
	assert_int_equal(stats.gaps, 0);
}

/* ---- behind ---- */

static void test_behind(void **state)
{
	begin();
	wait_lists(1);
	ncsdb_follow_limits.behind = 100;
	front.lag = 100;
	set(1, 1);
	turn();
	same();
	assert_int_equal(stats.behind, 0);
	front.lag = 102;
	for (int i = 0; i < 64; i++)
		set(2, i);
	turn();
	front.lag = 0;
	turn();
	same();
	assert_int_equal(stats.behind, 1);
	assert_int_equal(stats.lists, 2);
}

/* To take a few more events than there are keys costs less than to list all of them. */
static void test_behind_but_many_keys(void **state)
{
	fill();
	begin();
	wait_lists(1);
	ncsdb_follow_limits.behind = 1;
	front.lag = KEYS - 2;
	for (int i = 0; i < 200; i++) {
		set(2, i);
		turn();
	}
	same();
	assert_int_equal(stats.behind, 0);
}

/* ---- all of it ---- */

static void one_fault(unsigned int *seed)
{
	static const int errors[] = {-ETIMEDOUT, -EHOSTUNREACH, -EAGAIN, -EIO};

	switch (rand_r(seed) % 12) {
	case 0:
		feed_lost();
		break;
	case 1:
		ncsdb_compact(db, status().revision);
		break;
	case 2:
		front.range_status = errors[rand_r(seed) % 4];
		front.range_fails = 1 + rand_r(seed) % 3;
		break;
	case 3:
		ncsdb_follow_audit(follow);
		break;
	case 4:
		ncsdb_follow_limits.page = 1 + rand_r(seed) % 20;
		break;
	case 5:
		feed_ends(rand_r(seed) % 2 ? -ERANGE : -ESTALE);
		break;
	case 6:
	case 7:
		feed_resumes();
		break;
	default:
		change_some(seed, 1 + rand_r(seed) % 5);
	}
}

/* Whatever comes: nothing false in the end, nothing lost that was not, and no false alarm. */
static void test_chaos(void **state)
{
	unsigned int seed = 20260;

	ncsdb_follow_limits.retry_ms = 1;
	begin();
	for (int i = 0; i < 6000; i++) {
		one_fault(&seed);
		for (unsigned int n = rand_r(&seed) % 4; n > 0; n--)
			uv_run(&loop, UV_RUN_NOWAIT);
		if (i % 300 != 299)
			continue;
		front.range_fails = 0;
		feed_resumes();
		set(0, i);
		run_ms(30);
		same();
		assert_true(stats.synced);
		assert_int_equal(stats.gaps, 0);
		assert_int_equal(stats.audit_repaired, 0);
		assert_true(told >= status().revision);
	}
	assert_true(n_synced > 100);
	assert_int_equal(n_failed, 0);
}

/* ---- cost ---- */

static void on_nothing(void *arg, const struct ncsdb_kv *kv)
{
}

static void on_nothing_gone(void *arg, const char *key, int64_t revision)
{
}

static void test_bytes_of_a_key(void **state)
{
	static const struct ncsdb_follow_ops quiet = {.put = on_nothing, .del = on_nothing_gone};
	char key[64];

	for (int i = 0; i < 20000; i++) {
		snprintf(key, sizeof(key), "/san/status/0x%x/instance-%d/cpu_load", i % 100, i);
		assert_int_equal(put_quietly(key, "1"), 0);
	}
	assert_int_equal(ncsdb_follow_start(&front.base, "/san/status/", &quiet, NULL, &follow), 0);
	wait_lists(1);
	assert_int_equal(stats.keys, 20000);
	assert_int_equal(front.largest, FOLLOW_PAGE + 1);
	front.largest = 0;
	ncsdb_follow_audit(follow);
	wait_lists(2);
	assert_int_equal(front.largest, FOLLOW_LIVE_PAGE + 1);
	assert_int_equal(stats.audit_repaired, 0);
	/* 32 bytes of text among them; the allocator of the sanitizers is of the same size. */
	assert_in_range(stats.bytes / stats.keys, 40, 100);
	assert_int_equal(put_quietly("/san/status/0x1/last/sid", "x"), 0);
	turn();
	ncsdb_follow_stats(follow, &stats);
	assert_int_equal(stats.keys, 20001);
	ops_sync((struct ncsdb_op[]){op_del_prefix("/san/status/")}, 1);
	turn();
	ncsdb_follow_stats(follow, &stats);
	assert_int_equal(stats.keys, 0);
	assert_true(stats.bytes < 256 * 1000);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_1000_compactions_under_a_lost_feed),
		T(test_watches_that_never_hold),
		T(test_healthy_feeds_have_no_gaps),
		T(test_audit_finds_what_was_lost),
		T(test_audit_of_the_last_event),
		T(test_a_slow_watch_is_no_loss),
		T(test_audits_come_by_themselves),
		T(test_pages),
		T(test_compacted_between_pages),
		T(test_feed_lost_during_a_list),
		T(test_lists_are_tried_again),
		T(test_pages_get_smaller_and_larger),
		T(test_not_synced_while_lists_fail),
		T(test_another_cluster),
		T(test_a_smaller_revision_that_nobody_told),
		T(test_behind),
		T(test_behind_but_many_keys),
		T(test_chaos),
		T(test_bytes_of_a_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
