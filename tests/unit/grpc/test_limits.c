/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an end refuses: too much, too many, too slow, and what is no gRPC at all. */
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "raw.h"

static unsigned int connections(const struct pair *p)
{
	struct grpc_server_stats stats;

	grpc_server_stats(p->server, &stats);
	return stats.connections;
}

static void test_message_to_server(void **state)
{
	struct pair p;
	struct result r = {0}, fits = {0};
	uint8_t data[101] = {0};

	pair_init(&p);
	p.conf.message_max = 100;
	pair_open(&p);
	call_begin(&p, &r, "/t/Echo");
	assert_int_equal(grpc_call_send(r.call, data, 101, false), 0);
	pair_until(&p, r.ends);
	assert_int_equal(r.status, GRPC_RESOURCE_EXHAUSTED);
	assert_string_equal(r.text, "message of 101 bytes, at most 100");
	call_begin(&p, &fits, "/t/Echo");
	assert_int_equal(grpc_call_send(fits.call, data, 100, true), 0);
	pair_until(&p, fits.ends);
	assert_int_equal(fits.status, GRPC_OK);
	pair_until(&p, p.closed == 2);
	free(fits.last);
	pair_fini(&p);
}

static void test_message_to_client(void **state)
{
	struct pair p;
	struct result r = {0};
	uint8_t data[101] = {0};

	pair_init(&p);
	p.channel.message_max = 100;
	pair_open(&p);
	call_begin(&p, &r, "/t/Echo");
	assert_int_equal(grpc_call_send(r.call, data, 101, true), 0);
	pair_until(&p, r.ends);
	assert_int_equal(r.status, GRPC_RESOURCE_EXHAUSTED);
	assert_string_equal(r.text, "message of 101 bytes, at most 100");
	assert_int_equal(r.messages, 0);
	pair_fini(&p);
}

static void test_send_queue(void **state)
{
	struct pair p;
	struct result r = {0};
	uint8_t *data = calloc(1, 1 << 20);
	int ret = 0, n = 0;

	pair_init(&p);
	pair_open(&p);
	call_begin(&p, &r, "/t/Sink");
	while (!ret && n < 20)
		ret = grpc_call_send(r.call, data, 1 << 20, false), n++;
	assert_int_equal(ret, -EAGAIN);
	assert_int_equal(n, 8);
	pair_until(&p, p.sunk == 7u << 20);
	assert_int_equal(grpc_call_send(r.call, data, 1 << 20, true), 0);
	pair_until(&p, r.ends);
	assert_int_equal(r.status, GRPC_OK);
	free(data);
	pair_fini(&p);
}

static void test_streams(void **state)
{
	struct pair p;
	struct result r[3] = {0};

	pair_init(&p);
	p.conf.max_streams = 2;
	pair_open(&p);
	call_begin(&p, &r[0], "/t/Hang");
	call_begin(&p, &r[1], "/t/Hang");
	assert_int_equal(call_start(&p, &r[2], "/t/Hang", 0), -EAGAIN);
	pair_until(&p, p.opened == 2);
	grpc_call_cancel(r[0].call);
	call_begin(&p, &r[2], "/t/Hang");
	pair_until(&p, p.opened == 3);
	pair_fini(&p);
}

static void test_streams_raw(void **state)
{
	struct pair p;
	struct raw raw;

	pair_init(&p);
	p.conf.max_streams = 2;
	pair_serve(&p);
	raw_open(&raw, grpc_server_port(p.server));
	raw_hello(&raw);
	for (uint32_t id = 1; id <= 5; id += 2)
		raw_request(&raw, id, "/t/Hang", "application/grpc", NULL);
	pair_until(&p, raw_has_frame(&raw, 3, 5)); /* RST_STREAM */
	assert_int_equal(p.opened, 2);
	close(raw.fd);
	pair_until(&p, p.closed == 2);
	pair_fini(&p);
}

/* More than there is room for, at once: each is turned away, and the next one is heard. */
static void test_connections_many(void **state)
{
	struct pair p;
	struct raw raw[5];
	struct grpc_server_stats stats;

	pair_init(&p);
	p.conf.max_connections = 1;
	pair_open(&p);
	for (int i = 0; i < 5; i++)
		raw_open(&raw[i], grpc_server_port(p.server));
	for (int i = 0; i < 5; i++) {
		pair_until(&p, raw_closed(&raw[i]));
		close(raw[i].fd);
	}
	grpc_server_stats(p.server, &stats);
	assert_int_equal(stats.refused, 5);
	grpc_channel_close(p.ch);
	p.ch = NULL;
	pair_until(&p, !connections(&p));
	pair_connect(&p);
	pair_until(&p, p.ups == 2);
	pair_fini(&p);
}

static void test_connections(void **state)
{
	struct pair p;
	struct raw raw;
	struct grpc_server_stats stats;

	pair_init(&p);
	p.conf.max_connections = 1;
	pair_open(&p);
	raw_open(&raw, grpc_server_port(p.server));
	pair_until(&p, raw_closed(&raw));
	grpc_server_stats(p.server, &stats);
	assert_int_equal(stats.refused, 1);
	assert_int_equal(stats.accepted, 1);
	assert_int_equal(stats.connections, 1);
	close(raw.fd);
	pair_fini(&p);
}

/* A client that asks for much and reads nothing. */
static void test_memory(void **state)
{
	struct pair p;
	struct raw raw;
	struct grpc_server_stats stats;

	pair_init(&p);
	p.conf.max_memory = 12u << 20;
	pair_open(&p);
	raw_open(&raw, grpc_server_port(p.server));
	raw_hello(&raw);
	raw_request(&raw, 1, "/t/Flood", "application/grpc", NULL);
	pair_until(&p, p.opened == 1 && p.eagains);
	grpc_server_stats(p.server, &stats);
	assert_int_equal(stats.connections, 2);
	assert_true(stats.queued > 6u << 20);
	raw_request(&raw, 3, "/t/Flood", "application/grpc", NULL);
	pair_until(&p, p.closed == 2);
	grpc_server_stats(p.server, &stats);
	assert_int_equal(stats.connections, 1);
	assert_int_equal(stats.queued, 0);
	assert_int_equal(p.downs, 0);
	close(raw.fd);
	pair_fini(&p);
}

/* One says nothing, one says nothing any more: 5 s and 10 s. */
static void test_silence(void **state)
{
	struct pair p;
	struct raw mute, asleep;
	uint64_t start = uv_hrtime();

	pair_init(&p);
	pair_open(&p);
	raw_open(&mute, grpc_server_port(p.server));
	raw_open(&asleep, grpc_server_port(p.server));
	raw_hello(&asleep);
	pair_until(&p, raw_closed(&mute));
	assert_true(uv_hrtime() - start >= (GRPC_HANDSHAKE_MS - 50) * 1000000ull);
	assert_false(raw_closed(&asleep));
	pair_until(&p, raw_closed(&asleep));
	assert_true(raw_has_frame(&asleep, 6, 0)); /* PING */
	assert_true(uv_hrtime() - start >= (2 * GRPC_KEEPALIVE_MS - 50) * 1000000ull);
	assert_true(grpc_channel_up(p.ch)); /* it answers */
	close(mute.fd);
	close(asleep.fd);
	pair_fini(&p);
}

static void answered(const char *path, const char *type, const char *const extra[2])
{
	struct pair p;
	struct raw raw;

	pair_init(&p);
	pair_serve(&p);
	raw_open(&raw, grpc_server_port(p.server));
	raw_hello(&raw);
	raw_request(&raw, 1, path, type, extra);
	pair_until(&p, raw_has_frame(&raw, 1, 1) && raw_has_frame(&raw, 3, 1));
	assert_int_equal(p.opened, p.closed);
	assert_false(raw_closed(&raw));
	close(raw.fd);
	pair_fini(&p);
}

static void test_requests(void **state)
{
	char long_path[GRPC_PATH_MAX + 10] = "/t/E";
	const char *const soon[2] = {"grpc-timeout", "50m"}, *const wrong[2] = {"grpc-timeout",
										"x"};

	memset(long_path + 4, 'x', sizeof(long_path) - 5);
	answered("/t/Echo", "application/json", NULL);
	answered("/t/Echo", "application/grpc+json", NULL);
	answered(long_path, "application/grpc", NULL);
	answered("/t/Hang", "application/grpc", soon);
	answered("/t/Hang", "application/grpc", wrong);
}

static void test_header_list(void **state)
{
	struct pair p;
	struct result r = {0};
	static char value[17000];
	const struct grpc_header header = {"x-long", value};
	const struct grpc_call_conf conf = {.path = "/t/Hang",
					    .headers = &header,
					    .n_headers = 1,
					    .on_end = result_end,
					    .arg = &r};

	pair_init(&p);
	pair_open(&p);
	memset(value, 'v', sizeof(value) - 1);
	assert_int_equal(grpc_call_start(p.ch, &conf, &r.call), 0);
	pair_until(&p, r.ends);
	assert_int_equal(r.status, GRPC_RESOURCE_EXHAUSTED);
	assert_string_equal(r.text, "header list of more than 16384 bytes");
	assert_int_equal(p.opened, 0);
	pair_fini(&p);
}

/* What nghttp2 would refuse is let in (session.c) and looked at here. */
static void test_fields(void **state)
{
	/* HPACK: name and value literal, never indexed. */
	static const uint8_t nul[] = {0x83, 0x86, 0x01, 1,    'x', 0x04, 7, '/', 't', '/', 'H',
				      'a',  'n',  'g',	0x10, 1,   'x',	 3, 'a', 0,   'b'};
	static const char authority[] = "\x83\x86\x01\x12http://127.0.0.1:1\x04\x07/t/Echo\x0f\x10"
					"\x10"
					"application/grpc";
	struct pair p;
	struct raw raw;

	pair_init(&p);
	pair_serve(&p);
	raw_open(&raw, grpc_server_port(p.server));
	raw_hello(&raw);
	raw_frame(&raw, 1, 4, 1, nul, sizeof(nul));
	pair_until(&p, raw_has_frame(&raw, 1, 1) && raw_has_frame(&raw, 3, 1));
	assert_int_equal(p.opened, 0);
	/* :status 400 is entry 12 of the static table. */
	assert_non_null(memmem(raw.got, raw.n_got, "\1\5\0\0\0\1\x8c", 7));
	raw_frame(&raw, 1, 5, 3, authority, sizeof(authority) - 1);
	pair_until(&p, p.closed == 1);
	assert_int_equal(p.opened, 1);
	assert_false(raw_closed(&raw));
	close(raw.fd);
	pair_fini(&p);
}

static void bad_data(const void *data, size_t len, bool end)
{
	struct pair p;
	struct raw raw;

	pair_init(&p);
	pair_serve(&p);
	raw_open(&raw, grpc_server_port(p.server));
	raw_hello(&raw);
	raw_request(&raw, 1, "/t/Echo", "application/grpc", NULL);
	raw_frame(&raw, 0, end, 1, data, len);
	pair_until(&p, p.closed == 1);
	pair_until(&p, raw_has_frame(&raw, 1, 1));
	assert_int_equal(p.sunk + p.halves, 0);
	close(raw.fd);
	pair_fini(&p);
}

static void test_bad_messages(void **state)
{
	bad_data("\1\0\0\0\1x", 6, false); /* compressed */
	bad_data("\2\0\0\0\1x", 6, false);
	bad_data("\0\377\377\377\377x", 6, false);
	bad_data("\0\0\0\0\5ab", 7, true); /* cut short */
	bad_data("\0\0", 2, true);
}

static void dropped(const void *data, size_t len)
{
	struct pair p;
	struct raw raw;

	pair_init(&p);
	pair_serve(&p);
	raw_open(&raw, grpc_server_port(p.server));
	raw_bytes(&raw, data, len);
	pair_until(&p, raw_closed(&raw));
	assert_int_equal(p.opened, 0);
	close(raw.fd);
	pair_fini(&p);
}

static void test_garbage(void **state)
{
	static const char http[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	static const char tls[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
	static const char frame[] = PREFACE "\0\0\0\4\0\0\0\0\0\377\377\377\1\4\0\0\0\1";
	static uint8_t settings[24 + 9 + 17 * 6];

	dropped(http, sizeof(http) - 1);
	dropped(tls, sizeof(tls) - 1);
	dropped(frame, sizeof(frame) - 1);
	memcpy(settings, PREFACE, 24);
	settings[26] = 17 * 6;
	settings[27] = 4;
	dropped(settings, sizeof(settings));
}

/* A client that takes nothing, behind a stream that fills its socket. */
static void deaf_open(struct pair *p, struct raw *raw)
{
	pair_init(p);
	p->conf.max_streams = 1;
	pair_serve(p);
	raw_open(raw, grpc_server_port(p->server));
	raw_hello_wide(raw);
	raw_request(raw, 1, "/t/Flood", "application/grpc", NULL);
	pair_until(p, p->eagains);
	for (int i = 0; i < 50; i++)
		uv_run(&p->loop, UV_RUN_NOWAIT);
}

/* Each is answered by RST_STREAM. */
static void deaf_ask(struct pair *p, struct raw *raw, uint32_t from, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		raw_request(raw, from + 2 * i, "/t/Hang", "application/grpc", NULL);
		if (i % 100 == 99)
			uv_run(&p->loop, UV_RUN_NOWAIT);
	}
}

static void test_refusals_unread(void **state)
{
	struct pair p;
	struct raw raw;
	uint64_t start = uv_hrtime();
	int queued;

	deaf_open(&p, &raw);
	deaf_ask(&p, &raw, 3, 1500);
	pair_until(&p, ioctl(raw.fd, SIOCOUTQ, &queued) || !queued);
	/* From here on nothing is read: what is sent stays in the socket. */
	deaf_ask(&p, &raw, 3003, 10);
	assert_int_equal(connections(&p), 1);
	pair_until(&p, !connections(&p));
	assert_true(uv_hrtime() - start >= (GRPC_KEEPALIVE_MS - 50) * 1000000ull);
	assert_true(uv_hrtime() - start < (GRPC_KEEPALIVE_MS + 3500) * 1000000ull);
	close(raw.fd);
	pair_fini(&p);
}

/* So many in one go that nothing can be paused between. */
static void test_refusals_flood(void **state)
{
	/* HEADERS with END_HEADERS and END_STREAM: three fields of the static table. */
	static uint8_t many[6000][12];
	struct pair p;
	struct raw raw;
	uint64_t start = uv_hrtime();

	for (uint32_t i = 0; i < 6000; i++) {
		uint32_t id = 3 + 2 * i;
		const uint8_t frame[12] = {
			0, 0, 3, 1, 5, 0, 0, (uint8_t)(id >> 8), (uint8_t)id, 0x83, 0x86, 0x84};

		memcpy(many[i], frame, sizeof(frame));
	}
	deaf_open(&p, &raw);
	raw_bytes(&raw, many, sizeof(many));
	pair_until(&p, !connections(&p));
	assert_true(uv_hrtime() - start < GRPC_KEEPALIVE_MS * 1000000ull);
	close(raw.fd);
	pair_fini(&p);
}

/* Streams opened and reset faster than anybody needs. */
static void test_rapid_reset(void **state)
{
	struct pair p;
	struct raw raw;

	pair_init(&p);
	pair_serve(&p);
	raw_open(&raw, grpc_server_port(p.server));
	raw_hello(&raw);
	for (uint32_t id = 1; id < 6001 && !raw_closed(&raw); id += 2) {
		raw_request(&raw, id, "/t/Hang", "application/grpc", NULL);
		raw_frame(&raw, 3, 0, id, "\0\0\0\10", 4);
		for (int i = 0; id % 100 == 1 && i < 4; i++)
			uv_run(&p.loop, UV_RUN_NOWAIT);
	}
	pair_until(&p, raw_closed(&raw));
	assert_in_range(p.opened, 1000, 2000);
	assert_int_equal(p.opened, p.closed);
	close(raw.fd);
	pair_fini(&p);
}

static void test_address(void **state)
{
	struct pair p;
	struct grpc_server *second = NULL;
	struct err err = {0};

	pair_init(&p);
	pair_serve(&p);
	p.conf.port = grpc_server_port(p.server);
	p.conf.address = "127.0.0.1";
	assert_int_equal(grpc_server_open(&p.conf, &second, &err), -EADDRINUSE);
	assert_string_equal(err.value, "127.0.0.1");
	p.conf.address = "host.example";
	assert_int_equal(grpc_server_open(&p.conf, &second, &err), -EINVAL);
	p.conf.address = "192.0.2.1";
	assert_int_equal(grpc_server_open(&p.conf, &second, &err), -EADDRNOTAVAIL);
	assert_null(second);
	pair_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message_to_server), cmocka_unit_test(test_message_to_client),
		cmocka_unit_test(test_send_queue),	  cmocka_unit_test(test_streams),
		cmocka_unit_test(test_streams_raw),	  cmocka_unit_test(test_connections),
		cmocka_unit_test(test_connections_many),  cmocka_unit_test(test_memory),
		cmocka_unit_test(test_silence),		  cmocka_unit_test(test_requests),
		cmocka_unit_test(test_header_list),	  cmocka_unit_test(test_fields),
		cmocka_unit_test(test_bad_messages),	  cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_refusals_unread),	  cmocka_unit_test(test_refusals_flood),
		cmocka_unit_test(test_rapid_reset),	  cmocka_unit_test(test_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
