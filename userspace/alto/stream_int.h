/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside alto: update streams (RFC 8895): requests, state, events. */
#ifndef ALTO_STREAM_INT_H
#define ALTO_STREAM_INT_H

#include "alto/content.h"

/* ---- stream_params.c: requests ---- */
struct alto_stream_add {
	const char *id, *tag; /* tag NULL: none */
	struct alto_follow what;
	bool incremental;
	struct alto_content *content; /* held, once it was asked for */
};
struct alto_adds {
	json_t *body; /* all texts but inputs are borrowed from it */
	struct alto_stream_add v[ALTO_SUBSTREAMS_MAX];
	unsigned int n;
	json_t *remove; /* array of strings, NULL */
};
/* control: add may be absent where remove is there; else remove is ignored (6.5). What was filled
 * is the caller's to free, also on failure. */
int alto_adds_parse(const struct alto_stream_conf *conf, const char *text, size_t len, bool control,
		    struct alto_adds *out, struct alto_error *error);
/* Holds their contents. */
int alto_adds_get(const struct alto_stream_conf *conf, struct alto_adds *adds,
		  struct alto_error *error);

/* ---- stream_event.c: what is written (5.2 to 5.4) ---- */
void alto_event_control_uri(struct alto_out *o, const char *base, const char *path);
/* member: "started" or "stopped"; why NULL: no description. */
void alto_event_control(struct alto_out *o, const char *member, json_t *ids, const char *why);
void alto_event_full(struct alto_out *o, const char *id, const struct alto_version *v);
void alto_event_patch(struct alto_out *o, const char *id, const struct alto_version *v);

#endif
