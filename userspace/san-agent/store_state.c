/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "down" and back. What the state was before (an operator's "draining") is read first, and comes
 * back afterwards, unless somebody has changed it meanwhile. Each step compares what it read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "san-agent/store_int.h"
#include "util/clock.h"

struct step {
	struct store *store;
	unsigned int slot;
	uint64_t turn;
	bool down;
};

/* NULL without memory. */
static struct step *step_new(struct store *store, unsigned int slot, bool down)
{
	struct step *step = malloc(sizeof(*step));

	if (!step)
		return NULL;
	*step = (struct step){store, slot, store->turn, down};
	store->slots[slot].state_busy = true;
	store_begin(store);
	return step;
}

/* The slot, if the answer still counts. */
static struct store_slot *step_end(struct step *step)
{
	struct store *store = step->store;
	struct store_slot *ls = &store->slots[step->slot];
	bool counts = !store->closing && step->turn == store->turn;

	ls->state_busy = false;
	free(step);
	return counts ? ls : NULL;
}

static void step_failed(struct store *store, struct store_slot *ls, int status)
{
	ls->retry_us = clock_us() + STORE_RETRY_MIN_US;
	if (status != -ENOENT)
		store_failed(store, status);
}

/* ---- writing ---- */

static void wrote_down(struct store *store, struct store_slot *ls,
		       const struct ncsdb_txn_result *res)
{
	ls->state_unknown = res->status == -ETIMEDOUT;
	if (res->status) {
		step_failed(store, ls, res->status);
	} else if (res->succeeded) {
		ls->down_rev = res->revision;
	} else {
		store_check_name(store); /* or the state has changed: it is read again */
		ls->retry_us = clock_us() + STORE_RETRY_MIN_US;
	}
}

static void wrote_back(struct store *store, struct store_slot *ls,
		       const struct ncsdb_txn_result *res)
{
	if (res->status) {
		step_failed(store, ls, res->status);
		return;
	}
	ls->down_rev = 0; /* not succeeded: somebody has changed it, so it stays that way */
	if (!res->succeeded)
		store_check_name(store);
}

static void on_state_written(void *arg, const struct ncsdb_txn_result *res)
{
	struct step *step = arg;
	struct store *store = step->store;
	bool down = step->down;
	struct store_slot *ls = step_end(step);

	if (ls && down)
		wrote_down(store, ls, res);
	else if (ls)
		wrote_back(store, ls, res);
	if (ls)
		store_stir(store);
	store_end(store);
}

/* seen: revision of the state that text replaces. */
static void write_state(struct step *step, const char *text, int64_t seen)
{
	struct store *store = step->store;
	struct store_slot *ls = &store->slots[step->slot];
	char name[STORE_KEY_MAX], key[STORE_KEY_MAX];
	const struct instance *inst = store->env.roster->slots[step->slot];
	const struct ncsdb_cmp cmps[] = {
		{name, NCSDB_CMP_CREATE_REV, NCSDB_EQ, store->fence},
		{key, NCSDB_CMP_MOD_REV, NCSDB_EQ, seen},
	};
	const struct ncsdb_op op = {.type = NCSDB_PUT,
				    .key = key,
				    .value = text,
				    .value_len = strlen(text),
				    .lease = store->lease};
	const struct ncsdb_txn txn = {.cmps = cmps, .n_cmps = 2, .then = &op, .n_then = 1};

	snprintf(name, sizeof(name), STORE_AGENTS "%s", store->conf->agent);
	store_instance_key(inst, "state", key);
	ls->there = true;
	if (!ncsdb_txn(store->db, &txn, on_state_written, step))
		return;
	step_failed(store, ls, -EAGAIN);
	step_end(step);
	store_end(store);
}

/* ---- reading ---- */

/* What it says is kept for later; false: it is down already, and not by us. */
static bool remember(struct store_slot *ls, const struct ncsdb_kv *kv)
{
	if (!kv || kv->value_len >= sizeof(ls->restore)) {
		strcpy(ls->restore, "up");
	} else if (strcmp(kv->value, "down")) {
		strcpy(ls->restore, kv->value);
	} else if (ls->state_unknown) {
		ls->down_rev = kv->mod_rev; /* our own write, whose answer was lost */
		return false;
	} else {
		ls->down_rev = -1;
		return false;
	}
	return true;
}

static void on_state_read(void *arg, const struct ncsdb_range_result *res)
{
	struct step *step = arg;
	struct store *store = step->store;
	unsigned int slot = step->slot;
	struct store_slot *ls = step_end(step);
	const struct ncsdb_kv *kv = !res->status && res->n ? &res->kvs[0] : NULL;

	if (ls && res->status)
		step_failed(store, ls, res->status);
	else if (ls && store_registered(store) && remember(ls, kv)) {
		step = step_new(store, slot, true);
		if (step)
			write_state(step, "down", kv ? kv->mod_rev : 0);
	}
	if (ls)
		store_stir(store);
	store_end(store);
}

static void read_state(struct step *step)
{
	struct store *store = step->store;
	char key[STORE_KEY_MAX];
	const struct instance *inst = store->env.roster->slots[step->slot];
	const struct ncsdb_range req = {.key = store_instance_key(inst, "state", key)};

	if (!ncsdb_range(store->db, &req, on_state_read, step))
		return;
	step_failed(store, &store->slots[step->slot], -EAGAIN);
	step_end(step);
	store_end(store);
}

/* ---- deciding ---- */

bool store_state_settled(const struct store *store, unsigned int slot)
{
	const struct store_slot *ls = &store->slots[slot];

	return store->env.roster->slots[slot]->up ? ls->down_rev == 0 : ls->down_rev != 0;
}

void store_state(struct store *store, unsigned int slot)
{
	struct store_slot *ls = &store->slots[slot];
	bool up = store->env.roster->slots[slot]->up;
	struct step *step;

	if (up && ls->down_rev < 0)
		ls->down_rev = 0;
	if (ls->state_busy || store_state_settled(store, slot))
		return;
	step = step_new(store, slot, !up);
	if (!step)
		return;
	if (up)
		write_state(step, ls->restore, ls->down_rev);
	else
		read_state(step);
}
