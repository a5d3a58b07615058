/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "san-agent/gate.h"

bool gate_due(const struct gate *gate, int64_t milli, uint64_t now_us, const struct gate_rule *rule)
{
	uint64_t age = now_us - gate->at_us;
	int64_t change = milli > gate->milli ? milli - gate->milli : gate->milli - milli;

	if (!gate->valid)
		return true;
	if (age < rule->min_us)
		return false;
	if (age >= rule->max_us)
		return true;
	return change > 0 && change >= rule->band;
}

void gate_sent(struct gate *gate, int64_t milli, uint64_t now_us)
{
	gate->valid = true;
	gate->milli = milli;
	gate->at_us = now_us;
}

int64_t ewma_add(struct ewma *ewma, int64_t milli, unsigned int alpha_permille)
{
	int64_t micro = milli * 1000;

	if (ewma->valid)
		ewma->micro += (micro - ewma->micro) * alpha_permille / 1000;
	else
		ewma->micro = micro;
	ewma->valid = true;
	return (ewma->micro + 500) / 1000;
}

int64_t milli_round(int64_t milli, int64_t step)
{
	return (milli + step / 2) / step * step;
}
