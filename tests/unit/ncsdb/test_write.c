/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/ncsdb/harness.h"

#include "ncsdb/write.h"

static struct ncsdb_writer writer;

struct answer {
	bool done, created;
	int status;
	int64_t revision;
};
static struct answer a;

static void on_answer(void *arg, int rc, int64_t revision, bool created)
{
	assert_false(a.done);
	a = (struct answer){true, created, rc, revision};
}

static const struct ncsdb_write_done done = {on_answer, NULL};

static int setup(void **state)
{
	memory_setup(state);
	ncsdb_writer_init(&writer, db);
	a = (struct answer){0};
	return 0;
}

static int teardown(void **state)
{
	ncsdb_writer_fini(&writer);
	return memory_teardown(state);
}

static int commit(struct ncsdb_write *w)
{
	struct err err = {0};
	int rc;

	a = (struct answer){0};
	rc = ncsdb_write_commit(w, done, &err);
	if (rc) {
		assert_int_equal(err.code, rc);
		assert_false(a.done);
		return rc;
	}
	assert_false(a.done);
	wait_for(&a.done);
	return a.status;
}

/* Nobody follows in most tests. */
static struct ncsdb_write *seeing(void)
{
	ncsdb_writer_seen(&writer, INT64_MAX);
	return ncsdb_write_new(&writer);
}

static struct ncsdb_write *put_if(int64_t if_revision, const char *key, const char *value)
{
	struct ncsdb_write *w = seeing();

	ncsdb_write_if(w, if_revision, "%s", key);
	ncsdb_write_put(w, 0, value, "%s", key);
	return w;
}

static void test_created_and_revision(void **state)
{
	assert_int_equal(commit(put_if(ANY_REVISION, "a", "1")), 0);
	assert_true(a.created);
	assert_int_equal(a.revision, status().revision);
	assert_int_equal(commit(put_if(ANY_REVISION, "a", "2")), 0);
	assert_false(a.created);
	assert_int_equal(commit(put_if(0, "a", "3")), -ESTALE);
	assert_int_equal(commit(put_if(a.revision - 1, "a", "3")), -ESTALE);
	assert_int_equal(commit(put_if(status().revision, "a", "3")), 0);
	assert_false(a.created);
	assert_int_equal(commit(put_if(0, "b", "1")), 0);
	assert_true(a.created);
	assert_string_equal(get("a"), "a=3@4");
}

static void test_deletion(void **state)
{
	struct ncsdb_write *w = seeing();

	ncsdb_write_del(w, "a");
	assert_int_equal(commit(w), -ENOENT);
	w = seeing();
	ncsdb_write_del(w, "a");
	ncsdb_write_may_be_absent(w);
	assert_int_equal(commit(w), 0);
	put("a/1", "x");
	put("a/2", "x");
	put("b", "x");
	w = seeing();
	ncsdb_write_del_prefix(w, "%s/", "a");
	assert_int_equal(commit(w), 0);
	assert_false(a.created);
	assert_string_equal(list(""), "b=x@4");
}

static void test_conditions(void **state)
{
	int64_t first = put("a", "1"), second = put("b", "1");
	struct ncsdb_write *w = seeing();

	ncsdb_write_need(w, "c");
	ncsdb_write_put(w, 0, "1", "x");
	assert_int_equal(commit(w), -ENOENT);
	w = seeing();
	ncsdb_write_need(w, "a");
	ncsdb_write_not_newer(w, second, "a");
	ncsdb_write_not_newer(w, second, "b");
	ncsdb_write_not_newer(w, second, "absent");
	ncsdb_write_put(w, 0, "1", "x");
	assert_int_equal(commit(w), 0);
	w = seeing();
	ncsdb_write_not_newer(w, first, "b");
	ncsdb_write_put(w, 0, "2", "x");
	assert_int_equal(commit(w), -ESTALE);
	put("a", "2");
	w = seeing();
	ncsdb_write_fence(w, first, "a");
	ncsdb_write_put(w, 0, "3", "x");
	assert_int_equal(commit(w), 0);
	w = seeing();
	ncsdb_write_fence(w, second, "a");
	ncsdb_write_put(w, 0, "4", "x");
	assert_int_equal(commit(w), -ESTALE);
}

static void test_waits_until_seen(void **state)
{
	struct ncsdb_write *w = ncsdb_write_new(&writer);

	ncsdb_write_put(w, 0, "1", "a");
	assert_int_equal(ncsdb_write_commit(w, done, NULL), 0);
	settle();
	assert_false(a.done);
	ncsdb_writer_seen(&writer, status().revision - 1);
	assert_false(a.done);
	ncsdb_writer_seen(&writer, status().revision);
	assert_true(a.done);
	assert_int_equal(a.status, 0);
	/* No event will come of this one: nothing to wait for. */
	w = ncsdb_write_new(&writer);
	ncsdb_write_del(w, "b");
	ncsdb_write_may_be_absent(w);
	writer.seen = 0;
	assert_int_equal(commit(w), 0);
}

static void test_end_of_the_writer(void **state)
{
	struct ncsdb_write *w = ncsdb_write_new(&writer);

	ncsdb_write_put(w, 0, "1", "a");
	assert_int_equal(ncsdb_write_commit(w, done, NULL), 0);
	settle();
	ncsdb_writer_fini(&writer); /* durable, not seen: answered now */
	assert_true(a.done);
	assert_int_equal(a.status, 0);
	a.done = false;
	w = ncsdb_write_new(&writer);
	ncsdb_write_put(w, 0, "2", "a");
	assert_int_equal(ncsdb_write_commit(w, done, NULL), 0);
	ncsdb_writer_fini(&writer); /* the database has it still */
	assert_false(a.done);
	settle();
	assert_true(a.done);
	/* Nobody wants to know. */
	w = ncsdb_write_new(&writer);
	ncsdb_write_put(w, 0, "3", "a");
	assert_int_equal(ncsdb_write_commit(w, (struct ncsdb_write_done){NULL, NULL}, NULL), 0);
	ncsdb_writer_seen(&writer, INT64_MAX);
	settle();
	assert_null(writer.flying.head);
}

static int releases;

static void on_release(void *arg, void *hold)
{
	assert_ptr_equal(arg, &writer);
	assert_ptr_equal(hold, &a);
	releases++;
}

static void test_holds(void **state)
{
	struct ncsdb_write *w;

	releases = 0;
	w = put_if(0, "a", "1");
	ncsdb_write_hold(w, on_release, &writer, &a);
	assert_int_equal(commit(w), 0);
	assert_int_equal(releases, 1);
	w = put_if(0, "a", "1");
	ncsdb_write_hold(w, on_release, &writer, &a);
	assert_int_equal(commit(w), -ESTALE);
	assert_int_equal(releases, 2);
	w = put_if(0, "", "1");
	ncsdb_write_hold(w, on_release, &writer, &a);
	assert_int_equal(commit(w), -EINVAL);
	assert_int_equal(releases, 3);
	w = put_if(0, "a", "1");
	ncsdb_write_hold(w, on_release, &writer, &a);
	ncsdb_write_free(w);
	assert_int_equal(releases, 4);
	ncsdb_write_hold(NULL, on_release, &writer, &a);
	assert_int_equal(releases, 5);
	/* Dropped with its owner. */
	w = put_if(ANY_REVISION, "a", "1");
	ncsdb_write_hold(w, on_release, &writer, &a);
	assert_int_equal(ncsdb_write_commit(w, (struct ncsdb_write_done){NULL, NULL}, NULL), 0);
	ncsdb_writer_fini(&writer);
	settle();
	assert_int_equal(releases, 5);
}

static void test_too_many_changes(void **state)
{
	struct ncsdb_write *w = seeing();

	for (int i = 0; i < NCSDB_TXN_MAX; i++)
		ncsdb_write_put(w, 0, "1", "k%d", i);
	assert_int_equal(commit(w), 0);
	w = seeing();
	for (int i = 0; i <= NCSDB_TXN_MAX; i++)
		ncsdb_write_put(w, 0, "1", "k%d", i);
	assert_int_equal(commit(w), -ENOSPC);
	w = seeing();
	for (int i = 0; i < 9; i++)
		ncsdb_write_need(w, "k%d", i);
	ncsdb_write_put(w, 0, "1", "k");
	assert_int_equal(commit(w), -ENOSPC);
	w = seeing();
	ncsdb_write_put(w, 0, NULL, "k");
	assert_int_equal(commit(w), -ENOMEM);
	assert_int_equal(commit(NULL), -ENOMEM);
	ncsdb_write_free(NULL);
}

static void test_key_split(void **state)
{
	char parts[3][NAME_LEN], text[128] = "/p/";

	assert_int_equal(ncsdb_key_split("/p/a/b-1/c.d", "/p/", parts, 3), 3);
	assert_string_equal(parts[0], "a");
	assert_string_equal(parts[1], "b-1");
	assert_string_equal(parts[2], "c.d");
	assert_int_equal(ncsdb_key_split("/p/a", "/p/", parts, 3), 1);
	assert_int_equal(ncsdb_key_split("/q/a", "/p/", parts, 3), -EINVAL);
	assert_int_equal(ncsdb_key_split("/p/", "/p/", parts, 3), -EINVAL);
	assert_int_equal(ncsdb_key_split("/p/a//b", "/p/", parts, 3), -EINVAL);
	assert_int_equal(ncsdb_key_split("/p/a/", "/p/", parts, 3), -EINVAL);
	assert_int_equal(ncsdb_key_split("/p/a/b/c/d", "/p/", parts, 3), -EINVAL);
	assert_int_equal(ncsdb_key_split("/p/a b", "/p/", parts, 3), -EINVAL);
	memset(text + 3, 'x', NAME_LEN - 1);
	assert_int_equal(ncsdb_key_split(text, "/p/", parts, 3), 1);
	text[3 + NAME_LEN - 1] = 'x';
	assert_int_equal(ncsdb_key_split(text, "/p/", parts, 3), -EINVAL);
}

static void test_key_service(void **state)
{
	static const char *const bad[] = {"257", "0x0", "0X101", "0x0101", "0xA", "", "x"};
	uint64_t id = 0;

	assert_int_equal(ncsdb_key_service("0x101", &id), 0);
	assert_true(id == 0x101);
	assert_int_equal(ncsdb_key_service("0xffffffffffffffff", &id), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(ncsdb_key_service(bad[i], &id), -EINVAL);
	assert_true(id == UINT64_MAX);
}

static void test_refusals_are_told_once(void **state)
{
	struct ncsdb_refusals r = {0};
	uint64_t now = 100000000;
	char key[16];

	assert_true(ncsdb_refused(&r, "a", now));
	assert_false(ncsdb_refused(&r, "a", now));
	assert_true(ncsdb_refused(&r, "b", now));
	assert_false(ncsdb_refused(&r, "a", now + 3600 * UINT64_C(1000000)));
	assert_int_equal(r.count, 4);
	/* A flood of different keys is bounded too. */
	now += 7200 * UINT64_C(1000000);
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(ncsdb_refused(&r, key, now), i < NCSDB_REFUSALS);
	}
	assert_int_equal(r.count, 1004);
	assert_true(ncsdb_refused(&r, key, now + 61000000));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_created_and_revision),	T(test_deletion),	   T(test_conditions),
		T(test_waits_until_seen),	T(test_end_of_the_writer), T(test_holds),
		T(test_too_many_changes),	T(test_key_split),	   T(test_key_service),
		T(test_refusals_are_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
