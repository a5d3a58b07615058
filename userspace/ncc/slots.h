/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which slot of a balanced service leads to which next hop. Pure: arrays in, arrays out; the caller
 * writes what changed to san_slots. A flow keeps its slot as long as the range keeps its size, so
 * what moves here is what moves on the network: as little as the weights allow.
 */
#ifndef NCC_SLOTS_H
#define NCC_SLOTS_H

#include <stdint.h>

#include <san/msg.h>

#define SLOTS_PER_MEMBER 128 /* so that a slot is less than 1 % of an even share */
#define SLOTS_MIN_BITS 7

struct slots_member {
	uint32_t nexthop; /* index, not SAN_NH_NONE; distinct */
	uint32_t weight;  /* its share is weight / sum of weights */
};

/* log2 of the range's size for so many members: the smallest power of two that gives each
 * SLOTS_PER_MEMBER, at most SAN_MAX_SLOT_BITS. A range grows, it does not shrink while its service
 * is balanced: the caller keeps the larger. */
unsigned int slots_bits(unsigned int n_members);
/* A range that grew: each flow goes where it went, slots[i] = old[i mod n_old]. Powers of two. */
void slots_grow(uint32_t *slots, unsigned int n_slots, const uint32_t *old, unsigned int n_old);
/* slots[n_slots], a power of two: the assignment in force, changed in place; 0 and next hops that
 * are no members are free. Each member gets its share by largest remainder; slots of a member that
 * has too many are freed, those that are free are spread over members that have too few, all others
 * stay. So a change of one of n members moves its share and rounding (below a slot for a member).
 * The same members in any order give the same result. At most SAN_MAX_MEMBERS members, at least
 * one; a sum of weights of 0 counts as equal weights. */
void slots_assign(uint32_t *slots, unsigned int n_slots, const struct slots_member *members,
		  unsigned int n);

#endif
