/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What came of a transaction. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "san-agent/store_int.h"
#include "util/clock.h"
#include "util/log.h"

/* ---- an instance may have been deleted ---- */

struct look {
	struct store *store;
	unsigned int slot;
	uint64_t turn;
};

static void on_look(void *arg, const struct ncsdb_range_result *res)
{
	struct look *look = arg;
	struct store *store = look->store;
	struct store_slot *ls = &store->slots[look->slot];

	ls->flying = false;
	if (!store->closing && look->turn == store->turn && !res->status && !res->n)
		ls->put = false; /* somebody deleted it: register it again */
	free(look);
	if (!store->closing)
		store_stir(store);
	store_end(store);
}

/* The slot stays busy until it is known. */
static void look_for(struct store *store, unsigned int slot)
{
	char key[STORE_KEY_MAX];
	const struct instance *inst = store->env.roster->slots[slot];
	const struct ncsdb_range req = {.key = store_instance_key(inst, "address", key),
					.keys_only = true};
	struct look *look = malloc(sizeof(*look));

	if (!look)
		return;
	*look = (struct look){store, slot, store->turn};
	store_begin(store);
	store->slots[slot].flying = true;
	if (!ncsdb_range(store->db, &req, on_look, look))
		return;
	store->slots[slot].flying = false;
	free(look);
	store_end(store);
}

/* ---- by kind ---- */

static void told(struct store_slot *ls, uint64_t made_us)
{
	for (unsigned int i = 0; i < INSTANCE_VALUES; i++) {
		if (ls->sending & 1u << i)
			gate_sent(&ls->gates[i], ls->milli[i], made_us);
	}
}

/* Whether it happened is not known: say it again. */
static void untold(struct store_slot *ls)
{
	for (unsigned int i = 0; i < INSTANCE_VALUES; i++) {
		if (ls->sending & 1u << i)
			ls->gates[i].valid = false;
	}
}

static void gone(struct store_slot *ls)
{
	store_service_put(ls->service);
	memset(ls, 0, sizeof(*ls));
}

static void succeeded(const struct batch *batch, unsigned int slot)
{
	struct store *store = batch->store;
	struct store_slot *ls = &store->slots[slot];

	if (batch->kind == BATCH_LEAVE) {
		gone(ls);
		return;
	}
	if (ls->renewed)
		return; /* what was written is not what it is now */
	if (batch->kind == BATCH_REGISTER) {
		ls->put = true;
		log_debug("instance registered", "instance=%s",
			  store->env.roster->slots[slot]->label);
	}
	told(ls, batch->made_us);
}

/* A compare did not hold: the name, or the instance. */
static void not_so(const struct batch *batch, unsigned int slot)
{
	struct store_slot *ls = &batch->store->slots[slot];

	if (batch->kind == BATCH_LEAVE)
		gone(ls); /* not ours */
	else if (batch->kind == BATCH_VALUES)
		look_for(batch->store, slot);
	else
		ls->retry_us = clock_us() + STORE_RETRY_MIN_US;
}

static void take_slots(const struct batch *batch, const struct ncsdb_txn_result *res)
{
	struct store *store = batch->store;
	bool counts = batch->turn == store->turn;

	for (unsigned int i = 0; i < batch->n_slots; i++) {
		struct store_slot *ls = &store->slots[batch->slots[i]];

		ls->flying = false;
		if (res->status == -ETIMEDOUT)
			untold(ls);
		if (!counts || res->status)
			continue;
		if (res->succeeded)
			succeeded(batch, batch->slots[i]);
		else
			not_so(batch, batch->slots[i]);
	}
}

void store_on_batch(void *arg, const struct ncsdb_txn_result *res)
{
	struct batch *batch = arg;
	struct store *store = batch->store;

	store->flying--;
	if (!store->closing) {
		take_slots(batch, res);
		if (res->status)
			store_failed(store, res->status);
		else
			store_worked(store);
		if (!res->status && !res->succeeded && batch->turn == store->turn)
			store_check_name(store);
		store_stir(store);
		store->env.on_turn(store->env.arg);
	}
	free(batch);
	store_end(store);
}
