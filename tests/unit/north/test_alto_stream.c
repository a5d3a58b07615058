/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Update streams (RFC 8895) over HTTP, from the broker's input to the client. */
#include "unit/north/updates_rig.h"

#define MAP_AND_COSTS                                                                              \
	"{\"add\":{\"m\":{\"resource-id\":\"domains\"},"                                           \
	"\"c\":{\"resource-id\":\"domains-routingcost\"}}}"
#define WHOLE_MAPS "{\"add\":{\"m\":{\"resource-id\":\"domains\",\"incremental-changes\":false}}}"

/* ---- a client of a stream ---- */

struct sse {
	struct rig *rig;
	int fd;
	char *raw; /* head and chunks as they came */
	size_t len, cap;
	char *text; /* of the chunks */
	bool ended; /* the last chunk was there */
	bool closed;
};

static void sse_ask(struct rig *rig, struct sse *sse, const char *params)
{
	char request[512];

	*sse = (struct sse){.rig = rig, .fd = rig_connect(rig), .cap = 64u << 20};
	sse->raw = calloc(1, sse->cap);
	snprintf(request, sizeof(request),
		 "POST /alto/updates HTTP/1.1\r\nHost: alto.example\r\n" STREAM_TYPE
		 "Accept: text/event-stream, application/alto-error+json\r\n"
		 "Content-Length: %zu\r\n\r\n%s",
		 strlen(params), params);
	rig_say(rig, sse->fd, request);
}

static void sse_free(struct sse *sse)
{
	close(sse->fd);
	free(sse->raw);
	free(sse->text);
}

static void sse_decode(struct sse *sse)
{
	char *at = strstr(sse->raw, "\r\n\r\n"), *out, *end;
	size_t n;

	free(sse->text);
	out = sse->text = calloc(1, sse->len + 1);
	if (!at)
		return;
	for (at += 4; at < sse->raw + sse->len; at = end + n + 4) {
		end = strstr(at, "\r\n");
		n = strtoul(at, NULL, 16);
		if (!end || end + 2 + n + 2 > sse->raw + sse->len)
			return;
		if (n == 0)
			sse->ended = true;
		memcpy(out, end + 2, n);
		out += n;
	}
}

static void sse_read(struct sse *sse)
{
	ssize_t n = recv(sse->fd, sse->raw + sse->len, sse->cap - 1 - sse->len, MSG_DONTWAIT);

	if (n < 0)
		rig_turn(sse->rig);
	sse->closed = n == 0;
	sse->len += n > 0 ? n : 0;
	if (n > 0)
		sse_decode(sse);
}

static unsigned int count(const char *text, const char *what)
{
	unsigned int n = 0;

	for (; text && (text = strstr(text, what)); text++)
		n++;
	return n;
}

/* The n-th time. */
static void sse_wait(struct sse *sse, const char *what, unsigned int n)
{
	uint64_t until = clock_us() + RIG_PATIENCE_US;

	while (count(sse->text, what) < n) {
		sse_read(sse);
		if (clock_us() > until)
			fail_msg("no %u times %s in: %s", n, what, sse->text ? sse->text : "");
	}
}

static void sse_wait_end(struct sse *sse)
{
	rig_until(sse->rig, (sse_read(sse), sse->ended));
}

/* A turn or two in which nothing comes. */
static void sse_quiet(struct sse *sse, const char *what, unsigned int n)
{
	for (int i = 0; i < 200; i++)
		sse_read(sse);
	assert_int_equal(count(sse->text, what), n);
}

/* What has come is nothing but whole events. */
static bool sse_whole(const struct sse *sse)
{
	size_t len = strlen(sse->text);

	return len > 2 && !strcmp(sse->text + len - 2, "\n\n");
}

static void sse_open(struct rig *rig, struct sse *sse, const char *params)
{
	sse_ask(rig, sse, params);
	sse_wait(sse, "control-uri", 1);
}

/* Path of the control URI. */
static const char *control_path(const struct sse *sse)
{
	static char path[128];
	const char *at = strstr(sse->text, "/alto/updates/");

	assert_non_null(at);
	snprintf(path, sizeof(path), "%.*s", (int)strcspn(at, "\""), at);
	return path;
}

static int control(struct sse *sse, const char *params)
{
	char request[192];

	snprintf(request, sizeof(request), "POST %s", control_path(sse));
	return status_at(sse->rig, &unix_place, request, STREAM_TYPE, params);
}

/* ---- update streams ---- */

static void test_stream_begins_with_control_uri_and_maps(void **state)
{
	struct rig *rig = *state;
	struct sse sse;

	sse_open(rig, &sse, MAP_AND_COSTS);
	sse_wait(&sse, "\n\n", 3);
	assert_int_equal(strncmp(sse.raw, "HTTP/1.1 200 ", 13), 0);
	assert_non_null(strcasestr(sse.raw, "content-type: text/event-stream\r\n"));
	assert_non_null(strstr(sse.text, "{\"control-uri\":\"http://alto.example/alto/updates/"));
	assert_true(strstr(sse.text, "event: application/alto-networkmap+json,m\n") <
		    strstr(sse.text, "event: application/alto-costmap+json,c\n"));
	assert_int_equal(stats(rig).streams, 1);
	sse_free(&sse);
}

static void test_change_of_a_link_is_pushed(void **state)
{
	struct rig *rig = *state;
	struct sse sse;

	sse_open(rig, &sse, MAP_AND_COSTS);
	set_cost(rig, 7);
	sse_wait(&sse, "event: application/merge-patch+json,c\n", 1);
	assert_int_equal(count(sse.text, "merge-patch+json,m\n"), 0);
	set_cost(rig, 8);
	sse_wait(&sse, "event: application/merge-patch+json,c\n", 2);
	sse_free(&sse);
}

static void test_all_streams_are_told(void **state)
{
	struct rig *rig = *state;
	struct sse sse[5];

	for (size_t i = 0; i < ARRAY_SIZE(sse); i++)
		sse_open(rig, &sse[i], MAP_AND_COSTS);
	set_cost(rig, 7);
	for (size_t i = 0; i < ARRAY_SIZE(sse); i++) {
		sse_wait(&sse[i], "event: application/merge-patch+json,c\n", 1);
		sse_free(&sse[i]);
	}
}

static void test_bad_params_are_alto_errors(void **state)
{
	struct rig *rig = *state;
	char type[256];
	struct got g;

	ask_at(rig, &unix_place, "POST /alto/updates", STREAM_TYPE, "{}", &g);
	assert_int_equal(g.a.status, 400);
	assert_string_equal(header_of(&g, "Content-Type", type), "application/alto-error+json");
	assert_non_null(strstr(g.a.body, "E_MISSING_FIELD"));
	got_free(&g);
	assert_int_equal(status_at(rig, &unix_place, "POST /alto/updates", "", MAP), 415);
	assert_int_equal(status_at(rig, &unix_place, "GET /alto/updates", "", NULL), 405);
	assert_int_equal(stats(rig).streams, 0);
}

static void test_control_adds_and_removes(void **state)
{
	struct rig *rig = *state;
	struct sse sse;

	sse_open(rig, &sse, MAP);
	assert_int_equal(control(&sse, "{\"add\":{\"c\":" COSTS "}}"), 202);
	sse_wait(&sse, "{\"started\":[\"c\"]}", 1);
	sse_wait(&sse, "event: application/alto-costmap+json,c\n", 1);
	assert_int_equal(control(&sse, "{\"remove\":[\"c\"]}"), 204);
	sse_wait(&sse, "{\"stopped\":[\"c\"]}", 1);
	set_cost(rig, 9);
	sse_quiet(&sse, "merge-patch", 0);
	sse_free(&sse);
}

static void test_stream_ends_when_all_is_removed(void **state)
{
	struct rig *rig = *state;
	struct sse sse;

	sse_open(rig, &sse, MAP);
	assert_int_equal(control(&sse, "{\"remove\":[\"m\"]}"), 204);
	sse_wait(&sse, "{\"stopped\":[\"m\"]}", 1);
	sse_wait_end(&sse);
	assert_int_equal(control(&sse, "{\"add\":{\"c\":" COSTS "}}"), 404);
	rig_until(rig, stats(rig).streams == 0);
	sse_free(&sse);
}

static void test_control_of_no_stream_is_404(void **state)
{
	struct rig *rig = *state;
	struct sse sse;

	assert_int_equal(status_at(rig, &unix_place,
				   "POST /alto/updates/00112233445566778899aabbccddeeff",
				   STREAM_TYPE, "{\"remove\":[]}"),
			 404);
	sse_open(rig, &sse, MAP);
	assert_int_equal(control(&sse, "{\"remove\":[\"x\"]}"), 400);
	assert_int_equal(control(&sse, "{"), 400);
	sse_free(&sse);
}

static void test_control_uris_cannot_be_guessed(void **state)
{
	struct rig *rig = *state;
	struct sse a, b;
	char first[128];

	sse_open(rig, &a, MAP);
	sse_open(rig, &b, MAP);
	snprintf(first, sizeof(first), "%s", control_path(&a));
	assert_int_equal(strlen(first), strlen("/alto/updates/") + 32);
	assert_string_not_equal(first, control_path(&b));
	sse_free(&a);
	sse_free(&b);
}

static void test_keep_alive_when_nothing_happens(void **state)
{
	struct rig *rig = *state;
	struct alto_streams *s = rig->north->alto.streams;
	uint64_t begin = clock_us(); /* before it was told anything */
	struct sse sse;

	sse_open(rig, &sse, MAP);
	rig_until(rig, (sse_read(&sse), count(sse.text, "\n\n") == 2));
	alto_streams_tick(s, begin + (ALTO_KEEPALIVE_S - 1) * SECOND);
	sse_quiet(&sse, "\n:\n\n", 0);
	rig_until(rig, (alto_streams_tick(s, clock_us() + ALTO_KEEPALIVE_S * SECOND),
			sse_read(&sse), count(sse.text, "\n:\n\n") >= 1));
	sse_free(&sse);
}

static void test_limit_of_streams(void **state)
{
	struct rig *rig = *state;
	struct sse sse[NORTH_STREAMS_MAX];
	char value[256];
	struct got g;

	for (size_t i = 0; i < ARRAY_SIZE(sse); i++)
		sse_open(rig, &sse[i], MAP);
	assert_int_equal(stats(rig).streams, NORTH_STREAMS_MAX);
	ask_at(rig, &unix_place, "POST /alto/updates", STREAM_TYPE, MAP, &g);
	assert_int_equal(g.a.status, 503);
	assert_true(header_of(&g, "Retry-After", value)[0]);
	got_free(&g);
	assert_int_equal(stats(rig).refused, 1);
	sse_free(&sse[0]);
	set_cost(rig, 5); /* a client that left is seen when it is told something */
	alto_streams_tick(rig->north->alto.streams, clock_us() + 16 * SECOND);
	rig_until(rig, stats(rig).streams == NORTH_STREAMS_MAX - 1);
	sse_open(rig, &sse[0], MAP);
	for (size_t i = 0; i < ARRAY_SIZE(sse); i++)
		sse_free(&sse[i]);
}

static void test_streams_end_whole_when_the_daemon_does(void **state)
{
	struct rig *rig = *state;
	struct sse sse;

	sse_open(rig, &sse, MAP);
	north_close(rig->north);
	rig->north = NULL;
	sse_wait_end(&sse);
	sse_free(&sse);
}

/* 1,000 networks in a domain, of which one moves. */
static void put_large(struct rig *rig, int domain, int turn)
{
	char request[64], *text = malloc(64u << 10), *at = text;

	snprintf(request, sizeof(request), "PUT /broker/v1/domains/AS%d", domain);
	at += sprintf(at, "{\"prefixes\":{\"ipv4\":[");
	for (int i = 0; i < 1000; i++)
		at += sprintf(at, "%s\"172.%d.%d.%d/32\"", i ? "," : "",
			      16 + domain + (i ? 0 : 8 * (turn % 2)), i / 250, i % 250);
	sprintf(at, "]}}");
	assert_true(rig_status(rig, request, text) < 300);
	free(text);
}

/* One that takes nothing is not told everything, but in the end what is. */
static void test_slow_client_is_told_the_newest(void **state)
{
	const int changes = 13; /* the sockets take some 4; odd: the last one is not as the first */
	struct rig *rig = *state;
	const struct alto_snapshot *old;
	unsigned int maps;
	struct sse sse;

	for (int domain = 1; domain <= 3; domain++)
		put_large(rig, domain, 0);
	rig_until(rig, broker_snapshot(rig->broker)->sources[0]->n_prefixes >= 3000);
	sse_ask(rig, &sse, WHOLE_MAPS);
	rig_until(rig, stats(rig).streams == 1);
	for (int i = 1; i <= changes; i++) {
		old = broker_snapshot(rig->broker);
		put_large(rig, 1, i);
		rig_new_snapshot(rig, old);
	}
	sse_wait(&sse, broker_snapshot(rig->broker)->sources[0]->map_tag, 1);
	rig_until(rig, (sse_read(&sse), sse_whole(&sse)));
	maps = count(sse.text, "event: application/alto-networkmap+json,m\n");
	assert_true(maps >= 2 && maps < (unsigned int)changes);
	assert_int_equal(count(strstr(sse.text, "control-uri"), "\n\n"), maps + 1);
	sse_free(&sse);
}

/* So much waits for other clients that there is no room for more. */
static void test_events_wait_for_room(void **state)
{
	struct rig *rig = *state;
	struct alto_streams *s = rig->north->alto.streams;
	struct sse a, b;

	sse_open(rig, &a, MAP_AND_COSTS);
	sse_open(rig, &b, MAP_AND_COSTS);
	sse_wait(&a, "alto-costmap+json,c", 1);
	sse_wait(&b, "alto-costmap+json,c", 1);
	rig_until(rig, s->in_flight == 0);
	s->in_flight = ALTO_IN_FLIGHT_MAX + 1;
	set_cost(rig, 7);
	sse_quiet(&a, "merge-patch", 0);
	sse_quiet(&b, "merge-patch", 0);
	s->in_flight = 0;
	set_cost(rig, 8);
	sse_wait(&a, "event: application/merge-patch+json,c\n", 1);
	sse_wait(&b, "event: application/merge-patch+json,c\n", 1);
	sse_free(&a);
	sse_free(&b);
}

#define T(name) cmocka_unit_test_setup_teardown(name, alto_filled_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_stream_begins_with_control_uri_and_maps),
		T(test_change_of_a_link_is_pushed),
		T(test_all_streams_are_told),
		T(test_bad_params_are_alto_errors),
		T(test_control_adds_and_removes),
		T(test_stream_ends_when_all_is_removed),
		T(test_control_of_no_stream_is_404),
		T(test_control_uris_cannot_be_guessed),
		T(test_keep_alive_when_nothing_happens),
		T(test_limit_of_streams),
		T(test_streams_end_whole_when_the_daemon_does),
		T(test_slow_client_is_told_the_newest),
		T(test_events_wait_for_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
