/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copying what an old set of maps holds into the maps that the new programs were loaded on. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dp/priv.h"
#include "util/own.h"

#define ROWS (UINT16_MAX + 1)

struct copy {
	struct dp *dp;
	const struct dp_set *old;
	enum dp_map map;
	uint64_t flags;	     /* of bpf_map_update_elem */
	uint64_t groups;     /* of services that came without */
	uint8_t families;    /* of next hops that came without */
	bool local_rules;    /* rules came without what End.SAN asks for: the same as all */
	bool rest;	     /* interfaces: those whose row has to change */
	uint16_t rows[ROWS]; /* old row -> new one */
	bool taken[ROWS];    /* of the new rows */
};

static int put(struct copy *c, const void *key, const void *value)
{
	return bpf_map_update_elem(c->dp->map_fd[c->map], key, value, c->flags) ? dp_map_errno()
										: 0;
}

static int put_service(void *arg, const void *key, void *value)
{
	struct san_service *service = value;
	struct copy *c = arg;

	service->groups |= c->groups;
	return put(c, key, service);
}

static int put_nexthop(void *arg, const void *key, void *value)
{
	struct san_nexthop *nh = value;
	struct copy *c = arg;

	/* An unused index has an epoch that must go on. */
	if (*(const uint32_t *)key >= c->dp->conf.max_nexthops)
		return 0;
	if (nh->kind != SAN_NH_UNUSED)
		nh->families |= c->families;
	return nh->kind || nh->epoch ? put(c, key, nh) : 0;
}

static int put_slot(void *arg, const void *key, void *value)
{
	struct copy *c = arg;

	if (!*(uint32_t *)value || *(const uint32_t *)key >= c->dp->conf.max_slots)
		return 0;
	return put(c, key, value);
}

static int put_rule(void *arg, const void *key, void *value)
{
	struct san_class_rule *rule = value;
	struct copy *c = arg;

	if (c->local_rules) {
		rule->local_id = rule->service_id;
		rule->local_rank = rule->rank;
	}
	return put(c, key, rule);
}

static int put_meter(void *arg, const void *key, void *value)
{
	const struct san_meter *meter = value;

	return meter->rate_kbps ? put(arg, key, value) : 0;
}

static int put_any(void *arg, const void *key, void *value)
{
	return put(arg, key, value);
}

/* An interface that has gone meanwhile. */
static int put_tx(void *arg, const void *key, void *value)
{
	int r = put(arg, key, value);

	return r == -ENOSPC ? r : 0;
}

/* What a cache does not take is learned again. */
static int put_cached(void *arg, const void *key, void *value)
{
	put(arg, key, value);
	return 0;
}

/* A flow that both programs have seen: the younger one counts. */
static int put_flow_late(void *arg, const void *key, void *value)
{
	const struct san_flow *old = value;
	struct copy *c = arg;
	struct san_flow now;

	if (bpf_map_lookup_elem(c->dp->map_fd[c->map], key, &now))
		bpf_map_update_elem(c->dp->map_fd[c->map], key, old, BPF_NOEXIST);
	else if (old->last_ns > now.last_ns)
		bpf_map_update_elem(c->dp->map_fd[c->map], key, old, BPF_EXIST);
	return 0;
}

static uint16_t row_lowest(const struct copy *c)
{
	uint32_t row;

	for (row = 1; row <= c->dp->conf.max_ifaces; row++)
		if (!c->taken[row])
			return row;
	return 0;
}

static int put_iface(void *arg, const void *key, void *value)
{
	struct san_iface *iface = value;
	struct copy *c = arg;
	uint16_t was = iface->row;
	bool stays = was && was <= c->dp->conf.max_ifaces && c->rows[was] == was;

	if (iface->role == SAN_ROLE_NONE)
		return 0;
	if (!c->rest && was && was <= c->dp->conf.max_ifaces && !c->taken[was]) {
		c->taken[was] = true;
		c->rows[was] = was;
		return put(c, key, iface);
	}
	if (!c->rest || stays)
		return 0;
	iface->row = row_lowest(c);
	c->taken[iface->row] = true;
	c->rows[was] = was ? iface->row : 0;
	return put(c, key, iface);
}

static bool counted(const struct copy *c, const void *value)
{
	const struct san_counter *cpu = value;
	int i;

	for (i = 0; i < c->dp->n_cpus; i++)
		if (cpu[i].packets)
			return true;
	return false;
}

static int put_counter(void *arg, const void *key, void *value)
{
	struct copy *c = arg;

	if (*(const uint32_t *)key >= dp_map_entries(&c->dp->conf, c->map) || !counted(c, value))
		return 0;
	return put(c, key, value);
}

static int put_reason(void *arg, const void *key, void *value)
{
	uint32_t index = *(const uint32_t *)key, row = index / SAN_REASON_ROW;
	struct copy *c = arg;

	if (row >= ROWS || (row && !c->rows[row]) || !counted(c, value))
		return 0;
	index = c->rows[row] * SAN_REASON_ROW + index % SAN_REASON_ROW;
	return put(c, &index, value);
}

static int copy_map(struct copy *c, enum dp_map map, dp_old_fn *fn, struct err *err)
{
	int r;

	c->map = map;
	r = dp_old_each(c->dp, c->old, map, fn, c);
	if (r == -ENOENT && !c->old->number) /* ABI 2 had no such map */
		return 0;
	return r ? err_set(err, r, dp_map_name(map), "", "cannot copy: %s", strerror(-r)) : 0;
}

/* Interfaces first with the rows that they can keep. */
static int copy_ifaces(struct copy *c, struct err *err)
{
	int r = copy_map(c, DP_MAP_IFACES, put_iface, err);

	c->rest = true;
	return r ? r : copy_map(c, DP_MAP_IFACES, put_iface, err);
}

/* In this order: a row of counters follows its interface, and counters come last, since they still
 * count. */
static const struct {
	enum dp_map map;
	dp_old_fn *fn;
} steps[] = {
	{DP_MAP_NEXTHOPS, put_nexthop},
	{DP_MAP_SLOTS, put_slot},
	{DP_MAP_SERVICES, put_service},
	{DP_MAP_LOCAL, put_service},
	{DP_MAP_SIDS, put_any},
	{DP_MAP_CLASS_SRC, put_any},
	{DP_MAP_CLASS_DST, put_any},
	{DP_MAP_CLASS_PAIRS, put_any},
	{DP_MAP_CLASS_RULES, put_rule},
	{DP_MAP_DOMAIN, put_any},
	{DP_MAP_TX, put_tx},
	{DP_MAP_IFACES, NULL},
	{DP_MAP_BUCKETS, put_cached},
	{DP_MAP_FRAGS, put_cached},
	{DP_MAP_FLOWS, put_cached},
	{DP_MAP_SVC_STATS, put_counter},
	{DP_MAP_NH_STATS, put_counter},
	{DP_MAP_ACT_STATS, put_counter},
	{DP_MAP_ACT_OVER, put_counter},
	{DP_MAP_METERS, put_meter},
};

static bool same_reasons(const struct dp_set *old)
{
	return old->meta.abi_version >= DP_REASONS_SINCE;
}

int dp_copy(struct dp *dp, const struct dp_set *old, const bool kept[DP_MAP_MAX], struct err *err)
{
	OWN_PTR struct copy *c = calloc(1, sizeof(*c));
	size_t i;
	int r = 0;

	if (!c)
		return err_set(err, -ENOMEM, "", "", "no memory");
	c->dp = dp;
	c->old = old;
	c->groups = dp_old_has(old, DP_MAP_SERVICES, "groups") ? 0 : ~0ull;
	c->families = dp_old_has(old, DP_MAP_NEXTHOPS, "families") ? 0 : SAN_NH_IP6;
	c->local_rules = !dp_old_has(old, DP_MAP_CLASS_RULES, "local_rank");
	for (i = 0; i < ARRAY_SIZE(steps) && !r; i++) {
		if (kept[steps[i].map])
			continue;
		r = steps[i].fn ? copy_map(c, steps[i].map, steps[i].fn, err) : copy_ifaces(c, err);
	}
	if (!r && !kept[DP_MAP_REASONS] && same_reasons(old)) {
		/* Their rows follow the interfaces, which may have stayed where they were. */
		if (kept[DP_MAP_IFACES])
			for (i = 0; i <= dp->conf.max_ifaces; i++)
				c->rows[i] = i;
		r = copy_map(c, DP_MAP_REASONS, put_reason, err);
	}
	return r;
}

static uint32_t map_id(int fd)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);

	return fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

int dp_copy_late(struct dp *dp, const struct dp_set *old)
{
	static const struct {
		enum dp_map map;
		dp_old_fn *fn;
	} caches[] = {{DP_MAP_FLOWS, put_flow_late}, {DP_MAP_FRAGS, put_cached}};
	OWN_PTR struct copy *c = calloc(1, sizeof(*c));
	struct err err;
	size_t i;
	int r = 0;

	if (!c)
		return -ENOMEM;
	c->dp = dp;
	c->old = old;
	c->flags = BPF_NOEXIST;
	for (i = 0; i < ARRAY_SIZE(caches) && !r; i++)
		if (map_id(old->fd[caches[i].map]) != map_id(dp->map_fd[caches[i].map]))
			r = copy_map(c, caches[i].map, caches[i].fn, &err);
	return r;
}
