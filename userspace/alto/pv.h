/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What property maps, path vectors and service graphs share inside of this directory.
 *
 * ANEs (RFC 9275) are the domains, that is PIDs, that a path crosses: `.ane:AS1`. A domain tells of
 * itself what the property map tells. Where max-reservable-bandwidth is asked for, the links in
 * between are ANEs, too ("AS1-AS2"): only they have a limit that is known. A domain's own is the
 * greatest of its links', for what crosses it comes or goes by one of them: so it never is the
 * bottleneck, and the least value along a path is that of its links. Answers to `sg` name domains
 * only.
 */
#ifndef ALTO_PV_H
#define ALTO_PV_H

#include "alto/chain.h"
#include "alto/server.h"

/* ---- properties (props.c) ---- */
/* Is name one of an array of strings? */
bool alto_names_have(const json_t *names, const char *name);
bool alto_name_among(const char *const *names, size_t n, const char *name);
/* "mappings" of a property map's capabilities (RFC 9240, 7.4). */
void alto_props_put_mappings(struct alto_out *o, const struct alto_resource *r);

/* ---- path vectors (pv.c, pv_write.c) ---- */
#define ALTO_PROP_BANDWIDTH "max-reservable-bandwidth"
#define ALTO_PROP_ENTITY "persistent-entity-id"

/* "ane-property-names" of a path vector's capabilities (RFC 9275, 7.2.4). */
void alto_pv_put_names(struct alto_out *o, const struct alto_source *s);

/* What is asked of ANEs, and which of them the answer names. */
struct alto_anes {
	const struct alto_source *source;
	const char **names; /* of PIDs' properties, borrowed */
	size_t n_names;
	bool bandwidth, entity; /* the properties of RFC 9275 */
	bool *pids, *links;	/* used; links NULL: they are no ANEs */
};
/* names: strings, all of them known; NULL: none. links: links may be ANEs, if bandwidth is asked
 * for. -ENOMEM. */
int alto_anes_init(struct alto_anes *a, const struct alto_source *s, const json_t *names,
		   bool links);
void alto_anes_fini(struct alto_anes *a);
/* The names of a path as a JSON array; marks them. via: links between the PIDs, n - 1, or NULL. */
void alto_anes_put_path(struct alto_anes *a, struct alto_out *o, const uint32_t *pids,
			const uint32_t *via, uint32_t n);
/* `{".ane:AS1": {...}, ...}` of those marked. */
void alto_anes_put_map(const struct alto_anes *a, struct alto_out *o);

/* ---- paths (paths.c): alto_paths() in two steps, for many pairs ---- */
struct alto_finder;
int alto_finder_new(const struct alto_source *s, struct alto_finder **out);
void alto_finder_free(struct alto_finder *f); /* NULL is allowed */
/* All that follow lead to y. Work is taken off *steps; false: they were too few. */
bool alto_finder_aim(struct alto_finder *f, uint32_t y, uint64_t *steps);
/* PIDs of the shortest path from x; 0: there is none. */
uint32_t alto_finder_least(const struct alto_finder *f, uint32_t x);
/* Paths from x, as alto_paths() says. -ENOMEM. */
int alto_finder_paths(struct alto_finder *f, uint32_t x, struct alto_path_limits *left,
		      struct alto_pathset *out);

/* ---- service graphs ---- */
#define ALTO_SG_PAIRS_MAX 4096 /* pairs of domains that paths are looked for, in one request */

struct alto_sg_node {
	const char *name; /* borrowed from the request */
	bool sap;
	uint32_t *pids; /* domains that have it, rising */
	uint32_t n, cap;
};
struct alto_sg_link {
	char id[32];
	uint32_t src, dst; /* nodes */
};
struct alto_sg_req {
	uint32_t src, dst; /* nodes */
	uint32_t *path;	   /* links */
	uint32_t n;
};
struct alto_sg {
	struct alto_sg_node *nodes; /* nfs, then saps, as in the request */
	uint32_t n_nodes;
	struct alto_sg_link *links;
	uint32_t n_links;
	struct alto_sg_req *reqs;
	uint32_t n_reqs;
};
/* Checks the whole `sg` member (sg_request.c). obj must outlive *out. -EINVAL, -ENOMEM. */
int alto_sg_parse(const json_t *obj, struct alto_sg *out, struct alto_error *error);
void alto_sg_fini(struct alto_sg *sg);

struct alto_sg_cut {
	uint32_t pairs; /* pairs of domains with more paths than are told */
	uint32_t paths; /* most that are told of one pair */
};
/* The value of "cost-map": {src: {dst: {a: {b: [path, ...]}}}} (sg.c). -EINVAL: more than a limit;
 * -ENOMEM. */
int alto_sg_put(struct alto_sg *sg, struct alto_anes *anes, struct alto_out *o,
		struct alto_sg_cut *cut, struct alto_error *error);

#endif
