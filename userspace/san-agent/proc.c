/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "san-agent/proc.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "san-agent/readfile.h"
#include "util/own.h"

/* "12 (a name) S 1 ..." : fields of proc(5), counted from behind the name, which may hold spaces
 * and parentheses. */
static int parse_stat(const char *text, struct proc *proc)
{
	unsigned long long utime, stime, started;
	long long cutime, cstime, rss;
	const char *tail = strrchr(text, ')');
	int ppid;

	if (!tail || sscanf(tail + 1,
			    " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %lld %lld"
			    " %*d %*d %*d %*d %llu %*u %lld",
			    &ppid, &utime, &stime, &cutime, &cstime, &started, &rss) != 7)
		return -EINVAL;
	proc->ppid = ppid;
	proc->ticks = utime + stime + (uint64_t)(cutime + cstime);
	proc->started = started;
	proc->rss_pages = rss > 0 ? (uint64_t)rss : 0;
	return 0;
}

static int table_add(struct proc_table *table, const struct proc *proc)
{
	unsigned int cap = table->cap ? table->cap * 2 : 256;
	struct proc *v;

	if (table->n == PROC_MAX)
		return -ENOSPC;
	if (table->n == table->cap) {
		v = reallocarray(table->v, cap, sizeof(*v));
		if (!v)
			return -ENOMEM;
		table->v = v;
		table->cap = cap;
	}
	table->v[table->n++] = *proc;
	return 0;
}

static int scan_one(struct proc_table *table, const char *name)
{
	char file[300], text[1024];
	struct proc proc = {};

	snprintf(file, sizeof(file), "%s/stat", name);
	if (read_text(table->root, file, text, sizeof(text)))
		return 0; /* ended meanwhile */
	proc.pid = atoi(name);
	return parse_stat(text, &proc) ? 0 : table_add(table, &proc);
}

static int by_pid(const void *a, const void *b)
{
	pid_t left = ((const struct proc *)a)->pid, right = ((const struct proc *)b)->pid;

	return (left > right) - (left < right);
}

static struct proc *find(struct proc_table *table, pid_t pid)
{
	struct proc key = {.pid = pid};

	if (!table->n)
		return NULL;
	return bsearch(&key, table->v, table->n, sizeof(key), by_pid);
}

static void find_parents(struct proc_table *table)
{
	for (unsigned int i = 0; i < table->n; i++) {
		struct proc *proc = &table->v[i], *parent = find(table, proc->ppid);

		proc->tree_ticks = proc->ticks;
		proc->tree_pages = proc->rss_pages;
		proc->parent = parent && parent != proc ? (int)(parent - table->v) : -1;
		if (proc->parent >= 0)
			parent->kids++;
	}
}

/* From the leaves up: who has no child left adds itself to its parent. */
static void sum_trees(struct proc_table *table)
{
	find_parents(table);
	for (unsigned int i = 0; i < table->n; i++) {
		struct proc *proc = &table->v[i];

		while (!proc->kids && proc->parent >= 0) {
			struct proc *parent = &table->v[proc->parent];

			parent->tree_ticks += proc->tree_ticks;
			parent->tree_pages += proc->tree_pages;
			proc->parent = -1; /* done */
			parent->kids--;
			proc = parent;
		}
	}
}

int proc_scan(struct proc_table *table)
{
	DIR *dir = opendir(table->root);
	const struct dirent *entry;
	int rc = 0;

	if (!dir)
		return -errno;
	table->n = 0;
	while (!rc && (entry = readdir(dir))) {
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			rc = scan_one(table, entry->d_name);
	}
	closedir(dir);
	if (table->n)
		qsort(table->v, table->n, sizeof(*table->v), by_pid);
	sum_trees(table);
	return rc;
}

void proc_fini(struct proc_table *table)
{
	free(table->v);
	table->v = NULL;
	table->n = table->cap = 0;
}

/* Marks the tree, round by round: /proc lists a parent before or after its children. */
static void mark_tree(struct proc_table *table, struct proc *root)
{
	bool more = true;

	for (unsigned int i = 0; i < table->n; i++)
		table->v[i].in_tree = false;
	root->in_tree = true;
	while (more) {
		more = false;
		for (unsigned int i = 0; i < table->n; i++) {
			struct proc *proc = &table->v[i];
			const struct proc *parent = proc->in_tree ? NULL : find(table, proc->ppid);

			if (!parent || !parent->in_tree)
				continue;
			proc->in_tree = true;
			more = true;
		}
	}
}

/* False: not for us to read (other users' need CAP_SYS_PTRACE). */
static bool add_io(const struct proc_table *table, pid_t pid, uint64_t *total)
{
	uint64_t in = 0, out = 0;
	char name[32];
	int rc;

	snprintf(name, sizeof(name), "%d/io", pid);
	rc = read_key(table->root, name, "read_bytes", &in);
	if (!rc)
		rc = read_key(table->root, name, "write_bytes", &out);
	*total += in + out;
	return !rc || rc == -ENOENT || rc == -ESRCH; /* ended meanwhile */
}

static void count_io(const struct proc_table *table, const struct source_conf *src,
		     struct counters *out)
{
	out->why_io = "io_max_mbps is not configured";
	if (!src->io_max_bytes)
		return;
	for (unsigned int i = 0; i < table->n; i++) {
		if (table->v[i].in_tree && !add_io(table, table->v[i].pid, &out->io_total)) {
			out->why_io = "/proc/PID/io cannot be read: needs root or CAP_SYS_PTRACE";
			return;
		}
	}
	out->io_max = src->io_max_bytes;
	out->io = IO_BYTES;
}

static void count_tree(const struct proc *top, const struct host *host, struct counters *out)
{
	out->has_cpu = out->has_mem = true;
	out->cpu_ns = top->tree_ticks * (1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK));
	out->cpu_millicores = host->millicores;
	out->mem_used = top->tree_pages * (uint64_t)sysconf(_SC_PAGESIZE);
	out->mem_limit = host->mem_bytes;
}

static void all_unknown(struct counters *out, const char *why)
{
	out->why_cpu = out->why_mem = out->why_io = why;
}

static pid_t source_pid(const struct source_conf *src)
{
	uint64_t pid = 0;

	if (src->kind == SOURCE_PID)
		return src->pid;
	return read_u64("", src->path, &pid) || pid > INT32_MAX ? 0 : (pid_t)pid;
}

void proc_read(struct proc_table *table, const struct source_conf *src, const struct host *host,
	       uint64_t *started, struct counters *out)
{
	pid_t pid = source_pid(src);
	struct proc *root;

	memset(out, 0, sizeof(*out));
	if (pid <= 0) {
		all_unknown(out, "the pid file holds no pid");
		return;
	}
	root = find(table, pid);
	if (root && src->kind == SOURCE_PID && *started && root->started != *started)
		root = NULL;
	if (!root) {
		all_unknown(out, "the process is not running");
		return;
	}
	*started = out->epoch = root->started;
	count_tree(root, host, out);
	if (src->io_max_bytes)
		mark_tree(table, root);
	count_io(table, src, out);
}
