/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names, keys and values of the BPF maps: the contract between bpf/ (reads, counts) and the parent
 * process of sand (the only writer of everything but flows and counters). A layout change bumps
 * SAN_ABI_VERSION in the same commit. Integers are host order unless the type is __be*.
 * Maps are pinned by name under the pin directory (default /sys/fs/bpf/sand).
 */
#ifndef SAN_MAP_ABI_H
#define SAN_MAP_ABI_H

#include <linux/types.h>

#define SAN_ABI_VERSION 2

#define SAN_MAX_SEGS 8	   /* segments of one next hop */
#define SAN_OUTER_WORDS 22 /* IPv6 (5) + SRH fixed part (1) + 8 segments (16), in u64 */
#define SAN_NH_NONE 0	   /* next-hop index 0 is never allocated */
#define SAN_STATS_NONE 0   /* statistics index 0: shared by what got no index of its own */

#define SAN_DEFAULT_SERVICES 131072
#define SAN_DEFAULT_NEXTHOPS 16384
#define SAN_DEFAULT_FLOWS 524288
#define SAN_DEFAULT_IFACES 256

#define SAN_IFINDEX_MAX 65535 /* largest interface index that san_ifaces holds */

/* san_meta: array[1]. Writer: parent, when it creates the pin directory. */
struct san_meta {
	__u32 abi_version; /* SAN_ABI_VERSION */
	__u32 pad;
	__u64 created_ns; /* CLOCK_REALTIME, for people */
};

/* san_services: hash. Key: */
struct san_service_key {
	__u64 service_id;
};

enum san_mode {
	SAN_MODE_NONE = 0,	/* known service, nothing selected: to the kernel */
	SAN_MODE_PREFERRED = 1, /* nexthop */
	SAN_MODE_BALANCED = 2,	/* san_slots[slot_base + (hash & slot_mask)] */
};

enum san_affinity {
	SAN_AFFINITY_NONE = 0,
	SAN_AFFINITY_HASH = 1,
	SAN_AFFINITY_FLOW = 2, /* san_flows */
};

/* Value: the selection that is in force. One map update replaces it as a whole. */
struct san_service {
	__u32 nexthop; /* index into san_nexthops; SAN_NH_NONE with mode NONE */
	__u32 slot_base;
	__u32 slot_mask;
	__u32 generation; /* low 32 bits of the plan generation that wrote it */
	__u32 stats;	  /* index into san_svc_stats */
	__u8 mode;	  /* enum san_mode */
	__u8 affinity;	  /* enum san_affinity */
	__u8 flags;	  /* 0 */
	__u8 pad;
};

_Static_assert(sizeof(struct san_service) == 24, "san_service layout");

enum san_nh_kind {
	SAN_NH_UNUSED = 0,     /* free index */
	SAN_NH_UNRESOLVED = 1, /* no neighbour or route yet: to the kernel */
	SAN_NH_SRV6 = 2,       /* push outer, redirect */
	SAN_NH_DIRECT = 3,     /* rewrite MAC, redirect */
	SAN_NH_DROP = 4,
};

/*
 * san_nexthops: array. outer[] is the prepared IPv6 header and SRH exactly as on the wire, except
 * payload length, traffic class, flow label and (where hop_limit is 0) hop limit, which the program
 * fills in. A flow entry is valid while its epoch equals the next hop's: the parent bumps epoch
 * when the index is given up, so that an index can be used again without a walk over san_flows.
 */
struct san_nexthop {
	__u64 outer[SAN_OUTER_WORDS]; /* bytes as on the wire */
	__u8 dst_mac[6];
	__u8 src_mac[6];
	__u16 outer_len; /* bytes of outer[] in use: 40, or 48 + 16 * n */
	__u8 kind;	 /* enum san_nh_kind */
	__u8 hop_limit;	 /* 0: inherit the inner one */
	__u32 ifindex;	 /* egress interface, key of san_tx */
	__u32 mtu;	 /* L3 MTU of the egress interface */
	__u32 epoch;
	__u32 pad;
};

_Static_assert(sizeof(struct san_nexthop) == 208, "san_nexthop layout");

/* san_flows: LRU hash. Writer: the ingress program. */
struct san_flow_key {
	__be32 src[4];
	__be32 dst[4];
	__u64 service_id;
	__be16 sport;
	__be16 dport;
	__u8 proto; /* IPPROTO_* of the upper layer */
	__u8 pad[3];
};

_Static_assert(sizeof(struct san_flow_key) == 48, "san_flow_key layout");

struct san_flow {
	__u32 nexthop;
	__u32 epoch;
	__u64 last_ns; /* coarse clock; refreshed at most once a second */
};

/* san_ifaces: array[SAN_IFINDEX_MAX + 1], index ifindex: an array look-up is a few instructions, a
 * hash look-up a third of what a packet costs. */
enum san_role {
	SAN_ROLE_NONE = 0,
	SAN_ROLE_INGRESS = 1, /* access side: clients */
	SAN_ROLE_CORE = 2,    /* SRv6 domain: relay and gateway */
};

#define SAN_IF_DROP_MALFORMED 0x1 /* instead of PASS */
#define SAN_IF_DROP_UNKNOWN 0x2	  /* unknown service: instead of PASS */

struct san_iface {
	__u8 mac[6]; /* its own: only frames to it are steered */
	__u8 role;   /* enum san_role; NONE: not an interface of ours */
	__u8 policy; /* SAN_IF_* bits */
} __attribute__((aligned(8)));

_Static_assert(sizeof(struct san_iface) == 8, "san_iface layout");

/* san_tx: DEVMAP_HASH, key ifindex: where XDP may redirect to. */

/* san_svc_stats, san_nh_stats: per-CPU array by statistics and next-hop index; san_reasons by enum.
 */
struct san_counter {
	__u64 packets;
	__u64 bytes; /* L2 length as received */
};

/* Why a packet left the way it did: X(NAME, "name", verdict class, "explanation"). */
#define SAN_REASONS(X)                                                                             \
	X(FORWARDED, "forwarded", TX, "steered to the selected next hop")                          \
	X(FLOW_HIT, "flow_hit", TX, "steered by flow affinity")                                    \
	X(NOT_IPV6, "not_ipv6", PASS, "not an IPv6 packet")                                        \
	X(NO_SAN, "no_san", PASS, "no SAN header")                                                 \
	X(BAD_VERSION, "bad_version", PASS, "SAN header of another version")                       \
	X(FRAGMENT, "fragment", PASS, "fragment, carried by the kernel's route")                   \
	X(UNKNOWN_SERVICE, "unknown_service", UNKNOWN, "service ID not in san_services")           \
	X(NOTHING_SELECTED, "nothing_selected", PASS, "service has no satisfying instance")        \
	X(NH_UNRESOLVED, "nh_unresolved", PASS, "next hop has no neighbour or route yet")          \
	X(NH_INVALID, "nh_invalid", PASS, "entry points to an unused next hop")                    \
	X(NH_DROP, "nh_drop", DROP, "next hop of kind drop")                                       \
	X(HOP_LIMIT, "hop_limit", PASS, "hop limit used up, the kernel answers")                   \
	X(TOO_BIG, "too_big", PASS, "does not fit the MTU with its outer header")                  \
	X(NO_HEADROOM, "no_headroom", PASS, "driver gave too little headroom")                     \
	X(NO_ROLE, "no_role", PASS, "interface has no ingress role")                               \
	X(NOT_ROUTABLE, "not_routable", PASS, "other MAC, link-local or multicast address")        \
	X(TRUNCATED, "truncated", MALFORMED, "header beyond the end of the packet")                \
	X(BAD_OPTION, "bad_option", MALFORMED, "option beyond its header or too short")            \
	X(BAD_SRH, "bad_srh", MALFORMED, "SRH whose fields do not fit its length")                 \
	X(ZERO_SERVICE, "zero_service", MALFORMED, "service ID 0")                                 \
	X(TOO_DEEP, "too_deep", PASS, "more headers or options than the work bound")

/* clang-format off */
enum san_reason {
#define X(name, text, verdict, why) SAN_R_##name,
	SAN_REASONS(X)
#undef X
	SAN_R_MAX,
};
/* clang-format on */

#endif
