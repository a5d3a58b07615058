/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters and meters of the acts of classifier rules. */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "dp/priv.h"

/* Its bucket begins full. */
static int meter_put(const struct dp *dp, uint32_t act, uint64_t rate_kbps)
{
	const struct san_meter meter = {.rate_kbps = (uint32_t)rate_kbps};

	return bpf_map_update_elem(dp->map_fd[DP_MAP_METERS], &act, &meter, BPF_F_LOCK) ? -errno
											: 0;
}

static int meter_get(const struct dp *dp, uint32_t act, uint32_t *rate_kbps)
{
	struct san_meter meter = {0};
	int r = bpf_map_lookup_elem(dp->map_fd[DP_MAP_METERS], &act, &meter) ? -errno : 0;

	*rate_kbps = meter.rate_kbps;
	return r;
}

int dp_acts_begin(const struct dp *dp, const uint64_t *now, const uint64_t *want)
{
	uint32_t act;
	int r = 0;

	for (act = 1; act <= SAN_MAX_ACTS && !r; act++) {
		if (!want[act] || now[act])
			continue;
		r = dp_act_clear(dp, act);
		if (!r)
			r = meter_put(dp, act, want[act] - 1);
	}
	return r;
}

int dp_acts_end(const struct dp *dp, const uint64_t *now, const uint64_t *want)
{
	uint32_t act;
	int r = 0;

	for (act = 1; act <= SAN_MAX_ACTS && !r; act++)
		if (now[act] && now[act] != want[act])
			r = meter_put(dp, act, want[act] ? want[act] - 1 : 0);
	return r;
}

/* Acts of one set; the rates are not known yet. */
static void rules_read(const struct dp *dp, uint32_t set, uint64_t *acts)
{
	int fd = dp->map_fd[DP_MAP_CLASS_RULES];
	struct san_class_rule_key key, *at = NULL;
	struct san_class_rule rule;

	for (; !bpf_map_get_next_key(fd, at, &key); at = &key) {
		if (key.set == set && !bpf_map_lookup_elem(fd, &key, &rule) &&
		    rule.act <= SAN_MAX_ACTS)
			acts[rule.act] = 1;
	}
}

int dp_acts_read(const struct dp *dp, uint32_t set, uint64_t *acts)
{
	uint32_t act, rate;
	int r = 0;

	memset(acts, 0, (SAN_MAX_ACTS + 1) * sizeof(*acts));
	if (set)
		rules_read(dp, set, acts);
	acts[0] = 0;
	for (act = 1; act <= SAN_MAX_ACTS && !r; act++) {
		if (!acts[act])
			continue;
		r = meter_get(dp, act, &rate);
		acts[act] = r ? 0 : rate + 1ull;
	}
	return r;
}

bool dp_acts_same(const struct dp *dp, const uint64_t *acts)
{
	uint32_t act, rate;

	for (act = 1; act <= SAN_MAX_ACTS; act++)
		if (acts[act] && (meter_get(dp, act, &rate) || rate + 1ull != acts[act]))
			return false;
	return true;
}
