// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ingress program and what its steps cost at least, for BPF_PROG_TEST_RUN with many repeats.
 *
 * That call does not restore the packet between repeats. So the text of bpf/ingress.bpf.c is
 * compiled in here and inlined into a wrapper, which takes the pushed header off again and repairs
 * the Ethernet header and the hop limit; every repeat finds the packet of the first. The floors
 * undo in the same way, so the undoing is in both sides of a ratio.
 *
 * The system call itself takes milliseconds (it waits for RCU) and tells whole nanoseconds. So the
 * programs take the time themselves, once in BENCH_CHUNK runs.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "lib/cursor.h"
#include "lib/l2.h"
#include "lib/maps.h"
#include "lib/packet.h"
#include "lib/srv6.h"

#include "dataplane.h"

/* The program's text, as a function without section and licence of its own. */
#undef SEC
#define SEC(name)
#define san_ingress static __always_inline bench_ingress
#define _license bench_ingress_license
#include "ingress.bpf.c"
#undef _license
#undef san_ingress
#undef SEC
#define SEC(name) __attribute__((section(name), used))

#define BENCH_ID_AT (L2_ETH_LEN + CURSOR_IP6_LEN + 8) /* of the service ID in the DOH */
#define BENCH_MIN_LEN (BENCH_ID_AT + 8 + CURSOR_PORTS_LEN)
#define BENCH_HOP_LIMIT 64
#define BENCH_MIX                                                                                  \
	0x9e3779b1u /* odd: i * MIX & mask meets every value once before the first again */

/* Set by the driver before loading: a power of two less one each. */
const volatile __u32 service_mask = 0;
const volatile __u32 flow_mask = 0;
/* The Ethernet header of the packet, put back after each run. */
const volatile __u64 eth_dst = 0;
const volatile __u32 eth_src = 0;

__u32 bench_step = 0;
__u32 bench_runs = 0;
__u64 bench_stamps[BENCH_STAMPS] = {};

/* What the floor needs of a service, in one place: nothing is cheaper than one look-up. */
struct floor_service {
	struct san_nexthop nh;
	__u32 stats;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct san_service_key);
	__type(value, struct floor_service);
} floor_services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SAN_DEFAULT_FLOWS);
	__type(key, struct san_flow_key);
	__type(value, struct san_flow);
} floor_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, struct san_counter);
} floor_stats SEC(".maps");

/* --- the wrapper ----------------------------------------------------------------------- */

/* Called by every program when it begins. */
static __always_inline void bench_tick(void)
{
	__u32 run = bench_runs++;

	if (run % BENCH_CHUNK == 0)
		bench_stamps[run / BENCH_CHUNK % BENCH_STAMPS] = bpf_ktime_get_ns();
}

/* Length of the packet. Pinned: else the compiler takes the halves of pointers, which are 32 bits
 * wide in the context, apart, and the verifier refuses to see half a pointer. */
static __always_inline __u64 bench_len(const struct xdp_md *ctx)
{
	const __u8 *start = l2_start(ctx), *end = l2_end(ctx);
	__u64 len;

	cursor_pin(start);
	cursor_pin(end);
	len = end - start;
	cursor_pin(len);
	return len;
}

/* Takes off what was pushed. The length before is a constant: a variable would cost the program
 * within a register. */
static __always_inline int bench_undo(struct xdp_md *ctx, int action)
{
	__u8 *eth;

	if (action != XDP_REDIRECT || bpf_xdp_adjust_head(ctx, (int)(bench_len(ctx) - BENCH_LEN)))
		return XDP_ABORTED;
	eth = l2_start(ctx);
	if (eth + L2_ETH_LEN + CURSOR_IP6_LEN > l2_end(ctx))
		return XDP_ABORTED;
	*(__u64 *)eth = eth_dst;
	*(__u32 *)(eth + 8) = eth_src;
	*(__u16 *)(eth + 12) = cursor_be16(L2_IP6);
	eth[L2_ETH_LEN + 7] = BENCH_HOP_LIMIT;
	return action;
}

static __always_inline __u32 bench_next(__u32 mask)
{
	return ++bench_step * BENCH_MIX & mask;
}

/* Another service ID, 1 to mask + 1, for this run. */
static __always_inline int bench_service(struct xdp_md *ctx)
{
	__u8 *eth = l2_start(ctx);

	if (eth + BENCH_MIN_LEN > l2_end(ctx))
		return -1;
	*(__u64 *)(eth + BENCH_ID_AT) = cursor_be64(1ull + bench_next(service_mask));
	return 0;
}

/* Another source address for this run. */
static __always_inline int bench_flow(struct xdp_md *ctx)
{
	__u8 *eth = l2_start(ctx);

	if (eth + BENCH_MIN_LEN > l2_end(ctx))
		return -1;
	/* As wide as it is read. */
	*(__u64 *)(eth + L2_ETH_LEN + PACKET_SRC + 8) = bench_next(flow_mask);
	return 0;
}

SEC("xdp")
int ours(struct xdp_md *ctx)
{
	bench_tick();
	return bench_undo(ctx, bench_ingress(ctx));
}

SEC("xdp")
int ours_services(struct xdp_md *ctx)
{
	bench_tick();
	if (bench_service(ctx))
		return XDP_ABORTED;
	return bench_undo(ctx, bench_ingress(ctx));
}

SEC("xdp")
int ours_flows(struct xdp_md *ctx)
{
	bench_tick();
	if (bench_flow(ctx))
		return XDP_ABORTED;
	return bench_undo(ctx, bench_ingress(ctx));
}

/* --- floors ---------------------------------------------------------------------------- */

/* Looks the flow up; makes it when it is missing. */
static __always_inline void floor_flow(const __u8 *ip6, __u64 id)
{
	struct san_flow_key key = {.service_id = id, .proto = CURSOR_UDP};
	struct san_flow flow = {};

	__builtin_memcpy(key.src, (const __u64 *)(ip6 + PACKET_SRC), 2 * sizeof(key.src));
	*(__u32 *)&key.sport = CURSOR_LOAD(__u32, ip6 + CURSOR_IP6_LEN + 4 + SAN_HDR_LEN);
	if (!bpf_map_lookup_elem(&floor_flows, &key))
		bpf_map_update_elem(&floor_flows, &key, &flow, BPF_ANY);
}

static __always_inline int floor_push(struct xdp_md *ctx, const struct san_nexthop *nh, __u64 size,
				      const int len)
{
	__u8 *eth, *outer;

	if (bpf_xdp_adjust_head(ctx, -len))
		return XDP_ABORTED;
	eth = l2_start(ctx);
	outer = eth + L2_ETH_LEN;
	if (outer + len > l2_end(ctx))
		return XDP_ABORTED;
	srv6_write_eth(eth, nh, L2_IP6);
	__builtin_memcpy((__u64 *)outer, nh->outer, len);
	*(__u16 *)(outer + 4) = cursor_be16((__u16)(size - L2_ETH_LEN + len - CURSOR_IP6_LEN));
	return bpf_redirect_map(&san_tx, nh->ifindex, XDP_PASS);
}

/* The service ID of an option at its usual place, 0 = something else. */
static __always_inline __u64 floor_parse(const struct xdp_md *ctx)
{
	const __u8 *eth = l2_start(ctx);
	const __u8 *ip6 = eth + L2_ETH_LEN;
	const __u8 *doh = ip6 + CURSOR_IP6_LEN;

	if (eth + BENCH_MIN_LEN > l2_end(ctx) ||
	    CURSOR_LOAD(__u16, eth + 12) != cursor_be16(L2_IP6) || ip6[6] != CURSOR_DOH ||
	    doh[2] != SAN_OPT_TYPE || doh[3] != SAN_HDR_LEN)
		return 0;
	return cursor_be64(CURSOR_LOAD(__u64, doh + 8));
}

/* Option, look-up, flow look-up if asked for, count, push, redirect. */
static __always_inline int floor_run(struct xdp_md *ctx, const int len, const int flows)
{
	struct san_service_key key = {.service_id = floor_parse(ctx)};
	const struct floor_service *svc = bpf_map_lookup_elem(&floor_services, &key);
	const __u8 *ip6 = l2_start(ctx) + L2_ETH_LEN;
	__u64 size = bench_len(ctx);

	if (!svc)
		return XDP_PASS;
	if (flows) {
		if (ip6 + BENCH_MIN_LEN - L2_ETH_LEN > l2_end(ctx))
			return XDP_PASS;
		floor_flow(ip6, key.service_id);
	}
	maps_count(&floor_stats, svc->stats, size);
	return bench_undo(ctx, floor_push(ctx, &svc->nh, size, len));
}

SEC("xdp")
int floor_40(struct xdp_md *ctx)
{
	bench_tick();
	return floor_run(ctx, 40, 0);
}

SEC("xdp")
int floor_64(struct xdp_md *ctx)
{
	bench_tick();
	return floor_run(ctx, 64, 0);
}

SEC("xdp")
int floor_lru_40(struct xdp_md *ctx)
{
	bench_tick();
	return floor_run(ctx, 40, 1);
}

SEC("xdp")
int floor_lru_64(struct xdp_md *ctx)
{
	bench_tick();
	return floor_run(ctx, 64, 1);
}

SEC("xdp")
int floor_lru_flows(struct xdp_md *ctx)
{
	bench_tick();
	return bench_flow(ctx) ? XDP_ABORTED : floor_run(ctx, 64, 1);
}

/* Any of many services: as they are stored, the header where many of them share it. */
SEC("xdp")
int floor_services_64(struct xdp_md *ctx)
{
	struct san_service_key key;
	const struct san_service *svc;
	const struct san_nexthop *nh;
	__u64 size = bench_len(ctx);
	__u32 index;

	bench_tick();
	if (bench_service(ctx))
		return XDP_ABORTED;
	key.service_id = floor_parse(ctx);
	svc = bpf_map_lookup_elem(&san_services, &key);
	if (!svc)
		return XDP_PASS;
	index = svc->nexthop;
	maps_count(&san_svc_stats, svc->stats, size);
	nh = bpf_map_lookup_elem(&san_nexthops, &index);
	if (!nh)
		return XDP_PASS;
	maps_count(&floor_stats, 1, size);
	return bench_undo(ctx, floor_push(ctx, nh, size, 64));
}

/* --- single steps ---------------------------------------------------------------------- */

SEC("xdp")
int empty(struct xdp_md *ctx)
{
	bench_tick();
	return XDP_REDIRECT;
}

SEC("xdp")
int hash(struct xdp_md *ctx)
{
	struct san_service_key key = {.service_id = service_mask + 1ull};

	bench_tick();
	return bpf_map_lookup_elem(&san_services, &key) ? XDP_REDIRECT : XDP_PASS;
}

/* The next key depends on what was found: else the processor has several look-ups under way at
 * once, which it cannot have when each belongs to a packet with all its other work. */
SEC("xdp")
int hash_random(struct xdp_md *ctx)
{
	struct san_service_key key = {.service_id = 1ull + bench_next(service_mask)};
	const struct san_service *svc = bpf_map_lookup_elem(&san_services, &key);

	bench_tick();
	if (!svc)
		return XDP_PASS;
	bench_step += svc->slot_base; /* 0 */
	return XDP_REDIRECT;
}

SEC("xdp")
int redirect(struct xdp_md *ctx)
{
	bench_tick();
	return bpf_redirect_map(&san_tx, 1, XDP_PASS);
}

/* Adjusts the head for 64 bytes and undoes it: what wrapper and push cost without the bytes. */
SEC("xdp")
int head(struct xdp_md *ctx)
{
	bench_tick();
	if (bpf_xdp_adjust_head(ctx, -64))
		return XDP_ABORTED;
	return bench_undo(ctx, XDP_REDIRECT);
}

char _license[] SEC("license") = "GPL";
