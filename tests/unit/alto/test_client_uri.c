/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client_test.h"

static void resolves(const char *base, const char *ref, const char *want)
{
	char *uri = alto_uri_resolve(base, ref);

	if (want)
		assert_string_equal(uri, want);
	else
		assert_null(uri);
	free(uri);
}

/* RFC 3986, 5.4.1 and 5.4.2: all of their examples. */
static const char *const examples[][2] = {
	{"g:h", "g:h"},
	{"g", "http://a/b/c/g"},
	{"./g", "http://a/b/c/g"},
	{"g/", "http://a/b/c/g/"},
	{"/g", "http://a/g"},
	{"//g", "http://g"},
	{"?y", "http://a/b/c/d;p?y"},
	{"g?y", "http://a/b/c/g?y"},
	{"#s", "http://a/b/c/d;p?q#s"},
	{"g#s", "http://a/b/c/g#s"},
	{"g?y#s", "http://a/b/c/g?y#s"},
	{";x", "http://a/b/c/;x"},
	{"g;x", "http://a/b/c/g;x"},
	{"g;x?y#s", "http://a/b/c/g;x?y#s"},
	{"", "http://a/b/c/d;p?q"},
	{".", "http://a/b/c/"},
	{"./", "http://a/b/c/"},
	{"..", "http://a/b/"},
	{"../", "http://a/b/"},
	{"../g", "http://a/b/g"},
	{"../..", "http://a/"},
	{"../../", "http://a/"},
	{"../../g", "http://a/g"},
	{"../../../g", "http://a/g"},
	{"../../../../g", "http://a/g"},
	{"/./g", "http://a/g"},
	{"/../g", "http://a/g"},
	{"g.", "http://a/b/c/g."},
	{".g", "http://a/b/c/.g"},
	{"g..", "http://a/b/c/g.."},
	{"..g", "http://a/b/c/..g"},
	{"./../g", "http://a/b/g"},
	{"./g/.", "http://a/b/c/g/"},
	{"g/./h", "http://a/b/c/g/h"},
	{"g/../h", "http://a/b/c/h"},
	{"g;x=1/./y", "http://a/b/c/g;x=1/y"},
	{"g;x=1/../y", "http://a/b/c/y"},
	{"g?y/./x", "http://a/b/c/g?y/./x"},
	{"g?y/../x", "http://a/b/c/g?y/../x"},
	{"g#s/./x", "http://a/b/c/g#s/./x"},
	{"g#s/../x", "http://a/b/c/g#s/../x"},
	{"http:g", "http:g"},
};

static void test_rfc3986_examples(void **state)
{
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
		resolves("http://a/b/c/d;p?q", examples[i][0], examples[i][1]);
}

static void test_base_without_path(void **state)
{
	resolves("https://alto.example:8443", "costmap", "https://alto.example:8443/costmap");
	resolves("https://alto.example?q", "/a/../b", "https://alto.example/b");
	resolves("https://[2001:db8::1]:8443/alto/directory", "/alto/x",
		 "https://[2001:db8::1]:8443/alto/x");
	resolves("mailto:a", "g/../../h", "mailto:/h");
}

static void test_no_uri(void **state)
{
	resolves("alto.example/x", "y", NULL);
	resolves("http://a/", "b c", NULL);
	resolves("http://a/", "b\nc", NULL);
	resolves("http://a/", "b\x80", NULL);
	resolves("http://a/", "<b>", NULL);
	resolves("http://a b/", "c", NULL);
}

static void test_same_origin(void **state)
{
	assert_true(alto_uri_same_origin("https://a/x", "HTTPS://A:443/y?z"));
	assert_true(alto_uri_same_origin("http://a:80", "http://a/"));
	assert_true(alto_uri_same_origin("https://[::1]:8443/", "https://[::1]:8443/a"));
	assert_false(alto_uri_same_origin("https://a/x", "http://a/x"));
	assert_false(alto_uri_same_origin("https://a/x", "https://b/x"));
	assert_false(alto_uri_same_origin("https://a/x", "https://a:8443/x"));
	assert_false(alto_uri_same_origin("https://a/x", "https://a:80/x"));
	assert_false(alto_uri_same_origin("https://a/x", "https://a.b/x"));
	assert_false(alto_uri_same_origin("/x", "/x"));
	assert_false(alto_uri_same_origin("mailto:a", "mailto:a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc3986_examples),
		cmocka_unit_test(test_base_without_path),
		cmocka_unit_test(test_no_uri),
		cmocka_unit_test(test_same_origin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
