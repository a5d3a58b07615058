/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The BPF side of the parent: opens or adopts the pinned maps and links, loads programs, attaches
 * them, reads and writes map entries. The only user of libbpf. Blocking, no loop, no decisions.
 * Errors -errno. Maps in force: <pin_dir>/maps/san_*, where maps is a symbolic link to one of
 * <pin_dir>/maps-<n>; links: <pin_dir>/link_<ifindex>.
 * Needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON. One thread at a time.
 */
#ifndef DP_H
#define DP_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include <san/map_abi.h>
#include <san/msg.h>
#include <san/wire.h>

#include "util/err.h"

struct dp;

struct dp_conf {
	const char *pin_dir; /* created if missing; must lie in a bpffs */
	struct san_profile profile;
	uint32_t max_services, max_nexthops, max_flows, max_ifaces, max_slots, max_frags;
	bool dispatcher; /* attach through libxdp's dispatcher instead of a bpf_link */
};

enum dp_attach_mode { DP_DETACHED = 0, DP_NATIVE = 1, DP_GENERIC = 2 };

/* Adopts what is pinned, creates what is not, loads the programs; attaches nothing. Pinned maps of
 * other sizes, of another layout or of SAN_ABI_VERSION 2 or 3 are converted: a new set is made
 * beside them, entries are copied field by field (names by BTF, which a set brings in its pin
 * san_btf; maps that need no change are taken over), the set in force is flipped, every link is
 * renewed to the new programs, and only then the old set is removed. Forwarding never stops, and a
 * crash on the way leaves what the next call takes back (before the flip) or finishes (behind it).
 * -ENOSPC: does not fit into the sizes asked for; -ESTALE: a version that is not known; nothing is
 * changed. -EINVAL: a size or a profile that cannot be. */
int dp_open(const struct dp_conf *conf, struct dp **out, struct err *err);
/* The program of a role, for BPF_PROG_TEST_RUN; -EINVAL for NONE. Owned by dp. */
int dp_prog_fd(const struct dp *dp, enum san_role role);
void dp_close(struct dp *dp); /* pins stay: forwarding goes on */
/* Detaches everything and removes every pin of ours below pin_dir, and pin_dir itself when nothing
 * else is in it (-ENOTEMPTY). 0 when there is none. For `sand --unload` and tests. */
int dp_unload(const char *pin_dir);

/* Attaches the role's program by a pinned bpf_link (native, else generic), or updates the link that
 * is already pinned for this interface to the newly loaded program: no packet sees a gap. Also
 * writes san_ifaces and san_tx. role NONE detaches. XDP redirects only to interfaces that have a
 * role; next hops elsewhere go through the kernel. Only frames to the MAC address that it has now
 * are steered: call again when that changes. -ENODEV no such interface, -EBUSY a foreign XDP
 * program is attached, -ENOSPC too many, -ERANGE an index beyond SAN_IFINDEX_MAX. A failure leaves
 * what was there. mode may be NULL. */
struct dp_iface {
	enum san_role role;
	uint8_t policy; /* SAN_IF_* */
	uint8_t group;
};
int dp_iface_set(struct dp *dp, unsigned int ifindex, const struct dp_iface *want,
		 enum dp_attach_mode *mode, struct err *err);
/* What is written and attached for an interface now; -ENOENT: nothing, not all of it, or for
 * another MAC address than the interface has now. */
int dp_iface_get(struct dp *dp, unsigned int ifindex, struct san_iface *iface,
		 enum dp_attach_mode *mode);
/* Interfaces that have an entry, in no order; fn changes none. Stops at fn's first non-zero. */
int dp_iface_each(const struct dp *dp, int (*fn)(void *, unsigned int, const struct san_iface *),
		  void *arg);
/* Removes links and entries of interfaces that are not in keep[n]. */
int dp_iface_prune(struct dp *dp, const unsigned int *keep, unsigned int n);

/* local: san_local instead of san_services. */
int dp_service_get(const struct dp *dp, bool local, uint64_t id,
		   struct san_service *val); /* -ENOENT */
/* -ENOSPC: max_services reached. -EINVAL: id 0, or a mode, affinity, next hop or slot range that
 * the program does not know. */
int dp_service_put(struct dp *dp, bool local, uint64_t id, const struct san_service *val);
int dp_service_del(struct dp *dp, bool local, uint64_t id); /* -ENOENT */
/* In no order; fn may delete the entry it is called for. Stops at fn's first non-zero result and
 * returns it. */
int dp_service_each(const struct dp *dp, bool local,
		    int (*fn)(void *, uint64_t, const struct san_service *), void *arg);
/* Many at once: batched where the kernel can. */
struct dp_services {
	const uint64_t *ids; /* each once */
	const struct san_service *vals;
	unsigned int n;
	int added;	     /* of them new */
	int64_t slots;	     /* of their ranges, more than before */
	unsigned int failed; /* out: the one that a failure is about */
};
/* As dp_service_put; a failure may leave some of them written. */
int dp_services_put(struct dp *dp, bool local, struct dp_services *services);
/* A part of the map, at most DP_WALK_BATCH or so; fn may write. 1: there is more, call again with
 * the same walk, which begins as zero; what comes or goes between two calls may be missed. */
#define DP_WALK_BATCH 256
struct dp_walk {
	bool begun;
	uint32_t token;
};
int dp_service_walk(const struct dp *dp, bool local, struct dp_walk *walk,
		    int (*fn)(void *, uint64_t, const struct san_service *), void *arg);
int dp_sid_walk(const struct dp *dp, struct dp_walk *walk,
		int (*fn)(void *, const struct in6_addr *, const struct san_sid *), void *arg);
/* -EINVAL: index 0 or beyond the array; put: also an outer_len or kind that cannot be. */
int dp_nexthop_get(const struct dp *dp, uint32_t index, struct san_nexthop *val);
int dp_nexthop_put(struct dp *dp, uint32_t index, const struct san_nexthop *val);
uint32_t dp_nexthop_max(const struct dp *dp); /* array size */
uint32_t dp_stats_max(const struct dp *dp);   /* size of san_svc_stats: 2 * max_services + 1 */

/* Slots base ... base + n - 1; batched where the kernel can. -EINVAL beyond max_slots. */
int dp_slots_get(const struct dp *dp, uint32_t base, uint32_t n, uint32_t *nexthops);
int dp_slots_put(struct dp *dp, uint32_t base, uint32_t n, const uint32_t *nexthops);

int dp_sid_get(const struct dp *dp, const struct in6_addr *sid, struct san_sid *val); /* -ENOENT */
int dp_sid_put(struct dp *dp, const struct in6_addr *sid, const struct san_sid *val); /* -ENOSPC */
int dp_sid_del(struct dp *dp, const struct in6_addr *sid);			      /* -ENOENT */
int dp_sid_each(const struct dp *dp,
		int (*fn)(void *, const struct in6_addr *, const struct san_sid *), void *arg);

/* Everything in san_domain but class_set, which dp_classes_set owns. */
int dp_domain_get(const struct dp *dp, struct san_domain *out);
int dp_domain_set(struct dp *dp, const struct san_domain *domain);

/* Replaces the classifier's rules as a whole: works out prefixes, pairs and groups, writes them
 * beside the old set, flips, removes the old set. Packets see the one or the other. -ENOSPC: more
 * than SAN_CLASS_ENTRIES pairs, prefixes (of one side) or entries of rules, err says of what;
 * -EINVAL: a rule that cannot be, err names its number. A failure leaves the old rules. Acts that
 * were not in force before begin with counters 0 and a full burst; one whose rate stays goes on. */
int dp_classes_set(struct dp *dp, const struct san_msg_class *rules, unsigned int n,
		   struct err *err);
unsigned int dp_classes_count(
	const struct dp *dp); /* rules in force, as far as this handle knows */
/* Are these rules in the maps, complete and nothing else? For audits. */
bool dp_classes_same(struct dp *dp, const struct san_msg_class *rules, unsigned int n);

/* Ring buffer: a descriptor for poll, -ENOTSUP without one; the callback is called from
 * dp_events_read, a few hundred times at most: the descriptor stays readable while there are more.
 * Returns how many. */
int dp_events_fd(const struct dp *dp);
int dp_events_read(struct dp *dp, void (*fn)(void *, const struct san_event *), void *arg);

/* Entries in use and room; O(1) (dp counts its own writes; the first call may walk). Slots: those
 * of the services' ranges. Classes: entries of san_class_rules in force; one rule can need several.
 */
int dp_map_fill(struct dp *dp, enum san_map map, uint64_t *used, uint64_t *size);

/* Sums over CPUs. Service and next-hop counters count steered packets. -EINVAL: no such index. */
int dp_svc_stats(const struct dp *dp, uint32_t index, struct san_counter *sum);
int dp_svc_stats_clear(struct dp *dp, uint32_t index);
int dp_nh_stats(const struct dp *dp, uint32_t index, struct san_counter *sum);
int dp_nh_stats_clear(struct dp *dp, uint32_t index);
/* Of the rules with this act, since it came into force: what they matched; of that, what was
 * dropped above its rate. */
int dp_act_stats(const struct dp *dp, uint32_t act, struct san_counter *sum);
int dp_act_over(const struct dp *dp, uint32_t act, struct san_counter *sum);
/* ifindex 0: row 0. -ENOENT: interface without a row. A row is cleared when an interface gets it.
 */
int dp_reason_stats(const struct dp *dp, unsigned int ifindex, enum san_reason reason,
		    struct san_counter *sum);

/* DIRECT: fills outer[0..1] with the address, outer_len 0, kind UNRESOLVED. */
void dp_direct_build(const struct in6_addr *address, struct san_nexthop *nh);
/* Fills outer[], outer_len, hop_limit, kind (UNRESOLVED) from segments: bytes as the kernel's
 * encap seg6 makes them, payload length, traffic class and flow label zero. segs in travel order.
 */
struct dp_outer {
	struct in6_addr source;
	const struct in6_addr *segs;
	uint8_t n_segs; /* 1..SAN_MAX_SEGS */
	uint8_t encap;	/* enum san_encap */
	uint8_t hop_limit;
};
/* -EINVAL: n_segs or encap out of range. MAC addresses, ifindex, MTU and epoch are left alone. */
int dp_outer_build(const struct dp_outer *outer, struct san_nexthop *nh);

#endif
