/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1 /* a failed HASH_ADD leaves hh.tbl NULL */
#include "nemo/site.h"

/* What was looked at: sites may contain each other and themselves. */
struct seen {
	const struct nemo_object *object;
	struct seen *below; /* of what is still to be looked at; the top is next */
	UT_hash_handle hh;
};

bool nemo_is_model(const struct nemo_object *object, const char *model)
{
	return object->kind == NEMO_CFN && object->model && object->model->builtin &&
	       strcmp(object->model->name, model) == 0;
}

bool nemo_is_site(const struct nemo_object *object)
{
	return nemo_is_model(object, "l2group") || nemo_is_model(object, "l3group") ||
	       nemo_is_model(object, "extgroup");
}

static void push(struct seen **all, struct seen **top, const struct nemo_object *object)
{
	struct seen *s;

	HASH_FIND_PTR(*all, &object, s);
	if (s)
		return;
	s = calloc(1, sizeof(*s));
	if (!s)
		return;
	s->object = object;
	HASH_ADD_PTR(*all, object, s);
	if (!s->hh.tbl) {
		free(s);
		return;
	}
	s->below = *top;
	*top = s;
}

static void push_contained(struct seen **all, struct seen **top, const struct nemo_store *store,
			   const struct nemo_names *names)
{
	const struct nemo_object *in;

	for (unsigned int i = names->n; i > 0; i--) { /* the first one on top */
		in = nemo_store_find(store, names->v[i - 1].text);
		if (in && (nemo_is_site(in) || nemo_is_model(in, "gateway")))
			push(all, top, in);
	}
}

const struct nemo_object *nemo_site_gateway(const struct nemo_store *store,
					    const struct nemo_object *object)
{
	const struct nemo_object *found = NULL;
	struct seen *all = NULL, *top = NULL, *s, *next;

	if (nemo_is_model(object, "gateway"))
		return object;
	if (!nemo_is_site(object))
		return NULL;
	push(&all, &top, object);
	while (top && !found) {
		s = top;
		top = s->below;
		if (nemo_is_model(s->object, "gateway"))
			found = s->object;
		else
			push_contained(&all, &top, store, &s->object->c.contain);
	}
	HASH_ITER(hh, all, s, next) {
		HASH_DEL(all, s);
		free(s);
	}
	return found;
}
