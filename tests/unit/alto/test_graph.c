/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Best paths and what they are worth. */
#include "rig.h"

static double cost(const struct alto_source *s, enum alto_metric metric, const char *src,
		   const char *dst)
{
	double value = -1;

	assert_int_equal(alto_source_cost(s, metric, alto_source_find(s, src),
					  alto_source_find(s, dst), &value),
			 0);
	return value;
}

static void path(const struct alto_source *s, const char *src, const char *dst, const char *want)
{
	char text[256] = "";
	uint32_t *pids = NULL, n = 99;

	assert_int_equal(
		alto_source_path(s, alto_source_find(s, src), alto_source_find(s, dst), &pids, &n),
		0);
	for (uint32_t i = 0; i < n; i++) {
		strcat(text, i ? " " : "");
		strcat(text, s->pids[pids[i]].name);
	}
	free(pids);
	assert_string_equal(text, want);
}

static void near(double is, double want)
{
	if (!(fabs(is - want) <= 1e-9 * fabs(want)))
		fail_msg("%.17g is not %.17g", is, want);
}

/* A - B - C in a row, and A - C directly but dear. D is alone, E can only be left. */
static struct alto_builder *row(void)
{
	struct alto_builder *b = rig_builder("m");
	struct alto_link ab, bc, ed;

	for (const char *name = "A\0B\0C\0D\0E\0"; *name; name += 2)
		rig_pid(b, name);
	ab = rig_link(0, 1, 1);
	ab.value[LINK_DELAY_US] = 500;
	ab.value[LINK_JITTER_US] = 5;
	ab.value[LINK_LOSS] = 0.1;
	ab.value[LINK_BW_RESIDUAL] = 8e9;
	ab.value[LINK_BW_AVAILABLE] = 4e9;
	bc = ab;
	bc.from = 1;
	bc.to = 2;
	bc.value[LINK_ROUTINGCOST] = 2;
	bc.value[LINK_BW_RESIDUAL] = 1e9;
	bc.value[LINK_BW_AVAILABLE] = NAN;
	ed = rig_link(4, 3, 0);
	assert_int_equal(alto_builder_link(b, &ab), 0);
	assert_int_equal(alto_builder_link(b, &bc), 0);
	assert_int_equal(alto_builder_link(b, &ed), 0);
	rig_both(b, 0, 2, 10);
	return b;
}

/* RFC 9439, 4 and 5: units are microseconds, percent, bytes per second. */
static void test_metrics_of_a_path_in_the_units_of_rfc_9439(void **state)
{
	struct alto_source *s = rig_finish(row(), NULL);

	near(cost(s, ALTO_ROUTINGCOST, "A", "C"), 3);
	near(cost(s, ALTO_HOPCOUNT, "A", "C"), 2);
	near(cost(s, ALTO_DELAY_OW, "A", "C"), 1000);
	near(cost(s, ALTO_DELAY_VARIATION, "A", "C"), 10);
	near(cost(s, ALTO_LOSSRATE, "A", "B"), 10);
	near(cost(s, ALTO_LOSSRATE, "A", "C"), 19);
	near(cost(s, ALTO_BW_RESIDUAL, "A", "B"), 1e9);
	near(cost(s, ALTO_BW_RESIDUAL, "A", "C"), 1.25e8);
	path(s, "A", "C", "A B C");
	alto_source_put(s);
}

static void test_what_one_link_does_not_know_is_unknown_for_the_pair(void **state)
{
	struct alto_source *s = rig_finish(row(), NULL);

	near(cost(s, ALTO_BW_AVAILABLE, "A", "B"), 5e8);
	assert_true(isnan(cost(s, ALTO_BW_AVAILABLE, "A", "C")));
	assert_true(isnan(cost(s, ALTO_DELAY_OW, "C", "A")));
	near(cost(s, ALTO_ROUTINGCOST, "C", "A"), 10);
	assert_true(isnan(cost(s, ALTO_TPUT, "A", "B")));
	assert_true(isnan(cost(s, ALTO_ANE_PATH, "A", "B")));
	alto_source_put(s);
}

static void test_pairs_that_nothing_connects_are_unknown(void **state)
{
	struct alto_source *s = rig_finish(row(), NULL);
	uint32_t *pids = NULL, n = 9;

	assert_true(isnan(cost(s, ALTO_ROUTINGCOST, "A", "D")));
	assert_true(isnan(cost(s, ALTO_HOPCOUNT, "A", "D")));
	assert_true(isnan(cost(s, ALTO_ROUTINGCOST, "A", ALTO_DEFAULT_PID)));
	near(cost(s, ALTO_ROUTINGCOST, "E", "D"), 0);
	near(cost(s, ALTO_HOPCOUNT, "E", "D"), 1);
	assert_int_equal(alto_source_path(s, 0, 3, &pids, &n), 0);
	assert_int_equal(n, 0);
	assert_null(pids);
	alto_source_put(s);
}

static void test_a_pid_with_itself_costs_nothing_and_knows_nothing_else(void **state)
{
	struct alto_source *s = rig_finish(row(), NULL);

	near(cost(s, ALTO_ROUTINGCOST, "A", "A"), 0);
	near(cost(s, ALTO_HOPCOUNT, "A", "A"), 0);
	assert_true(isnan(cost(s, ALTO_DELAY_OW, "A", "A")));
	assert_true(isnan(cost(s, ALTO_LOSSRATE, "A", "A")));
	assert_true(isnan(cost(s, ALTO_BW_RESIDUAL, "A", "A")));
	path(s, "A", "A", "A");
	alto_source_put(s);
}

static void test_links_without_routingcost_are_not_used(void **state)
{
	struct alto_builder *b = row();
	struct alto_link link = rig_link(0, 3, NAN);
	struct alto_source *s;

	assert_int_equal(alto_builder_link(b, &link), 0);
	s = rig_finish(b, NULL);
	assert_true(isnan(cost(s, ALTO_ROUTINGCOST, "A", "D")));
	alto_source_put(s);
}

/* ---- there and back ---- */

static void test_delay_rt_is_there_and_back_each_by_its_best_path(void **state)
{
	struct alto_builder *b = rig_builder("m");
	struct alto_link ab = rig_link(0, 1, 1), bc = rig_link(1, 2, 1), ca = rig_link(2, 0, 1);
	struct alto_source *s;

	for (const char *name = "A\0B\0C\0"; *name; name += 2)
		rig_pid(b, name);
	ab.value[LINK_DELAY_US] = 1;
	bc.value[LINK_DELAY_US] = 10;
	ca.value[LINK_DELAY_US] = 100;
	assert_int_equal(alto_builder_link(b, &ab), 0);
	assert_int_equal(alto_builder_link(b, &bc), 0);
	assert_int_equal(alto_builder_link(b, &ca), 0);
	s = rig_finish(b, NULL);
	near(cost(s, ALTO_DELAY_OW, "A", "B"), 1);
	near(cost(s, ALTO_DELAY_RT, "A", "B"), 111);
	near(cost(s, ALTO_DELAY_RT, "B", "A"), 111);
	assert_true(isnan(cost(s, ALTO_DELAY_RT, "A", "A")));
	assert_true(isnan(cost(s, ALTO_DELAY_RT, "A", ALTO_DEFAULT_PID)));
	alto_source_put(s);
}

/* ---- ties ---- */

/* A to E by B, C or D, all alike. */
static struct alto_source *ties(bool reverse, double by_b, double by_c)
{
	struct alto_builder *b = rig_builder("m");
	static const char names[] = "ABCDE";
	uint32_t id[5];
	double costs[] = {0, by_b, by_c, 2};

	for (unsigned int i = 0; i < 5; i++) {
		unsigned int k = reverse ? 4 - i : i;
		char name[2] = {names[k], '\0'};

		id[k] = rig_pid(b, name);
	}
	for (unsigned int i = 1; i < 4; i++) {
		unsigned int k = reverse ? 4 - i : i;

		rig_both(b, id[0], id[k], costs[k]);
		rig_both(b, id[k], id[4], 1);
	}
	return rig_finish(b, NULL);
}

static void test_equal_paths_go_by_names_whatever_the_order_of_insertion(void **state)
{
	for (unsigned int reverse = 0; reverse < 2; reverse++) {
		struct alto_source *s = ties(reverse, 2, 2);

		path(s, "A", "E", "A B E");
		path(s, "E", "A", "E B A");
		alto_source_put(s);
		s = ties(reverse, 3, 2);
		path(s, "A", "E", "A C E");
		alto_source_put(s);
	}
}

static void test_fewer_links_win_over_names(void **state)
{
	struct alto_builder *b = rig_builder("m");
	struct alto_source *s;

	for (const char *name = "A\0B\0C\0D\0"; *name; name += 2)
		rig_pid(b, name);
	rig_both(b, 0, 1, 0);
	rig_both(b, 1, 2, 1);
	rig_both(b, 2, 3, 1);
	rig_both(b, 0, 3, 2);
	s = rig_finish(b, NULL);
	path(s, "A", "D", "A D");
	path(s, "B", "D", "B A D");
	alto_source_put(s);
}

/* ---- against trying all paths ---- */

#define N 7
struct best {
	double cost;
	uint32_t n, pids[N];
};

static bool better(double total, uint32_t n, const uint32_t *pids, const struct best *best)
{
	if (total != best->cost)
		return total < best->cost;
	return rig_path_before(pids, n, best->pids, best->n);
}

static void try_all(double (*links)[N], uint32_t *pids, uint32_t n, double total,
		    struct best best[N])
{
	uint32_t at = pids[n - 1];

	if (better(total, n, pids, &best[at])) {
		best[at].cost = total;
		best[at].n = n;
		memcpy(best[at].pids, pids, n * sizeof(*pids));
	}
	for (uint32_t to = 0; to < N; to++) {
		bool seen = false;

		for (uint32_t i = 0; i < n; i++)
			seen |= pids[i] == to;
		if (seen || isnan(links[at][to]))
			continue;
		pids[n] = to;
		try_all(links, pids, n + 1, total + links[at][to], best);
	}
}

static struct alto_source *random_graph(double links[N][N])
{
	struct alto_builder *b = rig_builder("m");
	uint32_t id[N], place[N];

	for (uint32_t i = 0; i < N; i++)
		place[i] = i;
	for (uint32_t i = 0; i < N; i++) {
		uint32_t k = i + (uint32_t)rand() % (N - i), t = place[i];

		place[i] = place[k];
		place[k] = t;
	}
	for (uint32_t i = 0; i < N; i++) {
		char name[2] = {(char)('A' + place[i]), '\0'};

		id[place[i]] = rig_pid(b, name);
	}
	for (uint32_t i = 0; i < N * N; i++) {
		uint32_t from = i / N, to = i % N;
		struct alto_link link;

		links[from][to] = from == to || rand() % 3 == 0 ? NAN : rand() % 4;
		if (isnan(links[from][to]))
			continue;
		link = rig_link(id[from], id[to], links[from][to]);
		link.value[LINK_DELAY_US] = 1 << i % 20;
		assert_int_equal(alto_builder_link(b, &link), 0);
	}
	return rig_finish(b, NULL);
}

static double delay_of(const struct best *best)
{
	double sum = 0;

	for (uint32_t i = 1; i < best->n; i++)
		sum += 1 << (best->pids[i - 1] * N + best->pids[i]) % 20;
	return best->n > 1 ? sum : NAN;
}

static void compare(const struct alto_source *s, uint32_t src, struct best (*all)[N])
{
	for (uint32_t dst = 0; dst < N; dst++) {
		const struct best *best = &all[src][dst];
		uint32_t *pids, n;
		double rt;

		assert_int_equal(alto_source_path(s, src, dst, &pids, &n), 0);
		assert_int_equal(n, best->n);
		assert_memory_equal(pids, best->pids, n * sizeof(*pids));
		free(pids);
		assert_int_equal(alto_source_cost(s, ALTO_DELAY_RT, src, dst, &rt), 0);
		if (isnan(rt))
			assert_true(isnan(delay_of(best) + delay_of(&all[dst][src])));
		else
			assert_true(rt == delay_of(best) + delay_of(&all[dst][src]));
	}
}

static void test_paths_agree_with_trying_all(void **state)
{
	double links[N][N];
	struct best all[N][N];

	srand(7);
	for (unsigned int round = 0; round < 60; round++) {
		struct alto_source *s = random_graph(links);

		for (uint32_t src = 0; src < N; src++) {
			uint32_t pids[N] = {src};

			for (uint32_t i = 0; i < N; i++)
				all[src][i] = (struct best){.cost = INFINITY};
			try_all(links, pids, 1, 0, all[src]);
		}
		for (uint32_t src = 0; src < N; src++)
			compare(s, src, all);
		alto_source_put(s);
	}
}

/* ---- calendars ---- */

static void test_each_interval_of_a_calendar_has_its_own_path(void **state)
{
	struct alto_calendar hours = {3600, 3};
	double calendar[] = {1, 50, NAN};
	struct alto_builder *b = rig_builder("m");
	struct alto_link link = rig_link(0, 1, 7);
	double want[] = {1, 20, 20}, value;
	struct alto_source *s;

	assert_int_equal(alto_builder_calendar(b, &hours), 0);
	for (const char *name = "A\0B\0C\0"; *name; name += 2)
		rig_pid(b, name);
	link.calendar = calendar;
	assert_int_equal(alto_builder_link(b, &link), 0);
	calendar[0] = 99;
	rig_both(b, 0, 2, 10);
	rig_both(b, 2, 1, 10);
	s = rig_finish(b, NULL);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(alto_source_cost_at(s, i, 0, 1, &value), 0);
		near(value, want[i]);
	}
	near(cost(s, ALTO_ROUTINGCOST, "A", "B"), 7);
	alto_source_put(s);
}

/* ---- the cache ---- */

/* Whether a row was kept or made again, it is the same. */
static void test_rows_that_had_to_go_come_back_the_same(void **state)
{
	enum { PIDS = 3000 };
	struct alto_builder *b = rig_builder("m");
	struct alto_source *s;
	double first[PIDS], value;
	char name[16];

	for (uint32_t i = 0; i < PIDS; i++) {
		snprintf(name, sizeof(name), "p%05u", i);
		rig_pid(b, name);
	}
	for (uint32_t i = 1; i < PIDS; i++)
		rig_both(b, (i - 1) / 4, i, i % 7);
	s = rig_finish(b, NULL);
	/* A row has 3000 * (8 + 2 * 4) bytes: 1398 of them are kept. PID 0 is the default. */
	for (uint32_t i = 1; i < 1500; i++) {
		assert_int_equal(alto_source_cost(s, ALTO_ROUTINGCOST, i, PIDS - 1, &first[i]), 0);
		assert_int_equal(alto_source_cost(s, ALTO_ROUTINGCOST, 0, i, &value), 0);
	}
	for (uint32_t i = 1; i < 1500; i += 37) {
		assert_int_equal(alto_source_cost(s, ALTO_ROUTINGCOST, i, PIDS - 1, &value), 0);
		assert_true(value == first[i]);
	}
	alto_source_put(s);
}

static void test_work_of_a_request_has_a_limit(void **state)
{
	struct alto_source *s = rig_finish(row(), NULL);
	uint64_t each = s->n_pids * ALTO_WORK_PID + s->n_links;

	assert_true(alto_source_affordable(s, 0));
	assert_true(alto_source_affordable(s, ALTO_WORK_MAX / each));
	assert_false(alto_source_affordable(s, ALTO_WORK_MAX / each + 1));
	assert_false(alto_source_affordable(s, UINT64_MAX));
	alto_source_put(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_metrics_of_a_path_in_the_units_of_rfc_9439),
		cmocka_unit_test(test_what_one_link_does_not_know_is_unknown_for_the_pair),
		cmocka_unit_test(test_pairs_that_nothing_connects_are_unknown),
		cmocka_unit_test(test_a_pid_with_itself_costs_nothing_and_knows_nothing_else),
		cmocka_unit_test(test_links_without_routingcost_are_not_used),
		cmocka_unit_test(test_delay_rt_is_there_and_back_each_by_its_best_path),
		cmocka_unit_test(test_equal_paths_go_by_names_whatever_the_order_of_insertion),
		cmocka_unit_test(test_fewer_links_win_over_names),
		cmocka_unit_test(test_paths_agree_with_trying_all),
		cmocka_unit_test(test_each_interval_of_a_calendar_has_its_own_path),
		cmocka_unit_test(test_rows_that_had_to_go_come_back_the_same),
		cmocka_unit_test(test_work_of_a_request_has_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
