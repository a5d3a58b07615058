/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Property map (RFC 9240, 7.6) as a client reads it. */
#include "alto/client_int.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTITY_MAX 200 /* two names of 64 and what joins them, with room */
#define PROPERTY_MAX 100

void alto_propmap_free(struct alto_propmap *map)
{
	if (!map)
		return;
	json_decref(map->root);
	free(map);
}

static bool printable(const char *text, size_t max)
{
	size_t n = 0;

	while (text[n] > 0x20 && text[n] < 0x7f)
		n++;
	return n > 0 && n <= max && !text[n];
}

/* ---- entities ---- */

/* "ipv4:192.0.2.1", "ipv4:192.0.2.0/24"; false: no such text. */
static bool address_valid(const char *entity)
{
	struct alto_prefix p;

	return alto_endpoint_parse(entity, &p) == 0 ||
	       alto_prefix_parse(entity + 5, entity[3] - '0', &p) == 0;
}

/* The PID of "<map>.pid:PID", or NULL: another domain. */
static const char *pid_of(const char *entity, const char *map)
{
	size_t n = strlen(map);

	if (strncmp(entity, map, n) != 0 || strncmp(entity + n, ".pid:", 5) != 0)
		return NULL;
	return entity + n + 5;
}

struct prop_reader {
	const struct alto_propmap *out;
	const struct alto_netmap *map;
	const struct alto_vtag *on_map; /* the one of depends that is map's; NULL: none */
};

static int check_pid(const struct prop_reader *r, const char *entity, const char *pid,
		     struct err *err)
{
	if (!r->on_map)
		return err_set(err, -EINVAL, "/meta/dependent-vtags", NULL,
			       "must have the version tag of %s, which %s is of", r->map->vtag.id,
			       entity);
	if (!json_object_get(r->map->pids, pid))
		return err_set(err, -EINVAL, "/property-map", entity,
			       "is no PID of network map %s, tag %s", r->map->vtag.id,
			       r->map->vtag.tag);
	return 0;
}

static int check_entity(const struct prop_reader *r, const char *entity, struct err *err)
{
	const char *colon = strchr(entity, ':'), *pid;

	if (!printable(entity, ENTITY_MAX) || !colon || colon == entity || !colon[1])
		return err_set(err, -EINVAL, "/property-map", entity,
			       "is no entity: must be DOMAIN:NAME, at most %d printable characters",
			       ENTITY_MAX);
	if ((strncmp(entity, "ipv4:", 5) == 0 || strncmp(entity, "ipv6:", 5) == 0) &&
	    !address_valid(entity))
		return err_set(err, -EINVAL, "/property-map", entity,
			       "is no address and no prefix");
	pid = r->map ? pid_of(entity, r->map->vtag.id) : NULL;
	return pid ? check_pid(r, entity, pid, err) : 0;
}

static int check_properties(json_t *entities, const char *entity, struct err *err)
{
	json_t *props = NULL, *value;
	const char *name;
	int rc = json_get_object(entities, entity, JSON_REQUIRED, &props, err);

	if (rc) {
		err_prefix(err, "/property-map");
		return rc;
	}
	json_object_foreach(props, name, value) {
		if (!printable(name, PROPERTY_MAX))
			return err_set(err, -EINVAL, "/property-map", name,
				       "is no property: must be 1..%d printable characters",
				       PROPERTY_MAX);
	}
	return 0;
}

static int check_entities(const struct prop_reader *r, struct err *err)
{
	json_t *value, *entities = r->out->entities;
	const char *entity;
	int rc;

	if (json_object_size(entities) > ALTO_CLIENT_ENTITIES_MAX)
		return err_set(err, -ENOSPC, "/property-map", NULL, "has %zu entities, at most %u",
			       json_object_size(entities), ALTO_CLIENT_ENTITIES_MAX);
	json_object_foreach(entities, entity, value) {
		rc = check_entity(r, entity, err);
		if (!rc)
			rc = check_properties(entities, entity, err);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- meta ---- */

static int read_depends(struct prop_reader *r, struct alto_propmap *map, struct err *err)
{
	json_t *meta = NULL;
	char field[CLIENT_TEXT];
	unsigned int n = sizeof(map->depends) / sizeof(map->depends[0]);
	int rc = json_get_object(map->root, "meta", JSON_OPTIONAL, &meta, err);

	if (rc)
		return rc;
	rc = client_vtags(meta, map->depends, n, &map->n_depends, err);
	if (rc) {
		err_prefix(err, "/meta");
		return rc;
	}
	for (n = 0; r->map && n < map->n_depends; n++) {
		if (strcmp(map->depends[n].id, r->map->vtag.id) != 0)
			continue;
		snprintf(field, sizeof(field), "/meta/dependent-vtags/%u", n);
		rc = client_depends(&map->depends[n], &r->map->vtag, field, err);
		if (rc)
			return rc;
		r->on_map = &map->depends[n];
	}
	return 0;
}

/* ---- the whole ---- */

static int read_map(struct alto_propmap *map, const struct alto_netmap *netmap, struct err *err)
{
	struct prop_reader r = {.out = map, .map = netmap};
	int rc = json_is_obj(map->root, err);

	if (!rc)
		rc = read_depends(&r, map, err);
	if (!rc)
		rc = json_get_object(map->root, "property-map", JSON_REQUIRED, &map->entities, err);
	return rc ? rc : check_entities(&r, err);
}

int alto_propmap_check(json_t *root, const struct alto_netmap *map, struct alto_propmap **out,
		       struct err *err)
{
	struct alto_propmap *props = calloc(1, sizeof(*props));
	int rc;

	if (!props) {
		json_decref(root);
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	}
	props->root = root;
	rc = read_map(props, map, err);
	if (rc) {
		alto_propmap_free(props);
		return rc;
	}
	*out = props;
	return 0;
}

int alto_propmap_parse(const char *text, size_t len, const struct alto_netmap *map,
		       struct alto_propmap **out, struct err *err)
{
	json_t *root;
	int rc = alto_client_root(text, len, &root, err);

	return rc ? rc : alto_propmap_check(root, map, out, err);
}

/* ---- values ---- */

static bool number_of(const json_t *value, double *out)
{
	const char *text = json_string_value(value);
	char *end;

	if (json_is_number(value)) {
		*out = json_number_value(value);
		return isfinite(*out);
	}
	if (!text || (!isdigit((unsigned char)text[0]) && text[0] != '-') ||
	    strspn(text, "0123456789+-.eE") != strlen(text))
		return false;
	*out = strtod(text, &end);
	return !*end && isfinite(*out);
}

bool alto_propmap_number(const struct alto_propmap *map, const char *entity, const char *property,
			 double *out)
{
	const json_t *value = json_object_get(json_object_get(map->entities, entity), property);

	return number_of(json_is_array(value) ? json_array_get(value, 0) : value, out);
}
