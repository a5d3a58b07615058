/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Back to a revision that can be read: which one, and only while it is the one. */
#include "unit/intent/unread.h"

/* What can be read is not looked for one number at a time: a head may say any. */
static void test_far_numbers(void **state)
{
	damage();
	raw_put("/san/nemo/head", "{\"commit\":3,\"tenants\":{\"a\":9000000000},\"legs\":[]}");
	RUN_UNTIL(host[0].commit == 3 && host[1].commit == 3);
	assert_int_equal(applied("a", SITE("br", "2")), -EIO);
	said(came[0].err, "revision 9000000000 is not kept");
	said(came[0].err, "roll back to 1");
	assert_int_equal(rolled_back(0, 0), 0);
	assert_int_equal(came[0].revision, 9000000001);
	assert_int_equal(applied("a", SITE("br", "2")), 0);
	raw_del("/san/nemo/revisions/a/0000000002");
	raw_del("/san/nemo/revisions/a/9000000001");
	assert_int_equal(rolled_back(0, 0), 0);
	said(stored("/san/nemo/revisions/a/9000000003"), "\"rollback_of\":1");
}

/* What helps is said as it is now. */
static void test_another_can_be_read(void **state)
{
	static const char first[] = "/san/nemo/revisions/a/0000000001";

	damage();
	assert_int_equal(applied("a", SITE("br", "2")), -EIO);
	said(came[0].err, "roll back to 1");
	raw_put(first, "garbage");
	assert_int_equal(applied("a", SITE("br", "2")), -EIO);
	said(came[0].err, "nor can those before");
	raw_put(first, RECORD("a", "1", "CREATE CFN vital Type host;"));
	assert_int_equal(applied("a", SITE("br", "2")), -EIO);
	said(came[0].err, "roll back to 1");
}

/* ---- what is decided when it is asked for is done while it is so ---- */

static void ask_rollback(int at, struct came *c)
{
	*c = (struct came){0};
	assert_int_equal(
		intent_rollback(host[at].in, "a", "op", 0, ANY_REVISION, on_result, c, &err), 0);
}

#define VITAL RECORD("a", "2", "CREATE CFN vital Type host;")

static void test_rollback_twice(void **state)
{
	struct intent_apply apply = asks("a", SITE("br", "2"));

	damage();
	raw_put("/san/nemo/revisions/a/0000000001", "garbage");
	ask_rollback(0, &came[0]);
	start(0, &came[1], &apply);
	ask_rollback(0, &came[2]);
	RUN_UNTIL(came[0].done && came[1].done && came[2].done);
	assert_int_equal(came[0].status, 0);
	assert_int_equal(came[1].status, 0);
	assert_int_equal(came[2].status, -ESTALE);
	said(came[2].err, "revision 2 of tenant a is not in force");
	assert_true(has(0, "a", "br"));
}

static void test_readable_before_its_turn(void **state)
{
	damage();
	raw_put("/san/nemo/revisions/a/0000000001", "garbage");
	raw_put("/san/nemo/stage", "{\"id\":\"0\",\"commit\":3,\"coordinator\":\"pe2\","
				   "\"tenants\":{\"a\":2},\"legs\":[]}");
	ask_rollback(0, &came[0]);
	raw_put("/san/nemo/revisions/a/0000000002", VITAL);
	raw_del("/san/nemo/stage");
	RUN_UNTIL(came[0].done);
	assert_int_equal(came[0].status, -ESTALE);
	assert_true(has(0, "a", "vital") && has(1, "a", "vital"));
}

/* Not the one in force, but one to go back to. */
static void test_better_one_before_its_turn(void **state)
{
	damage();
	raw_put("/san/nemo/revisions/a/0000000001", "garbage");
	raw_put("/san/nemo/stage", "{\"id\":\"0\",\"commit\":3,\"coordinator\":\"pe2\","
				   "\"tenants\":{\"a\":2},\"legs\":[]}");
	ask_rollback(0, &came[0]);
	raw_put("/san/nemo/revisions/a/0000000001",
		RECORD("a", "1", "CREATE CFN vital Type host;"));
	raw_del("/san/nemo/stage");
	RUN_UNTIL(came[0].done);
	assert_int_equal(came[0].status, -ESTALE);
	assert_int_equal(rolled_back(0, 0), 0);
	assert_true(has(0, "a", "vital") && has(1, "a", "vital"));
}

static void test_readable_while_it_is_prepared(void **state)
{
	damage();
	raw_put("/san/nemo/revisions/a/0000000001", "garbage");
	host[1].prepare = -EINPROGRESS;
	host[1].prepared = 0;
	ask_rollback(0, &came[0]);
	RUN_UNTIL(host[1].prepared == 1);
	raw_put("/san/nemo/revisions/a/0000000002", VITAL);
	intent_prepared(host[1].in, 3);
	RUN_UNTIL(came[0].done);
	assert_int_equal(came[0].status, -ESTALE);
	assert_true(has(0, "a", "vital") && has(1, "a", "vital"));
	assert_string_equal(stored("/san/nemo/stage"), "");
}

/* ---- figures ---- */

/* Those of objects that are gone with the same head. */
static void test_figures(void **state)
{
	damage();
	assert_int_equal(intent_stats_put(host[0].in, "a", "hq", 1, 2), 0);
	RUN_UNTIL(stored("/san/nemo/stats/pe1/a/hq")[0]);
	raw_put("/san/nemo/revisions/a/0000000002", VITAL);
	RUN_UNTIL(has(0, "a", "vital"));
	RUN_UNTIL(!stored("/san/nemo/stats/pe1/a/hq")[0]);
}

static uint64_t n_refused(void)
{
	struct intent_stats figures;

	intent_figures(host[1].in, &figures);
	return figures.bad;
}

/* Of several revisions that are gone each counts, once. */
static void test_each_counts(void **state)
{
	uint64_t before;

	assert_int_equal(applied("a", SITE("hq", "1")), 0);
	before = n_refused();
	raw_put("/san/nemo/head", "{\"commit\":2,\"tenants\":{\"a\":5,\"b\":5},\"legs\":[]}");
	RUN_UNTIL(host[1].commit == 2);
	assert_int_equal(n_refused(), before + 2);
	raw_put("/san/nemo/head",
		"{\"commit\":3,\"tenants\":{\"a\":5,\"b\":5,\"c\":5},\"legs\":[]}");
	RUN_UNTIL(host[1].commit == 3);
	assert_int_equal(n_refused(), before + 3);
	raw_put("/san/nemo/revisions/b/0000000009", "garbage");
	assert_int_equal(n_refused(), before + 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup_two, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(far_numbers),
		TEST(another_can_be_read),
		TEST(rollback_twice),
		TEST(readable_before_its_turn),
		TEST(better_one_before_its_turn),
		TEST(readable_while_it_is_prepared),
		TEST(figures),
		TEST(each_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
