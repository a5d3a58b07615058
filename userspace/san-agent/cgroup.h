/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counters of a control group, from whatever hierarchies this machine has: v2, v1 controllers each
 * at their own mount, or both (hybrid). A v1 hierarchy that has the group is preferred: a hybrid
 * machine's v2 tree has no controllers.
 */
#ifndef SAN_AGENT_CGROUP_H
#define SAN_AGENT_CGROUP_H

#include <stdio.h>

#include "san-agent/cgroup_file.h"
#include "san-agent/load.h"

#define CGROUP_LIMITS_US 1000000 /* quotas and limits are read this often: they rarely change */
/* memory.stat is long: while the usage stays as it is, it is read this often */
#define CGROUP_CACHE_US 5000000

/* What an instance may use; without quota: the whole machine. */
struct host {
	uint64_t millicores;
	uint64_t mem_bytes;
};

/* The memory of a group that uses no CPU is read this often */
#define CGROUP_IDLE_US 1000000

struct cgroup;

/* All groups that are read, each once, whoever asks for it. */
struct cgroup_table {
	struct cgroup_mounts mounts;
	struct host host;
	unsigned int keep;     /* how many more files may be kept open */
	struct cgroup *groups; /* by path */
};

/* file: /proc/self/mountinfo (or one like it). -ENOENT: no hierarchy is mounted. */
int cgroup_discover(FILE *file, struct cgroup_mounts *out);
void host_read(struct host *host);

/* NULL without memory. The table outlives it. */
struct cgroup *cgroup_get(struct cgroup_table *table, const char *path);
void cgroup_put(struct cgroup *group); /* NULL is fine */
/* Fills *out with what is there; twice at the same time it is the same reading. Limits: the group's
 * quota and limit, or a parent's that is tighter, or the host. io_max_bytes: what counts as 100 %
 * I/O in a second; 0 = not known. */
void cgroup_read(struct cgroup *group, uint64_t io_max_bytes, uint64_t now_us,
		 struct counters *out);

#endif
