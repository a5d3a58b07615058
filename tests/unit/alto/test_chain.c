/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The best chain through what a server answered, how many there are, and all of them. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alto/chain.h"

#define LINKS_MAX 64
#define PATHS_MAX 256

static struct alto_chain_path paths[LINKS_MAX][PATHS_MAX];
static struct alto_chain_link links[LINKS_MAX];
static const char *names[] = {"A", "B", "C", "D", "E"};

static void reset(void)
{
	for (int i = 0; i < LINKS_MAX; i++) {
		for (int p = 0; p < PATHS_MAX; p++)
			free(paths[i][p].domains);
		links[i] = (struct alto_chain_link){.paths = paths[i]};
	}
	memset(paths, 0, sizeof(paths));
}

/* "ABC": each letter a domain. */
static void add(int link, const char *domains, double cost)
{
	struct alto_chain_path *path = &paths[link][links[link].n++];

	path->n = (uint32_t)strlen(domains);
	path->cost = cost;
	path->domains = calloc(path->n + 1, sizeof(char *));
	for (uint32_t i = 0; i < path->n; i++)
		path->domains[i] = names[domains[i] - 'A'];
}

static int setup(void **state)
{
	reset();
	return 0;
}

static int teardown(void **state)
{
	reset();
	return 0;
}

static void best_is(uint32_t n, const uint32_t *want, double want_cost)
{
	uint32_t choice[LINKS_MAX];
	double cost = -1;

	assert_int_equal(alto_chain_best(links, n, choice, &cost), 0);
	assert_true(cost == want_cost);
	assert_memory_equal(choice, want, n * sizeof(*want));
}

/* The cheap first path ends where only dear ones go on. */
static void test_best_is_not_greedy(void **state)
{
	add(0, "AB", 1);
	add(0, "AC", 5);
	add(1, "BD", 10);
	add(1, "CD", 1);
	best_is(2, (const uint32_t[]){1, 1}, 6);
}

static void test_equal_cost_fewest_domains(void **state)
{
	add(0, "ABD", 2);
	add(0, "AD", 2);
	best_is(1, (const uint32_t[]){1}, 2);
}

/* Of equals the first in order, link by link; whatever the order of names. */
static void test_equal_the_first_in_order(void **state)
{
	add(0, "AD", 1);
	add(0, "AB", 1);
	add(1, "BC", 1);
	add(1, "DC", 1);
	add(1, "DC", 1);
	best_is(2, (const uint32_t[]){0, 1}, 2);
}

static void test_none_fits(void **state)
{
	uint32_t choice[2];
	double cost;

	assert_int_equal(alto_chain_best(links, 0, choice, &cost), -ENOENT);
	assert_int_equal(alto_chain_best(links, 1, choice, &cost), -ENOENT);
	add(0, "AB", 1);
	add(1, "CD", 1);
	assert_int_equal(alto_chain_best(links, 2, choice, &cost), -ENOENT);
	assert_true(alto_chain_count(links, 2) == 0);
	assert_int_equal(alto_chain_all(links, 2, 9, NULL, NULL), 0);
}

/* Paths without domains or with a cost that is no number are not taken. */
static void test_what_is_no_path(void **state)
{
	add(0, "", 0);
	add(0, "AB", NAN);
	add(0, "AB", INFINITY);
	add(0, "AB", 3);
	best_is(1, (const uint32_t[]){3}, 3);
	assert_true(alto_chain_count(links, 1) == 1);
}

/* 64 links with 256 paths each: 256^64 chains are counted and the best is found at once. */
static void test_numbers_are_no_obstacle(void **state)
{
	uint32_t choice[LINKS_MAX];
	double cost;

	for (int i = 0; i < LINKS_MAX; i++)
		for (int p = 0; p < PATHS_MAX; p++)
			add(i, "AA", p == 77 ? 0.5 : 1);
	assert_true(alto_chain_count(links, LINKS_MAX) == pow(PATHS_MAX, LINKS_MAX));
	assert_int_equal(alto_chain_best(links, LINKS_MAX, choice, &cost), 0);
	assert_true(cost == 0.5 * LINKS_MAX);
	for (int i = 0; i < LINKS_MAX; i++)
		assert_int_equal(choice[i], 77);
}

/* ---- against trying everything ---- */

struct tried {
	uint32_t n, links, best[LINKS_MAX], domains;
	double cost;
};

static void one(void *arg, const uint32_t *choice)
{
	struct tried *t = arg;
	uint32_t domains = 0;
	double cost = 0;

	for (uint32_t i = t->links; i-- > 0;) {
		const struct alto_chain_path *path = &paths[i][choice[i]];

		cost = path->cost + cost;
		domains += path->n;
		if (i)
			assert_string_equal(path->domains[0],
					    paths[i - 1][choice[i - 1]]
						    .domains[paths[i - 1][choice[i - 1]].n - 1]);
	}
	if (!t->n++ || cost < t->cost || (cost == t->cost && domains < t->domains)) {
		t->cost = cost;
		t->domains = domains;
		memcpy(t->best, choice, t->links * sizeof(*choice));
	}
}

static uint32_t seed = 7;

static uint32_t dice(uint32_t n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

/* alto_chain_all gives chains in order, so that the first best one is alto_chain_best's. */
static void test_random_chains(void **state)
{
	uint32_t found = 0;

	for (int round = 0; round < 500; round++) {
		struct tried t = {.links = 1 + dice(4)};
		uint32_t choice[LINKS_MAX], all;
		double cost;
		int r;

		reset();
		for (uint32_t i = 0; i < t.links; i++) {
			for (uint32_t p = dice(6); p < 6; p++) {
				char domains[4] = "AAA";

				for (int d = 0; d < 3; d++)
					domains[d] = (char)('A' + dice(5));
				add((int)i, domains + dice(3), dice(4));
			}
		}
		all = alto_chain_all(links, t.links, UINT32_MAX, one, &t);
		assert_int_equal(all, t.n);
		assert_true(alto_chain_count(links, t.links) == t.n);
		r = alto_chain_best(links, t.links, choice, &cost);
		assert_int_equal(r, t.n ? 0 : -ENOENT);
		if (!t.n)
			continue;
		found++;
		assert_true(cost == t.cost);
		assert_memory_equal(choice, t.best, t.links * sizeof(*choice));
		t.n = 0;
		assert_int_equal(alto_chain_all(links, t.links, 1, one, &t), 1);
	}
	assert_true(found > 100);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_best_is_not_greedy),
		T(test_equal_cost_fewest_domains),
		T(test_equal_the_first_in_order),
		T(test_none_fits),
		T(test_what_is_no_path),
		T(test_numbers_are_no_obstacle),
		T(test_random_chains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
