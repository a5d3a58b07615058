/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Costs by interval (RFC 8896). In the second hour the way from A to B leads over C. */
#include "cost_rig.h"

#define RC NUM("routingcost")
#define DELAY NUM("delay-ow")
#define FROM_A ",\"pids\":{\"srcs\":[\"A\"],\"dsts\":[\"B\",\"C\",\"D\"]}"

static int setup(void **state)
{
	rig_new(&rig, &(struct rig_conf){.stat = "", .calendar = true});
	return 0;
}

/* 4.1.2: one value for each interval; the path is that interval's; no path: no entry. */
static void values_by_interval(void **state)
{
	rig_expect(&rig, "net-costs", "{\"cost-type\":" RC ",\"calendared\":[true]" FROM_A "}",
		   "cost-map", "{\"A\":{\"B\":[1,12,1],\"C\":[3,10,3]}}");
}

/* 4.1.1: no member `calendared`, or false: single values. */
static void without_asking_single_values(void **state)
{
	static const char single[] = "{\"A\":{\"B\":1,\"C\":3}}";

	rig_expect(&rig, "net-costs", "{\"cost-type\":" RC FROM_A "}", "cost-map", single);
	rig_expect(&rig, "net-costs", "{\"cost-type\":" RC ",\"calendared\":[false]" FROM_A "}",
		   "cost-map", single);
}

/* 4.1.2: what the values belong to. The period's begin is not later than the request. */
static void meta_tells_the_calendar(void **state)
{
	json_t *got = rig_ask(&rig, "net-costs", "{\"cost-type\":" RC ",\"calendared\":[true]}");
	const json_t *meta = json_object_get(got, "meta");
	json_t *want = json_pack("[{s:[s],s:s,s:i,s:i}]", "cost-type-names", "num-routingcost",
				 "calendar-start-time", "Tue, 01 Jul 2014 12:00:00 GMT",
				 "time-interval-size", 3600, "number-of-intervals", 3);

	assert_true(json_equal(json_object_get(meta, "calendar-response-attributes"), want));
	assert_non_null(json_object_get(meta, "cost-type"));
	assert_string_equal(rig.tag, "");
	json_decref(got);
	json_decref(want);
	got = rig_ask(&rig, "net-costs", "{\"cost-type\":" RC "}");
	meta = json_object_get(got, "meta");
	assert_null(json_object_get(meta, "calendar-response-attributes"));
	assert_string_equal(rig.tag, rig_s(&rig)->cost_tag);
	json_decref(got);
}

/* 4.1.1: true for a cost type that has no calendar is answered like false. */
static void types_without_calendar(void **state)
{
	json_t *got;

	rig_expect(&rig, "net-costs", "{\"cost-type\":" DELAY ",\"calendared\":[true]" FROM_A "}",
		   "cost-map", "{\"A\":{\"B\":10}}");
	rig_expect(&rig, "net-costs",
		   "{\"cost-type\":{\"cost-mode\":\"ordinal\",\"cost-metric\":\"routingcost\"},"
		   "\"calendared\":[true]" FROM_A "}",
		   "cost-map", "{\"A\":{\"B\":2,\"C\":4}}");
	got = rig_ask(&rig, "net-costs", "{\"cost-type\":" DELAY ",\"calendared\":[true]}");
	assert_null(json_object_get(json_object_get(got, "meta"), "calendar-response-attributes"));
	json_decref(got);
}

/* The same where the source has no calendars at all. */
static void sources_without_calendar(void **state)
{
	struct rig plain;

	rig_new(&plain, &(struct rig_conf){.stat = ""});
	rig_expect(&plain, "net-costs", "{\"cost-type\":" RC ",\"calendared\":[true]" FROM_A "}",
		   "cost-map", "{\"A\":{\"B\":1,\"C\":3}}");
	rig_free(&plain);
}

/* 4.1.1: one boolean for each type; calendars and single values side by side. */
static void calendars_of_several_types(void **state)
{
	rig_expect(&rig, "net-costs",
		   "{\"multi-cost-types\":[" DELAY "," RC "," RC "],\"calendared\":"
		   "[true,true,false]" FROM_A "}",
		   "cost-map", "{\"A\":{\"B\":[10,[1,12,1],1],\"C\":[null,[3,10,3],3]}}");
}

/* One description for all values of a type, however often it is asked for. */
static void a_calendar_is_described_once(void **state)
{
	json_t *got = rig_ask(&rig, "net-costs",
			      "{\"multi-cost-types\":[" RC "," RC "],\"calendared\":[true,true]}");
	const json_t *meta = json_object_get(got, "meta");

	assert_int_equal(json_array_size(json_object_get(meta, "calendar-response-attributes")), 1);
	json_decref(got);
}

static void calendared_is_checked(void **state)
{
	static const struct {
		const char *value;
		enum alto_code code;
	} bad[] = {
		{"true", ALTO_E_INVALID_FIELD_TYPE},	      {"[]", ALTO_E_INVALID_FIELD_VALUE},
		{"[true,false]", ALTO_E_INVALID_FIELD_VALUE}, {"[1]", ALTO_E_INVALID_FIELD_VALUE},
		{"[null]", ALTO_E_INVALID_FIELD_VALUE},
	};
	char body[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(body, sizeof(body), "{\"cost-type\":" RC ",\"calendared\":%s}",
			 bad[i].value);
		rig_refused(&rig, "net-costs", body, bad[i].code, "calendared");
	}
}

/* A constraint looks at the value without calendar. */
static void constraints_look_at_single_values(void **state)
{
	rig_expect(&rig, "net-costs",
		   "{\"cost-type\":" RC ",\"calendared\":[true],\"constraints\":[\"le 1\"]" FROM_A
		   "}",
		   "cost-map", "{\"A\":{\"B\":[1,12,1]}}");
}

/* 4.2: the same for endpoint costs; within one PID there is nothing to pay at any time. */
static void endpoint_costs_alike(void **state)
{
	rig_expect(&rig, "net-endpoint-costs",
		   "{\"cost-type\":" RC ",\"calendared\":[true],\"endpoints\":{\"srcs\":"
		   "[\"ipv4:10.1.0.1\"],\"dsts\":[\"ipv4:10.2.0.1\",\"ipv4:10.1.0.2\"]}}",
		   "endpoint-cost-map",
		   "{\"ipv4:10.1.0.1\":{\"ipv4:10.2.0.1\":[1,12,1],\"ipv4:10.1.0.2\":[0,0,0]}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_by_interval),
		cmocka_unit_test(without_asking_single_values),
		cmocka_unit_test(meta_tells_the_calendar),
		cmocka_unit_test(types_without_calendar),
		cmocka_unit_test(sources_without_calendar),
		cmocka_unit_test(calendars_of_several_types),
		cmocka_unit_test(a_calendar_is_described_once),
		cmocka_unit_test(calendared_is_checked),
		cmocka_unit_test(constraints_look_at_single_values),
		cmocka_unit_test(endpoint_costs_alike),
	};

	return cmocka_run_group_tests(tests, setup, rig_teardown);
}
