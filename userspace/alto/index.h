/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which element of an array has this key? Eight bytes an element: for arrays of a million, where a
 * uthash handle each would cost more than the elements. Hashes are hash_bytes() of the keys. */
#ifndef ALTO_INDEX_H
#define ALTO_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#define ALTO_INDEX_NONE UINT32_MAX

struct alto_slot {
	uint32_t hash, at; /* at ALTO_INDEX_NONE: free */
};
/* Zero-initialised is empty. */
struct alto_index {
	struct alto_slot *slots;
	uint32_t size, n; /* size: a power of two */
};

/* same(arg, at): has element `at` the key that is looked for? ALTO_INDEX_NONE: none has. */
uint32_t alto_index_find(const struct alto_index *ix, uint64_t hash,
			 bool (*same)(const void *arg, uint32_t at), const void *arg);
int alto_index_add(struct alto_index *ix, uint64_t hash, uint32_t at);
void alto_index_fini(struct alto_index *ix);

#endif
