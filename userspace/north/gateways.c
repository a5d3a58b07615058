/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /v1/gateways */
#include <stdio.h>
#include <string.h>

#include "north/resource.h"

static const void *find(const struct req *req)
{
	return view_gateway(req->north->conf.view, req->param[0]);
}

static bool names(struct req *req)
{
	if (!rest_name(req, 0, "gateway"))
		return false;
	snprintf(req->object, sizeof(req->object), "gateway %s", req->param[0]);
	return true;
}

static int64_t revision(const void *item)
{
	return ((const struct view_gateway *)item)->revision;
}

static json_t *shown(const struct view *view, const void *item)
{
	return gateway_to_json(&((const struct view_gateway *)item)->def);
}

static int put(struct req *req, const json_t *obj, int64_t if_revision,
	       struct ncsdb_write_done done, struct err *err)
{
	return nsc_gateway_put(req->north->conf.nsc, req->param[0], obj, if_revision, done, err);
}

static int del(struct req *req, int64_t if_revision, struct ncsdb_write_done done, struct err *err)
{
	return nsc_gateway_del(req->north->conf.nsc, req->param[0], if_revision, done, err);
}

static const struct rest_resource resource = {
	.names = names,
	.find = find,
	.revision = revision,
	.shown = shown,
	.stored = shown,
	.put = put,
	.del = del,
};

REST_HANDLER(gateway_get, get)
REST_HANDLER(gateway_put, put)
REST_HANDLER(gateway_patch, patch)
REST_HANDLER(gateway_delete, delete)

/* ---- all ---- */

static json_t *gateway_item(struct req *req, const void *item)
{
	return rest_resource_item(req, &resource, item);
}

static const char *gateway_name(const void *item, char *buf, size_t size)
{
	snprintf(buf, size, "%s", ((const struct view_gateway *)item)->def.name);
	return buf;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct view_gateway *)a)->def.name,
		      ((const struct view_gateway *)b)->def.name);
}

void gateways_get(struct req *req)
{
	static const struct rest_lister lister = {gateway_item, gateway_name};
	struct rest_page page;
	struct pick pick;

	if (!rest_page(req, &page) || !rest_pick(req, &page, &pick, by_name))
		return;
	for (const struct view_gateway *gw = req->north->conf.view->gateways; gw;
	     gw = gw->hh.next) {
		if (!page.after || strcmp(gw->def.name, page.after) > 0)
			pick_add(&pick, gw);
	}
	rest_list(req, &page, &pick, &lister);
}
