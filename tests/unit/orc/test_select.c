/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the view to entries at the parent. */
#include "unit/orc/rig.h"

static void two_sites(void)
{
	service(0x101, BY_LOAD);
	path("pe1", "gw2", "be", NULL);
	path("pe1", "gw3", "te", "5f00:0:9::1");
	instance(0x101, "a", "gw2", "5f00:0:2:100::");
	instance(0x101, "b", "gw3", "5f00:0:3:100::");
	attr(0x101, "a", ATTR_CPU_LOAD, 10);
	attr(0x101, "b", ATTR_CPU_LOAD, 20);
}

static void test_nothing_before_start(void **state)
{
	two_sites();
	for (int i = 0; i < 10; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	assert_int_equal(parent.plans, 0);
	assert_false(orc_started(orc));
	orc_start(orc);
	assert_true(orc_started(orc));
	settle();
	assert_int_equal(parent.full_plans, 1);
	assert_string_equal(in_force(0x101), "5f00:0:2:100::");
	assert_int_equal(parent.n_nexthops, 2);
	orc_start(orc);
	assert_int_equal(parent.plans, 1);
}

/* It removes what an earlier life left behind. */
static void test_an_empty_plan_is_sent(void **state)
{
	orc_start(orc);
	settle();
	assert_int_equal(parent.full_plans, 1);
	assert_int_equal(parent.n_services, 0);
}

static void test_attaches_to_a_filled_view(void **state)
{
	orc_close(orc);
	two_sites();
	assert_int_equal(orc_open(&(struct orc_conf){.loop = &loop,
						     .view = &view,
						     .ncc = ncc,
						     .ingress = "pe1"},
				  &orc),
			 0);
	orc_start(orc);
	settle();
	assert_string_equal(in_force(0x101), "5f00:0:2:100::");
}

static void test_moves_with_the_load(void **state)
{
	struct orc_entry e;

	two_sites();
	settle();
	assert_string_equal(in_force(0x101), "5f00:0:2:100::");
	attr(0x101, "a", ATTR_CPU_LOAD, 80);
	settle();
	assert_string_equal(in_force(0x101), "5f00:0:9::1,5f00:0:3:100::");
	/* Flows that run keep their instance: both next hops stay. */
	assert_int_equal(parent.n_nexthops, 2);
	assert_int_equal(orc_entry(orc, 0x101, &e), 0);
	assert_string_equal(e.instance, "b");
	assert_string_equal(e.gateway, "gw3");
	assert_string_equal(e.path, "te");
	assert_int_equal(e.metric, 200);
	assert_int_equal(e.changes, 2);
	assert_true(e.generation > 0);
	attr(0x101, "a", ATTR_CPU_LOAD, 100);
	attr(0x101, "b", ATTR_CPU_LOAD, 100);
	settle();
	/* Nothing satisfies, but flows go on: the next hops stay. */
	assert_string_equal(in_force(0x101), "none");
	assert_int_equal(parent.n_nexthops, 2);
	attr(0x101, "a", ATTR_CPU_LOAD, 5);
	settle();
	assert_string_equal(in_force(0x101), "5f00:0:2:100::");
}

static void test_no_plan_without_a_change(void **state)
{
	unsigned int plans;

	two_sites();
	settle();
	plans = parent.plans;
	attr(0x101, "a", ATTR_CPU_LOAD, 11);
	attr(0x101, "b", ATTR_CPU_LOAD, 60);
	settle();
	assert_int_equal(parent.plans, plans);
	assert_int_equal(stats().selections_changed, 1);
}

static void test_draining_and_down(void **state)
{
	two_sites();
	settle();
	instance_state(0x101, "a", INSTANCE_DRAINING);
	settle();
	assert_string_equal(chosen(0x101), "b");
	assert_int_equal(parent.n_nexthops, 2);
	instance_state(0x101, "a", INSTANCE_DOWN);
	settle();
	assert_int_equal(parent.n_nexthops, 1);
	instance_state(0x101, "a", INSTANCE_UP);
	settle();
	assert_string_equal(chosen(0x101), "a");
	assert_int_equal(parent.n_nexthops, 2);
	view_instance_del(&view, 0x101, "a");
	settle();
	assert_string_equal(chosen(0x101), "b");
	assert_int_equal(parent.n_nexthops, 1);
	view_instance_del(&view, 0x101, "b");
	settle();
	assert_string_equal(in_force(0x101), "none");
	assert_int_equal(parent.n_nexthops, 0);
}

static void test_paths_come_change_and_go(void **state)
{
	two_sites();
	settle();
	path("pe1", "gw2", "be", "5f00:0:7::1");
	settle();
	assert_string_equal(in_force(0x101), "5f00:0:7::1,5f00:0:2:100::");
	view_path_del(&view, (struct path_key){"pe1", "gw2", "be"});
	settle();
	assert_string_equal(chosen(0x101), "b");
	path("pe9", "gw2", "be", NULL); /* of another ingress */
	settle();
	assert_string_equal(chosen(0x101), "b");
	assert_int_equal(stats().candidates, 1);
	path("pe1", "gw2", "new", NULL);
	settle();
	assert_string_equal(in_force(0x101), "5f00:0:2:100::");
	/* Network status alone makes no path. */
	path_attr("gw2", "other", ATTR_DELAY_US, 1);
	settle();
	assert_int_equal(stats().candidates, 2);
	view_path_attr_del(&view, (struct path_key){"pe1", "gw2", "other"}, ATTR_DELAY_US);
	settle();
	assert_int_equal(stats().candidates, 2);
}

static void test_best_of_two_paths(void **state)
{
	service(0x101, "{\"hysteresis\": {\"margin\": 0, \"hold_ms\": 0}}");
	path("pe1", "gw2", "be", NULL);
	path("pe1", "gw2", "te", "5f00:0:9::1");
	instance(0x101, "a", "gw2", "5f00:0:2:100::");
	path_attr("gw2", "be", ATTR_DELAY_US, 9000);
	path_attr("gw2", "te", ATTR_DELAY_US, 5000);
	settle();
	assert_string_equal(in_force(0x101), "5f00:0:9::1,5f00:0:2:100::");
	path_attr("gw2", "be", ATTR_DELAY_US, 1000);
	settle();
	assert_string_equal(in_force(0x101), "5f00:0:2:100::");
	view_path_attr_del(&view, (struct path_key){"pe1", "gw2", "be"}, ATTR_DELAY_US);
	settle();
	assert_string_equal(in_force(0x101), "5f00:0:9::1,5f00:0:2:100::");
}

/* The first of several goes: the others keep their places apart. */
static void test_a_path_between_goes(void **state)
{
	service(0x101, "{\"hysteresis\": {\"margin\": 0, \"hold_ms\": 0}}");
	path("pe1", "gw2", "p0", "5f00:0:9::1");
	path("pe1", "gw2", "p1", "5f00:0:9::2");
	path("pe1", "gw2", "p2", "5f00:0:9::3");
	instance(0x101, "a", "gw2", "5f00:0:2:100::");
	path_attr("gw2", "p0", ATTR_DELAY_US, 1000);
	path_attr("gw2", "p1", ATTR_DELAY_US, 5000);
	path_attr("gw2", "p2", ATTR_DELAY_US, 3000);
	settle();
	assert_string_equal(in_force(0x101), "5f00:0:9::1,5f00:0:2:100::");
	view_path_del(&view, (struct path_key){"pe1", "gw2", "p0"});
	settle();
	assert_string_equal(in_force(0x101), "5f00:0:9::3,5f00:0:2:100::");
	path_attr("gw2", "p2", ATTR_DELAY_US, 9000);
	settle();
	assert_string_equal(in_force(0x101), "5f00:0:9::2,5f00:0:2:100::");
}

static void test_half_registered_instances(void **state)
{
	struct view_instance_put put = {.service = 0x101, .instance = "c", .gateway = "gw2"};

	two_sites();
	assert_int_equal(view_instance_put(&view, &put), 0);
	settle();
	assert_int_equal(stats().candidates, 2);
	instance(0x101, "c", "gw2", NULL); /* no SID yet */
	attr(0x101, "c", ATTR_CPU_LOAD, 1);
	settle();
	assert_int_equal(stats().candidates, 3);
	assert_string_equal(chosen(0x101), "a");
	assert_int_equal(parent.n_nexthops, 2);
	instance(0x101, "c", "gw2", "5f00:0:2:101::");
	settle();
	assert_string_equal(chosen(0x101), "c");
	put.instance = "c";
	put.gateway = "";
	assert_int_equal(view_instance_put(&view, &put), 0);
	settle();
	assert_string_equal(chosen(0x101), "a");
	instance(0x101, "c", "gw3", NULL); /* moved to another site */
	settle();
	assert_string_equal(in_force(0x101), "5f00:0:9::1,5f00:0:2:101::");
}

static void test_services_come_change_and_go(void **state)
{
	two_sites();
	settle();
	/* Instances of a service that is not registered. */
	instance(0x202, "x", "gw2", "5f00:0:2:200::");
	settle();
	assert_int_equal(parent.n_services, 1);
	assert_string_equal(chosen(0x202), "no service");
	service(0x202, "{\"evaluation\": []}");
	settle();
	assert_string_equal(in_force(0x202), "5f00:0:2:200::");
	/* Another evaluation, another choice. */
	service(0x101, "{\"requirements\": [{\"attribute\": \"cpu_load\", \"op\": \">\", "
		       "\"value\": 15}], \"evaluation\": []}");
	settle();
	assert_string_equal(chosen(0x101), "b");
	service(0x101, "{\"evaluation\": [], \"affinity\": \"none\", \"address\": "
		       "\"2001:db8:5::1\"}");
	settle();
	assert_int_equal(parent_service(0x101)->affinity, SAN_AFFINITY_NONE);
	assert_int_equal(parent_service(0x101)->address.s6_addr[15], 1);
	view_service_del(&view, 0x101);
	settle();
	assert_string_equal(in_force(0x101), "no entry");
	assert_int_equal(parent.n_nexthops, 1);
	assert_int_equal(stats().services, 1);
	assert_int_equal(stats().candidates, 1);
	view_instance_del(&view, 0x101, "a");
	view_instance_del(&view, 0x101, "b");
	service(0x101, BY_LOAD);
	settle();
	assert_string_equal(in_force(0x101), "none");
}

/* What two candidates share is one next hop. */
/* A change is logged some turns after its plan, or with the end of its service. */
static void test_the_log_comes_after_the_plan(void **state)
{
	unsigned int plans;

	two_sites();
	settle();
	settle();
	assert_null(orc->said);
	plans = parent.plans;
	for (unsigned int turn = 0; turn < 2; turn++) {
		attr(0x101, "a", ATTR_CPU_LOAD, turn ? 1 : 80);
		for (int i = 0; i < 1000000 && !orc->said; i++)
			uv_run(&loop, UV_RUN_NOWAIT);
		assert_non_null(orc->said);
		if (turn)
			break;
		for (int i = 0; i < 3 && orc->said; i++)
			uv_run(&loop, UV_RUN_NOWAIT);
		assert_null(orc->said);
		assert_int_equal(orc->n_said, 0);
		settle();
		assert_int_equal(parent.plans, plans + 1);
	}
	view_service_del(&view, 0x101);
	assert_null(orc->said);
	settle();
	assert_int_equal(parent.n_services, 0);
}

static void test_same_next_hop_once(void **state)
{
	service(0x101, "{\"evaluation\": []}");
	path("pe1", "gw2", "be", NULL);
	path("pe1", "gw2", "be2", NULL);
	instance(0x101, "a", "gw2", "5f00:0:2:100::");
	settle();
	assert_int_equal(stats().candidates, 2);
	assert_int_equal(parent.n_nexthops, 1);
	assert_string_equal(in_force(0x101), "5f00:0:2:100::");
}

static void test_a_gateway_only_sends_no_services(void **state)
{
	rig_close();
	rig_open(&(struct orc_conf){.ingress = "", .gateway = "gw2"});
	orc_start(orc);
	two_sites();
	settle();
	assert_int_equal(parent.n_services, 0);
	assert_int_equal(stats().candidates, 0);
	assert_string_equal(chosen(0x101), "none");
}

static void test_configuration(void **state)
{
	static const struct plan_sid twice[2];
	struct orc *other = NULL;

	assert_int_equal(orc_open(&(struct orc_conf){.ingress = "p e"}, &other), -EINVAL);
	assert_int_equal(orc_open(&(struct orc_conf){.ingress = "", .gateway = "g w"}, &other),
			 -EINVAL);
	assert_int_equal(
		orc_open(&(struct orc_conf){.ingress = "", .sids = twice, .n_sids = 2}, &other),
		-EEXIST);
	assert_null(other);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup_started, teardown)
#define T0(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T0(test_nothing_before_start),
		T0(test_an_empty_plan_is_sent),
		T0(test_attaches_to_a_filled_view),
		T(test_moves_with_the_load),
		T(test_no_plan_without_a_change),
		T(test_draining_and_down),
		T(test_paths_come_change_and_go),
		T(test_best_of_two_paths),
		T(test_a_path_between_goes),
		T(test_half_registered_instances),
		T(test_services_come_change_and_go),
		T(test_the_log_comes_after_the_plan),
		T(test_same_next_hop_once),
		T(test_a_gateway_only_sends_no_services),
		T(test_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
