/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Expressions: variables, the types of operands, truth values. */
#include <string.h>

#include "nemo/check_int.h"

#define ANY_TYPE NEMO_TYPE_MAX /* of what is wrong, and was told */

static bool is_truth(enum nemo_type type)
{
	return type == NEMO_BOOLEAN || type == NEMO_INTEGER || type == ANY_TYPE;
}

static bool is_ordered(enum nemo_type type)
{
	return type == NEMO_INTEGER || type == NEMO_DATE || type == ANY_TYPE;
}

static bool is_compare(enum nemo_op op)
{
	return op >= NEMO_OP_EQ;
}

static bool is_order(enum nemo_op op)
{
	return op >= NEMO_OP_LT;
}

static enum nemo_type bare_type(struct check *check, struct nemo_expr *var,
				const struct scope *scope)
{
	const struct nemo_name name = {.text = var->member, .at = var->member_at};
	const struct nemo_prop_def *def;

	if (strcmp(var->member, "time") == 0) {
		var->entity = "";
		return NEMO_DATE;
	}
	if (scope->self_bad ||
	    (scope->self && scope->self->kind <= NEMO_FLOW && !scope->self->model))
		return ANY_TYPE;
	if (!scope->self) {
		check_error(check, name.at, "'%s' says nothing by itself: write time, or object.%s",
			    name.text, name.text);
		return ANY_TYPE;
	}
	def = check_prop(check, scope->self, &name, true);
	var->entity = nemo_arena_text(check->arena, scope->self->name, strlen(scope->self->name));
	if (!var->entity) {
		var->entity = "";
		check_no_memory(check);
	}
	return def ? def->type : ANY_TYPE;
}

static enum nemo_type var_type(struct check *check, struct nemo_expr *var,
			       const struct scope *scope)
{
	const struct nemo_name name = {.text = var->member, .at = var->member_at};
	const struct nemo_object *entity;
	const struct nemo_prop_def *def;

	if (var->bare)
		return bare_type(check, var, scope);
	entity = check_object(check, var->entity, var->entity_at, ANY_KIND);
	if (!entity || (entity->kind <= NEMO_FLOW && !entity->model))
		return ANY_TYPE;
	def = check_prop(check, entity, &name, true);
	return def ? def->type : ANY_TYPE;
}

/* The literal takes the type of what it is compared with. */
static bool literal(struct check *check, struct nemo_expr *value, const struct nemo_expr *with)
{
	const struct nemo_prop_def def = {
		.name = with->kind == NEMO_E_VAR ? with->member : "the operand",
		.type = with->type,
		.min = INT64_MIN,
		.max = INT64_MAX,
	};

	if (!check_value(check, &value->value, &def))
		return false;
	value->type = value->value.type;
	return true;
}

static bool same_type(struct check *check, struct nemo_expr *left, struct nemo_expr *right)
{
	if (left->type == ANY_TYPE || right->type == ANY_TYPE)
		return false;
	if (right->kind == NEMO_E_VALUE && left->kind != NEMO_E_VALUE)
		return literal(check, right, left);
	if (left->kind == NEMO_E_VALUE && right->kind != NEMO_E_VALUE)
		return literal(check, left, right);
	if (left->type == right->type)
		return true;
	check_error(check, right->at, "a value of type %s cannot be compared with one of type %s",
		    nemo_type_names[left->type], nemo_type_names[right->type]);
	return false;
}

static void comparison(struct check *check, struct nemo_expr *expr)
{
	if (!same_type(check, expr->args[0], expr->args[1]))
		return;
	if (is_order(expr->op) && !is_ordered(expr->args[0]->type))
		check_error(check, expr->op_at, "values of type %s have no order: use == or !=",
			    nemo_type_names[expr->args[0]->type]);
}

static void truth(struct check *check, const struct nemo_expr *expr)
{
	if (!is_truth(expr->type))
		check_error(check, expr->at,
			    "a value of type %s is neither true nor false: compare it",
			    nemo_type_names[expr->type]);
}

static enum nemo_type operation(struct check *check, struct nemo_expr *expr)
{
	if (is_compare(expr->op))
		comparison(check, expr);
	for (unsigned int i = 0; i < expr->n && !is_compare(expr->op); i++)
		truth(check, expr->args[i]);
	return NEMO_BOOLEAN;
}

/* The depth is bounded by the parser (NEMO_DEPTH_MAX). */
static void type_of(struct check *check, struct nemo_expr *expr, const struct scope *scope)
{
	if (expr->kind == NEMO_E_CALL)
		check_error(check, expr->member_at, "there is no function '%s'", expr->member);
	for (unsigned int i = 0;
	     i < expr->n && (expr->kind == NEMO_E_CALL || expr->kind == NEMO_E_OP); i++)
		type_of(check, expr->args[i], scope);
	switch (expr->kind) {
	case NEMO_E_VALUE:
		expr->type = expr->value.type;
		break;
	case NEMO_E_VAR:
		expr->type = var_type(check, expr, scope);
		break;
	case NEMO_E_CALL:
		expr->type = ANY_TYPE;
		break;
	case NEMO_E_OP:
		expr->type = operation(check, expr);
		break;
	}
}

void check_condition(struct check *check, struct nemo_expr *cond, const struct scope *scope)
{
	unsigned int before = check->diags->errors;

	type_of(check, cond, scope);
	truth(check, cond);
	if (check->diags->errors == before)
		warn_condition(check, cond);
}

static void rebind(struct check *check, struct nemo_object *of, struct nemo_expr *var,
		   const struct rebind *to)
{
	const struct nemo_prop_def *def = NULL;
	char *entity = NULL;

	if (to->self)
		def = nemo_stat(to->self->kind, var->member);
	if (to->self && to->self->model && nemo_model_prop(to->self->model, var->member))
		def = nemo_model_prop(to->self->model, var->member);
	if (!def || def->type != var->type) {
		check_error(check, to->at,
			    "the condition of %s '%s' is about '%s', which would no longer say "
			    "anything: give it a new Condition, too",
			    nemo_object_names[of->kind], of->name, var->member);
		return;
	}
	entity = nemo_arena_text(of->arena, to->self->name, strlen(to->self->name));
	if (entity)
		var->entity = entity;
	else
		check_no_memory(check);
}

void check_rebind(struct check *check, struct nemo_object *of, struct nemo_expr *cond,
		  const struct rebind *to)
{
	if (cond->kind == NEMO_E_VAR && cond->bare && strcmp(cond->member, "time") != 0)
		rebind(check, of, cond, to);
	if (cond->kind != NEMO_E_OP && cond->kind != NEMO_E_CALL)
		return;
	for (unsigned int i = 0; i < cond->n; i++)
		check_rebind(check, of, cond->args[i], to);
}
