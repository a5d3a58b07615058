/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links and neighbours: libnl-3 caches kept up to date by the kernel's notifications. */
#include "nl/priv.h" /* first: the kernel's headers give way to the C library's, not vice versa */

#include <errno.h>
#include <linux/neighbour.h>
#include <net/if_arp.h>
#include <netlink/cache.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/neighbour.h>
#include <netlink/socket.h>
#include <string.h>
#include <sys/socket.h>

#include "util/log.h"

#define DRAIN_TRIES 64	   /* of a socket that overruns while it is drained */
#define CARRIER (1u << 16) /* IFF_LOWER_UP, not in net/if.h */
#define NUD_USABLE (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP)

static int to_errno(int nlerr)
{
	switch (nlerr < 0 ? -nlerr : nlerr) {
	case 0:
		return 0;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_PERM:
		return -EPERM;
	case NLE_NOACCESS:
		return -EACCES;
	case NLE_INVAL:
		return -EINVAL;
	default:
		return -EIO;
	}
}

/* --- links --- */

static bool link_fill(struct rtnl_link *link, struct nl_link *out)
{
	unsigned int need = IFF_UP | CARRIER;
	struct nl_addr *mac = rtnl_link_get_addr(link);

	memset(out, 0, sizeof(*out));
	out->ifindex = (unsigned int)rtnl_link_get_ifindex(link);
	out->mtu = rtnl_link_get_mtu(link);
	out->up = (rtnl_link_get_flags(link) & need) == need;
	if (rtnl_link_get_name(link))
		strncpy(out->name, rtnl_link_get_name(link), sizeof(out->name) - 1);
	if (mac && nl_addr_get_len(mac) == sizeof(out->mac))
		memcpy(out->mac, nl_addr_get_binary_addr(mac), sizeof(out->mac));
	return rtnl_link_get_arptype(link) == ARPHRD_ETHER;
}

/* The cache also holds one object per bridge port (family AF_BRIDGE): not what is asked for. */
static struct rtnl_link *link_first(struct nl *nl)
{
	struct nl_object *obj = nl_cache_get_first(nl->links);

	while (obj && rtnl_link_get_family((struct rtnl_link *)obj) != AF_UNSPEC)
		obj = nl_cache_get_next(obj);
	return (struct rtnl_link *)obj;
}

static struct rtnl_link *link_next(struct rtnl_link *link)
{
	struct nl_object *obj = nl_cache_get_next((struct nl_object *)link);

	while (obj && rtnl_link_get_family((struct rtnl_link *)obj) != AF_UNSPEC)
		obj = nl_cache_get_next(obj);
	return (struct rtnl_link *)obj;
}

bool nl_cache_link(struct nl *nl, unsigned int ifindex, struct nl_link *out, bool *ethernet)
{
	for (struct rtnl_link *l = link_first(nl); l; l = link_next(l)) {
		if ((unsigned int)rtnl_link_get_ifindex(l) != ifindex)
			continue;
		*ethernet = link_fill(l, out);
		return true;
	}
	return false;
}

unsigned int nl_cache_any_link(struct nl *nl)
{
	unsigned int best = 0;

	for (struct rtnl_link *l = link_first(nl); l; l = link_next(l)) {
		struct nl_link link;

		link_fill(l, &link);
		if (!link.up || (rtnl_link_get_flags(l) & IFF_LOOPBACK))
			continue;
		if (!best || link.ifindex < best)
			best = link.ifindex;
	}
	return best;
}

int nl_link_by_name(struct nl *nl, const char *name, struct nl_link *out)
{
	nl_cache_take(nl);
	for (struct rtnl_link *l = link_first(nl); l; l = link_next(l)) {
		if (!rtnl_link_get_name(l) || strcmp(rtnl_link_get_name(l), name))
			continue;
		link_fill(l, out);
		return 0;
	}
	return -ENOENT;
}

static bool is_admin_up(struct nl_object *link)
{
	return link && (rtnl_link_get_flags((struct rtnl_link *)link) & IFF_UP);
}

static void on_link(struct nl_cache *cache, struct nl_object *old, struct nl_object *new,
		    uint64_t diff, int action, void *arg)
{
	struct nl_link was = {0}, is = {0};
	struct nl *nl = arg;

	if (old)
		link_fill((struct rtnl_link *)old, &was);
	if (new)
		link_fill((struct rtnl_link *)new, &is);
	/* With a link the kernel takes its IPv4 routes away and says nothing. */
	if (is_admin_up(old) && !is_admin_up(new) && nl_known_any4(nl))
		nl->lost = true;
	if (memcmp(&was, &is, sizeof(was)))
		nl_touch(nl);
}

/* --- neighbours --- */

static bool neigh_mac(struct rtnl_neigh *neigh, uint8_t mac[6])
{
	struct nl_addr *addr = rtnl_neigh_get_lladdr(neigh);

	memset(mac, 0, 6);
	if (!(rtnl_neigh_get_state(neigh) & NUD_USABLE) || !addr || nl_addr_get_len(addr) != 6)
		return false;
	memcpy(mac, nl_addr_get_binary_addr(addr), 6);
	return true;
}

static struct rtnl_neigh *neigh_key(unsigned int ifindex, const struct in6_addr *addr)
{
	uint8_t family = nl_family(addr);
	struct nl_addr *dst =
		nl_addr_build(family, (void *)(uintptr_t)nl_addr_raw(addr), nl_addr_size(family));
	struct rtnl_neigh *key = rtnl_neigh_alloc();

	if (dst && key) {
		rtnl_neigh_set_ifindex(key, (int)ifindex);
		rtnl_neigh_set_family(key, family);
		rtnl_neigh_set_dst(key, dst);
		nl_addr_put(dst);
		return key;
	}
	if (dst)
		nl_addr_put(dst);
	if (key)
		rtnl_neigh_put(key);
	return NULL;
}

/* By key, because the cache hashes it; rtnl_neigh_get() walks the whole list. The caller puts it
 * back. */
static struct nl_object *neigh_find(struct nl *nl, unsigned int ifindex,
				    const struct in6_addr *addr)
{
	struct rtnl_neigh *key = neigh_key(ifindex, addr);
	struct nl_object *found;

	if (!key)
		return NULL;
	found = nl_cache_search(nl->neighs, (struct nl_object *)key);
	rtnl_neigh_put(key);
	return found;
}

bool nl_cache_neigh(struct nl *nl, unsigned int ifindex, const struct in6_addr *addr,
		    uint8_t mac[6])
{
	struct nl_object *found = neigh_find(nl, ifindex, addr);
	bool usable = found && neigh_mac((struct rtnl_neigh *)found, mac);

	if (found)
		nl_object_put(found);
	return usable;
}

bool nl_cache_neigh_static(struct nl *nl, unsigned int ifindex, const struct in6_addr *addr)
{
	struct nl_object *found = neigh_find(nl, ifindex, addr);
	bool is_static = found && rtnl_neigh_get_state((struct rtnl_neigh *)found) &
					  (NUD_PERMANENT | NUD_NOARP);

	if (found)
		nl_object_put(found);
	return is_static;
}

/* Refreshing moves neighbours between usable states all the time: only a usable one that comes,
 * goes, or moves to another address is a change. */
static void on_neigh(struct nl_cache *cache, struct nl_object *old, struct nl_object *new,
		     uint64_t diff, int action, void *arg)
{
	uint8_t was[6] = {0}, is[6] = {0};
	bool was_usable = old && neigh_mac((struct rtnl_neigh *)old, was);
	bool is_usable = new &&neigh_mac((struct rtnl_neigh *)new, is);

	if (was_usable != is_usable || memcmp(was, is, sizeof(is)))
		nl_touch(arg);
}

/* --- both --- */

static int add_cache(struct nl *nl, const char *kind, change_func_v2_t fn, struct nl_cache **out)
{
	struct nl_cache *cache;
	int r = nl_cache_alloc_name(kind, &cache);

	if (r)
		return to_errno(r);
	r = nl_cache_mngr_add_cache_v2(nl->mngr, cache, fn, nl);
	if (r) {
		nl_cache_free(cache);
		return to_errno(r);
	}
	*out = cache;
	return 0;
}

int nl_cache_fd(const struct nl *nl)
{
	return nl_cache_mngr_get_fd(nl->mngr);
}

static void size_buffers(struct nl *nl)
{
	int size = NL_RCVBUF;
	int fd = nl_socket_get_fd(nl->cache_sock);

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	nl_socket_set_msg_buf_size(nl->cache_sock, NL_TALK_BUF);
}

int nl_cache_start(struct nl *nl)
{
	int r;

	nl->cache_sock = nl_socket_alloc();
	nl->sync_sock = nl_socket_alloc();
	if (!nl->cache_sock || !nl->sync_sock)
		return -ENOMEM;
	r = nl_connect(nl->sync_sock, NETLINK_ROUTE);
	if (!r)
		r = nl_cache_mngr_alloc(nl->cache_sock, NETLINK_ROUTE, 0, &nl->mngr);
	if (r)
		return to_errno(r);
	size_buffers(nl);
	r = add_cache(nl, "route/link", on_link, &nl->links);
	if (!r)
		r = add_cache(nl, "route/neigh", on_neigh, &nl->neighs);
	return r;
}

void nl_cache_stop(struct nl *nl)
{
	if (nl->mngr)
		nl_cache_mngr_free(nl->mngr); /* frees its caches too */
	if (nl->cache_sock)
		nl_socket_free(nl->cache_sock);
	if (nl->sync_sock)
		nl_socket_free(nl->sync_sock);
	nl->mngr = NULL;
	nl->cache_sock = nl->sync_sock = NULL;
	nl->links = nl->neighs = NULL;
}

/* Notifications were lost (ENOBUFS): read everything anew. */
static void resync(struct nl *nl)
{
	int r = nl_cache_refill(nl->sync_sock, nl->links);

	nl->overruns++;
	nl->lost = true; /* a link may have gone down and come back, with its routes */
	if (!r)
		r = nl_cache_refill(nl->sync_sock, nl->neighs);
	if (r)
		log_warn("netlink caches not refilled", "reason=\"%s\"", nl_geterror(r));
	nl_touch(nl);
}

static bool failed(int r)
{
	return r < 0 && r != -NLE_AGAIN && r != -NLE_INTR;
}

/* What was queued before others were lost is older than what the kernel says when it is asked: all
 * of it is taken first. */
void nl_cache_take(struct nl *nl)
{
	int r = nl_cache_mngr_data_ready(nl->mngr);
	bool lost = failed(r);

	for (int i = 0; failed(r) && i < DRAIN_TRIES; i++)
		r = nl_cache_mngr_data_ready(nl->mngr);
	if (lost)
		resync(nl);
}
