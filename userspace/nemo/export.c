/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The store as a script. */
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1 /* a failed HASH_ADD leaves hh.tbl NULL */
#include "nemo/model_int.h"
#include "util/own.h"

static int by_model(const void *a, const void *b)
{
	const struct nemo_model *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

int nemo_store_models(const struct nemo_store *store, const struct nemo_model ***out)
{
	const struct nemo_model **list;
	struct nemo_entry *entry, *next;
	int n = 0;

	list = malloc((HASH_COUNT(store->models) + 1) * sizeof(const struct nemo_model *));
	if (!list)
		return -1;
	HASH_ITER(hh, store->models, entry, next) {
		list[n++] = &entry->user->model;
	}
	qsort(list, (size_t)n, sizeof(const struct nemo_model *), by_model);
	*out = list;
	return n;
}

static void export_models(struct nemo_text *out, const struct nemo_store *store)
{
	OWN_PTR const struct nemo_model **models = NULL;
	int n = nemo_store_models(store, &models);

	out->no_memory |= n < 0;
	for (int i = 0; i < n; i++)
		nemo_print_model(out, models[i]);
}

/* An object whose inner ones are written first; no recursion, for they nest as deep as one likes.
 */
struct frame {
	const struct nemo_object *object;
	unsigned int next; /* inner one to look at */
};

struct order {
	const struct nemo_store *store;
	enum nemo_object_kind kind;
	struct nemo_text *out;
	struct written *written;
	struct frame *stack; /* one for each object of the kind */
	unsigned int depth;
};

struct written {
	const struct nemo_object *object;
	UT_hash_handle hh;
};

/* false: it was there already, or no memory. */
static bool mark(struct order *o, const struct nemo_object *object)
{
	struct written *w;

	HASH_FIND_PTR(o->written, &object, w);
	if (w)
		return false;
	w = calloc(1, sizeof(*w));
	if (w) {
		w->object = object;
		HASH_ADD_PTR(o->written, object, w);
	}
	if (w && w->hh.tbl)
		return true;
	o->out->no_memory = true;
	free(w);
	return false;
}

static void unmark_all(struct order *o)
{
	struct written *w, *next;

	HASH_ITER(hh, o->written, w, next) {
		HASH_DEL(o->written, w);
		free(w);
	}
}

static void enter(struct order *o, const struct nemo_object *object)
{
	if (mark(o, object))
		o->stack[o->depth++] = (struct frame){.object = object};
}

static void step(struct order *o)
{
	struct frame *frame = &o->stack[o->depth - 1];
	const struct nemo_names *inner = nemo_object_inner(frame->object);
	const struct nemo_object *in;

	if (frame->next == inner->n) {
		nemo_print_object(o->out, frame->object);
		o->depth--;
		return;
	}
	in = nemo_store_find(o->store, inner->v[frame->next++].text);
	if (in && in->kind == o->kind)
		enter(o, in);
}

static void export_kind(struct nemo_text *out, const struct nemo_store *store,
			enum nemo_object_kind kind)
{
	OWN_PTR const struct nemo_object **objects = NULL;
	int n = nemo_store_list(store, kind, &objects);
	struct order o = {.store = store, .kind = kind, .out = out};

	if (n >= 0)
		o.stack = malloc(((size_t)n + 1) * sizeof(*o.stack));
	out->no_memory |= !o.stack;
	for (int i = 0; i < n && !out->no_memory; i++) {
		enter(&o, objects[i]);
		while (o.depth > 0)
			step(&o);
	}
	unmark_all(&o);
	free(o.stack);
}

char *nemo_export(const struct nemo_store *store)
{
	struct nemo_text out = {0};

	nemo_text_add(&out, "%s", "");
	export_models(&out, store);
	for (unsigned int kind = 0; kind < NEMO_OBJECT_MAX; kind++)
		export_kind(&out, store, (enum nemo_object_kind)kind);
	if (!out.no_memory && !out.data)
		return strdup("");
	if (!out.no_memory)
		return out.data;
	free(out.data);
	return NULL;
}
