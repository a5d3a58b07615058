/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /v1/classes */
#include <stdio.h>
#include <string.h>

#include "model/class.h"
#include "north/resource.h"

static const void *find(const struct req *req)
{
	return view_class(req->north->conf.view, req->param[0]);
}

static bool names(struct req *req)
{
	if (!rest_name(req, 0, "class"))
		return false;
	snprintf(req->object, sizeof(req->object), "class %s", req->param[0]);
	return true;
}

static int64_t revision(const void *item)
{
	return ((const struct view_class *)item)->revision;
}

static json_t *shown(const struct view *view, const void *item)
{
	return class_to_json(&((const struct view_class *)item)->def);
}

static int put(struct req *req, const json_t *obj, int64_t if_revision,
	       struct ncsdb_write_done done, struct err *err)
{
	return srm_class_put(req->north->conf.srm, req->param[0], obj, if_revision, done, err);
}

static int del(struct req *req, int64_t if_revision, struct ncsdb_write_done done, struct err *err)
{
	return srm_class_del(req->north->conf.srm, req->param[0], if_revision, done, err);
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

REST_HANDLER(class_get, get)
REST_HANDLER(class_put, put)
REST_HANDLER(class_patch, patch)
REST_HANDLER(class_delete, delete)

/* ---- all ---- */

static json_t *class_item(struct req *req, const void *item)
{
	return rest_resource_item(req, &resource, item);
}

static const char *class_name(const void *item, char *buf, size_t size)
{
	snprintf(buf, size, "%s", ((const struct view_class *)item)->def.name);
	return buf;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct view_class *)a)->def.name,
		      ((const struct view_class *)b)->def.name);
}

void classes_get(struct req *req)
{
	static const struct rest_lister lister = {class_item, class_name};
	struct rest_page page;
	struct pick pick;

	if (!rest_page(req, &page) || !rest_pick(req, &page, &pick, by_name))
		return;
	for (const struct view_class *cls = req->north->conf.view->classes; cls;
	     cls = cls->hh.next) {
		if (!page.after || strcmp(cls->def.name, page.after) > 0)
			pick_add(&pick, cls);
	}
	rest_list(req, &page, &pick, &lister);
}
