/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clients that are slow on purpose: whose turn it is, and for how long. */
#include "unit/north/rig.h"

#define PUT_HEAD "PUT /v1/services/1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"

/* A byte now and then, which is never idle; true: the other end gave up. */
static bool trickle(struct rig *rig, int fd, const char *endless)
{
	uint64_t until = clock_us() + RIG_PATIENCE_US, next = 0;

	while (clock_us() < until) {
		if (clock_us() >= next && send(fd, endless, 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			return true;
		if (clock_us() >= next)
			next = clock_us() + 50000;
		rig_turn(rig);
	}
	return false;
}

static void test_trickled_head(void **state)
{
	struct rig *rig = *state;
	int fd;

	rig_open_with(rig, 1);
	fd = rig_connect(rig);
	rig_say(rig, fd, "GET /healthz HTTP/1.1\r\nX-Long: ");
	assert_true(trickle(rig, fd, "x"));
	close(fd);
}

static void test_trickled_body(void **state)
{
	struct rig *rig = *state;
	struct answer a;
	int fd;

	rig_open_with(rig, 1);
	fd = rig_connect(rig);
	rig_say(rig, fd, PUT_HEAD "Content-Length: 100000\r\n\r\n");
	assert_true(trickle(rig, fd, " "));
	rig_recv(rig, fd, &a);
	assert_problem(&a, 408, "", "1 s");
	answer_free(&a);
	close(fd);
	assert_int_equal(HASH_COUNT(rig->view.services), 0);
}

/* 1.8 s of requests on one connection, whose turns are of 1 s. False: the machine stood still for
 * longer than a turn, and the connection is gone. */
static bool goes_on_asking(struct rig *rig)
{
	uint64_t now = clock_us(), until = now + 1800000, turn;
	int fd = rig_connect(rig), status = 200;
	struct answer a;

	for (turn = now; status == 200 && now < until;) {
		rig_say(rig, fd, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
		rig_recv(rig, fd, &a);
		status = a.status;
		answer_free(&a);
		if (status != 200)
			assert_true(clock_us() - turn >= 1000000);
		turn = now; /* the next one began behind this request */
		now = clock_us();
	}
	close(fd);
	return status == 200;
}

/* The limit is one request's: a connection that goes on asking may stay. */
static void test_lively_connection_stays(void **state)
{
	struct rig *rig = *state;

	rig_open_with(rig, 1);
	rig_until(rig, goes_on_asking(rig));
}

/* Waiting for the parent process is not the client's fault. */
static void test_held_request_stays(void **state)
{
	struct rig *rig = *state;
	uint64_t until;
	char byte;
	int fd;

	rig_open_with(rig, 1);
	fd = rig_connect(rig);
	rig->mute = true;
	rig_say(rig, fd, "GET /v1/stats HTTP/1.1\r\nHost: x\r\n\r\n");
	rig_until(rig, rig_holds(rig, 1));
	for (until = clock_us() + 1800000; clock_us() < until;)
		rig_turn(rig);
	assert_true(recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
	close(fd);
}

/* Takes a byte now and then; true: the other end gave up. */
static bool gives_up(struct rig *rig, int fd)
{
	uint64_t until = clock_us() + RIG_PATIENCE_US, next = 0;
	char byte;

	while (clock_us() < until) {
		rig_turn(rig);
		if (clock_us() < next)
			continue;
		if (recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno != EAGAIN)
			return true;
		if (send(fd, "G", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EPIPE)
			return true;
		next = clock_us() + 50000;
	}
	return false;
}

static void test_slow_reader(void **state)
{
	static const char ask[] = "GET /v1/services HTTP/1.1\r\nHost: x\r\n\r\n";
	struct rig *rig = *state;
	char request[64];
	int fd;

	rig_open_with(rig, 1);
	for (int i = 1; i <= NORTH_PAGE_MAX; i++) {
		snprintf(request, sizeof(request), "PUT /v1/services/%d", i);
		assert_int_equal(rig_status(rig, request, "{}"), 201);
	}
	fd = rig_connect(rig);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){1}, sizeof(int));
	rig_say(rig, fd, ask);
	assert_true(gives_up(rig, fd));
	close(fd);
}

static void on_stored(void *arg, const struct ncsdb_txn_result *res)
{
	assert_int_equal(res->status, 0);
	++*(int *)arg;
}

/* Pieces of a snapshot that are far larger than what sockets hold. */
static void fill_database(struct rig *rig)
{
	static char value[60000];
	char key[32];
	int stored = 0;

	memset(value, 'v', sizeof(value));
	for (int i = 0; i < 600; i++) {
		struct ncsdb_op op = {NCSDB_PUT, key, value, sizeof(value), 0};

		snprintf(key, sizeof(key), "/san/x/%05d", i);
		assert_int_equal(ncsdb_txn(rig->db, &(struct ncsdb_txn){.then = &op, .n_then = 1},
					   on_stored, &stored),
				 0);
		rig_until(rig, stored > i);
	}
}

#define ASK_SNAPSHOT "GET /v1/database/snapshot HTTP/1.1\r\nHost: x\r\n\r\n"

/* Reads at most so many bytes a microsecond, to the last chunk. False: broken off. */
static bool drink(struct rig *rig, int fd, unsigned int rate, size_t *total)
{
	uint64_t begin_us = clock_us();
	static char buf[1 << 18];
	char tail[5] = {0};

	*total = 0;
	while (memcmp(tail, "0\r\n\r\n", 5) && clock_us() < begin_us + RIG_PATIENCE_US) {
		ssize_t n = -1;

		if (*total <= (clock_us() - begin_us) * rate)
			n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n == 0)
			return false;
		for (ssize_t i = n > 5 ? n - 5 : 0; i < n; i++) {
			memmove(tail, tail + 1, 4);
			tail[4] = buf[i];
		}
		*total += n > 0 ? (size_t)n : 0;
		rig_turn(rig);
	}
	return memcmp(tail, "0\r\n\r\n", 5) == 0;
}

/* 36 MB in 1.6 s. False: the machine was too slow to take so much, and a turn was over. */
static bool takes_all(struct rig *rig)
{
	uint64_t begin_us = clock_us(), took_us;
	int fd = rig_connect(rig);
	size_t total;
	bool whole;

	rig_say(rig, fd, ASK_SNAPSHOT);
	whole = drink(rig, fd, 22, &total);
	took_us = clock_us() - begin_us;
	close(fd);
	if (whole)
		assert_true(total > 600 * 60000 && took_us > 1200000);
	else
		assert_true(total < took_us * 11);
	return whole;
}

/* Each piece that is taken in time is a turn of its own: the whole may last longer than one. */
static void test_steady_reader_of_a_stream(void **state)
{
	struct rig *rig = *state;

	rig_open_with(rig, 1);
	fill_database(rig);
	rig_until(rig, takes_all(rig));
}

static void test_slow_reader_of_a_stream(void **state)
{
	struct rig *rig = *state;
	int fd;

	rig_open_with(rig, 1);
	fill_database(rig);
	fd = rig_connect(rig);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){1}, sizeof(int));
	rig_say(rig, fd, ASK_SNAPSHOT);
	assert_true(gives_up(rig, fd));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_trickled_head, rig_below_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_trickled_body, rig_below_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_lively_connection_stays, rig_below_setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_held_request_stays, rig_below_setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_slow_reader, rig_below_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_steady_reader_of_a_stream, rig_below_setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_slow_reader_of_a_stream, rig_below_setup,
						rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
