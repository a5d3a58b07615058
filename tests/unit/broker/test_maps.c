/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Source "domains": what becomes of what is stored, and when. */
#include "unit/broker/rig.h"

#define BROKER_PROPS 6
#define AS1                                                                                         \
	"{\"prefixes\": {\"ipv4\": [\"10.1.0.0/16\"], \"ipv6\": [\"2001:db8:1::/48\"]}, "           \
	"\"entry-point\": \"https://mdo1.example/\", \"resources\": {\"cpu\": 50, \"mem\": 60.5}, " \
	"\"nfs\": [\"NF1\", \"NF3\"], \"saps\": [\"SAP1\"]}"
#define AS2 "{\"prefixes\": {\"ipv4\": [\"10.2.0.0/16\"]}, \"transit\": true, \"nfs\": []}"

static void test_domains_are_pids(void **state)
{
	const struct alto_source *s = source("domains");

	assert_int_equal(s->n_pids, 1);
	assert_string_equal(s->pids[0].name, "default");
	assert_true(s->service_graph);
	assert_string_equal(s->cost_source, "nominal");
	assert_int_equal(put("AS2", AS2), 0);
	assert_int_equal(put("AS1", AS1), 0);
	s = source("domains");
	assert_int_equal(s->n_pids, 3);
	assert_string_equal(pid_at(s, "ipv4:10.1.2.3"), "AS1");
	assert_string_equal(pid_at(s, "ipv6:2001:db8:1::5"), "AS1");
	assert_string_equal(pid_at(s, "ipv4:10.2.2.3"), "AS2");
	assert_string_equal(pid_at(s, "ipv4:10.3.2.3"), "default");
	assert_false(s->pids[alto_source_find(s, "AS1")].transit);
	assert_true(s->pids[alto_source_find(s, "AS2")].transit);
}

/* draft, 5.4: arrays for every property, empty ones are left out. */
static void test_properties_are_arrays_and_none_is_empty(void **state)
{
	const struct alto_source *s;

	assert_int_equal(put("AS1", AS1), 0);
	assert_int_equal(put("AS2", AS2), 0);
	s = source("domains");
	assert_string_equal(props(s->pid_props, "AS1"),
			    "{\"cpu\":[50],\"entry-point\":[\"https://mdo1.example/\"],"
			    "\"mem\":[60.5],\"nf\":[\"NF1\",\"NF3\"],\"port\":[\"SAP1\"]}");
	assert_string_equal(props(s->pid_props, "AS2"), "");
}

/* So that the directory does not change with what somebody advertises. */
static void test_what_is_offered_does_not_depend_on_data(void **state)
{
	const struct alto_source *s = source("domains");
	char *text = json_text(s->pid_prop_names);

	assert_string_equal(text, "[\"cpu\",\"entry-point\",\"mem\",\"nf\",\"port\",\"storage\"]");
	free(text);
	assert_true(s->has[ALTO_DELAY_OW] && s->has[ALTO_LOSSRATE] && s->has[ALTO_BW_RESIDUAL]);
	assert_int_equal(put("AS1", AS1), 0);
	assert_int_equal(json_array_size(source("domains")->pid_prop_names), BROKER_PROPS);
}

static void test_links_of_both_kinds(void **state)
{
	const struct alto_source *s;
	const struct alto_link *link;

	assert_int_equal(put_link("AS2", "AS1",
				  "{\"routingcost\": 3, \"delay-us\": 500, \"loss-ppm\": 1000, "
				  "\"max-reservable-bandwidth\": 1e9}"),
			 0);
	assert_int_equal(put("AS1", "{}"), 0);
	s = source("domains");
	assert_int_equal(s->n_links, 0); /* AS2 is not there yet */
	assert_int_equal(put("AS2", "{}"), 0);
	s = source("domains");
	assert_int_equal(s->n_links, 2);
	link = link_of(s, "AS1", "AS2");
	assert_true(link->value[LINK_ROUTINGCOST] == 3 && link->value[LINK_DELAY_US] == 500);
	assert_true(link->value[LINK_LOSS] == 0.001 && link->value[LINK_BW_RESIDUAL] == 1e9);
	assert_true(isnan(link->value[LINK_JITTER_US]) && isnan(link->value[LINK_BW_AVAILABLE]));
	/* A directed one wins for its direction, what it does not say is unknown. */
	assert_int_equal(put_link("AS2", "AS1", "{\"routingcost\": 7, \"directed\": true}"), 0);
	s = source("domains");
	assert_int_equal(s->n_links, 2);
	assert_true(link_of(s, "AS1", "AS2")->value[LINK_ROUTINGCOST] == 3);
	assert_true(link_of(s, "AS2", "AS1")->value[LINK_ROUTINGCOST] == 7);
	assert_true(isnan(link_of(s, "AS2", "AS1")->value[LINK_DELAY_US]));
	/* In the place of the symmetric one: no way back but its own. */
	assert_int_equal(put_link("AS1", "AS2", "{\"routingcost\": 9, \"directed\": true}"), 0);
	assert_int_equal(CALL(broker_link_del, "", "AS2", "AS1", ANY_REVISION), 0);
	s = source("domains");
	assert_int_equal(s->n_links, 1);
	assert_true(link_of(s, "AS1", "AS2")->value[LINK_ROUTINGCOST] == 9);
}

static void test_links_without_both_ends_are_counted(void **state)
{
	struct broker_stats stats;

	assert_int_equal(put("A", "{}"), 0);
	assert_int_equal(put("B", "{}"), 0);
	assert_int_equal(put_link("A", "B", "{\"routingcost\": 1}"), 0);
	assert_int_equal(put_link("B", "C", "{\"routingcost\": 1}"), 0);
	assert_int_equal(source("domains")->n_links, 2);
	broker_stats(broker, &stats);
	assert_int_equal(stats.links, 2);
	assert_int_equal(stats.domains, 2);
	assert_int_equal(stats.unused_links, 1);
	/* A domain that goes takes its links out of the map, not out of the database. */
	assert_int_equal(CALL(broker_domain_del, "", "A", ANY_REVISION), 0);
	assert_int_equal(source("domains")->n_links, 0);
	broker_stats(broker, &stats);
	assert_int_equal(stats.unused_links, 2);
	assert_int_equal(put("A", "{}"), 0);
	assert_int_equal(source("domains")->n_links, 2);
}

static void test_calendars_go_both_ways(void **state)
{
	const struct alto_source *s;

	broker_close(broker);
	broker = broker_start((struct broker_conf){
		.domains = true, .calendar = {.interval_s = 3600, .n_intervals = 2}});
	assert_int_equal(put("A", "{}"), 0);
	assert_int_equal(put("B", "{}"), 0);
	assert_int_equal(put_link("A", "B", "{\"routingcost\": 1, \"calendar\": [4, 8]}"), 0);
	s = source("domains");
	assert_int_equal(s->calendar.interval_s, 3600);
	assert_true(link_of(s, "A", "B")->calendar[1] == 8);
	assert_true(link_of(s, "B", "A")->calendar[0] == 4);
}

/* ---- snapshots ---- */

static void test_a_change_makes_a_snapshot_and_new_tags(void **state)
{
	struct alto_snapshot *old = alto_snapshot_ref(broker_snapshot(broker));
	const struct alto_source *s;
	char map[ALTO_TAG_LEN], cost[ALTO_TAG_LEN], prop[ALTO_TAG_LEN];

	assert_int_equal(put("A", "{}"), 0);
	assert_int_equal(put("B", "{}"), 0);
	s = source("domains");
	assert_int_equal(changes, 1); /* both in one */
	assert_true(broker_snapshot(broker)->number > old->number);
	assert_string_not_equal(s->map_tag, old->sources[0]->map_tag);
	assert_int_equal(old->sources[0]->n_pids, 1); /* who holds it has it as it was */
	alto_snapshot_put(old);
	strcpy(map, s->map_tag);
	strcpy(cost, s->cost_tag);
	strcpy(prop, s->prop_tag);
	assert_int_equal(put_link("A", "B", "{\"routingcost\": 1}"), 0);
	s = source("domains");
	assert_string_equal(s->map_tag, map);
	assert_string_not_equal(s->cost_tag, cost);
	assert_string_equal(s->prop_tag, prop);
	strcpy(cost, s->cost_tag);
	assert_int_equal(put("A", "{\"resources\": {\"cpu\": 1}}"), 0);
	s = source("domains");
	assert_string_equal(s->map_tag, map);
	assert_string_equal(s->cost_tag, cost);
	assert_string_not_equal(s->prop_tag, prop);
	assert_int_equal(changes, 3);
}

static void test_what_changes_nothing_is_not_told(void **state)
{
	struct alto_snapshot *before;

	assert_int_equal(put("A", "{\"transit\": true}"), 0);
	source("domains");
	before = broker_snapshot(broker);
	assert_int_equal(changes, 1);
	assert_int_equal(put("A", "{\"transit\": true, \"nfs\": []}"), 0);
	assert_int_equal(put_link("X", "Y", "{\"routingcost\": 1}"), 0);
	source("domains");
	assert_int_equal(changes, 1);
	assert_ptr_equal(broker_snapshot(broker), before);
}

static void test_a_source_that_stays_is_the_same(void **state)
{
	const struct alto_source *sand;

	broker_close(broker);
	broker = broker_start((struct broker_conf){.domains = true, .view = &view});
	sand = source("sand");
	assert_string_equal(broker_snapshot(broker)->sources[0]->id, "domains");
	assert_int_equal(put("A", "{}"), 0);
	assert_int_equal(source("domains")->n_pids, 2);
	assert_ptr_equal(source("sand"), sand);
}

static void test_changes_are_gathered(void **state)
{
	struct broker_stats stats;
	char id[16];

	for (int i = 0; i < 200; i++) {
		snprintf(id, sizeof(id), "AS%d", i);
		assert_int_equal(put(id, "{\"nfs\": [\"x\"]}"), 0);
	}
	assert_int_equal(source("domains")->n_pids, 201);
	broker_stats(broker, &stats);
	assert_true(stats.snapshots < 100);
	assert_true(stats.made_us > 0);
}

/* A source is made in a thread. */
static void begin_to_make(void)
{
	char id[16];

	for (int i = 0; i < 300; i++) {
		snprintf(id, sizeof(id), "AS%d", i);
		assert_int_equal(put(id, "{\"nfs\": [\"x\"]}"), 0);
	}
	uv_run(&loop, UV_RUN_ONCE);
}

static void test_changes_while_a_map_is_made_come_next(void **state)
{
	for (int i = 0; i < 20; i++) {
		begin_to_make();
		assert_int_equal(CALL(broker_domain_del, "", "AS7", ANY_REVISION), 0);
		assert_int_equal(put("AS8", "{}"), 0);
	}
	assert_int_equal(source("domains")->n_pids, 300);
	assert_string_equal(props(source("domains")->pid_props, "AS8"), "");
	assert_string_equal(props(source("domains")->pid_props, "AS9"), "{\"nf\":[\"x\"]}");
}

/* In every turn of the loop: one of them has the thread at work. */
static void test_a_broker_may_end_while_it_makes_a_map(void **state)
{
	struct broker_conf conf = {.loop = &loop, .db = db, .domains = true, .view = &view};

	begin_to_make();
	for (int turns = 0; turns < 40; turns++) {
		struct broker *b = NULL;

		assert_int_equal(broker_open(&conf, &b, &err), 0);
		for (int i = 0; i < turns; i++)
			uv_run(&loop, UV_RUN_NOWAIT);
		broker_close(b);
		pause_for(5);
	}
}

/* ---- replicas ---- */

static void fill(const char *const *order)
{
	static const char *const text[] = {AS1, AS2, "{\"saps\": [\"SAP2\"]}"};

	for (int i = 0; i < 3; i++)
		assert_int_equal(put(order[i], text[order[i][2] - '1']), 0);
	assert_int_equal(put_link(order[0], order[1], "{\"routingcost\": 2}"), 0);
	assert_int_equal(put_link(order[1], order[2], "{\"routingcost\": 2}"), 0);
}

static void test_every_replica_has_the_same_tags(void **state)
{
	const struct alto_source *mine;
	struct broker *other;

	fill((const char *const[]){"AS1", "AS2", "AS3"});
	source("domains");
	other = broker_start((struct broker_conf){.domains = true});
	mine = source("domains");
	assert_string_equal(source_of(other, "domains")->map_tag, mine->map_tag);
	assert_string_equal(source_of(other, "domains")->cost_tag, mine->cost_tag);
	assert_string_equal(source_of(other, "domains")->prop_tag, mine->prop_tag);
	/* And learns of what is written at another one. */
	assert_int_equal(CALL(broker_domain_del, "", "AS2", ANY_REVISION), 0);
	mine = source("domains");
	assert_string_equal(source_of(other, "domains")->cost_tag, mine->cost_tag);
	assert_int_equal(source_of(other, "domains")->n_links, 0);
	broker_close(other);
}

static void test_the_order_of_writing_does_not_matter(void **state)
{
	struct alto_snapshot *first;
	const struct alto_source *s;

	fill((const char *const[]){"AS1", "AS2", "AS3"});
	source("domains");
	first = alto_snapshot_ref(broker_snapshot(broker));
	teardown(NULL);
	setup(NULL);
	fill((const char *const[]){"AS3", "AS2", "AS1"});
	s = source("domains");
	assert_string_equal(s->map_tag, first->sources[0]->map_tag);
	assert_string_equal(s->cost_tag, first->sources[0]->cost_tag);
	assert_string_equal(s->prop_tag, first->sources[0]->prop_tag);
	alto_snapshot_put(first);
}

/* Two replicas took it at once: on each, whoever listens when, the first written has it. */
static void test_a_prefix_of_two_is_the_firsts(void **state)
{
	const char *one = "{\"prefixes\": {\"ipv4\": [\"10.1.0.0/16\"]}}";
	struct broker_stats stats;
	struct broker *other;

	raw_put("/san/alto/domains/B", one);
	raw_put("/san/alto/domains/A", one);
	assert_string_equal(pid_at(source("domains"), "ipv4:10.1.0.1"), "B");
	broker_stats(broker, &stats);
	assert_int_equal(stats.lost_prefixes, 1);
	other = broker_start((struct broker_conf){.domains = true});
	assert_string_equal(pid_at(source_of(other, "domains"), "ipv4:10.1.0.1"), "B");
	broker_close(other);
	raw_del("/san/alto/domains/B");
	assert_string_equal(pid_at(source("domains"), "ipv4:10.1.0.1"), "A");
	broker_stats(broker, &stats);
	assert_int_equal(stats.lost_prefixes, 0);
}

/* ---- what others store ---- */

static void test_bad_objects_are_not_there(void **state)
{
	struct ncsdb_follow_stats follow;
	struct broker_stats stats;
	const struct alto_source *s;

	assert_int_equal(put("AS1", AS1), 0);
	assert_int_equal(put("AS2", AS2), 0);
	assert_int_equal(put_link("AS1", "AS2", "{\"routingcost\": 5}"), 0);
	raw_put("/san/alto/domains/AS1", "{\"nfs\": 7}");
	raw_put("/san/alto/domains/AS1", "{");
	raw_put("/san/alto/domains/AS1/x", "{}");
	raw_put("/san/alto/domains/default", "{}");
	raw_put("/san/alto/links/AS1/AS2", "{\"routingcost\": \"x\"}");
	raw_put("/san/alto/links/AS2/AS1", "{\"routingcost\": 1}"); /* not directed */
	raw_put("/san/alto/links/AS1", "{\"routingcost\": 1}");
	raw_put("/san/alto/links/AS1/AS1", "{\"routingcost\": 1}");
	raw_put("/san/alto/links/AS1/AS2/AS3", "{\"routingcost\": 1}");
	s = source("domains");
	assert_string_equal(pid_at(s, "ipv4:10.1.2.3"), "default");
	assert_int_equal(s->n_pids, 2);
	assert_int_equal(s->n_links, 0);
	broker_stats(broker, &stats);
	assert_int_equal(stats.refused, 9);
	assert_int_equal(stats.domains, 1);
	assert_int_equal(stats.links, 0);
	broker_follow_stats(broker, &follow);
	assert_true(follow.synced);
	assert_int_equal(follow.keys, 4 + 5);
	raw_del("/san/alto/domains/AS1");
	assert_int_equal(source("domains")->n_pids, 2);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_domains_are_pids),
		T(test_properties_are_arrays_and_none_is_empty),
		T(test_what_is_offered_does_not_depend_on_data),
		T(test_links_of_both_kinds),
		T(test_links_without_both_ends_are_counted),
		T(test_calendars_go_both_ways),
		T(test_a_change_makes_a_snapshot_and_new_tags),
		T(test_what_changes_nothing_is_not_told),
		T(test_a_source_that_stays_is_the_same),
		T(test_changes_are_gathered),
		T(test_changes_while_a_map_is_made_come_next),
		T(test_a_broker_may_end_while_it_makes_a_map),
		T(test_every_replica_has_the_same_tags),
		T(test_the_order_of_writing_does_not_matter),
		T(test_a_prefix_of_two_is_the_firsts),
		T(test_bad_objects_are_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
