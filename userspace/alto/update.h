/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes of resources as they are told to clients: JSON merge patches (RFC 7396), update streams
 * (RFC 8895), TIPS views (RFC 9569). Pure state machines: they are handed a new set of resources
 * and write events or edges. Nothing is told of a resource whose content is the same. What several
 * streams and views follow is asked for, kept and compared once.
 */
#ifndef ALTO_UPDATE_H
#define ALTO_UPDATE_H

#include "alto/server.h"

#define ALTO_SUBSTREAMS_MAX 64	    /* of one stream at a time */
#define ALTO_SUBSTREAM_IDS_MAX 1024 /* in a stream's life: no ID is used twice */
#define ALTO_KEEPALIVE_S 15
#define ALTO_STREAM_BYTES_MAX (16u << 20)   /* of resources that one stream follows, as text */
#define ALTO_FOLLOWED_BYTES_MAX (32u << 20) /* of all; their histories have three times as much */
#define ALTO_FOLLOWED_NEW_BYTES_MAX                                                                \
	(24u << 20)		       /* where there are more, nothing new is followed            \
					*/
#define ALTO_INPUT_MAX (64u << 10)     /* of one resource, as compact JSON */
#define ALTO_CONTENTS_MAX 256	       /* different ones that are followed */
#define ALTO_PATCH_TEXT_MAX (4u << 20) /* larger ones are replaced as a whole */
#define ALTO_TIPS_EDGES_MAX 64	       /* incremental ones that a view keeps */

/* Patch that makes `to` of `from` (both objects; json_merge_patch applies it); NULL: no memory.
 * Empty: they are equal. A null inside `to` (but in an array) cannot be told by a patch: *possible
 * = false. New reference. */
json_t *alto_merge_diff(const json_t *from, const json_t *to, bool *possible);

/* What update streams and TIPS offer: their `uses`; and of what they tell merge patches. */
bool alto_followed(const struct alto_resource *resource);
bool alto_incremental(const struct alto_resource *resource);

/* Contents that somebody follows, by resource, input and (endpoint services) client. Outlives its
 * streams and views. */
struct alto_contents;
/* host: of Content-IDs (struct alto_request), borrowed; NULL: no memory. */
struct alto_contents *alto_contents_new(const char *host);
void alto_contents_free(struct alto_contents *contents);
/* A round: every content whose source has changed (or whose calendar has turned) is asked what it
 * says now, one a call, all of the same resources, whatever comes meanwhile. false: the round is
 * over (or nothing was to be asked): time to tell streams and views. */
bool alto_contents_step(struct alto_contents *contents, const struct alto_resources *all,
			uint64_t now_unix);
/* A round is under way, or all has something new for one. Else what is followed from now on is
 * asked of all: to be called for every new set of resources. */
bool alto_contents_stale(struct alto_contents *contents, const struct alto_resources *all,
			 uint64_t now_unix);
unsigned int alto_contents_count(const struct alto_contents *contents);

struct alto_stream_conf {
	struct alto_contents *contents;
	const struct alto_resources *all;
	struct alto_prefix client;
	const char *base; /* of absolute URIs, as this client sees them: "https://host:8443" */
	const char *path; /* of the stream's control, of a new TIPS view */
	uint64_t now_unix;
};

/* ---- update streams (RFC 8895) ---- */
struct alto_stream;

/* A request to begin a stream, or to one's control (7): application/alto-updatestreamparams+json
 * (6.5). First all is checked but what only the resources themselves can judge: -EINVAL, -EBUSY
 * with error; -ENOMEM. stream NULL: a new one. */
struct alto_adds;
int alto_adds_new(const struct alto_stream_conf *conf, const struct alto_stream *stream,
		  const char *params, size_t len, struct alto_adds **out, struct alto_error *error);
void alto_adds_free(struct alto_adds *adds); /* NULL is allowed */
/* Then what is new is asked, one content a call. -EAGAIN: call it again. 0: all has an answer. Else
 * as above, with the error that the resource itself would answer. */
int alto_adds_step(struct alto_adds *adds, struct alto_error *error);

/* After alto_adds_step() has returned 0. The events that begin the stream are put into out.
 * -EINVAL, -EBUSY with error filled; -ENOMEM. */
int alto_stream_new(const struct alto_stream_conf *conf, struct alto_adds *adds,
		    struct alto_out *out, struct alto_stream **stream, struct alto_error *error);
void alto_stream_free(struct alto_stream *stream);
/* The same for its control: adds, then removes; an error changes nothing. An empty "remove" means
 * all that there was before. What was started and stopped goes into out, contents follow with the
 * next update. *status is 202 when something was added, else 204. -ENOMEM, -EFBIG (out is full):
 * end the stream. */
int alto_stream_control(struct alto_stream *stream, struct alto_adds *adds, struct alto_out *out,
			unsigned int *status, struct alto_error *error);
/* How many events were written. */
uint64_t alto_stream_events(const struct alto_stream *stream);
/* Nothing is followed any more: the stream ends after what was put. */
bool alto_stream_empty(const struct alto_stream *stream);
/* Events for what its contents say other than was told last, in the order of dependencies: network
 * map, then what uses it. Nothing: out stays as it is. What could not be answered any more is
 * stopped. -ENOMEM: call it again, or end the stream. */
int alto_stream_update(struct alto_stream *stream, struct alto_out *out);
void alto_stream_keepalive(struct alto_out *out); /* a comment line */

/* ---- TIPS (RFC 9569) ---- */
struct alto_tips;
/* params: application/alto-tipsparams+json (6.1). Equal requests give the same view: then *tips is
 * one that was given before, and conf->path is not used. The answer (6.2) is put into out. */
int alto_tips_open(const struct alto_stream_conf *conf, const char *params, size_t len,
		   struct alto_out *out, struct alto_tips **tips, struct alto_error *error);
void alto_tips_free(struct alto_tips *tips);
/* -EINVAL, -EBUSY: the resource could not be answered any more: the view is to be closed. */
int alto_tips_update(const struct alto_tips *tips);
/* POST <view>/ug (7.4): which edge to take next. */
int alto_tips_next(const struct alto_tips *tips, const char *params, size_t len,
		   struct alto_out *out, struct alto_error *error);
/* Copies the item on an edge into out; *type is its media type, valid until the next update.
 * -EAGAIN: the next one, not there yet (the caller may wait for it). -ESTALE: before the first that
 * is kept (410). -ERANGE: too far in the future (425). -ENOENT: no such edge (404). */
int alto_tips_edge(const struct alto_tips *tips, uint64_t from, uint64_t to, struct alto_out *out,
		   const char **type);

#endif
