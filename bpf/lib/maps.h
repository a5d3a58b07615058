/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The maps of map_abi.h. Module dp sets the sizes, pins them by name and reuses what is pinned; the
 * sizes here are what an object has that is loaded by hand. Included once a program.
 */
#ifndef BPF_LIB_MAPS_H
#define BPF_LIB_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <san/map_abi.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct san_meta);
} san_meta SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, struct san_domain);
} san_domain SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SAN_DEFAULT_SERVICES);
	__type(key, struct san_service_key);
	__type(value, struct san_service);
} san_services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SAN_DEFAULT_SERVICES);
	__type(key, struct san_service_key);
	__type(value, struct san_service);
} san_local SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SAN_DEFAULT_SLOTS);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, __u32);
} san_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SAN_DEFAULT_NEXTHOPS);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, struct san_nexthop);
} san_nexthops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SAN_DEFAULT_FLOWS);
	__type(key, struct san_flow_key);
	__type(value, struct san_flow);
} san_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SAN_DEFAULT_FRAGS);
	__type(key, struct san_frag_key);
	__type(value, struct san_frag);
} san_frags SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SAN_DEFAULT_BUCKETS);
	__type(key, __be32[4]);
	__type(value, struct san_bucket);
} san_buckets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, SAN_CLASS_ENTRIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct san_class_prefix);
	__type(value, __u32);
} san_class_src SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, SAN_CLASS_ENTRIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct san_class_prefix);
	__type(value, __u32);
} san_class_dst SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SAN_CLASS_ENTRIES);
	__type(key, struct san_class_pair_key);
	__type(value, struct san_class_pair);
} san_class_pairs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SAN_CLASS_ENTRIES);
	__type(key, struct san_class_rule_key);
	__type(value, struct san_class_rule);
} san_class_rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SAN_DEFAULT_SIDS);
	__type(key, struct san_sid_key);
	__type(value, struct san_sid);
} san_sids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SAN_IFINDEX_MAX + 1);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, struct san_iface);
} san_ifaces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, SAN_DEFAULT_IFACES);
	__type(key, __u32);
	__type(value, __u32);
} san_tx SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2 * SAN_DEFAULT_SERVICES + 1);
	__type(key, __u32);
	__type(value, struct san_counter);
} san_svc_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SAN_DEFAULT_NEXTHOPS);
	__type(key, __u32);
	__type(value, struct san_counter);
} san_nh_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SAN_REASON_ROW *(SAN_DEFAULT_IFACES + 1));
	__type(key, __u32);
	__type(value, struct san_counter);
} san_reasons SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SAN_MAX_ACTS + 1);
	__type(key, __u32);
	__type(value, struct san_counter);
} san_act_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SAN_MAX_ACTS + 1);
	__type(key, __u32);
	__type(value, struct san_counter);
} san_act_over SEC(".maps");

/* struct san_meter, with the lock by the type that the verifier asks for. */
struct maps_meter {
	struct bpf_spin_lock lock;
	__u32 rate_kbps;
	__u64 last_ns;
	__s64 tokens;
};

_Static_assert(sizeof(struct maps_meter) == sizeof(struct san_meter) &&
		       __builtin_offsetof(struct maps_meter, rate_kbps) ==
			       __builtin_offsetof(struct san_meter, rate_kbps) &&
		       __builtin_offsetof(struct maps_meter, last_ns) ==
			       __builtin_offsetof(struct san_meter, last_ns),
	       "a meter is a meter");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SAN_MAX_ACTS + 1);
	__type(key, __u32);
	__type(value, struct maps_meter);
} san_meters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, SAN_EVENTS_BYTES);
} san_events SEC(".maps");

/* Adds one packet to a per-CPU counter. An index beyond the map counts nowhere. index lies on the
 * stack: the look-up wants it there. */
static __always_inline void maps_count_at(void *map, const __u32 *index, __u64 bytes)
{
	struct san_counter *counter = bpf_map_lookup_elem(map, index);

	if (!counter)
		return;
	counter->packets++;
	counter->bytes += bytes;
}

static __always_inline void maps_count(void *map, __u32 index, __u64 bytes)
{
	maps_count_at(map, &index, bytes);
}

/* NULL only on a kernel that fails; the verifier wants to see it asked. */
static __always_inline const struct san_domain *maps_domain(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&san_domain, &zero);
}

/* Asked before the packet is changed: an interface without a role is not in the map, the kernel can
 * send there all the same. */
static __always_inline int maps_can_send(__u32 ifindex)
{
	return bpf_redirect_map(&san_tx, ifindex, XDP_PASS) == XDP_REDIRECT;
}

#endif
