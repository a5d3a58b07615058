/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "san-agent/cgroup_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "san-agent/readfile.h"
#include "util/own.h"

static const struct {
	size_t mount; /* offset in struct cgroup_mounts */
	const char *name;
} all_files[CGROUP_FILE_MAX] = {
#define X(id, mount, name) [CGROUP_##id] = {offsetof(struct cgroup_mounts, mount), name},
	CGROUP_FILES(X)
#undef X
};

static int open_file(const struct cgroup_files *files, enum cgroup_file which)
{
	const char *mount = (const char *)files->mounts + all_files[which].mount;
	char path[3 * AGENT_PATH_MAX];
	int fd;

	if (!*mount)
		return -ENOENT;
	snprintf(path, sizeof(path), "%s/%s/%s", mount, files->path, all_files[which].name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int read_at_start(int fd, char *buf, size_t size)
{
	size_t len = 0;

	while (len < size - 1) {
		ssize_t n = pread(fd, buf + len, size - 1 - len, (off_t)len);

		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
		if (buf[len - 1] == '\n' && len < size / 2)
			break; /* these files come in one piece */
	}
	while (len && buf[len - 1] == '\n')
		len--;
	buf[len] = '\0';
	return 0;
}

static void let_go(struct cgroup_files *files, struct cgroup_kept *kept)
{
	if (!kept->open)
		return;
	close(kept->fd);
	kept->open = false;
	++*files->keep;
}

void cgroup_files_close(struct cgroup_files *files)
{
	for (int i = 0; i < CGROUP_FILE_MAX; i++)
		let_go(files, &files->v[i]);
}

static int read_new(struct cgroup_files *files, enum cgroup_file which, char *buf, size_t size)
{
	struct cgroup_kept *kept = &files->v[which];
	int fd = open_file(files, which), rc;

	if (fd < 0) {
		kept->retry_us = files->now_us + CGROUP_RETRY_US;
		return fd;
	}
	rc = read_at_start(fd, buf, size);
	if (rc || !*files->keep) {
		close(fd);
		return rc;
	}
	--*files->keep;
	kept->open = true;
	kept->fd = fd;
	return 0;
}

int cgroup_text(struct cgroup_files *files, enum cgroup_file which, char *buf, size_t size)
{
	struct cgroup_kept *kept = &files->v[which];

	if (kept->open && !read_at_start(kept->fd, buf, size))
		return 0;
	let_go(files, kept);
	if (files->now_us < kept->retry_us)
		return -ENOENT;
	return read_new(files, which, buf, size);
}

int cgroup_u64(struct cgroup_files *files, enum cgroup_file which, uint64_t *out)
{
	char text[64];
	int rc = cgroup_text(files, which, text, sizeof(text));

	return rc ? rc : parse_u64(text, out);
}

int cgroup_key(struct cgroup_files *files, enum cgroup_file which, const char *key, uint64_t *out)
{
	char text[CGROUP_TEXT_MAX];
	int rc = cgroup_text(files, which, text, sizeof(text));

	return rc ? rc : parse_key(text, key, out);
}

bool cgroup_exists(const struct cgroup_files *files)
{
	const struct cgroup_mounts *m = files->mounts;
	const char *const mounts[] = {m->v2, m->cpu, m->cpuacct, m->memory, m->blkio};
	char path[2 * AGENT_PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		snprintf(path, sizeof(path), "%s/%s", mounts[i], files->path);
		if (*mounts[i] && !access(path, F_OK))
			return true;
	}
	return false;
}
