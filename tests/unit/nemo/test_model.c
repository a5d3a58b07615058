/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stores.h"

#include "nemo/model_int.h"

struct row {
	enum nemo_model_kind kind;
	const char *name, *props; /* "name:Type ..." in order */
};

#define SITE "location:String description:String ipv4Prefix:IPPrefix ipv6Prefix:IPPrefix uuid:UUID "
#define FUNCTION SITE "ip:IPPrefix mac:EthAddr "

static const struct row rows[] = {
	{NEMO_M_CFN, "l2group", SITE},
	{NEMO_M_CFN, "l3group", SITE},
	{NEMO_M_CFN, "extgroup", SITE},
	{NEMO_M_CFN, "host", FUNCTION},
	{NEMO_M_CFN, "firewall", FUNCTION},
	{NEMO_M_CFN, "loadbalancer", FUNCTION},
	{NEMO_M_CFN, "cache", FUNCTION},
	{NEMO_M_CFN, "vrouter", FUNCTION},
	{NEMO_M_CFN, "gateway", SITE "locator:IPPrefix "},
	{NEMO_M_CFN, "service", SITE "service_id:Integer "},
	{NEMO_M_CONNECTION, "p2p", "bandwidth:Integer delay:Integer "},
	{NEMO_M_CONNECTION, "p2mp", "bandwidth:Integer delay:Integer "},
	{NEMO_M_CONNECTION, "mesh", "bandwidth:Integer delay:Integer "},
	{NEMO_M_FLOW, "flow",
	 "src_ip:IPPrefix dst_ip:IPPrefix src_port:Integer dst_port:Integer port:Integer "
	 "proto:String dscp:Integer service_id:Integer src_mac:EthAddr dst_mac:EthAddr "
	 "ingress:String egress:String "},
	{NEMO_M_ACTION, "redirect", "to:String "},
	{NEMO_M_ACTION, "steer", "to:String "},
	{NEMO_M_ACTION, "gothrough", "to:String "},
	{NEMO_M_ACTION, "allow", ""},
	{NEMO_M_ACTION, "deny", ""},
	{NEMO_M_ACTION, "qos_bandwidth", "mbits:Integer "},
	{NEMO_M_ACTION, "mark", "dscp:Integer "},
};

static void props_text(const struct nemo_prop_def *props, unsigned int n, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (unsigned int i = 0; i < n; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s:%s ", props[i].name,
					nemo_type_names[props[i].type]);
}

static void built_in(void **state)
{
	struct nemo_store *store = nemo_store_new();
	char buf[512];

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct nemo_model *model = nemo_store_model(store, rows[i].name);

		assert_non_null(model);
		assert_true(model->builtin);
		props_text(model->props, model->n_props, buf, sizeof(buf));
		assert_string_equal(buf, rows[i].props);
		assert_int_equal(model->kind, rows[i].kind);
	}
	assert_null(nemo_store_model(store, "router"));
	assert_int_equal(nemo_store_count(store), 0);
	nemo_store_free(store);
}

static void statistics(void **state)
{
	static const char *const want[NEMO_OBJECT_MAX] = {
		"cpu_load:Integer mem_load:Integer up:Boolean ",
		"utilization:Integer measured_delay:Integer up:Boolean ",
		"packets:Integer bytes:Integer ",
		"",
		"",
	};
	char buf[256];

	for (unsigned int kind = 0; kind < NEMO_OBJECT_MAX; kind++) {
		unsigned int n;
		const struct nemo_prop_def *stats = nemo_stats((enum nemo_object_kind)kind, &n);

		props_text(stats, n, buf, sizeof(buf));
		assert_string_equal(buf, want[kind]);
		for (unsigned int i = 0; i < n; i++)
			assert_true(stats[i].read_only);
	}
}

static void users_models(void **state)
{
	struct nemo_store *store =
		store_after(NULL, "CFNModel cam Property Integer: fps, Date: since;");
	const struct nemo_model *model = nemo_store_model(store, "cam");

	assert_non_null(model);
	assert_false(model->builtin);
	assert_int_equal(model->n_props, 2);
	assert_int_equal(nemo_model_prop(model, "since")->type, NEMO_DATE);
	assert_null(nemo_model_prop(model, "location"));
	assert_int_equal(model->kind, NEMO_M_CFN);
	assert_int_equal(nemo_store_count(store), 1);
	/* the same again changes nothing, another one is refused */
	EXPECT_NOTHING(store, "CFNModel cam Property Integer: fps, Date: since;");
	EXPECT(store, "CFNModel cam Property Date: since, Integer: fps;",
	       "1:10 exists and is different: models do not change");
	EXPECT(store, "ActionModel cam Property Integer: fps, Date: since;",
	       "1:13 exists and is different");
	nemo_store_free(store);
}

/* A property of a model may have the name of a statistic: then it is the property. */
static void property_before_statistic(void **state)
{
	struct nemo_store *store = store_after(
		NULL, "CFNModel cam Property String: up; CREATE CFN a Type cam Property "
		      "up: \"no\";" FLOW);

	EXPECT_NOTHING(store, "CREATE Operation o Target f Priority 1 Condition a.up == \"no\" "
			      "Action deny;");
	EXPECT(store, "CREATE Operation o Target f Priority 1 Condition a.up Action deny;",
	       "1:50 neither true nor false");
	nemo_store_free(store);
}

/* An instance holds on to its model while any store has it. */
static void outlives_its_store(void **state)
{
	struct nemo_store *first = store_after(NULL, "CFNModel cam Property Integer: fps;");
	struct nemo_store *second = store_after(first, "CREATE CFN a Type cam Property fps: 5;");
	int64_t fps;

	nemo_store_free(first);
	assert_string_equal(nemo_store_find(second, "a")->model->name, "cam");
	assert_true(nemo_object_integer(nemo_store_find(second, "a"), "fps", &fps));
	assert_int_equal(fps, 5);
	nemo_store_free(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(built_in),	      cmocka_unit_test(statistics),
		cmocka_unit_test(users_models),	      cmocka_unit_test(property_before_statistic),
		cmocka_unit_test(outlives_its_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
