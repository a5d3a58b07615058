/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sand/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "util/log.h"
#include "util/own.h"

/* The last one for the dispatcher only. */
static const cap_value_t parent_caps[] = {CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON, CAP_SYS_ADMIN};

static int failed(const char *what)
{
	int code = errno;

	log_err("privileges not dropped", "step=%s error=\"%s\"", what, strerror(code));
	return -code;
}

/* Permitted and effective set = caps[n], inheritable empty. */
static int caps_only(const cap_value_t *caps, int n)
{
	cap_t set = cap_init();
	int r = 0;

	if (!set)
		return failed("cap_init");
	if (n && (cap_set_flag(set, CAP_PERMITTED, n, caps, CAP_SET) ||
		  cap_set_flag(set, CAP_EFFECTIVE, n, caps, CAP_SET)))
		r = failed("cap_set_flag");
	else if (cap_set_proc(set))
		r = failed("cap_set_proc");
	cap_free(set);
	return r;
}

static int bounding_only(const cap_value_t *caps, int n)
{
	for (cap_value_t cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		bool keep = false;

		for (int i = 0; i < n; i++)
			keep |= caps[i] == cap;
		if (!keep && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1 &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
			return failed("PR_CAPBSET_DROP");
	}
	return 0;
}

/* Before Linux 5.11 BPF memory counts against this limit, and raising it takes a capability that is
 * given up here. Where it may not be raised, loading says what is missing. */
static void raise_memlock(void)
{
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};

	setrlimit(RLIMIT_MEMLOCK, &unlimited);
}

int sandbox_parent(bool dispatcher)
{
	int n = (int)ARRAY_SIZE(parent_caps) - !dispatcher, r;

	raise_memlock();
	r = bounding_only(parent_caps, n);
	if (!r && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		r = failed("PR_SET_NO_NEW_PRIVS");
	return r ?: caps_only(parent_caps, n);
}

int sandbox_drop(uid_t uid, gid_t gid)
{
	int r = bounding_only(NULL, 0);

	if (r)
		return r;
	if (setgroups(1, &gid) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return failed("setresuid");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return failed("PR_SET_NO_NEW_PRIVS");
	return caps_only(NULL, 0);
}

static const char *const allowed[] = {
	/* memory and threads */
	"brk",
	"mmap",
	"munmap",
	"mremap",
	"mprotect",
	"madvise",
	"msync",
	"mlock",
	"munlock",
	"clone",
	"clone3",
	"futex",
	"set_robust_list",
	"rseq",
	"sched_yield",
	"sched_getaffinity",
	"exit",
	"exit_group",
	"gettid",
	"getpid",
	"getppid",
	"tgkill",
	"membarrier",
	/* signals */
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"sigaltstack",
	"restart_syscall",
	/* files: the database, the REST socket's directory */
	"open",
	"openat",
	"close",
	"read",
	"write",
	"readv",
	"writev",
	"pread64",
	"pwrite64",
	"preadv",
	"pwritev",
	"lseek",
	"fstat",
	"stat",
	"lstat",
	"newfstatat",
	"statx",
	"fstatfs",
	"statfs",
	"ftruncate",
	"fallocate",
	"fsync",
	"fdatasync",
	"sync_file_range",
	"flock",
	"fcntl",
	"unlink",
	"unlinkat",
	"rename",
	"renameat",
	"renameat2",
	"mkdir",
	"mkdirat",
	"chmod",
	"fchmod",
	"fchmodat",
	"getdents64",
	"access",
	"faccessat",
	"faccessat2",
	"readlink",
	"readlinkat",
	"getcwd",
	"umask",
	"ioctl",
	"dup",
	"dup2",
	"dup3",
	"pipe2",
	"sendfile",
	/* sockets and the loop */
	"socket",
	"socketpair",
	"bind",
	"listen",
	"accept",
	"accept4",
	"connect",
	"getsockname",
	"getpeername",
	"getsockopt",
	"setsockopt",
	"sendto",
	"sendmsg",
	"sendmmsg",
	"recvfrom",
	"recvmsg",
	"recvmmsg",
	"shutdown",
	"poll",
	"ppoll",
	"select",
	"pselect6",
	"epoll_create1",
	"epoll_ctl",
	"epoll_wait",
	"epoll_pwait",
	"epoll_pwait2",
	"eventfd2",
	"timerfd_create",
	"timerfd_settime",
	/* identity, time, entropy */
	"getuid",
	"geteuid",
	"getgid",
	"getegid",
	"uname",
	"sysinfo",
	"getrusage",
	"prlimit64",
	"getrlimit",
	"clock_gettime",
	"clock_getres",
	"clock_nanosleep",
	"nanosleep",
	"gettimeofday",
	"times",
	"getrandom",
	"prctl",
};

int sandbox_seccomp(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = 0;

	if (!ctx)
		return -ENOMEM;
	for (size_t i = 0; !r && i < ARRAY_SIZE(allowed); i++) {
		int nr = seccomp_syscall_resolve_name(allowed[i]);

		if (nr != __NR_SCMP_ERROR && nr >= 0)
			r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 0);
	}
	/* glibc falls back to clone where clone3 says ENOSYS; no such fallback for EPERM */
	if (!r)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	if (r)
		log_err("system call filter not loaded", "error=\"%s\"", strerror(-r));
	return r;
}
