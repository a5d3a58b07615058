/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one party may have of update streams and TIPS, and who waits for a slow one. */
#include "unit/north/limits_rig.h"

#define TIPS "Content-Type: application/alto-tipsparams+json\r\n"

/* ---- streams, waits, views ---- */

static int open_stream(struct rig *rig, const struct place *at, const char *headers,
		       struct peer *peer)
{
	char type[256], buf[16] = "";
	struct alto_streams *s = rig->north->alto.streams;
	unsigned int before = s->n_streams;
	uint64_t refused = s->refused;

	peer_open(rig, at, peer);
	snprintf(type, sizeof(type), "%s%s", STREAM, headers);
	post(peer, "/alto/updates", type, MAP);
	rig_until(rig, s->n_streams > before || s->refused > refused);
	rig_until(rig, recv(peer->fd, buf, 12, MSG_DONTWAIT) == 12);
	return atoi(buf + 9);
}

static void test_streams_of_a_party(void **state)
{
	struct rig *rig = *state;
	const struct place at = place_alto(rig), local = place_unix();
	struct peer peers[NORTH_STREAMS_PARTY + 3];
	unsigned int n;

	for (n = 0; n < NORTH_STREAMS_PARTY; n++)
		assert_int_equal(open_stream(rig, &at, "", &peers[n]), 200);
	check_busy(rig, &at, "POST /alto/updates", STREAM, MAP, "at most 8 of one client");
	assert_int_equal(open_stream(rig, &at, TOKEN_READER, &peers[n++]), 200);
	assert_int_equal(open_stream(rig, &at, TOKEN_AS1, &peers[n++]), 200);
	assert_int_equal(open_stream(rig, &local, "", &peers[n++]), 200);
	while (n)
		peer_close(&peers[--n]);
}

/* Of all there are, some are for those that are known. */
static void test_streams_for_known_clients(void **state)
{
	struct rig *rig = *state;
	const struct place at = place_alto(rig), local = place_unix();
	struct peer peers[NORTH_STREAMS_MAX];
	unsigned int n;

	for (n = 0; n < NORTH_STREAMS_MAX - NORTH_STREAMS_KNOWN; n++)
		assert_int_equal(open_stream(rig, &local, "", &peers[n]), 200);
	check_busy(rig, &at, "POST /alto/updates", STREAM, MAP, "at most 56 update streams");
	assert_int_equal(open_stream(rig, &at, TOKEN_READER, &peers[n++]), 200);
	while (n)
		peer_close(&peers[--n]);
}

static const char *open_view(struct rig *rig, const struct place *at, const char *headers, int i,
			     int status)
{
	static char path[128];
	char type[256], body[128];
	struct got g;

	snprintf(type, sizeof(type), "%s%s", TIPS, headers);
	snprintf(body, sizeof(body),
		 "{\"resource-id\":\"domains-filtered\",\"input\":{\"pids\":[\"x%d\"]}}", i);
	ask_at(rig, at, "POST /alto/tips", type, body, &g);
	assert_int_equal(g.a.status, status);
	snprintf(path, sizeof(path), "%s", strstr(g.a.body, "/alto/tips") ?: "");
	path[strcspn(path, "\"")] = 0;
	got_free(&g);
	return path;
}

static void test_views_of_a_party(void **state)
{
	struct rig *rig = *state;
	const struct place at = place_alto(rig), local = place_unix();

	for (int i = 0; i < NORTH_STREAMS_PARTY; i++)
		open_view(rig, &at, "", i, 200);
	open_view(rig, &at, "", 100, 429);
	open_view(rig, &at, "", 0, 200); /* one that is there */
	open_view(rig, &at, TOKEN_READER, 100, 200);
	for (int i = 200; i < 200 + ALTO_TIPS_VIEWS_MAX - NORTH_STREAMS_KNOWN - 9; i++)
		open_view(rig, &local, "", i, 200);
	alto_streams_tick(rig->north->alto.streams, clock_us());
	open_view(rig, &at, TOKEN_AS1, 101, 200);
}

static void test_waits_of_a_party(void **state)
{
	struct rig *rig = *state;
	struct alto_streams *s = rig->north->alto.streams;
	const struct place at = place_alto(rig);
	struct peer peers[NORTH_STREAMS_PARTY];
	const char *view = open_view(rig, &at, "", 0, 200);
	char request[256];

	for (unsigned int i = 0; i < NORTH_STREAMS_PARTY; i++) {
		peer_open(rig, &at, &peers[i]);
		snprintf(request, sizeof(request),
			 "GET %s/ug/1/2 HTTP/1.1\r\nHost: localhost\r\n\r\n", view);
		say(&peers[i], request);
		rig_until(rig, s->n_waits == i + 1);
	}
	snprintf(request, sizeof(request), "GET %s/ug/1/2", view);
	assert_int_equal(status_at(rig, &at, request, "", NULL), 429);
	alto_streams_tick(s, clock_us() + ALTO_TIPS_WAIT_S * 1000000ull);
	assert_int_equal(s->n_waits, 0);
	for (int i = 0; i < NORTH_STREAMS_PARTY; i++)
		peer_close(&peers[i]);
}

/* ---- events in flight ---- */

#define WIDE 800

/* Follows about 11 MB, and takes nothing. */
static void open_heavy(struct rig *rig, const struct place *at, struct peer *peer, int size)
{
	char *body = malloc(100 + WIDE * 2 * 24), *p = body;

	p += sprintf(
		p,
		"{\"add\":{\"e\":{\"resource-id\":\"domains-endpoint-costs\",\"input\":{" NUMERICAL
		",\"endpoints\":{\"srcs\":[");
	for (int k = 0; k < WIDE; k++)
		p += sprintf(p, "%s\"ipv4:10.1.%d.%d\"", k ? "," : "", k >> 8, k & 255);
	p += sprintf(p, "],\"dsts\":[");
	for (int k = 0; k < WIDE; k++)
		p += sprintf(p, "%s\"ipv4:10.3.%d.%d\"", k ? "," : "", k >> 8, k & 255);
	strcpy(p, "]}}}}}");
	open_slow(rig, at, peer, size);
	post(peer, "/alto/updates", STREAM, body);
	free(body);
}

static bool is_told(struct rig *rig, struct peer *peer, const char *what, uint64_t within_us)
{
	char *buf = calloc(1, 1 << 20);
	uint64_t until = clock_us() + within_us;
	size_t len = 0;
	bool told = false;
	ssize_t n;

	while (!told && clock_us() < until) {
		n = recv(peer->fd, buf + len, (1 << 20) - 1 - len, MSG_DONTWAIT);
		len += n > 0 ? n : 0;
		if (n < 0)
			rig_turn(rig);
		told = strstr(buf, what) != NULL;
	}
	free(buf);
	return told;
}

/* One party that takes nothing holds up itself, until it goes; the others are told. */
static void test_slow_streams_hold_up_their_party_alone(void **state)
{
	struct rig *rig = *state;
	struct alto_streams *s = rig->north->alto.streams;
	const struct place at = place_alto(rig), local = place_unix();
	struct peer own, other, slow[2];

	rig->north->turn_s = 600; /* the slow ones stay, however long this takes */
	peer_open(rig, &at, &own);
	post(&own, "/alto/updates", STREAM, MAP);
	assert_true(is_told(rig, &own, "alto-networkmap+json,m", RIG_PATIENCE_US));
	peer_open(rig, &local, &other);
	post(&other, "/alto/updates", STREAM, MAP);
	assert_true(is_told(rig, &other, "alto-networkmap+json,m", RIG_PATIENCE_US));
	for (int i = 0; i < 2; i++) {
		open_heavy(rig, &at, &slow[i], 4096);
		rig_until(rig, s->n_streams == 3u + i);
	}
	assert_true(s->in_flight > ALTO_IN_FLIGHT_PARTY);
	check_busy(rig, &at, "POST /alto/updates", STREAM, MAP, "too much waits for clients");
	assert_int_equal(rig_status(rig, "PUT /broker/v1/domains/AS9", "{}"), 201);
	assert_true(is_told(rig, &other, "AS9", RIG_PATIENCE_US));
	assert_false(is_told(rig, &own, "AS9", 200000));
	peer_close(&slow[0]);
	peer_close(&slow[1]);
	assert_true(is_told(rig, &own, "AS9", RIG_PATIENCE_US)); /* without another change */
	rig_until(rig, s->in_flight == 0);
	peer_close(&own);
	peer_close(&other);
}

/* What a client can take of about 11 MB at 5 MB/s, until its connection is closed. */
static size_t sip(struct rig *rig, const struct place *at)
{
	struct alto_streams *s = rig->north->alto.streams;
	uint64_t beat = 0, until;
	struct peer peer;
	char *buf = malloc(1 << 20);
	size_t taken = 0;
	ssize_t n;

	rig->north->turn_s = NORTH_TURN_S; /* to ask */
	open_heavy(rig, at, &peer, 256 << 10);
	rig->north->turn_s = 1; /* to take */
	rig_until(rig, s->n_streams == 1);
	for (until = clock_us() + RIG_PATIENCE_US; s->n_streams; rig_turn(rig)) {
		assert_true(clock_us() < until);
		if (clock_us() - beat < 50000)
			continue;
		n = recv(peer.fd, buf, 256 << 10, MSG_DONTWAIT);
		taken += n > 0 ? n : 0;
		beat = clock_us();
	}
	peer_close(&peer);
	free(buf);
	return taken;
}

/* A piece now and then is not enough: the client's turn is over all that there is to send. On a
 * machine that stood still within that second there were no pieces: again. */
static void test_one_deadline_for_all_that_is_sent(void **state)
{
	struct rig *rig = *state;
	const struct place at = place_alto(rig);
	size_t taken = 0;

	rig_until(rig, (taken = sip(rig, &at)) > 2 * ALTO_PIECE);
	assert_true(taken < WIDE * WIDE * 15);
	assert_int_equal(rig->north->alto.streams->in_flight, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, alto_filled_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_streams_of_a_party),
		T(test_streams_for_known_clients),
		T(test_views_of_a_party),
		T(test_waits_of_a_party),
		T(test_slow_streams_hold_up_their_party_alone),
		T(test_one_deadline_for_all_that_is_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
