/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The handle: what a configuration may ask for, opening and closing. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "dp/priv.h"
#include "util/own.h"

#define DP_MAX_ENTRIES (1u << 24) /* of any map */
#define DP_MAX_IFACES 4096
#define DP_MAX_ID_OFFSET 32
#define DP_MAX_SETS 16 /* directories of sets that are looked at: there are two at most */

static const char *const map_names[] = {
#define X(id, name) [DP_MAP_##id] = name,
	DP_MAPS(X)
#undef X
};

_Static_assert(ARRAY_SIZE(map_names) == DP_MAP_MAX, "a name for every map");

const char *dp_map_name(enum dp_map map)
{
	return map_names[map];
}

uint32_t dp_map_entries(const struct dp_conf *conf, enum dp_map map)
{
	switch (map) {
	case DP_MAP_SERVICES:
	case DP_MAP_LOCAL:
		return conf->max_services;
	case DP_MAP_SVC_STATS: /* ingress and egress, and index 0, which all others share */
		return 2 * conf->max_services + 1;
	case DP_MAP_NEXTHOPS:
	case DP_MAP_NH_STATS:
		return conf->max_nexthops;
	case DP_MAP_SLOTS:
		return conf->max_slots;
	case DP_MAP_FLOWS:
		return conf->max_flows;
	case DP_MAP_FRAGS:
		return conf->max_frags;
	case DP_MAP_BUCKETS:
		return SAN_DEFAULT_BUCKETS;
	case DP_MAP_SIDS:
		return SAN_DEFAULT_SIDS;
	case DP_MAP_CLASS_SRC:
	case DP_MAP_CLASS_DST:
	case DP_MAP_CLASS_PAIRS:
	case DP_MAP_CLASS_RULES: /* the set in force and the one that is being written */
		return 2 * SAN_CLASS_ENTRIES;
	case DP_MAP_ACT_STATS:
	case DP_MAP_ACT_OVER:
	case DP_MAP_METERS:
		return SAN_MAX_ACTS + 1;
	case DP_MAP_IFACES:
		return SAN_IFINDEX_MAX + 1;
	case DP_MAP_TX:
		return conf->max_ifaces;
	case DP_MAP_REASONS:
		return (conf->max_ifaces + 1) * SAN_REASON_ROW;
	case DP_MAP_EVENTS:
		return SAN_EVENTS_BYTES;
	default:
		return 1;
	}
}

struct size_rule {
	const char *field;
	uint32_t value, min, max;
};

static int check_sizes(const struct dp_conf *conf, struct err *err)
{
	const struct size_rule rules[] = {
		{"max_services", conf->max_services, 1, DP_MAX_ENTRIES / 2 - 1},
		{"max_nexthops", conf->max_nexthops, 2, DP_MAX_ENTRIES},
		{"max_slots", conf->max_slots, 1, DP_MAX_ENTRIES},
		{"max_flows", conf->max_flows, 1, DP_MAX_ENTRIES},
		{"max_frags", conf->max_frags, 1, DP_MAX_ENTRIES},
		{"max_ifaces", conf->max_ifaces, 1, DP_MAX_IFACES},
	};
	char text[16];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rules); i++) {
		if (rules[i].value >= rules[i].min && rules[i].value <= rules[i].max)
			continue;
		snprintf(text, sizeof(text), "%u", rules[i].value);
		return err_set(err, -EINVAL, rules[i].field, text, "must be %u..%u", rules[i].min,
			       rules[i].max);
	}
	return 0;
}

static int bad_profile(struct err *err, const char *field, unsigned int value, const char *want)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	return err_set(err, -EINVAL, field, text, "must be %s", want);
}

/* What the cursor and the verifier rely on. */
static int check_profile(const struct san_profile *p, struct err *err)
{
	const unsigned int known = SAN_CARRIER_DOH | SAN_CARRIER_HBH | SAN_CARRIER_SRH;

	if (!p->carriers || p->carriers & ~known)
		return bad_profile(err, "profile/carriers", p->carriers, "any of doh, hbh, srh");
	if (p->opt_type <= 1)
		return bad_profile(err, "profile/opt_type", p->opt_type,
				   "2..255 (0, 1 are padding)");
	if (p->tlv_type == 0 || p->tlv_type == 4)
		return bad_profile(err, "profile/tlv_type", p->tlv_type,
				   "1..255 but 4 (0, 4 are padding)");
	if (p->version > 15)
		return bad_profile(err, "profile/version", p->version, "0..15");
	if (p->id_offset > DP_MAX_ID_OFFSET)
		return bad_profile(err, "profile/id_offset", p->id_offset, "0..32");
	if (p->id_len != 4 && p->id_len != 8)
		return bad_profile(err, "profile/id_len", p->id_len, "4 or 8");
	return 0;
}

static int check_conf(const struct dp_conf *conf, struct err *err)
{
	int r = check_sizes(conf, err);

	if (!r)
		r = check_profile(&conf->profile, err);
	if (!r && strlen(conf->pin_dir) > DP_PATH_MAX - 64)
		r = err_set(err, -ENAMETOOLONG, "", "", "path must be shorter than %d bytes",
			    DP_PATH_MAX - 64);
	return r;
}

static int tables_alloc(struct dp *dp, struct err *err)
{
	int map;

	dp->n_cpus = libbpf_num_possible_cpus();
	if (dp->n_cpus < 1)
		return err_set(err, dp->n_cpus, "", "", "cannot count CPUs");
	dp->cpu_values = calloc(dp->n_cpus, sizeof(*dp->cpu_values));
	dp->rows = calloc(dp->conf.max_ifaces + 1, sizeof(*dp->rows));
	dp->used = calloc(SAN_MAP_MAX, sizeof(*dp->used));
	if (!dp->cpu_values || !dp->rows || !dp->used)
		return err_set(err, -ENOMEM, "", "", "no memory");
	for (map = 0; map < SAN_MAP_MAX; map++)
		dp->used[map] = DP_UNKNOWN;
	return 0;
}

/* Before Linux 5.11 BPF memory counts against this limit. Where it may not be raised, loading
 * says what is missing. */
static void raise_memlock(void)
{
	struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};

	setrlimit(RLIMIT_MEMLOCK, &unlimited);
}

static int open_steps(struct dp *dp, struct err *err)
{
	int r = tables_alloc(dp, err);

	if (!r)
		r = dp_pin_dir_make(dp->pin_dir, err);
	if (!r)
		r = dp_adopt(dp, err);
	if (!r) {
		r = dp_rows_init(dp);
		if (r)
			err_set(err, r, "san_ifaces", "", "cannot read: %s", strerror(-r));
	}
	if (!r)
		dp_events_open(dp);
	return r;
}

static struct dp *dp_new(const struct dp_conf *conf)
{
	struct dp *dp = calloc(1, sizeof(*dp));
	int map;

	if (!dp)
		return NULL;
	dp->conf = *conf;
	snprintf(dp->pin_dir, sizeof(dp->pin_dir), "%s", conf->pin_dir);
	dp->conf.pin_dir = dp->pin_dir;
	dp->coarse_clock =
		libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_ktime_get_coarse_ns, NULL) == 1;
	for (map = 0; map < DP_MAP_MAX; map++)
		dp->map_fd[map] = -1;
	return dp;
}

int dp_open(const struct dp_conf *conf, struct dp **out, struct err *err)
{
	struct dp *dp = NULL;
	int r = check_conf(conf, err);

	dp_print_init();
	raise_memlock();
	if (!r) {
		dp = dp_new(conf);
		r = dp ? open_steps(dp, err) : err_set(err, -ENOMEM, "", "", "no memory");
	}
	if (r) {
		err_object(err, "pin directory %s", conf->pin_dir);
		dp_close(dp);
		return r;
	}
	*out = dp;
	return 0;
}

void dp_close(struct dp *dp)
{
	int i;

	if (!dp)
		return;
	ring_buffer__free(dp->ring);
	for (i = 0; i <= SAN_ROLE_CORE; i++)
		if (dp->object[i].obj)
			dp_object_close(&dp->object[i]);
	for (i = 0; i < DP_MAP_MAX; i++)
		if (dp->map_fd[i] >= 0)
			close(dp->map_fd[i]);
	dp_classes_free(dp->classes);
	free(dp->cpu_values);
	free(dp->rows);
	free(dp->used);
	free(dp);
}

int dp_prog_fd(const struct dp *dp, enum san_role role)
{
	if (role != SAN_ROLE_INGRESS && role != SAN_ROLE_CORE)
		return -EINVAL;
	return bpf_program__fd(dp->object[role].prog);
}

static int remove_link(void *arg, unsigned int ifindex)
{
	return dp_link_remove(arg, ifindex);
}

int dp_unload(const char *pin_dir)
{
	unsigned int numbers[DP_MAX_SETS];
	int i, n, r = dp_pin_dir_check(pin_dir);

	if (r)
		return r == -ENOENT ? 0 : r;
	r = dp_dispatch_unload(pin_dir);
	if (!r)
		r = dp_link_each(pin_dir, remove_link, (void *)pin_dir);
	n = dp_set_others(pin_dir, UINT_MAX, numbers, DP_MAX_SETS);
	if (!r && n < 0)
		r = n;
	if (!r)
		r = dp_set_unlink(pin_dir);
	for (i = 0; i < n && !r; i++)
		r = dp_set_remove(pin_dir, numbers[i]);
	if (r)
		return r;
	return rmdir(pin_dir) ? -errno : 0;
}
