/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one exit of a program: a reason is counted and turned into an XDP action. Which class a
 * reason belongs to stands in map_abi.h, what an interface does with a class in its policy bits.
 */
#ifndef BPF_LIB_VERDICT_H
#define BPF_LIB_VERDICT_H

#include "lib/maps.h"

enum verdict_class {
	VERDICT_TX,	   /* the redirect is prepared */
	VERDICT_PASS,	   /* to the kernel */
	VERDICT_UNKNOWN,   /* to the kernel, or dropped with SAN_IF_DROP_UNKNOWN */
	VERDICT_DROP,	   /* always dropped */
	VERDICT_MALFORMED, /* to the kernel, or dropped with SAN_IF_DROP_MALFORMED */
};

_Static_assert(SAN_R_MAX <= 64, "a set of reasons is one word");

/* The set of reasons that an interface with this policy drops. A shift is cheaper than a table. */
static __always_inline __u64 verdict_drops(__u8 policy)
{
#define X(name, text, class, why) | (__u64)(VERDICT_##class == VERDICT_DROP) << SAN_R_##name
	const __u64 drop = 0 SAN_REASONS(X);
#undef X
#define X(name, text, class, why) | (__u64)(VERDICT_##class == VERDICT_UNKNOWN) << SAN_R_##name
	const __u64 unknown = 0 SAN_REASONS(X);
#undef X
#define X(name, text, class, why) | (__u64)(VERDICT_##class == VERDICT_MALFORMED) << SAN_R_##name
	const __u64 malformed = 0 SAN_REASONS(X);
#undef X

	return drop | (policy & SAN_IF_DROP_UNKNOWN ? unknown : 0) |
	       (policy & SAN_IF_DROP_MALFORMED ? malformed : 0);
}

/* Counts and decides. reason: enum san_reason; bytes: L2 length as received. */
static __always_inline int verdict(__u32 reason, __u8 policy, __u64 bytes)
{
#define X(name, text, class, why) | (__u64)(VERDICT_##class == VERDICT_TX) << SAN_R_##name
	const __u64 tx = 0 SAN_REASONS(X);
#undef X

	maps_count(&san_reasons, reason, bytes);
	if (tx >> reason & 1)
		return XDP_REDIRECT;
	return verdict_drops(policy) >> reason & 1 ? XDP_DROP : XDP_PASS;
}

#endif
