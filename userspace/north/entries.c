/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /v1/entries: what orc selected, joined with what ncc made of it. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "model/in6.h"
#include "north/server.h"

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
	r |= set_text(obj, "address4", json_string_value(json_object_get(def, "address4")));
	r |= set_text(obj, "steering", json_string_value(json_object_get(def, "steering")));
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

/* An entry that was never sent has 0. */
static int set_generation(json_t *obj, const char *name, const json_t *made)
{
	json_int_t generation = json_integer_value(json_object_get(made, name));

	return json_object_set_new(obj, name, json_integer(generation));
}

/* ---- members of a balanced service: which instances they are, what share they get ---- */

/* The last segment, or the address of an instance of this site. */
static bool member_end(const json_t *nexthop, struct in6_addr *end)
{
	const json_t *segments = json_object_get(nexthop, "segments");
	const char *address = json_string_value(json_object_get(nexthop, "address"));
	size_t n = json_array_size(segments);
	struct in_addr v4;

	if (!address && n)
		address = json_string_value(json_array_get(segments, n - 1));
	if (!address)
		return false;
	if (inet_pton(AF_INET, address, &v4) == 1) {
		*end = in4_mapped(v4.s_addr);
		return true;
	}
	return inet_pton(AF_INET6, address, end) == 1;
}

static void name_member(const struct view_service *svc, json_t *member)
{
	const json_t *nexthop = json_object_get(member, "nexthop");
	bool direct = json_object_get(nexthop, "address") != NULL;
	const struct view_instance *i;
	struct in6_addr end;

	if (!member_end(nexthop, &end))
		return;
	view_each_instance(svc, i) {
		if (memcmp(direct ? &i->address : &i->sid, &end, sizeof(end)) != 0)
			continue;
		set_text(member, "instance", i->name);
		set_text(member, "gateway", i->gateway);
		return;
	}
}

static void name_members(const struct view_service *svc, json_t *entry)
{
	json_t *members = json_object_get(entry, "members"), *member;
	json_int_t sum = 0;
	size_t i;

	json_array_foreach(members, i, member) {
		sum += json_integer_value(json_object_get(member, "weight"));
		name_member(svc, member);
	}
	json_array_foreach(members, i, member) {
		json_int_t weight = json_integer_value(json_object_get(member, "weight"));

		json_object_set_new(member, "share_permille",
				    json_integer(sum ? (weight * 1000 + sum / 2) / sum : 0));
	}
}

static int set_made(json_t *obj, const char *name, const json_t *made)
{
	json_t *value = json_object_get(made, name);

	return json_object_set_new(obj, name, value ? json_incref(value) : json_null());
}

/* What was sent, NULL before that. A change that max_updates_per_s holds back is not in force. */
static json_t *made_json(const struct north *n, uint64_t id, uint8_t scope)
{
	json_t *made = ncc_entry_json(n->conf.ncc, id, scope);
	uint64_t deferred = orc_deferred(n->conf.orc, id, scope);

	if (made && deferred)
		json_object_set_new(made, "desired_generation", json_integer((json_int_t)deferred));
	return made;
}

static json_t *entry_json(const struct north *n, const struct view_service *svc)
{
	json_t *made = made_json(n, svc->id, SAN_SCOPE_INGRESS);
	json_t *local = made_json(n, svc->id, SAN_SCOPE_LOCAL);
	struct orc_entry e = {0};
	json_t *obj = json_object();
	int r;

	name_members(svc, made);
	name_members(svc, local);
	orc_entry(n->conf.orc, svc->id, &e); /* unknown to it yet: all zero */
	r = set_definition(obj, svc, e.selected);
	r |= set_choice(obj, &e);
	r |= set_made(obj, "nexthop", made);
	r |= set_made(obj, "members", made);
	r |= set_generation(obj, "desired_generation", made);
	r |= set_generation(obj, "applied_generation", made);
	r |= json_object_set_new(obj, "changes", json_integer(e.changes));
	r |= json_object_set_new(obj, "local", local ? local : json_null());
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

void entries_get(struct req *req)
{
	static const struct rest_lister lister = {entry_item, rest_service_name};

	rest_list_services(req, &lister);
}

void entry_get(struct req *req)
{
	const struct view_service *svc;

	if (!rest_service_id(req, 0))
		return;
	svc = rest_service(req);
	if (svc)
		rest_json(req, 200, entry_json(req->north, svc));
	else
		rest_absent(req);
}
