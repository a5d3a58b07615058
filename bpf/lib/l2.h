/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ethernet: what kind of packet is behind it, and behind how many VLAN tags (IEEE 802.1Q, 802.1ad).
 * No maps, no packet writes.
 */
#ifndef BPF_LIB_L2_H
#define BPF_LIB_L2_H

#include <linux/bpf.h>

#include "lib/cursor.h"

#define L2_ETH_LEN 14
#define L2_TAG_LEN 4
#define L2_MAX_TAGS 2
#define L2_IP6 0x86dd
#define L2_IP4 0x0800
#define L2_8021Q 0x8100
#define L2_8021AD 0x88a8
#define L2_LEN_MASK 0x1f /* of L2_ETH_LEN + L2_MAX_TAGS * L2_TAG_LEN = 22 */

struct l2 {
	__u32 len;    /* Ethernet header and tags: 14, 18, 22 */
	__u8 version; /* 4 or 6 */
	__u8 pad[3];
};

static __always_inline __u8 *l2_start(const struct xdp_md *ctx)
{
	return (__u8 *)(long)ctx->data;
}

static __always_inline __u8 *l2_end(const struct xdp_md *ctx)
{
	return (__u8 *)(long)ctx->data_end;
}

/* The same, read anew at each use. Volatile: a load that the compiler shares between uses it may
 * keep as 32 bits, and what it makes of them is no pointer to the verifier. */
static __always_inline __u8 *l2_start_anew(const struct xdp_md *ctx)
{
	return (__u8 *)(long)*(const volatile __u32 *)&ctx->data;
}

static __always_inline __u8 *l2_end_anew(const struct xdp_md *ctx)
{
	return (__u8 *)(long)*(const volatile __u32 *)&ctx->data_end;
}

static __always_inline int l2_is_tag(__u16 type)
{
	return type == cursor_be16(L2_8021Q) || type == cursor_be16(L2_8021AD);
}

/* Is a frame that begins so addressed to this interface? mac: of struct san_iface or any 8 bytes
 * that begin with the address. The caller has seen that 8 bytes are there. */
static __always_inline int l2_is_ours(const __u8 *eth, const void *mac)
{
	return !(cursor_be64(CURSOR_LOAD(__u64, eth) ^ *(const __u64 *)mac) >> 16);
}

/* 0, or -SAN_R_NOT_IP: too short, too many tags, another protocol. */
static __always_inline int l2_read(const __u8 *eth, const __u8 *end, struct l2 *l2)
{
	__u64 off = L2_ETH_LEN;
	__u16 type;
	int i;

	if (eth + L2_ETH_LEN > end)
		return -SAN_R_NOT_IP;
	type = CURSOR_LOAD(__u16, eth + 12);
	for (i = 0; i < L2_MAX_TAGS && l2_is_tag(type); i++) {
		if (eth + off + L2_TAG_LEN > end)
			return -SAN_R_NOT_IP;
		type = CURSOR_LOAD(__u16, eth + off + 2);
		off += L2_TAG_LEN;
	}
	l2->len = off;
	l2->version = type == cursor_be16(L2_IP6) ? 6 : 4;
	return type == cursor_be16(L2_IP6) || type == cursor_be16(L2_IP4) ? 0 : -SAN_R_NOT_IP;
}

#endif
