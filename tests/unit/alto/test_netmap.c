/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network maps (RFC 7285, 11.2.1) and filtered ones (11.3.1), as text, byte by byte. */
#include "rig.h"

#define FILTER "m-filtered"

static struct alto_resources *all;
static char head[256];

/* PID2 has both families, PID3 none; the default PID has the rest. */
static int setup(void **state)
{
	struct alto_builder *b = rig_builder("m");
	struct alto_source *s;

	rig_prefix(b, rig_pid(b, "PID2"), "198.51.100.128/25");
	rig_prefix(b, 0, "2001:db8:2::/48");
	rig_prefix(b, 0, "192.0.2.0/24");
	rig_prefix(b, rig_pid(b, "PID1"), "2001:db8:1::/48");
	rig_pid(b, "PID3");
	s = rig_finish(b, NULL);
	snprintf(head, sizeof(head),
		 "{\"meta\":{\"vtag\":{\"resource-id\":\"m\",\"tag\":\"%s\"}},\"network-map\":{",
		 s->map_tag);
	all = rig_resources(&s, 1);
	return 0;
}

static int teardown(void **state)
{
	alto_resources_free(all);
	return 0;
}

static void answers(const char *id, const char *body, const char *pids)
{
	char want[1024];

	snprintf(want, sizeof(want), "%s%s}}", head, pids);
	rig_answers(all, id, body, want);
}

#define PID1 "\"PID1\":{\"ipv6\":[\"2001:db8:1::/48\"]}"
#define PID2_V4 "\"ipv4\":[\"192.0.2.0/24\",\"198.51.100.128/25\"]"
#define PID2_V6 "\"ipv6\":[\"2001:db8:2::/48\"]"
#define PID2 "\"PID2\":{" PID2_V4 "," PID2_V6 "}"
#define PID3 "\"PID3\":{}"
#define REST "\"default\":{\"ipv4\":[\"0.0.0.0/0\"],\"ipv6\":[\"::/0\"]}"

static void test_the_map_has_all_pids_and_its_vtag(void **state)
{
	answers("m", NULL, PID1 "," PID2 "," PID3 "," REST);
}

static void test_the_reply_has_media_type_and_tag(void **state)
{
	struct alto_reply reply;
	struct alto_error error;

	assert_int_equal(rig_ask(all, "m", NULL, &reply, &error), 0);
	assert_int_equal(reply.media, ALTO_MEDIA_NETWORKMAP);
	assert_string_equal(reply.content_type, "application/alto-networkmap+json");
	assert_string_equal(reply.tag, all->snap->sources[0]->map_tag);
	alto_out_fini(&reply.out);
}

static void test_an_empty_list_of_pids_is_all(void **state)
{
	answers(FILTER, "{\"pids\": []}", PID1 "," PID2 "," PID3 "," REST);
	answers(FILTER, "{\"pids\": [], \"address-types\": [], \"x\": 1}",
		PID1 "," PID2 "," PID3 "," REST);
}

static void test_only_pids_that_were_asked_for_each_once(void **state)
{
	answers(FILTER, "{\"pids\": [\"PID2\", \"PID1\", \"PID2\"]}", PID1 "," PID2);
	answers(FILTER, "{\"pids\": [\"PID3\"]}", PID3);
}

static void test_unknown_pids_are_as_if_they_were_not_there(void **state)
{
	answers(FILTER, "{\"pids\": [\"PID9\", \"PID1\", \"no such name\"]}", PID1);
}

static void test_only_unknown_pids_are_an_empty_map(void **state)
{
	answers(FILTER, "{\"pids\": [\"PID9\"]}", "");
}

static void test_only_address_types_that_were_asked_for(void **state)
{
	answers(FILTER, "{\"pids\": [\"PID1\", \"PID2\"], \"address-types\": [\"ipv4\"]}",
		"\"PID1\":{},\"PID2\":{" PID2_V4 "}");
	answers(FILTER, "{\"pids\": [\"PID1\", \"PID2\"], \"address-types\": [\"ipv6\", \"ipv6\"]}",
		PID1 ",\"PID2\":{" PID2_V6 "}");
	answers(FILTER, "{\"pids\": [\"PID2\"], \"address-types\": [\"ipv6\", \"ipv4\"]}", PID2);
}

static void test_unknown_address_types_are_as_if_they_were_not_there(void **state)
{
	answers(FILTER, "{\"pids\": [\"PID2\"], \"address-types\": [\"mac\", \"ipv6\"]}",
		"\"PID2\":{" PID2_V6 "}");
	answers(FILTER, "{\"pids\": [\"PID2\"], \"address-types\": [\"mac\"]}", "\"PID2\":{}");
}

/* 11.3.1.6: the tag is that of the whole map, whatever the filter. */
static void test_the_vtag_of_a_filtered_map_is_the_whole_maps(void **state)
{
	answers(FILTER, "{\"pids\": [\"PID1\"]}", PID1);
}

static void test_pids_are_required(void **state)
{
	rig_refuses(all, FILTER, "{}",
		    "{\"meta\":{\"code\":\"E_MISSING_FIELD\",\"field\":\"pids\"}}");
	rig_refuses(all, FILTER, "{\"address-types\": 1}",
		    "{\"meta\":{\"code\":\"E_MISSING_FIELD\",\"field\":\"pids\"}}");
}

static void test_wrong_types_and_values(void **state)
{
	rig_refuses(all, FILTER, "{\"pids\": \"PID1\"}",
		    "{\"meta\":{\"code\":\"E_INVALID_FIELD_TYPE\",\"field\":\"pids\","
		    "\"why\":\"must be an array of strings\"}}");
	rig_refuses(all, FILTER, "{\"pids\": [7]}",
		    "{\"meta\":{\"code\":\"E_INVALID_FIELD_VALUE\",\"field\":\"pids\","
		    "\"value\":\"7\",\"why\":\"element 0 must be a string\"}}");
	rig_refuses(all, FILTER, "{\"pids\": [], \"address-types\": {}}",
		    "{\"meta\":{\"code\":\"E_INVALID_FIELD_TYPE\",\"field\":\"address-types\","
		    "\"why\":\"must be an array of strings\"}}");
	rig_refuses(all, FILTER, "{\"pids\": [], \"address-types\": [null]}",
		    "{\"meta\":{\"code\":\"E_INVALID_FIELD_VALUE\",\"field\":\"address-types\","
		    "\"value\":\"null\",\"why\":\"element 0 must be a string\"}}");
}

static void test_too_many_names_are_refused(void **state)
{
	size_t max = ALTO_NAMES_MAX + 1, len = 0;
	char *text = malloc(max * 4 + 32);

	len += (size_t)sprintf(text, "{\"pids\":[");
	for (size_t i = 0; i < max; i++)
		len += (size_t)sprintf(text + len, "%s\"\"", i ? "," : "");
	strcpy(text + len, "]}");
	rig_refuses(all, FILTER, text,
		    "{\"meta\":{\"code\":\"E_INVALID_FIELD_VALUE\",\"field\":\"pids\","
		    "\"why\":\"has 131073 elements, must have at most 131072\"}}");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_map_has_all_pids_and_its_vtag),
		cmocka_unit_test(test_the_reply_has_media_type_and_tag),
		cmocka_unit_test(test_an_empty_list_of_pids_is_all),
		cmocka_unit_test(test_only_pids_that_were_asked_for_each_once),
		cmocka_unit_test(test_unknown_pids_are_as_if_they_were_not_there),
		cmocka_unit_test(test_only_unknown_pids_are_an_empty_map),
		cmocka_unit_test(test_only_address_types_that_were_asked_for),
		cmocka_unit_test(test_unknown_address_types_are_as_if_they_were_not_there),
		cmocka_unit_test(test_the_vtag_of_a_filtered_map_is_the_whole_maps),
		cmocka_unit_test(test_pids_are_required),
		cmocka_unit_test(test_wrong_types_and_values),
		cmocka_unit_test(test_too_many_names_are_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
