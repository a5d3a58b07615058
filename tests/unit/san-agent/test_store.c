/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The status database as a sink, on a database in memory. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>

#include "../../../userspace/san-agent/store_service.c"

#include "../../../userspace/san-agent/config_database.c"
#include "../../../userspace/san-agent/config_instance.c"
#include "../../../userspace/san-agent/gate.c"
#include "../../../userspace/san-agent/store.c"
#include "../../../userspace/san-agent/store_answer.c"
#include "../../../userspace/san-agent/store_batch.c"
#include "../../../userspace/san-agent/store_name.c"
#include "../../../userspace/san-agent/store_state.c"
#include "../../../userspace/san-agent/worth.c"
#include "relay.h"

/* config.c's, which config_instance.c refers to */
int conf_uint(const json_t *obj, const char *name, struct json_range range, unsigned int *out,
	      struct err *err)
{
	return 0;
}
int conf_milli(const json_t *value, const char *name, int64_t *out, struct err *err)
{
	return 0;
}
int conf_name(const json_t *obj, const char *name, char out[NAME_LEN], struct err *err)
{
	return 0;
}
const char *const measure_names[MEASURE_MAX] = {"cpu_load", "mem_load", "io_load", "cpu_cores_free",
						"mem_free_mb"};

#define PATIENCE_MS 5000
#define KEY_A "/san/status/0x101/a/"

static struct {
	uv_loop_t loop;
	struct ncsdb *db;
	struct relay relay;
	struct agent_conf conf;
	struct roster roster;
	struct sink *sink;
	unsigned int turns;
} t;

static void reset_counts(void)
{
	t.relay.txns = t.relay.ops = t.relay.largest = t.relay.most = 0;
}

/* ---- the loop ---- */

static void on_test_timer(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

/* Runs the loop until check() holds; false: it did not within ms. */
static bool run_until(bool (*check)(void), uint64_t ms)
{
	bool late = false;
	uv_timer_t timer;

	uv_timer_init(&t.loop, &timer);
	timer.data = &late;
	uv_timer_start(&timer, on_test_timer, ms, 0);
	while (!(check && check()) && !late)
		uv_run(&t.loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&t.loop, UV_RUN_NOWAIT);
	return check && check();
}

#define wait_for(check) assert_true(run_until(check, PATIENCE_MS))
static void wait_ms(uint64_t ms)
{
	run_until(NULL, ms);
}

/* ---- looking into the database ---- */

static struct {
	bool done;
	size_t n;
	char value[1024];
	struct ncsdb_kv kv;
} seen;

static void on_seen(void *arg, const struct ncsdb_range_result *res)
{
	assert_int_equal(res->status, 0);
	seen.done = true;
	seen.n = res->n;
	seen.value[0] = '\0';
	if (res->n) {
		seen.kv = res->kvs[0];
		snprintf(seen.value, sizeof(seen.value), "%s", (const char *)res->kvs[0].value);
	}
}

static const char *look(const char *key, bool prefix)
{
	const struct ncsdb_range req = {.key = key, .prefix = prefix};

	seen.done = false;
	assert_int_equal(ncsdb_range(t.db, &req, on_seen, NULL), 0);
	while (!seen.done)
		uv_run(&t.loop, UV_RUN_ONCE);
	return seen.n ? seen.value : NULL;
}

static const char *get(const char *key)
{
	return look(key, false);
}

static size_t count(const char *prefix)
{
	look(prefix, true);
	return seen.n;
}

static bool has(const char *key, const char *value)
{
	const char *text = get(key);

	return text && !strcmp(text, value);
}

static void on_wrote(void *arg, const struct ncsdb_txn_result *res)
{
	assert_int_equal(res->status, 0);
	*(bool *)arg = true;
}

static void operate(enum ncsdb_op_type type, const char *key, const char *value)
{
	const struct ncsdb_op op = {
		.type = type, .key = key, .value = value, .value_len = value ? strlen(value) : 0};
	const struct ncsdb_txn txn = {.then = &op, .n_then = 1};
	bool done = false;

	assert_int_equal(ncsdb_txn(t.db, &txn, on_wrote, &done), 0);
	while (!done)
		uv_run(&t.loop, UV_RUN_ONCE);
}

/* ---- the agent's side ---- */

static void on_turn(void *arg)
{
	t.turns++;
}

static void add(uint64_t service, const char *name, int64_t cpu)
{
	struct instance *inst = calloc(1, sizeof(*inst));

	inst->conf.service = service;
	strcpy(inst->conf.name, name);
	inet_pton(AF_INET6, "2001:db8::2", &inst->conf.address);
	snprintf(inst->label, sizeof(inst->label), "%s", name);
	inst->health_known = inst->up = true;
	inst->n_values = 2;
	inst->values[0] = (struct value){"cpu_load", true, cpu, 2000};
	inst->values[1] = (struct value){"mem_load", false, 0, 2000};
	t.roster.slots[t.roster.n++] = inst;
	if (t.sink)
		t.sink->ops->renew(t.sink, t.roster.n - 1);
}

static void start(void)
{
	const struct sink_env env = {.loop = &t.loop, .roster = &t.roster, .on_turn = on_turn};

	assert_int_equal(store_open_with(&env, &t.conf, &t.relay.base, &t.sink), 0);
	for (unsigned int i = 0; i < t.roster.n; i++)
		t.sink->ops->renew(t.sink, i);
}

static bool is_settled(void)
{
	return t.sink->ops->settled(t.sink);
}

static bool is_finished(void)
{
	return t.sink->ops->finished(t.sink);
}

static void set_cpu(unsigned int slot, int64_t milli)
{
	t.roster.slots[slot]->values[0].milli = milli;
	t.roster.round++;
	t.sink->ops->kick(t.sink);
}

static int setup(void **state)
{
	struct err err = {};

	memset(&t, 0, sizeof(t));
	uv_loop_init(&t.loop);
	assert_int_equal(ncsdb_open(&t.loop, &(struct ncsdb_conf){0}, &t.db, &err), 0);
	t.relay.base = (struct ncsdb){.ops = &relay_ops, .loop = &t.loop};
	t.relay.real = t.db;
	strcpy(t.conf.agent, "site2");
	strcpy(t.conf.gateway, "gw2");
	t.conf.ttl_s = 2;
	t.conf.batch_ms = 5;
	t.conf.max_age_ms = 60000;
	return 0;
}

static int teardown(void **state)
{
	if (t.sink)
		t.sink->ops->close(t.sink);
	ncsdb_close(t.db);
	uv_run(&t.loop, UV_RUN_DEFAULT);
	for (unsigned int i = 0; i < t.roster.n; i++)
		free(t.roster.slots[i]);
	return uv_loop_close(&t.loop);
}

/* ---- tests ---- */

static void test_registers(void **state)
{
	int64_t lease;

	add(0x101, "a", 12500);
	start();
	wait_for(is_settled);
	assert_non_null(strstr(get("/san/agents/site2"), "\"started\""));
	lease = seen.kv.lease;
	assert_true(lease != 0);
	assert_true(has(KEY_A "gateway", "gw2"));
	assert_int_equal(seen.kv.lease, lease);
	assert_true(has(KEY_A "address", "2001:db8::2"));
	assert_true(has(KEY_A "cpu_load", "12.5"));
	assert_int_equal(seen.kv.lease, lease);
	assert_null(get(KEY_A "mem_load")); /* unknown is not zero */
	assert_null(get(KEY_A "state"));
	assert_null(get(KEY_A "sid"));
}

static void test_goodbye(void **state)
{
	add(0x101, "a", 0);
	start();
	wait_for(is_settled);
	t.sink->ops->goodbye(t.sink);
	wait_for(is_finished);
	assert_int_equal(count("/san/"), 0);
}

static bool cpu_is_50(void)
{
	return has(KEY_A "cpu_load", "50");
}

static void test_values(void **state)
{
	add(0x101, "a", 10000);
	start();
	wait_for(is_settled);
	reset_counts();
	set_cpu(0, 11999); /* inside of the dead band */
	wait_ms(100);
	assert_int_equal(t.relay.txns, 0);
	set_cpu(0, 50000);
	wait_for(cpu_is_50);
	assert_int_equal(t.relay.ops, 1);
}

static bool is_busy(void)
{
	return ((struct store *)t.sink)->flying > 0;
}

static bool is_idle(void)
{
	return !is_busy();
}

/* What changes while a write is under way: only the newest is sent, when that is answered. */
static void test_newest_wins(void **state)
{
	add(0x101, "a", 10000);
	start();
	wait_for(is_settled);
	wait_for(is_idle);
	reset_counts();
	set_cpu(0, 20000);
	wait_for(is_busy);
	set_cpu(0, 30000);
	set_cpu(0, 40000);
	set_cpu(0, 50000);
	wait_for(cpu_is_50);
	wait_for(is_idle);
	assert_int_equal(t.relay.ops, 2);
	assert_int_equal(t.relay.most, 1);
}

/* What is changed while it is being registered is registered again. */
static void test_renewed_on_the_way(void **state)
{
	add(0x101, "a", 10000);
	start();
	wait_for(is_busy);
	inet_pton(AF_INET6, "2001:db8::9", &t.roster.slots[0]->conf.address);
	t.sink->ops->renew(t.sink, 0);
	wait_for(is_settled);
	wait_for(is_idle);
	assert_true(has(KEY_A "address", "2001:db8::9"));
}

static void test_batches(void **state)
{
	char name[16];

	for (int i = 0; i < AGENT_MAX_INSTANCES; i++) {
		snprintf(name, sizeof(name), "i%d", i);
		add(0x101 + (uint64_t)i % 3, name, 1000);
	}
	start();
	wait_for(is_settled);
	assert_int_equal(count("/san/status/"), 3 * AGENT_MAX_INSTANCES);
	assert_true(t.relay.largest <= NCSDB_TXN_MAX);
	wait_for(is_idle);
	reset_counts();
	for (unsigned int i = 0; i < t.roster.n; i++)
		set_cpu(i, 90000);
	wait_for(is_busy);
	wait_for(is_idle);
	assert_int_equal(t.relay.ops, AGENT_MAX_INSTANCES);
	assert_int_equal(t.relay.txns, (AGENT_MAX_INSTANCES + 126) / 127); /* one compare each */
}

static void test_max_age(void **state)
{
	t.conf.max_age_ms = 200;
	add(0x101, "a", 1000);
	start();
	wait_for(is_settled);
	reset_counts();
	wait_ms(250);
	t.sink->ops->kick(t.sink);
	wait_ms(100);
	assert_int_equal(t.relay.ops, 1);
}

static const char ramp[] = "{\"id\": \"0x101\", \"evaluation\": [{\"attribute\": \"cpu_load\", "
			   "\"curve\": {\"ramp\": [40, 80]}}]}";

static void test_functions(void **state)
{
	add(0x101, "a", 10000);
	operate(NCSDB_PUT, "/san/services/0x101", ramp);
	start();
	wait_for(is_settled);
	wait_ms(100);
	reset_counts();
	set_cpu(0, 38000); /* best all the way */
	wait_ms(100);
	assert_int_equal(t.relay.ops, 0);
	/* Another definition: what was not worth it is now. */
	operate(NCSDB_PUT, "/san/services/0x101",
		"{\"id\": \"0x101\", \"evaluation\": [{\"attribute\": \"cpu_load\", "
		"\"curve\": {\"ramp\": [0, 100]}}]}");
	wait_ms(100);
	assert_true(has(KEY_A "cpu_load", "38"));
	operate(NCSDB_PUT, "/san/services/0x1011", "{\"evaluation\": []}"); /* another one */
	set_cpu(0, 45000);
	wait_ms(100);
	assert_true(has(KEY_A "cpu_load", "45"));
	set_cpu(0, 38000);
	wait_ms(100);
	operate(NCSDB_PUT, "/san/services/0x101", "nonsense"); /* changes nothing */
	operate(NCSDB_PUT, "/san/services/0x101", ramp);
	set_cpu(0, 20000);
	wait_ms(100);
	assert_true(has(KEY_A "cpu_load", "38"));
	operate(NCSDB_DELETE, "/san/services/0x101", NULL);
	wait_ms(100);
	assert_true(has(KEY_A "cpu_load", "20"));
}

static bool registered_again(void)
{
	return has(KEY_A "gateway", "gw2") && has(KEY_A "cpu_load", "50") && is_settled();
}

/* An operator deletes the instance: the next value finds that out. */
static void test_deleted_instance(void **state)
{
	add(0x101, "a", 10000);
	add(0x101, "b", 10000);
	start();
	wait_for(is_settled);
	operate(NCSDB_DELETE_PREFIX, KEY_A, NULL);
	set_cpu(0, 50000);
	set_cpu(1, 60000);
	wait_for(registered_again);
	wait_ms(100);
	assert_true(has("/san/status/0x101/b/cpu_load", "60"));
	assert_int_equal(count(KEY_A), 3);
}

static bool name_is_back(void)
{
	return get("/san/agents/site2") && is_settled();
}

static void test_deleted_name(void **state)
{
	int64_t fence;

	add(0x101, "a", 10000);
	start();
	wait_for(is_settled);
	fence = ((struct store *)t.sink)->fence;
	operate(NCSDB_DELETE, "/san/agents/site2", NULL);
	set_cpu(0, 50000);
	wait_for(name_is_back);
	wait_for(registered_again);
	assert_true(((struct store *)t.sink)->fence > fence);
}

static bool has_no_lease(void)
{
	return !((struct store *)t.sink)->hold;
}

/* Another agent has the name: we write nothing, and what we wrote goes. */
static void test_name_taken(void **state)
{
	add(0x101, "a", 10000);
	operate(NCSDB_PUT, "/san/agents/site2", "{}");
	start();
	wait_for(has_no_lease);
	assert_int_equal(count("/san/status/"), 0);
	operate(NCSDB_DELETE, "/san/agents/site2", NULL);
	wait_for(is_settled);
	/* And the other way round: it is taken while we run. */
	operate(NCSDB_DELETE, "/san/agents/site2", NULL);
	operate(NCSDB_PUT, "/san/agents/site2", "{}");
	set_cpu(0, 50000);
	wait_for(has_no_lease);
	wait_ms(100);
	assert_int_equal(count("/san/status/"), 0);
	assert_true(has("/san/agents/site2", "{}"));
}

static void on_lease_end(void *arg, int status, int64_t lease, unsigned int ttl_s)
{
	assert_int_equal(status, 0);
}

static void test_lease_lost(void **state)
{
	struct store *store;
	int64_t lease;

	add(0x101, "a", 50000);
	start();
	wait_for(is_settled);
	store = (struct store *)t.sink;
	lease = store->lease;
	assert_int_equal(ncsdb_lease_revoke(t.db, lease, on_lease_end, NULL), 0);
	wait_ms(1500); /* a keep-alive later */
	wait_for(registered_again);
	assert_true(store->lease != lease);
}

/* No answer: whether it happened is not known, so it is said again. */
static void test_unknown(void **state)
{
	for (int happens = 0; happens < 2; happens++) {
		if (happens)
			assert_int_equal(setup(state), 0);
		add(0x101, "a", 10000);
		start();
		wait_for(is_settled);
		t.relay.status = -ETIMEDOUT;
		t.relay.happens = happens;
		set_cpu(0, 50000);
		wait_ms(100);
		assert_int_equal(has(KEY_A "cpu_load", "50"), happens);
		reset_counts();
		t.relay.status = 0;
		wait_ms(500);
		t.sink->ops->kick(t.sink);
		wait_for(cpu_is_50);
		wait_ms(100);
		assert_true(t.relay.ops >= 1);
		assert_true(is_settled());
		if (!happens)
			assert_int_equal(teardown(state), 0);
	}
}

/* Back to what was told last, after a write whose fate is not known: that is told, too. */
static void test_unknown_and_back(void **state)
{
	add(0x101, "a", 10000);
	start();
	wait_for(is_settled);
	wait_for(is_idle);
	t.relay.status = -ETIMEDOUT;
	t.relay.happens = true;
	set_cpu(0, 50000);
	wait_for(is_busy);
	set_cpu(0, 10000);
	wait_for(is_idle);
	assert_true(cpu_is_50());
	t.relay.status = 0;
	wait_ms(500);
	t.sink->ops->kick(t.sink);
	wait_ms(100);
	assert_true(has(KEY_A "cpu_load", "10"));
}

/* Refused: nothing queues, what is newest then goes. */
static void test_refused(void **state)
{
	add(0x101, "a", 10000);
	start();
	wait_for(is_settled);
	t.relay.status = -ENOSPC;
	reset_counts();
	for (int i = 2; i < 9; i++) {
		set_cpu(0, i * 10000);
		wait_ms(20);
	}
	assert_true(t.relay.txns < 4);
	t.relay.status = 0;
	set_cpu(0, 50000);
	wait_ms(500);
	t.roster.round++;
	t.sink->ops->kick(t.sink);
	wait_for(cpu_is_50);
}

static void set_up(bool up)
{
	t.roster.slots[0]->up = up;
	t.roster.round++;
	t.sink->ops->kick(t.sink);
}

static bool is_down(void)
{
	return has(KEY_A "state", "down");
}

static bool is_up(void)
{
	return has(KEY_A "state", "up");
}

static bool is_draining(void)
{
	return has(KEY_A "state", "draining");
}

static void test_state(void **state)
{
	add(0x101, "a", 10000);
	start();
	wait_for(is_settled);
	assert_null(get(KEY_A "state"));
	set_up(false);
	wait_for(is_down);
	assert_int_equal(seen.kv.lease, ((struct store *)t.sink)->lease);
	set_up(true);
	wait_for(is_up);
}

static void test_draining_survives(void **state)
{
	add(0x101, "a", 10000);
	start();
	wait_for(is_settled);
	operate(NCSDB_PUT, KEY_A "state", "draining");
	set_cpu(0, 50000);
	wait_for(cpu_is_50);
	assert_true(is_draining());
	set_up(false);
	wait_for(is_down);
	set_up(true);
	wait_for(is_draining);
	/* Set while it is down: not touched either. */
	set_up(false);
	wait_for(is_down);
	wait_ms(100);
	operate(NCSDB_PUT, KEY_A "state", "draining");
	set_up(true);
	wait_ms(100);
	assert_true(is_draining());
	/* An operator's "down" is not ours to take back. */
	operate(NCSDB_PUT, KEY_A "state", "down");
	set_up(false);
	wait_ms(100);
	set_up(true);
	wait_ms(100);
	assert_true(is_down());
}

/* Never healthy: it is down before anybody could use it. */
static void test_down_from_the_start(void **state)
{
	add(0x101, "a", 10000);
	t.roster.slots[0]->up = false;
	start();
	wait_for(is_settled);
	assert_true(is_down());
	get(KEY_A "state");
	int64_t state_rev = seen.kv.create_rev;
	get(KEY_A "address");
	assert_true(state_rev < seen.kv.create_rev);
}

static bool is_cleared(void)
{
	return t.sink->ops->cleared(t.sink, 0);
}

static void test_leaves(void **state)
{
	add(0x101, "a", 10000);
	add(0x101, "b", 10000);
	start();
	wait_for(is_settled);
	assert_false(is_cleared());
	t.roster.slots[0]->leaving = true;
	t.roster.round++;
	t.sink->ops->kick(t.sink);
	wait_for(is_cleared);
	assert_int_equal(count(KEY_A), 0);
	assert_int_equal(count("/san/status/0x101/b/"), 3);
}

/* Another agent has taken the instance over: it stays. */
static void test_leaves_others_alone(void **state)
{
	add(0x101, "a", 10000);
	start();
	wait_for(is_settled);
	operate(NCSDB_PUT, KEY_A "address", "2001:db8::3");
	t.roster.slots[0]->leaving = true;
	t.roster.round++;
	t.sink->ops->kick(t.sink);
	wait_for(is_cleared);
	assert_true(has(KEY_A "address", "2001:db8::3"));
}

static void test_changed_instance(void **state)
{
	add(0x101, "a", 10000);
	start();
	wait_for(is_settled);
	operate(NCSDB_PUT, KEY_A "sid", "5f00::1"); /* the gateway's */
	inet_pton(AF_INET6, "2001:db8::9", &t.roster.slots[0]->conf.address);
	t.sink->ops->renew(t.sink, 0);
	wait_for(is_settled);
	assert_true(has(KEY_A "address", "2001:db8::9"));
	assert_true(has(KEY_A "sid", "5f00::1"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_registers),
		TEST(test_goodbye),
		TEST(test_values),
		TEST(test_newest_wins),
		TEST(test_batches),
		TEST(test_max_age),
		TEST(test_functions),
		TEST(test_deleted_instance),
		TEST(test_deleted_name),
		TEST(test_name_taken),
		TEST(test_lease_lost),
		TEST(test_unknown),
		TEST(test_unknown_and_back),
		TEST(test_renewed_on_the_way),
		TEST(test_refused),
		TEST(test_state),
		TEST(test_draining_survives),
		TEST(test_down_from_the_start),
		TEST(test_leaves),
		TEST(test_leaves_others_alone),
		TEST(test_changed_instance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
