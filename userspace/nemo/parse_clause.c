/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nemo/parse_int.h"

void parse_name(struct parser *p, struct nemo_name *out)
{
	*out = (struct nemo_name){p->tok.text, p->tok.at};
	if (p->tok.kind == LEX_STRING && !lex_is_ident(p->tok.text)) {
		int shown = lex_shown(p->lex.text + p->tok.begin, p->tok.end - p->tok.begin);

		parse_error(p,
			    "%.*s is not a name: a letter, then letters, digits, '-' and '_', at "
			    "most %d bytes, and no key word",
			    shown, p->lex.text + p->tok.begin, NEMO_NAME_MAX);
	} else if (p->tok.kind == LEX_IDENT || p->tok.kind == LEX_STRING) {
		parse_next(p);
	} else {
		parse_tried(p, PARSE_NAME);
		parse_expected(p);
	}
}

static void one_more(struct parser *p, struct nemo_names *out)
{
	struct nemo_name *v = parse_grow(p, out->v, out->n, sizeof(*v), "names");

	if (!v)
		return;
	out->v = v;
	parse_name(p, &v[out->n++]);
}

void parse_names(struct parser *p, struct nemo_names *out)
{
	do {
		one_more(p, out);
	} while (parse_accept(p, LEX_COMMA));
}

bool parse_accept_property(struct parser *p)
{
	if (p->tok.kind == LEX_PORPERTY) {
		nemo_warn(p->diags, NEMO_W_PORPERTY, p->tok.at, "'Porperty' is read as 'Property'");
		parse_next(p);
		return true;
	}
	return parse_accept(p, LEX_PROPERTY);
}

/* ---- values ---- */

bool parse_is_value(const struct parser *p)
{
	switch (p->tok.kind) {
	case LEX_TRUE:
	case LEX_FALSE:
	case LEX_INTEGER:
	case LEX_PREFIX:
	case LEX_STRING:
		return true;
	default:
		return false;
	}
}

void parse_value(struct parser *p, struct nemo_value *out)
{
	const struct lex_token *tok = &p->tok;

	*out = (struct nemo_value){.at = tok->at};
	if (parse_is_value(p))
		parse_count(p, 1);
	switch (tok->kind) {
	case LEX_TRUE:
	case LEX_FALSE:
		out->type = NEMO_BOOLEAN;
		out->boolean = tok->kind == LEX_TRUE;
		break;
	case LEX_INTEGER:
		out->type = NEMO_INTEGER;
		out->integer = tok->integer;
		break;
	case LEX_PREFIX:
		out->type = NEMO_IPPREFIX;
		out->prefix = tok->prefix;
		break;
	case LEX_STRING:
		out->type = NEMO_STRING;
		out->string = tok->text;
		break;
	default:
		parse_expected(p);
		return;
	}
	parse_next(p);
}

static void one_value(struct parser *p, struct nemo_value *out)
{
	parse_tried(p, PARSE_VALUE);
	parse_value(p, out);
}

static void list(struct parser *p, struct nemo_arg *out)
{
	out->kind = NEMO_ARG_LIST;
	parse_next(p);
	parse_expect(p, LEX_LPAREN);
	do {
		struct nemo_value *v =
			parse_grow(p, out->v, out->n, sizeof(*v), "values in a list");

		if (!v)
			return;
		out->v = v;
		one_value(p, &v[out->n++]);
	} while (parse_accept(p, LEX_COMMA));
	parse_expect(p, LEX_RPAREN);
}

static void range(struct parser *p, struct nemo_arg *out)
{
	out->kind = NEMO_ARG_RANGE;
	parse_next(p);
	out->v = parse_alloc(p, 2 * sizeof(*out->v));
	if (!out->v)
		return;
	out->n = 2;
	parse_expect(p, LEX_LPAREN);
	one_value(p, &out->v[0]);
	parse_expect(p, LEX_COMMA);
	one_value(p, &out->v[1]);
	parse_expect(p, LEX_RPAREN);
}

static void argument(struct parser *p, struct nemo_arg *out, bool ranges)
{
	*out = (struct nemo_arg){.kind = NEMO_ARG_VALUE, .at = p->tok.at};
	parse_tried(p, PARSE_VALUE);
	if (parse_is(p, LEX_LIST)) {
		list(p, out);
	} else if (ranges && parse_is(p, LEX_RANGE)) {
		range(p, out);
	} else {
		out->v = parse_alloc(p, sizeof(*out->v));
		out->n = 1;
		if (out->v)
			parse_value(p, out->v);
	}
}

void parse_pairs(struct parser *p, struct nemo_pairs *out, bool ranges)
{
	do {
		struct nemo_pair *v =
			parse_grow(p, out->v, out->n, sizeof(*v), ranges ? "fields" : "properties");

		if (!v)
			return;
		out->v = v;
		v += out->n++;
		parse_name(p, &v->name);
		parse_expect(p, LEX_COLON);
		argument(p, &v->arg, ranges);
	} while (parse_accept(p, LEX_COMMA));
}

/* ---- connections ---- */

static void end(struct parser *p, struct nemo_names *out)
{
	*out = (struct nemo_names){0};
	if (parse_accept(p, LEX_LPAREN)) {
		parse_names(p, out);
		parse_expect(p, LEX_RPAREN);
		return;
	}
	out->v = parse_alloc(p, sizeof(*out->v));
	out->n = 1;
	if (out->v)
		parse_name(p, out->v);
}

void parse_ends(struct parser *p, struct nemo_clauses *c)
{
	do {
		struct nemo_names *v = parse_grow(p, c->ends, c->n_ends, sizeof(*v), "ends");

		if (!v)
			return;
		c->ends = v;
		end(p, &v[c->n_ends++]);
	} while (parse_accept(p, LEX_COMMA));
	if (c->n_ends < 2)
		parse_expected(p);
}

/* ---- operations ---- */

/* Behind a comma: a name without quotes is an action; so is one in quotes before a ":". */
static bool begins_action(struct parser *p)
{
	if (p->tok.kind == LEX_STRING)
		return parse_peek(p) == LEX_COLON && lex_is_ident(p->tok.text);
	parse_tried(p, PARSE_NAME);
	return p->tok.kind == LEX_IDENT;
}

/* true: a comma was taken and the next action begins. */
static bool action(struct parser *p, struct nemo_action *out)
{
	*out = (struct nemo_action){0};
	parse_count(p, 1);
	parse_name(p, &out->name);
	if (!parse_accept(p, LEX_COLON))
		return parse_accept(p, LEX_COMMA);
	do {
		struct nemo_arg *v =
			parse_grow(p, out->args, out->n, sizeof(*v), "arguments of an action");

		if (!v)
			return false;
		out->args = v;
		argument(p, &v[out->n++], false);
		if (!parse_accept(p, LEX_COMMA))
			return false;
	} while (!begins_action(p));
	return true;
}

void parse_actions(struct parser *p, struct nemo_actions *out)
{
	struct nemo_action *v;

	do {
		v = parse_grow(p, out->v, out->n, sizeof(*v), "actions");
		if (!v)
			return;
		out->v = v;
	} while (action(p, &v[out->n++]));
}

/* ---- queries ---- */

static void item(struct parser *p, struct nemo_name *out)
{
	if (parse_is_word(p, PARSE_ITEM)) {
		*out = (struct nemo_name){lex_word(p->tok.kind), p->tok.at};
		parse_next(p);
		return;
	}
	parse_tried(p, PARSE_ITEM);
	parse_name(p, out);
}

void parse_query(struct parser *p, struct nemo_query *out)
{
	parse_expect(p, LEX_QUERY);
	do {
		struct nemo_name *v =
			parse_grow(p, out->items.v, out->items.n, sizeof(*v), "items of a query");

		if (!v)
			return;
		out->items.v = v;
		item(p, &v[out->items.n++]);
	} while (parse_accept(p, LEX_COMMA));
	parse_expect(p, LEX_FROM);
	do {
		parse_count(p, out->items.n);
		one_more(p, &out->from);
	} while (parse_accept(p, LEX_COMMA));
}

/* ---- definitions ---- */

static void data_type(struct parser *p, enum nemo_type *out)
{
	static const struct {
		enum lex_kind word;
		enum nemo_type type;
	} types[] = {
#define X(word, type) {LEX_##word, NEMO_##type},
		PARSE_TYPES(X)
#undef X
	};

	for (unsigned int i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (p->tok.kind == types[i].word) {
			*out = types[i].type;
			parse_next(p);
			return;
		}
	}
	parse_tried(p, PARSE_DATA_TYPE);
	parse_expected(p);
}

void parse_model(struct parser *p, struct nemo_stmt *stmt)
{
	parse_name(p, &stmt->name);
	if (!parse_accept_property(p))
		parse_expected(p);
	do {
		struct nemo_model_prop *v = parse_grow(p, stmt->model, stmt->n_model, sizeof(*v),
						       "properties of a model");

		if (!v)
			return;
		stmt->model = v;
		v += stmt->n_model++;
		data_type(p, &v->type);
		parse_expect(p, LEX_COLON);
		parse_name(p, &v->name);
	} while (parse_accept(p, LEX_COMMA));
	parse_expect(p, LEX_SEMICOLON);
}
