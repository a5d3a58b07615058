/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counters of a control group, from whatever hierarchies this machine has: v2, v1 controllers each
 * at their own mount, or both (hybrid). A v1 hierarchy that has the group is preferred: a hybrid
 * machine's v2 tree has no controllers.
 */
#ifndef SAN_AGENT_CGROUP_H
#define SAN_AGENT_CGROUP_H

#include <stdio.h>

#include "san-agent/load.h"

/* Mount points; "" = not mounted. */
struct cgroup_mounts {
	char v2[AGENT_PATH_MAX];
	char cpu[AGENT_PATH_MAX], cpuacct[AGENT_PATH_MAX], memory[AGENT_PATH_MAX],
		blkio[AGENT_PATH_MAX];
};

/* What an instance may use; without quota: the whole machine. */
struct host {
	uint64_t millicores;
	uint64_t mem_bytes;
};

/* file: /proc/self/mountinfo (or one like it). -ENOENT: no hierarchy is mounted. */
int cgroup_discover(FILE *file, struct cgroup_mounts *out);
void host_read(struct host *host);
/* What the group may use of the host: its quota and limit, or a parent's that is tighter. */
void cgroup_limits(const struct cgroup_mounts *mounts, const struct source_conf *src,
		   const struct host *host, struct host *out);
/* Fills *out with what is there. limits: of cgroup_limits. */
void cgroup_read(const struct cgroup_mounts *mounts, const struct source_conf *src,
		 const struct host *limits, struct counters *out);

#endif
