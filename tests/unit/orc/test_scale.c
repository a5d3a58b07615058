/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Very many services: a change costs what it touches, whatever else there is. By counters, not by
 * time. SAND_SOAK=1: a million candidates. */
#include "unit/orc/rig.h"

#define INSTANCES 10

#define BY_LOAD_FOR_LONG                                                                           \
	"{\"evaluation\": [{\"attribute\": \"cpu_load\", \"curve\": {\"ramp\": [0, 100]}}], "      \
	"\"hysteresis\": {\"margin\": 0, \"hold_ms\": 0}, "                                        \
	"\"freshness\": {\"max_age_ms\": 3600000}}"

static unsigned int services;

static void name_of(unsigned int i, char *buf)
{
	snprintf(buf, 16, "i%u", i);
}

static int setup_scale(void **state)
{
	char name[16], sid[64];

	services = getenv("SAND_SOAK") ? 100000 : 5000;
	rig_services = services;
	rig_open(&(struct orc_conf){.ingress = "pe1"});
	parent.deaf = true;
	path("pe1", "gw2", "be", NULL);
	for (unsigned int id = 1; id <= services; id++) {
		service(id, BY_LOAD_FOR_LONG);
		for (unsigned int i = 0; i < INSTANCES; i++) {
			name_of(i, name);
			snprintf(sid, sizeof(sid), "5f00:0:2:%x::", 0x100 + i);
			instance(id, name, "gw2", sid);
			attr(id, name, ATTR_CPU_LOAD, 50 + i);
		}
	}
	orc_start(orc);
	return 0;
}

struct cost {
	uint64_t scored, evaluated, changed;
};

static struct cost cost_since(const struct orc_stats *before)
{
	orc_round(orc);
	return (struct cost){stats().candidates_scored - before->candidates_scored,
			     stats().evaluations - before->evaluations,
			     stats().selections_changed - before->selections_changed};
}

static void assert_cost(struct cost cost, uint64_t scored, uint64_t evaluated, uint64_t changed)
{
	assert_int_equal(cost.scored, scored);
	assert_int_equal(cost.evaluated, evaluated);
	assert_int_equal(cost.changed, changed);
}

static void test_a_change_costs_what_it_touches(void **state)
{
	struct orc_stats before = stats();

	assert_int_equal(before.candidates, services * INSTANCES);
	assert_int_equal(before.candidates_scored, services * INSTANCES);
	assert_int_equal(before.evaluations, services);
	assert_int_equal(before.queued, 0);
	/* One value. */
	attr(77, "i3", ATTR_CPU_LOAD, 99);
	assert_cost(cost_since(&before), 1, 1, 0);
	before = stats();
	attr(77, "i3", ATTR_CPU_LOAD, 1);
	assert_cost(cost_since(&before), 1, 1, 1);
	/* A thousand, each ten times: once. */
	before = stats();
	for (unsigned int i = 0; i < 10000; i++)
		attr(1 + i % 1000, "i0", ATTR_CPU_LOAD, i < 9000 ? 99 : 0);
	assert_int_equal(stats().queued, 1000);
	assert_cost(cost_since(&before), 1000, 1000, 1);
	assert_int_equal(stats().queued, 0);
	/* Nothing. */
	before = stats();
	attr(5, "i0", ATTR_CPU_LOAD, 0);
	path_attr("gw2", "be", ATTR_DELAY_US, 500);
	assert_cost(cost_since(&before), 0, 0, 0);
	/* One structure. */
	before = stats();
	view_instance_del(&view, 9, "i9");
	assert_cost(cost_since(&before), INSTANCES - 1, 1, 0);
	/* A deadline each, and none that is due. */
	assert_int_equal(orc->due.n, services);
	own_clock_pass(1000000 / MAX_UPDATES_DEFAULT + 1);
	orc_take_due(orc); /* what waited for its time to be sent */
	orc_round(orc);
	assert_int_equal(stats().deferred, 0);
	before = stats();
	orc_take_due(orc);
	assert_cost(cost_since(&before), 0, 0, 0);
	assert_true(stats().round_us->count >= 5);
	assert_true(stats().react_us->count >= 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_change_costs_what_it_touches, setup_scale,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
