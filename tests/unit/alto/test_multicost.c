/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Several costs of a pair in one answer (RFC 8189). */
#include "cost_rig.h"

#define RC NUM("routingcost")
#define DELAY NUM("delay-ow")
#define HOPS NUM("hopcount")
#define FROM_A ",\"pids\":{\"srcs\":[\"A\"],\"dsts\":[]}"

/* 4.1.3: arrays in the order of the request, null where undefined; nothing where all are. */
static void costs_are_arrays_in_request_order(void **state)
{
	rig_expect(&rig, "net-costs",
		   "{\"multi-cost-types\":[" DELAY "," RC "," HOPS "]" FROM_A "}", "cost-map",
		   "{\"A\":{\"A\":[null,0,0],\"B\":[10,1,1],\"C\":[null,3,2]}}");
	rig_expect(&rig, "net-costs", "{\"multi-cost-types\":[" RC "," DELAY "]" FROM_A "}",
		   "cost-map", "{\"A\":{\"A\":[0,null],\"B\":[1,10],\"C\":[3,null]}}");
	rig_expect(&rig, "net-costs",
		   "{\"multi-cost-types\":[" DELAY "," NUM("bw-residual") "]" FROM_A "}",
		   "cost-map", "{\"A\":{\"B\":[10,1000000000]}}");
}

/* 4.1.3: one type in multi-cost-types is still an array. */
static void one_type_is_an_array(void **state)
{
	rig_expect(&rig, "net-costs", "{\"multi-cost-types\":[" DELAY "]" FROM_A "}", "cost-map",
		   "{\"A\":{\"B\":[10]}}");
}

/* Both modes of a metric, and a type twice. */
static void modes_and_repeats(void **state)
{
	rig_expect(&rig, "net-costs",
		   "{\"multi-cost-types\":[" ORD("routingcost") "," RC "," RC "]" FROM_A "}",
		   "cost-map", "{\"A\":{\"A\":[1,0,0],\"B\":[2,1,1],\"C\":[4,3,3]}}");
}

static bool same_type(const json_t *type, const char *mode, const char *metric)
{
	return strcmp(json_string_value(json_object_get(type, "cost-mode")), mode) == 0 &&
	       strcmp(json_string_value(json_object_get(type, "cost-metric")), metric) == 0;
}

/* 4.1.3: meta has multi-cost-types, and a cost-type that is empty. */
static void meta_tells_the_types(void **state)
{
	json_t *got = rig_ask(&rig, "net-costs", "{\"multi-cost-types\":[" DELAY "," RC "]}");
	const json_t *meta = json_object_get(got, "meta");
	const json_t *types = json_object_get(meta, "multi-cost-types");

	assert_true(json_is_object(json_object_get(meta, "cost-type")));
	assert_int_equal(json_object_size(json_object_get(meta, "cost-type")), 0);
	assert_int_equal(json_array_size(types), 2);
	assert_true(same_type(json_array_get(types, 0), "numerical", "delay-ow"));
	assert_true(same_type(json_array_get(types, 1), "numerical", "routingcost"));
	assert_int_equal(json_array_size(json_object_get(meta, "dependent-vtags")), 1);
	json_decref(got);
}

/* 4.1.2: exactly one of cost-type and multi-cost-types. */
static void exactly_one_way_to_name_types(void **state)
{
	rig_refused(&rig, "net-costs", "{\"cost-type\":" RC ",\"multi-cost-types\":[" RC "]}",
		    ALTO_E_INVALID_FIELD_VALUE, "multi-cost-types");
	rig_refused(&rig, "net-costs", "{\"testable-cost-types\":[" RC "]}", ALTO_E_MISSING_FIELD,
		    "cost-type");
}

/* 4.1.2: an index refers to testable-cost-types, else to multi-cost-types; without it, 0. */
static void predicates_have_an_index(void **state)
{
	static const char both[] =
		"{\"multi-cost-types\":[" RC "," DELAY "]" FROM_A ",\"constraints\":[\"%s\"]}";
	static const struct {
		const char *predicate, *want;
	} cases[] = {
		{"[0] le 1", "{\"A\":{\"A\":[0,null],\"B\":[1,10]}}"},
		{"le 1", "{\"A\":{\"A\":[0,null],\"B\":[1,10]}}"},
		{"[1] le 10", "{\"A\":{\"B\":[1,10]}}"},
		{"[1] lt 10", "{}"},
	};
	char body[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(body, sizeof(body), both, cases[i].predicate);
		rig_expect(&rig, "net-costs", body, "cost-map", cases[i].want);
	}
	snprintf(body, sizeof(body), both, "[2] le 1");
	rig_refused(&rig, "net-costs", body, ALTO_E_INVALID_FIELD_VALUE, "constraints");
}

/* 4.1.2: types that are tested need not be told. */
static void tested_types_need_not_be_told(void **state)
{
	rig_expect(&rig, "net-costs",
		   "{\"cost-type\":" RC ",\"testable-cost-types\":[" HOPS "," DELAY "]" FROM_A
		   ",\"constraints\":[\"[0] ge 1\",\"[1] le 10\"]}",
		   "cost-map", "{\"A\":{\"B\":1}}");
	rig_expect(&rig, "net-costs",
		   "{\"multi-cost-types\":[" RC "],\"testable-cost-types\":[" HOPS "]" FROM_A
		   ",\"constraints\":[\"[0] eq 2\"]}",
		   "cost-map", "{\"A\":{\"C\":[3]}}");
}

/* 4.1.2: or-constraints: OR of ANDs. */
static void or_constraints_are_or_of_and(void **state)
{
	rig_expect(&rig, "net-costs",
		   "{\"multi-cost-types\":[" RC "," HOPS "]" FROM_A
		   ",\"or-constraints\":[[\"[0] eq 0\"],[\"[0] ge 3\",\"[1] ge 2\"]]}",
		   "cost-map", "{\"A\":{\"A\":[0,0],\"C\":[3,2]}}");
	rig_expect(&rig, "net-costs",
		   "{\"multi-cost-types\":[" RC "," HOPS "]" FROM_A
		   ",\"or-constraints\":[[\"[0] eq 0\",\"[1] ge 2\"],[\"[0] eq 1\"]]}",
		   "cost-map", "{\"A\":{\"B\":[1,1]}}");
	rig_expect(&rig, "net-costs",
		   "{\"cost-type\":" RC FROM_A ",\"or-constraints\":[[\"eq 0\"],[\"eq 1\"]]}",
		   "cost-map", "{\"A\":{\"A\":0,\"B\":1}}");
}

/* Nothing to choose from restricts nothing; an empty AND is met by every pair. */
static void empty_or_constraints(void **state)
{
	static const char all[] = "{\"A\":{\"A\":0,\"B\":1,\"C\":3}}";

	rig_expect(&rig, "net-costs", "{\"cost-type\":" RC FROM_A ",\"or-constraints\":[]}",
		   "cost-map", all);
	rig_expect(&rig, "net-costs",
		   "{\"cost-type\":" RC FROM_A ",\"or-constraints\":[[\"lt 0\"],[]]}", "cost-map",
		   all);
}

/* 4.1.2: at most one of constraints and or-constraints. */
static void not_both_kinds_of_constraints(void **state)
{
	rig_refused(&rig, "net-costs",
		    "{\"cost-type\":" RC ",\"constraints\":[\"le 1\"],\"or-constraints\":[]}",
		    ALTO_E_INVALID_FIELD_VALUE, "or-constraints");
}

static void wrong_type_lists_are_refused(void **state)
{
	static const struct {
		const char *list;
		enum alto_code code;
		const char *below;
	} bad[] = {
		{"{}", ALTO_E_INVALID_FIELD_TYPE, ""},
		{"[]", ALTO_E_INVALID_FIELD_VALUE, ""},
		{"[1]", ALTO_E_INVALID_FIELD_VALUE, ""},
		{"[{}]", ALTO_E_MISSING_FIELD, "/cost-mode"},
		{"[{\"cost-mode\":\"numerical\"}]", ALTO_E_MISSING_FIELD, "/cost-metric"},
		{"[" RC "," NUM("tput") "]", ALTO_E_INVALID_FIELD_VALUE, "/cost-metric"},
		{"[" RC ",{\"cost-mode\":\"array\",\"cost-metric\":\"ane-path\"}]",
		 ALTO_E_INVALID_FIELD_VALUE, "/cost-mode"},
	};
	char body[512], field[64];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(body, sizeof(body), "{\"multi-cost-types\":%s}", bad[i].list);
		snprintf(field, sizeof(field), "multi-cost-types%s", bad[i].below);
		rig_refused(&rig, "net-costs", body, bad[i].code, field);
		snprintf(body, sizeof(body), "{\"cost-type\":" RC ",\"testable-cost-types\":%s}",
			 bad[i].list);
		snprintf(field, sizeof(field), "testable-cost-types%s", bad[i].below);
		rig_refused(&rig, "net-costs", body, bad[i].code, field);
	}
}

/* RFC 7285, 8.5.2: of an array, the element that is wrong is told, as text. */
static void wrong_elements_are_told(void **state)
{
	static const struct {
		const char *body, *field, *value;
	} bad[] = {
		{"{\"multi-cost-types\":[" RC ",17]}", "multi-cost-types", "17"},
		{"{\"cost-type\":" RC ",\"constraints\":[null]}", "constraints", "null"},
		{"{\"cost-type\":" RC ",\"or-constraints\":[[],\"le 1\"]}", "or-constraints",
		 "\"le 1\""},
		{"{\"cost-type\":" RC ",\"or-constraints\":[[[1]]]}", "or-constraints", "[1]"},
		{"{\"cost-type\":" RC ",\"calendared\":[0]}", "calendared", "0"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rig_refused(&rig, "net-costs", bad[i].body, ALTO_E_INVALID_FIELD_VALUE,
			    bad[i].field);
		assert_string_equal(rig.error.value, bad[i].value);
	}
}

/* 4.2: the same for endpoint costs. */
static void endpoint_costs_alike(void **state)
{
	rig_expect(&rig, "net-endpoint-costs",
		   "{\"multi-cost-types\":[" RC "," DELAY "],\"constraints\":[\"[0] ge 1\"],"
		   "\"endpoints\":{\"srcs\":[\"ipv4:10.1.0.1\"],\"dsts\":[\"ipv4:10.1.0.2\","
		   "\"ipv4:10.2.0.1\",\"ipv4:10.3.0.1\"]}}",
		   "endpoint-cost-map",
		   "{\"ipv4:10.1.0.1\":{\"ipv4:10.2.0.1\":[1,10],\"ipv4:10.3.0.1\":[3,null]}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(costs_are_arrays_in_request_order),
		cmocka_unit_test(one_type_is_an_array),
		cmocka_unit_test(modes_and_repeats),
		cmocka_unit_test(meta_tells_the_types),
		cmocka_unit_test(exactly_one_way_to_name_types),
		cmocka_unit_test(predicates_have_an_index),
		cmocka_unit_test(tested_types_need_not_be_told),
		cmocka_unit_test(or_constraints_are_or_of_and),
		cmocka_unit_test(empty_or_constraints),
		cmocka_unit_test(not_both_kinds_of_constraints),
		cmocka_unit_test(wrong_type_lists_are_refused),
		cmocka_unit_test(wrong_elements_are_told),
		cmocka_unit_test(endpoint_costs_alike),
	};

	return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
