/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1 /* a failed HASH_ADD leaves hh.tbl NULL */
#include "nemo/site.h"

struct nemo_gateways {
	const struct nemo_object *site;
	const struct nemo_object *gateway; /* NULL: none was found so far */
	unsigned int next;		   /* name of Contain to look at */
	struct nemo_gateways *above;	   /* of what is being looked at: the one that led here */
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

/* NULL: no memory. */
static struct nemo_gateways *enter(struct nemo_gateways **all, const struct nemo_object *site,
				   struct nemo_gateways *above)
{
	struct nemo_gateways *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->site = site;
	s->above = above;
	HASH_ADD_PTR(*all, site, s);
	if (s->hh.tbl)
		return s;
	free(s);
	return NULL;
}

/* Looks at one name of the site on top, or leaves it. Returns the new top; a site that contains
 * itself has nothing in it the second time. */
static struct nemo_gateways *look(struct nemo_gateways **all, const struct nemo_store *store,
				  struct nemo_gateways *s)
{
	const struct nemo_names *names = &s->site->c.contain;
	const struct nemo_object *in;
	struct nemo_gateways *known;

	if (s->gateway || s->next == names->n) {
		if (s->above && !s->above->gateway)
			s->above->gateway = s->gateway;
		return s->above;
	}
	in = nemo_store_find(store, names->v[s->next++].text);
	if (in && nemo_is_model(in, "gateway"))
		s->gateway = in;
	if (!in || !nemo_is_site(in))
		return s;
	HASH_FIND_PTR(*all, &in, known);
	if (known) {
		s->gateway = known->gateway;
		return s;
	}
	known = enter(all, in, s);
	return known ? known : s;
}

const struct nemo_object *nemo_gateways_of(struct nemo_gateways **all,
					   const struct nemo_store *store,
					   const struct nemo_object *object)
{
	struct nemo_gateways *first, *top;

	if (nemo_is_model(object, "gateway"))
		return object;
	if (!nemo_is_site(object))
		return NULL;
	HASH_FIND_PTR(*all, &object, first);
	if (first)
		return first->gateway;
	first = top = enter(all, object, NULL);
	while (top)
		top = look(all, store, top);
	return first ? first->gateway : NULL;
}

void nemo_gateways_free(struct nemo_gateways **all)
{
	struct nemo_gateways *s, *next;

	HASH_ITER(hh, *all, s, next) {
		HASH_DEL(*all, s);
		free(s);
	}
}

const struct nemo_object *nemo_site_gateway(const struct nemo_store *store,
					    const struct nemo_object *object)
{
	struct nemo_gateways *all = NULL;
	const struct nemo_object *found = nemo_gateways_of(&all, store, object);

	nemo_gateways_free(&all);
	return found;
}
