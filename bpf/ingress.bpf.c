// SPDX-License-Identifier: GPL-2.0-only
/*
 * Access side: a packet with a SAN header goes to the next hop selected for its service, everything
 * else to the kernel. Parse, look up, rewrite; each step answers 0 or a reason, the exit is one.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stddef.h>

#include <san/map_abi.h>
#include <san/wire.h>

#include "lib/cursor.h"
#include "lib/flow.h"
#include "lib/maps.h"
#include "lib/srv6.h"
#include "lib/verdict.h"

/* Set by module dp before loading. */
const volatile struct san_profile profile = SAN_PROFILE_EXP1;
const volatile struct san_quick quick = {.want = ~0ull}; /* of the profile */
const volatile __u64 flow_seed = 0;   /* the same after a restart: flow labels stay */
const volatile __u8 coarse_clock = 0; /* bpf_ktime_get_coarse_ns exists (5.11) */

struct ingress {
	struct san_found found;
	struct srv6_inner inner;
	const struct san_nexthop *nh;
	__u32 nh_index;
	__u32 stats;
	__u8 mode, affinity; /* of the service */
	int done;	     /* reason if all goes well: forwarded or flow_hit */
};

static __always_inline __u64 ingress_now(void)
{
	return coarse_clock ? bpf_ktime_get_coarse_ns() : bpf_ktime_get_ns();
}

/* A frame to another host, seen because the interface is promiscuous or the switch floods, or to a
 * group: not ours to forward, whatever it holds. */
static __always_inline int ingress_is_ours(const __u8 *eth, const struct san_iface *iface)
{
	return !(cursor_be64(CURSOR_LOAD(__u64, eth) ^ *(const __u64 *)iface) >> 16);
}

static __always_inline int ingress_parse(struct xdp_md *ctx, const struct san_iface *iface,
					 struct ingress *in)
{
	struct cursor cur = {.pos = srv6_start(ctx), .end = srv6_end(ctx)};
	const struct san_profile *prof = (const struct san_profile *)&profile;
	const struct san_quick *usual = (const struct san_quick *)&quick;
	const __u8 *eth = cursor_take(&cur, SRV6_ETH_LEN);

	if (!eth)
		return -SAN_R_NOT_IPV6;
	if (!ingress_is_ours(eth, iface))
		return -SAN_R_NOT_ROUTABLE;
	if (CURSOR_LOAD(__u16, eth + 12) != cursor_be16(SRV6_ETH_IP6))
		return -SAN_R_NOT_IPV6;
	/* Else the compiler takes the initial values above for constants. */
	cursor_pin(prof);
	cursor_pin(usual);
	if (cursor_fast(cur.pos, cur.end, usual, &in->found))
		return 0;
	return cursor_walk(cur.pos, cur.end, prof, &in->found);
}

static __always_inline int ingress_service(struct ingress *in)
{
	struct san_service_key key = {.service_id = in->found.service_id};
	const struct san_service *service = bpf_map_lookup_elem(&san_services, &key);

	if (!service)
		return -SAN_R_UNKNOWN_SERVICE;
	/* Copied: a preallocated element can be reused for another service under a reader. */
	in->nh_index = service->nexthop;
	in->stats = service->stats;
	in->mode = service->mode;
	in->affinity = service->affinity;
	return 0;
}

/* What steering needs of the packet. The addresses are derived anew: with the cursor's the verifier
 * would tell apart by what path they came. */
static __always_inline int ingress_read(struct xdp_md *ctx, struct ingress *in)
{
	const __u8 *ip6 = srv6_start(ctx) + SRV6_ETH_LEN;

	if (ip6 + CURSOR_IP6_LEN > srv6_end(ctx))
		return -SAN_R_TRUNCATED; /* not reached: the cursor has read it */
	if (!flow_routable(ip6 + FLOW_SRC) || !flow_routable(ip6 + FLOW_DST))
		return -SAN_R_NOT_ROUTABLE;
	in->inner.first = CURSOR_LOAD(__u32, ip6);
	in->inner.len = in->found.len;
	in->inner.hop_limit = ip6[7];
	in->inner.label = flow_label(ip6, in->found.ports, in->found.l4_proto, flow_seed);
	return 0;
}

/* The selection in force. */
static __always_inline int ingress_selected(struct ingress *in)
{
	if (in->mode != SAN_MODE_PREFERRED)
		return -SAN_R_NOTHING_SELECTED;
	in->nh = bpf_map_lookup_elem(&san_nexthops, &in->nh_index);
	return in->nh && in->nh->kind != SAN_NH_UNUSED ? 0 : -SAN_R_NH_INVALID;
}

static __always_inline int ingress_affinity(struct xdp_md *ctx, struct ingress *in)
{
	const __u8 *ip6 = srv6_start(ctx) + SRV6_ETH_LEN;
	struct san_flow_key key;
	struct san_flow *flow = NULL;
	__u64 now = ingress_now();
	__u32 selected = in->nh_index;
	int r;

	if (ip6 + CURSOR_IP6_LEN > srv6_end(ctx))
		return -SAN_R_TRUNCATED; /* not reached, as above */
	flow_key(&key, ip6, &in->found);
	if (!flow_begins(ip6, srv6_end(ctx), &in->found))
		flow = bpf_map_lookup_elem(&san_flows, &key);
	if (flow) {
		in->nh = flow_nexthop(flow, &in->nh_index, now);
		in->done = SAN_R_FLOW_HIT;
		if (in->nh)
			return 0;
	}
	in->done = SAN_R_FORWARDED;
	in->nh_index = selected;
	r = ingress_selected(in);
	if (!r)
		flow_remember(&key, in->nh_index, in->nh, now);
	return r;
}

static __always_inline int ingress_choose(struct xdp_md *ctx, struct ingress *in)
{
	if (in->affinity == SAN_AFFINITY_FLOW)
		return ingress_affinity(ctx, in);
	in->done = SAN_R_FORWARDED;
	return ingress_selected(in);
}

static __always_inline int ingress_send(struct xdp_md *ctx, const struct ingress *in)
{
	switch (in->nh->kind) {
	case SAN_NH_SRV6:
		return srv6_push(ctx, in->nh, &in->inner);
	case SAN_NH_DIRECT:
		return srv6_direct(ctx, in->nh, &in->inner);
	case SAN_NH_UNRESOLVED:
		return -SAN_R_NH_UNRESOLVED;
	case SAN_NH_DROP:
		return -SAN_R_NH_DROP;
	default:
		return -SAN_R_NH_INVALID;
	}
}

/* Returns the reason, negative unless the packet was steered. */
static __always_inline int ingress_steer(struct xdp_md *ctx, const struct san_iface *iface,
					 struct ingress *in)
{
	int r = ingress_parse(ctx, iface, in);

	if (r)
		return r;
	r = ingress_service(in);
	if (r)
		return r;
	r = ingress_read(ctx, in);
	if (r)
		return r;
	r = ingress_choose(ctx, in);
	if (r)
		return r;
	r = ingress_send(ctx, in);
	if (r)
		return r;
	maps_count(&san_svc_stats, in->stats, in->inner.frame);
	maps_count(&san_nh_stats, in->nh_index, in->inner.frame);
	return in->done;
}

SEC("xdp")
int san_ingress(struct xdp_md *ctx)
{
	__u32 ifindex = ctx->ingress_ifindex;
	const struct san_iface *iface = bpf_map_lookup_elem(&san_ifaces, &ifindex);
	__u64 len = srv6_end(ctx) - srv6_start(ctx);
	struct ingress in; /* each step fills what the next ones read */
	__u8 policy;
	int r;

	if (!iface || iface->role != SAN_ROLE_INGRESS)
		return verdict(SAN_R_NO_ROLE, 0, len);
	policy = iface->policy;
	in.inner.frame = len;
	r = ingress_steer(ctx, iface, &in);
	return verdict(r < 0 ? -r : r, policy, len);
}

char _license[] SEC("license") = "GPL";
