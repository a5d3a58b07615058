/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes whose follower or whose answer does not come. */
#include "ncsdb/write.h"
#include "unit/ncsdb/faulty.h"

#define OWN_CLOCK_JUMPS 1
#include "unit/own_clock.h"

static struct ncsdb_writer writer;
static int n_done, last_status, releases, start_more;
static int64_t last_revision;

static void on_release(void *arg, void *held)
{
	releases++;
}

static void start_write(const char *key);

static void on_done(void *arg, int rc, int64_t revision, bool created)
{
	n_done++;
	last_status = rc;
	last_revision = revision;
	if (start_more-- > 0)
		start_write("/more");
}

static void start_write(const char *key)
{
	struct ncsdb_write *w = ncsdb_write_new(&writer);

	ncsdb_write_put(w, 0, "1", "%s", key);
	ncsdb_write_hold(w, on_release, NULL, NULL);
	assert_int_equal(ncsdb_write_commit(w, (struct ncsdb_write_done){on_done, NULL}, NULL), 0);
}

static int setup(void **state)
{
	memory_setup(state);
	ncsdb_writer_init(&writer, faulty_open());
	n_done = releases = start_more = 0;
	last_status = 1;
	return 0;
}

static int teardown(void **state)
{
	ncsdb_writer_fini(&writer);
	return memory_teardown(state);
}

static void test_the_follower_does_not_come(void **state)
{
	start_write("/a");
	start_write("/b");
	run_ms(100);
	assert_int_equal(n_done, 0);
	run_ms(WRITE_PATIENCE_MS + WRITE_PATIENCE_MS / 2);
	assert_int_equal(n_done, 2);
	assert_int_equal(last_status, 0);
	assert_int_equal(last_revision, 3);
	assert_int_equal(releases, 2);
}

static void test_done_may_write_and_end(void **state)
{
	start_more = 1;
	start_write("/a");
	run_ms(WRITE_PATIENCE_MS + WRITE_PATIENCE_MS / 2);
	assert_int_equal(n_done, 1);
	run_ms(WRITE_PATIENCE_MS + WRITE_PATIENCE_MS / 2);
	assert_int_equal(n_done, 2);
}

static void test_in_order_of_the_follower(void **state)
{
	start_write("/a");
	start_write("/b");
	start_write("/c");
	run_ms(10);
	ncsdb_writer_seen(&writer, 3);
	assert_int_equal(n_done, 2);
	assert_int_equal(last_revision, 3);
	ncsdb_writer_seen(&writer, 4);
	assert_int_equal(n_done, 3);
}

/* It may have happened: told at once, but what it holds is not free. */
static void test_no_answer(void **state)
{
	front.txn_status = -ETIMEDOUT;
	start_write("/a");
	run_ms(10);
	assert_int_equal(n_done, 1);
	assert_int_equal(last_status, -ETIMEDOUT);
	assert_int_equal(releases, 0);
	run_ms(WRITE_PATIENCE_MS + WRITE_PATIENCE_MS / 2);
	assert_int_equal(n_done, 1);
	assert_int_equal(releases, 1);
	start_write("/b"); /* ends with the writer */
	run_ms(10);
}

static void test_not_reached(void **state)
{
	front.txn_status = -EHOSTUNREACH;
	start_write("/a");
	run_ms(10);
	assert_int_equal(n_done, 1);
	assert_int_equal(last_status, -EHOSTUNREACH);
	assert_int_equal(releases, 1);
}

static void test_the_writer_ends_first(void **state)
{
	start_write("/a");
	run_ms(10);
	ncsdb_writer_fini(&writer);
	assert_int_equal(n_done, 1);
	assert_int_equal(last_status, 0);
	run_ms(10);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_the_follower_does_not_come),
		T(test_done_may_write_and_end),
		T(test_in_order_of_the_follower),
		T(test_no_answer),
		T(test_not_reached),
		T(test_the_writer_ends_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
