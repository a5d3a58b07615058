/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "san-agent/cgroup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "san-agent/readfile.h"
#include "util/own.h"

/* ---- discovery ---- */

/* Octal escapes of mountinfo: \040 is a space. */
static void unescape(char *text)
{
	char *to = text;

	for (char *from = text; *from; from++) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] && from[3]) {
			*to++ = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 |
				       (from[3] - '0'));
			from += 3;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
}

static void note(char *slot, const char *mount)
{
	if (!*slot && strlen(mount) < AGENT_PATH_MAX)
		strcpy(slot, mount);
}

static void note_v1(struct cgroup_mounts *out, char *options, const char *mount)
{
	const struct {
		const char *name;
		char *slot;
	} table[] = {
		{"cpu", out->cpu},
		{"cpuacct", out->cpuacct},
		{"memory", out->memory},
		{"blkio", out->blkio},
	};
	char *save = NULL;

	for (char *opt = strtok_r(options, ",\n", &save); opt; opt = strtok_r(NULL, ",\n", &save)) {
		for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
			if (!strcmp(opt, table[i].name))
				note(table[i].slot, mount);
		}
	}
}

/* "31 23 0:28 / MOUNT rw,relatime - TYPE SOURCE OPTIONS", see proc(5). */
static void discover_line(char *line, struct cgroup_mounts *out)
{
	char mount[4096], type[64], options[1024];
	char *tail = strstr(line, " - ");

	if (sscanf(line, "%*s %*s %*s %*s %4095s", mount) != 1 || !tail ||
	    sscanf(tail, " - %63s %*s %1023s", type, options) != 2)
		return;
	unescape(mount);
	if (!strcmp(type, "cgroup2"))
		note(out->v2, mount);
	else if (!strcmp(type, "cgroup"))
		note_v1(out, options, mount);
}

int cgroup_discover(FILE *file, struct cgroup_mounts *out)
{
	OWN_PTR char *line = NULL;
	size_t cap = 0;

	memset(out, 0, sizeof(*out));
	while (getline(&line, &cap, file) > 0)
		discover_line(line, out);
	return *out->v2 || *out->cpuacct || *out->memory || *out->blkio ? 0 : -ENOENT;
}

void host_read(struct host *host)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct sysinfo info;

	host->millicores = (uint64_t)(cpus > 0 ? cpus : 1) * 1000;
	host->mem_bytes = sysinfo(&info) ? 0 : (uint64_t)info.totalram * info.mem_unit;
}

/* ---- limits: the tightest on the way to the root ---- */

/* Reads one level's limit; false = none there. */
typedef bool (*limit_reader)(const char *dir, uint64_t *limit);

static uint64_t millicores_of(uint64_t quota, uint64_t period)
{
	unsigned __int128 millicores = (unsigned __int128)quota * 1000 / period;

	return millicores > UINT64_MAX ? UINT64_MAX : (uint64_t)millicores;
}

static bool v1_quota(const char *dir, uint64_t *millicores)
{
	uint64_t quota, period;

	/* -1 (no quota) does not parse as unsigned */
	if (read_u64(dir, "cpu.cfs_quota_us", &quota) ||
	    read_u64(dir, "cpu.cfs_period_us", &period) || !period)
		return false;
	*millicores = millicores_of(quota, period);
	return true;
}

static bool v2_quota(const char *dir, uint64_t *millicores)
{
	unsigned long long quota, period;
	char text[64];

	if (read_text(dir, "cpu.max", text, sizeof(text)) ||
	    sscanf(text, "%llu %llu", &quota, &period) != 2 || !period)
		return false;
	*millicores = millicores_of(quota, period);
	return true;
}

static bool v1_memory(const char *dir, uint64_t *bytes)
{
	return !read_u64(dir, "memory.limit_in_bytes", bytes);
}

static bool v2_memory(const char *dir, uint64_t *bytes)
{
	return !read_u64(dir, "memory.max", bytes);
}

static uint64_t tightest(const char *mount, const char *path, limit_reader reader, uint64_t whole)
{
	char dir[2 * AGENT_PATH_MAX];
	size_t root = strlen(mount);

	if (!root)
		return whole;
	snprintf(dir, sizeof(dir), "%s/%s", mount, path);
	while (strlen(dir) > root) {
		uint64_t limit;

		if (reader(dir, &limit) && limit < whole)
			whole = limit;
		*strrchr(dir, '/') = '\0';
	}
	return whole;
}

void cgroup_limits(const struct cgroup_mounts *mounts, const struct source_conf *src,
		   const struct host *host, struct host *out)
{
	const char *path = src->path;

	out->millicores = tightest(mounts->cpu, path, v1_quota, host->millicores);
	out->millicores = tightest(mounts->v2, path, v2_quota, out->millicores);
	out->mem_bytes = tightest(mounts->memory, path, v1_memory, host->mem_bytes);
	out->mem_bytes = tightest(mounts->v2, path, v2_memory, out->mem_bytes);
}

/* ---- counters ---- */

struct group {
	const struct cgroup_mounts *mounts;
	const struct source_conf *src;
	const struct host *limits;
	char v2[2 * AGENT_PATH_MAX]; /* directory, whether it is there or not; "" = not mounted */
};

/* Directory of the group in a hierarchy; false = none is mounted. */
static bool group_dir(const char *mount, const char *path, char dir[2 * AGENT_PATH_MAX])
{
	dir[0] = '\0';
	if (*mount)
		snprintf(dir, 2 * AGENT_PATH_MAX, "%s/%s", mount, path);
	return *mount != '\0';
}

static void read_cpu(const struct group *group, struct counters *out)
{
	char dir[2 * AGENT_PATH_MAX];
	uint64_t usec;

	out->cpu_millicores = group->limits->millicores;
	out->has_cpu = group_dir(group->mounts->cpuacct, group->src->path, dir) &&
		       !read_u64(dir, "cpuacct.usage", &out->cpu_ns);
	if (!out->has_cpu && *group->v2 && !read_key(group->v2, "cpu.stat", "usage_usec", &usec)) {
		out->has_cpu = true;
		out->cpu_ns = usec * 1000;
	}
	if (!out->has_cpu)
		out->why_cpu = "the cgroup has no CPU accounting (cpuacct.usage or cpu.stat)";
}

static void read_mem(const struct group *group, struct counters *out)
{
	char dir[2 * AGENT_PATH_MAX];
	uint64_t cache = 0;

	if (group_dir(group->mounts->memory, group->src->path, dir) &&
	    !read_u64(dir, "memory.usage_in_bytes", &out->mem_used)) {
		read_key(dir, "memory.stat", "total_inactive_file", &cache);
	} else if (*group->v2 && !read_u64(group->v2, "memory.current", &out->mem_used)) {
		read_key(group->v2, "memory.stat", "inactive_file", &cache);
	} else {
		out->why_mem = "the cgroup has no memory accounting";
		return;
	}
	/* Page cache that the kernel would drop first is not a load. */
	out->mem_used -= cache < out->mem_used ? cache : out->mem_used;
	out->mem_limit = group->limits->mem_bytes;
	out->has_mem = true;
}

static bool populated(const char *dir)
{
	uint64_t value;

	return !read_key(dir, "cgroup.events", "populated", &value) && value;
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=1234": time in which a task waited for I/O. */
static bool read_pressure(const char *dir, uint64_t *stalled_us)
{
	char text[256], *total;

	if (read_text(dir, "io.pressure", text, sizeof(text)) || strncmp(text, "some ", 5))
		return false;
	total = strstr(text, "total=");
	return total && !parse_u64(total + 6, stalled_us);
}

/* io.stat: "253:0 rbytes=1 wbytes=2 rios=...", a line a device. */
static bool v2_bytes(const char *dir, uint64_t *bytes)
{
	OWN_PTR char *text = malloc(READ_MAX);

	if (!text || read_text(dir, "io.stat", text, READ_MAX))
		return false;
	*bytes = 0;
	for (const char *p = text; (p = strstr(p, "bytes=")); p += 6) {
		uint64_t n;

		if (p > text && (p[-1] == 'r' || p[-1] == 'w') && !parse_u64(p + 6, &n))
			*bytes += n;
	}
	return true;
}

static bool v1_bytes(const struct group *group, uint64_t *bytes)
{
	char dir[2 * AGENT_PATH_MAX];

	return group_dir(group->mounts->blkio, group->src->path, dir) &&
	       (!read_key(dir, "blkio.throttle.io_service_bytes_recursive", "Total", bytes) ||
		!read_key(dir, "blkio.throttle.io_service_bytes", "Total", bytes));
}

static void read_io(const struct group *group, struct counters *out)
{
	out->io_max = group->src->io_max_bytes;
	if (*group->v2 && populated(group->v2) && read_pressure(group->v2, &out->io_total))
		out->io = IO_PRESSURE;
	else if (!out->io_max)
		out->why_io = "no io.pressure for the cgroup, and io_max_mbps is not configured";
	else if (v1_bytes(group, &out->io_total) ||
		 (*group->v2 && v2_bytes(group->v2, &out->io_total)))
		out->io = IO_BYTES;
	else
		out->why_io = "the cgroup has no I/O accounting";
}

static bool exists(const struct group *group)
{
	const struct cgroup_mounts *m = group->mounts;
	const char *const mounts[] = {m->v2, m->cpu, m->cpuacct, m->memory, m->blkio};
	char dir[2 * AGENT_PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		if (group_dir(mounts[i], group->src->path, dir) && !access(dir, F_OK))
			return true;
	}
	return false;
}

void cgroup_read(const struct cgroup_mounts *mounts, const struct source_conf *src,
		 const struct host *limits, struct counters *out)
{
	struct group group = {.mounts = mounts, .src = src, .limits = limits};

	memset(out, 0, sizeof(*out));
	group_dir(mounts->v2, src->path, group.v2);
	read_cpu(&group, out);
	read_mem(&group, out);
	read_io(&group, out);
	if (!out->has_cpu && !out->has_mem && !exists(&group))
		out->why_cpu = out->why_mem = out->why_io = "the cgroup does not exist";
}
