/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of module dp: the handle, and what its files do for each other. */
#ifndef DP_PRIV_H
#define DP_PRIV_H

#include <limits.h>

#include <bpf/libbpf.h>

#include "dp/dp.h"

#define DP_PATH_MAX 512
#define DP_LINK_PREFIX "link_"	       /* pin of the link of an interface: link_<ifindex> */
#define DP_DISPATCH_PREFIX "dispatch_" /* pin of a program in libxdp's dispatcher */
#define DP_SET_PREFIX "maps-"	       /* directory of a set of maps: maps-<n> */
#define DP_SET_LINK "maps"	       /* symbolic link to the set in force */
#define DP_REASONS_SINCE 3	       /* ABI version from which on reasons only grew in number */
#define DP_BTF_NAME "san_btf" /* pin beside the maps: the BTF that their layouts stand in */

/* X(ID, name): every map that is shared and pinned. META comes last: where it is pinned, all are.
 */
#define DP_MAPS(X)                                                                                 \
	X(SERVICES, "san_services")                                                                \
	X(LOCAL, "san_local")                                                                      \
	X(NEXTHOPS, "san_nexthops")                                                                \
	X(SLOTS, "san_slots")                                                                      \
	X(SIDS, "san_sids")                                                                        \
	X(DOMAIN, "san_domain")                                                                    \
	X(CLASS_SRC, "san_class_src")                                                              \
	X(CLASS_DST, "san_class_dst")                                                              \
	X(CLASS_PAIRS, "san_class_pairs")                                                          \
	X(CLASS_RULES, "san_class_rules")                                                          \
	X(IFACES, "san_ifaces")                                                                    \
	X(TX, "san_tx")                                                                            \
	X(FLOWS, "san_flows")                                                                      \
	X(FRAGS, "san_frags")                                                                      \
	X(BUCKETS, "san_buckets")                                                                  \
	X(EVENTS, "san_events")                                                                    \
	X(SVC_STATS, "san_svc_stats")                                                              \
	X(NH_STATS, "san_nh_stats")                                                                \
	X(REASONS, "san_reasons")                                                                  \
	X(ACT_STATS, "san_act_stats")                                                              \
	X(ACT_OVER, "san_act_over")                                                                \
	X(METERS, "san_meters")                                                                    \
	X(META, "san_meta")

/* clang-format off */
enum dp_map {
#define X(id, name) DP_MAP_##id,
	DP_MAPS(X)
#undef X
	DP_MAP_MAX,
};
/* clang-format on */

/* One program with its object; role NONE is the program that passes everything. */
struct dp_object {
	enum san_role role;
	void *skel;
	struct bpf_object *obj;
	struct bpf_program *prog;
};

/* A set of pinned maps; fd -1 where there is no such pin. */
struct dp_set {
	char dir[DP_PATH_MAX];
	unsigned int number; /* 0: the pins lie flat in the pin directory (ABI 2) */
	int fd[DP_MAP_MAX];
	struct san_meta meta;
	struct btf *btf; /* layouts of the maps; NULL with number 0 */
};

struct dp_classes; /* rules in force: classes_write.c */
struct ring_buffer;

#define DP_UNKNOWN (-1) /* of used[]: to be counted */

struct dp {
	char pin_dir[DP_PATH_MAX];
	struct dp_conf conf;			    /* pin_dir points into this struct */
	struct dp_object object[SAN_ROLE_CORE + 1]; /* by role */
	int map_fd[DP_MAP_MAX];
	unsigned int set;     /* number of the set in force */
	struct san_meta meta; /* as in the map */
	bool coarse_clock;
	struct san_counter *cpu_values; /* one a possible CPU */
	int n_cpus;
	unsigned int *rows; /* [max_ifaces + 1]: interface index of a row, 0 = free */
	int64_t *used;	    /* [SAN_MAP_MAX]: entries, or DP_UNKNOWN */
	struct dp_classes *classes;
	struct ring_buffer *ring; /* NULL: none */
	void *events;		  /* what dp_events_read hands to its callback */
};

const char *dp_map_name(enum dp_map map);
bool dp_service_valid(const struct dp *dp, const struct san_service *val); /* entries.c */
uint32_t dp_map_entries(const struct dp_conf *conf, enum dp_map map);

/* --- programs: load.c --- */

/* Opens the object of a role with constants set and, where map_fd is not -1, maps reused. */
int dp_object_open(const struct dp *dp, enum san_role role, struct dp_object *out, struct err *err);
/* Constants of an object that is open; dp_object_open has done it with what dp held then. */
void dp_constants_set(const struct dp *dp, struct dp_object *o);
int dp_object_load(struct dp_object *o, struct err *err);
void dp_object_close(struct dp_object *o);
/* object[SAN_ROLE_INGRESS] is open: loads it and all others. Where map_fd is -1 a map is made.
 * Afterwards every map_fd is there, and owned by dp. */
int dp_load(struct dp *dp, struct err *err);

/* --- pin directory: pins.c --- */

/* Makes pin_dir; -EINVAL when it is not in a bpffs. */
int dp_pin_dir_make(const char *pin_dir, struct err *err);
int dp_pin_dir_check(const char *pin_dir); /* -ENOENT, -EINVAL: not in a bpffs */
/* "<pin_dir>/<name>". -ENAMETOOLONG. */
int dp_path(const char *pin_dir, const char *name, char out[DP_PATH_MAX]);
/* Detaches and unpins the link of an interface. 0 also when there is none. */
int dp_link_remove(const char *pin_dir, unsigned int ifindex);
/* Calls fn for each number that a name "<prefix><number>" in dir has. Stops at the first error. */
int dp_names_each(const char *dir, const char *prefix, int (*fn)(void *arg, unsigned int number),
		  void *arg);
int dp_link_each(const char *pin_dir, int (*fn)(void *arg, unsigned int ifindex), void *arg);

/* --- sets of maps: sets.c --- */

void dp_set_init(struct dp_set *set);
void dp_set_fini(struct dp_set *set);
/* The set in force; -ENOENT: none. */
int dp_set_current(const char *pin_dir, unsigned int *number);
/* The other sets (number 0: flat pins), at most max of them, in ascending order; returns how many.
 */
int dp_set_others(const char *pin_dir, unsigned int current, unsigned int *numbers, int max);
/* Opens the pins that are there. -ENOENT without san_meta. */
int dp_set_open(const char *pin_dir, unsigned int number, struct dp_set *set, struct err *err);
int dp_set_remove(const char *pin_dir, unsigned int number);
/* Pins dp's maps as a new set, san_meta last. */
int dp_set_pin(struct dp *dp, unsigned int number, struct err *err);
int dp_set_flip(const char *pin_dir, unsigned int number, struct err *err);
int dp_set_unlink(const char *pin_dir); /* the symbolic link; 0 also without one */

/* --- another set, another layout: old.c, copy.c, upgrade.c --- */

/* Can the map of the old set be used as it is by the programs that were opened? */
bool dp_old_same(const struct dp *dp, const struct dp_set *old, enum dp_map map);
/* Each entry of an old map, key and value in today's layout. The key may be changed by nobody; the
 * value is the callee's. -ESTALE: a layout that is not known. Stops at fn's first non-zero. */
typedef int dp_old_fn(void *arg, const void *key, void *value);
int dp_old_each(const struct dp *dp, const struct dp_set *old, enum dp_map map, dp_old_fn *fn,
		void *arg);
/* Had its values this field? */
bool dp_old_has(const struct dp_set *old, enum dp_map map, const char *field);
/* Does what the old set holds fit into the sizes asked for? -ENOSPC. */
int dp_old_fits(const struct dp *dp, const struct dp_set *old, struct err *err);
/* Copies everything but what kept[] names into dp's maps. */
int dp_copy(struct dp *dp, const struct dp_set *old, const bool kept[DP_MAP_MAX], struct err *err);
/* What the old programs have learned meanwhile: flows and fragments that are not there yet. */
int dp_copy_late(struct dp *dp, const struct dp_set *old);

/* Steps of a change of sets: after each of them a test may stop the process. */
enum dp_step {
	DP_STEP_COPIED = 1, /* entries, nothing pinned */
	DP_STEP_PINNED,
	DP_STEP_FLIPPED,
	DP_STEP_LINK,	 /* each link */
	DP_STEP_RENEWED, /* all links */
	DP_STEP_LATE,
	DP_STEP_REMOVED,
	DP_STEP_MAX,
};
extern void (*dp_step_hook)(enum dp_step step);

/* From what is pinned to maps, programs and pins in force. */
int dp_adopt(struct dp *dp, struct err *err);

/* --- interfaces: iface.c, attach.c, dispatch.c, rows.c --- */

/* An entry of role NONE is none: -ENOENT. */
int dp_iface_entry(const struct dp *dp, unsigned int ifindex, struct san_iface *iface);
void dp_iface_forget(struct dp *dp, unsigned int ifindex);
/* Attaches the role's program, or renews it: text of the failure in err. */
int dp_attach(const struct dp *dp, unsigned int ifindex, enum san_role role, struct err *err);
int dp_detach(const struct dp *dp, unsigned int ifindex);
enum dp_attach_mode dp_attached(const struct dp *dp, unsigned int ifindex);
int dp_attach_failed(unsigned int ifindex, int r, struct err *err);
/* Every attached interface gets the program of its role from this handle. */
int dp_attach_renew(struct dp *dp, struct err *err);

/* The same through libxdp's dispatcher. */
int dp_dispatch_attach(const struct dp *dp, unsigned int ifindex, enum san_role role,
		       struct err *err);
/* 0 also when nothing of ours is there. */
int dp_dispatch_detach(const char *pin_dir, unsigned int ifindex);
int dp_dispatch_unload(const char *pin_dir);
enum dp_attach_mode dp_dispatch_mode(const struct dp *dp, unsigned int ifindex);
int dp_dispatch_each(const char *pin_dir, int (*fn)(void *arg, unsigned int ifindex), void *arg);

int dp_rows_init(struct dp *dp); /* from san_ifaces */
/* Row of an interface, a new one (counters zero) if it has none. 0: all are taken. */
uint16_t dp_row_take(struct dp *dp, unsigned int ifindex);
void dp_row_free(struct dp *dp, unsigned int ifindex);

/* --- the rest --- */

/* A full hash map says E2BIG. */
int dp_map_errno(void);
/* Counts an entry in or out where the number is known. */
void dp_used_add(const struct dp *dp, enum san_map map, int64_t n);
/* acts.c: counters and meters of the acts of rules, by act as in struct classes. Before new rules
 * come into force: those of acts that are not in force begin anew. */
int dp_acts_begin(const struct dp *dp, const uint64_t *now, const uint64_t *want);
/* And after: acts that stay get their rates, the others' end. */
int dp_acts_end(const struct dp *dp, const uint64_t *now, const uint64_t *want);
/* What the maps say is in force: acts of a set of rules, and the rates of their meters. */
int dp_acts_read(const struct dp *dp, uint32_t set, uint64_t *acts);
bool dp_acts_same(const struct dp *dp, const uint64_t *acts); /* their rates */
int dp_act_clear(const struct dp *dp, uint32_t act);	      /* its counters */
void dp_classes_free(struct dp_classes *classes);
unsigned int dp_class_set(const struct dp *dp);	  /* in force; 0 = none */
unsigned int dp_class_rules(const struct dp *dp); /* entries of san_class_rules in force */
void dp_events_open(struct dp *dp); /* where it cannot be opened there are no events */

/* libbpf's messages go to the log; quiet: its warnings as debug, for what may
 * fail; as many times off as on. */
void dp_print_init(void);
void dp_print_quiet(bool quiet);

#endif
