// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Around the ingress or the gateway in a chain of veth pairs: what sends, what counts at the end,
 * and a bare encapsulation or decapsulation to compare with. Loaded once for either.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "lib/cursor.h"

#include "live.h"

#define ETH_LEN 14
#define NEXT_HEADER_AT (ETH_LEN + 6)
#define NEXT_IPV6 41

/* Set by the driver before loading. */
const volatile __u64 head[LIVE_MAX_HEAD] = {}; /* of each packet sent */
const volatile __u32 head_words = LIVE_HEAD_WORDS;
const volatile __u8 wanted = NEXT_IPV6;		   /* next header of what shall arrive */
const volatile __u64 outer[LIVE_OUTER_WORDS] = {}; /* of the bare encapsulation */
const volatile __u64 core_dst = 0; /* first 8 and next 4 bytes of its Ethernet header */
const volatile __u32 core_src = 0;
const volatile __u32 client_ifindex = 0, core_ifindex = 0;

/* All on one CPU: no atomics. */
__u64 arrived = 0; /* packets as wanted */
__u64 strange = 0; /* all others */
__u64 stamps[LIVE_STAMPS] = {};

/* With BPF_F_TEST_XDP_LIVE_FRAMES. Pages come back as the last receiver left them, so all headers
 * are written anew. */
SEC("xdp")
int generate(struct xdp_md *ctx)
{
	__u8 *data = (__u8 *)(long)ctx->data;
	__u64 *word = (__u64 *)data;
	int i;

	if (data + sizeof(head) > (__u8 *)(long)ctx->data_end)
		return XDP_ABORTED;
	for (i = 0; i < LIVE_MAX_HEAD && i < (int)head_words; i++)
		word[i] = head[i];
	return bpf_redirect(client_ifindex, 0);
}

static __always_inline void count(const __u8 *data, const __u8 *end)
{
	if (data + ETH_LEN + 2 * CURSOR_IP6_LEN > end || data[NEXT_HEADER_AT] != wanted) {
		strange++;
		return;
	}
	if (arrived % LIVE_CHUNK == 0)
		stamps[arrived / LIVE_CHUNK % LIVE_STAMPS] = bpf_ktime_get_ns();
	arrived++;
}

/* Where redirected frames arrive. */
SEC("xdp")
int sink(struct xdp_md *ctx)
{
	count((const __u8 *)(long)ctx->data, (const __u8 *)(long)ctx->data_end);
	return XDP_DROP;
}

/* Where packets of the kernel's path arrive: making XDP frames of them would cost them 70 ns. */
SEC("tc")
int sink_tc(struct __sk_buff *skb)
{
	count((const __u8 *)(long)skb->data, (const __u8 *)(long)skb->data_end);
	return TC_ACT_SHOT;
}

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

static __always_inline void write_eth(__u8 *eth)
{
	*(__u64 *)eth = core_dst;
	*(__u32 *)(eth + 8) = core_src;
	*(__u16 *)(eth + 12) = cursor_be16(0x86dd);
}

/* The least that a packet needs: no look-up, no counter. */
SEC("xdp")
int bare(struct xdp_md *ctx)
{
	__u8 *eth = (__u8 *)(long)ctx->data;
	__u64 *word;
	__u16 len;
	int i;

	if (eth + ETH_LEN + CURSOR_IP6_LEN > (__u8 *)(long)ctx->data_end ||
	    eth[NEXT_HEADER_AT] != CURSOR_DOH)
		return XDP_PASS;
	len = cursor_be16(CURSOR_LOAD(__u16, eth + ETH_LEN + 4)) + CURSOR_IP6_LEN;
	eth[ETH_LEN + 7]--;
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(outer)))
		return XDP_ABORTED;
	eth = (__u8 *)(long)ctx->data;
	if (eth + ETH_LEN + sizeof(outer) > (__u8 *)(long)ctx->data_end)
		return XDP_ABORTED;
	write_eth(eth);
	word = (__u64 *)(eth + ETH_LEN);
	for (i = 0; i < LIVE_OUTER_WORDS; i++)
		word[i] = outer[i];
	*(__u16 *)(eth + ETH_LEN + 4) = cursor_be16(len);
	return bpf_redirect(core_ifindex, 0);
}

SEC("xdp")
int bare_decap(struct xdp_md *ctx)
{
	__u8 *eth = (__u8 *)(long)ctx->data;

	if (eth + ETH_LEN + 2 * CURSOR_IP6_LEN > (__u8 *)(long)ctx->data_end ||
	    eth[NEXT_HEADER_AT] != NEXT_IPV6)
		return XDP_PASS;
	eth[ETH_LEN + CURSOR_IP6_LEN + 7]--;
	if (bpf_xdp_adjust_head(ctx, CURSOR_IP6_LEN))
		return XDP_ABORTED;
	eth = (__u8 *)(long)ctx->data;
	if (eth + ETH_LEN > (__u8 *)(long)ctx->data_end)
		return XDP_ABORTED;
	write_eth(eth);
	return bpf_redirect(core_ifindex, 0);
}

char _license[] SEC("license") = "GPL";
