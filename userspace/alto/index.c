/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "alto/index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST 64

uint32_t alto_index_find(const struct alto_index *ix, uint64_t hash,
			 bool (*same)(const void *arg, uint32_t at), const void *arg)
{
	uint32_t mask = ix->size - 1;

	if (!ix->size)
		return ALTO_INDEX_NONE;
	for (uint32_t i = (uint32_t)hash & mask;; i = (i + 1) & mask) {
		const struct alto_slot *slot = &ix->slots[i];

		if (slot->at == ALTO_INDEX_NONE)
			return ALTO_INDEX_NONE;
		if (slot->hash == (uint32_t)hash && same(arg, slot->at))
			return slot->at;
	}
}

static void put(struct alto_slot *slots, uint32_t size, struct alto_slot slot)
{
	uint32_t i = slot.hash & (size - 1);

	while (slots[i].at != ALTO_INDEX_NONE)
		i = (i + 1) & (size - 1);
	slots[i] = slot;
}

static int grow(struct alto_index *ix)
{
	uint32_t size = ix->size ? ix->size * 2 : FIRST;
	struct alto_slot *slots = malloc(size * sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	memset(slots, 0xff, size * sizeof(*slots));
	for (uint32_t i = 0; i < ix->size; i++) {
		if (ix->slots[i].at != ALTO_INDEX_NONE)
			put(slots, size, ix->slots[i]);
	}
	free(ix->slots);
	ix->slots = slots;
	ix->size = size;
	return 0;
}

int alto_index_add(struct alto_index *ix, uint64_t hash, uint32_t at)
{
	if (ix->n >= ix->size / 2 && grow(ix) < 0)
		return -ENOMEM;
	put(ix->slots, ix->size, (struct alto_slot){(uint32_t)hash, at});
	ix->n++;
	return 0;
}

void alto_index_fini(struct alto_index *ix)
{
	free(ix->slots);
	*ix = (struct alto_index){0};
}
