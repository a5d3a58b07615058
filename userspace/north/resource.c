/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET, PUT, PATCH and DELETE of one object of any kind. */
#include "north/resource.h"

json_t *rest_resource_item(const struct req *req, const struct rest_resource *resource,
			   const void *item)
{
	json_t *obj = resource->shown(req->north->conf.view, item);

	if (obj)
		json_object_set_new(obj, "revision", json_integer(resource->revision(item)));
	return obj;
}

static void show(struct req *req, bool created)
{
	const struct rest_resource *resource = req->resource;
	const void *item = resource->find(req);

	if (item)
		rest_object(req, created ? 201 : 200, resource->shown(req->north->conf.view, item),
			    resource->revision(item));
	else /* deleted by somebody else since */
		rest_empty(req, 204);
}

/* The request's names and conditions; false: answered. *item NULL: the object is absent. */
static bool begin(struct req *req, const struct rest_resource *resource, const void **item,
		  int64_t *if_revision)
{
	struct rest_present present = {0};

	req->resource = resource;
	if (!resource->names(req))
		return false;
	*item = resource->find(req);
	if (*item)
		present = (struct rest_present){true, resource->revision(*item)};
	return rest_condition(req, present, if_revision);
}

static void put(struct req *req, const json_t *obj, int64_t if_revision)
{
	struct err err = {0};
	int r = req->resource->put(req, obj, if_revision, rest_write(req, show), &err);

	rest_wrote(req, r, &err);
}

void rest_resource_get(struct req *req, const struct rest_resource *resource)
{
	req->resource = resource;
	if (!resource->names(req))
		return;
	if (resource->find(req))
		show(req, false);
	else
		rest_absent(req);
}

void rest_resource_put(struct req *req, const struct rest_resource *resource)
{
	const void *item;
	int64_t if_revision;

	if (begin(req, resource, &item, &if_revision))
		put(req, req->body, if_revision);
}

void rest_resource_patch(struct req *req, const struct rest_resource *resource)
{
	const void *item;
	int64_t if_revision;
	json_t *merged;

	if (!begin(req, resource, &item, &if_revision))
		return;
	if (!item) {
		rest_absent(req);
		return;
	}
	rest_patch_condition(req, resource->revision(item), &if_revision);
	merged = json_merge_patch(resource->stored(req->north->conf.view, item), req->body);
	if (merged)
		put(req, merged, if_revision);
	else
		rest_json(req, 500, NULL);
	json_decref(merged);
}

void rest_resource_delete(struct req *req, const struct rest_resource *resource)
{
	struct err err = {0};
	const void *item;
	int64_t if_revision;
	int r;

	if (!begin(req, resource, &item, &if_revision))
		return;
	if (!item) {
		rest_absent(req);
		return;
	}
	r = resource->del(req, if_revision, rest_write(req, rest_show_empty), &err);
	rest_wrote(req, r, &err);
}
