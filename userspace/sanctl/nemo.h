/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `sanctl nemo`: scripts of intent, checked here or sent to a server (REST, /v1/nemo), and what it
 * tells of them. Functions that return int return an exit status and have printed what there is to
 * say.
 */
#ifndef SANCTL_NEMO_H
#define SANCTL_NEMO_H

#include "nemo/ast.h"
#include "sanctl/link.h"

#define NEMO_URL_MAX 4352
#define NEMO_COMMIT_MS 60000 /* hosts prepare and apply; others may come first */

/* ---- nemo_call.c: over a link that is open to --server ---- */
/* The server's "/v1/nemo" + part, --tenant, and the names and values in turn, NULL-terminated; a
 * value that is NULL is left out. */
const char *nemo_url(const struct link *link, char buf[NEMO_URL_MAX], const char *part, ...);

struct nemo_request {
	const char *method, *url;
	const char *script; /* text/plain body; NULL = none */
	size_t len;
	const json_t *json;	 /* another body; NULL = none */
	const char *if_revision; /* NULL = any */
	const char *file;	 /* name of the script, for what is wrong in it */
	bool text;		 /* answers text: in link->body */
	bool commit;		 /* may last NEMO_COMMIT_MS */
	bool changes;		 /* without an answer nobody knows what came of it */
};
/* *out: new reference, NULL for text and empty answers. A refusal is told with the script's lines.
 */
int nemo_call(struct link *link, const struct nemo_request *request, json_t **out);
/* The detail of a problem, to stderr. */
void nemo_say_detail(const json_t *problem, const char *otherwise);

/* ---- nemo_diag.c ---- */
/* Errors and warnings of a script, to stderr: lines with carets. */
void nemo_say(const struct nemo_diags *diags, const char *file, const char *text, size_t len);
/* The same of an answer's "errors" and "warnings". */
void nemo_say_json(const json_t *answer, const char *file, const char *text, size_t len);

/* ---- nemo_show.c ---- */
/* "+ Operation x", with the lines that go and come; new texts as they stand. */
void nemo_show_changes(const json_t *changes);
void nemo_show_explained(const json_t *told);
void nemo_show_query(const json_t *answer);
void nemo_show_applied(const json_t *answer);
json_t *nemo_connection_rows(const json_t *items);

/* ---- nemo.c ---- */
/* Applies a script: --confirm, --comment as given. */
int nemo_send(struct link *link, const struct nemo_request *script, const char *part,
	      json_t **answer);

#endif
