/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Update streams (RFC 8895). */
#include "unit/altoc/stream_rig.h"

static json_t *subscribed(const char *substream)
{
	return json_object_get(json_object_get(json(srv.subscribed), "add"), substream);
}

/* RFC 8895, 6.5: what is followed, and that patches are understood. */
static void test_subscription(void **state)
{
	begin();
	assert_int_equal(json_object_size(json_object_get(json(srv.subscribed), "add")), 2);
	assert_string_equal(json_string_value(json_object_get(subscribed("map"), "resource-id")),
			    "net");
	assert_string_equal(json_string_value(json_object_get(subscribed("cost-0"), "resource-id")),
			    "rc");
	assert_true(json_is_true(json_object_get(subscribed("cost-0"), "incremental-changes")));
	assert_int_equal(srv.subscriptions, 1);
	assert_int_equal(at("/rc")->asked, 0);
}

/* RFC 8895, 6.7.1: full replacements. */
static void test_full_replacement(void **state)
{
	begin();
	push_costs("t1", "30 40");
	until(value("gw2", ATTR_COST) == 30 && value("gw3", ATTR_COST) == 40);
}

/* RFC 8895, 6.7.2 and RFC 7396: merge patches; null removes. */
static void test_merge_patch(void **state)
{
	begin();
	push(PATCH ",cost-0", "{\"cost-map\": {\"AS1\": {\"AS2\": 15}}}");
	until(value("gw2", ATTR_COST) == 15);
	assert_float_equal(value("gw3", ATTR_COST), 20, 0);
	push(PATCH ",cost-0", "{\"cost-map\": {\"AS1\": {\"AS3\": null, \"AS2\": 16}}}");
	until(value("gw2", ATTR_COST) == 16 && value("gw3", ATTR_COST) == -1);
	assert_int_equal(shown_number("refused"), 0);
}

/* RFC 8895, 6.7.4: the network map comes first, what depends on it after it. */
static void test_new_map(void **state)
{
	begin();
	push(PATCH ",map", "{\"meta\": {\"vtag\": {\"tag\": \"t2\"}}, "
			   "\"network-map\": {\"AS4\": {\"ipv6\": [\"5f00:0:4::/48\"]}}}");
	turn_ms(300);
	assert_float_equal(value("gw2", ATTR_COST), 10, 0);
	assert_string_equal(shown_text("tag"), "t1");
	push(PATCH ",cost-0",
	     "{\"meta\": {\"dependent-vtags\": [{\"resource-id\": \"net\", \"tag\": \"t2\"}]}, "
	     "\"cost-map\": {\"AS1\": {\"AS2\": 17}}}");
	until(value("gw2", ATTR_COST) == 17);
	assert_string_equal(shown_text("tag"), "t2");
	assert_int_equal(shown_number("refused"), 0);
	assert_int_equal(srv.subscriptions, 1);
}

static void test_same_view_after_a_reconnect(void **state)
{
	json_int_t written;

	begin();
	turn_ms(520);
	written = shown_number("written");
	end_streams();
	until(srv.subscriptions == 2);
	push_all("t1", "10 20");
	until(!strcmp(shown_text("state"), "streaming"));
	assert_in_range(shown_number("written"), written, written + 4);
	assert_int_equal(shown_number("refused"), 0);
	assert_int_equal(shown_number("reconnects"), 1);
}

static void test_server_dies(void **state)
{
	begin();
	server_down();
	until(strstr(shown_text("why"), "cannot be reached"));
	assert_string_equal(shown_text("state"), "connecting");
	assert_float_equal(value("gw2", ATTR_COST), 10, 0);
}

/* The directory is asked for beside the stream: another one, another subscription. */
static void test_directory_changes_while_it_streams(void **state)
{
	begin();
	until(at("/directory")->n304 > 0);
	assert_int_equal(srv.subscriptions, 1);
	say_directory(COST("rc", "/rc", "rc") ", " COST("owd", "/owd",
							"owd") ", " UPDATES("\"net\", \"rc\""));
	until(srv.subscriptions == 2);
	push_all("t1", "10 20");
	until(value("gw2", ATTR_DELAY_US) == 100);
	until(!strcmp(shown_text("state"), "streaming"));
	assert_int_equal(shown_number("refused"), 0);
}

/* While it says something nothing is old, however seldom that is. */
static void test_alive_longer_than_keep_s(void **state)
{
	struct altoc_source source = source_of();

	source.keep_s = 2;
	say_directory(WHOLE);
	say_map("t1");
	open_with(&source);
	until(server_streams());
	push_all("t1", "10 20");
	until(value("gw2", ATTR_COST) == 10);
	turn_ms(1200);
	assert_float_equal(value("gw2", ATTR_COST), 10, 0);
	assert_string_equal(shown_text("state"), "streaming");
	assert_int_equal(srv.subscriptions, 1);
}

/* What the stream does not tell is polled meanwhile. */
static void test_polled_beside_the_stream(void **state)
{
	open_streaming(COST("rc", "/rc", "rc") ", " COST("owd", "/owd",
							 "owd") ", " UPDATES("\"net\", \"rc\""));
	push_all("t1", "10 20");
	until(!strcmp(shown_text("state"), "streaming") && value("gw2", ATTR_DELAY_US) == 100);
	say_cost("/owd", "t1", "delay-ow:cur", "101 200");
	until(value("gw2", ATTR_DELAY_US) == 101);
	/* A new map by the stream: the polled costs are asked for without waiting for their turn.
	 */
	say_cost("/owd", "t2", "delay-ow:cur", "102 202");
	push_all("t2", "12 22");
	until(value("gw2", ATTR_COST) == 12);
	assert_float_equal(value("gw2", ATTR_DELAY_US), 102, 0);
	assert_int_equal(srv.subscriptions, 1);
	assert_string_equal(shown_text("state"), "streaming");
}

/* RFC 8895, 6.5: input of a resource that is asked by POST; a gateway comes: another input. */
static void test_filtered_input(void **state)
{
	open_streaming(FILTERED ", " UPDATES("\"net\", \"some\""));
	push_all("t1", "10 20");
	until(value("gw2", ATTR_COST) == 10);
	assert_non_null(strstr(srv.subscribed, "\"input\":{\"cost-type\":{\"cost-metric\":"
					       "\"routingcost\",\"cost-mode\":\"numerical\"},"
					       "\"pids\":{\"dsts\":[\"AS2\",\"AS3\"],"
					       "\"srcs\":[\"AS1\"]}}"));
	put_gateway("gw1", "5f00:0:1::");
	until(srv.subscriptions == 2);
	assert_non_null(strstr(srv.subscribed, "[\"AS1\",\"AS2\",\"AS3\"]"));
	push_all("t1", "10 20");
	until(!strcmp(shown_text("state"), "streaming"));
	assert_int_equal(shown_number("refused"), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_subscription),
		T(test_full_replacement),
		T(test_merge_patch),
		T(test_new_map),
		T(test_same_view_after_a_reconnect),
		T(test_server_dies),
		T(test_directory_changes_while_it_streams),
		T(test_alive_longer_than_keep_s),
		T(test_polled_beside_the_stream),
		T(test_filtered_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
