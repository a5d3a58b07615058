/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What service graphs may take of the server, however small the request is. The bound on CPU is no
 * measurement. */
#include <time.h>

#include "pv_rig.h"
#include "unit/alto/build_rig.h"

#define TYPE "\"cost-type\":{\"cost-mode\":\"array\",\"cost-metric\":\"ane-path\"}"
#define A_TO_B                                                                                     \
	"{" TYPE ",\"sg\":{\"nfs\":[\"A\",\"B\"],\"saps\":[],\"sg_links\":["                       \
	"{\"id\":1,\"src-node\":\"A\",\"dst-node\":\"B\"}],"                                       \
	"\"reqs\":[{\"id\":1,\"src-node\":\"A\",\"dst-node\":\"B\",\"sg-path\":[1]}]}}"
#define CPU_S 5

static struct pv_rig rig;

static int teardown(void **state)
{
	pv_rig_free(&rig);
	return 0;
}

static uint32_t add(struct alto_builder *b, char kind, uint32_t i, const char *nf)
{
	char name[16];
	uint32_t id;

	snprintf(name, sizeof(name), "%c%05u", kind, i);
	id = rig_pid(b, name);
	if (nf)
		assert_int_equal(alto_builder_pid_prop(b, id, "nf", json_pack("[s]", nf)), 0);
	return id;
}

static void lead(struct alto_builder *b, uint32_t from, uint32_t to)
{
	struct alto_link link = rig_link(from, to, 1);

	assert_int_equal(alto_builder_link(b, &link), 0);
}

static double cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* 256 requirements of 1024 links each, from A to B and back. */
static void put_chains(struct alto_out *o)
{
	alto_puts(o, "{" TYPE ",\"sg\":{\"nfs\":[\"A\",\"B\"],\"saps\":[],\"sg_links\":["
		     "{\"id\":1,\"src-node\":\"A\",\"dst-node\":\"B\"},"
		     "{\"id\":2,\"src-node\":\"B\",\"dst-node\":\"A\"}],\"reqs\":[");
	for (int i = 0; i < ALTO_SG_REQS_MAX; i++) {
		alto_putf(o, "%s{\"id\":%d,\"src-node\":\"A\",\"dst-node\":\"A\",\"sg-path\":[1",
			  i ? "," : "", i);
		for (int k = 1; k < ALTO_SG_LINKS_MAX; k++)
			alto_puts(o, k % 2 ? ",2" : ",1");
		alto_puts(o, "]}");
	}
	alto_puts(o, "]}}");
}

/* Everybody has A and nobody has B. */
static void test_chains_that_lead_nowhere_take_no_time(void **state)
{
	struct alto_builder *b = rig_builder("domains");
	struct alto_out body = {.max = 1 << 24};
	double from;
	json_t *costs;

	for (uint32_t i = 0; i < 2000; i++)
		add(b, 'D', i, "A");
	pv_rig_use(&rig, b);
	put_chains(&body);
	from = cpu();
	pv_parts(&rig, "domains-pv", body.data, &costs, NULL);
	assert_true(cpu() - from < CPU_S);
	pv_same(pv_member(costs, "cost-map"), "{}");
	alto_out_fini(&body);
}

/* All but one have A, and a link to the one that has B, which has none back: each requirement is
 * alive for one link, and what that takes is counted. */
static void test_what_chains_take_is_counted_while_they_live(void **state)
{
	struct alto_builder *b = rig_builder("domains");
	struct alto_out body = {.max = 1 << 24};
	uint32_t to = add(b, 'Z', 0, "B");

	for (uint32_t i = 0; i < 2000; i++)
		lead(b, add(b, 'D', i, "A"), to);
	pv_rig_use(&rig, b);
	put_chains(&body);
	pv_refused(&rig, "domains-pv", body.data,
		   "{\"code\":\"E_INVALID_FIELD_VALUE\",\"field\":\"sg\",\"why\":\"takes more than "
		   "2000000 steps: ask for fewer links or requirements\"}");
	alto_out_fini(&body);
}

/* n domains of that kind in a row; the first and the last. */
struct row {
	uint32_t first, last;
};

static struct row add_row(struct alto_builder *b, char kind, uint32_t n)
{
	struct row row = {.first = add(b, kind, 0, NULL)};

	row.last = row.first;
	for (uint32_t i = 1; i < n; i++) {
		uint32_t next = add(b, kind, i, NULL);

		lead(b, row.last, next);
		row.last = next;
	}
	return row;
}

/* A row of n domains, ten times two ways side by side behind it; domains with A lead to it, and
 * ones with B are led to: starts * ends pairs with 1024 paths of n + 22 domains. The last of B. */
static uint32_t add_pairs(struct alto_builder *b, uint32_t n, uint32_t starts, uint32_t ends)
{
	struct row row = add_row(b, 'L', n);
	uint32_t at = row.last, end = at;

	for (uint32_t i = 0; i < 10; i++) {
		uint32_t x = add(b, 'X', i, NULL), y = add(b, 'Y', i, NULL);
		uint32_t next = add(b, 'Z', i, NULL);

		lead(b, at, x);
		lead(b, at, y);
		lead(b, x, next);
		lead(b, y, next);
		at = next;
	}
	for (uint32_t i = 0; i < starts; i++)
		lead(b, add(b, 'S', i, "A"), row.first);
	for (uint32_t i = 0; i < ends; i++) {
		end = add(b, 'T', i, "B");
		lead(b, at, end);
	}
	return end;
}

static void cut_is(const char *want)
{
	json_t *costs;

	pv_parts(&rig, "domains-pv", A_TO_B, &costs, NULL);
	pv_same(json_incref(json_object_get(json_object_get(costs, "meta"), "sg-cut")), want);
	json_decref(costs);
}

/* 3 * 3 pairs may have 466033 domains each, which are 424 paths of 1098 + 2. */
static void test_domains_on_paths_are_shared(void **state)
{
	struct alto_builder *b = rig_builder("domains");
	json_t *costs, *paths;

	add_pairs(b, 1078, 3, 3);
	pv_rig_use(&rig, b);
	cut_is("{\"pairs\":9,\"paths-per-pair\":1000}");
	costs = pv_part(&rig, 0, (char[512]){0});
	paths = json_object_get(costs, "cost-map");
	for (int i = 0; i < 4; i++)
		paths = json_object_get(paths, i % 2 ? "B" : "A");
	assert_true(json_array_size(paths) > 9 * 400);
	assert_true(json_array_size(paths) <= ALTO_PATH_PIDS_MAX / 1100);
	json_decref(costs);
}

/* The last pair of 802 has a path of 20002, and the others had all paths that they might have. */
static void test_a_pair_without_room_for_any_path_is_refused(void **state)
{
	struct alto_builder *b = rig_builder("domains");
	uint32_t end = add_pairs(b, 1, 400, 2);
	struct row row = add_row(b, 'R', 20000);

	lead(b, add(b, 'U', 0, "A"), row.first);
	lead(b, row.last, end);
	pv_rig_use(&rig, b);
	pv_refused(&rig, "domains-pv", A_TO_B,
		   "{\"code\":\"E_INVALID_FIELD_VALUE\",\"field\":\"sg\",\"why\":\"takes more than "
		   "4194304 domains on paths: ask for fewer links or requirements\"}");
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		T(test_chains_that_lead_nowhere_take_no_time),
		T(test_what_chains_take_is_counted_while_they_live),
		T(test_domains_on_paths_are_shared),
		T(test_a_pair_without_room_for_any_path_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
