/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each limit of the language: what just fits is taken, what is one more is refused at its place. */
#include "unit/nemo/script.h"

/* head, then `item` n times with commas between, then tail. */
static char *list_of(const char *head, const char *item, unsigned int n, const char *tail)
{
	struct nemo_text out = {0};

	nemo_text_add(&out, "%s", head);
	for (unsigned int i = 0; i < n; i++)
		nemo_text_add(&out, "%s%s", i ? ",\n" : "\n", item);
	nemo_text_add(&out, "\n%s", tail);
	return out.data;
}

static void fits(char *text)
{
	struct nemo_diags diags;

	nemo_script_free(script_n(text, strlen(text), &diags));
	nemo_diags_fini(&diags);
	free(text);
}

static void too_many(char *text, const char *at, const char *part)
{
	expect_refused(text, at, "syntax", part);
	free(text);
}

static const struct {
	const char *head, *item, *tail, *column, *what;
} lists[] = {
	{"CFNModel m Property", "Integer: a", ";", "1", "properties of a model"},
	{"UPDATE CFN a Contain", "b", ";", "1", "names"},
	{"UPDATE CFN a Property", "b: 1", ";", "1", "properties"},
	{"UPDATE CFN a Property b: List(", "-1", ");", "1", "values in a list"},
	{"UPDATE Connection a EndNodes", "b", ";", "1", "ends"},
	{"UPDATE Connection a EndNodes a, (", "b", ");", "1", "names"},
	{"UPDATE ServiceFlow a Match", "b: 1", ";", "1", "fields"},
	{"UPDATE Operation a Action", "b", ";", "1", "actions"},
	{"UPDATE Operation a Action b:", "\"c\"", ";", "1", "arguments of an action"},
	{"Query", "a", "From b;", "1", "items of a query"},
	{"Query a From", "b", ";", "1", "names"},
	{"UPDATE Operation a Condition f(", "5", ");", "1", "terms in an expression"},
};

static void test_lists(void **state)
{
	char at[32], part[64];

	snprintf(at, sizeof(at), "%d:1", NEMO_LIST_MAX + 2);
	for (unsigned int i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		bool call = strstr(lists[i].head, "f(") != NULL; /* the call is a term itself */

		if (call)
			snprintf(at, sizeof(at), "%d:1", NEMO_LIST_MAX + 1);
		snprintf(part, sizeof(part), "more than %d %s", NEMO_LIST_MAX, lists[i].what);
		fits(list_of(lists[i].head, lists[i].item, NEMO_LIST_MAX - call, lists[i].tail));
		too_many(list_of(lists[i].head, lists[i].item, NEMO_LIST_MAX + 1 - call,
				 lists[i].tail),
			 at, part);
	}
}

static char *chain(unsigned int n, const char *op)
{
	struct nemo_text out = {0};

	nemo_text_add(&out, "UPDATE Operation o Condition\n");
	for (unsigned int i = 0; i < n; i++)
		nemo_text_add(&out, "%s a", i ? op : "");
	nemo_text_add(&out, ";");
	return out.data;
}

/* Terms count over the whole condition, whatever joins them. */
static void test_terms(void **state)
{
	static const char *const ops[] = {"||\n", "&&\n", "== b &&\n"};
	unsigned int each = 1;

	for (unsigned int i = 0; i < 3; i++) {
		char at[32];

		each = i == 2 ? 2 : 1;
		snprintf(at, sizeof(at), "%d:%d", NEMO_LIST_MAX / each + 2, 2);
		fits(chain(NEMO_LIST_MAX / each, ops[i]));
		too_many(chain(NEMO_LIST_MAX / each + (each == 1) + (each == 2) * 2, ops[i]), at,
			 "terms in an expression");
	}
}

static char *nest(const char *open, const char *close, unsigned int n)
{
	struct nemo_text out = {0};

	nemo_text_add(&out, "UPDATE Operation o Condition ");
	for (unsigned int i = 0; i < n; i++)
		nemo_text_add(&out, "%s", open);
	nemo_text_add(&out, "a");
	for (unsigned int i = 0; i < n; i++)
		nemo_text_add(&out, "%s", close);
	nemo_text_add(&out, ";");
	return out.data;
}

static void test_depth(void **state)
{
	static const char *const forms[][2] = {{"(", ")"}, {"!", ""}, {"f(", ")"}};

	for (unsigned int i = 0; i < 3; i++) {
		unsigned int column = 30 + NEMO_DEPTH_MAX * strlen(forms[i][0]) + (i == 2);
		char at[32];

		snprintf(at, sizeof(at), "1:%u", column);
		fits(nest(forms[i][0], forms[i][1], NEMO_DEPTH_MAX));
		too_many(nest(forms[i][0], forms[i][1], NEMO_DEPTH_MAX + 1), at,
			 "nested more than 256 deep");
	}
	fits(nest("!(", ")", NEMO_DEPTH_MAX / 2));
	too_many(nest("!f(", ")", NEMO_DEPTH_MAX / 2 + 1), "1:414", "nested");
	too_many(nest("(", "", 100000), "1:286", "nested"); /* no stack is used for it */
	fits(nest("(b || ", ")", NEMO_DEPTH_MAX));
}

/* What was nested is over behind its end. */
static void test_depth_of_neighbours(void **state)
{
	struct nemo_text out = {0};

	nemo_text_add(&out, "UPDATE Operation o Condition a");
	for (unsigned int i = 0; i < 200; i++)
		nemo_text_add(&out, " || (!(b && f(c, (d), g())))");
	nemo_text_add(&out, ";UPDATE Operation o Condition ((a));");
	fits(out.data);
}

static void test_statements(void **state)
{
	size_t n = NEMO_STATEMENTS_MAX, len = (n + 1) * 7;
	char *text = malloc(len + 1);

	for (size_t i = 0; i <= n; i++)
		memcpy(text + i * 7, "Commit\n", 7);
	expect_refused_n(text, len, "16385:1", "syntax", "more than 16384 statements");
	text[n * 7] = '\0';
	fits(text);
}

/* n statements of `item`, each on a line. */
static char *lines_of(unsigned int n, const char *item)
{
	struct nemo_text out = {0};

	for (unsigned int i = 0; i < n; i++)
		nemo_text_add(&out, "%s\n", item);
	return out.data;
}

/* Values, terms and actions count over the whole script: 16 of them on a line. */
static void test_script_terms(void **state)
{
	static const struct {
		const char *item, *column;
	} items[] = {
		{"UPDATE CFN a Property b: List(1,2,3,4,5,6,7,8), c: List(1,2,3,4,5,6,7,8);", "31"},
		{"UPDATE CFN a Property b:1,b:2,b:3,b:4,b:5,b:6,b:7,b:8,b:1,b:2,b:3,b:4,b:5,b:6,b:7,"
		 "b:8;",
		 "25"},
		{"UPDATE ServiceFlow a Match b: Range(1,2),c:1,d:List(\"1\",\"2\","
		 "1.2.3.4,true,5,6,7,8,9,1,2,3,4);",
		 "37"},
		{"UPDATE Operation o Condition !!!!!!!a.b||c&&!!!!!!d;", "30"},
		{"UPDATE Operation o Condition f(1,2,3,a)||5 Action a:1,2,3,4,b:List(5,6,7),c;",
		 "30"},
		{"Query a,b,c,d From e,f,g,h;", "20"},
		{"UPDATE Notification n Query a,b From c,d,e,f,g,h,i,j;", "38"},
	};
	unsigned int n = NEMO_TERMS_MAX / 16;
	char at[32];

	for (unsigned int i = 0; i < sizeof(items) / sizeof(*items); i++) {
		fits(lines_of(n, items[i].item));
		snprintf(at, sizeof(at), "%u:%s", n + 1, items[i].column);
		too_many(lines_of(n + 1, items[i].item), at,
			 "more than 131072 values, terms, actions");
	}
}

static char *nested_chain(unsigned int terms, unsigned int depth, bool left)
{
	struct nemo_text out = {0};

	nemo_text_add(&out, "UPDATE Operation o Condition ");
	for (unsigned int i = 0; i < depth; i++)
		nemo_text_add(&out, left ? "(" : "1||(");
	nemo_text_add(&out, "1");
	for (unsigned int i = 1; i < terms; i++)
		nemo_text_add(&out, "||1");
	for (unsigned int i = 0; i < depth; i++)
		nemo_text_add(&out, left ? ")||1" : ")");
	nemo_text_add(&out, ";");
	return out.data;
}

/* However parentheses nest: memory is that of the terms. */
static void test_flat_memory(void **state)
{
	unsigned int terms = NEMO_LIST_MAX - NEMO_DEPTH_MAX;

	for (unsigned int left = 0; left < 2; left++) {
		char *text = nested_chain(terms, NEMO_DEPTH_MAX, left);
		struct nemo_script *script = script_of(text);
		const struct nemo_expr *e = script->v[0].c.condition;

		assert_int_equal(e->n, NEMO_LIST_MAX);
		assert_int_equal(e->args[0]->kind, NEMO_E_VALUE);
		assert_int_equal(e->args[NEMO_LIST_MAX - 1]->kind, NEMO_E_VALUE);
		assert_true(e->args[0]->value.at.column < e->args[1]->value.at.column);
		assert_true(nemo_arena_bytes(script->arena) <
			    NEMO_LIST_MAX * (sizeof(*e) + 64) + (1u << 19));
		nemo_script_free(script);
		free(text);
	}
}

static void test_names(void **state)
{
	char text[256], name[NEMO_NAME_MAX + 2];

	memset(name, 'n', sizeof(name));
	name[NEMO_NAME_MAX] = '\0';
	snprintf(text, sizeof(text), "Description %s; Description \"%s\";", name, name);
	nemo_script_free(script_of(text));
	name[NEMO_NAME_MAX] = 'n';
	name[NEMO_NAME_MAX + 1] = '\0';
	snprintf(text, sizeof(text), "Description %s;", name);
	expect_refused(text, "1:13", "lexical", "longer than 63 bytes");
	snprintf(text, sizeof(text), "Description \"%s\";", name);
	expect_refused(text, "1:13", "syntax", "at most 63 bytes");
}

static char *string_of(unsigned int n, const char *item)
{
	struct nemo_text out = {0};

	nemo_text_add(&out, "UPDATE CFN a Property b: \"");
	for (unsigned int i = 0; i < n; i++)
		nemo_text_add(&out, "%s", item);
	nemo_text_add(&out, "\";");
	return out.data;
}

static void test_strings(void **state)
{
	static const char *const items[] = {"a", "\\n", "\xc3\xa9", "\xf0\x9f\x98\x80"};
	static const unsigned int sizes[] = {1, 1, 2, 4};

	for (unsigned int i = 0; i < 4; i++) {
		unsigned int n = NEMO_STRING_MAX / sizes[i];
		char *text;

		fits(string_of(n, items[i]));
		text = string_of(n + 1, items[i]);
		expect_refused(text, "1:26", "lexical", "longer than 4096 bytes");
		free(text);
	}
}

/* A script of that many bytes, the last ones `tail`. */
static char *large(size_t len, const char *tail)
{
	char *text = malloc(len + 1);
	size_t n = strlen(tail);

	memset(text, '\n', len);
	memcpy(text + len - n, tail, n);
	text[len] = '\0';
	return text;
}

static void test_size(void **state)
{
	size_t max = NEMO_SCRIPT_MAX;
	char *text;

	fits(large(max, "Commit"));
	text = large(max + 1, "Commit");
	expect_refused_n(text, max + 1, "2097148:1", "lexical", "larger than 2097152 bytes");
	free(text);
	text = large(max + 9, " \"abc\xc3\xa9");
	expect_refused_n(text, max + 9, "2097153:1", "lexical", "larger than");
	free(text);
	text = large(max + 2, " \"ab\xc3\xa9\"");
	expect_refused_n(text, max + 2, "2097148:2", "lexical", "larger than");
	free(text);
	text = large(max + 2, "@ Commit");
	expect_refused_n(text, max + 2, "2097147:1", "lexical", "'@'");
	free(text);
}

/* The arena: large and small, zeroed, aligned. */
static void test_arena(void **state)
{
	struct nemo_arena *arena = nemo_arena_new();
	size_t before = nemo_arena_bytes(arena);

	for (size_t n = 0; n < 3000; n += 7) {
		char *p = nemo_arena_alloc(arena, n);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 8, 0);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, n);
	}
	assert_non_null(nemo_arena_alloc(arena, 5 << 20));
	assert_true(nemo_arena_bytes(arena) > before + (5 << 20));
	assert_null(nemo_arena_alloc(arena, SIZE_MAX));
	assert_string_equal(nemo_arena_text(arena, "abc", 2), "ab");
	nemo_arena_free(arena);
	nemo_arena_free(NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),	    cmocka_unit_test(test_terms),
		cmocka_unit_test(test_depth),	    cmocka_unit_test(test_depth_of_neighbours),
		cmocka_unit_test(test_statements),  cmocka_unit_test(test_names),
		cmocka_unit_test(test_strings),	    cmocka_unit_test(test_size),
		cmocka_unit_test(test_arena),	    cmocka_unit_test(test_script_terms),
		cmocka_unit_test(test_flat_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
