/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What tenants want, in the status database: revisions, the head that says which of them are in
 * force, and the protocol by which all hosts change over at once or not at all (docs/nemo.md,
 * "Commit"). Single-threaded, on the loop; errors and write rules as in ncsdb/write.h. Keys:
 *
 *   /san/nemo/head            {"commit": 12, "tenants": {"acme": 7}, "legs": [nemo_legs_json]}
 *                             in force everywhere; every change is a compare-and-swap of this key
 *   /san/nemo/revisions/<tenant>/<number, ten digits>
 *                             {"tenant", "revision", "time", "by", "comment", "script" (nemo_export
 *                             of all its objects), "rollback_of" (or absent)}; INTENT_HISTORY are
 *                             kept
 *   /san/nemo/stage           made only if absent, so that there is one commit at a time:
 *                             {"id", "commit": 13, "coordinator"} with "tenants" and "legs": the
 *                             head to be, under the coordinator's lease; hosts prepare it (without
 *                             them: the parts of a large revision are being written). With
 *                             "back_to" {"tenants", "legs"} and "undo" {key: text or null}: it is
 *                             the head, the hosts apply it; without a lease, so that the leader
 *                             ends what a dead coordinator began
 *   /san/nemo/hosts/<host>    under its lease: {"prepared": 13, "applied": 12, "stage" (create
 *                             revision of the stage that was prepared), "why": ""}; with "failed":
 *                             "prepare" or "apply" it cannot, and why; else "why" says which
 *                             tenant's revision in force this host cannot read
 *   /san/nemo/confirm/<tenant>  {"commit", "until" (RFC 3339), "back_to": revision}: rolled back by
 *                             the leader unless it is deleted before
 *   /san/nemo/events/<tenant>/<sequence, twenty digits>  notifications, INTENT_EVENTS are kept
 *   /san/nemo/delivered/<tenant>/<listener>  {"sequence"}: the last one that the listener took
 *   /san/nemo/leader          under a host's lease: who rolls back and notifies
 *   /san/nemo/clock           {"offset_s"}: testbeds shift the clock of conditions (config:
 * testbed)
 *
 * A commit: the whole script is checked (nemo_check), admitted (nemo_admit, nemo_possible); the
 * stage is made; every host under /san/nemo/hosts/ prepares it (compiles it, looks whether it
 * could be carried, makes ready what can be) and says so; when all have, one transaction changes
 * the head (the revision was written with the stage). A host that refuses, or says nothing for
 * INTENT_PREPARE_MS: the stage and its revision are deleted, and nothing has changed. When all have
 * applied it, the stage is deleted. A host that cannot apply what it had prepared, or has not
 * within INTENT_APPLY_MS: the head goes back to the revisions before in one more transaction (as
 * another commit), so that all hosts do; what was registered with it is taken back, too. A commit
 * that does not say `confirm` confirms what waits; one that does goes back to where the first of
 * them began. One commit at a time in the whole domain; others wait their turn (INTENT_PREPARE_MS
 * and INTENT_APPLY_MS each), then -EAGAIN.
 *
 * A revision in force that cannot be read (it is gone, or of a version with more to say) is its
 * tenant's trouble alone: its objects stay what they were before on hosts that know them, and are
 * none on others; scripts of that tenant are refused (-EIO) until it is rolled back to a revision
 * that can be read. A commit that itself brings such a revision is refused by the host that cannot
 * read it. Revisions are read in several turns of the loop where there are many.
 */
#ifndef INTENT_H
#define INTENT_H

#include "model/view.h"
#include "ncsdb/follow.h"
#include "ncsdb/write.h"
#include "nemo/plan.h"

#define INTENT_HISTORY 100 /* revisions kept of a tenant */
#define INTENT_HISTORY_BYTES                                                                       \
	(16u << 20) /* of a tenant; but always the one in force, the one before, and the one that  \
		     * waits to be confirmed goes back to */
#define INTENT_LEGS_MAX 1024 /* of a tenant: they all lie in the head */
#define INTENT_EVENTS 1000   /* notifications kept of a tenant */
#define INTENT_PREPARE_MS 5000
#define INTENT_APPLY_MS 5000
#define INTENT_CONFIRM_MAX_S 86400
#define INTENT_COMMENT_MAX 256
#define INTENT_LEASE_S 10
#define INTENT_GROUPS_MAX 256 /* commits that one script makes; statements tried one by one */
#define INTENT_WAITING 64     /* commits that wait for their turn on this host; then -EAGAIN */
#define INTENT_PARTS                                                                               \
	16 /* a revision's script is cut into values of NCSDB_VALUE_MAX: at most so                \
	    * many, in keys .../<number>/<part> */

struct intent;

/* Numbers above; tests lower them. */
struct intent_limits {
	unsigned int prepare_ms, apply_ms, history, events, lease_s;
};
extern struct intent_limits intent_limits;

struct intent_tenant_conf {
	const char *name; /* util/name.h */
	struct nemo_grants grants;
};

/* The head, as this host sees it: in force, or staged. Borrowed for the time of the call. */
struct intent_head {
	uint64_t commit;		   /* 0: nothing was ever committed */
	const struct nemo_tenant *tenants; /* by name; only those that have objects */
	unsigned int n_tenants;
};

struct intent_conf {
	uv_loop_t *loop;
	struct ncsdb *db;
	const struct view *view;
	const char *host;
	const struct intent_tenant_conf *tenants;
	unsigned int n_tenants;
	bool testbed; /* /san/nemo/clock counts */
	/* Could this host carry that head? 0, or -errno with err: refuses the commit everywhere.
	 * NULL: it takes all. -EINPROGRESS: it could; intent_prepared() tells when all is ready. */
	int (*prepare)(void *arg, const struct intent_head *head, struct err *err);
	/* The head changed (also at the first sync): apply it, then say intent_applied(). */
	void (*flip)(void *arg, const struct intent_head *head);
	/* Notifications are evaluated here from now on, or no longer. May be NULL. */
	void (*leader)(void *arg, bool leads);
	void (*synced)(void *arg); /* once; may be NULL */
	void *arg;
};
/* Texts and grants are borrowed until intent_close(). */
int intent_open(const struct intent_conf *conf, struct intent **out, struct err *err);
/* Commits that wait are answered -ECANCELED. Frees itself when the loop has run dry. */
void intent_close(struct intent *intent);
/* What prepare() answered with -EINPROGRESS, last, is ready. */
void intent_prepared(struct intent *intent, uint64_t commit);
/* gone(): what was prepared last is in force everywhere, or will not be: its stage is gone. Another
 * stage may take its place without that: prepare() is called for it. gone NULL: no longer. */
void intent_on_stage_gone(struct intent *intent, void (*gone)(void *arg), void *arg);
/* What flip() asked for is in force (result 0), or cannot be: err. */
void intent_applied(struct intent *intent, uint64_t commit, int result, const struct err *err);

/* The database was read: before, nothing below is known (0 and empty are no answers). */
bool intent_synced(const struct intent *intent);
const struct intent_head *intent_head(const struct intent *intent); /* never NULL */
bool intent_knows(const struct intent *intent, const char *tenant); /* it is configured */
/* The tenant's objects in force; an empty store where there are none. NULL: unknown tenant. */
const struct nemo_store *intent_store(const struct intent *intent, const char *tenant);
uint64_t intent_revision(const struct intent *intent, const char *tenant); /* 0 = none */
const struct nemo_tenant *intent_tenant(const struct intent *intent, const char *tenant);

/* ---- changes ---- */
struct intent_apply {
	const char *tenant, *by, *comment; /* by: who asks, for the history */
	const char *script;
	size_t len;
	bool dry_run;		/* plan: everything but the change */
	int64_t if_revision;	/* ANY_REVISION, or the tenant's revision: else -ESTALE */
	unsigned int confirm_s; /* 0 = for good */
};
/*
 * What came of it. status 0: all of it is in force everywhere; -EINVAL: static errors, or the
 * network cannot do it (diags); -ESTALE: another commit came first; -EAGAIN: no turn; -ECANCELED;
 * -EIO: the tenant's revision in force (err says which, and what helps), or the head, is
 * unreadable; -EHOSTUNREACH, -ETIMEDOUT and others of the database; -EBUSY: a host refused or
 * failed, err names it. Outside transactions statements take effect one by one: `units` that were
 * done before the first that failed stay. Consecutive ones outside a transaction are tried as one
 * first.
 */
struct intent_result {
	int status;
	struct err err;
	const struct nemo_diags *diags; /* warnings, too; of the script's text */
	uint64_t revision;		/* of the tenant now */
	uint64_t commit;
	unsigned int done, units; /* statements in force, of how many that change something */
	json_t *changes; /* nemo_diff of before and after (dry run: what would be); borrowed */
	const struct nemo_legs *legs; /* of the tenant, afterwards */
	json_t *queries; /* answers of Query statements, in order: by the caller's env; may be NULL
			  */
	const char *script; /* the text, for diagnostics */
	size_t len;
};
typedef void (*intent_done_cb)(void *arg, const struct intent_result *result);
/* done: exactly once, never within the call. -EINVAL unknown tenant, a limit (err); -EAGAIN too
 * many wait, or the database was not read yet. */
int intent_apply(struct intent *intent, const struct intent_apply *apply, intent_done_cb done,
		 void *arg, struct err *err);
/* To an older revision's objects, as a new revision. revision 0: the one before; where the one in
 * force cannot be read, the newest that can be, or no objects if there is none; -ESTALE when that
 * is no longer so once it has its turn. -ENOENT it is not kept. Else like intent_apply. */
int intent_rollback(struct intent *intent, const char *tenant, const char *by, uint64_t revision,
		    int64_t if_revision, intent_done_cb done, void *arg, struct err *err);
/* apply --confirm: keep it. -ENOENT: nothing waits. */
int intent_confirm(struct intent *intent, const char *tenant, struct ncsdb_write_done done,
		   struct err *err);

/* ---- history ---- */
struct intent_item {
	uint64_t revision;
	const char *time, *by, *comment;
	uint64_t rollback_of; /* 0 = none */
	bool in_force;
};
/* The newest first. */
void intent_history(const struct intent *intent, const char *tenant,
		    bool (*each)(void *arg, const struct intent_item *item), void *arg);
/* The objects of a kept revision as a script; malloc'ed. NULL: not kept (*r = -ENOENT), -ENOMEM. */
char *intent_script(const struct intent *intent, const char *tenant, uint64_t revision, int *r);
/* {"host", "prepared", "applied", "why"} of every host, by name; "confirm" of the tenant or null.
 */
json_t *intent_hosts_json(const struct intent *intent);
json_t *intent_confirm_json(const struct intent *intent, const char *tenant);

/* ---- notifications ---- */
struct intent_event {
	uint64_t sequence; /* from 1, without gaps, per tenant */
	const char *notification, *listener, *time;
	json_t *values;	    /* of its query; null without */
	const char *reason; /* canonical condition, or "goal down: ..." */
};
/* The leader's: kept, then told to all. done may be NULL. */
int intent_event_put(struct intent *intent, const char *tenant, const struct intent_event *event,
		     struct ncsdb_write_done done, struct err *err);
/* Kept ones behind `after`, the oldest first. text: the stored JSON. */
void intent_events(const struct intent *intent, const char *tenant, uint64_t after,
		   bool (*each)(void *arg, uint64_t sequence, const char *text), void *arg);
uint64_t intent_delivered(const struct intent *intent, const char *tenant, const char *listener);
int intent_delivered_put(struct intent *intent, const char *tenant, const char *listener,
			 uint64_t sequence, struct ncsdb_write_done done, struct err *err);
/* Another event is kept. Any number of listeners, each with its own struct. */
struct intent_listen {
	void (*event)(void *arg, const char *tenant, uint64_t sequence, const char *text);
	void *arg;
	struct intent_listen *prev, *next;
};
void intent_listen(struct intent *intent, struct intent_listen *listen);
void intent_unlisten(struct intent *intent, struct intent_listen *listen);

/* Seconds that testbeds add to the clock of conditions; changed() of the conf is not called: enact
 * asks for it with its own listener. */
int64_t intent_clock(const struct intent *intent);
int intent_clock_put(struct intent *intent, int64_t offset_s, struct ncsdb_write_done done,
		     struct err *err); /* -EPERM: no testbed */
void intent_on_clock(struct intent *intent, void (*changed)(void *arg), void *arg);

/* Figures that hosts publish of flows and connections, under their lease:
 * /san/nemo/stats/<host>/<tenant>/<object> {"packets", "bytes"}. Sums over hosts; false: nobody
 * tells. */
int intent_stats_put(struct intent *intent, const char *tenant, const char *object,
		     uint64_t packets, uint64_t bytes);
bool intent_stats(const struct intent *intent, const char *tenant, const char *object,
		  uint64_t *packets, uint64_t *bytes);
void intent_on_stats(struct intent *intent,
		     void (*changed)(void *arg, const char *tenant, const char *object), void *arg);

struct intent_stats {
	uint64_t commits, refused, lost; /* as coordinator: done, refused by a host, lost swaps */
	uint64_t backed_out;		 /* flipped back: a host could not apply */
	uint64_t bad;			 /* stored objects that did not parse */
	uint64_t commit_us;		 /* of the last one, stage to head */
	unsigned int hosts;
	bool leads;
};
void intent_figures(const struct intent *intent, struct intent_stats *out);
void intent_follow_stats(const struct intent *intent, struct ncsdb_follow_stats *out);

#endif
