/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which values are worth sending, and the light smoothing before that. Pure: time is an argument.
 */
#ifndef SAN_AGENT_GATE_H
#define SAN_AGENT_GATE_H

#include <stdbool.h>
#include <stdint.h>

/* What a server was told last about one value. Zero-initialised: nothing yet. */
struct gate {
	bool valid;
	int64_t milli;
	uint64_t at_us;
};

struct gate_rule {
	int64_t band;	 /* a change of at least this is meaningful; 0: any change */
	uint64_t min_us; /* never sooner than this after the last one */
	uint64_t max_us; /* an unchanged value is said again after this */
};

bool gate_due(const struct gate *gate, int64_t milli, uint64_t now_us,
	      const struct gate_rule *rule);
void gate_sent(struct gate *gate, int64_t milli, uint64_t now_us);

/* Exponentially weighted moving average of values up to 2^40 milli. Zero-initialised: empty. */
struct ewma {
	bool valid;
	int64_t micro;
};

/* Adds a sample with weight alpha (permille, 1..1000); returns the average in milli, half up. */
int64_t ewma_add(struct ewma *ewma, int64_t milli, unsigned int alpha_permille);
/* Rounds to a multiple of step, half up. */
int64_t milli_round(int64_t milli, int64_t step);

#endif
