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

#include <utlist.h>

#include "ncc/apply.h"
#include "ncc/buddy.h"
#include "ncc/pool.h"
#include "ncc/slots.h"
#include "ncc/wire.h"
#include "util/clock.h"
#include "util/hash.h"

#define APPLY_MAX_IFACES SAN_DEFAULT_IFACES
#define APPLY_MAX_SIDS SAN_DEFAULT_SIDS
#define APPLY_MAX_PREFIXES (SAN_MAX_BLOCKS + SAN_MAX_INSIDE)
#define APPLY_ACKS 64		 /* answers that wait for the socket */
#define APPLY_READ_BATCH 512	 /* datagrams taken in one loop turn */
#define APPLY_AUDIT_MS 5000	 /* between audits, or longer: ... */
#define APPLY_AUDIT_SHARE 200	 /* ... an audit gets at most 1/200 of the time */
#define APPLY_AUDIT_TRIES 3	 /* a table in which ours change while it is read is read again */
#define APPLY_AGAIN_MS 200	 /* at least, before kernel tables are read again; doubled ... */
#define APPLY_AGAIN_MAX_MS 60000 /* ... up to this while they do not hold still */
#define APPLY_AGAIN_SHARE 20	 /* ours are touched again and again: 1/20 of the time */
#define APPLY_AUDIT_STRAYS 4096	 /* routes that nobody wants, remembered by one audit */
#define APPLY_CLOSE_US 100000	 /* at the end, for kernel routes that follow a plan */
#define APPLY_SETTLE_SHARE 4	 /* following the network gets at most 1/4 of it */
#define APPLY_SETTLE_MAX_MS 2000
#define APPLY_EVENTS 256    /* events that wait for the socket */
#define APPLY_LEARNED_S 600 /* a learned MTU is believed so long (RFC 8201 section 4) */
#define APPLY_MIN_MTU 1280  /* of IPv6 */
#define APPLY_MAIN_TABLE 254
#define APPLY_SLICE_US 1500  /* a plan, kernel routes that follow one, an audit: each at a time */
#define APPLY_LATE_MS 2	     /* kernel routes wait so long for who was sent the answer */
#define APPLY_LINES_PER_S 10 /* of the log, about what the child sent */
#define APPLY_BATCH 256	     /* entries written by one system call */

/* --- shadow --- */

struct hop_key { /* what makes a next hop: its bytes; outer_len 0: DIRECT */
	uint64_t outer[SAN_OUTER_WORDS];
	uint16_t outer_len;
	uint8_t hop_limit;
	uint8_t families;
	uint8_t pad[4];
};

struct hop {
	struct hop_key key;
	uint32_t index;	      /* in san_nexthops */
	uint32_t id;	      /* the child's name for it; 0 = none in this session */
	uint64_t plan;	      /* generation of the last plan that named it */
	unsigned int refs;    /* entries that select it, a balanced one once for each member */
	unsigned int sids;    /* SIDs that lead to it: made by the parent */
	uint64_t claimed;     /* check of the plan that puts this content */
	uint64_t counted;     /* check that `leaving` belongs to */
	unsigned int leaving; /* refs of entries that the plan being checked names */
	bool has_segs;	      /* false: adopted from the map, not yet named by a plan */
	struct san_msg_nexthop msg;
	struct san_nexthop val;	 /* as in the map */
	struct in6_addr gateway; /* DIRECT: the neighbour; :: = no route */
	unsigned int link;	 /* DIRECT: that it is on, also one without a role; 0 = no route */
	uint32_t learned_mtu;	 /* told by a Packet Too Big; 0 = nothing */
	uint64_t learned_until_us;
	char ifname[IFNAMSIZ];
	char why[SAN_TEXT_LEN];	 /* not resolved: why */
	bool report;		 /* NH_STATE is due */
	struct hop *prev, *next; /* of those to report */
	UT_hash_handle hh, hh_id;
};

struct svc_key {
	uint64_t id;
	uint64_t scope; /* SAN_SCOPE_* */
};

/* What a balanced entry spreads over. base BUDDY_NONE: san_slots had no room, the entry is a
 * preferred one until the audit finds some. */
struct balance {
	uint32_t base;
	unsigned int bits;
	uint32_t *slots;	/* as in the map; NULL without a range */
	unsigned int n_members; /* 0: adopted */
	struct slots_member members[];
};

enum { FAMILY_IP6, FAMILY_IP4, FAMILIES };

struct entry {
	struct svc_key key;
	struct san_service val;
	struct balance *balance;	   /* NULL = not balanced */
	struct in6_addr address[FAMILIES]; /* IPv4-mapped; :: = none */
	uint64_t plan;
	bool written;  /* or in the batch */
	uint64_t seen; /* number of the audit that saw it in the map, or that it was written in */
	struct held *held; /* NULL = none */
	UT_hash_handle hh;
};

/* Going back failed: what the map may still say is kept until the entry was mended. */
struct held {
	uint32_t nexthop;
	struct balance *balance;
	struct held *next;
};

/* The counter of what is decapsulated here for a service: of its local entry and of its SIDs. */
struct egress {
	uint64_t service_id; /* key */
	uint32_t stats;
	unsigned int refs;
	UT_hash_handle hh;
};

struct route {
	struct nl_encap_route r; /* r.dst is the key */
	struct svc_key owner;
	uint32_t hop;	/* direct: index of the next hop whose neighbour it leads to */
	bool missing;	/* wanted, but no link is up to hold it: the audit puts it */
	bool late;	/* the kernel has the one before; on a->late_routes */
	uint64_t seen;	/* number of the audit that saw it, or that it was written in */
	uint64_t wrong; /* ... that saw another one in its place */
	struct route *prev_late, *next_late;
	UT_hash_handle hh;
};

struct lsid {
	struct san_msg_sid msg; /* msg.addr is the key */
	struct san_sid val;	/* as in san_sids */
	struct hop *hop;	/* End.DX6, End.DX4 */
	bool in_map;
	bool stray; /* in none of the domain's blocks */
	uint64_t plan;
	bool missing; /* the kernel's route */
	uint64_t seen, wrong;
	UT_hash_handle hh;
};

/* --- draft --- */

struct draft_hop {
	struct san_msg_nexthop msg; /* msg.id is the key */
	bool del;
	struct san_nexthop val; /* outer header */
	UT_hash_handle hh;
};

struct draft_svc;

struct draft_address {
	struct in6_addr addr; /* key */
	struct draft_svc *svc;
	UT_hash_handle hh;
};

struct draft_svc {
	struct svc_key key;
	struct san_msg_service msg;
	bool del;
	struct san_msg_member *members; /* msg.n_members of them when it is complete */
	unsigned int n_members;
	struct draft_address address[FAMILIES];
	struct in6_addr old_address[FAMILIES];
	UT_hash_handle hh;
};

struct draft_sid {
	struct san_msg_sid msg; /* msg.addr is the key */
	bool del;
	UT_hash_handle hh;
};

struct rules { /* of the classifier */
	struct san_msg_class *v;
	unsigned int n;
	bool known; /* false: what is in the maps was not written by this process */
};

struct draft {
	bool open, full;
	bool classes; /* its rules count */
	uint64_t generation;
	uint32_t n;	/* objects */
	struct err err; /* first thing that was wrong; code 0 = nothing */
	struct draft_hop *hops;
	struct draft_svc *svcs;
	struct draft_svc *last; /* that MEMBERs belong to */
	struct draft_address *addresses;
	struct draft_sid *sids;
	struct rules rules;
	bool has_local;	  /* a service of local scope is put */
	size_t n_members; /* announced by its services */
};

/* --- slices --- */

/* Long work is cut: events, answers and signals are served in between. */
struct slice {
	uint64_t until_us;
	unsigned int n;
};

static inline struct slice slice_of(uint64_t us)
{
	return (struct slice){.until_us = clock_us() + us};
}

static inline bool slice_over(struct slice *s)
{
	return ++s->n % 4 == 0 && clock_us() >= s->until_us;
}

/* Entries of one map that are in the shadow, but not yet written. */
struct entry_batch {
	unsigned int n;
	bool local;
	int added;     /* of them new */
	int64_t slots; /* more than before */
	uint64_t ids[APPLY_BATCH];
	struct san_service vals[APPLY_BATCH];
};

/* The plan that is checked and applied; the next one is collected meanwhile. */
struct job {
	bool running, undoing;
	unsigned int phase;
	bool entered; /* next is that of this phase */
	void *next;   /* item of the phase's list */
	struct slice slice;
	uint64_t started_us;
	uint32_t count; /* of COMMIT */
	struct err err;
	unsigned int hops, svcs[2], sids; /* when it will be applied */
};

struct audit {
	bool running, maps; /* maps too, or kernel tables only */
	bool again;	    /* kernel tables once more when it is done */
	unsigned int phase;
	bool entered;
	void *next; /* item; moves on when that item goes */
	uint32_t index;
	struct dp_walk walk;
	struct nl_walk *table; /* being read */
	unsigned int tries;
	bool unread;		 /* a table that could not be read */
	bool waited;		 /* it was due earlier */
	struct in6_addr *strays; /* of the table being read */
	unsigned int n_strays, stray_room;
	struct slice slice;
	uint64_t spent_us;
	uint64_t before; /* repairs */
};

/* --- undo --- */

enum undo_kind { UNDO_HOP_NEW, UNDO_HOP_NAME, UNDO_ENTRY, UNDO_ROUTE, UNDO_SID, UNDO_RULES };

struct undo {
	uint8_t kind;
	bool had; /* there was an old one */
	union {
		struct {
			uint32_t index, id;
			bool has_segs;
			struct san_msg_nexthop msg;
		} hop;
		struct entry entry; /* owns entry.balance once the entry has another one */
		struct route route;
		struct san_msg_sid sid;
		struct rules rules;
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
	struct san_msg_prefix prefixes[APPLY_MAX_PREFIXES];
	unsigned int n_prefixes;
};

struct stat_row {
	uint32_t kind, index; /* index: of the counter; REASON: interface */
	uint64_t key;
};

struct event_source { /* the ring buffer on the loop; its own memory, for dp may change */
	uv_poll_t poll;
	struct apply *apply;
};

struct apply {
	uv_loop_t *loop;
	int fd;
	char *pin_dir;
	uv_poll_t poll;
	uv_timer_t audit_timer, again_timer, settle_timer, trace_timer, learned_timer, late_timer;
	struct {
		struct in6_addr segment;
		uint32_t mtu;
		uint64_t again_us;
	} told;	     /* the last Packet Too Big, see learned.c */
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
	struct draft draft; /* being received */
	struct draft plan;  /* being applied */
	struct job job;
	struct audit audit;
	struct entry_batch batch;
	struct wire_in in; /* read from the socket */
	unsigned int next_in;
	bool held;	/* the next message waits for the end of the job */
	uv_idle_t idle; /* active while there is something left to do */
	struct route *late_routes;
	bool late_due; /* they have waited long enough */

	/* host */
	struct host_conf conf; /* in force, when dp is open */
	struct host_iface ifaces[APPLY_MAX_IFACES];
	unsigned int n_ifaces;

	/* shadow */
	struct hop *hops, *hops_by_id;
	struct hop **by_index;
	struct entry *entries;
	unsigned int n_entries[2]; /* by scope */
	struct egress *egress;
	struct route *routes;
	struct lsid *sids;
	struct rules rules;
	struct pool indexes, stat_indexes;
	struct buddy ranges;
	unsigned int stray_sids;
	bool orphans;		  /* next hops that lost their last SID */
	bool direct_changed;	  /* neighbours of DIRECT next hops */
	struct san_domain domain; /* as in the map, class_set excepted */
	struct san_trace trace;
	bool crowded[SAN_MAP_MAX]; /* said that it is nearly full */
	struct undo_log undo;
	uint64_t stamp;			  /* of the plan being applied, over all sessions */
	uint64_t checks;		  /* of plans as a whole */
	uint64_t audits;		  /* number of the last one */
	uint64_t again_us, again_wait_us; /* earliest time to read kernel tables again */
	uint32_t applied;
	uint32_t repaired;		  /* not yet told */
	uint64_t repairs[SAN_REPAIR_MAX]; /* since the start */
	uint64_t repairs_all;		  /* their sum */
	uint64_t overruns_told, repairs_told;
	struct {
		uint64_t second_us;
		unsigned int n, left_out;
	} lines;		 /* of the log, that the child causes */
	char note[SAN_TEXT_LEN]; /* what the plans that were applied left out */
	uint64_t settled_us;	 /* earliest time to follow the network again */

	/* out */
	struct wire_buf acks[APPLY_ACKS];
	unsigned int first_ack, n_acks;
	struct hop *reports;
	uint32_t request; /* STATS_REQ being answered; 0 = none */
	struct stat_row *stat_rows;
	size_t n_stat_rows, next_stat_row;
	struct event_source *source;
	struct san_msg_event events[APPLY_EVENTS];
	unsigned int first_event, n_events;
	uint64_t passed, lost;	  /* events */
	uint64_t rate_started_us; /* the second that is counted */
	unsigned int rate_n;
};

/* apply.c */
void apply_changed(void *arg);	  /* the network changed */
void apply_soon(struct apply *a); /* the same, in a later turn of the loop */
void apply_handle_gone(struct apply *a);

/* Found different from what had been applied, and mended. */
void apply_repaired(struct apply *a, enum san_repair kind);
/* There is work for the next turns of the loop. */
void apply_go_on(struct apply *a);
/* Answers first, then what is left of plans that were answered. */
void apply_rest(struct apply *a);

/* talk.c: the socket */
int talk_start(struct apply *a);
void talk_pump(struct apply *a);
void talk_ack(struct apply *a, unsigned int type, uint64_t generation, const struct err *err);
void talk_report_hop(struct apply *a, struct hop *hop);
void talk_reset(struct apply *a);  /* a new session: forget what was for the old one */
void talk_resume(struct apply *a); /* the job that a message waited for is done */
/* One datagram at once; -EAGAIN. */
int talk_send(struct apply *a, enum san_msg_type type, const void *payload);

/* counters.c */
void counters_ask(struct apply *a, uint32_t request);
int counters_pump(struct apply *a); /* as much as the socket takes; -EAGAIN */
void counters_drop(struct apply *a);

/* session.c: what messages mean */
/* -EAGAIN: not now, a plan is being applied. */
int session_message(struct apply *a, const struct wire_buf *msg, size_t len);
/* The job is done: answers. */
void session_finished(struct apply *a);
/* A child gone mad does not fill the log: asked before each line that a message can cause. */
bool session_may_log(struct apply *a);

/* host.c */
int host_set(struct apply *a, struct err *err); /* puts `incoming` in force */
int host_attach(struct apply *a, struct host_iface *iface, struct err *err);
void host_prune(struct apply *a);
const struct host_iface *host_by_index(const struct apply *a, unsigned int ifindex);
unsigned int host_core_link(const struct apply *a); /* first core interface that is up, or 0 */

/* follow.c */
void host_follow(struct apply *a); /* interfaces that come, go, move */
void host_verify(struct apply *a); /* programs and roles that others took away */

/* routing.c: rule, table, tunnel source */
int routing_set(struct apply *a, struct err *err); /* of `incoming` */
/* An ingress, or a gateway with local services, whose kernel routes End.SAN finds by the rule. */
bool routing_wanted(const struct apply *a);
void routing_drop_stale(struct apply *a); /* what an earlier configuration left */

/* draft.c */
void draft_begin(struct apply *a, uint64_t generation, uint32_t flags);
void draft_clear(struct draft *draft);
/* As much as the slice allows; 1: there is more. */
int draft_clear_some(struct draft *draft, struct slice *slice);
int draft_add(struct apply *a, unsigned int type, const void *payload, struct err *err);
struct draft_hop *draft_hop(struct draft *draft, uint32_t id);
struct draft_svc *draft_svc(struct draft *draft, const struct svc_key *key);
int draft_hop_error(struct err *err, int code, uint32_t id, const char *field, const char *want);
int draft_svc_error(struct err *err, int code, const struct svc_key *key, const char *field,
		    const char *want);

/* draft_check.c: references, limits, one owner for an address. Of a->plan, one item at a time. */
int check_count(struct apply *a, void *none, struct err *err);
int check_prepare(struct apply *a, void *draft_svc, struct err *err);
int check_hop(struct apply *a, void *draft_hop, struct err *err);
int check_svc(struct apply *a, void *draft_svc, struct err *err);
int check_leaving(struct apply *a, void *draft_svc, struct err *err);
int check_removal(struct apply *a, void *draft_hop, struct err *err);
int check_sid(struct apply *a, void *draft_sid, struct err *err);
int check_limits(struct apply *a, void *none, struct err *err);

/* commit.c: takes the draft; done at once when it is small, else by and by. session_finished is
 * called at the end. */
void job_start(struct apply *a, uint32_t count);
void job_run(struct apply *a);
void job_cancel(struct apply *a); /* memory only */

/* hops.c: next hops of the shadow */
struct hop *hop_by_id(const struct apply *a, uint32_t id);
struct hop *hop_by_content(const struct apply *a, const struct san_nexthop *val);
struct hop *hop_by_index(const struct apply *a, uint32_t index);
int hop_adopt(struct apply *a, uint32_t index, const struct san_nexthop *val);
int hop_verify(struct apply *a, struct hop *hop);
int hop_take(struct apply *a, const struct draft_hop *want, struct err *err);
/* A DIRECT one for a SID; the caller counts hop->sids. */
int hop_direct(struct apply *a, const struct in6_addr *address, struct hop **out, struct err *err);
void hop_name(struct apply *a, struct hop *hop, uint32_t id); /* 0 takes the name away */
void hop_release(struct apply *a, struct hop *hop);
void hop_forget(struct apply *a, struct hop *hop); /* memory only */

/* resolve.c: where next hops lead */
struct in6_addr hop_destination(const struct hop *hop); /* first segment, or the instance */
bool hop_is_direct(const struct hop *hop);
/* Works out val; hop->why, gateway and ifname, too. */
int hop_look(struct apply *a, struct hop *hop, struct san_nexthop *val);
/* Asks the network again; writes the map and reports if something is different. */
int hop_resolve(struct apply *a, struct hop *hop);
void hops_resolve(struct apply *a);

/* learned.c: MTUs told by Packet Too Big */
void learned_take(struct apply *a, const struct in6_addr *segment, uint32_t mtu);

/* shadow.c: start and end */
int shadow_open(struct apply *a, struct err *err); /* from the pinned maps */
void shadow_clear(struct apply *a);
/* No link to hold it, or another's route in its place: no reason to refuse a plan. Clears err. */
bool shadow_can_wait(struct apply *a, int r, struct err *err);

/* The setters of entries, routes, SIDs and rules change the real thing and the shadow together, and
 * the old goes to the log. */

/* entries.c */
struct entry_want {
	struct svc_key key;
	struct san_service val; /* without stats and slots */
	struct in6_addr address[FAMILIES];
	const struct slots_member *members; /* BALANCED */
	unsigned int n_members;
};
struct entry *shadow_entry(const struct apply *a, const struct svc_key *key);
int shadow_put_entry(struct apply *a, const struct entry_want *want, struct err *err);
/* Entries that were put are in the map from now on. */
int shadow_flush_entries(struct apply *a, struct err *err);
void shadow_drop_entries(struct apply *a); /* ... or never */
int shadow_del_entry(struct apply *a, const struct svc_key *key, struct err *err);
int shadow_undo_entry(struct apply *a, const struct undo *undo, struct err *err);
int shadow_adopt_entries(struct apply *a);
void shadow_verify_entry(struct apply *a, struct entry *e);
/* Some entries of a map: what differs from the shadow is mended. 1: there are more. */
int shadow_verify_map(struct apply *a, bool local, struct dp_walk *walk);
void shadow_clear_entries(struct apply *a);

/* balance.c: slot ranges */
/* What it should be after `old`: members in force, assignment worked out, nothing written. Takes a
 * range when the old one is too small; without room base is BUDDY_NONE or the old one. -ENOMEM. */
int balance_plan(struct apply *a, const struct balance *old, const struct entry_want *want,
		 struct balance **out);
int balance_adopt(struct apply *a, const struct san_service *val, struct balance **out);
/* Slots that differ from those of before (NULL = all of them). */
int balance_write(struct apply *a, const struct balance *b, const struct balance *before);
int balance_verify(struct apply *a, const struct balance *b); /* > 0: repaired */
/* Memory; the range too, unless `heir` goes on with it. */
void balance_drop(struct apply *a, struct balance *b, const struct balance *heir);

/* egress.c */
uint32_t egress_ref(struct apply *a, uint64_t service_id); /* index into san_svc_stats */
void egress_unref(struct apply *a, uint64_t service_id);
void egress_adopt(struct apply *a, uint64_t service_id, uint32_t stats); /* a reference, too */
void egress_clear(struct apply *a);

/* routes.c */
struct route *shadow_route(const struct apply *a, const struct in6_addr *dst);
int shadow_set_route(struct apply *a, const struct in6_addr *dst, const struct route *want,
		     struct err *err);
int shadow_undo_route(struct apply *a, const struct undo *undo, struct err *err);
/* Kernel routes of plans that were answered already. 1: there are more. */
int routes_late(struct apply *a, struct slice *slice);
int shadow_adopt_routes(struct apply *a); /* of the table that is configured now */
void shadow_forget_routes(struct apply *a);
/* What leads the kernel to that next hop; NULL: unreachable. */
void route_to(const struct apply *a, const struct hop *hop, struct route *route);
void routes_follow(struct apply *a); /* neighbours of direct ones */

/* lsids.c */
struct lsid *shadow_sid(const struct apply *a, const struct in6_addr *addr);
int shadow_set_sid(struct apply *a, const struct in6_addr *addr, const struct san_msg_sid *want,
		   struct err *err);
int shadow_adopt_sids(struct apply *a);
void shadow_clear_sids(struct apply *a);
void shadow_verify_sid(struct apply *a, struct lsid *sid);	  /* san_sids */
int shadow_verify_sid_map(struct apply *a, struct dp_walk *walk); /* strays; 1: there are more */
void sids_follow(struct apply *a); /* interfaces of their next hops, blocks */

/* rules.c: the classifier */
int rules_put(struct apply *a, struct err *err); /* of the draft */
int rules_restore(struct apply *a, const struct rules *old, struct err *err);
void rules_verify(struct apply *a);
void rules_clear(struct rules *rules);

/* domain.c */
int domain_sync(struct apply *a); /* configuration, trace, stray SIDs: writes what differs */
void domain_verify(struct apply *a);
bool domain_in_block(const struct apply *a, const struct in6_addr *addr);
void domain_trace(struct apply *a, const struct san_msg_trace *trace);
void domain_trace_end(struct apply *a);

/* events.c */
int events_start(struct apply *a); /* with the dp in force */
void events_stop(struct apply *a);
int events_pump(struct apply *a); /* what waits; -EAGAIN */

/* room.c: how full the maps are */
void room_get(struct apply *a, enum san_map map, uint64_t *used, uint64_t *size);
void room_look(struct apply *a); /* says it once when one is nearly full */
/* The same of the maps that plans change. */
void room_look_plan(struct apply *a);
/* -ENOSPC: map, its size and the member of the configuration that raises it. */
int room_error(struct apply *a, struct err *err, enum san_map map);

/* undo.c */
int undo_push(struct apply *a, const struct undo *undo); /* -ENOMEM */
/* As much as the slice allows; 1: there is more. */
int undo_some(struct apply *a, struct slice *slice);
int undo_settle(struct apply *a, struct slice *slice);
void undo_forget(struct apply *a);
void undo_free(struct apply *a);

/* audit.c */
void audit_run(struct apply *a); /* all of it, now */
void audit_slice(struct apply *a);
void audit_schedule(struct apply *a, uint64_t cost_us);
/* Kernel tables only, soon: after links or routes of ours were touched. */
void audit_kernel(struct apply *a);
void audit_cancel(struct apply *a);
/* An item of the shadow goes. */
void audit_leave(struct apply *a, const void *item, void *next);

static inline uint64_t apply_now_ms(void)
{
	return clock_us() / 1000;
}

#endif
