/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kept connections that break just when they are used again: what is sent twice, and what is not.
 */
#include "unit/util/fetch_rig.h"

#define BODY "Content-Length: 2\r\n\r\n{}"

/* One answer on each connection: the second request is read, and the connection ends. */
static struct fetch_conf used_once(bool abrupt)
{
	struct fetch_conf conf;
	struct got g = {0};

	srv.keep = true;
	srv.answers_each = 1;
	srv.abrupt = abrupt;
	ANSWER(SAY(HEAD BODY));
	conf = conf_of("/x");
	ask(&conf, &whole, &g);
	assert_int_equal(g.status, 0);
	assert_int_equal(srv.connections, 1);
	return conf;
}

static void expect(const struct got *g, int status, unsigned int requests, unsigned int connections)
{
	assert_int_equal(g->status, status);
	assert_int_equal(srv.requests, requests);
	assert_in_range(srv.connections, 1, connections);
	if (status)
		return;
	assert_int_equal(srv.connections, connections);
	assert_int_equal(g->code, 200);
	assert_string_equal(g->body, "{}");
}

static void repeats(const char *method, bool safe, bool abrupt)
{
	struct fetch_conf conf = used_once(abrupt);
	struct got g = {0};

	conf.method = method;
	conf.body = method ? "{}" : NULL;
	conf.body_len = method ? 2 : 0;
	conf.safe = safe;
	ask(&conf, &whole, &g);
	expect(&g, 0, 3, 2);
	if (method)
		assert_non_null(strstr(srv.seen, "\r\n\r\n{}"));
}

static void test_get(void **state)
{
	repeats(NULL, false, true);
}

static void test_get_closed_in_order(void **state)
{
	repeats(NULL, false, false);
}

static void test_put(void **state)
{
	repeats("PUT", false, true);
}

static void test_delete(void **state)
{
	repeats("DELETE", false, true);
}

static void test_post_that_only_asks(void **state)
{
	repeats("POST", true, true);
}

static void is_not_sent_again(const char *method, const char *if_match, bool abrupt)
{
	struct fetch_conf conf = used_once(abrupt);
	struct got g = {0};

	conf.method = method;
	conf.body = "{}";
	conf.body_len = 2;
	conf.if_match = if_match;
	ask(&conf, &whole, &g);
	/* libcurl may have connected, in vain */
	expect(&g, -ECONNRESET, 2, 2);
	if (!strstr(g.want, "may have been taken") && !strstr(g.want, "the connection broke"))
		fail_msg("%s", g.want);
}

static void test_post(void **state)
{
	is_not_sent_again("POST", NULL, true);
}

static void test_post_closed_in_order(void **state)
{
	is_not_sent_again("POST", NULL, false);
}

static void test_body_without_a_method(void **state)
{
	is_not_sent_again(NULL, NULL, false);
}

static void test_patch(void **state)
{
	is_not_sent_again("PATCH", NULL, false);
}

static void test_put_with_a_condition(void **state)
{
	is_not_sent_again("PUT", "\"1\"", true);
}

/* ---- streams ---- */

static void test_stream(void **state)
{
	struct fetch_conf conf = used_once(true);
	struct got g = {0};

	conf.max = 0;
	conf.timeout_ms = 0;
	conf.silence_ms = 60000;
	ask(&conf, &stream, &g);
	expect(&g, 0, 3, 2);
}

static void test_stream_that_has_begun(void **state)
{
	static const struct piece part = {.bytes = HEAD "Content-Length: 9\r\n\r\nabc", .gate = 1};
	struct fetch_conf conf = used_once(false);
	struct got g = {0};

	srv.pieces = &part;
	srv.answers_each = 0;
	start(&conf, &stream, &g);
	wait_for(srv.requests == 2, &g);
	srv.keep = false;
	srv.gate = 1;
	wait_end(&g);
	expect(&g, -ECONNRESET, 2, 1);
	assert_string_equal(g.body, "abc");
}

/* ---- two kept connections ---- */

static struct pair {
	int fd, kept[2];
	pthread_t thread;
	unsigned int requests, connections;
	char text[4096];
} both = {.fd = -1};

static int take_connection(struct pair *pair)
{
	struct pollfd p = {pair->fd, POLLIN, 0};

	if (poll(&p, 1, 60000) <= 0)
		return -1;
	pair->connections++;
	return accept(pair->fd, NULL, NULL);
}

static void take_request(struct pair *pair, int fd)
{
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && !strstr(pair->text, "\r\n\r\n")) {
		n = recv(fd, pair->text + len, sizeof(pair->text) - 1 - len, 0);
		len += n > 0 ? (size_t)n : 0;
		pair->text[len] = '\0';
	}
	pair->requests += n > 0;
	pair->text[0] = '\0';
}

/* On which one a request comes, that one is closed; the other stays open. */
static void close_the_asked(struct pair *pair)
{
	struct pollfd p[3] = {{pair->kept[0], POLLIN, 0}, {pair->kept[1], POLLIN, 0}};

	p[2] = (struct pollfd){pair->fd, POLLIN, 0};
	while (poll(p, 3, 60000) > 0 && !p[2].revents) {
		for (int i = 0; i < 2; i++) {
			if (!p[i].revents)
				continue;
			take_request(pair, p[i].fd);
			close(p[i].fd);
			pair->kept[i] = p[i].fd = -1;
		}
	}
}

static void *run_pair(void *arg)
{
	static const char text[] = HEAD BODY;
	struct pair *pair = arg;
	int last;

	for (int i = 0; i < 2; i++) {
		pair->kept[i] = take_connection(pair);
		take_request(pair, pair->kept[i]);
	}
	for (int i = 0; i < 2; i++)
		send(pair->kept[i], text, strlen(text), MSG_NOSIGNAL);
	close_the_asked(pair);
	last = take_connection(pair);
	take_request(pair, last);
	send(last, text, strlen(text), MSG_NOSIGNAL);
	close(last);
	for (int i = 0; i < 2; i++)
		if (pair->kept[i] >= 0)
			close(pair->kept[i]);
	return NULL;
}

/* Whatever it waits for. */
static void pair_stop(void)
{
	if (both.fd < 0)
		return;
	shutdown(both.fd, SHUT_RDWR);
	pthread_join(both.thread, NULL);
	close(both.fd);
	both.fd = -1;
}

static int pair_teardown(void **state)
{
	int r = teardown(state); /* closes the connections */

	pair_stop();
	return r;
}

/* The second try is the last one: it does not go to the next kept connection. */
static void test_next_kept_connection(void **state)
{
	struct got a = {0}, b = {0}, g = {0};
	struct fetch_conf conf;
	int fd = server_listen(&srv.port);

	assert_true(fd >= 0);
	both = (struct pair){.fd = fd};
	assert_int_equal(pthread_create(&both.thread, NULL, run_pair, &both), 0);
	conf = conf_of("/x");
	start(&conf, &whole, &a);
	start(&conf, &whole, &b);
	wait_end(&a);
	if (!b.ends)
		wait_end(&b);
	ask(&conf, &whole, &g);
	assert_int_equal(g.status, 0);
	pair_stop();
	assert_int_equal(both.requests, 4);
	assert_int_equal(both.connections, 3);
}

/* ---- a reset behind an answer ---- */

/* It has come when the client looks: what a reset leaves there is read. */
static void answered_and_reset(const struct piece *part, struct got *g)
{
	struct fetch_conf conf = used_once(false);

	srv.pieces = part;
	srv.answers_each = 0;
	srv.reset_after = 2;
	conf.method = "DELETE";
	start(&conf, &whole, g);
	wait_for(srv.requests == 2, g);
	srv.gate = 1;
	while (!srv.ends)
		usleep(1000);
	wait_end(g);
	assert_int_equal(srv.requests, 2);
	assert_int_equal(g->status, 0);
	assert_int_equal(g->code, 200);
}

static void test_reset_behind_an_answer(void **state)
{
	static const struct piece part = {.bytes = HEAD BODY, .gate = 1};
	struct got g = {0};

	answered_and_reset(&part, &g);
	assert_string_equal(g.body, "{}");
}

/* It may take more than one look. */
static void test_reset_behind_a_large_answer(void **state)
{
	static char text[51000];
	const struct piece part = {.bytes = text, .gate = 1};
	struct got g = {0};

	snprintf(text, sizeof(text), HEAD "Content-Length: 50000\r\n\r\n%050000d", 1);
	answered_and_reset(&part, &g);
	assert_int_equal(g.len, 50000);
}

/* ---- ends ---- */

static void breaks_always(bool abrupt)
{
	struct fetch_conf conf = used_once(abrupt);
	struct got g = {0};

	srv.answers = 1;
	ask(&conf, &whole, &g);
	expect(&g, -ECONNRESET, 3, 2);
}

static void test_breaks_always(void **state)
{
	breaks_always(true);
}

static void test_closes_always(void **state)
{
	breaks_always(false);
}

static void test_first_connection(void **state)
{
	struct fetch_conf conf;
	struct got g = {0};

	srv.abrupt = true;
	srv.answers = 1;
	srv.requests = 1;
	ANSWER(SAY(HEAD BODY));
	conf = conf_of("/x");
	ask(&conf, &whole, &g);
	expect(&g, -ECONNRESET, 2, 1);
}

static void test_cancel(void **state)
{
	struct fetch_conf conf = used_once(true);
	struct got g = {0};

	srv.pieces = NULL;
	start(&conf, &whole, &g);
	wait_for(srv.requests == 3, &g);
	fetch_cancel(g.job);
	wait_for(srv.given_up, &g);
	assert_int_equal(g.ends, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_get),
		T(test_get_closed_in_order),
		T(test_put),
		T(test_delete),
		T(test_post_that_only_asks),
		T(test_post),
		T(test_post_closed_in_order),
		T(test_body_without_a_method),
		T(test_patch),
		T(test_put_with_a_condition),
		T(test_stream),
		T(test_stream_that_has_begun),
		cmocka_unit_test_setup_teardown(test_next_kept_connection, setup, pair_teardown),
		T(test_breaks_always),
		T(test_closes_always),
		T(test_first_connection),
		T(test_reset_behind_an_answer),
		T(test_reset_behind_a_large_answer),
		T(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
