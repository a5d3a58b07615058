/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client_test.h"

/* Events as text: "[type|data]". */
struct seen {
	char text[1024];
	unsigned int n, stop_at;
};

static int each(void *arg, const struct alto_event *event)
{
	struct seen *s = arg;
	size_t at = strlen(s->text);

	assert_int_equal(event->data[event->len], '\0');
	snprintf(s->text + at, sizeof(s->text) - at, "[%s|%s]", event->type, event->data);
	return ++s->n == s->stop_at ? -ECANCELED : 0;
}

static int fed(const char *bytes, size_t len, size_t piece, struct seen *s)
{
	struct alto_events *e = alto_events_new();
	int rc = 0;

	assert_non_null(e);
	for (size_t at = 0; at < len && !rc; at += piece) {
		size_t n = len - at < piece ? len - at : piece;
		/* an exact copy: what is read behind it is found */
		char *copy = malloc(n);

		memcpy(copy, bytes + at, n);
		rc = alto_events_feed(e, copy, n, each, s);
		free(copy);
	}
	alto_events_free(e);
	return rc;
}

/* The same events, whatever the pieces. */
static void gives(const char *bytes, size_t len, const char *want)
{
	for (size_t piece = 1; piece <= len; piece++) {
		struct seen s = {0};

		assert_int_equal(fed(bytes, len, piece, &s), 0);
		assert_string_equal(s.text, want);
	}
}

#define GIVES(bytes, want) gives(bytes, sizeof(bytes) - 1, want)

static void test_rfc8895_5_events(void **state)
{
	GIVES("event: application/alto-updatestreamcontrol+json\n"
	      "data: {\"control-uri\":\n"
	      "data: \"https://alto.example.com/updates/streams/3141592653589\"}\n"
	      "\n"
	      "event: application/alto-networkmap+json,1\n"
	      "data: {}\n\n",
	      "[application/alto-updatestreamcontrol+json|{\"control-uri\":\n"
	      "\"https://alto.example.com/updates/streams/3141592653589\"}]"
	      "[application/alto-networkmap+json,1|{}]");
}

static void test_line_ends(void **state)
{
	GIVES("event:a\ndata:1\n\ndata:2\n\n", "[a|1][|2]");
	GIVES("event:a\rdata:1\r\rdata:2\r\r", "[a|1][|2]");
	GIVES("event:a\r\ndata:1\r\n\r\ndata:2\r\n\r\n", "[a|1][|2]");
	GIVES("event:a\rdata:1\n\r\ndata:2\r\n\n", "[a|1][|2]");
}

static void test_comments_and_other_fields(void **state)
{
	GIVES(":\n: hello\n\n:x\ndata: 1\n: between\nid: 7\nretry: 10\nnew: x\nData: 9\n\n",
	      "[|1]");
}

static void test_data_of_several_lines(void **state)
{
	GIVES("data: YHOO\ndata: +2\ndata: 10\n\n", "[|YHOO\n+2\n10]");
	GIVES("data:a\n\ndata\n\ndata\ndata\n\ndata:", "[|a][|][|\n]");
	GIVES("data:test\n\ndata: test\n\ndata:  two\n\n", "[|test][|test][| two]");
}

static void test_event_without_data_is_none(void **state)
{
	GIVES("event: a\n\ndata: 1\n\n", "[|1]");
	GIVES("event: a\nevent: b\ndata: 1\n\n", "[b|1]");
}

static void test_incomplete_event_is_none(void **state)
{
	GIVES("data: 1\n", "");
	GIVES("data: 1\n\ndata: 2", "[|1]");
}

static void test_byte_order_mark(void **state)
{
	GIVES("\xef\xbb\xbf"
	      "data: 1\n\n",
	      "[|1]");
	GIVES("\xef\xbb\xbf\n\xef\xbb\xbf"
	      "data: 1\n\ndata: 2\n\n",
	      "[|2]");
	GIVES("\xef\xbb"
	      "data: 1\n\n",
	      "");
}

static void test_stops_when_told(void **state)
{
	static const char two[] = "data: 1\n\ndata: 2\n\ndata: 3\n\n";
	struct seen s = {.stop_at = 2};
	struct alto_events *e = alto_events_new();

	assert_int_equal(alto_events_feed(e, two, sizeof(two) - 1, each, &s), -ECANCELED);
	assert_string_equal(s.text, "[|1][|2]");
	assert_int_equal(alto_events_feed(e, two, sizeof(two) - 1, each, &s), -ECANCELED);
	assert_int_equal(s.n, 2);
	alto_events_free(e);
	alto_events_free(NULL);
}

/* One by one: what is left of the bytes is the caller's, and data that was taken, too. */
static void test_one_by_one(void **state)
{
	static const char text[] =
		"event: a\ndata: 1\n\n: \n\ndata\n\nevent: b\ndata: 22\n\ndata: 3";
	const char *bytes = text;
	size_t len = sizeof(text) - 1;
	struct alto_events *e = alto_events_new();
	struct alto_event event;
	char *taken;

	assert_int_equal(alto_events_next(e, &bytes, &len, &event), 1);
	assert_string_equal(event.type, "a");
	assert_string_equal(event.data, "1");
	assert_memory_equal(bytes, ": \n", 3);
	taken = alto_events_take(e);
	assert_ptr_equal(taken, event.data);
	assert_int_equal(alto_events_next(e, &bytes, &len, &event), 1);
	assert_string_equal(event.type, "");
	assert_int_equal(event.len, 0);
	assert_string_equal(event.data, "");
	assert_int_equal(alto_events_next(e, &bytes, &len, &event), 1);
	assert_string_equal(event.type, "b");
	assert_int_equal(event.len, 2);
	assert_int_equal(alto_events_next(e, &bytes, &len, &event), 0);
	assert_int_equal(len, 0);
	bytes = "\n\n";
	len = 2;
	assert_int_equal(alto_events_next(e, &bytes, &len, &event), 1);
	assert_string_equal(event.data, "3");
	assert_string_equal(taken, "1");
	free(taken);
	alto_events_free(e);
}

static int count(void *arg, const struct alto_event *event)
{
	*(size_t *)arg += event->len;
	return 0;
}

static int feed_many(struct alto_events *e, size_t n, size_t *sum)
{
	static char block[1u << 20];
	int rc = 0;

	memset(block, 'x', sizeof(block));
	for (; n && !rc; n -= n < sizeof(block) ? n : sizeof(block))
		rc = alto_events_feed(e, block, n < sizeof(block) ? n : sizeof(block), count, sum);
	return rc;
}

static void test_limit_of_a_line(void **state)
{
	struct alto_events *e = alto_events_new();
	size_t sum = 0;

	assert_int_equal(alto_events_feed(e, "data:", 5, count, &sum), 0);
	assert_int_equal(feed_many(e, ALTO_EVENT_LINE_MAX - 5, &sum), 0);
	assert_int_equal(alto_events_feed(e, "\n\n", 2, count, &sum), 0);
	assert_int_equal(sum, ALTO_EVENT_LINE_MAX - 5);
	assert_int_equal(alto_events_feed(e, "data:1\n\n", 8, count, &sum), 0);
	assert_int_equal(sum, ALTO_EVENT_LINE_MAX - 4);
	assert_int_equal(feed_many(e, ALTO_EVENT_LINE_MAX + 1, &sum), -EFBIG);
	assert_int_equal(alto_events_feed(e, "\n\n", 2, count, &sum), -EFBIG);
	alto_events_free(e);
}

static void test_limit_of_an_event(void **state)
{
	struct alto_events *e = alto_events_new();
	size_t sum = 0;
	int rc = 0;

	for (int i = 0; i < 4; i++) {
		assert_int_equal(rc, 0);
		alto_events_feed(e, "data:", 5, count, &sum);
		feed_many(e, ALTO_EVENT_LINE_MAX - 5, &sum);
		rc = alto_events_feed(e, "\n", 1, count, &sum);
	}
	assert_int_equal(rc, 0);
	alto_events_feed(e, "data:", 5, count, &sum);
	feed_many(e, ALTO_EVENT_LINE_MAX - 5, &sum);
	assert_int_equal(alto_events_feed(e, "\n\n", 2, count, &sum), -EFBIG);
	assert_int_equal(sum, 0);
	alto_events_free(e);
}

static void test_limit_of_a_type(void **state)
{
	char text[300] = "event:";
	struct seen s = {0};

	memset(text + 6, 'a', 191);
	strcpy(text + 6 + 191, "\ndata:1\n\n");
	assert_int_equal(fed(text, strlen(text), 300, &s), 0);
	assert_int_equal(s.n, 1);
	memset(text + 6, 'a', 192);
	strcpy(text + 6 + 192, "\ndata:1\n\n");
	assert_int_equal(fed(text, strlen(text), 300, &s), -EFBIG);
	assert_int_equal(s.n, 1);
}

/* ---- event: field (RFC 8895, 5.2) ---- */

static void named(const char *type, enum alto_media media, const char *substream, const char *part)
{
	struct alto_event_name name;

	assert_int_equal(alto_event_name(type, &name), 0);
	assert_int_equal(name.media, media);
	assert_string_equal(name.substream, substream);
	assert_string_equal(name.part, part);
}

static void test_rfc8895_5_2_names(void **state)
{
	static const char *const bad[] = {
		"",
		",",
		"application/merge-patch+json",
		"application/merge-patch+json,",
		"application/merge-patch+json,a b",
		"application/merge-patch+json,a.",
		"application/merge-patch+json,.a",
		"application/merge-patch+json,a.b.c",
		"application/json,a",
		"application/alto-updatestreamcontrol+json,a",
		"a",
		"application/merge-patch+json,"
		"a1234567890123456789012345678901234567890123456789012345678901234",
	};
	struct alto_event_name name;

	named("application/alto-updatestreamcontrol+json", ALTO_MEDIA_UPDATESTREAMCONTROL, "", "");
	named("application/merge-patch+json,my-cost", ALTO_MEDIA_MERGE_PATCH, "my-cost", "");
	named("application/merge-patch+json,my-cost.part", ALTO_MEDIA_MERGE_PATCH, "my-cost",
	      "part");
	named("multipart/related;boundary=x;type=application/alto-costmap+json,pv",
	      ALTO_MEDIA_PV_COSTMAP, "pv", "");
	named("application/alto-networkmap+json,0", ALTO_MEDIA_NETWORKMAP, "0", "");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(alto_event_name(bad[i], &name), -EINVAL);
}

/* ---- control events (RFC 8895, 5.3) ---- */

static void refuses_control(const char *text, const char *want)
{
	json_t *root = NULL;

	REFUSED(alto_control_parse(q(text), strlen(text), &root, &err), -EINVAL, want);
	assert_null(root);
}

static void test_rfc8895_5_3_control(void **state)
{
	const char *text = q("{'control-uri': '/u/1', 'started': ['a'], 'stopped': [],"
			     " 'description': 'x', 'new': {}}");
	json_t *root = NULL;

	assert_int_equal(alto_control_parse(text, strlen(text), &root, &err), 0);
	assert_string_equal(json_string_value(json_object_get(root, "control-uri")), "/u/1");
	json_decref(root);
	refuses_control("{'control-uri': 1}", "/control-uri: is 1, must be a string");
	refuses_control("{'started': 'a'}", "/started: is \"a\", must be an array");
	refuses_control("{'stopped': ['a', 2]}", "/stopped/1: is 2, must be a string");
	refuses_control("{'description': []}", "/description: is [], must be a string");
	refuses_control("[]", "is [], must be an object");
}

/* ---- errors (RFC 7285, 8.5) ---- */

static void says(const char *text, long status, int code, const char *want)
{
	char buf[512];

	alto_error_parse(q(text), strlen(text), status, &err);
	assert_int_equal(err.code, code);
	assert_string_equal(err_text(&err, buf, sizeof(buf)), want);
}

static void test_rfc7285_8_5_errors(void **state)
{
	says("{'meta': {'code': 'E_INVALID_FIELD_VALUE', 'field': 'cost-type/cost-metric',"
	     " 'value': 'x'}}",
	     400, -EINVAL,
	     "cost-type/cost-metric: is x, the server answers HTTP 400: E_INVALID_FIELD_VALUE");
	says("{'meta': {'code': 'E_SYNTAX', 'syntax-error': 'line 1'}}", 400, -EINVAL,
	     "the server answers HTTP 400: E_SYNTAX: line 1");
	says("{'meta': {'why': 'too much'}}", 503, -EAGAIN,
	     "the server answers HTTP 503: too much");
	says("{'meta': {'code': 7}}", 500, -EPROTO,
	     "the server answers HTTP 500: {\"meta\": {\"code\": 7}}");
}

static void test_other_errors(void **state)
{
	says("", 404, -ENOENT, "the server answers HTTP 404");
	says("<html>no\nway", 403, -EACCES, "the server answers HTTP 403: <html>no");
	says("[1]", 401, -EACCES, "the server answers HTTP 401: [1]");
	alto_error_parse("a\0b", 3, 502, &err);
	assert_string_equal(err.want, "the server answers HTTP 502: a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc8895_5_events),
		cmocka_unit_test(test_line_ends),
		cmocka_unit_test(test_comments_and_other_fields),
		cmocka_unit_test(test_data_of_several_lines),
		cmocka_unit_test(test_event_without_data_is_none),
		cmocka_unit_test(test_incomplete_event_is_none),
		cmocka_unit_test(test_byte_order_mark),
		cmocka_unit_test(test_stops_when_told),
		cmocka_unit_test(test_one_by_one),
		cmocka_unit_test(test_limit_of_a_line),
		cmocka_unit_test(test_limit_of_an_event),
		cmocka_unit_test(test_limit_of_a_type),
		cmocka_unit_test(test_rfc8895_5_2_names),
		cmocka_unit_test(test_rfc8895_5_3_control),
		cmocka_unit_test(test_rfc7285_8_5_errors),
		cmocka_unit_test(test_other_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
