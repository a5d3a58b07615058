/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Path vectors (RFC 9275): multipart answers, ANEs and their properties. */
#include "alto/client.h"
#include "alto/multipart.h"
#include "pv_rig.h"

static struct pv_rig rig;

static int setup(void **state)
{
	pv_rig_golden(&rig);
	return 0;
}

static int teardown(void **state)
{
	pv_rig_free(&rig);
	return 0;
}

#define TYPE "\"cost-type\":{\"cost-mode\":\"array\",\"cost-metric\":\"ane-path\"}"
#define PIDS(srcs, dsts) "\"pids\":{\"srcs\":" srcs ",\"dsts\":" dsts "}"
#define ENDPOINTS(srcs, dsts) "\"endpoints\":{\"srcs\":" srcs ",\"dsts\":" dsts "}"
#define NAMES(names) "\"ane-property-names\":[" names "]"

static void costs_are(const char *id, const char *body, const char *member, const char *want)
{
	json_t *costs;

	pv_parts(&rig, id, body, &costs, NULL);
	pv_same(pv_member(costs, member), want);
}

static void props_are(const char *body, const char *want)
{
	json_t *props;

	pv_parts(&rig, "domains-pv", body, NULL, &props);
	pv_same(pv_member(props, "property-map"), want);
}

/* ---- the message ---- */

/* RFC 9275, 7.2.6: type, boundary; each part with Content-ID and Content-Type, root first. */
static void test_message(void **state)
{
	char headers[512];

	assert_int_equal(
		pv_ask(&rig, "domains-pv", "{" TYPE "," PIDS("[\"AS1\"]", "[\"AS3\"]") "}"), 0);
	assert_int_equal(rig.reply.media, ALTO_MEDIA_PV_COSTMAP);
	assert_ptr_equal(strstr(rig.reply.content_type, "multipart/related;boundary=alto-"),
			 rig.reply.content_type);
	assert_non_null(strstr(rig.reply.content_type, ";type=application/alto-costmap+json"));
	json_decref(pv_part(&rig, 0, headers));
	assert_string_equal(headers, "Content-ID: <costmap@alto.example.com>\r\n"
				     "Content-Type: application/alto-costmap+json");
	json_decref(pv_part(&rig, 1, headers));
	assert_string_equal(headers, "Content-ID: <propmap@alto.example.com>\r\n"
				     "Content-Type: application/alto-propmap+json");
	assert_string_equal(rig.reply.out.data + rig.reply.out.len - 4, "--\r\n");
}

/* RFC 9275, 7.2.6: vtag "<resource>.<part>", one dependent vtag, the property map depends on the
 * first part. */
static void test_tags(void **state)
{
	json_t *costs, *props, *meta;

	pv_parts(&rig, "domains-pv", "{" TYPE "," PIDS("[]", "[]") "}", &costs, &props);
	meta = json_object_get(costs, "meta");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(meta, "vtag"), "resource-id")),
		"domains-pv.costmap");
	pv_same(json_incref(json_object_get(meta, "cost-type")),
		"{\"cost-mode\":\"array\",\"cost-metric\":\"ane-path\"}");
	assert_int_equal(json_array_size(json_object_get(meta, "dependent-vtags")), 1);
	assert_string_equal(
		json_string_value(json_object_get(
			json_array_get(json_object_get(meta, "dependent-vtags"), 0), "tag")),
		pv_source(&rig)->map_tag);
	meta = json_object_get(json_object_get(props, "meta"), "dependent-vtags");
	assert_int_equal(json_array_size(meta), 1);
	assert_true(json_equal(json_array_get(meta, 0),
			       json_object_get(json_object_get(costs, "meta"), "vtag")));
	json_decref(costs);
	json_decref(props);
}

/* The same content has the same tag, another has another; the name of the server counts not. */
static void test_tag_is_of_the_content(void **state)
{
	char tag[ALTO_TAG_LEN];

	pv_ask(&rig, "domains-pv", "{" TYPE "," PIDS("[\"AS1\"]", "[\"AS3\"]") "}");
	strcpy(tag, rig.reply.tag);
	assert_true(alto_tag_valid(tag));
	pv_ask(&rig, "domains-pv", "{" PIDS("[\"AS1\",\"AS1\"]", "[\"AS3\",\"X\"]") "," TYPE "}");
	assert_string_equal(tag, rig.reply.tag);
	pv_ask(&rig, "domains-pv", "{" TYPE "," PIDS("[\"AS1\"]", "[\"AS2\"]") "}");
	assert_string_not_equal(tag, rig.reply.tag);
}

/* RFC 9275, 7.2.6 and our own client: it takes what the server says. */
static void test_our_client_takes_it(void **state)
{
	static const char *const bodies[] = {
		"{" TYPE "," PIDS("[]", "[]") "," NAMES(
			"\"max-reservable-bandwidth\",\"persistent-entity-id\",\"cpu\"") "}",
		"{" TYPE "," PIDS("[\"AS9\"]", "[]") "}",
		"{" TYPE ",\"sg\":{\"nfs\":[\"NF1\"],\"saps\":[\"SAP1\"],\"sg_links\":[{\"id\":1,"
		"\"src-node\":\"SAP1\",\"dst-node\":\"NF1\"}],\"reqs\":[{\"id\":1,"
		"\"src-node\":\"SAP1\",\"dst-node\":\"NF1\",\"sg-path\":[1]}]}}",
	};

	for (int i = 0; i < 3; i++) {
		struct alto_netmap *map = NULL;
		struct alto_pv *pv = NULL;
		struct err err;

		assert_int_equal(pv_ask(&rig, "domains", NULL), 0);
		assert_int_equal(alto_netmap_parse(rig.reply.out.data, rig.reply.out.len, "domains",
						   &map, &err),
				 0);
		assert_int_equal(pv_ask(&rig, "domains-pv", bodies[i]), 0);
		if (alto_pv_parse(rig.reply.out.data, rig.reply.out.len, rig.reply.content_type,
				  map, i == 2, &pv, &err))
			fail_msg("%s: %s %s", bodies[i], err.field, err.want);
		alto_pv_free(pv);
		alto_netmap_free(map);
	}
}

/* ---- boundary ---- */

static void part_text(struct alto_part *part, const char *text)
{
	*part = (struct alto_part){.id = "p", .body.max = 1024};
	alto_puts(&part->body, text);
}

/* A text that holds what the digest would give is not cut in two. */
static void test_boundary_is_in_no_part(void **state)
{
	char boundary[ALTO_BOUNDARY_LEN];
	struct alto_part parts[2];

	part_text(&parts[0], "{\"alto-abc-0\":1}");
	part_text(&parts[1], "[\"--alto-abc\"]");
	alto_boundary(parts, 2, "xyz", boundary);
	assert_string_equal(boundary, "alto-xyz");
	alto_boundary(parts, 2, "abc", boundary);
	assert_string_equal(boundary, "alto-abc-1");
	alto_out_fini(&parts[0].body);
	alto_out_fini(&parts[1].body);
}

/* RFC 9275, 6.6: DOMAIN-NAME is a dot-atom. */
static void test_host_is_a_dot_atom(void **state)
{
	static const char *const hosts[] = {"pe1",  "a.b-c.d_e", NULL, "",	    "a b",
					    "a..b", ".a",	 "a.", "a>\r\nX: y"};
	struct alto_part parts[2];
	char want[64];

	part_text(&parts[0], "{}");
	part_text(&parts[1], "{}");
	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		struct alto_reply reply = {.out.max = 4096};

		assert_int_equal(alto_multipart_put(parts, 2, hosts[i], &reply), 0);
		snprintf(want, sizeof(want), "\r\nContent-ID: <p@%s>\r\n",
			 i < 2 ? hosts[i] : "localhost");
		assert_non_null(strstr(reply.out.data, want));
		alto_out_fini(&reply.out);
	}
	alto_out_fini(&parts[0].body);
	alto_out_fini(&parts[1].body);
}

static void test_failed_parts(void **state)
{
	struct alto_reply reply = {.out.max = 4096};
	struct alto_part parts[2];

	part_text(&parts[0], "{}");
	part_text(&parts[1], "{}");
	parts[1].body.failed = -EFBIG;
	assert_int_equal(alto_multipart_put(parts, 2, "h", &reply), -EFBIG);
	parts[1].body.failed = 0;
	reply.out.max = 100;
	assert_int_equal(alto_multipart_put(parts, 2, "h", &reply), -EFBIG);
	alto_out_fini(&parts[0].body);
	alto_out_fini(&parts[1].body);
	alto_out_fini(&reply.out);
}

/* ---- paths of PIDs ---- */

/* RFC 7285, 11.3.2.3: empty is all, twice is once, unknown is not there. */
static void test_pids(void **state)
{
	costs_are("domains-pv",
		  "{" TYPE "," PIDS("[\"AS1\",\"AS1\",\"X\"]", "[\"AS3\",\"AS1\"]") "}", "cost-map",
		  "{\"AS1\":{\"AS1\":[\"AS1\"],\"AS3\":[\"AS1\",\"AS2\",\"AS3\"]}}");
	costs_are("domains-pv", "{" TYPE "," PIDS("[\"X\"]", "[]") "}", "cost-map", "{}");
	costs_are("domains-pv", "{" TYPE "," PIDS("[\"default\"]", "[\"AS1\"]") "}", "cost-map",
		  "{}");
	costs_are("domains-pv", "{" TYPE "}", "cost-map",
		  "{\"AS1\":{\"AS1\":[\"AS1\"],\"AS2\":[\"AS1\",\"AS2\"],"
		  "\"AS3\":[\"AS1\",\"AS2\",\"AS3\"]},"
		  "\"AS2\":{\"AS1\":[\"AS2\",\"AS1\"],\"AS2\":[\"AS2\"],\"AS3\":[\"AS2\",\"AS3\"]},"
		  "\"AS3\":{\"AS1\":[\"AS3\",\"AS2\",\"AS1\"],\"AS2\":[\"AS3\",\"AS2\"],"
		  "\"AS3\":[\"AS3\"]},\"default\":{\"default\":[\"default\"]}}");
}

/* RFC 9275, 7.2.3 and 7.2.6: exactly the ANEs of the first part; without names, no properties. */
static void test_exactly_the_anes_that_are_named(void **state)
{
	props_are("{" TYPE "," PIDS("[\"AS1\"]", "[\"AS2\"]") "}",
		  "{\".ane:AS1\":{},\".ane:AS2\":{}}");
	props_are("{" TYPE
		  "," PIDS("[\"AS1\"]", "[\"AS1\"]") "," NAMES("\"port\",\"cpu\",\"cpu\"") "}",
		  "{\".ane:AS1\":{\"cpu\":[50],\"port\":[\"SAP1\"]}}");
	props_are("{" TYPE "," PIDS("[\"X\"]", "[]") "}", "{}");
}

/* RFC 9275, 6.4.1: bit/s, the least of a path is what it carries; links are ANEs, too. */
static void test_bandwidth(void **state)
{
	const char *body =
		"{" TYPE
		"," PIDS("[\"AS1\"]", "[\"AS3\"]") "," NAMES("\"max-reservable-bandwidth\"") "}";

	costs_are("domains-pv", body, "cost-map",
		  "{\"AS1\":{\"AS3\":[\"AS1\",\"AS1-AS2\",\"AS2\",\"AS2-AS3\",\"AS3\"]}}");
	props_are(body, "{\".ane:AS1\":{\"max-reservable-bandwidth\":1000000000},"
			"\".ane:AS2\":{\"max-reservable-bandwidth\":1000000000},"
			"\".ane:AS3\":{\"max-reservable-bandwidth\":400000000},"
			"\".ane:AS1-AS2\":{\"max-reservable-bandwidth\":1000000000},"
			"\".ane:AS2-AS3\":{\"max-reservable-bandwidth\":400000000}}");
}

/* Unknown is not zero: it is left out. Names of links never are those of PIDs. */
static void test_bandwidth_unknown_and_names(void **state)
{
	static const char body[] = "{" TYPE "," PIDS("[\"A\"]", "[\"C\",\"D-E\"]") "," NAMES(
		"\"max-reservable-bandwidth\"") "}";

	pv_rig_free(&rig);
	pv_rig_json(&rig, "{\"domains\":{\"A\":{},\"B\":{\"transit\":true},"
			  "\"C\":{\"transit\":true},\"A-B\":{},\"D-E\":{},"
			  "\"link:3\":{}},\"links\":{"
			  "\"A/B\":{\"routingcost\":1,\"max-reservable-bandwidth\":0},"
			  "\"B/C\":{\"routingcost\":1},\"C/D-E\":{\"routingcost\":1,"
			  "\"max-reservable-bandwidth\":7}}}");
	costs_are("domains-pv", body, "cost-map",
		  "{\"A\":{\"C\":[\"A\",\"link:0\",\"B\",\"B-C\",\"C\"],"
		  "\"D-E\":[\"A\",\"link:0\",\"B\",\"B-C\",\"C\",\"link:4\",\"D-E\"]}}");
	props_are(body, "{\".ane:A\":{\"max-reservable-bandwidth\":0},"
			"\".ane:B\":{\"max-reservable-bandwidth\":0},"
			"\".ane:C\":{\"max-reservable-bandwidth\":7},"
			"\".ane:D-E\":{\"max-reservable-bandwidth\":7},"
			"\".ane:link:0\":{\"max-reservable-bandwidth\":0},\".ane:B-C\":{},"
			"\".ane:link:4\":{\"max-reservable-bandwidth\":7}}");
	costs_are("domains-pv",
		  "{" TYPE
		  "," PIDS("[\"D-E\"]", "[\"C\"]") "," NAMES("\"max-reservable-bandwidth\"") "}",
		  "cost-map", "{\"D-E\":{\"C\":[\"D-E\",\"link:5\",\"C\"]}}");
}

/* Of links that come and of links that go. */
static void test_bandwidth_of_directed_links(void **state)
{
	pv_rig_free(&rig);
	pv_rig_json(&rig, "{\"domains\":{\"A\":{},\"B\":{\"transit\":true},\"C\":{}},\"links\":{"
			  "\"A/B\":{\"routingcost\":1,\"max-reservable-bandwidth\":5,"
			  "\"directed\":true},"
			  "\"B/C\":{\"routingcost\":1,\"max-reservable-bandwidth\":9,"
			  "\"directed\":true},"
			  "\"C/A\":{\"max-reservable-bandwidth\":99,\"directed\":true}}}");
	props_are("{" TYPE
		  "," PIDS("[\"A\"]", "[\"C\"]") "," NAMES("\"max-reservable-bandwidth\"") "}",
		  "{\".ane:A\":{\"max-reservable-bandwidth\":5},"
		  "\".ane:B\":{\"max-reservable-bandwidth\":9},"
		  "\".ane:C\":{\"max-reservable-bandwidth\":9},"
		  "\".ane:A-B\":{\"max-reservable-bandwidth\":5},"
		  "\".ane:B-C\":{\"max-reservable-bandwidth\":9}}");
}

/* RFC 9275, 6.4.2: an entity that can be asked for in the map that is named; whose tag is told. */
static void test_persistent_entities(void **state)
{
	json_t *props, *vtag, *map;

	pv_parts(&rig, "domains-pv",
		 "{" TYPE
		 "," PIDS("[\"AS2\"]", "[\"AS2\"]") "," NAMES("\"persistent-entity-id\"") "}",
		 NULL, &props);
	vtag = json_array_get(json_object_get(json_object_get(props, "meta"), "dependent-vtags"),
			      1);
	assert_string_equal(json_string_value(json_object_get(vtag, "resource-id")),
			    "domains-props-filtered");
	assert_string_equal(json_string_value(json_object_get(vtag, "tag")),
			    pv_source(&rig)->prop_tag);
	map = pv_json(&rig, "domains-props-filtered",
		      "{\"entities\":[\".ane:AS2\"],\"properties\":[\"cpu\"]}");
	assert_true(json_equal(vtag, json_object_get(json_object_get(map, "meta"), "vtag")));
	pv_same(pv_member(map, "property-map"), "{\".ane:AS2\":{\"cpu\":[10]}}");
	pv_same(pv_member(props, "property-map"),
		"{\".ane:AS2\":{\"persistent-entity-id\":\"domains-props-filtered.ane:AS2\"}}");
}

/* RFC 9275, 7.2.4 */
static void test_announced_names(void **state)
{
	struct alto_out o = {.max = 4096};

	alto_pv_put_names(&o, pv_source(&rig));
	pv_same(pv_body(o.data, o.len), "[\"max-reservable-bandwidth\",\"persistent-entity-id\","
					"\"cpu\",\"entry-point\",\"mem\",\"nf\",\"port\","
					"\"storage\"]");
	alto_out_fini(&o);
}

/* ---- endpoints ---- */

/* RFC 9275, 7.3: the same of endpoints; no map to depend on; names as the client wrote them. */
static void test_endpoints(void **state)
{
	const char *body = "{" TYPE "," ENDPOINTS(
		"[\"ipv4:10.1.0.1\",\"ipv4:10.1.5.1\",\"ipv4:10.1.0.1\"]",
		"[\"ipv6:2001:db8:2:0:0::1\",\"ipv4:10.1.0.2\"]") "," NAMES("\"mem\"") "}";
	json_t *costs, *props, *meta;

	pv_parts(&rig, "domains-endpoint-pv", body, &costs, &props);
	assert_int_equal(rig.reply.media, ALTO_MEDIA_PV_ENDPOINTCOST);
	assert_non_null(strstr(rig.reply.content_type, ";type=application/alto-endpointcost+json"));
	meta = json_object_get(costs, "meta");
	assert_null(json_object_get(meta, "dependent-vtags"));
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(meta, "vtag"), "resource-id")),
		"domains-endpoint-pv.costmap");
	pv_same(pv_member(costs, "endpoint-cost-map"),
		"{\"ipv4:10.1.0.1\":{\"ipv6:2001:db8:2:0:0::1\":[\"AS1\",\"AS2\"],"
		"\"ipv4:10.1.0.2\":[\"AS1\"]},"
		"\"ipv4:10.1.5.1\":{\"ipv6:2001:db8:2:0:0::1\":[\"AS3\",\"AS2\"],"
		"\"ipv4:10.1.0.2\":[\"AS3\",\"AS2\",\"AS1\"]}}");
	pv_same(pv_member(props, "property-map"),
		"{\".ane:AS1\":{\"mem\":[60]},\".ane:AS2\":{\"mem\":[20]},"
		"\".ane:AS3\":{\"mem\":[90]}}");
}

/* RFC 7285, 11.5.1.3: an empty side is the client. */
static void test_client_is_an_endpoint(void **state)
{
	assert_int_equal(alto_endpoint_parse("ipv4:10.3.0.9", &rig.client), 0);
	costs_are("domains-endpoint-pv", "{" TYPE "," ENDPOINTS("[]", "[\"ipv4:10.2.0.1\"]") "}",
		  "endpoint-cost-map", "{\"ipv4:10.3.0.9\":{\"ipv4:10.2.0.1\":[\"AS3\",\"AS2\"]}}");
}

/* ---- refused ---- */

static void test_refused(void **state)
{
	pv_refused(&rig, "domains-pv", "{" TYPE ",\"ane-property-names\":\"cpu\"}",
		   "{\"code\":\"E_INVALID_FIELD_TYPE\",\"field\":\"ane-property-names\","
		   "\"why\":\"must be an array of strings\"}");
	pv_refused(
		&rig, "domains-pv", "{" TYPE "," NAMES("\"cpu\",\"gpu\"") "}",
		"{\"code\":\"E_INVALID_FIELD_VALUE\",\"field\":\"ane-property-names\","
		"\"value\":\"gpu\",\"why\":\"must be a property that this resource announces\"}");
	pv_refused(&rig, "domains-pv", "{" TYPE ",\"or-constraints\":[]}",
		   "{\"code\":\"E_INVALID_FIELD_VALUE\",\"field\":\"or-constraints\","
		   "\"why\":\"must not be there: path vectors take none\"}");
	pv_refused(&rig, "domains-pv", "{\"multi-cost-types\":[]}",
		   "{\"code\":\"E_MISSING_FIELD\",\"field\":\"cost-type\"}");
	pv_refused(&rig, "domains-endpoint-pv", "{" TYPE "}",
		   "{\"code\":\"E_MISSING_FIELD\",\"field\":\"endpoints\"}");
	pv_refused(&rig, "domains-endpoint-pv", "{" TYPE ",\"sg\":{}}",
		   "{\"code\":\"E_MISSING_FIELD\",\"field\":\"endpoints\"}");
}

/* 1025 * 1025 path vectors are more than one answer has. */
static void test_limit_of_pairs(void **state)
{
	struct alto_builder *b = NULL;
	char name[16];
	uint32_t id;

	pv_rig_free(&rig);
	assert_int_equal(alto_builder_new("domains", &b), 0);
	for (int i = 0; i < 1024; i++) {
		snprintf(name, sizeof(name), "P%d", i);
		assert_int_equal(alto_builder_pid(b, name, true, &id), 0);
	}
	pv_rig_use(&rig, b);
	pv_refused(&rig, "domains-pv", "{" TYPE "}",
		   "{\"code\":\"E_INVALID_FIELD_VALUE\",\"field\":\"pids\","
		   "\"why\":\"asks for more than 1048576 path vectors\"}");
}

/* What the first part says does not depend on the order of the sources, nor does its tag. */
static void test_sources_come_in_the_order_of_their_pids(void **state)
{
	static const char *const srcs[] = {
		"[\"ipv4:10.3.0.1\",\"ipv4:10.1.0.1\",\"ipv4:10.3.0.2\"]",
		"[\"ipv4:10.1.0.1\",\"ipv4:10.3.0.1\",\"ipv4:10.3.0.2\"]"};
	json_t *costs[2];
	char body[256];

	for (int i = 0; i < 2; i++) {
		snprintf(body, sizeof(body),
			 "{" TYPE ",\"endpoints\":{\"srcs\":%s,\"dsts\":[\"ipv4:10.2.0.1\"]}}",
			 srcs[i]);
		pv_parts(&rig, "domains-endpoint-pv", body, &costs[i], NULL);
	}
	assert_int_equal(json_object_size(json_object_get(costs[0], "endpoint-cost-map")), 3);
	assert_true(json_equal(costs[0], costs[1]));
	json_decref(costs[0]);
	json_decref(costs[1]);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_message),
		T(test_tags),
		T(test_tag_is_of_the_content),
		T(test_our_client_takes_it),
		cmocka_unit_test(test_boundary_is_in_no_part),
		cmocka_unit_test(test_host_is_a_dot_atom),
		cmocka_unit_test(test_failed_parts),
		T(test_pids),
		T(test_exactly_the_anes_that_are_named),
		T(test_bandwidth),
		T(test_bandwidth_unknown_and_names),
		T(test_bandwidth_of_directed_links),
		T(test_persistent_entities),
		T(test_announced_names),
		T(test_endpoints),
		T(test_client_is_an_endpoint),
		T(test_refused),
		T(test_limit_of_pairs),
		T(test_sources_come_in_the_order_of_their_pids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
