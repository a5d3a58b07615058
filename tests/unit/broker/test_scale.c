/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ten thousand domains, and as much of a view: what a snapshot takes is said, not judged. */
#include "unit/broker/rig.h"

#define N 10000

static json_t *ring(void)
{
	json_t *domains = json_object(), *links = json_array();
	char id[16], next[16], prefix[24], url[64];

	for (int i = 0; i < N; i++) {
		snprintf(id, sizeof(id), "AS%d", i);
		snprintf(next, sizeof(next), "AS%d", (i + 1) % N);
		snprintf(prefix, sizeof(prefix), "10.%d.%d.0/24", i >> 8, i & 255);
		snprintf(url, sizeof(url), "https://mdo%d.example/", i);
		json_object_set_new(domains, id,
				    json_pack("{s:{s:[s]}, s:s, s:{s:i, s:i}, s:[s], s:[s], s:b}",
					      "prefixes", "ipv4", prefix, "entry-point", url,
					      "resources", "cpu", i % 100, "mem", i % 50, "nfs",
					      "NF1", "saps", id, "transit", i % 2));
		json_array_append_new(links, json_pack("{s:s, s:s, s:i}", "a", id, "b", next,
						       "routingcost", 1 + i % 7));
	}
	return json_pack("{s:o, s:o}", "domains", domains, "links", links);
}

static void say(const char *what)
{
	struct broker_stats stats;

	broker_stats(broker, &stats);
	print_message("# %s: a snapshot takes %.1f ms\n", what, stats.made_us / 1000.0);
}

static void test_ten_thousand_domains(void **state)
{
	json_t *all = ring();
	char tag[ALTO_TAG_LEN];
	const struct alto_source *s;

	assert_int_equal(CALL(broker_replace, "", all), 0);
	json_decref(all);
	s = source("domains");
	assert_int_equal(s->n_pids, N + 1);
	assert_int_equal(s->n_links, 2 * N);
	assert_string_equal(pid_at(s, "ipv4:10.39.15.9"), "AS9999");
	say("10,000 domains");
	strcpy(tag, s->cost_tag);
	/* One of them: the whole is made anew. */
	assert_int_equal(put_link("AS0", "AS1", "{\"routingcost\": 100}"), 0);
	assert_string_not_equal(source("domains")->cost_tag, tag);
	assert_int_equal(CALL(broker_replace, "", json("{\"domains\": {}}")), 0);
	assert_int_equal(source("domains")->n_pids, 1);
}

static void test_ten_thousand_instances(void **state)
{
	struct view_instance_put put_;
	struct sample sample = {.attr = ATTR_CPU_LOAD, .milli = 1000};
	enum instance_state up = INSTANCE_UP;
	char name[24], gw[24];

	broker_close(broker);
	broker = broker_start((struct broker_conf){.view = &view});
	for (int i = 0; i < N; i++) {
		struct in6_addr address = addr("2001:db8::");

		address.s6_addr[14] = i >> 8;
		address.s6_addr[15] = i & 255;
		snprintf(name, sizeof(name), "i%d", i);
		snprintf(gw, sizeof(gw), "gw%d", i % 100);
		put_ = (struct view_instance_put){
			0x100 + i % 1000, name, 1, gw, &address, NULL, &up, NULL, 0};
		assert_int_equal(view_instance_put(&view, &put_), 0);
		sample.received_us = view_time(&view, clock_us());
		assert_int_equal(view_instance_attr(&view, put_.service, name, &sample), 0);
	}
	broker_view_changed(broker);
	assert_int_equal(json_object_size(source("sand")->endpoint_props), N);
	say("10,000 instances");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_ten_thousand_domains),
		T(test_ten_thousand_instances),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
