/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncc/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int pool_init(struct pool *pool, uint32_t max)
{
	memset(pool, 0, sizeof(*pool));
	pool->used = calloc((max + 63u) / 64u + 1, sizeof(*pool->used));
	pool->resting = calloc((max + 63u) / 64u + 1, sizeof(*pool->resting));
	if (!pool->used || !pool->resting) {
		pool_fini(pool);
		return -ENOMEM;
	}
	pool->max = max;
	pool->hint = 1;
	return 0;
}

void pool_fini(struct pool *pool)
{
	free(pool->used);
	free(pool->resting);
	rest_fini(&pool->rest);
	memset(pool, 0, sizeof(*pool));
}

static uint64_t bit(uint32_t number)
{
	return UINT64_C(1) << (number % 64);
}

static bool is_used(const struct pool *pool, uint32_t number)
{
	return pool->used[number / 64] & bit(number);
}

bool pool_mark(struct pool *pool, uint32_t number)
{
	if (!number || number >= pool->max || is_used(pool, number))
		return false;
	pool->used[number / 64] |= bit(number);
	pool->n++;
	return true;
}

void pool_put_back(struct pool *pool, uint32_t number)
{
	if (!number || number >= pool->max || !is_used(pool, number))
		return;
	pool->used[number / 64] &= ~bit(number);
	pool->n--;
}

static void wake(struct pool *pool, uint64_t now_ms)
{
	uint32_t number;

	while (rest_take(&pool->rest, now_ms, &number)) {
		pool->resting[number / 64] &= ~bit(number);
		pool_put_back(pool, number);
	}
}

uint32_t pool_take(struct pool *pool, uint64_t now_ms)
{
	wake(pool, now_ms);
	if (pool->max < 2 || pool->n >= pool->max - 1)
		return 0;
	for (;;) {
		uint32_t number = pool->hint;

		pool->hint = number + 1 < pool->max ? number + 1 : 1;
		if (pool_mark(pool, number))
			return number;
	}
}

void pool_give(struct pool *pool, uint32_t number, uint64_t now_ms)
{
	if (!number || number >= pool->max || !is_used(pool, number) ||
	    pool->resting[number / 64] & bit(number))
		return;
	if (!rest_add(&pool->rest, number, now_ms)) /* without memory: lost until the next start */
		pool->resting[number / 64] |= bit(number);
}

uint32_t pool_used(const struct pool *pool)
{
	return pool->n - (uint32_t)pool->rest.n;
}
