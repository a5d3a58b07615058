/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading a set of maps whose layouts and sizes may be other ones than today's. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dp/abi2.h"
#include "dp/layout.h"
#include "dp/priv.h"
#include "util/own.h"

#define BATCH 1024

static int old_layout(const struct dp_set *old, enum dp_map map, struct layout *key,
		      struct layout *value)
{
	if (!old->number)
		return old->meta.abi_version == 2 ? abi2_layout(dp_map_name(map), key, value)
						  : -ESTALE;
	return old->btf ? layout_of_map(old->btf, dp_map_name(map), key, value) : -ESTALE;
}

static int new_layout(const struct dp *dp, enum dp_map map, struct layout *key,
		      struct layout *value)
{
	return layout_of_map(bpf_object__btf(dp->object[SAN_ROLE_INGRESS].obj), dp_map_name(map),
			     key, value);
}

/* One walk over an old map. */
struct walk {
	struct layout from_key, from_value, to_key, to_value;
	struct bpf_map_info info;
	dp_old_fn *fn;
	void *arg;
	int fd;
	uint32_t values;      /* of an entry: one, or one a CPU */
	uint32_t from, to;    /* bytes from one of them to the next */
	uint8_t *key, *value; /* in today's layout */
};

static uint32_t round_up_8(uint32_t n)
{
	return (n + 7) & ~7u;
}

static int walk_entry(struct walk *w, const void *key, const uint8_t *value)
{
	uint32_t i;
	int r = layout_copy(&w->from_key, key, &w->to_key, w->key);

	for (i = 0; i < w->values && !r; i++)
		r = layout_copy(&w->from_value, value + i * w->from, &w->to_value,
				w->value + i * w->to);
	return r ? r : w->fn(w->arg, w->key, w->value);
}

/* By bucket: a table that programs change meanwhile cannot lead the walk in circles. */
static int walk_batches(struct walk *w)
{
	OWN_PTR uint8_t *keys = malloc((size_t)BATCH * w->info.key_size);
	OWN_PTR uint8_t *values = malloc((size_t)BATCH * w->from);
	uint64_t token[16], next[16];
	uint32_t i, n;
	bool first = true;
	int r = 0, end = 0;

	if (!keys || !values || w->info.key_size > sizeof(token))
		return -ENOMEM;
	while (!r && !end) {
		n = BATCH;
		end = bpf_map_lookup_batch(w->fd, first ? NULL : token, next, keys, values, &n,
					   NULL);
		if (end && errno != ENOENT)
			return -errno;
		for (i = 0; i < n && !r; i++)
			r = walk_entry(w, keys + (size_t)i * w->info.key_size,
				       values + (size_t)i * w->from);
		memcpy(token, next, sizeof(token));
		first = false;
	}
	return r;
}

static int walk_keys(struct walk *w)
{
	OWN_PTR uint8_t *value = calloc(w->values, w->from);
	uint64_t key[16], next[16];
	void *at = NULL;
	int r = 0;

	if (!value || w->info.key_size > sizeof(key))
		return -ENOMEM;
	while (!r && !bpf_map_get_next_key(w->fd, at, next)) {
		memcpy(key, next, sizeof(key));
		at = key;
		if (!bpf_map_lookup_elem(w->fd, key, value))
			r = walk_entry(w, key, value);
	}
	return r;
}

static bool has_batches(uint32_t type)
{
	return type == BPF_MAP_TYPE_HASH || type == BPF_MAP_TYPE_LRU_HASH ||
	       type == BPF_MAP_TYPE_ARRAY;
}

static int walk_init(struct walk *w, const struct dp *dp, const struct dp_set *old, enum dp_map map)
{
	uint32_t len = sizeof(w->info);
	int r = old_layout(old, map, &w->from_key, &w->from_value);

	if (!r)
		r = new_layout(dp, map, &w->to_key, &w->to_value);
	if (!r && bpf_obj_get_info_by_fd(old->fd[map], &w->info, &len))
		r = -errno;
	if (r)
		return r;
	if (w->info.key_size != w->from_key.size || w->info.value_size != w->from_value.size)
		return -ESTALE;
	w->fd = old->fd[map];
	w->values = 1;
	w->from = w->from_value.size;
	w->to = w->to_value.size;
	if (w->info.type == BPF_MAP_TYPE_PERCPU_ARRAY) {
		w->values = dp->n_cpus;
		w->from = round_up_8(w->from);
		w->to = round_up_8(w->to);
	}
	w->key = calloc(1, w->to_key.size);
	w->value = calloc(w->values, w->to);
	return w->key && w->value ? 0 : -ENOMEM;
}

int dp_old_each(const struct dp *dp, const struct dp_set *old, enum dp_map map, dp_old_fn *fn,
		void *arg)
{
	struct walk *w;
	int r;

	if (old->fd[map] < 0)
		return 0;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->fn = fn;
	w->arg = arg;
	r = walk_init(w, dp, old, map);
	if (!r)
		r = has_batches(w->info.type) ? walk_batches(w) : walk_keys(w);
	free(w->key);
	free(w->value);
	free(w);
	return r;
}

bool dp_old_has(const struct dp_set *old, enum dp_map map, const char *field)
{
	OWN_PTR struct layout *both = calloc(2, sizeof(*both));

	return both && !old_layout(old, map, &both[0], &both[1]) && layout_find(&both[1], field);
}

/* --- the same? ----------------------------------------------------------------------------------
 */

static bool same_layout(const struct dp *dp, const struct dp_set *old, enum dp_map map)
{
	OWN_PTR struct layout *l = calloc(4, sizeof(*l));

	if (map == DP_MAP_EVENTS) /* has neither key nor value */
		return old->meta.abi_version == SAN_ABI_VERSION;
	return l && !old_layout(old, map, &l[0], &l[1]) && !new_layout(dp, map, &l[2], &l[3]) &&
	       layout_equal(&l[0], &l[2]) && layout_equal(&l[1], &l[3]);
}

bool dp_old_same(const struct dp *dp, const struct dp_set *old, enum dp_map map)
{
	const struct bpf_object *obj = dp->object[SAN_ROLE_INGRESS].obj;
	const struct bpf_map *want = bpf_object__find_map_by_name(obj, dp_map_name(map));
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);

	if (!want || old->fd[map] < 0 || bpf_obj_get_info_by_fd(old->fd[map], &info, &len))
		return false;
	if (info.type == BPF_MAP_TYPE_DEVMAP_HASH) /* the kernel adds it by itself */
		info.map_flags &= ~(uint32_t)BPF_F_RDONLY_PROG;
	if (map == DP_MAP_REASONS && old->meta.abi_version < DP_REASONS_SINCE)
		return false; /* the numbers may mean something else */
	return info.type == bpf_map__type(want) && info.key_size == bpf_map__key_size(want) &&
	       info.value_size == bpf_map__value_size(want) &&
	       info.map_flags == bpf_map__map_flags(want) &&
	       info.max_entries == dp_map_entries(&dp->conf, map) && same_layout(dp, old, map);
}

/* --- does it fit? -------------------------------------------------------------------------------
 */

struct use {
	uint64_t services, nexthop, slots, stats, sids, interfaces; /* counts, or last index + 1 */
	uint64_t local;
};

static void raise_to(uint64_t *max, uint64_t n)
{
	if (n > *max)
		*max = n;
}

static void use_service(struct use *use, const struct san_service *val)
{
	if (val->mode == SAN_MODE_BALANCED)
		raise_to(&use->slots, (uint64_t)val->slot_base + (1ull << val->slot_bits));
	raise_to(&use->stats, (uint64_t)val->stats + 1);
}

static int on_service(void *arg, const void *key, void *value)
{
	struct use *use = arg;

	use->services++;
	use_service(use, value);
	return 0;
}

static int on_local(void *arg, const void *key, void *value)
{
	struct use *use = arg;

	use->local++;
	use_service(use, value);
	return 0;
}

static int on_nexthop(void *arg, const void *key, void *value)
{
	const struct san_nexthop *nh = value;
	const uint32_t *index = key;
	struct use *use = arg;

	if (nh->kind != SAN_NH_UNUSED)
		raise_to(&use->nexthop, (uint64_t)*index + 1);
	return 0;
}

static int on_sid(void *arg, const void *key, void *value)
{
	const struct san_sid *sid = value;
	struct use *use = arg;

	use->sids++;
	raise_to(&use->stats, (uint64_t)sid->stats + 1);
	return 0;
}

static int on_tx(void *arg, const void *key, void *value)
{
	struct use *use = arg;

	use->interfaces++;
	return 0;
}

static int use_count(const struct dp *dp, const struct dp_set *old, struct use *use,
		     struct err *err)
{
	static const struct {
		enum dp_map map;
		dp_old_fn *fn;
	} steps[] = {
		{DP_MAP_SERVICES, on_service},
		{DP_MAP_LOCAL, on_local},
		{DP_MAP_NEXTHOPS, on_nexthop},
		{DP_MAP_SIDS, on_sid},
		{DP_MAP_TX, on_tx},
	};
	size_t i;
	int r;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		r = dp_old_each(dp, old, steps[i].map, steps[i].fn, use);
		if (r && !(r == -ENOENT && !old->number))
			return err_set(err, r, dp_map_name(steps[i].map), "",
				       "cannot read the pinned map%s",
				       r == -ESTALE ? ": layout unknown; remove the pinned state "
						      "first (sand --unload)"
						    : "");
	}
	return 0;
}

int dp_old_fits(const struct dp *dp, const struct dp_set *old, struct err *err)
{
	struct use use = {0};
	int r = use_count(dp, old, &use, err);
	const struct {
		enum dp_map map;
		const char *what;
		uint64_t used;
	} checks[] = {
		{DP_MAP_SERVICES, "entries", use.services}, {DP_MAP_LOCAL, "entries", use.local},
		{DP_MAP_NEXTHOPS, "indices", use.nexthop},  {DP_MAP_SLOTS, "slots", use.slots},
		{DP_MAP_SVC_STATS, "indices", use.stats},   {DP_MAP_SIDS, "entries", use.sids},
		{DP_MAP_TX, "interfaces", use.interfaces},
	};
	char value[64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(checks) && !r; i++) {
		uint32_t asked = dp_map_entries(&dp->conf, checks[i].map);

		if (checks[i].used <= asked)
			continue;
		snprintf(value, sizeof(value), "%llu %s in use, %u asked for",
			 (unsigned long long)checks[i].used, checks[i].what, asked);
		r = err_set(err, -ENOSPC, dp_map_name(checks[i].map), value,
			    "must be at least %llu", (unsigned long long)checks[i].used);
	}
	return r;
}
