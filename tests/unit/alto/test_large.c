/* SPDX-License-Identifier: GPL-2.0-or-later */
/* As many PIDs as the largest map that is promised. The bounds on CPU are no measurement: they are
 * there to notice when something becomes quadratic. */
#include <time.h>

#include "rig.h"

#define PIDS 100000
#define LINKS 262144
#define CPU_S 5 /* a second, and what the sanitizers take */

static double cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void add_pids(struct alto_builder *b)
{
	char text[64];

	for (uint32_t i = 0; i < PIDS; i++) {
		snprintf(text, sizeof(text), "AS%u", i);
		rig_pid(b, text);
		snprintf(text, sizeof(text), "%u.%u.%u.0/24", 1 + (i >> 16), (i >> 8) & 255,
			 i & 255);
		rig_prefix(b, i, text);
		snprintf(text, sizeof(text), "2001:%x:%x::/48", 1 + (i >> 16), i & 65535);
		rig_prefix(b, i, text);
	}
}

/* A tree, and what is left of the links anywhere. */
static void add_links(struct alto_builder *b)
{
	uint32_t n = 0;

	srand(1);
	for (uint32_t i = 1; i < PIDS; i++, n += 2)
		rig_both(b, (uint32_t)rand() % i, i, rand() % 10);
	for (; n < LINKS; n++) {
		struct alto_link link =
			rig_link((uint32_t)rand() % PIDS, (uint32_t)rand() % PIDS, rand() % 10);

		alto_builder_link(b, &link);
	}
}

static struct alto_source *source;
static struct alto_resources *all;

static int teardown(void **state)
{
	alto_resources_free(all);
	return 0;
}

static void test_a_source_of_100000_pids_is_built(void **state)
{
	struct alto_builder *b = rig_builder("m");
	double from = cpu();

	add_pids(b);
	add_links(b);
	source = rig_finish(b, NULL);
	assert_true(cpu() - from < CPU_S);
	assert_int_equal(source->n_pids, PIDS + 1);
	assert_int_equal(source->n_prefixes, 2 * PIDS + 2);
	all = rig_resources(&source, 1);
}

static void test_its_network_map_is_answered(void **state)
{
	struct alto_reply reply;
	struct alto_error error;
	double from = cpu();

	assert_int_equal(rig_ask(all, "m", NULL, &reply, &error), 0);
	assert_true(cpu() - from < CPU_S);
	assert_non_null(strstr(reply.out.data, "\"AS99999\":{\"ipv4\":[\"2.134.159.0/24\"],"
					       "\"ipv6\":[\"2001:2:869f::/48\"]}"));
	alto_out_fini(&reply.out);
}

static void test_its_rows_and_look_ups(void **state)
{
	double from = cpu(), value;
	struct alto_prefix p;

	for (uint32_t i = 1; i < 4; i++) {
		assert_int_equal(alto_source_cost(source, ALTO_ROUTINGCOST, i, i + 1, &value), 0);
		assert_true(isfinite(value));
	}
	assert_int_equal(alto_endpoint_parse("ipv6:2001:2:869f::1", &p), 0);
	for (uint32_t i = 0; i < 100000; i++)
		assert_int_equal(alto_source_match(source, &p),
				 alto_source_find(source, "AS99999"));
	assert_true(cpu() - from < CPU_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_source_of_100000_pids_is_built),
		cmocka_unit_test(test_its_network_map_is_answered),
		cmocka_unit_test(test_its_rows_and_look_ups),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
