/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nemo/parse_int.h"

enum verb { CREATE, UPDATE, DELETE, VERB_MAX };

/* ---- the end of a statement ---- */

/* Behind a flow or a query: only before a statement, a label or the end may it be missing. */
static void optional_semicolon(struct parser *p, const char *behind)
{
	if (parse_accept(p, LEX_SEMICOLON))
		return;
	if (parse_is_word(p, PARSE_STATEMENT) || p->tok.kind == LEX_IDENT || p->tok.kind == LEX_END)
		nemo_warn(p->diags, NEMO_W_MISSING_SEMICOLON, p->tok.at, "';' is missing behind %s",
			  behind);
	else
		parse_expected(p);
}

/* ---- clauses of one kind of object; the name is behind us ---- */

/* A clause must be there when the object is created. */
static bool clause(struct parser *p, enum lex_kind word, enum verb verb)
{
	if (parse_accept(p, word))
		return true;
	if (verb == CREATE)
		parse_expected(p);
	return false;
}

static void properties(struct parser *p, struct nemo_clauses *c)
{
	if (parse_accept_property(p))
		parse_pairs(p, &c->properties, false);
	parse_expect(p, LEX_SEMICOLON);
}

static void cfn(struct parser *p, enum verb verb, struct nemo_clauses *c)
{
	if (verb == CREATE) {
		parse_expect(p, LEX_TYPE);
		parse_name(p, &c->type);
	}
	if (parse_accept(p, LEX_CONTAIN))
		parse_names(p, &c->contain);
	properties(p, c);
}

static void connection(struct parser *p, enum verb verb, struct nemo_clauses *c)
{
	if (verb == CREATE && parse_accept(p, LEX_TYPE))
		parse_name(p, &c->type);
	if (clause(p, LEX_END_NODES, verb))
		parse_ends(p, c);
	properties(p, c);
}

static void flow(struct parser *p, enum verb verb, struct nemo_clauses *c)
{
	if (verb == CREATE && parse_accept(p, LEX_TYPE))
		parse_name(p, &c->type);
	parse_expect(p, LEX_MATCH);
	parse_pairs(p, &c->match, true);
	optional_semicolon(p, "a ServiceFlow");
}

static void priority(struct parser *p, struct nemo_clauses *c)
{
	c->has_priority = true;
	c->priority = p->tok.integer;
	c->priority_at = p->tok.at;
	parse_expect(p, LEX_INTEGER);
}

static void operation(struct parser *p, enum verb verb, struct nemo_clauses *c)
{
	if (clause(p, LEX_TARGET, verb))
		parse_name(p, &c->target);
	if (clause(p, LEX_PRIORITY, verb))
		priority(p, c);
	if (parse_accept(p, LEX_CONDITION))
		c->condition = parse_condition(p);
	if (clause(p, LEX_ACTION, verb))
		parse_actions(p, &c->actions);
	parse_expect(p, LEX_SEMICOLON);
}

static void queried(struct parser *p, struct nemo_clauses *c)
{
	bool parens = parse_accept(p, LEX_LPAREN);

	if (!parens && !parse_is(p, LEX_QUERY))
		return;
	c->query = parse_alloc(p, sizeof(*c->query));
	if (c->query)
		parse_query(p, c->query);
	if (parens)
		parse_expect(p, LEX_RPAREN);
}

static void listener(struct parser *p, struct nemo_clauses *c)
{
	c->listener = (struct nemo_name){p->tok.text, p->tok.at};
	c->listener_quoted = p->tok.kind == LEX_STRING;
	if (!parse_accept(p, LEX_IDENT) && !parse_accept(p, LEX_STRING))
		parse_expected(p);
}

static void notification(struct parser *p, enum verb verb, struct nemo_clauses *c)
{
	queried(p, c);
	if (clause(p, LEX_CONDITION, verb))
		c->condition = parse_condition(p);
	if (clause(p, LEX_LISTENER, verb))
		listener(p, c);
	parse_expect(p, LEX_SEMICOLON);
}

/* ---- statements ---- */

static const struct object {
	enum lex_kind word;
	enum nemo_stmt_kind kinds[VERB_MAX];
	void (*clauses)(struct parser *p, enum verb verb, struct nemo_clauses *c);
} objects[] = {
#define X(word, kind, clauses)                                                                     \
	{LEX_##word, {NEMO_S_CREATE_##kind, NEMO_S_UPDATE_##kind, NEMO_S_DELETE_##kind}, clauses},
	PARSE_OBJECTS(X)
#undef X
};

static void object(struct parser *p, struct nemo_stmt *stmt, unsigned int verb)
{
	const struct object *o = objects, *end = objects + sizeof(objects) / sizeof(*objects);

	parse_next(p);
	while (o < end && o->word != p->tok.kind)
		o++;
	if (o == end) {
		parse_tried(p, PARSE_OBJECT);
		parse_expected(p);
		return;
	}
	stmt->kind = o->kinds[verb];
	parse_next(p);
	parse_name(p, &stmt->name);
	if (verb == DELETE)
		parse_expect(p, LEX_SEMICOLON);
	else
		o->clauses(p, verb, &stmt->c);
}

static void import(struct parser *p, struct nemo_stmt *stmt, unsigned int kind)
{
	stmt->kind = kind;
	parse_next(p);
	parse_expect(p, LEX_CFN);
	parse_name(p, &stmt->name);
	cfn(p, CREATE, &stmt->c);
}

static void description(struct parser *p, struct nemo_stmt *stmt, unsigned int kind)
{
	stmt->kind = kind;
	parse_next(p);
	parse_name(p, &stmt->name);
	parse_expect(p, LEX_SEMICOLON);
}

static void query(struct parser *p, struct nemo_stmt *stmt, unsigned int kind)
{
	stmt->kind = kind;
	stmt->c.query = parse_alloc(p, sizeof(*stmt->c.query));
	if (!stmt->c.query)
		return;
	parse_query(p, stmt->c.query);
	optional_semicolon(p, "a Query");
}

static void model(struct parser *p, struct nemo_stmt *stmt, unsigned int kind)
{
	stmt->kind = kind;
	parse_next(p);
	parse_model(p, stmt);
}

static void bracket(struct parser *p, struct nemo_stmt *stmt, unsigned int kind)
{
	stmt->kind = kind;
	parse_next(p);
	parse_accept(p, LEX_SEMICOLON);
}

static const struct {
	enum lex_kind word;
	void (*parse)(struct parser *p, struct nemo_stmt *stmt, unsigned int what);
	unsigned int what; /* enum verb or nemo_stmt_kind */
} statements[] = {
#define X(word, parse, what) {LEX_##word, parse, what},
	PARSE_STATEMENTS(X)
#undef X
};

void parse_statement(struct parser *p, struct nemo_stmt *stmt)
{
	for (unsigned int i = 0; i < sizeof(statements) / sizeof(*statements); i++)
		if (p->tok.kind == statements[i].word)
			return statements[i].parse(p, stmt, statements[i].what);
	parse_tried(p, PARSE_STATEMENT);
	parse_expected(p);
}
