/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pin directory: what lies there, whether it fits, how it goes away. */
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
#include "util/own.h"

/* What a pinned map must look like. */
struct shape {
	uint32_t type, key_size, value_size;
};

static const struct shape map_shapes[DP_MAP_MAX] = {
	[DP_MAP_SERVICES] = {BPF_MAP_TYPE_HASH, sizeof(struct san_service_key),
			     sizeof(struct san_service)},
	[DP_MAP_NEXTHOPS] = {BPF_MAP_TYPE_ARRAY, 4, sizeof(struct san_nexthop)},
	[DP_MAP_FLOWS] = {BPF_MAP_TYPE_LRU_HASH, sizeof(struct san_flow_key),
			  sizeof(struct san_flow)},
	[DP_MAP_IFACES] = {BPF_MAP_TYPE_ARRAY, 4, sizeof(struct san_iface)},
	[DP_MAP_TX] = {BPF_MAP_TYPE_DEVMAP_HASH, 4, 4},
	[DP_MAP_SVC_STATS] = {BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(struct san_counter)},
	[DP_MAP_NH_STATS] = {BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(struct san_counter)},
	[DP_MAP_REASONS] = {BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(struct san_counter)},
	[DP_MAP_META] = {BPF_MAP_TYPE_ARRAY, 4, sizeof(struct san_meta)},
};

static const char *const map_names[] = {
#define X(id, name) [DP_MAP_##id] = name,
	DP_MAPS(X)
#undef X
};

_Static_assert(ARRAY_SIZE(map_names) == DP_MAP_MAX, "a name for every map");

const char *dp_map_name(enum dp_map map)
{
	return map_names[map];
}

int dp_path(const char *pin_dir, const char *name, char out[DP_PATH_MAX])
{
	int len = snprintf(out, DP_PATH_MAX, "%s/%s", pin_dir, name);

	return len < 0 || len >= DP_PATH_MAX ? -ENAMETOOLONG : 0;
}

uint32_t dp_map_entries(const struct dp_conf *conf, enum dp_map map)
{
	switch (map) {
	case DP_MAP_SERVICES:
		return conf->max_services;
	case DP_MAP_SVC_STATS: /* and index 0, which all others share */
		return conf->max_services + 1;
	case DP_MAP_NEXTHOPS:
	case DP_MAP_NH_STATS:
		return conf->max_nexthops;
	case DP_MAP_FLOWS:
		return conf->max_flows;
	case DP_MAP_IFACES:
		return SAN_IFINDEX_MAX + 1;
	case DP_MAP_TX:
		return conf->max_ifaces;
	case DP_MAP_REASONS:
		return SAN_R_MAX;
	default:
		return 1;
	}
}

static int in_bpffs(const char *path)
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
	int r = in_bpffs(pin_dir);

	if (r == -ENOENT) {
		parent_of(pin_dir, parent);
		r = in_bpffs(parent);
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

/* Opens the pin of one map; -1 in map_fd when there is none. */
static int pin_get(struct dp *dp, enum dp_map map, struct err *err)
{
	char path[DP_PATH_MAX];
	int fd, r;

	r = dp_path(dp->pin_dir, dp_map_name(map), path);
	if (r)
		return err_set(err, r, "", "", "path must be shorter than %d bytes", DP_PATH_MAX);
	fd = bpf_obj_get(path);
	if (fd < 0 && errno != ENOENT)
		return err_set(err, -errno, dp_map_name(map), "", "cannot open the pinned map: %s",
			       strerror(errno));
	dp->map_fd[map] = fd < 0 ? -1 : fd;
	dp->adopted[map] = fd >= 0;
	return 0;
}

static int stale(struct err *err, enum dp_map map, const char *what, uint32_t is, uint32_t want)
{
	char value[64];

	snprintf(value, sizeof(value), "%s %u", what, is);
	return err_set(err, -ESTALE, dp_map_name(map), value,
		       "must be %s %u; remove the pinned state first (sand --unload)", what, want);
}

static int check_shape(const struct dp *dp, enum dp_map map, struct err *err)
{
	const struct shape *want = &map_shapes[map];
	uint32_t entries = dp_map_entries(&dp->conf, map);
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(dp->map_fd[map], &info, &len))
		return err_set(err, -errno, dp_map_name(map), "", "cannot read map information: %s",
			       strerror(errno));
	if (info.type != want->type)
		return stale(err, map, "map type", info.type, want->type);
	if (info.key_size != want->key_size)
		return stale(err, map, "key size", info.key_size, want->key_size);
	if (info.value_size != want->value_size)
		return stale(err, map, "value size", info.value_size, want->value_size);
	if (info.max_entries != entries)
		return stale(err, map, "max_entries", info.max_entries, entries);
	return 0;
}

/* The version decides before sizes do: they may differ because it does. */
static int check_version(struct dp *dp, struct err *err)
{
	uint32_t zero = 0;
	int r = check_shape(dp, DP_MAP_META, err);

	if (r)
		return r;
	if (bpf_map_lookup_elem(dp->map_fd[DP_MAP_META], &zero, &dp->meta))
		return err_set(err, -errno, "san_meta", "", "cannot read: %s", strerror(errno));
	if (dp->meta.abi_version != SAN_ABI_VERSION)
		return stale(err, DP_MAP_META, "ABI version", dp->meta.abi_version,
			     SAN_ABI_VERSION);
	return 0;
}

static int forget_map(struct dp *dp, enum dp_map map)
{
	char path[DP_PATH_MAX];

	if (dp->map_fd[map] < 0)
		return 0;
	close(TAKE_FD(dp->map_fd[map]));
	dp->adopted[map] = false;
	if (dp_path(dp->pin_dir, dp_map_name(map), path))
		return -ENAMETOOLONG;
	return unlink(path) ? -errno : 0;
}

int dp_pins_find(struct dp *dp, struct err *err)
{
	int map, r;

	for (map = 0; map < DP_MAP_MAX; map++) {
		r = pin_get(dp, map, err);
		if (r)
			return r;
	}
	if (dp->map_fd[DP_MAP_META] < 0) {
		/* san_meta is pinned last: without it nothing was ever attached to the others. */
		for (map = 0, r = 0; map < DP_MAP_MAX && !r; map++)
			r = forget_map(dp, map);
		return r ? err_set(err, r, "", "", "cannot remove a pin: %s", strerror(-r)) : 0;
	}
	r = check_version(dp, err);
	for (map = 0; map < DP_MAP_MAX && !r; map++)
		r = dp->adopted[map] ? check_shape(dp, map, err) : 0;
	return r;
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

int dp_link_each(const char *pin_dir, int (*fn)(void *arg, unsigned int ifindex), void *arg)
{
	const size_t prefix = strlen(DP_LINK_PREFIX);
	struct dirent *entry;
	unsigned long ifindex;
	char *end;
	DIR *dir;
	int r = 0;

	dir = opendir(pin_dir);
	if (!dir)
		return -errno;
	while (!r && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, DP_LINK_PREFIX, prefix))
			continue;
		ifindex = strtoul(entry->d_name + prefix, &end, 10);
		if (*end == '\0' && ifindex && ifindex <= INT_MAX)
			r = fn(arg, ifindex);
	}
	closedir(dir);
	return r;
}

static int remove_link(void *arg, unsigned int ifindex)
{
	return dp_link_remove(arg, ifindex);
}

int dp_unload(const char *pin_dir)
{
	char path[DP_PATH_MAX];
	int map, r = in_bpffs(pin_dir);

	if (r)
		return r == -ENOENT ? 0 : r;
	r = dp_link_each(pin_dir, remove_link, (void *)pin_dir);
	for (map = 0; map < DP_MAP_MAX && !r; map++) {
		r = dp_path(pin_dir, dp_map_name(map), path);
		if (!r && unlink(path) && errno != ENOENT)
			r = -errno;
	}
	if (r)
		return r;
	return rmdir(pin_dir) ? -errno : 0;
}
