/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside north: what one party has of what there is for all, so that none of them has everything.
 * A party is a principal, or an address that nobody is known by (of IPv6 its /64: a host has that
 * many), or all of the unix socket, which is limited by what there is in all alone.
 */
#ifndef NORTH_SHARE_H
#define NORTH_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "util/hash.h"

#define SHARE_BYTES_MAX (256u << 20)  /* of bodies and of answers that are not kept, together */
#define SHARE_BYTES_LOCAL (64u << 20) /* of these, for the unix socket alone */
#define SHARE_BYTES_PARTY (64u << 20) /* of bodies and answers under way of one party */
#define SHARE_NAME_LEN 96

struct alto_job;

struct share {
	UT_hash_handle hh;
	struct shares *all;
	unsigned int refs;
	char name[SHARE_NAME_LEN];
	bool local;	    /* the unix socket */
	bool known;	    /* that, or a principal */
	unsigned int conns; /* on TCP */
	size_t bytes;	    /* of bodies and answers under way */
	size_t in_flight;   /* of events of its update streams */
	unsigned int streams, waits, views;
	unsigned int changes;  /* of intent, that are not answered yet */
	struct alto_job *jobs; /* that wait for their turn, the oldest first */
	unsigned int n_jobs;
	struct share *prev, *next; /* those that have jobs */
};

struct shares {
	struct share *v;
	size_t bytes;
};

/* All return a reference, NULL: no memory. A party is forgotten with its last one. */
struct share *share_unix(struct shares *all);
struct share *share_address(struct shares *all, const struct sockaddr_storage *addr);
struct share *share_principal(struct shares *all, const char *name);
struct share *share_tenant(struct shares *all, const char *name);
struct share *share_ref(struct share *share);
void share_put(struct share *share); /* NULL is allowed */

/* Whether the party may have more bytes under way. What it has nothing beside it may have as far as
 * there is room in all. */
bool share_has_room(const struct share *share, size_t bytes);

/* ---- connections that come too fast ---- */

#define RATE_ALL 200	 /* handshakes a second, and at once */
#define RATE_PARTY 50	 /* of one address */
#define RATE_PARTIES 512 /* those that were seen within a second are never more */

struct rate_bucket {
	char name[SHARE_NAME_LEN]; /* "" = free */
	double left;
	uint64_t at_us;
};

struct rate {
	struct rate_bucket all, v[RATE_PARTIES];
	uint64_t refused;	  /* ever */
	uint64_t said_us, unsaid; /* since a line was logged */
};

/* One more now? Only those that may are counted. */
bool rate_take(struct rate *rate, const char *name, uint64_t now_us);

#endif
