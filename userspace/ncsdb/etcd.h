/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Back-end over the network: a client of etcd's v3 API (any cluster, or another sand's server).
 *
 * Two links, each one connection to one member at a time, with fail-over of their own: `feed`
 * carries the watches (one stream) and keep-alives (one stream), `calls` all other requests. A link
 * that is lost, or whose member does not answer or says that it cannot, goes to the next endpoint.
 *
 *	etcd.c          open, close, status
 *	etcd_link.c     connection, fail-over, login; one unary call on it
 *	etcd_request.c  requests: waiting, flying, tried again, deadline
 *	etcd_kv.c       what they ask and what is answered
 *	etcd_feed.c     the watch stream and whether it is fed
 *	etcd_watch.c    watches and their events
 *	etcd_lease.c    keep-alives
 *	etcd_wire.c, etcd_error.c, etcd_arena.c  messages; pure
 */
#ifndef NCSDB_ETCD_H
#define NCSDB_ETCD_H

#include <sys/queue.h>

#include "ncsdb/etcd_wire.h"

#define ETCD_BACKOFF_MIN_MS 50
#define ETCD_BACKOFF_MAX_MS 1000
#define ETCD_QUIET_MS 5000  /* a feed that says nothing for so long is asked, */
#define ETCD_ANSWER_MS 5000 /* and lost after so long without an answer */
#define ETCD_REWATCH_MS 100 /* a watch that the server ended is asked for again */
#define ETCD_PAGE 4096	    /* keys of one answer to a range */
#define ETCD_ANSWER_MAX (64u << 20)
#define ETCD_SEND_MAX GRPC_SEND_QUEUE_MAX /* a request with its framing */
#define ETCD_SLOTS 8192			  /* power of two, above NCSDB_WATCHES_MAX */

struct etcd;
struct etcd_link;

/* One call with one answer, on a link. */
struct etcd_unary {
	struct etcd_link *link;
	struct grpc_call *call; /* NULL: none under way */
	const ProtobufCMessageDescriptor *type;
	struct etcd_arena arena;
	void *answer; /* in the arena */
	/* OK: there is an answer. The call is over; sent as grpc_call_conf.on_end. */
	void (*done)(struct etcd_unary *u, enum grpc_status status, const char *text, bool sent);
};
/* As grpc_call_start; done never comes from within. The arena keeps what it has. */
int etcd_unary_start(struct etcd_unary *u, const char *path, const void *data, size_t len,
		     unsigned int deadline_ms);
void etcd_unary_cancel(struct etcd_unary *u); /* no done; nothing under way is fine */

enum etcd_link_state { ETCD_WAITING, ETCD_CONNECTING, ETCD_LOGIN, ETCD_UP };

struct etcd_link {
	struct etcd *e;
	struct grpc_channel *channel;
	enum etcd_link_state state;
	unsigned int endpoint; /* index: in use, or tried next */
	unsigned int backoff_ms;
	uv_timer_t timer; /* ETCD_WAITING: until it connects */
	struct etcd_unary login;
	char *token;	   /* NULL: none needed */
	uint64_t heard_us; /* something came from the member */
	char why[128];
	void (*up)(struct etcd *e);
	void (*down)(struct etcd *e); /* connection and its calls end after this */
	void (*denied)(struct etcd *e);
};
void etcd_link_init(struct etcd_link *link, struct etcd *e);
void etcd_link_start(struct etcd_link *link);
/* The member answered: the next loss is tried again at once. */
void etcd_link_good(struct etcd_link *link);
/* Gives up on this member; the next one is tried after a pause. Callbacks of requests run inside:
 * from the loop only. */
void etcd_link_fail(struct etcd_link *link, const char *why);
void etcd_link_login(struct etcd_link *link); /* anew, on the same connection */
void etcd_link_stop(struct etcd_link *link);  /* for good; timer is closed by the owner */
/* Metadata of every call: a leader is wanted, and the token. Returns how many. */
size_t etcd_link_headers(const struct etcd_link *link, struct grpc_header out[2]);

enum etcd_kind { ETCD_RANGE, ETCD_TXN, ETCD_GRANT, ETCD_REVOKE, ETCD_COMPACT };

struct etcd_request {
	struct etcd_unary unary; /* first */
	struct etcd *e;
	TAILQ_ENTRY(etcd_request) all, wait;
	enum etcd_kind kind;
	bool waiting, tried, renewed; /* tried: may have reached a member; renewed: the token */
	uint64_t begin_us, deadline_us, sent_us;
	void *arg;
	unsigned char *data; /* packed */
	size_t len;
	union {
		struct {
			ncsdb_range_cb cb;
			struct ncsdb_range req; /* texts behind the struct */
			struct ncsdb_kv *kvs;
			size_t n, page;
			int64_t revision;    /* of all pages; 0 = not known yet */
			unsigned char *next; /* key of the next page, as on the wire */
			size_t next_len;
			unsigned int restarts;
		} range;
		struct {
			ncsdb_txn_cb cb;
		} txn;
		struct {
			ncsdb_lease_cb cb;
			int64_t id;
		} lease;
	};
	char text[];
};

struct etcd_keepalive {
	TAILQ_ENTRY(etcd_keepalive) all;
	int64_t id;
	ncsdb_lease_cb cb;
	void *arg;
	bool sent, tried;
	uint64_t deadline_us, sent_us;
};

struct etcd_watch {
	struct ncsdb_watch base;
	ncsdb_watch_cb cb;
	void *arg;
	int64_t id;	  /* on the stream; 0 = not asked for */
	int64_t next_rev; /* everything before it is delivered; 0 = from now */
	bool told, dead;
	struct etcd_unary check; /* whether its place is still in the history */
	bool counted;		 /* in uncreated: the feed is not complete without it */
	struct etcd_watch *next_dead;
	char prefix[]; /* ours */
};

TAILQ_HEAD(etcd_requests, etcd_request);
TAILQ_HEAD(etcd_keepalives, etcd_keepalive);

struct etcd {
	struct ncsdb base;
	struct etcd_endpoint endpoints[NCSDB_ENDPOINTS_MAX];
	unsigned int n_endpoints;
	struct grpc_tls *tls;
	char *user, *password;
	struct etcd_names names;
	unsigned int deadline_ms;
	bool closing;	      /* nothing new is taken, writes are being finished */
	bool finished;	      /* handles are being closed */
	unsigned int handles; /* open */

	struct etcd_link feed, calls;
	struct etcd_arena scratch; /* what is being packed */

	/* requests */
	struct etcd_requests all, waiting; /* by deadline; in the order of sending */
	struct etcd_keepalives keepalives; /* by deadline */
	uint64_t n_requests;
	size_t bytes;
	uv_timer_t tick; /* nearest deadline; keeps the loop alive */
	bool read_only;
	struct hist write_us;

	/* feed */
	uint64_t cluster; /* 0 = not known yet */
	int64_t revision; /* newest heard of, of that cluster */
	struct grpc_call *stream, *keepalive;
	struct etcd_unary probe;
	int64_t probe_floor; /* newest that had been heard of when it was sent */
	uint64_t probe_us;
	bool probed; /* the member on the feed knows all that was heard of */
	bool connected, connected_once;
	bool too_large; /* the last stream ended with a message that nobody takes */
	uint64_t lost_us, reconnects, foreign;
	uv_timer_t quiet, rewatch;
	unsigned int quiet_ms, answer_ms; /* ETCD_QUIET_MS, ETCD_ANSWER_MS; less in tests */
	struct etcd_arena events_arena;
	struct ncsdb_event *events;
	size_t cap_events;

	struct etcd_watch *slots[ETCD_SLOTS];
	size_t n_slots; /* above it all are NULL */
	size_t n_watches, uncreated;
	int64_t generation;
	unsigned int delivering;
	struct etcd_watch *dead; /* ended while events are delivered */
};

int etcd_open(uv_loop_t *loop, const struct ncsdb_remote *conf, struct ncsdb **out,
	      struct err *err);

/* etcd_request.c */
int etcd_admit(const struct etcd *e, size_t bytes);
struct etcd_request *etcd_request_new(struct etcd *e, enum etcd_kind kind, size_t text);
void etcd_request_free(struct etcd_request *r);
/* Packs the message for it (again). */
int etcd_request_pack(struct etcd_request *r, const ProtobufCMessage *msg);
/* Sends it when the link is up; takes it. */
void etcd_request_add(struct etcd_request *r);
/* Once more, with a deadline of its own. */
void etcd_request_again(struct etcd_request *r);
void etcd_requests_pump(struct etcd *e);
void etcd_requests_denied(struct etcd *e);
void etcd_reads_cancel(struct etcd *e);
void etcd_tick(struct etcd *e); /* arms the timer */
void etcd_on_close(uv_timer_t *timer);

/* etcd_kv.c: the answer, or why there is none. Frees or sends again. */
void etcd_request_answer(struct etcd_request *r, int status);
int etcd_range(struct ncsdb *db, const struct ncsdb_range *req, ncsdb_range_cb cb, void *arg);
int etcd_txn(struct ncsdb *db, const struct ncsdb_txn *txn, ncsdb_txn_cb cb, void *arg);
int etcd_compact(struct ncsdb *db, int64_t revision);
int etcd_lease_grant(struct ncsdb *db, int64_t id, unsigned int ttl_s, ncsdb_lease_cb cb,
		     void *arg);
int etcd_lease_revoke(struct ncsdb *db, int64_t id, ncsdb_lease_cb cb, void *arg);

/* etcd_lease.c */
int etcd_lease_keepalive(struct ncsdb *db, int64_t id, ncsdb_lease_cb cb, void *arg);
void etcd_keepalives_up(struct etcd *e);
void etcd_keepalives_down(struct etcd *e);
void etcd_keepalives_cancel(struct etcd *e);
void etcd_keepalives_expire(struct etcd *e, uint64_t now);

/* etcd_feed.c */
void etcd_feed_up(struct etcd *e);
void etcd_feed_down(struct etcd *e);
/* Connected or not: says so when it changed. lost: something is missing. */
void etcd_feed_state(struct etcd *e, bool lost);
void etcd_probe_done(struct etcd_unary *u, enum grpc_status status, const char *text, bool sent);
/* What a header says; false: the answer is of another cluster and nothing worth. */
bool etcd_heard(struct etcd *e, const Etcdserverpb__ResponseHeader *header);
/* A read of nothing on the feed's connection: for its header, or whether `revision` (0: now) can
 * still be read. */
int etcd_feed_read(struct etcd *e, struct etcd_unary *u, int64_t revision,
		   unsigned int deadline_ms);
/* A request on the stream. */
int etcd_feed_send(struct etcd *e, const Etcdserverpb__WatchRequest *msg);

/* etcd_watch.c */
int etcd_watch(struct ncsdb *db, const char *prefix, int64_t start_rev, ncsdb_watch_cb cb,
	       void *arg, struct ncsdb_watch **out);
void etcd_unwatch(struct ncsdb_watch *watch);
void etcd_watches_up(struct etcd *e);	/* asks for all of them */
void etcd_watches_down(struct etcd *e); /* the stream is gone */
/* Tells all that have a place in the history that it is no longer theirs. */
void etcd_watches_tell(struct etcd *e, int status);
void etcd_watch_message(struct etcd *e, const Etcdserverpb__WatchResponse *msg);
void etcd_watches_free(struct etcd *e);

#endif
