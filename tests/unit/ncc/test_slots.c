/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Slots: shares, what moves when members change, growth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ncc/slots.h"

#define MANY SAN_MAX_MEMBERS
#define ROOM (1u << SAN_MAX_SLOT_BITS)

static uint32_t slots[ROOM], before[ROOM];

static unsigned int count(const uint32_t *list, unsigned int n, uint32_t nexthop)
{
	unsigned int sum = 0;

	for (unsigned int i = 0; i < n; i++)
		sum += list[i] == nexthop;
	return sum;
}

static unsigned int moved(unsigned int n)
{
	unsigned int sum = 0;

	for (unsigned int i = 0; i < n; i++)
		sum += slots[i] != before[i];
	return sum;
}

static void fresh(unsigned int n, const struct slots_member *members, unsigned int n_members)
{
	memset(slots, 0, sizeof(slots));
	slots_assign(slots, n, members, n_members);
	memcpy(before, slots, sizeof(before));
}

static void test_sizes(void **state)
{
	assert_int_equal(slots_bits(1), 7);
	assert_int_equal(slots_bits(2), 8);
	assert_int_equal(slots_bits(3), 9);
	assert_int_equal(slots_bits(4), 9);
	assert_int_equal(slots_bits(5), 10);
	assert_int_equal(slots_bits(MANY), SAN_MAX_SLOT_BITS);
}

static void test_shares_by_weight(void **state)
{
	static const struct slots_member m[] = {{7, 500}, {3, 250}, {9, 249}, {4, 1}};

	fresh(512, m, 4);
	assert_int_equal(count(slots, 512, 7), 256);
	assert_int_equal(count(slots, 512, 3), 128);
	assert_int_equal(count(slots, 512, 9), 127);
	assert_int_equal(count(slots, 512, 4), 1);
}

static void test_largest_rest_first(void **state)
{
	static const struct slots_member m[] = {{1, 1}, {2, 1}, {3, 1}};

	fresh(128, m, 3);
	assert_int_equal(count(slots, 128, 1), 43); /* equal rests: the smaller index */
	assert_int_equal(count(slots, 128, 2), 43);
	assert_int_equal(count(slots, 128, 3), 42);
}

static void test_without_weights(void **state)
{
	static const struct slots_member m[] = {{1, 0}, {2, 0}};

	fresh(128, m, 2);
	assert_int_equal(count(slots, 128, 1), 64);
}

static void test_spread(void **state)
{
	static const struct slots_member m[] = {{1, 1}, {2, 1}, {3, 1}, {4, 1}};

	fresh(512, m, 4);
	for (unsigned int i = 0; i < 512; i += 16) {
		for (uint32_t nexthop = 1; nexthop <= 4; nexthop++)
			assert_in_range(count(slots + i, 16, nexthop), 3, 5);
	}
}

static void test_order_does_not_matter(void **state)
{
	static const struct slots_member m[] = {{5, 10}, {6, 20}, {7, 30}};
	static const struct slots_member r[] = {{7, 30}, {5, 10}, {6, 20}};

	fresh(512, m, 3);
	memset(slots, 0, sizeof(slots));
	slots_assign(slots, 512, r, 3);
	assert_int_equal(moved(512), 0);
}

static void test_same_again(void **state)
{
	static const struct slots_member m[] = {{5, 10}, {6, 20}, {7, 31}};

	fresh(512, m, 3);
	slots_assign(slots, 512, m, 3);
	assert_int_equal(moved(512), 0);
}

static void test_one_leaves(void **state)
{
	struct slots_member m[10];

	for (uint32_t i = 0; i < 10; i++)
		m[i] = (struct slots_member){i + 1, 100 + 7 * i};
	fresh(2048, m, 10);
	slots_assign(slots, 2048, m, 9); /* the tenth leaves */
	assert_int_equal(count(slots, 2048, 10), 0);
	assert_in_range(moved(2048), count(before, 2048, 10), count(before, 2048, 10) + 10);
}

static void test_one_comes(void **state)
{
	struct slots_member m[10];

	for (uint32_t i = 0; i < 10; i++)
		m[i] = (struct slots_member){i + 1, 100 + 7 * i};
	fresh(2048, m, 9);
	slots_assign(slots, 2048, m, 10);
	assert_in_range(moved(2048), count(slots, 2048, 10), count(slots, 2048, 10) + 10);
}

/* Half the weight of one: the others take half its slots, nothing else moves. */
static void test_weight_changes(void **state)
{
	struct slots_member m[8];

	for (uint32_t i = 0; i < 8; i++)
		m[i] = (struct slots_member){i + 1, 1000};
	fresh(1024, m, 8);
	m[3].weight = 500;
	slots_assign(slots, 1024, m, 8);
	assert_int_equal(count(slots, 1024, 4), 68);
	assert_int_equal(moved(1024), 128 - 68);
}

static void test_unknown_next_hop_leaves(void **state)
{
	static const struct slots_member m[] = {{1, 1}, {2, 1}};

	fresh(128, m, 2);
	slots[5] = 99;
	slots[6] = 0;
	slots_assign(slots, 128, m, 2);
	assert_int_equal(count(slots, 128, 1), 64);
	assert_int_equal(count(slots, 128, 2), 64);
}

static void test_growing_moves_nothing(void **state)
{
	static const struct slots_member m[] = {{1, 3}, {2, 1}};

	fresh(128, m, 2);
	slots_grow(slots, 512, before, 128);
	for (unsigned int i = 0; i < 512; i++)
		assert_int_equal(slots[i], before[i % 128]);
	memcpy(before, slots, sizeof(before));
	slots_assign(slots, 512, m, 2);
	assert_int_equal(moved(512), 0);
}

static void test_as_many_as_can_be(void **state)
{
	static struct slots_member m[MANY];
	unsigned int n = 1u << slots_bits(MANY);

	for (uint32_t i = 0; i < MANY; i++)
		m[i] = (struct slots_member){i + 1, i % SAN_MAX_WEIGHT + 1};
	fresh(n, m, MANY);
	assert_int_equal(count(slots, n, 0), 0);
	for (uint32_t i = 0; i < MANY; i += 100) {
		double due = (double)m[i].weight * n / (500500 + 24 * 25 / 2);

		assert_in_range(count(slots, n, i + 1), (unsigned int)due, (unsigned int)due + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_shares_by_weight),
		cmocka_unit_test(test_largest_rest_first),
		cmocka_unit_test(test_without_weights),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_order_does_not_matter),
		cmocka_unit_test(test_same_again),
		cmocka_unit_test(test_one_leaves),
		cmocka_unit_test(test_one_comes),
		cmocka_unit_test(test_weight_changes),
		cmocka_unit_test(test_unknown_next_hop_leaves),
		cmocka_unit_test(test_growing_moves_nothing),
		cmocka_unit_test(test_as_many_as_can_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
