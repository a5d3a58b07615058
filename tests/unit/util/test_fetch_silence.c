/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Silence and time limits, on a clock of the test's own: a server that is slow for the machine's
 * sake is not. */
#include "unit/own_clock.h"
#include "unit/util/fetch_rig.h"

#define STEP_MS 100

static uv_timer_t step;

/* What the server sends is there before the loop looks again. */
static void on_step(uv_timer_t *timer)
{
	srv.gate++;
	while (srv.sent < srv.gate)
		usleep(1000);
}

static void wait_a_step(struct got *g)
{
	if (g->pieces < 4)
		uv_timer_start(&step, on_step, STEP_MS, 0);
}

/* Each piece is a sign of life; together they last longer than the patience. */
static void test_silence(void **state)
{
	struct fetch_conf conf;
	struct got g = {.on_piece = wait_a_step};

	ANSWER(GATE(1, "HTTP/1.1 200 OK\r\n\r\na"), GATE(2, "b"), GATE(3, "c"), GATE(4, "d"),
	       GATE(5, "e"));
	uv_timer_init(&loop, &step);
	conf = conf_of("/x");
	conf.timeout_ms = 0;
	conf.silence_ms = 250;
	start(&conf, &stream, &g);
	wait_for(srv.requests, &g);
	on_step(&step);
	wait_end(&g);
	uv_close((uv_handle_t *)&step, NULL);
	assert_int_equal(g.status, -ETIMEDOUT);
	assert_string_equal(g.body, "abcd");
	assert_non_null(strstr(g.want, "says nothing for 250 ms"));
}

/* ---- a piece that is not taken ---- */

static unsigned int refused;

static int not_at_first(void *arg, const struct fetch_answer *head, const char *bytes, size_t len)
{
	return refused++ ? on_piece(arg, head, bytes, len) : FETCH_WAIT;
}

/* Nothing is lost, nothing comes twice, and silence is not the server's meanwhile. */
static void test_piece_comes_again(void **state)
{
	static const struct fetch_ops reading = {not_at_first, on_done};
	struct fetch_conf conf;
	struct got g = {0};

	ANSWER(SAY("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), SAY("3\r\none\r\n"),
	       GATE(1, "3\r\ntwo\r\n"), SAY("0\r\n\r\n"));
	conf = conf_of("/x");
	conf.max = 0;
	conf.silence_ms = 1500;
	start(&conf, &reading, &g);
	wait_for(refused, &g);
	turn_ms(2000);
	assert_int_equal(refused, 1);
	assert_int_equal(g.ends, 0);
	srv.gate = 1;
	wait_for(srv.sent == 4, &g);
	fetch_go_on(g.job);
	assert_int_equal(g.pieces, 0);
	wait_end(&g);
	assert_int_equal(g.status, 0);
	assert_string_equal(g.body, "onetwo");
}

/* ---- the time of what is sent twice ---- */

/* A request on a kept connection breaks when half of its time is over; the next try finds a server
 * that does not answer at all, and has what is left. */
static void time_of_both_together(bool abrupt)
{
	struct got before = {0}, g = {0};
	struct fetch_conf conf;
	uint64_t then;

	srv.keep = true;
	srv.answers_each = 1;
	srv.end_gate = 1;
	srv.abrupt = abrupt;
	ANSWER(SAY(HEAD "Content-Length: 2\r\n\r\n{}"));
	conf = conf_of("/x");
	ask(&conf, &whole, &before);
	assert_int_equal(before.status, 0);
	srv.pieces = NULL;
	conf.timeout_ms = 1000;
	start(&conf, &whole, &g);
	wait_for(srv.requests == 2, &g);
	own_clock_pass(500000);
	then = own_clock_us;
	srv.gate = 1;
	wait_for(srv.requests == 3, &g);
	wait_end(&g);
	assert_int_equal(g.status, -ETIMEDOUT);
	assert_non_null(strstr(g.want, "does not answer in time: not within 1000 ms"));
	assert_in_range(own_clock_us - then, 300000, 800000);
}

static void test_time_after_a_reset(void **state)
{
	time_of_both_together(true);
}

static void test_time_after_an_end_in_order(void **state)
{
	time_of_both_together(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_silence),
		T(test_piece_comes_again),
		T(test_time_after_a_reset),
		T(test_time_after_an_end_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
