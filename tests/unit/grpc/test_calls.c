/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Both ends against each other, in clear text: calls that go well and calls that end early. */
#include "pair.h"

static void test_unary(void **state)
{
	struct pair p;
	struct result r = {0};

	pair_init(&p);
	pair_open(&p);
	call_begin(&p, &r, "/t/Echo");
	assert_int_equal(grpc_call_send(r.call, "hello", 5, true), 0);
	pair_until(&p, r.ends);
	assert_int_equal(r.status, GRPC_OK);
	assert_int_equal(r.messages, 1);
	assert_memory_equal(r.last, "hello", 5);
	assert_true(r.sent);
	assert_string_equal(p.header, "yes");
	assert_memory_equal(p.peer, "127.0.0.1:", 10);
	pair_until(&p, p.closed == 1);
	free(r.last);
	pair_fini(&p);
	assert_int_equal(p.downs, 0);
}

static void test_empty_message(void **state)
{
	struct pair p;
	struct result r = {0};

	pair_init(&p);
	p.conf.address = "::1";
	p.channel.host = "::1";
	pair_open(&p);
	call_begin(&p, &r, "/t/Echo");
	assert_int_equal(grpc_call_send(r.call, NULL, 0, true), 0);
	pair_until(&p, r.ends);
	assert_int_equal(r.status, GRPC_OK);
	assert_int_equal(r.messages, 1);
	assert_int_equal(r.last_len, 0);
	assert_memory_equal(p.peer, "[::1]:", 6);
	free(r.last);
	pair_fini(&p);
}

static void test_name(void **state)
{
	struct pair p;

	pair_init(&p);
	p.channel.host = "localhost";
	p.channel.connect_ms = 5000;
	pair_open(&p);
	pair_fini(&p);
}

static void test_bidi(void **state)
{
	struct pair p;
	struct result r = {0};

	pair_init(&p);
	pair_open(&p);
	call_begin(&p, &r, "/t/Echo");
	for (unsigned int i = 1; i <= 50; i++) {
		assert_int_equal(grpc_call_send(r.call, &i, sizeof(i), i == 50), 0);
		pair_until(&p, r.messages == i);
		assert_memory_equal(r.last, &i, sizeof(i));
	}
	pair_until(&p, r.ends);
	assert_int_equal(r.status, GRPC_OK);
	free(r.last);
	pair_fini(&p);
}

static void test_parallel(void **state)
{
	struct pair p;
	struct result r[100] = {0};
	unsigned int ends = 0;
	struct grpc_server_stats stats;

	pair_init(&p);
	pair_open(&p);
	for (uint32_t i = 0; i < 100; i++) {
		call_begin(&p, &r[i], "/t/Echo");
		assert_int_equal(grpc_call_send(r[i].call, &i, sizeof(i), true), 0);
	}
	while (ends < 100 && !p.timed_out) {
		uv_run(&p.loop, UV_RUN_ONCE);
		ends = 0;
		for (uint32_t i = 0; i < 100; i++)
			ends += r[i].ends;
	}
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(r[i].status, GRPC_OK);
		assert_memory_equal(r[i].last, &i, sizeof(i));
		free(r[i].last);
	}
	pair_until(&p, p.closed == 100);
	grpc_server_stats(p.server, &stats);
	assert_int_equal(stats.streams, 0);
	assert_int_equal(stats.queued, 0);
	assert_int_equal(stats.connections, 1);
	assert_int_equal(stats.accepted, 1);
	pair_fini(&p);
}

/* Larger than any window or buffer on the way. */
static void test_large(void **state)
{
	struct pair p;
	struct result r = {0};
	uint8_t *big = malloc(GRPC_MESSAGE_MAX);

	pair_init(&p);
	pair_open(&p);
	for (size_t i = 0; i < GRPC_MESSAGE_MAX; i++)
		big[i] = (uint8_t)(i * 2654435761u >> 13);
	call_begin(&p, &r, "/t/Echo");
	assert_int_equal(grpc_call_send(r.call, big, GRPC_MESSAGE_MAX, true), 0);
	pair_until(&p, r.ends);
	assert_int_equal(r.status, GRPC_OK);
	assert_int_equal(r.last_len, GRPC_MESSAGE_MAX);
	assert_memory_equal(r.last, big, GRPC_MESSAGE_MAX);
	free(r.last);
	free(big);
	pair_fini(&p);
}

static void test_flood(void **state)
{
	struct pair p;
	struct result r = {0};
	struct grpc_server_stats stats;

	pair_init(&p);
	pair_open(&p);
	call_begin(&p, &r, "/t/Flood");
	assert_int_equal(grpc_call_send(r.call, "", 0, true), 0);
	pair_until(&p, r.ends);
	assert_int_equal(r.status, GRPC_OK);
	assert_int_equal(r.bytes, FLOOD_BYTES);
	assert_true(p.eagains > 0);
	assert_true(p.writables > 0);
	pair_until(&p, p.closed == 1);
	grpc_server_stats(p.server, &stats);
	assert_int_equal(stats.queued, 0);
	free(r.last);
	pair_fini(&p);
}

static void test_status(void **state)
{
	struct pair p;
	struct result r = {0}, other = {0};

	pair_init(&p);
	pair_open(&p);
	call_begin(&p, &r, "/t/Fail");
	pair_until(&p, r.ends);
	assert_int_equal(r.status, GRPC_NOT_FOUND);
	assert_string_equal(r.text, "no such thing: 100% ? gone");
	call_begin(&p, &other, "/other/Method");
	pair_until(&p, other.ends);
	assert_int_equal(other.status, GRPC_UNIMPLEMENTED);
	pair_fini(&p);
}

static void test_cancel(void **state)
{
	struct pair p;
	struct result r = {0}, unsent = {0};

	pair_init(&p);
	pair_open(&p);
	call_begin(&p, &unsent, "/t/Hang");
	grpc_call_cancel(unsent.call);
	call_begin(&p, &r, "/t/Hang");
	pair_until(&p, p.opened == 1);
	grpc_call_cancel(r.call);
	pair_until(&p, p.closed == 1);
	assert_int_equal(r.ends + unsent.ends, 0);
	pair_fini(&p);
	assert_int_equal(p.opened, 1);
}

static void test_deadline(void **state)
{
	struct pair p;
	struct result r = {0};
	uint64_t start;

	pair_init(&p);
	pair_open(&p);
	start = uv_hrtime();
	assert_int_equal(call_start(&p, &r, "/t/Hang", 100), 0);
	pair_until(&p, r.ends);
	assert_int_equal(r.status, GRPC_DEADLINE_EXCEEDED);
	assert_true(r.sent);
	assert_true(uv_hrtime() - start >= 99000000);
	pair_until(&p, p.closed == 1);
	pair_fini(&p);
}

static void test_server_gone(void **state)
{
	struct pair p;
	struct result r = {0}, late = {0};

	pair_init(&p);
	pair_open(&p);
	call_begin(&p, &r, "/t/Hang");
	pair_until(&p, p.opened == 1);
	grpc_server_close(p.server);
	p.server = NULL;
	assert_int_equal(p.closed, 1);
	pair_until(&p, p.downs);
	assert_int_equal(r.ends, 1);
	assert_int_equal(r.status, GRPC_UNAVAILABLE);
	assert_true(r.sent);
	assert_int_equal(call_start(&p, &late, "/t/Hang", 0), -ENOTCONN);
	pair_fini(&p);
	assert_int_equal(p.downs, 1);
}

static void test_refused(void **state)
{
	struct pair p;
	struct pair other;

	pair_init(&other);
	pair_serve(&other);
	pair_init(&p);
	p.channel.port = grpc_server_port(other.server);
	pair_fini(&other); /* nobody listens there now */
	pair_connect(&p);
	assert_int_equal(p.downs, 0);
	pair_until(&p, p.downs);
	assert_int_equal(p.ups, 0);
	assert_non_null(strstr(p.why, "connection refused"));
	pair_fini(&p);
}

static void test_channel_close(void **state)
{
	struct pair p;
	struct result r = {0};

	pair_init(&p);
	pair_open(&p);
	call_begin(&p, &r, "/t/Hang");
	pair_until(&p, p.opened == 1);
	grpc_channel_close(p.ch);
	p.ch = NULL;
	assert_int_equal(r.ends, 1);
	assert_int_equal(r.status, GRPC_CANCELLED);
	pair_until(&p, p.closed == 1);
	pair_fini(&p);
	assert_int_equal(p.downs, 0);
}

/* Every callback may close its own end. */
static void close_in(bool message, bool end, bool cancel)
{
	struct pair p;
	struct result r = {
		.close_in_message = message, .close_in_end = end, .cancel_in_message = cancel};

	pair_init(&p);
	pair_open(&p);
	call_begin(&p, &r, "/t/Echo");
	assert_int_equal(grpc_call_send(r.call, "a", 1, false), 0);
	assert_int_equal(grpc_call_send(r.call, "b", 1, true), 0);
	pair_until(&p, p.closed == 1 && r.messages && (cancel || r.ends));
	assert_int_equal(r.messages, end ? 2 : 1);
	assert_int_equal(r.ends, cancel ? 0 : 1);
	free(r.last);
	pair_fini(&p);
}

static void test_close_inside(void **state)
{
	close_in(true, false, false);
	close_in(false, true, false);
	close_in(false, false, true);
}

static void close_server_in(int which)
{
	struct pair p;
	struct result r = {0};

	pair_init(&p);
	p.close_server_in_message = which == 0;
	p.close_server_in_half = which == 1;
	p.close_server_in_closed = which == 2;
	pair_open(&p);
	call_begin(&p, &r, "/t/Echo");
	assert_int_equal(grpc_call_send(r.call, "a", 1, true), 0);
	pair_until(&p, p.downs);
	assert_int_equal(p.closed, 1);
	assert_int_equal(r.ends, 1);
	free(r.last);
	pair_fini(&p);
}

/* What is written on the way out ends the very stream that is being told. */
static void test_close_server_writable(void **state)
{
	struct pair p;
	struct result r = {0};

	pair_init(&p);
	pair_open(&p);
	call_begin(&p, &r, "/t/Big");
	assert_int_equal(grpc_call_send(r.call, "a", 1, true), 0);
	pair_until(&p, p.downs);
	assert_int_equal(p.writables, 1);
	assert_int_equal(p.closed, 1);
	assert_int_equal(r.ends, 1);
	free(r.last);
	pair_fini(&p);
}

static void test_close_server_inside(void **state)
{
	for (int i = 0; i < 3; i++)
		close_server_in(i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unary),
		cmocka_unit_test(test_empty_message),
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_bidi),
		cmocka_unit_test(test_parallel),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_server_gone),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_channel_close),
		cmocka_unit_test(test_close_inside),
		cmocka_unit_test(test_close_server_inside),
		cmocka_unit_test(test_close_server_writable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
