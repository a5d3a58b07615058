/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Balanced services: members and weights at the parent; who may use a service, and how. */
#include "unit/orc/rig.h"

/* The load decides; weights at once and without margin. */
#define BALANCED                                                                                   \
	"{\"evaluation\": [{\"attribute\": \"cpu_load\", \"curve\": {\"ramp\": [0, 100]}}], "      \
	"\"selection\": \"balanced\", \"hysteresis\": {\"margin\": 0, \"hold_ms\": 0}}"

static const char *balanced(uint64_t id)
{
	return members(id, SAN_SCOPE_INGRESS);
}

static void two_sites(void)
{
	service(0x101, BALANCED);
	path("pe1", "gw2", "be", NULL);
	path("pe1", "gw3", "be", NULL);
	instance(0x101, "a", "gw2", "5f00:0:2:100::");
	instance(0x101, "b", "gw3", "5f00:0:3:100::");
	attr(0x101, "a", ATTR_CPU_LOAD, 10);
	attr(0x101, "b", ATTR_CPU_LOAD, 20);
}

static void test_weights(void **state)
{
	struct orc_entry e;

	two_sites();
	settle();
	assert_int_equal(parent_service(0x101)->mode, SAN_MODE_BALANCED);
	assert_int_equal(parent_service(0x101)->n_members, 2);
	assert_string_equal(balanced(0x101), "5f00:0:2:100::=900 5f00:0:3:100::=800");
	assert_string_equal(in_force(0x101), "5f00:0:2:100::"); /* the best, for the kernel */
	assert_int_equal(orc_entry(orc, 0x101, &e), 0);
	assert_int_equal(e.members, 2);
	assert_string_equal(e.instance, "a");
	attr(0x101, "b", ATTR_CPU_LOAD, 5);
	settle();
	assert_string_equal(balanced(0x101), "5f00:0:2:100::=900 5f00:0:3:100::=950");
	assert_string_equal(in_force(0x101), "5f00:0:3:100::");
}

static void test_members_come_and_go(void **state)
{
	two_sites();
	settle();
	attr(0x101, "a", ATTR_CPU_LOAD, 100);
	settle();
	assert_string_equal(balanced(0x101), "5f00:0:3:100::=800");
	assert_int_equal(parent.n_nexthops, 2); /* its flows stay */
	instance_state(0x101, "b", INSTANCE_DRAINING);
	settle();
	assert_string_equal(in_force(0x101), "none");
	assert_int_equal(parent_service(0x101)->mode, SAN_MODE_NONE);
	assert_int_equal(parent.n_members, 0);
	assert_int_equal(parent.n_nexthops, 2);
	instance_state(0x101, "b", INSTANCE_DOWN);
	settle();
	assert_int_equal(parent.n_nexthops, 1);
	attr(0x101, "a", ATTR_CPU_LOAD, 30);
	settle();
	assert_string_equal(balanced(0x101), "5f00:0:2:100::=700");
	view_instance_del(&view, 0x101, "a");
	view_instance_del(&view, 0x101, "b");
	settle();
	assert_string_equal(in_force(0x101), "none");
}

/* Candidates are collected anew; weights in force are not, the margin is wide. */
static void test_weights_outlive_structure(void **state)
{
	two_sites();
	service(0x101, "{\"evaluation\": [{\"attribute\": \"cpu_load\", \"curve\": {\"ramp\": "
		       "[0, 100]}}], \"selection\": \"balanced\", \"hysteresis\": "
		       "{\"margin\": 500, \"hold_ms\": 0}}");
	settle();
	attr(0x101, "a", ATTR_CPU_LOAD, 40);
	instance(0x101, "c", "gw3", "5f00:0:3:101::");
	attr(0x101, "c", ATTR_CPU_LOAD, 50);
	settle();
	assert_string_equal(balanced(0x101),
			    "5f00:0:2:100::=900 5f00:0:3:100::=800 5f00:0:3:101::=500");
	/* The path of a member is replaced: it joins by the other one, as it is now. */
	path("pe1", "gw2", "te", "5f00:0:9::1");
	settle();
	assert_string_equal(balanced(0x101),
			    "5f00:0:2:100::=900 5f00:0:3:100::=800 5f00:0:3:101::=500");
	view_path_del(&view, (struct path_key){"pe1", "gw2", "be"});
	settle();
	assert_string_equal(balanced(0x101),
			    "5f00:0:3:100::=800 5f00:0:3:101::=500 5f00:0:9::1,5f00:0:2:100::=600");
	instance(0x101, "a", "gw3", NULL); /* moved to another site */
	settle();
	assert_string_equal(balanced(0x101),
			    "5f00:0:2:100::=600 5f00:0:3:100::=800 5f00:0:3:101::=500");
}

/* A member by the last path of its gateway, which comes to the place of one that goes. */
static void test_weights_go_with_their_path(void **state)
{
	two_sites();
	service(0x101, "{\"evaluation\": [{\"attribute\": \"cpu_load\", \"curve\": {\"ramp\": "
		       "[0, 100]}}], \"selection\": \"balanced\", \"hysteresis\": "
		       "{\"margin\": 500, \"hold_ms\": 0}}");
	view_instance_del(&view, 0x101, "a");
	path("pe1", "gw2", "te", "5f00:0:9::1");
	path("pe1", "gw2", "aa", "5f00:0:9::2");
	settle();
	instance(0x101, "a", "gw2", "5f00:0:2:100::");
	attr(0x101, "a", ATTR_CPU_LOAD, 10);
	settle();
	assert_string_equal(balanced(0x101), "5f00:0:3:100::=800 5f00:0:9::2,5f00:0:2:100::=900");
	attr(0x101, "a", ATTR_CPU_LOAD, 40); /* not beyond the margin */
	view_path_del(&view, (struct path_key){"pe1", "gw2", "be"});
	view_path_del(&view, (struct path_key){"pe1", "gw2", "te"});
	path("pe1", "gw2", "zz", "5f00:0:9::3");
	settle();
	assert_string_equal(balanced(0x101), "5f00:0:3:100::=800 5f00:0:9::2,5f00:0:2:100::=900");
	view_path_del(&view, (struct path_key){"pe1", "gw2", "aa"});
	settle();
	assert_string_equal(balanced(0x101), "5f00:0:3:100::=800 5f00:0:9::3,5f00:0:2:100::=600");
}

/* Who was away comes back with the weight it has now, although the margin is wide. */
static void test_weights_do_not_outlive_absence(void **state)
{
	two_sites();
	service(0x101, "{\"evaluation\": [{\"attribute\": \"cpu_load\", \"curve\": {\"ramp\": "
		       "[0, 100]}}], \"selection\": \"balanced\", \"hysteresis\": "
		       "{\"margin\": 500, \"hold_ms\": 0}}");
	path_attr("gw2", "be", ATTR_DELAY_US, 1); /* keeps the object of the path */
	settle();
	view_path_del(&view, (struct path_key){"pe1", "gw2", "be"});
	settle();
	assert_string_equal(balanced(0x101), "5f00:0:3:100::=800");
	attr(0x101, "a", ATTR_CPU_LOAD, 40);
	path("pe1", "gw2", "be", NULL);
	settle();
	assert_string_equal(balanced(0x101), "5f00:0:2:100::=600 5f00:0:3:100::=800");
	instance(0x101, "a", "nowhere", NULL);
	settle();
	assert_string_equal(balanced(0x101), "5f00:0:3:100::=800");
	attr(0x101, "a", ATTR_CPU_LOAD, 10);
	instance(0x101, "a", "gw2", NULL);
	settle();
	assert_string_equal(balanced(0x101), "5f00:0:2:100::=900 5f00:0:3:100::=800");
}

static void test_no_plan_without_a_change(void **state)
{
	unsigned int plans;

	two_sites();
	service(0x101, "{\"evaluation\": [{\"attribute\": \"cpu_load\", \"curve\": {\"ramp\": "
		       "[0, 100]}}], \"selection\": \"balanced\"}");
	settle();
	plans = parent.plans;
	attr(0x101, "a", ATTR_CPU_LOAD, 15);
	attr(0x101, "b", ATTR_CPU_LOAD, 15);
	settle();
	assert_int_equal(parent.plans, plans);
}

static void test_selection_changes(void **state)
{
	two_sites();
	settle();
	service(0x101, BY_LOAD);
	settle();
	assert_int_equal(parent_service(0x101)->mode, SAN_MODE_PREFERRED);
	assert_int_equal(parent.n_members, 0);
	assert_string_equal(in_force(0x101), "5f00:0:2:100::");
	service(0x101, BALANCED);
	settle();
	assert_string_equal(balanced(0x101), "5f00:0:2:100::=900 5f00:0:3:100::=800");
}

/* Two instances behind one SID are one next hop with the weight of both; beyond the range of a
 * weight all are scaled alike. */
static void test_equal_next_hops_add_up(void **state)
{
	struct sample nearly = {.attr = ATTR_CPU_LOAD, .milli = 99900};

	two_sites();
	attr(0x101, "a", ATTR_CPU_LOAD, 70);
	instance(0x101, "c", "gw2", "5f00:0:2:100::");
	attr(0x101, "c", ATTR_CPU_LOAD, 50);
	settle();
	assert_string_equal(balanced(0x101), "5f00:0:2:100::=800 5f00:0:3:100::=800");
	attr(0x101, "a", ATTR_CPU_LOAD, 0);
	attr(0x101, "c", ATTR_CPU_LOAD, 0);
	settle();
	assert_string_equal(balanced(0x101), "5f00:0:2:100::=1000 5f00:0:3:100::=400");
	/* A share that is next to nothing is not nothing. */
	instance(0x101, "d", "gw2", "5f00:0:2:100::");
	attr(0x101, "d", ATTR_CPU_LOAD, 0);
	nearly.received_us = clock_us();
	assert_int_equal(view_instance_attr(&view, 0x101, "b", &nearly), 0);
	settle();
	assert_string_equal(balanced(0x101), "5f00:0:2:100::=1000 5f00:0:3:100::=1");
}

/* ---- what goes with a service ---- */

static void test_affinity(void **state)
{
	two_sites();
	settle();
	assert_int_equal(parent_service(0x101)->affinity, SAN_AFFINITY_HASH);
	assert_int_equal(parent_service(0x101)->flags, 0);
	service(0x101,
		"{\"affinity\": \"flow\", \"affinity_key\": \"source\", \"flow_idle_s\": 300,"
		"\"address4\": \"10.9.0.1\", \"evaluation\": []}");
	settle();
	assert_int_equal(parent_service(0x101)->affinity, SAN_AFFINITY_FLOW);
	assert_int_equal(parent_service(0x101)->flags, SAN_SVC_KEY_SOURCE);
	assert_int_equal(parent_service(0x101)->idle_s, 300);
	assert_int_equal(parent_service(0x101)->address4, htonl(0x0a090001));
}

static void test_families(void **state)
{
	two_sites();
	settle();
	assert_int_equal(parent_nexthop(parent_service(0x101)->nexthop)->families, SAN_NH_IP6);
	assert_int_equal(parent_nexthop(parent_service(0x101)->nexthop)->kind, SAN_NH_SRV6);
	instance_at(0x101, "a", "gw2", "5f00:0:2:100::", "::ffff:10.2.0.5");
	settle();
	assert_string_equal(in_force(0x101), "5f00:0:2:100::");
	assert_int_equal(parent_nexthop(parent_service(0x101)->nexthop)->families, SAN_NH_IP4);
}

static int setup_groups(void **state)
{
	static const char *const groups[] = {NULL, "tenant-a", "tenant-b", "tenant-c"};

	rig_open(&(struct orc_conf){.ingress = "pe1", .groups = groups, .n_groups = 4});
	orc_start(orc);
	return 0;
}

static void test_access_groups(void **state)
{
	service(1, "{}");
	service(2, "{\"access\": [\"tenant-a\", \"tenant-c\", \"of-another-host\"]}");
	service(3, "{\"access\": [\"of-another-host\"]}");
	settle();
	assert_true(parent_service(1)->groups == 0x1);
	assert_true(parent_service(2)->groups == 0xa);
	assert_true(parent_service(3)->groups == 0);
	service(1, "{\"access\": [\"tenant-b\"]}");
	settle();
	assert_true(parent_service(1)->groups == 0x4);
}

static void test_too_many_groups(void **state)
{
	struct orc *other = NULL;

	assert_int_equal(
		orc_open(&(struct orc_conf){.ingress = "pe1", .n_groups = SAN_MAX_GROUPS + 1},
			 &other),
		-EINVAL);
	assert_null(other);
}

static void test_explained(void **state)
{
	json_t *e, *last, *history;

	two_sites();
	settle();
	instance_state(0x101, "b", INSTANCE_DOWN);
	settle();
	e = orc_explain(orc, 0x101);
	assert_string_equal(json_string_value(json_object_get(e, "selection")), "balanced");
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(e, "balance"), "members")), 1);
	assert_null(json_object_get(e, "local"));
	history = json_object_get(e, "history");
	last = json_array_get(history, json_array_size(history) - 1);
	assert_string_equal(json_string_value(json_object_get(last, "why")),
			    "members changed: instances began or ceased to satisfy");
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(last, "from"), "members")), 2);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(last, "to"), "members")), 1);
	json_decref(e);
}

/* More next hops than a plan holds: what gets packets comes first. */
static void test_more_than_a_plan_holds(void **state)
{
	char name[16], seg[64];

	service(0x101, BALANCED);
	path("pe1", "gw2", "be", NULL);
	for (int i = 0; i < PLAN_MAX_ALIVE + 10; i++) {
		snprintf(name, sizeof(name), "i%04d", i);
		snprintf(seg, sizeof(seg), "5f00:0:2:%x::", 0x100 + i);
		instance(0x101, name, "gw2", seg);
		/* the first ten satisfy, but barely */
		attr(0x101, name, ATTR_CPU_LOAD, i < 10 ? 99 : 100);
	}
	instance(0x101, "zz", "gw2", "5f00:0:2:ff00::");
	attr(0x101, "zz", ATTR_CPU_LOAD, 0);
	settle();
	assert_int_equal(parent.n_nexthops, PLAN_MAX_ALIVE);
	assert_int_equal(parent_service(0x101)->n_members, 11);
	assert_string_equal(in_force(0x101), "5f00:0:2:ff00::");
	assert_non_null(strstr(balanced(0x101), "5f00:0:2:100::=10"));
	assert_non_null(strstr(balanced(0x101), "5f00:0:2:ff00::=1000"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup_started, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_weights),
		T(test_members_come_and_go),
		T(test_weights_outlive_structure),
		T(test_weights_go_with_their_path),
		T(test_weights_do_not_outlive_absence),
		T(test_no_plan_without_a_change),
		T(test_selection_changes),
		T(test_equal_next_hops_add_up),
		T(test_affinity),
		T(test_families),
		cmocka_unit_test_setup_teardown(test_access_groups, setup_groups, teardown),
		T(test_too_many_groups),
		T(test_explained),
		T(test_more_than_a_plan_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
