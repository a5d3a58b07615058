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
#include "nemo/compile_int.h"
#include "nemo/place.h"
#include "nemo/site.h"
#include "util/own.h"

#define DELAY_MAX 3600000 /* ms */

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

int admit_integer(const struct admission *a, const struct nemo_object *object, const char *property,
		  struct admit_range range)
{
	const struct nemo_arg *arg = nemo_object_prop(object, property);
	int64_t v;

	if (!arg || !arg->n || arg->v[0].type != NEMO_INTEGER)
		return 0;
	if (arg->n > 1)
		return admit_error(a, object,
				   "%s is a list of %u values, must be one, %lld..%lld%s", property,
				   arg->n, (long long)range.min, (long long)range.max, range.unit);
	v = arg->v[0].integer;
	if (v >= range.min && v <= range.max)
		return 0;
	return admit_error(a, object, "%s is %lld, must be %lld..%lld%s", property, (long long)v,
			   (long long)range.min, (long long)range.max, range.unit);
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

/* Ends of a connection: each gateway once, with the first name that led to it. */
struct end {
	const struct nemo_object *gateway;
	const char *name;
	unsigned int at;
};
struct set {
	struct end *v;
	unsigned int n;
};

static const struct nemo_object *end_gateway(struct maker *m, const char *name)
{
	const struct nemo_object *end = nemo_store_find(m->a->store, name), *gateway;

	gateway = end ? nemo_gateways_of(m->a->gateways, m->a->store, end) : NULL;
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

static int by_gateway(const void *a, const void *b)
{
	const struct end *l = a, *r = b;
	int c = strcmp(l->gateway->name, r->gateway->name);

	return c ? c : (l->at > r->at) - (l->at < r->at);
}

/* Ends [first, last) as one set. */
static void read_set(struct maker *m, unsigned int first, unsigned int last, struct set *out)
{
	const struct nemo_names *ends = m->connection->c.ends;
	unsigned int n = 0, all = 0;

	for (unsigned int i = first; i < last; i++)
		n += ends[i].n;
	*out = (struct set){.v = calloc(n + 1, sizeof(*out->v))};
	if (!out->v) {
		m->failed = true;
		admit_no_memory(m->a);
	}
	for (unsigned int i = first; i < last; i++) {
		for (unsigned int k = 0; k < ends[i].n && !m->failed; k++, all++)
			out->v[all] = (struct end){.gateway = end_gateway(m, ends[i].v[k].text),
						   .name = ends[i].v[k].text,
						   .at = all};
	}
	if (m->failed)
		return;
	qsort(out->v, all, sizeof(*out->v), by_gateway);
	for (unsigned int i = 0; i < all; i++)
		if (!out->n || out->v[out->n - 1].gateway != out->v[i].gateway)
			out->v[out->n++] = out->v[i];
}

static void add_leg(struct maker *m, const struct nemo_object *from, const struct nemo_object *to)
{
	struct nemo_leg *leg;

	if (++*m->a->tried > NEMO_LEGS_MAX) {
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

static void add_pair(struct maker *m, const struct end *one, const struct end *other)
{
	if (one->gateway == other->gateway) {
		m->failed = true;
		admit_error(m->a, m->connection, "ends %s and %s are at the same gateway %s",
			    one->name, other->name, one->gateway->name);
		return;
	}
	add_leg(m, one->gateway, other->gateway);
	if (!m->failed)
		add_leg(m, other->gateway, one->gateway);
}

static void add_product(struct maker *m, const struct set *a, const struct set *b)
{
	for (unsigned int i = 0; i < a->n && !m->failed; i++)
		for (unsigned int k = 0; k < b->n && !m->failed; k++)
			add_pair(m, &a->v[i], &b->v[k]);
}

/* Every pair of sets. */
static void add_sets(struct maker *m, const struct set *sets, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int k = i + 1; k < n && !m->failed; k++)
			add_product(m, &sets[i], &sets[k]);
}

/* What is stored may name a leg twice. */
static void sort_legs(struct nemo_legs *legs, unsigned int first)
{
	unsigned int n = first;

	if (legs->n == first)
		return;
	qsort(legs->v + first, legs->n - first, sizeof(*legs->v), nemo_leg_order);
	for (unsigned int i = first; i < legs->n; i++)
		if (n == first || nemo_leg_order(&legs->v[i], &legs->v[n - 1]) != 0)
			legs->v[n++] = legs->v[i];
	legs->n = n;
}

static int64_t bound(const struct nemo_object *connection, const char *property)
{
	int64_t v;

	return nemo_object_integer(connection, property, &v) && v > 0 ? v : 0;
}

/* The ends as sets; p2mp: the first one, and all others. */
static void read_sets(struct maker *m, struct set *sets, unsigned int n, bool tree)
{
	unsigned int n_ends = m->connection->c.n_ends;

	for (unsigned int i = 0; i < n && !m->failed; i++)
		read_set(m, i, tree && i ? n_ends : i + 1, &sets[i]);
	if (!m->failed)
		add_sets(m, sets, n);
}

static bool values_fit(struct maker *m)
{
	const struct admit_range bandwidth = {0, NEMO_RATE_MAX, " Mbit/s"};
	const struct admit_range delay = {0, DELAY_MAX, " ms"};

	m->failed = admit_integer(m->a, m->connection, "bandwidth", bandwidth) ||
		    admit_integer(m->a, m->connection, "delay", delay);
	return !m->failed;
}

static bool connection_legs(struct maker *m)
{
	bool tree = m->connection->model && strcmp(m->connection->model->name, "p2mp") == 0;
	unsigned int first = m->legs->n, n = m->connection->c.n_ends;
	struct set *sets;

	if (!values_fit(m))
		return false;
	n = tree && n > 2 ? 2 : n;
	sets = calloc(n + 1, sizeof(*sets));
	if (!sets) {
		admit_no_memory(m->a);
		return false;
	}
	m->bandwidth = bound(m->connection, "bandwidth");
	m->delay = bound(m->connection, "delay");
	read_sets(m, sets, n, tree);
	if (m->failed) /* one error is enough */
		m->legs->n = first;
	else if (m->legs->n > first)
		qsort(m->legs->v + first, m->legs->n - first, sizeof(*m->legs->v), nemo_leg_order);
	for (unsigned int i = 0; i < n; i++)
		free(sets[i].v);
	free(sets);
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
		was = bsearch(leg, old->v, old->n, sizeof(*old->v), nemo_leg_order);
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
	struct nemo_gateways *gateways = NULL;
	unsigned int tried = 0;
	const struct admission a = {.tenant = tenant,
				    .store = store,
				    .grants = grants ? grants : &nothing,
				    .view = view,
				    .script = script,
				    .diags = diags,
				    .gateways = &gateways,
				    .tried = &tried};
	struct nemo_legs legs = {0};
	int r = 0;

	note(&r, admit_cfns(&a));
	note(&r, admit_flows(&a));
	note(&r, all_legs(&a, &legs));
	note(&r, give_paths(&a, others, before, &legs));
	nemo_gateways_free(&gateways);
	if (r == 0)
		*out = legs;
	else
		nemo_legs_fini(&legs);
	return r;
}
