/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From a service's entry to the next hop of one packet: selection, slots, affinity. The same at the
 * ingress (san_services) and behind End.SAN (san_local).
 */
#ifndef BPF_LIB_CHOOSE_H
#define BPF_LIB_CHOOSE_H

#include "lib/flow.h"
#include "lib/packet.h"

/* Which slot; bits: of the hash, or of nothing. A service has at most 2^SAN_MAX_SLOT_BITS. */
static __always_inline __u32 choose_slot(const struct san_service *service, __u32 bits)
{
	return service->slot_base + (bits & ((1ull << service->slot_bits) - 1));
}

static __always_inline __u32 choose_bits(const struct san_service *service, const struct packet *p)
{
	if (service->affinity == SAN_AFFINITY_NONE)
		return bpf_get_prandom_u32();
	if (service->flags & SAN_SVC_KEY_SOURCE)
		return hash_slot(hash_source((const __u64 *)p->flow.src, flow_seed));
	return hash_slot(p->hash);
}

static __always_inline int choose_balanced(const struct san_service *service, struct packet *p)
{
	const __u32 *nexthop;

	p->slot = choose_slot(service, choose_bits(service, p));
	nexthop = bpf_map_lookup_elem(&san_slots, &p->slot);
	if (!nexthop)
		return -SAN_R_NH_INVALID;
	p->nexthop = *nexthop;
	return 0;
}

/* The selection in force: its next hop, NULL with the reason in *r. */
static __always_inline const struct san_nexthop *choose_selected(const struct san_service *service,
								 struct packet *p, int *r)
{
	const struct san_nexthop *nh;

	*r = 0;
	p->nexthop = service->nexthop;
	if (service->mode == SAN_MODE_BALANCED) {
		*r = choose_balanced(service, p);
	} else if (service->mode != SAN_MODE_PREFERRED) {
		p->nexthop = SAN_NH_NONE;
		*r = -SAN_R_NOTHING_SELECTED;
	}
	if (*r)
		return NULL;
	nh = bpf_map_lookup_elem(&san_nexthops, &p->nexthop);
	if (nh && nh->kind != SAN_NH_UNUSED)
		return nh;
	*r = -SAN_R_NH_INVALID;
	return NULL;
}

/* FLOW_HIT; FORWARDED: nothing is remembered that counts; FLOW_MOVED: what is remembered is gone.
 */
static __always_inline int choose_remembered(const struct san_service *service,
					     const struct san_flow_key *key, struct packet *p,
					     __u64 now)
{
	struct san_flow *flow = bpf_map_lookup_elem(&san_flows, key);
	__u64 silence;

	if (!flow)
		return SAN_R_FORWARDED;
	silence = flow_silence(flow, now);
	if (flow_is_idle(silence, service->idle_s))
		return SAN_R_FORWARDED;
	p->nexthop = flow->nexthop;
	if (!flow_holds(flow, bpf_map_lookup_elem(&san_nexthops, &p->nexthop)))
		return SAN_R_FLOW_MOVED;
	if (flow_is_stale(silence, service->idle_s))
		flow->last_ns = now;
	return SAN_R_FLOW_HIT;
}

static __always_inline int choose_flow(const struct san_service *service, struct packet *p)
{
	const __u64 *src = (const __u64 *)p->flow.src, *dst = (const __u64 *)p->flow.dst;
	struct san_flow_key key;
	int source = service->flags & SAN_SVC_KEY_SOURCE;
	int done = SAN_R_FORWARDED, r;
	__u64 now = consts_now();
	const struct san_nexthop *nh;

	if (source)
		flow_key_source(&key, p->service_id, src);
	else
		flow_key(&key, p->service_id, src, dst,
			 FLOW_LAST_WORD(p->flow.ports, p->flow.proto));
	if (source || !p->begins)
		done = choose_remembered(service, &key, p, now);
	if (done == SAN_R_FLOW_HIT)
		return done;
	nh = choose_selected(service, p, &r);
	if (!nh)
		return r;
	flow_remember(&key, p->nexthop, nh, now);
	return done;
}

/*
 * service: a copy on the stack, the map's element may be given to another service meanwhile.
 * Reads p->flow, hash, begins, service_id; sets p->nexthop to an index that is in use, slot, stats
 * and generation. Returns SAN_R_FORWARDED, SAN_R_FLOW_HIT or SAN_R_FLOW_MOVED, else -(reason).
 */
static __noinline int choose(const struct san_service *service, struct packet *p)
{
	int r;

	p->stats = service->stats;
	p->generation = service->generation;
	if (service->affinity == SAN_AFFINITY_FLOW)
		return choose_flow(service, p);
	choose_selected(service, p, &r);
	return r;
}

#endif
