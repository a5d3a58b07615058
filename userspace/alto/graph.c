/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows of best paths, kept as long as there is room, and what asks them. */
#include "alto/source.h"

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

/* Row and its arrays are one allocation; round_trip, which few ask for, is another. */
struct row {
	struct alto_row pub;
	struct row_key key;
	double *round_trip;
	size_t bytes;
	UT_hash_handle hh;
};

struct alto_rows {
	struct row *table; /* least recently used first */
	struct row *last;  /* what was asked for last */
	size_t bytes;
	struct alto_backward backward;
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

/* ---- rows ---- */

static bool row_has(const struct alto_source *s, unsigned int metric, uint32_t interval)
{
	if (metric == ALTO_DELAY_RT || metric == ALTO_TPUT || metric == ALTO_ANE_PATH)
		return false;
	return s->has[metric] && (metric == ALTO_ROUTINGCOST || interval == ALTO_NO_INTERVAL);
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
	struct alto_walk w = {.s = s,
			      .interval = row->key.interval,
			      .cost = own_values(row, ALTO_ROUTINGCOST),
			      .via = (uint32_t *)row->pub.via};
	int rc = alto_walk_run(&w, row->key.src);

	if (rc < 0)
		return rc;
	for (unsigned int i = 0; i < ALTO_METRIC_MAX; i++) {
		if (i != ALTO_ROUTINGCOST && row->pub.value[i])
			alto_walk_values(&w, i, own_values(row, i));
	}
	for (uint32_t i = 0; i < s->n_pids; i++) {
		if (!isfinite(w.cost[i]))
			w.cost[i] = NAN;
	}
	alto_walk_fini(&w);
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
	struct row *row = row_get(s, src, ALTO_NO_INTERVAL);

	return row ? &row->pub : NULL;
}

bool alto_source_affordable(const struct alto_source *s, uint64_t rows)
{
	return rows <= ALTO_WORK_MAX / ((uint64_t)s->n_pids * ALTO_WORK_PID + s->n_links);
}

/* ---- there and back ---- */

/* back[i]: delay of the best path from i to src. */
static int fill_back(const struct alto_source *s, uint32_t src, double *back)
{
	OWN_PTR double *cost = malloc(s->n_pids * sizeof(*cost));
	OWN_PTR uint32_t *via = malloc(s->n_pids * sizeof(*via));
	struct alto_walk w = {.s = s, .interval = ALTO_NO_INTERVAL, .cost = cost, .via = via};
	struct alto_rows *rows = s->rows;
	int rc = -ENOMEM;

	if (!cost || !via || (!rows->backward.first && alto_backward_fill(s, &rows->backward) < 0))
		return -ENOMEM;
	w.backward = &rows->backward;
	rc = alto_walk_run(&w, src);
	if (rc == 0)
		alto_walk_values(&w, ALTO_DELAY_OW, back);
	alto_walk_fini(&w);
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
	struct row *row = row_get(s, src, ALTO_NO_INTERVAL);
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
