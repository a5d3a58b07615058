/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Best paths from one PID to all, or from all to one: what graph.c makes rows of. */
#ifndef ALTO_WALK_H
#define ALTO_WALK_H

#include "alto/source.h"

#define ALTO_NO_INTERVAL UINT32_MAX

/* Links as a walk wants them: those of a PID together, little beside what is compared. */
struct alto_arc {
	uint32_t to, link;
	uint64_t cost; /* millionths */
};
struct alto_arcs {
	uint32_t *first; /* of each PID in v, one more at the end */
	struct alto_arc *v;
};
/* backward: from where links lead to where they come from. -ENOMEM. */
int alto_arcs_init(const struct alto_source *s, bool backward, struct alto_arcs *out);
void alto_arcs_fini(struct alto_arcs *arcs);

struct alto_walk {
	const struct alto_source *s;
	const struct alto_arcs *arcs;
	bool backward; /* arcs are */
	uint32_t interval;
	/* For each PID; the caller's. What cannot be reached: NAN, UINT32_MAX. */
	double *cost;  /* NULL: not asked for */
	uint32_t *via; /* the link to come by, or to go on by when backward */
	/* PIDs as they were settled, n_order of them; the caller's. */
	uint32_t *order, n_order;
	struct alto_walk_state *state;
};
int alto_walk_run(struct alto_walk *w, uint32_t src);
/* One metric along the walk's tree, of each PID; NAN: unknown. */
void alto_walk_values(const struct alto_walk *w, enum alto_metric metric, double *out);

#endif
