/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Property maps (RFC 9240): whole, filtered, blocks of addresses, what is refused. */
#include "pv_rig.h"

static struct pv_rig rig;

static int setup(void **state)
{
	json_t *def = golden("domains");
	struct alto_builder *b = pv_builder(def);

	alto_builder_endpoint_prop(b, "ipv4:10.1.0.1", "cpu", json_pack("[i]", 16));
	alto_builder_endpoint_prop(b, "ipv4:10.1.0.1", "priv:sand-state", json_pack("[s]", "up"));
	alto_builder_endpoint_prop(b, "ipv6:2001:db8:1::1", "cpu", json_pack("[i]", 8));
	pv_rig_use(&rig, b);
	json_decref(def);
	return 0;
}

static int golden_setup(void **state)
{
	pv_rig_golden(&rig);
	return 0;
}

static int teardown(void **state)
{
	pv_rig_free(&rig);
	return 0;
}

#define MAP "domains-props"
#define FILTERED "domains-props-filtered"

static void filtered_is(const char *body, const char *want)
{
	pv_same(pv_member(pv_json(&rig, FILTERED, body), "property-map"), want);
}

/* ---- whole ---- */

static void test_golden(void **state)
{
	pv_is_golden(pv_json(&rig, MAP, NULL), "propmap");
	assert_int_equal(rig.reply.media, ALTO_MEDIA_PROPMAP);
	assert_string_equal(rig.reply.content_type, "application/alto-propmap+json");
	assert_string_equal(rig.reply.tag, pv_source(&rig)->prop_tag);
}

/* RFC 9240, 7.6: dependent-vtags are those of `uses`, in its order. */
static void test_depends_on_the_network_map(void **state)
{
	for (int i = 0; i < 2; i++) {
		json_t *map = pv_json(&rig, i ? FILTERED : MAP, i ? "{\"entities\":[]}" : NULL);
		json_t *meta = pv_member(map, "meta");
		const json_t *vtags = json_object_get(meta, "dependent-vtags");
		const json_t *vtag = json_array_get(vtags, 0);

		assert_int_equal(json_array_size(vtags), 1);
		assert_string_equal(json_string_value(json_object_get(vtag, "resource-id")),
				    "domains");
		assert_string_equal(json_string_value(json_object_get(vtag, "tag")),
				    pv_source(&rig)->map_tag);
		json_decref(meta);
	}
}

/* RFC 9240, 7.6: values that are inherited are left out of the whole map. */
static void test_whole_map_leaves_out_what_is_inherited(void **state)
{
	json_t *map = pv_member(pv_json(&rig, MAP, NULL), "property-map");

	pv_same(json_incref(json_object_get(map, "ipv4:10.1.0.1")),
		"{\"cpu\":[16],\"priv:sand-state\":[\"up\"]}");
	assert_null(json_object_get(map, ".ane:AS1"));
	json_decref(map);
}

/* ---- filtered ---- */

static void test_entities_and_properties(void **state)
{
	filtered_is("{\"entities\":[\"domains.pid:AS2\",\".ane:AS3\",\"ipv4:10.2.0.7\","
		    "\"ipv4:10.1.0.1\"],\"properties\":[\"nf\",\"cpu\",\"domains.pid\"]}",
		    "{\"domains.pid:AS2\":{\"cpu\":[10],\"nf\":[\"NF2\"]},"
		    "\".ane:AS3\":{\"cpu\":[80],\"nf\":[\"NF1\",\"NF3\"]},"
		    "\"ipv4:10.2.0.7\":{\"domains.pid\":\"AS2\"},"
		    "\"ipv4:10.1.0.1\":{\"cpu\":[16],\"domains.pid\":\"AS1\"}}");
}

/* RFC 9240, 8.3: no entities: all of them; no properties in the list: all of them. */
static void test_empty_lists_are_all(void **state)
{
	json_t *got = pv_member(pv_json(&rig, FILTERED, "{\"entities\":[],\"properties\":[]}"),
				"property-map");

	/* three PIDs, three ANEs, nine prefixes, two addresses */
	assert_int_equal(json_object_size(got), 3 + 3 + 9 + 2);
	pv_same(json_incref(json_object_get(got, "ipv6:2001:db8:1::1")),
		"{\"cpu\":[8],\"domains.pid\":\"AS1\"}");
	pv_same(json_incref(json_object_get(got, "ipv4:10.1.5.0/24")), "{\"domains.pid\":\"AS3\"}");
	json_decref(got);
	filtered_is("{\"entities\":[\".ane:AS2\"],\"properties\":[]}",
		    "{\".ane:AS2\":{\"cpu\":[10],\"entry-point\":"
		    "[\"http://as2.example.net:8888/escape\"],\"mem\":[20],\"nf\":[\"NF2\"],"
		    "\"storage\":[30]}}");
}

/* RFC 9240, 8.3: without `properties`, {} for each entity that has some. */
static void test_absent_properties_are_empty_objects(void **state)
{
	filtered_is("{\"entities\":[\"domains.pid:AS1\",\"domains.pid:default\","
		    "\"domains.pid:AS9\",\"ipv4:10.0.0.0/8\"]}",
		    "{\"domains.pid:AS1\":{},\"ipv4:10.0.0.0/8\":{}}");
}

/* RFC 9240, 8.3: what stands twice counts once; two spellings are one entity. */
static void test_duplicates_count_once(void **state)
{
	filtered_is("{\"entities\":[\"ipv6:2001:db8:1:0::1\",\"ipv6:2001:db8:1::1/128\","
		    "\"domains.pid:AS2\",\"domains.pid:AS2\"],"
		    "\"properties\":[\"cpu\",\"cpu\",\"cpu\"]}",
		    "{\"ipv6:2001:db8:1:0::1\":{\"cpu\":[8]},\"domains.pid:AS2\":{\"cpu\":[10]}}");
}

/* RFC 9240, 8.6: an entity or a property that is not there is no error. */
static void test_undefined_is_no_error(void **state)
{
	filtered_is("{\"entities\":[\"domains.pid:AS9\",\".ane:link:7\",\"domains.pid:AS2\"],"
		    "\"properties\":[\"port\"]}",
		    "{\"domains.pid:AS2\":{}}");
}

/* RFC 9240, 8.6: inherited values are told; and all within a block that has its own. */
static void test_blocks_inherit_and_hold_others(void **state)
{
	filtered_is("{\"entities\":[\"ipv4:10.1.0.0/17\"],\"properties\":[\"domains.pid\"]}",
		    "{\"ipv4:10.1.0.0/17\":{\"domains.pid\":\"AS1\"},"
		    "\"ipv4:10.1.5.0/24\":{\"domains.pid\":\"AS3\"}}");
	filtered_is("{\"entities\":[\"ipv4:10.1.5.128/25\"],\"properties\":[\"domains.pid\"]}",
		    "{\"ipv4:10.1.5.128/25\":{\"domains.pid\":\"AS3\"}}");
	filtered_is("{\"entities\":[\"ipv4:10.1.0.0/16\"],\"properties\":[\"cpu\"]}",
		    "{\"ipv4:10.1.0.0/16\":{},\"ipv4:10.1.0.1\":{\"cpu\":[16]}}");
	filtered_is("{\"entities\":[\"ipv4:10.1.0.0/16\",\"ipv4:10.1.0.0/30\"],"
		    "\"properties\":[\"priv:sand-state\",\"domains.pid\"]}",
		    "{\"ipv4:10.1.0.0/16\":{\"domains.pid\":\"AS1\"},"
		    "\"ipv4:10.1.0.0/30\":{\"domains.pid\":\"AS1\"},"
		    "\"ipv4:10.1.0.1\":{\"domains.pid\":\"AS1\",\"priv:sand-state\":[\"up\"]},"
		    "\"ipv4:10.1.5.0/24\":{\"domains.pid\":\"AS3\"}}");
	filtered_is("{\"entities\":[\"ipv6:2001:db8:2::/47\"],\"properties\":[\"domains.pid\"]}",
		    "{\"ipv6:2001:db8:2::/47\":{\"domains.pid\":\"default\"},"
		    "\"ipv6:2001:db8:2::/48\":{\"domains.pid\":\"AS2\"},"
		    "\"ipv6:2001:db8:3::/48\":{\"domains.pid\":\"AS3\"}}");
}

/* RFC 9240, 7.4: what is announced is what is answered; ANEs in the filtered map only. */
static void test_mappings(void **state)
{
	static const char names[] = "[\"cpu\",\"entry-point\",\"mem\",\"nf\",\"port\",\"storage\"]";
	char want[512];

	for (int i = 0; i < 2; i++) {
		struct alto_out o = {.max = 4096};

		alto_props_put_mappings(&o, alto_resource_named(rig.all, i ? FILTERED : MAP));
		snprintf(want, sizeof(want),
			 "{\"ipv4\":[\"domains.pid\",\"cpu\",\"priv:sand-state\"],"
			 "\"ipv6\":[\"domains.pid\",\"cpu\",\"priv:sand-state\"],"
			 "\"domains.pid\":%s%s%s}",
			 names, i ? ",\".ane\":" : "", i ? names : "");
		pv_same(pv_body(o.data, o.len), want);
		alto_out_fini(&o);
	}
}

/* ---- refused ---- */

#define VALUE(field, value, why)                                                                   \
	"{\"code\":\"E_INVALID_FIELD_VALUE\",\"field\":\"" field "\",\"value\":\"" value           \
	"\",\"why\":\"" why "\"}"
#define ENTITY "must be ipv4:ADDRESS[/LENGTH], ipv6:ADDRESS[/LENGTH], domains.pid:PID or .ane:PID"

static void test_invalid_entities(void **state)
{
	static const char *const bad[] = {
		"sand.pid:AS1",	    "domains.pid",
		"domains.pidx:AS1", "domains.pid:",
		"domains.pid:A S",  "pid:AS1",
		"ipv4:10.1.0.256",  "ipv4:10.1.0.1/24",
		"ipv4:2001:db8::1", "ipv4:10.1.0.0/33",
		"ipv6:10.1.0.1",    "ipv6:2001:db8::/129",
		"ipv5:10.1.0.1",    "ane:AS1",
		".ane:A.S",	    "",
		"domains.ane:AS1",  "/",
	};
	char body[256], want[512];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(body, sizeof(body),
			 "{\"entities\":[\"ipv4:10.1.0.1\",\"%s\"],\"properties\":[]}", bad[i]);
		snprintf(want, sizeof(want),
			 "{\"code\":\"E_INVALID_FIELD_VALUE\",\"field\":\"entities\"%s%s%s,"
			 "\"why\":\"" ENTITY "\"}",
			 bad[i][0] ? ",\"value\":\"" : "", bad[i], bad[i][0] ? "\"" : "");
		pv_refused(&rig, FILTERED, body, want);
	}
}

static void test_invalid_requests(void **state)
{
	pv_refused(&rig, FILTERED, "{}", "{\"code\":\"E_MISSING_FIELD\",\"field\":\"entities\"}");
	pv_refused(&rig, FILTERED, "{\"entities\":\"ipv4:10.1.0.1\"}",
		   "{\"code\":\"E_INVALID_FIELD_TYPE\",\"field\":\"entities\","
		   "\"why\":\"must be an array of strings\"}");
	pv_refused(&rig, FILTERED, "{\"entities\":[1]}",
		   VALUE("entities", "1", "element 0 must be a string"));
	pv_refused(&rig, FILTERED, "{\"entities\":[],\"properties\":{}}",
		   "{\"code\":\"E_INVALID_FIELD_TYPE\",\"field\":\"properties\","
		   "\"why\":\"must be an array of strings\"}");
	pv_refused(&rig, FILTERED, "{\"entities\":[],\"properties\":[\"cpu\",\"sand.pid\"]}",
		   VALUE("properties", "sand.pid",
			 "must be a property that this resource announces, as domains.pid"));
	pv_refused(&rig, FILTERED, "{\"entities\":[],\"properties\":[null]}",
		   VALUE("properties", "null", "element 0 must be a string"));
}

static void test_limit_of_entities(void **state)
{
	const size_t n = ALTO_NAMES_MAX + 1, each = strlen("\"ipv4:10.1.0.1\",");
	char *body = malloc(n * each + 64), *at = body;

	at += sprintf(at, "{\"properties\":[],\"entities\":[");
	for (size_t i = 0; i < n; i++)
		at += sprintf(at, "\"ipv4:10.1.0.1\"%s", i + 1 < n ? "," : "]}");
	pv_refused(&rig, FILTERED, body,
		   "{\"code\":\"E_INVALID_FIELD_VALUE\",\"field\":\"entities\","
		   "\"why\":\"has 131073 elements, must have at most 131072\"}");
	free(body);
}

/* A map without properties: PIDs of addresses still are told. */
static void test_nothing_but_addresses(void **state)
{
	pv_rig_free(&rig);
	pv_rig_json(&rig, "{\"domains\":{\"A\":{\"prefixes\":{\"ipv4\":[\"192.0.2.1/32\"]}}},"
			  "\"links\":{}}");
	pv_same(pv_member(pv_json(&rig, MAP, NULL), "property-map"),
		"{\"ipv4:0.0.0.0/0\":{\"domains.pid\":\"default\"},"
		"\"ipv4:192.0.2.1\":{\"domains.pid\":\"A\"},"
		"\"ipv6:::/0\":{\"domains.pid\":\"default\"}}");
}

/* RFC 9240, 8.6: entities of domains that the resource does not announce are invalid; a source
 * whose PIDs have no properties announces addresses only. */
static void test_domains_that_are_not_announced_are_refused(void **state)
{
	static const char *const bad[] = {"domains.pid:A", ".ane:A"};
	char body[128], want[256];

	pv_rig_free(&rig);
	pv_rig_json(&rig, "{\"domains\":{\"A\":{\"prefixes\":{\"ipv4\":[\"192.0.2.1/32\"]}}},"
			  "\"links\":{}}");
	for (int i = 0; i < 2; i++) {
		snprintf(body, sizeof(body), "{\"entities\":[\"ipv4:192.0.2.1\",\"%s\"]}", bad[i]);
		snprintf(want, sizeof(want),
			 VALUE("entities", "%s",
			       "must be ipv4:ADDRESS[/LENGTH] or ipv6:ADDRESS[/LENGTH]"),
			 bad[i]);
		pv_refused(&rig, FILTERED, body, want);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_golden, golden_setup, teardown),
		T(test_depends_on_the_network_map),
		T(test_whole_map_leaves_out_what_is_inherited),
		T(test_entities_and_properties),
		T(test_empty_lists_are_all),
		T(test_absent_properties_are_empty_objects),
		T(test_duplicates_count_once),
		T(test_undefined_is_no_error),
		T(test_blocks_inherit_and_hold_others),
		T(test_mappings),
		T(test_invalid_entities),
		T(test_invalid_requests),
		T(test_limit_of_entities),
		T(test_nothing_but_addresses),
		T(test_domains_that_are_not_announced_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
