/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Goals and their numbers: made of their content, so that they are the same whenever, and on every
 * host, the content is. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/compile_int.h"
#include "util/own.h"

#define SEED 0x73616e6e656d6f31 /* a constant: numbers must not depend on the process */

struct content { /* padding is zero */
	char tenant[NAME_LEN], name[NAME_LEN];
	struct plan_nexthop hop;
};
struct entry {
	struct content content;
	struct nemo_goal goal;
	uint32_t hash;
	unsigned int index;
	uint64_t id;
	UT_hash_handle hh, by_id;
};
struct nemo_goals {
	struct entry *entries; /* in the order of adding */
	struct entry *ids;
	unsigned int n;
};

struct nemo_goals *nemo_goals_new(void)
{
	return calloc(1, sizeof(struct nemo_goals));
}

void nemo_goals_free(struct nemo_goals *goals)
{
	struct entry *e, *next;

	if (!goals)
		return;
	HASH_CLEAR(by_id, goals->ids);
	HASH_ITER(hh, goals->entries, e, next) {
		HASH_DEL(goals->entries, e);
		free(e);
	}
	free(goals);
}

int nemo_goals_add(struct nemo_goals *goals, const struct nemo_goal *goal)
{
	struct content content;
	struct entry *e;

	memset(&content, 0, sizeof(content));
	strcpy(content.tenant, goal->tenant);
	strcpy(content.name, goal->name);
	memcpy(&content.hop, &goal->hop, sizeof(content.hop));
	HASH_FIND(hh, goals->entries, &content, sizeof(content), e);
	if (e)
		return (int)e->index;
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	memcpy(&e->content, &content, sizeof(content));
	e->goal = *goal;
	e->hash = (uint32_t)hash_seeded(SEED, &content, sizeof(content));
	e->index = goals->n++;
	HASH_ADD(hh, goals->entries, content, sizeof(e->content), e);
	return (int)e->index;
}

static int by_hash(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return memcmp(&x->content, &y->content, sizeof(x->content));
}

/* The hash, or the next number that is free. */
static void number(struct nemo_goals *goals, struct entry *e)
{
	struct entry *taken;
	uint32_t low = e->hash;

	for (;; low++) {
		e->id = SAN_SERVICE_OWN_MIN | low;
		HASH_FIND(by_id, goals->ids, &e->id, sizeof(e->id), taken);
		if (!taken)
			break;
	}
	HASH_ADD(by_id, goals->ids, id, sizeof(e->id), e);
	e->goal.id = e->id;
}

static int by_id(const void *a, const void *b)
{
	const struct nemo_goal *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

int nemo_goals_finish(struct nemo_goals *goals, struct nemo_plan *plan, uint64_t **id_of)
{
	OWN_PTR struct entry **order = calloc(goals->n + 1u, sizeof(order[0]));
	unsigned int n = 0;

	*id_of = calloc(goals->n + 1u, sizeof(**id_of));
	plan->goals = calloc(goals->n + 1u, sizeof(plan->goals[0]));
	if (!order || !*id_of || !plan->goals)
		return -ENOMEM;
	for (struct entry *e = goals->entries; e; e = e->hh.next)
		order[n++] = e;
	qsort(order, n, sizeof(order[0]), by_hash);
	for (unsigned int i = 0; i < n; i++) {
		number(goals, order[i]);
		(*id_of)[order[i]->index] = order[i]->id;
		plan->goals[i] = order[i]->goal;
	}
	plan->n_goals = n;
	qsort(plan->goals, n, sizeof(plan->goals[0]), by_id);
	return 0;
}
