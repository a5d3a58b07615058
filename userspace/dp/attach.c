/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attaching: a pinned bpf_link for each interface, or libxdp's dispatcher where that is wanted. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dp/priv.h"
#include "util/log.h"
#include "util/own.h"

static int link_path(const struct dp *dp, unsigned int ifindex, char out[DP_PATH_MAX])
{
	char name[32];

	snprintf(name, sizeof(name), DP_LINK_PREFIX "%u", ifindex);
	return dp_path(dp->pin_dir, name, out);
}

/* The pinned link of this interface, or -ENOENT. A link whose interface has gone knows no ifindex
 * any more; its number may be another interface's by now. */
static int link_get(const struct dp *dp, unsigned int ifindex, struct bpf_link_info *info)
{
	char path[DP_PATH_MAX];
	uint32_t len = sizeof(*info);
	OWN_FD int fd = -1;
	int r;

	r = link_path(dp, ifindex, path);
	if (r)
		return r;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -errno;
	memset(info, 0, sizeof(*info));
	if (bpf_obj_get_info_by_fd(fd, info, &len))
		return -errno;
	if (info->xdp.ifindex != ifindex) {
		r = dp_link_remove(dp->pin_dir, ifindex);
		return r ? r : -ENOENT;
	}
	return TAKE_FD(fd);
}

static int link_create(const struct dp *dp, unsigned int ifindex, int prog_fd, uint32_t flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);
	char path[DP_PATH_MAX];
	OWN_FD int fd = -1;
	int r;

	r = link_path(dp, ifindex, path);
	if (r)
		return r;
	fd = bpf_link_create(prog_fd, ifindex, BPF_XDP, &opts);
	if (fd < 0)
		return -errno;
	return bpf_obj_pin(fd, path) ? -errno : 0;
}

/* Another mode does not help against these. */
static bool is_final(int r)
{
	return !r || r == -ENODEV || r == -EBUSY || r == -EEXIST || r == -EPERM;
}

static int link_attach(const struct dp *dp, unsigned int ifindex, int prog_fd)
{
	int r = link_create(dp, ifindex, prog_fd, XDP_FLAGS_DRV_MODE);

	if (is_final(r))
		return r;
	log_debug("native XDP refused, trying generic", "ifindex=%u error=\"%s\"", ifindex,
		  strerror(-r));
	return link_create(dp, ifindex, prog_fd, XDP_FLAGS_SKB_MODE);
}

int dp_attach_failed(unsigned int ifindex, int r, struct err *err)
{
	char value[16];

	snprintf(value, sizeof(value), "%u", ifindex);
	if (r == -EBUSY || r == -EEXIST)
		return err_set(
			err, -EBUSY, "", "",
			"another XDP program is attached: detach it (ip link set ... xdp off)");
	if (r == -ENODEV)
		return err_set(err, r, "", value, "must be the index of an existing interface");
	return err_set(err, r, "", "", "cannot attach the XDP program: %s", strerror(-r));
}

static int link_set(const struct dp *dp, unsigned int ifindex, int prog_fd, struct err *err)
{
	struct bpf_link_info info;
	OWN_FD int fd = link_get(dp, ifindex, &info);
	int r;

	if (fd >= 0) {
		r = bpf_link_update(fd, prog_fd, NULL) ? -errno : 0;
		if (r)
			err_set(err, r, "", "", "cannot update the XDP link: %s", strerror(-r));
		return r;
	}
	if (fd != -ENOENT)
		return err_set(err, fd, "", "", "cannot open the pinned link: %s", strerror(-fd));
	r = link_attach(dp, ifindex, prog_fd);
	return r ? dp_attach_failed(ifindex, r, err) : 0;
}

/* How the link is attached: only the interface itself knows. */
static enum dp_attach_mode link_mode(const struct dp *dp, unsigned int ifindex)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	struct bpf_link_info info;
	OWN_FD int fd = link_get(dp, ifindex, &info);

	if (fd < 0 || bpf_xdp_query(ifindex, 0, &query))
		return DP_DETACHED;
	if (query.skb_prog_id == info.prog_id)
		return DP_GENERIC;
	return DP_NATIVE;
}

static int prog_fd_of(const struct dp *dp, enum san_role role)
{
	return bpf_program__fd(dp->object[role].prog);
}

/* One hook, one owner: what was attached the other way goes first, and comes back on failure. */
static int dispatch_set(const struct dp *dp, unsigned int ifindex, enum san_role role,
			struct err *err)
{
	struct bpf_link_info info;
	OWN_FD int fd = link_get(dp, ifindex, &info);
	struct err ignored;
	int r;

	if (fd >= 0) {
		r = dp_link_remove(dp->pin_dir, ifindex);
		if (r)
			return err_set(err, r, "", "", "cannot detach: %s", strerror(-r));
	}
	r = dp_dispatch_attach(dp, ifindex, role, err);
	if (r && fd >= 0)
		link_set(dp, ifindex, prog_fd_of(dp, role), &ignored);
	return r;
}

int dp_attach(const struct dp *dp, unsigned int ifindex, enum san_role role, struct err *err)
{
	int r;

	if (dp->conf.dispatcher)
		return dispatch_set(dp, ifindex, role, err);
	r = dp_dispatch_detach(dp->pin_dir, ifindex);
	if (r)
		return err_set(err, r, "", "", "cannot leave the XDP dispatcher: %s", strerror(-r));
	return link_set(dp, ifindex, prog_fd_of(dp, role), err);
}

int dp_detach(const struct dp *dp, unsigned int ifindex)
{
	int r = dp_dispatch_detach(dp->pin_dir, ifindex);

	return r ? r : dp_link_remove(dp->pin_dir, ifindex);
}

enum dp_attach_mode dp_attached(const struct dp *dp, unsigned int ifindex)
{
	return dp->conf.dispatcher ? dp_dispatch_mode(dp, ifindex) : link_mode(dp, ifindex);
}

struct renewal {
	struct dp *dp;
	struct err *err;
};

static enum san_role role_of(const struct dp *dp, unsigned int ifindex)
{
	struct san_iface iface;

	return dp_iface_entry(dp, ifindex, &iface) ? SAN_ROLE_NONE : iface.role;
}

static int renew_link(void *arg, unsigned int ifindex)
{
	const struct renewal *renewal = arg;
	struct bpf_link_info info;
	OWN_FD int fd = link_get(renewal->dp, ifindex, &info);
	int r;

	if (fd < 0) /* its interface has gone */
		return fd == -ENOENT ? 0 : fd;
	r = bpf_link_update(fd, prog_fd_of(renewal->dp, role_of(renewal->dp, ifindex)), NULL)
		    ? -errno
		    : 0;
	if (dp_step_hook)
		dp_step_hook(DP_STEP_LINK);
	return r == -ENOLINK ? 0 : r;
}

static int renew_dispatched(void *arg, unsigned int ifindex)
{
	const struct renewal *renewal = arg;

	return dp_dispatch_attach(renewal->dp, ifindex, role_of(renewal->dp, ifindex),
				  renewal->err);
}

int dp_attach_renew(struct dp *dp, struct err *err)
{
	struct renewal renewal = {.dp = dp, .err = err};
	int r = dp_link_each(dp->pin_dir, renew_link, &renewal);

	if (r)
		return err_set(err, r, "", "", "cannot renew a link: %s", strerror(-r));
	return dp_dispatch_each(dp->pin_dir, renew_dispatched, &renewal);
}
