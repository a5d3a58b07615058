/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Replacing everything at once. */
#include "unit/broker/rig.h"

static int replace(const char *text)
{
	return CALL(broker_replace, "", json(text));
}

static void test_everything_else_goes(void **state)
{
	assert_int_equal(put("A", "{}"), 0);
	assert_int_equal(put("B", "{\"transit\": true}"), 0);
	assert_int_equal(put_link("A", "B", "{\"routingcost\": 1}"), 0);
	assert_int_equal(replace("{\"domains\": {\"C\": {}, \"B\": {\"transit\": false}}, "
				 "\"links\": [{\"a\": \"C\", \"b\": \"B\", \"routingcost\": 2}, "
				 "{\"a\": \"C\", \"b\": \"B\", \"routingcost\": 3, "
				 "\"directed\": true}]}"),
			 0);
	assert_string_equal(stored("/san/"),
			    "/san/alto/domains/B={\"transit\":false} /san/alto/domains/C={} "
			    "/san/alto/links/B/C={\"routingcost\":2} "
			    "/san/alto/links/C/B={\"directed\":true,\"routingcost\":3}");
	assert_int_equal(source("domains")->n_links, 2);
	assert_int_equal(replace("{\"domains\": {}}"), 0);
	assert_string_equal(stored("/san/"), "");
	assert_int_equal(source("domains")->n_pids, 1);
}

static void test_a_prefix_may_move(void **state)
{
	assert_int_equal(put("A", "{\"prefixes\": {\"ipv4\": [\"10.0.0.0/8\"]}}"), 0);
	assert_int_equal(replace("{\"domains\": {\"A\": {}, \"B\": {\"prefixes\": {\"ipv4\": "
				 "[\"10.0.0.0/8\"]}}}}"),
			 0);
	assert_string_equal(pid_at(source("domains"), "ipv4:10.0.0.1"), "B");
}

static void test_what_is_stored_already_is_not_written(void **state)
{
	const char *all = "{\"domains\": {\"A\": {}, \"B\": {}}, \"links\": [{\"a\": \"A\", "
			  "\"b\": \"B\", \"routingcost\": 2}]}";
	struct broker_item item;
	int64_t before;

	assert_int_equal(replace(all), 0);
	assert_true(broker_domain(broker, "A", &item));
	before = item.revision;
	assert_int_equal(replace(all), 0);
	assert_true(broker_domain(broker, "A", &item));
	assert_int_equal(item.revision, before);
}

static void test_one_error_and_nothing_is_written(void **state)
{
	static const struct {
		const char *text, *why;
		int code;
	} table[] = {
		{"[]", "is [], must be an object", -EINVAL},
		{"{}", "/domains: is missing", -EINVAL},
		{"{\"domains\": []}", "/domains: is [], must be an object", -EINVAL},
		{"{\"domains\": {}, \"all\": 1}", "/all: is not known here; known: domains, links",
		 -EINVAL},
		{"{\"domains\": {}, \"links\": {}}", "/links: is {}, must be an array", -EINVAL},
		{"{\"domains\": {\"A\": {}, \"B\": {\"transit\": 0}}}",
		 "domain B: /transit: is 0, must be true or false", -EINVAL},
		{"{\"domains\": {\"A\": {}, \"B.\": {}}}",
		 "domain B.: /id: is B., must be a PID name: [A-Za-z0-9:@_-]{1,64}", -EINVAL},
		{"{\"domains\": {\"A\": {\"prefixes\": {\"ipv6\": [\"::/0\"]}}, "
		 "\"B\": {\"prefixes\": {\"ipv6\": [\"::/0\"]}}}}",
		 "domain B: /prefixes: is ::/0, must be of one domain only: domain A has it",
		 -EEXIST},
		{"{\"domains\": {\"A\": {}}, \"links\": [7]}", "/links/0: is 7, must be an object",
		 -EINVAL},
		{"{\"domains\": {\"A\": {}}, \"links\": [{\"b\": \"B\", \"routingcost\": 1}]}",
		 "/links/0/a: is missing", -EINVAL},
		{"{\"domains\": {\"A\": {}}, \"links\": [{\"a\": \"A\", \"b\": \"A\"}]}",
		 "/links/0/b: is A, must be another domain", -EINVAL},
		{"{\"domains\": {}, \"links\": [{\"a\": \"A\", \"b\": \"B\", \"routingcost\": -1}]}",
		 "link A/B: /routingcost: is -1, must be a number 0..1e+12", -EINVAL},
		{"{\"domains\": {}, \"links\": [{\"a\": \"A\", \"b\": \"B\", \"routingcost\": 1}, "
		 "{\"a\": \"B\", \"b\": \"A\", \"routingcost\": 1}]}",
		 "link B/A: must be there once only", -EEXIST},
	};

	assert_int_equal(put("Z", "{}"), 0);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(replace(table[i].text), table[i].code);
		assert_string_equal(why(), table[i].why);
	}
	assert_string_equal(stored("/san/"), "/san/alto/domains/Z={}");
	assert_int_equal(replace("{\"domains\": {}}"), 0); /* none of them is still under way */
}

static void test_limits(void **state)
{
	broker_limits.domains = 1;
	broker_limits.links = 1;
	broker_limits.prefixes = 1;
	assert_int_equal(replace("{\"domains\": {\"A\": {}, \"B\": {}}}"), -ENOSPC);
	assert_string_equal(why(), "/domains: must have at most 1 domains");
	assert_int_equal(replace("{\"domains\": {}, \"links\": [{}, {}]}"), -ENOSPC);
	assert_string_equal(why(), "/links: must have at most 1 links");
	assert_int_equal(replace("{\"domains\": {\"A\": {\"prefixes\": {\"ipv4\": [\"10.0.0.0/8\", "
				 "\"11.0.0.0/8\"]}}}}"),
			 -ENOSPC);
	assert_string_equal(why(), "domain A: /prefixes: too many: at most 1 of all domains");
}

static json_t *many(int n)
{
	json_t *domains = json_object(), *links = json_array();
	char id[16], next[16], prefix[24];

	for (int i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "AS%d", i);
		snprintf(next, sizeof(next), "AS%d", (i + 1) % n);
		snprintf(prefix, sizeof(prefix), "10.%d.%d.0/24", i >> 8, i & 255);
		json_object_set_new(domains, id,
				    json_pack("{s:{s:[s]}}", "prefixes", "ipv4", prefix));
		json_array_append_new(
			links, json_pack("{s:s, s:s, s:i}", "a", id, "b", next, "routingcost", 1));
	}
	return json_pack("{s:o, s:o}", "domains", domains, "links", links);
}

/* More than one revision holds: the maps change once. */
static void test_many_are_one_change_of_the_maps(void **state)
{
	enum { N = 2000 };
	json_t *all = many(N);

	assert_int_equal(put("old", "{}"), 0);
	source("domains");
	changes = 0;
	assert_int_equal(CALL(broker_replace, "", all), 0);
	assert_true(a.revision >= (2 * N) / NCSDB_TXN_MAX);
	assert_int_equal(source("domains")->n_pids, N + 1);
	assert_int_equal(source("domains")->n_links, 2 * N);
	assert_int_equal(changes, 1);
	json_decref(all);
}

/* 17 KiB each: not NCSDB_TXN_MAX of them in one revision. */
static void test_parts_have_a_size(void **state)
{
	json_t *domains = json_object(), *nfs = json_array(), *all;
	char name[ALTO_NAME_LEN];
	int64_t before;

	for (int i = 0; i < BROKER_DOMAIN_NAMES_MAX; i++) {
		snprintf(name, sizeof(name), "%064d", i);
		json_array_append_new(nfs, json_string(name));
	}
	for (int i = 0; i < 120; i++) {
		snprintf(name, sizeof(name), "AS%d", i);
		json_object_set_new(domains, name, json_pack("{s:O}", "nfs", nfs));
	}
	all = json_pack("{s:o}", "domains", domains);
	json_decref(nfs);
	assert_int_equal(put("AS0", "{}"), 0);
	before = a.revision;
	assert_int_equal(CALL(broker_replace, "", all), 0);
	assert_int_equal(a.revision - before, 2);
	assert_int_equal(source("domains")->n_pids, 121);
	json_decref(all);
}

static void test_one_at_a_time(void **state)
{
	json_t *all = many(2000);
	struct answer first;

	assert_int_equal(broker_replace(broker, "", all, into(&first), &err), 0);
	assert_int_equal(replace("{\"domains\": {}}"), -EAGAIN);
	assert_string_equal(why(), "another replacement is under way");
	wait_for(&first.done);
	assert_int_equal(first.status, 0);
	assert_int_equal(replace("{\"domains\": {}}"), 0);
	json_decref(all);
}

static void test_a_broker_may_end_in_between(void **state)
{
	json_t *all = many(2000);
	struct answer first;

	assert_int_equal(broker_replace(broker, "", all, into(&first), &err), 0);
	uv_run(&loop, UV_RUN_ONCE);
	broker_close(broker);
	broker = NULL;
	wait_for(&first.done);
	assert_int_equal(first.status, -ECANCELED);
	json_decref(all);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_everything_else_goes),
		T(test_a_prefix_may_move),
		T(test_what_is_stored_already_is_not_written),
		T(test_one_error_and_nothing_is_written),
		T(test_limits),
		T(test_many_are_one_change_of_the_maps),
		T(test_parts_have_a_size),
		T(test_one_at_a_time),
		T(test_a_broker_may_end_in_between),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
