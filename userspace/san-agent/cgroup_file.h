/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of one control group, in whatever hierarchies have it. They are kept open and read with
 * pread: most of what a sample costs is opening. A file that is not there is looked for again after
 * CGROUP_RETRY_US; one whose group was removed and made again is opened again.
 */
#ifndef SAN_AGENT_CGROUP_FILE_H
#define SAN_AGENT_CGROUP_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "san-agent/config.h"

#define CGROUP_RETRY_US 1000000
#define CGROUP_TEXT_MAX 16384

/* Mount points; "" = not mounted. */
struct cgroup_mounts {
	char v2[AGENT_PATH_MAX];
	char cpu[AGENT_PATH_MAX], cpuacct[AGENT_PATH_MAX], memory[AGENT_PATH_MAX],
		blkio[AGENT_PATH_MAX];
};

/* X(ID, mount, "file") */
#define CGROUP_FILES(X)                                                                            \
	X(CPUACCT_USAGE, cpuacct, "cpuacct.usage")                                                 \
	X(CFS_QUOTA, cpu, "cpu.cfs_quota_us")                                                      \
	X(CFS_PERIOD, cpu, "cpu.cfs_period_us")                                                    \
	X(MEMORY_USAGE, memory, "memory.usage_in_bytes")                                           \
	X(MEMORY_LIMIT, memory, "memory.limit_in_bytes")                                           \
	X(MEMORY_STAT, memory, "memory.stat")                                                      \
	X(BLKIO_RECURSIVE, blkio, "blkio.throttle.io_service_bytes_recursive")                     \
	X(BLKIO, blkio, "blkio.throttle.io_service_bytes")                                         \
	X(V2_CPU_STAT, v2, "cpu.stat")                                                             \
	X(V2_CPU_MAX, v2, "cpu.max")                                                               \
	X(V2_MEMORY_CURRENT, v2, "memory.current")                                                 \
	X(V2_MEMORY_MAX, v2, "memory.max")                                                         \
	X(V2_MEMORY_STAT, v2, "memory.stat")                                                       \
	X(V2_EVENTS, v2, "cgroup.events")                                                          \
	X(V2_PRESSURE, v2, "io.pressure")                                                          \
	X(V2_IO_STAT, v2, "io.stat")

enum cgroup_file {
#define X(id, mount, name) CGROUP_##id,
	CGROUP_FILES(X)
#undef X
		CGROUP_FILE_MAX,
};

/* Zero-initialised but for what is not owned. */
struct cgroup_files {
	const struct cgroup_mounts *mounts;
	const char *path;
	unsigned int *keep; /* how many more files may be kept open */
	uint64_t now_us;    /* of this reading */
	struct cgroup_kept {
		bool open;
		int fd;
		uint64_t retry_us;
	} v[CGROUP_FILE_MAX];
};

void cgroup_files_close(struct cgroup_files *files);
/* All: 0 or -errno; -ENOENT also where the hierarchy is not mounted; as readfile.h. */
int cgroup_text(struct cgroup_files *files, enum cgroup_file which, char *buf, size_t size);
int cgroup_u64(struct cgroup_files *files, enum cgroup_file which, uint64_t *out);
int cgroup_key(struct cgroup_files *files, enum cgroup_file which, const char *key, uint64_t *out);
/* The group's directory is there, in some hierarchy. */
bool cgroup_exists(const struct cgroup_files *files);

#endif
