/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client_test.h"

/* ---- network map (RFC 7285, 11.2.1) ---- */

#define NETMAP(pids)                                                                               \
	"{'meta': {'vtag': {'resource-id': 'net', 'tag': 't1'}}, 'network-map': {" pids "}}"

static const char network[] =
	NETMAP("'PID1': {'ipv4': ['192.0.2.0/24', '198.51.100.0/25'], 'new': 1},"
	       "'PID2': {'ipv4': ['198.51.100.128/25'], 'ipv6': ['2001:db8::/32']},"
	       "'PID3': {'ipv4': ['0.0.0.0/0'], 'other': ['x']}");

static struct alto_netmap *netmap(const char *text)
{
	struct alto_netmap *map = NULL;

	if (alto_netmap_parse(q(text), strlen(text), "net", &map, &err))
		fail_msg("%s %s %s", err.field, err.value, err.want);
	return map;
}

static const char *match(const struct alto_netmap *map, const char *endpoint)
{
	struct alto_prefix p;

	assert_int_equal(alto_endpoint_parse(endpoint, &p), 0);
	return alto_netmap_match(map, &p);
}

static void test_netmap_longest_prefix(void **state)
{
	struct alto_netmap *map = netmap(network);

	assert_int_equal(map->n_pids, 3);
	assert_string_equal(map->vtag.tag, "t1");
	assert_string_equal(match(map, "ipv4:192.0.2.1"), "PID1");
	assert_string_equal(match(map, "ipv4:198.51.100.129"), "PID2");
	assert_string_equal(match(map, "ipv4:198.51.100.1"), "PID1");
	assert_string_equal(match(map, "ipv4:203.0.113.1"), "PID3");
	assert_string_equal(match(map, "ipv6:2001:db8::1"), "PID2");
	assert_null(match(map, "ipv6:2001:db9::1"));
	assert_string_equal(map->rest4, "PID3");
	assert_ptr_equal(map->rest4, match(map, "ipv4:203.0.113.1"));
	assert_null(map->rest6);
	alto_netmap_free(map);
	map = netmap(NETMAP(""));
	assert_null(match(map, "ipv4:192.0.2.1"));
	alto_netmap_free(map);
}

static void refuses_netmap(const char *text, int code, const char *want)
{
	struct alto_netmap *map = NULL;

	REFUSED(alto_netmap_parse(q(text), strlen(text), "net", &map, &err), code, want);
	assert_null(map);
}

static void test_netmap_version_tag(void **state)
{
	refuses_netmap("{'network-map': {}}", -EINVAL, "/meta: is missing");
	refuses_netmap("{'meta': {}, 'network-map': {}}", -EINVAL, "/meta/vtag: is missing");
	refuses_netmap("{'meta': {'vtag': {'resource-id': 'net'}}, 'network-map': {}}", -EINVAL,
		       "/meta/vtag/tag: is missing");
	refuses_netmap("{'meta': {'vtag': {'resource-id': 'other', 'tag': 't'}}}", -EINVAL,
		       "/meta/vtag/resource-id: is other, must be net");
	refuses_netmap("{'meta': {'vtag': {'resource-id': 'net', 'tag': 'a b'}}}", -EINVAL,
		       "/meta/vtag/tag: is a b, must be 1..64 of U+0021..U+007E");
	refuses_netmap("{'meta': {'vtag': {'resource-id': 'n/t', 'tag': 't'}}}", -EINVAL,
		       "/meta/vtag/resource-id: is n/t, must be 1..64 of A-Z a-z 0-9 : @ _ - .");
	refuses_netmap("{'meta': {'vtag': {'resource-id': 'net', 'tag': 't'}}}", -EINVAL,
		       "/network-map: is missing");
}

static void test_netmap_names(void **state)
{
	refuses_netmap(NETMAP("'a b': {}"), -EINVAL,
		       "/network-map: is a b, is no PID name: 1..64 of A-Z a-z 0-9 : @ _ -");
	refuses_netmap(NETMAP("'a.b': {}"), -EINVAL,
		       "/network-map: is a.b, is no PID name: 1..64 of A-Z a-z 0-9 : @ _ -");
	refuses_netmap(NETMAP("'': {}"), -EINVAL,
		       "/network-map: is no PID name: 1..64 of A-Z a-z 0-9 : @ _ -");
	refuses_netmap(NETMAP("'a': {}, 'a': {}"), -EINVAL,
		       "line 1, column 84: duplicate object key near '\"a\"'");
}

static void test_netmap_prefixes(void **state)
{
	refuses_netmap(NETMAP("'a': {'ipv4': ['192.0.2.1/24']}"), -EINVAL,
		       "/network-map/a/ipv4/0: is 192.0.2.1/24, must be an IPv4 prefix without "
		       "bits behind its length");
	refuses_netmap(NETMAP("'a': {'ipv6': ['192.0.2.0/24']}"), -EINVAL,
		       "/network-map/a/ipv6/0: is 192.0.2.0/24, must be an IPv6 prefix without "
		       "bits behind its length");
	refuses_netmap(NETMAP("'a': {'ipv6': [7]}"), -EINVAL,
		       "/network-map/a/ipv6/0: is 7, must be a string");
	refuses_netmap(NETMAP("'a': {'ipv6': {}}"), -EINVAL,
		       "/network-map/a/ipv6: is {}, must be an array");
	refuses_netmap(NETMAP("'a': []"), -EINVAL, "/network-map/a: is [], must be an object");
}

static void test_netmap_prefix_twice(void **state)
{
	struct alto_netmap *map = NULL;
	const char *twice = NETMAP("'a': {'ipv4': ['192.0.2.0/24']}, 'b': "
				   "{'ipv4': ['192.0.2.0/24', '192.0.2.0/25']}");

	assert_int_equal(alto_netmap_parse(q(twice), strlen(twice), "net", &map, &err), -EINVAL);
	assert_string_equal(err.value, "192.0.2.0/24");
	assert_string_equal(err.want, "stands in the map more than once");
	refuses_netmap(NETMAP("'a': {'ipv6': ['::/0', '::/0']}"), -EINVAL,
		       "/network-map/a: is ::/0, stands in the map more than once");
}

/* ---- cost map (RFC 7285, 11.2.3.6) ---- */

#define VTAG "{'resource-id': 'net', 'tag': 't1'}"
#define TYPE "{'cost-mode': 'numerical', 'cost-metric': 'routingcost'}"
#define COSTMAP(vtags, type, costs)                                                                \
	"{'meta': {'dependent-vtags': [" vtags "], 'cost-type': " type "}, 'cost-map': {" costs "}}"
#define COSTS(costs) COSTMAP(VTAG, TYPE, costs)

static struct alto_netmap *pids;

static int with_netmap(void **state)
{
	pids = netmap(network);
	return 0;
}

static int without_netmap(void **state)
{
	alto_netmap_free(pids);
	return 0;
}

static int costmap(const char *text, struct alto_costmap **out)
{
	struct alto_costmap_want want = {.map = pids, .metric = "routingcost", .mode = "numerical"};

	return alto_costmap_parse(q(text), strlen(text), &want, out, &err);
}

static void refuses_costmap(const char *text, int code, const char *want)
{
	struct alto_costmap *map = NULL;

	REFUSED(costmap(text, &map), code, want);
	assert_null(map);
}

static void test_costmap(void **state)
{
	struct alto_costmap *map = NULL;
	double cost = -1;

	assert_int_equal(
		costmap(COSTS("'PID1': {'PID1': 1, 'PID2': 2.5, 'PID3': 0}, 'PID2': {}"), &map), 0);
	assert_true(alto_costmap_cost(map, "PID1", "PID2", &cost));
	assert_float_equal(cost, 2.5, 0);
	assert_true(alto_costmap_cost(map, "PID1", "PID3", &cost));
	assert_float_equal(cost, 0, 0);
	assert_false(alto_costmap_cost(map, "PID2", "PID1", &cost));
	assert_false(alto_costmap_cost(map, "PID3", "PID1", &cost));
	assert_string_equal(map->metric, "routingcost");
	assert_string_equal(map->mode, "numerical");
	assert_string_equal(map->depends.tag, "t1");
	alto_costmap_free(map);
}

static void test_costmap_dependent_vtags(void **state)
{
	refuses_costmap("{'meta': {'cost-type': " TYPE "}, 'cost-map': {}}", -EINVAL,
			"/meta/dependent-vtags: is missing");
	refuses_costmap(COSTMAP("", TYPE, ""), -EINVAL,
			"/meta/dependent-vtags: has no version tag, must have one: the network "
			"map's");
	refuses_costmap(COSTMAP(VTAG ", " VTAG, TYPE, ""), -ENOSPC,
			"/meta/dependent-vtags: has 2 version tags, at most 1");
	refuses_costmap(COSTMAP("{'resource-id': 'other', 'tag': 't1'}", TYPE, ""), -EINVAL,
			"/meta/dependent-vtags/0/resource-id: is other, must be net");
	refuses_costmap(COSTMAP("{'tag': 't1'}", TYPE, ""), -EINVAL,
			"/meta/dependent-vtags/0/resource-id: is missing");
	refuses_costmap(COSTMAP("1", TYPE, ""), -EINVAL,
			"/meta/dependent-vtags/0: is 1, must be an object");
}

static void test_costmap_of_another_version(void **state)
{
	refuses_costmap(COSTMAP("{'resource-id': 'net', 'tag': 't2'}", TYPE, ""), -ESTALE,
			"/meta/dependent-vtags/0/tag: is t2, must be t1: net has changed");
}

static void test_costmap_cost_type(void **state)
{
	refuses_costmap("{'meta': {'dependent-vtags': [" VTAG "]}, 'cost-map': {}}", -EINVAL,
			"/meta/cost-type: is missing");
	refuses_costmap(COSTMAP(VTAG, "{'cost-mode': 'ordinal', 'cost-metric': 'routingcost'}", ""),
			-EINVAL,
			"/meta/cost-type/cost-mode: is ordinal, must be numerical, as asked for");
	refuses_costmap(
		COSTMAP(VTAG, "{'cost-mode': 'numerical', 'cost-metric': 'hopcount'}", ""), -EINVAL,
		"/meta/cost-type/cost-metric: is hopcount, must be routingcost, as asked for");
	refuses_costmap(COSTMAP(VTAG, "{'cost-mode': 'numerical'}", ""), -EINVAL,
			"/meta/cost-type/cost-metric: is missing");
}

static void test_costmap_costs_are_numbers(void **state)
{
	refuses_costmap(COSTS("'PID1': {'PID2': '1'}"), -EINVAL,
			"/cost-map/PID1/PID2: is \"1\", must be a number, 0 or more");
	refuses_costmap(COSTS("'PID1': {'PID2': null}"), -EINVAL,
			"/cost-map/PID1/PID2: is null, must be a number, 0 or more");
	refuses_costmap(COSTS("'PID1': {'PID2': -1}"), -EINVAL,
			"/cost-map/PID1/PID2: is -1, must be a number, 0 or more");
	refuses_costmap(COSTS("'PID1': {'PID2': [1, 2]}"), -EINVAL,
			"/cost-map/PID1/PID2: is [1,2], must be a number, 0 or more");
	refuses_costmap(COSTS("'PID1': {'PID2': 1e999}"), -EINVAL,
			"line 1, column 175: real number overflow near '1e999'");
	refuses_costmap(COSTS("'PID1': {'PID2': NaN}"), -EINVAL,
			"line 1, column 173: invalid token near 'NaN'");
	refuses_costmap(COSTS("'PID1': 1"), -EINVAL, "/cost-map/PID1: is 1, must be an object");
	refuses_costmap(COSTS("'PID1': {'PID2': 1, 'PID2': 2}"), -EINVAL,
			"line 1, column 179: duplicate object key near '\"PID2\"'");
}

static void test_costmap_pids_of_the_map(void **state)
{
	refuses_costmap(COSTS("'PID9': {'PID1': 1}"), -EINVAL,
			"/cost-map: is PID9, is no PID of network map net, tag t1");
	refuses_costmap(COSTS("'PID1': {'PID9': 1}"), -EINVAL,
			"/cost-map/PID1: is PID9, is no PID of network map net, tag t1");
	refuses_costmap(COSTS("'PID1': {'a b': 1}"), -EINVAL,
			"/cost-map/PID1: is a b, is no PID name: 1..64 of A-Z a-z 0-9 : @ _ -");
}

static void test_costmap_of_any_map_and_type(void **state)
{
	const struct alto_costmap_want any = {0};
	struct alto_costmap *map = NULL;
	const char *text = COSTMAP("{'resource-id': 'x', 'tag': 'y'}",
				   "{'cost-mode': 'array', 'cost-metric': 'ane-path'}",
				   "'a': {'b': ['x', 'y'], 'c': []}");

	assert_int_equal(alto_costmap_parse(q(text), strlen(text), &any, &map, &err), 0);
	assert_string_equal(map->depends.id, "x");
	alto_costmap_free(map);
	map = NULL;
	text = COSTMAP(VTAG, "{'cost-mode': 'array', 'cost-metric': 'ane-path'}",
		       "'a': {'b': ['x', 'y.z']}");
	REFUSED(alto_costmap_parse(q(text), strlen(text), &any, &map, &err), -EINVAL,
		"/cost-map/a/b: is [\"x\",\"y.z\"], must be an array of ANE names: 1..64 of A-Z a-z "
		"0-9 : @ _ -");
	text = COSTMAP(VTAG, "{'cost-mode': 'new', 'cost-metric': 'x'}", "");
	REFUSED(alto_costmap_parse(q(text), strlen(text), &any, &map, &err), -EINVAL,
		"/meta/cost-type/cost-mode: is new, must be numerical, ordinal or array");
	assert_null(map);
}

/* A patched map is checked like one that came whole. */
static void test_costmap_checked_again(void **state)
{
	struct alto_costmap_want want = {.map = pids};
	struct alto_costmap *map = NULL;
	json_t *root = json_loads(q(COSTS("'PID1': {'PID2': 1}")), 0, NULL);

	json_object_set_new(json_object_get(json_object_get(root, "cost-map"), "PID1"), "PID3",
			    json_true());
	REFUSED(alto_costmap_check(root, &want, &map, &err), -EINVAL,
		"/cost-map/PID1/PID3: is true, must be a number, 0 or more");
	REFUSED(alto_costmap_check(json_array(), &want, &map, &err), -EINVAL,
		"is [], must be an object");
	assert_null(map);
}

/* ---- endpoint cost map (RFC 7285, 11.5.1.6) ---- */

#define ENDPOINTS(costs) "{'meta': {'cost-type': " TYPE "}, 'endpoint-cost-map': {" costs "}}"

static void test_endpoint_costs(void **state)
{
	const struct alto_costmap_want want = {.metric = "routingcost", .endpoints = true};
	struct alto_costmap *map = NULL;
	double cost = 0;
	const char *text =
		ENDPOINTS("'ipv4:192.0.2.2': {'ipv4:192.0.2.89': 1, 'ipv6:2001:db8::1': 3}");

	assert_int_equal(alto_costmap_parse(q(text), strlen(text), &want, &map, &err), 0);
	assert_true(alto_costmap_cost(map, "ipv4:192.0.2.2", "ipv6:2001:db8::1", &cost));
	assert_float_equal(cost, 3, 0);
	assert_string_equal(map->depends.id, "");
	alto_costmap_free(map);
	map = NULL;
	text = ENDPOINTS("'PID1': {}");
	REFUSED(alto_costmap_parse(q(text), strlen(text), &want, &map, &err), -EINVAL,
		"/endpoint-cost-map: is PID1, is no endpoint: must be ipv4:ADDRESS or "
		"ipv6:ADDRESS");
	text = ENDPOINTS("'ipv4:192.0.2.2': {'ipv4:192.0.2.89': false}");
	REFUSED(alto_costmap_parse(q(text), strlen(text), &want, &map, &err), -EINVAL,
		"/endpoint-cost-map/ipv4:192.0.2.2/ipv4:192.0.2.89: is false, must be a number, 0 "
		"or more");
	text = COSTS("");
	REFUSED(alto_costmap_parse(q(text), strlen(text), &want, &map, &err), -EINVAL,
		"/endpoint-cost-map: is missing");
}

/* ---- property map (RFC 9240, 7.6) ---- */

#define PROPMAP(vtags, entities)                                                                   \
	"{'meta': {'dependent-vtags': [" vtags "]}, 'property-map': {" entities "}}"

static int propmap(const char *text, struct alto_propmap **out)
{
	return alto_propmap_parse(q(text), strlen(text), pids, out, &err);
}

static void test_property_map(void **state)
{
	struct alto_propmap *map = NULL;
	const char *text = PROPMAP(VTAG, "'net.pid:PID1': {'cpu': [3, 4], 'mem': '7.5', 'mem2': 8,"
					 " 'nf': ['NF1'], 'none': [], 'hex': '0x10'},"
					 "'ipv4:192.0.2.0/24': {'x': null},"
					 "'ipv6:2001:db8::1': {}, 'else.ane:foo': {}");
	double number = 0;

	assert_int_equal(propmap(text, &map), 0);
	assert_int_equal(map->n_depends, 1);
	assert_true(alto_propmap_number(map, "net.pid:PID1", "cpu", &number));
	assert_float_equal(number, 3, 0);
	assert_true(alto_propmap_number(map, "net.pid:PID1", "mem", &number));
	assert_float_equal(number, 7.5, 0);
	assert_true(alto_propmap_number(map, "net.pid:PID1", "mem2", &number));
	assert_float_equal(number, 8, 0);
	assert_false(alto_propmap_number(map, "net.pid:PID1", "nf", &number));
	assert_false(alto_propmap_number(map, "net.pid:PID1", "none", &number));
	assert_false(alto_propmap_number(map, "net.pid:PID1", "hex", &number));
	assert_false(alto_propmap_number(map, "net.pid:PID1", "absent", &number));
	assert_false(alto_propmap_number(map, "net.pid:PID2", "cpu", &number));
	alto_propmap_free(map);
}

static void refuses_propmap(const char *text, int code, const char *want)
{
	struct alto_propmap *map = NULL;

	REFUSED(propmap(text, &map), code, want);
	assert_null(map);
}

static void test_property_map_dependent_vtags(void **state)
{
	refuses_propmap(PROPMAP("{'resource-id': 'net', 'tag': 't0'}", ""), -ESTALE,
			"/meta/dependent-vtags/0/tag: is t0, must be t1: net has changed");
	refuses_propmap("{'property-map': {'net.pid:PID1': {}}}", -EINVAL,
			"/meta/dependent-vtags: must have the version tag of net, which "
			"net.pid:PID1 is of");
	refuses_propmap(PROPMAP("{'resource-id': 'o', 'tag': 't1'}", "'net.pid:PID1': {}"), -EINVAL,
			"/meta/dependent-vtags: must have the version tag of net, which "
			"net.pid:PID1 is of");
	refuses_propmap(PROPMAP(VTAG "," VTAG "," VTAG "," VTAG "," VTAG, ""), -ENOSPC,
			"/meta/dependent-vtags: has 5 version tags, at most 4");
	refuses_propmap("{'meta': {'dependent-vtags': [{}]}, 'property-map': {}}", -EINVAL,
			"/meta/dependent-vtags/0/resource-id: is missing");
}

static void test_property_map_entities(void **state)
{
	refuses_propmap(PROPMAP(VTAG, "'net.pid:PID9': {}"), -EINVAL,
			"/property-map: is net.pid:PID9, is no PID of network map net, tag t1");
	refuses_propmap(PROPMAP(VTAG, "'foo': {}"), -EINVAL,
			"/property-map: is foo, is no entity: must be DOMAIN:NAME, at most 200 "
			"printable characters");
	refuses_propmap(PROPMAP(VTAG, "'ipv4:foo': {}"), -EINVAL,
			"/property-map: is ipv4:foo, is no address and no prefix");
	refuses_propmap(PROPMAP(VTAG, "'ipv6:192.0.2.0/24': {}"), -EINVAL,
			"/property-map: is ipv6:192.0.2.0/24, is no address and no prefix");
	refuses_propmap(PROPMAP(VTAG, "'ipv4:192.0.2.0/24': 1"), -EINVAL,
			"/property-map/ipv4:192.0.2.0~124: is 1, must be an object");
	refuses_propmap(PROPMAP(VTAG, "'a:b': {'': 1}"), -EINVAL,
			"/property-map: is no property: must be 1..100 printable characters");
	refuses_propmap("{}", -EINVAL, "/property-map: is missing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_netmap_longest_prefix),
		cmocka_unit_test(test_netmap_version_tag),
		cmocka_unit_test(test_netmap_names),
		cmocka_unit_test(test_netmap_prefixes),
		cmocka_unit_test(test_netmap_prefix_twice),
		cmocka_unit_test(test_costmap),
		cmocka_unit_test(test_costmap_dependent_vtags),
		cmocka_unit_test(test_costmap_of_another_version),
		cmocka_unit_test(test_costmap_cost_type),
		cmocka_unit_test(test_costmap_costs_are_numbers),
		cmocka_unit_test(test_costmap_pids_of_the_map),
		cmocka_unit_test(test_costmap_of_any_map_and_type),
		cmocka_unit_test(test_costmap_checked_again),
		cmocka_unit_test(test_endpoint_costs),
		cmocka_unit_test(test_property_map),
		cmocka_unit_test(test_property_map_dependent_vtags),
		cmocka_unit_test(test_property_map_entities),
	};

	return cmocka_run_group_tests(tests, with_netmap, without_netmap);
}
