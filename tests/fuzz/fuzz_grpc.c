/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes from the other side. First byte, modulo 3: 0 the parsers of messages and headers, fed
 * in pieces; 1 a server behind loopback gets the bytes after a client's preface; 2 a channel with a
 * call gets them from its server. All streams and calls have ended when the connection has.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "grpc/frame.h"
#include "grpc/grpc.h"
#include "grpc/headers.h"

#define TURNS 8

static uv_loop_t loop;
static struct grpc_server *server;
static int listener = -1;
static uint16_t listener_port;
static int open_streams, ended_calls;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void fuzz_parsers(const uint8_t *data, size_t size)
{
	struct frame_in in = {0};
	struct frame_msg msg;
	char text[3 * 64], back[64];
	uint64_t ms;
	size_t piece = size ? 1 + data[0] % 16 : 1;
	int ret = 0;

	for (size_t at = 0; at < size && ret >= 0; at += piece) {
		size_t len = size - at < piece ? size - at : piece;
		const uint8_t *p = data + at;

		while ((ret = frame_feed(&in, 1000, &p, &len, &msg)) == 1)
			must(msg.len <= 1000);
		must(ret < 0 || !len);
	}
	frame_fini(&in);
	headers_timeout_parse((const char *)data, size, &ms);
	headers_content_type((const char *)data, size);
	headers_status_parse((const char *)data, size);
	headers_message_decode((const char *)data, size, back, sizeof(back));
	headers_message_encode(back, text, sizeof(text));
	headers_message_decode(text, strlen(text), text, sizeof(back));
}

static void on_message(void *user, const void *data, size_t len)
{
	grpc_stream_send(user, data, len);
}

static void on_half(void *user)
{
	grpc_stream_end(user, GRPC_OK, "");
}

static void on_closed(void *user)
{
	open_streams--;
}

static enum grpc_status on_call(void *arg, struct grpc_stream *stream, const char *path,
				const char **text)
{
	static const struct grpc_stream_ops ops = {on_message, on_half, on_closed, NULL};

	grpc_stream_header(stream, "x");
	grpc_stream_set(stream, &ops, stream);
	open_streams++;
	return GRPC_OK;
}

static void set_up(void)
{
	const struct grpc_server_conf conf = {
		.loop = &loop, .address = "127.0.0.1", .message_max = 1000, .on_call = on_call};
	struct sockaddr_in addr = {.sin_family = AF_INET};
	socklen_t len = sizeof(addr);

	must(!uv_loop_init(&loop) && !grpc_server_open(&conf, &server, NULL));
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	must(!bind(listener, (struct sockaddr *)&addr, sizeof(addr)) && !listen(listener, 16));
	getsockname(listener, (struct sockaddr *)&addr, &len);
	listener_port = ntohs(addr.sin_port);
}

static void turn(void)
{
	for (int i = 0; i < TURNS; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
}

/* Without TIME_WAIT: a run makes more connections than there are ports. */
static void drop(int fd)
{
	const struct linger at_once = {1, 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

static void fuzz_server(const uint8_t *data, size_t size)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_port = htons(grpc_server_port(server))};
	struct grpc_server_stats stats = {.connections = 1};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(!connect(fd, (struct sockaddr *)&addr, sizeof(addr)));
	send(fd, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33, MSG_NOSIGNAL);
	send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
	turn();
	drop(fd);
	for (int i = 0; i < 1000 && stats.connections; i++) {
		uv_run(&loop, UV_RUN_NOWAIT);
		grpc_server_stats(server, &stats);
	}
	must(!stats.connections && !stats.streams && !stats.queued && !open_streams);
}

static void on_end(void *arg, enum grpc_status status, const char *text, bool sent)
{
	ended_calls++;
}

static void fuzz_client(const uint8_t *data, size_t size)
{
	const struct grpc_channel_conf conf = {
		.loop = &loop, .host = "127.0.0.1", .port = listener_port, .message_max = 1000};
	const struct grpc_call_conf call_conf = {.path = "/a/b", .on_end = on_end};
	struct grpc_channel *ch = NULL;
	struct grpc_call *call;
	bool begun;
	int fd;

	ended_calls = 0;
	must(!grpc_channel_open(&conf, &ch));
	fd = accept(listener, NULL, NULL);
	send(fd, "\0\0\0\4\0\0\0\0\0", 9, MSG_NOSIGNAL);
	turn();
	begun = !grpc_call_start(ch, &call_conf, &call);
	if (begun)
		grpc_call_send(call, "x", 1, size % 2);
	turn();
	send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
	turn();
	drop(fd);
	turn();
	grpc_channel_close(ch);
	must(ended_calls == (begun ? 1 : 0));
	turn();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!server)
		set_up();
	if (!size || size > 16384)
		return 0;
	if (data[0] % 3 == 0)
		fuzz_parsers(data + 1, size - 1);
	else if (data[0] % 3 == 1)
		fuzz_server(data + 1, size - 1);
	else
		fuzz_client(data + 1, size - 1);
	return 0;
}
