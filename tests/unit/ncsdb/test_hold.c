/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncsdb/hold.h"
#include "unit/ncsdb/faulty.h"

#define OWN_CLOCK_JUMPS 1
#include "unit/own_clock.h"

static struct ncsdb_hold *hold;
static int64_t leases[16];
static size_t n_leases;

/* What lives under the lease is written again with each one. */
static void on_held(void *arg, int64_t lease)
{
	struct ncsdb_op op = op_put("/mine", "x");

	assert_int_equal(lease, ncsdb_hold_lease(hold));
	leases[n_leases++] = lease;
	op.lease = lease;
	assert_int_equal(ncsdb_txn(db, &(struct ncsdb_txn){.then = &op, .n_then = 1}, NULL, NULL),
			 0);
}

static void begin(unsigned int ttl_s)
{
	assert_int_equal(ncsdb_hold_start(&loop, &front.base, ttl_s, on_held, NULL, &hold), 0);
	assert_int_equal(n_leases, 0);
	assert_int_equal(ncsdb_hold_lease(hold), 0);
}

static void wait_leases(size_t n, unsigned int max_ms)
{
	for (unsigned int ms = 0; n_leases < n; ms += 10) {
		assert_true(ms < max_ms);
		run_ms(10);
	}
}

static int setup(void **state)
{
	memory_setup(state);
	faulty_open();
	hold = NULL;
	n_leases = 0;
	return 0;
}

static int teardown(void **state)
{
	front.lease_status = 0;
	ncsdb_hold_stop(hold, false);
	return memory_teardown(state);
}

static void test_is_kept_alive(void **state)
{
	begin(2);
	wait_leases(1, 1000);
	run_ms(3000);
	assert_int_equal(n_leases, 1);
	assert_string_equal(get("/mine"), "/mine=x@2");
	assert_int_equal(ncsdb_hold_lease(hold), leases[0]);
	assert_int_equal(status().leases, 1);
}

static void test_revoked_by_somebody(void **state)
{
	begin(2);
	wait_leases(1, 1000);
	assert_int_equal(lease_revoke(leases[0]).status, 0);
	assert_string_equal(get("/mine"), "");
	wait_leases(2, 2000); /* with the next keep-alive, a third of the TTL away */
	assert_int_not_equal(leases[0], leases[1]);
	assert_int_equal(ncsdb_hold_lease(hold), leases[1]);
	assert_int_equal(range_sync(&(struct ncsdb_range){.key = "/mine"})->n, 1);
}

static void test_database_away_longer_than_the_ttl(void **state)
{
	begin(2);
	wait_leases(1, 1000);
	front.lease_status = -EHOSTUNREACH;
	run_ms(3200);
	assert_int_equal(n_leases, 1);
	assert_int_equal(ncsdb_hold_lease(hold), 0);
	assert_string_equal(get("/mine"), "");
	front.lease_status = 0;
	wait_leases(2, 3000);
	assert_int_not_equal(leases[0], leases[1]);
	assert_int_equal(ncsdb_hold_lease(hold), leases[1]);
}

/* By our clock it was lost, but the store renewed it itself: what was not said meanwhile is said.
 */
static void test_lease_survives_the_outage(void **state)
{
	begin(2);
	wait_leases(1, 1000);
	front.lease_status = -EHOSTUNREACH;
	for (int i = 0; i < 6; i++) {
		run_ms(500);
		assert_int_equal(keepalive(leases[0]).status, 0);
	}
	assert_int_equal(ncsdb_hold_lease(hold), 0);
	assert_int_equal(n_leases, 1);
	front.lease_status = 0;
	wait_leases(2, 3000);
	assert_int_equal(leases[0], leases[1]);
	run_ms(1500);
	assert_int_equal(n_leases, 2); /* once */
	assert_string_equal(get("/mine"), "/mine=x@3");
}

/* Two keep-alives without an answer are no loss. */
static void test_database_away_for_a_moment(void **state)
{
	begin(2);
	wait_leases(1, 1000);
	front.lease_status = -ETIMEDOUT;
	run_ms(1000);
	front.lease_status = 0;
	run_ms(1500);
	assert_int_equal(n_leases, 1);
	assert_int_equal(ncsdb_hold_lease(hold), leases[0]);
	assert_string_equal(get("/mine"), "/mine=x@2");
}

static void test_no_database_at_the_start(void **state)
{
	front.lease_status = -EHOSTUNREACH;
	begin(2);
	run_ms(300);
	assert_int_equal(n_leases, 0);
	front.lease_status = 0;
	wait_leases(1, 2000);
}

static void test_stop_and_revoke(void **state)
{
	begin(60);
	wait_leases(1, 1000);
	ncsdb_hold_stop(hold, true);
	hold = NULL;
	run_ms(10);
	assert_int_equal(status().leases, 0);
	assert_string_equal(get("/mine"), "");
}

static void test_stop_and_leave(void **state)
{
	begin(60);
	wait_leases(1, 1000);
	ncsdb_hold_stop(hold, false);
	hold = NULL;
	run_ms(10);
	assert_int_equal(status().leases, 1);
	ncsdb_hold_stop(NULL, true);
}

static void test_stop_before_it_is_granted(void **state)
{
	begin(60);
	ncsdb_hold_stop(hold, true);
	hold = NULL;
	run_ms(10);
	assert_int_equal(n_leases, 0);
	assert_int_equal(status().leases, 0);
}

static void on_held_stop(void *arg, int64_t lease)
{
	n_leases++;
	ncsdb_hold_stop(hold, true);
	hold = NULL;
}

static void test_stop_when_held(void **state)
{
	assert_int_equal(ncsdb_hold_start(&loop, db, 60, on_held_stop, NULL, &hold), 0);
	wait_leases(1, 1000);
	run_ms(10);
	assert_int_equal(status().leases, 0);
}

static void test_bad_ttl(void **state)
{
	assert_int_equal(ncsdb_hold_start(&loop, db, 1, on_held, NULL, &hold), -EINVAL);
	assert_int_equal(
		ncsdb_hold_start(&loop, db, NCSDB_LEASE_TTL_MAX_S + 1, on_held, NULL, &hold),
		-EINVAL);
	assert_null(hold);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_is_kept_alive),
		T(test_revoked_by_somebody),
		T(test_database_away_longer_than_the_ttl),
		T(test_lease_survives_the_outage),
		T(test_database_away_for_a_moment),
		T(test_no_database_at_the_start),
		T(test_stop_and_revoke),
		T(test_stop_and_leave),
		T(test_stop_before_it_is_granted),
		T(test_stop_when_held),
		T(test_bad_ttl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
