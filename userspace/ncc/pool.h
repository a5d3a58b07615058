/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers 1..max-1, each given out once. 0 means none. */
#ifndef NCC_POOL_H
#define NCC_POOL_H

#include <stdbool.h>
#include <stdint.h>

struct pool {
	uint64_t *used; /* bit per number */
	uint32_t max;
	uint32_t n;    /* given out */
	uint32_t hint; /* where the search goes on: a number rests before it is used again */
};

int pool_init(struct pool *pool, uint32_t max); /* -ENOMEM */
void pool_fini(struct pool *pool);
uint32_t pool_take(struct pool *pool); /* 0 = all are given out */
/* Takes this very number. False: out of range or taken already. */
bool pool_mark(struct pool *pool, uint32_t number);
void pool_give(struct pool *pool, uint32_t number); /* back; others than taken ones are ignored */

#endif
