/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Streams whose reader has no time now, and bodies that are taken. */
#include "unit/util/fetch_rig.h"

struct reader {
	struct got got;
	unsigned int refused; /* pieces */
	bool waits;
};

static int reader_piece(void *arg, const struct fetch_answer *head, const char *bytes, size_t len)
{
	struct reader *r = arg;

	if (!r->waits)
		return on_piece(&r->got, head, bytes, len);
	r->refused++;
	return FETCH_WAIT;
}

static void reader_done(void *arg, const struct fetch_answer *a)
{
	struct reader *r = arg;

	on_done(&r->got, a);
}

static const struct fetch_ops reading = {reader_piece, reader_done};

static void begin(struct reader *r, const struct fetch_conf *conf)
{
	struct err err = {0};

	assert_int_equal(fetch_start(fetch, conf, &reading, r, &r->got.job, &err), 0);
	wait_for(r->refused, &r->got);
}

/* As often as need be: each piece is taken, and the next one is not at first. */
static int by_turns(void *arg, const struct fetch_answer *head, const char *bytes, size_t len)
{
	struct reader *r = arg;

	r->waits = !r->waits;
	return reader_piece(r, head, bytes, len);
}

static void test_wait_by_turns(void **state)
{
	static const struct fetch_ops ops = {by_turns, reader_done};
	struct reader r = {0};
	struct fetch_conf conf;
	struct err err = {0};

	ANSWER(SAY("HTTP/1.1 200 OK\r\n\r\nabc"), GATE(1, "def"), GATE(2, "ghi"), GATE(3, "jkl"),
	       GATE(4, "mno"));
	r.got.on_piece = open_gate;
	conf = conf_of("/x");
	assert_int_equal(fetch_start(fetch, &conf, &ops, &r, &r.got.job, &err), 0);
	while (!r.got.ends) {
		turn_ms(15);
		if (r.waits)
			fetch_go_on(r.got.job);
	}
	assert_int_equal(r.got.status, 0);
	assert_string_equal(r.got.body, "abcdefghijklmno");
	assert_true(r.refused >= 3);
}

/* curl would forget about it otherwise. */
static void test_refused_again(void **state)
{
	struct reader r = {.waits = true};
	struct fetch_conf conf;

	ANSWER(SAY("HTTP/1.1 200 OK\r\n\r\nabc"), AFTER(20, "def"));
	conf = conf_of("/x");
	begin(&r, &conf);
	fetch_go_on(r.got.job);
	wait_end(&r.got);
	assert_int_equal(r.got.status, -EBUSY);
}

static void test_piece_that_came_again_may_stop_it(void **state)
{
	struct reader r = {.waits = true};
	struct fetch_conf conf;

	ANSWER(SAY("HTTP/1.1 200 OK\r\n\r\nabc"), AFTER(20, "def"));
	conf = conf_of("/x");
	begin(&r, &conf);
	r.waits = false;
	r.got.stop_with = -EBADMSG;
	fetch_go_on(r.got.job);
	wait_end(&r.got);
	assert_int_equal(r.got.status, -EBADMSG);
}

static void test_cancel_while_it_is_held(void **state)
{
	struct reader r = {.waits = true};
	struct fetch_conf conf;

	ANSWER(SAY("HTTP/1.1 200 OK\r\n\r\nabc"), AFTER(20, "def"));
	conf = conf_of("/x");
	begin(&r, &conf);
	fetch_go_on(r.got.job);
	fetch_cancel(r.got.job);
	turn_ms(50);
	assert_int_equal(r.got.ends, 0);
	assert_int_equal(r.refused, 1);
}

/* Nothing waits: nothing goes on. */
static void test_go_on_without_need(void **state)
{
	struct reader r = {0};
	struct fetch_conf conf;

	ANSWER(SAY("HTTP/1.1 200 OK\r\n\r\nabc"), AFTER(20, "def"));
	conf = conf_of("/x");
	start(&conf, &stream, &r.got);
	fetch_go_on(r.got.job);
	fetch_go_on(NULL);
	wait_end(&r.got);
	assert_string_equal(r.got.body, "abcdef");
}

/* ---- bodies ---- */

static char *taken;

static void take_body(void *arg, const struct fetch_answer *a)
{
	struct got *g = arg;

	taken = fetch_take_body(g->job);
	EXPECT(g, taken == a->body);
	EXPECT(g, !fetch_take_body(g->job));
	on_done(g, a);
}

static void test_body_is_taken(void **state)
{
	static const struct fetch_ops taking = {.done = take_body};
	struct got g = {0};
	struct fetch_conf conf;

	ANSWER(SAY(HEAD "Content-Length: 2\r\n\r\n{}"));
	conf = conf_of("/x");
	ask(&conf, &taking, &g);
	turn_ms(10);
	assert_string_equal(taken, "{}");
	free(taken);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_wait_by_turns),
		T(test_refused_again),
		T(test_piece_that_came_again_may_stop_it),
		T(test_cancel_while_it_is_held),
		T(test_go_on_without_need),
		T(test_body_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
