/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files about conditions share: cond.c, cond_json.c, always.c, edge.c, query.c. */
#ifndef NEMO_COND_INT_H
#define NEMO_COND_INT_H

#include <string.h>

#include "nemo/cond.h"

#define COND_DAY_SECONDS 86400

static inline bool cond_is_time(const struct nemo_expr *e)
{
	return e->kind == NEMO_E_VAR && e->entity[0] == '\0' && strcmp(e->member, "time") == 0;
}

static inline bool cond_is_compare(const struct nemo_expr *e)
{
	return e->kind == NEMO_E_OP && e->op >= NEMO_OP_EQ;
}

static inline bool cond_time_only(const struct nemo_value *v)
{
	return v->type == NEMO_DATE && v->date.has_time && !v->date.has_day;
}

static inline enum nemo_truth cond_truth(bool is)
{
	return is ? NEMO_TRUE : NEMO_FALSE;
}

static inline enum nemo_truth cond_not(enum nemo_truth is)
{
	return is == NEMO_UNKNOWN ? is : cond_truth(is == NEMO_FALSE);
}

/* `sign` is that of left - right. */
static inline bool cond_holds(enum nemo_op op, int sign)
{
	switch (op) {
	case NEMO_OP_EQ:
		return sign == 0;
	case NEMO_OP_NE:
		return sign != 0;
	case NEMO_OP_LT:
		return sign < 0;
	case NEMO_OP_LE:
		return sign <= 0;
	case NEMO_OP_GT:
		return sign > 0;
	default:
		return sign >= 0;
	}
}

/* The operator with its operands exchanged. */
enum nemo_op cond_flip(enum nemo_op op);
/* A value by itself: Booleans, and integers (true when not 0); else unknown. */
enum nemo_truth cond_bare(const struct nemo_value *value);
/* Unknown for types that differ or have no such order, and dates without a common part. */
enum nemo_truth cond_compare(enum nemo_op op, const struct nemo_value *l,
			     const struct nemo_value *r);
/* What a value, a variable or an operation is; false: unknown. */
bool cond_value(const struct nemo_expr *e, const struct nemo_env *env, struct nemo_value *out);

enum nemo_always { NEMO_VARIES, NEMO_ALWAYS, NEMO_NEVER };
/* Over all times of day, integers and Booleans (each variable by itself, any value of its type; a
 * term that is about anything else may be true or false). The budget are steps, which are taken
 * from it; used up: VARIES. NULL (no condition): ALWAYS. */
enum nemo_always cond_always(const struct nemo_expr *cond, unsigned int *budget);
/* May both hold at once? Values of other types are told apart here, too. NULL: no condition. When
 * it cannot be told, or the budget is used up: true. */
bool cond_may_both(const struct nemo_expr *a, const struct nemo_expr *b, unsigned int *budget);
/* cond_always() with a small limit that depends on nothing but the condition, so that an error
 * can hang on it. Not NULL. */
enum nemo_always cond_surely(const struct nemo_expr *cond);

#endif
