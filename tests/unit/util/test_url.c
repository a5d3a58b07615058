/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "util/own.h"
#include "util/url.h"

static void test_parts(void **state)
{
	OWN_URL struct url url = {0};

	assert_int_equal(url_split("https://Hooks.Example/a/../b?x=1", &url), 0);
	assert_string_equal(url.scheme, "https");
	assert_string_equal(url.host, "hooks.example");
	assert_string_equal(url.port, "443");
	assert_string_equal(url.path, "/b");
	assert_false(url.user);
	assert_false(url.fragment);
}

static void test_user_and_fragment(void **state)
{
	OWN_URL struct url url = {0};
	OWN_URL struct url only_name = {0};

	assert_int_equal(url_split("http://a:b@[::1]:8080/#f", &url), 0);
	assert_string_equal(url.host, "[::1]");
	assert_string_equal(url.port, "8080");
	assert_true(url.user);
	assert_true(url.fragment);
	assert_int_equal(url_split("http://a@127.0.0.1/", &only_name), 0);
	assert_true(only_name.user);
}

static void test_none(void **state)
{
	static const char *const bad[] = {
		"", "hooks.example", "https://", "https://a b/", "http://h:99999/", "http://[::1/"};
	struct url url = {0};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (url_split(bad[i], &url) != -EINVAL)
			fail_msg("taken: %s", bad[i]);
}

static void test_loopback(void **state)
{
	static const char *const yes[] = {"localhost", "LOCALHOST", "127.0.0.1", "127.9.8.7",
					  "[::1]"};
	static const char *const no[] = {"",	  "localhost.example", "128.0.0.1",
					 "[::2]", "127.0.0.1.example", "::1"};

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		assert_true(url_is_loopback(yes[i]));
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		assert_false(url_is_loopback(no[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_user_and_fragment),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_loopback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
