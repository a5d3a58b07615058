/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Path vectors (RFC 9275, 7.2.6, 7.3.6): a cost map and the properties of the ANEs it names. */
#include "alto/client_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANE ".ane:"

void alto_pv_free(struct alto_pv *pv)
{
	if (!pv)
		return;
	alto_costmap_free(pv->costs);
	alto_propmap_free(pv->props);
	free(pv);
}

struct pv_reader {
	struct client_multipart parts;
	const struct client_part *first, *second;
	const struct alto_netmap *map;
	struct alto_vtag vtag; /* of the first part */
	bool sg;
};

static int check_media(const struct pv_reader *r, struct err *err)
{
	bool endpoints = r->parts.type == ALTO_MEDIA_PV_ENDPOINTCOST;
	enum alto_media want = endpoints ? ALTO_MEDIA_ENDPOINTCOST : ALTO_MEDIA_COSTMAP;
	const struct client_part *part = r->first;
	char field[CLIENT_TEXT];

	if (part->media == want) {
		part = r->second;
		want = ALTO_MEDIA_PROPMAP;
	}
	if (part->media == want)
		return 0;
	snprintf(field, sizeof(field), "/parts/%d/Content-Type", (int)(part - r->parts.parts));
	return err_set(err, -EINVAL, field, alto_media_type(part->media), "must be %s",
		       alto_media_type(want));
}

/* ---- first part ---- */

/* The version tag's resource is "<resource>.<part>" (RFC 9275, 6.6). */
static int read_vtag(struct pv_reader *r, const json_t *root, struct err *err)
{
	const char *dot;
	int rc = client_vtag(json_object_get(root, "meta"), "vtag", &r->vtag, err);

	if (rc) {
		err_prefix(err, "/meta");
		return rc;
	}
	dot = strrchr(r->vtag.id, '.');
	if (dot && dot != r->vtag.id && strcmp(dot + 1, r->first->id) == 0)
		return 0;
	return err_set(err, -EINVAL, "/meta/vtag/resource-id", r->vtag.id,
		       "must be RESOURCE.%s, as Content-ID says", r->first->id);
}

static int read_first(struct pv_reader *r, struct alto_pv *pv, struct err *err)
{
	struct client_costmap_want want = {
		.want = {.map = r->map,
			 .metric = alto_metric_name(ALTO_ANE_PATH),
			 .mode = alto_mode_name(ALTO_ARRAY),
			 .endpoints = r->parts.type == ALTO_MEDIA_PV_ENDPOINTCOST},
		.sg = r->sg,
	};
	json_t *root;
	int rc = alto_client_root(r->first->body, r->first->len, &root, err);

	if (!rc)
		rc = client_costmap(root, &want, &pv->costs, err);
	return rc ? rc : read_vtag(r, pv->costs->root, err);
}

/* ---- second part ---- */

static int check_depends(const struct pv_reader *r, const struct alto_propmap *props,
			 struct err *err)
{
	for (unsigned int i = 0; i < props->n_depends; i++) {
		if (strcmp(props->depends[i].id, r->vtag.id) == 0 &&
		    strcmp(props->depends[i].tag, r->vtag.tag) == 0)
			return 0;
	}
	return err_set(err, -EINVAL, "/meta/dependent-vtags", NULL,
		       "must have the other part's version tag: %s, %s", r->vtag.id, r->vtag.tag);
}

struct ane_check {
	const json_t *entities;
	json_t *named; /* entity -> true */
	struct err *err;
};

static int check_ane(void *arg, const char *name)
{
	struct ane_check *c = arg;
	char entity[sizeof(ANE) + ALTO_NAME_LEN];

	snprintf(entity, sizeof(entity), ANE "%s", name);
	if (!json_object_get(c->entities, entity))
		return err_set(c->err, -EINVAL, "/property-map", entity,
			       "is missing: the path vectors name it");
	return json_object_set_new(c->named, entity, json_true())
		       ? err_set(c->err, -ENOMEM, "", NULL, "no memory")
		       : 0;
}

/* The entities are exactly the ANEs of the path vectors. */
static int check_anes(const struct alto_pv *pv, struct err *err)
{
	struct ane_check c = {.entities = pv->props->entities, .named = json_object(), .err = err};
	const char *entity;
	json_t *value;
	int rc = c.named ? client_ane_each(pv->costs->costs, check_ane, &c)
			 : err_set(err, -ENOMEM, "", NULL, "no memory");

	json_object_foreach(pv->props->entities, entity, value) {
		if (!rc && !json_object_get(c.named, entity))
			rc = err_set(err, -EINVAL, "/property-map", entity,
				     "is no ANE that the path vectors name");
	}
	json_decref(c.named);
	return rc;
}

static int read_second(const struct pv_reader *r, struct alto_pv *pv, struct err *err)
{
	int rc = alto_propmap_parse(r->second->body, r->second->len, NULL, &pv->props, err);

	if (!rc)
		rc = check_depends(r, pv->props, err);
	return rc ? rc : check_anes(pv, err);
}

/* ---- the whole ---- */

static int read_pv(struct pv_reader *r, struct alto_pv *pv, struct err *err)
{
	int rc = check_media(r, err);

	if (rc)
		return rc;
	rc = read_first(r, pv, err);
	if (rc) {
		err_prefix(err, "/parts/%d", (int)(r->first - r->parts.parts));
		return rc;
	}
	rc = read_second(r, pv, err);
	if (rc)
		err_prefix(err, "/parts/%d", (int)(r->second - r->parts.parts));
	return rc;
}

int alto_pv_parse(const char *text, size_t len, const char *content_type,
		  const struct alto_netmap *map, bool sg, struct alto_pv **out, struct err *err)
{
	struct pv_reader r = {.map = map, .sg = sg};
	struct alto_pv *pv;
	int rc = client_multipart(text, len, content_type, &r.parts, err);

	if (rc)
		return rc;
	r.first = &r.parts.parts[r.parts.root];
	r.second = &r.parts.parts[1 - r.parts.root];
	pv = calloc(1, sizeof(*pv));
	if (!pv)
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	rc = read_pv(&r, pv, err);
	if (rc) {
		alto_pv_free(pv);
		return rc;
	}
	*out = pv;
	return 0;
}
