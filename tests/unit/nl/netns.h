/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network of two hosts for tests that talk to the kernel: this process in a network namespace of
 * its own, and a peer process in another, joined by veth v0 (here) - v1 (there). No names, so
 * nothing is left behind whatever happens. Works as root and where user namespaces are allowed.
 */
#ifndef TESTS_UNIT_NL_NETNS_H
#define TESTS_UNIT_NL_NETNS_H

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct netns {
	pid_t peer;
	int to_peer;
	bool user; /* in a user namespace: some of the kernel's doors stay shut */
};

static inline void netns_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fprintf(stderr, "cannot write %s\n", path);
	if (fd >= 0)
		close(fd);
}

static inline int netns_enter(struct netns *ns)
{
	unsigned int uid = geteuid(), gid = getegid();
	char map[64];

	if (uid == 0 && !unshare(CLONE_NEWNET))
		return 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return -1;
	ns->user = true;
	netns_write("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	netns_write("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1", gid);
	netns_write("/proc/self/gid_map", map);
	return 0;
}

/* One `ip -6 -batch` from printf text, lines separated by ';' (text that starts with -4: `ip -4`).
 * pid 0: here, else in that process. */
static inline int netns_ip_at(pid_t pid, const char *fmt, ...)
{
	char text[4096], command[128];
	va_list ap;
	const char *version = "-6", *lines = text;
	FILE *ip;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *c = text; *c; c++) {
		if (*c == ';')
			*c = '\n';
	}
	if (!strncmp(text, "-4 ", 3)) {
		version = "-4";
		lines += 3;
	}
	if (pid)
		snprintf(command, sizeof(command), "nsenter --net=/proc/%d/ns/net ip %s -batch -",
			 (int)pid, version);
	else
		snprintf(command, sizeof(command), "ip %s -batch -", version);
	fflush(NULL);
	ip = popen(command, "w");
	if (!ip)
		return -1;
	fprintf(ip, "%s\n", lines);
	return pclose(ip);
}

#define netns_ip(...) netns_ip_at(0, __VA_ARGS__)

/* Output of a command, for looking at the kernel's tables with iproute2's eyes. */
static inline const char *netns_read(const char *command)
{
	static char out[16384];
	FILE *f = popen(command, "r");
	size_t n = f ? fread(out, 1, sizeof(out) - 1, f) : 0;

	out[n] = '\0';
	if (f)
		pclose(f);
	return out;
}

static inline pid_t netns_start_peer(int *to_peer)
{
	int down[2], up[2];
	pid_t pid;
	char c;

	if (pipe(down) || pipe(up))
		return -1;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(down[1]);
		c = unshare(CLONE_NEWNET) ? 'n' : 'y';
		if (write(up[1], &c, 1) != 1)
			_exit(1);
		while (read(down[0], &c, 1) > 0)
			;
		_exit(0);
	}
	close(down[0]);
	close(up[1]);
	if (read(up[0], &c, 1) != 1 || c != 'y')
		pid = -1;
	close(up[0]);
	*to_peer = down[1];
	return pid;
}

/* Addresses 2001:db8:1::1 and ::2. False: not possible here. */
static inline bool netns_up(struct netns *ns)
{
	memset(ns, 0, sizeof(*ns));
	if (netns_enter(ns))
		return false;
	ns->peer = netns_start_peer(&ns->to_peer);
	if (ns->peer < 0)
		return false;
	if (netns_ip("link set lo up; link add v0 type veth peer name v1 netns %d;"
		     "link set v0 address 02:00:00:00:00:01; link set v0 up;"
		     "addr add 2001:db8:1::1/64 dev v0 nodad",
		     (int)ns->peer) ||
	    netns_ip_at(ns->peer, "link set lo up; link set v1 address 02:00:00:00:00:02;"
				  "link set v1 up; addr add 2001:db8:1::2/64 dev v1 nodad")) {
		fprintf(stderr, "network namespaces are there, but not what goes in\n");
		abort();
	}
	return true;
}

static inline void netns_down(struct netns *ns)
{
	if (ns->peer > 0) {
		close(ns->to_peer);
		waitpid(ns->peer, NULL, 0);
	}
}

#endif
