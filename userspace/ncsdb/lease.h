/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Leases: who they are, when they end (a heap, so that the nearest end is at hand), and the keys
 * that end with them. Time is an argument.
 */
#ifndef NCSDB_LEASE_H
#define NCSDB_LEASE_H

#include "ncsdb/radix.h"
#include "ncsdb/rec.h"

struct lease {
	int64_t id;
	unsigned int ttl_s;
	uint64_t deadline_us;
	size_t heap_at;
	struct rec *keys;
	char name[17]; /* the ID as key of the tree */
};

struct leases {
	struct radix by_id;
	struct lease **heap;
	size_t n, cap;
};

void leases_fini(struct leases *ls); /* keys are not touched */
struct lease *lease_get(const struct leases *ls, int64_t id);
/* -EEXIST, -ENOSPC (NCSDB_LEASES_MAX), -ENOMEM. */
int lease_add(struct leases *ls, int64_t id, unsigned int ttl_s, uint64_t now_us);
/* Without keys. */
void lease_del(struct leases *ls, struct lease *lease);
void lease_renew(struct leases *ls, struct lease *lease, uint64_t now_us);
struct lease *lease_nearest(const struct leases *ls); /* to end, or NULL */
void lease_attach(struct lease *lease, struct rec *rec);
void lease_detach(struct rec *rec); /* nothing to do without a lease */

#endif
