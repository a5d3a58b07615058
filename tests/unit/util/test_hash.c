/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "util/hash.h"

static void test_every_byte_counts(void **state)
{
	char a[64], b[64];

	memset(a, 'x', sizeof(a));
	for (size_t len = 0; len < sizeof(a); len++) {
		memcpy(b, a, sizeof(a));
		assert_true(hash_bytes(a, len) == hash_bytes(b, len));
		assert_true(hash_bytes(a, len) != hash_bytes(a, len + 1));
		b[len] = 'y'; /* behind the end */
		assert_true(hash_bytes(a, len) == hash_bytes(b, len));
		for (size_t i = 0; i < len; i++) {
			memcpy(b, a, sizeof(a));
			b[i] = 'y';
			assert_true(hash_bytes(a, len) != hash_bytes(b, len));
		}
	}
}

/* Not that of a fixed seed: then collisions could be computed beforehand. */
static void test_seed_counts(void **state)
{
	assert_true(hash_seeded(1, "name", 4) != hash_seeded(2, "name", 4));
	assert_true(hash_bytes("name", 4) != hash_seeded(0, "name", 4));
}

struct item {
	char name[16];
	UT_hash_handle hh;
};

static void test_uthash_uses_it(void **state)
{
	static struct item items[2000];
	struct item *table = NULL, *found;

	for (int i = 0; i < 2000; i++) {
		sprintf(items[i].name, "i%d", i);
		HASH_ADD_STR(table, name, &items[i]);
		assert_int_equal(items[i].hh.hashv,
				 (unsigned int)hash_bytes(items[i].name, strlen(items[i].name)));
	}
	for (int i = 0; i < 2000; i++) {
		HASH_FIND_STR(table, items[i].name, found);
		assert_ptr_equal(found, &items[i]);
	}
	HASH_CLEAR(hh, table);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte_counts),
		cmocka_unit_test(test_seed_counts),
		cmocka_unit_test(test_uthash_uses_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
