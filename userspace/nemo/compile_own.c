/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is looked up more than once in a tenant's objects: who contains whom, places, legs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/compile_int.h"
#include "util/own.h"

#define HOME_DEPTH 64 /* sites within each other */

/* ---- who contains whom ---- */

static int add_parent(struct nemo_own *own, const char *child, const struct nemo_object *object)
{
	struct nemo_parent *first, *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->child = child;
	p->object = object;
	HASH_FIND_STR(own->parents, child, first);
	if (!first) {
		HASH_ADD_KEYPTR(hh, own->parents, child, strlen(child), p);
		return 0;
	}
	p->next = first->next;
	first->next = p;
	return 0;
}

/* The first one of a child is the first in byte order; the order of the others does not matter. */
static int find_parents(struct nemo_own *own)
{
	OWN_PTR const struct nemo_object **list = NULL;
	int n = nemo_store_list(own->tenant->store, NEMO_CFN, &list), r = n < 0 ? -ENOMEM : 0;

	for (int i = 0; !r && i < n; i++) {
		const struct nemo_names *names = &list[i]->c.contain;

		for (unsigned int j = 0; !r && j < names->n; j++)
			r = add_parent(own, names->v[j].text, list[i]);
	}
	return r;
}

const struct nemo_object *nemo_own_home(struct nemo_own *own, const struct nemo_object *function)
{
	const char *name = function->name;

	for (int depth = 0; depth < HOME_DEPTH; depth++) {
		const struct nemo_spot *place;
		struct nemo_parent *p;

		HASH_FIND_STR(own->parents, name, p);
		if (!p)
			return NULL;
		place = nemo_own_spot(own, p->object);
		if (place && place->gateway)
			return place->gateway;
		name = p->object->name;
	}
	return NULL;
}

/* ---- places ---- */

static int longest_first(const void *a, const void *b)
{
	const struct nemo_prefix *x = a, *y = b;

	if (x->len != y->len)
		return (int)y->len - (int)x->len;
	return memcmp(&x->addr, &y->addr, sizeof(x->addr));
}

static int own_prefixes(struct nemo_own *own, const struct nemo_object *object,
			struct nemo_prefixes *out)
{
	static const char *const names[] = {"ipv4Prefix", "ipv6Prefix"};
	int r = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		const struct nemo_arg *arg = nemo_object_prop(object, names[i]);

		for (unsigned int j = 0; !r && arg && j < arg->n; j++)
			if (arg->v[j].type == NEMO_IPPREFIX)
				r = nemo_prefixes_add(out, &arg->v[j].prefix);
		own->looked += arg ? arg->n : 0;
	}
	return r;
}

struct seen { /* sites that were found, in that order: they may form circles */
	const struct nemo_object *site;
	UT_hash_handle hh;
};

static int walk_add(struct seen **seen, const struct nemo_object *site)
{
	struct seen *s;

	HASH_FIND_PTR(*seen, &site, s);
	if (s)
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->site = site;
	HASH_ADD_PTR(*seen, site, s); /* a table keeps the order of adding */
	return 0;
}

static int walk_contained(struct seen **seen, const struct nemo_store *store,
			  const struct nemo_names *names)
{
	int r = 0;

	for (unsigned int i = 0; !r && i < names->n; i++) {
		const struct nemo_object *in = nemo_store_find(store, names->v[i].text);

		if (in && nemo_is_site(in))
			r = walk_add(seen, in);
	}
	return r;
}

/* Its own and those of the sites that it contains. */
static int site_prefixes(struct nemo_own *own, const struct nemo_object *site,
			 struct nemo_prefixes *out)
{
	struct seen *seen = NULL;
	int r = walk_add(&seen, site);
	struct seen *s, *next;

	for (s = seen; !r && s; s = s->hh.next) {
		r = own_prefixes(own, s->site, out);
		own->looked += 4;
		if (!r)
			r = walk_contained(&seen, own->tenant->store, &s->site->c.contain);
	}
	HASH_ITER(hh, seen, s, next) {
		HASH_DEL(seen, s);
		free(s);
	}
	return r;
}

/* A gateway speaks for the sites that contain it. */
static int place_prefixes(struct nemo_own *own, struct nemo_spot *place)
{
	int r = site_prefixes(own, place->object, &place->prefixes);
	struct nemo_parent *p = NULL;
	unsigned int n = 0;

	if (place->object == place->gateway)
		HASH_FIND_STR(own->parents, place->object->name, p);
	for (; !r && p; p = p->next)
		if (nemo_is_site(p->object))
			r = own_prefixes(own, p->object, &place->prefixes);
	if (r || !place->prefixes.n)
		return r;
	qsort(place->prefixes.v, place->prefixes.n, sizeof(place->prefixes.v[0]), longest_first);
	for (unsigned int i = 1; i < place->prefixes.n; i++)
		if (longest_first(&place->prefixes.v[n], &place->prefixes.v[i]))
			place->prefixes.v[++n] = place->prefixes.v[i];
	place->prefixes.n = n + 1;
	return 0;
}

static void place_free(struct nemo_spot *place)
{
	nemo_prefixes_fini(&place->prefixes);
	free(place);
}

const struct nemo_spot *nemo_own_spot(struct nemo_own *own, const struct nemo_object *object)
{
	struct nemo_spot *place;

	HASH_FIND_PTR(own->places, &object, place);
	if (place)
		return place;
	place = calloc(1, sizeof(*place));
	if (!place)
		return NULL;
	place->object = object;
	place->gateway = nemo_gateways_of(&own->gateways, own->tenant->store, object);
	if (place_prefixes(own, place)) {
		place_free(place);
		return NULL;
	}
	HASH_ADD_PTR(own->places, object, place);
	return place;
}

/* ---- ends of connections ---- */

static int by_gateway(const void *a, const void *b)
{
	return strcmp(((const struct nemo_far *)a)->gateway, ((const struct nemo_far *)b)->gateway);
}

static int add_end(struct nemo_own *own, struct nemo_fars *fars, const char *name)
{
	const struct nemo_object *cfn = nemo_store_find(own->tenant->store, name);
	const struct nemo_spot *at = cfn ? nemo_own_spot(own, cfn) : NULL;

	if (!at)
		return cfn ? -ENOMEM : 0;
	if (!at->prefixes.n && !fars->bare)
		fars->bare = name;
	if (!at->gateway)
		return 0;
	fars->v[fars->n++] = (struct nemo_far){at->gateway->name, at};
	fars->prefixes += at->prefixes.n;
	return 0;
}

static int find_ends(struct nemo_own *own, struct nemo_fars *fars)
{
	const struct nemo_clauses *c = &fars->connection->c;
	unsigned int n = 0;
	int r = 0;

	for (unsigned int i = 0; i < c->n_ends; i++)
		n += c->ends[i].n;
	fars->v = calloc(n + 1, sizeof(fars->v[0]));
	if (!fars->v)
		return -ENOMEM;
	for (unsigned int i = 0; i < c->n_ends; i++)
		for (unsigned int j = 0; !r && j < c->ends[i].n; j++)
			r = add_end(own, fars, c->ends[i].v[j].text);
	qsort(fars->v, fars->n, sizeof(fars->v[0]), by_gateway);
	for (unsigned int i = 0; i < fars->n; i++)
		fars->gates += !i || strcmp(fars->v[i - 1].gateway, fars->v[i].gateway) != 0;
	return r;
}

static void fars_free(struct nemo_fars *fars)
{
	free(fars->v);
	free(fars);
}

const struct nemo_fars *nemo_own_fars(struct nemo_own *own, const struct nemo_object *connection)
{
	struct nemo_fars *fars;

	HASH_FIND_PTR(own->fars, &connection, fars);
	if (fars)
		return fars;
	fars = calloc(1, sizeof(*fars));
	if (!fars)
		return NULL;
	fars->connection = connection;
	if (find_ends(own, fars)) {
		fars_free(fars);
		return NULL;
	}
	HASH_ADD_PTR(own->fars, connection, fars);
	return fars;
}

const struct nemo_far *nemo_fars_at(const struct nemo_fars *fars, const char *gateway,
				    unsigned int *n)
{
	unsigned int lo = 0, hi = fars->n;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;

		if (strcmp(fars->v[mid].gateway, gateway) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (*n = 0; lo + *n < fars->n; ++*n)
		if (strcmp(fars->v[lo + *n].gateway, gateway) != 0)
			break;
	return fars->v + lo;
}

/* ---- legs ---- */

static int by_names(const struct nemo_leg *leg, const char *connection, const char *ingress)
{
	int c = strcmp(leg->connection, connection);

	return c ? c : strcmp(leg->ingress, ingress);
}

static int leg_order(const void *a, const void *b)
{
	return nemo_leg_order(*(const struct nemo_leg *const *)a,
			      *(const struct nemo_leg *const *)b);
}

/* They have been admitted, and come so. */
static bool are_in_order(const struct nemo_own *own)
{
	for (unsigned int i = 1; i < own->n_legs; i++)
		if (nemo_leg_order(own->legs[i - 1], own->legs[i]) > 0)
			return false;
	return true;
}

static int find_legs(struct nemo_own *own)
{
	const struct nemo_legs *legs = own->tenant->legs;

	if (!legs || !legs->n)
		return 0;
	own->legs = calloc(legs->n, sizeof(own->legs[0]));
	if (!own->legs)
		return -ENOMEM;
	for (unsigned int i = 0; i < legs->n; i++)
		if (strcmp(legs->v[i].tenant, own->tenant->name) == 0)
			own->legs[own->n_legs++] = &legs->v[i];
	if (!are_in_order(own))
		qsort(own->legs, own->n_legs, sizeof(own->legs[0]), leg_order);
	return 0;
}

const struct nemo_leg *const *nemo_own_legs(const struct nemo_own *own, const char *connection,
					    const char *ingress, unsigned int *n)
{
	unsigned int lo = 0, hi = own->n_legs;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;

		if (by_names(own->legs[mid], connection, ingress) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (*n = 0; lo + *n < own->n_legs; ++*n)
		if (by_names(own->legs[lo + *n], connection, ingress))
			break;
	return own->legs ? own->legs + lo : NULL;
}

int nemo_own_init(struct nemo_own *own, const struct nemo_tenant *tenant)
{
	int r;

	*own = (struct nemo_own){.tenant = tenant};
	r = find_parents(own);
	return r ? r : find_legs(own);
}

static void parents_free(struct nemo_parent *p)
{
	for (struct nemo_parent *next; p; p = next) {
		next = p->next;
		free(p);
	}
}

void nemo_own_fini(struct nemo_own *own)
{
	struct nemo_parent *p, *p2;
	struct nemo_spot *place, *place2;
	struct nemo_flow *flow, *flow2;
	struct nemo_fars *fars, *fars2;

	HASH_ITER(hh, own->fars, fars, fars2) {
		HASH_DEL(own->fars, fars);
		fars_free(fars);
	}
	HASH_ITER(hh, own->parents, p, p2) {
		HASH_DEL(own->parents, p);
		parents_free(p);
	}
	HASH_ITER(hh, own->places, place, place2) {
		HASH_DEL(own->places, place);
		place_free(place);
	}
	HASH_ITER(hh, own->flows, flow, flow2) {
		HASH_DEL(own->flows, flow);
		nemo_flow_free(flow);
	}
	nemo_gateways_free(&own->gateways);
	free(own->legs);
	free(own->pick);
	*own = (struct nemo_own){0};
}
