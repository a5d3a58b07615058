/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Costs of all pairs that an answer needs. Sources are taken in the order of their PIDs, so that a
 * row of shortest paths is computed once, whatever the cache holds. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alto/cost.h"

struct fill {
	const struct alto_source *s;
	const struct alto_cost_ask *ask;
	const struct alto_side *src, *dst;
	struct alto_cost_table *table;
};

static bool calendared(const struct alto_cost_ask *ask)
{
	for (unsigned int i = 0; i < ask->n_types; i++) {
		if (ask->calendared[i])
			return true;
	}
	return false;
}

/* Which of the offered types are looked up. */
static unsigned int used_types(const struct alto_cost_ask *ask, bool used[ALTO_COST_TYPES_MAX])
{
	unsigned int n = 0;

	memset(used, 0, ALTO_COST_TYPES_MAX * sizeof(used[0]));
	for (unsigned int i = 0; i < ask->n_types; i++)
		used[ask->types[i]] = true;
	for (unsigned int i = 0; i < ask->n_tests; i++)
		used[ask->tests[i].type] = true;
	for (unsigned int i = 0; i < ask->n_offered; i++)
		n += used[i];
	return n;
}

static bool uses_metric(const struct alto_cost_ask *ask, enum alto_metric metric)
{
	bool used[ALTO_COST_TYPES_MAX];

	used_types(ask, used);
	for (unsigned int i = 0; i < ask->n_offered; i++) {
		if (used[i] && ask->offered[i].metric == metric)
			return true;
	}
	return false;
}

uint32_t alto_side_pids(const struct alto_side *side)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < side->n; i++)
		n += i == 0 || side->pid[side->order[i]] != side->pid[side->order[i - 1]];
	return n;
}

/* ---- limits ---- */

/* Values for each pair: planes of the table, and a type that is asked for twice is written twice.
 */
static uint64_t values_per_pair(const struct alto_source *s, const struct alto_cost_ask *ask)
{
	bool used[ALTO_COST_TYPES_MAX];
	uint64_t n = used_types(ask, used), written = 0;

	for (unsigned int i = 0; i < ask->n_types; i++)
		written += ask->calendared[i] ? s->calendar.n_intervals : 1;
	if (calendared(ask))
		n += s->calendar.n_intervals;
	return n > written ? n : written;
}

/* Different rows of shortest paths; there and back takes two. */
static uint64_t rows(const struct alto_source *s, const struct alto_cost_ask *ask,
		     const struct alto_sides *sides)
{
	uint64_t each = 1;

	if (calendared(ask))
		each += s->calendar.n_intervals;
	if (uses_metric(ask, ALTO_DELAY_RT))
		each++;
	return each * alto_side_pids(&sides->src);
}

bool alto_cost_whole(const struct alto_source *s, enum alto_metric metric)
{
	uint64_t n = s->n_pids;

	return n * n <= ALTO_CELLS_MAX &&
	       alto_source_affordable(s, metric == ALTO_DELAY_RT ? 2 * n : n);
}

int alto_cost_check(const struct alto_source *s, const struct alto_cost_ask *ask,
		    const struct alto_sides *sides, const char *field, struct alto_error *error)
{
	uint64_t cells = (uint64_t)sides->src.n * sides->dst.n * values_per_pair(s, ask);

	if (cells > ALTO_CELLS_MAX && field)
		return alto_wrong_value(error, field, NULL,
					"asks for %llu costs, must be at most %u: ask for parts",
					(unsigned long long)cells, ALTO_CELLS_MAX);
	if (cells > ALTO_CELLS_MAX)
		return alto_overload(error,
				     "has %llu costs, more than %u: ask the filtered cost map",
				     (unsigned long long)cells, ALTO_CELLS_MAX);
	if (cells == 0 || alto_source_affordable(s, rows(s, ask, sides)))
		return 0;
	if (field)
		return alto_wrong_value(error, field, NULL,
					"needs paths from too many PIDs of %u: name fewer sources",
					s->n_pids);
	return alto_overload(error, "needs paths between all of %u PIDs: ask the filtered cost map",
			     s->n_pids);
}

/* ---- values ---- */

/* One metric from a source, and where its values stand in the table. */
static int fill_metric(const struct fill *f, enum alto_metric metric, uint32_t src, double *to)
{
	const double *values = alto_source_values(f->s, metric, src);

	if (!values)
		return -ENOMEM;
	for (uint32_t i = 0; i < f->dst->n; i++)
		to[i] = values[f->dst->pid[i]];
	return 0;
}

static int fill_row(const struct fill *f, uint32_t src, size_t first)
{
	for (unsigned int t = 0; t < f->ask->n_offered; t++) {
		double *values = f->table->value[t];
		int ret = 0;

		if (values)
			ret = fill_metric(f, f->ask->offered[t].metric, src, values + first);
		if (ret)
			return ret;
	}
	return 0;
}

static int fill_rows(const struct fill *f)
{
	for (uint32_t i = 0; i < f->src->n; i++) {
		uint32_t pos = f->src->order[i];
		int ret = fill_row(f, f->src->pid[pos], (size_t)pos * f->dst->n);

		if (ret)
			return ret;
	}
	return 0;
}

/* One interval from the source at position pos. */
static int fill_interval(const struct fill *f, uint32_t interval, uint32_t pos)
{
	size_t pairs = (size_t)f->src->n * f->dst->n;
	double *to = f->table->calendar + interval * pairs + (size_t)pos * f->dst->n;

	for (uint32_t k = 0; k < f->dst->n; k++) {
		int ret = alto_source_cost_at(f->s, interval, f->src->pid[pos], f->dst->pid[k],
					      &to[k]);

		if (ret)
			return ret;
	}
	return 0;
}

static int fill_calendar(const struct fill *f)
{
	uint32_t intervals = f->s->calendar.n_intervals;

	for (uint64_t i = 0; i < (uint64_t)f->src->n * intervals; i++) {
		int ret = fill_interval(f, (uint32_t)(i % intervals), f->src->order[i / intervals]);

		if (ret)
			return ret;
	}
	return 0;
}

/* ---- ordinal mode (RFC 7285, 6.1.2) ---- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts the known ones of n values, each once, to the front; returns their number. */
static size_t sort_known(double *values, size_t n)
{
	size_t k = 0, unique = 0;

	for (size_t i = 0; i < n; i++) {
		if (!isnan(values[i]))
			values[k++] = values[i];
	}
	qsort(values, k, sizeof(values[0]), by_value);
	for (size_t i = 0; i < k; i++) {
		if (unique == 0 || values[i] != values[unique - 1])
			values[unique++] = values[i];
	}
	return unique;
}

/* Values of all pairs. NULL: no memory. */
static double *whole_map(const struct alto_source *s, enum alto_metric metric)
{
	size_t n = s->n_pids;
	double *all = malloc(n * n * sizeof(*all));

	for (uint32_t i = 0; all && i < n; i++) {
		const double *row = alto_source_values(s, metric, i);

		if (!row) {
			free(all);
			return NULL;
		}
		memcpy(all + i * n, row, n * sizeof(*row));
	}
	return all;
}

static double *copy(const double *values, size_t n)
{
	double *new = malloc((n ? n : 1) * sizeof(*new));

	return new ? memcpy(new, values, n * sizeof(*new)) : NULL;
}

/* Values become their ranks among known, the best 1. */
static void rank(double *values, size_t n, const double *known, size_t k, bool more_is_better)
{
	for (size_t i = 0; i < n; i++) {
		const double *place = bsearch(&values[i], known, isnan(values[i]) ? 0 : k,
					      sizeof(known[0]), by_value);

		if (place)
			values[i] = (double)(more_is_better ? k - (size_t)(place - known)
							    : (size_t)(place - known) + 1);
	}
}

/* ---- the table ---- */

static int allocate(const struct fill *f)
{
	size_t pairs = (size_t)f->src->n * f->dst->n, planes;
	bool used[ALTO_COST_TYPES_MAX];
	double *next;

	planes = used_types(f->ask, used);
	if (calendared(f->ask))
		planes += f->s->calendar.n_intervals;
	next = f->table->memory = calloc(planes * pairs + 1, sizeof(double));
	if (!next)
		return -ENOMEM;
	for (unsigned int i = 0; i < f->ask->n_offered; i++) {
		if (!used[i])
			continue;
		f->table->value[i] = next;
		next += pairs;
	}
	if (calendared(f->ask))
		f->table->calendar = next;
	return 0;
}

static int rank_type(const struct fill *f, unsigned int type)
{
	const struct alto_cost_type *t = &f->ask->offered[type];
	size_t n = (size_t)f->src->n * f->dst->n, all = (size_t)f->s->n_pids * f->s->n_pids, k;
	double *values = f->table->value[type], *known;
	bool whole = alto_cost_whole(f->s, t->metric);

	if (!values || t->mode != ALTO_ORDINAL || n == 0)
		return 0;
	known = whole ? whole_map(f->s, t->metric) : copy(values, n);
	if (!known)
		return -ENOMEM;
	k = sort_known(known, whole ? all : n);
	rank(values, n, known, k, alto_metric_more_is_better(t->metric));
	free(known);
	return 0;
}

int alto_cost_table_new(const struct alto_source *s, const struct alto_cost_ask *ask,
			const struct alto_sides *sides, struct alto_cost_table *out)
{
	struct alto_cost_table table = {0};
	struct fill f = {s, ask, &sides->src, &sides->dst, &table};
	int ret = allocate(&f);

	if (ret == 0 && f.dst->n > 0)
		ret = fill_rows(&f);
	for (unsigned int i = 0; i < ask->n_offered && ret == 0; i++)
		ret = rank_type(&f, i);
	if (ret == 0 && table.calendar)
		ret = fill_calendar(&f);
	if (ret) {
		alto_cost_table_fini(&table);
		return ret;
	}
	*out = table;
	return 0;
}

void alto_cost_table_fini(struct alto_cost_table *table)
{
	free(table->memory);
	memset(table, 0, sizeof(*table));
}
