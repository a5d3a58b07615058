/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers of operations' counters and meters. An operation keeps its number while it exists; only
 * when all are given away does one that is not in force lose it. What was counted stays with the
 * operation, whatever the parent's counter does.
 *
 * The parent outlives this process, and its counters go on where the same number is used again. So
 * an operation has a home, a number by the hash of its name, which no other gets while there are
 * others: after a restart it finds its own counter there. Where that is not certain (two with one
 * home; more operations than homes) what was counted before the first plan is left out.
 */
#include "enact/enact_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct enact_act *enact_act_find(struct enact_act *acts, const char *key)
{
	struct enact_act *act;

	HASH_FIND_STR(acts, key, act);
	return act;
}

struct enact_act *enact_act_get(struct enact_act **acts, const char *key)
{
	struct enact_act *act = enact_act_find(*acts, key);

	if (act)
		return act;
	act = calloc(1, sizeof(*act));
	if (!act)
		return NULL;
	snprintf(act->key, sizeof(act->key), "%s", key);
	HASH_ADD_STR(*acts, key, act);
	return act;
}

struct enact_count enact_act_total(const struct enact_act *act)
{
	struct enact_count sum = {0};

	if (!act)
		return sum;
	sum.packets = act->sum.packets + act->last.packets - act->base.packets;
	sum.bytes = act->sum.bytes + act->last.bytes - act->base.bytes;
	sum.dropped = act->sum.dropped + act->last.dropped - act->base.dropped;
	return sum;
}

void enact_act_settle(struct enact_act *act)
{
	act->sum = enact_act_total(act);
	act->last = act->base = (struct enact_count){0};
}

void enact_leg_key(char key[ENACT_ACT_KEY], const struct nemo_goal *goal)
{
	snprintf(key, ENACT_ACT_KEY, "%s/%s/%s/%s/%" PRIx64, goal->tenant, goal->name,
		 goal->gateway, goal->path, goal->id);
}

/* ---- numbers ---- */

/* Of an operation that is not in force; 0: all are. */
static uint32_t reclaim(struct enact *enact)
{
	struct enact_act *act, *next;

	HASH_ITER(hh, enact->acts, act, next) {
		uint32_t number = act->number;

		if (!number || act->used || act->wanted)
			continue;
		enact_act_settle(act);
		act->number = 0;
		return number;
	}
	return 0;
}

#define HOMES (SAN_MAX_ACTS / 2)
#define HOME_SEED UINT64_C(0x6e656d6f20616374) /* the same after a restart */

uint32_t enact_act_home(const char *key)
{
	return 1 + (uint32_t)(hash_seeded(HOME_SEED, key, strlen(key)) % HOMES);
}

/* 0: none behind `at`. */
static uint32_t free_from(const struct enact *enact, uint32_t at)
{
	while (at <= SAN_MAX_ACTS && enact->act_taken[at])
		at++;
	return at <= SAN_MAX_ACTS ? at : 0;
}

static uint32_t new_number(struct enact *enact, const char *key)
{
	uint32_t number = enact_act_home(key);

	if (enact->act_taken[number])
		number = free_from(enact, HOMES + 1);
	if (!number)
		number = free_from(enact, 1);
	if (!number)
		return reclaim(enact);
	enact->act_taken[number] = true;
	return number;
}

uint32_t enact_act(void *arg, const char *tenant, const char *operation)
{
	struct enact *enact = arg;
	char key[2 * NAME_LEN];
	struct enact_act *act;

	snprintf(key, sizeof(key), "%s/%s", tenant, operation);
	act = enact_act_get(&enact->acts, key);
	if (!act)
		return 0;
	if (!act->number)
		act->number = new_number(enact, key);
	/* Of the plan that is being compiled: not to be taken away from it. */
	act->wanted = act->number != 0;
	return act->number;
}

static void fini(struct enact_act **acts)
{
	struct enact_act *act, *next;

	HASH_ITER(hh, *acts, act, next) {
		HASH_DEL(*acts, act);
		free(act);
	}
}

void enact_acts_used(struct enact *enact)
{
	struct enact_act *act, *next;
	char key[2 * NAME_LEN];

	HASH_ITER(hh, enact->acts, act, next)
		act->wanted = false;
	for (unsigned int i = 0; i < enact->plan.n_ops; i++) {
		const struct nemo_op_plan *op = &enact->plan.ops[i];

		snprintf(key, sizeof(key), "%s/%s", op->tenant, op->op->name);
		act = op->act ? enact_act_find(enact->acts, key) : NULL;
		if (act)
			act->wanted = true;
	}
	HASH_ITER(hh, enact->acts, act, next) {
		act->returning |= act->wanted && !act->used;
		act->used = act->wanted;
		act->wanted = false;
	}
	if (HASH_COUNT(enact->legs) > ENACT_LEGS_MAX)
		fini(&enact->legs);
	enact_counts_now(enact);
}

/* The first plan is in force: which numbers may another operation have had before? */
static void find_doubtful(struct enact *enact)
{
	unsigned int homes[HOMES + 1] = {0}, n = 0;
	struct enact_act *act;

	for (unsigned int i = 0; i < enact->n_items; i++) {
		if (enact->items[i].notification)
			continue;
		homes[enact_act_home(enact->items[i].key)]++;
		n++;
	}
	for (act = enact->acts; act; act = act->hh.next) {
		uint32_t home = enact_act_home(act->key);

		act->rebase = act->used && (n > HOMES || act->number != home || homes[home] > 1);
	}
	enact->acked = true;
	enact_counts_now(enact);
}

void enact_acts_acked(struct enact *enact)
{
	struct enact_act *act, *next;

	HASH_ITER(hh, enact->acts, act, next) {
		if (act->returning) {
			enact_act_settle(act);
			act->rebase = false;
		}
		act->returning = false;
	}
	if (!enact->acked)
		find_doubtful(enact);
}

static void sweep_operations(struct enact *enact)
{
	struct enact_act *act, *next;
	struct enact_item *item;

	HASH_ITER(hh, enact->acts, act, next) {
		HASH_FIND_STR(enact->by_key, act->key, item);
		if (item && !item->notification)
			continue;
		if (act->number)
			enact->act_taken[act->number] = false;
		HASH_DEL(enact->acts, act);
		free(act);
	}
}

/* "tenant/object", and what may stand behind it after "/" or ".". */
static bool object_exists(const struct enact *enact, const char *key)
{
	char name[NAME_LEN], object[NAME_LEN];
	const struct nemo_tenant *tenant;

	if (sscanf(key, "%63[^/]/%63[^/.]", name, object) != 2)
		return false;
	tenant = enact_tenant(&enact->head, name);
	return tenant && nemo_store_find(tenant->store, object);
}

static void sweep_legs(struct enact *enact)
{
	struct enact_act *leg, *next;

	HASH_ITER(hh, enact->legs, leg, next) {
		if (object_exists(enact, leg->key))
			continue;
		HASH_DEL(enact->legs, leg);
		free(leg);
	}
}

static void sweep_published(struct enact *enact)
{
	struct enact_published *p, *next;

	HASH_ITER(hh, enact->published, p, next) {
		if (object_exists(enact, p->key))
			continue;
		HASH_DEL(enact->published, p);
		free(p);
	}
}

void enact_acts_sweep(struct enact *enact)
{
	sweep_operations(enact);
	sweep_legs(enact);
	sweep_published(enact);
}

void enact_acts_fini(struct enact *enact)
{
	fini(&enact->acts);
	fini(&enact->legs);
}
