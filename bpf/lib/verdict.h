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
	VERDICT_BOUNCE,	   /* back to the sender: the packet is an answer now */
	VERDICT_PASS,	   /* to the kernel */
	VERDICT_UNKNOWN,   /* to the kernel, or dropped with SAN_IF_DROP_UNKNOWN */
	VERDICT_DROP,	   /* always dropped */
	VERDICT_MALFORMED, /* to the kernel, or dropped with SAN_IF_DROP_MALFORMED */
};

_Static_assert(SAN_R_MAX <= 64, "a set of reasons is one word");

/* All reasons of a class. A shift is cheaper than a table. */
static __always_inline __u64 verdict_set(enum verdict_class wanted)
{
#define X(name, text, class, why) | (__u64)(VERDICT_##class == wanted) << SAN_R_##name
	return 0 SAN_REASONS(X);
#undef X
}

/* The set of reasons that an interface with this policy drops. */
static __always_inline __u64 verdict_drops(__u8 policy)
{
	return verdict_set(VERDICT_DROP) |
	       (policy & SAN_IF_DROP_UNKNOWN ? verdict_set(VERDICT_UNKNOWN) : 0) |
	       (policy & SAN_IF_DROP_MALFORMED ? verdict_set(VERDICT_MALFORMED) : 0);
}

static __always_inline int verdict_steers(__u32 reason)
{
	return verdict_set(VERDICT_TX) >> reason & 1;
}

/* row: of the interface, 0 without a (suitable) role; bytes: L2 length as received. */
static __always_inline void verdict_count(__u32 reason, __u32 row, __u64 bytes)
{
	maps_count(&san_reasons, row * SAN_REASON_ROW + reason, bytes);
}

/* Counts and decides. reason: enum san_reason; policy: SAN_IF_*. */
static __always_inline int verdict(__u32 reason, __u32 row, __u8 policy, __u64 bytes)
{
	verdict_count(reason, row, bytes);
	if (verdict_steers(reason))
		return XDP_REDIRECT;
	if (verdict_set(VERDICT_BOUNCE) >> reason & 1)
		return XDP_TX;
	return verdict_drops(policy) >> reason & 1 ? XDP_DROP : XDP_PASS;
}

#endif
