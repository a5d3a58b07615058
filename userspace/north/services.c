/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /v1/services */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "north/server.h"

static const struct view_service *find(const struct req *req)
{
	const struct view_service *svc = view_service(req->north->conf.view, req->id);

	return svc && svc->registered ? svc : NULL;
}

static json_t *service_item(struct req *req, const void *item)
{
	const struct view_service *svc = item;
	json_t *obj = service_to_json(svc->def);

	if (obj)
		json_object_set_new(obj, "revision", json_integer(svc->revision));
	return obj;
}

static const char *service_name(const void *item, char *buf, size_t size)
{
	return svc_id_text(((const struct view_service *)item)->id, buf);
}

static int by_id(const void *a, const void *b)
{
	uint64_t x = ((const struct view_service *)a)->id;
	uint64_t y = ((const struct view_service *)b)->id;

	return x < y ? -1 : x > y;
}

void services_get(struct req *req)
{
	static const struct rest_lister lister = {service_item, service_name};
	struct rest_page page;
	struct pick pick;
	uint64_t after = 0;

	if (!rest_page(req, &page) || !rest_after_id(req, page.after, &after))
		return;
	if (pick_init(&pick, page.limit + 1, by_id)) {
		rest_json(req, 500, NULL);
		return;
	}
	for (const struct view_service *svc = req->north->conf.view->services; svc;
	     svc = svc->hh.next) {
		if (svc->registered && svc->id > after)
			pick_add(&pick, svc);
	}
	rest_list(req, &page, &pick, &lister);
}

static void show(struct req *req, bool created)
{
	const struct view_service *svc = find(req);

	if (svc)
		rest_object(req, created ? 201 : 200, service_to_json(svc->def), svc->revision);
	else /* deleted by somebody else since */
		rest_empty(req, 204);
}

void service_get(struct req *req)
{
	if (!rest_service_id(req, 0))
		return;
	if (find(req))
		show(req, false);
	else
		rest_absent(req);
}

static struct rest_present present(const struct view_service *svc)
{
	return (struct rest_present){.exists = svc, .revision = svc ? svc->revision : 0};
}

static void put(struct req *req, const json_t *obj, int64_t if_revision)
{
	struct err err = {0};
	int r = srm_service_put(req->north->conf.srm, req->id, obj, if_revision,
				rest_write(req, show), &err);

	rest_wrote(req, r, &err);
}

void service_put(struct req *req)
{
	int64_t if_revision;

	if (rest_service_id(req, 0) && rest_condition(req, present(find(req)), &if_revision))
		put(req, req->body, if_revision);
}

void service_patch(struct req *req)
{
	const struct view_service *svc;
	int64_t if_revision;
	json_t *merged;

	if (!rest_service_id(req, 0))
		return;
	svc = find(req);
	if (!rest_condition(req, present(svc), &if_revision))
		return;
	if (!svc) {
		rest_absent(req);
		return;
	}
	rest_patch_condition(req, svc->revision, &if_revision);
	merged = rest_merge(service_to_json(svc->def), req->body);
	if (merged)
		put(req, merged, if_revision);
	else
		rest_json(req, 500, NULL);
	json_decref(merged);
}

void service_delete(struct req *req)
{
	struct err err = {0};
	int64_t if_revision;
	int r;

	if (!rest_service_id(req, 0) || !rest_condition(req, present(find(req)), &if_revision))
		return;
	if (!find(req)) {
		rest_absent(req);
		return;
	}
	r = srm_service_del(req->north->conf.srm, req->id, if_revision,
			    rest_write(req, rest_show_empty), &err);
	rest_wrote(req, r, &err);
}

void service_explain(struct req *req)
{
	json_t *value;

	if (!rest_service_id(req, 0))
		return;
	value = orc_explain(req->north->conf.orc, req->id);
	if (value)
		rest_json(req, 200, value);
	else
		rest_absent(req);
}
