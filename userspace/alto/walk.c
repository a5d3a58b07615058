/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dijkstra over (routingcost, links), which rises with every link, so that a PID's predecessors are
 * all settled before it is. Costs are whole numbers of units, so that a path's is the same
 * whichever end it is added up from. Ties:
 *
 *   forwards, once all costs are known, by going through the PIDs once more, link by link further
 *   from the source, those of as many links in the order of their paths: who comes first to a PID
 *   that it is on a best path of has it, and so they stand in the order of their paths again.
 *   backwards (all to one) the next PID decides, for it is where two paths part.
 */
#include "alto/walk.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/own.h"

#define NONE UINT32_MAX
#define NO_COST UINT64_MAX /* unknown, or too much to be told */
#define UNITS 1e6	   /* of one routingcost */
#define DELAY_UNITS 1e3	   /* of a microsecond: sums of them are the same in any order */

/* ---- arcs ---- */

static uint64_t units(double cost)
{
	return cost <= ALTO_COST_MAX ? (uint64_t)(cost * UNITS + 0.5) : NO_COST;
}

static uint32_t arc_from(const struct alto_link *link, bool backward)
{
	return backward ? link->to : link->from;
}

int alto_arcs_init(const struct alto_source *s, bool backward, struct alto_arcs *out)
{
	OWN_PTR uint32_t *first = calloc((size_t)s->n_pids + 2, sizeof(*first));
	OWN_PTR struct alto_arc *v = malloc((s->n_links + 1) * sizeof(*v));

	if (!first || !v)
		return -ENOMEM;
	/* Counted two further on, so that filling leaves first[] as it has to be. */
	for (uint32_t i = 0; i < s->n_links; i++)
		first[arc_from(&s->links[i], backward) + 2]++;
	for (uint32_t i = 2; i <= s->n_pids; i++)
		first[i] += first[i - 1];
	for (uint32_t i = 0; i < s->n_links; i++) {
		const struct alto_link *link = &s->links[i];

		v[first[arc_from(link, backward) + 1]++] = (struct alto_arc){
			arc_from(link, !backward), i, units(link->value[LINK_ROUTINGCOST])};
	}
	out->first = TAKE_PTR(first);
	out->v = TAKE_PTR(v);
	return 0;
}

void alto_arcs_fini(struct alto_arcs *arcs)
{
	free(arcs->first);
	free(arcs->v);
	*arcs = (struct alto_arcs){0};
}

/* ---- Dijkstra ---- */

/* Of the heap: keys stand in it, so that comparing does not look elsewhere. */
struct entry {
	uint64_t cost;
	uint32_t hops, pid;
};

struct pid_state {
	uint64_t cost;
	uint32_t hops;
	uint32_t place; /* in heap; NONE: never seen */
};

struct alto_walk_state {
	struct pid_state *pids;
	struct entry *heap;
	uint32_t n_heap;
	bool tied;
};

static bool before(const struct entry *a, const struct entry *b)
{
	return a->cost < b->cost || (a->cost == b->cost && a->hops < b->hops);
}

static void heap_set(struct alto_walk_state *st, uint32_t at, struct entry entry)
{
	st->heap[at] = entry;
	st->pids[entry.pid].place = at;
}

/* entry at `at` or above. */
static void heap_up(struct alto_walk_state *st, uint32_t at, struct entry entry)
{
	while (at && before(&entry, &st->heap[(at - 1) / 2])) {
		heap_set(st, at, st->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	heap_set(st, at, entry);
}

static uint32_t heap_pop(struct alto_walk_state *st)
{
	uint32_t top = st->heap[0].pid, at = 0, child;
	struct entry last = st->heap[--st->n_heap];

	while ((child = 2 * at + 1) < st->n_heap) {
		if (child + 1 < st->n_heap && before(&st->heap[child + 1], &st->heap[child]))
			child++;
		if (!before(&st->heap[child], &last))
			break;
		heap_set(st, at, st->heap[child]);
		at = child;
	}
	heap_set(st, at, last);
	return top;
}

/* The end of the link that is nearer to where the walk began. */
static uint32_t near_end(const struct alto_walk *w, uint32_t link)
{
	return arc_from(&w->s->links[link], w->backward);
}

/* A PID that does not let others through is only ever an end. */
static bool goes_on(const struct alto_walk *w, uint32_t pid)
{
	return pid == w->order[0] || w->s->pids[pid].transit;
}

/* Of the path that goes on by arc. */
static uint64_t cost_by(const struct alto_walk *w, uint32_t from, const struct alto_arc *arc)
{
	const double *calendar = NULL;
	uint64_t cost = arc->cost, sum;

	if (w->interval != ALTO_NO_INTERVAL)
		calendar = w->s->links[arc->link].calendar;
	if (calendar)
		cost = units(calendar[w->interval]);
	return __builtin_add_overflow(w->state->pids[from].cost, cost, &sum) ? NO_COST : sum;
}

static void relax(struct alto_walk *w, uint32_t from, const struct alto_arc *arc)
{
	struct alto_walk_state *st = w->state;
	struct pid_state *to = &st->pids[arc->to];
	struct entry entry = {cost_by(w, from, arc), st->pids[from].hops + 1, arc->to};
	struct entry old = {to->cost, to->hops, arc->to};

	if (entry.cost == NO_COST || before(&old, &entry))
		return;
	if (!before(&entry, &old)) {
		st->tied = true;
		if (w->backward && from < near_end(w, w->via[arc->to]))
			w->via[arc->to] = arc->link;
		return;
	}
	to->cost = entry.cost;
	to->hops = entry.hops;
	w->via[arc->to] = arc->link;
	heap_up(st, to->place == NONE ? st->n_heap++ : to->place, entry);
}

static void settle(struct alto_walk *w, uint32_t pid)
{
	const struct alto_arcs *arcs = w->arcs;

	w->order[w->n_order++] = pid;
	if (!goes_on(w, pid))
		return;
	for (uint32_t i = arcs->first[pid]; i < arcs->first[pid + 1]; i++)
		relax(w, pid, &arcs->v[i]);
}

/* PIDs that come next to pid on their best paths, and that nobody has: to the end of queue. */
static uint32_t claim(struct alto_walk *w, uint32_t pid, uint32_t *queue, uint32_t n)
{
	const struct pid_state *pids = w->state->pids;
	const struct alto_arcs *arcs = w->arcs;

	for (uint32_t i = arcs->first[pid]; i < arcs->first[pid + 1]; i++) {
		uint32_t to = arcs->v[i].to;

		if (w->via[to] != NONE || pids[to].hops != pids[pid].hops + 1 ||
		    pids[to].cost != cost_by(w, pid, &arcs->v[i]))
			continue;
		w->via[to] = arcs->v[i].link;
		queue[n++] = to;
	}
	return n;
}

/* queue: room for all PIDs. */
static void break_ties(struct alto_walk *w, uint32_t *queue)
{
	uint32_t n = 1;

	memset(w->via, 0xff, w->s->n_pids * sizeof(*w->via));
	queue[0] = w->order[0];
	for (uint32_t i = 0; i < n; i++)
		if (goes_on(w, queue[i]))
			n = claim(w, queue[i], queue, n);
}

static void tell_costs(const struct alto_walk *w)
{
	for (uint32_t i = 0; i < w->s->n_pids; i++) {
		uint64_t cost = w->state->pids[i].cost;

		w->cost[i] = cost == NO_COST ? NAN : (double)cost / UNITS;
	}
}

int alto_walk_run(struct alto_walk *w, uint32_t src)
{
	uint32_t n = w->s->n_pids;
	OWN_PTR struct pid_state *pids = malloc(n * sizeof(*pids));
	OWN_PTR struct entry *heap = malloc(n * sizeof(*heap));
	struct alto_walk_state st = {.pids = pids, .heap = heap};

	if (!pids || !heap)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		w->via[i] = NONE;
		pids[i] = (struct pid_state){NO_COST, NONE, NONE};
	}
	w->state = &st;
	w->n_order = 0;
	w->order[0] = src;
	pids[src].cost = pids[src].hops = 0;
	heap_up(&st, st.n_heap++, (struct entry){.pid = src});
	while (st.n_heap)
		settle(w, heap_pop(&st));
	if (st.tied && !w->backward)
		break_ties(w, (uint32_t *)heap);
	if (w->cost)
		tell_costs(w);
	w->state = NULL;
	return 0;
}

/* ---- what a path is worth ---- */

static double least(double a, double b)
{
	return isnan(b) || b < a ? b : a;
}

/* Value of a path, `so_far` up to the link, with the link; delays in their units. */
static double extend(enum alto_metric metric, double so_far, const struct alto_link *link)
{
	const double *value = link->value;

	switch (metric) {
	case ALTO_HOPCOUNT:
		return so_far + 1;
	case ALTO_DELAY_OW:
		return so_far + round(value[LINK_DELAY_US] * DELAY_UNITS);
	case ALTO_DELAY_VARIATION:
		return so_far + round(value[LINK_JITTER_US] * DELAY_UNITS);
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
	if (metric == ALTO_DELAY_OW || metric == ALTO_DELAY_VARIATION)
		for (uint32_t i = 0; i < w->s->n_pids; i++)
			out[i] /= DELAY_UNITS;
}
