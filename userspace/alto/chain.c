/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Joining what a server answered link by link: from the last link to the first, each path learns
 * what the best rest of the chain costs that begins in the domain where it ends. So the choice is
 * then made forwards, and of equals the first in order is taken.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alto/chain.h"

/* From a path on to the end of the chain. */
struct rest {
	double cost, count;
	uint64_t domains;
	bool fits; /* there is a rest */
};

/* Paths of one link that begin in the same domain: order[first..], by index. */
struct group {
	const char *domain;
	uint32_t first, n;
	uint32_t best; /* path; meaningless where rest does not fit */
	struct rest rest;
};

struct stage {
	const struct alto_chain_link *link;
	uint32_t *order;
	struct rest *rests; /* by path */
	struct group *groups;
	uint32_t n_groups;
	struct group all; /* every path: where the chain begins */
};

struct join {
	struct stage *stages;
	uint32_t n;
};

static int by_domain(const void *a, const void *b, void *arg)
{
	const struct alto_chain_link *link = arg;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
	int order = strcmp(link->paths[i].domains[0], link->paths[j].domains[0]);

	if (order)
		return order;
	return (i > j) - (i < j);
}

static int group_is(const void *key, const void *element)
{
	return strcmp(key, ((const struct group *)element)->domain);
}

static const struct group *group_find(const struct stage *stage, const char *domain)
{
	if (!stage->n_groups)
		return NULL;
	return bsearch(domain, stage->groups, stage->n_groups, sizeof(*stage->groups), group_is);
}

static bool better(const struct rest *a, const struct rest *b)
{
	if (a->fits != b->fits)
		return a->fits;
	if (a->cost != b->cost)
		return a->cost < b->cost;
	return a->domains < b->domains;
}

/* What begins with path: the path and the best that goes on from its end. next: NULL at the end. */
static struct rest rest_of(const struct alto_chain_path *path, const struct stage *next)
{
	struct rest rest = {.cost = path->cost, .count = 1, .domains = path->n, .fits = true};
	const struct group *on;

	if (!next)
		return rest;
	on = group_find(next, path->domains[path->n - 1]);
	if (!on || !on->rest.fits)
		return (struct rest){.fits = false};
	rest.cost += on->rest.cost;
	rest.domains += on->rest.domains;
	rest.count = on->rest.count;
	return rest;
}

static void group_add(struct group *group, const struct stage *stage, uint32_t path)
{
	const struct rest *rest = &stage->rests[path];
	double count = group->rest.count;

	if (!rest->fits)
		return;
	if (better(rest, &group->rest)) {
		group->rest = *rest;
		group->best = path;
	}
	group->rest.count = count + rest->count;
}

static void group_paths(struct stage *stage, uint32_t n)
{
	const struct alto_chain_link *link = stage->link;

	qsort_r(stage->order, n, sizeof(*stage->order), by_domain, (void *)link);
	for (uint32_t i = 0; i < n; i++) {
		const char *domain = link->paths[stage->order[i]].domains[0];
		struct group *group = stage->groups + stage->n_groups;

		if (stage->n_groups && !strcmp(group[-1].domain, domain)) {
			group--;
		} else {
			stage->n_groups++;
			*group = (struct group){.domain = domain, .first = i};
		}
		group->n++;
		group_add(group, stage, stage->order[i]);
	}
}

static int stage_init(struct stage *stage, const struct alto_chain_link *link,
		      const struct stage *next)
{
	uint32_t n = 0;

	stage->link = link;
	stage->order = calloc(link->n + 1, sizeof(*stage->order));
	stage->rests = calloc(link->n + 1, sizeof(*stage->rests));
	stage->groups = calloc(link->n + 1, sizeof(*stage->groups));
	if (!stage->order || !stage->rests || !stage->groups)
		return -ENOMEM;
	for (uint32_t i = 0; i < link->n; i++) {
		if (!link->paths[i].n || !isfinite(link->paths[i].cost))
			continue;
		stage->rests[i] = rest_of(&link->paths[i], next);
		group_add(&stage->all, stage, i);
		stage->order[n++] = i;
	}
	group_paths(stage, n);
	return 0;
}

static void join_fini(struct join *join)
{
	for (uint32_t i = 0; join->stages && i < join->n; i++) {
		free(join->stages[i].order);
		free(join->stages[i].rests);
		free(join->stages[i].groups);
	}
	free(join->stages);
}

static int join_init(struct join *join, const struct alto_chain_link *links, uint32_t n)
{
	int r = 0;

	join->n = n;
	join->stages = calloc(n ? n : 1, sizeof(*join->stages));
	if (!join->stages)
		return -ENOMEM;
	for (uint32_t i = n; !r && i-- > 0;)
		r = stage_init(&join->stages[i], &links[i],
			       i + 1 < n ? &join->stages[i + 1] : NULL);
	return r;
}

static const char *end_of(const struct alto_chain_link *link, uint32_t path)
{
	return link->paths[path].domains[link->paths[path].n - 1];
}

int alto_chain_best(const struct alto_chain_link *links, uint32_t n, uint32_t *choice, double *cost)
{
	struct join join;
	int r = join_init(&join, links, n);

	if (!r && (!n || !join.stages[0].all.rest.fits))
		r = -ENOENT;
	if (!r) {
		const struct group *group = &join.stages[0].all;

		*cost = group->rest.cost;
		for (uint32_t i = 0; i < n; i++) {
			choice[i] = group->best;
			if (i + 1 < n)
				group = group_find(&join.stages[i + 1],
						   end_of(&links[i], choice[i]));
		}
	}
	join_fini(&join);
	return r;
}

double alto_chain_count(const struct alto_chain_link *links, uint32_t n)
{
	struct join join;
	double count = 0;

	if (join_init(&join, links, n) < 0)
		count = NAN;
	else if (n)
		count = join.stages[0].all.rest.count;
	join_fini(&join);
	return count;
}

/* A position in the tree of chains: of which paths link i may take, the next one to try. */
struct turn {
	const struct group *group; /* NULL: all paths of the first link */
	uint32_t next;
};

/* The next path of link i that has a rest; false: there is none. */
static bool advance(const struct stage *stage, struct turn *turn, uint32_t *path)
{
	uint32_t n = turn->group ? turn->group->n : stage->link->n;

	while (turn->next < n) {
		uint32_t at = turn->next++;

		*path = turn->group ? stage->order[turn->group->first + at] : at;
		if (stage->rests[*path].fits)
			return true;
	}
	return false;
}

static uint32_t walk(const struct join *join, struct turn *turns, uint32_t *choice, uint32_t max,
		     void (*each)(void *arg, const uint32_t *choice), void *arg)
{
	uint32_t n = 0, i = 0;

	turns[0] = (struct turn){0};
	while (n < max) {
		const struct stage *stage = &join->stages[i];

		if (!advance(stage, &turns[i], &choice[i])) {
			if (!i--)
				break;
		} else if (i + 1 == join->n) {
			each(arg, choice);
			n++;
		} else {
			turns[i + 1] = (struct turn){
				.group = group_find(stage + 1, end_of(stage->link, choice[i]))};
			i++;
		}
	}
	return n;
}

uint32_t alto_chain_all(const struct alto_chain_link *links, uint32_t n, uint32_t max,
			void (*each)(void *arg, const uint32_t *choice), void *arg)
{
	struct turn *turns = calloc(n + 1, sizeof(*turns));
	uint32_t *choice = calloc(n + 1, sizeof(*choice));
	struct join join;
	uint32_t found = 0;

	if (!join_init(&join, links, n) && n && turns && choice)
		found = walk(&join, turns, choice, max, each, arg);
	join_fini(&join);
	free(turns);
	free(choice);
	return found;
}
