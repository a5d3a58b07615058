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

/* a main program's files: not in a library */
#include "sand/config.c"
#include "sand/config_access.c"
#include "sand/config_address.c"
#include "sand/config_alto.c"
#include "sand/config_alto_source.c"
#include "sand/config_database.c"
#include "sand/config_iface.c"
#include "sand/config_nemo.c"
#include "sand/config_objects.c"
#include "sand/config_srv6.c"

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
		"maps: {services: 5, nexthops: 6, flows: 7, slots: 256, fragments: 9}\n"
		"database: {listen: [\"[::1]:2379\"], lease_ttl_s: 7}\n"
		"profile: {carriers: [doh], option: 0x3e, id_length: 4}\n"
		"services: [{id: 0x101}]\n"
		"network: [{ingress: a, gateway: b, path: c, attributes: {}}]\n";
	struct config *c = NULL;
	struct err err;

	assert_int_equal(load(text, &c, &err), 0);
	assert_string_equal(c->name, "pe1");
	assert_int_equal(c->log_level, LOG_DEBUG_LEVEL);
	assert_int_equal(c->ncc.n_ifaces, 2);
	assert_int_equal(c->ifaces[0].policy,
			 SAN_IF_DROP_MALFORMED | SAN_IF_DROP_UNKNOWN | SAN_IF_CLASSIFY);
	assert_int_equal(c->ifaces[0].group, 0);
	assert_int_equal(c->ifaces[1].policy, 0);
	assert_true(c->is_gateway);
	assert_string_equal(c->gateway.name, "pe1");
	assert_int_equal(c->gateway.locator_len, 48);
	assert_int_equal(c->n_sids, 2);
	assert_int_equal(c->sids[1].table, 254);
	assert_false(c->rest_unix);
	assert_int_equal(c->ncc.config.route_table, 77);
	assert_int_equal(c->ncc.config.max_flows, 7);
	assert_int_equal(c->ncc.config.max_slots, 256);
	assert_int_equal(c->ncc.config.max_frags, 9);
	assert_int_equal(c->ncc.config.profile.carriers, SAN_CARRIER_DOH);
	assert_int_equal(c->ncc.config.profile.opt_type, 0x3e);
	assert_int_equal(json_array_size(c->services), 1);
	assert_int_equal(c->database.mode, DATABASE_SERVED);
	assert_string_equal(c->database.urls[0], "[::1]:2379");
	assert_int_equal(c->database.lease_ttl_s, 7);
	config_free(c);
}

static void test_empty(void **state)
{
	struct config *c = NULL;
	struct err err;

	assert_int_equal(load("name: x\n", &c, &err), 0);
	assert_int_equal(c->ncc.config.max_services, SAN_DEFAULT_SERVICES);
	assert_int_equal(c->ncc.config.max_slots, SAN_DEFAULT_SLOTS);
	assert_int_equal(c->ncc.config.max_frags, SAN_DEFAULT_FRAGS);
	assert_int_equal(c->ncc.config.sample, CONFIG_SAMPLE);
	assert_int_equal(c->ncc.n_prefixes, 0);
	assert_int_equal(c->n_groups, 1);
	assert_false(c->is_ingress);
	assert_true(c->rest_unix);
	config_free(c);
}

/* Groups are numbered as they appear. */
static void test_access(void **state)
{
	static const char text[] =
		"source: 5f00::1\n"
		"interfaces:\n"
		"  - {name: a, role: ingress, access: red}\n"
		"  - {name: b, role: ingress}\n"
		"  - {name: c, role: ingress, access: blue, vlan: true, classify: false}\n"
		"  - {name: d, role: ingress, access: red, unknown: drop}\n"
		"  - {name: e, role: core}\n";
	static const uint8_t groups[] = {1, 0, 2, 1, 0};
	static const uint8_t policies[] = {SAN_IF_CLASSIFY, SAN_IF_CLASSIFY, SAN_IF_VLAN,
					   SAN_IF_CLASSIFY | SAN_IF_DROP_UNKNOWN, 0};
	struct config *c = NULL;
	struct err err;

	assert_int_equal(load(text, &c, &err), 0);
	assert_true(c->is_ingress);
	assert_int_equal(c->n_groups, 3);
	assert_string_equal(c->groups[1], "red");
	assert_string_equal(c->groups[2], "blue");
	for (int i = 0; i < 5; i++) {
		assert_int_equal(c->ncc.ifaces[i].group, groups[i]);
		assert_int_equal(c->ncc.ifaces[i].policy, policies[i]);
	}
	config_free(c);
}

static void check_prefix(const struct config *c, unsigned int i, const char *addr, int len)
{
	const struct san_msg_prefix *p = &c->ncc.prefixes[i];
	struct in6_addr want;

	assert_int_equal(inet_pton(AF_INET6, addr, &want), 1);
	assert_memory_equal(&p->addr, &want, sizeof(want));
	assert_int_equal(p->len, len);
}

static void test_domain(void **state)
{
	static const char text[] = "source: 5f00:0:a::1\n"
				   "domain:\n"
				   "  locators: [\"5f00::/16\"]\n"
				   "  sources: [\"5f00::/16\", \"2001:db8::/32\"]\n"
				   "dataplane: {relay: kernel, egress: xdp, attach: dispatcher,"
				   " sample: 0}\n"
				   "icmp: {source: \"5f00:0:b::1\", source4: 192.0.2.1}\n"
				   "gateway: {locator: \"5f00:0:2::/48\"}\n";
	struct config *c = NULL;
	struct err err;

	assert_int_equal(load(text, &c, &err), 0);
	assert_int_equal(c->ncc.n_prefixes, 3);
	check_prefix(c, 0, "5f00::", 16);
	assert_int_equal(c->prefixes[0].kind, SAN_PREFIX_BLOCK);
	check_prefix(c, 2, "2001:db8::", 32);
	assert_int_equal(c->prefixes[2].kind, SAN_PREFIX_INSIDE);
	assert_int_equal(c->ncc.config.kernel_relay, 1);
	assert_int_equal(c->ncc.config.kernel_egress, 0);
	assert_int_equal(c->ncc.config.dispatcher, 1);
	assert_int_equal(c->ncc.config.sample, 0);
	assert_int_equal(c->ncc.config.icmp_source.s6_addr[5], 0xb);
	assert_int_equal(c->ncc.config.icmp_source4, inet_addr("192.0.2.1"));
	config_free(c);
}

/* What is not said follows from the rest. */
static void test_domain_defaults(void **state)
{
	struct config *c = NULL;
	struct err err;

	assert_int_equal(
		load("source: 5f00:0:2::a\ngateway: {locator: \"5f00:0:2::/48\"}\n", &c, &err), 0);
	assert_int_equal(c->ncc.n_prefixes, 1);
	check_prefix(c, 0, "5f00:0:2::", 48);
	assert_int_equal(c->prefixes[0].kind, SAN_PREFIX_BLOCK);
	assert_memory_equal(&c->ncc.config.icmp_source, &c->ncc.config.source,
			    sizeof(struct in6_addr));
	assert_int_equal(c->ncc.config.icmp_source4, 0);
	config_free(c);
	c = NULL;
	assert_int_equal(
		load("gateway: {locator: \"5f00:0:2::/48\"}\ndomain: {locators: []}\n", &c, &err),
		0);
	assert_int_equal(c->ncc.n_prefixes, 0);
	config_free(c);
}

static void test_sids(void **state)
{
	static const char text[] =
		"gateway: {locator: \"5f00:0:2::/48\", san_sid: \"5f00:0:2:5a::\"}\n"
		"sids:\n"
		"  - {sid: \"5f00:0:2::1\", behaviour: End, flavors: [psp, usd]}\n"
		"  - {sid: \"5f00:0:2::4\", behaviour: End.DX4, nexthop: 10.2.0.5}\n"
		"  - {sid: \"5f00:0:2::6\", behaviour: End.DX6, nexthop: \"2001:db8::6\","
		" interface: s2a}\n"
		"  - {sid: \"5f00:0:2::7\", behaviour: End.DT6, table: 7}\n"
		"  - {sid: \"5f00:0:2::5\", behaviour: End.SAN}\n";
	static const uint8_t mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 2, 0, 5};
	struct config *c = NULL;
	struct err err;

	assert_int_equal(load(text, &c, &err), 0);
	assert_int_equal(c->n_sids, 6);
	assert_int_equal(c->sids[0].flavors, SAN_FLAVOR_PSP | SAN_FLAVOR_USD);
	assert_int_equal(c->sids[1].behaviour, SAN_BEHAVIOUR_END_DX4);
	assert_memory_equal(&c->sids[1].nexthop, mapped, 16);
	assert_int_equal(c->sids[2].behaviour, SAN_BEHAVIOUR_END_DX6);
	assert_string_equal(c->sids[2].oif, "s2a");
	assert_int_equal(c->sids[3].table, 7);
	assert_int_equal(c->sids[4].behaviour, SAN_BEHAVIOUR_END_SAN);
	/* the gateway's own */
	assert_int_equal(c->sids[5].behaviour, SAN_BEHAVIOUR_END_SAN);
	assert_memory_equal(&c->sids[5].addr, &c->gateway.san_sid, 16);
	config_free(c);
}

static void test_decap(void **state)
{
	struct config *c = NULL;
	struct err err;

	assert_int_equal(
		load("gateway: {locator: \"5f00:0:2::/48\", decap6: \"5f00:0:2:d6::\","
		     " decap4: \"5f00:0:2:d4::\"}\n"
		     "sids:\n  - {sid: \"5f00:0:2:d6::\", behaviour: End.DT6, table: 254}\n"
		     "  - {sid: \"5f00:0:2:d4::\", behaviour: End.DX4, nexthop: 10.2.0.5}\n",
		     &c, &err),
		0);
	assert_memory_equal(&c->sids[0].addr, &c->gateway.decap6, 16);
	config_free(c);
}

/* Listed by hand, too: once is enough. */
static void test_san_sid_listed(void **state)
{
	struct config *c = NULL;
	struct err err;

	assert_int_equal(load("gateway: {locator: \"5f00:0:2::/48\", san_sid: \"5f00:0:2:5a::\"}\n"
			      "sids: [{sid: \"5f00:0:2:5a::\", behaviour: End.SAN}]\n",
			      &c, &err),
			 0);
	assert_int_equal(c->n_sids, 1);
	config_free(c);
}

static void test_classes(void **state)
{
	static const char text[] = "classes:\n"
				   "  - {name: web4, service: 0x101, destination: 10.9.0.1/32,"
				   " protocol: tcp, destination_port: 80, priority: 10}\n";
	struct config *c = NULL;
	struct err err;

	assert_int_equal(load(text, &c, &err), 0);
	assert_int_equal(json_array_size(c->classes), 1);
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
	{"interfaces:\n  - {name: a, role: core, access: x}\n", 2, "/interfaces/0/access",
	 "role ingress"},
	{"interfaces:\n  - {name: a, role: core, vlan: false}\n", 2, "/interfaces/0/vlan",
	 "role ingress"},
	{"interfaces:\n  - {name: a, role: none, classify: true}\n", 2, "/interfaces/0/classify",
	 "role ingress"},
	{"interfaces:\n  - {name: a, role: ingress, access: \"a b\"}\n", 2, "/interfaces/0/access",
	 "A-Za-z0-9"},
	{"domain: {locators: [\"5f00::\"]}\n", 1, "/domain/locators/0", "prefix"},
	{"domain: {locators: [\"::/0\"]}\n", 1, "/domain/locators/0", "1..128"},
	{"domain: {sources: [\"5f00::1/16\"]}\n", 1, "/domain/sources/0", "behind its length"},
	{"domain: {sources: [\"5f00::/16\", \"5f00::/16\"]}\n", 1, "/domain/sources/1", "twice"},
	{"domain: {sources: 5}\n", 1, "/domain/sources", "list"},
	{"domain: {locator: []}\n", 1, "/domain/locator", "locators"},
	{"dataplane: {relay: fast}\n", 1, "/dataplane/relay", "xdp, kernel"},
	{"dataplane: {egress: no}\n", 1, "/dataplane/egress", "xdp, kernel"},
	{"dataplane: {attach: tc}\n", 1, "/dataplane/attach", "link, dispatcher"},
	{"dataplane: {sample: 1000001}\n", 1, "/dataplane/sample", "0..1000000"},
	{"icmp: {source4: 127.0.0.1}\n", 1, "/icmp/source4", "IPv4"},
	{"icmp: {source4: 300.0.0.1}\n", 1, "/icmp/source4", "IPv4"},
	{"icmp: {source: 10.0.0.1}\n", 1, "/icmp/source", "IPv6"},
	{"maps: {slots: 255}\n", 1, "/maps/slots", "256..16777216"},
	{"maps: {fragments: 0}\n", 1, "/maps/fragments", "1..1048576"},
	{"sids:\n  - {sid: \"5f00::1\", behaviour: End.DX4}\n", 2, "/sids/0/nexthop", "IPv4"},
	{"sids:\n  - {sid: \"5f00::1\", behaviour: End.DX4, nexthop: \"2001:db8::1\"}\n", 2,
	 "/sids/0/nexthop", "IPv4"},
	{"sids:\n  - {sid: \"5f00::1\", behaviour: End, nexthop: \"2001:db8::1\"}\n", 2,
	 "/sids/0/nexthop", "End.DX6 and End.DX4"},
	{"sids:\n  - {sid: \"5f00::1\", behaviour: End.SAN, table: 254}\n", 2, "/sids/0/table",
	 "End.DT6"},
	{"sids:\n  - {sid: \"5f00::1\", behaviour: End.DT6, flavors: [psp]}\n", 2,
	 "/sids/0/flavors", "End only"},
	{"sids:\n  - {sid: \"5f00::1\", behaviour: End, flavors: [pop]}\n", 2, "/sids/0/flavors",
	 "psp, usp, usd"},
	{"sids:\n  - {sid: \"5f00::1\", behaviour: End}\n  - {sid: \"5f00:0::1\", behaviour: "
	 "End}\n",
	 3, "/sids/1/sid", "twice"},
	{"gateway: {locator: \"5f00:0:2::/48\", san_sid: \"5f00:0:3::\"}\n", 1, "/gateway/san_sid",
	 "locator"},
	{"gateway: {locator: \"5f00:0:2::/48\", san_sid: \"5f00:0:2::1\"}\n"
	 "sids: [{sid: \"5f00:0:2::1\", behaviour: End}]\n",
	 1, "/gateway/san_sid", "another behaviour"},
	{"gateway: {locator: \"5f00:0:2::/48\", decap6: \"5f00:0:2::1\"}\n", 1, "/gateway/decap6",
	 "End.DT6 or End.DX6"},
	{"gateway: {locator: \"5f00:0:2::/48\", decap4: \"5f00:0:2::1\"}\n"
	 "sids: [{sid: \"5f00:0:2::1\", behaviour: End.DT6}]\n",
	 1, "/gateway/decap4", "as End.DX4"},
	{"classes:\n  - {name: a}\n", 2, "/classes/0/service", ""},
	{"classes:\n  - {name: a, service: 1, source: \"fd00::/8\", destination: 10.0.0.0/8}\n", 2,
	 "/classes/0/source", "version"},
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

/* Of text that is `begin`, n times `each` with a number, `end`. */
static void check_limit(const char *begin, const char *each, const char *end, int n,
			const char *want)
{
	static char text[1 << 19];
	struct config *c = NULL;
	struct err err;
	size_t at = (size_t)sprintf(text, "%s", begin);

	for (int i = 1; i <= n; i++)
		at += (size_t)sprintf(text + at, each, i, i);
	sprintf(text + at, "%s", end);
	assert_int_equal(load(text, &c, &err), -ENOSPC);
	assert_non_null(strstr(err.want, want));
}

static void test_limits(void **state)
{
	check_limit("domain:\n locators:\n", "  - \"5f00:%d::/32\"\n", "", SAN_MAX_BLOCKS + 1,
		    "at most 8");
	check_limit("domain:\n sources:\n", "  - \"5f00:%d::/32\"\n", "", SAN_MAX_INSIDE + 1,
		    "at most 16");
	check_limit("interfaces:\n", "  - {name: i%d, role: ingress, access: g%d}\n", "",
		    SAN_MAX_GROUPS, "at most 63 access groups");
	check_limit("sids:\n", "  - {sid: \"5f00::%d:1\", behaviour: End}\n", "",
		    CONFIG_MAX_SIDS + 1, "at most 256");
	check_limit("classes:\n", "  - {name: c%d, service: %d}\n", "", SAN_MAX_CLASSES + 1,
		    "at most 4096");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_access),		cmocka_unit_test(test_domain),
		cmocka_unit_test(test_domain_defaults), cmocka_unit_test(test_sids),
		cmocka_unit_test(test_san_sid_listed),	cmocka_unit_test(test_decap),
		cmocka_unit_test(test_classes),		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_too_many),	cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
