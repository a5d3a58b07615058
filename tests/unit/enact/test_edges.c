/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Both edges of windows, once each: in the evening, over midnight, over changes of clocks. */
#include "rig.h"

#define NOW_S utc(2026, 6, 1, 12, 0, 0)

#define WINDOW(cond)                                                                               \
	SITES "CREATE Operation base Target backup Priority 20 Action redirect: \"slow\";\n"       \
	      "CREATE Operation night Target backup Priority 10 Condition " cond                   \
	      " Action redirect: \"gold\";\n"

static uint64_t flips(void)
{
	struct enact_stats stats;

	enact_stats(nodes[0].enact, &stats);
	return stats.flips;
}

/* The timer fires by itself: the clock is set two seconds before the edge. */
static void test_evening(void **state)
{
	struct node *n = &nodes[0];
	uint64_t before;

	set_clock(n, NOW_S);
	apply(n, WINDOW("(time >= \"18:00\") && (time < \"21:00\")"));
	assert_string_equal(leads_to(n), "slow");
	before = flips();
	set_clock(n, utc(2026, 6, 1, 17, 59, 0));
	assert_string_equal(leads_to(n), "slow");
	set_clock(n, utc(2026, 6, 1, 17, 59, 58));
	UNTIL(goes_to(n, "gold"));
	assert_int_equal(flips(), before + 1);
	set_clock(n, utc(2026, 6, 1, 20, 59, 0));
	assert_string_equal(leads_to(n), "gold");
	set_clock(n, utc(2026, 6, 1, 20, 59, 58));
	UNTIL(goes_to(n, "slow"));
	assert_int_equal(flips(), before + 2);
}

static void test_midnight(void **state)
{
	struct node *n = &nodes[0];
	unsigned int plans;

	set_clock(n, NOW_S);
	apply(n, WINDOW("(time > \"22:00\") || (time < \"02:00\")"));
	set_clock(n, utc(2026, 6, 1, 22, 0, 1));
	assert_string_equal(leads_to(n), "gold");
	plans = n->plans;
	set_clock(n, utc(2026, 6, 1, 23, 59, 58));
	turn_ms(2500);
	assert_string_equal(leads_to(n), "gold");
	assert_int_equal(n->plans, plans);
	set_clock(n, utc(2026, 6, 2, 2, 0, 0));
	assert_string_equal(leads_to(n), "slow");
}

/* A step of the clock into the window, out of it, and back. */
static void test_steps(void **state)
{
	struct node *n = &nodes[0];

	set_clock(n, NOW_S);
	apply(n, WINDOW("(time >= \"18:00\") && (time < \"21:00\")"));
	set_clock(n, utc(2026, 6, 1, 19, 0, 0));
	assert_string_equal(leads_to(n), "gold");
	set_clock(n, utc(2026, 6, 3, 21, 0, 0));
	assert_string_equal(leads_to(n), "slow");
	set_clock(n, utc(2026, 5, 3, 20, 59, 50));
	assert_string_equal(leads_to(n), "gold");
}

/* ---- edges alone, against every second of a day ---- */

struct one {
	struct nemo_store *store;
	struct nemo_expr *cond;
};

static struct one one_of(const char *cond)
{
	struct nemo_diags diags = {0};
	struct nemo_store *empty = nemo_store_new();
	struct one one = {0};
	char text[512];
	struct nemo_script *script;

	snprintf(text, sizeof(text),
		 "CREATE ServiceFlow f Match dst_port: 1; CREATE Operation o Target f Priority 1 "
		 "Condition %s Action deny;",
		 cond);
	script = nemo_parse(text, strlen(text), &diags);
	assert_non_null(script);
	assert_int_equal(nemo_check(script, empty, &one.store, &diags), 0);
	one.cond = nemo_store_find(one.store, "o")->c.condition;
	nemo_script_free(script);
	nemo_store_free(empty);
	nemo_diags_fini(&diags);
	return one;
}

static bool truth_at(const struct one *one, int64_t utc_s)
{
	struct nemo_env env = {0};

	enact_civil(utc_s, &env.now);
	return nemo_eval(one->cond, &env) == NEMO_TRUE;
}

/* From edge to edge nothing changes, and the number of changes is as said. */
static void walk(const char *cond, int64_t from_s, int64_t to_s, unsigned int changes)
{
	struct one one = one_of(cond);
	struct enact *enact = nodes[0].enact;
	int64_t edge = enact_edge(enact, one.cond, from_s);
	bool truth = truth_at(&one, from_s);
	unsigned int edges = 0;

	assert_true(edge > from_s);
	for (int64_t s = from_s; s < to_s; s++) {
		bool now = truth_at(&one, s);

		if (s == edge) {
			edge = enact_edge(enact, one.cond, s);
			assert_true(edge > s);
			edges++;
		} else if (now != truth) {
			fail_msg("%s: changes at %lld, no edge", cond, (long long)s);
		}
		changes -= now != truth;
		truth = now;
	}
	assert_int_equal(changes, 0);
	assert_true(edges < 20);
	nemo_store_free(one.store);
}

#define DAY_S 86400

static int setup_berlin(void **state)
{
	rig_zone = "Europe/Berlin";
	return setup(state);
}

/* 2026-03-29: 02:00 CET is followed by 03:00 CEST; 2026-10-25: 03:00 CEST by 02:00 CET. */
static void test_changes_of_clocks(void **state)
{
	const int64_t spring = utc(2026, 3, 28, 23, 0, 0), autumn = utc(2026, 10, 24, 22, 0, 0);
	const int64_t summer = utc(2026, 6, 1, 0, 0, 0);

	walk("(time >= \"18:00\") && (time < \"21:00\")", summer, summer + 2 * DAY_S, 4);
	walk("(time >= \"18:00\") && (time < \"21:00\")", spring, spring + DAY_S, 2);
	walk("(time > \"22:00\") || (time < \"02:00\")", autumn, autumn + DAY_S, 2);
	/* An edge within the hour that is not there: right behind it. */
	walk("time >= \"02:30\"", spring, spring + 2 * DAY_S - 7200, 3);
	/* A window within that hour does not come. */
	walk("(time >= \"02:10\") && (time < \"02:50\")", spring, spring + 12 * 3600, 0);
	/* An hour that comes twice has its window twice. */
	walk("(time >= \"02:10\") && (time < \"02:50\")", autumn, autumn + 12 * 3600, 4);
	walk("time >= \"02:30\"", autumn, autumn + 12 * 3600, 3);
	walk("time >= \"2026-10-25 02:30:00\"", autumn, autumn + 12 * 3600, 3);
}

static void test_civil_time(void **state)
{
	char text[32];

	set_clock(&nodes[0], utc(2026, 6, 1, 16, 0, 0));
	assert_string_equal(enact_time(nodes[0].enact, text, sizeof(text)), "2026-06-01 18:00:00");
}

static void test_bad_zone(void **state)
{
	static const char *const bad[] = {"Europe/Nowhere", "../../etc/passwd", "/etc/localtime",
					  "", "Europe/Berlin\n"};
	struct enact *enact = NULL;

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct enact_conf conf = {.loop = &loop,
					  .view = &nodes[0].view,
					  .ncc = nodes[0].ncc,
					  .host = "pe1",
					  .zone = bad[i]};
		struct err err = {0};

		assert_int_equal(enact_open(&conf, &enact, &err), -EINVAL);
		assert_non_null(strstr(err.want, "time zone"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_evening),
		T(test_midnight),
		T(test_steps),
		cmocka_unit_test_setup_teardown(test_changes_of_clocks, setup_berlin, teardown),
		cmocka_unit_test_setup_teardown(test_civil_time, setup_berlin, teardown),
		T(test_bad_zone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
