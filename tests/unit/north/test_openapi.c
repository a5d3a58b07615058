/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The description holds every route and method of the router, and nothing else. */
#include "north/rest.h"
#include "unit/north/rig.h"

static const char *const methods[] = {"get", "put", "patch", "delete", "post"};

/* "/alto/{resource*}" is "/alto/{resource}" there. */
static const json_t *item_of(const json_t *paths, const char *pattern)
{
	char key[128], *star;

	snprintf(key, sizeof(key), "%s", pattern);
	star = strchr(key, '*');
	if (star)
		memmove(star, star + 1, strlen(star));
	return json_object_get(paths, key);
}

static void test_every_route(void **state)
{
	struct answer a;
	const json_t *paths;
	size_t n;
	const struct route *routes = rest_routes(&n);

	assert_int_equal(rig_call(*state, "GET /v1/openapi.json", NULL, &a), 200);
	assert_string_equal(text_at(a.json, "openapi"), "3.1.0");
	paths = json_object_get(a.json, "paths");
	assert_int_equal(json_object_size(paths), n);
	for (size_t i = 0; i < n; i++) {
		const json_t *item = item_of(paths, routes[i].pattern);
		size_t members = json_object_get(item, "parameters") != NULL;

		assert_non_null(item);
		assert_int_equal(members, strchr(routes[i].pattern, '{') != NULL);
		for (int m = 0; m < REST_METHOD_MAX; m++) {
			const json_t *op = json_object_get(item, methods[m]);

			assert_int_equal(op != NULL, routes[i].on[m].handle != NULL);
			members += op != NULL;
			assert_int_equal(json_object_get(op, "requestBody") != NULL,
					 routes[i].on[m].body != BODY_NONE);
			assert_int_equal(json_object_get(op, "parameters") != NULL,
					 (routes[i].on[m].paged || routes[i].on[m].query));
		}
		assert_int_equal(json_object_size(item), members);
	}
	answer_free(&a);
}

/* Every path of it exists for a client, and no operation has the name of another. */
static void test_reachable(void **state)
{
	json_t *ids = json_object(), *item, *op;
	const char *pattern, *method;
	char request[256];
	struct answer a;

	assert_int_equal(rig_call(*state, "GET /v1/openapi.json", NULL, &a), 200);
	json_object_foreach(json_object_get(a.json, "paths"), pattern, item) {
		snprintf(request, sizeof(request), "TRACE %s", pattern);
		for (char *p = request; *p; p++)
			*p = *p == '{' || *p == '}' ? '1' : *p;
		assert_int_equal(rig_status(*state, request, NULL), 405);
		json_object_foreach(item, method, op) {
			const char *id = text_at(op, "operationId");

			if (json_is_array(op))
				continue;
			assert_true(id[0] && !json_object_get(ids, id));
			json_object_set_new(ids, id, json_true());
		}
	}
	json_decref(ids);
	answer_free(&a);
}

static void check_refs(const json_t *root, const json_t *value)
{
	const json_t *ref = json_object_get(value, "$ref"), *inner;
	const char *name;
	json_t *member;
	size_t i;

	if (ref) {
		inner = json_object_get(json_object_get(root, "components"), "schemas");
		name = strrchr(json_string_value(ref), '/') + 1;
		assert_non_null(json_object_get(inner, name));
	}
	json_object_foreach((json_t *)value, name, member)
		check_refs(root, member);
	json_array_foreach(value, i, member)
		check_refs(root, member);
}

static void test_references(void **state)
{
	struct answer a;

	assert_int_equal(rig_call(*state, "GET /v1/openapi.json", NULL, &a), 200);
	assert_true(json_object_size(
			    json_object_get(json_object_get(a.json, "components"), "schemas")) > 5);
	check_refs(a.json, a.json);
	answer_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_route),
		cmocka_unit_test(test_reachable),
		cmocka_unit_test(test_references),
	};

	return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
