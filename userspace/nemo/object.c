/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One object: made once, shared by stores, never changed. */
#include <stdlib.h>
#include <string.h>

#include "nemo/model_int.h"

static int by_name(const void *a, const void *b)
{
	const struct nemo_pair *x = a, *y = b;

	return strcmp(x->name.text, y->name.text);
}

static void sort_pairs(struct nemo_pairs *pairs)
{
	if (pairs->n > 1)
		qsort(pairs->v, pairs->n, sizeof(pairs->v[0]), by_name);
}

/* ---- what NEMO_TERMS_MAX counts, as the parser counts it in the object's statement ---- */
static unsigned int pairs_terms(const struct nemo_pairs *pairs)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < pairs->n; i++)
		n += pairs->v[i].arg.n;
	return n;
}

static unsigned int expr_terms(const struct nemo_expr *expr)
{
	unsigned int n = expr->kind != NEMO_E_OP || expr->op == NEMO_OP_NOT;

	for (unsigned int i = 0; i < expr->n; i++)
		n += expr_terms(expr->args[i]);
	return n;
}

static unsigned int actions_terms(const struct nemo_actions *actions)
{
	unsigned int n = actions->n;

	for (unsigned int i = 0; i < actions->n; i++) {
		for (unsigned int j = 0; j < actions->v[i].n; j++)
			n += actions->v[i].args[j].n;
	}
	return n;
}

static unsigned int terms_of(const struct nemo_clauses *c)
{
	return pairs_terms(&c->properties) + pairs_terms(&c->match) + actions_terms(&c->actions) +
	       (c->condition ? expr_terms(c->condition) : 0) +
	       (c->query ? c->query->items.n * c->query->from.n : 0);
}

struct nemo_object *nemo_object_new(enum nemo_object_kind kind, const char *name,
				    const struct nemo_clauses *clauses)
{
	struct nemo_object *object = calloc(1, sizeof(*object));

	if (!object)
		return NULL;
	object->refs = 1;
	object->kind = kind;
	object->arena = nemo_arena_new();
	if (object->arena)
		object->name = nemo_arena_text(object->arena, name, strlen(name));
	if (!object->name || !nemo_clauses_copy(object->arena, clauses, &object->c)) {
		nemo_object_unref(object);
		return NULL;
	}
	sort_pairs(&object->c.properties);
	sort_pairs(&object->c.match);
	object->terms = terms_of(&object->c);
	return object;
}

void nemo_object_unref(struct nemo_object *object)
{
	if (!object || --object->refs > 0)
		return;
	nemo_arena_free(object->arena);
	free(object);
}

static const struct nemo_pairs *pairs_of(const struct nemo_object *object)
{
	return object->kind == NEMO_FLOW ? &object->c.match : &object->c.properties;
}

const struct nemo_arg *nemo_object_prop(const struct nemo_object *object, const char *name)
{
	const struct nemo_pairs *pairs = pairs_of(object);
	struct nemo_pair key = {.name.text = name};
	const struct nemo_pair *pair = NULL;

	if (pairs->n > 0)
		pair = bsearch(&key, pairs->v, pairs->n, sizeof(pairs->v[0]), by_name);
	return pair ? &pair->arg : NULL;
}

/* NULL: not set, a list or a range, or of another type. */
static const struct nemo_value *single(const struct nemo_object *object, const char *name,
				       enum nemo_type type)
{
	const struct nemo_arg *arg = nemo_object_prop(object, name);

	return arg && arg->kind == NEMO_ARG_VALUE && arg->v[0].type == type ? &arg->v[0] : NULL;
}

bool nemo_object_integer(const struct nemo_object *object, const char *name, int64_t *out)
{
	const struct nemo_value *value = single(object, name, NEMO_INTEGER);

	if (value)
		*out = value->integer;
	return value != NULL;
}

bool nemo_object_prefix(const struct nemo_object *object, const char *name, struct nemo_prefix *out)
{
	const struct nemo_value *value = single(object, name, NEMO_IPPREFIX);

	if (value)
		*out = value->prefix;
	return value != NULL;
}

const char *nemo_object_string(const struct nemo_object *object, const char *name)
{
	const struct nemo_value *value = single(object, name, NEMO_STRING);

	return value ? value->string : NULL;
}

void nemo_print_object(struct nemo_text *out, const struct nemo_object *object)
{
	static const enum nemo_stmt_kind kinds[NEMO_OBJECT_MAX] = {
		[NEMO_CFN] = NEMO_S_CREATE_CFN,
		[NEMO_CONNECTION] = NEMO_S_CREATE_CONNECTION,
		[NEMO_FLOW] = NEMO_S_CREATE_FLOW,
		[NEMO_OPERATION] = NEMO_S_CREATE_OPERATION,
		[NEMO_NOTIFICATION] = NEMO_S_CREATE_NOTIFICATION,
	};
	struct nemo_stmt stmt = {
		.kind = object->imported ? NEMO_S_IMPORT_CFN : kinds[object->kind],
		.name.text = object->name,
		.c = object->c,
	};

	nemo_print_stmt(out, &stmt);
}

static int by_action(const void *a, const void *b)
{
	const struct nemo_action *x = a, *y = b;

	return strcmp(x->name.text, y->name.text);
}

bool nemo_actions_sorted(const struct nemo_actions *actions, struct nemo_actions *out)
{
	out->n = actions->n;
	out->v = malloc((actions->n + 1) * sizeof(*out->v));
	if (!out->v)
		return false;
	if (actions->n > 0)
		memcpy(out->v, actions->v, actions->n * sizeof(*out->v));
	qsort(out->v, out->n, sizeof(*out->v), by_action);
	return true;
}

/* ---- what an object depends on ---- */
struct each {
	void (*each)(void *arg, const char *name);
	void *arg;
};

static void names_refs(const struct nemo_names *names, const struct each *e)
{
	for (unsigned int i = 0; i < names->n; i++)
		e->each(e->arg, names->v[i].text);
}

static void arg_refs(const struct nemo_arg *arg, const struct each *e)
{
	for (unsigned int i = 0; i < arg->n; i++) {
		if (arg->v[i].type == NEMO_STRING)
			e->each(e->arg, arg->v[i].string);
	}
}

/* A bare variable is about the target or the one entity queried: those are told by themselves. */
static void expr_refs(const struct nemo_expr *expr, const struct each *e)
{
	if (expr->kind == NEMO_E_VAR && !expr->bare && expr->entity[0] != '\0')
		e->each(e->arg, expr->entity);
	if (expr->kind != NEMO_E_OP && expr->kind != NEMO_E_CALL)
		return;
	for (unsigned int i = 0; i < expr->n; i++)
		expr_refs(expr->args[i], e);
}

bool nemo_action_refers(const char *name)
{
	return strcmp(name, "redirect") == 0 || strcmp(name, "steer") == 0 ||
	       strcmp(name, "gothrough") == 0;
}

bool nemo_field_refers(const struct nemo_model *model, const char *field)
{
	return model->kind == NEMO_M_FLOW && model->builtin &&
	       (strcmp(field, "ingress") == 0 || strcmp(field, "egress") == 0);
}

static void actions_refs(const struct nemo_actions *actions, const struct each *e)
{
	for (unsigned int i = 0; i < actions->n; i++) {
		const struct nemo_action *action = &actions->v[i];

		for (unsigned int j = 0; j < action->n && nemo_action_refers(action->name.text);
		     j++)
			arg_refs(&action->args[j], e);
	}
}

void nemo_object_refs(const struct nemo_object *object, void (*each)(void *arg, const char *name),
		      void *arg)
{
	const struct each e = {.each = each, .arg = arg};
	const struct nemo_clauses *c = &object->c;

	names_refs(&c->contain, &e);
	for (unsigned int i = 0; i < c->n_ends; i++)
		names_refs(&c->ends[i], &e);
	if (c->target.text)
		each(arg, c->target.text);
	if (c->query)
		names_refs(&c->query->from, &e);
	if (c->condition)
		expr_refs(c->condition, &e);
	actions_refs(&c->actions, &e);
	for (unsigned int i = 0; i < c->match.n && object->model; i++) {
		if (nemo_field_refers(object->model, c->match.v[i].name.text))
			arg_refs(&c->match.v[i].arg, &e);
	}
}

const struct nemo_names *nemo_object_inner(const struct nemo_object *object)
{
	return object->c.query ? &object->c.query->from : &object->c.contain;
}
