/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The static check, within nemo/. Every function tells all that is wrong of its part and goes on;
 * what was refused stands in the draft all the same, so that one mistake is told once (a draft with
 * errors is dropped).
 */
#ifndef NEMO_CHECK_INT_H
#define NEMO_CHECK_INT_H

#include "nemo/model_int.h"

/* Names that are looked at in all searches for a cycle of Contain of one check. */
#define NEMO_CONTAIN_VISITS (1u << 18)
#define NEMO_CONTAIN_FEW (1u << 14)
/* Names that one check compares with misspelt ones, for its suggestions. */
#define NEMO_NEAR_MAX (1u << 16)
/* References that one check looks through for who uses what it is not to delete. */
#define NEMO_SEEK_MAX (1u << 22)
/* Operations of one priority, on one flow or equal ones, that another is compared with. */
#define NEMO_OVERLAP_MAX 64
/* Steps of all searches that one check makes for its warnings about conditions. */
#define NEMO_CHECK_BUDGET (1u << 21)

struct named; /* a set of names, each with a number */
struct named {
	char *name;
	unsigned int count;
	UT_hash_handle hh;
};
bool named_add(struct named **set, const char *name, int count); /* false: no memory */
unsigned int named_count(struct named *set, const char *name);
void named_free(struct named **set);

struct overlaps; /* check_overlap.c */

struct check {
	struct nemo_store *store; /* the draft */
	struct nemo_diags *diags;
	struct nemo_arena *arena;	  /* of the script */
	const struct nemo_stmt *stmt;	  /* this one */
	struct named *made, *made_models; /* by this script */
	struct named *refs;		  /* how often a name is referred to; built when needed */
	bool has_refs;
	struct overlaps *overlaps; /* built when needed */
	unsigned int visits;	   /* NEMO_CONTAIN_VISITS */
	unsigned int walk;	   /* number of the last one: nemo_entry.mark */
	unsigned int compared;	   /* NEMO_NEAR_MAX */
	unsigned int sought;	   /* NEMO_SEEK_MAX */
	unsigned int budget;	   /* what is left of it */
	bool in_transaction;
};

/* An error of class SEMANTIC. */
#define check_error(check, at, ...) nemo_error((check)->diags, NEMO_SEMANTIC, at, __VA_ARGS__)
void check_no_memory(struct check *check);
bool check_more(const struct check *check); /* there is room for another error's text */

/* ---- names (check_name.c) ---- */
#define KIND(kind) (1u << (kind))
#define ANY_KIND ((1u << NEMO_OBJECT_MAX) - 1)
/* An object of one of these kinds; NULL: told. */
const struct nemo_object *check_object(struct check *check, const char *name, struct nemo_pos at,
				       unsigned int kinds);
/* NULL: told. */
const struct nemo_model *check_model(struct check *check, enum nemo_model_kind kind,
				     const struct nemo_name *name);
/* A property of the model, or with stats a statistic of its objects; NULL: told. what: "property",
 * "field". */
const struct nemo_prop_def *check_prop(struct check *check, const struct nemo_object *of,
				       const struct nemo_name *name, bool stats);
const char *check_kind_prop(enum nemo_object_kind kind); /* "property", "field" */
/* Objects of `names` exist, are of these kinds, and none is there twice. */
void check_names(struct check *check, const struct nemo_names *names, unsigned int kinds);
/* The same name twice: told at the second. set: those seen, freed by the caller. */
void check_twice(struct check *check, struct named **set, const struct nemo_name *name,
		 const char *what);

/* ---- literals (check_value.c) ---- */
/* Gives a literal its type, or tells. what: the property or field, for the text. */
bool check_value(struct check *check, struct nemo_value *value, const struct nemo_prop_def *def);
/* Lists may stand everywhere: that something can be only one is for the commit to say. */
bool check_arg(struct check *check, struct nemo_arg *arg, const struct nemo_prop_def *def,
	       bool ranges);
/* Properties or fields of an object that is to have these; its model may be NULL (told before). */
void check_pairs(struct check *check, struct nemo_pairs *pairs, const struct nemo_object *of);

/* ---- expressions (check_expr.c) ---- */
struct scope {
	const struct nemo_object *self; /* what bare variables are about; NULL: only time */
	bool self_bad;			/* it was named, and is wrong: say nothing about them */
};
void check_condition(struct check *check, struct nemo_expr *cond, const struct scope *scope);
/* Bare variables of the condition of an object that is being made are about another one now (NULL:
 * about none); where that lacks one: told there. */
struct rebind {
	const struct nemo_object *self;
	struct nemo_pos at;
};
void check_rebind(struct check *check, struct nemo_object *of, struct nemo_expr *cond,
		  const struct rebind *to);

/* ---- clauses of a kind (check_clause.c, check_action.c) ---- */
/* `of`: the object as it will be named, with its kind and model. */
void check_clauses(struct check *check, struct nemo_clauses *clauses, const struct nemo_object *of,
		   const struct scope *scope);
/* name: of the object whose query it is; NULL: of none. */
void check_query(struct check *check, const struct nemo_query *query, const char *name);
void check_actions(struct check *check, struct nemo_actions *actions);

/* ---- a draft and its indexes (check_draft.c) ---- */
/* Takes over the reference (NULL: no memory is told). sound: nothing of it was refused. */
void draft_put(struct check *check, struct nemo_object *object, bool sound);
/* How often others refer to the name. */
unsigned int draft_refs(struct check *check, const char *name);
/* Refused while something refers to it: told at the name. */
void draft_delete(struct check *check, const struct nemo_object *object);

/* ---- conflicts and overlaps (check_overlap.c) ---- */
/* Reads the draft, once, before an operation or the match of a flow of it changes. */
void overlap_prepare(struct check *check);
/* Told at the name of the statement, at once or, in a transaction, by overlap_commit(). */
void overlap_add(struct check *check, const struct nemo_object *op);
void overlap_remove(struct check *check, const struct nemo_object *op);
void overlap_flow(struct check *check, const struct nemo_object *flow); /* its match changed */
void overlap_commit(struct check *check); /* at the end of a transaction, and of all */
void overlap_fini(struct check *check);
/* W-tautology, W-contradiction. */
void warn_condition(struct check *check, const struct nemo_expr *cond);

#endif
