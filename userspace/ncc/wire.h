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
/* Version, type, exact size. err->code -EPROTO. */
int wire_check(const struct wire_buf *buf, size_t len, struct err *err);

#endif
