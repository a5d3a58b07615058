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
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SAN_DEFAULT_SERVICES);
	__type(key, struct san_service_key);
	__type(value, struct san_service);
} san_services SEC(".maps");

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
	__uint(max_entries, SAN_DEFAULT_SERVICES);
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
	__uint(max_entries, SAN_R_MAX);
	__type(key, __u32);
	__type(value, struct san_counter);
} san_reasons SEC(".maps");

/* Adds one packet to a per-CPU counter. An index beyond the map counts nowhere. */
static __always_inline void maps_count(void *map, __u32 index, __u64 bytes)
{
	struct san_counter *counter = bpf_map_lookup_elem(map, &index);

	if (!counter)
		return;
	counter->packets++;
	counter->bytes += bytes;
}

#endif
