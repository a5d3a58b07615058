/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Candidates of a service graph. P(x, y) are the simple paths from domain x to y through transit
 * domains. A chain a_1 -> b_1 = a_2 -> ... starts in the domains that have a_1; link i may take all
 * P(x, y) from domains x where link i - 1 may end to domains y that have b_i. What does not lead on
 * to the end of the chain is dropped backwards. All paths of P(x, y) begin and end alike, so pairs
 * of domains are what is kept and dropped, and P(x, y) is looked for once in a request.
 *
 * Limits: ALTO_SG_PAIRS_MAX pairs of domains, else the request is refused; ALTO_PATH_STEPS_MAX
 * steps of looking for paths and ALTO_PATH_PIDS_MAX PIDs of those that are found, which the pairs
 * share alike; ALTO_PATHS_DEFAULT paths a pair, and fewer where the answer had more than
 * ALTO_CELLS_MAX: then the longest of each pair are left out, and told of. A pair of which not even
 * the shortest path could be found is refused: chains would be missing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alto/pv.h"
#include "util/hash.h"

struct pair {
	struct {
		uint32_t x, y;
	} key;
	bool looked;
	struct alto_pathset set;
	UT_hash_handle hh;
};

/* A pair that a link of a requirement may take; cell is what it is written under. */
struct place {
	uint32_t src, dst, a, b; /* nodes */
	bool keep;
	struct pair *pair;
};

struct places {
	struct place *v;
	size_t n, cap;
};

struct graph {
	const struct alto_source *source;
	struct alto_sg *sg;
	struct alto_finder *finder;
	struct pair *pairs; /* hash */
	uint32_t max;	    /* paths of a pair that are written */
	/* left of ALTO_PATH_STEPS_MAX: for pairs, distances, paths: none takes from the others */
	uint64_t visits, aims, steps;
	uint64_t pids;	  /* left of ALTO_PATH_PIDS_MAX */
	uint32_t n_pairs; /* not looked at */
	struct places places;
	struct alto_error *error;
};

/* ---- placement: which domains have a node ---- */

static int node_name(const void *a, const void *b)
{
	const struct alto_sg_node *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int node_is(const void *key, const void *element)
{
	return strcmp(key, (*(struct alto_sg_node *const *)element)->name);
}

static int node_add(struct alto_sg_node *node, uint32_t pid)
{
	uint32_t *grown;

	if (node->n && node->pids[node->n - 1] == pid)
		return 0;
	if (node->n == node->cap) {
		grown = realloc(node->pids, (node->cap * 2 + 8) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		node->pids = grown;
		node->cap = node->cap * 2 + 8;
	}
	node->pids[node->n++] = pid;
	return 0;
}

/* What one domain offers as `property`. */
static int place_names(struct alto_sg_node **nodes, uint32_t n, const json_t *names, bool saps,
		       uint32_t pid)
{
	struct alto_sg_node **found;
	json_t *value;
	size_t i;
	int r = 0;

	json_array_foreach(names, i, value) {
		if (!json_is_string(value))
			continue;
		found = bsearch(json_string_value(value), nodes, n, sizeof(*nodes), node_is);
		if (found && (*found)->sap == saps && !r)
			r = node_add(*found, pid);
	}
	return r;
}

static int place_nodes(struct graph *g)
{
	uint32_t n = g->sg->n_nodes;
	struct alto_sg_node **nodes = calloc(n + 1, sizeof(struct alto_sg_node *));
	int r = nodes ? 0 : -ENOMEM;

	for (uint32_t i = 0; nodes && i < n; i++)
		nodes[i] = &g->sg->nodes[i];
	if (nodes && n)
		qsort(nodes, n, sizeof(struct alto_sg_node *), node_name);
	for (uint32_t pid = 0; !r && n && pid < g->source->n_pids; pid++) {
		const json_t *props =
			json_object_get(g->source->pid_props, g->source->pids[pid].name);

		if (!props)
			continue;
		r = place_names(nodes, n, json_object_get(props, "nf"), false, pid);
		if (!r)
			r = place_names(nodes, n, json_object_get(props, "port"), true, pid);
	}
	free(nodes);
	return r;
}

/* ---- pairs ---- */

static int too_much(struct graph *g, const char *what, uint64_t limit)
{
	return alto_wrong_value(g->error, "sg", NULL,
				"takes more than %llu %s: ask for fewer links or requirements",
				(unsigned long long)limit, what);
}

/* Takes work off what is left of the steps for pairs. */
static int visit(struct graph *g, uint64_t work)
{
	if (work > g->visits)
		return too_much(g, "steps", ALTO_PATH_STEPS_MAX);
	g->visits -= work;
	return 0;
}

static struct pair *pair_find(struct graph *g, uint32_t x, uint32_t y)
{
	struct pair want = {.key = {x, y}}, *pair;

	HASH_FIND(hh, g->pairs, &want.key, sizeof(want.key), pair);
	return pair;
}

static int pair_add(struct graph *g, uint32_t x, uint32_t y)
{
	struct pair *pair;

	if (pair_find(g, x, y))
		return 0;
	if (HASH_COUNT(g->pairs) == ALTO_SG_PAIRS_MAX)
		return too_much(g, "pairs of domains", ALTO_SG_PAIRS_MAX);
	pair = calloc(1, sizeof(*pair));
	if (!pair)
		return -ENOMEM;
	pair->key.x = x;
	pair->key.y = y;
	HASH_ADD(hh, g->pairs, key, sizeof(pair->key), pair);
	g->n_pairs++;
	return 0;
}

/* Every pair that a link of a requirement may be asked for. */
static int link_pairs(struct graph *g, const struct alto_sg_link *link)
{
	const struct alto_sg_node *a = &g->sg->nodes[link->src], *b = &g->sg->nodes[link->dst];
	int r = 0;

	for (uint32_t i = 0; !r && i < a->n; i++) {
		for (uint32_t j = 0; !r && j < b->n; j++) {
			r = visit(g, 1);
			if (!r)
				r = pair_add(g, a->pids[i], b->pids[j]);
		}
	}
	return r;
}

static int all_pairs(struct graph *g)
{
	const struct alto_sg *sg = g->sg;
	bool *used = calloc(sg->n_links + 1, sizeof(*used));
	int r = used ? 0 : -ENOMEM;

	for (uint32_t i = 0; !r && i < sg->n_reqs; i++)
		for (uint32_t j = 0; j < sg->reqs[i].n; j++)
			used[sg->reqs[i].path[j]] = true;
	for (uint32_t i = 0; !r && i < sg->n_links; i++)
		if (used[i])
			r = link_pairs(g, &sg->links[i]);
	free(used);
	return r;
}

/* All that is left of PIDs, if the shortest path takes more than a share. */
static uint64_t share_of_pids(const struct graph *g, uint32_t x, uint32_t n_pairs)
{
	uint64_t share = g->pids / n_pairs, shortest = alto_finder_least(g->finder, x);

	return share > shortest ? share : shortest < g->pids ? shortest : g->pids;
}

/* Looks for the paths of a pair with its share of the steps that are left. */
static int pair_look(struct graph *g, struct pair *pair)
{
	uint32_t n_pairs = g->n_pairs ? g->n_pairs : 1;
	struct alto_path_limits share = {.paths = ALTO_PATHS_DEFAULT,
					 .steps = g->steps / n_pairs,
					 .pids = share_of_pids(g, pair->key.x, n_pairs)};
	struct alto_path_limits left = share;
	int r = alto_finder_paths(g->finder, pair->key.x, &left, &pair->set);

	if (r < 0)
		return r;
	pair->looked = true;
	g->steps -= share.steps - left.steps;
	g->pids -= share.pids - left.pids;
	g->n_pairs -= g->n_pairs > 0;
	if (!pair->set.cut || pair->set.n)
		return 0;
	if (left.steps)
		return too_much(g, "domains on paths", ALTO_PATH_PIDS_MAX);
	return too_much(g, "steps", ALTO_PATH_STEPS_MAX);
}

/* All pairs of from[n] and the domains of node b, those that lead to the same one together. */
static int pairs_look(struct graph *g, const uint32_t *from, uint32_t n, uint32_t b)
{
	const struct alto_sg_node *node = &g->sg->nodes[b];
	struct pair *pair;
	int r = 0;

	for (uint32_t j = 0; !r && j < node->n; j++) {
		for (uint32_t i = 0; !r && i < n; i++) {
			pair = pair_find(g, from[i], node->pids[j]);
			if (pair->looked)
				continue;
			if (!alto_finder_aim(g->finder, node->pids[j], &g->aims))
				return too_much(g, "steps", ALTO_PATH_STEPS_MAX);
			r = pair_look(g, pair);
		}
	}
	return r;
}

/* ---- one requirement ---- */

static int place_add(struct places *places, const struct place *place)
{
	struct place *grown;

	if (places->n == places->cap) {
		grown = realloc(places->v, (places->cap * 2 + 64) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		places->v = grown;
		places->cap = places->cap * 2 + 64;
	}
	places->v[places->n++] = *place;
	return 0;
}

/* Places of one link, from the domains in alive; alive then says where the link may end. */
static int link_places(struct graph *g, const struct alto_sg_req *req,
		       const struct alto_sg_link *link, bool *alive)
{
	const struct alto_sg_node *a = &g->sg->nodes[link->src], *b = &g->sg->nodes[link->dst];
	uint32_t *from = calloc(a->n + 1, sizeof(*from));
	size_t first = g->places.n;
	uint32_t n = 0;
	int r = from ? 0 : -ENOMEM;

	for (uint32_t i = 0; from && i < a->n; i++)
		if (alive[a->pids[i]])
			from[n++] = a->pids[i];
	if (!r)
		r = visit(g, (uint64_t)n * b->n + a->n + b->n + 1);
	if (!r)
		r = pairs_look(g, from, n, link->dst);
	for (uint32_t i = 0; !r && i < n; i++) {
		for (uint32_t j = 0; !r && j < b->n; j++) {
			struct place place = {.src = req->src,
					      .dst = req->dst,
					      .a = link->src,
					      .b = link->dst,
					      .pair = pair_find(g, from[i], b->pids[j])};

			if (place.pair->set.n)
				r = place_add(&g->places, &place);
		}
	}
	for (uint32_t i = 0; i < n; i++)
		alive[from[i]] = false;
	for (size_t i = first; i < g->places.n; i++)
		alive[g->places.v[i].pair->key.y] = true;
	free(from);
	return r;
}

/* Forwards: begin[i] is the first place of link i; n + 1 of them. alive: where the last ends. A
 * link that leads nowhere has no place, and none behind it is looked at. */
static int req_forwards(struct graph *g, const struct alto_sg_req *req, size_t *begin, bool *alive)
{
	const struct alto_sg_node *start = &g->sg->nodes[req->src];
	bool any = start->n;
	int r = visit(g, start->n + 1ull);

	for (uint32_t i = 0; !r && i < start->n; i++)
		alive[start->pids[i]] = true;
	for (uint32_t i = 0; i < req->n; i++) {
		begin[i] = g->places.n;
		if (r || !any)
			continue;
		r = link_places(g, req, &g->sg->links[req->path[i]], alive);
		any = g->places.n > begin[i];
	}
	begin[req->n] = g->places.n;
	return r;
}

/* Backwards: what ends where nothing goes on is not kept. alive is all false again. */
static void req_backwards(struct graph *g, const struct alto_sg_req *req, const size_t *begin,
			  bool *alive)
{
	struct place *v = g->places.v;
	size_t to = begin[0];

	for (uint32_t link = req->n; link-- > 0;) {
		for (size_t i = begin[link]; i < begin[link + 1]; i++)
			v[i].keep = alive[v[i].pair->key.y];
		for (size_t i = begin[link]; i < begin[link + 1]; i++)
			alive[v[i].pair->key.y] = false;
		for (size_t i = begin[link]; i < begin[link + 1]; i++)
			if (v[i].keep)
				alive[v[i].pair->key.x] = true;
	}
	for (size_t i = begin[0]; i < begin[1]; i++)
		alive[v[i].pair->key.x] = false;
	for (size_t i = begin[0]; i < g->places.n; i++)
		if (v[i].keep)
			v[to++] = v[i];
	g->places.n = to;
}

static int req_places(struct graph *g, const struct alto_sg_req *req, bool *alive)
{
	size_t *begin = calloc((size_t)req->n + 1, sizeof(*begin));
	int r = begin ? req_forwards(g, req, begin, alive) : -ENOMEM;

	if (!r)
		req_backwards(g, req, begin, alive);
	free(begin);
	if (!r && g->places.n > ALTO_CELLS_MAX)
		r = too_much(g, "costs", ALTO_CELLS_MAX);
	return r;
}

/* ---- the answer ---- */

#define ORDER(a, b, member)                                                                        \
	do {                                                                                       \
		if ((a)->member != (b)->member)                                                    \
			return (a)->member < (b)->member ? -1 : 1;                                 \
	} while (0)

static int place_order(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	ORDER(x, y, src);
	ORDER(x, y, dst);
	ORDER(x, y, a);
	ORDER(x, y, b);
	ORDER(x, y, pair->key.x);
	ORDER(x, y, pair->key.y);
	return 0;
}

/* Several requirements may have a place in common, and one may pass it twice. */
static void places_unite(struct graph *g)
{
	struct places *all = &g->places;
	uint64_t paths = 0;
	size_t to = 0;

	if (all->n)
		qsort(all->v, all->n, sizeof(*all->v), place_order);
	for (size_t i = 0; i < all->n; i++) {
		if (to && !place_order(&all->v[to - 1], &all->v[i]))
			continue;
		all->v[to++] = all->v[i];
		paths += all->v[i].pair->set.n;
	}
	all->n = to;
	if (paths > ALTO_CELLS_MAX)
		g->max = (uint32_t)(ALTO_CELLS_MAX / all->n);
}

static void put_paths(const struct graph *g, struct alto_anes *anes, struct alto_out *o,
		      const struct alto_pathset *set, bool first)
{
	for (uint32_t i = 0; i < set->n && i < g->max && !o->failed; i++) {
		if (i || !first)
			alto_puts(o, ",");
		alto_anes_put_path(anes, o, set->pids + set->begin[i], NULL,
				   set->begin[i + 1] - set->begin[i]);
	}
}

/* How many of the four names above a path are another place's too. */
static int in_common(const struct place *a, const struct place *b)
{
	if (!a || a->src != b->src)
		return 0;
	if (a->dst != b->dst)
		return 1;
	if (a->a != b->a)
		return 2;
	return a->b != b->b ? 3 : 4;
}

static void put_place(struct graph *g, struct alto_anes *anes, struct alto_out *o, size_t at)
{
	static const char *const closing[] = {"]}}},", "]}},", "]},", "],", ""};
	const struct place *place = &g->places.v[at], *before = at ? place - 1 : NULL;
	const uint32_t names[] = {place->src, place->dst, place->a, place->b};
	int common = in_common(before, place);

	if (before)
		alto_puts(o, closing[common]);
	for (int i = common; i < 4; i++) {
		if (i > common)
			alto_puts(o, "{");
		alto_put_string(o, g->sg->nodes[names[i]].name);
		alto_puts(o, ":");
	}
	if (common < 4)
		alto_puts(o, "[");
	put_paths(g, anes, o, &place->pair->set, common < 4);
}

static void say_cut(const struct graph *g, struct alto_sg_cut *cut)
{
	struct pair *pair, *next;

	*cut = (struct alto_sg_cut){.paths = g->max};
	HASH_ITER(hh, g->pairs, pair, next)
		cut->pairs += pair->set.cut || pair->set.n > g->max;
}

static void graph_fini(struct graph *g)
{
	struct pair *pair, *next;

	HASH_ITER(hh, g->pairs, pair, next) {
		HASH_DEL(g->pairs, pair);
		alto_pathset_fini(&pair->set);
		free(pair);
	}
	alto_finder_free(g->finder);
	free(g->places.v);
}

static int find_places(struct graph *g)
{
	bool *alive = calloc((size_t)g->source->n_pids + 1, sizeof(*alive));
	int r = alive ? place_nodes(g) : -ENOMEM;

	if (!r)
		r = all_pairs(g);
	if (!r)
		r = alto_finder_new(g->source, &g->finder);
	for (uint32_t i = 0; !r && i < g->sg->n_reqs; i++)
		r = req_places(g, &g->sg->reqs[i], alive);
	if (!r)
		places_unite(g);
	free(alive);
	return r;
}

int alto_sg_put(struct alto_sg *sg, struct alto_anes *anes, struct alto_out *o,
		struct alto_sg_cut *cut, struct alto_error *error)
{
	struct graph g = {.source = anes->source,
			  .sg = sg,
			  .visits = ALTO_PATH_STEPS_MAX,
			  .aims = ALTO_PATH_STEPS_MAX,
			  .steps = ALTO_PATH_STEPS_MAX,
			  .pids = ALTO_PATH_PIDS_MAX,
			  .max = ALTO_PATHS_DEFAULT,
			  .error = error};
	int r = find_places(&g);

	if (!r) {
		alto_puts(o, "{");
		for (size_t i = 0; i < g.places.n && !o->failed; i++)
			put_place(&g, anes, o, i);
		alto_puts(o, g.places.n ? "]}}}}" : "}");
		say_cut(&g, cut);
	}
	graph_fini(&g);
	return r;
}
