/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "san-agent/meter.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "util/log.h"

static unsigned int files_to_keep(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur <= METER_SPARE_FDS)
		return 0;
	return limit.rlim_cur > UINT32_MAX ? UINT32_MAX
					   : (unsigned int)limit.rlim_cur - METER_SPARE_FDS;
}

void meter_env_init(struct meter_env *env)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");

	memset(env, 0, sizeof(*env));
	env->procs.root = "/proc";
	host_read(&env->cgroups.host);
	env->cgroups.keep = files_to_keep();
	if (!file || cgroup_discover(file, &env->cgroups.mounts))
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
	proc_read(&env->procs, src, &env->cgroups.host, &meter->started, now);
}

static void read_cgroup(struct meter *meter, struct meter_env *env, const struct source_conf *src,
			uint64_t now_us, struct counters *now)
{
	if (!meter->group)
		meter->group = cgroup_get(&env->cgroups, src->path);
	if (meter->group) {
		cgroup_read(meter->group, src->io_max_bytes, now_us, now);
		return;
	}
	memset(now, 0, sizeof(*now));
	now->why_cpu = now->why_mem = now->why_io = "out of memory";
}

void meter_reset(struct meter *meter)
{
	cgroup_put(meter->group);
	memset(meter, 0, sizeof(*meter));
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
