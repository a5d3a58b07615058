/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of module dp: the handle, and what its files do for each other. */
#ifndef DP_PRIV_H
#define DP_PRIV_H

#include <limits.h>

#include "dp/dp.h"

#define DP_PATH_MAX 512
#define DP_LINK_PREFIX "link_" /* pin of the link of an interface: link_<ifindex> */
#define DP_MAP_PREFIX "san_"

/* X(ID, name): every map that is shared and pinned. META comes last: where it is pinned, all are.
 */
#define DP_MAPS(X)                                                                                 \
	X(SERVICES, "san_services")                                                                \
	X(NEXTHOPS, "san_nexthops")                                                                \
	X(FLOWS, "san_flows")                                                                      \
	X(IFACES, "san_ifaces")                                                                    \
	X(TX, "san_tx")                                                                            \
	X(SVC_STATS, "san_svc_stats")                                                              \
	X(NH_STATS, "san_nh_stats")                                                                \
	X(REASONS, "san_reasons")                                                                  \
	X(META, "san_meta")

/* clang-format off */
enum dp_map {
#define X(id, name) DP_MAP_##id,
	DP_MAPS(X)
#undef X
	DP_MAP_MAX,
};
/* clang-format on */

struct ingress_bpf;
struct relay_bpf;

struct dp {
	char pin_dir[DP_PATH_MAX];
	struct dp_conf conf; /* pin_dir points into this struct */
	struct ingress_bpf *ingress;
	struct relay_bpf *relay;
	int map_fd[DP_MAP_MAX];		/* the skeleton's or own; closed with it */
	bool adopted[DP_MAP_MAX];	/* was pinned before */
	struct san_meta meta;		/* as in the map */
	struct san_counter *cpu_values; /* one a possible CPU */
	int n_cpus;
};

const char *dp_map_name(enum dp_map map);

/* Finds what is pinned and checks it: fills map_fd and adopted, -1 where there is nothing. -ESTALE:
 * another ABI version or size. Removes the rest of a creation that did not come to its end. */
int dp_pins_find(struct dp *dp, struct err *err);
/* Size that the configuration asks for. */
uint32_t dp_map_entries(const struct dp_conf *conf, enum dp_map map);
/* Makes pin_dir; -EINVAL when it is not in a bpffs. */
int dp_pin_dir_make(const char *pin_dir, struct err *err);

/* "<pin_dir>/<name>". -ENAMETOOLONG. */
int dp_path(const char *pin_dir, const char *name, char out[DP_PATH_MAX]);
/* Detaches and unpins the link of an interface. 0 also when there is none. */
int dp_link_remove(const char *pin_dir, unsigned int ifindex);
/* Calls fn for each link pinned below pin_dir. Stops at the first error. */
int dp_link_each(const char *pin_dir, int (*fn)(void *arg, unsigned int ifindex), void *arg);

/* libbpf's messages go to the log; quiet: its warnings as debug, for what may fail. */
void dp_print_init(void);
void dp_print_quiet(bool quiet);

#endif
