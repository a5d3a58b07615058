/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Information resource directory (RFC 7285, 9.2): read, checked, searched. */
#include "alto/client_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void alto_ird_free(struct alto_ird *ird)
{
	if (!ird)
		return;
	for (unsigned int i = 0; i < ird->n; i++) {
		free(ird->v[i].uri);
		free(ird->v[i].media_text);
		free(ird->v[i].accepts_text);
	}
	free(ird->v);
	json_decref(ird->root);
	free(ird);
}

/* ---- meta ---- */

static int read_cost_type(const json_t *types, const char *name, struct err *err)
{
	const char *mode = NULL, *metric = NULL;
	json_t *type = NULL;
	int rc = json_get_object(types, name, JSON_REQUIRED, &type, err);

	if (rc)
		return rc;
	rc = json_get_str(type, "cost-mode", JSON_REQUIRED, &mode, err);
	if (!rc)
		rc = json_get_str(type, "cost-metric", JSON_REQUIRED, &metric, err);
	if (!rc && !alto_metric_valid(metric))
		rc = err_set(err, -EINVAL, "/cost-metric", metric,
			     "must be a metric of 1..32 characters");
	if (!rc && (!*mode || strlen(mode) >= ALTO_METRIC_LEN))
		rc = err_set(err, -EINVAL, "/cost-mode", mode, "must have 1..32 characters");
	if (rc)
		err_prefix(err, "/%s", name);
	return rc;
}

static int read_meta(struct alto_ird *ird, json_t **types, struct err *err)
{
	json_t *meta = NULL, *value;
	const char *name;
	int rc = json_get_object(ird->root, "meta", JSON_OPTIONAL, &meta, err);

	if (rc || !meta)
		return rc;
	rc = json_get_object(meta, "cost-types", JSON_OPTIONAL, types, err);
	if (!rc)
		rc = json_get_str(meta, "default-alto-network-map", JSON_OPTIONAL,
				  &ird->default_map, err);
	if (!rc && json_object_size(*types) > ALTO_CLIENT_COST_TYPES_MAX)
		rc = err_set(err, -ENOSPC, "/cost-types", NULL, "has %zu cost types, at most %d",
			     json_object_size(*types), ALTO_CLIENT_COST_TYPES_MAX);
	if (rc) {
		err_prefix(err, "/meta");
		return rc;
	}
	json_object_foreach(*types, name, value) {
		rc = read_cost_type(*types, name, err);
		if (rc) {
			err_prefix(err, "/meta/cost-types");
			return rc;
		}
	}
	return 0;
}

/* ---- resources ---- */

/* obj[name]: every string must be a member of `of`, and stand there once: who looks for a name goes
 * through all of them. */
static int check_names(const json_t *obj, const char *name, const json_t *of, const char *want,
		       struct err *err)
{
	json_t *array = NULL, *value;
	char field[CLIENT_TEXT];
	size_t i;
	int rc = client_strings(obj, name, &array, err);

	if (rc)
		return rc;
	json_auto_t *seen = json_object();

	json_array_foreach(array, i, value) {
		const char *text = json_string_value(value);
		bool twice = json_object_get(seen, text) != NULL;

		if (!twice && json_object_get(of, text)) {
			json_object_set_new_nocheck(seen, text, json_true());
			continue;
		}
		snprintf(field, sizeof(field), "/%s/%zu", name, i);
		return err_set(err, -EINVAL, field, text, "%s",
			       twice ? "must be there once only" : want);
	}
	return 0;
}

static int check_capabilities(const json_t *capabilities, const json_t *types, struct err *err)
{
	static const char *const names[] = {"cost-type-names", "testable-cost-type-names"};
	int rc = 0;

	for (unsigned int i = 0; i < 2 && !rc; i++)
		rc = check_names(capabilities, names[i], types, "is not in /meta/cost-types", err);
	if (rc)
		err_prefix(err, "/capabilities");
	return rc;
}

static bool has_scheme(const char *uri, const char *scheme)
{
	return strncasecmp(uri, scheme, strlen(scheme)) == 0;
}

static const char *uri_wrong(const char *uri, const char *base)
{
	const char *host = strstr(uri, "//");

	if (!has_scheme(uri, "http://") && !has_scheme(uri, "https://"))
		return "must be an http or https URI";
	host += 2;
	if (!strcspn(host, "/?#:"))
		return "must name a host";
	if (memchr(host, '@', strcspn(host, "/?#")))
		return "must have no user name";
	if (has_scheme(base, "https://") && has_scheme(uri, "http://"))
		return "must be https, as the directory is";
	return NULL;
}

static int read_uri(const json_t *obj, const char *base, struct alto_ird_entry *e, struct err *err)
{
	const char *text = NULL, *wrong;
	int rc = json_get_str(obj, "uri", JSON_REQUIRED, &text, err);

	if (rc)
		return rc;
	e->uri = alto_uri_resolve(base, text);
	if (!e->uri)
		return err_set(err, -EINVAL, "/uri", text, "must be a URI");
	wrong = uri_wrong(e->uri, base);
	return wrong ? err_set(err, -EINVAL, "/uri", text, "%s", wrong) : 0;
}

static int read_types(const json_t *obj, struct alto_ird_entry *e, struct err *err)
{
	const char *media = NULL, *accepts = NULL;
	int rc = json_get_str(obj, "media-type", JSON_REQUIRED, &media, err);

	if (!rc)
		rc = json_get_str(obj, "accepts", JSON_OPTIONAL, &accepts, err);
	if (rc)
		return rc;
	e->media_text = strdup(media);
	e->accepts_text = accepts ? strdup(accepts) : NULL;
	if (!e->media_text || (accepts && !e->accepts_text))
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	e->media = alto_media_parse(media);
	e->accepts = accepts ? alto_media_parse(accepts) : ALTO_MEDIA_MAX;
	return 0;
}

struct ird_reader {
	struct alto_ird *ird;
	const json_t *resources, *types;
	const char *base;
};

static int read_entry(const struct ird_reader *r, const char *id, struct err *err)
{
	struct alto_ird_entry *e = &r->ird->v[r->ird->n];
	json_t *obj = NULL;
	int rc;

	if (!alto_name_valid_dots(id) || strlen(id) >= ALTO_NAME_LEN)
		return err_set(err, -EINVAL, "", id,
			       "is no resource ID: 1..64 of A-Z a-z 0-9 : @ _ - .");
	rc = json_get_object(r->resources, id, JSON_REQUIRED, &obj, err);
	if (rc)
		return rc;
	r->ird->n++;
	strcpy(e->id, id);
	rc = read_uri(obj, r->base, e, err);
	if (!rc)
		rc = read_types(obj, e, err);
	if (!rc)
		rc = json_get_object(obj, "capabilities", JSON_OPTIONAL, &e->capabilities, err);
	if (!rc)
		rc = check_capabilities(e->capabilities, r->types, err);
	if (!rc)
		rc = check_names(obj, "uses", r->resources, "is no resource of this directory",
				 err);
	if (rc)
		err_prefix(err, "/%s", id);
	else
		e->uses = json_object_get(obj, "uses");
	return rc;
}

static int read_resources(struct ird_reader *r, struct err *err)
{
	json_t *resources = NULL, *value;
	const char *id;
	int rc = json_get_object(r->ird->root, "resources", JSON_REQUIRED, &resources, err);

	if (rc)
		return rc;
	if (json_object_size(resources) > ALTO_RESOURCES_MAX)
		return err_set(err, -ENOSPC, "/resources", NULL, "has %zu entries, at most %d",
			       json_object_size(resources), ALTO_RESOURCES_MAX);
	r->resources = resources;
	r->ird->v = calloc(json_object_size(resources) + 1, sizeof(*r->ird->v));
	if (!r->ird->v)
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	json_object_foreach(resources, id, value) {
		rc = read_entry(r, id, err);
		if (rc) {
			err_prefix(err, "/resources");
			return rc;
		}
	}
	return 0;
}

static int check_default(const struct alto_ird *ird, struct err *err)
{
	const struct alto_ird_entry *e;

	if (!ird->default_map)
		return 0;
	e = alto_ird_find(ird, ird->default_map);
	if (e && e->media == ALTO_MEDIA_NETWORKMAP)
		return 0;
	return err_set(err, -EINVAL, "/meta/default-alto-network-map", ird->default_map,
		       "is no network map of this directory");
}

int alto_ird_parse(const char *text, size_t len, const char *base, struct alto_ird **out,
		   struct err *err)
{
	struct alto_ird *ird = calloc(1, sizeof(*ird));
	struct ird_reader r = {.ird = ird, .base = base};
	json_t *types = NULL;
	int rc;

	if (!ird)
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	rc = alto_client_root(text, len, &ird->root, err);
	if (!rc)
		rc = read_meta(ird, &types, err);
	r.types = types;
	if (!rc)
		rc = read_resources(&r, err);
	if (!rc)
		rc = check_default(ird, err);
	if (rc) {
		alto_ird_free(ird);
		return rc;
	}
	*out = ird;
	return 0;
}

/* ---- look-ups ---- */

const struct alto_ird_entry *alto_ird_find(const struct alto_ird *ird, const char *id)
{
	for (unsigned int i = 0; i < ird->n; i++) {
		if (strcmp(ird->v[i].id, id) == 0)
			return &ird->v[i];
	}
	return NULL;
}

bool alto_ird_uses(const struct alto_ird_entry *e, const char *id)
{
	const json_t *value;
	size_t i;

	json_array_foreach(e->uses, i, value) {
		if (strcmp(json_string_value(value), id) == 0)
			return true;
	}
	return false;
}

/* 0: no; 1: the metric with an operator; 2: itself. */
static int metric_fits(const char *metric, const char *want)
{
	size_t n = want ? strlen(want) : 0;

	if (!want || strcmp(metric, want) == 0)
		return 2;
	return strncmp(metric, want, n) == 0 && metric[n] == ':';
}

/* The cost type of e that fits best. */
static bool pick_type(const struct alto_ird *ird, const struct alto_ird_entry *e,
		      const struct alto_ird_want *want, struct alto_ird_type *type)
{
	const json_t *types = json_object_get(json_object_get(ird->root, "meta"), "cost-types");
	const json_t *name;
	int best = 0;
	size_t i;

	json_array_foreach(json_object_get(e->capabilities, "cost-type-names"), i, name) {
		const json_t *t = json_object_get(types, json_string_value(name));
		const char *metric = json_string_value(json_object_get(t, "cost-metric"));
		const char *mode = json_string_value(json_object_get(t, "cost-mode"));
		int fits = metric_fits(metric, want->metric);

		if (fits <= best || (want->mode && strcmp(mode, want->mode) != 0))
			continue;
		best = fits;
		snprintf(type->metric, sizeof(type->metric), "%s", metric);
		snprintf(type->mode, sizeof(type->mode), "%s", mode);
	}
	return best > 0 || (!want->metric && !want->mode);
}

static bool entry_fits(const struct alto_ird_entry *e, const struct alto_ird_want *want)
{
	bool get = want->accepts == ALTO_MEDIA_MAX;

	return e->media == want->media && e->media != ALTO_MEDIA_MAX &&
	       e->accepts == want->accepts && get == !e->accepts_text &&
	       (!want->uses || alto_ird_uses(e, want->uses));
}

const struct alto_ird_entry *alto_ird_pick(const struct alto_ird *ird,
					   const struct alto_ird_want *want,
					   struct alto_ird_type *type)
{
	const struct alto_ird_entry *last = want->after ? alto_ird_find(ird, want->after) : NULL;
	const struct alto_ird_entry *e = last ? last + 1 : ird->v;

	for (; e < ird->v + ird->n; e++) {
		struct alto_ird_type found = {0};

		if (!entry_fits(e, want) || !pick_type(ird, e, want, &found))
			continue;
		found.constraints =
			json_is_true(json_object_get(e->capabilities, "cost-constraints"));
		if (type)
			*type = found;
		return e;
	}
	return NULL;
}
