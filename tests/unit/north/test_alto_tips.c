/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TIPS (RFC 9569) over HTTP, from the broker's input to the client. */
#include "unit/north/updates_rig.h"

#define TIPS_TYPE "Content-Type: application/alto-tipsparams+json\r\n"

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
	struct alto_streams *s = rig->north->alto.streams;
	uint64_t begin = clock_us();
	const char *view = open_view(rig, COSTS);

	alto_streams_tick(s, begin + (ALTO_TIPS_IDLE_S - 1) * SECOND);
	assert_int_equal(edge_status(rig, view, "0/1"), 200);
	alto_streams_tick(s, clock_us() + ALTO_TIPS_IDLE_S * SECOND);
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

#define T(name) cmocka_unit_test_setup_teardown(name, alto_filled_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
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
