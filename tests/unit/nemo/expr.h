/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Conditions built by hand, as the static check leaves them; random ones too. They live in *arena*
 * until expr_free(). */
#ifndef TESTS_NEMO_EXPR_H
#define TESTS_NEMO_EXPR_H

#include <stdlib.h>
#include <string.h>

#include "nemo/cond.h"

static struct nemo_arena *expr_arena;

static inline struct nemo_expr *expr_new(enum nemo_expr_kind kind)
{
	struct nemo_expr *e;

	if (!expr_arena)
		expr_arena = nemo_arena_new();
	e = nemo_arena_alloc(expr_arena, sizeof(*e));
	e->kind = kind;
	e->entity = e->member = "";
	return e;
}

static inline void expr_free(void)
{
	nemo_arena_free(expr_arena);
	expr_arena = NULL;
}

/* "time" is the clock, all else a member of the entity "x". */
static inline struct nemo_expr *var(const char *member, enum nemo_type type)
{
	struct nemo_expr *e = expr_new(NEMO_E_VAR);

	e->entity = strcmp(member, "time") == 0 ? "" : "x";
	e->member = member;
	e->type = type;
	return e;
}

static inline struct nemo_expr *lit(enum nemo_type type, const char *text)
{
	struct nemo_expr *e = expr_new(NEMO_E_VALUE);

	if (nemo_value_read(type, text, &e->value, NULL) < 0)
		abort();
	e->value.type = e->type = type;
	return e;
}

static inline struct nemo_expr *op2(enum nemo_op op, struct nemo_expr *l, struct nemo_expr *r)
{
	struct nemo_expr *e = expr_new(NEMO_E_OP);

	e->op = op;
	e->type = NEMO_BOOLEAN;
	e->n = r ? 2 : 1;
	e->args = nemo_arena_alloc(expr_arena, 2 * sizeof(struct nemo_expr *));
	e->args[0] = l;
	e->args[1] = r;
	return e;
}

static inline struct nemo_expr *not_(struct nemo_expr *e)
{
	return op2(NEMO_OP_NOT, e, NULL);
}

/* time OP "hh:mm:ss", or a date with a day */
static inline struct nemo_expr *clock_is(enum nemo_op op, const char *text)
{
	return op2(op, var("time", NEMO_DATE), lit(NEMO_DATE, text));
}

/* x.member OP number */
static inline struct nemo_expr *number_is(const char *member, enum nemo_op op, const char *text)
{
	return op2(op, var(member, NEMO_INTEGER), lit(NEMO_INTEGER, text));
}

static inline struct nemo_expr *flag(const char *member)
{
	return var(member, NEMO_BOOLEAN);
}

/* The same numbers on every machine. */
static inline unsigned int pick(unsigned int n)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned int)(state >> 20) % n;
}

#endif
