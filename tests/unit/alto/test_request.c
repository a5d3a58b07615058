/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Readers of request bodies: each error of RFC 7285, 8.5.2 with its field. */
#include "rig.h"

static struct alto_error error;

static json_t *body(const char *text)
{
	json_t *obj = NULL;

	assert_int_equal(alto_body(text, strlen(text), &obj, &error), 0);
	return obj;
}

static void syntax(const char *text, const char *want)
{
	json_t *obj = NULL;

	assert_int_equal(alto_body(text, strlen(text), &obj, &error), -EINVAL);
	assert_null(obj);
	assert_int_equal(error.code, ALTO_E_SYNTAX);
	assert_string_equal(error.field, "");
	if (!strstr(error.syntax, want))
		fail_msg("\"%s\" lacks \"%s\"", error.syntax, want);
}

static void test_bodies_that_are_no_json_are_e_syntax(void **state)
{
	syntax("", "line 1");
	syntax("{\"a\": 1,}", "line 1, column 9");
	syntax("{\n\"a\"}", "line 2");
	syntax("{\"a\": 1} x", "line 1");
	syntax("{\"a\": \"\xff\"}", "line 1");
	syntax("[]", "must be a JSON object");
	syntax("7", "must be a JSON object");
	json_decref(body("{\"unknown\": {}}"));
}

static void test_members_that_are_there_twice_are_e_syntax(void **state)
{
	syntax("{\"a\": 1, \"a\": 1}", "duplicate");
	syntax("{\"a\": {\"b\": 1, \"b\": 2}}", "duplicate");
}

static void test_bodies_nested_too_deep_are_e_syntax(void **state)
{
	char text[200] = "{\"a\":";
	size_t at = strlen(text);

	memset(text + at, '[', 100);
	syntax(text, "deeper than 32");
}

static void test_members_of_another_type(void **state)
{
	json_t *obj = body("{\"o\": [], \"s\": 1, \"a\": {}, \"n\": null}"), *value = NULL;
	const char *text = NULL;

	assert_int_equal(alto_get_object(obj, "x/", "o", true, &value, &error), -EINVAL);
	rig_error(&error, "{\"meta\":{\"code\":\"E_INVALID_FIELD_TYPE\",\"field\":\"x/o\","
			  "\"why\":\"must be an object\"}}");
	assert_int_equal(alto_get_string(obj, "", "s", false, &text, &error), -EINVAL);
	rig_error(&error, "{\"meta\":{\"code\":\"E_INVALID_FIELD_TYPE\",\"field\":\"s\","
			  "\"why\":\"must be a string\"}}");
	assert_int_equal(alto_get_strings(obj, "", "a", true, 9, &value, &error), -EINVAL);
	rig_error(&error, "{\"meta\":{\"code\":\"E_INVALID_FIELD_TYPE\",\"field\":\"a\","
			  "\"why\":\"must be an array of strings\"}}");
	assert_int_equal(alto_get_object(obj, "", "n", false, &value, &error), -EINVAL);
	assert_int_equal(error.code, ALTO_E_INVALID_FIELD_TYPE);
	assert_null(value);
	json_decref(obj);
}

static void test_members_that_are_missing(void **state)
{
	json_t *obj = body("{}"), *value = obj;
	const char *text = "";

	assert_int_equal(alto_get_object(obj, "x/", "o", true, &value, &error), -EINVAL);
	rig_error(&error, "{\"meta\":{\"code\":\"E_MISSING_FIELD\",\"field\":\"x/o\"}}");
	assert_int_equal(alto_get_object(obj, "x/", "o", false, &value, &error), 0);
	assert_null(value);
	assert_int_equal(alto_get_string(obj, "", "s", false, &text, &error), 0);
	assert_null(text);
	assert_int_equal(alto_get_strings(obj, "", "a", true, 9, &value, &error), -EINVAL);
	rig_error(&error, "{\"meta\":{\"code\":\"E_MISSING_FIELD\",\"field\":\"a\"}}");
	json_decref(obj);
}

/* RFC 7285, 8.5.2: an element of another type is a wrong value of the array. */
static void test_elements_of_another_type_are_wrong_values_of_the_array(void **state)
{
	json_t *obj = body("{\"a\": [\"x\", {\"y\": 1}], \"b\": [\"1\", \"2\", \"3\"]}"), *value;

	assert_int_equal(alto_get_strings(obj, "p/", "a", true, 9, &value, &error), -EINVAL);
	rig_error(&error, "{\"meta\":{\"code\":\"E_INVALID_FIELD_VALUE\",\"field\":\"p/a\","
			  "\"value\":\"{\\\"y\\\":1}\",\"why\":\"element 1 must be a string\"}}");
	assert_int_equal(alto_get_strings(obj, "", "b", true, 2, &value, &error), -EINVAL);
	rig_error(&error, "{\"meta\":{\"code\":\"E_INVALID_FIELD_VALUE\",\"field\":\"b\","
			  "\"why\":\"has 3 elements, must have at most 2\"}}");
	assert_int_equal(alto_get_strings(obj, "", "b", true, 3, &value, &error), 0);
	assert_int_equal(json_array_size(value), 3);
	json_decref(obj);
}

static const struct alto_cost_type offered[] = {
	{ALTO_ROUTINGCOST, ALTO_NUMERICAL, "routingcost", "num-routingcost"},
	{ALTO_DELAY_OW, ALTO_NUMERICAL, "delay-ow:cur", "num-delay-ow:cur"},
	{ALTO_ROUTINGCOST, ALTO_ORDINAL, "routingcost", "ord-routingcost"},
};

static const struct alto_cost_type *cost_type(const char *text, int rc)
{
	const struct alto_cost_type *type = NULL;
	json_t *obj = body(text);

	assert_int_equal(alto_get_cost_type(obj, "", "cost-type", true, offered, 3, &type, &error),
			 rc);
	json_decref(obj);
	return type;
}

static void test_cost_types_are_those_offered(void **state)
{
	assert_ptr_equal(cost_type("{\"cost-type\": {\"cost-mode\": \"ordinal\", \"cost-metric\": "
				   "\"routingcost\", \"description\": 1}}",
				   0),
			 &offered[2]);
	assert_ptr_equal(
		cost_type("{\"cost-type\": {\"cost-mode\": \"numerical\", \"cost-metric\": "
			  "\"delay-ow:cur\"}}",
			  0),
		&offered[1]);
}

static void test_cost_types_that_are_not_offered(void **state)
{
	cost_type("{\"cost-type\": {\"cost-metric\": \"routingcost\"}}", -EINVAL);
	rig_error(&error, "{\"meta\":{\"code\":\"E_MISSING_FIELD\","
			  "\"field\":\"cost-type/cost-mode\"}}");
	cost_type("{\"cost-type\": {\"cost-mode\": \"numerical\"}}", -EINVAL);
	rig_error(&error, "{\"meta\":{\"code\":\"E_MISSING_FIELD\","
			  "\"field\":\"cost-type/cost-metric\"}}");
	cost_type("{\"cost-type\": {\"cost-mode\": \"array\", \"cost-metric\": \"ane-path\"}}",
		  -EINVAL);
	rig_error(&error,
		  "{\"meta\":{\"code\":\"E_INVALID_FIELD_VALUE\",\"field\":\"cost-type/"
		  "cost-mode\",\"value\":\"array\",\"why\":\"must be one that this resource "
		  "offers\"}}");
	cost_type(
		"{\"cost-type\": {\"cost-mode\": \"ordinal\", \"cost-metric\": \"delay-ow:cur\"}}",
		-EINVAL);
	rig_error(&error,
		  "{\"meta\":{\"code\":\"E_INVALID_FIELD_VALUE\",\"field\":\"cost-type/"
		  "cost-metric\",\"value\":\"delay-ow:cur\",\"why\":\"must be one that this "
		  "resource offers in mode ordinal\"}}");
	cost_type("{\"cost-type\": {\"cost-mode\": 1, \"cost-metric\": \"x\"}}", -EINVAL);
	assert_int_equal(error.code, ALTO_E_INVALID_FIELD_TYPE);
	assert_string_equal(error.field, "cost-type/cost-mode");
	cost_type("{}", -EINVAL);
	rig_error(&error, "{\"meta\":{\"code\":\"E_MISSING_FIELD\",\"field\":\"cost-type\"}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies_that_are_no_json_are_e_syntax),
		cmocka_unit_test(test_members_that_are_there_twice_are_e_syntax),
		cmocka_unit_test(test_bodies_nested_too_deep_are_e_syntax),
		cmocka_unit_test(test_members_of_another_type),
		cmocka_unit_test(test_members_that_are_missing),
		cmocka_unit_test(test_elements_of_another_type_are_wrong_values_of_the_array),
		cmocka_unit_test(test_cost_types_are_those_offered),
		cmocka_unit_test(test_cost_types_that_are_not_offered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
