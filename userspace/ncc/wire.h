/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages of san/msg.h as datagrams: sizes, names, one send, one receive. Shared by both ends;
 * knows nothing about what the fields mean.
 */
#ifndef NCC_WIRE_H
#define NCC_WIRE_H

#include <netinet/in.h>
#include <stddef.h>

#include <san/msg.h>

#include "util/err.h"

struct wire_buf {
	struct san_msg hdr;
	unsigned char payload[SAN_MSG_MAX_SIZE - sizeof(struct san_msg)]
		__attribute__((aligned(8)));
};

size_t wire_size(unsigned int type);	  /* of header and payload; 0 = no such type */
const char *wire_name(unsigned int type); /* "PLAN_BEGIN"; "unknown" */
/* Header and a copy of the payload that the type is bound to. */
void wire_fill(struct wire_buf *buf, enum san_msg_type type, uint32_t session, uint64_t generation,
	       const void *payload);
/* One datagram, not blocking. 0; -EAGAIN; -EPIPE the other end is gone. */
int wire_send(int fd, const struct wire_buf *buf);
/* 0 and *len (SAN_MSG_MAX_SIZE + 1 when it was longer); -EAGAIN; -EPIPE the other end is gone. */
int wire_recv(int fd, struct wire_buf *buf, size_t *len);
/* As many datagrams as there are and fit, in one system call. */
#define WIRE_BATCH 64
struct wire_in {
	struct wire_buf msgs[WIRE_BATCH];
	size_t len[WIRE_BATCH]; /* SAN_MSG_MAX_SIZE + 1: it was longer */
	unsigned int n;
};
/* 0 and in->n >= 1, less than WIRE_BATCH: there was no more; -EAGAIN; -EPIPE the other end is
 * gone: what came before that is delivered first. */
int wire_recv_many(int fd, struct wire_in *in);
/* Whole messages, one behind the other as wire_fill makes them, each a datagram of its own. 0 and
 * *sent bytes, also when only some of them fit; -EAGAIN: none; -EPIPE. */
int wire_send_many(int fd, const unsigned char *buf, size_t len, size_t *sent);
/* Version, type, exact size. err->code -EPROTO. */
int wire_check(const struct wire_buf *buf, size_t len, struct err *err);

#endif
