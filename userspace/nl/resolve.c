/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where packets leave: route by the kernel's own look-up, neighbour from the cache; and keeping the
 * neighbours of watched destinations fresh, because the kernel does not see what XDP sends. */
#include <errno.h>
#include <linux/neighbour.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nl/priv.h"

static int refuse(struct nl_adj *adj, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(struct nl_adj *adj, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(adj->why, sizeof(adj->why), fmt, ap);
	va_end(ap);
	return code;
}

static struct nl_watched *find(struct nl *nl, const struct in6_addr *dst)
{
	struct nl_watched *w;

	HASH_FIND(hh, nl->watched, dst, sizeof(*dst), w);
	return w;
}

/* What `ip neigh replace ADDR dev DEV use` does: as if the kernel had sent a packet there. */
static void solicit(struct nl *nl, unsigned int ifindex, const struct in6_addr *gateway)
{
	struct nl_req req;
	struct ndmsg *ndm =
		nl_req_init(&req, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*ndm));

	ndm->ndm_family = nl_family(gateway);
	ndm->ndm_ifindex = (int)ifindex;
	ndm->ndm_state = NUD_NONE;
	ndm->ndm_flags = NTF_USE;
	nl_put_addr(&req.nlh, NDA_DST, gateway);
	nl_talk(&nl->rt, &req, NULL, NULL); /* not heard: the next tick asks again */
}

static int look_route(struct nl *nl, const struct in6_addr *dst, struct nl_hit *hit,
		      struct nl_adj *out)
{
	char a[NL_ADDR_TEXT];

	if (nl_route_lookup(nl, dst, hit))
		return refuse(out, -ENETUNREACH, "no route to %s", nl_addr_text(dst, a));
	if (hit->type == RTN_LOCAL || hit->type == RTN_ANYCAST)
		return refuse(out, -ENETUNREACH, "%s is an address of this host",
			      nl_addr_text(dst, a));
	if (hit->type != RTN_UNICAST)
		return refuse(out, -ENETUNREACH, "the route to %s is not a unicast route",
			      nl_addr_text(dst, a));
	if (hit->encap_type)
		return refuse(out, -ENETUNREACH,
			      "the route to %s encapsulates, or is a SID of this host",
			      nl_addr_text(dst, a));
	return 0;
}

static int look_link(struct nl *nl, const struct nl_hit *hit, struct nl_adj *out)
{
	struct nl_link link;
	bool ethernet;

	if (!nl_cache_link(nl, hit->oif, &link, &ethernet))
		return refuse(out, -ENETDOWN, "interface %u is gone", hit->oif);
	out->ifindex = link.ifindex;
	out->mtu = hit->mtu && hit->mtu < link.mtu ? hit->mtu : link.mtu;
	memcpy(out->ifname, link.name, sizeof(out->ifname));
	memcpy(out->src_mac, link.mac, sizeof(out->src_mac));
	if (!link.up)
		return refuse(out, -ENETDOWN, "interface %s is down", link.name);
	if (!ethernet)
		return refuse(out, -ENETUNREACH, "interface %s is not Ethernet", link.name);
	return 0;
}

static int look_neigh(struct nl *nl, struct nl_adj *out)
{
	char a[NL_ADDR_TEXT];

	if (nl_cache_neigh(nl, out->ifindex, &out->gateway, out->dst_mac))
		return 0;
	solicit(nl, out->ifindex, &out->gateway);
	return refuse(out, -EHOSTUNREACH, "neighbour %s on %s does not answer (yet)",
		      nl_addr_text(&out->gateway, a), out->ifname);
}

static int resolve(struct nl *nl, const struct in6_addr *dst, struct nl_adj *out)
{
	struct nl_hit hit;
	int r;

	memset(out, 0, sizeof(*out));
	r = look_route(nl, dst, &hit, out);
	if (r)
		return r;
	out->gateway = hit.gateway;
	r = look_link(nl, &hit, out);
	return r ? r : look_neigh(nl, out);
}

int nl_resolve(struct nl *nl, const struct in6_addr *dst, struct nl_adj *out)
{
	struct nl_watched *w = find(nl, dst);
	int r;

	nl_cache_take(nl);
	r = resolve(nl, dst, out);
	if (w) {
		w->resolved = r == 0;
		w->ifindex = r == 0 || r == -EHOSTUNREACH ? out->ifindex : 0;
		w->gateway = out->gateway;
	}
	return r;
}

void nl_watch(struct nl *nl, const struct in6_addr *dst)
{
	struct nl_watched *w = find(nl, dst);

	if (w) {
		w->count++;
		return;
	}
	if (HASH_COUNT(nl->watched) >= NL_MAX_WATCHES)
		return; /* twice the largest next-hop table: only a caller's leak gets here */
	w = calloc(1, sizeof(*w));
	if (!w)
		return;
	w->dst = *dst;
	w->count = 1;
	HASH_ADD(hh, nl->watched, dst, sizeof(w->dst), w);
}

void nl_forget(struct nl *nl, const struct in6_addr *dst)
{
	struct nl_watched *w = find(nl, dst);

	if (!w || --w->count)
		return;
	HASH_DEL(nl->watched, w);
	free(w);
}

void nl_watch_clear(struct nl *nl)
{
	struct nl_watched *w, *next;

	HASH_ITER(hh, nl->watched, w, next) {
		HASH_DEL(nl->watched, w);
		free(w);
	}
}

/* Many destinations share a few neighbours: each is asked once a tick. */
struct asked {
	struct {
		struct in6_addr gateway;
		unsigned int ifindex;
	} key;
	UT_hash_handle hh;
};

static bool first_time(struct asked **set, const struct nl_watched *w)
{
	struct asked *a = calloc(1, sizeof(*a));
	struct asked *found;

	if (!a)
		return true;
	a->key.gateway = w->gateway;
	a->key.ifindex = w->ifindex;
	HASH_FIND(hh, *set, &a->key, sizeof(a->key), found);
	if (found) {
		free(a);
		return false;
	}
	HASH_ADD(hh, *set, key, sizeof(a->key), a);
	return true;
}

void nl_watch_tick(struct nl *nl)
{
	bool all = ++nl->ticks % (NL_NEIGH_REFRESH_S / NL_NEIGH_RETRY_S) == 0;
	struct nl_watched *w, *next_w;
	struct asked *set = NULL, *a, *next;

	nl_cache_take(nl);
	HASH_ITER(hh, nl->watched, w, next_w) {
		if (w->ifindex && (all || !w->resolved) && first_time(&set, w) &&
		    !nl_cache_neigh_static(nl, w->ifindex, &w->gateway))
			solicit(nl, w->ifindex, &w->gateway);
	}
	HASH_ITER(hh, set, a, next) {
		HASH_DEL(set, a);
		free(a);
	}
}
