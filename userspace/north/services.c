/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /v1/services */
#include <errno.h>

#include "north/resource.h"

const struct view_service *rest_service(const struct req *req)
{
	const struct view_service *svc = view_service(req->north->conf.view, req->id);

	return svc && svc->registered ? svc : NULL;
}

static const void *find(const struct req *req)
{
	return rest_service(req);
}

static bool names(struct req *req)
{
	return rest_service_id(req, 0);
}

static int64_t revision(const void *item)
{
	return ((const struct view_service *)item)->revision;
}

static json_t *shown(const struct view *view, const void *item)
{
	return service_to_json(((const struct view_service *)item)->def);
}

/* Services of another host's database, or written at the same time, can still be too many: then orc
 * counts them as refused. */
static bool is_full(const struct north *n)
{
	unsigned int registered = 0;

	if (!n->conf.max_services || HASH_COUNT(n->conf.view->services) < n->conf.max_services)
		return false;
	for (const struct view_service *svc = n->conf.view->services; svc; svc = svc->hh.next)
		registered += svc->registered;
	return registered >= n->conf.max_services;
}

static int put(struct req *req, const json_t *obj, int64_t if_revision,
	       struct ncsdb_write_done done, struct err *err)
{
	if (!rest_service(req) && is_full(req->north))
		return err_set(err, -ENOSPC, "", NULL,
			       "not stored: the dataplane's table is full, it has room for %u "
			       "services (maps: services in the configuration)",
			       req->north->conf.max_services);
	return srm_service_put(req->north->conf.srm, req->id, obj, if_revision, done, err);
}

static int del(struct req *req, int64_t if_revision, struct ncsdb_write_done done, struct err *err)
{
	return srm_service_del(req->north->conf.srm, req->id, if_revision, done, err);
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

REST_HANDLER(service_get, get)
REST_HANDLER(service_put, put)
REST_HANDLER(service_patch, patch)
REST_HANDLER(service_delete, delete)

/* What a gateway says of all its instances, behind its candidates. */
static void add_aggregates(const struct req *req, json_t *explain)
{
	json_t *cand;
	size_t i;

	json_array_foreach(json_object_get(explain, "candidates"), i, cand) {
		const char *name = json_string_value(json_object_get(cand, "instance"));
		const struct view_instance *inst =
			name ? view_instance(req->north->conf.view, req->id, name) : NULL;

		if (inst && inst->aggregate)
			json_object_set_new(cand, "aggregate", rest_aggregate(inst));
	}
}

void service_explain(struct req *req)
{
	json_t *value;

	if (!rest_service_id(req, 0))
		return;
	value = orc_explain(req->north->conf.orc, req->id);
	if (value)
		add_aggregates(req, value);
	if (value)
		rest_json(req, 200, value);
	else
		rest_absent(req);
}

void service_history(struct req *req)
{
	json_t *items;

	if (!rest_service_id(req, 0))
		return;
	items = orc_history(req->north->conf.orc, req->id);
	if (items)
		rest_json(req, 200, json_pack("{s:o}", "items", items));
	else
		rest_absent(req);
}

/* ---- all ---- */

static json_t *service_item(struct req *req, const void *item)
{
	return rest_resource_item(req, &resource, item);
}

const char *rest_service_name(const void *item, char *buf, size_t size)
{
	return svc_id_text(((const struct view_service *)item)->id, buf);
}

int rest_by_id(const void *a, const void *b)
{
	uint64_t x = ((const struct view_service *)a)->id;
	uint64_t y = ((const struct view_service *)b)->id;

	return x < y ? -1 : x > y;
}

void rest_list_services(struct req *req, const struct rest_lister *lister)
{
	struct rest_page page;
	struct pick pick;
	uint64_t after = 0;

	if (!rest_page(req, &page) || !rest_after_id(req, page.after, &after) ||
	    !rest_pick(req, &page, &pick, rest_by_id))
		return;
	for (const struct view_service *svc = req->north->conf.view->services; svc;
	     svc = svc->hh.next) {
		if (svc->registered && svc->id > after)
			pick_add(&pick, svc);
	}
	rest_list(req, &page, &pick, lister);
}

void services_get(struct req *req)
{
	static const struct rest_lister lister = {service_item, rest_service_name};

	rest_list_services(req, &lister);
}
