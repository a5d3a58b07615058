/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside compile and explain: sets of addresses, what a flow matches, what an operation wants, and
 * where that leads from one host. Nothing here is used outside of module nemo.
 */
#ifndef NEMO_COMPILE_INT_H
#define NEMO_COMPILE_INT_H

#include <stdarg.h>

#include "nemo/plan.h"
#include "nemo/site.h"

#define NEMO_WHY 128
#define NEMO_RATE_MAX 4294967 /* Mbit/s: kbit/s have 32 bits */

enum nemo_family { NEMO_V4, NEMO_V6, NEMO_FAMILIES };
extern const char *const nemo_family_names[NEMO_FAMILIES]; /* "IPv4", "IPv6" */
enum nemo_family nemo_family_of(const struct in6_addr *addr);

/* A reason; cut to its array as clean UTF-8. */
void nemo_why(char why[NEMO_WHY], const char *format, ...) __attribute__((format(printf, 2, 3)));
void nemo_vwhy(char why[NEMO_WHY], const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

/* ---- range.c: sets of addresses ---- */

/* Addresses of one family as numbers of 128 bits, IPv4 IPv4-mapped. Zeroed is empty. */
struct nemo_span {
	unsigned __int128 lo, hi;
};
struct nemo_spans {
	struct nemo_span *v;
	unsigned int n, cap;
};
void nemo_spans_fini(struct nemo_spans *spans);
int nemo_spans_add(struct nemo_spans *spans, unsigned __int128 lo, unsigned __int128 hi);
int nemo_spans_add_all(struct nemo_spans *spans, enum nemo_family family);
bool nemo_spans_is_all(const struct nemo_spans *spans, enum nemo_family family);
/* Sorts and joins; the functions below want that. */
void nemo_spans_merge(struct nemo_spans *spans);
int nemo_spans_cut(const struct nemo_spans *a, const struct nemo_spans *b, struct nemo_spans *out);
/* Without what could be taken for IPv4: ::ffff:0:0/96, or ::/16 (it has no addresses of hosts)
 * where all of it is in. */
int nemo_spans_outside_v4(const struct nemo_spans *spans, struct nemo_spans *out);

struct nemo_prefixes {
	struct nemo_prefix *v;
	unsigned int n, cap;
};
void nemo_prefixes_fini(struct nemo_prefixes *prefixes);
int nemo_prefixes_add(struct nemo_prefixes *prefixes, const struct nemo_prefix *prefix);
/* The fewest prefixes that make up the set, in order of addresses. */
int nemo_spans_prefixes(const struct nemo_spans *spans, struct nemo_prefixes *out);

unsigned __int128 nemo_addr_number(const struct in6_addr *addr);
void nemo_prefix_span(const struct nemo_prefix *prefix, struct nemo_span *out);
bool nemo_prefix_holds(const struct nemo_prefix *prefix, const struct in6_addr *addr);
/* Is all of a in b? */
bool nemo_prefix_within(const struct nemo_prefix *a, const struct nemo_prefix *b);

/* ---- compile_own.c: what one tenant's objects say, looked up once ---- */

struct nemo_flow;
struct nemo_spot { /* a gateway or a site */
	const struct nemo_object *object;
	const struct nemo_object *gateway; /* NULL: none */
	struct nemo_prefixes prefixes;	   /* longest first */
	UT_hash_handle hh;
};
struct nemo_parent { /* CFNs that contain one of this name; the first in byte order is first */
	const char *child;
	const struct nemo_object *object;
	struct nemo_parent *next;
	UT_hash_handle hh; /* of the first one */
};
struct nemo_far { /* an end of a connection */
	const char *gateway;
	const struct nemo_spot *spot;
};
struct nemo_fars { /* by gateway */
	const struct nemo_object *connection;
	struct nemo_far *v;
	unsigned int n;
	unsigned int gates;    /* gateways, each once */
	unsigned int prefixes; /* of all of them */
	const char *bare;      /* first end without prefixes, with or without gateway; NULL: none */
	UT_hash_handle hh;
};
struct nemo_own {
	const struct nemo_tenant *tenant;
	struct nemo_parent *parents;
	struct nemo_gateways *gateways;
	struct nemo_spot *places;     /* by object */
	struct nemo_fars *fars;	      /* by connection */
	struct nemo_flow *flows;      /* by object */
	const struct nemo_leg **legs; /* by connection, ingress, gateway */
	unsigned int n_legs;
	struct nemo_pick *pick; /* of the flow that is being built: it is large */
	uint64_t looked;	/* 4 for each site within a site, 1 for each prefix; see below */
};
/* Sites are looked through for each of them and for each flow that names one. A commit at which
 * that takes more is refused, so that hosts never see it. */
#define NEMO_LOOKED_MAX (1u << 19)
/* Alike, prefixes of the ends of connections, for each operation that leads to one. */
#define NEMO_FAR_MAX (1u << 20)
int nemo_own_init(struct nemo_own *own, const struct nemo_tenant *tenant);
void nemo_own_fini(struct nemo_own *own);
/* NULL: no memory. */
const struct nemo_spot *nemo_own_spot(struct nemo_own *own, const struct nemo_object *object);
/* Ends that have a gateway. NULL: no memory. */
const struct nemo_fars *nemo_own_fars(struct nemo_own *own, const struct nemo_object *connection);
/* Those at one gateway: *n of them. */
const struct nemo_far *nemo_fars_at(const struct nemo_fars *fars, const char *gateway,
				    unsigned int *n);
/* Gateway of the site that a function is in; NULL: none. */
const struct nemo_object *nemo_own_home(struct nemo_own *own, const struct nemo_object *function);
/* Legs of a connection from an ingress: *n of them, in order of gateways. */
const struct nemo_leg *const *nemo_own_legs(const struct nemo_own *own, const char *connection,
					    const char *ingress, unsigned int *n);

/* ---- flow.c: what a flow matches ---- */

struct nemo_fields {	/* what one rule asks for besides addresses */
	uint8_t fields; /* SAN_CLASS_* */
	uint8_t proto, dscp;
	uint8_t pad;	       /* zero: compared as bytes */
	uint16_t sport, dport; /* host order */
};
/* What a tenant's grants leave of a flow that neither comes from nor goes to them as a whole. */
enum nemo_narrowed {
	NEMO_AS_IT_IS,
	NEMO_FROM_INGRESS, /* sources in the prefixes of its ingress, and in the grants */
	NEMO_TO_GRANTS,	   /* destinations in the grants */
};
struct nemo_flow {
	const struct nemo_object *object;
	char why[NEMO_WHY]; /* not "": impossible on this dataplane */
	struct nemo_spans src[NEMO_FAMILIES], dst[NEMO_FAMILIES];
	const char **ingress; /* gateways; n_ingress = 0: all */
	unsigned int n_ingress;
	enum nemo_narrowed narrowed;
	bool done; /* compile: a stronger operation has taken all that it matches */
	UT_hash_handle hh;
};
/* Built on first use. NULL: no memory. */
struct nemo_flow *nemo_flow_get(struct nemo_own *own, const struct nemo_object *flow);
void nemo_flow_free(struct nemo_flow *flow);
bool nemo_flow_here(const struct nemo_flow *flow, const char *host);
/* What its rules ask for besides addresses: too much to be kept for every flow. 0 or -ENOMEM. */
int nemo_flow_fields(struct nemo_own *own, struct nemo_flow *flow, struct nemo_fields **out,
		     unsigned int *n);

/* Protocol by name or number; false: neither. */
bool nemo_proto_read(const char *text, uint8_t *proto);
const char *nemo_proto_text(uint8_t proto, char buf[8]);

/* ---- flow_ports.c ---- */
struct nemo_set { /* of numbers 0..65535 */
	bool any; /* not asked for */
	unsigned int n;
	uint64_t in[1024];
};
struct nemo_pick { /* sets of a flow */
	struct nemo_set src_port, dst_port, port, proto, dscp;
};
void nemo_set_add(struct nemo_set *set, unsigned int lo, unsigned int hi);
void nemo_pick_clear(struct nemo_pick *pick); /* nothing is asked for */
/* How many rules the sets make; and these. Ports are those of TCP and UDP. */
uint64_t nemo_pick_count(const struct nemo_pick *pick);
int nemo_pick_fields(const struct nemo_pick *pick, struct nemo_fields **out, unsigned int *n);

/* ---- flow_match.c: by definition, without the sets ---- */
/* Does the flow match? false: why[] names the first field that does not, with its value. */
bool nemo_flow_matches(struct nemo_own *own, const struct nemo_flow *flow,
		       const struct nemo_packet *packet, char why[NEMO_WHY]);

/* ---- goal_want.c: what an operation asks for ---- */
struct nemo_want {
	const struct nemo_object *redirect, *steer; /* NULL: none */
	const struct nemo_object *through[NEMO_CHAIN_MAX];
	unsigned int n_through;
	uint8_t verdict; /* enum san_act_verdict */
	uint8_t mark;	 /* as in msg.h */
	uint32_t rate_kbps;
};
/* -EINVAL: why[] says what this dataplane cannot do. */
int nemo_want_read(struct nemo_own *own, const struct nemo_object *op, struct nemo_want *out,
		   char why[NEMO_WHY]);
bool nemo_is_function(const struct nemo_object *object); /* or host: has an ip that is its SID */

/* ---- goal*.c: where it leads from this host ---- */
struct nemo_ctx {
	const struct nemo_plan_in *in;
	const struct view_path **paths; /* of this ingress, by gateway and name */
	unsigned int n_paths;
};
int nemo_ctx_init(struct nemo_ctx *ctx, const struct nemo_plan_in *in);
void nemo_ctx_fini(struct nemo_ctx *ctx);

struct nemo_way { /* one outcome, for all destinations or those of one far prefix */
	bool limited;
	struct nemo_prefix to;
	uint8_t verdict;
	uint64_t service;	  /* steer; 0: goals */
	bool can[NEMO_FAMILIES];  /* families that it takes */
	char cannot[NEMO_WHY];	  /* why it does not take one */
	struct nemo_goal to_goal; /* STEER without service: for both families but for hop's */
	struct plan_nexthop hop[NEMO_FAMILIES];
};
struct nemo_ways {
	struct nemo_way *v;
	unsigned int n, cap;
};
void nemo_ways_fini(struct nemo_ways *ways);
/* Longest prefixes first. IN_FORCE, ELSEWHERE (the host is no end), GOAL_DOWN or IMPOSSIBLE with
 * why; negative: -ENOMEM. */
int nemo_ways_find(const struct nemo_ctx *ctx, struct nemo_own *own, const struct nemo_want *want,
		   struct nemo_ways *out, char why[NEMO_WHY]);
/* For a packet: the first that takes it; NULL: none, why; *family: only for its IP version. */
const struct nemo_way *nemo_ways_pick(const struct nemo_ways *ways, const struct in6_addr *dst,
				      bool *family, char why[NEMO_WHY]);

/* ---- goal_up.c: false: why ---- */
const struct view_gateway *nemo_up_gateway(const struct nemo_plan_in *in, const char *name,
					   char why[NEMO_WHY]);
const struct view_path *nemo_up_path(const struct nemo_plan_in *in, const char *gateway,
				     const char *name, char why[NEMO_WHY]);
bool nemo_up_service(const struct nemo_plan_in *in, const struct nemo_object *service,
		     char why[NEMO_WHY]);
/* The path to a gateway that is no end of a connection: "be", else the first by name that does not
 * lose everything. true with *out = NULL: there are no paths, its SID is all. */
bool nemo_up_any_path(const struct nemo_ctx *ctx, const char *gateway, const struct view_path **out,
		      char why[NEMO_WHY]);

/* ---- compile_judge.c: one operation on this host ---- */
struct nemo_verdict {
	enum nemo_op_state state;
	char why[NEMO_WHY];
	bool fixed; /* IMPOSSIBLE or ELSEWHERE: whatever the condition says */
	struct nemo_want want;
	struct nemo_flow *flow; /* NULL: the target is none */
	struct nemo_fields *fields;
	unsigned int n_fields;
	struct nemo_ways ways;
};
/* 0 or -ENOMEM; nemo_verdict_fini() in any case. */
int nemo_judge(const struct nemo_ctx *ctx, struct nemo_own *own, const struct nemo_object *op,
	       struct nemo_verdict *out);
/* Sets fields, for nemo_emit_op(). 0 or -ENOMEM. */
int nemo_verdict_fields(struct nemo_own *own, struct nemo_verdict *verdict);
void nemo_verdict_fini(struct nemo_verdict *verdict);

/* All operations of all tenants, strongest first: each with its tenant's nemo_own. */
struct nemo_ranked {
	struct nemo_own *own;
	const struct nemo_object *op;
};
struct nemo_ranking {
	struct nemo_own *own; /* n_own, by tenant's name */
	struct nemo_ranked *v;
	unsigned int n_own, n;
};
int nemo_ranking_init(struct nemo_ranking *ranking, const struct nemo_plan_in *in);
void nemo_ranking_fini(struct nemo_ranking *ranking);

/* ---- compile_rules.c, compile_goals.c ---- */
struct nemo_emit;
/* hidden: goals of operations that stronger ones hide are wanted, too. */
struct nemo_emit *nemo_emit_new(struct nemo_plan *plan, bool hidden);
void nemo_emit_free(struct nemo_emit *emit);
/* Matches that are looked at, those that a stronger rule hides included: a bound on time. */
#define NEMO_LOOKS_MAX (64 * NEMO_RULES_MAX)
/* Rules of one operation in force: -ENOSPC beyond NEMO_RULES_MAX, -E2BIG beyond NEMO_LOOKS_MAX,
 * -ENOMEM. */
int nemo_emit_op(struct nemo_emit *emit, const struct nemo_verdict *verdict,
		 struct nemo_op_plan *op);
/* Priorities, names, numbers of goals. */
int nemo_emit_finish(struct nemo_emit *emit);

struct nemo_goals; /* that rules lead to, each content once */
struct nemo_goals *nemo_goals_new(void);
void nemo_goals_free(struct nemo_goals *goals);
/* Index of the goal; -ENOMEM. */
int nemo_goals_add(struct nemo_goals *goals, const struct nemo_goal *goal);
/* Gives numbers: id_of[] by index, and the goals by number. */
int nemo_goals_finish(struct nemo_goals *goals, struct nemo_plan *plan, uint64_t **id_of);

#endif
