/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the roster to transactions. Of each kind one is filled at a time: it goes when there is no
 * room for the next instance, and at the end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/in6.h"
#include "san-agent/store_int.h"

#define TEXT_SIZE NAME_LEN

struct draft {
	struct store *store;
	struct batch *batch; /* NULL: nothing in it yet */
	enum batch_kind kind;
	uint64_t now_us;
	struct ncsdb_cmp cmps[NCSDB_TXN_MAX];
	struct ncsdb_op ops[NCSDB_TXN_MAX];
	unsigned int n_cmps, n_ops, n_keys;
	char keys[2 * NCSDB_TXN_MAX][STORE_KEY_MAX];
	char texts[NCSDB_TXN_MAX][TEXT_SIZE];
};

/* ---- one transaction ---- */

static char *new_key(struct draft *d)
{
	return d->keys[d->n_keys++];
}

static void compare(struct draft *d, const char *key, struct ncsdb_cmp cmp)
{
	cmp.key = key;
	d->cmps[d->n_cmps++] = cmp;
}

static void put(struct draft *d, const struct instance *inst, const char *field, const char *text)
{
	char *copy = d->texts[d->n_ops];

	snprintf(copy, TEXT_SIZE, "%s", text);
	d->ops[d->n_ops++] = (struct ncsdb_op){
		.type = NCSDB_PUT,
		.key = store_instance_key(inst, field, new_key(d)),
		.value = copy,
		.value_len = strlen(copy),
		.lease = d->store->lease,
	};
}

/* -ENOMEM: another time. */
static int begin(struct draft *d)
{
	struct store *store = d->store;
	char *key;

	d->batch = malloc(sizeof(*d->batch));
	if (!d->batch)
		return -ENOMEM;
	d->batch->store = store;
	d->batch->kind = d->kind;
	d->batch->turn = store->turn;
	d->batch->made_us = d->now_us;
	d->batch->n_slots = 0;
	d->n_cmps = d->n_ops = d->n_keys = 0;
	key = new_key(d);
	snprintf(key, STORE_KEY_MAX, STORE_AGENTS "%s", store->conf->agent);
	compare(d, key,
		(struct ncsdb_cmp){
			.field = NCSDB_CMP_CREATE_REV, .op = NCSDB_EQ, .value = store->fence});
	return 0;
}

static void drop(struct draft *d)
{
	for (unsigned int i = 0; i < d->batch->n_slots; i++)
		d->store->slots[d->batch->slots[i]].flying = false;
	free(d->batch);
	d->batch = NULL;
}

static void send_off(struct draft *d)
{
	const struct ncsdb_txn txn = {
		.cmps = d->cmps, .n_cmps = d->n_cmps, .then = d->ops, .n_then = d->n_ops};
	struct store *store = d->store;
	int rc;

	if (!d->batch)
		return;
	rc = ncsdb_txn(store->db, &txn, store_on_batch, d->batch);
	if (rc) {
		drop(d);
		store_failed(store, rc);
		return;
	}
	store_begin(store);
	store->flying++;
	d->batch = NULL;
}

/* Makes room for an instance; false: none now. */
static bool room(struct draft *d, unsigned int n_cmps, unsigned int n_ops)
{
	if (d->batch && (d->n_cmps + n_cmps > NCSDB_TXN_MAX || d->n_ops + n_ops > NCSDB_TXN_MAX))
		send_off(d);
	if (d->store->flying >= STORE_FLYING_MAX || d->now_us < d->store->retry_us) {
		d->store->stirred = true;
		return false;
	}
	return d->batch || !begin(d);
}

static void take_slot(struct draft *d, unsigned int slot)
{
	d->batch->slots[d->batch->n_slots++] = (uint16_t)slot;
	d->store->slots[slot].flying = true;
	d->store->slots[slot].renewed = false;
}

/* ---- its parts ---- */

static void put_values(struct draft *d, const struct instance *inst, struct store_slot *ls,
		       uint32_t mask)
{
	char text[TEXT_SIZE];

	ls->sending = mask;
	for (unsigned int i = 0; i < inst->n_values; i++) {
		const struct value *value = &inst->values[i];

		if (!(mask & 1u << i))
			continue;
		ls->milli[i] = value->milli;
		put(d, inst, value->name, attr_text(value->milli, text, sizeof(text)));
	}
}

static uint32_t known_values(const struct instance *inst)
{
	uint32_t mask = 0;

	for (unsigned int i = 0; i < inst->n_values; i++)
		mask |= (uint32_t)inst->values[i].known << i;
	return mask;
}

/* Something becomes due then, if nothing changes before. */
static void look_again(struct store *store, uint64_t at_us)
{
	if (at_us < store->next_us)
		store->next_us = at_us;
}

/* What is not due yet: because it came too soon, or because it is as it was. */
static uint64_t next_chance(const struct gate *gate, uint64_t now_us, const struct gate_rule *rule)
{
	return gate->at_us + (now_us - gate->at_us < rule->min_us ? rule->min_us : rule->max_us);
}

static uint32_t due_values(const struct draft *d, const struct instance *inst,
			   const struct store_slot *ls)
{
	const struct agent_conf *conf = d->store->conf;
	struct gate_rule rule = {.min_us = conf->min_interval_ms * 1000ull,
				 .max_us = conf->max_age_ms * 1000ull};
	uint32_t mask = 0;

	for (unsigned int i = 0; i < inst->n_values; i++) {
		const struct value *value = &inst->values[i];

		rule.band = value->band;
		if (value->known && worth_due(&ls->gates[i], value->milli, d->now_us, &rule,
					      ls->service->svc, ls->attrs[i]))
			mask |= 1u << i;
		else if (value->known)
			look_again(d->store, next_chance(&ls->gates[i], d->now_us, &rule));
	}
	return mask;
}

static bool add_registration(struct draft *d, const struct instance *inst, unsigned int slot)
{
	struct store_slot *ls = &d->store->slots[slot];
	const struct in6_addr *sid = &inst->conf.sid;
	uint32_t mask = known_values(inst);
	char text[INET6_ADDRSTRLEN];

	if (!room(d, 0, 3 + (unsigned int)__builtin_popcount(mask)))
		return false;
	take_slot(d, slot);
	ls->there = true;
	put(d, inst, "gateway", d->store->conf->gateway);
	put(d, inst, "address", in6_text(&inst->conf.address, text));
	if (!IN6_IS_ADDR_UNSPECIFIED(sid))
		put(d, inst, "sid", in6_text(sid, text));
	put_values(d, inst, ls, mask);
	return true;
}

/* Only of an instance that is still there: an operator may have deleted it. */
static bool add_values(struct draft *d, const struct instance *inst, unsigned int slot)
{
	struct store_slot *ls = &d->store->slots[slot];
	uint32_t mask = due_values(d, inst, ls);

	if (!mask)
		return true;
	if (!room(d, 1, (unsigned int)__builtin_popcount(mask)))
		return false;
	take_slot(d, slot);
	compare(d, store_instance_key(inst, "address", new_key(d)),
		(struct ncsdb_cmp){.field = NCSDB_CMP_VERSION, .op = NCSDB_GT});
	put_values(d, inst, ls, mask);
	return true;
}

/* Only if it is ours: another agent may have taken it over. One a transaction: which compare
 * failed, nobody tells. */
static bool add_leave(struct draft *d, const struct instance *inst, unsigned int slot)
{
	char *prefix;

	if (!room(d, 1, 1))
		return false;
	take_slot(d, slot);
	compare(d, store_instance_key(inst, "address", new_key(d)),
		(struct ncsdb_cmp){
			.field = NCSDB_CMP_LEASE, .op = NCSDB_EQ, .value = d->store->lease});
	prefix = new_key(d);
	store_instance_key(inst, "", prefix);
	d->ops[d->n_ops++] = (struct ncsdb_op){.type = NCSDB_DELETE_PREFIX, .key = prefix};
	send_off(d);
	return true;
}

/* ---- all ---- */

static bool is_due(const struct draft *d, const struct instance *inst, unsigned int slot)
{
	const struct store_slot *ls = &d->store->slots[slot];

	if (!ls->service || ls->flying)
		return false;
	if (d->now_us < ls->retry_us) {
		look_again(d->store, ls->retry_us);
		return false;
	}
	if (inst->leaving)
		return d->kind == BATCH_LEAVE && ls->there && !ls->state_busy;
	if (!inst->health_known || d->kind == BATCH_LEAVE)
		return false;
	return ls->put ? d->kind == BATCH_VALUES
		       : d->kind == BATCH_REGISTER && store_state_settled(d->store, slot);
}

static void fill(struct draft *d)
{
	static bool (*const adders[])(struct draft *, const struct instance *, unsigned int) = {
		[BATCH_REGISTER] = add_registration,
		[BATCH_VALUES] = add_values,
		[BATCH_LEAVE] = add_leave,
	};
	const struct roster *roster = d->store->env.roster;

	for (unsigned int i = 0; i < roster->n; i++) {
		const struct instance *inst = roster->slots[i];

		if (inst && is_due(d, inst, i) && !adders[d->kind](d, inst, i))
			break; /* no room: an answer makes some, or retry_us passes */
	}
	send_off(d);
}

static void check_states(struct store *store, uint64_t now_us)
{
	for (unsigned int i = 0; i < store->env.roster->n; i++) {
		const struct instance *inst = store->env.roster->slots[i];
		const struct store_slot *ls = &store->slots[i];

		if (inst && !inst->leaving && inst->health_known && ls->service &&
		    now_us >= ls->retry_us)
			store_state(store, i);
	}
}

void store_flush(struct store *store, uint64_t now_us)
{
	const struct roster *roster = store->env.roster;
	struct draft d;

	if (!store_registered(store) || now_us < store->retry_us ||
	    (!store->stirred && store->round == roster->round && now_us < store->next_us))
		return;
	store->stirred = false;
	store->round = roster->round;
	store->next_us = UINT64_MAX;
	check_states(store, now_us);
	d.store = store;
	d.batch = NULL;
	d.now_us = now_us;
	for (d.kind = BATCH_REGISTER; d.kind <= BATCH_LEAVE; d.kind++)
		fill(&d);
}
