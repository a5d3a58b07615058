/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything that our own server answers is understood by our own client. */
#include "client_test.h"

#include "alto/update.h"
#include "unit/alto/small.h"

#define BASE "https://alto.example/alto/directory"

static struct alto_resources *all;
static struct alto_ird *ird;
static struct alto_reply reply;
static struct alto_error error;

static int ask(const struct alto_resource *resource, const char *body)
{
	const struct alto_request req = {.all = all,
					 .resource = resource,
					 .body = body,
					 .len = body ? strlen(body) : 0,
					 .now_unix = 1700000000};

	alto_out_fini(&reply.out);
	return alto_answer(&req, &reply, &error);
}

static void answers(const struct alto_resource *resource, const char *body)
{
	if (ask(resource, body))
		fail_msg("%s: %s %s %s", resource->id, error.field, error.value, error.why);
}

static const struct alto_resource *named(const char *format, const char *source)
{
	char id[64];
	const struct alto_resource *r;

	snprintf(id, sizeof(id), "%s%s", source, format);
	r = alto_resource_named(all, id);
	assert_non_null(r);
	return r;
}

static void fine(int rc, const char *what)
{
	char text[512];

	if (rc)
		fail_msg("%s: %s\n%s", what, err_text(&err, text, sizeof(text)), reply.out.data);
}

static int open_server(void **state)
{
	all = small_new();
	answers(alto_resource_named(all, "directory"), NULL);
	return alto_ird_parse(reply.out.data, reply.out.len, BASE, &ird, &err);
}

static int close_server(void **state)
{
	alto_ird_free(ird);
	alto_resources_free(all);
	alto_out_fini(&reply.out);
	return 0;
}

static struct alto_netmap *netmap_of(const char *source)
{
	struct alto_netmap *map = NULL;

	answers(named("", source), NULL);
	fine(alto_netmap_parse(reply.out.data, reply.out.len, source, &map, &err), source);
	return map;
}

/* ---- directory ---- */

static void test_directory_lists_every_resource(void **state)
{
	for (unsigned int i = 0; i < all->n; i++) {
		const struct alto_resource *r = &all->v[i];
		const struct alto_ird_entry *e = alto_ird_find(ird, r->id);
		char uri[200];

		if (r->service == ALTO_DIRECTORY)
			continue;
		if (!e)
			fail_msg("%s is not in the directory", r->id);
		snprintf(uri, sizeof(uri), "https://alto.example%s", r->path);
		assert_string_equal(e->uri, uri);
		assert_int_equal(e->media, r->media);
		assert_int_equal(e->accepts, r->accepts);
	}
	assert_string_equal(ird->default_map, "domains");
}

static void test_client_finds_what_it_needs(void **state)
{
	const struct alto_ird_want wants[] = {
		{.media = ALTO_MEDIA_COSTMAP,
		 .accepts = ALTO_MEDIA_COSTMAPFILTER,
		 .uses = "sand",
		 .metric = "delay-ow",
		 .mode = "numerical"},
		{.media = ALTO_MEDIA_PROPMAP, .accepts = ALTO_MEDIA_MAX, .uses = "domains"},
		{.media = ALTO_MEDIA_EVENT_STREAM,
		 .accepts = ALTO_MEDIA_UPDATESTREAMPARAMS,
		 .uses = "sand"},
		{.media = ALTO_MEDIA_PV_COSTMAP,
		 .accepts = ALTO_MEDIA_COSTMAPFILTER,
		 .uses = "domains",
		 .metric = "ane-path",
		 .mode = "array"},
		{.media = ALTO_MEDIA_COSTMAP,
		 .accepts = ALTO_MEDIA_MAX,
		 .uses = "domains",
		 .metric = "routingcost",
		 .mode = "ordinal"},
	};
	static const char *const ids[] = {"sand-costs", "domains-props", "updates", "domains-pv",
					  "domains-routingcost-ordinal"};
	struct alto_ird_type type;

	for (unsigned int i = 0; i < ARRAY_SIZE(wants); i++) {
		const struct alto_ird_entry *e = alto_ird_pick(ird, &wants[i], &type);

		assert_non_null(e);
		assert_string_equal(e->id, ids[i]);
		if (i == 0)
			assert_string_equal(type.metric, "delay-ow:cur");
	}
}

/* ---- maps ---- */

static void test_network_maps(void **state)
{
	struct alto_netmap *map = netmap_of("domains"), *filtered = NULL;
	struct alto_prefix p;

	assert_int_equal(map->n_pids, 4);
	alto_endpoint_parse("ipv6:2001:db8:3::7", &p);
	assert_string_equal(alto_netmap_match(map, &p), "AS3");
	alto_endpoint_parse("ipv4:203.0.113.1", &p);
	assert_string_equal(alto_netmap_match(map, &p), ALTO_DEFAULT_PID);
	answers(named("-filtered", "domains"), small_request(ALTO_NETWORK_MAP_FILTER));
	fine(alto_netmap_parse(reply.out.data, reply.out.len, "domains", &filtered, &err),
	     "filtered");
	assert_string_equal(filtered->vtag.tag, map->vtag.tag);
	alto_netmap_free(filtered);
	alto_netmap_free(map);
}

static void test_cost_maps(void **state)
{
	for (unsigned int i = 0; i < all->n; i++) {
		const struct alto_resource *r = &all->v[i];
		struct alto_costmap_want want = {.metric = r->cost_type.metric_text,
						 .mode = alto_mode_name(r->cost_type.mode)};
		struct alto_costmap *map = NULL;
		struct alto_netmap *pids;

		if (r->service != ALTO_COST_MAP)
			continue;
		pids = netmap_of(r->source->id);
		want.map = pids;
		answers(r, NULL);
		fine(alto_costmap_parse(reply.out.data, reply.out.len, &want, &map, &err), r->id);
		alto_costmap_free(map);
		alto_netmap_free(pids);
	}
}

static void test_filtered_cost_maps(void **state)
{
	for (unsigned int s = 0; s < all->snap->n; s++) {
		const struct alto_source *source = all->snap->sources[s];
		struct alto_netmap *pids = netmap_of(source->id);
		struct alto_cost_type types[ALTO_COST_TYPES_MAX];
		unsigned int n = alto_cost_types(source, types);

		for (unsigned int i = 0; i < n; i++) {
			const struct alto_costmap_want want = {
				.map = pids,
				.metric = types[i].metric_text,
				.mode = alto_mode_name(types[i].mode)};
			struct alto_costmap *map = NULL;
			char body[256];

			snprintf(body, sizeof(body),
				 q("{'cost-type':{'cost-mode':'%s','cost-metric':'%s'},"
				   "'pids':{'srcs':[],'dsts':[]}}"),
				 want.mode, want.metric);
			answers(named("-costs", source->id), body);
			fine(alto_costmap_parse(reply.out.data, reply.out.len, &want, &map, &err),
			     body);
			alto_costmap_free(map);
		}
		alto_netmap_free(pids);
	}
}

/* Another source's map is not taken for this one's. */
static void test_costs_of_another_map_are_refused(void **state)
{
	struct alto_netmap *pids = netmap_of("sand");
	const struct alto_costmap_want want = {.map = pids};
	struct alto_costmap *map = NULL;

	answers(named("-routingcost", "domains"), NULL);
	REFUSED(alto_costmap_parse(reply.out.data, reply.out.len, &want, &map, &err), -EINVAL,
		"/meta/dependent-vtags/0/resource-id: is domains, must be sand");
	alto_netmap_free(pids);
}

static void test_endpoint_costs(void **state)
{
	const struct alto_costmap_want want = {
		.metric = "routingcost", .mode = "numerical", .endpoints = true};
	struct alto_costmap *map = NULL;
	double cost = 0;

	answers(named("-endpoint-costs", "domains"), small_request(ALTO_ENDPOINT_COST));
	fine(alto_costmap_parse(reply.out.data, reply.out.len, &want, &map, &err), "endpoints");
	assert_true(alto_costmap_cost(map, "ipv4:192.0.2.1", "ipv6:2001:db8:3::1", &cost));
	assert_float_equal(cost, 3, 0);
	alto_costmap_free(map);
}

static void test_property_maps(void **state)
{
	static const char *const sources[] = {"domains", "sand"};
	struct alto_propmap *props = NULL;
	double number = 0;

	for (unsigned int i = 0; i < 2; i++) {
		struct alto_netmap *map = netmap_of(sources[i]);

		answers(named("-props", sources[i]), NULL);
		fine(alto_propmap_parse(reply.out.data, reply.out.len, map, &props, &err), "props");
		assert_int_equal(props->n_depends, 1);
		assert_int_equal(alto_propmap_number(props, "domains.pid:AS1", "cpu", &number),
				 i == 0);
		assert_int_equal(
			alto_propmap_number(props, "sand.pid:gw1", "priv:sand-load", &number),
			i == 1);
		alto_propmap_free(props);
		answers(named("-props-filtered", sources[i]),
			small_request(ALTO_PROPERTY_MAP_FILTER));
		fine(alto_propmap_parse(reply.out.data, reply.out.len, map, &props, &err),
		     "filtered props");
		alto_propmap_free(props);
		alto_netmap_free(map);
	}
}

/* ---- path vectors ---- */

static struct alto_pv *pv_of(const struct alto_resource *r, const char *body,
			     const struct alto_netmap *map, bool sg)
{
	struct alto_pv *pv = NULL;

	answers(r, body);
	fine(alto_pv_parse(reply.out.data, reply.out.len, reply.content_type, map, sg, &pv, &err),
	     r->id);
	return pv;
}

static void test_path_vectors(void **state)
{
	static const char *const sources[] = {"domains", "sand"};

	for (unsigned int i = 0; i < 2; i++) {
		struct alto_netmap *map = netmap_of(sources[i]);
		struct alto_pv *pv = pv_of(named("-pv", sources[i]),
					   small_request(ALTO_COST_MAP_PV), map, false);

		assert_true(json_object_size(pv->costs->costs) > 1);
		alto_pv_free(pv);
		pv = pv_of(named("-endpoint-pv", sources[i]), small_request(ALTO_ENDPOINT_COST_PV),
			   NULL, false);
		alto_pv_free(pv);
		alto_netmap_free(map);
	}
}

static json_t *vectors(const struct alto_pv *pv, const char *a, const char *b)
{
	json_t *pair = json_object_get(json_object_get(pv->costs->costs, "SAP1"), "SAP2");

	return json_object_get(json_object_get(pair, a), b);
}

static void test_service_graph(void **state)
{
	struct alto_netmap *map = netmap_of("domains");
	struct alto_pv *pv = pv_of(named("-pv", "domains"), SMALL_SG, map, true);

	assert_int_equal(json_array_size(vectors(pv, "SAP1", "NF1")), 2);
	assert_int_equal(json_array_size(vectors(pv, "NF3", "SAP2")), 2);
	assert_non_null(json_object_get(pv->props->entities, ".ane:AS1"));
	alto_pv_free(pv);
	alto_netmap_free(map);
}

/* ---- errors, events ---- */

static void test_errors(void **state)
{
	char text[512], *body;
	json_t *json;

	assert_int_equal(ask(named("-costs", "domains"), "{}"), -EINVAL);
	json = alto_error_json(&error);
	body = json_dumps(json, 0);
	alto_error_parse(body, strlen(body), error.status, &err);
	assert_int_equal(err.code, -EINVAL);
	if (strncmp(err.want, "the server answers HTTP 400: E_", 31) != 0 || !err.field[0])
		fail_msg("%s", err_text(&err, text, sizeof(text)));
	free(body);
	json_decref(json);
}

struct seen {
	unsigned int controls, maps, costs;
	struct alto_netmap *map;
};

static int each(void *arg, const struct alto_event *event)
{
	struct seen *s = arg;
	struct alto_event_name name;
	struct alto_costmap *costs = NULL;
	json_t *json = NULL;

	assert_int_equal(alto_event_name(event->type, &name), 0);
	if (name.media == ALTO_MEDIA_UPDATESTREAMCONTROL) {
		fine(alto_control_parse(event->data, event->len, &json, &err), "control");
		json_decref(json);
		s->controls++;
	} else if (name.media == ALTO_MEDIA_NETWORKMAP) {
		fine(alto_netmap_parse(event->data, event->len, "domains", &s->map, &err), "map");
		assert_string_equal(name.substream, "1");
		s->maps++;
	} else {
		const struct alto_costmap_want want = {.map = s->map, .metric = "routingcost"};

		assert_non_null(s->map);
		fine(alto_costmap_parse(event->data, event->len, &want, &costs, &err), "costs");
		assert_string_equal(name.substream, "2");
		alto_costmap_free(costs);
		s->costs++;
	}
	return 0;
}

/* RFC 8895, 5: control first, then the map, then what depends on it. */
static void test_update_stream(void **state)
{
	struct alto_contents *contents = alto_contents_new(NULL);
	const struct alto_stream_conf conf = {.contents = contents,
					      .all = all,
					      .base = "https://alto.example",
					      .path = "/alto/updates/1"};
	const char *params = small_request(ALTO_UPDATE_STREAM);
	struct alto_out out = {.max = 1u << 20};
	struct alto_events *events = alto_events_new();
	struct alto_stream *stream = NULL;
	struct alto_adds *adds = NULL;
	struct seen seen = {0};

	assert_int_equal(alto_adds_new(&conf, NULL, params, strlen(params), &adds, &error), 0);
	while (alto_adds_step(adds, &error) == -EAGAIN)
		;
	assert_int_equal(alto_stream_new(&conf, adds, &out, &stream, &error), 0);
	alto_adds_free(adds);
	alto_stream_keepalive(&out);
	assert_int_equal(alto_events_feed(events, out.data, out.len, each, &seen), 0);
	assert_int_equal(seen.controls, 1);
	assert_int_equal(seen.maps, 1);
	assert_int_equal(seen.costs, 1);
	alto_netmap_free(seen.map);
	alto_events_free(events);
	alto_stream_free(stream);
	alto_contents_free(contents);
	alto_out_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_directory_lists_every_resource),
		cmocka_unit_test(test_client_finds_what_it_needs),
		cmocka_unit_test(test_network_maps),
		cmocka_unit_test(test_cost_maps),
		cmocka_unit_test(test_filtered_cost_maps),
		cmocka_unit_test(test_costs_of_another_map_are_refused),
		cmocka_unit_test(test_endpoint_costs),
		cmocka_unit_test(test_property_maps),
		cmocka_unit_test(test_path_vectors),
		cmocka_unit_test(test_service_graph),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_update_stream),
	};

	return cmocka_run_group_tests(tests, open_server, close_server);
}
