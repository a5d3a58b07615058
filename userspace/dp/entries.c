/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Services, next hops, slots, SIDs, the domain: typed access to the maps, refusing what the
 * programs would not understand. */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "dp/priv.h"

int dp_map_errno(void)
{
	return errno == E2BIG ? -ENOSPC : -errno;
}

/* --- services ------------------------------------------------------------------------------------
 */

static int service_fd(const struct dp *dp, bool local)
{
	return dp->map_fd[local ? DP_MAP_LOCAL : DP_MAP_SERVICES];
}

int dp_service_get(const struct dp *dp, bool local, uint64_t id, struct san_service *val)
{
	struct san_service_key key = {.service_id = id};

	return bpf_map_lookup_elem(service_fd(dp, local), &key, val) ? -errno : 0;
}

static bool slots_valid(const struct dp *dp, const struct san_service *val)
{
	return val->slot_bits <= SAN_MAX_SLOT_BITS &&
	       (uint64_t)val->slot_base + (1ull << val->slot_bits) <= dp->conf.max_slots;
}

bool dp_service_valid(const struct dp *dp, const struct san_service *val)
{
	if (val->affinity > SAN_AFFINITY_FLOW || val->flags & ~SAN_SVC_KEY_SOURCE)
		return false;
	switch (val->mode) {
	case SAN_MODE_NONE:
		return true;
	case SAN_MODE_PREFERRED:
		return val->nexthop != SAN_NH_NONE && val->nexthop < dp->conf.max_nexthops;
	case SAN_MODE_BALANCED:
		return slots_valid(dp, val);
	default:
		return false;
	}
}

static int64_t service_slots(const struct san_service *val)
{
	return val->mode == SAN_MODE_BALANCED ? 1ll << val->slot_bits : 0;
}

static void service_count(const struct dp *dp, bool local, int entries, int64_t slots)
{
	dp_used_add(dp, local ? SAN_MAP_LOCAL : SAN_MAP_SERVICES, entries);
	dp_used_add(dp, SAN_MAP_SLOTS, slots);
}

int dp_service_put(struct dp *dp, bool local, uint64_t id, const struct san_service *val)
{
	struct san_service_key key = {.service_id = id};
	struct san_service before = {0};
	bool is_new;

	if (!id || !dp_service_valid(dp, val))
		return -EINVAL;
	is_new = bpf_map_lookup_elem(service_fd(dp, local), &key, &before) != 0;
	if (bpf_map_update_elem(service_fd(dp, local), &key, val, BPF_ANY))
		return dp_map_errno();
	service_count(dp, local, is_new, service_slots(val) - service_slots(&before));
	return 0;
}

int dp_service_del(struct dp *dp, bool local, uint64_t id)
{
	struct san_service_key key = {.service_id = id};
	struct san_service before = {0};

	if (bpf_map_lookup_elem(service_fd(dp, local), &key, &before) ||
	    bpf_map_delete_elem(service_fd(dp, local), &key))
		return -errno;
	service_count(dp, local, -1, -service_slots(&before));
	return 0;
}

int dp_service_each(const struct dp *dp, bool local,
		    int (*fn)(void *, uint64_t, const struct san_service *), void *arg)
{
	int fd = service_fd(dp, local);
	struct san_service_key key, next;
	struct san_service val;
	int end = bpf_map_get_next_key(fd, NULL, &key), r = 0;

	while (!end && !r) {
		/* The next key first: fn may delete this one, and the walk would start again. */
		end = bpf_map_get_next_key(fd, &key, &next);
		if (!bpf_map_lookup_elem(fd, &key, &val))
			r = fn(arg, key.service_id, &val);
		key = next;
	}
	return r;
}

/* --- next hops -----------------------------------------------------------------------------------
 */

uint32_t dp_nexthop_max(const struct dp *dp)
{
	return dp_map_entries(&dp->conf, DP_MAP_NEXTHOPS);
}

uint32_t dp_stats_max(const struct dp *dp)
{
	return dp_map_entries(&dp->conf, DP_MAP_SVC_STATS);
}

static bool nexthop_index_valid(const struct dp *dp, uint32_t index)
{
	return index != SAN_NH_NONE && index < dp->conf.max_nexthops;
}

int dp_nexthop_get(const struct dp *dp, uint32_t index, struct san_nexthop *val)
{
	if (!nexthop_index_valid(dp, index))
		return -EINVAL;
	return bpf_map_lookup_elem(dp->map_fd[DP_MAP_NEXTHOPS], &index, val) ? -errno : 0;
}

/* IPv6 alone, or IPv6, SRH and 1 to SAN_MAX_SEGS segments. */
static bool outer_len_valid(uint32_t len)
{
	return len == 40 || (len >= 64 && len <= SAN_OUTER_WORDS * 8 && len % 16 == 0);
}

static bool nexthop_valid(const struct san_nexthop *val)
{
	if (val->kind > SAN_NH_DROP || val->families & ~(SAN_NH_IP6 | SAN_NH_IP4))
		return false;
	if (val->kind == SAN_NH_SRV6)
		return outer_len_valid(val->outer_len);
	return val->kind != SAN_NH_DIRECT || !val->outer_len;
}

int dp_nexthop_put(struct dp *dp, uint32_t index, const struct san_nexthop *val)
{
	struct san_nexthop before = {0};

	if (!nexthop_index_valid(dp, index) || !nexthop_valid(val))
		return -EINVAL;
	if (bpf_map_lookup_elem(dp->map_fd[DP_MAP_NEXTHOPS], &index, &before) ||
	    bpf_map_update_elem(dp->map_fd[DP_MAP_NEXTHOPS], &index, val, BPF_ANY))
		return -errno;
	dp_used_add(dp, SAN_MAP_NEXTHOPS,
		    (val->kind != SAN_NH_UNUSED) - (before.kind != SAN_NH_UNUSED));
	return 0;
}

/* --- slots ---------------------------------------------------------------------------------------
 */

static bool range_valid(const struct dp *dp, uint32_t base, uint32_t n)
{
	return base <= dp->conf.max_slots && n <= dp->conf.max_slots - base;
}

static int slots_get_single(int fd, uint32_t base, uint32_t n, uint32_t *nexthops)
{
	uint32_t i, index;

	for (i = 0; i < n; i++) {
		index = base + i;
		if (bpf_map_lookup_elem(fd, &index, &nexthops[i]))
			return -errno;
	}
	return 0;
}

#define SLOTS_BATCH 1024

int dp_slots_get(const struct dp *dp, uint32_t base, uint32_t n, uint32_t *nexthops)
{
	int fd = dp->map_fd[DP_MAP_SLOTS], r = 0;
	uint32_t keys[SLOTS_BATCH], before, token, count, got;

	if (!range_valid(dp, base, n))
		return -EINVAL;
	while (n && !r) {
		count = got = n < SLOTS_BATCH ? n : SLOTS_BATCH;
		before = base - 1; /* a batch begins behind its token */
		r = bpf_map_lookup_batch(fd, base ? &before : NULL, &token, keys, nexthops, &got,
					 NULL);
		if (got != count || (r && errno != ENOENT)) /* ENOENT: that was the end */
			r = slots_get_single(fd, base, count, nexthops);
		else
			r = 0;
		base += count;
		nexthops += count;
		n -= count;
	}
	return r;
}

static int slots_put_single(int fd, uint32_t base, uint32_t n, const uint32_t *nexthops)
{
	uint32_t i, index;

	for (i = 0; i < n; i++) {
		index = base + i;
		if (bpf_map_update_elem(fd, &index, &nexthops[i], BPF_ANY))
			return -errno;
	}
	return 0;
}

int dp_slots_put(struct dp *dp, uint32_t base, uint32_t n, const uint32_t *nexthops)
{
	int fd = dp->map_fd[DP_MAP_SLOTS], r = 0;
	uint32_t keys[SLOTS_BATCH], i, count;

	if (!range_valid(dp, base, n))
		return -EINVAL;
	while (n && !r) {
		count = n < SLOTS_BATCH ? n : SLOTS_BATCH;
		for (i = 0; i < count; i++)
			keys[i] = base + i;
		i = count;
		if (count == 1 || bpf_map_update_batch(fd, keys, nexthops, &i, NULL))
			r = slots_put_single(fd, base, count, nexthops);
		base += count;
		nexthops += count;
		n -= count;
	}
	return r;
}

/* --- SIDs ----------------------------------------------------------------------------------------
 */

static struct san_sid_key sid_key(const struct in6_addr *sid)
{
	struct san_sid_key key;

	memcpy(&key, sid, sizeof(key));
	return key;
}

int dp_sid_get(const struct dp *dp, const struct in6_addr *sid, struct san_sid *val)
{
	struct san_sid_key key = sid_key(sid);

	return bpf_map_lookup_elem(dp->map_fd[DP_MAP_SIDS], &key, val) ? -errno : 0;
}

static bool sid_valid(const struct dp *dp, const struct san_sid *val)
{
	bool direct =
		val->behaviour == SAN_BEHAVIOUR_END_DX6 || val->behaviour == SAN_BEHAVIOUR_END_DX4;

	if (val->behaviour < SAN_BEHAVIOUR_END || val->behaviour >= SAN_BEHAVIOUR_MAX ||
	    val->flavors & ~(SAN_FLAVOR_PSP | SAN_FLAVOR_USP | SAN_FLAVOR_USD) ||
	    val->flags & ~SAN_SID_KERNEL || val->stats >= dp_stats_max(dp))
		return false;
	return !direct || val->flags & SAN_SID_KERNEL || nexthop_index_valid(dp, val->nexthop);
}

int dp_sid_put(struct dp *dp, const struct in6_addr *sid, const struct san_sid *val)
{
	struct san_sid_key key = sid_key(sid);
	struct san_sid before;
	bool is_new;

	if (!sid_valid(dp, val))
		return -EINVAL;
	is_new = bpf_map_lookup_elem(dp->map_fd[DP_MAP_SIDS], &key, &before) != 0;
	if (bpf_map_update_elem(dp->map_fd[DP_MAP_SIDS], &key, val, BPF_ANY))
		return dp_map_errno();
	dp_used_add(dp, SAN_MAP_SIDS, is_new);
	return 0;
}

int dp_sid_del(struct dp *dp, const struct in6_addr *sid)
{
	struct san_sid_key key = sid_key(sid);

	if (bpf_map_delete_elem(dp->map_fd[DP_MAP_SIDS], &key))
		return -errno;
	dp_used_add(dp, SAN_MAP_SIDS, -1);
	return 0;
}

int dp_sid_each(const struct dp *dp,
		int (*fn)(void *, const struct in6_addr *, const struct san_sid *), void *arg)
{
	int fd = dp->map_fd[DP_MAP_SIDS], r = 0;
	struct san_sid_key key, next;
	struct in6_addr addr;
	struct san_sid val;
	int end = bpf_map_get_next_key(fd, NULL, &key);

	while (!end && !r) {
		end = bpf_map_get_next_key(fd, &key, &next);
		memcpy(&addr, &key, sizeof(addr));
		if (!bpf_map_lookup_elem(fd, &key, &val))
			r = fn(arg, &addr, &val);
		key = next;
	}
	return r;
}

/* --- domain --------------------------------------------------------------------------------------
 */

int dp_domain_get(const struct dp *dp, struct san_domain *out)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(dp->map_fd[DP_MAP_DOMAIN], &zero, out) ? -errno : 0;
}

int dp_domain_set(struct dp *dp, const struct san_domain *domain)
{
	struct san_domain next = *domain;
	uint32_t zero = 0;

	if (domain->n_blocks > SAN_MAX_BLOCKS || domain->n_inside > SAN_MAX_INSIDE)
		return -EINVAL;
	next.class_set = dp_class_set(dp);
	return bpf_map_update_elem(dp->map_fd[DP_MAP_DOMAIN], &zero, &next, BPF_ANY) ? -errno : 0;
}
