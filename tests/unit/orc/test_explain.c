/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Explanation with history; limits. */
#include "unit/orc/rig.h"

static const json_t *change(const json_t *explain, size_t i)
{
	return json_array_get(json_object_get(explain, "history"), i);
}

static const char *member(const json_t *obj, const char *a, const char *b)
{
	return json_string_value(json_object_get(json_object_get(obj, a), b));
}

static void two_instances(void)
{
	service(0x101, BY_LOAD);
	path("pe1", "gw2", "be", NULL);
	instance(0x101, "a", "gw2", "5f00:0:2:100::");
	instance(0x101, "b", "gw2", "5f00:0:2:101::");
	attr(0x101, "a", ATTR_CPU_LOAD, 10);
	attr(0x101, "b", ATTR_CPU_LOAD, 50);
	settle();
}

static void test_explain_and_history(void **state)
{
	json_t *out;

	assert_null(orc_explain(orc, 0x101));
	two_instances();
	/* Marked, not yet evaluated: explain does not wait for it. */
	attr(0x101, "a", ATTR_CPU_LOAD, 90);
	out = orc_explain(orc, 0x101);
	assert_string_equal(json_string_value(json_object_get(out, "service")), "0x101");
	assert_int_equal(json_array_size(json_object_get(out, "candidates")), 2);
	assert_string_equal(member(out, "selected", "instance"), "b");
	assert_int_equal(json_array_size(json_object_get(out, "history")), 2);
	assert_true(json_is_null(json_object_get(change(out, 0), "from")));
	assert_string_equal(member(change(out, 0), "to", "instance"), "a");
	assert_string_equal(member(change(out, 1), "from", "instance"), "a");
	assert_string_equal(member(change(out, 1), "to", "instance"), "b");
	assert_string_equal(member(change(out, 1), "to", "gateway"), "gw2");
	assert_string_equal(member(change(out, 1), "to", "path"), "be");
	assert_int_equal(json_integer_value(
				 json_object_get(json_object_get(change(out, 1), "to"), "metric")),
			 500);
	assert_true(json_is_real(json_object_get(change(out, 1), "age_s")));
	assert_non_null(strchr(json_string_value(json_object_get(change(out, 1), "time")), 'T'));
	assert_string_equal(json_string_value(json_object_get(change(out, 0), "why")),
			    ssc_why_text(SSC_FIRST));
	assert_string_equal(json_string_value(json_object_get(change(out, 1), "why")),
			    ssc_why_text(SSC_MOVED));
	json_decref(out);
}

static void test_explain_nothing_selected(void **state)
{
	json_t *out;

	two_instances();
	view_instance_del(&view, 0x101, "a");
	view_instance_del(&view, 0x101, "b");
	out = orc_explain(orc, 0x101);
	assert_true(json_is_null(json_object_get(out, "selected")));
	assert_int_equal(json_array_size(json_object_get(out, "candidates")), 0);
	assert_true(json_is_null(json_object_get(change(out, 1), "to")));
	json_decref(out);
	settle();
}

static void test_explain_before_start(void **state)
{
	json_t *out;

	orc_close(orc);
	assert_int_equal(orc_open(&(struct orc_conf){.loop = &loop,
						     .view = &view,
						     .ncc = ncc,
						     .ingress = "pe1"},
				  &orc),
			 0);
	service(0x101, BY_LOAD);
	out = orc_explain(orc, 0x101);
	assert_non_null(out);
	assert_int_equal(json_array_size(json_object_get(out, "history")), 0);
	json_decref(out);
}

static void test_history_is_a_ring(void **state)
{
	struct orc_entry e;
	json_t *out;

	two_instances();
	for (int i = 0; i < 2 * ORC_HISTORY; i++) {
		instance_state(0x101, "a", i % 2 ? INSTANCE_DOWN : INSTANCE_DRAINING);
		attr(0x101, "b", ATTR_CPU_LOAD, i % 2 ? 50 : 100);
		orc_round(orc);
	}
	assert_int_equal(orc_entry(orc, 0x101, &e), 0);
	assert_true(e.changes > ORC_HISTORY);
	out = orc_explain(orc, 0x101);
	assert_int_equal(json_array_size(json_object_get(out, "history")), ORC_HISTORY);
	/* The oldest first, without a break. */
	for (size_t i = 1; i < ORC_HISTORY; i++)
		assert_true(json_equal(json_object_get(change(out, i - 1), "to"),
				       json_object_get(change(out, i), "from")));
	json_decref(out);
	settle();
}

static void test_entry_of_nothing(void **state)
{
	struct orc_entry e;

	assert_int_equal(orc_entry(orc, 0x101, &e), -ENOENT);
	service(0x101, BY_LOAD);
	settle();
	assert_int_equal(orc_entry(orc, 0x101, &e), 0);
	assert_false(e.selected);
	assert_int_equal(e.metric, METRIC_MAX);
	assert_int_equal(e.changes, 0);
}

/* ---- limits ---- */

static void many_instances(unsigned int n)
{
	char name[32], sid[64];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "i%u", i);
		snprintf(sid, sizeof(sid), "5f00:0:2:%x::", 0x100 + i);
		instance(0x101, name, "gw2", sid);
		attr(0x101, name, ATTR_CPU_LOAD, 50);
	}
}

static void test_too_many_candidates(void **state)
{
	service(0x101, BY_LOAD);
	path("pe1", "gw2", "be", NULL);
	many_instances(ORC_MAX_CANDIDATES + 1);
	settle();
	assert_int_equal(stats().candidates, ORC_MAX_CANDIDATES);
	assert_string_equal(chosen(0x101), "i0");
	/* The one that was left out is not touched. */
	attr(0x101, "i4096", ATTR_CPU_LOAD, 1);
	path("pe1", "gw2", "be", "5f00:0:7::1");
	settle();
	assert_string_equal(chosen(0x101), "i0");
	view_instance_del(&view, 0x101, "i0");
	settle();
	assert_string_equal(chosen(0x101), "i4096");
}

/* The selected next hop is always among those that stay. */
static void test_too_many_next_hops(void **state)
{
	char name[32];

	service(0x101, BY_LOAD);
	path("pe1", "gw2", "be", NULL);
	many_instances(PLAN_MAX_ALIVE + 100);
	settle();
	assert_int_equal(parent.n_nexthops, PLAN_MAX_ALIVE);
	for (int i = 0; i < PLAN_MAX_ALIVE + 100; i += 111) {
		char want[64];

		snprintf(name, sizeof(name), "i%d", i);
		snprintf(want, sizeof(want), "5f00:0:2:%x::", 0x100 + i);
		attr(0x101, name, ATTR_CPU_LOAD, 20 - i / 111);
		settle();
		assert_string_equal(in_force(0x101), want);
		assert_int_equal(parent.n_nexthops, PLAN_MAX_ALIVE);
	}
}

/* Refused by ncc: said, and tried again with the next evaluation. */
static void test_refused_by_ncc(void **state)
{
	struct orc_service *svc;

	for (unsigned int i = 0; i < 257; i++)
		service(0x1000 + i, "{\"evaluation\": []}");
	settle();
	assert_int_equal(parent.n_services, 256);
	svc = view_service(&view, 0x1100)->user;
	assert_true(svc->refused);
	view_service_del(&view, 0x1000);
	settle();
	orc_queue(orc, svc);
	settle();
	assert_false(svc->refused);
	assert_int_equal(parent.n_services, 256);
	assert_string_equal(in_force(0x1100), "none");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup_started, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_explain_and_history),  T(test_explain_nothing_selected),
		T(test_explain_before_start), T(test_history_is_a_ring),
		T(test_entry_of_nothing),     T(test_too_many_candidates),
		T(test_too_many_next_hops),   T(test_refused_by_ncc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
