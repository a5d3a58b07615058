/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a flow is, its hash (outer flow label), and affinity: a flow of a service that asks for it
 * keeps its next hop, in a bounded LRU table, while the next hop is the one it was (epoch).
 */
#ifndef BPF_LIB_FLOW_H
#define BPF_LIB_FLOW_H

#include "lib/cursor.h"
#include "lib/maps.h"

#define FLOW_REFRESH_NS 1000000000ull
#define FLOW_LABEL_MASK 0xfffff
#define FLOW_TCP_FLAGS 13 /* offset in the TCP header */
#define FLOW_TCP_SYN 0x02
#define FLOW_TCP_ACK 0x10

/* Offsets in the IPv6 header. */
#define FLOW_SRC 8
#define FLOW_DST 24

/* sport, dport, proto and padding of struct san_flow_key; ports as in the packet. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FLOW_LAST_WORD(ports, proto) ((__u64)(proto) << 32 | (ports))
#else
#define FLOW_LAST_WORD(ports, proto) ((__u64)(ports) << 32 | (__u32)(proto) << 24)
#endif

_Static_assert(__builtin_offsetof(struct san_flow_key, sport) == 40, "ports begin the last word");
_Static_assert(__builtin_offsetof(struct san_flow_key, proto) == 44, "the protocol follows");

/* May a router forward by this address? Not link-local, multicast (RFC 4291 sections 2.5.6, 2.7),
 * nor from ::/64 (unspecified, loopback, IPv4-mapped: 2.5.2, 2.5.3, 2.5.5). */
static __always_inline int flow_routable(const __u8 *addr)
{
	if (addr[0] < 0xfe)
		return CURSOR_LOAD(__u64, addr) != 0;
	return addr[0] == 0xfe && (addr[1] & 0xc0) != 0x80;
}

/* 20 bits over addresses, ports and protocol, never 0 ("no label", RFC 6437). Independent products,
 * so that they run side by side; one more to mix them. */
static __always_inline __u32 flow_label(const __u8 *ip6, __u32 ports, __u8 proto, __u64 seed)
{
	__u64 h = seed;
	__u32 label;

	h += CURSOR_LOAD(__u64, ip6 + FLOW_SRC) * 0x9e3779b97f4a7c15ull;
	h += CURSOR_LOAD(__u64, ip6 + FLOW_SRC + 8) * 0xbf58476d1ce4e5b9ull;
	h += CURSOR_LOAD(__u64, ip6 + FLOW_DST) * 0x94d049bb133111ebull;
	h += CURSOR_LOAD(__u64, ip6 + FLOW_DST + 8) * 0xd6e8feb86659fd93ull;
	h += ((__u64)proto << 32 | ports) * 0xa0761d6478bd642full;
	h = (h ^ h >> 32) * 0xe7037ed1a0b428dbull;
	label = h >> 44;
	return label ? label : 1;
}

static __always_inline void flow_key(struct san_flow_key *key, const __u8 *ip6,
				     const struct san_found *found)
{
	__u64 *word = (__u64 *)key;

	word[0] = CURSOR_LOAD(__u64, ip6 + FLOW_SRC);
	word[1] = CURSOR_LOAD(__u64, ip6 + FLOW_SRC + 8);
	word[2] = CURSOR_LOAD(__u64, ip6 + FLOW_DST);
	word[3] = CURSOR_LOAD(__u64, ip6 + FLOW_DST + 8);
	word[4] = found->service_id;
	/* One store of the whole word: the look-up reads it so, and the CPU passes on to a load
	 * only what one store has written. */
	word[5] = FLOW_LAST_WORD(found->ports, found->l4_proto);
}

/* Does a TCP connection begin here? Then an entry is of an earlier one that had the same ports:
 * clients use a port again as soon as it is free. base: IPv6 header. */
static __always_inline int flow_begins(const __u8 *base, const __u8 *end,
				       const struct san_found *found)
{
	__u64 off = (found->l4_off & CURSOR_OFF_MASK) + FLOW_TCP_FLAGS;

	if (found->l4_proto != CURSOR_TCP || off >= found->len || base + off + 1 > end)
		return 0;
	return (base[off] & (FLOW_TCP_SYN | FLOW_TCP_ACK)) == FLOW_TCP_SYN;
}

/* The next hop this flow has had, NULL when it has none or its index was given up since. */
static __always_inline const struct san_nexthop *flow_nexthop(struct san_flow *flow, __u32 *index,
							      __u64 now)
{
	const struct san_nexthop *nh;

	*index = flow->nexthop;
	nh = bpf_map_lookup_elem(&san_nexthops, index);
	if (!nh || nh->epoch != flow->epoch || nh->kind == SAN_NH_UNUSED)
		return NULL;
	/* Writing a line that all CPUs of a flow share costs: once a second is enough. */
	if (now - flow->last_ns > FLOW_REFRESH_NS)
		flow->last_ns = now;
	return nh;
}

/* A full table evicts its oldest; a failed insert costs the flow its affinity, not its packet. */
static __always_inline void flow_remember(const struct san_flow_key *key, __u32 index,
					  const struct san_nexthop *nh, __u64 now)
{
	struct san_flow flow = {.nexthop = index, .epoch = nh->epoch, .last_ns = now};

	bpf_map_update_elem(&san_flows, key, &flow, BPF_ANY);
}

#endif
