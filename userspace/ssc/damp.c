/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Damping of what flaps (RFC 2439): a penalty per change, exponential decay. */
#include "ssc/ssc.h"

#define SUB_STEPS 16 /* of one half-life */
#define ONE 65536

/* 2^(-i/16) in 1/65536, rounded; between them linear. */
static const uint32_t decay[SUB_STEPS + 1] = {
	65536, 62757, 60097, 57549, 55109, 52773, 50535, 48393, 46341,
	44376, 42495, 40693, 38968, 37316, 35734, 34219, 32768,
};

/* 2^(-at/half-life), 0 <= at < half-life. Never rises with at. */
static uint32_t factor(uint64_t at_us)
{
	uint64_t scaled = at_us * SUB_STEPS;
	uint64_t i = scaled / SSC_DAMP_HALF_LIFE_US, rest = scaled % SSC_DAMP_HALF_LIFE_US;
	uint32_t drop = decay[i] - decay[i + 1];

	return decay[i] - (uint32_t)(drop * rest / SSC_DAMP_HALF_LIFE_US);
}

uint32_t ssc_damp_penalty(const struct ssc_damping *d, uint64_t now_us)
{
	uint64_t passed = now_us > d->updated_us ? now_us - d->updated_us : 0;
	uint64_t halvings = passed / SSC_DAMP_HALF_LIFE_US;

	if (halvings >= 32)
		return 0;
	return (uint32_t)(((uint64_t)d->penalty * factor(passed % SSC_DAMP_HALF_LIFE_US) / ONE) >>
			  halvings);
}

/* The penalty is written down only when it grows: reading it often must not round it away. */
static void punish(struct ssc_damping *d, uint64_t now_us)
{
	uint32_t penalty = ssc_damp_penalty(d, now_us) + SSC_DAMP_PENALTY;

	d->penalty = penalty < SSC_DAMP_MAX ? penalty : SSC_DAMP_MAX;
	d->updated_us = now_us;
}

bool ssc_damp(struct ssc_damping *d, bool satisfied, uint64_t now_us)
{
	uint32_t penalty;

	if (d->known && d->satisfied != satisfied)
		punish(d, now_us);
	d->known = true;
	d->satisfied = satisfied;
	penalty = ssc_damp_penalty(d, now_us);
	if (penalty > SSC_DAMP_SUPPRESS)
		d->suppressed = true;
	else if (penalty < SSC_DAMP_REUSE)
		d->suppressed = false;
	return d->suppressed;
}

uint64_t ssc_damp_until(const struct ssc_damping *d)
{
	uint64_t lo = d->updated_us, hi = lo + 32 * SSC_DAMP_HALF_LIFE_US;

	if (!d->suppressed)
		return UINT64_MAX;
	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (ssc_damp_penalty(d, mid) < SSC_DAMP_REUSE)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}
