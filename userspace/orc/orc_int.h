/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of orc share. The way of a change: observe.c (view event -> marks on services and
 * candidates) -> sched.c (when) -> collect.c (candidates) -> eval.c (score what is marked, damp,
 * decide) -> emit.c (to ncc).
 * Aside: index.c (which services a gateway or path touches), heap.c (what is due when), rate.c (how
 * often ncc is told), publish.c (aggregates of a gateway), sids.c (gateway role), classes.c
 * (classifier rules), history.c (for explain).
 * Two clocks: now_us is view_time(), in which values age and holds end; what has been decided is
 * carried out, logged and measured by clock_us().
 */
#ifndef ORC_INT_H
#define ORC_INT_H

#define HASH_NONFATAL_OOM 1 /* a failed HASH_ADD leaves hh.tbl NULL */
#include "orc/orc.h"

#include <string.h>

#include "ssc/ssc.h"
#include "util/clock.h"

/* A change of a selection, for the log and the history. */
struct orc_change {
	struct orc_change *next; /* newer */
	uint64_t at_us;		 /* clock_us() */
	uint8_t scope;		 /* SAN_SCOPE_* */
	int64_t wall_ms;	 /* CLOCK_REALTIME */
	enum ssc_why why;
	struct orc_pick {
		bool valid;
		uint16_t metric;
		unsigned int members;		       /* BALANCED */
		const char *instance, *gateway, *path; /* in names[] */
	} from, to;
	char names[];
};

#define ORC_SAY_MAX 20 /* changes that are logged one by one in a round */

#define CAND_DIRTY 0x1 /* in dirty[] */
#define CAND_AGED 0x2  /* policy worsen: scored with a value beyond max_age */

/* A place in a heap of what is due when. */
struct orc_due {
	uint64_t at_us;
	size_t place; /* from 1; 0 = none */
	struct orc_service *svc;
};
struct orc_heap {
	struct orc_due **v; /* v[1..n], the earliest first */
	size_t n, cap;
};

/* A registered service as one scope sees it. view->user points to that of the ingress. */
struct orc_service {
	struct view_service *view;
	uint8_t scope;			 /* SAN_SCOPE_* */
	uint8_t steering;		 /* that its candidates are collected for */
	struct orc_service *local;	 /* choice among our own instances; NULL: none to be made */
	struct orc_service *prev, *next; /* in orc->queue */
	struct orc_service *next_put;	 /* put in this round */
	struct orc_service *next_said;
	struct orc_service *next_told; /* its aggregate is to be told after this round */
	bool queued;
	bool rebuild;	       /* candidates are to be collected anew; there are none now */
	bool replan;	       /* what ncc has may differ, whatever is selected */
	bool planned, refused; /* ncc knows it; ncc refused it */
	bool deferred;	       /* ncc will be told, later */
	bool said;	       /* in orc->said */
	bool cut, trimmed;     /* too many candidates, too many next hops: said */
	bool evaluated;
	uint64_t uses[ATTR_LIMIT / 64]; /* attributes that matter to a score, a bit each */
	/* Candidates: those of one instance lie together, in the order of its gateway's paths. */
	unsigned int n, n_dirty;
	const struct ssc_candidate *cands; /* in orc->cands, while orc->filled is this one */
	struct ssc_score *scores;
	uint8_t *flags; /* CAND_*, in the same piece of memory as scores */
	/* BALANCED: in force; NULL: never was. Before a rebuild those of the candidates that were,
	 * in the places that the seats still name. */
	uint32_t *weights;
	unsigned int n_free;	   /* instances: satisfying, not suppressed */
	unsigned int n_suppressed; /* instances */
	bool damped;		   /* some instance is scored as damped */
	struct ssc_choice choice;
	struct ssc_result last;
	struct ssc_calm *calm; /* NULL: nothing to remember yet */
	struct orc_due due;    /* evaluate again then, in view_time() */
	struct orc_due send;   /* tell ncc then, in clock_us() */
	uint64_t sent_us;      /* ncc was told, clock_us() */
	struct orc_told *told; /* the aggregate that was told; NULL: none */
	uint64_t changes, generation;
	struct orc_change *oldest, *newest; /* the last ORC_HISTORY */
	unsigned int n_history;
};

/* An instance among the candidates of its service in one scope. */
struct orc_seat {
	uint16_t first, n;	/* its candidates when they were last collected */
	uint8_t damped : 1;	/* scored as damped */
	uint8_t free : 1;	/* as counted in its service, and */
	uint8_t suppressed : 1; /* likewise */
	uint8_t known : 1;	/* it was evaluated, and */
	uint8_t satisfied : 1;	/* it satisfied then */
	uint8_t is : 1;		/* there is such a seat */
};

/* What few instances have. */
struct orc_more {
	struct ssc_damping damping[2]; /* by scope */
	struct orc_seat local;	       /* in SAN_SCOPE_LOCAL */
	struct orc_use *sid;	       /* its use of its SID; NULL: none */
};

/* Any instance of the view, in its room for us: orc_of(). */
struct orc_instance {
	struct orc_instance *prev, *next; /* of its gateway */
	struct orc_more *more;		  /* NULL: none of it */
	struct orc_seat seat;
	uint16_t gateway; /* in orc->sites; 0: not registered (no gateway or address) */
};
_Static_assert(sizeof(struct orc_instance) <= VIEW_INSTANCE_ROOM, "there are up to a million");

#define ORC_MAX_SITES 65535

/* What an egress touches. Lives while it has a path or an instance. */
struct orc_gateway {
	char name[NAME_LEN];
	uint16_t site;		  /* from 1 */
	struct view_path **paths; /* defined, from our ingress */
	unsigned int n_paths, cap_paths;
	struct orc_instance *instances;
	UT_hash_handle hh;
};

/*
 * A SID, the addresses that it is claimed for (one of them is in force, the others wait), and the
 * services whose instances claim it for that address. Thousands may share one: nothing here is
 * looked for by walking.
 */
struct orc_sid {
	struct plan_sid plan;
	bool configured; /* stays as it is, whoever claims it */
	bool said;	 /* that an address waits */
	struct orc_claim *claims, *in_force;
	UT_hash_handle hh; /* by plan.addr */
};
struct orc_claim {
	struct orc_claim_key {
		struct orc_sid *sid;
		struct in6_addr address;
	} key;
	unsigned int users; /* instances */
	struct orc_use *uses;
	struct orc_claim *prev, *next; /* of the SID, the oldest first */
	UT_hash_handle hh;
};
struct orc_use {
	struct orc_use_key {
		struct orc_claim *claim;
		uint64_t service;
	} key;
	unsigned int users;	     /* instances */
	struct orc_use *prev, *next; /* of the claim */
	UT_hash_handle hh;
};

struct orc {
	uv_loop_t *loop;
	struct view *view;
	struct ncc *ncc;
	char ingress[NAME_LEN], gateway[NAME_LEN]; /* "" = no such role */
	bool started;

	struct orc_gateway *gateways; /* uthash by name */
	struct orc_gateway **sites;   /* the same by number; NULL: free */
	unsigned int cap_sites, last_site;
	bool sites_full;      /* said */
	struct orc_sid *sids; /* uthash by address */
	struct orc_claim *sid_claims;
	struct orc_use *sid_uses;
	unsigned int n_sids_refused; /* instances whose claims wait */
	const char *const *groups;
	unsigned int n_groups;

	struct orc_service *queue; /* to evaluate */
	struct orc_service *puts;  /* handed to ncc in this round */
	bool plan_touched;	   /* something was handed to ncc since the last flush */
	/* For the service that is looked at, the others keep less. */
	struct orc_service *filled; /* whose candidates these are; NULL: nobody's */
	struct ssc_candidate cands[ORC_MAX_CANDIDATES];
	uint16_t order[ORC_MAX_CANDIDATES];
	uint32_t no_weights[ORC_MAX_CANDIDATES];

	struct orc_heap due, send;
	void (*publish)(void *arg, uint64_t service, const struct aggregate *agg);
	void *arg;
	struct orc_service *told; /* aggregates to be told after this round */
	struct orc_service *said; /* selections that changed, not yet in the log */
	unsigned int n_said;
	bool said_next; /* in the next turn */

	uv_check_t check;	    /* same loop turn */
	uv_idle_t idle;		    /* keeps the turn from waiting */
	uv_idle_t say;		    /* active while something is to be said */
	uv_timer_t later, deadline; /* coalescing; the first of both heaps */
	uv_timer_t classes_retry;
	bool classes_changed;	/* since ncc was told */
	unsigned int n_handles; /* open */
	bool armed;		/* a round will come */
	uint64_t first_event_us, last_round_us;
	struct orc_stats stats;
	struct hist react_us, round_us;
};

static inline uint64_t orc_now(const struct orc *orc)
{
	return view_time(orc->view, clock_us());
}

/* index.c */
struct orc_gateway *orc_gateway_find(const struct orc *orc, const char *name);
/* -ENOSPC: ORC_MAX_SITES; -ENOMEM. */
int orc_gateway_join(struct orc *orc, struct orc_instance *inst, const char *name);
void orc_gateway_leave(struct orc *orc, struct orc_instance *inst);
/* Place in gateway->paths, -1. */
int orc_gateway_path(const struct orc_gateway *gw, const struct view_path *path);
int orc_gateway_add_path(struct orc *orc, struct view_path *path);
/* False: it was not there. May free the gateway. */
bool orc_gateway_drop_path(struct orc *orc, struct view_path *path);
void orc_gateways_fini(struct orc *orc);

/* observe.c */
void orc_observe(void *arg, const struct view_event *event);
void orc_attach(struct orc *orc); /* takes what the view holds already */
void orc_detach(struct orc *orc); /* frees all that hangs in the view */
/* NULL: we have not heard of it. */
static inline struct orc_instance *orc_of(const struct view_instance *view)
{
	struct orc_instance *inst = (struct orc_instance *)view->user;

	return inst->seat.is ? inst : NULL;
}
static inline struct view_instance *orc_view(const struct orc_instance *inst)
{
	return (struct view_instance *)((char *)inst - offsetof(struct view_instance, user));
}
static inline struct orc_service *orc_service_of(const struct orc_instance *inst)
{
	return orc_view(inst)->service->user;
}
/* NULL: it is not registered. */
static inline struct orc_gateway *orc_gateway_of(const struct orc *orc,
						 const struct orc_instance *inst)
{
	return inst->gateway ? orc->sites[inst->gateway] : NULL;
}
/* NULL: it has none in the service's scope. */
static inline struct orc_seat *orc_seat(const struct orc_service *svc, struct orc_instance *inst)
{
	if (svc->scope != SAN_SCOPE_LOCAL)
		return &inst->seat;
	return inst->more && inst->more->local.is ? &inst->more->local : NULL;
}
static inline bool orc_is_home(const struct orc *orc, const struct orc_instance *inst)
{
	const struct orc_gateway *gw = orc_gateway_of(orc, inst);

	return orc->gateway[0] && gw && !orc_view(inst)->aggregate &&
	       strcmp(gw->name, orc->gateway) == 0;
}

/* collect.c */
/* Forgets the candidates; they are collected anew at the next evaluation. */
void orc_drop_candidates(struct orc *orc, struct orc_service *svc);
int orc_collect(struct orc *orc, struct orc_service *svc); /* -ENOMEM */
/* Makes svc->cands what orc_collect found: valid until another service is filled. */
void orc_fill(struct orc *orc, struct orc_service *svc);
struct orc_more *orc_more(struct orc_instance *inst); /* made where it is missing; -ENOMEM: NULL */

/* eval.c: marks, scores, the decision */
void orc_uses(struct orc_service *svc);
void orc_mark(struct orc_service *svc, unsigned int cand);
void orc_mark_instance(struct orc_service *svc, struct orc_instance *inst);
void orc_mark_all(struct orc_service *svc);
/* A value was told again without change: scores that its age had spoiled are marked. */
void orc_mark_refreshed(struct orc_service *svc, struct orc_instance *inst, int path);
/* Its deadline has come: what is too old now is marked. */
void orc_mark_due(struct orc *orc, struct orc_service *svc, uint64_t now_us);
void orc_evaluate(struct orc *orc, struct orc_service *svc, uint64_t now_us);
struct ssc_field orc_field(struct orc *orc, struct orc_service *svc);

/* emit.c */
void orc_emit(struct orc *orc, struct orc_service *svc);
void orc_emit_gone(struct orc *orc, struct orc_service *svc);
void orc_unrefuse(struct orc *orc, struct orc_service *svc);
/* Its selection changed: logged when the round is through. */
void orc_say(struct orc *orc, struct orc_service *svc);
void orc_say_all(struct orc *orc);

/* rate.c: at most max_updates_per_s of a service reach ncc, the newest state wins */
/* False: not yet, its time to be sent is set. */
bool orc_rate_allows(struct orc *orc, struct orc_service *svc);
void orc_rate_sent(struct orc *orc, struct orc_service *svc);
/* ncc has no room: tried again in ORC_RETRY_US. */
void orc_rate_retry(struct orc *orc, struct orc_service *svc);
void orc_rate_drop(struct orc *orc, struct orc_service *svc);
/* Queues what is to be sent by now. */
void orc_rate_due(struct orc *orc);

/* publish.c: what our instances of a service offer as a whole */
/* After an evaluation in the local scope. When it is to be looked at again though nothing changes,
 * in view_time(); UINT64_MAX. */
uint64_t orc_publish_check(struct orc *orc, struct orc_service *svc, uint64_t now_us);
void orc_publish_all(struct orc *orc);
/* The service leaves the local scope. */
void orc_publish_gone(struct orc *orc, struct orc_service *svc);

/* history.c */
/* From another choice to the one in force. Without memory it is not kept. */
void orc_history_add(struct orc_service *svc, const struct ssc_choice *from);
void orc_history_fini(struct orc_service *svc);
json_t *orc_change_json(const struct orc_change *change);
json_t *orc_history_json(const struct orc_service *svc);

/* sids.c */
int orc_sids_init(struct orc *orc, const struct plan_sid *sids, unsigned int n);
void orc_sids_start(struct orc *orc);
/* After every change of the instance. */
void orc_sid_update(struct orc *orc, struct orc_instance *inst);
void orc_sid_release(struct orc *orc, struct orc_instance *inst);
void orc_sids_fini(struct orc *orc);

/* classes.c */
void orc_classes_touch(struct orc *orc);
/* Hands the rules to ncc if they have changed. */
void orc_classes_round(struct orc *orc);

/* heap.c */
int orc_heap_set(struct orc_heap *heap, struct orc_due *due, uint64_t at_us);
/* Unless it has an earlier one. */
int orc_heap_before(struct orc_heap *heap, struct orc_due *due, uint64_t at_us);
void orc_heap_drop(struct orc_heap *heap, struct orc_due *due);
/* One whose time has come, taken out; NULL. */
struct orc_service *orc_heap_pop(struct orc_heap *heap, uint64_t now_us);

/* sched.c */
void orc_sched_open(struct orc *orc);
void orc_sched_close(struct orc *orc); /* frees orc when its handles are closed */
void orc_queue(struct orc *orc, struct orc_service *svc);
void orc_unqueue(struct orc *orc, struct orc_service *svc);
void orc_schedule(struct orc *orc);
void orc_round(struct orc *orc);
/* Marks and queues all whose time has come. */
void orc_take_due(struct orc *orc);

#endif
