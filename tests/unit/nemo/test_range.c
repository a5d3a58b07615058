/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of addresses: joined, cut, and as the fewest prefixes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "nemo/compile_int.h"

#define V4(a) (((unsigned __int128)0xffff << 32) | (a))

static unsigned int count(unsigned __int128 lo, unsigned __int128 hi)
{
	struct nemo_spans spans = {0};
	struct nemo_prefixes prefixes = {0};
	unsigned int n;

	assert_int_equal(nemo_spans_add(&spans, lo, hi), 0);
	assert_int_equal(nemo_spans_prefixes(&spans, &prefixes), 0);
	n = prefixes.n;
	nemo_spans_fini(&spans);
	nemo_prefixes_fini(&prefixes);
	return n;
}

static void test_minimal(void **state)
{
	unsigned __int128 all = ~(unsigned __int128)0;

	assert_int_equal(count(V4(0xc0000201), V4(0xc00002f3)), 11); /* 192.0.2.1 to .243 */
	assert_int_equal(count(V4(0), V4(0xffffffff)), 1);
	assert_int_equal(count(V4(1), V4(0xfffffffe)), 62);
	assert_int_equal(count(0, all), 1);
	assert_int_equal(count(1, all - 1), 254);
	assert_int_equal(count(5, 5), 1);
}

/* Numbers 0..63 as sets of bits against the spans. */
static uint64_t bits(const struct nemo_spans *spans)
{
	uint64_t all = 0;

	for (unsigned int i = 0; i < spans->n; i++)
		for (unsigned int v = (unsigned int)spans->v[i].lo; v <= spans->v[i].hi; v++)
			all |= 1ull << v;
	return all;
}

static uint64_t prefix_bits(const struct nemo_prefixes *prefixes)
{
	uint64_t all = 0;

	for (unsigned int i = 0; i < prefixes->n; i++)
		for (unsigned int v = 0; v < 64; v++) {
			struct in6_addr addr = {.s6_addr[15] = (uint8_t)v};

			if (!nemo_prefix_holds(&prefixes->v[i], &addr))
				continue;
			assert_false(all >> v & 1); /* none twice */
			all |= 1ull << v;
		}
	return all;
}

/* The fewest aligned blocks that make up the bits [at, at + size): by trying. */
static unsigned int fewest(uint64_t set, unsigned int at, unsigned int size)
{
	uint64_t mask = (size == 64 ? ~0ull : (1ull << size) - 1) << at;

	if (!(set & mask))
		return 0;
	if ((set & mask) == mask)
		return 1;
	return fewest(set, at, size / 2) + fewest(set, at + size / 2, size / 2);
}

static uint64_t random_spans(struct nemo_spans *out)
{
	uint64_t set = 0;
	unsigned int n = (unsigned int)rand() % 5;

	for (unsigned int i = 0; i < n; i++) {
		unsigned int lo = (unsigned int)rand() % 64;
		unsigned int hi = lo + (unsigned int)rand() % (64 - lo);

		nemo_spans_add(out, lo, hi);
		for (unsigned int v = lo; v <= hi; v++)
			set |= 1ull << v;
	}
	nemo_spans_merge(out);
	return set;
}

static void test_random(void **state)
{
	srand(1);
	for (int round = 0; round < 3000; round++) {
		struct nemo_spans a = {0}, b = {0}, cut = {0};
		struct nemo_prefixes prefixes = {0};
		uint64_t x = random_spans(&a), y = random_spans(&b);

		assert_true(bits(&a) == x);
		for (unsigned int i = 1; i < a.n; i++)
			assert_true(a.v[i].lo > a.v[i - 1].hi + 1);
		assert_int_equal(nemo_spans_cut(&a, &b, &cut), 0);
		assert_true(bits(&cut) == (x & y));
		assert_int_equal(nemo_spans_prefixes(&a, &prefixes), 0);
		assert_true(prefix_bits(&prefixes) == x);
		assert_int_equal(prefixes.n, fewest(x, 0, 64));
		nemo_spans_fini(&a);
		nemo_spans_fini(&b);
		nemo_spans_fini(&cut);
		nemo_prefixes_fini(&prefixes);
	}
}

/* No IPv6 prefix may hold what stands for IPv4. */
static void test_outside_v4(void **state)
{
	struct nemo_spans all = {0}, part = {0}, out = {0};
	struct nemo_prefixes prefixes = {0};
	struct in6_addr v4 = {.s6_addr = {[10] = 0xff, [11] = 0xff, [15] = 9}};

	nemo_spans_add_all(&all, NEMO_V6);
	assert_int_equal(nemo_spans_outside_v4(&all, &out), 0);
	nemo_spans_prefixes(&out, &prefixes);
	assert_int_equal(prefixes.n, 16);
	nemo_spans_fini(&out);
	nemo_spans_add(&part, 5, V4(0xffffffff) + 7);
	assert_int_equal(nemo_spans_outside_v4(&part, &out), 0);
	nemo_spans_prefixes(&out, &prefixes);
	for (unsigned int i = 0; i < prefixes.n; i++) {
		struct nemo_span span;

		nemo_prefix_span(&prefixes.v[i], &span);
		assert_false(span.lo <= nemo_addr_number(&v4) && nemo_addr_number(&v4) <= span.hi);
	}
	assert_int_equal(out.n, 2);
	nemo_spans_fini(&all);
	nemo_spans_fini(&part);
	nemo_spans_fini(&out);
	nemo_prefixes_fini(&prefixes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_minimal),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_outside_v4),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
