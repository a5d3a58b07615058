/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncsdb/etcd_arena.h"

#include <stdint.h>
#include <stdlib.h>

#define ALIGN 16u
#define CHUNK_FIRST 1024u
#define CHUNK_LARGE (256u << 10)
#define CHUNK_KEEP (64u << 10)

struct etcd_chunk {
	struct etcd_chunk *next;
	size_t size, used;
	_Alignas(ALIGN) unsigned char data[];
};

static struct etcd_chunk *grow(struct etcd_arena *arena, size_t need)
{
	size_t size = arena->chunks ? arena->chunks->size * 2 : CHUNK_FIRST;
	struct etcd_chunk *chunk;

	if (size > CHUNK_LARGE)
		size = CHUNK_LARGE;
	if (size < need)
		size = need;
	if (size > ETCD_ARENA_MAX - arena->bytes)
		return NULL;
	chunk = malloc(sizeof(*chunk) + size);
	if (!chunk)
		return NULL;
	*chunk = (struct etcd_chunk){.next = arena->chunks, .size = size};
	arena->chunks = chunk;
	arena->bytes += size;
	return chunk;
}

void *etcd_arena_alloc(struct etcd_arena *arena, size_t size)
{
	struct etcd_chunk *chunk = arena->chunks;
	unsigned char *p;
	size_t need;

	if (size >= ETCD_ARENA_MAX)
		return NULL;
	need = (size + 1 + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (!chunk || chunk->size - chunk->used < need)
		chunk = grow(arena, need);
	if (!chunk)
		return NULL;
	p = chunk->data + chunk->used;
	chunk->used += need;
	p[size] = '\0';
	return p;
}

static void free_chunks(struct etcd_arena *arena, struct etcd_chunk *except)
{
	for (struct etcd_chunk *chunk = arena->chunks, *next; chunk; chunk = next) {
		next = chunk->next;
		if (chunk != except)
			free(chunk);
	}
}

void etcd_arena_reset(struct etcd_arena *arena)
{
	struct etcd_chunk *keep = arena->chunks;

	if (keep && keep->size > CHUNK_KEEP)
		keep = NULL;
	free_chunks(arena, keep);
	if (keep) {
		keep->next = NULL;
		keep->used = 0;
	}
	arena->chunks = keep;
	arena->bytes = keep ? keep->size : 0;
}

void etcd_arena_fini(struct etcd_arena *arena)
{
	free_chunks(arena, NULL);
	*arena = (struct etcd_arena){0};
}

static void *pb_alloc(void *arena, size_t size)
{
	return etcd_arena_alloc(arena, size);
}

static void pb_free(void *arena, void *p)
{
}

void *etcd_unpack(struct etcd_arena *arena, const ProtobufCMessageDescriptor *type,
		  const void *data, size_t len)
{
	ProtobufCAllocator allocator = {pb_alloc, pb_free, arena};

	return protobuf_c_message_unpack(type, &allocator, len, data);
}
