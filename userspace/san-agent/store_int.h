/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the store: store.c is the sink and its turns, store_name.c keeps lease and name,
 * store_batch.c puts transactions together, store_answer.c takes what came of them, store_state.c
 * says up and down, store_service.c follows definitions.
 */
#ifndef SAN_AGENT_STORE_INT_H
#define SAN_AGENT_STORE_INT_H

#include "model/service.h"
#include "ncsdb/follow.h"
#include "ncsdb/hold.h"
#include "san-agent/gate.h"
#include "san-agent/store.h"
#include "san-agent/worth.h"
#include "util/hash.h"

#define STORE_AGENTS "/san/agents/"
#define STORE_STATUS "/san/status/"
#define STORE_SERVICES "/san/services/"
#define STORE_KEY_MAX 192  /* prefix, service, two names, with NUL */
#define STORE_TEXT_MAX 272 /* longest value but the agent's: a name, a number, an address */
#define STORE_STATE_TEXT 16

struct store;

/* Definition of a service some instance belongs to. */
struct store_service {
	uint64_t id;
	unsigned int refs;
	struct store *store;
	struct service *svc; /* NULL: not registered */
	struct ncsdb_follow *follow;
	char key[STORE_KEY_MAX];
	UT_hash_handle hh;
};

/* What the database knows of one instance. */
struct store_slot {
	struct store_service *service; /* NULL: slot not in use */
	bool put;		       /* registered */
	bool flying;		       /* a transaction with it is under way */
	bool renewed;		       /* changed while that was so */
	bool there;		       /* something of it may be in the database */
	uint64_t retry_us;	       /* not before this */
	uint16_t attrs[INSTANCE_VALUES];
	struct gate gates[INSTANCE_VALUES];
	/* in the transaction under way */
	uint32_t sending; /* mask of values */
	int64_t milli[INSTANCE_VALUES];
	/* state */
	bool state_busy;
	bool state_unknown; /* a write of "down" had no answer */
	int64_t down_rev;   /* revision of our "down"; -1: it is down by somebody else; 0: none */
	char restore[STORE_STATE_TEXT]; /* what it was before our "down" */
};

_Static_assert(INSTANCE_VALUES <= 32, "struct store_slot.sending is a mask of values");

struct store {
	struct sink sink;
	struct sink_env env;
	const struct agent_conf *conf;
	struct ncsdb *db;
	struct ncsdb_hold *hold; /* NULL: waiting for the name, or ended */
	uv_timer_t batch_timer;	 /* until what became due is sent */
	uv_timer_t name_timer;	 /* until the name is tried again */
	unsigned int open_timers;
	unsigned int requests; /* without an answer: they refer to us */
	unsigned int flying;   /* of them, transactions of values */
	int64_t lease;
	int64_t fence; /* create revision of the agent's key; 0: not registered */
	uint64_t turn; /* of the registration: answers to an earlier one do not count */
	char *value;   /* of the agent's key */
	bool checking; /* whether the agent's key is still ours */
	bool taken_said, refused_said, away_said;
	bool ever;	/* registered once */
	bool connected; /* as last logged */
	bool goodbye, finished, closing;
	uint64_t retry_us, backoff_us;
	/* Is there something to look for? When the roster, a definition or what the database said
	 * has changed, or when something becomes due by time. */
	bool stirred;
	uint64_t round, next_us;
	struct store_service *services;
	struct store_slot slots[AGENT_MAX_INSTANCES];
};

/* ---- store.c ---- */
void store_kick(struct store *store);
/* The same, after something has changed that the roster does not tell. */
void store_stir(struct store *store);
/* A request begins to refer to the store, and ends to. */
void store_begin(struct store *store);
void store_end(struct store *store);
/* A write or read failed: says so once, tries later. */
void store_failed(struct store *store, int status);
void store_worked(struct store *store);
const char *store_instance_key(const struct instance *inst, const char *field,
			       char buf[STORE_KEY_MAX]);

/* ---- store_name.c ---- */
int store_name_start(struct store *store);
/* May values be written now? */
bool store_registered(const struct store *store);
/* A compare failed: is the name still ours? If not, everything is registered anew. */
void store_check_name(struct store *store);
void store_goodbye(struct store *store);

/* ---- store_batch.c ---- */
/* Sends what is due. */
void store_flush(struct store *store, uint64_t now_us);

/* ---- store_answer.c ---- */
enum batch_kind { BATCH_REGISTER, BATCH_VALUES, BATCH_LEAVE };
struct batch {
	struct store *store;
	enum batch_kind kind;
	uint64_t turn, made_us;
	unsigned int n_slots;
	uint16_t slots[NCSDB_TXN_MAX];
};
void store_on_batch(void *arg, const struct ncsdb_txn_result *res);

/* ---- store_state.c ---- */
/* Takes the next step if what the database says of the state is not what it should. */
void store_state(struct store *store, unsigned int slot);
/* As far as its state goes, the instance may be registered. */
bool store_state_settled(const struct store *store, unsigned int slot);

/* ---- store_service.c ---- */
struct store_service *store_service_get(struct store *store, uint64_t id);
void store_service_put(struct store_service *service); /* NULL is fine */

#endif
