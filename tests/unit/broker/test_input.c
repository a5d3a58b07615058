/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is refused, and in which words; who may write what; conditions; what is read back. */
#include "unit/broker/rig.h"

struct refusal {
	const char *id, *text, *why;
};

static void test_domains_are_refused_with_a_reason(void **state)
{
	static const struct refusal table[] = {
		{"", "{}", "domain : /id: must be a PID name: [A-Za-z0-9:@_-]{1,64}"},
		{"a.b", "{}", "domain a.b: /id: is a.b, must be a PID name: [A-Za-z0-9:@_-]{1,64}"},
		{"a/b", "{}", "domain a/b: /id: is a/b, must be a PID name: [A-Za-z0-9:@_-]{1,64}"},
		{"default", "{}",
		 "domain default: /id: is default, must be another name: this PID has what no "
		 "domain has"},
		{"AS1", "[]", "domain AS1: is [], must be an object"},
		{"AS1", "{\"colour\": 1}",
		 "domain AS1: /colour: is not known here; known: prefixes, entry-point, resources, "
		 "nfs, saps, transit"},
		{"AS1", "{\"prefixes\": []}", "domain AS1: /prefixes: is [], must be an object"},
		{"AS1", "{\"prefixes\": {\"ipv5\": []}}",
		 "domain AS1: /prefixes/ipv5: is not known here; known: ipv4, ipv6"},
		{"AS1", "{\"prefixes\": {\"ipv4\": \"10.0.0.0/8\"}}",
		 "domain AS1: /prefixes/ipv4: is \"10.0.0.0/8\", must be an array"},
		{"AS1", "{\"prefixes\": {\"ipv4\": [\"10.0.0.0/8\", \"10.0.0.1/8\"]}}",
		 "domain AS1: /prefixes/ipv4/1: is \"10.0.0.1/8\", must be an IPv4 prefix, "
		 "address/length, without bits set behind its length"},
		{"AS1", "{\"prefixes\": {\"ipv4\": [\"2001:db8::/32\"]}}",
		 "domain AS1: /prefixes/ipv4/0: is \"2001:db8::/32\", must be an IPv4 prefix, "
		 "address/length, without bits set behind its length"},
		{"AS1", "{\"prefixes\": {\"ipv6\": [7]}}",
		 "domain AS1: /prefixes/ipv6/0: is 7, must be an IPv6 prefix, address/length, "
		 "without bits set behind its length"},
		{"AS1", "{\"prefixes\": {\"ipv6\": [\"2001:db8::/32\", \"2001:DB8::/32\"]}}",
		 "domain AS1: /prefixes/ipv6/1: is \"2001:DB8::/32\", must be there once only"},
		{"AS1", "{\"entry-point\": \"ftp://a/\"}",
		 "domain AS1: /entry-point: is \"ftp://a/\", must be a http:// or https:// URL of "
		 "at most 255 characters"},
		{"AS1", "{\"entry-point\": \"https://\"}",
		 "domain AS1: /entry-point: is \"https://\", must be a http:// or https:// URL of "
		 "at most 255 characters"},
		{"AS1", "{\"entry-point\": \"http://a b/\"}",
		 "domain AS1: /entry-point: is \"http://a b/\", must be a http:// or https:// URL "
		 "of at most 255 characters"},
		{"AS1", "{\"resources\": {\"cpu\": -1}}",
		 "domain AS1: /resources/cpu: is -1, must be a number 0..1e+18"},
		{"AS1", "{\"resources\": {\"mem\": \"5\"}}",
		 "domain AS1: /resources/mem: is \"5\", must be a number 0..1e+18"},
		{"AS1", "{\"resources\": {\"storage\": 1e19}}",
		 "domain AS1: /resources/storage: is 1e19, must be a number 0..1e+18"},
		{"AS1", "{\"resources\": {\"gpu\": 1}}",
		 "domain AS1: /resources/gpu: is not known here; known: cpu, mem, storage"},
		{"AS1", "{\"nfs\": [\"NF1\", \"NF.2\"]}",
		 "domain AS1: /nfs/1: is \"NF.2\", must be a name: [A-Za-z0-9:@_-]{1,64}"},
		{"AS1", "{\"saps\": [\"S1\", \"S2\", \"S1\"]}",
		 "domain AS1: /saps/2: is \"S1\", must be there once only"},
		{"AS1", "{\"saps\": [null]}",
		 "domain AS1: /saps/0: is null, must be a name: [A-Za-z0-9:@_-]{1,64}"},
		{"AS1", "{\"transit\": 1}", "domain AS1: /transit: is 1, must be true or false"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(put(table[i].id, table[i].text), -EINVAL);
		assert_string_equal(why(), table[i].why);
	}
	assert_string_equal(stored("/san/"), "");
}

static void test_links_are_refused_with_a_reason(void **state)
{
	static const struct {
		const char *from, *to, *text, *why;
	} table[] = {
		{"AS.1", "AS2", "{}",
		 "link AS.1/AS2: /a: is AS.1, must be a PID name: [A-Za-z0-9:@_-]{1,64}"},
		{"AS1", "default", "{}",
		 "link AS1/default: /b: is default, must be another name: this PID has what no "
		 "domain has"},
		{"AS1", "AS1", "{}", "link AS1/AS1: /b: is AS1, must be another domain"},
		{"AS1", "AS2", "7", "link AS1/AS2: is 7, must be an object"},
		{"AS1", "AS2", "{}", "link AS1/AS2: /routingcost: is missing"},
		{"AS1", "AS2", "{\"routingcost\": null}", "link AS1/AS2: /routingcost: is missing"},
		{"AS1", "AS2", "{\"routingcost\": -0.5}",
		 "link AS1/AS2: /routingcost: is -0.5, must be a number 0..1e+12"},
		{"AS1", "AS2", "{\"routingcost\": 1000000000001}",
		 "link AS1/AS2: /routingcost: is 1000000000001, must be a number 0..1e+12"},
		{"AS1", "AS2", "{\"routingcost\": 1, \"delay-us\": \"7\"}",
		 "link AS1/AS2: /delay-us: is \"7\", must be a number 0..1e+18"},
		{"AS1", "AS2", "{\"routingcost\": 1, \"loss-ppm\": 1000001}",
		 "link AS1/AS2: /loss-ppm: is 1000001, must be a number 0..1e+06"},
		{"AS1", "AS2", "{\"routingcost\": 1, \"max-reservable-bandwidth\": -1}",
		 "link AS1/AS2: /max-reservable-bandwidth: is -1, must be a number 0..1e+18"},
		{"AS1", "AS2", "{\"routingcost\": 1, \"directed\": \"no\"}",
		 "link AS1/AS2: /directed: is \"no\", must be true or false"},
		{"AS1", "AS2", "{\"routingcost\": 1, \"calendar\": [1]}",
		 "link AS1/AS2: /calendar: is [...], must not be there: no calendar is configured"},
		{"AS1", "AS2", "{\"routingcost\": 1, \"hops\": 1}",
		 "link AS1/AS2: /hops: is not known here; known: routingcost, delay-us, loss-ppm, "
		 "max-reservable-bandwidth, directed, calendar"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(put_link(table[i].from, table[i].to, table[i].text), -EINVAL);
		assert_string_equal(why(), table[i].why);
	}
	assert_string_equal(stored("/san/"), "");
}

static void test_calendars_have_every_interval(void **state)
{
	broker_close(broker);
	broker = broker_start((struct broker_conf){
		.domains = true, .calendar = {.interval_s = 60, .n_intervals = 3}});
	assert_int_equal(put_link("A", "B", "{\"routingcost\": 1, \"calendar\": [1, 2]}"), -EINVAL);
	assert_string_equal(why(), "link A/B: /calendar: is 2 numbers, must have a number for each "
				   "of the 3 intervals");
	assert_int_equal(put_link("A", "B", "{\"routingcost\": 1, \"calendar\": [1, 2, \"3\"]}"),
			 -EINVAL);
	assert_string_equal(why(), "link A/B: /calendar/2: is \"3\", must be a number 0..1e+12");
	assert_int_equal(put_link("A", "B", "{\"routingcost\": 1, \"calendar\": [1, 2, 3.5]}"), 0);
}

/* ---- prefixes ---- */

static void test_a_prefix_is_of_one_domain(void **state)
{
	const char *one = "{\"prefixes\": {\"ipv4\": [\"10.1.0.0/16\"]}}";

	assert_int_equal(put("AS1", one), 0);
	assert_int_equal(put("AS2", one), -EEXIST);
	assert_string_equal(why(), "domain AS2: /prefixes: is 10.1.0.0/16, must be of one domain "
				   "only: domain AS1 has it");
	/* Its own again, a part of it, and when it is free. */
	assert_int_equal(put("AS1", one), 0);
	assert_int_equal(put("AS3", "{\"prefixes\": {\"ipv4\": [\"10.1.1.0/24\"]}}"), 0);
	assert_int_equal(CALL(broker_domain_del, "", "AS1", ANY_REVISION), 0);
	assert_int_equal(put("AS2", one), 0);
}

static void test_of_two_writes_at_once_one_has_the_prefix(void **state)
{
	const char *one = "{\"prefixes\": {\"ipv6\": [\"2001:db8::/32\"]}}";
	struct answer first;

	assert_int_equal(
		broker_domain_put(broker, "", "AS1", json(one), ANY_REVISION, into(&first), &err),
		0);
	assert_int_equal(put("AS2", one), -EEXIST);
	wait_for(&first.done);
	assert_int_equal(first.status, 0);
	/* A write that is refused later gives it up. */
	assert_int_equal(CALL(broker_domain_del, "", "AS1", ANY_REVISION), 0);
	assert_int_equal(CALL(broker_domain_put, "", "AS1", json(one), 999), -ESTALE);
	assert_int_equal(put("AS2", one), 0);
}

/* ---- who writes ---- */

static void test_a_domain_writes_itself_and_its_links_only(void **state)
{
	const char *link = "{\"routingcost\": 1}";

	assert_int_equal(put_as("AS1", "AS1", "{}"), 0);
	assert_int_equal(put_as("AS1", "AS2", "{}"), -EACCES);
	assert_string_equal(why(), "domain AS2: is not to be written by domain AS1");
	assert_int_equal(link_as("AS1", "AS1", "AS2", link), 0);
	assert_int_equal(link_as("AS2", "AS1", "AS2", link), 0);
	assert_int_equal(link_as("AS3", "AS1", "AS2", link), -EACCES);
	assert_string_equal(why(), "link AS1/AS2: is not to be written by domain AS3");
	assert_int_equal(CALL(broker_link_del, "AS3", "AS1", "AS2", ANY_REVISION), -EACCES);
	assert_int_equal(CALL(broker_link_del, "AS2", "AS1", "AS2", ANY_REVISION), 0);
	assert_int_equal(CALL(broker_domain_del, "AS2", "AS1", ANY_REVISION), -EACCES);
	assert_int_equal(CALL(broker_domain_del, "AS1", "AS1", ANY_REVISION), 0);
	assert_int_equal(put("AS2", "{}"), 0);
	assert_int_equal(CALL(broker_domain_del, "", "AS2", ANY_REVISION), 0);
	assert_int_equal(CALL(broker_replace, "AS1", json("{\"domains\": {}}")), -EACCES);
	assert_string_equal(why(), "all domains are not to be written by domain AS1");
	assert_string_equal(stored("/san/"), "");
}

/* ---- conditions ---- */

static void test_domain_conditions(void **state)
{
	int64_t first;

	assert_int_equal(CALL(broker_domain_put, "", "AS1", json("{}"), 0), 0);
	assert_true(a.created);
	first = a.revision;
	assert_int_equal(CALL(broker_domain_put, "", "AS1", json("{}"), 0), -ESTALE);
	assert_int_equal(CALL(broker_domain_put, "", "AS1", json("{}"), first), 0);
	assert_false(a.created);
	assert_int_equal(CALL(broker_domain_put, "", "AS1", json("{}"), first), -ESTALE);
	assert_int_equal(CALL(broker_domain_del, "", "AS1", first), -ESTALE);
	assert_int_equal(CALL(broker_domain_del, "", "AS1", a.revision), -ESTALE);
	assert_int_equal(CALL(broker_domain_del, "", "AS1", ANY_REVISION), 0);
	assert_int_equal(CALL(broker_domain_del, "", "AS1", ANY_REVISION), -ENOENT);
}

static void test_link_conditions_look_at_what_is_there(void **state)
{
	const char *link = "{\"routingcost\": 1}";
	int64_t first;

	assert_int_equal(CALL(broker_link_put, "", "B", "A", json(link), 0), 0);
	first = a.revision;
	assert_string_equal(stored("/san/"), "/san/alto/links/A/B={\"routingcost\":1}");
	assert_int_equal(CALL(broker_link_put, "", "A", "B", json(link), 0), -ESTALE);
	assert_int_equal(CALL(broker_link_put, "", "A", "B", json(link), first), 0);
	assert_int_equal(CALL(broker_link_del, "", "B", "A", first), -ESTALE);
	assert_int_equal(CALL(broker_link_del, "", "B", "A", ANY_REVISION), 0);
	assert_int_equal(CALL(broker_link_del, "", "B", "A", ANY_REVISION), -ENOENT);
}

static void test_directed_and_symmetric_links(void **state)
{
	struct broker_item item;

	assert_int_equal(put_link("A", "B", "{\"routingcost\": 1}"), 0);
	assert_int_equal(put_link("B", "A", "{\"routingcost\": 2, \"directed\": true}"), 0);
	assert_string_equal(stored("/san/"),
			    "/san/alto/links/A/B={\"routingcost\":1} "
			    "/san/alto/links/B/A={\"directed\":true,\"routingcost\":2}");
	assert_true(broker_link(broker, "B", "A", &item));
	assert_string_equal(item.id, "B");
	assert_string_equal(item.text, "{\"directed\":true,\"routingcost\":2}");
	/* Put symmetric under its own name, it ends there. */
	assert_int_equal(put_link("B", "A", "{\"routingcost\": 3}"), 0);
	assert_string_equal(stored("/san/"), "/san/alto/links/A/B={\"routingcost\":3}");
	assert_true(broker_link(broker, "B", "A", &item));
	assert_string_equal(item.id, "A");
	assert_string_equal(item.b, "B");
	/* One object a key. */
	assert_int_equal(put_link("A", "B", "{\"routingcost\": 4, \"directed\": true}"), 0);
	assert_false(broker_link(broker, "B", "A", &item));
	assert_true(broker_link(broker, "A", "B", &item));
}

/* ---- reading back ---- */

static void test_pages_are_in_the_order_of_names(void **state)
{
	struct page page = {.max = 2};

	assert_int_equal(put("b", "{}"), 0);
	assert_int_equal(put("c", "{}"), 0);
	assert_int_equal(put("a-1", "{\"transit\": true}"), 0);
	assert_int_equal(put("a", "{}"), 0);
	broker_domains_each(broker, NULL, to_page, &page);
	assert_string_equal(page.text, "a a-1 ");
	page = (struct page){.max = 5};
	broker_domains_each(broker, "a-1", to_page, &page);
	assert_string_equal(page.text, "b c ");
	assert_int_equal(put_link("b", "c", "{\"routingcost\": 1}"), 0);
	assert_int_equal(put_link("a", "c", "{\"routingcost\": 1}"), 0);
	assert_int_equal(put_link("a", "b", "{\"routingcost\": 1}"), 0);
	page = (struct page){.max = 2};
	broker_links_each(broker, NULL, NULL, to_page, &page);
	assert_string_equal(page.text, "a/b a/c ");
	page = (struct page){.max = 5};
	broker_links_each(broker, "a", "c", to_page, &page);
	assert_string_equal(page.text, "b/c ");
}

static void test_what_is_read_is_what_was_stored(void **state)
{
	struct broker_item item;
	json_t *obj;

	assert_false(broker_domain(broker, "AS1", &item));
	assert_int_equal(put_as("AS1", "AS1", "{\"nfs\": [\"NF1\"], \"transit\": true}"), 0);
	assert_true(broker_domain(broker, "AS1", &item));
	assert_string_equal(item.id, "AS1");
	assert_null(item.b);
	assert_int_equal(item.revision, a.revision);
	obj = broker_item_json(&item);
	assert_true(json_equal(obj, json("{\"transit\": true, \"nfs\": [\"NF1\"]}")));
	json_decref(obj);
}

/* ---- limits ---- */

static json_t *names(unsigned int n)
{
	json_t *array = json_array();
	char name[16];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		json_array_append_new(array, json_string(name));
	}
	return array;
}

static json_t *prefixes(unsigned int n)
{
	json_t *array = json_array();
	char text[24];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "10.%u.%u.0/24", i >> 8, i & 255);
		json_array_append_new(array, json_string(text));
	}
	return json_pack("{s:o}", "ipv4", array);
}

static int put_member(const char *name, json_t *value)
{
	json_t *obj = json_pack("{s:o}", name, value);
	int r = CALL(broker_domain_put, "", "AS1", obj, ANY_REVISION);

	json_decref(obj);
	return r;
}

static void test_limits_of_a_domain(void **state)
{
	assert_int_equal(put_member("nfs", names(BROKER_DOMAIN_NAMES_MAX)), 0);
	assert_int_equal(put_member("nfs", names(BROKER_DOMAIN_NAMES_MAX + 1)), -ENOSPC);
	assert_string_equal(why(), "domain AS1: /nfs: must have at most 256 names");
	assert_int_equal(put_member("prefixes", prefixes(BROKER_DOMAIN_PREFIXES_MAX)), 0);
	assert_int_equal(put_member("prefixes", prefixes(BROKER_DOMAIN_PREFIXES_MAX + 1)), -ENOSPC);
	assert_string_equal(why(), "domain AS1: /prefixes: must have at most 1024 prefixes in all");
}

static void test_limits_of_all(void **state)
{
	broker_limits.domains = 2;
	broker_limits.links = 1;
	broker_limits.prefixes = 3;
	assert_int_equal(put("A", "{\"prefixes\": {\"ipv4\": [\"10.0.0.0/8\", \"11.0.0.0/8\"]}}"),
			 0);
	assert_int_equal(put("B", "{\"prefixes\": {\"ipv4\": [\"12.0.0.0/8\", \"13.0.0.0/8\"]}}"),
			 -ENOSPC);
	assert_string_equal(why(), "domain B: /prefixes: too many: at most 3 of all domains");
	assert_int_equal(put("B", "{}"), 0);
	assert_int_equal(put("C", "{}"), -ENOSPC);
	assert_string_equal(why(), "domain C: one too many: at most 2 domains");
	assert_int_equal(put("A", "{}"), 0);
	assert_int_equal(put_link("A", "B", "{\"routingcost\": 1}"), 0);
	assert_int_equal(put_link("A", "B", "{\"routingcost\": 2}"), 0);
	assert_int_equal(put_link("B", "A", "{\"routingcost\": 1, \"directed\": true}"), -ENOSPC);
	assert_string_equal(why(), "link B/A: one too many: at most 1 links");
	/* Another replica may have written what is too much here. */
	raw_put("/san/alto/domains/C", "{}");
	assert_false(broker_domain(broker, "C", &(struct broker_item){0}));
}

static void test_a_broker_without_domains_takes_none(void **state)
{
	broker_close(broker);
	broker = broker_start((struct broker_conf){.view = &view});
	assert_int_equal(put("A", "{}"), -EINVAL);
	assert_string_equal(why(), "domain A: cannot be kept: this broker has no domains");
	assert_int_equal(broker_snapshot(broker)->n, 1);
	assert_string_equal(broker_snapshot(broker)->sources[0]->id, "sand");
}

static void test_a_broker_of_nothing_is_refused(void **state)
{
	struct broker_conf conf = {.loop = &loop, .db = db};
	struct broker *none = NULL;

	assert_int_equal(broker_open(&conf, &none, &err), -EINVAL);
	assert_string_equal(why(), "broker: /domains: is false, must be true where there is no "
				   "view: there would be no map");
	conf.domains = true;
	conf.calendar.n_intervals = 5;
	assert_int_equal(broker_open(&conf, &none, &err), -EINVAL);
	assert_string_equal(why(), "broker: /calendar: must have at most 256 intervals of at least "
				   "1 s");
	assert_null(none);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_domains_are_refused_with_a_reason),
		T(test_links_are_refused_with_a_reason),
		T(test_calendars_have_every_interval),
		T(test_a_prefix_is_of_one_domain),
		T(test_of_two_writes_at_once_one_has_the_prefix),
		T(test_a_domain_writes_itself_and_its_links_only),
		T(test_domain_conditions),
		T(test_link_conditions_look_at_what_is_there),
		T(test_directed_and_symmetric_links),
		T(test_pages_are_in_the_order_of_names),
		T(test_what_is_read_is_what_was_stored),
		T(test_limits_of_a_domain),
		T(test_limits_of_all),
		T(test_a_broker_without_domains_takes_none),
		T(test_a_broker_of_nothing_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
