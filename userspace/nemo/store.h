/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The objects and models of one tenant, and the static check that lets statements change them. A
 * store is a value: nemo_store_copy() is cheap (objects are immutable and shared), so that a draft
 * is a copy that is dropped or taken over as a whole.
 */
#ifndef NEMO_STORE_H
#define NEMO_STORE_H

#include <jansson.h>

#include "nemo/ast.h"
#include "util/err.h"
#include "util/hash.h"

enum nemo_model_kind { NEMO_M_CFN, NEMO_M_CONNECTION, NEMO_M_FLOW, NEMO_M_ACTION, NEMO_M_MAX };

struct nemo_prop_def {
	const char *name;
	enum nemo_type type;
	bool read_only;	  /* a statistic: for conditions and queries */
	int64_t min, max; /* of integers */
};

/* Built-in models are static and in every store; users' are objects of a store. */
struct nemo_model {
	enum nemo_model_kind kind;
	const char *name;
	bool builtin;
	const struct nemo_prop_def *props;	   /* statistics are separate: nemo_stats() */
	const struct nemo_prop_def *const *sorted; /* of users' models: by name */
	unsigned int n_props;
};
const struct nemo_prop_def *nemo_model_prop(const struct nemo_model *model, const char *name);
/* Read-only statistics that every object of the kind has; *n of them. */
const struct nemo_prop_def *nemo_stats(enum nemo_object_kind kind, unsigned int *n);

/* A whole object, all clauses merged and typed; immutable; refs counted by stores. */
struct nemo_object {
	unsigned int refs;
	enum nemo_object_kind kind;
	const char *name;
	bool imported;
	const struct nemo_model *model; /* CFN, connection, flow; else NULL */
	struct nemo_clauses c;		/* c.type is always set for those; places mean nothing */
	unsigned int terms;		/* what NEMO_TERMS_MAX counts of it */
	struct nemo_arena *arena;
};

struct nemo_entry {		    /* of a store's table */
	struct nemo_object *object; /* exactly one of these two */
	struct nemo_user_model *user;
	unsigned int mark; /* the last walk of a check that came here */
	UT_hash_handle hh; /* by name */
};
struct nemo_store {
	struct nemo_entry *objects, *models; /* uthash; models: the users' */
	size_t terms;			     /* of all objects: NEMO_TERMS_MAX */
	unsigned int readers;		     /* beside the one who made it */
};

struct nemo_store *nemo_store_new(void);
struct nemo_store *nemo_store_copy(const struct nemo_store *store);
/* The same one for another reader, who frees it, too: nobody may change it any more. */
struct nemo_store *nemo_store_get(struct nemo_store *store);
void nemo_store_free(struct nemo_store *store); /* NULL is allowed */
const struct nemo_object *nemo_store_find(const struct nemo_store *store, const char *name);
unsigned int nemo_store_count(const struct nemo_store *store); /* objects and users' models */
/* Adds the number of objects of each kind. */
void nemo_store_counts(const struct nemo_store *store, unsigned int n[NEMO_OBJECT_MAX]);
/* Objects of a kind in byte order of names; free() the array. -1: no memory. */
int nemo_store_list(const struct nemo_store *store, enum nemo_object_kind kind,
		    const struct nemo_object ***out);

/* One property or field of an object; NULL: not set. */
const struct nemo_arg *nemo_object_prop(const struct nemo_object *object, const char *name);
/* Single values of that type; false: not set. */
bool nemo_object_integer(const struct nemo_object *object, const char *name, int64_t *out);
bool nemo_object_prefix(const struct nemo_object *object, const char *name,
			struct nemo_prefix *out);
const char *nemo_object_string(const struct nemo_object *object, const char *name);

/*
 * The whole static check of a script against a store (docs/nemo.md, "Static semantics"), statement
 * by statement, each seeing what the ones before it did. All errors are told. On success *after is
 * the store behind the last statement (may be NULL: not wanted), and the script is `checked`. What
 * can be wrong only in the network (a gateway that does not exist) is not looked at here.
 */
int nemo_check(struct nemo_script *script, const struct nemo_store *before,
	       struct nemo_store **after, struct nemo_diags *diags);
/* Statements [first, first + n) of a checked script alone; the same results. */
int nemo_store_apply(struct nemo_store *store, const struct nemo_script *script, unsigned int first,
		     unsigned int n, struct nemo_diags *diags);

/* The same without a copy, for a store that nobody else reads: on an error it is left half-way, to
 * be freed. */
int nemo_store_apply_own(struct nemo_store *store, const struct nemo_script *script,
			 unsigned int first, unsigned int n, struct nemo_diags *diags);

/* The store as a script: models, CFNs, connections, flows, operations, notifications, each in an
 * order that declares names before they are used, then by name. Applied to an empty store it gives
 * the same store; applied to this one nothing. malloc'ed; NULL: no memory. */
char *nemo_export(const struct nemo_store *store);
bool nemo_object_equal(const struct nemo_object *a, const struct nemo_object *b);
void nemo_print_object(struct nemo_text *out, const struct nemo_object *object);

/* [{"change": "create" | "update" | "delete", "kind": "Operation", "name",
 *   "before": "text", "after": "text"}], models first (kind "CFNModel" ...), sorted by name; what
 * is equal is left out. New reference; NULL: no memory. */
json_t *nemo_diff(const struct nemo_store *before, const struct nemo_store *after);

#endif
