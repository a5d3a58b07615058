/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/attr.h"

/* Index of attr, or of where it belongs. */
static uint16_t find(const struct samples *set, uint16_t attr)
{
	uint16_t lo = 0, hi = set->n;

	while (lo < hi) {
		uint16_t mid = (lo + hi) / 2;

		if (set->v[mid].attr < attr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* One by one while small: most objects have few attributes, and there are many objects. */
static int grow(struct samples *set)
{
	uint16_t cap = set->cap < 4 ? set->cap + 1 : set->cap + set->cap / 2;
	struct sample *v;

	if (set->n < set->cap)
		return 0;
	if (set->n >= ATTR_PER_OBJECT)
		return -ENOSPC;
	if (cap > ATTR_PER_OBJECT)
		cap = ATTR_PER_OBJECT;
	v = realloc(set->v, cap * sizeof(*v));
	if (!v)
		return -ENOMEM;
	set->v = v;
	set->cap = cap;
	return 0;
}

int samples_put(struct samples *set, uint16_t attr, int64_t milli, uint64_t received_us,
		bool *changed)
{
	uint16_t i = find(set, attr);
	bool isnew = i == set->n || set->v[i].attr != attr;
	int r = isnew ? grow(set) : 0;

	if (r)
		return r;
	if (changed)
		*changed = isnew || set->v[i].milli != milli;
	if (isnew) {
		memmove(&set->v[i + 1], &set->v[i], (set->n - i) * sizeof(*set->v));
		set->n++;
	}
	set->v[i] = (struct sample){.attr = attr, .milli = milli, .received_us = received_us};
	return 0;
}

bool samples_del(struct samples *set, uint16_t attr)
{
	uint16_t i = find(set, attr);

	if (i == set->n || set->v[i].attr != attr)
		return false;
	set->n--;
	memmove(&set->v[i], &set->v[i + 1], (set->n - i) * sizeof(*set->v));
	return true;
}

const struct sample *samples_get(const struct samples *set, uint16_t attr)
{
	uint16_t i = find(set, attr);

	return i < set->n && set->v[i].attr == attr ? &set->v[i] : NULL;
}

void samples_fini(struct samples *set)
{
	free(set->v);
	memset(set, 0, sizeof(*set));
}
