/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /v1/paths and /v1/network */
#include <stdio.h>
#include <string.h>

#include "north/server.h"

static struct path_key key(const struct req *req)
{
	return (struct path_key){
		.ingress = req->param[0],
		.gateway = req->param[1],
		.name = req->param[2],
	};
}

static const struct view_path *find(const struct req *req)
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

static json_t *path_json(const struct view_path *path)
{
	const struct path *def = &path->def;
	json_t *body = path_to_json(def);
	json_t *obj = json_pack("{s:s, s:s, s:s}", "ingress", def->ingress, "gateway", def->gateway,
				"name", def->name);
	int r = json_object_update(obj, body);

	r |= json_object_set_new(obj, "attributes", rest_attributes(&path->samples));
	json_decref(body);
	if (r) {
		json_decref(obj);
		return NULL;
	}
	return obj;
}

static json_t *path_item(struct req *req, const void *item)
{
	const struct view_path *path = item;
	json_t *obj = path_json(path);

	if (obj)
		json_object_set_new(obj, "revision", json_integer(path->revision));
	return obj;
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

	if (!rest_page(req, &page))
		return;
	if (pick_init(&pick, page.limit + 1, by_key)) {
		rest_json(req, 500, NULL);
		return;
	}
	for (const struct view_path *path = req->north->conf.view->paths; path;
	     path = path->hh.next) {
		if (path->defined && (!page.after || strcmp(path->key, page.after) > 0))
			pick_add(&pick, path);
	}
	rest_list(req, &page, &pick, &lister);
}

static void show(struct req *req, bool created)
{
	const struct view_path *path = find(req);

	if (path)
		rest_object(req, created ? 201 : 200, path_json(path), path->revision);
	else
		rest_empty(req, 204);
}

void path_get(struct req *req)
{
	if (!names(req))
		return;
	if (find(req))
		show(req, false);
	else
		rest_absent(req);
}

static struct rest_present present(const struct view_path *path)
{
	return (struct rest_present){.exists = path, .revision = path ? path->revision : 0};
}

static void put(struct req *req, const json_t *obj, int64_t if_revision)
{
	struct err err = {0};
	int r = nsc_path_put(req->north->conf.nsc, key(req), obj, if_revision,
			     rest_write(req, show), &err);

	rest_wrote(req, r, &err);
}

void path_put(struct req *req)
{
	int64_t if_revision;

	if (names(req) && rest_condition(req, present(find(req)), &if_revision))
		put(req, req->body, if_revision);
}

void path_patch(struct req *req)
{
	const struct view_path *path;
	int64_t if_revision;
	json_t *merged;

	if (!names(req))
		return;
	path = find(req);
	if (!rest_condition(req, present(path), &if_revision))
		return;
	if (!path) {
		rest_absent(req);
		return;
	}
	rest_patch_condition(req, path->revision, &if_revision);
	merged = rest_merge(path_to_json(&path->def), req->body);
	if (merged)
		put(req, merged, if_revision);
	else
		rest_json(req, 500, NULL);
	json_decref(merged);
}

void path_delete(struct req *req)
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
	r = nsc_path_del(req->north->conf.nsc, key(req), if_revision,
			 rest_write(req, rest_show_empty), &err);
	rest_wrote(req, r, &err);
}

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
