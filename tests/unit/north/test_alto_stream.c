/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Update streams (RFC 8895) and TIPS (RFC 9569) over HTTP, from the broker's input to the client.
 */
#include "unit/north/alto_rig.h"

#include "north/alto_updates.h"

#define STREAM_TYPE "Content-Type: application/alto-updatestreamparams+json\r\n"
#define TIPS_TYPE "Content-Type: application/alto-tipsparams+json\r\n"
#define MAP "{\"add\":{\"m\":{\"resource-id\":\"domains\"}}}"
#define MAP_AND_COSTS                                                                              \
	"{\"add\":{\"m\":{\"resource-id\":\"domains\"},"                                           \
	"\"c\":{\"resource-id\":\"domains-routingcost\"}}}"
#define WHOLE_MAPS "{\"add\":{\"m\":{\"resource-id\":\"domains\",\"incremental-changes\":false}}}"
#define COSTS "{\"resource-id\":\"domains-routingcost\"}"
#define SECOND 1000000ull

static struct place unix_place;

static int setup(void **state)
{
	struct rig *rig;

	alto_setup(state);
	rig = *state;
	rig_fill_domains(rig);
	rig_until(rig, broker_snapshot(rig->broker)->sources[0]->n_links == 4);
	return 0;
}

static int teardown(void **state)
{
	rig_close(*state);
	free(*state);
	return 0;
}

static struct alto_streams_stats stats(struct rig *rig)
{
	struct alto_streams_stats out;

	alto_streams_stats(rig->north, &out);
	return out;
}

static void set_cost(struct rig *rig, int cost)
{
	char text[64];

	snprintf(text, sizeof(text), "{\"routingcost\": %d}", cost);
	assert_true(rig_status(rig, "PUT /broker/v1/links/AS2/AS3", text) < 300);
}

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
	struct sse sse;

	sse_open(rig, &sse, MAP);
	rig_until(rig, (sse_read(&sse), count(sse.text, "\n\n") == 2));
	alto_streams_tick(rig->north->alto.streams, clock_us() + (ALTO_KEEPALIVE_S - 1) * SECOND);
	sse_quiet(&sse, "\n:\n\n", 0);
	alto_streams_tick(rig->north->alto.streams, clock_us() + ALTO_KEEPALIVE_S * SECOND);
	sse_wait(&sse, "\n:\n\n", 1);
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
	const int changes = 12; /* the sockets take some 4 */
	struct rig *rig = *state;
	const struct alto_snapshot *old;
	unsigned int maps;
	struct sse sse;

	for (int domain = 1; domain <= 3; domain++)
		put_large(rig, domain, 0);
	rig_until(rig, broker_snapshot(rig->broker)->sources[0]->n_prefixes >= 3000);
	sse_ask(rig, &sse, WHOLE_MAPS);
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

/* ---- TIPS ---- */

/* Path of the view that a request opens. */
static const char *open_view(struct rig *rig, const char *params)
{
	static char path[128];
	const char *uri;
	struct got g;

	ask_at(rig, &unix_place, "POST /alto/tips", TIPS_TYPE, params, &g);
	assert_int_equal(g.a.status, 200);
	assert_non_null(strcasestr(g.a.head, "content-type: application/alto-tips+json\r\n"));
	uri = json_string_value(json_object_get(g.a.json, "tips-view-uri"));
	assert_non_null(uri);
	assert_int_equal(strncmp(uri, "http://127.0.0.1/alto/tips/", 27), 0);
	snprintf(path, sizeof(path), "%s", uri + 16);
	got_free(&g);
	return path;
}

static void get_edge(struct rig *rig, const char *view, const char *edge, const char *headers,
		     struct got *g)
{
	char request[192];

	snprintf(request, sizeof(request), "GET %s/ug/%s", view, edge);
	ask_at(rig, &unix_place, request, headers, NULL, g);
}

static int edge_status(struct rig *rig, const char *view, const char *edge)
{
	struct got g;
	int status;

	get_edge(rig, view, edge, "", &g);
	status = g.a.status;
	got_free(&g);
	return status;
}

/* A request for an edge that waits. */
static void start_wait(struct rig *rig, struct peer *peer, const char *view, const char *edge)
{
	unsigned int before = stats(rig).waits;
	char request[256];

	peer_open(rig, &unix_place, peer);
	snprintf(request, sizeof(request), "GET %s/ug/%s HTTP/1.1\r\nHost: localhost\r\n\r\n", view,
		 edge);
	peer_send(peer, request, strlen(request));
	rig_until(rig, stats(rig).waits == before + 1);
}

static void test_tips_snapshot_and_next_edge(void **state)
{
	struct rig *rig = *state;
	const char *view = open_view(rig, COSTS);
	char request[192];
	struct got g;

	get_edge(rig, view, "0/1", "", &g);
	assert_int_equal(g.a.status, 200);
	assert_non_null(strcasestr(g.a.head, "content-type: application/alto-costmap+json\r\n"));
	assert_non_null(json_object_get(g.a.json, "cost-map"));
	got_free(&g);
	snprintf(request, sizeof(request), "POST %s/ug", view);
	ask_at(rig, &unix_place, request, TIPS_TYPE, "{}", &g);
	assert_int_equal(g.a.status, 200);
	assert_int_equal(json_integer_value(json_object_get(g.a.json, "end-seq")), 1);
	got_free(&g);
}

static void test_tips_equal_requests_share_a_view(void **state)
{
	struct rig *rig = *state;
	char first[128];

	snprintf(first, sizeof(first), "%s", open_view(rig, COSTS));
	assert_string_equal(open_view(rig, COSTS), first);
	assert_int_equal(stats(rig).views, 1);
}

static void test_tips_wait_for_the_next_edge(void **state)
{
	struct rig *rig = *state;
	const char *view = open_view(rig, COSTS);
	struct peer peer;
	struct got g;

	start_wait(rig, &peer, view, "1/2");
	set_cost(rig, 6);
	peer_answer(&peer, &g, false);
	assert_int_equal(g.a.status, 200);
	assert_non_null(strcasestr(g.a.head, "content-type: application/merge-patch+json\r\n"));
	assert_non_null(json_object_get(g.a.json, "cost-map"));
	got_free(&g);
	peer_close(&peer);
	assert_int_equal(stats(rig).waits, 0);
	assert_int_equal(edge_status(rig, view, "1/2"), 200);
}

static void test_tips_wait_has_an_end(void **state)
{
	struct rig *rig = *state;
	const char *view = open_view(rig, COSTS);
	struct peer peer;
	struct got g;

	start_wait(rig, &peer, view, "1/2");
	alto_streams_tick(rig->north->alto.streams, clock_us() + ALTO_TIPS_WAIT_S * SECOND);
	peer_answer(&peer, &g, false);
	assert_int_equal(g.a.status, 425);
	got_free(&g);
	peer_close(&peer);
}

static void test_tips_statuses(void **state)
{
	struct rig *rig = *state;
	const char *view = open_view(rig, COSTS);
	struct got g;

	assert_int_equal(edge_status(rig, view, "2/3"), 425);
	assert_int_equal(edge_status(rig, view, "0/0"), 404);
	assert_int_equal(edge_status(rig, view, "x/1"), 404);
	assert_int_equal(edge_status(rig, view, "0/-1"), 404);
	assert_int_equal(edge_status(rig, view, "1/1"), 404);
	assert_int_equal(edge_status(rig, "/alto/tips/00112233445566778899aabbccddeeff", "0/1"),
			 404);
	get_edge(rig, view, "0/1", "Accept: text/html\r\n", &g);
	assert_int_equal(g.a.status, 415);
	got_free(&g);
	assert_int_equal(status_at(rig, &unix_place, "POST /alto/tips", TIPS_TYPE, "{}"), 400);
}

static void test_tips_edge_that_is_gone_is_410(void **state)
{
	struct rig *rig = *state;
	const char *view = open_view(rig, COSTS);
	const struct alto_snapshot *old;

	for (int i = 0; i < ALTO_TIPS_EDGES_MAX + 2; i++) {
		old = broker_snapshot(rig->broker);
		set_cost(rig, 2 + i);
		rig_new_snapshot(rig, old);
	}
	assert_int_equal(edge_status(rig, view, "0/1"), 410);
	assert_int_equal(edge_status(rig, view, "1/2"), 410);
}

static void test_tips_view_that_nobody_asks_for_is_closed(void **state)
{
	struct rig *rig = *state;
	const char *view = open_view(rig, COSTS);
	uint64_t later = clock_us() + (ALTO_TIPS_IDLE_S - 1) * SECOND;

	alto_streams_tick(rig->north->alto.streams, later);
	assert_int_equal(edge_status(rig, view, "0/1"), 200);
	alto_streams_tick(rig->north->alto.streams, later + 2 * SECOND);
	assert_int_equal(edge_status(rig, view, "0/1"), 404);
	assert_int_equal(stats(rig).views, 0);
}

static void test_tips_limit_of_views(void **state)
{
	struct rig *rig = *state;
	char params[128], value[256];
	struct got g;

	for (int i = 0; i < ALTO_TIPS_VIEWS_MAX; i++) {
		snprintf(params, sizeof(params),
			 "{\"resource-id\":\"domains-filtered\",\"input\":{\"pids\":[\"x%d\"]}}",
			 i);
		open_view(rig, params);
	}
	ask_at(rig, &unix_place, "POST /alto/tips", TIPS_TYPE, COSTS, &g);
	assert_int_equal(g.a.status, 429);
	assert_true(header_of(&g, "Retry-After", value)[0]);
	got_free(&g);
	assert_int_equal(stats(rig).views, ALTO_TIPS_VIEWS_MAX);
	open_view(rig, params); /* one that is there */
}

static void test_tips_waits_count_as_streams(void **state)
{
	struct rig *rig = *state;
	struct peer peers[NORTH_STREAMS_MAX];
	const char *view = open_view(rig, COSTS);

	for (size_t i = 0; i < ARRAY_SIZE(peers); i++)
		start_wait(rig, &peers[i], view, "1/2");
	assert_int_equal(edge_status(rig, view, "1/2"), 429);
	assert_int_equal(status_at(rig, &unix_place, "POST /alto/updates", STREAM_TYPE, MAP), 503);
	for (size_t i = 0; i < ARRAY_SIZE(peers); i++)
		peer_close(&peers[i]);
}

static void test_tips_waits_are_answered_at_the_end(void **state)
{
	struct rig *rig = *state;
	const char *view = open_view(rig, COSTS);
	struct peer peer;
	struct got g;

	start_wait(rig, &peer, view, "1/2");
	north_close(rig->north);
	rig->north = NULL;
	peer_answer(&peer, &g, false);
	assert_int_equal(g.a.status, 503);
	got_free(&g);
	peer_close(&peer);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
		T(test_tips_snapshot_and_next_edge),
		T(test_tips_equal_requests_share_a_view),
		T(test_tips_wait_for_the_next_edge),
		T(test_tips_wait_has_an_end),
		T(test_tips_statuses),
		T(test_tips_edge_that_is_gone_is_410),
		T(test_tips_view_that_nobody_asks_for_is_closed),
		T(test_tips_limit_of_views),
		T(test_tips_waits_count_as_streams),
		T(test_tips_waits_are_answered_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
