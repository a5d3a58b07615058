/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of orc share. The way of a change: observe.c (view event -> marks on services and
 * candidates) -> sched.c (when) -> collect.c (candidates) -> eval.c (score what is marked, damp,
 * decide) -> emit.c (to ncc).
 * Aside: index.c (which services a gateway or path touches), deadline.c (what age or hold time will
 * change), sids.c (gateway role), classes.c (classifier rules), history.c (for explain).
 */
#ifndef ORC_INT_H
#define ORC_INT_H

#define HASH_NONFATAL_OOM 1 /* a failed HASH_ADD leaves hh.tbl NULL */
#include "orc/orc.h"

#include <string.h>

#include "ssc/ssc.h"

/* A change of a selection, for the log and the history. */
struct orc_change {
	struct orc_change *next; /* newer */
	uint64_t at_us;		 /* clock_us() */
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

#define CAND_DIRTY 0x1 /* in dirty[] */
#define CAND_AGED 0x2  /* policy worsen: scored with a value beyond max_age */

/* A registered service as one scope sees it. view->user points to that of the ingress. */
struct orc_service {
	struct view_service *view;
	uint8_t scope;			 /* SAN_SCOPE_* */
	uint8_t steering;		 /* that its candidates are collected for */
	struct orc_service *local;	 /* choice among our own instances; NULL: none to be made */
	struct orc_service *prev, *next; /* in orc->queue */
	struct orc_service *next_put;	 /* put in this round */
	bool queued;
	bool rebuild;	       /* candidates are to be collected anew; there are none now */
	bool replan;	       /* what ncc has may differ, whatever is selected */
	bool planned, refused; /* ncc knows it; ncc refused it */
	bool cut, trimmed;     /* too many candidates, too many next hops: said */
	bool evaluated;
	uint64_t uses[ATTR_LIMIT / 64]; /* attributes that matter to a score, a bit each */
	/* Candidates: those of one instance lie together, in the order of its gateway's paths. */
	unsigned int n, n_dirty;
	struct ssc_candidate *cands;
	struct ssc_score *scores;
	uint8_t *flags;		   /* CAND_* */
	uint16_t *dirty;	   /* indexes */
	uint16_t *weights;	   /* BALANCED: in force */
	unsigned int n_free;	   /* instances: satisfying, not suppressed */
	unsigned int n_suppressed; /* instances */
	bool damped;		   /* some instance is scored as damped */
	struct ssc_choice choice;
	struct ssc_result last;
	uint64_t due_us; /* evaluate again then */
	size_t heap;	 /* place in the deadlines, from 1; 0 = none */
	uint64_t changes, generation;
	struct orc_change *oldest, *newest; /* the last ORC_HISTORY */
	unsigned int n_history;
};

/* An instance among the candidates of its service in one scope. */
struct orc_seat {
	struct orc_instance *next_scored;
	unsigned int first, n; /* its candidates, when its service needs no rebuild */
	struct ssc_damping damping;
	bool scored;			/* in this evaluation */
	bool damped;			/* scored as damped */
	bool free, suppressed;		/* as counted in its service */
	uint16_t weight;		/* BALANCED: in force, 0 = no member; */
	const struct view_path *member; /* by this path */
};

/* Any instance of the view. view->user points here. */
struct orc_instance {
	struct view_instance *view;
	struct orc_gateway *gateway;	  /* NULL: not registered (no gateway or address) */
	struct orc_instance *prev, *next; /* in gateway->instances */
	struct orc_seat seat;
	struct orc_seat *local; /* in SAN_SCOPE_LOCAL; NULL: never had one */
	struct orc_sid *sid;	/* programmed for it */
	bool sid_refused;	/* another instance has the SID for another address */
};

/* What an egress touches. Lives while it has a path or an instance. */
struct orc_gateway {
	char name[NAME_LEN];
	struct view_path **paths; /* defined, from our ingress */
	unsigned int n_paths, cap_paths;
	struct orc_instance *instances;
	UT_hash_handle hh;
};

struct orc_sid {
	struct plan_sid plan;
	unsigned int users; /* instances; configured ones have one more */
	UT_hash_handle hh;  /* by plan.addr */
};

struct orc {
	uv_loop_t *loop;
	struct view *view;
	struct ncc *ncc;
	char ingress[NAME_LEN], gateway[NAME_LEN]; /* "" = no such role */
	bool started;

	struct orc_gateway *gateways; /* uthash by name */
	struct orc_sid *sids;	      /* uthash by address */
	unsigned int n_sids_refused;
	const char *const *groups;
	unsigned int n_groups;

	struct orc_service *queue; /* to evaluate */
	struct orc_service *puts;  /* handed to ncc in this round */
	bool plan_touched;	   /* something was handed to ncc since the last flush */
	uint16_t order[ORC_MAX_CANDIDATES];

	struct orc_service **heap; /* heap[1..n_heap] by due_us */
	size_t n_heap, cap_heap;

	uv_check_t check;	    /* same loop turn */
	uv_idle_t idle;		    /* keeps the turn from waiting */
	uv_timer_t later, deadline; /* coalescing; heap[1] */
	uv_timer_t classes_retry;
	bool classes_changed;	/* since ncc was told */
	unsigned int n_handles; /* open */
	bool armed;		/* a round will come */
	uint64_t first_event_us, last_round_us;
	struct orc_stats stats;
};

/* index.c */
struct orc_gateway *orc_gateway_find(const struct orc *orc, const char *name);
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
static inline struct orc_service *orc_service_of(const struct orc_instance *inst)
{
	return inst->view->service->user;
}
/* NULL: it has none in the service's scope. */
static inline struct orc_seat *orc_seat(const struct orc_service *svc, struct orc_instance *inst)
{
	return svc->scope == SAN_SCOPE_LOCAL ? inst->local : &inst->seat;
}
static inline bool orc_is_home(const struct orc *orc, const struct orc_instance *inst)
{
	return orc->gateway[0] && inst->gateway && strcmp(inst->gateway->name, orc->gateway) == 0;
}

/* collect.c */
/* Forgets the candidates; they are collected anew at the next evaluation. */
void orc_drop_candidates(struct orc *orc, struct orc_service *svc);
int orc_collect(struct orc *orc, struct orc_service *svc); /* -ENOMEM */

/* eval.c: marks, scores, the decision */
void orc_uses(struct orc_service *svc);
void orc_mark(struct orc_service *svc, unsigned int cand);
void orc_mark_instance(struct orc_service *svc, struct orc_instance *inst);
void orc_mark_all(struct orc_service *svc);
/* A value was told again without change: scores that its age had spoiled are marked. */
void orc_mark_refreshed(struct orc_service *svc, struct orc_instance *inst, int path);
/* Its deadline has come: what is too old now is marked. */
void orc_mark_due(struct orc_service *svc, uint64_t now_us);
void orc_evaluate(struct orc *orc, struct orc_service *svc, uint64_t now_us);
struct ssc_field orc_field(struct orc *orc, const struct orc_service *svc);

/* emit.c */
void orc_emit(struct orc *orc, struct orc_service *svc);
void orc_emit_gone(struct orc *orc, struct orc_service *svc);
void orc_unrefuse(struct orc *orc, struct orc_service *svc);

/* history.c */
/* From another choice to the one in force. Without memory it is not kept. */
void orc_history_add(struct orc_service *svc, const struct ssc_choice *from, uint64_t now_us);
void orc_history_fini(struct orc_service *svc);
json_t *orc_history_json(const struct orc_service *svc, uint64_t now_us);

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

/* deadline.c */
int orc_deadline_set(struct orc *orc, struct orc_service *svc, uint64_t due_us);
/* Unless it has an earlier one. */
int orc_deadline_before(struct orc *orc, struct orc_service *svc, uint64_t due_us);
void orc_deadline_drop(struct orc *orc, struct orc_service *svc);
/* One whose time has come, taken out; NULL. */
struct orc_service *orc_deadline_pop(struct orc *orc, uint64_t now_us);

/* sched.c */
void orc_sched_open(struct orc *orc);
void orc_sched_close(struct orc *orc); /* frees orc when its handles are closed */
void orc_queue(struct orc *orc, struct orc_service *svc);
void orc_unqueue(struct orc *orc, struct orc_service *svc);
void orc_schedule(struct orc *orc);
void orc_round(struct orc *orc);

#endif
