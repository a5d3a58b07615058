/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Readers of cgroups and /proc, on trees of files made here. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
#include <sys/stat.h>

#include "../../../userspace/san-agent/cgroup.c"
#include "../../../userspace/san-agent/cgroup_file.c"
#include "../../../userspace/san-agent/proc.c"
#include "../../../userspace/san-agent/readfile.c"

static char root[128];

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(root, sizeof(root), "%.80s/agent-XXXXXX", tmp ? tmp : "/tmp");
	return mkdtemp(root) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Writes root/path, making directories. */
static void put(const char *path, const char *text)
{
	char full[512];
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdir(full, 0700);
		*p = '/';
	}
	file = fopen(full, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static const struct host host = {.millicores = 4000, .mem_bytes = 8000000000};

static struct source_conf group(const char *path)
{
	struct source_conf src = {.kind = SOURCE_CGROUP};

	snprintf(src.path, sizeof(src.path), "%s", path);
	return src;
}

static void read_group(const struct cgroup_mounts *mounts, const struct source_conf *src,
		       struct counters *now)
{
	struct cgroup_table groups = {.mounts = *mounts, .host = host, .keep = 8};
	struct cgroup *made = cgroup_get(&groups, src->path);

	assert_non_null(made);
	cgroup_read(made, src->io_max_bytes, 1, now);
	cgroup_put(made);
	assert_null(groups.groups);
	assert_int_equal(groups.keep, 8);
}

/* ---- small files ---- */

/* Nobody writes into it: reading must not wait for somebody. */
static void test_fifo(void **state)
{
	char path[256];
	uint64_t value;

	snprintf(path, sizeof(path), "%s/fifo.pid", root);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(read_u64(root, "fifo.pid", &value), -EINVAL);
}

static void test_readfile(void **state)
{
	uint64_t value = 77;
	char text[8];

	put("f/number", "12345\n");
	put("f/max", "max\n");
	put("f/minus", "-1\n");
	put("f/keys", "anon 5\ninactive_file 4096\ntotal_inactive_file 8192\nTotal: 9\n");
	put("f/long", "123456789\n");
	put("f/empty", "");
	snprintf(text, sizeof(text), "f");
	assert_int_equal(chdir(root), 0);
	assert_int_equal(read_u64("f", "number", &value), 0);
	assert_int_equal(value, 12345);
	assert_int_equal(read_u64("f", "max", &value), -EINVAL);
	assert_int_equal(read_u64("f", "minus", &value), -EINVAL);
	assert_int_equal(read_u64("f", "empty", &value), -EINVAL);
	assert_int_equal(read_u64("f", "none", &value), -ENOENT);
	assert_int_equal(value, 12345);
	assert_int_equal(read_text("f", "long", text, sizeof(text)), 0);
	assert_string_equal(text, "1234567"); /* cut */
	assert_int_equal(read_key("f", "keys", "inactive_file", &value), 0);
	assert_int_equal(value, 4096);
	assert_int_equal(read_key("f", "keys", "total_inactive_file", &value), 0);
	assert_int_equal(value, 8192);
	assert_int_equal(read_key("f", "keys", "Total", &value), 0);
	assert_int_equal(value, 9);
	assert_int_equal(read_key("f", "keys", "inactive", &value), -ENOENT);
	assert_int_equal(chdir("/"), 0);
}

/* ---- discovery ---- */

static const char hybrid[] =
	"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
	"32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
	"35 31 0:32 / /sys/fs/cgroup/my\\040memory rw,relatime - cgroup cgroup rw,memory\n"
	"38 31 0:35 / /sys/fs/cgroup/blkio rw,relatime - cgroup cgroup rw,blkio\n"
	"40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n"
	"41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
	"42 31 0:38 / /elsewhere rw,relatime - cgroup2 cgroup2 rw\n"
	"broken line\n";

static int discover(const char *text, struct cgroup_mounts *mounts)
{
	FILE *file = fmemopen((void *)text, strlen(text), "r");
	int rc = cgroup_discover(file, mounts);

	fclose(file);
	return rc;
}

static void test_discover(void **state)
{
	struct cgroup_mounts mounts;

	assert_int_equal(discover(hybrid, &mounts), 0);
	assert_string_equal(mounts.cpu, "/sys/fs/cgroup/cpu,cpuacct");
	assert_string_equal(mounts.cpuacct, "/sys/fs/cgroup/cpu,cpuacct");
	assert_string_equal(mounts.memory, "/sys/fs/cgroup/my memory");
	assert_string_equal(mounts.blkio, "/sys/fs/cgroup/blkio");
	assert_string_equal(mounts.v2, "/sys/fs/cgroup/unified"); /* the first one */
	assert_int_equal(discover("1 2 0:3 / / rw - ext4 /dev/vda rw\n", &mounts), -ENOENT);
	assert_string_equal(mounts.v2, "");
}

/* ---- v1 ---- */

static struct cgroup_mounts v1_mounts(void)
{
	struct cgroup_mounts mounts = {};

	snprintf(mounts.cpu, AGENT_PATH_MAX, "%s/cpu", root);
	snprintf(mounts.cpuacct, AGENT_PATH_MAX, "%s/cpuacct", root);
	snprintf(mounts.memory, AGENT_PATH_MAX, "%s/memory", root);
	snprintf(mounts.blkio, AGENT_PATH_MAX, "%s/blkio", root);
	return mounts;
}

static void test_v1(void **state)
{
	struct cgroup_mounts mounts = v1_mounts();
	struct source_conf src = group("site/web");
	struct counters now;

	put("cpuacct/site/web/cpuacct.usage", "123000000\n");
	put("cpu/site/web/cpu.cfs_quota_us", "50000\n");
	put("cpu/site/web/cpu.cfs_period_us", "100000\n");
	put("memory/site/web/memory.usage_in_bytes", "600\n");
	put("memory/site/web/memory.stat", "inactive_file 1\ntotal_inactive_file 100\n");
	put("memory/site/web/memory.limit_in_bytes", "1000\n");
	put("blkio/site/web/blkio.throttle.io_service_bytes", "8:0 Read 5\n8:0 Total 9\nTotal 9\n");
	read_group(&mounts, &src, &now);
	assert_true(now.has_cpu);
	assert_int_equal(now.cpu_ns, 123000000);
	assert_int_equal(now.cpu_millicores, 500);
	assert_true(now.has_mem);
	assert_int_equal(now.mem_used, 500);
	assert_int_equal(now.mem_limit, 1000);
	assert_int_equal(now.io, IO_UNKNOWN); /* what is 100 %? */
	assert_non_null(strstr(now.why_io, "io_max_mbps"));
	src.io_max_bytes = 1000;
	read_group(&mounts, &src, &now);
	assert_int_equal(now.io, IO_BYTES);
	assert_int_equal(now.io_total, 9);
}

static void test_v1_no_limit(void **state)
{
	struct cgroup_mounts mounts = v1_mounts();
	struct source_conf src = group("free");
	struct counters now;

	put("cpuacct/free/cpuacct.usage", "1\n");
	put("cpu/free/cpu.cfs_quota_us", "-1\n");
	put("cpu/free/cpu.cfs_period_us", "100000\n");
	put("memory/free/memory.usage_in_bytes", "600\n");
	put("memory/free/memory.limit_in_bytes", "9223372036854771712\n");
	read_group(&mounts, &src, &now);
	assert_int_equal(now.cpu_millicores, 4000);
	assert_int_equal(now.mem_limit, 8000000000);
}

/* A quota of the parent binds the child. */
static void test_v1_parent_limit(void **state)
{
	struct cgroup_mounts mounts = v1_mounts();
	struct source_conf src = group("tight/inner/web");
	struct counters now;

	put("cpuacct/tight/inner/web/cpuacct.usage", "1\n");
	put("cpu/tight/inner/web/cpu.cfs_quota_us", "200000\n");
	put("cpu/tight/inner/web/cpu.cfs_period_us", "100000\n");
	put("cpu/tight/cpu.cfs_quota_us", "30000\n");
	put("cpu/tight/cpu.cfs_period_us", "100000\n");
	put("memory/tight/inner/web/memory.usage_in_bytes", "1\n");
	put("memory/tight/inner/memory.limit_in_bytes", "777\n");
	put("memory/tight/memory.limit_in_bytes", "888\n");
	read_group(&mounts, &src, &now);
	assert_int_equal(now.cpu_millicores, 300);
	assert_int_equal(now.mem_limit, 777);
}

/* ---- groups that are read again and again ---- */

#define SECOND 1000000ull

static void put_usage(const char *usage, const char *memory)
{
	put("cpuacct/kept/cpuacct.usage", usage);
	put("memory/kept/memory.usage_in_bytes", memory);
}

/* Each group is read once at a time, whoever asks; what one knows of I/O is not the other's. */
static void test_shared(void **state)
{
	struct cgroup_table groups = {.mounts = v1_mounts(), .host = host, .keep = 100};
	struct cgroup *one = cgroup_get(&groups, "kept"), *two = cgroup_get(&groups, "kept");
	struct counters now;

	assert_ptr_equal(one, two);
	put_usage("100\n", "600\n");
	put("blkio/kept/blkio.throttle.io_service_bytes", "Total 9\n");
	cgroup_read(one, 0, SECOND, &now);
	assert_int_equal(now.io, IO_UNKNOWN);
	put_usage("200\n", "700\n");
	cgroup_read(two, 1000, SECOND, &now);
	assert_int_equal(now.cpu_ns, 100);
	assert_int_equal(now.io, IO_BYTES);
	assert_int_equal(now.io_max, 1000);
	cgroup_read(one, 0, 2 * SECOND, &now);
	assert_int_equal(now.cpu_ns, 200);
	assert_int_equal(now.mem_used, 700);
	cgroup_put(one);
	assert_non_null(groups.groups);
	cgroup_put(two);
	assert_null(groups.groups);
	assert_int_equal(groups.keep, 100); /* all closed */
}

/* Without room for kept files every reading opens them. */
static void test_no_room_to_keep(void **state)
{
	struct cgroup_table groups = {.mounts = v1_mounts(), .host = host, .keep = 1};
	struct cgroup *group = cgroup_get(&groups, "kept");
	struct counters now;

	for (unsigned int i = 1; i < 4; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%u\n", i * 100);
		put_usage(text, text);
		cgroup_read(group, 0, i * SECOND, &now);
		assert_int_equal(now.cpu_ns, i * 100);
		assert_int_equal(now.mem_used, i * 100);
		assert_int_equal(groups.keep, 0);
	}
	cgroup_put(group);
	assert_int_equal(groups.keep, 1);
}

/* A group that appears is seen within a second, and quotas count within a second. */
static void test_appears(void **state)
{
	struct cgroup_table groups = {.mounts = v1_mounts(), .host = host, .keep = 100};
	struct cgroup *group = cgroup_get(&groups, "later/inner");
	struct counters now;

	cgroup_read(group, 0, SECOND, &now);
	assert_string_equal(now.why_cpu, "the cgroup does not exist");
	put("cpuacct/later/inner/cpuacct.usage", "5\n");
	cgroup_read(group, 0, SECOND + CGROUP_RETRY_US, &now);
	assert_true(now.has_cpu);
	assert_int_equal(now.cpu_millicores, 4000);
	put("cpu/later/cpu.cfs_quota_us", "50000\n");
	put("cpu/later/cpu.cfs_period_us", "100000\n");
	cgroup_read(group, 0, SECOND + 2 * CGROUP_RETRY_US, &now);
	assert_int_equal(now.cpu_millicores, 500);
	cgroup_put(group);
	assert_null(groups.groups);
}

/* Who uses no CPU takes no memory: that is looked at once a second only. */
static void test_idle(void **state)
{
	struct cgroup_table groups = {.mounts = v1_mounts(), .host = host, .keep = 100};
	struct cgroup *group = cgroup_get(&groups, "kept");
	struct counters now;

	put_usage("100\n", "600\n");
	cgroup_read(group, 0, SECOND, &now);
	put_usage("100\n", "700\n");
	cgroup_read(group, 0, SECOND + 200000, &now);
	assert_int_equal(now.mem_used, 600);
	cgroup_read(group, 0, 2 * SECOND, &now);
	assert_int_equal(now.mem_used, 700);
	put_usage("101\n", "800\n");
	cgroup_read(group, 0, 2 * SECOND + 200000, &now);
	assert_int_equal(now.mem_used, 800);
	cgroup_put(group);
}

/* ---- v2 ---- */

static void test_v2(void **state)
{
	struct cgroup_mounts mounts = {};
	struct source_conf src = group("site/web");
	struct counters now;

	snprintf(mounts.v2, AGENT_PATH_MAX, "%s/v2", root);
	put("v2/site/web/cpu.stat", "usage_usec 5000\nuser_usec 1\n");
	put("v2/site/web/cpu.max", "max 100000\n");
	put("v2/site/cpu.max", "20000 100000\n");
	put("v2/site/web/memory.current", "600\n");
	put("v2/site/web/memory.stat", "anon 1\ninactive_file 200\n");
	put("v2/site/web/memory.max", "max\n");
	put("v2/site/web/cgroup.events", "populated 1\nfrozen 0\n");
	put("v2/site/web/io.pressure",
	    "some avg10=0.00 avg60=0.00 avg300=0.00 total=42\nfull avg10=0.00 total=7\n");
	read_group(&mounts, &src, &now);
	assert_true(now.has_cpu);
	assert_int_equal(now.cpu_ns, 5000000);
	assert_int_equal(now.cpu_millicores, 200);
	assert_int_equal(now.mem_used, 400);
	assert_int_equal(now.mem_limit, 8000000000);
	assert_int_equal(now.io, IO_PRESSURE);
	assert_int_equal(now.io_total, 42);
}

/* On a hybrid machine the v2 group may exist without anybody in it: its pressure says nothing. */
static void test_v2_unpopulated(void **state)
{
	struct cgroup_mounts mounts = {};
	struct source_conf src = group("idle");
	struct counters now;

	snprintf(mounts.v2, AGENT_PATH_MAX, "%s/v2", root);
	put("v2/idle/cgroup.events", "populated 0\n");
	put("v2/idle/io.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
	put("v2/idle/io.stat", "8:0 rbytes=100 wbytes=20 rios=3 wios=1 dbytes=9\n8:1 rbytes=1\n");
	read_group(&mounts, &src, &now);
	assert_int_equal(now.io, IO_UNKNOWN);
	src.io_max_bytes = 1;
	read_group(&mounts, &src, &now);
	assert_int_equal(now.io, IO_BYTES);
	assert_int_equal(now.io_total, 121);
}

static void test_no_group(void **state)
{
	struct cgroup_mounts mounts = v1_mounts();
	struct source_conf src = group("nowhere");
	struct counters now;

	read_group(&mounts, &src, &now);
	assert_false(now.has_cpu);
	assert_false(now.has_mem);
	assert_int_equal(now.io, IO_UNKNOWN);
	assert_string_equal(now.why_cpu, "the cgroup does not exist");
	assert_string_equal(now.why_mem, "the cgroup does not exist");
	assert_string_equal(now.why_io, "the cgroup does not exist");
}

/* Texts that no kernel writes: nothing is measured from them, and nothing overflows. */
static void test_hostile_group(void **state)
{
	struct cgroup_mounts mounts = {};
	struct source_conf src = group("bad");
	struct counters now;

	snprintf(mounts.v2, AGENT_PATH_MAX, "%s/v2", root);
	put("v2/bad/cpu.stat", "usage_usec 99999999999999999999999\n");
	put("v2/bad/cpu.max", "18446744073709551615 1\n");
	put("v2/bad/memory.current", "-5\n");
	put("v2/bad/memory.max", "0x10\n");
	put("v2/bad/cgroup.events", "populated 1\n");
	put("v2/bad/io.pressure", "some avg10=0.00 total=\n");
	put("v2/bad/io.stat", "rbytes=wbytes=18446744073709551615 wbytes=18446744073709551615\n");
	src.io_max_bytes = 1;
	read_group(&mounts, &src, &now);
	assert_false(now.has_cpu);
	assert_false(now.has_mem);
	assert_int_equal(now.cpu_millicores, 4000);
	assert_string_equal(now.why_cpu,
			    "the cgroup has no CPU accounting (cpuacct.usage or cpu.stat)");
	put("v2/bad/cpu.max", "1 0\n");
	put("v2/bad/cpu.stat", "");
	read_group(&mounts, &src, &now);
	assert_int_equal(now.cpu_millicores, 4000);
}

/* ---- processes ---- */

static void process(int pid, int ppid, const char *name, int ticks, int started)
{
	char path[64], text[256];

	snprintf(path, sizeof(path), "proc/%d/stat", pid);
	snprintf(text, sizeof(text),
		 "%d (%s) S %d 1 1 0 -1 4194304 100 200 0 0 %d 1 2 3 20 0 1 0 %d 1000000 10 1 1\n",
		 pid, name, ppid, ticks, started);
	put(path, text);
}

static void make_processes(void)
{
	process(1, 0, "init", 1000, 1);
	process(100, 1, "a (b) c", 10, 50);
	process(7, 100, "child before", 20, 60);
	process(300, 7, "grandchild", 30, 70);
	process(200, 1, "stranger", 5000, 80);
	put("proc/100/io", "rchar: 1\nread_bytes: 1000\nwrite_bytes: 24\n");
	put("proc/self/stat", "not a number\n");
	put("proc/400/stat", "broken\n");
}

static void test_tree(void **state)
{
	struct proc_table table = {.root = NULL};
	struct source_conf src = {.kind = SOURCE_PID, .pid = 100};
	uint64_t started = 0, tick_ns = 1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK);
	struct counters now;
	char proc[160], unreadable[200];

	make_processes();
	snprintf(proc, sizeof(proc), "%s/proc", root);
	table.root = proc;
	assert_int_equal(proc_scan(&table), 0);
	assert_int_equal(table.n, 5);
	proc_read(&table, &src, &host, &started, &now);
	assert_true(now.has_cpu);
	assert_int_equal(now.cpu_ns, (10 + 20 + 30 + 3 * 6) * tick_ns);
	assert_int_equal(now.cpu_millicores, 4000);
	assert_int_equal(now.mem_used, 30 * (uint64_t)sysconf(_SC_PAGESIZE));
	assert_int_equal(now.mem_limit, 8000000000);
	assert_int_equal(now.io, IO_UNKNOWN);
	assert_int_equal(started, 50);
	src.io_max_bytes = 1;
	proc_read(&table, &src, &host, &started, &now);
	assert_int_equal(now.io, IO_BYTES);
	assert_int_equal(now.io_total, 1024);
	snprintf(unreadable, sizeof(unreadable), "%s/7/io", proc);
	mkdir(unreadable, 0700); /* cannot be read: not the same as no I/O */
	proc_read(&table, &src, &host, &started, &now);
	assert_int_equal(now.io, IO_UNKNOWN);
	assert_non_null(strstr(now.why_io, "CAP_SYS_PTRACE"));
	rmdir(unreadable);
	started = 49; /* another process has the number now */
	proc_read(&table, &src, &host, &started, &now);
	assert_false(now.has_cpu);
	assert_string_equal(now.why_cpu, "the process is not running");
	src.pid = 5;
	started = 0;
	proc_read(&table, &src, &host, &started, &now);
	assert_false(now.has_cpu);
	proc_fini(&table);
}

static void test_pidfile(void **state)
{
	struct source_conf src = {.kind = SOURCE_PIDFILE};
	struct proc_table table = {};
	struct counters now;
	uint64_t started = 0;
	char proc[160];

	make_processes();
	snprintf(proc, sizeof(proc), "%s/proc", root);
	snprintf(src.path, sizeof(src.path), "%s/web.pid", root);
	table.root = proc;
	proc_read(&table, &src, &host, &started, &now);
	assert_string_equal(now.why_cpu, "the pid file holds no pid");
	put("web.pid", "200\n");
	proc_scan(&table);
	proc_read(&table, &src, &host, &started, &now);
	assert_true(now.has_cpu);
	put("web.pid", "7\n"); /* started anew: followed */
	proc_read(&table, &src, &host, &started, &now);
	assert_true(now.has_cpu);
	assert_int_equal(started, 60);
	assert_int_equal(now.epoch, 60);
	put("web.pid", "soon\n");
	proc_read(&table, &src, &host, &started, &now);
	assert_false(now.has_cpu);
	proc_fini(&table);
}

static void test_proc_missing(void **state)
{
	struct proc_table table = {.root = "/nonexistent"};

	assert_int_equal(proc_scan(&table), -ENOENT);
	proc_fini(&table);
}

static void test_proc_limit(void **state)
{
	struct proc_table table = {};
	struct proc proc = {.pid = 1};
	int rc = 0;

	for (unsigned int i = 0; i < PROC_MAX && !rc; i++)
		rc = table_add(&table, &proc);
	assert_int_equal(rc, 0);
	assert_int_equal(table_add(&table, &proc), -ENOSPC);
	proc_fini(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_readfile),
		cmocka_unit_test(test_fifo),
		cmocka_unit_test(test_discover),
		cmocka_unit_test(test_v1),
		cmocka_unit_test(test_v1_no_limit),
		cmocka_unit_test(test_v1_parent_limit),
		cmocka_unit_test(test_v2),
		cmocka_unit_test(test_v2_unpopulated),
		cmocka_unit_test(test_no_group),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_no_room_to_keep),
		cmocka_unit_test(test_appears),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_hostile_group),
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_pidfile),
		cmocka_unit_test(test_proc_missing),
		cmocka_unit_test(test_proc_limit),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
