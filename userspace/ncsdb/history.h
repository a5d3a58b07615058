/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last events in order of revision, so that watches can start in the past: a ring that grows as
 * needed and is cut to HISTORY_MAX_EVENTS and HISTORY_MAX_BYTES, whole revisions at a time. The
 * newest revision stays however large it is. Every event keeps the version before it (rec->prev),
 * so that the past can be read, too.
 */
#ifndef NCSDB_HISTORY_H
#define NCSDB_HISTORY_H

#include "ncsdb/rec.h"

#define HISTORY_MAX_EVENTS 65536
#define HISTORY_MAX_BYTES (64u << 20)

struct history {
	struct rec **ring;
	size_t cap;	     /* power of two */
	uint64_t first, end; /* events are numbered; [first, end) are here */
	size_t bytes;	     /* of the versions it keeps, each once */
};

void history_fini(struct history *h, struct rec_pool *pool);
/* Room for n more; -ENOMEM. */
int history_reserve(struct history *h, size_t n);
/* Takes a reference of its own, and the one of rec->prev with it. There is room. */
void history_add(struct history *h, struct rec *rec);
struct rec *history_at(const struct history *h, uint64_t number);
/* Number of the first event with mod_rev >= revision. */
uint64_t history_find(const struct history *h, int64_t revision);
/* Drops the events of revisions < keep that exceed the limits, and all before floor; drop (may be
 * NULL) sees each before it goes. Returns the last revision dropped, or 0. */
struct history_trim {
	int64_t floor, keep;
	void (*drop)(void *arg, struct rec *rec);
	void *arg;
};
int64_t history_trim(struct history *h, struct rec_pool *pool, const struct history_trim *trim);

#endif
