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

#define SAN_ABI_VERSION 4

#define SAN_MAX_SEGS 8	   /* segments of one next hop */
#define SAN_OUTER_WORDS 22 /* IPv6 (5) + SRH fixed part (1) + 8 segments (16), in u64 */
#define SAN_NH_NONE 0	   /* next-hop index 0 is never allocated */
#define SAN_STATS_NONE 0   /* statistics index 0: shared by what got no index of its own */

#define SAN_DEFAULT_SERVICES 131072
#define SAN_DEFAULT_NEXTHOPS 16384
#define SAN_DEFAULT_SLOTS 1048576
#define SAN_DEFAULT_FLOWS 524288
#define SAN_DEFAULT_SIDS 65536
#define SAN_DEFAULT_IFACES 256
#define SAN_DEFAULT_FRAGS 8192	 /* san_frags: packets in fragments under way */
#define SAN_DEFAULT_BUCKETS 4096 /* san_buckets: sources that are told of an MTU */
#define SAN_MAX_CLASSES 4096	 /* classifier rules */
#define SAN_CLASS_ENTRIES 16384	 /* of each san_class_ map: two sets, and pairs of prefixes */
#define SAN_EVENTS_BYTES 1048576

#define SAN_IFINDEX_MAX 65535 /* largest interface index that san_ifaces holds */
#define SAN_MAX_GROUPS 64     /* access groups of a host, group 0 included */
#define SAN_MAX_SLOT_BITS 17  /* a service has at most 2^17 slots */

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
	SAN_MODE_BALANCED = 2,	/* san_slots[slot_base + (hash & (2^slot_bits - 1))] */
};

enum san_affinity {
	SAN_AFFINITY_NONE = 0, /* BALANCED: each packet anew */
	SAN_AFFINITY_HASH = 1, /* by slot: without state */
	SAN_AFFINITY_FLOW = 2, /* san_flows */
};

#define SAN_SVC_KEY_SOURCE 0x1 /* affinity by source address, not by 5-tuple */

/*
 * Value: the selection that is in force. One map update replaces it as a whole. san_local has the
 * same keys and values: services as the gateway sees them behind End.SAN, instances of its own
 * site.
 */
struct san_service {
	__u32 nexthop;	  /* PREFERRED: index into san_nexthops; SAN_NH_NONE with mode NONE */
	__u32 slot_base;  /* BALANCED: slots slot_base ... + 2^slot_bits - 1 of san_slots */
	__u32 stats;	  /* index into san_svc_stats */
	__u32 generation; /* low 32 bits of the plan generation that wrote it */
	__u8 mode;	  /* enum san_mode */
	__u8 affinity;	  /* enum san_affinity */
	__u8 flags;	  /* SAN_SVC_* */
	__u8 slot_bits;	  /* 0..SAN_MAX_SLOT_BITS */
	__u32 idle_s;	  /* FLOW: a flow silent for so long is new; 0 = never */
	__u64 groups;	  /* access groups that may use it, a bit each; see san_iface.group */
};

_Static_assert(sizeof(struct san_service) == 32, "san_service layout");

/* san_slots: array. Index: slot_base + (flow hash & mask); value: __u32 next-hop index. A value is
 * replaced in place when weights change; a range is given to another service only after readers of
 * the old one have ended. */

enum san_nh_kind {
	SAN_NH_UNUSED = 0,     /* free index */
	SAN_NH_UNRESOLVED = 1, /* no neighbour or route yet: to the kernel */
	SAN_NH_SRV6 = 2,       /* push outer, redirect */
	SAN_NH_DIRECT = 3,     /* rewrite MAC, redirect: an instance of this site */
	SAN_NH_DROP = 4,
};

#define SAN_NH_IP6 0x1 /* inner packets that it takes */
#define SAN_NH_IP4 0x2

/*
 * san_nexthops: array. SRV6: outer[] is the prepared IPv6 header and SRH exactly as on the wire,
 * except payload length, traffic class, flow label and (where hop_limit is 0) hop limit, which the
 * program fills in; next header is 41, replaced by 4 for an IPv4 packet. DIRECT: outer[0..1] is the
 * address that was resolved (IPv4-mapped for IPv4), outer_len 0; the program does not read it. A
 * flow entry is valid while its epoch equals the next hop's: the parent bumps epoch when the index
 * is given up, so that an index can be used again without a walk over san_flows.
 */
struct san_nexthop {
	__u64 outer[SAN_OUTER_WORDS]; /* bytes as on the wire */
	__u8 dst_mac[6];
	__u8 src_mac[6];
	__u16 outer_len; /* bytes of outer[] in use: 40, or 48 + 16 * n */
	__u8 kind;	 /* enum san_nh_kind */
	__u8 hop_limit;	 /* 0: inherit the inner one */
	__u32 ifindex;	 /* egress interface, key of san_tx */
	__u32 mtu;	 /* L3 MTU: of the egress interface, or less where the path told so */
	__u32 epoch;
	__u8 families; /* SAN_NH_IP6 | SAN_NH_IP4 */
	__u8 pad[3];
};

_Static_assert(sizeof(struct san_nexthop) == 208, "san_nexthop layout");

/* san_flows: LRU hash. Writer: the programs. IPv4 addresses are IPv4-mapped. With
 * SAN_SVC_KEY_SOURCE everything but src and service_id is 0. */
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

/* san_frags: LRU hash. Writer: the programs. The first fragment of a packet leaves here where the
 * later ones go, or what its rule does with them; valid for SAN_FRAG_NS and while the next hop has
 * that epoch. */
#define SAN_FRAG_NS 10000000000ull

struct san_frag_key {
	__be32 src[4];
	__be32 dst[4];
	__be32 id;  /* IPv4: the 16 bits of the header, zero-extended in network order */
	__u8 proto; /* IPv4 only; IPv6: 0 */
	__u8 pad[3];
};

_Static_assert(sizeof(struct san_frag_key) == 40, "san_frag_key layout");

struct san_frag {
	__u32 nexthop; /* 0 where verdict is not STEER */
	__u32 epoch;
	__u64 made_ns;
	__u64 service_id;
	__u32 stats;
	__u16 act;    /* of the rule that the first one matched: the later ones count there, too */
	__u8 verdict; /* enum san_act_verdict, or SAN_FRAG_* */
	__u8 mark;    /* of that rule */
};
#define SAN_FRAG_OVER 0xff /* the first one was above the rate: so is all of the packet */
#define SAN_FRAG_DOWN 0xfe /* the first one was dropped as goal_down: so is all of the packet */

_Static_assert(sizeof(struct san_frag) == 32, "san_frag layout");

/* san_buckets: LRU hash, key __be32[4] source (IPv4-mapped). Writer: the programs. Packet Too Big
 * and Fragmentation Needed are limited per source (RFC 4443 section 2.4 f). */
#define SAN_BUCKET_BURST 10
#define SAN_BUCKET_NS 100000000ull /* one more message each */

struct san_bucket {
	__u64 last_ns; /* when tokens was right */
	__u32 tokens;
	__u32 pad;
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
#define SAN_IF_VLAN 0x4		  /* steer what has one or two VLAN tags, too */
#define SAN_IF_CLASSIFY 0x8	  /* without a SAN header: ask the classifier */

struct san_iface {
	__u8 mac[6]; /* its own: only frames to it are steered */
	__u8 role;   /* enum san_role; NONE: not an interface of ours */
	__u8 policy; /* SAN_IF_* bits */
	__u8 group;  /* access group, < SAN_MAX_GROUPS: a service is for it if its bit is set there
		      */
	__u8 pad;
	__u16 row; /* of san_reasons, from 1; unique among interfaces */
	__u32 pad2;
} __attribute__((aligned(8)));

_Static_assert(sizeof(struct san_iface) == 16, "san_iface layout");

/* san_domain: array[1]. What all interfaces share. The parent changes one thing at a time: an
 * update is no single store. */
#define SAN_MAX_BLOCKS 8
#define SAN_MAX_INSIDE 16

struct san_prefix { /* an address is in it if (address & mask) == addr */
	__be64 addr[2];
	__be64 mask[2];
};

/* Which packets to trace; a field counts if its bit in `fields` is set. */
#define SAN_TRACE_ON 0x1 /* without further bits: all */
#define SAN_TRACE_SERVICE 0x2
#define SAN_TRACE_IFINDEX 0x4
#define SAN_TRACE_SRC 0x8
#define SAN_TRACE_DST 0x10
#define SAN_TRACE_PROTO 0x20
#define SAN_TRACE_SPORT 0x40
#define SAN_TRACE_DPORT 0x80
#define SAN_TRACE_REASONS 0x100

struct san_trace {
	__u64 service_id;
	__u64 reasons; /* a bit for each reason that is wanted */
	__be32 src[4]; /* IPv4-mapped for IPv4 */
	__be32 dst[4];
	__u32 fields; /* SAN_TRACE_* */
	__u32 ifindex;
	__be16 sport;
	__be16 dport;
	__u8 proto;
	__u8 pad[3];
};

_Static_assert(sizeof(struct san_trace) == 64, "san_trace layout");

#define SAN_DOMAIN_STRAY_SIDS 0x1 /* san_sids holds SIDs outside the blocks: look there, too */

struct san_domain {
	struct san_prefix blocks[SAN_MAX_BLOCKS]; /* SIDs: unreachable from access interfaces */
	struct san_prefix inside[SAN_MAX_INSIDE]; /* sources that may send to SIDs */
	__u32 n_blocks;
	__u32 n_inside;	       /* 0: any source at core interfaces */
	__u32 class_set;       /* part of the keys of san_class_*; 0 = no rules */
	__u32 flags;	       /* SAN_DOMAIN_* */
	__be32 source[4];      /* of outer headers */
	__be32 icmp_source[4]; /* of ICMPv6; :: = the kernel answers */
	__be32 icmp_source4;   /* of ICMP; 0 = the kernel answers */
	__u32 sample;	       /* an event for one in so many packets not steered; 0 = none */
	struct san_trace trace;
};

/*
 * Classifier: gives a service to packets without a SAN header. Of the rules that match, the one
 * with the longest destination prefix counts, then the longest source prefix, then the highest
 * priority, then the smallest name. User space works that out beforehand: each address has a class
 * (longest prefix), each pair of classes a group of rules, and a group is asked once for each
 * combination of fields that its rules use. rank orders all rules of a set: the smallest match
 * wins. Rules of intents are ranked before all others, by priority alone. A new set of rules is
 * written beside the old one, then san_domain.class_set is changed.
 */
struct san_class_prefix { /* key of san_class_src, san_class_dst: LPM trie, value __u32 class > 0 */
	__u32 prefixlen;  /* 32 + prefix length (IPv4: 32 + 96 + length) */
	__u32 set;
	__be32 addr[4]; /* IPv4-mapped for IPv4 */
};

struct san_class_pair_key { /* san_class_pairs: hash; class 0: no prefix matches */
	__u32 set;
	__u32 src, dst; /* classes */
	__u32 pad;
};

struct san_class_pair {
	__u32 group;
	__u32 combinations; /* bit c set: rules with the SAN_CLASS_* fields c exist */
};

#define SAN_CLASS_PROTO 0x1
#define SAN_CLASS_SPORT 0x2
#define SAN_CLASS_DPORT 0x4
#define SAN_CLASS_DSCP 0x8
#define SAN_CLASS_COMBINATIONS 16

struct san_class_rule_key { /* san_class_rules: hash; a field that does not count is 0 */
	__u32 set;
	__u32 group;
	__be16 sport, dport;
	__u8 proto;
	__u8 dscp;
	__u8 fields; /* SAN_CLASS_* */
	__u8 pad;
};

/*
 * What a rule wants of its packets besides a service. In this order: its act counts the packet;
 * DROP drops it; above the rate of its act it is dropped (over_rate); PASS marks it and hands it to
 * the kernel; STEER sends it to the service, marked when it leaves: what goes to the kernel for
 * whatever reason after a match with STEER goes as it came. A mark leaves ECN alone; the outer
 * header gets the traffic class that the inner one has then. A rule that does more than steer does
 * not apply to what belongs to a link and not to traffic (not_routable): addresses that no router
 * forwards by, and neighbour discovery. Later fragments have no ports: they go the way of their
 * first one, with its act, verdict and mark; one whose first was not seen goes to the kernel.
 */
enum san_act_verdict {
	SAN_ACT_STEER = 0, /* to the service */
	SAN_ACT_PASS = 1,  /* to the kernel, reason allowed */
	SAN_ACT_DROP = 2,  /* reason forbidden */
};
#define SAN_ACT_MARK 0x40 /* with a DSCP in the low 6 bits */
#define SAN_MAX_ACTS 4096 /* counters and meters of rules; 0 is none */

/*
 * san_meters: array[SAN_MAX_ACTS + 1] by act. Writer: the parent for rate_kbps (a new rate begins
 * with a full burst, all else 0), the programs for the rest, under the lock. A bucket of tokens: a
 * packet passes while there are as many as it costs, or a full burst. Burst: SAN_METER_BURST_NS of
 * the rate, at least SAN_METER_BURST_MIN bytes. Frames of L2 count, as received, without preamble
 * and checksum.
 */
#define SAN_METER_BURST_NS 10000000ull
#define SAN_METER_BURST_MIN 3044 /* two full frames with two tags each */
#define SAN_METER_BYTE 8000000ll /* a byte in units of tokens: 10^-6 bits, rate_kbps each ns */

struct san_meter {
	__u32 lock;	 /* struct bpf_spin_lock */
	__u32 rate_kbps; /* 0 = no limit */
	__u64 last_ns;	 /* when tokens was right */
	__s64 tokens;	 /* negative after a frame longer than a burst */
};

_Static_assert(sizeof(struct san_meter) == 24, "san_meter layout");

/*
 * Services of the host's own making (ends of connections, chains): no SAN header may name them
 * (`denied`: their access groups are empty), only classifier rules lead there. The kernel's routes
 * do not lead where they do: what cannot go there now is not passed to the kernel but dropped
 * (goal_down), except for hop_limit (the kernel answers and forwards nothing) and not_routable.
 */
#define SAN_SERVICE_OWN_MIN 0xffffffff00000000ull

/* End.SAN asks the same tables which service a packet belongs to, of those rules only that steer to
 * a service of the network: local_id and local_rank are of the strongest one of these. */
struct san_class_rule {
	__u64 service_id;
	__u64 local_id;
	__u32 rank;
	__u32 local_rank; /* SAN_CLASS_NONE: there is no such rule */
	__u16 act;	  /* index into san_act_stats, san_act_over, san_meters; 0 = none */
	__u8 verdict;	  /* enum san_act_verdict */
	__u8 mark;	  /* SAN_ACT_MARK | DSCP; 0 = none */
	__u32 pad;
};
#define SAN_CLASS_NONE 0xffffffffu

_Static_assert(sizeof(struct san_class_rule) == 32, "san_class_rule layout");
_Static_assert(sizeof(struct san_class_prefix) == 24, "san_class_prefix layout");
_Static_assert(sizeof(struct san_class_rule_key) == 16, "san_class_rule_key layout");

/* san_sids: hash, key __be32[4]: SIDs of this host (RFC 8986). */
struct san_sid_key {
	__be32 addr[4];
};

enum san_behaviour { /* RFC 8986 section 4; END_SAN is this project's */
		     SAN_BEHAVIOUR_END = 1,
		     SAN_BEHAVIOUR_END_DX6 = 2,
		     SAN_BEHAVIOUR_END_DT6 = 3,
		     SAN_BEHAVIOUR_END_DX4 = 4,
		     SAN_BEHAVIOUR_END_SAN = 5, /* decapsulate, look the service up in san_local */
		     SAN_BEHAVIOUR_MAX,
};

#define SAN_FLAVOR_PSP 0x1 /* of END; RFC 8986 section 4.16 */
#define SAN_FLAVOR_USP 0x2
#define SAN_FLAVOR_USD 0x4

#define SAN_SID_KERNEL 0x1 /* left to the kernel's seg6local route */

struct san_sid {
	__u8 behaviour; /* enum san_behaviour */
	__u8 flavors;	/* SAN_FLAVOR_* */
	__u8 flags;	/* SAN_SID_* */
	__u8 pad;
	__u32 nexthop; /* DX6, DX4: index of a DIRECT next hop */
	__u32 stats;   /* index into san_svc_stats: of its instance's service */
	__u32 pad2;
	__u64 service_id; /* DX6, DX4: its instance's service, 0 = unknown */
};

_Static_assert(sizeof(struct san_sid) == 24, "san_sid layout");

/* san_tx: DEVMAP_HASH, key ifindex: where XDP may redirect to. */

/* san_svc_stats, san_nh_stats: per-CPU array by statistics and next-hop index. san_act_stats,
 * san_act_over: per-CPU array[SAN_MAX_ACTS + 1] by act: what its rules matched; of that, what was
 * dropped above its rate. san_reasons: per-CPU array by row of the interface * SAN_REASON_ROW +
 * reason; row 0: interfaces without a role. */
#define SAN_REASON_ROW 64

struct san_counter {
	__u64 packets;
	__u64 bytes; /* L2 length as received */
};

/*
 * Why a packet left the way it did: X(NAME, "name", verdict class, "explanation"). Classes: TX
 * redirect, BOUNCE back to the sender (XDP_TX), PASS to the kernel, DROP, and what the interface's
 * policy decides: UNKNOWN, MALFORMED. Order is ABI.
 */
#define SAN_REASONS(X)                                                                             \
	X(FORWARDED, "forwarded", TX, "steered to the selected next hop")                          \
	X(FLOW_HIT, "flow_hit", TX, "steered by flow affinity")                                    \
	X(FLOW_MOVED, "flow_moved", TX, "steered anew: the instance of its flow is gone")          \
	X(FRAGMENT_HIT, "fragment_hit", TX, "later fragment, steered like the first one")          \
	X(RELAYED, "relayed", TX, "End: on to the next segment")                                   \
	X(DECAPSULATED, "decapsulated", TX,                                                        \
	  "End.DX6, End.DX4, End.DT6: taken out of its outer header")                              \
	X(LOCAL, "local", TX, "End.SAN: steered to an instance of this site")                      \
	X(NOT_IP, "not_ip", PASS, "neither IPv6 nor IPv4")                                         \
	X(TAGGED, "tagged", PASS, "VLAN tag on an interface that steers none")                     \
	X(NO_SAN, "no_san", PASS, "no SAN header and no classifier rule")                          \
	X(BAD_VERSION, "bad_version", PASS, "SAN header of another version")                       \
	X(FRAGMENT, "fragment", PASS, "later fragment whose first one was not seen")               \
	X(UNKNOWN_SERVICE, "unknown_service", UNKNOWN, "service ID not in the service table")      \
	X(DENIED, "denied", DROP, "the interface's access group may not use the service")          \
	X(BOUNDARY, "boundary", DROP, "to the SRv6 domain's SIDs from an access interface")        \
	X(OUTSIDE_SOURCE, "outside_source", DROP,                                                  \
	  "to a SID from a source outside the SRv6 domain")                                        \
	X(LOOPED, "looped", DROP, "already encapsulated here")                                     \
	X(NOTHING_SELECTED, "nothing_selected", PASS, "service has no satisfying instance")        \
	X(NH_UNRESOLVED, "nh_unresolved", PASS, "next hop has no neighbour or route yet")          \
	X(NH_INVALID, "nh_invalid", PASS, "entry points to an unused next hop")                    \
	X(NH_DROP, "nh_drop", DROP, "next hop of kind drop")                                       \
	X(WRONG_FAMILY, "wrong_family", PASS, "the instance does not take this IP version")        \
	X(HOP_LIMIT, "hop_limit", PASS, "hop limit used up, the kernel answers")                   \
	X(TOO_BIG, "too_big", BOUNCE, "does not fit with its outer header, the sender is told")    \
	X(TOO_BIG_LIMITED, "too_big_limited", DROP, "does not fit, the sender was told enough")    \
	X(TOO_BIG_KERNEL, "too_big_kernel", PASS, "does not fit, the kernel fragments or answers") \
	X(NO_HEADROOM, "no_headroom", PASS, "driver gave too little headroom")                     \
	X(NO_ROLE, "no_role", PASS, "interface has no role")                                       \
	X(NOT_ROUTABLE, "not_routable", PASS, "other MAC, link-local or multicast address")        \
	X(NOT_LOCAL, "not_local", PASS, "core side: not to a SID of this host")                    \
	X(KERNEL_SID, "kernel_sid", PASS, "SID that is left to the kernel")                        \
	X(NO_ROUTE, "no_route", PASS, "SRv6 endpoint: no route or neighbour yet")                  \
	X(SEGMENTS_LEFT, "segments_left", PASS, "Segments Left does not suit the SID's behaviour") \
	X(UPPER_LAYER, "upper_layer", PASS, "no inner packet of the kind the SID takes out")       \
	X(TRUNCATED, "truncated", MALFORMED, "header beyond the end of the packet")                \
	X(BAD_IPV4, "bad_ipv4", MALFORMED, "IPv4 header whose lengths do not fit")                 \
	X(BAD_OPTION, "bad_option", MALFORMED, "option beyond its header or too short")            \
	X(BAD_SRH, "bad_srh", MALFORMED, "SRH whose fields do not fit its length")                 \
	X(ZERO_SERVICE, "zero_service", MALFORMED, "service ID 0")                                 \
	X(TOO_DEEP, "too_deep", PASS, "more headers or options than the work bound")               \
	X(ALLOWED, "allowed", PASS, "a classifier rule hands it to the kernel")                    \
	X(FORBIDDEN, "forbidden", DROP, "a classifier rule drops it")                              \
	X(OVER_RATE, "over_rate", DROP, "above the rate of its classifier rules")                  \
	X(GOAL_DOWN, "goal_down", DROP, "what its intent leads to cannot take it now")

/* clang-format off */
enum san_reason {
#define X(name, text, verdict, why) SAN_R_##name,
	SAN_REASONS(X)
#undef X
	SAN_R_MAX,
};
/* clang-format on */

_Static_assert(SAN_R_MAX <= SAN_REASON_ROW, "a row holds all reasons");

/* san_events: ring buffer of struct san_event. Writer: the programs; reader: the parent. */
enum san_event_kind {
	SAN_EVENT_SAMPLE = 1, /* san_domain.sample */
	SAN_EVENT_TRACE = 2,  /* san_domain.trace */
	SAN_EVENT_PTB = 3,    /* Packet Too Big from the core: mtu is the one it told, dst the first
			       * segment of the packet it quotes */
};

enum san_event_by { /* how the packet got its service */
		    SAN_BY_NOTHING = 0,
		    SAN_BY_HEADER = 1, /* SAN header */
		    SAN_BY_CLASS = 2,  /* classifier */
		    SAN_BY_FRAGMENT = 3,
		    SAN_BY_SID = 4, /* decapsulated for it */
};

struct san_event {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u64 service_id;
	__be32 src[4]; /* IPv4-mapped for IPv4; of the packet as received */
	__be32 dst[4];
	__u32 ifindex;
	__u32 nexthop;	  /* index, 0 = none was chosen */
	__u32 slot;	  /* BALANCED: index into san_slots */
	__u32 hash;	  /* of the flow */
	__u32 generation; /* of the service entry */
	__u32 len;	  /* L2, as received */
	__u32 mtu;	  /* TOO_BIG*: what fits; PTB: what was told */
	__be16 sport;
	__be16 dport;
	__u8 proto;
	__u8 kind;   /* enum san_event_kind */
	__u8 reason; /* enum san_reason */
	__u8 by;     /* enum san_event_by */
	__u8 role;   /* enum san_role: which program */
	__u8 cause;  /* GOAL_DOWN: its reason; FRAGMENT_HIT: that of the first fragment */
	__u8 pad[6];
};

_Static_assert(sizeof(struct san_event) == 96, "san_event layout");

#endif
