/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests for ALTO are computed one a turn of the loop, parties in turn. */
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "unit/north/limits_rig.h"

static unsigned int queued(struct rig *rig)
{
	return rig->north->alto.queue.n;
}

/* What was sent is with the other end's kernel, though nobody has read it. */
static void until_there(const struct peer *peer)
{
	uint64_t until = clock_us() + RIG_PATIENCE_US;
	int left = 1;

	while (assert_int_equal(ioctl(peer->fd, SIOCOUTQ, &left), 0), left) {
		poll(NULL, 0, 1);
		assert_true(clock_us() < until);
	}
}

/* All there, none has had its turn. */
static void send_all(struct rig *rig, struct peer *peers, unsigned int n, const struct place *at)
{
	static const char text[] =
		"POST /alto/costmap/domains HTTP/1.1\r\nHost: localhost\r\n" FILTER;
	char *whole;
	int len = asprintf(&whole, "%sContent-Length: %zu\r\n\r\n" COSTS, text, strlen(COSTS));

	for (unsigned int i = 0; i < n; i++) {
		peer_open(rig, at, &peers[i]);
		assert_int_equal(send(peers[i].fd, whole, len, MSG_NOSIGNAL), len);
	}
	for (unsigned int i = 0; at->port && i < n; i++)
		until_there(&peers[i]);
	free(whole);
}

static unsigned int collect(struct peer *peers, unsigned int n, int status)
{
	unsigned int found = 0;
	struct got g;

	for (unsigned int i = 0; i < n; i++) {
		peer_answer(&peers[i], &g, false);
		assert_true(g.a.status == 200 || g.a.status == 503);
		found += g.a.status == status;
		got_free(&g);
		peer_close(&peers[i]);
	}
	return found;
}

/* However many come at once, the loop computes one a turn. */
static void test_one_request_is_computed_a_turn(void **state)
{
	struct rig *rig = *state;
	const struct place at = place_alto(rig);
	struct peer peers[12];
	uint64_t until = clock_us() + RIG_PATIENCE_US, asked = rig->north->n_reqs;
	unsigned int before, most = 0;

	send_all(rig, peers, ARRAY_SIZE(peers), &at);
	while (queued(rig) || rig->north->n_reqs < asked + ARRAY_SIZE(peers)) {
		before = queued(rig);
		uv_run(&rig->loop, UV_RUN_NOWAIT);
		assert_true(queued(rig) + 1 >= before);
		most = queued(rig) > most ? queued(rig) : most;
		assert_true(clock_us() < until);
	}
	assert_true(most >= 6);
	assert_int_equal(collect(peers, ARRAY_SIZE(peers), 200), ARRAY_SIZE(peers));
}

static bool is_answered(const struct peer *peer)
{
	char byte;

	return recv(peer->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) > 0;
}

/* One party asks much, another one a single time: it is the next but one. */
static void test_parties_take_turns(void **state)
{
	struct rig *rig = *state;
	const struct place at = place_alto(rig), local = place_unix();
	struct peer many[12], one;
	unsigned int before = 0;

	send_all(rig, many, ARRAY_SIZE(many), &at);
	send_all(rig, &one, 1, &local);
	rig_until(rig, is_answered(&one));
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		before += is_answered(&many[i]);
	assert_true(before < 8);
	assert_int_equal(collect(&one, 1, 200), 1);
	assert_int_equal(collect(many, ARRAY_SIZE(many), 200), ARRAY_SIZE(many));
}

static void test_queue_is_bounded(void **state)
{
	struct rig *rig = *state;
	struct north *n = rig->north;
	const struct place at = place_alto(rig), local = place_unix();
	struct share *party = address(shares_of(rig), "127.0.0.1");

	party->n_jobs = ALTO_QUEUE_PARTY;
	check_busy(rig, &at, "POST /alto/costmap/domains", FILTER, COSTS, "at most 24 requests of");
	assert_int_equal(
		status_at(rig, &at, "POST /alto/costmap/domains", FILTER TOKEN_READER, COSTS), 200);
	party->n_jobs = 0;
	n->alto.queue.n = ALTO_QUEUE_MAX - ALTO_QUEUE_KNOWN;
	check_busy(rig, &at, "POST /alto/costmap/domains", FILTER, COSTS,
		   "at most 128 requests in");
	n->alto.queue.n = ALTO_QUEUE_MAX;
	check_busy(rig, &local, "POST /alto/costmap/domains", FILTER, COSTS,
		   "at most 128 requests");
	n->alto.queue.n = 0;
	assert_int_equal(status_at(rig, &at, "POST /alto/costmap/domains", FILTER, COSTS), 200);
	share_put(party);
}

/* Those that wait when the daemon ends are told so. */
static void test_queue_ends_with_the_daemon(void **state)
{
	struct rig *rig = *state;
	const struct place at = place_alto(rig);
	struct peer peers[12];

	send_all(rig, peers, ARRAY_SIZE(peers), &at);
	rig_until(rig, queued(rig) >= 6);
	north_close(rig->north);
	rig->north = NULL;
	assert_true(collect(peers, ARRAY_SIZE(peers), 503) >= 6);
}

/* What streams follow is asked one a turn, too. */
static void test_contents_are_asked_one_a_turn(void **state)
{
	struct rig *rig = *state;
	struct alto_streams *s = rig->north->alto.streams;
	const struct place local = place_unix();
	char body[1024], *p = body;
	struct peer peer;
	unsigned int turns = 0;

	p += sprintf(p, "{\"add\":{");
	for (int i = 0; i < 8; i++)
		p += sprintf(
			p,
			"%s\"s%d\":{\"resource-id\":\"domains-filtered\",\"input\":{\"pids\":[\"x%d\"]}}",
			i ? "," : "", i, i);
	strcpy(p, "}}");
	peer_open(rig, &local, &peer);
	post(&peer, "/alto/updates", STREAM, body);
	rig_until(rig, s->n_streams == 1);
	assert_int_equal(rig_status(rig, "PUT /broker/v1/domains/AS9", "{}"), 201);
	rig_until(rig, s->working);
	for (; s->working; turns++)
		uv_run(&rig->loop, UV_RUN_NOWAIT);
	assert_true(turns >= 8);
	peer_close(&peer);
}

#define T(name) cmocka_unit_test_setup_teardown(name, alto_filled_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_one_request_is_computed_a_turn),
		T(test_parties_take_turns),
		T(test_queue_is_bounded),
		T(test_queue_ends_with_the_daemon),
		T(test_contents_are_asked_one_a_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
