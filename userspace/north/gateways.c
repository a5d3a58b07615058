/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /v1/gateways */
#include <stdio.h>
#include <string.h>

#include "north/server.h"

static const struct view_gateway *find(const struct req *req)
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

static json_t *gateway_item(struct req *req, const void *item)
{
	const struct view_gateway *gw = item;
	json_t *obj = gateway_to_json(&gw->def);

	if (obj)
		json_object_set_new(obj, "revision", json_integer(gw->revision));
	return obj;
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

	if (!rest_page(req, &page))
		return;
	if (pick_init(&pick, page.limit + 1, by_name)) {
		rest_json(req, 500, NULL);
		return;
	}
	for (const struct view_gateway *gw = req->north->conf.view->gateways; gw;
	     gw = gw->hh.next) {
		if (!page.after || strcmp(gw->def.name, page.after) > 0)
			pick_add(&pick, gw);
	}
	rest_list(req, &page, &pick, &lister);
}

static void show(struct req *req, bool created)
{
	const struct view_gateway *gw = find(req);

	if (gw)
		rest_object(req, created ? 201 : 200, gateway_to_json(&gw->def), gw->revision);
	else
		rest_empty(req, 204);
}

void gateway_get(struct req *req)
{
	if (!names(req))
		return;
	if (find(req))
		show(req, false);
	else
		rest_absent(req);
}

static struct rest_present present(const struct view_gateway *gw)
{
	return (struct rest_present){.exists = gw, .revision = gw ? gw->revision : 0};
}

static void put(struct req *req, const json_t *obj, int64_t if_revision)
{
	struct err err = {0};
	int r = nsc_gateway_put(req->north->conf.nsc, req->param[0], obj, if_revision,
				rest_write(req, show), &err);

	rest_wrote(req, r, &err);
}

void gateway_put(struct req *req)
{
	int64_t if_revision;

	if (names(req) && rest_condition(req, present(find(req)), &if_revision))
		put(req, req->body, if_revision);
}

void gateway_patch(struct req *req)
{
	const struct view_gateway *gw;
	int64_t if_revision;
	json_t *merged;

	if (!names(req))
		return;
	gw = find(req);
	if (!rest_condition(req, present(gw), &if_revision))
		return;
	if (!gw) {
		rest_absent(req);
		return;
	}
	rest_patch_condition(req, gw->revision, &if_revision);
	merged = rest_merge(gateway_to_json(&gw->def), req->body);
	if (merged)
		put(req, merged, if_revision);
	else
		rest_json(req, 500, NULL);
	json_decref(merged);
}

void gateway_delete(struct req *req)
{
	struct err err = {0};
	int64_t if_revision;
	int r;

	if (!names(req) || !rest_condition(req, present(find(req)), &if_revision))
		return;
	if (!find(req)) {
		rest_absent(req);
		return;
	}
	r = nsc_gateway_del(req->north->conf.nsc, req->param[0], if_revision,
			    rest_write(req, rest_show_empty), &err);
	rest_wrote(req, r, &err);
}
