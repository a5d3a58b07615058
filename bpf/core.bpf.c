// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core side: a packet to a SID of this host gets what the SID stands for: on to the next segment,
 * taken out of its outer headers, or (End.SAN) given to an instance of its service at this site.
 * Everything else, and what XDP cannot do now, goes to the kernel, whose seg6local routes do the
 * same. Each step answers 0 or a reason, the exit is one.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stddef.h>

#include <san/map_abi.h>
#include <san/wire.h>

#include "lib/boundary.h"
#include "lib/choose.h"
#include "lib/classify.h"
#include "lib/consts.h"
#include "lib/endpoint.h"
#include "lib/events.h"
#include "lib/frag.h"
#include "lib/maps.h"
#include "lib/packet.h"
#include "lib/verdict.h"

#define CORE_ICMP6 58
#define CORE_TOO_BIG 2
/* IPv6, ICMPv6, and the IPv6 header that is quoted. */
#define CORE_PTB_LEN (CURSOR_IP6_LEN + 8 + CURSOR_IP6_LEN)

struct core {
	struct packet p; /* as received; behind End.SAN of the inner packet */
	struct endpoint ep;
	struct san_sid sid;
};

/* Not IPv6 in untagged Ethernet, to us. */
static __always_inline int core_other(const __u8 *eth, const __u8 *end,
				      const struct san_iface *iface)
{
	struct l2 l2;
	int r = l2_read(eth, end, &l2);

	if (r)
		return r;
	if (l2.len != L2_ETH_LEN)
		return -SAN_R_TAGGED;
	return l2_is_ours(eth, iface) ? -SAN_R_NOT_LOCAL : -SAN_R_NOT_ROUTABLE;
}

/* The outer header: addresses and lengths. */
static __always_inline int core_parse(struct xdp_md *ctx, const struct san_iface *iface,
				      struct core *c)
{
	const __u8 *eth = l2_start_anew(ctx), *end = l2_end_anew(ctx);
	const __u8 *ip6 = eth + L2_ETH_LEN;

	if (ip6 > end)
		return -SAN_R_NOT_IP;
	if (!l2_is_ours(eth, iface) || CURSOR_LOAD(__u16, eth + 12) != cursor_be16(L2_IP6))
		return core_other(eth, end, iface);
	if (ip6 + CURSOR_IP6_LEN > end)
		return -SAN_R_TRUNCATED;
	if (ip6[0] >> 4 != 6)
		return -SAN_R_NOT_IP;
	endpoint_copy(c->p.flow.src, ip6 + PACKET_SRC);
	endpoint_copy(c->p.flow.dst, ip6 + PACKET_DST);
	c->ep.len = CURSOR_IP6_LEN + cursor_be16(CURSOR_LOAD(__u16, ip6 + 4));
	return c->ep.len + L2_ETH_LEN > c->ep.frame ? -SAN_R_TRUNCATED : 0;
}

static __always_inline int core_same(const __be32 a[4], const __u8 *b)
{
	return CURSOR_LOAD(__u64, a) == CURSOR_LOAD(__u64, b) &&
	       CURSOR_LOAD(__u64, a + 2) == CURSOR_LOAD(__u64, b + 8);
}

/* Does the core say that a packet of ours is too big for it? The parent is told; the message goes
 * to the kernel like any other. */
static __noinline int core_ptb(struct xdp_md *ctx, const struct packet *p)
{
	const struct san_domain *domain = maps_domain();
	const __u8 *ip6 = l2_start_anew(ctx) + L2_ETH_LEN;
	const __u8 *icmp = ip6 + CURSOR_IP6_LEN, *quoted = icmp + 8;
	struct packet told = {};

	if (!domain || ip6 + CORE_PTB_LEN > l2_end_anew(ctx))
		return 0;
	if (icmp[0] != CORE_TOO_BIG || quoted[0] >> 4 != 6)
		return 0;
	if (!core_same(domain->source, ip6 + PACKET_DST) &&
	    !core_same(domain->icmp_source, ip6 + PACKET_DST))
		return 0;
	if (!core_same(domain->source, quoted + PACKET_SRC))
		return 0;
	endpoint_copy(told.flow.src, ip6 + PACKET_SRC);
	endpoint_copy(told.flow.dst, quoted + PACKET_DST);
	told.flow.proto = CORE_ICMP6;
	told.frame = p->frame;
	told.ifindex = p->ifindex;
	told.mtu = cursor_be32(CURSOR_LOAD(__u32, icmp + 4));
	return events_put(&told, SAN_R_NOT_LOCAL, SAN_EVENT_PTB, SAN_ROLE_CORE);
}

/* The SID that the packet is for, and may its source send to it? */
static __always_inline int core_find(struct xdp_md *ctx, struct core *c)
{
	const struct san_sid *sid = bpf_map_lookup_elem(&san_sids, c->p.flow.dst);
	const struct san_domain *domain;
	const __u8 *ip6;

	if (!sid) {
		ip6 = l2_start_anew(ctx) + L2_ETH_LEN;
		if (ip6 + CURSOR_IP6_LEN <= l2_end_anew(ctx) && ip6[6] == CORE_ICMP6)
			core_ptb(ctx, &c->p);
		return -SAN_R_NOT_LOCAL;
	}
	c->sid = *sid; /* a preallocated element can be given to another SID */
	c->p.service_id = c->sid.service_id;
	c->p.by = c->sid.service_id ? SAN_BY_SID : SAN_BY_NOTHING;
	domain = maps_domain();
	if (!domain || !boundary_inside(domain, (const __u64 *)c->p.flow.src))
		return -SAN_R_OUTSIDE_SOURCE;
	if (c->sid.flags & SAN_SID_KERNEL)
		return -SAN_R_KERNEL_SID;
	ip6 = l2_start_anew(ctx) + L2_ETH_LEN;
	if (ip6 + CURSOR_IP6_LEN > l2_end_anew(ctx))
		return -SAN_R_TRUNCATED; /* not reached: it has been read */
	return endpoint_read(ip6, l2_end_anew(ctx), &c->ep);
}

/* The inner packet goes out by this next hop. */
static __always_inline int core_send(struct xdp_md *ctx, struct core *c,
				     const struct endpoint_inner *in, const struct san_nexthop *nh)
{
	int r;

	if (!nh)
		return -SAN_R_NH_INVALID;
	if (nh->kind == SAN_NH_UNRESOLVED)
		return -SAN_R_NH_UNRESOLVED;
	if (nh->kind == SAN_NH_DROP)
		return -SAN_R_NH_DROP;
	if (nh->kind != SAN_NH_DIRECT)
		return -SAN_R_NH_INVALID;
	r = endpoint_direct(ctx, &c->ep, in, nh);
	if (r == -SAN_R_TOO_BIG_KERNEL)
		c->p.mtu = nh->mtu;
	if (!r)
		maps_count(&san_nh_stats, c->p.nexthop, c->ep.frame);
	return r;
}

/* End.DX6, End.DX4 (RFC 8986 sections 4.4, 4.5). */
static __always_inline int core_connect(struct xdp_md *ctx, struct core *c, __u8 next)
{
	struct endpoint_inner in = {};
	int r = endpoint_inside(ctx, &c->ep, next, &in);

	if (r)
		return r;
	c->p.nexthop = c->sid.nexthop;
	r = core_send(ctx, c, &in, bpf_map_lookup_elem(&san_nexthops, &c->p.nexthop));
	if (r)
		return r;
	maps_count(&san_svc_stats, c->sid.stats, c->ep.frame);
	return SAN_R_DECAPSULATED;
}

/* End.DT6 of the main table (RFC 8986 section 4.6), and End with USD (section 4.16.3). */
static __noinline int core_table(struct xdp_md *ctx, struct core *c, __u32 next)
{
	struct endpoint_inner in = {};
	int r = endpoint_inside(ctx, &c->ep, next, &in);

	if (!r)
		r = endpoint_routed(ctx, &c->ep, &in);
	return r ? r : SAN_R_DECAPSULATED;
}

static __noinline int core_relay(struct xdp_md *ctx, struct core *c)
{
	int r = endpoint_next_segment(ctx, &c->ep, c->sid.flavors & SAN_FLAVOR_PSP);

	return r ? r : SAN_R_RELAYED;
}

static __always_inline int core_end(struct xdp_md *ctx, struct core *c)
{
	__u32 next = c->ep.next;

	if (c->ep.left)
		return core_relay(ctx, c);
	if (!(c->sid.flavors & SAN_FLAVOR_USD))
		return -SAN_R_UPPER_LAYER;
	if (next != ENDPOINT_NEXT_IP6 && next != ENDPOINT_NEXT_IP4)
		return -SAN_R_UPPER_LAYER;
	return core_table(ctx, c, next);
}

static __always_inline int core_decap_table(struct xdp_md *ctx, struct core *c)
{
	int r = core_table(ctx, c, ENDPOINT_NEXT_IP6);

	if (r > 0)
		maps_count(&san_svc_stats, c->sid.stats, c->ep.frame);
	return r;
}

/* Nothing, but the verifier does not know: added, it makes all paths to here look alike. Otherwise
 * what follows would be walked anew for everything that differs between them. */
static __always_inline __u32 core_zero(const struct xdp_md *ctx)
{
	const __u8 *ip6 = l2_start_anew(ctx) + L2_ETH_LEN;

	if (ip6 + 1 > l2_end_anew(ctx))
		return 0; /* not reached: it has been read */
	return ip6[0] >> 4 ^ 6;
}

static __always_inline void core_forget_outer(struct core *c, __u32 zero)
{
	c->ep.off = (c->ep.off + zero) & ENDPOINT_OFF_MASK;
	c->ep.srh += zero;
	c->ep.next += zero;
	c->ep.left += zero;
	c->sid.behaviour += zero;
}

static __always_inline void core_forget_inner(struct packet *p, __u32 zero)
{
	p->flow.ports += zero;
	p->flow.proto += zero;
	p->len += zero;
	p->l4_off += zero;
	p->version += zero;
	p->next += zero;
	p->fragment += zero;
	p->more += zero;
	p->begins += zero;
	p->by += zero;
	p->frag_id += zero;
	p->service_id += zero;
}

/* What rules of the access side want is done there. */
static __always_inline int core_follow(struct packet *p)
{
	int r = frag_follow(p), elsewhere = p->verdict != SAN_ACT_STEER;

	*(__u32 *)&p->act = 0;
	return elsewhere ? -SAN_R_FRAGMENT : r;
}

/* From here on p is the inner packet. Its service by SAN header, else by the classifier. */
static __always_inline int core_service(struct xdp_md *ctx, struct core *c)
{
	const struct san_domain *domain = maps_domain();
	__u32 l3 = L2_ETH_LEN + (c->ep.off & ENDPOINT_OFF_MASK);
	__u32 ifindex = c->p.ifindex, zero = core_zero(ctx);
	int r;

	core_forget_outer(c, zero);
	c->p = (struct packet){.ifindex = ifindex, .frame = c->ep.frame, .l2_len = L2_ETH_LEN};
	c->p.version = c->ep.next == ENDPOINT_NEXT_IP6 ? 6 : 4;
	r = packet_read(ctx, l3, &c->p);
	core_forget_inner(&c->p, zero);
	if (r == -SAN_R_FRAGMENT)
		return core_follow(&c->p);
	if (r != -SAN_R_NO_SAN && r != -SAN_R_BAD_VERSION)
		return r;
	if (!domain || !domain->class_set || classify(&c->p, domain->class_set, CLASSIFY_LOCAL))
		return r;
	return 0;
}

/* Among the instances of this site. */
static __always_inline int core_choose(struct core *c)
{
	struct san_service_key key = {.service_id = c->p.service_id};
	const struct san_service *found = bpf_map_lookup_elem(&san_local, &key);
	struct san_service service;

	if (!found)
		return -SAN_R_UNKNOWN_SERVICE;
	service = *found; /* a preallocated element can be given to another service */
	return choose(&service, &c->p);
}

static __always_inline int core_takes(const struct san_nexthop *nh, const struct endpoint_inner *in)
{
	return nh->families & (in->ip4 ? SAN_NH_IP4 : SAN_NH_IP6);
}

static __always_inline int core_send_local(struct xdp_md *ctx, struct core *c,
					   const struct endpoint_inner *in)
{
	const struct san_nexthop *nh = bpf_map_lookup_elem(&san_nexthops, &c->p.nexthop);
	__u32 epoch;
	int r;

	if (nh && nh->kind == SAN_NH_DIRECT && !core_takes(nh, in))
		return -SAN_R_WRONG_FAMILY;
	epoch = nh ? nh->epoch : 0;
	r = core_send(ctx, c, in, nh);
	if (!r && c->p.more)
		frag_remember(&c->p, epoch);
	return r;
}

/* End.SAN: taken out, and the service looked up again. */
static __noinline int core_san(struct xdp_md *ctx, struct core *c)
{
	struct endpoint_inner in = {};
	__u32 next = c->ep.next == ENDPOINT_NEXT_IP4 ? ENDPOINT_NEXT_IP4 : ENDPOINT_NEXT_IP6;
	int done, r = endpoint_inside(ctx, &c->ep, next, &in);

	if (r)
		return r;
	done = core_service(ctx, c);
	if (!done)
		done = core_choose(c);
	if (done < 0)
		return done;
	r = core_send_local(ctx, c, &in);
	if (r)
		return r;
	maps_count(&san_svc_stats, c->p.stats, c->ep.frame);
	return done == SAN_R_FORWARDED ? SAN_R_LOCAL : done;
}

static __always_inline int core_behave(struct xdp_md *ctx, struct core *c)
{
	switch (c->sid.behaviour) {
	case SAN_BEHAVIOUR_END:
		return core_end(ctx, c);
	case SAN_BEHAVIOUR_END_DX6:
		return core_connect(ctx, c, ENDPOINT_NEXT_IP6);
	case SAN_BEHAVIOUR_END_DX4:
		return core_connect(ctx, c, ENDPOINT_NEXT_IP4);
	case SAN_BEHAVIOUR_END_DT6:
		return core_decap_table(ctx, c);
	case SAN_BEHAVIOUR_END_SAN:
		return core_san(ctx, c);
	default:
		return -SAN_R_KERNEL_SID;
	}
}

/* Returns the reason, negative unless the packet was steered. */
static __always_inline int core_steer(struct xdp_md *ctx, const struct san_iface *iface,
				      struct core *c)
{
	int r = core_parse(ctx, iface, c);

	if (!r)
		r = core_find(ctx, c);
	return r ? r : core_behave(ctx, c);
}

/* UNKNOWN_SERVICE is no reason to drop here: the kernel's End.DT6 serves the packet. */
static __always_inline int core_exit(const struct core *c, const struct san_iface *iface, int r)
{
	__u32 reason = r < 0 ? -r : r, row = 0, steered = verdict_steers(reason);
	const struct san_domain *domain = maps_domain();
	__u8 policy = 0;

	if (reason != SAN_R_NO_ROLE) {
		row = iface->row;
		policy = iface->policy & ~SAN_IF_DROP_UNKNOWN;
	}
	if (domain && (!steered || events_traces(domain)))
		events_exit(&c->p, reason, steered, SAN_ROLE_CORE);
	return verdict(reason, row, policy, c->ep.frame);
}

SEC("xdp")
int san_core(struct xdp_md *ctx)
{
	__u32 ifindex = ctx->ingress_ifindex;
	const struct san_iface *iface = bpf_map_lookup_elem(&san_ifaces, &ifindex);
	struct core c; /* sid and the rest of ep: written before they are read */

	c.p = (struct packet){};
	c.ep.frame = l2_end_anew(ctx) - l2_start_anew(ctx);
	c.p.frame = c.ep.frame;
	c.p.ifindex = ifindex;
	if (!iface || iface->role != SAN_ROLE_CORE)
		return core_exit(&c, iface, -SAN_R_NO_ROLE);
	return core_exit(&c, iface, core_steer(ctx, iface, &c));
}

char _license[] SEC("license") = "GPL";
