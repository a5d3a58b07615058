/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /v1/paths and /v1/network */
#include <stdio.h>
#include <string.h>

#include "north/resource.h"

static struct path_key key(const struct req *req)
{
	return (struct path_key){
		.ingress = req->param[0],
		.gateway = req->param[1],
		.name = req->param[2],
	};
}

static const void *find(const struct req *req)
{
	const struct view_path *path = view_path(req->north->conf.view, key(req));

	return path && path->defined ? path : NULL;
}

static bool names(struct req *req)
{
	if (!rest_name(req, 0, "ingress") || !rest_name(req, 1, "gateway") ||
	    !rest_name(req, 2, "path"))
		return false;
	snprintf(req->object, sizeof(req->object), "path %s/%s/%s", req->param[0], req->param[1],
		 req->param[2]);
	return true;
}

static int64_t revision(const void *item)
{
	return ((const struct view_path *)item)->revision;
}

static json_t *stored(const struct view *view, const void *item)
{
	return path_to_json(&((const struct view_path *)item)->def);
}

static json_t *shown(const struct view *view, const void *item)
{
	const struct view_path *path = item;
	const struct path *def = &path->def;
	json_t *body = path_to_json(def);
	json_t *obj = json_pack("{s:s, s:s, s:s}", "ingress", def->ingress, "gateway", def->gateway,
				"name", def->name);
	int r = json_object_update(obj, body);

	r |= json_object_set_new(obj, "attributes", rest_attributes(view, &path->samples));
	json_decref(body);
	if (r) {
		json_decref(obj);
		return NULL;
	}
	return obj;
}

static int put(struct req *req, const json_t *obj, int64_t if_revision,
	       struct ncsdb_write_done done, struct err *err)
{
	return nsc_path_put(req->north->conf.nsc, key(req), obj, if_revision, done, err);
}

static int del(struct req *req, int64_t if_revision, struct ncsdb_write_done done, struct err *err)
{
	return nsc_path_del(req->north->conf.nsc, key(req), if_revision, done, err);
}

static const struct rest_resource resource = {
	.names = names,
	.find = find,
	.revision = revision,
	.shown = shown,
	.stored = stored,
	.put = put,
	.del = del,
};

REST_HANDLER(path_get, get)
REST_HANDLER(path_put, put)
REST_HANDLER(path_patch, patch)
REST_HANDLER(path_delete, delete)

void network_patch(struct req *req)
{
	struct err err = {0};
	int r;

	if (!names(req))
		return;
	req->quiet = true;
	r = nsc_status_put(req->north->conf.nsc, key(req), req->body,
			   rest_write(req, rest_show_empty), &err);
	rest_wrote(req, r, &err);
}

/* ---- all ---- */

static json_t *path_item(struct req *req, const void *item)
{
	return rest_resource_item(req, &resource, item);
}

static const char *path_name(const void *item, char *buf, size_t size)
{
	snprintf(buf, size, "%s", ((const struct view_path *)item)->key);
	return buf;
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct view_path *)a)->key, ((const struct view_path *)b)->key);
}

void paths_get(struct req *req)
{
	static const struct rest_lister lister = {path_item, path_name};
	struct rest_page page;
	struct pick pick;

	if (!rest_page(req, &page) || !rest_pick(req, &page, &pick, by_key))
		return;
	for (const struct view_path *path = req->north->conf.view->paths; path;
	     path = path->hh.next) {
		if (path->defined && (!page.after || strcmp(path->key, page.after) > 0))
			pick_add(&pick, path);
	}
	rest_list(req, &page, &pick, &lister);
}
