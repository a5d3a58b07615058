/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "util/clock.h"
#include "util/name.h"
#include "util/own.h"

static void test_names(void **state)
{
	static const char *const bad[] = {"", " ", "a b", "a/b", "a\n", "\xc3\xa4", "a:b"};
	char text[NAME_LEN + 1];

	assert_true(name_valid("a"));
	assert_true(name_valid("Web-1.site_2"));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(name_valid(bad[i]));
	memset(text, 'x', sizeof(text));
	text[NAME_LEN] = '\0'; /* 64 characters */
	assert_false(name_valid(text));
	text[NAME_LEN - 1] = '\0';
	assert_true(name_valid(text));
}

static void test_service_ids(void **state)
{
	static const struct {
		const char *text;
		uint64_t id;
	} good[] = {
		{"0x101", 0x101},
		{"257", 257},
		{"1", 1},
		{"0x0001", 1},
		{"0xABCdef", 0xabcdef},
		{"0xffffffffffffffff", UINT64_MAX},
		{"18446744073709551615", UINT64_MAX},
	};
	uint64_t id;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(svc_id_parse(good[i].text, &id), 0);
		assert_true(id == good[i].id);
	}
}

static void test_bad_service_ids(void **state)
{
	static const char *const bad[] = {"",
					  "0",
					  "0x",
					  "0x0",
					  "-1",
					  "+1",
					  " 1",
					  "1 ",
					  "0x1g",
					  "12a",
					  "010",
					  "0X1",
					  "x1",
					  "0x10000000000000000",
					  "18446744073709551616"};
	uint64_t id = 42;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(svc_id_parse(bad[i], &id), -EINVAL);
	assert_true(id == 42);
}

static void test_service_id_text(void **state)
{
	char buf[SVC_ID_TEXT];

	assert_string_equal(svc_id_text(0x101, buf), "0x101");
	assert_string_equal(svc_id_text(UINT64_MAX, buf), "0xffffffffffffffff");
}

static void test_clock(void **state)
{
	char id[37], again[37];
	uint64_t before = clock_us();

	assert_true(before > 0);
	assert_true(clock_us() >= before);
	assert_int_equal(clock_boot_id(id), 0);
	assert_int_equal(strlen(id), 36);
	assert_int_equal(clock_boot_id(again), 0);
	assert_string_equal(id, again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),		cmocka_unit_test(test_service_ids),
		cmocka_unit_test(test_bad_service_ids), cmocka_unit_test(test_service_id_text),
		cmocka_unit_test(test_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
