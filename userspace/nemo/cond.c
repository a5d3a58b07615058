/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nemo/cond_int.h"

enum nemo_op cond_flip(enum nemo_op op)
{
	switch (op) {
	case NEMO_OP_LT:
		return NEMO_OP_GT;
	case NEMO_OP_LE:
		return NEMO_OP_GE;
	case NEMO_OP_GT:
		return NEMO_OP_LT;
	case NEMO_OP_GE:
		return NEMO_OP_LE;
	default:
		return op;
	}
}

enum nemo_truth cond_bare(const struct nemo_value *value)
{
	if (value->type == NEMO_BOOLEAN)
		return cond_truth(value->boolean);
	if (value->type == NEMO_INTEGER)
		return cond_truth(value->integer != 0);
	return NEMO_UNKNOWN;
}

/* By the parts that both have. */
static enum nemo_truth compare_dates(enum nemo_op op, struct nemo_date l, struct nemo_date r)
{
	int64_t a, b;

	l.has_day = r.has_day = l.has_day && r.has_day;
	l.has_time = r.has_time = l.has_time && r.has_time;
	if (!l.has_day && !l.has_time)
		return NEMO_UNKNOWN;
	a = nemo_date_seconds(&l);
	b = nemo_date_seconds(&r);
	return cond_truth(cond_holds(op, (a > b) - (a < b)));
}

enum nemo_truth cond_compare(enum nemo_op op, const struct nemo_value *l,
			     const struct nemo_value *r)
{
	if (l->type != r->type)
		return NEMO_UNKNOWN;
	if (l->type == NEMO_DATE)
		return compare_dates(op, l->date, r->date);
	if (op == NEMO_OP_EQ || op == NEMO_OP_NE)
		return cond_truth(nemo_value_equal(l, r) == (op == NEMO_OP_EQ));
	if (l->type != NEMO_INTEGER && l->type != NEMO_STRING && l->type != NEMO_IPPREFIX)
		return NEMO_UNKNOWN;
	return cond_truth(cond_holds(op, nemo_value_compare(l, r)));
}

static bool variable(const struct nemo_expr *e, const struct nemo_env *env, struct nemo_value *out)
{
	if (cond_is_time(e)) {
		out->type = NEMO_DATE;
		out->date = env->now;
		return true;
	}
	return env->value && env->value(env->arg, e->entity, e->member, out);
}

bool cond_value(const struct nemo_expr *e, const struct nemo_env *env, struct nemo_value *out)
{
	enum nemo_truth is;

	*out = (struct nemo_value){.at = e->at};
	switch (e->kind) {
	case NEMO_E_VALUE:
		*out = e->value;
		return true;
	case NEMO_E_VAR:
		return variable(e, env, out);
	case NEMO_E_CALL: /* there is no function yet that has a value */
		return false;
	case NEMO_E_OP:
		break;
	}
	is = nemo_eval(e, env);
	out->type = NEMO_BOOLEAN;
	out->boolean = is == NEMO_TRUE;
	return is != NEMO_UNKNOWN;
}

/* stop: the truth of one argument that decides the whole. */
static enum nemo_truth eval_all(const struct nemo_expr *e, const struct nemo_env *env,
				enum nemo_truth stop)
{
	enum nemo_truth all = cond_not(stop), one;

	for (unsigned int i = 0; i < e->n; i++) {
		one = nemo_eval(e->args[i], env);
		if (one == stop)
			return stop;
		if (one == NEMO_UNKNOWN)
			all = NEMO_UNKNOWN;
	}
	return all;
}

static enum nemo_truth eval_compare(const struct nemo_expr *e, const struct nemo_env *env)
{
	struct nemo_value l, r;

	if (!cond_value(e->args[0], env, &l) || !cond_value(e->args[1], env, &r))
		return NEMO_UNKNOWN;
	return cond_compare(e->op, &l, &r);
}

enum nemo_truth nemo_eval(const struct nemo_expr *cond, const struct nemo_env *env)
{
	struct nemo_value v;

	if (!cond)
		return NEMO_TRUE;
	if (cond->kind != NEMO_E_OP)
		return cond_value(cond, env, &v) ? cond_bare(&v) : NEMO_UNKNOWN;
	if (cond->op == NEMO_OP_OR)
		return eval_all(cond, env, NEMO_TRUE);
	if (cond->op == NEMO_OP_AND)
		return eval_all(cond, env, NEMO_FALSE);
	if (cond->op == NEMO_OP_NOT)
		return cond_not(nemo_eval(cond->args[0], env));
	return eval_compare(cond, env);
}

bool nemo_expr_uses(const struct nemo_expr *cond,
		    void (*each)(void *arg, const char *entity, const char *member), void *arg)
{
	bool time = false;

	if (!cond)
		return false;
	if (cond->kind == NEMO_E_VAR) {
		if (cond_is_time(cond))
			return true;
		if (each)
			each(arg, cond->entity, cond->member);
		return false;
	}
	for (unsigned int i = 0; i < cond->n; i++)
		time |= nemo_expr_uses(cond->args[i], each, arg);
	return time;
}
