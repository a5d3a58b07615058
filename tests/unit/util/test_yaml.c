/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "util/json.h"
#include "util/own.h"
#include "util/yaml.h"

static struct err err;

static int load(const char *text, size_t len, struct yaml_doc **doc)
{
	FILE *file = tmpfile();
	int rc;

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	rewind(file);
	memset(&err, 0, sizeof(err));
	rc = yaml_load(file, doc, &err);
	fclose(file);
	return rc;
}

static void loads(const char *yaml, const char *json)
{
	struct yaml_doc *doc = NULL;
	char *text;

	if (load(yaml, strlen(yaml), &doc))
		fail_msg("%s: %s", yaml, err.want);
	text = json_text(yaml_root(doc));
	assert_string_equal(text, json);
	free(text);
	yaml_free(doc);
}

static void refused_bytes(const char *yaml, size_t len, const char *want)
{
	struct yaml_doc *doc = NULL;

	if (load(yaml, len, &doc) != -EINVAL)
		fail_msg("%s: not refused", yaml);
	assert_null(doc);
	assert_int_equal(err.code, -EINVAL);
	if (strcmp(err.want, want) != 0)
		fail_msg("%s: \"%s\" is not \"%s\"", yaml, err.want, want);
}

#define REFUSED(yaml, want) refused_bytes(yaml, sizeof(yaml) - 1, want)

static void test_structures(void **state)
{
	loads("a: 1\nb:\n  - x\n  - {c: [1, 2]}\n", "{\"a\":1,\"b\":[\"x\",{\"c\":[1,2]}]}");
	loads("- a\n-\n- []\n", "[\"a\",null,[]]");
	loads("", "null");
	loads("# only a comment\n", "null");
	loads("---\na: 1\n...\n", "{\"a\":1}");
	loads("text: |\n  one\n  two\n", "{\"text\":\"one\\ntwo\\n\"}");
	loads("{}", "{}");
}

static void test_scalars(void **state)
{
	static const char *const pairs[][2] = {
		{"~", "null"},
		{"null", "null"},
		{"Null", "null"},
		{"nULL", "\"nULL\""},
		{"true", "true"},
		{"TRUE", "true"},
		{"False", "false"},
		{"yes", "\"yes\""},
		{"0", "0"},
		{"-12", "-12"},
		{"+5", "5"},
		{"007", "7"},
		{"0x101", "257"},
		{"0xFf", "255"},
		{"0o17", "\"0o17\""},
		{"0x", "\"0x\""},
		{"1_000", "\"1_000\""},
		{"1.5", "1.5"},
		{"-.5", "-0.5"},
		{"1.", "1.0"},
		{"1e3", "1000.0"},
		{"1e", "\"1e\""},
		{".", "\".\""},
		{"-", "[null]"},
		{"fd00::1", "\"fd00::1\""},
		{"10:20", "\"10:20\""},
		{"\"5\"", "\"5\""},
		{"'true'", "\"true\""},
		{"\"\"", "\"\""},
		{"12ms", "\"12ms\""},
		{"9223372036854775807", "9223372036854775807"},
		{"-9223372036854775808", "-9223372036854775808"},
		{"0x7fffffffffffffff", "9223372036854775807"},
		{"\"0xffffffffffffffff\"", "\"0xffffffffffffffff\""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		loads(pairs[i][0], pairs[i][1]);
}

static void test_numbers_that_do_not_fit(void **state)
{
	REFUSED("a: 9223372036854775808",
		"line 1, column 4: integer beyond 64 bits with sign; as text it needs quotes");
	REFUSED("a: 0xffffffffffffffff",
		"line 1, column 4: integer beyond 64 bits with sign; as text it needs quotes");
	REFUSED("a: 1e999", "line 1, column 4: number too large");
	REFUSED("a: -.inf", "line 1, column 4: number must be finite");
	REFUSED("a: .NaN", "line 1, column 4: number must be finite");
}

static void test_refused_features(void **state)
{
	REFUSED("a: &x 1\n", "line 1, column 4: anchors and tags are not supported");
	REFUSED("a: 1\nb: *x\n", "line 2, column 4: aliases are not supported");
	REFUSED("&x a: 1\n", "line 1, column 1: anchors and tags are not supported");
	REFUSED("a: !!str 1\n", "line 1, column 4: anchors and tags are not supported");
	REFUSED("a: !x {}\n", "line 1, column 4: anchors and tags are not supported");
	REFUSED("a: ! [1]\n", "line 1, column 4: anchors and tags are not supported");
	REFUSED("a: 1\n---\nb: 2\n", "line 2, column 1: more than one document");
	REFUSED("a: 1\nb: 2\na: 3\n", "line 3, column 1: duplicate key");
	REFUSED("? [1]\n: 2\n", "line 1, column 3: a key must be plain text");
	REFUSED("a: \"x\\0y\"\n", "line 1, column 4: text with a NUL byte");
	REFUSED("\"x\\0y\": 1\n", "line 1, column 1: text with a NUL byte");
}

static void test_syntax_errors(void **state)
{
	REFUSED("a: [1\nb: 2\n", "line 2, column 2: did not find expected ',' or ']'");
	REFUSED("a: 1\n\tb: 2\n",
		"line 2, column 1: found a tab character that violates indentation");
	REFUSED("a: 1\nb: \"\xff\"\n", "line 2, column 5: invalid leading UTF-8 octet");
	REFUSED("a: 1\nb: \x01\n", "line 2, column 4: control characters are not allowed");
	REFUSED("a: \"\\ud800\"", "line 1, column 7: found invalid Unicode character escape code");
}

static void test_depth(void **state)
{
	char text[4 * JSON_MAX_DEPTH];

	memset(text, '[', JSON_MAX_DEPTH);
	memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
	text[2 * JSON_MAX_DEPTH] = '\0';
	loads(text, text);
	memset(text, '[', JSON_MAX_DEPTH + 1);
	refused_bytes(text, strlen(text), "line 1, column 33: nested deeper than 32");
}

static void test_size(void **state)
{
	OWN_PTR char *text = malloc(YAML_MAX_SIZE + 1);
	struct yaml_doc *doc = NULL;

	assert_non_null(text);
	memset(text, '#', YAML_MAX_SIZE + 1);
	for (size_t i = 100; i < YAML_MAX_SIZE; i += 100)
		text[i] = '\n';
	refused_bytes(text, YAML_MAX_SIZE + 1, "is larger than 8388608 bytes");
	assert_int_equal(load(text, YAML_MAX_SIZE, &doc), 0);
	yaml_free(doc);
}

static void test_lines(void **state)
{
	static const char yaml[] = "# top\n"
				   "name: x\n"
				   "list:\n"
				   "  - a: 1\n"
				   "    b/c~: 2\n"
				   "  - a:\n"
				   "      deep: [1,\n"
				   "             2]\n"
				   "empty:\n"
				   "last: 1\n";
	static const struct {
		const char *pointer;
		int line;
	} want[] = {
		{"", 2},
		{"/name", 2},
		{"/list", 3},
		{"/list/0", 4},
		{"/list/0/b~1c~0", 5},
		{"/list/1/a/deep", 7},
		{"/list/1/a/deep/1", 8},
		{"/list/1/a/absent/x", 6},
		{"/list/9/a", 3},
		{"/list/x", 3},
		{"/empty", 9},
		{"/last", 10},
		{"/nothing", 2},
		{"/name/0", 2},
	};
	struct yaml_doc *doc = NULL;

	assert_int_equal(load(yaml, strlen(yaml), &doc), 0);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_int_equal(yaml_line(doc, want[i].pointer), want[i].line);
	yaml_free(doc);
	yaml_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_structures),
		cmocka_unit_test(test_scalars),
		cmocka_unit_test(test_numbers_that_do_not_fit),
		cmocka_unit_test(test_refused_features),
		cmocka_unit_test(test_syntax_errors),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
