/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of classes.h share. */
#ifndef DP_CLASSES_INT_H
#define DP_CLASSES_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "dp/classes.h"

/* A prefix that rules use, in the order of addresses, then of lengths: what covers it stands
 * before it. Class = index; 0 is "any". */
struct node {
	struct in6_addr addr;
	uint8_t len;
	uint32_t parent;
};

struct side {
	struct node *nodes; /* [n + 1]; 0 = any */
	unsigned int n;
	uint32_t *class; /* of each rule, by rank */
	bool *covers;	 /* [n + 1]: scratch, is this class the asked one or above it? */
};

struct group {
	uint32_t first, n; /* in work.members */
	uint32_t hash;
};

struct work {
	const struct san_msg_class **by_rank;
	unsigned int n;
	struct side src, dst;
	uint32_t *shape; /* of each rule: rules with the same fields and values have the same */
	uint32_t *seen;	 /* [n]: stamp of the last group that took this shape */
	uint32_t *local; /* [n]: the same, of a rule that End.SAN asks for */
	uint32_t *entry; /* [n]: this shape's in out->rules, of the group at hand */
	uint32_t stamp;
	uint32_t *cand; /* ranks that a destination class takes */
	uint32_t n_cand;
	bool *asked;	    /* [src.n + 1]: a candidate has this source class */
	uint32_t *group_of; /* [src.n + 1]: of the destination class at hand; 0 = none */
	struct group *groups;
	uint32_t n_groups;  /* groups[0] is none */
	uint32_t *members;  /* ranks, group by group */
	uint32_t n_members; /* = entries of rules */
	__u32 set;
	struct classes *out;
	struct err *err;
};

static inline int compare_u32(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

/* Does End.SAN ask for it, too? */
static inline bool is_local(const struct san_msg_class *r)
{
	return r->verdict == SAN_ACT_STEER && r->service_id < SAN_SERVICE_OWN_MIN;
}

/* The fields that count, in a key without set and group. */
struct san_class_rule_key classes_fields(const struct san_msg_class *r);

/* What err says is of the rule with this number. -EINVAL. */
int classes_rule_err(struct err *err, unsigned int number);

/* Prefixes of one side of all rules, and the class of each rule. -ENOMEM. */
int classes_side(const struct work *w, struct side *side, bool dst);
/* Marks (or unmarks) a class and what covers it. */
void classes_mark(struct side *side, uint32_t class, bool mark);

/* Pairs, groups and their rules of a destination class. -ENOSPC. */
int classes_destination(struct work *w, uint32_t dst);

#endif
