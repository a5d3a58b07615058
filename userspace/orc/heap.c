/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is due when: a binary heap, log n a change up to VIEW_MAX_SERVICES. */
#include "orc/orc_int.h"

#include <errno.h>
#include <stdlib.h>

static void place(struct orc_heap *heap, size_t i, struct orc_due *due)
{
	heap->v[i] = due;
	due->place = i;
}

static void sift_up(struct orc_heap *heap, size_t i)
{
	struct orc_due *due = heap->v[i];

	for (; i > 1 && heap->v[i / 2]->at_us > due->at_us; i /= 2)
		place(heap, i, heap->v[i / 2]);
	place(heap, i, due);
}

static void sift_down(struct orc_heap *heap, size_t i)
{
	struct orc_due *due = heap->v[i];

	for (size_t child; (child = 2 * i) <= heap->n; i = child) {
		if (child < heap->n && heap->v[child + 1]->at_us < heap->v[child]->at_us)
			child++;
		if (heap->v[child]->at_us >= due->at_us)
			break;
		place(heap, i, heap->v[child]);
	}
	place(heap, i, due);
}

static int grow(struct orc_heap *heap)
{
	size_t cap = heap->cap ? 2 * heap->cap : 64;
	struct orc_due **v;

	if (heap->n + 1 < heap->cap)
		return 0;
	v = reallocarray(heap->v, cap, sizeof(*v));
	if (!v)
		return -ENOMEM;
	heap->v = v;
	heap->cap = cap;
	return 0;
}

int orc_heap_set(struct orc_heap *heap, struct orc_due *due, uint64_t at_us)
{
	if (at_us == UINT64_MAX) {
		orc_heap_drop(heap, due);
		return 0;
	}
	if (!due->place) {
		if (grow(heap))
			return -ENOMEM;
		place(heap, ++heap->n, due);
	}
	due->at_us = at_us;
	sift_up(heap, due->place);
	sift_down(heap, due->place);
	return 0;
}

int orc_heap_before(struct orc_heap *heap, struct orc_due *due, uint64_t at_us)
{
	if (due->place && due->at_us <= at_us)
		return 0;
	return orc_heap_set(heap, due, at_us);
}

void orc_heap_drop(struct orc_heap *heap, struct orc_due *due)
{
	size_t i = due->place;
	struct orc_due *last;

	if (!i)
		return;
	due->place = 0;
	last = heap->v[heap->n--];
	if (last == due)
		return;
	place(heap, i, last);
	sift_up(heap, i);
	sift_down(heap, last->place);
}

struct orc_service *orc_heap_pop(struct orc_heap *heap, uint64_t now_us)
{
	struct orc_due *due = heap->n ? heap->v[1] : NULL;

	if (!due || due->at_us > now_us)
		return NULL;
	orc_heap_drop(heap, due);
	return due->svc;
}
