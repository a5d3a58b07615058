/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Silence, on a clock of the test's own: a server that is slow for the machine's sake is not. */
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
	while (!srv.requests) {
		usleep(1000); /* it goes by with each look at it */
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	on_step(&step);
	wait_end(&g);
	uv_close((uv_handle_t *)&step, NULL);
	assert_int_equal(g.status, -ETIMEDOUT);
	assert_string_equal(g.body, "abcd");
	assert_non_null(strstr(g.want, "says nothing for 250 ms"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {T(test_silence)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
