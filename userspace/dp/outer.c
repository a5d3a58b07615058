/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The prepared outer header: IPv6 and, but for one reduced segment, an SRH (RFC 8754 section 2):
 *
 * +---------------+---------------+---------------+---------------+
 * | Next = 41     | Hdr Ext Len   | Type = 4      | Segments Left |
 * +---------------+---------------+---------------+---------------+
 * | Last Entry    | Flags = 0     | Tag = 0                       |
 * +---------------+---------------+-------------------------------+
 * | Segment List[0 .. Last Entry], the last segment of the way first
 *
 * Reduced (RFC 8986 section 5.2): the first segment stands only in the destination address.
 */
#include <errno.h>
#include <string.h>

#include <san/msg.h>

#include "dp/dp.h"

#define IP6_LEN 40
#define SRH_FIXED 8
#define NEXT_IPV6 41
#define NEXT_ROUTING 43
#define SRH_TYPE 4

static uint8_t ip6_write(uint8_t *ip6, const struct dp_outer *outer, uint8_t next)
{
	ip6[0] = 0x60;
	ip6[6] = next;
	ip6[7] = outer->hop_limit;
	memcpy(ip6 + 8, &outer->source, 16);
	memcpy(ip6 + 24, &outer->segs[0], 16);
	return IP6_LEN;
}

/* listed: segments in the list, n_segs or one less. */
static uint8_t srh_write(uint8_t *srh, const struct dp_outer *outer, uint8_t listed)
{
	uint8_t i;

	srh[0] = NEXT_IPV6;
	srh[1] = listed * 2;
	srh[2] = SRH_TYPE;
	srh[3] = outer->n_segs - 1;
	srh[4] = listed - 1;
	for (i = 0; i < listed; i++)
		memcpy(srh + SRH_FIXED + i * 16, &outer->segs[outer->n_segs - 1 - i], 16);
	return SRH_FIXED + listed * 16;
}

int dp_outer_build(const struct dp_outer *outer, struct san_nexthop *nh)
{
	uint8_t *bytes = (uint8_t *)nh->outer;
	uint8_t listed;

	if (outer->n_segs < 1 || outer->n_segs > SAN_MAX_SEGS || outer->encap >= SAN_ENCAP_MAX)
		return -EINVAL;
	listed = outer->encap == SAN_ENCAP_RED ? outer->n_segs - 1 : outer->n_segs;
	memset(nh->outer, 0, sizeof(nh->outer));
	nh->outer_len = ip6_write(bytes, outer, listed ? NEXT_ROUTING : NEXT_IPV6);
	if (listed)
		nh->outer_len += srh_write(bytes + IP6_LEN, outer, listed);
	nh->hop_limit = outer->hop_limit;
	nh->kind = SAN_NH_UNRESOLVED;
	return 0;
}

void dp_direct_build(const struct in6_addr *address, struct san_nexthop *nh)
{
	memset(nh->outer, 0, sizeof(nh->outer));
	memcpy(nh->outer, address, sizeof(*address));
	nh->outer_len = 0;
	nh->hop_limit = 0;
	nh->kind = SAN_NH_UNRESOLVED;
}
