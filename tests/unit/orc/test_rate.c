/* SPDX-License-Identifier: GPL-2.0-or-later */
/* At most max_updates_per_s changes of a service's entry reach ncc; the newest state wins. And what
 * happens while the database is away: time stands still, but what was decided is carried out. */
#include "unit/orc/rig.h"

#define RATE_10                                                                                    \
	"{\"evaluation\": [{\"attribute\": \"cpu_load\", \"curve\": {\"ramp\": [0, 100]}}], "      \
	"\"hysteresis\": {\"margin\": 0, \"hold_ms\": 0}, \"max_updates_per_s\": 10}"
#define DISTANCE_US UINT64_C(100000)

static void two_instances(uint64_t id, const char *text)
{
	service(id, text);
	path("pe1", "gw2", "be", NULL);
	instance(id, "a", "gw2", "5f00:0:2:100::");
	instance(id, "b", "gw2", "5f00:0:2:101::");
	attr(id, "a", ATTR_CPU_LOAD, 10);
	attr(id, "b", ATTR_CPU_LOAD, 50);
}

static struct orc_service *at(uint64_t id)
{
	return view_service(&view, id)->user;
}

/* Rounds and messages, but no waiting. */
static void turn(void)
{
	if (orc->armed)
		orc_round(orc);
	for (int i = 0; i < 3; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
}

/* As if the last change had been so long ago. */
static void pass(uint64_t id, uint64_t us)
{
	at(id)->sent_us -= us;
	if (at(id)->send.place)
		orc_heap_set(&orc->send, &at(id)->send, at(id)->send.at_us - us);
	orc_take_due(orc);
	turn();
}

/* As REST tells it. */
static bool applied(uint64_t id)
{
	struct ncc_status status;
	struct orc_entry entry;

	ncc_status(ncc, &status);
	assert_int_equal(orc_entry(orc, id, &entry), 0);
	return status.applied >= entry.generation;
}

static void test_the_first_goes_at_once(void **state)
{
	two_instances(0x101, RATE_10);
	turn();
	assert_string_equal(in_force(0x101), "5f00:0:2:100::");
	assert_int_equal(stats().deferred, 0);
	pass(0x101, DISTANCE_US);
	attr(0x101, "a", ATTR_CPU_LOAD, 90);
	turn();
	assert_string_equal(in_force(0x101), "5f00:0:2:101::");
	assert_int_equal(stats().held_back, 0);
}

static void test_the_next_waits_and_the_newest_wins(void **state)
{
	two_instances(0x101, RATE_10);
	turn();
	for (int i = 0; i < 7; i++) {
		attr(0x101, "a", ATTR_CPU_LOAD, i % 2 ? 10 : 90);
		turn();
	}
	/* Decided, but not told. */
	assert_string_equal(chosen(0x101), "b");
	assert_string_equal(in_force(0x101), "5f00:0:2:100::");
	assert_int_equal(stats().deferred, 1);
	assert_int_equal(stats().held_back, 7);
	assert_int_equal(orc->send.n, 1); /* nothing queues */
	assert_true(at(0x101)->send.at_us <= clock_us() + DISTANCE_US);
	assert_true(uv_timer_get_due_in(&orc->deadline) <= DISTANCE_US / 1000);
	assert_false(applied(0x101)); /* and that shows */
	pass(0x101, DISTANCE_US);
	assert_string_equal(in_force(0x101), "5f00:0:2:101::");
	assert_int_equal(stats().deferred, 0);
	assert_int_equal(orc->send.n, 0);
	settle();
	assert_true(applied(0x101));
	/* The next distance begins with what was sent. */
	attr(0x101, "a", ATTR_CPU_LOAD, 10);
	turn();
	assert_string_equal(in_force(0x101), "5f00:0:2:101::");
	pass(0x101, DISTANCE_US);
	assert_string_equal(in_force(0x101), "5f00:0:2:100::");
}

/* Each service for itself. */
static void test_others_do_not_wait(void **state)
{
	two_instances(0x101, RATE_10);
	two_instances(0x102, RATE_10);
	turn();
	pass(0x102, DISTANCE_US);
	attr(0x101, "a", ATTR_CPU_LOAD, 90);
	attr(0x102, "a", ATTR_CPU_LOAD, 90);
	turn();
	assert_string_equal(in_force(0x101), "5f00:0:2:100::");
	assert_string_equal(in_force(0x102), "5f00:0:2:101::");
	assert_int_equal(stats().deferred, 1);
}

/* Over a second: as many as there may be. */
static void test_as_many_as_there_may_be(void **state)
{
	uint64_t begin, plans;
	int load = 0;

	two_instances(0x101, BY_LOAD); /* 100/s */
	settle();
	plans = parent.plans;
	begin = clock_us();
	while (clock_us() - begin < 300000) {
		/* As soon as one choice is in force, another one is right. */
		if (strcmp(in_force(0x101), load ? "5f00:0:2:101::" : "5f00:0:2:100::") == 0)
			attr(0x101, "a", ATTR_CPU_LOAD, load ^= 90);
		uv_run(&loop, UV_RUN_NOWAIT);
		own_clock_pass(100);
	}
	settle();
	plans = parent.plans - plans;
	assert_in_range(plans, 25, (clock_us() - begin) / 10000 + 2);
	assert_string_equal(in_force(0x101), load ? "5f00:0:2:101::" : "5f00:0:2:100::");
	assert_int_equal(stats().deferred, 0);
}

static void test_what_waits_may_go(void **state)
{
	two_instances(0x101, RATE_10);
	turn();
	attr(0x101, "a", ATTR_CPU_LOAD, 90);
	turn();
	assert_int_equal(stats().deferred, 1);
	view_service_del(&view, 0x101);
	turn();
	assert_string_equal(in_force(0x101), "no entry");
	assert_int_equal(stats().deferred, 0);
	assert_int_equal(orc->send.n, 0);
}

/* ---- the database is away ---- */

#define HOLDS                                                                                      \
	"{\"evaluation\": [{\"attribute\": \"cpu_load\", \"curve\": {\"ramp\": [0, 100]}}], "      \
	"\"hysteresis\": {\"margin\": 50, \"hold_ms\": 20}, "                                      \
	"\"freshness\": {\"max_age_ms\": 400}, \"max_updates_per_s\": 10}"

static void run_for(uint64_t us)
{
	uint64_t end = clock_us() + us;

	while (clock_us() < end) {
		uv_run(&loop, UV_RUN_NOWAIT);
		own_clock_pass(500);
	}
}

static void test_no_time_passes_without_the_database(void **state)
{
	two_instances(0x101, HOLDS);
	settle();
	attr(0x101, "a", ATTR_CPU_LOAD, 90);
	turn();
	view_stall(&view, clock_us());
	run_for(600000); /* beyond hold time and max_age */
	assert_string_equal(chosen(0x101), "a");
	orc_queue(orc, at(0x101));
	turn();
	assert_string_equal(chosen(0x101), "a");
	assert_true(uv_timer_get_due_in(&orc->deadline) > 0); /* no spinning */
	view_go_on(&view, clock_us());
	while (strcmp(chosen(0x101), "b"))
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(stats().selections_changed, 2);
}

static void test_what_was_decided_is_carried_out(void **state)
{
	two_instances(0x101, RATE_10);
	turn();
	attr(0x101, "a", ATTR_CPU_LOAD, 90);
	turn();
	view_stall(&view, clock_us());
	assert_string_equal(in_force(0x101), "5f00:0:2:100::");
	settle(); /* the distance is over */
	assert_string_equal(in_force(0x101), "5f00:0:2:101::");
}

/* since_us is for people: by the host's clock. */
static void test_since_by_the_clock(void **state)
{
	uint64_t begin = clock_us();
	struct orc_entry entry;

	view_stall(&view, begin - 5000000);
	view_go_on(&view, begin);
	two_instances(0x101, BY_LOAD);
	settle();
	assert_int_equal(orc_entry(orc, 0x101, &entry), 0);
	assert_true(entry.since_us >= begin && entry.since_us <= clock_us() + 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup_started, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_the_first_goes_at_once),
		T(test_the_next_waits_and_the_newest_wins),
		T(test_others_do_not_wait),
		T(test_as_many_as_there_may_be),
		T(test_what_waits_may_go),
		T(test_no_time_passes_without_the_database),
		T(test_what_was_decided_is_carried_out),
		T(test_since_by_the_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
