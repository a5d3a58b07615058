/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tells the sender that a packet does not fit with its outer header: turns the packet into ICMPv6
 * Packet Too Big (RFC 4443 section 3.2) or ICMP Fragmentation Needed (RFC 792, RFC 1191), to go
 * back the way it came. Limited per source (RFC 4443 section 2.4 f). A packet that is not answered
 * is left as it came.
 */
#ifndef BPF_LIB_ICMP_H
#define BPF_LIB_ICMP_H

#include "lib/cursor.h"
#include "lib/l2.h"
#include "lib/maps.h"

#define ICMP_HDR_LEN 8
#define ICMP_HOP_LIMIT 64
#define ICMP_SUM_MAX 2047 /* bytes of a checksum */
#define ICMP_L2_MAX 24	  /* Ethernet header and two tags, rounded up; any packet has as much */

#define ICMP_6_PROTO 58
#define ICMP_6_MIN_MTU 1280 /* RFC 8200 section 5; also the largest message */
#define ICMP_6_TOO_BIG 2
#define ICMP_6_INFO 128 /* types below are errors */
#define ICMP_6_GROW (CURSOR_IP6_LEN + ICMP_HDR_LEN)

#define ICMP_4_PROTO 1
#define ICMP_4_IP_LEN 20
#define ICMP_4_MAX_MESSAGE 576 /* RFC 1812 section 4.3.2.3 */
#define ICMP_4_UNREACHABLE 3
#define ICMP_4_FRAG_NEEDED 4
#define ICMP_4_DF 0x4000
#define ICMP_4_GROW (ICMP_4_IP_LEN + ICMP_HDR_LEN)
/* Unreachable, source quench, redirect, time exceeded, parameter problem. */
#define ICMP_4_ERRORS (1 << 3 | 1 << 4 | 1 << 5 | 1 << 11 | 1 << 12)

struct icmp_request {
	__u32 mtu;     /* what would fit: the next hop's MTU less its outer header */
	__u32 l2_len;  /* Ethernet header and tags: 14, 18, 22 */
	__u32 l3_len;  /* IP header and payload; all in the packet */
	__u16 l4_off;  /* from the IP header to the upper layer, 0 = not known */
	__u8 l4_proto; /* IPPROTO_* of it */
	__u8 family;   /* 4 or 6 */
};

/* Takes a token of this source. Two CPUs may take the same one: the limit is no exact one. And the
 * other's clock may have been read later than ours. */
static __always_inline int icmp_token(const __be32 src[4])
{
	struct san_bucket fresh = {.tokens = SAN_BUCKET_BURST - 1};
	struct san_bucket *bucket = bpf_map_lookup_elem(&san_buckets, src);
	__u64 now = bpf_ktime_get_ns(), gained;

	if (!bucket) {
		fresh.last_ns = now;
		bpf_map_update_elem(&san_buckets, src, &fresh, BPF_ANY);
		return 1;
	}
	gained = now > bucket->last_ns ? (now - bucket->last_ns) / SAN_BUCKET_NS : 0;
	if (gained + bucket->tokens > SAN_BUCKET_BURST) {
		bucket->last_ns = now;
		bucket->tokens = SAN_BUCKET_BURST;
	} else {
		bucket->last_ns += gained * SAN_BUCKET_NS;
		bucket->tokens += gained;
	}
	if (!bucket->tokens)
		return 0;
	bucket->tokens--;
	return 1;
}

/* No error about an error (RFC 4443 section 2.4 e, RFC 1122 section 3.2.2). */
static __always_inline int icmp_is_error(const struct xdp_md *ctx, const struct icmp_request *req)
{
	__u64 off = (__u64)req->l2_len + req->l4_off;
	const __u8 *l4;

	if (!req->l4_off || req->l4_proto != (req->family == 6 ? ICMP_6_PROTO : ICMP_4_PROTO))
		return 0;
	l4 = l2_start_anew(ctx) + (off & CURSOR_OFF_MASK);
	if (l4 + 1 > l2_end_anew(ctx))
		return 0;
	if (req->family == 6)
		return *l4 < ICMP_6_INFO;
	return *l4 < 32 && ICMP_4_ERRORS >> *l4 & 1;
}

/* The piece of a message whose size is this power of two, where its length has that bit: before it
 * are the larger pieces. So offsets come from the length alone, and the verifier need not tell
 * apart which pieces there were. */
static __always_inline __u64 icmp_piece(const __u8 *p, const __u8 *end, __u64 size, __u64 sum)
{
	__u64 off = (end - p) & ICMP_SUM_MAX & ~(2 * size - 1);

	if (!((end - p) & size))
		return sum;
	p += off;
	cursor_pin(p);
	if (p + size > end)
		return sum; /* not reached */
	return (__u32)bpf_csum_diff(0, 0, (__be32 *)p, size, sum);
}

/* Sum of 16-bit words as they stand (RFC 1071), from p to the packet's end, at most ICMP_SUM_MAX
 * bytes. The helper takes 512 bytes at once, a multiple of 4. */
static __always_inline __u64 icmp_sum(const __u8 *p, const __u8 *end, __u32 seed)
{
	__u64 sum = seed, len = end - p;
	const __u8 *rest;
	__u64 size;

	if (len & 1024 && p + 1024 <= end) {
		sum = (__u32)bpf_csum_diff(0, 0, (__be32 *)p, 512, sum);
		sum = (__u32)bpf_csum_diff(0, 0, (__be32 *)(p + 512), 512, sum);
	}
	CURSOR_NO_UNROLL
	for (size = 512; size >= 4; size >>= 1)
		sum = icmp_piece(p, end, size, sum);
	rest = p + (len & ICMP_SUM_MAX & ~3ull);
	cursor_pin(rest);
	if (len & 2 && rest + 2 <= end) {
		sum += CURSOR_LOAD(__u16, rest);
		rest += 2;
	}
	if (len & 1 && rest + 1 <= end)
		sum += cursor_be16((__u16)*rest << 8);
	return sum;
}

static __always_inline __u16 icmp_fold(__u64 sum)
{
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* Makes room for grow bytes of headers in front of the IP header, cuts what is not quoted, puts the
 * L2 header in front with the MAC addresses swapped. */
static __always_inline int icmp_reshape(struct xdp_md *ctx, const struct icmp_request *req,
					__u32 grow, __u32 quote)
{
	__u32 len = req->l2_len + grow + quote;
	__u8 l2[ICMP_L2_MAX];
	__u8 *eth = l2_start_anew(ctx);
	long excess;

	if (eth + ICMP_L2_MAX > l2_end_anew(ctx))
		return -SAN_R_TOO_BIG_KERNEL; /* not reached: there is an IP header */
	__builtin_memcpy(l2, eth, ICMP_L2_MAX);
	if (bpf_xdp_adjust_head(ctx, -(int)grow))
		return -SAN_R_TOO_BIG_KERNEL;
	excess = l2_end_anew(ctx) - l2_start_anew(ctx) - (long)len;
	if (excess > 0)
		bpf_xdp_adjust_tail(ctx, -(int)excess);
	eth = l2_start_anew(ctx);
	if (eth + ICMP_L2_MAX > l2_end_anew(ctx))
		return -SAN_R_TOO_BIG_KERNEL; /* not reached: it has grown */
	__builtin_memcpy(eth, l2 + 6, 6);
	__builtin_memcpy(eth + 6, l2, 6);
	__builtin_memcpy(eth + 12, l2 + 12, ICMP_L2_MAX - 12);
	return 0;
}

static __always_inline int icmp_write_6(const struct xdp_md *ctx, const struct icmp_request *req,
					const struct san_domain *domain, __u32 quote)
{
	__u8 *ip6 = l2_start_anew(ctx) + (req->l2_len & 0x1f);
	__u8 *end = l2_end_anew(ctx);
	__u8 *icmp = ip6 + CURSOR_IP6_LEN;
	const __u8 *quoted = ip6 + ICMP_6_GROW;
	__u64 sum;

	if (quoted + CURSOR_IP6_LEN > end)
		return -SAN_R_TOO_BIG_KERNEL; /* not reached: the request says so */
	*(__u32 *)ip6 = cursor_be32(6u << 28);
	*(__u16 *)(ip6 + 4) = cursor_be16((__u16)(ICMP_HDR_LEN + quote));
	ip6[6] = ICMP_6_PROTO;
	ip6[7] = ICMP_HOP_LIMIT;
	__builtin_memcpy(ip6 + 8, domain->icmp_source, 16);
	__builtin_memcpy(ip6 + 24, quoted + 8, 16);
	*(__u32 *)icmp = cursor_be32((__u32)ICMP_6_TOO_BIG << 24);
	*(__u32 *)(icmp + 4) = cursor_be32(req->mtu);
	/* Addresses, message and the rest of the pseudo header (RFC 8200 section 8.1). */
	sum = icmp_sum(ip6 + 8, end, cursor_be32(ICMP_6_PROTO + ICMP_HDR_LEN + quote));
	*(__u16 *)(icmp + 2) = icmp_fold(sum);
	return -SAN_R_TOO_BIG;
}

static __always_inline int icmp_write_4(const struct xdp_md *ctx, const struct icmp_request *req,
					const struct san_domain *domain, __u32 quote)
{
	__u8 *ip = l2_start_anew(ctx) + (req->l2_len & 0x1f);
	__u8 *end = l2_end_anew(ctx);
	__u8 *icmp = ip + ICMP_4_IP_LEN;
	const __u8 *quoted = ip + ICMP_4_GROW;

	if (quoted + ICMP_4_IP_LEN > end)
		return -SAN_R_TOO_BIG_KERNEL; /* not reached: the request says so */
	*(__u32 *)ip = cursor_be32(0x45000000 | (ICMP_4_GROW + quote));
	*(__u32 *)(ip + 4) = cursor_be32(ICMP_4_DF);
	*(__u32 *)(ip + 8) = cursor_be32(ICMP_HOP_LIMIT << 24 | ICMP_4_PROTO << 16);
	*(__u32 *)(ip + 12) = domain->icmp_source4;
	*(__u32 *)(ip + 16) = CURSOR_LOAD(__u32, quoted + 12);
	*(__u16 *)(ip + 10) = icmp_fold((__u32)bpf_csum_diff(0, 0, (__be32 *)ip, ICMP_4_IP_LEN, 0));
	*(__u32 *)icmp = cursor_be32(ICMP_4_UNREACHABLE << 24 | ICMP_4_FRAG_NEEDED << 16);
	*(__u32 *)(icmp + 4) = cursor_be32(req->mtu & 0xffff);
	*(__u16 *)(icmp + 2) = icmp_fold(icmp_sum(icmp, end, 0));
	return -SAN_R_TOO_BIG;
}

/* Only what says "don't fragment" asks to be told; the kernel fragments the rest. */
static __always_inline int icmp_answers_4(const struct icmp_request *req, const __u8 *ip,
					  const struct san_domain *domain)
{
	return domain->icmp_source4 && CURSOR_LOAD(__u16, ip + 6) & cursor_be16(ICMP_4_DF);
}

static __always_inline int icmp_answers_6(const struct icmp_request *req,
					  const struct san_domain *domain)
{
	const __u64 *source = (const __u64 *)domain->icmp_source;

	return source[0] | source[1] && req->mtu >= ICMP_6_MIN_MTU;
}

/* Whom to tell, IPv4-mapped for IPv4. 0: this packet is the kernel's. */
static __always_inline int icmp_sender(const struct xdp_md *ctx, const struct icmp_request *req,
				       const struct san_domain *domain, __be32 src[4])
{
	const __u8 *ip = l2_start_anew(ctx) + (req->l2_len & 0x1f);

	if (req->family == 6) {
		if (ip + CURSOR_IP6_LEN > l2_end_anew(ctx) || !icmp_answers_6(req, domain))
			return 0;
		__builtin_memcpy(src, ip + 8, 16);
		return 1;
	}
	if (ip + ICMP_4_IP_LEN > l2_end_anew(ctx) || !icmp_answers_4(req, ip, domain))
		return 0;
	src[0] = src[1] = 0;
	src[2] = cursor_be32(0xffff);
	src[3] = CURSOR_LOAD(__u32, ip + 12);
	return 1;
}

/* The packet is for us, its addresses are routable, it is too long. Returns -SAN_R_TOO_BIG (it is
 * the answer now, to go back), -SAN_R_TOO_BIG_LIMITED or -SAN_R_TOO_BIG_KERNEL (as it came). */
static __noinline int icmp_too_big(struct xdp_md *ctx, const struct icmp_request *req)
{
	__u32 zero = 0, quote = req->l3_len;
	const struct san_domain *domain = bpf_map_lookup_elem(&san_domain, &zero);
	__be32 src[4];
	int r;

	if (!domain || !req->mtu || req->mtu > 0xffff)
		return -SAN_R_TOO_BIG_KERNEL;
	if (!icmp_sender(ctx, req, domain, src) || icmp_is_error(ctx, req))
		return -SAN_R_TOO_BIG_KERNEL;
	if (!icmp_token(src))
		return -SAN_R_TOO_BIG_LIMITED;
	if (req->family == 6) {
		if (quote > ICMP_6_MIN_MTU - ICMP_6_GROW)
			quote = ICMP_6_MIN_MTU - ICMP_6_GROW;
		r = icmp_reshape(ctx, req, ICMP_6_GROW, quote);
		return r ? r : icmp_write_6(ctx, req, domain, quote);
	}
	if (quote > ICMP_4_MAX_MESSAGE - ICMP_4_GROW)
		quote = ICMP_4_MAX_MESSAGE - ICMP_4_GROW;
	r = icmp_reshape(ctx, req, ICMP_4_GROW, quote);
	return r ? r : icmp_write_4(ctx, req, domain, quote);
}

#endif
