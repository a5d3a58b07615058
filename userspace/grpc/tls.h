/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One TLS session on buffers: what comes from the wire is lent for the time of a call, what goes
 * out is appended to a queue. It never waits and knows no socket.
 */
#ifndef GRPC_TLS_H
#define GRPC_TLS_H

#include <sys/types.h>

#include "grpc/bytes.h"
#include "grpc/grpc.h"

struct tls_io;

struct grpc_tls *tls_ref(struct grpc_tls *tls);
/* host (client): verified against the server's certificate. out: where its bytes go. */
int tls_io_new(struct grpc_tls *tls, const char *host, struct bytes *out, struct tls_io **io);
void tls_io_free(struct tls_io *io);
/* Bytes from the wire; lent until tls_io_read() has given -EAGAIN. */
void tls_io_fill(struct tls_io *io, const uint8_t *data, size_t len);
/* 1: done, h2 chosen; 0: more must come; -EPROTO: why says what is wrong. */
int tls_io_handshake(struct tls_io *io, char *why, size_t size);
/* Bytes read; 0: the peer closed; -EAGAIN; -EPROTO with why. */
ssize_t tls_io_read(struct tls_io *io, uint8_t *buf, size_t size, char *why, size_t why_size);
int tls_io_write(struct tls_io *io, const uint8_t *data, size_t len);

#endif
