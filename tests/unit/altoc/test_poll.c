/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/altoc/rig.h"

static void say_all(const char *tag, const char *costs)
{
	say_directory(COST("rc", "/rc", "rc") ", " COST("owd", "/owd", "owd") ", " COST(
		"loss", "/loss", "loss") ", " COST("bw", "/bw", "bw"));
	say_map(tag);
	say_cost("/rc", tag, "routingcost", costs);
	say_cost("/owd", tag, "delay-ow:cur", "1500.25 2500");
	say_cost("/loss", tag, "lossrate", "0.25 0");
	say_cost("/bw", tag, "bw-available", "125000 250000");
}

static void open_polling(const char *costs)
{
	struct altoc_source source = source_of();

	say_all("t1", costs);
	open_with(&source);
	until(!strcmp(shown_text("state"), "polling") && value("gw2", ATTR_COST) >= 0 &&
	      value("gw3", ATTR_COST) >= 0);
	until(value("gw2", ATTR_DELAY_US) >= 0 && value("gw2", ATTR_LOSS_PPM) >= 0 &&
	      value("gw2", ATTR_BANDWIDTH_FREE_KBPS) >= 0 && value("gw3", ATTR_DELAY_US) >= 0 &&
	      value("gw3", ATTR_LOSS_PPM) >= 0 && value("gw3", ATTR_BANDWIDTH_FREE_KBPS) >= 0);
}

/* RFC 9439, 4: delays in microseconds, loss in percent, bandwidths in bytes per second. */
static void test_units(void **state)
{
	open_polling("10 20");
	assert_float_equal(value("gw2", ATTR_COST), 10, 0);
	assert_float_equal(value("gw3", ATTR_COST), 20, 0);
	assert_float_equal(value("gw2", ATTR_DELAY_US), 1500.25, 0);
	assert_float_equal(value("gw2", ATTR_LOSS_PPM), 2500, 0);
	assert_float_equal(value("gw3", ATTR_LOSS_PPM), 0, 0);
	assert_float_equal(value("gw2", ATTR_BANDWIDTH_FREE_KBPS), 1000, 0);
	assert_float_equal(value("gw2", ATTR_JITTER_US), -1, 0);
	assert_int_equal(shown_number("pairs"), 2);
	assert_string_equal(shown_text("tag"), "t1");
	assert_string_equal(shown_text("network_map"), "net");
	assert_int_equal(shown_number("confirmed_s"), 0);
}

/* RFC 7285, 8.3.5 leaves caching to HTTP: what has not changed is answered 304. */
static void test_conditional_requests(void **state)
{
	json_int_t written;

	open_polling("10 20");
	written = shown_number("written");
	until(at("/map")->n304 >= 2 && at("/rc")->n304 >= 1);
	assert_true(at("/directory")->n304 >= 1);
	assert_int_equal(at("/rc")->asked - at("/rc")->n304, 1);
	assert_int_equal(shown_number("written"), written);
	assert_int_equal(shown_number("refused"), 0);
}

static void test_change_is_written(void **state)
{
	open_polling("10 20");
	say_cost("/rc", "t1", "routingcost", "30 20");
	until(value("gw2", ATTR_COST) == 30);
	assert_float_equal(value("gw3", ATTR_COST), 20, 0);
}

/* What is not there any more is removed; what others told of the path stays. */
static void test_missing_cost_is_removed(void **state)
{
	raw_put("/san/network/pe1/gw2/be/mine", "7");
	open_polling("10 20");
	say("/rc", T_COST,
	    "{\"meta\": {\"dependent-vtags\": [{\"resource-id\": \"net\", \"tag\": \"t1\"}], "
	    "\"cost-type\": {\"cost-mode\": \"numerical\", \"cost-metric\": \"routingcost\"}}, "
	    "\"cost-map\": {\"AS1\": {\"AS3\": 20}}}");
	until(value("gw2", ATTR_COST) == -1);
	assert_float_equal(value("gw3", ATTR_COST), 20, 0);
	assert_float_equal(value("gw2", ATTR_DELAY_US), 1500.25, 0);
	assert_string_equal(stored("/san/network/pe1/gw2/be/mine"),
			    "/san/network/pe1/gw2/be/mine=7");
}

/* Refreshed before a service finds it old (10 s), but not more often than needed. */
static void test_refresh(void **state)
{
	json_int_t written;
	int64_t first;

	open_polling("10 20");
	written = shown_number("written");
	assert_int_equal(written, 8);
	first = view_path(&view, (struct path_key){"pe1", "gw2", "be"})->samples.v[0].received_us;
	until(shown_number("written") > written);
	assert_int_equal(shown_number("written"), 2 * written);
	turn_ms(50);
	assert_true(
		view_path(&view, (struct path_key){"pe1", "gw2", "be"})->samples.v[0].received_us >
		(uint64_t)first + 200000);
}

/* RFC 7285, 11.2.1.6: content changes, tag changes; costs of another version are not used. */
static void test_new_map_waits_for_its_costs(void **state)
{
	open_polling("10 20");
	say_map("t2");
	until(!strcmp(shown_text("state"), "refused"));
	why_has("dependent-vtags");
	assert_true(shown_number("refused") > 0);
	assert_string_equal(shown_text("tag"), "t1");
	assert_float_equal(value("gw2", ATTR_COST), 10, 0);
	say_cost("/rc", "t2", "routingcost", "11 21");
	say_cost("/owd", "t2", "delay-ow:cur", "1 2");
	say_cost("/loss", "t2", "lossrate", "0 0");
	turn_ms(500);
	/* All of them or none. */
	assert_float_equal(value("gw2", ATTR_COST), 10, 0);
	say_cost("/bw", "t2", "bw-available", "1 1");
	until(value("gw2", ATTR_COST) == 11);
	assert_float_equal(value("gw2", ATTR_DELAY_US), 1, 0);
	assert_string_equal(shown_text("tag"), "t2");
	until(!strcmp(shown_text("state"), "polling"));
}

static void test_whole_change_at_once(void **state)
{
	open_polling("10 20");
	say_all("t2", "12 22");
	until(value("gw2", ATTR_COST) == 12);
	assert_string_equal(shown_text("tag"), "t2");
}

static void test_server_dies_and_comes_back(void **state)
{
	json_int_t written;

	open_polling("10 20");
	server_down();
	until(!strcmp(shown_text("state"), "connecting"));
	why_has("cannot be reached");
	assert_float_equal(value("gw2", ATTR_COST), 10, 0);
	written = shown_number("written");
	until(shown_number("written") > written);
	assert_float_equal(value("gw2", ATTR_COST), 10, 0);
	server_up();
	until(!strcmp(shown_text("state"), "polling"));
	assert_string_equal(shown_text("why"), "");
	assert_int_equal(shown_number("refused"), 0);
	assert_true(shown_number("reconnects") > 0);
}

static void test_withdrawn_after_keep_s(void **state)
{
	struct altoc_source source = source_of();

	source.keep_s = 2;
	say_all("t1", "10 20");
	raw_put("/san/network/pe1/gw2/be/mine", "7");
	open_with(&source);
	until(value("gw2", ATTR_COST) == 10);
	server_down();
	until(!strcmp(shown_text("state"), "lost"));
	until(value("gw2", ATTR_COST) == -1);
	assert_string_equal(stored("/san/network/"), "/san/network/pe1/gw2/be/mine=7");
	assert_int_equal(shown_number("pairs"), 0);
	server_up();
	until(value("gw2", ATTR_COST) == 10 && !strcmp(shown_text("state"), "polling"));
}

/* ---- gateways ---- */

static void test_unknown_pid(void **state)
{
	static const struct altoc_pid gateways[] = {{"gw2", "AS9"}, {"gw7", "AS3"}};
	struct altoc_source source = source_of();

	source.gateways = gateways;
	source.n_gateways = 2;
	say_all("t1", "10 20");
	open_with(&source);
	until(value("gw3", ATTR_COST) == 20);
	until(value("gw7", ATTR_COST) == 20);
	assert_float_equal(value("gw2", ATTR_COST), -1, 0);
	until(!strcmp(shown_text("state"), "polling"));
	why_has("has no PID AS9 (gateway gw2)");
}

static void test_new_gateway(void **state)
{
	open_polling("10 20");
	put_gateway("gw4", "5f00:0:2:8000::");
	until(value("gw4", ATTR_COST) == 10);
	put_gateway("pe1", "5f00:0:3:8000::");
	turn_ms(700);
	assert_float_equal(value("pe1", ATTR_COST), -1, 0);
}

/* By its address when the locator is in nobody's domain. */
static void test_gateway_by_address(void **state)
{
	struct gateway gw = {.name = "gw5", .locator_len = 48};

	inet_pton(AF_INET6, "5f00:9::", &gw.locator);
	inet_pton(AF_INET6, "5f00:0:3::77", &gw.address);
	assert_int_equal(view_gateway_put(&view, &gw, 1), 0);
	open_polling("10 20");
	until(value("gw5", ATTR_COST) == 20);
}

/* Only the pairs that are needed are asked for, never an empty list: that means all. */
static void test_filtered(void **state)
{
	struct altoc_source source = source_of();

	say_directory(COST("rc", "/rc", "rc") ", " FILTERED);
	say_map("t1");
	say_cost("/some", "t1", "routingcost", "10 20");
	open_with(&source);
	until(value("gw2", ATTR_COST) == 10);
	assert_string_equal(
		at("/some")->seen,
		"{\"cost-type\":{\"cost-metric\":\"routingcost\",\"cost-mode\":"
		"\"numerical\"},\"pids\":{\"dsts\":[\"AS2\",\"AS3\"],\"srcs\":[\"AS1\"]}}");
	put_gateway("gw1", "5f00:0:1::");
	until(strstr(at("/some")->seen, "[\"AS1\",\"AS2\",\"AS3\"]"));
	view_gateway_del(&view, "gw1");
	view_gateway_del(&view, "gw2");
	view_gateway_del(&view, "gw3");
	until(value("gw2", ATTR_COST) == -1);
	assert_null(strstr(at("/some")->seen, "\"dsts\":[]"));
}

/* ---- properties ---- */

static double property(const char *instance, const char *name)
{
	const struct view_instance *inst = view_instance(&view, 0x101, instance);
	const struct sample *s = NULL;
	uint16_t attr;

	assert_int_equal(attr_intern(name, &attr), 0);
	s = inst ? samples_get(&inst->samples, attr) : NULL;
	return s ? (double)s->milli / 1000 : -1;
}

static void put_instance(const char *name, const char *gateway)
{
	struct answer a;
	char text[128];

	snprintf(text, sizeof(text), "{\"gateway\": \"%s\", \"address\": \"2001:db8:2a::2\"}",
		 gateway);
	assert_int_equal(answered(csc_instance_put(csc, 0x101, name, json(text), ANY_REVISION,
						   into(&a), &err),
				  &a),
			 0);
}

static void test_properties(void **state)
{
	static const struct altoc_property properties[] = {{"cpu", "domain_cpu", 0},
							   {"mem", "mem_free_mb", 1024}};
	struct altoc_source source = source_of();

	source.properties = properties;
	source.n_properties = 2;
	put_instance("i2", "gw2");
	put_instance("i3", "gw3");
	say_directory(COST("rc", "/rc", "rc") ", " PROPS);
	say_map("t1");
	say_cost("/rc", "t1", "routingcost", "10 20");
	say("/props", T_PROPS, PROPS_TEXT, "t1", "8");
	open_with(&source);
	until(property("i2", "domain_cpu") == 8);
	assert_float_equal(property("i2", "mem_free_mb"), 65536, 0);
	assert_float_equal(property("i3", "domain_cpu"), -1, 0);
	say("/props", T_PROPS, PROPS_TEXT, "t1", "16");
	until(property("i2", "domain_cpu") == 16);
	/* It moves away: nobody knows the other domain's. */
	put_instance("i2", "gw3");
	until(property("i2", "domain_cpu") == -1 && property("i2", "mem_free_mb") == -1);
	put_instance("i4", "gw2");
	until(property("i4", "domain_cpu") == 16);
	say("/props", T_PROPS, PROPS_TEXT, "t1", "");
	until(property("i4", "domain_cpu") == -1);
	assert_float_equal(property("i4", "mem_free_mb"), 65536, 0);
}

/* RFC 9240, 7.7: entities and properties that are needed, of the map's own domain. */
static void test_filtered_properties(void **state)
{
	static const struct altoc_property properties[] = {{"cpu", "domain_cpu", 0}};
	struct altoc_source source = source_of();

	source.properties = properties;
	source.n_properties = 1;
	put_instance("i2", "gw2");
	say_directory(COST(
		"rc", "/rc",
		"rc") ", "
		      "\"pr\": {\"uri\": \"/props\", \"media-type\": \"" T_PROPS "\", "
		      "\"accepts\": \"application/alto-propmapparams+json\", \"capabilities\": "
		      "{\"mappings\": {\"net.pid\": [\"cpu\"]}}, \"uses\": [\"net\"]}");
	say_map("t1");
	say_cost("/rc", "t1", "routingcost", "10 20");
	say("/props", T_PROPS, PROPS_TEXT, "t1", "8");
	open_with(&source);
	until(property("i2", "domain_cpu") == 8);
	assert_string_equal(at("/props")->seen, "{\"entities\":[\"net.pid:AS2\",\"net.pid:AS3\"],"
						"\"properties\":[\"cpu\"]}");
	/* Of another version of the map: not used. */
	say("/props", T_PROPS, PROPS_TEXT, "t0", "9");
	until(shown_number("refused") > 0);
	why_has("dependent-vtags");
	assert_float_equal(property("i2", "domain_cpu"), 8, 0);
}

/* ---- the end ---- */

static void test_close_at_any_moment(void **state)
{
	struct altoc_source source = source_of();

	say_directory(COST("rc", "/rc", "rc") ", " COST("owd", "/owd",
							"owd") ", " UPDATES("\"net\", \"rc\""));
	say_map("t1");
	say_cost("/rc", "t1", "routingcost", "10 20");
	say_cost("/owd", "t1", "delay-ow:cur", "100 200");
	for (int turns = 0; turns < 60; turns++) {
		open_with(&source);
		for (int i = 0; i < turns; i++)
			turn_ms(1);
		if (turns % 2)
			push(T_MAP ",map", MAP_TEXT, "t1");
		altoc_close(altoc);
		altoc = NULL;
	}
	turn_ms(50);
	assert_true(srv.subscriptions > 0);
	assert_float_equal(value("gw2", ATTR_DELAY_US), 100, 0);
}

/* ---- the request ---- */

static void test_token(void **state)
{
	struct altoc_source source = source_of();

	source.token = "t0ken";
	say_all("t1", "10 20");
	open_with(&source);
	until(value("gw2", ATTR_COST) == 10);
	assert_true(at("/directory")->authorized);
	assert_true(at("/rc")->authorized);
}

/* Another server that the directory names does not get it. */
static void test_token_goes_to_the_directorys_origin_only(void **state)
{
	struct altoc_source source = source_of();
	static char other[512];

	source.token = "t0ken";
	say_all("t1", "10 20");
	snprintf(other, sizeof(other),
		 "\"rc\": {\"uri\": \"http://localhost:%d/rc\", \"media-type\": \"" T_COST "\", "
		 "\"capabilities\": {\"cost-type-names\": [\"rc\"]}, \"uses\": [\"net\"]}",
		 srv.port);
	say_directory(other);
	open_with(&source);
	until(value("gw2", ATTR_COST) == 10);
	assert_true(at("/map")->authorized);
	assert_false(at("/rc")->authorized);
}

/* ---- configuration ---- */

static void refuse(const struct altoc_source *source, const char *field, const char *want)
{
	struct altoc_conf conf = conf_with(source);

	err = (struct err){0};
	refused(altoc_open(&conf, &altoc, &err), field, want);
	assert_null(altoc);
}

static void test_bad_configuration(void **state)
{
	static const struct altoc_pid twice[] = {{"gw2", "AS2"}, {"gw2", "AS3"}};
	static const struct altoc_pid bad_pid[] = {{"gw2", "A.S"}};
	static const struct altoc_metric same[] = {{"routingcost", "cost", 0},
						   {"hopcount", "cost", 0}};
	static const struct altoc_metric bad_factor[] = {{"routingcost", "cost", -1}};
	static struct altoc_pid many[ALTOC_PAIRS_MAX + 1];
	struct altoc_source s = source_of();

	s.name = "a b";
	refuse(&s, "/sources/0/name", "must be a name");
	s = source_of();
	s.directory = "ftp://h/";
	refuse(&s, "/sources/0/directory", "http or https");
	s = source_of();
	s.n_ingresses = 0;
	refuse(&s, "/sources/0/ingresses", "one at least");
	s = source_of();
	s.ingresses = many;
	s.n_ingresses = ALTOC_PAIRS_MAX + 1;
	refuse(&s, "/sources/0/ingresses", "at most 4096 pairs");
	s = source_of();
	s.keep_s = 1;
	refuse(&s, "/sources/0/keep_s", "twice poll_s: 2 or more");
	assert_string_equal(err.value, "1");
	s = source_of();
	s.gateways = twice;
	s.n_gateways = 2;
	refuse(&s, "/sources/0/gateways/1", "once only");
	s.gateways = bad_pid;
	s.n_gateways = 1;
	refuse(&s, "/sources/0/gateways/0", "must be a PID");
	s = source_of();
	s.metrics = same;
	s.n_metrics = 2;
	refuse(&s, "/sources/0/metrics/1", "one metric only");
	s.metrics = bad_factor;
	s.n_metrics = 1;
	refuse(&s, "/sources/0/metrics/0/factor", "above 0");
	s.n_metrics = ALTOC_METRICS_MAX + 1;
	refuse(&s, "/sources/0/metrics", "at most 8");
}

/* They would write over each other, again and again. */
static void test_two_sources_of_one_value(void **state)
{
	static const struct altoc_metric cost[] = {{"hopcount", "cost", 0}};
	static const struct altoc_metric other[] = {{"hopcount", "hops", 0}};
	static const struct altoc_pid elsewhere[] = {{"pe9", "AS1"}};
	struct altoc_source s[2] = {source_of(), source_of()};
	struct altoc_conf conf = {
		.loop = &loop, .view = &view, .nsc = nsc, .csc = csc, .sources = s, .n_sources = 2};

	s[1].name = "dom2";
	s[1].metrics = cost;
	s[1].n_metrics = 1;
	err = (struct err){0};
	refused(altoc_open(&conf, &altoc, &err), "/sources/1/metrics",
		"source dom tells of ingress pe1 and path be, too (this is source dom2)");
	assert_string_equal(err.value, "cost");
	s[1].metrics = other;
	assert_int_equal(altoc_source_apart(&s[1], &s[0], &err), 0);
	s[1].metrics = cost;
	s[1].path = "fast";
	assert_int_equal(altoc_source_apart(&s[1], &s[0], &err), 0);
	s[1].path = "be";
	s[1].ingresses = elsewhere;
	assert_int_equal(altoc_open(&conf, &altoc, &err), 0);
	altoc_close(altoc);
	altoc = NULL;
	s[1].name = "dom";
	refused(altoc_open(&conf, &altoc, &err), "/sources/1/name", "one source only");
	assert_null(altoc);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_units),
		T(test_conditional_requests),
		T(test_change_is_written),
		T(test_missing_cost_is_removed),
		T(test_refresh),
		T(test_new_map_waits_for_its_costs),
		T(test_whole_change_at_once),
		T(test_server_dies_and_comes_back),
		T(test_withdrawn_after_keep_s),
		T(test_unknown_pid),
		T(test_new_gateway),
		T(test_gateway_by_address),
		T(test_filtered),
		T(test_properties),
		T(test_filtered_properties),
		T(test_close_at_any_moment),
		T(test_token),
		T(test_token_goes_to_the_directorys_origin_only),
		T(test_bad_configuration),
		T(test_two_sources_of_one_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
