/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncsdb/batch.h"

#include <errno.h>
#include <stdlib.h>

/* Beyond this an idle batch gives its arrays back. */
#define KEEP_CAP 16384

void batch_reset(struct batch *b, struct rec_pool *pool, uint64_t number)
{
	for (size_t i = 0; i < b->n; i++)
		rec_unref(pool, b->recs[i]);
	if (b->cap > KEEP_CAP) {
		free(b->recs);
		b->recs = NULL;
		b->cap = 0;
	}
	b->n = b->n_leases = b->bytes = 0;
	b->number = number;
}

void batch_fini(struct batch *b, struct rec_pool *pool)
{
	batch_reset(b, pool, 0);
	free(b->recs);
	free(b->leases);
	*b = (struct batch){0};
}

bool batch_empty(const struct batch *b)
{
	return b->n == 0 && b->n_leases == 0;
}

static int grow(void *array, size_t *cap, size_t need, size_t size)
{
	size_t bigger = *cap ? *cap : 64;
	void *p;

	if (need <= *cap)
		return 0;
	while (bigger < need)
		bigger *= 2;
	p = reallocarray(*(void **)array, bigger, size);
	if (!p)
		return -ENOMEM;
	*(void **)array = p;
	*cap = bigger;
	return 0;
}

int batch_reserve(struct batch *b, size_t n)
{
	return grow(&b->recs, &b->cap, b->n + n, sizeof(struct rec *));
}

int batch_reserve_lease(struct batch *b)
{
	return grow(&b->leases, &b->cap_leases, b->n_leases + 1, sizeof(struct lease_change));
}

void batch_add(struct batch *b, struct rec_pool *pool, struct rec *rec, const struct rec *old)
{
	rec->batch = b->number;
	b->bytes += rec_bytes(rec);
	if (old && old->batch == b->number) {
		rec->slot = old->slot;
		b->bytes -= rec_bytes(old);
		rec_unref(pool, b->recs[rec->slot]);
	} else {
		rec->slot = b->n++;
	}
	b->recs[rec->slot] = rec_ref(rec);
}

void batch_add_lease(struct batch *b, int64_t id, unsigned int ttl_s)
{
	b->leases[b->n_leases++] = (struct lease_change){.id = id, .ttl_s = ttl_s};
}
