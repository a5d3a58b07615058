/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The instances an agent speaks for, each in a slot that keeps its number while any server may
 * still have to hear of it. Shared by the agent, which fills it, and the links, which report from
 * it.
 */
#ifndef SAN_AGENT_ROSTER_H
#define SAN_AGENT_ROSTER_H

#include "san-agent/config.h"
#include "san-agent/meter.h"
#include "san-agent/probe.h"

#define INSTANCE_VALUES (MEASURE_MAX + AGENT_MAX_CONSTANTS)

/* A value to report. known = false: there is none now. */
struct value {
	char name[NAME_LEN];
	bool known;
	int64_t milli;
	int64_t band;
};

struct instance {
	struct instance_conf conf;
	char label[SVC_ID_TEXT + NAME_LEN]; /* "0x101/a", for the log */
	struct meter meter;
	struct probe *probe;
	bool health_known, up;
	bool leaving;	     /* not configured any more: sinks deregister it */
	struct in6_addr sid; /* configured or allocated; :: = not known yet */
	struct value values[INSTANCE_VALUES];
	unsigned int n_values;
	struct agent *agent;
};

struct roster {
	struct instance *slots[AGENT_MAX_INSTANCES]; /* NULL = free */
	unsigned int n;				     /* none in use from here on */
	uint64_t round; /* rises when values or health may have changed */
};

#endif
