/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gRPC's length-prefixed messages: one byte of flags (0; 1 = compressed), four of length (big
 * endian), the message. A pure parser fed with pieces of any size.
 */
#ifndef GRPC_FRAME_H
#define GRPC_FRAME_H

#include <stdbool.h>

#include "grpc/bytes.h"
#include "grpc/grpc.h"

#define FRAME_HEAD 5

struct frame_in {
	uint8_t head[FRAME_HEAD];
	unsigned int n_head;
	uint32_t want;	   /* length of the message that comes */
	struct bytes body; /* its beginning, where it does not come in one piece */
	bool whole;	   /* body was passed out and is dropped with the next call */
};

struct frame_msg {
	const uint8_t *data;
	size_t len;
};

/* Takes from *data, *len. 1: a message, which lives until the next call and as long as the piece;
 * 0: all is taken; -EOPNOTSUPP: compressed; -EPROTO: an unknown flag; -EMSGSIZE: longer (in->want)
 * than max; -ENOMEM. After an error the parser must not be fed again. */
int frame_feed(struct frame_in *in, size_t max, const uint8_t **data, size_t *len,
	       struct frame_msg *msg);
/* What the call ends with after an error of frame_feed(), and the text for it. */
enum grpc_status frame_refusal(const struct frame_in *in, size_t max, int error,
			       char text[GRPC_TEXT_MAX]);
/* Whether the bytes so far end with a whole message. */
bool frame_idle(const struct frame_in *in);
void frame_fini(struct frame_in *in);
void frame_head(uint8_t out[FRAME_HEAD], uint32_t len);

#endif
