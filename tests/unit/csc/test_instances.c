/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/csc/rig.h"

#include "util/clock.h"

static void test_put_is_seen_when_answered(void **state)
{
	assert_int_equal(put(0x101, "a",
			     "{\"gateway\": \"gw2\", \"address\": \"2001:db8:2a::2\", "
			     "\"sid\": \"5f00:0:2:100::\", \"state\": \"draining\", "
			     "\"attributes\": {\"cpu_load\": 3.5, \"queue_us\": \"7\"}}",
			     ANY_REVISION),
			 0);
	assert_true(a.created);
	assert_string_equal(seen("a")->gateway, "gw2");
	assert_string_equal(addr_text(&seen("a")->address), "2001:db8:2a::2");
	assert_string_equal(addr_text(&seen("a")->sid), "5f00:0:2:100::");
	assert_int_equal(seen("a")->state, INSTANCE_DRAINING);
	assert_int_equal(seen("a")->revision, a.revision);
	assert_int_equal(value("a", ATTR_CPU_LOAD), 3500);
	assert_string_equal(stored("/san/"), "/san/status/0x101/a/address=2001:db8:2a::2 "
					     "/san/status/0x101/a/cpu_load=3.5 "
					     "/san/status/0x101/a/gateway=gw2 "
					     "/san/status/0x101/a/queue_us=7 "
					     "/san/status/0x101/a/sid=5f00:0:2:100:: "
					     "/san/status/0x101/a/state=draining");
}

static void test_ipv4_address(void **state)
{
	int r;

	assert_int_equal(
		put(0x101, "a", "{\"gateway\": \"gw2\", \"address\": \"10.2.0.5\"}", ANY_REVISION),
		0);
	assert_string_equal(addr_text(&seen("a")->address), "::ffff:10.2.0.5");
	assert_string_equal(stored("/san/"), "/san/status/0x101/a/address=10.2.0.5 "
					     "/san/status/0x101/a/gateway=gw2");
	raw_put("/san/status/0x101/a/address", "10.2.0.6");
	assert_string_equal(addr_text(&seen("a")->address), "::ffff:10.2.0.6");
	r = put(0x101, "a", "{\"gateway\": \"gw2\", \"address\": \"127.0.0.1\"}", ANY_REVISION);
	refused(r, "/address", "IPv6 or IPv4 unicast");
	raw_put("/san/status/0x101/a/address", "::ffff:10.2.0.7");
	assert_int_equal(csc_refused(csc), 1);
	raw_put("/san/status/0x101/a/sid", "10.2.0.7");
	assert_int_equal(csc_refused(csc), 2);
	assert_string_equal(addr_text(&seen("a")->address), "::ffff:10.2.0.6");
}

static void test_put_replaces_the_whole(void **state)
{
	assert_int_equal(put(0x101, "a",
			     "{\"gateway\": \"gw2\", \"address\": \"2001:db8:2a::2\", "
			     "\"sid\": \"5f00:0:2:100::\", \"state\": \"down\", "
			     "\"attributes\": {\"cpu_load\": 3.5, \"queue_us\": 7}}",
			     ANY_REVISION),
			 0);
	assert_int_equal(put(0x101, "a",
			     "{\"gateway\": \"gw3\", \"address\": \"2001:db8:3a::2\", "
			     "\"attributes\": {\"queue_us\": null}}",
			     ANY_REVISION),
			 0);
	assert_false(a.created);
	assert_int_equal(seen("a")->state, INSTANCE_UP);
	assert_string_equal(addr_text(&seen("a")->sid), "::");
	assert_int_equal(value("a", ATTR_CPU_LOAD), 3500);
	assert_int_equal(value("a", ATTR_QUEUE_US), -1);
	assert_string_equal(stored("/san/"), "/san/status/0x101/a/address=2001:db8:3a::2 "
					     "/san/status/0x101/a/cpu_load=3.5 "
					     "/san/status/0x101/a/gateway=gw3");
}

static void test_if_revision_covers_all_keys(void **state)
{
	int64_t first;
	int r;

	assert_int_equal(put(0x101, "a", GOOD, 0), 0);
	assert_true(a.created);
	first = a.revision;
	assert_int_equal(put(0x101, "a", GOOD, 0), -ESTALE);
	/* An attribute does not count, the state does. */
	assert_int_equal(status("a", "{\"cpu_load\": 3}"), 0);
	assert_int_equal(seen("a")->revision, first);
	assert_int_equal(put(0x101, "a", GOOD, first), 0);
	first = a.revision;
	assert_int_equal(status("a", "{\"state\": \"draining\"}"), 0);
	r = put(0x101, "a", GOOD, first);
	assert_int_equal(r, -ESTALE);
	refused(r, "", "changed meanwhile");
	assert_int_equal(del(0x101, "a", first), -ESTALE);
	assert_int_equal(put(0x101, "b", GOOD, first), -ESTALE);
	assert_int_equal(del(0x101, "a", seen("a")->revision), 0);
	assert_null(seen("a"));
}

/* The view does not know yet: the transaction itself must notice. */
static void test_if_revision_against_a_write_under_way(void **state)
{
	struct answer b;
	int64_t first;

	assert_int_equal(put(0x101, "a", GOOD, 0), 0);
	first = a.revision;
	assert_int_equal(
		csc_status_put(csc, 0x101, "a", json("{\"state\": \"down\"}"), into(&b), &err), 0);
	assert_int_equal(put(0x101, "a", GOOD, first), -ESTALE);
	wait_for(&b.done);
	assert_int_equal(b.status, 0);
}

static void test_del(void **state)
{
	assert_int_equal(del(0x101, "a", ANY_REVISION), -ENOENT);
	assert_int_equal(put(0x101, "a", GOOD, 0), 0);
	assert_int_equal(put(0x101, "aa", GOOD, 0), 0);
	assert_int_equal(status("a", "{\"cpu_load\": 3, \"state\": \"down\", \"x\": 1}"), 0);
	assert_int_equal(del(0x101, "a", ANY_REVISION), 0);
	assert_null(seen("a"));
	assert_non_null(seen("aa"));
	assert_int_equal(del(0x101, "aa", ANY_REVISION), 0);
	assert_null(view.services);
	assert_string_equal(stored("/san/"), "");
}

static void test_status(void **state)
{
	int r = status("a", "{\"cpu_load\": 3}");

	assert_int_equal(r, -ENOENT);
	refused(r, "", "is not registered");
	assert_string_equal(err.object, "instance 0x101/a");
	assert_int_equal(put(0x101, "a", GOOD, 0), 0);
	assert_int_equal(status("a", "{\"cpu_load\": 71.25, \"state\": \"draining\"}"), 0);
	assert_int_equal(value("a", ATTR_CPU_LOAD), 71250);
	assert_int_equal(seen("a")->state, INSTANCE_DRAINING);
	assert_int_equal(status("a", "{\"state\": null, \"cpu_load\": null}"), 0);
	assert_int_equal(seen("a")->state, INSTANCE_UP);
	assert_int_equal(value("a", ATTR_CPU_LOAD), -1);
	assert_int_equal(status("a", "{\"cpu_load\": null}"), 0);
}

static void test_status_after_a_deletion_under_way(void **state)
{
	struct answer b;

	assert_int_equal(put(0x101, "a", GOOD, 0), 0);
	assert_int_equal(csc_instance_del(csc, 0x101, "a", ANY_REVISION, into(&b), &err), 0);
	assert_int_equal(status("a", "{\"cpu_load\": 3}"), -ENOENT);
	wait_for(&b.done);
	assert_string_equal(stored("/san/"), "");
}

static void test_status_refusals(void **state)
{
	static const struct {
		const char *text, *field, *want;
	} bad[] = {
		{"{\"cpu_load\": 101}", "/cpu_load", "0..100"},
		{"{\"cpu_load\": \"nan\"}", "/cpu_load", "0..100"},
		{"{\"state\": \"gone\"}", "/state", "up, draining, down"},
		{"{\"state\": 1}", "/state", ""},
		{"{\"gateway\": \"gw3\"}", "", "part of the registration"},
		{"{\"address\": \"::2\"}", "", "part of the registration"},
		{"{\"sid\": \"::2\"}", "", "part of the registration"},
		{"{\"lease\": 4}", "", "part of the registration"},
		{"{}", "", "at least one"},
		{"[]", "", ""},
	};

	assert_int_equal(put(0x101, "a", GOOD, 0), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		int r = status("a", bad[i].text);

		assert_int_equal(r, -EINVAL);
		refused(r, bad[i].field, bad[i].want);
	}
	assert_int_equal(seen("a")->samples.n, 0);
}

static void test_put_refusals(void **state)
{
#define WITH(more) "{\"gateway\": \"gw2\", \"address\": \"2001:db8:2a::2\", " more "}"
	static const struct {
		const char *text, *field, *want;
		int code;
	} bad[] = {
		{"{}", "/gateway", "", -EINVAL},
		{"[]", "", "", -EINVAL},
		{"{\"gateway\": \"gw2\"}", "/address", "", -EINVAL},
		{"{\"gateway\": \"g w\", \"address\": \"2001:db8::1\"}", "/gateway", "name",
		 -EINVAL},
		{"{\"gateway\": \"gw2\", \"address\": \"10.0.0\"}", "/address", "IPv4", -EINVAL},
		{"{\"gateway\": \"gw2\", \"address\": \"ff02::1\"}", "/address", "IPv6", -EINVAL},
		{WITH("\"sid\": \"x\""), "/sid", "IPv6", -EINVAL},
		{WITH("\"state\": \"off\""), "/state", "up, draining, down", -EINVAL},
		{WITH("\"lease\": -1"), "/lease", "", -EINVAL},
		{WITH("\"lease\": 12345"), "/lease", "registered agent", -ENOENT},
		{WITH("\"weight\": 1"), "/weight", "", -EINVAL},
		{WITH("\"attributes\": {\"cpu_load\": -1}"), "/attributes/cpu_load", "0..100",
		 -EINVAL},
		{WITH("\"attributes\": {\"state\": \"up\"}"), "/attributes", "not an attribute",
		 -EINVAL},
		{WITH("\"attributes\": []"), "/attributes", "", -EINVAL},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		int r = put(0x101, "a", bad[i].text, ANY_REVISION);

		assert_int_equal(r, bad[i].code);
		refused(r, bad[i].field, bad[i].want);
		assert_string_equal(err.object, "instance 0x101/a");
	}
	assert_int_equal(put(0, "a", GOOD, ANY_REVISION), -EINVAL);
	assert_int_equal(put(0x101, "a/b", GOOD, ANY_REVISION), -EINVAL);
	assert_int_equal(del(0x101, "", ANY_REVISION), -EINVAL);
	assert_string_equal(stored("/san/"), "");
}

static void test_limits(void **state)
{
	char text[4096] = WITH("\"attributes\": {");
	int r;

	view.limits.instances = 1;
	assert_int_equal(put(0x101, "a", GOOD, 0), 0);
	r = put(0x101, "b", GOOD, 0);
	assert_int_equal(r, -ENOSPC);
	refused(r, "", "at most 1 instances");
	view.limits.instances = 10;
	view.limits.services = 1;
	r = put(0x102, "b", GOOD, 0);
	assert_int_equal(r, -ENOSPC);
	refused(r, "", "at most 1 services");
	text[strlen(text) - 1] = '\0';
	for (int i = 0; i <= ATTR_PER_OBJECT; i++)
		sprintf(text + strlen(text), "%s\"n%d\": 1", i ? "," : "", i);
	strcat(text, "}}");
	assert_int_equal(put(0x101, "a", text, ANY_REVISION), -ENOSPC);
	strcpy(strstr(text, ",\"n64\""), "}}");
	assert_int_equal(put(0x101, "a", text, ANY_REVISION), 0);
	assert_int_equal(seen("a")->samples.n, ATTR_PER_OBJECT);
	assert_int_equal(status("a", "{\"cpu_load\": 1}"), -ENOSPC);
	assert_int_equal(status("a", "{\"cpu_load\": 1, \"n3\": null}"), 0);
}

static void test_keeps_the_last_good_value(void **state)
{
	const char *key = "/san/status/0x101/a/cpu_load";

	assert_int_equal(put(0x101, "a", GOOD, 0), 0);
	assert_int_equal(status("a", "{\"cpu_load\": 71}"), 0);
	raw_put(key, "101");
	raw_put(key, "many");
	assert_int_equal(csc_refused(csc), 2);
	assert_int_equal(value("a", ATTR_CPU_LOAD), 71000);
	assert_true(samples_get(&seen("a")->samples, ATTR_CPU_LOAD)->refused);
	raw_put(key, "72");
	assert_int_equal(value("a", ATTR_CPU_LOAD), 72000);
	assert_false(samples_get(&seen("a")->samples, ATTR_CPU_LOAD)->refused);
	raw_put("/san/status/0x101/a/state", "tired");
	raw_put("/san/status/0x101/a/address", "nowhere");
	raw_put("/san/status/0x101/a/gateway", "g w");
	raw_put("/san/status/0x101/a/sid", "");
	assert_int_equal(csc_refused(csc), 6);
	assert_int_equal(seen("a")->state, INSTANCE_UP);
	assert_string_equal(addr_text(&seen("a")->address), "2001:db8:2a::2");
	assert_string_equal(seen("a")->gateway, "gw2");
	raw_put("/san/status/257/a/cpu_load", "1");
	raw_put("/san/status/0x101/cpu_load", "1");
	raw_put("/san/status/0x101/a/b/cpu_load", "1");
	assert_int_equal(csc_refused(csc), 9);
	assert_int_equal(HASH_COUNT(view.services), 1);
}

static void test_follows_single_keys(void **state)
{
	raw_put("/san/status/0x101/a/cpu_load", "5");
	assert_int_equal(value("a", ATTR_CPU_LOAD), 5000);
	assert_int_equal(status("a", "{\"cpu_load\": 3}"), -ENOENT);
	raw_put("/san/status/0x101/a/gateway", "gw2");
	assert_int_equal(status("a", "{\"cpu_load\": 3}"), -ENOENT);
	raw_put("/san/status/0x101/a/address", "2001:db8::2");
	assert_int_equal(status("a", "{\"cpu_load\": 3}"), 0);
	raw_put("/san/status/0x101/a/state", "down");
	assert_int_equal(seen("a")->state, INSTANCE_DOWN);
	raw_del("/san/status/0x101/a/state");
	assert_int_equal(seen("a")->state, INSTANCE_UP);
	raw_del("/san/status/0x101/a/address");
	assert_string_equal(addr_text(&seen("a")->address), "::");
	raw_del("/san/status/0x101/a/gateway");
	assert_non_null(seen("a"));
	raw_del("/san/status/0x101/a/cpu_load");
	assert_null(seen("a"));
}

/* The revision is the same after a restart, in whatever order the keys are listed. */
static void test_lists_what_was_stored(void **state)
{
	int64_t revision;

	assert_int_equal(put(0x101, "a", GOOD, 0), 0);
	raw_put("/san/status/0x101/a/address", "2001:db8::9");
	revision = seen("a")->revision;
	csc_close(csc);
	view_fini(&view);
	view_init(&view);
	csc_again();
	assert_int_equal(seen("a")->revision, revision);
	assert_int_equal(put(0x101, "a", GOOD, revision), 0);
}

static void test_close_with_writes_under_way(void **state)
{
	assert_int_equal(csc_instance_put(csc, 0x101, "a", json(GOOD), 0, into(&a), &err), 0);
	csc_close(csc);
	csc = NULL;
	wait_for(&a.done);
	assert_int_equal(a.status, 0);
}

/* While the database was away the view's time stood still. */
static void test_samples_carry_the_views_time(void **state)
{
	uint64_t now = clock_us(), received;

	view_stall(&view, now - 5000000);
	view_go_on(&view, now - 2000000); /* 3 s */
	raw_put("/san/status/0x101/a/cpu_load", "71");
	received = samples_get(&seen("a")->samples, ATTR_CPU_LOAD)->received_us;
	assert_in_range(received, now - 3000000, now - 3000000 + 2000000);
	raw_put("/san/aggregates/0x101/gw9", "{\"count\": 1, \"capacity\": 1, \"metric\": 1,"
					     " \"attributes\": {\"cpu_load\": 1}}");
	received = samples_get(&seen("@gw9")->samples, ATTR_CPU_LOAD)->received_us;
	assert_in_range(received, now - 3000000, now - 3000000 + 2000000);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_put_is_seen_when_answered),
		T(test_ipv4_address),
		T(test_put_replaces_the_whole),
		T(test_if_revision_covers_all_keys),
		T(test_if_revision_against_a_write_under_way),
		T(test_del),
		T(test_status),
		T(test_status_after_a_deletion_under_way),
		T(test_status_refusals),
		T(test_put_refusals),
		T(test_limits),
		T(test_keeps_the_last_good_value),
		T(test_follows_single_keys),
		T(test_lists_what_was_stored),
		T(test_samples_carry_the_views_time),
		T(test_close_with_writes_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
