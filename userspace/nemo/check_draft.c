/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes of the draft; how often each name is referred to. */
#include <stdlib.h>
#include <string.h>

#include "nemo/check_int.h"
#include "util/own.h"

static void more_refs(void *arg, const char *name)
{
	struct check *check = arg;

	if (!named_add(&check->refs, name, 1))
		check_no_memory(check);
}

static void fewer_refs(void *arg, const char *name)
{
	struct check *check = arg;

	if (!named_add(&check->refs, name, -1))
		check_no_memory(check);
}

/* Counted only for scripts that ask for it: the others need not pay for it. */
static void need_refs(struct check *check)
{
	struct nemo_entry *entry, *next;

	if (check->has_refs)
		return;
	check->has_refs = true;
	HASH_ITER(hh, check->store->objects, entry, next) {
		nemo_object_refs(entry->object, more_refs, check);
	}
}

unsigned int draft_refs(struct check *check, const char *name)
{
	need_refs(check);
	return named_count(check->refs, name);
}

/* The export of what a check lets through can be read again. */
static void check_terms(struct check *check, const struct nemo_object *old,
			const struct nemo_object *object)
{
	unsigned int before = old ? old->terms : 0;

	if (object->terms > before && check->store->terms - before + object->terms > NEMO_TERMS_MAX)
		check_error(check, check->stmt->name.at,
			    "the tenant's objects have more than %u values, terms, actions and "
			    "answers of queries",
			    NEMO_TERMS_MAX);
}

void draft_put(struct check *check, struct nemo_object *object, bool sound)
{
	const struct nemo_object *old = object ? nemo_store_find(check->store, object->name) : NULL;
	const struct nemo_object *now = object;

	if (!object) {
		check_no_memory(check);
		return;
	}
	check_terms(check, old, object);
	if (object->kind == NEMO_OPERATION) {
		overlap_prepare(check);
		if (old)
			overlap_remove(check, old);
	}
	if (check->has_refs) {
		if (old)
			nemo_object_refs(old, fewer_refs, check);
		nemo_object_refs(now, more_refs, check);
	}
	if (!nemo_store_put(check->store, object)) {
		check_no_memory(check);
		return;
	}
	if (now->kind == NEMO_OPERATION && sound)
		overlap_add(check, now);
	if (now->kind == NEMO_FLOW)
		overlap_flow(check, now);
}

struct seek {
	const char *name;
	unsigned int n; /* looked at */
	bool found;
};

static void seek(void *arg, const char *name)
{
	struct seek *s = arg;

	s->n++;
	s->found |= strcmp(name, s->name) == 0;
}

/* The first by name that refers to it; NULL: none was found, or the search would cost too much. */
static const struct nemo_object *referrer(struct check *check, const char *name)
{
	const struct nemo_store *store = check->store;
	const struct nemo_object *first = NULL;
	struct nemo_entry *entry, *next;

	if (check->sought >= NEMO_SEEK_MAX)
		return NULL;
	HASH_ITER(hh, store->objects, entry, next) {
		struct seek s = {.name = name, .n = 1};

		nemo_object_refs(entry->object, seek, &s);
		check->sought += s.n;
		if (s.found && (!first || strcmp(entry->object->name, first->name) < 0))
			first = entry->object;
	}
	return first;
}

static void in_use(struct check *check, const struct nemo_object *object, unsigned int count)
{
	const struct nemo_object *by = check_more(check) ? referrer(check, object->name) : NULL;

	check_error(check, check->stmt->name.at,
		    "%s '%s' is in use: %u reference%s to it%s%s%s%s%s",
		    nemo_object_names[object->kind], object->name, count, count == 1 ? "" : "s",
		    by ? ", one of them in " : "", by ? nemo_object_names[by->kind] : "",
		    by ? " '" : "", by ? by->name : "", by ? "'" : "");
}

void draft_delete(struct check *check, const struct nemo_object *object)
{
	unsigned int count = draft_refs(check, object->name);

	if (count > 0) {
		in_use(check, object, count);
		return;
	}
	if (object->kind == NEMO_OPERATION)
		overlap_remove(check, object);
	nemo_object_refs(object, fewer_refs, check);
	named_add(&check->made, object->name, -(int)named_count(check->made, object->name));
	nemo_store_remove(check->store, object->name);
}
