/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Section `nemo`: what is accepted, and what each mistake is told. */
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
#include "sand/config_nemo.c"

#define DIGEST "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" /* of "test" */
#define TENANT "\"name\": \"acme\", \"token_sha256\": \"" DIGEST "\""

static int load(const char *text, struct config_nemo *n, struct err *err)
{
	json_t *value = NULL;
	int r;

	memset(n, 0, sizeof(*n));
	memset(err, 0, sizeof(*err));
	assert_int_equal(json_parse(text, strlen(text), &value, err), 0);
	r = config_nemo_read(n, value, err);
	json_decref(value);
	return r;
}

static void test_whole(void **state)
{
	static const char text[] =
		"{\"listen\": [\"[2001:db8::1]:8444\"], \"tls\": {\"cert\": \"c\", \"key\": \"k\"},"
		" \"zone\": \"Europe/Berlin\", \"testbed\": true,"
		" \"tenants\": [{" TENANT ", \"gateways\": [\"gw2\", \"gw3\"],"
		"  \"services\": [\"0x101\", 258], \"prefixes\": [\"192.0.2.0/24\", \"2001:db8::/32\"]},"
		"  {\"name\": \"beta\", \"certificate\": \"beta.example\", \"everything\": true}],"
		" \"listeners\": [{\"name\": \"noc\", \"url\": \"https://noc.example/in\","
		"  \"ca\": \"x\", \"token_file\": \"t\"}],"
		" \"urls\": [{\"url\": \"https://hooks.example/\"}]}";
	const struct nemo_grants *g;
	struct config_nemo n;
	struct err err;

	assert_int_equal(load(text, &n, &err), 0);
	assert_true(n.testbed && n.access.server.known_only);
	assert_string_equal(n.zone, "Europe/Berlin");
	assert_int_equal(n.n_tenants, 3);
	assert_string_equal(n.tenants[0].name, CONFIG_NEMO_DEFAULT);
	assert_true(n.tenants[0].grants.everything && n.tenants[2].grants.everything);
	g = &n.tenants[1].grants;
	assert_true(!g->everything && g->n_gateways == 2 && g->n_services == 2);
	assert_true(g->services[0] == 0x101 && g->services[1] == 258);
	assert_int_equal(g->n_prefixes, 2);
	assert_true(g->prefixes[0].v4 && g->prefixes[0].len == 120);
	assert_true(!g->prefixes[1].v4 && g->prefixes[1].len == 32);
	assert_int_equal(n.access.server.n_principals, 2);
	assert_int_equal(n.access.principals[0].role, NORTH_TENANT);
	assert_int_equal(n.n_urls, 2);
	assert_string_equal(n.urls[0].name, "noc");
	assert_string_equal(n.token_files[0], "t");
	assert_null(n.urls[1].name);
	config_nemo_free(&n);
}

/* Nothing is said: the operator alone, who may name everything. */
static void test_empty(void **state)
{
	struct config_nemo n;
	struct err err;

	assert_int_equal(load("{}", &n, &err), 0);
	assert_string_equal(n.zone, "UTC");
	assert_int_equal(n.n_tenants, 1);
	assert_true(n.tenants[0].grants.everything && !n.testbed);
	config_nemo_free(&n);
}

/* Who is granted nothing may name nothing. */
static void test_nothing_granted(void **state)
{
	struct config_nemo n;
	struct err err;

	assert_int_equal(load("{\"tenants\": [{" TENANT "}]}", &n, &err), 0);
	assert_false(n.tenants[1].grants.everything);
	assert_int_equal(n.tenants[1].grants.n_gateways, 0);
	config_nemo_free(&n);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *field, *want;
	} cases[] = {
		{"{\"tenant\": []}", "/tenant", "tenants"},
		{"{\"listen\": [\"[::1]:1\"]}", "/listen", "tenants"},
		{"{\"listen\": [\"[2001:db8::1]:1\"], \"tenants\": [{" TENANT "}]}", "/listen/0",
		 "tls"},
		{"{\"zone\": 5}", "/zone", ""},
		{"{\"tenants\": [{\"name\": \"acme\"}]}", "/tenants/0/token_sha256", "certificate"},
		{"{\"tenants\": [{\"name\": \"a b\", \"certificate\": \"x\"}]}", "/tenants/0/name",
		 "A-Za-z0-9"},
		{"{\"tenants\": [{\"name\": \"default\", \"certificate\": \"x\"}]}",
		 "/tenants/0/name", "operator"},
		{"{\"tenants\": [{" TENANT "}, {\"name\": \"b\", \"token_sha256\": \"" DIGEST
		 "\"}]}",
		 "/tenants/1/token_sha256", "acme"},
		{"{\"tenants\": [{" TENANT ", \"services\": [\"101x\"]}]}", "/tenants/0/services/0",
		 "0x101"},
		{"{\"tenants\": [{" TENANT ", \"gateways\": [7]}]}", "/tenants/0/gateways/0", ""},
		{"{\"tenants\": [{" TENANT ", \"prefixes\": [\"192.0.2.1/24\"]}]}",
		 "/tenants/0/prefixes/0", "beyond its length"},
		{"{\"listeners\": [{\"url\": \"https://a/\"}]}", "/listeners/0/name", ""},
		{"{\"listeners\": [{\"name\": \"a\", \"url\": \"https://a/\"},"
		 " {\"name\": \"a\", \"url\": \"https://b/\"}]}",
		 "/listeners/1/name", "twice"},
		{"{\"urls\": [{\"name\": \"a\", \"url\": \"https://a/\"}]}", "/urls/0/name", ""},
	};
	struct config_nemo n;
	struct err err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].text);
		assert_int_not_equal(load(cases[i].text, &n, &err), 0);
		assert_string_equal(err.field, cases[i].field);
		assert_non_null(strstr(err.want, cases[i].want));
		config_nemo_free(&n);
	}
}

static void test_limits(void **state)
{
	struct config_nemo n;
	struct err err = {0};
	json_t *value = json_object(), *array = json_array();
	char name[16];

	for (int i = 0; i < NEMO_TENANTS_MAX; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		json_array_append_new(array,
				      json_pack("{s:s, s:s}", "name", name, "certificate", name));
	}
	json_object_set_new(value, "tenants", array);
	memset(&n, 0, sizeof(n));
	assert_int_equal(config_nemo_read(&n, value, &err), -ENOSPC);
	config_nemo_free(&n);
	json_array_remove(array, 0); /* with the operator's own it fits */
	memset(&n, 0, sizeof(n));
	assert_int_equal(config_nemo_read(&n, value, &err), 0);
	assert_int_equal(n.n_tenants, NEMO_TENANTS_MAX);
	config_nemo_free(&n);
	json_decref(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_nothing_granted), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
