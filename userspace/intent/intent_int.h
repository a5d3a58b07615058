/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of intent share. One follower mirrors /san/nemo/ (records.c); after every revision
 * intent_step() (intent.c) looks at the whole of it and does what is due: the head in force
 * (head.c, state.c), this host's part (host.c), the commits that were asked for here (job.c builds
 * them, commit.c carries them through), what others left behind (orphan.c), events and figures
 * (events.c, stats.c). Every part looks at what is, not at what happened: an event that was lost
 * costs nothing.
 */
#ifndef INTENT_INT_H
#define INTENT_INT_H

#include "intent/intent.h"
#include "intent/parse.h"
#include "ncsdb/hold.h"
#include "ncsdb/radix.h"

#define INTENT_KEYS "/san/nemo/"
#define INTENT_SERVICES "/san/services/"
#define INTENT_RECORDS_MAX (1u << 20) /* keys that are mirrored; more are refused */
#define INTENT_SERVICES_MAX 64	      /* that one commit registers and removes */
#define INTENT_SLICE (64u << 10)      /* bytes of stored scripts that a turn of the loop reads */
#define INTENT_RETRY_MS 200
#define INTENT_BEAT_MS 100 /* a step at least so often while a commit is under way */

/* ---- records.c: what is stored ---- */
struct record {
	int64_t mod_rev, create_rev, lease;
	size_t len;
	const char *text; /* NUL-terminated */
	bool refused;	  /* it was counted and said */
	char key[];	  /* behind INTENT_KEYS */
};
int intent_records_follow(struct intent *in);
void intent_records_fini(struct intent *in);
const struct record *intent_record(const struct intent *in, const char *key, ...)
	__attribute__((format(printf, 2, 3)));
/* The first record of that prefix with a key behind `after` (NULL: the first one). */
const struct record *intent_record_next(const struct intent *in, const char *prefix,
					const struct record *after);
/* The last path segment of its key. */
const char *intent_record_name(const struct record *rec);
/* Counted, and said, once for each value. */
void intent_refuse(struct intent *in, const struct record *rec, const struct err *err);
/* Each time: of a key that nothing lies at. */
void intent_refuse_absent(struct intent *in, const struct err *err, const char *key, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- state.c: a head, resolved ---- */
struct state_tenant {
	char name[NAME_LEN];
	uint64_t revision; /* 0: nothing was ever committed */
	int64_t mod_rev;   /* of that revision's record */
	bool unread;	   /* it cannot be read: objects are those before (none at a start) */
	struct err why;
	struct nemo_store *store;
	struct nemo_legs legs;	   /* that the head reserves */
	struct nemo_legs before;   /* unread: those of the objects before */
	struct nemo_tenant tenant; /* borrows all that */
	uint64_t readable;	   /* intent_readable() of it */
	uint64_t readable_seen;	   /* revisions_seen + 1 then; 0: nobody has asked */
};
struct state {
	struct intent_head head;
	int64_t mod_rev; /* of the record that it was read from; 0: there was none */
	unsigned int n, n_read, n_unread;
	struct state_tenant *v;	     /* in byte order; configured ones and those of the head */
	struct nemo_tenant *objects; /* head.tenants */
};
/* Revisions that were parsed before, for the head, the stage or the head that is being read, are
 * taken over. -ENOMEM. */
int intent_state_new(struct intent *in, const struct stored_head *stored, int64_t mod_rev,
		     struct state **out, struct err *err);
/* Parses the others. 1: `max` bytes of scripts were reached, call again; 0: all of it is there. One
 * that cannot be read is no error, but `unread`. -ENOMEM. */
int intent_state_read(struct intent *in, struct state *state, size_t max, struct err *err);
/* The first tenant that cannot be read, but for those that could not in `before` (NULL is allowed)
 * with the same revision. */
const struct state_tenant *intent_state_unread(const struct state *state,
					       const struct state *before);
/* The newest kept revision of the tenant that can be read; 0: there is none. Remembered until
 * another revision comes or goes. -ENOMEM. */
int intent_readable(struct intent *in, const char *tenant, uint64_t *out);
void intent_state_free(struct state *state); /* NULL is allowed */
const struct state_tenant *intent_state_tenant(const struct state *state, const char *name);
/* Objects of a script that was stored. *out: a new store. */
int intent_store_read(const char *script, size_t len, struct nemo_store **out, struct err *err);
/* The script of a revision; malloc'ed. -ENOENT, -EINVAL (err), -ENOMEM. */
int intent_revision_text(const struct intent *in, const char *tenant, uint64_t revision, char **out,
			 struct err *err);
/* The stage, as it is now. False: there is none, or it cannot be read. */
bool intent_stage(struct intent *in, struct stored_stage *out, const struct record **rec);

/* ---- history.c: what is kept ---- */
/* Numbers of a tenant's kept revisions, in ascending order, into *out (NULL on entry; malloc'ed,
 * also on an error): how many, or -ENOMEM. Those beyond the one in force were never in force, or
 * are taken back: they are left out. */
int intent_revisions(const struct intent *in, const char *tenant, uint64_t **out);

/* ---- txn.c: one transaction with any number of compares ---- */
struct txn;
struct txn *intent_txn_new(struct intent *in);
void intent_txn_mod(struct txn *txn, int64_t mod_rev, const char *key, ...)
	__attribute__((format(printf, 3, 4))); /* 0: must be absent */
/* Nobody has put it since, but it may be gone. */
void intent_txn_not_since(struct txn *txn, int64_t mod_rev, const char *key);
void intent_txn_put(struct txn *txn, int64_t lease, const char *value, size_t len, const char *key,
		    ...) __attribute__((format(printf, 5, 6)));
void intent_txn_put_json(struct txn *txn, int64_t lease, json_t *value, const char *key, ...)
	__attribute__((format(printf, 4, 5))); /* takes value; NULL: no memory */
void intent_txn_del(struct txn *txn, bool prefix, const char *key, ...)
	__attribute__((format(printf, 3, 4)));
unsigned int intent_txn_room(const struct txn *txn); /* operations that it can still take */
/* Takes txn. done: from the loop, not after intent_close(); held: the compares did. */
int intent_txn_commit(struct txn *txn, void (*done)(void *arg, int status, bool held), void *arg,
		      struct err *err);

/* ---- head.c: what is in force ---- */
void intent_head_follow(struct intent *in);

/* ---- host.c: this host's part ---- */
struct host_part {
	struct ncsdb_hold *hold;
	int64_t lease; /* that `said` lies under */
	struct stored_host say;
	int64_t stage; /* create revision of the one handed to prepare(); 0: none is there */
	uint64_t stage_commit; /* the head to be of it */
	bool preparing;	       /* prepare() has not answered yet */
	uint64_t commit;       /* that flip() was called for */
	bool flipped;	       /* it was called at all */
	bool saying;	       /* a write is under way */
	bool again;	       /* it is to be said again, whatever was said */
	uint64_t after_ms;     /* nothing is written before: the last write failed */
	char *said;	       /* text */
	bool leads, asking;    /* leader; a write is under way */
	bool part_failed;      /* a tenant of the commit under way cannot be read */
	char prepare_why[STORED_WHY], apply_why[STORED_WHY];
	char part_why[STORED_WHY]; /* a tenant that cannot be read; "": there is none */
};
int intent_host_start(struct intent *in);
void intent_host_stop(struct intent *in);
void intent_host_step(struct intent *in);
bool intent_host_there(const struct intent *in); /* others see it */
int64_t intent_lease(const struct intent *in);	 /* 0: none */

/* How far the hosts are with a commit. */
enum hosts_answer { HOSTS_WAIT, HOSTS_DONE, HOSTS_FAILED };
struct hosts_look {
	int64_t stage; /* prepare: create revision of the stage; apply: 0 */
	uint64_t commit;
	char host[NAME_LEN]; /* who failed, or is waited for */
	char why[STORED_WHY];
	const char *except; /* is not looked at; NULL */
};
enum hosts_answer intent_hosts_look(struct intent *in, struct hosts_look *look);
/* Records of hosts that are there. */
const struct record *intent_host_next(const struct intent *in, const struct record *rec);
bool intent_host_alive(const struct intent *in, const char *name);

/* ---- job.c: what was asked for here ---- */
enum job_phase {
	JOB_WAITS,     /* for its turn */
	JOB_STAGING,   /* the stage is being written */
	JOB_PARTS,     /* the parts of a large revision are */
	JOB_PREPARING, /* the hosts are */
	JOB_FLIPPING,  /* the head is being written */
	JOB_APPLYING,  /* the hosts are */
	JOB_SETTLING,  /* the stage is being deleted */
	JOB_ABORTING,  /* the stage is being deleted, nothing has changed */
	JOB_BACKING,   /* the head is being put back */
	JOB_BACK,      /* the hosts go back */
};

#define SERVICE_ANY -1 /* mod_rev: this host has not seen it */
struct service_change {
	uint64_t id;
	const char *name; /* of the CFN; NULL: it is removed */
	int64_t mod_rev;  /* that it must still have; 0: not registered yet */
	bool stays;	  /* it is neither written nor removed */
};

/* One commit to be: statements [.., end) of the job's script on top of the head. */
struct draft {
	unsigned int end;	 /* first statement behind it */
	unsigned int statements; /* that change something */
	bool several;		 /* they could be tried one by one */
	bool admitted;
	struct nemo_store *before, *after;
	struct nemo_legs legs; /* of the tenant, afterwards */
	int64_t head_rev;      /* of the head that it is built on */
	uint64_t commit, revision;
	char id[STORED_ID];
	char *script; /* of all objects */
	size_t len;
	unsigned int parts, part; /* 0: it lies in the revision itself; the next one to write */
	json_t *sets;		  /* {"tenants", "legs"} of the head to be */
	json_t *back;		  /* of the one before */
	json_t *record;		  /* the revision */
	struct service_change *services;
	unsigned int n_services, n_stay; /* of them */
};
void intent_draft_free(struct draft *draft);

struct job {
	struct job *prev, *next;
	struct intent *intent;
	char tenant[NAME_LEN];
	char *by, *comment, *text;
	size_t len;
	bool dry_run, rollback;
	bool quiet;	     /* intent's own: nobody is answered */
	uint64_t restore;    /* rollback: the revision whose objects are restored; 0: none at all */
	uint64_t heals;	     /* the unreadable revision that `restore` was found for; 0: none */
	int64_t confirm_rev; /* quiet: of what was not confirmed in time */
	int64_t if_revision;
	unsigned int confirm_s;
	intent_done_cb done;
	void *arg;

	enum job_phase phase;
	bool busy;	      /* a transaction is under way */
	uint64_t due_ms;      /* of the phase */
	uint64_t forgiven_ms; /* in it */
	uint64_t turn_ms;     /* until then it tries to get its turn */
	uint64_t after_ms;    /* it does not try before */
	uint64_t since_us;    /* the stage */
	int64_t stage_rev;    /* it was created at */
	struct nemo_script *script;
	struct nemo_diags diags;
	struct nemo_store *first;	 /* the tenant's objects before all of it */
	uint64_t first_revision, expect; /* the tenant's, before and behind what is done */
	bool begun;			 /* first is set, the script is checked */
	unsigned int at;		 /* first statement that is not in force */
	unsigned int single;		 /* statements before it are tried one by one */
	unsigned int n_single;		 /* that were or are */
	unsigned int n_done, units;
	struct draft *draft;
	struct nemo_legs legs; /* of a dry run */
	struct nemo_store *planned;
	unsigned int tries, service_tries;
	int status; /* that it ends with, once it is backed out */
	struct err err;
	char culprit[NAME_LEN];
};
void intent_jobs_step(struct intent *in);
void intent_jobs_cancel(struct intent *in);
/* The leader's: objects of an older revision, nobody waits for it. Given up when confirm/<tenant>
 * is not that of confirm_rev any more. */
int intent_job_restore(struct intent *in, const char *tenant, uint64_t revision,
		       int64_t confirm_rev);
/* Answers and frees it. */
void intent_job_end(struct job *job, int status);

/* ---- draft.c ---- */
/* One step of what may take long: -errno: job->err or job->diags say why. */
enum draft_step {
	DRAFT_NONE,    /* all of the script is in force (or planned) */
	DRAFT_READY,   /* job->draft is to be committed */
	DRAFT_GOES_ON, /* call again, but let the loop do other things first */
};
int intent_draft(struct job *job);
/* It cannot be: back to one by one, if that makes sense. */
bool intent_draft_smaller(struct job *job);
/* A rollback found what to go back to by what could be read when it was asked for. 0: it would find
 * the same now; -ESTALE, -ENOMEM with job->err. */
int intent_draft_outdated(struct job *job);
/* What lies in the head now of the draft counts as done. */
void intent_draft_taken(struct job *job);

/* ---- services.c: what CREATE CFN x Type service registers ---- */
int intent_services_diff(struct job *job, struct draft *draft);
void intent_services_put(const struct draft *draft, struct txn *txn);
/* Keys and what they were, into undo. 0 or -ENOMEM. */
int intent_services_undo(const struct job *job, json_t *undo);
/* The head could not be written because of them: job->err. */
void intent_services_lost(struct job *job);
json_t *intent_services_json(const struct nemo_store *store); /* of one tenant: ["0x101"] */

/* ---- commit.c ---- */
void intent_commit_start(struct job *job); /* of its draft */
void intent_commit_step(struct job *job);

/* ---- orphan.c: undoing, and what others left ---- */
/* The head goes back to what the stage says. */
int intent_back_out(struct intent *in, const struct stored_stage *stage, const struct record *rec,
		    void (*done)(void *arg, int status, bool held), void *arg, struct err *err);
/* The stage is deleted, and revisions that are too many. */
int intent_settle(struct intent *in, const struct record *rec, const char *tenant,
		  void (*done)(void *arg, int status, bool held), void *arg, struct err *err);
/* The revisions of the stage's tenants that the head does not have are deleted with it. */
int intent_abort(struct intent *in, const struct stored_stage *stage, const struct record *rec,
		 void (*done)(void *arg, int status, bool held), void *arg, struct err *err);
void intent_orphans_step(struct intent *in);

/* ---- confirm.c: what was not confirmed ---- */
void intent_confirms_step(struct intent *in);
void intent_confirms_fini(struct intent *in);
/* The record is still the one of that mod_rev: nobody has confirmed it. */
bool intent_confirm_waits(const struct intent *in, const char *tenant, int64_t mod_rev);
/* There is nothing to go back to, or nothing that differs. */
void intent_confirm_drop(struct intent *in, const char *tenant, int64_t mod_rev);
/* Nothing of that tenant is rolled back before. */
void intent_confirm_pause(struct intent *in, const char *tenant, uint64_t ms);

/* ---- events.c, stats.c ---- */
void intent_events_told(struct intent *in, const struct record *rec);
void intent_events_step(struct intent *in);
/* Of any key; rec NULL: it is gone. */
void intent_events_changed(struct intent *in, const char *key, const struct record *rec);
void intent_events_fini(struct intent *in);
/* That it has changed, once what is in force was read. */
void intent_clock_tell(struct intent *in);
void intent_stats_told(struct intent *in, const struct record *rec);
void intent_stats_again(struct intent *in); /* another lease */
void intent_stats_step(struct intent *in);
void intent_stats_fini(struct intent *in);

struct figure;
struct event_wait;

struct intent {
	struct intent_conf conf;
	struct intent_tenant_conf *tenants; /* in byte order */
	unsigned int refs;		    /* handles, transactions, and the owner */
	bool closed, synced, told_synced;
	struct ncsdb_follow *follow;
	struct ncsdb_writer writer;
	struct radix records; /* key -> struct record */
	struct ncsdb_refusals refusals;
	struct nemo_store *empty;

	struct state *state;	 /* the last good head */
	struct state *staged;	 /* the head to be, as this host prepared it */
	struct state *reading;	 /* the head of now, as far as it was read; NULL: it was */
	int64_t bad_rev;	 /* of the head that is none; 0: the last one was */
	uint64_t head_seen;	 /* revisions_seen when the last one was looked at */
	uint64_t revisions_seen; /* changes of records under revisions/ */

	struct host_part host;
	uv_timer_t timer;
	bool stepping, again;
	uint64_t wake_ms; /* in a step: the earliest that something is due */
	uint64_t last_ms; /* of the last step with a commit under way; 0: there was none */

	struct job *jobs; /* utlist; the first one is at work */
	unsigned int n_jobs;
	int64_t orphan_rev;   /* of the stage that somebody left */
	int64_t orphan_ended; /* of the last one that was seen to */
	uint64_t orphan_due_ms, orphan_forgiven_ms;
	bool orphan_busy;
	int64_t back_rev;	  /* of the last stage that was to be backed out */
	uint64_t orphan_after_ms; /* nothing is written before: the last write failed */
	uint64_t answered;	  /* a commit that was answered though its stage is there */
	struct radix pauses;	  /* tenant -> struct confirm_pause */

	struct intent_listen *listens;
	struct event_wait *events; /* utlist: to be written, one at a time */
	bool event_busy;
	struct radix newest; /* tenant -> struct newest */
	void (*on_stage_gone)(void *arg);
	void *on_stage_gone_arg;
	void (*on_clock)(void *arg);
	void *on_clock_arg;
	bool clock_changed; /* and nobody was told */
	void (*on_stats)(void *arg, const char *tenant, const char *object);
	void *on_stats_arg;
	struct radix figures;	/* "tenant/object" -> struct figure: own ones */
	struct figure *dirty;	/* utlist: to be written */
	struct figure *writing; /* in the transaction that is under way */
	bool stats_busy;
	uint64_t stats_after_ms; /* nothing is written before: the last write failed */
	int64_t stats_rev;	 /* of the head whose objects the figures are of; -1: look again */
	struct intent_stats stats;
};

void intent_step(struct intent *in);
void intent_kick(struct intent *in); /* a step from the loop, soon */
/* In a step: another one is due then (uv_now()). */
void intent_wake(struct intent *in, uint64_t ms);
uint64_t intent_now(const struct intent *in);
void intent_unref(struct intent *in);
const struct nemo_grants *intent_grants(const struct intent *in, const char *tenant);
/* -EINVAL with err. */
int intent_check_tenant(const struct intent *in, const char *tenant, struct err *err);

#endif
