/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of objects and models of one tenant. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1 /* a failed HASH_ADD leaves hh.tbl NULL */
#include "nemo/model_int.h"

struct nemo_store *nemo_store_new(void)
{
	return calloc(1, sizeof(struct nemo_store));
}

static void entry_free(struct nemo_entry *entry)
{
	nemo_object_unref(entry->object);
	nemo_user_model_unref(entry->user);
	free(entry);
}

static void table_free(struct nemo_entry **table)
{
	struct nemo_entry *entry, *next;

	HASH_ITER(hh, *table, entry, next) {
		HASH_DEL(*table, entry);
		entry_free(entry);
	}
}

void nemo_store_free(struct nemo_store *store)
{
	if (!store)
		return;
	if (store->readers) {
		store->readers--;
		return;
	}
	table_free(&store->objects);
	table_free(&store->models);
	free(store);
}

static struct nemo_entry *find(struct nemo_entry *table, const char *name)
{
	struct nemo_entry *entry;

	HASH_FIND_STR(table, name, entry);
	return entry;
}

/* A new entry with what `with` holds; the references are not counted here. */
static bool add(struct nemo_entry **table, const char *name, const struct nemo_entry *with)
{
	struct nemo_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return false;
	entry->object = with->object;
	entry->user = with->user;
	HASH_ADD_KEYPTR(hh, *table, name, strlen(name), entry);
	if (!entry->hh.tbl) {
		free(entry);
		return false;
	}
	return true;
}

static bool table_copy(struct nemo_entry *from, struct nemo_entry **to)
{
	struct nemo_entry *entry, *next;

	HASH_ITER(hh, from, entry, next) {
		const char *name = entry->object ? entry->object->name : entry->user->model.name;

		if (!add(to, name, entry))
			return false;
		if (entry->object)
			entry->object->refs++;
		else
			entry->user->refs++;
	}
	return true;
}

struct nemo_store *nemo_store_copy(const struct nemo_store *store)
{
	struct nemo_store *copy = nemo_store_new();

	if (!copy)
		return NULL;
	if (!table_copy(store->models, &copy->models) ||
	    !table_copy(store->objects, &copy->objects)) {
		nemo_store_free(copy);
		return NULL;
	}
	copy->terms = store->terms;
	return copy;
}

struct nemo_entry *nemo_store_entry(struct nemo_store *store, const char *name)
{
	return find(store->objects, name);
}

struct nemo_store *nemo_store_get(struct nemo_store *store)
{
	store->readers++;
	return store;
}

const struct nemo_object *nemo_store_find(const struct nemo_store *store, const char *name)
{
	struct nemo_entry *entry = find(store->objects, name);

	return entry ? entry->object : NULL;
}

const struct nemo_model *nemo_store_model(const struct nemo_store *store, const char *name)
{
	const struct nemo_model *model = nemo_builtin(name);
	struct nemo_entry *entry = model ? NULL : find(store->models, name);

	return entry ? &entry->user->model : model;
}

unsigned int nemo_store_count(const struct nemo_store *store)
{
	return HASH_COUNT(store->objects) + HASH_COUNT(store->models);
}

void nemo_store_counts(const struct nemo_store *store, unsigned int n[NEMO_OBJECT_MAX])
{
	struct nemo_entry *entry, *next;

	HASH_ITER(hh, store->objects, entry, next)
		n[entry->object->kind]++;
}

static int by_name(const void *a, const void *b)
{
	const struct nemo_object *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

int nemo_store_list(const struct nemo_store *store, enum nemo_object_kind kind,
		    const struct nemo_object ***out)
{
	const struct nemo_object **list;
	struct nemo_entry *entry, *next;
	int n = 0;

	list = malloc((HASH_COUNT(store->objects) + 1) * sizeof(const struct nemo_object *));
	if (!list)
		return -1;
	HASH_ITER(hh, store->objects, entry, next) {
		if (entry->object->kind == kind)
			list[n++] = entry->object;
	}
	qsort(list, (size_t)n, sizeof(const struct nemo_object *), by_name);
	*out = list;
	return n;
}

void nemo_store_remove(struct nemo_store *store, const char *name)
{
	struct nemo_entry *entry = find(store->objects, name);

	if (!entry)
		return;
	store->terms -= entry->object->terms;
	HASH_DEL(store->objects, entry);
	entry_free(entry);
}

bool nemo_store_put(struct nemo_store *store, struct nemo_object *object)
{
	nemo_store_remove(store, object->name);
	if (add(&store->objects, object->name, &(struct nemo_entry){.object = object})) {
		store->terms += object->terms;
		return true;
	}
	nemo_object_unref(object);
	return false;
}

bool nemo_store_put_model(struct nemo_store *store, struct nemo_user_model *user)
{
	if (add(&store->models, user->model.name, &(struct nemo_entry){.user = user}))
		return true;
	nemo_user_model_unref(user);
	return false;
}
