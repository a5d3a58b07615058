/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is another value worth telling, to those who evaluate it by the service's functions? Only if some
 * term's curve gives another metric for it, or the truth of some requirement changes. The parts of
 * the service's delay are summed with what the agent does not know: every change counts. Pure.
 */
#ifndef SAN_AGENT_WORTH_H
#define SAN_AGENT_WORTH_H

#include "model/service.h"
#include "san-agent/gate.h"

#define WORTH_ANY UINT16_MAX /* no attribute: every change counts */

/* svc NULL: not registered, every change counts. */
bool worth_telling(const struct service *svc, uint16_t attr, int64_t before, int64_t now);
/* gate_due(), and of a change that is due by its dead band: worth_telling(). */
bool worth_due(const struct gate *gate, int64_t milli, uint64_t now_us,
	       const struct gate_rule *rule, const struct service *svc, uint16_t attr);

#endif
