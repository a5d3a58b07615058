/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Versions that do not rise by one: what a follower makes of them, and how often. */
#include "unit/ncsdb/mirror.h"

static void test_a_version_that_jumps(void **state)
{
	set(1, 1);
	set(2, 1);
	begin();
	wait_lists(1);
	dropping("/a/1", true, false);
	set(1, 2);
	turn();
	assert_int_equal(dropped, 1);
	assert_int_equal(mirror[1].value, 1);
	/* It was not the only one. */
	drop_key = "/a/2";
	set(2, 2);
	turn();
	front.drop = NULL;
	set(1, 3);
	turn();
	same();
	assert_int_equal(stats.gaps, 1);
	assert_int_equal(stats.lists, 2);
	assert_int_equal(stats.audit_repaired, 1); /* /a/2 */
}

static void test_a_new_life_without_an_end(void **state)
{
	set(1, 1);
	set(1, 2);
	begin();
	wait_lists(1);
	dropping("/a/1", false, true);
	del("/a/1");
	set(1, 3); /* version 1 again */
	turn();
	same();
	assert_int_equal(stats.gaps, 1);
	assert_int_equal(stats.lists, 2);
}

static void test_keys_that_nobody_created(void **state)
{
	begin();
	wait_lists(1);
	dropping("/a/1", true, false);
	set(1, 1);
	front.drop = NULL;
	set(1, 2); /* version 2 */
	turn();
	same();
	assert_int_equal(stats.gaps, 1);
	dropping("/a/2", true, false);
	set(2, 1);
	del("/a/2");
	wait_lists(3);
	same();
	assert_int_equal(stats.gaps, 2);
	assert_int_equal(stats.lists, 3);
}

/* Somebody who makes one gap after the other does not make us list all the time. */
static void test_gaps_without_end(void **state)
{
	uint64_t lists;

	ncsdb_follow_limits.retry_ms = 40;
	begin();
	wait_lists(1);
	for (int i = 0; i < 100; i++) {
		dropping("/a/1", true, false);
		set(1, 2 * i);
		front.drop = NULL;
		set(1, 2 * i + 1);
		run_ms(5);
	}
	ncsdb_follow_stats(follow, &stats);
	assert_in_range(stats.gaps, 50, 100);
	/* At once, 40 ms later, 80, 160, 320. */
	assert_in_range(stats.lists, 3, 6);
	lists = stats.lists;
	run_ms(1000); /* the last one is mended, too; then it is quiet */
	same();
	assert_in_range(stats.lists, lists, lists + 1);
}

/* When it has been quiet, a gap is mended at once again. */
static void test_gaps_after_a_quiet_time(void **state)
{
	ncsdb_follow_limits.retry_ms = 40;
	begin();
	wait_lists(1);
	for (uint64_t i = 0; i < 3; i++) {
		dropping("/a/1", true, false);
		set(1, 1);
		front.drop = NULL;
		set(1, 2);
		turn();
		ncsdb_follow_stats(follow, &stats);
		assert_int_equal(stats.lists, i + 2);
		run_ms(100);
	}
}

static bool is_7(const struct ncsdb_event *event)
{
	return event->kv.value_len == 1 && *(const char *)event->kv.value == '7';
}

/* Its value is forgotten; the versions before and after it fit together. */
static void test_values_that_do_not_fit(void **state)
{
	front.unfit = is_7;
	set(1, 1);
	set(2, 1);
	begin();
	wait_lists(1);
	set(1, 7);
	turn();
	assert_false(mirror[1].there);
	set(1, 7);
	set(3, 7); /* a new key */
	turn();
	ncsdb_follow_stats(follow, &stats);
	assert_int_equal(stats.keys, 1);
	ncsdb_follow_audit(follow);
	turn();
	ncsdb_follow_stats(follow, &stats);
	assert_int_equal(stats.lists, 2);
	assert_int_equal(n_puts, 2);
	set(1, 2);
	set(3, 2);
	turn();
	same();
	set(1, 7);
	del(key_of(1)); /* without a value: nothing to tell */
	turn();
	assert_int_equal(n_dels, 2);
	set(1, 3);
	turn();
	same();
	assert_int_equal(stats.gaps, 0);
	assert_int_equal(stats.lists, 2);
	assert_int_equal(stats.audit_repaired, 0);
}

/* An event that was left out is found there, too. */
static void test_gaps_around_values_that_do_not_fit(void **state)
{
	front.unfit = is_7;
	set(1, 1);
	begin();
	wait_lists(1);
	dropping("/a/1", true, false);
	set(1, 2);
	front.drop = NULL;
	set(1, 7);
	turn();
	ncsdb_follow_stats(follow, &stats);
	assert_int_equal(stats.gaps, 1);
	run_ms(100);
	dropping("/a/1", true, false);
	set(1, 2);
	front.drop = NULL;
	set(1, 3);
	run_ms(50);
	same();
	assert_int_equal(stats.gaps, 2);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_version_that_jumps),
		T(test_a_new_life_without_an_end),
		T(test_keys_that_nobody_created),
		T(test_gaps_without_end),
		T(test_gaps_after_a_quiet_time),
		T(test_values_that_do_not_fit),
		T(test_gaps_around_values_that_do_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
