/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/ncsdb/harness.h"

#include "ncsdb/lease.h"
#include "util/clock.h"

static void test_grant(void **state)
{
	struct lease_answer a = grant(5, 60), b = grant(0, 60);

	assert_int_equal(a.status, 0);
	assert_int_equal(a.id, 5);
	assert_int_equal(a.ttl_s, 60);
	assert_int_equal(b.status, 0);
	assert_true(b.id > 0 && b.id != 5);
	assert_int_equal(grant(5, 60).status, -EEXIST);
	assert_int_equal(status().leases, 2);
}

static void test_bad_arguments(void **state)
{
	struct lease_answer a;

	assert_int_equal(ncsdb_lease_grant(db, 0, NCSDB_LEASE_TTL_MIN_S - 1, on_lease_answer, &a),
			 -EINVAL);
	assert_int_equal(ncsdb_lease_grant(db, 0, NCSDB_LEASE_TTL_MAX_S + 1, on_lease_answer, &a),
			 -EINVAL);
	assert_int_equal(ncsdb_lease_grant(db, -1, 60, on_lease_answer, &a), -EINVAL);
	assert_int_equal(ncsdb_lease_grant(db, 0, 60, NULL, &a), -EINVAL);
	assert_int_equal(ncsdb_lease_keepalive(db, 0, on_lease_answer, &a), -EINVAL);
	assert_int_equal(ncsdb_lease_revoke(db, -5, on_lease_answer, &a), -EINVAL);
	assert_int_equal(grant(0, NCSDB_LEASE_TTL_MIN_S).status, 0);
	assert_int_equal(grant(0, NCSDB_LEASE_TTL_MAX_S).status, 0);
}

static void test_revoke_without_keys_makes_no_revision(void **state)
{
	grant(7, 60);
	assert_int_equal(lease_revoke(7).status, 0);
	assert_int_equal(status().revision, 1);
}

static void on_too_long(uv_timer_t *timer)
{
	fail_msg("the lease does not end");
}

/* The loop itself waits for the end (a database alone keeps no loop alive). */
static void test_expiry(void **state)
{
	struct seen seen = {0};
	uint64_t start = clock_us();
	uv_timer_t hold;

	grant(7, NCSDB_LEASE_TTL_MIN_S);
	grant(8, 60);
	put_lease("/a", "1", 7);
	put_lease("/b", "1", 7);
	put_lease("/c", "1", 8);
	assert_int_equal(keepalive(7).ttl_s, NCSDB_LEASE_TTL_MIN_S);
	watch("/", 0, &seen);
	uv_timer_init(&loop, &hold);
	uv_timer_start(&hold, on_too_long, 60000, 0);
	while (!seen.updates)
		uv_run(&loop, UV_RUN_ONCE);
	assert_true(clock_us() - start >= NCSDB_LEASE_TTL_MIN_S * 1000000ull);
	assert_int_equal(seen.events, 2);
	assert_int_equal(status().leases, 1);
	uv_close((uv_handle_t *)&hold, NULL);
	assert_string_equal(list("/"), "/c=1@4");
}

static void test_lease_limit(void **state)
{
	struct lease_answer *a = calloc(NCSDB_LEASES_MAX, sizeof(*a));

	for (int i = 0; i < NCSDB_LEASES_MAX; i++)
		assert_int_equal(ncsdb_lease_grant(db, 0, 60, on_lease_answer, &a[i]), 0);
	settle();
	assert_int_equal(status().leases, NCSDB_LEASES_MAX);
	assert_int_equal(grant(0, 60).status, -ENOSPC);
	assert_int_equal(lease_revoke(a[3].id).status, 0);
	assert_int_equal(grant(0, 60).status, 0);
	free(a);
}

/* The heap against a search for the minimum. */
static void test_nearest(void **state)
{
	struct leases ls = {0};
	unsigned int seed = 1;
	int64_t alive = 0;

	for (int i = 0; i < 3000; i++) {
		int64_t id = 1 + rand_r(&seed) % 200;
		struct lease *lease = lease_get(&ls, id);
		uint64_t now = (uint64_t)i * 1000000;

		if (!lease) {
			assert_int_equal(lease_add(&ls, id, 2 + rand_r(&seed) % 500, now), 0);
			alive++;
		} else if (rand_r(&seed) % 2) {
			lease_renew(&ls, lease, now);
		} else {
			lease_del(&ls, lease);
			alive--;
		}
		assert_int_equal(ls.n, alive);
		for (size_t k = 0; k < ls.n; k++) {
			assert_int_equal(ls.heap[k]->heap_at, k);
			assert_true(lease_nearest(&ls)->deadline_us <= ls.heap[k]->deadline_us);
		}
	}
	leases_fini(&ls);
}

#define T(name) cmocka_unit_test_setup_teardown(name, memory_setup, memory_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_grant),
		T(test_bad_arguments),
		T(test_revoke_without_keys_makes_no_revision),
		T(test_expiry),
		T(test_lease_limit),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
