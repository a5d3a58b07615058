/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is one party, what one has of what there is for all, how fast handshakes may come. */
#include "unit/north/limits_rig.h"

/* ---- parties ---- */

/* A host has a /64 of IPv6 for itself, and one address of IPv4, whichever way it comes. */
static void test_party_of_an_address(void **state)
{
	static const char *const pairs[][3] = {
		{"2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "same"},
		{"2001:db8:0:1::1", "2001:db8:0:2::1", ""},
		{"192.0.2.1", "::ffff:192.0.2.1", "same"},
		{"192.0.2.1", "192.0.2.2", ""},
		{"::ffff:192.0.2.1", "::ffff:192.0.2.2", ""},
	};
	struct shares all = {0};
	struct share *a, *b;

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		a = address(&all, pairs[i][0]);
		b = address(&all, pairs[i][1]);
		if ((a == b) != (pairs[i][2][0] != 0))
			fail_msg("%s, %s", pairs[i][0], pairs[i][1]);
		assert_false(a->known || a->local);
		share_put(a);
		share_put(b);
		assert_null(all.v);
	}
}

static void test_party_of_a_principal_or_the_socket(void **state)
{
	struct shares all = {0};
	struct share *as1 = share_principal(&all, "AS1"), *local = share_unix(&all);

	assert_true(as1->known && !as1->local && local->known && local->local);
	assert_ptr_equal(share_principal(&all, "AS1"), as1);
	share_put(as1);
	share_put(as1);
	share_put(local);
	assert_null(all.v);
}

static void test_room_of_a_party(void **state)
{
	struct shares all = {0};
	struct share *one = address(&all, "192.0.2.1"), *local = share_unix(&all);
	const size_t open = SHARE_BYTES_MAX - SHARE_BYTES_LOCAL;

	assert_true(share_has_room(one, SHARE_BYTES_PARTY));
	one->bytes = 10;
	assert_true(share_has_room(one, SHARE_BYTES_PARTY - 10));
	assert_false(share_has_room(one, SHARE_BYTES_PARTY - 9));
	one->bytes = 0;
	all.bytes = open - 10;
	assert_true(share_has_room(one, 10));
	assert_false(share_has_room(one, 11));
	all.bytes = open;
	assert_false(share_has_room(one, 1));
	assert_true(share_has_room(local, SHARE_BYTES_LOCAL));
	assert_false(share_has_room(local, SHARE_BYTES_LOCAL + 1));
	share_put(one);
	share_put(local);
}

/* ---- handshakes ---- */

static unsigned int take(struct rate *rate, const char *name, unsigned int n, uint64_t now_us)
{
	unsigned int good = 0;

	while (n--)
		good += rate_take(rate, name, now_us);
	return good;
}

static void test_rate_of_a_party_and_of_all(void **state)
{
	struct rate *rate = calloc(1, sizeof(*rate));
	uint64_t now_us = 1000000;
	char name[16];

	assert_int_equal(take(rate, "a", 100, now_us), RATE_PARTY);
	assert_int_equal(take(rate, "b", 100, now_us), RATE_PARTY);
	assert_int_equal(take(rate, "a", 100, now_us + 100000), RATE_PARTY / 10);
	assert_int_equal(take(rate, "a", 100, now_us + 5000000), RATE_PARTY);
	now_us += 10000000;
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		assert_int_equal(rate_take(rate, name, now_us), i < RATE_ALL);
	}
	/* the table is full of others now; who has nothing left still has nothing left */
	now_us += 900000;
	assert_int_equal(take(rate, "a", 100, now_us), RATE_PARTY);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "q%d", i);
		assert_true(rate_take(rate, name, now_us));
	}
	assert_false(rate_take(rate, "a", now_us));
	free(rate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_party_of_an_address),
		cmocka_unit_test(test_party_of_a_principal_or_the_socket),
		cmocka_unit_test(test_room_of_a_party),
		cmocka_unit_test(test_rate_of_a_party_and_of_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
