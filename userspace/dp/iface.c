/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interfaces: role entries, and the pinned link that holds the role's program. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
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

static int attach_failed(unsigned int ifindex, int r, struct err *err)
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
	return r ? attach_failed(ifindex, r, err) : 0;
}

/* How the link is attached: only the interface itself knows. */
static enum dp_attach_mode attach_mode(const struct dp *dp, unsigned int ifindex)
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

/* san_ifaces is an array: an entry of role NONE is none. */
static int entry_get(const struct dp *dp, unsigned int ifindex, struct san_iface *iface)
{
	uint32_t key = ifindex;

	if (ifindex > SAN_IFINDEX_MAX)
		return -ENOENT;
	if (bpf_map_lookup_elem(dp->map_fd[DP_MAP_IFACES], &key, iface))
		return -errno;
	return iface->role == SAN_ROLE_NONE ? -ENOENT : 0;
}

/* san_tx last: it is what the interfaces are listed by. */
static void entries_remove(const struct dp *dp, unsigned int ifindex)
{
	const struct san_iface none = {.role = SAN_ROLE_NONE};
	uint32_t key = ifindex;

	bpf_map_update_elem(dp->map_fd[DP_MAP_IFACES], &key, &none, BPF_ANY);
	bpf_map_delete_elem(dp->map_fd[DP_MAP_TX], &key);
}

/* The address that frames must be sent to; zeros where the interface has none of six bytes. */
static void read_mac(unsigned int ifindex, uint8_t mac[6])
{
	OWN_FD int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = {0};

	memset(mac, 0, 6);
	if (fd < 0 || !if_indextoname(ifindex, req.ifr_name) || ioctl(fd, SIOCGIFHWADDR, &req))
		return;
	if (req.ifr_hwaddr.sa_family == ARPHRD_ETHER || req.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK)
		memcpy(mac, req.ifr_hwaddr.sa_data, 6);
}

static int entries_write(const struct dp *dp, unsigned int ifindex, const struct san_iface *iface,
			 struct err *err)
{
	uint32_t key = ifindex;
	int r = 0;

	if (bpf_map_update_elem(dp->map_fd[DP_MAP_TX], &key, &key, BPF_ANY) ||
	    bpf_map_update_elem(dp->map_fd[DP_MAP_IFACES], &key, iface, BPF_ANY))
		r = -errno;
	/* The device map says so: no such interface, or (both maps) full. */
	if (r == -ENODEV || r == -EINVAL)
		return attach_failed(ifindex, -ENODEV, err);
	if (r == -E2BIG || r == -ENOSPC)
		return err_set(err, -ENOSPC, "max_ifaces", "", "at most %u interfaces",
			       dp->conf.max_ifaces);
	return r ? err_set(err, r, "", "", "cannot write san_ifaces: %s", strerror(-r)) : 0;
}

/* Entry first, program second: no packet meets the program without its role. */
static int iface_attach(struct dp *dp, unsigned int ifindex, const struct san_iface *iface,
			struct err *err)
{
	struct san_iface before;
	uint32_t key = ifindex;
	bool had = !entry_get(dp, ifindex, &before);
	int r = entries_write(dp, ifindex, iface, err);

	if (!r)
		r = link_set(dp, ifindex, dp_prog_fd(dp, iface->role), err);
	if (!r)
		return 0;
	if (had)
		bpf_map_update_elem(dp->map_fd[DP_MAP_IFACES], &key, &before, BPF_ANY);
	else
		entries_remove(dp, ifindex);
	return r;
}

static int iface_detach(struct dp *dp, unsigned int ifindex)
{
	int r = dp_link_remove(dp->pin_dir, ifindex);

	if (!r)
		entries_remove(dp, ifindex);
	return r;
}

static int too_large(unsigned int ifindex, struct err *err)
{
	char value[16];

	snprintf(value, sizeof(value), "%u", ifindex);
	return err_set(err, -ERANGE, "index", value,
		       "must be at most %u: create the interface anew with a smaller one "
		       "(ip link add ... index N)",
		       SAN_IFINDEX_MAX);
}

int dp_iface_set(struct dp *dp, unsigned int ifindex, enum san_role role, uint8_t policy,
		 enum dp_attach_mode *mode, struct err *err)
{
	struct san_iface iface = {.role = role, .policy = policy};
	int r;

	if (role == SAN_ROLE_NONE) {
		r = iface_detach(dp, ifindex);
		if (r)
			err_set(err, r, "", "", "cannot detach: %s", strerror(-r));
	} else if (role != SAN_ROLE_INGRESS && role != SAN_ROLE_CORE) {
		r = err_set(err, -EINVAL, "role", "", "must be none, ingress or core");
	} else if (ifindex > SAN_IFINDEX_MAX) {
		r = too_large(ifindex, err);
	} else {
		read_mac(ifindex, iface.mac);
		dp_print_quiet(true);
		r = iface_attach(dp, ifindex, &iface, err);
		dp_print_quiet(false);
	}
	if (r)
		err_object(err, "interface index %u", ifindex);
	if (mode)
		*mode = role == SAN_ROLE_NONE || r ? DP_DETACHED : attach_mode(dp, ifindex);
	return r;
}

int dp_iface_get(struct dp *dp, unsigned int ifindex, struct san_iface *iface,
		 enum dp_attach_mode *mode)
{
	uint32_t key = ifindex, tx;
	uint8_t mac[6];

	*mode = DP_DETACHED;
	read_mac(ifindex, mac);
	if (entry_get(dp, ifindex, iface) || memcmp(iface->mac, mac, sizeof(mac)) ||
	    bpf_map_lookup_elem(dp->map_fd[DP_MAP_TX], &key, &tx) || tx != ifindex)
		return -ENOENT;
	*mode = attach_mode(dp, ifindex);
	return *mode == DP_DETACHED ? -ENOENT : 0;
}

int dp_iface_each(const struct dp *dp, int (*fn)(void *, unsigned int, const struct san_iface *),
		  void *arg)
{
	int fd = dp->map_fd[DP_MAP_TX], r = 0;
	uint32_t key, *at = NULL;

	for (; !r && !bpf_map_get_next_key(fd, at, &key); at = &key) {
		struct san_iface iface;

		if (!entry_get(dp, key, &iface))
			r = fn(arg, key, &iface);
	}
	return r;
}

struct prune {
	struct dp *dp;
	const unsigned int *keep;
	unsigned int n;
};

static bool is_kept(const struct prune *p, unsigned int ifindex)
{
	unsigned int i;

	for (i = 0; i < p->n; i++)
		if (p->keep[i] == ifindex)
			return true;
	return false;
}

static int prune_link(void *arg, unsigned int ifindex)
{
	const struct prune *p = arg;

	return is_kept(p, ifindex) ? 0 : iface_detach(p->dp, ifindex);
}

/* Entries of interfaces that have no link: of a creation that was interrupted. */
static void prune_entries(const struct prune *p)
{
	uint32_t key, next;
	uint32_t *at = NULL;

	while (!bpf_map_get_next_key(p->dp->map_fd[DP_MAP_TX], at, &next)) {
		if (is_kept(p, next)) {
			key = next;
			at = &key;
			continue;
		}
		entries_remove(p->dp, next);
		at = NULL; /* the walk starts again: few entries */
	}
}

int dp_iface_prune(struct dp *dp, const unsigned int *keep, unsigned int n)
{
	struct prune p = {.dp = dp, .keep = keep, .n = n};
	int r = dp_link_each(dp->pin_dir, prune_link, &p);

	if (!r)
		prune_entries(&p);
	return r;
}
