/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The status database as a sink (sink.h), in etcd's protocol: a lease that is held, the agent's key
 * under it, and the instances' keys. Every write compares the create revision of the agent's key: a
 * name has one writer. Values of all instances that become due within batch_ms travel together; of
 * one instance one write is under way at a time, and what changed meanwhile is what goes next. The
 * functions of the instances' services decide what is worth telling (worth.h).
 */
#ifndef SAN_AGENT_STORE_H
#define SAN_AGENT_STORE_H

#include "ncsdb/ncsdb.h"
#include "san-agent/sink.h"

#define STORE_NAME "database"
#define STORE_FLYING_MAX 32	  /* transactions of values without an answer */
#define STORE_RETRY_MIN_US 200000 /* after what was refused or not answered, then twice as long */
#define STORE_RETRY_MAX_US 5000000
#define STORE_PATIENCE_MS 2000 /* a database that is not reached from the start is said then */

/* conf stays the caller's and must live on. */
int store_open(const struct sink_env *env, const struct agent_conf *conf, struct sink **out,
	       struct err *err);
/* With a database that is open, which it takes (tests). */
int store_open_with(const struct sink_env *env, const struct agent_conf *conf, struct ncsdb *db,
		    struct sink **out);

#endif
