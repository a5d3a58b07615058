/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cost map and endpoint cost map as a client reads them (RFC 7285, 11.2.3.6, 11.5.1.6), with costs
 * that are numbers, or vectors of ANE names (RFC 9275, 7.2.6), or, in answers to service graphs,
 * {node: {node: [vector]}}.
 */
#include "alto/client_int.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_NAMES "1..64 of A-Z a-z 0-9 : @ _ -"

void alto_costmap_free(struct alto_costmap *map)
{
	if (!map)
		return;
	json_decref(map->root);
	free(map);
}

/* ---- one cost ---- */

struct cost_reader {
	const struct client_costmap_want *want;
	bool array;
	unsigned int cells;
};

static int check_number(const json_t *value, struct err *err)
{
	char text[CLIENT_TEXT];
	double cost = json_number_value(value);

	if (json_is_number(value) && isfinite(cost) && cost >= 0)
		return 0;
	return err_set(err, -EINVAL, "", client_text(value, text), "must be a number, 0 or more");
}

static int not_vector(const json_t *value, struct err *err)
{
	char text[CLIENT_TEXT];

	return err_set(err, -EINVAL, "", client_text(value, text),
		       "must be an array of ANE names: " VALUE_NAMES);
}

static int count(struct cost_reader *r, size_t n, struct err *err)
{
	if (n > ALTO_CLIENT_CELLS_MAX - r->cells)
		return err_set(err, -ENOSPC, "", NULL, "comes after %u costs, the most taken",
			       ALTO_CLIENT_CELLS_MAX);
	r->cells += (unsigned int)n;
	return 0;
}

static int check_vector(struct cost_reader *r, const json_t *value, struct err *err)
{
	const json_t *name;
	size_t i;
	int rc = count(r, json_array_size(value), err);

	if (rc)
		return rc;
	if (!json_is_array(value))
		return not_vector(value, err);
	json_array_foreach(value, i, name) {
		if (!json_is_string(name) || !alto_name_valid(json_string_value(name)))
			return not_vector(value, err);
	}
	return 0;
}

static int check_vectors(struct cost_reader *r, const json_t *value, struct err *err)
{
	char text[CLIENT_TEXT];
	const json_t *vector;
	size_t i;

	if (!json_is_array(value))
		return err_set(err, -EINVAL, "", client_text(value, text),
			       "must be an array of path vectors");
	json_array_foreach(value, i, vector) {
		int rc = check_vector(r, vector, err);

		if (rc) {
			err_prefix(err, "/%zu", i);
			return rc;
		}
	}
	return 0;
}

static int check_node(const char *name, struct err *err)
{
	if (alto_name_valid(name))
		return 0;
	return err_set(err, -EINVAL, "", name, "is no node's name: must be " VALUE_NAMES);
}

/* Links that begin at one node: {b: [vector]}. */
static int check_links_from(struct cost_reader *r, json_t *value, struct err *err)
{
	json_t *vectors;
	const char *b;
	int rc = json_is_obj(value, err);

	if (rc)
		return rc;
	json_object_foreach(value, b, vectors) {
		rc = check_node(b, err);
		if (rc)
			return rc;
		rc = check_vectors(r, vectors, err);
		if (rc) {
			err_prefix(err, "/%s", b);
			return rc;
		}
	}
	return 0;
}

/* Links of a service graph between nodes: {a: {b: [vector]}}. */
static int check_links(struct cost_reader *r, json_t *value, struct err *err)
{
	json_t *inner;
	const char *a;
	int rc = json_is_obj(value, err);

	if (rc)
		return rc;
	json_object_foreach(value, a, inner) {
		rc = check_node(a, err);
		if (rc)
			return rc;
		rc = check_links_from(r, inner, err);
		if (rc) {
			err_prefix(err, "/%s", a);
			return rc;
		}
	}
	return 0;
}

static int check_cost(struct cost_reader *r, json_t *value, struct err *err)
{
	if (r->want->sg)
		return check_links(r, value, err);
	return r->array ? check_vector(r, value, err) : check_number(value, err);
}

/* ---- pairs ---- */

/* A key of the map: a PID of the network map, an endpoint, or a node of a service graph. */
static int check_key(const struct cost_reader *r, const char *key, struct err *err)
{
	const struct alto_costmap_want *want = &r->want->want;
	struct alto_prefix endpoint;

	if (want->endpoints && !r->want->sg)
		return alto_endpoint_parse(key, &endpoint) == 0
			       ? 0
			       : err_set(err, -EINVAL, "", key,
					 "is no endpoint: must be ipv4:ADDRESS or ipv6:ADDRESS");
	if (!alto_name_valid(key))
		return err_set(err, -EINVAL, "", key, "is no PID name: " VALUE_NAMES);
	if (want->map && !r->want->sg && !json_object_get(want->map->pids, key))
		return err_set(err, -EINVAL, "", key, "is no PID of network map %s, tag %s",
			       want->map->vtag.id, want->map->vtag.tag);
	return 0;
}

static int check_row(struct cost_reader *r, json_t *row, struct err *err)
{
	const char *dst;
	json_t *value;
	int rc = count(r, json_object_size(row), err);

	if (rc)
		return rc;
	json_object_foreach(row, dst, value) {
		rc = check_key(r, dst, err);
		if (rc)
			return rc;
		rc = check_cost(r, value, err);
		if (rc) {
			err_prefix(err, "/%s", dst);
			return rc;
		}
	}
	return 0;
}

static int check_costs(struct cost_reader *r, json_t *costs, struct err *err)
{
	json_t *row, *value;
	const char *src;
	int rc;

	json_object_foreach(costs, src, value) {
		rc = check_key(r, src, err);
		if (rc)
			return rc;
		rc = json_get_object(costs, src, JSON_REQUIRED, &row, err);
		if (rc)
			return rc;
		rc = check_row(r, row, err);
		if (rc) {
			err_prefix(err, "/%s", src);
			return rc;
		}
	}
	return 0;
}

/* ---- meta ---- */

static int read_depends(struct alto_costmap *map, const json_t *meta,
			const struct alto_costmap_want *want, struct err *err)
{
	unsigned int n = 0;
	int rc;

	if (want->endpoints)
		return 0;
	if (!json_object_get(meta, "dependent-vtags"))
		return err_set(err, -EINVAL, "/dependent-vtags", NULL, "is missing");
	rc = client_vtags(meta, &map->depends, 1, &n, err);
	if (rc)
		return rc;
	if (n == 0)
		return err_set(err, -EINVAL, "/dependent-vtags", NULL,
			       "has no version tag, must have one: the network map's");
	if (!want->map)
		return 0;
	return client_depends(&map->depends, &want->map->vtag, "/dependent-vtags/0", err);
}

/* obj[name], which must be `want`. */
static int read_word(const json_t *obj, const char *name, const char *want,
		     char out[ALTO_METRIC_LEN], struct err *err)
{
	char field[CLIENT_TEXT] = "/";
	int rc = json_get_text(obj, name, JSON_REQUIRED, out, ALTO_METRIC_LEN, err);

	if (rc || !want || strcmp(out, want) == 0)
		return rc;
	strcat(field, name);
	return err_set(err, -EINVAL, field, out, "must be %s, as asked for", want);
}

static int check_mode(const char *mode, struct err *err)
{
	for (int i = 0; i < ALTO_MODE_MAX; i++) {
		if (strcmp(mode, alto_mode_name(i)) == 0)
			return 0;
	}
	return err_set(err, -EINVAL, "/cost-mode", mode, "must be numerical, ordinal or array");
}

static int read_cost_type(struct alto_costmap *map, const json_t *meta,
			  const struct alto_costmap_want *want, struct err *err)
{
	json_t *type = NULL;
	int rc = json_get_object(meta, "cost-type", JSON_REQUIRED, &type, err);

	if (rc)
		return rc;
	rc = read_word(type, "cost-mode", want->mode, map->mode, err);
	if (!rc)
		rc = check_mode(map->mode, err);
	if (!rc)
		rc = read_word(type, "cost-metric", want->metric, map->metric, err);
	if (!rc && !alto_metric_valid(map->metric))
		rc = err_set(err, -EINVAL, "/cost-metric", map->metric,
			     "must be a metric of 1..32 characters");
	if (rc)
		err_prefix(err, "/cost-type");
	return rc;
}

static int read_meta(struct alto_costmap *map, const struct alto_costmap_want *want,
		     struct err *err)
{
	json_t *meta = NULL;
	int rc = client_meta(map->root, &meta, err);

	if (rc)
		return rc;
	rc = read_depends(map, meta, want, err);
	if (!rc)
		rc = read_cost_type(map, meta, want, err);
	if (rc)
		err_prefix(err, "/meta");
	return rc;
}

/* ---- the whole ---- */

static int read_map(struct alto_costmap *map, const struct client_costmap_want *want,
		    struct err *err)
{
	const char *name = want->want.endpoints ? "endpoint-cost-map" : "cost-map";
	struct cost_reader r = {.want = want};
	int rc = json_is_obj(map->root, err);

	if (!rc)
		rc = read_meta(map, &want->want, err);
	if (!rc)
		rc = json_get_object(map->root, name, JSON_REQUIRED, &map->costs, err);
	if (rc)
		return rc;
	r.array = strcmp(map->mode, alto_mode_name(ALTO_ARRAY)) == 0;
	rc = check_costs(&r, map->costs, err);
	if (rc)
		err_prefix(err, "/%s", name);
	return rc;
}

int client_costmap(json_t *root, const struct client_costmap_want *want, struct alto_costmap **out,
		   struct err *err)
{
	struct alto_costmap *map = calloc(1, sizeof(*map));
	int rc;

	if (!map) {
		json_decref(root);
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	}
	map->root = root;
	rc = read_map(map, want, err);
	if (rc) {
		alto_costmap_free(map);
		return rc;
	}
	*out = map;
	return 0;
}

int alto_costmap_check(json_t *root, const struct alto_costmap_want *want,
		       struct alto_costmap **out, struct err *err)
{
	struct client_costmap_want all = {.want = *want};

	return client_costmap(root, &all, out, err);
}

int alto_costmap_parse(const char *text, size_t len, const struct alto_costmap_want *want,
		       struct alto_costmap **out, struct err *err)
{
	json_t *root;
	int rc = alto_client_root(text, len, &root, err);

	return rc ? rc : alto_costmap_check(root, want, out, err);
}

bool alto_costmap_cost(const struct alto_costmap *map, const char *src, const char *dst,
		       double *out)
{
	const json_t *value = json_object_get(json_object_get(map->costs, src), dst);

	if (!json_is_number(value))
		return false;
	*out = json_number_value(value);
	return true;
}

int client_ane_each(const json_t *value, int (*each)(void *arg, const char *name), void *arg)
{
	const json_t *inner;
	const char *name;
	size_t i;
	int rc = 0;

	if (json_is_string(value))
		return each(arg, json_string_value(value));
	json_array_foreach(value, i, inner) {
		rc = rc ? rc : client_ane_each(inner, each, arg);
	}
	json_object_foreach((json_t *)value, name, inner) {
		rc = rc ? rc : client_ane_each(inner, each, arg);
	}
	return rc;
}
