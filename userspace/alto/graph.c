/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Best paths: Dijkstra over (routingcost, links), which rises with every link, so that a PID's
 * predecessors are all settled before it is, and ties between them can be broken by their paths.
 * Backwards (all to one, for the way back of delay-rt) the same order is kept.
 */
#include "alto/source.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alto/builder.h"
#include "util/hash.h"
#include "util/own.h"

#define NONE UINT32_MAX
#define NO_INTERVAL UINT32_MAX

struct row_key {
	uint32_t src, interval;
};

/* Row and its arrays are one allocation; round_trip, which few ask for, is another. */
struct row {
	struct alto_row pub;
	struct row_key key;
	double *round_trip;
	size_t bytes;
	UT_hash_handle hh;
};

/* Links by where they lead to. */
struct backward {
	uint32_t *first; /* of each PID in links, one more at the end */
	uint32_t *links;
};

struct alto_rows {
	struct row *table; /* least recently used first */
	struct row *last;  /* what was asked for last */
	size_t bytes;
	struct backward backward;
};

int alto_rows_new(struct alto_rows **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

static void row_drop(struct alto_rows *rows, struct row *row)
{
	HASH_DEL(rows->table, row);
	rows->bytes -= row->bytes;
	if (rows->last == row)
		rows->last = NULL;
	free(row->round_trip);
	free(row);
}

void alto_rows_free(struct alto_rows *rows)
{
	if (!rows)
		return;
	while (rows->table)
		row_drop(rows, rows->table);
	free(rows->backward.first);
	free(rows->backward.links);
	free(rows);
}

/* ---- links backwards ---- */

static int backward_fill(const struct alto_source *s, struct backward *b)
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

struct walk {
	const struct alto_source *s;
	uint32_t interval;
	const struct backward *backward; /* NULL: along the links */
	double *cost;
	uint32_t *hops, *via; /* via: the link to come by, or to go on by when backward */
	uint32_t *heap, n_heap;
	uint32_t *place;	  /* in heap; NONE: not there (yet) */
	uint32_t *order, n_order; /* as they were settled */
};

static bool before(const struct walk *w, uint32_t a, uint32_t b)
{
	return w->cost[a] < w->cost[b] || (w->cost[a] == w->cost[b] && w->hops[a] < w->hops[b]);
}

static void heap_set(struct walk *w, uint32_t at, uint32_t pid)
{
	w->heap[at] = pid;
	w->place[pid] = at;
}

static void heap_up(struct walk *w, uint32_t pid)
{
	uint32_t at = w->place[pid];

	while (at && before(w, pid, w->heap[(at - 1) / 2])) {
		heap_set(w, at, w->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	heap_set(w, at, pid);
}

static uint32_t heap_pop(struct walk *w)
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
static uint32_t near_end(const struct walk *w, uint32_t link)
{
	return w->backward ? w->s->links[link].to : w->s->links[link].from;
}

/* Both settled, as many links from the start: which one's path has the names that come first? */
static bool path_before(const struct walk *w, uint32_t a, uint32_t b)
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

static double link_cost(const struct walk *w, const struct alto_link *link)
{
	if (w->interval != NO_INTERVAL && link->calendar)
		return link->calendar[w->interval];
	return link->value[LINK_ROUTINGCOST];
}

static void relax(struct walk *w, uint32_t from, uint32_t link_id)
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

static void settle(struct walk *w, uint32_t pid)
{
	const struct alto_pid *pids = w->s->pids;
	const struct backward *b = w->backward;

	w->order[w->n_order++] = pid;
	if (!b) {
		for (uint32_t i = pids[pid].first_link; i < pids[pid + 1].first_link; i++)
			relax(w, pid, i);
		return;
	}
	for (uint32_t i = b->first[pid]; i < b->first[pid + 1]; i++)
		relax(w, pid, b->links[i]);
}

/* cost and via are the caller's; the rest is made here. */
static int walk_run(struct walk *w, uint32_t src)
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

static void walk_fini(struct walk *w)
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

/* Along the walk's tree: each PID's value from the one before it. */
static void fill_values(const struct walk *w, enum alto_metric metric, double *out)
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

/* ---- rows ---- */

static bool row_has(const struct alto_source *s, unsigned int metric, uint32_t interval)
{
	if (metric == ALTO_DELAY_RT || metric == ALTO_TPUT || metric == ALTO_ANE_PATH)
		return false;
	return s->has[metric] && (metric == ALTO_ROUTINGCOST || interval == NO_INTERVAL);
}

static struct row *row_alloc(const struct alto_source *s, struct row_key key)
{
	size_t n = s->n_pids, count = 0, bytes;
	struct row *row;
	double *values;

	for (unsigned int i = 0; i < ALTO_METRIC_MAX; i++)
		count += row_has(s, i, key.interval);
	bytes = sizeof(*row) + n * (count * sizeof(double) + sizeof(uint32_t));
	row = malloc(bytes);
	if (!row)
		return NULL;
	*row = (struct row){.pub = {.src = key.src}, .key = key, .bytes = bytes};
	values = (double *)(row + 1);
	for (unsigned int i = 0; i < ALTO_METRIC_MAX; i++) {
		if (!row_has(s, i, key.interval))
			continue;
		row->pub.value[i] = values;
		values += n;
	}
	row->pub.via = (uint32_t *)values;
	return row;
}

/* Of the arrays that the row owns: to everyone else they are const. */
static double *own_values(const struct row *row, unsigned int metric)
{
	return (double *)row->pub.value[metric];
}

static int row_fill(const struct alto_source *s, struct row *row)
{
	struct walk w = {.s = s,
			 .interval = row->key.interval,
			 .cost = own_values(row, ALTO_ROUTINGCOST),
			 .via = (uint32_t *)row->pub.via};
	int rc = walk_run(&w, row->key.src);

	if (rc < 0)
		return rc;
	for (unsigned int i = 0; i < ALTO_METRIC_MAX; i++) {
		if (i != ALTO_ROUTINGCOST && row->pub.value[i])
			fill_values(&w, i, own_values(row, i));
	}
	for (uint32_t i = 0; i < s->n_pids; i++) {
		if (!isfinite(w.cost[i]))
			w.cost[i] = NAN;
	}
	walk_fini(&w);
	return 0;
}

static void make_room(struct alto_rows *rows, const struct row *keep)
{
	while (rows->bytes > ALTO_ROWS_BYTES_MAX && rows->table != keep)
		row_drop(rows, rows->table);
}

static void row_add(struct alto_rows *rows, struct row *row)
{
	HASH_ADD(hh, rows->table, key, sizeof(row->key), row);
	rows->bytes += row->bytes;
	make_room(rows, row);
}

static struct row *row_new(const struct alto_source *s, struct row_key key)
{
	struct row *row = row_alloc(s, key);

	if (row && row_fill(s, row) < 0) {
		free(row);
		return NULL;
	}
	if (row)
		row_add(s->rows, row);
	return row;
}

static struct row *row_get(const struct alto_source *s, uint32_t src, uint32_t interval)
{
	struct alto_rows *rows = s->rows;
	struct row_key key = {src, interval};
	struct row *row = rows->last;

	if (row && row->key.src == src && row->key.interval == interval)
		return row;
	HASH_FIND(hh, rows->table, &key, sizeof(key), row);
	if (row) {
		HASH_DEL(rows->table, row);
		HASH_ADD(hh, rows->table, key, sizeof(row->key), row);
	} else {
		row = row_new(s, key);
	}
	rows->last = row;
	return row;
}

const struct alto_row *alto_source_row(const struct alto_source *s, uint32_t src)
{
	struct row *row = row_get(s, src, NO_INTERVAL);

	return row ? &row->pub : NULL;
}

bool alto_source_affordable(const struct alto_source *s, uint64_t rows)
{
	return rows <= ALTO_WORK_MAX / ((uint64_t)s->n_pids + s->n_links);
}

/* ---- there and back ---- */

/* back[i]: delay of the best path from i to src. */
static int fill_back(const struct alto_source *s, uint32_t src, double *back)
{
	OWN_PTR double *cost = malloc(s->n_pids * sizeof(*cost));
	OWN_PTR uint32_t *via = malloc(s->n_pids * sizeof(*via));
	struct walk w = {.s = s, .interval = NO_INTERVAL, .cost = cost, .via = via};
	struct alto_rows *rows = s->rows;
	int rc = -ENOMEM;

	if (!cost || !via || (!rows->backward.first && backward_fill(s, &rows->backward) < 0))
		return -ENOMEM;
	w.backward = &rows->backward;
	rc = walk_run(&w, src);
	if (rc == 0)
		fill_values(&w, ALTO_DELAY_OW, back);
	walk_fini(&w);
	return rc;
}

static int fill_round_trip(const struct alto_source *s, struct row *row)
{
	size_t bytes = s->n_pids * sizeof(double);
	OWN_PTR double *values = malloc(bytes);
	const double *there = row->pub.value[ALTO_DELAY_OW];

	if (!values || fill_back(s, row->key.src, values) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->n_pids; i++)
		values[i] += there[i];
	row->round_trip = TAKE_PTR(values);
	row->bytes += bytes;
	s->rows->bytes += bytes;
	make_room(s->rows, row);
	return 0;
}

/* ---- pairs ---- */

int alto_source_cost(const struct alto_source *s, enum alto_metric metric, uint32_t src,
		     uint32_t dst, double *out)
{
	struct row *row = row_get(s, src, NO_INTERVAL);
	const double *values;

	if (!row)
		return -ENOMEM;
	values = row->pub.value[metric];
	if (metric == ALTO_DELAY_RT && s->has[metric]) {
		if (!row->round_trip && fill_round_trip(s, row) < 0)
			return -ENOMEM;
		values = row->round_trip;
	}
	*out = values ? values[dst] : NAN;
	return 0;
}

int alto_source_cost_at(const struct alto_source *s, uint32_t interval, uint32_t src, uint32_t dst,
			double *out)
{
	struct row *row = row_get(s, src, interval);

	if (!row)
		return -ENOMEM;
	*out = row->pub.value[ALTO_ROUTINGCOST][dst];
	return 0;
}

int alto_source_path(const struct alto_source *s, uint32_t src, uint32_t dst, uint32_t **pids,
		     uint32_t *n)
{
	const struct alto_row *row = alto_source_row(s, src);
	uint32_t count = 1, at = dst, *v;

	if (!row)
		return -ENOMEM;
	*n = 0;
	*pids = NULL;
	if (isnan(row->value[ALTO_ROUTINGCOST][dst]))
		return 0;
	for (; at != src; at = s->links[row->via[at]].from)
		count++;
	v = malloc(count * sizeof(*v));
	if (!v)
		return -ENOMEM;
	*n = count;
	*pids = v;
	for (at = dst; count--; at = at == src ? src : s->links[row->via[at]].from)
		v[count] = at;
	return 0;
}
