/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The static check: statement by statement, each on the draft that those before it left. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/check_int.h"

enum verb { DEFINE, DESCRIBE, CREATE, UPDATE, DELETE, ASK, BEGIN, END };

static const struct {
	enum verb verb;
	int kind; /* enum nemo_object_kind, or nemo_model_kind of a definition */
} actions[NEMO_S_MAX] = {
	[NEMO_S_DEFINE_CFN] = {DEFINE, NEMO_M_CFN},
	[NEMO_S_DEFINE_CONNECTION] = {DEFINE, NEMO_M_CONNECTION},
	[NEMO_S_DEFINE_FLOW] = {DEFINE, NEMO_M_FLOW},
	[NEMO_S_DEFINE_ACTION] = {DEFINE, NEMO_M_ACTION},
	[NEMO_S_DESCRIPTION] = {DESCRIBE, 0},
	[NEMO_S_CREATE_CFN] = {CREATE, NEMO_CFN},
	[NEMO_S_IMPORT_CFN] = {CREATE, NEMO_CFN},
	[NEMO_S_UPDATE_CFN] = {UPDATE, NEMO_CFN},
	[NEMO_S_DELETE_CFN] = {DELETE, NEMO_CFN},
	[NEMO_S_CREATE_CONNECTION] = {CREATE, NEMO_CONNECTION},
	[NEMO_S_UPDATE_CONNECTION] = {UPDATE, NEMO_CONNECTION},
	[NEMO_S_DELETE_CONNECTION] = {DELETE, NEMO_CONNECTION},
	[NEMO_S_CREATE_FLOW] = {CREATE, NEMO_FLOW},
	[NEMO_S_UPDATE_FLOW] = {UPDATE, NEMO_FLOW},
	[NEMO_S_DELETE_FLOW] = {DELETE, NEMO_FLOW},
	[NEMO_S_CREATE_OPERATION] = {CREATE, NEMO_OPERATION},
	[NEMO_S_UPDATE_OPERATION] = {UPDATE, NEMO_OPERATION},
	[NEMO_S_DELETE_OPERATION] = {DELETE, NEMO_OPERATION},
	[NEMO_S_CREATE_NOTIFICATION] = {CREATE, NEMO_NOTIFICATION},
	[NEMO_S_UPDATE_NOTIFICATION] = {UPDATE, NEMO_NOTIFICATION},
	[NEMO_S_DELETE_NOTIFICATION] = {DELETE, NEMO_NOTIFICATION},
	[NEMO_S_QUERY] = {ASK, 0},
	[NEMO_S_TRANSACTION] = {BEGIN, 0},
	[NEMO_S_COMMIT] = {END, 0},
};

/* There is room for another object or model, and it is noted that this script makes it. */
static bool may_make(struct check *check, struct named **made)
{
	const struct nemo_name *name = &check->stmt->name;

	if (named_count(*made, name->text) > 0) {
		check_error(check, name->at, "'%s' is created twice in this script", name->text);
		return false;
	}
	if (!named_add(made, name->text, 1))
		check_no_memory(check);
	return true;
}

static bool has_room(struct check *check)
{
	if (nemo_store_count(check->store) < NEMO_OBJECTS_MAX)
		return true;
	check_error(check, check->stmt->name.at, "there are %u objects, the limit of a tenant",
		    NEMO_OBJECTS_MAX);
	return false;
}

/* ---- models ---- */
static bool unique_props(struct check *check)
{
	unsigned int before = check->diags->errors;
	struct named *set = NULL;

	for (unsigned int i = 0; i < check->stmt->n_model; i++)
		check_twice(check, &set, &check->stmt->model[i].name, "property");
	named_free(&set);
	return check->diags->errors == before;
}

static void define(struct check *check, enum nemo_model_kind kind)
{
	const struct nemo_name *name = &check->stmt->name;
	const struct nemo_model *old = nemo_store_model(check->store, name->text);
	bool unique = unique_props(check), made = may_make(check, &check->made_models);
	struct nemo_user_model *user;

	if (!unique || !made)
		return;
	if (old && old->builtin) {
		check_error(check, name->at, "'%s' is a built-in %s: choose another name",
			    name->text, nemo_model_kind_names[old->kind]);
		return;
	}
	user = nemo_user_model_new(kind, check->stmt);
	if (!user)
		check_no_memory(check);
	if (user && old && !nemo_model_equal(old, &user->model))
		check_error(check, name->at,
			    "%s '%s' exists and is different: models do not change, choose another "
			    "name",
			    nemo_model_kind_names[old->kind], name->text);
	if (!user || old || !has_room(check))
		nemo_user_model_unref(user);
	else if (!nemo_store_put_model(check->store, user))
		check_no_memory(check);
}

static void describe(struct check *check)
{
	const struct nemo_name *name = &check->stmt->name;

	if (!nemo_store_model(check->store, name->text))
		check_object(check, name->text, name->at, ANY_KIND);
}

/* ---- objects ---- */
/* What bare variables of a condition are about: the target; the one object that is queried. */
static struct scope scope_of(struct check *check, enum nemo_object_kind kind,
			     const struct nemo_clauses *c)
{
	struct scope scope = {0};
	const char *name = NULL;

	if (kind == NEMO_OPERATION)
		name = c->target.text;
	if (kind == NEMO_NOTIFICATION && c->query && c->query->from.n == 1)
		name = c->query->from.v[0].text;
	if (!name)
		return scope;
	scope.self = nemo_store_find(check->store, name);
	scope.self_bad = !scope.self || (kind == NEMO_OPERATION && scope.self->kind != NEMO_FLOW);
	return scope;
}

static const struct nemo_model *type_of(struct check *check, enum nemo_object_kind kind,
					struct nemo_clauses *c)
{
	static const enum nemo_model_kind models[] = {NEMO_M_CFN, NEMO_M_CONNECTION, NEMO_M_FLOW};

	if (kind > NEMO_FLOW)
		return NULL;
	if (!c->type.text) {
		c->type.text = kind == NEMO_FLOW ? "flow" : "p2p";
		c->type.at = check->stmt->name.at;
		if (kind == NEMO_CONNECTION)
			nemo_warn(check->diags, NEMO_W_DEFAULT_TYPE, check->stmt->name.at,
				  "connection '%s' has no Type: it is a p2p",
				  check->stmt->name.text);
	}
	return check_model(check, models[kind], &c->type);
}

/* Of the clauses that are written, and of the target, which is in none of the other checks. */
static void clauses(struct check *check, struct nemo_clauses *c, const struct nemo_object *of,
		    const struct nemo_clauses *whole)
{
	struct scope scope;

	if (c->target.text)
		check_object(check, c->target.text, c->target.at, KIND(NEMO_FLOW));
	scope = scope_of(check, of->kind, whole);
	check_clauses(check, c, of, &scope);
}

/* It is there: then it must be the same, and nothing changes. */
static void again(struct check *check, const struct nemo_object *old, struct nemo_object *object)
{
	const struct nemo_name *name = &check->stmt->name;

	if (object && old->imported == object->imported && nemo_object_equal(old, object)) {
		nemo_object_unref(object);
		return;
	}
	if (!object)
		check_no_memory(check);
	else if (old->kind != object->kind)
		check_error(check, name->at, "'%s' is already the name of a %s: choose another",
			    name->text, nemo_object_names[old->kind]);
	else if (old->imported != object->imported || old->model != object->model)
		check_error(check, name->at,
			    "%s '%s' exists and is different (%s): DELETE it first",
			    nemo_object_names[old->kind], name->text,
			    old->model != object->model ? "its type"
			    : old->imported		? "it was imported"
							: "it was created");
	else
		check_error(check, name->at, "%s '%s' exists and is different: use UPDATE %s %s",
			    nemo_object_names[old->kind], name->text, nemo_object_names[old->kind],
			    name->text);
	nemo_object_unref(object);
}

static void create(struct check *check, struct nemo_clauses *c, enum nemo_object_kind kind)
{
	const struct nemo_name *name = &check->stmt->name;
	unsigned int before = check->diags->errors;
	const struct nemo_object *old = nemo_store_find(check->store, name->text);
	struct nemo_object of = {.kind = kind, .name = name->text}, *object;
	bool made = may_make(check, &check->made);

	of.model = type_of(check, kind, c);
	clauses(check, c, &of, c);
	if (!made || (!old && !has_room(check)))
		return;
	object = nemo_object_new(kind, name->text, c);
	if (object) {
		object->model = of.model;
		object->imported = check->stmt->kind == NEMO_S_IMPORT_CFN;
	}
	if (old && check->diags->errors == before)
		again(check, old, object);
	else if (old)
		nemo_object_unref(object);
	else
		draft_put(check, object, check->diags->errors == before);
}

/* ---- UPDATE ---- */
/* Properties of an object, with those that are written in the place of old ones or beside them. */
static bool merge(struct check *check, const struct nemo_pairs *old, const struct nemo_pairs *with,
		  struct nemo_pairs *out)
{
	struct named *set = NULL;
	bool ok = true;

	out->n = 0;
	out->v = nemo_arena_alloc(check->arena, (old->n + with->n + 1) * sizeof(*out->v));
	if (!out->v)
		return false;
	for (unsigned int i = 0; i < with->n && ok; i++) {
		out->v[out->n++] = with->v[i];
		ok = named_add(&set, with->v[i].name.text, 1);
	}
	for (unsigned int i = 0; i < old->n; i++) {
		if (named_count(set, old->v[i].name.text) == 0)
			out->v[out->n++] = old->v[i];
	}
	named_free(&set);
	return ok;
}

/* false: no clause was written. */
static bool replace(const struct nemo_clauses *c, struct nemo_clauses *out)
{
	bool any = c->properties.n > 0;

#define REPLACE(is_there, part)                                                                    \
	do {                                                                                       \
		if (is_there) {                                                                    \
			out->part = c->part;                                                       \
			any = true;                                                                \
		}                                                                                  \
	} while (0)
	REPLACE(c->contain.n > 0, contain);
	REPLACE(c->n_ends > 0, ends);
	REPLACE(c->n_ends > 0, n_ends);
	REPLACE(c->match.n > 0, match);
	REPLACE(c->target.text, target);
	REPLACE(c->has_priority, priority);
	REPLACE(c->condition, condition);
	REPLACE(c->actions.n > 0, actions);
	REPLACE(c->query, query);
	REPLACE(c->listener.text, listener);
	REPLACE(c->listener.text, listener_quoted);
#undef REPLACE
	return any;
}

/* A condition that stays, about a target or query that does not. */
static void rebind(struct check *check, const struct nemo_clauses *c, struct nemo_object *object)
{
	struct scope scope;
	struct rebind to;

	if (c->condition || !object->c.condition || (!c->target.text && !c->query))
		return;
	scope = scope_of(check, object->kind, &object->c);
	to.self = scope.self;
	to.at = c->query ? c->query->from.v[0].at : c->target.at;
	if (!scope.self_bad)
		check_rebind(check, object, object->c.condition, &to);
}

static void update(struct check *check, struct nemo_clauses *c, enum nemo_object_kind kind)
{
	const struct nemo_name *name = &check->stmt->name;
	unsigned int before = check->diags->errors;
	const struct nemo_object *old = check_object(check, name->text, name->at, KIND(kind));
	const struct nemo_object of = {
		.kind = kind, .name = name->text, .model = old ? old->model : NULL};
	struct nemo_clauses whole = old ? old->c : *c;
	struct nemo_object *object;
	bool any = replace(c, &whole);

	clauses(check, c, &of, &whole);
	if (!any)
		nemo_warn(check->diags, NEMO_W_NOOP_UPDATE, check->stmt->at,
			  "UPDATE %s %s has no clause: it changes nothing", nemo_object_names[kind],
			  name->text);
	if (!old || !any || check->diags->errors != before)
		return;
	if (!merge(check, &old->c.properties, &c->properties, &whole.properties)) {
		check_no_memory(check);
		return;
	}
	object = nemo_object_new(kind, name->text, &whole);
	if (object) {
		object->model = old->model;
		object->imported = old->imported;
		rebind(check, c, object);
	}
	if (kind == NEMO_FLOW && !check->diags->no_warnings)
		overlap_prepare(check);
	draft_put(check, object, check->diags->errors == before);
}

/* Objects of the draft may be deleted in any order that leaves no name without an object. */
static void delete (struct check *check, enum nemo_object_kind kind)
{
	const struct nemo_name *name = &check->stmt->name;
	const struct nemo_object *old = check_object(check, name->text, name->at, KIND(kind));

	if (old)
		draft_delete(check, old);
}

static void statement(struct check *check, struct nemo_stmt *stmt)
{
	int kind = actions[stmt->kind].kind;

	check->stmt = stmt;
	switch (actions[stmt->kind].verb) {
	case DEFINE:
		define(check, (enum nemo_model_kind)kind);
		break;
	case DESCRIBE:
		describe(check);
		break;
	case CREATE:
		create(check, &stmt->c, (enum nemo_object_kind)kind);
		break;
	case UPDATE:
		update(check, &stmt->c, (enum nemo_object_kind)kind);
		break;
	case DELETE:
		delete (check, (enum nemo_object_kind)kind);
		break;
	case ASK:
		check_query(check, stmt->c.query, NULL);
		break;
	case BEGIN:
		check->in_transaction = true;
		break;
	case END:
		overlap_commit(check);
		break;
	}
}

/* ---- transactions ---- */
struct bracket {
	const struct nemo_stmt *open; /* NULL: outside */
	bool empty;
};

static void bracket(struct check *check, struct bracket *b, const struct nemo_stmt *stmt)
{
	if (stmt->kind == NEMO_S_TRANSACTION) {
		if (b->open)
			check_error(check, stmt->at,
				    "Transaction within the one of line %u, which needs its Commit "
				    "first",
				    b->open->at.line);
		else
			*b = (struct bracket){.open = stmt, .empty = true};
		return;
	}
	if (stmt->kind != NEMO_S_COMMIT) {
		b->empty = false;
		return;
	}
	if (!b->open)
		check_error(check, stmt->at, "Commit without a Transaction before it");
	else if (b->empty)
		nemo_warn(check->diags, NEMO_W_EMPTY_TRANSACTION, stmt->at,
			  "there is nothing between Transaction and Commit");
	b->open = NULL;
}

static int finish(struct check *check, unsigned int errors_before)
{
	overlap_commit(check);
	overlap_fini(check);
	named_free(&check->made);
	named_free(&check->made_models);
	named_free(&check->refs);
	nemo_diags_sort(check->diags);
	if (check->diags->no_memory)
		return -ENOMEM;
	return check->diags->errors > errors_before ? -EINVAL : 0;
}

int nemo_check(struct nemo_script *script, const struct nemo_store *before,
	       struct nemo_store **after, struct nemo_diags *diags)
{
	struct check check = {.diags = diags, .arena = script->arena, .budget = NEMO_CHECK_BUDGET};
	unsigned int errors = diags->errors;
	struct bracket b = {0};
	int r;

	check.store = nemo_store_copy(before);
	if (!check.store) {
		check_no_memory(&check);
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < script->n; i++) {
		bracket(&check, &b, &script->v[i]);
		statement(&check, &script->v[i]);
	}
	if (b.open)
		check_error(&check, b.open->at, "this Transaction has no Commit");
	r = finish(&check, errors);
	if (r == 0)
		script->checked = true;
	if (r == 0 && after)
		*after = check.store;
	else
		nemo_store_free(check.store);
	return r;
}

int nemo_store_apply_own(struct nemo_store *store, const struct nemo_script *script,
			 unsigned int first, unsigned int n, struct nemo_diags *diags)
{
	struct check check = {.store = store,
			      .diags = diags,
			      .arena = script->arena,
			      .budget = NEMO_CHECK_BUDGET};
	unsigned int errors = diags->errors;
	bool no_warnings = diags->no_warnings;
	int r;

	diags->no_warnings = true;
	/* What the check writes into a checked script is what stands there. */
	for (unsigned int i = first; i < first + n && i < script->n; i++)
		statement(&check, &script->v[i]);
	r = finish(&check, errors);
	diags->no_warnings = no_warnings;
	return r;
}

int nemo_store_apply(struct nemo_store *store, const struct nemo_script *script, unsigned int first,
		     unsigned int n, struct nemo_diags *diags)
{
	struct nemo_store *draft = nemo_store_copy(store), old = *store;
	int r;

	if (!draft) {
		check_no_memory(&(struct check){.diags = diags});
		return -ENOMEM;
	}
	r = nemo_store_apply_own(draft, script, first, n, diags);
	if (r == 0) {
		*store = *draft;
		store->readers = old.readers; /* they hold the place, not what was in it */
		*draft = old;
		draft->readers = 0;
	}
	nemo_store_free(draft);
	return r;
}
