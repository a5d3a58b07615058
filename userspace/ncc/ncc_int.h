/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the child side of ncc.
 *
 * Desired objects live in hashes; a changed one is on the list `dirty` until a plan takes it. A
 * plan is a snapshot: its messages are encoded at once into the out queue, so what changes while
 * they travel belongs to the next plan. A removed object stays (refs or alive 0) until the plan
 * that names its removal is acknowledged. A refused plan makes the next one a full one.
 */
#ifndef NCC_INT_H
#define NCC_INT_H

#include <utlist.h>

#include "ncc/ncc.h"
#include "ncc/wire.h"
#include "util/hash.h"

#define NCC_READ_BATCH 256     /* datagrams taken in one loop turn */
#define NCC_BACKOFF_MIN_MS 100 /* after a refused plan */
#define NCC_BACKOFF_MAX_MS 10000
#define NCC_STATS_TIMEOUT_MS 5000
#define NCC_STATS_WAITERS 256 /* callers at once */
#define NCC_MAX_SIDS 65536

enum item_kind { ITEM_NEXTHOP, ITEM_SERVICE, ITEM_SID };

enum { FAMILY_IP6, FAMILY_IP4, FAMILIES };

/* What the three kinds of objects share; first member of each. */
struct item {
	struct item *prev, *next; /* on ncc->dirty or ncc->leaving */
	uint8_t kind;
	bool dirty, leaving; /* which of the two lists */
	bool sent;	     /* the parent may know it */
};

struct nh {
	struct item item;
	struct plan_nexthop content; /* key */
	uint32_t id;		     /* key; never used twice in a session */
	unsigned int refs;	     /* services that have it alive; 0 = removed */
	bool has_state;
	struct san_msg_nh_state state;
	UT_hash_handle hh, hh_id;
};

struct svc_key {
	uint64_t id;
	uint64_t scope; /* SAN_SCOPE_* */
};

struct address;
struct svc;

struct claim { /* of a service to an address */
	struct svc *svc;
	struct address *address; /* NULL = none */
	struct claim *prev, *next;
};

struct member {
	struct nh *nh;
	uint32_t weight; /* of all candidates that have this next hop */
};

struct svc {
	struct item item;
	struct svc_key key;
	bool removed;
	uint8_t mode, affinity, flags;
	uint32_t idle_s;
	uint64_t groups;
	struct claim claims[FAMILIES];
	struct nh *selected;
	struct nh **alive; /* distinct, each counted in nh->refs */
	unsigned int n_alive;
	struct member *members; /* BALANCED: distinct ones of alive, in order of id */
	unsigned int n_members;
	unsigned int slots; /* that the parent needs for it */
	uint64_t desired;   /* generation of the last change */
	uint64_t carried;   /* last generation that carried it */
	uint64_t applied;   /* last one before `carried` that was applied */
	UT_hash_handle hh;
};

/* The kernel's route for an address can lead to one place: of the services that share an address,
 * a local one has it, then the one with the smallest ID. */
struct address {
	struct in6_addr addr; /* key; IPv4-mapped for IPv4 */
	struct claim *users;
	struct svc *owner;
	UT_hash_handle hh;
};

struct sid {
	struct item item;
	struct in6_addr addr; /* key */
	bool removed;
	struct san_msg_sid msg;
	UT_hash_handle hh;
};

struct iface {
	struct ncc_iface conf;
	struct san_msg_iface_state state;
	UT_hash_handle hh; /* by conf.name */
};

struct waiter {
	ncc_stats_cb done;
	void *arg;
	struct waiter *next;
};

enum phase { PHASE_CONFIG, PHASE_READY, PHASE_REFUSED, PHASE_GONE };

struct out_queue {
	unsigned char *buf;
	size_t pos, len, room;
};

struct ncc {
	uv_loop_t *loop;
	int fd;
	uv_poll_t poll;
	uv_timer_t retry, stats_timer;
	int handles; /* not yet closed */
	bool closing, writing;

	ncc_acked_cb acked;
	void *acked_arg;
	void (*hangup)(void *arg);
	void *hangup_arg;

	struct san_msg_config config;
	uint32_t session;
	enum phase phase;
	struct out_queue out;

	struct nh *nexthops, *nexthops_by_id;
	struct svc *services;
	struct address *addresses;
	struct sid *sids;
	struct iface *ifaces;
	unsigned int n_services[2]; /* by scope; this and the next: not removed */
	unsigned int n_nexthops, n_sids;
	unsigned int n_direct; /* SIDs that the parent makes a next hop for */
	unsigned int n_slots;
	struct plan_class *classes, *intents;
	unsigned int n_classes, n_intents; /* together at most SAN_MAX_CLASSES */
	bool classes_changed;		   /* one of the two */
	uint32_t last_id;
	struct item *dirty, *leaving;

	uint64_t generation; /* last one sent */
	bool in_flight;	     /* ... and not acknowledged */
	bool wanted;	     /* a flush asked for a plan */
	bool need_full;
	uint64_t wanted_us, flushed_us; /* time of the flush: next plan's, this plan's */
	uint64_t refused_us;
	unsigned int backoff_ms; /* 0 = last plan was not refused */
	struct ncc_status status;
	struct hist apply_us;

	uint32_t request; /* last STATS_REQ */
	bool stats_busy;
	struct waiter *stats_now, *stats_next;
	unsigned int n_waiters;
	json_t *stats;

	ncc_event_cb on_event;
	void *event_arg;
	void (*on_nexthop)(void *arg);
	void *nexthop_arg;
};

/* state.c: lists, next hops */
struct nh *state_nexthop(const struct ncc *ncc, uint32_t id);
void state_mark(struct ncc *ncc, struct item *item);
void state_unlist(struct ncc *ncc, struct item *item);
void state_free_item(struct ncc *ncc, struct item *item);
void state_clear(struct ncc *ncc);
/* Map, its size, the member of the configuration that raises it (NULL: fixed). -ENOSPC. */
int state_full(struct err *err, const char *map, unsigned int size, const char *member);
int nh_check(const struct plan_nexthop *nh, struct err *err);
int nh_ref(struct ncc *ncc, const struct plan_nexthop *content, struct nh **out, struct err *err);
void nh_unref(struct ncc *ncc, struct nh *nh);

/* services.c */
struct svc *svc_find(const struct ncc *ncc, uint64_t id, uint8_t scope);
void svc_free(struct ncc *ncc, struct svc *svc);

/* wish.c: what a service put in asks for */
struct wish {
	struct nh **alive;
	unsigned int n;
	struct nh *selected;
	struct member *members;
	unsigned int n_members;
};
/* Each distinct next hop once, referenced. */
int wish_take(struct ncc *ncc, struct wish *w, const struct plan_service *p, struct err *err);
void wish_drop(struct ncc *ncc, struct wish *w);

/* addresses.c */
struct address *address_get(struct ncc *ncc, const struct in6_addr *addr);  /* NULL: no memory */
void address_join(struct ncc *ncc, struct claim *claim, struct address *a); /* NULL leaves */
bool address_owned(const struct claim *claim);
/* One that nobody came to claim goes. */
void address_tidy(struct ncc *ncc, struct address *a);

/* sids.c */
void sid_free(struct ncc *ncc, struct sid *sid);

/* watch.c */
void watch_on_event(struct ncc *ncc, const struct san_msg_event *msg);

/* plans.c */
void plans_try(struct ncc *ncc); /* starts a plan if one is wanted and may start */
void plans_on_ack(struct ncc *ncc, const struct san_msg *hdr, const struct san_msg_ack *ack);

/* io.c */
int io_push(struct ncc *ncc, enum san_msg_type type, uint64_t generation, const void *payload);
int io_reserve(struct ncc *ncc, size_t bytes);
void io_pump(struct ncc *ncc);
int io_start(struct ncc *ncc);

/* stats.c */
void stats_on_row(struct ncc *ncc, const struct san_msg_stat *row);
void stats_on_end(struct ncc *ncc, uint32_t request);
void stats_fail(struct ncc *ncc, int status); /* answers everybody */

#endif
