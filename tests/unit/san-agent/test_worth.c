/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which changes are worth telling to those who evaluate them by a service's functions. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "../../../userspace/san-agent/gate.c"
#include "../../../userspace/san-agent/worth.c"
#include "util/json.h"

#define SECOND 1000000ull

static struct service *service(const char *text)
{
	struct service *svc = NULL;
	struct err err = {};
	json_t *obj;

	assert_int_equal(json_parse(text, strlen(text), &obj, &err), 0);
	assert_int_equal(service_from_json(obj, 0, &svc, &err), 0);
	json_decref(obj);
	return svc;
}

static const char web[] =
	"{\"id\": \"0x101\", \"evaluation\": ["
	"{\"attribute\": \"cpu_load\", \"curve\": {\"ramp\": [40, 80]}},"
	"{\"attribute\": \"mem_load\", \"curve\": {\"step\": 90}},"
	"{\"attribute\": \"delay_us\", \"curve\": {\"ramp\": [0, 100000]}}],"
	"\"requirements\": [{\"attribute\": \"cost\", \"op\": \"<\", \"value\": 5},"
	"{\"attribute\": \"cpu_cores_free\", \"op\": \">=\", \"value\": 1}]}";

static void test_metric(void **state)
{
	struct service *svc = service(web);
	const struct curve *ramp = &svc->terms[0].curve, *step = &svc->terms[1].curve;

	assert_int_equal(curve_metric(ramp, 0), 0);
	assert_int_equal(curve_metric(ramp, 40000), 0);
	assert_int_equal(curve_metric(ramp, 50000), 250);
	assert_int_equal(curve_metric(ramp, 50010), 250); /* 250.25 */
	assert_int_equal(curve_metric(ramp, 50020), 251); /* 250.5, half up */
	assert_int_equal(curve_metric(ramp, 80000), METRIC_MAX);
	assert_int_equal(curve_metric(ramp, 100000), METRIC_MAX);
	assert_int_equal(curve_metric(step, 89999), 0);
	assert_int_equal(curve_metric(step, 90000), METRIC_MAX);
	free(svc);
}

static void test_falling_points(void **state)
{
	struct service *svc =
		service("{\"id\": 1, \"evaluation\": [{\"attribute\": \"sessions\","
			"\"curve\": {\"points\": [[10, 1000], [20, 500], [30, 0]]}}]}");
	const struct curve *curve = &svc->terms[0].curve;

	assert_int_equal(curve_metric(curve, 0), 1000);
	assert_int_equal(curve_metric(curve, 15000), 750);
	assert_int_equal(curve_metric(curve, 20000), 500);
	assert_int_equal(curve_metric(curve, 29990), 1); /* 0.5 */
	assert_int_equal(curve_metric(curve, 40000), 0);
	free(svc);
}

static void test_terms(void **state)
{
	struct service *svc = service(web);

	assert_false(worth_telling(svc, ATTR_CPU_LOAD, 0, 39000)); /* best all the way */
	assert_false(worth_telling(svc, ATTR_CPU_LOAD, 81000, 99000));
	assert_true(worth_telling(svc, ATTR_CPU_LOAD, 39000, 42000));
	assert_true(worth_telling(svc, ATTR_CPU_LOAD, 99000, 79000));
	assert_false(worth_telling(svc, ATTR_MEM_LOAD, 10000, 89000));
	assert_true(worth_telling(svc, ATTR_MEM_LOAD, 89000, 91000));
	assert_false(worth_telling(svc, ATTR_IO_LOAD, 0, 100000)); /* nobody asks for it */
	free(svc);
}

static void test_requirements(void **state)
{
	static const struct {
		const char *op;
		bool below, at, above;
	} table[] = {
		{"<", true, false, false},
		{"<=", true, true, false},
		{">", false, false, true},
		{">=", false, true, true},
	};
	char text[256];

	for (size_t i = 0; i < 4; i++) {
		struct service *svc;

		snprintf(
			text, sizeof(text),
			"{\"id\": 1, \"evaluation\": [], \"requirements\": [{\"attribute\": \"cost\","
			"\"op\": \"%s\", \"value\": 5}]}",
			table[i].op);
		svc = service(text);
		assert_int_equal(worth_telling(svc, ATTR_COST, 4999, 5000),
				 table[i].below != table[i].at);
		assert_int_equal(worth_telling(svc, ATTR_COST, 5000, 5001),
				 table[i].at != table[i].above);
		assert_false(worth_telling(svc, ATTR_COST, 1, 4999));
		assert_false(worth_telling(svc, ATTR_COST, 5001, 9000));
		free(svc);
	}
}

/* Parts of the delay are summed with the network's: only the dead band can tell. */
static void test_delay_parts(void **state)
{
	static const uint16_t parts[] = {ATTR_QUEUE_US, ATTR_LB_DELAY_US, ATTR_SITE_DELAY_US};
	struct service *svc = service(web);
	struct service *none = service("{\"id\": 1, \"evaluation\": []}");

	for (size_t i = 0; i < 3; i++) {
		assert_true(worth_telling(svc, parts[i], 1000, 1001));
		assert_false(worth_telling(none, parts[i], 1000, 900000));
	}
	free(svc);
	free(none);
}

static void test_unknown_service(void **state)
{
	struct service *svc = service(web);

	assert_true(worth_telling(NULL, ATTR_CPU_LOAD, 1, 2));
	assert_true(worth_telling(svc, WORTH_ANY, 1, 2));
	free(svc);
}

static void test_due(void **state)
{
	const struct gate_rule rule = {.band = 2000, .min_us = SECOND / 10, .max_us = 3 * SECOND};
	struct service *svc = service(web);
	struct gate gate = {};

	assert_true(worth_due(&gate, 10000, SECOND, &rule, svc, ATTR_CPU_LOAD)); /* never sent */
	gate_sent(&gate, 10000, SECOND);
	assert_false(worth_due(&gate, 30000, 2 * SECOND, &rule, svc, ATTR_CPU_LOAD));
	assert_true(worth_due(&gate, 30000, 2 * SECOND, &rule, NULL, ATTR_CPU_LOAD));
	assert_true(worth_due(&gate, 45000, 2 * SECOND, &rule, svc, ATTR_CPU_LOAD));
	assert_true(worth_due(&gate, 10000, 4 * SECOND, &rule, svc, ATTR_CPU_LOAD)); /* age */
	gate_sent(&gate, 50000, SECOND);
	assert_false(worth_due(&gate, 51999, 2 * SECOND, &rule, svc, ATTR_CPU_LOAD)); /* band */
	free(svc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_metric),	    cmocka_unit_test(test_falling_points),
		cmocka_unit_test(test_terms),	    cmocka_unit_test(test_requirements),
		cmocka_unit_test(test_delay_parts), cmocka_unit_test(test_unknown_service),
		cmocka_unit_test(test_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
