/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether two objects say the same, that is: would be written with the same text, but for the order
 * of actions. */
#include <stdlib.h>
#include <string.h>

#include "nemo/model_int.h"

static bool texts(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool names(const struct nemo_names *a, const struct nemo_names *b)
{
	if (a->n != b->n)
		return false;
	for (unsigned int i = 0; i < a->n; i++) {
		if (strcmp(a->v[i].text, b->v[i].text) != 0)
			return false;
	}
	return true;
}

static bool is_quoted(const struct nemo_value *value)
{
	return value->type != NEMO_BOOLEAN && value->type != NEMO_INTEGER &&
	       !(value->type == NEMO_IPPREFIX && value->prefix.v4);
}

/* Of models that have the same name in two stores, but not the same types. */
static bool same_text(const struct nemo_value *a, const struct nemo_value *b)
{
	char x[NEMO_STRING_MAX + 1], y[NEMO_STRING_MAX + 1];

	return is_quoted(a) == is_quoted(b) &&
	       strcmp(nemo_value_text(a, x, sizeof(x)), nemo_value_text(b, y, sizeof(y))) == 0;
}

static bool values(const struct nemo_value *a, const struct nemo_value *b)
{
	return a->type == b->type ? nemo_value_equal(a, b) : same_text(a, b);
}

static bool args(const struct nemo_arg *a, const struct nemo_arg *b)
{
	if (a->kind != b->kind || a->n != b->n)
		return false;
	for (unsigned int i = 0; i < a->n; i++) {
		if (!values(&a->v[i], &b->v[i]))
			return false;
	}
	return true;
}

/* Both are sorted. */
static bool pairs(const struct nemo_pairs *a, const struct nemo_pairs *b)
{
	if (a->n != b->n)
		return false;
	for (unsigned int i = 0; i < a->n; i++) {
		if (strcmp(a->v[i].name.text, b->v[i].name.text) != 0 ||
		    !args(&a->v[i].arg, &b->v[i].arg))
			return false;
	}
	return true;
}

static bool ends(const struct nemo_clauses *a, const struct nemo_clauses *b)
{
	if (a->n_ends != b->n_ends)
		return false;
	for (unsigned int i = 0; i < a->n_ends; i++) {
		if (!names(&a->ends[i], &b->ends[i]))
			return false;
	}
	return true;
}

static bool leaf(const struct nemo_expr *a, const struct nemo_expr *b)
{
	switch (a->kind) {
	case NEMO_E_VALUE:
		return values(&a->value, &b->value);
	case NEMO_E_VAR:
		return a->bare == b->bare && strcmp(a->member, b->member) == 0 &&
		       (a->bare || strcmp(a->entity, b->entity) == 0);
	case NEMO_E_CALL:
		return strcmp(a->member, b->member) == 0;
	default:
		return a->op == b->op;
	}
}

static bool exprs(const struct nemo_expr *a, const struct nemo_expr *b)
{
	if (!a || !b)
		return a == b;
	if (a->kind != b->kind || a->n != b->n || !leaf(a, b))
		return false;
	for (unsigned int i = 0; i < a->n; i++) {
		if (!exprs(a->args[i], b->args[i]))
			return false;
	}
	return true;
}

static bool one_action(const struct nemo_action *a, const struct nemo_action *b)
{
	if (a->n != b->n || strcmp(a->name.text, b->name.text) != 0)
		return false;
	for (unsigned int i = 0; i < a->n; i++) {
		if (!args(&a->args[i], &b->args[i]))
			return false;
	}
	return true;
}

static bool in_order(const struct nemo_actions *a, const struct nemo_actions *b)
{
	for (unsigned int i = 0; i < a->n; i++) {
		if (!one_action(&a->v[i], &b->v[i]))
			return false;
	}
	return true;
}

static bool actions(const struct nemo_actions *a, const struct nemo_actions *b)
{
	struct nemo_actions x = {0}, y = {0};
	bool same;

	if (a->n != b->n)
		return false;
	if (a->n < 2 || in_order(a, b))
		return in_order(a, b);
	same = nemo_actions_sorted(a, &x) && nemo_actions_sorted(b, &y) && in_order(&x, &y);
	free(x.v);
	free(y.v);
	return same;
}

static bool queries(const struct nemo_query *a, const struct nemo_query *b)
{
	if (!a || !b)
		return a == b;
	return names(&a->items, &b->items) && names(&a->from, &b->from);
}

static bool listeners(const struct nemo_clauses *a, const struct nemo_clauses *b)
{
	return texts(a->listener.text, b->listener.text) &&
	       (!a->listener.text || a->listener_quoted == b->listener_quoted);
}

bool nemo_object_equal(const struct nemo_object *a, const struct nemo_object *b)
{
	const struct nemo_clauses *x = &a->c, *y = &b->c;

	if (a == b)
		return true;
	return a->kind == b->kind && a->imported == b->imported && strcmp(a->name, b->name) == 0 &&
	       texts(x->type.text, y->type.text) && texts(x->target.text, y->target.text) &&
	       x->has_priority == y->has_priority &&
	       (!x->has_priority || x->priority == y->priority) && listeners(x, y) &&
	       names(&x->contain, &y->contain) && ends(x, y) &&
	       pairs(&x->properties, &y->properties) && pairs(&x->match, &y->match) &&
	       queries(x->query, y->query) && exprs(x->condition, y->condition) &&
	       actions(&x->actions, &y->actions);
}
