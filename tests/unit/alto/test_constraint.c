/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Constraints on costs (RFC 7285, 11.3.2.3; RFC 8189, 4.1.2). */
#include "cost_rig.h"

#define RC TYPE("numerical", "routingcost")
#define DELAY TYPE("numerical", "delay-ow")
#define PAIRS ",\"pids\":{\"srcs\":[\"A\",\"C\"],\"dsts\":[\"A\",\"B\",\"C\"]}"

/* 11.3.2.3: gt, lt, ge, le, eq. Without constraints: A 0 1 3, C 3 2 0. */
static void operators(void **state)
{
	static const struct {
		const char *constraint, *want;
	} cases[] = {
		{"gt 2", "{\"A\":{\"C\":3},\"C\":{\"A\":3}}"},
		{"ge 2", "{\"A\":{\"C\":3},\"C\":{\"A\":3,\"B\":2}}"},
		{"lt 1", "{\"A\":{\"A\":0},\"C\":{\"C\":0}}"},
		{"le 1", "{\"A\":{\"A\":0,\"B\":1},\"C\":{\"C\":0}}"},
		{"eq 2", "{\"C\":{\"B\":2}}"},
		{"  eq \\t 2.0 ", "{\"C\":{\"B\":2}}"},
		{"eq 0.2e1", "{\"C\":{\"B\":2}}"},
		{"gt -1.5", "{\"A\":{\"A\":0,\"B\":1,\"C\":3},\"C\":{\"A\":3,\"B\":2,\"C\":0}}"},
		{"gt 3", "{}"},
	};
	char body[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(body, sizeof(body), "{" RC PAIRS ",\"constraints\":[\"%s\"]}",
			 cases[i].constraint);
		rig_expect(&rig, "net-costs", body, "cost-map", cases[i].want);
	}
}

/* 11.3.2.3: several are related by AND; none: every pair stays. */
static void constraints_are_anded(void **state)
{
	rig_expect(&rig, "net-costs", "{" RC PAIRS ",\"constraints\":[\"ge 1\",\"le 2\"]}",
		   "cost-map", "{\"A\":{\"B\":1},\"C\":{\"B\":2}}");
	rig_expect(&rig, "net-costs", "{" RC PAIRS ",\"constraints\":[]}", "cost-map",
		   "{\"A\":{\"A\":0,\"B\":1,\"C\":3},\"C\":{\"A\":3,\"B\":2,\"C\":0}}");
}

/* A value that is unknown meets nothing: not even what all numbers meet. */
static void unknown_meets_no_constraint(void **state)
{
	rig_expect(&rig, "net-costs",
		   "{" RC PAIRS ",\"testable-cost-types\":[{\"cost-mode\":\"numerical\","
		   "\"cost-metric\":\"delay-ow\"}],\"constraints\":[\"ge 0\"]}",
		   "cost-map", "{\"A\":{\"B\":1},\"C\":{\"A\":3,\"B\":2}}");
}

/* Ranks are those among all pairs asked for, so that a test means what the answer says. */
static void ordinal_constraints_test_ranks(void **state)
{
	rig_expect(
		&rig, "net-costs",
		"{\"cost-type\":{\"cost-mode\":\"ordinal\",\"cost-metric\":\"routingcost\"}" PAIRS
		",\"constraints\":[\"gt 1\",\"le 3\"]}",
		"cost-map", "{\"A\":{\"B\":2},\"C\":{\"B\":3}}");
}

static void broken_predicates_are_refused(void **state)
{
	static const char *const bad[] = {
		"",	   "le",       "le ",	   "le5",	   "LE 5",
		"ne 5",	   "= 5",      "5",	   "le 5 6",	   "le x",
		"le inf",  "le nan",   "le 0x10",  "le 1e999",	   "le --1",
		"le .",	   "le 1e",    "[0]le 5",  "[] le 5",	   "[-1] le 5",
		"[0 le 5", "[a] le 5", "[1] le 5", "[99999] le 5", "[0] [0] le 5",
		"less 5",  "le 5]",
	};
	char body[512];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(body, sizeof(body), "{" RC ",\"constraints\":[\"ge 0\",\"%s\"]}", bad[i]);
		rig_refused(&rig, "net-costs", body, ALTO_E_INVALID_FIELD_VALUE, "constraints");
		assert_string_equal(rig.error.value, bad[i]);
		snprintf(body, sizeof(body), "{" RC ",\"or-constraints\":[[\"%s\"]]}", bad[i]);
		rig_refused(&rig, "net-costs", body, ALTO_E_INVALID_FIELD_VALUE, "or-constraints");
	}
}

static void wrong_types_are_refused(void **state)
{
	rig_refused(&rig, "net-costs", "{" RC ",\"constraints\":\"le 5\"}",
		    ALTO_E_INVALID_FIELD_TYPE, "constraints");
	rig_refused(&rig, "net-costs", "{" RC ",\"constraints\":[5]}", ALTO_E_INVALID_FIELD_VALUE,
		    "constraints");
	rig_refused(&rig, "net-costs", "{" RC ",\"or-constraints\":{}}", ALTO_E_INVALID_FIELD_TYPE,
		    "or-constraints");
	rig_refused(&rig, "net-costs", "{" RC ",\"or-constraints\":[\"le 5\"]}",
		    ALTO_E_INVALID_FIELD_VALUE, "or-constraints");
	rig_refused(&rig, "net-costs", "{" RC ",\"or-constraints\":[[5]]}",
		    ALTO_E_INVALID_FIELD_VALUE, "or-constraints");
}

/* The field that the RFC lists first is the one that is named. */
static void first_field_wins(void **state)
{
	rig_refused(&rig, "net-costs", "{" DELAY ",\"pids\":7,\"constraints\":7}",
		    ALTO_E_INVALID_FIELD_TYPE, "constraints");
	rig_refused(&rig, "net-costs", "{\"cost-type\":7,\"constraints\":7}",
		    ALTO_E_INVALID_FIELD_TYPE, "cost-type");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operators),
		cmocka_unit_test(constraints_are_anded),
		cmocka_unit_test(unknown_meets_no_constraint),
		cmocka_unit_test(ordinal_constraints_test_ranks),
		cmocka_unit_test(broken_predicates_are_refused),
		cmocka_unit_test(wrong_types_are_refused),
		cmocka_unit_test(first_field_wins),
	};

	return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
