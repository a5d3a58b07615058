/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Media types, names, addresses, metrics, errors, text. */
#include "rig.h"

/* ---- media types (RFC 7285, 11; RFC 9275, 6.7) ---- */

static void test_media_types_with_parameters_and_case(void **state)
{
	static const struct {
		const char *text;
		enum alto_media media;
	} rows[] = {
		{"application/alto-directory+json", ALTO_MEDIA_DIRECTORY},
		{"Application/ALTO-costmap+JSON", ALTO_MEDIA_COSTMAP},
		{" application/alto-error+json ; charset=utf-8", ALTO_MEDIA_ERROR},
		{"text/event-stream", ALTO_MEDIA_EVENT_STREAM},
		{"multipart/related;type=application/alto-costmap+json", ALTO_MEDIA_PV_COSTMAP},
		{"multipart/related; boundary=x; type=\"application/alto-costmap+json\"",
		 ALTO_MEDIA_PV_COSTMAP},
		{"multipart/related; start=\"<a;b>\"; TYPE=application/alto-endpointcost+json",
		 ALTO_MEDIA_PV_ENDPOINTCOST},
		{"multipart/related", ALTO_MEDIA_MAX},
		{"multipart/related; type=text/html", ALTO_MEDIA_MAX},
		{"multipart/related; type=\"application/alto-costmap+json", ALTO_MEDIA_MAX},
		{"multipart/related; boundary", ALTO_MEDIA_MAX},
		{"multipart/related; kind=application/alto-costmap+json", ALTO_MEDIA_MAX},
		{"application/alto-costmap", ALTO_MEDIA_MAX},
		{"application/alto-costmap+json2", ALTO_MEDIA_MAX},
		{"application/alto-costmap+json x", ALTO_MEDIA_MAX},
		{"application/json", ALTO_MEDIA_MAX},
		{"", ALTO_MEDIA_MAX},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (alto_media_parse(rows[i].text) != rows[i].media)
			fail_msg("\"%s\" is %u", rows[i].text, alto_media_parse(rows[i].text));
	}
	for (unsigned int i = 0; i < ALTO_MEDIA_MAX; i++)
		assert_int_equal(alto_media_parse(alto_media_type(i)), i);
}

/* ---- names (RFC 7285, 10.1 to 10.3) ---- */

static void test_pid_names_are_1_to_64_characters_without_dots(void **state)
{
	char name[66];

	assert_true(alto_name_valid("AS1:x@y_z-9"));
	assert_false(alto_name_valid(""));
	assert_false(alto_name_valid("a.b"));
	assert_false(alto_name_valid("a b"));
	assert_false(alto_name_valid("\xc3\xa4"));
	assert_true(alto_name_valid_dots("domains.pid"));
	assert_false(alto_name_valid_dots("a/b"));
	memset(name, 'a', 65);
	name[65] = '\0';
	assert_false(alto_name_valid(name));
	name[64] = '\0';
	assert_true(alto_name_valid(name));
}

static void test_tags_are_1_to_64_printable_characters(void **state)
{
	char tag[66];

	assert_true(alto_tag_valid("!~\"\\"));
	assert_false(alto_tag_valid(""));
	assert_false(alto_tag_valid("a b"));
	assert_false(alto_tag_valid("a\x7f"));
	memset(tag, 'a', 65);
	tag[65] = '\0';
	assert_false(alto_tag_valid(tag));
	tag[64] = '\0';
	assert_true(alto_tag_valid(tag));
}

/* ---- addresses (RFC 7285, 10.4) ---- */

static void endpoint(const char *text, const char *want)
{
	char buf[ALTO_ENDPOINT_LEN];
	struct alto_prefix p;

	assert_int_equal(alto_endpoint_parse(text, &p), 0);
	assert_int_equal(p.len, p.family == 4 ? 32 : 128);
	assert_string_equal(alto_endpoint_text(&p, buf), want);
}

static void test_endpoints_are_typed_addresses(void **state)
{
	static const char *const bad[] = {"192.0.2.1",	    "ipv4:192.0.2.0/24", "ipv4:2001:db8::1",
					  "ipv6:192.0.2.1", "IPV4:192.0.2.1",	 "ipv4:",
					  "ipv4:192.0.2",   "ipv6:fe80::1%lo",	 "mac:0:0",
					  "ipv4: 192.0.2.1"};
	struct alto_prefix p;

	endpoint("ipv4:192.0.2.1", "ipv4:192.0.2.1");
	endpoint("ipv6:2001:DB8:0::1", "ipv6:2001:db8::1");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (alto_endpoint_parse(bad[i], &p) != -EINVAL)
			fail_msg("took \"%s\"", bad[i]);
	}
}

static void test_prefixes_have_a_length_and_no_host_bits(void **state)
{
	static const struct {
		const char *text;
		int family, rc;
	} rows[] = {
		{"192.0.2.0/24", 4, 0},
		{"0.0.0.0/0", 4, 0},
		{"255.255.255.254/31", 4, 0},
		{"2001:db8::/32", 6, 0},
		{"::/0", 6, 0},
		{"2001:db8::1/128", 6, 0},
		{"192.0.2.1/24", 4, -EINVAL},
		{"192.0.2.0", 4, -EINVAL},
		{"192.0.2.0/", 4, -EINVAL},
		{"192.0.2.0/33", 4, -EINVAL},
		{"192.0.2.0/024", 4, -EINVAL},
		{"192.0.2.0/+24", 4, -EINVAL},
		{"192.0.2.0/24 ", 4, -EINVAL},
		{"192.0.2.0/24/24", 4, -EINVAL},
		{"2001:db8::/32", 4, -EINVAL},
		{"192.0.2.0/24", 6, -EINVAL},
		{"::/129", 6, -EINVAL},
		{"8000::/0", 6, -EINVAL},
		{"192.0.2.0/24", 0, -EINVAL},
		{"2001:db8:0:1::/63", 6, -EINVAL},
	};
	char buf[ALTO_ENDPOINT_LEN];
	struct alto_prefix p;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (alto_prefix_parse(rows[i].text, rows[i].family, &p) != rows[i].rc)
			fail_msg("\"%s\"", rows[i].text);
		if (rows[i].rc == 0)
			assert_string_equal(alto_prefix_text(&p, buf), rows[i].text);
	}
}

/* ---- metrics (RFC 7285, 10.6; RFC 9439, 3.2) ---- */

static void test_metrics_with_their_operators(void **state)
{
	static const struct {
		const char *text;
		enum alto_metric metric;
		const char *stat;
	} rows[] = {
		{"routingcost", ALTO_ROUTINGCOST, NULL},
		{"hopcount", ALTO_HOPCOUNT, NULL},
		{"hopcount:max", ALTO_HOPCOUNT, "max"},
		{"delay-ow", ALTO_DELAY_OW, NULL},
		{"delay-ow:p95", ALTO_DELAY_OW, "p95"},
		{"delay-rt:p99.9", ALTO_DELAY_RT, "p99.9"},
		{"lossrate:mean", ALTO_LOSSRATE, "mean"},
		{"tput:stddev", ALTO_TPUT, "stddev"},
		{"ane-path", ALTO_ANE_PATH, NULL},
		{"routingcost:mean", ALTO_METRIC_MAX, NULL},
		{"delay-ow:", ALTO_METRIC_MAX, NULL},
		{"delay-ow:mode", ALTO_METRIC_MAX, NULL},
		{"delay", ALTO_METRIC_MAX, NULL},
		{"delay-own", ALTO_METRIC_MAX, NULL},
		{"priv:sand", ALTO_METRIC_MAX, NULL},
	};
	const char *stat;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (alto_metric_parse(rows[i].text, &stat) != rows[i].metric)
			fail_msg("\"%s\"", rows[i].text);
		if (rows[i].stat)
			assert_string_equal(stat, rows[i].stat);
		else
			assert_null(stat);
	}
	for (unsigned int i = 0; i < ALTO_METRIC_MAX; i++)
		assert_int_equal(alto_metric_parse(alto_metric_name(i), &stat), i);
	assert_true(alto_metric_more_is_better(ALTO_BW_RESIDUAL));
	assert_false(alto_metric_more_is_better(ALTO_DELAY_OW));
}

static void test_percentiles_are_0_to_100_with_decimals(void **state)
{
	static const char *const good[] = {"p0",     "p100", "p99.99", "p0.5",
					   "p100.0", "cur",  "stdvar"};
	static const char *const bad[] = {"p",	 "p101",  "p100.1",	"p1.",	  "p.5",
					  "p-1", "p099",  "p9x",	"p9.9.9", "",
					  "P95", "p1000", "p4294967296"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!alto_stat_valid(good[i]))
			fail_msg("refused \"%s\"", good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (alto_stat_valid(bad[i]))
			fail_msg("took \"%s\"", bad[i]);
	}
}

static void test_metric_names_are_at_most_32_characters(void **state)
{
	assert_true(alto_metric_valid("priv:a_b.c-d"));
	assert_false(alto_metric_valid("priv:"));
	assert_false(alto_metric_valid(""));
	assert_false(alto_metric_valid("a@b"));
	assert_true(alto_metric_valid("12345678901234567890123456789012"));
	assert_false(alto_metric_valid("123456789012345678901234567890123"));
}

/* ---- errors (RFC 7285, 8.5.2) ---- */

static void test_errors_name_code_field_and_value(void **state)
{
	struct alto_error e;

	assert_int_equal(alto_syntax(&e, "line 1"), -EINVAL);
	rig_error(&e, "{\"meta\":{\"code\":\"E_SYNTAX\",\"syntax-error\":\"line 1\"}}");
	assert_int_equal(alto_missing(&e, "%s/%s", "cost-type", "cost-mode"), -EINVAL);
	rig_error(&e,
		  "{\"meta\":{\"code\":\"E_MISSING_FIELD\",\"field\":\"cost-type/cost-mode\"}}");
	assert_int_equal(alto_wrong_type(&e, "pids", "must be an array"), -EINVAL);
	rig_error(&e, "{\"meta\":{\"code\":\"E_INVALID_FIELD_TYPE\",\"field\":\"pids\","
		      "\"why\":\"must be an array\"}}");
	assert_int_equal(alto_wrong_value(&e, "pids", "x\n\xff", "must be %d", 7), -EINVAL);
	rig_error(&e, "{\"meta\":{\"code\":\"E_INVALID_FIELD_VALUE\",\"field\":\"pids\","
		      "\"value\":\"x??\",\"why\":\"must be 7\"}}");
	assert_int_equal(e.status, 400);
	assert_int_equal(alto_overload(&e, "busy"), -EBUSY);
	assert_int_equal(e.status, 503);
	rig_error(&e, "{\"meta\":{\"why\":\"busy\"}}");
}

static void test_long_texts_in_errors_are_cut(void **state)
{
	struct alto_error e;
	char text[1000];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	alto_wrong_value(&e, text, text, "%s", text);
	assert_int_equal(strlen(e.field), sizeof(e.field) - 1);
	assert_string_equal(e.value + strlen(e.value) - 3, "...");
}

/* ---- text ---- */

static void number(double value, const char *want)
{
	struct alto_out o = {.max = 100};

	alto_put_number(&o, value);
	assert_string_equal(o.data, want);
	alto_out_fini(&o);
}

static void test_numbers_have_at_most_15_digits(void **state)
{
	number(0, "0");
	number(-0.0, "0");
	number(7, "7");
	number(-7, "-7");
	number(123456789012345, "123456789012345");
	number(1e15, "1e+15");
	number(0.1, "0.1");
	number(0.1 + 0.2, "0.3");
	number(1.5, "1.5");
	number(1.000001, "1.000001");
	number(0.0000001, "1e-07");
	number(-0.25, "-0.25");
	number(1.0 / 3, "0.333333333333333");
	number(999999999.999999, "999999999.999999");
	number(1e300, "1e+300");
	number(1234567890.123456, "1234567890.12346");
}

/* Both ways of writing a fraction must give the same text. */
static void test_short_fractions_are_what_printf_writes(void **state)
{
	char want[64];

	for (unsigned int i = 1; i < 3000000; i += 997) {
		double value = i / 1e6;

		snprintf(want, sizeof(want), "%.15g", value);
		if (strpbrk(want, "e"))
			continue;
		number(value, want);
	}
}

static void test_strings_are_escaped(void **state)
{
	struct alto_out o = {.max = 1000};

	alto_put_string(&o, "a\"b\\c\nd\x01\x1f\t\xc3\xa4/");
	assert_string_equal(o.data, "\"a\\\"b\\\\c\\nd\\u0001\\u001f\\t\xc3\xa4/\"");
	alto_out_fini(&o);
}

static void test_too_much_text_sticks_as_an_error(void **state)
{
	struct alto_out o = {.max = 10};

	alto_puts(&o, "12345");
	alto_puts(&o, "67890");
	assert_int_equal(o.failed, 0);
	alto_puts(&o, "x");
	assert_int_equal(o.failed, -EFBIG);
	alto_puts(&o, "");
	assert_string_equal(o.data, "1234567890");
	alto_out_fini(&o);
	assert_null(o.data);
}

static void test_long_formats_and_json(void **state)
{
	struct alto_out o = {.max = 10000};
	json_t *json = json_pack("{s:i,s:f}", "b", 1, "a", 0.1);

	alto_putf(&o, "%500d", 7);
	assert_int_equal(o.len, 500);
	alto_put_json(&o, json);
	assert_string_equal(o.data + 500, "{\"a\":0.1,\"b\":1}");
	json_decref(json);
	alto_out_fini(&o);
}

static void test_digest_is_the_first_half_of_sha256(void **state)
{
	char tag[ALTO_TAG_LEN];

	alto_digest("abc", 3, tag);
	assert_string_equal(tag, "ba7816bf8f01cfea414140de5dae2223");
	assert_true(alto_tag_valid(tag));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_media_types_with_parameters_and_case),
		cmocka_unit_test(test_pid_names_are_1_to_64_characters_without_dots),
		cmocka_unit_test(test_tags_are_1_to_64_printable_characters),
		cmocka_unit_test(test_endpoints_are_typed_addresses),
		cmocka_unit_test(test_prefixes_have_a_length_and_no_host_bits),
		cmocka_unit_test(test_metrics_with_their_operators),
		cmocka_unit_test(test_percentiles_are_0_to_100_with_decimals),
		cmocka_unit_test(test_metric_names_are_at_most_32_characters),
		cmocka_unit_test(test_errors_name_code_field_and_value),
		cmocka_unit_test(test_long_texts_in_errors_are_cut),
		cmocka_unit_test(test_numbers_have_at_most_15_digits),
		cmocka_unit_test(test_short_fractions_are_what_printf_writes),
		cmocka_unit_test(test_strings_are_escaped),
		cmocka_unit_test(test_too_much_text_sticks_as_an_error),
		cmocka_unit_test(test_long_formats_and_json),
		cmocka_unit_test(test_digest_is_the_first_half_of_sha256),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
