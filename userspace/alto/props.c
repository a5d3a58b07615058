/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Property maps (RFC 9240), whole and filtered. Entities of a source "S":
 *
 *	S.pid:AS1		what the domain tells of itself
 *	.ane:AS1		the same, as path vectors name it; in filtered maps only
 *	ipv4:192.0.2.0/24	"S.pid", its PID: told of the network map's prefixes, inherited by
 *				what lies within them
 *	ipv6:2001:db8::1	and what the source has of single addresses: not inherited
 *
 * The whole map leaves out what is inherited. A filtered one tells it, and for a block of addresses
 * also tells all entities within it that have something of their own (RFC 9240, 8.6).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alto/lpm.h"
#include "alto/pv.h"

struct entity {
	struct alto_prefix prefix; /* family 0: a PID */
	bool ane;		   /* the PID as an ANE */
	bool map;		   /* a prefix of the network map */
	bool endpoint;		   /* the source has properties of this address */
	uint32_t pid;
	const char *text; /* as the client wrote it; NULL: ours */
	size_t at;	  /* in the order of adding */
};

struct entities {
	struct entity *v;
	size_t n, cap;
};

struct props {
	const struct alto_source *s;
	const struct alto_resource *resource;
	bool filter;
	char pid_name[ALTO_ID_LEN + sizeof(".pid")]; /* both a domain and a property */
	bool none;				     /* properties is absent */
	bool pid;				     /* property pid_name is asked for */
	const char **names;			     /* of the others */
	size_t n_names;
	struct entities entities;
	struct entities own; /* addresses that the source has something of, sorted; when needed */
	struct alto_error *error;
};

/* ---- names ---- */

bool alto_names_have(const json_t *names, const char *name)
{
	json_t *each;
	size_t i;

	json_array_foreach(names, i, each)
		if (!strcmp(json_string_value(each), name))
			return true;
	return false;
}

bool alto_name_among(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

/* ---- capabilities ---- */

static void put_names(struct alto_out *o, const char *first, const json_t *names)
{
	bool any = first;
	json_t *name;
	size_t i;

	alto_puts(o, "[");
	if (first)
		alto_put_string(o, first);
	json_array_foreach(names, i, name) {
		alto_puts(o, any ? "," : "");
		any = true;
		alto_put_string(o, json_string_value(name));
	}
	alto_puts(o, "]");
}

/* Does the resource announce PIDs, and ANEs? */
static bool tells_pids(const struct alto_source *s)
{
	return json_array_size(s->pid_prop_names) > 0;
}

void alto_props_put_mappings(struct alto_out *o, const struct alto_resource *r)
{
	const struct alto_source *s = r->source;
	char pid[ALTO_ID_LEN + sizeof(".pid")];

	snprintf(pid, sizeof(pid), "%s.pid", s->id);
	alto_puts(o, "{\"ipv4\":");
	put_names(o, pid, s->endpoint_prop_names);
	alto_puts(o, ",\"ipv6\":");
	put_names(o, pid, s->endpoint_prop_names);
	if (tells_pids(s)) {
		alto_putf(o, ",\"%s\":", pid);
		put_names(o, NULL, s->pid_prop_names);
		if (r->service == ALTO_PROPERTY_MAP_FILTER) {
			alto_puts(o, ",\".ane\":");
			put_names(o, NULL, s->pid_prop_names);
		}
	}
	alto_puts(o, "}");
}

/* ---- sets of entities ---- */

static int add(struct entities *set, const struct entity *entity)
{
	size_t cap = set->cap ? set->cap * 2 : 64;
	struct entity *grown;

	if (set->n == set->cap) {
		grown = realloc(set->v, cap * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		set->v = grown;
		set->cap = cap;
	}
	set->v[set->n] = *entity;
	set->v[set->n].at = set->n;
	set->n++;
	return 0;
}

/* PIDs, ANEs, addresses. */
static int order(const void *a, const void *b)
{
	const struct entity *x = a, *y = b;

	if (x->prefix.family || y->prefix.family)
		return alto_prefix_cmp(&x->prefix, &y->prefix);
	if (x->ane != y->ane)
		return x->ane ? 1 : -1;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

static int order_stable(const void *a, const void *b)
{
	const struct entity *x = a, *y = b;
	int c = order(x, y);

	return c ? c : (x->at > y->at) - (x->at < y->at);
}

/* Each entity once, with what is known of it and the client's first spelling. */
static void unite(struct entities *set)
{
	size_t to = 0;

	if (set->n)
		qsort(set->v, set->n, sizeof(*set->v), order_stable);
	for (size_t i = 0; i < set->n; i++) {
		struct entity *last = to ? &set->v[to - 1] : NULL;

		if (!last || order(last, &set->v[i])) {
			set->v[to++] = set->v[i];
			continue;
		}
		last->map |= set->v[i].map;
		last->endpoint |= set->v[i].endpoint;
		if (!last->text)
			last->text = set->v[i].text;
	}
	set->n = to;
}

static bool is_single(const struct alto_prefix *p)
{
	return p->len == (p->family == 4 ? 32 : 128);
}

/* All addresses that the source has something of. */
static int own_addresses(struct props *p)
{
	const struct alto_source *s = p->s;
	const char *name;
	json_t *value;
	int r = 0;

	for (uint32_t i = 0; !r && i < s->n_prefixes; i++)
		r = add(&p->own, &(struct entity){.prefix = s->prefixes[i], .map = true});
	json_object_foreach(s->endpoint_props, name, value) {
		struct entity entity = {.endpoint = true};

		if (!r && !alto_endpoint_parse(name, &entity.prefix))
			r = add(&p->own, &entity);
	}
	unite(&p->own);
	return r;
}

static int add_pids(struct props *p, bool ane)
{
	int r = 0;

	for (uint32_t i = 0; !r && i < p->s->n_pids; i++)
		if (json_object_get(p->s->pid_props, p->s->pids[i].name))
			r = add(&p->entities, &(struct entity){.ane = ane, .pid = i});
	return r;
}

static int add_all(struct props *p)
{
	int r = own_addresses(p);

	if (!r)
		r = add_pids(p, false);
	if (!r && p->filter)
		r = add_pids(p, true);
	for (size_t i = 0; !r && i < p->own.n; i++)
		r = add(&p->entities, &p->own.v[i]);
	return r;
}

/* ---- request ---- */

static int bad_entity(const struct props *p, const char *text)
{
	if (!tells_pids(p->s))
		return alto_wrong_value(p->error, "entities", text,
					"must be ipv4:ADDRESS[/LENGTH] or ipv6:ADDRESS[/LENGTH]");
	return alto_wrong_value(p->error, "entities", text,
				"must be ipv4:ADDRESS[/LENGTH], ipv6:ADDRESS[/LENGTH], %s:PID or "
				".ane:PID",
				p->pid_name);
}

/* PIDs that are not there are entities without properties: no error (RFC 9240, 8.6). */
static int add_pid(struct props *p, const char *text, const char *name, bool ane)
{
	struct entity entity = {.ane = ane, .text = text, .pid = alto_source_find(p->s, name)};

	if (!alto_name_valid(name))
		return bad_entity(p, text);
	return entity.pid == UINT32_MAX ? 0 : add(&p->entities, &entity);
}

static int add_address(struct props *p, const char *text)
{
	struct entity entity = {.text = text};
	char single[ALTO_ENDPOINT_LEN];
	int r;

	if (strchr(text, '/'))
		r = alto_prefix_parse(text + 5, text[3] - '0', &entity.prefix);
	else
		r = alto_endpoint_parse(text, &entity.prefix);
	if (r < 0)
		return bad_entity(p, text);
	if (is_single(&entity.prefix))
		entity.endpoint = json_object_get(p->s->endpoint_props,
						  alto_endpoint_text(&entity.prefix, single));
	return add(&p->entities, &entity);
}

static int add_entity(struct props *p, const char *text)
{
	size_t len = strlen(p->pid_name);
	bool pids = tells_pids(p->s);

	if (pids && !strncmp(text, p->pid_name, len) && text[len] == ':')
		return add_pid(p, text, text + len + 1, false);
	if (pids && !strncmp(text, ".ane:", 5))
		return add_pid(p, text, text + 5, true);
	if (!strncmp(text, "ipv4:", 5) || !strncmp(text, "ipv6:", 5))
		return add_address(p, text);
	return bad_entity(p, text);
}

/* First of own that is not before prefix: those within it follow. */
static size_t first_within(const struct entities *own, const struct alto_prefix *prefix)
{
	size_t from = 0, to = own->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (alto_prefix_cmp(&own->v[mid].prefix, prefix) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

static int add_within(struct props *p, const struct alto_prefix *prefix)
{
	int r = 0;

	for (size_t i = first_within(&p->own, prefix); !r && i < p->own.n; i++) {
		const struct entity *inner = &p->own.v[i];

		if (!alto_prefix_covers(prefix, &inner->prefix))
			break;
		if ((p->pid && inner->map) || (p->n_names && inner->endpoint))
			r = add(&p->entities, inner);
	}
	return r;
}

/* What lies within blocks of addresses; only for those that are in no other block. */
static int add_blocks(struct props *p)
{
	const size_t n = p->entities.n;
	struct alto_prefix outer = {0};
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		struct alto_prefix prefix = p->entities.v[i].prefix;

		if (!prefix.family || is_single(&prefix) || alto_prefix_covers(&outer, &prefix))
			continue;
		outer = prefix;
		if (!p->own.v)
			r = own_addresses(p);
		if (!r)
			r = add_within(p, &prefix);
	}
	unite(&p->entities);
	return r;
}

static int read_entities(struct props *p, const json_t *body)
{
	json_t *entities = NULL, *entity;
	size_t i;
	int r = alto_get_strings(body, "", "entities", true, ALTO_NAMES_MAX, &entities, p->error);

	if (r < 0)
		return r;
	if (!json_array_size(entities))
		return add_all(p);
	json_array_foreach(entities, i, entity)
		if (!r)
			r = add_entity(p, json_string_value(entity));
	return r;
}

static int add_name(struct props *p, const char *name)
{
	if (!strcmp(name, p->pid_name)) {
		p->pid = true;
		return 0;
	}
	if (!alto_names_have(p->s->pid_prop_names, name) &&
	    !alto_names_have(p->s->endpoint_prop_names, name))
		return alto_wrong_value(p->error, "properties", name,
					"must be a property that this resource announces, as %s",
					p->pid_name);
	if (!alto_name_among(p->names, p->n_names, name))
		p->names[p->n_names++] = name;
	return 0;
}

static int add_names(struct props *p, const json_t *names)
{
	json_t *name;
	size_t i;
	int r = 0;

	json_array_foreach(names, i, name)
		if (!r)
			r = add_name(p, json_string_value(name));
	return r;
}

/* names: as in the request; NULL: absent; empty: all. */
static int set_names(struct props *p, const json_t *names)
{
	const json_t *pids = p->s->pid_prop_names, *endpoints = p->s->endpoint_prop_names;
	int r;

	p->none = !names;
	p->names =
		calloc(json_array_size(pids) + json_array_size(endpoints) + 1, sizeof(*p->names));
	if (!p->names)
		return -ENOMEM;
	if (!names || json_array_size(names))
		return add_names(p, names);
	p->pid = true;
	r = add_names(p, pids);
	return r < 0 ? r : add_names(p, endpoints);
}

static int read_filter(struct props *p, const json_t *body)
{
	json_t *names = NULL;
	int r = read_entities(p, body);

	if (!r)
		r = alto_get_strings(body, "", "properties", false, ALTO_NAMES_MAX, &names,
				     p->error);
	if (!r)
		r = set_names(p, names);
	unite(&p->entities);
	return r < 0 || p->none ? r : add_blocks(p);
}

/* ---- answer ---- */

static void put_own(const struct props *p, struct alto_out *o, const json_t *values, bool any)
{
	for (size_t i = 0; i < p->n_names; i++) {
		const json_t *value = json_object_get(values, p->names[i]);

		if (!value)
			continue;
		alto_puts(o, any ? "," : "");
		any = true;
		alto_put_string(o, p->names[i]);
		alto_puts(o, ":");
		alto_put_json(o, value);
	}
}

static void put_address(const struct props *p, struct alto_out *o, const struct entity *entity)
{
	char text[ALTO_ENDPOINT_LEN];
	bool pid = p->pid && (p->filter || entity->map);

	if (pid) {
		uint32_t at = alto_source_match(p->s, &entity->prefix);

		/* a block that no prefix covers as a whole has none */
		pid = at != ALTO_LPM_NONE;
		if (pid)
			alto_putf(o, "\"%s\":\"%s\"", p->pid_name, p->s->pids[at].name);
	}
	if (entity->endpoint)
		put_own(p, o,
			json_object_get(p->s->endpoint_props,
					alto_endpoint_text(&entity->prefix, text)),
			pid);
}

static void put_text(const struct props *p, struct alto_out *o, const struct entity *entity)
{
	char text[ALTO_ENDPOINT_LEN];

	if (entity->text)
		alto_put_string(o, entity->text);
	else if (!entity->prefix.family)
		alto_putf(o, "\"%s:%s\"", entity->ane ? ".ane" : p->pid_name,
			  p->s->pids[entity->pid].name);
	else if (is_single(&entity->prefix))
		alto_putf(o, "\"%s\"", alto_endpoint_text(&entity->prefix, text));
	else
		alto_putf(o, "\"ipv%u:%s\"", entity->prefix.family,
			  alto_prefix_text(&entity->prefix, text));
}

static void put_entity(const struct props *p, struct alto_out *o, const struct entity *entity)
{
	put_text(p, o, entity);
	alto_puts(o, ":{");
	if (!entity->prefix.family)
		put_own(p, o, json_object_get(p->s->pid_props, p->s->pids[entity->pid].name),
			false);
	else
		put_address(p, o, entity);
	alto_puts(o, "}");
}

/* Without `properties`, only what has some is told of (RFC 9240, 8.3). */
static bool has_some(const struct props *p, const struct entity *entity)
{
	return entity->prefix.family ||
	       json_object_get(p->s->pid_props, p->s->pids[entity->pid].name);
}

static void put_answer(const struct props *p, struct alto_out *o)
{
	bool any = false;

	alto_puts(o, "{\"meta\":{\"vtag\":");
	alto_put_vtag(o, p->resource->id, p->s->prop_tag);
	alto_puts(o, ",\"dependent-vtags\":[");
	alto_put_vtag(o, p->s->id, p->s->map_tag);
	alto_puts(o, "]},\"property-map\":{");
	for (size_t i = 0; i < p->entities.n && !o->failed; i++) {
		if (p->none && !has_some(p, &p->entities.v[i]))
			continue;
		alto_puts(o, any ? "," : "");
		any = true;
		put_entity(p, o, &p->entities.v[i]);
	}
	alto_puts(o, "}}");
}

int alto_props_answer(const struct alto_request *req, const json_t *body, struct alto_reply *reply,
		      struct alto_error *error)
{
	struct props p = {.s = req->resource->source,
			  .resource = req->resource,
			  .filter = req->resource->service == ALTO_PROPERTY_MAP_FILTER,
			  .error = error};
	json_t *all = json_array();
	int r = all ? 0 : -ENOMEM;

	snprintf(p.pid_name, sizeof(p.pid_name), "%s.pid", p.s->id);
	if (!r && p.filter)
		r = read_filter(&p, body);
	else if (!r)
		r = add_all(&p) ?: set_names(&p, all);
	if (!r) {
		put_answer(&p, &reply->out);
		strcpy(reply->tag, p.s->prop_tag);
	}
	free(p.names);
	free(p.entities.v);
	free(p.own.v);
	json_decref(all);
	return r;
}
