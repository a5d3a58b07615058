/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counters of a process and its descendants, from /proc. One table a round serves all instances. A
 * child that ended counts on through its parent (cutime); one that was orphaned is lost, and a
 * reading that goes backwards gives no rate (load.h). Resident pages that processes share count in
 * each of them.
 */
#ifndef SAN_AGENT_PROC_H
#define SAN_AGENT_PROC_H

#include <sys/types.h>

#include "san-agent/cgroup.h"

#define PROC_MAX 65536 /* processes looked at */

struct proc {
	pid_t pid, ppid;
	uint64_t ticks;	  /* utime + stime + cutime + cstime */
	uint64_t started; /* in ticks since boot: tells a reused pid */
	uint64_t rss_pages;
	/* with all descendants */
	uint64_t tree_ticks, tree_pages;
	int parent;	   /* index; -1: none here */
	unsigned int kids; /* scratch of proc_scan */
	bool in_tree;	   /* scratch of proc_read */
};

/* Zero-initialised is empty. */
struct proc_table {
	const char *root; /* "/proc" */
	struct proc *v;
	unsigned int n, cap;
};

/* -ENOSPC at PROC_MAX. */
int proc_scan(struct proc_table *table);
void proc_fini(struct proc_table *table);
/* root_pid's whole tree into *out; *started: 0 = take the process as it is and note its start time;
 * else it must be that one. */
void proc_read(struct proc_table *table, const struct source_conf *src, const struct host *host,
	       uint64_t *started, struct counters *out);

#endif
