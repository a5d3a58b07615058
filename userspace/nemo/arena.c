/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "nemo/ast.h"

#define CHUNK_MIN 256u
#define CHUNK_MAX 262144u
#define ALIGN 8u

struct chunk {
	struct chunk *next;
	size_t size, used;
	_Alignas(ALIGN) char data[];
};

struct nemo_arena {
	struct chunk *first; /* the one that is filled */
	size_t next_size, bytes;
};

struct nemo_arena *nemo_arena_new(void)
{
	struct nemo_arena *arena = calloc(1, sizeof(*arena));

	if (arena)
		arena->next_size = CHUNK_MIN;
	return arena;
}

void nemo_arena_free(struct nemo_arena *arena)
{
	struct chunk *c = arena ? arena->first : NULL;

	while (c) {
		struct chunk *next = c->next;

		free(c);
		c = next;
	}
	free(arena);
}

static struct chunk *add_chunk(struct nemo_arena *arena, size_t size)
{
	struct chunk *c = calloc(1, sizeof(*c) + size);

	if (!c)
		return NULL;
	c->size = size;
	arena->bytes += sizeof(*c) + size;
	return c;
}

/* What is large gets a chunk of its own, behind the first, whose rest stays in use. */
static void *alloc_large(struct nemo_arena *arena, size_t size)
{
	struct chunk *c = add_chunk(arena, size);

	if (!c)
		return NULL;
	c->used = size;
	if (arena->first) {
		c->next = arena->first->next;
		arena->first->next = c;
	} else {
		arena->first = c;
	}
	return c->data;
}

static bool open_chunk(struct nemo_arena *arena)
{
	struct chunk *c = add_chunk(arena, arena->next_size);

	if (!c)
		return false;
	c->next = arena->first;
	arena->first = c;
	if (arena->next_size < CHUNK_MAX)
		arena->next_size *= 2;
	return true;
}

void *nemo_arena_alloc(struct nemo_arena *arena, size_t size)
{
	struct chunk *c = arena->first;
	void *p;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (!c || c->size - c->used < size) {
		if (size > arena->next_size / 4)
			return alloc_large(arena, size);
		if (!open_chunk(arena))
			return NULL;
		c = arena->first;
	}
	p = c->data + c->used;
	c->used += size;
	return p;
}

char *nemo_arena_text(struct nemo_arena *arena, const char *text, size_t len)
{
	char *copy = nemo_arena_alloc(arena, len + 1);

	if (copy && len)
		memcpy(copy, text, len);
	return copy;
}

size_t nemo_arena_bytes(const struct nemo_arena *arena)
{
	return sizeof(*arena) + arena->bytes;
}
