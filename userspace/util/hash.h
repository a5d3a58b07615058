/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hashes of keys that come from outsiders: with a random seed of this process, so that nobody can
 * choose keys that collide. uthash uses it wherever this header is included; nobody includes
 * <uthash.h> directly, for all users of a table must hash alike. The order of a table's elements
 * does not depend on it.
 */
#ifndef HASH_H
#define HASH_H

#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

uint64_t hash_bytes(const void *data, size_t len);
/* By a seed of one's own. */
uint64_t hash_seeded(uint64_t seed, const void *data, size_t len);

#undef HASH_FUNCTION
#define HASH_FUNCTION(keyptr, keylen, hashv)                                                       \
	((hashv) = (unsigned int)hash_bytes((keyptr), (keylen)))

#endif
