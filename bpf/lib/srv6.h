/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rewriting: push a next hop's prepared IPv6 header and SRH (RFC 8986 section 5), or only new MAC
 * addresses. Nothing is written before everything that can fail has succeeded, so that a packet
 * goes to the kernel as it came.
 */
#ifndef BPF_LIB_SRV6_H
#define BPF_LIB_SRV6_H

#include "lib/cursor.h"
#include "lib/maps.h"

#define SRV6_ETH_LEN 14
#define SRV6_ETH_IP6 0x86dd
#define SRV6_CLASS_MASK 0xfff00000 /* version and traffic class */
#define SRV6_MAX_LEN 65535 /* of the whole packet: keeps the payload length in its 16 bits */

/* What the outer header takes from the inner packet, read before the packet moves. */
struct srv6_inner {
	__u32 first;	/* version, traffic class, flow label; as in the packet */
	__u32 label;	/* outer flow label, 20 bits */
	__u64 len;	/* header and payload */
	__u64 frame;	/* L2 length as received */
	__u8 hop_limit; /* as received, > 1 */
};

static __always_inline __u8 *srv6_start(const struct xdp_md *ctx)
{
	return (__u8 *)(long)ctx->data;
}

static __always_inline __u8 *srv6_end(const struct xdp_md *ctx)
{
	return (__u8 *)(long)ctx->data_end;
}

/* May this packet go out by the next hop, with extra bytes in front of it? */
static __always_inline int srv6_check(const struct srv6_inner *in, const struct san_nexthop *nh,
				      __u64 extra)
{
	__u64 len = in->len + extra;

	if (in->hop_limit <= 1)
		return -SAN_R_HOP_LIMIT;
	if (len > nh->mtu || len > SRV6_MAX_LEN)
		return -SAN_R_TOO_BIG;
	/* Asked before the packet is changed: an interface without a role is not in the map, the
	 * kernel can send there all the same. */
	if (bpf_redirect_map(&san_tx, nh->ifindex, XDP_PASS) != XDP_REDIRECT)
		return -SAN_R_NH_UNRESOLVED;
	return 0;
}

/* Ethernet padding would travel on as bytes behind the inner packet. */
static __always_inline void srv6_trim(struct xdp_md *ctx, const struct srv6_inner *in)
{
	__u64 len = SRV6_ETH_LEN + in->len;

	if (in->frame > len)
		bpf_xdp_adjust_tail(ctx, -(int)(in->frame - len));
}

static __always_inline void srv6_write_eth(__u8 *eth, const struct san_nexthop *nh)
{
	*(__u64 *)eth = *(const __u64 *)nh->dst_mac;
	*(__u32 *)(eth + 8) = *(const __u32 *)(nh->src_mac + 2);
	*(__u16 *)(eth + 12) = cursor_be16(SRV6_ETH_IP6);
}

/* len is a constant and the pointers are said to be aligned: the copy becomes moves of 64 bits. */
static __always_inline int srv6_write(struct xdp_md *ctx, const struct san_nexthop *nh,
				      const struct srv6_inner *in, const int len)
{
	__u8 *eth = srv6_start(ctx);
	__u8 *outer = eth + SRV6_ETH_LEN;
	__u8 *inner = outer + len;

	if (inner + CURSOR_IP6_LEN > srv6_end(ctx))
		return -SAN_R_NO_HEADROOM; /* not reached: the head was just moved by len */
	srv6_write_eth(eth, nh);
	__builtin_memcpy((__u64 *)outer, nh->outer, len);
	*(__u32 *)outer = (in->first & cursor_be32(SRV6_CLASS_MASK)) | cursor_be32(in->label);
	*(__u16 *)(outer + 4) = cursor_be16((__u16)(in->len + len - CURSOR_IP6_LEN));
	inner[7] = in->hop_limit - 1;
	if (!nh->hop_limit)
		outer[7] = in->hop_limit - 1;
	return 0;
}

static __always_inline int srv6_encap(struct xdp_md *ctx, const struct san_nexthop *nh,
				      const struct srv6_inner *in, const int len)
{
	int r = srv6_check(in, nh, len);

	if (r)
		return r;
	srv6_trim(ctx, in);
	if (bpf_xdp_adjust_head(ctx, -len))
		return -SAN_R_NO_HEADROOM;
	return srv6_write(ctx, nh, in, len);
}

/* Lengths of an outer header: IPv6 alone, or IPv6, SRH and 1 to SAN_MAX_SEGS segments. */
static __always_inline int srv6_push(struct xdp_md *ctx, const struct san_nexthop *nh,
				     const struct srv6_inner *in)
{
	switch (nh->outer_len) {
	case 40:
		return srv6_encap(ctx, nh, in, 40);
	case 64:
		return srv6_encap(ctx, nh, in, 64);
	case 80:
		return srv6_encap(ctx, nh, in, 80);
	case 96:
		return srv6_encap(ctx, nh, in, 96);
	case 112:
		return srv6_encap(ctx, nh, in, 112);
	case 128:
		return srv6_encap(ctx, nh, in, 128);
	case 144:
		return srv6_encap(ctx, nh, in, 144);
	case 160:
		return srv6_encap(ctx, nh, in, 160);
	case 176:
		return srv6_encap(ctx, nh, in, 176);
	default:
		return -SAN_R_NH_INVALID;
	}
}

/* New MAC addresses and a hop less, nothing pushed. */
static __always_inline int srv6_direct(struct xdp_md *ctx, const struct san_nexthop *nh,
				       const struct srv6_inner *in)
{
	int r = srv6_check(in, nh, 0);
	__u8 *eth;

	if (r)
		return r;
	srv6_trim(ctx, in);
	eth = srv6_start(ctx);
	if (eth + SRV6_ETH_LEN + CURSOR_IP6_LEN > srv6_end(ctx))
		return -SAN_R_TRUNCATED; /* not reached: the cursor has read the header */
	srv6_write_eth(eth, nh);
	eth[SRV6_ETH_LEN + 7] = in->hop_limit - 1;
	return 0;
}

#endif
