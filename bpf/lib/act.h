/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a classifier rule wants of its packets besides a service: counted, dropped, limited to a
 * rate, marked; see enum san_act_verdict. Nothing here writes to the packet.
 */
#ifndef BPF_LIB_ACT_H
#define BPF_LIB_ACT_H

#include "lib/maps.h"
#include "lib/meter.h"
#include "lib/packet.h"

#define ACT_DSCP_SHIFT 2
#define ACT_ECN_MASK 3
#define ACT_DSCP_MASK 0x3f

#define ACT_ICMP6 58
#define ACT_ND_FIRST 133 /* router solicitation ... */
#define ACT_ND_LAST 137	 /* ... redirect: they travel with a hop limit of 255 only */
#define ACT_ND_HOP_LIMIT 255

static __always_inline int act_is_neighbour(const struct xdp_md *ctx, const struct packet *p)
{
	__u64 off = (__u64)p->l2_len + (p->l4_off & CURSOR_OFF_MASK);
	const __u8 *type;

	if (p->flow.proto != ACT_ICMP6 || p->version != 6 || !p->l4_off ||
	    p->hop_limit != ACT_ND_HOP_LIMIT)
		return 0;
	type = l2_start_anew(ctx) + (off & CURSOR_OFF_MASK);
	if (type + 1 > l2_end_anew(ctx))
		return 0;
	return *type >= ACT_ND_FIRST && *type <= ACT_ND_LAST;
}

/* Does p belong to its link, where rules have no say? Neighbour discovery (RFC 4861), and addresses
 * that no router forwards by. */
static __noinline int act_is_exempt(const struct xdp_md *ctx, const struct packet *p)
{
	return *PACKET_RULE(p) && (!packet_routable(p) || act_is_neighbour(ctx, p));
}

/* 1: above the rate of its act. */
static __noinline int act_over(__u32 act, __u32 bytes)
{
	struct maps_meter *meter = bpf_map_lookup_elem(&san_meters, &act);
	__u64 now;
	int within;

	if (!meter || !meter->rate_kbps)
		return 0;
	now = bpf_ktime_get_ns(); /* the coarse clock stands still for half a burst */
	bpf_spin_lock(&meter->lock);
	within = meter_take((struct san_meter *)meter, now, bytes);
	bpf_spin_unlock(&meter->lock);
	return !within;
}

static __always_inline int act_limit(struct packet *p)
{
	if (p->verdict != SAN_FRAG_OVER && (!p->act || !act_over(p->act, p->frame)))
		return 0;
	p->verdict = SAN_FRAG_OVER;
	if (p->act)
		maps_count(&san_act_over, p->act, p->frame);
	return -SAN_R_OVER_RATE;
}

/* Counts p with the rule that it has matched. 0: it goes to the service of the rule, else
 * -(reason). */
static __noinline int act_on(struct packet *p)
{
	int r;

	if (!*PACKET_RULE(p))
		return 0;
	if (p->act)
		maps_count(&san_act_stats, p->act, p->frame);
	if (p->verdict == SAN_ACT_DROP)
		return -SAN_R_FORBIDDEN;
	if (p->verdict == SAN_FRAG_DOWN) {
		p->cause = SAN_R_FRAGMENT_HIT;
		return -SAN_R_GOAL_DOWN;
	}
	r = act_limit(p);
	if (r)
		return r;
	if (p->mark)
		p->tclass =
			(p->mark & ACT_DSCP_MASK) << ACT_DSCP_SHIFT | (p->tclass & ACT_ECN_MASK);
	return p->verdict == SAN_ACT_PASS ? -SAN_R_ALLOWED : 0;
}

#endif
