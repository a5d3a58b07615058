/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a flow is, and its hash. No maps, no helpers: tests compile this file natively. Of one hash,
 * the outer flow label and the slot take different bits, so that routers that spread by label do
 * not see the choice of slots in it.
 */
#ifndef BPF_LIB_HASH_H
#define BPF_LIB_HASH_H

#include "lib/cursor.h"

/* Both odd; of no structure. */
#define HASH_ADD 0x9e3779b97f4a7c15ull
#define HASH_MIX 0xd6e8feb86659fd93ull
#define HASH_SLOT_SHIFT 15
#define HASH_LABEL_MASK cursor_be32(0xfffffu)

/* Addresses are IPv4-mapped for IPv4; ports as in the packet, 0 where the upper layer has none. */
struct flow {
	__be32 src[4];
	__be32 dst[4];
	__u32 ports;
	__u8 proto; /* IPPROTO_* of the upper layer */
	__u8 pad[3];
} __attribute__((aligned(8)));

/* sport, dport, proto and padding of struct san_flow_key as one word. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FLOW_LAST_WORD(ports, proto) ((__u64)(proto) << 32 | (ports))
#else
#define FLOW_LAST_WORD(ports, proto) ((__u64)(ports) << 32 | (__u32)(proto) << 24)
#endif

_Static_assert(__builtin_offsetof(struct san_flow_key, sport) == 40, "ports begin the last word");
_Static_assert(__builtin_offsetof(struct san_flow_key, proto) == 44, "the protocol follows");

/* Two factors of an address; the first is odd, so that no bit of the second gets lost. */
static __always_inline __u64 hash_address(__u64 high, __u64 low)
{
	return (high | 1) * low;
}

/* A product carries low bits up only: turned around, a second one carries the rest. */
static __always_inline __u64 hash_mix(__u64 sum)
{
	return cursor_be64(sum) * HASH_MIX;
}

/* Words of addresses as they stand in memory; last: FLOW_LAST_WORD. */
static __always_inline __u64 hash_words(const __u64 src[2], const __u64 dst[2], __u64 last,
					__u64 seed)
{
	return hash_mix(hash_address(src[0] + seed, src[1] + HASH_ADD) +
			hash_address(dst[0] ^ seed, dst[1] + last));
}

/* Over the source address only. */
static __always_inline __u64 hash_source(const __u64 src[2], __u64 seed)
{
	return hash_mix(hash_address(src[0] + seed, src[1] + HASH_ADD));
}

static __always_inline __u64 hash_flow(const struct flow *flow, __u64 seed)
{
	return hash_words((const __u64 *)flow->src, (const __u64 *)flow->dst,
			  FLOW_LAST_WORD(flow->ports, flow->proto), seed);
}

/* 20 bits as they stand in the header, never 0 ("no label", RFC 6437). */
static __always_inline __u32 hash_label(__u64 hash)
{
	__u32 label = (__u32)(hash >> 32) & HASH_LABEL_MASK;

	return label ? label : cursor_be32(1);
}

/* What slots are chosen by: slot = slot_base + (this & (2^slot_bits - 1)). */
static __always_inline __u32 hash_slot(__u64 hash)
{
	return hash >> HASH_SLOT_SHIFT;
}

#endif
