/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rows of best paths, kept as long as there is room, least recently used ones going first. A row
 * has the tree of its paths; values of a metric are added when somebody asks for them.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alto/builder.h"
#include "alto/walk.h"
#include "util/hash.h"
#include "util/own.h"

struct row_key {
	uint32_t src, interval;
};

struct row {
	struct alto_row pub;
	struct row_key key;
	uint32_t *via, *order, n_order; /* one allocation; NULL in rows of an interval */
	double *values[ALTO_METRIC_MAX];
	size_t bytes;
	UT_hash_handle hh;
};

struct alto_rows {
	struct row *table; /* least recently used first */
	struct row *last;  /* what was asked for last */
	size_t bytes;
	struct alto_arcs forward, backward; /* made when they are needed first */
};

int alto_rows_new(struct alto_rows **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

static void row_free(struct row *row)
{
	for (unsigned int i = 0; i < ALTO_METRIC_MAX; i++)
		free(row->values[i]);
	free(row->via);
	free(row);
}

static void row_drop(struct alto_rows *rows, struct row *row)
{
	HASH_DEL(rows->table, row);
	rows->bytes -= row->bytes;
	if (rows->last == row)
		rows->last = NULL;
	row_free(row);
}

void alto_rows_free(struct alto_rows *rows)
{
	if (!rows)
		return;
	while (rows->table)
		row_drop(rows, rows->table);
	alto_arcs_fini(&rows->forward);
	alto_arcs_fini(&rows->backward);
	free(rows);
}

static int set_arcs(struct alto_walk *w)
{
	struct alto_rows *rows = w->s->rows;
	struct alto_arcs *arcs = w->backward ? &rows->backward : &rows->forward;

	w->arcs = arcs;
	return arcs->first ? 0 : alto_arcs_init(w->s, w->backward, arcs);
}

/* ---- rows ---- */

/* The newest row stays, however large it is: somebody is about to read it. */
static void grown(struct alto_rows *rows, struct row *row, size_t bytes)
{
	row->bytes += bytes;
	rows->bytes += bytes;
	while (rows->bytes > ALTO_ROWS_BYTES_MAX && rows->table != row)
		row_drop(rows, rows->table);
}

static struct row *row_alloc(const struct alto_source *s, struct row_key key)
{
	size_t n = s->n_pids;
	struct row *row = calloc(1, sizeof(*row));

	if (!row)
		return NULL;
	row->key = key;
	row->via = malloc(2 * n * sizeof(*row->via));
	row->values[ALTO_ROUTINGCOST] = malloc(n * sizeof(double));
	if (!row->via || !row->values[ALTO_ROUTINGCOST]) {
		row_free(row);
		return NULL;
	}
	row->order = row->via + n;
	return row;
}

static int row_fill(const struct alto_source *s, struct row *row)
{
	struct alto_walk w = {.s = s,
			      .interval = row->key.interval,
			      .cost = row->values[ALTO_ROUTINGCOST],
			      .via = row->via,
			      .order = row->order};

	if (set_arcs(&w) < 0 || alto_walk_run(&w, row->key.src) < 0)
		return -ENOMEM;
	row->n_order = w.n_order;
	return 0;
}

/* Of an interval only the costs are asked for. */
static size_t drop_tree(const struct alto_source *s, struct row *row)
{
	if (row->key.interval == ALTO_NO_INTERVAL)
		return s->n_pids * 2 * sizeof(*row->via);
	free(row->via);
	row->via = row->order = NULL;
	return 0;
}

static struct row *row_new(const struct alto_source *s, struct row_key key)
{
	struct alto_rows *rows = s->rows;
	struct row *row = row_alloc(s, key);
	size_t tree;

	if (!row)
		return NULL;
	if (row_fill(s, row) < 0) {
		row_free(row);
		return NULL;
	}
	tree = drop_tree(s, row);
	row->pub = (struct alto_row){key.src, row->via, row->values[ALTO_ROUTINGCOST]};
	HASH_ADD(hh, rows->table, key, sizeof(row->key), row);
	grown(rows, row, sizeof(*row) + tree + s->n_pids * sizeof(double));
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
	struct row *row = row_get(s, src, ALTO_NO_INTERVAL);

	return row ? &row->pub : NULL;
}

bool alto_source_affordable(const struct alto_source *s, uint64_t rows)
{
	return rows <= ALTO_WORK_MAX / ((uint64_t)s->n_pids * ALTO_WORK_PID + s->n_links);
}

/* ---- values ---- */

/* back[i]: delay of the best path from i to src. */
static int fill_back(const struct alto_source *s, uint32_t src, double *back)
{
	OWN_PTR uint32_t *via = malloc(2 * (size_t)s->n_pids * sizeof(*via));
	struct alto_walk w = {.s = s, .backward = true, .interval = ALTO_NO_INTERVAL, .via = via};

	if (!via)
		return -ENOMEM;
	w.order = via + s->n_pids;
	if (set_arcs(&w) < 0 || alto_walk_run(&w, src) < 0)
		return -ENOMEM;
	alto_walk_values(&w, ALTO_DELAY_OW, back);
	return 0;
}

static void fill_along(const struct alto_source *s, const struct row *row, enum alto_metric metric,
		       double *out)
{
	struct alto_walk w = {
		.s = s, .via = row->via, .order = row->order, .n_order = row->n_order};

	alto_walk_values(&w, metric, out);
}

static int fill_round_trip(const struct alto_source *s, const struct row *row, double *out)
{
	OWN_PTR double *there = malloc(s->n_pids * sizeof(*there));

	if (!there || fill_back(s, row->key.src, out) < 0)
		return -ENOMEM;
	fill_along(s, row, ALTO_DELAY_OW, there);
	for (uint32_t i = 0; i < s->n_pids; i++)
		out[i] += there[i];
	return 0;
}

const double *alto_source_values(const struct alto_source *s, enum alto_metric metric, uint32_t src)
{
	struct row *row = row_get(s, src, ALTO_NO_INTERVAL);
	OWN_PTR double *values = NULL;

	if (!row || row->values[metric])
		return row ? row->values[metric] : NULL;
	values = malloc(s->n_pids * sizeof(*values));
	if (!values)
		return NULL;
	if (metric != ALTO_DELAY_RT)
		fill_along(s, row, metric, values);
	else if (fill_round_trip(s, row, values) < 0)
		return NULL;
	row->values[metric] = TAKE_PTR(values);
	grown(s->rows, row, s->n_pids * sizeof(double));
	return row->values[metric];
}

/* ---- pairs ---- */

int alto_source_cost(const struct alto_source *s, enum alto_metric metric, uint32_t src,
		     uint32_t dst, double *out)
{
	const double *values = alto_source_values(s, metric, src);

	if (!values)
		return -ENOMEM;
	*out = values[dst];
	return 0;
}

int alto_source_cost_at(const struct alto_source *s, uint32_t interval, uint32_t src, uint32_t dst,
			double *out)
{
	struct row *row = row_get(s, src, interval);

	if (!row)
		return -ENOMEM;
	*out = row->values[ALTO_ROUTINGCOST][dst];
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
	if (isnan(row->cost[dst]))
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
