/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the cost services (RFC 7285, 11.2.3, 11.3.2, 11.5; RFC 8189; RFC 8896): what is asked
 * for (alto_cost_ask), between whom (alto_sides), the costs of it (alto_cost_table), and the answer
 * written from them. Cost maps and endpoint costs differ in their sides only.
 *
 * What the RFCs leave open: ordinal costs are ranks among all pairs of the map where the whole map
 * can be told (alto_cost_whole), so that what is filtered is a part of it; else among the pairs
 * that were asked for, before constraints take some away; a constraint on a value that is unknown
 * is not met; a constraint on a calendared cost looks at its value without calendar.
 */
#ifndef ALTO_COST_H
#define ALTO_COST_H

#include "alto/server.h"

enum alto_cost_op { ALTO_GT, ALTO_LT, ALTO_GE, ALTO_LE, ALTO_EQ, ALTO_COST_OP_MAX };

struct alto_cost_test {
	uint8_t type; /* index of ask->offered */
	uint8_t op;   /* enum alto_cost_op */
	double value;
};

/* A request without its PIDs or endpoints. Types are indices of offered. */
struct alto_cost_ask {
	struct alto_cost_type offered[ALTO_COST_TYPES_MAX];
	unsigned int n_offered;
	bool multi; /* costs are arrays, also of one */
	uint8_t types[ALTO_COST_TYPES_MAX];
	bool calendared[ALTO_COST_TYPES_MAX]; /* by position in types */
	unsigned int n_types;
	uint8_t testable[ALTO_COST_TYPES_MAX]; /* what "[i]" of a predicate refers to */
	unsigned int n_testable;
	/* A pair stays when all tests of one group are met. Group g ends before group_end[g]. */
	struct alto_cost_test tests[ALTO_CONSTRAINTS_MAX];
	unsigned int n_tests;
	uint8_t group_end[ALTO_CONSTRAINTS_MAX];
	unsigned int n_groups; /* 0: all pairs stay */
};
int alto_cost_ask_parse(const struct alto_source *s, const json_t *body, struct alto_cost_ask *ask,
			struct alto_error *error);
/* constraint.c: members constraints and or-constraints; ask->testable is known. */
int alto_cost_constraints(const json_t *body, struct alto_cost_ask *ask, struct alto_error *error);
bool alto_cost_meets(enum alto_cost_op op, double value, double bound);

/* Refuses a value that stands in array `field`, or in one within it. */
int alto_cost_element(struct alto_error *error, const char *field, const json_t *value,
		      const char *why);

/* ---- sources and destinations ---- */

struct alto_side {
	uint32_t n;
	uint32_t *pid;	   /* of each */
	const char **name; /* as the answer writes it; needs no JSON escapes; borrowed */
	uint32_t *order;   /* positions, by PID */
};
struct alto_sides {
	struct alto_side src, dst;
	char client[ALTO_ENDPOINT_LEN]; /* name of the client, if it is one side */
};
void alto_sides_fini(struct alto_sides *sides);
uint32_t alto_side_pids(const struct alto_side *side); /* different ones */
/* All PIDs on both sides. */
int alto_sides_all(const struct alto_source *s, struct alto_sides *out);
/* Member pids {srcs, dsts} of a filtered cost map: each PID once, in their order of the map. */
int alto_sides_pids(const struct alto_source *s, const json_t *body, struct alto_sides *out,
		    struct alto_error *error);
/* Member endpoints {srcs, dsts}: each text once, in the order and spelling of the request; an empty
 * side is the client. */
int alto_sides_endpoints(const struct alto_request *req, const json_t *body, struct alto_sides *out,
			 struct alto_error *error);
int alto_side_endpoints(const struct alto_source *s, const json_t *texts, const char *field,
			struct alto_side *out, struct alto_error *error);
/* Limit of what a request names on both sides. */
int alto_sides_check(size_t names, const char *field, struct alto_error *error);
int alto_side_alloc(struct alto_side *side, size_t n);
void alto_side_fini(struct alto_side *side);

/* ---- costs ---- */

/* Values by src * dst.n + dst; NAN: unknown. */
struct alto_cost_table {
	double *value[ALTO_COST_TYPES_MAX]; /* by index of offered; NULL: not asked for */
	double *calendar;		    /* of routingcost, by interval, then as above; NULL */
	double *memory;
};
/* Is a cost map of all PIDs within the limits of one answer? */
bool alto_cost_whole(const struct alto_source *s, enum alto_metric metric);
/* Costs per pair, and what their paths cost to find; field NULL: nothing was asked for by name, so
 * that too much is an overload. */
int alto_cost_check(const struct alto_source *s, const struct alto_cost_ask *ask,
		    const struct alto_sides *sides, const char *field, struct alto_error *error);
int alto_cost_table_new(const struct alto_source *s, const struct alto_cost_ask *ask,
			const struct alto_sides *sides, struct alto_cost_table *out);
void alto_cost_table_fini(struct alto_cost_table *table);

/* ---- answer ---- */

struct alto_cost_answer {
	const struct alto_request *req;
	const struct alto_cost_ask *ask;
	const struct alto_sides *sides;
	const struct alto_cost_table *table;
};
/* "cost-type" or "multi-cost-types", and "calendar-response-attributes": members of meta. */
void alto_cost_put_meta(struct alto_out *o, const struct alto_cost_answer *a);
/* {src: {dst: cost}}, without pairs that have none. */
void alto_cost_put_map(struct alto_out *o, const struct alto_cost_answer *a);
/* Checks (field as in alto_cost_check), looks the costs up for a copy of a, and has it written. */
int alto_cost_reply(const struct alto_cost_answer *a, const char *field,
		    void (*write)(const struct alto_cost_answer *a, struct alto_out *o),
		    struct alto_reply *reply, struct alto_error *error);

#endif
