/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sites (CFNs of the models l2group, l3group, extgroup) and the gateway that attaches them. */
#ifndef NEMO_SITE_H
#define NEMO_SITE_H

#include "nemo/store.h"

/* Is it a CFN of this built-in model? */
bool nemo_is_model(const struct nemo_object *object, const char *model);
bool nemo_is_site(const struct nemo_object *object);

/*
 * A CFN that is a gateway: itself. A site: the first gateway that it contains, directly or in a
 * site that it contains, in the order that Contain names them (a contained site's come before what
 * is named behind it). NULL: there is none, or no memory; so for every other object.
 */
const struct nemo_object *nemo_site_gateway(const struct nemo_store *store,
					    const struct nemo_object *object);

/* The same for many objects of one store, each site looked at once. Start with NULL. */
struct nemo_gateways;
const struct nemo_object *nemo_gateways_of(struct nemo_gateways **all,
					   const struct nemo_store *store,
					   const struct nemo_object *object);
void nemo_gateways_free(struct nemo_gateways **all);

#endif
