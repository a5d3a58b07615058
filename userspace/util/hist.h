/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Histogram of durations, for /metrics: buckets of 1-2-5 steps from 10 us to 10 s, and above. */
#ifndef UTIL_HIST_H
#define UTIL_HIST_H

#include <stdint.h>

#define HIST_BUCKETS 20 /* the last: longer than all bounds */

/* All zero = empty. */
struct hist {
	uint64_t count, sum_us;
	uint64_t bucket[HIST_BUCKETS]; /* not cumulative */
};

void hist_add(struct hist *hist, uint64_t us);
/* Upper bound (inclusive) of a bucket in microseconds; UINT64_MAX for the last. */
uint64_t hist_bound_us(unsigned int bucket);
/* Smallest bound that at least permille of all are within; 0 when empty. */
uint64_t hist_quantile_us(const struct hist *hist, unsigned int permille);

#endif
