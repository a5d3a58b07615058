/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncsdb/lease.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define US_PER_S 1000000ull

static void heap_put(struct leases *ls, size_t at, struct lease *lease)
{
	ls->heap[at] = lease;
	lease->heap_at = at;
}

static void heap_up(struct leases *ls, struct lease *lease)
{
	size_t at = lease->heap_at;

	while (at > 0 && ls->heap[(at - 1) / 2]->deadline_us > lease->deadline_us) {
		heap_put(ls, at, ls->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	heap_put(ls, at, lease);
}

static void heap_down(struct leases *ls, struct lease *lease)
{
	size_t at = lease->heap_at;

	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < ls->n &&
		    ls->heap[child + 1]->deadline_us < ls->heap[child]->deadline_us)
			child++;
		if (child >= ls->n || ls->heap[child]->deadline_us >= lease->deadline_us)
			break;
		heap_put(ls, at, ls->heap[child]);
		at = child;
	}
	heap_put(ls, at, lease);
}

static const char *lease_name(int64_t id, char name[17])
{
	snprintf(name, 17, "%016" PRIx64, (uint64_t)id);
	return name;
}

void leases_fini(struct leases *ls)
{
	for (size_t i = 0; i < ls->n; i++)
		free(ls->heap[i]);
	free(ls->heap);
	radix_fini(&ls->by_id);
	*ls = (struct leases){0};
}

struct lease *lease_get(const struct leases *ls, int64_t id)
{
	char name[17];

	return radix_get(&ls->by_id, lease_name(id, name));
}

static int heap_reserve(struct leases *ls)
{
	size_t cap = ls->cap ? ls->cap * 2 : 16;
	struct lease **heap;

	if (ls->n < ls->cap)
		return 0;
	heap = reallocarray(ls->heap, cap, sizeof(struct lease *));
	if (!heap)
		return -ENOMEM;
	ls->heap = heap;
	ls->cap = cap;
	return 0;
}

int lease_add(struct leases *ls, int64_t id, unsigned int ttl_s, uint64_t now_us)
{
	struct lease *lease;

	if (lease_get(ls, id))
		return -EEXIST;
	if (ls->n >= NCSDB_LEASES_MAX)
		return -ENOSPC;
	lease = calloc(1, sizeof(*lease));
	if (!lease)
		return -ENOMEM;
	*lease = (struct lease){.id = id, .ttl_s = ttl_s, .heap_at = ls->n};
	lease->deadline_us = now_us + ttl_s * US_PER_S;
	if (heap_reserve(ls) || radix_reserve(&ls->by_id, lease_name(id, lease->name))) {
		free(lease);
		return -ENOMEM;
	}
	radix_set(&ls->by_id, lease->name, lease);
	ls->n++;
	heap_up(ls, lease);
	return 0;
}

void lease_del(struct leases *ls, struct lease *lease)
{
	struct lease *last = ls->heap[--ls->n];

	if (last != lease) {
		heap_put(ls, lease->heap_at, last);
		heap_up(ls, last);
		heap_down(ls, last);
	}
	radix_remove(&ls->by_id, lease->name);
	free(lease);
}

void lease_renew(struct leases *ls, struct lease *lease, uint64_t now_us)
{
	lease->deadline_us = now_us + lease->ttl_s * US_PER_S;
	heap_down(ls, lease); /* an end only moves away */
}

struct lease *lease_nearest(const struct leases *ls)
{
	return ls->n ? ls->heap[0] : NULL;
}

void lease_attach(struct lease *lease, struct rec *rec)
{
	rec->lease_next = lease->keys;
	rec->lease_link = &lease->keys;
	if (lease->keys)
		lease->keys->lease_link = &rec->lease_next;
	lease->keys = rec;
}

void lease_detach(struct rec *rec)
{
	if (!rec->lease_link)
		return;
	*rec->lease_link = rec->lease_next;
	if (rec->lease_next)
		rec->lease_next->lease_link = rec->lease_link;
	rec->lease_next = NULL;
	rec->lease_link = NULL;
}
