/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intent on this host: compiles the head for this ingress, hands classifier rules and next hops of
 * its own to ncc, keeps timers for both edges of time conditions and watches for metric ones, and,
 * as the leader, tells notifications and delivers them. Only a flip of an operation touches the
 * dataplane; next hops of what does not apply now, and of a commit that this host has prepared, are
 * kept there, so that packets lose nothing when it does. The clock is CLOCK_REALTIME in the
 * configured zone (and the testbed's offset); when it is set, everything is evaluated anew
 * (timerfd, TFD_TIMER_CANCEL_ON_SET). The process has one zone: enact_open() sets TZ.
 *
 * An event is told when the condition of a notification becomes true (also when it is true as the
 * notification is created; false and unknown make it ready again), and, without a notification,
 * when the goal of an operation goes down or comes back: its notification is the operation's name,
 * its listener "", its values null, its reason "goal down: GOAL at HOST: why" or "goal up". HOST is
 * any ingress of a connection (the flow's, where it names one); for other goals the leader itself.
 * All hosts follow the conditions; who becomes the leader compares what is kept with what it sees,
 * and tells what nobody has told.
 *
 * An event goes to the URL of its listener (struct enact_url) as POST {"tenant", "sequence",
 * "notification", "time", "reason", "values"}, one after the other, again until it is answered 2xx;
 * where to go on is kept as "delivered" (under the listener's name, or a hash of its URL). 64
 * listeners of a tenant are served at a time; the others' turn comes when one of these has nothing
 * to do. Tenants take turns in telling events, each up to 100 a second.
 */
#ifndef ENACT_H
#define ENACT_H

#include <jansson.h>
#include <uv.h>

#include "intent/intent.h"
#include "ncc/ncc.h"
#include "util/fetch.h"

#define ENACT_COALESCE_MS 5 /* of changes of the view that conditions or goals depend on */
#define ENACT_STATS_MS 1000 /* counters are read and published, where somebody needs them */
#define ENACT_WEBHOOK_MS 5000
#define ENACT_RETRY_MS 1000 /* of a webhook; doubles up to ENACT_RETRY_MAX_MS */
#define ENACT_RETRY_MAX_MS 60000
#define ENACT_URLS_MAX 64

struct enact;

/* A listener by name (Listener ops), or a URL prefix that Listener "https://..." may have. */
struct enact_url {
	const char *name; /* of a registered listener; NULL: url is an allowed prefix */
	const char *url;
	const char *ca;	   /* PEM; NULL: the system's */
	const char *token; /* bearer; NULL = none */
};

struct enact_conf {
	uv_loop_t *loop;
	struct view *view; /* enact becomes its `second` listener, see model/view.h */
	struct ncc *ncc;
	const char *host;
	bool is_ingress;  /* else nothing is compiled: there is no classifier */
	const char *zone; /* of conditions: "Europe/Berlin"; "UTC" */
	const struct enact_url *urls;
	unsigned int n_urls;
};
/* intent's callbacks prepare, flip and leader (arg: the enact) are enact_prepare, enact_flip and
 * enact_leader; enact_follow() is told the intent once it is open. -EINVAL: no such zone. */
int enact_open(const struct enact_conf *conf, struct enact **out, struct err *err);
void enact_follow(struct enact *enact, struct intent *intent);
void enact_close(struct enact *enact); /* before intent, view and ncc */
int enact_prepare(void *arg, const struct intent_head *head, struct err *err);
void enact_flip(void *arg, const struct intent_head *head);
void enact_leader(void *arg, bool leads);
/* All sources are synced, and orc is about to send its first full plan: evaluates everything and
 * puts rules and goals, so that this plan holds them; from now on changes are flushed. Before,
 * nothing is flushed. */
void enact_start(struct enact *enact);
/* ncc acknowledged a generation (result, text as there): what was flipped with it is in force, or
 * is not. */
void enact_acked(struct enact *enact, uint64_t generation, int result, const char *text);

/* ---- for north ---- */
/* [{"tenant"?, "operation", "priority", "target", "state", "why", "condition", "rules", "packets",
 *   "bytes", "dropped", "since"}] of a tenant; strongest first. */
json_t *enact_operations_json(const struct enact *enact, const char *tenant);
/* [{"connection", "up", "why", "legs": [{... nemo_legs_json, "measured_delay", "utilization",
 *   "packets", "bytes"}]}] */
json_t *enact_connections_json(const struct enact *enact, const char *tenant);
/* nemo_explain at that time ("now", RFC 3339, or civil "YYYY-MM-DD HH:MM:SS" in the zone), of that
 * tenant's rules among all; other tenants' operations are told without names. err. */
json_t *enact_explain(struct enact *enact, const char *tenant, const char *packet, const char *time,
		      struct err *err);
/* {"revision", "time", "results": nemo_query}; err at a name that is not there. */
json_t *enact_query(const struct enact *enact, const char *tenant, const struct nemo_query *query,
		    struct err *err);
/* [{"listener", "url", "delivered", "waiting", "failures", "why"}]; url: where it goes, without
 * what may be secret (scheme, host and port; a configured listener's name), null: nowhere. */
json_t *enact_listeners_json(const struct enact *enact, const char *tenant);
/* Civil time of conditions now: "YYYY-MM-DD HH:MM:SS". Returns buf (32 bytes). */
const char *enact_time(const struct enact *enact, char *buf, size_t size);

struct enact_stats {
	uint64_t evaluations, flips; /* of operations */
	uint64_t compiled;
	uint64_t compile_us, react_us; /* the last: compiling; event to ncc_flush */
	uint64_t notified, delivered, failed;
	unsigned int rules, operations, in_force;
	unsigned int goals; /* with those that are kept ready */
};
void enact_stats(const struct enact *enact, struct enact_stats *out);

#endif
