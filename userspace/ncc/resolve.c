/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where next hops lead: route, neighbour, MTU. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ncc/apply_int.h"
#include "util/log.h"

#define OUTER_DST 24 /* destination address in the IPv6 header: the first segment */

bool hop_is_direct(const struct hop *hop)
{
	return hop->key.outer_len == 0;
}

struct in6_addr hop_destination(const struct hop *hop)
{
	struct in6_addr dst;

	memcpy(&dst, (const char *)hop->key.outer + (hop_is_direct(hop) ? 0 : OUTER_DST),
	       sizeof(dst));
	return dst;
}

static void clear(struct hop *hop, struct san_nexthop *val)
{
	memset(val->dst_mac, 0, sizeof(val->dst_mac));
	memset(val->src_mac, 0, sizeof(val->src_mac));
	val->kind = SAN_NH_UNRESOLVED;
	val->ifindex = 0;
	val->mtu = 0;
	hop->ifname[0] = '\0';
}

/* The same gateway may have moved to another link. */
static void set_gateway(struct apply *a, struct hop *hop, const struct nl_adj *adj)
{
	if (!hop_is_direct(hop) ||
	    (IN6_ARE_ADDR_EQUAL(&hop->gateway, &adj->gateway) && hop->link == adj->ifindex))
		return;
	hop->gateway = adj->gateway;
	hop->link = adj->ifindex;
	a->direct_changed = true;
}

int hop_look(struct apply *a, struct hop *hop, struct san_nexthop *val)
{
	struct in6_addr dst = hop_destination(hop);
	struct nl_adj adj = {0};
	int r = nl_resolve(a->nl, &dst, &adj);

	set_gateway(a, hop, &adj);
	clear(hop, val);
	if (!r && !host_by_index(a, adj.ifindex)) {
		/* Not in san_tx: a redirect there would lose the packet. */
		snprintf(hop->why, sizeof(hop->why), "leaves by %s, which has no role here",
			 adj.ifname);
		return -ENETUNREACH;
	}
	if (r) {
		memcpy(hop->why, adj.why, sizeof(hop->why));
		return r;
	}
	val->kind = hop_is_direct(hop) ? SAN_NH_DIRECT : SAN_NH_SRV6;
	val->ifindex = adj.ifindex;
	val->mtu = adj.mtu;
	if (hop->learned_mtu && hop->learned_mtu < val->mtu)
		val->mtu = hop->learned_mtu;
	memcpy(val->dst_mac, adj.dst_mac, sizeof(val->dst_mac));
	memcpy(val->src_mac, adj.src_mac, sizeof(val->src_mac));
	memcpy(hop->ifname, adj.ifname, sizeof(hop->ifname));
	hop->why[0] = '\0';
	return 0;
}

int hop_resolve(struct apply *a, struct hop *hop)
{
	struct san_nexthop val = hop->val;
	char before[SAN_TEXT_LEN];
	int r;

	memcpy(before, hop->why, sizeof(before));
	hop_look(a, hop, &val);
	if (memcmp(&val, &hop->val, sizeof(val))) {
		r = dp_nexthop_put(a->dp, hop->index, &val);
		if (r)
			return r;
		hop->val = val;
		talk_report_hop(a, hop);
	} else if (strcmp(before, hop->why)) {
		talk_report_hop(a, hop);
	}
	return 0;
}

void hops_resolve(struct apply *a)
{
	struct hop *hop, *next;

	HASH_ITER(hh, a->hops, hop, next) {
		int r = hop_resolve(a, hop);

		if (r)
			log_err("next hop not written", "index=%u error=\"%s\"", hop->index,
				strerror(-r));
	}
}
