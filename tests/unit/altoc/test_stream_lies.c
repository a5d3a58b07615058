/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Update streams that say what does not hold, or stop. */
#include "unit/altoc/stream_rig.h"

/* Refused with a reason, the last good view stays, and all is asked for again. */
static void refuse(const char *why)
{
	unsigned int before = srv.subscriptions;

	until(shown_number("refused") > 0);
	why_has(why);
	assert_float_equal(value("gw2", ATTR_COST), 10, 0);
	assert_float_equal(value("gw3", ATTR_COST), 20, 0);
	until(!strcmp(shown_text("state"), "polling"));
	assert_true(at("/rc")->asked > 0);
	assert_float_equal(value("gw2", ATTR_COST), 10, 0);
	/* Some rounds later the stream has another chance. */
	until(srv.subscriptions == before + 1);
	push_all("t1", "10 21");
	until(!strcmp(shown_text("state"), "streaming") && value("gw3", ATTR_COST) == 21);
}

static void test_patch_that_makes_no_number(void **state)
{
	begin();
	push(PATCH ",cost-0", "{\"cost-map\": {\"AS1\": {\"AS2\": \"15\"}}}");
	refuse("must be a number");
}

static void test_patch_of_a_pid_that_is_not_there(void **state)
{
	begin();
	push(PATCH ",cost-0", "{\"cost-map\": {\"AS1\": {\"AS9\": 15}}}");
	refuse("is no PID of network map net");
}

static void test_patch_that_is_no_json(void **state)
{
	begin();
	push(PATCH ",cost-0", "{\"cost-map\": {");
	refuse("resource rc: line 1");
}

static void test_wrong_media_type(void **state)
{
	begin();
	push(T_MAP ",cost-0", MAP_TEXT, "t1");
	refuse("or a merge patch");
}

static void test_unknown_substream(void **state)
{
	begin();
	push(T_COST ",cost-7", COST_TEXT, "t1", "routingcost", "1", "2");
	refuse("a substream that was asked for");
}

static void test_map_that_changes_without_its_tag(void **state)
{
	begin();
	push(PATCH ",map", "{\"network-map\": {\"AS4\": {\"ipv6\": [\"5f00:0:4::/48\"]}}}");
	refuse("must change when the map does");
}

static void test_new_map_without_costs(void **state)
{
	begin();
	push(T_MAP ",map", MAP_TEXT, "t2");
	refuse("must be followed by what depends on it");
}

static void test_patch_before_the_whole(void **state)
{
	open_streaming(WHOLE);
	push(T_MAP ",map", MAP_TEXT, "t1");
	push(PATCH ",cost-0", "{\"cost-map\": {\"AS1\": {\"AS2\": 15}}}");
	until(!strcmp(shown_text("state"), "polling"));
	why_has("must come after a full replacement");
	until(value("gw2", ATTR_COST) == 10);
}

/* A vtag that does not fit: everything is asked for again at once, but not again and again. */
static void test_costs_of_another_map(void **state)
{
	begin();
	push_costs("t0", "1 2");
	until(srv.subscriptions == 2);
	assert_float_equal(value("gw2", ATTR_COST), 10, 0);
	push(T_MAP ",map", MAP_TEXT, "t1");
	push_costs("t0", "1 2");
	refuse("dependent-vtags");
}

static void test_stopped_substream(void **state)
{
	begin();
	push("application/alto-updatestreamcontrol+json",
	     "{\"stopped\": [\"cost-0\"], \"description\": \"too much work\"}");
	until(srv.subscriptions == 2);
	why_has("too much work");
	assert_float_equal(value("gw2", ATTR_COST), 10, 0);
	assert_int_equal(shown_number("refused"), 0);
}

static void test_refused_subscription_is_polled(void **state)
{
	struct altoc_source source = source_of();

	srv.stream_status = 400;
	say_directory(WHOLE);
	say_map("t1");
	say_cost("/rc", "t1", "routingcost", "10 20");
	open_with(&source);
	until(!strcmp(shown_text("state"), "polling"));
	why_has("not now");
	until(value("gw2", ATTR_COST) == 10);
}

static void test_no_event_stream(void **state)
{
	srv.stream_type = "application/json";
	open_streaming(WHOLE);
	until(!strcmp(shown_text("state"), "polling"));
	why_has("must be text/event-stream");
}

/* Keep-alives only: nobody waits for ever. */
static void test_stream_that_never_begins(void **state)
{
	open_streaming(WHOLE);
	push(T_MAP ",map", MAP_TEXT, "t1");
	until(!strcmp(shown_text("state"), "polling"));
	why_has("must begin with all that was asked for");
	until(value("gw2", ATTR_COST) == 10);
}

static void test_silence(void **state)
{
	altoc_times.second_ms = 20; /* 45 of them: silent for 900 ms */
	begin();
	until(srv.subscriptions == 2);
	assert_float_equal(value("gw2", ATTR_COST), 10, 0);
	why_has("says nothing");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_patch_that_makes_no_number),
		T(test_patch_of_a_pid_that_is_not_there),
		T(test_patch_that_is_no_json),
		T(test_wrong_media_type),
		T(test_unknown_substream),
		T(test_map_that_changes_without_its_tag),
		T(test_new_map_without_costs),
		T(test_patch_before_the_whole),
		T(test_costs_of_another_map),
		T(test_stopped_substream),
		T(test_refused_subscription_is_polled),
		T(test_no_event_stream),
		T(test_stream_that_never_begins),
		T(test_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
