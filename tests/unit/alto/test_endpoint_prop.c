/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Endpoint properties (RFC 7285, 11.4.1). */
#include "cost_rig.h"

static void expect(const char *properties, const char *endpoints, const char *want)
{
	char body[1024];

	snprintf(body, sizeof(body), "{\"properties\":%s,\"endpoints\":%s}", properties, endpoints);
	rig_expect(&rig, "net-endpoint-props", body, "endpoint-properties", want);
}

/* 11.4.1.4: the look-up of `pid` for the network map: longest prefix, there is always a PID. */
static void pid_is_looked_up(void **state)
{
	expect("[\"net.pid\"]",
	       "[\"ipv4:10.1.0.1\",\"ipv4:10.1.5.1\",\"ipv6:2001:db8:a::1\",\"ipv6:::1\"]",
	       "{\"ipv4:10.1.0.1\":{\"net.pid\":\"A\"},\"ipv4:10.1.5.1\":{\"net.pid\":\"B\"},"
	       "\"ipv6:2001:db8:a::1\":{\"net.pid\":\"A\"},\"ipv6:::1\":{\"net.pid\":\"default\"}}");
	assert_int_equal(rig.media, ALTO_MEDIA_ENDPOINTPROP);
}

/* 11.4.1.6: one member for each endpoint; a property without value is left out of it. */
static void undefined_properties_are_left_out(void **state)
{
	expect("[\"nf\",\"cpu\"]", "[\"ipv4:10.1.0.1\",\"ipv4:10.2.0.1\",\"ipv4:10.3.0.1\"]",
	       "{\"ipv4:10.1.0.1\":{\"nf\":\"NF3\",\"cpu\":\"16\"},\"ipv4:10.2.0.1\":{},"
	       "\"ipv4:10.3.0.1\":{}}");
}

/* 11.4.1.6: values are strings, also of lists and numbers; addresses are found however written. */
static void values_are_strings(void **state)
{
	expect("[\"nf\"]", "[\"ipv6:2001:DB8:a:0::1\"]",
	       "{\"ipv6:2001:DB8:a:0::1\":{\"nf\":\"NF1,NF2\"}}");
}

/* 11.4.1.3: twice is once, for both lists. */
static void duplicates_count_once(void **state)
{
	expect("[\"net.pid\",\"nf\",\"net.pid\"]", "[\"ipv4:10.1.0.1\",\"ipv4:10.1.0.1\"]",
	       "{\"ipv4:10.1.0.1\":{\"net.pid\":\"A\",\"nf\":\"NF3\"}}");
}

/* 11.4.1.6: dependent-vtags has the maps whose `pid` is asked for, and no others. */
static void meta_has_the_maps_asked_for(void **state)
{
	json_t *got = rig_ask(&rig, "net-endpoint-props",
			      "{\"properties\":[\"net.pid\"],\"endpoints\":[\"ipv4:10.1.0.1\"]}");
	json_t *want = json_pack("[{s:s,s:s}]", "resource-id", "net", "tag", rig_s(&rig)->map_tag);

	assert_true(
		json_equal(json_object_get(json_object_get(got, "meta"), "dependent-vtags"), want));
	assert_string_equal(rig.tag, rig_s(&rig)->prop_tag);
	json_decref(want);
	json_decref(got);
	got = rig_ask(&rig, "net-endpoint-props",
		      "{\"properties\":[\"nf\"],\"endpoints\":[\"ipv4:10.1.0.1\"]}");
	assert_true(json_is_object(json_object_get(got, "meta")));
	assert_null(json_object_get(json_object_get(got, "meta"), "dependent-vtags"));
	json_decref(got);
}

static void errors_name_the_field(void **state)
{
	static const struct {
		const char *body;
		enum alto_code code;
		const char *field, *value;
	} bad[] = {
		{"{}", ALTO_E_MISSING_FIELD, "properties", ""},
		{"{\"properties\":1}", ALTO_E_INVALID_FIELD_TYPE, "properties", NULL},
		{"{\"properties\":[]}", ALTO_E_INVALID_FIELD_VALUE, "properties", ""},
		{"{\"properties\":[1]}", ALTO_E_INVALID_FIELD_VALUE, "properties", NULL},
		{"{\"properties\":[\"pid\"]}", ALTO_E_INVALID_FIELD_VALUE, "properties", "pid"},
		{"{\"properties\":[\"nf\",\"other.pid\"]}", ALTO_E_INVALID_FIELD_VALUE,
		 "properties", "other.pid"},
		{"{\"properties\":[\"nf\"]}", ALTO_E_MISSING_FIELD, "endpoints", ""},
		{"{\"properties\":[\"nf\"],\"endpoints\":{}}", ALTO_E_INVALID_FIELD_TYPE,
		 "endpoints", NULL},
		{"{\"properties\":[\"nf\"],\"endpoints\":[]}", ALTO_E_INVALID_FIELD_VALUE,
		 "endpoints", ""},
		{"{\"properties\":[\"nf\"],\"endpoints\":[\"ipv4:10.1\"]}",
		 ALTO_E_INVALID_FIELD_VALUE, "endpoints", "ipv4:10.1"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rig_refused(&rig, "net-endpoint-props", bad[i].body, bad[i].code, bad[i].field);
		if (bad[i].value)
			assert_string_equal(rig.error.value, bad[i].value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pid_is_looked_up),
		cmocka_unit_test(undefined_properties_are_left_out),
		cmocka_unit_test(values_are_strings),
		cmocka_unit_test(duplicates_count_once),
		cmocka_unit_test(meta_has_the_maps_asked_for),
		cmocka_unit_test(errors_name_the_field),
	};

	return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
