/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Section `alto`: what is accepted, and what each mistake is told. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* a main program's files: not in a library */
#include "sand/config_access.c"
#include "sand/config_address.c"
#include "sand/config_alto.c"
#include "sand/config_alto_source.c"

#define DIGEST "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" /* of "test" */
#define DIGEST2 "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
#define SOURCE "\"name\": \"isp\", \"directory\": \"https://a/alto/directory\""
#define PE1 "\"ingresses\": {\"pe1\": \"AS1\"}"

static int load(const char *text, struct config_alto *a, struct err *err)
{
	json_t *value = NULL;
	int r;

	memset(a, 0, sizeof(*a));
	memset(err, 0, sizeof(*err));
	assert_int_equal(json_parse(text, strlen(text), &value, err), 0);
	r = config_alto_read(a, value, err);
	json_decref(value);
	return r;
}

static void test_whole(void **state)
{
	static const char text[] =
		"{\"listen\": [\"[2001:db8::1]:8443\", \"127.0.0.1:0\"],"
		" \"tls\": {\"cert\": \"c\", \"key\": \"k\", \"ca\": \"a\"}, \"access\": \"known\","
		" \"domains\": true, \"own\": false,"
		" \"calendar\": {\"interval_s\": 3600, \"intervals\": 24},"
		" \"principals\": [{\"name\": \"AS1\", \"role\": \"domain\", \"token_sha256\": "
		"\"" DIGEST "\"},"
		"  {\"name\": \"ops\", \"role\": \"admin\", \"certificate\": \"ops.example\"}],"
		" \"sources\": [{" SOURCE ", " PE1 ", \"gateways\": {\"gw2\": \"AS2\"},"
		"  \"tls\": {\"ca\": \"x\"}, \"token_file\": \"t\", \"network_map\": \"domains\","
		"  \"path\": \"via-p1\", \"poll_s\": 7, \"keep_s\": 14,"
		"  \"metrics\": [{\"metric\": \"priv:x\", \"attribute\": \"cost\", \"factor\": 2.5}],"
		"  \"properties\": [{\"property\": \"cpu\", \"attribute\": \"domain_cpu\"}]}]}";
	const struct altoc_source *c;
	struct config_alto a;
	struct err err;

	assert_int_equal(load(text, &a, &err), 0);
	assert_int_equal(a.access.server.n_listen, 2);
	assert_string_equal(a.access.server.listen[0], "[2001:db8::1]:8443");
	assert_string_equal(a.access.server.ca, "a");
	assert_true(a.access.server.known_only && a.domains && !a.own);
	assert_int_equal(a.calendar.interval_s, 3600);
	assert_int_equal(a.calendar.n_intervals, 24);
	assert_int_equal(a.access.server.n_principals, 2);
	assert_int_equal(a.access.server.principals[0].role, NORTH_DOMAIN);
	assert_int_equal(a.access.server.principals[0].token_sha256[0], 0x9f);
	assert_int_equal(a.access.server.principals[0].token_sha256[31], 0x08);
	assert_false(a.access.server.principals[1].has_token);
	assert_string_equal(a.access.server.principals[1].certificate, "ops.example");
	assert_int_equal(a.n_sources, 1);
	c = &a.sources[0].conf;
	assert_string_equal(c->ingresses[0].name, "pe1");
	assert_string_equal(c->gateways[0].pid, "AS2");
	assert_string_equal(c->path, "via-p1");
	assert_true(c->metrics[0].factor == 2.5);
	assert_true(c->properties[0].factor == 0);
	assert_int_equal(c->poll_s, 7);
	assert_int_equal(c->keep_s, 14);
	assert_string_equal(a.sources[0].token_file, "t");
	config_alto_free(&a);
}

static void test_defaults(void **state)
{
	struct config_alto a;
	struct err err;

	assert_int_equal(load("{}", &a, &err), 0);
	assert_true(a.domains && a.own && !a.access.server.known_only);
	assert_int_equal(a.access.server.n_listen, 0);
	assert_int_equal(a.calendar.n_intervals, 0);
	config_alto_free(&a);
}

#define ONE(text) "{\"principals\": [" text "]}"
#define FROM(text) "{\"sources\": [{" text "}]}"

static const struct {
	const char *text, *field, *want;
} mistakes[] = {
	{"[]", "", "object"},
	{"{\"port\": 1}", "/port", ""},
	{"{\"listen\": []}", "/listen", "1 to 4"},
	{"{\"listen\": [\"[::1]:1\", \"[::1]:2\", \"[::1]:3\", \"[::1]:4\", \"[::1]:5\"]}",
	 "/listen", "1 to 4"},
	{"{\"listen\": [1]}", "/listen/0", "address and a port"},
	{"{\"listen\": [\"[::1]:1\", \"[2001:db8::1]:1\"]}", "/listen/1", "needs tls"},
	{"{\"listen\": [\"[::1]:1\"], \"domains\": false, \"own\": false}", "/listen",
	 "nothing to serve"},
	{"{\"tls\": {\"cert\": \"c\"}}", "/tls/key", ""},
	{"{\"tls\": {\"pem\": \"c\"}}", "/tls/pem", ""},
	{"{\"access\": \"all\"}", "/access", "public"},
	{"{\"access\": \"known\"}", "/access", "needs principals"},
	{"{\"calendar\": {\"interval_s\": 0, \"intervals\": 1}}", "/calendar/interval_s", "1"},
	{"{\"calendar\": {\"interval_s\": 86401, \"intervals\": 1}}", "/calendar/interval_s",
	 "86400"},
	{"{\"calendar\": {\"interval_s\": 1, \"intervals\": 257}}", "/calendar/intervals", "256"},
	{"{\"calendar\": {\"interval_s\": 1}}", "/calendar/intervals", ""},
	{ONE("{\"role\": \"domain\"}"), "/principals/0/name", ""},
	{ONE("{\"name\": \"A.B\", \"role\": \"domain\", \"certificate\": \"a\"}"),
	 "/principals/0/name", "A-Za-z0-9:@_-"},
	{ONE("{\"name\": \"A\", \"role\": \"root\"}"), "/principals/0/role", "domain"},
	{ONE("{\"name\": \"A\", \"role\": \"domain\"}"), "/principals/0/token_sha256",
	 "certificate"},
	{ONE("{\"name\": \"A\", \"role\": \"domain\", \"token_sha256\": \"ab\"}"),
	 "/principals/0/token_sha256", "64 lower-case"},
	{ONE("{\"name\": \"A\", \"role\": \"domain\", \"token_sha256\": \"" DIGEST "\"},"
	     "{\"name\": \"B\", \"role\": \"domain\", \"token_sha256\": \"" DIGEST "\"}"),
	 "/principals/1/token_sha256", "that of A"},
	{ONE("{\"name\": \"A\", \"role\": \"domain\", \"token_sha256\": \"" DIGEST "\"},"
	     "{\"name\": \"A\", \"role\": \"admin\", \"token_sha256\": \"" DIGEST2 "\"}"),
	 "/principals/1/name", "twice"},
	{ONE("{\"name\": \"A\", \"role\": \"domain\", \"certificate\": \"x\"},"
	     "{\"name\": \"B\", \"role\": \"domain\", \"certificate\": \"x\"}"),
	 "/principals/1/certificate", "that of A"},
	{FROM("\"name\": \"x\""), "/sources/0/directory", ""},
	{FROM(SOURCE), "/sources/0/ingresses", "one at least"},
	{FROM("\"name\": \"x\", \"directory\": \"ftp://a\", " PE1), "/sources/0/directory",
	 "http or https"},
	{FROM("\"name\": \"x y\", \"directory\": \"http://a\", " PE1), "/sources/0/name",
	 "must be a name"},
	{FROM(SOURCE ", \"ingresses\": {\"p e\": \"AS1\"}"), "/sources/0/ingresses/p e",
	 "must match"},
	{FROM(SOURCE ", \"ingresses\": {\"pe1\": \"A S\"}"), "/sources/0/ingresses/pe1", "PID"},
	{FROM(SOURCE ", " PE1 ", \"gateways\": {\"gw2\": 2}"), "/sources/0/gateways/gw2", "PID"},
	{FROM(SOURCE ", " PE1 ", \"network_map\": \"a b\""), "/sources/0/network_map",
	 "resource ID"},
	{FROM(SOURCE ", " PE1 ", \"path\": \"a/b\""), "/sources/0/path", "must be a name"},
	{FROM(SOURCE ", " PE1 ", \"poll_s\": 0"), "/sources/0/poll_s", "1"},
	{FROM(SOURCE ", " PE1 ", \"keep_s\": 2592001"), "/sources/0/keep_s", "2592000"},
	{FROM(SOURCE ", " PE1 ", \"tls\": {\"key\": \"k\"}"), "/sources/0/tls/cert", "together"},
	{FROM(SOURCE ", " PE1 ", \"metrics\": [{\"metric\": \"\", \"attribute\": \"a\"}]"),
	 "/sources/0/metrics/0/metric", "1..32"},
	{FROM(SOURCE ", " PE1 ", \"metrics\": [{\"metric\": \"m\", \"attribute\": \"a b\"}]"),
	 "/sources/0/metrics/0/attribute", "must match"},
	{FROM(SOURCE ", " PE1 ", \"metrics\": [{\"metric\": \"m\", \"attribute\": \"a\", "
		     "\"factor\": 0}]"),
	 "/sources/0/metrics/0/factor", "above 0"},
	{FROM(SOURCE ", " PE1 ", \"properties\": [{\"property\": \"\", \"attribute\": \"a\"}]"),
	 "/sources/0/properties/0/property", "1..64"},
	{"{\"sources\": [{" SOURCE ", " PE1 "}, {" SOURCE ", " PE1 "}]}", "/sources/1/name",
	 "one source only"},
	/* what altoc would refuse at the start is refused by --check */
	{"{\"sources\": [{" SOURCE ", " PE1
	 "}, {\"name\": \"b\", \"directory\": \"https://b/\", " PE1 "}]}",
	 "/sources/1/metrics", "source isp tells of ingress pe1 and path be, too"},
	{FROM(SOURCE ", " PE1 ", \"poll_s\": 7, \"keep_s\": 13"), "/sources/0/keep_s",
	 "twice poll_s: 14 or more"},
	{FROM(SOURCE ", " PE1 ", \"metrics\": [{\"metric\": \"m\", \"attribute\": \"a\"}, "
		     "{\"metric\": \"n\", \"attribute\": \"a\"}]"),
	 "/sources/0/metrics/1", "one metric only"},
	{FROM(SOURCE ", " PE1 ", \"gateways\": {\"gw2\": \"A.S\"}"), "/sources/0/gateways/gw2",
	 "must be a PID"},
};

static void test_mistakes(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
		struct config_alto a;
		struct err err;
		int r = load(mistakes[i].text, &a, &err);

		config_alto_free(&a);
		if (r >= 0 || strcmp(err.field, mistakes[i].field) ||
		    !strstr(err.want, mistakes[i].want))
			fail_msg("%s: %d field %s value %s want %s", mistakes[i].text, r, err.field,
				 err.value, err.want);
	}
}

/* text, n times, between head and tail */
static void too_many(const char *head, const char *text, int n, const char *tail)
{
	OWN_PTR char *all = calloc(1, 256 + n * (strlen(text) + 16));
	struct config_alto a;
	struct err err;
	size_t len;

	assert_non_null(all);
	len = (size_t)sprintf(all, "%s", head);
	for (int i = 0; i < n; i++) {
		len += (size_t)sprintf(all + len, "%s", i ? ", " : "");
		len += (size_t)sprintf(all + len, text, i);
	}
	sprintf(all + len, "%s", tail);
	assert_int_equal(load(all, &a, &err), -ENOSPC);
	assert_non_null(strstr(err.want, "at most"));
	config_alto_free(&a);
}

static void test_limits(void **state)
{
	too_many("{\"principals\": [", "{\"name\": \"A%d\"}", NORTH_PRINCIPALS_MAX + 1, "]}");
	too_many("{\"sources\": [", "{\"name\": \"A%d\"}", ALTOC_SOURCES_MAX + 1, "]}");
	too_many("{\"sources\": [{" SOURCE ", \"ingresses\": {", "\"pe%d\": \"AS1\"",
		 CONFIG_PID_MAPS_MAX + 1, "}}]}");
	too_many("{\"sources\": [{" SOURCE ", " PE1 ", \"metrics\": [",
		 "{\"metric\": \"m%d\", \"attribute\": \"a\"}", ALTOC_METRICS_MAX + 1, "]}]}");
	too_many("{\"sources\": [{" SOURCE ", " PE1 ", \"properties\": [",
		 "{\"property\": \"m%d\", \"attribute\": \"a\"}", ALTOC_PROPERTIES_MAX + 1, "]}]}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
