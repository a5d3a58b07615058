/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the parent side of ncc.
 *
 * The shadow is what should be in maps and kernel tables now. It is rebuilt from the pinned maps at
 * the start, changed by plans and by what the network does to next hops, and compared with the
 * real thing where a plan touches it and by the audit. A draft is a plan that is being received.
 */
#ifndef NCC_APPLY_INT_H
#define NCC_APPLY_INT_H

#include <uthash.h>
#include <utlist.h>

#include "ncc/apply.h"
#include "ncc/pool.h"
#include "ncc/wire.h"

#define APPLY_MAX_IFACES SAN_DEFAULT_IFACES
#define APPLY_MAX_SIDS 65536
#define APPLY_ACKS 64	      /* answers that wait for the socket */
#define APPLY_READ_BATCH 512  /* datagrams taken in one loop turn */
#define APPLY_AUDIT_MS 5000   /* between audits, or longer: ... */
#define APPLY_AUDIT_SHARE 200 /* ... an audit gets at most 1/200 of the time */
#define APPLY_SETTLE_SHARE 4  /* following the network gets at most 1/4 of it */
#define APPLY_SETTLE_MAX_MS 2000

/* --- shadow --- */

struct hop_key { /* what makes a next hop: its bytes */
	uint64_t outer[SAN_OUTER_WORDS];
	uint16_t outer_len;
	uint8_t hop_limit;
	uint8_t pad[5];
};

struct hop {
	struct hop_key key;
	uint32_t index;	      /* in san_nexthops */
	uint32_t id;	      /* the child's name for it; 0 = none in this session */
	uint64_t plan;	      /* generation of the last plan that named it */
	unsigned int refs;    /* entries that select it */
	uint64_t claimed;     /* check of the plan that puts this content */
	uint64_t counted;     /* check that `leaving` belongs to */
	unsigned int leaving; /* refs of entries that the plan being checked names */
	bool has_segs;	      /* false: adopted from the map, not yet named by a plan */
	struct san_msg_nexthop msg;
	struct san_nexthop val; /* as in the map */
	char ifname[IFNAMSIZ];
	char why[SAN_TEXT_LEN];	 /* not resolved: why */
	bool report;		 /* NH_STATE is due */
	struct hop *prev, *next; /* of those to report */
	UT_hash_handle hh, hh_id;
};

struct entry {
	uint64_t id; /* key */
	struct san_service val;
	struct in6_addr address;
	uint64_t plan;
	UT_hash_handle hh;
};

struct route {
	struct nl_encap_route r; /* r.dst is the key */
	uint64_t owner;		 /* service */
	bool missing;		 /* wanted, but no link is up to hold it: the audit puts it */
	uint64_t seen;		 /* number of the audit that saw it */
	UT_hash_handle hh;
};

struct lsid {
	struct san_msg_sid msg; /* msg.addr is the key */
	uint64_t plan;
	bool missing;
	uint64_t seen;
	UT_hash_handle hh;
};

/* --- draft --- */

struct draft_hop {
	struct san_msg_nexthop msg; /* msg.id is the key */
	bool del;
	struct san_nexthop val; /* outer header */
	UT_hash_handle hh;
};

struct draft_svc {
	struct san_msg_service msg; /* msg.service_id is the key */
	bool del;
	struct in6_addr old_address;
	UT_hash_handle hh, hh_addr;
};

struct draft_sid {
	struct san_msg_sid msg; /* msg.addr is the key */
	bool del;
	UT_hash_handle hh;
};

struct draft {
	bool open, full;
	uint64_t generation;
	uint32_t n;	/* objects */
	struct err err; /* first thing that was wrong; code 0 = nothing */
	struct draft_hop *hops;
	struct draft_svc *svcs, *by_address;
	struct draft_sid *sids;
};

/* --- undo --- */

enum undo_kind { UNDO_HOP_NEW, UNDO_HOP_NAME, UNDO_ENTRY, UNDO_ROUTE, UNDO_SID };

struct undo {
	uint8_t kind;
	bool had; /* there was an old one */
	union {
		struct {
			uint32_t index, id;
			bool has_segs;
			struct san_msg_nexthop msg;
		} hop;
		struct entry entry;
		struct route route;
		struct san_msg_sid sid;
	};
};

struct undo_log {
	struct undo *v;
	size_t n, room;
	bool off; /* while undoing and repairing */
};

/* --- host --- */

struct host_iface {
	struct san_msg_iface conf;
	unsigned int ifindex; /* 0 = does not exist */
	uint8_t mac[6];
	bool up;
	uint8_t attached; /* enum dp_attach_mode */
	bool report;
};

struct host_conf {
	bool has_config;
	struct san_msg_config config;
	struct san_msg_iface ifaces[APPLY_MAX_IFACES];
	unsigned int n_ifaces;
};

struct stat_row {
	uint32_t kind, index;
	uint64_t key;
};

struct apply {
	uv_loop_t *loop;
	int fd;
	char *pin_dir;
	uv_poll_t poll;
	uv_timer_t audit_timer, settle_timer;
	int handles; /* not yet closed */
	bool closing, writing, gone;
	void (*ready)(void *arg);
	void *ready_arg;

	struct nl *nl;
	struct dp *dp; /* NULL until the first CONFIG_END */

	/* session */
	uint32_t session; /* 0 = none yet */
	bool configured;  /* CONFIG_END of this session was accepted */
	bool planned;	  /* a full plan of this session was applied */
	bool ever_planned;
	uint64_t generation; /* last one seen in this session */
	struct host_conf incoming;
	struct err incoming_err;
	struct draft draft;

	/* host */
	struct host_conf conf; /* in force, when dp is open */
	struct host_iface ifaces[APPLY_MAX_IFACES];
	unsigned int n_ifaces;

	/* shadow */
	struct hop *hops, *hops_by_id;
	struct hop **by_index;
	struct entry *entries;
	struct route *routes;
	struct lsid *sids;
	struct pool indexes, stat_indexes;
	struct undo_log undo;
	uint64_t stamp;	 /* of the plan being applied, over all sessions */
	uint64_t checks; /* of plans as a whole */
	uint64_t audits; /* number of the last one */
	uint32_t applied, repaired;
	uint64_t settled_us; /* earliest time to follow the network again */

	/* out */
	struct wire_buf acks[APPLY_ACKS];
	unsigned int first_ack, n_acks;
	struct hop *reports;
	uint32_t request; /* STATS_REQ being answered; 0 = none */
	struct stat_row *stat_rows;
	size_t n_stat_rows, next_stat_row;
};

/* apply.c */
void apply_changed(void *arg); /* the network changed */

/* talk.c: the socket */
int talk_start(struct apply *a);
void talk_pump(struct apply *a);
void talk_ack(struct apply *a, unsigned int type, uint64_t generation, const struct err *err);
void talk_report_hop(struct apply *a, struct hop *hop);
void talk_reset(struct apply *a); /* a new session: forget what was for the old one */
void talk_stats(struct apply *a, uint32_t request);

/* session.c: what messages mean */
void session_message(struct apply *a, const struct wire_buf *msg, size_t len);

/* host.c */
int host_set(struct apply *a, struct err *err); /* puts `incoming` in force */
void host_follow(struct apply *a);		/* interfaces that come, go, move */
void host_verify(struct apply *a);		/* programs and roles that others took away */
const struct host_iface *host_by_index(const struct apply *a, unsigned int ifindex);
unsigned int host_core_link(const struct apply *a); /* first core interface that is up, or 0 */

/* draft.c */
void draft_begin(struct apply *a, uint64_t generation, bool full);
void draft_clear(struct draft *draft);
int draft_add(struct apply *a, unsigned int type, const void *payload, struct err *err);
/* The plan as a whole: references, limits, one owner for an address. */
int draft_check(struct apply *a, uint32_t count, struct err *err);
struct draft_hop *draft_hop(struct draft *draft, uint32_t id);

/* commit.c */
int apply_commit(struct apply *a, struct err *err);

/* hops.c: next hops of the shadow */
struct hop *hop_by_id(const struct apply *a, uint32_t id);
struct hop *hop_by_content(const struct apply *a, const struct san_nexthop *val);
struct hop *hop_by_index(const struct apply *a, uint32_t index);
int hop_adopt(struct apply *a, uint32_t index, const struct san_nexthop *val);
int hop_verify(struct apply *a, struct hop *hop);
int hop_take(struct apply *a, const struct draft_hop *want, struct err *err);
void hop_name(struct apply *a, struct hop *hop, uint32_t id); /* 0 takes the name away */
void hop_release(struct apply *a, struct hop *hop);
void hop_forget(struct apply *a, struct hop *hop); /* memory only */
/* Asks the network again; writes the map and reports if something is different. */
int hop_resolve(struct apply *a, struct hop *hop);
void hops_resolve(struct apply *a);

/* shadow.c: entries, routes, SIDs: kernel and shadow change together, and the old goes to the log
 */
int shadow_open(struct apply *a, struct err *err); /* from the pinned maps */
void shadow_clear(struct apply *a);
int shadow_adopt_routes(struct apply *a); /* of the table that is configured now */
void shadow_forget_routes(struct apply *a);
struct entry *shadow_entry(const struct apply *a, uint64_t id);
struct route *shadow_route(const struct apply *a, const struct in6_addr *dst);
struct lsid *shadow_sid(const struct apply *a, const struct in6_addr *addr);
int shadow_set_entry(struct apply *a, uint64_t id, const struct entry *want, struct err *err);
int shadow_set_route(struct apply *a, const struct in6_addr *dst, const struct route *want,
		     struct err *err);
/* The kernel's SID does what is wanted; without a wanted interface any will do. */
bool shadow_same_sid(const struct san_msg_sid *want, const struct san_msg_sid *real);
int shadow_set_sid(struct apply *a, const struct in6_addr *addr, const struct san_msg_sid *want,
		   struct err *err);

/* undo.c */
int undo_push(struct apply *a, const struct undo *undo); /* -ENOMEM */
void undo_all(struct apply *a);
void undo_forget(struct apply *a);

/* audit.c */
void audit_run(struct apply *a);
void audit_schedule(struct apply *a, uint64_t cost_us);
/* Kernel tables only: after links or routes of ours were touched. */
void audit_kernel(struct apply *a);

#endif
