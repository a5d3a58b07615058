/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clients that are slow on purpose, requests that come while it closes, no descriptors left. */
#include <sys/resource.h>

#include "unit/north/rig.h"

#define PUT_HEAD "PUT /v1/services/1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
#define PUT_SERVICE PUT_HEAD "Content-Length: 2\r\n\r\n{}"

static void open_with(struct rig *rig, unsigned int turn_s)
{
	struct north_conf conf = rig_conf(rig);
	struct err err = {0};

	conf.turn_s = turn_s;
	assert_int_equal(north_open(&conf, &rig->north, &err), 0);
}

static int setup(void **state)
{
	struct rig *rig = malloc(sizeof(*rig));

	rig_open_below(rig);
	*state = rig;
	return 0;
}

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

	open_with(rig, 1);
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

	open_with(rig, 1);
	fd = rig_connect(rig);
	rig_say(rig, fd, PUT_HEAD "Content-Length: 100000\r\n\r\n");
	assert_true(trickle(rig, fd, " "));
	rig_recv(rig, fd, &a);
	assert_problem(&a, 408, "", "1 s");
	answer_free(&a);
	close(fd);
	assert_int_equal(HASH_COUNT(rig->view.services), 0);
}

/* The limit is one request's: a connection that goes on asking may stay. */
static void test_lively_connection_stays(void **state)
{
	struct rig *rig = *state;
	uint64_t until;
	struct answer a;
	int fd;

	open_with(rig, 1);
	fd = rig_connect(rig);
	for (until = clock_us() + 1800000; clock_us() < until;) {
		rig_say(rig, fd, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
		rig_recv(rig, fd, &a);
		assert_int_equal(a.status, 200);
		answer_free(&a);
	}
	close(fd);
}

/* Waiting for the parent process is not the client's fault. */
static void test_held_request_stays(void **state)
{
	struct rig *rig = *state;
	uint64_t until;
	char byte;
	int fd;

	open_with(rig, 1);
	fd = rig_connect(rig);
	rig->mute = true;
	rig_say(rig, fd, "GET /v1/stats HTTP/1.1\r\nHost: x\r\n\r\n");
	for (until = clock_us() + 1800000; clock_us() < until;)
		rig_turn(rig);
	assert_true(recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
	close(fd);
}

/* Asks for much, and takes a byte now and then. */
static void test_slow_reader(void **state)
{
	static const char ask[] = "GET /v1/services HTTP/1.1\r\nHost: x\r\n\r\n";
	struct rig *rig = *state;
	uint64_t until = clock_us() + RIG_PATIENCE_US, next = 0;
	char request[64], byte;
	ssize_t n = 1;
	int fd;

	open_with(rig, 1);
	for (int i = 1; i <= NORTH_PAGE_MAX; i++) {
		snprintf(request, sizeof(request), "PUT /v1/services/%d", i);
		assert_int_equal(rig_status(rig, request, "{}"), 201);
	}
	fd = rig_connect(rig);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){1}, sizeof(int));
	rig_say(rig, fd, ask);
	while (n == 1 && clock_us() < until) {
		rig_turn(rig);
		if (clock_us() < next)
			continue;
		n = recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno != EAGAIN ? 0 : 1;
		n = n && send(fd, "G", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EPIPE ? 0
											     : n;
		next = clock_us() + 50000;
	}
	assert_int_equal(n, 0);
	close(fd);
}

/* More requests on the same connection than the first that is answered 503. */
static void test_close_with_pipelined_writes(void **state)
{
	struct rig *rig = *state;
	struct answer a;
	int fd;

	open_with(rig, 0);
	fd = rig_connect(rig);
	assert_true(send(fd, PUT_SERVICE PUT_SERVICE PUT_SERVICE, 3 * strlen(PUT_SERVICE), 0) > 0);
	rig->mute = true;
	for (int i = 0; i < 2; i++)
		rig_turn(rig);
	north_close(rig->north);
	rig->north = NULL;
	rig_recv(rig, fd, &a);
	answer_free(&a);
	assert_true(rig_closes(rig, fd));
	close(fd);
}

/* One that was accepted, and asks only now. */
static void test_stats_while_closing(void **state)
{
	static const char ask[] = "GET /v1/stats HTTP/1.1\r\nHost: x\r\n\r\n";
	struct rig *rig = *state;
	struct answer a;
	int fds[4];

	open_with(rig, 0);
	rig->mute = true;
	for (int i = 0; i < 4; i++)
		fds[i] = rig_connect(rig);
	rig_say(rig, fds[0], ask);
	for (int i = 0; i < 5; i++)
		rig_turn(rig);
	for (int i = 0; i < 4; i++)
		assert_true(send(fds[i], ask, strlen(ask), 0) > 0);
	north_close(rig->north);
	rig->north = NULL;
	for (int i = 0; i < 4; i++) {
		rig_recv(rig, fds[i], &a);
		assert_problem(&a, 503, "", "shutting down");
		answer_free(&a);
		close(fds[i]);
	}
}

static void test_no_descriptors(void **state)
{
	struct rig *rig = *state;
	struct rlimit old, low;
	int used[64], n = 0, fd;

	open_with(rig, 0);
	assert_int_equal(rig_status(rig, "GET /healthz", NULL), 200);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = fd + 2;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	while (n < 64 && (used[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
		n++;
	{
		struct sockaddr_un addr = {.sun_family = AF_UNIX};

		snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", rig->sock);
		assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	}
	assert_true(rig_closes(rig, fd)); /* not left in the queue */
	while (n)
		close(used[--n]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(rig_status(rig, "GET /healthz", NULL), 200);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_trickled_head, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_trickled_body, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_lively_connection_stays, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_held_request_stays, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_slow_reader, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_close_with_pipelined_writes, setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_stats_while_closing, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_no_descriptors, setup, rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
