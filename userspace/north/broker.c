/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /broker/v1: what domains advertise. A domain sees and writes its own only. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "north/resource.h"

/* ---- who ---- */

/* As broker.h wants it: "" may do all. */
static const char *writer(const struct req *req)
{
	return req->role == NORTH_ADMIN ? "" : req->who;
}

static bool is_own(const struct req *req, const char *a, const char *b)
{
	return req->role == NORTH_ADMIN || strcmp(req->who, a) == 0 ||
	       (b && strcmp(req->who, b) == 0);
}

/* Whether it exists or not: 403 tells nothing of it. False: answered. */
static bool admit(struct req *req, const char *a, const char *b)
{
	struct err err = {0};

	if (is_own(req, a, b))
		return true;
	err_set(&err, -EPERM, "", NULL, b ? "must be a link of domain %s" : "must be domain %s",
		req->who);
	rest_fail(req, &err);
	return false;
}

/* -EACCES of the broker is about the client; what a write is told later, about the database. */
static int told(int r, struct err *err)
{
	if (r != -EACCES)
		return r;
	err->code = -EPERM;
	return -EPERM;
}

static struct broker *broker_of(const struct req *req)
{
	return req->north->conf.broker;
}

static int64_t revision(const void *item)
{
	return ((const struct broker_item *)item)->revision;
}

/* ---- one domain ---- */

static bool domain_names(struct req *req)
{
	snprintf(req->object, sizeof(req->object), "domain %s", req->param[0]);
	return admit(req, req->param[0], NULL);
}

static const void *domain_find(const struct req *req)
{
	struct broker_item *item = &req->north->found;

	return broker_domain(broker_of(req), req->param[0], item) ? item : NULL;
}

static json_t *domain_shown(const struct view *view, const void *item)
{
	const struct broker_item *domain = item;
	json_t *obj = broker_item_json(domain);

	if (obj)
		json_object_set_new(obj, "id", json_string(domain->id));
	return obj;
}

/* A domain that was read is put back with its ID. */
static int take_member(const json_t *obj, const char *name, const char *want, struct err *err)
{
	const json_t *value = json_object_get(obj, name);
	const char *text = json_string_value(value);
	char field[16];

	if (!value)
		return 0;
	snprintf(field, sizeof(field), "/%s", name);
	if (!text || strcmp(text, want) != 0)
		return err_set(err, -EINVAL, field, text, "must be %s, as in the path, or absent",
			       want);
	return json_object_del((json_t *)obj, name);
}

static int domain_put_obj(struct req *req, const json_t *obj, int64_t if_revision,
			  struct ncsdb_write_done done, struct err *err)
{
	int r = take_member(obj, "id", req->param[0], err);

	r = r
		    ?: broker_domain_put(broker_of(req), writer(req), req->param[0], obj,
					 if_revision, done, err);
	return told(r, err);
}

static int domain_del(struct req *req, int64_t if_revision, struct ncsdb_write_done done,
		      struct err *err)
{
	return told(broker_domain_del(broker_of(req), writer(req), req->param[0], if_revision, done,
				      err),
		    err);
}

static const struct rest_resource domain = {
	.names = domain_names,
	.find = domain_find,
	.revision = revision,
	.shown = domain_shown,
	.put = domain_put_obj,
	.del = domain_del,
};

void domain_get(struct req *req)
{
	rest_resource_get(req, &domain);
}

void domain_put(struct req *req)
{
	rest_resource_put(req, &domain);
}

void domain_delete(struct req *req)
{
	rest_resource_delete(req, &domain);
}

/* ---- one link ---- */

static bool link_names(struct req *req)
{
	snprintf(req->object, sizeof(req->object), "link %s to %s", req->param[0], req->param[1]);
	return admit(req, req->param[0], req->param[1]);
}

static const void *link_find(const struct req *req)
{
	struct broker_item *item = &req->north->found;

	return broker_link(broker_of(req), req->param[0], req->param[1], item) ? item : NULL;
}

static json_t *link_shown(const struct view *view, const void *item)
{
	const struct broker_item *link = item;
	json_t *obj = broker_item_json(link);

	if (obj) {
		json_object_set_new(obj, "a", json_string(link->id));
		json_object_set_new(obj, "b", json_string(link->b));
	}
	return obj;
}

/* Both ends as they are shown: in the path's order, or in that of the names. */
static int take_ends(const struct req *req, const json_t *obj, struct err *err)
{
	const char *a = json_string_value(json_object_get(obj, "a"));
	bool turned = a && strcmp(a, req->param[1]) == 0;
	int r = take_member(obj, "a", req->param[turned], err);

	return r ? r : take_member(obj, "b", req->param[!turned], err);
}

static int link_put_obj(struct req *req, const json_t *obj, int64_t if_revision,
			struct ncsdb_write_done done, struct err *err)
{
	int r = take_ends(req, obj, err);

	r = r
		    ?: broker_link_put(broker_of(req), writer(req), req->param[0], req->param[1],
				       obj, if_revision, done, err);
	return told(r, err);
}

static int link_del(struct req *req, int64_t if_revision, struct ncsdb_write_done done,
		    struct err *err)
{
	return told(broker_link_del(broker_of(req), writer(req), req->param[0], req->param[1],
				    if_revision, done, err),
		    err);
}

static const struct rest_resource link_resource = {
	.names = link_names,
	.find = link_find,
	.revision = revision,
	.shown = link_shown,
	.put = link_put_obj,
	.del = link_del,
};

void link_get(struct req *req)
{
	rest_resource_get(req, &link_resource);
}

void link_put(struct req *req)
{
	rest_resource_put(req, &link_resource);
}

void link_delete(struct req *req)
{
	rest_resource_delete(req, &link_resource);
}

/* ---- all ---- */

struct listing {
	struct req *req;
	const struct rest_resource *resource;
	json_t *items;
	unsigned int limit;
	char last[2 * ALTO_NAME_LEN];
	bool more, failed;
};

static bool list_one(void *arg, const struct broker_item *item)
{
	struct listing *l = arg;

	if (json_array_size(l->items) == l->limit) {
		l->more = true;
		return false;
	}
	snprintf(l->last, sizeof(l->last), "%s%s%s", item->id, item->b ? "/" : "",
		 item->b ? item->b : "");
	l->failed =
		json_array_append_new(l->items, rest_resource_item(l->req, l->resource, item)) != 0;
	return !l->failed;
}

/* Takes l->items. */
static void answer_list(struct listing *l)
{
	json_t *obj = l->items && !l->failed ? json_pack("{s:O}", "items", l->items) : NULL;

	if (obj && l->more)
		json_object_set_new(obj, "next", json_string(l->last));
	json_decref(l->items);
	rest_json(l->req, 200, obj);
}

/* A domain's list is its own: what others have is not even looked at. */
static void list_domains(struct listing *l, const char *after)
{
	struct broker *b = broker_of(l->req);
	struct broker_item item;

	if (l->req->role == NORTH_ADMIN)
		broker_domains_each(b, after, list_one, l);
	else if ((!after || strcmp(l->req->who, after) > 0) && broker_domain(b, l->req->who, &item))
		list_one(l, &item);
}

static void list_links(struct listing *l, const char *after_a, const char *after_b)
{
	struct broker *b = broker_of(l->req);

	if (l->req->role == NORTH_ADMIN)
		broker_links_each(b, after_a, after_b, list_one, l);
	else
		broker_links_of(b, l->req->who, after_a, after_b, list_one, l);
}

void domains_get(struct req *req)
{
	struct listing l = {.req = req, .resource = &domain};
	struct rest_page page;

	if (!rest_page(req, &page))
		return;
	l.limit = page.limit;
	l.items = json_array();
	list_domains(&l, page.after);
	answer_list(&l);
}

void links_get(struct req *req)
{
	struct listing l = {.req = req, .resource = &link_resource};
	struct rest_page page;
	struct err err = {0};
	char *b = NULL;

	if (!rest_page(req, &page))
		return;
	if (page.after) {
		b = strchr(page.after, '/');
		if (!b) {
			err_set(&err, -EINVAL, "?after", page.after,
				"must be the names of two domains, like A/B");
			rest_fail(req, &err);
			return;
		}
		*b++ = '\0';
	}
	l.limit = page.limit;
	l.items = json_array();
	list_links(&l, page.after, b);
	answer_list(&l);
}

/* Everything at once has no revision: "If-Match: *" holds, others do not. */
void domains_put(struct req *req)
{
	struct err err = {0};
	int64_t if_revision;
	int r;

	snprintf(req->object, sizeof(req->object), "broker");
	if (!rest_condition(req, (struct rest_present){.exists = true}, &if_revision))
		return;
	r = broker_replace(broker_of(req), writer(req), req->body, rest_write(req, rest_show_empty),
			   &err);
	rest_wrote(req, told(r, &err), &err);
}
