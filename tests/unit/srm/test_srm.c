/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/srm/rig.h"

#include "srm/srm.h"

static struct srm *srm;
static struct answer a;

static int setup(void **state)
{
	rig_open();
	assert_int_equal(srm_open(db, &view, on_synced, NULL, &srm), 0);
	assert_false(synced);
	wait_for(&synced);
	return 0;
}

static int teardown(void **state)
{
	srm_close(srm);
	srm = NULL;
	rig_close();
	json_drop();
	return 0;
}

static int put(uint64_t id, const char *text, int64_t if_revision)
{
	return answered(srm_service_put(srm, id, json(text), if_revision, into(&a), &err), &a);
}

static int del(uint64_t id, int64_t if_revision)
{
	return answered(srm_service_del(srm, id, if_revision, into(&a), &err), &a);
}

static void test_put_is_seen_when_answered(void **state)
{
	const struct view_service *svc;

	assert_int_equal(
		put(0x101, "{\"name\": \"web\", \"address\": \"2001:db8:5::101\"}", ANY_REVISION),
		0);
	assert_true(a.created);
	svc = view_service(&view, 0x101);
	assert_non_null(svc);
	assert_true(svc->registered);
	assert_string_equal(svc->def->name, "web");
	assert_int_equal(svc->revision, a.revision);
	assert_non_null(strstr(stored("/san/services/"), "/san/services/0x101={"));
	assert_int_equal(put(0x101, "{\"name\": \"www\"}", ANY_REVISION), 0);
	assert_false(a.created);
	assert_string_equal(svc->def->name, "www");
}

static void test_if_revision(void **state)
{
	int64_t first;

	assert_int_equal(put(0x101, "{}", 0), 0);
	assert_true(a.created);
	first = a.revision;
	assert_int_equal(put(0x101, "{}", 0), -ESTALE);
	assert_int_equal(put(0x101, "{\"name\": \"a\"}", first), 0);
	assert_false(a.created);
	assert_int_equal(put(0x101, "{\"name\": \"b\"}", first), -ESTALE);
	assert_string_equal(view_service(&view, 0x101)->def->name, "a");
	assert_int_equal(del(0x101, first), -ESTALE);
	assert_int_equal(put(0x102, "{}", first), -ESTALE);
	assert_null(view_service(&view, 0x102));
}

static void test_del(void **state)
{
	assert_int_equal(del(0x101, ANY_REVISION), -ENOENT);
	assert_int_equal(put(0x101, "{}", ANY_REVISION), 0);
	assert_int_equal(del(0x101, ANY_REVISION), 0);
	assert_false(a.created);
	assert_null(view_service(&view, 0x101));
	assert_string_equal(stored("/san/"), "");
	assert_int_equal(put(0x101, "{}", ANY_REVISION), 0);
	assert_int_equal(del(0x101, a.revision), 0);
}

static void test_refuses_bad_input(void **state)
{
	int r;

	r = put(0, "{}", ANY_REVISION);
	assert_int_equal(r, -EINVAL);
	refused(r, "/id", "must be 1..");
	r = put(0x101, "{\"margin\": 3}", ANY_REVISION);
	assert_int_equal(r, -EINVAL);
	assert_string_equal(err.object, "service 0x101");
	r = put(0x101, "{\"id\": \"0x102\"}", ANY_REVISION);
	assert_int_equal(r, -EINVAL);
	assert_string_equal(stored("/san/"), "");
}

static void test_address_of_another(void **state)
{
	const char *one = "{\"address\": \"2001:db8:5::1\"}";
	struct answer b;
	int r;

	assert_int_equal(put(0x101, one, ANY_REVISION), 0);
	r = put(0x102, one, ANY_REVISION);
	assert_int_equal(r, -EEXIST);
	refused(r, "/address", "service 0x101 has it");
	assert_string_equal(err.value, "2001:db8:5::1");
	assert_int_equal(put(0x101, one, ANY_REVISION), 0);
	/* Given up by its holder, it is free. */
	assert_int_equal(put(0x101, "{\"address\": \"2001:db8:5::2\"}", ANY_REVISION), 0);
	assert_int_equal(put(0x102, one, ANY_REVISION), 0);
	assert_int_equal(del(0x102, ANY_REVISION), 0);
	/* Two writes at once: the second one is refused at once, although nothing is stored yet. */
	assert_int_equal(srm_service_put(srm, 0x103, json(one), ANY_REVISION, into(&b), &err), 0);
	assert_int_equal(put(0x104, one, ANY_REVISION), -EEXIST);
	wait_for(&b.done);
	assert_int_equal(b.status, 0);
	/* A write that fails gives up what it asked for. */
	assert_int_equal(put(0x105, "{\"address\": \"2001:db8:5::5\"}", 77), -ESTALE);
	assert_int_equal(put(0x106, "{\"address\": \"2001:db8:5::5\"}", ANY_REVISION), 0);
}

/* Both versions are held, each by itself. */
static void test_address4_of_another(void **state)
{
	int r;

	assert_int_equal(put(0x101, "{\"address\": \"2001:db8:5::1\", \"address4\": \"10.9.0.1\"}",
			     ANY_REVISION),
			 0);
	r = put(0x102, "{\"address4\": \"10.9.0.1\"}", ANY_REVISION);
	assert_int_equal(r, -EEXIST);
	refused(r, "/address4", "service 0x101 has it");
	assert_string_equal(err.value, "10.9.0.1");
	assert_int_equal(put(0x102, "{\"address\": \"2001:db8:5::1\"}", ANY_REVISION), -EEXIST);
	assert_int_equal(put(0x101, "{\"address\": \"2001:db8:5::1\"}", ANY_REVISION), 0);
	assert_int_equal(put(0x102, "{\"address4\": \"10.9.0.1\"}", ANY_REVISION), 0);
	raw_put("/san/services/0x3", "{\"address4\": \"10.9.0.1\"}");
	assert_int_equal(srm_refused(srm), 1);
	assert_int_equal(del(0x102, ANY_REVISION), 0);
	assert_int_equal(put(0x104, "{\"address4\": \"10.9.0.1\"}", ANY_REVISION), 0);
}

static void test_follows_what_others_write(void **state)
{
	raw_put("/san/services/0x7", "{\"name\": \"seven\"}");
	assert_string_equal(view_service(&view, 7)->def->name, "seven");
	raw_del("/san/services/0x7");
	assert_null(view_service(&view, 7));
	assert_int_equal(srm_refused(srm), 0);
}

static void test_keeps_the_last_good_one(void **state)
{
	static const char *const bad_keys[] = {
		"/san/services/257",   "/san/services/0x0",	    "/san/services/0X101",
		"/san/services/0x001", "/san/services/0x101/extra", "/san/services/web",
	};
	static const char *const bad_values[] = {
		"", "{", "[]", "{\"name\": 3}", "{\"id\": \"0x9\"}", "{\"a\": 1, \"a\": 1}",
	};
	unsigned int n = 0;

	raw_put("/san/services/0x7", "{\"name\": \"seven\"}");
	for (size_t i = 0; i < sizeof(bad_keys) / sizeof(*bad_keys); i++) {
		raw_put(bad_keys[i], "{}");
		assert_int_equal(srm_refused(srm), ++n);
		raw_del(bad_keys[i]);
	}
	for (size_t i = 0; i < sizeof(bad_values) / sizeof(*bad_values); i++) {
		raw_put("/san/services/0x7", bad_values[i]);
		assert_int_equal(srm_refused(srm), ++n);
		assert_string_equal(view_service(&view, 7)->def->name, "seven");
	}
	assert_int_equal(HASH_COUNT(view.services), 1);
}

static void test_stored_conflict_is_refused(void **state)
{
	raw_put("/san/services/0x1", "{\"address\": \"2001:db8::1\"}");
	raw_put("/san/services/0x2", "{\"address\": \"2001:db8::1\"}");
	assert_int_equal(srm_refused(srm), 1);
	assert_null(view_service(&view, 2));
}

static void test_limit_of_services(void **state)
{
	int r;

	view.limits.services = 2;
	assert_int_equal(put(1, "{}", ANY_REVISION), 0);
	assert_int_equal(put(2, "{}", ANY_REVISION), 0);
	r = put(3, "{}", ANY_REVISION);
	assert_int_equal(r, -ENOSPC);
	refused(r, "", "at most 2 services");
	assert_int_equal(put(2, "{}", ANY_REVISION), 0);
	raw_put("/san/services/0x9", "{}");
	assert_int_equal(srm_refused(srm), 1);
}

static void test_lists_what_was_stored(void **state)
{
	assert_int_equal(put(0x101, "{\"address\": \"2001:db8::1\"}", ANY_REVISION), 0);
	srm_close(srm);
	view_fini(&view);
	view_init(&view);
	synced = false;
	assert_int_equal(srm_open(db, &view, on_synced, NULL, &srm), 0);
	wait_for(&synced);
	assert_true(view_service(&view, 0x101)->registered);
	assert_int_equal(put(0x102, "{\"address\": \"2001:db8::1\"}", ANY_REVISION), -EEXIST);
}

/* Closed with writes under way: each is answered, once. */
static void test_close_with_writes_under_way(void **state)
{
	const char *one = "{\"address\": \"2001:db8::1\", \"address4\": \"10.0.0.1\"}";

	assert_int_equal(srm_service_put(srm, 1, json(one), ANY_REVISION, into(&a), &err), 0);
	srm_close(srm);
	srm = NULL;
	wait_for(&a.done);
	assert_int_equal(a.status, 0);
	assert_int_equal(srm_open(db, &view, NULL, NULL, &srm), 0);
	assert_int_equal(srm_service_put(srm, 2, json("{}"), ANY_REVISION, into(&a), &err), 0);
	srm_close(srm);
	srm = NULL;
	ncsdb_close(db);
	db = NULL;
	wait_for(&a.done);
}

static void test_stats(void **state)
{
	struct ncsdb_follow_stats s;

	srm_follow_stats(srm, &s);
	assert_true(s.synced);
	assert_int_equal(s.lists, 2);
	assert_int_equal(put(0x101, "{\"id\": \"0x101\"}", ANY_REVISION), 0);
	srm_follow_stats(srm, &s);
	assert_int_equal(s.keys, 1);
	assert_int_equal(s.revision, 2);
	assert_int_equal(s.gaps, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_put_is_seen_when_answered),
		T(test_if_revision),
		T(test_del),
		T(test_refuses_bad_input),
		T(test_address_of_another),
		T(test_address4_of_another),
		T(test_follows_what_others_write),
		T(test_keeps_the_last_good_one),
		T(test_stored_conflict_is_refused),
		T(test_limit_of_services),
		T(test_lists_what_was_stored),
		T(test_stats),
		T(test_close_with_writes_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
