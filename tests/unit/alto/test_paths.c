/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Simple paths through transit domains: which, in what order, and within what work. */
#include "pv_rig.h"

static struct pv_rig rig;

static int teardown(void **state)
{
	pv_rig_free(&rig);
	return 0;
}

static uint32_t pid(const char *name)
{
	uint32_t id = alto_source_find(pv_source(&rig), name);

	assert_true(id != UINT32_MAX);
	return id;
}

/* "A B C|A C": all paths from x to y. */
static void same_paths(const char *x, const char *y, uint32_t max, const char *want, bool cut)
{
	const struct alto_source *s = pv_source(&rig);
	struct alto_out o = {.max = 1 << 20};
	struct alto_path_limits left = {max, 1000000, 1000000};
	struct alto_pathset set;

	assert_int_equal(alto_paths(s, pid(x), pid(y), &left, &set), 0);
	assert_int_equal(left.pids, 1000000 - (set.n ? set.begin[set.n] : 0));
	for (uint32_t i = 0; i < set.n; i++) {
		alto_puts(&o, i ? "|" : "");
		for (uint32_t j = set.begin[i]; j < set.begin[i + 1]; j++)
			alto_putf(&o, "%s%s", j > set.begin[i] ? " " : "",
				  s->pids[set.pids[j]].name);
	}
	assert_string_equal(o.data ? o.data : "", want);
	assert_int_equal(set.cut, cut);
	assert_true(left.steps < 1000000);
	alto_pathset_fini(&set);
	alto_out_fini(&o);
}

#define DIAMOND                                                                                    \
	"{\"domains\":{\"A\":{},\"T1\":{\"transit\":true},\"T2\":{\"transit\":true},"              \
	"\"T3\":{\"transit\":true},\"N\":{},\"Z\":{}},\"links\":{"                                 \
	"\"A/T1\":{\"routingcost\":9},\"A/T2\":{\"routingcost\":1},"                               \
	"\"T1/T2\":{\"routingcost\":1},\"T2/T3\":{\"routingcost\":1},"                             \
	"\"A/N\":{\"routingcost\":1},\"N/Z\":{\"routingcost\":1},"                                 \
	"\"T1/Z\":{\"routingcost\":1},\"T3/Z\":{\"routingcost\":1},"                               \
	"\"T2/Z\":{\"max-reservable-bandwidth\":5}}}"

/* N is no transit domain; T2-Z has no cost and is not used; fewest first, then by names. */
static void test_fewest_domains_first(void **state)
{
	pv_rig_json(&rig, DIAMOND);
	same_paths("A", "Z", 100, "A T1 Z|A T2 T1 Z|A T2 T3 Z|A T1 T2 T3 Z", false);
	same_paths("Z", "A", 100, "Z T1 A|Z T1 T2 A|Z T3 T2 A|Z T3 T2 T1 A", false);
}

/* Ends need not be transit domains, and are never inside. */
static void test_ends(void **state)
{
	pv_rig_json(&rig, DIAMOND);
	same_paths("A", "N", 100, "A N", false);
	same_paths("N", "T3", 100, "", false);
	same_paths("T1", "T3", 100, "T1 T2 T3", false);
	same_paths("A", "A", 100, "A", false);
	same_paths("A", "default", 100, "", false);
}

static void test_directed(void **state)
{
	pv_rig_json(&rig, "{\"domains\":{\"A\":{},\"B\":{\"transit\":true},\"C\":{}},\"links\":{"
			  "\"A/B\":{\"routingcost\":1,\"directed\":true},"
			  "\"B/C\":{\"routingcost\":1,\"directed\":true}}}");
	same_paths("A", "C", 100, "A B C", false);
	same_paths("C", "A", 100, "", false);
}

/* Exactly as many as there may be is not cut; one more is. */
static void test_cut_says_that_there_are_more(void **state)
{
	pv_rig_json(&rig, DIAMOND);
	same_paths("A", "Z", 4, "A T1 Z|A T2 T1 Z|A T2 T3 Z|A T1 T2 T3 Z", false);
	same_paths("A", "Z", 3, "A T1 Z|A T2 T1 Z|A T2 T3 Z", true);
	same_paths("A", "Z", 1, "A T1 Z", true);
}

static void test_steps_run_out(void **state)
{
	struct alto_path_limits left = {100, 0, 1000};
	struct alto_pathset set;

	pv_rig_json(&rig, DIAMOND);
	assert_int_equal(alto_paths(pv_source(&rig), pid("A"), pid("Z"), &left, &set), 0);
	assert_int_equal(set.n, 0);
	assert_true(set.cut);
	alto_pathset_fini(&set);
	left.steps = 8;
	assert_int_equal(alto_paths(pv_source(&rig), pid("A"), pid("Z"), &left, &set), 0);
	assert_int_equal(set.n, 1);
	assert_true(set.cut);
	assert_int_equal(left.steps, 0);
	alto_pathset_fini(&set);
}

/* The four paths have 3, 4, 4 and 5 PIDs. */
static void test_pids_run_out(void **state)
{
	static const uint32_t found[][2] = {{2, 0}, {3, 1}, {10, 2}, {11, 3}, {15, 3}, {16, 4}};

	pv_rig_json(&rig, DIAMOND);
	for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
		struct alto_path_limits left = {100, 1000, found[i][0]};
		struct alto_pathset set;

		assert_int_equal(alto_paths(pv_source(&rig), pid("A"), pid("Z"), &left, &set), 0);
		assert_int_equal(set.n, found[i][1]);
		assert_int_equal(set.cut, found[i][1] < 4);
		assert_int_equal(left.pids, found[i][0] - (set.n ? set.begin[set.n] : 0));
		alto_pathset_fini(&set);
	}
}

/* ---- against a search that tries everything ---- */

#define N 8
static bool linked[N][N], transit[N];

static void every(uint32_t *path, uint32_t n, uint32_t y, bool *used, uint32_t *count)
{
	uint32_t at = path[n - 1];

	if (at == y) {
		++*count;
		return;
	}
	if (n > 1 && !transit[at])
		return;
	for (uint32_t v = 0; v < N; v++) {
		if (!linked[at][v] || used[v])
			continue;
		used[v] = true;
		path[n] = v;
		every(path, n + 1, y, used, count);
		used[v] = false;
	}
}

static uint32_t seed = 1;

static uint32_t dice(uint32_t n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

static void random_graph(void)
{
	struct alto_builder *b = NULL;
	uint32_t id, odds = 2 + dice(3);
	char name[16];

	assert_int_equal(alto_builder_new("domains", &b), 0);
	for (uint32_t i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "P%u", i);
		transit[i] = dice(3);
		assert_int_equal(alto_builder_pid(b, name, transit[i], &id), 0);
	}
	for (uint32_t i = 0; i < N * N; i++) {
		struct alto_link link = {.from = i / N, .to = i % N};
		bool there = link.from != link.to && !dice(odds);

		linked[i / N][i % N] = there;
		for (int v = 0; v < LINK_VALUE_MAX; v++)
			link.value[v] = NAN;
		link.value[LINK_ROUTINGCOST] = 1;
		if (there)
			assert_int_equal(alto_builder_link(b, &link), 0);
	}
	pv_rig_use(&rig, b);
}

/* Simple, of links that are there, through transit domains only, in order, none twice. */
static void check_set(const struct alto_pathset *set, uint32_t x, uint32_t y)
{
	for (uint32_t i = 0; i < set->n; i++) {
		const uint32_t *p = set->pids + set->begin[i];
		uint32_t n = set->begin[i + 1] - set->begin[i];

		assert_int_equal(p[0], x);
		assert_int_equal(p[n - 1], y);
		for (uint32_t j = 1; j < n; j++) {
			assert_true(linked[p[j - 1]][p[j]]);
			assert_true(j == n - 1 || transit[p[j]]);
			for (uint32_t k = 0; k < j; k++)
				assert_true(p[k] != p[j]);
		}
		if (i) {
			uint32_t before = set->begin[i] - set->begin[i - 1];

			assert_true(before < n ||
				    (before == n && memcmp(p - n, p, n * sizeof(*p)) != 0));
			for (uint32_t j = 0; before == n && j < n; j++) {
				if ((p - n)[j] == p[j])
					continue;
				assert_true((p - n)[j] < p[j]);
				break;
			}
		}
	}
}

static void test_all_paths_of_random_graphs(void **state)
{
	for (int round = 0; round < 60; round++) {
		random_graph();
		for (uint32_t x = 0; x < N; x++) {
			for (uint32_t y = 0; y < N; y++) {
				uint32_t path[N] = {x}, count = 0;
				bool used[N] = {[0] = false};
				struct alto_path_limits left = {100000, 1000000, 1000000};
				struct alto_pathset set;

				used[x] = true;
				every(path, 1, y, used, &count);
				assert_int_equal(alto_paths(pv_source(&rig), x, y, &left, &set), 0);
				assert_int_equal(set.n, count);
				assert_false(set.cut);
				check_set(&set, x, y);
				alto_pathset_fini(&set);
			}
		}
		pv_rig_free(&rig);
	}
}

/* A row of 3000 transit domains: one path, as long as that, and no looking about. */
static void test_long_row(void **state)
{
	struct alto_builder *b = NULL;
	struct alto_pathset set;
	struct alto_path_limits left = {100, 20000000, 3000};
	uint32_t id;
	char name[16];

	assert_int_equal(alto_builder_new("domains", &b), 0);
	for (uint32_t i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "P%04u", i);
		assert_int_equal(alto_builder_pid(b, name, true, &id), 0);
	}
	for (uint32_t i = 0; i < 2 * 2999; i++) {
		struct alto_link link = {.from = i / 2 + i % 2, .to = i / 2 + !(i % 2)};

		for (int v = 0; v < LINK_VALUE_MAX; v++)
			link.value[v] = NAN;
		link.value[LINK_ROUTINGCOST] = 1;
		assert_int_equal(alto_builder_link(b, &link), 0);
	}
	pv_rig_use(&rig, b);
	assert_int_equal(alto_paths(pv_source(&rig), 0, 2999, &left, &set), 0);
	assert_int_equal(set.n, 1);
	assert_int_equal(set.begin[1], 3000);
	assert_false(set.cut);
	assert_true(left.steps > 20000000 - 20000);
	alto_pathset_fini(&set);
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		T(test_fewest_domains_first),	      T(test_ends),	     T(test_directed),
		T(test_cut_says_that_there_are_more), T(test_steps_run_out), T(test_pids_run_out),
		T(test_all_paths_of_random_graphs),   T(test_long_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
