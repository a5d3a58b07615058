/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes packets: seeds, mutants of seeds and of what was made before, splices of two, noise, and
 * well-formed ones put together from the pieces of seeds. The same start gives the same packets.
 */
#ifndef TESTS_BPF_LIBMUTATE_H
#define TESTS_BPF_LIBMUTATE_H

#include "libmass.h"

#define MUTATE_POOL 64

struct mutate {
	const struct mass_seeds *seeds;
	uint64_t state;
	unsigned int n_pool;
	struct {
		uint8_t data[DRIVER_PACKET];
		size_t len;
	} pool[MUTATE_POOL];
};

void mutate_init(struct mutate *m, const struct mass_seeds *seeds, uint64_t start);
/* At least 14 bytes, at most DRIVER_PACKET - 64. */
size_t mutate_next(struct mutate *m, uint8_t *packet);

#endif
