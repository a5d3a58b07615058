/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One instance of the roster: its values and its health. Values only; the agent keeps slots and
 * probes. */
#ifndef SAN_AGENT_INSTANCE_H
#define SAN_AGENT_INSTANCE_H

#include "san-agent/roster.h"

/* NULL without memory. Not probed yet: health is known only if there is no probe. */
struct instance *instance_new(const struct instance_conf *conf, const struct agent_conf *agent);
/* Closes the probe. NULL is fine. */
void instance_free(struct instance *inst);
/* Takes another configuration of the same instance: meters and health begin anew. */
void instance_change(struct instance *inst, const struct instance_conf *conf,
		     const struct agent_conf *agent);
/* Dead bands of the agent's configuration. */
void instance_bands(struct instance *inst, const struct agent_conf *agent);
/* One reading of the meter into the values. */
void instance_sample(struct instance *inst, struct meter_env *env, uint64_t now_us,
		     unsigned int alpha_permille);
bool instance_is(const struct instance *inst, const struct instance_conf *conf);

#endif
