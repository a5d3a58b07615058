/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "san-agent/meter.h"

#include <errno.h>
#include <string.h>

#include "util/log.h"

void meter_env_init(struct meter_env *env)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");

	memset(env, 0, sizeof(*env));
	env->procs.root = "/proc";
	host_read(&env->host);
	if (!file || cgroup_discover(file, &env->mounts))
		log_warn("no cgroup hierarchy is mounted");
	if (file)
		fclose(file);
}

void meter_env_fini(struct meter_env *env)
{
	proc_fini(&env->procs);
}

void meter_env_next(struct meter_env *env)
{
	env->procs_fresh = false;
}

static void read_process(struct meter *meter, struct meter_env *env, const struct source_conf *src,
			 struct counters *now)
{
	if (!env->procs_fresh)
		env->procs_rc = proc_scan(&env->procs);
	env->procs_fresh = true;
	if (env->procs_rc) {
		memset(now, 0, sizeof(*now));
		now->why_cpu = now->why_mem = now->why_io =
			env->procs_rc == -ENOSPC ? "too many processes on this machine"
						 : "/proc cannot be read";
		return;
	}
	proc_read(&env->procs, src, &env->host, &meter->started, now);
}

static void read_cgroup(struct meter *meter, const struct meter_env *env,
			const struct source_conf *src, uint64_t now_us, struct counters *now)
{
	if (!meter->limits_us || now_us - meter->limits_us >= METER_LIMITS_US) {
		cgroup_limits(&env->mounts, src, &env->host, &meter->limits);
		meter->limits_us = now_us;
	}
	cgroup_read(&env->mounts, src, &meter->limits, now);
}

void meter_read(struct meter *meter, struct meter_env *env, const struct source_conf *src,
		uint64_t now_us, unsigned int alpha_permille)
{
	struct counters now;

	if (src->kind == SOURCE_CGROUP)
		read_cgroup(meter, env, src, now_us, &now);
	else
		read_process(meter, env, src, &now);
	load_update(&meter->load, &now, now_us, alpha_permille);
}

void meter_log_unknown(struct meter *meter, const char *who)
{
	for (int i = 0; i < MEASURE_MAX; i++) {
		const char *why = meter->load.why[i];

		if (why == load_too_early || meter->said[i] == why)
			continue;
		meter->said[i] = why;
		if (!why)
			continue; /* measured (again) */
		log_warn("not measured", "instance=%s attribute=%s why=\"%s\"", who,
			 measure_names[i], why);
	}
}
