/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the parser share. An error is told once, then the current token is LEX_NONE,
 * which nothing accepts: every loop ends, and nothing needs to ask. What was asked for in vain
 * since the last token was taken is what an error says was expected; so is every place the first
 * token that cannot go on.
 */
#ifndef NEMO_PARSE_INT_H
#define NEMO_PARSE_INT_H

#include "nemo/lex.h"

#define PARSE_TRIED_MAX 16

/* What stands for several tokens in "expected ..."; behind enum lex_kind. */
enum parse_kind {
	PARSE_NAME = LEX_MAX,
	PARSE_VALUE,
	PARSE_STATEMENT,
	PARSE_DATA_TYPE,
	PARSE_OPERATOR,
	PARSE_ITEM,
	PARSE_OBJECT, /* behind CREATE, UPDATE, DELETE */
	PARSE_LABEL_END,
};

/* X(word, function of parse_stmt.c, its last argument) */
#define PARSE_STATEMENTS(X)                                                                        \
	X(CREATE, object, CREATE)                                                                  \
	X(IMPORT, import, NEMO_S_IMPORT_CFN)                                                       \
	X(UPDATE, object, UPDATE)                                                                  \
	X(DELETE, object, DELETE)                                                                  \
	X(CFN_MODEL, model, NEMO_S_DEFINE_CFN)                                                     \
	X(CONNECTION_MODEL, model, NEMO_S_DEFINE_CONNECTION)                                       \
	X(SERVICE_FLOW_MODEL, model, NEMO_S_DEFINE_FLOW)                                           \
	X(ACTION_MODEL, model, NEMO_S_DEFINE_ACTION)                                               \
	X(DESCRIPTION, description, NEMO_S_DESCRIPTION)                                            \
	X(QUERY, query, NEMO_S_QUERY)                                                              \
	X(TRANSACTION, bracket, NEMO_S_TRANSACTION)                                                \
	X(COMMIT, bracket, NEMO_S_COMMIT)

/* X(word, its part of enum nemo_stmt_kind, function of parse_stmt.c) */
#define PARSE_OBJECTS(X)                                                                           \
	X(CFN, CFN, cfn)                                                                           \
	X(CONNECTION, CONNECTION, connection)                                                      \
	X(SERVICE_FLOW, FLOW, flow)                                                                \
	X(OPERATION, OPERATION, operation)                                                         \
	X(NOTIFICATION, NOTIFICATION, notification)

/* X(word, its part of enum nemo_type) */
#define PARSE_TYPES(X)                                                                             \
	X(BOOLEAN, BOOLEAN)                                                                        \
	X(INTEGER_TYPE, INTEGER)                                                                   \
	X(STRING_TYPE, STRING)                                                                     \
	X(DATE, DATE)                                                                              \
	X(UUID, UUID)                                                                              \
	X(ETH_ADDR, ETHADDR)                                                                       \
	X(IP_PREFIX, IPPREFIX)

struct parser {
	struct lexer lex;
	struct lex_token tok, ahead;
	bool has_ahead;
	size_t last_end; /* behind the token that was taken last */
	int err;	 /* 0, -EINVAL, -ENOMEM */
	struct nemo_arena *arena;
	struct nemo_diags *diags;
	unsigned int tried[PARSE_TRIED_MAX], n_tried;
	const char *label;	   /* the word in front of the token, at the begin of a statement */
	unsigned int depth, terms; /* of the expression */
	unsigned int all_terms;	   /* of the script: NEMO_TERMS_MAX */
};

void parse_next(struct parser *p);
enum lex_kind parse_peek(struct parser *p); /* of the token behind the current one */
/* kind is remembered as expected when it is another. */
bool parse_is(struct parser *p, enum lex_kind kind);
bool parse_accept(struct parser *p, enum lex_kind kind);
void parse_expect(struct parser *p, enum lex_kind kind);
void parse_tried(struct parser *p, unsigned int kind); /* enum lex_kind or parse_kind */
/* Is the token one of the words that kind stands for? */
bool parse_is_word(const struct parser *p, enum parse_kind kind);
void parse_expected(struct parser *p); /* the error: none of what was tried */
void parse_error(struct parser *p, const char *reason, ...) __attribute__((format(printf, 2, 3)));
/* The current token makes n more of what NEMO_TERMS_MAX counts. */
void parse_count(struct parser *p, unsigned int n);
void *parse_alloc(struct parser *p, size_t size);
/* Room for one more behind n items; NULL: error. An item beyond NEMO_LIST_MAX is an error of the
 * current token; `what` are the items, as a message says it. */
void *parse_grow(struct parser *p, void *v, unsigned int n, size_t size, const char *what);

/* ---- clauses ---- */
void parse_name(struct parser *p, struct nemo_name *out);
void parse_names(struct parser *p, struct nemo_names *out);
bool parse_accept_property(struct parser *p); /* Property, or Porperty with its warning */
void parse_pairs(struct parser *p, struct nemo_pairs *out, bool ranges);
void parse_ends(struct parser *p, struct nemo_clauses *c);
void parse_actions(struct parser *p, struct nemo_actions *out);
void parse_query(struct parser *p, struct nemo_query *out);
void parse_value(struct parser *p, struct nemo_value *out);
bool parse_is_value(const struct parser *p);
void parse_model(struct parser *p, struct nemo_stmt *stmt);

struct nemo_expr *parse_condition(struct parser *p); /* NULL: error */

/* ---- statements: a label is behind us ---- */
void parse_statement(struct parser *p, struct nemo_stmt *stmt);

#endif
