/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SRv6 endpoint behaviours (RFC 8986 section 4) as operations on a packet whose destination is a
 * SID: read the outer headers, go to the next segment, take the inner packet out. The same bytes as
 * the kernel's seg6local makes, where it knows the behaviour. Answers are 0 or a negative reason;
 * nothing is written before everything that can fail has succeeded.
 */
#ifndef BPF_LIB_ENDPOINT_H
#define BPF_LIB_ENDPOINT_H

#include "lib/cursor.h"
#include "lib/ipv4.h"
#include "lib/l2.h"
#include "lib/maps.h"
#include "lib/packet.h"

#define ENDPOINT_NEXT_IP4 4
#define ENDPOINT_NEXT_IP6 41
#define ENDPOINT_SRH_FIXED 8
#define ENDPOINT_OFF_MASK 0xfff /* outer headers: at most 40 + 2048 bytes */
#define ENDPOINT_AF_INET 2
#define ENDPOINT_AF_INET6 10
#define ENDPOINT_CLASS_LABEL cursor_be32(0x0fffffff)

/* Outer headers: IPv6 [| SRH]. Offsets and lengths are counted from the IPv6 header. */
struct endpoint {
	__u64 frame;	/* L2 length as received */
	__u64 len;	/* where the outer packet ends */
	__u64 off;	/* what follows the outer headers */
	__u64 srh;	/* bytes of the SRH, 0 = none */
	__u8 next;	/* type of what follows */
	__u8 left;	/* Segments Left */
	__u8 hop_limit; /* outer */
};

/* The packet inside. */
struct endpoint_inner {
	__u64 len; /* IP header and payload */
	__u8 ip4;
	__u8 hop_limit; /* or TTL */
};

/* Where to: out of the interface with these addresses. */
struct endpoint_way {
	__u8 mac[12]; /* destination, source */
	__u32 ifindex;
} __attribute__((aligned(8)));

/* An address; said to be aligned, so that it is moved in words. */
static __always_inline void endpoint_copy(void *to, const void *from)
{
	__builtin_memcpy((__u32 *)to, (const __u32 *)from, 16);
}

/* RFC 8754 section 4.3.1.1. A reduced list lacks the first segment, so Segments Left may be one
 * more than Last Entry. */
static __always_inline int endpoint_read_srh(const __u8 *srh, const __u8 *end, struct endpoint *ep)
{
	__u64 len;

	if (CURSOR_IP6_LEN + ENDPOINT_SRH_FIXED > ep->len || srh + ENDPOINT_SRH_FIXED > end)
		return -SAN_R_TRUNCATED;
	if (srh[2] != CURSOR_SRH_TYPE)
		return 0;
	len = (srh[1] + 1) * 8;
	if (CURSOR_IP6_LEN + len > ep->len)
		return -SAN_R_TRUNCATED;
	if ((srh[4] + 1) * 16 + ENDPOINT_SRH_FIXED > len || srh[3] > srh[4] + 1)
		return -SAN_R_BAD_SRH;
	ep->srh = len;
	ep->off = CURSOR_IP6_LEN + len;
	ep->next = srh[0];
	ep->left = srh[3];
	return 0;
}

/* ip6: the outer header, 40 bytes of it in the packet; ep->frame and ep->len are set. */
static __always_inline int endpoint_read(const __u8 *ip6, const __u8 *end, struct endpoint *ep)
{
	ep->next = ip6[6];
	ep->hop_limit = ip6[7];
	ep->off = CURSOR_IP6_LEN;
	ep->srh = 0;
	ep->left = 0;
	if (ep->next != CURSOR_ROUTING)
		return 0;
	return endpoint_read_srh(ip6 + CURSOR_IP6_LEN, end, ep);
}

static __always_inline int endpoint_inner_6(const __u8 *ip6, const __u8 *end, __u64 room,
					    struct endpoint_inner *in)
{
	if (room < CURSOR_IP6_LEN || ip6 + CURSOR_IP6_LEN > end)
		return -SAN_R_TRUNCATED;
	if (ip6[0] >> 4 != 6)
		return -SAN_R_NOT_IP;
	in->len = CURSOR_IP6_LEN + cursor_be16(CURSOR_LOAD(__u16, ip6 + 4));
	in->hop_limit = ip6[7];
	in->ip4 = 0;
	return in->len > room ? -SAN_R_TRUNCATED : 0;
}

static __always_inline int endpoint_inner_4(const __u8 *ip, const __u8 *end, __u64 room,
					    struct endpoint_inner *in)
{
	__u64 ihl;

	if (room < IPV4_MIN_LEN || ip + IPV4_MIN_LEN > end)
		return -SAN_R_TRUNCATED;
	ihl = (ip[0] & 0xf) * 4;
	in->len = cursor_be16(CURSOR_LOAD(__u16, ip + 2));
	in->hop_limit = ip[8];
	in->ip4 = 1;
	if (ip[0] >> 4 != 4 || ihl < IPV4_MIN_LEN || in->len < ihl || in->len > room)
		return -SAN_R_BAD_IPV4;
	return 0;
}

/* The packet inside must be of this kind; ip4: a number, as in the next-header field. */
static __always_inline int endpoint_inside(const struct xdp_md *ctx, const struct endpoint *ep,
					   __u8 next, struct endpoint_inner *in)
{
	const __u8 *ip = l2_start_anew(ctx) + L2_ETH_LEN + (ep->off & ENDPOINT_OFF_MASK);
	__u64 room = ep->len - ep->off;

	if (ep->left)
		return -SAN_R_SEGMENTS_LEFT;
	if (ep->next != next)
		return -SAN_R_UPPER_LAYER;
	cursor_pin(ip);
	if (next == ENDPOINT_NEXT_IP4)
		return endpoint_inner_4(ip, l2_end_anew(ctx), room, in);
	return endpoint_inner_6(ip, l2_end_anew(ctx), room, in);
}

/* The kernel's route and neighbour. What it would do with the packet besides forwarding it (local
 * delivery, further encapsulation, fragments) is left to it. */
static __noinline int endpoint_route(struct xdp_md *ctx, struct bpf_fib_lookup *fib, __u32 flags,
				     struct endpoint_way *way)
{
	fib->ifindex = ctx->ingress_ifindex;
	if (bpf_fib_lookup(ctx, fib, sizeof(*fib), flags) != BPF_FIB_LKUP_RET_SUCCESS)
		return -SAN_R_NO_ROUTE;
	way->ifindex = fib->ifindex;
	__builtin_memcpy(way->mac, fib->dmac, 6);
	__builtin_memcpy(way->mac + 6, fib->smac, 6);
	return maps_can_send(fib->ifindex) ? 0 : -SAN_R_NO_ROUTE;
}

/* Ethernet padding, and what the outer packet holds behind the inner one. */
static __always_inline void endpoint_trim(struct xdp_md *ctx, const struct endpoint *ep, __u64 len)
{
	if (ep->frame > L2_ETH_LEN + len)
		bpf_xdp_adjust_tail(ctx, -(int)(ep->frame - L2_ETH_LEN - len));
}

static __always_inline void endpoint_write_eth(__u8 *eth, const void *mac, __u16 type)
{
	__builtin_memcpy((__u32 *)eth, (const __u32 *)mac, 12);
	*(__u16 *)(eth + 12) = cursor_be16(type);
}

/* Takes the inner packet out and addresses it. Its hop limit is more than 1. */
static __always_inline int endpoint_take_out(struct xdp_md *ctx, const struct endpoint *ep,
					     const struct endpoint_inner *in, const void *mac)
{
	__u8 *eth;

	endpoint_trim(ctx, ep, ep->off + in->len);
	if (bpf_xdp_adjust_head(ctx, (int)(ep->off & ENDPOINT_OFF_MASK)))
		return -SAN_R_TRUNCATED; /* not reached: there is an inner packet */
	eth = l2_start_anew(ctx);
	if (eth + L2_ETH_LEN + IPV4_MIN_LEN > l2_end_anew(ctx))
		return -SAN_R_TRUNCATED; /* not reached, as above */
	endpoint_write_eth(eth, mac, in->ip4 ? L2_IP4 : L2_IP6);
	if (in->ip4)
		ipv4_age(eth + L2_ETH_LEN);
	else
		eth[L2_ETH_LEN + 7]--;
	return 0;
}

/* The inner packet goes out by a next hop of kind DIRECT. */
static __always_inline int endpoint_direct(struct xdp_md *ctx, const struct endpoint *ep,
					   const struct endpoint_inner *in,
					   const struct san_nexthop *nh)
{
	if (in->hop_limit <= 1)
		return -SAN_R_HOP_LIMIT;
	if (in->len > nh->mtu)
		return -SAN_R_TOO_BIG_KERNEL;
	if (!maps_can_send(nh->ifindex))
		return -SAN_R_NH_UNRESOLVED;
	return endpoint_take_out(ctx, ep, in, nh->dst_mac);
}

static __always_inline int endpoint_fib_6(struct bpf_fib_lookup *fib, const __u8 *ip6,
					  const __u8 *end, __u64 len)
{
	if (ip6 + CURSOR_IP6_LEN > end)
		return -SAN_R_TRUNCATED; /* not reached: it has been read */
	fib->family = ENDPOINT_AF_INET6;
	fib->l4_protocol = ip6[6];
	fib->tot_len = len;
	fib->flowinfo = CURSOR_LOAD(__u32, ip6) & ENDPOINT_CLASS_LABEL;
	endpoint_copy(fib->ipv6_src, ip6 + PACKET_SRC);
	endpoint_copy(fib->ipv6_dst, ip6 + PACKET_DST);
	return 0;
}

static __always_inline int endpoint_fib_4(struct bpf_fib_lookup *fib, const __u8 *ip,
					  const __u8 *end, __u64 len)
{
	if (ip + IPV4_MIN_LEN > end)
		return -SAN_R_TRUNCATED; /* not reached: it has been read */
	fib->family = ENDPOINT_AF_INET;
	fib->l4_protocol = ip[9];
	fib->tot_len = len;
	fib->tos = ip[1];
	fib->ipv4_src = CURSOR_LOAD(__u32, ip + 12);
	fib->ipv4_dst = CURSOR_LOAD(__u32, ip + 16);
	return 0;
}

/* The inner packet goes where the main table says (RFC 8986 sections 4.6, 4.16.3). */
static __always_inline int endpoint_routed(struct xdp_md *ctx, const struct endpoint *ep,
					   const struct endpoint_inner *in)
{
	const __u8 *ip = l2_start_anew(ctx) + L2_ETH_LEN + (ep->off & ENDPOINT_OFF_MASK);
	struct bpf_fib_lookup fib = {};
	struct endpoint_way way;
	int r;

	if (in->hop_limit <= 1)
		return -SAN_R_HOP_LIMIT;
	cursor_pin(ip);
	if (in->ip4)
		r = endpoint_fib_4(&fib, ip, l2_end_anew(ctx), in->len);
	else
		r = endpoint_fib_6(&fib, ip, l2_end_anew(ctx), in->len);
	if (r)
		return r;
	r = endpoint_route(ctx, &fib, BPF_FIB_LOOKUP_DIRECT, &way);
	return r ? r : endpoint_take_out(ctx, ep, in, way.mac);
}

/* What the next segment needs. */
struct endpoint_step {
	__be32 segment[4];
	struct endpoint_way way;
};

static __always_inline void endpoint_advance(struct xdp_md *ctx, const struct endpoint *ep,
					     const struct endpoint_step *step)
{
	__u8 *eth = l2_start_anew(ctx), *ip6 = eth + L2_ETH_LEN, *srh = ip6 + CURSOR_IP6_LEN;

	if (srh + ENDPOINT_SRH_FIXED > l2_end_anew(ctx))
		return; /* not reached: it has been read */
	endpoint_write_eth(eth, step->way.mac, L2_IP6);
	ip6[7] = ep->hop_limit - 1;
	endpoint_copy(ip6 + PACKET_DST, step->segment);
	srh[3] = ep->left - 1;
}

/* The SRH has done its work: the IPv6 header moves to where it ends. */
static __always_inline void endpoint_pop(struct xdp_md *ctx, const struct endpoint *ep,
					 const struct endpoint_step *step)
{
	__u8 *eth = l2_start_anew(ctx), *ip6 = eth + L2_ETH_LEN;
	__u32 head[CURSOR_IP6_LEN / 4];

	if (ip6 + CURSOR_IP6_LEN > l2_end_anew(ctx))
		return; /* not reached: it has been read */
	__builtin_memcpy(head, (const __u32 *)ip6, CURSOR_IP6_LEN);
	if (bpf_xdp_adjust_head(ctx, (int)(ep->srh & ENDPOINT_OFF_MASK)))
		return; /* not reached: there is an IPv6 header behind */
	eth = l2_start_anew(ctx);
	ip6 = eth + L2_ETH_LEN;
	if (ip6 + CURSOR_IP6_LEN > l2_end_anew(ctx))
		return; /* not reached, as above */
	endpoint_write_eth(eth, step->way.mac, L2_IP6);
	__builtin_memcpy((__u32 *)ip6, head, CURSOR_IP6_LEN);
	*(__u16 *)(ip6 + 4) = cursor_be16((__u16)(ep->len - ep->srh - CURSOR_IP6_LEN));
	ip6[6] = ep->next;
	ip6[7] = ep->hop_limit - 1;
	endpoint_copy(ip6 + PACKET_DST, step->segment);
}

static __always_inline int endpoint_segment(const struct xdp_md *ctx, const struct endpoint *ep,
					    __be32 segment[4])
{
	const __u8 *seg = l2_start_anew(ctx) + L2_ETH_LEN + CURSOR_IP6_LEN + ENDPOINT_SRH_FIXED;

	seg += (__u32)(__u8)(ep->left - 1) * 16;
	cursor_pin(seg);
	if (seg + 16 > l2_end_anew(ctx))
		return -SAN_R_TRUNCATED; /* not reached: the SRH is in the packet */
	endpoint_copy(segment, seg);
	return packet_routable6(segment) ? 0 : -SAN_R_NO_ROUTE;
}

/* End (RFC 8986 section 4.1) with Segments Left > 0; psp: section 4.16.1. */
static __always_inline int endpoint_next_segment(struct xdp_md *ctx, const struct endpoint *ep,
						 int psp)
{
	const __u8 *ip6 = l2_start_anew(ctx) + L2_ETH_LEN;
	struct bpf_fib_lookup fib = {};
	struct endpoint_step step;
	int pop = psp && ep->left == 1;
	int r;

	if (ep->hop_limit <= 1)
		return -SAN_R_HOP_LIMIT;
	r = endpoint_segment(ctx, ep, step.segment);
	if (!r)
		r = endpoint_fib_6(&fib, ip6, l2_end_anew(ctx), ep->len - (pop ? ep->srh : 0));
	if (r)
		return r;
	endpoint_copy(fib.ipv6_dst, step.segment);
	r = endpoint_route(ctx, &fib, 0, &step.way);
	if (r)
		return r;
	endpoint_trim(ctx, ep, ep->len);
	if (pop)
		endpoint_pop(ctx, ep, &step);
	else
		endpoint_advance(ctx, ep, &step);
	return 0;
}

#endif
