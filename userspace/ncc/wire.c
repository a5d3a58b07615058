/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncc/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static const struct {
	const char *name;
	size_t payload;
} types[] = {
#define X(name, payload) [SAN_MSG_##name] = {#name, sizeof(payload)},
	SAN_MSGS(X)
#undef X
};

_Static_assert(sizeof(types) / sizeof(types[0]) == SAN_MSG_TYPE_MAX, "a row for every type");

size_t wire_size(unsigned int type)
{
	if (type == SAN_MSG_INVALID || type >= SAN_MSG_TYPE_MAX)
		return 0;
	return sizeof(struct san_msg) + types[type].payload;
}

const char *wire_name(unsigned int type)
{
	return wire_size(type) ? types[type].name : "unknown";
}

void wire_fill(struct wire_buf *buf, enum san_msg_type type, uint32_t session, uint64_t generation,
	       const void *payload)
{
	memset(&buf->hdr, 0, sizeof(buf->hdr));
	buf->hdr.type = (__u16)type;
	buf->hdr.version = SAN_MSG_VERSION;
	buf->hdr.session = session;
	buf->hdr.generation = generation;
	memcpy(buf->payload, payload, types[type].payload);
}

int wire_send(int fd, const struct wire_buf *buf)
{
	ssize_t n;

	do {
		n = send(fd, buf, wire_size(buf->hdr.type), MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n >= 0)
		return 0;
	/* ENOBUFS: the kernel is short of memory for a moment, the same remedy. */
	if (errno == EAGAIN || errno == ENOBUFS)
		return -EAGAIN;
	return errno == ECONNRESET ? -EPIPE : -errno;
}

int wire_recv(int fd, struct wire_buf *buf, size_t *len)
{
	struct iovec iov = {.iov_base = buf, .iov_len = sizeof(*buf)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	do {
		n = recvmsg(fd, &msg, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == ECONNRESET || errno == ENOTCONN))
		return -EPIPE;
	if (n < 0)
		return -errno;
	if (n == 0)
		return -EPIPE; /* nobody sends empty datagrams here: end of file */
	*len = msg.msg_flags & MSG_TRUNC ? SAN_MSG_MAX_SIZE + 1 : (size_t)n;
	return 0;
}

int wire_check(const struct wire_buf *buf, size_t len, struct err *err)
{
	char value[32];
	size_t want;

	if (len < sizeof(buf->hdr)) {
		snprintf(value, sizeof(value), "%zu", len);
		err_set(err, -EPROTO, "length", value, "must be at least %zu", sizeof(buf->hdr));
		return err_object(err, "message"), -EPROTO;
	}
	if (buf->hdr.version != SAN_MSG_VERSION) {
		snprintf(value, sizeof(value), "%u", buf->hdr.version);
		err_set(err, -EPROTO, "version", value, "must be %u", SAN_MSG_VERSION);
		return err_object(err, "message"), -EPROTO;
	}
	want = wire_size(buf->hdr.type);
	if (!want) {
		snprintf(value, sizeof(value), "%u", buf->hdr.type);
		err_set(err, -EPROTO, "type", value, "must be 1..%u", SAN_MSG_TYPE_MAX - 1);
		return err_object(err, "message"), -EPROTO;
	}
	if (len != want) {
		snprintf(value, sizeof(value), "%zu%s", len,
			 len > SAN_MSG_MAX_SIZE ? " or more" : "");
		err_set(err, -EPROTO, "length", value, "must be %zu", want);
		return err_object(err, "message %s", wire_name(buf->hdr.type)), -EPROTO;
	}
	return 0;
}
