/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deep copies of what a statement says into another arena. What fails sticks in `ok`. */
#include <string.h>

#include "nemo/ast.h"

struct copier {
	struct nemo_arena *arena;
	bool ok;
};

static const char *text(struct copier *c, const char *from)
{
	char *to = from ? nemo_arena_text(c->arena, from, strlen(from)) : NULL;

	c->ok &= to || !from;
	return to;
}

/* n items as they are; NULL for none. */
static void *items(struct copier *c, const void *from, unsigned int n, size_t size)
{
	void *to = n ? nemo_arena_alloc(c->arena, n * size) : NULL;

	if (to)
		memcpy(to, from, n * size);
	c->ok &= to || !n;
	return to;
}

static void names(struct copier *c, struct nemo_names *names)
{
	names->v = items(c, names->v, names->n, sizeof(*names->v));
	for (unsigned int i = 0; names->v && i < names->n; i++)
		names->v[i].text = text(c, names->v[i].text);
}

static void value(struct copier *c, struct nemo_value *value)
{
	if (value->type == NEMO_STRING)
		value->string = text(c, value->string);
}

static void arg(struct copier *c, struct nemo_arg *arg)
{
	arg->v = items(c, arg->v, arg->n, sizeof(*arg->v));
	for (unsigned int i = 0; arg->v && i < arg->n; i++)
		value(c, &arg->v[i]);
}

static void pairs(struct copier *c, struct nemo_pairs *pairs)
{
	pairs->v = items(c, pairs->v, pairs->n, sizeof(*pairs->v));
	for (unsigned int i = 0; pairs->v && i < pairs->n; i++) {
		pairs->v[i].name.text = text(c, pairs->v[i].name.text);
		arg(c, &pairs->v[i].arg);
	}
}

static void actions(struct copier *c, struct nemo_actions *actions)
{
	actions->v = items(c, actions->v, actions->n, sizeof(*actions->v));
	for (unsigned int i = 0; actions->v && i < actions->n; i++) {
		struct nemo_action *a = &actions->v[i];

		a->name.text = text(c, a->name.text);
		a->args = items(c, a->args, a->n, sizeof(*a->args));
		for (unsigned int j = 0; a->args && j < a->n; j++)
			arg(c, &a->args[j]);
	}
}

static void ends(struct copier *c, struct nemo_clauses *clauses)
{
	clauses->ends = items(c, clauses->ends, clauses->n_ends, sizeof(*clauses->ends));
	for (unsigned int i = 0; clauses->ends && i < clauses->n_ends; i++)
		names(c, &clauses->ends[i]);
}

static struct nemo_expr *expr(struct copier *c, const struct nemo_expr *from)
{
	struct nemo_expr *to = items(c, from, 1, sizeof(*to));

	if (!to)
		return NULL;
	to->entity = text(c, from->entity);
	to->member = text(c, from->member);
	if (from->kind == NEMO_E_VALUE)
		value(c, &to->value);
	to->args = items(c, from->args, from->n, sizeof(struct nemo_expr *));
	for (unsigned int i = 0; to->args && i < from->n; i++)
		to->args[i] = expr(c, from->args[i]);
	return to;
}

static void query(struct copier *c, struct nemo_clauses *clauses)
{
	if (!clauses->query)
		return;
	clauses->query = items(c, clauses->query, 1, sizeof(*clauses->query));
	if (!clauses->query)
		return;
	names(c, &clauses->query->items);
	names(c, &clauses->query->from);
}

bool nemo_clauses_copy(struct nemo_arena *arena, const struct nemo_clauses *from,
		       struct nemo_clauses *to)
{
	struct copier c = {arena, true};

	*to = *from;
	to->type.text = text(&c, from->type.text);
	to->target.text = text(&c, from->target.text);
	to->listener.text = text(&c, from->listener.text);
	names(&c, &to->contain);
	ends(&c, to);
	pairs(&c, &to->properties);
	pairs(&c, &to->match);
	actions(&c, &to->actions);
	query(&c, to);
	if (from->condition)
		to->condition = expr(&c, from->condition);
	return c.ok;
}
