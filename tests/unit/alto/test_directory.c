/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The resources of a snapshot and the directory that announces them. */
#include "alto/update.h"
#include "rig.h"

static struct alto_resources *all;
static json_t *root, *resources;

static struct alto_source *domains(void)
{
	struct alto_builder_conf conf = {.cost_source = "nominal", .service_graph = true};
	struct alto_calendar hours = {3600, 24};
	struct alto_builder *b = rig_builder("domains");
	struct alto_link link = rig_link(0, 1, 1);

	assert_int_equal(alto_builder_calendar(b, &hours), 0);
	rig_pid(b, "AS1");
	rig_pid(b, "AS2");
	link.value[LINK_DELAY_US] = 5;
	assert_int_equal(alto_builder_link(b, &link), 0);
	assert_int_equal(alto_builder_pid_prop(b, 0, "cpu", json_pack("[i]", 50)), 0);
	return rig_finish(b, &conf);
}

static struct alto_source *sand(void)
{
	struct alto_builder_conf conf = {.stat = "cur", .cost_source = "estimation"};
	struct alto_builder *b = rig_builder("sand");
	struct alto_link link = rig_link(0, 1, 1);

	rig_pid(b, "ie1");
	rig_pid(b, "gw1");
	link.value[LINK_DELAY_US] = 5;
	assert_int_equal(alto_builder_link(b, &link), 0);
	assert_int_equal(alto_builder_endpoint_prop(b, "ipv6:2001:db8::1", "priv:sand-load",
						    json_pack("[i]", 1)),
			 0);
	return rig_finish(b, &conf);
}

static json_t *directory(const struct alto_resources *of)
{
	struct alto_reply reply;
	struct alto_error error;
	json_t *json;

	assert_int_equal(rig_ask(of, "directory", NULL, &reply, &error), 0);
	assert_int_equal(reply.media, ALTO_MEDIA_DIRECTORY);
	assert_true(alto_tag_valid(reply.tag));
	json = json_loads(reply.out.data, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json);
	alto_out_fini(&reply.out);
	return json;
}

static int setup(void **state)
{
	struct alto_source *sources[] = {domains(), sand()};

	all = rig_resources(sources, 2);
	root = directory(all);
	resources = json_object_get(root, "resources");
	return 0;
}

static int teardown(void **state)
{
	json_decref(root);
	alto_resources_free(all);
	return 0;
}

static void json_is(const json_t *value, const char *want)
{
	json_t *wanted = json_loads(want, JSON_DECODE_ANY, NULL);
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	assert_non_null(wanted);
	if (!json_equal(value, wanted))
		fail_msg("is %s, not %s", text, want);
	free(text);
	json_decref(wanted);
}

static void entry_is(const char *id, const char *want)
{
	json_is(json_object_get(resources, id), want);
}

static const json_t *capability(const char *id, const char *name)
{
	return json_object_get(json_object_get(json_object_get(resources, id), "capabilities"),
			       name);
}

/* ---- meta ---- */

static void test_the_first_source_is_the_default_map(void **state)
{
	json_is(json_object_get(json_object_get(root, "meta"), "default-alto-network-map"),
		"\"domains\"");
}

/* RFC 7285, 9.2.2; RFC 9439, 3.1: cost-context; where sources differ there is none. */
static void test_cost_types_stand_in_meta_with_their_context(void **state)
{
	json_is(json_object_get(json_object_get(root, "meta"), "cost-types"),
		"{\"num-routingcost\":{\"cost-mode\":\"numerical\",\"cost-metric\":\"routingcost\"},"
		"\"ord-routingcost\":{\"cost-mode\":\"ordinal\",\"cost-metric\":\"routingcost\"},"
		"\"num-hopcount\":{\"cost-mode\":\"numerical\",\"cost-metric\":\"hopcount\"},"
		"\"num-delay-ow\":{\"cost-mode\":\"numerical\",\"cost-metric\":\"delay-ow\","
		"\"cost-context\":{\"cost-source\":\"nominal\"}},"
		"\"num-delay-rt\":{\"cost-mode\":\"numerical\",\"cost-metric\":\"delay-rt\","
		"\"cost-context\":{\"cost-source\":\"nominal\"}},"
		"\"num-delay-ow:cur\":{\"cost-mode\":\"numerical\",\"cost-metric\":"
		"\"delay-ow:cur\",\"cost-context\":{\"cost-source\":\"estimation\"}},"
		"\"num-delay-rt:cur\":{\"cost-mode\":\"numerical\",\"cost-metric\":"
		"\"delay-rt:cur\",\"cost-context\":{\"cost-source\":\"estimation\"}},"
		"\"path-vector\":{\"cost-mode\":\"array\",\"cost-metric\":\"ane-path\"}}");
}

/* ---- entries ---- */

static void test_network_maps(void **state)
{
	entry_is("domains", "{\"uri\":\"/alto/networkmap/domains\",\"media-type\":"
			    "\"application/alto-networkmap+json\"}");
	entry_is("domains-filtered",
		 "{\"uri\":\"/alto/networkmap/domains\",\"media-type\":"
		 "\"application/alto-networkmap+json\",\"accepts\":"
		 "\"application/alto-networkmapfilter+json\",\"uses\":[\"domains\"]}");
}

/* RFC 7285, 11.2.3.4: one cost type each; routingcost in both modes (9.2 of the same). */
static void test_each_cost_map_has_one_cost_type(void **state)
{
	entry_is("domains-routingcost",
		 "{\"uri\":\"/alto/costmap/domains/routingcost\",\"media-type\":"
		 "\"application/alto-costmap+json\",\"capabilities\":{\"cost-type-names\":"
		 "[\"num-routingcost\"]},\"uses\":[\"domains\"]}");
	entry_is("domains-routingcost-ordinal",
		 "{\"uri\":\"/alto/costmap/domains/routingcost/ordinal\",\"media-type\":"
		 "\"application/alto-costmap+json\",\"capabilities\":{\"cost-type-names\":"
		 "[\"ord-routingcost\"]},\"uses\":[\"domains\"]}");
	json_is(capability("sand-delay-ow", "cost-type-names"), "[\"num-delay-ow:cur\"]");
	assert_null(json_object_get(resources, "sand-lossrate"));
}

/* RFC 8189, 4.1.1; RFC 8896, 4.1. */
static void test_filtered_costs_announce_several_costs_constraints_calendars(void **state)
{
	const char *types = "[\"num-routingcost\",\"num-hopcount\",\"num-delay-ow\","
			    "\"num-delay-rt\",\"ord-routingcost\"]";

	json_is(capability("domains-costs", "cost-type-names"), types);
	json_is(capability("domains-costs", "testable-cost-type-names"), types);
	json_is(capability("domains-costs", "cost-constraints"), "true");
	json_is(capability("domains-costs", "max-cost-types"), "16");
	json_is(capability("domains-costs", "calendar-attributes"),
		"[{\"cost-type-names\":[\"num-routingcost\"],\"time-interval-size\":3600,"
		"\"number-of-intervals\":24}]");
	json_is(capability("domains-endpoint-costs", "calendar-attributes"),
		"[{\"cost-type-names\":[\"num-routingcost\"],\"time-interval-size\":3600,"
		"\"number-of-intervals\":24}]");
	assert_null(capability("sand-costs", "calendar-attributes"));
	json_is(json_object_get(json_object_get(resources, "domains-costs"), "uses"),
		"[\"domains\"]");
	assert_null(json_object_get(json_object_get(resources, "domains-endpoint-costs"), "uses"));
}

/* RFC 9275, 7.2; `sg` of the broker. */
static void test_path_vectors_are_multipart_and_name_their_properties(void **state)
{
	entry_is("domains-pv",
		 "{\"uri\":\"/alto/pathvector/domains\",\"media-type\":"
		 "\"multipart/related;type=application/alto-costmap+json\",\"accepts\":"
		 "\"application/alto-costmapfilter+json\",\"capabilities\":{\"cost-type-names\":"
		 "[\"path-vector\"],\"cost-constraints\":false,\"ane-property-names\":"
		 "[\"max-reservable-bandwidth\",\"persistent-entity-id\",\"cpu\"],"
		 "\"service-graph\":true},\"uses\":[\"domains\",\"domains-props-filtered\"]}");
	json_is(json_object_get(json_object_get(resources, "domains-endpoint-pv"), "media-type"),
		"\"multipart/related;type=application/alto-endpointcost+json\"");
	assert_null(capability("sand-pv", "service-graph"));
	assert_null(capability("domains-endpoint-pv", "service-graph"));
}

/* RFC 7285, 11.4.1.4: the PID of every network map can be looked up. */
static void test_every_network_map_has_its_pid_property(void **state)
{
	json_is(capability("domains-endpoint-props", "prop-types"), "[\"domains.pid\"]");
	json_is(capability("sand-endpoint-props", "prop-types"),
		"[\"sand.pid\",\"priv:sand-load\"]");
	assert_null(json_object_get(json_object_get(resources, "domains-endpoint-props"), "uses"));
}

/* RFC 9240, 7.4 */
static void test_property_maps_announce_mappings(void **state)
{
	json_is(capability("domains-props", "mappings"),
		"{\"ipv4\":[\"domains.pid\"],\"ipv6\":[\"domains.pid\"],"
		"\"domains.pid\":[\"cpu\"]}");
	json_is(json_object_get(json_object_get(resources, "domains-props"), "uses"),
		"[\"domains\"]");
}

/* RFC 8895, 6.3 and 6.4; RFC 9569, 5. */
static void test_updates_use_what_can_be_followed(void **state)
{
	const json_t *uses = json_object_get(json_object_get(resources, "updates"), "uses");
	const json_t *types = capability("updates", "incremental-change-media-types");
	size_t n = 0, incremental = 0;

	for (unsigned int i = 0; i < all->n; i++) {
		n += alto_followed(&all->v[i]);
		if (!alto_followed(&all->v[i]) || !alto_incremental(&all->v[i]))
			continue;
		incremental++;
		json_is(json_object_get(types, all->v[i].id), "\"application/merge-patch+json\"");
	}
	assert_int_equal(json_array_size(uses), n);
	assert_int_equal(json_object_size(types), incremental);
	assert_true(n > 20 && incremental > 0);
	json_is(capability("updates", "support-stream-control"), "true");
	assert_true(json_equal(types, capability("tips", "incremental-change-media-types")));
	assert_null(capability("tips", "support-stream-control"));
	assert_true(json_equal(uses, json_object_get(json_object_get(resources, "tips"), "uses")));
}

/* ---- the directory as a whole ---- */

static void names_are_in(const json_t *names, const json_t *obj)
{
	size_t i;
	json_t *name;

	json_array_foreach(names, i, name) {
		if (!json_object_get(obj, json_string_value(name)))
			fail_msg("no \"%s\"", json_string_value(name));
	}
}

static void test_what_is_named_is_there(void **state)
{
	const json_t *types = json_object_get(json_object_get(root, "meta"), "cost-types");
	const char *id;
	json_t *entry;

	json_object_foreach(resources, id, entry) {
		names_are_in(json_object_get(entry, "uses"), resources);
		names_are_in(capability(id, "cost-type-names"), types);
		names_are_in(capability(id, "testable-cost-type-names"), types);
	}
}

static void test_resources_are_found_by_path_method_and_id(void **state)
{
	assert_int_equal(json_object_size(resources), all->n - 1);
	for (unsigned int i = 0; i < all->n; i++) {
		const struct alto_resource *r = &all->v[i];
		bool get = r->accepts == ALTO_MEDIA_MAX;
		const json_t *entry = json_object_get(resources, r->id);

		assert_ptr_equal(alto_resource_at(all, r->path, get), r);
		assert_ptr_equal(alto_resource_named(all, r->id), r);
		assert_true(alto_name_valid(r->id) && strlen(r->id) < ALTO_ID_LEN);
		if (r->service != ALTO_DIRECTORY)
			assert_string_equal(json_string_value(json_object_get(entry, "uri")),
					    r->path);
	}
	assert_null(alto_resource_at(all, "/alto/nothing", true));
	assert_null(alto_resource_at(all, "/alto/directory", false));
	assert_null(alto_resource_named(all, "nothing"));
}

static void test_the_longest_source_id_fits_all_resource_ids(void **state)
{
	struct alto_builder *b = rig_builder("abcdefghijk");
	struct alto_link link = rig_link(0, 1, 1);
	struct alto_builder_conf conf = {.stat = "median"};
	struct alto_resources *of;
	struct alto_source *s;

	rig_pid(b, "A");
	rig_pid(b, "B");
	for (unsigned int i = 0; i < LINK_VALUE_MAX; i++)
		link.value[i] = 1;
	assert_int_equal(alto_builder_link(b, &link), 0);
	s = rig_finish(b, &conf);
	of = rig_resources(&s, 1);
	assert_non_null(alto_resource_named(of, "abcdefghijk-routingcost-ordinal"));
	assert_non_null(alto_resource_named(of, "abcdefghijk-delay-variation"));
	assert_non_null(
		alto_resource_at(of, "/alto/costmap/abcdefghijk/routingcost/ordinal", true));
	assert_non_null(alto_resource_at(of, "/alto/endpointpathvector/abcdefghijk", false));
	for (unsigned int i = 0; i < of->n; i++) {
		if (of->v[i].service == ALTO_COST_MAP &&
		    of->v[i].cost_type.metric == ALTO_DELAY_VARIATION)
			assert_string_equal(of->v[i].cost_type.name, "num-delay-variation:median");
	}
	alto_resources_free(of);
}

static void test_no_sources_make_an_empty_directory(void **state)
{
	struct alto_resources *of = rig_resources(NULL, 0);
	json_t *json = directory(of);

	json_is(json_object_get(json, "meta"), "{\"cost-types\":{}}");
	assert_int_equal(json_object_size(json_object_get(json, "resources")), 2);
	json_decref(json);
	alto_resources_free(of);
}

/* n PIDs with the default one, each linked to `links` others. */
static json_t *directory_of(uint32_t n, uint32_t links)
{
	struct alto_builder *b = rig_builder("m");
	struct alto_resources *of;
	struct alto_source *s;
	char name[16];
	json_t *json;

	for (uint32_t i = 0; i + 1 < n; i++) {
		snprintf(name, sizeof(name), "p%u", i);
		rig_pid(b, name);
	}
	for (uint32_t i = 0; i < (n - 1) * links; i++) {
		struct alto_link link =
			rig_link(i / links, (i / links + 1 + i % links) % (n - 1), 1);

		link.value[LINK_DELAY_US] = 1;
		assert_int_equal(alto_builder_link(b, &link), 0);
	}
	s = rig_finish(b, NULL);
	of = rig_resources(&s, 1);
	json = directory(of);
	alto_resources_free(of);
	return json;
}

/* Where id is in the directory of m it is an entry, may be followed, and is followed in patches. */
static void listed(const json_t *json, const char *id, bool want)
{
	const json_t *entries = json_object_get(json, "resources"), *used;
	static const char *const all_of[] = {"updates", "tips"};
	json_t *name;
	size_t at;

	assert_int_equal(json_object_get(entries, id) != NULL, want);
	for (int i = 0; i < 2; i++) {
		const json_t *entry = json_object_get(entries, all_of[i]);
		const json_t *caps = json_object_get(entry, "capabilities");
		bool there = false;

		used = json_object_get(entry, "uses");
		json_array_foreach(used, at, name)
			there |= !strcmp(json_string_value(name), id);
		assert_int_equal(there, want);
		caps = json_object_get(caps, "incremental-change-media-types");
		assert_int_equal(json_object_get(caps, id) != NULL, want);
	}
}

/* 1024 * 1024 costs are what one answer may have; 49000 links among as many PIDs what a request's
 * rows may visit, and delay-rt takes two for each PID. */
static void test_whole_cost_maps_that_would_be_refused_are_not_listed(void **state)
{
	static const struct {
		uint32_t n, links;
		bool costs, round_trips;
	} maps[] = {{1024, 1, true, true},
		    {1025, 1, false, false},
		    {1024, 40, true, false},
		    {1024, 60, false, false}};

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		json_t *json = directory_of(maps[i].n, maps[i].links);

		listed(json, "m-routingcost", maps[i].costs);
		listed(json, "m-routingcost-ordinal", maps[i].costs);
		listed(json, "m-delay-rt", maps[i].round_trips);
		listed(json, "m-costs", true);
		listed(json, "m", true);
		json_decref(json);
	}
}

static void test_the_tag_changes_with_the_directory_only(void **state)
{
	char tags[3][ALTO_TAG_LEN];

	for (unsigned int i = 0; i < 3; i++) {
		struct alto_source *s = i < 2 ? domains() : sand();
		struct alto_resources *of = rig_resources(&s, 1);
		struct alto_reply reply;
		struct alto_error error;

		assert_int_equal(rig_ask(of, "directory", NULL, &reply, &error), 0);
		strcpy(tags[i], reply.tag);
		alto_out_fini(&reply.out);
		alto_resources_free(of);
	}
	assert_string_equal(tags[0], tags[1]);
	assert_string_not_equal(tags[0], tags[2]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_source_is_the_default_map),
		cmocka_unit_test(test_cost_types_stand_in_meta_with_their_context),
		cmocka_unit_test(test_network_maps),
		cmocka_unit_test(test_each_cost_map_has_one_cost_type),
		cmocka_unit_test(test_filtered_costs_announce_several_costs_constraints_calendars),
		cmocka_unit_test(test_path_vectors_are_multipart_and_name_their_properties),
		cmocka_unit_test(test_every_network_map_has_its_pid_property),
		cmocka_unit_test(test_property_maps_announce_mappings),
		cmocka_unit_test(test_updates_use_what_can_be_followed),
		cmocka_unit_test(test_what_is_named_is_there),
		cmocka_unit_test(test_resources_are_found_by_path_method_and_id),
		cmocka_unit_test(test_the_longest_source_id_fits_all_resource_ids),
		cmocka_unit_test(test_no_sources_make_an_empty_directory),
		cmocka_unit_test(test_whole_cost_maps_that_would_be_refused_are_not_listed),
		cmocka_unit_test(test_the_tag_changes_with_the_directory_only),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
