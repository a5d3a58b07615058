/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Affinity: a flow of a service that asks for it keeps its next hop, in a bounded LRU table, while
 * that next hop is the one it was (epoch) and the flow does not fall silent for too long.
 */
#ifndef BPF_LIB_FLOW_H
#define BPF_LIB_FLOW_H

#include "lib/hash.h"
#include "lib/maps.h"

#define FLOW_SECOND_NS 1000000000ull

/* Words of addresses as they stand in memory; last: FLOW_LAST_WORD. Each word is one store: the
 * look-up reads it so, and the CPU passes on to a load only what one store has written. */
static __always_inline void flow_key(struct san_flow_key *key, __u64 service_id, const __u64 src[2],
				     const __u64 dst[2], __u64 last)
{
	__u64 *word = (__u64 *)key;

	word[0] = src[0];
	word[1] = src[1];
	word[2] = dst[0];
	word[3] = dst[1];
	word[4] = service_id;
	word[5] = last;
}

/* The same with SAN_SVC_KEY_SOURCE. */
static __always_inline void flow_key_source(struct san_flow_key *key, __u64 service_id,
					    const __u64 src[2])
{
	const __u64 none[2] = {0, 0};

	flow_key(key, service_id, src, none, 0);
}

/* For how long this flow has been silent. Another CPU may have seen it later than now. */
static __always_inline __u64 flow_silence(const struct san_flow *flow, __u64 now)
{
	return now > flow->last_ns ? now - flow->last_ns : 0;
}

static __always_inline int flow_is_idle(__u64 silence, __u32 idle_s)
{
	return idle_s && silence >= idle_s * FLOW_SECOND_NS;
}

/* Is last_ns to be written anew? That line is shared by all CPUs of a flow: once a second is
 * enough, or four times in a shorter time of idleness. */
static __always_inline int flow_is_stale(__u64 silence, __u32 idle_s)
{
	return silence >= FLOW_SECOND_NS || (idle_s && silence >= idle_s * (FLOW_SECOND_NS / 4));
}

/* Is the next hop still the one that the flow was given? */
static __always_inline int flow_holds(const struct san_flow *flow, const struct san_nexthop *nh)
{
	return nh && nh->epoch == flow->epoch && nh->kind != SAN_NH_UNUSED;
}

/* A full table evicts its oldest; a failed insert costs the flow its affinity, not its packet. */
static __always_inline void flow_remember(const struct san_flow_key *key, __u32 index,
					  const struct san_nexthop *nh, __u64 now)
{
	struct san_flow flow = {.nexthop = index, .epoch = nh->epoch, .last_ns = now};

	bpf_map_update_elem(&san_flows, key, &flow, BPF_ANY);
}

#endif
