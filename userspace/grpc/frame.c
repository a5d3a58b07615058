/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "grpc/frame.h"

static int head_check(struct frame_in *in, size_t max)
{
	in->want = (uint32_t)in->head[1] << 24 | (uint32_t)in->head[2] << 16 |
		   (uint32_t)in->head[3] << 8 | in->head[4];
	if (in->head[0] == 1)
		return -EOPNOTSUPP;
	if (in->head[0])
		return -EPROTO;
	return in->want > max ? -EMSGSIZE : 0;
}

/* 1: the head is whole; 0: more must come. */
static int head_feed(struct frame_in *in, size_t max, const uint8_t **data, size_t *len)
{
	int ret;

	while (in->n_head < FRAME_HEAD) {
		if (!*len)
			return 0;
		in->head[in->n_head++] = *(*data)++;
		--*len;
		ret = in->n_head == FRAME_HEAD ? head_check(in, max) : 0;
		if (ret)
			return ret;
	}
	return 1;
}

static int body_feed(struct frame_in *in, const uint8_t **data, size_t *len, struct frame_msg *msg)
{
	size_t rest = in->want - in->body.len, n = *len < rest ? *len : rest;

	if (!in->body.len && n == rest) {
		*msg = (struct frame_msg){*data, n};
	} else {
		/* Memory follows what has come, not what was announced. */
		if (bytes_add(&in->body, *data, n))
			return -ENOMEM;
		if (n < rest) {
			*data += n;
			*len -= n;
			return 0;
		}
		*msg = (struct frame_msg){bytes_at(&in->body), in->want};
		in->whole = true;
	}
	*data += n;
	*len -= n;
	in->n_head = 0;
	return 1;
}

int frame_feed(struct frame_in *in, size_t max, const uint8_t **data, size_t *len,
	       struct frame_msg *msg)
{
	int ret;

	if (in->whole) {
		bytes_drop(&in->body, in->body.len);
		in->whole = false;
	}
	ret = head_feed(in, max, data, len);
	return ret == 1 ? body_feed(in, data, len, msg) : ret;
}

enum grpc_status frame_refusal(const struct frame_in *in, size_t max, int error,
			       char text[GRPC_TEXT_MAX])
{
	switch (error) {
	case -EMSGSIZE:
		snprintf(text, GRPC_TEXT_MAX, "message of %u bytes, at most %zu", in->want, max);
		return GRPC_RESOURCE_EXHAUSTED;
	case -EOPNOTSUPP:
		strcpy(text, "compressed messages are not understood");
		return GRPC_UNIMPLEMENTED;
	case -ENOMEM:
		strcpy(text, "no memory");
		return GRPC_RESOURCE_EXHAUSTED;
	}
	strcpy(text, "message with unknown flags");
	return GRPC_INTERNAL;
}

bool frame_idle(const struct frame_in *in)
{
	return !in->n_head;
}

void frame_fini(struct frame_in *in)
{
	bytes_fini(&in->body);
}

void frame_head(uint8_t out[FRAME_HEAD], uint32_t len)
{
	out[0] = 0;
	out[1] = (uint8_t)(len >> 24);
	out[2] = (uint8_t)(len >> 16);
	out[3] = (uint8_t)(len >> 8);
	out[4] = (uint8_t)len;
}
