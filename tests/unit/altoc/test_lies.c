/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Servers that say what does not hold: refused with a reason, the last good view stays. */
#include "unit/altoc/rig.h"

static void open_good(void)
{
	struct altoc_source source = source_of();

	say_directory(COST("rc", "/rc", "rc") ", " COST("owd", "/owd", "owd"));
	say_map("t1");
	say_cost("/rc", "t1", "routingcost", "10 20");
	say_cost("/owd", "t1", "delay-ow:cur", "100 200");
	open_with(&source);
	until(!strcmp(shown_text("state"), "polling") && value("gw2", ATTR_COST) == 10 &&
	      value("gw3", ATTR_COST) == 20);
	until(value("gw2", ATTR_DELAY_US) == 100 && value("gw3", ATTR_DELAY_US) == 200);
}

/* Until it tells the truth again. */
static void refuse(const char *why)
{
	json_int_t refused = shown_number("refused");

	until(shown_number("refused") > refused);
	why_has(why);
	assert_string_equal(shown_text("state"), "refused");
	turn_ms(300);
	assert_float_equal(value("gw2", ATTR_COST), 10, 0);
	assert_float_equal(value("gw3", ATTR_COST), 20, 0);
	assert_string_equal(shown_text("tag"), "t1");
	say_map("t1");
	say_directory(COST("rc", "/rc", "rc") ", " COST("owd", "/owd", "owd"));
	say_cost("/rc", "t1", "routingcost", "10 21");
	until(!strcmp(shown_text("state"), "polling") && value("gw3", ATTR_COST) == 21);
	assert_string_equal(shown_text("why"), "");
	say_cost("/rc", "t1", "routingcost", "10 20");
	until(value("gw3", ATTR_COST) == 20);
}

static void test_costs(void **state)
{
	open_good();
	say("/rc", T_MAP, COST_TEXT, "t1", "routingcost", "1", "2");
	refuse("must be application/alto-costmap+json");
	say_cost("/rc", "t1", "routingcost", "\"1\" 2");
	refuse("must be a number");
	say_cost("/rc", "t1", "routingcost", "-1 2");
	refuse("must be a number, 0 or more");
	say_cost("/rc", "t1", "hopcount", "1 2");
	refuse("must be routingcost, as asked for");
	say("/rc", T_COST, "{\"meta\": {}, \"cost-map\": {}}");
	refuse("dependent-vtags");
	say("/rc", T_COST, "{\"cost-map\": ");
	refuse("resource rc");
	say("/rc", T_COST, "%s", "");
	refuse("resource rc");
}

/* Costs of a map that the server does not have: a dangling tag. */
static void test_dangling_vtag(void **state)
{
	open_good();
	say_cost("/rc", "t7", "routingcost", "1 2");
	refuse("dependent-vtags");
}

/* One lies, the others still change. */
static void test_one_of_two(void **state)
{
	open_good();
	say_cost("/rc", "t1", "routingcost", "true 2");
	until(shown_number("refused") > 0);
	say_cost("/owd", "t1", "delay-ow:cur", "101 200");
	until(value("gw2", ATTR_DELAY_US) == 101);
	assert_float_equal(value("gw2", ATTR_COST), 10, 0);
	assert_string_equal(shown_text("state"), "refused");
}

static void test_network_map(void **state)
{
	open_good();
	say("/map", T_MAP,
	    "{\"meta\": {\"vtag\": {\"resource-id\": \"other\", \"tag\": \"t1\"}}, "
	    "\"network-map\": {}}");
	refuse("must be net");
	say("/map", T_MAP,
	    "{\"meta\": {\"vtag\": {\"resource-id\": \"net\", \"tag\": \"t2\"}}, "
	    "\"network-map\": {\"AS1\": {\"ipv6\": [\"5f00::1/48\"]}}}");
	refuse("must be an IPv6 prefix");
	say("/map", T_MAP,
	    "{\"meta\": {\"vtag\": {\"resource-id\": \"net\", \"tag\": \"t1\"}}, "
	    "\"network-map\": {\"AS1\": {\"ipv6\": [\"::/0\"]}}}");
	refuse("must change when the map does");
	say("/map", "text/html", "<html>");
	refuse("must be application/alto-networkmap+json");
}

static void test_directory(void **state)
{
	open_good();
	say("/directory", T_DIRECTORY, "{\"resources\": {}}");
	refuse("must have a network map");
	say("/directory", T_DIRECTORY,
	    "{" META ", \"resources\": {" NET ", "
	    "\"rc\": {\"uri\": \"file:///etc/passwd\", \"media-type\": \"" T_COST "\"}}}");
	refuse("directory");
	say("/directory", "application/json", "{}");
	refuse("must be application/alto-directory+json");
}

/* RFC 7285, 8.5.2: what the server says is told. */
static void test_error_answer(void **state)
{
	open_good();
	say("/rc", "application/alto-error+json",
	    "{\"meta\": {\"code\": \"E_INVALID_FIELD_VALUE\", \"field\": \"pids/srcs\"}}");
	at("/rc")->status = 400;
	refuse("E_INVALID_FIELD_VALUE");
	at("/rc")->status = 404;
	at("/rc")->etag[0] = '\0';
	refuse("404");
}

/* Overload is no lie: it is tried again. */
static void test_overload(void **state)
{
	open_good();
	say("/rc", "application/alto-error+json", "{\"meta\": {\"why\": \"busy\"}}");
	at("/rc")->status = 503;
	until(!strcmp(shown_text("state"), "connecting"));
	why_has("busy");
	assert_int_equal(shown_number("refused"), 0);
	assert_float_equal(value("gw2", ATTR_COST), 10, 0);
	say_cost("/rc", "t1", "routingcost", "11 20");
	until(value("gw2", ATTR_COST) == 11);
}

/* Beyond what the attribute may be: left out rather than cut. */
static void test_out_of_range(void **state)
{
	open_good();
	say_cost("/rc", "t1", "routingcost", "1e30 20");
	until(value("gw2", ATTR_COST) == -1);
	assert_float_equal(value("gw3", ATTR_COST), 20, 0);
	assert_float_equal(value("gw2", ATTR_DELAY_US), 100, 0);
}

static void test_lies_from_the_start(void **state)
{
	struct altoc_source source = source_of();

	say_directory(COST("rc", "/rc", "rc"));
	say_map("t1");
	say_cost("/rc", "t2", "routingcost", "1 2");
	open_with(&source);
	until(shown_number("refused") > 0);
	assert_string_equal(stored("/san/network/"), "");
	assert_int_equal(shown_number("pairs"), 0);
	say_cost("/rc", "t1", "routingcost", "1 2");
	until(value("gw2", ATTR_COST) == 1);
}

/* One that lies for keep_s is not believed any more; the others are. */
static void test_one_that_lies_too_long_is_withdrawn(void **state)
{
	struct altoc_source source = source_of();

	source.keep_s = 6;
	say_directory(COST("rc", "/rc", "rc") ", " COST("owd", "/owd", "owd"));
	say_map("t1");
	say_cost("/rc", "t1", "routingcost", "10 20");
	say_cost("/owd", "t1", "delay-ow:cur", "100 200");
	open_with(&source);
	until(value("gw2", ATTR_COST) == 10);
	say_cost("/rc", "t1", "routingcost", "null 20");
	until(value("gw2", ATTR_COST) == -1 && value("gw3", ATTR_COST) == -1);
	assert_float_equal(value("gw2", ATTR_DELAY_US), 100, 0);
	assert_string_equal(shown_text("state"), "refused");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_costs),
		T(test_dangling_vtag),
		T(test_one_of_two),
		T(test_network_map),
		T(test_directory),
		T(test_error_answer),
		T(test_overload),
		T(test_out_of_range),
		T(test_lies_from_the_start),
		T(test_one_that_lies_too_long_is_withdrawn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
