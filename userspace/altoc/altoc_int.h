/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of altoc share:
 *
 *	altoc.c     open, close, the tick; conf.c: the configuration, checked and copied
 *	round.c     a source's round: directory, network map, then what depends on it
 *	plan.c      directory -> slots: which resource each map comes from, and what it is sent
 *	ask.c       one request and its answer
 *	stream.c    update stream: subscription and end; events.c: what it says
 *	doc.c       texts -> documents; patch.c: merge patches -> documents
 *	work.c      the queue to the thread pool, for what is large
 *	force.c     the view that is in force
 *	feed.c      view -> network status; props.c: -> computing status
 *	show.c      altoc_json
 *
 * A source has a slot for each map: `cur` is the newest good document, `view` the one in force. All
 * documents in force are of one version of the network map: when that changes, they are replaced
 * together, as soon as all of them have come. Where some have, and the others failed for
 * ALTOC_SETTLE_MS, those come into force and the others are withdrawn: costs of another version say
 * nothing about the PIDs of this one. Where none has, the old version stays.
 *
 * What is large is read, checked, patched and freed in the thread pool. A document is not changed
 * once it is made: a work there holds those that it looks at, all else is its own. While a source
 * has works under way, whatever else comes of it waits behind them.
 */
#ifndef ALTOC_INT_H
#define ALTOC_INT_H

#include "altoc/altoc.h"

#include "alto/client.h"
#include "util/hash.h"

#define ALTOC_SLOTS_MAX (2 + ALTOC_METRICS_MAX)
#define ALTOC_CONNECT_MS 5000
#define ALTOC_ANSWER_MS 30000
#define ALTOC_DIRECTORY_MAX (4u << 20)
#define ALTOC_SETTLE_MS 10000	  /* for what depends on a new network map to come by a stream */
#define ALTOC_ROUNDS_UNSTREAMED 5 /* after a stream that was refused */
#define ALTOC_INSTANCES_MAX 65536 /* that get properties, of one source */
#define ALTOC_URL_MAX 2048
#define ALTOC_BYTES_MAX (256u << 20) /* of all sources' documents as text; equal shares */
#define ALTOC_PATCH_WINDOW_S 10
#define ALTOC_PATCHES_MAX 10000	       /* in a window, of one source */
#define ALTOC_PATCHED_MAX (256u << 20) /* bytes of documents that are patched, the same */
#define ALTOC_TEXT 320		       /* of an error */

/* How long things take; tests lower them before they open. */
struct altoc_times {
	uint64_t refresh_ms, retry_ms, settle_ms;
	uint64_t second_ms; /* of what is configured in seconds */
};
extern struct altoc_times altoc_times;

/* How much; the same. */
struct altoc_bounds {
	size_t bytes, patched;
	unsigned int patches;
};
extern struct altoc_bounds altoc_bounds;

/* Bytes of text from which on it is a work for the pool; tests lower it. */
#define ALTOC_LARGE (64u << 10)
extern size_t altoc_large;

struct altoc_peer;
struct altoc_slot;
struct altoc_plan;

/* ---- doc.c ---- */

enum altoc_kind { ALTOC_MAP, ALTOC_COSTS, ALTOC_PROPS };
extern const char *const altoc_kind_names[]; /* members of the documents, too */

struct altoc_doc { /* one of them is set */
	unsigned int refs;
	struct altoc_peer *peer;
	size_t bytes; /* as text */
	struct alto_netmap *map;
	struct alto_costmap *costs;
	struct alto_propmap *props;
};

struct altoc_slot {
	struct altoc_peer *peer;
	enum altoc_kind kind;
	unsigned int metric; /* index of the source's */
	char name[16];	     /* of its substream */
	/* from the directory */
	bool offered;
	char id[ALTO_NAME_LEN];
	char *uri;
	bool filtered; /* POST with body */
	enum alto_media media;
	char metric_text[ALTO_METRIC_LEN];
	char *body;   /* as it was asked for last */
	bool nothing; /* there is nothing to ask for: nobody needs a PID of this map */
	/* what came */
	char etag[256]; /* of cur */
	struct altoc_doc *cur, *view;
	uint64_t confirmed_ms; /* of view; uv_now() */
	struct fetch_job *job;
	bool reading;		/* its answer is in the pool */
	uint64_t came_ms;	/* the last answer; uv_now() */
	json_t *draft;		/* cur with patches that are not checked yet */
	size_t draft_bytes;	/* of its text, at most */
	bool finished;		/* the draft has become cur, and that is not in force yet */
	bool streamed;		/* part of the subscription */
	bool whole;		/* and a full replacement has come */
	bool conditional;	/* the request under way has If-None-Match */
	char error[ALTOC_TEXT]; /* "" = the last answer was good */
};

void altoc_doc_put(struct altoc_doc *doc);  /* NULL is allowed */
void altoc_doc_wipe(struct altoc_doc *doc); /* nobody refers to it; NULL is allowed */
void altoc_doc_hold(struct altoc_doc **place, struct altoc_doc *doc);
const json_t *altoc_doc_root(const struct altoc_doc *doc);
const struct alto_netmap *altoc_newest_map(const struct altoc_peer *peer); /* NULL = none */
/* Leaves `meta` and the kind's own member: what nobody reads does not count. */
void altoc_doc_prune(enum altoc_kind kind, json_t *root);
void altoc_doc_forget(struct altoc_slot *slot); /* cur */

/* ---- work.c ---- */

struct altoc_work {
	struct altoc_work *next;
	struct altoc_peer *peer;
	struct altoc_slot *slot; /* NULL: the directory */
	bool of_stream;
	bool pooled;
	void (*run)(struct altoc_work *work); /* in the pool */
	/* In the loop: ends it, or queues it again; NULL: nobody waits for it any more. */
	void (*done)(struct altoc_work *work);
	int (*take)(struct altoc_work *work, struct err *err); /* events.c's: what came of it */
	/* what it is given */
	char *text; /* NULL = "" */
	size_t len;
	json_t *root; /* or draft, or what the text became */
	enum altoc_kind kind;
	char id[ALTO_NAME_LEN], metric[ALTO_METRIC_LEN];
	struct altoc_doc *map, *old; /* network map it must be of; what it replaces; held */
	bool weighs;		     /* its text is to become a document */
	size_t waits, reserved;	     /* of the source's texts that wait, and of its bytes */
	char etag[256];
	char seen[ALTO_TAG_LEN]; /* of the last directory */
	/* what it makes */
	int r;
	struct err err;
	bool same; /* as what was there before */
	struct altoc_doc *doc;
	char digest[ALTO_TAG_LEN];
	struct alto_ird *ird;
	struct altoc_plan *plan;
};

struct altoc_work *altoc_work_new(struct altoc_peer *peer, struct altoc_slot *slot);
/* So many bytes are not read at once: they are too many, or must wait for others. */
bool altoc_work_is_large(const struct altoc_peer *peer, size_t bytes);
void altoc_work_queue(struct altoc_work *work, void (*run)(struct altoc_work *work),
		      void (*done)(struct altoc_work *work));
/* At once, in the loop. Where there is no room for it it is not run, and r says so. */
void altoc_work_run(struct altoc_work *work, void (*run)(struct altoc_work *work));
/* Frees it and what it still has: in the pool, if it was there. */
void altoc_work_end(struct altoc_work *work);
/* Nobody waits for the source's works any more; not all: for those of its stream. */
void altoc_work_drop(struct altoc_peer *peer, bool all);
/* Takes what is to be freed in the pool; false: no memory, nothing is taken. */
bool altoc_bury(struct altoc_peer *peer, struct altoc_doc *doc, json_t *root);

/* ---- doc.c: reading a document, as steps of a work ---- */

/* What it must fit and what it replaces, as it is now. */
void altoc_read_aim(struct altoc_work *work);
/* Room for its text among those that wait; -EFBIG. */
int altoc_read_wait(struct altoc_work *work, struct err *err);
/* Room for it as a document, besides those that are there. When it is about to be run: what runs
 * before it may replace some, or change none. -EFBIG. */
int altoc_read_reserve(struct altoc_work *work, struct err *err);
void altoc_read_text(struct altoc_work *work);	/* pure: text -> doc */
void altoc_read_draft(struct altoc_work *work); /* pure: root -> doc */
/* True: what it was aimed at has changed meanwhile, it is queued again. */
bool altoc_read_again(struct altoc_work *work);
/* doc as the slot's newest; what is the same stays. Nothing is changed on failure: -ESTALE (of
 * another version of the network map), -EINVAL, -EFBIG, -ENOMEM. */
int altoc_read_end(struct altoc_work *work, struct err *err);

/* ---- patch.c: merging a patch into a slot's draft, the same ---- */

/* Before it is begun; cur must be there. -EBUSY: too many. */
int altoc_patch_spend(struct altoc_slot *slot, struct err *err);
void altoc_patch_begin(struct altoc_work *work); /* takes the slot's draft */
void altoc_patch_run(struct altoc_work *work);	 /* pure: text and root or old -> root */
int altoc_patch_end(struct altoc_work *work, struct err *err);
void altoc_patch_drop(struct altoc_slot *slot);

/* ---- force.c ---- */

/* cur is there and of the newest network map. */
bool altoc_doc_fits(const struct altoc_slot *slot);
/* The server said that cur is as it is there: when that came. */
void altoc_confirm_at(struct altoc_slot *slot, uint64_t ms);
void altoc_confirm(struct altoc_slot *slot); /* now */
/* Puts in force what may be, and feeds what changed. */
void altoc_commit(struct altoc_peer *peer);
/* Another network map waits for this one. */
bool altoc_holds_up(const struct altoc_slot *slot);
/* Puts in force what is there of a network map that has waited too long for what failed. */
void altoc_settle(struct altoc_peer *peer);
/* Takes out of force what nobody has confirmed for keep_s. */
void altoc_expire(struct altoc_peer *peer);

/* ---- sources ---- */

enum altoc_state {
	ALTOC_CONNECTING,
	ALTOC_STREAMING,
	ALTOC_POLLING,
	ALTOC_LOST,
	ALTOC_REFUSED,
	ALTOC_STATE_MAX
};
extern const char *const altoc_state_names[ALTOC_STATE_MAX];

struct altoc_pair;
struct altoc_mark;
struct altoc_target;

struct altoc_peer {
	struct altoc *altoc;
	struct altoc_source conf; /* its texts are ours */
	uint16_t metric_attr[ALTOC_METRICS_MAX], property_attr[ALTOC_PROPERTIES_MAX];
	bool metrics_given;
	uint64_t poll_ms, keep_ms;
	/* what is known */
	char etag[256], digest[ALTO_TAG_LEN]; /* of the directory */
	struct altoc_slot slots[ALTOC_SLOTS_MAX];
	unsigned int n_slots; /* [0] is the network map */
	char *stream_uri;     /* NULL: none is offered */
	/* round.c */
	uv_timer_t timer;
	struct fetch_job *job; /* directory */
	int stage;	       /* of the round: round.c */
	unsigned int waiting;  /* answers of this round */
	bool failed;	       /* something of this round */
	bool refused;	       /* it was an answer that does not hold */
	bool stale; /* a vtag did not fit: the next round begins at once, but only once */
	bool stale_again;
	uint64_t retry_ms; /* 0: the last round was good */
	uint64_t pause_ms; /* no request before, for what failed; 0 = none */
	bool refiltered;   /* the stream was asked for anew for its filters: at once only once */
	unsigned int unstreamed; /* rounds without trying the stream */
	/* stream.c */
	struct fetch_job *stream;
	struct alto_events *events;
	struct alto_out rest; /* of what came, behind the event that is being read */
	size_t rest_at;
	struct altoc_waiting {
		struct altoc_slot *slot; /* NULL: none */
		bool patch;
		size_t len;
	} event;	   /* the newest one, when drafts must be finished before it */
	bool stream_work;  /* one of its works is under way */
	bool finishing;	   /* drafts become documents */
	bool stream_ended; /* by the server, before all was read */
	struct err end_err;
	struct err stream_err; /* why it is ended here; code 0: it is not */
	bool stream_refused;   /* that was something that does not hold */
	bool settled;	       /* everything subscribed has come once */
	uint64_t settled_ms;   /* when; until then, when it was asked for */
	bool steady;	       /* settled for poll_s */
	uint64_t unsettled_ms; /* since then cur is not in force; 0 = it is */
	/* doc.c, patch.c, work.c */
	size_t bytes;	    /* of documents and of the text that is becoming one */
	size_t texts;	    /* bytes of those that wait for it: as many may, once more */
	unsigned int works; /* somebody waits for */
	uint64_t window_ms; /* beginning of what is counted */
	unsigned int patches;
	size_t patched;
	/* feed.c */
	struct altoc_pair *pairs; /* uthash */
	struct altoc_mark *marks; /* uthash: instances that got properties */
	unsigned int n_known;	  /* pairs with a value */
	uv_idle_t sweeper;
	struct altoc_pair *sweep;     /* the next one to be told; NULL: all are */
	struct altoc_target *targets; /* of the map `swept`, meanwhile */
	struct altoc_doc *swept;
	unsigned int n_swept; /* with a value */
	unsigned int pending; /* writes */
	bool dirty;	      /* feed again when they are answered and all are told */
	bool write_failed;    /* said in the log */
	bool too_many;	      /* the same */
	/* for people */
	enum altoc_state state;
	char why[ALTOC_TEXT];
	char unknown[ALTOC_TEXT]; /* a PID of the configuration that the network map has not */
	bool lost;		  /* withdrawn */
	uint64_t changed_ms;	  /* uv_now(); 0 = never */
	uint64_t confirmed_ms;	  /* anything in force; 0 = never */
	uint64_t written, refusals, reconnects;
};

struct altoc {
	struct altoc_conf conf;
	struct fetch *fetch;
	uv_timer_t tick;
	struct altoc_peer *peers;
	unsigned int n;
	uv_work_t uv_work;
	struct altoc_work *running, *works, **works_end;
	unsigned int refs; /* handles, and writes and works under way */
	bool closed;
};

uint64_t altoc_now(const struct altoc_peer *peer); /* uv_now() */
void altoc_release(struct altoc *altoc);
/* From within an event, where a stream cannot be ended: what the tick does, at once. */
void altoc_tick_soon(struct altoc *altoc);

/* ---- conf.c ---- */
int altoc_conf_read(struct altoc_peer *peer, const struct altoc_source *source, struct err *err);
void altoc_conf_fini(struct altoc_peer *peer);

/* ---- plan.c ---- */
/* Pure, of what the source is configured to: may run in the pool. The plan borrows from ird.
 * -ENOENT and the like: the directory has not what is needed. */
int altoc_plan_make(const struct altoc_peer *peer, const struct alto_ird *ird,
		    struct altoc_plan **out, struct err *err);
void altoc_plan_free(struct altoc_plan *plan);
int altoc_plan_take(struct altoc_peer *peer, const struct altoc_plan *plan, struct err *err);
/* What a filtered resource is sent for the network map cur; NULL: there is nothing to ask for. To
 * free(). */
char *altoc_plan_body(const struct altoc_slot *slot);
/* That as the slot's body; false: there is nothing to ask for, and cur is forgotten. */
bool altoc_plan_ask(struct altoc_slot *slot);

/* ---- round.c ---- */
void altoc_round_start(struct altoc_peer *peer);
void altoc_round_stop(struct altoc_peer *peer);
/* Slots whose filter is not what it should be any more are asked again. */
void altoc_round_check(struct altoc_peer *peer);
/* One answer of the round is in. */
void altoc_round_answered(struct altoc_peer *peer);
/* Everything from the directory on, after a pause. */
void altoc_round_again(struct altoc_peer *peer);
/* Says why. refused: an answer that does not hold; slot may be NULL. */
void altoc_fail(struct altoc_peer *peer, struct altoc_slot *slot, bool refused,
		const struct err *err);

/* ---- ask.c ---- */
void altoc_ask(struct altoc_slot *slot);
void altoc_ask_directory(struct altoc_peer *peer);
/* Where credentials may go: to the directory's origin only. */
struct fetch_conf altoc_request(const struct altoc_peer *peer, const char *url);
/* False: what a server may say when it is only busy, or not there. */
bool altoc_is_refusal(const struct fetch_answer *a);

/* ---- stream.c ---- */
/* It runs, or what came of it is not all read yet. */
static inline bool altoc_streams(const struct altoc_peer *peer)
{
	return peer->stream || peer->stream_ended;
}
/* Subscribes to what is streamed; 0, or -errno with err. */
int altoc_stream_start(struct altoc_peer *peer, struct err *err);
void altoc_stream_stop(struct altoc_peer *peer);
/* Ends it when it has not begun with everything, or when the network map changed and what depends
 * on it has not come, for too long. */
void altoc_stream_check(struct altoc_peer *peer);

/* ---- events.c ---- */
#define ALTOC_REST_MAX (256u << 10) /* of pieces that wait here */
/* One piece, of fetch_ops. -errno: stream_err says why. */
int altoc_events_piece(struct altoc_peer *peer, const char *bytes, size_t len);
/* Something is not read yet. */
bool altoc_events_left(const struct altoc_peer *peer);
void altoc_events_stop(struct altoc_peer *peer);
/* stream.c: the stream is over, and why. */
void altoc_stream_end(struct altoc_peer *peer, struct err *err);

/* ---- feed.c, props.c ---- */
struct altoc_target { /* a gateway and where it is */
	char gateway[NAME_LEN];
	const char *pid; /* of the map's or the configuration's texts */
	bool known;	 /* the network map has it */
	UT_hash_handle hh;
};
/* All gateways with a PID, by map. *out NULL: none. -ENOMEM. */
int altoc_targets(const struct altoc_peer *peer, const struct alto_netmap *map,
		  struct altoc_target **out);
void altoc_targets_free(struct altoc_target *targets);
#define ALTOC_SLICE 128 /* pairs that are told in one turn of the loop */
void altoc_feed(struct altoc_peer *peer);
void altoc_feed_stop(struct altoc_peer *peer);
void altoc_feed_fini(struct altoc_peer *peer);
void altoc_feed_props(struct altoc_peer *peer, struct altoc_target *targets);
void altoc_feed_props_fini(struct altoc_peer *peer);
/* value * factor in thousandths; false: not in the attribute's range. */
bool altoc_milli(uint16_t attr, double value, double factor, int64_t *milli);
struct altoc_wish {
	uint16_t attr;
	bool known;
	int64_t milli;
};
struct altoc_told { /* of one value */
	bool ours;  /* written from here, and not removed since */
	int64_t milli;
	uint64_t sent_us; /* view's time */
};
/* attrs gets the member if the view has not the value, or has it for so long that it must be told
 * again; or null if there is none (known false) and what is there is what was told from here. */
void altoc_wish(const struct altoc_peer *peer, const struct samples *have,
		const struct altoc_wish *wish, struct altoc_told *told, json_t *attrs);
struct ncsdb_write_done altoc_writing(struct altoc_peer *peer, const json_t *attrs);
void altoc_write_refused(struct altoc_peer *peer, const json_t *attrs, const struct err *err);

#endif
