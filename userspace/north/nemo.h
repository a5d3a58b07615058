/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside north: /v1/nemo, the intent of tenants. A tenant is who its token or certificate says; on
 * the unix socket the operator says whose objects he means (?tenant=NAME, NEMO_DEFAULT_TENANT
 * unless he does). Nothing is decided here: intent commits, enact explains.
 */
#ifndef NORTH_NEMO_H
#define NORTH_NEMO_H

#include "north/server.h"

#define NEMO_DEFAULT_TENANT "default"
#define NEMO_QUERIES_MAX 64	/* Query statements of a script */
#define NEMO_ANSWER_MAX 65536	/* values that the queries of one request are answered with */
#define NEMO_CHANGES_MAX 4	/* of one tenant that are not answered yet; then 503 */
#define NEMO_STREAMS_MAX 64	/* of notifications; then 503 */
#define NEMO_STREAMS_LOCAL 8	/* beyond these, for the unix socket alone */
#define NEMO_AHEAD_MAX 10000	/* events that another host may be ahead */
#define NEMO_PIECE (64u << 10)	/* bytes of events that are sent at once, and one event more */
#define NEMO_KEEPALIVE_MS 15000 /* a comment, when there is no event */

/* What a request says of itself in its query. */
struct nemo_ask {
	const char *tenant; /* borrowed from ask->name or the request */
	char name[NAME_LEN];
	char comment[INTENT_COMMENT_MAX + 1];
	char packet[256], time[64];
	uint64_t confirm_s, revision, from, to, after;
	bool has_from, has_to, has_after;
	bool syntax; /* parse only */
	bool kept;   /* end behind the kept events */
};

/* ---- nemo.c ---- */
/* Reads the query and finds the tenant, which is configured. False: answered. */
bool nemo_ask(struct req *req, struct nemo_ask *ask);
/* enact, or NULL: answered. */
struct enact *nemo_enact(struct req *req);
/* {"items": items}; takes items. */
void nemo_items(struct req *req, json_t *items);

/* ---- nemo_reply.c ---- */
/* 422 with "errors" and "warnings", and the members of more, which is taken (NULL: none). */
void nemo_refused(struct req *req, const struct nemo_diags *diags, json_t *more);
/* The script's text as objects; NULL: r, and diags where they say why. */
struct nemo_store *nemo_store_of(const char *script, size_t len, struct nemo_diags *diags, int *r);

/* ---- nemo_query.c ---- */
/* Not more Query statements in the script than NEMO_QUERIES_MAX; false: answered. */
bool nemo_queries_fit(struct req *req);
/* Of a script's Query statements, in order; one that fails is {"error"}, and the last one is if it
 * has no room. NULL: no memory. */
json_t *nemo_answers(const struct enact *enact, const char *tenant, const char *script, size_t len);

/* ---- nemo_events.c ---- */
int nemo_open(struct north *n); /* -ENOMEM */
void nemo_stop(struct north *n);
void nemo_free(struct north *n);
/* Streams that are open. */
unsigned int nemo_streams(const struct north *n);
/* What streams are told when nothing happens; north's own timer does it. */
void nemo_keepalive(struct north *n);

#endif
