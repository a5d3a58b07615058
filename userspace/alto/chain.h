/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Service graphs over domains (the broker's `sg` extension): which domains each link of a service
 * chain may cross, and the best chain through what a server answered. The server never joins links
 * into end-to-end vectors: their number is a product. The client does, by dynamic programming over
 * (link, last domain).
 */
#ifndef ALTO_CHAIN_H
#define ALTO_CHAIN_H

#include "alto/source.h"

/* Simple paths from x to y whose interior are transit PIDs, fewest PIDs first, then by PID names;
 * x = y: the one path [x]. Each is n PIDs; all in one array. */
struct alto_pathset {
	uint32_t *pids;	 /* the paths, one behind the other */
	uint32_t *begin; /* n + 1 */
	uint32_t n;
	bool cut; /* there are more than may be found */
};
/* What finding paths may take. */
struct alto_path_limits {
	uint32_t paths;
	uint64_t steps; /* of looking for them; counted down */
	uint64_t pids;	/* of all of them together; counted down */
};
/* -ENOMEM. */
int alto_paths(const struct alto_source *s, uint32_t x, uint32_t y, struct alto_path_limits *left,
	       struct alto_pathset *out);
void alto_pathset_fini(struct alto_pathset *set);

/* The client's: links of a chain in order, each with the paths it may take (names of domains). */
struct alto_chain_path {
	const char **domains; /* borrowed */
	uint32_t n;
	double cost; /* of this path; finite */
};
struct alto_chain_link {
	const char *src, *dst; /* nodes of the service graph */
	struct alto_chain_path *paths;
	uint32_t n;
};
/* choice[i] = path of link i, so that each path begins in the domain where the one before ends, the
 * sum of cost is least, then fewest domains, then the first in order. -ENOENT: none fits together.
 */
int alto_chain_best(const struct alto_chain_link *links, uint32_t n, uint32_t *choice,
		    double *cost);
/* How many chains fit together (may be huge: a double); NAN: no memory. */
double alto_chain_count(const struct alto_chain_link *links, uint32_t n);
/* All of them in order, at most max: each() gets the choices; returns their number. */
uint32_t alto_chain_all(const struct alto_chain_link *links, uint32_t n, uint32_t max,
			void (*each)(void *arg, const uint32_t *choice), void *arg);

#endif
