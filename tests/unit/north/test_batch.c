/* SPDX-License-Identifier: GPL-2.0-or-later */
/* POST /v1/status. */
#include "unit/north/rig.h"

#define NDJSON "Content-Type: application/x-ndjson\r\n"

static json_int_t status_at(const struct answer *a, size_t i)
{
	return int_at(json_array_get(json_object_get(a->json, "results"), i), "status");
}

static size_t count(const struct answer *a)
{
	return json_array_size(json_object_get(a->json, "results"));
}

static int64_t cpu_of(struct rig *rig, const char *instance)
{
	const struct view_instance *inst = view_instance(&rig->view, 0x101, instance);
	const struct sample *sample = inst ? samples_get(&inst->samples, ATTR_CPU_LOAD) : NULL;

	return sample ? sample->milli : -1;
}

static const char mixed[] =
	"[{\"service\": \"0x101\", \"instance\": \"a\", \"attributes\": {\"cpu_load\": 71.5}},"
	" {\"ingress\": \"pe1\", \"gateway\": \"gw2\", \"path\": \"be\","
	"  \"attributes\": {\"delay_us\": -1}},"
	" {\"service\": 257, \"instance\": \"a\", \"attributes\": {\"mem_load\": 20}},"
	" {\"service\": \"0x101\", \"instance\": \"nobody\", \"attributes\": {\"cpu_load\": 1}},"
	" {\"ingress\": \"pe1\", \"gateway\": \"gw2\", \"path\": \"be\","
	"  \"attributes\": {\"delay_us\": 900}},"
	" 7,"
	" {\"service\": 0, \"instance\": \"a\", \"attributes\": {}},"
	" {\"service\": 1, \"instance\": \"a/b\", \"attributes\": {}},"
	" {\"service\": 1, \"instance\": \"a\"},"
	" {\"service\": 1, \"instance\": \"a\", \"attributes\": {}, \"more\": 1},"
	" {\"ingress\": \"pe1\", \"gateway\": \"gw2\", \"attributes\": {}}]";

static void test_mixed(void **state)
{
	static const int want[] = {204, 400, 204, 404, 204, 400, 400, 400, 400, 400, 400};
	struct rig *rig = *state;
	struct answer a;

	rig_fill(rig);
	assert_int_equal(rig_call(rig, "POST /v1/status", mixed, &a), 200);
	assert_int_equal(count(&a), ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_int_equal(status_at(&a, i), want[i]);
	assert_string_equal(text_at(a.json, "results/1/field"), "/attributes/delay_us");
	assert_string_equal(text_at(a.json, "results/1/value"), "-1");
	assert_string_equal(text_at(a.json, "results/6/field"), "/service");
	assert_string_equal(text_at(a.json, "results/7/field"), "/instance");
	assert_string_equal(text_at(a.json, "results/8/field"), "/attributes");
	assert_string_equal(text_at(a.json, "results/9/field"), "/more");
	assert_string_equal(text_at(a.json, "results/10/field"), "/path");
	answer_free(&a);
	assert_int_equal(cpu_of(rig, "a"), 71500);
	assert_int_equal(
		samples_get(&view_path(&rig->view, (struct path_key){"pe1", "gw2", "be"})->samples,
			    ATTR_DELAY_US)
			->milli,
		900000);
}

static void test_ndjson(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	rig_fill(rig);
	rig_call_with(rig, "POST /v1/status", NDJSON,
		      "{\"service\":\"0x101\",\"instance\":\"a\",\"attributes\":{\"cpu_load\":9}}\n"
		      "\n"
		      "not json\r\n"
		      "null\n"
		      "{\"service\":\"0x101\",\"instance\":\"a\",\"attributes\":{\"cpu_load\":10}}",
		      &a);
	assert_int_equal(a.status, 200);
	assert_int_equal(count(&a), 4);
	assert_int_equal(status_at(&a, 0), 204);
	assert_int_equal(status_at(&a, 1), 400);
	assert_int_equal(status_at(&a, 2), 400);
	assert_int_equal(status_at(&a, 3), 204);
	answer_free(&a);
	assert_int_equal(cpu_of(rig, "a"), 10000); /* in order */
}

static void test_empty(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	assert_int_equal(rig_call(rig, "POST /v1/status", "[]", &a), 200);
	assert_int_equal(count(&a), 0);
	answer_free(&a);
	rig_call(rig, "POST /v1/status", "{}", &a);
	assert_problem(&a, 400, "", "array");
	answer_free(&a);
	rig_call(rig, "POST /v1/status", "", &a);
	assert_problem(&a, 400, "", "line 1");
	answer_free(&a);
	rig_call(rig, "POST /v1/status", "[{]", &a);
	assert_problem(&a, 400, "", "line 1");
	answer_free(&a);
}

static char *many_lines(const char *line, const char *first, const char *last, int n)
{
	size_t len = strlen(line);
	char *text = malloc(n * len + 8), *p = text;

	p += sprintf(p, "%s", first);
	for (int i = 0; i < n; i++) {
		memcpy(p, line, len);
		p += len;
	}
	strcpy(last[0] ? p - 1 : p, last); /* over the last comma */
	return text;
}

static void test_most_lines(void **state)
{
	struct rig *rig = *state;
	OWN_PTR char *fits = many_lines("7,", "[", "]", NORTH_BATCH_LINES);
	OWN_PTR char *over = many_lines("7,", "[", "]", NORTH_BATCH_LINES + 1);
	OWN_PTR char *fits_nd = many_lines("7\n", "", "", NORTH_BATCH_LINES);
	OWN_PTR char *over_nd = many_lines("7\n", "", "", NORTH_BATCH_LINES + 1);
	struct answer a;

	rig_call(rig, "POST /v1/status", fits, &a);
	assert_int_equal(count(&a), NORTH_BATCH_LINES);
	assert_int_equal(status_at(&a, NORTH_BATCH_LINES - 1), 400);
	answer_free(&a);
	rig_call_with(rig, "POST /v1/status", NDJSON, fits_nd, &a);
	assert_int_equal(count(&a), NORTH_BATCH_LINES);
	answer_free(&a);
	rig_call(rig, "POST /v1/status", over, &a);
	assert_problem(&a, 413, "", "16384 lines");
	answer_free(&a);
	rig_call_with(rig, "POST /v1/status", NDJSON, over_nd, &a);
	assert_problem(&a, 413, "", "16384 lines");
	answer_free(&a);
}

/* More lines than the database gets at a time. */
static void test_many_good_lines(void **state)
{
	static const char line[] = "{\"service\":257,\"instance\":\"a\",\"attributes\":{"
				   "\"cpu_load\":1}},";
	struct rig *rig = *state;
	OWN_PTR char *body = many_lines(line, "[", "]", 1000);
	struct answer a;

	rig_fill(rig);
	assert_int_equal(rig_call(rig, "POST /v1/status", body, &a), 200);
	assert_int_equal(count(&a), 1000);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(status_at(&a, i), 204);
	answer_free(&a);
}

static void test_too_large(void **state)
{
	struct rig *rig = *state;
	struct answer a;
	char text[256];
	int n = snprintf(text, sizeof(text),
			 "POST /v1/status HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
			 "Content-Length: %u\r\n\r\n",
			 NORTH_BATCH_MAX + 1);

	rig_raw(rig, text, n, &a);
	assert_problem(&a, 413, "", "at most 8388608 bytes");
	answer_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_mixed, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_ndjson, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_empty, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_most_lines, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_many_good_lines, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_too_large, rig_setup, rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
