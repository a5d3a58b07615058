/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Endpoint costs (RFC 7285, 11.5). */
#include "cost_rig.h"

#define RC TYPE("numerical", "routingcost")
#define MAP "endpoint-cost-map"

static void expect(const char *type, const char *endpoints, const char *want)
{
	char body[1024];

	snprintf(body, sizeof(body), "{%s,\"endpoints\":%s}", type, endpoints);
	rig_expect(&rig, "net-endpoint-costs", body, MAP, want);
}

/* 11.5.1.5: the costs of the PIDs, found by the longest prefix; nothing within one PID. */
static void costs_are_those_of_the_pids(void **state)
{
	expect(RC,
	       "{\"srcs\":[\"ipv4:10.1.0.1\"],\"dsts\":[\"ipv4:10.1.5.1\",\"ipv4:10.1.6.1\","
	       "\"ipv4:10.3.0.1\",\"ipv6:2001:db8:a::7\"]}",
	       "{\"ipv4:10.1.0.1\":{\"ipv4:10.1.5.1\":1,\"ipv4:10.1.6.1\":0,\"ipv4:10.3.0.1\":3,"
	       "\"ipv6:2001:db8:a::7\":0}}");
	assert_int_equal(rig.media, ALTO_MEDIA_ENDPOINTCOST);
}

/* 11.5.1.6: a cost that is not defined is left out. */
static void unreachable_endpoints_are_left_out(void **state)
{
	expect(RC,
	       "{\"srcs\":[\"ipv4:10.1.0.1\"],\"dsts\":[\"ipv4:10.4.0.1\",\"ipv4:192.0.2.1\","
	       "\"ipv4:10.2.0.1\"]}",
	       "{\"ipv4:10.1.0.1\":{\"ipv4:10.2.0.1\":1}}");
	expect(TYPE("numerical", "delay-ow"),
	       "{\"srcs\":[\"ipv4:10.1.0.1\"],\"dsts\":[\"ipv4:10.1.0.2\",\"ipv4:10.3.0.1\"]}",
	       "{}");
}

/* 11.5.1.3: an empty list, or none, is the address of the client. */
static void empty_side_is_the_client(void **state)
{
	expect(RC, "{\"srcs\":[],\"dsts\":[\"ipv4:10.2.0.1\"]}",
	       "{\"ipv4:10.1.9.9\":{\"ipv4:10.2.0.1\":1}}");
	expect(RC, "{\"dsts\":[\"ipv4:10.2.0.1\"]}", "{\"ipv4:10.1.9.9\":{\"ipv4:10.2.0.1\":1}}");
	expect(RC, "{\"srcs\":[\"ipv4:10.3.0.1\"]}", "{\"ipv4:10.3.0.1\":{\"ipv4:10.1.9.9\":3}}");
}

/* 11.5.1.3: not both; and where nobody knows the client, it must name itself. */
static void both_sides_empty_is_refused(void **state)
{
	struct alto_prefix client = rig.client;

	rig_refused(&rig, "net-endpoint-costs", "{" RC ",\"endpoints\":{}}",
		    ALTO_E_INVALID_FIELD_VALUE, "endpoints");
	rig_refused(&rig, "net-endpoint-costs", "{" RC ",\"endpoints\":{\"srcs\":[],\"dsts\":[]}}",
		    ALTO_E_INVALID_FIELD_VALUE, "endpoints");
	rig.client.family = 0;
	rig_refused(&rig, "net-endpoint-costs",
		    "{" RC ",\"endpoints\":{\"dsts\":[\"ipv4:10.2.0.1\"]}}",
		    ALTO_E_INVALID_FIELD_VALUE, "endpoints/srcs");
	rig_refused(&rig, "net-endpoint-costs",
		    "{" RC ",\"endpoints\":{\"srcs\":[\"ipv4:10.2.0.1\"]}}",
		    ALTO_E_INVALID_FIELD_VALUE, "endpoints/dsts");
	rig.client = client;
}

/* 11.5.1.3: twice is once; the answer has the client's spelling. */
static void duplicates_count_once_and_keep_their_spelling(void **state)
{
	expect(RC,
	       "{\"srcs\":[\"ipv6:2001:db8:a::1\",\"ipv6:2001:db8:a::1\"],\"dsts\":"
	       "[\"ipv4:10.2.0.1\",\"ipv6:2001:DB8:A:0::1\",\"ipv4:10.2.0.1\"]}",
	       "{\"ipv6:2001:db8:a::1\":{\"ipv4:10.2.0.1\":1,\"ipv6:2001:DB8:A:0::1\":0}}");
}

/* Sources of one PID that do not stand beside each other. */
static void sources_in_any_order(void **state)
{
	expect(RC,
	       "{\"srcs\":[\"ipv4:10.3.0.1\",\"ipv4:10.1.0.1\",\"ipv4:10.3.0.2\","
	       "\"ipv4:10.1.0.2\"],\"dsts\":[\"ipv4:10.2.0.1\"]}",
	       "{\"ipv4:10.3.0.1\":{\"ipv4:10.2.0.1\":2},\"ipv4:10.1.0.1\":{\"ipv4:10.2.0.1\":1},"
	       "\"ipv4:10.3.0.2\":{\"ipv4:10.2.0.1\":2},\"ipv4:10.1.0.2\":{\"ipv4:10.2.0.1\":1}}");
}

/* 11.5.1.7: ranking of endpoints. */
static void ordinal_mode_ranks_endpoints(void **state)
{
	expect(TYPE("ordinal", "routingcost"),
	       "{\"srcs\":[\"ipv4:10.1.0.1\"],\"dsts\":[\"ipv4:10.3.0.1\",\"ipv4:10.1.5.1\","
	       "\"ipv4:10.1.6.1\"]}",
	       "{\"ipv4:10.1.0.1\":{\"ipv4:10.3.0.1\":4,\"ipv4:10.1.5.1\":2,\"ipv4:10.1.6.1\":1}}");
}

/* There and back. */
static void round_trips(void **state)
{
	expect(TYPE("numerical", "delay-rt"),
	       "{\"srcs\":[\"ipv4:10.2.0.1\",\"ipv4:10.1.0.1\"],\"dsts\":[\"ipv4:10.1.0.1\","
	       "\"ipv4:10.3.0.1\",\"ipv4:10.2.0.1\"]}",
	       "{\"ipv4:10.2.0.1\":{\"ipv4:10.1.0.1\":30},\"ipv4:10.1.0.1\":{\"ipv4:10.2.0.1\":30}}");
}

/* 11.5.1.3: constraints as for filtered cost maps. */
static void constraints(void **state)
{
	expect(RC ",\"constraints\":[\"ge 1\",\"le 2\"]",
	       "{\"srcs\":[\"ipv4:10.1.0.1\"],\"dsts\":[\"ipv4:10.1.0.2\",\"ipv4:10.2.0.1\","
	       "\"ipv4:10.3.0.1\"]}",
	       "{\"ipv4:10.1.0.1\":{\"ipv4:10.2.0.1\":1}}");
}

/* 11.5.1.6: meta has the cost type; 11.5.1.5: and no network map that it depended on. */
static void meta_has_type_and_own_vtag(void **state)
{
	json_t *got = rig_ask(&rig, "net-endpoint-costs",
			      "{" RC ",\"endpoints\":{\"dsts\":[\"ipv4:10.2.0.1\"]}}");
	const json_t *meta = json_object_get(got, "meta"), *vtag = json_object_get(meta, "vtag");

	assert_null(json_object_get(meta, "dependent-vtags"));
	assert_string_equal(json_string_value(json_object_get(json_object_get(meta, "cost-type"),
							      "cost-metric")),
			    "routingcost");
	assert_string_equal(json_string_value(json_object_get(vtag, "resource-id")),
			    "net-endpoint-costs");
	assert_string_equal(json_string_value(json_object_get(vtag, "tag")), rig_s(&rig)->cost_tag);
	json_decref(got);
}

static void errors_name_the_field(void **state)
{
	static const struct {
		const char *endpoints;
		enum alto_code code;
		const char *field;
	} bad[] = {
		{"[]", ALTO_E_INVALID_FIELD_TYPE, "endpoints"},
		{"{\"srcs\":{}}", ALTO_E_INVALID_FIELD_TYPE, "endpoints/srcs"},
		{"{\"dsts\":[1]}", ALTO_E_INVALID_FIELD_VALUE, "endpoints/dsts"},
		{"{\"srcs\":[\"10.1.0.1\"]}", ALTO_E_INVALID_FIELD_VALUE, "endpoints/srcs"},
		{"{\"srcs\":[\"ipv4:10.1.0.0/16\"]}", ALTO_E_INVALID_FIELD_VALUE, "endpoints/srcs"},
		{"{\"srcs\":[\"ipv6:10.1.0.1\"]}", ALTO_E_INVALID_FIELD_VALUE, "endpoints/srcs"},
		{"{\"srcs\":[\"ipv4:10.1.0.1\"],\"dsts\":[\"mac:00:11\"]}",
		 ALTO_E_INVALID_FIELD_VALUE, "endpoints/dsts"},
	};
	char body[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(body, sizeof(body), "{" RC ",\"endpoints\":%s}", bad[i].endpoints);
		rig_refused(&rig, "net-endpoint-costs", body, bad[i].code, bad[i].field);
	}
	rig_refused(&rig, "net-endpoint-costs", "{" RC "}", ALTO_E_MISSING_FIELD, "endpoints");
	rig_refused(&rig, "net-endpoint-costs", "{\"endpoints\":{}}", ALTO_E_MISSING_FIELD,
		    "cost-type");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(costs_are_those_of_the_pids),
		cmocka_unit_test(unreachable_endpoints_are_left_out),
		cmocka_unit_test(empty_side_is_the_client),
		cmocka_unit_test(both_sides_empty_is_refused),
		cmocka_unit_test(duplicates_count_once_and_keep_their_spelling),
		cmocka_unit_test(sources_in_any_order),
		cmocka_unit_test(ordinal_mode_ranks_endpoints),
		cmocka_unit_test(round_trips),
		cmocka_unit_test(constraints),
		cmocka_unit_test(meta_has_type_and_own_vtag),
		cmocka_unit_test(errors_name_the_field),
	};

	return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
