/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers 1..max-1, each given out once. 0 means none. One that is given back rests for REST_MS
 * before it is given out again. Pure: time is an argument. */
#ifndef NCC_POOL_H
#define NCC_POOL_H

#include "ncc/rest.h"

struct pool {
	uint64_t *used, *resting; /* bit per number */
	uint32_t max;
	uint32_t n;    /* given out, resting ones included */
	uint32_t hint; /* where the search goes on */
	struct rest rest;
};

int pool_init(struct pool *pool, uint32_t max); /* -ENOMEM */
void pool_fini(struct pool *pool);
uint32_t pool_take(struct pool *pool, uint64_t now_ms); /* 0 = all are given out or rest */
/* Takes this very number. False: out of range or taken already. */
bool pool_mark(struct pool *pool, uint32_t number);
/* Back, to rest; others than taken ones are ignored. */
void pool_give(struct pool *pool, uint32_t number, uint64_t now_ms);
/* Back at once: nobody can hold it any more, or it does no harm. */
void pool_put_back(struct pool *pool, uint32_t number);
uint32_t pool_used(const struct pool *pool); /* without those that rest */

#endif
