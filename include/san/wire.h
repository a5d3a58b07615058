/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SAN header on the wire, experimental profile exp-1. Compiled by BPF programs and by user
 * space.
 *
 * One IPv6 option (RFC 8200 section 4.2) in a Destination Options or Hop-by-Hop header, alignment
 * 8n+2, or one TLV of a Segment Routing Header (RFC 8754 section 2.1). Network byte order:
 *
 *                                 +---------------+---------------+
 *                                 |  Type = 0x1E  |  Length = 12  |
 * +-------+-------+---------------+---------------+---------------+
 * | Ver=1 | Flags |   Reserved    |        Instance token         |
 * +-------+-------+---------------+-------------------------------+
 * |                     Service ID (64 bits)                      |
 * |                                                               |
 * +---------------------------------------------------------------+
 * |  further TLVs (Length > 12), ignored by this version          |
 */
#ifndef SAN_WIRE_H
#define SAN_WIRE_H

#include <linux/types.h>

#define SAN_OPT_TYPE 0x1e /* experimental, skip if unknown, does not change en route (RFC 4727) */
#define SAN_TLV_TYPE 124  /* SRH TLV, experimental, does not change en route */
#define SAN_VERSION 1
#define SAN_HDR_LEN 12	/* value of the Length byte without further TLVs */
#define SAN_ID_OFFSET 4 /* of the service ID, counted from the byte behind Length */
#define SAN_ID_LEN 8
#define SAN_FLAG_OAM 0x8 /* in the low nibble of ver_flags */

#define SAN_MAX_EXT_HDRS 8 /* extension headers walked */
#define SAN_MAX_OPTIONS 32 /* options and TLVs walked, over all headers of a packet */

/* Value of the option, behind Type and Length. */
struct san_hdr {
	__u8 ver_flags; /* version in the high nibble, flags in the low one */
	__u8 reserved;
	__be16 token;
	__be64 service_id; /* 0 is invalid */
} __attribute__((packed));

_Static_assert(sizeof(struct san_hdr) == SAN_HDR_LEN, "SAN header is 12 bytes");

/*
 * Where to look and how to read. A constant of the loaded program (.rodata), so that the verifier
 * drops what a profile does not use.
 */
struct san_profile {
	__u8 carriers;	/* SAN_CARRIER_* bits */
	__u8 opt_type;	/* option type in DOH and HBH */
	__u8 tlv_type;	/* TLV type in the SRH */
	__u8 version;	/* expected version nibble; 0 = the layout has none */
	__u8 id_offset; /* 0..32, from the byte behind Length */
	__u8 id_len;	/* 4 or 8 */
	__u8 pad[2];
};

#define SAN_CARRIER_DOH 0x1
#define SAN_CARRIER_HBH 0x2
#define SAN_CARRIER_SRH 0x4

/*
 * What the usual packet of a profile holds in the first 8 bytes of its Destination Options header:
 * that header's length, one option of 12 bytes, the version. Worked out once, so that a packet
 * costs one comparison. Numbers are of the bytes read in network order.
 */
struct san_quick {
	__u64 mask, want; /* want beyond mask: no packet is usual */
	__u8 id_offset;	  /* from the byte behind Length */
	__u8 id_shift;	  /* 8 bytes read there, shifted right: the ID */
	__u8 flags_mask;  /* of the low nibble of the first value byte */
	__u8 pad[5];
};

static inline __attribute__((always_inline)) struct san_quick san_quick_of(
	const struct san_profile *profile)
{
	struct san_quick quick = {.mask = 0x00ffffff00000000, .want = 1ull << 48};

	if (!(profile->carriers & SAN_CARRIER_DOH) ||
	    profile->id_offset + profile->id_len > SAN_HDR_LEN) {
		quick.want = ~0ull;
		return quick;
	}
	quick.want |= (__u64)profile->opt_type << 40 | (__u64)SAN_HDR_LEN << 32;
	if (profile->version) {
		quick.mask |= 0xf0000000;
		quick.want |= (__u64)profile->version << 28;
		quick.flags_mask = 0xf;
	}
	quick.id_offset = profile->id_offset;
	quick.id_shift = 64 - 8 * profile->id_len;
	return quick;
}

#define SAN_PROFILE_EXP1                                                                           \
	{                                                                                          \
		.carriers = SAN_CARRIER_DOH | SAN_CARRIER_HBH | SAN_CARRIER_SRH,                   \
		.opt_type = SAN_OPT_TYPE, .tlv_type = SAN_TLV_TYPE, .version = SAN_VERSION,        \
		.id_offset = SAN_ID_OFFSET, .id_len = SAN_ID_LEN,                                  \
	}

#endif
