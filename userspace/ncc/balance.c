/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Slot ranges of balanced entries: which range, which next hop in which slot, what to write. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ncc/apply_int.h"

static struct balance *alloc(const struct slots_member *members, unsigned int n)
{
	struct balance *b = calloc(1, sizeof(*b) + n * sizeof(b->members[0]));

	if (!b)
		return NULL;
	b->base = BUDDY_NONE;
	b->n_members = n;
	if (n)
		memcpy(b->members, members, n * sizeof(b->members[0]));
	return b;
}

static bool has_range(const struct balance *b)
{
	return b && b->base != BUDDY_NONE;
}

/* The range for so many members: the old one if it is large enough, a new one, the old one all the
 * same, or a new one that is smaller than it should be. */
static void choose_range(struct apply *a, const struct balance *old, struct balance *b)
{
	unsigned int bits = slots_bits(b->n_members);

	if (has_range(old) && old->bits > bits)
		bits = old->bits;
	if (!has_range(old) || old->bits < bits) {
		b->bits = bits;
		b->base = buddy_take(&a->ranges, bits, apply_now_ms());
	}
	if (b->base == BUDDY_NONE && has_range(old)) {
		b->bits = old->bits;
		b->base = old->base;
	}
	while (b->base == BUDDY_NONE && b->bits > SLOTS_MIN_BITS)
		b->base = buddy_take(&a->ranges, --b->bits, apply_now_ms());
}

int balance_plan(struct apply *a, const struct balance *old, const struct entry_want *want,
		 struct balance **out)
{
	struct balance *b = alloc(want->members, want->n_members);

	if (!b)
		return -ENOMEM;
	choose_range(a, old, b);
	if (b->base != BUDDY_NONE) {
		b->slots = calloc((size_t)1 << b->bits, sizeof(b->slots[0]));
		if (!b->slots) {
			balance_drop(a, b, old);
			return -ENOMEM;
		}
		if (has_range(old))
			slots_grow(b->slots, 1u << b->bits, old->slots, 1u << old->bits);
		slots_assign(b->slots, 1u << b->bits, b->members, b->n_members);
	}
	*out = b;
	return 0;
}

int balance_adopt(struct apply *a, const struct san_service *val, struct balance **out)
{
	struct balance *b;
	int r;

	if (val->mode != SAN_MODE_BALANCED ||
	    !buddy_mark(&a->ranges, val->slot_base, val->slot_bits))
		return 0; /* gets a range of its own with the first plan */
	b = alloc(NULL, 0);
	if (!b)
		return -ENOMEM;
	b->base = val->slot_base;
	b->bits = val->slot_bits;
	b->slots = calloc((size_t)1 << b->bits, sizeof(b->slots[0]));
	r = b->slots ? dp_slots_get(a->dp, b->base, 1u << b->bits, b->slots) : -ENOMEM;
	if (r) {
		balance_drop(a, b, NULL);
		return r;
	}
	*out = b;
	return 0;
}

int balance_write(struct apply *a, const struct balance *b, const struct balance *before)
{
	uint32_t first = 0, end = 1u << b->bits;

	if (has_range(before) && before->base == b->base && before->bits == b->bits) {
		while (first < end && b->slots[first] == before->slots[first])
			first++;
		while (end > first && b->slots[end - 1] == before->slots[end - 1])
			end--;
	}
	if (first == end)
		return 0;
	a->applied++;
	return dp_slots_put(a->dp, b->base + first, end - first, b->slots + first);
}

int balance_verify(struct apply *a, const struct balance *b)
{
	size_t n = (size_t)1 << b->bits;
	uint32_t *real;
	int r;

	if (!has_range(b))
		return 0;
	real = calloc(n, sizeof(*real));
	if (!real)
		return -ENOMEM;
	r = dp_slots_get(a->dp, b->base, (uint32_t)n, real);
	if (!r && memcmp(real, b->slots, n * sizeof(*real)))
		r = dp_slots_put(a->dp, b->base, (uint32_t)n, b->slots) ?: 1;
	free(real);
	return r;
}

void balance_drop(struct apply *a, struct balance *b, const struct balance *heir)
{
	if (!b)
		return;
	if (has_range(b) && (!has_range(heir) || heir->base != b->base))
		buddy_give(&a->ranges, b->base, apply_now_ms());
	free(b->slots);
	free(b);
}
