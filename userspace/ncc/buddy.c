/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncc/buddy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* state of a unit: 0 within a range; of its first one: log2 of the range's size, and flags */
#define BITS 0x3f
#define RESTING 0x40
#define FREE 0x80

static uint32_t units_of(unsigned int bits)
{
	return 1u << (bits - BUDDY_MIN_BITS);
}

static void list_add(struct buddy *b, uint32_t unit, unsigned int bits)
{
	b->state[unit] = (uint8_t)(bits | FREE);
	b->prev[unit] = BUDDY_NONE;
	b->next[unit] = b->free[bits];
	if (b->next[unit] != BUDDY_NONE)
		b->prev[b->next[unit]] = unit;
	b->free[bits] = unit;
}

static void list_del(struct buddy *b, uint32_t unit)
{
	unsigned int bits = b->state[unit] & BITS;

	if (b->prev[unit] == BUDDY_NONE)
		b->free[bits] = b->next[unit];
	else
		b->next[b->prev[unit]] = b->next[unit];
	if (b->next[unit] != BUDDY_NONE)
		b->prev[b->next[unit]] = b->prev[unit];
	b->state[unit] = 0;
}

int buddy_init(struct buddy *b, uint32_t max)
{
	uint32_t unit = 0;

	memset(b, 0, sizeof(*b));
	b->units = max >> BUDDY_MIN_BITS;
	b->state = calloc(b->units + 1u, sizeof(*b->state));
	b->next = calloc(b->units + 1u, sizeof(*b->next));
	b->prev = calloc(b->units + 1u, sizeof(*b->prev));
	if (!b->state || !b->next || !b->prev) {
		buddy_fini(b);
		return -ENOMEM;
	}
	for (unsigned int i = 0; i <= BUDDY_MAX_BITS; i++)
		b->free[i] = BUDDY_NONE;
	for (unsigned int bits = BUDDY_MAX_BITS; bits >= BUDDY_MIN_BITS; bits--) {
		for (; b->units - unit >= units_of(bits); unit += units_of(bits))
			list_add(b, unit, bits);
	}
	return 0;
}

void buddy_fini(struct buddy *b)
{
	free(b->state);
	free(b->next);
	free(b->prev);
	rest_fini(&b->rest);
	memset(b, 0, sizeof(*b));
}

/* Joins it with its neighbour while that is free as a whole. */
static void merge(struct buddy *b, uint32_t unit, unsigned int bits)
{
	while (bits < BUDDY_MAX_BITS) {
		uint32_t other = unit ^ units_of(bits);

		if (other >= b->units || b->state[other] != (bits | FREE))
			break;
		list_del(b, other);
		b->state[unit] = 0;
		unit &= ~units_of(bits);
		bits++;
	}
	list_add(b, unit, bits);
}

static void wake(struct buddy *b, uint64_t now_ms)
{
	uint32_t unit;

	while (rest_take(&b->rest, now_ms, &unit)) {
		unsigned int bits = b->state[unit] & BITS;

		b->used -= 1u << bits;
		merge(b, unit, bits);
	}
}

/* The part of a free range that begins at `unit` and is 2^bits slots long; the others stay free. */
static void split(struct buddy *b, uint32_t from, uint32_t unit, unsigned int bits)
{
	unsigned int have = b->state[from] & BITS;

	list_del(b, from);
	while (have > bits) {
		uint32_t half = units_of(--have);

		if (unit >= from + half) {
			list_add(b, from, have);
			from += half;
		} else {
			list_add(b, from + half, have);
		}
	}
	b->state[unit] = (uint8_t)bits;
	b->used += 1u << bits;
}

uint32_t buddy_take(struct buddy *b, unsigned int bits, uint64_t now_ms)
{
	if (bits < BUDDY_MIN_BITS || bits > BUDDY_MAX_BITS)
		return BUDDY_NONE;
	wake(b, now_ms);
	for (unsigned int have = bits; have <= BUDDY_MAX_BITS; have++) {
		uint32_t unit = b->free[have];

		if (unit == BUDDY_NONE)
			continue;
		split(b, unit, unit, bits);
		return unit << BUDDY_MIN_BITS;
	}
	return BUDDY_NONE;
}

bool buddy_mark(struct buddy *b, uint32_t base, unsigned int bits)
{
	uint32_t unit = base >> BUDDY_MIN_BITS;

	if (bits < BUDDY_MIN_BITS || bits > BUDDY_MAX_BITS || base & ((1u << bits) - 1) ||
	    unit >= b->units)
		return false;
	for (unsigned int have = bits; have <= BUDDY_MAX_BITS; have++) {
		uint32_t from = unit & ~(units_of(have) - 1);

		if (b->state[from] != (have | FREE))
			continue;
		split(b, from, unit, bits);
		return true;
	}
	return false;
}

void buddy_give(struct buddy *b, uint32_t base, uint64_t now_ms)
{
	uint32_t unit = base >> BUDDY_MIN_BITS;

	if (unit >= b->units || base & ((1u << BUDDY_MIN_BITS) - 1) || !b->state[unit] ||
	    b->state[unit] & (FREE | RESTING))
		return;
	if (!rest_add(&b->rest, unit, now_ms)) /* without memory: lost until the next start */
		b->state[unit] |= RESTING;
}
