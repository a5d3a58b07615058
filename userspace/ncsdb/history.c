/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncsdb/history.h"

#include <errno.h>
#include <stdlib.h>

#define HISTORY_MIN_CAP 64

static struct rec **slot(const struct history *h, uint64_t number)
{
	return &h->ring[number & (h->cap - 1)];
}

static void drop_first(struct history *h, struct rec_pool *pool)
{
	struct rec *rec = *slot(h, h->first++), *prev = rec->prev;

	rec->prev = NULL;
	if (prev) {
		/* Its own event went before this one. */
		prev->is_prev = false;
		h->bytes -= rec_bytes(prev);
		rec_unref(pool, prev);
	}
	if (!rec->is_prev)
		h->bytes -= rec_bytes(rec);
	rec_unref(pool, rec);
}

void history_fini(struct history *h, struct rec_pool *pool)
{
	while (h->first < h->end)
		drop_first(h, pool);
	free(h->ring);
	*h = (struct history){0};
}

int history_reserve(struct history *h, size_t n)
{
	struct history bigger = *h;

	if (!bigger.cap)
		bigger.cap = HISTORY_MIN_CAP;
	while (bigger.cap < h->end - h->first + n)
		bigger.cap *= 2;
	if (bigger.cap == h->cap)
		return 0;
	bigger.ring = malloc(bigger.cap * sizeof(struct rec *));
	if (!bigger.ring)
		return -ENOMEM;
	for (uint64_t i = h->first; i < h->end; i++)
		*slot(&bigger, i) = *slot(h, i);
	free(h->ring);
	*h = bigger;
	return 0;
}

void history_add(struct history *h, struct rec *rec)
{
	struct rec *prev = rec->prev;

	*slot(h, h->end++) = rec_ref(rec);
	h->bytes += rec_bytes(rec);
	if (!prev)
		return;
	prev->is_prev = true;
	/* What is in the history is counted already. */
	if (prev->mod_rev < history_at(h, h->first)->mod_rev)
		h->bytes += rec_bytes(prev);
}

struct rec *history_at(const struct history *h, uint64_t number)
{
	return *slot(h, number);
}

uint64_t history_find(const struct history *h, int64_t revision)
{
	uint64_t low = h->first, high = h->end;

	/* Most look for the newest. */
	if (low < high && history_at(h, high - 1)->mod_rev < revision)
		return high;
	while (low < high) {
		uint64_t mid = low + (high - low) / 2;

		if (history_at(h, mid)->mod_rev < revision)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

int64_t history_trim(struct history *h, struct rec_pool *pool, const struct history_trim *trim)
{
	int64_t newest = h->first < h->end ? history_at(h, h->end - 1)->mod_rev : 0;
	int64_t dropped = 0;

	while (h->first < h->end) {
		struct rec *rec = history_at(h, h->first);
		bool over = h->end - h->first > HISTORY_MAX_EVENTS || h->bytes > HISTORY_MAX_BYTES;

		if (rec->mod_rev >= trim->keep)
			break;
		/* A revision that is begun is dropped to its end. */
		if (rec->mod_rev >= trim->floor && rec->mod_rev != dropped &&
		    (!over || rec->mod_rev == newest))
			break;
		dropped = rec->mod_rev;
		if (trim->drop)
			trim->drop(trim->arg, rec);
		drop_first(h, pool);
	}
	return dropped;
}
