/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "util/err.h"

static char buf[512];

static void test_all_parts(void **state)
{
	struct err err = {0};

	assert_int_equal(err_set(&err, -EINVAL, "/weight", "-3", "must be %d..%d", 0, 1000),
			 -EINVAL);
	assert_int_equal(err_prefix(&err, "/evaluation/%d", 0), -EINVAL);
	assert_int_equal(err_object(&err, "service %s", "0x101"), -EINVAL);
	assert_string_equal(err_text(&err, buf, sizeof(buf)),
			    "service 0x101: /evaluation/0/weight: is -3, must be 0..1000");
}

static void test_parts_left_out(void **state)
{
	struct err err = {0};

	err_set(&err, -ENOENT, NULL, NULL, NULL);
	assert_string_equal(err_text(&err, buf, sizeof(buf)), "No such file or directory");
	err_set(&err, -EINVAL, "/name", NULL, "is missing");
	assert_string_equal(err_text(&err, buf, sizeof(buf)), "/name: is missing");
	err_object(&err, "service 0x1");
	err_set(&err, -EINVAL, "", "x", "must be y");
	assert_string_equal(err_text(&err, buf, sizeof(buf)), "is x, must be y");
}

static void test_null(void **state)
{
	assert_int_equal(err_set(NULL, -ENOSPC, "/a", "b", "c"), -ENOSPC);
	assert_int_equal(err_object(NULL, "x"), 0);
	assert_int_equal(err_prefix(NULL, "/x"), 0);
}

static void test_long_values_are_cut(void **state)
{
	struct err err = {0};
	char text[300];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&err, -EINVAL, text, text, "%s", text);
	assert_int_equal(strlen(err.field), sizeof(err.field) - 1);
	assert_string_equal(err.field + sizeof(err.field) - 4, "...");
	assert_string_equal(err.value + sizeof(err.value) - 4, "...");
	assert_string_equal(err.want + sizeof(err.want) - 4, "...");
	text[sizeof(err.value) - 1] = '\0'; /* fits exactly */
	err_set(&err, -EINVAL, "", text, "w");
	assert_string_equal(err.value, text);
	err_prefix(&err, "/%s", text);
	assert_int_equal(strlen(err.field), sizeof(err.field) - 1);
	assert_string_equal(err_text(&err, buf, 8), buf);
	assert_int_equal(strlen(buf), 7);
}

static void test_texts_are_clean_utf8(void **state)
{
	struct err err = {0};
	char text[200] = "";

	err_set(&err, -EINVAL, "", "a\nb\x1b\xff\xc3\xa4\xc3", "w");
	assert_string_equal(err.value, "a?b??\xc3\xa4?");
	err_set(&err, -EINVAL, "", "\xed\xa0\x80|\xc0\xaf|\xf4\x90\x80\x80|\xe2\x82\xac", "w");
	assert_string_equal(err.value, "???|??|????|\xe2\x82\xac");
	for (size_t i = 0; i < 60; i++)
		strcat(text, "\xe2\x82\xac");
	err_set(&err, -EINVAL, "", text, "w");
	/* cut between characters: 30 of 3 bytes, dots */
	assert_int_equal(strlen(err.value), 30 * 3 + 3);
	assert_string_equal(err.value + 30 * 3, "...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_parts),
		cmocka_unit_test(test_parts_left_out),
		cmocka_unit_test(test_null),
		cmocka_unit_test(test_long_values_are_cut),
		cmocka_unit_test(test_texts_are_clean_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
