/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The instances of one service, by name: an array, and a hash table (linear probing) of places in
 * it. A slot holds the place from 1, 0 = free, and above it some bits of the hash, so that other
 * names need not be looked at.
 */
#include "model/view_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PLACE_BITS 21
#define PLACE_MASK ((UINT32_C(1) << PLACE_BITS) - 1)
_Static_assert(VIEW_MAX_INSTANCES < 1 << PLACE_BITS, "a place fits into a slot");

/* Names come from outsiders: see util/hash.h. */
static uint32_t hash_of(const char *name)
{
	return (uint32_t)hash_bytes(name, strlen(name));
}

static uint32_t slot_for(uint32_t hash, uint32_t index)
{
	return (hash & ~PLACE_MASK) | (index + 1);
}

static uint32_t index_in(uint32_t slot)
{
	return (slot & PLACE_MASK) - 1;
}

/* The slot of the name, or the free one where it belongs. There is always a free one. */
static uint32_t find_slot(const struct view_service *svc, const char *name, uint32_t hash)
{
	uint32_t mask = svc->n_slots - 1, i = hash & mask, slot;

	for (; (slot = svc->slots[i]); i = (i + 1) & mask) {
		if (((slot ^ hash) & ~PLACE_MASK) == 0 &&
		    strcmp(svc->instances[index_in(slot)]->name, name) == 0)
			break;
	}
	return i;
}

struct view_instance *view_table_find(const struct view_service *svc, const char *name)
{
	uint32_t slot;

	if (!svc->n_slots)
		return NULL;
	slot = svc->slots[find_slot(svc, name, hash_of(name))];
	return slot ? svc->instances[index_in(slot)] : NULL;
}

static int grow_array(struct view_service *svc)
{
	uint32_t cap = svc->cap_instances < 4 ? 4 : svc->cap_instances + svc->cap_instances / 2;
	struct view_instance **grown;

	if (svc->n_instances < svc->cap_instances)
		return 0;
	grown = reallocarray(svc->instances, cap, sizeof(struct view_instance *));
	if (!grown)
		return -ENOMEM;
	svc->instances = grown;
	svc->cap_instances = cap;
	return 0;
}

static void place(struct view_service *svc, uint32_t index)
{
	const char *name = svc->instances[index]->name;
	uint32_t hash = hash_of(name);

	svc->slots[find_slot(svc, name, hash)] = slot_for(hash, index);
}

/* At most three quarters of the slots are in use. */
static int grow_slots(struct view_service *svc)
{
	uint32_t n = svc->n_slots ? 2 * svc->n_slots : 4, *slots;

	if (4 * (svc->n_instances + 1) <= 3 * svc->n_slots)
		return 0;
	slots = calloc(n, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(svc->slots);
	svc->slots = slots;
	svc->n_slots = n;
	for (uint32_t i = 0; i < svc->n_instances; i++)
		place(svc, i);
	return 0;
}

int view_table_add(struct view_service *svc, struct view_instance *inst)
{
	if (grow_array(svc) || grow_slots(svc)) {
		if (!svc->n_instances)
			view_table_fini(svc);
		return -ENOMEM;
	}
	svc->instances[svc->n_instances] = inst;
	place(svc, svc->n_instances++);
	return 0;
}

/* Frees the slot; those behind it that would not be found any more move up. */
static void free_slot(struct view_service *svc, uint32_t hole)
{
	uint32_t mask = svc->n_slots - 1, i = (hole + 1) & mask;

	for (; svc->slots[i]; i = (i + 1) & mask) {
		uint32_t home = hash_of(svc->instances[index_in(svc->slots[i])]->name) & mask;

		if (((i - home) & mask) < ((i - hole) & mask))
			continue; /* its home is behind the hole */
		svc->slots[hole] = svc->slots[i];
		hole = i;
	}
	svc->slots[hole] = 0;
}

void view_table_del(struct view_service *svc, const struct view_instance *inst)
{
	uint32_t at = find_slot(svc, inst->name, hash_of(inst->name));
	uint32_t index = index_in(svc->slots[at]), last = svc->n_instances - 1;

	free_slot(svc, at);
	if (index != last) {
		struct view_instance *moved = svc->instances[last];
		uint32_t hash = hash_of(moved->name);

		at = find_slot(svc, moved->name, hash);
		svc->slots[at] = slot_for(hash, index);
		svc->instances[index] = moved;
	}
	if (--svc->n_instances == 0)
		view_table_fini(svc);
}

void view_table_fini(struct view_service *svc)
{
	free(svc->instances);
	free(svc->slots);
	svc->instances = NULL;
	svc->slots = NULL;
	svc->n_instances = svc->cap_instances = svc->n_slots = 0;
}
