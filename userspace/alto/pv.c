/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Path vectors (RFC 9275): a cost map, or endpoint cost map, whose costs are arrays of ANEs, and a
 * property map of the ANEs it names. With `sg`, the first part tells which paths each link of a
 * service graph may take; then `pids` is not looked at, and without ane-property-names all that
 * domains tell of themselves is answered.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alto/cost.h"
#include "alto/multipart.h"
#include "alto/pv.h"

#define PART_COSTS "costmap"
#define PART_PROPS "propmap"

static const struct alto_cost_type path_vector = {.metric = ALTO_ANE_PATH,
						  .mode = ALTO_ARRAY,
						  .metric_text = "ane-path",
						  .name = "path-vector"};

struct answer {
	const struct alto_request *req;
	const struct alto_source *source;
	const json_t *body;
	bool endpoints; /* ALTO_ENDPOINT_COST_PV */
	json_t *sg;	/* NULL: none */
	struct alto_anes anes;
	struct alto_sg_cut cut;
	struct alto_out costs;			   /* value of "cost-map" */
	char id[ALTO_NAME_LEN], tag[ALTO_TAG_LEN]; /* vtag of the first part */
	struct alto_error *error;
};

/* ---- request ---- */

static bool offers(const struct alto_source *s, const char *name)
{
	return !strcmp(name, ALTO_PROP_BANDWIDTH) || !strcmp(name, ALTO_PROP_ENTITY) ||
	       alto_names_have(s->pid_prop_names, name);
}

static int read_names(struct answer *a)
{
	json_t *names = NULL, *name;
	size_t i;
	int r = alto_get_strings(a->body, "", "ane-property-names", false, ALTO_NAMES_MAX, &names,
				 a->error);

	if (r < 0)
		return r;
	json_array_foreach(names, i, name)
		if (!offers(a->source, json_string_value(name)))
			return alto_wrong_value(a->error, "ane-property-names",
						json_string_value(name),
						"must be a property that this resource announces");
	if (!names && a->sg)
		names = a->source->pid_prop_names;
	return alto_anes_init(&a->anes, a->source, names, !a->sg);
}

/* Not offered with path vectors (RFC 9275, 7.2.4): to pass them over would answer too much. */
static int no_constraints(const struct answer *a)
{
	static const char *const names[] = {"constraints", "or-constraints"};

	for (int i = 0; i < 2; i++)
		if (json_object_get(a->body, names[i]))
			return alto_wrong_value(a->error, names[i], NULL,
						"must not be there: path vectors take none");
	return 0;
}

static int read_request(struct answer *a)
{
	const struct alto_cost_type *type;
	int r = alto_get_cost_type(a->body, "", "cost-type", true, &path_vector, 1, &type,
				   a->error);

	if (!r)
		r = no_constraints(a);
	if (!r && !a->endpoints && a->source->service_graph)
		r = alto_get_object(a->body, "", "sg", false, &a->sg, a->error);
	return r < 0 ? r : read_names(a);
}

/* ---- costs ---- */

struct walk {
	uint32_t *pids, *via; /* filled from the end */
};

/* The path to dst; *n = 0: there is none. Gives where it begins in walk. */
static uint32_t walk_back(const struct alto_source *s, const struct alto_row *row, uint32_t dst,
			  struct walk *walk)
{
	uint32_t at = s->n_pids, pid = dst;

	if (dst != row->src && row->via[dst] == UINT32_MAX)
		return at;
	walk->pids[--at] = pid;
	while (pid != row->src) {
		walk->via[at - 1] = row->via[pid];
		pid = s->links[row->via[pid]].from;
		walk->pids[--at] = pid;
	}
	return at;
}

static void put_row(struct answer *a, const struct alto_row *row, const struct alto_sides *sides,
		    uint32_t src, struct walk *walk)
{
	const struct alto_side *dst = &sides->dst;
	const uint32_t end = a->source->n_pids;
	bool any = false;

	for (uint32_t i = 0; i < dst->n && !a->costs.failed; i++) {
		uint32_t at = walk_back(a->source, row, dst->pid[i], walk);

		if (at == end)
			continue;
		if (!any)
			alto_putf(&a->costs, "%s\"%s\":{", a->costs.len > 1 ? "," : "",
				  sides->src.name[src]);
		alto_putf(&a->costs, "%s\"%s\":", any ? "," : "", dst->name[i]);
		any = true;
		alto_anes_put_path(&a->anes, &a->costs, walk->pids + at, walk->via + at, end - at);
	}
	if (any)
		alto_puts(&a->costs, "}");
}

/* In the order of PIDs, so that each row is computed once. Sources without any path are left out.
 */
static int put_rows(struct answer *a, const struct alto_sides *sides, struct walk *walk)
{
	alto_puts(&a->costs, "{");
	for (uint32_t i = 0; i < sides->src.n && !a->costs.failed; i++) {
		uint32_t src = sides->src.order[i];
		const struct alto_row *row = alto_source_row(a->source, sides->src.pid[src]);

		if (!row)
			return -ENOMEM;
		put_row(a, row, sides, src, walk);
	}
	alto_puts(&a->costs, "}");
	return 0;
}

static int put_pairs(struct answer *a, const struct alto_sides *sides)
{
	const char *field = a->endpoints ? "endpoints" : "pids";
	struct walk walk = {0};
	int r = -ENOMEM;

	if ((uint64_t)sides->src.n * sides->dst.n > ALTO_CELLS_MAX)
		return alto_wrong_value(a->error, field, NULL, "asks for more than %u path vectors",
					ALTO_CELLS_MAX);
	if (!alto_source_affordable(a->source, alto_side_pids(&sides->src)))
		return alto_wrong_value(a->error, field, NULL,
					"asks for paths from too many sources of so large a map");
	walk.pids = malloc(((size_t)a->source->n_pids + 1) * sizeof(*walk.pids));
	walk.via = malloc(((size_t)a->source->n_pids + 1) * sizeof(*walk.via));
	if (walk.pids && walk.via)
		r = put_rows(a, sides, &walk);
	free(walk.pids);
	free(walk.via);
	return r;
}

static int put_paths(struct answer *a)
{
	struct alto_sides sides = {0};
	int r;

	if (a->endpoints)
		r = alto_sides_endpoints(a->req, a->body, &sides, a->error);
	else
		r = alto_sides_pids(a->source, a->body, &sides, a->error);
	if (!r)
		r = put_pairs(a, &sides);
	alto_sides_fini(&sides);
	return r;
}

static int put_graph(struct answer *a)
{
	struct alto_sg sg;
	int r = alto_sg_parse(a->sg, &sg, a->error);

	if (r < 0)
		return r;
	r = alto_sg_put(&sg, &a->anes, &a->costs, &a->cut, a->error);
	alto_sg_fini(&sg);
	return r;
}

/* ---- parts ---- */

/* What the first part says besides its tag: with the same, it has the same tag. */
static void set_vtag(struct answer *a)
{
	char all[ALTO_NAME_LEN + 2 * ALTO_TAG_LEN + 2], digest[ALTO_TAG_LEN];
	int n;

	alto_digest(a->costs.data, a->costs.len, digest);
	snprintf(a->id, sizeof(a->id), "%s.%s", a->req->resource->id, PART_COSTS);
	n = snprintf(all, sizeof(all), "%s %s %s", a->id, a->source->map_tag, digest);
	alto_digest(all, (size_t)n, a->tag);
}

static void put_first(const struct answer *a, struct alto_out *o)
{
	alto_puts(o, "{\"meta\":{\"vtag\":");
	alto_put_vtag(o, a->id, a->tag);
	if (!a->endpoints) {
		alto_puts(o, ",\"dependent-vtags\":[");
		alto_put_vtag(o, a->source->id, a->source->map_tag);
		alto_puts(o, "]");
	}
	alto_puts(o, ",\"cost-type\":");
	alto_put_cost_type(o, a->source, &path_vector);
	if (a->cut.pairs)
		alto_putf(o, ",\"sg-cut\":{\"pairs\":%u,\"paths-per-pair\":%u}", a->cut.pairs,
			  a->cut.paths);
	alto_puts(o, a->endpoints ? "},\"endpoint-cost-map\":" : "},\"cost-map\":");
	alto_put(o, a->costs.data, a->costs.len);
	alto_puts(o, "}");
}

static void put_second(const struct answer *a, struct alto_out *o)
{
	char id[ALTO_NAME_LEN];

	alto_puts(o, "{\"meta\":{\"dependent-vtags\":[");
	alto_put_vtag(o, a->id, a->tag);
	if (a->anes.entity) {
		snprintf(id, sizeof(id), "%s-props-filtered", a->source->id);
		alto_puts(o, ",");
		alto_put_vtag(o, id, a->source->prop_tag);
	}
	alto_puts(o, "]},\"property-map\":");
	alto_anes_put_map(&a->anes, o);
	alto_puts(o, "}");
}

static int put_parts(struct answer *a, struct alto_reply *reply)
{
	struct alto_part parts[ALTO_PARTS_MAX] = {
		{.id = PART_COSTS,
		 .media = a->endpoints ? ALTO_MEDIA_ENDPOINTCOST : ALTO_MEDIA_COSTMAP,
		 .body.max = reply->out.max},
		{.id = PART_PROPS, .media = ALTO_MEDIA_PROPMAP, .body.max = reply->out.max},
	};
	int r;

	set_vtag(a);
	put_first(a, &parts[0].body);
	alto_out_fini(&a->costs);
	put_second(a, &parts[1].body);
	r = alto_multipart_put(parts, ALTO_PARTS_MAX, a->req->host, reply);
	alto_out_fini(&parts[0].body);
	alto_out_fini(&parts[1].body);
	return r;
}

int alto_pv_answer(const struct alto_request *req, const json_t *body, struct alto_reply *reply,
		   struct alto_error *error)
{
	struct answer a = {.req = req,
			   .source = req->resource->source,
			   .body = body,
			   .endpoints = req->resource->service == ALTO_ENDPOINT_COST_PV,
			   .costs.max = reply->out.max,
			   .error = error};
	int r = read_request(&a);

	if (!r)
		r = a.sg ? put_graph(&a) : put_paths(&a);
	if (!r)
		r = a.costs.failed;
	if (!r)
		r = put_parts(&a, reply);
	if (r == -EFBIG)
		r = alto_wrong_value(error,
				     a.sg	   ? "sg"
				     : a.endpoints ? "endpoints"
						   : "pids",
				     NULL, "asks for an answer of more than %zu bytes",
				     reply->out.max);
	alto_anes_fini(&a.anes);
	alto_out_fini(&a.costs);
	return r;
}
