/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The head as this host has it, and its operations and notifications as items with a state. */
#include "enact/enact_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* By name, for enact_legs_of(). */
static struct nemo_legs *copy_legs(const struct nemo_legs *from)
{
	struct nemo_legs *to = calloc(1, sizeof(*to));

	if (!to || !from || !from->n)
		return to;
	to->v = malloc(from->n * sizeof(*to->v));
	if (!to->v) {
		free(to);
		return NULL;
	}
	memcpy(to->v, from->v, from->n * sizeof(*to->v));
	to->n = to->cap = from->n;
	qsort(to->v, to->n, sizeof(*to->v), nemo_leg_order);
	return to;
}

struct nemo_legs enact_legs_of(const struct nemo_tenant *tenant, const char *connection)
{
	const struct nemo_legs *legs = tenant->legs;
	unsigned int low = 0, high = legs ? legs->n : 0, end;

	while (low < high) {
		unsigned int middle = low + (high - low) / 2;

		if (strcmp(legs->v[middle].connection, connection) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; legs && end < legs->n; end++)
		if (strcmp(legs->v[end].connection, connection) != 0)
			break;
	return (struct nemo_legs){.v = legs ? legs->v + low : NULL, .n = end - low};
}

bool enact_goal_up(const struct nemo_plan_in *in, const struct nemo_tenant *tenant,
		   const char *goal, char *why, size_t size)
{
	struct nemo_legs legs = enact_legs_of(tenant, goal);
	struct nemo_tenant part = *tenant;

	part.legs = &legs;
	return nemo_goal_up(in, &part, goal, why, size);
}

static void tenant_fini(struct nemo_tenant *tenant)
{
	free((char *)tenant->name);
	nemo_store_free((struct nemo_store *)tenant->store);
	if (tenant->legs)
		nemo_legs_fini((struct nemo_legs *)tenant->legs);
	free((struct nemo_legs *)tenant->legs);
}

int enact_head_copy(const struct intent_head *from, struct enact_head *to)
{
	*to = (struct enact_head){0};
	to->tenants = calloc(from->n_tenants + 1, sizeof(*to->tenants));
	if (!to->tenants)
		return -ENOMEM;
	for (unsigned int i = 0; i < from->n_tenants; i++) {
		struct nemo_tenant *tenant = &to->tenants[to->n++];

		tenant->name = strdup(from->tenants[i].name);
		tenant->store = nemo_store_copy(from->tenants[i].store);
		tenant->legs = copy_legs(from->tenants[i].legs);
		tenant->grants = from->tenants[i].grants;
		if (!tenant->name || !tenant->store || !tenant->legs) {
			enact_head_fini(to);
			return -ENOMEM;
		}
	}
	return 0;
}

void enact_head_fini(struct enact_head *head)
{
	for (unsigned int i = 0; i < head->n; i++)
		tenant_fini(&head->tenants[i]);
	free(head->tenants);
	*head = (struct enact_head){0};
}

const struct nemo_tenant *enact_tenant(const struct enact_head *head, const char *name)
{
	for (unsigned int i = 0; i < head->n; i++)
		if (strcmp(head->tenants[i].name, name) == 0)
			return &head->tenants[i];
	return NULL;
}

struct enact_item *enact_item(const struct enact *enact, const char *tenant, const char *name)
{
	struct enact_item *item;
	char key[2 * NAME_LEN];

	snprintf(key, sizeof(key), "%s/%s", tenant, name);
	HASH_FIND_STR(enact->by_key, key, item);
	return item;
}

/* ---- items ---- */

struct items {
	struct enact_item *v;
	unsigned int n, cap;
};

static int add(struct items *items, const struct nemo_tenant *tenant,
	       const struct nemo_object *object)
{
	struct enact_item *item;

	if (items->n == items->cap) {
		unsigned int cap = items->cap ? 2 * items->cap : 64;
		struct enact_item *v = realloc(items->v, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		items->v = v;
		items->cap = cap;
	}
	item = &items->v[items->n++];
	*item = (struct enact_item){.tenant = tenant, .object = object};
	item->notification = object->kind == NEMO_NOTIFICATION;
	item->edge_s = ENACT_EVER;
	item->stale_us = ENACT_FRESH;
	item->timed = nemo_expr_uses(object->c.condition, NULL, NULL);
	snprintf(item->key, sizeof(item->key), "%s/%s", tenant->name, object->name);
	return 0;
}

static int add_kind(struct items *items, const struct nemo_tenant *tenant,
		    enum nemo_object_kind kind)
{
	const struct nemo_object **list = NULL;
	int n = nemo_store_list(tenant->store, kind, &list), r = n < 0 ? -ENOMEM : 0;

	for (int i = 0; i < n && r == 0; i++)
		r = add(items, tenant, list[i]);
	free(list);
	return r;
}

static int collect(const struct enact_head *head, struct items *items)
{
	int r = 0;

	for (unsigned int i = 0; i < head->n && r == 0; i++) {
		r = add_kind(items, &head->tenants[i], NEMO_OPERATION);
		if (r == 0)
			r = add_kind(items, &head->tenants[i], NEMO_NOTIFICATION);
	}
	return r;
}

/* What is the same object goes on where it was; another one under the same name begins anew. */
static void carry(const struct enact *enact, struct enact_item *item)
{
	struct enact_item *old;

	HASH_FIND_STR(enact->by_key, item->key, old);
	item->observed = enact->flipped;
	if (!old || old->notification != item->notification ||
	    !nemo_object_equal(old->object, item->object))
		return;
	item->seen = old->seen;
	item->observed = old->observed;
	item->told_down = old->told_down;
	item->truth = old->truth;
	item->goal_up = old->goal_up;
	item->reach = old->reach;
	item->since_s = old->since_s;
	item->flipped_us = old->flipped_us;
	item->untold = old->untold;
	item->event_s = old->event_s;
	memcpy(item->reach_why, old->reach_why, sizeof(item->reach_why));
}

int enact_items_replace(struct enact *enact, struct enact_head *head)
{
	struct items items = {0};
	struct enact old;

	if (collect(head, &items)) {
		free(items.v);
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < items.n; i++)
		carry(enact, &items.v[i]);
	old = *enact; /* for its items; they go when the new ones are complete */
	enact->items = items.v;
	enact->n_items = items.n;
	enact->dirty = NULL;
	enact->by_key = NULL;
	enact->deps = enact->touched = NULL;
	enact->head = *head;
	for (unsigned int i = 0; i < items.n; i++)
		HASH_ADD_STR(enact->by_key, key, &items.v[i]);
	if (enact_deps_build(enact)) {
		*head = (struct enact_head){0};
		enact_items_fini(enact);
		enact->items = old.items;
		enact->n_items = old.n_items;
		enact->dirty = old.dirty;
		enact->by_key = old.by_key;
		enact->deps = old.deps;
		enact->touched = old.touched;
		enact->head = old.head;
		memcpy(enact->kinds, old.kinds, sizeof(enact->kinds));
		return -ENOMEM;
	}
	*head = (struct enact_head){0};
	enact_items_fini(&old);
	enact_tell_replaced(enact);
	enact->n_unknown = 0;
	for (unsigned int i = 0; i < enact->n_items; i++)
		enact->n_unknown += enact->items[i].truth == NEMO_UNKNOWN;
	return 0;
}

void enact_items_fini(struct enact *enact)
{
	HASH_CLEAR(hh, enact->by_key);
	enact_deps_free(enact->deps);
	free(enact->items);
	enact_head_fini(&enact->head);
	enact->items = enact->dirty = NULL;
	enact->deps = NULL;
	enact->n_items = 0;
}
