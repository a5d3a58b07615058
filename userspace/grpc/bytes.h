/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A queue of bytes: appended at the end, taken from the front. {0} is an empty one. */
#ifndef GRPC_BYTES_H
#define GRPC_BYTES_H

#include <stddef.h>
#include <stdint.h>

struct bytes {
	uint8_t *data;
	size_t head, len, cap; /* of len bytes the first is data[head] */
};

/* Room for more bytes at the end: where they go; bytes_added() says how many came. NULL: no memory.
 */
uint8_t *bytes_room(struct bytes *b, size_t more);
void bytes_added(struct bytes *b, size_t n);
int bytes_add(struct bytes *b, const void *data, size_t n);
/* Gives n bytes back; an empty queue keeps no large memory. */
void bytes_drop(struct bytes *b, size_t n);
void bytes_fini(struct bytes *b);

static inline const uint8_t *bytes_at(const struct bytes *b)
{
	return b->data ? b->data + b->head : NULL;
}

#endif
