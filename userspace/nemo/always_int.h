/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A condition as tests of variables, each with the parts of its range: always*.c. */
#ifndef NEMO_ALWAYS_INT_H
#define NEMO_ALWAYS_INT_H

#include "nemo/cond_int.h"

#define ALWAYS_VARIABLES_MAX 256

enum range {
	RANGE_TRUTH,
	RANGE_TIME,    /* seconds of the day */
	RANGE_INSTANT, /* seconds, of dates with a day */
	RANGE_INTEGER,
	RANGE_SIGN, /* how two variables compare: -1, 0, 1 */
	RANGE_RANK, /* values of another type: the literals in order, and what lies between them */
	RANGE_MAX,
};

struct node;
struct cut {
	int64_t at;
	struct node *test;
	const struct nemo_value *value; /* RANK: of which `at` and the test's literal follow */
	struct cut *next;
};

struct variable {
	const struct nemo_expr *term, *other; /* VAR, or the whole term; SIGN: two VAR */
	enum range range;
	unsigned int number;
	struct variable *next; /* of the same bucket */
	struct cut *cuts;
	unsigned int n_cuts;
	int64_t *points; /* one of each part */
	unsigned int n;
	bool set;
	int64_t value;
};

enum node_kind { IS_CONST, IS_TEST, IS_NOT, IS_AND, IS_OR, IS_SAME };
struct node {
	enum node_kind kind;
	enum nemo_truth truth; /* CONST */
	unsigned int var;      /* TEST: value of var, op, literal */
	enum nemo_op op;       /* TEST */
	int64_t literal;       /* TEST */
	struct node **kids;    /* the others; SAME: two */
	unsigned int n;
};

struct space {
	struct nemo_arena *arena;
	struct variable *buckets[ALWAYS_VARIABLES_MAX];
	struct variable *vars[ALWAYS_VARIABLES_MAX];
	unsigned int n_vars;
	unsigned int n_nodes;
	unsigned int work; /* what building it costs, in steps of a search */
	bool wide;	   /* values of every type are told apart, not times and numbers only */
	bool full;	   /* no memory, too many variables or steps */
	unsigned int steps, most_steps;
	int open; /* the first variable on which the outcome hangs; -1: none */
};

/* NULL, and full: it cannot be looked at. */
struct node *always_build(struct space *s, const struct nemo_expr *e);
struct node *always_constant(struct space *s, enum nemo_truth truth);
/* Once all is built, before a search: the points of each variable. */
void always_cut(struct space *s);

#endif
