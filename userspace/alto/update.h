/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes of resources as they are told to clients: JSON merge patches (RFC 7396), update streams
 * (RFC 8895), TIPS views (RFC 9569). Pure state machines: they are handed a new set of resources
 * and write events or edges. Nothing is told of a resource whose content is the same.
 */
#ifndef ALTO_UPDATE_H
#define ALTO_UPDATE_H

#include "alto/server.h"

#define ALTO_SUBSTREAMS_MAX 64
#define ALTO_KEEPALIVE_S 15
#define ALTO_STREAM_BYTES_MAX (16u << 20) /* of resources that one stream follows, as text */
#define ALTO_TIPS_EDGES_MAX 64		  /* versions that a view keeps */

/* Patch that makes `to` of `from` (both objects; json_merge_patch applies it); NULL: no memory. Empty: they are equal. A null
 * inside `to` cannot be told by a patch: *possible = false. New reference. */
json_t *alto_merge_diff(const json_t *from, const json_t *to, bool *possible);

struct alto_stream;
struct alto_stream_conf {
	const struct alto_resources *all; /* of the first events */
	struct alto_prefix client;
	const char *control_uri; /* copied */
	uint64_t now_unix;
};
/* params: application/alto-updatestreamparams+json (RFC 8895, 6.5); what may be followed is the
 * `uses` of the update stream resource. Events that begin the stream are in out. */
int alto_stream_new(const struct alto_stream_conf *conf, const char *params, size_t len,
		    struct alto_out *out, struct alto_stream **stream, struct alto_error *error);
void alto_stream_free(struct alto_stream *stream);
/* Stream control (RFC 8895, 7): adds and removes; *empty: nothing is followed any more: the stream
 * ends after out was sent. The HTTP status is 202 (an event follows) or 204. */
int alto_stream_control(struct alto_stream *stream, const struct alto_resources *all,
			const char *params, size_t len, struct alto_out *out, bool *empty,
			struct alto_error *error);
/* Events for what differs in all, in the order of dependencies: network map, then what uses it.
 * Nothing: out stays empty. */
int alto_stream_update(struct alto_stream *stream, const struct alto_resources *all,
		       uint64_t now_unix, struct alto_out *out);
void alto_stream_keepalive(struct alto_out *out); /* a comment line */

/* ---- TIPS (RFC 9569) ---- */
struct alto_tips;
/* params: application/alto-tipsparams+json. path: "/alto/tips/<view>". Answer: the TIPS view. */
int alto_tips_new(const struct alto_stream_conf *conf, const char *params, size_t len,
		  const char *path, struct alto_out *out, struct alto_tips **tips,
		  struct alto_error *error);
void alto_tips_free(struct alto_tips *tips);
int alto_tips_update(struct alto_tips *tips, const struct alto_resources *all, uint64_t now_unix,
		     bool *changed);
/* The item on an edge ("0", "105"): its media type. -ENOENT: no such edge (404); -EAGAIN: the next
 * one, not there yet (the caller may wait for it). */
int alto_tips_edge(const struct alto_tips *tips, uint64_t from, uint64_t to, struct alto_out *out,
		   enum alto_media *media);

#endif
