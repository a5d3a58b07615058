/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said about a script: kept, sorted, shown to people; names that are near. */
#include <errno.h>

#include "unit/nemo/script.h"

static struct nemo_pos pos(uint32_t line, uint32_t column)
{
	return (struct nemo_pos){line, column};
}

static void text_is(struct nemo_diags *diags, const char *script, const char *should)
{
	char *text = nemo_diags_text(diags, "f.nemo", script, strlen(script));

	assert_string_equal(text, should);
	free(text);
	nemo_diags_fini(diags);
}

static void test_text(void **state)
{
	struct nemo_diags diags = {0};

	assert_int_equal(nemo_error(&diags, NEMO_SEMANTIC, pos(2, 4), "no %s", "x"), -EINVAL);
	nemo_warn(&diags, NEMO_W_OVERLAP, pos(1, 1), "both");
	assert_int_equal(diags.errors, 1);
	assert_int_equal(diags.warnings, 1);
	nemo_diags_sort(&diags);
	text_is(&diags, "abc\ndef ghi\njkl",
		"f.nemo:1:1: warning: W-overlap: both\nabc\n^\n"
		"f.nemo:2:4: error: no x\ndef ghi\n   ^\n");
}

static void test_text_of_nothing(void **state)
{
	struct nemo_diags diags = {0};

	text_is(&diags, "abc", "");
}

/* The caret stands below its column whatever stands before it. */
static void test_caret(void **state)
{
	struct nemo_diags diags = {0};

	nemo_error(&diags, NEMO_SYNTAX, pos(1, 4), "tabs");
	text_is(&diags, "\ta\tbc\r\n", "f.nemo:1:4: error: tabs\n\ta\tbc\n\t \t^\n");
	nemo_error(&diags, NEMO_SYNTAX, pos(1, 3), "code points");
	text_is(&diags, "\xc3\xa9\xe2\x82\xac!",
		"f.nemo:1:3: error: code points\n"
		"\xc3\xa9\xe2\x82\xac!\n  ^\n");
	nemo_error(&diags, NEMO_SYNTAX, pos(1, 2), "a mark has no column");
	text_is(&diags,
		"\xef\xbb\xbf"
		"ab",
		"f.nemo:1:2: error: a mark has no column\nab\n ^\n");
	nemo_error(&diags, NEMO_SYNTAX, pos(1, 4), "the end");
	text_is(&diags, "abc", "f.nemo:1:4: error: the end\nabc\n   ^\n");
	nemo_error(&diags, NEMO_SYNTAX, pos(2, 1), "the last, empty line");
	text_is(&diags, "abc\n", "f.nemo:2:1: error: the last, empty line\n\n^\n");
	nemo_error(&diags, NEMO_SYNTAX, pos(1, 1), "empty");
	text_is(&diags, "", "f.nemo:1:1: error: empty\n\n^\n");
}

/* Nothing that a terminal obeys, and nothing that is no UTF-8. */
static void test_odd_bytes(void **state)
{
	struct nemo_diags diags = {0};

	nemo_error(&diags, NEMO_LEXICAL, pos(1, 6), "x");
	text_is(&diags, "\x1b[\xff\xc2\x9b\x7fz", "f.nemo:1:6: error: x\n?[???z\n     ^\n");
	nemo_error(&diags, NEMO_LEXICAL, pos(1, 1), "cut off");
	text_is(&diags, "\xe2\x82", "f.nemo:1:1: error: cut off\n??\n^\n");
}

static void test_long_line(void **state)
{
	struct nemo_diags diags = {0};
	char line[2001], *text, *at, *caret;

	memset(line, 'a', 2000);
	line[2000] = '\0';
	line[999] = 'X';
	nemo_error(&diags, NEMO_LEXICAL, pos(1, 1000), "far");
	text = nemo_diags_text(&diags, "f", line, 2000);
	assert_true(strlen(text) < 400);
	at = strchr(text, '\n') + 1;
	assert_memory_equal(at, "...a", 4);
	caret = strchr(at, '\n') + 1;
	assert_int_equal(strchr(at, 'X') - at, strchr(caret, '^') - caret);
	assert_memory_equal(caret - 4, "...", 3);
	free(text);
	nemo_diags_fini(&diags);
}

/* Places in any order are shown in theirs. */
static void test_unsorted(void **state)
{
	struct nemo_diags diags = {0};

	nemo_error(&diags, NEMO_SYNTAX, pos(3, 1), "c");
	nemo_error(&diags, NEMO_SYNTAX, pos(1, 1), "a");
	nemo_error(&diags, NEMO_SYNTAX, pos(2, 1), "b");
	nemo_error(&diags, NEMO_SYNTAX, pos(2, 2), "d");
	text_is(&diags, "1\n2\n3",
		"f.nemo:1:1: error: a\n1\n^\nf.nemo:2:1: error: b\n2\n^\n"
		"f.nemo:2:2: error: d\n2\n ^\nf.nemo:3:1: error: c\n3\n^\n");
}

/* Many places in one long line: each is found from the one before it. */
static void test_long_line_of_many(void **state)
{
	struct nemo_diags diags = {0};
	size_t len = 4u << 20;
	char *line = malloc(len), *text, *at;

	memset(line, 'a', len);
	for (unsigned int i = 1; i <= 20000; i++)
		nemo_warn(&diags, NEMO_W_PORPERTY, pos(1, 200 * i), "w");
	line[200 * 20000 - 1] = 'X';
	text = nemo_diags_text(&diags, "f", line, len);
	at = strstr(text, "f:1:4000000: ");
	assert_non_null(at);
	at = strchr(at, '\n') + 1;
	assert_int_equal(strchr(at, 'X') - at, 75);
	assert_int_equal(strchr(strchr(at, '\n'), '^') - strchr(at, '\n') - 1, 75);
	free(text);
	free(line);
	nemo_diags_fini(&diags);
}

static void test_order(void **state)
{
	struct nemo_diags diags = {0};
	const char *want = "adebc";
	char is[6] = "";

	nemo_error(&diags, NEMO_SEMANTIC, pos(10, 1), "c");
	nemo_warn(&diags, NEMO_W_OVERLAP, pos(9, 2), "e");
	nemo_error(&diags, NEMO_SEMANTIC, pos(9, 10), "b");
	nemo_error(&diags, NEMO_SEMANTIC, pos(9, 2), "d");
	nemo_warn(&diags, NEMO_W_PORPERTY, pos(9, 1), "a");
	nemo_diags_sort(&diags);
	for (unsigned int i = 0; i < 5; i++)
		is[i] = diags.v[i].reason[0];
	assert_string_equal(is, want);
	nemo_diags_fini(&diags);
}

static void test_many_errors(void **state)
{
	struct nemo_diags diags = {0};
	json_t *all, *json, *last;
	char *text;

	for (unsigned int i = 0; i < NEMO_ERRORS_MAX + 7; i++)
		nemo_error(&diags, NEMO_SEMANTIC, pos(1, 1), "n%u", i);
	assert_int_equal(diags.errors, NEMO_ERRORS_MAX + 7);
	assert_int_equal(diags.n, NEMO_ERRORS_MAX);
	text = nemo_diags_text(&diags, "f", "abc", 3);
	assert_non_null(strstr(text, "f: error: 7 more errors are not shown\n"));
	free(text);
	all = nemo_errors_json(&diags);
	json = json_object_get(all, "errors");
	assert_int_equal(json_array_size(json), NEMO_ERRORS_MAX + 1);
	last = json_object_get(json_array_get(json, NEMO_ERRORS_MAX), "reason");
	assert_string_equal(json_string_value(last), "7 more errors are not shown");
	json_decref(all);
	nemo_diags_fini(&diags);
}

static void test_many_warnings(void **state)
{
	struct nemo_diags diags = {0};
	char *text;

	for (unsigned int i = 0; i < NEMO_WARNINGS_KEPT + 3; i++)
		nemo_warn(&diags, NEMO_W_OVERLAP, pos(1, 1), "w");
	assert_int_equal(diags.n, NEMO_WARNINGS_KEPT);
	assert_int_equal(diags.warnings, NEMO_WARNINGS_KEPT + 3);
	text = nemo_diags_text(&diags, "f", "abc", 3);
	assert_non_null(strstr(text, "f: warning: 3 more warnings are not shown\n"));
	free(text);
	nemo_diags_fini(&diags);
}

static void near(const char *written, const char *want)
{
	static const char *const names[] = {"Property", "bandwidth", "ip",     "mac", "alpha1",
					    "alpha2",	"src_ip",    "dst_ip", "mac"};
	const char *is = nemo_nearest(written, names, sizeof(names) / sizeof(*names));

	if (!want)
		assert_null(is);
	else
		assert_string_equal(is, want);
}

static void test_nearest(void **state)
{
	near("Porperty", "Property"); /* two that changed places: one edit */
	near("Propety", "Property");
	near("Proppertyy", "Property");
	near("Prope", NULL);
	near("bandwith", "bandwidth");
	near("bndwith", "bandwidth");
	near("bndwit", NULL);
	near("bandwidth", NULL); /* that one it is */
	near("ib", "ip");
	near("xy", NULL);    /* two edits are too many for a short name */
	near("max", "mac");  /* twice the same name is no tie */
	near("alpha", NULL); /* a tie */
	near("alpha12", NULL);
	near("srcip", "src_ip");
	near("", NULL);
	assert_null(nemo_nearest("a", NULL, 0));
}

/* Edits as the definition has them. */
static unsigned int edits(const char *a, unsigned int n, const char *b, unsigned int m)
{
	unsigned int d, e;

	if (!n || !m)
		return n + m;
	d = edits(a, n - 1, b, m) + 1;
	e = edits(a, n, b, m - 1) + 1;
	d = e < d ? e : d;
	e = edits(a, n - 1, b, m - 1) + (a[n - 1] != b[m - 1]);
	d = e < d ? e : d;
	if (n < 2 || m < 2 || a[n - 1] != b[m - 2] || a[n - 2] != b[m - 1])
		return d;
	e = edits(a, n - 2, b, m - 2) + 1;
	return e < d ? e : d;
}

static void random_word(char *out)
{
	unsigned int n = rand() % 7;

	for (unsigned int i = 0; i < n; i++)
		out[i] = 'a' + rand() % 3;
	out[n] = '\0';
}

static void test_nearest_is_near(void **state)
{
	srand(7);
	for (unsigned int i = 0; i < 3000; i++) {
		char a[8], b[8];
		const char *names[] = {b};
		unsigned int d;

		random_word(a);
		random_word(b);
		d = edits(a, strlen(a), b, strlen(b));
		if ((d > 0 && d <= (strlen(a) <= 3 ? 1 : 2)) != (nemo_nearest(a, names, 1) != NULL))
			fail_msg("'%s' and '%s' are %u edits apart", a, b, d);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_text_of_nothing),
		cmocka_unit_test(test_caret),
		cmocka_unit_test(test_odd_bytes),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_unsorted),
		cmocka_unit_test(test_long_line_of_many),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_many_errors),
		cmocka_unit_test(test_many_warnings),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_nearest_is_near),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
