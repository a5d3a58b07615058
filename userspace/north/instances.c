/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /v1/services/{id}/instances and /v1/instances */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "model/in6.h"
#include "north/resource.h"

static json_t *address_json(const struct in6_addr *addr)
{
	char text[INET6_ADDRSTRLEN];

	if (IN6_IS_ADDR_UNSPECIFIED(addr))
		return json_null();
	return json_string(in6_text(addr, text));
}

json_t *rest_aggregate(const struct view_instance *inst)
{
	return json_pack("{s:i, s:i}", "count", (int)inst->agg_count, "capacity",
			 (int)inst->agg_capacity);
}

static json_t *shown(const struct view *view, const void *item)
{
	const struct view_instance *inst = item;
	char id[SVC_ID_TEXT];
	json_t *obj = json_object();
	int r = json_object_set_new(obj, "name", json_string(inst->name));

	r |= json_object_set_new(obj, "service", json_string(svc_id_text(inst->service->id, id)));
	r |= json_object_set_new(obj, "gateway",
				 inst->gateway[0] ? json_string(inst->gateway) : json_null());
	r |= json_object_set_new(obj, "address", address_json(&inst->address));
	r |= json_object_set_new(obj, "sid", address_json(&inst->sid));
	r |= json_object_set_new(obj, "state", json_string(instance_state_names[inst->state]));
	if (inst->aggregate)
		r |= json_object_set_new(obj, "aggregate", rest_aggregate(inst));
	r |= json_object_set_new(obj, "attributes", rest_attributes(view, &inst->samples));
	if (r) {
		json_decref(obj);
		return NULL;
	}
	return obj;
}

static const void *find(const struct req *req)
{
	return view_instance(req->north->conf.view, req->id, req->param[1]);
}

static bool names(struct req *req)
{
	char id[SVC_ID_TEXT];

	if (!rest_service_id(req, 0) || !rest_name(req, 1, "instance"))
		return false;
	snprintf(req->object, sizeof(req->object), "instance %s/%s", svc_id_text(req->id, id),
		 req->param[1]);
	return true;
}

static int64_t revision(const void *item)
{
	return ((const struct view_instance *)item)->revision;
}

static int put(struct req *req, const json_t *obj, int64_t if_revision,
	       struct ncsdb_write_done done, struct err *err)
{
	return csc_instance_put(req->north->conf.csc, req->id, req->param[1], obj, if_revision,
				done, err);
}

static int del(struct req *req, int64_t if_revision, struct ncsdb_write_done done, struct err *err)
{
	return csc_instance_del(req->north->conf.csc, req->id, req->param[1], if_revision, done,
				err);
}

static const struct rest_resource resource = {
	.names = names,
	.find = find,
	.revision = revision,
	.shown = shown,
	.put = put,
	.del = del,
};

REST_HANDLER(instance_get, get)
REST_HANDLER(instance_put, put)
REST_HANDLER(instance_delete, delete)

void instance_status_patch(struct req *req)
{
	struct err err = {0};
	int r;

	if (!names(req))
		return;
	req->quiet =
		!json_object_get(req->body, "state"); /* a measurement is no change of config */
	r = csc_status_put(req->north->conf.csc, req->id, req->param[1], req->body,
			   rest_write(req, rest_show_empty), &err);
	rest_wrote(req, r, &err);
}

/* ---- all ---- */

static json_t *instance_item(struct req *req, const void *item)
{
	return rest_resource_item(req, &resource, item);
}

static const char *instance_name(const void *item, char *buf, size_t size)
{
	snprintf(buf, size, "%s", ((const struct view_instance *)item)->name);
	return buf;
}

static const char *full_name(const void *item, char *buf, size_t size)
{
	const struct view_instance *inst = item;
	char id[SVC_ID_TEXT];

	snprintf(buf, size, "%s/%s", svc_id_text(inst->service->id, id), inst->name);
	return buf;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct view_instance *)a)->name,
		      ((const struct view_instance *)b)->name);
}

static int by_service_and_name(const void *a, const void *b)
{
	uint64_t x = ((const struct view_instance *)a)->service->id;
	uint64_t y = ((const struct view_instance *)b)->service->id;

	return x == y ? by_name(a, b) : x < y ? -1 : 1;
}

static void add_instances(struct pick *pick, const struct view_service *svc, const char *after)
{
	const struct view_instance *inst;

	view_each_instance(svc, inst) {
		if (!after || strcmp(inst->name, after) > 0)
			pick_add(pick, inst);
	}
}

void instances_get(struct req *req)
{
	static const struct rest_lister lister = {instance_item, instance_name};
	const struct view_service *svc;
	struct rest_page page;
	struct pick pick;

	if (!rest_service_id(req, 0) || !rest_page(req, &page))
		return;
	svc = view_service(req->north->conf.view, req->id);
	if (!svc) {
		rest_absent(req);
		return;
	}
	if (!rest_pick(req, &page, &pick, by_name))
		return;
	add_instances(&pick, svc, page.after);
	rest_list(req, &page, &pick, &lister);
}

/* "0x101/name" -> the two; absent: 0 and "". */
static bool parse_after(struct req *req, char *text, uint64_t *id, const char **name)
{
	char *slash = text ? strchr(text, '/') : NULL;

	*name = "";
	if (slash) {
		*slash = 0;
		*name = slash + 1;
	}
	return rest_after_id(req, text, id);
}

/* Enough services for a page: each of them has an instance, but perhaps the one `after` is in. */
static int pick_services(const struct view *view, uint64_t from, size_t max, struct pick *pick)
{
	if (pick_init(pick, max + 1, rest_by_id))
		return -ENOMEM;
	for (const struct view_service *svc = view->services; svc; svc = svc->hh.next) {
		if (svc->instances && svc->id >= from)
			pick_add(pick, svc);
	}
	pick_sort(pick);
	return 0;
}

void instances_all_get(struct req *req)
{
	static const struct rest_lister lister = {instance_item, full_name};
	struct pick services, pick;
	struct rest_page page;
	const char *name;
	uint64_t from = 0;

	if (!rest_page(req, &page) || !parse_after(req, (char *)page.after, &from, &name))
		return;
	if (pick_services(req->north->conf.view, from, page.limit + 1, &services)) {
		rest_json(req, 500, NULL);
		return;
	}
	if (!rest_pick(req, &page, &pick, by_service_and_name)) {
		pick_fini(&services);
		return;
	}
	for (size_t i = 0; i < services.n && pick.n <= page.limit; i++) {
		const struct view_service *svc = services.v[i];

		add_instances(&pick, svc, svc->id == from ? name : NULL);
	}
	pick_fini(&services);
	rest_list(req, &page, &pick, &lister);
}
