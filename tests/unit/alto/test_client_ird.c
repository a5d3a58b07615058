/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client_test.h"

#define BASE "https://alto.example:8443/alto/directory"

/* Of the shape of RFC 7285, 9.2.3. */
static const char directory[] =
	"{'meta': {'cost-types': {"
	"  'num-routing': {'cost-mode': 'numerical', 'cost-metric': 'routingcost',"
	"                  'description': 'My default'},"
	"  'num-delay-p95': {'cost-mode': 'numerical', 'cost-metric': 'delay-ow:p95'},"
	"  'num-delay': {'cost-mode': 'numerical', 'cost-metric': 'delay-ow'},"
	"  'ord-routing': {'cost-mode': 'ordinal', 'cost-metric': 'routingcost'}},"
	"  'default-alto-network-map': 'my-map', 'new-member': [1]},"
	" 'resources': {"
	"  'odd': {'uri': 'odd', 'media-type': 'application/alto-costmap+json',"
	"          'accepts': 'text/x', 'uses': ['my-map']},"
	"  'odder': {'uri': 'odder', 'media-type': 'application/x'},"
	"  'my-map': {'uri': '/networkmap', 'media-type': 'application/alto-networkmap+json'},"
	"  'cost': {'uri': 'costmap/num', 'media-type': 'application/alto-costmap+json',"
	"           'capabilities': {'cost-type-names': ['num-routing']}, 'uses': ['my-map']},"
	"  'ord': {'uri': 'costmap/ord', 'media-type': 'application/alto-costmap+json',"
	"          'capabilities': {'cost-type-names': ['ord-routing']}, 'uses': ['my-map']},"
	"  'p95': {'uri': 'costmap/p95', 'media-type': 'application/alto-costmap+json',"
	"          'capabilities': {'cost-type-names': ['num-delay-p95']}, 'uses': ['my-map']},"
	"  'filtered': {'uri': 'costmap/f', 'media-type': 'application/alto-costmap+json',"
	"   'accepts': 'application/alto-costmapfilter+json', 'uses': ['my-map'],"
	"   'capabilities': {'cost-constraints': true, 'cost-type-names':"
	"    ['num-delay-p95', 'num-delay', 'num-routing']}},"
	"  'other': {'uri': 'http-less', 'media-type': 'application/x', 'accepts': 'text/x'},"
	"  'pv': {'uri': 'pv', 'media-type': 'multipart/related;type=application/alto-costmap+json',"
	"   'accepts': 'application/alto-costmapfilter+json', 'uses': ['my-map']},"
	"  'sub': {'uri': 'https://sub.example/dir',"
	"          'media-type': 'application/alto-directory+json'}}}";

static struct alto_ird *parsed(const char *text)
{
	struct alto_ird *ird = NULL;

	if (alto_ird_parse(q(text), strlen(text), BASE, &ird, &err))
		fail_msg("%s %s %s", err.field, err.value, err.want);
	return ird;
}

static void test_rfc7285_9_2_directory(void **state)
{
	struct alto_ird *ird = parsed(directory);
	const struct alto_ird_entry *e = alto_ird_find(ird, "filtered");

	assert_int_equal(ird->n, 10);
	assert_string_equal(ird->default_map, "my-map");
	assert_string_equal(e->uri, "https://alto.example:8443/alto/costmap/f");
	assert_int_equal(e->media, ALTO_MEDIA_COSTMAP);
	assert_int_equal(e->accepts, ALTO_MEDIA_COSTMAPFILTER);
	assert_true(alto_ird_uses(e, "my-map"));
	assert_false(alto_ird_uses(e, "cost"));
	assert_string_equal(alto_ird_find(ird, "my-map")->uri,
			    "https://alto.example:8443/networkmap");
	assert_string_equal(alto_ird_find(ird, "sub")->uri, "https://sub.example/dir");
	assert_int_equal(alto_ird_find(ird, "pv")->media, ALTO_MEDIA_PV_COSTMAP);
	assert_null(alto_ird_find(ird, "cos"));
	alto_ird_free(ird);
}

static void test_unknown_media_type_is_kept(void **state)
{
	struct alto_ird *ird = parsed(directory);
	const struct alto_ird_entry *e = alto_ird_find(ird, "other");
	const struct alto_ird_want want = {.media = ALTO_MEDIA_MAX, .accepts = ALTO_MEDIA_MAX};

	assert_int_equal(e->media, ALTO_MEDIA_MAX);
	assert_string_equal(e->media_text, "application/x");
	assert_string_equal(e->accepts_text, "text/x");
	assert_null(alto_ird_pick(ird, &want, NULL));
	alto_ird_free(ird);
}

static void picks(const struct alto_ird *ird, struct alto_ird_want want, const char *id,
		  const char *metric)
{
	struct alto_ird_type type;
	const struct alto_ird_entry *e = alto_ird_pick(ird, &want, &type);

	if (!id) {
		assert_null(e);
		return;
	}
	assert_non_null(e);
	assert_string_equal(e->id, id);
	assert_string_equal(type.metric, metric);
}

#define GET_COST .media = ALTO_MEDIA_COSTMAP, .accepts = ALTO_MEDIA_MAX
#define POST_COST .media = ALTO_MEDIA_COSTMAP, .accepts = ALTO_MEDIA_COSTMAPFILTER
#define WANT(...) ((struct alto_ird_want){__VA_ARGS__})

static void test_pick(void **state)
{
	struct alto_ird *ird = parsed(directory);

	picks(ird, WANT(GET_COST), "cost", "routingcost");
	picks(ird, WANT(GET_COST, .metric = "routingcost", .mode = "ordinal"), "ord",
	      "routingcost");
	picks(ird, WANT(GET_COST, .metric = "delay-ow", .uses = "my-map"), "p95", "delay-ow:p95");
	picks(ird, WANT(POST_COST, .metric = "delay-ow"), "filtered", "delay-ow");
	picks(ird, WANT(POST_COST), "filtered", "delay-ow:p95");
	picks(ird, WANT(POST_COST, .metric = "delay"), NULL, NULL);
	picks(ird, WANT(POST_COST, .mode = "ordinal"), NULL, NULL);
	picks(ird, WANT(GET_COST, .after = "cost"), "ord", "routingcost");
	picks(ird, WANT(GET_COST, .after = "p95"), NULL, NULL);
	picks(ird, WANT(GET_COST, .uses = "cost"), NULL, NULL);
	alto_ird_free(ird);
}

static void test_pick_tells_constraints_and_mode(void **state)
{
	struct alto_ird *ird = parsed(directory);
	struct alto_ird_want get = WANT(GET_COST), post = WANT(POST_COST);
	struct alto_ird_type type;

	assert_non_null(alto_ird_pick(ird, &post, &type));
	assert_true(type.constraints);
	assert_string_equal(type.mode, "numerical");
	assert_non_null(alto_ird_pick(ird, &get, &type));
	assert_false(type.constraints);
	alto_ird_free(ird);
}

/* ---- what is refused ---- */

static void refuses(const char *text, int code, const char *want)
{
	struct alto_ird *ird = NULL;

	REFUSED(alto_ird_parse(q(text), strlen(text), BASE, &ird, &err), code, want);
	assert_null(ird);
}

#define RESOURCE(members)                                                                           \
	"{'resources': {'a': {'uri': '/x', 'media-type': 'application/alto-costmap+json', " members \
	"}}}"
#define URI(uri) "{'resources': {'a': {'uri': '" uri "', 'media-type': 'a/b'}}}"

static void test_refuses_syntax(void **state)
{
	refuses("{'resources': {}", -EINVAL, "line 1, column 16: '}' expected near end of file");
	refuses("[]", -EINVAL, "is [], must be an object");
	refuses("{}", -EINVAL, "/resources: is missing");
	refuses("{'resources': []}", -EINVAL, "/resources: is [], must be an object");
	refuses("{'resources': {'a': 1}}", -EINVAL, "/resources/a: is 1, must be an object");
	refuses("{'meta': 1, 'resources': {}}", -EINVAL, "/meta: is 1, must be an object");
}

static void test_refuses_duplicate_members(void **state)
{
	refuses("{'resources': {'a': {}, 'a': {}}}", -EINVAL,
		"line 1, column 27: duplicate object key near '\"a\"'");
}

static void test_refuses_dangling_names(void **state)
{
	refuses(RESOURCE("'uses': ['b']"), -EINVAL,
		"/resources/a/uses/0: is b, is no resource of this directory");
	refuses(RESOURCE("'uses': 'b'"), -EINVAL, "/resources/a/uses: is \"b\", must be an array");
	refuses(RESOURCE("'uses': [1]"), -EINVAL, "/resources/a/uses/0: is 1, must be a string");
	refuses(RESOURCE("'capabilities': {'cost-type-names': ['n']}"), -EINVAL,
		"/resources/a/capabilities/cost-type-names/0: is n, is not in /meta/cost-types");
	refuses(RESOURCE("'capabilities': {'testable-cost-type-names': ['n']}"), -EINVAL,
		"/resources/a/capabilities/testable-cost-type-names/0: is n, is not in "
		"/meta/cost-types");
	refuses("{'meta': {'default-alto-network-map': 'm'}, 'resources': {}}", -EINVAL,
		"/meta/default-alto-network-map: is m, is no network map of this directory");
	refuses("{'meta': {'default-alto-network-map': 'a'}, "
		"'resources': {'a': {'uri': '/x', 'media-type': 'a/b'}}}",
		-EINVAL,
		"/meta/default-alto-network-map: is a, is no network map of this directory");
}

/* Who looks for one goes through all of them, once a stream and metric. */
static void test_refuses_names_that_stand_twice(void **state)
{
	refuses("{'meta': {'cost-types': {'n': {'cost-mode': 'numerical', 'cost-metric': 'x'}}}, "
		"'resources': {'a': {'uri': '/x', 'media-type': 'a/b', "
		"'capabilities': {'cost-type-names': ['n', 'n']}}}}",
		-EINVAL,
		"/resources/a/capabilities/cost-type-names/1: is n, must be there once only");
	refuses(RESOURCE("'uses': ['a', 'a']"), -EINVAL,
		"/resources/a/uses/1: is a, must be there once only");
}

static void test_refuses_uris(void **state)
{
	refuses(URI("ftp://x/y"), -EINVAL,
		"/resources/a/uri: is ftp://x/y, must be an http or https URI");
	refuses(URI("file:///etc/passwd"), -EINVAL,
		"/resources/a/uri: is file:///etc/passwd, must be an http or https URI");
	refuses(URI("http://alto.example/x"), -EINVAL,
		"/resources/a/uri: is http://alto.example/x, must be https, as the directory is");
	refuses(URI("https:///x"), -EINVAL, "/resources/a/uri: is https:///x, must name a host");
	refuses(URI("https://u:p@h/x"), -EINVAL,
		"/resources/a/uri: is https://u:p@h/x, must have no user name");
	refuses(URI("a b"), -EINVAL, "/resources/a/uri: is a b, must be a URI");
	refuses("{'resources': {'a': {'media-type': 'a/b'}}}", -EINVAL,
		"/resources/a/uri: is missing");
	refuses("{'resources': {'a': {'uri': '/x'}}}", -EINVAL,
		"/resources/a/media-type: is missing");
	refuses(RESOURCE("'accepts': 1"), -EINVAL, "/resources/a/accepts: is 1, must be a string");
}

static void test_refuses_names(void **state)
{
	refuses("{'resources': {'a b': {}}}", -EINVAL,
		"/resources: is a b, is no resource ID: 1..64 of A-Z a-z 0-9 : @ _ - .");
	refuses("{'meta': {'cost-types': {'n': {'cost-mode': 'numerical'}}}, 'resources': {}}",
		-EINVAL, "/meta/cost-types/n/cost-metric: is missing");
	refuses("{'meta': {'cost-types': {'n': {'cost-mode': '', 'cost-metric': 'x'}}}}", -EINVAL,
		"/meta/cost-types/n/cost-mode: must have 1..32 characters");
	refuses("{'meta': {'cost-types': {'n': {'cost-mode': 'numerical', 'cost-metric': "
		"'a234567890123456789012345678901234'}}}}",
		-EINVAL,
		"/meta/cost-types/n/cost-metric: is a234567890123456789012345678901234, must be a "
		"metric of 1..32 characters");
}

static void test_limit_of_cost_types(void **state)
{
	json_t *types = json_object();
	json_t *root = json_pack("{s:{s:o},s:{}}", "meta", "cost-types", types, "resources");
	struct alto_ird *ird = NULL;
	char id[16], *text;

	for (int i = 0; i < ALTO_CLIENT_COST_TYPES_MAX; i++) {
		snprintf(id, sizeof(id), "t%d", i);
		json_object_set_new(types, id,
				    json_pack("{s:s,s:s}", "cost-mode", "numerical", "cost-metric",
					      "routingcost"));
	}
	text = json_dumps(root, 0);
	assert_int_equal(alto_ird_parse(text, strlen(text), BASE, &ird, &err), 0);
	alto_ird_free(ird);
	free(text);
	json_object_set_new(types, "more", json_object());
	text = json_dumps(root, 0);
	REFUSED(alto_ird_parse(text, strlen(text), BASE, &ird, &err), -ENOSPC,
		"/meta/cost-types: has 257 cost types, at most 256");
	free(text);
	json_decref(root);
}

static void test_limit_of_resources(void **state)
{
	json_t *root = json_pack("{s:{}}", "resources"), *all = json_object_get(root, "resources");
	struct alto_ird *ird = NULL;
	char id[16], *text;

	for (int i = 0; i < ALTO_RESOURCES_MAX; i++) {
		snprintf(id, sizeof(id), "r%d", i);
		json_object_set_new(all, id,
				    json_pack("{s:s,s:s}", "uri", id, "media-type", "a/b"));
	}
	text = json_dumps(root, 0);
	assert_int_equal(alto_ird_parse(text, strlen(text), BASE, &ird, &err), 0);
	alto_ird_free(ird);
	free(text);
	json_object_set_new(all, "more", json_object());
	text = json_dumps(root, 0);
	REFUSED(alto_ird_parse(text, strlen(text), BASE, &ird, &err), -ENOSPC,
		"/resources: has 1025 entries, at most 1024");
	free(text);
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc7285_9_2_directory),
		cmocka_unit_test(test_unknown_media_type_is_kept),
		cmocka_unit_test(test_pick),
		cmocka_unit_test(test_pick_tells_constraints_and_mode),
		cmocka_unit_test(test_refuses_syntax),
		cmocka_unit_test(test_refuses_duplicate_members),
		cmocka_unit_test(test_refuses_dangling_names),
		cmocka_unit_test(test_refuses_names_that_stand_twice),
		cmocka_unit_test(test_refuses_uris),
		cmocka_unit_test(test_refuses_names),
		cmocka_unit_test(test_limit_of_cost_types),
		cmocka_unit_test(test_limit_of_resources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
