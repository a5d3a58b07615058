/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "nemo/parse_int.h"

static struct nemo_expr *expr(struct parser *p);

static struct nemo_expr *new_expr(struct parser *p, enum nemo_expr_kind kind)
{
	struct nemo_expr *e = parse_alloc(p, sizeof(*e));

	if (e) {
		e->kind = kind;
		e->at = p->tok.at;
	}
	return e;
}

static bool add_arg(struct parser *p, struct nemo_expr *e, struct nemo_expr *arg)
{
	struct nemo_expr **v = parse_grow(p, e->args, e->n, sizeof(*v), "terms in an expression");

	if (!v || !arg)
		return false;
	e->args = v;
	v[e->n++] = arg;
	return true;
}

/* Parentheses, "!" and calls count; the token that goes too deep is not taken. */
static bool enter(struct parser *p)
{
	if (p->depth >= NEMO_DEPTH_MAX)
		parse_error(p, "an expression is nested more than %d deep", NEMO_DEPTH_MAX);
	if (p->err)
		return false;
	p->depth++;
	parse_next(p);
	return true;
}

/* ---- operands ---- */

static void call(struct parser *p, struct nemo_expr *e)
{
	e->kind = NEMO_E_CALL;
	if (!enter(p))
		return;
	if (parse_accept(p, LEX_RPAREN)) {
		p->depth--;
		return;
	}
	do {
		if (!add_arg(p, e, expr(p)))
			return;
	} while (parse_accept(p, LEX_COMMA));
	parse_expect(p, LEX_RPAREN);
	p->depth--;
}

/* A variable, a property of something, a call. */
static void name(struct parser *p, struct nemo_expr *e)
{
	e->member = p->tok.text;
	e->entity_at = e->member_at = p->tok.at;
	e->entity = "";
	e->bare = true;
	parse_next(p);
	if (parse_is(p, LEX_LPAREN)) {
		call(p, e);
	} else if (parse_accept(p, LEX_DOT)) {
		e->bare = false;
		e->entity = e->member;
		e->member = p->tok.text;
		e->member_at = p->tok.at;
		parse_expect(p, LEX_IDENT);
	}
}

static struct nemo_expr *parens(struct parser *p)
{
	struct nemo_pos at = p->tok.at;
	struct nemo_expr *e;

	if (!enter(p))
		return NULL;
	e = expr(p);
	parse_expect(p, LEX_RPAREN);
	p->depth--;
	if (e)
		e->at = at;
	return e;
}

static struct nemo_expr *primary(struct parser *p)
{
	struct nemo_expr *e;

	parse_tried(p, PARSE_NAME);
	parse_tried(p, PARSE_VALUE);
	if (parse_is(p, LEX_LPAREN))
		return parens(p);
	if (p->tok.kind != LEX_IDENT && !parse_is_value(p)) {
		parse_expected(p);
		return NULL;
	}
	if (p->terms++ >= NEMO_LIST_MAX)
		parse_error(p, "more than %d terms in an expression", NEMO_LIST_MAX);
	e = new_expr(p, NEMO_E_VAR);
	if (!e)
		return NULL;
	if (p->tok.kind == LEX_IDENT) {
		parse_count(p, 1);
		name(p, e);
	} else {
		e->kind = NEMO_E_VALUE;
		parse_value(p, &e->value);
		e->type = e->value.type;
	}
	return e;
}

/* ---- operators ---- */

static struct nemo_expr *unary(struct parser *p)
{
	struct nemo_expr *e;

	if (!parse_is(p, LEX_NOT))
		return primary(p);
	parse_count(p, 1);
	e = new_expr(p, NEMO_E_OP);
	if (!e)
		return NULL;
	e->op = NEMO_OP_NOT;
	e->op_at = e->at;
	e->type = NEMO_BOOLEAN;
	if (!enter(p))
		return NULL;
	add_arg(p, e, unary(p));
	p->depth--;
	return e;
}

/* false: the token is no comparison. */
static bool comparison(const struct parser *p, enum nemo_op *op)
{
	static const enum nemo_op ops[] = {
		[LEX_EQ] = NEMO_OP_EQ, [LEX_NE] = NEMO_OP_NE, [LEX_LT] = NEMO_OP_LT,
		[LEX_LE] = NEMO_OP_LE, [LEX_GT] = NEMO_OP_GT, [LEX_GE] = NEMO_OP_GE,
	};

	if (p->tok.kind < LEX_EQ || p->tok.kind > LEX_GE)
		return false;
	*op = ops[p->tok.kind];
	return true;
}

static struct nemo_expr *op_expr(struct parser *p, enum nemo_op op, struct nemo_expr *first)
{
	struct nemo_expr *e = new_expr(p, NEMO_E_OP);

	if (!e)
		return NULL;
	e->op = op;
	e->op_at = e->at;
	e->at = first->at;
	e->type = NEMO_BOOLEAN;
	return e;
}

static struct nemo_expr *compared(struct parser *p)
{
	struct nemo_expr *left = unary(p), *e;
	enum nemo_op op, second;

	if (!left || !comparison(p, &op)) {
		parse_tried(p, PARSE_OPERATOR);
		return left;
	}
	e = op_expr(p, op, left);
	parse_next(p);
	if (!e || !add_arg(p, e, left) || !add_arg(p, e, unary(p)))
		return NULL;
	if (comparison(p, &second))
		parse_error(p, "a comparison cannot be compared: join two of them with '&&', or "
			       "put one into parentheses");
	return e;
}

static struct nemo_expr *joined(struct parser *p, enum lex_kind sign, enum nemo_op op,
				struct nemo_expr *(*operand)(struct parser *p))
{
	struct nemo_expr *first = operand(p), *e;

	if (!first || p->tok.kind != sign) {
		parse_tried(p, PARSE_OPERATOR);
		return first;
	}
	e = op_expr(p, op, first);
	if (!e)
		return NULL;
	if (first->kind == NEMO_E_OP && first->op == op)
		e->op_at = first->op_at;
	if (!add_arg(p, e, first))
		return NULL;
	while (parse_accept(p, sign))
		if (!add_arg(p, e, operand(p)))
			return NULL;
	return p->err ? NULL : e;
}

static struct nemo_expr *all_of(struct parser *p)
{
	return joined(p, LEX_AND, NEMO_OP_AND, compared);
}

static struct nemo_expr *expr(struct parser *p)
{
	return joined(p, LEX_OR, NEMO_OP_OR, all_of);
}

/* ---- flattening: once for all of an expression, so that it costs no more than its terms ---- */

static bool is_same(const struct nemo_expr *e, const struct nemo_expr *arg)
{
	return e->op <= NEMO_OP_AND && arg->kind == NEMO_E_OP && arg->op == e->op;
}

static unsigned int count_flat(const struct nemo_expr *e)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < e->n; i++)
		n += is_same(e, e->args[i]) ? count_flat(e->args[i]) : 1;
	return n;
}

static struct nemo_expr **take_flat(const struct nemo_expr *e, struct nemo_expr **out)
{
	for (unsigned int i = 0; i < e->n; i++) {
		if (is_same(e, e->args[i]))
			out = take_flat(e->args[i], out);
		else
			*out++ = e->args[i];
	}
	return out;
}

/* Arguments of the same operator give their own ones. */
static void flatten(struct parser *p, struct nemo_expr *e)
{
	unsigned int n = e->kind == NEMO_E_OP ? count_flat(e) : e->n;

	if (n != e->n) {
		struct nemo_expr **v = parse_alloc(p, n * sizeof(*v));

		if (!v)
			return;
		take_flat(e, v);
		e->args = v;
		e->n = n;
	}
	for (unsigned int i = 0; i < e->n; i++)
		flatten(p, e->args[i]);
}

struct nemo_expr *parse_condition(struct parser *p)
{
	struct nemo_expr *e;

	p->depth = 0;
	p->terms = 0;
	e = expr(p);
	if (e && !p->err)
		flatten(p, e);
	return p->err ? NULL : e;
}
