/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cost maps, whole and filtered (RFC 7285, 11.2.3 and 11.3.2). */
#include "cost_rig.h"

#include <stdlib.h>

#define RC TYPE("numerical", "routingcost")

/* 11.2.3.6: undefined pairs are left out; a PID costs itself nothing. */
static void whole_map_has_defined_pairs_only(void **state)
{
	rig_expect(&rig, "net-routingcost", NULL, "cost-map",
		   "{\"A\":{\"A\":0,\"B\":1,\"C\":3},\"B\":{\"A\":1,\"B\":0,\"C\":2},"
		   "\"C\":{\"A\":3,\"B\":2,\"C\":0},\"D\":{\"D\":0},\"default\":{\"default\":0}}");
	rig_expect(&rig, "net-delay-ow", NULL, "cost-map",
		   "{\"A\":{\"B\":10},\"B\":{\"A\":20},\"C\":{\"A\":50,\"B\":30}}");
	rig_expect(&rig, "net-hopcount", NULL, "cost-map",
		   "{\"A\":{\"A\":0,\"B\":1,\"C\":2},\"B\":{\"A\":1,\"B\":0,\"C\":1},"
		   "\"C\":{\"A\":2,\"B\":1,\"C\":0},\"D\":{\"D\":0},\"default\":{\"default\":0}}");
	assert_int_equal(rig.media, ALTO_MEDIA_COSTMAP);
}

/* RFC 9439, 4.2: there and back, unknown where one way is. */
static void round_trips_need_both_ways(void **state)
{
	rig_expect(&rig, "net-delay-rt", NULL, "cost-map", "{\"A\":{\"B\":30},\"B\":{\"A\":30}}");
}

/* RFC 9439, 5.2: bandwidth is told in bytes per second; along a path it is the least. */
static void bandwidth_is_in_bytes(void **state)
{
	rig_expect(&rig, "net-bw-residual", NULL, "cost-map",
		   "{\"A\":{\"B\":1000000000},\"B\":{\"A\":1000000}}");
}

/* 11.2.3.6: exactly one dependent vtag, of the network map; and the cost type. */
static void meta_has_one_vtag_and_the_type(void **state)
{
	json_t *got = rig_ask(&rig, "net-routingcost", NULL);
	const json_t *meta = json_object_get(got, "meta"), *vtag, *type;

	assert_int_equal(json_array_size(json_object_get(meta, "dependent-vtags")), 1);
	vtag = json_array_get(json_object_get(meta, "dependent-vtags"), 0);
	assert_string_equal(json_string_value(json_object_get(vtag, "resource-id")), "net");
	assert_string_equal(json_string_value(json_object_get(vtag, "tag")), rig_s(&rig)->map_tag);
	type = json_object_get(meta, "cost-type");
	assert_string_equal(json_string_value(json_object_get(type, "cost-mode")), "numerical");
	assert_string_equal(json_string_value(json_object_get(type, "cost-metric")), "routingcost");
	assert_string_equal(rig.tag, rig_s(&rig)->cost_tag);
	json_decref(got);
}

/* 6.1.2.2: ordinal costs are ranks, lower is better; equal costs have equal ranks. */
static void ordinal_costs_are_ranks(void **state)
{
	rig_expect(&rig, "net-routingcost-ordinal", NULL, "cost-map",
		   "{\"A\":{\"A\":1,\"B\":2,\"C\":4},\"B\":{\"A\":2,\"B\":1,\"C\":3},"
		   "\"C\":{\"A\":4,\"B\":3,\"C\":1},\"D\":{\"D\":1},\"default\":{\"default\":1}}");
	rig_expect(&rig, "net-costs",
		   "{" TYPE("ordinal", "routingcost") ",\"pids\":{\"srcs\":[\"C\"],\"dsts\":"
						      "[\"A\",\"B\"]}}",
		   "cost-map", "{\"C\":{\"A\":4,\"B\":3}}");
}

/* A row of 1023 PIDs and the default one can be told as a whole; of one PID more, ranks are among
 * what was asked for. */
static void ranks_of_maps_that_are_too_large_to_be_told(void **state)
{
	static const char *const want[] = {"{\"p1\":{\"p2\":2,\"p9\":9},\"p3\":{\"p9\":7}}",
					   "{\"p1\":{\"p2\":1,\"p9\":3},\"p3\":{\"p9\":2}}"};
	static const char body[] =
		"{" TYPE("ordinal", "routingcost") ",\"pids\":{\"srcs\":"
						   "[\"p1\",\"p3\"],\"dsts\":[\"p2\",\"p9\"]}}";

	for (uint32_t large = 0; large < 2; large++) {
		struct alto_builder *b = rig_builder("net");
		struct rig few;
		char name[16];

		for (uint32_t i = 0; i < 1023 + large; i++) {
			snprintf(name, sizeof(name), "p%u", i);
			rig_pid(b, name);
		}
		for (uint32_t i = 0; i + 1 < 1023; i++) {
			struct alto_link link = rig_link(i, i + 1, 1);

			assert_int_equal(alto_builder_link(b, &link), 0);
		}
		rig_use(&few, rig_finish(b, NULL));
		rig_expect(&few, "net-costs", body, "cost-map", want[large]);
		rig_free(&few);
	}
}

/* 11.3.2.3: an empty list, or no `pids`, is all PIDs. */
static void empty_lists_are_all_pids(void **state)
{
	static const char all[] = "{\"A\":{\"B\":10},\"B\":{\"A\":20},\"C\":{\"A\":50,\"B\":30}}";

	rig_expect(&rig, "net-costs", "{" TYPE("numerical", "delay-ow") "}", "cost-map", all);
	rig_expect(&rig, "net-costs",
		   "{" TYPE("numerical", "delay-ow") ",\"pids\":{\"srcs\":[],\"dsts\":[]}}",
		   "cost-map", all);
	rig_expect(&rig, "net-costs",
		   "{" TYPE("numerical", "delay-ow") ",\"pids\":{\"srcs\":[\"C\"],\"dsts\":[]}}",
		   "cost-map", "{\"C\":{\"A\":50,\"B\":30}}");
	rig_expect(&rig, "net-costs",
		   "{" TYPE("numerical", "delay-ow") ",\"pids\":{\"srcs\":[],\"dsts\":[\"B\"]}}",
		   "cost-map", "{\"A\":{\"B\":10},\"C\":{\"B\":30}}");
}

/* 11.3.2.3: twice is once. */
static void duplicate_pids_count_once(void **state)
{
	rig_expect(&rig, "net-costs",
		   "{" RC ",\"pids\":{\"srcs\":[\"B\",\"A\",\"B\"],\"dsts\":[\"C\",\"C\"]}}",
		   "cost-map", "{\"A\":{\"C\":3},\"B\":{\"C\":2}}");
}

/* 11.3.2.6: unknown PIDs are as if they were not there, which is not an empty list. */
static void unknown_pids_are_ignored(void **state)
{
	rig_expect(&rig, "net-costs",
		   "{" RC ",\"pids\":{\"srcs\":[\"A\",\"Z\"],\"dsts\":[\"B\",\"not a PID\"]}}",
		   "cost-map", "{\"A\":{\"B\":1}}");
	rig_expect(&rig, "net-costs", "{" RC ",\"pids\":{\"srcs\":[\"Z\"],\"dsts\":[\"B\"]}}",
		   "cost-map", "{}");
	rig_expect(&rig, "net-costs", "{" RC ",\"pids\":{\"srcs\":[\"Z\"],\"dsts\":[\"Y\"]}}",
		   "cost-map", "{}");
}

/* 11.3.2.6: the vtag of the network map also when filtered. */
static void filtered_meta_has_the_vtag(void **state)
{
	char want[256];

	snprintf(want, sizeof(want), "[{\"resource-id\":\"net\",\"tag\":\"%s\"}]",
		 rig_s(&rig)->map_tag);
	json_t *got = rig_ask(&rig, "net-costs", "{" RC "}");
	json_t *vtags = json_loads(want, 0, NULL);

	assert_true(json_equal(json_object_get(json_object_get(got, "meta"), "dependent-vtags"),
			       vtags));
	json_decref(got);
	json_decref(vtags);
}

/* 8.3.7 and 11.3.2.3: `description` and members we do not know are ignored. */
static void unknown_members_are_ignored(void **state)
{
	rig_expect(&rig, "net-costs",
		   "{\"cost-type\":{\"cost-mode\":\"numerical\",\"cost-metric\":\"routingcost\","
		   "\"description\":7},\"x\":{},\"pids\":{\"srcs\":[\"A\"],\"dsts\":[\"B\"],"
		   "\"y\":1}}",
		   "cost-map", "{\"A\":{\"B\":1}}");
}

/* RFC 9439, 3.2: where values are measured, the metric's name has the statistic behind it. */
static void metrics_have_their_statistic(void **state)
{
	struct rig cur;

	rig_new(&cur, &(struct rig_conf){.stat = "cur"});
	rig_expect(&cur, "net-costs",
		   "{" TYPE("numerical", "delay-ow:cur") ",\"pids\":{\"srcs\":[\"A\"],\"dsts\":"
							 "[]}}",
		   "cost-map", "{\"A\":{\"B\":10}}");
	rig_refused(&cur, "net-costs", "{" TYPE("numerical", "delay-ow") "}",
		    ALTO_E_INVALID_FIELD_VALUE, "cost-type/cost-metric");
	rig_free(&cur);
}

/* 8.5.2: the field that is wrong, with its full path. */
static void errors_name_the_field(void **state)
{
	static const struct {
		const char *body;
		enum alto_code code;
		const char *field;
	} bad[] = {
		{"{", ALTO_E_SYNTAX, ""},
		{"[]", ALTO_E_SYNTAX, ""},
		{"{\"pids\":{},\"pids\":{}}", ALTO_E_SYNTAX, ""},
		{"{}", ALTO_E_MISSING_FIELD, "cost-type"},
		{"{\"cost-type\":1}", ALTO_E_INVALID_FIELD_TYPE, "cost-type"},
		{"{\"cost-type\":{\"cost-metric\":\"routingcost\"}}", ALTO_E_MISSING_FIELD,
		 "cost-type/cost-mode"},
		{"{\"cost-type\":{\"cost-mode\":\"numerical\"}}", ALTO_E_MISSING_FIELD,
		 "cost-type/cost-metric"},
		{"{" TYPE("numerical", "tput") "}", ALTO_E_INVALID_FIELD_VALUE,
		 "cost-type/cost-metric"},
		{"{" TYPE("best", "routingcost") "}", ALTO_E_INVALID_FIELD_VALUE,
		 "cost-type/cost-mode"},
		{"{" RC ",\"pids\":[]}", ALTO_E_INVALID_FIELD_TYPE, "pids"},
		{"{" RC ",\"pids\":{\"dsts\":[]}}", ALTO_E_MISSING_FIELD, "pids/srcs"},
		{"{" RC ",\"pids\":{\"srcs\":[]}}", ALTO_E_MISSING_FIELD, "pids/dsts"},
		{"{" RC ",\"pids\":{\"srcs\":\"A\",\"dsts\":[]}}", ALTO_E_INVALID_FIELD_TYPE,
		 "pids/srcs"},
		{"{" RC ",\"pids\":{\"srcs\":[],\"dsts\":[\"A\",1]}}", ALTO_E_INVALID_FIELD_VALUE,
		 "pids/dsts"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		rig_refused(&rig, "net-costs", bad[i].body, bad[i].code, bad[i].field);
}

/* Bit 0 is A; no bits: all. */
static bool chosen(unsigned int bits, const char *name)
{
	return !bits || (name[1] == '\0' && bits >> (name[0] - 'A') & 1);
}

/* What is left of `map` with these PIDs and a cost of at most max. */
static json_t *part_of(const json_t *map, unsigned int srcs, unsigned int dsts, double max)
{
	json_t *part = json_object(), *row, *cost, *copy;
	const char *src, *dst;

	json_object_foreach((json_t *)map, src, row) {
		copy = json_object();
		json_object_foreach(row, dst, cost) {
			if (chosen(dsts, dst) && json_number_value(cost) <= max)
				json_object_set(copy, dst, cost);
		}
		if (json_object_size(copy) > 0 && chosen(srcs, src))
			json_object_set(part, src, copy);
		json_decref(copy);
	}
	return part;
}

static json_t *names_of(unsigned int bits)
{
	json_t *names = json_array();

	for (unsigned int i = 4; i-- > 0;) {
		if (bits >> i & 1)
			json_array_append_new(names, json_stringn(&"ABCD"[i], 1));
	}
	return names;
}

/* Every choice of PIDs and of a constraint gives what the whole map says of it. */
static void filtered_is_a_part_of_the_whole(void **state)
{
	json_t *whole = rig_ask(&rig, "net-routingcost", NULL);
	char constraint[16];

	for (unsigned int i = 0; i < 16 * 16 * 4; i++) {
		unsigned int srcs = i & 15, dsts = i >> 4 & 15, max = i >> 8;
		json_t *body, *want;
		char *text, *wanted;

		snprintf(constraint, sizeof(constraint), "le %u", max);
		body = json_pack("{s:{s:s,s:s},s:[s],s:{s:o,s:o}}", "cost-type", "cost-mode",
				 "numerical", "cost-metric", "routingcost", "constraints",
				 constraint, "pids", "srcs", names_of(srcs), "dsts",
				 names_of(dsts));
		want = part_of(json_object_get(whole, "cost-map"), srcs, dsts, max);
		text = json_dumps(body, 0);
		wanted = json_dumps(want, 0);
		rig_expect(&rig, "net-costs", text, "cost-map", wanted);
		free(text);
		free(wanted);
		json_decref(body);
		json_decref(want);
	}
	json_decref(whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_map_has_defined_pairs_only),
		cmocka_unit_test(round_trips_need_both_ways),
		cmocka_unit_test(bandwidth_is_in_bytes),
		cmocka_unit_test(meta_has_one_vtag_and_the_type),
		cmocka_unit_test(ordinal_costs_are_ranks),
		cmocka_unit_test(ranks_of_maps_that_are_too_large_to_be_told),
		cmocka_unit_test(empty_lists_are_all_pids),
		cmocka_unit_test(duplicate_pids_count_once),
		cmocka_unit_test(unknown_pids_are_ignored),
		cmocka_unit_test(filtered_meta_has_the_vtag),
		cmocka_unit_test(unknown_members_are_ignored),
		cmocka_unit_test(metrics_have_their_statistic),
		cmocka_unit_test(errors_name_the_field),
		cmocka_unit_test(filtered_is_a_part_of_the_whole),
	};

	return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
