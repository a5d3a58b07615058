// SPDX-License-Identifier: GPL-2.0-only
/*
 * Access side: a packet with a service (by its SAN header, else by the classifier) goes to the next
 * hop selected for it, everything else to the kernel.
 *
 * There are two ways. The usual packet (IPv6, no tag, 16 bytes of Destination Options, TCP or UDP)
 * takes a straight line, which either forwards it or gives it up untouched. Every other packet, and
 * what was given up, takes the long way from the start: it knows all kinds and all reasons.
 */
#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <stddef.h>

#include <san/map_abi.h>
#include <san/wire.h>

#include "lib/act.h"
#include "lib/boundary.h"
#include "lib/choose.h"
#include "lib/classify.h"
#include "lib/consts.h"
#include "lib/cursor.h"
#include "lib/events.h"
#include "lib/flow.h"
#include "lib/frag.h"
#include "lib/hash.h"
#include "lib/icmp.h"
#include "lib/l2.h"
#include "lib/maps.h"
#include "lib/packet.h"
#include "lib/srv6.h"
#include "lib/verdict.h"

#define ingress_unlikely(x) __builtin_expect(!!(x), 0)

/* --- the usual packet ------------------------------------------------------------------ */

/* Facts of it. What is needed seldom is read again where it is: what is kept costs a store and a
 * load across every call. */
struct usual {
	const __u8 *ip6; /* CURSOR_FAST_L4 + CURSOR_PORTS_LEN bytes can be read */
	__u64 service_id;
	__u64 hash;
	__u64 frame; /* L2, as received */
	__u32 nexthop;
	__u32 stats; /* index into san_svc_stats */
	__u32 cell;  /* of san_reasons */
};

static __always_inline __u64 usual_last_word(const __u8 *ip6)
{
	__u32 ports = CURSOR_LOAD(__u32, ip6 + CURSOR_FAST_L4);

	return FLOW_LAST_WORD(ports, ip6[CURSOR_IP6_LEN]);
}

/* Only what is routable beyond doubt: packet_routable6() is the judge. */
static __always_inline int usual_routable(const __u8 *addr)
{
	return addr[0] < 0xfe && CURSOR_LOAD(__u64, addr);
}

static __always_inline int usual_is_plain(const struct san_iface *iface, const __u8 *eth)
{
	return iface->role == SAN_ROLE_INGRESS && l2_is_ours(eth, iface) &&
	       CURSOR_LOAD(__u16, eth + 12) == cursor_be16(L2_IP6);
}

/* Frame, header and addresses, in the order of cost. */
static __always_inline int usual_read(struct xdp_md *ctx, const struct san_iface *iface,
				      const struct san_domain *domain, struct usual *u)
{
	const struct san_quick *shape = (const struct san_quick *)&quick;
	const __u8 *eth = l2_start(ctx), *end = l2_end(ctx);
	const __u8 *ip6 = eth + L2_ETH_LEN;
	const __u64 *src = (const __u64 *)(ip6 + PACKET_SRC),
		    *dst = (const __u64 *)(ip6 + PACKET_DST);
	struct san_found found;

	cursor_pin(shape);
	if (ip6 + CURSOR_FAST_L4 + CURSOR_PORTS_LEN > end || boundary_forbids(domain, dst) ||
	    !usual_is_plain(iface, eth) || !cursor_fast(ip6, end, shape, &found))
		return 0;
	if (ip6[SRV6_HOP_LIMIT] <= 1 || !usual_routable(ip6 + PACKET_SRC) ||
	    !usual_routable(ip6 + PACKET_DST))
		return 0;
	u->ip6 = ip6;
	u->service_id = found.service_id;
	u->frame = end - eth;
	u->cell = iface->row * SAN_REASON_ROW + SAN_R_FORWARDED;
	u->hash = hash_words(src, dst, FLOW_LAST_WORD(found.ports, found.l4_proto), flow_seed);
	return 1;
}

/* May this be the first packet of a TCP connection? */
static __always_inline int usual_begins(const struct xdp_md *ctx, const struct usual *u)
{
	const __u8 *flags = u->ip6 + CURSOR_FAST_L4 + PACKET_TCP_FLAGS;

	if (u->ip6[CURSOR_IP6_LEN] != CURSOR_TCP)
		return 0;
	return flags + 1 > l2_end(ctx) ||
	       (*flags & (PACKET_TCP_SYN | PACKET_TCP_ACK)) == PACKET_TCP_SYN;
}

/* The next hop of a flow that is known; else NULL. */
static __always_inline const struct san_nexthop *usual_known(const struct san_flow_key *key,
							     __u32 idle_s, struct usual *u)
{
	struct san_flow *flow = bpf_map_lookup_elem(&san_flows, key);
	const struct san_nexthop *nh;
	__u64 now, silence;

	if (!flow)
		return NULL;
	u->nexthop = flow->nexthop;
	nh = bpf_map_lookup_elem(&san_nexthops, &u->nexthop);
	now = consts_now();
	silence = flow_silence(flow, now);
	if (!flow_holds(flow, nh) || flow_is_idle(silence, idle_s))
		return NULL;
	if (ingress_unlikely(flow_is_stale(silence, idle_s)))
		flow->last_ns = now;
	return nh;
}

static __always_inline const struct san_nexthop *usual_flow(const struct xdp_md *ctx,
							    const struct san_service *service,
							    struct usual *u)
{
	const __u64 *src = (const __u64 *)(u->ip6 + PACKET_SRC);
	const __u64 *dst = (const __u64 *)(u->ip6 + PACKET_DST);
	struct san_flow_key key;

	if (service->flags & SAN_SVC_KEY_SOURCE)
		flow_key_source(&key, u->service_id, src);
	else if (usual_begins(ctx, u))
		return NULL;
	else
		flow_key(&key, u->service_id, src, dst, usual_last_word(u->ip6));
	return usual_known(&key, service->idle_s, u);
}

/* mode, affinity, flags of a service as one word: one load and one branch for the usual one
 * with slots. */
#define USUAL_WORD(mode, affinity, flags)                                                          \
	cursor_be32((__u32)(mode) << 24 | (__u32)(affinity) << 16 | (__u32)(flags) << 8)
#define USUAL_WORD_MASK cursor_be32(0xffffff00)

/* What slots are chosen by, for the less usual services. */
static __always_inline __u32 usual_bits(const struct san_service *service, const struct usual *u)
{
	if (service->affinity == SAN_AFFINITY_NONE)
		return bpf_get_prandom_u32();
	if (service->flags & SAN_SVC_KEY_SOURCE)
		return hash_slot(hash_source((const __u64 *)(u->ip6 + PACKET_SRC), flow_seed));
	return hash_slot(u->hash);
}

static __always_inline int usual_selected(const struct san_service *service, struct usual *u)
{
	__u32 word = *(const __u32 *)&service->mode & USUAL_WORD_MASK;
	const __u32 *nexthop;
	__u32 bits, slot;

	u->nexthop = service->nexthop;
	if (service->mode == SAN_MODE_PREFERRED)
		return 1;
	if (word == USUAL_WORD(SAN_MODE_BALANCED, SAN_AFFINITY_HASH, 0))
		bits = hash_slot(u->hash);
	else if (service->mode == SAN_MODE_BALANCED)
		bits = usual_bits(service, u);
	else
		return 0;
	slot = choose_slot(service, bits);
	nexthop = bpf_map_lookup_elem(&san_slots, &slot);
	if (!nexthop)
		return 0;
	u->nexthop = *nexthop;
	return 1;
}

static __always_inline int usual_send(struct xdp_md *ctx, const struct san_nexthop *nh,
				      const struct usual *u)
{
	__u64 len = u->frame - L2_ETH_LEN;

	if (!(nh->families & SAN_NH_IP6))
		return 0;
	return srv6_usual_send(ctx, nh, hash_label(u->hash), len);
}

/* The service's next hop for it, NULL when the long way has to say why not. */
static __always_inline const struct san_nexthop *usual_choose(const struct xdp_md *ctx,
							      const struct san_iface *iface,
							      struct usual *u)
{
	const struct san_service *service = bpf_map_lookup_elem(&san_services, &u->service_id);

	if (!service || !(service->groups >> iface->group & 1))
		return NULL;
	u->stats = service->stats;
	if (service->affinity == SAN_AFFINITY_FLOW) {
		u->cell += SAN_R_FLOW_HIT - SAN_R_FORWARDED;
		return usual_flow(ctx, service, u);
	}
	if (!usual_selected(service, u))
		return NULL;
	return bpf_map_lookup_elem(&san_nexthops, &u->nexthop);
}

/* False: the packet is untouched, and not counted. */
static __always_inline int usual(struct xdp_md *ctx, const struct san_iface *iface, struct usual *u)
{
	const struct san_domain *domain = maps_domain();
	const struct san_nexthop *nh;

	if (!domain || events_traces(domain) || !usual_read(ctx, iface, domain, u))
		return 0;
	nh = usual_choose(ctx, iface, u);
	if (!nh || !usual_send(ctx, nh, u))
		return 0;
	maps_count_at(&san_nh_stats, &u->nexthop, u->frame);
	maps_count_at(&san_reasons, &u->cell, u->frame);
	/* Last: of many services its cell is in no cache, and nothing here has to wait for it. */
	maps_count_at(&san_svc_stats, &u->stats, u->frame);
	return 1;
}

/* --- every packet ---------------------------------------------------------------------- */

/* Steps up to the addresses: what it is, is it ours, may it go where it says. */
static __always_inline int long_admit(struct xdp_md *ctx, const struct san_iface *iface,
				      const struct san_domain *domain, struct packet *p)
{
	const __u8 *eth = l2_start(ctx), *end = l2_end(ctx), *ip6;
	struct l2 l2 = {};
	int r = l2_read(eth, end, &l2);

	if (r)
		return r;
	p->l2_len = (l2.len + p->zero) & L2_LEN_MASK;
	p->version = (l2.version + p->zero) & 7;
	if (l2.version == 6) {
		ip6 = eth + (p->l2_len & L2_LEN_MASK);
		cursor_pin(ip6);
		if (packet_head6(ip6, end, p) &&
		    boundary_forbids(domain, (const __u64 *)p->flow.dst))
			return -SAN_R_BOUNDARY;
	}
	packet_forget(p);
	if (!l2_is_ours(eth, iface))
		return -SAN_R_NOT_ROUTABLE;
	return l2.len > L2_ETH_LEN && !(iface->policy & SAN_IF_VLAN) ? -SAN_R_TAGGED : 0;
}

/* This host's own outer header, or one that looks like it. */
static __always_inline int long_is_looped(const struct san_domain *domain, const struct packet *p)
{
	const __u64 *source = (const __u64 *)domain->source;
	const __u64 *src = (const __u64 *)p->flow.src;

	if (p->version != 6 ||
	    (p->next != IPPROTO_IPV6 && p->next != IPPROTO_IPIP && p->next != CURSOR_ROUTING))
		return 0;
	return source[0] | source[1] && src[0] == source[0] && src[1] == source[1];
}

/* By a rule of the classifier: 0: p->service_id is the rule's; -SAN_R_NO_SAN: there is none; else
 * -(reason) that the rule gives, to later fragments, too. */
static __noinline int long_classify(const struct xdp_md *ctx, struct packet *p, __u32 set)
{
	int r = classify(p, set, CLASSIFY_INGRESS);

	if (r)
		return r;
	if (act_is_exempt(ctx, p))
		return -SAN_R_NOT_ROUTABLE;
	r = act_on(p);
	if (p->verdict != SAN_ACT_STEER) {
		p->service_id = 0;
		frag_remember(p, 0);
	}
	return r;
}

/* A later fragment goes the way of the first one. */
static __always_inline int long_follow(struct packet *p)
{
	int r = frag_follow(p), acted;

	if (r < 0)
		return r;
	acted = act_on(p);
	return acted ? acted : r;
}

/* 0: p->service_id is the service it asks for, or that is given to it; SAN_R_FRAGMENT_HIT: the next
 * hop is known, too. */
static __noinline int long_read(struct xdp_md *ctx, const struct san_iface *iface,
				const struct san_domain *domain, struct packet *p)
{
	__u32 set = domain->class_set;
	int r = long_admit(ctx, iface, domain, p), given;

	if (r)
		return r;
	r = packet_read(ctx, p->l2_len, p);
	if (r == -SAN_R_FRAGMENT)
		return long_follow(p);
	if ((r == -SAN_R_NO_SAN || r == -SAN_R_BAD_VERSION) && iface->policy & SAN_IF_CLASSIFY &&
	    set) {
		given = long_classify(ctx, p, set);
		r = given == -SAN_R_NO_SAN ? r : given;
	}
	if (!r && long_is_looped(domain, p))
		return -SAN_R_LOOPED;
	return r;
}

/* Services of the host's own making are for nobody, only rules lead there. */
static __always_inline int long_may_use(const struct san_iface *iface, __u64 groups,
					const struct packet *p)
{
	if (p->by == SAN_BY_CLASS && p->service_id >= SAN_SERVICE_OWN_MIN)
		return 1;
	return groups >> (iface->group & 63) & 1;
}

/* The next hop for the service; its index is in p. */
static __noinline int long_choose(const struct san_iface *iface, struct packet *p)
{
	struct san_service_key key = {.service_id = p->service_id};
	const struct san_service *found = bpf_map_lookup_elem(&san_services, &key);
	struct san_service service;

	if (!found)
		return -SAN_R_UNKNOWN_SERVICE;
	service = *found; /* a preallocated element can be used again under a reader */
	p->generation = service.generation;
	if (!long_may_use(iface, service.groups, p))
		return -SAN_R_DENIED;
	return packet_routable(p) ? choose(&service, p) : -SAN_R_NOT_ROUTABLE;
}

static __always_inline int long_too_big(struct xdp_md *ctx, const struct packet *p)
{
	struct icmp_request request = {.mtu = p->mtu,
				       .l2_len = p->l2_len,
				       .l3_len = p->len,
				       .l4_off = p->l4_off,
				       .l4_proto = p->flow.proto,
				       .family = p->version};

	return icmp_too_big(ctx, &request);
}

/* By the next hop that was chosen, for the reason `done`. */
static __noinline int long_send(struct xdp_md *ctx, struct packet *p, int done)
{
	const struct san_nexthop *nh = bpf_map_lookup_elem(&san_nexthops, &p->nexthop);
	__u32 epoch;
	int r;

	if (!nh)
		return -SAN_R_NH_INVALID;
	epoch = nh->epoch;
	r = srv6_send(ctx, nh, p);
	if (r == -SAN_R_TOO_BIG)
		return long_too_big(ctx, p);
	if (r)
		return r;
	if (p->more && done != SAN_R_FRAGMENT_HIT)
		frag_remember(p, epoch);
	maps_count(&san_svc_stats, p->stats, p->frame);
	maps_count(&san_nh_stats, p->nexthop, p->frame);
	return done;
}

/* Returns the reason, negative unless the packet was steered. */
static __always_inline int long_steer(struct xdp_md *ctx, const struct san_iface *iface,
				      struct packet *p)
{
	const struct san_domain *domain = maps_domain();
	int r = domain ? long_read(ctx, iface, domain, p) : -SAN_R_NO_ROLE;

	if (r < 0)
		return r;
	if (!r)
		r = long_choose(iface, p);
	else if (!packet_routable(p))
		r = -SAN_R_NOT_ROUTABLE;
	return r < 0 ? r : long_send(ctx, p, (r + p->zero) & 63);
}

/* It goes to the kernel with another DSCP. */
static __noinline int long_mark(struct xdp_md *ctx, const struct packet *p)
{
	__u8 *ip = l2_start(ctx) + (p->l2_len & L2_LEN_MASK);

	cursor_pin(ip);
	return srv6_mark(ip, l2_end(ctx), p);
}

/* Every way to the kernel's routes, which know nothing of own services. */
#define LONG_TO_ROUTES                                                                             \
	((verdict_set(VERDICT_PASS) | verdict_set(VERDICT_UNKNOWN) |                               \
	  verdict_set(VERDICT_MALFORMED)) &                                                        \
	 ~(1ull << SAN_R_HOP_LIMIT | 1ull << SAN_R_NOT_ROUTABLE))

/* The reason for p: another one where a rule leads it to an own service that cannot take it. Its
 * later fragments share that. */
static __noinline int long_reason(struct packet *p, __u32 reason)
{
	if (p->service_id < SAN_SERVICE_OWN_MIN || p->by == SAN_BY_HEADER ||
	    !(LONG_TO_ROUTES >> (reason & 63) & 1))
		return reason;
	p->cause = reason;
	p->verdict = SAN_FRAG_DOWN;
	if (p->by == SAN_BY_CLASS)
		frag_remember(p, 0);
	return SAN_R_GOAL_DOWN;
}

static __noinline int ingress_long(struct xdp_md *ctx)
{
	__u32 ifindex = ctx->ingress_ifindex, row = 0, reason = SAN_R_NO_ROLE;
	const struct san_iface *iface = bpf_map_lookup_elem(&san_ifaces, &ifindex);
	struct packet p = {.ifindex = ifindex, .zero = packet_zero(ctx)};
	__u8 policy = 0;
	int r;

	p.frame = l2_end(ctx) - l2_start(ctx);
	if (iface && iface->role == SAN_ROLE_INGRESS) {
		row = iface->row;
		policy = iface->policy;
		r = long_steer(ctx, iface, &p);
		reason = long_reason(&p, ((r < 0 ? -r : r) + p.zero) & 63);
		if (r == -SAN_R_ALLOWED && p.mark)
			long_mark(ctx, &p);
	}
	reason = (reason + p.zero) & 63;
	events_exit(&p, reason, verdict_steers(reason), SAN_ROLE_INGRESS);
	return verdict(reason, row, policy, p.frame);
}

SEC("xdp")
int san_ingress(struct xdp_md *ctx)
{
	__u32 ifindex = ctx->ingress_ifindex;
	const struct san_iface *iface = bpf_map_lookup_elem(&san_ifaces, &ifindex);
	struct usual u; /* each step fills what the next ones read */

	if (iface && usual(ctx, iface, &u))
		return XDP_REDIRECT;
	return ingress_long(ctx);
}

char _license[] SEC("license") = "GPL";
