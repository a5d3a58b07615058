/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncc/wire.h"

#include <errno.h>
#include <stdint.h>
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

static int send_errno(void)
{
	/* ENOBUFS: the kernel is short of memory for a moment, the same remedy. */
	if (errno == EAGAIN || errno == ENOBUFS)
		return -EAGAIN;
	return errno == ECONNRESET ? -EPIPE : -errno;
}

int wire_send(int fd, const struct wire_buf *buf)
{
	ssize_t n;

	do {
		n = send(fd, buf, wire_size(buf->hdr.type), MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n >= 0 ? 0 : send_errno();
}

/* The size of a datagram is in its header's type: the headers may lie at any address. */
static unsigned int cut(const unsigned char *buf, size_t len, struct iovec iov[WIRE_BATCH])
{
	unsigned int n = 0;

	for (size_t pos = 0; pos < len && n < WIRE_BATCH; pos += iov[n++].iov_len) {
		struct san_msg hdr;

		memcpy(&hdr, buf + pos, sizeof(hdr));
		iov[n].iov_base = (void *)(uintptr_t)(buf + pos);
		iov[n].iov_len = wire_size(hdr.type);
	}
	return n;
}

int wire_send_many(int fd, const unsigned char *buf, size_t len, size_t *sent)
{
	struct mmsghdr msgs[WIRE_BATCH] = {0};
	struct iovec iov[WIRE_BATCH];
	unsigned int n = cut(buf, len, iov);
	int done;

	*sent = 0;
	for (unsigned int i = 0; i < n; i++)
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	do {
		done = sendmmsg(fd, msgs, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (done < 0 && errno == EINTR);
	for (int i = 0; i < done; i++)
		*sent += iov[i].iov_len;
	return done >= 0 ? 0 : send_errno();
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

int wire_recv_many(int fd, struct wire_in *in)
{
	struct mmsghdr msgs[WIRE_BATCH] = {0};
	struct iovec iov[WIRE_BATCH];
	int n;

	in->n = 0;
	for (unsigned int i = 0; i < WIRE_BATCH; i++) {
		iov[i] = (struct iovec){&in->msgs[i], sizeof(in->msgs[i])};
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	do {
		n = recvmmsg(fd, msgs, WIRE_BATCH, MSG_DONTWAIT, NULL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET || errno == ENOTCONN ? -EPIPE : -errno;
	for (; (int)in->n < n && msgs[in->n].msg_len; in->n++)
		in->len[in->n] = msgs[in->n].msg_hdr.msg_flags & MSG_TRUNC ? SAN_MSG_MAX_SIZE + 1
									   : msgs[in->n].msg_len;
	return in->n ? 0 : -EPIPE; /* end of file, see wire_recv */
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
