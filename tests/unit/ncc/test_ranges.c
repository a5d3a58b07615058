/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers and ranges that are given out, given back, and rest before they are used again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ncc/buddy.h"
#include "ncc/pool.h"

/* --- rest --- */

static void test_rest_in_order(void **state)
{
	struct rest rest = {0};
	uint32_t number = 0;

	for (uint32_t i = 0; i < 200; i++) /* grows, wraps */
		assert_int_equal(rest_add(&rest, i, 1000 + i), 0);
	assert_false(rest_take(&rest, 1000 + REST_MS - 1, &number));
	for (uint32_t i = 0; i < 100; i++) {
		assert_true(rest_take(&rest, 1000 + REST_MS + i, &number));
		assert_int_equal(number, i);
	}
	for (uint32_t i = 200; i < 400; i++)
		assert_int_equal(rest_add(&rest, i, 2000), 0);
	for (uint32_t i = 100; i < 400; i++) {
		assert_true(rest_take(&rest, 3000, &number));
		assert_int_equal(number, i);
	}
	assert_false(rest_take(&rest, 9000, &number));
	rest_fini(&rest);
}

/* --- pool --- */

static void test_pool_rests(void **state)
{
	struct pool pool;

	assert_int_equal(pool_init(&pool, 4), 0);
	assert_int_equal(pool_take(&pool, 0), 1);
	assert_int_equal(pool_take(&pool, 0), 2);
	assert_true(pool_mark(&pool, 3));
	assert_false(pool_mark(&pool, 3));
	assert_false(pool_mark(&pool, 4));
	assert_int_equal(pool_take(&pool, 0), 0);
	pool_give(&pool, 2, 1000);
	pool_give(&pool, 2, 1050); /* not twice */
	assert_int_equal(pool_used(&pool), 2);
	assert_int_equal(pool_take(&pool, 1000 + REST_MS - 1), 0);
	assert_int_equal(pool_take(&pool, 1000 + REST_MS), 2);
	pool_put_back(&pool, 1);
	pool_put_back(&pool, 1); /* not twice */
	pool_give(&pool, 0, 0);
	assert_int_equal(pool_used(&pool), 2);
	assert_int_equal(pool_take(&pool, 1200), 1);
	pool_fini(&pool);
}

static void test_pool_goes_round(void **state)
{
	struct pool pool;

	assert_int_equal(pool_init(&pool, 130), 0);
	assert_true(pool_mark(&pool, 2));
	assert_int_equal(pool_take(&pool, 0), 1);
	pool_put_back(&pool, 1);
	assert_int_equal(pool_take(&pool, 0), 3); /* 2 is marked, 1 comes last */
	for (uint32_t i = 4; i < 130; i++)
		assert_int_equal(pool_take(&pool, 0), i);
	assert_int_equal(pool_take(&pool, 0), 1);
	assert_int_equal(pool_take(&pool, 0), 0);
	pool_give(&pool, 999, 0);
	assert_int_equal(pool_used(&pool), 129);
	pool_fini(&pool);
	assert_int_equal(pool_init(&pool, 1), 0);
	assert_int_equal(pool_take(&pool, 0), 0);
	pool_fini(&pool);
}

/* --- buddy --- */

static void test_ranges_do_not_overlap(void **state)
{
	static unsigned char taken[1 << 20];
	struct buddy buddy;
	uint32_t base, n = 0;

	assert_int_equal(buddy_init(&buddy, 1 << 20), 0);
	for (unsigned int i = 0;; i++) {
		unsigned int bits = BUDDY_MIN_BITS + i * 7 % 9;

		base = buddy_take(&buddy, bits, 0);
		if (base == BUDDY_NONE)
			break;
		assert_int_equal(base & ((1u << bits) - 1), 0);
		for (uint32_t s = base; s < base + (1u << bits); s++) {
			assert_int_equal(taken[s], 0);
			taken[s] = 1;
		}
		n += 1u << bits;
	}
	assert_int_equal(buddy.used, n);
	buddy_fini(&buddy);
}

static void test_all_of_it(void **state)
{
	struct buddy buddy;

	assert_int_equal(buddy_init(&buddy, 1024), 0);
	for (uint32_t i = 0; i < 8; i++)
		assert_int_not_equal(buddy_take(&buddy, 7, 0), BUDDY_NONE);
	assert_int_equal(buddy.used, 1024);
	assert_int_equal(buddy_take(&buddy, 7, 0), BUDDY_NONE);
	buddy_fini(&buddy);
}

static void test_no_power_of_two(void **state)
{
	struct buddy buddy;

	assert_int_equal(buddy_init(&buddy, 1024 + 256 + 100), 0);
	assert_int_equal(buddy_take(&buddy, 10, 0), 0);
	assert_int_equal(buddy_take(&buddy, 9, 0), BUDDY_NONE);
	assert_int_equal(buddy_take(&buddy, 8, 0), 1024);
	assert_int_equal(buddy_take(&buddy, 7, 0), BUDDY_NONE); /* 100 are no unit */
	buddy_fini(&buddy);
}

static void test_range_rests(void **state)
{
	struct buddy buddy;

	assert_int_equal(buddy_init(&buddy, 512), 0);
	assert_int_equal(buddy_take(&buddy, 9, 0), 0);
	buddy_give(&buddy, 0, 1000);
	buddy_give(&buddy, 0, 1050); /* not twice */
	assert_int_equal(buddy.used, 512);
	assert_int_equal(buddy_take(&buddy, 7, 1000 + REST_MS - 1), BUDDY_NONE);
	assert_int_equal(buddy_take(&buddy, 9, 1000 + REST_MS), 0);
	buddy_fini(&buddy);
}

/* Four quarters given back in any order are one range again. */
static void test_neighbours_join(void **state)
{
	static const uint32_t order[] = {256, 0, 384, 128};
	struct buddy buddy;

	assert_int_equal(buddy_init(&buddy, 512), 0);
	for (int i = 0; i < 4; i++)
		assert_int_not_equal(buddy_take(&buddy, 7, 0), BUDDY_NONE);
	for (int i = 0; i < 4; i++)
		buddy_give(&buddy, order[i], 0);
	assert_int_equal(buddy_take(&buddy, 9, REST_MS), 0);
	assert_int_equal(buddy.used, 512);
	buddy_fini(&buddy);
}

static void test_marked(void **state)
{
	struct buddy buddy;

	assert_int_equal(buddy_init(&buddy, 1024), 0);
	assert_true(buddy_mark(&buddy, 256, 7));
	assert_false(buddy_mark(&buddy, 256, 7));
	assert_false(buddy_mark(&buddy, 0, 9));	  /* a part of it is taken */
	assert_false(buddy_mark(&buddy, 320, 7)); /* no multiple of its size */
	assert_false(buddy_mark(&buddy, 1024, 7));
	assert_false(buddy_mark(&buddy, 0, 6));
	assert_true(buddy_mark(&buddy, 512, 9));
	assert_int_equal(buddy.used, 640);
	assert_int_equal(buddy_take(&buddy, 8, 0), 0);
	assert_int_equal(buddy_take(&buddy, 7, 0), 384);
	assert_int_equal(buddy_take(&buddy, 7, 0), BUDDY_NONE);
	buddy_give(&buddy, 384, 0);
	buddy_give(&buddy, 256, 0);
	buddy_give(&buddy, 640, 0); /* within a range: ignored */
	assert_int_equal(buddy_take(&buddy, 8, REST_MS), 256);
	buddy_fini(&buddy);
}

static void test_sizes_that_are_none(void **state)
{
	struct buddy buddy;

	assert_int_equal(buddy_init(&buddy, 1 << 18), 0);
	assert_int_equal(buddy_take(&buddy, BUDDY_MIN_BITS - 1, 0), BUDDY_NONE);
	assert_int_equal(buddy_take(&buddy, BUDDY_MAX_BITS + 1, 0), BUDDY_NONE);
	assert_int_equal(buddy_take(&buddy, BUDDY_MAX_BITS, 0) % (1 << 17), 0);
	buddy_fini(&buddy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rest_in_order),
		cmocka_unit_test(test_pool_rests),
		cmocka_unit_test(test_pool_goes_round),
		cmocka_unit_test(test_ranges_do_not_overlap),
		cmocka_unit_test(test_all_of_it),
		cmocka_unit_test(test_no_power_of_two),
		cmocka_unit_test(test_range_rests),
		cmocka_unit_test(test_neighbours_join),
		cmocka_unit_test(test_marked),
		cmocka_unit_test(test_sizes_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
