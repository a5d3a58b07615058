/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The programs: open, set their constants and map sizes, load them all on the same maps. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dp/priv.h"
#include "util/own.h"

/* They use types of ours. */
#include "core.skel.h"
#include "ingress.skel.h"
#include "relay.skel.h"

#define LOAD_NEEDS                                                                                 \
	" (needs CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON; before Linux 5.11 also RLIMIT_MEMLOCK "      \
	"unlimited)"

static const char *const prog_names[] = {
	[SAN_ROLE_NONE] = "san_relay",
	[SAN_ROLE_INGRESS] = "san_ingress",
	[SAN_ROLE_CORE] = "san_core",
};

/* The same names in both skeletons. */
#define CONSTANTS_SET(s, dp)                                                                       \
	do {                                                                                       \
		(s)->rodata->profile = (dp)->conf.profile;                                         \
		(s)->rodata->quick = san_quick_of(&(dp)->conf.profile);                            \
		(s)->rodata->flow_seed = (dp)->meta.created_ns;                                    \
		(s)->rodata->coarse_clock = (dp)->coarse_clock;                                    \
	} while (0)

void dp_constants_set(const struct dp *dp, struct dp_object *o)
{
	if (o->role == SAN_ROLE_INGRESS)
		CONSTANTS_SET((struct ingress_bpf *)o->skel, dp);
	else if (o->role == SAN_ROLE_CORE)
		CONSTANTS_SET((struct core_bpf *)o->skel, dp);
}

static void open_ingress(struct dp_object *o)
{
	struct ingress_bpf *s = ingress_bpf__open();

	o->skel = s;
	o->obj = s ? s->obj : NULL;
}

static void open_core(struct dp_object *o)
{
	struct core_bpf *s = core_bpf__open();

	o->skel = s;
	o->obj = s ? s->obj : NULL;
}

static void open_relay(struct dp_object *o)
{
	struct relay_bpf *s = relay_bpf__open();

	o->skel = s;
	o->obj = s ? s->obj : NULL;
}

static int map_prepare(const struct dp *dp, struct bpf_object *obj, enum dp_map map)
{
	struct bpf_map *m = bpf_object__find_map_by_name(obj, dp_map_name(map));

	if (!m) /* only the ingress program must have all of them */
		return 0;
	if (dp->map_fd[map] >= 0)
		return bpf_map__reuse_fd(m, dp->map_fd[map]);
	return bpf_map__set_max_entries(m, dp_map_entries(&dp->conf, map));
}

static int maps_prepare(const struct dp *dp, struct bpf_object *obj, struct err *err)
{
	int map, r = 0;

	for (map = 0; map < DP_MAP_MAX && !r; map++) {
		r = map_prepare(dp, obj, map);
		if (r)
			err_set(err, r, dp_map_name(map), "", "cannot prepare: %s", strerror(-r));
	}
	return r;
}

int dp_object_open(const struct dp *dp, enum san_role role, struct dp_object *out, struct err *err)
{
	struct dp_object o = {.role = role};
	int r;

	if (role == SAN_ROLE_INGRESS)
		open_ingress(&o);
	else if (role == SAN_ROLE_CORE)
		open_core(&o);
	else
		open_relay(&o);
	if (!o.obj)
		return err_set(err, -errno, prog_names[role], "", "cannot open: %s",
			       strerror(errno));
	dp_constants_set(dp, &o);
	r = maps_prepare(dp, o.obj, err);
	o.prog = bpf_object__find_program_by_name(o.obj, prog_names[role]);
	if (!r && !o.prog)
		r = err_set(err, -ENOENT, prog_names[role], "", "no such program");
	if (r)
		dp_object_close(&o);
	else
		*out = o;
	return r;
}

int dp_object_load(struct dp_object *o, struct err *err)
{
	int r = bpf_object__load(o->obj);

	if (!r)
		return 0;
	return err_set(err, r, prog_names[o->role], "", "cannot load: %s%s", strerror(-r),
		       r == -EPERM ? LOAD_NEEDS : "");
}

void dp_object_close(struct dp_object *o)
{
	if (o->role == SAN_ROLE_INGRESS)
		ingress_bpf__destroy(o->skel);
	else if (o->role == SAN_ROLE_CORE)
		core_bpf__destroy(o->skel);
	else
		relay_bpf__destroy(o->skel);
	memset(o, 0, sizeof(*o));
}

/* The handle has descriptors of its own: they outlive the object that made the maps. */
static int maps_take(struct dp *dp, const struct bpf_object *obj, struct err *err)
{
	int map, fd;

	for (map = 0; map < DP_MAP_MAX; map++) {
		if (dp->map_fd[map] >= 0)
			continue;
		fd = bpf_object__find_map_fd_by_name(obj, dp_map_name(map));
		if (fd < 0)
			return err_set(err, -ENOENT, dp_map_name(map), "",
				       "the program has no such map");
		dp->map_fd[map] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (dp->map_fd[map] < 0)
			return err_set(err, -errno, dp_map_name(map), "", "%s", strerror(errno));
	}
	return 0;
}

int dp_load(struct dp *dp, struct err *err)
{
	static const enum san_role others[] = {SAN_ROLE_CORE, SAN_ROLE_NONE};
	struct dp_object *ingress = &dp->object[SAN_ROLE_INGRESS];
	size_t i;
	int r = maps_prepare(dp, ingress->obj, err);

	if (!r)
		r = dp_object_load(ingress, err);
	if (!r)
		r = maps_take(dp, ingress->obj, err);
	for (i = 0; i < ARRAY_SIZE(others) && !r; i++) {
		r = dp_object_open(dp, others[i], &dp->object[others[i]], err);
		if (!r)
			r = dp_object_load(&dp->object[others[i]], err);
	}
	return r;
}
