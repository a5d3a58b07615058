/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the agent tells what it knows: a server by REST (link.h), or the status database (store.h).
 * A sink reads the roster when it has something to say, so that nothing queues: what is told is
 * what is so then. All calls are on the loop.
 */
#ifndef SAN_AGENT_SINK_H
#define SAN_AGENT_SINK_H

#include <uv.h>

#include "san-agent/roster.h"

struct sink;

/* What a sink is given. */
struct sink_env {
	uv_loop_t *loop;
	struct roster *roster;
	/* A sink that allocates gave the instance another SID than it had. */
	void (*on_sid)(void *arg, struct instance *inst);
	/* Something was answered, or the sink has finished. */
	void (*on_turn)(void *arg);
	void *arg;
};

struct sink_ops {
	/* Says what is due, unless that is under way. */
	void (*kick)(struct sink *sink);
	/* The configuration is another one now; the former one goes. */
	void (*set_conf)(struct sink *sink, const struct agent_conf *conf);
	/* The instance in this slot is new or has changed: register it (again). */
	void (*renew)(struct sink *sink, unsigned int slot);
	/* Nobody there knows the instance from us (any more): its slot may be used again. */
	bool (*cleared)(const struct sink *sink, unsigned int slot);
	/* Registered, with all instances that may be registered. */
	bool (*settled)(const struct sink *sink);
	/* Deregister everything, once; finished when that is done or could not be done. */
	void (*goodbye)(struct sink *sink);
	bool (*finished)(const struct sink *sink);
	/* Only a finished sink, or one that was not used yet. Frees itself in the loop. */
	void (*close)(struct sink *sink);
};

/* First member of every kind. */
struct sink {
	const struct sink_ops *ops;
	const char *name; /* lives as long as the sink */
	bool allocates;	  /* gives SIDs in its answers */
};

#endif
