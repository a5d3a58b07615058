/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ncsdb/known.h"

#define KEYS 5000

static struct known_table table;
static bool there[KEYS];
static int seen[KEYS];

static const char *key_of(int i)
{
	static char key[32];

	snprintf(key, sizeof(key), "0x%x/instance-%d/sid", i % 7, i);
	return key;
}

static void add(int i)
{
	struct known *known = known_add(&table, key_of(i));

	assert_non_null(known);
	known->mod_rev = i;
	there[i] = true;
}

static void check_all(void)
{
	size_t n = 0;

	for (int i = 0; i < KEYS; i++) {
		struct known *known = known_find(&table, key_of(i));

		assert_int_equal(known != NULL, there[i]);
		assert_true(!known || known->mod_rev == i);
		n += there[i];
	}
	assert_int_equal(table.n, n);
}

static void test_random_changes(void **state)
{
	unsigned int seed = 99;

	known_init(&table);
	memset(there, 0, sizeof(there));
	assert_null(known_find(&table, "x"));
	for (int round = 0; round < 40; round++) {
		bool growing = round % 10 < 5;

		for (int n = 0; n < 2000; n++) {
			int i = rand_r(&seed) % KEYS;

			if (!there[i] && (growing || rand_r(&seed) % 8 == 0)) {
				add(i);
			} else if (there[i] && (!growing || rand_r(&seed) % 8 == 0)) {
				known_remove(&table, known_find(&table, key_of(i)));
				there[i] = false;
			}
		}
		check_all();
	}
	known_fini(&table);
}

static bool remove_some(void *arg, struct known *known)
{
	int i = (int)known->mod_rev;

	seen[i]++;
	if (i % 4) {
		known_remove(&table, known);
		there[i] = false;
	}
	return true;
}

static bool stop_at_once(void *arg, struct known *known)
{
	++*(int *)arg;
	return false;
}

static void test_each_may_remove(void **state)
{
	int calls = 0;

	known_init(&table);
	memset(there, 0, sizeof(there));
	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < KEYS; i++)
		add(i);
	known_each(&table, remove_some, NULL);
	for (int i = 0; i < KEYS; i++)
		assert_true(seen[i] > 0);
	check_all();
	known_each(&table, stop_at_once, &calls);
	assert_int_equal(calls, 1);
	known_fini(&table);
}

static void test_dead_ones_and_bytes(void **state)
{
	struct known *known;

	known_init(&table);
	known = known_add(&table, "a");
	assert_true(table.bytes > 0);
	known_set_dead(&table, known, true);
	known_set_dead(&table, known, true);
	assert_int_equal(table.n_dead, 1);
	assert_int_equal(table.n, 1);
	known_remove(&table, known);
	assert_int_equal(table.n_dead, 0);
	known = known_add(&table, ""); /* the prefix itself */
	assert_ptr_equal(known_find(&table, ""), known);
	known_fini(&table);
	assert_int_equal(table.bytes, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_changes),
		cmocka_unit_test(test_each_may_remove),
		cmocka_unit_test(test_dead_ones_and_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
