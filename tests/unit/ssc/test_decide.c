/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ranking, ties, hysteresis. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "unit/ssc/fix.h"
#include "util/own.h"

#define MAX 8

/* A service by cost with some candidates; what a caller keeps between calls. */
static struct {
	struct service svc;
	struct fix fix[MAX];
	struct ssc_candidate cands[MAX];
	struct ssc_score scores[MAX];
	uint16_t order[MAX];
	uint32_t weights[MAX];
	unsigned int n;
	struct ssc_choice choice;
	struct ssc_result res;
} t;

static int setup(void **state)
{
	memset(&t, 0, sizeof(t));
	service_by_cost(&t.svc);
	t.svc.stale = STALE_HOLD;
	return 0;
}

static int teardown(void **state)
{
	for (unsigned int i = 0; i < t.n; i++)
		fix_fini(&t.fix[i]);
	return 0;
}

static void add(const char *instance, const char *path, uint32_t preference, int metric)
{
	struct fix *fix = &t.fix[t.n];

	fix_init(fix, instance, path);
	fix->path.def.preference = preference;
	fix_instance(fix, ATTR_COST, metric);
	t.cands[t.n++] = fix_cand(fix);
}

static void set(unsigned int i, int metric)
{
	fix_instance(&t.fix[i], ATTR_COST, metric);
}

static struct ssc_field field(void)
{
	return (struct ssc_field){.svc = &t.svc,
				  .cands = t.cands,
				  .scores = t.scores,
				  .n = t.n,
				  .order = t.order,
				  .weights = t.weights};
}

static void decide(uint64_t now)
{
	const struct ssc_field f = field();

	for (unsigned int i = 0; i < t.n; i++)
		ssc_score(&t.svc, &t.cands[i], false, now, &t.scores[i]);
	ssc_decide(&f, now, &t.choice, &t.res);
}

/* What came out, and that the choice says the same. */
static void assert_result(int selected, enum ssc_why why, bool changed)
{
	assert_int_equal(t.res.selected, selected);
	assert_string_equal(ssc_why_text(t.res.why), ssc_why_text(why));
	assert_int_equal(t.res.changed, changed);
	assert_int_equal(t.choice.valid, selected >= 0);
	if (selected < 0)
		return;
	assert_string_equal(t.choice.instance, t.cands[selected].instance->name);
	assert_string_equal(t.choice.gateway, t.cands[selected].instance->gateway);
	assert_string_equal(t.choice.path, t.cands[selected].path->def.name);
	assert_int_equal(t.choice.metric, t.scores[selected].metric);
}

static void test_selection_table(void **state)
{
	add("I1", "policy1", 100, 15);
	add("I3", "BE", 100, 30);
	add("I2", "policy2", 100, 10);
	decide(1 * S);
	assert_result(2, SSC_FIRST, true);
	assert_string_equal(t.choice.instance, "I2");
	assert_string_equal(t.choice.path, "policy2");
	assert_int_equal(t.choice.metric, 10);
	assert_int_equal(t.scores[2].rank, 1);
	assert_int_equal(t.scores[0].rank, 2);
	assert_int_equal(t.scores[1].rank, 3);
	teardown(NULL);

	setup(NULL);
	add("I4", "policy3", 100, 25);
	add("I5", "policy4", 100, 20);
	add("I6", "BE", 100, 30);
	decide(1 * S);
	assert_result(1, SSC_FIRST, true);
	assert_string_equal(t.choice.instance, "I5");
	assert_string_equal(t.choice.path, "policy4");
}

static void test_nothing(void **state)
{
	decide(1 * S);
	assert_result(-1, SSC_NOTHING, false);
	assert_true(t.res.again_at_us == UINT64_MAX);
	add("a", "be", 100, 1000);
	decide(2 * S);
	assert_result(-1, SSC_NOTHING, false);
	assert_int_equal(t.scores[0].rank, 1);
	set(0, 999);
	decide(3 * S);
	assert_result(0, SSC_FIRST, true);
	assert_int_equal(t.choice.since_us, 3 * S);
	set(0, 1000);
	decide(4 * S);
	assert_result(-1, SSC_NOTHING, true);
	decide(5 * S);
	assert_result(-1, SSC_NOTHING, false);
}

static void test_lost(void **state)
{
	add("a", "be", 100, 10);
	add("b", "be", 100, 500);
	decide(1 * S);
	assert_result(0, SSC_FIRST, true);
	set(0, 1000); /* at once, no hold */
	decide(2 * S);
	assert_result(1, SSC_LOST, true);
	assert_int_equal(t.choice.since_us, 2 * S);
	strcpy(t.choice.instance, "gone"); /* its object went */
	decide(3 * S);
	assert_result(1, SSC_LOST, true);
	set(0, 10);
	t.fix[1].instance.gateway = "gw3"; /* the same name elsewhere is another one */
	decide(4 * S);
	assert_result(0, SSC_LOST, true);
}

static void test_margin(void **state)
{
	add("a", "be", 100, 100);
	add("b", "be", 100, 200);
	decide(1 * S);
	assert_result(0, SSC_FIRST, true);
	set(1, 51); /* 49 better */
	decide(2 * S);
	assert_result(0, SSC_KEPT_MARGIN, false);
	assert_int_equal(t.choice.better_since_us, 0);
	assert_true(t.res.again_at_us == UINT64_MAX);
	assert_int_equal(t.scores[1].rank, 1);
	set(1, 50); /* the margin */
	decide(3 * S);
	assert_result(0, SSC_KEPT_HOLD, false);
	assert_int_equal(t.res.again_at_us, 4 * S);
}

static void test_hold(void **state)
{
	add("a", "be", 100, 500);
	add("b", "be", 100, 600);
	decide(1 * S);
	set(1, 100);
	decide(2 * S);
	assert_result(0, SSC_KEPT_HOLD, false);
	assert_int_equal(t.choice.better_since_us, 2 * S);
	decide(2 * S + 500 * MS); /* asked again in between: the clock goes on */
	assert_result(0, SSC_KEPT_HOLD, false);
	assert_int_equal(t.res.again_at_us, 3 * S);
	decide(3 * S - 1);
	assert_result(0, SSC_KEPT_HOLD, false);
	decide(3 * S);
	assert_result(1, SSC_MOVED, true);
	assert_int_equal(t.choice.since_us, 3 * S);
	assert_int_equal(t.choice.better_since_us, 0);
	decide(4 * S);
	assert_result(1, SSC_KEPT, false);
	assert_int_equal(t.choice.since_us, 3 * S);
}

/* A dip below the margin starts the hold time anew. */
static void test_hold_restarts(void **state)
{
	add("a", "be", 100, 500);
	add("b", "be", 100, 100);
	strcpy(t.choice.instance, "a");
	strcpy(t.choice.gateway, "gw2");
	strcpy(t.choice.path, "be");
	t.choice.valid = true;
	decide(1 * S);
	assert_result(0, SSC_KEPT_HOLD, false);
	set(1, 460);
	decide(1 * S + 900 * MS);
	assert_result(0, SSC_KEPT_MARGIN, false);
	set(1, 100);
	decide(2 * S);
	assert_result(0, SSC_KEPT_HOLD, false);
	assert_int_equal(t.res.again_at_us, 3 * S);
	set(0, 100); /* the selected one recovers: equal */
	decide(2 * S + 1);
	assert_result(0, SSC_KEPT, false);
	assert_int_equal(t.choice.better_since_us, 0);
}

/* The hold time is about there being something better, not about one name. */
static void test_hold_changing_challenger(void **state)
{
	add("a", "be", 100, 100);
	add("b", "be", 100, 600);
	add("c", "be", 100, 600);
	decide(1 * S);
	set(0, 500);
	set(1, 100);
	decide(2 * S);
	set(1, 600);
	set(2, 90);
	decide(2 * S + 500 * MS);
	assert_result(0, SSC_KEPT_HOLD, false);
	decide(3 * S);
	assert_result(2, SSC_MOVED, true);
}

static void test_no_hysteresis(void **state)
{
	t.svc.margin = 0;
	t.svc.hold_ms = 0;
	add("a", "be", 100, 100);
	add("b", "be", 100, 200);
	decide(0);
	assert_result(0, SSC_FIRST, true);
	set(1, 100);
	decide(0);
	assert_result(0, SSC_KEPT, false); /* a tie is not better */
	set(1, 99);
	decide(0);
	assert_result(1, SSC_MOVED, true);
}

static void test_whole_margin(void **state)
{
	t.svc.margin = METRIC_MAX; /* never moves by choice */
	t.svc.hold_ms = 0;
	add("a", "be", 100, 999);
	add("b", "be", 100, 1000);
	decide(1 * S);
	set(1, 0);
	decide(2 * S);
	assert_result(0, SSC_KEPT_MARGIN, false);
}

/* Up and down again as the lab plays it. */
static void test_timeline(void **state)
{
	static const struct {
		uint64_t at_ms;
		int metric; /* of a; b stays at 300 */
		int selected;
		enum ssc_why why;
	} line[] = {
		{0, 100, 0, SSC_FIRST},		 {1000, 260, 0, SSC_KEPT},
		{2000, 340, 0, SSC_KEPT_MARGIN}, {3000, 800, 0, SSC_KEPT_HOLD},
		{3999, 800, 0, SSC_KEPT_HOLD},	 {4000, 800, 1, SSC_MOVED},
		{5000, 280, 1, SSC_KEPT_MARGIN}, {6000, 250, 1, SSC_KEPT_HOLD},
		{6999, 250, 1, SSC_KEPT_HOLD},	 {7000, 250, 0, SSC_MOVED},
		{7100, 1000, 1, SSC_LOST},	 {7200, 100, 1, SSC_KEPT_HOLD},
		{8200, 100, 0, SSC_MOVED},
	};

	add("a", "be", 100, 100);
	add("b", "be", 100, 300);
	for (size_t i = 0; i < ARRAY_SIZE(line); i++) {
		int before = t.choice.valid ? t.res.selected : -1;

		set(0, line[i].metric);
		decide(FIX_NOW + line[i].at_ms * MS);
		assert_result(line[i].selected, line[i].why, line[i].selected != before);
	}
}

static void test_path_change(void **state)
{
	add("a", "fast", 100, 100);
	add("a", "slow", 100, 500);
	decide(1 * S);
	assert_result(0, SSC_FIRST, true);
	set(0, 1000);
	decide(2 * S);
	assert_result(1, SSC_LOST, true); /* the same instance over another path */
}

static void test_ties(void **state)
{
	add("b", "p", 100, 50);
	add("a", "p2", 100, 50);
	add("a", "p1", 100, 50);
	add("z", "p", 10, 50);
	add("c", "p", 100, 49);
	decide(1 * S);
	/* metric, preference, instance name, path name */
	assert_int_equal(t.order[0], 4);
	assert_int_equal(t.order[1], 3);
	assert_int_equal(t.order[2], 2);
	assert_int_equal(t.order[3], 1);
	assert_int_equal(t.order[4], 0);
	assert_result(4, SSC_FIRST, true);
	set(4, 50); /* the selected one before all that tie with it */
	decide(2 * S);
	assert_int_equal(t.order[0], 4);
	assert_int_equal(t.order[1], 3);
	assert_result(4, SSC_KEPT, false);
}

/* Whatever order the candidates come in, the choice and all ranks are the same. */
static void test_permutations(void **state)
{
	static const struct {
		const char *instance, *path;
		uint32_t preference;
		int metric;
	} base[] = {{"b", "p", 100, 50},
		    {"a", "q", 100, 50},
		    {"a", "p", 100, 50},
		    {"d", "p", 5, 60},
		    {"e", "p", 100, 1000}};
	static const char *const want[] = {"a/p", "a/q", "b/p", "d/p", "e/p"};
	char name[2 * NAME_LEN];
	int index[5], runs = 0;

	for (int code = 0; code < 5 * 5 * 5 * 5 * 5; code++) {
		bool used[5] = {false}, valid = true;

		for (int i = 0, rest = code; i < 5; i++, rest /= 5) {
			index[i] = rest % 5;
			valid &= !used[index[i]];
			used[index[i]] = true;
		}
		if (!valid)
			continue;
		setup(NULL);
		for (int i = 0; i < 5; i++)
			add(base[index[i]].instance, base[index[i]].path, base[index[i]].preference,
			    base[index[i]].metric);
		decide(1 * S);
		for (int i = 0; i < 5; i++) {
			const struct ssc_candidate *c = &t.cands[t.order[i]];

			snprintf(name, sizeof(name), "%s/%s", c->instance->name, c->path->def.name);
			assert_string_equal(name, want[i]);
			assert_int_equal(t.scores[t.order[i]].rank, i + 1);
		}
		assert_int_equal(t.res.selected, t.order[0]);
		teardown(NULL);
		t.n = 0;
		runs++;
	}
	assert_int_equal(runs, 120);
}

static void test_again_at_stale(void **state)
{
	t.svc.stale = STALE_EXCLUDE;
	add("a", "be", 100, 100);
	add("b", "be", 100, 200);
	add("c", "be", 100, 1000);
	t.fix[1].instance.samples.v[0].received_us = FIX_NOW - 4 * S;
	t.fix[2].instance.samples.v[0].received_us = FIX_NOW - 9 * S; /* out anyway */
	decide(FIX_NOW);
	assert_int_equal(t.res.again_at_us, FIX_NOW + 6 * S + 1);
	decide(t.res.again_at_us);
	assert_int_equal(t.scores[1].gate, SSC_STALE);
	assert_int_equal(t.res.again_at_us, FIX_NOW + 10 * S + 1);
	decide(t.res.again_at_us);
	assert_result(-1, SSC_NOTHING, true);
	assert_true(t.res.again_at_us == UINT64_MAX);
}

static void test_again_at_earlier_of_both(void **state)
{
	t.svc.stale = STALE_EXCLUDE;
	t.svc.hold_ms = 8000;
	add("a", "be", 100, 100);
	add("b", "be", 100, 500);
	decide(FIX_NOW);
	set(0, 900);
	decide(FIX_NOW);
	assert_result(0, SSC_KEPT_HOLD, false);
	assert_int_equal(t.res.again_at_us, FIX_NOW + 8 * S);
	t.svc.hold_ms = 20000;
	decide(FIX_NOW);
	assert_int_equal(t.res.again_at_us, FIX_NOW + 10 * S + 1);
}

/* Scores kept from before: what went stale meanwhile is due at once. */
static void test_again_at_overdue(void **state)
{
	struct ssc_field f;

	t.svc.stale = STALE_EXCLUDE;
	add("a", "be", 100, 100);
	f = field();
	decide(FIX_NOW);
	ssc_decide(&f, FIX_NOW + 60 * S, &t.choice, &t.res);
	assert_true(t.res.again_at_us <= FIX_NOW + 60 * S);
}

/* As many as orc may hand over, with equal metrics. */
static void test_many(void **state)
{
	enum { N = 4096 };
	struct fix *fix = calloc(N, sizeof(*fix));
	struct ssc_candidate *cands = calloc(N, sizeof(*cands));
	struct ssc_score *scores = calloc(N, sizeof(*scores));
	uint16_t *order = calloc(N, sizeof(*order));
	struct ssc_field f = {
		.svc = &t.svc, .cands = cands, .scores = scores, .n = N, .order = order};
	char name[16];

	service_bare(&t.svc);
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "i%04d", N - 1 - i);
		fix_init(&fix[i], name, "be");
		cands[i] = fix_cand(&fix[i]);
		ssc_score(&t.svc, &cands[i], false, FIX_NOW, &scores[i]);
	}
	ssc_decide(&f, FIX_NOW, &t.choice, &t.res);
	assert_int_equal(t.res.selected, N - 1);
	assert_string_equal(t.choice.instance, "i0000");
	for (int i = 0; i < N; i++)
		assert_int_equal(order[i], N - 1 - i);
	free(fix);
	free(cands);
	free(scores);
	free(order);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_selection_table),
		T(test_nothing),
		T(test_lost),
		T(test_margin),
		T(test_hold),
		T(test_hold_restarts),
		T(test_hold_changing_challenger),
		T(test_no_hysteresis),
		T(test_whole_margin),
		T(test_timeline),
		T(test_path_change),
		T(test_ties),
		T(test_permutations),
		T(test_again_at_stale),
		T(test_again_at_earlier_of_both),
		T(test_again_at_overdue),
		T(test_many),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
