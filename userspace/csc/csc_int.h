/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of csc share: csc.c (open, close), write.c (instances and their status),
 * follow.c (database to view), agents.c and agent_follow.c (leases), functions.c, sids.c and
 * quotas.c (SIDs), aggregates.c.
 */
#ifndef CSC_INT_H
#define CSC_INT_H

#include "csc/csc.h"

#include "csc/functions.h"
#include "ncsdb/follow.h"
#include "util/json.h"

#define CSC_STATUS "/san/status/"
#define CSC_AGENTS "/san/agents/"
#define CSC_AGGREGATES "/san/aggregates/"
#define CSC_RETRY_MS 1000 /* then twice as long each time, at most: */
#define CSC_RETRY_MAX_MS 32000
#define CSC_SIDS_FLYING 256 /* writes of SIDs under way at once */
#define CSC_SIDS_SLICE 1024 /* of them tried again in one loop turn */
/* Functions that are given to instances of one lease that others wrote, or to those without. */
#define CSC_SIDS_PER_LEASE ((FUNCTION_MAX - FUNCTION_MIN + 1) / 4)

/* Keys of an instance that are no attributes. */
enum csc_field { FIELD_GATEWAY, FIELD_ADDRESS, FIELD_SID, FIELD_STATE, FIELD_MAX };
extern const char *const csc_fields[FIELD_MAX + 1]; /* NULL-terminated */
#define FIELDS_REGISTERED ((1u << FIELD_GATEWAY) | (1u << FIELD_ADDRESS))

struct csc_instance_key {
	uint64_t service;
	char name[NAME_LEN]; /* zero-padded: hashed as bytes */
};

/* What the database holds of an instance and the view has no place for. */
struct csc_instance {
	int64_t lease;	     /* of its address key */
	int64_t address_rev; /* create revision of its address key */
	int function;	     /* of its SID in this gateway's locator, -1 = none */
	unsigned int fields; /* bits: stored and good */
	UT_hash_handle hh;   /* by id: the service's 8 bytes, and the name */
	char id[];	     /* with NUL */
};
#define CSC_ID_NAME sizeof(uint64_t) /* where in it the name begins */

struct csc_agent {
	char name[NAME_LEN];
	int64_t lease, create_rev;
	unsigned int ttl_s; /* 0 = unknown */
	UT_hash_handle hh;  /* by name */
	UT_hash_handle hh2; /* by lease */
};

struct csc_follow {
	struct csc *csc;
	struct ncsdb_writer writer;
	struct ncsdb_follow *follow;
	bool synced;
};

struct csc_quota {
	int64_t lease;		  /* 0 = instances without one */
	unsigned int n;		  /* functions its instances have, or are promised */
	bool said;		  /* that there are no more */
	struct csc_wish *waiting; /* only while there are no more */
	UT_hash_handle hh;
};

struct csc {
	struct ncsdb *db;
	struct view *view;
	char gateway[NAME_LEN]; /* "" = this host is none */
	struct functions functions;
	struct csc_follow status, agents, aggregates;
	struct csc_wish *wishes;	/* uthash: instances that need a SID of us */
	struct csc_wish *ready;		/* of them, to be written */
	struct csc_wish *later;		/* of them, to be tried again after a while */
	unsigned int n_again;		/* of later, not yet tried in this round */
	unsigned int n_flying;		/* of them, under way */
	struct csc_quota *quotas;	/* uthash by lease */
	unsigned int sids_per_lease;	/* CSC_SIDS_PER_LEASE */
	struct csc_publish *publishes;	/* uthash */
	struct csc_clock *clock;	/* NULL: nothing to try again yet */
	uint64_t retry_ms;		/* 0: the last write succeeded */
	struct csc_instance *instances; /* uthash */
	struct csc_agent *agent_names, *agent_leases;
	struct agent_request *requests; /* under way */
	struct ncsdb_refusals refusals;
	void (*synced)(void *arg);
	void *arg;
};

void csc_refuse(struct csc *csc, const char *key, int code, struct err *err);
int csc_follow_status(struct csc *csc);
int csc_follow_agents(struct csc *csc);
/* Of both prefixes; arg: struct csc_follow. */
void csc_on_revision(void *arg, int64_t revision);
void csc_on_synced(void *arg, int64_t revision);
void csc_on_failed(void *arg, int status);
struct csc_instance_key csc_instance_key(uint64_t service, const char *name);
struct csc_instance *csc_instance_find(const struct csc *csc, uint64_t service, const char *name);
struct csc_agent *csc_agent_by_name(const struct csc *csc, const char *name);
struct csc_agent *csc_agent_by_lease(const struct csc *csc, int64_t lease);
void csc_status_fini(struct csc *csc);
void csc_agents_fini(struct csc *csc);
void csc_requests_fini(struct csc *csc);
/* Age of kv's value in the view's time; 0 = unknown. */
uint64_t csc_time(const struct csc *csc, const struct ncsdb_kv *kv);
/* After CSC_RETRY_MS: csc_sids_retry() and csc_aggregates_retry(). */
void csc_retry(struct csc *csc);

/* After every event of an instance's fields. */
void csc_sid_check(struct csc *csc, const struct csc_instance_key *key);
/* What csc_sid_check() found is written. Once the view is whole as of some revision. */
void csc_sids_run(struct csc *csc);
/* Some of those that wait; true: there are more, call again soon. */
bool csc_sids_retry(struct csc *csc);
void csc_sids_fini(struct csc *csc);
/* The function of a SID that is being written for an instance; -1: none. */
int csc_sid_function(const struct csc *csc, uint64_t service, const char *name);
/* The first that waits may have a function. */
void csc_sid_wake(struct csc_quota *quota);
void csc_quota_add(struct csc *csc, int64_t lease);
void csc_quota_drop(struct csc *csc, int64_t lease);
/* NULL: one more may be given. */
struct csc_quota *csc_quota_full(struct csc *csc, int64_t lease);
void csc_quotas_fini(struct csc *csc);
int csc_exhausted(const struct csc *csc, struct err *err); /* -ENOSPC: no free function */

int csc_follow_aggregates(struct csc *csc);
void csc_aggregates_retry(struct csc *csc);
void csc_aggregates_fini(struct csc *csc);

/* Members of an agent's object, checked, into out. stored: it is in the database; then ttl_s may be
 * absent (*ttl_s = 0: unknown), and members that we do not know are left out. */
int csc_agent_read(const json_t *obj, bool stored, unsigned int *ttl_s, json_t *out,
		   struct err *err);

#endif
