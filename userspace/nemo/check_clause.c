/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clauses of a statement, whatever it does with them. */
#include <stdlib.h>
#include <string.h>

#include "nemo/check_int.h"

/* ---- Contain, and queries of notifications: no object may lead to itself ---- */
struct walk {
	const struct nemo_object **v; /* still to be looked into */
	unsigned int n, cap;
};

static bool walk_push(struct walk *walk, const struct nemo_object *object)
{
	if (walk->n == walk->cap) {
		unsigned int cap = walk->cap ? walk->cap * 2 : 64;
		const struct nemo_object **v =
			realloc(walk->v, cap * sizeof(const struct nemo_object *));

		if (!v)
			return false;
		walk->v = v;
		walk->cap = cap;
	}
	walk->v[walk->n++] = object;
	return true;
}

/* Puts what the object contains on the list, each once. 1: `name` is among it; -1: no memory. */
static int walk_into(struct check *check, struct walk *walk, const struct nemo_object *object,
		     const char *name)
{
	const struct nemo_names *inner = nemo_object_inner(object);

	for (unsigned int i = 0; i < inner->n; i++) {
		struct nemo_entry *entry;

		check->visits++;
		if (strcmp(inner->v[i].text, name) == 0)
			return 1;
		entry = nemo_store_entry(check->store, inner->v[i].text);
		if (!entry || entry->mark == check->walk ||
		    nemo_object_inner(entry->object)->n == 0)
			continue;
		entry->mark = check->walk;
		if (!walk_push(walk, entry->object))
			return -1;
	}
	return 0;
}

static bool contains(struct check *check, const struct nemo_object *object, const char *name)
{
	struct walk walk = {0};
	int r = walk_push(&walk, object) ? 0 : -1;

	while (r == 0 && walk.n > 0 && check->visits < NEMO_CONTAIN_VISITS)
		r = walk_into(check, &walk, walk.v[--walk.n], name);
	if (r < 0)
		check_no_memory(check);
	free(walk.v);
	return r > 0;
}

/* What the object contains already does not lead to it. */
static void begin_walk(struct check *check, const struct nemo_object *object)
{
	const struct nemo_names *inner = nemo_object_inner(object);

	check->walk++;
	for (unsigned int i = 0; i < inner->n; i++) {
		struct nemo_entry *entry = nemo_store_entry(check->store, inner->v[i].text);

		if (entry)
			entry->mark = check->walk;
	}
}

static void check_cycle(struct check *check, const struct nemo_name *in,
			const struct nemo_object *object)
{
	struct nemo_entry *entry = nemo_store_entry(check->store, in->text);

	if (!entry || entry->mark == check->walk)
		return;
	entry->mark = check->walk;
	if (entry->object == object || contains(check, entry->object, object->name)) {
		check_error(check, in->at, "'%s' would contain itself", object->name);
		begin_walk(check, object); /* the next may lead there by the same way */
	} else if (check->visits >= NEMO_CONTAIN_VISITS) {
		check_error(check, in->at,
			    "objects contain too many others: the limit of a script is %u visits",
			    NEMO_CONTAIN_VISITS);
	}
}

/* Only what is there already can be contained in what it is to contain. */
static void check_cycles(struct check *check, const struct nemo_names *names, const char *name)
{
	const struct nemo_object *object = name ? nemo_store_find(check->store, name) : NULL;
	bool used;

	if (!object || names->n == 0)
		return;
	begin_walk(check, object);
	/* Who refers to whom costs something, too: it is asked once walks cost as much. */
	used = check->visits < NEMO_CONTAIN_FEW || draft_refs(check, name) > 0;
	for (unsigned int i = 0; i < names->n; i++) {
		if (used || strcmp(names->v[i].text, name) == 0)
			check_cycle(check, &names->v[i], object);
	}
}

/* ---- EndNodes ---- */
static void check_ends(struct check *check, const struct nemo_clauses *c,
		       const struct nemo_model *model)
{
	const struct nemo_name *third = NULL;
	struct named *set = NULL;
	unsigned int n = 0;

	for (unsigned int i = 0; i < c->n_ends; i++) {
		for (unsigned int j = 0; j < c->ends[i].n; j++) {
			const struct nemo_name *name = &c->ends[i].v[j];

			check_object(check, name->text, name->at, KIND(NEMO_CFN));
			check_twice(check, &set, name, "end");
			third = ++n == 3 ? name : third;
		}
	}
	named_free(&set);
	if (c->n_ends > 2 && model && model->builtin && strcmp(model->name, "p2p") == 0)
		check_error(check, third->at, "a p2p connection has two ends, '%s' is one too many",
			    third->text);
}

/* ---- Query ---- */
static bool is_key_item(const char *item)
{
	static const char *const words[] = {"Type",   "Contain",  "Property",  "EndNodes", "Match",
					    "Target", "Priority", "Condition", "Action"};

	for (unsigned int i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(item, words[i]) == 0)
			return true;
	}
	return false;
}

/* Every object that is asked must have the property. */
static void check_item(struct check *check, const struct nemo_query *query,
		       const struct nemo_name *item)
{
	const struct nemo_object *last = NULL;

	for (unsigned int i = 0; i < query->from.n; i++) {
		const struct nemo_object *of = nemo_store_find(check->store, query->from.v[i].text);

		if (!of || (of->kind <= NEMO_FLOW && !of->model))
			continue;
		if (last && of->kind == last->kind && of->model == last->model)
			continue;
		last = of;
		if (!check_prop(check, of, item, true))
			return;
	}
}

void check_query(struct check *check, const struct nemo_query *query, const char *name)
{
	struct named *set = NULL;

	check_names(check, &query->from, ANY_KIND);
	check_cycles(check, &query->from, name);
	for (unsigned int i = 0; i < query->items.n; i++) {
		check_twice(check, &set, &query->items.v[i], "item");
		if (!is_key_item(query->items.v[i].text))
			check_item(check, query, &query->items.v[i]);
	}
	named_free(&set);
}

void check_clauses(struct check *check, struct nemo_clauses *c, const struct nemo_object *of,
		   const struct scope *scope)
{
	check_names(check, &c->contain, KIND(NEMO_CFN));
	check_cycles(check, &c->contain, of->name);
	check_ends(check, c, of->model);
	check_pairs(check, &c->properties, of);
	check_pairs(check, &c->match, of);
	if (c->query)
		check_query(check, c->query, of->name);
	if (c->condition)
		check_condition(check, c->condition, scope);
	check_actions(check, &c->actions);
}
