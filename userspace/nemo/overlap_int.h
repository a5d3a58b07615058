/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operations that can meet: those of one flow and priority (a set), and those of equal priority on
 * flows with equal match (a group, in which those with equal actions are one kind).
 */
#ifndef NEMO_OVERLAP_INT_H
#define NEMO_OVERLAP_INT_H

#include "nemo/check_int.h"

struct flow;
struct set;
struct kind;

struct links {
	struct member *prev, *next;
};

enum surely { SURELY_NOT_KNOWN, SURELY_ALWAYS, SURELY_NOT };

struct member {
	const struct nemo_object *op;
	struct flow *flow; /* NULL: it waits for the Commit */
	struct set *set;
	struct kind *kind; /* NULL: no warnings are wanted */
	uint64_t actions;  /* hash */
	enum surely surely;
	struct nemo_pos at;  /* its name in the last statement that touched it, */
	unsigned int seq;    /* and which one that was; 0: none of this script */
	bool warned;	     /* at that place */
	struct links in_set; /* `always` or `unknown`, by what `surely` says */
	struct links in_kind;
	struct links in_flow; /* or `waiting` */
	UT_hash_handle hh;
};

struct set_key {
	const struct flow *flow;
	int64_t priority;
};
struct set {
	struct set_key key;
	struct member *unknown; /* not yet known whether they are always in force */
	struct member *always;	/* the second differs from the first if any does */
	unsigned int n;		/* those that are not always in force included */
	uint64_t actions;	/* of all, but when mixed */
	bool mixed;
	UT_hash_handle hh;
};

struct group_key {
	uint64_t class; /* of flows with equal match */
	int64_t priority;
};
struct group {
	struct group_key key;
	struct kind *kinds; /* the newest first */
	UT_hash_handle hh;
};

struct kind_key {
	struct group *group;
	uint64_t actions;
};
struct kind {
	struct kind_key key;
	struct member *members; /* the newest first; never empty */
	struct kind *prev, *next;
	UT_hash_handle hh;
};

struct flow {
	char *name;
	uint64_t class;
	struct member *members;
	unsigned int n;
	bool changed; /* its match, in the transaction that is open */
	struct nemo_pos at;
	struct flow *next_changed;
	UT_hash_handle hh;
};

struct overlaps {
	struct member *members, *waiting;
	struct set *sets;
	struct group *groups;
	struct kind *kinds;
	struct flow *flows, *changed;
	unsigned int seq;
};

/* Equal for flows with equal match. false: no memory, of all that is below, too. */
bool overlap_class(const struct nemo_object *flow, uint64_t *class);
struct flow *overlap_flow_of(struct overlaps *o, const struct nemo_object *object, bool grouped);
struct group *overlap_group(struct overlaps *o, uint64_t class, int64_t priority);
struct member *overlap_member(struct overlaps *o, const struct nemo_object *op);
void overlap_forget(struct overlaps *o, struct member *member); /* one that is nowhere else */
/* Out of all tables, and freed. */
void overlap_drop(struct overlaps *o, struct member *member);
/* The set that it will be in. */
struct set *overlap_set(struct overlaps *o, const struct flow *flow, int64_t priority);
void overlap_enter(struct set *set, struct member *member);
/* All of the set that are always in force are in `always`. */
void overlap_settle(struct set *set);
bool overlap_surely(struct member *member);
bool overlap_join(struct overlaps *o, struct member *member, uint64_t class);
void overlap_leave(struct overlaps *o, struct member *member); /* its kind */
/* It was of a group that its flow is not of any more, and was not moved. */
bool overlap_stale(const struct member *member);

#endif
