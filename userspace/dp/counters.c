/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters of services, next hops and reasons, and how full the maps are. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dp/priv.h"
#include "util/own.h"

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

int dp_act_stats(const struct dp *dp, uint32_t act, struct san_counter *sum)
{
	return counter_sum(dp, DP_MAP_ACT_STATS, act, sum);
}

int dp_act_over(const struct dp *dp, uint32_t act, struct san_counter *sum)
{
	return counter_sum(dp, DP_MAP_ACT_OVER, act, sum);
}

int dp_act_clear(const struct dp *dp, uint32_t act)
{
	int r = counter_clear(dp, DP_MAP_ACT_STATS, act);

	return r ? r : counter_clear(dp, DP_MAP_ACT_OVER, act);
}

int dp_reason_stats(const struct dp *dp, unsigned int ifindex, enum san_reason reason,
		    struct san_counter *sum)
{
	struct san_iface iface = {0};

	memset(sum, 0, sizeof(*sum));
	if (reason >= SAN_R_MAX)
		return -EINVAL;
	if (ifindex && (dp_iface_entry(dp, ifindex, &iface) || !iface.row))
		return -ENOENT;
	return counter_sum(dp, DP_MAP_REASONS, iface.row * SAN_REASON_ROW + reason, sum);
}

/* --- rows of san_reasons ------------------------------------------------------------------------
 */

static bool row_valid(const struct dp *dp, uint16_t row)
{
	return row && row <= dp->conf.max_ifaces;
}

/* An array has all indices: read whole, in pieces. */
int dp_rows_init(struct dp *dp)
{
	enum { PIECE = 4096 };
	OWN_PTR struct san_iface *values = calloc(PIECE, sizeof(*values));
	OWN_PTR uint32_t *keys = calloc(PIECE, sizeof(*keys));
	uint32_t token, i, n;
	bool first = true;
	int end = 0;

	if (!values || !keys)
		return -ENOMEM;
	while (!end) {
		n = PIECE;
		end = bpf_map_lookup_batch(dp->map_fd[DP_MAP_IFACES], first ? NULL : &token, &token,
					   keys, values, &n, NULL);
		if (end && errno != ENOENT)
			return -errno;
		for (i = 0; i < n; i++)
			if (values[i].role != SAN_ROLE_NONE && row_valid(dp, values[i].row))
				dp->rows[values[i].row] = keys[i];
		first = false;
	}
	return 0;
}

static void row_clear(const struct dp *dp, uint16_t row)
{
	int reason;

	for (reason = 0; reason < SAN_REASON_ROW; reason++)
		counter_clear(dp, DP_MAP_REASONS, row * SAN_REASON_ROW + reason);
}

/* The kernel takes an interface out of the device map when it goes: its row may be had. */
static bool row_orphaned(const struct dp *dp, uint32_t row)
{
	uint32_t key = dp->rows[row], tx;

	return bpf_map_lookup_elem(dp->map_fd[DP_MAP_TX], &key, &tx) && errno == ENOENT;
}

static uint32_t row_find(const struct dp *dp, unsigned int ifindex)
{
	uint32_t row;

	for (row = 1; row <= dp->conf.max_ifaces; row++)
		if (dp->rows[row] == ifindex)
			return row;
	return 0;
}

static uint32_t row_reclaim(struct dp *dp)
{
	uint32_t row;

	for (row = 1; row <= dp->conf.max_ifaces; row++) {
		if (!row_orphaned(dp, row))
			continue;
		dp_iface_forget(dp, dp->rows[row]);
		return row;
	}
	return 0;
}

uint16_t dp_row_take(struct dp *dp, unsigned int ifindex)
{
	uint32_t row = row_find(dp, ifindex);

	if (row)
		return row;
	row = row_find(dp, 0);
	if (!row)
		row = row_reclaim(dp);
	if (!row)
		return 0;
	dp->rows[row] = ifindex;
	row_clear(dp, row);
	return row;
}

void dp_row_free(struct dp *dp, unsigned int ifindex)
{
	uint32_t row = row_find(dp, ifindex);

	if (row)
		dp->rows[row] = 0;
}

/* --- how full ------------------------------------------------------------------------------------
 */

void dp_used_add(const struct dp *dp, enum san_map map, int64_t n)
{
	if (dp->used[map] != DP_UNKNOWN)
		dp->used[map] += n;
}

static int count_service(void *arg, uint64_t id, const struct san_service *val)
{
	uint64_t *n = arg;

	n[0]++;
	if (val->mode == SAN_MODE_BALANCED)
		n[1] += 1ull << val->slot_bits;
	return 0;
}

/* Services of one scope, or the slots that they use. */
static int64_t services_used(const struct dp *dp, bool local, bool slots)
{
	struct dp_walk walk = {0};
	uint64_t n[2] = {0};
	int r;

	do {
		r = dp_service_walk(dp, local, &walk, count_service, n);
	} while (r > 0);
	return r ? DP_UNKNOWN : (int64_t)n[slots];
}

static int64_t slots_used(const struct dp *dp)
{
	int64_t ingress = services_used(dp, false, true);
	int64_t local = services_used(dp, true, true);

	return ingress == DP_UNKNOWN || local == DP_UNKNOWN ? DP_UNKNOWN : ingress + local;
}

static int count_sid(void *arg, const struct in6_addr *sid, const struct san_sid *val)
{
	++*(uint64_t *)arg;
	return 0;
}

static int64_t nexthops_used(const struct dp *dp)
{
	struct san_nexthop nh;
	int64_t n = 0;
	uint32_t i;

	for (i = 1; i < dp_nexthop_max(dp); i++)
		if (!dp_nexthop_get(dp, i, &nh))
			n += nh.kind != SAN_NH_UNUSED;
	return n;
}

/* Few, and the kernel takes them out by itself. */
static int64_t ifaces_used(const struct dp *dp)
{
	uint32_t key, *at = NULL;
	int64_t n = 0;

	for (; !bpf_map_get_next_key(dp->map_fd[DP_MAP_TX], at, &key); at = &key)
		n++;
	return n;
}

static int64_t count(const struct dp *dp, enum san_map map)
{
	uint64_t n = 0;

	switch (map) {
	case SAN_MAP_SERVICES:
	case SAN_MAP_LOCAL:
		return services_used(dp, map == SAN_MAP_LOCAL, false);
	case SAN_MAP_SLOTS:
		return slots_used(dp);
	case SAN_MAP_NEXTHOPS:
		return nexthops_used(dp);
	case SAN_MAP_SIDS:
		dp_sid_each(dp, count_sid, &n);
		return n;
	case SAN_MAP_CLASSES:
		return dp_class_rules(dp);
	default:
		return ifaces_used(dp);
	}
}

/* Index 0 of the next hops is nobody's. */
static uint64_t room(const struct dp *dp, enum san_map map)
{
	static const enum dp_map maps[SAN_MAP_MAX] = {
		[SAN_MAP_SERVICES] = DP_MAP_SERVICES, [SAN_MAP_LOCAL] = DP_MAP_LOCAL,
		[SAN_MAP_NEXTHOPS] = DP_MAP_NEXTHOPS, [SAN_MAP_SLOTS] = DP_MAP_SLOTS,
		[SAN_MAP_SIDS] = DP_MAP_SIDS,	      [SAN_MAP_CLASSES] = DP_MAP_CLASS_RULES,
		[SAN_MAP_IFACES] = DP_MAP_TX,
	};

	if (map == SAN_MAP_CLASSES)
		return SAN_CLASS_ENTRIES;
	return dp_map_entries(&dp->conf, maps[map]) - (map == SAN_MAP_NEXTHOPS);
}

int dp_map_fill(struct dp *dp, enum san_map map, uint64_t *used, uint64_t *size)
{
	if (map >= SAN_MAP_MAX)
		return -EINVAL;
	if (dp->used[map] == DP_UNKNOWN || map == SAN_MAP_IFACES)
		dp->used[map] = count(dp, map);
	if (dp->used[map] == DP_UNKNOWN)
		return -EIO; /* not zero: counted when it is asked for again */
	*used = dp->used[map];
	*size = room(dp, map);
	return 0;
}
