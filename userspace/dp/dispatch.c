/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attaching beside other XDP programs: libxdp's dispatcher calls ours as a replacement of one of
 * its own functions (BPF_PROG_TYPE_EXT). What is ours on an interface is pinned as
 * dispatch_<ifindex>, so that it is found again by its id. libxdp opens programs by id: this way
 * needs CAP_SYS_ADMIN as well, and a kernel that lets functions be replaced.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include "dp/priv.h"
#include "util/own.h"

#define RUN_PRIORITY 50 /* libxdp's default; lower runs earlier */

static int pin_path(const char *pin_dir, unsigned int ifindex, char out[DP_PATH_MAX])
{
	char name[32];

	snprintf(name, sizeof(name), DP_DISPATCH_PREFIX "%u", ifindex);
	return dp_path(pin_dir, name, out);
}

/* Id of our program on an interface; 0: none. */
static uint32_t pinned_id(const char *pin_dir, unsigned int ifindex)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);
	char path[DP_PATH_MAX];
	OWN_FD int fd = -1;

	if (pin_path(pin_dir, ifindex, path))
		return 0;
	fd = bpf_obj_get(path);
	return fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

/* NULL: nothing with this id is in the interface's dispatcher. mp keeps it. */
static struct xdp_program *find(const struct xdp_multiprog *mp, uint32_t id)
{
	struct xdp_program *prog = NULL;

	while ((prog = xdp_multiprog__next_prog(prog, mp)))
		if (xdp_program__id(prog) == id)
			return prog;
	return NULL;
}

/* Looking is not worth a warning: libxdp tries what older kernels do not have. */
static struct xdp_multiprog *multiprog_get(unsigned int ifindex)
{
	struct xdp_multiprog *mp;

	dp_print_quiet(true);
	mp = xdp_multiprog__get_from_ifindex(ifindex);
	dp_print_quiet(false);
	return mp;
}

static int detach_id(unsigned int ifindex, uint32_t id)
{
	struct xdp_multiprog *mp = multiprog_get(ifindex);
	struct xdp_program *prog;
	int r = 0;

	if (libxdp_get_error(mp)) /* nothing is attached, or no interface */
		return libxdp_get_error(mp) == -EPERM ? -EPERM : 0;
	prog = xdp_multiprog__is_legacy(mp) ? NULL : find(mp, id);
	if (prog)
		r = xdp_program__detach(prog, ifindex, xdp_multiprog__attach_mode(mp), 0);
	xdp_multiprog__close(mp);
	return r;
}

int dp_dispatch_detach(const char *pin_dir, unsigned int ifindex)
{
	uint32_t id = pinned_id(pin_dir, ifindex);
	char path[DP_PATH_MAX];
	int r;

	if (!id)
		return 0;
	dp_print_quiet(true);
	r = detach_id(ifindex, id);
	dp_print_quiet(false);
	if (r)
		return r;
	r = pin_path(pin_dir, ifindex, path);
	return !r && unlink(path) && errno != ENOENT ? -errno : r;
}

/* -EINVAL: Linux 6.12 and later to what libxdp 1.3.1 asks for. */
static int refused(unsigned int ifindex, int r, struct err *err)
{
	if (r == -EPERM || r == -EOPNOTSUPP || r == -EINVAL)
		return err_set(
			err, r, "attach", "dispatcher",
			"the kernel refused a replaced function (%s): needs CAP_SYS_ADMIN and a "
			"libxdp that knows this kernel; attach: link works without",
			strerror(-r));
	return dp_attach_failed(ifindex, r, err);
}

static int pin_program(const struct dp *dp, unsigned int ifindex, struct xdp_program *prog)
{
	char path[DP_PATH_MAX];
	int r = pin_path(dp->pin_dir, ifindex, path);

	if (r)
		return r;
	if (unlink(path) && errno != ENOENT)
		return -errno;
	return bpf_obj_pin(xdp_program__fd(prog), path) ? -errno : 0;
}

/* What another program does with a packet comes after us only if we pass it. */
static struct xdp_program *program_new(const struct dp_object *o)
{
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .obj = o->obj,
			    .prog_name = bpf_program__name(o->prog));
	struct xdp_program *prog = xdp_program__create(&opts);

	if (libxdp_get_error(prog))
		return prog;
	xdp_program__set_run_prio(prog, RUN_PRIORITY);
	xdp_program__set_chain_call_enabled(prog, XDP_PASS, true);
	return prog;
}

/* Where functions cannot be replaced libxdp attaches the program alone: not what was asked for. */
static int undo_alone(unsigned int ifindex)
{
	struct xdp_multiprog *mp = multiprog_get(ifindex);
	bool alone;

	if (libxdp_get_error(mp))
		return libxdp_get_error(mp);
	alone = xdp_multiprog__is_legacy(mp);
	if (alone)
		xdp_multiprog__detach(mp);
	xdp_multiprog__close(mp);
	return alone ? -EOPNOTSUPP : 0;
}

static int attach(unsigned int ifindex, struct xdp_program *prog)
{
	int r = xdp_program__attach(prog, ifindex, XDP_MODE_NATIVE, 0);

	if (!r)
		return undo_alone(ifindex);
	if (r == -EPERM || r == -EBUSY || r == -EEXIST || r == -ENODEV)
		return r;
	r = xdp_program__attach(prog, ifindex, XDP_MODE_SKB, 0);
	return r ? r : undo_alone(ifindex);
}

/* The new program joins before the old one leaves: a packet meets at least one of them. */
static int replace(const struct dp *dp, unsigned int ifindex, struct xdp_program *prog,
		   struct err *err)
{
	uint32_t before = pinned_id(dp->pin_dir, ifindex);
	int r = attach(ifindex, prog);

	if (r)
		return refused(ifindex, r, err);
	if (before)
		detach_id(ifindex, before);
	r = pin_program(dp, ifindex, prog);
	return r ? err_set(err, r, "", "", "cannot pin the program: %s", strerror(-r)) : 0;
}

int dp_dispatch_attach(const struct dp *dp, unsigned int ifindex, enum san_role role,
		       struct err *err)
{
	struct dp_object o = {0};
	struct xdp_program *prog;
	int r = dp_object_open(dp, role, &o, err);

	if (r)
		return r;
	prog = program_new(&o);
	r = libxdp_get_error(prog);
	if (r) {
		refused(ifindex, r, err);
	} else {
		r = replace(dp, ifindex, prog, err);
		xdp_program__close(prog);
	}
	dp_object_close(&o);
	return r;
}

enum dp_attach_mode dp_dispatch_mode(const struct dp *dp, unsigned int ifindex)
{
	enum dp_attach_mode mode = DP_DETACHED;
	uint32_t id = pinned_id(dp->pin_dir, ifindex);
	struct xdp_multiprog *mp;

	if (!id)
		return DP_DETACHED;
	mp = multiprog_get(ifindex);
	if (libxdp_get_error(mp))
		return DP_DETACHED;
	if (!xdp_multiprog__is_legacy(mp) && find(mp, id))
		mode = xdp_multiprog__attach_mode(mp) == XDP_MODE_SKB ? DP_GENERIC : DP_NATIVE;
	xdp_multiprog__close(mp);
	return mode;
}

int dp_dispatch_each(const char *pin_dir, int (*fn)(void *arg, unsigned int ifindex), void *arg)
{
	return dp_names_each(pin_dir, DP_DISPATCH_PREFIX, fn, arg);
}

static int unload_one(void *arg, unsigned int ifindex)
{
	return dp_dispatch_detach(arg, ifindex);
}

int dp_dispatch_unload(const char *pin_dir)
{
	return dp_dispatch_each(pin_dir, unload_one, (void *)pin_dir);
}
