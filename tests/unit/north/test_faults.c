/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests that come while it closes, no descriptors left. */
#include <sys/resource.h>

#include "unit/north/rig.h"

#define PUT_HEAD "PUT /v1/services/1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
#define PUT_SERVICE PUT_HEAD "Content-Length: 2\r\n\r\n{}"

/* More requests on the same connection than the first that is answered 503. */
static void test_close_with_pipelined_writes(void **state)
{
	struct rig *rig = *state;
	struct answer a;
	int fd;

	rig_open_with(rig, 0);
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

	rig_open_with(rig, 0);
	rig->mute = true;
	for (int i = 0; i < 4; i++)
		fds[i] = rig_connect(rig);
	rig_say(rig, fds[0], ask);
	rig_until(rig, rig->north->n_conns == 4 && rig_holds(rig, 1));
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

	rig_open_with(rig, 0);
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
		cmocka_unit_test_setup_teardown(test_close_with_pipelined_writes, rig_below_setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_stats_while_closing, rig_below_setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_no_descriptors, rig_below_setup, rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
