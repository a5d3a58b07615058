/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits of the cost services and endpoint properties: what is just within, and what is not. */
#include "cost_rig.h"

#include <stdlib.h>

#include "util/own.h"

#define RC NUM("routingcost")
#define HOPS NUM("hopcount")
#define SIDE 1024 /* SIDE * SIDE is ALTO_CELLS_MAX */

/* n PIDs with the default one, in a chain where `chain`, else all linked to all. */
static void use_pids(uint32_t n, bool chain, uint32_t intervals)
{
	const struct alto_calendar cal = {.interval_s = 60, .n_intervals = intervals};
	struct alto_builder_conf conf = {.stat = ""};
	struct alto_builder *b = NULL;
	struct alto_source *s = NULL;
	char name[16];
	uint32_t id;

	assert_int_equal(alto_builder_new("net", &b), 0);
	assert_int_equal(alto_builder_calendar(b, &cal), 0);
	for (uint32_t i = 0; i + 1 < n; i++) {
		snprintf(name, sizeof(name), "p%u", i);
		assert_int_equal(alto_builder_pid(b, name, true, &id), 0);
	}
	for (uint32_t i = 0; i + 1 < n; i++) {
		for (uint32_t k = chain ? i + 1 : 0; k + 1 < n && (!chain || k == i + 1); k++) {
			struct alto_link l = {i, k, {1, NAN, NAN, NAN, NAN, NAN}, NULL};

			if (i != k)
				assert_int_equal(alto_builder_link(b, &l), 0);
		}
	}
	assert_int_equal(alto_builder_finish(b, &conf, &s), 0);
	assert_int_equal(s->n_pids, n);
	rig_use(&rig, s);
}

/* Refused as what the client asked for, with the limit in the reason. */
static void too_much(const char *id, const char *body, const char *field, const char *limit)
{
	rig_refused(&rig, id, body, ALTO_E_INVALID_FIELD_VALUE, field);
	if (!strstr(rig.error.why, limit))
		fail_msg("\"%s\" does not say %s", rig.error.why, limit);
}

static void accepted(const char *id, const char *body)
{
	json_t *got = rig_ask(&rig, id, body);

	if (!got)
		fail_msg("%s: %s %s", body ? body : "GET", rig.error.field, rig.error.why);
	json_decref(got);
}

/* Refused as too much for this server: nothing of the request is wrong. */
static void overloaded(const char *id)
{
	assert_null(rig_ask(&rig, id, NULL));
	assert_int_equal(rig.ret, -EBUSY);
	assert_int_equal(rig.error.status, 503);
	assert_int_equal(rig.error.code, ALTO_E_NONE);
	assert_non_null(strstr(rig.error.why, "filtered cost map"));
}

/* `[text, text, ...]` with n elements that format makes of their number. */
static char *array(unsigned int n, const char *format)
{
	struct alto_out o = {.max = ALTO_ANSWER_MAX};

	alto_puts(&o, "[");
	for (unsigned int i = 0; i < n; i++) {
		alto_puts(&o, i ? "," : "");
		alto_putf(&o, format, i >> 16, i >> 8 & 255, i & 255);
	}
	alto_puts(&o, "]");
	assert_int_equal(o.failed, 0);
	return o.data;
}

/* A body with arrays in it. */
static char *body(const char *format, const char *a, const char *b)
{
	char *text = NULL;

	assert_true(asprintf(&text, format, a, b) > 0);
	return text;
}

static void cells_of_an_answer(void **state)
{
	use_pids(SIDE, true, 0);
	accepted("net-routingcost", NULL);
	accepted("net-costs", "{\"cost-type\":" RC "}");
	too_much("net-costs", "{\"multi-cost-types\":[" RC "," HOPS "]}", "pids", "1048576");
	too_much("net-costs", "{\"multi-cost-types\":[" RC "," RC "]}", "pids", "1048576");
	too_much("net-costs",
		 "{\"cost-type\":" RC ",\"testable-cost-types\":[" HOPS
		 "],\"constraints\":[\"le 1\"]}",
		 "pids", "1048576");
	rig_free(&rig);
	use_pids(SIDE + 1, true, 0);
	overloaded("net-routingcost");
	overloaded("net-routingcost-ordinal");
	too_much("net-costs", "{\"cost-type\":" RC "}", "pids", "1048576");
	accepted("net-costs", "{\"cost-type\":" RC ",\"pids\":{\"srcs\":[\"p1\"],\"dsts\":[]}}");
}

/* Each interval counts. */
static void cells_of_calendars(void **state)
{
	use_pids(100, true, 100);
	accepted("net-costs", "{\"cost-type\":" RC ",\"calendared\":[true]}");
	rig_free(&rig);
	use_pids(103, true, 100);
	accepted("net-costs", "{\"cost-type\":" RC ",\"calendared\":[false]}");
	too_much("net-costs", "{\"cost-type\":" RC ",\"calendared\":[true]}", "pids", "1048576");
}

/* Few costs may need many paths. */
static void paths_of_an_answer(void **state)
{
	const char *column = "{\"cost-type\":" RC ",\"pids\":{\"srcs\":[],\"dsts\":[\"p1\"]}}";

	use_pids(10000, true, 0);
	assert_false(alto_source_affordable(rig_s(&rig), 10000));
	too_much("net-costs", column, "pids", "fewer sources");
	accepted("net-costs", "{\"cost-type\":" RC ",\"pids\":{\"srcs\":[\"p1\"],\"dsts\":[]}}");
}

/* Each interval has its own. */
static void paths_of_calendars(void **state)
{
	OWN_PTR char *some = array(100, "\"p%3$u\"");
	OWN_PTR char *single = body("{\"cost-type\":" RC ",\"pids\":{\"srcs\":%s,\"dsts\":"
				    "[\"p1\"]}%s}",
				    some, "");
	OWN_PTR char *calendar = body("{\"cost-type\":" RC ",\"pids\":{\"srcs\":%s,\"dsts\":"
				      "[\"p1\"]}%s}",
				      some, ",\"calendared\":[true]");

	use_pids(3000, true, ALTO_INTERVALS_MAX);
	accepted("net-costs", single);
	too_much("net-costs", calendar, "pids", "fewer sources");
}

static void paths_of_a_whole_map(void **state)
{
	use_pids(500, false, 0);
	overloaded("net-routingcost");
}

static void names_of_a_request(void **state)
{
	OWN_PTR char *half = array(ALTO_NAMES_MAX / 2, "\"x%u.%u.%u\"");
	OWN_PTR char *more = array(ALTO_NAMES_MAX / 2 + 1, "\"x%u.%u.%u\"");
	OWN_PTR char *over = array(ALTO_NAMES_MAX + 1, "\"x%u.%u.%u\"");
	static const char format[] = "{\"cost-type\":" RC ",\"pids\":{\"srcs\":%s,\"dsts\":%s}}";
	OWN_PTR char *within = body(format, half, half);
	OWN_PTR char *both = body(format, half, more);
	OWN_PTR char *one = body(format, over, "[]");

	use_pids(3, true, 0);
	accepted("net-costs", within);
	too_much("net-costs", both, "pids", "131072");
	too_much("net-costs", one, "pids/srcs", "131072");
}

static void endpoints_of_a_request(void **state)
{
	OWN_PTR char *half = array(ALTO_NAMES_MAX / 2 + 1, "\"ipv4:10.%u.%u.%u\"");
	OWN_PTR char *over = array(ALTO_NAMES_MAX + 1, "\"ipv4:10.%u.%u.%u\"");
	static const char format[] =
		"{\"cost-type\":" RC ",\"endpoints\":{\"srcs\":%s,\"dsts\":%s}}";
	OWN_PTR char *both = body(format, half, half);
	OWN_PTR char *one = body(format, "[]", over);
	OWN_PTR char *row = body(format, "[\"ipv4:10.0.0.1\"]", half);
	OWN_PTR char *props = body("{\"properties\":[\"net.pid\"],\"endpoints\":%s%s}", over, "");

	use_pids(3, true, 0);
	too_much("net-endpoint-costs", both, "endpoints", "131072");
	too_much("net-endpoint-costs", one, "endpoints/dsts", "131072");
	accepted("net-endpoint-costs", row);
	too_much("net-endpoint-props", props, "endpoints", "131072");
}

static void cells_of_endpoint_costs(void **state)
{
	OWN_PTR char *side = array(SIDE, "\"ipv4:10.%u.%u.%u\"");
	OWN_PTR char *more = array(SIDE + 1, "\"ipv4:10.%u.%u.%u\"");
	static const char format[] =
		"{\"cost-type\":" RC ",\"endpoints\":{\"srcs\":%s,\"dsts\":%s}}";
	OWN_PTR char *within = body(format, side, side);
	OWN_PTR char *over = body(format, side, more);

	use_pids(3, true, 0);
	accepted("net-endpoint-costs", within);
	too_much("net-endpoint-costs", over, "endpoints", "1048576");
}

/* Nine properties of as many endpoints as may be named. */
static void values_of_endpoint_properties(void **state)
{
	OWN_PTR char *many = array(ALTO_CELLS_MAX / 9 + 1, "\"ipv4:10.%u.%u.%u\"");
	OWN_PTR char *fits = array(ALTO_CELLS_MAX / 9, "\"ipv4:10.%u.%u.%u\"");
	OWN_PTR char *names = array(9, "\"k%u-%u-%u\"");
	static const char format[] = "{\"properties\":%s,\"endpoints\":%s}";
	OWN_PTR char *over = body(format, names, many);
	OWN_PTR char *within = body(format, names, fits);
	struct alto_builder_conf conf = {.stat = ""};
	struct alto_builder *b = NULL;
	struct alto_source *s = NULL;
	char name[16];

	assert_int_equal(alto_builder_new("net", &b), 0);
	for (unsigned int i = 0; i < 9; i++) {
		snprintf(name, sizeof(name), "k0-0-%u", i);
		assert_int_equal(
			alto_builder_endpoint_prop(b, "ipv4:10.0.0.1", name, json_string("v")), 0);
	}
	assert_int_equal(alto_builder_finish(b, &conf, &s), 0);
	rig_use(&rig, s);
	accepted("net-endpoint-props", within);
	too_much("net-endpoint-props", over, "endpoints", "1048576");
}

static void cost_types_of_a_request(void **state)
{
	OWN_PTR char *most = array(ALTO_COST_TYPES_MAX, RC);
	OWN_PTR char *over = array(ALTO_COST_TYPES_MAX + 1, RC);
	OWN_PTR char *within =
		body("{\"multi-cost-types\":%s,\"testable-cost-types\":%s}", most, most);
	OWN_PTR char *multi = body("{\"multi-cost-types\":%s%s}", over, "");
	OWN_PTR char *testable =
		body("{\"cost-type\":" RC ",\"testable-cost-types\":%s%s}", over, "");

	use_pids(3, true, 0);
	accepted("net-costs", within);
	too_much("net-costs", multi, "multi-cost-types", "16");
	too_much("net-costs", testable, "testable-cost-types", "16");
}

static void constraints_of_a_request(void **state)
{
	OWN_PTR char *most = array(ALTO_CONSTRAINTS_MAX, "\"ge %u%u%u\"");
	OWN_PTR char *over = array(ALTO_CONSTRAINTS_MAX + 1, "\"ge %u%u%u\"");
	OWN_PTR char *groups = array(ALTO_CONSTRAINTS_MAX + 1, "[]");
	static const char all[] = "{\"cost-type\":" RC ",\"constraints\":%s%s}";
	static const char any[] = "{\"cost-type\":" RC ",\"or-constraints\":[%s,%s]}";
	OWN_PTR char *within = body(all, most, "");
	OWN_PTR char *and = body(all, over, "");
	OWN_PTR char * or = body(any, most, "[\"ge 0\"]");
	OWN_PTR char *or_within = body(any, most, "[]");
	OWN_PTR char *empty = body("{\"cost-type\":" RC ",\"or-constraints\":%s%s}", groups, "");

	use_pids(3, true, 0);
	accepted("net-costs", within);
	accepted("net-costs", or_within);
	too_much("net-costs", and, "constraints", "64");
	too_much("net-costs", or, "or-constraints", "64");
	too_much("net-costs", empty, "or-constraints", "64");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(cells_of_an_answer, rig_teardown),
		cmocka_unit_test_teardown(cells_of_calendars, rig_teardown),
		cmocka_unit_test_teardown(paths_of_an_answer, rig_teardown),
		cmocka_unit_test_teardown(paths_of_calendars, rig_teardown),
		cmocka_unit_test_teardown(paths_of_a_whole_map, rig_teardown),
		cmocka_unit_test_teardown(names_of_a_request, rig_teardown),
		cmocka_unit_test_teardown(endpoints_of_a_request, rig_teardown),
		cmocka_unit_test_teardown(cells_of_endpoint_costs, rig_teardown),
		cmocka_unit_test_teardown(values_of_endpoint_properties, rig_teardown),
		cmocka_unit_test_teardown(cost_types_of_a_request, rig_teardown),
		cmocka_unit_test_teardown(constraints_of_a_request, rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
