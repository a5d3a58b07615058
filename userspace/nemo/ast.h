/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A script as a tree, with the place of everything that an error may have to name. Everything lies
 * in the script's arena and lives until nemo_script_free().
 */
#ifndef NEMO_AST_H
#define NEMO_AST_H

#include <jansson.h>

#include "nemo/nemo.h"

struct nemo_arena;

struct nemo_name {
	const char *text;
	struct nemo_pos at;
};

struct nemo_names {
	struct nemo_name *v;
	unsigned int n;
};

enum nemo_arg_kind { NEMO_ARG_VALUE, NEMO_ARG_LIST, NEMO_ARG_RANGE };
struct nemo_arg {
	enum nemo_arg_kind kind;
	struct nemo_pos at;   /* of the value, or the key word List, Range */
	struct nemo_value *v; /* 1; of a list 1..NEMO_LIST_MAX; of a range 2 */
	unsigned int n;
};

struct nemo_pair { /* property or field, and what it is */
	struct nemo_name name;
	struct nemo_arg arg;
};
struct nemo_pairs {
	struct nemo_pair *v;
	unsigned int n;
};

struct nemo_action {
	struct nemo_name name;
	struct nemo_arg *args;
	unsigned int n;
};
struct nemo_actions {
	struct nemo_action *v;
	unsigned int n;
};

enum nemo_op {
	NEMO_OP_OR, /* two or more arguments: nested ones of the same operator are flattened */
	NEMO_OP_AND,
	NEMO_OP_NOT,
	NEMO_OP_EQ,
	NEMO_OP_NE,
	NEMO_OP_LT,
	NEMO_OP_LE,
	NEMO_OP_GT,
	NEMO_OP_GE,
	NEMO_OP_MAX,
};
extern const char *const nemo_op_names[NEMO_OP_MAX];

enum nemo_expr_kind { NEMO_E_VALUE, NEMO_E_VAR, NEMO_E_CALL, NEMO_E_OP };
struct nemo_expr {
	enum nemo_expr_kind kind;
	struct nemo_pos at;	 /* first token, "(" of parentheses included */
	struct nemo_pos op_at;	 /* OP: of the (first) operator */
	enum nemo_op op;	 /* OP */
	struct nemo_value value; /* VALUE */
	/* VAR: entity "" for a bare variable; the check sets it to the entity that is meant (the
	 * target, the one that is queried), `time` stays bare, and `bare` says what was written.
	 * CALL: member is the function's name. */
	const char *entity, *member;
	struct nemo_pos entity_at, member_at; /* bare: both are the place of the variable */
	bool bare;
	enum nemo_type type;	 /* set by the check; OP: BOOLEAN */
	struct nemo_expr **args; /* CALL, OP */
	unsigned int n;
};

struct nemo_query {
	struct nemo_names items; /* key words as written */
	struct nemo_names from;
};

/* Kinds of what has a name. */
enum nemo_object_kind {
	NEMO_CFN,
	NEMO_CONNECTION,
	NEMO_FLOW,
	NEMO_OPERATION,
	NEMO_NOTIFICATION,
	NEMO_OBJECT_MAX,
};
extern const char *const nemo_object_names[NEMO_OBJECT_MAX]; /* "CFN", "Connection", ... */

/* X(NAME, "canonical kind") */
#define NEMO_STATEMENTS(X)                                                                         \
	X(DEFINE_CFN, "define_cfn_model")                                                          \
	X(DEFINE_CONNECTION, "define_connection_model")                                            \
	X(DEFINE_FLOW, "define_serviceflow_model")                                                 \
	X(DEFINE_ACTION, "define_action_model")                                                    \
	X(DESCRIPTION, "description")                                                              \
	X(CREATE_CFN, "create_cfn")                                                                \
	X(IMPORT_CFN, "import_cfn")                                                                \
	X(UPDATE_CFN, "update_cfn")                                                                \
	X(DELETE_CFN, "delete_cfn")                                                                \
	X(CREATE_CONNECTION, "create_connection")                                                  \
	X(UPDATE_CONNECTION, "update_connection")                                                  \
	X(DELETE_CONNECTION, "delete_connection")                                                  \
	X(CREATE_FLOW, "create_serviceflow")                                                       \
	X(UPDATE_FLOW, "update_serviceflow")                                                       \
	X(DELETE_FLOW, "delete_serviceflow")                                                       \
	X(CREATE_OPERATION, "create_operation")                                                    \
	X(UPDATE_OPERATION, "update_operation")                                                    \
	X(DELETE_OPERATION, "delete_operation")                                                    \
	X(CREATE_NOTIFICATION, "create_notification")                                              \
	X(UPDATE_NOTIFICATION, "update_notification")                                              \
	X(DELETE_NOTIFICATION, "delete_notification")                                              \
	X(QUERY, "query")                                                                          \
	X(TRANSACTION, "transaction")                                                              \
	X(COMMIT, "commit")

/* clang-format off */
enum nemo_stmt_kind {
#define X(name, text) NEMO_S_##name,
	NEMO_STATEMENTS(X)
#undef X
	NEMO_S_MAX,
};
/* clang-format on */
extern const char *const nemo_stmt_names[NEMO_S_MAX];

struct nemo_model_prop {
	enum nemo_type type;
	struct nemo_name name;
};

/* Clauses that a statement may have; what was not written is NULL (or n = 0). */
struct nemo_clauses {
	struct nemo_name type;	   /* text NULL: none */
	struct nemo_names contain; /* CFN */
	struct nemo_names *ends;   /* connection; n_ends ends, each of one name or a set */
	unsigned int n_ends;
	struct nemo_pairs properties; /* CFN, connection */
	struct nemo_pairs match;      /* flow */
	struct nemo_name target;      /* operation; text NULL: none */
	bool has_priority;
	int64_t priority; /* operation */
	struct nemo_pos priority_at;
	struct nemo_expr *condition; /* operation, notification */
	struct nemo_actions actions; /* operation */
	struct nemo_query *query;    /* query, notification */
	struct nemo_name listener;   /* notification; text NULL: none */
	bool listener_quoted;
};

struct nemo_stmt {
	enum nemo_stmt_kind kind;
	struct nemo_pos at;	       /* first key word, after a label */
	struct nemo_name label;	       /* text NULL: none */
	struct nemo_name name;	       /* text NULL: query, transaction, commit */
	size_t begin, end;	       /* bytes of the text, label included, to behind the ";" */
	struct nemo_model_prop *model; /* definition */
	unsigned int n_model;
	struct nemo_clauses c;
};

struct nemo_script {
	struct nemo_arena *arena;
	const char *text; /* a copy of what was parsed, NUL-terminated */
	size_t len;
	struct nemo_stmt *v;
	unsigned int n;
	bool checked; /* nemo_check() went through without an error: literals have their types */
};

/* Reads a script (UTF-8, NUL bytes are a lexical error). NULL: diags say why (one error: the first
 * lexical or syntactic one). */
struct nemo_script *nemo_parse(const char *text, size_t len, struct nemo_diags *diags);
void nemo_script_free(struct nemo_script *script); /* NULL is allowed */

/* ---- arena: what a tree lies in ---- */
struct nemo_arena *nemo_arena_new(void);
void nemo_arena_free(struct nemo_arena *arena);
void *nemo_arena_alloc(struct nemo_arena *arena, size_t size); /* zeroed; NULL: no memory */
char *nemo_arena_text(struct nemo_arena *arena, const char *text, size_t len); /* with NUL */
size_t nemo_arena_bytes(const struct nemo_arena *arena);

/* A deep copy into another arena; false: no memory. */
bool nemo_clauses_copy(struct nemo_arena *arena, const struct nemo_clauses *from,
		       struct nemo_clauses *to);

/* ---- canonical forms (docs/nemo.md) ---- */
/* {"format": "nemo/1", "level", "warnings", "statements"}; level "semantic" when script->checked.
 */
json_t *nemo_script_json(const struct nemo_script *script, const struct nemo_diags *diags);
/* {"format": "nemo/1", "errors": [{"at", "class", "reason"}]} */
json_t *nemo_errors_json(const struct nemo_diags *diags);
json_t *nemo_value_json(const struct nemo_value *value);
json_t *nemo_plain_json(const struct nemo_value *value); /* Booleans, numbers, else text */
json_t *nemo_expr_json(const struct nemo_expr *expr);

/* A growing text; no_memory sticks. */
struct nemo_text {
	char *data; /* NUL-terminated once something was written; owned */
	size_t len, cap;
	bool no_memory;
};
void nemo_text_add(struct nemo_text *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* One statement in canonical writing, ";" and "\n" included: parses back to the same JSON but for
 * places. Names that are key words are quoted. */
void nemo_print_stmt(struct nemo_text *out, const struct nemo_stmt *stmt);
void nemo_print_expr(struct nemo_text *out, const struct nemo_expr *expr);
/* All clauses, each with a blank before it. */
void nemo_print_clauses(struct nemo_text *out, const struct nemo_clauses *clauses);

#endif
