/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stays, what goes and what comes back: versions of the network map, keep_s, pauses. */
#include "unit/altoc/read_rig.h"

#define OTHER_MAP                                                                                  \
	"{\"meta\": {\"vtag\": {\"resource-id\": \"net\", \"tag\": \"%s\"}}, \"network-map\": {"   \
	"\"NEW1\": {\"ipv6\": [\"5f00:0:1::/48\"]}, \"NEW2\": {\"ipv6\": [\"::/0\"]}}}"

#define BOTH COST("rc", "/rc", "rc") ", " COST("owd", "/owd", "owd")

static void open_both(unsigned int keep_s)
{
	struct altoc_source source = source_of();

	source.keep_s = keep_s;
	say_directory(BOTH);
	say_map("t1");
	say_cost("/rc", "t1", "routingcost", "10 20");
	say_cost("/owd", "t1", "delay-ow:cur", "100 200");
	open_with(&source);
	until(value("gw2", ATTR_COST) == 10 && value("gw2", ATTR_DELAY_US) == 100);
}

/* ---- keep_s ---- */

/* The network map is too old while the next one waits for its costs. */
static void test_map_expires_while_another_waits(void **state)
{
	struct altoc_source source = source_of();

	source.keep_s = 2; /* 400 ms, less than it takes to settle */
	say_directory(WHOLE);
	say_map("t1");
	say_cost("/rc", "t1", "routingcost", "10 20");
	open_with(&source);
	until(server_streams());
	push_all("t1", "10 20");
	until(!strcmp(shown_text("state"), "streaming") && value("gw2", ATTR_COST) == 10);
	push(PATCH ",map", "{\"meta\": {\"vtag\": {\"tag\": \"t2\"}}}");
	until(srv.subscriptions == 2);
	push_all("t2", "11 21");
	until(value("gw2", ATTR_COST) == 11);
	assert_string_equal(shown_text("tag"), "t2");
}

/* A stream that tells what changes would not tell again what was forgotten. */
static void test_polled_map_expires_beside_a_stream(void **state)
{
	struct altoc_source source = source_of();

	source.keep_s = 4;
	say_directory(COST("rc", "/rc", "rc") ", " UPDATES("\"rc\""));
	say_map("t1");
	open_with(&source);
	until(server_streams());
	push_costs("t1", "10 20");
	until(value("gw2", ATTR_COST) == 10);
	say("/map", "text/plain", "busy");
	until(value("gw2", ATTR_COST) == -1);
	assert_string_equal(shown_text("state"), "lost");
	assert_int_equal(srv.subscriptions, 1);
	say_map("t1");
	until(srv.subscriptions == 2);
	push_costs("t1", "12 22");
	until(value("gw2", ATTR_COST) == 12);
	assert_string_equal(shown_text("state"), "streaming");
}

/* What somebody else wrote meanwhile is not ours to remove. */
static void test_value_of_somebody_else_stays(void **state)
{
	open_both(60);
	turn_ms(300);
	view_gateway_del(&view, "gw2");
	raw_put("/san/network/pe1/gw2/be/cost", "99");
	until(value("gw2", ATTR_COST) == 99);
	until(value("gw2", ATTR_DELAY_US) == -1);
	turn_ms(700);
	assert_float_equal(value("gw2", ATTR_COST), 99, 0);
	assert_float_equal(value("gw3", ATTR_COST), 20, 0);
}

/* ---- another network map ---- */

/* There is nothing to ask for, so there is nothing to wait for. */
static void test_new_map_without_our_pids(void **state)
{
	struct altoc_source source = source_of();

	say_directory(FILTERED);
	say_map("t1");
	say_cost("/some", "t1", "routingcost", "10 20");
	open_with(&source);
	until(value("gw2", ATTR_COST) == 10);
	say("/map", T_MAP, OTHER_MAP, "t2");
	until(value("gw2", ATTR_COST) == -1 && value("gw3", ATTR_COST) == -1);
	assert_string_equal(shown_text("tag"), "t2");
	why_has("has no PID AS1 (ingress pe1)");
	say_map("t3");
	say_cost("/some", "t3", "routingcost", "11 21");
	until(value("gw2", ATTR_COST) == 11);
}

static void test_new_map_of_a_stream_without_our_pids(void **state)
{
	open_streaming(FILTERED ", " UPDATES("\"net\", \"some\""));
	push_all("t1", "10 20");
	until(value("gw2", ATTR_COST) == 10);
	say("/map", T_MAP, OTHER_MAP, "t2");
	push(T_MAP ",map", OTHER_MAP, "t2");
	until(value("gw2", ATTR_COST) == -1);
	until(!strcmp(shown_text("tag"), "t2"));
}

/* One that fails is withdrawn; it does not hold the others at the old version for keep_s. */
static void test_one_fails_after_a_new_map(void **state)
{
	open_both(60);
	say_map("t2");
	say_cost("/rc", "t2", "routingcost", "11 21");
	at("/owd")->status = 500;
	until(at("/owd")->asked > 1 && !strcmp(shown_text("state"), "connecting"));
	assert_string_equal(shown_text("tag"), "t1");
	assert_float_equal(value("gw2", ATTR_COST), 10, 0);
	until(value("gw2", ATTR_COST) == 11 && value("gw2", ATTR_DELAY_US) == -1);
	assert_string_equal(shown_text("tag"), "t2");
	say_cost("/owd", "t2", "delay-ow:cur", "101 201");
	until(value("gw2", ATTR_DELAY_US) == 101);
}

/* None has come: the old version stays whole. */
static void test_all_fail_after_a_new_map(void **state)
{
	open_both(60);
	say_map("t2");
	at("/rc")->status = at("/owd")->status = 500;
	turn_ms(1800);
	assert_string_equal(shown_text("tag"), "t1");
	assert_float_equal(value("gw2", ATTR_COST), 10, 0);
	assert_float_equal(value("gw2", ATTR_DELAY_US), 100, 0);
}

/* Tags are compared together with their resources: "t1" of another map is another version. */
static void test_same_tag_of_another_map(void **state)
{
	open_both(60);
	say("/map2", T_MAP,
	    "{\"meta\": {\"vtag\": {\"resource-id\": \"net2\", \"tag\": \"t1\"}}, "
	    "\"network-map\": {\"AS1\": {\"ipv6\": [\"::/0\"]}}}");
	say("/directory", T_DIRECTORY,
	    "{\"meta\": {\"default-alto-network-map\": \"net2\", " COST_TYPES "}, "
	    "\"resources\": {\"net2\": {\"uri\": \"/map2\", \"media-type\": \"" T_MAP "\"}, "
	    "\"rc\": {\"uri\": \"/rc\", \"media-type\": \"" T_COST "\", "
	    "\"capabilities\": {\"cost-type-names\": [\"rc\"]}, \"uses\": [\"net2\"]}}}");
	until(at("/map2")->asked > 1 && shown_number("refused") > 1);
	why_has("must be net2");
	assert_string_equal(shown_text("network_map"), "net");
	assert_float_equal(value("gw2", ATTR_COST), 10, 0);
}

/* Nobody can tell what they are of. */
static void test_costs_before_any_map(void **state)
{
	struct altoc_source source = source_of();
	char text[1024];
	int n = snprintf(text, sizeof(text), COST_TEXT, "t1", "routingcost", "1", "2");

	say_directory(BOTH);
	open_with(&source);
	err = (struct err){0};
	assert_int_equal(read_text(&altoc->peers[0].slots[1], text, (size_t)n), -ESTALE);
	assert_non_null(strstr(err.want, "a network map that has come before"));
	assert_null(altoc->peers[0].slots[1].cur);
}

/* ---- pauses ---- */

/* A gateway comes and goes more often than poll_s: the other resources are asked for all the same.
 */
static void test_gateway_that_comes_and_goes(void **state)
{
	struct altoc_source source = source_of();
	unsigned int asked;

	source.keep_s = 4;
	altoc_times.refresh_ms = 50;
	say_directory(FILTERED);
	say_map("t1");
	say_cost("/some", "t1", "routingcost", "10 20");
	open_with(&source);
	until(value("gw2", ATTR_COST) == 10);
	asked = at("/map")->asked;
	for (int i = 0; i < 14; i++) {
		if (i & 1)
			put_gateway("gw9", "5f00:0:1::");
		else
			view_gateway_del(&view, "gw9");
		turn_ms(150);
		assert_float_equal(value("gw2", ATTR_COST), 10, 0);
	}
	assert_true(at("/map")->asked > asked + 4);
}

/* Two replicas that disagree on the map: filters for the one do not suit the other. */
static void test_stream_and_map_disagree(void **state)
{
	unsigned int last = 0;

	open_streaming(FILTERED ", " UPDATES("\"net\", \"some\""));
	for (int i = 0; i < 2000; i++) {
		turn_ms(1);
		if (srv.subscriptions == last || !server_streams())
			continue;
		last = srv.subscriptions;
		push(T_MAP ",map",
		     "{\"meta\": {\"vtag\": {\"resource-id\": \"net\", \"tag\": \"t9\"}}, "
		     "\"network-map\": {\"AS1\": {\"ipv6\": [\"5f00:0:1::/48\"]}, "
		     "\"AS2\": {\"ipv6\": [\"5f00::/16\"]}}}");
	}
	/* At once, then after 100 ms, and poll_s, 200 ms, with up to a quarter more. */
	assert_in_range(srv.subscriptions, 3, 13);
	assert_true(shown_number("reconnects") >= srv.subscriptions - 1);
	why_has("other PIDs are needed now");
}

/* It is asked for at once, and then after a pause that grows. */
static void test_stale_beside_a_stream(void **state)
{
	unsigned int asked;

	altoc_times.refresh_ms = 20;
	open_streaming(BOTH ", " UPDATES("\"net\", \"rc\""));
	push_all("t1", "10 20");
	until(!strcmp(shown_text("state"), "streaming") && value("gw2", ATTR_DELAY_US) == 100);
	turn_ms(300);
	push_all("t2", "11 21");
	turn_ms(50);
	asked = at("/owd")->asked;
	turn_ms(1000);
	assert_in_range(at("/owd")->asked, asked + 2, asked + 12);
	assert_int_equal(srv.subscriptions, 1);
	/* The stream owes nothing: it goes on, and the other is withdrawn. */
	until(value("gw2", ATTR_COST) == 11 && value("gw2", ATTR_DELAY_US) == -1);
	assert_int_equal(srv.subscriptions, 1);
	say_cost("/owd", "t2", "delay-ow:cur", "102 202");
	until(value("gw2", ATTR_DELAY_US) == 102);
}

static void test_etag_that_cannot_be_sent(void **state)
{
	struct altoc_source source = source_of();

	say_directory(COST("rc", "/rc", "rc"));
	say_map("t1");
	say_cost("/rc", "t1", "routingcost", "10 20");
	strcpy(at("/directory")->etag, "\"a\tb\"");
	strcpy(at("/rc")->etag, "\"a\tb\"");
	open_with(&source);
	until(value("gw2", ATTR_COST) == 10);
	turn_ms(400);
	say_cost("/rc", "t1", "routingcost", "11 20");
	until(value("gw2", ATTR_COST) == 11);
	assert_string_equal(shown_text("state"), "polling");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_map_expires_while_another_waits),
		T(test_polled_map_expires_beside_a_stream),
		T(test_value_of_somebody_else_stays),
		T(test_new_map_without_our_pids),
		T(test_new_map_of_a_stream_without_our_pids),
		T(test_one_fails_after_a_new_map),
		T(test_all_fail_after_a_new_map),
		T(test_same_tag_of_another_map),
		T(test_costs_before_any_map),
		T(test_gateway_that_comes_and_goes),
		T(test_stream_and_map_disagree),
		T(test_stale_beside_a_stream),
		T(test_etag_that_cannot_be_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
