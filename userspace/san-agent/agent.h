/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The running agent: samples its instances, probes them, and keeps its servers told. On the loop,
 * nothing blocks.
 */
#ifndef SAN_AGENT_AGENT_H
#define SAN_AGENT_AGENT_H

#include <uv.h>

#include "san-agent/config.h"

#define AGENT_KICK_MS 100  /* what became due is sent within this */
#define AGENT_STOP_MS 2000 /* patience of agent_stop */

struct agent;

/* conf is taken, also on failure. */
int agent_open(uv_loop_t *loop, struct agent_conf *conf, struct agent **out, struct err *err);
/* Goes on with another configuration; conf is taken. What stays the same is not touched: an
 * unchanged instance keeps its registration. On failure everything stays as it was (without
 * memory, the instances behind the first that could not be taken are missing). */
int agent_reload(struct agent *agent, struct agent_conf *conf, struct err *err);
/* Deregisters everywhere, then stops the loop: after AGENT_STOP_MS at the latest. */
void agent_stop(struct agent *agent);
/* After the loop has ended. False: requests are still under way, so that nothing may be freed and
 * the process must end without waiting for their threads. */
bool agent_close(struct agent *agent);

#endif
