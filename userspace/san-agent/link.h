/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One server of the agent: keeps the lease alive, registers the instances, reports values. One
 * request at a time, in a worker thread, so that a server that hangs holds up nobody else. Nothing
 * queues: what is to be sent is decided when the request is made, the newest value wins. A server
 * that forgot the agent (restarted, lease lost) is registered with again.
 */
#ifndef SAN_AGENT_LINK_H
#define SAN_AGENT_LINK_H

#include <uv.h>

#include "san-agent/roster.h"

#define LINK_RETRY_MIN_US 200000
#define LINK_RETRY_MAX_US 5000000
#define LINK_REFUSED_US 5000000 /* what a server refused is tried again after this */

struct link;

struct link_env {
	uv_loop_t *loop;
	struct roster *roster;
	/* The gateway server gave the instance another SID than it had. */
	void (*on_sid)(void *arg, struct instance *inst);
	/* Something was answered, or the link has finished. */
	void (*on_turn)(void *arg);
	void *arg;
};

/* allocates: this is the gateway server. conf stays the caller's and must live on. */
int link_open(const struct link_env *env, const char *endpoint, bool allocates,
	      const struct agent_conf *conf, struct link **out, struct err *err);
void link_set_conf(struct link *link, const struct agent_conf *conf);
const char *link_endpoint(const struct link *link);
bool link_allocates(const struct link *link);

/* Starts the next request if one is due and none is under way. */
void link_kick(struct link *link);
/* The instance in this slot is new or has changed: register it (again). */
void link_renew(struct link *link, unsigned int slot);
/* The server does not (any more) know the instance from us. */
bool link_cleared(const struct link *link, unsigned int slot);
/* Registered, with all instances that may be registered. */
bool link_settled(const struct link *link);

/* Deregister the agent, once; link_finished when that is done or could not be done. */
void link_goodbye(struct link *link);
bool link_finished(const struct link *link);
/* Only a finished link, or one that has no request under way. NULL is fine. */
void link_close(struct link *link);

#endif
