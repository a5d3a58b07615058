/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rewriting: push a next hop's prepared IPv6 header and SRH (RFC 8986 section 5), or only new MAC
 * addresses. Nothing is written before everything that can fail has succeeded, so that a packet
 * goes to the kernel as it came. One way for the usual packet (IPv6, no tag, no padding), inlined
 * with constant lengths; one for every packet, out of line.
 */
#ifndef BPF_LIB_SRV6_H
#define BPF_LIB_SRV6_H

#include "lib/cursor.h"
#include "lib/ipv4.h"
#include "lib/l2.h"
#include "lib/maps.h"
#include "lib/packet.h"

#define SRV6_MAX_LEN 65535 /* of the whole packet: keeps the payload length in its 16 bits */
#define SRV6_IP4_HOP_LIMIT 64
#define SRV6_NEXT_IP4 4
#define SRV6_NEXT_HEADER 6 /* offsets in the IPv6 header */
#define SRV6_HOP_LIMIT 7

static __always_inline void srv6_write_eth(__u8 *eth, const struct san_nexthop *nh, __u16 type)
{
	*(__u64 *)eth = *(const __u64 *)nh->dst_mac;
	*(__u32 *)(eth + 8) = *(const __u32 *)(nh->src_mac + 2);
	*(__u16 *)(eth + 12) = cursor_be16(type);
}

/* --- the usual packet ------------------------------------------------------------------ */

/* Asked before the packet is changed; the hop limit is more than 1. */
static __always_inline int srv6_usual_fits(const struct san_nexthop *nh, __u64 len)
{
	return len <= nh->mtu && len <= SRV6_MAX_LEN && maps_can_send(nh->ifindex);
}

/* Of a header that was just put in front of a packet of len bytes; size is a constant and the
 * pointers are said to be aligned: the copy becomes moves of 64 bits. */
static __always_inline int srv6_usual_write(struct xdp_md *ctx, const struct san_nexthop *nh,
					    __u32 label, __u64 len, const int size)
{
	__u8 *eth = l2_start(ctx);
	__u8 *outer = eth + L2_ETH_LEN;
	__u8 *inner = outer + size;
	__u8 hop_limit;

	if (inner + CURSOR_IP6_LEN > l2_end(ctx))
		return 0; /* not reached: the head was just moved by size */
	srv6_write_eth(eth, nh, L2_IP6);
	__builtin_memcpy((__u64 *)outer, nh->outer, size);
	*(__u32 *)outer = (CURSOR_LOAD(__u32, inner) & ~HASH_LABEL_MASK) | label;
	*(__u16 *)(outer + 4) = cursor_be16((__u16)(len + size - CURSOR_IP6_LEN));
	hop_limit = inner[SRV6_HOP_LIMIT] - 1;
	inner[SRV6_HOP_LIMIT] = hop_limit;
	if (!nh->hop_limit)
		outer[SRV6_HOP_LIMIT] = hop_limit;
	return 1;
}

static __always_inline int srv6_usual_push(struct xdp_md *ctx, const struct san_nexthop *nh,
					   __u32 label, __u64 len, const int size)
{
	return srv6_usual_fits(nh, len + size) && !bpf_xdp_adjust_head(ctx, -size) &&
	       srv6_usual_write(ctx, nh, label, len, size);
}

/* New MAC addresses and a hop less, nothing pushed. */
static __always_inline int srv6_usual_direct(struct xdp_md *ctx, const struct san_nexthop *nh,
					     __u64 len)
{
	__u8 *eth;

	if (!srv6_usual_fits(nh, len))
		return 0;
	eth = l2_start(ctx);
	if (eth + L2_ETH_LEN + CURSOR_IP6_LEN > l2_end(ctx))
		return 0;
	srv6_write_eth(eth, nh, L2_IP6);
	eth[L2_ETH_LEN + SRV6_HOP_LIMIT]--;
	return 1;
}

/* outer_len and kind of a next hop as one word: one load and one branch. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define SRV6_SHAPE(kind, len) ((__u32)(kind) << 16 | (len))
#define SRV6_SHAPE_MASK 0x00ffffffu
#else
#define SRV6_SHAPE(kind, len) ((__u32)(len) << 16 | (kind) << 8)
#define SRV6_SHAPE_MASK 0xffffff00u
#endif

/* Longer outer headers: up to SAN_MAX_SEGS segments. */
static __always_inline int srv6_usual_long(struct xdp_md *ctx, const struct san_nexthop *nh,
					   __u32 label, __u64 len)
{
	if (nh->kind != SAN_NH_SRV6)
		return 0;
	switch (nh->outer_len) {
	case 80:
		return srv6_usual_push(ctx, nh, label, len, 80);
	case 96:
		return srv6_usual_push(ctx, nh, label, len, 96);
	case 112:
		return srv6_usual_push(ctx, nh, label, len, 112);
	case 128:
		return srv6_usual_push(ctx, nh, label, len, 128);
	case 144:
		return srv6_usual_push(ctx, nh, label, len, 144);
	case 160:
		return srv6_usual_push(ctx, nh, label, len, 160);
	case 176:
		return srv6_usual_push(ctx, nh, label, len, 176);
	default:
		return 0;
	}
}

/* len: of the IPv6 packet, which is all of the frame. 0: not done, nothing is changed. */
static __always_inline int srv6_usual_send(struct xdp_md *ctx, const struct san_nexthop *nh,
					   __u32 label, __u64 len)
{
	__u32 shape = *(const __u32 *)&nh->outer_len & SRV6_SHAPE_MASK;

	if (shape == SRV6_SHAPE(SAN_NH_SRV6, 40))
		return srv6_usual_push(ctx, nh, label, len, 40);
	if (shape == SRV6_SHAPE(SAN_NH_SRV6, 64))
		return srv6_usual_push(ctx, nh, label, len, 64);
	if (nh->kind == SAN_NH_DIRECT)
		return srv6_usual_direct(ctx, nh, len);
	return srv6_usual_long(ctx, nh, label, len);
}

/* --- every packet ---------------------------------------------------------------------- */

static __always_inline int srv6_is_outer(__u32 len)
{
	return len == CURSOR_IP6_LEN ||
	       (len >= 64 && len <= SAN_OUTER_WORDS * 8 && (len & 0xf) == 0);
}

/* A router has handled the packet at ip. 0: it is not there. */
static __always_inline int srv6_age(__u8 *ip, const __u8 *end, __u8 version)
{
	if (ip + IPV4_MIN_LEN > end)
		return 0;
	if (version == 4)
		ipv4_age(ip);
	else
		ip[SRV6_HOP_LIMIT]--;
	return 1;
}

/* Writes p's traffic class into it; ECN is in it as it was. 0: the packet is not there. */
static __always_inline int srv6_mark(__u8 *ip, const __u8 *end, const struct packet *p)
{
	if (ip + IPV4_MIN_LEN > end)
		return 0;
	if (p->version == 4)
		ipv4_mark(ip, p->tclass);
	else
		*(__u16 *)ip = (CURSOR_LOAD(__u16, ip) & cursor_be16(0xf00f)) |
			       cursor_be16((__u16)p->tclass << 4);
	return 1;
}

/* The prepared header, with what it takes from the inner packet. */
static __always_inline int srv6_write_outer(__u8 *outer, const __u8 *end,
					    const struct san_nexthop *nh, const struct packet *p)
{
	__u32 len = nh->outer_len, class = cursor_be32((__u32)p->tclass << 20 | 6u << 28);
	__u32 next = len == CURSOR_IP6_LEN ? SRV6_NEXT_HEADER : CURSOR_IP6_LEN;
	__u32 i;

	if (outer + CURSOR_IP6_LEN + 8 > end)
		return 0;
	for (i = 0; i < SAN_OUTER_WORDS && i * 8 < len; i++) {
		if (outer + i * 8 + 8 > end)
			return 0;
		*(__u64 *)(outer + i * 8) = nh->outer[i];
	}
	*(__u32 *)outer = class | hash_label(p->hash);
	*(__u16 *)(outer + 4) = cursor_be16((__u16)(p->len + len - CURSOR_IP6_LEN));
	if (p->version == 4)
		outer[next] = SRV6_NEXT_IP4;
	if (!nh->hop_limit)
		outer[SRV6_HOP_LIMIT] = p->version == 4 ? SRV6_IP4_HOP_LIMIT : p->hop_limit - 1;
	return 1;
}

/* May this packet go out by the next hop, with extra bytes in front of it? */
static __always_inline int srv6_check(const struct san_nexthop *nh, struct packet *p, __u32 extra)
{
	__u32 len = p->len + extra;

	if (!(nh->families & (p->version == 4 ? SAN_NH_IP4 : SAN_NH_IP6)))
		return -SAN_R_WRONG_FAMILY;
	if (p->hop_limit <= 1)
		return -SAN_R_HOP_LIMIT;
	if (len > nh->mtu || len > SRV6_MAX_LEN) {
		p->mtu = nh->mtu > extra ? nh->mtu - extra : 0;
		return -SAN_R_TOO_BIG;
	}
	return maps_can_send(nh->ifindex) ? 0 : -SAN_R_NH_UNRESOLVED;
}

/* Tags come off, the outer header in front; then Ethernet padding, which would travel on as bytes
 * behind the inner packet. */
static __always_inline int srv6_rewrite(struct xdp_md *ctx, const struct san_nexthop *nh,
					const struct packet *p, __u32 extra)
{
	__u32 padding = p->frame - p->l2_len - p->len;
	__u16 type = extra || p->version == 6 ? L2_IP6 : L2_IP4;
	__u64 off = extra;
	__u8 *eth, *end, *inner;

	/* Linux 5.10 knows no bounds of what is behind a branch here: the mask must stay. */
	cursor_pin(off);
	if (bpf_xdp_adjust_head(ctx, (int)p->l2_len - L2_ETH_LEN - (int)extra))
		return -SAN_R_NO_HEADROOM;
	if (padding)
		bpf_xdp_adjust_tail(ctx, -(int)padding);
	eth = l2_start(ctx);
	end = l2_end(ctx);
	if (eth + L2_ETH_LEN + IPV4_MIN_LEN > end)
		return -SAN_R_TRUNCATED; /* not reached: it has been read */
	srv6_write_eth(eth, nh, type);
	if (extra && !srv6_write_outer(eth + L2_ETH_LEN, end, nh, p))
		return -SAN_R_NO_HEADROOM; /* not reached: the head was just moved */
	inner = eth + L2_ETH_LEN + (off & 0xff);
	if ((p->mark && !srv6_mark(inner, end, p)) || !srv6_age(inner, end, p->version))
		return -SAN_R_TRUNCATED; /* not reached: as above */
	return 0;
}

/* Sends p by nh: what was read of it, all of it in the frame. 0: the redirect is prepared; else
 * -(reason), -SAN_R_TOO_BIG with p->mtu set, and the packet is as it came. */
static __noinline int srv6_send(struct xdp_md *ctx, const struct san_nexthop *nh, struct packet *p)
{
	__u32 extra = 0;
	int r;

	switch (nh->kind) {
	case SAN_NH_SRV6:
		extra = nh->outer_len;
		if (!srv6_is_outer(extra))
			return -SAN_R_NH_INVALID;
		break;
	case SAN_NH_DIRECT:
		break;
	case SAN_NH_UNRESOLVED:
		return -SAN_R_NH_UNRESOLVED;
	case SAN_NH_DROP:
		return -SAN_R_NH_DROP;
	default:
		return -SAN_R_NH_INVALID;
	}
	r = srv6_check(nh, p, extra);
	return r ? r : srv6_rewrite(ctx, nh, p, extra);
}

#endif
