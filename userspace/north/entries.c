/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /v1/entries: what orc selected, joined with what ncc made of it. */
#include <stdio.h>
#include <string.h>

#include "north/server.h"

static const struct view_service *find(const struct req *req)
{
	const struct view_service *svc = view_service(req->north->conf.view, req->id);

	return svc && svc->registered ? svc : NULL;
}

static int set_text(json_t *obj, const char *name, const char *text)
{
	return json_object_set_new(obj, name, text && text[0] ? json_string(text) : json_null());
}

static int set_definition(json_t *obj, const struct view_service *svc, bool selected)
{
	char id[SVC_ID_TEXT];
	json_t *def = service_to_json(svc->def);
	int r = set_text(obj, "service", svc_id_text(svc->id, id));

	r |= set_text(obj, "name", svc->def->name);
	r |= set_text(obj, "address", json_string_value(json_object_get(def, "address")));
	r |= set_text(obj, "mode",
		      selected ? json_string_value(json_object_get(def, "selection")) : "none");
	r |= set_text(obj, "affinity", json_string_value(json_object_get(def, "affinity")));
	json_decref(def);
	return r;
}

static json_t *seconds_since(uint64_t since_us)
{
	uint64_t now_us = clock_us();

	return json_real((double)((now_us > since_us ? now_us - since_us : 0) / 1000) / 1000);
}

static int set_choice(json_t *obj, const struct orc_entry *e)
{
	bool on = e->selected;
	int r = set_text(obj, "instance", on ? e->instance : NULL);

	r |= set_text(obj, "gateway", on ? e->gateway : NULL);
	r |= set_text(obj, "path", on ? e->path : NULL);
	r |= json_object_set_new(obj, "metric", on ? json_integer(e->metric) : json_null());
	r |= json_object_set_new(obj, "since_s", on ? seconds_since(e->since_us) : json_null());
	return r;
}

/* Both from who sends them: an entry that was never sent has 0. */
static int set_generation(json_t *obj, const char *name, const json_t *made)
{
	json_int_t generation = json_integer_value(json_object_get(made, name));

	return json_object_set_new(obj, name, json_integer(generation));
}

static json_t *entry_json(const struct north *n, const struct view_service *svc)
{
	json_t *made = ncc_entry_json(n->conf.ncc, svc->id); /* none was sent yet: NULL */
	json_t *nexthop = json_object_get(made, "nexthop");
	struct orc_entry e = {0};
	json_t *obj = json_object();
	int r;

	orc_entry(n->conf.orc, svc->id, &e); /* unknown to it yet: all zero */
	r = set_definition(obj, svc, e.selected);
	r |= set_choice(obj, &e);
	r |= json_object_set_new(obj, "nexthop", nexthop ? json_incref(nexthop) : json_null());
	r |= set_generation(obj, "desired_generation", made);
	r |= set_generation(obj, "applied_generation", made);
	r |= json_object_set_new(obj, "changes", json_integer(e.changes));
	json_decref(made);
	if (r) {
		json_decref(obj);
		return NULL;
	}
	return obj;
}

/* ---- all ---- */

static json_t *entry_item(struct req *req, const void *item)
{
	return entry_json(req->north, item);
}

static const char *entry_name(const void *item, char *buf, size_t size)
{
	return svc_id_text(((const struct view_service *)item)->id, buf);
}

static int by_id(const void *a, const void *b)
{
	uint64_t x = ((const struct view_service *)a)->id;
	uint64_t y = ((const struct view_service *)b)->id;

	return x < y ? -1 : x > y;
}

void entries_get(struct req *req)
{
	static const struct rest_lister lister = {entry_item, entry_name};
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

void entry_get(struct req *req)
{
	if (!rest_service_id(req, 0))
		return;
	if (find(req))
		rest_json(req, 200, entry_json(req->north, find(req)));
	else
		rest_absent(req);
}
