/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traffic moves load, load moves traffic: a loop of a service with 2 to 4 instances, 60 s of
 * virtual time, many seeds. Agents measure, smooth, report at intervals, and the report takes its
 * time; ssc decides. It must come to rest in a sane state; without the back-off it does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "unit/ssc/fix.h"

#define MAX 4
#define SEEDS 400
#define STEP_MS 50
#define RUN_MS 60000
#define MAX_CHANGES 5

enum model { LINEAR, QUEUE };

static struct {
	struct service svc;
	struct fix *fix[MAX];
	struct ssc_candidate cands[MAX];
	struct ssc_score scores[MAX];
	uint16_t order[MAX];
	uint32_t weights[MAX];
	struct ssc_choice choice;
	struct ssc_result res;
	struct ssc_calm calm;
	struct ssc_damping damping[MAX];
	bool damped[MAX];
	bool without; /* the back-off */
	/* the world */
	enum model model;
	unsigned int n;
	double demand, capacity[MAX];
	double smoothed[MAX], alpha; /* what the agent measures, weight of a new value */
	unsigned int delay_ms, interval_ms;
	double noise;
	struct {
		uint64_t at_ms;
		double value;
	} mail[MAX][128]; /* reports on their way */
	unsigned int sent[MAX], got[MAX];
	/* what happened */
	unsigned int changes;
	uint64_t last_change_ms;
} w;

static double smaller(double a, double b)
{
	return a < b ? a : b;
}

static double greater(double a, double b)
{
	return a > b ? a : b;
}

static double distance(double a, double b)
{
	return a > b ? a - b : b - a;
}

static uint64_t seed;

static double uniform(double from, double to)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return from + (to - from) * (double)(seed >> 33) / (double)(UINT64_C(1) << 31);
}

static double share(unsigned int i)
{
	double sum = 0;

	if (w.svc.mode == SAN_MODE_PREFERRED)
		return w.res.selected == (int)i;
	for (unsigned int k = 0; k < w.n; k++)
		sum += w.weights[k];
	return sum > 0 ? w.weights[i] / sum : 0;
}

/* Metric of an instance that carries so much of the traffic: 0..1000. */
static double metric_at(unsigned int i, double part)
{
	double rho = w.demand * part / w.capacity[i];

	if (w.model == LINEAR)
		return smaller(1000 * rho, 1000);
	/* M/M/1: time in queue over that of service, 1000 at nine tenths. */
	return rho < 0.9 ? smaller(1000 * rho / (1 - rho) / 9, 1000) : 1000;
}

static void world_step(uint64_t now_ms)
{
	for (unsigned int i = 0; i < w.n; i++) {
		double now = metric_at(i, share(i)) + uniform(-w.noise, w.noise);

		w.smoothed[i] += w.alpha * (now - w.smoothed[i]);
		if (now_ms % w.interval_ms == 0) {
			w.mail[i][w.sent[i] % 128].at_ms = now_ms + w.delay_ms;
			w.mail[i][w.sent[i]++ % 128].value = w.smoothed[i];
		}
		for (; w.got[i] < w.sent[i] && w.mail[i][w.got[i] % 128].at_ms <= now_ms;
		     w.got[i]++)
			fix_instance(w.fix[i], ATTR_COST,
				     (int64_t)smaller(greater(w.mail[i][w.got[i] % 128].value, 0),
						      1000));
	}
}

/* As orc does: who flaps is out while another one satisfies. */
static void damp(uint64_t now_us)
{
	bool suppressed[MAX], satisfied[MAX], any = false;

	for (unsigned int i = 0; i < w.n; i++) {
		ssc_score(&w.svc, &w.cands[i], false, now_us, &w.scores[i]);
		satisfied[i] = w.scores[i].metric < METRIC_MAX;
		suppressed[i] = ssc_damp(&w.damping[i], satisfied[i], now_us);
		any |= satisfied[i] && !suppressed[i];
	}
	for (unsigned int i = 0; i < w.n; i++)
		w.damped[i] = suppressed[i] && any;
}

static void decide(uint64_t now_ms)
{
	uint64_t now_us = FIX_NOW + now_ms * MS;
	struct ssc_field f = {.svc = &w.svc,
			      .cands = w.cands,
			      .scores = w.scores,
			      .n = w.n,
			      .order = w.order,
			      .weights = w.weights,
			      .calm = w.without ? NULL : &w.calm};

	damp(now_us);
	for (unsigned int i = 0; i < w.n; i++)
		ssc_score(&w.svc, &w.cands[i], w.damped[i], now_us, &w.scores[i]);
	ssc_decide(&f, now_us, &w.choice, &w.res);
	if (!w.res.changed)
		return;
	w.changes++;
	w.last_change_ms = now_ms;
}

static void world_open(uint64_t number, uint8_t mode)
{
	double sum = 0, least = 2;

	memset(&w, 0, sizeof(w));
	w.res.selected = -1;
	seed = number * 7919 + 1;
	uniform(0, 1);
	service_by_cost(&w.svc);
	w.svc.stale = STALE_HOLD;
	w.svc.mode = mode;
	w.n = 2 + number % 3;
	w.model = number / 3 % 2 ? QUEUE : LINEAR;
	for (unsigned int i = 0; i < w.n; i++) {
		char name[16];

		snprintf(name, sizeof(name), "i%u", i);
		w.fix[i] = calloc(1, sizeof(*w.fix[i]));
		fix_init(w.fix[i], name, "be");
		fix_instance(w.fix[i], ATTR_COST, 0);
		w.cands[i] = fix_cand(w.fix[i]);
		w.capacity[i] = uniform(1, 2);
		sum += w.capacity[i];
		least = smaller(least, w.capacity[i]);
	}
	/* PREFERRED: any one can carry it, but not without showing it. BALANCED: the smallest can
	 * carry its part before anything is known. */
	w.demand = mode == SAN_MODE_PREFERRED
			   ? uniform(0.4, 0.8)
			   : smaller(uniform(0.3, 0.7) * sum, 0.85 * w.n * least);
	w.delay_ms = (unsigned int)uniform(200, 1000);
	w.interval_ms = STEP_MS * (unsigned int)uniform(2, 11);
	w.alpha = uniform(0.05, 1);
	w.noise = uniform(0, 20);
}

static void world_close(void)
{
	for (unsigned int i = 0; i < w.n; i++) {
		fix_fini(w.fix[i]);
		free(w.fix[i]);
	}
}

static void run(void)
{
	for (uint64_t now_ms = 0; now_ms < RUN_MS; now_ms += STEP_MS) {
		world_step(now_ms);
		decide(now_ms);
	}
}

/* Shares in proportion to the weights that they themselves lead to. */
static void fair_shares(double *fair)
{
	for (unsigned int i = 0; i < w.n; i++)
		fair[i] = 1.0 / w.n;
	for (int round = 0; round < 20000; round++) {
		double sum = 0, weight[MAX];

		for (unsigned int i = 0; i < w.n; i++)
			sum += weight[i] = greater(1000 - metric_at(i, fair[i]), 1);
		for (unsigned int i = 0; i < w.n; i++)
			fair[i] += 0.01 * (weight[i] / sum - fair[i]);
	}
}

static void tell(uint64_t number)
{
	print_message(
		"seed %d: %u instances, model %d, demand %.2f, delay %u ms, every %u ms, alpha "
		"%.2f, noise %.0f: %u changes, the last at %u ms\n",
		(int)number, w.n, w.model, w.demand, w.delay_ms, w.interval_ms, w.alpha, w.noise,
		w.changes, (unsigned int)w.last_change_ms);
}

struct outcome {
	unsigned int most, sum, beyond;
};

static void count(struct outcome *out)
{
	out->most = w.changes > out->most ? w.changes : out->most;
	out->sum += w.changes;
	out->beyond += w.changes > MAX_CHANGES;
}

static struct outcome run_all(uint8_t mode, bool without, void (*check)(uint64_t number))
{
	struct outcome out = {0};

	for (uint64_t number = 0; number < SEEDS; number++) {
		world_open(number, mode);
		w.without = without;
		run();
		count(&out);
		if (check)
			check(number);
		world_close();
	}
	print_message(
		"mode %d, back-off %d: at most %u changes, %.2f on average, %u of %d beyond %d\n",
		mode, !without, out.most, out.sum / (double)SEEDS, out.beyond, SEEDS, MAX_CHANGES);
	return out;
}

static void check_preferred(uint64_t number)
{
	if (w.changes > MAX_CHANGES || w.res.selected < 0) {
		tell(number);
		fail_msg("does not come to rest");
	}
	/* It carries the traffic. */
	assert_true(metric_at(w.res.selected, 1) < METRIC_MAX);
}

static void test_preferred_comes_to_rest(void **state)
{
	struct outcome out = run_all(SAN_MODE_PREFERRED, false, check_preferred);

	assert_true(out.most <= MAX_CHANGES);
}

static void test_preferred_swings_without(void **state)
{
	assert_true(run_all(SAN_MODE_PREFERRED, true, NULL).beyond > SEEDS * 3 / 4);
}

static void check_balanced(uint64_t number)
{
	double fair[MAX];
	bool good = w.changes <= MAX_CHANGES;

	fair_shares(fair);
	for (unsigned int i = 0; i < w.n; i++)
		good = good && distance(share(i), fair[i]) <= 0.2 * fair[i];
	if (good)
		return;
	tell(number);
	for (unsigned int i = 0; i < w.n; i++)
		print_message("  capacity %.2f: share %.3f, fair %.3f\n", w.capacity[i], share(i),
			      fair[i]);
	fail_msg("does not come to rest where it should");
}

static void test_balanced_comes_to_rest(void **state)
{
	struct outcome out = run_all(SAN_MODE_BALANCED, false, check_balanced);

	assert_true(out.most <= MAX_CHANGES);
}

static void test_balanced_swings_without(void **state)
{
	assert_true(run_all(SAN_MODE_BALANCED, true, NULL).beyond > SEEDS / 4);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_preferred_swings_without),
		cmocka_unit_test(test_preferred_comes_to_rest),
		cmocka_unit_test(test_balanced_swings_without),
		cmocka_unit_test(test_balanced_comes_to_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
