/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bucket of tokens of struct san_meter. No maps, no helpers: tests compile this file natively.
 * The caller holds the lock.
 */
#ifndef BPF_LIB_METER_H
#define BPF_LIB_METER_H

#include <san/map_abi.h>

static __always_inline __s64 meter_burst(__u32 rate_kbps)
{
	__s64 burst = SAN_METER_BURST_NS * rate_kbps;

	return burst > SAN_METER_BURST_MIN * SAN_METER_BYTE ? burst
							    : SAN_METER_BURST_MIN * SAN_METER_BYTE;
}

/* Fills it up to now; rate_kbps is not 0. Another CPU's clock may have been read later than ours.
 */
static __always_inline void meter_fill(struct san_meter *m, __u64 now, __s64 burst)
{
	__u64 gone = now > m->last_ns ? now - m->last_ns : 0;
	__u64 missing = burst - m->tokens;

	if (!gone)
		return;
	if (!m->last_ns || gone > missing / m->rate_kbps)
		m->tokens = burst;
	else
		m->tokens += gone * m->rate_kbps;
	m->last_ns = now;
}

/* A frame of so many bytes: 1 = within the rate, it is paid for; 0 = above it. A frame that costs
 * more than a burst passes with a full one, on credit. */
static __always_inline int meter_take(struct san_meter *m, __u64 now, __u32 bytes)
{
	__s64 cost = bytes * SAN_METER_BYTE, burst = meter_burst(m->rate_kbps);

	meter_fill(m, now, burst);
	if (m->tokens < (cost < burst ? cost : burst))
		return 0;
	m->tokens -= cost;
	return 1;
}

#endif
