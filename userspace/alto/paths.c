/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Simple paths by iterative deepening: all of one link, all of two, ...: shortest first without a
 * queue of unfinished ones. A branch is left where its end cannot be reached any more with the
 * links that remain (distances to y by breadth-first search against the links); when nothing was
 * left for that reason, longer paths do not exist.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alto/pv.h"

#define NONE UINT32_MAX
#define AIM_WEIGHT 16 /* links looked at by breadth-first search for one step */

struct alto_finder {
	const struct alto_source *s;
	uint32_t *in_first, *in_from; /* usable links by the PID they lead to */
	uint32_t *dist;		      /* links to y; NONE: no way */
	uint32_t *queue, *path, *cursor;
	bool *on_path;
	uint32_t y, n_transit;
};

struct search {
	struct alto_finder *f;
	uint32_t x;
	struct alto_path_limits *left;
	struct alto_pathset *out;
	size_t cap; /* of out->pids */
	bool deeper, stop;
	int failed;
};

static bool usable(const struct alto_link *link)
{
	return !isnan(link->value[LINK_ROUTINGCOST]);
}

static uint32_t *numbers(size_t n)
{
	return calloc(n ? n : 1, sizeof(uint32_t));
}

/* Links by their end: counting sort, so that each list has the order of the PIDs it comes from. */
static int turn_round(struct alto_finder *f)
{
	const struct alto_source *s = f->s;

	f->in_first = numbers((size_t)s->n_pids + 2);
	f->in_from = numbers(s->n_links);
	if (!f->in_first || !f->in_from)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->n_links; i++)
		f->in_first[s->links[i].to + 2] += usable(&s->links[i]);
	for (uint32_t i = 2; i < s->n_pids + 2; i++)
		f->in_first[i] += f->in_first[i - 1];
	for (uint32_t i = 0; i < s->n_links; i++)
		if (usable(&s->links[i]))
			f->in_from[f->in_first[s->links[i].to + 1]++] = s->links[i].from;
	return 0;
}

int alto_finder_new(const struct alto_source *s, struct alto_finder **out)
{
	struct alto_finder *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->s = s;
	f->y = NONE;
	for (uint32_t i = 0; i < s->n_pids; i++)
		f->n_transit += s->pids[i].transit;
	f->dist = numbers(s->n_pids);
	f->queue = numbers(s->n_pids);
	f->path = numbers((size_t)f->n_transit + 2);
	f->cursor = numbers((size_t)f->n_transit + 2);
	f->on_path = calloc(s->n_pids ? s->n_pids : 1, sizeof(*f->on_path));
	if (!f->dist || !f->queue || !f->path || !f->cursor || !f->on_path || turn_round(f) < 0) {
		alto_finder_free(f);
		return -ENOMEM;
	}
	*out = f;
	return 0;
}

void alto_finder_free(struct alto_finder *f)
{
	if (!f)
		return;
	free(f->in_first);
	free(f->in_from);
	free(f->dist);
	free(f->queue);
	free(f->path);
	free(f->cursor);
	free(f->on_path);
	free(f);
}

static void spend(uint64_t *steps, uint64_t work)
{
	*steps -= work < *steps ? work : *steps;
}

bool alto_finder_aim(struct alto_finder *f, uint32_t y, uint64_t *steps)
{
	uint32_t head = 0, tail = 0;
	uint64_t work = 0;

	if (f->y == y)
		return *steps > 0;
	f->y = y;
	memset(f->dist, 0xff, f->s->n_pids * sizeof(*f->dist));
	f->dist[y] = 0;
	f->queue[tail++] = y;
	while (head < tail) {
		uint32_t to = f->queue[head++];

		if (to != y && !f->s->pids[to].transit)
			continue;
		work += f->in_first[to + 1] - f->in_first[to];
		for (uint32_t i = f->in_first[to]; i < f->in_first[to + 1]; i++) {
			uint32_t from = f->in_from[i];

			if (f->dist[from] != NONE)
				continue;
			f->dist[from] = f->dist[to] + 1;
			f->queue[tail++] = from;
		}
	}
	spend(steps, 1 + work / AIM_WEIGHT);
	return *steps > 0;
}

uint32_t alto_finder_least(const struct alto_finder *f, uint32_t x)
{
	return f->dist[x] == NONE ? 0 : f->dist[x] + 1;
}

static int room(struct search *run, uint32_t n)
{
	struct alto_pathset *out = run->out;
	size_t used = out->begin[out->n], want = run->cap ? run->cap * 2 : 64;
	uint32_t *grown;

	if (used + n <= run->cap)
		return 0;
	while (want < used + n)
		want *= 2;
	grown = realloc(out->pids, want * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	out->pids = grown;
	run->cap = want;
	return 0;
}

/* One more path: the first n - 1 of f->path, then y. begin grows with powers of two. */
static void found(struct search *run, uint32_t n)
{
	struct alto_pathset *out = run->out;
	uint32_t *grown;

	if (out->n == run->left->paths || n > run->left->pids) {
		out->cut = run->stop = true;
		return;
	}
	if (out->n && !(out->n & (out->n - 1))) {
		grown = realloc(out->begin, ((size_t)out->n * 2 + 1) * sizeof(*grown));
		if (grown)
			out->begin = grown;
		run->failed = grown ? 0 : -ENOMEM;
	}
	if (!run->failed)
		run->failed = room(run, n);
	if (run->failed) {
		run->stop = true;
		return;
	}
	memcpy(out->pids + out->begin[out->n], run->f->path, (n - 1) * sizeof(uint32_t));
	out->pids[out->begin[out->n] + n - 1] = run->f->y;
	out->begin[out->n + 1] = out->begin[out->n] + n;
	out->n++;
	run->left->pids -= n;
}

/* May v be inside of the path, with `left` links to go from it? */
static bool may_cross(struct search *run, uint32_t v, uint32_t left)
{
	const struct alto_finder *f = run->f;

	if (v == f->y || f->on_path[v] || !f->s->pids[v].transit || f->dist[v] == NONE)
		return false;
	if (f->dist[v] <= left)
		return true;
	run->deeper = true;
	return false;
}

static void enter(struct alto_finder *f, uint32_t depth, uint32_t pid)
{
	f->path[depth] = pid;
	f->cursor[depth] = f->s->pids[pid].first_link;
	f->on_path[pid] = true;
}

static int link_to(const void *key, const void *element)
{
	uint32_t to = *(const uint32_t *)key;
	const struct alto_link *link = element;

	return (to > link->to) - (to < link->to);
}

/* One link is left: it must lead to y. */
static void last_link(struct search *run, uint32_t u, uint32_t want)
{
	const struct alto_source *s = run->f->s;
	uint32_t first = s->pids[u].first_link, n = s->pids[u + 1].first_link - first;
	const struct alto_link *link = NULL;

	if (n)
		link = bsearch(&run->f->y, s->links + first, n, sizeof(*link), link_to);
	if (link && usable(link))
		found(run, want + 1);
}

/* All paths of exactly `want` links. Whether longer ones exist is seen while links are looked at
 * one by one: once it is known, the last of a path is found at once. */
static void level(struct search *run, uint32_t want)
{
	struct alto_finder *f = run->f;
	int64_t depth = 0;

	enter(f, 0, run->x);
	while (depth >= 0 && !run->stop) {
		uint32_t u = f->path[depth], left = want - (uint32_t)depth;
		const struct alto_link *link;

		if (f->cursor[depth] == f->s->pids[u + 1].first_link) {
			f->on_path[u] = false;
			depth--;
			continue;
		}
		if (!run->left->steps) {
			run->out->cut = run->stop = true;
			break;
		}
		run->left->steps--;
		if (left == 1 && run->deeper && f->cursor[depth] == f->s->pids[u].first_link) {
			f->cursor[depth] = f->s->pids[u + 1].first_link;
			last_link(run, u, want);
			continue;
		}
		link = &f->s->links[f->cursor[depth]++];
		if (!usable(link))
			continue;
		if (left == 1 && link->to == f->y)
			found(run, want + 1);
		else if (may_cross(run, link->to, left - 1))
			enter(f, (uint32_t)++depth, link->to);
	}
	for (; depth >= 0; depth--)
		f->on_path[f->path[depth]] = false;
}

int alto_finder_paths(struct alto_finder *f, uint32_t x, struct alto_path_limits *left,
		      struct alto_pathset *out)
{
	struct search run = {.f = f, .x = x, .left = left, .out = out};

	memset(out, 0, sizeof(*out));
	out->begin = numbers(2);
	if (!out->begin)
		return -ENOMEM;
	if (x == f->y) {
		f->path[0] = x;
		found(&run, 1);
	} else if (f->dist[x] != NONE) {
		for (uint32_t want = f->dist[x]; want <= f->n_transit + 1 && !run.stop; want++) {
			run.deeper = false;
			level(&run, want);
			if (!run.deeper)
				break;
		}
	}
	if (run.failed)
		alto_pathset_fini(out);
	return run.failed;
}

int alto_paths(const struct alto_source *s, uint32_t x, uint32_t y, struct alto_path_limits *left,
	       struct alto_pathset *out)
{
	struct alto_finder *f;
	int r = alto_finder_new(s, &f);

	if (r < 0)
		return r;
	alto_finder_aim(f, y, &left->steps);
	r = alto_finder_paths(f, x, left, out);
	alto_finder_free(f);
	return r;
}

void alto_pathset_fini(struct alto_pathset *set)
{
	free(set->pids);
	free(set->begin);
	memset(set, 0, sizeof(*set));
}
