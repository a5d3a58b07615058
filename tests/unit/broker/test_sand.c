/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Source "sand": this sand's own view as a map. */
#include "unit/broker/rig.h"

static int setup_view(void **state)
{
	rig_open();
	broker = broker_start((struct broker_conf){.domains = true, .view = &view});
	changes = 0;
	broker_on_change(broker, on_change, NULL);
	return 0;
}

/* The source after the view has changed. */
static const struct alto_source *sand(void)
{
	broker_view_changed(broker);
	return source("sand");
}

static void gateway(const char *name, const char *locator)
{
	char text[96];
	struct gateway gw;

	snprintf(text, sizeof(text), "{\"locator\": \"%s\"}", locator);
	assert_int_equal(gateway_from_json(json(text), name, &gw, &err), 0);
	assert_int_equal(view_gateway_put(&view, &gw, 1), 0);
}

static void status(const char *ingress, const char *gw, const char *path, uint16_t attr,
		   int64_t milli)
{
	struct sample sample = {.attr = attr, .milli = milli};

	assert_int_equal(view_path_attr(&view, (struct path_key){ingress, gw, path}, &sample), 0);
}

struct inst {
	uint64_t service;
	const char *name, *gateway, *address;
	enum instance_state state;
};

static void instance(struct inst i)
{
	struct in6_addr address = in6addr_any;
	struct view_instance_put in = {.service = i.service,
				       .instance = i.name,
				       .revision = 1,
				       .gateway = i.gateway,
				       .address = &address,
				       .state = &i.state};

	if (i.address)
		address = addr(i.address);
	assert_int_equal(view_instance_put(&view, &in), 0);
}

static uint64_t ago(unsigned int seconds)
{
	return view_time(&view, clock_us()) - seconds * UINT64_C(1000000);
}

static void load(uint64_t service, const char *name, uint16_t attr, int64_t milli, uint64_t at_us)
{
	struct sample sample = {.attr = attr, .milli = milli, .received_us = at_us};

	assert_int_equal(view_instance_attr(&view, service, name, &sample), 0);
}

/* ---- PIDs and links ---- */

static void test_gateways_and_ingresses_are_pids(void **state)
{
	const struct alto_source *s;

	gateway("gw2", "5f00:0:2::/48");
	gateway("gw1", "5f00:0:1::/48");
	status("pe1", "gw9", "be", ATTR_DELAY_US, 1000000);
	s = sand();
	assert_int_equal(s->n_pids, 5);
	assert_string_equal(s->stat, "cur");
	assert_string_equal(s->cost_source, "estimation");
	assert_false(s->service_graph);
	assert_string_equal(pid_at(s, "ipv6:5f00:0:2::7"), "gw2");
	assert_string_equal(pid_at(s, "ipv6:5f00:0:3::7"), "default");
	assert_int_not_equal(alto_source_find(s, "pe1"), UINT32_MAX);
	assert_int_not_equal(alto_source_find(s, "gw9"), UINT32_MAX);
}

static void test_what_is_offered_does_not_depend_on_data(void **state)
{
	const struct alto_source *s = source("sand");
	char *text = json_text(s->pid_prop_names);

	assert_string_equal(text, "[\"priv:sand-cpu_cores_free-sum\",\"priv:sand-cpu_load-mean\","
				  "\"priv:sand-cpu_load-min\",\"priv:sand-instances\","
				  "\"priv:sand-io_load-mean\",\"priv:sand-io_load-min\","
				  "\"priv:sand-mem_free_mb-sum\",\"priv:sand-mem_load-mean\","
				  "\"priv:sand-mem_load-min\",\"priv:sand-net_load-mean\","
				  "\"priv:sand-net_load-min\",\"priv:sand-queue_us-mean\","
				  "\"priv:sand-queue_us-min\",\"priv:sand-services\","
				  "\"priv:sand-sessions-sum\"]");
	free(text);
	assert_true(s->has[ALTO_DELAY_OW] && s->has[ALTO_BW_AVAILABLE]);
}

/* RFC 7285, 10.1: no "." in a PID name. */
static void test_names_become_pid_names(void **state)
{
	const struct alto_source *s;

	gateway("gw.a.b", "5f00:0:1::/48");
	gateway("default", "5f00:0:2::/48");
	s = sand();
	assert_string_equal(pid_at(s, "ipv6:5f00:0:1::7"), "gw:a:b");
	assert_string_equal(pid_at(s, "ipv6:5f00:0:2::7"), "@default");
	assert_string_equal(pid_at(s, "ipv6:::1"), "default");
}

static void test_a_locator_of_two_is_the_firsts(void **state)
{
	gateway("gw2", "5f00:0:1::/48");
	gateway("gw1", "5f00:0:1::/48");
	assert_string_equal(pid_at(sand(), "ipv6:5f00:0:1::7"), "gw1");
}

static void test_a_link_is_the_best_path(void **state)
{
	const struct alto_source *s;
	const struct alto_link *link;

	status("pe1", "gw2", "a", ATTR_LOSS_PPM, 1000);
	status("pe1", "gw2", "c", ATTR_DELAY_US, 2000000);
	status("pe1", "gw2", "b", ATTR_DELAY_US, 1500500);
	status("pe1", "gw2", "b", ATTR_JITTER_US, 3000);
	status("pe1", "gw2", "b", ATTR_LOSS_PPM, 500000);
	status("pe1", "gw2", "b", ATTR_BANDWIDTH_FREE_KBPS, 5000);
	s = sand();
	assert_int_equal(s->n_links, 1);
	link = link_of(s, "pe1", "gw2");
	assert_true(link->value[LINK_ROUTINGCOST] == 1500.5);
	assert_true(link->value[LINK_DELAY_US] == 1500.5);
	assert_true(link->value[LINK_JITTER_US] == 3);
	assert_true(link->value[LINK_LOSS] == 0.0005);
	assert_true(link->value[LINK_BW_AVAILABLE] == 5000);
	assert_true(isnan(link->value[LINK_BW_RESIDUAL]));
}

/* Unknown is not zero: a pair without a delay has no cost. */
static void test_without_delay_there_is_no_cost(void **state)
{
	const struct alto_source *s;
	double cost;

	status("pe1", "gw2", "b", ATTR_LOSS_PPM, 2000);
	status("pe1", "gw2", "a", ATTR_LOSS_PPM, 1000);
	assert_int_equal(
		view_path_put(&view,
			      &(struct path){.ingress = "pe1", .gateway = "gw3", .name = "be"}, 1),
		0);
	s = sand();
	assert_true(isnan(link_of(s, "pe1", "gw2")->value[LINK_ROUTINGCOST]));
	assert_true(link_of(s, "pe1", "gw2")->value[LINK_LOSS] == 1e-6); /* the first by name */
	assert_null(link_of(s, "pe1", "gw3"));
	assert_int_equal(alto_source_cost(s, ALTO_ROUTINGCOST, alto_source_find(s, "pe1"),
					  alto_source_find(s, "gw2"), &cost),
			 0);
	assert_true(isnan(cost));
}

/* Nobody is inside of others' paths: what a pair costs was measured of this pair. */
static void test_a_pair_costs_what_its_own_link_does(void **state)
{
	const struct alto_source *s;
	double direct, around;

	status("pe1", "both", "be", ATTR_DELAY_US, 1000);
	status("both", "gw2", "be", ATTR_DELAY_US, 1000);
	status("pe1", "gw2", "be", ATTR_DELAY_US, 9000);
	status("both", "gw3", "be", ATTR_DELAY_US, 1000);
	s = sand();
	assert_int_equal(alto_source_cost(s, ALTO_ROUTINGCOST, alto_source_find(s, "pe1"),
					  alto_source_find(s, "gw2"), &direct),
			 0);
	assert_int_equal(alto_source_cost(s, ALTO_ROUTINGCOST, alto_source_find(s, "pe1"),
					  alto_source_find(s, "gw3"), &around),
			 0);
	assert_true(direct == 9);
	assert_true(isnan(around));
}

/* ---- instances ---- */

static void test_instances_are_endpoints_of_their_gateway(void **state)
{
	const struct alto_source *s;

	gateway("gw2", "5f00:0:2::/48");
	instance((struct inst){0x101, "web1", "gw2", "2001:db8:2::1", INSTANCE_UP});
	instance((struct inst){0x101, "web2", "gw2", "::ffff:10.2.0.5", INSTANCE_DRAINING});
	instance((struct inst){0x101, "web3", "gw2", NULL, INSTANCE_UP});
	instance((struct inst){0x101, "web4", "", "2001:db8:9::1", INSTANCE_UP});
	load(0x101, "web1", ATTR_CPU_LOAD, 41500, ago(1));
	s = sand();
	assert_string_equal(pid_at(s, "ipv6:2001:db8:2::1"), "gw2");
	assert_string_equal(pid_at(s, "ipv4:10.2.0.5"), "gw2");
	assert_string_equal(pid_at(s, "ipv6:2001:db8:9::1"), "default");
	assert_int_equal(json_object_size(s->endpoint_props), 3);
	assert_string_equal(props(s->endpoint_props, "ipv6:2001:db8:2::1"),
			    "{\"priv:sand-cpu_load\":[41.5],\"priv:sand-instance\":[\"web1\"],"
			    "\"priv:sand-service\":[\"0x101\"],\"priv:sand-state\":[\"up\"]}");
	assert_string_equal(
		props(s->endpoint_props, "ipv4:10.2.0.5"),
		"{\"priv:sand-instance\":[\"web2\"],"
		"\"priv:sand-service\":[\"0x101\"],\"priv:sand-state\":[\"draining\"]}");
	assert_string_equal(props(s->pid_props, "gw2"),
			    "{\"priv:sand-cpu_load-mean\":[41.5],\"priv:sand-cpu_load-min\":[41.5],"
			    "\"priv:sand-instances\":[1],\"priv:sand-services\":[\"0x101\"]}");
}

static void test_an_address_of_several_services_counts_once(void **state)
{
	const struct alto_source *s;

	gateway("gw2", "5f00:0:2::/48");
	instance((struct inst){0x102, "b", "gw2", "2001:db8:2::1", INSTANCE_UP});
	instance((struct inst){0x101, "a", "gw2", "2001:db8:2::1", INSTANCE_UP});
	instance((struct inst){0x101, "z", "gw2", "2001:db8:2::2", INSTANCE_UP});
	load(0x101, "a", ATTR_CPU_LOAD, 10000, ago(2));
	load(0x102, "b", ATTR_CPU_LOAD, 30000, ago(1));
	load(0x101, "z", ATTR_CPU_LOAD, 50000, ago(1));
	load(0x101, "a", ATTR_SESSIONS, 7000, ago(1));
	load(0x102, "b", ATTR_SESSIONS, 7000, ago(1));
	load(0x101, "z", ATTR_SESSIONS, 3000, ago(1));
	s = sand();
	assert_string_equal(
		props(s->endpoint_props, "ipv6:2001:db8:2::1"),
		"{\"priv:sand-cpu_load\":[10,30],\"priv:sand-instance\":[\"a\",\"b\"],"
		"\"priv:sand-service\":[\"0x101\",\"0x102\"],\"priv:sand-sessions\":[7],"
		"\"priv:sand-state\":[\"up\"]}");
	assert_string_equal(props(s->pid_props, "gw2"),
			    "{\"priv:sand-cpu_load-mean\":[40],\"priv:sand-cpu_load-min\":[30],"
			    "\"priv:sand-instances\":[2],"
			    "\"priv:sand-services\":[\"0x101\",\"0x102\"],"
			    "\"priv:sand-sessions-sum\":[10]}");
}

static void test_instances_that_are_down_are_not_counted(void **state)
{
	const struct alto_source *s;

	gateway("gw2", "5f00:0:2::/48");
	instance((struct inst){0x101, "a", "gw2", "2001:db8:2::1", INSTANCE_DOWN});
	load(0x101, "a", ATTR_CPU_LOAD, 10000, ago(2));
	s = sand();
	assert_string_equal(props(s->pid_props, "gw2"), "{\"priv:sand-instances\":[0]}");
	assert_non_null(strstr(props(s->endpoint_props, "ipv6:2001:db8:2::1"), "\"down\""));
}

static void test_old_values_are_unknown(void **state)
{
	const struct alto_source *s;

	instance((struct inst){0x101, "a", "gw2", "2001:db8:2::1", INSTANCE_UP});
	load(0x101, "a", ATTR_CPU_LOAD, 10000, ago(BROKER_AGE_S + 1));
	load(0x101, "a", ATTR_MEM_LOAD, 20000, 0); /* before this boot */
	load(0x101, "a", ATTR_IO_LOAD, 30000, ago(BROKER_AGE_S - 5));
	s = sand();
	assert_string_equal(props(s->endpoint_props, "ipv6:2001:db8:2::1"),
			    "{\"priv:sand-instance\":[\"a\"],\"priv:sand-io_load\":[30],"
			    "\"priv:sand-service\":[\"0x101\"],\"priv:sand-state\":[\"up\"]}");
	assert_null(
		json_object_get(json_object_get(s->pid_props, "gw2"), "priv:sand-cpu_load-min"));
}

/* Nobody says anything, and yet the map changes. */
static void test_values_get_old_by_themselves(void **state)
{
	uint64_t number;

	instance((struct inst){0x101, "a", "gw2", "2001:db8:2::1", INSTANCE_UP});
	load(0x101, "a", ATTR_CPU_LOAD, 10000, ago(BROKER_AGE_S) + 1200000);
	assert_non_null(strstr(props(sand()->endpoint_props, "ipv6:2001:db8:2::1"), "cpu_load"));
	number = broker_snapshot(broker)->number;
	pause_for(1800);
	assert_true(broker_snapshot(broker)->number > number);
	assert_null(
		strstr(props(source("sand")->endpoint_props, "ipv6:2001:db8:2::1"), "cpu_load"));
}

static void test_refused_values_stay_with_their_age(void **state)
{
	instance((struct inst){0x101, "a", "gw2", "2001:db8:2::1", INSTANCE_UP});
	load(0x101, "a", ATTR_CPU_LOAD, 10000, ago(1));
	view_instance_attr_refused(&view, 0x101, "a", ATTR_CPU_LOAD);
	assert_non_null(strstr(props(sand()->endpoint_props, "ipv6:2001:db8:2::1"), "[10]"));
}

/* RFC 9240, 5.2.1: 32 characters, no "." */
static void test_names_that_are_no_property_are_left_out(void **state)
{
	static const char *const names[] = {"a.b", "a_name_of_twenty_two_c",
					    "a_name_of_twenty_three_"};
	const struct alto_source *s;
	uint16_t attr;

	instance((struct inst){0x101, "a", "gw2", "2001:db8:2::1", INSTANCE_UP});
	for (int i = 0; i < 3; i++) {
		assert_int_equal(attr_intern(names[i], &attr), 0);
		load(0x101, "a", attr, 1000, ago(1));
	}
	s = sand();
	assert_string_equal(props(s->endpoint_props, "ipv6:2001:db8:2::1"),
			    "{\"priv:sand-a_name_of_twenty_two_c\":[1],"
			    "\"priv:sand-instance\":[\"a\"],\"priv:sand-service\":[\"0x101\"],"
			    "\"priv:sand-state\":[\"up\"]}");
}

static void test_too_many_instances_are_not_told(void **state)
{
	const struct alto_source *s;

	broker_limits.instances = 1;
	gateway("gw2", "5f00:0:2::/48");
	instance((struct inst){0x101, "a", "gw2", "2001:db8:2::1", INSTANCE_UP});
	s = sand();
	assert_int_equal(json_object_size(s->endpoint_props), 1);
	instance((struct inst){0x101, "b", "gw2", "2001:db8:2::2", INSTANCE_UP});
	s = sand();
	assert_int_equal(json_object_size(s->endpoint_props), 0);
	assert_string_equal(props(s->pid_props, "gw2"), "");
	assert_string_equal(pid_at(s, "ipv6:5f00:0:2::7"), "gw2");
}

static void test_many_services_of_a_gateway_are_not_listed(void **state)
{
	const json_t *of;
	char name[16];

	for (int i = 0; i <= BROKER_SERVICES_MAX; i++) {
		snprintf(name, sizeof(name), "2001:db8::%x", i + 1);
		instance((struct inst){0x1000 + i, "a", "gw2", name, INSTANCE_UP});
	}
	of = json_object_get(sand()->pid_props, "gw2");
	assert_int_equal(
		json_integer_value(json_array_get(json_object_get(of, "priv:sand-instances"), 0)),
		BROKER_SERVICES_MAX + 1);
	assert_null(json_object_get(of, "priv:sand-services"));
	view_instance_del(&view, 0x1000, "a");
	of = json_object_get(sand()->pid_props, "gw2");
	assert_int_equal(json_array_size(json_object_get(of, "priv:sand-services")),
			 BROKER_SERVICES_MAX);
}

/* ---- tags ---- */

static void test_the_order_of_the_view_does_not_matter(void **state)
{
	char map[ALTO_TAG_LEN], cost[ALTO_TAG_LEN], prop[ALTO_TAG_LEN];
	uint64_t at_us = ago(1);
	const struct alto_source *s;

	for (int turn_ = 0; turn_ < 2; turn_++) {
		for (int k = 0; k < 2; k++) {
			bool first = k == turn_;

			gateway(first ? "gw1" : "gw2", first ? "5f00:0:1::/48" : "5f00:0:2::/48");
			status("pe1", first ? "gw1" : "gw2", "be", ATTR_DELAY_US, 1000);
			instance((struct inst){first ? 0x101 : 0x102, "i", first ? "gw1" : "gw2",
					       "2001:db8::5", INSTANCE_UP});
			load(first ? 0x101 : 0x102, "i", ATTR_CPU_LOAD, first ? 1000 : 2000, at_us);
		}
		s = sand();
		if (turn_ == 0) {
			strcpy(map, s->map_tag);
			strcpy(cost, s->cost_tag);
			strcpy(prop, s->prop_tag);
			view_fini(&view);
			view_init(&view);
			continue;
		}
		assert_string_equal(s->map_tag, map);
		assert_string_equal(s->cost_tag, cost);
		assert_string_equal(s->prop_tag, prop);
	}
	/* An address of two gateways: the first by name. */
	assert_string_equal(pid_at(s, "ipv6:2001:db8::5"), "gw1");
}

static void test_a_refresh_is_no_change(void **state)
{
	instance((struct inst){0x101, "a", "gw2", "2001:db8:2::1", INSTANCE_UP});
	load(0x101, "a", ATTR_CPU_LOAD, 10000, ago(2));
	sand();
	assert_int_equal(changes, 1);
	load(0x101, "a", ATTR_CPU_LOAD, 10000, ago(1));
	sand();
	assert_int_equal(changes, 1);
	load(0x101, "a", ATTR_CPU_LOAD, 10001, ago(1));
	sand();
	assert_int_equal(changes, 2);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup_view, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_gateways_and_ingresses_are_pids),
		T(test_what_is_offered_does_not_depend_on_data),
		T(test_names_become_pid_names),
		T(test_a_locator_of_two_is_the_firsts),
		T(test_a_link_is_the_best_path),
		T(test_without_delay_there_is_no_cost),
		T(test_a_pair_costs_what_its_own_link_does),
		T(test_instances_are_endpoints_of_their_gateway),
		T(test_an_address_of_several_services_counts_once),
		T(test_instances_that_are_down_are_not_counted),
		T(test_old_values_are_unknown),
		T(test_values_get_old_by_themselves),
		T(test_refused_values_stay_with_their_age),
		T(test_names_that_are_no_property_are_left_out),
		T(test_too_many_instances_are_not_told),
		T(test_many_services_of_a_gateway_are_not_listed),
		T(test_the_order_of_the_view_does_not_matter),
		T(test_a_refresh_is_no_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
