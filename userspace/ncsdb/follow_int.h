/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two halves of a follower: follow.c (life, watch) and follow_list.c (lists).
 *
 * One rule keeps them apart while both are under way: of each key, what has the greater mod
 * revision counts. Deleted keys are remembered (dead) until the list is in, so that a page that was
 * read before does not bring them back.
 */
#ifndef NCSDB_FOLLOW_INT_H
#define NCSDB_FOLLOW_INT_H

#include "ncsdb/follow.h"
#include "ncsdb/known.h"

struct ncsdb_follow {
	struct ncsdb *db;
	struct ncsdb_follow_ops ops;
	void *arg;
	struct ncsdb_watch *watch;
	struct known_table known;
	struct ncsdb_follow_stats stats;
	int64_t revision; /* told by the watch */
	unsigned int updates;
	unsigned int quick; /* lists in a row after which the watch ended without an event */
	uint64_t ended_ms;  /* uv_now() of the last of them */
	bool based;	    /* a whole list has come in since the watch is there */
	bool busy;	    /* in a callback */
	bool failed;	    /* until the next try */
	bool in_trouble;    /* failed() was called, and no list has come in since */
	bool stopped;

	uv_timer_t timer; /* next audit, or the next try */
	bool timer_open;
	bool retrying; /* the timer is for that */

	bool listing;	       /* a list is under way, or about to be tried again */
	bool asked;	       /* a page of it is asked for: its callback comes */
	bool first;	       /* that is the first one */
	bool live;	       /* the watch was based before it: differences can be losses */
	bool again;	       /* list once more when this list is in */
	bool gapped;	       /* the same, but not at once if it was so before */
	bool restart;	       /* the page asked for is worth nothing any more */
	bool floating;	       /* the rest of the pages is not as of list_rev */
	uint32_t list;	       /* number of the list, of 24 bits */
	int64_t list_rev;      /* of its first page; before that, of the last list */
	int64_t list_top;      /* of the newest page */
	size_t listed;	       /* keys in it */
	uint64_t doubtful;     /* keys the last list did not hold, and the watch said nothing yet */
	uint64_t gap_ms;       /* uv_now() of the last list because of a gap */
	uint64_t gap_pause_ms; /* at least so long to the next one; 0: there was none */
	size_t page;
	char last[NCSDB_KEY_MAX]; /* key of the last page */
	char end[NCSDB_KEY_MAX];  /* of the prefix */
	size_t prefix_len;
	char prefix[];
};

#define LIST_NUMBERS (1u << 24)

/* follow.c */
/* What is known of kv's key becomes kv, and is told. known: NULL, not known yet. */
int follow_put(struct ncsdb_follow *f, struct known *known, const struct ncsdb_kv *kv);
int follow_watch(struct ncsdb_follow *f, int64_t revision);
void follow_unwatch(struct ncsdb_follow *f);
/* Nothing that is known says anything about revisions any more. */
void follow_distrust(struct ncsdb_follow *f);
void follow_timer(struct ncsdb_follow *f, bool retry);
/* A list begins that mends the gaps known so far. */
void follow_gap_listed(struct ncsdb_follow *f);
/* Lists once more, if that is wanted. */
int follow_again(struct ncsdb_follow *f);
/* -ECANCELED: for good; else it is tried again. */
void follow_fail(struct ncsdb_follow *f, int status);
void follow_leave(struct ncsdb_follow *f); /* end of every callback of others */

/* follow_list.c */
/* Begins a list; if a page of another one is asked for, as soon as that is answered. */
int list_start(struct ncsdb_follow *f);
/* A list, or its next try later. */
int list_later(struct ncsdb_follow *f, int status);

#endif
