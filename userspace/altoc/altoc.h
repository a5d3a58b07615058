/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ALTO client of the daemon: keeps the maps of ALTO servers (sources) and feeds them to the status
 * database: costs of ingress-gateway pairs as network status (nsc), properties of gateways' PIDs as
 * computing status of the instances there (csc). Directory first; then update streams (RFC 8895)
 * where offered, else conditional requests every poll_s. Everything is checked (alto/client.h)
 * before it counts; what does not hold is refused with a reason, and the last good view stays.
 *
 * What a good view says is written when it changes, and again every ALTOC_REFRESH_MS: a value is
 * as true as its source says it is, so it must not look old to services meanwhile (their max_age_ms
 * is 10000 unless they say otherwise: three refreshes fit in, one may be lost). What the database
 * already has, and not for long, is not written. When the server is gone the last view is kept for
 * keep_s, still refreshed; then it is withdrawn: what was told from here is removed, unless
 * somebody else has written another value since. A server is heard by an answer, 304 included, an
 * event, a keep-alive.
 *
 * The costs of a pair of which ingress and gateway are one host are not told. Two sources must not
 * tell of the same ingress, path and attribute, and are refused: the one that writes last would
 * win, again and again.
 */
#ifndef ALTOC_H
#define ALTOC_H

#include "csc/csc.h"
#include "nsc/nsc.h"
#include "util/fetch.h"

#define ALTOC_SOURCES_MAX 16
#define ALTOC_PAIRS_MAX 4096 /* of one source */
#define ALTOC_METRICS_MAX 8
#define ALTOC_PROPERTIES_MAX 8
#define ALTOC_REFRESH_MS 3000
#define ALTOC_RETRY_MS 1000 /* then twice as long each time, to poll_s */
#define ALTOC_POLL_S 30
#define ALTOC_KEEP_S 3600
#define ALTOC_SILENCE_S 45 /* of a stream; servers say something every 15 s */

/* delay-ow (any operator) -> delay_us with factor; missing in an answer: withdrawn. */
struct altoc_metric {
	const char *metric;    /* "routingcost", "delay-ow", "lossrate", "bw-available" */
	const char *attribute; /* "delay_us" */
	double factor;	       /* value * factor = attribute's unit; 0 = by the metric */
};
struct altoc_property {
	const char *property;  /* "cpu" */
	const char *attribute; /* "domain_cpu" */
	double factor;	       /* 0 = 1 */
};
struct altoc_pid {
	const char *name; /* ingress or gateway */
	const char *pid;
};

struct altoc_source {
	const char *name;
	const char *directory;		     /* https://host:port/alto/directory */
	const char *ca, *cert, *key, *token; /* NULL = none */
	const char *network_map;	     /* resource ID; NULL = the directory's default */
	const char *path;		     /* of each pair; NULL = "be" */
	const struct altoc_pid *ingresses;   /* at least one */
	unsigned int n_ingresses;
	/* Absent ones are found by the gateway's locator or address in the network map. */
	const struct altoc_pid *gateways;
	unsigned int n_gateways;
	const struct altoc_metric
		*metrics; /* n 0 = routingcost -> cost, delay-ow -> delay_us,
			     lossrate -> loss_ppm, delay-variation -> jitter_us,
			     bw-available -> bandwidth_free_kbps: what is offered */
	unsigned int n_metrics;
	const struct altoc_property *properties; /* n 0 = none */
	unsigned int n_properties;
	/* 0 = ALTOC_POLL_S, ALTOC_KEEP_S; keep_s is at least twice poll_s */
	unsigned int poll_s, keep_s;
};

struct altoc_conf {
	uv_loop_t *loop;
	const struct view *view;
	struct nsc *nsc;
	struct csc *csc;
	const struct altoc_source *sources; /* copied, texts too */
	unsigned int n_sources;
};

/* What altoc_open would refuse of one source; field: relative to it. */
int altoc_source_check(const struct altoc_source *source, struct err *err);
/* And of two that were checked: -EEXIST. */
int altoc_source_apart(const struct altoc_source *source, const struct altoc_source *before,
		       struct err *err);

struct altoc;
int altoc_open(const struct altoc_conf *conf, struct altoc **out, struct err *err);
void altoc_close(struct altoc *altoc); /* NULL is allowed */

/* [{"name", "directory", "state": "connecting"|"streaming"|"polling"|"lost"|"refused", "why",
 *   "network_map", "tag", "confirmed_s" (age of the last confirmation, null: never), "changed_s",
 *   "pairs", "written", "refused", "reconnects", "resources": [{"id", "kind", "tag", "by":
 *   "stream"|"poll", "age_s", "error"}]}]; new reference. */
json_t *altoc_json(const struct altoc *altoc);

#endif
