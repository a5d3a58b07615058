/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sanctl: verbs over the daemon's REST interface. One table of verbs (verbs.c) says what there is;
 * everything else, help and completion included, reads it. Functions that run a verb return an
 * exit status and have printed what there is to say.
 */
#ifndef SANCTL_CTL_H
#define SANCTL_CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <signal.h>
#include <stddef.h>

#include "util/err.h"
#include "util/http.h"

#define CTL_DEFAULT_SERVER "unix:/run/sand/api.sock"
#define CTL_PATH_MAX 1024

enum ctl_exit {
	CTL_OK,
	CTL_REFUSED, /* the server said no */
	CTL_USAGE,
	CTL_UNREACHABLE, /* no answer from the server */
	CTL_NOT_FOUND,
};

/* Options that only some verbs take: text, or a number. */
enum ctl_option {
	CTL_OPT_FILE, /* -f: "-" = stdin */
	CTL_OPT_WATCH,
	CTL_OPT_RATE,
	CTL_OPT_COUNT,
	CTL_OPT_SECONDS,
	CTL_OPT_SERVICE,
	CTL_OPT_REASON,
	CTL_OPT_INTERFACE,
	CTL_OPT_SOURCE,
	CTL_OPT_DESTINATION,
	CTL_OPT_PROTOCOL,
	CTL_OPT_SPORT,
	CTL_OPT_DPORT,
	CTL_OPT_PREFIX,
	CTL_OPT_REPLACE, /* a flag, like the next one: text "" */
	CTL_OPT_LEASED,
	CTL_OPT_CA,
	CTL_OPT_CERT,
	CTL_OPT_KEY,
	CTL_OPT_TOKEN_FILE,
	CTL_OPT_MAP,
	CTL_OPT_METRIC,
	CTL_OPT_SRC,
	CTL_OPT_DST,
	CTL_OPT_SG, /* "-" = stdin */
	CTL_OPT_TENANT,
	CTL_OPT_SYNTAX_ONLY, /* a flag */
	CTL_OPT_CONFIRM,
	CTL_OPT_COMMENT,
	CTL_OPT_IF_REVISION, /* text: 0 is one */
	CTL_OPT_SINCE,	     /* likewise */
	CTL_OPT_KEPT,	     /* a flag */
	CTL_OPT_MAX,
};
#define CTL_TAKES(option) (1u << CTL_OPT_##option)

struct ctl {
	const char *server;
	const char *file; /* -f: NULL = none */
	bool json;
	bool help;
	bool quiet;		       /* completion: say nothing */
	const char *text[CTL_OPT_MAX]; /* as given; NULL = not given */
	unsigned long number[CTL_OPT_MAX];
	long timeout_ms;
	struct http *http;
	const volatile sig_atomic_t *stop; /* NULL, or: calls end early, without a word */
};

struct args {
	char **v;
	int n;
};

struct column;

struct verb {
	const char *noun, *action; /* action "" = the noun alone */
	const char *args;	   /* "ID INSTANCE STATE" */
	const char *help;	   /* one line */
	const char *example;	   /* arguments of a call that works */
	/* %i service ID, %n name, %p ingress/gateway/path, %d domain; "" = none */
	const char *path;
	int (*run)(struct ctl *ctl, const struct verb *verb, struct args args);
	const struct column *columns; /* of a table of it */
	unsigned int takes;	      /* CTL_TAKES of its options */
};

/* ---- verbs.c ---- */
extern const struct verb verbs[];
extern const size_t n_verbs;
bool verb_noun_known(const char *noun);
/* NULL: no such verb. */
const struct verb *verb_find(const char *noun, const char *action);

/* ---- suggest.c ---- */
/* The candidate nearest to word, or NULL if none is near. next: NULL-terminated. */
const char *suggest(const char *word, const char *const *candidates);
/* Edits (insert, delete, replace, swap of neighbours) from a to b. */
unsigned int suggest_distance(const char *a, const char *b);

/* ---- help.c ---- */
int help_all(void);
int help_noun(const char *noun);
int help_verb(const struct verb *verb);
int usage_noun(const char *word);
int usage_action(const char *noun, const char *word);
/* "sanctl: <text>", and where to read on; CTL_USAGE. */
int usage_error(const struct verb *verb, const char *text, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- complete.c ---- */
int complete(struct ctl *ctl, struct args words);

/* ---- call.c ---- */
/* One request. *out: new reference, or NULL when the answer is empty. */
struct call {
	const char *method, *path;
	const json_t *body;
	long status; /* of the answer */
};
int ctl_call(struct ctl *ctl, struct call *call, json_t **out);
/* The same with files as bodies. */
int ctl_bulk(struct ctl *ctl, const char *method, const char *path, const struct http_bulk *bulk,
	     json_t **out);
/* All pages of a collection as one {"items": [...]}. */
int ctl_collect(struct ctl *ctl, const char *path, json_t **out);
/* Number of arguments that a path takes. */
int ctl_path_args(const char *path);
/* Fills in the arguments. */
int ctl_path(const struct verb *verb, struct args args, char buf[CTL_PATH_MAX]);
void ctl_print_json(const json_t *value);
/* The first line of a file, malloc'ed. */
int ctl_token(const char *name, char **out);

/* ---- body.c ---- */
/* -f and key=value together: an object; what is written on the command line wins. */
int body_read(struct ctl *ctl, const struct verb *verb, struct args args, json_t **out);
/* "hysteresis.margin=10" into obj. */
int body_assign(json_t *obj, const char *assignment, struct err *err);
/* The text of a file; "-" = stdin. err names it. */
int body_load(const char *name, char **text, size_t *len, struct err *err);
const char *body_name(const char *file); /* "-": "standard input" */
/* A file's text, JSON or YAML. */
int body_parse(const char *text, size_t len, json_t **out, struct err *err);

/* ---- resource.c ---- */
int run_list(struct ctl *ctl, const struct verb *verb, struct args args);
int run_get(struct ctl *ctl, const struct verb *verb, struct args args);
int run_put(struct ctl *ctl, const struct verb *verb, struct args args);
int run_patch(struct ctl *ctl, const struct verb *verb, struct args args);
int run_delete(struct ctl *ctl, const struct verb *verb, struct args args);
int run_instance_list(struct ctl *ctl, const struct verb *verb, struct args args);
int run_instance_state(struct ctl *ctl, const struct verb *verb, struct args args);
int run_network_get(struct ctl *ctl, const struct verb *verb, struct args args);

/* ---- follow.c ---- */
struct follow {
	const char *path;      /* NULL: /v1/events */
	const char *from;      /* parameter that says where to go on; NULL: after */
	const char *filter;    /* "&kind=trace&service=0x101", as in a query; NULL: none */
	const char *after;     /* where to begin; NULL: now */
	unsigned long count;   /* 0 = no end */
	unsigned long seconds; /* likewise */
	void (*print)(const json_t *event);
};
/* ^C ends what follows, not the program. */
void follow_catch(struct ctl *ctl);
/* Prints events until one of the ends. */
int follow_events(struct ctl *ctl, const struct follow *follow);
void follow_print_json(const json_t *event); /* on one line */

/* ---- db.c db_file.c history.c ---- */
int run_db_status(struct ctl *ctl, const struct verb *verb, struct args args);
int run_db_get(struct ctl *ctl, const struct verb *verb, struct args args);
int run_db_watch(struct ctl *ctl, const struct verb *verb, struct args args);
int run_db_compact(struct ctl *ctl, const struct verb *verb, struct args args);
int run_db_snapshot(struct ctl *ctl, const struct verb *verb, struct args args);
int run_db_restore(struct ctl *ctl, const struct verb *verb, struct args args);
int run_history(struct ctl *ctl, const struct verb *verb, struct args args);

/* ---- alto.c ---- */
int run_alto_ird(struct ctl *ctl, const struct verb *verb, struct args args);
int run_alto_map(struct ctl *ctl, const struct verb *verb, struct args args);
int run_alto_cost(struct ctl *ctl, const struct verb *verb, struct args args);
int run_alto_props(struct ctl *ctl, const struct verb *verb, struct args args);
int run_alto_path(struct ctl *ctl, const struct verb *verb, struct args args);

/* ---- nemo*.c ---- */
int run_nemo_status(struct ctl *ctl, const struct verb *verb, struct args args);
int run_nemo_check(struct ctl *ctl, const struct verb *verb, struct args args);
int run_nemo_plan(struct ctl *ctl, const struct verb *verb, struct args args);
int run_nemo_apply(struct ctl *ctl, const struct verb *verb, struct args args);
int run_nemo_confirm(struct ctl *ctl, const struct verb *verb, struct args args);
int run_nemo_rollback(struct ctl *ctl, const struct verb *verb, struct args args);
int run_nemo_list(struct ctl *ctl, const struct verb *verb, struct args args);
int run_nemo_connections(struct ctl *ctl, const struct verb *verb, struct args args);
int run_nemo_export(struct ctl *ctl, const struct verb *verb, struct args args);
int run_nemo_show(struct ctl *ctl, const struct verb *verb, struct args args);
int run_nemo_diff(struct ctl *ctl, const struct verb *verb, struct args args);
int run_nemo_explain(struct ctl *ctl, const struct verb *verb, struct args args);
int run_nemo_query(struct ctl *ctl, const struct verb *verb, struct args args);
int run_nemo_listen(struct ctl *ctl, const struct verb *verb, struct args args);
int run_nemo_clock(struct ctl *ctl, const struct verb *verb, struct args args);
int run_nemo_shell(struct ctl *ctl, const struct verb *verb, struct args args);

/* ---- explain.c status.c stats.c monitor.c trace.c ---- */
int run_monitor(struct ctl *ctl, const struct verb *verb, struct args args);
int run_trace(struct ctl *ctl, const struct verb *verb, struct args args);
int run_explain(struct ctl *ctl, const struct verb *verb, struct args args);
int run_status(struct ctl *ctl, const struct verb *verb, struct args args);
int run_stats(struct ctl *ctl, const struct verb *verb, struct args args);

#endif
