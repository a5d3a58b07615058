/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ranges of san_slots, each a power of two and aligned to its size (buddy system). A range that is
 * given back rests for REST_MS before anybody else gets it: a program may have read its base just
 * before. Pure: time is an argument.
 */
#ifndef NCC_BUDDY_H
#define NCC_BUDDY_H

#include "ncc/rest.h"

#define BUDDY_MIN_BITS 7
#define BUDDY_MAX_BITS 17 /* SAN_MAX_SLOT_BITS */
#define BUDDY_NONE UINT32_MAX

struct buddy {
	uint8_t *state;			   /* of each unit of 2^BUDDY_MIN_BITS: bits and a flag */
	uint32_t *next, *prev;		   /* of a free range: unit numbers */
	uint32_t free[BUDDY_MAX_BITS + 1]; /* first free range of a size */
	uint32_t units;
	uint32_t used; /* slots given out, resting ones included */
	struct rest rest;
};

int buddy_init(struct buddy *buddy, uint32_t max); /* slots; a rest below a unit is not used */
void buddy_fini(struct buddy *buddy);
/* A range of 2^bits slots; BUDDY_NONE: none is free. bits BUDDY_MIN_BITS..BUDDY_MAX_BITS. */
uint32_t buddy_take(struct buddy *buddy, unsigned int bits, uint64_t now_ms);
/* Takes this very range. False: not free as a whole, or no range that could have been given out. */
bool buddy_mark(struct buddy *buddy, uint32_t base, unsigned int bits);
/* Back, to rest. Others than taken ones are ignored. */
void buddy_give(struct buddy *buddy, uint32_t base, uint64_t now_ms);

#endif
