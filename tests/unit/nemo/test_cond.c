/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "expr.h"

static int teardown(void **state)
{
	expr_free();
	return 0;
}

/* x.t is true, x.f false, x.n 7, x.z 0, x.s "web", x.d a day; all else is unknown. */
static bool look_up(void *arg, const char *entity, const char *member, struct nemo_value *out)
{
	static const struct {
		const char *member;
		enum nemo_type type;
		const char *text;
	} known[] = {{"t", NEMO_BOOLEAN, "true"},
		     {"f", NEMO_BOOLEAN, "false"},
		     {"n", NEMO_INTEGER, "7"},
		     {"z", NEMO_INTEGER, "0"},
		     {"d", NEMO_DATE, "2026-05-01"},
		     {"p", NEMO_IPPREFIX, "192.0.2.0/24"},
		     {"u", NEMO_UUID, "123e4567-e89b-12d3-a456-426614174000"}};

	assert_string_equal(entity, "x");
	if (strcmp(member, "s") == 0) {
		out->type = NEMO_STRING;
		out->string = "web";
		return true;
	}
	for (unsigned int i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(known[i].member, member) == 0)
			return nemo_value_read(known[i].type, known[i].text, out, NULL) == 0;
	return false;
}

static struct nemo_env env(void)
{
	struct nemo_env e = {.value = look_up};
	struct nemo_value now;

	assert_int_equal(nemo_value_read(NEMO_DATE, "2026-05-01 18:00:00", &now, NULL), 0);
	e.now = now.date;
	return e;
}

static enum nemo_truth truth(const struct nemo_expr *e)
{
	struct nemo_env here = env();

	return nemo_eval(e, &here);
}

#define T flag("t")
#define F flag("f")
#define U flag("missing")

static void test_kleene(void **state)
{
	assert_int_equal(truth(NULL), NEMO_TRUE);
	assert_int_equal(truth(U), NEMO_UNKNOWN);
	assert_int_equal(truth(not_(U)), NEMO_UNKNOWN);
	assert_int_equal(truth(not_(T)), NEMO_FALSE);
	assert_int_equal(truth(not_(F)), NEMO_TRUE);
	assert_int_equal(truth(op2(NEMO_OP_AND, U, F)), NEMO_FALSE);
	assert_int_equal(truth(op2(NEMO_OP_AND, F, U)), NEMO_FALSE);
	assert_int_equal(truth(op2(NEMO_OP_AND, U, T)), NEMO_UNKNOWN);
	assert_int_equal(truth(op2(NEMO_OP_AND, T, T)), NEMO_TRUE);
	assert_int_equal(truth(op2(NEMO_OP_OR, U, T)), NEMO_TRUE);
	assert_int_equal(truth(op2(NEMO_OP_OR, U, F)), NEMO_UNKNOWN);
	assert_int_equal(truth(op2(NEMO_OP_OR, F, F)), NEMO_FALSE);
	assert_int_equal(truth(op2(NEMO_OP_EQ, U, T)), NEMO_UNKNOWN);
	assert_int_equal(truth(op2(NEMO_OP_EQ, not_(F), op2(NEMO_OP_AND, T, T))), NEMO_TRUE);
	assert_int_equal(truth(op2(NEMO_OP_NE, not_(F), T)), NEMO_FALSE);
}

static void test_truth_of_bare_values(void **state)
{
	assert_int_equal(truth(var("n", NEMO_INTEGER)), NEMO_TRUE);
	assert_int_equal(truth(var("z", NEMO_INTEGER)), NEMO_FALSE);
	assert_int_equal(truth(lit(NEMO_BOOLEAN, "true")), NEMO_TRUE);
	assert_int_equal(truth(lit(NEMO_INTEGER, "-1")), NEMO_TRUE);
	assert_int_equal(truth(var("s", NEMO_STRING)), NEMO_UNKNOWN);
}

static void test_comparisons(void **state)
{
	static const enum nemo_truth want[3][6] = {
		/* ==, !=, <, <=, >, >= */
		{NEMO_FALSE, NEMO_TRUE, NEMO_FALSE, NEMO_FALSE, NEMO_TRUE, NEMO_TRUE},
		{NEMO_TRUE, NEMO_FALSE, NEMO_FALSE, NEMO_TRUE, NEMO_FALSE, NEMO_TRUE},
		{NEMO_FALSE, NEMO_TRUE, NEMO_TRUE, NEMO_TRUE, NEMO_FALSE, NEMO_FALSE}};
	static const char *const numbers[] = {"6", "7", "8"};
	static const char *const times[] = {"17:59:59", "18:00:00", "18:00:01"};
	static const char *const days[] = {"2026-04-30", "2026-05-01", "2026-05-02"};

	for (unsigned int i = 0; i < 3; i++)
		for (unsigned int op = 0; op < 6; op++) {
			assert_int_equal(truth(number_is("n", NEMO_OP_EQ + op, numbers[i])),
					 want[i][op]);
			assert_int_equal(truth(clock_is(NEMO_OP_EQ + op, times[i])), want[i][op]);
			assert_int_equal(truth(clock_is(NEMO_OP_EQ + op, days[i])), want[i][op]);
		}
}

static void test_dates_by_their_common_parts(void **state)
{
	struct nemo_expr *day = var("d", NEMO_DATE);

	assert_int_equal(truth(clock_is(NEMO_OP_GT, "2026-05-01 17:59:59")), NEMO_TRUE);
	assert_int_equal(truth(clock_is(NEMO_OP_GT, "2026-05-01 18:00:00")), NEMO_FALSE);
	assert_int_equal(truth(op2(NEMO_OP_EQ, day, var("time", NEMO_DATE))), NEMO_TRUE);
	assert_int_equal(truth(op2(NEMO_OP_LT, day, lit(NEMO_DATE, "2026-05-01 00:00:01"))),
			 NEMO_FALSE);
	assert_int_equal(truth(op2(NEMO_OP_LT, day, lit(NEMO_DATE, "12:00"))), NEMO_UNKNOWN);
}

static void test_other_types(void **state)
{
	struct nemo_expr *web = lit(NEMO_STRING, "web"), *mail = lit(NEMO_STRING, "mail");
	struct nemo_expr *net = lit(NEMO_IPPREFIX, "192.0.2.0/24");
	struct nemo_expr *uuid = lit(NEMO_UUID, "123E4567-e89b-12d3-a456-426614174000");

	assert_int_equal(truth(op2(NEMO_OP_EQ, var("s", NEMO_STRING), web)), NEMO_TRUE);
	assert_int_equal(truth(op2(NEMO_OP_NE, var("s", NEMO_STRING), mail)), NEMO_TRUE);
	assert_int_equal(truth(op2(NEMO_OP_GT, var("s", NEMO_STRING), mail)), NEMO_TRUE);
	assert_int_equal(truth(op2(NEMO_OP_EQ, var("p", NEMO_IPPREFIX), net)), NEMO_TRUE);
	assert_int_equal(truth(op2(NEMO_OP_EQ, var("u", NEMO_UUID), uuid)), NEMO_TRUE);
	assert_int_equal(truth(op2(NEMO_OP_LT, var("u", NEMO_UUID), uuid)), NEMO_UNKNOWN);
	assert_int_equal(truth(op2(NEMO_OP_EQ, var("n", NEMO_INTEGER), web)), NEMO_UNKNOWN);
}

struct told {
	char text[64];
};

static void tell(void *arg, const char *entity, const char *member)
{
	struct told *told = arg;

	strcat(told->text, entity);
	strcat(told->text, ".");
	strcat(told->text, member);
	strcat(told->text, " ");
}

static void test_uses(void **state)
{
	struct told told = {""};

	assert_false(nemo_expr_uses(NULL, tell, &told));
	assert_false(nemo_expr_uses(op2(NEMO_OP_OR, T, not_(U)), tell, &told));
	assert_string_equal(told.text, "x.t x.missing ");
	told.text[0] = '\0';
	assert_true(nemo_expr_uses(
		op2(NEMO_OP_OR, number_is("n", NEMO_OP_GT, "3"), clock_is(NEMO_OP_GT, "18:00")),
		tell, &told));
	assert_string_equal(told.text, "x.n ");
	assert_true(nemo_expr_uses(clock_is(NEMO_OP_GT, "18:00"), NULL, NULL));
}

static void assert_json(const struct nemo_expr *e, const char *want)
{
	struct nemo_env here = env();
	json_t *json = nemo_eval_json(e, &here);
	char *text;

	assert_non_null(json);
	text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(text, want);
	free(text);
	json_decref(json);
}

static void test_json_of_an_evaluation(void **state)
{
	assert_json(NULL, "{\"result\":\"true\",\"terms\":[],\"text\":\"\"}");
	assert_json(number_is("n", NEMO_OP_GT, "9"),
		    "{\"result\":\"false\",\"terms\":[{\"result\":\"false\",\"text\":\"x.n > 9\","
		    "\"value\":7}],\"text\":\"x.n > 9\"}");
}

static void test_terms_of_an_evaluation(void **state)
{
	struct nemo_expr *e =
		op2(NEMO_OP_AND,
		    op2(NEMO_OP_OR, U, op2(NEMO_OP_EQ, not_(F), lit(NEMO_BOOLEAN, "true"))),
		    op2(NEMO_OP_LT, lit(NEMO_DATE, "12:00"), var("time", NEMO_DATE)));
	struct nemo_env here = env();
	json_t *json = nemo_eval_json(e, &here), *terms = json_object_get(json, "terms");
	json_t *clock = json_array_get(terms, 2);

	assert_string_equal(json_string_value(json_object_get(json, "result")), "true");
	assert_int_equal(json_array_size(terms), 3);
	assert_true(json_is_null(json_object_get(json_array_get(terms, 0), "value")));
	assert_string_equal(json_string_value(json_object_get(json_array_get(terms, 0), "result")),
			    "unknown");
	assert_true(json_is_false(json_object_get(json_array_get(terms, 1), "value")));
	assert_string_equal(json_string_value(json_object_get(clock, "value")),
			    "2026-05-01 18:00:00");
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_kleene, teardown),
		cmocka_unit_test_teardown(test_truth_of_bare_values, teardown),
		cmocka_unit_test_teardown(test_comparisons, teardown),
		cmocka_unit_test_teardown(test_dates_by_their_common_parts, teardown),
		cmocka_unit_test_teardown(test_other_types, teardown),
		cmocka_unit_test_teardown(test_uses, teardown),
		cmocka_unit_test_teardown(test_json_of_an_evaluation, teardown),
		cmocka_unit_test_teardown(test_terms_of_an_evaluation, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
