/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A follower beyond the wire: the server goes away, keys change, their history is compacted, the
 * server comes back. SAND_SOAK=1: 1,000 times.
 */
#include "ncsdb/follow.h"
#include "ncsdb/server.h"
#include "unit/ncsdb/harness.h"
#include "unit/own_clock.h"

#define KEYS 30
#define ROUNDS 25
#define RESYNC_MS 60000

static struct ncsdb_server *server;
static struct ncsdb *client;
static struct ncsdb_follow *follow;
static char url[64], address[64];

static struct {
	bool there;
	int value;
} mirror[KEYS], truth[KEYS];

static void on_put(void *arg, const struct ncsdb_kv *kv)
{
	int i = atoi(kv->key + strlen("/san/k/"));

	mirror[i].there = true;
	mirror[i].value = atoi(kv->value);
}

static void on_del(void *arg, const char *key, int64_t revision)
{
	mirror[atoi(key + strlen("/san/k/"))].there = false;
}

static const struct ncsdb_follow_ops ops = {.put = on_put, .del = on_del};

static void server_start(uint16_t port)
{
	const char *listen[] = {address};
	struct err err = {0};
	char text[512];

	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	if (ncsdb_server_open(&loop, db,
			      &(struct ncsdb_server_conf){.listen = listen, .n_listen = 1}, &server,
			      &err))
		fail_msg("%s", err_text(&err, text, sizeof(text)));
}

static void client_start(void)
{
	const char *endpoints[] = {url};
	struct ncsdb_remote remote = {.endpoints = endpoints, .n_endpoints = 1};
	struct err err = {0};

	snprintf(url, sizeof(url), "http://127.0.0.1:%u", ncsdb_server_port(server));
	assert_int_equal(ncsdb_open(&loop, &(struct ncsdb_conf){.remote = &remote}, &client, &err),
			 0);
	assert_int_equal(ncsdb_follow_start(client, "/san/k/", &ops, NULL, &follow), 0);
}

static void change(unsigned int *seed, int n)
{
	for (; n > 0; n--) {
		int i = rand_r(seed) % KEYS;
		char key[32], value[16];

		snprintf(key, sizeof(key), "/san/k/%d", i);
		snprintf(value, sizeof(value), "%d", rand_r(seed) % 1000);
		truth[i].there = rand_r(seed) % 2;
		truth[i].value = atoi(value);
		if (truth[i].there)
			put(key, value);
		else
			del(key);
	}
}

static bool same(void)
{
	for (int i = 0; i < KEYS; i++)
		if (mirror[i].there != truth[i].there ||
		    (truth[i].there && mirror[i].value != truth[i].value))
			return false;
	return true;
}

static void on_late(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

static void wait_same(void)
{
	bool late = false;
	uv_timer_t timer;

	uv_timer_init(&loop, &timer);
	timer.data = &late;
	uv_timer_start(&timer, on_late, RESYNC_MS, 0);
	while (!same() && !late)
		uv_run(&loop, UV_RUN_ONCE);
	assert_false(late);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
}

static struct ncsdb_follow_stats stats(void)
{
	struct ncsdb_follow_stats s;

	ncsdb_follow_stats(follow, &s);
	return s;
}

static int setup(void **state)
{
	memory_setup(state);
	memset(mirror, 0, sizeof(mirror));
	memset(truth, 0, sizeof(truth));
	ncsdb_follow_limits.page = 7;
	server_start(0);
	client_start();
	return 0;
}

static int teardown(void **state)
{
	ncsdb_follow_stop(follow);
	ncsdb_close(client);
	ncsdb_server_close(server);
	return memory_teardown(state);
}

static void test_compactions_while_cut_off(void **state)
{
	int rounds = getenv("SAND_SOAK") ? 1000 : ROUNDS;
	uint16_t port = ncsdb_server_port(server);
	unsigned int seed = 31;

	change(&seed, 40);
	wait_same();
	for (int i = 0; i < rounds; i++) {
		ncsdb_server_close(server);
		change(&seed, 1 + rand_r(&seed) % 30);
		put("/other", "x");
		assert_int_equal(ncsdb_compact(db, status().revision), 0);
		server_start(port);
		wait_same();
		change(&seed, 3);
		wait_same();
	}
	assert_true(stats().lists > (uint64_t)rounds / 2);
	assert_int_equal(stats().gaps, 0);
	assert_int_equal(stats().audit_repaired, 0);
}

static void test_goes_on_where_it_was(void **state)
{
	uint16_t port = ncsdb_server_port(server);
	unsigned int seed = 32;
	uint64_t lists;

	change(&seed, 40);
	wait_same();
	lists = stats().lists;
	ncsdb_server_close(server);
	change(&seed, 20);
	server_start(port);
	wait_same();
	assert_int_equal(stats().lists, lists); /* the history had it all */
	ncsdb_follow_audit(follow);
	change(&seed, 20);
	wait_same();
	assert_int_equal(stats().gaps, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_compactions_while_cut_off),
		T(test_goes_on_where_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
