/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client_test.h"

/* ---- an answer as RFC 9275, 8.2 shows it ---- */

#define TYPE "multipart/related; boundary=example-2; type=application/alto-costmap+json"
#define MAP_VTAG "{'resource-id': 'my-map', 'tag': 't1'}"
#define PV_VTAG "{'resource-id': 'pv.costmap', 'tag': 'd1'}"
#define COSTS                                                                                      \
	"{'meta': {'vtag': " PV_VTAG ", 'dependent-vtags': [" MAP_VTAG "],\r\n"                    \
	"  'cost-type': {'cost-mode': 'array', 'cost-metric': 'ane-path'}},\r\n"                   \
	" 'cost-map': {'PID1': {'PID2': ['NET1', 'L1', 'NET2'], 'PID1': []}}}"
#define PROPS_META "'meta': {'dependent-vtags': [" PV_VTAG "]}"
#define PROPS                                                                                      \
	"{" PROPS_META ", 'property-map': {'.ane:NET1': {'max-reservable-bandwidth': 50000000},"   \
	" '.ane:L1': {}, '.ane:NET2': {}}}"
#define ID1 "Content-ID: <costmap@alto.example.com>\r\n"
#define ID2 "Content-ID: <propmap@alto.example.com>\r\n"
#define CT1 "Content-Type: application/alto-costmap+json\r\n"
#define CT2 "Content-Type: application/alto-propmap+json\r\n"
#define PART1 "--example-2\r\n" ID1 CT1 "\r\n" COSTS
#define PART2 "--example-2\r\n" ID2 CT2 "\r\n" PROPS
#define END "\r\n--example-2--\r\n"
#define WHOLE PART1 "\r\n" PART2 END

static struct alto_netmap *pids;

static int with_netmap(void **state)
{
	const char *text = q("{'meta': {'vtag': " MAP_VTAG "}, 'network-map': {'PID1': {}, "
			     "'PID2': {}}}");

	return alto_netmap_parse(text, strlen(text), NULL, &pids, &err);
}

static int without_netmap(void **state)
{
	alto_netmap_free(pids);
	return 0;
}

static int parse(const char *text, const char *type, struct alto_pv **out)
{
	return alto_pv_parse(q(text), strlen(text), type, pids, false, out, &err);
}

static void accepts(const char *text, const char *type)
{
	struct alto_pv *pv = NULL;
	double bandwidth = 0;

	if (parse(text, type, &pv))
		fail_msg("%s %s %s", err.field, err.value, err.want);
	assert_string_equal(pv->costs->metric, "ane-path");
	assert_int_equal(
		json_array_size(json_object_get(json_object_get(pv->costs->costs, "PID1"), "PID2")),
		3);
	assert_true(alto_propmap_number(pv->props, ".ane:NET1", "max-reservable-bandwidth",
					&bandwidth));
	assert_float_equal(bandwidth, 50000000, 0);
	alto_pv_free(pv);
}

static void refuses_type(const char *text, const char *type, const char *want)
{
	struct alto_pv *pv = NULL;

	REFUSED(parse(text, type, &pv), -EINVAL, want);
	assert_null(pv);
}

static void refuses(const char *text, const char *want)
{
	refuses_type(text, TYPE, want);
}

static void test_rfc9275_7_2_6_answer(void **state)
{
	accepts(WHOLE, TYPE);
	accepts("preamble\r\n--example\r\n" WHOLE "epilogue", TYPE);
	accepts(PART1 "\r\n" PART2 "\r\n--example-2--", TYPE);
}

static void test_rfc2046_line_ends_and_padding(void **state)
{
	accepts("--example-2 \t\nContent-ID:<costmap@a>\ncontent-type: "
		"application/alto-costmap+json;charset=utf-8\nX-Other: 1\n\n" COSTS
		"\n--example-2\n" ID2 CT2 "Content-Transfer-Encoding: 8BIT\n\n" PROPS
		"\n--example-2-- \n",
		TYPE);
}

static void test_rfc2387_parameters(void **state)
{
	accepts(WHOLE, "Multipart/Related;type=\"application/alto-costmap+json\"; "
		       "x=\"; boundary=no\"; Boundary=\"example-2\"");
	accepts(PART2 "\r\n" PART1 END, TYPE "; start=\"<costmap@alto.example.com>\"");
	accepts(WHOLE, TYPE "; start=<costmap@alto.example.com>");
	refuses_type(WHOLE, TYPE "; start=\"<other@alto.example.com>\"",
		     "/Content-Type/start: is <other@alto.example.com>, must be the Content-ID of "
		     "a part");
	refuses_type(WHOLE, "multipart/related; type=application/alto-costmap+json",
		     "/Content-Type: is multipart/related; type=application/alto-costmap+json, "
		     "must have a boundary of 1..70 characters");
	refuses_type(WHOLE, "application/alto-costmap+json",
		     "/Content-Type: is application/alto-costmap+json, must be multipart/related "
		     "with type=application/alto-costmap+json or "
		     "type=application/alto-endpointcost+json");
	refuses_type(WHOLE, "multipart/related; boundary=example-2",
		     "/Content-Type: is multipart/related; boundary=example-2, must be "
		     "multipart/related with type=application/alto-costmap+json or "
		     "type=application/alto-endpointcost+json");
}

static void test_half_a_multipart(void **state)
{
	refuses("", "/parts: holds no line with the boundary");
	refuses("--example-2", "/parts: a line with the boundary must hold nothing else");
	refuses("--example-2\r\n", "/parts: the text ends in part 1, before the closing boundary");
	refuses("--example-2--", "/parts: has 0, must have 2 parts");
	refuses(PART1, "/parts: the text ends in part 1, before the closing boundary");
	refuses(PART1 END, "/parts: has 1, must have 2 parts");
	refuses(PART1 "\r\n" PART2, "/parts: the text ends in part 2, before the closing boundary");
	refuses(PART1 "\r\n" PART2 "\r\n--example-2",
		"/parts: a line with the boundary must hold nothing else");
	refuses(PART1 "\r\n--example-2junk\r\n" ID2 CT2 "\r\n" PROPS END,
		"/parts: a line with the boundary must hold nothing else");
	refuses(PART1 "\r\n" PART2 "\r\n--example-2-",
		"/parts: a line with the boundary must hold nothing else");
}

/* No prefix of an answer is an answer. */
static void test_cut_anywhere(void **state)
{
	const char *text = q(WHOLE);
	size_t len = strlen(WHOLE);
	struct alto_pv *pv = NULL;

	for (size_t n = 0; n < len - 2; n++) {
		char *copy = malloc(n + 1);

		memcpy(copy, text, n);
		assert_int_equal(alto_pv_parse(copy, n, TYPE, pids, false, &pv, &err), -EINVAL);
		free(copy);
	}
	assert_null(pv);
}

static void test_exactly_two_parts(void **state)
{
	refuses(PART1 "\r\n" PART2 "\r\n" PART2 END, "/parts: has more than 2 parts, must have 2");
	refuses(PART1 "\r\n" PART1 END,
		"/parts/1/Content-ID: is <costmap@alto.example.com>, must not be that of the other "
		"part");
}

static void test_part_headers(void **state)
{
	refuses("--example-2\r\n" CT1 "\r\n" COSTS "\r\n" PART2 END,
		"/parts/0/Content-ID: is missing");
	refuses(PART1 "\r\n--example-2\r\n" ID2 "\r\n" PROPS END,
		"/parts/1/Content-Type: is missing");
	refuses("--example-2\r\n" ID1 ID1 CT1 "\r\n" COSTS "\r\n" PART2 END,
		"/parts/0/Content-ID: stands there twice");
	refuses("--example-2\r\n" ID1 CT1 CT1 "\r\n" COSTS "\r\n" PART2 END,
		"/parts/0/Content-Type: stands there twice");
	refuses("--example-2\r\n" ID1 CT1 PART2 END,
		"/parts/0: has no empty line behind its headers");
	refuses("--example-2\r\n" ID1 CT1 COSTS "\r\n" PART2 END,
		"/parts/0: has a line among its headers that is no header");
	refuses("--example-2\r\n" ID1 " folded\r\n" CT1 "\r\n" COSTS "\r\n" PART2 END,
		"/parts/0: has a line among its headers that is no header");
	refuses("--example-2\r\n" ID1 CT1 "Content-Transfer-Encoding: base64\r\n\r\n" COSTS
		"\r\n" PART2 END,
		"/parts/0/Content-Transfer-Encoding: is base64, must be 7bit, 8bit or binary");
}

#define WANT_ID "must be <PART@DOMAIN>, PART 1..64 of A-Z a-z 0-9 : @ _ -"

static void refuses_id(const char *id)
{
	char text[4096], want[256];

	snprintf(text, sizeof(text),
		 "--example-2\r\nContent-ID: %s\r\n" CT1 "\r\n" COSTS "\r\n" PART2 END, id);
	snprintf(want, sizeof(want), "/parts/0/Content-ID: %s%s%s" WANT_ID, *id ? "is " : "", id,
		 *id ? ", " : "");
	refuses(text, want);
}

static void test_rfc9275_6_6_content_id(void **state)
{
	refuses_id("costmap");
	refuses_id("<costmap>");
	refuses_id("costmap@alto.example.com");
	refuses_id("<@alto.example.com>");
	refuses_id("<costmap@>");
	refuses_id("<cost map@a>");
	refuses_id("<cost.map@a>");
	refuses_id("");
	refuses_id("<a123456789012345678901234567890123456789012345678901234567890123x@a>");
}

static void test_part_media_types(void **state)
{
	refuses("--example-2\r\n" ID1 "Content-Type: text/plain\r\n\r\n" COSTS "\r\n" PART2 END,
		"/parts/0/Content-Type: is text/plain, must be a media type of ALTO");
	refuses("--example-2\r\n" ID1 CT2 "\r\n" COSTS "\r\n" PART2 END,
		"/parts/0/Content-Type: is application/alto-propmap+json, must be "
		"application/alto-costmap+json");
	refuses(PART1 "\r\n--example-2\r\n" ID2 CT1 "\r\n" PROPS END,
		"/parts/1/Content-Type: is application/alto-costmap+json, must be "
		"application/alto-propmap+json");
	refuses_type(WHOLE,
		     "multipart/related; boundary=example-2; "
		     "type=application/alto-endpointcost+json",
		     "/parts/0/Content-Type: is application/alto-costmap+json, must be "
		     "application/alto-endpointcost+json");
}

/* ---- what the parts say of each other ---- */

#define HEAD1 "--example-2\r\n" ID1 CT1 "\r\n"
#define HEAD2 "--example-2\r\n" ID2 CT2 "\r\n"
#define COSTS_OF(vtag, vtags, type)                                                                \
	"{'meta': {" vtag "'dependent-vtags': [" vtags "], 'cost-type': " type "}, 'cost-map': {}}"
#define ANE_TYPE "{'cost-mode': 'array', 'cost-metric': 'ane-path'}"

static void test_vtag_names_the_part(void **state)
{
	refuses(HEAD1 COSTS_OF("", MAP_VTAG, ANE_TYPE) "\r\n" PART2 END,
		"/parts/0/meta/vtag: is missing");
	refuses(HEAD1 COSTS_OF("'vtag': {'resource-id': 'pv.other', 'tag': 'd1'}, ", MAP_VTAG,
			       ANE_TYPE) "\r\n" PART2 END,
		"/parts/0/meta/vtag/resource-id: is pv.other, must be RESOURCE.costmap, as "
		"Content-ID says");
	refuses(HEAD1 COSTS_OF("'vtag': {'resource-id': '.costmap', 'tag': 'd1'}, ", MAP_VTAG,
			       ANE_TYPE) "\r\n" PART2 END,
		"/parts/0/meta/vtag/resource-id: is .costmap, must be RESOURCE.costmap, as "
		"Content-ID says");
}

static void test_first_part_is_checked_as_a_cost_map(void **state)
{
	struct alto_pv *pv = NULL;
	const char *stale = HEAD1 COSTS_OF("", "{'resource-id': 'my-map', 'tag': 't0'}",
					   ANE_TYPE) "\r\n" PART2 END;

	REFUSED(parse(stale, TYPE, &pv), -ESTALE,
		"/parts/0/meta/dependent-vtags/0/tag: is t0, must be t1: my-map has changed");
	refuses(HEAD1 COSTS_OF(
			"", MAP_VTAG,
			"{'cost-mode': 'numerical', 'cost-metric': 'ane-path'}") "\r\n" PART2 END,
		"/parts/0/meta/cost-type/cost-mode: is numerical, must be array, as asked for");
	refuses(HEAD1 "{'meta': {'dependent-vtags': [" MAP_VTAG "], 'cost-type': " ANE_TYPE
		      "}, 'cost-map': {'PID1': {'PID2': 3}}}\r\n" PART2 END,
		"/parts/0/cost-map/PID1/PID2: is 3, must be an array of ANE names: 1..64 of A-Z "
		"a-z 0-9 : @ _ -");
	refuses(HEAD1 "{'meta': {'dependent-vtags': [" MAP_VTAG "], 'cost-type': " ANE_TYPE
		      "}, 'cost-map': {'PID1': {'PID7': []}}}\r\n" PART2 END,
		"/parts/0/cost-map/PID1: is PID7, is no PID of network map my-map, tag t1");
	assert_null(pv);
}

static void test_second_part_depends_on_the_first(void **state)
{
	refuses(PART1 "\r\n" HEAD2 "{'meta': {'dependent-vtags': [{'resource-id': 'pv.propmap', "
		      "'tag': 'd1'}]}, 'property-map': {}}" END,
		"/parts/1/meta/dependent-vtags: must have the other part's version tag: "
		"pv.costmap, d1");
	refuses(PART1 "\r\n" HEAD2 "{'property-map': {}}" END,
		"/parts/1/meta/dependent-vtags: must have the other part's version tag: "
		"pv.costmap, d1");
	refuses(PART1 "\r\n" HEAD2 "{'meta': {'dependent-vtags': [{'resource-id': 'pv.costmap', "
		      "'tag': 'd0'}]}, 'property-map': {}}" END,
		"/parts/1/meta/dependent-vtags: must have the other part's version tag: "
		"pv.costmap, d1");
	refuses(PART1 "\r\n" HEAD2 "{'meta': {'dependent-vtags': [" MAP_VTAG "]}, "
		      "'property-map': {}}" END,
		"/parts/1/meta/dependent-vtags: must have the other part's version tag: "
		"pv.costmap, d1");
	accepts(PART1 "\r\n" HEAD2 "{'meta': {'dependent-vtags': [{'resource-id': 'props', 'tag': "
		      "'p'}, " PV_VTAG "]}, 'property-map': {'.ane:NET1': "
		      "{'max-reservable-bandwidth': 50000000, 'persistent-entity-id': "
		      "'props.ane:L1'}, '.ane:L1': {}, '.ane:NET2': {}}}" END,
		TYPE);
}

static void test_entities_are_exactly_the_anes(void **state)
{
	refuses(PART1 "\r\n" HEAD2 "{" PROPS_META
		      ", 'property-map': {'.ane:NET1': {}, '.ane:L1': {}}}" END,
		"/parts/1/property-map: is .ane:NET2, is missing: the path vectors name it");
	refuses(PART1 "\r\n" HEAD2 "{" PROPS_META ", 'property-map': {'.ane:NET1': {}, "
		      "'.ane:L1': {}, '.ane:NET2': {}, '.ane:L2': {}}}" END,
		"/parts/1/property-map: is .ane:L2, is no ANE that the path vectors name");
	refuses(PART1 "\r\n" HEAD2 "{" PROPS_META ", 'property-map': {'.ane:NET1': {}, "
		      "'.ane:L1': {}, '.ane:NET2': {}, 'my-map.pid:PID1': {}}}" END,
		"/parts/1/property-map: is my-map.pid:PID1, is no ANE that the path vectors name");
}

/* ---- endpoints (RFC 9275, 7.3.6), service graphs ---- */

static void test_rfc9275_7_3_6_endpoints(void **state)
{
	static const char type[] = "multipart/related; boundary=b; "
				   "type=application/alto-endpointcost+json";
	const char *text =
		"--b\r\nContent-ID: <ecs@a>\r\n"
		"Content-Type: application/alto-endpointcost+json\r\n\r\n"
		"{'meta': {'vtag': {'resource-id': 'epv.ecs', 'tag': 'x'}, 'cost-type': " ANE_TYPE
		"}, 'endpoint-cost-map': {'ipv4:192.0.2.34': {'ipv4:192.0.2.2': ['A1']}}}\r\n"
		"--b\r\n" ID2 CT2 "\r\n{'meta': {'dependent-vtags': [{'resource-id': 'epv.ecs', "
		"'tag': 'x'}]}, 'property-map': {'.ane:A1': {}}}\r\n--b--\r\n";
	struct alto_pv *pv = NULL;

	assert_int_equal(parse(text, type, &pv), 0);
	alto_pv_free(pv);
}

#define SG_COSTS(costs)                                                                            \
	"{'meta': {'vtag': " PV_VTAG ", 'dependent-vtags': [" MAP_VTAG "], 'cost-type': " ANE_TYPE \
	"}, 'cost-map': {'SAP1': {'SAP2': " costs "}}}"

static int parse_sg(const char *costs, const char *entities)
{
	struct alto_pv *pv = NULL;
	char text[4096];
	int rc;

	snprintf(text, sizeof(text),
		 HEAD1 SG_COSTS("%s") "\r\n" HEAD2 "{" PROPS_META ", 'property-map': {%s}}" END,
		 costs, entities);
	rc = alto_pv_parse(q(text), strlen(text), TYPE, pids, true, &pv, &err);
	alto_pv_free(pv);
	return rc;
}

static void test_service_graph(void **state)
{
	assert_int_equal(parse_sg("{'SAP1': {'NF1': [['AS1'], ['AS1', 'AS2']]}, "
				  "'NF1': {'SAP2': [['AS1', 'AS2']]}}",
				  "'.ane:AS1': {}, '.ane:AS2': {'nf': ['x']}"),
			 0);
	REFUSED(parse_sg("{'SAP1': {'NF1': ['AS1']}}", "'.ane:AS1': {}"), -EINVAL,
		"/parts/0/cost-map/SAP1/SAP2/SAP1/NF1/0: is \"AS1\", must be an array of ANE "
		"names: 1..64 of A-Z a-z 0-9 : @ _ -");
	REFUSED(parse_sg("['AS1']", "'.ane:AS1': {}"), -EINVAL,
		"/parts/0/cost-map/SAP1/SAP2: is [\"AS1\"], must be an object");
	REFUSED(parse_sg("{'a': {'b': {}}}", ""), -EINVAL,
		"/parts/0/cost-map/SAP1/SAP2/a/b: is {}, must be an array of path vectors");
	REFUSED(parse_sg("{'a': {'b c': []}}", ""), -EINVAL,
		"/parts/0/cost-map/SAP1/SAP2/a: is b c, is no node's name: must be 1..64 of A-Z "
		"a-z 0-9 : @ _ -");
	REFUSED(parse_sg("{'a b': {}}", ""), -EINVAL,
		"/parts/0/cost-map/SAP1/SAP2: is a b, is no node's name: must be 1..64 of A-Z a-z "
		"0-9 : @ _ -");
	REFUSED(parse_sg("{'a': {'b': [[1]]}}", ""), -EINVAL,
		"/parts/0/cost-map/SAP1/SAP2/a/b/0: is [1], must be an array of ANE names: 1..64 "
		"of A-Z a-z 0-9 : @ _ -");
	REFUSED(parse_sg("{'a': []}", ""), -EINVAL,
		"/parts/0/cost-map/SAP1/SAP2/a: is [], must be an object");
	REFUSED(parse_sg("{'a': {'b': [['AS1']]}}", ""), -EINVAL,
		"/parts/1/property-map: is .ane:AS1, is missing: the path vectors name it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc9275_7_2_6_answer),
		cmocka_unit_test(test_rfc2046_line_ends_and_padding),
		cmocka_unit_test(test_rfc2387_parameters),
		cmocka_unit_test(test_half_a_multipart),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_exactly_two_parts),
		cmocka_unit_test(test_part_headers),
		cmocka_unit_test(test_rfc9275_6_6_content_id),
		cmocka_unit_test(test_part_media_types),
		cmocka_unit_test(test_vtag_names_the_part),
		cmocka_unit_test(test_first_part_is_checked_as_a_cost_map),
		cmocka_unit_test(test_second_part_depends_on_the_first),
		cmocka_unit_test(test_entities_are_exactly_the_anes),
		cmocka_unit_test(test_rfc9275_7_3_6_endpoints),
		cmocka_unit_test(test_service_graph),
	};

	return cmocka_run_group_tests(tests, with_netmap, without_netmap);
}
