/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets by the million through the loaded program, each one judged. */
#ifndef TESTS_BPF_LIBMASS_H
#define TESTS_BPF_LIBMASS_H

#include <stdio.h>

#include "libdriver.h"

#define MASS_SEEDS 4096

struct mass_seeds {
	struct mass_seed {
		uint8_t *data;
		size_t len;
	} list[MASS_SEEDS];
	unsigned int n;
};

struct mass {
	uint64_t seed;	  /* the same seeds and number: the same packets */
	uint64_t packets; /* how many */
};

struct mass_result { /* then text_len bytes: the first disagreements, a line each */
	uint64_t packets;
	uint64_t reasons[SAN_R_MAX]; /* as counted by the program */
	uint64_t steered;
	uint64_t traced; /* of packets: those whose reason came by an event of their own */
	uint64_t wrong;
	uint64_t text_len;
};

/* Takes a copy. */
int mass_seed(struct mass_seeds *seeds, const uint8_t *packet, size_t len);
void mass_forget_seeds(struct mass_seeds *seeds);

/*
 * Judges packets made from the seeds. Every second part is traced, which sends all packets the long
 * way and tells the reason of each; of the others verdict and bytes are judged one by one, and
 * reasons by the sums of the counters. Writes a struct mass_result and its text.
 */
int mass_run(struct driver *d, const struct mass_seeds *seeds, const struct mass *mass, FILE *out);

#endif
