/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of one message: allocated in a row, freed at once. Every piece is followed by a NUL, so
 * that the bytes fields of a decoded message are texts without being copied again.
 */
#ifndef NCSDB_ETCD_ARENA_H
#define NCSDB_ETCD_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

/* A message that decodes to more is refused (-ENOMEM); a thousand bytes of it can be one's share
 * of what a few bytes on the wire say. */
#define ETCD_ARENA_MAX (512u << 20)

struct etcd_chunk;
struct etcd_arena {		   /* all zero = empty */
	struct etcd_chunk *chunks; /* the newest first */
	size_t bytes;
};

/* Aligned to 16; NULL without memory or beyond ETCD_ARENA_MAX. */
void *etcd_arena_alloc(struct etcd_arena *arena, size_t size);
/* What was allocated is gone; one chunk of moderate size stays for the next time. */
void etcd_arena_reset(struct etcd_arena *arena);
void etcd_arena_fini(struct etcd_arena *arena);
/* Decoded into the arena; NULL: malformed or too large. */
void *etcd_unpack(struct etcd_arena *arena, const ProtobufCMessageDescriptor *type,
		  const void *data, size_t len);

#endif
