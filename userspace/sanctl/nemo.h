/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `sanctl nemo`: scripts of intent, checked here or sent to a server (REST, /v1/nemo), and what it
 * tells of them. Functions that return int return an exit status and have printed what there is to
 * say.
 */
#ifndef SANCTL_NEMO_H
#define SANCTL_NEMO_H

#include <uv.h>

#include "nemo/ast.h"
#include "sanctl/ctl.h"
#include "util/fetch.h"

#define LINK_PATH_MAX 4096
#define LINK_COMMIT_MS 60000 /* hosts prepare and apply; others may come first */

/* ---- nemo_link.c: a server ---- */
struct link {
	struct ctl *ctl;
	const struct verb *verb;
	uv_loop_t loop;
	struct fetch *fetch;
	char base[256];	       /* "http://localhost", "https://[::1]:8444" */
	const char *unix_path; /* NULL = TCP */
	char *token;
	/* the last answer */
	bool answered;
	int failed; /* 0: one came */
	long code;
	char *body;
	size_t len;
	struct err err;
};
/* Close it whatever this returns. */
int link_open(struct link *link, struct ctl *ctl, const struct verb *verb);
void link_close(struct link *link);
/* "/v1/nemo" + part, --tenant, and the names and values in turn, NULL-terminated; a value that is
 * NULL is left out. */
const char *link_path(const struct link *link, char buf[LINK_PATH_MAX], const char *part, ...);
/* What fetch needs to reach the server; more may be set in it. url: LINK_PATH_MAX + 256. */
struct fetch_conf link_conf(const struct link *link, const char *path, char *url, size_t size);

struct link_request {
	const char *method, *path;
	const char *script; /* text/plain body; NULL = none */
	size_t len;
	const json_t *json;	 /* another body; NULL = none */
	const char *if_revision; /* NULL = any */
	const char *file;	 /* name of the script, for what is wrong in it */
	bool text;		 /* answers text: in link->body */
	bool commit;		 /* may last LINK_COMMIT_MS */
	bool changes;		 /* without an answer nobody knows what came of it */
};
/* *out: new reference, NULL for text and empty answers. A refusal is told with the script's lines.
 */
int link_call(struct link *link, const struct link_request *request, json_t **out);
/* The detail of a problem, to stderr. */
void link_say_detail(const json_t *problem, const char *otherwise);

/* ---- nemo_diag.c ---- */
/* Errors and warnings of a script, to stderr: lines with carets. */
void nemo_say(const struct nemo_diags *diags, const char *file, const char *text, size_t len);
/* The same of an answer's "errors" and "warnings". */
void nemo_say_json(const json_t *answer, const char *file, const char *text, size_t len);

/* ---- nemo_show.c ---- */
/* "+ Operation x", with the lines that go and come; new texts as they stand. */
void nemo_show_changes(const json_t *changes);
void nemo_show_explained(const json_t *told);
void nemo_show_answers(const json_t *answers); /* of queries: an array */
void nemo_show_applied(const json_t *answer);
json_t *nemo_connection_rows(const json_t *items);

/* ---- nemo.c ---- */
/* Applies a script: --confirm, --comment as given. */
int nemo_send(struct link *link, const struct link_request *script, const char *part,
	      json_t **answer);

#endif
