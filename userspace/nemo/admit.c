/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections to legs. Legs that had a path before keep it first of all (those that ask for no more
 * than they did before the others); what is left chooses in the order of names.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/admit_int.h"
#include "nemo/place.h"
#include "nemo/site.h"
#include "util/own.h"

int admit_error(const struct admission *a, const struct nemo_object *object, const char *reason,
		...)
{
	/* Beyond the limit nobody sees the place: the script is not searched for it. */
	const struct nemo_script *script = a->diags->errors < NEMO_ERRORS_MAX ? a->script : NULL;
	char text[512];
	va_list args;

	va_start(args, reason);
	vsnprintf(text, sizeof(text), reason, args);
	va_end(args);
	return nemo_error(a->diags, NEMO_COMMIT, nemo_place(script, object->name), "%s %s: %s",
			  nemo_object_names[object->kind], object->name, text);
}

int admit_no_memory(const struct admission *a)
{
	a->diags->no_memory = true;
	return -ENOMEM;
}

/* The legs of one connection as they come about. */
struct maker {
	const struct admission *a;
	const struct nemo_object *connection;
	struct nemo_legs *legs;
	int64_t bandwidth, delay;
	bool failed; /* and said so */
};

static const struct nemo_object *end_gateway(struct maker *m, const char *name)
{
	const struct nemo_object *end = nemo_store_find(m->a->store, name), *gateway;

	gateway = end ? nemo_site_gateway(m->a->store, end) : NULL;
	if (gateway || m->failed)
		return gateway;
	m->failed = true;
	if (end && nemo_is_site(end))
		admit_error(m->a, m->connection, "end %s contains no gateway", name);
	else
		admit_error(m->a, m->connection,
			    "end %s is a %s; it must be a gateway, or a site that contains one",
			    name, end && end->model ? end->model->name : "name of nothing");
	return NULL;
}

static void add_leg(struct maker *m, const struct nemo_object *from, const struct nemo_object *to)
{
	struct nemo_leg *leg;

	if (m->legs->n == NEMO_LEGS_MAX) {
		m->failed = true;
		admit_error(m->a, m->connection,
			    "the tenant's connections have more than %d legs (ordered pairs of "
			    "gateways)",
			    NEMO_LEGS_MAX);
		return;
	}
	leg = legs_add(m->legs);
	if (!leg) {
		m->failed = true;
		admit_no_memory(m->a);
		return;
	}
	snprintf(leg->tenant, sizeof(leg->tenant), "%s", m->a->tenant);
	snprintf(leg->connection, sizeof(leg->connection), "%s", m->connection->name);
	snprintf(leg->ingress, sizeof(leg->ingress), "%s", from->name);
	snprintf(leg->gateway, sizeof(leg->gateway), "%s", to->name);
	leg->bandwidth = m->bandwidth;
	leg->delay = m->delay;
}

static void add_pair(struct maker *m, const char *one, const char *other)
{
	const struct nemo_object *a = end_gateway(m, one), *b = end_gateway(m, other);

	if (m->failed)
		return;
	if (a == b) {
		m->failed = true;
		admit_error(m->a, m->connection, "ends %s and %s are at the same gateway %s", one,
			    other, a->name);
		return;
	}
	add_leg(m, a, b);
	if (!m->failed)
		add_leg(m, b, a);
}

static void add_product(struct maker *m, const struct nemo_names *a, const struct nemo_names *b)
{
	for (unsigned int i = 0; i < a->n && !m->failed; i++)
		for (unsigned int k = 0; k < b->n && !m->failed; k++)
			add_pair(m, a->v[i].text, b->v[k].text);
}

static int by_leg(const void *a, const void *b)
{
	const struct nemo_leg *l = a, *r = b;
	int c = strcmp(l->connection, r->connection);

	if (c == 0)
		c = strcmp(l->ingress, r->ingress);
	return c ? c : strcmp(l->gateway, r->gateway);
}

/* Two ends of one set may be at one gateway: its legs count once. */
static void sort_legs(struct nemo_legs *legs, unsigned int first)
{
	unsigned int n = first;

	if (legs->n == first)
		return;
	qsort(legs->v + first, legs->n - first, sizeof(*legs->v), by_leg);
	for (unsigned int i = first; i < legs->n; i++)
		if (n == first || by_leg(&legs->v[i], &legs->v[n - 1]) != 0)
			legs->v[n++] = legs->v[i];
	legs->n = n;
}

static int64_t bound(const struct nemo_object *connection, const char *property)
{
	int64_t v;

	return nemo_object_integer(connection, property, &v) && v > 0 ? v : 0;
}

/* Every pair of ends; p2mp: those with the first one. */
static bool connection_legs(struct maker *m)
{
	const struct nemo_clauses *c = &m->connection->c;
	bool tree = m->connection->model && strcmp(m->connection->model->name, "p2mp") == 0;
	unsigned int first = m->legs->n, last = tree ? 1 : c->n_ends;

	m->bandwidth = bound(m->connection, "bandwidth");
	m->delay = bound(m->connection, "delay");
	for (unsigned int i = 0; i < last && i < c->n_ends; i++)
		for (unsigned int k = i + 1; k < c->n_ends && !m->failed; k++)
			add_product(m, &c->ends[i], &c->ends[k]);
	if (m->failed) /* one error is enough */
		m->legs->n = first;
	sort_legs(m->legs, first);
	return !m->failed;
}

static int all_legs(const struct admission *a, struct nemo_legs *legs)
{
	OWN_PTR const struct nemo_object **objects = NULL;
	int n = nemo_store_list(a->store, NEMO_CONNECTION, &objects), r = 0;

	if (n < 0)
		return admit_no_memory(a);
	for (int i = 0; i < n && !a->diags->no_memory; i++) {
		struct maker m = {.a = a, .connection = objects[i], .legs = legs};

		if (!connection_legs(&m))
			r = -EINVAL;
	}
	return a->diags->no_memory ? -ENOMEM : r;
}

/* Legs of the tenant before, in order, each once. */
static int old_legs(const struct admission *a, const struct nemo_legs *before,
		    struct nemo_legs *out)
{
	struct nemo_leg *leg;

	for (unsigned int i = 0; before && i < before->n; i++) {
		if (strcmp(before->v[i].tenant, a->tenant) != 0)
			continue;
		leg = legs_add(out);
		if (!leg)
			return admit_no_memory(a);
		*leg = before->v[i];
	}
	sort_legs(out, 0);
	return 0;
}

/* Legs that had a path before take it again. more: those that ask for more bandwidth than then. */
static void keep(struct roads *roads, struct nemo_legs *legs, const struct nemo_legs *old,
		 bool more)
{
	const struct nemo_leg *was;
	struct nemo_leg *leg;

	for (unsigned int i = 0; i < legs->n && old->n > 0; i++) {
		leg = &legs->v[i];
		was = bsearch(leg, old->v, old->n, sizeof(*old->v), by_leg);
		if (!was || leg->path[0] || (leg->bandwidth > was->bandwidth) != more)
			continue;
		memcpy(leg->path, was->path, sizeof(leg->path));
		if (!roads_keep(roads, leg))
			leg->path[0] = '\0';
	}
}

static bool known(const struct admission *a, const struct nemo_leg *leg)
{
	return view_gateway(a->view, leg->ingress) && view_gateway(a->view, leg->gateway);
}

/* One error a connection is enough; gateways that are not known were told of before. */
static int choose(const struct admission *a, struct roads *roads, struct nemo_legs *legs)
{
	const char *refused = "";
	char why[512];
	int r = 0;

	for (unsigned int i = 0; i < legs->n; i++) {
		struct nemo_leg *leg = &legs->v[i];

		if (leg->path[0] || strcmp(refused, leg->connection) == 0 || !known(a, leg))
			continue;
		if (roads_choose(roads, leg, why, sizeof(why)))
			continue;
		refused = leg->connection;
		r = admit_error(a, nemo_store_find(a->store, leg->connection), "%s", why);
	}
	return r;
}

static int give_paths(const struct admission *a, const struct nemo_legs *others,
		      const struct nemo_legs *before, struct nemo_legs *legs)
{
	struct nemo_legs old = {0};
	struct roads roads;
	int r = roads_init(&roads, a->view);

	if (r < 0)
		return admit_no_memory(a);
	for (unsigned int i = 0; others && i < others->n; i++)
		if (strcmp(others->v[i].tenant, a->tenant) != 0)
			roads_hold(&roads, &others->v[i]);
	r = old_legs(a, before, &old);
	if (r == 0) {
		keep(&roads, legs, &old, false);
		keep(&roads, legs, &old, true);
		r = choose(a, &roads, legs);
	}
	nemo_legs_fini(&old);
	roads_fini(&roads);
	return r;
}

/* All steps are taken, so that all errors are told. */
static void note(int *r, int step)
{
	if (*r == 0 || step == -ENOMEM)
		*r = step;
}

int nemo_admit(const char *tenant, const struct nemo_store *store, const struct nemo_grants *grants,
	       const struct view *view, const struct nemo_legs *others,
	       const struct nemo_legs *before, const struct nemo_script *script,
	       struct nemo_legs *out, struct nemo_diags *diags)
{
	static const struct nemo_grants nothing;
	const struct admission a = {.tenant = tenant,
				    .store = store,
				    .grants = grants ? grants : &nothing,
				    .view = view,
				    .script = script,
				    .diags = diags};
	struct nemo_legs legs = {0};
	int r = 0;

	note(&r, admit_cfns(&a));
	note(&r, admit_flows(&a));
	note(&r, all_legs(&a, &legs));
	note(&r, give_paths(&a, others, before, &legs));
	if (r == 0)
		*out = legs;
	else
		nemo_legs_fini(&legs);
	return r;
}
