/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of enact share:
 *
 *	enact.c    open, close, the callbacks of intent, what waits for an acknowledgement
 *	head.c     a copy of the head; items: every operation and notification of it
 *	deps.c     what each item depends on, by entity
 *	watch.c    events of the view become marks on items
 *	zone.c     civil time, edges, the timer of both
 *	value.c    values of properties and statistics for conditions and queries
 *	round.c    marked items are evaluated; timers
 *	memo.c     what a round found out already
 *	apply.c    compiling, and what of it goes to ncc
 *	warm.c     next hops of what does not apply now; stage.c: of the head to be
 *	acts.c     numbers of operations' counters; counts.c: reading and publishing them
 *	notify.c   events; tell.c: into the database; hook.c: webhooks; url.c: which URLs are
 *allowed show.c     JSON for north; listeners.c: of listeners
 *
 * An item is evaluated when it is marked, and only then. What an evaluation changes is whether its
 * operation applies, and only that (or a goal that leads elsewhere now) makes the whole be compiled
 * again; only a plan that differs from the one before goes to ncc.
 */
#ifndef ENACT_INT_H
#define ENACT_INT_H

#include "enact/enact.h"

#include "util/clock.h"
#include "util/hash.h"
#include "util/name.h"

#define ENACT_IDLE_STATS_MS 10000 /* counters, where nobody here has asked for them */
#define ENACT_ASKED_S 10
#define ENACT_ROUND_SHARE 10 /* rounds get at most 1/10 of the time */
#define ENACT_ACT_KEY (4 * NAME_LEN + 24)
#define ENACT_CHANNELS_MAX 64  /* listeners of a tenant that events are sent to at a time */
#define ENACT_RESCAN_MS 2000   /* after there were more */
#define ENACT_URL_SHOWN 320    /* of a listener's URL: scheme, host, port */
#define ENACT_LEGS_MAX 8192    /* next hops counted for; then all of them begin anew */
#define ENACT_STAGE_MS 500     /* for next hops of the head to be, at most */
#define ENACT_AGE_MIN_MS 100   /* between looks at values that got old */
#define ENACT_FAR_S 31536000   /* of an edge, where there is none */
#define ENACT_EVER INT64_MAX   /* no edge */
#define ENACT_FRESH UINT64_MAX /* does not get old */

struct enact_head {
	struct nemo_tenant *tenants; /* stores and legs are copies of ours */
	unsigned int n;
};

struct enact_item {
	const struct nemo_tenant *tenant; /* of the head */
	const struct nemo_object *object;
	const char *home; /* gateway behind the functions of its gothrough; NULL: none is needed */
	bool notification;
	bool timed;	/* time is in its condition */
	bool dirty;	/* in the list of those to be evaluated */
	bool seen;	/* it was evaluated */
	bool held;	/* truth is what it was before, not what values say now */
	bool observed;	/* notification: it became true while this host was looking */
	bool told_down; /* operation: that its goal is down was told, or needs not be */
	bool untold;	/* there is an event that was not told yet */
	enum nemo_truth truth;
	bool goal_up;  /* for this host */
	char why[128]; /* goal_up is false */
	bool reach;    /* its goal is up wherever its flow may come in */
	char reach_why[2 * NAME_LEN + 136];
	int64_t since_s;     /* of truth (notification), of whether it applies (operation); real */
	uint64_t flipped_us; /* when whether it applies changed last */
	int64_t event_s;     /* when what is untold came about; real */
	int64_t edge_s;	     /* of conditions' clock, UTC; ENACT_EVER */
	uint64_t stale_us;   /* view_time(): then a value that was read is too old; ENACT_FRESH */
	struct enact_item *prev, *next;		  /* dirty ones */
	struct enact_item *tell_prev, *tell_next; /* untold ones of the tenant */
	UT_hash_handle hh;			  /* by key */
	char key[2 * NAME_LEN];			  /* "tenant/name" */
};

enum enact_touch {
	TOUCH_NOT,
	TOUCH_REFRESH, /* a value was told again: matters where it was unknown */
	TOUCH_VALUE,   /* a value is another one */
	TOUCH_SHAPE,   /* also next hops may be others although everything applies that did */
};

struct enact_dep {
	enum enact_touch touched; /* since the last round; then it is in the list */
	struct enact_dep *next;
	struct enact_item **v;
	unsigned int n, cap;
	UT_hash_handle hh;
	char key[];
};

struct enact_lost { /* a path that loses everything */
	UT_hash_handle hh;
	char key[3 * NAME_LEN];
};

struct enact_count {
	uint64_t packets, bytes, dropped;
};

/* Counters of an operation (key "tenant/name") or of a leg ("tenant/connection/gateway/path"). The
 * parent's start from zero when they come back: `sum` is what was before. */
struct enact_act {
	uint32_t number; /* 0: none, or a leg */
	bool used;	 /* by the plan in force */
	bool wanted;	 /* by the one that is being compiled */
	bool returning;	 /* used again: the parent's counter starts from zero with that plan */
	bool rebase;	 /* what comes next may in part be another operation's: it is `base` */
	struct enact_count sum, last, base;
	UT_hash_handle hh;
	char key[ENACT_ACT_KEY];
};

struct enact_published {
	uint64_t packets, bytes;
	uint64_t told_packets, told_bytes;
	bool counted; /* there is an operation that counts for it */
	UT_hash_handle hh;
	char key[]; /* "tenant/object" */
};

struct enact_teller { /* events of a tenant that wait for the database */
	struct enact_item *items;
	uint64_t due_us; /* not before */
	UT_hash_handle hh;
	char tenant[NAME_LEN];
};

struct enact_channel { /* a listener of a tenant that events are sent to */
	struct enact *enact;
	const struct enact_url *conf;
	const char *url;
	struct fetch_job *job; /* of the first one in the queue */
	uv_timer_t retry;
	uint64_t *queue; /* sequences, from `first` to `end` */
	unsigned int first, end, cap;
	uint64_t last, taken; /* that was queued; that was taken by the listener */
	uint64_t delay_ms;
	uint64_t failures;
	char why[160]; /* the last failure; "" */
	UT_hash_handle hh;
	char tenant[NAME_LEN];
	const char *listener; /* within key */
	char key[];	      /* "tenant/listener" */
};

struct enact_memo {
	bool known; /* up; the value is known */
	int64_t milli;
	uint64_t stale_us;
	char why[2 * NAME_LEN + 136];
	UT_hash_handle hh;
	char key[];
};

struct enact_stage {	       /* the head to be */
	struct nemo_plan plan; /* of it only the goals count, and are there; none: there is none */
	uint64_t *fresh;       /* numbers of those that may lead nowhere yet */
	unsigned int n_fresh;
	uint64_t commit, generation; /* that carries them */
	bool acked;		     /* it is in force */
	bool waits;		     /* intent was not told yet that it is prepared */
	uv_timer_t timer;
};

struct enact {
	struct enact_conf conf;
	char host[NAME_LEN];
	struct intent *intent;
	bool started, leads, closed;
	bool flipped; /* there was a head */

	struct enact_head head;
	struct enact_item *items, *by_key, *dirty;
	unsigned int n_items;
	struct enact_dep *deps, *touched;
	unsigned int n_unknown; /* items */
	bool kinds[128];	/* first letters of their keys */
	struct enact_lost *lost;
	bool counts; /* a condition reads counters */

	bool remembers;
	struct enact_memo *memos;

	struct nemo_plan plan; /* in force; ops' names are the head's */
	struct nemo_plan warm; /* everything in force: of it only the goals count */
	bool warm_due;	       /* it may be another one */
	struct enact_stage stage;
	bool recompile;
	bool by_values;	   /* the round is because of these, not of the clock or a commit */
	uint64_t event_us; /* first mark since the last round; 0 = none */
	uint64_t round_us; /* what the last round took */
	uint64_t ended_us; /* when it was over */

	bool pending; /* `commit` waits for ncc to acknowledge `generation` */
	uint64_t commit, generation;
	bool failing; /* it was said that a plan is not in force */

	struct enact_act *acts, *legs;
	bool acked; /* a plan of this process is in force: counters are its own */
	bool act_taken[SAN_MAX_ACTS + 1];
	struct enact_published *published;
	uint64_t asked_us;
	bool counting;

	int64_t transition_s, transition_from_s; /* of the zone; see zone.c */

	struct enact_teller *tellers; /* whose turn it is first */
	struct enact_note *telling;   /* under way */
	unsigned int n_untold;
	uint64_t tell_logged_us;
	struct enact_channel *channels;
	uint64_t rescan_logged_us;
	struct fetch *fetch;
	struct intent_listen listen;

	unsigned int handles; /* open */
	uv_timer_t round, stale, count, tell, rescan;
	uv_poll_t edge;
	int edge_fd;
	struct enact_stats stats;
	struct enact_memo scratch; /* where nothing is remembered; ends in an empty key */
};

/* ---- head.c ---- */
int enact_head_copy(const struct intent_head *from, struct enact_head *to); /* -ENOMEM */
void enact_head_fini(struct enact_head *head);
const struct nemo_tenant *enact_tenant(const struct enact_head *head, const char *name);
/* The head becomes the one in force; what is as it was keeps its state. Takes head. -ENOMEM:
 * nothing has changed. */
int enact_items_replace(struct enact *enact, struct enact_head *head);
void enact_items_fini(struct enact *enact);
struct enact_item *enact_item(const struct enact *enact, const char *tenant, const char *name);

struct enact_ask;

/* ---- deps.c ---- */
/* Of all items. -ENOMEM. */
int enact_deps_build(struct enact *enact);
void enact_deps_free(struct enact_dep *deps);
struct enact_dep *enact_dep(const struct enact *enact, const char *key);
/* Each name that the operation leads to. */
void enact_goals(const struct nemo_object *op, void (*each)(void *arg, const char *goal),
		 void *arg);
/* What is behind its functions. false: why. */
bool enact_home_up(const struct enact *enact, const struct enact_item *item, char *why,
		   size_t size);
/* Are its goals up, wherever the flow of the operation may come in? Else why. */
bool enact_reach(struct enact *enact, struct enact_item *item, struct enact_ask *ask);
/* The gateway that counts of a CFN; NULL: none. */
const char *enact_gateway_of(const struct nemo_store *store, const struct nemo_object *cfn);
bool enact_is_service(const struct nemo_object *cfn, uint64_t *id);
struct path_key enact_leg_path(const struct nemo_leg *leg);
/* Legs of a connection: a part of the tenant's, which a head has by name. Borrowed. */
struct nemo_legs enact_legs_of(const struct nemo_tenant *tenant, const char *connection);
#define enact_each_leg(tenant, name, leg)                                                          \
	for (struct nemo_legs of_ = enact_legs_of((tenant), (name)); of_.n && ((leg) = of_.v);     \
	     of_.v++, of_.n--)
/* nemo_goal_up(), which looks at every leg it is given. */
bool enact_goal_up(const struct nemo_plan_in *in, const struct nemo_tenant *tenant,
		   const char *goal, char *why, size_t size);

/* ---- watch.c ---- */
void enact_watch_open(struct enact *enact);
void enact_watch_close(struct enact *enact);
void enact_mark(struct enact *enact, struct enact_item *item);
void enact_mark_all(struct enact *enact);
void enact_expand(struct enact *enact);		    /* what was touched becomes marks on items */
bool enact_path_lost(const struct view_path *path); /* it loses everything */
void enact_on_stats(void *arg, const char *tenant, const char *object);

/* ---- zone.c ---- */
int enact_zone_open(struct enact *enact, struct err *err);
void enact_zone_close(struct enact *enact);
int64_t enact_now_s(const struct enact *enact); /* of conditions */
void enact_civil(int64_t utc_s, struct nemo_date *out);
/* When the condition of an item is to be looked at again, at the latest. */
int64_t enact_edge(struct enact *enact, const struct nemo_expr *cond, int64_t now_s);
void enact_arm_edge(struct enact *enact);
void enact_on_clock(void *arg);

/* ---- value.c ---- */
struct enact_lookup { /* argument of enact_value() */
	struct enact *enact;
	const struct enact_head *head;
	const char *tenant;
	uint64_t now_us;   /* view_time() */
	uint64_t stale_us; /* the earliest time at which a value that was read is too old */
};
struct enact_lookup enact_lookup(struct enact *enact, const char *tenant);
/* Its environment at a time of conditions. Borrows lookup. */
struct nemo_env enact_env(struct enact_lookup *lookup, int64_t now_s);
uint64_t enact_view_now(const struct enact *enact);
bool enact_connection_up(const struct enact *enact, const struct nemo_tenant *tenant,
			 const char *name, char *why, size_t size);
bool enact_leg_status(const struct enact_lookup *lookup, const struct nemo_leg *leg,
		      const char *member, int64_t *out, uint64_t *stale_us);

/* ---- round.c ---- */
extern unsigned int enact_hold_ms; /* between flips of an operation by values; tests change it */
void enact_rounds_open(struct enact *enact);
void enact_schedule(struct enact *enact);
void enact_round(struct enact *enact);
/* Not because of the clock: values that go to and fro are held. */
void enact_round_by_values(struct enact *enact);
void enact_evaluate(struct enact *enact); /* what is marked */
void enact_arm(struct enact *enact);	  /* timers, by what the items say */
/* Does the operation apply, as far as its condition and its goal go? */
static inline bool enact_applies(const struct enact_item *item)
{
	return item->truth == NEMO_TRUE && item->goal_up;
}

/* Tries again what could not be applied. */
void enact_retry(struct enact *enact);

/* ---- memo.c ---- */
/* The place for an answer; *isnew: it is to be found out first. Valid until the next call. */
struct enact_memo *enact_memo(struct enact *enact, bool *isnew, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* From now on answers are kept, or no longer; what was kept is forgotten. */
void enact_remember(struct enact *enact, bool on);

/* ---- apply.c ---- */
struct nemo_plan_in enact_plan_in(struct enact *enact, struct enact_lookup *lookup,
				  const struct enact_head *head, int64_t now_s);
/* Compiles, hands over what differs. *changed: there is something to flush, also where it fails. */
int enact_apply(struct enact *enact, bool *changed, struct err *err);
/* What items are asked by, made once for many of them: conditions and goals, as of now. */
struct enact_ask {
	struct enact_lookup lookup;
	struct nemo_plan_in in; /* of the head in force; its env borrows lookup */
	int64_t now_s;		/* of conditions */
};
void enact_ask_init(struct enact_ask *ask, struct enact *enact);
/* From now on names are those of that item's tenant, and nothing was read yet. */
void enact_ask_item(struct enact_ask *ask, const struct enact_item *item);
/* NULL: the plan has none of that number. */
const struct nemo_goal *enact_goal_find(const struct nemo_plan *plan, uint64_t id);
/* Would every operation at once find room? plan: all of them; its rules and operations are the
 * head's. */
int enact_fits(struct enact *enact, const struct intent_head *head, struct nemo_plan *plan,
	       struct err *err);
/* Goals of `more` come to those that are there, until the next enact_apply(); to be flushed.
 * Nothing has changed where it fails. */
int enact_goals_add(struct enact *enact, const struct nemo_plan *more);
/* Numbers of acts for a plan that is only looked at: arg of enact_number. */
struct enact_numbers {
	uint32_t n;
};
uint32_t enact_number(void *arg, const char *tenant, const char *operation);

/* ---- warm.c ---- */
void enact_warm(struct enact *enact, int64_t now_s); /* compiles it again where it is due */
void enact_warm_drop(struct enact *enact);
/* Those, and those of the head to be. -ENOMEM. */
int enact_warm_add(const struct enact *enact, struct nemo_plan *plan);
int enact_goals_merge(struct nemo_plan *plan, const struct nemo_plan *more); /* -ENOMEM */

/* ---- stage.c ---- */
extern unsigned int enact_stage_ms; /* tests change it */
void enact_stage_open(struct enact *enact);
void enact_stage_close(struct enact *enact);
/* The head to be was compiled: its goals (taken) are to be there. 0: they are; -EINPROGRESS: intent
 * is told when. */
int enact_stage(struct enact *enact, uint64_t commit, struct nemo_plan *plan);
/* true: the plan was refused, and may not be without the stage, which is dropped. */
bool enact_stage_acked(struct enact *enact, uint64_t generation, int result);
/* There is no head to be any more; its goals go with the next enact_apply(). */
void enact_stage_end(struct enact *enact);
/* Its stage is gone: so do they, with the next round. arg: the enact. */
void enact_stage_gone(void *arg);
/* Another one is to be in its place: they go now, and nobody is told of it any more. */
void enact_stage_clear(struct enact *enact);

/* ---- acts.c ---- */
/* The number of an operation ("tenant/name"), where no other has it. */
uint32_t enact_act_home(const char *key);
uint32_t enact_act(void *arg, const char *tenant, const char *operation);
/* The plan in force changed. */
void enact_acts_used(struct enact *enact);
/* It is in force at the parent: counters that came back begin anew. */
void enact_acts_acked(struct enact *enact);
/* Items have changed: what is counted for objects that are gone goes. */
void enact_acts_sweep(struct enact *enact);
void enact_acts_fini(struct enact *enact);
struct enact_act *enact_act_find(struct enact_act *acts, const char *key);
struct enact_act *enact_act_get(struct enact_act **acts, const char *key); /* NULL: no memory */
struct enact_count enact_act_total(const struct enact_act *act);	   /* NULL: zeros */
void enact_act_settle(struct enact_act *act); /* the parent's counter begins anew */
void enact_leg_key(char key[ENACT_ACT_KEY], const struct nemo_goal *goal);

/* ---- counts.c ---- */
void enact_counts_open(struct enact *enact);
void enact_counts_now(struct enact *enact); /* once more, soon */
void enact_counts_asked(struct enact *enact);
void enact_counts_fini(struct enact *enact);

/* ---- notify.c ---- */
/* The item was evaluated: tell what changed, if we lead. */
void enact_notify_truth(struct enact *enact, struct enact_item *item, enum nemo_truth before);
void enact_notify_goal(struct enact *enact, struct enact_item *item, struct enact_ask *ask);
/* We lead now: tell what nobody has told. */
void enact_reconcile(struct enact *enact);

/* ---- tell.c ---- */
#define ENACT_GOAL_DOWN "goal down: "
#define ENACT_GOAL_UP "goal up"
extern unsigned int enact_tell_rate; /* events a second of a tenant, at most; tests change it */
/* There is an event of the item. */
void enact_tell(struct enact *enact, struct enact_item *item);
void enact_tell_next(struct enact *enact);
void enact_tell_replaced(struct enact *enact); /* there are other items now */
void enact_tell_drop(struct enact *enact);     /* another host tells them */
void enact_tell_open(struct enact *enact);
void enact_tell_close(struct enact *enact);

/* ---- hook.c ---- */
void enact_hooks_open(struct enact *enact);
void enact_hooks_lead(struct enact *enact, bool leads);
void enact_hooks_close(struct enact *enact);
/* What stands for a listener in the database: its name; of a URL a hash. Returns key. */
const char *enact_delivered_key(const char *listener, char key[NAME_LEN]);
uint64_t enact_delivered_to(const struct enact *enact, const char *tenant, const char *listener);
struct enact_channel *enact_channel_find(const struct enact *enact, const char *tenant,
					 const char *listener);
unsigned int enact_channels_of(const struct enact *enact, const char *tenant);

/* ---- url.c ---- */
/* Where events of that listener go: NULL and why "" : nowhere, it is only a name. */
const struct enact_url *enact_url_find(const struct enact_conf *conf, const char *listener,
				       char *why, size_t size);
/* For logs and for who may see its events only: a configured listener's name, of a URL what stands
 * before its path. Returns buf. */
const char *enact_url_show(const struct enact_url *conf, const char *text, char *buf, size_t size);
int enact_url_check(const char *url, struct err *err); /* of the configuration. -EINVAL */

/* ---- enact.c ---- */
void enact_handle_closed(uv_handle_t *handle); /* its data is the enact */
void enact_unref(struct enact *enact);

#endif
