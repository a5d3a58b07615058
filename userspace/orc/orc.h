/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Orchestration: hears of changes in the view, marks what depends on them, coalesces, lets ssc
 * score only the touched candidates and decide per touched service, and hands changed selections to
 * ncc. One direction: view -> marks -> ssc -> ncc. The classifier's rules go the same way. On a
 * gateway it also keeps the SIDs of its instances, and chooses among them for the services whose
 * steering is gateway (SAN_SCOPE_LOCAL).
 */
#ifndef ORC_H
#define ORC_H

#include <jansson.h>
#include <uv.h>

#include "model/view.h"
#include "ncc/ncc.h"
#include "util/hist.h"

struct orc;

#define ORC_COALESCE_US 5000	/* while busy; idle changes are evaluated in the same loop turn */
#define ORC_RETRY_US 5000000	/* what could not be planned is tried again */
#define ORC_HISTORY 16		/* changes kept per service, for explain */
#define ORC_MAX_CANDIDATES 4096 /* of one service */

struct orc_conf {
	uv_loop_t *loop;
	struct view *view; /* orc becomes its observer */
	struct ncc *ncc;
	const char *ingress; /* this host's name: paths of other ingresses do not count; "" = no
				ingress */
	const char *gateway; /* this host's gateway name or NULL */
	const struct plan_sid *sids; /* configured SIDs, that of End.SAN among them */
	unsigned int n_sids;
	/* Access groups that interfaces of this host are in, by bit of plan_service.groups;
	 * groups[0] stands for interfaces without one and is not read. Borrowed until orc_close. */
	const char *const *groups;
	unsigned int n_groups; /* 0..SAN_MAX_GROUPS */
	/* Gateway: what its instances of a service (steering gateway) offer as a whole, NULL:
	 * nothing any more. Told when it says something else (see ORC_AGGREGATE_*), and again after
	 * orc_republish(). NULL: nobody wants to know. */
	void (*publish)(void *arg, uint64_t service, const struct aggregate *agg);
	void *arg;
};

#define ORC_AGGREGATE_BAND 10 /* points of 1000 by which a term's value or the metric must move */
#define ORC_AGGREGATE_MIN_MS 200 /* between two of one service, unless count changes */

/* -EINVAL a name that is none, too many groups; -EEXIST a SID configured twice, -ENOMEM. */
int orc_open(const struct orc_conf *conf, struct orc **out);
void orc_close(struct orc *orc); /* before view and ncc; its memory goes with the next loop turn */
/* All sources are synced: evaluate everything, send the first full plan, then follow changes. */
void orc_start(struct orc *orc);
bool orc_started(const struct orc *orc);
/* All aggregates are told again: the lease they were under is another. */
void orc_republish(struct orc *orc);

/* What is in force for a service. */
struct orc_entry {
	bool selected;
	const char *instance, *gateway, *path; /* valid until the next loop turn */
	uint16_t metric; /* of the last evaluation; METRIC_MAX: nothing selected */
	uint64_t since_us;
	uint64_t changes;
	uint64_t generation;  /* desired generation of its last change; of one that is deferred:
				 the next one */
	unsigned int members; /* BALANCED: instances that get traffic; else 0 */
};
int orc_entry(const struct orc *orc, uint64_t service, struct orc_entry *out); /* -ENOENT */

/* scope: enum san_scope. A change of that entry waits for its time (max_updates_per_s), ncc knows
 * nothing of it: the generation that it comes with, at the earliest. 0: none waits. */
uint64_t orc_deferred(const struct orc *orc, uint64_t service, uint8_t scope);

/* ssc_explain of the present state plus "history": [{"time", "age_s", "why", "from", "to"}], the
 * oldest first, and "local", the same of the choice among our own instances where there is one;
 * from and to {"instance", "gateway", "path", "metric"} or null. What is marked is evaluated first.
 * New reference; NULL: no such service. */
json_t *orc_explain(struct orc *orc, uint64_t service);

/* The changes of a service's selection that are kept, the oldest first: [{"time" (RFC 3339),
 * "age_s", "scope": "ingress" | "local", "why", "from", "to"}]. New reference; NULL: no such
 * service. */
json_t *orc_history(const struct orc *orc, uint64_t service);

struct orc_stats {
	uint64_t events, evaluations, candidates_scored, selections_changed;
	uint64_t last_react_us; /* first event of the last round -> plan handed to ncc */
	unsigned int services, candidates;
	unsigned int refused; /* services that ncc has no room for; the last plan it took stands */
	unsigned int classes; /* rules in force */
	unsigned int classes_refused; /* rules that are not: the set before them stands */
	unsigned int queued;	      /* services to be evaluated */
	unsigned int deferred;	      /* changes that wait for max_updates_per_s */
	uint64_t held_back;	      /* such changes, since start */
	uint64_t published;	      /* aggregates told */
	const struct hist *react_us;  /* first event of a round -> plan handed to ncc */
	const struct hist *round_us;  /* evaluation alone */
};
void orc_stats(const struct orc *orc, struct orc_stats *out);

#endif
