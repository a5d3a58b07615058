/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Services, next hops and counters: typed access to the maps, refusing what the program would not
 * understand. */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "dp/priv.h"

/* A full hash map says E2BIG. */
static int map_errno(void)
{
	return errno == E2BIG ? -ENOSPC : -errno;
}

int dp_service_get(const struct dp *dp, uint64_t id, struct san_service *val)
{
	struct san_service_key key = {.service_id = id};

	return bpf_map_lookup_elem(dp->map_fd[DP_MAP_SERVICES], &key, val) ? -errno : 0;
}

static bool service_valid(const struct dp *dp, const struct san_service *val)
{
	if (val->mode == SAN_MODE_PREFERRED)
		return val->nexthop != SAN_NH_NONE && val->nexthop < dp->conf.max_nexthops &&
		       val->affinity <= SAN_AFFINITY_FLOW;
	return val->mode == SAN_MODE_NONE && val->affinity <= SAN_AFFINITY_FLOW;
}

int dp_service_put(struct dp *dp, uint64_t id, const struct san_service *val)
{
	struct san_service_key key = {.service_id = id};

	if (!id || !service_valid(dp, val))
		return -EINVAL;
	return bpf_map_update_elem(dp->map_fd[DP_MAP_SERVICES], &key, val, BPF_ANY) ? map_errno()
										    : 0;
}

int dp_service_del(struct dp *dp, uint64_t id)
{
	struct san_service_key key = {.service_id = id};

	return bpf_map_delete_elem(dp->map_fd[DP_MAP_SERVICES], &key) ? -errno : 0;
}

int dp_service_each(const struct dp *dp, int (*fn)(void *, uint64_t, const struct san_service *),
		    void *arg)
{
	int fd = dp->map_fd[DP_MAP_SERVICES];
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

int dp_nexthop_put(struct dp *dp, uint32_t index, const struct san_nexthop *val)
{
	if (!nexthop_index_valid(dp, index) || val->kind > SAN_NH_DROP)
		return -EINVAL;
	if (val->kind == SAN_NH_SRV6 && !outer_len_valid(val->outer_len))
		return -EINVAL;
	return bpf_map_update_elem(dp->map_fd[DP_MAP_NEXTHOPS], &index, val, BPF_ANY) ? -errno : 0;
}

static int counter_sum(const struct dp *dp, enum dp_map map, uint32_t index,
		       struct san_counter *sum)
{
	int cpu;

	memset(sum, 0, sizeof(*sum));
	if (index >= dp_map_entries(&dp->conf, map))
		return -EINVAL;
	if (bpf_map_lookup_elem(dp->map_fd[map], &index, dp->cpu_values))
		return -errno;
	for (cpu = 0; cpu < dp->n_cpus; cpu++) {
		sum->packets += dp->cpu_values[cpu].packets;
		sum->bytes += dp->cpu_values[cpu].bytes;
	}
	return 0;
}

static int counter_clear(const struct dp *dp, enum dp_map map, uint32_t index)
{
	if (index >= dp_map_entries(&dp->conf, map))
		return -EINVAL;
	memset(dp->cpu_values, 0, dp->n_cpus * sizeof(*dp->cpu_values));
	return bpf_map_update_elem(dp->map_fd[map], &index, dp->cpu_values, BPF_ANY) ? -errno : 0;
}

int dp_svc_stats(const struct dp *dp, uint32_t index, struct san_counter *sum)
{
	return counter_sum(dp, DP_MAP_SVC_STATS, index, sum);
}

int dp_svc_stats_clear(struct dp *dp, uint32_t index)
{
	return counter_clear(dp, DP_MAP_SVC_STATS, index);
}

int dp_nh_stats(const struct dp *dp, uint32_t index, struct san_counter *sum)
{
	return counter_sum(dp, DP_MAP_NH_STATS, index, sum);
}

int dp_nh_stats_clear(struct dp *dp, uint32_t index)
{
	return counter_clear(dp, DP_MAP_NH_STATS, index);
}

int dp_reason_stats(const struct dp *dp, enum san_reason reason, struct san_counter *sum)
{
	return counter_sum(dp, DP_MAP_REASONS, reason, sum);
}
