/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finds the SAN header in an IPv6 packet and the upper layer behind it. Bounds-checked, no maps, no
 * helpers, no packet writes: the ingress program, the unit tests and the fuzzer compile this file.
 *
 * Rules. The packet is read from front to back; the first rule below that ends the walk gives the
 * answer. "Malformed" and its reason are per rule. Lengths are in bytes unless said otherwise.
 *
 *  1. Fewer than 40 bytes: TRUNCATED. Version nibble of the IPv6 header not 6: NOT_IP. Payload
 *     length larger than what is there behind the IPv6 header: TRUNCATED (so a jumbogram, payload
 *     length 0, is TRUNCATED as soon as something must be read). The packet ends where the payload
 *     length says; bytes behind that end (Ethernet padding) do not exist.
 *  2. Extension headers are 0 (HBH), 60 (DOH), 43 (routing), 44 (fragment), 51 (AH), 135
 * (mobility), 139 (HIP), 140 (shim6), in any order, any of them any number of times. Meeting the
 * ninth in a next-header field (SAN_MAX_EXT_HDRS = 8 are walked): TOO_DEEP, before a byte of it is
 * read.
 *  3. A header's first 8 bytes must be in the packet, then its whole length: else TRUNCATED.
 *     Length = (second byte + 1) * 8; AH: (second byte + 2) * 4; fragment: 8.
 *  4. Fragment header: offset != 0: FRAGMENT, whatever was found before. Otherwise (atomic or first
 *     fragment) the walk goes on behind it. Reserved bits are ignored. The last fragment header met
 *     gives M and the identification.
 *  5. HBH and DOH whose carrier is on in the profile: options from byte 2 to the header's end.
 *     Whose carrier is off: skipped by length, contents (and their number) do not matter.
 *  6. Routing header of type 4 (SRH) with the SRH carrier on: (Last Entry + 1) * 16 > second byte *
 * 8 or Segments Left > Last Entry + 1: BAD_SRH. Then TLVs from byte 8 + (Last Entry + 1) * 16 to
 *     the header's end. Any other routing header, or carrier off: skipped by length.
 *  7. Options and TLVs: type 0 (Pad1) is one byte; any other is type, length, value. Each counts,
 *     padding too, over all headers of the packet: the 33rd (SAN_MAX_OPTIONS = 32 are walked) is
 *     TOO_DEEP, before a byte of it is read. Only one byte left for a type that is not 0, or value
 *     beyond the header's end: BAD_OPTION. Padding contents and option action bits are ignored.
 *  8. The first option of profile.opt_type (in HBH, DOH) or TLV of profile.tlv_type (in SRH) is the
 *     SAN header. Length < id_offset + id_len, or < 12 if profile.version != 0: BAD_OPTION. Then,
 *     if profile.version != 0, high nibble of its first value byte different: BAD_VERSION. Then ID
 *     0: ZERO_SERVICE. These three end the walk. ID = id_len bytes, network order, at id_offset.
 *  9. Behind a good SAN header the walk goes on by the same rules to the upper layer, so anything
 *     malformed or too deep there is the answer instead. Later SAN headers are ordinary options.
 * 10. Any other next-header value is the upper layer and ends the walk; ESP (50) and no next header
 *     (59) end it too, with l4_off 0. TCP and UDP: fewer than 4 bytes (the ports): TRUNCATED.
 *     Others may be empty: l4_off is then the packet's end.
 * 11. Then: FORWARDED (0) if a SAN header was found, else NO_SAN.
 */
#ifndef BPF_LIB_CURSOR_H
#define BPF_LIB_CURSOR_H

#include <linux/types.h>

#include <san/map_abi.h>
#include <san/wire.h>

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#define CURSOR_HBH 0
#define CURSOR_TCP 6
#define CURSOR_UDP 17
#define CURSOR_ROUTING 43
#define CURSOR_FRAGMENT 44
#define CURSOR_ESP 50
#define CURSOR_AH 51
#define CURSOR_NONE 59
#define CURSOR_DOH 60
#define CURSOR_MOBILITY 135
#define CURSOR_HIP 139
#define CURSOR_SHIM6 140

#define CURSOR_SRH_TYPE 4
#define CURSOR_IP6_LEN 40
#define CURSOR_PORTS_LEN 4
#define CURSOR_FAST_L4 (CURSOR_IP6_LEN + 4 + SAN_HDR_LEN) /* where cursor_fast() finds ports */
#define CURSOR_MARK_FRAGMENT 32				  /* bits of cursor_walk.marks */
#define CURSOR_MARK_MORE 33
#define CURSOR_MARK_FLAGS 36 /* four of them */
#define CURSOR_FRAG_OFFSET 0xfff8
#define CURSOR_FRAG_MORE 0x1
/* No walk gets beyond 40 + 8 * 2048 bytes; the verifier wants less than 0xffff. */
#define CURSOR_OFF_MASK 0x7fff
/* Each step of the walk takes a header or an option; one more to see the bound or the end. */
#define CURSOR_MAX_STEPS (SAN_MAX_EXT_HDRS + SAN_MAX_OPTIONS + 1)

#define CURSOR_ARRIVED 1 /* a step has met the upper layer */

/* What has been read so far, and what must not be passed. */
struct cursor {
	const __u8 *pos, *end; /* pos may go to end */
};

struct san_found {
	__u64 service_id; /* 0 = none found */
	__u32 len;	  /* header and payload: where the packet ends, counted from ip6 */
	__u32 ports;	  /* of TCP and UDP as they stand in the packet, else 0 */
	__u16 l4_off;	  /* from the IPv6 header to the upper layer header, 0 = none reachable */
	__u8 l4_proto;	  /* next-header value that ended the walk */
	__u8 fragment;	  /* 1: there was a fragment header */
	__u8 more;	  /* its M */
	__be32 frag_id;	  /* its identification */
	__u8 flags;	  /* low nibble of the SAN header's first byte; 0 without a version */
};

/* State of a walk. Offsets are counted from the IPv6 header. */
struct cursor_walk {
	const __u8 *ip6, *end;
	__u64 limit;	/* end by payload length, inside the packet */
	__u64 off;	/* next header or option */
	__u64 opts_end; /* options go up to here; off has got there: none left */
	__u64 headers, options;
	__u64 san_type; /* option type that is a SAN header, in the header being walked */
	__u64 zero;	/* 0, but the verifier does not know: see cursor_forget */
	__u64 next;	/* type of the header at off, once options are done */
	__u64 id;	/* service ID, 0 = none yet */
	__u64 marks;	/* CURSOR_MARK_*, identification of the fragment header in the low half */
};

/* The compiler must derive every later address from this register: the verifier's bounds check
 * counts only for pointers of one origin. */
#define cursor_pin(var) __asm__ volatile("" : "+r"(var))

#if defined(__clang__)
#define CURSOR_NO_UNROLL _Pragma("clang loop unroll(disable)")
#else
#define CURSOR_NO_UNROLL
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define cursor_be16(x) __builtin_bswap16(x)
#define cursor_be32(x) __builtin_bswap32(x)
#define cursor_be64(x) __builtin_bswap64(x)
#else
#define cursor_be16(x) (x)
#define cursor_be32(x) (x)
#define cursor_be64(x) (x)
#endif

/* Loads of any alignment, as one instruction in BPF (packed structs become byte loads there). */
#ifdef __bpf__
#define CURSOR_LOAD(type, ptr) (*(const type *)(ptr))
#else
#define CURSOR_LOAD(type, ptr)                                                                     \
	({                                                                                         \
		type load_;                                                                        \
		__builtin_memcpy(&load_, (ptr), sizeof(load_));                                    \
		load_;                                                                             \
	})
#endif

/* Takes n bytes off the front; NULL when they are not there. */
static __always_inline const __u8 *cursor_take(struct cursor *cur, __u64 n)
{
	const __u8 *pos = cur->pos;

	if (pos + n > cur->end)
		return (const __u8 *)0;
	cur->pos = pos + n;
	return pos;
}

/* The n bytes at the walk's offset; NULL when the packet ends before. */
static __always_inline const __u8 *cursor_at(const struct cursor_walk *w, __u64 n)
{
	const __u8 *p;

	if (w->off + n > w->limit)
		return (const __u8 *)0;
	p = w->ip6 + w->off;
	cursor_pin(p);
	return p + n > w->end ? (const __u8 *)0 : p;
}

static __always_inline __u64 cursor_id(const __u8 *p, const struct san_profile *profile)
{
	if (profile->id_len == 4)
		return cursor_be32(CURSOR_LOAD(__u32, p));
	return cursor_be64(CURSOR_LOAD(__u64, p));
}

/* Rule 8: the SAN header whose type byte is at opt and whose length field says len. */
static __always_inline int cursor_read_san(struct cursor_walk *w, const __u8 *opt, __u64 len,
					   const struct san_profile *profile)
{
	__u64 need = profile->id_offset + profile->id_len;
	const __u8 *value = opt + 2;

	if (profile->version && need < SAN_HDR_LEN)
		need = SAN_HDR_LEN;
	if (len < need || value + need > w->end)
		return -SAN_R_BAD_OPTION;
	if (profile->version) {
		if (value[0] >> 4 != profile->version)
			return -SAN_R_BAD_VERSION;
		w->marks |= (__u64)(value[0] & 0xf) << CURSOR_MARK_FLAGS;
	}
	w->id = cursor_id(value + profile->id_offset, profile);
	return w->id ? 0 : -SAN_R_ZERO_SERVICE;
}

/* Rule 7: one option or TLV. 0 = go on. */
static __always_inline int cursor_option(struct cursor_walk *w, const struct san_profile *profile)
{
	const __u8 *opt;
	__u64 type, len;
	int r = 0;

	if (++w->options > SAN_MAX_OPTIONS)
		return -SAN_R_TOO_DEEP;
	opt = cursor_at(w, 1);
	if (!opt)
		return -SAN_R_TRUNCATED; /* not reached: the whole header is in the packet */
	type = opt[0];
	if (!type) {
		w->off += 1;
		return 0;
	}
	if (w->off + 2 > w->opts_end || opt + 2 > w->end)
		return -SAN_R_BAD_OPTION;
	len = opt[1];
	if (w->off + 2 + len > w->opts_end)
		return -SAN_R_BAD_OPTION;
	if (type == w->san_type && !w->id)
		r = cursor_read_san(w, opt, len, profile);
	w->off += 2 + len;
	return r;
}

/* Rule 6: hdr is an SRH of len bytes, all in the packet. */
static __always_inline int cursor_srh(struct cursor_walk *w, const __u8 *hdr, __u64 len,
				      const struct san_profile *profile)
{
	__u64 segs = hdr[4] + 1;

	if (segs * 16 + 8 > len || hdr[3] > segs)
		return -SAN_R_BAD_SRH;
	w->san_type = profile->tlv_type;
	w->opts_end = w->off + len;
	w->off += 8 + segs * 16;
	return 0;
}

static __always_inline __u64 cursor_len(__u64 type, const __u8 *hdr)
{
	if (type == CURSOR_FRAGMENT)
		return 8;
	if (type == CURSOR_AH)
		return (hdr[1] + 2) * 4;
	return (hdr[1] + 1) * 8;
}

static __always_inline int cursor_is_ext(__u64 type)
{
	return type == CURSOR_DOH || type == CURSOR_HBH || type == CURSOR_ROUTING ||
	       type == CURSOR_FRAGMENT || type == CURSOR_AH || type == CURSOR_MOBILITY ||
	       type == CURSOR_HIP || type == CURSOR_SHIM6;
}

/* Are there options to walk in this header? */
static __always_inline int cursor_carries(__u64 type, const struct san_profile *profile)
{
	return (type == CURSOR_DOH && profile->carriers & SAN_CARRIER_DOH) ||
	       (type == CURSOR_HBH && profile->carriers & SAN_CARRIER_HBH);
}

/* Rule 4: hdr is a fragment header, all in the packet. */
static __always_inline int cursor_fragment(struct cursor_walk *w, const __u8 *hdr)
{
	__u64 word = cursor_be16(CURSOR_LOAD(__u16, hdr + 2));

	w->marks &= 0xfull << CURSOR_MARK_FLAGS;
	w->marks |= CURSOR_LOAD(__u32, hdr + 4) | 1ull << CURSOR_MARK_FRAGMENT |
		    (word & CURSOR_FRAG_MORE) << CURSOR_MARK_MORE;
	return word & CURSOR_FRAG_OFFSET ? -SAN_R_FRAGMENT : 0;
}

/* Rules 2 to 6: the extension header at w->off. 0 = go on. */
static __always_inline int cursor_header(struct cursor_walk *w, const struct san_profile *profile)
{
	__u64 type = w->next;
	const __u8 *hdr;
	__u64 len;

	if (++w->headers > SAN_MAX_EXT_HDRS)
		return -SAN_R_TOO_DEEP;
	hdr = cursor_at(w, 8);
	if (!hdr)
		return -SAN_R_TRUNCATED;
	len = cursor_len(type, hdr);
	if (w->off + len > w->limit)
		return -SAN_R_TRUNCATED;
	w->next = hdr[0];
	if (type == CURSOR_ROUTING && hdr[2] == CURSOR_SRH_TYPE &&
	    profile->carriers & SAN_CARRIER_SRH)
		return cursor_srh(w, hdr, len, profile);
	if (type == CURSOR_FRAGMENT && cursor_fragment(w, hdr))
		return -SAN_R_FRAGMENT;
	if (cursor_carries(type, profile)) {
		w->san_type = profile->opt_type;
		w->opts_end = w->off + len;
		w->off += 2;
		return 0;
	}
	w->off += len;
	w->opts_end = w->off;
	return 0;
}

/* Rules 10 and 11: the walk has got to the upper layer. */
static __always_inline int cursor_upper(const struct cursor_walk *w, struct san_found *found)
{
	const __u8 *l4;

	found->l4_proto = w->next;
	if (w->next == CURSOR_TCP || w->next == CURSOR_UDP) {
		l4 = cursor_at(w, CURSOR_PORTS_LEN);
		if (!l4)
			return -SAN_R_TRUNCATED;
		found->ports = CURSOR_LOAD(__u32, l4);
	}
	if (w->next != CURSOR_ESP && w->next != CURSOR_NONE)
		found->l4_off = w->off;
	return w->id ? 0 : -SAN_R_NO_SAN;
}

/*
 * The verifier follows every value that a step can leave behind; with what it knows about counts
 * and offsets no two paths through the steps would look alike, and it would walk them all (over a
 * million instructions). Adding an unknown and masking makes it forget: all paths meet here again.
 */
static __always_inline void cursor_forget(struct cursor_walk *w)
{
	w->off = (w->off + w->zero) & CURSOR_OFF_MASK;
	w->opts_end = (w->opts_end + w->zero) & CURSOR_OFF_MASK;
	w->limit = (w->limit + w->zero) & 0x1ffff;
	w->headers = (w->headers + w->zero) & 0xff;
	w->options = (w->options + w->zero) & 0xff;
	w->san_type = (w->san_type + w->zero) & 0xff;
	w->next = (w->next + w->zero) & 0xff;
	w->id += w->zero;
	w->marks += w->zero;
}

/* One step: an option, a header, or the arrival. 0 = go on. */
static __always_inline int cursor_step(struct cursor_walk *w, const struct san_profile *profile)
{
	if (w->off < w->opts_end)
		return cursor_option(w, profile);
	if (cursor_is_ext(w->next))
		return cursor_header(w, profile);
	return CURSOR_ARRIVED;
}

static __always_inline int cursor_general(struct cursor_walk *w, const struct san_profile *profile,
					  struct san_found *found)
{
	__s64 r = 0;
	__u64 i;

	CURSOR_NO_UNROLL
	for (i = 0; i < CURSOR_MAX_STEPS; i++) {
		cursor_forget(w);
		r = cursor_step(w, profile);
		if (r)
			break;
	}
	cursor_forget(w);
	r += w->zero;
	found->service_id = w->id;
	found->fragment = w->marks >> CURSOR_MARK_FRAGMENT & 1;
	found->more = w->marks >> CURSOR_MARK_MORE & 1;
	found->frag_id = w->marks;
	found->flags = w->marks >> CURSOR_MARK_FLAGS & 0xf;
	return r == CURSOR_ARRIVED ? cursor_upper(w, found) : r;
}

/* IPv6 | DOH of 16 bytes, all our option | TCP or UDP with ports, and nothing behind the packet:
 * nearly every packet of a client, so no branch and no state more than it needs. False for
 * everything else, also for what is wrong: the walk decides about that. */
static __always_inline int cursor_fast(const __u8 *ip6, const __u8 *end,
				       const struct san_quick *quick, struct san_found *found)
{
	const __u8 *doh = ip6 + CURSOR_IP6_LEN;
	const __u8 *l4 = ip6 + CURSOR_FAST_L4;
	__u64 first;

	if (l4 + CURSOR_PORTS_LEN > end || ip6[0] >> 4 != 6 || ip6[6] != CURSOR_DOH)
		return 0;
	first = cursor_be64(CURSOR_LOAD(__u64, doh));
	if ((first & quick->mask) != quick->want)
		return 0;
	found->l4_proto = first >> 56;
	if (found->l4_proto != CURSOR_TCP && found->l4_proto != CURSOR_UDP)
		return 0;
	found->len = CURSOR_IP6_LEN + cursor_be16(CURSOR_LOAD(__u16, ip6 + 4));
	/* The ports behind the option keep 8 bytes at any offset inside the packet. */
	found->service_id =
		cursor_be64(CURSOR_LOAD(__u64, doh + 4 + quick->id_offset)) >> quick->id_shift;
	found->ports = CURSOR_LOAD(__u32, l4);
	found->l4_off = CURSOR_FAST_L4;
	found->fragment = found->more = 0;
	found->frag_id = 0;
	found->flags = first >> 24 & quick->flags_mask;
	return found->service_id && found->len == (__u64)(end - ip6);
}

/* Everything else, from the first byte on. */
static __always_inline int cursor_walk(const __u8 *ip6, const __u8 *end,
				       const struct san_profile *profile, struct san_found *found)
{
	struct cursor cur = {.pos = ip6, .end = end};
	struct cursor_walk w = {.ip6 = ip6, .end = end};
	const __u8 *again = ip6;

	*found = (struct san_found){0};
	if (!cursor_take(&cur, CURSOR_IP6_LEN))
		return -SAN_R_TRUNCATED;
	if (ip6[0] >> 4 != 6)
		return -SAN_R_NOT_IP;
	w.limit = cursor_be16(CURSOR_LOAD(__u16, ip6 + 4));
	cursor_pin(w.limit); /* Linux 5.10 knows no bounds of a byte swap: the mask must stay */
	w.limit = CURSOR_IP6_LEN + (w.limit & 0xffff);
	if (ip6 + w.limit > end)
		return -SAN_R_TRUNCATED;
	found->len = w.limit;
	w.next = ip6[6];
	cursor_pin(again);
	w.zero = CURSOR_LOAD(__u64, ip6) ^ CURSOR_LOAD(__u64, again);
	w.ip6 += w.zero & 1;
	w.off = CURSOR_IP6_LEN;
	return cursor_general(&w, profile, found);
}

/* ip6 points at the IPv6 header, end behind the packet. Returns SAN_R_FORWARDED (0) when a service
 * ID was found, else a san_reason as -(reason). profile: id_offset <= 32, id_len 4 or 8. *found is
 * filled as far as the walk came. The program has san_quick_of() done beforehand. */
static __always_inline int cursor_find_san(const void *ip6, const void *end,
					   const struct san_profile *profile,
					   struct san_found *found)
{
	const struct san_quick quick = san_quick_of(profile);

	if (cursor_fast(ip6, end, &quick, found))
		return SAN_R_FORWARDED;
	return cursor_walk(ip6, end, profile, found);
}

#endif
