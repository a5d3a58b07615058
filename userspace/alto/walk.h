/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Best paths from one PID to all, or from all to one: what graph.c makes rows of. */
#ifndef ALTO_WALK_H
#define ALTO_WALK_H

#include "alto/source.h"

#define ALTO_NO_INTERVAL UINT32_MAX

/* Links by where they lead to. */
struct alto_backward {
	uint32_t *first; /* of each PID in links, one more at the end */
	uint32_t *links;
};

int alto_backward_fill(const struct alto_source *s, struct alto_backward *b);

struct alto_walk {
	const struct alto_source *s;
	uint32_t interval;
	const struct alto_backward *backward; /* NULL: along the links */
	double *cost;
	uint32_t *hops, *via; /* via: the link to come by, or to go on by when backward */
	uint32_t *heap, n_heap;
	uint32_t *place;	  /* in heap; UINT32_MAX: never seen */
	uint32_t *order, n_order; /* as they were settled */
};
/* s, interval, backward, cost and via are the caller's; the rest is made here. What cannot be
 * reached: cost INFINITY, via UINT32_MAX. -ENOMEM. */
int alto_walk_run(struct alto_walk *w, uint32_t src);
void alto_walk_fini(struct alto_walk *w);
/* One metric along the walk's tree, of each PID; NAN: unknown. */
void alto_walk_values(const struct alto_walk *w, enum alto_metric metric, double *out);

#endif
