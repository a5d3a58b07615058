/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncsdb/known.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "util/hash.h"

#define CAP_MIN 8
#define MALLOC_HEAD sizeof(size_t)

void known_init(struct known_table *table)
{
	*table = (struct known_table){0};
}

/* Keys come from outsiders: see util/hash.h. */
static uint64_t key_hash(const char *key)
{
	return hash_bytes(key, strlen(key));
}

static struct known_shard *shard_of(const struct known_table *table, uint64_t hash)
{
	return (struct known_shard *)&table->shards[hash >> 56];
}

_Static_assert(KNOWN_SHARDS == 1 << (64 - 56), "shards by the highest byte of the hash");

static uint32_t *hashes(const struct known_shard *s)
{
	return (uint32_t *)(s->slots + s->cap);
}

/* The slot that holds key, or the free one where it would go. There is always a free one. */
static uint32_t slot_of(const struct known_shard *s, uint32_t hash, const char *key)
{
	const uint32_t *h = hashes(s);
	uint32_t at = hash & (s->cap - 1);

	for (; s->slots[at]; at = (at + 1) & (s->cap - 1))
		if (h[at] == hash && strcmp(s->slots[at]->key, key) == 0)
			break;
	return at;
}

struct known *known_find(const struct known_table *table, const char *key)
{
	uint64_t hash = key_hash(key);
	const struct known_shard *s = shard_of(table, hash);

	return s->n ? s->slots[slot_of(s, (uint32_t)hash, key)] : NULL;
}

static void slot_put(struct known_shard *s, uint32_t hash, struct known *known)
{
	uint32_t at = hash & (s->cap - 1);

	while (s->slots[at])
		at = (at + 1) & (s->cap - 1);
	s->slots[at] = known;
	hashes(s)[at] = hash;
	s->n++;
}

static size_t block_size(uint32_t cap)
{
	return cap * (sizeof(struct known *) + sizeof(uint32_t));
}

static bool shard_resize(struct known_table *table, struct known_shard *s, uint32_t cap)
{
	struct known_shard bigger = {.cap = cap, .slots = calloc(1, block_size(cap))};

	if (!bigger.slots)
		return false;
	for (uint32_t i = 0; i < s->cap; i++)
		if (s->slots[i])
			slot_put(&bigger, hashes(s)[i], s->slots[i]);
	table->bytes += block_size(cap) - block_size(s->cap);
	free(s->slots);
	*s = bigger;
	return true;
}

/* At most seven of eight slots are taken. */
static bool shard_room(struct known_table *table, struct known_shard *s)
{
	if (s->n + 1 <= s->cap / 8 * 7)
		return true;
	return shard_resize(table, s, s->cap ? s->cap * 2 : CAP_MIN);
}

struct known *known_add(struct known_table *table, const char *key)
{
	uint64_t hash = key_hash(key);
	struct known_shard *s = shard_of(table, hash);
	size_t len = strlen(key) + 1;
	struct known *known = malloc(sizeof(*known) + len);

	if (!known || !shard_room(table, s)) {
		free(known);
		return NULL;
	}
	*known = (struct known){0};
	memcpy(known->key, key, len);
	slot_put(s, (uint32_t)hash, known);
	table->n++;
	table->bytes += malloc_usable_size(known) + MALLOC_HEAD;
	return known;
}

/* Closes the gap at slot `at`: moves up what stands behind it because its own place was taken. */
static void slot_clear(struct known_shard *s, uint32_t at)
{
	uint32_t mask = s->cap - 1, *h = hashes(s);

	for (uint32_t i = (at + 1) & mask; s->slots[i]; i = (i + 1) & mask) {
		if (((i - h[i]) & mask) < ((i - at) & mask))
			continue;
		s->slots[at] = s->slots[i];
		h[at] = h[i];
		at = i;
	}
	s->slots[at] = NULL;
	s->n--;
}

void known_remove(struct known_table *table, struct known *known)
{
	uint64_t hash = key_hash(known->key);
	struct known_shard *s = shard_of(table, hash);

	slot_clear(s, slot_of(s, (uint32_t)hash, known->key));
	known_set_dead(table, known, false);
	table->n--;
	table->bytes -= malloc_usable_size(known) + MALLOC_HEAD;
	free(known);
	if (s->cap > CAP_MIN && s->n < s->cap / 8)
		shard_resize(table, s, s->cap / 2); /* without memory the larger one is as good */
}

void known_set_dead(struct known_table *table, struct known *known, bool dead)
{
	table->n_dead += (size_t)dead - known->dead;
	known->dead = dead;
	known->mute = false;
}

static bool shard_each(struct known_shard *s, bool (*each)(void *arg, struct known *known),
		       void *arg)
{
	uint32_t i = 0;

	while (i < s->cap) {
		struct known *known = s->slots[i];
		uint32_t n = s->n, cap = s->cap;

		if (known && !each(arg, known))
			return false;
		if (s->cap != cap)
			i = 0; /* made smaller: from its start */
		else if (s->n == n)
			i++;
		/* else: removed, another one may have moved up */
	}
	return true;
}

void known_each(struct known_table *table, bool (*each)(void *arg, struct known *known), void *arg)
{
	for (unsigned int i = 0; i < KNOWN_SHARDS; i++)
		if (!shard_each(&table->shards[i], each, arg))
			return;
}

void known_fini(struct known_table *table)
{
	for (unsigned int i = 0; i < KNOWN_SHARDS; i++) {
		struct known_shard *s = &table->shards[i];

		for (uint32_t at = 0; at < s->cap; at++)
			free(s->slots[at]);
		free(s->slots);
	}
	*table = (struct known_table){0};
}
