/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tree against a sorted array, under random operations. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ncsdb/radix.h"

#define KEY_LEN 24
#define MODEL_MAX 600
#define ROUNDS 60000

static struct radix tree;

/* A value is its key, so that iteration can go on from it. */
static void put(const char *key)
{
	assert_int_equal(radix_reserve(&tree, key), 0);
	free(radix_set(&tree, key, strdup(key)));
}

static void clear(void)
{
	char *v;

	while ((v = radix_seek(&tree, "", false))) {
		assert_ptr_equal(radix_remove(&tree, v), v);
		free(v);
	}
	assert_int_equal(tree.count, 0);
	radix_fini(&tree);
}

static void test_empty(void **state)
{
	assert_null(radix_get(&tree, "a"));
	assert_null(radix_get(&tree, ""));
	assert_null(radix_seek(&tree, "", false));
	assert_null(radix_remove(&tree, "a"));
	radix_fini(&tree);
}

static void test_shapes(void **state)
{
	static const char *const keys[] = {"",	   "a", "ab",	 "abc",	    "abd",
					   "abdx", "b", "b\xff", "\xc3\xa4"};
	const size_t n = sizeof(keys) / sizeof(keys[0]);
	const char *v;

	for (size_t i = n; i-- > 0;)
		put(keys[i]);
	assert_int_equal(tree.count, n);
	v = radix_seek(&tree, "", false);
	for (size_t i = 0; i < n; i++, v = radix_seek(&tree, v, true))
		assert_string_equal(v, keys[i]);
	assert_null(v);
	assert_string_equal(radix_seek(&tree, "aa", false), "ab");
	assert_string_equal(radix_seek(&tree, "abda", false), "abdx");
	assert_string_equal(radix_seek(&tree, "abdz", false), "b");
	assert_null(radix_seek(&tree, "\xff", false));
	assert_null(radix_get(&tree, "abx"));
	assert_null(radix_remove(&tree, "abx"));
	assert_null(radix_remove(&tree, "abdxy"));
	clear();
}

static void test_reserved_room_is_no_value(void **state)
{
	put("m");
	assert_int_equal(radix_reserve(&tree, "ma"), 0);
	assert_int_equal(radix_reserve(&tree, "a"), 0);
	assert_int_equal(radix_reserve(&tree, "z"), 0);
	assert_null(radix_get(&tree, "ma"));
	assert_string_equal(radix_seek(&tree, "", false), "m");
	assert_null(radix_seek(&tree, "m", true));
	assert_int_equal(tree.count, 1);
	assert_null(radix_remove(&tree, "ma"));
	assert_null(radix_remove(&tree, "a"));
	assert_null(radix_remove(&tree, "z"));
	assert_string_equal(radix_get(&tree, "m"), "m");
	clear();
}

/* Removals prune and join nodes, but not the room of others. */
static void test_reserved_room_survives_removals(void **state)
{
	put("x/1");
	put("x/2");
	assert_int_equal(radix_reserve(&tree, "x"), 0);
	assert_int_equal(radix_reserve(&tree, "x/2/3"), 0);
	free(radix_remove(&tree, "x/1"));
	free(radix_remove(&tree, "x/2"));
	assert_null(radix_seek(&tree, "", false));
	assert_null(radix_set(&tree, "x", strdup("x")));
	assert_null(radix_set(&tree, "x/2/3", strdup("x/2/3")));
	assert_int_equal(tree.count, 2);
	clear();
}

static void test_deep(void **state)
{
	char key[512];

	for (size_t len = 1; len < sizeof(key); len++) {
		memset(key, 'a', len);
		key[len] = '\0';
		put(key);
	}
	assert_int_equal(tree.count, 511);
	assert_ptr_equal(radix_seek(&tree, key, false), radix_get(&tree, key));
	clear();
}

static void test_wide(void **state)
{
	char key[3] = "k";

	for (int c = 255; c > 0; c--) {
		key[1] = (char)c;
		put(key);
	}
	assert_int_equal(tree.count, 255);
	for (int c = 1; c < 255; c++) {
		key[1] = (char)c;
		assert_int_equal(((unsigned char *)radix_seek(&tree, key, true))[1], c + 1);
	}
	clear();
}

/* ---- the model ---- */

static char model[MODEL_MAX][KEY_LEN];
static size_t model_n;

static size_t model_lower(const char *key)
{
	size_t i = 0;

	while (i < model_n && strcmp(model[i], key) < 0)
		i++;
	return i;
}

static void model_put(const char *key)
{
	size_t i = model_lower(key);

	if (i < model_n && strcmp(model[i], key) == 0)
		return;
	memmove(model[i + 1], model[i], (model_n - i) * KEY_LEN);
	strcpy(model[i], key);
	model_n++;
}

static bool model_remove(const char *key)
{
	size_t i = model_lower(key);

	if (i == model_n || strcmp(model[i], key) != 0)
		return false;
	memmove(model[i], model[i + 1], (model_n - i - 1) * KEY_LEN);
	model_n--;
	return true;
}

static void random_key(unsigned int *seed, char key[KEY_LEN])
{
	static const char letters[] = "ab/\x01\xff";
	size_t len = (size_t)rand_r(seed) % 7;

	for (size_t i = 0; i < len; i++)
		key[i] = letters[(size_t)rand_r(seed) % (sizeof(letters) - 1)];
	key[len] = '\0';
}

static void check_seek(const char *key, bool after)
{
	size_t i = model_lower(key);
	const char *v = radix_seek(&tree, key, after);

	if (after && i < model_n && strcmp(model[i], key) == 0)
		i++;
	if (i == model_n)
		assert_null(v);
	else
		assert_string_equal(v, model[i]);
	assert_int_equal(radix_count_from(&tree, key, after), model_n - i);
}

/* Taken out, its room is nobody's; put back, everything is as before. */
static void vacate(const char *key)
{
	char *value = radix_vacate(&tree, key), *next;
	size_t i = model_lower(key);

	assert_int_equal(value != NULL, i < model_n && strcmp(model[i], key) == 0);
	if (!value)
		return;
	assert_null(radix_get(&tree, key));
	assert_int_equal(tree.count, model_n - 1);
	assert_int_equal(radix_count_from(&tree, key, false), model_n - i - 1);
	next = radix_seek(&tree, key, false);
	assert_true(next ? strcmp(next, model[i + 1]) == 0 : i + 1 == model_n);
	assert_null(radix_set(&tree, key, value));
	assert_int_equal(radix_count_from(&tree, key, false), model_n - i);
}

static void check_all(void)
{
	const char *v = radix_seek(&tree, "", false);
	size_t i = 0;

	for (; v; v = radix_seek(&tree, v, true), i++) {
		assert_true(i < model_n);
		assert_string_equal(v, model[i]);
	}
	assert_int_equal(i, model_n);
	assert_int_equal(tree.count, model_n);
}

static void random_step(unsigned int *seed)
{
	char key[KEY_LEN], *old;

	random_key(seed, key);
	switch (rand_r(seed) % 4) {
	case 0:
		if (model_n == MODEL_MAX - 1)
			return;
		put(key);
		model_put(key);
		break;
	case 1:
		old = radix_remove(&tree, key);
		assert_int_equal(old != NULL, model_remove(key));
		free(old);
		break;
	case 2:
		check_seek(key, rand_r(seed) % 2);
		break;
	default:
		vacate(key);
		old = radix_get(&tree, key);
		assert_int_equal(old != NULL, model_lower(key) < model_n &&
						      !strcmp(model[model_lower(key)], key));
	}
}

static void test_random(void **state)
{
	unsigned int seed = 1;

	for (int i = 0; i < ROUNDS; i++) {
		random_step(&seed);
		if (i % 500 == 0)
			check_all();
	}
	check_all();
	clear();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_reserved_room_is_no_value),
		cmocka_unit_test(test_reserved_room_survives_removals),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_wide),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
