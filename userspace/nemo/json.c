/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The canonical JSON of scripts (docs/nemo.md). A NULL anywhere is memory that ran out, and makes
 * the whole NULL. */
#include <stdlib.h>

#include "nemo/ast.h"

#define FORMAT "nemo/1"

/* clang-format off */
const char *const nemo_stmt_names[NEMO_S_MAX] = {
#define X(name, text) [NEMO_S_##name] = text,
	NEMO_STATEMENTS(X)
#undef X
};
/* clang-format on */

const char *const nemo_object_names[NEMO_OBJECT_MAX] = {
	[NEMO_CFN] = "CFN",
	[NEMO_CONNECTION] = "Connection",
	[NEMO_FLOW] = "ServiceFlow",
	[NEMO_OPERATION] = "Operation",
	[NEMO_NOTIFICATION] = "Notification",
};

static json_t *at_json(struct nemo_pos at)
{
	return json_sprintf("%u:%u", at.line, at.column);
}

/* Takes value; array or value may be NULL. Gives the array on, or NULL. */
static json_t *append(json_t *array, json_t *value)
{
	if (array && json_array_append_new(array, value) == 0)
		return array;
	if (!array)
		json_decref(value);
	json_decref(array);
	return NULL;
}

static bool set(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0;
}

static json_t *names_json(const struct nemo_names *names)
{
	json_t *array = json_array();

	for (unsigned int i = 0; array && i < names->n; i++)
		array = append(array, json_string(names->v[i].text));
	return array;
}

/* ---- values ---- */

json_t *nemo_plain_json(const struct nemo_value *value)
{
	char text[NEMO_STRING_MAX + 1];

	switch (value->type) {
	case NEMO_BOOLEAN:
		return json_boolean(value->boolean);
	case NEMO_INTEGER:
		return json_integer(value->integer);
	case NEMO_STRING:
		return json_string(value->string);
	default:
		return json_string(nemo_value_text(value, text, sizeof(text)));
	}
}

json_t *nemo_value_json(const struct nemo_value *value)
{
	return json_pack("{s:o}", nemo_type_names[value->type], nemo_plain_json(value));
}

static json_t *values_json(const struct nemo_value *v, unsigned int n)
{
	json_t *array = json_array();

	for (unsigned int i = 0; array && i < n; i++)
		array = append(array, nemo_value_json(&v[i]));
	return array;
}

static json_t *arg_json(const struct nemo_arg *arg)
{
	if (arg->kind == NEMO_ARG_VALUE)
		return nemo_value_json(arg->v);
	return json_pack("{s:o}", arg->kind == NEMO_ARG_LIST ? "list" : "range",
			 values_json(arg->v, arg->n));
}

/* ---- expressions ---- */

static json_t *args_json(const struct nemo_expr *expr)
{
	json_t *array = json_array();

	for (unsigned int i = 0; array && i < expr->n; i++)
		array = append(array, nemo_expr_json(expr->args[i]));
	return array;
}

json_t *nemo_expr_json(const struct nemo_expr *expr)
{
	switch (expr->kind) {
	case NEMO_E_VALUE:
		return nemo_value_json(&expr->value);
	case NEMO_E_VAR:
		return expr->bare ? json_pack("{s:s}", "var", expr->member)
				  : json_pack("{s:o}", "var",
					      json_sprintf("%s.%s", expr->entity, expr->member));
	case NEMO_E_CALL:
		return json_pack("{s:s, s:o}", "call", expr->member, "args", args_json(expr));
	default:
		return json_pack("{s:s, s:o}", "op", nemo_op_names[expr->op], "args",
				 args_json(expr));
	}
}

/* ---- clauses ---- */

static json_t *ends_json(const struct nemo_clauses *c)
{
	json_t *array = json_array();

	for (unsigned int i = 0; array && i < c->n_ends; i++)
		array = append(array, names_json(&c->ends[i]));
	return array;
}

static json_t *pairs_json(const struct nemo_pairs *pairs)
{
	json_t *object = json_object();

	for (unsigned int i = 0; object && i < pairs->n; i++) {
		const struct nemo_pair *pair = &pairs->v[i];

		if (!set(object, pair->name.text, arg_json(&pair->arg))) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

static json_t *action_json(const struct nemo_action *action)
{
	json_t *args = json_array();

	for (unsigned int i = 0; args && i < action->n; i++)
		args = append(args, arg_json(&action->args[i]));
	return json_pack("{s:s, s:o}", "name", action->name.text, "args", args);
}

static json_t *actions_json(const struct nemo_actions *actions)
{
	json_t *array = json_array();

	for (unsigned int i = 0; array && i < actions->n; i++)
		array = append(array, action_json(&actions->v[i]));
	return array;
}

static bool set_query(json_t *o, const struct nemo_query *query)
{
	return set(o, "items", names_json(&query->items)) &&
	       set(o, "from", names_json(&query->from));
}

static json_t *query_json(const struct nemo_query *query)
{
	json_t *object = json_object();

	if (!object || set_query(object, query))
		return object;
	json_decref(object);
	return NULL;
}

/* A clause that was not written gives no member. */
static bool set_clauses(json_t *o, const struct nemo_clauses *c)
{
	return (!c->type.text || set(o, "type", json_string(c->type.text))) &&
	       (!c->contain.n || set(o, "contain", names_json(&c->contain))) &&
	       (!c->n_ends || set(o, "ends", ends_json(c))) &&
	       (!c->properties.n || set(o, "properties", pairs_json(&c->properties))) &&
	       (!c->match.n || set(o, "match", pairs_json(&c->match))) &&
	       (!c->target.text || set(o, "target", json_string(c->target.text))) &&
	       (!c->has_priority || set(o, "priority", json_integer(c->priority))) &&
	       (!c->condition || set(o, "condition", nemo_expr_json(c->condition))) &&
	       (!c->actions.n || set(o, "actions", actions_json(&c->actions))) &&
	       (!c->listener.text || set(o, "listener", json_string(c->listener.text)));
}

/* ---- statements ---- */

static json_t *model_json(const struct nemo_stmt *stmt)
{
	json_t *array = json_array();

	for (unsigned int i = 0; array && i < stmt->n_model; i++)
		array = append(array, json_pack("{s:s, s:s}", "name", stmt->model[i].name.text,
						"type", nemo_type_names[stmt->model[i].type]));
	return array;
}

static bool set_queried(json_t *o, const struct nemo_stmt *stmt)
{
	if (!stmt->c.query)
		return true;
	return stmt->kind == NEMO_S_QUERY ? set_query(o, stmt->c.query)
					  : set(o, "query", query_json(stmt->c.query));
}

static json_t *stmt_json(const struct nemo_stmt *stmt)
{
	json_t *o = json_object();

	if (o && set(o, "kind", json_string(nemo_stmt_names[stmt->kind])) &&
	    set(o, "at", at_json(stmt->at)) &&
	    (!stmt->label.text || set(o, "label", json_string(stmt->label.text))) &&
	    (!stmt->name.text || set(o, "name", json_string(stmt->name.text))) &&
	    (!stmt->n_model || set(o, "model", model_json(stmt))) && set_queried(o, stmt) &&
	    set_clauses(o, &stmt->c))
		return o;
	json_decref(o);
	return NULL;
}

static json_t *statements_json(const struct nemo_script *script)
{
	json_t *array = json_array();

	for (unsigned int i = 0; array && i < script->n; i++)
		array = append(array, stmt_json(&script->v[i]));
	return array;
}

/* ---- what was said ---- */

static json_t *warnings_json(const struct nemo_diags *diags)
{
	json_t *array = json_array();

	for (unsigned int i = 0; array && i < diags->n; i++) {
		const struct nemo_diag *d = &diags->v[i];

		if (d->is_warning)
			array = append(array, json_pack("{s:s, s:o}", "code",
							nemo_warning_names[d->warning], "at",
							at_json(d->at)));
	}
	return array;
}

static json_t *error_json(struct nemo_pos at, const char *class, json_t *reason)
{
	return json_pack("{s:o, s:s, s:o}", "at", at_json(at), "class", class, "reason", reason);
}

static json_t *all_errors_json(const struct nemo_diags *diags)
{
	const struct nemo_diag *last = NULL;
	json_t *array = json_array();

	for (unsigned int i = 0; array && i < diags->n; i++) {
		const struct nemo_diag *d = &diags->v[i];

		if (d->is_warning)
			continue;
		array = append(array, error_json(d->at, nemo_class_names[d->class],
						 json_string(d->reason)));
		last = d;
	}
	if (last && diags->errors > NEMO_ERRORS_MAX)
		array = append(array, error_json(last->at, nemo_class_names[last->class],
						 json_sprintf("%u more errors are not shown",
							      diags->errors - NEMO_ERRORS_MAX)));
	return array;
}

json_t *nemo_errors_json(const struct nemo_diags *diags)
{
	struct nemo_diags view;
	json_t *json;

	if (!nemo_diags_view(diags, &view))
		return NULL;
	json = json_pack("{s:s, s:o}", "format", FORMAT, "errors", all_errors_json(&view));
	free(view.v);
	return json;
}

json_t *nemo_script_json(const struct nemo_script *script, const struct nemo_diags *diags)
{
	struct nemo_diags view;
	json_t *json;

	if (!nemo_diags_view(diags, &view))
		return NULL;
	json = json_pack("{s:s, s:s, s:o, s:o}", "format", FORMAT, "level",
			 script->checked ? "semantic" : "syntax", "warnings", warnings_json(&view),
			 "statements", statements_json(script));
	free(view.v);
	return json;
}
