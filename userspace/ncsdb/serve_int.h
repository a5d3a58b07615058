/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the embedded server (server.h). server.c owns connections and calls; a method gets its
 * decoded request and leaves its answer, or says what is wrong in etcd's words (serve_error.c).
 * Methods run on the store itself, in one go; what they wrote is answered when it is durable, what
 * they read is the store at its last durable revision.
 */
#ifndef NCSDB_SERVE_INT_H
#define NCSDB_SERVE_INT_H

#include <rpc.pb-c.h>

#include "grpc/grpc.h"
#include "ncsdb/etcd_arena.h"
#include "ncsdb/local.h"
#include "ncsdb/server.h"

#define SERVE_ANSWER_MAX GRPC_SEND_QUEUE_MAX /* a message to a client */
#define SERVE_ANSWER_REST (64u << 10)	     /* of it for all that is not keys and values */
#define SERVE_WAITING_MAX                                                                          \
	(64u << 20)		/* answers to writes, waiting for the disk: then none begins */
#define SERVE_PROGRESS_MS 10000 /* to watches that asked for progress_notify */
#define SERVE_VERSION "3.4.0"

/* ---- errors ---- */

struct serve_error {
	enum grpc_status status;
	const char *text;
};
extern const struct serve_error serve_no_key, serve_key_not_found, serve_value_given,
	serve_lease_given, serve_too_many_ops, serve_duplicate_key, serve_compacted, serve_future,
	serve_no_space, serve_lease_not_found, serve_lease_exists, serve_ttl_large,
	serve_request_large, serve_too_many, serve_bad_key, serve_nested, serve_bad_lease,
	serve_many_leases, serve_answer_large, serve_malformed, serve_no_memory, serve_disk,
	serve_closing, serve_second_message, serve_many_steps, serve_unknown;
/* Of a request that the store refused; NULL for 0. */
const struct serve_error *serve_error(int rc);

/* ---- the server ---- */

struct serve_watch;

struct ncsdb_server {
	struct local *l;
	struct ncsdb *db;
	struct grpc_server *grpc[NCSDB_LISTEN_MAX];
	unsigned int n_grpc;
	struct grpc_tls *tls;
	uv_timer_t progress;
	bool closing;
	struct etcd_arena arena; /* of the message at hand */
	uint64_t cluster, member;
	struct serve_feed *feeds; /* Watch streams */
	uint64_t requests, refused, slow;
	size_t waiting_bytes;
	unsigned int n_watches;
	char unknown[GRPC_TEXT_MAX];
};

/* An answer on its way: of a unary call, or of a stream of keep-alives. Counted by what waits. */
struct serve_call {
	struct ncsdb_server *server; /* not to be touched when stream is NULL: it may be gone */
	struct grpc_stream *stream;
	const struct serve_method *method;
	unsigned int waiting; /* answers that are asked for */
	bool seen, half_closed, ended;
	bool writes;	   /* set by the method: answer when durable */
	uint64_t since_us; /* when it came */
	size_t request_len;
	void *packed; /* answer that waits */
	size_t packed_len;
};

/* Leaves *answer (in the server's arena), or takes the call over (*answer NULL). */
typedef const struct serve_error *(*serve_run)(struct serve_call *call, const void *request,
					       ProtobufCMessage **answer);
struct serve_method {
	const char *path;
	const ProtobufCMessageDescriptor *request;
	serve_run run;
	bool streams; /* each message is answered by one, until the client is done */
};

/* ---- server.c ---- */

/* NULL without memory. */
void *serve_alloc(struct ncsdb_server *server, size_t size);
Etcdserverpb__ResponseHeader *serve_header(struct ncsdb_server *server, int64_t revision);
/* May another answer wait? */
const struct serve_error *serve_admit(const struct ncsdb_server *server);
/* For methods that took the call over: calls what it ends with. */
void serve_answer(struct serve_call *call, const struct serve_error *error,
		  const ProtobufCMessage *answer);
/* Packs and sends. -EAGAIN: the queue is full; -EMSGSIZE: beyond SERVE_ANSWER_MAX; -ENOMEM. */
int serve_send(struct grpc_stream *stream, const ProtobufCMessage *message);

/* ---- serve_read.c ---- */

/* What reads of one request see. */
struct serve_reader {
	struct ncsdb_server *server;
	int64_t at;	/* 0: the store as the request's own writes leave it */
	int64_t newest; /* no revision beyond this can be asked for */
	size_t room;	/* bytes left for the answer */
	size_t steps;	/* left; 0: too many, what was found is not all */
};
void serve_reader_init(struct serve_reader *reader, struct ncsdb_server *server, bool durable);
/* As store_next(), within the steps. */
const struct rec *serve_next(struct serve_reader *reader, const struct span *span, int64_t at,
			     const struct rec *last);
struct span serve_span(const ProtobufCBinaryData *key, const ProtobufCBinaryData *end);
size_t serve_kv_bytes(const struct rec *rec, bool key_only); /* of an answer, at most */
/* Points into rec. -ENOMEM, -EMSGSIZE. */
int serve_kv(struct serve_reader *reader, const struct rec *rec, bool key_only,
	     Mvccpb__KeyValue **out);
void serve_fill_kv(Mvccpb__KeyValue *kv, const struct rec *rec, bool key_only);
const struct serve_error *serve_read_error(int rc);
const struct serve_error *serve_range_check(const Etcdserverpb__RangeRequest *req);
const struct serve_error *serve_range(struct serve_reader *reader,
				      const Etcdserverpb__RangeRequest *req,
				      Etcdserverpb__RangeResponse **out);
const struct serve_error *serve_run_range(struct serve_call *call, const void *request,
					  ProtobufCMessage **answer);

/* ---- serve_write.c ---- */

const struct serve_error *serve_run_put(struct serve_call *call, const void *request,
					ProtobufCMessage **answer);
const struct serve_error *serve_run_delete(struct serve_call *call, const void *request,
					   ProtobufCMessage **answer);
const struct serve_error *serve_run_txn(struct serve_call *call, const void *request,
					ProtobufCMessage **answer);
const struct serve_error *serve_run_compact(struct serve_call *call, const void *request,
					    ProtobufCMessage **answer);

/* serve_check.c: requests by themselves */
const struct serve_error *serve_put_check(const Etcdserverpb__PutRequest *req);
const struct serve_error *serve_delete_check(const Etcdserverpb__DeleteRangeRequest *req);
const struct serve_error *serve_txn_check(const Etcdserverpb__TxnRequest *req);
/* serve_compare.c */
bool serve_compares_hold(struct serve_reader *reader, const Etcdserverpb__TxnRequest *req);

/* ---- serve_lease.c: leases and Maintenance ---- */

const struct serve_error *serve_run_grant(struct serve_call *call, const void *request,
					  ProtobufCMessage **answer);
const struct serve_error *serve_run_revoke(struct serve_call *call, const void *request,
					   ProtobufCMessage **answer);
const struct serve_error *serve_run_keepalive(struct serve_call *call, const void *request,
					      ProtobufCMessage **answer);
const struct serve_error *serve_run_ttl(struct serve_call *call, const void *request,
					ProtobufCMessage **answer);
const struct serve_error *serve_run_leases(struct serve_call *call, const void *request,
					   ProtobufCMessage **answer);
const struct serve_error *serve_run_status(struct serve_call *call, const void *request,
					   ProtobufCMessage **answer);

/* ---- serve_watch.c (streams), serve_feed.c (events) ---- */

struct serve_watch {
	struct serve_watch *next;
	int64_t id;
	struct span span; /* texts behind the struct */
	int64_t next_rev; /* everything before it is sent */
	bool prev_kv, progress, no_put, no_delete;
	bool fresh; /* something was sent since the last progress */
	/* While the stream is full: what was looked at, and the bytes of it that wait. */
	int64_t scanned;
	size_t pending;
	char text[];
};

struct serve_feed { /* a Watch stream */
	struct serve_feed *next, **link;
	struct ncsdb_server *server;
	struct grpc_stream *stream;
	struct serve_watch *watches, **last; /* turns: who was served goes to the end */
	unsigned int n_watches;
	int64_t next_id;
	bool progress; /* asked for */
	bool ended;
};

enum grpc_status serve_watch_open(struct ncsdb_server *server, struct grpc_stream *stream,
				  const char **text);
void serve_watch_push(struct serve_feed *feed, struct serve_watch *watch);
void serve_watch_unlink(struct serve_feed *feed, struct serve_watch *watch);
/* Says so and frees watch, which is in no list any more. */
void serve_watch_cancel(struct serve_feed *feed, struct serve_watch *watch, const char *reason,
			int64_t compact_revision);
void serve_feed_end(struct serve_feed *feed, const struct serve_error *error);
/* The history still has everything from revision on. */
bool serve_has_from(const struct local *l, int64_t revision);
int64_t serve_oldest(const struct local *l); /* from which on it has everything */
/* Sends what is durable and fits. */
void serve_feed_deliver(struct serve_feed *feed);
void serve_feed_progress(struct serve_feed *feed);
int64_t serve_feeds_need(const struct ncsdb_server *server);

#endif
