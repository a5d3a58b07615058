/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Endpoint costs (RFC 7285, 11.5): those between the PIDs that the endpoints are in. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alto/cost.h"

struct named {
	const char *text;
	uint32_t pos;
};

static int by_text(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int cmp = strcmp(x->text, y->text);

	return cmp ? cmp : (x->pos > y->pos) - (x->pos < y->pos);
}

/* first[i]: text i has not stood in the array before. */
static int mark_first(const json_t *texts, bool *first)
{
	size_t n = json_array_size(texts);
	struct named *v = malloc((n + 1) * sizeof(*v));

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		v[i].text = json_string_value(json_array_get(texts, i));
		v[i].pos = (uint32_t)i;
	}
	qsort(v, n, sizeof(*v), by_text);
	for (size_t i = 0; i < n; i++)
		first[v[i].pos] = i == 0 || strcmp(v[i].text, v[i - 1].text) != 0;
	free(v);
	return 0;
}

static int by_pid(const void *a, const void *b, void *arg)
{
	const struct alto_side *side = arg;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	if (side->pid[x] != side->pid[y])
		return side->pid[x] < side->pid[y] ? -1 : 1;
	return (x > y) - (x < y);
}

static void add_endpoint(const struct alto_source *s, const struct alto_prefix *endpoint,
			 const char *name, struct alto_side *side)
{
	side->pid[side->n] = alto_source_match(s, endpoint);
	side->name[side->n] = name;
	side->order[side->n] = side->n;
	side->n++;
}

static int add_texts(const struct alto_source *s, const json_t *texts, const bool *first,
		     const char *field, struct alto_side *out, struct alto_error *error)
{
	struct alto_prefix endpoint;
	json_t *text;
	size_t i;

	json_array_foreach(texts, i, text) {
		const char *name = json_string_value(text);

		if (!first[i])
			continue;
		if (alto_endpoint_parse(name, &endpoint))
			return alto_wrong_value(error, field, name,
						"must be \"ipv4:ADDRESS\" or \"ipv6:ADDRESS\"");
		add_endpoint(s, &endpoint, name, out);
	}
	qsort_r(out->order, out->n, sizeof(out->order[0]), by_pid, out);
	return 0;
}

int alto_side_endpoints(const struct alto_source *s, const json_t *texts, const char *field,
			struct alto_side *out, struct alto_error *error)
{
	bool *first = calloc(json_array_size(texts) + 1, sizeof(*first));
	int ret = first ? mark_first(texts, first) : -ENOMEM;

	if (ret == 0)
		ret = alto_side_alloc(out, json_array_size(texts));
	if (ret == 0)
		ret = add_texts(s, texts, first, field, out, error);
	free(first);
	return ret;
}

static int side_client(const struct alto_request *req, const char *field, char *name,
		       struct alto_side *out, struct alto_error *error)
{
	if (req->client.family == 0)
		return alto_wrong_value(
			error, field, NULL,
			"must name endpoints: the client's own address is not known");
	if (alto_side_alloc(out, 1))
		return -ENOMEM;
	alto_endpoint_text(&req->client, name);
	add_endpoint(req->resource->source, &req->client, name, out);
	return 0;
}

/* Both lists, each NULL or an array; not both of them empty (RFC 7285, 11.5.1.3). */
static int read_lists(const json_t *body, json_t **srcs, json_t **dsts, struct alto_error *error)
{
	json_t *endpoints = NULL;
	int ret;

	ret = alto_get_object(body, "", "endpoints", true, &endpoints, error);
	if (ret == 0)
		ret = alto_get_strings(endpoints, "endpoints/", "srcs", false, ALTO_NAMES_MAX, srcs,
				       error);
	if (ret == 0)
		ret = alto_get_strings(endpoints, "endpoints/", "dsts", false, ALTO_NAMES_MAX, dsts,
				       error);
	if (ret)
		return ret;
	if (json_array_size(*srcs) + json_array_size(*dsts) == 0)
		return alto_wrong_value(error, "endpoints", NULL,
					"must name sources, destinations or both");
	return alto_sides_check(json_array_size(*srcs) + json_array_size(*dsts), "endpoints",
				error);
}

int alto_sides_endpoints(const struct alto_request *req, const json_t *body, struct alto_sides *out,
			 struct alto_error *error)
{
	const struct alto_source *s = req->resource->source;
	json_t *srcs = NULL, *dsts = NULL;
	int ret = read_lists(body, &srcs, &dsts, error);

	if (ret)
		return ret;
	if (json_array_size(srcs) > 0)
		ret = alto_side_endpoints(s, srcs, "endpoints/srcs", &out->src, error);
	else
		ret = side_client(req, "endpoints/srcs", out->client, &out->src, error);
	if (ret)
		return ret;
	if (json_array_size(dsts) > 0)
		return alto_side_endpoints(s, dsts, "endpoints/dsts", &out->dst, error);
	return side_client(req, "endpoints/dsts", out->client, &out->dst, error);
}

/* The version tag is for clients that keep what they got; it is of this resource: endpoint costs do
 * not depend on a map (RFC 7285, 11.5.1.5). */
static void write_endpoint_map(const struct alto_cost_answer *a, struct alto_out *o)
{
	const struct alto_resource *r = a->req->resource;

	alto_puts(o, "{\"meta\":{\"vtag\":");
	alto_put_vtag(o, r->id, r->source->cost_tag);
	alto_puts(o, ",");
	alto_cost_put_meta(o, a);
	alto_puts(o, "},\"endpoint-cost-map\":");
	alto_cost_put_map(o, a);
	alto_puts(o, "}");
}

int alto_endpoint_cost_answer(const struct alto_request *req, const json_t *body,
			      struct alto_reply *reply, struct alto_error *error)
{
	struct alto_cost_ask ask;
	struct alto_sides sides = {0};
	int ret;

	ret = alto_cost_ask_parse(req->resource->source, body, &ask, error);
	if (ret == 0)
		ret = alto_sides_endpoints(req, body, &sides, error);
	if (ret == 0)
		ret = alto_cost_reply(&(struct alto_cost_answer){req, &ask, &sides, NULL},
				      "endpoints", write_endpoint_map, reply, error);
	alto_sides_fini(&sides);
	return ret;
}
