/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "nemo/plan.h"
#include "util/json.h"

#define LEG                                                                                        \
	"\"tenant\":\"t\",\"connection\":\"c-1\",\"ingress\":\"pe1\",\"gateway\":\"gw2\","         \
	"\"path\":\"be\""

static int read_legs(const char *text, struct nemo_legs *legs, struct err *err)
{
	json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
	int r;

	assert_non_null(json);
	r = nemo_legs_from_json(json, legs, err);
	json_decref(json);
	return r;
}

static void test_round_trip(void **state)
{
	const char *text = "[{\"bandwidth\":60,\"connection\":\"c-1\",\"delay\":10,"
			   "\"gateway\":\"gw2\",\"ingress\":\"pe1\",\"path\":\"be\",\"tenant\":"
			   "\"t\"},{\"bandwidth\":0,\"connection\":\"c-2\",\"delay\":0,"
			   "\"gateway\":\"gw2\",\"ingress\":\"pe1\",\"path\":\"via.p1\","
			   "\"tenant\":\"t\"}]";
	struct nemo_legs legs = {0};
	json_t *json;
	char *back;

	assert_int_equal(read_legs(text, &legs, NULL), 0);
	assert_int_equal(legs.n, 2);
	assert_int_equal(legs.v[0].bandwidth, 60);
	assert_int_equal(legs.v[0].delay, 10);
	assert_string_equal(legs.v[1].path, "via.p1");
	json = nemo_legs_json(&legs);
	back = json_text(json);
	assert_string_equal(back, text);
	free(back);
	json_decref(json);
	nemo_legs_fini(&legs);
	assert_null(legs.v);
}

static void test_bad_input_changes_nothing(void **state)
{
	static const struct {
		const char *text, *field;
	} bad[] = {
		{"{}", ""},
		{"[1]", "/0"},
		{"[{" LEG ",\"bandwidth\":1}]", "/0/delay"},
		{"[{" LEG ",\"bandwidth\":-1,\"delay\":1}]", "/0/bandwidth"},
		{"[{" LEG ",\"bandwidth\":1000000001,\"delay\":1}]", "/0/bandwidth"},
		{"[{" LEG ",\"bandwidth\":1,\"delay\":-1}]", "/0/delay"},
		{"[{" LEG ",\"bandwidth\":1,\"delay\":\"1\"}]", "/0/delay"},
		{"[{" LEG ",\"bandwidth\":1,\"delay\":1,\"x\":1}]", "/0/x"},
		{"[{\"tenant\":\"t\",\"connection\":\"a b\",\"ingress\":\"pe1\",\"gateway\":"
		 "\"gw2\",\"path\":\"be\",\"bandwidth\":1,\"delay\":1}]",
		 "/0/connection"},
		{"[{\"tenant\":\"t\",\"connection\":\"c\",\"ingress\":\"\",\"gateway\":"
		 "\"gw2\",\"path\":\"be\",\"bandwidth\":1,\"delay\":1}]",
		 "/0/ingress"},
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct nemo_legs legs = {0};
		struct err err = {0};

		assert_true(read_legs(bad[i].text, &legs, &err) < 0);
		assert_string_equal(err.field, bad[i].field);
		assert_null(legs.v);
	}
}

static void test_limit(void **state)
{
	json_t *array = json_array();
	struct nemo_legs legs = {0};
	struct err err = {0};

	for (unsigned int i = 0; i <= NEMO_LEGS_MAX; i++)
		json_array_append_new(array, json_integer(1));
	assert_int_equal(nemo_legs_from_json(array, &legs, &err), -ENOSPC);
	assert_non_null(strstr(err.want, "65536"));
	json_decref(array);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_bad_input_changes_nothing),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
