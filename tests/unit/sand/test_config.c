/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration file: what is accepted, and that every mistake names file, line, field, value.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "sand/config.c" /* a main program's file: not in a library */

static int load(const char *text, struct config **out, struct err *err)
{
	FILE *file = fmemopen((void *)text, strlen(text), "r");
	int r;

	assert_non_null(file);
	memset(err, 0, sizeof(*err));
	r = config_load(file, "t.yaml", out, err);
	fclose(file);
	return r;
}

static void test_whole(void **state)
{
	static const char text[] =
		"name: pe1\n"
		"source: 5f00:0:a::1\n"
		"log: debug\n"
		"interfaces:\n"
		"  - {name: acc0, role: ingress, malformed: drop, unknown: drop}\n"
		"  - {name: core0, role: core}\n"
		"gateway: {locator: \"5f00:0:2::/48\"}\n"
		"sids:\n"
		"  - {sid: \"5f00:0:2::1\", behaviour: End}\n"
		"  - {sid: \"5f00:0:2::2\", behaviour: End.DT6}\n"
		"rest: {unix: false, tcp: \"[::1]:8080\"}\n"
		"kernel: {table: 77, rule_priority: 9}\n"
		"maps: {services: 5, nexthops: 6, flows: 7}\n"
		"profile: {carriers: [doh], option: 0x3e, id_length: 4}\n"
		"services: [{id: 0x101}]\n"
		"network: [{ingress: a, gateway: b, path: c, attributes: {}}]\n";
	struct config *c = NULL;
	struct err err;

	assert_int_equal(load(text, &c, &err), 0);
	assert_string_equal(c->name, "pe1");
	assert_int_equal(c->log_level, LOG_DEBUG_LEVEL);
	assert_int_equal(c->ncc.n_ifaces, 2);
	assert_int_equal(c->ifaces[0].policy, SAN_IF_DROP_MALFORMED | SAN_IF_DROP_UNKNOWN);
	assert_true(c->is_gateway);
	assert_string_equal(c->gateway.name, "pe1");
	assert_int_equal(c->gateway.locator_len, 48);
	assert_int_equal(c->n_sids, 2);
	assert_int_equal(c->sids[1].table, 254);
	assert_false(c->rest_unix);
	assert_int_equal(c->ncc.config.route_table, 77);
	assert_int_equal(c->ncc.config.max_flows, 7);
	assert_int_equal(c->ncc.config.profile.carriers, SAN_CARRIER_DOH);
	assert_int_equal(c->ncc.config.profile.opt_type, 0x3e);
	assert_int_equal(json_array_size(c->services), 1);
	config_free(c);
}

static void test_empty(void **state)
{
	struct config *c = NULL;
	struct err err;

	assert_int_equal(load("name: x\n", &c, &err), 0);
	assert_int_equal(c->ncc.config.max_services, SAN_DEFAULT_SERVICES);
	assert_true(c->rest_unix);
	config_free(c);
}

struct mistake {
	const char *text;
	int line;
	const char *field, *want; /* want: part of it */
};

static const struct mistake mistakes[] = {
	{"name: pe1\nnmae: x\n", 2, "/nmae", "no section"},
	{"name: a b\n", 1, "/name", "A-Za-z0-9"},
	{"name: x\nsource: ff02::1\n", 2, "/source", "unicast"},
	{"interfaces:\n  - {name: a, role: ingres}\n", 2, "/interfaces/0/role", "ingress"},
	{"interfaces:\n  - {name: a, role: core}\n  - {name: a, role: core}\n", 3,
	 "/interfaces/1/name", "twice"},
	{"interfaces:\n  - {name: abcdefghijklmnop, role: core}\n", 2, "/interfaces/0/name", ""},
	{"interfaces:\n  - {name: a, role: ingress}\n", 1, "/source", "ingress needs"},
	{"sids:\n  - {sid: \"5f00::1\", behaviour: End.DX6}\n", 2, "/sids/0/nexthop", "End.DX6"},
	{"sids:\n  - {sid: \"5f00::1\", behaviour: End.X}\n", 2, "/sids/0/behaviour", "End.DT6"},
	{"kernel: {table: 254}\n", 1, "/kernel/table", "kernel's own"},
	{"kernel:\n  table: 0\n", 2, "/kernel/table", ""},
	{"maps:\n  flows: 99999999999\n", 2, "/maps/flows", ""},
	{"profile: {id_length: 5}\n", 1, "/profile/id_length", "4 or 8"},
	{"profile: {carriers: [udp]}\n", 1, "/profile/carriers", "doh, hbh, srh"},
	{"log: loud\n", 1, "/log", "debug"},
	{"rest: {tcp: 8080}\n", 1, "/rest/tcp", ""},
	{"services:\n  - id: 0x101\n  - id: 0\n", 3, "/services/1/id", ""},
	{"gateway: {locator: \"5f00:0:2::1/48\"}\n", 1, "/gateway/locator", ""},
	{"gateway: 7\n", 1, "/gateway", ""},
	{"paths:\n  - {ingress: a, gateway: b, kind: be}\n", 2, "/paths/0/name", ""},
	{"network:\n  - {ingress: a, gateway: b, path: c}\n", 2, "/network/0/attributes", ""},
	{"network: {}\n", 1, "/network", "list"},
	{"- a\n", 1, "", "mapping"},
};

static void test_mistakes(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
		const struct mistake *m = &mistakes[i];
		struct config *c = NULL;
		struct err err;
		char object[32];

		assert_true(load(m->text, &c, &err) < 0);
		assert_null(c);
		snprintf(object, sizeof(object), "t.yaml:%d", m->line);
		assert_string_equal(err.object, object);
		assert_string_equal(err.field, m->field);
		assert_non_null(strstr(err.want, m->want));
	}
}

static void test_too_many(void **state)
{
	char text[8192] = "interfaces:\n";
	struct config *c = NULL;
	struct err err;

	for (int i = 0; i <= CONFIG_MAX_IFACES; i++)
		sprintf(text + strlen(text), "  - {name: i%d, role: core}\n", i);
	assert_int_equal(load(text, &c, &err), -ENOSPC);
	assert_non_null(strstr(err.want, "at most 64"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
