/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes, names, datagrams. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ncc/wire.h"

#include <cmocka.h>

static void test_sizes(void **state)
{
#define X(name, payload)                                                                           \
	assert_int_equal(wire_size(SAN_MSG_##name), sizeof(struct san_msg) + sizeof(payload));     \
	assert_string_equal(wire_name(SAN_MSG_##name), #name);
	SAN_MSGS(X)
#undef X
	assert_int_equal(wire_size(0), 0);
	assert_int_equal(wire_size(SAN_MSG_TYPE_MAX), 0);
	assert_int_equal(wire_size(UINT32_MAX), 0);
	assert_string_equal(wire_name(SAN_MSG_TYPE_MAX), "unknown");
}

static void refused(const struct wire_buf *buf, size_t len, const char *want)
{
	struct err err = {0};
	char text[512];

	assert_int_equal(wire_check(buf, len, &err), -EPROTO);
	assert_int_equal(err.code, -EPROTO);
	assert_string_equal(err_text(&err, text, sizeof(text)), want);
}

static void test_check(void **state)
{
	struct san_msg_hello hello = {.abi_version = 1};
	struct wire_buf buf;
	struct err err = {0};
	size_t size = wire_size(SAN_MSG_HELLO);

	wire_fill(&buf, SAN_MSG_HELLO, 7, 9, &hello);
	assert_int_equal(buf.hdr.session, 7);
	assert_int_equal(buf.hdr.generation, 9);
	assert_memory_equal(buf.payload, &hello, sizeof(hello));
	assert_int_equal(wire_check(&buf, size, &err), 0);
	refused(&buf, 0, "message: length: is 0, must be at least 16");
	refused(&buf, 15, "message: length: is 15, must be at least 16");
	refused(&buf, size - 1, "message HELLO: length: is 23, must be 24");
	refused(&buf, size + 1, "message HELLO: length: is 25, must be 24");
	refused(&buf, SAN_MSG_MAX_SIZE + 1, "message HELLO: length: is 513 or more, must be 24");
	buf.hdr.type = 0;
	refused(&buf, size, "message: type: is 0, must be 1..24");
	buf.hdr.type = SAN_MSG_TYPE_MAX;
	refused(&buf, size, "message: type: is 25, must be 1..24");
	buf.hdr.version++;
	refused(&buf, size, "message: version: is 5, must be 4");
}

static void test_datagrams(void **state)
{
	char big[SAN_MSG_MAX_SIZE + 100] = {0};
	struct wire_buf buf, got;
	size_t len = 0;
	int fds[2], n = 0;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	assert_int_equal(wire_recv(fds[1], &got, &len), -EAGAIN);
	wire_fill(&buf, SAN_MSG_STATS_REQ, 1, 0, &(struct san_msg_stats_req){.request = 5});
	assert_int_equal(wire_send(fds[0], &buf), 0);
	assert_int_equal(wire_recv(fds[1], &got, &len), 0);
	assert_int_equal(len, wire_size(SAN_MSG_STATS_REQ));
	assert_memory_equal(&got, &buf, len);
	assert_int_equal(send(fds[0], big, sizeof(big), 0), sizeof(big));
	assert_int_equal(wire_recv(fds[1], &got, &len), 0);
	assert_int_equal(len, SAN_MSG_MAX_SIZE + 1);
	while (!wire_send(fds[0], &buf))
		n++;
	assert_int_equal(wire_send(fds[0], &buf), -EAGAIN);
	for (int i = 0; i < n; i++)
		assert_int_equal(wire_recv(fds[1], &got, &len), 0);
	close(fds[0]);
	assert_int_equal(wire_recv(fds[1], &got, &len), -EPIPE);
	assert_int_equal(wire_send(fds[1], &buf), -EPIPE);
	close(fds[1]);
}

/* More than one call takes, in order; an end that is gone is told after what it had sent. */
static void test_many(void **state)
{
	unsigned char out[100 * sizeof(struct wire_buf)];
	size_t len = 0, sent, pos = 0, size = wire_size(SAN_MSG_STATS_REQ);
	static struct wire_in in;
	struct wire_buf buf;
	unsigned int next = 0;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(wire_recv_many(fds[1], &in), -EAGAIN);
	for (uint32_t i = 0; i < 100; i++) {
		wire_fill(&buf, SAN_MSG_STATS_REQ, 1, 0, &(struct san_msg_stats_req){.request = i});
		memcpy(out + len, &buf, size);
		len += size;
	}
	for (; pos < len; pos += sent) {
		assert_int_equal(wire_send_many(fds[0], out + pos, len - pos, &sent), 0);
		assert_true(sent > 0 && sent <= WIRE_BATCH * size);
	}
	close(fds[0]);
	while (!wire_recv_many(fds[1], &in)) {
		for (unsigned int i = 0; i < in.n; i++) {
			const struct san_msg_stats_req *req = (const void *)in.msgs[i].payload;

			assert_int_equal(in.len[i], size);
			assert_int_equal(req->request, next++);
		}
	}
	assert_int_equal(next, 100);
	assert_int_equal(wire_recv_many(fds[1], &in), -EPIPE);
	assert_int_equal(wire_send_many(fds[1], out, len, &sent), -EPIPE);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_datagrams),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
