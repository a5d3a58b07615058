/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dijkstra over (routingcost, links), which rises with every link, so that a PID's predecessors are
 * all settled before it is, and ties between them can be broken by their paths. Backwards (all to
 * one) the same order is kept: there the next PID decides, for it is where two paths part.
 */
#include "alto/walk.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/own.h"

#define NONE UINT32_MAX

/* ---- links backwards ---- */

int alto_backward_fill(const struct alto_source *s, struct alto_backward *b)
{
	OWN_PTR uint32_t *first = calloc((size_t)s->n_pids + 2, sizeof(*first));
	OWN_PTR uint32_t *links = malloc((s->n_links + 1) * sizeof(*links));

	if (!first || !links)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->n_links; i++)
		first[s->links[i].to + 2]++;
	for (uint32_t i = 2; i <= s->n_pids; i++)
		first[i] += first[i - 1];
	for (uint32_t i = 0; i < s->n_links; i++)
		links[first[s->links[i].to + 1]++] = i;
	b->first = TAKE_PTR(first);
	b->links = TAKE_PTR(links);
	return 0;
}

/* ---- Dijkstra ---- */

static bool before(const struct alto_walk *w, uint32_t a, uint32_t b)
{
	return w->cost[a] < w->cost[b] || (w->cost[a] == w->cost[b] && w->hops[a] < w->hops[b]);
}

static void heap_set(struct alto_walk *w, uint32_t at, uint32_t pid)
{
	w->heap[at] = pid;
	w->place[pid] = at;
}

static void heap_up(struct alto_walk *w, uint32_t pid)
{
	uint32_t at = w->place[pid];

	while (at && before(w, pid, w->heap[(at - 1) / 2])) {
		heap_set(w, at, w->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	heap_set(w, at, pid);
}

static uint32_t heap_pop(struct alto_walk *w)
{
	uint32_t top = w->heap[0], pid = w->heap[--w->n_heap], at = 0, child;

	while ((child = 2 * at + 1) < w->n_heap) {
		if (child + 1 < w->n_heap && before(w, w->heap[child + 1], w->heap[child]))
			child++;
		if (!before(w, w->heap[child], pid))
			break;
		heap_set(w, at, w->heap[child]);
		at = child;
	}
	heap_set(w, at, pid);
	return top;
}

/* The end of the link that is nearer to where the walk began. */
static uint32_t near_end(const struct alto_walk *w, uint32_t link)
{
	return w->backward ? w->s->links[link].to : w->s->links[link].from;
}

/* Both settled, as many links from the start: which one's path has the names that come first? */
static bool path_before(const struct alto_walk *w, uint32_t a, uint32_t b)
{
	bool first = a < b;

	if (w->backward)
		return first;
	while (a != b) {
		first = a < b;
		a = near_end(w, w->via[a]);
		b = near_end(w, w->via[b]);
	}
	return first;
}

static double link_cost(const struct alto_walk *w, const struct alto_link *link)
{
	if (w->interval != ALTO_NO_INTERVAL && link->calendar)
		return link->calendar[w->interval];
	return link->value[LINK_ROUTINGCOST];
}

static void relax(struct alto_walk *w, uint32_t from, uint32_t link_id)
{
	const struct alto_link *link = &w->s->links[link_id];
	uint32_t to = w->backward ? link->from : link->to, hops = w->hops[from] + 1;
	double cost = w->cost[from] + link_cost(w, link);

	if (!isfinite(cost) || cost > w->cost[to] || (cost == w->cost[to] && hops > w->hops[to]))
		return;
	if (cost == w->cost[to] && hops == w->hops[to] &&
	    !path_before(w, from, near_end(w, w->via[to])))
		return;
	w->cost[to] = cost;
	w->hops[to] = hops;
	w->via[to] = link_id;
	if (w->place[to] == NONE)
		heap_set(w, w->n_heap++, to);
	heap_up(w, to);
}

static void settle(struct alto_walk *w, uint32_t pid)
{
	const struct alto_pid *pids = w->s->pids;
	const struct alto_backward *b = w->backward;

	w->order[w->n_order++] = pid;
	if (!b) {
		for (uint32_t i = pids[pid].first_link; i < pids[pid + 1].first_link; i++)
			relax(w, pid, i);
		return;
	}
	for (uint32_t i = b->first[pid]; i < b->first[pid + 1]; i++)
		relax(w, pid, b->links[i]);
}

int alto_walk_run(struct alto_walk *w, uint32_t src)
{
	uint32_t n = w->s->n_pids;

	w->hops = malloc(4 * (size_t)n * sizeof(*w->hops));
	if (!w->hops)
		return -ENOMEM;
	w->heap = w->hops + n;
	w->place = w->heap + n;
	w->order = w->place + n;
	for (uint32_t i = 0; i < n; i++) {
		w->cost[i] = INFINITY;
		w->via[i] = NONE;
		w->place[i] = NONE;
	}
	w->cost[src] = 0;
	w->hops[src] = 0;
	heap_set(w, w->n_heap++, src);
	while (w->n_heap)
		settle(w, heap_pop(w));
	return 0;
}

void alto_walk_fini(struct alto_walk *w)
{
	free(w->hops);
}

/* ---- what a path is worth ---- */

static double least(double a, double b)
{
	return isnan(b) || b < a ? b : a;
}

/* Value of a path, `so_far` up to the link, with the link. */
static double extend(enum alto_metric metric, double so_far, const struct alto_link *link)
{
	const double *value = link->value;

	switch (metric) {
	case ALTO_HOPCOUNT:
		return so_far + 1;
	case ALTO_DELAY_OW:
		return so_far + value[LINK_DELAY_US];
	case ALTO_DELAY_VARIATION:
		return so_far + value[LINK_JITTER_US];
	case ALTO_LOSSRATE:
		return so_far + (100 - so_far) * value[LINK_LOSS];
	case ALTO_BW_RESIDUAL:
		return least(so_far, value[LINK_BW_RESIDUAL] / 8);
	case ALTO_BW_AVAILABLE:
		return least(so_far, value[LINK_BW_AVAILABLE] / 8);
	default:
		return NAN;
	}
}

/* Each PID's value from the one before it. */
void alto_walk_values(const struct alto_walk *w, enum alto_metric metric, double *out)
{
	uint32_t src = w->order[0];

	for (uint32_t i = 0; i < w->s->n_pids; i++)
		out[i] = NAN;
	out[src] = alto_metric_more_is_better(metric) ? INFINITY : 0;
	for (uint32_t i = 1; i < w->n_order; i++) {
		uint32_t pid = w->order[i], link = w->via[pid];

		out[pid] = extend(metric, out[near_end(w, link)], &w->s->links[link]);
	}
	if (metric != ALTO_HOPCOUNT)
		out[src] = NAN;
}
