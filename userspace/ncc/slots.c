/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncc/slots.h"

#include <assert.h>
#include <stdlib.h>

struct share {
	uint32_t nexthop;
	uint32_t target, held; /* slots */
	uint64_t weight;
	uint64_t rest; /* what rounding down lost, of the sum of weights */
};

unsigned int slots_bits(unsigned int n_members)
{
	unsigned int bits = SLOTS_MIN_BITS;

	while (bits < SAN_MAX_SLOT_BITS && 1u << bits < SLOTS_PER_MEMBER * n_members)
		bits++;
	return bits;
}

void slots_grow(uint32_t *slots, unsigned int n_slots, const uint32_t *old, unsigned int n_old)
{
	for (unsigned int i = 0; i < n_slots; i++)
		slots[i] = old[i & (n_old - 1)];
}

static int by_nexthop(const void *a, const void *b)
{
	const struct share *x = a, *y = b;

	return x->nexthop < y->nexthop ? -1 : x->nexthop > y->nexthop;
}

static int by_rest(const void *a, const void *b)
{
	const struct share *x = a, *y = b;

	if (x->rest != y->rest)
		return x->rest > y->rest ? -1 : 1;
	return by_nexthop(a, b);
}

static struct share *find(struct share *shares, unsigned int n, uint32_t nexthop)
{
	struct share key = {.nexthop = nexthop};

	return bsearch(&key, shares, n, sizeof(key), by_nexthop);
}

/* Largest remainder: everybody the whole part of what is due, what is left by size of the rest. */
static void set_targets(struct share *shares, unsigned int n, unsigned int n_slots)
{
	unsigned int left = n_slots;
	uint64_t sum = 0;

	for (unsigned int i = 0; i < n; i++)
		sum += shares[i].weight;
	for (unsigned int i = 0; i < n; i++) {
		uint64_t weight = sum ? shares[i].weight : 1, all = sum ? sum : n;

		shares[i].target = (uint32_t)(weight * n_slots / all);
		shares[i].rest = weight * n_slots % all;
		left -= shares[i].target;
	}
	qsort(shares, n, sizeof(*shares), by_rest);
	for (unsigned int i = 0; i < left; i++)
		shares[i].target++;
	qsort(shares, n, sizeof(*shares), by_nexthop);
}

static void keep_and_free(uint32_t *slots, unsigned int n_slots, struct share *shares,
			  unsigned int n)
{
	for (unsigned int i = 0; i < n_slots; i++) {
		struct share *s = slots[i] ? find(shares, n, slots[i]) : NULL;

		if (s && s->held < s->target)
			s->held++;
		else
			slots[i] = SAN_NH_NONE;
	}
}

/* The bits of i in reverse: 0, 1/2, 1/4, 3/4, 1/8... of the range. */
static unsigned int reversed(unsigned int i, unsigned int n_slots)
{
	unsigned int out = 0;

	for (; n_slots > 1; n_slots >>= 1, i >>= 1)
		out = out << 1 | (i & 1);
	return out;
}

/* In that order one member's slots lie far apart, in whatever part of the range is free. */
static void fill(uint32_t *slots, unsigned int n_slots, struct share *shares)
{
	struct share *s = shares;

	for (unsigned int i = 0; i < n_slots; i++) {
		unsigned int at = reversed(i, n_slots);

		if (slots[at])
			continue;
		while (s->held == s->target)
			s++;
		slots[at] = s->nexthop;
		s->held++;
	}
}

void slots_assign(uint32_t *slots, unsigned int n_slots, const struct slots_member *members,
		  unsigned int n)
{
	struct share shares[SAN_MAX_MEMBERS] = {0};

	assert(n >= 1 && n <= SAN_MAX_MEMBERS && n_slots && !(n_slots & (n_slots - 1)));
	for (unsigned int i = 0; i < n; i++) {
		shares[i].nexthop = members[i].nexthop;
		shares[i].weight = members[i].weight;
	}
	set_targets(shares, n, n_slots);
	keep_and_free(slots, n_slots, shares, n);
	fill(slots, n_slots, shares);
}
