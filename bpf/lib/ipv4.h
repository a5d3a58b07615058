/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads an IPv4 header and the ports behind it. Bounds-checked, no maps, no helpers, no packet
 * writes: tests compile this file natively.
 *
 * Rules, the first that ends the reading gives the answer.
 *  1. Fewer than 20 bytes: TRUNCATED.
 *  2. Version not 4, header length below 5 words or beyond the frame, total length below the header
 *     length or beyond the frame: BAD_IPV4. Bytes behind the total length do not exist. Options are
 *     not looked at.
 *  3. Fragment offset not 0: FRAGMENT.
 *  4. TCP and UDP with fewer than 4 bytes (the ports): TRUNCATED.
 *  5. Then NO_SAN: IPv4 has no place for a SAN header.
 */
#ifndef BPF_LIB_IPV4_H
#define BPF_LIB_IPV4_H

#include "lib/cursor.h"

#define IPV4_MIN_LEN 20
#define IPV4_DF 0x4000
#define IPV4_MF 0x2000
#define IPV4_OFFSET 0x1fff

struct ipv4_found {
	__be32 src, dst;
	__u32 ports;  /* of TCP and UDP as they stand in the packet, else 0 */
	__u32 len;    /* total length */
	__be32 id;    /* as in struct san_frag_key */
	__u16 l4_off; /* header length; 0 in later fragments */
	__u8 proto, tos, ttl;
	__u8 fragment; /* 1: MF or an offset */
	__u8 more;     /* MF */
	__u8 pad;
};

/* What stands at fixed places. */
static __always_inline void ipv4_head(const __u8 *ip, struct ipv4_found *found)
{
	__u16 frag = cursor_be16(CURSOR_LOAD(__u16, ip + 6));

	found->tos = ip[1];
	found->id = cursor_be32((__u32)cursor_be16(CURSOR_LOAD(__u16, ip + 4)));
	found->fragment = (frag & (IPV4_MF | IPV4_OFFSET)) != 0;
	found->more = (frag & IPV4_MF) != 0;
	found->ttl = ip[8];
	found->proto = ip[9];
	found->src = CURSOR_LOAD(__u32, ip + 12);
	found->dst = CURSOR_LOAD(__u32, ip + 16);
}

static __always_inline int ipv4_ports(const __u8 *ip, const __u8 *end, __u64 off,
				      struct ipv4_found *found)
{
	const __u8 *l4 = ip + off;

	cursor_pin(l4);
	if (found->proto != CURSOR_TCP && found->proto != CURSOR_UDP)
		return -SAN_R_NO_SAN;
	if (off + CURSOR_PORTS_LEN > found->len || l4 + CURSOR_PORTS_LEN > end)
		return -SAN_R_TRUNCATED;
	found->ports = CURSOR_LOAD(__u32, l4);
	return -SAN_R_NO_SAN;
}

/* Never 0: see the rules. *found is filled as far as the reading came. */
static __always_inline int ipv4_read(const __u8 *ip, const __u8 *end, struct ipv4_found *found)
{
	__u64 ihl, len;

	*found = (struct ipv4_found){0};
	if (ip + IPV4_MIN_LEN > end)
		return -SAN_R_TRUNCATED;
	ihl = (ip[0] & 0xf) * 4;
	len = cursor_be16(CURSOR_LOAD(__u16, ip + 2));
	cursor_pin(len); /* Linux 5.10 knows no bounds of a byte swap: the mask must stay */
	len &= 0xffff;
	if (ip[0] >> 4 != 4 || ihl < IPV4_MIN_LEN || len < ihl || ip + len > end)
		return -SAN_R_BAD_IPV4;
	ipv4_head(ip, found);
	found->len = len;
	if (cursor_be16(CURSOR_LOAD(__u16, ip + 6)) & IPV4_OFFSET)
		return -SAN_R_FRAGMENT;
	found->l4_off = ihl;
	return ipv4_ports(ip, end, ihl, found);
}

/* One hop less, with the checksum as Linux mends it (RFC 1624; 0xffff becomes 0 with a carry). */
static __always_inline void ipv4_age(__u8 *ip)
{
	__u32 sum = CURSOR_LOAD(__u16, ip + 10) + cursor_be16(0x0100);

	*(__u16 *)(ip + 10) = sum + (sum >= 0xffff);
	ip[8]--;
}

/* Another TOS, with the checksum that goes with it (RFC 1624). */
static __always_inline void ipv4_mark(__u8 *ip, __u8 tos)
{
	__u32 sum = (__u16)~CURSOR_LOAD(__u16, ip + 10);

	sum += (__u16)~cursor_be16(ip[1]) + cursor_be16(tos);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	*(__u16 *)(ip + 10) = ~sum;
	ip[1] = tos;
}

#endif
