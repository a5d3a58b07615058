/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How many connections the ALTO service has, and how much memory for answers and bodies. */
#include "unit/north/limits_rig.h"

#define SIDE 400 /* endpoints on each side of a costly request */
#define ENDPOINT "Content-Type: application/alto-endpointcostparams+json\r\n"

/* ---- connections ---- */

static int connect_from(struct rig *rig, unsigned int last, uint16_t port)
{
	struct sockaddr_in from = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(0x7f000000u + last)};
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	rig_turn(rig);
	return fd;
}

/* However many addresses hold the listener for ALTO, the daemon can be managed. */
static void test_connections_of_alto_leave_some_to_others(void **state)
{
	struct rig *rig = *state;
	const struct place tcp = place_tcp(rig);
	int fds[NORTH_CONNECTIONS];
	struct answer a;

	for (int i = 0; i < NORTH_ALTO_CONNECTIONS; i++)
		fds[i] = connect_from(rig, 10 + i / NORTH_PER_PEER, north_alto_port(rig->north, 0));
	rig_until(rig, rig->north->access[ACCESS_ALTO].n_conns == NORTH_ALTO_CONNECTIONS);
	fds[NORTH_ALTO_CONNECTIONS] = connect_from(rig, 90, north_alto_port(rig->north, 0));
	rig_recv(rig, fds[NORTH_ALTO_CONNECTIONS], &a);
	assert_problem(&a, 503, "", "at most 192 connections for ALTO");
	assert_non_null(strstr(a.head, "\r\nRetry-After: 5\r\n"));
	answer_free(&a);
	assert_int_equal(rig_status(rig, "GET /healthz", NULL), 200);
	assert_int_equal(status_at(rig, &tcp, "GET /healthz", "", NULL), 200);
	for (int i = 0; i <= NORTH_ALTO_CONNECTIONS; i++)
		close(fds[i]);
	rig_until(rig, rig->north->access[ACCESS_ALTO].n_conns == 0);
}

/* ---- memory of answers and bodies ---- */

static void test_answers_wait_for_room(void **state)
{
	struct rig *rig = *state;
	const struct place at = place_alto(rig), local = place_unix();
	struct shares *all = shares_of(rig);

	all->bytes = SHARE_BYTES_MAX - SHARE_BYTES_LOCAL - 8192; /* room for the body */
	assert_int_equal(status_at(rig, &at, "POST /alto/costmap/domains", FILTER, COSTS), 200);
	all->bytes += 8192;
	check_busy(rig, &at, "POST /alto/costmap/domains", FILTER, COSTS, "256 MiB");
	check_busy(rig, &at, "GET /alto/networkmap/domains", "", NULL, "256 MiB");
	assert_int_equal(status_at(rig, &local, "POST /alto/costmap/domains", FILTER, COSTS), 200);
	all->bytes = SHARE_BYTES_MAX;
	check_busy(rig, &local, "POST /alto/costmap/domains", FILTER, COSTS, "256 MiB");
	all->bytes = 0;
	assert_int_equal(status_at(rig, &at, "POST /alto/costmap/domains", FILTER, COSTS), 200);
	assert_int_equal(all->bytes, 0); /* all is given back */
}

/* What is kept and small costs nothing more. */
static void test_kept_answers_need_no_room(void **state)
{
	struct rig *rig = *state;
	const struct place at = place_alto(rig);

	assert_int_equal(status_at(rig, &at, "GET /alto/networkmap/domains", "", NULL), 200);
	shares_of(rig)->bytes = SHARE_BYTES_MAX;
	assert_int_equal(status_at(rig, &at, "GET /alto/networkmap/domains", "", NULL), 200);
	shares_of(rig)->bytes = 0;
}

/* Announced or not. */
static void test_bodies_wait_for_room(void **state)
{
	static const char head[] =
		"POST /alto/costmap/domains HTTP/1.1\r\nHost: localhost\r\n" FILTER;
	struct rig *rig = *state;
	const struct place at = place_alto(rig);
	struct peer peer;
	struct got g;

	shares_of(rig)->bytes = SHARE_BYTES_MAX - SHARE_BYTES_LOCAL - 100;
	peer_open(rig, &at, &peer);
	say(&peer, head);
	say(&peer, "Content-Length: 101\r\n\r\n");
	peer_answer(&peer, &g, false);
	assert_problem(&g.a, 503, "", "no room");
	got_free(&g);
	peer_close(&peer);
	peer_open(rig, &at, &peer);
	say(&peer, head);
	say(&peer, "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":");
	peer_answer(&peer, &g, false);
	assert_problem(&g.a, 503, "", "no room");
	got_free(&g);
	peer_close(&peer);
	shares_of(rig)->bytes = 0;
}

/* Bodies that never end are counted while they are there. */
static void test_bodies_are_counted(void **state)
{
	static const char head[] =
		"POST /alto/costmap/domains HTTP/1.1\r\nHost: localhost\r\n" FILTER
		"Content-Length: 100000\r\n\r\n";
	struct rig *rig = *state;
	const struct place at = place_alto(rig);
	char *part = calloc(1, 50000);
	struct peer peer;

	peer_open(rig, &at, &peer);
	say(&peer, head);
	memset(part, ' ', 50000);
	peer_send(&peer, part, 50000);
	rig_until(rig, shares_of(rig)->bytes >= 50000);
	assert_true(shares_of(rig)->bytes <= 100000);
	rig->north->turn_s = 1; /* its end is seen when its turn is over */
	accept_turn(rig->north->conns, TURN_ASK);
	peer_close(&peer);
	rig_until(rig, shares_of(rig)->bytes == 0);
	free(part);
}

/* A request for SIDE * SIDE costs, about 4 MB of text. */
static char *costly(void)
{
	char *body = malloc(100 + SIDE * 2 * 24), *at = body;

	at += sprintf(at, "{" NUMERICAL ",\"endpoints\":{\"srcs\":[");
	for (int i = 0; i < SIDE; i++)
		at += sprintf(at, "%s\"ipv4:10.1.%d.%d\"", i ? "," : "", i >> 8, i & 255);
	at += sprintf(at, "],\"dsts\":[");
	for (int i = 0; i < SIDE; i++)
		at += sprintf(at, "%s\"ipv4:10.3.%d.%d\"", i ? "," : "", i >> 8, i & 255);
	strcpy(at, "]}}");
	return body;
}

/* Of those at 127.0.0.1. */
static size_t party_bytes(struct rig *rig)
{
	struct share *party = address(shares_of(rig), "127.0.0.1");
	size_t bytes = party->bytes;

	share_put(party);
	return bytes;
}

static void test_answers_are_counted_until_they_are_taken(void **state)
{
	struct rig *rig = *state;
	const struct place at = place_alto(rig);
	char *body = costly();
	struct peer peer;

	open_slow(rig, &at, &peer, 4096);
	post(&peer, "/alto/endpointcost/domains", ENDPOINT, body);
	rig_until(rig, shares_of(rig)->bytes > SIDE * SIDE * 15);
	rig_until(rig, party_bytes(rig) == shares_of(rig)->bytes);
	peer_close(&peer);
	rig_until(rig, shares_of(rig)->bytes == 0);
	free(body);
}

/* Text of an old snapshot that somebody still takes is in nobody's store. */
static void test_what_is_no_longer_kept_is_counted(void **state)
{
	struct rig *rig = *state;
	const struct place at = place_alto(rig);
	char *body = malloc(200000), *p = body;
	struct peer peer;

	p += sprintf(p, "{\"domains\":{");
	for (int i = 0; i < 700; i++)
		p += sprintf(
			p,
			"%s\"domain-with-a-long-name-%d\":{\"prefixes\":{\"ipv4\":[\"10.%d.%d.0/24\"]},"
			"\"nfs\":[\"a\"]}",
			i ? "," : "", i, i / 256, i % 256);
	strcpy(p, "},\"links\":[]}");
	assert_int_equal(rig_status(rig, "PUT /broker/v1/domains", body), 204);
	rig_until(rig, rig_source(rig)->n_pids == 701);
	open_slow(rig, &at, &peer, 4096);
	say(&peer, "GET /alto/propmap/domains HTTP/1.1\r\nHost: localhost\r\n\r\n");
	rig_until(rig, party_bytes(rig) > 50000);
	assert_int_equal(shares_of(rig)->bytes, 0);
	assert_int_equal(rig_status(rig, "PUT /broker/v1/links/a/b", LINK), 201);
	assert_int_equal(
		rig_status(rig, "DELETE /broker/v1/domains/domain-with-a-long-name-1", NULL), 204);
	rig_until(rig, shares_of(rig)->bytes > 50000);
	peer_close(&peer);
	rig_until(rig, shares_of(rig)->bytes == 0);
	free(body);
}

#define T(name) cmocka_unit_test_setup_teardown(name, alto_filled_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_connections_of_alto_leave_some_to_others),
		T(test_answers_wait_for_room),
		T(test_kept_answers_need_no_room),
		T(test_bodies_wait_for_room),
		T(test_bodies_are_counted),
		T(test_answers_are_counted_until_they_are_taken),
		T(test_what_is_no_longer_kept_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
