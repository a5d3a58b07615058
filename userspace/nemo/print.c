/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements in canonical writing. */
#include <string.h>

#include "nemo/lex.h"

const char *const nemo_op_names[NEMO_OP_MAX] = {
	[NEMO_OP_OR] = "||", [NEMO_OP_AND] = "&&", [NEMO_OP_NOT] = "!",
	[NEMO_OP_EQ] = "==", [NEMO_OP_NE] = "!=",  [NEMO_OP_LT] = "<",
	[NEMO_OP_LE] = "<=", [NEMO_OP_GT] = ">",   [NEMO_OP_GE] = ">=",
};

/* ---- names and values ---- */

static void quoted(struct nemo_text *out, const char *text)
{
	static const char escaped[] = "\"\\\n\t", by[] = "\"\\nt";

	nemo_text_add(out, "\"");
	while (*text) {
		size_t n = strcspn(text, escaped);

		nemo_text_add(out, "%.*s", (int)n, text);
		text += n;
		if (*text)
			nemo_text_add(out, "\\%c", by[strchr(escaped, *text++) - escaped]);
	}
	nemo_text_add(out, "\"");
}

static void name(struct nemo_text *out, const char *text)
{
	nemo_text_add(out, lex_is_ident(text) ? "%s" : "\"%s\"", text);
}

static void names(struct nemo_text *out, const struct nemo_names *names)
{
	for (unsigned int i = 0; i < names->n; i++) {
		nemo_text_add(out, "%s", i ? ", " : "");
		name(out, names->v[i].text);
	}
}

static void value(struct nemo_text *out, const struct nemo_value *value)
{
	char text[NEMO_STRING_MAX + 1];

	switch (value->type) {
	case NEMO_BOOLEAN:
		nemo_text_add(out, "%s", value->boolean ? "true" : "false");
		break;
	case NEMO_INTEGER:
		nemo_text_add(out, "%lld", (long long)value->integer);
		break;
	case NEMO_STRING:
		quoted(out, value->string);
		break;
	default: /* only IPv4 prefixes stand without quotes */
		nemo_text_add(out,
			      value->type == NEMO_IPPREFIX && value->prefix.v4 ? "%s" : "\"%s\"",
			      nemo_value_text(value, text, sizeof(text)));
		break;
	}
}

static void argument(struct nemo_text *out, const struct nemo_arg *arg)
{
	static const char *const begin[] = {
		[NEMO_ARG_VALUE] = "",
		[NEMO_ARG_LIST] = "List(",
		[NEMO_ARG_RANGE] = "Range(",
	};

	nemo_text_add(out, "%s", begin[arg->kind]);
	for (unsigned int i = 0; i < arg->n; i++) {
		nemo_text_add(out, "%s", i ? ", " : "");
		value(out, &arg->v[i]);
	}
	nemo_text_add(out, "%s", arg->kind == NEMO_ARG_VALUE ? "" : ")");
}

/* ---- expressions ---- */

/* How firmly it holds together: an operand that holds less firmly than its operator asks for stands
 * in parentheses. */
enum { P_OR = 1, P_AND, P_COMPARED, P_UNARY, P_PRIMARY };

static int holds(const struct nemo_expr *e)
{
	if (e->kind != NEMO_E_OP)
		return P_PRIMARY;
	switch (e->op) {
	case NEMO_OP_OR:
		return P_OR;
	case NEMO_OP_AND:
		return P_AND;
	case NEMO_OP_NOT:
		return P_UNARY;
	default:
		return P_COMPARED;
	}
}

static void operand(struct nemo_text *out, const struct nemo_expr *e, int least)
{
	bool parens = holds(e) < least;

	nemo_text_add(out, "%s", parens ? "(" : "");
	nemo_print_expr(out, e);
	nemo_text_add(out, "%s", parens ? ")" : "");
}

static void operands(struct nemo_text *out, const struct nemo_expr *e)
{
	int least = holds(e) + 1;

	if (e->op == NEMO_OP_NOT) {
		nemo_text_add(out, "!");
		operand(out, e->args[0], P_UNARY);
		return;
	}
	for (unsigned int i = 0; i < e->n; i++) {
		if (i)
			nemo_text_add(out, " %s ", nemo_op_names[e->op]);
		operand(out, e->args[i], least);
	}
}

static void call(struct nemo_text *out, const struct nemo_expr *e)
{
	nemo_text_add(out, "%s(", e->member);
	for (unsigned int i = 0; i < e->n; i++) {
		nemo_text_add(out, "%s", i ? ", " : "");
		nemo_print_expr(out, e->args[i]);
	}
	nemo_text_add(out, ")");
}

void nemo_print_expr(struct nemo_text *out, const struct nemo_expr *e)
{
	switch (e->kind) {
	case NEMO_E_VALUE:
		value(out, &e->value);
		break;
	case NEMO_E_VAR:
		if (!e->bare)
			nemo_text_add(out, "%s.", e->entity);
		nemo_text_add(out, "%s", e->member);
		break;
	case NEMO_E_CALL:
		call(out, e);
		break;
	default:
		operands(out, e);
		break;
	}
}

/* ---- clauses, each with a blank before it ---- */

static void pairs(struct nemo_text *out, const char *word, const struct nemo_pairs *pairs)
{
	for (unsigned int i = 0; i < pairs->n; i++) {
		nemo_text_add(out, "%s ", i ? "," : word);
		name(out, pairs->v[i].name.text);
		nemo_text_add(out, ": ");
		argument(out, &pairs->v[i].arg);
	}
}

static void ends(struct nemo_text *out, const struct nemo_clauses *c)
{
	for (unsigned int i = 0; i < c->n_ends; i++) {
		bool set = c->ends[i].n > 1;

		nemo_text_add(out, "%s %s", i ? "," : " EndNodes", set ? "(" : "");
		names(out, &c->ends[i]);
		nemo_text_add(out, "%s", set ? ")" : "");
	}
}

static void actions(struct nemo_text *out, const struct nemo_actions *actions)
{
	for (unsigned int i = 0; i < actions->n; i++) {
		const struct nemo_action *a = &actions->v[i];

		nemo_text_add(out, "%s ", i ? "," : " Action");
		name(out, a->name.text);
		for (unsigned int j = 0; j < a->n; j++) {
			nemo_text_add(out, "%s ", j ? "," : ":");
			argument(out, &a->args[j]);
		}
	}
}

/* Items that are key words stand as they are. */
static void query(struct nemo_text *out, const struct nemo_query *query)
{
	nemo_text_add(out, "Query ");
	for (unsigned int i = 0; i < query->items.n; i++)
		nemo_text_add(out, "%s%s", i ? ", " : "", query->items.v[i].text);
	nemo_text_add(out, " From ");
	names(out, &query->from);
}

static void one_name(struct nemo_text *out, const char *word, const char *text)
{
	if (!text)
		return;
	nemo_text_add(out, " %s ", word);
	name(out, text);
}

static void listener(struct nemo_text *out, const struct nemo_clauses *c)
{
	nemo_text_add(out, " Listener ");
	if (c->listener_quoted)
		quoted(out, c->listener.text);
	else
		name(out, c->listener.text);
}

void nemo_print_clauses(struct nemo_text *out, const struct nemo_clauses *c)
{
	one_name(out, "Type", c->type.text);
	if (c->contain.n) {
		nemo_text_add(out, " Contain ");
		names(out, &c->contain);
	}
	ends(out, c);
	pairs(out, " Property", &c->properties);
	pairs(out, " Match", &c->match);
	one_name(out, "Target", c->target.text);
	if (c->has_priority)
		nemo_text_add(out, " Priority %lld", (long long)c->priority);
	if (c->query) {
		nemo_text_add(out, " ");
		query(out, c->query);
	}
	if (c->condition) {
		nemo_text_add(out, " Condition ");
		nemo_print_expr(out, c->condition);
	}
	actions(out, &c->actions);
	if (c->listener.text)
		listener(out, c);
}

/* ---- statements ---- */

static const char *const heads[NEMO_S_MAX] = {
	[NEMO_S_DEFINE_CFN] = "CFNModel",
	[NEMO_S_DEFINE_CONNECTION] = "ConnectionModel",
	[NEMO_S_DEFINE_FLOW] = "ServiceFlowModel",
	[NEMO_S_DEFINE_ACTION] = "ActionModel",
	[NEMO_S_DESCRIPTION] = "Description",
	[NEMO_S_CREATE_CFN] = "CREATE CFN",
	[NEMO_S_IMPORT_CFN] = "IMPORT CFN",
	[NEMO_S_UPDATE_CFN] = "UPDATE CFN",
	[NEMO_S_DELETE_CFN] = "DELETE CFN",
	[NEMO_S_CREATE_CONNECTION] = "CREATE Connection",
	[NEMO_S_UPDATE_CONNECTION] = "UPDATE Connection",
	[NEMO_S_DELETE_CONNECTION] = "DELETE Connection",
	[NEMO_S_CREATE_FLOW] = "CREATE ServiceFlow",
	[NEMO_S_UPDATE_FLOW] = "UPDATE ServiceFlow",
	[NEMO_S_DELETE_FLOW] = "DELETE ServiceFlow",
	[NEMO_S_CREATE_OPERATION] = "CREATE Operation",
	[NEMO_S_UPDATE_OPERATION] = "UPDATE Operation",
	[NEMO_S_DELETE_OPERATION] = "DELETE Operation",
	[NEMO_S_CREATE_NOTIFICATION] = "CREATE Notification",
	[NEMO_S_UPDATE_NOTIFICATION] = "UPDATE Notification",
	[NEMO_S_DELETE_NOTIFICATION] = "DELETE Notification",
	[NEMO_S_TRANSACTION] = "Transaction",
	[NEMO_S_COMMIT] = "Commit",
};

static void model(struct nemo_text *out, const struct nemo_stmt *stmt)
{
	for (unsigned int i = 0; i < stmt->n_model; i++) {
		nemo_text_add(out, "%s %s: ", i ? "," : " Property",
			      nemo_type_names[stmt->model[i].type]);
		name(out, stmt->model[i].name.text);
	}
}

void nemo_print_stmt(struct nemo_text *out, const struct nemo_stmt *stmt)
{
	if (stmt->label.text)
		nemo_text_add(out, "%s: ", stmt->label.text);
	if (stmt->kind == NEMO_S_QUERY) {
		query(out, stmt->c.query);
	} else {
		nemo_text_add(out, "%s", heads[stmt->kind]);
		if (stmt->name.text) {
			nemo_text_add(out, " ");
			name(out, stmt->name.text);
		}
		model(out, stmt);
		nemo_print_clauses(out, &stmt->c);
	}
	nemo_text_add(out, ";\n");
}
