/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The canonical writing, and that it reads back as what it was written of. */
#include "unit/nemo/samples.h"
#include "unit/nemo/script.h"

static char *printed(const struct nemo_script *s)
{
	struct nemo_text out = {0};

	nemo_text_add(&out, "%s", "");
	for (unsigned int i = 0; i < s->n; i++)
		nemo_print_stmt(&out, &s->v[i]);
	assert_false(out.no_memory);
	return out.data;
}

static json_t *without_places(const char *text)
{
	json_t *all = statements_of(text), *stmt;
	size_t i;

	json_array_foreach(all, i, stmt)
		json_object_del(stmt, "at");
	return all;
}

static void test_round_trip(void **state)
{
	for (unsigned int i = 0; i < N_SAMPLES; i++) {
		struct nemo_diags diags;
		struct nemo_script *s = script_n(samples[i], strlen(samples[i]), &diags), *again;
		char *first = printed(s), *second;
		json_t *a = without_places(samples[i]), *b = without_places(first);

		if (!json_equal(a, b))
			fail_msg("%s\n is printed as\n%s", samples[i], first);
		again = script_of(first);
		second = printed(again);
		assert_string_equal(first, second);
		free(first);
		free(second);
		json_decref(a);
		json_decref(b);
		nemo_script_free(s);
		nemo_script_free(again);
		nemo_diags_fini(&diags);
	}
}

static const char *const writings[][2] = {
	{"Description \"a\"   ;", "Description a;\n"},
	{"CFNModel m Porperty Integer:a,String:\"b\";",
	 "CFNModel m Property Integer: a, String: b;\n"},
	{"p:CREATE CFN a Type host Contain b,c Property x:10.0.0.1/32,y:\"\\\"\\\\\\n\\t\",z:true;",
	 "p: CREATE CFN a Type host Contain b, c Property x: 10.0.0.1, y: \"\\\"\\\\\\n\\t\", "
	 "z: true;\n"},
	{"CREATE Connection c EndNodes (a),(b,c) Property d:List(1,-2);",
	 "CREATE Connection c EndNodes a, (b, c) Property d: List(1, -2);\n"},
	{"UPDATE ServiceFlow f Match a:Range(1,2)", "UPDATE ServiceFlow f Match a: Range(1, 2);\n"},
	{"UPDATE Operation o Condition((a))Action \"b\":1,\"c\",\"d\":2,e;",
	 "UPDATE Operation o Condition a Action b: 1, \"c\", d: 2, e;\n"},
	{"CREATE Notification n(Query \"a\",Type From b)Condition up Listener \"l\";",
	 "CREATE Notification n Query a, Type From b Condition up Listener \"l\";\n"},
	{"Transaction Commit", "Transaction;\nCommit;\n"},
};

static void test_writing(void **state)
{
	for (unsigned int i = 0; i < sizeof(writings) / sizeof(*writings); i++) {
		struct nemo_diags diags;
		struct nemo_script *s = script_n(writings[i][0], strlen(writings[i][0]), &diags);
		char *text = printed(s);

		assert_string_equal(text, writings[i][1]);
		free(text);
		nemo_script_free(s);
		nemo_diags_fini(&diags);
	}
}

/* Conditions with more parentheses than they need, and with as many. */
static const char *const conditions[][2] = {
	{"((a))", "a"},
	{"(a||b)||c", "a || b || c"},
	{"a||(b||(c||d))", "a || b || c || d"},
	{"(a&&b)||(c&&d)", "a && b || c && d"},
	{"(a||b)&&(c||d)", "(a || b) && (c || d)"},
	{"!(a)", "!a"},
	{"!(!a)", "!!a"},
	{"!(a||b)", "!(a || b)"},
	{"!(a==b)", "!(a == b)"},
	{"(!a)==(b)", "!a == b"},
	{"(a==b)==c", "(a == b) == c"},
	{"a==(b==c)", "a == (b == c)"},
	{"(a<b)&&(c>=d)", "a < b && c >= d"},
	{"(a&&b)<c", "(a && b) < c"},
	{"f((a||b),(c))", "f(a || b, c)"},
	{"f()", "f()"},
	{"a . b!=-5", "a.b != -5"},
	{"time>\"18:00\"", "time > \"18:00\""},
};

static void test_parentheses(void **state)
{
	for (unsigned int i = 0; i < sizeof(conditions) / sizeof(*conditions); i++) {
		char text[128];
		struct nemo_text out = {0};
		struct nemo_script *s;

		snprintf(text, sizeof(text), "UPDATE Operation o Condition %s;", conditions[i][0]);
		s = script_of(text);
		nemo_print_expr(&out, s->v[0].c.condition);
		assert_string_equal(out.data, conditions[i][1]);
		free(out.data);
		nemo_script_free(s);
	}
}

/* What the check makes of literals is written so that it is read again. */
static void test_checked_values(void **state)
{
	struct nemo_value values[] = {
		{.type = NEMO_DATE, .date = {.has_time = true, .hour = 18}},
		{.type = NEMO_UUID, .uuid = {0xab}},
		{.type = NEMO_ETHADDR, .mac = {2, 0, 0, 0, 0, 0xfe}},
		{.type = NEMO_IPPREFIX,
		 .prefix = {.len = 32, .addr.s6_addr = {0x20, 0x01, 0x0d, 0xb8}}},
	};
	struct nemo_arg args[4];
	struct nemo_action action = {.name.text = "a", .args = args, .n = 4};
	struct nemo_clauses c = {.actions = {&action, 1}};
	struct nemo_text out = {0};

	for (unsigned int i = 0; i < 4; i++)
		args[i] = (struct nemo_arg){NEMO_ARG_VALUE, {0}, &values[i], 1};
	nemo_print_clauses(&out, &c);
	assert_string_equal(out.data,
			    " Action a: \"18:00:00\", \"ab000000-0000-0000-0000-000000000000\", "
			    "\"02:00:00:00:00:fe\", \"2001:db8::/32\"");
	free(out.data);
}

/* A copy has nothing in common with what it was made of. */
static void test_copy(void **state)
{
	for (unsigned int i = 0; i < N_SAMPLES; i++) {
		struct nemo_diags diags;
		struct nemo_script *s = script_n(samples[i], strlen(samples[i]), &diags);
		struct nemo_arena *arena = nemo_arena_new();
		struct nemo_clauses copies[16];
		struct nemo_text before = {0}, after = {0};
		unsigned int n = s->n;

		assert_true(n <= 16);
		nemo_text_add(&before, "%s", "");
		nemo_text_add(&after, "%s", "");
		for (unsigned int j = 0; j < n; j++) {
			nemo_print_clauses(&before, &s->v[j].c);
			assert_true(nemo_clauses_copy(arena, &s->v[j].c, &copies[j]));
		}
		nemo_script_free(s);
		for (unsigned int j = 0; j < n; j++)
			nemo_print_clauses(&after, &copies[j]);
		assert_string_equal(before.data, after.data);
		free(before.data);
		free(after.data);
		nemo_arena_free(arena);
		nemo_diags_fini(&diags);
	}
}

static void test_copy_of_expression(void **state)
{
	struct nemo_script *s = script_of("UPDATE Operation o Condition f(a.b, \"x\") || !c;");
	struct nemo_arena *arena = nemo_arena_new();
	struct nemo_text out = {0};
	struct nemo_clauses copy;

	assert_true(nemo_clauses_copy(arena, &s->v[0].c, &copy));
	nemo_script_free(s);
	nemo_print_expr(&out, copy.condition);
	assert_string_equal(out.data, "f(a.b, \"x\") || !c");
	free(out.data);
	nemo_arena_free(arena);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),  cmocka_unit_test(test_writing),
		cmocka_unit_test(test_parentheses), cmocka_unit_test(test_checked_values),
		cmocka_unit_test(test_copy),	    cmocka_unit_test(test_copy_of_expression),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
