/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside north: ALTO over HTTP. Paths under /alto/ are those of the resources of the broker's
 * newest snapshot; an answer is made within one turn of the loop of its own, so everything in
 * it is of one snapshot and others are served in between (alto_queue.c). GET answers are kept as
 * text as long as their snapshot, up to ALTO_CACHE_BYTES. Update streams and TIPS views live longer
 * than a snapshot: alto_stream.c, alto_tips.c.
 */
#ifndef NORTH_ALTO_H
#define NORTH_ALTO_H

#include "alto/server.h"
#include "north/server.h"

#define ALTO_CACHE_BYTES (64u << 20)
#define ALTO_GZIP_MIN 1024     /* bytes; less is not worth it */
#define ALTO_SMALL (64u << 10) /* an answer there is always room for */

/* ---- alto.c ---- */
/* Resources of the newest snapshot, with the snapshot; borrowed until alto_streams_changed() is
 * called: within one turn of the loop. NULL: there is none yet. */
const struct alto_resources *alto_resources_now(struct north *n);
/* Who asks, for the answers that depend on it: family 0 on the unix socket. */
struct alto_prefix alto_client(const struct req *req);
/* "https://pe1.example:8443": where the request came to, for absolute URIs. */
#define ALTO_BASE_LEN 288
const char *alto_base(const struct req *req, char buf[ALTO_BASE_LEN]);
int alto_open(struct north *n); /* -ENOMEM */
/* Nobody waits for changes any more; before the requests end. */
void alto_stop(struct north *n);
void alto_free(struct north *n);

/* ---- alto_queue.c ---- */
#define ALTO_QUEUE_MAX 128  /* requests that wait to be computed; then 503 */
#define ALTO_QUEUE_KNOWN 32 /* of these, for principals and the unix socket alone */
#define ALTO_QUEUE_PARTY 24 /* of one address or principal */
/* Holds the request until its turn, one a turn of the loop, or answers 503. run() answers; it is
 * not called when the client has gone meanwhile, or the interface closes. */
void alto_queue(struct req *req, void (*run)(struct req *req));
/* Another turn, for one that has its first: it is never refused. */
void alto_queue_again(struct req *req, void (*run)(struct req *req));
void alto_queue_open(struct north *n);
void alto_queue_stop(struct north *n);

/* ---- alto_reply.c ---- */
/* False: so much of other answers waits for its clients that there shall be no more: answered 503.
 */
bool alto_has_room(struct req *req);
/* 400: application/alto-error+json; else a problem: 404, 503 with Retry-After. r: what the function
 * of alto/ returned: -ENOMEM: 500. */
void alto_fail(struct req *req, int r, const struct alto_error *error);
void alto_no_such(struct req *req);		   /* 404 */
void alto_busy(struct req *req, const char *want); /* 503 with Retry-After */
/* 200 with text that is not kept, compressed if the client likes; out is taken. */
void alto_answered(struct req *req, struct alto_out *out, const char *type);
/* The answer to a GET or POST of a resource. */
void alto_resource_answer(struct req *req, const struct alto_resource *resource);
/* The answer to a GET, if it is kept as it is wanted. False: not answered. */
bool alto_answer_kept(struct req *req, const struct alto_resource *resource);
void alto_cache_clear(struct north *n);
extern size_t alto_cache_max; /* ALTO_CACHE_BYTES; tests lower it */
struct alto_cache_stats {
	size_t bytes;  /* kept now */
	uint64_t hits; /* answers that were */
};
void alto_cache_stats(const struct north *n, struct alto_cache_stats *out);

/*
 * ---- alto_stream.c: update streams; alto_tips.c: TIPS; alto_updates.c: both ----
 * What they keep hangs at north->alto.streams. The handlers get the raw body in req->data, req->len
 * (application/alto-updatestreamparams+json, -tipsparams+json: checked), and parameters decoded:
 * POST /alto/updates, /alto/updates/{stream} (control), /alto/tips, /alto/tips/{view}/ug; GET
 * /alto/tips/{view}/ug/{from}/{to}. Prototypes of those that the router calls: rest.h.
 * Streams answer with rest_stream_new() and rest_streamed(req, stream, "text/event-stream");
 * alto_streams_stop() ends them all with rest_stream_end(). Beyond NORTH_STREAMS_MAX of both:
 * alto_busy().
 */
struct alto_streams;
int alto_streams_open(struct north *n); /* -ENOMEM */
/* Another snapshot is there: alto_resources_now(). */
void alto_streams_changed(struct north *n);
/* All end, timers too; before the requests end. No callback afterwards. */
void alto_streams_stop(struct north *n);
/* After the last handle of north was closed (north->handles counts those that they open:
 * north_release() in their close callbacks). */
void alto_streams_free(struct north *n);
void alto_updates_post(struct req *req);
void alto_tips_post(struct req *req);

struct alto_streams_stats {
	unsigned int streams, views, waits; /* now */
	uint64_t events, refused;	    /* ever; refused: beyond NORTH_STREAMS_MAX */
};
void alto_streams_stats(const struct north *n, struct alto_streams_stats *out);

#endif
