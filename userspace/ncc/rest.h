/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers that were given back and may still be in the hands of a program that is running: first
 * in, first out, when REST_MS have passed. Pure: time is an argument. */
#ifndef NCC_REST_H
#define NCC_REST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REST_MS 100 /* a program runs for microseconds; a grace period takes tens of ms */

struct rest {
	struct rested {
		uint64_t at_ms;
		uint32_t number;
	} * v; /* ring */
	size_t first, n, room;
};

int rest_add(struct rest *rest, uint32_t number, uint64_t now_ms); /* -ENOMEM */
/* The oldest one, if it has rested long enough. */
bool rest_take(struct rest *rest, uint64_t now_ms, uint32_t *number);
void rest_fini(struct rest *rest);

#endif
