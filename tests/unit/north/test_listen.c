/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where it listens, how many may come, how it ends. */
#include <sys/stat.h>

#include "unit/north/rig.h"

/* ---- the unix socket ---- */

static int open_at(struct rig *rig, const char *unix_path, const char *tcp, struct err *err)
{
	struct north_conf conf = rig_conf(rig);

	conf.unix_path = unix_path;
	conf.tcp = tcp;
	memset(err, 0, sizeof(*err));
	return north_open(&conf, &rig->north, err);
}

static void make_stale(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	close(fd); /* the file stays */
}

static void test_stale_socket(void **state)
{
	struct rig *rig = *state;
	struct stat st;
	struct err err;

	make_stale(rig->sock);
	assert_int_equal(open_at(rig, rig->sock, NULL, &err), 0);
	assert_int_equal(stat(rig->sock, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(rig_status(rig, "GET /healthz", NULL), 200);
}

static void test_alive_socket(void **state)
{
	struct rig *rig = *state;
	struct north *first;
	struct err err;

	assert_int_equal(open_at(rig, rig->sock, NULL, &err), 0);
	first = rig->north;
	assert_int_equal(open_at(rig, rig->sock, NULL, &err), -EADDRINUSE);
	assert_string_equal(err.value, rig->sock);
	assert_non_null(strstr(err.want, "another process"));
	assert_ptr_equal(rig->north, first);
	assert_int_equal(rig_status(rig, "GET /healthz", NULL), 200); /* unharmed */
}

static void test_path_that_is_no_socket(void **state)
{
	struct rig *rig = *state;
	int fd = open(rig->sock, O_CREAT | O_WRONLY, 0600);
	struct err err;

	close(fd);
	assert_int_equal(open_at(rig, rig->sock, NULL, &err), -EEXIST);
	assert_non_null(strstr(err.want, "no socket"));
	assert_int_equal(access(rig->sock, F_OK), 0); /* left alone */
	unlink(rig->sock);
}

static void test_bad_unix_paths(void **state)
{
	struct rig *rig = *state;
	char longest[200];
	struct err err;

	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	longest[108] = 0;
	assert_int_equal(open_at(rig, longest, NULL, &err), -EINVAL);
	assert_non_null(strstr(err.want, "107"));
	assert_int_equal(open_at(rig, "api.sock", NULL, &err), -EINVAL);
	assert_int_equal(open_at(rig, "/nonexistent/north/api.sock", NULL, &err), -ENOENT);
	assert_string_equal(err.object, "REST interface");
}

/* A socket file that somebody else has put there since is not removed. */
static void test_foreign_socket_stays(void **state)
{
	struct rig *rig = *state;
	struct err err;

	assert_int_equal(open_at(rig, rig->sock, NULL, &err), 0);
	unlink(rig->sock);
	make_stale(rig->sock);
	north_close(rig->north);
	rig->north = NULL;
	assert_int_equal(access(rig->sock, F_OK), 0);
	unlink(rig->sock);
}

/* ---- TCP ---- */

static void test_bad_tcp(void **state)
{
	static const char *const junk[] = {"",
					   "8080",
					   "127.0.0.1",
					   "127.0.0.1:",
					   "127.0.0.1:65536",
					   "127.0.0.1:x",
					   "::1:8080",
					   "[::1]",
					   "[::1:8080",
					   "localhost:8080",
					   "[]:1",
					   "127.0.0.1:-1"};
	static const char *const beyond[] = {"0.0.0.0:8080",	   "[::]:8080",
					     "192.0.2.1:8080",	   "128.0.0.1:1",
					     "[2001:db8::1]:8080", "[::ffff:127.0.0.1]:8080"};
	struct rig *rig = *state;
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(junk); i++) {
		assert_int_equal(open_at(rig, NULL, junk[i], &err), -EINVAL);
		assert_non_null(strstr(err.want, "must be like"));
	}
	for (size_t i = 0; i < ARRAY_SIZE(beyond); i++) {
		assert_int_equal(open_at(rig, NULL, beyond[i], &err), -EINVAL);
		assert_non_null(strstr(err.want, "SSH tunnel to the unix socket"));
	}
	assert_null(rig->north);
}

static int connect_tcp(int family, uint16_t port)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r;

	in6.sin6_addr = in6addr_loopback;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	r = family == AF_INET6 ? connect(fd, (struct sockaddr *)&in6, sizeof(in6))
			       : connect(fd, (struct sockaddr *)&in, sizeof(in));
	assert_int_equal(r, 0);
	return fd;
}

static void get_health(struct rig *rig, int fd, int status)
{
	struct answer a;

	rig_say(rig, fd, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
	rig_recv(rig, fd, &a);
	assert_int_equal(a.status, status);
	answer_free(&a);
}

static void test_tcp(void **state)
{
	struct rig *rig = *state;
	struct err err;
	char text[32];
	int fd;

	assert_int_equal(open_at(rig, rig->sock, "127.0.0.1:0", &err), 0);
	assert_true(north_tcp_port(rig->north) > 0);
	fd = connect_tcp(AF_INET, north_tcp_port(rig->north));
	get_health(rig, fd, 200);
	close(fd);
	assert_int_equal(rig_status(rig, "GET /healthz", NULL), 200); /* both at once */
	/* the port is taken now */
	snprintf(text, sizeof(text), "127.0.0.1:%u", north_tcp_port(rig->north));
	assert_int_equal(open_at(rig, NULL, text, &err), -EADDRINUSE);
	assert_string_equal(err.value, text);
}

static void test_tcp6(void **state)
{
	struct rig *rig = *state;
	struct err err;
	int fd;

	if (open_at(rig, NULL, "[::1]:0", &err) == -EADDRNOTAVAIL) {
		print_message("no IPv6 loopback here\n");
		skip();
	}
	fd = connect_tcp(AF_INET6, north_tcp_port(rig->north));
	get_health(rig, fd, 200);
	close(fd);
}

/* Raw text on a TCP connection of its own. */
static void say_tcp(struct rig *rig, struct answer *a, const char *text)
{
	int fd = connect_tcp(AF_INET, north_tcp_port(rig->north));

	rig_say(rig, fd, text);
	rig_recv(rig, fd, a);
	close(fd);
	rig_turn(rig);
}

/* A browser that was told that a foreign name has a loopback address says that name. */
static void test_tcp_host(void **state)
{
	static const char *const good[] = {"127.0.0.1",	 "127.0.0.1:8080", "127.1.2.3:1",
					   "localhost",	 "LocalHost:8080", "[::1]",
					   "[::1]:8080", "[0:0::1]:1"};
	static const char *const bad[] = {"sand.example",
					  "sand.example:8080",
					  "localhost.example",
					  "127.0.0.1.example",
					  "128.0.0.1",
					  "192.0.2.1:8080",
					  "[2001:db8::1]:8080",
					  "[::1",
					  "::1",
					  "[::1]x",
					  "[",
					  ":8080",
					  "127.0.0.1:80x",
					  "0.0.0.0",
					  "localhost, localhost"};
	struct rig *rig = *state;
	struct answer a;
	struct err err;
	char text[128];

	assert_int_equal(open_at(rig, rig->sock, "127.0.0.1:0", &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		snprintf(text, sizeof(text), "GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n", good[i]);
		say_tcp(rig, &a, text);
		assert_int_equal(a.status, 200);
		answer_free(&a);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(text, sizeof(text), "GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n", bad[i]);
		say_tcp(rig, &a, text);
		assert_problem(&a, 421, "Host", "loopback address or localhost");
		answer_free(&a);
	}
	say_tcp(rig, &a, "GET /healthz HTTP/1.0\r\n\r\n");
	assert_problem(&a, 421, "Host", "loopback address or localhost");
	answer_free(&a);
	assert_int_equal(rig_status(rig, "GET /healthz", NULL), 200); /* unix: any */
}

/* Who may open a TCP connection is not known: the database itself is not there. */
static void test_tcp_without_database(void **state)
{
	static const char *const all[] = {"GET /v1/database/keys",     "GET /v1/database/watch",
					  "GET /v1/database/snapshot", "POST /v1/database/compact",
					  "POST /v1/database/restore", "GET /v1/%64atabase/%6beys"};
	struct rig *rig = *state;
	struct answer a;
	struct err err;
	char text[160];

	assert_int_equal(open_at(rig, rig->sock, "127.0.0.1:0", &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", all[i],
			 all[i][0] == 'P' ? "Content-Length: 500\r\n" : "");
		say_tcp(rig, &a, text);
		assert_problem(&a, 403, "", "on the unix socket only");
		answer_free(&a);
	}
	assert_int_equal(rig_status(rig, "GET /v1/database/keys", NULL), 200);
	assert_int_equal(rig_status(rig, "GET /v1/database/watch?wait_s=0", NULL), 200);
	say_tcp(rig, &a, "GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n");
	assert_int_equal(a.status, 200);
	answer_free(&a);
}

static void test_connections_of_one_peer(void **state)
{
	int fds[NORTH_PER_PEER + 1];
	struct rig *rig = *state;
	struct answer a;
	struct err err;

	assert_int_equal(open_at(rig, rig->sock, "127.0.0.1:0", &err), 0);
	for (int i = 0; i < NORTH_PER_PEER; i++) {
		fds[i] = connect_tcp(AF_INET, north_tcp_port(rig->north));
		get_health(rig, fds[i], 200);
	}
	fds[NORTH_PER_PEER] = connect_tcp(AF_INET, north_tcp_port(rig->north));
	rig_recv(rig, fds[NORTH_PER_PEER], &a);
	assert_problem(&a, 503, "", "at most 32 connections from one address");
	answer_free(&a);
	assert_int_equal(rig_status(rig, "GET /healthz", NULL), 200); /* unix is not counted */
	rig_until(rig, rig->north->n_conns == NORTH_PER_PEER);
	close(fds[0]);
	rig_until(rig, rig->north->n_conns == NORTH_PER_PEER - 1);
	fds[0] = connect_tcp(AF_INET, north_tcp_port(rig->north));
	get_health(rig, fds[0], 200);
	for (int i = 0; i <= NORTH_PER_PEER; i++)
		close(fds[i]);
}

/* ---- limits of connections ---- */

static void test_most_connections(void **state)
{
	int fds[NORTH_CONNECTIONS + 1];
	struct rig *rig = *state;
	struct answer a;
	struct err err;

	assert_int_equal(open_at(rig, rig->sock, NULL, &err), 0);
	for (int i = 0; i < NORTH_CONNECTIONS; i++) {
		fds[i] = rig_connect(rig);
		get_health(rig, fds[i], 200);
	}
	fds[NORTH_CONNECTIONS] = rig_connect(rig);
	rig_recv(rig, fds[NORTH_CONNECTIONS], &a);
	assert_problem(&a, 503, "", "at most 256 connections in all");
	answer_free(&a);
	assert_true(rig_closes(rig, fds[NORTH_CONNECTIONS]));
	get_health(rig, fds[7], 200); /* the others go on */
	for (int i = 0; i <= NORTH_CONNECTIONS; i++)
		close(fds[i]);
	rig_until(rig, rig->north->n_conns == 0);
	assert_int_equal(rig_status(rig, "GET /healthz", NULL), 200);
}

/* A client that says nothing, and one that stops in the middle. */
static void test_idle(void **state)
{
	static const char half[] = "PUT /v1/services/1 HTTP/1.1\r\nHost: x\r\nContent-Type: "
				   "application/json\r\nContent-Length: 10\r\n\r\n{";
	struct rig *rig = *state;
	struct north_conf conf = rig_conf(rig);
	struct err err = {0};
	int silent, slow;

	conf.idle_s = 1;
	assert_int_equal(north_open(&conf, &rig->north, &err), 0);
	silent = rig_connect(rig);
	slow = rig_connect(rig);
	rig_say(rig, slow, half);
	assert_true(rig_closes(rig, silent));
	assert_true(rig_closes(rig, slow));
	close(silent);
	close(slow);
	assert_int_equal(HASH_COUNT(rig->view.services), 0);
}

/* Longer than libmicrohttpd's own accept() has room for. */
static void test_client_with_long_name(void **state)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct rig *rig = *state;
	struct err err;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(open_at(rig, rig->sock, NULL, &err), 0);
	memset(addr.sun_path + 1, 'n', sizeof(addr.sun_path) - 1); /* abstract */
	snprintf(addr.sun_path + 1, 32, "north-test-%d-", getpid());
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	memset(&addr, 0, sizeof(addr));
	addr.sun_family = AF_UNIX;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", rig->sock);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	get_health(rig, fd, 200);
	close(fd);
}

/* ---- ends ---- */

#define PUT_SERVICE(id)                                                                            \
	"PUT /v1/services/" id " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"        \
	"Content-Length: 2\r\n\r\n{}"

static const struct view_service *stored(struct rig *rig, uint64_t id)
{
	return view_service(&rig->view, id);
}

/* The client is gone before the database has answered: stored all the same, nobody is hurt. */
static void test_disconnect_during_write(void **state)
{
	struct rig *rig = *state;
	struct err err;
	int fd;

	assert_int_equal(open_at(rig, rig->sock, NULL, &err), 0);
	for (int i = 0; i < 20; i++) {
		fd = rig_connect(rig);
		assert_true(send(fd, PUT_SERVICE("1"), strlen(PUT_SERVICE("1")), 0) > 0);
		for (int turn = 0; turn < i % 5; turn++) /* closed at another moment each time */
			rig_turn(rig);
		close(fd);
	}
	rig_until(rig, stored(rig, 1));
	assert_int_equal(rig_status(rig, "GET /v1/services/1", NULL), 200);
}

/* Closed while a write is under way: answered, not left hanging; the write's end finds nobody. */
static void test_close_during_write(void **state)
{
	struct rig *rig = *state;
	struct answer a;
	struct err err;
	int fd;

	assert_int_equal(open_at(rig, rig->sock, NULL, &err), 0);
	fd = rig_connect(rig);
	rig->mute = true;
	rig_say(rig, fd, "GET /v1/stats HTTP/1.1\r\nHost: x\r\n\r\n");
	rig_until(rig, rig_holds(rig, 1));
	north_close(rig->north);
	rig->north = NULL;
	rig_recv(rig, fd, &a);
	assert_problem(&a, 503, "", "shutting down");
	answer_free(&a);
	assert_true(rig_closes(rig, fd));
	close(fd);
}

/* The same at every moment of a write. */
static void test_close_at_any_moment(void **state)
{
	struct rig *rig = *state;
	struct answer a;
	struct err err;
	int fd;

	for (int turns = 0; turns < 8; turns++) {
		assert_int_equal(open_at(rig, rig->sock, NULL, &err), 0);
		fd = rig_connect(rig);
		assert_true(send(fd, PUT_SERVICE("1"), strlen(PUT_SERVICE("1")), 0) > 0);
		for (int i = 0; i < turns; i++)
			rig_turn(rig);
		north_close(rig->north);
		rig->north = NULL;
		rig_recv(rig, fd, &a);
		assert_true(a.status == 0 || a.status == 200 || a.status == 201 || a.status == 503);
		answer_free(&a);
		close(fd);
	}
	rig_until(rig, stored(rig, 1));
}

static void test_close_with_idle_clients(void **state)
{
	struct rig *rig = *state;
	struct err err;
	int fd;

	assert_int_equal(open_at(rig, rig->sock, NULL, &err), 0);
	fd = rig_connect(rig);
	get_health(rig, fd, 200);
	rig_send(rig, fd, PUT_SERVICE("1"), strlen(PUT_SERVICE("1")) - 1); /* not all of it */
	north_close(rig->north);
	rig->north = NULL;
	assert_true(rig_closes(rig, fd));
	close(fd);
}

/* Suspended requests do not keep the loop busy. */
static void test_waiting_is_idle(void **state)
{
	struct rig *rig = *state;
	unsigned int quiet = 0;
	struct err err;
	int fd;

	assert_int_equal(open_at(rig, rig->sock, NULL, &err), 0);
	rig->mute = true;
	fd = rig_connect(rig);
	rig_say(rig, fd, "GET /v1/stats HTTP/1.1\r\nHost: x\r\n\r\n");
	rig_until(rig, rig_holds(rig, 1));
	for (int i = 0; i < 100; i++) {
		rig_turn(rig);
		quiet += uv_backend_timeout(&rig->loop) != 0;
	}
	assert_true(quiet > 50);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_stale_socket, rig_below_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_alive_socket, rig_below_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_path_that_is_no_socket, rig_below_setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_bad_unix_paths, rig_below_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_foreign_socket_stays, rig_below_setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_bad_tcp, rig_below_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_tcp, rig_below_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_tcp6, rig_below_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_tcp_host, rig_below_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_tcp_without_database, rig_below_setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_connections_of_one_peer, rig_below_setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_most_connections, rig_below_setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_idle, rig_below_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_client_with_long_name, rig_below_setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_disconnect_during_write, rig_below_setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_close_during_write, rig_below_setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_close_at_any_moment, rig_below_setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_close_with_idle_clients, rig_below_setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_waiting_is_idle, rig_below_setup,
						rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
