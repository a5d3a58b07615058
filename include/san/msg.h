/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages between the unprivileged child (decides) and the parent (owns BPF and netlink), over one
 * SOCK_SEQPACKET socketpair. One datagram = struct san_msg + the one payload its type is bound to,
 * exact size. The parent refuses anything else and closes nothing: it acks with -EPROTO.
 * Strings are NUL-terminated within their array. Integers are host order, addresses network order.
 *
 * Child to parent: HELLO opens a session; CONFIG, IFACE, PREFIX..., CONFIG_END describe the host
 * once a session; PLAN_BEGIN, any of NEXTHOP SERVICE SID and their _DEL, MEMBER, CLASS, PLAN_COMMIT
 * describe the desired state. A plan with SAN_PLAN_FULL replaces everything: what it does not name
 * is removed at COMMIT. MEMBERs follow the SERVICE they belong to. The classifier's rules are
 * replaced as a whole by a plan with SAN_PLAN_CLASSES (implied by FULL). TRACE may come at any
 * time. The parent collects a plan, checks it as a whole, applies it at COMMIT (or nothing), and
 * answers ACK.
 */
#ifndef SAN_MSG_H
#define SAN_MSG_H

#include <linux/in6.h>
#include <linux/types.h>

#include <san/map_abi.h>
#include <san/wire.h>

#define SAN_MSG_VERSION 4
#define SAN_IFNAMSIZ 16
#define SAN_TEXT_LEN 128

struct san_msg {
	__u16 type; /* enum san_msg_type */
	__u16 version;
	__u32 session;	  /* chosen by the child at HELLO; older sessions are ignored */
	__u64 generation; /* of the plan; 0 outside plans */
};

struct san_msg_hello {
	__u32 abi_version; /* SAN_ABI_VERSION */
	__u32 pid;
};

struct san_msg_config {
	struct in6_addr source; /* of the outer header; :: = this host is no ingress */
	struct san_profile profile;
	__u32 route_table;   /* kernel routing table for service addresses */
	__u32 rule_priority; /* of the rule that looks it up */
	__u32 max_services;  /* map sizes */
	__u32 max_nexthops;
	__u32 max_flows;
	__u32 max_slots;
	__u32 max_frags;
	__u32 sample;		     /* an event for one in so many packets not steered; 0 = none */
	__be32 icmp_source4;	     /* 0 = the kernel answers what is too big */
	struct in6_addr icmp_source; /* :: = likewise */
	__u8 dispatcher;	     /* 1: attach through the libxdp dispatcher */
	__u8 kernel_relay;	     /* 1: End is left to the kernel */
	__u8 kernel_egress;	     /* 1: the other behaviours are */
	__u8 pad[5];
};

enum san_prefix_kind {
	SAN_PREFIX_BLOCK = 1,  /* SIDs: unreachable from access interfaces */
	SAN_PREFIX_INSIDE = 2, /* sources that may send to SIDs */
};

struct san_msg_prefix { /* at most SAN_MAX_BLOCKS and SAN_MAX_INSIDE */
	struct in6_addr addr;
	__u8 len;  /* 1..128 */
	__u8 kind; /* enum san_prefix_kind */
	__u8 pad[6];
};

struct san_msg_iface {
	char name[SAN_IFNAMSIZ];
	__u8 role;   /* enum san_role */
	__u8 policy; /* SAN_IF_* */
	__u8 group;  /* access group, < SAN_MAX_GROUPS */
	__u8 pad[5];
};

struct san_msg_empty {
	__u32 zero;
};

#define SAN_PLAN_FULL 0x1
#define SAN_PLAN_CLASSES 0x2

struct san_msg_plan {
	__u32 flags; /* SAN_PLAN_*, in BEGIN */
	__u32 count; /* objects between BEGIN and COMMIT, in COMMIT */
};

enum san_encap {
	SAN_ENCAP_RED = 0,  /* H.Encaps.Red, RFC 8986 section 5.2 */
	SAN_ENCAP_FULL = 1, /* H.Encaps, RFC 8986 section 5.1 */
	SAN_ENCAP_MAX,
};

/* A next hop is its content: the parent finds or allocates the map index by (kind, segs, encap,
 * hop_limit, families). */
struct san_msg_nexthop {
	__u32 id;    /* the child's name for it, never 0 */
	__u8 encap;  /* enum san_encap */
	__u8 n_segs; /* 1..SAN_MAX_SEGS */
	__u8 hop_limit;
	__u8 kind;     /* SAN_NH_SRV6, or SAN_NH_DIRECT: n_segs 1, encap and hop_limit 0 */
	__u8 families; /* SAN_NH_IP6 | SAN_NH_IP4 */
	__u8 pad[7];
	struct in6_addr
		segs[SAN_MAX_SEGS]; /* in travel order, the last is the instance's SID; DIRECT:
				     * segs[0] is the instance's address, IPv4-mapped for IPv4 */
};

#define SAN_SCOPE_INGRESS 0 /* san_services */
#define SAN_SCOPE_LOCAL 1   /* san_local: next hops are DIRECT */

struct san_msg_service {
	__u64 service_id;
	struct in6_addr address; /* kernel route for it; :: = none */
	__be32 address4;	 /* likewise; 0 = none */
	__u32 nexthop;	 /* PREFERRED: selected next hop's id; 0 = nothing selected. BALANCED: the
			  * member whose kernel route it is */
	__u64 groups;	 /* san_service.groups */
	__u32 idle_s;	 /* san_service.idle_s */
	__u16 n_members; /* BALANCED: MEMBER messages that follow, 1..SAN_MAX_MEMBERS */
	__u8 mode;	 /* enum san_mode */
	__u8 affinity;	 /* enum san_affinity */
	__u8 flags;	 /* SAN_SVC_* */
	__u8 scope;	 /* SAN_SCOPE_*; part of the key */
	__u8 pad[6];
};

#define SAN_MAX_MEMBERS 1024
#define SAN_MAX_WEIGHT 1000

struct san_msg_member {
	__u64 service_id; /* of the SERVICE before it */
	__u32 nexthop;	  /* id; no other member has it */
	__u32 weight;	  /* 1..SAN_MAX_WEIGHT, times the instances that share it */
};

struct san_msg_sid {
	struct in6_addr addr;	 /* the SID */
	struct in6_addr nexthop; /* End.DX6; End.DX4: IPv4-mapped */
	char oif[SAN_IFNAMSIZ];	 /* optional */
	__u64 service_id;	 /* End.DX6, End.DX4: its instance's service; 0 = unknown */
	__u32 table;		 /* End.DT6: table of the inner look-up (254 = main) */
	__u8 behaviour;		 /* enum san_behaviour */
	__u8 flavors;		 /* SAN_FLAVOR_*, End only */
	__u8 pad[2];
};

/* One rule of the classifier. Rules of a set have distinct (prefixes, fields, priority) or the
 * earlier message wins. Rules with `intent` come before all others, and among them only priority
 * counts, not the length of prefixes. */
struct san_msg_class {
	__u64 service_id;	  /* 0 only where verdict is not STEER */
	struct in6_addr src, dst; /* IPv4-mapped for IPv4; bits beyond the length are zero */
	__u8 src_len, dst_len;	  /* 0..128; 0 = any address of either version */
	__u8 fields;		  /* SAN_CLASS_* that count */
	__u8 proto;
	__be16 sport, dport;
	__u8 dscp;
	__u8 intent;	 /* 0, 1 */
	__u8 verdict;	 /* enum san_act_verdict */
	__u8 mark;	 /* SAN_ACT_MARK | DSCP that matching packets get; 0 = theirs stays */
	__u32 priority;	 /* the higher one wins */
	__u32 act;	 /* counter and meter that rules share; 1..SAN_MAX_ACTS; 0 = none */
	__u32 rate_kbps; /* L2 bits of what matches, of all rules with this act; 0 = no limit */
};

struct san_msg_key {
	__u64 service_id;     /* SERVICE_DEL */
	struct in6_addr addr; /* SID_DEL */
	__u32 id;	      /* NEXTHOP_DEL */
	__u8 scope;	      /* SERVICE_DEL: SAN_SCOPE_* */
	__u8 pad[3];
};

struct san_msg_trace { /* replaces the one before; fields 0 ends it */
	struct san_trace trace;
	__u32 seconds; /* it ends by itself, 1..3600 */
	__u32 pad;
};

/* Parent to child. */

struct san_msg_ack {
	__s32 result;		 /* 0, or -errno: then nothing of the plan was applied */
	__u32 type;		 /* message type this answers: CONFIG_END or PLAN_COMMIT */
	__u32 applied;		 /* changes made in maps and kernel tables */
	__u32 repaired;		 /* of these: found different from what had been applied before */
	char text[SAN_TEXT_LEN]; /* which object, what was wrong; at 0: what was left out */
};

struct san_msg_nh_state {
	__u32 id;
	__u32 index;   /* in san_nexthops */
	__u32 ifindex; /* 0 = unresolved */
	__u32 mtu;
	__u32 learned_mtu; /* a Packet Too Big told so, less than the interface's; 0 = none */
	__u8 dst_mac[6];
	__u8 kind; /* enum san_nh_kind */
	__u8 pad;
	char ifname[SAN_IFNAMSIZ];
	char text[SAN_TEXT_LEN]; /* unresolved: why */
};

struct san_msg_iface_state {
	char name[SAN_IFNAMSIZ];
	__u32 ifindex; /* 0 = does not exist */
	__u8 role;
	__u8 up;
	__u8 attached; /* 0 no, 1 native, 2 generic */
	__u8 pad;
};

enum san_stat_kind {
	SAN_STAT_SERVICE = 1, /* key: service ID; steered at the ingress */
	SAN_STAT_NEXTHOP = 2, /* key: next-hop id */
	SAN_STAT_REASON =
		3, /* key: enum san_reason; one row for each interface, ifindex 0 without role */
	SAN_STAT_EGRESS = 4,   /* key: service ID; decapsulated here for it */
	SAN_STAT_MAP = 5,      /* key: enum san_map; packets: entries in use, bytes: room */
	SAN_STAT_EVENTS = 6,   /* packets: passed on, bytes: lost for want of room or rate */
	SAN_STAT_ACT = 7,      /* key: act; what its rules matched */
	SAN_STAT_ACT_OVER = 8, /* key: act; of these, dropped above its rate */
};

/* Maps with a limit of their own. X(NAME, "name") */
#define SAN_SIZED_MAPS(X)                                                                          \
	X(SERVICES, "san_services")                                                                \
	X(LOCAL, "san_local")                                                                      \
	X(NEXTHOPS, "san_nexthops")                                                                \
	X(SLOTS, "san_slots")                                                                      \
	X(SIDS, "san_sids")                                                                        \
	X(CLASSES, "san_class_rules")                                                              \
	X(IFACES, "san_tx")

enum san_map {
#define X(name, text) SAN_MAP_##name,
	SAN_SIZED_MAPS(X)
#undef X
		SAN_MAP_MAX,
};

struct san_msg_stat {
	__u32 request; /* number from STATS_REQ */
	__u32 kind;    /* enum san_stat_kind */
	__u64 key;     /* service ID, next-hop id, or enum san_reason */
	__u64 packets;
	__u64 bytes;
	__u32 ifindex; /* REASON */
	__u32 pad;
};

struct san_msg_event { /* at most SAN_EVENTS_PER_S of them a second, PTBs excepted */
	struct san_event event;
	__u64 lost; /* events not passed on since the start of the parent */
	__u64 id;   /* next-hop id of event.nexthop in this session, 0 = unknown */
};
#define SAN_EVENTS_PER_S 1000

struct san_msg_stats_req {
	__u32 request;
	__u32 pad;
};

enum san_repair { /* what was found different from what had been applied, and mended */
		  SAN_REPAIR_MAPS,
		  SAN_REPAIR_ROUTES,
		  SAN_REPAIR_SIDS, /* kernel routes of SIDs */
		  SAN_REPAIR_RULES,
		  SAN_REPAIR_NEXTHOPS, /* entries of san_nexthops */
		  SAN_REPAIR_MAX,
};

struct san_msg_repaired {
	__u32 count; /* since the last message, what an ACK counts excepted */
	__u32 pad;
	__u64 total[SAN_REPAIR_MAX]; /* since the parent's start, by kind; ACKs included */
	__u64 overruns;		     /* likewise: notifications of the kernel that were lost */
};

/* X(NAME, payload): number order is the ABI of one build; both ends are the same binary. */
#define SAN_MSGS(X)                                                                                \
	X(HELLO, struct san_msg_hello)                                                             \
	X(CONFIG, struct san_msg_config)                                                           \
	X(IFACE, struct san_msg_iface)                                                             \
	X(PREFIX, struct san_msg_prefix)                                                           \
	X(CONFIG_END, struct san_msg_empty)                                                        \
	X(PLAN_BEGIN, struct san_msg_plan)                                                         \
	X(NEXTHOP, struct san_msg_nexthop)                                                         \
	X(NEXTHOP_DEL, struct san_msg_key)                                                         \
	X(SERVICE, struct san_msg_service)                                                         \
	X(MEMBER, struct san_msg_member)                                                           \
	X(SERVICE_DEL, struct san_msg_key)                                                         \
	X(SID, struct san_msg_sid)                                                                 \
	X(SID_DEL, struct san_msg_key)                                                             \
	X(CLASS, struct san_msg_class)                                                             \
	X(PLAN_COMMIT, struct san_msg_plan)                                                        \
	X(TRACE, struct san_msg_trace)                                                             \
	X(STATS_REQ, struct san_msg_stats_req)                                                     \
	X(ACK, struct san_msg_ack)                                                                 \
	X(NH_STATE, struct san_msg_nh_state)                                                       \
	X(IFACE_STATE, struct san_msg_iface_state)                                                 \
	X(STAT, struct san_msg_stat)                                                               \
	X(STATS_END, struct san_msg_stats_req)                                                     \
	X(EVENT, struct san_msg_event)                                                             \
	X(REPAIRED, struct san_msg_repaired)

/* clang-format off */
enum san_msg_type {
	SAN_MSG_INVALID = 0,
#define X(name, payload) SAN_MSG_##name,
	SAN_MSGS(X)
#undef X
	SAN_MSG_TYPE_MAX,
};
/* clang-format on */

#define SAN_MSG_MAX_SIZE 512 /* of a datagram */
#define X(name, payload)                                                                           \
	_Static_assert(sizeof(struct san_msg) + sizeof(payload) <= SAN_MSG_MAX_SIZE,               \
		       #name " too large");
SAN_MSGS(X)
#undef X

#endif
