/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Models and objects, within nemo/: how they are made, shared, compared and written. */
#ifndef NEMO_MODEL_INT_H
#define NEMO_MODEL_INT_H

#include "nemo/store.h"

struct nemo_user_model {
	unsigned int refs;
	struct nemo_model model;
	struct nemo_arena *arena;
};

extern const char *const nemo_model_kind_names[NEMO_M_MAX]; /* "CFNModel" ... */

const struct nemo_model *nemo_builtin(const char *name); /* NULL: there is none */
const struct nemo_model *nemo_builtins(unsigned int *n);
const struct nemo_prop_def *nemo_stat(enum nemo_object_kind kind, const char *name);
/* Its arguments, or its values, are names of objects. */
bool nemo_action_refers(const char *action);
bool nemo_field_refers(const struct nemo_model *model, const char *field);
/* A copy of the array in byte order of names: free out->v. false: no memory. */
bool nemo_actions_sorted(const struct nemo_actions *actions, struct nemo_actions *out);
/* From a definition whose names are unique; NULL: no memory. One reference. */
struct nemo_user_model *nemo_user_model_new(enum nemo_model_kind kind,
					    const struct nemo_stmt *stmt);
void nemo_user_model_unref(struct nemo_user_model *user); /* NULL is allowed */
bool nemo_model_equal(const struct nemo_model *a, const struct nemo_model *b);
void nemo_print_model(struct nemo_text *out, const struct nemo_model *model);

/* A copy of what the clauses say, properties and fields sorted by name; NULL: no memory. One
 * reference. */
struct nemo_object *nemo_object_new(enum nemo_object_kind kind, const char *name,
				    const struct nemo_clauses *clauses);
void nemo_object_unref(struct nemo_object *object); /* NULL is allowed */

/* Every name of another object that this one depends on, as often as it is there. */
void nemo_object_refs(const struct nemo_object *object, void (*each)(void *arg, const char *name),
		      void *arg);

/* Those of its own kind that must be declared before it: what a CFN contains, what a notification
 * queries. Never NULL. */
const struct nemo_names *nemo_object_inner(const struct nemo_object *object);

/* Takes over the reference, in the place of one of the same name. false: no memory (it is released
 * all the same). */
bool nemo_store_put(struct nemo_store *store, struct nemo_object *object);
bool nemo_store_put_model(struct nemo_store *store, struct nemo_user_model *user);
struct nemo_entry *nemo_store_entry(struct nemo_store *store, const char *name); /* or NULL */
void nemo_store_remove(struct nemo_store *store, const char *name);
/* Users' models in byte order of names; free() the array. -1: no memory. */
int nemo_store_models(const struct nemo_store *store, const struct nemo_model ***out);
/* A user's model or a built-in one, of whatever kind; NULL: there is none. */
const struct nemo_model *nemo_store_model(const struct nemo_store *store, const char *name);

#endif
