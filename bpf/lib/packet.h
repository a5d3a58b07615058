/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a program knows of an IP packet, of either version, and how it comes to know it. For packets
 * that are not the usual ones; nothing here writes to the packet.
 */
#ifndef BPF_LIB_PACKET_H
#define BPF_LIB_PACKET_H

#include <linux/bpf.h>

#include "lib/consts.h"
#include "lib/cursor.h"
#include "lib/hash.h"
#include "lib/ipv4.h"
#include "lib/l2.h"

#define PACKET_TCP_FLAGS 13 /* offset in the TCP header */
#define PACKET_TCP_SYN 0x02
#define PACKET_TCP_ACK 0x10
#define PACKET_L3_MASK 0xfff /* behind L2 and, at the core, outer headers */

/* Offsets in the IPv6 header. */
#define PACKET_SRC 8
#define PACKET_DST 24

/* Zero until it is known. Facts come first, then what was decided. */
struct packet {
	struct flow flow;
	__u32 len;	/* IP header and payload: where the packet ends */
	__u32 frame;	/* L2, as received */
	__u32 frag_id;	/* with fragment: network order, as in struct san_frag_key */
	__u32 ifindex;	/* where it was received */
	__u64 zero;	/* 0, but the verifier does not know: see packet_zero() */
	__u16 l2_len;	/* Ethernet header and tags */
	__u16 l4_off;	/* from the IP header to the upper layer, 0 = none reachable */
	__u8 version;	/* 4 or 6 */
	__u8 tclass;	/* traffic class, TOS */
	__u8 hop_limit; /* TTL */
	__u8 next;	/* IPv6: next header of the first header */
	__u8 fragment;	/* 1: is one, or has a fragment header */
	__u8 more;	/* 1: and more follow */
	__u8 begins;	/* 1: TCP SYN without ACK */
	__u8 by;	/* enum san_event_by */
	__u16 act;	/* this and the next two of its rule, as in struct san_frag */
	__u8 verdict;
	__u8 mark;	  /* where it counts, tclass is the one that it gives */
	__u64 service_id; /* 0 = none */
	__u64 hash;	  /* hash_flow() */
	__u32 nexthop;	  /* index, 0 = none was chosen */
	__u32 slot;	  /* BALANCED: index into san_slots */
	__u32 stats;	  /* index into san_svc_stats */
	__u32 generation; /* of the service's entry */
	__u32 mtu;	  /* too big: what would fit */
	__u32 cause;	  /* goal down: the reason that it stands for */
};

/* act, verdict and mark are one word, in the same order, in a rule, a packet and a fragment. */
#define PACKET_SAME(type)                                                                          \
	_Static_assert(                                                                            \
		__builtin_offsetof(type, act) % 4 == 0 &&                                          \
			__builtin_offsetof(type, verdict) == __builtin_offsetof(type, act) + 2 &&  \
			__builtin_offsetof(type, mark) == __builtin_offsetof(type, act) + 3,       \
		"a word")
PACKET_SAME(struct san_class_rule);
PACKET_SAME(struct packet);
PACKET_SAME(struct san_frag);
#define PACKET_RULE(of) ((const __u32 *)&(of)->act)

/*
 * The verifier walks every path behind a place once for each value that it knows there: reasons,
 * versions, lengths. Adding an unknown that is 0 makes it forget, and paths meet again. Two reads
 * of the context are two values to it.
 */
static __always_inline __u64 packet_zero(const struct xdp_md *ctx)
{
	const volatile __u32 *queue = &ctx->rx_queue_index;

	return *queue ^ *queue;
}

/* May a router forward by this address? Not link-local, multicast (RFC 4291 sections 2.5.6, 2.7),
 * nor from ::/64 (unspecified, loopback, IPv4-mapped: 2.5.2, 2.5.3, 2.5.5). */
static __always_inline int packet_routable6(const __be32 addr[4])
{
	const __u8 *byte = (const __u8 *)addr;

	if (byte[0] == 0xff || (byte[0] == 0xfe && (byte[1] & 0xc0) == 0x80))
		return 0;
	return (addr[0] | addr[1]) != 0;
}

/* Not 0/8, 127/8, 169.254/16, nor multicast, reserved and broadcast (RFC 6890). */
static __always_inline int packet_routable4(__be32 addr)
{
	__u32 host = cursor_be32(addr);

	return host >> 24 && host >> 24 != 127 && host >> 16 != 0xa9fe && host < 0xe0000000;
}

static __always_inline int packet_routable(const struct packet *p)
{
	if (p->version == 4)
		return packet_routable4(p->flow.src[3]) && packet_routable4(p->flow.dst[3]);
	return packet_routable6(p->flow.src) && packet_routable6(p->flow.dst);
}

/* Does a TCP connection begin here? Then what is remembered of its flow is of an earlier one that
 * had the same ports: clients use a port again as soon as it is free. */
static __always_inline void packet_begins(const __u8 *ip, const __u8 *end, struct packet *p)
{
	__u64 off = (p->l4_off & CURSOR_OFF_MASK) + PACKET_TCP_FLAGS;

	if (p->flow.proto != CURSOR_TCP || !p->l4_off || off >= p->len || ip + off + 1 > end)
		return;
	p->begins = (ip[off] & (PACKET_TCP_SYN | PACKET_TCP_ACK)) == PACKET_TCP_SYN;
}

/* Addresses and what is beside them in the fixed header; 0: there is none. */
static __always_inline int packet_head6(const __u8 *ip6, const __u8 *end, struct packet *p)
{
	if (ip6 + CURSOR_IP6_LEN > end || ip6[0] >> 4 != 6)
		return 0;
	__builtin_memcpy(p->flow.src, (const __u32 *)(ip6 + PACKET_SRC), sizeof(p->flow.src));
	__builtin_memcpy(p->flow.dst, (const __u32 *)(ip6 + PACKET_DST), sizeof(p->flow.dst));
	p->tclass = ip6[0] << 4 | ip6[1] >> 4;
	p->next = ip6[6];
	p->hop_limit = ip6[7];
	return 1;
}

static __always_inline int packet_read6(const __u8 *ip6, const __u8 *end, struct packet *p)
{
	const struct san_profile *prof = (const struct san_profile *)&profile;
	struct san_found found;
	int r;

	/* Else the compiler takes the initial values for constants. */
	cursor_pin(prof);
	r = cursor_walk(ip6, end, prof, &found);
	p->len = found.len;
	p->flow.ports = found.ports;
	p->flow.proto = found.l4_proto;
	p->l4_off = found.l4_off;
	p->fragment = found.fragment;
	p->more = found.more;
	p->frag_id = found.frag_id;
	if (!r) {
		p->service_id = found.service_id;
		p->by = SAN_BY_HEADER;
	}
	return r;
}

static __always_inline int packet_read4(const __u8 *ip, const __u8 *end, struct packet *p)
{
	struct ipv4_found found;
	int r = ipv4_read(ip, end, &found);

	p->flow.src[2] = p->flow.dst[2] = found.len ? cursor_be32(0xffff) : 0;
	p->flow.src[3] = found.src;
	p->flow.dst[3] = found.dst;
	p->flow.ports = found.ports;
	p->flow.proto = found.proto;
	p->len = found.len;
	p->l4_off = found.l4_off;
	p->fragment = found.fragment;
	p->more = found.more;
	p->frag_id = found.id;
	p->tclass = found.tos;
	p->hop_limit = found.ttl;
	return r;
}

/* What the reading has found out, for the verifier: nothing. */
static __always_inline void packet_forget(struct packet *p)
{
	__u64 *addr = (__u64 *)&p->flow;
	__u64 zero = p->zero;

	addr[0] += zero;
	addr[1] += zero;
	addr[2] += zero;
	addr[3] += zero;
	p->flow.ports += zero;
	p->flow.proto += zero;
	p->len += zero;
	p->frag_id += zero;
	p->l4_off += zero;
	p->tclass += zero;
	p->hop_limit += zero;
	p->next += zero;
	p->fragment += zero;
	p->more += zero;
	p->begins += zero;
	p->by += zero;
	p->service_id += zero;
}

/*
 * Reads the packet of version p->version whose IP header is l3 bytes from the frame's start. p has
 * zero set, and is all 0 otherwise. 0: it has a SAN header, service_id and by are set; else
 * -(reason): of the cursor for IPv6; IPv4 has no SAN header and is -SAN_R_NO_SAN at best. Facts are
 * set as far as the way went.
 */
static __noinline int packet_read(struct xdp_md *ctx, __u32 l3, struct packet *p)
{
	const __u8 *ip = l2_start(ctx) + (l3 & PACKET_L3_MASK);
	const __u8 *end = l2_end(ctx);
	int r;

	cursor_pin(ip);
	if (p->version == 6) {
		packet_head6(ip, end, p);
		r = packet_read6(ip, end, p);
	} else {
		r = packet_read4(ip, end, p);
	}
	packet_begins(ip, end, p);
	packet_forget(p);
	p->hash = hash_flow(&p->flow, flow_seed);
	return r + p->zero;
}

#endif
