/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One server of the agent, a sink (sink.h): keeps the lease alive, registers the instances, reports
 * values. One request at a time, in a worker thread, so that a server that hangs holds up nobody
 * else. Nothing queues: what is to be sent is decided when the request is made, the newest value
 * wins. A server that forgot the agent (restarted, lease lost) is registered with again.
 */
#ifndef SAN_AGENT_LINK_H
#define SAN_AGENT_LINK_H

#include "san-agent/sink.h"

#define LINK_RETRY_MIN_US 200000
#define LINK_RETRY_MAX_US 5000000
#define LINK_REFUSED_US 5000000 /* what a server refused is tried again after this */

/* A sink named endpoint. allocates: this is the gateway server. conf stays the caller's and must
 * live on. */
int link_open(const struct sink_env *env, const char *endpoint, bool allocates,
	      const struct agent_conf *conf, struct sink **out, struct err *err);

#endif
