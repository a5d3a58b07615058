/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sand/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/log.h"
#include "util/own.h"

/* Path of the lock file that stands for a path: '/' becomes '-'. */
static void pin_path(const char *pin_dir, char *buf, size_t size)
{
	int n = snprintf(buf, size, "%s/pin", LOCK_DIR);

	for (const char *p = pin_dir; *p && (size_t)n + 1 < size; p++)
		buf[n++] = *p == '/' ? '-' : *p;
	buf[n] = '\0';
}

static void say_holder(int fd, const char *what)
{
	char holder[256] = "";
	ssize_t n = pread(fd, holder, sizeof(holder) - 1, 0);

	if (n > 0 && holder[n - 1] == '\n')
		holder[n - 1] = '\0';
	log_err("another sand runs here", "%s holder=\"%s\"", what, holder[0] ? holder : "unknown");
}

static int take_one(const char *path, const char *what, const char *config)
{
	OWN_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	char text[256];
	int n;

	if (fd < 0) {
		n = errno;
		log_err("lock not opened", "path=%s error=\"%s\"", path, strerror(n));
		return -n;
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		say_holder(fd, what);
		return -EBUSY;
	}
	n = snprintf(text, sizeof(text), "pid %d, config %s\n", getpid(), config);
	if (ftruncate(fd, 0) || pwrite(fd, text, n, 0) != n)
		return -EIO;
	return TAKE_FD(fd);
}

int lock_take(const char *pin_dir, const char *config, struct locks *out)
{
	struct stat ns;
	char path[512];

	if (stat("/proc/self/ns/net", &ns))
		return -errno;
	mkdir("/run/lock", 0755);
	mkdir(LOCK_DIR, 0755);
	snprintf(path, sizeof(path), LOCK_DIR "/net-%ju", (uintmax_t)ns.st_ino);
	out->net_fd = take_one(path, "same=\"network namespace\"", config);
	if (out->net_fd < 0)
		return out->net_fd;
	pin_path(pin_dir, path, sizeof(path));
	out->pin_fd = take_one(path, "same=\"pin directory\"", config);
	if (out->pin_fd < 0) {
		close(out->net_fd);
		return out->pin_fd;
	}
	return 0;
}

void lock_forget(struct locks *locks)
{
	close(locks->net_fd);
	close(locks->pin_fd);
}
