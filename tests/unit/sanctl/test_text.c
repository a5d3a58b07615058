/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pure parts of sanctl: bodies, suggestions, tables, the table of verbs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "../../../userspace/sanctl/body.c"
#include "../../../userspace/sanctl/call.c"
#include "../../../userspace/sanctl/complete.c"
#include "../../../userspace/sanctl/db.c"
#include "../../../userspace/sanctl/db_file.c"
#include "../../../userspace/sanctl/help.c"
#include "../../../userspace/sanctl/history.c"
#include "../../../userspace/sanctl/suggest.c"
#include "../../../userspace/sanctl/table.c"
#include "../../../userspace/sanctl/resource.c"
#include "../../../userspace/sanctl/verbs.c"

/* Not under test here: their output is that of table.c. */
int follow_events(struct ctl *ctl, const struct follow *follow)
{
	return CTL_OK;
}

void follow_catch(struct ctl *ctl)
{
}

void follow_print_json(const json_t *event)
{
}

int run_explain(struct ctl *ctl, const struct verb *verb, struct args args)
{
	return CTL_OK;
}

int run_status(struct ctl *ctl, const struct verb *verb, struct args args)
{
	return CTL_OK;
}

int run_alto_ird(struct ctl *ctl, const struct verb *verb, struct args args)
{
	return CTL_OK;
}

int run_alto_map(struct ctl *ctl, const struct verb *verb, struct args args)
{
	return CTL_OK;
}

int run_alto_cost(struct ctl *ctl, const struct verb *verb, struct args args)
{
	return CTL_OK;
}

int run_alto_props(struct ctl *ctl, const struct verb *verb, struct args args)
{
	return CTL_OK;
}

int run_alto_path(struct ctl *ctl, const struct verb *verb, struct args args)
{
	return CTL_OK;
}

#define NEMO(name)                                                                                 \
	int run_nemo_##name(struct ctl *ctl, const struct verb *verb, struct args args)            \
	{                                                                                          \
		return CTL_OK;                                                                     \
	}
NEMO(status)
NEMO(check)
NEMO(plan)
NEMO(apply)
NEMO(confirm)
NEMO(rollback)
NEMO(list)
NEMO(connections)
NEMO(export)
NEMO(show)
NEMO(diff)
NEMO(explain)
NEMO(query)
NEMO(listen)
NEMO(clock)
NEMO(shell)

int run_stats(struct ctl *ctl, const struct verb *verb, struct args args)
{
	return CTL_OK;
}

int run_monitor(struct ctl *ctl, const struct verb *verb, struct args args)
{
	return CTL_OK;
}

int run_trace(struct ctl *ctl, const struct verb *verb, struct args args)
{
	return CTL_OK;
}

/* ---- bodies ---- */

static void check_assign(const char *assignment, const char *want)
{
	json_t *obj = json_object();
	struct err err = {};
	char *text;

	assert_int_equal(body_assign(obj, assignment, &err), 0);
	text = json_dumps(obj, JSON_COMPACT);
	assert_string_equal(text, want);
	free(text);
	json_decref(obj);
}

static void test_assign(void **state)
{
	check_assign("affinity=flow", "{\"affinity\":\"flow\"}");
	check_assign("delay_us=1200", "{\"delay_us\":1200}");
	check_assign("cpu_load=71.5", "{\"cpu_load\":71.5}");
	check_assign("queue_us=null", "{\"queue_us\":null}");
	check_assign("address=2001:db8::1", "{\"address\":\"2001:db8::1\"}");
	check_assign("name=\"123\"", "{\"name\":\"123\"}");
	check_assign("a=", "{\"a\":\"\"}");
	check_assign("a=b=c", "{\"a\":\"b=c\"}");
	check_assign("segments=[\"5f00::1\"]", "{\"segments\":[\"5f00::1\"]}");
	check_assign("hysteresis.margin=10", "{\"hysteresis\":{\"margin\":10}}");
	check_assign("x=01", "{\"x\":\"01\"}"); /* no JSON number: text, the server decides */
}

static void test_assign_merges(void **state)
{
	json_t *obj = json_object();

	assert_int_equal(body_assign(obj, "h.a=1", NULL), 0);
	assert_int_equal(body_assign(obj, "h.b=2", NULL), 0);
	assert_int_equal(body_assign(obj, "h.a=3", NULL), 0);
	assert_int_equal(json_integer_value(table_member(obj, "h.a")), 3);
	assert_int_equal(json_integer_value(table_member(obj, "h.b")), 2);
	json_decref(obj);
}

static void test_assign_refuses(void **state)
{
	static const char *const bad[] = {"",	  "=1",	  "word",   ".=1",
					  "a.=1", ".a=1", "a..b=1", "a=\xff"};
	json_t *obj = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = {};

		assert_int_equal(body_assign(obj, bad[i], &err), -EINVAL);
		assert_int_not_equal(err.want[0], 0);
	}
	json_decref(obj);
}

static void test_parse(void **state)
{
	static const char json[] = " {\"name\": \"web\", \"id\": 257}";
	static const char yaml[] = "# a service\nname: web\nid: 0x101\n";
	const char *const texts[] = {json, yaml};

	for (int i = 0; i < 2; i++) {
		json_t *body = NULL;
		struct err err = {};

		assert_int_equal(body_parse(texts[i], strlen(texts[i]), &body, &err), 0);
		assert_string_equal(json_string_value(json_object_get(body, "name")), "web");
		assert_int_equal(json_integer_value(json_object_get(body, "id")), 257);
		json_decref(body);
	}
}

static void test_parse_refuses(void **state)
{
	static const char *const bad[] = {
		"", " \n", "[1]", "3", "{\"a\": 1, \"a\": 2}", "{\"a\":", "a: 1\na: 2\n", "a: [\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		json_t *body = NULL;
		struct err err = {};

		assert_true(body_parse(bad[i], strlen(bad[i]), &body, &err) < 0);
		assert_null(body);
		assert_int_not_equal(err.want[0], 0);
	}
}

/* ---- suggestions ---- */

static void test_distance(void **state)
{
	assert_int_equal(suggest_distance("service", "service"), 0);
	assert_int_equal(suggest_distance("servce", "service"), 1);
	assert_int_equal(suggest_distance("sevrice", "service"), 1); /* swapped */
	assert_int_equal(suggest_distance("", "abc"), 3);
	assert_int_equal(suggest_distance("abc", "xyz"), 3);
}

static void test_suggest(void **state)
{
	static const char *const words[] = {"service", "instance", "stats", "status", "sid", NULL};

	assert_string_equal(suggest("servces", words), "service");
	assert_string_equal(suggest("inst", words), "instance");
	assert_string_equal(suggest("statis", words), "stats");
	assert_string_equal(suggest("sdi", words), "sid");
	assert_null(suggest("banana", words));
	assert_null(suggest("a-word-that-is-longer-than-any-verb-can-be", words));
}

/* ---- verbs ---- */

static void test_verbs(void **state)
{
	for (size_t i = 0; i < n_verbs; i++) {
		const struct verb *verb = &verbs[i];

		assert_ptr_equal(verb_find(verb->noun, verb->action), verb); /* no doubles */
		assert_true(verb_noun_known(verb->noun));
		assert_non_null(verb->run);
		/* without a path: it asks another server than ours, or no server, or finds it */
		assert_int_equal(verb->path ? verb->path[0] : '/', '/');
		assert_true(verb->path || !strcmp(verb->noun, "alto") ||
			    !strcmp(verb->noun, "nemo"));
		assert_int_equal(verb->run == run_list || verb->run == run_instance_list ||
					 verb->run == run_nemo_list ||
					 verb->run == run_nemo_connections,
				 verb->columns != NULL);
		assert_int_equal(verb->run == run_put || verb->run == run_patch,
				 verb->takes & CTL_TAKES(FILE));
		/* a noun alone lists, tells how it is, or says what it can do */
		assert_true(!*verb->action || verb_find(verb->noun, "list") ||
			    verb_find(verb->noun, "status") || !strcmp(verb->noun, "alto"));
	}
	assert_null(verb_find("service", "fly"));
	assert_false(verb_noun_known("servce"));
}

static void check_path(const char *noun, const char *action, char *a, char *b, const char *want)
{
	char *v[] = {a, b};
	struct args args = {v, b ? 2 : 1};
	char path[CTL_PATH_MAX];

	assert_int_equal(ctl_path(verb_find(noun, action), args, path), CTL_OK);
	assert_string_equal(path, want);
}

static void test_path(void **state)
{
	check_path("service", "get", "257", NULL, "/v1/services/0x101");
	check_path("instance", "set", "0x0101", "s2a", "/v1/services/0x101/instances/s2a/status");
	check_path("path", "get", "pe1/gw2/be", NULL, "/v1/paths/pe1/gw2/be");
	check_path("network", "set", "pe1/gw2/be", NULL, "/v1/network/pe1/gw2/be");
	check_path("class", "put", "web4", NULL, "/v1/classes/web4");
	check_path("gateway", "get", "gw2", "ignored", "/v1/gateways/gw2");
}

static void test_path_refuses(void **state)
{
	static const struct {
		const char *noun;
		char *arg;
	} bad[] = {
		{"service", "0"}, {"service", "web"},  {"service", "-1"},   {"gateway", "a/b"},
		{"gateway", ""},  {"path", "pe1/gw2"}, {"path", "a/b/c/d"}, {"path", "a//c"},
		{"path", "/b/c"}, {"path", "a/b/"},    {"path", "a/b/c d"},
	};
	char path[CTL_PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char *v[] = {bad[i].arg};

		assert_int_equal(ctl_path(verb_find(bad[i].noun, "get"), (struct args){v, 1}, path),
				 CTL_USAGE);
	}
	assert_int_equal(ctl_path(verb_find("service", "get"), (struct args){}, path), CTL_USAGE);
}

/* ---- tables ---- */

static char *table_of(const struct column *columns, const char *items)
{
	json_t *json = json_loads(items, 0, NULL);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(json);
	table_print(out, 0, columns, json);
	fclose(out);
	json_decref(json);
	return text;
}

static void test_table(void **state)
{
	static const struct column columns[] = {
		PLAIN("NAME", "name"),
		PLAIN("N", "deep.n"),
		{"SINCE", "since_s", COLUMN_SECONDS},
		{"ATTRIBUTES", "attributes", COLUMN_ATTRIBUTES},
		{},
	};
	char *text = table_of(columns, "[{\"name\": \"a\", \"deep\": {\"n\": 5}, \"since_s\": 75.2,"
				       "  \"attributes\": {\"cpu\": {\"value\": 3.5},"
				       "  \"mem\": {\"value\": 7, \"refused\": true}}},"
				       " {\"name\": \"longer\", \"deep\": {\"n\": 1234},"
				       "  \"since_s\": null}]");

	assert_string_equal(text, "NAME       N  SINCE  ATTRIBUTES\n"
				  "a          5  1m15s  cpu=3.5 mem=7!\n"
				  "longer  1234      -  -\n");
	free(text);
	text = table_of(columns, "[]");
	assert_string_equal(text, "NAME  N  SINCE  ATTRIBUTES\n");
	free(text);
}

static void test_seconds(void **state)
{
	static const struct {
		double seconds;
		const char *text;
	} table[] = {
		{0, "0.00s"},	  {-3, "0.00s"},     {0.42, "0.42s"},
		{12.34, "12.3s"}, {60, "1m00s"},     {3599, "59m59s"},
		{3600, "1h00m"},  {86399, "23h59m"}, {90000, "1d01h"},
	};
	char buf[32];

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		assert_string_equal(table_seconds(table[i].seconds, buf, sizeof(buf)),
				    table[i].text);
}

static void check_text(const char *json, const char *want)
{
	json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
	char buf[64];

	assert_string_equal(table_text(value, buf, sizeof(buf)), want);
	json_decref(value);
}

static void test_text(void **state)
{
	check_text("null", "-");
	check_text("\"\"", "-");
	check_text("\"a\\u001b[2Jb\"", "a?[2Jb"); /* nothing that moves the cursor */
	check_text("71.5", "71.5");
	check_text("true", "true");
	check_text("[\"a\", 3]", "a,3");
	check_text("[]", "[]");
	check_text("{\"a\": 1}", "{\"a\":1}");
}

static void test_object(void **state)
{
	json_t *json = json_loads("{\"id\": \"0x101\", \"h\": {\"margin\": 5}, \"list\": [1, 2],"
				  " \"e\": [{\"a\": 1}, {\"a\": 2}], \"none\": {}}",
				  0, NULL);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	table_object(out, json, 0);
	fclose(out);
	assert_string_equal(text, "id: 0x101\nh:\n  margin: 5\nlist: 1,2\n"
				  "e:\n  -\n    a: 1\n  -\n    a: 2\nnone: {}\n");
	free(text);
	json_decref(json);
}

/* Nothing that moves a terminal's cursor or turns its text around. */
static void test_clean(void **state)
{
	static const struct {
		const char *text, *keep, *want;
	} cases[] = {
		{"plain \xc3\xa4 \xe2\x82\xac", "", "plain \xc3\xa4 \xe2\x82\xac"},
		{"\x1b[31mred", "", "?[31mred"},
		{"\xc2\x9b"
		 "31mred\xc2\x80\xc2\x9f\xc2\xa0",
		 "", "?31mred??\xc2\xa0"},
		{"a\x9b"
		 "31m\xff",
		 "", "a?31m?"},
		{"a\tb\nc\rd\x7f", "\t\n", "a\tb\nc?d?"},
		{"a\tb\n", "", "a?b?"},
		{"\xe2\x80\xae"
		 "left\xe2\x81\xa6 \xe2\x80\xa8 \xef\xbb\xbf",
		 "", "?left? ? ?"},
		{"\xe2\x80\x94 \xe2\x80\xaf", "", "\xe2\x80\x94 \xe2\x80\xaf"},
	};
	char buf[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(buf, sizeof(buf), "%s", cases[i].text);
		assert_string_equal(table_clean(buf, cases[i].keep), cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_assign),	       cmocka_unit_test(test_assign_merges),
		cmocka_unit_test(test_assign_refuses), cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_refuses),  cmocka_unit_test(test_distance),
		cmocka_unit_test(test_suggest),	       cmocka_unit_test(test_verbs),
		cmocka_unit_test(test_path),	       cmocka_unit_test(test_path_refuses),
		cmocka_unit_test(test_table),	       cmocka_unit_test(test_seconds),
		cmocka_unit_test(test_text),	       cmocka_unit_test(test_object),
		cmocka_unit_test(test_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
