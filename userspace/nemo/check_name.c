/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names in a script: what they stand for, and what is said of those that stand for nothing. */
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1 /* a failed HASH_ADD leaves hh.tbl NULL */
#include "nemo/check_int.h"
#include "util/own.h"

bool named_add(struct named **set, const char *name, int count)
{
	struct named *n;

	HASH_FIND_STR(*set, name, n);
	if (n) {
		n->count += (unsigned int)count;
		return true;
	}
	n = calloc(1, sizeof(*n));
	if (!n)
		return false;
	n->name = strdup(name);
	n->count = (unsigned int)count;
	if (n->name)
		HASH_ADD_KEYPTR(hh, *set, n->name, strlen(n->name), n);
	if (n->name && n->hh.tbl)
		return true;
	free(n->name);
	free(n);
	return false;
}

unsigned int named_count(struct named *set, const char *name)
{
	struct named *n;

	HASH_FIND_STR(set, name, n);
	return n ? n->count : 0;
}

void named_free(struct named **set)
{
	struct named *n, *next;

	HASH_ITER(hh, *set, n, next) {
		HASH_DEL(*set, n);
		free(n->name);
		free(n);
	}
}

void check_no_memory(struct check *check)
{
	if (!check->diags->no_memory)
		check->diags->errors++;
	check->diags->no_memory = true;
}

bool check_more(const struct check *check)
{
	return check->diags->errors < NEMO_ERRORS_MAX;
}

/* Names that could have been meant. */
struct near {
	const char *written;
	size_t len;
	const char **v;
	unsigned int n, cap;
};

/* Others are too far away by their length. */
static void near_add(struct near *near, const char *name)
{
	size_t len = strlen(name);

	if (near->n < near->cap && len <= near->len + 2 && near->len <= len + 2)
		near->v[near->n++] = name;
}

/* false: there are to be no suggestions. */
static bool near_init(struct check *check, struct near *near, const char *written, unsigned int cap)
{
	if (!check_more(check) || check->compared >= NEMO_NEAR_MAX)
		return false;
	*near = (struct near){.written = written, .len = strlen(written), .cap = cap};
	near->v = malloc((cap + 1) * sizeof(const char *));
	return near->v != NULL;
}

/* "; did you mean 'x'?", or "". Ends near. */
static void near_text(struct check *check, struct near *near, char out[NEMO_NAME_MAX + 32])
{
	const char *name = NULL;

	check->compared += near->n;
	if (check->compared <= NEMO_NEAR_MAX)
		name = nemo_nearest(near->written, near->v, near->n);
	free(near->v);
	out[0] = '\0';
	if (name)
		snprintf(out, NEMO_NAME_MAX + 32, "; did you mean %.*s?", NEMO_NAME_MAX, name);
}

/* "CFN", "CFN or Connection", "object" */
static const char *kinds_text(unsigned int kinds, char *buf, size_t size)
{
	size_t len = 0;

	if (kinds == ANY_KIND)
		return "object";
	buf[0] = '\0';
	for (unsigned int i = 0; i < NEMO_OBJECT_MAX; i++) {
		if ((kinds & KIND(i)) && len < size)
			len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? " or " : "",
						nemo_object_names[i]);
	}
	return buf;
}

static void unknown_object(struct check *check, const char *name, struct nemo_pos at,
			   unsigned int kinds)
{
	char suggest[NEMO_NAME_MAX + 32] = "", text[64];
	struct near near = {0};
	struct nemo_entry *entry, *next;

	if (near_init(check, &near, name, HASH_COUNT(check->store->objects))) {
		HASH_ITER(hh, check->store->objects, entry, next) {
			if (kinds & KIND(entry->object->kind))
				near_add(&near, entry->object->name);
		}
		near_text(check, &near, suggest);
	}
	check_error(check, at, "there is no %s '%s'%s", kinds_text(kinds, text, sizeof(text)), name,
		    suggest);
}

const struct nemo_object *check_object(struct check *check, const char *name, struct nemo_pos at,
				       unsigned int kinds)
{
	const struct nemo_object *object = nemo_store_find(check->store, name);
	char text[64];

	if (object && (kinds & KIND(object->kind)))
		return object;
	if (!object)
		unknown_object(check, name, at, kinds);
	else
		check_error(check, at, "'%s' is of kind %s, must be of kind %s", name,
			    nemo_object_names[object->kind], kinds_text(kinds, text, sizeof(text)));
	return NULL;
}

static void unknown_model(struct check *check, enum nemo_model_kind kind,
			  const struct nemo_name *name)
{
	static const char *const what[NEMO_M_MAX] = {"CFN type", "Connection type",
						     "ServiceFlow type", "action"};
	char suggest[NEMO_NAME_MAX + 32] = "";
	struct near near = {0};
	struct nemo_entry *entry, *next;
	unsigned int n;
	const struct nemo_model *builtins = nemo_builtins(&n);

	if (near_init(check, &near, name->text, n + HASH_COUNT(check->store->models))) {
		for (unsigned int i = 0; i < n; i++) {
			if (builtins[i].kind == kind)
				near_add(&near, builtins[i].name);
		}
		HASH_ITER(hh, check->store->models, entry, next) {
			if (entry->user->model.kind == kind)
				near_add(&near, entry->user->model.name);
		}
		near_text(check, &near, suggest);
	}
	check_error(check, name->at, "there is no %s '%s'%s", what[kind], name->text, suggest);
}

const struct nemo_model *check_model(struct check *check, enum nemo_model_kind kind,
				     const struct nemo_name *name)
{
	const struct nemo_model *model = nemo_store_model(check->store, name->text);

	if (model && model->kind == kind)
		return model;
	if (!model)
		unknown_model(check, kind, name);
	else
		check_error(check, name->at, "'%s' is of kind %s, must be of kind %s", name->text,
			    nemo_model_kind_names[model->kind], nemo_model_kind_names[kind]);
	return NULL;
}

const char *check_kind_prop(enum nemo_object_kind kind)
{
	return kind == NEMO_FLOW ? "field" : "property";
}

static void unknown_prop(struct check *check, const struct nemo_object *of,
			 const struct nemo_name *name, bool stats)
{
	char suggest[NEMO_NAME_MAX + 32] = "";
	struct near near = {0};
	unsigned int n, n_props = of->model ? of->model->n_props : 0;
	const struct nemo_prop_def *stat = nemo_stats(of->kind, &n);

	if (near_init(check, &near, name->text, n + n_props)) {
		for (unsigned int i = 0; i < n_props; i++)
			near_add(&near, of->model->props[i].name);
		for (unsigned int i = 0; i < n && stats; i++)
			near_add(&near, stat[i].name);
		near_text(check, &near, suggest);
	}
	check_error(check, name->at, "%s '%s'%s%s%s has no %s '%s'%s", nemo_object_names[of->kind],
		    of->name, of->model ? " (type " : "", of->model ? of->model->name : "",
		    of->model ? ")" : "", check_kind_prop(of->kind), name->text, suggest);
}

const struct nemo_prop_def *check_prop(struct check *check, const struct nemo_object *of,
				       const struct nemo_name *name, bool stats)
{
	const struct nemo_prop_def *def = NULL, *stat = nemo_stat(of->kind, name->text);

	if (of->model)
		def = nemo_model_prop(of->model, name->text);
	if (!def && stats)
		def = stat;
	if (def)
		return def;
	if (stat)
		check_error(check, name->at, "'%s' is a statistic: it can be read, not set",
			    name->text);
	else
		unknown_prop(check, of, name, stats);
	return NULL;
}

void check_twice(struct check *check, struct named **set, const struct nemo_name *name,
		 const char *what)
{
	if (named_count(*set, name->text) > 0)
		check_error(check, name->at, "%s '%s' is there twice", what, name->text);
	else if (!named_add(set, name->text, 1))
		check_no_memory(check);
}

void check_names(struct check *check, const struct nemo_names *names, unsigned int kinds)
{
	struct named *set = NULL;

	for (unsigned int i = 0; i < names->n; i++) {
		check_object(check, names->v[i].text, names->v[i].at, kinds);
		check_twice(check, &set, &names->v[i], "name");
	}
	named_free(&set);
}
