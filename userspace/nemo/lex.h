/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NEMO's tokens, one after the other (docs/nemo.md, "Grammar"). Only the parser is to call this.
 * The first thing that is no token ends a script: what is said about it stands in diags.
 */
#ifndef NEMO_LEX_H
#define NEMO_LEX_H

#include "nemo/ast.h"

/* X(NAME, "as written"), in byte order */
#define LEX_KEYWORDS(X)                                                                            \
	X(ACTION, "Action")                                                                        \
	X(ACTION_MODEL, "ActionModel")                                                             \
	X(BOOLEAN, "Boolean")                                                                      \
	X(CFN, "CFN")                                                                              \
	X(CFN_MODEL, "CFNModel")                                                                   \
	X(CREATE, "CREATE")                                                                        \
	X(COMMIT, "Commit")                                                                        \
	X(CONDITION, "Condition")                                                                  \
	X(CONNECTION, "Connection")                                                                \
	X(CONNECTION_MODEL, "ConnectionModel")                                                     \
	X(CONTAIN, "Contain")                                                                      \
	X(DELETE, "DELETE")                                                                        \
	X(DATE, "Date")                                                                            \
	X(DESCRIPTION, "Description")                                                              \
	X(END_NODES, "EndNodes")                                                                   \
	X(ETH_ADDR, "EthAddr")                                                                     \
	X(FROM, "From")                                                                            \
	X(IMPORT, "IMPORT")                                                                        \
	X(IP_PREFIX, "IPPrefix")                                                                   \
	X(INTEGER_TYPE, "Integer")                                                                 \
	X(LIST, "List")                                                                            \
	X(LISTENER, "Listener")                                                                    \
	X(MATCH, "Match")                                                                          \
	X(NOTIFICATION, "Notification")                                                            \
	X(OPERATION, "Operation")                                                                  \
	X(PORPERTY, "Porperty")                                                                    \
	X(PRIORITY, "Priority")                                                                    \
	X(PROPERTY, "Property")                                                                    \
	X(QUERY, "Query")                                                                          \
	X(RANGE, "Range")                                                                          \
	X(SERVICE_FLOW, "ServiceFlow")                                                             \
	X(SERVICE_FLOW_MODEL, "ServiceFlowModel")                                                  \
	X(STRING_TYPE, "String")                                                                   \
	X(TARGET, "Target")                                                                        \
	X(TRANSACTION, "Transaction")                                                              \
	X(TYPE, "Type")                                                                            \
	X(UPDATE, "UPDATE")                                                                        \
	X(UUID, "UUID")                                                                            \
	X(FALSE, "false")                                                                          \
	X(TRUE, "true")

/* X(NAME, "as written") */
#define LEX_SIGNS(X)                                                                               \
	X(SEMICOLON, ";")                                                                          \
	X(COLON, ":")                                                                              \
	X(COMMA, ",")                                                                              \
	X(LPAREN, "(")                                                                             \
	X(RPAREN, ")")                                                                             \
	X(DOT, ".")                                                                                \
	X(EQ, "==")                                                                                \
	X(NE, "!=")                                                                                \
	X(LT, "<")                                                                                 \
	X(LE, "<=")                                                                                \
	X(GT, ">")                                                                                 \
	X(GE, ">=")                                                                                \
	X(NOT, "!")                                                                                \
	X(AND, "&&")                                                                               \
	X(OR, "||")

/* clang-format off */
#define X(name, text) LEX_##name,
enum lex_kind {
	LEX_NONE, /* behind an error: nothing goes on from here */
	LEX_END,
	LEX_IDENT,
	LEX_STRING,
	LEX_INTEGER,
	LEX_PREFIX,
	LEX_SIGNS(X)
	LEX_KEYWORDS(X)
	LEX_MAX,
};
#undef X
/* clang-format on */

struct lex_token {
	enum lex_kind kind;
	struct nemo_pos at;
	size_t begin, end;	   /* bytes of the script */
	const char *text;	   /* IDENT, STRING: what it says, in the arena */
	int64_t integer;	   /* INTEGER */
	struct nemo_prefix prefix; /* PREFIX, with the bits beyond its length */
};

struct lexer {
	const char *text; /* NUL-terminated */
	size_t len, pos;
	struct nemo_pos at;    /* of text[pos] */
	struct lex_token *tok; /* being read */
	bool cut;	       /* the script goes on behind text: it is too large */
	struct nemo_arena *arena;
	struct nemo_diags *diags;
};

/* Starts behind a byte order mark. */
void lex_init(struct lexer *lex);
/* -EINVAL: a lexical error, and it was told; -ENOMEM. */
int lex_next(struct lexer *lex, struct lex_token *tok);
/* As written; NULL for what has no fixed writing. */
const char *lex_word(enum lex_kind kind);
static inline bool lex_is_keyword(enum lex_kind kind)
{
	return kind >= LEX_ACTION && kind < LEX_MAX;
}
bool lex_is_ident(const char *text); /* a name, and no key word */

/* For lex_number.c: reads text[pos..] up to `end` as INTEGER or PREFIX. */
int lex_number(struct lexer *lex, struct lex_token *tok, size_t end);
int lex_error(struct lexer *lex, struct nemo_pos at, const char *reason, ...)
	__attribute__((format(printf, 3, 4)));
/* Bytes of text, up to some dozens, that can be shown in a message: a whole code point ends it. */
int lex_shown(const char *text, size_t len);

#endif
