/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parsers: messages in pieces of any size, values of headers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "grpc/frame.h"
#include "grpc/headers.h"

static void test_pieces(void **state)
{
	static const uint8_t wire[] = "\0\0\0\0\3abc\0\0\0\0\0\0\0\0\0\1z";
	static const char *const want[] = {"abc", "", "z"};

	for (size_t piece = 1; piece < sizeof(wire); piece++) {
		struct frame_in in = {0};
		struct frame_msg msg;
		unsigned int n = 0;

		for (size_t at = 0; at < sizeof(wire) - 1; at += piece) {
			size_t len = sizeof(wire) - 1 - at < piece ? sizeof(wire) - 1 - at : piece;
			const uint8_t *data = wire + at;

			while (frame_feed(&in, 3, &data, &len, &msg) == 1) {
				assert_true(n < 3);
				assert_int_equal(msg.len, strlen(want[n]));
				assert_memory_equal(msg.data, want[n++], msg.len);
			}
			assert_int_equal(len, 0);
		}
		assert_int_equal(n, 3);
		assert_true(frame_idle(&in));
		frame_fini(&in);
	}
}

static void bad(const char *wire, size_t len, int want)
{
	struct frame_in in = {0};
	struct frame_msg msg;
	const uint8_t *data = (const uint8_t *)wire;

	assert_int_equal(frame_feed(&in, 3, &data, &len, &msg), want);
	frame_fini(&in);
}

static void test_bad_frames(void **state)
{
	bad("\1\0\0\0\1", 5, -EOPNOTSUPP);
	bad("\2\0\0\0\1", 5, -EPROTO);
	bad("\0\0\0\0\4", 5, -EMSGSIZE);
	bad("\0\0\0\0", 4, 0);
}

static void test_timeout(void **state)
{
	static const struct {
		const char *text;
		int ret;
		uint64_t ms;
	} cases[] = {
		{"1H", 0, 3600000}, {"2M", 0, 120000},
		{"3S", 0, 3000},    {"99999999m", 0, 99999999},
		{"1001u", 0, 2},    {"1n", 0, 1},
		{"0m", 0, 0},	    {"100000000m", -EINVAL, 0},
		{"m", -EINVAL, 0},  {"", -EINVAL, 0},
		{"5", -EINVAL, 0},  {"-5m", -EINVAL, 0},
		{"5x", -EINVAL, 0},
	};
	char text[HEADERS_TIMEOUT_LEN];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t ms = 0;

		assert_int_equal(headers_timeout_parse(cases[i].text, strlen(cases[i].text), &ms),
				 cases[i].ret);
		assert_int_equal(ms, cases[i].ms);
	}
	headers_timeout_text(1500, text);
	assert_string_equal(text, "1500m");
	headers_timeout_text(4294967295u, text);
	assert_string_equal(text, "4294967S");
}

static void test_message(void **state)
{
	char out[64], back[64];

	headers_message_encode("50% \xc3\xbc\n", out, sizeof(out));
	assert_string_equal(out, "50%25 %C3%BC%0A");
	headers_message_decode(out, strlen(out), back, sizeof(back));
	assert_string_equal(back, "50% \xc3\xbc?");
	headers_message_decode("%4", 2, back, sizeof(back));
	assert_string_equal(back, "%4");
	headers_message_decode("%zz%41", 6, back, sizeof(back));
	assert_string_equal(back, "%zzA");
	assert_int_equal(headers_message_encode("\n\n", out, 4), 3);
	headers_message_decode("abcdef", 6, back, 4);
	assert_string_equal(back, "abc");
}

static void test_values(void **state)
{
	assert_true(headers_content_type("application/grpc", 16));
	assert_true(headers_content_type("application/grpc+proto", 22));
	assert_true(headers_content_type("application/grpc;x=y", 20));
	assert_false(headers_content_type("application/grpc+json", 21));
	assert_false(headers_content_type("application/grpcx", 17));
	assert_false(headers_content_type("application/grp", 15));
	assert_int_equal(headers_status_parse("0", 1), GRPC_OK);
	assert_int_equal(headers_status_parse("16", 2), GRPC_UNAUTHENTICATED);
	assert_int_equal(headers_status_parse("17", 2), GRPC_UNKNOWN);
	assert_int_equal(headers_status_parse("", 0), GRPC_UNKNOWN);
	assert_int_equal(headers_status_parse("1x", 2), GRPC_UNKNOWN);
	assert_int_equal(headers_http_status(503), GRPC_UNAVAILABLE);
	assert_int_equal(headers_http_status(200), GRPC_UNKNOWN);
	assert_string_equal(grpc_status_text(GRPC_NOT_FOUND), "NOT_FOUND");
}

static void test_bytes(void **state)
{
	struct bytes b = {0};
	uint8_t in[100], out = 0, next = 0;

	for (size_t round = 0; round < 200; round++) {
		for (size_t i = 0; i < sizeof(in); i++)
			in[i] = out++;
		assert_int_equal(bytes_add(&b, in, sizeof(in)), 0);
		for (int i = 0; i < (round < 100 ? 60 : 140); i++) {
			assert_int_equal(*bytes_at(&b), next++);
			bytes_drop(&b, 1);
		}
	}
	assert_int_equal(b.len, 0);
	assert_true(b.cap <= 4096);
	bytes_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),	cmocka_unit_test(test_bad_frames),
		cmocka_unit_test(test_timeout), cmocka_unit_test(test_message),
		cmocka_unit_test(test_values),	cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
