/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Several who write: domains with a share each, other replicas, what is refused when it is read. */
#include "unit/broker/rig.h"

#include "util/own.h"

static const char *const one = "{\"prefixes\": {\"ipv4\": [\"10.1.0.0/16\"]}}";
static const char *const more = "{\"prefixes\": {\"ipv4\": [\"10.1.0.0/16\"]}, \"transit\": true}";
static const char *const cheap = "{\"routingcost\": 1}";

/* ---- a domain's share ---- */

static void test_a_domain_has_a_share_of_the_links(void **state)
{
	broker_limits.own_links = 2;
	assert_int_equal(link_as("B", "B", "A", cheap), 0);
	assert_int_equal(link_as("C", "B", "C", cheap), 0);
	assert_int_equal(link_as("B", "B", "D", cheap), -ENOSPC);
	assert_string_equal(why(), "link B/D: one too many: at most 2 links of domain B");
	/* What is there may be changed; others, and operators, are not kept from it. */
	assert_int_equal(link_as("B", "B", "A", "{\"routingcost\": 2}"), 0);
	assert_int_equal(link_as("D", "B", "D", cheap), 0);
	assert_int_equal(put_link("B", "E", cheap), 0);
	assert_int_equal(CALL(broker_link_del, "B", "B", "A", ANY_REVISION), 0);
	assert_int_equal(CALL(broker_link_del, "B", "B", "C", ANY_REVISION), 0);
	assert_int_equal(CALL(broker_link_del, "B", "B", "E", ANY_REVISION), 0);
	assert_int_equal(link_as("B", "B", "F", cheap), 0);
}

static const char *links_of(const char *id, const char *from, const char *to, unsigned int max)
{
	static struct page page;

	page = (struct page){.max = max};
	broker_links_of(broker, id, from, to, to_page, &page);
	return page.text;
}

/* In the order of all links, of which they are a part: pages go on where they ended. */
static void test_links_of_one_domain(void **state)
{
	static const char *const table[][2] = {{"m", "n"},   {"a", "m"},  {"a-1", "m"}, {"m", "z"},
					       {"m-1", "z"}, {"m", "m1"}, {"a", "z"},	{"k", "m"}};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		assert_int_equal(put_link(table[i][0], table[i][1], cheap), 0);
	assert_int_equal(put_link("z", "m", "{\"routingcost\": 1, \"directed\": true}"), 0);
	assert_string_equal(links_of("m", NULL, NULL, 99), "a-1/m a/m k/m m/m1 m/n m/z z/m ");
	assert_string_equal(links_of("m", NULL, NULL, 2), "a-1/m a/m ");
	assert_string_equal(links_of("m", "a", "m", 2), "k/m m/m1 ");
	assert_string_equal(links_of("m", "k", "a", 1), "k/m ");
	assert_string_equal(links_of("m", "k", "z", 1), "m/m1 ");
	assert_string_equal(links_of("m", "m", "m1", 2), "m/n m/z ");
	assert_string_equal(links_of("m", "m", "z", 2), "z/m ");
	assert_string_equal(links_of("m", "z", "m", 2), "");
	assert_string_equal(links_of("m-1", NULL, NULL, 9), "m-1/z ");
	assert_string_equal(links_of("nobody", NULL, NULL, 9), "");
	assert_int_equal(CALL(broker_link_del, "", "k", "m", ANY_REVISION), 0);
	assert_string_equal(links_of("k", NULL, NULL, 9), "");
}

/* ---- prefixes of two ---- */

static void test_the_rightful_owner_goes_on_writing(void **state)
{
	raw_put("/san/alto/domains/B", one);
	raw_put("/san/alto/domains/A", one);
	assert_string_equal(pid_at(source("domains"), "ipv4:10.1.0.1"), "B");
	assert_int_equal(put("B", more), 0);
	assert_string_equal(pid_at(source("domains"), "ipv4:10.1.0.1"), "B");
	assert_int_equal(put("A", more), -EEXIST);
	assert_string_equal(why(), "domain A: /prefixes: is 10.1.0.0/16, must be of one domain "
				   "only: domain B has it");
	assert_int_equal(put("A", "{}"), 0);
	assert_int_equal(put("C", one), -EEXIST);
	/* Who is written anew is created anew. */
	raw_put("/san/alto/domains/A", one);
	raw_del("/san/alto/domains/B");
	raw_put("/san/alto/domains/B", one);
	assert_string_equal(pid_at(source("domains"), "ipv4:10.1.0.1"), "A");
}

/* ---- what is stored and refused ---- */

static void test_a_refused_value_ends_what_it_replaces(void **state)
{
	const struct alto_source *s;
	struct broker *other;
	char tag[ALTO_TAG_LEN];

	assert_int_equal(put("A", one), 0);
	assert_int_equal(put("B", "{}"), 0);
	assert_int_equal(put_link("A", "B", cheap), 0);
	raw_put("/san/alto/domains/A", "{\"nfs\": 7}");
	raw_put("/san/alto/links/A/B", "[]");
	s = source("domains");
	assert_int_equal(alto_source_find(s, "A"), UINT32_MAX);
	assert_int_equal(s->n_links, 0);
	strcpy(tag, s->prop_tag);
	/* As on a replica that has never seen another value. */
	other = broker_start((struct broker_conf){.domains = true});
	assert_string_equal(source_of(other, "domains")->prop_tag, tag);
	assert_string_equal(source_of(other, "domains")->cost_tag, s->cost_tag);
	broker_close(other);
	assert_int_equal(put("B", one), 0); /* nobody has its prefix */
}

static void test_what_had_no_room_comes_when_there_is_some(void **state)
{
	struct broker_item item;

	broker_limits.domains = 2;
	broker_limits.links = 1;
	assert_int_equal(put("A", "{}"), 0);
	assert_int_equal(put("B", "{}"), 0);
	assert_int_equal(put_link("A", "B", cheap), 0);
	raw_put("/san/alto/domains/C", one);
	raw_put("/san/alto/domains/D", "{}");
	raw_put("/san/alto/links/B/C", cheap);
	assert_false(broker_domain(broker, "C", &item));
	assert_false(broker_link(broker, "B", "C", &item));
	assert_int_equal(CALL(broker_domain_del, "", "A", ANY_REVISION), 0);
	assert_true(broker_domain(broker, "C", &item));
	assert_false(broker_domain(broker, "D", &item));
	assert_string_equal(pid_at(source("domains"), "ipv4:10.1.0.1"), "C");
	assert_int_equal(CALL(broker_link_del, "", "A", "B", ANY_REVISION), 0);
	assert_true(broker_link(broker, "B", "C", &item));
	/* What was deleted, or written anew, does not come back. */
	raw_del("/san/alto/domains/D");
	assert_int_equal(CALL(broker_domain_del, "", "B", ANY_REVISION), 0);
	assert_false(broker_domain(broker, "D", &item));
}

static void test_a_replacement_without_room_is_not_the_old_one(void **state)
{
	struct broker_item item;

	broker_limits.prefixes = 2;
	assert_int_equal(put("A", one), 0);
	assert_int_equal(put("B", "{\"prefixes\": {\"ipv4\": [\"10.2.0.0/16\"]}}"), 0);
	raw_put("/san/alto/domains/B",
		"{\"prefixes\": {\"ipv4\": [\"10.3.0.0/16\", \"10.4.0.0/16\"]}}");
	assert_false(broker_domain(broker, "B", &item));
	assert_string_equal(pid_at(source("domains"), "ipv4:10.2.0.1"), "default");
	assert_int_equal(put("A", "{}"), 0); /* A keeps less: there is room */
	assert_true(broker_domain(broker, "B", &item));
	assert_string_equal(pid_at(source("domains"), "ipv4:10.4.0.1"), "B");
}

static void test_limit_of_what_waits(void **state)
{
	struct broker_stats stats;
	char key[64];

	broker_limits.links = 0;
	for (int i = 0; i < BROKER_WAITING_MAX + 10; i++) {
		snprintf(key, sizeof(key), "/san/alto/links/A/B%d", i);
		raw_put(key, cheap);
	}
	broker_limits.links = 2 * BROKER_WAITING_MAX;
	raw_put("/san/alto/links/C/D", cheap);
	raw_del("/san/alto/links/C/D"); /* something goes: the others are tried again */
	broker_stats(broker, &stats);
	assert_int_equal(stats.links, BROKER_WAITING_MAX);
}

/* ---- before what is stored is known ---- */

static void test_nothing_is_written_before_it_is_known_what_is_stored(void **state)
{
	struct broker_conf conf = {.loop = &loop, .db = db, .domains = true, .synced = on_synced};

	raw_put("/san/alto/domains/A", one);
	broker_close(broker);
	synced = false;
	assert_int_equal(broker_open(&conf, &broker, &err), 0);
	assert_int_equal(put("B", one), -EAGAIN);
	assert_string_equal(why(), "domain B: cannot be kept before it is known what is stored: "
				   "try again");
	assert_int_equal(put_link("A", "B", cheap), -EAGAIN);
	assert_int_equal(CALL(broker_domain_del, "", "A", ANY_REVISION), -EAGAIN);
	assert_int_equal(CALL(broker_link_del, "", "A", "B", ANY_REVISION), -EAGAIN);
	assert_int_equal(CALL(broker_replace, "", json("{\"domains\": {}}")), -EAGAIN);
	wait_for(&synced);
	assert_int_equal(put("B", one), -EEXIST);
	assert_int_equal(CALL(broker_replace, "", json("{\"domains\": {}}")), 0);
	assert_string_equal(stored("/san/"), "");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_a_domain_has_a_share_of_the_links),
		T(test_links_of_one_domain),
		T(test_the_rightful_owner_goes_on_writing),
		T(test_a_refused_value_ends_what_it_replaces),
		T(test_what_had_no_room_comes_when_there_is_some),
		T(test_a_replacement_without_room_is_not_the_old_one),
		T(test_limit_of_what_waits),
		T(test_nothing_is_written_before_it_is_known_what_is_stored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
