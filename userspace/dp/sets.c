/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets of pinned maps. One is in force: <pin_dir>/maps is a symbolic link to it, changed by rename,
 * which is one step. Numbers only rise: a set above the one in force was never in force, one below
 * it was and is no longer needed. Number 0 stands for pins that lie flat in the pin directory.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dp/priv.h"
#include "util/own.h"

#define NEXT_LINK "maps_next" /* renamed over "maps"; a bpffs takes no dots */

void dp_set_init(struct dp_set *set)
{
	int map;

	memset(set, 0, sizeof(*set));
	for (map = 0; map < DP_MAP_MAX; map++)
		set->fd[map] = -1;
}

void dp_set_fini(struct dp_set *set)
{
	int map;

	for (map = 0; map < DP_MAP_MAX; map++)
		if (set->fd[map] >= 0)
			close(set->fd[map]);
	btf__free(set->btf);
	dp_set_init(set);
}

static int set_dir(const char *pin_dir, unsigned int number, char out[DP_PATH_MAX])
{
	char name[32];

	if (!number) {
		snprintf(out, DP_PATH_MAX, "%s", pin_dir);
		return 0;
	}
	snprintf(name, sizeof(name), DP_SET_PREFIX "%u", number);
	return dp_path(pin_dir, name, out);
}

static bool has_flat(const char *pin_dir)
{
	char path[DP_PATH_MAX];

	return !dp_path(pin_dir, dp_map_name(DP_MAP_META), path) && !access(path, F_OK);
}

int dp_set_current(const char *pin_dir, unsigned int *number)
{
	char path[DP_PATH_MAX], target[64] = "";
	ssize_t len;
	int r = dp_path(pin_dir, DP_SET_LINK, path);

	if (r)
		return r;
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0 && errno != ENOENT)
		return -errno;
	if (len >= 0)
		return sscanf(target, DP_SET_PREFIX "%u", number) == 1 && *number ? 0 : -EINVAL;
	*number = 0;
	return has_flat(pin_dir) ? 0 : -ENOENT;
}

struct numbers {
	unsigned int *of;
	unsigned int current;
	int n, max;
};

static int number_add(void *arg, unsigned int number)
{
	struct numbers *found = arg;

	if (number != found->current && found->n < found->max)
		found->of[found->n++] = number;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	unsigned int x = *(const unsigned int *)a, y = *(const unsigned int *)b;

	return x < y ? -1 : x > y;
}

/* Any pin with a map's name: a removal may have come half-way. */
static bool any_flat(const char *pin_dir)
{
	char path[DP_PATH_MAX];
	int map;

	for (map = 0; map < DP_MAP_MAX; map++)
		if (!dp_path(pin_dir, dp_map_name(map), path) && !access(path, F_OK))
			return true;
	return false;
}

int dp_set_others(const char *pin_dir, unsigned int current, unsigned int *numbers, int max)
{
	struct numbers found = {.of = numbers, .current = current, .max = max};
	int r;

	if (current && any_flat(pin_dir))
		number_add(&found, 0);
	r = dp_names_each(pin_dir, DP_SET_PREFIX, number_add, &found);
	if (r)
		return r;
	qsort(numbers, found.n, sizeof(*numbers), by_number);
	return found.n;
}

/* --- opening -------------------------------------------------------------------------------------
 */

static int cannot_read(struct err *err, const char *name, int r)
{
	return err_set(err, r, name, "", "cannot read the pinned map: %s", strerror(-r));
}

static int pin_get(struct dp_set *set, enum dp_map map, struct err *err)
{
	char path[DP_PATH_MAX];
	int r = dp_path(set->dir, dp_map_name(map), path);

	if (r)
		return err_set(err, r, "", "", "path must be shorter than %d bytes", DP_PATH_MAX);
	set->fd[map] = bpf_obj_get(path);
	if (set->fd[map] < 0 && errno != ENOENT)
		return cannot_read(err, dp_map_name(map), -errno);
	return 0;
}

static int meta_read(struct dp_set *set, struct err *err)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info), zero = 0;

	if (set->fd[DP_MAP_META] < 0)
		return -ENOENT;
	if (bpf_obj_get_info_by_fd(set->fd[DP_MAP_META], &info, &len))
		return cannot_read(err, "san_meta", -errno);
	if (info.value_size != sizeof(set->meta))
		return cannot_read(err, "san_meta", -ESTALE);
	if (bpf_map_lookup_elem(set->fd[DP_MAP_META], &zero, &set->meta))
		return cannot_read(err, "san_meta", -errno);
	return 0;
}

/* The kernel hands its own copy of a map's BTF to CAP_SYS_ADMIN only: a set brings its own. */
static int btf_read(struct dp_set *set, struct err *err)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info), zero = 0, size;
	char path[DP_PATH_MAX];
	OWN_PTR uint8_t *bytes = NULL;
	OWN_FD int fd = -1;

	if (dp_path(set->dir, DP_BTF_NAME, path))
		return -ENAMETOOLONG;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return errno == ENOENT ? 0 : cannot_read(err, DP_BTF_NAME, -errno);
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return cannot_read(err, DP_BTF_NAME, -errno);
	bytes = calloc(1, info.value_size + 8);
	if (!bytes)
		return err_set(err, -ENOMEM, "", "", "no memory");
	if (bpf_map_lookup_elem(fd, &zero, bytes))
		return cannot_read(err, DP_BTF_NAME, -errno);
	memcpy(&size, bytes, sizeof(size));
	if (size <= info.value_size - sizeof(size))
		set->btf = btf__new(bytes + sizeof(size), size);
	return 0; /* without a usable one the layouts are unknown: said by who needs one */
}

int dp_set_open(const char *pin_dir, unsigned int number, struct dp_set *set, struct err *err)
{
	int map, r;

	dp_set_init(set);
	set->number = number;
	r = set_dir(pin_dir, number, set->dir);
	for (map = 0; map < DP_MAP_MAX && !r; map++)
		r = pin_get(set, map, err);
	if (!r)
		r = meta_read(set, err);
	if (!r && number)
		r = btf_read(set, err);
	if (r)
		dp_set_fini(set);
	return r;
}

/* --- making and removing -------------------------------------------------------------------------
 */

static int remove_pin(const char *dir, const char *name)
{
	char path[DP_PATH_MAX];
	int r = dp_path(dir, name, path);

	if (r)
		return r;
	return unlink(path) && errno != ENOENT ? -errno : 0;
}

int dp_set_remove(const char *pin_dir, unsigned int number)
{
	char dir[DP_PATH_MAX];
	int map, r = set_dir(pin_dir, number, dir);

	if (!r)
		r = remove_pin(dir, DP_BTF_NAME);
	for (map = 0; map < DP_MAP_MAX && !r; map++)
		r = remove_pin(dir, dp_map_name(map));
	if (r || !number)
		return r;
	return rmdir(dir) && errno != ENOENT ? -errno : 0;
}

int dp_set_unlink(const char *pin_dir)
{
	int r = remove_pin(pin_dir, NEXT_LINK);

	return r ? r : remove_pin(pin_dir, DP_SET_LINK);
}

static int pin(int fd, const char *dir, const char *name, struct err *err)
{
	char path[DP_PATH_MAX];
	int r = dp_path(dir, name, path);

	if (!r && bpf_obj_pin(fd, path))
		r = -errno;
	return r ? err_set(err, r, name, "", "cannot pin: %s", strerror(-r)) : 0;
}

/* array[1]: length, then the BTF of the ingress object, whose .maps section names all of them. */
static int btf_pin(const struct dp *dp, const char *dir, struct err *err)
{
	const struct btf *btf = bpf_object__btf(dp->object[SAN_ROLE_INGRESS].obj);
	uint32_t size = 0, zero = 0;
	const void *raw = btf ? btf__raw_data(btf, &size) : NULL;
	OWN_PTR uint8_t *bytes = NULL;
	OWN_FD int fd = -1;

	if (!raw)
		return err_set(err, -EINVAL, DP_BTF_NAME, "", "the program has no BTF");
	bytes = calloc(1, sizeof(size) + size);
	if (!bytes)
		return err_set(err, -ENOMEM, "", "", "no memory");
	memcpy(bytes, &size, sizeof(size));
	memcpy(bytes + sizeof(size), raw, size);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, DP_BTF_NAME, 4, sizeof(size) + size, 1, NULL);
	if (fd < 0 || bpf_map_update_elem(fd, &zero, bytes, BPF_ANY))
		return err_set(err, -errno, DP_BTF_NAME, "", "cannot make: %s", strerror(errno));
	return pin(fd, dir, DP_BTF_NAME, err);
}

int dp_set_pin(struct dp *dp, unsigned int number, struct err *err)
{
	char dir[DP_PATH_MAX];
	uint32_t zero = 0;
	int map, r = set_dir(dp->pin_dir, number, dir);

	if (bpf_map_update_elem(dp->map_fd[DP_MAP_META], &zero, &dp->meta, BPF_ANY))
		return err_set(err, -errno, "san_meta", "", "cannot write: %s", strerror(errno));
	if (!r && mkdir(dir, 0700))
		r = -errno;
	if (r)
		return err_set(err, r, "", "", "cannot make the directory %s: %s", dir,
			       strerror(-r));
	r = btf_pin(dp, dir, err);
	for (map = 0; map < DP_MAP_MAX && !r; map++)
		r = pin(dp->map_fd[map], dir, dp_map_name(map), err);
	return r;
}

int dp_set_flip(const char *pin_dir, unsigned int number, struct err *err)
{
	char next[DP_PATH_MAX], link[DP_PATH_MAX], target[32];
	int r = remove_pin(pin_dir, NEXT_LINK);

	snprintf(target, sizeof(target), DP_SET_PREFIX "%u", number);
	if (!r)
		r = dp_path(pin_dir, NEXT_LINK, next);
	if (!r)
		r = dp_path(pin_dir, DP_SET_LINK, link);
	if (!r && (symlink(target, next) || rename(next, link)))
		r = -errno;
	return r ? err_set(err, r, "", "", "cannot link the set of maps: %s", strerror(-r)) : 0;
}
