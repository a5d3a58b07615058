/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instances that somebody else wrote, key by key, as `etcdctl put` or an agent does. */
#include "unit/csc/rig.h"

#include "csc/csc_int.h"

/* ---- the database's transactions, with faults in those that csc writes: they compare ---- */

static struct ncsdb_ops front_ops;
static const struct ncsdb_ops *back_ops;
static int txn_fails, txn_status, n_txns;
static bool txn_lost; /* the failing ones happen all the same */

struct faulty {
	ncsdb_txn_cb cb;
	void *arg;
	int status;
};

static void on_txn(void *arg, const struct ncsdb_txn_result *res)
{
	struct faulty *f = arg;
	struct ncsdb_txn_result answer = *res;

	if (f->status)
		answer = (struct ncsdb_txn_result){.status = f->status};
	if (f->cb)
		f->cb(f->arg, &answer);
	free(f);
}

/* One answer that comes very late. */
static bool hold_next;
static struct {
	struct faulty *f;
	struct ncsdb_txn_result res;
} held;

static void on_held(void *arg, const struct ncsdb_txn_result *res)
{
	held.f = arg;
	held.res = *res;
}

static void held_answer(void)
{
	assert_non_null(held.f);
	held.f->cb(held.f->arg, &held.res);
	free(held.f);
	held.f = NULL;
}

static int front_txn(struct ncsdb *d, const struct ncsdb_txn *txn, ncsdb_txn_cb cb, void *arg)
{
	struct faulty *f;

	n_txns += txn->n_cmps > 0;
	if (hold_next && txn->n_cmps) {
		hold_next = false;
		f = malloc(sizeof(*f));
		*f = (struct faulty){cb, arg, 0};
		return back_ops->txn(d, txn, on_held, f);
	}
	if (txn_fails == 0 || txn->n_cmps == 0)
		return back_ops->txn(d, txn, cb, arg);
	txn_fails--;
	f = malloc(sizeof(*f));
	*f = (struct faulty){cb, arg, txn_status};
	return back_ops->txn(d, txn_lost ? txn : &(struct ncsdb_txn){0}, on_txn, f);
}

static void faults_on(void)
{
	back_ops = db->ops;
	front_ops = *db->ops;
	front_ops.txn = front_txn;
	db->ops = &front_ops;
	txn_fails = n_txns = 0;
	txn_lost = false;
}

static int setup_faults(void **state)
{
	setup_gateway(state);
	faults_on();
	return 0;
}

static void fail_next(int n, int why, bool lost)
{
	txn_fails = n;
	txn_status = why;
	txn_lost = lost;
}

static void on_over(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

static void run_ms(uint64_t ms)
{
	bool over = false;
	uv_timer_t timer;

	uv_timer_init(&loop, &timer);
	timer.data = &over;
	uv_timer_start(&timer, on_over, ms, 0);
	wait_for(&over);
	uv_close((uv_handle_t *)&timer, NULL);
	turn();
}

/* ---- instances ---- */

static const char *sid_of(const char *instance)
{
	const struct view_instance *inst = seen(instance);

	return inst ? addr_text(&inst->sid) : "none";
}

static void key_put(const char *instance, const char *field, const char *text, int64_t lease)
{
	char key[128];
	struct ncsdb_op op = {NCSDB_PUT, key, text, strlen(text), lease};

	snprintf(key, sizeof(key), "/san/status/0x101/%s/%s", instance, field);
	raw_ops(&op, 1);
}

static void instance_put(const char *instance)
{
	key_put(instance, "gateway", "gw2", 0);
	key_put(instance, "address", "2001:db8:2a::2", 0);
	turn();
}

static void test_any_order_of_keys(void **state)
{
	static const char *const fields[][2] = {{"gateway", "gw2"},
						{"address", "10.2.0.5"},
						{"state", "draining"},
						{"cpu_load", "71"}};
	char name[16];
	int n = 0;

	for (int first = 0; first < 4; first++) {
		for (int step = 1; step < 4; step += 2) {
			snprintf(name, sizeof(name), "i%d", n);
			for (int i = 0; i < 4; i++) {
				int f = (first + i * step) % 4;

				key_put(name, fields[f][0], fields[f][1], 0);
				turn();
			}
			assert_int_equal(seen(name)->state, INSTANCE_DRAINING);
			assert_int_equal(value(name, ATTR_CPU_LOAD), 71000);
			assert_int_equal(IN6_IS_ADDR_V4MAPPED(&seen(name)->address), 1);
			n++;
		}
	}
	for (int i = 0; i < n; i++) {
		char want[32];

		snprintf(name, sizeof(name), "i%d", i);
		snprintf(want, sizeof(want), "5f00:0:2:%x::", FUNCTION_MIN + i);
		assert_string_equal(sid_of(name), want);
	}
	assert_int_equal(n_txns, n); /* one for each */
	assert_int_equal(csc_refused(csc), 0);
}

static void test_under_the_lease_of_the_address(void **state)
{
	assert_int_equal(agent_put("a1", "{\"ttl_s\": 60}"), 0);
	key_put("a", "gateway", "gw2", l.id);
	key_put("a", "address", "2001:db8::1", l.id);
	turn();
	assert_string_equal(sid_of("a"), "5f00:0:2:100::");
	assert_non_null(strstr(stored("/san/status/"), "a/sid=5f00:0:2:100::(L)"));
	assert_int_equal(agent_del("a1"), 0);
	turn();
	assert_string_equal(stored("/san/status/"), "");
	assert_string_equal(sid_of("a"), "none");
	instance_put("b");
	assert_string_equal(sid_of("b"), "5f00:0:2:100::");
}

static void test_only_ours(void **state)
{
	key_put("a", "gateway", "gw3", 0);
	key_put("a", "address", "2001:db8::1", 0);
	turn();
	assert_string_equal(sid_of("a"), "::");
	key_put("a", "gateway", "gw2", 0); /* it moves here */
	turn();
	assert_string_equal(sid_of("a"), "5f00:0:2:100::");
	key_put("b", "address", "2001:db8::1", 0); /* of nobody yet */
	key_put("c", "gateway", "gw2", 0);	   /* no address */
	turn();
	assert_string_equal(sid_of("b"), "::");
	assert_string_equal(sid_of("c"), "::");
}

static void test_what_was_there_before_us(void **state)
{
	char key[64];

	csc_close(csc);
	view_fini(&view);
	view_init(&view);
	key_put("a", "gateway", "gw2", 0);
	key_put("a", "address", "2001:db8::1", 0);
	key_put("z", "gateway", "gw2", 0);
	key_put("z", "address", "2001:db8::2", 0);
	key_put("z", "sid", "5f00:0:2:100::", 0); /* read after a, and after all aggregates */
	for (int i = 1; i <= 3; i++) {
		snprintf(key, sizeof(key), "/san/aggregates/0x%d/gw3", i);
		raw_put(key, "{\"count\": 0, \"capacity\": 0, \"metric\": 1000}");
	}
	ncsdb_follow_limits.page = 1;
	csc_again();
	turn();
	ncsdb_follow_limits.page = FOLLOW_PAGE;
	assert_string_equal(sid_of("a"), "5f00:0:2:101::");
	assert_string_equal(sid_of("z"), "5f00:0:2:100::");
}

static void test_taken_away_and_told(void **state)
{
	instance_put("a");
	assert_string_equal(sid_of("a"), "5f00:0:2:100::");
	raw_del("/san/status/0x101/a/sid");
	assert_string_equal(sid_of("a"), "5f00:0:2:100::"); /* again */
	key_put("a", "sid", "5f00:0:2:777::", 0);
	turn();
	assert_string_equal(sid_of("a"), "5f00:0:2:777::");
	instance_put("b");
	assert_string_equal(sid_of("b"), "5f00:0:2:100::");
}

/* All in one turn: what we decided on is not true any more when we write. */
static void test_conditions(void **state)
{
	struct ncsdb_op ops[] = {
		{NCSDB_PUT, "/san/status/0x101/a/address", "2001:db8::1", 11, 0},
		{NCSDB_PUT, "/san/status/0x101/a/gateway", "gw2", 3, 0},
	};
	struct ncsdb_op sid = {NCSDB_PUT, "/san/status/0x101/a/sid", "5f00:0:9::", 10, 0};

	ncsdb_txn(db, &(struct ncsdb_txn){.then = ops, .n_then = 2}, NULL, NULL);
	ncsdb_txn(db, &(struct ncsdb_txn){.then = &sid, .n_then = 1}, NULL, NULL);
	turn();
	assert_string_equal(sid_of("a"), "5f00:0:9::");
	assert_int_equal(raw_del("/san/status/0x101/a/sid") > 0, 1);
	assert_string_equal(sid_of("a"), "5f00:0:2:100::");
}

static int64_t grant(void)
{
	assert_int_equal(ncsdb_lease_grant(db, 0, 60, on_lease, (leased(), NULL)), 0);
	wait_for(&l.done);
	return l.id;
}

/* The address goes and comes before we have heard of it: another life, another lease. */
static void test_another_life(void **state)
{
	int64_t first = grant(), second = grant();
	struct ncsdb_op ops[] = {
		{NCSDB_PUT, "/san/status/0x101/a/address", "2001:db8::1", 11, first},
		{NCSDB_PUT, "/san/status/0x101/a/gateway", "gw2", 3, 0},
	};
	struct ncsdb_op gone = {.type = NCSDB_DELETE, .key = ops[0].key};

	ncsdb_txn(db, &(struct ncsdb_txn){.then = ops, .n_then = 2}, NULL, NULL);
	ncsdb_txn(db, &(struct ncsdb_txn){.then = &gone, .n_then = 1}, NULL, NULL);
	ops[0].lease = second;
	ncsdb_txn(db, &(struct ncsdb_txn){.then = ops, .n_then = 1}, NULL, NULL);
	turn();
	assert_string_equal(sid_of("a"), "5f00:0:2:100::");
	assert_int_equal(n_txns, 2); /* the first one did not hold */
	ncsdb_lease_revoke(db, first, on_lease, (leased(), NULL));
	wait_for(&l.done);
	turn();
	assert_non_null(strstr(stored("/san/status/"), "a/sid=5f00:0:2:100::(L)"));
	assert_int_equal(n_txns, 2);
	ncsdb_lease_revoke(db, second, on_lease, (leased(), NULL));
	wait_for(&l.done);
	turn();
	assert_string_equal(stored("/san/status/"), "/san/status/0x101/a/gateway=gw2");
}

static void test_a_bad_sid_is_no_reason_to_try_for_ever(void **state)
{
	key_put("a", "sid", "nonsense", 0);
	instance_put("a");
	n_txns = 0;
	run_ms(1500);
	assert_int_equal(n_txns, 0);
	assert_string_equal(sid_of("a"), "::");
	assert_int_equal(csc_refused(csc), 1);
	raw_del("/san/status/0x101/a/sid");
	assert_string_equal(sid_of("a"), "5f00:0:2:100::");
	assert_int_equal(n_txns, 1);
}

static void test_tried_again(void **state)
{
	static const int why[] = {-EHOSTUNREACH, -EAGAIN, -EROFS};

	for (int i = 0; i < 3; i++) {
		char name[16], want[32];

		snprintf(name, sizeof(name), "i%d", i);
		snprintf(want, sizeof(want), "5f00:0:2:%x::", FUNCTION_MIN + i);
		fail_next(1, why[i], false);
		key_put(name, "address", "2001:db8::1", 0);
		key_put(name, "gateway", "gw2", 0);
		turn();
		assert_string_equal(sid_of(name), "::");
		run_ms(2500);
		assert_string_equal(sid_of(name), want);
	}
}

/* Without an answer it may have happened: never a second SID, and nobody else gets this one. */
static void test_no_answer(void **state)
{
	fail_next(1, -ETIMEDOUT, true);
	instance_put("a");
	assert_string_equal(sid_of("a"), "5f00:0:2:100::");
	fail_next(1, -ETIMEDOUT, false);
	instance_put("b");
	assert_string_equal(sid_of("b"), "::");
	instance_put("c");
	assert_string_equal(sid_of("c"), "5f00:0:2:102::");
	run_ms(1500);
	assert_string_equal(sid_of("a"), "5f00:0:2:100::");
	assert_string_equal(sid_of("b"), "5f00:0:2:101::");
}

/* Registered over REST while the SID is being written: the same one. */
static void test_both_ways_at_once(void **state)
{
	struct ncsdb_op ops[] = {
		{NCSDB_PUT, "/san/status/0x101/a/address", "2001:db8:2a::2", 14, 0},
		{NCSDB_PUT, "/san/status/0x101/a/gateway", "gw2", 3, 0},
	};

	fail_next(0, 0, false);
	ncsdb_txn(db, &(struct ncsdb_txn){.then = ops, .n_then = 2}, NULL, NULL);
	while (!seen("a") || IN6_IS_ADDR_UNSPECIFIED(&seen("a")->address))
		uv_run(&loop, UV_RUN_NOWAIT);
	assert_int_equal(put(0x101, "a", GOOD, ANY_REVISION), 0);
	turn();
	assert_string_equal(sid_of("a"), "5f00:0:2:100::");
	instance_put("b");
	assert_string_equal(sid_of("b"), "5f00:0:2:101::");
}

static void test_many_at_once(void **state)
{
	static bool used[FUNCTION_MAX + 1];
	char name[16];
	int n = 0;

	memset(used, 0, sizeof(used));
	for (int i = 0; i < 2000; i++) {
		char keys[2][64];
		struct ncsdb_op ops[] = {{NCSDB_PUT, keys[0], "gw2", 3, 0},
					 {NCSDB_PUT, keys[1], "2001:db8::1", 11, 0}};

		snprintf(keys[0], sizeof(keys[0]), "/san/status/0x101/m%d/gateway", i);
		snprintf(keys[1], sizeof(keys[1]), "/san/status/0x101/m%d/address", i);
		ncsdb_txn(db, &(struct ncsdb_txn){.then = ops, .n_then = 2}, NULL, NULL);
	}
	fail_next(300, -ETIMEDOUT, true);
	uv_run(&loop, UV_RUN_NOWAIT);
	fail_next(300, -ETIMEDOUT, false);
	run_ms(2500);
	for (int i = 0; i < 2000; i++) {
		struct functions f = {.locator = addr("5f00:0:2::"), .locator_len = 48};
		int function;

		snprintf(name, sizeof(name), "m%d", i);
		function = functions_of(&f, &seen(name)->sid);
		assert_in_range(function, FUNCTION_MIN, FUNCTION_MAX);
		assert_false(used[function]);
		used[function] = true;
		n++;
	}
	assert_int_equal(n, 2000);
}

static void test_close_while_it_is_written(void **state)
{
	key_put("a", "address", "2001:db8::1", 0);
	key_put("a", "gateway", "gw2", 0);
	key_put("b", "address", "2001:db8::1", 0);
	fail_next(1, -EAGAIN, false);
	key_put("b", "gateway", "gw2", 0);
	uv_run(&loop, UV_RUN_NOWAIT);
}

/* The answer comes when nobody wants it any more: the instance is gone, then all of csc. */
static void test_answers_that_come_too_late(void **state)
{
	hold_next = true;
	instance_put("a");
	assert_string_equal(sid_of("a"), "5f00:0:2:100::");
	raw_del("/san/status/0x101/a/address");
	raw_del("/san/status/0x101/a/gateway");
	raw_del("/san/status/0x101/a/sid");
	held_answer();
	hold_next = true;
	instance_put("b");
	assert_string_equal(sid_of("b"), "5f00:0:2:100::");
	csc_close(csc);
	csc = NULL;
	turn();
	held_answer();
}

/* ---- not all for one ---- */

static void instance_of(const char *name, int64_t lease)
{
	key_put(name, "gateway", "gw2", lease);
	key_put(name, "address", "2001:db8::1", lease);
	turn();
}

static bool has_sid(const char *name)
{
	return strncmp(sid_of(name), "5f00:0:2:", 9) == 0;
}

/* What one lease takes leaves the others their part; who waits is next when one goes. */
static void test_a_part_for_each_lease(void **state)
{
	int64_t mine = grant(), other = grant();

	assert_int_equal(CSC_SIDS_PER_LEASE, 0xff00 / 4);
	assert_int_equal(csc->sids_per_lease, CSC_SIDS_PER_LEASE);
	csc->sids_per_lease = 2;
	instance_of("a", mine);
	instance_of("b", mine);
	instance_of("c", mine);
	instance_of("d", mine);
	assert_true(has_sid("a") && has_sid("b"));
	assert_false(has_sid("c") || has_sid("d"));
	instance_of("x", other);
	instance_of("y", 0);
	assert_true(has_sid("x") && has_sid("y"));
	/* It waits without being tried. */
	n_txns = 0;
	run_ms(1200);
	assert_int_equal(n_txns, 0);
	raw_del("/san/status/0x101/a/address");
	raw_del("/san/status/0x101/a/gateway");
	raw_del("/san/status/0x101/a/sid");
	turn();
	assert_true(has_sid("c"));
	assert_false(has_sid("d"));
	instance_of("d", other); /* another lease has room */
	assert_true(has_sid("d"));
	instance_of("e", other);
	assert_false(has_sid("e"));
	/* With its lease goes all it had, and what waits. */
	ncsdb_lease_revoke(db, other, on_lease, (leased(), NULL));
	wait_for(&l.done);
	turn();
	assert_int_equal(HASH_COUNT(csc->quotas), 2);
	instance_of("z", mine);
	assert_false(has_sid("z")); /* and this one waits when all is closed */
}

/* Of a promise nobody uses the next one gets it. */
static void test_who_waits_may_go(void **state)
{
	csc->sids_per_lease = 1;
	instance_of("a", 0);
	instance_of("b", 0);
	instance_of("c", 0);
	instance_of("d", 0);
	raw_del("/san/status/0x101/b/address");
	raw_del("/san/status/0x101/a/gateway");
	raw_del("/san/status/0x101/a/sid");
	turn();
	assert_true(has_sid("c"));
	assert_false(has_sid("d"));
	raw_del("/san/status/0x101/c/gateway");
	raw_del("/san/status/0x101/c/sid");
	turn();
	assert_true(has_sid("d"));
}

/* More than a slice: all are tried again, one slice after the other. */
static void test_again_in_slices(void **state)
{
	const int n = 3 * CSC_SIDS_SLICE + 7;
	char keys[2][64];
	unsigned int before;

	txn_fails = n;
	txn_status = -EAGAIN;
	for (int i = 0; i < n; i++) {
		struct ncsdb_op ops[] = {{NCSDB_PUT, keys[0], "gw2", 3, 0},
					 {NCSDB_PUT, keys[1], "2001:db8::1", 11, 0}};

		snprintf(keys[0], sizeof(keys[0]), "/san/status/0x101/m%d/gateway", i);
		snprintf(keys[1], sizeof(keys[1]), "/san/status/0x101/m%d/address", i);
		ncsdb_txn(db, &(struct ncsdb_txn){.then = ops, .n_then = 2}, NULL, NULL);
	}
	do
		turn();
	while (txn_fails || csc->n_flying);
	for (int slices = 0; csc->later; slices++) {
		assert_true(slices < 20);
		before = csc->n_again ? csc->n_again : n;
		csc_sids_retry(csc);
		assert_int_equal(before - csc->n_again, MIN(before, CSC_SIDS_SLICE));
		while (csc->ready || csc->n_flying)
			turn();
	}
	assert_int_equal(n_txns, 2 * n);
	assert_int_equal(csc->n_again, 0);
	assert_null(csc->ready);
}

/* ---- agents, by the same protocol ---- */

static void test_agents_of_etcds_protocol(void **state)
{
	struct ncsdb_op op = {NCSDB_PUT, "/san/agents/x1", NULL, 0, 0};
	static const char text[] = "{\"host\": \"h1\", \"version\": \"7\", \"start\": \"now\"}";

	assert_int_equal(agent_put("other", "{\"ttl_s\": 60}"), 0);
	assert_int_equal(csc_refused(csc), 0);
	assert_int_equal(agent_keepalive("x1"), -ENOENT);
	/* Its own lease, and no ttl_s: unknown to us. */
	ncsdb_lease_grant(db, 77, 60, on_lease, (leased(), NULL));
	wait_for(&l.done);
	op.value = text;
	op.value_len = strlen(text);
	op.lease = 77;
	raw_ops(&op, 1);
	turn();
	assert_int_equal(csc_refused(csc), 0);
	assert_int_equal(agent_keepalive("x1"), 0);
	assert_int_equal(l.id, 77);
	assert_int_equal(agent_put("x1", "{\"ttl_s\": 30}"), 0);
	assert_int_equal(l.id, 77);
	assert_int_equal(agent_del("x1"), 0);
	turn();
	assert_int_equal(agent_keepalive("x1"), -ENOENT);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup_faults, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_any_order_of_keys),
		T(test_under_the_lease_of_the_address),
		T(test_only_ours),
		T(test_what_was_there_before_us),
		T(test_taken_away_and_told),
		T(test_conditions),
		T(test_another_life),
		T(test_a_bad_sid_is_no_reason_to_try_for_ever),
		T(test_tried_again),
		T(test_no_answer),
		T(test_both_ways_at_once),
		T(test_many_at_once),
		T(test_close_while_it_is_written),
		T(test_answers_that_come_too_late),
		T(test_a_part_for_each_lease),
		T(test_who_waits_may_go),
		T(test_again_in_slices),
		T(test_agents_of_etcds_protocol),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
