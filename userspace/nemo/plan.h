/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From objects to what a host does: admission of connections, the classifier rules and next hops of
 * one ingress, and the explanation of both. The network is what the view says.
 */
#ifndef NEMO_PLAN_H
#define NEMO_PLAN_H

#include <jansson.h>

#include "model/plan.h"
#include "model/view.h"
#include "nemo/cond.h"
#include "nemo/store.h"

#define NEMO_TENANTS_MAX 64
#define NEMO_RULES_MAX SAN_MAX_CLASSES /* of a host */
#define NEMO_CHAIN_MAX 6	       /* functions of one gothrough */

/* What of the network a tenant may name (configuration of the host); an empty array grants nothing.
 */
struct nemo_grants {
	const char *const *gateways; /* names */
	unsigned int n_gateways;
	const uint64_t *services;
	unsigned int n_services;
	/* Of SIDs and addresses of functions and hosts; and a flow's source or destination (or,
	 * where it has none, that of its ingress or egress site) must lie in one of them. */
	const struct nemo_prefix *prefixes;
	unsigned int n_prefixes;
	bool everything; /* the arrays do not count */
};

/* ---- admission: connections against paths ---- */

#define NEMO_LEGS_MAX 65536 /* of a tenant */

/* One direction of a connection between two gateways, and what was given to it. */
struct nemo_leg {
	char tenant[NAME_LEN], connection[NAME_LEN];
	char ingress[NAME_LEN], gateway[NAME_LEN], path[NAME_LEN];
	int64_t bandwidth; /* Mbit/s reserved; 0 = none asked */
	int64_t delay;	   /* ms, upper bound; 0 = none asked */
};
struct nemo_legs {
	struct nemo_leg *v;
	unsigned int n, cap;
};
void nemo_legs_fini(struct nemo_legs *legs);
/* For qsort(): by connection, ingress, gateway. What is admitted is in this order. */
int nemo_leg_order(const void *a, const void *b);
json_t *nemo_legs_json(const struct nemo_legs *legs); /* array of objects of these members */
int nemo_legs_from_json(const json_t *array, struct nemo_legs *out, struct err *err);

/*
 * Gateways and granted names of a store exist, and every connection gets a path for each direction
 * whose delay is within its bound and that has room for its bandwidth beside what others hold
 * (legs of all other tenants; those of this tenant before, which are kept where they still do). A
 * bound that asks for status that is not known is refused: unknown is not zero. Errors (class
 * COMMIT) name the connection and the limiting path with its figures: "... path pe1/gw2/be has 40
 * of 100 Mbit/s free, 60 are asked for". Bandwidth of a path: bandwidth_kbps; delay: delay_us. `at`
 * of an error is that of the statement of `script` that names the object last, if there is one
 * (script may be NULL).
 */
int nemo_admit(const char *tenant, const struct nemo_store *store, const struct nemo_grants *grants,
	       const struct view *view, const struct nemo_legs *others,
	       const struct nemo_legs *before, const struct nemo_script *script,
	       struct nemo_legs *out, struct nemo_diags *diags);

/* ---- the plan of one host ---- */

struct nemo_tenant {
	const char *name;
	const struct nemo_store *store;
	const struct nemo_legs *legs;
	const struct nemo_grants *grants;
};

/* A next hop of its own: an end of a connection, a chain of functions. */
struct nemo_goal {
	uint64_t id; /* SAN_SERVICE_OWN_MIN and above: by its content, the same on every host */
	char tenant[NAME_LEN], name[NAME_LEN];	/* connection or CFN */
	char gateway[NAME_LEN], path[NAME_LEN]; /* "" = none: the SIDs say all */
	struct plan_nexthop hop;		/* families: one of the two */
};

enum nemo_op_state { /* why an operation is in force or not */
		     NEMO_OP_IN_FORCE,
		     NEMO_OP_ELSEWHERE, /* its flow does not come in here */
		     NEMO_OP_CONDITION, /* is not met */
		     NEMO_OP_UNKNOWN,	/* a value that it needs is not known */
		     NEMO_OP_GOAL_DOWN,
		     NEMO_OP_IMPOSSIBLE, /* this host cannot do it: why says what */
		     NEMO_OP_STATE_MAX,
};
extern const char *const nemo_op_state_names[NEMO_OP_STATE_MAX];

struct nemo_op_plan { /* one operation on this host */
	const char *tenant;
	const struct nemo_object *op;
	enum nemo_op_state state;
	uint32_t act; /* number of its counter and meter; 0: not in force */
	unsigned int rules;
	char why[128]; /* "" when in force */
};

struct nemo_plan {
	struct plan_class *rules; /* the first that matches a packet wins; msg.intent is set */
	unsigned int n_rules;
	struct nemo_goal *goals;
	unsigned int n_goals;
	struct nemo_op_plan *ops; /* all tenants' operations, strongest first */
	unsigned int n_ops;
};
void nemo_plan_fini(struct nemo_plan *plan);

struct nemo_plan_in {
	const char *host; /* name of this ingress and gateway */
	const struct view *view;
	const struct nemo_tenant
		*tenants; /* by name in byte order: the first one's rules go first */
	unsigned int n_tenants;
	struct nemo_env env; /* entity names are a tenant's: see tenant */
	const char **tenant; /* set before env.value is called; may be NULL */
	/* Numbers of acts stay with operations: called for each in force; 1..SAN_MAX_ACTS, 0: none
	 * is free. */
	uint32_t (*act)(void *arg, const char *tenant, const char *operation);
	void *arg;
	/* true: the condition of that operation counts as *truth, whatever its values are now. Has
	 * the arg of act(); may be NULL. */
	bool (*held)(void *arg, const char *tenant, const char *operation, enum nemo_truth *truth);
	/* nemo_explain: "condition" only of that tenant's operations; NULL: of all. */
	const char *asker;
	/* The worst case: conditions count as met, and paths that lose everything as good. Goals of
	 * operations that stronger ones hide then are there, too: who knows which will apply. */
	bool all;
};
/* Is a goal that operations may name up? Gateways: known to the view; connections: the far gateway
 * is, and the path of this host's leg exists and does not lose everything; functions and hosts:
 * have an address; services: an instance that is up. false: why[] says what is missing. Connection
 * with several far ends: up as long as one is. */
bool nemo_goal_up(const struct nemo_plan_in *in, const struct nemo_tenant *tenant, const char *goal,
		  char *why, size_t size);
/* Of each operation that goes through functions and is led nowhere behind them: the gateway of the
 * last one's site, where its packets leave, and which must be known. -ENOMEM. */
int nemo_homes(const struct nemo_tenant *tenant,
	       void (*each)(void *arg, const struct nemo_object *op, const char *gateway),
	       void *arg);

/*
 * The rules in force on this host. -ENOSPC: err names the operation at which NEMO_RULES_MAX (or the
 * number of acts, or 64 times as many matches, with those that stronger operations hide) was
 * exceeded; -ENOMEM. An operation that this dataplane cannot do (docs/nemo.md:
 * matches by MAC address, by service_id ...) is IMPOSSIBLE, not an error, and left out.
 */
int nemo_compile(const struct nemo_plan_in *in, struct nemo_plan *out, struct err *err);

/* What nemo_compile would call IMPOSSIBLE on whatever host, as errors of class COMMIT at the
 * statements of script (NULL: no places): for a commit, which refuses it. */
int nemo_possible(const struct nemo_tenant *tenant, const struct nemo_script *script,
		  struct nemo_diags *diags);

/* ---- explain ---- */
struct nemo_packet {
	struct in6_addr src, dst; /* IPv4-mapped */
	uint16_t sport, dport;	  /* host order */
	uint8_t proto;
	uint8_t dscp;
};
/* "src dst [proto [sport dport [dscp]]]", e.g. "192.0.2.1 198.51.100.7 tcp 40000 443": 0 or -EINVAL
 * with err. */
int nemo_packet_read(const char *text, struct nemo_packet *out, struct err *err);
/*
 * {"packet", "time", "winner": {"tenant", "operation", "actions": text, "goal", "gateway"?,
 *  "path"?} or null,
 *  "operations": [{"tenant", "operation", "priority", "flow", "result": "wins" | "loses" |
 *  "no match" | "condition" | "unknown" | "goal down" | "elsewhere" | "impossible", "why",
 *  "condition": nemo_eval_json or absent}]}, strongest first. New reference.
 */
json_t *nemo_explain(const struct nemo_plan_in *in, const struct nemo_packet *packet);

/* ---- queries ---- */
/* [{"name", "kind", "values": {item: value or null (unknown)}, ...}] for the names of `from`: an
 * item is a property, a statistic, or one of the key words (Type: text; Contain, EndNodes: arrays;
 * Property, Match: objects; Target: text; Priority: number; Condition, Action: canonical text).
 * Values come from env. Integers are JSON integers, all else is text or Booleans. */
json_t *nemo_query(const struct nemo_store *store, const struct nemo_query *query,
		   const struct nemo_env *env);

#endif
