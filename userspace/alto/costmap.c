/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cost maps, whole (RFC 7285, 11.2.3) and filtered (11.3.2). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alto/cost.h"

/* ---- sides ---- */

int alto_side_alloc(struct alto_side *side, size_t n)
{
	side->pid = calloc(n + 1, sizeof(side->pid[0]));
	side->name = calloc(n + 1, sizeof(side->name[0]));
	side->order = calloc(n + 1, sizeof(side->order[0]));
	return side->pid && side->name && side->order ? 0 : -ENOMEM;
}

void alto_side_fini(struct alto_side *side)
{
	free(side->pid);
	free(side->name);
	free(side->order);
	memset(side, 0, sizeof(*side));
}

void alto_sides_fini(struct alto_sides *sides)
{
	alto_side_fini(&sides->src);
	alto_side_fini(&sides->dst);
}

static void add_pid(const struct alto_source *s, uint32_t pid, struct alto_side *side)
{
	side->pid[side->n] = pid;
	side->name[side->n] = s->pids[pid].name;
	side->order[side->n] = side->n;
	side->n++;
}

static int side_all(const struct alto_source *s, struct alto_side *side)
{
	if (alto_side_alloc(side, s->n_pids))
		return -ENOMEM;
	for (uint32_t i = 0; i < s->n_pids; i++)
		add_pid(s, i, side);
	return 0;
}

static int by_id(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* PIDs that are not defined count as if they did not stand there (RFC 7285, 11.3.2.6). */
static int side_named(const struct alto_source *s, const json_t *names, struct alto_side *side)
{
	uint32_t *ids = malloc((json_array_size(names) + 1) * sizeof(*ids)), n = 0;
	json_t *name;
	size_t i;

	if (!ids || alto_side_alloc(side, json_array_size(names))) {
		free(ids);
		return -ENOMEM;
	}
	json_array_foreach(names, i, name) {
		uint32_t id = alto_source_find(s, json_string_value(name));

		if (id != UINT32_MAX)
			ids[n++] = id;
	}
	qsort(ids, n, sizeof(*ids), by_id);
	for (uint32_t k = 0; k < n; k++) {
		if (k == 0 || ids[k] != ids[k - 1])
			add_pid(s, ids[k], side);
	}
	free(ids);
	return 0;
}

/* No list, or an empty one, is all PIDs. */
static int side_pids(const struct alto_source *s, const json_t *names, struct alto_side *side)
{
	return json_array_size(names) > 0 ? side_named(s, names, side) : side_all(s, side);
}

int alto_sides_check(size_t names, const char *field, struct alto_error *error)
{
	if (names <= ALTO_NAMES_MAX)
		return 0;
	return alto_wrong_value(error, field, NULL, "names %zu in all, must be at most %d", names,
				ALTO_NAMES_MAX);
}

int alto_sides_all(const struct alto_source *s, struct alto_sides *out)
{
	int ret = side_all(s, &out->src);

	return ret ? ret : side_all(s, &out->dst);
}

int alto_sides_pids(const struct alto_source *s, const json_t *body, struct alto_sides *out,
		    struct alto_error *error)
{
	json_t *pids = NULL, *srcs = NULL, *dsts = NULL;
	int ret;

	ret = alto_get_object(body, "", "pids", false, &pids, error);
	if (ret || !pids)
		return ret ? ret : alto_sides_all(s, out);
	ret = alto_get_strings(pids, "pids/", "srcs", true, ALTO_NAMES_MAX, &srcs, error);
	if (ret == 0)
		ret = alto_get_strings(pids, "pids/", "dsts", true, ALTO_NAMES_MAX, &dsts, error);
	if (ret == 0)
		ret = alto_sides_check(json_array_size(srcs) + json_array_size(dsts), "pids",
				       error);
	if (ret == 0)
		ret = side_pids(s, srcs, &out->src);
	if (ret == 0)
		ret = side_pids(s, dsts, &out->dst);
	return ret;
}

/* ---- the services ---- */

static void write_map(const struct alto_cost_answer *a, struct alto_out *o)
{
	const struct alto_source *s = a->req->resource->source;

	alto_puts(o, "{\"meta\":{\"dependent-vtags\":[");
	alto_put_vtag(o, s->id, s->map_tag);
	alto_puts(o, "],");
	alto_cost_put_meta(o, a);
	alto_puts(o, "},\"cost-map\":");
	alto_cost_put_map(o, a);
	alto_puts(o, "}");
}

static int whole(const struct alto_request *req, struct alto_reply *reply, struct alto_error *error)
{
	/* The only type is that of the resource. */
	struct alto_cost_ask ask = {.n_offered = 1, .n_types = 1};
	struct alto_sides sides = {0};
	int ret;

	ask.offered[0] = req->resource->cost_type;
	ret = alto_sides_all(req->resource->source, &sides);
	if (ret == 0)
		ret = alto_cost_reply(&(struct alto_cost_answer){req, &ask, &sides, NULL}, NULL,
				      write_map, reply, error);
	alto_sides_fini(&sides);
	return ret;
}

static int filtered(const struct alto_request *req, const json_t *body, struct alto_reply *reply,
		    struct alto_error *error)
{
	struct alto_cost_ask ask;
	struct alto_sides sides = {0};
	int ret;

	ret = alto_cost_ask_parse(req->resource->source, body, &ask, error);
	if (ret == 0)
		ret = alto_sides_pids(req->resource->source, body, &sides, error);
	if (ret == 0)
		ret = alto_cost_reply(&(struct alto_cost_answer){req, &ask, &sides, NULL}, "pids",
				      write_map, reply, error);
	alto_sides_fini(&sides);
	return ret;
}

int alto_costmap_answer(const struct alto_request *req, const json_t *body,
			struct alto_reply *reply, struct alto_error *error)
{
	return body ? filtered(req, body, reply, error) : whole(req, reply, error);
}
