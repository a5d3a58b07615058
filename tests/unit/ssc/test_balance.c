/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Selection balanced: members, weights, hysteresis; and two-level steering. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "unit/ssc/fix.h"

#define MAX 64

/* A balanced service by cost; what a caller keeps between calls. */
static struct {
	struct service svc;
	struct fix fix[MAX];
	struct ssc_candidate cands[MAX];
	struct ssc_score scores[MAX];
	bool damped[MAX];
	uint16_t order[MAX];
	uint32_t weights[MAX];
	unsigned int n;
	struct ssc_choice choice;
	struct ssc_result res;
	struct ssc_calm calm;
	bool with_calm;
} t;

static int setup(void **state)
{
	memset(&t, 0, sizeof(t));
	service_by_cost(&t.svc);
	t.svc.stale = STALE_HOLD;
	t.svc.mode = SAN_MODE_BALANCED;
	return 0;
}

static int teardown(void **state)
{
	for (unsigned int i = 0; i < t.n; i++)
		fix_fini(&t.fix[i]);
	return 0;
}

static void add(const char *instance, const char *path, int metric)
{
	struct fix *fix = &t.fix[t.n];

	fix_init(fix, instance, path);
	fix_instance(fix, ATTR_COST, metric);
	t.cands[t.n++] = fix_cand(fix);
}

/* A further path of the instance added last; its path has the cost, the instance none. */
static void add_path(const char *path, int metric)
{
	struct fix *fix = &t.fix[t.n];

	fix_init(fix, "-", path);
	fix_path(fix, ATTR_COST, metric);
	t.cands[t.n] =
		(struct ssc_candidate){.instance = t.cands[t.n - 1].instance, .path = &fix->path};
	t.n++;
}

static void set(unsigned int i, int metric)
{
	fix_instance(&t.fix[i], ATTR_COST, metric);
}

static void decide(uint64_t now)
{
	struct ssc_field f = {.svc = &t.svc,
			      .cands = t.cands,
			      .scores = t.scores,
			      .n = t.n,
			      .order = t.order,
			      .weights = t.weights,
			      .calm = t.with_calm ? &t.calm : NULL};

	for (unsigned int i = 0; i < t.n; i++)
		ssc_score(&t.svc, &t.cands[i], t.damped[i], now, &t.scores[i]);
	ssc_decide(&f, now, &t.choice, &t.res);
}

static void assert_weights(const char *want)
{
	char text[MAX * 11 + 1] = "";

	for (unsigned int i = 0; i < t.n; i++)
		sprintf(text + strlen(text), "%s%u", i ? " " : "", t.weights[i]);
	assert_string_equal(text, want);
}

static void assert_result(int selected, enum ssc_why why, bool changed)
{
	unsigned int members = 0;

	for (unsigned int i = 0; i < t.n; i++)
		members += t.weights[i] > 0;
	assert_string_equal(ssc_why_text(t.res.why), ssc_why_text(why));
	assert_int_equal(t.res.selected, selected);
	assert_int_equal(t.res.changed, changed);
	assert_int_equal(t.choice.valid, selected >= 0);
	assert_int_equal(t.choice.members, members);
	if (selected >= 0)
		assert_string_equal(t.choice.instance, t.cands[selected].instance->name);
}

static void test_all_that_satisfy(void **state)
{
	add("a", "be", 100);
	add("b", "be", 999);
	add("c", "be", 1000);
	add("d", "be", 0);
	decide(FIX_NOW);
	assert_result(3, SSC_FIRST, true);
	assert_weights("900 1 0 1000");
	assert_int_equal(t.choice.since_us, FIX_NOW);
	decide(FIX_NOW + 1 * S);
	assert_result(3, SSC_WEIGHTS_KEPT, false);
	assert_int_equal(t.choice.since_us, FIX_NOW);
	assert_int_equal(t.res.again_at_us, UINT64_MAX);
}

static void test_nothing_satisfies(void **state)
{
	add("a", "be", 1000);
	decide(FIX_NOW);
	assert_result(-1, SSC_NOTHING, false);
	set(0, 300);
	decide(FIX_NOW);
	assert_result(0, SSC_FIRST, true);
	set(0, 1000);
	decide(FIX_NOW);
	assert_result(-1, SSC_NOTHING, true);
	assert_weights("0");
}

/* Who comes or goes does so at once, and the others keep what they have. */
static void test_members_follow_at_once(void **state)
{
	add("a", "be", 100);
	add("b", "be", 500);
	add("c", "be", 1000);
	decide(FIX_NOW);
	assert_weights("900 500 0");
	set(0, 130); /* within the margin */
	set(1, 1000);
	decide(FIX_NOW + 1);
	assert_result(0, SSC_MEMBERS, true);
	assert_weights("900 0 0");
	set(2, 50);
	decide(FIX_NOW + 2);
	assert_result(2, SSC_MEMBERS, true);
	assert_weights("900 0 950");
	t.fix[0].instance.state = INSTANCE_DRAINING;
	decide(FIX_NOW + 3);
	assert_weights("0 0 950");
	t.fix[0].instance.state = INSTANCE_UP;
	t.damped[0] = true;
	decide(FIX_NOW + 4);
	assert_result(2, SSC_WEIGHTS_KEPT, false);
	t.damped[0] = false;
	decide(FIX_NOW + 5);
	assert_weights("870 0 950");
}

/* One that is gone took its weight along: nobody else tells. */
static void test_gone_is_a_change(void **state)
{
	add("a", "be", 100);
	add("b", "be", 500);
	decide(FIX_NOW);
	t.n = 1;
	decide(FIX_NOW + 1);
	assert_result(0, SSC_MEMBERS, true);
	fix_fini(&t.fix[1]);
}

static void test_weights_by_margin_and_hold(void **state)
{
	add("a", "be", 100);
	add("b", "be", 500);
	decide(FIX_NOW);
	set(0, 150); /* by 50: not more than the margin */
	set(1, 460);
	decide(FIX_NOW + 1 * S);
	assert_result(0, SSC_WEIGHTS_KEPT, false);
	set(0, 151);
	decide(FIX_NOW + 2 * S);
	assert_result(0, SSC_WEIGHTS_HOLD, false);
	assert_int_equal(t.res.again_at_us, FIX_NOW + 3 * S);
	decide(FIX_NOW + 3 * S - 1);
	assert_weights("900 500");
	decide(FIX_NOW + 3 * S);
	assert_result(0, SSC_WEIGHTS_NEW, true);
	assert_weights("849 540"); /* all of them */
	assert_int_equal(t.choice.since_us, FIX_NOW + 3 * S);
	decide(FIX_NOW + 4 * S);
	assert_result(0, SSC_WEIGHTS_KEPT, false);
}

static void test_hold_starts_anew(void **state)
{
	add("a", "be", 100);
	add("b", "be", 500);
	decide(FIX_NOW);
	set(0, 300);
	decide(FIX_NOW + 1 * S);
	set(0, 120);
	decide(FIX_NOW + 1500 * MS);
	assert_result(0, SSC_WEIGHTS_KEPT, false);
	set(0, 300);
	decide(FIX_NOW + 2 * S);
	assert_int_equal(t.res.again_at_us, FIX_NOW + 3 * S);
	/* A member that leaves meanwhile does not end the wait of the others. */
	set(1, 1000);
	decide(FIX_NOW + 2500 * MS);
	assert_result(0, SSC_MEMBERS, true);
	assert_int_equal(t.res.again_at_us, FIX_NOW + 3 * S);
	decide(FIX_NOW + 3 * S);
	assert_result(0, SSC_WEIGHTS_NEW, true);
	assert_weights("700 0");
}

static void test_no_hysteresis(void **state)
{
	t.svc.margin = 0;
	t.svc.hold_ms = 0;
	add("a", "be", 100);
	decide(FIX_NOW);
	set(0, 101);
	decide(FIX_NOW);
	assert_result(0, SSC_WEIGHTS_NEW, true);
	assert_weights("899");
}

/* The selected one stands for the greatest weight in force; equal ones do not take turns. */
static void test_who_stands_for_all(void **state)
{
	t.svc.hold_ms = 0;
	add("b", "be", 200);
	add("a", "be", 200);
	decide(FIX_NOW);
	assert_result(1, SSC_FIRST, true);
	set(0, 100);
	decide(FIX_NOW + 1);
	assert_result(0, SSC_WEIGHTS_NEW, true);
	set(0, 200);
	set(1, 201);
	decide(FIX_NOW + 2);
	assert_result(0, SSC_WEIGHTS_NEW, true);
	set(1, 151);
	decide(FIX_NOW + 3);
	assert_result(0, SSC_WEIGHTS_KEPT, false); /* better, but by no more than the margin */
}

static void test_best_path_of_an_instance(void **state)
{
	add("a", "p0", 400);
	add_path("p1", 0);
	samples_del(&t.fix[0].instance.samples, ATTR_COST);
	fix_path(&t.fix[0], ATTR_COST, 400);
	fix_path(&t.fix[1], ATTR_COST, 300);
	add("b", "p0", 500);
	decide(FIX_NOW);
	assert_weights("0 700 500");
	/* The other way is better: with the weights, not before. */
	fix_path(&t.fix[0], ATTR_COST, 200);
	decide(FIX_NOW + 1 * S);
	assert_result(1, SSC_WEIGHTS_HOLD, false);
	decide(FIX_NOW + 2 * S);
	assert_weights("800 0 500");
	/* Its own way fails: at once. */
	fix_path(&t.fix[1], ATTR_COST, 200);
	fix_path(&t.fix[0], ATTR_COST, 1000);
	decide(FIX_NOW + 3 * S);
	assert_result(1, SSC_MEMBERS, true);
	assert_weights("0 800 500");
	/* Its way gets worse while another one is about what it was. */
	fix_path(&t.fix[0], ATTR_COST, 210);
	fix_path(&t.fix[1], ATTR_COST, 900);
	decide(FIX_NOW + 4 * S);
	assert_result(1, SSC_WEIGHTS_HOLD, false);
	decide(FIX_NOW + 5 * S);
	assert_weights("790 0 500");
}

/* No way is left for one that is only as good, whatever their order. */
static void test_as_good_is_no_reason(void **state)
{
	t.svc.hold_ms = 0;
	add("a", "p0", 0);
	add_path("p1", 300);
	samples_del(&t.fix[0].instance.samples, ATTR_COST);
	fix_path(&t.fix[0], ATTR_COST, 400);
	add("b", "p0", 0); /* the selected one: being that settles ties, too */
	decide(FIX_NOW);
	assert_weights("0 700 1000");
	fix_path(&t.fix[0], ATTR_COST, 300);
	set(2, 100);
	decide(FIX_NOW + 1);
	assert_result(2, SSC_WEIGHTS_NEW, true);
	assert_weights("0 700 900");
}

static void test_change_of_selection(void **state)
{
	add("a", "be", 100);
	add("b", "be", 500);
	decide(FIX_NOW);
	set(1, 0);
	decide(FIX_NOW + 1 * S);
	assert_result(0, SSC_WEIGHTS_HOLD, false);
	t.svc.mode = SAN_MODE_PREFERRED;
	decide(FIX_NOW + 10 * S);
	assert_result(0, SSC_KEPT_HOLD, false); /* the wait for weights does not count */
	assert_weights("0 0");
	t.svc.mode = SAN_MODE_BALANCED;
	decide(FIX_NOW + 20 * S);
	assert_result(1, SSC_MEMBERS, true);
	assert_weights("900 1000");
}

static void test_stale_members(void **state)
{
	t.svc.stale = STALE_EXCLUDE;
	add("a", "be", 100);
	add("b", "be", 500);
	samples_put(&t.fix[1].instance.samples, ATTR_COST, 500000, FIX_NOW + 5 * S, NULL);
	decide(FIX_NOW + 5 * S);
	assert_int_equal(t.res.again_at_us, FIX_NOW + 10 * S + 1);
	decide(FIX_NOW + 10 * S + 1);
	assert_result(1, SSC_MEMBERS, true);
	assert_weights("0 500");
}

/* ---- aggregates: great weights ---- */

/* Of so many instances, steered by instance or not: weights do not ask. */
static void add_count(const char *name, int metric, uint16_t count)
{
	add(name, "be", metric);
	t.fix[t.n - 1].instance.aggregate = true;
	t.fix[t.n - 1].instance.agg_count = count;
}

static uint64_t weights_sum(void)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < t.n; i++)
		sum += t.weights[i];
	return sum;
}

static uint64_t permille(unsigned int i)
{
	return (1000 * (uint64_t)t.weights[i] + weights_sum() / 2) / weights_sum();
}

/* The more instances the more traffic, also beyond 65. */
static void test_shares_follow_counts(void **state)
{
	add_count("@gw1", 0, 100);
	add_count("@gw2", 0, 1000);
	add_count("@gw3", 0, UINT16_MAX);
	decide(FIX_NOW);
	assert_weights("100000 1000000 65535000");
}

/* Half of the way from 999:1 to 1:1 is 3:1. */
static void test_step_of_great_weights(void **state)
{
	t.with_calm = true;
	add_count("@gw1", 0, 200);
	add_count("@gw2", 999, 200);
	decide(FIX_NOW);
	assert_weights("200000 200");
	set(0, 500);
	set(1, 500);
	decide(FIX_NOW + 1 * S);
	decide(FIX_NOW + 2 * S);
	assert_result(0, SSC_WEIGHTS_NEW, true);
	assert_int_equal(t.calm.step, 512);
	assert_weights("149900 50100");
}

/* From the least sum to the greatest, and back: no figure leaves its type, all come to rest at
 * equal shares. */
static void test_all_are_greatest(void **state)
{
	char name[NAME_LEN];
	uint64_t now = FIX_NOW;

	t.with_calm = true;
	for (int i = 0; i < MAX; i++) {
		sprintf(name, "@gw%d", i);
		add_count(name, i ? 999 : 0, UINT16_MAX);
	}
	decide(now);
	for (int round = 0; round < 40; round++) {
		for (int i = 0; i < MAX; i++)
			set(i, round % 2 && round < 20 ? 999 * (i % 2) : 0);
		decide(now += 1 * S);
		decide(now += 61 * S);
	}
	assert_int_equal(t.choice.members, MAX);
	for (int i = 0; i < MAX; i++)
		assert_in_range(permille(i), 1000 / MAX - 1, 1000 / MAX + 2);
}

/* ---- two levels ---- */

static void test_steered_by_gateway(void **state)
{
	struct view_gateway gw = {.def = {.name = "gw2"}};

	t.svc.steering = STEERING_GATEWAY;
	add("a", "be", 100);
	decide(FIX_NOW);
	assert_result(-1, SSC_NOTHING, false);
	assert_int_equal(t.scores[0].gate, SSC_NO_SID);
	t.cands[0].gateway = &gw;
	decide(FIX_NOW);
	assert_int_equal(t.scores[0].gate, SSC_NO_SID);
	inet_pton(AF_INET6, "5f00:0:2:5a::", &gw.def.san_sid);
	memset(&t.fix[0].instance.sid, 0, sizeof(struct in6_addr)); /* it needs none */
	decide(FIX_NOW);
	assert_result(0, SSC_FIRST, true);
	assert_ptr_equal(ssc_last_segment(&t.svc, &t.cands[0]), &gw.def.san_sid);
	t.svc.steering = STEERING_INSTANCE;
	assert_null(ssc_last_segment(&t.svc, &t.cands[0]));
}

/* At the gateway itself: what the network would say is absent. */
static void test_without_a_path(void **state)
{
	add("a", "be", 100);
	t.cands[0].path = NULL;
	memset(&t.fix[0].instance.sid, 0, sizeof(struct in6_addr));
	term_ramp(&t.svc, ATTR_DELAY_US, 0, 1000, 1);
	require(&t.svc, ATTR_LOSS_PPM, REQ_LT, 1);
	require(&t.svc, ATTR_JITTER_US, REQ_LE, 0);
	require(&t.svc, ATTR_BANDWIDTH_KBPS, REQ_GE, 1000000);
	require(&t.svc, ATTR_BANDWIDTH_FREE_KBPS, REQ_GE, 1000000);
	decide(FIX_NOW);
	assert_result(0, SSC_FIRST, true);
	assert_int_equal(t.scores[0].metric, 50);
	assert_string_equal(t.choice.path, "");
	/* What the instance itself says counts. */
	fix_instance(&t.fix[0], ATTR_QUEUE_US, 500);
	decide(FIX_NOW);
	assert_int_equal(t.scores[0].metric, 300);
	fix_instance(&t.fix[0], ATTR_LOSS_PPM, 1);
	decide(FIX_NOW);
	assert_int_equal(t.scores[0].gate, SSC_REQUIREMENT);
	fix_instance(&t.fix[0], ATTR_LOSS_PPM, 0);
	fix_instance(&t.fix[0], ATTR_BANDWIDTH_KBPS, 10);
	decide(FIX_NOW);
	assert_int_equal(t.scores[0].gate, SSC_REQUIREMENT);
	fix_instance(&t.fix[0], ATTR_BANDWIDTH_KBPS, 1000000);
	/* And what it must say is still needed. */
	require(&t.svc, ATTR_CPU_LOAD, REQ_LT, 90);
	decide(FIX_NOW);
	assert_int_equal(t.scores[0].gate, SSC_UNKNOWN);
}

static void test_states_without_a_path(void **state)
{
	add("b", "be", 100);
	add("a", "be", 100);
	t.cands[0].path = t.cands[1].path = NULL;
	decide(FIX_NOW);
	assert_result(1, SSC_FIRST, true); /* by name */
	t.fix[1].instance.state = INSTANCE_DOWN;
	decide(FIX_NOW);
	assert_result(0, SSC_MEMBERS, true);
	t.fix[0].instance.state = INSTANCE_DRAINING;
	decide(FIX_NOW);
	assert_result(-1, SSC_NOTHING, true);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_all_that_satisfy),
		T(test_nothing_satisfies),
		T(test_members_follow_at_once),
		T(test_gone_is_a_change),
		T(test_weights_by_margin_and_hold),
		T(test_hold_starts_anew),
		T(test_no_hysteresis),
		T(test_who_stands_for_all),
		T(test_best_path_of_an_instance),
		T(test_as_good_is_no_reason),
		T(test_change_of_selection),
		T(test_stale_members),
		T(test_shares_follow_counts),
		T(test_step_of_great_weights),
		T(test_all_are_greatest),
		T(test_steered_by_gateway),
		T(test_without_a_path),
		T(test_states_without_a_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
