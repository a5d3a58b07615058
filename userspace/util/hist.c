/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/hist.h"

static const uint64_t bounds[HIST_BUCKETS] = {
	10,    20,    50,     100,    200,    500,     1000,	2000,	 5000,	   10000,
	20000, 50000, 100000, 200000, 500000, 1000000, 2000000, 5000000, 10000000, UINT64_MAX,
};

void hist_add(struct hist *hist, uint64_t us)
{
	unsigned int i = 0;

	while (us > bounds[i])
		i++;
	hist->bucket[i]++;
	hist->count++;
	hist->sum_us += us;
}

uint64_t hist_bound_us(unsigned int bucket)
{
	return bounds[bucket];
}

uint64_t hist_quantile_us(const struct hist *hist, unsigned int permille)
{
	uint64_t want = (hist->count * permille + 999) / 1000, have = 0;

	for (unsigned int i = 0; i < HIST_BUCKETS && hist->count; i++) {
		have += hist->bucket[i];
		if (have >= want)
			return bounds[i];
	}
	return 0;
}
