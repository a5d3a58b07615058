/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much of an answer is taken: the most is, one more is not. */
#include "client_test.h"

static json_t *map_of(const char *member, json_t *value, const char *mode)
{
	return json_pack("{s:{s:{s:s,s:s},s:[{s:s,s:s}],s:{s:s,s:s}},s:o}", "meta", "vtag",
			 "resource-id", "net", "tag", "t1", "dependent-vtags", "resource-id", "net",
			 "tag", "t1", "cost-type", "cost-mode", mode, "cost-metric", "x", member,
			 value);
}

/* {"p0": value, ...}, all of them the same value, which is taken. */
static json_t *object_of(unsigned int n, json_t *value)
{
	json_t *obj = json_object();
	char name[16];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "p%u", i);
		assert_int_equal(json_object_set_nocheck(obj, name, value), 0);
	}
	json_decref(value);
	return obj;
}

static json_t *array_of(unsigned int n, json_t *value)
{
	json_t *array = json_array();

	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(json_array_append(array, value), 0);
	json_decref(value);
	return array;
}

static void test_body(void **state)
{
	const char *type = "multipart/related;type=application/alto-costmap+json;boundary=b";
	struct alto_netmap *map = NULL;
	struct alto_pv *pv = NULL;

	REFUSED(alto_netmap_parse("{}", ALTO_BODY_MAX + 1, NULL, &map, &err), -EFBIG,
		"must have at most 67108864 bytes");
	REFUSED(alto_pv_parse("", ALTO_BODY_MAX + 1, type, NULL, false, &pv, &err), -EFBIG,
		"must have at most 67108864 bytes");
}

/* What takes little room as text and much as values. */
static void test_values(void **state)
{
	const unsigned int n = ALTO_CLIENT_VALUES_MAX / 9; /* "[]," counts as 9 */
	char *text = malloc(3 * n + 16), *end = text;
	struct alto_netmap *map = NULL;

	end = stpcpy(end, "{\"a\":[");
	for (unsigned int i = 0; i < n; i++)
		end = stpcpy(end, "[],");
	strcpy(end, "0]}");
	REFUSED(alto_netmap_parse(text, strlen(text), NULL, &map, &err), -EFBIG,
		"must have at most 16777216 values (objects and arrays count as 8)");
	free(text);
}

/* Commas and braces within strings are no values. */
static void test_values_within_strings(void **state)
{
	const size_t n = ALTO_CLIENT_VALUES_MAX + 1;
	char *text = malloc(n + 64), *end;
	struct alto_netmap *map = NULL;

	end = stpcpy(text, "{\"a\\\"[\":\"");
	memset(end, ',', n);
	strcpy(end + n, "\\\\\"}");
	REFUSED(alto_netmap_parse(text, strlen(text), NULL, &map, &err), -EINVAL,
		"/meta: is missing");
	free(text);
}

/* What patches made of an object has the same limits as a text. */
static void test_weight_of_an_object(void **state)
{
	json_t *root = json_pack("{s:[i,i],s:s}", "a", 1, 2, "b", "x,[\"{");
	json_t *large = json_object(), *many;
	char *text = json_dumps(root, JSON_COMPACT);
	size_t bytes = 0;

	assert_int_equal(alto_client_weigh(root, &bytes, &err), 0);
	assert_int_equal(bytes, strlen(text));
	free(text);
	text = malloc(ALTO_BODY_MAX / 2 + 1);
	memset(text, 'x', ALTO_BODY_MAX / 2);
	text[ALTO_BODY_MAX / 2] = '\0';
	json_object_set_new(large, "a", json_string_nocheck(text));
	assert_int_equal(alto_client_weigh(large, &bytes, &err), 0);
	json_object_set(large, "b", json_object_get(large, "a"));
	REFUSED(alto_client_weigh(large, &bytes, &err), -EFBIG, "must have at most 67108864 bytes");
	free(text);
	many = array_of(ALTO_CLIENT_VALUES_MAX / 9 - 2, json_array());
	json_object_clear(large);
	json_object_set(large, "a", many);
	assert_int_equal(alto_client_weigh(large, &bytes, &err), 0);
	for (int i = 0; i < 4; i++)
		json_array_append_new(many, json_array());
	REFUSED(alto_client_weigh(large, &bytes, &err), -EFBIG,
		"must have at most 16777216 values (objects and arrays count as 8)");
	json_decref(many);
	json_decref(large);
	json_decref(root);
}

static int check_netmap(json_t *pids)
{
	struct alto_netmap *map = NULL;
	int rc = alto_netmap_check(map_of("network-map", pids, "x"), NULL, &map, &err);

	alto_netmap_free(map);
	return rc;
}

static void test_pids(void **state)
{
	assert_int_equal(check_netmap(object_of(ALTO_CLIENT_PIDS_MAX, json_object())), 0);
	REFUSED(check_netmap(object_of(ALTO_CLIENT_PIDS_MAX + 1, json_object())), -ENOSPC,
		"/network-map: has 131073 PIDs, at most 131072");
}

static json_t *prefixes(unsigned int n)
{
	json_t *array = json_array();
	char text[32];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "%u.%u.%u.0/24", 1 + (i >> 16), i >> 8 & 255, i & 255);
		json_array_append_new(array, json_string_nocheck(text));
	}
	return json_pack("{s:{s:o}}", "a", "ipv4", array);
}

static void test_prefixes(void **state)
{
	assert_int_equal(check_netmap(prefixes(ALTO_CLIENT_PREFIXES_MAX)), 0);
	REFUSED(check_netmap(prefixes(ALTO_CLIENT_PREFIXES_MAX + 1)), -ENOSPC,
		"/network-map/a: has more than 1048576 prefixes");
}

static int check_costs(json_t *costs, const char *mode)
{
	const struct alto_costmap_want want = {0};
	struct alto_costmap *map = NULL;
	int rc = alto_costmap_check(map_of("cost-map", costs, mode), &want, &map, &err);

	alto_costmap_free(map);
	return rc;
}

static void test_costs(void **state)
{
	const unsigned int n = 2048;
	json_t *costs = object_of(n, object_of(n, json_integer(1)));

	assert_int_equal(n * n, ALTO_CLIENT_CELLS_MAX);
	assert_int_equal(check_costs(json_incref(costs), "numerical"), 0);
	json_object_set_new(costs, "q", json_pack("{s:i}", "p", 1));
	REFUSED(check_costs(costs, "numerical"), -ENOSPC,
		"/cost-map/q: comes after 4194304 costs, the most taken");
}

static void test_names_in_path_vectors(void **state)
{
	const unsigned int n = 2047;
	json_t *vector = array_of(n, json_string("A"));

	assert_int_equal(
		check_costs(json_pack("{s:o}", "a", object_of(2047, json_incref(vector))), "array"),
		0);
	REFUSED(check_costs(json_pack("{s:o}", "a", object_of(2049, vector)), "array"), -ENOSPC,
		"/cost-map/a/p2047: comes after 4194304 costs, the most taken");
}

static json_t *entities(unsigned int n)
{
	json_t *obj = json_object(), *empty = json_object();
	char name[32];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "d:p%u", i);
		json_object_set_nocheck(obj, name, empty);
	}
	json_decref(empty);
	return obj;
}

static int check_props(json_t *props)
{
	struct alto_propmap *map = NULL;
	int rc = alto_propmap_check(map_of("property-map", props, "x"), NULL, &map, &err);

	alto_propmap_free(map);
	return rc;
}

static void test_entities(void **state)
{
	char name[256];

	assert_int_equal(check_props(entities(ALTO_CLIENT_ENTITIES_MAX)), 0);
	REFUSED(check_props(entities(ALTO_CLIENT_ENTITIES_MAX + 1)), -ENOSPC,
		"/property-map: has 524289 entities, at most 524288");
	memset(name, 'a', 201);
	strcpy(name + 201, "");
	name[1] = ':';
	assert_int_equal(check_props(json_pack("{s:{}}", name)), -EINVAL);
	name[200] = '\0';
	assert_int_equal(check_props(json_pack("{s:{}}", name)), 0);
	assert_int_equal(check_props(json_pack("{s:{s:i}}", "a:b", name + 99, 1)), -EINVAL);
	assert_int_equal(check_props(json_pack("{s:{s:i}}", "a:b", name + 100, 1)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_body),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_weight_of_an_object),
		cmocka_unit_test(test_values_within_strings),
		cmocka_unit_test(test_pids),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_costs),
		cmocka_unit_test(test_names_in_path_vectors),
		cmocka_unit_test(test_entities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
