/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When services are to be looked at again: a binary heap, log n a change up to VIEW_MAX_SERVICES.
 */
#include "orc/orc_int.h"

#include <errno.h>
#include <stdlib.h>

static void place(struct orc *orc, size_t i, struct orc_service *svc)
{
	orc->heap[i] = svc;
	svc->heap = i;
}

static void sift_up(struct orc *orc, size_t i)
{
	struct orc_service *svc = orc->heap[i];

	for (; i > 1 && orc->heap[i / 2]->due_us > svc->due_us; i /= 2)
		place(orc, i, orc->heap[i / 2]);
	place(orc, i, svc);
}

static void sift_down(struct orc *orc, size_t i)
{
	struct orc_service *svc = orc->heap[i];

	for (size_t child; (child = 2 * i) <= orc->n_heap; i = child) {
		if (child < orc->n_heap && orc->heap[child + 1]->due_us < orc->heap[child]->due_us)
			child++;
		if (orc->heap[child]->due_us >= svc->due_us)
			break;
		place(orc, i, orc->heap[child]);
	}
	place(orc, i, svc);
}

static int heap_grow(struct orc *orc)
{
	size_t cap = orc->cap_heap ? 2 * orc->cap_heap : 64;
	struct orc_service **heap;

	if (orc->n_heap + 1 < orc->cap_heap)
		return 0;
	heap = reallocarray(orc->heap, cap, sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	orc->heap = heap;
	orc->cap_heap = cap;
	return 0;
}

int orc_deadline_set(struct orc *orc, struct orc_service *svc, uint64_t due_us)
{
	if (due_us == UINT64_MAX) {
		orc_deadline_drop(orc, svc);
		return 0;
	}
	if (!svc->heap) {
		if (heap_grow(orc))
			return -ENOMEM;
		place(orc, ++orc->n_heap, svc);
	}
	svc->due_us = due_us;
	sift_up(orc, svc->heap);
	sift_down(orc, svc->heap);
	return 0;
}

int orc_deadline_before(struct orc *orc, struct orc_service *svc, uint64_t due_us)
{
	if (svc->heap && svc->due_us <= due_us)
		return 0;
	return orc_deadline_set(orc, svc, due_us);
}

void orc_deadline_drop(struct orc *orc, struct orc_service *svc)
{
	size_t i = svc->heap;
	struct orc_service *last;

	if (!i)
		return;
	svc->heap = 0;
	last = orc->heap[orc->n_heap--];
	if (last == svc)
		return;
	place(orc, i, last);
	sift_up(orc, i);
	sift_down(orc, last->heap);
}

struct orc_service *orc_deadline_pop(struct orc *orc, uint64_t now_us)
{
	struct orc_service *svc = orc->n_heap ? orc->heap[1] : NULL;

	if (!svc || svc->due_us > now_us)
		return NULL;
	orc_deadline_drop(orc, svc);
	return svc;
}
