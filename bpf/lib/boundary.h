/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The edge of the SRv6 domain (RFC 8754 section 5.1): nothing from an access interface reaches a
 * SID. Addresses are two words each, as they stand in memory.
 */
#ifndef BPF_LIB_BOUNDARY_H
#define BPF_LIB_BOUNDARY_H

#include "lib/maps.h"

static __always_inline int boundary_covers(const struct san_prefix *prefix, const __u64 addr[2])
{
	return (addr[0] & prefix->mask[0]) == prefix->addr[0] &&
	       (addr[1] & prefix->mask[1]) == prefix->addr[1];
}

static __always_inline int boundary_is_sid(const __u64 addr[2])
{
	struct san_sid_key key;
	__u64 *word = (__u64 *)key.addr;

	word[0] = addr[0];
	word[1] = addr[1];
	return bpf_map_lookup_elem(&san_sids, &key) != NULL;
}

static __noinline int boundary_forbids_more(const struct san_domain *domain, __u64 high, __u64 low)
{
	const __u64 dst[2] = {high, low};
	__u32 n = domain->n_blocks, i;

	for (i = 1; i < SAN_MAX_BLOCKS && i < n; i++)
		if (boundary_covers(&domain->blocks[i], dst))
			return 1;
	return domain->flags & SAN_DOMAIN_STRAY_SIDS && boundary_is_sid(dst);
}

/* Is dst one that access interfaces must not reach? Most hosts have one block: what others have
 * besides is out of the way. */
static __always_inline int boundary_forbids(const struct san_domain *domain, const __u64 dst[2])
{
	__u32 n = domain->n_blocks;

	if (n && boundary_covers(&domain->blocks[0], dst))
		return 1;
	return __builtin_expect(n > 1 || domain->flags & SAN_DOMAIN_STRAY_SIDS, 0) &&
	       boundary_forbids_more(domain, dst[0], dst[1]);
}

/* May src send to SIDs? Without a list any may. */
static __always_inline int boundary_inside(const struct san_domain *domain, const __u64 src[2])
{
	__u32 n = domain->n_inside, i;

	for (i = 0; i < SAN_MAX_INSIDE && i < n; i++)
		if (boundary_covers(&domain->inside[i], src))
			return 1;
	return !n;
}

#endif
