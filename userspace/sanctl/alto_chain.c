/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Service graphs: the server says which paths each link may take, here they become a chain. A path
 * costs what the cost map says between its neighbours; one with an unknown cost is left out.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alto/chain.h"
#include "sanctl/alto.h"
#include "sanctl/table.h"

struct chain {
	struct alto_chain_link *links;
	uint32_t n;
	uint32_t unknown; /* paths that are left out */
	uint32_t *choice;
	double cost, count;
	bool fits;
};

static void chain_fini(struct chain *c)
{
	for (uint32_t i = 0; i < c->n; i++) {
		for (uint32_t k = 0; k < c->links[i].n; k++)
			free(c->links[i].paths[k].domains);
		free(c->links[i].paths);
	}
	free(c->links);
	free(c->choice);
}

/* ---- candidates ---- */

static bool path_cost(const struct alto_costmap *costs, struct alto_chain_path *path)
{
	double cost;

	for (uint32_t i = 1; i < path->n; i++) {
		if (!alto_costmap_cost(costs, path->domains[i - 1], path->domains[i], &cost))
			return false;
		path->cost += cost;
	}
	return path->n > 0;
}

static int add_path(struct chain *c, struct alto_chain_link *link, const json_t *vector,
		    const struct alto_costmap *costs)
{
	struct alto_chain_path *path = &link->paths[link->n];
	const json_t *name;
	size_t i;

	path->n = (uint32_t)json_array_size(vector);
	path->domains = calloc(path->n + 1, sizeof(*path->domains));
	if (!path->domains)
		return -ENOMEM;
	json_array_foreach(vector, i, name)
		path->domains[i] = json_string_value(name);
	if (path_cost(costs, path)) {
		link->n++;
		return 0;
	}
	c->unknown++;
	free(path->domains);
	*path = (struct alto_chain_path){};
	return 0;
}

static int add_link(struct chain *c, const json_t *pair, const json_t *sg_link,
		    const struct alto_costmap *costs)
{
	struct alto_chain_link *link = &c->links[c->n];
	const json_t *vectors, *vector;
	size_t i;
	int rc = 0;

	link->src = json_string_value(json_object_get(sg_link, "src-node"));
	link->dst = json_string_value(json_object_get(sg_link, "dst-node"));
	if (!link->src || !link->dst)
		return -EINVAL;
	vectors = json_object_get(json_object_get(pair, link->src), link->dst);
	link->paths = calloc(json_array_size(vectors) + 1, sizeof(*link->paths));
	if (!link->paths)
		return -ENOMEM;
	c->n++;
	json_array_foreach(vectors, i, vector)
		rc = rc ? rc : add_path(c, link, vector, costs);
	return rc;
}

/* IDs are strings or numbers: 1 and "1" are the same. */
static const json_t *find_link(const json_t *sg, const json_t *id)
{
	char want[TABLE_CELL_MAX], is[TABLE_CELL_MAX];
	const json_t *link;
	size_t i;

	table_text(id, want, sizeof(want));
	json_array_foreach(json_object_get(sg, "sg_links"), i, link) {
		if (!strcmp(table_text(json_object_get(link, "id"), is, sizeof(is)), want))
			return link;
	}
	return NULL;
}

static int chain_read(struct chain *c, const json_t *sg, const json_t *req,
		      const struct alto_pv *pv, const struct alto_costmap *costs)
{
	const char *src = json_string_value(json_object_get(req, "src-node"));
	const char *dst = json_string_value(json_object_get(req, "dst-node"));
	const json_t *path = json_object_get(req, "sg-path"), *id, *pair;
	size_t i;
	int rc = src && dst ? 0 : -EINVAL;

	pair = rc ? NULL : json_object_get(json_object_get(pv->costs->costs, src), dst);
	c->links = calloc(json_array_size(path) + 1, sizeof(*c->links));
	c->choice = calloc(json_array_size(path) + 1, sizeof(*c->choice));
	if (!c->links || !c->choice)
		return -ENOMEM;
	json_array_foreach(path, i, id)
		rc = rc ? rc : add_link(c, pair, find_link(sg, id), costs);
	if (rc)
		return rc;
	rc = alto_chain_best(c->links, c->n, c->choice, &c->cost);
	c->fits = rc == 0;
	c->count = rc ? 0 : alto_chain_count(c->links, c->n);
	return rc == -ENOENT ? 0 : rc;
}

/* ---- what is shown ---- */

static json_t *names_of(const struct alto_chain_path *path)
{
	json_t *names = json_array();

	for (uint32_t i = 0; i < path->n; i++)
		json_array_append_new(names, json_string(path->domains[i]));
	return names;
}

static json_t *rows_of(const struct chain *c)
{
	json_t *rows = json_array();

	for (uint32_t i = 0; i < c->n && c->fits; i++) {
		const struct alto_chain_link *link = &c->links[i];
		const struct alto_chain_path *path = &link->paths[c->choice[i]];

		json_array_append_new(rows,
				      json_pack("{s:s,s:s,s:o,s:f,s:i}", "src", link->src, "dst",
						link->dst, "path", names_of(path), "cost",
						path->cost, "candidates", (int)link->n));
	}
	return rows;
}

static json_t *chain_json(const struct chain *c, const json_t *req)
{
	json_t *obj = json_pack("{s:O,s:O,s:f,s:i,s:o}", "src", json_object_get(req, "src-node"),
				"dst", json_object_get(req, "dst-node"), "chains", c->count,
				"left-out", (int)c->unknown, "links", rows_of(c));

	if (c->fits)
		json_object_set_new(obj, "cost", json_real(c->cost));
	return obj;
}

static void print_chain(const json_t *chain)
{
	static const struct column columns[] = {
		{"FROM", "src", COLUMN_PLAIN},	    {"TO", "dst", COLUMN_PLAIN},
		{"PATH", "path", COLUMN_PLAIN},	    {"COST", "cost", COLUMN_PLAIN},
		{"OF", "candidates", COLUMN_PLAIN}, {},
	};
	const json_t *cost = json_object_get(chain, "cost");
	json_int_t left_out = json_integer_value(json_object_get(chain, "left-out"));
	char src[TABLE_CELL_MAX], dst[TABLE_CELL_MAX];

	printf("%s to %s: ", table_text(json_object_get(chain, "src"), src, sizeof(src)),
	       table_text(json_object_get(chain, "dst"), dst, sizeof(dst)));
	if (cost)
		printf("%.10g chains, the best costs %.10g\n",
		       json_number_value(json_object_get(chain, "chains")),
		       json_number_value(cost));
	else
		puts("no chain fits together");
	if (left_out)
		printf("  left out: %lld paths whose cost is not known\n", (long long)left_out);
	if (cost)
		table_print(stdout, 2, columns, json_object_get(chain, "links"));
}

/* ---- all requirements ---- */

static int failed(int rc)
{
	fprintf(stderr, "sanctl: the chains cannot be put together: %s\n", strerror(-rc));
	return CTL_REFUSED;
}

static int add_chains(const json_t *sg, const struct alto_pv *pv, const struct alto_costmap *costs,
		      json_t *chains)
{
	const json_t *req;
	int status = CTL_OK, rc;
	size_t i;

	json_array_foreach(json_object_get(sg, "reqs"), i, req) {
		struct chain chain = {};

		rc = chain_read(&chain, sg, req, pv, costs);
		if (rc) {
			chain_fini(&chain);
			return failed(rc);
		}
		json_array_append_new(chains, chain_json(&chain, req));
		if (!chain.fits)
			status = CTL_NOT_FOUND;
		chain_fini(&chain);
	}
	return status;
}

static void show(const struct peer *peer, const struct alto_pv *pv, json_t *chains)
{
	const json_t *cut = json_object_get(json_object_get(pv->costs->root, "meta"), "sg-cut");
	json_t *all, *chain;
	size_t i;

	if (cut)
		fputs("sanctl: the server knows more paths than it told (sg-cut)\n", stderr);
	if (peer->link.ctl->json) {
		all = json_pack("{s:O,s:O,s:O}", "chains", chains, "costs", pv->costs->root,
				"properties", pv->props->root);
		ctl_print_json(all);
		json_decref(all);
		return;
	}
	json_array_foreach(chains, i, chain)
		print_chain(chain);
}

int alto_show_chains(struct peer *peer, const json_t *sg, const struct alto_pv *pv)
{
	json_t *none = json_array(), *chains = json_array();
	struct alto_costmap *costs = NULL;
	int status = alto_costs(peer, none, none, &costs);

	if (!status) {
		status = add_chains(sg, pv, costs, chains);
		if (status == CTL_OK || status == CTL_NOT_FOUND)
			show(peer, pv, chains);
	}
	alto_costmap_free(costs);
	json_decref(none);
	json_decref(chains);
	return status;
}
