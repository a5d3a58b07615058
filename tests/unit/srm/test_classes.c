/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Classifier rules, written and followed. */
#include "unit/srm/rig.h"

#include "srm/srm.h"

static struct srm *srm;
static struct answer a;

static int setup(void **state)
{
	rig_open();
	assert_int_equal(srm_open(db, &view, on_synced, NULL, &srm), 0);
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

static int put(const char *name, const char *text, int64_t if_revision)
{
	return answered(srm_class_put(srm, name, json(text), if_revision, into(&a), &err), &a);
}

static int del(const char *name, int64_t if_revision)
{
	return answered(srm_class_del(srm, name, if_revision, into(&a), &err), &a);
}

static uint64_t service_of(const char *name)
{
	const struct view_class *cls = view_class(&view, name);

	return cls ? cls->def.msg.service_id : 0;
}

static void test_put_is_seen_when_answered(void **state)
{
	assert_int_equal(put("web4", "{\"service\": \"0x101\", \"destination\": \"10.9.0.0/24\"}",
			     ANY_REVISION),
			 0);
	assert_true(a.created);
	assert_int_equal(service_of("web4"), 0x101);
	assert_int_equal(view_class(&view, "web4")->revision, a.revision);
	assert_string_equal(stored("/san/"),
			    "/san/classes/web4={\"destination\":\"10.9.0.0/24\",\"name\":\"web4\","
			    "\"priority\":0,\"service\":\"0x101\"}");
	assert_int_equal(put("web4", "{\"service\": 2}", ANY_REVISION), 0);
	assert_false(a.created);
	assert_int_equal(service_of("web4"), 2);
}

static void test_if_revision(void **state)
{
	int64_t first;

	assert_int_equal(put("x", "{\"service\": 1}", 0), 0);
	first = a.revision;
	assert_int_equal(put("x", "{\"service\": 2}", 0), -ESTALE);
	assert_int_equal(put("x", "{\"service\": 2}", first), 0);
	assert_int_equal(put("x", "{\"service\": 3}", first), -ESTALE);
	assert_int_equal(del("x", first), -ESTALE);
	assert_int_equal(service_of("x"), 2);
	assert_int_equal(del("x", ANY_REVISION), 0);
	assert_null(view_class(&view, "x"));
	assert_int_equal(del("x", ANY_REVISION), -ENOENT);
	assert_string_equal(stored("/san/"), "");
}

static void test_refuses_bad_input(void **state)
{
	int r = put("a b", "{\"service\": 1}", ANY_REVISION);

	refused(r, "/name", "must be a name");
	r = put("x", "{\"service\": 1, \"dscp\": 64}", ANY_REVISION);
	refused(r, "/dscp", "0..63");
	assert_string_equal(err.object, "class x");
	r = del("a b", ANY_REVISION);
	refused(r, "/name", "must be a name");
	assert_string_equal(stored("/san/"), "");
}

static void test_limit(void **state)
{
	int r;

	view.limits.classes = 2;
	assert_int_equal(put("a", "{\"service\": 1}", ANY_REVISION), 0);
	assert_int_equal(put("b", "{\"service\": 1}", ANY_REVISION), 0);
	r = put("c", "{\"service\": 1}", ANY_REVISION);
	assert_int_equal(r, -ENOSPC);
	refused(r, "", "at most 2 classifier rules");
	assert_int_equal(put("b", "{\"service\": 2}", ANY_REVISION), 0);
	raw_put("/san/classes/d", "{\"service\": 1}");
	assert_int_equal(srm_refused(srm), 1);
	assert_null(view_class(&view, "d"));
}

static void test_follows_what_others_write(void **state)
{
	raw_put("/san/classes/x", "{\"service\": 7}");
	assert_int_equal(service_of("x"), 7);
	raw_put("/san/classes/x", "{\"service\": 0}");
	assert_int_equal(service_of("x"), 7); /* the last good one */
	raw_put("/san/classes/a b", "{\"service\": 7}");
	raw_put("/san/classes/a/b", "{\"service\": 7}");
	raw_put("/san/classes/y", "{\"service\": 7, \"name\": \"z\"}");
	raw_put("/san/classes/y", "{");
	assert_int_equal(srm_refused(srm), 5);
	assert_int_equal(HASH_COUNT(view.classes), 1);
	raw_del("/san/classes/x");
	assert_null(view_class(&view, "x"));
}

static void test_lists_what_was_stored(void **state)
{
	assert_int_equal(put("x", "{\"service\": 7}", ANY_REVISION), 0);
	srm_close(srm);
	view_fini(&view);
	view_init(&view);
	synced = false;
	assert_int_equal(srm_open(db, &view, on_synced, NULL, &srm), 0);
	wait_for(&synced);
	assert_int_equal(service_of("x"), 7);
}

static void test_close_with_a_write_under_way(void **state)
{
	assert_int_equal(
		srm_class_put(srm, "x", json("{\"service\": 1}"), ANY_REVISION, into(&a), &err), 0);
	srm_close(srm);
	srm = NULL;
	wait_for(&a.done);
	assert_int_equal(a.status, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_put_is_seen_when_answered),
		T(test_if_revision),
		T(test_refuses_bad_input),
		T(test_limit),
		T(test_follows_what_others_write),
		T(test_lists_what_was_stored),
		T(test_close_with_a_write_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
