/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CFNs and flows against the network and a tenant's grants. */
#include <errno.h>

#include "network.h"

#define REGISTERED 0x101

static struct view view;

static const char *const gateways[] = {"gw1", "gw-2"};
static const uint64_t services[] = {REGISTERED, 0x102};
static struct nemo_prefix prefixes[3];
static const struct nemo_grants some = {.gateways = gateways,
					.n_gateways = 2,
					.services = services,
					.n_services = 2,
					.prefixes = prefixes,
					.n_prefixes = 3};
static const struct nemo_grants all = {.everything = true};
static const struct nemo_grants none;

static int setup(void **state)
{
	static const char *const texts[] = {"192.0.2.0/25", "2001:db8:1::/47", "198.51.100.7"};
	struct service def = {.id = REGISTERED};
	struct nemo_value v;

	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(nemo_value_read(NEMO_IPPREFIX, texts[i], &v, NULL), 0);
		prefixes[i] = v.prefix;
	}
	view_init(&view);
	add_gateway(&view, "gw1");
	add_gateway(&view, "gw3");
	assert_int_equal(view_service_put(&view, &def, 1), 0);
	return 0;
}

static int teardown(void **state)
{
	view_fini(&view);
	return 0;
}

/* The reason of the only error, or "ok". */
static void assert_says(const struct nemo_grants *grants, const char *text, const char *want)
{
	struct nemo_script *script;
	struct nemo_store *store = store_of(text, &script);
	struct nemo_legs legs = {0};
	struct nemo_diags diags = {0};
	int r = nemo_admit("t", store, grants, &view, NULL, NULL, script, &legs, &diags);

	if (r == 0) {
		assert_string_equal("ok", want);
	} else {
		assert_int_equal(r, -EINVAL);
		assert_string_equal(diags.v[0].reason, want);
		assert_int_equal(diags.n, 1);
		assert_int_equal(diags.v[0].at.line, 1);
	}
	nemo_legs_fini(&legs);
	nemo_diags_fini(&diags);
	nemo_store_free(store);
	nemo_script_free(script);
}

static void test_gateways(void **state)
{
	assert_says(&all, "IMPORT CFN gw1 Type gateway;", "ok");
	assert_says(&all, "CREATE CFN gw1 Type gateway;", "ok");
	assert_says(&all, "IMPORT CFN other Type gateway;",
		    "CFN other: no gateway of this name is known; a gateway has the name of its "
		    "host");
	assert_says(&all, "IMPORT CFN gw4 Type gateway;",
		    "CFN gw4: no gateway of this name is known; a gateway has the name of its "
		    "host");
	assert_says(&all, "IMPORT CFN gw-1 Type gateway;",
		    "CFN gw-1: no gateway of this name is known; a gateway has the name of its "
		    "host; did you mean gw1?");
}

static void test_grants_of_gateways(void **state)
{
	assert_says(&some, "IMPORT CFN gw1 Type gateway;", "ok");
	assert_says(&some, "CREATE CFN gw3 Type gateway;",
		    "CFN gw3: tenant t has no grant for gateway gw3");
	/* What is not granted is not told of, not even whether it exists. */
	assert_says(&some, "IMPORT CFN gw4 Type gateway;",
		    "CFN gw4: tenant t has no grant for gateway gw4");
	assert_says(&some, "IMPORT CFN gw-2 Type gateway;",
		    "CFN gw-2: no gateway of this name is known; a gateway has the name of its "
		    "host; did you mean gw1?");
	assert_says(&none, "IMPORT CFN gw1 Type gateway;",
		    "CFN gw1: tenant t has no grant for gateway gw1");
	assert_says(NULL, "IMPORT CFN gw1 Type gateway;",
		    "CFN gw1: tenant t has no grant for gateway gw1");
}

#define S "CFN s Type service Property service_id: "

static void test_services(void **state)
{
	assert_says(&some, "IMPORT " S "257;", "ok");
	assert_says(&some, "IMPORT " S "258;",
		    "CFN s: service 0x102 is not registered; CREATE in place of IMPORT registers "
		    "it");
	assert_says(&some, "CREATE " S "258;", "ok");
	assert_says(&some, "CREATE " S "259;", "CFN s: tenant t has no grant for service 0x103");
	assert_says(&some, "IMPORT " S "259;", "CFN s: tenant t has no grant for service 0x103");
	assert_says(&all, "CREATE " S "259;", "ok");
	assert_says(&all, "IMPORT CFN s Type service;",
		    "CFN s: service_id is missing: which service is it?");
	assert_says(&all, "CREATE CFN s Type service;", "ok");
}

static void test_functions(void **state)
{
	assert_says(&all, "IMPORT CFN f Type firewall;",
		    "CFN f: ip is missing: an imported firewall has a SID or address");
	assert_says(&all, "CREATE CFN f Type firewall;", "ok");
	assert_says(&all, "IMPORT CFN h Type host;", "ok");
	assert_says(&all, "IMPORT CFN f Type cache Property ip: \"2001:db8:9::1\";", "ok");
	assert_says(&some, "IMPORT CFN f Type cache Property ip: \"2001:db8:1::1\";", "ok");
	assert_says(&some, "CREATE CFN h Type host Property ip: \"2001:db8:0:ffff::1\";", "ok");
	assert_says(&some, "CREATE CFN h Type host Property ip: \"2001:db8:2::1\";",
		    "CFN h: ip 2001:db8:2::1 lies in no prefix that tenant t has a grant for");
	assert_says(&some, "CREATE CFN h Type host Property ip: 192.0.2.127;", "ok");
	assert_says(&some, "CREATE CFN h Type host Property ip: 192.0.2.128;",
		    "CFN h: ip 192.0.2.128 lies in no prefix that tenant t has a grant for");
	assert_says(&none, "CREATE CFN h Type host;", "ok");
	prefixes[0] = (struct nemo_prefix){.len = 0}; /* ::/0: all of IPv6 */
	assert_says(&some, "CREATE CFN h Type host Property ip: \"2001:db8:2::1\";", "ok");
	assert_says(&some, "CREATE CFN h Type host Property ip: 192.0.2.127;",
		    "CFN h: ip 192.0.2.127 lies in no prefix that tenant t has a grant for");
}

#define REFUSED                                                                                    \
	"ServiceFlow f: neither its source nor its destination (src_ip, dst_ip, or the prefixes "  \
	"of the sites ingress, egress) lies in a prefix that tenant t has a grant for"
#define FLOW "CREATE ServiceFlow f Match "

static void test_flows(void **state)
{
	assert_says(&some, FLOW "src_ip: 192.0.2.0/26;", "ok");
	assert_says(&some, FLOW "dst_ip: 198.51.100.7;", "ok");
	assert_says(&some, FLOW "dst_ip: 198.51.100.6;", REFUSED);
	assert_says(&some, FLOW "src_ip: 192.0.2.0/24;", REFUSED);
	assert_says(&some, FLOW "src_ip: 203.0.113.1, dst_ip: 192.0.2.1;", "ok");
	assert_says(&some, FLOW "src_ip: List(192.0.2.1, 198.51.100.7);", "ok");
	assert_says(&some, FLOW "src_ip: List(192.0.2.1, 198.51.100.8);", REFUSED);
	assert_says(&some, FLOW "src_ip: Range(192.0.2.1, 192.0.2.99);", "ok");
	assert_says(&some, FLOW "src_ip: Range(192.0.2.1, 192.0.2.200);", REFUSED);
	assert_says(&some, FLOW "src_ip: Range(192.0.1.200, 192.0.2.99);", REFUSED);
	assert_says(&some, FLOW "dst_port: 80;", REFUSED);
	assert_says(&all, FLOW "dst_port: 80;", "ok");
}

static void test_flows_of_sites(void **state)
{
	static const char *const site = "CREATE CFN a Type l2group Property ipv4Prefix: ";
	static const struct {
		const char *prefix, *match, *want;
	} flows[] = {
		{"192.0.2.0/25", "ingress: \"a\"", "ok"},
		{"192.0.2.0/25", "egress: \"a\"", "ok"},
		{"192.0.2.0/24", "egress: \"a\"", REFUSED},
		{"192.0.2.0/25", "ingress: \"a\", src_ip: 203.0.113.1", REFUSED},
		{"192.0.2.0/25, ipv6Prefix: \"2001:db8:1::/48\"", "ingress: \"a\"", "ok"},
		{"192.0.2.0/25, ipv6Prefix: \"2001:db8:2::/48\"", "ingress: \"a\"", REFUSED},
	};
	char text[512];

	for (unsigned int i = 0; i < sizeof(flows) / sizeof(*flows); i++) {
		snprintf(text, sizeof(text), "%s%s; %s%s;", site, flows[i].prefix, FLOW,
			 flows[i].match);
		assert_says(&some, text, flows[i].want);
	}
	assert_says(&some, "IMPORT CFN gw1 Type gateway; " FLOW "ingress: \"gw1\";", REFUSED);
}

/* The static check takes any value of the type. */
static void test_values(void **state)
{
	assert_says(&all, "CREATE CFN web Type service Property service_id: 0;",
		    "CFN web: service_id is 0, must be 1..9223372036854775807");
	assert_says(&all, "CREATE CFN web Type service Property service_id: -7;",
		    "CFN web: service_id is -7, must be 1..9223372036854775807");
	assert_says(&all, "CREATE CFN web Type service Property service_id: List(1, 2);",
		    "CFN web: service_id is a list of 2 values, must be one, "
		    "1..9223372036854775807");
	assert_says(&all, "CREATE CFN web Type service Property service_id: 1;", "ok");
	assert_says(&all,
		    "CREATE CFN fw Type firewall Property ip: List(\"10.0.0.1\", \"10.0.0.2\");",
		    "CFN fw: ip is a list of 2 values, must be one address");
	assert_says(&all, "CREATE ServiceFlow f Match proto: List(\"tcp\", \"sctp\");",
		    "ServiceFlow f: proto is \"sctp\", must be tcp, udp, icmp, icmp6 or 0..255");
	assert_says(&all, "CREATE ServiceFlow f Match proto: \"256\";",
		    "ServiceFlow f: proto is \"256\", must be tcp, udp, icmp, icmp6 or 0..255");
	assert_says(&none, "CREATE ServiceFlow f Match proto: \"256\";",
		    "ServiceFlow f: proto is \"256\", must be tcp, udp, icmp, icmp6 or 0..255");
	assert_says(&all, "CREATE ServiceFlow f Match proto: List(\"icmp6\", \"132\");", "ok");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_gateways), TEST(test_grants_of_gateways),
		TEST(test_services), TEST(test_functions),
		TEST(test_flows),    TEST(test_flows_of_sites),
		TEST(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
