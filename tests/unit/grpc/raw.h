/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client made of plain bytes, for what a proper one does not send. */
#ifndef TESTS_GRPC_RAW_H
#define TESTS_GRPC_RAW_H

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pair.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

struct raw {
	int fd;
	uint8_t got[65536];
	size_t n_got;
	bool eof;
};

static inline void raw_open(struct raw *r, uint16_t port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port)};

	r->n_got = 0;
	r->eof = false;
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(r->fd >= 0);
	assert_int_equal(connect(r->fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
}

static inline void raw_bytes(struct raw *r, const void *data, size_t len)
{
	assert_int_equal(send(r->fd, data, len, MSG_NOSIGNAL), len);
}

static inline void raw_frame(struct raw *r, uint8_t type, uint8_t flags, uint32_t stream,
			     const void *data, size_t len)
{
	uint8_t buf[2048] = {0, (uint8_t)(len >> 8),	(uint8_t)len,	type, flags, 0,
			     0, (uint8_t)(stream >> 8), (uint8_t)stream};

	assert_true(len <= sizeof(buf) - 9);
	if (len)
		memcpy(buf + 9, data, len);
	raw_bytes(r, buf, len + 9);
}

/* Allows the server to send as much as it likes. */
static inline void raw_hello_wide(struct raw *r)
{
	raw_bytes(r, PREFACE, 24);
	raw_frame(r, 4, 0, 0, "\0\4\177\377\377\377", 6); /* INITIAL_WINDOW_SIZE */
	raw_frame(r, 8, 0, 0, "\177\0\0\0", 4);		  /* WINDOW_UPDATE of the connection */
}

static inline void raw_hello(struct raw *r)
{
	raw_bytes(r, PREFACE, 24);
	raw_frame(r, 4, 0, 0, NULL, 0);
}

/* A string of fewer than 127 + 128 bytes. */
static inline size_t raw_text(uint8_t *to, const char *text)
{
	size_t len = strlen(text), head = len < 127 ? 1 : 2;

	to[0] = (uint8_t)(len < 127 ? len : 127);
	to[head - 1] = (uint8_t)(len < 127 ? len : len - 127);
	memcpy(to + head, text, len);
	return head + len;
}

/* HPACK without tables: indexed where the static table has it. extra: a name and a value, or NULL.
 */
static inline void raw_request(struct raw *r, uint32_t stream, const char *path, const char *type,
			       const char *const extra[2])
{
	uint8_t block[1024] = {0x83, 0x86, 0x01, 1, 'x', 0x04};
	size_t n = 6;

	n += raw_text(block + n, path);
	block[n++] = 0x0f;
	block[n++] = 0x10;
	n += raw_text(block + n, type);
	if (extra) {
		block[n++] = 0;
		n += raw_text(block + n, extra[0]);
		n += raw_text(block + n, extra[1]);
	}
	raw_frame(r, 1, 4, stream, block, n);
}

/* Takes what has come; whether the server has closed. */
static inline bool raw_closed(struct raw *r)
{
	ssize_t n = 1;

	while (!r->eof && n > 0) {
		n = recv(r->fd, r->got + r->n_got, sizeof(r->got) - r->n_got, MSG_DONTWAIT);
		if (n > 0)
			r->n_got += (size_t)n;
		else if (!n || (errno != EAGAIN && errno != EINTR))
			r->eof = true;
	}
	return r->eof;
}

static inline bool raw_has_frame(struct raw *r, uint8_t type, uint32_t stream)
{
	size_t at = 0;

	raw_closed(r);
	while (at + 9 <= r->n_got) {
		const uint8_t *f = r->got + at;

		if (f[3] == type && (uint32_t)(f[7] << 8 | f[8]) == stream)
			return true;
		at += 9 + ((size_t)f[0] << 16 | (size_t)f[1] << 8 | f[2]);
	}
	return false;
}

#endif
