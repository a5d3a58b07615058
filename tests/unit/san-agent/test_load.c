/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From counters to loads. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "../../../userspace/san-agent/gate.c"
#include "../../../userspace/san-agent/load.c"

const int64_t measure_steps[MEASURE_MAX] = {
	[MEASURE_CPU_LOAD] = 100,      [MEASURE_MEM_LOAD] = 100,     [MEASURE_IO_LOAD] = 100,
	[MEASURE_CPU_CORES_FREE] = 10, [MEASURE_MEM_FREE_MB] = 1000,
};

#define NONE 1000 /* weight of the newest sample: no smoothing */
#define MS 1000ull
#define GIB (1ull << 30)

static const char nothing[] = "not there";

static struct counters cpu(uint64_t used_ms, uint64_t millicores)
{
	return (struct counters){
		.has_cpu = true,
		.cpu_ns = used_ms * 1000000,
		.cpu_millicores = millicores,
		.why_mem = nothing,
		.why_io = nothing,
	};
}

static void test_first_reading(void **state)
{
	struct counters now = cpu(5000, 1000);
	struct load load = {};

	load_update(&load, &now, 1000 * MS, NONE);
	assert_false(load.known[MEASURE_CPU_LOAD]);
	assert_ptr_equal(load.why[MEASURE_CPU_LOAD], load_too_early);
	assert_false(load.known[MEASURE_CPU_CORES_FREE]);
	assert_false(load.known[MEASURE_MEM_LOAD]);
	assert_ptr_equal(load.why[MEASURE_MEM_LOAD], nothing);
	assert_ptr_equal(load.why[MEASURE_IO_LOAD], nothing);
}

static int64_t cpu_load(uint64_t used_ms, uint64_t millicores, uint64_t elapsed_ms)
{
	struct counters before = cpu(0, millicores), now = cpu(used_ms, millicores);
	struct load load = {};

	load_update(&load, &before, 0, NONE);
	load_update(&load, &now, elapsed_ms * MS, NONE);
	assert_true(load.known[MEASURE_CPU_LOAD]);
	return load.milli[MEASURE_CPU_LOAD];
}

static void test_cpu_of_quota(void **state)
{
	assert_int_equal(cpu_load(0, 200, 200), 0);	 /* idle is zero and known */
	assert_int_equal(cpu_load(20, 200, 200), 50000); /* quota: 0.2 cores */
	assert_int_equal(cpu_load(28, 200, 200), 70000);
	assert_int_equal(cpu_load(40, 200, 200), 100000);
	assert_int_equal(cpu_load(200, 2000, 200), 50000); /* one of two cores */
	assert_int_equal(cpu_load(1, 3000, 1000), 0);	   /* 0.03 % rounds */
	assert_int_equal(cpu_load(500, 200, 200), 100000); /* never above */
}

static void test_cores_free(void **state)
{
	struct counters before = cpu(0, 2000), now = cpu(100, 2000);
	struct load load = {};

	load_update(&load, &before, 0, NONE);
	load_update(&load, &now, 200 * MS, NONE);
	assert_int_equal(load.milli[MEASURE_CPU_CORES_FREE], 1500);
}

/* A quota of 20 ms in 100 ms used up, but the samples see 1, 3, 1, 3 slices: it is full load. */
static void test_quota_slices(void **state)
{
	struct load load = {};
	uint64_t used = 0, now_us = 0;
	struct counters now = cpu(0, 200);

	load_update(&load, &now, now_us, 500);
	for (int i = 0; i < 20; i++) {
		used += i % 2 ? 60 : 20;
		now_us += 200 * MS;
		now = cpu(used, 200);
		load_update(&load, &now, now_us, 500);
		if (i > 4)
			assert_true(load.milli[MEASURE_CPU_LOAD] >= 80000);
	}
}

static void test_started_anew(void **state)
{
	struct counters before = cpu(9000, 1000), now = cpu(10, 1000), next = cpu(110, 1000);
	struct load load = {};

	load_update(&load, &before, 0, NONE);
	load_update(&load, &now, 200 * MS, NONE);
	assert_false(load.known[MEASURE_CPU_LOAD]);
	load_update(&load, &next, 400 * MS, NONE);
	assert_true(load.known[MEASURE_CPU_LOAD]);
	assert_int_equal(load.milli[MEASURE_CPU_LOAD], 50000);
}

/* Another process behind the same pid file, with more on its clock. */
static void test_another_process(void **state)
{
	struct counters before = cpu(100, 1000), now = cpu(9000, 1000);
	struct load load = {};

	now.epoch = 7;
	load_update(&load, &before, 0, NONE);
	load_update(&load, &now, 200 * MS, NONE);
	assert_false(load.known[MEASURE_CPU_LOAD]);
}

static void test_gap(void **state)
{
	struct counters none = {.why_cpu = nothing}, now = cpu(100, 1000), then = cpu(300, 1000);
	struct load load = {};

	load_update(&load, &now, 0, NONE);
	load_update(&load, &none, 200 * MS, NONE);
	assert_ptr_equal(load.why[MEASURE_CPU_LOAD], nothing);
	load_update(&load, &then, 400 * MS, NONE); /* nothing to compare with */
	assert_false(load.known[MEASURE_CPU_LOAD]);
}

static void test_same_time(void **state)
{
	struct counters now = cpu(100, 1000);
	struct load load = {};

	load_update(&load, &now, 5, NONE);
	load_update(&load, &now, 5, NONE);
	assert_false(load.known[MEASURE_CPU_LOAD]);
}

static void test_memory(void **state)
{
	struct counters now = {.has_mem = true, .mem_used = GIB, .mem_limit = 4 * GIB};
	struct load load = {};

	load_update(&load, &now, 0, NONE); /* needs no second reading */
	assert_true(load.known[MEASURE_MEM_LOAD]);
	assert_int_equal(load.milli[MEASURE_MEM_LOAD], 25000);
	assert_int_equal(load.milli[MEASURE_MEM_FREE_MB], 3221000);
	now.mem_used = 5 * GIB;
	load_update(&load, &now, 1, NONE);
	assert_int_equal(load.milli[MEASURE_MEM_LOAD], 100000);
	assert_int_equal(load.milli[MEASURE_MEM_FREE_MB], 0);
	now.mem_limit = 0;
	load_update(&load, &now, 2, NONE);
	assert_false(load.known[MEASURE_MEM_LOAD]);
	assert_non_null(load.why[MEASURE_MEM_LOAD]);
}

static void test_io_pressure(void **state)
{
	struct counters before = {.io = IO_PRESSURE, .io_total = 5000};
	struct counters now = {.io = IO_PRESSURE, .io_total = 55000};
	struct load load = {};

	load_update(&load, &before, 0, NONE);
	assert_false(load.known[MEASURE_IO_LOAD]);
	load_update(&load, &now, 200 * MS, NONE);
	assert_int_equal(load.milli[MEASURE_IO_LOAD], 25000);
}

static void test_io_bytes(void **state)
{
	struct counters before = {.io = IO_BYTES, .io_max = 10000000};
	struct counters now = {.io = IO_BYTES, .io_max = 10000000, .io_total = 1000000};
	struct counters other = {.io = IO_PRESSURE, .io_total = 2000000};
	struct load load = {};

	load_update(&load, &before, 0, NONE);
	load_update(&load, &now, 200 * MS, NONE); /* 1 MB in 0.2 s = 5 MB/s of 10 */
	assert_int_equal(load.milli[MEASURE_IO_LOAD], 50000);
	load_update(&load, &other, 400 * MS, NONE); /* another kind: not comparable */
	assert_false(load.known[MEASURE_IO_LOAD]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_reading), cmocka_unit_test(test_cpu_of_quota),
		cmocka_unit_test(test_cores_free),    cmocka_unit_test(test_quota_slices),
		cmocka_unit_test(test_started_anew),  cmocka_unit_test(test_another_process),
		cmocka_unit_test(test_gap),	      cmocka_unit_test(test_same_time),
		cmocka_unit_test(test_memory),	      cmocka_unit_test(test_io_pressure),
		cmocka_unit_test(test_io_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
