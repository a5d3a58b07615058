/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lease, and the agent's key under it, which says that the name is ours: created on condition
 * that it is not there. Who finds it taken gives its lease back, and with it whatever it wrote, and
 * tries again.
 */
#include "san-agent/store_int.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "util/clock.h"
#include "util/log.h"

static void register_name(struct store *store);

static const char *name_key(const struct store *store, char buf[STORE_KEY_MAX])
{
	snprintf(buf, STORE_KEY_MAX, STORE_AGENTS "%s", store->conf->agent);
	return buf;
}

bool store_registered(const struct store *store)
{
	return store->fence && store->connected && store->hold && !store->goodbye &&
	       ncsdb_hold_lease(store->hold) == store->lease;
}

/* Everything is written again; new_lease: what was written is gone. */
static void forget(struct store *store, bool new_lease)
{
	store->fence = 0;
	store->turn++;
	for (unsigned int i = 0; i < AGENT_MAX_INSTANCES; i++) {
		struct store_slot *ls = &store->slots[i];

		ls->put = false;
		if (!new_lease)
			continue;
		ls->there = false;
		ls->state_unknown = false;
		ls->down_rev = 0;
	}
}

/* ---- the name ---- */

static void later(struct store *store, unsigned int ms);

static void registered(struct store *store, int64_t fence)
{
	store->fence = fence;
	store->taken_said = false;
	store->retry_us = 0;
	store->ever = true;
	store_worked(store);
	log_info("registered", "agent=%s lease=%" PRId64, store->conf->agent, store->lease);
	store_stir(store);
	store->env.on_turn(store->env.arg);
}

static void taken(struct store *store)
{
	unsigned int third_ms = store->conf->ttl_s * 1000 / 3;

	if (!store->taken_said)
		log_warn("another agent of this name is there; waiting for its end", "agent=%s",
			 store->conf->agent);
	store->taken_said = true;
	ncsdb_hold_stop(store->hold, true);
	store->hold = NULL;
	forget(store, true);
	store->lease = 0;
	later(store, third_ms);
}

/* Who has the name? *out 0: nobody. */
static bool name_of(const struct ncsdb_range_result *res, struct ncsdb_kv *out)
{
	memset(out, 0, sizeof(*out));
	if (res->status)
		return false;
	if (res->n)
		*out = res->kvs[0];
	return true;
}

static void on_name(void *arg, const struct ncsdb_range_result *res)
{
	struct store *store = arg;
	struct ncsdb_kv name;
	bool known = name_of(res, &name);

	store->checking = false;
	if (!store->closing && !store->goodbye && store->hold) {
		if (!known)
			later(store, STORE_RETRY_MIN_US / 1000); /* asks again */
		else if (!name.create_rev)
			register_name(store);
		else if (name.lease != store->lease)
			taken(store);
		else if (!store->fence)
			registered(store, name.create_rev); /* a write without an answer */
	}
	store_end(store);
}

static void ask_name(struct store *store, ncsdb_range_cb cb)
{
	char key[STORE_KEY_MAX];
	const struct ncsdb_range req = {.key = name_key(store, key)};

	if (store->checking)
		return;
	store_begin(store);
	store->checking = true;
	if (!ncsdb_range(store->db, &req, cb, store))
		return;
	store->checking = false;
	store_end(store);
	later(store, STORE_RETRY_MIN_US / 1000);
}

static void on_created(void *arg, const struct ncsdb_txn_result *res)
{
	struct store *store = arg;

	store->checking = false;
	if (store->closing || store->goodbye || !store->hold) {
		/* nobody wants it any more */
	} else if (res->status) {
		/* -ENOENT: the lease has ended, another one comes */
		if (res->status != -ENOENT)
			store_failed(store, res->status);
		later(store, STORE_RETRY_MIN_US / 1000);
	} else if (res->succeeded) {
		registered(store, res->revision);
	} else {
		ask_name(store, on_name);
	}
	store_end(store);
}

static void register_name(struct store *store)
{
	char key[STORE_KEY_MAX];
	const struct ncsdb_cmp cmp = {name_key(store, key), NCSDB_CMP_CREATE_REV, NCSDB_EQ, 0};
	const struct ncsdb_op op = {.type = NCSDB_PUT,
				    .key = key,
				    .value = store->value,
				    .value_len = strlen(store->value),
				    .lease = store->lease};
	const struct ncsdb_txn txn = {.cmps = &cmp, .n_cmps = 1, .then = &op, .n_then = 1};

	if (store->checking)
		return; /* its answer goes on */
	if (store->fence)
		forget(store, false);
	store_begin(store);
	store->checking = true;
	if (!ncsdb_txn(store->db, &txn, on_created, store))
		return;
	store->checking = false;
	store_end(store);
	later(store, STORE_RETRY_MIN_US / 1000);
}

/* ---- is it still ours? ---- */

static void on_checked(void *arg, const struct ncsdb_range_result *res)
{
	struct store *store = arg;
	struct ncsdb_kv name;

	store->checking = false;
	if (!store->closing && !store->goodbye && store->fence && name_of(res, &name) &&
	    name.create_rev != store->fence) {
		log_warn("the agent's key is not ours any more", "agent=%s why=\"%s\"",
			 store->conf->agent, name.create_rev ? "another agent has it" : "deleted");
		if (name.create_rev && name.lease != store->lease)
			taken(store);
		else
			register_name(store);
	}
	store_end(store);
}

void store_check_name(struct store *store)
{
	ask_name(store, on_checked);
}

/* ---- the lease ---- */

static void on_held(void *arg, int64_t lease)
{
	struct store *store = arg;

	if (store->ever && store->lease && store->lease != lease)
		log_warn("the lease was lost; everything is registered anew", "agent=%s",
			 store->conf->agent);
	forget(store, true);
	store->lease = lease;
	register_name(store);
}

/* A loss later on is told by the database. */
static void say_not_reached(struct store *store)
{
	struct ncsdb_status status;

	if (store->away_said)
		return;
	store->away_said = true;
	ncsdb_status(store->db, &status);
	log_warn("database not reached", "endpoint=%s why=\"%s\"; goes on trying", status.endpoint,
		 status.why);
}

static void on_timer(uv_timer_t *timer)
{
	struct store *store = timer->data;

	if (store->goodbye || store->closing)
		return;
	if (!store->connected && !store->ever)
		say_not_reached(store);
	if (!store->hold)
		store_name_start(store);
	else if (store->lease && !store->fence)
		register_name(store);
}

static void later(struct store *store, unsigned int ms)
{
	uv_timer_start(&store->name_timer, on_timer, ms, 0);
}

int store_name_start(struct store *store)
{
	int rc = ncsdb_hold_start(store->env.loop, store->db, store->conf->ttl_s, on_held, store,
				  &store->hold);

	if (rc)
		later(store, STORE_RETRY_MAX_US / 1000);
	else if (!store->connected)
		later(store, STORE_PATIENCE_MS);
	return rc;
}

/* ---- the end ---- */

static void on_revoked(void *arg, int status, int64_t lease, unsigned int ttl_s)
{
	struct store *store = arg;

	store->finished = true;
	if (status)
		log_warn("lease not revoked: it ends by itself", "agent=%s ttl_s=%u",
			 store->conf->agent, store->conf->ttl_s);
	if (!store->closing)
		store->env.on_turn(store->env.arg);
	store_end(store);
}

void store_goodbye(struct store *store)
{
	if (store->goodbye)
		return;
	store->goodbye = true;
	uv_timer_stop(&store->name_timer);
	uv_timer_stop(&store->batch_timer);
	/* A lease that is just being granted is revoked by the hold. */
	ncsdb_hold_stop(store->hold, !store->lease);
	store->hold = NULL;
	if (!store->lease) {
		store->finished = true;
		return;
	}
	store_begin(store);
	if (ncsdb_lease_revoke(store->db, store->lease, on_revoked, store)) {
		store_end(store);
		store->finished = true;
	}
}
