/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fragments: only the first one of a packet holds options and ports; where it goes, the later ones
 * follow, found by addresses and identification.
 */
#ifndef BPF_LIB_FRAG_H
#define BPF_LIB_FRAG_H

#include "lib/maps.h"
#include "lib/packet.h"

static __always_inline void frag_key(struct san_frag_key *key, const struct packet *p)
{
	__builtin_memcpy(key->src, p->flow.src, sizeof(key->src));
	__builtin_memcpy(key->dst, p->flow.dst, sizeof(key->dst));
	key->id = p->frag_id;
	key->proto = p->version == 4 ? p->flow.proto : 0;
}

/* p went to its next hop, of that epoch, or where its verdict says; when it is a first fragment,
 * the others shall, too. */
static __noinline int frag_remember(const struct packet *p, __u32 epoch)
{
	struct san_frag frag = {.nexthop = p->nexthop,
				.epoch = epoch,
				.made_ns = consts_now(),
				.service_id = p->service_id,
				.stats = p->stats,
				.act = p->act,
				.verdict = p->verdict,
				.mark = p->mark};
	struct san_frag_key key = {};

	if (!p->more)
		return 0;
	frag_key(&key, p);
	return bpf_map_update_elem(&san_frags, &key, &frag, BPF_ANY);
}

static __always_inline int frag_leads(__u32 nexthop, __u32 epoch)
{
	const struct san_nexthop *nh = bpf_map_lookup_elem(&san_nexthops, &nexthop);

	return nh && nh->epoch == epoch && nh->kind != SAN_NH_UNUSED;
}

/* p is a later fragment. SAN_R_FRAGMENT_HIT: service_id, stats, nexthop and what its rule wants are
 * those of the first one; else -SAN_R_FRAGMENT. */
static __noinline int frag_follow(struct packet *p)
{
	struct san_frag_key key = {};
	struct san_frag *frag;
	__u32 nexthop, epoch, want;
	__u64 now = consts_now(), made;

	frag_key(&key, p);
	frag = bpf_map_lookup_elem(&san_frags, &key);
	if (!frag)
		return -SAN_R_FRAGMENT;
	made = frag->made_ns; /* by another CPU, it may be later than now */
	nexthop = frag->nexthop;
	epoch = frag->epoch;
	want = *PACKET_RULE(frag);
	if (now > made && now - made >= SAN_FRAG_NS)
		return -SAN_R_FRAGMENT;
	*(__u32 *)&p->act = want;
	p->service_id = frag->service_id;
	p->by = SAN_BY_FRAGMENT;
	if (p->verdict == SAN_ACT_STEER && !frag_leads(nexthop, epoch))
		return -SAN_R_FRAGMENT;
	p->stats = frag->stats;
	p->nexthop = nexthop;
	return SAN_R_FRAGMENT_HIT;
}

#endif
