/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pin directory and the links pinned in it. */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "dp/priv.h"

int dp_path(const char *pin_dir, const char *name, char out[DP_PATH_MAX])
{
	int len = snprintf(out, DP_PATH_MAX, "%s/%s", pin_dir, name);

	return len < 0 || len >= DP_PATH_MAX ? -ENAMETOOLONG : 0;
}

int dp_pin_dir_check(const char *path)
{
	struct statfs fs;

	if (statfs(path, &fs))
		return -errno;
	return fs.f_type == BPF_FS_MAGIC ? 0 : -EINVAL;
}

/* The directory that path would be made in. */
static void parent_of(const char *path, char out[DP_PATH_MAX])
{
	char *slash;

	snprintf(out, DP_PATH_MAX, "%s", path);
	slash = strrchr(out, '/');
	if (!slash)
		strcpy(out, ".");
	else if (slash == out)
		slash[1] = '\0';
	else
		*slash = '\0';
}

int dp_pin_dir_make(const char *pin_dir, struct err *err)
{
	char parent[DP_PATH_MAX];
	int r = dp_pin_dir_check(pin_dir);

	if (r == -ENOENT) {
		parent_of(pin_dir, parent);
		r = dp_pin_dir_check(parent);
		if (!r && mkdir(pin_dir, 0700) && errno != EEXIST)
			return err_set(err, -errno, "", "", "cannot make the directory: %s",
				       strerror(errno));
	}
	if (!r)
		return 0;
	if (r == -EINVAL)
		return err_set(err, -EINVAL, "", "",
			       "must lie in a bpffs: mount -t bpf bpf /sys/fs/bpf");
	return err_set(err, r, "", "", "%s", strerror(-r));
}

int dp_link_remove(const char *pin_dir, unsigned int ifindex)
{
	char name[32], path[DP_PATH_MAX];
	int fd, r;

	snprintf(name, sizeof(name), DP_LINK_PREFIX "%u", ifindex);
	r = dp_path(pin_dir, name, path);
	if (r)
		return r;
	fd = bpf_obj_get(path);
	if (fd >= 0) {
		/* Unpinning alone detaches some time later. An interface that is gone has done
		 * it already: nothing to hear. */
		bpf_link_detach(fd);
		close(fd);
	}
	return unlink(path) && errno != ENOENT ? -errno : 0;
}

int dp_names_each(const char *dir, const char *prefix, int (*fn)(void *arg, unsigned int number),
		  void *arg)
{
	const size_t len = strlen(prefix);
	struct dirent *entry;
	unsigned long number;
	char *end;
	DIR *d;
	int r = 0;

	d = opendir(dir);
	if (!d)
		return -errno;
	while (!r && (entry = readdir(d))) {
		if (strncmp(entry->d_name, prefix, len))
			continue;
		number = strtoul(entry->d_name + len, &end, 10);
		if (*end == '\0' && number && number <= INT_MAX)
			r = fn(arg, number);
	}
	closedir(d);
	return r;
}

int dp_link_each(const char *pin_dir, int (*fn)(void *arg, unsigned int ifindex), void *arg)
{
	return dp_names_each(pin_dir, DP_LINK_PREFIX, fn, arg);
}
