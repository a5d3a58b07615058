/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening: adopt or create the maps, load the programs on them, pin what is new. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "dp/priv.h"
#include "ingress.skel.h"
#include "relay.skel.h"
#include "util/own.h"

#define DP_MAX_ENTRIES (1u << 24) /* of any map */
#define DP_MAX_ID_OFFSET 32
#define LOAD_NEEDS                                                                                 \
	" (needs CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON; before Linux 5.11 also RLIMIT_MEMLOCK "      \
	"unlimited)"

static int check_size(const char *field, uint32_t value, uint32_t min, struct err *err)
{
	char text[16];

	if (value >= min && value <= DP_MAX_ENTRIES)
		return 0;
	snprintf(text, sizeof(text), "%u", value);
	return err_set(err, -EINVAL, field, text, "must be %u..%u", min, DP_MAX_ENTRIES);
}

static int check_sizes(const struct dp_conf *conf, struct err *err)
{
	int r = check_size("max_services", conf->max_services, 1, err);

	if (!r)
		r = check_size("max_nexthops", conf->max_nexthops, 2, err);
	if (!r)
		r = check_size("max_flows", conf->max_flows, 1, err);
	if (!r)
		r = check_size("max_ifaces", conf->max_ifaces, 1, err);
	return r;
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

static int map_prepare(struct dp *dp, enum dp_map map)
{
	struct bpf_map *m = bpf_object__find_map_by_name(dp->ingress->obj, dp_map_name(map));

	if (!m)
		return -ENOENT;
	if (dp->adopted[map])
		return bpf_map__reuse_fd(m, dp->map_fd[map]);
	return bpf_map__set_max_entries(m, dp_map_entries(&dp->conf, map));
}

/* From here on map_fd is the skeleton's. */
static void maps_loaded(struct dp *dp)
{
	int map;

	for (map = 0; map < DP_MAP_MAX; map++) {
		if (dp->map_fd[map] >= 0)
			close(dp->map_fd[map]);
		dp->map_fd[map] =
			bpf_object__find_map_fd_by_name(dp->ingress->obj, dp_map_name(map));
	}
}

static int load_ingress(struct dp *dp, struct err *err)
{
	int map, r = 0;

	dp->ingress = ingress_bpf__open();
	if (!dp->ingress)
		return err_set(err, -errno, "ingress program", "", "cannot open: %s",
			       strerror(errno));
	for (map = 0; map < DP_MAP_MAX && !r; map++) {
		r = map_prepare(dp, map);
		if (r)
			return err_set(err, r, dp_map_name(map), "", "cannot prepare: %s",
				       strerror(-r));
	}
	dp->ingress->rodata->profile = dp->conf.profile;
	dp->ingress->rodata->quick = san_quick_of(&dp->conf.profile);
	dp->ingress->rodata->flow_seed = dp->meta.created_ns;
	dp->ingress->rodata->coarse_clock =
		libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_ktime_get_coarse_ns, NULL) == 1;
	r = ingress_bpf__load(dp->ingress);
	if (r)
		return err_set(err, r, "ingress program", "", "cannot load: %s%s", strerror(-r),
			       r == -EPERM ? LOAD_NEEDS : "");
	maps_loaded(dp);
	return 0;
}

static int load_relay(struct dp *dp, struct err *err)
{
	dp->relay = relay_bpf__open_and_load();
	if (!dp->relay)
		return err_set(err, -errno, "relay program", "", "cannot load: %s",
			       strerror(errno));
	return 0;
}

static int pin_map(struct dp *dp, enum dp_map map, struct err *err)
{
	char path[DP_PATH_MAX];
	int r;

	if (dp->adopted[map])
		return 0;
	r = dp_path(dp->pin_dir, dp_map_name(map), path);
	if (!r && bpf_obj_pin(dp->map_fd[map], path))
		r = -errno;
	if (r)
		return err_set(err, r, dp_map_name(map), "", "cannot pin: %s", strerror(-r));
	return 0;
}

static int pin_maps(struct dp *dp, struct err *err)
{
	uint32_t zero = 0;
	int map, r = 0;

	if (!dp->adopted[DP_MAP_META] &&
	    bpf_map_update_elem(dp->map_fd[DP_MAP_META], &zero, &dp->meta, BPF_ANY))
		return err_set(err, -errno, "san_meta", "", "cannot write: %s", strerror(errno));
	for (map = 0; map < DP_MAP_MAX && !r; map++)
		r = pin_map(dp, map, err);
	return r;
}

static void meta_new(struct san_meta *meta)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	meta->abi_version = SAN_ABI_VERSION;
	meta->created_ns = now.tv_sec * 1000000000ull + now.tv_nsec;
}

static int counters_alloc(struct dp *dp, struct err *err)
{
	dp->n_cpus = libbpf_num_possible_cpus();
	if (dp->n_cpus < 1)
		return err_set(err, dp->n_cpus, "", "", "cannot count CPUs");
	dp->cpu_values = calloc(dp->n_cpus, sizeof(*dp->cpu_values));
	return dp->cpu_values ? 0 : err_set(err, -ENOMEM, "", "", "no memory");
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
	int r = counters_alloc(dp, err);

	if (!r)
		r = dp_pin_dir_make(dp->pin_dir, err);
	if (!r)
		r = dp_pins_find(dp, err);
	if (r)
		return r;
	if (!dp->adopted[DP_MAP_META])
		meta_new(&dp->meta);
	r = load_ingress(dp, err);
	if (!r)
		r = load_relay(dp, err);
	return r ? r : pin_maps(dp, err);
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

static struct dp *dp_new(const struct dp_conf *conf)
{
	struct dp *dp = calloc(1, sizeof(*dp));
	int map;

	if (!dp)
		return NULL;
	dp->conf = *conf;
	snprintf(dp->pin_dir, sizeof(dp->pin_dir), "%s", conf->pin_dir);
	dp->conf.pin_dir = dp->pin_dir;
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

/* The skeleton owns map_fd once it is loaded. */
static bool owns_fds(const struct dp *dp)
{
	return !dp->ingress || bpf_program__fd(dp->ingress->progs.san_ingress) < 0;
}

void dp_close(struct dp *dp)
{
	int map;

	if (!dp)
		return;
	for (map = 0; map < DP_MAP_MAX && owns_fds(dp); map++)
		if (dp->map_fd[map] >= 0)
			close(dp->map_fd[map]);
	ingress_bpf__destroy(dp->ingress);
	relay_bpf__destroy(dp->relay);
	free(dp->cpu_values);
	free(dp);
}

int dp_prog_fd(const struct dp *dp, enum san_role role)
{
	if (role == SAN_ROLE_INGRESS)
		return bpf_program__fd(dp->ingress->progs.san_ingress);
	if (role == SAN_ROLE_CORE)
		return bpf_program__fd(dp->relay->progs.san_relay);
	return -EINVAL;
}
