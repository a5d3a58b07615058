/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Best paths of maps that are made of ties: which they are, whichever end they are looked for from,
 * and that ties cost no time. The bounds on CPU are no measurement. */
#include <time.h>

#include "build_rig.h"

#define CPU_S 5

static double cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- many ties ---- */

static struct alto_source *source;

static int teardown(void **state)
{
	alto_source_put(source);
	source = NULL;
	return 0;
}

static void link_one(struct alto_builder *b, uint32_t from, uint32_t to)
{
	struct alto_link link = rig_link(from, to, 1);

	link.value[LINK_DELAY_US] = 1;
	assert_int_equal(alto_builder_link(b, &link), 0);
}

static uint32_t pid_at(struct alto_builder *b, char kind, uint32_t i)
{
	char name[16];

	snprintf(name, sizeof(name), "%c%06u", kind, i);
	return rig_pid(b, name);
}

static void rows_are_quick(uint32_t rows)
{
	double from = cpu(), value;

	for (uint32_t i = 0; i < rows; i++) {
		uint32_t src = source->n_pids / 2 - i;

		assert_int_equal(alto_source_cost(source, ALTO_DELAY_RT, src, 0, &value), 0);
		assert_int_equal(alto_source_cost(source, ALTO_DELAY_OW, 0, src, &value), 0);
	}
	assert_true(cpu() - from < CPU_S);
}

/* SIDE * SIDE, each linked to the next ones in both directions: all ways to a place are alike. */
static void test_a_grid_of_ties_takes_no_longer(void **state)
{
	enum { SIDE = 300 };
	struct alto_builder *b = rig_builder("m");

	for (uint32_t i = 0; i < SIDE * SIDE; i++)
		pid_at(b, 'N', i);
	for (uint32_t i = 0; i < SIDE * SIDE; i++) {
		if (i % SIDE + 1 < SIDE)
			link_one(b, i, i + 1);
		if (i + SIDE < SIDE * SIDE)
			link_one(b, i, i + SIDE);
	}
	source = rig_finish(b, NULL);
	rows_are_quick(20);
}

/* Two chains that part at the first PID and are compared at each step. */
static void test_chains_side_by_side_take_no_longer(void **state)
{
	enum { STEPS = 30000 };
	struct alto_builder *b = rig_builder("m");
	uint32_t x = pid_at(b, 'A', 0), y = x;

	for (uint32_t i = 0; i < STEPS; i++) {
		uint32_t next_x = pid_at(b, 'X', i), next_y = pid_at(b, 'Y', i);
		uint32_t z = pid_at(b, 'Z', i);

		link_one(b, x, next_x);
		link_one(b, y, next_y);
		link_one(b, next_x, z);
		link_one(b, next_y, z);
		x = next_x;
		y = next_y;
	}
	source = rig_finish(b, NULL);
	rows_are_quick(1);
	for (uint32_t i = 0; i < 6; i++)
		assert_non_null(alto_source_row(source, i));
	rows_are_quick(1);
}

/* ---- against trying all paths ---- */

#define N 7

struct best {
	uint64_t cost; /* tenths */
	uint32_t n, pids[N];
};

struct graph {
	int tenths[N][N]; /* -1: no link */
	double delay[N][N];
	bool transit[N];
	struct best best[N][N];
};

static bool better(uint64_t cost, uint32_t n, const uint32_t *pids, const struct best *best)
{
	if (cost != best->cost)
		return cost < best->cost;
	return rig_path_before(pids, n, best->pids, best->n);
}

static bool among(const uint32_t *pids, uint32_t n, uint32_t pid)
{
	while (n-- > 0)
		if (pids[n] == pid)
			return true;
	return false;
}

static void try_all(struct graph *g, uint32_t *pids, uint32_t n, uint64_t cost)
{
	uint32_t at = pids[n - 1];
	struct best *best = &g->best[pids[0]][at];

	if (better(cost, n, pids, best)) {
		best->cost = cost;
		best->n = n;
		memcpy(best->pids, pids, n * sizeof(*pids));
	}
	if (n > 1 && !g->transit[at])
		return;
	for (uint32_t to = 0; to < N; to++) {
		if (g->tenths[at][to] < 0 || among(pids, n, to))
			continue;
		pids[n] = to;
		try_all(g, pids, n + 1, cost + (uint64_t)g->tenths[at][to]);
	}
}

static void try_all_sources(struct graph *g)
{
	for (uint32_t src = 0; src < N; src++) {
		uint32_t pids[N] = {src};

		for (uint32_t i = 0; i < N; i++)
			g->best[src][i] = (struct best){.cost = UINT64_MAX};
		try_all(g, pids, 1, 0);
	}
}

/* Costs of 0.1, 0.2, ... which doubles do not add up exactly; few different ones, so that ties are
 * the rule. */
static void random_graph(struct graph *g, int costs)
{
	struct alto_builder *b = rig_builder("m");
	char name[2] = "A";
	uint32_t id;

	for (uint32_t i = 0; i < N; i++, name[0]++) {
		g->transit[i] = rand() % 4;
		assert_int_equal(alto_builder_pid(b, name, g->transit[i], &id), 0);
	}
	for (uint32_t i = 0; i < N * N; i++) {
		uint32_t from = i / N, to = i % N;
		struct alto_link link;

		g->tenths[from][to] = from == to || rand() % 3 == 0 ? -1 : 1 + rand() % costs;
		if (g->tenths[from][to] < 0)
			continue;
		g->delay[from][to] = (rand() % 1000) / 10.0;
		link = rig_link(from, to, g->tenths[from][to] / 10.0);
		link.value[LINK_DELAY_US] = g->delay[from][to];
		assert_int_equal(alto_builder_link(b, &link), 0);
	}
	source = rig_finish(b, NULL);
	try_all_sources(g);
}

static double value_of(enum alto_metric metric, uint32_t src, uint32_t dst)
{
	double value = -1;

	assert_int_equal(alto_source_cost(source, metric, src, dst, &value), 0);
	return value;
}

static void same_path(const struct best *best, uint32_t src, uint32_t dst)
{
	uint32_t *pids, n;

	assert_int_equal(alto_source_path(source, src, dst, &pids, &n), 0);
	assert_int_equal(n, best->n);
	assert_memory_equal(pids, best->pids, n * sizeof(*pids));
	free(pids);
}

static double delay_of(const struct graph *g, const struct best *best)
{
	double sum = 0;

	for (uint32_t i = 1; i < best->n; i++)
		sum += g->delay[best->pids[i - 1]][best->pids[i]];
	return best->n > 1 ? sum : NAN;
}

static void same_values(const struct graph *g, uint32_t src, uint32_t dst)
{
	const struct best *best = &g->best[src][dst];
	double there = value_of(ALTO_DELAY_OW, src, dst), back = value_of(ALTO_DELAY_OW, dst, src);
	double round_trip = value_of(ALTO_DELAY_RT, src, dst), want = delay_of(g, best);

	assert_true(isnan(want) ? isnan(there) : fabs(there - want) < 1e-6);
	assert_true(isnan(there + back) ? isnan(round_trip) : round_trip == there + back);
	if (best->n)
		assert_true(value_of(ALTO_ROUTINGCOST, src, dst) == (double)best->cost / 10);
	else
		assert_true(isnan(value_of(ALTO_ROUTINGCOST, src, dst)));
}

/* delay-rt is of the two paths that delay-ow is of (RFC 9439, 4.2), to the last bit. */
static void test_ties_agree_with_trying_all(void **state)
{
	static struct graph g;

	srand(3);
	for (int round = 0; round < 200; round++) {
		random_graph(&g, 1 + round % 4);
		for (uint32_t src = 0; src < N; src++) {
			for (uint32_t dst = 0; dst < N; dst++) {
				same_path(&g.best[src][dst], src, dst);
				same_values(&g, src, dst);
			}
		}
		teardown(state);
	}
}

/* 0.1 + 0.2 + 0.3 there, 0.3 + 0.2 + 0.1 back: as doubles they differ. */
static void test_a_path_costs_the_same_from_either_end(void **state)
{
	struct alto_builder *b = rig_builder("m");

	rig_letters(b, 4);
	rig_both(b, 0, 1, 0.1);
	rig_both(b, 1, 2, 0.2);
	rig_both(b, 2, 3, 0.3);
	source = rig_finish(b, NULL);
	assert_true(value_of(ALTO_ROUTINGCOST, 0, 3) == 0.6);
	assert_true(value_of(ALTO_ROUTINGCOST, 3, 0) == 0.6);
}

/* ---- what may be inside, and how much a path may cost ---- */

static void test_only_transit_pids_are_inside_of_paths(void **state)
{
	struct alto_builder *b = rig_builder("m");
	uint32_t id;

	assert_int_equal(alto_builder_pid(b, "A", false, &id), 0);
	assert_int_equal(alto_builder_pid(b, "B", false, &id), 0);
	assert_int_equal(alto_builder_pid(b, "C", false, &id), 0);
	assert_int_equal(alto_builder_pid(b, "T", true, &id), 0);
	rig_both(b, 0, 1, 1);
	rig_both(b, 1, 2, 1);
	rig_both(b, 0, 3, 5);
	rig_both(b, 3, 2, 5);
	source = rig_finish(b, NULL);
	assert_true(value_of(ALTO_ROUTINGCOST, 0, 1) == 1);
	assert_true(value_of(ALTO_ROUTINGCOST, 0, 2) == 10);
	assert_true(value_of(ALTO_ROUTINGCOST, 2, 0) == 10);
	assert_true(value_of(ALTO_HOPCOUNT, 2, 0) == 2);
	assert_true(isnan(value_of(ALTO_ROUTINGCOST, 3, 1)));
	assert_true(isnan(value_of(ALTO_ROUTINGCOST, 1, 3)));
}

/* ALTO_COST_MAX a link; what adds up to 2^64 millionths is no path. */
static void test_costs_of_links_and_paths_have_a_limit(void **state)
{
	struct alto_builder *b = rig_builder("m");
	struct alto_link link = rig_link(0, 2, ALTO_COST_MAX * 1.001);

	rig_letters(b, 20);
	assert_int_equal(alto_builder_link(b, &link), -EINVAL);
	for (uint32_t i = 0; i + 1 < 20; i++)
		rig_both(b, i, i + 1, ALTO_COST_MAX);
	source = rig_finish(b, NULL);
	assert_true(value_of(ALTO_ROUTINGCOST, 0, 18) == 18 * ALTO_COST_MAX);
	assert_true(isnan(value_of(ALTO_ROUTINGCOST, 0, 19)));
	assert_true(isnan(value_of(ALTO_ROUTINGCOST, 19, 0)));
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		T(test_a_grid_of_ties_takes_no_longer),
		T(test_chains_side_by_side_take_no_longer),
		T(test_ties_agree_with_trying_all),
		T(test_a_path_costs_the_same_from_either_end),
		T(test_only_transit_pids_are_inside_of_paths),
		T(test_costs_of_links_and_paths_have_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
