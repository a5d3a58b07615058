/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is configured gets into the database, and stays as others change it. */
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
#include "sand/register.c"

#include "unit/srm/rig.h"

#define GW2 "{\"name\":\"gw2\",\"locator\":\"5f00:0:2::/48\",\"sid\":\"5f00:0:2::1\"}"
#define GW3 "{\"name\":\"gw3\",\"locator\":\"5f00:0:3::/48\",\"sid\":\"5f00:0:3::1\"}"
#define PATH_BE "{\"ingress\":\"pe1\",\"gateway\":\"gw2\",\"name\":\"be\",\"kind\":\"be\"}"
#define NETWORK_OF(ingress, delay)                                                                 \
	"{\"ingress\":\"" ingress "\",\"gateway\":\"gw2\",\"path\":\"be\","                        \
	"\"attributes\":{\"delay_us\":" delay "}}"

static struct srm *srm;
static struct nsc *nsc;
static struct config config;
static struct registration *reg;
static unsigned int n_synced, n_registered;

static void on_one_synced(void *arg)
{
	n_synced++;
}

static void on_registered(void *arg)
{
	n_registered++;
}

static json_t *list_of(const char *one, const char *two)
{
	json_t *list = json_array();

	if (one)
		json_array_append_new(list, json_loads(one, 0, NULL));
	if (two)
		json_array_append_new(list, json_loads(two, 0, NULL));
	return list;
}

static int setup(void **state)
{
	rig_open();
	n_synced = n_registered = 0;
	reg = NULL;
	assert_int_equal(srm_open(db, &view, on_one_synced, NULL, &srm), 0);
	assert_int_equal(nsc_open(db, &view, on_one_synced, NULL, &nsc), 0);
	while (n_synced < 2)
		uv_run(&loop, UV_RUN_ONCE);
	config =
		(struct config){.name = "pe1",
				.services = json_array(),
				.classes = json_array(),
				.gateways = list_of(GW2, NULL),
				.paths = list_of(PATH_BE, NULL),
				.network = list_of(NETWORK_OF("pe1", "7"), NETWORK_OF("pe9", "8"))};
	return 0;
}

static int teardown(void **state)
{
	if (reg)
		registration_close(reg);
	srm_close(srm);
	nsc_close(nsc);
	rig_close();
	registration_free(reg);
	json_decref(config.services);
	json_decref(config.classes);
	json_decref(config.gateways);
	json_decref(config.paths);
	json_decref(config.network);
	json_drop();
	return 0;
}

static void start(void)
{
	reg = registration_start(&(struct registration_conf){.loop = &loop,
							     .config = &config,
							     .db = db,
							     .view = &view,
							     .srm = srm,
							     .nsc = nsc},
				 on_registered, NULL);
	assert_non_null(reg);
}

static void begin(void)
{
	start();
	turn();
}

static void refresh(void)
{
	on_refresh(&reg->refresh);
	turn();
}

static bool has(const char *prefix, const char *text)
{
	return strstr(stored(prefix), text) != NULL;
}

static void test_once_and_after_an_outage(void **state)
{
	begin();
	assert_int_equal(n_registered, 1);
	assert_true(has("/san/paths/", "\"be\""));
	assert_true(has("/san/gateways/", "5f00:0:2::/48"));
	assert_true(has("/san/network/", "pe1/gw2/be/delay_us=7"));
	assert_true(has("/san/network/", "pe9/gw2/be/delay_us=8"));
	raw_del("/san/paths/pe1/gw2/be"); /* an operator */
	raw_put("/san/network/pe1/gw2/be/delay_us", "9");
	refresh();
	refresh();
	assert_string_equal(stored("/san/paths/"), "");
	assert_true(has("/san/network/", "pe1/gw2/be/delay_us=7"));
	registration_again(reg);
	refresh();
	assert_true(has("/san/paths/", "\"be\""));
}

/* What is refused keeps nobody else's object from what others make of it. */
static void test_a_refused_object_is_tried_alone(void **state)
{
	json_array_append_new(config.paths, json_loads("{\"name\":\"no\"}", 0, NULL));
	begin();
	assert_true(has("/san/paths/", "\"be\""));
	raw_del("/san/paths/pe1/gw2/be");
	for (uint64_t wait = REGISTER_REFRESH_MS; wait < 10 * REGISTER_WAIT_MAX_MS; wait *= 2) {
		struct item *item = &reg->items[2];

		assert_int_equal(item->kind, PATH);
		assert_false(item->stored);
		assert_int_equal(item->wait_ms,
				 wait < REGISTER_WAIT_MAX_MS ? wait : REGISTER_WAIT_MAX_MS);
		assert_true(item->due_ms > uv_now(&loop));
		refresh(); /* too early */
		item->due_ms = 0;
		refresh();
	}
	assert_string_equal(stored("/san/paths/"), "");
}

static void test_shared_network_of_the_own_paths_only(void **state)
{
	config.database.mode = DATABASE_SERVED;
	begin();
	refresh();
	assert_string_equal(stored("/san/network/"), "/san/network/pe1/gw2/be/delay_us=7");
	assert_int_equal(n_registered, 1);
}

/* Its own sand tells of it between our look and our write. */
static void test_shared_gateway_of_another(void **state)
{
	static const char text[] = "{\"locator\":\"5f00:0:9::/48\",\"sid\":\"5f00:0:9::1\"}";
	struct ncsdb_op op = {NCSDB_PUT, "/san/gateways/gw2", text, sizeof(text) - 1, 0};

	config.database.mode = DATABASE_SERVED;
	start();
	assert_int_equal(ncsdb_txn(db, &(struct ncsdb_txn){.then = &op, .n_then = 1}, NULL, NULL),
			 0);
	assert_null(view_gateway(&view, "gw2"));
	put_round(reg);
	turn();
	assert_true(has("/san/gateways/", "5f00:0:9::/48"));
	assert_true(reg->items[0].stored);
	assert_false(reg->items[0].said);
}

static int64_t lease_id;

static void on_granted(void *arg, int rc, int64_t id, unsigned int ttl_s)
{
	assert_int_equal(rc, 0);
	lease_id = id;
}

static void test_own_gateway_under_the_own_lease(void **state)
{
	json_t *own = json_loads(GW3, 0, NULL);

	config.is_gateway = true;
	assert_int_equal(gateway_from_json(own, NULL, &config.gateway, NULL), 0);
	json_decref(own);
	begin();
	assert_int_equal(n_registered, 0);
	assert_int_equal(ncsdb_lease_grant(db, 0, 60, on_granted, NULL), 0);
	turn();
	registration_hold(reg, lease_id);
	turn();
	assert_int_equal(n_registered, 1);
	assert_true(has("/san/gateways/gw3", "(L)"));
	refresh();
	raw_del("/san/gateways/gw3");
	refresh();
	assert_true(has("/san/gateways/gw3", "(L)"));
	/* By another host that has it in its file: the same text, but for ever. */
	assert_int_equal(nsc_gateway_put(nsc, "gw3", json(GW3), ANY_REVISION,
					 (struct ncsdb_write_done){NULL, NULL}, &err),
			 0);
	turn();
	assert_false(has("/san/gateways/gw3", "(L)"));
	refresh();
	assert_false(has("/san/gateways/gw3", "(L)")); /* not over and over at once */
	reg->hold_due_ms = 0;
	refresh();
	assert_true(has("/san/gateways/gw3", "(L)"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_once_and_after_an_outage),
		T(test_a_refused_object_is_tried_alone),
		T(test_shared_network_of_the_own_paths_only),
		T(test_shared_gateway_of_another),
		T(test_own_gateway_under_the_own_lease),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
