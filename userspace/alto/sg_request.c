/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The `sg` member of a path vector request:
 *
 *	{"nfs": ["NF1"], "saps": ["SAP1", "SAP2"],
 *	 "sg_links": [{"id": 1, "src-node": "SAP1", "dst-node": "NF1"},
 *		      {"id": 2, "src-node": "NF1", "dst-node": "SAP2"}],
 *	 "reqs": [{"id": "r", "src-node": "SAP1", "dst-node": "SAP2", "sg-path": [1, 2]}]}
 *
 * IDs are strings or numbers; 1 and "1" are the same. Nodes and links are found by sorted tables.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alto/pv.h"
#include "util/json.h"

#define LINKS "sg/sg_links"
#define REQS "sg/reqs"

struct entry {
	const char *name;
	uint32_t index;
};

/* Names of nodes or links, sorted. */
struct index {
	struct entry *v;
	size_t n;
};

struct reader {
	const json_t *obj;
	struct alto_sg *sg;
	struct index nodes, links;
	struct alto_error *error;
};

static int by_name(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

static int is_name(const void *key, const void *element)
{
	return strcmp(key, ((const struct entry *)element)->name);
}

static const struct entry *index_find(const struct index *index, const char *name)
{
	return index->n ? bsearch(name, index->v, index->n, sizeof(*index->v), is_name) : NULL;
}

/* Sorts; gives the first name that stands twice (its later entry), or NULL. */
static const struct entry *index_sort(struct index *index)
{
	if (index->n)
		qsort(index->v, index->n, sizeof(*index->v), by_name);
	for (size_t i = 1; i < index->n; i++)
		if (!strcmp(index->v[i - 1].name, index->v[i].name))
			return &index->v[i];
	return NULL;
}

static int wrong(const struct reader *rd, const char *field, const json_t *value, const char *why)
{
	char *text = json_is_string(value) ? strdup(json_string_value(value)) : json_text(value);
	int r = alto_wrong_value(rd->error, field, text, "%s", why);

	free(text);
	return r;
}

/* A string or a number, 1..31 characters. */
static int id_text(const struct reader *rd, const char *field, const json_t *value, char id[32])
{
	int n;

	if (json_is_integer(value))
		n = snprintf(id, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_real(value))
		n = snprintf(id, 32, "%.15g", json_real_value(value));
	else
		n = snprintf(id, 32, "%s", json_string_value(value));
	if (n < 1 || n > 31 || strlen(id) != (size_t)n)
		return wrong(rd, field, value, "must have 1..31 characters");
	return 0;
}

static bool may_be_id(const json_t *value)
{
	return json_is_string(value) || json_is_number(value);
}

/* Member "id" of an element of array `field` ("sg/reqs"). */
static int get_id(const struct reader *rd, const char *field, const json_t *element, char id[32])
{
	const json_t *value = json_object_get(element, "id");
	char path[64];

	snprintf(path, sizeof(path), "%s/id", field);
	if (!value)
		return alto_missing(rd->error, "%s", path);
	if (!may_be_id(value))
		return alto_wrong_type(rd->error, path, "must be a string or a number");
	return id_text(rd, path, value, id);
}

/* Member that names a node. */
static int get_node(const struct reader *rd, const char *field, const json_t *element,
		    const char *name, uint32_t *node)
{
	const struct entry *found;
	const char *text = NULL;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "%s/", field);
	r = alto_get_string(element, path, name, true, &text, rd->error);
	if (r < 0)
		return r;
	found = index_find(&rd->nodes, text);
	snprintf(path, sizeof(path), "%s/%s", field, name);
	if (!found)
		return alto_wrong_value(rd->error, path, text, "must be one of nfs or saps");
	*node = found->index;
	return 0;
}

/* An array of objects; *n: their number. */
static int get_objects(const struct reader *rd, const char *name, uint32_t max, json_t **out,
		       uint32_t *n)
{
	json_t *array = json_object_get(rd->obj, name), *element;
	char path[64];
	size_t i;

	snprintf(path, sizeof(path), "sg/%s", name);
	if (!array)
		return alto_missing(rd->error, "%s", path);
	if (!json_is_array(array))
		return alto_wrong_type(rd->error, path, "must be an array of objects");
	if (!json_array_size(array) || json_array_size(array) > max)
		return alto_wrong_value(rd->error, path, NULL, "must have 1..%" PRIu32 " elements",
					max);
	json_array_foreach(array, i, element)
		if (!json_is_object(element))
			return wrong(rd, path, element, "must be an array of objects");
	*out = array;
	*n = (uint32_t)json_array_size(array);
	return 0;
}

/* The elements in their order; the first one that is refused ends it. */
static int read_each(struct reader *rd, json_t *array,
		     int (*read)(struct reader *rd, const json_t *element))
{
	json_t *element;
	size_t i;
	int r = 0;

	json_array_foreach(array, i, element)
		if (!r)
			r = read(rd, element);
	return r;
}

/* ---- nodes ---- */

static int add_node(struct reader *rd, const char *field, const char *name, bool sap)
{
	struct alto_sg *sg = rd->sg;

	if (!alto_name_valid(name))
		return alto_wrong_value(rd->error, field, name,
					"must be 1..64 characters of [A-Za-z0-9:@_-]");
	rd->nodes.v[rd->nodes.n++] = (struct entry){.name = name, .index = sg->n_nodes};
	sg->nodes[sg->n_nodes++] = (struct alto_sg_node){.name = name, .sap = sap};
	return 0;
}

static int read_nodes(struct reader *rd)
{
	json_t *nfs = NULL, *saps = NULL, *value;
	const struct entry *twice;
	size_t n, i;
	int r;

	r = alto_get_strings(rd->obj, "sg/", "nfs", true, ALTO_SG_NODES_MAX, &nfs, rd->error);
	if (!r)
		r = alto_get_strings(rd->obj, "sg/", "saps", true, ALTO_SG_NODES_MAX, &saps,
				     rd->error);
	if (r < 0)
		return r;
	n = json_array_size(nfs) + json_array_size(saps);
	if (n > ALTO_SG_NODES_MAX)
		return alto_wrong_value(rd->error, "sg/saps", NULL,
					"nfs and saps must be at most %d together",
					ALTO_SG_NODES_MAX);
	rd->sg->nodes = calloc(n + 1, sizeof(*rd->sg->nodes));
	rd->nodes.v = calloc(n + 1, sizeof(*rd->nodes.v));
	if (!rd->sg->nodes || !rd->nodes.v)
		return -ENOMEM;
	json_array_foreach(nfs, i, value)
		if (!r)
			r = add_node(rd, "sg/nfs", json_string_value(value), false);
	json_array_foreach(saps, i, value)
		if (!r)
			r = add_node(rd, "sg/saps", json_string_value(value), true);
	if (r < 0)
		return r;
	twice = index_sort(&rd->nodes);
	if (twice)
		return alto_wrong_value(rd->error,
					rd->sg->nodes[twice->index].sap ? "sg/saps" : "sg/nfs",
					twice->name, "must be named once in nfs and saps");
	return 0;
}

/* ---- links ---- */

static int read_link(struct reader *rd, const json_t *element)
{
	struct alto_sg_link *link = &rd->sg->links[rd->sg->n_links];
	int r = get_id(rd, LINKS, element, link->id);

	if (!r)
		r = get_node(rd, LINKS, element, "src-node", &link->src);
	if (!r)
		r = get_node(rd, LINKS, element, "dst-node", &link->dst);
	if (r < 0)
		return r;
	rd->links.v[rd->links.n++] = (struct entry){.name = link->id, .index = rd->sg->n_links};
	rd->sg->n_links++;
	return 0;
}

static int read_links(struct reader *rd)
{
	const struct entry *twice;
	json_t *array;
	uint32_t n;
	int r = get_objects(rd, "sg_links", ALTO_SG_LINKS_MAX, &array, &n);

	if (r < 0)
		return r;
	rd->sg->links = calloc(n, sizeof(*rd->sg->links));
	rd->links.v = calloc(n, sizeof(*rd->links.v));
	if (!rd->sg->links || !rd->links.v)
		return -ENOMEM;
	r = read_each(rd, array, read_link);
	if (r < 0)
		return r;
	twice = index_sort(&rd->links);
	if (twice)
		return alto_wrong_value(rd->error, LINKS "/id", twice->name,
					"must be the ID of one link only");
	return 0;
}

/* ---- requirements ---- */

static int read_step(struct reader *rd, const json_t *value, uint32_t *link)
{
	const struct entry *found;
	char id[32];
	int r;

	if (!may_be_id(value))
		return wrong(rd, REQS "/sg-path", value, "must be an array of link IDs");
	r = id_text(rd, REQS "/sg-path", value, id);
	if (r < 0)
		return r;
	found = index_find(&rd->links, id);
	if (!found)
		return alto_wrong_value(rd->error, REQS "/sg-path", id,
					"must be the ID of one of sg_links");
	*link = found->index;
	return 0;
}

/* Every link begins where the one before ends; the first and the last are src-node's and
 * dst-node's. */
static int check_chain(struct reader *rd, const struct alto_sg_req *req)
{
	const struct alto_sg *sg = rd->sg;
	const struct alto_sg_link *last = &sg->links[req->path[req->n - 1]];
	uint32_t at = req->src;

	for (uint32_t i = 0; i < req->n; i++) {
		const struct alto_sg_link *link = &sg->links[req->path[i]];

		if (link->src != at)
			return alto_wrong_value(rd->error, REQS "/sg-path", link->id,
						"begins at %.40s, must begin at %.40s, where %s",
						sg->nodes[link->src].name, sg->nodes[at].name,
						i ? "the link before it ends" : "the path does");
		at = link->dst;
	}
	if (at != req->dst)
		return alto_wrong_value(rd->error, REQS "/sg-path", last->id,
					"ends at %.40s, must end at %.40s, as dst-node says",
					sg->nodes[at].name, sg->nodes[req->dst].name);
	return 0;
}

static int read_path(struct reader *rd, const json_t *element, struct alto_sg_req *req)
{
	const json_t *array = json_object_get(element, "sg-path"), *value;
	size_t i;
	int r = 0;

	if (!array)
		return alto_missing(rd->error, REQS "/sg-path");
	if (!json_is_array(array))
		return alto_wrong_type(rd->error, REQS "/sg-path", "must be an array of link IDs");
	if (!json_array_size(array) || json_array_size(array) > ALTO_SG_LINKS_MAX)
		return alto_wrong_value(rd->error, REQS "/sg-path", NULL,
					"must have 1..%d elements", ALTO_SG_LINKS_MAX);
	req->path = calloc(json_array_size(array), sizeof(*req->path));
	if (!req->path)
		return -ENOMEM;
	json_array_foreach(array, i, value)
		if (!r)
			r = read_step(rd, value, &req->path[req->n++]);
	return r < 0 ? r : check_chain(rd, req);
}

static int read_req(struct reader *rd, const json_t *element)
{
	struct alto_sg_req *req = &rd->sg->reqs[rd->sg->n_reqs++];
	char id[32];
	int r = get_id(rd, REQS, element, id);

	if (!r)
		r = get_node(rd, REQS, element, "src-node", &req->src);
	if (!r)
		r = get_node(rd, REQS, element, "dst-node", &req->dst);
	return r < 0 ? r : read_path(rd, element, req);
}

static int read_reqs(struct reader *rd)
{
	json_t *array;
	uint32_t n;
	int r = get_objects(rd, "reqs", ALTO_SG_REQS_MAX, &array, &n);

	if (r < 0)
		return r;
	rd->sg->reqs = calloc(n, sizeof(*rd->sg->reqs));
	if (!rd->sg->reqs)
		return -ENOMEM;
	return read_each(rd, array, read_req);
}

int alto_sg_parse(const json_t *obj, struct alto_sg *out, struct alto_error *error)
{
	struct reader rd = {.obj = obj, .sg = out, .error = error};
	int r;

	memset(out, 0, sizeof(*out));
	r = read_nodes(&rd);
	if (!r)
		r = read_links(&rd);
	if (!r)
		r = read_reqs(&rd);
	free(rd.nodes.v);
	free(rd.links.v);
	if (r < 0)
		alto_sg_fini(out);
	return r;
}

void alto_sg_fini(struct alto_sg *sg)
{
	for (uint32_t i = 0; i < sg->n_nodes; i++)
		free(sg->nodes[i].pids);
	for (uint32_t i = 0; i < sg->n_reqs; i++)
		free(sg->reqs[i].path);
	free(sg->nodes);
	free(sg->links);
	free(sg->reqs);
	memset(sg, 0, sizeof(*sg));
}
