/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "grpc/bytes.h"

#define KEEP 4096 /* memory an empty queue keeps */

static int grow(struct bytes *b, size_t need)
{
	size_t cap = b->cap ? b->cap : 512;
	uint8_t *data;

	while (cap < need)
		cap *= 2;
	data = realloc(b->data, cap);
	if (!data)
		return -ENOMEM;
	b->data = data;
	b->cap = cap;
	return 0;
}

uint8_t *bytes_room(struct bytes *b, size_t more)
{
	if (more > SIZE_MAX / 4 - b->len)
		return NULL;
	/* Moved to the front only when what moves is no more than what was taken. */
	if (b->head && b->head + b->len + more > b->cap && b->len <= b->head) {
		memmove(b->data, b->data + b->head, b->len);
		b->head = 0;
	}
	if (b->head + b->len + more > b->cap && grow(b, b->head + b->len + more))
		return NULL;
	return b->data + b->head + b->len;
}

void bytes_added(struct bytes *b, size_t n)
{
	b->len += n;
}

int bytes_add(struct bytes *b, const void *data, size_t n)
{
	uint8_t *to = n ? bytes_room(b, n) : NULL;

	if (!n)
		return 0;
	if (!to)
		return -ENOMEM;
	memcpy(to, data, n);
	b->len += n;
	return 0;
}

void bytes_drop(struct bytes *b, size_t n)
{
	b->head += n;
	b->len -= n;
	if (b->len)
		return;
	b->head = 0;
	if (b->cap > KEEP)
		bytes_fini(b);
}

void bytes_fini(struct bytes *b)
{
	free(b->data);
	*b = (struct bytes){0};
}
