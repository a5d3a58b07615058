/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The meters of all instances: what each one's source says now, as values ready to be sent. */
#ifndef SAN_AGENT_METER_H
#define SAN_AGENT_METER_H

#include "san-agent/cgroup.h"
#include "san-agent/load.h"
#include "san-agent/proc.h"

/* What all meters share. */
#define METER_SPARE_FDS 512 /* of the limit, for everything that is no cgroup file */

struct meter_env {
	struct cgroup_table cgroups;
	struct proc_table procs;
	bool procs_fresh; /* scanned in this round ... */
	int procs_rc;	  /* ... with this result */
};

struct meter {
	struct load load;
	uint64_t started;	       /* of a process source */
	struct cgroup *group;	       /* of a cgroup source; NULL: not looked for yet */
	const char *said[MEASURE_MAX]; /* why-texts already logged */
};

void meter_env_init(struct meter_env *env);
void meter_env_fini(struct meter_env *env);
/* Begins a round: /proc is read again when somebody needs it. */
void meter_env_next(struct meter_env *env);
/* Forgets everything: begins anew. */
void meter_reset(struct meter *meter);
/* One reading; all at the same time share what they read. */
void meter_read(struct meter *meter, struct meter_env *env, const struct source_conf *src,
		uint64_t now_us, unsigned int alpha_permille);
/* Logs what cannot be measured: once, and again after it could. who: "0x101/a". */
void meter_log_unknown(struct meter *meter, const char *who);

#endif
