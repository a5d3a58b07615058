/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tokens: what they take in, what is none, and where an error stands. */
#include "unit/nemo/script.h"

#define VALUE(text) "Description a;CREATE CFN c Type host Property p: " text ";"

static void value_is(const char *literal, const char *json)
{
	char text[8192];
	json_t *all;

	snprintf(text, sizeof(text), "CREATE CFN c Type host Property p: %s;", literal);
	all = statements_of(text);
	expect_json(json_object_get(json_object_get(json_array_get(all, 0), "properties"), "p"),
		    json);
	json_decref(all);
}

static void test_literals(void **state)
{
	value_is("0", "{\"Integer\": 0}");
	value_is("-0", "{\"Integer\": 0}");
	value_is("-17", "{\"Integer\": -17}");
	value_is("9223372036854775807", "{\"Integer\": 9223372036854775807}");
	value_is("-9223372036854775808", "{\"Integer\": -9223372036854775808}");
	value_is("true", "{\"Boolean\": true}");
	value_is("false", "{\"Boolean\": false}");
	value_is("10.0.0.1", "{\"IPPrefix\": \"10.0.0.1\"}");
	value_is("10.0.0.1/32", "{\"IPPrefix\": \"10.0.0.1\"}");
	value_is("10.1.2.3/8", "{\"IPPrefix\": \"10.0.0.0/8\"}");
	value_is("255.255.255.255/0", "{\"IPPrefix\": \"0.0.0.0/0\"}");
	value_is("\"\"", "{\"String\": \"\"}");
	value_is("\"10.0.0.0/8\"", "{\"String\": \"10.0.0.0/8\"}");
	value_is("\"a\\\"b\\\\c\\nd\\te\"", "{\"String\": \"a\\\"b\\\\c\\nd\\te\"}");
	value_is("\"\xc3\xa9 # // /* x\"", "{\"String\": \"\xc3\xa9 # // /* x\"}");
}

static void test_host_bits_stay_in_the_tree(void **state)
{
	struct nemo_script *s = script_of("CREATE CFN c Type host Property p: 10.1.2.3/8;");
	const struct nemo_prefix *p = &s->v[0].c.properties.v[0].arg.v->prefix;

	assert_true(p->v4);
	assert_int_equal(p->len, 104);
	assert_memory_equal(p->addr.s6_addr + 10, "\xff\xff\x0a\x01\x02\x03", 6);
	nemo_script_free(s);
}

static void test_bad_numbers(void **state)
{
	static const char *const bad[][2] = {
		{"007", "leading zeros"},
		{"-01", "leading zeros"},
		{"9223372036854775808", "out of range"},
		{"-9223372036854775809", "out of range"},
		{"18:00", "in quotes"},
		{"2016-01-01", "in quotes"},
		{"0x10", "in quotes"},
		{"1_000", "in quotes"},
		{"5-3", "in quotes"},
		{"1.5", "not an IPv4"},
		{"10.0.0", "not an IPv4"},
		{"10.0.0.256", "not an IPv4"},
		{"10.0.0.01", "not an IPv4"},
		{"10.0.0.1/33", "not an IPv4"},
		{"10.0.0.1/08", "not an IPv4"},
		{"10.0.0.1/", "not an IPv4"},
		{"10.0.0.1/-1", "in quotes"},
		{"10.0.0.1.", "not an IPv4"},
		{"10.0.0.0.1", "not an IPv4"},
		{"1::2", "in quotes"},
		{"2001:db8::1/32", "in quotes"},
		{"-10.0.0.1", "in quotes"},
		{"5:", "in quotes"},
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char text[128];

		snprintf(text, sizeof(text), VALUE("%s"), bad[i][0]);
		expect_refused(text, "1:50", "lexical", bad[i][1]);
	}
}

static void test_bad_strings(void **state)
{
	static const struct {
		const char *text, *at, *part;
	} bad[] = {
		{VALUE("\"abc"), "1:50", "has no end"},
		{"Description \"abc\n\";", "1:13", "has no end"},
		{"Description \"abc\r\n\";", "1:13", "has no end"},
		{"Description \"", "1:13", "has no end"},
		{"Description \"ab\\x\";", "1:16", "bad escape"},
		{"Description \"ab\\u0041\";", "1:16", "bad escape"},
		{"Description \"\xc3\xa9\\", "1:13", "no end"},
		{"Description \"\xc3\xa9\\\n\"", "1:15", "bad escape"},
		{"Description \"a\tb\";", "1:15", "a tab is written"},
		{"Description \"a\rb\";", "1:15", "control character 0x0d"},
		{"Description \"a\x7f\";", "1:15", "control character 0x7f"},
		{"Description \"\xc3\xa9\x01\";", "1:15", "control character 0x01"},
		{"Description \"ab\xff\";", "1:16", "byte 0xff"},
		{"Description \"ab\xc3\";", "1:16", "byte 0xc3"},
		{"Description \"\xed\xa0\x80\";", "1:14", "byte 0xed"},
		{"Description \"\xc0\xaf\";", "1:14", "byte 0xc0"},
		{"Description \"a\xf0\x9f\x98\x80z\xf0\x9f\";", "1:17", "byte 0xf0"},
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		expect_refused(bad[i].text, bad[i].at, "lexical", bad[i].part);
}

static void test_bad_characters(void **state)
{
	static const struct {
		const char *text, *at, *part;
	} bad[] = {
		{"Description a @;", "1:15", "unexpected character '@'"},
		{"\xc3\xa9;", "1:1", "unexpected character"},
		{"_a;", "1:1", "begins with a letter"},
		{";\n  'a';", "2:3", "double quotes"},
		{"Description a - ;", "1:15", "'-'"},
		{"Description a / ;", "1:15", "'/'"},
		{"Description a & b", "1:15", "'&&' does"},
		{"Description a | b", "1:15", "'||' does"},
		{"Description a = b", "1:15", "'==' does"},
		{"Description a \x01", "1:15", "0x01"},
		{"Description a \xff", "1:15", "0xff"},
		{"Description a; \xef\xbb\xbf;", "1:16", "unexpected"},
		{";/* a /* b\n", "1:2", "comment has no end"},
		{"\n\n  /*/", "3:3", "comment has no end"},
		{"/* \xff\n \xc3( */ @", "2:8", "'@'"}, /* comments may hold any byte */
		{"# \xff\xc3\n/*\xc3*/ @", "2:7", "'@'"},
		{";/*\xff", "1:2", "comment has no end"},
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		expect_refused(bad[i].text, bad[i].at, "lexical", bad[i].part);
}

static void test_nul(void **state)
{
	expect_refused_n("Description\0a;", 14, "1:12", "lexical", "0x00");
	expect_refused_n("Description \"\0\";", 16, "1:14", "lexical", "0x00");
	expect_refused_n("# \0\n\0", 5, "2:1", "lexical", "0x00");
	expect_refused_n("/*\0*/ @", 7, "1:7", "lexical", "'@'");
}

static void at(const char *text, const char *want)
{
	json_t *all = statements_of(text);
	const char *is = json_string_value(json_object_get(json_array_get(all, 0), "at"));

	assert_string_equal(is, want);
	json_decref(all);
}

static void test_places(void **state)
{
	at("Commit", "1:1");
	at("\xef\xbb\xbf"
	   "Commit",
	   "1:1");
	at("\t Commit", "1:3");
	at("\r\n\r\n\tCommit", "3:2");
	at("\rCommit", "1:2");
	at("# x\nCommit", "2:1");
	at("// x\n/* \xc3\xa9 \xe2\x82\xac */ Commit", "2:11");
	at("/* a\n b */Commit", "2:6");
	at("/**/Commit", "1:5");
	at("/***/Commit", "1:6");
	at("/*/*/Commit", "1:6");
	at("Query a From b; # \xf0\x9f\x98\x80", "1:1");
}

static void test_comment_ends_a_script(void **state)
{
	nemo_script_free(script_of("Commit # no line end"));
	nemo_script_free(script_of("Commit //"));
	nemo_script_free(script_of(""));
	nemo_script_free(script_of("\xef\xbb\xbf"));
	nemo_script_free(script_of("; ;;\n"));
}

static void test_names(void **state)
{
	json_t *all = statements_of("Description a-b_9;Description \"z\";Description time;"
				    "Description Types;Description type;Description a--;");

	expect_json(json_object_get(json_array_get(all, 0), "name"), "\"a-b_9\"");
	expect_json(json_object_get(json_array_get(all, 1), "name"), "\"z\"");
	expect_json(json_object_get(json_array_get(all, 2), "name"), "\"time\"");
	expect_json(json_object_get(json_array_get(all, 3), "name"), "\"Types\"");
	expect_json(json_object_get(json_array_get(all, 5), "name"), "\"a--\"");
	json_decref(all);
}

/* Each word of the page is reserved: no name, with or without quotes. */
static void test_key_words(void **state)
{
	static const char *const words[] = {
		"Boolean",
		"Integer",
		"String",
		"Date",
		"UUID",
		"EthAddr",
		"IPPrefix",
		"CFNModel",
		"ConnectionModel",
		"ServiceFlowModel",
		"ActionModel",
		"Description",
		"Property",
		"Porperty",
		"CFN",
		"Connection",
		"ServiceFlow",
		"EndNodes",
		"Type",
		"Contain",
		"Match",
		"List",
		"Range",
		"Query",
		"From",
		"Notification",
		"Listener",
		"Operation",
		"Target",
		"Priority",
		"Condition",
		"Action",
		"Transaction",
		"Commit",
		"CREATE",
		"IMPORT",
		"UPDATE",
		"DELETE",
		"true",
		"false",
	};
	char text[64];

	for (unsigned int i = 0; i < sizeof(words) / sizeof(*words); i++) {
		snprintf(text, sizeof(text), "Description %s;", words[i]);
		expect_refused(text, "1:13", "syntax", "expected a name, found key word");
		snprintf(text, sizeof(text), "Description \"%s\";", words[i]);
		expect_refused(text, "1:13", "syntax", "is not a name");
		snprintf(text, sizeof(text), "Description %sx;", words[i]);
		nemo_script_free(script_of(text));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_literals),
		cmocka_unit_test(test_host_bits_stay_in_the_tree),
		cmocka_unit_test(test_bad_numbers),
		cmocka_unit_test(test_bad_strings),
		cmocka_unit_test(test_bad_characters),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_comment_ends_a_script),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_key_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
