/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/srm/rig.h"

#define OWN_CLOCK_JUMPS 1
#include "unit/own_clock.h"

#include "nsc/nsc.h"
#include "util/clock.h"

static struct nsc *nsc;
static struct answer a;
static const struct path_key be = {"pe1", "gw2", "be"};

static int setup(void **state)
{
	rig_open();
	assert_int_equal(nsc_open(db, &view, on_synced, NULL, &nsc), 0);
	assert_false(synced);
	wait_for(&synced);
	return 0;
}

static int teardown(void **state)
{
	nsc_close(nsc);
	nsc = NULL;
	rig_close();
	json_drop();
	return 0;
}

#define CALL(fn, ...) answered(fn(nsc, __VA_ARGS__, into(&a), &err), &a)

static int put_gw(const char *name, const char *text, int64_t rev)
{
	return CALL(nsc_gateway_put, name, json(text), rev);
}

static int put_path(struct path_key key, const char *text, int64_t rev)
{
	return CALL(nsc_path_put, key, json(text), rev);
}

static int status(struct path_key key, const char *text)
{
	return CALL(nsc_status_put, key, json(text));
}

static int64_t value(uint16_t attr)
{
	const struct view_path *path = view_path(&view, be);
	const struct sample *s = path ? samples_get(&path->samples, attr) : NULL;

	return s ? s->milli : -1;
}

static void test_gateway(void **state)
{
	const char *gw = "{\"locator\": \"5f00:0:2::/48\", \"sid\": \"5f00:0:2::1\"}";
	int64_t first;

	assert_int_equal(put_gw("gw2", gw, ANY_REVISION), 0);
	assert_true(a.created);
	first = a.revision;
	assert_int_equal(view_gateway(&view, "gw2")->revision, first);
	assert_int_equal(view_gateway(&view, "gw2")->def.locator_len, 48);
	assert_int_equal(put_gw("gw2", gw, 0), -ESTALE);
	assert_int_equal(put_gw("gw2", gw, first), 0);
	assert_int_equal(CALL(nsc_gateway_del, "gw2", first), -ESTALE);
	assert_int_equal(CALL(nsc_gateway_del, "gw2", ANY_REVISION), 0);
	assert_null(view_gateway(&view, "gw2"));
	assert_int_equal(CALL(nsc_gateway_del, "gw2", ANY_REVISION), -ENOENT);
	assert_string_equal(stored("/san/"), "");
}

static void test_path(void **state)
{
	const char *policy = "{\"kind\": \"policy\", \"colour\": 100, \"segments\": "
			     "[\"5f00:0:1::1\"]}";
	int64_t first;

	assert_int_equal(put_path(be, "{\"kind\": \"be\"}", 0), 0);
	assert_true(a.created);
	first = a.revision;
	assert_true(view_path(&view, be)->defined);
	assert_int_equal(put_path(be, policy, first), 0);
	assert_false(a.created);
	assert_int_equal(view_path(&view, be)->def.n_segs, 1);
	assert_int_equal(put_path(be, policy, first), -ESTALE);
	assert_int_equal(status(be, "{\"delay_us\": 1200}"), 0);
	/* The path and its status go together. */
	assert_int_equal(CALL(nsc_path_del, be, ANY_REVISION), 0);
	assert_null(view_path(&view, be));
	assert_string_equal(stored("/san/"), "");
	assert_int_equal(CALL(nsc_path_del, be, ANY_REVISION), -ENOENT);
	assert_int_equal(put_path(be, policy, ANY_REVISION), 0);
	assert_int_equal(CALL(nsc_path_del, be, first), -ESTALE);
	assert_int_equal(CALL(nsc_path_del, be, view_path(&view, be)->revision), 0);
}

static void test_status_before_path(void **state)
{
	assert_int_equal(status(be, "{\"delay_us\": 1200, \"loss_ppm\": \"0.5\"}"), 0);
	assert_false(view_path(&view, be)->defined);
	assert_int_equal(value(ATTR_DELAY_US), 1200000);
	assert_int_equal(value(ATTR_LOSS_PPM), 500);
	assert_int_equal(CALL(nsc_path_del, be, ANY_REVISION), -ENOENT);
	assert_int_equal(put_path(be, "{\"kind\": \"be\"}", ANY_REVISION), 0);
	assert_true(view_path(&view, be)->defined);
	assert_int_equal(value(ATTR_DELAY_US), 1200000);
}

static void test_status_writes_shortest_numbers(void **state)
{
	assert_int_equal(status(be, "{\"delay_us\": 1200.0, \"jitter_us\": 0.25, "
				    "\"loss_ppm\": \"007.10\", \"mine\": 3}"),
			 0);
	assert_string_equal(stored("/san/network/"), "/san/network/pe1/gw2/be/delay_us=1200 "
						     "/san/network/pe1/gw2/be/jitter_us=0.25 "
						     "/san/network/pe1/gw2/be/loss_ppm=7.1 "
						     "/san/network/pe1/gw2/be/mine=3");
}

static void test_status_null_removes(void **state)
{
	assert_int_equal(status(be, "{\"delay_us\": 1, \"jitter_us\": 2}"), 0);
	assert_int_equal(status(be, "{\"delay_us\": null, \"loss_ppm\": 3}"), 0);
	assert_int_equal(value(ATTR_DELAY_US), -1);
	assert_int_equal(value(ATTR_JITTER_US), 2000);
	assert_int_equal(value(ATTR_LOSS_PPM), 3000);
	/* Absent before: nothing to do, and that is no error. */
	assert_int_equal(status(be, "{\"delay_us\": null}"), 0);
	assert_int_equal(status(be, "{\"jitter_us\": null, \"loss_ppm\": null}"), 0);
	assert_null(view_path(&view, be));
}

static void test_status_all_or_nothing(void **state)
{
	uint16_t names = attr_count();
	int r;

	r = status(be, "{\"delay_us\": 5, \"unheard_of\": 1, \"loss_ppm\": 1000001}");
	assert_int_equal(r, -EINVAL);
	refused(r, "/loss_ppm", "0..1000000");
	assert_string_equal(err.object, "path pe1/gw2/be");
	assert_int_equal(attr_count(), names);
	assert_string_equal(stored("/san/"), "");
	assert_int_equal(status(be, "{\"delay_us\": -1}"), -EINVAL);
	assert_int_equal(status(be, "{\"delay_us\": \"1e3\"}"), -EINVAL);
	assert_int_equal(status(be, "{\"delay_us\": true}"), -EINVAL);
	assert_int_equal(status(be, "{\"delay_us\": [1]}"), -EINVAL);
	assert_int_equal(status(be, "{\"a/b\": 1}"), -EINVAL);
	assert_int_equal(status(be, "[1]"), -EINVAL);
	r = status(be, "{}");
	refused(r, "", "at least one");
	assert_int_equal(status((struct path_key){"pe1", "gw 2", "be"}, "{\"delay_us\": 1}"),
			 -EINVAL);
	assert_null(view.paths);
}

static void test_refuses_bad_names(void **state)
{
	int r = put_gw("a/b", "{\"locator\": \"5f00:0:2::/48\"}", ANY_REVISION);

	assert_int_equal(r, -EINVAL);
	refused(r, "/name", "must be a name");
	r = put_path((struct path_key){"pe1", "", "be"}, "{\"kind\": \"be\"}", ANY_REVISION);
	refused(r, "/gateway", "must be a name");
	r = CALL(nsc_gateway_del, "", ANY_REVISION);
	refused(r, "/name", "must be a name");
	r = CALL(nsc_path_del, ((struct path_key){"", "gw2", "be"}), ANY_REVISION);
	refused(r, "/ingress", "must be a name");
	assert_int_equal(put_gw("gw2", "{}", ANY_REVISION), -EINVAL);
	assert_int_equal(put_path(be, "{\"kind\": \"worst\"}", ANY_REVISION), -EINVAL);
}

static void test_limits(void **state)
{
	const char *gw = "{\"locator\": \"5f00:0:2::/48\"}";
	char text[4096] = "{";
	int r;

	view.limits.gateways = 1;
	view.limits.paths = 1;
	assert_int_equal(put_gw("gw1", gw, ANY_REVISION), 0);
	r = put_gw("gw2", gw, ANY_REVISION);
	assert_int_equal(r, -ENOSPC);
	refused(r, "", "at most 1");
	assert_int_equal(put_gw("gw1", gw, ANY_REVISION), 0);
	assert_int_equal(put_path(be, "{\"kind\": \"be\"}", ANY_REVISION), 0);
	assert_int_equal(put_path((struct path_key){"a", "b", "c"}, "{\"kind\": \"be\"}", 0),
			 -ENOSPC);
	assert_int_equal(status((struct path_key){"a", "b", "c"}, "{\"delay_us\": 1}"), -ENOSPC);
	for (int i = 0; i <= ATTR_PER_OBJECT; i++)
		sprintf(text + strlen(text), "%s\"n%d\": 1", i ? "," : "", i);
	strcat(text, "}");
	r = status(be, text);
	assert_int_equal(r, -ENOSPC);
	refused(r, "", "at most 64");
	/* Together with what is there. */
	strcpy(strstr(text, ",\"n64\""), "}");
	assert_int_equal(status(be, "{\"delay_us\": 1}"), 0);
	assert_int_equal(status(be, text), -ENOSPC);
	assert_int_equal(status(be, "{\"delay_us\": null}"), 0);
	assert_int_equal(status(be, text), 0);
	assert_int_equal(view_path(&view, be)->samples.n, ATTR_PER_OBJECT);
}

static void test_keeps_the_last_good_value(void **state)
{
	const struct view_path *path;

	assert_int_equal(status(be, "{\"delay_us\": 1200}"), 0);
	path = view_path(&view, be);
	raw_put("/san/network/pe1/gw2/be/delay_us", "nan");
	assert_int_equal(nsc_refused(nsc), 1);
	assert_int_equal(value(ATTR_DELAY_US), 1200000);
	assert_true(samples_get(&path->samples, ATTR_DELAY_US)->refused);
	raw_put("/san/network/pe1/gw2/be/delay_us", "-1");
	assert_int_equal(nsc_refused(nsc), 2);
	raw_put("/san/network/pe1/gw2/be/delay_us", "7");
	assert_int_equal(value(ATTR_DELAY_US), 7000);
	assert_false(samples_get(&path->samples, ATTR_DELAY_US)->refused);
	raw_put("/san/network/pe1/gw2/be/jitter_us", "x");
	assert_int_equal(value(ATTR_JITTER_US), -1);
	raw_put("/san/network/pe1/gw2/delay_us", "1");
	raw_put("/san/paths/pe1/gw2", "{}");
	raw_put("/san/paths/pe1/gw2/be", "{\"kind\": 1}");
	raw_put("/san/gateways/gw2", "{\"sid\": 1}");
	raw_put("/san/gateways/gw2/x", "{}");
	assert_int_equal(nsc_refused(nsc), 8);
	assert_false(path->defined);
	assert_null(view.gateways);
}

static void test_a_value_with_nul_is_no_text(void **state)
{
	struct ncsdb_op op = {NCSDB_PUT, "/san/network/pe1/gw2/be/delay_us",
			      "1\0"
			      "2",
			      3, 0};

	raw_ops(&op, 1);
	turn();
	assert_int_equal(nsc_refused(nsc), 1);
	assert_null(view_path(&view, be));
}

static void test_lists_what_was_stored(void **state)
{
	assert_int_equal(put_gw("gw2", "{\"locator\": \"5f00:0:2::/48\"}", ANY_REVISION), 0);
	assert_int_equal(put_path(be, "{\"kind\": \"be\"}", ANY_REVISION), 0);
	assert_int_equal(status(be, "{\"delay_us\": 1200}"), 0);
	nsc_close(nsc);
	view_fini(&view);
	view_init(&view);
	synced = false;
	assert_int_equal(nsc_open(db, &view, on_synced, NULL, &nsc), 0);
	wait_for(&synced);
	assert_non_null(view_gateway(&view, "gw2"));
	assert_true(view_path(&view, be)->defined);
	assert_int_equal(value(ATTR_DELAY_US), 1200000);
}

struct granted {
	bool done;
	int64_t id;
};

static void on_lease(void *arg, int rc, int64_t id, unsigned int ttl_s)
{
	*(struct granted *)arg = (struct granted){true, id};
}

static void test_a_gateway_that_is_held(void **state)
{
	const char *gw = "{\"locator\": \"5f00:0:2::/48\", \"sid\": \"5f00:0:2::1\"}";
	struct granted lease = {0}, revoked = {0};

	ncsdb_lease_grant(db, 0, 60, on_lease, &lease);
	wait_for(&lease.done);
	assert_int_equal(CALL(nsc_gateway_hold, "gw2", json(gw), lease.id), 0);
	assert_non_null(strstr(stored("/san/gateways/"), "(L)"));
	assert_non_null(view_gateway(&view, "gw2"));
	ncsdb_lease_revoke(db, lease.id, on_lease, &revoked);
	wait_for(&revoked.done);
	turn();
	assert_null(view_gateway(&view, "gw2"));
	/* Under a lease that is gone: not at all. */
	assert_int_equal(CALL(nsc_gateway_hold, "gw2", json(gw), lease.id), -ENOENT);
	assert_string_equal(stored("/san/"), "");
	refused(CALL(nsc_gateway_hold, "g w", json(gw), lease.id), "/name", "must be a name");
}

static uint64_t received(void)
{
	const struct view_path *path = view_path(&view, be);

	return samples_get(&path->samples, ATTR_DELAY_US)->received_us;
}

/* While the database was away the view's time stood still. */
static void test_samples_carry_the_views_time(void **state)
{
	uint64_t now = clock_us();

	view_stall(&view, now - 5000000);
	view_go_on(&view, now - 2000000); /* 3 s */
	raw_put("/san/network/pe1/gw2/be/delay_us", "1200");
	assert_in_range(received(), now - 3000000, now - 3000000 + 2000000);
	assert_true(view_time(&view, clock_us()) - received() < 2000000);
}

static void test_stats(void **state)
{
	struct ncsdb_follow_stats s;

	nsc_follow_stats(nsc, &s);
	assert_true(s.synced);
	assert_int_equal(s.lists, 3);
	raw_put("/san/network/pe1/gw2/be/delay_us", "1200");
	raw_put("/san/paths/pe1/gw2/be", "{}"); /* mirrored, though refused */
	nsc_follow_stats(nsc, &s);
	assert_int_equal(s.keys, 2);
	assert_int_equal(s.revision, 3);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_gateway),
		T(test_path),
		T(test_status_before_path),
		T(test_status_writes_shortest_numbers),
		T(test_status_null_removes),
		T(test_status_all_or_nothing),
		T(test_refuses_bad_names),
		T(test_limits),
		T(test_keeps_the_last_good_value),
		T(test_a_value_with_nul_is_no_text),
		T(test_lists_what_was_stored),
		T(test_a_gateway_that_is_held),
		T(test_samples_carry_the_views_time),
		T(test_stats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
