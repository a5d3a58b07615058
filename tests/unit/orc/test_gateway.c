/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Steering in two levels: the ingress chooses the gateway, the gateway the instance. */
#include "unit/orc/rig.h"

#define TWO_LEVELS                                                                                 \
	"{\"evaluation\": [{\"attribute\": \"cpu_load\", \"curve\": {\"ramp\": [0, 100]}}], "      \
	"\"steering\": \"gateway\", \"hysteresis\": {\"margin\": 0, \"hold_ms\": 0}}"

/* Two levels, the load decides, the ways to use the service more than one. */
#define TWO_LEVELS_BALANCED                                                                        \
	"{\"evaluation\": [{\"attribute\": \"cpu_load\", \"curve\": {\"ramp\": [0, 100]}}], "      \
	"\"steering\": \"gateway\", \"selection\": \"balanced\", \"affinity\": \"flow\", "         \
	"\"address\": \"2001:db8:5::1\", "                                                         \
	"\"hysteresis\": {\"margin\": 0, \"hold_ms\": 0}}"

static const char *local(uint64_t id)
{
	return in_force_scoped(id, SAN_SCOPE_LOCAL);
}

static int setup_gateway(void **state)
{
	rig_open(&(struct orc_conf){.ingress = "", .gateway = "gw2"});
	orc_start(orc);
	return 0;
}

static int setup_both(void **state)
{
	rig_open(&(struct orc_conf){.ingress = "gw2", .gateway = "gw2"});
	orc_start(orc);
	return 0;
}

/* a and b here, c elsewhere. */
static void instances(void)
{
	instance_at(0x101, "a", "gw2", "5f00:0:2:100::", "2001:db8:2a::a");
	instance_at(0x101, "b", "gw2", "5f00:0:2:101::", "::ffff:10.2.0.5");
	instance_at(0x101, "c", "gw3", "5f00:0:3:100::", "2001:db8:3a::c");
	attr(0x101, "a", ATTR_CPU_LOAD, 30);
	attr(0x101, "b", ATTR_CPU_LOAD, 20);
	attr(0x101, "c", ATTR_CPU_LOAD, 10);
}

/* ---- at the ingress ---- */

static void test_ingress_chooses_the_gateway(void **state)
{
	const struct san_msg_nexthop *nh;

	service(0x101, TWO_LEVELS);
	path("pe1", "gw2", "be", NULL);
	path("pe1", "gw3", "te", "5f00:0:9::1");
	instances();
	settle();
	assert_string_equal(in_force(0x101), "none"); /* no gateway is known */
	gateway("gw2", "5f00:0:2:5a::");
	settle();
	assert_string_equal(in_force(0x101), "5f00:0:2:5a::");
	nh = parent_nexthop(parent_service(0x101)->nexthop);
	assert_int_equal(nh->families, SAN_NH_IP6 | SAN_NH_IP4);
	assert_int_equal(nh->kind, SAN_NH_SRV6);
	assert_int_equal(parent.n_nexthops, 1); /* a and b are the same */
	gateway("gw3", "5f00:0:3:5a::");
	settle();
	assert_string_equal(in_force(0x101), "5f00:0:9::1,5f00:0:3:5a::");
	gateway("gw3", "5f00:0:3:5b::");
	settle();
	assert_string_equal(in_force(0x101), "5f00:0:9::1,5f00:0:3:5b::");
	gateway("gw3", NULL);
	settle();
	assert_string_equal(in_force(0x101), "5f00:0:2:5a::");
	view_gateway_del(&view, "gw2");
	settle();
	assert_string_equal(in_force(0x101), "none");
	assert_int_equal(parent.n_nexthops, 0);
	assert_null(parent_scoped(0x101, SAN_SCOPE_LOCAL));
	/* The other steering again. */
	service(0x101, BY_LOAD);
	settle();
	assert_string_equal(in_force(0x101), "5f00:0:9::1,5f00:0:3:100::");
}

static void test_steering_changes(void **state)
{
	service(0x101, BY_LOAD);
	path("pe1", "gw2", "be", NULL);
	gateway("gw2", "5f00:0:2:5a::");
	instances();
	settle();
	assert_string_equal(in_force(0x101), "5f00:0:2:101::");
	service(0x101, TWO_LEVELS);
	settle();
	assert_string_equal(in_force(0x101), "5f00:0:2:5a::");
	service(0x101, BY_LOAD);
	settle();
	assert_string_equal(in_force(0x101), "5f00:0:2:101::");
}

static void test_ingress_adds_up_what_a_gateway_has(void **state)
{
	service(0x101, TWO_LEVELS_BALANCED);
	path("pe1", "gw2", "be", NULL);
	path("pe1", "gw3", "be", NULL);
	gateway("gw2", "5f00:0:2:5a::");
	gateway("gw3", "5f00:0:3:5a::");
	instances();
	attr(0x101, "c", ATTR_CPU_LOAD, 25); /* 750 to 700 + 800 */
	settle();
	assert_string_equal(members(0x101, SAN_SCOPE_INGRESS),
			    "5f00:0:2:5a::=1000 5f00:0:3:5a::=500");
}

/* ---- at the gateway ---- */

static void test_gateway_chooses_among_its_own(void **state)
{
	const struct san_msg_nexthop *nh;

	service(0x101, TWO_LEVELS);
	instances();
	settle();
	assert_null(parent_service(0x101)); /* no ingress */
	assert_string_equal(local(0x101), "::ffff:10.2.0.5");
	nh = parent_nexthop(parent_scoped(0x101, SAN_SCOPE_LOCAL)->nexthop);
	assert_int_equal(nh->kind, SAN_NH_DIRECT);
	assert_int_equal(nh->families, SAN_NH_IP4);
	assert_int_equal(nh->encap + nh->hop_limit, 0);
	assert_int_equal(parent.n_nexthops, 2);
	attr(0x101, "b", ATTR_CPU_LOAD, 90);
	settle();
	assert_string_equal(local(0x101), "2001:db8:2a::a");
	nh = parent_nexthop(parent_scoped(0x101, SAN_SCOPE_LOCAL)->nexthop);
	assert_int_equal(nh->families, SAN_NH_IP6);
	/* Another address, another next hop. */
	instance_at(0x101, "a", "gw2", "5f00:0:2:100::", "2001:db8:2a::aa");
	settle();
	assert_string_equal(local(0x101), "2001:db8:2a::aa");
	instance_state(0x101, "a", INSTANCE_DRAINING);
	settle();
	assert_string_equal(local(0x101), "::ffff:10.2.0.5");
	assert_int_equal(parent.n_nexthops, 2);
	instance_state(0x101, "a", INSTANCE_DOWN);
	settle();
	assert_int_equal(parent.n_nexthops, 1);
}

/* What only the network tells is absent there. */
static void test_network_does_not_count(void **state)
{
	service(0x101, "{\"evaluation\": [{\"attribute\": \"delay_us\", \"curve\": {\"ramp\": "
		       "[0, 1000]}}], \"requirements\": [{\"attribute\": \"loss_ppm\", \"op\": "
		       "\"<\", \"value\": 1}], \"steering\": \"gateway\", \"hysteresis\": "
		       "{\"margin\": 0, \"hold_ms\": 0}}");
	instances();
	attr(0x101, "a", ATTR_QUEUE_US, 100);
	attr(0x101, "b", ATTR_QUEUE_US, 200);
	settle();
	assert_string_equal(local(0x101), "2001:db8:2a::a");
	attr(0x101, "a", ATTR_QUEUE_US, 300);
	settle();
	assert_string_equal(local(0x101), "::ffff:10.2.0.5");
}

static void test_entry_comes_and_goes(void **state)
{
	service(0x101, TWO_LEVELS);
	settle();
	assert_string_equal(local(0x101), "no entry");
	instances();
	settle();
	assert_string_equal(local(0x101), "::ffff:10.2.0.5");
	service(0x101, BY_LOAD); /* steered by instance */
	settle();
	assert_string_equal(local(0x101), "no entry");
	assert_int_equal(parent.n_nexthops, 0);
	service(0x101, TWO_LEVELS);
	settle();
	assert_string_equal(local(0x101), "::ffff:10.2.0.5");
	instance(0x101, "b", "gw3", NULL); /* moves away */
	settle();
	assert_string_equal(local(0x101), "2001:db8:2a::a");
	view_instance_del(&view, 0x101, "a");
	settle();
	assert_string_equal(local(0x101), "no entry");
	instance(0x101, "b", "gw2", NULL);
	settle();
	assert_string_equal(local(0x101), "2001:db8:2a::2");
	view_service_del(&view, 0x101);
	settle();
	assert_string_equal(local(0x101), "no entry");
	assert_int_equal(parent.n_services, 0);
}

static void test_balanced_there_too(void **state)
{
	const struct san_msg_service *svc;

	service(0x101, TWO_LEVELS_BALANCED);
	instances();
	settle();
	svc = parent_scoped(0x101, SAN_SCOPE_LOCAL);
	assert_int_equal(svc->mode, SAN_MODE_BALANCED);
	assert_int_equal(svc->affinity, SAN_AFFINITY_FLOW);
	assert_string_equal(members(0x101, SAN_SCOPE_LOCAL),
			    "2001:db8:2a::a=700 ::ffff:10.2.0.5=800");
	attr(0x101, "b", ATTR_CPU_LOAD, 100);
	settle();
	assert_string_equal(members(0x101, SAN_SCOPE_LOCAL), "2001:db8:2a::a=700");
}

/* ---- ingress and gateway in one ---- */

static void test_both_roles(void **state)
{
	json_t *e;

	service(0x101, TWO_LEVELS);
	path("gw2", "gw3", "be", NULL);
	path("gw2", "gw2", "be", NULL);
	gateway("gw2", "5f00:0:2:5a::");
	gateway("gw3", "5f00:0:3:5a::");
	instances();
	settle();
	assert_string_equal(in_force(0x101), "5f00:0:3:5a::");
	assert_string_equal(local(0x101), "::ffff:10.2.0.5");
	assert_int_equal(parent.n_services, 2);
	assert_int_equal(stats().services, 1);
	e = orc_explain(orc, 0x101);
	assert_int_equal(json_array_size(json_object_get(e, "candidates")), 3);
	assert_int_equal(
		json_array_size(json_object_get(json_object_get(e, "local"), "candidates")), 2);
	assert_string_equal(
		json_string_value(json_object_get(
			json_object_get(json_object_get(e, "local"), "selected"), "instance")),
		"b");
	json_decref(e);
	view_path_del(&view, (struct path_key){"gw2", "gw3", "be"});
	settle();
	assert_string_equal(in_force(0x101), "5f00:0:2:5a::");
	assert_string_equal(local(0x101), "::ffff:10.2.0.5");
	view_service_del(&view, 0x101);
	settle();
	assert_int_equal(parent.n_services, 0);
	assert_int_equal(stats().candidates, 0);
}

/* Whoever has something to offer has the kernel's route. */
static void test_address_goes_where_something_is(void **state)
{
	struct san_msg_service *svc;

	service(0x101, TWO_LEVELS_BALANCED);
	path("gw2", "gw3", "be", NULL);
	gateway("gw3", "5f00:0:3:5a::");
	instances();
	settle();
	svc = parent_scoped(0x101, SAN_SCOPE_LOCAL);
	assert_int_equal(svc->address.s6_addr[15], 1);
	assert_int_equal(parent_service(0x101)->address.s6_addr[15], 0);
	attr(0x101, "a", ATTR_CPU_LOAD, 100);
	attr(0x101, "b", ATTR_CPU_LOAD, 100);
	settle();
	svc = parent_scoped(0x101, SAN_SCOPE_LOCAL);
	assert_int_equal(svc->mode, SAN_MODE_NONE);
	assert_int_equal(svc->address.s6_addr[15], 0);
	assert_int_equal(parent_service(0x101)->address.s6_addr[15], 1);
	assert_string_equal(in_force(0x101), "5f00:0:3:5a::");
}

/* No ingress: the kernel says that nothing is there. */
static void test_a_gateway_keeps_the_address(void **state)
{
	service(0x101, TWO_LEVELS_BALANCED);
	instances();
	attr(0x101, "a", ATTR_CPU_LOAD, 100);
	attr(0x101, "b", ATTR_CPU_LOAD, 100);
	settle();
	assert_string_equal(local(0x101), "none");
	assert_int_equal(parent_scoped(0x101, SAN_SCOPE_LOCAL)->address.s6_addr[15], 1);
}

int main(void)
{
#define T(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_ingress_chooses_the_gateway, setup_started),
		T(test_steering_changes, setup_started),
		T(test_ingress_adds_up_what_a_gateway_has, setup_started),
		T(test_gateway_chooses_among_its_own, setup_gateway),
		T(test_network_does_not_count, setup_gateway),
		T(test_entry_comes_and_goes, setup_gateway),
		T(test_balanced_there_too, setup_gateway),
		T(test_both_roles, setup_both),
		T(test_address_goes_where_something_is, setup_both),
		T(test_a_gateway_keeps_the_address, setup_gateway),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
