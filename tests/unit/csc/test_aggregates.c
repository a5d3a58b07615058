/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What gateways say of all their instances of a service. */
#include "unit/csc/rig.h"

#define VALUE                                                                                      \
	"{\"count\": 3, \"capacity\": 2410, \"metric\": 120, \"attributes\": {\"cpu_load\": 41.5}}"

static const struct view_instance *agg_of(const char *instance)
{
	return view_instance(&view, 0x101, instance);
}

static struct ncsdb_follow_stats follow_stats(void)
{
	struct ncsdb_follow_stats s;

	csc_follow_stats(csc, &s);
	return s;
}

static void test_followed_into_the_view(void **state)
{
	const struct view_instance *inst;
	const struct sample *s;

	raw_put("/san/aggregates/0x101/gw3", VALUE);
	inst = agg_of("@gw3");
	assert_non_null(inst);
	assert_true(inst->aggregate);
	assert_string_equal(inst->gateway, "gw3");
	assert_int_equal(inst->agg_count, 3);
	assert_int_equal(inst->agg_capacity, 2410);
	s = samples_get(&inst->samples, ATTR_CPU_LOAD);
	assert_int_equal(s->milli, 41500);
	assert_true(s->received_us > 0);
	raw_put("/san/aggregates/0x101/gw3", "{\"count\": 0, \"capacity\": 0, \"metric\": 1000}");
	inst = agg_of("@gw3");
	assert_int_equal(inst->agg_count, 0);
	assert_int_equal(inst->samples.n, 0);
	raw_del("/san/aggregates/0x101/gw3");
	assert_null(agg_of("@gw3"));
	assert_null(view_service(&view, 0x101));
	assert_int_equal(csc_refused(csc), 0);
}

static void test_bad_values_leave_the_last_good_one(void **state)
{
	static const char *const bad[] = {"", "x", "[]", "{}",
					  "{\"count\": 1, \"capacity\": 5000, \"metric\": 1}"};

	raw_put("/san/aggregates/0x101/gw3", VALUE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		raw_put("/san/aggregates/0x101/gw3", bad[i]);
		assert_int_equal(csc_refused(csc), i + 1);
		assert_int_equal(agg_of("@gw3")->agg_count, 3);
	}
	raw_put("/san/aggregates/257/gw3", VALUE);
	raw_put("/san/aggregates/0x101/g w", VALUE);
	raw_put("/san/aggregates/0x101", VALUE);
	assert_int_equal(csc_refused(csc), 8);
}

static int publish(uint64_t service, const struct aggregate *agg, int64_t lease)
{
	err = (struct err){0};
	return csc_aggregate_put(csc, service, agg, lease, &err);
}

static void test_published_and_withdrawn(void **state)
{
	struct aggregate agg = {.count = 1, .capacity = 900, .metric = 100};

	assert_int_equal(publish(0x101, &agg, 0), 0);
	turn();
	assert_string_equal(stored("/san/aggregates/"),
			    "/san/aggregates/0x101/gw2={\"attributes\":{},\"capacity\":900,"
			    "\"count\":1,\"metric\":100}");
	assert_int_equal(agg_of("@gw2")->agg_capacity, 900);
	assert_int_equal(publish(0x101, NULL, 0), 0);
	turn();
	assert_string_equal(stored("/san/aggregates/"), "");
	assert_int_equal(publish(0x101, NULL, 0), 0); /* of nothing */
	turn();
	assert_null(agg_of("@gw2"));
}

static int64_t revision_now(void)
{
	struct ncsdb_status s;

	ncsdb_status(db, &s);
	return s.revision;
}

static void test_the_newest_wins(void **state)
{
	struct aggregate agg = {.count = 1, .capacity = 0, .metric = 1000};
	int64_t before = revision_now();

	for (int i = 0; i < 100; i++) {
		agg.capacity = (uint32_t)i;
		assert_int_equal(publish(0x101, &agg, 0), 0);
		assert_int_equal(publish(0x102, i % 2 ? &agg : NULL, 0), 0);
	}
	turn();
	assert_int_equal(agg_of("@gw2")->agg_capacity, 99);
	assert_int_equal(view_instance(&view, 0x102, "@gw2")->agg_capacity, 99);
	assert_int_equal(revision_now() - before, 3); /* the first and the last */
}

static void test_ends_with_its_lease(void **state)
{
	struct aggregate agg = {.count = 1};

	assert_int_equal(agent_put("a1", "{\"ttl_s\": 60}"), 0);
	assert_int_equal(publish(0x101, &agg, l.id), 0);
	turn();
	assert_non_null(strstr(stored("/san/aggregates/"), "(L)"));
	assert_int_equal(agent_del("a1"), 0);
	turn();
	assert_null(agg_of("@gw2"));
	/* Under a lease that is gone nothing is said, and nothing is left over. */
	assert_int_equal(publish(0x101, &agg, 4711), 0);
	turn();
	assert_null(agg_of("@gw2"));
	assert_int_equal(publish(0x101, &agg, 0), 0);
	turn();
	assert_non_null(agg_of("@gw2"));
}

static void test_refusals(void **state)
{
	struct aggregate agg = {.count = 1};
	struct csc *other = NULL;
	struct view view2;

	assert_int_equal(publish(0, &agg, 0), -EINVAL);
	assert_string_equal(err.field, "/service");
	view_init(&view2);
	assert_int_equal(csc_open(db, &view2, &(struct csc_conf){0}, NULL, NULL, &other), 0);
	turn();
	assert_int_equal(csc_aggregate_put(other, 0x101, &agg, 0, &err), -EINVAL);
	assert_non_null(strstr(err.want, "no gateway"));
	assert_string_equal(err.object, "aggregate of service 0x101");
	csc_close(other);
	turn();
	view_fini(&view2);
}

#define LONG62 "gateway-with-a-name-of-62-characters.123456789.123456789.12345"

static void test_long_names(void **state)
{
	struct aggregate agg = {.count = 1};
	struct csc_conf long_conf = {LONG62 "6", addr("5f00:0:3::"), 48};
	struct csc *other = NULL;

	assert_int_equal(strlen(LONG62), CSC_AGGREGATE_NAME);
	raw_put("/san/aggregates/0x101/" LONG62, VALUE);
	assert_non_null(agg_of("@" LONG62));
	assert_int_equal(csc_refused(csc), 0);
	raw_put("/san/aggregates/0x101/" LONG62 "6", VALUE);
	assert_int_equal(csc_refused(csc), 1);
	assert_int_equal(csc_open(db, &view, &long_conf, NULL, NULL, &other), 0);
	assert_int_equal(csc_aggregate_put(other, 0x101, &agg, 0, &err), -EINVAL);
	assert_string_equal(err.field, "/gateway");
	csc_close(other);
	turn();
}

static void test_no_room(void **state)
{
	view.limits.instances = 1;
	raw_put("/san/aggregates/0x101/gw3", VALUE);
	raw_put("/san/aggregates/0x101/gw4", VALUE);
	assert_int_equal(csc_refused(csc), 1);
	assert_null(agg_of("@gw4"));
	assert_non_null(agg_of("@gw3"));
}

static void test_close_while_it_is_written(void **state)
{
	struct aggregate agg = {.count = 1};

	assert_int_equal(publish(0x101, &agg, 0), 0);
	agg.count = 2;
	assert_int_equal(publish(0x101, &agg, 0), 0);
}

/* ---- a database that answers writes with an error, and does nothing ---- */

static struct {
	struct ncsdb_ops ops;
	const struct ncsdb_ops *real;
	int status;
	unsigned int n_txns;
} wrong;

struct wrong_txn {
	ncsdb_txn_cb cb;
	void *arg;
};

static void on_wrong_txn(void *arg, const struct ncsdb_txn_result *res)
{
	struct wrong_txn *t = arg;
	struct ncsdb_txn_result answer = *res;

	if (wrong.status)
		answer = (struct ncsdb_txn_result){.status = wrong.status};
	t->cb(t->arg, &answer);
	free(t);
}

static int wrong_txn(struct ncsdb *d, const struct ncsdb_txn *txn, ncsdb_txn_cb cb, void *arg)
{
	struct ncsdb_op nothing = {.type = NCSDB_DELETE, .key = "/nothing"};
	struct ncsdb_txn none = {.then = &nothing, .n_then = 1};
	struct wrong_txn *t = malloc(sizeof(*t));

	*t = (struct wrong_txn){cb, arg};
	wrong.n_txns++;
	return wrong.real->txn(d, wrong.status ? &none : txn, on_wrong_txn, t);
}

static void go_wrong(int status)
{
	if (db->ops != &wrong.ops) {
		wrong.real = db->ops;
		wrong.ops = *db->ops;
		wrong.ops.txn = wrong_txn;
	}
	wrong.status = status;
	wrong.n_txns = 0;
	db->ops = &wrong.ops;
}

static FILE *log_file;
static int log_stderr;

static void log_begin(void)
{
	log_file = tmpfile();
	assert_non_null(log_file);
	fflush(stderr);
	log_stderr = dup(2);
	assert_true(dup2(fileno(log_file), 2) == 2);
}

/* How often text was logged. */
static int log_end(const char *text)
{
	char line[1024];
	int n = 0;

	fflush(stderr);
	dup2(log_stderr, 2);
	close(log_stderr);
	rewind(log_file);
	while (fgets(line, sizeof(line), log_file))
		n += strstr(line, text) != NULL;
	fclose(log_file);
	return n;
}

static void on_tick(uv_timer_t *tick)
{
	++*(unsigned int *)tick->data;
}

static void wait_txns(unsigned int n, unsigned int max_ms)
{
	unsigned int ticks = 0;
	uv_timer_t tick;

	uv_timer_init(&loop, &tick);
	tick.data = &ticks;
	uv_timer_start(&tick, on_tick, 10, 10);
	while (wrong.n_txns < n && ticks < max_ms / 10)
		uv_run(&loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&tick, NULL);
	assert_in_range(wrong.n_txns, n, n + 1);
	turn();
}

static void test_rights_that_come_later(void **state)
{
	struct aggregate agg = {.count = 1};

	log_begin();
	go_wrong(-EACCES);
	assert_int_equal(publish(0x101, &agg, 0), 0);
	turn();
	assert_int_equal(publish(0x101, &agg, 0), 0);
	assert_int_equal(publish(0x102, &agg, 0), 0);
	wait_txns(5, 10000); /* three, and both again */
	assert_null(agg_of("@gw2"));
	go_wrong(0);
	wait_txns(2, 10000);
	assert_non_null(agg_of("@gw2"));
	assert_int_equal(log_end("aggregate not published"), 2); /* once for each service */
}

static void test_final_refusals_are_told_once(void **state)
{
	struct aggregate agg = {.count = 1};

	log_begin();
	go_wrong(-EINVAL);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(publish(0x101, &agg, 0), 0);
		turn();
	}
	assert_int_equal(wrong.n_txns, 3);
	go_wrong(-ENOENT); /* the lease is gone */
	assert_int_equal(publish(0x102, &agg, 0), 0);
	turn();
	assert_int_equal(log_end("aggregate not published"), 1);
	go_wrong(0);
	assert_int_equal(publish(0x101, &agg, 0), 0);
	turn();
	assert_non_null(agg_of("@gw2"));
}

/* Withdrawn while the database is away, without a lease. */
static void test_withdrawals_are_not_lost(void **state)
{
	struct aggregate agg = {.count = 1};

	assert_int_equal(publish(0x101, &agg, 0), 0);
	turn();
	assert_non_null(agg_of("@gw2"));
	go_wrong(-EHOSTUNREACH);
	assert_int_equal(publish(0x101, NULL, 0), 0);
	turn();
	assert_non_null(agg_of("@gw2"));
	go_wrong(0);
	wait_txns(1, 10000);
	assert_null(agg_of("@gw2"));
}

static void test_stats(void **state)
{
	struct ncsdb_follow_stats s = follow_stats();

	assert_true(s.synced);
	assert_int_equal(s.lists, 3);
	assert_int_equal(s.keys, 0);
	raw_put("/san/aggregates/0x101/gw3", VALUE);
	raw_put("/san/status/0x101/a/cpu_load", "1");
	s = follow_stats();
	assert_int_equal(s.keys, 2);
	assert_int_equal(s.revision, revision_now());
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup_gateway, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_followed_into_the_view),
		T(test_bad_values_leave_the_last_good_one),
		T(test_published_and_withdrawn),
		T(test_the_newest_wins),
		T(test_ends_with_its_lease),
		T(test_refusals),
		T(test_long_names),
		T(test_no_room),
		T(test_close_while_it_is_written),
		T(test_rights_that_come_later),
		T(test_final_refusals_are_told_once),
		T(test_withdrawals_are_not_lost),
		T(test_stats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
