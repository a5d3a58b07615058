/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "nemo/nemo.h"
#include "util/own.h"

struct sample {
	enum nemo_type type;
	const char *text, *canonical; /* canonical NULL: refused with result */
	int result;
	bool host_bits;
};

static const struct sample samples[] = {
	{NEMO_BOOLEAN, "true", "true", 0, false},
	{NEMO_BOOLEAN, "false", "false", 0, false},
	{NEMO_BOOLEAN, "True", NULL, -EINVAL, false},
	{NEMO_BOOLEAN, "", NULL, -EINVAL, false},
	{NEMO_INTEGER, "0", "0", 0, false},
	{NEMO_INTEGER, "-1", "-1", 0, false},
	{NEMO_INTEGER, "-0", "0", 0, false},
	{NEMO_INTEGER, "9223372036854775807", "9223372036854775807", 0, false},
	{NEMO_INTEGER, "-9223372036854775808", "-9223372036854775808", 0, false},
	{NEMO_INTEGER, "9223372036854775808", NULL, -ERANGE, false},
	{NEMO_INTEGER, "-9223372036854775809", NULL, -ERANGE, false},
	{NEMO_INTEGER, "00", NULL, -EINVAL, false},
	{NEMO_INTEGER, "-", NULL, -EINVAL, false},
	{NEMO_INTEGER, "+1", NULL, -EINVAL, false},
	{NEMO_INTEGER, " 1", NULL, -EINVAL, false},
	{NEMO_INTEGER, "1x", NULL, -EINVAL, false},
	{NEMO_STRING, "any \"thing\"", "any \"thing\"", 0, false},
	{NEMO_STRING, "", "", 0, false},
	{NEMO_DATE, "18:00", "18:00:00", 0, false},
	{NEMO_DATE, "23:59:59", "23:59:59", 0, false},
	{NEMO_DATE, "0001-01-01", "0001-01-01", 0, false},
	{NEMO_DATE, "2024-02-29", "2024-02-29", 0, false},
	{NEMO_DATE, "2000-02-29 00:00", "2000-02-29 00:00:00", 0, false},
	{NEMO_DATE, "9999-12-31 23:59:59", "9999-12-31 23:59:59", 0, false},
	{NEMO_DATE, "24:00", NULL, -ERANGE, false},
	{NEMO_DATE, "23:60", NULL, -ERANGE, false},
	{NEMO_DATE, "23:00:60", NULL, -ERANGE, false},
	{NEMO_DATE, "2023-02-29", NULL, -ERANGE, false},
	{NEMO_DATE, "1900-02-29", NULL, -ERANGE, false},
	{NEMO_DATE, "2023-13-01", NULL, -ERANGE, false},
	{NEMO_DATE, "2023-00-01", NULL, -ERANGE, false},
	{NEMO_DATE, "2023-04-31", NULL, -ERANGE, false},
	{NEMO_DATE, "0000-01-01", NULL, -ERANGE, false},
	{NEMO_DATE, "8:00", NULL, -EINVAL, false},
	{NEMO_DATE, "18:0", NULL, -EINVAL, false},
	{NEMO_DATE, "18:00:", NULL, -EINVAL, false},
	{NEMO_DATE, "18:00:00 ", NULL, -EINVAL, false},
	{NEMO_DATE, "2023-01-01 ", NULL, -EINVAL, false},
	{NEMO_DATE, "2023-01-01T18:00", NULL, -EINVAL, false},
	{NEMO_DATE, "2023-1-1", NULL, -EINVAL, false},
	{NEMO_DATE, "18:00 2023-01-01", NULL, -EINVAL, false},
	{NEMO_DATE, "", NULL, -EINVAL, false},
	{NEMO_UUID, "123E4567-e89B-12d3-A456-426614174000", "123e4567-e89b-12d3-a456-426614174000",
	 0, false},
	{NEMO_UUID, "123e4567e89b12d3a456426614174000", NULL, -EINVAL, false},
	{NEMO_UUID, "123e4567-e89b-12d3-a456-42661417400", NULL, -EINVAL, false},
	{NEMO_UUID, "123e4567-e89b-12d3-a456-4266141740000", NULL, -EINVAL, false},
	{NEMO_UUID, "123g4567-e89b-12d3-a456-426614174000", NULL, -EINVAL, false},
	{NEMO_ETHADDR, "02:00:00:AB:cd:0E", "02:00:00:ab:cd:0e", 0, false},
	{NEMO_ETHADDR, "02-00-00-AB-cd-0E", NULL, -EINVAL, false},
	{NEMO_ETHADDR, "2:0:0:a:b:c", NULL, -EINVAL, false},
	{NEMO_ETHADDR, "02:00:00:ab:cd:0e:01", NULL, -EINVAL, false},
	{NEMO_IPPREFIX, "0.0.0.0/0", "0.0.0.0/0", 0, false},
	{NEMO_IPPREFIX, "192.0.2.1", "192.0.2.1", 0, false},
	{NEMO_IPPREFIX, "192.0.2.1/32", "192.0.2.1", 0, false},
	{NEMO_IPPREFIX, "192.0.2.129/25", "192.0.2.128/25", 0, true},
	{NEMO_IPPREFIX, "192.0.2.128/25", "192.0.2.128/25", 0, false},
	{NEMO_IPPREFIX, "10.1.2.3/9", "10.0.0.0/9", 0, true},
	{NEMO_IPPREFIX, "192.0.2.1/33", NULL, -ERANGE, false},
	{NEMO_IPPREFIX, "192.0.2.1/", NULL, -EINVAL, false},
	{NEMO_IPPREFIX, "192.0.2.1/-1", NULL, -EINVAL, false},
	{NEMO_IPPREFIX, "192.0.2.1/08", NULL, -EINVAL, false},
	{NEMO_IPPREFIX, "192.0.02.1", NULL, -EINVAL, false},
	{NEMO_IPPREFIX, "192.0.2", NULL, -EINVAL, false},
	{NEMO_IPPREFIX, "192.0.2.256", NULL, -EINVAL, false},
	{NEMO_IPPREFIX, "::/0", "::/0", 0, false},
	{NEMO_IPPREFIX, "2001:DB8:0:0:0:0:0:0/32", "2001:db8::/32", 0, false},
	{NEMO_IPPREFIX, "2001:db8::1/127", "2001:db8::/127", 0, true},
	{NEMO_IPPREFIX, "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1", 0, false},
	{NEMO_IPPREFIX, "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1", 0, false},
	{NEMO_IPPREFIX, "::1:2", "::1:2", 0, false},
	{NEMO_IPPREFIX, "::ffff:192.0.2.1", "::ffff:192.0.2.1", 0, false},
	{NEMO_IPPREFIX, "::1", "::1", 0, false},
	{NEMO_IPPREFIX, "2001:db8::/129", NULL, -ERANGE, false},
	{NEMO_IPPREFIX, "2001:db8", NULL, -EINVAL, false},
	{NEMO_IPPREFIX, "fe80::1%eth0", NULL, -EINVAL, false},
	{NEMO_IPPREFIX, "", NULL, -EINVAL, false},
	{NEMO_IPPREFIX, "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/1", NULL, -EINVAL,
	 false},
};

static void reads_and_writes(void **state)
{
	char buf[NEMO_STRING_MAX + 1];

	for (unsigned int i = 0; i < ARRAY_SIZE(samples); i++) {
		const struct sample *s = &samples[i];
		struct nemo_value value = {.type = NEMO_BOOLEAN, .boolean = true}, again = {0};
		bool host_bits = true;

		if (nemo_value_read(s->type, s->text, &value, &host_bits) != s->result)
			fail_msg("'%s' as %s", s->text, nemo_type_names[s->type]);
		if (s->result < 0) { /* untouched */
			assert_int_equal(value.type, NEMO_BOOLEAN);
			assert_true(value.boolean);
			continue;
		}
		assert_int_equal(value.type, s->type);
		assert_int_equal(host_bits, s->host_bits);
		assert_string_equal(nemo_value_text(&value, buf, sizeof(buf)), s->canonical);
		assert_int_equal(nemo_value_read(s->type, buf, &again, NULL), 0);
		assert_true(nemo_value_equal(&value, &again));
	}
}

static struct nemo_value value_of(enum nemo_type type, const char *text)
{
	struct nemo_value value = {0};

	assert_int_equal(nemo_value_read(type, text, &value, NULL), 0);
	return value;
}

static void expect_order(enum nemo_type type, const char *less, const char *more)
{
	struct nemo_value a = value_of(type, less), b = value_of(type, more);

	assert_int_equal(nemo_value_compare(&a, &b), -1);
	assert_int_equal(nemo_value_compare(&b, &a), 1);
	assert_int_equal(nemo_value_compare(&a, &a), 0);
	assert_false(nemo_value_equal(&a, &b));
	assert_true(nemo_value_equal(&b, &b));
}

static void compares(void **state)
{
	expect_order(NEMO_INTEGER, "-9223372036854775808", "9223372036854775807");
	expect_order(NEMO_INTEGER, "9", "10");
	expect_order(NEMO_STRING, "a", "b");
	expect_order(NEMO_STRING, "", "a");
	expect_order(NEMO_STRING, "z", "\xc3\xa9");
	expect_order(NEMO_DATE, "17:59:59", "18:00");
	expect_order(NEMO_DATE, "2025-12-31", "2026-01-01");
	expect_order(NEMO_DATE, "2026-01-01 23:00", "2026-01-02 01:00");
	expect_order(NEMO_IPPREFIX, "192.0.2.1", "192.0.2.243");
	expect_order(NEMO_IPPREFIX, "2001:db8::9", "2001:db8::10");
	expect_order(NEMO_IPPREFIX, "10.0.0.0/8", "10.0.0.0/9");
	expect_order(NEMO_IPPREFIX, "::1", "0.0.0.0");
	expect_order(NEMO_BOOLEAN, "false", "true");
	expect_order(NEMO_ETHADDR, "02:00:00:00:00:01", "02:00:00:00:00:02");
	expect_order(NEMO_UUID, "00000000-0000-0000-0000-000000000000",
		     "00000000-0000-0000-0000-000000000001");
}

/* Dates of other parts and values of other types are different, whatever their order. */
static void differs(void **state)
{
	struct nemo_value time = value_of(NEMO_DATE, "18:00");
	struct nemo_value both = value_of(NEMO_DATE, "2026-01-01 18:00");
	struct nemo_value text = value_of(NEMO_STRING, "18:00:00");
	struct nemo_value mapped = value_of(NEMO_IPPREFIX, "::ffff:192.0.2.1");
	struct nemo_value v4 = value_of(NEMO_IPPREFIX, "192.0.2.1");

	assert_false(nemo_value_equal(&time, &both));
	assert_false(nemo_value_equal(&time, &text));
	assert_false(nemo_value_equal(&mapped, &v4));
}

/* A literal without quotes keeps the bits that the check warns of. */
static void keeps_host_bits(void **state)
{
	struct nemo_prefix prefix;
	struct nemo_value value = {.type = NEMO_IPPREFIX};
	char buf[64];

	assert_int_equal(nemo_prefix_read("10.1.2.3/8", &prefix), 0);
	assert_int_equal(prefix.addr.s6_addr[15], 3);
	value.prefix = prefix;
	assert_string_equal(nemo_value_text(&value, buf, sizeof(buf)), "10.0.0.0/8");
	assert_true(nemo_prefix_clear(&prefix));
	assert_int_equal(prefix.addr.s6_addr[15], 0);
	assert_int_equal(prefix.addr.s6_addr[10], 0xff);
	assert_false(nemo_prefix_clear(&prefix));
	assert_int_equal(nemo_prefix_read("10.1.2.3/x", &prefix), -EINVAL);
}

/* Any prefix: text and back, against the system's own reading of the address. */
static void random_prefixes(void **state)
{
	unsigned int seed = 7;

	for (unsigned int i = 0; i < 20000; i++) {
		struct nemo_value value = {.type = NEMO_IPPREFIX}, again = {0};
		char buf[128], address[INET6_ADDRSTRLEN + 8];
		struct in6_addr back;

		for (unsigned int j = 0; j < 16; j++)
			value.prefix.addr.s6_addr[j] =
				rand_r(&seed) % 3 ? 0 : (uint8_t)rand_r(&seed);
		value.prefix.len = (uint8_t)(rand_r(&seed) % 129);
		nemo_prefix_clear(&value.prefix);
		nemo_value_text(&value, buf, sizeof(buf));
		assert_int_equal(nemo_value_read(NEMO_IPPREFIX, buf, &again, NULL), 0);
		assert_true(nemo_value_equal(&value, &again));
		snprintf(address, sizeof(address), "%.*s", (int)strcspn(buf, "/"), buf);
		assert_int_equal(inet_pton(AF_INET6, address, &back), 1);
		assert_memory_equal(&back, &value.prefix.addr, sizeof(back));
	}
}

static void short_buffers(void **state)
{
	struct nemo_value value = value_of(NEMO_IPPREFIX, "2001:db8::1");
	char buf[6];

	assert_string_equal(nemo_value_text(&value, buf, sizeof(buf)), "2001:");
	assert_string_equal(nemo_value_text(&value, buf, 1), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_and_writes), cmocka_unit_test(compares),
		cmocka_unit_test(differs),	    cmocka_unit_test(keeps_host_bits),
		cmocka_unit_test(random_prefixes),  cmocka_unit_test(short_buffers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
