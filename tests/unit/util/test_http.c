/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The HTTP client against a responder thread on a unix socket and on loopback TCP. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "unit/util/fetch_server.h"

#include "util/http.h"

#define REQUEST_MAX 8192
#define PATIENCE_MS 60000

struct responder {
	int listener;
	pthread_t thread;
	char endpoint[128];
	char dir[64];
	char request[REQUEST_MAX]; /* the last one, whole */
	int connections;
};

static struct responder unix_server, tcp_server;

/* Reads until the body announced by Content-Length is there; false at EOF. */
static bool read_request(int fd, char *buf)
{
	size_t len = 0;

	for (;;) {
		ssize_t n = read(fd, buf + len, REQUEST_MAX - 1 - len);
		const char *body, *field;

		if (n <= 0)
			return false;
		len += (size_t)n;
		buf[len] = '\0';
		body = strstr(buf, "\r\n\r\n");
		if (!body)
			continue;
		field = strcasestr(buf, "content-length:");
		if (!field || strlen(body + 4) >= (size_t)atoi(field + 15))
			return true;
	}
}

static void say(int fd, const char *status, const char *type, const char *body)
{
	dprintf(fd, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s", status,
		type, strlen(body), body);
}

static void say_huge(int fd)
{
	static char chunk[1 << 16];
	size_t total = HTTP_ANSWER_MAX + sizeof(chunk);

	memset(chunk, ' ', sizeof(chunk));
	dprintf(fd, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", total);
	for (size_t sent = 0; sent < total; sent += sizeof(chunk)) {
		if (send(fd, chunk, sizeof(chunk), MSG_NOSIGNAL) < 0)
			return;
	}
}

/* The path says what to answer. False: close the connection. */
static bool respond(int fd, const char *request)
{
	char path[64] = "";

	sscanf(request, "%*s %63s", path);
	if (!strcmp(path, "/ok"))
		say(fd, "200 OK", "application/json", "{\"answer\": 42}");
	else if (!strcmp(path, "/created"))
		say(fd, "201 Created", "application/json", "[1, 2.5]");
	else if (!strcmp(path, "/empty"))
		dprintf(fd, "HTTP/1.1 204 No Content\r\n\r\n");
	else if (!strcmp(path, "/problem"))
		say(fd, "400 Bad Request", "application/problem+json",
		    "{\"title\": \"t\", \"status\": 400, \"detail\": \"must be 0..1000\","
		    "\"field\": \"/evaluation/0/weight\", \"value\": -3}");
	else if (!strcmp(path, "/html"))
		say(fd, "200 OK", "text/html", "<html></html>");
	else if (!strcmp(path, "/huge"))
		say_huge(fd);
	else if (!strcmp(path, "/broken"))
		dprintf(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
	else if (!strcmp(path, "/junk"))
		dprintf(fd, "SSH-2.0-OpenSSH\r\n");
	else if (!strcmp(path, "/silent"))
		return true;
	return !strcmp(path, "/ok") || !strcmp(path, "/created") || !strcmp(path, "/empty") ||
	       !strcmp(path, "/problem");
}

static void *serve(void *arg)
{
	struct responder *server = arg;
	char buf[REQUEST_MAX];
	int fd;

	while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
		server->connections++;
		while (read_request(fd, buf)) {
			memcpy(server->request, buf, sizeof(buf));
			if (!respond(fd, buf))
				break;
		}
		close(fd);
	}
	return NULL;
}

static int start(struct responder *server, const struct sockaddr *addr, socklen_t len)
{
	server->listener = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server->listener < 0 || bind(server->listener, addr, len) ||
	    listen(server->listener, 8))
		return -1;
	return pthread_create(&server->thread, NULL, serve, server);
}

static void stop(struct responder *server)
{
	shutdown(server->listener, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->listener);
}

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t len = sizeof(in);

	snprintf(unix_server.dir, sizeof(unix_server.dir), "%.40s/http-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(unix_server.dir))
		return -1;
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/api.sock", unix_server.dir);
	snprintf(unix_server.endpoint, sizeof(unix_server.endpoint), "unix:%.107s", un.sun_path);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (start(&unix_server, (void *)&un, sizeof(un)) ||
	    start(&tcp_server, (void *)&in, sizeof(in)) ||
	    getsockname(tcp_server.listener, (void *)&in, &len))
		return -1;
	snprintf(tcp_server.endpoint, sizeof(tcp_server.endpoint), "http://127.0.0.1:%u",
		 ntohs(in.sin_port));
	return 0;
}

static int teardown(void **state)
{
	stop(&unix_server);
	stop(&tcp_server);
	unlink(unix_server.endpoint + strlen("unix:"));
	return rmdir(unix_server.dir);
}

static struct http *client(const char *endpoint, long timeout_ms)
{
	struct http *http = NULL;
	struct err err;

	assert_int_equal(http_open(endpoint, timeout_ms, &http, &err), 0);
	assert_non_null(http);
	return http;
}

static void check_ok(const char *endpoint)
{
	struct http *http = client(endpoint, PATIENCE_MS);
	json_t *out = NULL;
	long status = 0;

	assert_int_equal(http_call(http, "GET", "/ok", NULL, &status, &out, NULL), 0);
	assert_int_equal(status, 200);
	assert_int_equal(json_integer_value(json_object_get(out, "answer")), 42);
	json_decref(out);
	http_close(http);
}

static void test_ok(void **state)
{
	const char *path = unix_server.endpoint + strlen("unix:");
	char slash[160];

	check_ok(unix_server.endpoint);
	check_ok(path);
	check_ok(tcp_server.endpoint);
	snprintf(slash, sizeof(slash), "%s/", tcp_server.endpoint);
	check_ok(slash);
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	check_ok(tcp_server.endpoint);
	unsetenv("http_proxy");
}

static void test_body(void **state)
{
	struct http *http = client(unix_server.endpoint, PATIENCE_MS);
	json_t *body = json_pack("{s:f, s:s}", "cpu_load", 71.4, "state", "up");
	int before = unix_server.connections;
	json_t *out = NULL;
	long status;

	assert_int_equal(http_call(http, "PUT", "/created", body, &status, &out, NULL), 0);
	assert_int_equal(status, 201);
	assert_int_equal(json_array_size(out), 2);
	json_decref(out);
	assert_non_null(strstr(unix_server.request, "PUT /created HTTP/1.1\r\n"));
	assert_non_null(strstr(unix_server.request, "Content-Type: application/json\r\n"));
	assert_non_null(strstr(unix_server.request, "{\"cpu_load\":71.4,\"state\":\"up\"}"));

	/* The next call carries nothing of it, and uses the same connection. */
	assert_int_equal(http_call(http, "DELETE", "/empty", NULL, &status, &out, NULL), 0);
	assert_int_equal(status, 204);
	assert_null(out);
	assert_non_null(strstr(unix_server.request, "DELETE /empty HTTP/1.1\r\n"));
	assert_null(strcasestr(unix_server.request, "content-type"));
	assert_null(strstr(unix_server.request, "cpu_load"));
	assert_int_equal(http_call(http, "PATCH", "/ok", body, &status, NULL, NULL), 0);
	assert_int_equal(unix_server.connections, before + 1);
	json_decref(body);
	http_close(http);
}

static void test_problem(void **state)
{
	struct http *http = client(unix_server.endpoint, PATIENCE_MS);
	json_t *out = NULL;
	struct err err;
	long status;

	assert_int_equal(http_call(http, "GET", "/problem", NULL, &status, &out, NULL), 0);
	assert_int_equal(status, 400);
	assert_int_equal(http_problem(status, out, &err), -EINVAL);
	assert_string_equal(err.want, "must be 0..1000");
	assert_string_equal(err.field, "/evaluation/0/weight");
	assert_string_equal(err.value, "-3");
	json_decref(out);
	http_close(http);
}

static void test_problem_codes(void **state)
{
	static const struct {
		long status;
		int code;
	} table[] = {
		{200, 0},	 {201, 0},	 {204, 0},	 {400, -EINVAL}, {404, -ENOENT},
		{405, -ENOTSUP}, {409, -EEXIST}, {412, -ESTALE}, {413, -EFBIG},	 {415, -ENOTSUP},
		{503, -EAGAIN},	 {507, -ENOSPC}, {500, -EPROTO}, {301, -EPROTO},
	};
	json_t *title = json_pack("{s:s}", "title", "Not good");
	struct err err = {};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(http_problem(table[i].status, NULL, &err), table[i].code);
	assert_non_null(strstr(err.want, "301"));
	http_problem(400, title, &err);
	assert_string_equal(err.want, "Not good");
	json_decref(title);
}

static void check_fails(const char *endpoint, const char *path, int want, const char *text)
{
	struct http *http = client(endpoint, want == -ETIMEDOUT ? 200 : PATIENCE_MS);
	json_t *out = (json_t *)1;
	struct err err = {};
	long status = 77;
	char buf[512];

	assert_int_equal(http_call(http, "GET", path, NULL, &status, &out, &err), want);
	assert_null(out);
	assert_non_null(strstr(err_text(&err, buf, sizeof(buf)), text));
	http_close(http);
}

static void test_failures(void **state)
{
	char gone[192];

	check_fails(tcp_server.endpoint, "/html", -EPROTO, "not JSON");
	check_fails(unix_server.endpoint, "/html", -EPROTO, unix_server.endpoint);
	check_fails(tcp_server.endpoint, "/junk", -EPROTO, "HTTP");
	check_fails(unix_server.endpoint, "/close", -EPROTO, "HTTP");
	check_fails(unix_server.endpoint, "/silent", -ETIMEDOUT, "in time");
	check_fails("http://127.0.0.1:1", "/ok", -ECONNREFUSED, "is sand running?");
	snprintf(gone, sizeof(gone), "%s.gone", unix_server.endpoint);
	check_fails(gone, "/ok", -ECONNREFUSED, "is sand running?");
}

static void test_answer_limit(void **state)
{
	check_fails(unix_server.endpoint, "/huge", -EPROTO, "more than 32 MiB");
}

static void test_url_limit(void **state)
{
	struct http *http = client(unix_server.endpoint, PATIENCE_MS);
	char path[4096];
	struct err err;
	long status;

	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(http_call(http, "GET", path, NULL, &status, NULL, &err), -ENAMETOOLONG);
	assert_non_null(strstr(err.want, "2048"));
	http_close(http);
}

static void test_bad_endpoints(void **state)
{
	static const char *const bad[] = {
		"",
		"unix:",
		"unix:run/api.sock",
		"run/api.sock",
		"https://127.0.0.1:1",
		"http://",
		"http:///",
		"http://[::1]:80/v1",
		"http://u@[::1]:80",
		"http://[::1]:80?x",
		"ftp://x",
	};
	char longer[200], path[120];
	struct http *http = NULL;
	struct err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(http_open(bad[i], 100, &http, &err), -EINVAL);
		assert_string_equal(err.object, "server");
		assert_string_equal(err.value, bad[i]);
		assert_null(http);
	}
	memset(longer, 'a', sizeof(longer));
	longer[0] = '/';
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(http_open(longer, 100, &http, &err), -EINVAL);
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[108] = '\0'; /* one more than fits */
	assert_int_equal(http_open(path, 100, &http, &err), -EINVAL);
	assert_non_null(strstr(err.want, "107"));
	path[107] = '\0';
	assert_int_equal(http_open(path, 100, &http, &err), 0);
	http_close(http);
	http_close(NULL);
}

static void test_segment(void **state)
{
	char buf[64];

	assert_string_equal(http_segment("web-1.a_b~", buf, sizeof(buf)), "web-1.a_b~");
	assert_string_equal(http_segment("a/b c%?\xc3\xa9", buf, sizeof(buf)),
			    "a%2Fb%20c%25%3F%C3%A9");
	assert_string_equal(http_segment("", buf, sizeof(buf)), "");
	assert_string_equal(http_segment("ab/c", buf, 5), "ab"); /* no half escapes */
	assert_string_equal(http_segment("abc", buf, 3), "ab");
}

static volatile sig_atomic_t stopped;

static void on_alarm(int signum)
{
	stopped = 1;
}

/* A signal ends a call that waits for its answer; its own patience would last for a minute. */
static void test_stop(void **state)
{
	const struct sigaction action = {.sa_handler = on_alarm};
	const struct itimerval soon = {.it_value.tv_usec = 50000};
	struct http *http = NULL;
	struct err err = {};
	long status;

	assert_int_equal(http_open(unix_server.endpoint, 60000, &http, &err), 0);
	http_stop_on(http, &stopped);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	assert_int_equal(http_call(http, "GET", "/silent", NULL, &status, NULL, &err), -EINTR);
	http_close(http);
}

/* ---- a kept connection that ends with the second request ---- */

static struct server once = {.fd = -1};

static int once_setup(void **state)
{
	static const struct piece text = {.bytes =
						  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"};

	once = (struct server){.keep = true, .answers_each = 1, .pieces = &text, .n_pieces = 1};
	return server_start(&once);
}

static int once_teardown(void **state)
{
	if (once.fd >= 0)
		server_stop(&once);
	return 0;
}

static int call_twice(const char *method, bool repeats_all, struct err *err)
{
	struct http *http;
	json_t *body = json_object();
	char endpoint[64];
	long status;
	int first, second;

	snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%u", once.port);
	http = client(endpoint, PATIENCE_MS);
	if (repeats_all)
		http_repeat_all(http);
	first = http_call(http, method, "/x", body, &status, NULL, err);
	second = http_call(http, method, "/x", body, &status, NULL, err);
	http_close(http);
	json_decref(body);
	assert_int_equal(first, 0);
	return second;
}

static void test_post_is_not_sent_again(void **state)
{
	struct err err = {};

	assert_int_equal(call_twice("POST", false, &err), -EPROTO);
	assert_non_null(strstr(err.want, "what was sent may have been taken"));
	assert_int_equal(once.requests, 2);
}

static void test_put_is_sent_again(void **state)
{
	struct err err = {};

	assert_int_equal(call_twice("PUT", false, &err), 0);
	assert_int_equal(once.requests, 3);
}

static void test_post_that_may_be_sent_again(void **state)
{
	struct err err = {};

	assert_int_equal(call_twice("POST", true, &err), 0);
	assert_int_equal(once.requests, 3);
}

/* ---- bulk ---- */

static int bulk(struct http *http, const char *path, FILE *send, FILE *take, long *status,
		json_t **out, struct err *err)
{
	const struct http_bulk how = {send, take, "text/lines",
				      strcmp(path, "/silent") ? PATIENCE_MS / 1000 : 1};

	memset(err, 0, sizeof(*err));
	return http_bulk(http, send ? "POST" : "GET", path, &how, status, out, err);
}

/* Files both ways; a problem does not end up in the file; then ordinary calls work as before. */
static void test_bulk(void **state)
{
	struct http *http = client(unix_server.endpoint, PATIENCE_MS);
	FILE *send = tmpfile(), *take = tmpfile(), *full = fopen("/dev/full", "w");
	char text[64] = "";
	json_t *out = NULL;
	struct err err;
	long status;

	fputs("skipped\nline 1\nline 2\n", send);
	fseek(send, 8, SEEK_SET);
	assert_int_equal(bulk(http, "/created", send, NULL, &status, &out, &err), 0);
	assert_int_equal(status, 201);
	assert_int_equal(json_array_size(out), 2);
	json_decref(out);
	assert_non_null(strstr(unix_server.request, "POST /created HTTP/1.1\r\n"));
	assert_non_null(strstr(unix_server.request, "Content-Type: text/lines\r\n"));
	assert_non_null(strstr(unix_server.request, "Content-Length: 14\r\n"));
	assert_non_null(strstr(unix_server.request, "\r\n\r\nline 1\nline 2\n"));
	assert_int_equal(bulk(http, "/problem", NULL, take, &status, &out, &err), 0);
	assert_int_equal(status, 400);
	assert_int_equal(http_problem(status, out, &err), -EINVAL);
	json_decref(out);
	assert_int_equal(ftell(take), 0);
	assert_int_equal(bulk(http, "/html", NULL, take, &status, &out, &err), 0);
	rewind(take);
	assert_non_null(fgets(text, sizeof(text), take));
	assert_string_equal(text, "<html></html>");
	assert_null(out);
	assert_int_equal(bulk(http, "/broken", NULL, take, &status, &out, &err), -EPROTO);
	assert_int_equal(bulk(http, "/silent", NULL, take, &status, &out, &err), -ETIMEDOUT);
	setvbuf(full, NULL, _IONBF, 0);
	assert_int_equal(bulk(http, "/html", NULL, full, &status, &out, &err), -EIO);
	assert_non_null(strstr(err.want, "written"));
	http_close(http);
	check_ok(unix_server.endpoint);
	http = client(unix_server.endpoint, PATIENCE_MS);
	assert_int_equal(bulk(http, "/created", send, NULL, &status, &out, &err), 0);
	json_decref(out);
	assert_int_equal(http_call(http, "GET", "/ok", NULL, &status, &out, &err), 0);
	assert_int_equal(json_integer_value(json_object_get(out, "answer")), 42);
	json_decref(out);
	http_close(http);
	fclose(send);
	fclose(take);
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ok),
		cmocka_unit_test(test_body),
		cmocka_unit_test(test_bulk),
		cmocka_unit_test(test_problem),
		cmocka_unit_test(test_problem_codes),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_answer_limit),
		cmocka_unit_test(test_url_limit),
		cmocka_unit_test(test_bad_endpoints),
		cmocka_unit_test(test_segment),
		cmocka_unit_test(test_stop),
		cmocka_unit_test_setup_teardown(test_post_is_not_sent_again, once_setup,
						once_teardown),
		cmocka_unit_test_setup_teardown(test_put_is_sent_again, once_setup, once_teardown),
		cmocka_unit_test_setup_teardown(test_post_that_may_be_sent_again, once_setup,
						once_teardown),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
