/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two hosts with a connection each to a real etcd: its leases, its swaps, its limits. */
#include "unit/intent/rig.h"

#include "unit/ncsdb/etcd_proc.h"

static struct etcd_proc proc;

/* ---- the rig, on etcd ---- */

static struct ncsdb *connect_to_etcd(void)
{
	const char *endpoints[] = {proc.url};
	struct ncsdb_remote remote = {
		.endpoints = endpoints, .n_endpoints = 1, .deadline_ms = 30000};
	struct ncsdb_status status = {0};
	struct ncsdb *client;

	assert_int_equal(ncsdb_open(&loop, &(struct ncsdb_conf){.remote = &remote}, &client, &err),
			 0);
	RUN_UNTIL((ncsdb_status(client, &status), status.connected));
	return client;
}

static void del_prefix(const char *prefix)
{
	struct ncsdb_op op = {.type = NCSDB_DELETE_PREFIX, .key = prefix};

	raw_ops(&op, 1);
}

static int setup_etcd(void **state)
{
	static const char *const names[] = {"pe1", "pe2", "pe3"};

	/* The patience of the lease is etcd's own: at least 2 s. */
	intent_limits = (struct intent_limits){30000, 30000, INTENT_HISTORY, INTENT_EVENTS, 10};
	assert_int_equal(uv_loop_init(&loop), 0);
	db = connect_to_etcd();
	view_init(&view);
	del_prefix("/san/");
	for (int i = 0; i < 2; i++) {
		host[i] = (struct host){.name = names[i]};
		host[i].own = connect_to_etcd();
		host_open(i);
	}
	RUN_UNTIL(host_said("pe1") && host_said("pe2"));
	return 0;
}

static int teardown_etcd(void **state)
{
	for (int i = 0; i < 2; i++) {
		if (host[i].in)
			host_close(i);
		ncsdb_close(host[i].own);
	}
	rig_close();
	json_drop();
	return 0;
}

static int start_etcd(void **state)
{
	etcd_start(&proc, false);
	return 0;
}

static int stop_etcd(void **state)
{
	etcd_stop(&proc);
	return 0;
}

static struct intent_stats figures(int at)
{
	struct intent_stats out;

	intent_figures(host[at].in, &out);
	return out;
}

/* ---- commits ---- */

static bool on_item(void *arg, const struct intent_item *item)
{
	char *list = arg;

	snprintf(list + strlen(list), 128 - strlen(list), "%" PRIu64 "%s ", item->revision,
		 item->in_force ? "*" : "");
	return true;
}

static const char *history(int at)
{
	static char list[128];

	list[0] = '\0';
	intent_history(host[at].in, "a", on_item, list);
	return list;
}

static void test_history_and_rollback(void **state)
{
	assert_int_equal(applied("a", SITE("one", "1")), 0);
	assert_int_equal(applied("a", SITE("two", "2")), 0);
	assert_int_equal(applied("b", SITE("bee", "3")), 0);
	for (int i = 0; i < 2; i++) {
		assert_true(has(i, "a", "one") && has(i, "a", "two") && has(i, "b", "bee"));
		assert_string_equal(history(i), "2* 1 ");
	}
	came[1] = (struct came){0};
	assert_int_equal(intent_rollback(host[1].in, "a", "op", 1, 2, on_result, &came[1], &err),
			 0);
	RUN_UNTIL(came[1].done);
	assert_int_equal(came[1].status, 0);
	RUN_UNTIL(intent_head(host[0].in)->commit == 4);
	assert_false(has(0, "a", "two"));
	assert_string_equal(history(1), "3* 2 1 ");
	assert_string_equal(stored("/san/nemo/stage"), "");
	/* Read back by one who was not there. */
	host_close(1);
	host_open(1);
	assert_true(has(1, "a", "one") && has(1, "b", "bee") && !has(1, "a", "two"));
	assert_int_equal(host[1].commit, 4);
}

static void test_one_cannot_apply(void **state)
{
	assert_int_equal(applied("a", SITE("hq", "1")), 0);
	host[1].flip = -EIO;
	host[1].flip_fails = 2;
	assert_int_equal(applied("a", SITE("br", "2")), -EBUSY);
	RUN_UNTIL(host[0].commit == 3 && host[1].commit == 3);
	assert_false(has(0, "a", "br") || has(1, "a", "br"));
	assert_string_equal(stored("/san/nemo/stage"), "");
	assert_string_equal(stored("/san/nemo/revisions/a/0000000002"), "");
}

#define ROUNDS_MAX 100

static uint64_t lost(void)
{
	return figures(0).lost + figures(1).lost;
}

static void both_commit(int round)
{
	char script[2][64];

	for (int i = 0; i < 2; i++) {
		struct intent_apply apply;

		snprintf(script[i], sizeof(script[i]), "CREATE CFN h%d-%d Type host;", i, round);
		apply = asks(i ? "a" : "b", script[i]);
		start(i, &came[i], &apply);
	}
	RUN_UNTIL(came[0].done && came[1].done);
	assert_true(came[0].status == 0 && came[1].status == 0);
}

/* Both at once, until they staged at once: etcd lets one, the other comes after it. */
static void test_two_stages(void **state)
{
	uint64_t commits;
	int round = 0;

	while (!lost() && round < ROUNDS_MAX)
		both_commit(round++);
	assert_true(lost() > 0);
	commits = 2 * (uint64_t)round;
	RUN_UNTIL(intent_head(host[0].in)->commit == commits &&
		  intent_head(host[1].in)->commit == commits);
	for (int i = 0; i < 2; i++)
		assert_true(has(i, "b", "h0-0") && has(i, "a", "h1-0"));
}

/* The head is another one when it is to be swapped: built anew on that. */
static void test_lost_swap_of_the_head(void **state)
{
	struct intent_apply apply = asks("a", SITE("br", "2"));

	assert_int_equal(applied("a", SITE("hq", "1")), 0);
	host[1].prepare = -EINPROGRESS;
	start(0, &came[0], &apply);
	RUN_UNTIL(host[1].prepared == 2);
	raw_put("/san/nemo/head", "{\"commit\":7,\"tenants\":{\"a\":1},\"legs\":[]}");
	intent_prepared(host[1].in, 2);
	RUN_UNTIL(host[1].prepared == 3);
	assert_int_equal(figures(0).lost, 1);
	assert_false(came[0].done);
	intent_prepared(host[1].in, 8);
	RUN_UNTIL(came[0].done);
	assert_int_equal(came[0].status, 0);
	assert_int_equal(came[0].commit, 8);
	RUN_UNTIL(host[1].commit == 8);
	assert_true(has(1, "a", "hq") && has(1, "a", "br"));
}

/* On the same revision: exactly one of them is in force. */
static void test_one_of_two(void **state)
{
	struct intent_apply ask[2] = {asks("a", SITE("left", "1")), asks("a", SITE("right", "2"))};
	int won;

	assert_int_equal(applied("a", SITE("hq", "9")), 0);
	for (int i = 0; i < 2; i++) {
		ask[i].if_revision = 1;
		start(i, &came[i], &ask[i]);
	}
	RUN_UNTIL(came[0].done && came[1].done);
	won = came[0].status == 0 ? 0 : 1;
	assert_int_equal(came[won].status, 0);
	assert_int_equal(came[1 - won].status, -ESTALE);
	RUN_UNTIL(intent_head(host[0].in)->commit == 2 && intent_head(host[1].in)->commit == 2);
	for (int i = 0; i < 2; i++) {
		assert_true(has(i, "a", won ? "right" : "left"));
		assert_false(has(i, "a", won ? "left" : "right"));
	}
}

/* ---- leases ---- */

/* As a host that says it once, and is never heard of again. Its lease, which the test ends: how
 * soon one ends by itself is not for a busy machine to say. */
static int64_t ghost_with(const char *stage)
{
	const char *text = "{\"applied\":0,\"prepared\":0,\"why\":\"\"}";
	int64_t lease = 0;
	struct ncsdb_op ops[2];

	assert_int_equal(ncsdb_lease_grant(db, 0, 600, on_lease, &lease), 0);
	RUN_UNTIL(lease);
	ops[0] = (struct ncsdb_op){NCSDB_PUT, "/san/nemo/hosts/ghost", text, strlen(text), lease};
	ops[1] = (struct ncsdb_op){NCSDB_PUT, "/san/nemo/stage", stage, stage ? strlen(stage) : 0,
				   lease};
	raw_ops(ops, stage ? 2 : 1);
	RUN_UNTIL(host_said("ghost"));
	return lease;
}

static void on_revoked(void *arg, int status, int64_t lease, unsigned int ttl_s)
{
	assert_int_equal(status, 0);
	*(bool *)arg = true;
}

static void lease_end(int64_t lease)
{
	bool revoked = false;

	assert_int_equal(ncsdb_lease_revoke(db, lease, on_revoked, &revoked), 0);
	RUN_UNTIL(revoked);
}

/* Its stage goes with it, and with that the way is free. */
static void test_coordinator_lease_ends(void **state)
{
	struct intent_apply apply = asks("a", SITE("hq", "1"));
	int64_t lease = ghost_with("{\"id\":\"0\",\"commit\":1,\"coordinator\":\"ghost\"}");

	start(0, &came[0], &apply);
	lease_end(lease);
	RUN_UNTIL(came[0].done);
	assert_int_equal(came[0].status, 0);
	assert_int_equal(came[0].commit, 1);
	assert_true(has(1, "a", "hq"));
	assert_false(host_said("ghost"));
}

/* A host that is waited for to prepare, until it is known to be gone. */
static void test_host_lease_ends(void **state)
{
	struct intent_apply apply = asks("a", SITE("hq", "1"));
	int64_t lease = ghost_with(NULL);

	start(0, &came[0], &apply);
	RUN_UNTIL(host[0].prepared == 1 && host[1].prepared == 1);
	assert_false(came[0].done);
	lease_end(lease);
	RUN_UNTIL(came[0].done);
	assert_int_equal(came[0].status, 0);
	assert_true(has(1, "a", "hq"));
}

static void on_host_lease(void *arg, const struct ncsdb_range_result *res)
{
	*(int64_t *)arg = res->n ? res->kvs[0].lease : -1;
}

/* The coordinator's own, between stage and head: nothing has changed, and it comes back. */
static void test_own_lease_ends(void **state)
{
	struct intent_apply apply = asks("a", SITE("hq", "1"));
	int64_t lease = 0, ghost_lease = ghost_with(NULL);

	start(0, &came[0], &apply);
	RUN_UNTIL(host[0].prepared == 1 && host[1].prepared == 1);
	assert_int_equal(ncsdb_range(db, &(struct ncsdb_range){.key = "/san/nemo/hosts/pe1"},
				     on_host_lease, &lease),
			 0);
	RUN_UNTIL(lease);
	lease_end(lease);
	RUN_UNTIL(came[0].done);
	assert_int_equal(came[0].status, -EHOSTUNREACH);
	assert_string_equal(stored("/san/nemo/head"), "");
	lease_end(ghost_lease);
	RUN_UNTIL(host_said("pe1") && host_said("pe2"));
	assert_int_equal(applied("a", SITE("br", "2")), 0);
	assert_true(has(1, "a", "br"));
}

/* ---- limits ---- */

#define MANY 10000

/* More than one value of etcd may hold, and more than one request of it. */
static void test_large_script(void **state)
{
	struct nemo_text text = {0};
	struct came *c = &came[0];

	for (int i = 0; i < MANY; i++)
		nemo_text_add(&text, "CREATE CFN c%d Type host Property description: \"%0150d\";\n",
			      i, i);
	assert_true(text.len > 1536u << 10);
	assert_int_equal(applied("a", text.data), 0);
	assert_true(c->n_done == MANY && has(1, "a", "c9999"));
	host_close(1);
	host_open(1);
	assert_int_equal(nemo_store_count(intent_store(host[1].in, "a")), MANY);
	free(text.data);
}

static void test_without_etcd(void **state)
{
	printf("etcd is not installed: skipped\n");
	skip();
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup_etcd, teardown_etcd)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(history_and_rollback),  TEST(one_cannot_apply), TEST(two_stages),
		TEST(lost_swap_of_the_head), TEST(one_of_two),	     TEST(coordinator_lease_ends),
		TEST(host_lease_ends),	     TEST(own_lease_ends),   TEST(large_script),
	};
	const struct CMUnitTest none[] = {cmocka_unit_test(test_without_etcd)};

	alarm(1800); /* etcd goes with this process */
	if (!etcd_installed())
		return cmocka_run_group_tests(none, NULL, NULL);
	return cmocka_run_group_tests(tests, start_etcd, stop_etcd);
}
