/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is different between two stores. */
#include <stdlib.h>
#include <string.h>

#include "nemo/model_int.h"
#include "util/own.h"

/* A model or an object. */
struct item {
	const char *name, *kind;
	const struct nemo_model *model;
	const struct nemo_object *object;
};

struct items {
	struct item *v;
	unsigned int n;
};

static int by_name(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static bool items_init(struct items *items, unsigned int cap)
{
	*items = (struct items){.v = malloc((cap + 1) * sizeof(struct item))};
	return items->v != NULL;
}

static bool list_models(const struct nemo_store *store, struct items *out)
{
	OWN_PTR const struct nemo_model **models = NULL;
	int n = nemo_store_models(store, &models);

	if (n < 0 || !items_init(out, (unsigned int)n))
		return false;
	for (int i = 0; i < n; i++)
		out->v[out->n++] = (struct item){.name = models[i]->name,
						 .kind = nemo_model_kind_names[models[i]->kind],
						 .model = models[i]};
	return true;
}

static bool list_objects(const struct nemo_store *store, struct items *out)
{
	struct nemo_entry *entry, *next;

	if (!items_init(out, HASH_COUNT(store->objects)))
		return false;
	HASH_ITER(hh, store->objects, entry, next) {
		const struct nemo_object *object = entry->object;

		out->v[out->n++] = (struct item){.name = object->name,
						 .kind = nemo_object_names[object->kind],
						 .object = object};
	}
	qsort(out->v, out->n, sizeof(out->v[0]), by_name);
	return true;
}

/* The statement, without the end of its line. New reference. */
static json_t *text_json(const struct item *item)
{
	struct nemo_text text = {0};
	json_t *json = NULL;

	if (item->model)
		nemo_print_model(&text, item->model);
	else
		nemo_print_object(&text, item->object);
	if (!text.no_memory && text.len > 0)
		json = json_stringn(text.data,
				    text.data[text.len - 1] == '\n' ? text.len - 1 : text.len);
	free(text.data);
	return json;
}

static int add(json_t *out, const char *change, const struct item *before, const struct item *after)
{
	const struct item *item = after ? after : before;
	json_t *json = json_pack("{s:s, s:s, s:s}", "change", change, "kind", item->kind, "name",
				 item->name);

	if (before && json_object_set_new(json, "before", text_json(before)) < 0)
		goto fail;
	if (after && json_object_set_new(json, "after", text_json(after)) < 0)
		goto fail;
	return json_array_append_new(out, json);
fail:
	json_decref(json);
	return -1;
}

static bool equal(const struct item *a, const struct item *b)
{
	if (a->model)
		return nemo_model_equal(a->model, b->model);
	return nemo_object_equal(a->object, b->object);
}

static int compare(json_t *out, const struct item *before, const struct item *after)
{
	if (strcmp(before->kind, after->kind) != 0)
		return add(out, "delete", before, NULL) < 0 || add(out, "create", NULL, after) < 0
			       ? -1
			       : 0;
	return equal(before, after) ? 0 : add(out, "update", before, after);
}

static int merge(json_t *out, const struct items *before, const struct items *after)
{
	unsigned int i = 0, j = 0;
	int r = 0;

	while (r == 0 && (i < before->n || j < after->n)) {
		int order = i == before->n  ? 1
			    : j == after->n ? -1
					    : by_name(&before->v[i], &after->v[j]);

		if (order == 0)
			r = compare(out, &before->v[i++], &after->v[j++]);
		else if (order < 0)
			r = add(out, "delete", &before->v[i++], NULL);
		else
			r = add(out, "create", NULL, &after->v[j++]);
	}
	return r;
}

static bool diff(json_t *out, const struct nemo_store *before, const struct nemo_store *after,
		 bool (*list)(const struct nemo_store *store, struct items *out))
{
	struct items x = {0}, y = {0};
	bool ok = list(before, &x) && list(after, &y) && merge(out, &x, &y) == 0;

	free(x.v);
	free(y.v);
	return ok;
}

json_t *nemo_diff(const struct nemo_store *before, const struct nemo_store *after)
{
	json_t *out = json_array();

	if (out && diff(out, before, after, list_models) && diff(out, before, after, list_objects))
		return out;
	json_decref(out);
	return NULL;
}
