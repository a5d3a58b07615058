/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncsdb/follow.h"
#include "unit/ncsdb/faulty.h"

#define OWN_CLOCK_JUMPS 1
#include "unit/own_clock.h"

/* ---- what the follower says, as text ---- */

static char text[4096];
static struct ncsdb_follow *follow;
static const char *stop_at; /* ends following at the call whose text starts so */

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
	size_t at = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + at, sizeof(text) - at, fmt, ap);
	va_end(ap);
	if (stop_at && strncmp(text + at, stop_at, strlen(stop_at)) == 0) {
		ncsdb_follow_stop(follow);
		follow = NULL;
	}
}

static void on_put(void *arg, const struct ncsdb_kv *kv)
{
	say("%s=%s ", kv->key, (const char *)kv->value);
}

static void on_del(void *arg, const char *key, int64_t revision)
{
	say("-%s@%lld ", key, (long long)revision);
}

static void on_synced(void *arg, int64_t revision)
{
	say("synced@%lld ", (long long)revision);
}

static void on_revision(void *arg, int64_t revision)
{
	say("rev@%lld ", (long long)revision);
}

static void on_failed(void *arg, int rc)
{
	say("failed:%d ", rc);
}

static const struct ncsdb_follow_ops ops = {
	.put = on_put,
	.del = on_del,
	.synced = on_synced,
	.revision = on_revision,
	.failed = on_failed,
};

static const char *said(void)
{
	static char copy[sizeof(text)];

	settle();
	strcpy(copy, text);
	text[0] = '\0';
	return copy;
}

static int setup(void **state)
{
	memory_setup(state);
	faulty_open();
	ncsdb_follow_limits.failed_ms = FOLLOW_FAILED_MS;
	ncsdb_follow_limits.retry_ms = FOLLOW_RETRY_MS;
	text[0] = '\0';
	stop_at = NULL;
	follow = NULL;
	return 0;
}

static int teardown(void **state)
{
	ncsdb_follow_stop(follow);
	return memory_teardown(state);
}

static void start(struct ncsdb *on)
{
	assert_int_equal(ncsdb_follow_start(on, "/a/", &ops, NULL, &follow), 0);
	assert_string_equal(text, "");
}

static void test_list_then_watch(void **state)
{
	struct ncsdb_op both[] = {op_put("/a/3", "z"), op_del("/a/1"), op_put("/b", "x")};

	put("/a/1", "x");
	put("/a/2", "y");
	put("/b", "no");
	start(db);
	assert_string_equal(said(), "/a/1=x /a/2=y synced@4 ");
	ops_sync(both, 3);
	put("/b", "no");
	assert_string_equal(said(), "/a/3=z -/a/1@5 rev@5 ");
	put("/a/1", "again");
	assert_string_equal(said(), "/a/1=again rev@7 ");
}

static void test_empty(void **state)
{
	start(db);
	assert_string_equal(said(), "synced@1 ");
	put("/a/1", "x");
	assert_string_equal(said(), "/a/1=x rev@2 ");
}

static void test_relist(void **state)
{
	put("/a/1", "x");
	put("/a/2", "x");
	put("/a/3", "x");
	put("/a/4", "x");
	start(&front.base);
	assert_string_equal(said(), "/a/1=x /a/2=x /a/3=x /a/4=x synced@5 ");
	feed_lost(); /* unseen from here on */
	del("/a/1");
	put("/a/2", "y");
	del("/a/3");
	put("/a/3", "x"); /* the same text, but another key's life */
	put("/a/5", "new");
	assert_string_equal(said(), "");
	feed_ends(-ERANGE);
	assert_string_equal(said(), "/a/2=y /a/3=x /a/5=new -/a/1@10 synced@10 ");
	put("/a/1", "back");
	assert_string_equal(said(), "/a/1=back rev@11 ");
	feed_ends(-ERANGE); /* nothing happened meanwhile */
	assert_string_equal(said(), "synced@11 ");
	del("/a/5");
	assert_string_equal(said(), "-/a/5@12 rev@12 ");
}

/* Told once, tried again from time to time, not waited for. */
static void test_failed_for_now(void **state)
{
	struct ncsdb_follow_stats stats;

	ncsdb_follow_limits.failed_ms = 50;
	start(&front.base);
	assert_string_equal(said(), "synced@1 ");
	feed_ends(-EACCES);
	assert_string_equal(said(), "failed:-13 ");
	ncsdb_follow_audit(follow); /* of no use now */
	front.range_status = -EACCES;
	front.range_fails = 2;
	put("/a/1", "x");
	assert_string_equal(said(), "");
	ncsdb_follow_stats(follow, &stats);
	assert_false(stats.synced);
	assert_true(stats.settled);
	run_ms(300);
	assert_string_equal(said(), "/a/1=x synced@2 ");
	assert_int_equal(front.range_fails, 0);
	ncsdb_follow_stats(follow, &stats);
	assert_true(stats.synced && stats.settled);
	feed_ends(-EACCES);
	assert_string_equal(said(), "failed:-13 ");
}

static void test_no_watch_for_now(void **state)
{
	ncsdb_follow_limits.failed_ms = 50;
	front.watch_error = -ENOSPC;
	start(&front.base);
	assert_string_equal(said(), "failed:-28 ");
	front.watch_error = 0;
	run_ms(150);
	assert_string_equal(said(), "synced@1 ");
	put("/a/1", "x");
	assert_string_equal(said(), "/a/1=x rev@2 ");
}

/* An answer that does not fit into memory: a smaller one does. */
static void test_no_memory_for_a_page(void **state)
{
	ncsdb_follow_limits.retry_ms = 20;
	front.range_status = -ENOMEM;
	front.range_fails = 2;
	start(&front.base);
	run_ms(200);
	assert_string_equal(said(), "synced@1 ");
	assert_int_equal(front.range_fails, 0);
}

static void stops_at(const char *what, const char *all)
{
	stop_at = what;
	start(db);
	settle();
	if (follow) {
		struct ncsdb_op both[] = {op_put("/a/3", "z"), op_del("/a/1")};

		ops_sync(both, 2);
	}
	assert_null(follow);
	assert_string_equal(said(), all);
	put("/a/1", "x");
	assert_string_equal(said(), "");
}

static void test_stop_from_callbacks(void **state)
{
	put("/a/1", "x");
	put("/a/2", "x");
	stops_at("/a/1", "/a/1=x ");
	stops_at("synced", "/a/1=x /a/2=x synced@4 ");
	stops_at("/a/3", "/a/1=x /a/2=x synced@5 /a/3=z ");
	stops_at("-/a/1", "/a/1=x /a/2=x /a/3=z synced@7 /a/3=z -/a/1@8 ");
	stops_at("rev", "/a/1=x /a/2=x /a/3=z synced@9 /a/3=z -/a/1@10 rev@10 ");
}

static void test_stop_before_the_list(void **state)
{
	put("/a/1", "x");
	start(db);
	ncsdb_follow_stop(follow);
	follow = NULL;
	assert_string_equal(said(), "");
	ncsdb_follow_stop(NULL);
}

static void test_close_before_the_list(void **state)
{
	start(db);
	db_close();
	assert_string_equal(text, "");
	ncsdb_follow_stop(follow);
	follow = NULL;
	memory_setup(state);
}

static void test_bad_prefix(void **state)
{
	assert_int_equal(ncsdb_follow_start(db, "\n", &ops, NULL, &follow), -EINVAL);
	assert_null(follow);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_list_then_watch),
		T(test_empty),
		T(test_relist),
		T(test_failed_for_now),
		T(test_no_watch_for_now),
		T(test_no_memory_for_a_page),
		T(test_stop_from_callbacks),
		T(test_stop_before_the_list),
		T(test_close_before_the_list),
		T(test_bad_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
