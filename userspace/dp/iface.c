/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interfaces: role entries, and what keeps them together with the attached programs. */
#include <bpf/bpf.h>
#include <errno.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dp/priv.h"
#include "util/own.h"

/* san_ifaces is an array: an entry of role NONE is none. */
int dp_iface_entry(const struct dp *dp, unsigned int ifindex, struct san_iface *iface)
{
	uint32_t key = ifindex;

	if (ifindex > SAN_IFINDEX_MAX)
		return -ENOENT;
	if (bpf_map_lookup_elem(dp->map_fd[DP_MAP_IFACES], &key, iface))
		return -errno;
	return iface->role == SAN_ROLE_NONE ? -ENOENT : 0;
}

/* san_tx last: it is what the interfaces are listed by. */
void dp_iface_forget(struct dp *dp, unsigned int ifindex)
{
	const struct san_iface none = {.role = SAN_ROLE_NONE};
	uint32_t key = ifindex;

	bpf_map_update_elem(dp->map_fd[DP_MAP_IFACES], &key, &none, BPF_ANY);
	bpf_map_delete_elem(dp->map_fd[DP_MAP_TX], &key);
	dp_row_free(dp, ifindex);
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

static int too_many(const struct dp *dp, struct err *err)
{
	return err_set(err, -ENOSPC, "max_ifaces", "", "at most %u interfaces",
		       dp->conf.max_ifaces);
}

/* iface gets its row here. The device map is first: it says what no interface is. */
static int entries_write(struct dp *dp, unsigned int ifindex, struct san_iface *iface,
			 struct err *err)
{
	uint32_t key = ifindex;
	int r = 0;

	if (bpf_map_update_elem(dp->map_fd[DP_MAP_TX], &key, &key, BPF_ANY))
		r = -errno;
	if (r == -ENODEV || r == -EINVAL)
		return dp_attach_failed(ifindex, -ENODEV, err);
	if (r == -E2BIG || r == -ENOSPC)
		return too_many(dp, err);
	iface->row = r ? 0 : dp_row_take(dp, ifindex);
	if (!r && !iface->row)
		return too_many(dp, err);
	if (!r && bpf_map_update_elem(dp->map_fd[DP_MAP_IFACES], &key, iface, BPF_ANY))
		r = -errno;
	return r ? err_set(err, r, "", "", "cannot write san_ifaces: %s", strerror(-r)) : 0;
}

/* Entry first, program second: no packet meets the program without its role. */
static int iface_attach(struct dp *dp, unsigned int ifindex, struct san_iface *iface,
			struct err *err)
{
	struct san_iface before;
	uint32_t key = ifindex;
	bool had = !dp_iface_entry(dp, ifindex, &before);
	int r = entries_write(dp, ifindex, iface, err);

	if (!r)
		r = dp_attach(dp, ifindex, iface->role, err);
	if (!r)
		return 0;
	if (had)
		bpf_map_update_elem(dp->map_fd[DP_MAP_IFACES], &key, &before, BPF_ANY);
	else
		dp_iface_forget(dp, ifindex);
	return r;
}

static int iface_detach(struct dp *dp, unsigned int ifindex)
{
	int r = dp_detach(dp, ifindex);

	if (!r)
		dp_iface_forget(dp, ifindex);
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

static int check_want(const struct dp_iface *want, struct err *err)
{
	const unsigned int known =
		SAN_IF_DROP_MALFORMED | SAN_IF_DROP_UNKNOWN | SAN_IF_VLAN | SAN_IF_CLASSIFY;
	char value[16];

	if (want->role != SAN_ROLE_INGRESS && want->role != SAN_ROLE_CORE)
		return err_set(err, -EINVAL, "role", "", "must be none, ingress or core");
	if (want->policy & ~known)
		return err_set(err, -EINVAL, "policy", "", "must be of the known bits");
	if (want->group < SAN_MAX_GROUPS)
		return 0;
	snprintf(value, sizeof(value), "%u", want->group);
	return err_set(err, -EINVAL, "group", value, "must be less than %d", SAN_MAX_GROUPS);
}

static int iface_write(struct dp *dp, unsigned int ifindex, const struct dp_iface *want,
		       struct err *err)
{
	struct san_iface iface = {.role = want->role, .policy = want->policy, .group = want->group};
	int r;

	read_mac(ifindex, iface.mac);
	dp_print_quiet(true);
	r = iface_attach(dp, ifindex, &iface, err);
	dp_print_quiet(false);
	return r;
}

int dp_iface_set(struct dp *dp, unsigned int ifindex, const struct dp_iface *want,
		 enum dp_attach_mode *mode, struct err *err)
{
	int r;

	if (want->role == SAN_ROLE_NONE) {
		r = iface_detach(dp, ifindex);
		if (r)
			err_set(err, r, "", "", "cannot detach: %s", strerror(-r));
	} else {
		r = check_want(want, err);
		if (!r && ifindex > SAN_IFINDEX_MAX)
			r = too_large(ifindex, err);
		if (!r)
			r = iface_write(dp, ifindex, want, err);
	}
	if (r)
		err_object(err, "interface index %u", ifindex);
	if (mode)
		*mode = want->role == SAN_ROLE_NONE || r ? DP_DETACHED : dp_attached(dp, ifindex);
	return r;
}

int dp_iface_get(struct dp *dp, unsigned int ifindex, struct san_iface *iface,
		 enum dp_attach_mode *mode)
{
	uint32_t key = ifindex, tx;
	uint8_t mac[6];

	*mode = DP_DETACHED;
	read_mac(ifindex, mac);
	if (dp_iface_entry(dp, ifindex, iface) || memcmp(iface->mac, mac, sizeof(mac)) ||
	    bpf_map_lookup_elem(dp->map_fd[DP_MAP_TX], &key, &tx) || tx != ifindex)
		return -ENOENT;
	*mode = dp_attached(dp, ifindex);
	return *mode == DP_DETACHED ? -ENOENT : 0;
}

int dp_iface_each(const struct dp *dp, int (*fn)(void *, unsigned int, const struct san_iface *),
		  void *arg)
{
	int fd = dp->map_fd[DP_MAP_TX], r = 0;
	uint32_t key, *at = NULL;

	for (; !r && !bpf_map_get_next_key(fd, at, &key); at = &key) {
		struct san_iface iface;

		if (!dp_iface_entry(dp, key, &iface))
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
	uint32_t key, next, row;
	uint32_t *at = NULL;

	while (!bpf_map_get_next_key(p->dp->map_fd[DP_MAP_TX], at, &next)) {
		if (is_kept(p, next)) {
			key = next;
			at = &key;
			continue;
		}
		dp_iface_forget(p->dp, next);
		at = NULL; /* the walk starts again: few entries */
	}
	/* The kernel has taken those that are gone out of the device map by itself. */
	for (row = 1; row <= p->dp->conf.max_ifaces; row++)
		if (p->dp->rows[row] && !is_kept(p, p->dp->rows[row]))
			dp_iface_forget(p->dp, p->dp->rows[row]);
}

int dp_iface_prune(struct dp *dp, const unsigned int *keep, unsigned int n)
{
	struct prune p = {.dp = dp, .keep = keep, .n = n};
	int r = dp_link_each(dp->pin_dir, prune_link, &p);

	if (!r)
		r = dp_dispatch_each(dp->pin_dir, prune_link, &p);
	if (!r)
		prune_entries(&p);
	return r;
}
