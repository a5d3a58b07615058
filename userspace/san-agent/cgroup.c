/* SPDX-License-Identifier: GPL-2.0-or-later */
#define HASH_NONFATAL_OOM 1 /* a failed HASH_ADD leaves hh.tbl NULL */
#include "san-agent/cgroup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "san-agent/readfile.h"
#include "util/hash.h"
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

/* ---- groups ---- */

struct cgroup {
	struct cgroup_table *table;
	struct cgroup *parent; /* NULL: the root is next */
	unsigned int refs;
	struct cgroup_files files;
	/* readings, and when they were made; 0: never */
	uint64_t limits_us, read_us, mem_us, bytes_us, stat_us, lost_us;
	struct host limits;
	struct counters counters; /* but for bytes of I/O */
	bool has_bytes, exists;
	uint64_t bytes;
	uint64_t stat_usage, cache; /* the usage when memory.stat was read, and what it said */
	UT_hash_handle hh;
	char path[];
};

static struct cgroup *group_new(struct cgroup_table *table, const char *path)
{
	size_t len = strlen(path);
	struct cgroup *group = calloc(1, sizeof(*group) + len + 1);

	if (!group)
		return NULL;
	memcpy(group->path, path, len);
	group->table = table;
	group->files.mounts = &table->mounts;
	group->files.path = group->path;
	group->files.keep = &table->keep;
	HASH_ADD_KEYPTR(hh, table->groups, group->path, len, group);
	if (!group->hh.tbl) {
		free(group);
		return NULL;
	}
	return group;
}

struct cgroup *cgroup_get(struct cgroup_table *table, const char *path)
{
	char above[AGENT_PATH_MAX];
	struct cgroup *group;
	char *slash;

	HASH_FIND_STR(table->groups, path, group);
	if (!group)
		group = group_new(table, path);
	if (!group || group->refs++)
		return group;
	snprintf(above, sizeof(above), "%s", path);
	slash = strrchr(above, '/');
	if (!slash)
		return group;
	*slash = '\0';
	group->parent = cgroup_get(table, above);
	if (group->parent)
		return group;
	cgroup_put(group);
	return NULL;
}

void cgroup_put(struct cgroup *group)
{
	while (group && !--group->refs) {
		struct cgroup *parent = group->parent;

		HASH_DEL(group->table->groups, group);
		cgroup_files_close(&group->files);
		free(group);
		group = parent;
	}
}

/* ---- limits: the tightest on the way to the root ---- */

static void tighten(uint64_t *limit, uint64_t other)
{
	if (other < *limit)
		*limit = other;
}

static uint64_t millicores_of(uint64_t quota, uint64_t period)
{
	unsigned __int128 millicores = (unsigned __int128)quota * 1000 / period;

	return millicores > UINT64_MAX ? UINT64_MAX : (uint64_t)millicores;
}

static void read_quota(struct cgroup_files *files, uint64_t *millicores)
{
	unsigned long long max, of;
	uint64_t quota, period;
	char text[64];

	/* -1 (no quota) does not parse as unsigned */
	if (!cgroup_u64(files, CGROUP_CFS_QUOTA, &quota) &&
	    !cgroup_u64(files, CGROUP_CFS_PERIOD, &period) && period)
		tighten(millicores, millicores_of(quota, period));
	if (!cgroup_text(files, CGROUP_V2_CPU_MAX, text, sizeof(text)) &&
	    sscanf(text, "%llu %llu", &max, &of) == 2 && of)
		tighten(millicores, millicores_of(max, of));
}

static void read_limits(struct cgroup *group, uint64_t now_us)
{
	static const enum cgroup_file files[] = {CGROUP_MEMORY_LIMIT, CGROUP_V2_MEMORY_MAX};
	uint64_t bytes;

	if (group->limits_us && now_us - group->limits_us < CGROUP_LIMITS_US)
		return;
	group->limits_us = now_us;
	group->files.now_us = now_us;
	group->limits = group->table->host;
	if (group->parent) {
		read_limits(group->parent, now_us);
		group->limits = group->parent->limits;
	}
	read_quota(&group->files, &group->limits.millicores);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (!cgroup_u64(&group->files, files[i], &bytes))
			tighten(&group->limits.mem_bytes, bytes);
	}
}

/* ---- counters ---- */

static void read_cpu(struct cgroup *group, struct counters *out)
{
	uint64_t usec;

	out->cpu_millicores = group->limits.millicores;
	out->has_cpu = !cgroup_u64(&group->files, CGROUP_CPUACCT_USAGE, &out->cpu_ns);
	if (!out->has_cpu && !cgroup_key(&group->files, CGROUP_V2_CPU_STAT, "usage_usec", &usec)) {
		out->has_cpu = true;
		out->cpu_ns = usec * 1000;
	}
	if (!out->has_cpu)
		out->why_cpu = "the cgroup has no CPU accounting (cpuacct.usage or cpu.stat)";
}

/* Page cache that the kernel would drop first is not a load. */
static uint64_t droppable(struct cgroup *group, uint64_t used, enum cgroup_file stat,
			  const char *key)
{
	uint64_t now_us = group->files.now_us;

	if (group->stat_us && group->stat_usage == used &&
	    now_us - group->stat_us < CGROUP_CACHE_US)
		return group->cache;
	group->stat_us = now_us;
	group->stat_usage = used;
	group->cache = 0;
	cgroup_key(&group->files, stat, key, &group->cache);
	return group->cache;
}

static void read_mem(struct cgroup *group, struct counters *out)
{
	struct cgroup_files *files = &group->files;
	uint64_t used, cache;

	group->mem_us = files->now_us;
	if (!cgroup_u64(files, CGROUP_MEMORY_USAGE, &used)) {
		cache = droppable(group, used, CGROUP_MEMORY_STAT, "total_inactive_file");
	} else if (!cgroup_u64(files, CGROUP_V2_MEMORY_CURRENT, &used)) {
		cache = droppable(group, used, CGROUP_V2_MEMORY_STAT, "inactive_file");
	} else {
		out->why_mem = "the cgroup has no memory accounting";
		return;
	}
	out->mem_used = used - (cache < used ? cache : used);
	out->mem_limit = group->limits.mem_bytes;
	out->has_mem = true;
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=1234": time in which a task waited for I/O. In a
 * group without anybody in it that says nothing. */
static bool read_pressure(struct cgroup_files *files, uint64_t *stalled_us)
{
	char text[256], *total;
	uint64_t populated;

	if (cgroup_key(files, CGROUP_V2_EVENTS, "populated", &populated) || !populated ||
	    cgroup_text(files, CGROUP_V2_PRESSURE, text, sizeof(text)) || strncmp(text, "some ", 5))
		return false;
	total = strstr(text, "total=");
	return total && !parse_u64(total + 6, stalled_us);
}

/* io.stat: "253:0 rbytes=1 wbytes=2 rios=...", a line a device. */
static bool read_v2_bytes(struct cgroup_files *files, uint64_t *bytes)
{
	char text[CGROUP_TEXT_MAX];

	if (cgroup_text(files, CGROUP_V2_IO_STAT, text, sizeof(text)))
		return false;
	*bytes = 0;
	for (const char *p = text; (p = strstr(p, "bytes=")); p += 6) {
		uint64_t n;

		if (p > text && (p[-1] == 'r' || p[-1] == 'w') && !parse_u64(p + 6, &n))
			*bytes += n;
	}
	return true;
}

static void read_bytes(struct cgroup *group, uint64_t now_us)
{
	struct cgroup_files *files = &group->files;

	if (group->bytes_us == now_us)
		return;
	group->bytes_us = now_us;
	group->has_bytes = !cgroup_key(files, CGROUP_BLKIO_RECURSIVE, "Total", &group->bytes) ||
			   !cgroup_key(files, CGROUP_BLKIO, "Total", &group->bytes) ||
			   read_v2_bytes(files, &group->bytes);
}

static bool exists(struct cgroup *group, uint64_t now_us)
{
	if (!group->lost_us || now_us - group->lost_us >= CGROUP_RETRY_US) {
		group->lost_us = now_us;
		group->exists = cgroup_exists(&group->files);
	}
	return group->exists;
}

/* Who used no CPU took no memory. */
static bool is_idle(const struct cgroup *group, const struct counters *before, uint64_t now_us)
{
	return before->has_cpu && before->has_mem && group->counters.has_cpu &&
	       group->counters.cpu_ns == before->cpu_ns && now_us - group->mem_us < CGROUP_IDLE_US;
}

static void keep_mem(const struct cgroup *group, const struct counters *before,
		     struct counters *out)
{
	out->has_mem = true;
	out->mem_used = before->mem_used;
	out->mem_limit = group->limits.mem_bytes;
}

static void read_counters(struct cgroup *group, uint64_t now_us)
{
	struct counters *out = &group->counters, before = *out;

	if (group->read_us == now_us)
		return;
	group->read_us = now_us;
	read_limits(group, now_us);
	group->files.now_us = now_us;
	memset(out, 0, sizeof(*out));
	read_cpu(group, out);
	if (is_idle(group, &before, now_us))
		keep_mem(group, &before, out);
	else
		read_mem(group, out);
	if (read_pressure(&group->files, &out->io_total))
		out->io = IO_PRESSURE;
	if (!out->has_cpu && !out->has_mem && !exists(group, now_us))
		out->why_cpu = out->why_mem = out->why_io = "the cgroup does not exist";
}

void cgroup_read(struct cgroup *group, uint64_t io_max_bytes, uint64_t now_us, struct counters *out)
{
	read_counters(group, now_us);
	*out = group->counters;
	out->io_max = io_max_bytes;
	if (out->io == IO_PRESSURE || out->why_io)
		return;
	if (!io_max_bytes) {
		out->why_io = "no io.pressure for the cgroup, and io_max_mbps is not configured";
		return;
	}
	read_bytes(group, now_us);
	if (group->has_bytes) {
		out->io = IO_BYTES;
		out->io_total = group->bytes;
	} else {
		out->why_io = "the cgroup has no I/O accounting";
	}
}
