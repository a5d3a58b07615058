/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A follower that may not read its keys holds neither the view's time nor the start. */
#include "sand/database.c"
#include "sand/secret.c"

#include "unit/srm/rig.h"

static struct srm *srm;
static struct nsc *nsc;
static struct csc *csc;
static struct database database;
static struct ncsdb_ops ops;
static const struct ncsdb_ops *real;
static bool forbidden;

static void nothing(void *arg)
{
}

struct refused_range {
	ncsdb_range_cb cb;
	void *arg;
};

static void on_range(void *arg, const struct ncsdb_range_result *res)
{
	struct refused_range *r = arg;

	r->cb(r->arg, &(struct ncsdb_range_result){.status = -EACCES});
	free(r);
}

/* One prefix only. */
static int range(struct ncsdb *d, const struct ncsdb_range *req, ncsdb_range_cb cb, void *arg)
{
	struct refused_range *r;

	if (!forbidden || strcmp(req->key, "/san/network/") != 0)
		return real->range(d, req, cb, arg);
	r = malloc(sizeof(*r));
	*r = (struct refused_range){cb, arg};
	return real->range(d, req, on_range, r);
}

static int setup(void **state)
{
	rig_open();
	real = db->ops;
	ops = *real;
	ops.range = range;
	db->ops = &ops;
	database = (struct database){.conf = {.loop = &loop, .view = &view}, .db = db};
	uv_timer_init(&loop, &database.timer);
	database.timer.data = &database;
	return 0;
}

static int teardown(void **state)
{
	uv_close((uv_handle_t *)&database.timer, NULL);
	csc_close(csc);
	nsc_close(nsc);
	srm_close(srm);
	rig_close();
	return 0;
}

static void open_all(void)
{
	assert_int_equal(srm_open(db, &view, nothing, NULL, &srm), 0);
	assert_int_equal(nsc_open(db, &view, nothing, NULL, &nsc), 0);
	assert_int_equal(csc_open(db, &view, &(struct csc_conf){0}, nothing, NULL, &csc), 0);
	database.srm = srm;
	database.nsc = nsc;
	database.csc = csc;
}

static void settles(void)
{
	struct ncsdb_status s;

	ncsdb_status(db, &s);
	database.target = s.revision;
	database.seen = -1;
	database.was_in_sync = false;
	for (int i = 0; i < 2; i++) {
		turn();
		on_settle(&database.timer);
	}
	assert_true(database.was_in_sync);
}

static void test_all_are_in(void **state)
{
	forbidden = false;
	open_all();
	assert_false(database_settled(&database)); /* nothing is in yet */
	settles();
	assert_true(database_settled(&database));
}

static void test_one_may_not_read(void **state)
{
	struct ncsdb_follow_stats stats;

	forbidden = true;
	open_all();
	assert_false(database_settled(&database));
	settles();
	nsc_follow_stats(nsc, &stats);
	assert_false(stats.synced);
	assert_true(database_settled(&database));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_all_are_in),
		T(test_one_may_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
